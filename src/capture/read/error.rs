//! Why reading stopped: what, where, the numbers, and what can be done about it.

use std::fmt;
use std::io;

/// A point in a capture file.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Place {
    /// Bytes from the beginning of the file; of the uncompressed one where it is compressed.
    pub offset: u64,
    /// The number of the packet that was to be read there, counted from 1.
    pub packet: u64,
}

impl fmt::Display for Place {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "byte {}, packet {}", self.offset, self.packet)
    }
}

/// Why a capture file could not be read, or not be read further.
#[derive(Debug)]
pub enum ReadError {
    /// There is not one byte.
    Empty,
    /// The input failed, or its compression is damaged.
    Io {
        /// What the system or the decompressor said.
        source: io::Error,
        /// How far the input was good.
        at: Place,
    },
    /// It is something else than a pcap or pcapng file.
    Foreign {
        /// What it is.
        name: &'static str,
        /// What can be done with it.
        remedy: &'static str,
    },
    /// The file ends inside of something.
    Truncated {
        /// Inside of what.
        what: &'static str,
        /// Where that begins.
        at: Place,
        /// Bytes it needs.
        needed: u64,
        /// Bytes that are there.
        had: u64,
    },
    /// Something is longer than anything of its kind: the length is damaged.
    TooLong {
        /// Of what.
        what: &'static str,
        /// Where that begins.
        at: Place,
        /// Its length as the file says.
        length: u64,
        /// The longest that is accepted.
        limit: u64,
    },
    /// A field holds what it may not.
    Field {
        /// Which.
        what: &'static str,
        /// Where the record or block that holds it begins.
        at: Place,
        /// What it says.
        value: u64,
        /// What it may say.
        allowed: &'static str,
    },
    /// The file declares more of something than is kept track of.
    TooMany {
        /// Of what.
        what: &'static str,
        /// Where the first one too many is declared.
        at: Place,
        /// The most that is accepted.
        limit: u64,
    },
    /// A pcapng block's two lengths differ.
    Lengths {
        /// Where the block begins.
        at: Place,
        /// The length at its beginning.
        first: u32,
        /// The length at its end.
        last: u32,
    },
    /// A packet names an interface that was not described.
    Interface {
        /// Where its block begins.
        at: Place,
        /// Which.
        interface: u32,
        /// How many the section has.
        described: u32,
    },
}

impl ReadError {
    /// Where it is, when it is at a place.
    pub fn place(&self) -> Option<Place> {
        match self {
            ReadError::Empty | ReadError::Foreign { .. } => None,
            ReadError::Io { at, .. }
            | ReadError::Truncated { at, .. }
            | ReadError::TooLong { at, .. }
            | ReadError::Field { at, .. }
            | ReadError::TooMany { at, .. }
            | ReadError::Lengths { at, .. }
            | ReadError::Interface { at, .. } => Some(*at),
        }
    }
}

impl fmt::Display for ReadError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if let Some(place) = self.place() {
            write!(f, "{place}: ")?;
        }
        match self {
            ReadError::Empty => f.write_str("the file is empty: no capture was written to it")?,
            ReadError::Foreign { name, remedy: "" } => write!(f, "not a pcap or pcapng file but {name}")?,
            ReadError::Foreign { name, remedy } => write!(f, "not a pcap or pcapng file but {name}: {remedy}")?,
            ReadError::Io { source, .. } if source.kind() == io::ErrorKind::UnexpectedEof => {
                f.write_str("the compressed file is cut short here")?;
            }
            ReadError::Io { source, .. } => write!(f, "reading failed: {source}")?,
            ReadError::Truncated { what, needed, had, .. } => {
                write!(f, "the file is cut short: {what} needs {needed} bytes, {had} are there")?;
            }
            ReadError::TooLong { what, length, limit, .. } => {
                write!(f, "the file is damaged: {what} claims {length} bytes, at most {limit} are possible")?;
            }
            ReadError::Field { what, value, allowed, .. } => {
                write!(f, "{what} is {value} ({value:#x}), must be {allowed}")?
            }
            ReadError::TooMany { what, limit, .. } => write!(f, "more than {limit} {what} are declared")?,
            ReadError::Lengths { first, last, .. } => {
                write!(f, "the file is damaged: the block is {first} bytes long by its beginning, {last} by its end")?;
            }
            ReadError::Interface { interface, described, .. } => {
                write!(f, "the packet is from interface {interface}, but only {described} are described before it")?;
            }
        }
        match self.place() {
            Some(Place { packet: 2, .. }) => f.write_str("; the packet before it is good"),
            Some(Place { packet: 3.., .. }) => f.write_str("; the packets before it are good"),
            _ => Ok(()),
        }
    }
}

impl std::error::Error for ReadError {
    fn source(&self) -> Option<&(dyn std::error::Error + 'static)> {
        match self {
            ReadError::Io { source, .. } => Some(source),
            _ => None,
        }
    }
}
