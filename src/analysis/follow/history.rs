//! Bytes handed out lately, to compare repeated ones with.

use std::collections::VecDeque;

/// Runs of bytes that are remembered at most: what a flood of one-byte segments may cost.
const MAX_RUNS: usize = 4096;

/// The end of what was handed out.
#[derive(Debug, Default)]
pub struct History {
    limit: usize,
    bytes: Vec<u8>,
    /// Bytes forgotten before `bytes`.
    forgotten: u64,
    runs: VecDeque<Run>,
}

/// Bytes of one frame.
#[derive(Clone, Copy, Debug)]
struct Run {
    stream_offset: u64,
    /// Bytes handed out before.
    at: u64,
    len: u64,
    frame: u64,
}

/// Where repeated bytes differ from those of one frame.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Difference {
    pub at: u64,
    pub stream_offset: u64,
    pub length: u64,
    pub frame: u64,
}

impl History {
    pub fn new(limit: usize) -> Self {
        History { limit, ..History::default() }
    }

    /// Remembers bytes that were handed out.
    pub fn push(&mut self, stream_offset: u64, frame: u64, bytes: &[u8]) {
        let at = self.forgotten + self.bytes.len() as u64;
        self.bytes.extend_from_slice(bytes);
        self.runs.push_back(Run { stream_offset, at, len: bytes.len() as u64, frame });
        // Half is forgotten at once, so that moving the rest costs little per byte.
        if self.bytes.len() > self.limit {
            let excess = self.bytes.len() - self.limit / 2;
            self.bytes.drain(..excess);
            self.forgotten += excess as u64;
        }
        let forgotten = |run: &Run| run.at + run.len <= self.forgotten;
        while self.runs.len() > MAX_RUNS || self.runs.front().is_some_and(forgotten) {
            self.runs.pop_front();
        }
    }

    /// Compares bytes that came again with those that are remembered, run by run.
    pub fn differences(&self, stream_offset: u64, bytes: &[u8]) -> impl Iterator<Item = Difference> {
        let end = stream_offset + bytes.len() as u64;
        let from = self.runs.partition_point(|run| run.stream_offset + run.len <= stream_offset);
        self.runs.range(from..).take_while(move |run| run.stream_offset < end).filter_map(move |run| {
            let first = run.stream_offset.max(stream_offset);
            // Of the first run, a part may be forgotten.
            let first = first.max(run.stream_offset + self.forgotten.saturating_sub(run.at));
            let last = (run.stream_offset + run.len).min(end);
            let len = last.checked_sub(first)? as usize;
            let at = run.at + (first - run.stream_offset);
            let old = self.bytes.get((at - self.forgotten) as usize..)?.get(..len)?;
            let new = bytes.get((first - stream_offset) as usize..)?.get(..len)?;
            if old == new {
                return None;
            }
            let differ = |(_, (old, new)): &(usize, (&u8, &u8))| old != new;
            let skipped = old.iter().zip(new).enumerate().find(differ)?.0;
            let until = old.iter().zip(new).enumerate().rev().find(differ)?.0;
            let (skip, length) = (skipped as u64, (until - skipped) as u64 + 1);
            Some(Difference { at: at + skip, stream_offset: first + skip, length, frame: run.frame })
        })
    }
}
