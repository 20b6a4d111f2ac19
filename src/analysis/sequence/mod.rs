//! Sequence analysis: retransmission, reordering, loss, windows, keep-alives, segment by segment.
//!
//! The conditions are those of Wireshark 4.4, so that what people know from there holds here: the same flags on the
//! same frames. They are heuristics of one pass over the capture, with constants of 20 and 3 milliseconds; what the
//! project concludes from timestamps, SACK and states stands elsewhere, in the findings.
//!
//! | file      | subject |
//! |-----------|---------|
//! | `verdict` | what is said of a segment |
//! | `unacked` | what was sent and not acknowledged |
//! | `reasons` | why a flag was raised, in a sentence with its numbers |
//!
//! One deviation: 4.4 compares raw sequence numbers with SACK edges that it stored relative to the start of the
//! connection, so that a segment already sacked passes for one that is not. Here both are compared as they stand.

mod reasons;
mod unacked;
mod verdict;

#[cfg(test)]
mod tests;

use serde::{Deserialize, Serialize};

use super::segment::{Segment, Side};
use crate::time::Time;
use crate::wire::options::{SackBlocks, TcpOption, options};
use crate::wire::{SackBlock, SeqNum};
use unacked::{Sent, Unacked};

pub use reasons::time;
pub use verdict::{Acknowledged, Marks, Since, Verdict};

/// A retransmission this soon after the last acknowledgment can be a fast one.
const FAST: u64 = 20_000_000;
/// Disorder lasts less than this where the handshake's round trip is not known.
const REORDERING: u64 = 3_000_000;

/// Numbers of one connection are no further apart than this at any time: few windows are larger.
const REACH: u32 = 1 << 24;

/// What is known of a window's scale.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Default, Serialize, Deserialize)]
pub enum Scale {
    /// The SYN was not captured.
    #[default]
    Unknown,
    /// One end did not offer it.
    Unused,
    /// The shift that was offered, 14 at most (RFC 7323 section 2.3).
    Shift(u8),
}

/// One direction, as far as it was captured. Times and numbers are those of its sender.
#[derive(Clone, Copy, Debug, Default, Serialize, Deserialize)]
pub struct Direction {
    /// The initial sequence number, or one less than the first that was seen.
    base: Option<SeqNum>,
    /// The highest sequence number seen, with frame and time of who moved it.
    next_seq: Option<SeqNum>,
    next_seq_frame: u64,
    next_seq_time: Time,
    /// Payload of the last segment that moved it.
    next_seq_len: u32,
    /// The end of what was captured without a gap.
    contiguous: Option<SeqNum>,
    /// The acknowledgment field of the last segment, whatever its flags.
    last_ack: SeqNum,
    /// That field holds something: it was set, or the ACK flag was.
    ack_seen: bool,
    last_time: Time,
    /// The window field of the last segment.
    window: Option<u16>,
    scale: Scale,
    /// Sent a SYN, and no acknowledgment without one since: its window is not scaled yet.
    opening: bool,
    duplicates: u32,
    first_of_duplicates: u64,
    /// The SACK blocks of the last segment.
    sack: SackBlocks,
    last_marks: Marks,
    /// A gap is open: bytes in flight are not known until the other end acknowledges.
    gap: bool,
}

impl Direction {
    /// The acknowledgment field of the last segment, when there was one.
    pub fn last_ack(&self) -> Option<SeqNum> {
        self.ack_seen.then_some(self.last_ack)
    }

    /// The highest sequence number seen, and when it last moved.
    pub fn edge(&self) -> Edge {
        Edge { next: self.next_seq, moved: self.next_seq_time }
    }

    /// How far `ack` is beyond the highest sequence number.
    fn distance(&self, ack: SeqNum) -> SeqNum {
        ack - self.next_seq.unwrap_or_default().0
    }

    /// When this end last sent anything.
    pub fn last_time(&self) -> Time {
        self.last_time
    }

    /// How often in a row the last acknowledgment was repeated.
    pub fn duplicates(&self) -> u32 {
        self.duplicates
    }

