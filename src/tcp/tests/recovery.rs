use super::*;
use crate::tcp::CloseReason;

/// Ten segments in flight, and 20 KB waiting behind them.
fn ten_in_flight(mut bench: Bench) -> Bench {
    bench.writes(30_000);
    bench.sends(&["[.] 1:10001 ack 1"]);
    bench
}

#[test]
fn a_d_sack_is_counted_when_nothing_is_in_flight_any_more() {
    // RFC 2883: what was sent again had arrived; the first acknowledgment has emptied the scoreboard.
    let mut bench = Bench::with_sack();
    bench.tcp.send(&[7; 500]).unwrap();
    bench.sends(&["[P.] 1:501 ack 1"]);
    bench.pass(ms(1000));
    bench.sends(&["[P.] 1:501 ack 1"]);
    bench.gets(seg(".", 1, 501));
    bench.gets(seg(".", 1, 501).sack(&[(1, 501)]));
    assert_eq!(bench.tcp.stats().dsacks_in, 1);
}

#[test]
fn three_duplicates_resend_the_first_and_the_first_two_bring_new_data() {
    // RFC 3042 and RFC 5681 section 3.2, without SACK.
    let mut bench = ten_in_flight(Bench::established_with(plain(), |peer| peer.win(65_000)));
    let dup = || seg(".", 1, 1).win(65_000);
    bench.gets(dup());
    bench.sends(&["[.] 10001:11001 ack 1"]);
    bench.gets(dup());
    bench.sends(&["[.] 11001:12001 ack 1"]);
    bench.gets(dup());
    // ssthresh = FlightSize / 2 = 10 / 2 segments: what limited transmit sent does not count.
    bench.sends(&["[.] 1:1001 ack 1"]);
    assert_eq!(bench.tcp.ssthresh(), 5000);
    // The window inflates by a segment for each further duplicate: 5 + 3 + n >= 12 + 1 lets new data go.
    for _ in 0..4 {
        bench.gets(dup());
        bench.sends(&[]);
    }
    bench.gets(dup());
    bench.sends(&["[.] 12001:13001 ack 1"]);
    // A full acknowledgment ends it: 5 segments of new data, less what is in flight.
    bench.gets(seg(".", 1, 12_001).win(65_000));
    bench.sends(&["[.] 13001:17001 ack 1"]);
    assert_eq!((bench.tcp.cwnd(), bench.tcp.stats().recoveries), (5000, 1));
}

#[test]
fn a_partial_acknowledgment_resends_the_next_hole() {
    // RFC 6582 section 3.2.
    let mut bench = ten_in_flight(Bench::established_with(plain(), |peer| peer.win(10_000)));
    for _ in 0..3 {
        bench.gets(seg(".", 1, 1).win(10_000));
    }
    bench.sends(&["[.] 1:1001 ack 1"]);
    // Segments 1 and 5 were lost: the retransmission brings the acknowledgment to 4001.
    bench.gets(seg(".", 1, 4001).win(10_000));
    let again = bench.tcp.poll_transmit(bench.now).unwrap();
    assert_eq!(show(&again), "[.] 4001:5001 ack 1");
    assert_eq!(bench.tcp.stats().recoveries, 1);
}

#[test]
fn sack_resends_each_hole_once() {
    let mut bench = ten_in_flight(Bench::with_sack());
    // Segments 1, 3 and 5 are missing.
    bench.gets(seg(".", 1, 1).sack(&[(1001, 2001)]));
    bench.gets(seg(".", 1, 1).sack(&[(3001, 4001), (1001, 2001)]));
    while bench.tcp.poll_transmit(bench.now).is_some() {}
    for right in [6001, 7001, 8001, 9001, 10_001] {
        bench.gets(seg(".", 1, 1).sack(&[(5001, right), (3001, 4001), (1001, 2001)]));
    }
    let sent: Vec<String> = std::iter::from_fn(|| bench.tcp.poll_transmit(bench.now)).map(|t| show(&t)).collect();
    assert_eq!(sent[..3], ["[.] 1:1001 ack 1", "[.] 2001:3001 ack 1", "[.] 4001:5001 ack 1"]);
    assert_eq!(bench.tcp.stats().fast_retransmits, 3);
    assert_eq!(bench.tcp.stats().recoveries, 1);
    bench.gets(seg(".", 1, 10_001));
    assert_eq!(bench.tcp.stats().timeouts, 0);
}

