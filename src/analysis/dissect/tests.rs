//! Frames built by hand: every link type and tunnel, fragments in any order, headers cut at every byte.

use std::time::Duration;

use proptest::prelude::*;

mod cut;
mod links;
mod tunnels;

use super::*;
use crate::analysis::segment::Checksum;
use crate::wire::ip::IpHeader;
use crate::wire::{Ecn, Flags, Protocol, SeqNum, TcpHeader, checksum, udp};

const ETHERNET: u16 = 1;
const RAW: u16 = 101;
const TEXT: &[u8] = b"twenty bytes of text";

fn ip(v6: bool, protocol: u8, payload: &[u8]) -> Vec<u8> {
    let (src, dst) = addresses(v6);
    let header = IpHeader { src, dst, protocol: Protocol(protocol), ttl: 64, dscp: 0, ecn: Ecn::Ect0, id: 7 };
    let mut out = Vec::new();
    header.write(payload.len(), &mut out);
    out.extend_from_slice(payload);
    out
}

fn addresses(v6: bool) -> (IpAddr, IpAddr) {
    if v6 {
        ("2001:db8::1".parse().unwrap(), "2001:db8::2".parse().unwrap())
    } else {
        ([192, 0, 2, 1].into(), [192, 0, 2, 2].into())
    }
}

/// A segment with timestamps, its checksum filled in.
fn tcp(v6: bool, text: &[u8]) -> Vec<u8> {
    let flags = Flags::ACK | Flags::PSH;
    let header =
        TcpHeader { src_port: 1000, dst_port: 80, seq: SeqNum(5), ack: SeqNum(6), flags, window: 9, urgent: 0 };
    let mut out = Vec::new();
    header.write(&[1, 1, 8, 10, 0, 0, 0, 3, 0, 0, 0, 4], &mut out);
    out.extend_from_slice(text);
    let (src, dst) = addresses(v6);
    let mut sum = checksum::pseudo_header(src, dst, 6, out.len());
    sum.add(&out);
    TcpHeader::store_checksum(sum.finish(), 0, &mut out);
    out
}

fn packet(v6: bool) -> Vec<u8> {
    ip(v6, 6, &tcp(v6, TEXT))
}

fn ethernet(ethertype: u16, payload: &[u8]) -> Vec<u8> {
    [&[2; 12][..], &ethertype.to_be_bytes(), payload].concat()
}

fn join(header: &[u8], payload: &[u8]) -> Vec<u8> {
    [header, payload].concat()
}

fn datagram(port: u16, payload: &[u8]) -> Vec<u8> {
    let (src, dst) = addresses(false);
    let mut out = Vec::new();
    udp::write((src, 40_000), (dst, port), payload, &mut out);
    ip(false, 17, &out)
}

/// What one frame holds: the layers, or why there is no segment. The segment is the one of [`tcp`].
fn layers(link: u16, frame: &[u8]) -> String {
    match Dissector::new().frame(link, 1, Time::ZERO, frame, frame.len() as u32) {
        Found::Tcp(tcp) => {
            let segment = tcp.segment;
            assert_eq!((segment.header.src_port, segment.header.dst_port, segment.header.seq), (1000, 80, SeqNum(5)));
            assert_eq!((segment.len, segment.payload, segment.checksum), (20, TEXT, Checksum::Good));
            assert_eq!((segment.ttl, segment.ecn), (64, Ecn::Ect0));
            assert_eq!(segment.options.timestamps, Some((3, 4)));
            assert!(tcp.length_known && tcp.readable() && !segment.quoted);
            tcp.layers.to_string()
        }
        Found::IcmpError(error) => format!("error {:?}", error.kind),
        Found::Other(other) => other.to_string(),
    }
}