    /// The SACK blocks of the last segment.
    pub fn sack_blocks(&self) -> &[SackBlock] {
        self.sack.as_slice()
    }

    fn set_bases(&mut self, peer: &mut Direction, segment: &Segment<'_>) {
        let header = &segment.header;
        if self.base.is_none() {
            self.base = Some(if header.flags.syn() { header.seq } else { header.seq - 1 });
        }
        if peer.base.is_none() && header.flags.ack() {
            peer.base = Some(header.ack - 1);
        }
    }

    /// What the sequence numbers of this direction count from.
    pub fn base(&self) -> Option<SeqNum> {
        self.base
    }

    /// The highest sequence number seen.
    pub fn next_seq(&self) -> Option<SeqNum> {
        self.next_seq
    }

    /// What is known of this end's window scale.
    pub fn scale(&self) -> Scale {
        self.scale
    }

    /// Where the window that this end last advertised would end if it were not scaled; `None` where it is not.
    pub fn unscaled_edge(&self) -> Option<SeqNum> {
        let scaled = matches!(self.scale, Scale::Shift(1..)) && !self.opening;
        self.window.filter(|_| scaled && self.ack_seen).map(|window| self.last_ack + u32::from(window))
    }

    /// The window that this end last advertised, in bytes.
    pub fn window(&self) -> Option<u64> {
        let window = u64::from(self.window?);
        Some(match self.scale {
            Scale::Shift(shift) if !self.opening => window << shift,
            _ => window,
        })
    }
}

/// How far a direction had come.
#[derive(Clone, Copy, Debug)]
pub struct Edge {
    /// The highest sequence number seen.
    pub next: Option<SeqNum>,
    /// When it last moved.
    pub moved: Time,
}

/// The analysis of one connection.
#[derive(Clone, Debug, Default, Serialize, Deserialize)]
pub struct Sequence {
    directions: [Direction; 2],
    unacked: [Unacked; 2],
    last_syn: Option<Time>,
    /// From the latest SYN to the first acknowledgment without one.
    handshake: Option<u64>,
    /// The options of a SYN were cut off: whether windows are scaled is not known.
    options_cut: bool,
    /// A SYN with a Fast Open cookie carried data.
    fast_open_data: bool,
    ended: bool,
}

/// What was known before a segment, kept to say why it was judged as it was.
#[derive(Clone, Copy, Debug)]
pub struct Before {
    own: Direction,
    peer: Direction,
    handshake: Option<u64>,
    /// What its times count from.
    begun: Time,
}

impl Sequence {
    /// A direction, by its sender.
    pub fn direction(&self, side: Side) -> &Direction {
        let [a, b] = &self.directions;
        if side == Side::A { a } else { b }
    }

    /// When the latest SYN without ACK was sent.
    pub fn last_syn(&self) -> Option<Time> {
        self.last_syn
    }

    /// From the latest SYN to the first acknowledgment without one, in nanoseconds.
    pub fn handshake(&self) -> Option<u64> {
        self.handshake
    }

    /// What is known before a segment of `side`; the times of segments were counted from `begun`.
    pub fn before(&self, side: Side, begun: Time) -> Before {
        let (own, peer) = (*self.direction(side), *self.direction(side.other()));
        Before { own, peer, handshake: self.handshake, begun }
    }

    /// Whether a SYN of `side` that starts at `seq` opens another connection rather than this one once more.
    pub fn is_reused_by(&self, side: Side, seq: SeqNum) -> bool {
        self.direction(side).base.is_some_and(|base| base != seq || self.ended)
    }

    /// Whether a segment of `side` goes on where this connection is: its numbers lie within a window's reach of those seen
    /// (RFC 7323 section 2.3), or repeat the SYN.
    pub fn fits(&self, side: Side, segment: &Segment<'_>) -> bool {
        let (own, peer) = (self.direction(side), self.direction(side.other()));
        let near = |one: SeqNum, other: SeqNum| one.offset_from(other).unsigned_abs() < REACH;
        let header = &segment.header;
        if header.flags.syn() && own.base.is_some_and(|base| base != header.seq) {
            return false;
        }
        let seq_fits = own.next_seq.or(peer.last_ack()).is_none_or(|known| near(header.seq, known));
        let ack_fits = !header.flags.ack() || peer.next_seq.is_none_or(|known| near(header.ack, known));
        seq_fits && ack_fits
    }

