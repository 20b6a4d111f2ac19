//! What the capture itself lacks or distorts: said once, however many connections it touches.

use super::{Finding, Severity, grouped, many, percent};
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
    /// Exact copies of the frame before, same IP identification.
    pub copies: u64,
    /// Frames with a time before that of an earlier one, the first, and the most nanoseconds.
    pub backwards: (u64, Option<u64>, u64),
    /// Fragments that belong to no complete datagram.
    pub incomplete: u64,
    /// SYNs that nobody answered, given up or not.
    pub unanswered: u64,
    /// Connections given up for lack of room, with their packets.
    pub merged: (u64, u64),
}

/// What there is to say of the capture.
pub fn of_capture(facts: &CaptureFacts) -> Vec<Finding> {
    let mut found = Vec::new();
    let mut add = |severity, kind, text: String, frame: Option<u64>, advice: &str| {
        let frames = frame.into_iter().collect();
        found.push(Finding { severity, kind, stream: None, text, frames, advice: advice.into(), cost: 0 });
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
        add(Severity::Warning, "capture_gap", text, None, "gaps of this kind are not loss on the network");
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
    if facts.copies > 0 {
        let text = format!(
            "{} ({}) are exact copies of another, with the same IP identification: the capture saw them twice",
            many(facts.copies, "segment"),
            percent(facts.copies, facts.segments),
        );
        add(
            Severity::Note,
            "capture_copies",
            text,
            None,
            "a mirror port or a bridge does that; editcap -d takes them out",
        );
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
            "times of these are not to be trusted; reordercap sorts them",
        );
    }
    if facts.cut > 0 {
        let text = format!(
            "{} ({}) were cut by the snapshot length",
            many(facts.cut, "frame"),
            percent(facts.cut, facts.frames)
        );
        add(Severity::Note, "capture_cut", text, None, "headers are enough for everything but the bytes themselves");
    }
    if facts.incomplete > 0 {
        let text = format!("{} of IP belong to no complete datagram", many(facts.incomplete, "fragment"));
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
