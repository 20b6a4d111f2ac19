//! What a capture file says about itself.

use std::fmt;

use crate::time::Time;

use super::LinkType;

/// The formats and variants that are read.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Default)]
pub enum FileFormat {
    /// Classic pcap.
    #[default]
    Pcap,
    /// Classic pcap with the longer record header of Kuznetzov's patches.
    PcapModified,
    /// Classic pcap as IXIA's devices write it, with the length of all records in the file's header.
    PcapIxia,
    /// pcapng.
    PcapNg,
    /// Files of several formats, appended to each other.
    Mixed,
}

impl fmt::Display for FileFormat {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            FileFormat::Pcap => "pcap",
            FileFormat::PcapModified => "pcap (modified record header)",
            FileFormat::PcapIxia => "pcap (IXIA)",
            FileFormat::PcapNg => "pcapng",
            FileFormat::Mixed => "several formats",
        })
    }
}

/// The byte order of a file's numbers.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Default)]
pub enum ByteOrder {
    /// Least significant byte first.
    #[default]
    Little,
    /// Most significant byte first.
    Big,
}

impl ByteOrder {
    #[inline]
    pub(super) fn u16(self, bytes: [u8; 2]) -> u16 {
        match self {
            ByteOrder::Little => u16::from_le_bytes(bytes),
            ByteOrder::Big => u16::from_be_bytes(bytes),
        }
    }

    #[inline]
    pub(super) fn u32(self, bytes: [u8; 4]) -> u32 {
        match self {
            ByteOrder::Little => u32::from_le_bytes(bytes),
            ByteOrder::Big => u32::from_be_bytes(bytes),
        }
    }

    #[inline]
    pub(super) fn u64(self, bytes: [u8; 8]) -> u64 {
        match self {
            ByteOrder::Little => u64::from_le_bytes(bytes),
            ByteOrder::Big => u64::from_be_bytes(bytes),
        }
    }
}

impl fmt::Display for ByteOrder {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            ByteOrder::Little => "little endian",
            ByteOrder::Big => "big endian",
        })
    }
}

/// The unit of time stamps, coded as pcapng's if_tsresol: a negative power of ten, or of two with the top bit set.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Resolution(pub u8);

impl Resolution {
    /// Millionths of a second.
    pub const MICROSECONDS: Resolution = Resolution(6);
    /// Billionths of a second.
    pub const NANOSECONDS: Resolution = Resolution(9);

    /// The point in time `units` after 1970; the last one that [`Time`] can hold when it is later.
    #[inline]
    pub fn time(self, units: u64) -> Time {
        Time::from_nanos(match self.0 {
            9 => units,
            6 => units.saturating_mul(1000),
            exponent @ 0..=8 => units.saturating_mul(10u64.pow(9 - u32::from(exponent))),
            exponent @ 10..=127 => 10u64.checked_pow(u32::from(exponent) - 9).map_or(0, |divisor| units / divisor),
            binary => {
                let nanos = (u128::from(units) * 1_000_000_000) >> (binary & 127);
                u64::try_from(nanos).unwrap_or(u64::MAX)
            }
        })
    }
}

impl fmt::Display for Resolution {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.0 {
            0 => f.write_str("seconds"),
            3 => f.write_str("milliseconds"),
            6 => f.write_str("microseconds"),
            9 => f.write_str("nanoseconds"),
            exponent @ ..=127 => write!(f, "10^-{exponent} s"),
            binary => write!(f, "2^-{} s", binary & 127),
        }
    }
}

/// Where packets were captured. A classic pcap file has one, without a name.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Interface {
    /// Its name, as `eth0`.
    pub name: Option<String>,
    /// What its user calls it.
    pub description: Option<String>,
    /// What its packets begin with.
    pub link: LinkType,
    /// The most that was kept of a packet; 0 for no limit.
    pub snaplen: u32,
    /// The unit of its time stamps.
    pub resolution: Resolution,
    /// The capture filter.
    pub filter: Option<String>,
    /// The operating system of the host it is in.
    pub os: Option<String>,
    /// Bytes of frame check sequence at the end of each packet, when the file says.
    pub fcs: Option<u8>,
    /// Packets lost before single packets, summed up (epb_dropcount).
    pub lost: u64,
    /// Packets received, by the last statistics block.
    pub received: Option<u64>,
    /// Packets that the interface dropped for lack of resources, by the last statistics block.
    pub interface_drops: Option<u64>,
    /// Packets that the operating system dropped, by the last statistics block.
    pub os_drops: Option<u64>,
}

