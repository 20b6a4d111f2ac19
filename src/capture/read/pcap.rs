//! The classic format: a header for the file, then a header and bytes for each packet.
//!
//! Records carry no mark of their own, so a damaged length cannot be told from a good one by anything but its size.

use crate::capture::Direction;
use crate::time::Time;

use super::buffer::Buffer;
use super::error::ReadError;
use super::facts::{ByteOrder, Facts, FileFormat, Interface, Resolution};
use super::pcapng::{self, INTERFACES};
use super::{Found, LIMIT, LinkType, Step};

/// What the first four bytes tell.
pub(super) struct Variant {
    format: FileFormat,
    order: ByteOrder,
    resolution: Resolution,
}

/// The magic numbers and what they stand for.
const MAGICS: [(u32, FileFormat, Resolution); 5] = [
    (0xa1b2_c3d4, FileFormat::Pcap, Resolution::MICROSECONDS),
    (0xa1b2_3c4d, FileFormat::Pcap, Resolution::NANOSECONDS),
    (0xa1b2_cd34, FileFormat::PcapModified, Resolution::MICROSECONDS),
    (0x1c00_01ab, FileFormat::PcapIxia, Resolution::MICROSECONDS),
    (0x1c00_01ac, FileFormat::PcapIxia, Resolution::NANOSECONDS),
];

impl Variant {
    /// The variant whose magic number, in either byte order, is `magic`.
    pub(super) fn of(magic: [u8; 4]) -> Option<Variant> {
        [ByteOrder::Little, ByteOrder::Big].into_iter().find_map(|order| {
            let &(_, format, resolution) = MAGICS.iter().find(|(number, ..)| *number == order.u32(magic))?;
            Some(Variant { format, order, resolution })
        })
    }
}

/// Whether a file of these few bytes may have been meant to be one.
pub(super) fn may_begin(begin: &[u8]) -> bool {
    MAGICS.iter().any(|(number, ..)| number.to_le_bytes().starts_with(begin) || number.to_be_bytes().starts_with(begin))
}

/// Early writers put the original length before the captured one; those of version 2.3 did either.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Lengths {
    CapturedFirst,
    OriginalFirst,
    LesserIsCaptured,
}

pub(super) struct Pcap {
    interface: u32,
    order: ByteOrder,
    /// What a unit of a record's second number is in nanoseconds.
    nanos: u64,
    lengths: Lengths,
    /// The length of a record's header.
    header: usize,
    /// The most that a record may hold.
    limit: u32,
    link: LinkType,
}

impl Pcap {
    /// Reads the file's header.
    pub(super) fn begin(buffer: &mut Buffer, facts: &mut Facts) -> Result<Pcap, ReadError> {
        let packets = facts.packets;
        let at = buffer.place(packets);
        let filled = buffer.fill(24).map_err(|source| buffer.failed(source, packets))?;
        let window = buffer.window();
        let magic = window.first_chunk::<4>().copied().unwrap_or_default();
        let (Some(&header), Some(variant), true) = (window.first_chunk::<24>(), Variant::of(magic), filled) else {
            return Err(ReadError::Truncated { what: "the file header", at, needed: 24, had: window.len() as u64 });
        };
        let order = variant.order;
        let [_, _, _, _, a0, a1, i0, i1, .., s0, s1, s2, s3, n0, n1, n2, n3] = header;
        let (major, minor) = (order.u16([a0, a1]), order.u16([i0, i1]));
        let (snaplen, network) = (order.u32([s0, s1, s2, s3]), order.u32([n0, n1, n2, n3]));
        let lengths = match (major, minor) {
            (2, ..=2) | (543, 0) => Lengths::OriginalFirst,
            (2, 3) => Lengths::LesserIsCaptured,
            (2, _) => Lengths::CapturedFirst,
            _ => {
                let allowed = "2, or 543.0 of DG/UX";
                return Err(ReadError::Field { what: "the major version", at, value: major.into(), allowed });
            }
        };
        let header = match variant.format {
            FileFormat::PcapIxia => 28,
            _ => 24,
        };
        if !buffer.fill(header).map_err(|source| buffer.failed(source, packets))? {
            let (needed, had) = (header as u64, buffer.window().len() as u64);
            return Err(ReadError::Truncated { what: "the file header", at, needed, had });
        }
        buffer.consume(header);
        // The upper half is not part of the number: the length of the frame check sequence, and a bit that says so.
        let link = LinkType(network as u16);
        let fcs = (network & 0x0400_0000 != 0).then_some((network >> 28) as u8 * 2);
        facts.begin_section(variant.format, order);
        let interface = Interface { fcs, ..Interface::new(link, snaplen, variant.resolution) };
        // Parts of one capture do not come from as many interfaces.
        if facts.interfaces.last() != Some(&interface) {
            if facts.interfaces.len() >= INTERFACES {
                return Err(ReadError::TooMany { what: "interfaces", at, limit: INTERFACES as u64 });
            }
            facts.interfaces.push(interface);
        }
        Ok(Pcap {
            interface: facts.interfaces.len() as u32 - 1,
            order,
            nanos: if variant.resolution == Resolution::NANOSECONDS { 1 } else { 1000 },
            lengths,
            header: if variant.format == FileFormat::PcapModified { 24 } else { 16 },
            limit: snaplen.max(link.longest()).min(LIMIT),
            link,
        })
    }

