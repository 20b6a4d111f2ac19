//! What of a capture could not be read, or was not captured.

use std::cmp::Reverse;
use std::collections::BTreeMap;

use super::capture::CaptureFacts;
use super::{Severity, grouped, many, percent};
use crate::analysis::dissect::{Other, Tcp};
use crate::wire::tcp::TCP_HEADER;

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

/// What the snapshot length cut, how bad that is, and what would have been enough.
pub(super) fn cut(facts: &CaptureFacts) -> (Severity, String, String) {
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
