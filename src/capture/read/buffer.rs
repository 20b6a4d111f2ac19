//! The part of the input that is in memory.
//!
//! Filled with plain reads in large pieces. What a piece leaves unfinished is moved to the front before the next one
//! is read, so that whatever is being parsed lies in one slice. The buffer grows only with bytes that have arrived.

use std::io::{self, Read};
use std::ops::Range;

use super::error::{Place, ReadError};

/// Small enough to stay in a processor's cache between the kernel's copy and the parser; larger pieces gain nothing.
const PIECE: usize = 256 << 10;

pub(super) struct Buffer {
    input: Box<dyn Read + Send>,
    bytes: Vec<u8>,
    start: usize,
    end: usize,
    /// Where in the file `bytes` begins.
    base: u64,
    ended: bool,
}

impl Buffer {
    pub(super) fn new(input: Box<dyn Read + Send>) -> Self {
        Buffer { input, bytes: vec![0; PIECE], start: 0, end: 0, base: 0, ended: false }
    }

    /// What has arrived and was not consumed.
    #[inline]
    pub(super) fn window(&self) -> &[u8] {
        self.bytes.get(self.start..self.end).unwrap_or_default()
    }

    /// Where in the file the window begins.
    #[inline]
    pub(super) fn offset(&self) -> u64 {
        self.base + self.start as u64
    }

    /// Where in the buffer the window begins.
    #[inline]
    pub(super) fn start(&self) -> usize {
        self.start
    }

    /// Bytes by their place in the buffer; good until the next call of [`Buffer::fill`] or [`Buffer::skip`].
    #[inline]
    pub(super) fn slice(&self, range: Range<usize>) -> &[u8] {
        self.bytes.get(range).unwrap_or_default()
    }

    /// Lets the window begin `count` bytes later.
    #[inline]
    pub(super) fn consume(&mut self, count: usize) {
        self.start = self.end.min(self.start + count);
    }

    /// Lets the window hold `needed` bytes; false when the input ends before.
    #[inline]
    pub(super) fn fill(&mut self, needed: usize) -> io::Result<bool> {
        if self.end - self.start >= needed { Ok(true) } else { self.refill(needed) }
    }

    #[cold]
    #[inline(never)]
    fn refill(&mut self, needed: usize) -> io::Result<bool> {
        self.bytes.copy_within(self.start..self.end, 0);
        self.base += self.start as u64;
        self.end -= self.start;
        self.start = 0;
        while self.end < needed && !self.ended {
            if self.end == self.bytes.len() {
                self.bytes.resize(self.bytes.len() * 2, 0);
            }
            match self.input.read(self.bytes.get_mut(self.end..).unwrap_or_default()) {
                Ok(0) => self.ended = true,
                Ok(count) => self.end = self.bytes.len().min(self.end + count),
                Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
                Err(error) => return Err(error),
            }
        }
        Ok(self.end >= needed)
    }

    /// Passes over `count` bytes without keeping them; how many there were.
    pub(super) fn skip(&mut self, count: usize) -> io::Result<usize> {
        let mut left = count;
        loop {
            let step = left.min(self.end - self.start);
            self.consume(step);
            left -= step;
            if left == 0 || !self.fill(1)? {
                return Ok(count - left);
            }
        }
    }

    /// As [`Buffer::fill`] at the beginning of a file, where less is no error yet.
    pub(super) fn look(&mut self, wanted: usize) -> Result<(), ReadError> {
        match self.fill(wanted) {
            // What arrived before a failure may be enough to tell what the file is.
            Err(source) if self.window().len() < 4 => Err(self.failed(source, 0)),
            _ => Ok(()),
        }
    }

    /// The beginning of the next thing to read, for an error.
    pub(super) fn place(&self, packets: u64) -> Place {
        Place { offset: self.offset(), packet: packets + 1 }
    }

    /// The input failed behind the window.
    pub(super) fn failed(&self, source: io::Error, packets: u64) -> ReadError {
        let at = Place { offset: self.base + self.end as u64, packet: packets + 1 };
        ReadError::Io { source, at }
    }

    /// What was read and not consumed, and the rest of the input.
    pub(super) fn into_parts(mut self) -> (Vec<u8>, Box<dyn Read + Send>) {
        self.bytes.truncate(self.end);
        self.bytes.drain(..self.start);
        (self.bytes, self.input)
    }
}
