//! Putting the bytes of one sender in order.

use std::collections::BTreeMap;

use super::history::History;
use super::{Chunk, Conflict, Hole, Limits, Totals, Why};
use crate::analysis::segment::Segment;
use crate::wire::SeqNum;

/// Sequence numbers this far away belong to no window: the largest is 2^30 (RFC 7323 section 2.3).
const FAR: i64 = 1 << 30;

/// What keeping a piece costs beside its bytes.
const PIECE_COST: usize = 96;

/// One direction of a stream.
#[derive(Debug)]
pub struct Direction {
    limits: Limits,
    /// The sequence number that comes next, once any is known.
    next: Option<SeqNum>,
    /// Bytes of the stream before `next`, holes included.
    offset: u64,
    /// Pieces that start after `next`, by stream offset and order of arrival.
    waiting: BTreeMap<(u64, u64), Piece>,
    /// Pieces that start at or before `next`, by order of arrival. Empty between segments.
    ready: BTreeMap<u64, (u64, Piece)>,
    /// What `waiting` costs.
    cost: usize,
    /// Pieces kept so far.
    arrivals: u64,
    history: History,
    pub totals: Totals,
}

/// Bytes that wait for those before them.
#[derive(Debug)]
struct Piece {
    frame: u64,
    bytes: Box<[u8]>,
    /// Bytes after them that the snapshot length cut off.
    cut: u64,
}

impl Default for Direction {
    fn default() -> Self {
        Direction::new(Limits::default())
    }
}

/// Where chunks of this direction go.
type Out<'s, E> = dyn FnMut(Chunk<'_>) -> Result<(), E> + 's;

impl Direction {
    pub fn new(limits: Limits) -> Self {
        Direction {
            limits,
            next: None,
            offset: 0,
            waiting: BTreeMap::new(),
            ready: BTreeMap::new(),
            cost: 0,
            arrivals: 0,
            history: History::new(limits.compared),
            totals: Totals::default(),
        }
    }

    /// The receiver acknowledged everything before `ack`: gaps before it will not be closed any more.
    pub fn on_ack<E>(&mut self, ack: SeqNum, out: &mut Out<'_, E>) -> Result<(), E> {
        let Some(next) = self.next.filter(|_| !self.waiting.is_empty()) else { return Ok(()) };
        let distance = i64::from(ack.offset_from(next));
        if !(1..=FAR).contains(&distance) {
            return Ok(());
        }
        let acknowledged = self.offset + distance as u64;
        while let Some(first) = self.first_waiting().filter(|first| *first < acknowledged) {
            self.skip_to(first, Why::NotCaptured, out)?;
        }
        Ok(())
    }

    /// Takes a segment of this sender.
    pub fn on_segment<E>(&mut self, segment: &Segment<'_>, out: &mut Out<'_, E>) -> Result<(), E> {
        let flags = segment.header.flags;
        // The SYN takes the first sequence number (RFC 9293 section 3.4).
        let seq = segment.header.seq + u32::from(flags.syn());
        if self.next.is_none() && flags.rst() && segment.len == 0 {
            // A reset that answers a segment of no connection carries no number of this direction.
            return Ok(());
        }
        let distance = i64::from(seq.offset_from(*self.next.get_or_insert(seq)));
        if segment.len == 0 {
            return Ok(());
        }
        if distance.abs() > FAR {
            self.totals.far_away += 1;
            return Ok(());
        }
        let cut = u64::from(segment.len).saturating_sub(segment.payload.len() as u64);
        if distance > 0 {
            self.keep(self.offset + distance as u64, segment, cut);
            while self.cost > self.limits.waiting
                && let Some(first) = self.first_waiting()
            {
                self.skip_to(first, Why::TooMuchWaiting, out)?;
            }
            return Ok(());
        }
        // A keep-alive may carry one byte of garbage from before (RFC 9293 section 3.8.4).
        if segment.len == 1 && distance == -1 {
            self.totals.repeated += 1;
            return Ok(());
        }
        self.take(distance.unsigned_abs(), segment.frame, segment.payload, cut, out)?;
        self.take_ready(out)
    }

    /// Hands out the hole before what still waits.
    pub fn finish<E>(&mut self, out: &mut Out<'_, E>) -> Result<(), E> {
        let Some(first) = self.first_waiting() else { return Ok(()) };
        let left_out = self.waiting.values().map(|piece| piece.bytes.len() as u64).sum();
        self.waiting.clear();
        self.cost = 0;
        self.hole(first - self.offset, Why::EndOfCapture, left_out, out)
    }

