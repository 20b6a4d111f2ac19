//! What happened in a capture, and why.
//!
//! Frames come in one by one and are not kept; what is said of them is decided at once, as a reader of the capture would
//! decide it who never looks ahead. Connections that are not busy rest as a few hundred bytes, so that a capture may be
//! larger than memory and hold any number of them.
//!
//! ```text
//! frame -> dissect -> segment -> streams -> connection -> findings
//!                                              |
//!             sequence, states, loss, limits, tally, zeek: what is kept of each
//! ```
//!
//! | file          | subject |
//! |---------------|---------|
//! | `dissect/`    | from a frame to the segment in it: link types, tunnels, fragments |
//! | `segment`     | a segment as a capture shows it |
//! | `streams`, `packing` | all connections, in bounded memory |
//! | `connection`, `course` | everything that is kept of one, and of each of its ends as a sender |
//! | `sequence/`   | Wireshark's flags for each segment, with their reasons |
//! | `tally/`      | tcptrace's statistics |
//! | `states`      | the states of both ends, and what they must not send |
//! | `copies`      | frames that stand twice in a capture |
//! | `loss/`       | retransmissions and why they were made, reordering, gaps |
//! | `damage`      | checksums that do not fit |
//! | `queueing`    | how long packets wait on their way |
//! | `limits`      | what kept a sender back |
//! | `zeek`        | Zeek's words for a connection |
//! | `sketch`, `seen` | percentiles, counts with their evidence, in little space |
//! | `findings/`   | what a person should know, worst first |
//! | `truth`       | what our own captures tell, held against what was inferred |
//! | `analyzer`    | all of it, frame by frame |
//! | `filter/`     | expressions that choose segments |
//! | `follow/`     | the bytes of connections |
#![cfg_attr(not(test), deny(clippy::indexing_slicing, clippy::unwrap_used, clippy::expect_used, clippy::panic))]

pub mod analyzer;
pub mod connection;
pub mod copies;
pub mod course;
pub mod damage;
pub mod dissect;
#[cfg(test)]
mod exchange;
pub mod filter;
pub mod findings;
pub mod follow;
pub mod limits;
pub mod loss;
mod packing;
pub mod queueing;
pub mod seen;
pub mod segment;
pub mod sequence;
pub mod sketch;
pub mod states;
pub mod streams;
pub mod tally;
pub mod truth;
pub mod zeek;
