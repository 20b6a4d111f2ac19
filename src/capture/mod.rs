//! Capture files: read in `read`; written here, classic pcap and pcapng, raw IP packets with nanoseconds, through
//! pcap-file.

pub mod read;

use std::borrow::Cow;
use std::io::{self, BufWriter, Write};
use std::path::Path;
use std::time::Duration;

use pcap_file::pcap::{PcapHeader, PcapPacket, PcapTsResolution, PcapWriteError, PcapWriter};
use pcap_file::pcapng::blocks::enhanced_packet::{EnhancedPacketBlock, EnhancedPacketOption};
use pcap_file::pcapng::blocks::interface_description::{
    InterfaceDescriptionBlock, InterfaceDescriptionOption, InterfaceTsResolution,
};
use pcap_file::pcapng::blocks::opt_common::CommonOption;
use pcap_file::pcapng::blocks::section_header::{SectionHeaderBlock, SectionHeaderOption};
use pcap_file::pcapng::{PcapNgWriteError, PcapNgWriter};
use pcap_file::{DataLink, Endianness};

use crate::time::Time;

/// The most that is kept of a packet by default: more than any IP packet has.
pub const SNAPLEN: u32 = 262_144;

/// Which way a packet went, as our end sees it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Direction {
    /// Towards us.
    In,
    /// From us.
    Out,
}

/// A file format.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Format {
    /// Classic pcap: packets and times, nothing else.
    Pcap,
    /// pcapng: interfaces, directions and comments.
    PcapNg,
}

impl Format {
    /// By the file's extension: `.pcap` and `.cap` are classic, everything else pcapng.
    pub fn of(path: &Path) -> Self {
        match path.extension().and_then(|extension| extension.to_str()) {
            Some(extension) if extension.eq_ignore_ascii_case("pcap") || extension.eq_ignore_ascii_case("cap") => {
                Format::Pcap
            }
            _ => Format::PcapNg,
        }
    }
}

/// A packet to write.
#[derive(Clone, Copy, Debug)]
pub struct Record<'a> {
    /// When.
    pub time: Time,
    /// On which of the writer's interfaces; pcap keeps only those of the first.
    pub interface: u32,
    /// Which way it went, when that is known.
    pub direction: Option<Direction>,
    /// From the first byte of the IP header.
    pub bytes: &'a [u8],
    /// Said beside it in pcapng; nothing when empty.
    pub comment: &'a str,
}

/// Writes a capture.
pub struct Writer {
    inner: Inner,
    snaplen: u32,
}

enum Inner {
    Pcap(PcapWriter<Output>),
    PcapNg(PcapNgWriter<Output>),
}

type Output = BufWriter<Box<dyn Write + Send>>;

impl Writer {
    /// Begins a capture on `output` with the given interfaces; at most `snaplen` bytes of a packet are kept.
    pub fn new(output: Box<dyn Write + Send>, format: Format, interfaces: &[&str], snaplen: u32) -> io::Result<Writer> {
        let output = BufWriter::with_capacity(1 << 18, output);
        let inner = match format {
            Format::Pcap => {
                let header = PcapHeader {
                    datalink: DataLink::RAW,
                    snaplen,
                    ts_resolution: PcapTsResolution::NanoSecond,
                    endianness: Endianness::Little,
                    ..PcapHeader::default()
                };
                Inner::Pcap(PcapWriter::with_header(output, header).map_err(pcap_error)?)
            }
            Format::PcapNg => {
                let section = SectionHeaderBlock {
                    endianness: Endianness::Little,
                    options: vec![SectionHeaderOption::UserApplication("tcpkit".into())],
                    ..SectionHeaderBlock::default()
                };
                let mut writer = PcapNgWriter::with_section_header(output, section).map_err(pcapng_error)?;
                for name in interfaces {
                    let block = InterfaceDescriptionBlock {
                        linktype: DataLink::RAW,
                        snaplen,
                        options: vec![
                            InterfaceDescriptionOption::IfName((*name).into()),
                            InterfaceDescriptionOption::IfTsResol(InterfaceTsResolution::NANO),
                        ],
                    };
                    writer.write_pcapng_block(block).map_err(pcapng_error)?;
                }
                Inner::PcapNg(writer)
            }
        };
        Ok(Writer { inner, snaplen })
    }

