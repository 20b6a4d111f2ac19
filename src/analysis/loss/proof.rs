//! What acknowledgments prove: which retransmissions were not needed, which packets the network doubled, which only came
//! late, and what a receiver gave up again.

use std::collections::VecDeque;
use std::time::Duration;

use serde::{Deserialize, Serialize};

use crate::analysis::segment::Segment;
use crate::analysis::sequence::Verdict;
use crate::time::Time;
use crate::wire::SeqNum;

/// Retransmissions that wait for proof that they were needed, or not.
const WATCHED: usize = 64;
/// Copies that may yet be told to be the network's.
const COPIES: usize = 32;
/// How long after it was sent a duplicate SACK for it may come.
const KEPT: Duration = Duration::from_secs(1);
/// Blocks of SACK that are remembered.
const BLOCKS: usize = 4;

/// A retransmission that waits for proof.
#[derive(Clone, Copy, Debug, Serialize, Deserialize)]
pub struct Watched {
    /// What it brings.
    pub seq: SeqNum,
    /// See `seq`.
    pub end: SeqNum,
    /// TSval, where there are timestamps, until an acknowledgment was held against it.
    pub value: Option<u32>,
    /// See `value`; this one stays.
    pub stamp: Option<u32>,
    /// Its frame.
    pub frame: u64,
    /// When it was sent.
    pub time: Time,
    /// It is known to be needless.
    pub proved: bool,
}

/// A gap that the receiver told of by SACK.
#[derive(Clone, Copy, Debug, Serialize, Deserialize)]
struct Told {
    from: SeqNum,
    to: SeqNum,
    frame: u64,
    /// Something in it was captured since: sent again, or late itself.
    explained: bool,
}

/// What was proved of a retransmission.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Proof {
    /// A duplicate SACK says that it was not needed: its frame, and whether this is news.
    Duplicate(u64, bool),
    /// The echo of an earlier timestamp says so; its frame.
    EarlierEcho(u64),
    /// A duplicate SACK for what was sent once: the network doubled it; the frame of the copy, or of the D-SACK.
    Doubled(u64),
    /// A gap that SACK told of was filled by what was already on its way; the frame of its first SACK.
    OutOfOrder(u64),
    /// The receiver gave up what it had sacked (RFC 2018 section 8); the frame that says so.
    Reneged(u64),
}

/// What waits for proof in one direction.
#[derive(Clone, Debug, Default, Serialize, Deserialize)]
pub struct Proofs {
    watched: VecDeque<Watched>,
    /// Where what was watched once, and is no more, began and ended.
    dropped: Option<(SeqNum, SeqNum)>,
    copies: VecDeque<(SeqNum, SeqNum, u64)>,
    /// What the receiver has sacked and not yet acknowledged, the latest few blocks.
    sacked: VecDeque<(SeqNum, SeqNum)>,
    told: Option<Told>,
}

impl Proofs {
    /// True when nothing waits.
    pub fn is_empty(&self) -> bool {
        self.watched.is_empty() && self.copies.is_empty() && self.sacked.is_empty() && self.told.is_none()
    }

    /// A retransmission.
    pub fn watch(&mut self, again: Watched) {
        if self.watched.len() == WATCHED {
            self.drop_first();
        }
        self.watched.push_back(again);
    }

    fn drop_first(&mut self) {
        if let Some(Watched { seq, end, .. }) = self.watched.pop_front() {
            let known = self.dropped.map(|(from, to)| (from.earliest(seq), to.latest(end)));
            self.dropped = Some(known.unwrap_or((seq, end)));
        }
    }

    /// Something that was there before comes with this timestamp. If that is older than the one of its repetition, it is
    /// the original, and the repetition was not needed: its frame, and whether this is news.
    pub fn on_original(&mut self, seq: SeqNum, end: SeqNum, value: Option<u32>) -> Option<(u64, bool)> {
        let value = value?;
        let older = |again: &Watched| again.stamp.is_some_and(|stamp| (value.wrapping_sub(stamp) as i32) < 0);
        let again =
            self.watched.iter_mut().find(|again| seq.before(again.end) && end.after(again.seq) && older(again))?;
        Some((again.frame, !std::mem::replace(&mut again.proved, true)))
    }

    /// A copy of what was sent once.
    pub fn watch_copy(&mut self, seq: SeqNum, end: SeqNum, frame: u64) {
        if self.copies.len() == COPIES {
            self.copies.pop_front();
        }
        self.copies.push_back((seq, end, frame));
    }

    /// Something below the highest number was captured: a gap that it lies in is no riddle any more.
    pub fn explain(&mut self, seq: SeqNum, end: SeqNum) {
        if let Some(told) = self.told.as_mut().filter(|told| seq.before(told.to) && end.after(told.from)) {
            told.explained = true;
        }
    }

