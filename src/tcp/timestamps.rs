//! The timestamps option: our clock, the peer's, and protection against old segments (RFC 7323).

use std::time::Duration;

use crate::time::Time;
use crate::wire::SeqNum;

/// Section 5.5: after 24 days a peer's timestamp says nothing, for its clock may have gone half way round.
const OUTDATED: Duration = Duration::from_secs(24 * 24 * 3600);

/// Timestamps of one connection.
#[derive(Clone, Debug)]
pub struct Timestamps {
    /// Offered, later agreed.
    pub on: bool,
    offset: u32,
    recent: u32,
    recent_at: Option<Time>,
}

impl Timestamps {
    /// Offered or not; our clock starts at `offset` so that it tells nobody how long we have been up.
    pub fn new(on: bool, offset: u32) -> Self {
        Timestamps { on, offset, recent: 0, recent_at: None }
    }

    /// TSval now: milliseconds (section 5.4 wants ticks of 1 ms to 1 s).
    pub fn value(&self, now: Time) -> u32 {
        self.offset.wrapping_add((now.as_nanos() / 1_000_000) as u32)
    }

    /// The option's two numbers, for a segment that leaves now.
    pub fn option(&self, now: Time) -> Option<(u32, u32)> {
        self.on.then(|| (self.value(now), self.recent))
    }

    /// Section 5.3 R1: the segment is older than one that was accepted.
    pub fn is_old(&self, value: u32, now: Time) -> bool {
        let Some(at) = self.recent_at else { return false };
        SeqNum(value).before(SeqNum(self.recent)) && now.since(at) < OUTDATED
    }

    /// Later than every timestamp that was accepted.
    pub fn is_newer(&self, value: u32) -> bool {
        SeqNum(value).after(SeqNum(self.recent))
    }

    /// Section 4.3: remembers the timestamp of a segment that covers what we last acknowledged.
    pub fn update(&mut self, value: u32, seq: SeqNum, last_ack: SeqNum, now: Time) {
        if seq.at_or_before(last_ack) && !self.is_old(value, now) {
            self.recent = value;
            self.recent_at = Some(now);
        }
    }

    /// The time since `echo` was sent, to the millisecond (RTTM, section 4.1).
    pub fn elapsed_since(&self, echo: u32, now: Time) -> Option<Duration> {
        let elapsed = self.value(now).wrapping_sub(echo);
        // A peer may echo nonsense; half a clock ago is no round-trip time.
        (elapsed < 1 << 31).then(|| Duration::from_millis(u64::from(elapsed.max(1))))
    }
}
