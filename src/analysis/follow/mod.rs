//! `inspect --follow`: the exact bytes of a stream.
//!
//! A [`Follower`] takes the segments of one stream and hands out, per direction, bytes in order, the holes between them,
//! and the places where two segments disagree about the same sequence numbers. It does no I/O; a [`Folder`] puts what
//! it hands out into files.
//!
//! The bytes are those that Wireshark's follow gives, and the rules are its rules:
//!
//! | case | what is done |
//! |------|--------------|
//! | start | after the SYN, data in the SYN included (RFC 7413 section 2); without one, the first segment seen |
//! | bytes before the start | left out |
//! | a segment that repeats bytes | only what is new of it counts: the copy that was taken first stays |
//! | segments out of order | wait; of those that fit next, the one captured first is taken |
//! | a gap before waiting segments | waits until the receiver acknowledges what comes after it: then it is a hole |
//! | a segment cut by the snapshot length | what was captured, then a hole |
//! | waiting segments at the end | were never acknowledged: left out, and the hole says how much |
//! | FIN, RST, urgent pointer | change nothing: bytes with or after them are taken like all others |
//!
//! A hole is never filled in. Memory is bounded by [`Limits`], whatever the capture holds.
//!
//! | file        | subject |
//! |-------------|---------|
//! | `direction` | putting the bytes of one sender in order |
//! | `history`   | bytes handed out lately, to compare repeated ones with |
//! | `folder`    | files |
//! | `pool`      | more files than may be open at once |
#![cfg_attr(not(test), deny(clippy::indexing_slicing, clippy::unwrap_used, clippy::expect_used, clippy::panic))]

mod direction;
mod folder;
mod history;
mod pool;
#[cfg(test)]
mod tests;

pub use folder::{Folder, FolderError};

use serde::Serialize;

use crate::analysis::segment::{Segment, Side};
use direction::Direction;

/// What a direction may remember.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Limits {
    /// Bytes that wait for the ones before them, with what it costs to keep them.
    pub waiting: usize,
    /// Bytes already handed out that repeated ones are compared with.
    pub compared: usize,
}

impl Default for Limits {
    fn default() -> Self {
        Limits { waiting: 16 << 20, compared: 64 << 10 }
    }
}

/// What a direction of a stream consists of, in order.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Chunk<'a> {
    /// The bytes that come next.
    Bytes {
        /// The frame they came in.
        frame: u64,
        /// At least one.
        bytes: &'a [u8],
    },
    /// Bytes that are not there.
    Hole(Hole),
    /// Bytes that came again and were different.
    Conflict(Conflict),
}

/// Bytes of a stream that the capture does not have.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
pub struct Hole {
    /// Bytes handed out before: where the hole stands in a file without it.
    pub at: u64,
    /// Bytes of the stream before.
    pub stream_offset: u64,
    /// Bytes that are missing.
    pub length: u64,
    /// Why.
    pub why: Why,
    /// Bytes after the hole that were captured and are left out.
    #[serde(skip_serializing_if = "is_zero")]
    pub left_out: u64,
}

fn is_zero(number: &u64) -> bool {
    *number == 0
}

/// Why bytes are missing.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Why {
    /// The receiver acknowledged them, the capture does not have them.
    NotCaptured,
    /// The snapshot length of the capture cut them off.
    Cut,
    /// So much waited for them that they were given up.
    TooMuchWaiting,
    /// The capture ended, and nobody had acknowledged them.
    EndOfCapture,
}

/// Bytes that came twice, with different values. The first copy is kept.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
pub struct Conflict {
    /// Bytes handed out before the first that differs.
    pub at: u64,
    /// Bytes of the stream before it.
    pub stream_offset: u64,
    /// From the first that differs to the last.
    pub length: u64,
    /// The frame whose bytes were kept.
    pub kept: u64,
    /// The frame whose bytes were not.
    pub refused: u64,
}

/// What was counted in a direction.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Default, Serialize)]
pub struct Totals {
    /// Bytes handed out.
    pub bytes: u64,
    /// Bytes in holes.
    pub missing: u64,
    /// Holes.
    pub holes: u64,
    /// Conflicts.
    pub conflicts: u64,
    /// Bytes that had been handed out, or given up, before they came.
    pub repeated: u64,
    /// Segments whose sequence numbers are too far away to belong to the stream.
    pub far_away: u64,
}

/// The bytes of one stream.
#[derive(Debug, Default)]
pub struct Follower {
    a: Direction,
    b: Direction,
}

/// Where chunks go; an error ends the segment that it came with.
pub type Sink<'s, E> = dyn FnMut(Side, Chunk<'_>) -> Result<(), E> + 's;

impl Follower {
    /// A follower that remembers at most so much per direction.
    pub fn new(limits: Limits) -> Self {
        Follower { a: Direction::new(limits), b: Direction::new(limits) }
    }

    /// Takes the next segment of the stream and hands out what it settles, of both directions.
    pub fn on_segment<E>(&mut self, side: Side, segment: &Segment<'_>, sink: &mut Sink<'_, E>) -> Result<(), E> {
        if segment.quoted {
            return Ok(());
        }
        if segment.header.flags.ack() {
            let other = side.other();
            self.direction(other).on_ack(segment.header.ack, &mut |chunk| sink(other, chunk))?;
        }
        self.direction(side).on_segment(segment, &mut |chunk| sink(side, chunk))
    }

    /// Says that there are no more segments: hands out the hole that waiting bytes leave, if any wait.
    pub fn finish<E>(&mut self, sink: &mut Sink<'_, E>) -> Result<(), E> {
        self.a.finish(&mut |chunk| sink(Side::A, chunk))?;
        self.b.finish(&mut |chunk| sink(Side::B, chunk))
    }

    /// What was counted in the direction of a sender.
    pub fn totals(&self, side: Side) -> Totals {
        match side {
            Side::A => self.a.totals,
            Side::B => self.b.totals,
        }
    }

    fn direction(&mut self, side: Side) -> &mut Direction {
        match side {
            Side::A => &mut self.a,
            Side::B => &mut self.b,
        }
    }
}
