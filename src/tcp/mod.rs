//! One TCP connection (RFC 9293), with no I/O, no clock and no randomness of its own.
//!
//! [`Connection`] is driven from outside. Its methods come in four families, told by their names:
//!
//! - `on_*`: something arrived. [`Connection::on_segment`], [`Connection::on_icmp`], [`Connection::on_timeout`].
//! - The user calls of RFC 9293 section 3.9.1: [`Connection::open`], [`Connection::accept`] (a passive OPEN that
//!   already knows its SYN), [`Connection::send`], [`Connection::receive`], [`Connection::shutdown`] (CLOSE),
//!   [`Connection::abort`], and the getters below for STATUS.
//! - `poll_*`: what to do now. After every input ask [`Connection::poll_transmit`] until it has nothing more,
//!   then [`Connection::poll_event`], then [`Connection::poll_timeout`] for when to call `on_timeout`.
//! - Getters, for observers.
//!
//! Time only moves forward: each `now` is at least the one before. The same inputs give the same outputs,
//! byte for byte; simulation, replay and scripts stand on that.
//!
//! ```text
//!                    now, segments, timeouts
//!                              |
//!            send() --> [ Connection ] --> receive()
//!                              |
//!             segments with their reason, events, next deadline
//! ```
//!
//! | file            | subject | source |
//! |-----------------|---------|--------|
//! | `connection`    | the type, its parts, getters | |
//! | `calls`         | OPEN, SEND, RECEIVE, CLOSE, ABORT | RFC 9293 section 3.10.1 to 3.10.6 |
//! | `adjust`        | what a user may change on the way | section 3.9.1 |
//! | `arrives/`      | SEGMENT ARRIVES, a file per check | section 3.10.7, RFC 5961 |
//! | `chronograph`   | what a sender's time went into | |
//! | `timeout`       | what each timer does | section 3.10.8, RFC 6298 |
//! | `output`        | what to send next | section 3.8.6, RFC 5681, 6675 |
//! | `emit`          | that decision as a segment with its options | |
//! | `recovery`      | from duplicate acknowledgments to fast recovery | RFC 5681, 6582, 6675, 3042 |
//! | `scoreboard`    | what is in flight and lost | RFC 2018, 6675 |
//! | `congestion/`   | Reno and CUBIC | RFC 5681, 9438, 6928 |
//! | `rto`           | round-trip times and the timeout | RFC 6298 |
//! | `ack_policy`    | when an acknowledgment is due | RFC 1122, 5681 |
//! | `recv_buffer`, `ranges` | received bytes, in order and not; SACK blocks | RFC 2018, 2883 |
//! | `send_buffer`   | bytes to send | |
//! | `timestamps`    | the option's clock and PAWS | RFC 7323 |
//! | `ecn`           | explicit congestion notification | RFC 3168 |
//! | `isn`           | initial sequence numbers | RFC 6528 |
//! | `state`, `tcb`, `config`, `timers`, `segment`, `stats`, `error` | values | |
//!
//! Where we differ from the letter of an RFC, unless a setting or profile `rfc` of scripts says otherwise:
//!
//! | the letter | what we do, and why |
//! |------------|---------------------|
//! | RTO of 1 s at least (RFC 6298 section 2.4, SHOULD) | 200 ms: [`Config::rto_min`] |
//! | no segment without timestamps once they are agreed (RFC 7323 section 3.2, SHOULD) | taken, and counted: boxes strip the option; [`Config::timestamps_required`] |
//! | no empty segment at RCV.NXT+RCV.WND (RFC 9293 section 3.4, Table 6) | taken: a peer that has filled our window acknowledges from there; [`Config::edge_accepted`] |
//! | hard ICMP errors abort (RFC 9293 SHLD-26) | only an attempt to open; once synchronized they count as soft (RFC 5927 section 5.2) |
//! | text and FIN of a SYN are queued (RFC 9293 section 3.10.7.2) | up to one segment: what a flood of SYNs costs stays bounded by the backlog |
//! | SACK marks go at a timeout (RFC 2018 section 8, SHOULD) | only when the oldest segment bears one, which proves reneging |
//! | every connection learns of a smaller path MTU (RFC 8201 section 5.2) | the next one does; one that is open, from errors about its own segments |
#![cfg_attr(not(test), deny(clippy::indexing_slicing, clippy::unwrap_used, clippy::expect_used, clippy::panic))]

mod ack_policy;
mod adjust;
mod arrives;
mod calls;
pub mod chronograph;
pub mod config;
pub mod congestion;
mod connection;
mod ecn;
mod emit;
pub mod error;
pub mod isn;
mod output;
pub mod ranges;
pub mod recovery;
mod recv_buffer;
pub mod rto;
pub mod scoreboard;
pub mod segment;
mod send_buffer;
pub mod state;
pub mod stats;
mod tcb;
#[cfg(test)]
mod tests;
mod timeout;
pub mod timers;
mod timestamps;

pub use config::{Config, RecvBuffer, WindowScale};
pub use congestion::Algorithm;
pub use connection::{Connection, Event};
pub use error::{CallError, CloseReason};
pub use isn::Secret;
pub use segment::{Disposition, Reason, Segment, Transmit, reset_for};
pub use state::State;
pub use stats::Stats;