    /// Turns numbers into their distance from the ones that they nearly always equal, and back: those rest in no space.
    pub fn fold(&mut self, folded: bool) {
        let [a, b] = &mut self.directions;
        if !folded {
            (a.last_ack, b.last_ack) = (b.distance(a.last_ack), a.distance(b.last_ack));
        }
        for direction in [&mut *a, &mut *b] {
            let base = direction.base.unwrap_or_default().0;
            let next = direction.next_seq;
            if folded {
                direction.next_seq = next.map(|next| next + base);
                direction.contiguous =
                    direction.contiguous.map(|contiguous| contiguous + direction.next_seq.unwrap_or_default().0);
            } else {
                direction.contiguous = direction.contiguous.map(|contiguous| contiguous - next.unwrap_or_default().0);
                direction.next_seq = next.map(|next| next - base);
            }
        }
        if folded {
            let (of_a, of_b) = (a.next_seq.unwrap_or_default().0, b.next_seq.unwrap_or_default().0);
            (a.last_ack, b.last_ack) = (a.last_ack + of_b, b.last_ack + of_a);
        }
    }

    /// Keeps the latest few of what was not acknowledged, fewer when the connection is over; then it does not matter any
    /// more either how long ago anything was.
    pub fn rest(&mut self, over: bool) {
        if over {
            self.last_syn = None;
            for direction in &mut self.directions {
                (direction.next_seq_time, direction.last_time) = (Time::ZERO, Time::ZERO);
                direction.next_seq_frame = 0;
            }
        }
        for unacked in &mut self.unacked {
            unacked.keep_latest(if over { 4 } else { 256 });
        }
    }

    /// A FIN or a reset was seen, and both initial sequence numbers are known: every SYN opens another connection.
    pub fn is_ended(&self) -> bool {
        self.ended && self.directions.iter().all(|direction| direction.base.is_some())
    }

    /// Notes what numbers count from, of a segment that cannot be judged.
    pub fn set_bases(&mut self, side: Side, segment: &Segment<'_>) {
        let [a, b] = &mut self.directions;
        let (own, peer) = if side == Side::A { (a, b) } else { (b, a) };
        own.set_bases(peer, segment);
    }

    /// Judges a segment of `side`; `reused` says that it opens a connection between ports that had another before.
    pub fn on_segment(&mut self, side: Side, segment: &Segment<'_>, reused: bool) -> Verdict {
        let mut verdict = Verdict::default();
        if reused {
            verdict.marks |= Marks::REUSED_PORTS;
        }
        let header = &segment.header;
        let flags = header.flags;
        let ([own, peer], [sent, peer_sent]) = (&mut self.directions, &mut self.unacked);
        let (own, peer, sent, peer_sent) =
            if side == Side::A { (own, peer, sent, peer_sent) } else { (peer, own, peer_sent, sent) };
        if flags.syn() && !flags.ack() && !reused && own.base.is_some() {
            // A SYN once more: what a reset in between did to the highest sequence number does not count.
            own.next_seq = own.contiguous;
        }
        own.sack = SackBlocks::default();
        own.set_bases(peer, segment);
        let view = View { segment, handshake: self.handshake };
        view.judge(own, peer, sent, peer_sent, &mut verdict);

        if flags.ack() && !flags.syn() {
            if self.handshake.is_none()
                && let Some(syn) = self.last_syn
            {
                let nanos = segment.time.as_nanos().saturating_sub(syn.as_nanos());
                self.handshake = Some(nanos).filter(|nanos| *nanos > 0);
            }
            own.opening = false;
        }
        if flags.syn() {
            if flags.ack() {
                let taken = peer.base.is_some_and(|base| header.ack.0.wrapping_sub(base.0) > 1);
                let ignored = self.fast_open_data && !taken;
                verdict.marks |= if taken { Marks::TFO_ACK } else { Marks::NONE };
                verdict.marks |= if ignored { Marks::TFO_IGNORED } else { Marks::NONE };
            } else {
                self.last_syn = Some(segment.time);
            }
            own.opening = true;
        }
        if flags.syn() || !is_plain(segment.option_bytes) {
            self.read_options(side, segment, &mut verdict);
        }
        if flags.syn() {
            self.options_cut |= segment.options_cut;
            self.settle_scale(side, flags.ack());
        }
        self.ended |= flags.rst() || (flags.fin() && flags.ack());
        verdict
    }

