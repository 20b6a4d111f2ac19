//! Where packets go, and captures of them.

use std::net::IpAddr;
use std::path::PathBuf;
use std::time::Duration;

use clap::{Args, ValueEnum};

use crate::cli::units;

/// Where packets go.
#[derive(Debug, Args)]
#[command(next_help_heading = "Where packets go")]
pub struct LinkArgs {
    /// The link: the simulator for sim: targets, raw packets for all others
    #[arg(long, value_name = "LINK", default_value = "auto")]
    pub link: LinkChoice,
    /// Use this interface only
    #[arg(short, long, value_name = "IF")]
    pub interface: Option<String>,
    /// Speak IPv4 only
    #[arg(short = '4', long, conflicts_with = "ipv6")]
    pub ipv4: bool,
    /// Speak IPv6 only
    #[arg(short = '6', long)]
    pub ipv6: bool,
    /// Use this address of ours
    #[arg(long, value_name = "ADDR")]
    pub local: Option<IpAddr>,
    /// Use this port of ours
    #[arg(long, value_name = "N")]
    pub source_port: Option<u16>,
    /// Send with this time to live
    #[arg(long, value_name = "N", default_value_t = 64, value_parser = clap::value_parser!(u8).range(1..))]
    pub ttl: u8,
    /// Send IP packets of at most N bytes
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u16).range(128..))]
    pub mtu: Option<u16>,
    /// Stay this long after the last FIN, so that the kernel does not reset a peer that sends its own again
    #[arg(long, value_name = "DUR", value_parser = units::duration)]
    pub linger: Option<Duration>,
    /// Write a capture of the run: .pcap, .pcapng (with comments), or - for pcapng on standard output
    #[arg(short, long, value_name = "FILE")]
    pub write: Option<PathBuf>,
    /// Keep at most N bytes of each packet in captures
    #[arg(long, value_name = "N", default_value_t = crate::capture::SNAPLEN, value_parser = clap::value_parser!(u32).range(1..))]
    pub snaplen: u32,
    /// Write what the other end of a simulated wire sees to a capture, too
    #[arg(long, value_name = "FILE")]
    pub write_peer: Option<PathBuf>,
}

impl LinkArgs {
    /// Whether addresses of this family may be used.
    pub fn speaks(&self, address: IpAddr) -> bool {
        match address {
            IpAddr::V4(_) => !self.ipv6,
            IpAddr::V6(_) => !self.ipv4,
        }
    }
}

/// A kind of link.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub enum LinkChoice {
    /// sim for sim: targets, else raw.
    Auto,
    /// This host's own addresses, beside the kernel (Linux, needs privilege).
    Raw,
    /// A simulated wire in this process.
    Sim,
}
