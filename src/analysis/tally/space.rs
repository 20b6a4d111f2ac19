//! The sequence space of one direction: which bytes were seen before, which segments wait for their acknowledgment.
//!
//! Sequence numbers are mapped to positions of 64 bits that never wrap, so that a transfer of any length is one line.
//! What was acknowledged is kept as ranges ([`Settled`]), what was not as segments with their times ([`Queue`]). In the
//! usual order a segment is put behind all others and an acknowledgment takes segments off the front, both in constant
//! time whatever is in flight. A segment that arrives below the highest position is placed by binary search.

use serde::{Deserialize, Serialize};

use super::queue::{Queue, Sent};
use super::settled::{Range, Settled};
use crate::wire::SeqNum;

/// Segments in flight of which the times are kept, when the other side is heard: 400 kB. Past it the oldest count as
/// acknowledged, so that an acknowledgment of them gives no sample.
const MAX_IN_FLIGHT: usize = 16_384;
/// The same while no acknowledgment was ever seen: a capture of one direction only.
const MAX_UNHEARD: usize = 1024;
/// An acknowledgment farther ahead of all that was seen than any window reaches (RFC 7323 section 2.3) is damage.
const MAX_WINDOW: u64 = 1 << 30;
/// Where positions start: so far up that none is below 0.
const ORIGIN: u64 = 1 << 32;

#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub(super) struct Space {
    /// The position behind the highest byte seen; its lower half is that byte's sequence number. 0 before the start.
    top: u64,
    in_flight: Queue,
    settled: Settled,
    /// When any acknowledged byte was last sent.
    settled_time: u64,
    heard: bool,
}

/// What was found when a segment was added.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub(super) struct Added {
    /// Bytes of it that were seen before.
    pub again: u32,
    /// Its first byte is among them.
    pub first_again: bool,
    /// Its last byte is among them.
    pub last_again: bool,
    /// It starts before a segment that was seen, and ends before that one does.
    pub out_of_order: bool,
    /// Of the first segment in flight that it repeats: time since that was last sent, and how often it was sent again.
    pub resent: Option<(u64, u32)>,
}

/// What an acknowledgment did.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub(super) struct Acknowledged {
    /// Segments that it covers without ending at their end.
    pub cumulative: u64,
    /// The segment at whose end it stands.
    pub exact: Option<Exact>,
    /// It covers bytes that were never seen.
    pub unseen: bool,
}

/// A segment acknowledged at its very end.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(super) struct Exact {
    /// Time since it was last sent.
    pub elapsed: u64,
    /// Sequence space that it takes.
    pub size: u32,
    /// How often it was sent again.
    pub resent: u32,
    /// Data before it was sent after it: the time measures that recovery, not the path.
    pub overtaken: bool,
}

impl Space {
    /// The position of a sequence number: the one nearest to what was seen last.
    #[inline]
    pub fn position(&mut self, seq: SeqNum) -> u64 {
        if self.top == 0 {
            self.top = ORIGIN + u64::from(seq.0);
        }
        self.near(seq)
    }

    fn near(&self, seq: SeqNum) -> u64 {
        self.top.wrapping_add_signed(i64::from(seq.offset_from(SeqNum(self.top as u32))))
    }

    /// Takes a segment of `len` bytes of sequence space (at least 1), sent at `time`.
    #[inline]
    pub fn add(&mut self, start: u64, len: u32, time: u64) -> Added {
        let sent = Sent { start, len, time, resent: 0 };
        if start < self.top {
            return self.add_below(sent);
        }
        self.top = sent.end();
        self.in_flight.push(sent);
        self.limit();
        Added::default()
    }

    /// Adds a segment that starts below the top. It is cut at the borders of what was seen: what lies in a hole becomes
    /// a segment of its own, what lies on a segment makes that one sent again.
    #[cold]
    fn add_below(&mut self, sent: Sent) -> Added {
        let Sent { start, time, .. } = sent;
        let end = sent.end();
        let piece = |start: u64, end: u64| Sent { start, len: end.wrapping_sub(start) as u32, time, resent: 0 };
        let mut added = Added::default();
        let mut at = start;
        let mut flying = self.in_flight.first_beyond(at);
        let mut settled = self.settled.first_beyond(at);
        while at < end {
            let segment = self.in_flight.get(flying).map(range);
            let done = self.settled.get(settled);
            let is_settled = done.is_some_and(|done| segment.is_none_or(|segment| done.start < segment.start));
            let Some(next) = (if is_settled { done } else { segment }) else { break };
            if at < next.start {
                added.out_of_order |= end < next.end;
                let until = end.min(next.start);
                self.in_flight.insert(flying, piece(at, until));
                flying += 1;
                at = until;
                continue;
            }
            let until = end.min(next.end);
            // A packet is the repetition of one segment, the first it touches. Retransmissions cut at other borders touch
            // two, and the next one would else be a repetition of the same segment microseconds later.
            let is_first = added.again == 0;
            if is_settled {
                self.settled_time = if is_first { self.settled_time.max(time) } else { self.settled_time };
                settled += 1;
            } else if let Some(sent) = self.in_flight.get_mut(flying) {
                sent.resent = sent.resent.saturating_add(1);
                if is_first {
                    added.resent = Some((time.saturating_sub(sent.time), sent.resent));
                    sent.time = time;
                }
                flying += 1;
            }
            added.first_again |= at == start;
            added.last_again |= until == end;
            added.again += (until - at) as u32;
            at = until;
        }
        if at < end {
            self.in_flight.insert(flying, piece(at, end));
        }
        self.top = self.top.max(end);
        self.limit();
        added
    }

