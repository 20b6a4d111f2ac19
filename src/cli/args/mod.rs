//! What a user types, as values. Nothing here touches the system; `session` makes something of it.
//!
//! | file      | options |
//! |-----------|---------|
//! | `link`    | where packets go, captures |
//! | `impair`  | what happens to packets |
//! | `tcp`     | how we speak TCP |
//! | `inspect` | what of a capture to show |

pub mod impair;
pub mod inspect;
pub mod link;
pub mod tcp;

use std::path::PathBuf;
use std::time::Duration;

use clap::{Args, Parser, Subcommand, ValueEnum};

use super::units;
use impair::ImpairArgs;
use inspect::InspectArgs;
use link::LinkArgs;
use tcp::TcpArgs;

/// TCP you can hold in your hand.
///
/// tcpkit speaks TCP itself, in user space, to real hosts or across a simulated wire; it drops, reorders, duplicates,
/// delays and corrupts packets on demand, and writes what happened to a capture.
#[derive(Debug, Parser)]
#[command(name = "tcpkit", version, max_term_width = 100, propagate_version = true)]
pub struct Cli {
    /// Options that every subcommand has.
    #[command(flatten)]
    pub global: Global,
    /// What to do.
    #[command(subcommand)]
    pub command: Command,
}

/// Options of every subcommand that sends packets.
#[derive(Debug, Args)]
pub struct PathArgs {
    /// Where packets go.
    #[command(flatten)]
    pub link: LinkArgs,
    /// What happens to them.
    #[command(flatten)]
    pub impair: ImpairArgs,
    /// How we speak TCP.
    #[command(flatten)]
    pub tcp: TcpArgs,
}

/// Options that every subcommand has.
#[derive(Debug, Args)]
pub struct Global {
    /// Print every segment as it passes, in tcpdump's words; twice: what the state machine made of it, too
    #[arg(short, long, global = true, action = clap::ArgAction::Count)]
    pub verbose: u8,
    /// Print nothing but results and errors
    #[arg(short, long, global = true, conflicts_with = "verbose")]
    pub quiet: bool,
    /// Colour the output
    #[arg(long, global = true, value_name = "WHEN", default_value = "auto")]
    pub color: ColorChoice,
    /// Print the summary as one JSON object per line
    #[arg(long, global = true)]
    pub json: bool,
}

/// When to colour.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub enum ColorChoice {
    /// On a terminal, unless NO_COLOR is set.
    Auto,
    /// Always.
    Always,
    /// Never.
    Never,
}

/// The subcommands.
#[derive(Debug, Subcommand)]
pub enum Command {
    /// Get a file with our own TCP
    Fetch(Box<FetchArgs>),
    /// Serve a file, a folder or a small service with our own TCP
    Serve(Box<ServeArgs>),
    /// Knock, and show every segment
    Handshake(Box<HandshakeArgs>),
    /// Run packet scripts (packetdrill's notation) against our own TCP
    Replay(ReplayArgs),
    /// Say what happened in a capture, and why
    Inspect(Box<InspectArgs>),
    /// Print a completion script for a shell
    Completions(CompletionsArgs),
    /// Print the manual page, or write all pages to a folder
    Man(ManArgs),
}

/// `tcpkit fetch`.
#[derive(Debug, Args)]
#[command(after_help = "Examples:
  tcpkit fetch --sack -o cat.jpg host
  tcpkit fetch http://host:8080/path -O
  tcpkit fetch --drop 5% --reorder 10% -w run.pcapng -o cat.jpg sim:testdata/cat.jpg
  tcpkit fetch --app raw -o all.bin host:9000 < request.bin")]
