//! GTP-U and L2TP, tunnels that are seen and not opened, and the network that a tunnel or tag leads to.

use super::*;

/// A G-PDU with these flags and what stands between header and packet.
fn gtp(flags: u8, between: &[u8], payload: &[u8]) -> Vec<u8> {
    let length = (between.len() + payload.len()) as u16;
    [&[0x30 | flags, 0xff][..], &length.to_be_bytes(), &[0, 0, 0, 9], between, payload].concat()
}

/// A data message with these flags and what follows them.
fn l2tp(flags: u16, fields: &[u8], ppp: &[u8]) -> Vec<u8> {
    [&(flags | 2).to_be_bytes()[..], fields, ppp].concat()
}

/// Every sample: a packet, and what is passed on the way to the segment.
pub(super) fn samples() -> Vec<(Vec<u8>, &'static str)> {
    let (v4, v6) = (packet(false), packet(true));
    let ppp = join(&[0xff, 3, 0, 0x21], &v4);
    let lengthy = [&(ppp.len() as u16 + 8).to_be_bytes()[..], &[0, 1, 0, 2]].concat();
    // A PDU session container of one word, then a header of two words.
    let extensions = [0, 0, 0, 0x85, 1, 0x10, 9, 0x40, 2, 0, 0, 0, 0, 0, 0, 0];
    vec![
        (datagram(2152, &gtp(0, &[], &v4)), "IPv4, UDP, GTP-U, IPv4"),
        (datagram(2152, &gtp(2, &[0, 7, 0, 0], &v6)), "IPv4, UDP, GTP-U, IPv6"),
        (datagram(2152, &gtp(4, &extensions, &v4)), "IPv4, UDP, GTP-U, IPv4"),
        // A sequence number alone: what stands where the next extension's kind would is not looked at.
        (datagram(2152, &gtp(2, &[0, 7, 0, 0x85], &v4)), "IPv4, UDP, GTP-U, IPv4"),
        (datagram(2152, &gtp(0, &[], &ethernet(0x0800, &v4))), "IPv4, UDP, GTP-U, Ethernet, IPv4"),
        (datagram(1701, &l2tp(0, &[0, 1, 0, 2], &ppp)), "IPv4, UDP, L2TP, PPP, IPv4"),
        (datagram(1701, &l2tp(0, &[0, 1, 0, 2], &join(&[0x57], &v6))), "IPv4, UDP, L2TP, PPP, IPv6"),
        (datagram(1701, &l2tp(0x4000, &lengthy, &ppp)), "IPv4, UDP, L2TP, PPP, IPv4"),
        (datagram(1701, &l2tp(0x0800, &[0, 1, 0, 2, 0, 3, 0, 4], &ppp)), "IPv4, UDP, L2TP, PPP, IPv4"),
        (datagram(1701, &l2tp(0x0200, &[0, 1, 0, 2, 0, 3, 7, 7, 7], &ppp)), "IPv4, UDP, L2TP, PPP, IPv4"),
    ]
}

#[test]
fn the_tunnels_of_mobile_networks_and_of_dial_in_are_opened() {
    for (frame, expected) in samples() {
        assert_eq!(layers(RAW, &frame), expected);
    }
}

#[test]
fn what_only_looks_like_a_tunnel_is_udp() {
    let v4 = packet(false);
    let mut echo = gtp(0, &[], &v4);
    echo[1] = 1;
    let mut old = gtp(0, &[], &v4);
    old[0] = 0x10;
    for frame in [
        datagram(2152, &echo),
        datagram(2152, &old),
        // A control message, and another version.
        datagram(1701, &l2tp(0xc800, &[0, 20, 0, 1, 0, 2, 0, 0, 0, 0], &[0; 8])),
        datagram(1701, &[0, 1, 0, 0, 0, 0]),
        // Key exchange and a keep-alive on the port of ESP, a handshake on that of WireGuard.
        datagram(4500, &[0, 0, 0, 0, 1, 2, 3, 4, 5, 6, 7, 8]),
        datagram(4500, &[0xff]),
        datagram(51820, &join(&[1, 0, 0, 0], &[7; 144])),
        datagram(4341, &[0x80; 40]),
        datagram(443, &[0x40; 40]),
    ] {
        assert_eq!(layers(RAW, &frame), "UDP");
    }
    assert_eq!(
        layers(RAW, &datagram(2152, &gtp(4, &[0, 0, 0, 1].repeat(9), &v4))),
        "more than 21 headers inside each other"
    );
}

