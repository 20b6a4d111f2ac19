use std::time::Duration;

use super::*;
use crate::tcp::{State, WindowScale};
use crate::wire::options::OptionBytes;
use crate::wire::{Flags, IpPacket, Packet, Payload, SeqNum, TcpHeader, TcpOptions, TcpPacket, icmp};

const US: [u8; 4] = [192, 0, 2, 1];
const PEER: [u8; 4] = [192, 0, 2, 2];

fn stack(owns_addresses: bool) -> Stack {
    Stack::new(HostConfig {
        addresses: vec![IpAddr::from(US), "2001:db8::1".parse().unwrap()],
        owns_addresses,
        mtu: 1500,
        ttl: 64,
        tcp: Config { window_scale: WindowScale::Off, ..Config::default() },
        isn: None,
        secret: Secret([1, 2]),
        annotate: true,
    })
}

fn address(host: [u8; 4], port: u16) -> SocketAddr {
    SocketAddr::new(IpAddr::from(host), port)
}

fn packet(from: SocketAddr, to: SocketAddr, flags: Flags, seq: u32, ack: u32) -> Packet {
    let tcp = TcpHeader {
        src_port: from.port(),
        dst_port: to.port(),
        seq: SeqNum(seq),
        ack: SeqNum(ack),
        flags,
        window: 9000,
        urgent: 0,
    };
    let outgoing = Outgoing {
        ip: IpHeader {
            src: from.ip(),
            dst: to.ip(),
            protocol: Protocol::TCP,
            ttl: 64,
            dscp: 0,
            ecn: Default::default(),
            id: 1,
        },
        tcp,
        options: OptionBytes::new(),
        payload: Payload::empty(),
        segment_size: 1,
        note: None,
    };
    outgoing.packets().next().unwrap()
}

/// What leaves now: destination, flags, acknowledgment.
fn sent(stack: &mut Stack, now: Time) -> Vec<(SocketAddr, String, SeqNum, SeqNum)> {
    let mut all = Vec::new();
    while let Some(outgoing) = stack.poll_transmit(now) {
        for packet in outgoing.packets() {
            let ip = IpPacket::parse(&packet.bytes).unwrap();
            let header = TcpPacket::parse(ip.payload).unwrap().header;
            let dst = SocketAddr::new(ip.dst, header.dst_port);
            all.push((dst, header.flags.to_string(), header.seq, header.ack));
        }
    }
    all
}

#[test]
fn strangers_are_reset_where_the_address_is_ours_alone() {
    let mut stack = stack(true);
    let peer = address(PEER, 5000);
    stack.on_packet(Time::ZERO, &packet(peer, address(US, 81), Flags::SYN, 100, 0));
    assert_eq!(sent(&mut stack, Time::ZERO), [(peer, "R.".into(), SeqNum(0), SeqNum(101))]);
    stack.on_packet(Time::ZERO, &packet(peer, address(US, 81), Flags::RST, 100, 0));
    assert_eq!(sent(&mut stack, Time::ZERO), []);
}

#[test]
fn on_a_shared_address_only_guarded_ports_answer_strangers() {
    let mut stack = stack(false);
    stack.guard(address(US, 80));
    let peer = address(PEER, 5000);
    stack.on_packet(Time::ZERO, &packet(peer, address(US, 81), Flags::SYN, 1, 0));
    assert_eq!(sent(&mut stack, Time::ZERO), []);
    stack.on_packet(Time::ZERO, &packet(peer, address(US, 80), Flags::ACK, 1, 77));
    assert_eq!(sent(&mut stack, Time::ZERO), [(peer, "R".into(), SeqNum(77), SeqNum(0))]);
    assert_eq!((stack.counters().strangers_ignored, stack.counters().strangers_reset), (1, 1));
}

