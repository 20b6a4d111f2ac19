//! What is left of a frame while it is read: bytes that were captured, and how many there were.

use super::other::Other;
use crate::wire::Malformed;

/// The rest of a frame. `len` counts what was on the wire, which is more than `data` where the capture cut the frame.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Bytes<'a> {
    data: &'a [u8],
    len: usize,
}

impl<'a> Bytes<'a> {
    /// A frame of which `data` was captured.
    #[inline]
    pub fn new(data: &'a [u8], len: usize) -> Self {
        Bytes { data, len: len.max(data.len()) }
    }

    /// The bytes that were captured.
    #[inline]
    pub fn data(self) -> &'a [u8] {
        self.data
    }

    /// How many there were on the wire.
    #[inline]
    pub fn len(self) -> usize {
        self.len
    }

    /// True when all of them were captured.
    #[inline]
    pub fn complete(self) -> bool {
        self.data.len() == self.len
    }

    /// Without the first `count` bytes.
    #[inline]
    pub fn skip(self, count: usize) -> Self {
        Bytes { data: self.data.get(count..).unwrap_or_default(), len: self.len.saturating_sub(count) }
    }

    /// At most the first `len` bytes: a length field leaves out the padding behind.
    #[inline]
    pub fn limit(self, len: usize) -> Self {
        if len >= self.len {
            return self;
        }
        Bytes { data: self.data.get(..len).unwrap_or(self.data), len }
    }

    /// The same bytes of more on the wire than was recorded.
    #[cold]
    pub fn of(self, len: usize) -> Self {
        Bytes { len: len.max(self.len), ..self }
    }

    /// The header of `N` bytes at the start, and what follows it.
    #[inline]
    pub fn take<const N: usize>(self, what: &'static str) -> Result<(&'a [u8; N], Self), Other> {
        match self.data.first_chunk() {
            Some(header) => Ok((header, self.skip(N))),
            None => Err(self.missing(N, what)),
        }
    }

    /// The first `count` bytes, and what follows them.
    #[inline]
    pub fn split(self, count: usize, what: &'static str) -> Result<(&'a [u8], Self), Other> {
        match self.data.get(..count) {
            Some(header) => Ok((header, self.skip(count))),
            None => Err(self.missing(count, what)),
        }
    }

    /// The byte at `offset`, when it was captured.
    #[inline]
    pub fn byte(self, offset: usize) -> Option<u8> {
        self.data.get(offset).copied()
    }

    /// The big-endian number at `offset`, when it was captured.
    #[inline]
    pub fn u16(self, offset: usize) -> Option<u16> {
        Some(u16::from_be_bytes(*self.data.get(offset..)?.first_chunk()?))
    }

    /// The same, of four bytes.
    #[inline]
    pub fn u32(self, offset: usize) -> Option<u32> {
        Some(u32::from_be_bytes(*self.data.get(offset..)?.first_chunk()?))
    }

    /// Why `needed` bytes are not there: the capture cut them off, or they never were.
    #[cold]
    pub fn missing(self, needed: usize, what: &'static str) -> Other {
        if self.len >= needed {
            Other::Cut { what, needed, had: self.data.len() }
        } else {
            Other::Malformed(Malformed::Truncated { what, needed, had: self.len })
        }
    }
}
