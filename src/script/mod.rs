//! Packet scripts: exchanges that anyone can read, run against our own stack under virtual time.
//!
//! The notation is packetdrill's. A script says what the application calls, which packets arrive (`<`) and which
//! must leave (`>`), each with its time; the runner plays the peer and the network, and reports the first
//! difference. No privilege is needed, and a script that spans a thousand seconds takes milliseconds.
//!
//! ```
//! use tcpkit::script::{Options, Script, run};
//!
//! let text = "
//!     0  socket(..., SOCK_STREAM, IPPROTO_TCP) = 3
//!     +0 bind(3, ..., ...) = 0
//!     +0 listen(3, 1) = 0
//!     +0 < S 0:0(0) win 1000 <mss 1000>
//!     +0 > S. 0:0(0) ack 1 <mss 1460>
//!     +0 < . 1:1(0) ack 1 win 1000
//!     +0 accept(3, ..., ...) = 4
//! ";
//! let script = Script::parse("open", text)?;
//! let report = run(&script, &Options::default())?;
//! assert!(report.mismatch.is_none());
//! # Ok::<(), tcpkit::script::ScriptError>(())
//! ```
//!
//! | folder     | subject |
//! |------------|---------|
//! | `syntax`   | text into values |
//! | `code`     | `%{ }%`: assertions about a connection |
//! | `settings` | profiles, `--` options, sysctls and the commands that are known |
//! | `sockets`  | the socket API over a stack: calls, options, errno, poll and epoll |
//! | `journal`  | a run as a script that makes it happen again |
//! | `run`      | time, packets in and out, comparing, what a mismatch says |
#![cfg_attr(not(test), deny(clippy::indexing_slicing, clippy::unwrap_used, clippy::expect_used, clippy::panic))]

mod code;
pub mod journal;
mod run;
mod settings;
mod sockets;
mod syntax;

pub use run::{Difference, Line, Mismatch, Options, Report, render, run};
pub use settings::{IpVersion, Profile};
pub use syntax::{Script, ScriptError};
