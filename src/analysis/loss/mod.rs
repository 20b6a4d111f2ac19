//! What one direction lost, how its sender recovered, and what it sent without need.
//!
//! Wireshark's flags say which segments are worth a look; what such a segment was is judged here by what proves it. What
//! the capture had not shown before was not sent again as far as anybody knows: it is an original that comes late, unless
//! its timestamp, its identification or its delay say that it left after what passed it. What was acknowledged before it
//! was captured was captured late. What was there before was sent again, unless it bears the stamp of its first time.
//!
//! | file    | subject |
//! |---------|---------|
//! | `holes` | sequence space that was passed over |
//! | `cause` | why a sender sent something again |
//! | `proof` | what acknowledgments prove of it |

mod cause;
mod holes;
mod proof;

use serde::{Deserialize, Serialize};

use super::copies::{self, Recent, Stamp};
use super::seen::{Seen, Spans};
use super::segment::Segment;
use super::sequence::{Direction, Edge, Marks, Since, Verdict};
use crate::time::Time;
use crate::wire::SeqNum;
use cause::cause;
use holes::{Hole, Holes};
use proof::{Proof, Proofs, Watched};

pub use cause::Cause;

/// What is sent again at all comes within this time, or another repair does.
const PATIENCE: std::time::Duration = std::time::Duration::from_secs(1);
/// Lost segments that are no more than this many apart are of one row.
const ROW: u32 = 4;
/// Timestamps tick at least this often (RFC 7323 section 5.4 allows a second; systems in use take 1 to 10 ms).
const TICK: u64 = 20_000_000;

/// A segment of the direction that is worth a look, with what is known around it.
pub struct Sending<'a> {
    /// The segment.
    pub segment: &'a Segment<'a>,
    /// What was said of it.
    pub verdict: &'a Verdict,
    /// How far its direction had come, and where it began as far as it was captured.
    pub own: Edge,
    /// See `own`.
    pub base: SeqNum,
    /// The other direction.
    pub peer: &'a Direction,
    /// The largest payload of its direction so far, and the largest that is known to have arrived.
    pub largest: u32,
    /// See `largest`.
    pub delivered: u32,
    /// The round trip of the path, in nanoseconds; 0 when it is not known.
    pub round_trip: u64,
    /// The last packets of its direction, without it.
    pub recent: &'a Recent,
    /// How long packets had waited in queues just before, as far as round trips tell.
    pub waited: Option<u64>,
}

/// What a segment was, as far as it concerns loss.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Default)]
pub enum Judgement {
    /// Nothing of the kind.
    #[default]
    Plain,
    /// The capture holds it twice.
    Copy,
    /// It was acknowledged before it was captured.
    CapturedLate,
    /// An original that what was sent after it had passed.
    Reordered,
    /// Sent again, and nothing shows that it was there already.
    Repair(Cause),
    /// Sent again, though the capture has its acknowledgment before.
    Needless,
    /// An original that even its repetition had passed, which was not needed then.
    Overtaken,
    /// A SYN or a FIN once more.
    Control,
}

/// How long packets had waited in queues when losses began, in nanoseconds.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Waits {
    /// The least of any.
    pub least: u64,
    /// The most of any.
    pub most: u64,
    /// Of how many this is known.
    pub events: u32,
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
    /// The same, proved by their originals, which came after all, with an older timestamp.
    pub spurious_by_original: Seen,
    /// Sent again though the capture shows its acknowledgment.
    pub after_ack: Seen,
    /// Of those that nothing called needless when they were sent, how many were proved so.
    needless: u32,
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
    /// Gaps that SACK told of, and that closed without anything being sent again.
    pub reordered_beyond: Seen,
    /// Segments that were acknowledged before they were captured, and how long before.
    pub captured_late: Spans,
    /// Frames that repeat a packet of theirs.
    pub copies: Seen,
    /// Of these, how many passed a router in between.
    pub routed: u32,
    /// Packets that the network doubled, by the receiver's word (D-SACK).
    pub doubled: Seen,
    /// The receiver took back what it had sacked (RFC 2018 section 8).
    pub reneged: Seen,
    /// Full segments sent again without success while smaller ones came through.
    pub black_hole: Seen,
    /// Retransmissions of what the capture did not have, and of what it had: lost before the place of capture, and beyond.
    pub place: (u32, u32),
    /// Events of loss: recoveries, however many segments each had to repair.
    pub events: u32,
    /// How long packets had waited in queues when these began.
    pub waits: Option<Waits>,
    /// Repairs that acknowledgments called for: how many rows they make of segments that are near each other.
    pub rows: u32,
    /// The last end of recovery: losses before it belong to one event.
    recover: Option<SeqNum>,
    /// Where the last repair ended.
    repaired: Option<SeqNum>,
    /// The segment that is sent again and again: how often, and when last.
    stuck: Option<(SeqNum, u32, Time)>,
    /// Up to when waits for the timer are counted.
    waited: Time,
    holes: Holes,
    proofs: Proofs,
}

