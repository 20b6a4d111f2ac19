//! pcapng: sections of blocks, each with its length at both ends.
//!
//! A section declares its own length as well; blocks are found without it, so it is not looked at (it is wrong in many
//! files, and may be left open). Interfaces are numbered anew in each section; [`Frame::interface`](super::Frame)
//! counts over all of them.

mod block;
mod options;
mod packet;

use super::buffer::Buffer;
use super::error::{Place, ReadError};
use super::facts::{ByteOrder, Facts, FileFormat, Interface, Resolution};
use super::{LinkType, Step, pcap};

use block::{Body, SHORTEST, check_length, check_lengths};
use packet::Source;

/// The type of a section header block, the same in both byte orders.
pub(super) const MAGIC: [u8; 4] = [0x0a, 0x0d, 0x0d, 0x0a];

/// The byte-order mark of a section, as it stands in the file.
const LITTLE_ENDIAN: [u8; 4] = [0x4d, 0x3c, 0x2b, 0x1a];
const BIG_ENDIAN: [u8; 4] = [0x1a, 0x2b, 0x3c, 0x4d];
pub(super) const BYTE_ORDERS: [[u8; 4]; 2] = [LITTLE_ENDIAN, BIG_ENDIAN];

const SECTION: u32 = 0x0a0d_0d0a;
const INTERFACE: u32 = 1;
const OLD_PACKET: u32 = 2;
const SIMPLE_PACKET: u32 = 3;
const STATISTICS: u32 = 5;
const PACKET: u32 = 6;

/// More interfaces than any host has; each costs memory, so a file may not describe any number of them.
pub(super) const INTERFACES: usize = 65_536;

/// Options of any block.
const COMMENT: u16 = 1;

pub(super) struct PcapNg {
    order: ByteOrder,
    /// How many interfaces the sections before this one described.
    before: usize,
    /// This section's interfaces.
    sources: Vec<Source>,
}

impl PcapNg {
    /// Reads the first section's header.
    pub(super) fn begin(buffer: &mut Buffer, facts: &mut Facts) -> Result<PcapNg, ReadError> {
        let mut pcapng = PcapNg { order: ByteOrder::Little, before: 0, sources: Vec::new() };
        pcapng.block(buffer, facts)?;
        Ok(pcapng)
    }

    /// Finds the next packet.
    #[inline]
    pub(super) fn advance(&mut self, buffer: &mut Buffer, facts: &mut Facts) -> Result<Step, ReadError> {
        loop {
            // Nearly every block is a packet that has arrived whole; the long way is for the others.
            if let Some(bytes) = whole_packet(buffer.window(), self.order) {
                let length = bytes.len() + SHORTEST;
                let body =
                    Body { bytes, order: self.order, begin: buffer.start() + 8, at: buffer.place(facts.packets) };
                let found = self.packet(&body, facts)?;
                buffer.consume(length);
                return Ok(Step::Packet(found));
            }
            if let Some(step) = self.block(buffer, facts)? {
                return Ok(step);
            }
        }
    }

    /// Reads a block; one that is no packet leads to none.
    #[cold]
    #[inline(never)]
    fn block(&mut self, buffer: &mut Buffer, facts: &mut Facts) -> Result<Option<Step>, ReadError> {
        let at = buffer.place(facts.packets);
        if !fill(buffer, 8, at)? {
            return match buffer.window().len() {
                0 => Ok(Some(Step::End)),
                had => Err(ReadError::Truncated { what: "the block header", at, needed: 8, had: had as u64 }),
            };
        }
        let Some(&[t0, t1, t2, t3, l0, l1, l2, l3]) = buffer.window().first_chunk::<8>() else {
            return Ok(Some(Step::End));
        };
        if pcap::Variant::of([t0, t1, t2, t3]).is_some() && fill(buffer, 16, at)? && pcap::begins_file(buffer.window())
        {
            return Ok(Some(Step::Header));
        }
        if [t0, t1, t2, t3] == MAGIC {
            self.order = section_order(buffer, at)?;
        }
        let kind = self.order.u32([t0, t1, t2, t3]);
        let length = self.order.u32([l0, l1, l2, l3]);
        check_length(length, at)?;
        let length = length as usize;
        if !matches!(kind, SECTION | INTERFACE | OLD_PACKET | SIMPLE_PACKET | STATISTICS | PACKET) {
            self.skip(buffer, length, at)?;
            return Ok(None);
        }
        if !fill(buffer, length, at)? {
            let had = buffer.window().len() as u64;
            return Err(ReadError::Truncated { what: "the block", at, needed: length as u64, had });
        }
        let begin = buffer.start();
        let block = buffer.window().get(..length).unwrap_or_default();
        check_lengths(block, length, self.order, at)?;
        let bytes = block.get(8..length - 4).unwrap_or_default();
        let body = Body { bytes, order: self.order, begin: begin + 8, at };
        let found = match kind {
            PACKET => Some(self.packet(&body, facts)?),
            SIMPLE_PACKET => Some(self.simple_packet(&body)?),
            OLD_PACKET => Some(self.old_packet(&body, facts)?),
            SECTION => self.section(&body, facts).map(|()| None)?,
            INTERFACE => self.interface(&body, facts).map(|()| None)?,
            _ => self.statistics(&body, facts).map(|()| None)?,
        };
        buffer.consume(length);
        Ok(found.map(Step::Packet))
    }

    /// Passes over a block that tells nothing about packets.
    #[cold]
    fn skip(&self, buffer: &mut Buffer, length: usize, at: Place) -> Result<(), ReadError> {
        let passed = buffer.skip(length - 4).map_err(|source| buffer.failed(source, at.packet - 1))?;
        if !fill(buffer, 4, at)? {
            let had = (passed + buffer.window().len()) as u64;
            return Err(ReadError::Truncated { what: "the block", at, needed: length as u64, had });
        }
        check_lengths(buffer.window().get(..4).unwrap_or_default(), length, self.order, at)?;
        buffer.consume(4);
        Ok(())
    }

