//! Where the time of a connection went: what kept a sender back, closed windows, pauses, and the quarrel of Nagle's
//! algorithm with delayed acknowledgments.

use serde::{Deserialize, Serialize};

use super::seen::Spans;
use super::segment::Segment;
use super::sequence::{Direction, Marks, Scale, Verdict};
use crate::time::Time;

/// A delayed acknowledgment waits at least this long (Linux 40 ms and more; RFC 9293 section 3.8.6.3 allows 500).
const DELAYED: u64 = 35_000_000;
/// Who was only waiting for an acknowledgment sends within this time of it.
const AT_ONCE: u64 = 3_000_000;
/// Silence shorter than this is no pause.
const PAUSE: u64 = 100_000_000;

/// What a sender waits for.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Default, Serialize, Deserialize)]
pub enum Limit {
    /// It has nothing to send.
    #[default]
    Sender,
    /// The window is full.
    Receiver,
    /// Acknowledgments on their way, a congestion window, or a loss being repaired.
    Network,
}

/// Where the time of one direction went.
#[derive(Clone, Debug, Default, Serialize, Deserialize)]
pub struct Limits {
    /// Nanoseconds with nothing to send, with a full window, and waiting for the network.
    spent: [u64; 3],
    limit: Limit,
    since: Option<Time>,
    /// The largest flight since the last loss: what the sender has shown that it may have under way.
    proven: u32,
    /// Where it stopped, if it ever did.
    stalls: Option<Box<Stalls>>,
    closed: Option<(Time, u64)>,
    /// Last payload: time, frame, bytes.
    last: Option<(Time, u64, u32)>,
    /// A small segment was acknowledged late: when it was sent and acknowledged, and its frame.
    held: Option<(u64, Time, u64)>,
    /// The most window that the receiver offered, in bytes.
    pub most_window: u64,
    /// Full windows, and where.
    pub window_full: u32,
}

/// Times during which nothing was sent although there was something, or might have been.
#[derive(Clone, Copy, Debug, Default, Serialize, Deserialize)]
pub struct Stalls {
    /// The receiver of this direction had closed its window.
    pub zero_window: Spans,
    /// This end's application sent nothing although it was its turn.
    pub pauses: Spans,
    /// A small segment waited for a delayed acknowledgment, with more to send.
    pub nagle: Spans,
}

/// What a segment meets, for its sender's direction.
pub struct Meeting<'a> {
    /// The segment.
    pub segment: &'a Segment<'a>,
    /// What was said of it.
    pub verdict: &'a Verdict,
    /// The directions after it: that of the sender under judgement and the other.
    pub own: &'a Direction,
    /// See `own`.
    pub peer: &'a Direction,
    /// The largest payload of the direction.
    pub largest: u32,
    /// A loss is being repaired.
    pub recovering: bool,
    /// From SYN to the first acknowledgment, in nanoseconds.
    pub handshake: Option<u64>,
}

impl Limits {
    /// Nanoseconds during which data was to be sent and this kept it back.
    pub fn spent(&self, limit: Limit) -> u64 {
        self.spent.get(limit as usize).copied().unwrap_or(0)
    }

    /// Where it stopped.
    pub fn stalls(&self) -> Stalls {
        self.stalls.as_deref().copied().unwrap_or_default()
    }

    /// A segment of either end passed; `sent` says that it is one of this direction.
    pub fn on_segment(&mut self, sent: bool, meeting: &Meeting<'_>, others_last: Option<Time>) {
        let Meeting { segment, verdict, own, peer, .. } = meeting;
        let now = segment.time;
        if let Some(since) = self.since
            && let Some(spent) = self.spent.get_mut(self.limit as usize)
        {
            *spent += now.since(since).as_nanos() as u64;
        }
        if sent && segment.len > 0 {
            self.payload(meeting, others_last);
        } else if !sent {
            self.acknowledged(meeting);
        }
        if sent && verdict.marks.contains(Marks::WINDOW_FULL) {
            self.window_full += 1;
        }
        if segment.len > 0 || self.since.is_some() {
            self.since = Some(now);
        }
        let flight = match (own.next_seq(), peer.last_ack()) {
            (Some(next), Some(ack)) if next.after(ack) => next.0.wrapping_sub(ack.0),
            _ => 0,
        };
        self.proven = if meeting.recovering { flight } else { self.proven.max(flight) };
        let room = match (peer.scale(), peer.window()) {
            (Scale::Unknown, _) | (_, None) => u64::MAX,
            (_, Some(window)) => window.saturating_sub(u64::from(flight)),
        };
        self.limit = if room < u64::from(meeting.largest.max(1)) {
            Limit::Receiver
        } else if flight == 0 || !meeting.recovering && u64::from(flight) * 2 < u64::from(self.proven) {
            Limit::Sender
        } else {
            Limit::Network
        };
    }

