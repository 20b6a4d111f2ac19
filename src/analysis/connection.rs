//! One connection: everything that is kept of it, segment by segment.

use std::net::IpAddr;

use serde::{Deserialize, Serialize};

use super::copies::Copy as FrameCopy;
use super::course::Course;
use super::limits::Meeting;
use super::loss::{Judgement, Loss, Sending};
use super::seen::Seen;
use super::segment::{Segment, Side};
use super::sequence::{Before, Edge, Marks, Scale, Sequence, Verdict};
use super::states::{Illegal, States, Window};
use super::tally::Tally;
use super::zeek::History;
use crate::tcp::State;
use crate::time::Time;
use crate::wire::icmp::IcmpKind;
use crate::wire::options::{TcpOption, options};
use crate::wire::{Flags, SeqNum};

#[cfg(test)]
mod tests;

/// Resets that are kept of one connection.
const RESETS: usize = 3;
/// ICMP errors that are kept of one connection.
const ERRORS: usize = 3;

/// An end: address and port.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub struct Address {
    /// IP address.
    pub ip: IpAddr,
    /// TCP port.
    pub port: u16,
}

impl std::fmt::Display for Address {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        std::net::SocketAddr::new(self.ip, self.port).fmt(f)
    }
}

/// What a SYN offered.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Default, Serialize, Deserialize)]
pub struct Offer {
    /// The frame of the first.
    pub frame: u64,
    /// When, since the connection's first segment.
    pub time: Time,
    /// Maximum segment size.
    pub mss: Option<u16>,
    /// Window scale.
    pub window_scale: Option<u8>,
    /// SACK permitted.
    pub sack: bool,
    /// Timestamps.
    pub timestamps: bool,
    /// Fast Open option.
    pub fast_open: bool,
    /// ECN (RFC 3168 section 6.1.1).
    pub ecn: bool,
    /// Multipath TCP (RFC 8684).
    pub multipath: bool,
    /// Its window field.
    pub window: u16,
    /// The window field of the first segment after it, when that is far smaller: as if it were scaled.
    pub collapsed: Option<u16>,
    /// Payload with it.
    pub len: u32,
}

/// A reset.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Reset {
    /// Its frame.
    pub frame: u64,
    /// When, since the connection's first segment.
    pub time: Time,
    /// Who sent it.
    pub side: Side,
    /// In which state its sender was.
    pub state: Option<State>,
    /// In which state the other end was.
    pub peer: Option<State>,
    /// Time to live of its IP header, and of its sender's packets before.
    pub ttl: (u8, Option<u8>),
    /// Data of the other end was not acknowledged yet.
    pub unacknowledged: bool,
    /// The other end sent payload last, and got nothing for it.
    pub unanswered: bool,
    /// Its sequence number was the one that its receiver expects.
    pub expected: bool,
    /// Nanoseconds since the segment before it.
    pub after: u64,
    /// Its sender reset once more: something came for it all the same.
    pub repeated: bool,
}

/// Segments that ask for an answer, and to which there was none.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Unheard {
    /// Who sent them.
    pub side: Side,
    /// When the other end was heard last.
    pub since: Time,
    /// The repetitions and probes among them.
    pub tries: Seen,
    /// Of these, keep-alives.
    pub keep_alives: u32,
    /// When the last of them was sent.
    pub last: Time,
}

/// An ICMP error about this connection.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct IcmpNote {
    /// Its frame.
    pub frame: u64,
    /// Who sent it.
    pub from: IpAddr,
    /// What it says.
    pub what: IcmpKind,
}

