//! What one direction lost, how its sender recovered, and what it sent without need.

use std::collections::VecDeque;
use std::time::Duration;

use serde::{Deserialize, Serialize};

use super::seen::{Seen, Spans};
use super::segment::Segment;
use super::sequence::{Direction, Edge, Marks, Verdict};
use crate::time::Time;
use crate::wire::SeqNum;

/// No sender in use retransmits on a timer sooner than this (Linux, Windows, macOS: 200 ms and more).
const LEAST_RTO: u64 = 180_000_000;
/// What is sent again at all comes within this time, or another repair does.
const PATIENCE: Duration = Duration::from_secs(1);
/// Holes that are remembered.
const HOLES: usize = 64;
/// Retransmissions that wait for proof that they were needed, or not.
const WATCHED: usize = 32;

/// Why a sender sent something again.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum Cause {
    /// Its timer went off (RFC 6298).
    Timeout,
    /// Acknowledgments told of the loss (RFC 5681, RFC 6675, RFC 8985).
    Fast,
    /// A probe of the last segment before the timer (RFC 8985 section 7).
    TailProbe,
}

/// A retransmission that waits for proof.
#[derive(Clone, Copy, Debug, Serialize, Deserialize)]
struct Watched {
    seq: SeqNum,
    end: SeqNum,
    /// TSval, where there are timestamps.
    value: Option<u32>,
    frame: u64,
    time: Time,
}

/// Losses and recoveries of one direction. Frames are those that prove each.
#[derive(Clone, Debug, Default, Serialize, Deserialize)]
pub struct Loss {
    /// Retransmissions when the timer went off; spans are from the first transmission.
    pub timeouts: Spans,
    /// Retransmissions that acknowledgments called for.
    pub fast: Seen,
    /// Tail loss probes.
    pub tail: Seen,
    /// Retransmissions that were not needed, proved by a duplicate SACK (RFC 2883).
    pub spurious_by_dsack: Seen,
    /// The same, proved by the timestamp that the acknowledgment echoes (RFC 3522).
    pub spurious_by_timestamp: Seen,
    /// Sent again though the capture shows its acknowledgment.
    pub after_ack: Seen,
    /// SYNs sent again; spans are from the first.
    pub syn: Spans,
    /// FINs without data sent again.
    pub fin: Seen,
    /// Payload bytes sent again.
    pub bytes: u64,
    /// Segments that came late, and how late.
    pub reordered: Spans,
    /// The most bytes that a late segment was behind.
    pub reordered_bytes: u32,
    /// Gaps in what was captured, filled or not.
    pub gaps: Seen,
    /// Acknowledged and never captured.
    pub unseen: Seen,
    /// Bytes of these.
    pub unseen_bytes: u64,
    /// The receiver took back what it had sacked (RFC 2018 section 8).
    pub reneged: Seen,
    /// Full segments sent again without success while smaller ones came through.
    pub black_hole: Seen,
    /// The last end of recovery: losses before it belong to one event.
    recover: Option<SeqNum>,
    /// Events of loss: recoveries, however many segments each had to repair.
    pub events: u32,
    watched: VecDeque<Watched>,
    /// What the receiver has sacked and not yet acknowledged, the latest few blocks.
    sacked: VecDeque<(SeqNum, SeqNum)>,
    /// The segment that is sent again and again: how often, and when last.
    stuck: Option<(SeqNum, u32, Time)>,
    /// Up to when waits for the timer are counted.
    waited: Time,
    /// What was passed over and has not come yet: from, to, since when.
    holes: VecDeque<(SeqNum, SeqNum, Time)>,
    /// Retransmissions of what the capture did not have, and of what it had: lost before the place of capture, and beyond.
    pub place: (u32, u32),
}

impl Loss {
    /// All retransmissions of data.
    pub fn retransmissions(&self) -> u32 {
        self.timeouts.seen.count + self.fast.count + self.tail.count + self.after_ack.count
    }

    /// Retransmissions that nothing shows to have been needless.
    pub fn lost(&self) -> u32 {
        let needless = self.spurious_by_dsack.count.max(self.spurious_by_timestamp.count);
        (self.timeouts.seen.count + self.fast.count + self.tail.count).saturating_sub(needless)
    }

    /// Retransmissions that were proved needless.
    pub fn spurious(&self) -> u32 {
        self.spurious_by_dsack.count.max(self.spurious_by_timestamp.count).max(self.after_ack.count)
    }

    /// Data was sent again and is not yet acknowledged.
    pub fn recovering(&self) -> bool {
        self.recover.is_some()
    }

    /// Whether a segment with these marks says anything about loss.
    pub fn concerns(marks: Marks) -> bool {
        let again = Marks::RETRANSMISSION | Marks::FAST_RETRANSMISSION | Marks::SPURIOUS_RETRANSMISSION;
        marks.intersects(again | Marks::LOST_SEGMENT | Marks::OUT_OF_ORDER)
    }