pub struct FetchArgs {
    /// URL, host, host:port, tcp://host:port, or sim:PATH for a server of our own at the other end of a simulated wire
    pub target: String,
    /// Port, when the target does not name one
    #[arg(value_parser = clap::value_parser!(u16).range(1..))]
    pub port: Option<u16>,
    /// Write the result to PATH instead of standard output
    #[arg(short, long, value_name = "PATH", conflicts_with = "remote_name")]
    pub output: Option<PathBuf>,
    /// Write the body to a file named as the last part of the URL's path
    #[arg(short = 'O', long)]
    pub remote_name: bool,
    /// Put the answer's head before the body
    #[arg(long)]
    pub include: bool,
    /// Ask for the head only, and print it
    #[arg(short = 'I', long, conflicts_with = "include")]
    pub head: bool,
    /// Send this header, too
    #[arg(short = 'H', long, value_name = "NAME: VALUE")]
    pub header: Vec<String>,
    /// Ask for these bytes only, such as 0-99, 100- or -100
    #[arg(long, value_name = "FROM-TO", conflicts_with = "continue_at", allow_hyphen_values = true)]
    pub range: Option<String>,
    /// Go on where an earlier transfer stopped: at OFFSET, or with '-' at the length of what is there
    #[arg(short = 'C', long, value_name = "OFFSET")]
    pub continue_at: Option<String>,
    /// Follow redirects, ten at most
    #[arg(short = 'L', long)]
    pub location: bool,
    /// Fail when the server answers with an error (400 and above): no output, exit code 22
    #[arg(short, long)]
    pub fail: bool,
    /// Give up after this long
    #[arg(long, value_name = "DUR", value_parser = units::duration)]
    pub max_time: Option<Duration>,
    /// Give up when the connection is not open after this long. Two SYNs that meet ICMP errors (no route, and
    /// the like) are enough in any case
    #[arg(long, value_name = "DUR", value_parser = units::duration)]
    pub connect_timeout: Option<Duration>,
    /// What is spoken over the connection
    #[arg(long, value_name = "APP", default_value = "http")]
    pub app: FetchApp,
    /// With --app raw: send TEXT, or the contents of @FILE, instead of standard input
    #[arg(long, value_name = "TEXT|@FILE")]
    pub data: Option<String>,
    #[command(flatten)]
    #[expect(missing_docs, reason = "its own documentation would become part of the help")]
    pub path: PathArgs,
}

/// What `fetch` speaks.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub enum FetchApp {
    /// HTTP/1.1
    Http,
    /// No protocol: standard input (or --data) is sent, what comes back is the result
    Raw,
}

/// `tcpkit serve`.
#[derive(Debug, Args)]
#[command(after_help = "Examples:
  tcpkit serve image.txt                a file that starts with HTTP/1. is sent as it stands, at once
  tcpkit serve public/ -p 8080          a folder, with index.html
  tcpkit serve --app echo -p 7007")]
pub struct ServeArgs {
    /// The file or folder to serve
    #[arg(value_name = "PATH")]
    pub root: Option<PathBuf>,
    /// What is spoken over the connection
    #[arg(long, value_name = "APP")]
    pub app: Option<ServeApp>,
    /// The port [default: 80; echo 7, discard 9]
    #[arg(short, long)]
    pub port: Option<u16>,
    /// Handshakes under way and connections not yet served, at most
    #[arg(long, value_name = "N", default_value_t = 128)]
    pub backlog: usize,
    /// End after one connection
    #[arg(long, conflicts_with = "count")]
    pub once: bool,
    /// Stop after N connections or frames
    #[arg(short, long, value_name = "N")]
    pub count: Option<u64>,
    #[command(flatten)]
    #[expect(missing_docs, reason = "its own documentation would become part of the help")]
    pub path: PathArgs,
}

/// What `serve` does with a connection.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub enum ServeApp {
    /// Files over HTTP/1.1
    Http,
    /// A file as it stands, at once
    Raw,
    /// Send back what comes (RFC 862)
    Echo,
    /// Throw away what comes (RFC 863)
    Discard,
}

/// `tcpkit handshake`.
#[derive(Debug, Args)]
#[command(after_help = "Examples:
  tcpkit handshake sim:
  tcpkit handshake host:443
  tcpkit handshake --drop syn:#1 sim:")]
pub struct HandshakeArgs {
    /// host, host:port, or sim: for a server of our own at the other end of a simulated wire
    pub target: String,
    /// Port, when the target does not name one [default: 80]
    #[arg(value_parser = clap::value_parser!(u16).range(1..))]
    pub port: Option<u16>,
    /// Give up when the connection is not open after this long. Two SYNs that meet ICMP errors (no route, and
    /// the like) are enough in any case
    #[arg(long, value_name = "DUR", value_parser = units::duration)]
    pub connect_timeout: Option<Duration>,
    #[command(flatten)]
    #[expect(missing_docs, reason = "its own documentation would become part of the help")]
    pub path: PathArgs,
}

