//! What is in flight: every transmission that is not acknowledged, and what is known of its fate.
//!
//! One record per transmission, in sequence order; a record is split where an acknowledgment, a SACK block or
//! a retransmission ends inside it. The sums behind `pipe` are kept as records change, so asking is free.

use std::collections::VecDeque;

use crate::time::Time;
use crate::wire::{SackBlock, SeqNum};

/// A stretch of sequence space that was sent in one go.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Sent {
    /// First sequence number.
    pub start: SeqNum,
    /// The one after the last.
    pub end: SeqNum,
    /// When it was sent last.
    pub sent: Time,
    /// How often it was sent.
    pub transmissions: u32,
    /// The peer reported it in a SACK block.
    pub sacked: bool,
    /// It is taken for lost.
    pub lost: bool,
    /// It was sent again since it was taken for lost.
    pub resent: bool,
}

impl Sent {
    /// Sequence numbers covered.
    pub fn len(&self) -> u32 {
        self.end - self.start
    }
}

/// What a cumulative acknowledgment or a SACK block newly covered.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Covered {
    /// Sequence numbers that were not reported delivered before.
    pub delivered: u32,
    /// Of those acknowledged now, the ones a SACK had reported earlier.
    pub known: u32,
    /// When the latest of the segments that were sent only once was sent: an RTT sample (Karn's rule).
    pub sample: Option<Time>,
    /// Something that was sent more than once is covered.
    pub resent: bool,
}

/// All transmissions between SND.UNA and SND.NXT.
#[derive(Debug, Default)]
pub struct Scoreboard {
    records: VecDeque<Sent>,
    outstanding: u32,
    sacked: u32,
    lost: u32,
    resent: u32,
    high_sacked: Option<SeqNum>,
    /// Everything below was looked at for loss.
    judged: Option<SeqNum>,
    /// Nothing below waits to be sent again.
    resend_from: Option<SeqNum>,
}

impl Scoreboard {
    /// Notes that `start..end` was sent for the first time.
    pub fn on_sent(&mut self, start: SeqNum, end: SeqNum, now: Time) {
        self.outstanding += end - start;
        self.records.push_back(Sent {
            start,
            end,
            sent: now,
            transmissions: 1,
            sacked: false,
            lost: false,
            resent: false,
        });
    }

    /// True when nothing is in flight.
    pub fn is_empty(&self) -> bool {
        self.records.is_empty()
    }

    /// Sequence numbers sent and not acknowledged, SACKed or not (FlightSize of RFC 5681).
    pub fn outstanding(&self) -> u32 {
        self.outstanding
    }

    /// RFC 6675 section 4, SetPipe: what is thought to be in the network.
    pub fn pipe(&self) -> u32 {
        self.outstanding - self.sacked - self.lost + self.resent
    }

    /// Sequence numbers reported by SACK blocks.
    pub fn sacked(&self) -> u32 {
        self.sacked
    }

    /// Sequence numbers taken for lost.
    pub fn lost(&self) -> u32 {
        self.lost
    }

    /// Sequence numbers taken for lost that were sent again since.
    pub fn resent(&self) -> u32 {
        self.resent
    }

    /// The oldest transmission.
    pub fn head(&self) -> Option<&Sent> {
        self.records.front()
    }

    /// One after the highest SACKed sequence number.
    pub fn high_sacked(&self) -> Option<SeqNum> {
        self.high_sacked
    }

    /// SND.UNA moved to `una`.
    pub fn on_ack(&mut self, una: SeqNum) -> Covered {
        let mut covered = Covered::default();
        self.split(una);
        while let Some(record) = self.records.front() {
            if record.end.after(una) {
                break;
            }
            covered.resent |= record.transmissions > 1;
            if record.sacked {
                covered.known += record.len();
            } else {
                covered.delivered += record.len();
                if record.transmissions == 1 {
                    covered.sample = covered.sample.max(Some(record.sent));
                }
            }
            self.change(0, |record| (record.sacked, record.lost, record.resent) = (false, false, false));
            self.outstanding -= self.records.pop_front().map_or(0, |record| record.len());
        }
        // Marks that are left behind would come to lie ahead again after half a circle.
        for mark in [&mut self.high_sacked, &mut self.judged, &mut self.resend_from] {
            if mark.is_some_and(|at| at.at_or_before(una)) {
                *mark = None;
            }
        }
        covered
    }