    /// A segment of this direction, which had come as far as `own`; `peer` is the other one. `largest` is the largest
    /// payload so far, and `round_trip` that of the handshake, in nanoseconds.
    pub fn on_sent(
        &mut self,
        segment: &Segment<'_>,
        verdict: &Verdict,
        own: Edge,
        peer: &Direction,
        largest: u32,
        round_trip: u64,
    ) {
        let (marks, frame) = (verdict.marks, segment.frame);
        let flags = segment.header.flags;
        if marks.contains(Marks::LOST_SEGMENT) {
            self.gaps.add(frame);
            if let Some(next) = own.next {
                if self.holes.len() == HOLES {
                    self.holes.pop_front();
                }
                self.holes.push_back((next, segment.header.seq, segment.time));
            }
        }
        let filled = self.fill(segment.header.seq, segment.header.seq + segment.len);
        let mut again =
            marks.intersects(Marks::RETRANSMISSION | Marks::FAST_RETRANSMISSION | Marks::SPURIOUS_RETRANSMISSION);
        if marks.contains(Marks::OUT_OF_ORDER) {
            let since = filled.unwrap_or(own.moved);
            let late = segment.time.since(since).as_nanos() as u64;
            // What was only late comes sooner than the sender could have learned that it was missed.
            again = segment.len > 0 && filled.is_some() && round_trip > 0 && late >= round_trip / 10 * 9;
            if !again {
                self.reordered.add(late, frame, frame);
                let behind = own.next.map_or(0, |next| next.0.wrapping_sub(segment.header.seq.0));
                self.reordered_bytes = self.reordered_bytes.max(behind);
            }
        }
        if !again {
            return;
        }
        if flags.syn() {
            let since = verdict.rto.unwrap_or(super::sequence::Since { frame, nanos: 0 });
            return self.syn.add(since.nanos, since.frame, frame);
        }
        if segment.len == 0 {
            return self.fin.add(frame);
        }
        self.bytes += u64::from(segment.len);
        let (seq, end) = (segment.header.seq, segment.header.seq + segment.len);
        if marks.contains(Marks::SPURIOUS_RETRANSMISSION) {
            return self.after_ack.add(frame);
        }
        if filled.is_some() {
            self.place.0 += 1
        } else {
            self.place.1 += 1
        }
        let now = segment.time;
        let stuck = self.stuck.filter(|(stuck, ..)| *stuck == seq);
        match cause(segment, verdict, own, peer) {
            Cause::Timeout => {
                let first = verdict.rto.unwrap_or(super::sequence::Since { frame, nanos: 0 });
                // Each wait counts once, however many segments are sent after it, and however often.
                let begun = Time::from_nanos(now.as_nanos().saturating_sub(first.nanos)).max(self.waited);
                self.waited = now;
                self.timeouts.add(now.since(begun).as_nanos() as u64, first.frame, frame);
            }
            Cause::Fast => self.fast.add(frame),
            Cause::TailProbe => self.tail.add(frame),
        }
        if self.recover.is_none() {
            self.recover = own.next;
            self.events += 1;
        }
        if self.watched.len() == WATCHED {
            self.watched.pop_front();
        }
        let value = segment.options.timestamps.map(|(value, _)| value);
        self.watched.push_back(Watched { seq, end, value, frame, time: segment.time });
        let times = stuck.map_or(1, |(_, times, _)| times + 1);
        self.stuck = Some((seq, times, now));
        // Full-sized, three times in vain: smaller ones opened the connection.
        if times >= 3 && segment.len >= largest && segment.len > 536 {
            self.black_hole.add(frame);
        }
    }

    /// Takes what a segment brings out of the holes. Returns since when the first of them was there.
    fn fill(&mut self, seq: SeqNum, end: SeqNum) -> Option<Time> {
        let mut since = None;
        let mut rest = None;
        for hole in &mut self.holes {
            let (from, to, time) = *hole;
            if !(seq.before(to) && end.after(from)) {
                continue;
            }
            since = since.or(Some(time));
            if seq.after(from) && end.before(to) {
                rest = Some((end, to, time));
                hole.1 = seq;
            } else if seq.after(from) {
                hole.1 = seq;
            } else {
                hole.0 = end.earliest(to);
            }
        }
        self.holes.retain(|(from, to, _)| from.before(*to));
        if let Some(rest) = rest.filter(|_| self.holes.len() < HOLES) {
            self.holes.push_back(rest);
        }
        since
    }

    /// Bytes that were passed over, and until `end` neither came nor were acknowledged. What was passed over just before
    /// the capture ended may still have come.
    pub fn missing(&self, end: Time) -> u64 {
        let old = self.holes.iter().filter(|(.., since)| end.since(*since) >= PATIENCE);
        old.map(|(from, to, _)| u64::from(to.0.wrapping_sub(from.0))).sum()
    }