#[test]
fn damaged_and_misdirected_packets_are_counted_and_not_answered() {
    let mut stack = stack(true);
    let (us, peer) = (address(US, 80), address(PEER, 5000));
    let good = packet(peer, us, Flags::SYN, 1, 0);
    let mut deliver = |edit: &dyn Fn(&mut Packet)| {
        let mut packet = good.clone();
        edit(&mut packet);
        stack.on_packet(Time::ZERO, &packet);
        assert_eq!(sent(&mut stack, Time::ZERO), []);
        *stack.counters()
    };
    assert_eq!(deliver(&|packet| packet.bytes[33] ^= 4).bad_checksum, 1, "a flag was flipped");
    assert_eq!(deliver(&|packet| packet.bytes[8] ^= 1).bad_checksum, 2, "the TTL was flipped");
    assert_eq!(deliver(&|packet| packet.bytes.truncate(30)).malformed, 1);
    assert_eq!(deliver(&|packet| packet.meta.truncated = true).truncated, 1);
    assert_eq!(deliver(&|packet| *packet = self::packet(us, us, Flags::SYN, 1, 0)).bad_source, 1, "the land attack");
    let multicast = address([224, 0, 0, 1], 5000);
    assert_eq!(deliver(&|packet| *packet = self::packet(multicast, us, Flags::SYN, 1, 0)).bad_source, 2);
    let other = address([192, 0, 2, 9], 80);
    assert_eq!(deliver(&|packet| *packet = self::packet(peer, other, Flags::SYN, 1, 0)).not_ours, 1);
    // A data offset of 3, with checksums that are right.
    let counters = deliver(&|packet| {
        packet.bytes[32] = 3 << 4;
        packet.bytes[36..38].fill(0);
        let mut sum = crate::wire::checksum::pseudo_header(peer.ip(), us.ip(), 6, packet.bytes.len() - 20);
        sum.add(&packet.bytes[20..]);
        packet.bytes[36..38].copy_from_slice(&sum.finish().to_be_bytes());
    });
    assert_eq!(counters.malformed, 2);
}

#[test]
fn a_listener_hands_out_established_connections_and_forgets_those_that_fail() {
    let mut stack = stack(true);
    let (us, peer) = (address(US, 80), address(PEER, 5000));
    stack.listen(us, 2).unwrap();
    assert_eq!(stack.listen(us, 2), Err(ListenError::InUse(us)));
    stack.on_packet(Time::ZERO, &packet(peer, us, Flags::SYN, 100, 0));
    let syn_ack = sent(&mut stack, Time::ZERO);
    assert_eq!((syn_ack[0].1.as_str(), syn_ack[0].3), ("S.", SeqNum(101)));
    assert_eq!(stack.accept(us), None);
    stack.on_packet(Time::ZERO, &packet(peer, us, Flags::ACK, 101, syn_ack[0].2.0.wrapping_add(1)));
    assert_eq!(stack.poll_event(), Some(StackEvent::Acceptable(us)));
    let id = stack.accept(us).unwrap();
    assert_eq!(stack.connection(id).unwrap().state(), State::Established);
    // One that is reset before it is established leaves nothing behind.
    let other = address(PEER, 5001);
    stack.on_packet(Time::ZERO, &packet(other, us, Flags::SYN, 100, 0));
    stack.on_packet(Time::ZERO, &packet(other, us, Flags::RST, 101, 0));
    sent(&mut stack, Time::ZERO);
    assert_eq!(stack.connections().count(), 1);
}

#[test]
fn a_backlog_bounds_what_a_flood_of_syns_costs() {
    let mut stack = stack(true);
    let us = address(US, 80);
    stack.listen(us, 10).unwrap();
    for port in 1..=1000 {
        stack.on_packet(Time::ZERO, &packet(address(PEER, port), us, Flags::SYN, 1, 0));
    }
    assert_eq!((stack.connections().count(), stack.counters().backlog_full), (10, 990));
    // They time out by themselves.
    assert_eq!(sent(&mut stack, Time::ZERO).len(), 10);
    let mut now = Time::ZERO;
    while let Some(due) = stack.poll_timeout() {
        now = due;
        stack.on_timeout(now);
        sent(&mut stack, now);
    }
    assert_eq!(stack.connections().count(), 0);
    assert_eq!(now, Time::ZERO + Duration::from_secs(127), "1 + 2 + 4 + ... + 64 s");
}