    /// Finds the next packet.
    // Called at two places, of which one is rare: a call costs a twentieth of all that is done for a packet.
    #[inline(always)]
    pub(super) fn advance(&self, buffer: &mut Buffer, packets: u64) -> Result<Step, ReadError> {
        loop {
            let window = buffer.window();
            let mut needed = self.header;
            if let Some(&[s0, s1, s2, s3, f0, f1, f2, f3, c0, c1, c2, c3, o0, o1, o2, o3]) = window.first_chunk::<16>()
            {
                let seconds = u64::from(self.order.u32([s0, s1, s2, s3]));
                let fraction = u64::from(self.order.u32([f0, f1, f2, f3]));
                let (first, second) = (self.order.u32([c0, c1, c2, c3]), self.order.u32([o0, o1, o2, o3]));
                let (captured, original) = match self.lengths {
                    Lengths::CapturedFirst => (first, second),
                    Lengths::OriginalFirst => (second, first),
                    Lengths::LesserIsCaptured => (first.min(second), first.max(second)),
                };
                // What few records have, and a file's header has.
                if (captured > self.limit || VERSIONS.contains(&[f0, f1, f2, f3])) && begins_file(window) {
                    return Ok(Step::Header);
                }
                if captured > self.limit {
                    let (length, limit) = (captured.into(), self.limit.into());
                    return Err(ReadError::TooLong { what: "the packet", at: buffer.place(packets), length, limit });
                }
                needed += captured as usize;
                if window.len() >= needed {
                    let direction = if self.header == 16 { None } else { direction(window) };
                    let begin = buffer.start() + self.header;
                    buffer.consume(needed);
                    return Ok(Step::Packet(Found {
                        // A fraction of more than a second carries over.
                        time: Some(Time::from_nanos(seconds * 1_000_000_000 + fraction * self.nanos)),
                        interface: self.interface,
                        link: self.link,
                        bytes: begin..begin + captured as usize,
                        original_len: original.max(captured),
                        direction,
                        comment: None,
                    }));
                }
            }
            if !self.fill(buffer, needed, packets)? {
                return Ok(Step::End);
            }
        }
    }

    /// Gets `needed` bytes of a record; false at the end of the file.
    #[cold]
    #[inline(never)]
    fn fill(&self, buffer: &mut Buffer, needed: usize, packets: u64) -> Result<bool, ReadError> {
        if buffer.fill(needed).map_err(|source| buffer.failed(source, packets))? {
            return Ok(true);
        }
        match buffer.window().len() {
            0 => Ok(false),
            had => {
                let what = if had < self.header { "the packet header" } else { "the packet" };
                Err(ReadError::Truncated { what, at: buffer.place(packets), needed: needed as u64, had: had as u64 })
            }
        }
    }
}

/// Version 2.4, which every file since 1996 has, in either byte order.
const VERSIONS: [[u8; 4]; 2] = [[2, 0, 4, 0], [0, 2, 0, 4]];

/// Whether the header of a capture file, of either format, begins here. A record has the same 16 bytes only if its second
/// is one of ten, its microsecond one of two, and its packet had no byte or more than any has.
#[cold]
pub(super) fn begins_file(window: &[u8]) -> bool {
    let Some(&[m0, m1, m2, m3, v0, v1, v2, v3, b0, b1, b2, b3, rest @ ..]) = window.first_chunk::<16>() else {
        return false;
    };
    let magic = [m0, m1, m2, m3];
    if magic == pcapng::MAGIC {
        return pcapng::BYTE_ORDERS.contains(&[b0, b1, b2, b3]);
    }
    let Some(variant) = Variant::of(magic) else { return false };
    // The offset of the time zone may be there, the accuracy of stamps never is.
    (variant.order.u16([v0, v1]), variant.order.u16([v2, v3])) == (2, 4) && rest == [0; 4]
}

/// The modified record header holds the kind of packet that Linux's packet sockets give.
fn direction(header: &[u8]) -> Option<Direction> {
    const OUTGOING: u8 = 4;
    match header.get(22)? {
        0..4 => Some(Direction::In),
        &OUTGOING => Some(Direction::Out),
        _ => None,
    }
}
