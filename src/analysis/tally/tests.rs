//! Small exchanges: packets in, counters out.

use std::net::Ipv4Addr;

use proptest::prelude::*;

use super::*;
use crate::analysis::segment::Checksum;
use crate::time::Time;
use crate::wire::{Ecn, Flags, SackBlock, TcpHeader, TcpOptions};

const MILLISECOND: u64 = 1_000_000;
const ACK: Flags = Flags::ACK;
const SYN: Flags = Flags::SYN;
const FIN: Flags = Flags::FIN;
const RST: Flags = Flags::RST;
/// When the captures start.
const START: u64 = 1_700_000_000_000_000_000;
const PAYLOAD: &[u8] = &[0; 1500];
/// Initial sequence numbers: A's are about to wrap.
const A_ISS: u32 = u32::MAX - 999;
const B_ISS: u32 = 5000;

/// A pure acknowledgment with a window of 1000.
fn segment() -> Segment<'static> {
    Segment {
        frame: 1,
        time: Time::ZERO,
        src: Ipv4Addr::LOCALHOST.into(),
        dst: Ipv4Addr::LOCALHOST.into(),
        ttl: 64,
        ecn: Ecn::NotEct,
        ip_id: 0,
        dont_fragment: true,
        header: TcpHeader { flags: ACK, window: 1000, ..TcpHeader::default() },
        reserved: 0,
        options: TcpOptions::default(),
        option_bytes: &[],
        len: 0,
        payload: &[],
        checksum: Checksum::Good,
        quoted: false,
        network: 0,
        window_cut: false,
        options_cut: false,
    }
}

/// A connection whose segments leave a millisecond apart, with relative sequence numbers: 1 is the first byte.
#[derive(Default)]
struct Exchange {
    tally: Tally,
    millis: u64,
}

impl Exchange {
    /// After the handshake, with windows of 1000.
    fn open() -> Exchange {
        let mut exchange = Exchange::default();
        exchange.send(Side::A, SYN, 0, 0, 0);
        exchange.send(Side::B, SYN | ACK, 0, 1, 0);
        exchange.send(Side::A, ACK, 1, 1, 0);
        exchange
    }

    fn send(&mut self, side: Side, flags: Flags, seq: u32, ack: u32, len: u32) {
        self.send_as(side, flags, seq, ack, len, |_| ());
    }

