//! Why a flag was raised: the rule and the numbers that fired it, in a sentence.

use std::fmt::Write as _;

use super::verdict::{Marks, Verdict};
use super::{Before, Direction, FAST, REORDERING, Scale, since};
use crate::analysis::segment::Segment;
use crate::time::Time;
use crate::wire::SeqNum;

impl Before {
    /// A sentence for each mark of `verdict`, in the order of [`Marks::ALL`].
    pub fn reasons(&self, segment: &Segment<'_>, verdict: &Verdict) -> Vec<String> {
        let mut reasons: Vec<String> = Marks::ALL
            .iter()
            .filter(|(mark, _)| verdict.marks.contains(*mark))
            .map(|(mark, _)| self.reason(*mark, segment, verdict))
            .collect();
        if verdict.dsack {
            reasons.push("the first SACK block reports data that had arrived before: a duplicate SACK".into());
        }
        reasons
    }

    fn reason(&self, mark: Marks, segment: &Segment<'_>, verdict: &Verdict) -> String {
        let (own, peer) = (&self.own, &self.peer);
        let header = &segment.header;
        let now = Time::from_nanos(since(segment.time, self.begun));
        let (seq, ack, len) = (relative(own, header.seq), relative(peer, header.ack), segment.len);
        let next = own.next_seq.map_or(0, |next| relative(own, next));
        let bytes = range(seq, len);
        match mark {
            Marks::REUSED_PORTS => "a connection between these ports was there before, with another initial sequence \
                                    number or already ended: this opens a new one"
                .into(),
            Marks::RETRANSMISSION => {
                let first = match verdict.rto {
                    Some(first) => format!("; first sent {} ago in frame {}", time(first.nanos), first.frame),
                    None => String::new(),
                };
                format!("{bytes} starts before {next}, the highest sequence number seen{first}")
            }
            Marks::FAST_RETRANSMISSION => {
                let ago = time(since(now, peer.last_time));
                let which = if header.seq == peer.last_ack { "what it asks for" } else { "not in its SACK blocks" };
                format!(
                    "{bytes} follows {} duplicate acknowledgments by {ago}, less than {}, and is {which}",
                    peer.duplicates,
                    time(FAST)
                )
            }
            Marks::SPURIOUS_RETRANSMISSION => {
                format!("{bytes} was acknowledged before: the last acknowledgment was {}", relative(own, peer.last_ack))
            }
            Marks::OUT_OF_ORDER => {
                let ago = time(since(now, own.next_seq_time));
                let (limit, what) = match self.handshake {
                    Some(handshake) => (handshake, "the handshake's round trip of"),
                    None => (REORDERING, "the assumed"),
                };
                format!(
                    "{bytes} was not seen before and came {ago} after the right edge moved to {next}, within {what} {}",
                    time(limit)
                )
            }
            Marks::LOST_SEGMENT => {
                let missing = header.seq.0.wrapping_sub(own.next_seq.unwrap_or(header.seq).0);
                format!("starts at {seq}, but {next} was next: {missing} bytes are missing before it")
            }
            Marks::ACK_LOST_SEGMENT => {
                let seen = peer.contiguous.map_or(0, |contiguous| relative(peer, contiguous));
                format!("acknowledges up to {ack}, but the capture has the other side only up to {seen} without a gap")
            }
            Marks::WINDOW_UPDATE if header.ack != own.last_ack => {
                let before = peer_window(own);
                format!(
                    "acknowledgment {ack} takes the byte of the probe, and the window opens from {before} to {}",
                    header.window
                )
            }
            Marks::WINDOW_UPDATE => {
                let before = peer_window(own);
                format!(
                    "no data and the same acknowledgment {ack}, but the window changed from {before} to {}",
                    header.window
                )
            }
            Marks::WINDOW_FULL => {
                let window = peer.window().unwrap_or(0);
                let edge = relative(own, peer.last_ack).wrapping_add(window as u32);
                format!("{bytes} ends at {edge}, exactly where the receiver's window of {window} bytes ends")
            }
            Marks::KEEP_ALIVE => {
                format!("{len} bytes at {seq}, one before {next}, the next to send")
            }
            Marks::KEEP_ALIVE_ACK => format!("repeats acknowledgment {ack} and window after a keep-alive"),
            Marks::DUPLICATE_ACK => {
                let (number, frame) = verdict.duplicate_ack.unwrap_or_default();
                format!("acknowledges {ack} once more without data: duplicate {number} of frame {frame}")
            }
            Marks::ZERO_WINDOW_PROBE => "one byte, the next to send, into a window that was closed".into(),
            Marks::ZERO_WINDOW => "the window is 0: the other side must stop sending".into(),
            Marks::ZERO_WINDOW_PROBE_ACK => {
                format!("answers a probe with acknowledgment {ack}: the window stays closed")
            }
            Marks::PARTIAL_ACK => match verdict.acknowledges {
                Some(sent) => format!("acknowledgment {ack} ends within the segment of frame {}", sent.frame),
                None => format!("acknowledgment {ack} ends within a segment"),
            },
            Marks::TFO_SYN => "the SYN carries a Fast Open cookie".into(),
            Marks::TFO_ACK => format!("the SYN-ACK acknowledges {} bytes of the SYN's data", ack.wrapping_sub(1)),
            Marks::TFO_IGNORED => "the SYN-ACK leaves out the data of the SYN".into(),
            _ => String::new(),
        }
    }
}

fn relative(direction: &Direction, seq: SeqNum) -> u32 {
    seq.0.wrapping_sub(direction.base.unwrap_or_default().0)
}

fn range(seq: u32, len: u32) -> String {
    match len {
        0 => format!("sequence number {seq}"),
        1 => format!("byte {seq}"),
        _ => format!("bytes {seq}-{}", seq.wrapping_add(len - 1)),
    }
}

fn peer_window(direction: &Direction) -> String {
    direction.window.map_or_else(|| "an unknown one".into(), |window| window.to_string())
}

/// A span of time in the unit that suits it.
pub fn time(nanos: u64) -> String {
    let mut out = String::new();
    // Writing to a String cannot fail.
    let _ = match nanos {
        0..1_000 => write!(out, "{nanos} ns"),
        1_000..1_000_000 => write!(out, "{} us", rounded(nanos, 1_000)),
        1_000_000..1_000_000_000 => write!(out, "{} ms", rounded(nanos, 1_000_000)),
        _ => write!(out, "{} s", rounded(nanos, 1_000_000_000)),
    };
    out
}

/// Three digits are enough to tell two spans apart.
fn rounded(nanos: u64, unit: u64) -> String {
    let value = nanos as f64 / unit as f64;
    let digits = if value >= 100.0 {
        0
    } else if value >= 10.0 {
        1
    } else {
        2
    };
    let text = format!("{value:.digits$}");
    match text.split_once('.') {
        Some(_) => text.trim_end_matches('0').trim_end_matches('.').to_owned(),
        None => text,
    }
}

impl Direction {
    /// The shift, where it is known.
    pub fn shift(&self) -> Option<u8> {
        match self.scale {
            Scale::Shift(shift) => Some(shift),
            Scale::Unknown | Scale::Unused => None,
        }
    }
}
