use super::*;
use crate::link::sim::{WireConfig, wire};
use crate::wire::ip::{Ecn, IpHeader};
use crate::wire::options::OptionBytes;
use crate::wire::{Flags, Outgoing, Payload, SeqNum, TcpHeader};

fn packet(seq: u32, len: usize, flags: Flags) -> Packet {
    let outgoing = Outgoing {
        ip: IpHeader {
            src: [192, 0, 2, 1].into(),
            dst: [192, 0, 2, 2].into(),
            protocol: Protocol::TCP,
            ttl: 64,
            dscp: 0,
            ecn: Ecn::NotEct,
            id: 1,
        },
        tcp: TcpHeader { src_port: 1, dst_port: 2, seq: SeqNum(seq), flags, ..Default::default() },
        options: OptionBytes::new(),
        payload: Payload::from(bytes::Bytes::from(vec![7; len])),
        segment_size: len.max(1),
        note: None,
    };
    outgoing.packets().next().unwrap()
}

fn seq(packet: &Packet) -> u32 {
    u32::from_be_bytes(packet.bytes[24..28].try_into().unwrap())
}

/// Sends `packets` a millisecond apart and returns the sequence numbers that arrive, and the incidents.
fn run(impairments: Impairments, packets: Vec<Packet>) -> (Vec<u32>, Vec<Incident>) {
    let config = WireConfig { rate: Rate::Unlimited, ..WireConfig::default() };
    let (a, mut b) = wire(config);
    let mut impair = Impair::new(Box::new(a), &impairments, 1);
    let at = |n: u64| Time::ZERO + Duration::from_millis(n);
    let mut arrived = Vec::new();
    let count = packets.len() as u64;
    let mut packets = packets.into_iter();
    for n in 0..count + 1000 {
        if let Some(packet) = packets.next() {
            impair.send(at(n), packet).unwrap();
        }
        assert!(impair.receive(at(n)).unwrap().is_none());
        while let Some(packet) = b.receive(at(n)).unwrap() {
            arrived.push(seq(&packet));
        }
    }
    let incidents = std::iter::from_fn(|| impair.poll_incident()).collect();
    (arrived, incidents)
}

fn specs(list: &[&str]) -> Vec<Spec> {
    list.iter().map(|text| text.parse().unwrap()).collect()
}

fn data(count: u32) -> Vec<Packet> {
    (0..count).map(|n| packet(n * 10, 10, Flags::ACK)).collect()
}

#[test]
fn packets_are_dropped_by_number_and_the_incident_says_by_which_rule() {
    let impairments = Impairments { drop: specs(&["#2,4-5"]), ..Default::default() };
    let (arrived, incidents) = run(impairments, data(6));
    assert_eq!(arrived, [0, 20, 50]);
    assert_eq!(incidents.len(), 3);
    assert_eq!(incidents[0].comment, "dropped by --drop #2,4-5");
}

#[test]
fn numbers_count_the_packets_that_pass_the_filters() {
    let mut packets = vec![packet(0, 0, Flags::SYN)];
    packets.extend([packet(1, 0, Flags::ACK), packet(1, 10, Flags::ACK), packet(11, 10, Flags::ACK)]);
    packets.push(packet(1, 10, Flags::ACK));
    packets.push(packet(21, 10, Flags::ACK | Flags::FIN));
    let dropped = |spec: &str| {
        let (_, incidents) = run(Impairments { drop: specs(&[spec]), ..Default::default() }, packets.clone());
        incidents.iter().map(|incident| seq(&incident.packet)).collect::<Vec<_>>()
    };
    assert_eq!(dropped("syn:#1"), [0]);
    assert_eq!(dropped("data:#2"), [11]);
    assert_eq!(dropped("data:first:#3"), [21]);
    assert_eq!(dropped("retransmit:#1"), [1]);
    assert_eq!(dropped("ack:every:1"), [1]);
    assert_eq!(dropped("fin:100%"), [21]);
    assert_eq!(dropped("in:100%"), [0u32; 0]);
    assert_eq!(dropped("0"), [0u32; 0]);
}

#[test]
fn a_reordered_packet_is_passed_by_the_gap_or_let_go_after_100_ms() {
    let impairments = Impairments { reorder: specs(&["#2"]), ..Default::default() };
    assert_eq!(run(impairments.clone(), data(6)).0, [0, 20, 30, 40, 10, 50]);
    assert_eq!(run(impairments, data(3)).0, [0, 20, 10]);
}

#[test]
fn a_duplicate_arrives_twice_and_is_not_counted() {
    let impairments = Impairments { duplicate: specs(&["#1-2"]), drop: specs(&["#3"]), ..Default::default() };
    assert_eq!(run(impairments, data(4)).0, [0, 0, 10, 10, 30]);
}

