//! How good the verdicts of `tcpkit inspect` are, measured on captures whose cause is known.
//!
//! ```text
//! cargo build --example verdicts
//! sudo target/debug/examples/verdicts make DIR --seed 1      makes captures with the kernel's TCP (Linux)
//! target/debug/examples/verdicts score DIR                   scores the library that it was built with
//! target/debug/examples/verdicts score DIR --binary tcpkit   scores a program
//! target/debug/examples/verdicts score DIR --verbose         with all that was said of what was judged wrong
//! target/debug/examples/verdicts sample DIR OUT              keeps a few small ones
//! ```
//!
//! `make` needs root, iproute2, tcpdump, ethtool, chrt and nft. Each run has three namespaces of its own: a client, a server,
//! and a router between them in which this program carries packets from one side to the other, with delay, rate, queue,
//! loss and whatever else the cause asks for. Ends are sockets of the kernel; captures are tcpdump's, of both ends. A
//! label says what was done, with counts of the path's own; a run on which nothing of it happened is drawn again.
//!
//! | file       | subject |
//! |------------|---------|
//! | `causes`   | what should be said of each cause, and why |
//! | `plan`, `draw` | one run, and how it is drawn from the seed |
//! | `lab`, `addresses` | namespaces, captures, programs; who is where |
//! | `path`, `forward` | the path: its model, and the program that carries packets |
//! | `endpoint` | the ends |
//! | `frames`, `artefact` | frames changed; what makes a capture worse afterwards |
//! | `make`, `label` | a set of captures, and its labels |
//! | `verdict`, `judge`, `score` | what the analysis says, whether it is right, and how often |
//! | `sample`   | a small set to keep |

#![cfg_attr(not(target_os = "linux"), allow(dead_code, reason = "captures are made on Linux only"))]

mod addresses;
#[cfg(target_os = "linux")]
mod artefact;
mod causes;
#[cfg(target_os = "linux")]
mod draw;
#[cfg(target_os = "linux")]
mod endpoint;
#[cfg(target_os = "linux")]
mod forward;
mod frames;
mod judge;
#[cfg(target_os = "linux")]
mod lab;
mod label;
#[cfg(target_os = "linux")]
mod make;
mod path;
mod plan;
mod sample;
mod score;
mod verdict;

use std::process::ExitCode;

use clap::{Parser, Subcommand};

/// How good the verdicts of `tcpkit inspect` are, measured on captures whose cause is known
#[derive(Parser, Debug)]
struct Cli {
    #[command(subcommand)]
    command: Command,
}

#[derive(Subcommand, Debug)]
enum Command {
    /// Make labelled captures with the kernel's TCP between network namespaces (root)
    #[cfg(target_os = "linux")]
    Make(make::Make),
    /// Score what the analysis says of them
    Score(score::Score),
    /// Keep a small sample of them
    Sample(sample::Sample),
    /// The path between two devices (used by make)
    #[cfg(target_os = "linux")]
    #[command(hide = true)]
    RolePath { spec: String },
    /// An end of a connection (used by make)
    #[cfg(target_os = "linux")]
    #[command(hide = true)]
    RoleEnd { end: String, address: String, spec: String },
}

fn main() -> ExitCode {
    let outcome = match Cli::parse().command {
        #[cfg(target_os = "linux")]
        Command::Make(args) => make::run(&args),
        Command::Score(args) => score::run(&args),
        Command::Sample(args) => sample::run(&args),
        #[cfg(target_os = "linux")]
        Command::RolePath { spec } => forward::run(&spec),
        #[cfg(target_os = "linux")]
        Command::RoleEnd { end, address, spec } => {
            let end = if end == plan::End::Client.name() { plan::End::Client } else { plan::End::Server };
            endpoint::run(end, &address, &spec)
        }
    };
    match outcome {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("verdicts: {error}");
            ExitCode::FAILURE
        }
    }
}