#[test]
fn every_link_type_leads_to_the_segment() {
    let (v4, v6) = (packet(false), packet(true));
    let sll = |protocol: u16| [&[0; 2][..], &[0, 1, 0, 6], &[9; 8], &protocol.to_be_bytes()].concat();
    let sll2 = |protocol: u16| [&protocol.to_be_bytes()[..], &[0; 6], &[0, 1, 0, 6], &[9; 8]].concat();
    let ipoib = [&[1; 40][..], &[8, 0, 0, 0]].concat();
    let snap = [0xaa, 0xaa, 3, 0, 0, 0, 8, 0];
    let data = |control: [u8; 2], rest: usize| [&control[..], &[0; 20], &[0x10, 0], &vec![0; rest]].concat();
    // Version, padding, length, "flags are there", the flags: a check sequence, header padded.
    let radiotap = [0, 0, 12, 0, 2, 0, 0, 0, 0x30, 0, 0, 0];
    let quality = [data([0x88, 1], 2), vec![0; 2], join(&snap, &v4), vec![0xff; 4]].concat();
    let aggregate = [data([0x88, 1], 0), vec![0x80, 0], vec![3; 12], vec![0, 80], join(&snap, &v4)].concat();
    let length = (v4.len() + 8) as u16;
    for (link, frame, expected) in [
        (ETHERNET, ethernet(0x0800, &v4), "Ethernet, IPv4"),
        (ETHERNET, ethernet(0x86dd, &v6), "Ethernet, IPv6"),
        (ETHERNET, ethernet(0x0800, &v6), "Ethernet, IPv6"),
        (ETHERNET, ethernet(length, &join(&snap, &v4)), "Ethernet, LLC, IPv4"),
        (ETHERNET, ethernet(0x0806, &[0; 28]), "ARP"),
        (RAW, v4.clone(), "IPv4"),
        (12, v6.clone(), "IPv6"),
        (14, v4.clone(), "IPv4"),
        (228, v4.clone(), "IPv4"),
        (229, v6.clone(), "IPv6"),
        (0, join(&[2, 0, 0, 0], &v4), "loopback, IPv4"),
        (0, join(&[0, 0, 0, 2], &v4), "loopback, IPv4"),
        (0, join(&[30, 0, 0, 0], &v6), "loopback, IPv6"),
        (108, join(&[0, 0, 0, 24], &v6), "loopback, IPv6"),
        (108, join(&[0, 0, 0, 7], &v6), "loopback family 7"),
        (113, join(&sll(0x0800), &v4), "SLL, IPv4"),
        (276, join(&sll2(0x86dd), &v6), "SLL, IPv6"),
        (9, join(&[0xff, 3, 0, 0x21], &v4), "PPP, IPv4"),
        (9, join(&[0x21], &v4), "PPP, IPv4"),
        (50, join(&[0xff, 3, 0, 0x57], &v6), "PPP, IPv6"),
        (50, join(&[0x0f, 0, 8, 0], &v4), "Cisco HDLC, IPv4"),
        (104, join(&[0x0f, 0, 0x86, 0xdd], &v6), "Cisco HDLC, IPv6"),
        (9, join(&[0xc0, 0x21], &[1; 8]), "PPP protocol 0xc021"),
        (51, join(&[0x11, 0, 0, 1, 0, 74, 0, 0x21], &v4), "PPPoE, PPP, IPv4"),
        (107, join(&[0x18, 0x41, 3, 0xcc], &v4), "Frame Relay, IPv4"),
        (242, join(&ipoib, &v4), "InfiniBand, IPv4"),
        (105, [data([0x08, 2], 0), join(&snap, &v4)].concat(), "802.11, LLC, IPv4"),
        (105, [data([0x08, 3], 6), join(&snap, &v4)].concat(), "802.11, LLC, IPv4"),
        (105, [data([0x88, 0x81], 6), join(&snap, &v4)].concat(), "802.11, LLC, IPv4"),
        (105, aggregate, "802.11, LLC, IPv4"),
        (105, data([0x88, 0x41], 2), "encrypted 802.11 frame"),
        (105, data([0x80, 0], 0), "802.11 management frame 8"),
        (105, data([0x48, 1], 0), "802.11 data frame 4 without a packet"),
        (127, join(&radiotap, &quality), "radiotap, 802.11, LLC, IPv4"),
        (147, v4.clone(), "link type 147 (reserved for private use) is not read"),
        (300, v4.clone(), "link type 300 is not read"),
    ] {
        assert_eq!(layers(link, &frame), expected, "link {link}");
    }
}