/// `tcpkit replay`.
#[derive(Debug, Args)]
#[command(after_help = "Examples:
  tcpkit replay testdata/scripts/open
  tcpkit replay -v three-way-handshake.pkt
  tcpkit replay --profile linux -w run.pcapng script.pkt")]
pub struct ReplayArgs {
    /// Scripts, or folders of them (*.pkt); - for standard input
    #[arg(required = true, value_name = "SCRIPT")]
    pub scripts: Vec<PathBuf>,
    /// How our TCP behaves where RFCs leave room [default: what the script says, else rfc]
    #[arg(long)]
    pub profile: Option<ProfileChoice>,
    /// Addresses: sockets and packets of IPv4, of IPv6, or IPv6 sockets that speak IPv4
    #[arg(long, alias = "ip_version", value_name = "VERSION")]
    pub ip_version: Option<IpChoice>,
    /// Send IP packets of at most N bytes
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u16).range(128..))]
    pub mtu: Option<u16>,
    /// Let a word of the scripts stand for a number, a word, a text in quotes or a command in back quotes
    #[arg(short = 'D', long, value_name = "NAME=VALUE", value_parser = definition)]
    pub define: Vec<(String, String)>,
    /// Leave out commands that are not known, rather than refuse the script; no command is ever run
    #[arg(long)]
    pub ignore_commands: bool,
    /// Start with this sequence number
    #[arg(long, value_name = "N")]
    pub isn: Option<u32>,
    /// Write a capture of the run: .pcap, .pcapng (with comments), or - for pcapng on standard output
    #[arg(short, long, value_name = "FILE")]
    pub write: Option<PathBuf>,
}

fn definition(text: &str) -> Result<(String, String), String> {
    let (name, value) = text.split_once('=').ok_or("NAME=VALUE is needed")?;
    let is_word = !name.is_empty() && name.chars().all(|c| c.is_ascii_alphanumeric() || c == '_');
    if is_word { Ok((name.to_owned(), value.to_owned())) } else { Err(format!("'{name}' is no word")) }
}

/// A profile for scripts.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub enum ProfileChoice {
    /// What RFCs recommend
    Rfc,
    /// What Linux does
    Linux,
}

/// An address family for scripts.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub enum IpChoice {
    /// IPv4 both
    Ipv4,
    /// IPv6 both
    Ipv6,
    /// IPv6 sockets, IPv4 packets
    #[value(alias = "ipv4-mapped-ipv6")]
    Ipv4Mapped,
}

/// `tcpkit completions`.
#[derive(Debug, Args)]
pub struct CompletionsArgs {
    /// The shell
    pub shell: clap_complete::Shell,
}

/// `tcpkit man`.
#[derive(Debug, Args)]
pub struct ManArgs {
    /// Write tcpkit.1 and a page for each subcommand here
    pub dir: Option<PathBuf>,
}

#[cfg(test)]
mod tests {
    use super::*;
    use clap::CommandFactory;
    use std::collections::BTreeMap;

    #[test]
    fn the_definition_is_consistent() {
        Cli::command().debug_assert();
    }

    #[test]
    fn a_name_means_one_thing_in_every_subcommand() {
        let mut meanings: BTreeMap<String, String> = BTreeMap::new();
        for subcommand in Cli::command().get_subcommands() {
            for argument in subcommand.get_arguments().filter(|argument| !argument.is_positional()) {
                let help = argument.get_help().map(ToString::to_string).unwrap_or_default();
                let names = argument.get_long().map(|long| format!("--{long}")).into_iter();
                for name in names.chain(argument.get_short().map(|short| format!("-{short}"))) {
                    let known = meanings.entry(name.clone()).or_insert_with(|| help.clone());
                    assert_eq!(*known, help, "{name} in {}", subcommand.get_name());
                }
            }
        }
    }
}