/// One connection. All times but the first count from that one: they are small numbers then, which rest in little space.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct Connection {
    /// Number of the stream, from 0, as Wireshark counts.
    pub stream: u32,
    /// A sent the first packet.
    pub ends: [Address; 2],
    /// Frame and time of the first segment.
    pub first: (u64, Time),
    /// Frame and time of the last, since the first.
    pub last: (u64, Time),
    /// Wireshark's analysis.
    pub sequence: Sequence,
    /// tcptrace's statistics.
    pub tally: Tally,
    /// The states of both ends.
    pub states: States,
    /// Zeek's words.
    pub history: History,
    /// Each end as a sender.
    pub courses: [Course; 2],
    /// Segments that an end in its state must not send.
    pub illegal: Vec<(Illegal, Side, Seen)>,
    /// Resets.
    pub resets: Vec<Reset>,
    /// ICMP errors about it.
    pub icmp: Vec<IcmpNote>,
    /// SYN to SYN-ACK, and SYN-ACK to the acknowledgment, in nanoseconds.
    pub handshake: (Option<u64>, Option<u64>),
    /// Who sent payload last, when and in which frame: it is the other's turn, or it goes on.
    pub turn: Option<(Side, Time, u64)>,
    /// Who closed first with a FIN or a reset, and when.
    pub closing: Option<(Side, Time, u64)>,
    /// What one end sent again since the other was heard last.
    pub unheard: Option<Unheard>,
    /// What the last segment was, as far as it concerns loss.
    #[serde(skip)]
    pub judgement: Judgement,
}

impl Connection {
    /// A connection whose first segment is `segment`.
    pub fn new(stream: u32, segment: &Segment<'_>) -> Self {
        let header = &segment.header;
        let ends =
            [Address { ip: segment.src, port: header.src_port }, Address { ip: segment.dst, port: header.dst_port }];
        let first = (segment.frame, segment.time);
        Connection {
            stream,
            ends,
            first,
            last: (first.0, Time::ZERO),
            sequence: Sequence::default(),
            tally: Tally::default(),
            states: States::default(),
            history: History::default(),
            courses: Default::default(),
            illegal: Vec::new(),
            resets: Vec::new(),
            icmp: Vec::new(),
            handshake: (None, None),
            turn: None,
            closing: None,
            unheard: None,
            judgement: Judgement::Plain,
        }
    }

    /// Which end sent a segment with this source.
    pub fn side_of(&self, source: Address) -> Side {
        if self.ends.first() == Some(&source) { Side::A } else { Side::B }
    }

    /// An end's address.
    pub fn end(&self, side: Side) -> Address {
        let [a, b] = self.ends;
        if side == Side::A { a } else { b }
    }

    /// An end as a sender.
    pub fn course(&self, side: Side) -> &Course {
        let [a, b] = &self.courses;
        if side == Side::A { a } else { b }
    }

    /// From the first to the last segment, in nanoseconds.
    pub fn duration(&self) -> u64 {
        self.last.1.as_nanos()
    }

    /// A point of the capture's time as this connection counts it: from its first segment on.
    pub fn relative(&self, time: Time) -> Time {
        Time::from_nanos(time.as_nanos().saturating_sub(self.first.1.as_nanos()))
    }

    /// What is known before a segment of `side`.
    pub fn before(&self, side: Side) -> Before {
        self.sequence.before(side, self.first.1)
    }

    /// Takes in a segment. Returns what the sequence analysis says, and whether its sender was allowed to send it.
    pub fn on_segment(&mut self, side: Side, segment: &Segment<'_>, reused: bool) -> (Verdict, Option<Illegal>) {
        let segment = &Segment { time: self.relative(segment.time), ..*segment };
        let edge = self.sequence.direction(side).edge();
        let copy = self.copy_of(side, segment, edge);
        let verdict = self.sequence.on_segment(side, segment, reused);
        self.tally.on_segment(side, segment);
        self.history.on_segment(side, segment, &verdict);
        let last = (segment.frame, segment.time.max(self.last.1));
        if let Some(copy) = copy {
            // It was sent once: of its sender and its path it says nothing new.
            self.note_copy(side, segment, copy);
            self.last = last;
            return (verdict, None);
        }
        let illegal = self.note_states(side, segment);
        self.note_handshake(side, segment);
        let again = verdict.marks.reported().intersects(Marks::RETRANSMISSION | Marks::KEEP_ALIVE);
        if segment.len > 0 && !again {
            self.turn = Some((side, segment.time, segment.frame));
        }
        if segment.header.flags.fin() || segment.header.flags.rst() {
            self.closing = self.closing.or(Some((side, segment.time, segment.frame)));
        }
        let heard = self.sequence.direction(side.other()).last_time();
        self.note_course(side, segment, &verdict, edge);
        self.note_unheard(side, segment, &verdict, heard);
        self.last = last;
        (verdict, illegal)
    }

