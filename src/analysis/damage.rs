//! Segments whose checksum does not fit, and what became of them: only what the receiver did not take was damaged.
//!
//! A host that leaves checksums to its device hands them to the capture unfinished, and a box that rewrites addresses may
//! leave them wrong in a copy. What such a segment brings is acknowledged all the same. What was damaged on its way is
//! dropped by the receiver (RFC 9293 section 3.1) and has to be sent again.

use std::collections::VecDeque;

use serde::{Deserialize, Serialize};

use super::seen::Seen;
use super::segment::Segment;
use crate::wire::SeqNum;

/// Segments whose fate is awaited.
const AWAITED: usize = 32;

/// Segments of one direction with a checksum that does not fit.
#[derive(Clone, Debug, Default, Serialize, Deserialize)]
pub struct Damage {
    /// All of them.
    pub seen: Seen,
    /// Of these, those that had to be sent again.
    pub lost: Seen,
    /// Those that were acknowledged without that.
    pub taken: Seen,
    awaited: VecDeque<(SeqNum, SeqNum, u64)>,
}

impl Damage {
    /// A segment whose checksum does not fit.
    pub fn on_bad(&mut self, segment: &Segment<'_>) {
        self.seen.add(segment.frame);
        if segment.seq_len() == 0 {
            return;
        }
        if self.awaited.len() == AWAITED {
            self.awaited.pop_front();
        }
        self.awaited.push_back((segment.header.seq, segment.header.seq + segment.seq_len(), segment.frame));
    }

    /// A segment of the same direction that was sent before.
    pub fn on_again(&mut self, segment: &Segment<'_>) {
        let (seq, end) = (segment.header.seq, segment.header.seq + segment.seq_len());
        let lost = &mut self.lost;
        self.awaited.retain(|(from, to, frame)| {
            let again = *frame != segment.frame && seq.before(*to) && end.after(*from);
            if again {
                lost.add(*frame);
            }
            !again
        });
    }

    /// The receiver has everything before `ack`.
    pub fn on_acknowledged(&mut self, ack: SeqNum) {
        while let Some((.., frame)) = self.awaited.front().filter(|(_, to, _)| ack.at_or_after(*to)) {
            self.taken.add(*frame);
            self.awaited.pop_front();
        }
    }

    /// True when what was not taken had been damaged: most of what is known of says so.
    pub fn is_real(&self) -> bool {
        self.lost.count > self.taken.count
    }

    /// Drops what only a running connection needs.
    pub fn rest(&mut self) {
        self.awaited = VecDeque::new();
    }
}