#[test]
fn jitter_never_reorders() {
    let impairments =
        Impairments { delay: Duration::from_millis(50), jitter: Duration::from_millis(40), ..Default::default() };
    let (arrived, incidents) = run(impairments, data(100));
    assert_eq!(arrived, (0..100).map(|n| n * 10).collect::<Vec<_>>());
    assert_eq!(incidents.len(), 100);
}

#[test]
fn every_flipped_bit_is_caught_by_a_checksum() {
    let mut random = Random::new(9);
    for n in 0..2000 {
        let mut hurt = packet(1, 30, Flags::ACK);
        flip(&mut hurt, n % 2 == 0, &mut random);
        let caught = match IpPacket::parse(&hurt.bytes) {
            Err(_) => true,
            Ok(ip) => {
                IpPacket::verify_header(&hurt.bytes).is_err()
                    || crate::wire::tcp::verify(ip.src, ip.dst, ip.payload).is_err()
            }
        };
        assert!(caught, "{}", hex::encode(&hurt.bytes));
    }
}

#[test]
fn a_burst_chooses_runs() {
    let impairments = Impairments { drop: specs(&["burst:2%,25%"]), ..Default::default() };
    let (arrived, incidents) = run(impairments, data(4000));
    // Stationary loss is p / (p + r) = 7.4 %, in runs of 1 / r = 4 on average.
    assert!((150..500).contains(&incidents.len()), "{} dropped", incidents.len());
    let runs = arrived.windows(2).filter(|pair| pair[1] - pair[0] > 10).count();
    let mean = incidents.len() as f64 / runs as f64;
    assert!((2.5..6.0).contains(&mean), "mean run {mean}");
}

#[test]
fn a_spec_that_makes_no_sense_says_what_would() {
    let error = |text: &str| text.parse::<Spec>().unwrap_err().to_string();
    assert_eq!(error("5"), "'5': a probability lies between 0% and 100% (0 and 1), not at 5; did you mean 5%?");
    assert_eq!(error("120%"), "'120%': a probability lies between 0% and 100% (0 and 1), not at 120%");
    assert!(error("-1%").contains("between 0% and 100%"));
    assert!(error("nan").contains("is no choice"));
    assert!(error("").contains("is no choice"));
    assert!(error("sin:#1").contains("'sin' is no kind of packet; there are data, ack, syn"));
    assert!(error("#0").contains("numbers count from 1"));
    assert!(error("#9-7").contains("runs backwards"));
    assert!(error("every:0").contains("from 1 on"));
    assert!(error("burst:1%").contains("burst:1%,30%"));
    assert!(error("in:out:5%").contains("not both"));
    assert!(error("data:ack:5%").contains("chooses none"));
}

#[test]
fn a_new_connection_between_the_same_ends_counts_from_one() {
    let connection = |isn: u32| {
        let mut packets = vec![packet(isn, 0, Flags::SYN)];
        packets.extend((0..3).map(|n| packet(isn.wrapping_add(1 + n * 10), 10, Flags::ACK)));
        packets
    };
    // The second one's sequence numbers lie before the first's.
    let (old, new) = (0x7000_0000, 0x6000_0000);
    let packets = [connection(old), connection(new)].concat();
    let dropped = |spec: &str| {
        let (_, incidents) = run(Impairments { drop: specs(&[spec]), ..Default::default() }, packets.clone());
        incidents.iter().map(|incident| seq(&incident.packet)).collect::<Vec<_>>()
    };
    assert_eq!(dropped("syn:#1"), [old, new]);
    assert_eq!(dropped("data:first:#2"), [old + 11, new + 11]);
    assert_eq!(dropped("retransmit:100%"), [0u32; 0]);
}

#[test]
fn a_rate_holds_also_behind_a_delay_that_varies() {
    let impairments = Impairments {
        delay: Duration::from_millis(50),
        jitter: Duration::from_millis(40),
        rate: Rate::PacketsPerSecond(100),
        queue: 1000,
        ..Default::default()
    };
    let (a, mut b) = wire(WireConfig { rate: Rate::Unlimited, ..WireConfig::default() });
    let mut impair = Impair::new(Box::new(a), &impairments, 1);
    let mut arrivals = Vec::new();
    for n in 0..2000 {
        let now = Time::ZERO + Duration::from_millis(n);
        if n < 100 {
            impair.send(now, packet(n as u32 * 10, 10, Flags::ACK)).unwrap();
        }
        assert!(impair.receive(now).unwrap().is_none());
        while b.receive(now).unwrap().is_some() {
            arrivals.push(n);
        }
    }
    assert_eq!(arrivals.len(), 100);
    assert!(arrivals.windows(2).all(|pair| pair[1] - pair[0] >= 9), "ten milliseconds apart: {arrivals:?}");
}