    fn note_unheard(&mut self, side: Side, segment: &Segment<'_>, verdict: &Verdict, heard: Time) {
        if self.unheard.is_some_and(|unheard| unheard.side != side) {
            self.unheard = None;
        }
        let again = matches!(self.judgement, Judgement::Repair(_) | Judgement::Needless | Judgement::Control);
        let probe = verdict.marks.intersects(Marks::KEEP_ALIVE | Marks::ZERO_WINDOW_PROBE);
        if !(again || probe) || segment.header.flags.syn() {
            return;
        }
        let none = Unheard { side, since: heard, tries: Seen::default(), keep_alives: 0, last: Time::ZERO };
        let unheard = self.unheard.get_or_insert(none);
        unheard.tries.add(segment.frame);
        unheard.keep_alives += u32::from(probe);
        unheard.last = segment.time;
    }

    /// The capture has segments of one end only, which answer the other: it lacks a direction.
    pub fn one_sided(&self) -> Option<Side> {
        let silent = |side| self.course(side).packets == 0;
        let answers = |side| self.tally.side(side).acks > 0 && self.course(side).packets >= 3;
        [Side::A, Side::B].into_iter().find(|side| silent(side.other()) && answers(*side))
    }

    /// The capture began in its midst: no SYN is there, though it goes on.
    pub fn is_midstream(&self) -> bool {
        self.courses.iter().all(|course| course.offer.is_none())
            && self.courses.iter().map(|course| course.packets).sum::<u64>() > 1
    }

    /// Of what this segment is a copy. Only what brings nothing new can be one.
    #[inline]
    fn copy_of(&mut self, side: Side, segment: &Segment<'_>, edge: Edge) -> Option<FrameCopy> {
        let repeats = match segment.seq_len() {
            0 => self.sequence.direction(side).last_ack() == Some(segment.header.ack),
            _ => edge.next.is_some_and(|next| segment.header.seq.before(next)),
        };
        let copy = if repeats { self.find_copied(side, segment) } else { None };
        if copy.is_none() {
            let [a, b] = &mut self.courses;
            let recent = if side == Side::A { &mut a.recent } else { &mut b.recent };
            recent.add(segment);
        }
        copy
    }

    fn find_copied(&self, side: Side, segment: &Segment<'_>) -> Option<FrameCopy> {
        let copies: u32 = self.courses.iter().map(|course| course.loss().copies.count).sum();
        let packets: u64 = self.courses.iter().map(|course| course.packets).sum();
        let twice = copies > 2 && u64::from(copies) * 4 > packets;
        self.course(side).recent.copy_of(segment, self.round_trip(), twice)
    }

    fn note_copy(&mut self, side: Side, segment: &Segment<'_>, copy: FrameCopy) {
        let [a, b] = &mut self.courses;
        let own = if side == Side::A { a } else { b };
        own.packets += 1;
        own.bytes += u64::from(segment.len);
        own.loss.get_or_insert_default().on_copy(segment, copy);
        self.judgement = Judgement::Copy;
    }