impl Interface {
    pub(super) fn new(link: LinkType, snaplen: u32, resolution: Resolution) -> Self {
        Interface {
            name: None,
            description: None,
            link,
            snaplen,
            resolution,
            filter: None,
            os: None,
            fcs: None,
            lost: 0,
            received: None,
            interface_drops: None,
            os_drops: None,
        }
    }

    /// Packets that are missing from the capture: the same loss may be told twice, so the greater account counts.
    pub fn dropped(&self) -> u64 {
        let reported = self.interface_drops.unwrap_or(0).saturating_add(self.os_drops.unwrap_or(0));
        reported.max(self.lost)
    }
}

/// What a capture file says about itself, and how far it was read.
#[derive(Clone, Debug, PartialEq, Eq, Default)]
pub struct Facts {
    /// Its format.
    pub format: FileFormat,
    /// Whether it was inside gzip.
    pub gzip: bool,
    /// The byte order of the section that was read last.
    pub order: ByteOrder,
    /// Whether sections differ in byte order.
    pub mixed_order: bool,
    /// The interfaces of all sections, in the order of their description.
    pub interfaces: Vec<Interface>,
    /// Sections begun; 1 in a classic pcap file to which no other was appended.
    pub sections: u32,
    /// Comments on sections and interfaces.
    pub comments: Vec<String>,
    /// The hardware it was captured with.
    pub hardware: Option<String>,
    /// The operating system it was captured on.
    pub os: Option<String>,
    /// The program that wrote it.
    pub application: Option<String>,
    /// Blocks whose option list is damaged; their options are ignored from there on.
    pub damaged_options: u64,
    /// Whether comments or names were left out because there were too many.
    pub text_omitted: bool,
    /// Packets read.
    pub packets: u64,
    /// Bytes read, uncompressed.
    pub bytes: u64,
    /// Bytes of text kept so far.
    pub(super) text: usize,
}

/// The most text that is kept of a file's names and comments.
const TEXT_LIMIT: usize = 1 << 20;

impl Facts {
    /// The link type of all interfaces; none when they differ.
    pub fn link(&self) -> Option<LinkType> {
        self.common(|interface| interface.link)
    }

    /// The unit of all time stamps; none when interfaces differ.
    pub fn resolution(&self) -> Option<Resolution> {
        self.common(|interface| interface.resolution)
    }

    /// The snapshot length of all interfaces; none when they differ.
    pub fn snaplen(&self) -> Option<u32> {
        self.common(|interface| interface.snaplen)
    }

    /// Packets that are missing from the capture, as far as it says.
    pub fn dropped(&self) -> u64 {
        self.interfaces.iter().map(Interface::dropped).fold(0, u64::saturating_add)
    }

    fn common<T: PartialEq>(&self, of: impl Fn(&Interface) -> T) -> Option<T> {
        let mut values = self.interfaces.iter().map(of);
        let first = values.next()?;
        values.all(|value| value == first).then_some(first)
    }

    /// Notes that a section begins, or a whole file that was appended to another.
    pub(super) fn begin_section(&mut self, format: FileFormat, order: ByteOrder) {
        let first = self.sections == 0;
        self.mixed_order |= !first && self.order != order;
        self.format = if first || self.format == format { format } else { FileFormat::Mixed };
        self.order = order;
        self.sections = self.sections.saturating_add(1);
    }

    /// Keeps a text, unless the file holds too many.
    pub(super) fn keep(&mut self, text: &[u8]) -> Option<String> {
        // Some writers end a text with a zero byte.
        let text = text.strip_suffix(&[0]).unwrap_or(text);
        // What a text costs beside its bytes counts as well; U+FFFD is three bytes for one.
        let cost = text.len().saturating_mul(3).saturating_add(size_of::<String>());
        let total = self.text.saturating_add(cost);
        if total > TEXT_LIMIT {
            self.text_omitted = true;
            return None;
        }
        self.text = total;
        Some(String::from_utf8_lossy(text).into_owned())
    }
}