    fn first_waiting(&self) -> Option<u64> {
        self.waiting.first_key_value().map(|((offset, _), _)| *offset)
    }

    /// Puts a segment aside whose turn has not come.
    fn keep(&mut self, offset: u64, segment: &Segment<'_>, cut: u64) {
        let same = |piece: &Piece| piece.bytes.as_ref() == segment.payload && piece.cut == cut;
        let known = self.waiting.range((offset, 0)..=(offset, u64::MAX)).next();
        if segment.payload.is_empty() || known.is_some_and(|(_, piece)| same(piece)) {
            return;
        }
        self.cost += segment.payload.len() + PIECE_COST;
        self.arrivals += 1;
        let piece = Piece { frame: segment.frame, bytes: segment.payload.into(), cut };
        self.waiting.insert((offset, self.arrivals), piece);
    }

    /// Leaves a hole up to a stream offset and goes on from there.
    fn skip_to<E>(&mut self, offset: u64, why: Why, out: &mut Out<'_, E>) -> Result<(), E> {
        self.hole(offset.saturating_sub(self.offset), why, 0, out)?;
        self.take_ready(out)
    }

    /// Hands out waiting pieces as long as one fits; of several, the one that arrived first.
    fn take_ready<E>(&mut self, out: &mut Out<'_, E>) -> Result<(), E> {
        loop {
            while let Some(entry) = self.waiting.first_entry() {
                let (offset, arrival) = *entry.key();
                if offset > self.offset {
                    break;
                }
                let piece = entry.remove();
                self.cost -= piece.bytes.len() + PIECE_COST;
                self.ready.insert(arrival, (offset, piece));
            }
            let Some((_, (offset, piece))) = self.ready.pop_first() else { return Ok(()) };
            self.take(self.offset - offset, piece.frame, &piece.bytes, piece.cut, out)?;
        }
    }

    /// Hands out what is new of bytes that start `known` before the next one, and compares the rest with what was kept.
    fn take<E>(&mut self, known: u64, frame: u64, bytes: &[u8], cut: u64, out: &mut Out<'_, E>) -> Result<(), E> {
        let (old, new) = bytes.split_at(bytes.len().min(usize::try_from(known).unwrap_or(usize::MAX)));
        if !old.is_empty() {
            self.totals.repeated += old.len() as u64;
            self.compare(known, frame, old, out)?;
        }
        let missing =
            if new.is_empty() { (bytes.len() as u64 + cut).saturating_sub(known.max(bytes.len() as u64)) } else { cut };
        if !new.is_empty() {
            self.history.push(self.offset, frame, new);
            self.advance(new.len() as u64);
            self.totals.bytes += new.len() as u64;
            out(Chunk::Bytes { frame, bytes: new })?;
        }
        self.hole(missing, Why::Cut, 0, out)
    }

    fn compare<E>(&mut self, known: u64, frame: u64, old: &[u8], out: &mut Out<'_, E>) -> Result<(), E> {
        // What lies before the start of the stream was never kept.
        let before = known.saturating_sub(self.offset);
        let Some(old) = old.get(usize::try_from(before).unwrap_or(usize::MAX)..) else { return Ok(()) };
        let from = self.offset.saturating_sub(known);
        for found in self.history.differences(from, old) {
            self.totals.conflicts += 1;
            let (at, stream_offset, length) = (found.at, found.stream_offset, found.length);
            out(Chunk::Conflict(Conflict { at, stream_offset, length, kept: found.frame, refused: frame }))?;
        }
        Ok(())
    }

    fn hole<E>(&mut self, length: u64, why: Why, left_out: u64, out: &mut Out<'_, E>) -> Result<(), E> {
        if length == 0 {
            return Ok(());
        }
        let hole = Hole { at: self.totals.bytes, stream_offset: self.offset, length, why, left_out };
        self.totals.holes += 1;
        self.totals.missing += length;
        self.advance(length);
        out(Chunk::Hole(hole))
    }

    fn advance(&mut self, count: u64) {
        self.offset += count;
        // Sequence numbers are a circle: the low 32 bits of the count are what moves along it.
        self.next = self.next.map(|next| next + count as u32);
    }
}