#[test]
fn connections_get_ports_of_their_own_and_ids_that_are_never_used_again() {
    let mut stack = stack(true);
    let remote = address(PEER, 80);
    let ids: Vec<ConnId> = (0..100).map(|_| stack.connect(Time::ZERO, None, remote, None).unwrap()).collect();
    let ports: BTreeSet<u16> = ids.iter().map(|id| stack.connection(*id).unwrap().local().port()).collect();
    assert_eq!(ports.len(), 100);
    assert!(ports.iter().all(|port| *port >= 49_152));
    for id in &ids {
        stack.with(*id, Connection::abort);
        stack.release(Time::ZERO, *id);
    }
    assert_eq!(stack.connections().count(), 0);
    let again = stack.connect(Time::ZERO, None, remote, None).unwrap();
    assert!(!ids.contains(&again));
    assert!(stack.connection(ids[0]).is_none());
    let taken = stack.connection(again).unwrap().local();
    assert_eq!(stack.connect(Time::ZERO, Some(taken), remote, None), Err(ConnectError::InUse(taken, remote)));
}

#[test]
fn the_mss_is_what_the_mtu_carries_in_each_family() {
    let mut stack = stack(true);
    for (remote, mss) in [("192.0.2.2:80", 1460), ("[2001:db8::2]:80", 1440)] {
        stack.connect(Time::ZERO, None, remote.parse().unwrap(), None).unwrap();
        let syn = stack.poll_transmit(Time::ZERO).unwrap();
        let options = crate::wire::TcpOptions::parse(syn.options.as_slice());
        assert_eq!(options.mss, Some(mss), "{remote}");
    }
}

#[test]
fn a_new_syn_replaces_a_connection_in_time_wait() {
    let mut stack = stack(true);
    let (us, peer) = (address(US, 80), address(PEER, 5000));
    stack.listen(us, 2).unwrap();
    let now = Time::ZERO;
    stack.on_packet(now, &packet(peer, us, Flags::SYN, 100, 0));
    let iss = sent(&mut stack, now)[0].2;
    stack.on_packet(now, &packet(peer, us, Flags::ACK, 101, iss.0.wrapping_add(1)));
    let id = stack.accept(us).unwrap();
    stack.with(id, Connection::shutdown);
    sent(&mut stack, now);
    stack.on_packet(now, &packet(peer, us, Flags::FIN | Flags::ACK, 101, iss.0.wrapping_add(2)));
    assert_eq!(stack.connection(id).unwrap().state(), State::TimeWait);
    sent(&mut stack, now);
    stack.on_packet(now, &packet(peer, us, Flags::SYN, 5000, 0));
    let answer = sent(&mut stack, now);
    assert_eq!((answer[0].1.as_str(), answer[0].3), ("S.", SeqNum(5001)));
}

/// It had to wait for two MSL: its number is lower than the old connection's, as it may be with another program.
#[test]
fn who_cannot_follow_a_connection_in_time_wait_gets_in_by_its_reset() {
    let mut stack = stack(true);
    let (us, peer) = (address(US, 80), address(PEER, 5000));
    stack.listen(us, 2).unwrap();
    let now = Time::ZERO;
    stack.on_packet(now, &packet(peer, us, Flags::SYN, 100, 0));
    let iss = sent(&mut stack, now)[0].2;
    stack.on_packet(now, &packet(peer, us, Flags::ACK, 101, iss.0.wrapping_add(1)));
    let id = stack.accept(us).unwrap();
    stack.with(id, Connection::shutdown);
    sent(&mut stack, now);
    stack.on_packet(now, &packet(peer, us, Flags::FIN | Flags::ACK, 101, iss.0.wrapping_add(2)));
    sent(&mut stack, now);
    stack.on_packet(now, &packet(peer, us, Flags::SYN, 50, 0));
    let challenge = sent(&mut stack, now);
    assert_eq!((challenge[0].1.as_str(), challenge[0].3), (".", SeqNum(102)));
    // In SYN-SENT that acknowledgment is unacceptable (RFC 9293 section 3.10.7.3); then the SYN is sent again.
    stack.on_packet(now, &packet(peer, us, Flags::RST, 102, 0));
    stack.on_packet(now, &packet(peer, us, Flags::SYN, 50, 0));
    let answer = sent(&mut stack, now);
    assert_eq!((answer[0].1.as_str(), answer[0].3), ("S.", SeqNum(51)));
}

#[test]
fn ten_thousand_idle_connections_have_no_deadlines() {
    let mut stack = stack(true);
    for n in 0..10_000u32 {
        let peer = address([10, 0, (n >> 8) as u8, n as u8], 80);
        stack.connect(Time::ZERO, None, peer, Some(SeqNum(0))).unwrap();
    }
    sent(&mut stack, Time::ZERO);
    let ports: Vec<(SocketAddr, SocketAddr)> =
        stack.connections().map(|(_, connection)| (connection.local(), connection.remote())).collect();
    for (us, peer) in ports {
        stack.on_packet(Time::ZERO, &packet(peer, us, Flags::SYN | Flags::ACK, 7, 1));
    }
    assert_eq!(sent(&mut stack, Time::ZERO).len(), 10_000);
    assert_eq!(stack.poll_timeout(), None);
}

