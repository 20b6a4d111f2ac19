//! What pcap-file writes is read as it was written.

use std::time::Duration;

use pcap_file::pcap::{PcapHeader, PcapPacket, PcapTsResolution, PcapWriter};
use pcap_file::pcapng::PcapNgWriter;
use pcap_file::pcapng::blocks::enhanced_packet::{EnhancedPacketBlock, EnhancedPacketOption};
use pcap_file::pcapng::blocks::interface_description::{
    InterfaceDescriptionBlock, InterfaceDescriptionOption, InterfaceTsResolution,
};
use pcap_file::pcapng::blocks::opt_common::CommonOption;
use pcap_file::pcapng::blocks::section_header::SectionHeaderBlock;
use pcap_file::{DataLink, Endianness};
use proptest::prelude::*;

use super::*;

/// A packet to write: seconds, nanoseconds, bytes, how many bytes it had more, flags, comment.
type Written = (u32, u32, Vec<u8>, u32, u32, Option<String>);

fn written() -> impl Strategy<Value = Vec<Written>> {
    let bytes = prop::collection::vec(any::<u8>(), 0..80);
    let comment = prop::option::of("[a-z ]{0,20}");
    prop::collection::vec((any::<u32>(), 0..1_000_000_000u32, bytes, 0..9u32, 0..3u32, comment), 0..20)
}

fn endianness(big: bool) -> Endianness {
    if big { Endianness::Big } else { Endianness::Little }
}

proptest! {
    #[test]
    fn pcap(list in written(), big: bool, nanos: bool) {
        let ts_resolution = if nanos { PcapTsResolution::NanoSecond } else { PcapTsResolution::MicroSecond };
        let endianness = endianness(big);
        let datalink = DataLink::RAW;
        let header = PcapHeader { datalink, snaplen: 96, ts_resolution, endianness, ..PcapHeader::default() };
        let mut writer = PcapWriter::with_header(Vec::new(), header).unwrap();
        for (seconds, fraction, bytes, more, ..) in &list {
            let time = Duration::new((*seconds).into(), *fraction);
            let packet = PcapPacket::new(time, bytes.len() as u32 + more, bytes).unwrap();
            writer.write_packet(&packet).unwrap();
        }
        let read = packets(&writer.into_inner());
        prop_assert_eq!(read.len(), list.len());
        for (packet, (seconds, fraction, bytes, more, ..)) in read.iter().zip(&list) {
            let fraction = if nanos { *fraction } else { fraction / 1000 * 1000 };
            prop_assert_eq!(packet.time, Some(u64::from(*seconds) * 1_000_000_000 + u64::from(fraction)));
            prop_assert_eq!((&packet.bytes, packet.original_len), (bytes, bytes.len() as u32 + more));
        }
    }

    #[test]
    fn pcapng(list in written(), big: bool) {
        let section = SectionHeaderBlock { endianness: endianness(big), ..SectionHeaderBlock::default() };
        let mut writer = PcapNgWriter::with_section_header(Vec::new(), section).unwrap();
        let options = vec![
            InterfaceDescriptionOption::IfName("tcp".into()),
            InterfaceDescriptionOption::IfTsResol(InterfaceTsResolution::NANO),
        ];
        let block = InterfaceDescriptionBlock { linktype: DataLink::RAW, snaplen: 96, options };
        writer.write_pcapng_block(block).unwrap();
        for (seconds, fraction, bytes, more, flags, comment) in &list {
            let mut options = vec![EnhancedPacketOption::Flags(*flags)];
            let comment = comment.as_ref().map(|text| CommonOption::Comment(text.into()));
            options.extend(comment.map(EnhancedPacketOption::Common));
            let block = EnhancedPacketBlock {
                interface_id: 0,
                timestamp: Duration::new((*seconds).into(), *fraction),
                original_len: bytes.len() as u32 + more,
                data: bytes.into(),
                options,
            };
            writer.write_pcapng_block(block).unwrap();
        }
        let read = packets(&writer.into_inner());
        prop_assert_eq!(read.len(), list.len());
        for (packet, (seconds, fraction, bytes, more, flags, comment)) in read.iter().zip(&list) {
            prop_assert_eq!(packet.time, Some(u64::from(*seconds) * 1_000_000_000 + u64::from(*fraction)));
            prop_assert_eq!((&packet.bytes, packet.original_len), (bytes, bytes.len() as u32 + more));
            prop_assert_eq!(packet.direction, [None, Some(Direction::In), Some(Direction::Out)][*flags as usize]);
            prop_assert_eq!(packet.comment.as_deref(), comment.as_deref());
        }
    }

    #[test]
    fn any_bytes_behind_any_beginning_come_to_an_end(
        junk in prop::collection::vec(any::<u8>(), 0..400),
        which in 0..4usize,
    ) {
        let begin = [
            Vec::new(),
            LITTLE.pcap(0xa1b2_c3d4, (2, 4), 0, 1),
            [LITTLE.section(&[]), LITTLE.interface(1, 0, &[])].concat(),
            foreign::GZIP.to_vec(),
        ];
        read(&[&begin[which][..], &junk].concat());
    }
}