#[test]
fn every_tag_and_tunnel_is_passed() {
    let (v4, v6) = (packet(false), packet(true));
    let inner = ethernet(0x0800, &v4);
    let gre = |header: &[u8], payload: &[u8]| ip(false, 47, &join(header, payload));
    let wlan = [&[0x88, 1][..], &[0; 20], &[0x10, 0], &[0; 2], &[0xaa, 0xaa, 3, 0, 0, 0, 8, 0], &v4].concat();
    let teredo = [&[0, 1, 2, 1][..], &[7; 3], &[0; 9], &[0, 0, 1, 2, 3, 4, 5, 6], &v6].concat();
    for (frame, expected) in [
        (join(&[0, 5, 8, 0], &v4), "VLAN, IPv4"),
        (join(&[0, 5, 0x81, 0, 0, 6, 0x86, 0xdd], &v6), "VLAN, VLAN, IPv6"),
        (join(&[0, 5, 0x88, 0x47, 0, 0, 0, 64, 0, 0, 1, 64], &v4), "VLAN, MPLS, MPLS, IPv4"),
        (join(&[0, 5, 0x88, 0x47, 0, 0, 1, 64], &v6), "VLAN, MPLS, IPv6"),
        (join(&[0, 5, 0x88, 0x47, 0, 0, 1, 64, 0, 0, 0, 0], &inner), "VLAN, MPLS, Ethernet, IPv4"),
        (join(&[0, 5, 0x88, 0x47, 0, 0, 1, 64], &inner), "VLAN, MPLS, Ethernet, IPv4"),
        (join(&[0, 5, 0x88, 0x64, 0x11, 0, 0, 1, 0, 74, 0, 0x21], &v4), "VLAN, PPPoE, PPP, IPv4"),
    ] {
        assert_eq!(layers(ETHERNET, &ethernet(0x8100, &frame)), format!("Ethernet, {expected}"));
        let outer = expected.replacen("VLAN", "QinQ", 1);
        for ethertype in [0x88a8, 0x9100, 0x9200] {
            assert_eq!(layers(ETHERNET, &ethernet(ethertype, &frame)), format!("Ethernet, {outer}"));
        }
    }
    for (frame, expected) in [
        (ip(false, 4, &v4), "IPv4, IPv4"),
        (ip(false, 41, &v6), "IPv4, IPv6"),
        (ip(true, 41, &v6), "IPv6, IPv6"),
        (ip(true, 4, &v4), "IPv6, IPv4"),
        (ip(false, 97, &join(&[0x30, 0], &inner)), "IPv4, EtherIP, Ethernet, IPv4"),
        (ip(false, 137, &join(&[0, 0, 1, 64], &v4)), "IPv4, MPLS, IPv4"),
        (ip(false, 51, &join(&[4, 1, 0, 0, 0, 0, 0, 1, 0, 0, 0, 1], &v4)), "IPv4, AH, IPv4"),
        (ip(false, 132, &[0; 40]), "IP protocol 132"),
        (gre(&[0, 0, 8, 0], &v4), "IPv4, GRE, IPv4"),
        (gre(&[0xb0, 0, 8, 0, 1, 1, 0, 0, 2, 2, 2, 2, 3, 3, 3, 3], &v4), "IPv4, GRE, IPv4"),
        (gre(&[0x40, 0, 8, 0, 0, 0, 0, 0, 8, 0, 0, 2, 9, 9, 0, 0, 0, 0], &v4), "IPv4, GRE, IPv4"),
        (gre(&[0x30, 0x81, 0x88, 0x0b, 0, 74, 0, 1, 0, 0, 0, 1, 0, 0, 0, 2, 0x21], &v4), "IPv4, GRE, PPP, IPv4"),
        (gre(&[0x20, 0x81, 0x88, 0x0b, 0, 0, 0, 1, 0, 0, 0, 2], &[]), "IP protocol 47"),
        (gre(&[0, 0, 0x65, 0x58], &inner), "IPv4, GRE, Ethernet, IPv4"),
        (gre(&[0, 0, 0x65, 0x59, 0x18, 0x41, 3, 0xcc], &v4), "IPv4, GRE, Frame Relay, IPv4"),
        (gre(&[0, 0, 0x82, 0], &wlan), "IPv4, GRE, 802.11, LLC, IPv4"),
        (
            gre(&[0x10, 0, 0x88, 0xbe, 0, 0, 0, 1, 0x10, 0, 0, 0, 0, 0, 0, 0], &inner),
            "IPv4, GRE, ERSPAN, Ethernet, IPv4",
        ),
        (gre(&[0, 0, 0x88, 0xbe], &inner), "IPv4, GRE, ERSPAN, Ethernet, IPv4"),
        (datagram(4789, &join(&[8, 0, 0, 0, 0, 0, 5, 0], &inner)), "IPv4, UDP, VXLAN, Ethernet, IPv4"),
        (datagram(8472, &join(&[8, 0, 0, 0, 0, 0, 5, 0], &inner)), "IPv4, UDP, VXLAN, Ethernet, IPv4"),
        (datagram(4789, &join(&[0; 8], &inner)), "UDP"),
        (datagram(4790, &join(&[0x0c, 0, 0, 1, 0, 0, 5, 0], &v4)), "IPv4, UDP, VXLAN, IPv4"),
        (
            datagram(6081, &join(&[1, 0, 0x65, 0x58, 0, 0, 5, 0, 1, 1, 1, 1], &inner)),
            "IPv4, UDP, GENEVE, Ethernet, IPv4",
        ),
        (datagram(3544, &teredo), "IPv4, UDP, Teredo, IPv6"),
        (datagram(3544, &v6), "IPv4, UDP, Teredo, IPv6"),
        (datagram(53, &v6), "UDP"),
    ] {
        assert_eq!(layers(RAW, &frame), expected);
    }
}