#[test]
fn a_syn_to_or_from_a_crowd_is_met_with_silence() {
    // RFC 9293 MUST-57 and MUST-63.
    let mut stack = stack(true);
    stack.listen(address([0, 0, 0, 0], 80), 4).unwrap();
    let crowds = [[255, 255, 255, 255], [224, 0, 0, 1]];
    for crowd in crowds {
        stack.on_packet(Time::ZERO, &packet(address(PEER, 5000), address(crowd, 80), Flags::SYN, 1, 0));
        stack.on_packet(Time::ZERO, &packet(address(crowd, 5000), address(US, 80), Flags::SYN, 1, 0));
    }
    assert_eq!(sent(&mut stack, Time::ZERO), []);
    assert_eq!((stack.counters().not_ours, stack.counters().bad_source), (2, 2));
}

#[test]
fn ip_options_are_skipped() {
    // RFC 9293 MUST-50.
    let mut stack = stack(true);
    stack.listen(address([0, 0, 0, 0], 80), 4).unwrap();
    let plain = packet(address(PEER, 5000), address(US, 80), Flags::SYN, 1, 0).bytes;
    let (header, segment) = plain.split_at(20);
    // A router alert (RFC 2113), which means nothing to us.
    let mut bytes = [header, &[148, 4, 0, 0], segment].concat();
    bytes[0] = 0x46;
    bytes[2..4].copy_from_slice(&(segment.len() as u16 + 24).to_be_bytes());
    bytes[10..12].fill(0);
    let sum = crate::wire::checksum::of(&bytes[..24]);
    bytes[10..12].copy_from_slice(&sum.to_be_bytes());
    stack.on_packet(Time::ZERO, &Packet::new(bytes));
    let answers = sent(&mut stack, Time::ZERO);
    assert_eq!(answers.len(), 1);
    assert_eq!(answers[0].1, "S.");
}

#[test]
fn what_leaves_has_the_ttl_that_was_asked_for_and_right_checksums() {
    // RFC 9293 MUST-2 and MUST-49.
    let mut stack = Stack::new(HostConfig { ttl: 7, ..stack(true).config().clone() });
    stack.connect(Time::ZERO, None, address(PEER, 80), None).unwrap();
    stack.connect(Time::ZERO, None, "[2001:db8::2]:80".parse().unwrap(), None).unwrap();
    let mut packets = 0;
    while let Some(outgoing) = stack.poll_transmit(Time::ZERO) {
        for packet in outgoing.packets() {
            let ip = IpPacket::parse(&packet.bytes).unwrap();
            IpPacket::verify_header(&packet.bytes).unwrap();
            crate::wire::tcp::verify(ip.src, ip.dst, ip.payload).unwrap();
            assert_eq!(packet.bytes[if ip.src.is_ipv4() { 8 } else { 7 }], 7);
            packets += 1;
        }
    }
    assert_eq!(packets, 2);
}

/// Opens a connection to the peer's port and answers its SYN; the MSS it sends with.
fn opened(stack: &mut Stack, now: Time, remote: SocketAddr) -> (ConnId, u16) {
    let id = stack.connect(now, None, remote, None).unwrap();
    let syn = sent(stack, now)[0].clone();
    let us = stack.connection(id).unwrap().local();
    let answer = packet(remote, us, Flags::SYN | Flags::ACK, 100, syn.2.0.wrapping_add(1));
    stack.on_packet(now, &with_options(&answer, TcpOptions { mss: Some(1400), ..Default::default() }));
    sent(stack, now);
    (id, stack.connection(id).unwrap().send_mss())
}

/// The same segment with options.
fn with_options(plain: &Packet, options: TcpOptions) -> Packet {
    let ip = IpPacket::parse(&plain.bytes).unwrap();
    let tcp = TcpPacket::parse(ip.payload).unwrap().header;
    let ip = IpHeader {
        src: ip.src,
        dst: ip.dst,
        protocol: Protocol::TCP,
        ttl: 64,
        dscp: 0,
        ecn: Default::default(),
        id: 1,
    };
    let payload = Payload::empty();
    let outgoing = Outgoing { ip, tcp, options: options.to_bytes(), payload, segment_size: 1, note: None };
    outgoing.packets().next().unwrap()
}

