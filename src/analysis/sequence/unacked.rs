//! What one end has sent and the other has not acknowledged, as the capture shows it.

use std::collections::VecDeque;

use serde::{Deserialize, Serialize};

use super::verdict::Acknowledged;
use crate::time::Time;
use crate::wire::SeqNum;

/// More are not kept: the capture lacks the acknowledgments then.
const MOST: usize = 10_000;
/// Nor more than this while nothing at all was acknowledged: a capture of one direction.
const MOST_UNHEARD: usize = 2_000;

/// A segment that was sent.
#[derive(Clone, Copy, Debug, Serialize, Deserialize)]
pub struct Sent {
    /// First sequence number that is not acknowledged.
    pub seq: SeqNum,
    /// The one after its last.
    pub end: SeqNum,
    /// When it was sent.
    pub time: Time,
    /// In which frame.
    pub frame: u64,
    /// Something at or before its end was sent after it, so that its acknowledgment measures no round trip.
    pub ambiguous: bool,
}

impl Sent {
    fn acknowledged(&self, now: Time) -> Acknowledged {
        let nanos = now.as_nanos().saturating_sub(self.time.as_nanos());
        Acknowledged { frame: self.frame, nanos, len: self.end.0.wrapping_sub(self.seq.0) }
    }
}

/// What an acknowledgment covered.
#[derive(Clone, Copy, Debug, Default)]
pub struct Covered {
    /// The segment that it ends with, or in.
    pub segment: Option<Acknowledged>,
    /// It ends within a segment.
    pub partly: bool,
    /// The time since a segment was sent that it ends with, when that measures the path (Karn's rule).
    pub round_trip: Option<u64>,
}

/// Segments in the order in which they were captured.
///
/// Nearly always that is the order of their sequence numbers, too; then an acknowledgment takes segments from the
/// front, and edges are read off the ends. Only while it is not, every change walks the list.
#[derive(Clone, Debug, Default, Serialize, Deserialize)]
pub struct Unacked {
    sent: VecDeque<Sent>,
    /// A segment overlaps an earlier one or lies before it.
    disordered: bool,
    /// Something was acknowledged.
    heard: bool,
    /// The lowest sequence number of all, where there are any.
    lowest: SeqNum,
    /// The highest end.
    highest: SeqNum,
}

impl Unacked {
    /// Notes a transmission.
    pub fn push(&mut self, segment: Sent) {
        if self.sent.len() >= if self.heard { MOST } else { MOST_UNHEARD } {
            return;
        }
        if self.sent.is_empty() {
            (self.lowest, self.highest, self.disordered) = (segment.seq, segment.end, false);
        } else {
            if segment.seq.before(self.highest) {
                self.disordered = true;
                let later = self.sent.iter_mut().filter(|sent| sent.end.after(segment.seq));
                later.for_each(|sent| sent.ambiguous = true);
            }
            self.lowest = self.lowest.earliest(segment.seq);
            self.highest = self.highest.latest(segment.end);
        }
        self.sent.push_back(segment);
    }

    /// True when a segment is there that covers all of `seq` to `end`.
    pub fn covers(&self, seq: SeqNum, end: SeqNum) -> bool {
        self.sent.iter().any(|sent| seq.at_or_after(sent.seq) && end.at_or_before(sent.end))
    }

    /// The earliest transmission of anything that starts at `seq` or beyond.
    pub fn first_from(&self, seq: SeqNum) -> Option<&Sent> {
        self.sent.iter().find(|sent| sent.seq.at_or_after(seq))
    }

    /// Where the run of segments ends that starts exactly at `ack`, if one does: found from the latest segment
    /// backwards.
    pub fn run_from(&self, ack: SeqNum) -> Option<SeqNum> {
        let latest = self.sent.back()?;
        let mut run = (latest.seq, latest.end);
        for sent in self.sent.iter().rev().filter(|sent| sent.seq.at_or_after(ack)) {
            run = if sent.end == run.0 { (sent.seq, run.1) } else { (sent.seq, sent.end) };
        }
        (run.0 == ack && run.1.after(ack)).then_some(run.1)
    }

    /// How many of the bytes from `from` up to `to` are among the segments.
    pub fn bytes_between(&self, from: SeqNum, to: SeqNum) -> u32 {
        let overlap = |sent: &Sent| {
            let (left, right) = (sent.seq.latest(from), sent.end.earliest(to));
            if right.after(left) { right.0.wrapping_sub(left.0) } else { 0 }
        };
        self.sent.iter().map(overlap).fold(0, u32::saturating_add)
    }

    /// From the lowest to the highest sequence number.
    pub fn span(&self) -> Option<u32> {
        (!self.sent.is_empty()).then(|| self.highest.0.wrapping_sub(self.lowest.0))
    }

    /// Takes out what `ack` covers, at `now`.
    #[inline]
    pub fn acknowledge(&mut self, ack: SeqNum, now: Time) -> Covered {
        if self.sent.is_empty() || !ack.after(self.lowest) {
            return Covered::default();
        }
        self.heard = true;
        if self.disordered { self.acknowledge_disordered(ack, now) } else { self.acknowledge_ordered(ack, now) }
    }

    fn acknowledge_ordered(&mut self, ack: SeqNum, now: Time) -> Covered {
        let mut covered = Covered::default();
        while let Some(sent) = self.sent.front_mut().filter(|sent| ack.after(sent.seq)) {
            let since = sent.acknowledged(now);
            if ack.before(sent.end) {
                sent.seq = ack;
                covered = Covered { segment: Some(since), partly: true, round_trip: None };
                break;
            }
            if ack == sent.end {
                let round_trip = (!sent.ambiguous).then_some(since.nanos);
                covered = Covered { segment: Some(since), partly: false, round_trip };
            }
            self.sent.pop_front();
        }
        if let Some(first) = self.sent.front() {
            self.lowest = first.seq;
        }
        covered
    }

    /// Of several segments that end at `ack`, or around it, the earliest transmission counts: it is looked at last.
    fn acknowledge_disordered(&mut self, ack: SeqNum, now: Time) -> Covered {
        let mut covered = Covered::default();
        for sent in self.sent.iter_mut().rev() {
            let since = sent.acknowledged(now);
            if ack == sent.end {
                let once = !sent.ambiguous && covered.segment.is_none();
                covered = Covered { segment: Some(since), partly: false, round_trip: once.then_some(since.nanos) };
            } else if ack.after(sent.seq) && ack.before(sent.end) {
                sent.seq = ack;
                covered = Covered { segment: Some(since), partly: true, round_trip: None };
            }
        }
        self.sent.retain(|sent| sent.end.after(ack));
        self.find_edges();
        covered
    }

    /// Drops all but the latest `most` transmissions.
    pub fn keep_latest(&mut self, most: usize) {
        if self.sent.len() > most {
            self.sent.drain(..self.sent.len() - most);
            self.find_edges();
        }
        self.sent.shrink_to(most);
    }

    fn find_edges(&mut self) {
        let mut sent = self.sent.iter();
        let Some(first) = sent.next() else { return };
        (self.lowest, self.highest, self.disordered) = (first.seq, first.end, false);
        for later in sent {
            self.disordered |= later.seq.before(self.highest);
            self.lowest = self.lowest.earliest(later.seq);
            self.highest = self.highest.latest(later.end);
        }
    }
}