#[test]
fn packets_in_packets_end_somewhere() {
    let mut bytes = packet(false);
    for _ in 0..40 {
        bytes = ip(false, 4, &bytes);
    }
    assert_eq!(layers(RAW, &bytes), "more than 21 headers inside each other");
}

#[test]
fn extension_headers_are_walked_and_a_source_route_names_the_real_destination() {
    let far: IpAddr = "2001:db8::99".parse().unwrap();
    let IpAddr::V6(last) = far else { unreachable!() };
    let route = [&[6, 2, 0, 1, 0, 0, 0, 0][..], &last.octets()].concat();
    let frame = ip(true, 0, &[&[43, 0, 1, 4, 0, 0, 0, 0][..], &route, &tcp(true, TEXT)].concat());
    let mut dissector = Dissector::new();
    let Found::Tcp(tcp) = dissector.frame(RAW, 1, Time::ZERO, &frame, frame.len() as u32) else { panic!() };
    assert_eq!((tcp.segment.dst, tcp.segment.checksum), (far, Checksum::Bad));
    let long = ip(true, 60, &[60, 0, 1, 4, 0, 0, 0, 0].repeat(9));
    assert_eq!(layers(RAW, &long), "more than 8 IPv6 extension headers");
}

#[test]
fn a_length_of_zero_is_that_of_the_frame() {
    let mut v4 = packet(false);
    v4[2..4].fill(0);
    assert_eq!(layers(RAW, &v4), "IPv4");
    // A jumbogram: its length is in an option.
    let segment = tcp(true, TEXT);
    let mut v6 = ip(true, 0, &[&[6, 0, 0xc2, 4, 0, 0, 0, 60][..], &segment, &[0; 9]].concat());
    v6[4..6].fill(0);
    assert_eq!(layers(RAW, &v6), "IPv6, extension");
}

#[test]
fn a_checksum_that_hardware_fills_in_is_told_from_a_wrong_one() {
    let (src, dst) = addresses(false);
    let state = |checksum: u16| {
        let mut segment = tcp(false, TEXT);
        TcpHeader::store_checksum(checksum, 0, &mut segment);
        let frame = ip(false, 6, &segment);
        match Dissector::new().frame(RAW, 1, Time::ZERO, &frame, frame.len() as u32) {
            Found::Tcp(tcp) => tcp.segment.checksum,
            _ => panic!(),
        }
    };
    let partial = |len| !checksum::pseudo_header(src, dst, 6, len).finish();
    assert_eq!(state(partial(52)), Checksum::Unfilled);
    assert_eq!(state(partial(0)), Checksum::Unfilled);
    assert_eq!(state(partial(51)), Checksum::Bad);
    let frame = packet(false);
    let mut dissector = Dissector::new().verify_checksums(false);
    let Found::Tcp(tcp) = dissector.frame(RAW, 1, Time::ZERO, &frame, 72) else { panic!() };
    assert_eq!(tcp.segment.checksum, Checksum::Unknown);
}