    /// Payload of this direction: ends its own pause, and perhaps a wait for a delayed acknowledgment.
    fn payload(&mut self, meeting: &Meeting<'_>, others_last: Option<Time>) {
        let Meeting { segment, verdict, .. } = meeting;
        let now = segment.time;
        let fresh = !verdict.marks.reported().contains(Marks::RETRANSMISSION);
        if let Some((nanos, acknowledged, frame)) = self.held.take()
            && now.since(acknowledged).as_nanos() < u128::from(AT_ONCE)
            && fresh
        {
            self.stalls.get_or_insert_default().nagle.add(nanos, frame, segment.frame);
        }
        let before = self.last.map(|(time, ..)| time).max(others_last);
        if let Some(before) = before
            && self.limit == Limit::Sender
            && fresh
        {
            let silent = now.since(before).as_nanos() as u64;
            if silent >= PAUSE.max(meeting.handshake.unwrap_or(0) * 2) {
                let frame = self.last.map_or(segment.frame, |(_, frame, _)| frame);
                self.stalls.get_or_insert_default().pauses.add(silent, frame, segment.frame);
            }
        }
        self.last = Some((now, segment.frame, segment.len));
    }

    /// A segment of the receiver: its window, and how late it acknowledges a small segment.
    fn acknowledged(&mut self, meeting: &Meeting<'_>) {
        let Meeting { segment, verdict, peer, own, .. } = meeting;
        let now = segment.time;
        let flags = segment.header.flags;
        self.most_window = self.most_window.max(peer.window().unwrap_or(0));
        let closes = verdict.marks.contains(Marks::ZERO_WINDOW);
        match self.closed {
            None if closes => self.closed = Some((now, segment.frame)),
            Some((since, frame)) if !closes => {
                let stalls = self.stalls.get_or_insert_default();
                stalls.zero_window.add(now.since(since).as_nanos() as u64, frame, segment.frame);
                self.closed = None;
            }
            _ => {}
        }
        self.held = None;
        if segment.len == 0
            && flags.ack()
            && own.next_seq() == Some(segment.header.ack)
            && let Some((sent, frame, len)) = self.last
            && len < meeting.largest.max(536)
        {
            let waited = now.since(sent).as_nanos() as u64;
            let path = meeting.handshake.unwrap_or(0);
            if waited >= DELAYED.max(path.saturating_mul(2)) && verdict.acknowledges.is_some() {
                self.held = Some((waited, now, frame));
            }
        }
    }

    /// Drops what only a running connection needs.
    pub fn rest(&mut self) {
        (self.since, self.last, self.held) = (None, None, None);
    }

    /// Keeps the first frame of each kind of evidence only.
    pub fn tighten(&mut self) {
        if let Some(stalls) = &mut self.stalls {
            let spans = [&mut stalls.zero_window, &mut stalls.pauses, &mut stalls.nagle];
            spans.into_iter().for_each(|spans| spans.seen.tighten());
        }
    }

    /// When payload of this direction was last seen.
    pub fn last_payload(&self) -> Option<Time> {
        self.last.map(|(time, ..)| time)
    }

    /// The receiver's window is closed at the end of the capture: since when, and in which frame it closed.
    pub fn still_closed(&self) -> Option<(Time, u64)> {
        self.closed
    }
}