    /// What the options change: window scale, SACK blocks, Fast Open, MPTCP.
    fn read_options(&mut self, side: Side, segment: &Segment<'_>, verdict: &mut Verdict) {
        let [a, b] = &mut self.directions;
        let own = if side == Side::A { a } else { b };
        let flags = segment.header.flags;
        for option in options(segment.option_bytes).map_while(Result::ok) {
            match option {
                TcpOption::WindowScale(shift) => own.scale = Scale::Shift(shift.min(14)),
                TcpOption::Sack(blocks) => {
                    own.sack = blocks;
                    verdict.dsack = is_dsack(blocks.as_slice(), segment.header.ack);
                    // With news from the receiver of data this is a duplicate acknowledgment, whatever its window.
                    if verdict.marks.contains(Marks::WINDOW_UPDATE) {
                        verdict.marks = verdict.marks.without(Marks::WINDOW_UPDATE) | Marks::DUPLICATE_ACK;
                        own.duplicates += 1;
                        verdict.duplicate_ack = Some((own.duplicates, own.first_of_duplicates));
                    }
                }
                TcpOption::FastOpen { cookie, .. } if !cookie.is_empty() && flags.syn() && !flags.ack() => {
                    verdict.marks |= Marks::TFO_SYN;
                    self.fast_open_data |= segment.len > 0;
                }
                _ => {}
            }
        }
    }

    /// Scaling is used when both SYNs offered it (RFC 7323 section 2.2).
    fn settle_scale(&mut self, side: Side, answer: bool) {
        let [a, b] = &mut self.directions;
        let (own, peer) = if side == Side::A { (a, b) } else { (b, a) };
        if self.options_cut {
            (own.scale, peer.scale) = (Scale::Unknown, Scale::Unknown);
        } else if own.scale == Scale::Unknown {
            (own.scale, peer.scale) = (Scale::Unused, Scale::Unused);
        } else if answer && peer.scale == Scale::Unused {
            own.scale = Scale::Unused;
        }
    }
}

/// No options, or the timestamps alone in their usual layout: nothing that this analysis reads.
fn is_plain(options: &[u8]) -> bool {
    options.is_empty() || matches!(options, [1, 1, 8, 10, rest @ ..] if rest.len() == 8)
}

/// RFC 2883 section 4: the first block lies at or below the acknowledgment, or within the second.
fn is_dsack(blocks: &[SackBlock], ack: SeqNum) -> bool {
    match blocks {
        [first, second, ..] if second.left.before(first.right) && second.right.at_or_after(first.right) => true,
        [first, ..] => first.right.at_or_before(ack),
        [] => false,
    }
}

/// A segment and what of its connection is only read.
struct View<'a> {
    segment: &'a Segment<'a>,
    handshake: Option<u64>,
}

