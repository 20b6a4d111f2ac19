//! Why a sender sent something again.

use serde::{Deserialize, Serialize};

use crate::analysis::segment::Segment;
use crate::analysis::sequence::{Direction, Edge, Marks, Verdict};

/// No sender in use retransmits on a timer sooner than this (Linux, Windows, macOS: 200 ms and more).
const LEAST_RTO: u64 = 180_000_000;

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

/// Timers fire after long silence of the other end, for the first segment that is outstanding; probes take the last one;
/// everything else follows news of a loss.
pub fn cause(segment: &Segment<'_>, verdict: &Verdict, own: Edge, peer: &Direction) -> Cause {
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
