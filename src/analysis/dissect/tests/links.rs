//! Headers that programs put before a frame, and links with LLC.

use super::*;

const SNAP: [u8; 8] = [0xaa, 0xaa, 3, 0, 0, 0, 8, 0];

/// Per-packet information with one field, before a frame of a link type.
fn ppi(link: u32, frame: &[u8]) -> Vec<u8> {
    [&[0, 0, 16, 0][..], &link.to_le_bytes(), &[2, 0, 4, 0, 1, 2, 3, 4], frame].concat()
}

fn pktap(link: u32, frame: &[u8]) -> Vec<u8> {
    [&108u32.to_le_bytes()[..], &1u32.to_le_bytes(), &link.to_le_bytes(), &[0; 96], frame].concat()
}

/// A logged packet: a mark of three bytes, then the packet, then nothing or padding.
fn nflog(family: u8, big_endian: bool, packet: &[u8]) -> Vec<u8> {
    let number = |number: u16| if big_endian { number.to_be_bytes() } else { number.to_le_bytes() };
    let mut out = vec![family, 0, 0, 1];
    for (kind, value) in [(1, &[8, 0, 1, 0][..]), (10, b"ab\0"), (9, packet), (3, &[1, 2, 3, 4])] {
        out.extend([number(value.len() as u16 + 4), number(kind)].concat());
        out.extend(value);
        out.resize(out.len().next_multiple_of(4), 0);
    }
    out
}

fn pflog(length: u8, packet: &[u8]) -> Vec<u8> {
    let mut out = vec![0; usize::from(length).next_multiple_of(4)];
    (out[0], out[1]) = (length, if packet[0] >> 4 == 4 { 2 } else { 24 });
    [&out, packet].concat()
}

fn juniper(flags: u8, between: &[u8], frame: &[u8]) -> Vec<u8> {
    [&[b'M', b'G', b'C', flags][..], between, frame].concat()
}

fn token_ring(source: u8, route: &[u8], rest: &[u8]) -> Vec<u8> {
    [&[0x10, 0x40][..], &[1; 6], &[source, 2, 2, 2, 2, 2], route, rest].concat()
}

/// Every sample: its link type, the frame, and what is passed on the way to the segment.
pub(super) fn samples() -> Vec<(u16, Vec<u8>, &'static str)> {
    let (v4, v6) = (packet(false), packet(true));
    let frame = ethernet(0x0800, &v4);
    let llc = join(&SNAP, &v4);
    let fddi = |control: u8| [&[control][..], &[1; 12], &llc].concat();
    let wlan = [&[0x08, 2][..], &[0; 20], &[0x10, 0], &llc].concat();
    let avs = [&[0x80, 0x21, 0x10, 1][..], &64u32.to_be_bytes(), &[0; 56], &wlan].concat();
    vec![
        (192, ppi(1, &frame), "PPI, Ethernet, IPv4"),
        (192, ppi(105, &wlan), "PPI, 802.11, LLC, IPv4"),
        (192, ppi(192, &ppi(101, &v6)), "PPI, PPI, IPv6"),
        (258, pktap(1, &frame), "pktap, Ethernet, IPv4"),
        (258, pktap(12, &v6), "pktap, IPv6"),
        (258, pktap(0, &join(&[30, 0, 0, 0], &v6)), "pktap, loopback, IPv6"),
        (239, nflog(2, false, &v4), "NFLOG, IPv4"),
        (239, nflog(2, true, &v4), "NFLOG, IPv4"),
        (239, nflog(10, false, &v6), "NFLOG, IPv6"),
        (239, nflog(7, true, &v6), "NFLOG, IPv6"),
        (117, pflog(61, &v4), "pflog, IPv4"),
        (117, pflog(100, &v6), "pflog, IPv6"),
        (178, juniper(0x81, &[0, 0], &frame), "Juniper, Ethernet, IPv4"),
        (178, juniper(0x80, &[0, 4, 9, 9, 9, 9], &frame), "Juniper, Ethernet, IPv4"),
        (178, juniper(0, &[], &frame), "Juniper, Ethernet, IPv4"),
        (178, juniper(0x02, &[6, 0, 0, 0], &v6), "Juniper, IPv6"),
        (179, juniper(0, &[], &join(&[0xff, 3, 0, 0x21], &v4)), "Juniper, PPP, IPv4"),
        (180, juniper(0, &[], &join(&[0x18, 0x41, 3, 0xcc], &v4)), "Juniper, Frame Relay, IPv4"),
        (181, juniper(0, &[], &join(&[0x0f, 0, 8, 0], &v4)), "Juniper, Cisco HDLC, IPv4"),
        (204, join(&[0, 0xff, 3, 0, 0x21], &v4), "PPP, IPv4"),
        (204, join(&[1, 0, 0x57], &v6), "PPP, IPv6"),
        (166, join(&[1, 3, 0, 0x21], &v4), "PPP, IPv4"),
        (205, join(&[1, 0x0f, 0, 8, 0], &v4), "Cisco HDLC, IPv4"),
        (206, join(&[1, 0x18, 0x41, 3, 0xcc], &v4), "Frame Relay, IPv4"),
        (6, token_ring(2, &[], &llc), "Token Ring, LLC, IPv4"),
        (6, token_ring(0x82, &[6, 0, 1, 2, 3, 4], &llc), "Token Ring, LLC, IPv4"),
        (10, fddi(0x50), "FDDI, LLC, IPv4"),
        (10, fddi(0x57), "FDDI, LLC, IPv4"),
        (100, llc.clone(), "ATM, LLC, IPv4"),
        (100, join(&[0xaa, 0xaa, 3, 0, 0x80, 0xc2, 0, 7, 0, 0], &frame), "ATM, Ethernet, IPv4"),
        (100, join(&[0xfe, 0xfe, 3, 0xcc], &v4), "ATM, IPv4"),
        (100, join(&[0xfe, 0xfe, 3, 0xcf, 0, 0x21], &v4), "ATM, PPP, IPv4"),
        (119, [&[0x44, 0, 0, 0, 144, 0, 0, 0][..], &[0; 136], &wlan].concat(), "Prism, 802.11, LLC, IPv4"),
        (119, avs.clone(), "AVS, 802.11, LLC, IPv4"),
        (163, avs, "AVS, 802.11, LLC, IPv4"),
    ]
}

#[test]
fn what_a_program_puts_before_a_frame_is_passed() {
    for (link, frame, expected) in samples() {
        assert_eq!(layers(link, &frame), expected, "link {link}");
    }
}

#[test]
fn what_is_no_packet_of_such_a_link_is_named() {
    let v4 = packet(false);
    for (link, frame, expected) in [
        (192, ppi(105, &[0x80; 40]), "802.11 management frame 8"),
        (192, ppi(147, &v4), "link type 147 (reserved for private use) is not read"),
        (258, pktap(0x1_0000, &v4), "link type inside a header (offset 0) says 65536, must be below 65536"),
        (239, nflog(3, false, &[0; 40]), "NFLOG family 3"),
        (178, join(b"MGD\0", &v4), "Juniper header (offset 0) says 5064516, must be 0x4d4743"),
        (117, vec![12; 60], "pflog header (offset 0) says 12, must be the length of its fixed part at least"),
        (10, [&[0x41][..], &[0; 40]].concat(), "FDDI frame control 65"),
        (6, vec![0; 40], "Token Ring frame control 0"),
    ] {
        assert_eq!(layers(link, &frame), expected, "link {link}");
    }
    let deep = (0..40).fold(packet(false), |inner, _| ppi(192, &inner));
    assert_eq!(layers(192, &deep), "more than 21 headers inside each other");
}