    /// Appends a packet.
    pub fn write(&mut self, record: &Record<'_>) -> io::Result<()> {
        let timestamp = Duration::from_nanos(record.time.as_nanos());
        let original_len = record.bytes.len() as u32;
        let kept = record.bytes.get(..self.snaplen as usize).unwrap_or(record.bytes);
        match &mut self.inner {
            Inner::Pcap(_) if record.interface > 0 => Ok(()),
            Inner::Pcap(writer) => {
                let packet = PcapPacket::new(timestamp, original_len, kept).map_err(io::Error::other)?;
                writer.write_packet(&packet).map(drop).map_err(pcap_error)
            }
            Inner::PcapNg(writer) => {
                let mut options = Vec::with_capacity(2);
                if let Some(direction) = record.direction {
                    // The low two bits of epb_flags: 1 inbound, 2 outbound.
                    options.push(EnhancedPacketOption::Flags(match direction {
                        Direction::In => 1,
                        Direction::Out => 2,
                    }));
                }
                if !record.comment.is_empty() {
                    options.push(EnhancedPacketOption::Common(CommonOption::Comment(record.comment.into())));
                }
                let block = EnhancedPacketBlock {
                    interface_id: record.interface,
                    timestamp,
                    original_len,
                    data: Cow::Borrowed(kept),
                    options,
                };
                writer.write_pcapng_block(block).map(drop).map_err(pcapng_error)
            }
        }
    }

    /// Hands everything written so far to the operating system.
    pub fn flush(&mut self) -> io::Result<()> {
        match &mut self.inner {
            Inner::Pcap(writer) => writer.flush().map_err(pcap_error),
            Inner::PcapNg(writer) => writer.get_mut().flush(),
        }
    }
}

fn pcap_error(error: PcapWriteError) -> io::Error {
    match error {
        PcapWriteError::Io(error) | PcapWriteError::FieldWriteFailed(_, error) => error,
        other => io::Error::other(other),
    }
}

fn pcapng_error(error: PcapNgWriteError) -> io::Error {
    match error {
        PcapNgWriteError::Io(error) => error,
        other => io::Error::other(other),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::sync::{Arc, Mutex};

    #[derive(Clone, Default)]
    struct Shared(Arc<Mutex<Vec<u8>>>);

    impl Write for Shared {
        fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
            self.0.lock().unwrap().extend_from_slice(bytes);
            Ok(bytes.len())
        }
        fn flush(&mut self) -> io::Result<()> {
            Ok(())
        }
    }

    fn record(interface: u32, bytes: &[u8]) -> Record<'_> {
        let time = Time::from_nanos(946_684_800_000_000_001);
        Record { time, interface, direction: Some(Direction::Out), bytes, comment: "why" }
    }

    #[test]
    fn pcapng_keeps_interfaces_directions_comments_and_nanoseconds() {
        let output = Shared::default();
        let mut writer = Writer::new(Box::new(output.clone()), Format::PcapNg, &["tcp", "impaired"], SNAPLEN).unwrap();
        writer.write(&record(1, b"E-packet")).unwrap();
        writer.flush().unwrap();
        let bytes = output.0.lock().unwrap().clone();
        let mut reader = pcap_file::pcapng::PcapNgReader::new(&bytes[..]).unwrap();
        let mut found = None;
        while let Some(block) = reader.next_block() {
            if let (pcap_file::pcapng::Block::EnhancedPacket(packet), _) = block.unwrap() {
                found = Some((packet.interface_id, packet.timestamp, packet.data.to_vec(), packet.options.len()));
            }
        }
        let expected = (1, Duration::new(946_684_800, 1), b"E-packet".to_vec(), 2);
        assert_eq!(found, Some(expected));
        assert_eq!(reader.interfaces().len(), 2);
    }

    #[test]
    fn pcap_keeps_the_first_interface_and_cuts_at_the_snaplen() {
        let output = Shared::default();
        let mut writer = Writer::new(Box::new(output.clone()), Format::Pcap, &["tcp", "impaired"], 4).unwrap();
        writer.write(&record(1, b"not kept")).unwrap();
        writer.write(&record(0, b"E-packet")).unwrap();
        writer.flush().unwrap();
        let bytes = output.0.lock().unwrap().clone();
        let mut reader = pcap_file::pcap::PcapReader::new(&bytes[..]).unwrap();
        let packet = reader.next_packet().unwrap().unwrap();
        assert_eq!((packet.data(), packet.orig_len()), (&b"E-pa"[..], 8));
        assert!(reader.next_packet().is_none());
    }

    #[test]
    fn the_extension_chooses_the_format() {
        let of = |name: &str| Format::of(Path::new(name));
        assert_eq!((of("a.pcap"), of("a.CAP")), (Format::Pcap, Format::Pcap));
        assert_eq!((of("a.pcapng"), of("a")), (Format::PcapNg, Format::PcapNg));
    }
}
