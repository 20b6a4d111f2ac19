//! `tcpkit inspect`: what to read, what to show.

use std::path::PathBuf;

use clap::{Args, ValueEnum};

/// `tcpkit inspect`.
#[derive(Debug, Args)]
#[command(after_help = "Examples:
  tcpkit inspect run.pcap                                    flows, and what went wrong, worst first
  tcpkit inspect run.pcap --flow 3                           one connection in full
  tcpkit inspect run.pcap --packets --filter 'stream 3 and retransmission'
  tcpkit inspect run.pcap --follow 3 -o bytes/               what was said
  tcpkit inspect -i eth0 --filter 'port 443'                 live, until Ctrl-C; any is all interfaces")]
pub struct InspectArgs {
    /// Captures, read as one in the order of their first packets; - for standard input
    #[arg(value_name = "CAPTURE", required_unless_present_any = ["read", "interface"], conflicts_with = "interface")]
    pub captures: Vec<PathBuf>,
    /// Read packets from FILE (as tcpdump's -r)
    #[arg(short, long, value_name = "FILE", conflicts_with = "interface")]
    pub read: Vec<PathBuf>,
    /// Use this interface only
    #[arg(short, long, value_name = "IF")]
    pub interface: Option<String>,
    /// Show what matches: addresses, ports, flags, numbers, analysis, in Wireshark's or tcpdump's words
    #[arg(short = 'Y', long, value_name = "EXPR", conflicts_with_all = ["flow", "hex", "follow"])]
    pub filter: Option<String>,
    /// A line for every segment
    #[arg(long, group = "view")]
    pub packets: bool,
    /// Everything about one connection, by its number
    #[arg(long, value_name = "N", group = "view")]
    pub flow: Option<u32>,
    /// One frame, taken apart, with its bytes
    #[arg(long, value_name = "N", group = "view", conflicts_with = "json", value_parser = clap::value_parser!(u64).range(1..))]
    pub hex: Option<u64>,
    /// The bytes of one connection, or of all: files N-a.bin and N-b.bin
    #[arg(long, value_name = "N|all", value_parser = followed, group = "view", conflicts_with = "json")]
    pub follow: Option<Followed>,
    /// Write the result to PATH instead of standard output
    #[arg(short, long, value_name = "PATH", requires = "follow")]
    pub output: Option<PathBuf>,
    /// Write comma-separated values: flows with all their counts, or with --packets segments
    #[arg(long, conflicts_with_all = ["json", "flow", "hex", "follow"])]
    pub csv: bool,
    /// Sort flows by this
    #[arg(long, value_name = "KEY", default_value = "bytes")]
    pub sort: SortKey,
    /// Show this many flows; 0 for all
    #[arg(long, value_name = "N", default_value_t = 10)]
    pub top: usize,
    /// Keep at most N connections; the least interesting of more are only counted
    #[arg(long, value_name = "N", default_value_t = 200_000, value_parser = max_flows)]
    pub max_flows: usize,
    /// Stop after N connections or frames
    #[arg(short, long, value_name = "N")]
    pub count: Option<u64>,
    /// Exit with 1 when there are findings above a note
    #[arg(long, conflicts_with_all = ["packets", "hex", "follow"])]
    pub strict: bool,
}

/// Whose bytes are wanted.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Followed {
    /// Of one connection.
    One(u32),
    /// Of all.
    All,
}

fn max_flows(text: &str) -> Result<usize, String> {
    match text.parse() {
        Ok(number @ 64..=100_000_000) => Ok(number),
        _ => Err(format!("'{text}' is no number of connections; write 64 to 100000000")),
    }
}

fn followed(text: &str) -> Result<Followed, String> {
    match text {
        "all" => Ok(Followed::All),
        number => {
            number.parse().map(Followed::One).map_err(|_| format!("'{text}' is no stream; write a number, or all"))
        }
    }
}

/// What flows are sorted by.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub enum SortKey {
    /// Payload, the most first
    Bytes,
    /// Packets, the most first
    Packets,
    /// Length in time, the longest first
    Duration,
    /// Retransmissions, the most first
    Retransmissions,
    /// Median round trip, the longest first
    Rtt,
    /// Number of the stream: the order in which they began
    Stream,
}
