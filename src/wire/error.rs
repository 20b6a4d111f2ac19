//! What is wrong with a packet, with the numbers that show it.

use std::fmt;

/// A packet that cannot be what it claims to be.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Malformed {
    /// There are fewer bytes than the format needs.
    Truncated {
        /// The header or field that did not fit.
        what: &'static str,
        /// Bytes needed.
        needed: usize,
        /// Bytes present.
        had: usize,
    },
    /// A field holds a value that the format does not allow.
    Field {
        /// The field.
        what: &'static str,
        /// Where it starts, in bytes from the start of its header.
        offset: usize,
        /// What it says.
        value: u64,
        /// What it may say.
        allowed: &'static str,
    },
    /// The checksum does not match.
    Checksum {
        /// Whose checksum.
        what: &'static str,
        /// The value in the packet.
        found: u16,
    },
    /// The chain of IPv6 extension headers is longer than any honest sender makes it.
    TooManyHeaders {
        /// How many headers were read before giving up.
        limit: usize,
    },
}

impl fmt::Display for Malformed {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Malformed::Truncated { what, needed, had } => {
                write!(f, "{what} needs {needed} bytes, {had} are there")
            }
            Malformed::Field { what, offset, value, allowed } => {
                write!(f, "{what} (offset {offset}) says {value}, must be {allowed}")
            }
            Malformed::Checksum { what, found } => write!(f, "{what} checksum {found:#06x} is wrong"),
            Malformed::TooManyHeaders { limit } => {
                write!(f, "more than {limit} IPv6 extension headers")
            }
        }
    }
}

impl std::error::Error for Malformed {}

/// The first `needed` bytes of `bytes`, or how many are missing.
#[inline]
pub(crate) fn take<'a>(bytes: &'a [u8], needed: usize, what: &'static str) -> Result<&'a [u8], Malformed> {
    bytes.get(..needed).ok_or(Malformed::Truncated { what, needed, had: bytes.len() })
}
