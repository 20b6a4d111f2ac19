//! How long packets wait on their way: round trips while data flows, held against the least that the path ever took.

use serde::{Deserialize, Serialize};

/// A wait shorter than this is none.
const NOTHING: u64 = 2_000_000;

/// Round trips of one part of the path while data flows. What is above the least of them was spent in queues.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Queueing {
    /// The least, the handshake counted.
    least: u64,
    /// The last.
    latest: u64,
    /// The greatest.
    greatest: u64,
    /// Samples, their sum, and how many were far above the least so far.
    count: u32,
    sum: u64,
    long: u32,
}

impl Queueing {
    /// A round trip without a queue, such as that of a handshake: it says how short they can be.
    pub fn idle(&mut self, nanos: u64) {
        self.least = if self.least == 0 { nanos } else { self.least.min(nanos) };
    }

    /// A round trip while data flows.
    pub fn add(&mut self, nanos: u64) {
        self.idle(nanos);
        self.latest = nanos;
        self.greatest = self.greatest.max(nanos);
        self.count = self.count.saturating_add(1);
        self.sum = self.sum.saturating_add(nanos);
        self.long += u32::from(nanos >= self.least.saturating_mul(2).saturating_add(20_000_000));
    }

    /// The least round trip, the mean and the greatest, in nanoseconds.
    pub fn spread(&self) -> (u64, u64, u64) {
        (self.least, self.sum.checked_div(u64::from(self.count)).unwrap_or(0), self.greatest)
    }

    /// Samples, and the part of them in percent that took more than twice the least and 20 ms.
    pub fn long(&self) -> (u32, u32) {
        (self.count, (u64::from(self.long) * 100 / u64::from(self.count).max(1)) as u32)
    }

    /// How long the last packets waited, when enough of them are known to tell.
    pub fn waited(&self) -> Option<u64> {
        (self.count >= 4).then(|| self.latest.saturating_sub(self.least))
    }

    /// The longest wait.
    pub fn longest(&self) -> u64 {
        self.greatest.saturating_sub(self.least)
    }

    /// Waits shorter than this are none: clocks, schedulers and links that send in turn are no better.
    pub fn nothing(&self) -> u64 {
        NOTHING.max(self.least / 5)
    }
}

/// Round trips of both parts of the path of one direction's data.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Queues {
    /// From its sender to the place of capture and back.
    pub before: Queueing,
    /// From there to its receiver and back.
    pub beyond: Queueing,
}

impl Queues {
    /// How long the last packets waited, on the part where that is longer; `None` where neither tells.
    pub fn waited(&self) -> Option<u64> {
        self.before.waited().max(self.beyond.waited())
    }

    /// The part on which they wait longer.
    pub fn longer(&self) -> &Queueing {
        if self.before.longest() > self.beyond.longest() { &self.before } else { &self.beyond }
    }
}

/// Measures the way from the place of capture to a sender of data and back, by the timestamps of the acknowledgments that
/// pass there and the data that echoes them (RFC 7323 section 4).
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Echo {
    /// The timestamp that is waited for, and since when.
    probe: Option<(u32, u64)>,
    /// When the sender was heard last.
    heard: u64,
}

impl Echo {
    /// An acknowledgment with this timestamp passes, at `now`.
    pub fn acknowledged(&mut self, value: u32, now: u64) {
        self.probe = self.probe.or(Some((value, now)));
    }

    /// Data that echoes this timestamp passes: how long it took, when it came in the middle of a flow. A sender that had
    /// paused answers late for reasons of its own.
    pub fn echoed(&mut self, echo: u32, now: u64) -> Option<u64> {
        let pause = now.saturating_sub(std::mem::replace(&mut self.heard, now));
        let (value, since) = self.probe.filter(|(value, _)| echo.wrapping_sub(*value) as i32 >= 0)?;
        self.probe = None;
        let took = now.saturating_sub(since);
        // The same tick of the clock may have been echoed just before the acknowledgment that is waited for.
        (pause.saturating_mul(4) <= took && value != 0).then_some(took)
    }
}