    /// The peer reports `block`, which the caller has checked to lie within SND.UNA and SND.NXT.
    pub fn on_sack(&mut self, block: SackBlock) -> Covered {
        let mut covered = Covered::default();
        self.split(block.left);
        self.split(block.right);
        let first = self.records.partition_point(|record| record.start.before(block.left));
        let last = self.records.partition_point(|record| record.end.at_or_before(block.right));
        for index in first..last {
            let Some(record) = self.records.get(index) else { break };
            if record.sacked {
                continue;
            }
            covered.delivered += record.len();
            covered.resent |= record.transmissions > 1;
            if record.transmissions == 1 {
                covered.sample = covered.sample.max(Some(record.sent));
            }
            self.change(index, |record| (record.sacked, record.lost, record.resent) = (true, false, false));
        }
        if covered.delivered > 0 {
            self.high_sacked = Some(self.high_sacked.map_or(block.right, |high| high.latest(block.right)));
        }
        covered
    }

    /// RFC 6675 section 4, IsLost: marks what has `dup_thresh` SACKed stretches, or more than
    /// `(dup_thresh - 1) * smss` SACKed bytes, above it. True when something was newly marked.
    pub fn mark_lost_by_sack(&mut self, dup_thresh: u32, smss: u32) -> bool {
        let Some(boundary) = self.loss_boundary(dup_thresh, smss) else { return false };
        let first = self.judged.map_or(0, |judged| self.records.partition_point(|r| r.start.before(judged)));
        let last = self.records.partition_point(|record| record.start.before(boundary));
        let mut any = false;
        for index in first..last {
            any |= self.mark_lost(index);
        }
        self.judged = Some(self.judged.map_or(boundary, |judged| judged.latest(boundary)));
        any
    }

    /// The start of the lowest SACKed record that has enough SACKed above, itself included.
    fn loss_boundary(&self, dup_thresh: u32, smss: u32) -> Option<SeqNum> {
        let high = self.high_sacked?;
        let top = self.records.partition_point(|record| record.start.before(high));
        let (mut bytes, mut stretches, mut inside) = (0, 0, false);
        for record in self.records.range(..top).rev() {
            if !record.sacked {
                inside = false;
                continue;
            }
            bytes += record.len();
            stretches += u32::from(!inside);
            inside = true;
            if stretches >= dup_thresh || bytes > dup_thresh.saturating_sub(1).saturating_mul(smss) {
                return Some(record.start);
            }
        }
        None
    }

    /// Takes the oldest transmission for lost, also when it was sent again already. At most `limit` sequence
    /// numbers of it: without SACK only the first segment is known to be missing.
    pub fn mark_head_lost(&mut self, limit: u32) {
        let Some(start) = self.records.front().map(|head| head.start) else { return };
        self.split(start + limit.max(1));
        self.change(0, |record| record.resent = false);
        self.mark_lost(0);
        self.resend_from = None;
    }

    /// After a retransmission timeout: everything that is not SACKed is sent again (RFC 5681 section 3.1). When
    /// the oldest data is SACKed although the peer does not acknowledge it, the peer has reneged and its reports
    /// count for nothing (RFC 2018 section 8).
    pub fn mark_all_lost(&mut self) {
        let reneged = self.records.front().is_some_and(|head| head.sacked);
        for index in 0..self.records.len() {
            self.change(index, |record| {
                record.sacked &= !reneged;
                record.resent = false;
            });
            self.mark_lost(index);
        }
        if reneged {
            self.high_sacked = None;
        }
        self.judged = self.records.back().map(|last| last.end);
        self.resend_from = None;
    }