    fn send_as(
        &mut self,
        side: Side,
        flags: Flags,
        seq: u32,
        ack: u32,
        len: u32,
        change: impl FnOnce(&mut Segment<'_>),
    ) {
        let (from, to) = if side == Side::A { (A_ISS, B_ISS) } else { (B_ISS, A_ISS) };
        self.millis += 1;
        let mut segment = segment();
        segment.time = Time::from_nanos(START + self.millis * MILLISECOND);
        segment.header.flags = flags;
        segment.header.seq = SeqNum(from) + seq;
        segment.header.ack = SeqNum(to) + ack;
        segment.len = len;
        segment.payload = PAYLOAD.get(..len as usize).unwrap_or(PAYLOAD);
        change(&mut segment);
        self.tally.on_segment(side, &segment);
    }

    /// A sends data.
    fn data(&mut self, seq: u32, len: u32) {
        self.send(Side::A, ACK | Flags::PSH, seq, 1, len);
    }

    /// B acknowledges it.
    fn ack(&mut self, ack: u32) {
        self.send(Side::B, ACK, 1, ack, 0);
    }

    fn a(&self) -> &SideTally {
        self.tally.side(Side::A)
    }

    fn b(&self) -> &SideTally {
        self.tally.side(Side::B)
    }

    /// What the row of this name says of A.
    fn row(&self, name: &str) -> Value {
        self.tally.rows().into_iter().find(|row| row.name == name).unwrap().a
    }
}

#[test]
fn a_clean_transfer_counts_data_and_round_trips() {
    let mut exchange = Exchange::open();
    exchange.data(1, 500);
    exchange.data(501, 400);
    exchange.ack(501);
    exchange.ack(901);
    let a = exchange.a();
    assert_eq!((a.packets, a.acks, a.pure_acks, a.data_packets, a.pushed), (4, 3, 1, 2, 2));
    assert_eq!((a.data_bytes, a.unique_bytes, a.max_segment, a.min_segment), (900, 900, 500, 400));
    // Of the SYN, and of the two segments.
    assert_eq!((a.rtt.count, a.rtt.min, a.rtt.max), (3, MILLISECOND, 2 * MILLISECOND));
    assert_eq!(a.rtt_handshake, Some(MILLISECOND));
    assert_eq!((a.rtt_full.count, a.full_size), (1, 500));
    assert_eq!(a.trouble(), Trouble::default());
    assert_eq!(exchange.row("avg segm size"), Value::Count(450));
    assert_eq!(exchange.row("throughput"), Value::PerSecond(900.0 / 0.006));
    assert_eq!(exchange.row("data xmit time"), Value::Seconds(0.001));
}

#[test]
fn a_retransmission_counts_its_repeated_bytes_and_the_time_since() {
    let mut exchange = Exchange::open();
    exchange.data(1, 100);
    exchange.data(101, 100);
    exchange.millis += 200;
    exchange.data(51, 200);
    let (a, trouble) = (exchange.a(), exchange.a().trouble());
    assert_eq!((trouble.resent_packets, trouble.resent_bytes, trouble.out_of_order), (1, 150, 0));
    assert_eq!((a.data_bytes, a.unique_bytes), (400, 250));
    assert_eq!((trouble.max_resent, trouble.resend_times.count, trouble.resend_times.min), (1, 1, 202 * MILLISECOND));
    exchange.data(1, 100);
    let trouble = exchange.a().trouble();
    assert_eq!((trouble.max_resent, trouble.resend_times.min), (2, MILLISECOND));
}

#[test]
fn syn_and_fin_sent_again_are_a_byte_each_and_no_data() {
    let mut exchange = Exchange::default();
    exchange.send(Side::A, SYN, 0, 0, 0);
    exchange.send(Side::A, SYN, 0, 0, 0);
    exchange.send(Side::A, FIN | ACK, 1, 1, 10);
    exchange.send(Side::A, FIN | ACK, 1, 1, 10);
    let (a, trouble) = (exchange.a(), exchange.a().trouble());
    assert_eq!((trouble.resent_packets, trouble.resent_bytes), (2, 12));
    assert_eq!((a.unique_bytes, a.syns, a.fins), (10, 2, 2));
}

#[test]
fn a_segment_before_one_that_was_seen_is_out_of_order() {
    let mut exchange = Exchange::open();
    exchange.data(101, 100);
    exchange.data(1, 100);
    let trouble = exchange.a().trouble();
    assert_eq!((trouble.out_of_order, trouble.resent_packets), (1, 0));
    assert_eq!(exchange.a().unique_bytes, 200);
}

#[test]
fn data_into_a_closed_window_is_a_probe_and_not_looked_at_for_repetition() {
    let mut exchange = Exchange::open();
    exchange.data(1, 100);
    exchange.send_as(Side::B, ACK, 1, 101, 0, |segment| segment.header.window = 0);
    exchange.data(101, 1);
    exchange.data(101, 1);
    let trouble = exchange.a().trouble();
    assert_eq!((trouble.probes, trouble.probe_bytes, trouble.resent_packets), (2, 2, 0));
    assert_eq!((exchange.a().unique_bytes, exchange.b().window.zero), (100, 1));
}

#[test]
fn a_segment_without_ack_closes_no_window() {
    let mut exchange = Exchange::open();
    exchange.send_as(Side::B, Flags::PSH, 1, 0, 5, |segment| segment.header.window = 0);
    exchange.data(1, 100);
    assert_eq!((exchange.a().trouble().probes, exchange.b().window.zero), (0, 0));
}

#[test]
fn what_was_sent_twice_gives_no_round_trip() {
    let mut exchange = Exchange::open();
    exchange.data(1, 100);
    exchange.data(1, 100);
    exchange.ack(101);
    let (a, ambiguous) = (exchange.a(), exchange.a().trouble().ambiguous);
    assert_eq!(a.rtt.count, 1, "the SYN's");
    assert_eq!((ambiguous.count, ambiguous.max), (1, MILLISECOND), "from the last transmission");
}

#[test]
fn what_waited_for_a_retransmission_gives_no_round_trip() {
    let mut exchange = Exchange::open();
    exchange.data(1, 100);
    exchange.data(101, 100);
    exchange.data(1, 100);
    exchange.ack(201);
    let (a, trouble) = (exchange.a(), exchange.a().trouble());
    assert_eq!((a.rtt.count, a.cumulative, trouble.post_loss, trouble.ambiguous.count), (1, 1, 1, 0));
}

#[test]
fn the_full_size_starts_again_when_a_larger_segment_appears() {
    let mut exchange = Exchange::open();
    for (seq, len) in [(1, 100), (101, 100), (201, 300)] {
        exchange.data(seq, len);
        exchange.ack(seq + len);
    }
    assert_eq!((exchange.a().rtt.count, exchange.a().rtt_full.count, exchange.a().full_size), (4, 1, 300));
}

#[test]
fn a_third_duplicate_acknowledgment_is_a_triple() {
    let mut exchange = Exchange::open();
    exchange.data(1, 100);
    exchange.ack(101);
    for _ in 0..4 {
        exchange.ack(101);
    }
    let trouble = exchange.a().trouble();
    assert_eq!((trouble.duplicate_acks, trouble.triple_duplicates), (4, 1));
}

#[test]
fn data_or_another_window_make_an_acknowledgment_no_duplicate() {
    let mut exchange = Exchange::open();
    exchange.data(1, 100);
    exchange.ack(101);
    exchange.send(Side::B, ACK, 1, 101, 10);
    exchange.send_as(Side::B, ACK, 11, 101, 0, |segment| segment.header.window = 900);
    assert_eq!(exchange.a().trouble().duplicate_acks, 0);
    exchange.send_as(Side::B, ACK, 11, 101, 0, |segment| segment.header.window = 900);
    assert_eq!(exchange.a().trouble().duplicate_acks, 1);
}

#[test]
fn the_initial_window_ends_at_the_first_acknowledgment_of_data() {
    let mut exchange = Exchange::open();
    exchange.data(1, 100);
    exchange.data(1, 100);
    exchange.ack(1);
    exchange.data(101, 100);
    exchange.ack(101);
    exchange.data(201, 100);
    assert_eq!((exchange.a().initial_bytes, exchange.a().initial_packets), (200, 2));
}

#[test]
fn the_same_packet_twice_is_a_hardware_duplicate() {
    let mut exchange = Exchange::open();
    for ip_id in [7, 7, 8] {
        exchange.send_as(Side::A, ACK, 1, 1, 10, |segment| segment.ip_id = ip_id);
    }
    assert_eq!(exchange.a().trouble().hardware_duplicates, 1);
}

#[test]
fn missed_data_is_what_lies_between_syn_and_fin_and_was_not_seen() {
    let mut exchange = Exchange::open();
    exchange.data(1, 1400);
    assert_eq!(exchange.row("missed data"), Value::Missing);
    exchange.send(Side::A, FIN | ACK, 2001, 1, 100);
    // The sequence number of the RST is beyond the FIN's and not the stream's end.
    exchange.send(Side::A, RST, 2102, 1, 0);
    assert_eq!(exchange.row("ttl stream length"), Value::Count(2100));
    assert_eq!(exchange.row("missed data"), Value::Count(600));
}

#[test]
fn idle_time_is_the_longest_silence_and_runs_to_the_end_of_the_capture() {
    let mut exchange = Exchange::open();
    exchange.millis += 50;
    exchange.data(1, 100);
    assert_eq!(exchange.a().longest_idle, 51 * MILLISECOND);
    exchange.tally.until(exchange.tally.last() + 400 * MILLISECOND);
    assert_eq!(exchange.a().longest_idle, 400 * MILLISECOND);
    exchange.send(Side::B, RST, 1, 0, 0);
    exchange.tally.until(exchange.tally.last() + 900 * MILLISECOND);
    assert_eq!(exchange.a().longest_idle, 400 * MILLISECOND, "a connection that was reset is not idle");
}

#[test]
fn urgent_data_is_the_sum_of_its_pointers() {
    let mut exchange = Exchange::open();
    for len in [10, 0] {
        exchange.send_as(Side::A, ACK | Flags::URG, 1, 1, len, |segment| segment.header.urgent = 4);
    }
    let trouble = exchange.a().trouble();
    assert_eq!((trouble.urgent_packets, trouble.urgent_bytes), (1, 4));
}

#[test]
fn what_the_capture_cut_off_is_counted_as_data_and_as_truncated() {
    let mut exchange = Exchange::open();
    exchange.send_as(Side::A, ACK, 1, 1, 1400, |segment| segment.payload = &PAYLOAD[..42]);
    let (a, trouble) = (exchange.a(), exchange.a().trouble());
    assert_eq!((a.unique_bytes, trouble.truncated_bytes, trouble.truncated_packets), (1400, 1358, 1));
}

#[test]
fn scaled_windows_replace_those_of_the_handshake() {
    let mut exchange = Exchange::default();
    let shift = |shift| move |segment: &mut Segment<'_>| segment.options.window_scale = Some(shift);
    exchange.send_as(Side::A, SYN, 0, 0, 0, shift(7));
    exchange.send_as(Side::B, SYN | ACK, 0, 1, 0, shift(200));
    exchange.send(Side::A, ACK, 1, 1, 0);
    exchange.ack(1);
    let (a, b) = (exchange.a().window, exchange.b().window);
    assert_eq!((a.min, a.max, a.sum, a.packets), (128_000, 128_000, 128_000, 1));
    assert_eq!(b.max, 1000 << 14, "RFC 7323 section 2.3 has no larger shift");
}

#[test]
fn one_sided_scaling_is_none() {
    let mut exchange = Exchange::default();
    exchange.send_as(Side::A, SYN, 0, 0, 0, |segment| segment.options.window_scale = Some(7));
    exchange.send(Side::B, SYN | ACK, 0, 1, 0);
    exchange.send(Side::A, ACK, 1, 1, 0);
    assert_eq!((exchange.a().offer.shift, exchange.a().window.max), (0, 1000));
    assert_eq!(exchange.row("req 1323 ws/ts").to_string(), "Y/N");
}

#[test]
fn a_duplicate_sack_lies_below_the_acknowledgment_or_within_the_second_block() {
    let mut exchange = Exchange::open();
    for blocks in [&[(1u32, 51u32)][..], &[(301, 351), (301, 401)], &[(301, 401)], &[(301, 401), (501, 601)]] {
        exchange.send_as(Side::B, ACK, 1, 101, 0, |segment| {
            for (left, right) in blocks {
                let [left, right] = [left, right].map(|edge| SeqNum(A_ISS) + *edge);
                segment.options.sack.push(SackBlock { left, right });
            }
        });
    }
    let trouble = exchange.b().trouble();
    assert_eq!((trouble.sack_acks, trouble.duplicate_sacks, trouble.max_sack_blocks), (4, 2, 2));
}

#[test]
fn outstanding_data_is_sampled_on_new_segments_and_weighted_by_its_time() {
    let mut exchange = Exchange::open();
    exchange.data(1, 100);
    exchange.data(101, 100);
    exchange.data(101, 100);
    exchange.ack(201);
    exchange.data(201, 50);
    let outstanding = exchange.a().outstanding;
    // One more than what is in flight, as tcptrace counts; first of the bare acknowledgment.
    assert_eq!((outstanding.max, outstanding.min, outstanding.count), (201, 1, 4));
    assert_eq!(outstanding.sum, 1 + 101 + 201 + 51);
    assert_eq!(outstanding.weighted, u128::from(MILLISECOND) * (1 + 101 + 3 * 201));
}

#[test]
fn a_keep_alive_below_the_acknowledgment_has_nothing_outstanding() {
    let mut exchange = Exchange::open();
    exchange.data(1, 100);
    exchange.ack(101);
    exchange.send(Side::A, ACK, 50, 1, 0);
    assert_eq!(exchange.a().outstanding.max, 101);
}

#[test]
fn acknowledgments_of_what_the_capture_lacks_are_told() {
    let mut exchange = Exchange::open();
    exchange.ack(700);
    assert_eq!(exchange.a().trouble().unseen_acks, 1);
}

#[test]
fn a_quoted_segment_was_not_sent() {
    let mut exchange = Exchange::open();
    exchange.send_as(Side::A, RST, 1, 0, 0, |segment| segment.quoted = true);
    assert_eq!((exchange.tally.packets(), exchange.tally.complete()), (3, Complete::No));
}

#[test]
fn the_text_is_laid_out_as_tcptrace_does() {
    let mut exchange = Exchange::open();
    exchange.data(1, 100);
    let text = exchange.tally.text(false).to_string();
    let lines: Vec<&str> = text.lines().collect();
    assert_eq!(lines[0], "     total packets:             3           total packets:             1      ");
    assert!(lines.contains(&"     mss requested:             0 bytes     mss requested:             0 bytes"));
    assert!(lines.contains(&"     ttl stream length:        NA           ttl stream length:        NA      "));
    assert!(lines.contains(&"     RTT from 3WHS:           1.0 ms        RTT from 3WHS:           1.0 ms   "));
    assert!(!text.contains("owin") && !text.contains("resets") && !text.contains("adv wind scale"));
    assert!(exchange.tally.text(true).to_string().contains("wavg owin"));
}

#[test]
fn rows_are_typed_for_json_and_named_for_csv() {
    let exchange = Exchange::open();
    let rows = exchange.tally.rows();
    let mut keys: Vec<String> = rows.iter().map(|row| row.key().into_owned()).collect();
    assert_eq!((keys[0].as_str(), keys[35].as_str(), keys.len()), ("total_packets", "initial_window_bytes", 70));
    keys.sort();
    keys.dedup();
    assert_eq!(keys.len(), 70);
    let json = |name: &str| {
        let row = rows.iter().find(|row| row.name == name).unwrap();
        serde_json::to_string(&(row.a, row.b)).unwrap()
    };
    assert_eq!(json("total packets"), "[2,1]");
    assert_eq!(json("SYN/FIN pkts sent"), r#"["1/0","1/0"]"#);
    assert_eq!(json("missed data"), "[null,null]");
    assert_eq!(json("RTT min"), "[1.0,1.0]");
}

#[test]
fn a_connection_that_is_over_packs_small() {
    let mut exchange = Exchange::open();
    for seq in 0..1000 {
        exchange.data(1 + seq * 1000, 1000);
    }
    let rows = exchange.tally.rows();
    exchange.tally.over();
    let packed = postcard::to_allocvec(&exchange.tally).unwrap();
    assert!(packed.len() < 300, "{} bytes", packed.len());
    let read: Tally = postcard::from_bytes(&packed).unwrap();
    assert_eq!(read, exchange.tally);
    assert_eq!(read.rows(), rows);
}

proptest! {
    #[test]
    fn no_segments_panic_and_a_packed_connection_goes_on_as_it_was(
        segments in prop::collection::vec(any::<(bool, u8, u32, u32, u16, u16, u64, (u16, Option<u8>, bool))>(), 0..100),
        spread in prop_oneof![1u32..5000, any::<u32>()],
        half in 0usize..100,
    ) {
        let mut tally = Tally::default();
        let mut packed = Tally::default();
        for (index, (is_a, flags, seq, ack, len, window, time, (ip_id, shift, sack))) in segments.into_iter().enumerate() {
            let mut segment = segment();
            segment.time = Time::from_nanos(time);
            segment.ip_id = ip_id;
            segment.len = u32::from(len);
            // Near each other for most spreads, so that segments overlap.
            let (seq, ack) = (SeqNum(spread) + seq % (spread | 1), SeqNum(spread) + ack % (spread | 1));
            segment.header = TcpHeader { flags: Flags(flags), seq, ack, window, ..TcpHeader::default() };
            segment.options.window_scale = shift;
            if sack {
                segment.options.sack.push(SackBlock { left: ack, right: seq });
            }
            let side = if is_a { Side::A } else { Side::B };
            if index == half {
                packed = postcard::from_bytes(&postcard::to_allocvec(&packed).unwrap()).unwrap();
            }
            tally.on_segment(side, &segment);
            packed.on_segment(side, &segment);
        }
        prop_assert_eq!(&tally, &packed);
        let _ = tally.text(true).to_string();
    }

    #[test]
    fn every_byte_is_unique_once_whatever_the_order(
        pieces in prop::collection::vec((0u32..2000, 1u32..300), 1..60),
        acks in prop::collection::vec(0u32..2300, 60),
    ) {
        let mut exchange = Exchange::open();
        let mut seen = vec![false; 2400];
        for ((start, len), ack) in pieces.into_iter().zip(acks) {
            exchange.data(1 + start, len);
            exchange.ack(1 + ack);
            seen[start as usize..(start + len) as usize].fill(true);
        }
        let unique = seen.iter().filter(|seen| **seen).count() as u64;
        let (a, trouble) = (exchange.a(), exchange.a().trouble());
        prop_assert_eq!(a.unique_bytes, unique);
        prop_assert_eq!(a.data_bytes, unique + trouble.resent_bytes);
    }
}
