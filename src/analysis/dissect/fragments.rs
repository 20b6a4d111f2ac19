//! IP datagrams put together from their fragments (RFC 791 section 3.2, RFC 8200 section 4.5).
//!
//! What counts is not what a host would accept but what the capture shows, so overlaps are kept and counted where
//! RFC 5722 would drop the datagram: of bytes that were sent twice, those of the fragment that starts earlier win, as in
//! Wireshark. Memory is bounded: past its limits the datagram that has waited longest is given up.

use std::collections::BTreeMap;
use std::net::IpAddr;
use std::time::Duration;

use super::ip::Fragment;
use crate::time::Time;

/// Datagrams that wait at a time.
const MAX_DATAGRAMS: usize = 4096;
/// Bytes that all of them take.
const MAX_BYTES: usize = 16 << 20;
/// Fragments of one datagram: 64 KiB in parts of eight bytes.
const MAX_FRAGMENTS: usize = 8192;
/// How long a datagram waits for the rest (RFC 8200 section 4.5); later fragments belong to another.
const TIMEOUT: Duration = Duration::from_secs(60);

/// What became of fragments.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Default)]
pub struct FragmentCounts {
    /// Fragments seen.
    pub fragments: u64,
    /// Datagrams completed.
    pub completed: u64,
    /// Fragments that waited for the one that completed their datagram.
    pub joined: u64,
    /// Completed datagrams in which fragments overlapped.
    pub overlapping: u64,
    /// Completed datagrams in which overlapping fragments differed.
    pub conflicting: u64,
    /// Datagrams given up: too old, or beyond the limits.
    pub dropped: u64,
    /// Datagrams that still wait.
    pub waiting: u64,
}

/// A datagram that was completed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Reassembled {
    /// The frame that completed it.
    pub frame: u64,
    /// Bytes of its payload.
    pub len: usize,
    /// Fragments it came in.
    pub fragments: usize,
    /// Fragments that repeated bytes of others.
    pub overlaps: usize,
    /// Overlapping fragments that said something else.
    pub conflicts: usize,
    /// Fragments that went past the end of the datagram.
    pub too_long: usize,
    /// Last fragments disagreed about the length.
    pub several_ends: bool,
}

/// A completed datagram, to be read.
pub(super) struct Ready {
    pub summary: Reassembled,
    pub protocol: u8,
    pub payload: Vec<u8>,
}

/// What fragments of one datagram share. IPv6 does not count the protocol, which only its first fragment knows.
type Key = (IpAddr, IpAddr, u32, u8, u16);

/// One fragment: where it belongs, and where its bytes are kept.
#[derive(Clone, Copy, Debug)]
struct Piece {
    offset: u32,
    len: u32,
    at: usize,
}

impl Piece {
    fn end(&self) -> u32 {
        self.offset + self.len
    }
}

#[derive(Debug, Default)]
struct Datagram {
    serial: u64,
    since: Time,
    protocol: u8,
    /// In the order of their offsets, of equal ones as they came.
    pieces: Vec<Piece>,
    bytes: Vec<u8>,
    /// Known from the last fragment.
    total: Option<u32>,
    several_ends: bool,
    /// Without a hole up to here, which the first `joined` pieces reach.
    contiguous: u32,
    joined: usize,
}

/// Datagrams of which some fragments are there.
#[derive(Debug, Default)]
pub(super) struct Fragments {
    waiting: BTreeMap<Key, Datagram>,
    /// The same by age.
    ages: BTreeMap<u64, Key>,
    serial: u64,
    held: usize,
    counts: FragmentCounts,
}

