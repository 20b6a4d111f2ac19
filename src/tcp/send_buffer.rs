//! Bytes that the user gave us and the peer has not acknowledged, as chunks of shared memory.

use std::collections::VecDeque;

use bytes::{Bytes, BytesMut};

use crate::wire::{Payload, SeqNum};

/// Small writes are gathered into chunks of this size: few enough slices per segment, little enough waste.
const CHUNK: usize = 64 << 10;

/// The send buffer. It knows the sequence number of its first byte.
#[derive(Debug)]
pub struct SendBuffer {
    chunks: VecDeque<Chunk>,
    /// Written, not yet part of a chunk.
    tail: BytesMut,
    /// Memory of a chunk that is done with, for the next one: it is in the nearest cache still.
    spare: Option<BytesMut>,
    start: SeqNum,
    len: usize,
    limit: usize,
    /// Where records end, in order.
    records: VecDeque<SeqNum>,
    /// After the last byte that the user wants delivered at once (PUSH).
    pushed: Option<SeqNum>,
}

#[derive(Debug)]
struct Chunk {
    start: SeqNum,
    bytes: Bytes,
}

impl SendBuffer {
    /// An empty buffer whose first byte will be `start`, for `limit` bytes.
    pub fn new(start: SeqNum, limit: usize) -> Self {
        SendBuffer {
            chunks: VecDeque::new(),
            tail: BytesMut::new(),
            spare: None,
            start,
            len: 0,
            limit: limit.max(1),
            records: VecDeque::new(),
            pushed: None,
        }
    }

    /// The sequence number after the last byte.
    pub fn end(&self) -> SeqNum {
        self.start + self.len as u32
    }

    /// Bytes held.
    pub fn len(&self) -> usize {
        self.len
    }

    /// Changes how many bytes may be held; what is held stays.
    pub fn set_limit(&mut self, limit: usize) {
        self.limit = limit.max(1);
    }

    /// A record ends with the last byte.
    pub fn end_record(&mut self) {
        if self.len > 0 && self.records.back() != Some(&self.end()) {
            self.records.push_back(self.end());
        }
    }

    /// What is held is to be delivered at once.
    pub fn end_push(&mut self) {
        self.pushed = Some(self.end());
    }

    /// After the last byte that is to be delivered at once.
    pub fn pushed(&self) -> Option<SeqNum> {
        self.pushed
    }

    /// Takes a push back.
    pub fn set_pushed(&mut self, pushed: Option<SeqNum>) {
        self.pushed = pushed;
    }

    /// Where the record that holds the byte `from` ends, when that is known.
    pub fn record_end(&self, from: SeqNum) -> Option<SeqNum> {
        let index = self.records.partition_point(|end| end.at_or_before(from));
        self.records.get(index).copied()
    }

    /// True when nothing is held.
    pub fn is_empty(&self) -> bool {
        self.len == 0
    }

    /// Bytes that still fit.
    pub fn room(&self) -> usize {
        self.limit.saturating_sub(self.len)
    }

    /// Appends as much of `data` as fits and says how much that was.
    pub fn push(&mut self, data: &[u8]) -> usize {
        let mut rest = data.get(..self.room()).unwrap_or(data);
        let taken = rest.len();
        while !rest.is_empty() {
            if self.tail.capacity() == self.tail.len() {
                self.seal();
                let mut space = self.spare.take().unwrap_or_default();
                space.reserve(CHUNK.min(self.limit).max(1));
                self.tail = space;
            }
            let fits = rest.len().min(self.tail.capacity() - self.tail.len());
            let (now, later) = rest.split_at_checked(fits).unwrap_or((rest, &[]));
            self.tail.extend_from_slice(now);
            self.len += now.len();
            rest = later;
        }
        taken
    }

    /// The bytes from `from` up to, not including, `to`, by reference. What lies outside the buffer is left out.
    pub fn slice(&mut self, from: SeqNum, to: SeqNum) -> Payload {
        let from = from.latest(self.start);
        let to = to.earliest(self.end());
        let mut payload = Payload::empty();
        if !from.before(to) {
            return payload;
        }
        if to.after(self.end() - self.tail.len() as u32) {
            self.seal();
        }
        let first = self.chunks.partition_point(|chunk| chunk.start.at_or_before(from)).saturating_sub(1);
        for chunk in self.chunks.range(first..) {
            if !chunk.start.before(to) {
                break;
            }
            let skip = from.offset_from(chunk.start).max(0) as usize;
            let end = ((to - chunk.start) as usize).min(chunk.bytes.len());
            if skip < end {
                payload.push(chunk.bytes.slice(skip..end));
            }
        }
        payload
    }

    /// Forgets the bytes before `una`.
    pub fn advance(&mut self, una: SeqNum) {
        let una = una.earliest(self.end());
        if !una.after(self.start) {
            return;
        }
        while self.records.front().is_some_and(|end| end.at_or_before(una)) {
            self.records.pop_front();
        }
        self.len -= (una - self.start) as usize;
        self.start = una;
        while let Some(chunk) = self.chunks.front() {
            if (chunk.start + chunk.bytes.len() as u32).after(una) {
                break;
            }
            let done = self.chunks.pop_front().and_then(|chunk| chunk.bytes.try_into_mut().ok());
            if let Some(mut space) = done {
                // Nobody else looks at it any more.
                space.clear();
                self.spare = Some(space);
            }
        }
    }

    fn seal(&mut self) {
        if !self.tail.is_empty() {
            let start = self.end() - self.tail.len() as u32;
            self.chunks.push_back(Chunk { start, bytes: self.tail.split().freeze() });
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn collect(payload: Payload) -> Vec<u8> {
        payload.slices().flat_map(|slice| slice.to_vec()).collect()
    }

    #[test]
    fn slices_are_the_bytes_that_were_written_wherever_the_chunks_end() {
        let start = SeqNum(u32::MAX - 70_000);
        let mut buffer = SendBuffer::new(start, 200_000);
        let data: Vec<u8> = (0..200_000u32).map(|n| (n % 251) as u8).collect();
        for part in data.chunks(1_003) {
            assert_eq!(buffer.push(part), part.len());
        }
        assert_eq!(buffer.push(b"more"), 0);
        for from in [0u32, 1, 65_535, 65_536, 131_000, 199_000] {
            let to = (from + 2_000).min(200_000);
            let got = collect(buffer.slice(start + from, start + to));
            assert_eq!(got, &data[from as usize..to as usize], "from {from}");
        }
        buffer.advance(start + 100_000);
        assert_eq!(buffer.room(), 100_000);
        assert_eq!(collect(buffer.slice(start + 99_990, start + 100_003)), &data[100_000..100_003]);
        assert_eq!(buffer.push(b"more"), 4);
        assert_eq!(collect(buffer.slice(start + 200_000, start + 200_004)), b"more");
        buffer.advance(start + 200_004);
        assert!(buffer.is_empty());
    }
}