    fn note_states(&mut self, side: Side, segment: &Segment<'_>) -> Option<Illegal> {
        let own = self.sequence.direction(side);
        let window = Window {
            bytes: own.window().map_or(0, |window| u32::try_from(window).unwrap_or(u32::MAX)),
            unit: 1 << own.shift().unwrap_or(0),
            known: own.scale() != Scale::Unknown,
        };
        let states = (self.states.state(side), self.states.state(side.other()));
        let illegal = self.states.on_segment(side, segment, window);
        if let Some(illegal) = illegal {
            self.note_illegal(illegal, side, segment.frame);
        }
        if segment.header.flags.syn() {
            self.note_offer(side, segment);
        } else if self.tally.side(side).packets == self.tally.side(side).syns + 1 {
            self.note_collapse(side, segment);
        }
        if segment.header.flags.rst() {
            self.note_reset(side, segment, states);
        }
        illegal
    }

    /// The round trip of the path as the handshake shows it, or else the least that was measured on both its parts; 0 when
    /// neither is known.
    pub fn round_trip(&self) -> u64 {
        if let (Some(answered), Some(completed)) = self.handshake {
            return answered + completed;
        }
        self.sequence.handshake().unwrap_or_else(|| {
            let [a, b] = &self.courses;
            a.round_trips.min().unwrap_or(0) + b.round_trips.min().unwrap_or(0)
        })
    }

    fn note_course(&mut self, side: Side, segment: &Segment<'_>, verdict: &Verdict, edge: Edge) {
        let (to_own, to_peer) = (self.way_to(side), self.way_to(side.other()));
        let round_trip = self.round_trip();
        let (own_after, peer_after) = (self.sequence.direction(side), self.sequence.direction(side.other()));
        let [a, b] = &mut self.courses;
        let (own, peer) = if side == Side::A { (a, b) } else { (b, a) };
        own.count(segment, verdict);
        let allowed = peer.offer.and_then(|offer| offer.mss).map_or(u32::MAX, u32::from);
        if segment.len > allowed {
            own.odd().oversize.add(segment.frame);
        }
        if let Some(block) = segment.options.sack.as_slice().first()
            && let Some(next) = peer_after.next_seq()
            && block.right.offset_from(next).unsigned_abs() > 1 << 28
        {
            own.odd().foreign_sack.add(segment.frame);
        }
        if segment.len > 0 && peer_after.unscaled_edge() == Some(segment.header.seq + segment.len) {
            own.odd().unscaled.add(segment.frame);
        }
        own.measure_before(segment, to_own, round_trip);
        if let (Some((value, _)), true) = (segment.options.timestamps, segment.len == 0) {
            peer.echo.acknowledged(value, segment.time.as_nanos());
        }
        peer.measure(segment, verdict, peer_after, (to_own, round_trip));
        self.judgement = Judgement::Plain;
        if Loss::concerns(verdict.marks) || own.loss.as_ref().is_some_and(|loss| loss.has_holes()) {
            let waited = own.queues().waited();
            let sending = Sending {
                segment,
                verdict,
                own: edge,
                base: own_after.base().unwrap_or_default(),
                peer: peer_after,
                largest: own.largest,
                delivered: own.delivered,
                round_trip,
                recent: &own.recent,
                waited,
            };
            self.judgement = own.loss.get_or_insert_default().on_sent(&sending);
        }
        own.check(segment, self.judgement);
        let first = peer_after.base().unwrap_or_default() + 1;
        let unheard = peer_after.next_seq().is_none() && segment.header.ack.after(first);
        if verdict.unseen > 0 || !segment.options.sack.is_empty() || unheard {
            peer.loss.get_or_insert_default();
        }
        if let Some(loss) = &mut peer.loss {
            loss.on_acknowledged(segment, verdict, peer_after.edge(), first);
        }
        let last = (own.limits.last_payload(), peer.limits.last_payload());
        let begun = |side| Time::from_nanos(self.tally.side(side).first_data);
        let begun = (begun(side), begun(side.other()));
        let finished = (self.history.closed_by(side), self.history.closed_by(side.other()));
        let largest_of = |of: &Course| of.offer.and_then(|offer| offer.mss).map_or(536, u32::from);
        let mss = largest_of(peer).min(largest_of(own));
        own.limits.on_segment(
            true,
            &Meeting {
                segment,
                verdict,
                own: own_after,
                peer: peer_after,
                largest: own.largest,
                mss,
                recovering: own.loss().recovering(),
                lossless: own.loss().retransmissions() == 0,
                lag: to_own,
                beyond: to_peer,
                asked: last.1,
                begun: begun.0,
                finished: finished.0,
            },
        );
        peer.limits.on_segment(
            false,
            &Meeting {
                segment,
                verdict,
                own: peer_after,
                peer: own_after,
                largest: peer.largest,
                mss,
                recovering: peer.loss().recovering(),
                lossless: peer.loss().retransmissions() == 0,
                lag: to_peer,
                beyond: to_own,
                asked: last.0,
                begun: begun.1,
                finished: finished.1,
            },
        );
    }