    /// Takes an acknowledgment of everything before `ack` that arrived at `time`.
    #[inline]
    pub fn acknowledge(&mut self, ack: SeqNum, time: u64) -> Acknowledged {
        let mut result = Acknowledged::default();
        if self.top == 0 {
            return result;
        }
        let ack = self.near(ack);
        result.unseen = ack > self.top;
        if ack > self.top.wrapping_add(MAX_WINDOW) {
            return result;
        }
        self.heard = true;
        while let Some(sent) = self.in_flight.pop_if(|sent| sent.start < ack) {
            self.settle(sent);
            if sent.end() == ack {
                result.exact = Some(Exact {
                    elapsed: time.saturating_sub(sent.time),
                    size: sent.len,
                    resent: sent.resent,
                    overtaken: self.settled_time > sent.time,
                });
            } else {
                result.cumulative += 1;
            }
        }
        result
    }

    /// True when what was acknowledged ends exactly before `ack`.
    pub fn settled_up_to(&self, ack: SeqNum) -> bool {
        self.settled.ends_at(self.near(ack))
    }

    fn settle(&mut self, sent: Sent) {
        self.settled_time = self.settled_time.max(sent.time);
        self.settled.insert(range(&sent));
    }

    #[inline]
    fn limit(&mut self) {
        let limit = if self.heard { MAX_IN_FLIGHT } else { MAX_UNHEARD };
        while self.in_flight.len() > limit
            && let Some(oldest) = self.in_flight.pop_if(|_| true)
        {
            self.settle(oldest);
        }
    }
}

fn range(sent: &Sent) -> Range {
    Range { start: sent.start, end: sent.end() }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A space in which the segments `(start, len)` were sent at 1, 2, 3, ...
    fn space(segments: &[(u32, u32)]) -> Space {
        let mut space = Space::default();
        for ((start, len), time) in segments.iter().zip(1..) {
            let start = space.position(SeqNum(*start));
            assert_eq!(space.add(start, *len, time), Added::default());
        }
        space
    }

    #[test]
    fn a_retransmission_over_two_segments_is_the_repetition_of_the_first() {
        let mut space = space(&[(100, 10), (110, 10)]);
        let start = space.position(SeqNum(105));
        let added = space.add(start, 20, 50);
        let wanted = Added { again: 15, first_again: true, resent: Some((49, 1)), ..Added::default() };
        assert_eq!(added, wanted);
        let exact = space.acknowledge(SeqNum(120), 60).exact.unwrap();
        assert_eq!((exact.elapsed, exact.resent, exact.overtaken), (58, 1, true));
        assert_eq!(space.acknowledge(SeqNum(125), 60).exact.unwrap().size, 5);
    }

    #[test]
    fn what_fills_a_hole_is_out_of_order() {
        let mut space = space(&[(100, 10), (130, 10)]);
        let start = space.position(SeqNum(110));
        assert!(space.add(start, 20, 3).out_of_order);
        assert_eq!(space.acknowledge(SeqNum(140), 9).cumulative, 2);
        assert!(space.settled_up_to(SeqNum(140)) && !space.settled_up_to(SeqNum(130)));
    }

    #[test]
    fn positions_go_on_where_sequence_numbers_wrap() {
        let mut space = space(&[(u32::MAX - 9, 10), (0, 10), (10, 10)]);
        let exact = space.acknowledge(SeqNum(20), 9).exact.unwrap();
        assert_eq!((exact.elapsed, exact.size), (6, 10));
        assert!(space.settled_up_to(SeqNum(20)));
        let start = space.position(SeqNum(u32::MAX - 9));
        assert_eq!(space.add(start, 10, 10).again, 10);
    }

    #[test]
    fn an_acknowledgment_beyond_any_window_settles_nothing() {
        let mut space = space(&[(100, 10)]);
        assert!(space.acknowledge(SeqNum(0x6000_0000), 5).unseen);
        assert!(space.acknowledge(SeqNum(110), 5).exact.is_some());
    }

    #[test]
    fn segments_that_nobody_acknowledges_are_kept_up_to_a_limit() {
        let mut space = Space::default();
        for index in 0..100_000 {
            let start = space.position(SeqNum(index * 10));
            space.add(start, 10, 1);
        }
        assert_eq!(space.in_flight.len(), MAX_UNHEARD);
        let start = space.position(SeqNum(0));
        assert_eq!(space.add(start, 10, 2).again, 10);
    }
}