    /// Takes everything longer than `mss` that is not SACKed for lost: the path carries no more than that.
    pub fn mark_too_long(&mut self, mss: u32) {
        for index in 0..self.records.len() {
            if self.records.get(index).is_some_and(|record| record.len() > mss) {
                self.change(index, |record| record.resent = false);
                self.mark_lost(index);
            }
        }
        self.resend_from = None;
    }

    /// The first stretch that is lost and was not sent again since.
    pub fn next_lost(&mut self) -> Option<Sent> {
        let from = self.resend_from.map_or(0, |from| self.records.partition_point(|r| r.start.before(from)));
        let found = self.records.range(from..).find(|record| record.lost && !record.resent).cloned();
        self.resend_from = found.as_ref().map(|record| record.start).or(self.records.back().map(|last| last.end));
        found
    }

    /// RFC 6675 section 4, NextSeg rule 3: the first stretch below the highest SACKed one that is neither SACKed
    /// nor lost nor sent again.
    pub fn next_doubtful(&self) -> Option<Sent> {
        let high = self.high_sacked?;
        let doubtful = |r: &&Sent| !r.sacked && !r.lost && !r.resent && r.transmissions == 1;
        self.records.iter().take_while(|record| record.start.before(high)).find(doubtful).cloned()
    }

    /// The last stretch, for the rescue retransmission (NextSeg rule 4).
    pub fn last_unsacked(&self) -> Option<Sent> {
        self.records.iter().rev().find(|record| !record.sacked).cloned()
    }

    /// `start..end`, which lies in one record, is sent again now.
    pub fn on_resent(&mut self, start: SeqNum, end: SeqNum, now: Time) {
        self.split(start);
        self.split(end);
        let index = self.records.partition_point(|record| record.start.before(start));
        self.mark_lost(index);
        self.change(index, |record| {
            record.resent = record.lost;
            record.sent = now;
            record.transmissions += 1;
        });
    }

    fn mark_lost(&mut self, index: usize) -> bool {
        let Some(record) = self.records.get(index).filter(|record| !record.sacked && !record.lost) else {
            return false;
        };
        let start = record.start;
        self.resend_from = self.resend_from.map(|from| from.earliest(start));
        self.change(index, |record| record.lost = true);
        true
    }

    /// Changes a record and keeps the sums.
    fn change(&mut self, index: usize, edit: impl FnOnce(&mut Sent)) {
        let Some(record) = self.records.get_mut(index) else { return };
        let len = record.len();
        let part = |flag: bool| if flag { len } else { 0 };
        self.sacked -= part(record.sacked);
        self.lost -= part(record.lost);
        self.resent -= part(record.resent);
        edit(record);
        self.sacked += part(record.sacked);
        self.lost += part(record.lost);
        self.resent += part(record.resent);
    }