impl View<'_> {
    fn judge(
        &self,
        own: &mut Direction,
        peer: &mut Direction,
        sent: &mut Unacked,
        peer_sent: &mut Unacked,
        verdict: &mut Verdict,
    ) {
        let header = &self.segment.header;
        let (ack, len, flags) = (header.ack, self.segment.len, header.flags);
        if flags.ack() {
            peer.gap = false;
        }
        verdict.marks |= self.window_marks(own, peer);
        if verdict.marks.contains(Marks::LOST_SEGMENT) {
            own.gap = true;
        }
        if verdict.marks.contains(Marks::ZERO_WINDOW_PROBE_ACK) && ack == own.last_ack + 1 {
            // The receiver took the byte of the probe.
            (peer.next_seq, peer.contiguous) = (Some(ack), Some(ack));
        }
        if verdict.marks.contains(Marks::DUPLICATE_ACK) {
            own.duplicates += 1;
            verdict.duplicate_ack = Some((own.duplicates, own.first_of_duplicates));
        }
        if ack != own.last_ack {
            (own.first_of_duplicates, own.duplicates) = (self.segment.frame, 0);
        }
        if flags.ack() && peer.contiguous.is_some_and(|contiguous| ack.after(contiguous)) {
            let marks = self.unseen(own, peer, peer_sent, verdict);
            verdict.marks |= marks;
        }
        if len > 0 || flags.syn() || flags.fin() {
            self.repetition(own, peer, sent, verdict);
        }
        self.advance(own, sent, verdict);
        let covered = peer_sent.acknowledge(ack, self.segment.time);
        verdict.acknowledges = covered.segment;
        verdict.round_trip = covered.round_trip;
        if covered.partly {
            verdict.marks |= Marks::PARTIAL_ACK;
        }
        if len > 0 && !own.gap {
            let sacked: u32 = peer
                .sack_blocks()
                .iter()
                .map(|block| block.right.0.wrapping_sub(block.left.0))
                .fold(0, u32::wrapping_add);
            let flight = sent.span().map_or(0, |span| span.wrapping_sub(sacked));
            let virtual_byte = u32::from(flags.syn() || flags.fin());
            verdict.bytes_in_flight =
                (0 < flight && flight < 2_000_000_000).then(|| flight - virtual_byte).filter(|flight| *flight > 0);
        }
    }

    /// The first group of rules: probes, windows, gaps, keep-alives, duplicates.
    fn window_marks(&self, own: &Direction, peer: &Direction) -> Marks {
        let header = &self.segment.header;
        let (seq, ack, len, flags) = (header.seq, header.ack, self.segment.len, header.flags);
        let plain = !(flags.syn() || flags.fin() || flags.rst());
        let next = own.next_seq == Some(seq);
        if len == 1 && next && peer.window == Some(0) {
            return Marks::ZERO_WINDOW_PROBE;
        }
        let mut marks = Marks::NONE;
        if header.window == 0 && plain {
            marks |= Marks::ZERO_WINDOW;
        }
        if own.next_seq.is_some_and(|next| seq.after(next)) && !flags.rst() {
            marks |= Marks::LOST_SEGMENT;
        }
        if len <= 1 && plain && own.next_seq.is_some_and(|next| seq == next - 1) {
            marks |= Marks::KEEP_ALIVE;
        }
        if len > 0 {
            if plain && peer.scale != Scale::Unknown && seq + len == peer.last_ack + self.window_of(peer) {
                marks |= Marks::WINDOW_FULL;
            }
            return marks;
        }
        if !plain || !next {
            return marks;
        }
        let (same_ack, same_window) = (ack == own.last_ack, own.window == Some(header.window));
        if header.window == 0 {
            let after_probe = peer.last_marks.contains(Marks::ZERO_WINDOW_PROBE);
            if same_window && after_probe && (same_ack || ack == own.last_ack + 1) {
                marks |= Marks::ZERO_WINDOW_PROBE_ACK;
            }
        } else if same_ack && !same_window {
            marks |= Marks::WINDOW_UPDATE;
        } else if same_ack && peer.last_marks.contains(Marks::KEEP_ALIVE) {
            marks |= Marks::KEEP_ALIVE_ACK;
        } else if same_ack {
            marks |= Marks::DUPLICATE_ACK;
        }
        marks
    }

    /// A window as sequence numbers count it: modulo 2^32.
    fn window_of(&self, direction: &Direction) -> u32 {
        let window = direction.window.map_or(u32::MAX, u32::from);
        match direction.scale {
            Scale::Shift(shift) if !direction.opening => window.wrapping_shl(u32::from(shift)),
            _ => window,
        }
    }

    /// An acknowledgment of what was not captured; or, after a probe, one that took its byte and opens the window.
    fn unseen(&self, own: &Direction, peer: &mut Direction, peer_sent: &Unacked, verdict: &mut Verdict) -> Marks {
        let header = &self.segment.header;
        let ack = header.ack;
        if ack == own.last_ack + 1
            && own.next_seq == Some(header.seq)
            && peer.last_marks.contains(Marks::ZERO_WINDOW_PROBE)
        {
            (peer.next_seq, peer.contiguous) = (Some(ack), Some(ack));
            return Marks::WINDOW_UPDATE;
        }
        let from = peer.contiguous.unwrap_or(ack);
        verdict.unseen = ack.0.wrapping_sub(from.0).saturating_sub(peer_sent.bytes_between(from, ack));
        peer.contiguous = Some(peer_sent.run_from(ack).unwrap_or(ack));
        Marks::ACK_LOST_SEGMENT
    }

    /// The second group of rules: what was sent before, or comes late.
    fn repetition(&self, own: &Direction, peer: &Direction, sent: &Unacked, verdict: &mut Verdict) {
        let header = &self.segment.header;
        let (seq, len, flags, now) = (header.seq, self.segment.len, header.flags, self.segment.time);
        if verdict.marks.contains(Marks::KEEP_ALIVE) {
            return;
        }
        let end = seq + len;
        if len > 0 && peer.ack_seen && end.at_or_before(peer.last_ack) {
            verdict.marks |= Marks::SPURIOUS_RETRANSMISSION;
            return;
        }
        let Some(next) = own.next_seq.filter(|next| seq.before(*next)) else { return };
        // New data behind a probe's byte that was not taken.
        if len > 1 && seq == next - 1 {
            return;
        }
        if since(now, peer.last_time) < FAST && peer.duplicates >= 2 {
            let sacked = |block: &SackBlock| seq.at_or_after(block.left) && end.at_or_before(block.right);
            if seq == peer.last_ack || (!peer.sack.is_empty() && !peer.sack_blocks().iter().any(sacked)) {
                verdict.marks |= Marks::FAST_RETRANSMISSION;
                return;
            }
        }
        let soon = since(now, own.next_seq_time) < self.handshake.unwrap_or(REORDERING);
        let closes = next == end + u32::from(flags.syn() || flags.fin());
        if soon && (!closes || own.next_seq_len == 0) && !sent.covers(seq, end) {
            verdict.marks |= Marks::OUT_OF_ORDER;
            return;
        }
        verdict.marks |= Marks::RETRANSMISSION;
        let (frame, time) =
            sent.first_from(seq).map_or((own.next_seq_frame, own.next_seq_time), |first| (first.frame, first.time));
        verdict.rto = Some(Since { frame, nanos: now.as_nanos().saturating_sub(time.as_nanos()) });
    }

    /// What the segment changes of its own direction.
    fn advance(&self, own: &mut Direction, sent: &mut Unacked, verdict: &Verdict) {
        let header = &self.segment.header;
        let (seq, len, time, frame) = (header.seq, self.segment.len, self.segment.time, self.segment.frame);
        let virtual_byte = u32::from(header.flags.syn() || header.flags.fin());
        let end = seq + len + virtual_byte;
        if len + virtual_byte > 0 {
            sent.push(Sent { seq, end, time, frame, ambiguous: false });
        }
        let moves = |by: u32| own.next_seq.is_none_or(|next| end.after(next + by));
        if moves(virtual_byte) {
            own.next_seq_len = len;
        }
        let probe = verdict.marks.contains(Marks::ZERO_WINDOW_PROBE);
        if moves(0) && !probe {
            (own.next_seq, own.next_seq_frame, own.next_seq_time) = (Some(end), frame, time);
        }
        if own.contiguous.is_none_or(|contiguous| contiguous == seq) && !probe {
            own.contiguous = own.next_seq;
        }
        own.window = if self.segment.window_cut { None } else { Some(header.window) };
        own.last_ack = header.ack;
        own.ack_seen = header.flags.ack() || header.ack.0 != 0;
        own.last_time = time;
        own.last_marks = verdict.marks;
    }
}

/// Nanoseconds from `then` to `now`; very many when the capture's clock went backwards.
fn since(now: Time, then: Time) -> u64 {
    now.as_nanos().wrapping_sub(then.as_nanos())
}