    /// A segment of the other end: what its acknowledgment proves.
    #[inline]
    pub fn on_acknowledged(&mut self, segment: &Segment<'_>, verdict: &Verdict) {
        if verdict.unseen > 0 {
            self.unseen.add(segment.frame);
            self.unseen_bytes += u64::from(verdict.unseen);
        }
        if !segment.header.flags.ack() {
            return;
        }
        if self.recover.is_none()
            && self.holes.is_empty()
            && self.watched.is_empty()
            && self.sacked.is_empty()
            && segment.options.sack.is_empty()
        {
            return;
        }
        let ack = segment.header.ack;
        if self.stuck.is_some_and(|(seq, ..)| ack.after(seq)) {
            self.stuck = None;
        }
        // What is acknowledged has come, if not by here.
        self.holes.retain(|(_, to, _)| ack.before(*to));
        self.prove(segment, verdict);
        self.watch_sack(segment, verdict);
        if self.recover.is_some_and(|recover| ack.at_or_after(recover)) {
            self.recover = None;
        }
    }

    /// Whether retransmissions were needed: a duplicate SACK, or an echo of a time before them, says no.
    fn prove(&mut self, segment: &Segment<'_>, verdict: &Verdict) {
        let ack = segment.header.ack;
        if verdict.dsack
            && let Some(block) = segment.options.sack.as_slice().first()
            && let Some(at) = self
                .watched
                .iter()
                .position(|again| again.seq.at_or_after(block.left) && again.end.at_or_before(block.right))
            && let Some(again) = self.watched.remove(at)
        {
            self.spurious_by_dsack.add(again.frame);
        }
        let echo = segment.options.timestamps.map(|(_, echo)| echo);
        while let Some(again) = self.watched.front().filter(|again| ack.at_or_after(again.end)).copied() {
            // An acknowledgment that came sooner than any packet could travel twice was under way before, too; but only
            // the echo proves it.
            let earlier = echo.zip(again.value).is_some_and(|(echo, value)| (echo.wrapping_sub(value) as i32) < 0);
            if earlier {
                self.spurious_by_timestamp.add(again.frame);
            }
            // A duplicate SACK for it comes a round trip later: it is kept a little.
            if earlier || segment.time.since(again.time).as_secs() >= 1 || self.watched.len() == WATCHED {
                self.watched.pop_front();
            } else {
                if let Some(front) = self.watched.front_mut() {
                    front.value = None;
                }
                break;
            }
        }
    }

    fn watch_sack(&mut self, segment: &Segment<'_>, verdict: &Verdict) {
        let ack = segment.header.ack;
        // An acknowledgment within a block that was sacked: its receiver no longer has the rest.
        if self.sacked.iter().any(|(left, right)| ack.at_or_after(*left) && ack.before(*right)) {
            let again = segment.options.sack.as_slice().iter();
            if !again.clone().any(|block| block.left.at_or_before(ack)) && segment.options.sack.is_empty() {
                self.reneged.add(segment.frame);
                self.sacked.clear();
            }
        }
        self.sacked.retain(|(_, right)| ack.before(*right));
        for block in segment.options.sack.as_slice().iter().skip(usize::from(verdict.dsack)) {
            if block.left.after(ack) && block.right.after(block.left) {
                self.sacked.retain(|(left, right)| block.right.before(*left) || block.left.after(*right));
                if self.sacked.len() == 4 {
                    self.sacked.pop_front();
                }
                self.sacked.push_back((block.left, block.right));
            }
        }
    }

    /// Keeps the first frame of each kind of evidence only.
    pub fn tighten(&mut self) {
        for spans in [&mut self.timeouts, &mut self.syn, &mut self.reordered] {
            spans.seen.tighten();
        }
        let seen = [&mut self.fast, &mut self.tail, &mut self.spurious_by_dsack, &mut self.spurious_by_timestamp];
        seen.into_iter().for_each(Seen::tighten);
        let seen = [&mut self.after_ack, &mut self.fin, &mut self.gaps, &mut self.unseen, &mut self.reneged];
        seen.into_iter().for_each(Seen::tighten);
        self.black_hole.tighten();
    }

    /// Drops what only a running connection needs.
    pub fn rest(&mut self) {
        self.watched = VecDeque::new();
        self.sacked = VecDeque::new();
    }
}

/// Why a segment was sent again. Timers fire after long silence of the other end, for the first segment that is
/// outstanding; probes take the last one; everything else follows news of a loss.
fn cause(segment: &Segment<'_>, verdict: &Verdict, own: Edge, peer: &Direction) -> Cause {
    if verdict.marks.contains(Marks::FAST_RETRANSMISSION) {
        return Cause::Fast;
    }
    let seq = segment.header.seq;
    let waited = verdict.rto.map_or(0, |first| first.nanos);
    let told =
        peer.duplicates() >= 2 || peer.sack_blocks().iter().any(|block| block.left.at_or_after(seq + segment.len));
    let quiet = segment.time.since(peer.last_time()).as_nanos() as u64;
    let first = peer.last_ack().is_none_or(|ack| seq.at_or_before(ack));
    let last = own.next.is_some_and(|next| next.at_or_before(seq + segment.len));
    if told && quiet < LEAST_RTO {
        return Cause::Fast;
    }
    if last && (!first || waited < LEAST_RTO) {
        return Cause::TailProbe;
    }
    if waited >= LEAST_RTO && (quiet >= LEAST_RTO / 2 || first) { Cause::Timeout } else { Cause::Fast }
}