#[test]
fn a_frame_cut_anywhere_says_what_it_can() {
    let frame = ethernet(0x0800, &packet(false));
    for cut in 0..frame.len() {
        let mut dissector = Dissector::new();
        match dissector.frame(ETHERNET, 1, Time::ZERO, &frame[..cut], frame.len() as u32) {
            Found::Tcp(tcp) => {
                assert!(cut >= 14 + 20 + 4);
                assert_eq!((tcp.segment.header.src_port, tcp.segment.header.dst_port, tcp.segment.len), {
                    // The length needs the data offset.
                    (1000, 80, if cut > 46 { 20 } else { 0 })
                });
                assert_eq!(tcp.length_known, cut > 46);
                assert_eq!(usize::from(tcp.captured_header), (cut - 34).min(20));
                assert_eq!(tcp.readable(), cut >= 48);
                assert_eq!(tcp.segment.checksum, Checksum::Unknown);
                assert_eq!(tcp.segment.option_bytes.len(), cut.saturating_sub(54).min(12));
                assert_eq!(tcp.segment.payload.len(), cut.saturating_sub(66));
            }
            Found::Other(Other::Cut { needed, had, .. }) => assert!(cut < 38 && had < needed),
            other => panic!("{cut}: {other:?}"),
        }
    }
}

#[test]
fn a_header_that_claims_more_than_the_segment_or_less_than_itself_has_no_payload() {
    let found = |offset: u8| {
        let mut frame = packet(false);
        frame[32] = offset << 4 | 9;
        match Dissector::new().frame(RAW, 1, Time::ZERO, &frame, 72) {
            Found::Tcp(tcp) => {
                (tcp.segment.len, tcp.segment.payload.len(), tcp.length_known, tcp.header_len, tcp.segment.reserved)
            }
            _ => panic!(),
        }
    };
    assert_eq!(found(8), (20, 20, true, 32, 9));
    assert_eq!(found(14), (0, 0, false, 56, 9));
    // As Wireshark counts it.
    assert_eq!(found(2), (44, 0, true, 8, 9));
}

#[test]
fn an_error_quotes_the_segment_it_is_about() {
    let quote = &packet(false)[..28];
    let frame = ip(false, 1, &join(&[3, 4, 0, 0, 0, 0, 5, 0x78], quote));
    let mut dissector = Dissector::new();
    let Found::IcmpError(error) = dissector.frame(RAW, 9, Time::ZERO, &frame, frame.len() as u32) else { panic!() };
    assert_eq!((error.kind, error.from), (IcmpKind::TooBig { mtu: 1400 }, addresses(false).0));
    let quoted = error.quoted;
    assert_eq!((quoted.segment.header.src_port, quoted.segment.header.seq), (1000, SeqNum(5)));
    assert!(quoted.segment.quoted && !quoted.readable() && !quoted.length_known);
    let frame = ip(true, 58, &join(&[1, 4, 0, 0, 0, 0, 0, 0], &packet(true)));
    let Found::IcmpError(error) = dissector.frame(RAW, 9, Time::ZERO, &frame, frame.len() as u32) else { panic!() };
    assert_eq!(error.kind, IcmpKind::PortUnreachable);
    assert!(error.quoted.readable());
    assert_eq!(layers(RAW, &ip(false, 1, &join(&[8, 0, 0, 0, 0, 0, 0, 0], quote))), "ICMP");
    assert_eq!(layers(RAW, &ip(false, 1, &join(&[3, 3, 0, 0, 0, 0, 0, 0], &datagram(53, b"?")))), "ICMP");
}