#[test]
fn a_tunnel_that_is_not_opened_has_a_name() {
    let v4 = packet(false);
    for (link, frame, name) in [
        (RAW, ip(false, 50, &[7; 40]), "ESP"),
        (RAW, ip(true, 108, &[6, 0, 0, 2, 1, 1]), "IPComp"),
        (RAW, ip(false, 115, &[7; 40]), "L2TPv3"),
        (RAW, datagram(1701, &[0, 3, 0, 0, 0, 0, 0, 1]), "L2TPv3"),
        (RAW, datagram(4500, &[7; 40]), "ESP in UDP"),
        (RAW, datagram(51820, &join(&[4, 0, 0, 0], &[7; 44])), "WireGuard"),
        (RAW, datagram(5247, &join(&[0; 8], &v4)), "CAPWAP"),
        (RAW, datagram(4341, &join(&[0xc0, 1, 2, 3, 0, 0, 0, 1], &v4)), "LISP"),
        (RAW, datagram(4790, &join(&[0x0c, 0, 0, 4, 0, 0, 5, 0], &v4)), "VXLAN-GPE with a service header"),
        (RAW, datagram(2152, &gtp(0, &[], &[0; 40])), "GTP-U with something else than IP or Ethernet"),
        (ETHERNET, ethernet(0x88e5, &v4), "MACsec"),
        (ETHERNET, ethernet(0x88e7, &v4), "provider backbone bridge (802.1ah)"),
    ] {
        assert_eq!(layers(link, &frame), format!("{name} not opened"));
    }
    let Found::Other(other @ Other::Tunnel { from, to, .. }) = find(RAW, &ip(true, 50, &[7; 40])) else { panic!() };
    assert_eq!((from, to), addresses(true));
    assert!(other.is_unread() && !Other::Udp.is_unread());
}

fn find(link: u16, frame: &[u8]) -> Found<'static> {
    match Dissector::new().frame(link, 1, Time::ZERO, frame, frame.len() as u32) {
        Found::Other(other) => Found::Other(other),
        _ => panic!(),
    }
}

/// The network that the segment in a frame belongs to.
fn network(link: u16, frame: &[u8]) -> u32 {
    match Dissector::new().frame(link, 1, Time::ZERO, frame, frame.len() as u32) {
        Found::Tcp(tcp) => tcp.segment.network,
        Found::IcmpError(error) => error.quoted.segment.network,
        Found::Other(other) => panic!("{other}"),
    }
}

#[test]
fn tags_and_tunnels_lead_to_networks_of_their_own() {
    let v4 = packet(false);
    let inner = ethernet(0x0800, &v4);
    let tagged = |tags: &[u16]| {
        let mut bytes = Vec::new();
        for tag in tags {
            bytes.extend([0x81, 0, (tag >> 8) as u8, *tag as u8]);
        }
        [&[2; 12][..], &bytes, &[8, 0], &v4].concat()
    };
    let vxlan = |id: u8| datagram(4789, &join(&[8, 0, 0, 0, 0, 0, id, 0], &inner));
    let geneve = |id: u8| datagram(6081, &join(&[0, 0, 0x65, 0x58, 0, 0, id, 0], &inner));
    let gre = |key: u8| ip(false, 47, &join(&[0x20, 0, 8, 0, 0, 0, 0, key], &v4));
    let numbers = [
        network(ETHERNET, &tagged(&[10])),
        network(ETHERNET, &tagged(&[20])),
        network(ETHERNET, &tagged(&[10, 20])),
        network(ETHERNET, &tagged(&[20, 10])),
        network(RAW, &vxlan(5)),
        network(RAW, &vxlan(6)),
        network(RAW, &geneve(7)),
        network(RAW, &gre(5)),
        network(RAW, &gre(6)),
        network(RAW, &ip(false, 4, &v4)),
        network(RAW, &ip(true, 4, &v4)),
    ];
    for (index, number) in numbers.iter().enumerate() {
        assert_ne!(*number, 0);
        assert!(!numbers[..index].contains(number), "{index} in {numbers:?}");
    }
    // The plain network, a priority without a VLAN, and labels that differ by direction.
    let labelled = |label: u8| ethernet(0x8847, &join(&[0, label, 0x01, 64], &v4));
    for frame in [ethernet(0x0800, &v4), tagged(&[0]), labelled(16), labelled(32)] {
        assert_eq!(network(ETHERNET, &frame), 0);
    }
    // A packet that an error quotes was in the network of the error.
    assert_eq!(network(RAW, &ip(false, 1, &join(&[3, 3, 0, 0, 0, 0, 0, 0], &v4))), 0);
}

#[test]
fn both_directions_of_a_tunnel_lead_to_one_network() {
    let swap = |mut frame: Vec<u8>| {
        for at in 12..16 {
            frame.swap(at, at + 4);
        }
        frame
    };
    let (mut there, mut back) = (gtp(0, &[], &packet(false)), gtp(0, &[], &packet(false)));
    (there[7], back[7]) = (1, 2);
    let (there, back) = (datagram(2152, &there), datagram(2152, &back));
    assert_eq!(network(RAW, &there), network(RAW, &swap(back)));
    let [there, back] =
        [1, 2].map(|session| datagram(1701, &l2tp(0, &[0, session, 0, session], &join(&[0x21], &packet(false)))));
    assert_eq!(network(RAW, &there), network(RAW, &swap(back)));
    // The number of a PPTP call stands in the key.
    let [there, back] = [1, 2].map(|call| {
        let header = [0x30, 0x81, 0x88, 0x0b, 0, 73, 0, call, 0, 0, 0, 1, 0, 0, 0, 2, 0x21];
        ip(false, 47, &join(&header, &packet(false)))
    });
    assert_eq!(network(RAW, &there), network(RAW, &swap(back)));
}
