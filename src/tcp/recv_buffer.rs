//! Received bytes: one ring buffer for what is in order and what is not, and the window we offer from it.

use std::ops::Range;

use super::config::RecvBuffer as Size;
use super::ranges::{Inserted, Ranges};

/// Where auto-tuning starts: the largest window of a SYN, which cannot be scaled (RFC 7323 section 2.2).
const INITIAL: usize = 64 << 10;

/// The receive buffer. Positions are stream offsets: 0 is the first byte after the peer's SYN.
#[derive(Debug)]
pub struct RecvBuffer {
    /// Length is zero or a power of two; offset `o` lives at `o % len`.
    ring: Vec<u8>,
    /// First byte that the user has not taken.
    read: u64,
    received: Ranges,
    /// Bytes the buffer may hold now, and ever.
    limit: usize,
    max: usize,
}

impl RecvBuffer {
    /// An empty buffer of the given size.
    pub fn new(size: Size) -> Self {
        let (limit, max) = match size {
            Size::Auto { max } => (INITIAL.min(max), max),
            Size::Fixed(size) => (size, size),
        };
        RecvBuffer { ring: Vec::new(), read: 0, received: Ranges::default(), limit: limit.max(1), max: max.max(1) }
    }

    /// Offset of the first byte that is missing: RCV.NXT as an offset.
    pub fn next(&self) -> u64 {
        self.received.next()
    }

    /// Bytes the user can take now.
    pub fn readable(&self) -> usize {
        (self.next() - self.read) as usize
    }

    /// Size of the buffer now, in bytes.
    pub fn limit(&self) -> usize {
        self.limit
    }

    /// Offset up to which bytes may arrive: the window's right edge if it were offered in full.
    pub fn edge(&self) -> u64 {
        self.read + self.limit as u64
    }

    /// Which bytes beyond the first hole are here, most recently touched first (RFC 2018 section 4).
    pub fn islands(&self) -> impl Iterator<Item = Range<u64>> + '_ {
        self.received.islands()
    }

    /// Whether bytes beyond a hole are here.
    pub fn has_hole(&self) -> bool {
        self.received.has_islands()
    }

    /// Stores `data` at `offset`. The caller has cut it to the window, so it lies within `limit` of `read`.
    pub fn insert(&mut self, offset: u64, data: &[u8]) -> Inserted {
        let inserted = self.received.insert(offset..offset + data.len() as u64);
        // What lies before `next` may be read already: its place in the ring belongs to later bytes.
        let skip = self.read.saturating_sub(offset);
        if let Some(data) = data.get(skip as usize..)
            && !data.is_empty()
        {
            self.write(offset + skip, data);
        }
        inserted
    }

    /// Forgets what lies beyond `end`, the end of the stream, and has not become readable.
    pub fn truncate(&mut self, end: u64) {
        self.received.truncate(end);
    }

    /// The readable bytes as at most two slices.
    pub fn peek(&self) -> (&[u8], &[u8]) {
        let len = self.readable();
        if len == 0 {
            return (&[], &[]);
        }
        let at = (self.read as usize) & (self.ring.len() - 1);
        let first = len.min(self.ring.len() - at);
        (self.ring.get(at..at + first).unwrap_or_default(), self.ring.get(..len - first).unwrap_or_default())
    }

    /// The user took the first `count` readable bytes.
    pub fn consume(&mut self, count: usize) {
        self.read += count.min(self.readable()) as u64;
    }

    /// Lets the buffer grow to `wanted` bytes, as far as its cap allows. It never shrinks: a window that was
    /// offered is not taken back (RFC 9293 SHLD-14).
    pub fn grow(&mut self, wanted: usize) {
        self.limit = self.limit.max(wanted.min(self.max));
    }

    /// The user fixes the size. What has arrived stays.
    pub fn resize(&mut self, size: usize) {
        let held = self.received.islands().map(|island| island.end).max().unwrap_or(self.next());
        self.max = size.max(held.saturating_sub(self.read) as usize).max(1);
        self.limit = self.max;
    }

    fn write(&mut self, offset: u64, data: &[u8]) {
        let needed = (offset + data.len() as u64 - self.read) as usize;
        if needed > self.ring.len() {
            self.enlarge(needed);
        }
        let at = (offset as usize) & (self.ring.len() - 1);
        let first = data.len().min(self.ring.len() - at);
        let (head, tail) = data.split_at_checked(first).unwrap_or((data, &[]));
        if let Some(space) = self.ring.get_mut(at..at + head.len()) {
            space.copy_from_slice(head);
        }
        if let Some(space) = self.ring.get_mut(..tail.len()) {
            space.copy_from_slice(tail);
        }
    }

    /// Everything within the old ring's length of `read` moves to its place in a larger one.
    fn enlarge(&mut self, needed: usize) {
        let mut larger = vec![0; needed.next_power_of_two().max(4096)];
        let old = self.ring.len();
        if old > 0 {
            let at = (self.read as usize) & (old - 1);
            self.ring.rotate_left(at);
            let to = (self.read as usize) & (larger.len() - 1);
            let first = old.min(larger.len() - to);
            let (head, tail) = self.ring.split_at_checked(first).unwrap_or((&self.ring, &[]));
            if let Some(space) = larger.get_mut(to..to + head.len()) {
                space.copy_from_slice(head);
            }
            if let Some(space) = larger.get_mut(..tail.len()) {
                space.copy_from_slice(tail);
            }
        }
        self.ring = larger;
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn take(buffer: &mut RecvBuffer) -> Vec<u8> {
        let (a, b) = buffer.peek();
        let bytes = [a, b].concat();
        buffer.consume(bytes.len());
        bytes
    }

    #[test]
    fn a_hole_holds_later_bytes_back_until_it_is_filled() {
        let mut buffer = RecvBuffer::new(Size::Fixed(10));
        buffer.insert(3, b"def");
        assert_eq!((buffer.readable(), buffer.next()), (0, 0));
        assert_eq!(buffer.islands().collect::<Vec<_>>(), [3..6]);
        buffer.insert(0, b"abc");
        assert_eq!(take(&mut buffer), b"abcdef");
        assert_eq!(buffer.edge(), 16);
    }

    proptest! {
        /// Segments in any order, overlapping, with reads in between, give the stream that was sent.
        #[test]
        fn any_arrival_order_gives_the_stream(
            stream in proptest::collection::vec(any::<u8>(), 1..6000),
            cuts in proptest::collection::vec((0usize..6000, 1usize..900, any::<bool>()), 1..80),
        ) {
            let mut buffer = RecvBuffer::new(Size::Fixed(2000));
            let mut got = Vec::new();
            let mut arrive = |buffer: &mut RecvBuffer, start: usize, len: usize, read: bool| {
                let end = (start + len).min(stream.len()).min(buffer.edge() as usize);
                if start < end {
                    buffer.insert(start as u64, &stream[start..end]);
                }
                if read {
                    got.extend(take(buffer));
                }
            };
            for (start, len, read) in cuts {
                arrive(&mut buffer, start % stream.len(), len, read);
            }
            for start in (0..stream.len()).step_by(700) {
                arrive(&mut buffer, start, 700, true);
            }
            prop_assert_eq!(got, stream);
        }
    }
}