    /// Takes in an acknowledgment by the receiver; tells what it proves.
    pub fn on_acknowledgment(&mut self, segment: &Segment<'_>, verdict: &Verdict, tell: &mut impl FnMut(Proof)) {
        if verdict.dsack {
            self.duplicate(segment, tell);
        }
        self.echo(segment, tell);
        self.gap(segment, verdict, tell);
        self.blocks(segment, verdict, tell);
    }

    fn duplicate(&mut self, segment: &Segment<'_>, tell: &mut impl FnMut(Proof)) {
        let Some(block) = segment.options.sack.as_slice().first() else { return };
        // Probes and ends of one byte are sent again by design.
        if block.right.0.wrapping_sub(block.left.0) <= 1 {
            return;
        }
        let within = |seq: SeqNum, end: SeqNum| seq.at_or_after(block.left) && end.at_or_before(block.right);
        let overlaps = |seq: SeqNum, end: SeqNum| seq.before(block.right) && end.after(block.left);
        if let Some(at) = self.watched.iter().position(|again| within(again.seq, again.end)) {
            if let Some(again) = self.watched.remove(at) {
                tell(Proof::Duplicate(again.frame, !again.proved));
            }
        } else if let Some(at) = self.copies.iter().position(|(seq, end, _)| overlaps(*seq, *end)) {
            if let Some((.., frame)) = self.copies.remove(at) {
                tell(Proof::Doubled(frame));
            }
        } else if !self.watched.iter().any(|again| overlaps(again.seq, again.end))
            && !self.dropped.is_some_and(|(from, to)| overlaps(from, to))
        {
            tell(Proof::Doubled(segment.frame));
        }
    }

    /// RFC 3522: the acknowledgment of a retransmission that echoes a time before it was caused by the original. An
    /// acknowledgment that came sooner than any packet could travel twice was under way before, too; but only the echo
    /// proves it.
    fn echo(&mut self, segment: &Segment<'_>, tell: &mut impl FnMut(Proof)) {
        let (ack, now) = (segment.header.ack, segment.time);
        let echo = segment.options.timestamps.map(|(_, echo)| echo);
        for again in self.watched.iter_mut().filter(|again| ack.at_or_after(again.end)) {
            // The first acknowledgment of it is the one that tells.
            let value = again.value.take();
            if !again.proved && echo.zip(value).is_some_and(|(echo, value)| (echo.wrapping_sub(value) as i32) < 0) {
                again.proved = true;
                tell(Proof::EarlierEcho(again.frame));
            }
        }
        // A duplicate SACK for it comes a round trip later: it is kept a little.
        let over = |again: &Watched| ack.at_or_after(again.end) && now.since(again.time) >= KEPT;
        while self.watched.front().is_some_and(over) {
            self.drop_first();
        }
    }

    /// A gap that closes although nothing in it was sent again: what was in it was late.
    fn gap(&mut self, segment: &Segment<'_>, verdict: &Verdict, tell: &mut impl FnMut(Proof)) {
        let ack = segment.header.ack;
        if let Some(told) = &mut self.told
            && ack.after(told.from)
        {
            if !told.explained {
                tell(Proof::OutOfOrder(told.frame));
            }
            self.told = None;
        }
        let news = segment.options.sack.as_slice().iter().skip(usize::from(verdict.dsack));
        let first = news.map(|block| block.left).filter(|left| left.after(ack)).reduce(SeqNum::earliest);
        if let Some(to) = first
            && self.told.is_none()
        {
            let explained = self.watched.iter().any(|again| again.seq.before(to) && again.end.after(ack));
            self.told = Some(Told { from: ack, to, frame: segment.frame, explained });
        }
    }

    fn blocks(&mut self, segment: &Segment<'_>, verdict: &Verdict, tell: &mut impl FnMut(Proof)) {
        let ack = segment.header.ack;
        // An acknowledgment within a block that was sacked: its receiver no longer has the rest.
        if segment.options.sack.is_empty()
            && self.sacked.iter().any(|(left, right)| ack.at_or_after(*left) && ack.before(*right))
        {
            tell(Proof::Reneged(segment.frame));
            self.sacked.clear();
        }
        self.sacked.retain(|(_, right)| ack.before(*right));
        for block in segment.options.sack.as_slice().iter().skip(usize::from(verdict.dsack)) {
            if block.left.after(ack) && block.right.after(block.left) {
                self.sacked.retain(|(left, right)| block.right.before(*left) || block.left.after(*right));
                if self.sacked.len() == BLOCKS {
                    self.sacked.pop_front();
                }
                self.sacked.push_back((block.left, block.right));
            }
        }
    }
}