    /// Makes `at` a boundary between records, if it lies inside one.
    fn split(&mut self, at: SeqNum) {
        let index = self.records.partition_point(|record| record.end.at_or_before(at));
        let Some(record) = self.records.get_mut(index).filter(|record| record.start.before(at)) else { return };
        let mut upper = record.clone();
        upper.start = at;
        record.end = at;
        self.records.insert(index + 1, upper);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const BASE: SeqNum = SeqNum(u32::MAX - 2_500);

    fn at(ms: u64) -> Time {
        Time::from_nanos(ms * 1_000_000)
    }

    /// `count` segments of 1000 in flight, sent a millisecond apart.
    fn flight(count: u32) -> Scoreboard {
        let mut board = Scoreboard::default();
        for n in 0..count {
            board.on_sent(BASE + n * 1000, BASE + (n + 1) * 1000, at(u64::from(n)));
        }
        board
    }

    fn block(left: u32, right: u32) -> SackBlock {
        SackBlock { left: BASE + left, right: BASE + right }
    }

    #[test]
    fn an_acknowledgment_gives_the_newest_unambiguous_sample() {
        let mut board = flight(4);
        let covered = board.on_ack(BASE + 2000);
        assert_eq!(covered, Covered { delivered: 2000, known: 0, sample: Some(at(1)), resent: false });
        assert_eq!(board.pipe(), 2000);
        board.mark_head_lost(1000);
        board.on_resent(BASE + 2000, BASE + 3000, at(50));
        let covered = board.on_ack(BASE + 3000);
        assert_eq!((covered.sample, covered.resent), (None, true));
    }

    #[test]
    fn three_sacked_segments_above_mean_lost_and_leave_the_pipe() {
        let mut board = flight(5);
        for n in 1..4 {
            assert!(!board.mark_lost_by_sack(3, 1000), "after {} SACKed segments", n - 1);
            board.on_sack(block(n * 1000, (n + 1) * 1000));
        }
        assert_eq!(board.pipe(), 2000);
        assert!(board.mark_lost_by_sack(3, 1000));
        assert_eq!((board.pipe(), board.lost(), board.sacked()), (1000, 1000, 3000));
        assert_eq!(board.next_lost().map(|record| record.start), Some(BASE));
        board.on_resent(BASE, BASE + 1000, at(9));
        assert_eq!(board.next_lost(), None);
        assert_eq!(board.pipe(), 2000);
        let covered = board.on_ack(BASE + 4000);
        assert_eq!((covered.delivered, covered.known), (1000, 3000));
        assert_eq!((board.pipe(), board.sacked(), board.lost()), (1000, 0, 0));
    }

    #[test]
    fn three_separate_blocks_mean_lost_however_small_they_are() {
        let mut board = flight(6);
        for left in [1000, 3000, 5000] {
            board.on_sack(block(left, left + 10));
        }
        assert!(board.mark_lost_by_sack(3, 1000));
        assert_eq!(board.lost(), 1000);
    }

    #[test]
    fn a_timeout_resends_all_but_what_is_sacked_unless_the_peer_reneged() {
        let mut board = flight(4);
        board.on_sack(block(1000, 2000));
        board.mark_all_lost();
        assert_eq!((board.pipe(), board.lost(), board.sacked()), (0, 3000, 1000));
        let mut board = flight(4);
        board.on_sack(block(0, 1000));
        board.mark_all_lost();
        assert_eq!((board.pipe(), board.lost(), board.sacked()), (0, 4000, 0));
    }

    #[test]
    fn a_part_from_the_middle_that_is_sent_again_is_counted_as_such() {
        let mut board = Scoreboard::default();
        board.on_sent(BASE, BASE + 10_000, at(0));
        board.on_resent(BASE + 9_000, BASE + 10_000, at(5));
        assert_eq!(board.pipe(), 10_000);
        assert_eq!(board.on_ack(BASE + 9_000).sample, Some(at(0)));
        assert_eq!(board.on_ack(BASE + 10_000).sample, None);
    }

    #[test]
    fn a_super_segment_is_split_where_blocks_and_retransmissions_end() {
        let mut board = Scoreboard::default();
        board.on_sent(BASE, BASE + 10_000, at(0));
        board.on_sack(block(4000, 9000));
        assert!(board.mark_lost_by_sack(3, 1000));
        assert_eq!(board.lost(), 4000);
        let lost = board.next_lost().unwrap();
        board.on_resent(lost.start, lost.start + 1000, at(1));
        assert_eq!(board.next_lost().map(|record| record.start), Some(BASE + 1000));
        assert_eq!(board.pipe(), 10_000 - 5000 - 4000 + 1000);
        assert_eq!(board.on_ack(BASE + 500).delivered, 500);
        assert_eq!(board.outstanding(), 9_500);
    }
}
