//! How often something was seen, and where.

use serde::{Deserialize, Serialize};

/// A count, with the first frames as evidence. At rest only the frames that are there take room.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(into = "(u32, Vec<u64>)", from = "(u32, Vec<u64>)")]
pub struct Seen {
    /// How often.
    pub count: u32,
    frames: [u64; 3],
}

impl From<Seen> for (u32, Vec<u64>) {
    fn from(seen: Seen) -> Self {
        (seen.count, seen.frames().to_vec())
    }
}

impl From<(u32, Vec<u64>)> for Seen {
    fn from((count, frames): (u32, Vec<u64>)) -> Self {
        let mut seen = Seen { count, ..Seen::default() };
        seen.frames.iter_mut().zip(frames).for_each(|(space, frame)| *space = frame);
        seen
    }
}

impl Seen {
    /// Once more, in `frame`.
    pub fn add(&mut self, frame: u64) {
        if let Some(space) = self.frames.get_mut(self.count as usize) {
            *space = frame;
        }
        self.count = self.count.saturating_add(1);
    }

    /// Keeps the first frame only.
    pub fn tighten(&mut self) {
        let [_, later @ ..] = &mut self.frames;
        *later = [0; 2];
    }

    /// The first frames.
    pub fn frames(&self) -> &[u64] {
        let known = self.frames.iter().take(self.count as usize).take_while(|frame| **frame != 0).count();
        self.frames.get(..known).unwrap_or_default()
    }

    /// The very first.
    pub fn first(&self) -> Option<u64> {
        self.frames().first().copied()
    }

    /// True when it never happened.
    pub fn is_none(&self) -> bool {
        self.count == 0
    }
}

/// A length of time that recurred: how often, how much in all, and the longest.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Spans {
    /// How often, and where each ended.
    pub seen: Seen,
    /// Nanoseconds in all.
    pub total: u64,
    /// Nanoseconds of the longest.
    pub longest: u64,
    /// Where the longest began and ended.
    pub longest_frames: (u64, u64),
}

impl Spans {
    /// One more, from frame `first` to frame `last`.
    pub fn add(&mut self, nanos: u64, first: u64, last: u64) {
        self.seen.add(last);
        self.total = self.total.saturating_add(nanos);
        if nanos >= self.longest {
            (self.longest, self.longest_frames) = (nanos, (first, last));
        }
    }
}
