//! Where the time of a connection went: what kept a sender back, closed windows, pauses, and the quarrel of Nagle's
//! algorithm with delayed acknowledgments.
//!
//! A sender acts on an acknowledgment when it arrives, which is not when it passes the place of capture: from there it
//! takes the way to the sender, and what is sent then takes the way back. The handshake shows how long that is, and so
//! much later acknowledgments count here. At the sender itself it is nothing, at the receiver the whole round trip.

use std::collections::VecDeque;

use serde::{Deserialize, Serialize};

use super::seen::Spans;
use super::segment::Segment;
use super::sequence::{Direction, Marks, Scale, Verdict};
use crate::time::Time;
use crate::wire::{Flags, SeqNum};

/// A delayed acknowledgment waits at least this long (Linux 40 ms and more; RFC 9293 section 3.8.6.3 allows 500).
const DELAYED: u64 = 35_000_000;
/// Who was only waiting for an acknowledgment sends within this time of it.
const AT_ONCE: u64 = 3_000_000;
/// Silence shorter than this is no pause.
const PAUSE: u64 = 100_000_000;
/// A way that takes less than this is none.
const NEAR: u64 = 1_000_000;
/// Acknowledgments on their way to the sender that are told apart; more are taken together.
const UNDER_WAY: usize = 64;

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

/// An acknowledgment and the window with it, when they reach the sender.
#[derive(Clone, Copy, Debug, Serialize, Deserialize)]
struct Arrival {
    time: Time,
    ack: SeqNum,
    /// The right edge of the window; `None` where its scale is not known.
    edge: Option<SeqNum>,
}

/// A small segment that was acknowledged late.
#[derive(Clone, Copy, Debug, Serialize, Deserialize)]
struct Held {
    nanos: u64,
    /// When the acknowledgment reaches the sender.
    until: Time,
    frame: u64,
}

/// Where the time of one direction went.
#[derive(Clone, Debug, Default, Serialize, Deserialize)]
pub struct Limits {
    /// Nanoseconds with nothing to send, with a full window, and waiting for the network.
    spent: [u64; 3],
    limit: Limit,
    /// Up to when time is accounted for.
    since: Option<Time>,
    /// Since when the sender could send and did not.
    free: Time,
    arrivals: VecDeque<Arrival>,
    /// The highest sequence number sent.
    next: Option<SeqNum>,
    /// What the sender knows to be acknowledged, and how far it may send.
    acked: Option<SeqNum>,
    edge: Option<SeqNum>,
    /// The largest flight since the last loss: what the sender has shown that it may have under way.
    proven: u32,
    /// Where it stopped, if it ever did.
    stalls: Option<Box<Stalls>>,
    /// The receiver's window is closed, or as good as: since when, and in which frame it closed.
    closed: Option<(Time, u64)>,
    /// Last payload: time, frame, bytes.
    last: Option<(Time, u64, u32)>,
    /// It was the end of what there was to send.
    dry: bool,
    held: Option<Held>,
    /// The most window that the receiver offered, in bytes.
    pub most_window: u64,
}

/// Times during which nothing was sent although there was something, or might have been.
#[derive(Clone, Copy, Debug, Default, Serialize, Deserialize)]
pub struct Stalls {
    /// The receiver of this direction had closed its window, or left less than a segment of it.
    pub zero_window: Spans,
    /// This end's application sent nothing although it could.
    pub pauses: Spans,
    /// Of these, the longest began with a request of the other end, in this frame.
    pub asked: u64,
    /// A small segment waited for a delayed acknowledgment, with more to send.
    pub nagle: Spans,
}