#[test]
fn the_next_connection_begins_with_what_the_path_is_known_to_carry() {
    // RFC 1191 section 3, RFC 8201 section 4.
    for (remote, header) in [("192.0.2.2:80", 40), ("[2001:db8::2]:80", 60)] {
        let remote: SocketAddr = remote.parse().unwrap();
        let elsewhere = SocketAddr::new(if remote.is_ipv4() { [192, 0, 2, 3].into() } else { [9; 8].into() }, 80);
        let mut stack = stack(true);
        let (first, mss) = opened(&mut stack, Time::ZERO, remote);
        assert_eq!(mss, 1400);
        stack.with(first, |connection| connection.send(&[7; 1400]));
        let big = stack.poll_transmit(Time::ZERO).unwrap().packets().next().unwrap();
        let too_big = |mtu| icmp::write(icmp::IcmpKind::TooBig { mtu }, remote.ip(), &big.bytes).unwrap();
        stack.on_packet(Time::ZERO, &Packet::new(too_big(1300)));
        sent(&mut stack, Time::ZERO);
        assert_eq!(stack.connection(first).unwrap().send_mss(), 1300 - header, "{remote}");
        let at = |seconds| Time::ZERO + Duration::from_secs(seconds);
        assert_eq!(opened(&mut stack, at(599), remote).1, 1300 - header, "{remote}");
        assert_eq!(opened(&mut stack, at(599), elsewhere).1, 1400, "another destination");
        assert_eq!(opened(&mut stack, at(600), remote).1, 1400, "{remote}");
        // Nobody has sent that any more.
        stack.with(first, Connection::abort);
        sent(&mut stack, at(600));
        stack.on_packet(at(600), &Packet::new(too_big(1290)));
        assert_eq!(opened(&mut stack, at(600), remote).1, 1400, "{remote}");
    }
}

#[test]
fn an_error_about_what_is_not_in_flight_is_neither_believed_nor_remembered() {
    // RFC 5927 section 4.1.
    let mut stack = stack(true);
    let remote = address(PEER, 80);
    let (id, mss) = opened(&mut stack, Time::ZERO, remote);
    let connection = stack.connection(id).unwrap();
    let forged = packet(connection.local(), remote, Flags::ACK, connection.snd_nxt().0, 0);
    let error = icmp::write(icmp::IcmpKind::TooBig { mtu: 600 }, remote.ip(), &forged.bytes).unwrap();
    let arrival = stack.on_packet(Time::ZERO, &Packet::new(error));
    let note =
        "ICMP says that packets are too big, for a link that carries 600 bytes; it quotes nothing that is in flight";
    assert!(arrival.note.as_ref().is_some_and(|said| said.starts_with(note)), "{arrival:?}");
    assert_eq!(stack.connection(id).unwrap().send_mss(), mss);
    assert_eq!(opened(&mut stack, Time::ZERO, remote).1, mss);
}

#[test]
fn stripped_timestamps_are_told_of_once() {
    let mut stack = stack(true);
    let (us, now) = (address(US, 80), Time::ZERO);
    stack.listen(us, 5).unwrap();
    let mut warnings = Vec::new();
    for port in [5000, 5001] {
        let peer = address(PEER, port);
        let syn = packet(peer, us, Flags::SYN, 100, 0);
        let options = TcpOptions { timestamps: Some((7, 0)), ..Default::default() };
        stack.on_packet(now, &with_options(&syn, options));
        // And in nothing after that.
        let iss = sent(&mut stack, now)[0].2;
        for _ in 0..2 {
            stack.on_packet(now, &packet(peer, us, Flags::ACK, 101, iss.0.wrapping_add(1)));
            warnings.extend(stack.poll_warning());
        }
        let id = stack.accept(us).unwrap();
        assert_eq!(stack.connection(id).unwrap().stats().timestamps_missing_in, 2);
    }
    assert_eq!(warnings.len(), 1, "{warnings:?}");
    assert!(warnings[0].starts_with("peer 192.0.2.2:5000 leaves timestamps out"), "{warnings:?}");
}
