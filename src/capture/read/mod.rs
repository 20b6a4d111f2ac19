//! Capture files, read: classic pcap and pcapng, also inside gzip.
//!
//! The project writes captures through pcap-file and reads them here. pcap-file refuses files that people have and
//! that other tools read (a snapshot length of zero, records longer than it, microseconds past the second, the modified
//! record header, comments that are not UTF-8), never moves on after an error, and takes some three times as long for a
//! short record. This reader is lenient where a value does no harm and strict where going on would be guessing. The
//! tests hold it to what pcap-file writes.
//!
//! A file may be several that were appended to each other (cat a.pcap b.pcap), even of both formats: a file's header at the
//! place of a packet is known by its magic number and version, and read as that of another section.
//!
//! Packets are lent out of one buffer that is filled in large pieces: nothing is copied or allocated for a packet.
//! Nothing a file declares is believed before its bytes are there: memory stays near one buffer whatever a length says.

#![cfg_attr(not(test), deny(clippy::indexing_slicing, clippy::unwrap_used, clippy::expect_used, clippy::panic))]

mod buffer;
mod error;
mod facts;
mod foreign;
mod link_type;
mod pcap;
mod pcapng;
#[cfg(test)]
mod tests;

use std::borrow::Cow;
use std::io::{BufReader, Cursor, Read};
use std::ops::Range;

use flate2::bufread::MultiGzDecoder;

use crate::capture::Direction;
use crate::time::Time;

use buffer::Buffer;
pub use error::{Place, ReadError};
pub use facts::{ByteOrder, Facts, FileFormat, Interface, Resolution};
pub use link_type::LinkType;

/// No packet and no block may be longer than this: more than any capture of a network holds.
pub const LIMIT: u32 = 256 << 20;

/// How much of an unknown file is looked at to tell what it is.
const LOOK: usize = 512;

/// What was captured of one packet, lent by the reader until the next one is asked for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Frame<'a> {
    /// When it was captured; pcapng's simple packets do not say.
    pub time: Option<Time>,
    /// Where: an index into [`Facts::interfaces`].
    pub interface: u32,
    /// What its first byte belongs to.
    pub link: LinkType,
    /// The bytes that were kept.
    pub bytes: &'a [u8],
    /// How long it was on the wire; never less than the bytes kept.
    pub original_len: u32,
    /// Which way it went, when the file says so.
    pub direction: Option<Direction>,
    /// The name of the interface, when the file says.
    pub name: Option<&'a str>,
    /// The first comment beside it, as it stands in the file.
    pub comment: Option<&'a [u8]>,
}

impl<'a> Frame<'a> {
    /// The comment as text; what is not UTF-8 in it is replaced.
    pub fn comment_text(&self) -> Option<Cow<'a, str>> {
        self.comment.map(String::from_utf8_lossy)
    }
}

/// A packet found: what [`Frame`] says, with places in the buffer instead of bytes.
struct Found {
    time: Option<Time>,
    interface: u32,
    link: LinkType,
    bytes: Range<usize>,
    original_len: u32,
    direction: Option<Direction>,
    comment: Option<Range<usize>>,
}

/// Reads one capture file from its beginning to its end.
pub struct Reader {
    buffer: Buffer,
    layout: Layout,
    facts: Facts,
}

enum Layout {
    Pcap(pcap::Pcap),
    PcapNg(pcapng::PcapNg),
    Ended,
}

impl Layout {
    /// Reads the header that the window begins with: of a file, or of another one that was appended to it.
    #[cold]
    fn begin(buffer: &mut Buffer, facts: &mut Facts) -> Result<Layout, ReadError> {
        if buffer.window().starts_with(&pcapng::MAGIC) {
            Ok(Layout::PcapNg(pcapng::PcapNg::begin(buffer, facts)?))
        } else {
            Ok(Layout::Pcap(pcap::Pcap::begin(buffer, facts)?))
        }
    }
}

/// What stood at the place of a packet.
enum Step {
    /// A packet.
    Packet(Found),
    /// The header of another capture: people append one file to another with cat.
    Header,
    /// Nothing more.
    End,
}