    #[cold]
    fn section(&mut self, body: &Body<'_>, facts: &mut Facts) -> Result<(), ReadError> {
        let (Some(major), true) = (body.u16(4), body.bytes.len() >= 16) else {
            return Err(body.short("the length of the section header", "at least 28"));
        };
        if major != 1 {
            let (value, allowed) = (major.into(), "1");
            return Err(ReadError::Field { what: "the major version of the section", at: body.at, value, allowed });
        }
        facts.begin_section(FileFormat::PcapNg, self.order);
        self.before = facts.interfaces.len();
        self.sources.clear();
        let mut options = body.options(16);
        for option in &mut options {
            match option.code {
                COMMENT => keep_comment(facts, option.value),
                2 if facts.hardware.is_none() => facts.hardware = facts.keep(option.value),
                3 if facts.os.is_none() => facts.os = facts.keep(option.value),
                4 if facts.application.is_none() => facts.application = facts.keep(option.value),
                _ => {}
            }
        }
        facts.damaged_options += u64::from(options.damaged());
        Ok(())
    }

    #[cold]
    fn interface(&mut self, body: &Body<'_>, facts: &mut Facts) -> Result<(), ReadError> {
        let (Some(link), Some(snaplen)) = (body.u16(0), body.u32(4)) else {
            return Err(body.short("the length of the interface description", "at least 20"));
        };
        if facts.interfaces.len() >= INTERFACES {
            return Err(ReadError::TooMany { what: "interfaces", at: body.at, limit: INTERFACES as u64 });
        }
        let mut interface = Interface::new(LinkType(link), snaplen, Resolution::MICROSECONDS);
        let mut offset = 0;
        let mut options = body.options(8);
        for option in &mut options {
            match (option.code, option.value) {
                (COMMENT, text) => keep_comment(facts, text),
                (2, text) => interface.name = facts.keep(text),
                (3, text) => interface.description = facts.keep(text),
                (9, &[resolution, ..]) => interface.resolution = Resolution(resolution),
                // The first byte tells a filter's kind; 0 is text.
                (11, [0, text @ ..]) => interface.filter = facts.keep(text),
                (12, text) => interface.os = facts.keep(text),
                (13, &[fcs, ..]) => interface.fcs = Some(fcs),
                (14, value) => offset = value.first_chunk().map_or(0, |seconds| body.order.u64(*seconds).cast_signed()),
                _ => {}
            }
        }
        facts.damaged_options += u64::from(options.damaged());
        self.sources.push(Source { link: LinkType(link), snaplen, resolution: interface.resolution, offset });
        facts.interfaces.push(interface);
        Ok(())
    }

    #[cold]
    fn statistics(&mut self, body: &Body<'_>, facts: &mut Facts) -> Result<(), ReadError> {
        let (Some(id), true) = (body.u32(0), body.bytes.len() >= 12) else {
            return Err(body.short("the length of the interface statistics", "at least 24"));
        };
        let mut options = body.options(12);
        if let Some(interface) = facts.interfaces.get_mut(self.before..).and_then(|all| all.get_mut(id as usize)) {
            for option in &mut options {
                let value = option.value.first_chunk().map(|value| body.order.u64(*value));
                match option.code {
                    4 => interface.received = value,
                    5 => interface.interface_drops = value,
                    7 => interface.os_drops = value,
                    _ => {}
                }
            }
        }
        facts.damaged_options += u64::from(options.damaged());
        Ok(())
    }
}

/// The body of the block that the window begins with, when it is a packet, complete, and its lengths agree.
#[inline]
fn whole_packet(window: &[u8], order: ByteOrder) -> Option<&[u8]> {
    let (&[t0, t1, t2, t3, l0, l1, l2, l3], rest) = window.split_first_chunk::<8>()?;
    let length = order.u32([l0, l1, l2, l3]);
    let (body, after) = rest.split_at_checked((length as usize).checked_sub(SHORTEST)?)?;
    let agrees = length.is_multiple_of(4) && order.u32(*after.first_chunk()?) == length;
    (agrees && order.u32([t0, t1, t2, t3]) == PACKET).then_some(body)
}

fn keep_comment(facts: &mut Facts, text: &[u8]) {
    if let Some(text) = facts.keep(text) {
        facts.comments.push(text);
    }
}

/// The byte order of the section whose header the window begins with.
#[cold]
fn section_order(buffer: &mut Buffer, at: Place) -> Result<ByteOrder, ReadError> {
    if !fill(buffer, SHORTEST, at)? {
        let (needed, had) = (SHORTEST as u64, buffer.window().len() as u64);
        return Err(ReadError::Truncated { what: "the section header", at, needed, had });
    }
    let mark = buffer.window().get(8..).and_then(|rest| rest.first_chunk::<4>()).copied().unwrap_or_default();
    match mark {
        LITTLE_ENDIAN => Ok(ByteOrder::Little),
        BIG_ENDIAN => Ok(ByteOrder::Big),
        _ => {
            let (value, allowed) = (u32::from_be_bytes(mark).into(), "0x1a2b3c4d in either byte order");
            Err(ReadError::Field { what: "the byte-order mark of the section", at, value, allowed })
        }
    }
}

#[inline]
fn fill(buffer: &mut Buffer, needed: usize, at: Place) -> Result<bool, ReadError> {
    buffer.fill(needed).map_err(|source| buffer.failed(source, at.packet - 1))
}
