//! Files that were appended to each other.

use super::*;

const MICROS: u32 = 0xa1b2_c3d4;
const NANOS: u32 = 0xa1b2_3c4d;

/// A classic file with one packet.
fn classic(order: Order, magic: u32, link: u32, second: u32, bytes: &[u8]) -> Vec<u8> {
    let len = bytes.len() as u32;
    [order.pcap(magic, (2, 4), 96, link), order.record([second, 5, len, len], bytes)].concat()
}

/// A pcapng file with one packet.
fn sectioned(order: Order, link: u16, bytes: &[u8]) -> Vec<u8> {
    let packet = order.packet(0, 7_000_000, bytes.len() as u32, bytes, &[]);
    [order.section(&[]), order.interface(link, 96, &[]), packet].concat()
}

#[test]
fn a_file_behind_a_file_is_another_section() {
    let first = classic(LITTLE, MICROS, 1, 3, b"abcd");
    for (second, time, format) in [
        (classic(LITTLE, MICROS, 101, 2, b"efg"), 2_000_005_000, FileFormat::Pcap),
        (classic(BIG, MICROS, 101, 2, b"efg"), 2_000_005_000, FileFormat::Pcap),
        (classic(LITTLE, NANOS, 101, 2, b"efg"), 2_000_000_005, FileFormat::Pcap),
        (classic(BIG, NANOS, 101, 2, b"efg"), 2_000_000_005, FileFormat::Pcap),
        (sectioned(LITTLE, 101, b"efg"), 7_000_000_000, FileFormat::Mixed),
        (sectioned(BIG, 101, b"efg"), 7_000_000_000, FileFormat::Mixed),
    ] {
        for (file, swapped) in [([&first[..], &second].concat(), false), ([&second[..], &first].concat(), true)] {
            for whole in [read(&file), read_from(Box::new(Trickle(Cursor::new(file.clone()))))] {
                assert!(whole.error.is_none(), "{:?}", whole.error);
                let mut found: Vec<_> = whole
                    .packets
                    .iter()
                    .map(|packet| (packet.time, packet.link.0, packet.interface, packet.bytes.len()))
                    .collect();
                if swapped {
                    found.reverse();
                }
                let interfaces = if swapped { (1, 0) } else { (0, 1) };
                assert_eq!(
                    found,
                    [(Some(3_000_005_000), 1, interfaces.0, 4), (Some(time), 101, interfaces.1, 3)],
                    "{format:?} {swapped}"
                );
                assert_eq!((whole.facts.sections, whole.facts.format), (2, format));
                assert_eq!((whole.facts.interfaces.len(), whole.facts.link()), (2, None));
            }
        }
    }
}

#[test]
fn parts_of_one_capture_are_one_interface() {
    let file = classic(LITTLE, MICROS, 1, 3, b"abcd").repeat(1000);
    let whole = read(&file);
    assert!(whole.error.is_none());
    assert_eq!((whole.packets.len(), whole.facts.sections, whole.facts.interfaces.len()), (1000, 1000, 1));
}

#[test]
fn empty_captures_among_them_are_passed() {
    let (empty, full) = (LITTLE.pcap(MICROS, (2, 4), 96, 1), classic(BIG, NANOS, 1, 3, b"abcd"));
    // So many that each must not take a piece of the stack.
    let file = [&empty.repeat(100_000)[..], &full, &empty, &sectioned(LITTLE, 1, b"efg"), &empty].concat();
    let whole = read(&file);
    assert!(whole.error.is_none());
    assert_eq!((whole.packets.len(), whole.facts.sections), (2, 100_004));
}

#[test]
fn a_file_that_is_cut_in_its_header_says_so() {
    let first = classic(LITTLE, MICROS, 1, 3, b"abcd");
    let file = [&first[..], &first[..20]].concat();
    assert_eq!(
        refusal(&file),
        "byte 44, packet 2: the file is cut short: the file header needs 24 bytes, 20 are there; the packet before it is good"
    );
}

#[test]
fn a_packet_whose_time_reads_as_a_magic_number_is_a_packet() {
    for (fraction, length) in [(7, 4), (0x0004_0002, 4), (7, 0)] {
        let file = [
            LITTLE.pcap(MICROS, (2, 4), 96, 1),
            LITTLE.record([MICROS, fraction, length, length], &b"abcd"[..length as usize]),
            LITTLE.record([9, 9, 4, 4], b"efgh"),
        ]
        .concat();
        let whole = read(&file);
        assert!(whole.error.is_none());
        assert_eq!((whole.packets.len(), whole.facts.sections), (2, 1), "{fraction} {length}");
        let time = u64::from(MICROS) * 1_000_000_000 + u64::from(fraction) * 1000;
        assert_eq!(whole.packets[0].time, Some(time));
    }
}
