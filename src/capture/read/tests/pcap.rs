//! The classic format and its variants.

use super::*;

const MICROS: u32 = 0xa1b2_c3d4;
const NANOS: u32 = 0xa1b2_3c4d;

#[test]
fn both_byte_orders_and_both_resolutions_are_read() {
    for order in [LITTLE, BIG] {
        for (magic, nanos, resolution) in [(MICROS, 7_000, Resolution(6)), (NANOS, 7, Resolution(9))] {
            let file = [order.pcap(magic, (2, 4), 96, 1), order.record([3, 7, 4, 60], b"abcd")].concat();
            let whole = read(&file);
            assert_eq!(whole.packets.len(), 1);
            let packet = &whole.packets[0];
            assert_eq!((packet.time, &packet.bytes[..]), (Some(3_000_000_000 + nanos), &b"abcd"[..]));
            assert_eq!((packet.original_len, packet.link, packet.interface), (60, LinkType::ETHERNET, 0));
            let facts = whole.facts;
            assert_eq!((facts.order, facts.resolution(), facts.snaplen()), (order.0, Some(resolution), Some(96)));
            assert_eq!((facts.format, facts.sections, facts.bytes), (FileFormat::Pcap, 1, file.len() as u64));
        }
    }
}

#[test]
fn what_does_no_harm_is_accepted() {
    // A snapshot length of 0, more kept than it says, more kept than there was, and microseconds past the second.
    let file = [LITTLE.pcap(MICROS, (2, 4), 0, 1), LITTLE.record([1, 2_500_000, 4, 2], b"abcd")].concat();
    let packet = &packets(&file)[0];
    assert_eq!((packet.time, packet.original_len, packet.bytes.len()), (Some(3_500_000_000), 4, 4));
    let file = [LITTLE.pcap(MICROS, (2, 4), 2, 1), LITTLE.record([1, 0, 4, 9], b"abcd")].concat();
    assert_eq!(packets(&file)[0].bytes, b"abcd");
}

#[test]
fn the_latest_time_that_can_be_written_does_not_overflow() {
    let file = [LITTLE.pcap(MICROS, (2, 4), 0, 1), LITTLE.record([u32::MAX; 2].map_to(4), b"abcd")].concat();
    assert_eq!(packets(&file)[0].time, Some(u64::from(u32::MAX) * 1_000_001_000));
}

trait MapTo {
    fn map_to(self, length: u32) -> [u32; 4];
}

impl MapTo for [u32; 2] {
    fn map_to(self, length: u32) -> [u32; 4] {
        [self[0], self[1], length, length]
    }
}

#[test]
fn the_modified_record_header_tells_the_direction() {
    let mut file = LITTLE.pcap(0xa1b2_cd34, (2, 4), 96, 1);
    for kind in [0, 4, 9] {
        file.extend(LITTLE.record([1, 2, 4, 4], &[1, 0, 0, 0, 8, 0, kind, 0]));
        file.extend(b"abcd");
    }
    let whole = read(&file);
    let directions: Vec<_> = whole.packets.iter().map(|packet| packet.direction).collect();
    assert_eq!(directions, [Some(Direction::In), Some(Direction::Out), None]);
    assert!(whole.packets.iter().all(|packet| packet.bytes == b"abcd"));
    assert_eq!(whole.facts.format, FileFormat::PcapModified);
}

#[test]
fn ixia_files_have_four_bytes_more_before_the_first_record() {
    for (magic, nanos) in [(0x1c00_01ab, 5_000), (0x1c00_01ac, 5)] {
        let file = [BIG.pcap(magic, (2, 4), 96, 1), vec![0; 4], BIG.record([0, 5, 1, 1], b"a")].concat();
        assert_eq!(packets(&file)[0].time, Some(nanos));
    }
}

#[test]
fn the_length_of_the_check_sequence_is_no_part_of_the_link_type() {
    let whole = read(&LITTLE.pcap(MICROS, (2, 4), 96, 0x2400_0001));
    assert_eq!((whole.facts.link(), whole.facts.interfaces[0].fcs), (Some(LinkType::ETHERNET), Some(4)));
}

#[test]
fn early_versions_have_their_lengths_exchanged() {
    for (version, numbers) in
        [((2, 2), [1, 0, 9, 4]), ((2, 3), [1, 0, 9, 4]), ((2, 3), [1, 0, 4, 9]), ((543, 0), [1, 0, 9, 4])]
    {
        let file = [LITTLE.pcap(MICROS, version, 96, 1), LITTLE.record(numbers, b"abcd")].concat();
        let packet = &packets(&file)[0];
        assert_eq!((&packet.bytes[..], packet.original_len), (&b"abcd"[..], 9));
    }
}

#[test]
fn an_unknown_version_is_refused_with_its_number() {
    let said = refusal(&LITTLE.pcap(MICROS, (3, 0), 96, 1));
    assert_eq!(said, "byte 0, packet 1: the major version is 3 (0x3), must be 2, or 543.0 of DG/UX");
}

#[test]
fn a_length_that_no_packet_has_is_refused_at_once() {
    let good = [LITTLE.pcap(MICROS, (2, 4), 65_535, 1), LITTLE.record([1, 0, 4, 4], b"abcd")].concat();
    let file = [good, LITTLE.record([1, 0, u32::MAX, 60], b"abcd")].concat();
    let whole = read(&file);
    assert_eq!(whole.packets.len(), 1);
    let said = whole.error.unwrap().to_string();
    assert_eq!(
        said,
        "byte 44, packet 2: the file is damaged: the packet claims 4294967295 bytes, at most 1048576 are possible; \
         the packet before it is good"
    );
}

#[test]
fn packets_larger_than_the_buffer_are_read_whole() {
    let large: Vec<u8> = (0..700_001u32).map(|value| value as u8).collect();
    let length = large.len() as u32;
    let mut file = LITTLE.pcap(MICROS, (2, 4), 0, 1);
    for bytes in [&large[..], b"x", &large, b"y"] {
        file.extend(LITTLE.record([1, 0, bytes.len() as u32, length], bytes));
    }
    let read: Vec<_> = packets(&file).into_iter().map(|packet| packet.bytes).collect();
    assert_eq!(read, [large.clone(), b"x".to_vec(), large, b"y".to_vec()]);
}