#[test]
fn the_window_halves_once_for_all_losses_of_a_round_trip() {
    let mut bench = ten_in_flight(Bench::with_sack());
    bench.gets(seg(".", 1, 1).sack(&[(1001, 5001)]));
    let cwnd = bench.tcp.cwnd();
    assert_eq!(cwnd, 5000);
    bench.gets(seg(".", 1, 1).sack(&[(6001, 10_001), (1001, 5001)]));
    assert_eq!(bench.tcp.cwnd(), cwnd);
}

#[test]
fn a_sack_block_outside_of_what_was_sent_is_ignored_and_counted() {
    let mut bench = ten_in_flight(Bench::with_sack());
    bench.gets(seg(".", 1, 1).sack(&[(20_001, 30_001)]));
    bench.gets(seg(".", 1, 1).sack(&[(5001, 4001)]));
    bench.gets(seg(".", 1, 1).sack(&[(9001, 0x7fff_ffff)]));
    assert_eq!((bench.tcp.stats().sack_blocks_bad, bench.tcp.stats().sack_blocks_in), (3, 0));
    assert_eq!(bench.tcp.pipe(), 10_000);
}

#[test]
fn a_timeout_sends_the_first_again_and_slow_starts() {
    let mut bench = ten_in_flight(Bench::established());
    // The handshake took 100 ms: RTO = 100 + 4 * 50 = 300 ms.
    assert_eq!(bench.next_timeout(), ms(300));
    bench.sends(&["[.] 1:1001 ack 1"]);
    assert_eq!((bench.tcp.cwnd(), bench.tcp.ssthresh()), (1000, 5000));
    // Backoff (RFC 6298 section 5.5).
    assert_eq!(bench.next_timeout(), ms(600));
    bench.sends(&["[.] 1:1001 ack 1"]);
    assert_eq!(bench.tcp.ssthresh(), 5000);
    bench.gets(seg(".", 1, 1001));
    bench.sends(&["[.] 1001:3001 ack 1"]);
    assert_eq!(bench.tcp.stats().timeout_retransmits, 4);
}

#[test]
fn a_retransmission_gives_no_rtt_sample_without_timestamps() {
    // Karn's algorithm (RFC 6298 section 3): the RTO stays backed off.
    let mut bench = Bench::established();
    bench.writes(1000);
    bench.sends(&["[P.] 1:1001 ack 1"]);
    bench.next_timeout();
    bench.sends(&["[P.] 1:1001 ack 1"]);
    bench.gets(seg(".", 1, 1001));
    assert_eq!(bench.tcp.rto().samples().count, 1, "the handshake's only");
    assert_eq!(bench.tcp.rto().current(), ms(600));
}

#[test]
fn timestamps_give_a_sample_even_for_a_retransmission() {
    let mut bench = Bench::established_with(Config { timestamps: true, ..plain() }, |peer| peer.ts(9, 0));
    bench.writes(900);
    bench.sends(&["[P.] 1:901 ack 1"]);
    bench.next_timeout();
    bench.sends(&["[P.] 1:901 ack 1"]);
    let sent_at = (bench.now.as_nanos() / 1_000_000) as u32;
    bench.pass(ms(70));
    bench.gets(seg(".", 1, 901).ts(10, sent_at));
    assert_eq!(bench.tcp.rto().samples().count, 2);
    assert_eq!(bench.tcp.rto().samples().min, ms(70));
}

#[test]
fn silence_ends_a_connection_after_its_retries() {
    let mut bench = Bench::established_with(Config { retries: 3, ..plain() }, |peer| peer);
    bench.writes(100);
    bench.sends(&["[P.] 1:101 ack 1"]);
    for _ in 0..3 {
        bench.next_timeout();
        bench.sends(&["[P.] 1:101 ack 1"]);
    }
    bench.next_timeout();
    assert_eq!(bench.tcp.ended(), Some(CloseReason::TimedOut(None)));
    bench.sends(&[]);
}

#[test]
fn duplicates_of_what_a_timeout_sent_again_start_no_recovery() {
    // RFC 6582 section 4: three segments had arrived, and their copies bring duplicate acknowledgments.
    let mut bench = Bench::established_with(plain(), |peer| peer.win(4000));
    bench.writes(4000);
    bench.sends(&["[P.] 1:4001 ack 1"]);
    bench.next_timeout();
    bench.sends(&["[.] 1:1001 ack 1"]);
    bench.gets(seg(".", 1, 4001).win(4000));
    bench.writes(4000);
    while bench.tcp.poll_transmit(bench.now).is_some() {}
    for _ in 0..5 {
        bench.gets(seg(".", 1, 4001).win(4000));
    }
    assert_eq!(bench.tcp.stats().recoveries, 0);
}