impl Fragments {
    /// Adds a fragment; a datagram that it completes comes back.
    pub fn add(&mut self, frame: u64, time: Time, fragment: &Fragment<'_>) -> Option<Ready> {
        self.counts.fragments += 1;
        let protocol = if fragment.dst.is_ipv4() { fragment.protocol } else { 0 };
        let key = (fragment.src, fragment.dst, fragment.id, protocol, fragment.vlan);
        if self
            .waiting
            .get(&key)
            .is_some_and(|old| time.since(old.since) > TIMEOUT || old.pieces.len() >= MAX_FRAGMENTS)
        {
            self.give_up(&key);
        }
        while self.held > MAX_BYTES || (self.waiting.len() >= MAX_DATAGRAMS && !self.waiting.contains_key(&key)) {
            let Some((_, oldest)) = self.ages.first_key_value() else { break };
            let oldest = *oldest;
            self.give_up(&oldest);
        }
        let datagram = self.waiting.entry(key).or_insert_with(|| {
            self.serial += 1;
            self.ages.insert(self.serial, key);
            Datagram { serial: self.serial, since: time, protocol: fragment.protocol, ..Datagram::default() }
        });
        self.held += fragment.payload.len() + size_of::<Piece>();
        datagram.add(fragment);
        if !datagram.complete() {
            return None;
        }
        let datagram = self.remove(&key)?;
        let ready = datagram.build(frame);
        self.counts.completed += 1;
        self.counts.joined += ready.summary.fragments as u64 - 1;
        self.counts.overlapping += u64::from(ready.summary.overlaps > 0);
        self.counts.conflicting += u64::from(ready.summary.conflicts > 0);
        Some(ready)
    }

    /// What became of all fragments so far.
    pub fn counts(&self) -> FragmentCounts {
        FragmentCounts { waiting: self.waiting.len() as u64, ..self.counts }
    }

    fn give_up(&mut self, key: &Key) {
        self.counts.dropped += u64::from(self.remove(key).is_some());
    }

    fn remove(&mut self, key: &Key) -> Option<Datagram> {
        let datagram = self.waiting.remove(key)?;
        self.ages.remove(&datagram.serial);
        self.held -= datagram.bytes.len() + datagram.pieces.len() * size_of::<Piece>();
        Some(datagram)
    }
}

impl Datagram {
    fn add(&mut self, fragment: &Fragment<'_>) {
        let piece = Piece { offset: fragment.offset, len: fragment.payload.len() as u32, at: self.bytes.len() };
        if !fragment.more {
            self.several_ends |= self.total.is_some_and(|total| total != piece.end());
            self.total = self.total.or(Some(piece.end()));
        }
        if piece.offset == 0 {
            // What the first fragment says is what the datagram is (RFC 8200 section 4.5).
            self.protocol = fragment.protocol;
        }
        self.bytes.extend_from_slice(fragment.payload);
        let place = self.pieces.partition_point(|other| other.offset <= piece.offset);
        self.pieces.insert(place, piece);
        if place < self.joined {
            self.contiguous = self.contiguous.max(piece.end());
            self.joined += 1;
        }
        while let Some(next) = self.pieces.get(self.joined).filter(|next| next.offset <= self.contiguous) {
            self.contiguous = self.contiguous.max(next.end());
            self.joined += 1;
        }
    }

    fn complete(&self) -> bool {
        self.total.is_some_and(|total| self.contiguous >= total)
    }

    /// Puts the fragments behind each other. Bytes beyond the stated end are left out.
    fn build(self, frame: u64) -> Ready {
        let total = self.total.unwrap_or(0) as usize;
        let mut payload = Vec::with_capacity(total);
        let (mut overlaps, mut conflicts, mut too_long) = (0, 0, 0);
        for piece in &self.pieces {
            let (offset, len) = (piece.offset as usize, piece.len as usize);
            too_long += usize::from(offset + len > total);
            let bytes = self.bytes.get(piece.at..piece.at + len).unwrap_or_default();
            let bytes = bytes.get(..total.saturating_sub(offset)).unwrap_or(bytes);
            // There is no hole below the total, so a piece starts at the end of what is there or before it.
            let Some(there) = payload.get(offset..) else { continue };
            let common = there.len().min(bytes.len());
            overlaps += usize::from(common > 0);
            conflicts += usize::from(there.get(..common) != bytes.get(..common));
            payload.extend_from_slice(bytes.get(common..).unwrap_or_default());
        }
        let summary = Reassembled {
            frame,
            len: payload.len(),
            fragments: self.pieces.len(),
            overlaps,
            conflicts,
            too_long,
            several_ends: self.several_ends,
        };
        Ready { summary, protocol: self.protocol, payload }
    }
}
