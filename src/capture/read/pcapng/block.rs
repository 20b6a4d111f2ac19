//! A block: its two lengths, and the numbers and options in its body.

use super::super::LIMIT;
use super::super::error::{Place, ReadError};
use super::super::facts::ByteOrder;
use super::options::Options;

/// Two lengths and a type are in every block.
pub(super) const SHORTEST: usize = 12;

/// A block's body, with what is needed to read it.
pub(super) struct Body<'a> {
    pub(super) bytes: &'a [u8],
    pub(super) order: ByteOrder,
    /// Where in the buffer it begins.
    pub(super) begin: usize,
    /// Where in the file the block begins.
    pub(super) at: Place,
}

impl<'a> Body<'a> {
    #[inline]
    pub(super) fn u16(&self, at: usize) -> Option<u16> {
        Some(self.order.u16(*self.bytes.get(at..)?.first_chunk()?))
    }

    #[inline]
    pub(super) fn u32(&self, at: usize) -> Option<u32> {
        Some(self.order.u32(*self.bytes.get(at..)?.first_chunk()?))
    }

    /// The options from `at` on; none when the block ends before.
    pub(super) fn options(&self, at: usize) -> Options<'a> {
        Options::new(self.bytes.get(at..).unwrap_or_default(), self.order)
    }

    /// The error of a body too short for its fixed fields.
    #[cold]
    pub(super) fn short(&self, what: &'static str, allowed: &'static str) -> ReadError {
        ReadError::Field { what, at: self.at, value: (self.bytes.len() + SHORTEST) as u64, allowed }
    }
}

/// Whether a block can be that long.
#[inline]
pub(super) fn check_length(length: u32, at: Place) -> Result<(), ReadError> {
    if length > LIMIT {
        let (length, limit) = (length.into(), LIMIT.into());
        return Err(ReadError::TooLong { what: "the block", at, length, limit });
    }
    if (length as usize) < SHORTEST || !length.is_multiple_of(4) {
        let (value, allowed) = (length.into(), "a multiple of 4 and at least 12");
        return Err(ReadError::Field { what: "the length of the block", at, value, allowed });
    }
    Ok(())
}

/// Whether the length at a block's end is that of its beginning.
#[inline]
pub(super) fn check_lengths(tail: &[u8], length: usize, order: ByteOrder, at: Place) -> Result<(), ReadError> {
    let last = tail.last_chunk::<4>().map_or(0, |last| order.u32(*last));
    if last as usize == length { Ok(()) } else { Err(ReadError::Lengths { at, first: length as u32, last }) }
}
