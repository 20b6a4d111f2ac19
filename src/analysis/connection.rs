//! One connection: everything that is kept of it, segment by segment.

use std::net::IpAddr;
use std::sync::LazyLock;

use serde::{Deserialize, Serialize};

use super::limits::{Limits, Meeting};
use super::loss::Loss;
use super::seen::Seen;
use super::segment::{Checksum, Segment, Side};
use super::sequence::{Before, Edge, Marks, Scale, Sequence, Verdict};
use super::sketch::Sketch;
use super::states::{Illegal, States, Window};
use super::tally::Tally;
use super::zeek::History;
use crate::tcp::State;
use crate::time::Time;
use crate::wire::icmp::IcmpKind;
use crate::wire::options::{TcpOption, options};
use crate::wire::{Ecn, Flags, SeqNum};

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

/// What is kept of one end as a sender.
#[derive(Clone, Debug, Default, Serialize, Deserialize)]
pub struct Course {
    /// What its first SYN offered.
    pub offer: Option<Offer>,
    /// Losses and recoveries of its data; most connections have none.
    loss: Option<Box<Loss>>,
    /// What kept it back.
    pub limits: Limits,
    /// Round trips of its data (Karn's rule), in nanoseconds.
    pub round_trips: Sketch,
    /// The largest payload.
    pub largest: u32,
    /// What is rare.
    oddities: Option<Box<Oddities>>,
    /// The least and the greatest time to live.
    pub ttl: Option<(u8, u8)>,
    /// Packets.
    pub packets: u64,
    /// Packets that carry payload.
    pub data_packets: u64,
    /// Payload bytes, repetitions included.
    pub bytes: u64,
}

/// What few senders do. Frames are those that prove it.
#[derive(Clone, Debug, Default, Serialize, Deserialize)]
pub struct Oddities {
    /// Segments with a checksum that does not fit.
    pub damaged: Seen,
    /// Segments larger than the other end's MSS.
    pub oversize: Seen,
    /// Keep-alives.
    pub keep_alives: u32,
    /// Packets with congestion experienced, and segments that echo it.
    pub congestion: (u32, u32),
    /// Repeated SYNs that offered something else than the first.
    pub changed_offer: Seen,
    /// SACK blocks that lie nowhere near the other end's data.
    pub foreign_sack: Seen,
}

static NO_LOSS: LazyLock<Loss> = LazyLock::new(Loss::default);
static NO_ODDITIES: LazyLock<Oddities> = LazyLock::new(Oddities::default);

impl Course {
    /// Losses and recoveries of its data.
    pub fn loss(&self) -> &Loss {
        self.loss.as_deref().unwrap_or(&NO_LOSS)
    }

    /// What few senders do.
    pub fn oddities(&self) -> &Oddities {
        self.oddities.as_deref().unwrap_or(&NO_ODDITIES)
    }

    fn odd(&mut self) -> &mut Oddities {
        self.oddities.get_or_insert_default()
    }
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
        let verdict = self.sequence.on_segment(side, segment, reused);
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
        let copies = self.tally.side(side).copies();
        self.tally.on_segment(side, segment);
        // The capture saw it twice; it was sent once.
        let copy = self.tally.side(side).copies() > copies;
        self.history.on_segment(side, segment, &verdict);
        if segment.header.flags.syn() {
            self.note_offer(side, segment);
        }
        if segment.header.flags.rst() {
            self.note_reset(side, segment, states);
        }
        self.note_handshake(side, segment);
        if segment.len > 0 && !verdict.marks.reported().contains(Marks::RETRANSMISSION) {
            self.turn = Some((side, segment.time, segment.frame));
        }
        if segment.header.flags.fin() || segment.header.flags.rst() {
            self.closing = self.closing.or(Some((side, segment.time, segment.frame)));
        }
        self.note_course(side, segment, &verdict, edge, copy);
        self.last = (segment.frame, segment.time.max(self.last.1));
        (verdict, illegal)
    }

    fn note_course(&mut self, side: Side, segment: &Segment<'_>, verdict: &Verdict, edge: Edge, copy: bool) {
        let (to_own, to_peer) = (self.way_to(side), self.way_to(side.other()));
        let round_trip = to_own + to_peer;
        let (own_after, peer_after) = (self.sequence.direction(side), self.sequence.direction(side.other()));
        let [a, b] = &mut self.courses;
        let (own, peer) = if side == Side::A { (a, b) } else { (b, a) };
        own.packets += 1;
        own.data_packets += u64::from(segment.len > 0);
        own.bytes += u64::from(segment.len);
        own.largest = own.largest.max(segment.len);
        match segment.checksum {
            Checksum::Bad => own.odd().damaged.add(segment.frame),
            Checksum::Good | Checksum::Unfilled | Checksum::Unknown => {}
        }
        let allowed = peer.offer.and_then(|offer| offer.mss).map_or(u32::MAX, u32::from);
        if segment.len > allowed {
            own.odd().oversize.add(segment.frame);
        }
        if segment.ecn == Ecn::Ce {
            own.odd().congestion.0 += 1;
        }
        if segment.header.flags.contains(Flags::ECE) && !segment.header.flags.syn() {
            own.odd().congestion.1 += 1;
        }
        if !segment.header.flags.rst() {
            let (least, most) = own.ttl.unwrap_or((segment.ttl, segment.ttl));
            own.ttl = Some((least.min(segment.ttl), most.max(segment.ttl)));
        }
        if verdict.marks.contains(Marks::KEEP_ALIVE) {
            own.odd().keep_alives += 1;
        }
        if let Some(block) = segment.options.sack.as_slice().first()
            && let Some(next) = peer_after.next_seq()
            && block.right.offset_from(next).unsigned_abs() > 1 << 28
        {
            own.odd().foreign_sack.add(segment.frame);
        }
        if let Some(nanos) = verdict.round_trip {
            peer.round_trips.add(nanos);
        }
        if Loss::concerns(verdict.marks) && !copy {
            let loss = own.loss.get_or_insert_default();
            loss.on_sent(segment, verdict, edge, peer_after, own.largest, round_trip);
        }
        if verdict.unseen > 0 || !segment.options.sack.is_empty() {
            peer.loss.get_or_insert_default();
        }
        if let Some(loss) = &mut peer.loss {
            loss.on_acknowledged(segment, verdict);
        }
        let last = (own.limits.last_payload(), peer.limits.last_payload());
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
                lag: to_own,
                beyond: to_peer,
                asked: last.1,
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
                lag: to_peer,
                beyond: to_own,
                asked: last.0,
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

    fn note_reset(&mut self, side: Side, segment: &Segment<'_>, states: (Option<State>, Option<State>)) {
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
        for course in &mut self.courses {
            if let Some(loss) = &mut course.loss {
                loss.rest();
            }
            course.limits.rest();
            course.ttl = None;
            course.round_trips.rest();
        }
    }

    /// Gives up all evidence but the first of each kind, and half the detail of percentiles.
    pub fn tighten(&mut self) {
        for course in &mut self.courses {
            course.round_trips.coarsen();
            if let Some(loss) = &mut course.loss {
                loss.tighten();
            }
            course.limits.tighten();
            if let Some(odd) = &mut course.oddities {
                let Oddities { damaged, oversize, changed_offer, foreign_sack, .. } = odd.as_mut();
                [damaged, oversize, changed_offer, foreign_sack].into_iter().for_each(Seen::tighten);
            }
        }
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
