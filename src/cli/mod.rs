//! Words and screens: the only room that knows the command line, terminals and exit codes.
//!
//! | file        | subject |
//! |-------------|---------|
//! | `args/`     | what a user types, as values |
//! | `exit`      | how a run ends: codes and messages |
//! | `units`     | durations, sizes, rates |
//! | `target`    | where to fetch from |
//! | `session`   | from options to hosts on a link |
//! | `holder`    | who holds a port that we cannot have (Linux) |
//! | `real`      | the same for real networks (Linux) |
//! | `fetch`, `serve`, `handshake` | the subcommands |
//! | `replay`    | packet scripts |
//! | `inspect/`  | captures |
//! | `saver`     | what `fetch` does with an answer as it comes |
//! | `save`      | writing what was fetched to its file |
//! | `summary`   | what a run came to, for people and for programs |
//! | `trace`     | a line per segment |
//! | `signals`   | Ctrl-C |
//! | `manual`    | man pages and completions |

pub mod args;
mod exit;
mod fetch;
mod handshake;
#[cfg(target_os = "linux")]
mod holder;
mod inspect;
pub mod manual;
#[cfg(target_os = "linux")]
mod real;
mod replay;
mod save;
mod saver;
mod serve;
mod session;
mod signals;
mod summary;
mod target;
mod trace;
mod units;

use std::io::{IsTerminal, Write};
use std::process::ExitCode;

use clap::Parser;

use args::{Cli, ColorChoice, Command};
pub use exit::{Exit, Failure};

/// Runs the program: parses the command line, does what it says, prints what went wrong.
pub fn main() -> ExitCode {
    let cli = match Cli::try_parse() {
        Ok(cli) => cli,
        Err(error) => {
            // Help and version are results; everything else is wrong usage.
            let exit = if error.use_stderr() { Exit::Usage } else { Exit::Done };
            let _ = error.print();
            return exit.into();
        }
    };
    set_color(cli.global.color);
    let outcome = match &cli.command {
        Command::Fetch(args) => fetch::run(&cli.global, args),
        Command::Serve(args) => serve::run(&cli.global, args),
        Command::Handshake(args) => handshake::run(&cli.global, args),
        Command::Replay(args) => replay::run(&cli.global, args),
        Command::Inspect(args) => inspect::run(&cli.global, args),
        Command::Completions(args) => manual::completions(args),
        Command::Man(args) => manual::pages(args),
    };
    match outcome {
        Ok(exit) => exit.into(),
        Err(failure) => {
            if !failure.message.is_empty() {
                let _ = writeln!(std::io::stderr(), "tcpkit: {}", failure.message);
            }
            failure.exit.into()
        }
    }
}

/// Colours are for terminals that want them, unless asked for.
fn set_color(choice: ColorChoice) {
    let dumb = std::env::var_os("TERM").is_some_and(|term| term == "dumb");
    let refused = std::env::var_os("NO_COLOR").is_some_and(|value| !value.is_empty());
    colored::control::set_override(match choice {
        ColorChoice::Always => true,
        ColorChoice::Never => false,
        // Lines go to both; what is piped on must not carry colours.
        ColorChoice::Auto => std::io::stdout().is_terminal() && std::io::stderr().is_terminal() && !dumb && !refused,
    });
}
