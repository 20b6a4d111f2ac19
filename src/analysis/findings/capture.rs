//! What the capture itself lacks or distorts: said once, however many connections it touches.

use super::premise::{is_twice, premises};
use super::unread::{CutHeaders, Unread, cut};
use super::{Finding, Severity, grouped, many, percent};
use crate::analysis::connection::Connection;
use crate::analysis::segment::Side;
use crate::analysis::sequence::time;

/// So many SYNs without an answer are no accident.
const MANY_SYNS: u64 = 10_000;

/// What is known of the capture as a whole.
#[derive(Clone, Debug, Default)]
pub struct CaptureFacts {
    /// Frames read.
    pub frames: u64,
    /// TCP segments among them.
    pub segments: u64,
    /// Segments whose checksum was left to hardware, and the first of them.
    pub unfilled: (u64, Option<u64>),
    /// Segments larger than the MSS, and the first of them.
    pub oversize: (u64, Option<u64>),
    /// Bytes acknowledged and not captured, and in how many connections.
    pub unseen: (u64, u64),
    /// Frames that the capturing program reports as dropped.
    pub dropped: u64,
    /// Frames cut by the snapshot length.
    pub cut: u64,
    /// TCP headers cut by it.
    pub cut_headers: CutHeaders,
    /// Segments of which little more than the ports was captured.
    pub unreadable: u64,
    /// What could not be read.
    pub unread: Unread,
    /// Frames that repeat a packet, and how many of them passed a router in between.
    pub copies: (u64, u64),
    /// Segments with a wrong checksum that were taken all the same, and the first of them.
    pub unfinished: (u64, Option<u64>),
    /// Segments that were acknowledged before they were captured, the first of them, and how long before at most.
    pub late: (u64, Option<u64>, u64),
    /// Connections.
    pub connections: u64,
    /// Of these, those of which one direction is missing, and those that began before the capture.
    pub one_direction: u64,
    /// See `one_direction`.
    pub midstream: u64,
    /// Frames with a time before that of an earlier one, the first, and the most nanoseconds.
    pub backwards: (u64, Option<u64>, u64),
    /// Fragments that belong to no complete datagram.
    pub incomplete: u64,
    /// SYNs that nobody answered, given up or not.
    pub unanswered: u64,
    /// Connections given up for lack of room, with their packets.
    pub merged: (u64, u64),
}

impl CaptureFacts {
    /// Adds what the segments of one end of a connection say of the capture.
    pub fn note_sender(&mut self, connection: &Connection, side: Side) {
        let course = connection.course(side);
        let (odd, loss) = (course.oddities(), course.loss());
        self.oversize.0 += u64::from(odd.oversize.count);
        self.oversize.1 = earlier(self.oversize.1, odd.oversize.first());
        // That a whole direction is missing is told as such.
        if connection.one_sided().is_none() {
            self.unseen.0 += loss.unseen_bytes();
            self.unseen.1 += u64::from(loss.unseen_bytes() > 0);
        }
        self.copies.0 += u64::from(loss.copies.count.saturating_sub(loss.doubled.count));
        self.copies.1 += u64::from(loss.routed);
        if !odd.damage.is_real() && !odd.damage.taken.is_none() {
            self.unfinished.0 += u64::from(odd.damage.seen.count);
            self.unfinished.1 = earlier(self.unfinished.1, odd.damage.seen.first());
        }
        self.late.0 += u64::from(loss.captured_late.seen.count);
        self.late.1 = earlier(self.late.1, loss.captured_late.seen.first());
        self.late.2 = self.late.2.max(loss.captured_late.longest);
    }
}

fn earlier(known: Option<u64>, other: Option<u64>) -> Option<u64> {
    known.into_iter().chain(other).min()
}