impl Reader {
    /// Begins to read `input`: undoes gzip, tells the format and reads the file's header.
    pub fn new(input: Box<dyn Read + Send>) -> Result<Reader, ReadError> {
        let mut buffer = Buffer::new(input);
        buffer.look(4)?;
        if buffer.window().is_empty() {
            return Err(ReadError::Empty);
        }
        let gzip = buffer.window().starts_with(&foreign::GZIP);
        if gzip {
            let (begun, rest) = buffer.into_parts();
            let compressed = BufReader::with_capacity(1 << 17, Cursor::new(begun).chain(rest));
            buffer = Buffer::new(Box::new(MultiGzDecoder::new(compressed)));
            buffer.look(4)?;
            if buffer.window().is_empty() {
                return Err(ReadError::Empty);
            }
        }
        let mut facts = Facts { gzip, ..Facts::default() };
        let layout = match buffer.window().first_chunk::<4>() {
            Some(magic) if pcapng::MAGIC == *magic || pcap::Variant::of(*magic).is_some() => {
                Layout::begin(&mut buffer, &mut facts)?
            }
            None if begins_like_a_capture(buffer.window()) => {
                let had = buffer.window().len() as u64;
                return Err(ReadError::Truncated { what: "the file header", at: buffer.place(0), needed: 24, had });
            }
            _ => {
                buffer.look(LOOK)?;
                return Err(foreign::refuse(buffer.window()));
            }
        };
        facts.bytes = buffer.offset();
        Ok(Reader { buffer, layout, facts })
    }

    /// The next packet. After the end, and after an error, there is none.
    // A call costs as much as what is done here; see also `Pcap::advance`.
    #[inline(always)]
    #[allow(clippy::should_implement_trait)] // an Iterator cannot lend
    pub fn next(&mut self) -> Result<Option<Frame<'_>>, ReadError> {
        let step = match &mut self.layout {
            Layout::Pcap(pcap) => pcap.advance(&mut self.buffer, self.facts.packets),
            Layout::PcapNg(pcapng) => pcapng.advance(&mut self.buffer, &mut self.facts),
            Layout::Ended => return Ok(None),
        };
        let found = match step {
            Ok(Step::Packet(found)) => Ok(Some(found)),
            Ok(Step::End) => Ok(None),
            Ok(Step::Header) => self.appended(),
            Err(error) => Err(error),
        };
        self.facts.bytes = self.buffer.offset();
        match found {
            Ok(Some(found)) => {
                self.facts.packets += 1;
                Ok(Some(Frame {
                    time: found.time,
                    interface: found.interface,
                    link: found.link,
                    bytes: self.buffer.slice(found.bytes),
                    original_len: found.original_len,
                    direction: found.direction,
                    name: self.facts.interfaces.get(found.interface as usize).and_then(|of| of.name.as_deref()),
                    comment: found.comment.map(|comment| self.buffer.slice(comment)),
                }))
            }
            Ok(None) => {
                self.layout = Layout::Ended;
                Ok(None)
            }
            Err(error) => {
                self.layout = Layout::Ended;
                Err(error)
            }
        }
    }

    /// The next packet of captures that were appended: some may be empty.
    #[cold]
    #[inline(never)]
    fn appended(&mut self) -> Result<Option<Found>, ReadError> {
        loop {
            self.layout = Layout::begin(&mut self.buffer, &mut self.facts)?;
            let step = match &mut self.layout {
                Layout::Pcap(pcap) => pcap.advance(&mut self.buffer, self.facts.packets)?,
                Layout::PcapNg(pcapng) => pcapng.advance(&mut self.buffer, &mut self.facts)?,
                Layout::Ended => Step::End,
            };
            match step {
                Step::Packet(found) => return Ok(Some(found)),
                Step::End => return Ok(None),
                Step::Header => {}
            }
        }
    }

    /// What the file says about itself, as far as it was read.
    pub fn facts(&self) -> &Facts {
        &self.facts
    }
}

/// Whether a file of less than four bytes is what is left of one that is read.
fn begins_like_a_capture(begin: &[u8]) -> bool {
    pcapng::MAGIC.starts_with(begin) || foreign::GZIP.starts_with(begin) || pcap::may_begin(begin)
}