impl Loss {
    /// All retransmissions of data.
    pub fn retransmissions(&self) -> u32 {
        self.timeouts.seen.count + self.fast.count + self.tail.count + self.after_ack.count
    }

    /// Retransmissions that nothing shows to have been needless.
    pub fn lost(&self) -> u32 {
        (self.timeouts.seen.count + self.fast.count + self.tail.count).saturating_sub(self.needless)
    }

    /// Retransmissions that were proved needless.
    pub fn spurious(&self) -> u32 {
        self.needless + self.after_ack.count
    }

    /// Something was passed over.
    pub fn has_holes(&self) -> bool {
        !self.holes.is_empty()
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

    /// The capture holds a segment twice.
    pub fn on_copy(&mut self, segment: &Segment<'_>, copy: copies::Copy) {
        self.copies.add(segment.frame);
        self.routed += u32::from(copy.routed);
        if segment.len > 0 {
            self.proofs.watch_copy(segment.header.seq, segment.header.seq + segment.len, segment.frame);
        }
    }

    /// A segment of this direction that [concerns](Loss::concerns) it.
    pub fn on_sent(&mut self, sending: &Sending<'_>) -> Judgement {
        let Sending { segment, verdict, own, .. } = sending;
        let (marks, frame, now) = (verdict.marks, segment.frame, segment.time);
        let (seq, end) = (segment.header.seq, segment.header.seq + segment.len);
        let hole = self.holes.fill(seq, seq + segment.seq_len());
        if let (true, Some(next)) = (marks.contains(Marks::LOST_SEGMENT), own.next) {
            let opener = Stamp::of(segment);
            let (since, after, bare) = (now, own.moved, segment.len == 0);
            self.holes.open(Hole { from: next, to: seq, since, after, opener, bare, frame, acknowledged: None });
        }
        if hole.is_some() {
            self.proofs.explain(seq, end);
        }
        let again = Marks::RETRANSMISSION | Marks::FAST_RETRANSMISSION | Marks::SPURIOUS_RETRANSMISSION;
        if !marks.intersects(again | Marks::OUT_OF_ORDER) {
            return match hole.and_then(|hole| hole.acknowledged) {
                Some(since) => self.late_in_capture(segment, since),
                None => Judgement::Plain,
            };
        }
        match hole {
            Some(Hole { acknowledged: Some(since), .. }) => self.late_in_capture(segment, since),
            Some(hole) if segment.len > 0 && is_original(sending, &hole) => self.late(sending, hole.since),
            None if seq.before(sending.base) || segment.len == 0 && !marks.intersects(again) => {
                self.late(sending, own.moved)
            }
            None if segment.len > 0 && self.overtakes(segment) => {
                self.late(sending, own.moved);
                Judgement::Overtaken
            }
            _ => self.again(sending, hole.is_some()),
        }
    }

    fn late_in_capture(&mut self, segment: &Segment<'_>, since: Time) -> Judgement {
        self.captured_late.add(segment.time.since(since).as_nanos() as u64, segment.frame, segment.frame);
        Judgement::CapturedLate
    }

    fn late(&mut self, sending: &Sending<'_>, since: Time) -> Judgement {
        let Sending { segment, own, .. } = sending;
        let late = segment.time.since(since).as_nanos() as u64;
        self.reordered.add(late, segment.frame, segment.frame);
        let behind = own.next.map_or(0, |next| next.0.wrapping_sub(segment.header.seq.0));
        self.reordered_bytes = self.reordered_bytes.max(behind);
        Judgement::Reordered
    }

    /// Whether this is the original of what was sent again: then that was needless.
    fn overtakes(&mut self, segment: &Segment<'_>) -> bool {
        let (seq, value) = (segment.header.seq, segment.options.timestamps.map(|(value, _)| value));
        let Some((frame, news)) = self.proofs.on_original(seq, seq + segment.len, value) else { return false };
        if news {
            self.spurious_by_original.add(frame);
            self.needless += 1;
        }
        true
    }

    /// Sent again; `filled` says that the capture did not have it.
    fn again(&mut self, sending: &Sending<'_>, filled: bool) -> Judgement {
        let Sending { segment, verdict, own, peer, .. } = sending;
        let (frame, now) = (segment.frame, segment.time);
        let first = verdict.rto.unwrap_or(Since { frame, nanos: 0 });
        if segment.header.flags.syn() {
            self.syn.add(first.nanos, first.frame, frame);
            return Judgement::Control;
        }
        if segment.len == 0 {
            self.fin.add(frame);
            return Judgement::Control;
        }
        self.bytes += u64::from(segment.len);
        let (seq, end) = (segment.header.seq, segment.header.seq + segment.len);
        self.proofs.explain(seq, end);
        let proved = verdict.marks.contains(Marks::SPURIOUS_RETRANSMISSION);
        let value = segment.options.timestamps.map(|(value, _)| value);
        self.proofs.watch(Watched { seq, end, value, stamp: value, frame, time: now, proved });
        if proved {
            self.after_ack.add(frame);
            return Judgement::Needless;
        }
        match filled {
            true => self.place.0 += 1,
            false => self.place.1 += 1,
        }
        let cause = cause(segment, verdict, *own, peer);
        match cause {
            Cause::Timeout => {
                // Each wait counts once, however many segments are sent after it, and however often.
                let begun = Time::from_nanos(now.as_nanos().saturating_sub(first.nanos)).max(self.waited);
                self.waited = now;
                self.timeouts.add(now.since(begun).as_nanos() as u64, first.frame, frame);
            }
            Cause::Fast => {
                self.fast.add(frame);
                let near = |last: SeqNum| seq.offset_from(last).unsigned_abs() <= sending.largest.saturating_mul(ROW);
                self.rows += u32::from(!self.repaired.is_some_and(near));
                self.repaired = Some(end);
            }
            Cause::TailProbe => self.tail.add(frame),
        }
        if self.recover.is_none() {
            self.recover = own.next;
            self.begin_event(sending.waited);
        }
        self.watch_stuck(sending);
        Judgement::Repair(cause)
    }

    /// A recovery begins; packets had waited so long in queues just before.
    fn begin_event(&mut self, waited: Option<u64>) {
        self.events += 1;
        if let Some(waited) = waited {
            let known = self.waits.get_or_insert(Waits { least: waited, most: waited, events: 0 });
            (known.least, known.most) = (known.least.min(waited), known.most.max(waited));
            known.events += 1;
        }
    }

    /// Full-sized, three times in vain, though smaller ones opened the connection, and nothing as large ever arrived.
    fn watch_stuck(&mut self, sending: &Sending<'_>) {
        let Sending { segment, largest, delivered, .. } = sending;
        let seq = segment.header.seq;
        let times = self.stuck.filter(|(stuck, ..)| *stuck == seq).map_or(1, |(_, times, _)| times + 1);
        self.stuck = Some((seq, times, segment.time));
        if times >= 3 && segment.len >= *largest && segment.len > 536 && segment.len > *delivered {
            self.black_hole.add(segment.frame);
        }
    }

    /// What was passed over, until `end` neither came nor was acknowledged, and is no longer to be expected: its bytes,
    /// and the first such hole.
    pub fn missing(&self, end: Time) -> Option<(u64, Hole)> {
        // Who passes something over with data may have sent it just before; who does so without has sent it long ago.
        let is_old =
            |hole: &&Hole| end.since(hole.since) >= PATIENCE || hole.bare && hole.since.since(hole.after) >= PATIENCE;
        let old: Vec<&Hole> = self.holes.open_ones().filter(is_old).collect();
        let first = **old.first()?;
        Some((old.iter().map(|hole| hole.len()).sum::<u64>() + self.holes.forgotten(), first))
    }

    /// Bytes that were acknowledged and never captured.
    pub fn unseen_bytes(&self) -> u64 {
        self.holes.unseen()
    }

    /// A segment of the other end: what its acknowledgment proves. `edge` is where this direction had come to, and `first`
    /// the number of its first byte.
    #[inline]
    pub fn on_acknowledged(&mut self, segment: &Segment<'_>, verdict: &Verdict, edge: Edge, first: SeqNum) {
        if !segment.header.flags.ack() {
            return;
        }
        let (ack, now) = (segment.header.ack, segment.time);
        let from = edge.next.unwrap_or(first);
        if (verdict.unseen > 0 || edge.next.is_none()) && ack.after(from) {
            let (opener, frame) = (Stamp::default(), segment.frame);
            let (since, after, bare) = (now, edge.moved, true);
            self.holes.open(Hole { from, to: ack, since, after, opener, bare, frame, acknowledged: None });
        }
        if self.recover.is_none() && self.holes.is_empty() && self.proofs.is_empty() && segment.options.sack.is_empty()
        {
            return;
        }
        if self.stuck.is_some_and(|(seq, ..)| ack.after(seq)) {
            self.stuck = None;
        }
        self.holes.acknowledge(ack, now);
        let mut proofs = std::mem::take(&mut self.proofs);
        proofs.on_acknowledgment(segment, verdict, &mut |proof| self.prove(proof));
        self.proofs = proofs;
        if self.recover.is_some_and(|recover| ack.at_or_after(recover)) {
            self.recover = None;
        }
    }

    fn prove(&mut self, proof: Proof) {
        match proof {
            Proof::Duplicate(frame, news) => {
                self.spurious_by_dsack.add(frame);
                self.needless += u32::from(news);
            }
            Proof::EarlierEcho(frame) => {
                self.spurious_by_timestamp.add(frame);
                self.needless += 1;
            }
            Proof::Doubled(frame) => self.doubled.add(frame),
            Proof::OutOfOrder(frame) => self.reordered_beyond.add(frame),
            Proof::Reneged(frame) => self.reneged.add(frame),
        }
    }

    /// Keeps the first frame of each kind of evidence only.
    pub fn tighten(&mut self) {
        for spans in [&mut self.timeouts, &mut self.syn, &mut self.reordered, &mut self.captured_late] {
            spans.seen.tighten();
        }
        let seen = [&mut self.fast, &mut self.tail, &mut self.spurious_by_dsack, &mut self.spurious_by_timestamp];
        seen.into_iter().for_each(Seen::tighten);
        let seen = [&mut self.after_ack, &mut self.fin, &mut self.reneged, &mut self.black_hole];
        seen.into_iter().for_each(Seen::tighten);
        let seen = [&mut self.reordered_beyond, &mut self.copies, &mut self.doubled, &mut self.spurious_by_original];
        seen.into_iter().for_each(Seen::tighten);
    }

    /// Drops what only a running connection needs.
    pub fn rest(&mut self) {
        self.proofs = Proofs::default();
        self.holes.rest();
    }
}

/// Whether what fills a hole left before what had opened it.
fn is_original(sending: &Sending<'_>, hole: &Hole) -> bool {
    let Sending { segment, verdict, round_trip, recent, .. } = sending;
    let stamp = Stamp::of(segment);
    if let Some(before) = copies::left_before(stamp, hole.opener, recent.ids_rise()) {
        return before;
    }
    let one_tick = stamp.value.is_some() && stamp.value == hole.opener.value && *round_trip > TICK;
    let late = segment.time.since(hole.since);
    match round_trip {
        _ if one_tick => true,
        0 => verdict.marks.contains(Marks::OUT_OF_ORDER),
        round_trip => late < copies::patience(*round_trip),
    }
}