/// What there is to say of the capture.
pub fn of_capture(facts: &CaptureFacts) -> Vec<Finding> {
    let mut found = Vec::new();
    premises(facts, &mut |kind, text, frame, advice| {
        let (frames, advice) = (frame.into_iter().collect(), advice.into());
        let severity = Severity::Note;
        found.push(Finding { severity, kind, stream: None, text, frames, advice, cost: 0, premise: true });
    });
    let mut add = |severity, kind, text: String, frame: Option<u64>, advice: &str| {
        let (frames, advice) = (frame.into_iter().collect(), advice.into());
        found.push(Finding { severity, kind, stream: None, text, frames, advice, cost: 0, premise: false });
    };
    if facts.dropped > 0 {
        let text = format!(
            "{} were dropped while capturing: what looks like loss may be theirs",
            many(facts.dropped, "frame")
        );
        add(
            Severity::Warning,
            "capture_dropped",
            text,
            None,
            "capture less at a time: with a larger buffer, a filter or a snapshot length",
        );
    }
    if facts.unseen.0 > 0 {
        let text = format!(
            "the capture lacks {} bytes in {} that were acknowledged: they passed another way or were not captured",
            grouped(facts.unseen.0),
            many(facts.unseen.1, "connection"),
        );
        add(Severity::Note, "capture_gap", text, None, "gaps of this kind are not loss on the network");
    }
    if facts.unfilled.0 > 0 || facts.oversize.0 > 0 {
        let text = format!(
            "captured on a sending host: {} without a checksum yet, {} larger than the MSS; its network device fills in the \
             one and cuts the other",
            many(facts.unfilled.0, "segment"),
            many(facts.oversize.0, "segment"),
        );
        let first = [facts.unfilled.1, facts.oversize.1].into_iter().flatten().min();
        add(
            Severity::Note,
            "capture_offload",
            text,
            first,
            "harmless; ethtool -K DEV tso off gso off gro off tx off shows the wire",
        );
    }
    if facts.unfinished.0 > 0 {
        let text = format!(
            "{} with a checksum that does not fit were taken all the same: it was not filled in yet where they were \
             captured, or addresses were rewritten since",
            many(facts.unfinished.0, "segment"),
        );
        let advice = "harmless; ethtool -K DEV tx off shows what is on the wire";
        add(Severity::Note, "capture_offload", text, facts.unfinished.1, advice);
    }
    if facts.copies.0 > 0 && !is_twice(facts) {
        let text = format!(
            "{} ({}) are copies of another that came just before: the network or the capture doubled them, the packets do not \
             say which",
            many(facts.copies.0, "segment"),
            percent(facts.copies.0, facts.segments),
        );
        add(Severity::Note, "capture_copies", text, None, "");
    }
    // Several processors that capture at once are off by less.
    if facts.backwards.2 >= 1_000_000 {
        let (frames, most) = (many(facts.backwards.0, "frame"), time(facts.backwards.2));
        let text = format!("time runs backwards at {frames}, by {most} at most");
        add(
            Severity::Note,
            "capture_time",
            text,
            facts.backwards.1,
            "captures that overlap, or a clock that was set back: within one capture, times of these are not to be trusted \
             (reordercap sorts them)",
        );
    }
    if let Some((text, remedy)) = facts.unread.told(facts.frames) {
        // Where more is unread than read, what is said of the rest may mislead.
        let severity = if facts.unread.frames() > facts.segments { Severity::Warning } else { Severity::Note };
        add(severity, "capture_unread", text, None, remedy);
    }
    if facts.cut > 0 {
        let (severity, text, advice) = cut(facts);
        add(severity, "capture_cut", text, None, &advice);
    }
    if facts.incomplete > 0 {
        let text = match facts.incomplete {
            1 => "1 fragment belongs to no complete datagram".into(),
            count => format!("{} fragments belong to no complete datagram", grouped(count)),
        };
        add(Severity::Note, "fragments", text, None, "");
    }
    if facts.unanswered >= MANY_SYNS {
        let text =
            format!("{} opened connections that nobody answered: a scan or a flood", many(facts.unanswered, "SYN"));
        let advice =
            "--filter 'syn and not ack' --packets shows from where; SYN cookies and rate limits help its target";
        add(Severity::Error, "flood", text, None, advice);
    }
    if facts.merged.0 > 0 {
        let text = format!(
            "{} with {} were given up for lack of room: only their numbers are in the totals",
            many(facts.merged.0, "connection"),
            many(facts.merged.1, "packet"),
        );
        add(Severity::Note, "merged", text, None, "--max-flows N keeps more, at up to a kilobyte each");
    }
    found
}