    /// From the place of capture to an end and back, as the handshake shows it, in nanoseconds.
    pub fn way_to(&self, side: Side) -> u64 {
        let (answered, completed) = self.handshake;
        if side == Side::A { completed.unwrap_or(0) } else { answered.unwrap_or(0) }
    }

    fn note_illegal(&mut self, illegal: Illegal, side: Side, frame: u64) {
        match self.illegal.iter_mut().find(|(known, of, _)| (*known, *of) == (illegal, side)) {
            Some((.., seen)) => seen.add(frame),
            None => {
                let mut seen = Seen::default();
                seen.add(frame);
                self.illegal.push((illegal, side, seen));
            }
        }
    }

    fn note_offer(&mut self, side: Side, segment: &Segment<'_>) {
        let header = &segment.header;
        let given = &segment.options;
        let mut offer = Offer {
            frame: segment.frame,
            time: segment.time,
            mss: given.mss,
            window_scale: given.window_scale,
            sack: given.sack_permitted,
            timestamps: given.timestamps.is_some(),
            fast_open: false,
            ecn: header.flags.contains(Flags::ECE) && (header.flags.ack() || header.flags.contains(Flags::CWR)),
            multipath: false,
            window: header.window,
            collapsed: None,
            len: segment.len,
        };
        for option in options(segment.option_bytes).map_while(Result::ok) {
            offer.fast_open |= matches!(option, TcpOption::FastOpen { .. });
            offer.multipath |= matches!(option, TcpOption::Unknown { kind: 30, .. });
        }
        let [a, b] = &mut self.courses;
        let course = if side == Side::A { a } else { b };
        match &course.offer {
            None => course.offer = Some(offer),
            Some(first) => {
                // A SYN without Fast Open after one with it that got no answer is what clients do (RFC 7413 section 4.2.1).
                let same = |a: &Offer, b: &Offer| {
                    (a.mss, a.window_scale, a.sack, a.timestamps) == (b.mss, b.window_scale, b.sack, b.timestamps)
                };
                if !same(first, &offer) {
                    course.odd().changed_offer.add(segment.frame);
                }
            }
        }
    }

    /// The first segment after a SYN: who scales its windows says much less in this one than in that.
    fn note_collapse(&mut self, side: Side, segment: &Segment<'_>) {
        let [a, b] = &mut self.courses;
        if let Some(offer) = if side == Side::A { &mut a.offer } else { &mut b.offer } {
            let window = segment.header.window;
            let collapsed = offer.window >= 8192 && window > 0 && window < offer.window / 32;
            offer.collapsed = collapsed.then_some(window);
        }
    }

