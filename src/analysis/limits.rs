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
/// Who asks waits for an answer less than this, or the answer is more than a word.
const IDLE: u64 = 5_000_000_000;
/// See [`IDLE`].
const WORD: u32 = 200;
/// So many ticks of a sender's clock show how fast it runs (RFC 7323 section 5.4 allows from 1 ms to 1 s).
const TICKS: u32 = 5;
/// Segments that a sender may have under way from the start (RFC 6928).
const INITIAL_WINDOW: u32 = 10;
/// By then a sender without losses is past its first few round trips.
const SETTLED: u64 = 1_000_000_000;
/// A round trip that few paths exceed.
const UNKNOWN: u64 = 300_000_000;
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
    /// The timestamp of its last segment, and when that was captured.
    stamp: Option<(Time, u32)>,
    /// The same of its first.
    first_stamp: Option<(Time, u32)>,
    /// When it acknowledged all that the other end had sent, since that sent payload last.
    took: Option<Time>,
    /// Bytes that it sent since its last pause or the other end's payload.
    burst: u64,
    held: Option<Held>,
    /// The most window that the receiver offered, in bytes.
    pub most_window: u64,
}

/// Times during which nothing was sent although there was something, or might have been.
#[derive(Clone, Copy, Debug, Default, Serialize, Deserialize)]
pub struct Stalls {
    /// The receiver of this direction had closed its window, or left less than a segment of it.
    pub zero_window: Spans,
    /// Nanoseconds with a full window since the most that was offered grew last.
    pub full: u64,
    /// Of these, those with a window of less than half of that: what had arrived was not read.
    pub unread: u64,
    /// It went on after a time in which nothing was under way, and the other end had sent nothing either.
    pub pauses: Spans,
    /// Bytes that it sent between one pause and the next, of all pauses together.
    pub between: u64,
    /// The shortest pause.
    pub shortest: u64,
    /// It sent, and what it sent was held up on its way to the place of capture.
    pub held_up: Spans,
    /// The time until it answered the other end.
    pub answers: Spans,
    /// The time until it sent a word of its own, long after the other end had.
    pub news: u64,
    /// Where the data ended that it answered after the longest of these.
    pub asked: SeqNum,
    /// Of these, the time for which its acknowledgment proves that it had what it was to answer.
    pub proven: u64,
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
    /// It never had to send anything again.
    pub lossless: bool,
    /// When its first payload was captured.
    pub begun: Time,
    /// This sender has closed: it has nothing more to send.
    pub finished: bool,
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
        // A keep-alive may bring a byte that was there before (RFC 9293 section 3.8.4): it is no payload.
        let payload = segment.len > 0 && !meeting.verdict.marks.contains(Marks::KEEP_ALIVE);
        if !sent && payload {
            (self.took, self.burst) = (None, 0);
        } else if sent && self.took.is_none() && meeting.peer.next_seq() == Some(segment.header.ack) {
            self.took = Some(now);
        }
        if self.last.is_none() {
            // Before its first payload nothing keeps it back.
            if sent && !payload {
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
        if payload {
            self.payload(meeting);
        }
        if let Some((value, _)) = segment.options.timestamps {
            self.stamp = Some((now, value));
            self.first_stamp = self.first_stamp.or(self.stamp);
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
            self.account(arrival.time, meeting);
            (self.acked, self.edge) = (Some(arrival.ack), arrival.edge);
            self.decide(arrival.time, meeting);
        }
        self.account(now, meeting);
    }

    fn account(&mut self, now: Time, meeting: &Meeting<'_>) {
        let Some(since) = self.since.filter(|since| *since < now) else { return };
        let nanos = now.since(since).as_nanos() as u64;
        self.since = Some(now);
        let under_way = self.next.zip(self.acked).is_some_and(|(next, acked)| next.after(acked));
        // A full window whose bytes are all under way waits for them: what takes longer than some round trips is the path's.
        let path = (meeting.lag + meeting.beyond).saturating_mul(3).saturating_add(DELAYED);
        let limit = match self.limit {
            Limit::Receiver if under_way && nanos > path => Limit::Network,
            limit => limit,
        };
        if let Some(spent) = self.spent.get_mut(limit as usize) {
            *spent = spent.saturating_add(nanos);
        }
        // What a few moments come to is not looked at more closely.
        if limit == Limit::Receiver && self.spent(Limit::Receiver) >= PAUSE / 2 {
            let offered = meeting.peer.window().unwrap_or(self.most_window);
            let unread = if offered * 2 < self.most_window { nanos } else { 0 };
            let stalls = self.stalls.get_or_insert_default();
            stalls.full = stalls.full.saturating_add(nanos);
            stalls.unread = stalls.unread.saturating_add(unread);
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
        // Without a loss every sender may have an initial window under way (RFC 6928), but for the first moments.
        let settled = now.since(meeting.begun).as_nanos() as u64 > SETTLED;
        let little = meeting.lossless && settled && flight < meeting.mss.saturating_mul(INITIAL_WINDOW - 1);
        let idle = flight == 0 || self.dry || little || u64::from(flight) * 2 < u64::from(self.proven);
        let limit = if room < meeting.largest.max(1) && !meeting.finished {
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
            // Where the handshake was not captured the path may be long.
            let path = if meeting.lag + meeting.beyond > 0 { meeting.lag + meeting.beyond } else { UNKNOWN };
            if silent >= PAUSE.max(path.saturating_mul(2)) {
                let held_up = self.was_held_up(segment);
                let stalls = self.stalls.get_or_insert_default();
                let word = silent >= IDLE && segment.len < WORD;
                if held_up {
                    stalls.held_up.add(silent, begun, frame);
                } else if meeting.asked > last && word {
                    // A word after a long time is news rather than an answer.
                    stalls.news = stalls.news.saturating_add(silent);
                } else if meeting.asked > last {
                    let had_it = self.took.filter(|took| *took < now);
                    stalls.proven += had_it.map_or(0, |took| (now.since(took).as_nanos() as u64).min(silent));
                    if silent >= stalls.answers.longest {
                        stalls.asked = meeting.peer.next_seq().unwrap_or_default();
                    }
                    stalls.answers.add(silent, begun, frame);
                } else {
                    stalls.shortest = if stalls.pauses.seen.is_none() { silent } else { stalls.shortest.min(silent) };
                    stalls.between += self.burst;
                    stalls.pauses.add(silent, begun, frame);
                }
                self.burst = 0;
            }
        }
        self.burst += u64::from(segment.len);
        self.last = Some((now, frame, segment.len));
        // Who has more to send fills its segments, and does not push.
        self.dry = segment.len + 40 < meeting.mss && segment.header.flags.contains(Flags::PSH);
    }

    /// Its timestamp is hardly later than that of the segment long before it, as its clock had run until then: it had left
    /// at that time.
    fn was_held_up(&self, segment: &Segment<'_>) -> bool {
        let Some(((since, before), (value, _))) = self.stamp.zip(segment.options.timestamps) else { return false };
        let Some((begun, first)) = self.first_stamp else { return false };
        let ticks = u64::from(before.wrapping_sub(first));
        let (ran, passed) = (since.since(begun).as_nanos() as u64, segment.time.since(since).as_nanos() as u64);
        let tick = ran / ticks.max(1);
        let told = (u64::from(value.wrapping_sub(before)) + 1).saturating_mul(tick);
        ticks >= u64::from(TICKS) && passed >= PAUSE && told.saturating_mul(4) < passed
    }

    /// A segment of the receiver: its window, and how late it acknowledges a small segment.
    fn acknowledged(&mut self, meeting: &Meeting<'_>) {
        let Meeting { segment, verdict, peer, own, .. } = meeting;
        let (now, header) = (segment.time, &segment.header);
        if !header.flags.ack() {
            return;
        }
        let (window, edge) = self.window(peer, segment);
        let known = peer.scale() != Scale::Unknown && peer.window().is_some();
        // Less than a segment holds a sender back as nothing does (RFC 9293 section 3.8.6.2.1).
        let plain = !(header.flags.syn() || header.flags.fin() || header.flags.rst());
        let little = known && window < u64::from(meeting.largest) && window * 2 < self.most_window;
        let closes = plain && self.last.is_some() && !meeting.finished && (header.window == 0 || little);
        match self.closed {
            None if closes => self.closed = Some((now, segment.frame)),
            Some((since, frame)) if !closes || meeting.finished => {
                let stalls = self.stalls.get_or_insert_default();
                stalls.zero_window.add(now.since(since).as_nanos() as u64, frame, segment.frame);
                self.closed = None;
            }
            _ => {}
        }
        // Who waits for a window does not wait for an acknowledgment.
        let waits_for_window = self.limit == Limit::Receiver;
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
            && !waits_for_window
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
        // A buffer that is tuned grows while it is in the way; what counts is one that no longer does.
        if window > self.most_window + self.most_window / 16
            && let Some(stalls) = &mut self.stalls
        {
            (stalls.full, stalls.unread) = (0, 0);
        }
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
        (self.stamp, self.first_stamp, self.took, self.burst) = (None, None, None, 0);
        self.arrivals = VecDeque::new();
    }

    /// Keeps the first frame of each kind of evidence only.
    pub fn tighten(&mut self) {
        if let Some(stalls) = &mut self.stalls {
            let own = [&mut stalls.pauses, &mut stalls.answers, &mut stalls.held_up];
            let spans = [&mut stalls.zero_window, &mut stalls.nagle].into_iter().chain(own);
            spans.for_each(|spans| spans.seen.tighten());
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