/// The fragment of `payload` from `start` to `end`, with identification `id`.
fn fragment(v6: bool, id: u16, payload: &[u8], start: usize, end: usize) -> Vec<u8> {
    let more = end < payload.len();
    let part = &payload[start..end];
    if v6 {
        let field = (start as u16 | u16::from(more)).to_be_bytes();
        let header = [6, 0, field[0], field[1], 0, 0, (id >> 8) as u8, id as u8];
        return ip(true, 44, &join(&header, part));
    }
    let mut bytes = ip(false, 6, part);
    bytes[4..6].copy_from_slice(&id.to_be_bytes());
    bytes[6..8].copy_from_slice(&((start / 8) as u16 | u16::from(more) << 13).to_be_bytes());
    bytes
}

/// What a dissector finds in one frame, in short.
fn short(dissector: &mut Dissector, number: u64, time: Time, frame: &[u8]) -> String {
    match dissector.frame(RAW, number, time, frame, frame.len() as u32) {
        Found::Tcp(tcp) => {
            format!("frame {} {:?} {}", tcp.segment.frame, tcp.segment.checksum, tcp.segment.payload.escape_ascii())
        }
        Found::IcmpError(_) => "error".into(),
        Found::Other(other) => other.to_string(),
    }
}

const WAITING: &str = "fragment of an incomplete datagram";
const WHOLE: &str = "frame 3 Good twenty bytes of text";

#[test]
fn fragments_make_the_segment_in_any_order() {
    let parts = [(0, 24), (24, 40), (40, 52)];
    for v6 in [false, true] {
        let segment = tcp(v6, TEXT);
        for order in [[0, 1, 2], [2, 1, 0], [1, 0, 2], [2, 0, 1]] {
            let mut dissector = Dissector::new();
            for (index, part) in order.iter().enumerate() {
                let frame = fragment(v6, 7, &segment, parts[*part].0, parts[*part].1);
                let found = short(&mut dissector, index as u64 + 1, Time::ZERO, &frame);
                assert_eq!(found, if index < 2 { WAITING } else { WHOLE }, "{v6} {order:?}");
            }
            let (summary, payload) = dissector.reassembled().unwrap();
            assert_eq!((summary.frame, summary.fragments, summary.overlaps, payload), (3, 3, 0, &segment[..]));
            // What comes late starts another datagram.
            let late = fragment(v6, 7, &segment, 0, 24);
            assert_eq!(short(&mut dissector, 4, Time::ZERO, &late), WAITING);
            assert_eq!(dissector.reassembled(), None);
        }
    }
}

#[test]
fn the_same_bytes_twice_are_counted_and_the_fragment_that_starts_earlier_wins() {
    let segment = tcp(false, TEXT);
    let mut other = segment.clone();
    other[24..].fill(b'x');
    let mut dissector = Dissector::new();
    assert_eq!(short(&mut dissector, 1, Time::ZERO, &fragment(false, 7, &other, 16, 40)), WAITING);
    assert_eq!(short(&mut dissector, 2, Time::ZERO, &fragment(false, 7, &segment, 0, 32)), WAITING);
    let found = short(&mut dissector, 3, Time::ZERO, &fragment(false, 7, &segment, 40, 52));
    assert_eq!(found, "frame 3 Bad xxxxxxxxytes of text");
    let (summary, _) = dissector.reassembled().unwrap();
    assert_eq!((summary.overlaps, summary.conflicts, summary.too_long), (1, 1, 0));
    let counts = dissector.fragment_counts();
    assert_eq!((counts.fragments, counts.completed, counts.conflicting, counts.waiting), (3, 1, 1, 0));
}

#[test]
fn a_first_fragment_that_is_cut_is_read_alone() {
    let frame = fragment(false, 7, &tcp(false, TEXT), 0, 40);
    let mut dissector = Dissector::new();
    let Found::Tcp(tcp) = dissector.frame(RAW, 1, Time::ZERO, &frame[..50], 60) else { panic!() };
    assert_eq!((tcp.segment.header.src_port, tcp.length_known), (1000, false));
    assert_eq!(dissector.fragment_counts().fragments, 0);
}

#[test]
fn fragments_of_another_minute_belong_to_another_datagram() {
    let segment = tcp(false, TEXT);
    let mut dissector = Dissector::new();
    let later = Time::ZERO + Duration::from_secs(61);
    assert_eq!(short(&mut dissector, 1, Time::ZERO, &fragment(false, 7, &segment, 0, 24)), WAITING);
    assert_eq!(short(&mut dissector, 2, later, &fragment(false, 7, &segment, 24, 52)), WAITING);
    assert_eq!(short(&mut dissector, 3, later, &fragment(false, 7, &segment, 0, 24)), WHOLE);
    assert_eq!(dissector.fragment_counts().dropped, 1);
}

