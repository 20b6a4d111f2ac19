//! TCP you can hold in your hand.
//!
//! The crate behind the `tcpkit` program. At its heart is one TCP connection that does no I/O, reads no clock and draws no
//! random numbers ([`tcp::Connection`]); around it a host ([`stack::Stack`]), and around that a loop that moves packets,
//! tasks and time ([`net::Runtime`]).
//!
//! ```text
//!                        time
//!                          |
//!   packets --> link --> stack --> tcp --> net --> app --> bytes
//!           <--      <--       <--     <--     <--     <--
//!                 |
//!         impair, record
//! ```
//!
//! | room        | subject |
//! |-------------|---------|
//! | [`cli`]     | words and screens: the command line, summaries, exit codes |
//! | [`app`]     | HTTP, raw, echo, discard: async functions over streams |
//! | [`net`]     | streams and listeners over a stack, the loop, real and virtual time |
//! | [`analysis`] | what happened in a capture, and why |
//! | [`script`]  | packet scripts: exchanges that anyone can read, run against a stack |
//! | [`stack`]   | one host: demultiplexing, listeners, ports |
//! | [`tcp`]     | one connection: the RFC 9293 state machine, loss recovery, congestion control |
//! | [`link`]    | packets in and out: simulated and raw; impairments and captures around them |
//! | [`capture`] | pcap and pcapng files |
//! | [`wire`]    | bytes and values: IP, TCP and its options, UDP, ICMP, Ethernet, checksums |
//! | [`time`], [`random`] | points in time and seeded chance, as values |
//!
//! Arrows run down only: a room knows those below it and none above.
//!
//! # A connection by hand
//!
//! ```
//! use std::time::Duration;
//! use tcpkit::tcp::{Config, Connection, Segment, State};
//! use tcpkit::time::Time;
//! use tcpkit::wire::{Flags, SeqNum, TcpHeader, TcpOptions};
//!
//! let (us, peer) = ("192.0.2.1:1000".parse()?, "192.0.2.2:80".parse()?);
//! let mut connection = Connection::open(Config::default(), us, peer, SeqNum(100), 0);
//! let now = Time::ZERO;
//! let syn = connection.poll_transmit(now).expect("a SYN leaves");
//! assert_eq!(syn.header.seq, SeqNum(100));
//!
//! let header = TcpHeader { seq: SeqNum(500), ack: SeqNum(101), flags: Flags::SYN | Flags::ACK, window: 9000, ..TcpHeader::default() };
//! let now = now + Duration::from_millis(20);
//! let answer = Segment { header, options: TcpOptions::default(), payload: &[], ecn: Default::default(), arrived: now };
//! connection.on_segment(now, &answer);
//! assert_eq!(connection.state(), State::Established);
//! # Ok::<(), std::net::AddrParseError>(())
//! ```
pub mod analysis;
pub mod app;
pub mod capture;
pub mod cli;
pub mod link;
pub mod net;
pub mod random;
pub mod script;
pub mod stack;
pub mod tcp;
pub mod time;
pub mod wire;