#[test]
fn congestion_is_echoed_until_the_sender_says_that_it_has_slowed_down() {
    // RFC 3168 section 6.1.3, the receiver's part.
    let mut bench = Bench::listening(Config { ecn: true, ecn_accept: true, ..plain() });
    bench.gets(seg("SEW", 0, 0));
    bench.sends(&["[S.E] 0:0 ack 1"]);
    bench.gets(seg(".", 1, 1));
    bench.gets(seg(".", 1, 1).data(1000).marked());
    bench.gets(seg(".", 1001, 1).data(1000));
    bench.sends(&["[.E] 1:1 ack 2001"]);
    bench.gets(seg("W.", 2001, 1).data(1000));
    bench.gets(seg(".", 3001, 1).data(1000));
    bench.sends(&["[.] 1:1 ack 4001"]);
    assert_eq!(bench.tcp.stats().congestion_marks_in, 1);
}

#[test]
fn an_echo_halves_the_window_once_per_round_trip_and_new_data_says_so() {
    // RFC 3168 section 6.1.2, the sender's part.
    let mut bench = Bench::opening(Config { ecn: true, ecn_accept: true, ..plain() });
    bench.gets(seg("S.E", 0, 1).mss(1000).win(65_000));
    bench.sends(&["[.] 1:1 ack 1"]);
    bench.writes(30_000);
    let data = bench.take_one();
    assert_eq!((data.ecn, data.payload.len()), (Ecn::Ect0, 10_000));
    bench.gets(seg(".E", 1, 2001).win(65_000));
    // What this acknowledgment covers was in flight when the mark was made.
    assert_eq!(bench.tcp.ssthresh(), 5000);
    bench.gets(seg(".E", 1, 4001).win(65_000));
    bench.gets(seg(".E", 1, 9001).win(65_000));
    assert_eq!((bench.tcp.ssthresh(), bench.tcp.cwnd()), (5000, 5000), "once per window, and echoes do not open it");
    let marked = bench.tcp.poll_transmit(bench.now).unwrap();
    assert_eq!(marked.header.flags.to_string(), ".W");
    let next = bench.tcp.poll_transmit(bench.now);
    assert!(next.is_none_or(|next| !next.header.flags.contains(Flags::CWR)));
}

#[test]
fn a_loss_three_gigabytes_after_another_is_found_at_once() {
    for sack in [true, false] {
        let config = Config { sack, initial_window: 4, ..plain() };
        let mut bench = Bench::established_with(config, |peer| if sack { peer.sack_ok() } else { peer });
        let mut una = 1u32;
        let lose = |bench: &mut Bench, una: &mut u32| {
            let before = bench.tcp.stats().recoveries;
            bench.writes(4000);
            while bench.tcp.poll_transmit(bench.now).is_some() {}
            // With SACK one report of three segments is enough, without it takes three duplicates.
            let dup = || seg(".", 1, *una);
            if sack {
                bench.gets(dup().sack(&[(una.wrapping_add(1000), una.wrapping_add(4000))]));
            } else {
                for _ in 0..3 {
                    bench.gets(dup());
                }
            }
            while bench.tcp.poll_transmit(bench.now).is_some() {}
            assert_eq!(bench.tcp.stats().recoveries, before + 1, "sack {sack}");
            *una = una.wrapping_add(4000);
            bench.gets(seg(".", 1, *una));
        };
        lose(&mut bench, &mut una);
        // 3 GB, all of it acknowledged at once.
        let chunk = vec![0; 2_000];
        while una < 3_000_000_000 {
            assert_eq!(bench.tcp.send(&chunk), Ok(2_000));
            while bench.tcp.poll_transmit(bench.now).is_some() {}
            una += 2_000;
            bench.gets(seg(".", 1, una));
        }
        lose(&mut bench, &mut una);
    }
}

#[test]
fn a_sample_is_not_taken_of_what_waited_for_a_retransmission() {
    let mut bench = ten_in_flight(Bench::established());
    bench.next_timeout();
    bench.sends(&["[.] 1:1001 ack 1"]);
    bench.pass(ms(100));
    // Segments 2 to 10 had arrived long ago.
    bench.gets(seg(".", 1, 10_001));
    assert_eq!(bench.tcp.rto().samples().count, 1, "the handshake's only");
}

#[test]
fn no_number_of_duplicates_overflows() {
    let config = Config { sack: true, dup_thresh: u32::MAX, ..plain() };
    let mut bench = ten_in_flight(Bench::established_with(config, Peer::sack_ok));
    bench.gets(seg(".", 1, 1).sack(&[(1001, 9001)]));
    bench.sends(&["[.] 10001:18001 ack 1"]);
    assert_eq!(bench.tcp.stats().recoveries, 0);
}