/// What a segment meets, for a sender's direction.
pub struct Meeting<'a> {
    /// The segment.
    pub segment: &'a Segment<'a>,
    /// What was said of it.
    pub verdict: &'a Verdict,
    /// The directions after it: that of the sender under judgement and the other.
    pub own: &'a Direction,
    /// See `own`.
    pub peer: &'a Direction,
    /// The largest payload of the direction, and the largest that it may have.
    pub largest: u32,
    /// See `largest`.
    pub mss: u32,
    /// A loss is being repaired.
    pub recovering: bool,
    /// From the place of capture to this sender and back, and to its receiver and back, in nanoseconds.
    pub lag: u64,
    /// See `lag`.
    pub beyond: u64,
    /// The last payload of the other end: time and frame.
    pub asked: Option<(Time, u64)>,
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
    pub fn on_segment(&mut self, sent: bool, meeting: &Meeting<'_>) {
        let segment = meeting.segment;
        let now = segment.time;
        if self.last.is_none() {
            // Before its first payload nothing keeps it back.
            if sent && segment.len == 0 {
                self.next = meeting.own.next_seq();
                return;
            }
            if !sent && meeting.lag < NEAR {
                self.note_window(meeting.peer, segment);
                return;
            }
        }
        self.catch_up(now, meeting);
        if !sent {
            self.acknowledged(meeting);
            self.catch_up(now, meeting);
            return;
        }
        let payload = segment.len > 0;
        if payload {
            self.payload(meeting);
        }
        self.next = meeting.own.next_seq();
        if payload {
            self.since = self.since.or(Some(now));
            self.decide(now, meeting);
        }
    }

    /// Lets all acknowledgments reach the sender that have by `now`.
    fn catch_up(&mut self, now: Time, meeting: &Meeting<'_>) {
        while let Some(arrival) = self.arrivals.front().filter(|arrival| arrival.time <= now).copied() {
            self.arrivals.pop_front();
            self.account(arrival.time);
            (self.acked, self.edge) = (Some(arrival.ack), arrival.edge);
            self.decide(arrival.time, meeting);
        }
        self.account(now);
    }

    fn account(&mut self, now: Time) {
        if let Some(since) = self.since.filter(|since| *since < now) {
            if let Some(spent) = self.spent.get_mut(self.limit as usize) {
                *spent = spent.saturating_add(now.since(since).as_nanos() as u64);
            }
            self.since = Some(now);
        }
    }

    /// What keeps the sender back from now on.
    fn decide(&mut self, now: Time, meeting: &Meeting<'_>) {
        let next = self.next;
        let beyond = |seq: Option<SeqNum>| match (next, seq) {
            (Some(next), Some(seq)) if next.after(seq) => next.0.wrapping_sub(seq.0),
            _ => 0,
        };
        let flight = if self.acked.is_some() { beyond(self.acked) } else { 0 };
        // What is under way during a recovery, and what is only missing, cannot be told apart.
        self.proven = if meeting.recovering { 0 } else { self.proven.max(flight) };
        let room = match (next, self.edge) {
            (Some(next), Some(edge)) if edge.after(next) => edge.0.wrapping_sub(next.0),
            (Some(_), Some(_)) => 0,
            _ => u32::MAX,
        };
        let idle = flight == 0 || self.dry || u64::from(flight) * 2 < u64::from(self.proven);
        let limit = if room < meeting.largest.max(1) {
            Limit::Receiver
        } else if flight == 0 || idle && !meeting.recovering {
            Limit::Sender
        } else {
            Limit::Network
        };
        if limit == Limit::Sender && self.limit != Limit::Sender {
            self.free = now;
        }
        self.limit = limit;
    }

    /// Payload of this direction: ends its own pause, and perhaps a wait for a delayed acknowledgment.
    fn payload(&mut self, meeting: &Meeting<'_>) {
        let Meeting { segment, verdict, .. } = meeting;
        let (now, frame) = (segment.time, segment.frame);
        let fresh = !verdict.marks.reported().contains(Marks::RETRANSMISSION);
        if let Some(held) = self.held.take()
            && now.since(held.until).as_nanos() < u128::from(AT_ONCE)
            && fresh
        {
            self.stalls.get_or_insert_default().nagle.add(held.nanos, held.frame, frame);
        }
        let last = self.last.map(|(time, frame, _)| (time, frame));
        // Its turn came with its own last payload, with a request, or when it could send again.
        if let Some((time, begun)) = last.max(meeting.asked)
            && self.limit == Limit::Sender
            && fresh
        {
            let silent = now.since(time.max(self.free)).as_nanos() as u64;
            if silent >= PAUSE.max((meeting.lag + meeting.beyond).saturating_mul(2)) {
                let stalls = self.stalls.get_or_insert_default();
                if silent >= stalls.pauses.longest {
                    stalls.asked = meeting.asked.filter(|asked| Some(*asked) > last).map_or(0, |(_, frame)| frame);
                }
                stalls.pauses.add(silent, begun, frame);
            }
        }
        self.last = Some((now, frame, segment.len));
        // Who has more to send fills its segments, and does not push.
        self.dry = segment.len + 40 < meeting.mss && segment.header.flags.contains(Flags::PSH);
    }

    /// A segment of the receiver: its window, and how late it acknowledges a small segment.
    fn acknowledged(&mut self, meeting: &Meeting<'_>) {
        let Meeting { segment, verdict, peer, own, .. } = meeting;
        let (now, header) = (segment.time, &segment.header);
        if !header.flags.ack() {
            return;
        }
        let (window, edge) = self.window(peer, segment);
        // Less than a segment holds a sender back as nothing does (RFC 9293 section 3.8.6.2.1).
        let plain = !(header.flags.syn() || header.flags.fin() || header.flags.rst());
        let little = window < u64::from(meeting.largest) && window * 2 < self.most_window;
        let closes = plain && self.last.is_some() && (window == 0 || little);
        match self.closed {
            None if closes => self.closed = Some((now, segment.frame)),
            Some((since, frame)) if !closes => {
                let stalls = self.stalls.get_or_insert_default();
                stalls.zero_window.add(now.since(since).as_nanos() as u64, frame, segment.frame);
                self.closed = None;
            }
            _ => {}
        }
        let time = now + std::time::Duration::from_nanos(meeting.lag);
        let arrival = Arrival { time, ack: header.ack, edge };
        if meeting.lag < NEAR {
            (self.acked, self.edge) = (Some(arrival.ack), arrival.edge);
            self.decide(now, meeting);
        } else {
            self.put_under_way(arrival, meeting.lag);
        }
        self.held = None;
        if segment.len == 0
            && own.next_seq() == Some(header.ack)
            && let Some((sent, frame, len)) = self.last
            && len + 40 < meeting.mss
        {
            let nanos = now.since(sent).as_nanos() as u64;
            if nanos >= DELAYED + meeting.beyond && verdict.acknowledges.is_some() {
                self.held = Some(Held { nanos, until: time, frame });
            }
        }
    }

    /// The window that the receiver offers, and its right edge where the scale is known.
    fn window(&mut self, peer: &Direction, segment: &Segment<'_>) -> (u64, Option<SeqNum>) {
        let window = peer.window().unwrap_or(0);
        self.most_window = self.most_window.max(window);
        let bytes = u32::try_from(window).unwrap_or(u32::MAX);
        (window, (peer.scale() != Scale::Unknown).then(|| segment.header.ack + bytes))
    }

    /// An acknowledgment before there is anything to acknowledge.
    fn note_window(&mut self, peer: &Direction, segment: &Segment<'_>) {
        if segment.header.flags.ack() {
            let (_, edge) = self.window(peer, segment);
            (self.acked, self.edge) = (Some(segment.header.ack), edge);
        }
    }

    /// What comes in close order is taken as one, so that few are under way at any time.
    fn put_under_way(&mut self, arrival: Arrival, lag: u64) {
        let full = self.arrivals.len() >= UNDER_WAY * 2;
        match self.arrivals.back_mut() {
            Some(latest)
                if full || latest.time + std::time::Duration::from_nanos(lag / UNDER_WAY as u64) > arrival.time =>
            {
                (latest.ack, latest.edge) = (arrival.ack, arrival.edge);
            }
            _ => self.arrivals.push_back(arrival),
        }
    }

    /// Drops what only a running connection needs.
    pub fn rest(&mut self) {
        (self.since, self.last, self.held) = (None, None, None);
        (self.next, self.acked, self.edge) = (None, None, None);
        (self.limit, self.free, self.proven, self.dry) = (Limit::Sender, Time::ZERO, 0, false);
        self.arrivals = VecDeque::new();
    }

    /// Keeps the first frame of each kind of evidence only.
    pub fn tighten(&mut self) {
        if let Some(stalls) = &mut self.stalls {
            let spans = [&mut stalls.zero_window, &mut stalls.pauses, &mut stalls.nagle];
            spans.into_iter().for_each(|spans| spans.seen.tighten());
        }
    }

    /// When payload of this direction was last seen, and in which frame.
    pub fn last_payload(&self) -> Option<(Time, u64)> {
        self.last.map(|(time, frame, _)| (time, frame))
    }

    /// The receiver's window is closed at the end of the capture: since when, and in which frame it closed.
    pub fn still_closed(&self) -> Option<(Time, u64)> {
        self.closed
    }
}
