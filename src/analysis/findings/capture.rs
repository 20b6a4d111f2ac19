//! What the capture itself lacks or distorts: said once, however many connections it touches.

use std::cmp::Reverse;
use std::collections::BTreeMap;

use super::{Finding, Severity, grouped, many, percent};
use crate::analysis::dissect::{Other, Tcp};
use crate::analysis::sequence::time;
use crate::wire::tcp::TCP_HEADER;

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

/// TCP headers that the snapshot length cut, options counted to them.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct CutHeaders {
    /// Segments with such a header.
    pub segments: u64,
    /// Those of them that lack more than options.
    pub fixed: u64,
    /// Bytes of a frame that would have been enough for the shortest of them, and for all; as far as lengths were cut
    /// off as well, for the shortest and the longest there can be.
    pub needed: (usize, usize),
    /// The most bytes that were captured of their frames.
    pub kept: usize,
}

impl CaptureFacts {
    /// Notes a segment that was cut, of whose frame `kept` bytes were captured. `recorded` tells whether the capture
    /// itself says that the frame was longer.
    pub(crate) fn on_cut(&mut self, tcp: &Tcp<'_>, kept: usize, recorded: bool) {
        self.cut += u64::from(!recorded);
        if !tcp.segment.options_cut {
            return;
        }
        let (least, most) = tcp.missing_header;
        let (least, most) = (kept + usize::from(least), kept + usize::from(most));
        let known = &mut self.cut_headers;
        known.needed.0 = if known.segments == 0 { least } else { known.needed.0.min(least) };
        known.needed.1 = known.needed.1.max(most);
        known.kept = known.kept.max(kept);
        known.segments += 1;
        known.fixed += u64::from(usize::from(tcp.captured_header) < TCP_HEADER);
    }
}

/// Frames in which there may have been a segment, but which could not be read: why, and how many.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Unread {
    reasons: BTreeMap<String, Reason>,
    frames: u64,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Reason {
    frames: u64,
    link: bool,
    remedy: &'static str,
}

impl Unread {
    /// Reasons that are told apart.
    const MAX: usize = 256;

    /// Counts a frame under a name for the reason.
    pub(crate) fn add(&mut self, name: &str, other: &Other) {
        self.frames += 1;
        if let Some(reason) = self.reasons.get_mut(name) {
            reason.frames += 1;
        } else if self.reasons.len() < Self::MAX {
            let link = matches!(other, Other::UnknownLink(_));
            self.reasons.insert(name.to_owned(), Reason { frames: 1, link, remedy: other.remedy() });
        }
    }

    /// How many frames.
    pub fn frames(&self) -> u64 {
        self.frames
    }

    /// How many of them because nothing of their link type is read.
    pub fn of_unknown_links(&self) -> u64 {
        self.reasons.values().filter(|reason| reason.link).map(|reason| reason.frames).sum()
    }

    /// What could not be read of `frames` frames, and why, the most frequent reason first; and what can be done about
    /// that one, where something can.
    pub fn told(&self, frames: u64) -> Option<(String, &'static str)> {
        let mut reasons: Vec<_> = self.reasons.iter().collect();
        reasons.sort_by_key(|(_, reason)| Reverse(reason.frames));
        let named: Vec<String> =
            reasons.iter().take(4).map(|(name, reason)| format!("{name} ({})", grouped(reason.frames))).collect();
        let rest = if reasons.len() > 4 { ", ..." } else { "" };
        let (_, first) = reasons.first()?;
        let text = format!(
            "{} of {} could not be read: {}{rest}",
            grouped(self.frames),
            many(frames, "frame"),
            named.join(", ")
        );
        Some((text, first.remedy))
    }
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

/// What the snapshot length cut, how bad that is, and what would have been enough.
fn cut(facts: &CaptureFacts) -> (Severity, String, String) {
    let mut text =
        format!("{} ({}) were cut by the snapshot length", many(facts.cut, "frame"), percent(facts.cut, facts.frames));
    let CutHeaders { segments, fixed, needed: (least, most), kept } = facts.cut_headers;
    if segments == 0 {
        let advice = if facts.segments > 0 { "headers are enough for everything but the bytes themselves" } else { "" };
        return (Severity::Note, text, advice.into());
    }
    let needed = if least == most { format!("{most}") } else { format!("{least} to {most}") };
    text.push_str(&format!(
        ", {} of {} within the TCP header: it needs {needed} bytes of each frame, this capture has {kept}",
        grouped(segments),
        many(facts.segments, "TCP segment"),
    ));
    if facts.unreadable > 0 {
        text.push_str(&format!(
            "; {} of them have little more than ports and are counted to no connection",
            grouped(facts.unreadable)
        ));
    }
    let lacks = if fixed > 0 { "windows and options" } else { "options" };
    let enough = most.next_multiple_of(32).max(96);
    let advice = format!(
        "{lacks} that were not captured are unknown here, not absent: capture {} bytes of each frame, {enough} at least \
         (tcpdump -s {})",
        enough.max(128),
        enough.max(128)
    );
    (if fixed > 0 { Severity::Warning } else { Severity::Note }, text, advice)
}