#[test]
fn floods_of_fragments_take_bounded_memory() {
    let payload = vec![0; 60_000];
    let mut dissector = Dissector::new();
    // Far more than the limits, in large parts of many datagrams, then in small parts of one.
    for id in 0..2_000 {
        short(&mut dissector, 1, Time::ZERO, &fragment(false, id, &payload, 0, 32_000));
    }
    let counts = dissector.fragment_counts();
    assert!(counts.waiting * 32_000 < 17 << 20 && counts.waiting + counts.dropped == 2_000, "{counts:?}");
    for start in (8..60_000).step_by(8).cycle().take(20_000) {
        short(&mut dissector, 1, Time::ZERO, &fragment(true, 1, &payload, start - 8, start));
    }
    assert!(dissector.fragment_counts().waiting > 0);
    for id in 0..10_000 {
        short(&mut dissector, 1, Time::ZERO, &fragment(true, id, &payload, 0, 8));
    }
    assert!(dissector.fragment_counts().waiting <= 4_096);
}

#[test]
fn a_tunnel_in_fragments_holds_fragments_again() {
    let segment = tcp(false, TEXT);
    let mut dissector = Dissector::new();
    let first = fragment(false, 1, &segment, 0, 24);
    assert_eq!(short(&mut dissector, 1, Time::ZERO, &first), WAITING);
    let second = fragment(false, 1, &segment, 24, 52);
    for (number, start, end, expected) in [(2, 0, 24, WAITING), (3, 24, second.len(), WHOLE)] {
        let mut outer = fragment(false, 2, &second, start, end);
        outer[9] = 4;
        assert_eq!(short(&mut dissector, number, Time::ZERO, &outer), expected);
    }
}

proptest! {
    #[test]
    fn no_bytes_panic(link in 0u16..280, mut bytes: Vec<u8>, original: u32, first in 0usize..8) {
        let starts: [&[u8]; 8] = [
            &[], &[0x45], &[0x60, 0], &[0x45, 0, 0, 60, 0, 0, 0, 0, 64, 47], &[0x45, 0, 0, 60, 0, 0, 0, 0, 64, 1],
            &[0x45, 0, 0, 90, 0, 0, 0, 0, 64, 4], &[0x46, 0, 0, 60, 0, 0, 0x20, 0, 64, 6],
            &[0x60, 0, 0, 0, 0, 60, 0, 64],
        ];
        bytes.splice(..0, starts[first].iter().copied());
        let mut dissector = Dissector::new();
        for link in [link, 0, ETHERNET, 6, 9, 10, 50, 51, 100, RAW, 105, 107, 113, 117, 119, 127, 163, 166, 178, 192, 204, 239, 242, 258, 276] {
            if let Found::Tcp(tcp) = dissector.frame(link, 1, Time::ZERO, &bytes, original) {
                prop_assert!(tcp.segment.payload.len() <= tcp.segment.len as usize || tcp.segment.len == 0);
            }
        }
    }

    #[test]
    fn a_changed_frame_does_not_panic(tunnel in 0usize..3, at in 0usize..160, value: u8, cut in 0usize..160) {
        let inner = ethernet(0x0800, &packet(false));
        let mut frame = match tunnel {
            0 => ip(false, 47, &join(&[0x40, 0, 0x65, 0x58, 0, 0, 0, 0, 0, 0, 0, 0], &inner)),
            1 => datagram(4789, &join(&[8, 0, 0, 0, 0, 0, 5, 0], &inner)),
            _ => ip(true, 0, &join(&[43, 0, 1, 4, 0, 0, 0, 0, 6, 0, 0, 1, 0, 0, 0, 0], &tcp(true, TEXT))),
        };
        let len = frame.len();
        if let Some(byte) = frame.get_mut(at) {
            *byte = value;
        }
        Dissector::new().frame(RAW, 1, Time::ZERO, &frame[..cut.min(len)], len as u32);
    }
}
