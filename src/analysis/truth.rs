//! What really happened: our own captures say on their interface `impaired` what was done to which packet. It is left
//! out of the analysis and held against what the analysis infers.

use std::collections::HashMap;

use super::connection::Address;
use super::loss::Judgement;
use super::segment::{Checksum, Segment};
use crate::wire::SeqNum;

/// The interface that tells.
pub const IMPAIRED: &str = "impaired";
/// Packets that are kept to be recognised when they are sent again.
const KEPT: usize = 1 << 16;

/// Who sent a segment to whom: addresses and ports as they stand.
type Flow = (std::net::IpAddr, u16, std::net::IpAddr, u16);

/// What was done, and what of it the analysis found.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Score {
    /// Done, by the capture's own word.
    pub done: u64,
    /// Of these, found.
    pub found: u64,
    /// Found, but not done.
    pub invented: u64,
}

/// Impairments, as told and as inferred.
#[derive(Debug, Default)]
pub struct Truth {
    /// Packets with data, SYN or FIN that were dropped, and losses inferred.
    pub dropped: Score,
    /// Pure acknowledgments that were dropped: nothing in a capture shows those.
    pub dropped_acks: u64,
    /// Packets damaged, and wrong checksums seen.
    pub corrupted: Score,
    /// Packets held back, and segments out of order.
    pub reordered: Score,
    /// Packets sent twice by the impairment.
    pub duplicated: u64,
    /// Packets delayed.
    pub delayed: u64,
    told: bool,
    lost: HashMap<Flow, Vec<(SeqNum, SeqNum)>>,
    /// Where segments ended that were held back.
    held: HashMap<Flow, Vec<SeqNum>>,
    kept: usize,
}

impl Truth {
    /// True when the capture tells what was done.
    pub fn is_told(&self) -> bool {
        self.told
    }

    /// A frame of the interface `impaired`, with its comment.
    pub fn on_incident(&mut self, comment: &str, segment: Option<&Segment<'_>>) {
        self.told = true;
        match comment.split_whitespace().next() {
            Some("dropped") => self.lose(segment),
            Some("corrupted") => {
                self.corrupted.done += 1;
                self.keep(segment);
            }
            Some("reordered") => {
                self.reordered.done += 1;
                self.hold(segment);
            }
            Some("duplicated") => self.duplicated += 1,
            Some("delayed") => {
                self.delayed += 1;
                self.hold(segment);
            }
            _ => {}
        }
    }

    fn lose(&mut self, segment: Option<&Segment<'_>>) {
        match segment {
            Some(segment) if segment.seq_len() > 0 => {
                self.dropped.done += 1;
                self.keep(Some(segment));
            }
            _ => self.dropped_acks += 1,
        }
    }

    fn hold(&mut self, segment: Option<&Segment<'_>>) {
        if let Some(segment) = segment.filter(|segment| segment.len > 0)
            && self.kept < KEPT
        {
            self.kept += 1;
            self.held.entry(flow(segment)).or_default().push(segment.header.seq + segment.len);
        }
    }

    /// Whether the data that one end sent to another, and that ended at `end`, was held back by the capture's own word.
    pub fn was_held(&self, from: Address, to: Address, end: SeqNum) -> bool {
        self.held.get(&(from.ip, from.port, to.ip, to.port)).is_some_and(|held| held.contains(&end))
    }

    fn keep(&mut self, segment: Option<&Segment<'_>>) {
        if let Some(segment) = segment.filter(|segment| segment.seq_len() > 0)
            && self.kept < KEPT
        {
            self.kept += 1;
            let range = (segment.header.seq, segment.header.seq + segment.seq_len());
            self.lost.entry(flow(segment)).or_default().push(range);
        }
    }

    /// A segment, and what the analysis took it for.
    pub fn on_segment(&mut self, segment: &Segment<'_>, judgement: Judgement) {
        if !self.told {
            return;
        }
        self.corrupted.found += u64::from(segment.checksum == Checksum::Bad);
        let again = matches!(judgement, Judgement::Repair(_) | Judgement::Control);
        if judgement == Judgement::Overtaken {
            // What was inferred from its repetition is taken back.
            self.dropped.invented = self.dropped.invented.saturating_sub(1);
        }
        let late = matches!(judgement, Judgement::Reordered | Judgement::Overtaken);
        self.reordered.found += u64::from(late);
        if !again && !late {
            return;
        }
        let (seq, end) = (segment.header.seq, segment.header.seq + segment.seq_len());
        let Some(lost) = self.lost.get_mut(&flow(segment)) else {
            self.dropped.invented += u64::from(again);
            return;
        };
        let before = lost.len();
        // Losses that this repairs, the same range lost twice only once.
        if let Some(at) = lost.iter().position(|(from, to)| seq.before(*to) && end.after(*from)) {
            lost.remove(at);
        }
        let repaired = (before - lost.len()) as u64;
        self.kept -= repaired as usize;
        self.dropped.found += repaired;
        self.dropped.invented += u64::from(again && repaired == 0);
        if late && repaired > 0 {
            self.reordered.found -= 1;
        }
    }
}

fn flow(segment: &Segment<'_>) -> Flow {
    (segment.src, segment.header.src_port, segment.dst, segment.header.dst_port)
}