    fn note_reset(&mut self, side: Side, segment: &Segment<'_>, states: (Option<State>, Option<State>)) {
        if let Some(first) = self.resets.first_mut() {
            first.repeated |= first.side == side;
        }
        if self.resets.len() >= RESETS {
            return;
        }
        let seq = segment.header.seq;
        let (own, peer) = (self.sequence.direction(side), self.sequence.direction(side.other()));
        let expected = peer.last_ack().is_none_or(|ack| ack == seq);
        let unacknowledged = match (peer.next_seq(), own.last_ack()) {
            (Some(next), Some(ack)) => next.after(ack),
            (Some(_), None) => true,
            (None, _) => false,
        };
        let unanswered = self.turn.is_some_and(|(of, ..)| of != side);
        let ttl = (segment.ttl, self.course(side).ttl.map(|(least, _)| least));
        let after = segment.time.since(self.last.1).as_nanos() as u64;
        let (state, peer) = states;
        let reset = Reset {
            frame: segment.frame,
            time: segment.time,
            side,
            state,
            peer,
            ttl,
            unacknowledged,
            unanswered,
            expected,
            after,
            repeated: false,
        };
        self.resets.push(reset);
    }

    fn note_handshake(&mut self, side: Side, segment: &Segment<'_>) {
        if self.handshake.1.is_some() {
            return;
        }
        let flags = segment.header.flags;
        let asked = self.course(side.other()).offer.map(|offer| offer.time);
        if flags.syn() && flags.ack() {
            // Of a SYN that was sent again the last one counts: no answer takes as long as a timer.
            if self.handshake.0.is_none()
                && let Some(asked) = self.sequence.last_syn()
            {
                self.handshake.0 = Some(segment.time.since(asked).as_nanos() as u64);
            }
        } else if flags.ack()
            && self.handshake.0.is_some()
            && let Some(answered) = asked
        {
            self.handshake.1 = Some(segment.time.since(answered).as_nanos() as u64);
        }
    }

    /// Takes in an ICMP error about a segment of this connection.
    pub fn on_icmp(&mut self, note: IcmpNote) {
        if self.icmp.len() < ERRORS {
            self.icmp.push(note);
        }
    }

    /// No more is to come.
    pub fn is_over(&self) -> bool {
        self.states.is_over()
    }

    /// Drops what only a busy connection needs, and most of the rest when it is over.
    pub fn rest(&mut self) {
        self.sequence.rest(self.is_over());
        if !self.is_over() {
            return;
        }
        self.states.rest();
        self.tally.over();
        self.courses.iter_mut().for_each(Course::rest);
    }

    /// Gives up all evidence but the first of each kind, and half the detail of percentiles.
    pub fn tighten(&mut self) {
        self.courses.iter_mut().for_each(Course::tighten);
        for (.., seen) in &mut self.illegal {
            seen.tighten();
        }
        self.resets.truncate(1);
        self.icmp.truncate(1);
    }

    /// Turns numbers into their distance from others that they are near to, and back: those rest in little space.
    pub fn fold(&mut self, folded: bool) {
        self.sequence.fold(folded);
        let first = self.first.0;
        let shift = |frame: &mut u64| {
            *frame = if folded { frame.wrapping_add(first) } else { frame.wrapping_sub(first) };
        };
        shift(&mut self.last.0);
        self.turn.iter_mut().for_each(|(.., frame)| shift(frame));
        self.closing.iter_mut().for_each(|(.., frame)| shift(frame));
        self.courses.iter_mut().filter_map(|course| course.offer.as_mut()).for_each(|offer| shift(&mut offer.frame));
    }

    /// The end that opened the connection; `None` where the capture does not show it.
    pub fn initiator(&self) -> Option<Side> {
        match self.history.letters().chars().next() {
            Some('S') => Some(Side::A),
            Some('^') => Some(Side::B),
            _ => None,
        }
    }

    /// The end that sent more payload.
    pub fn mainly(&self) -> Side {
        let [a, b] = &self.courses;
        if b.bytes > a.bytes { Side::B } else { Side::A }
    }

    /// Payload bytes of an end, each counted once.
    pub fn goodput_bytes(&self, side: Side) -> u64 {
        self.tally.side(side).unique_bytes
    }

    /// The initial sequence number of an end, or what its numbers count from.
    pub fn base(&self, side: Side) -> SeqNum {
        self.sequence.direction(side).base().unwrap_or_default()
    }
}
