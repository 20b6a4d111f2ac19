use super::*;
use crate::tcp::{CloseReason, Reason};
use crate::wire::icmp::IcmpKind;

#[test]
fn the_initial_window_is_ten_segments() {
    // RFC 6928.
    let mut bench = Bench::established();
    bench.writes(30_000);
    bench.sends(&["[.] 1:10001 ack 1"]);
}

#[test]
fn the_peers_window_bounds_what_is_sent() {
    let mut bench = Bench::established_with(plain(), |peer| peer.win(2500));
    bench.writes(10_000);
    bench.sends(&["[.] 1:2501 ack 1"]);
    bench.gets(seg(".", 1, 2501).win(2500));
    bench.sends(&["[.] 2501:5001 ack 1"]);
}

#[test]
fn nagle_holds_a_small_segment_until_all_is_acknowledged() {
    // RFC 9293 section 3.7.4.
    let mut bench = Bench::established_with(Config { nagle: true, ..plain() }, |peer| peer);
    bench.writes(10);
    bench.sends(&["[P.] 1:11 ack 1"]);
    bench.writes(10);
    bench.sends(&[]);
    bench.writes(1500);
    bench.sends(&["[.] 11:1011 ack 1"]);
    bench.gets(seg(".", 1, 1011));
    bench.sends(&["[P.] 1011:1521 ack 1"]);
    bench.writes(10);
    bench.sends(&[]);
    bench.tcp.shutdown();
    bench.sends(&["[FP.] 1521:1531 ack 1"]);
}

#[test]
fn a_closed_window_is_probed_for_an_hour_with_backoff_and_never_given_up() {
    // RFC 9293 section 3.8.6.1: a probe at the RTO, then ever more slowly, up to the largest RTO.
    let mut bench = Bench::established();
    bench.writes(1000);
    bench.sends(&["[P.] 1:1001 ack 1"]);
    bench.gets(seg(".", 1, 1001).win(0));
    bench.writes(5000);
    bench.sends(&[]);
    let start = bench.now;
    let mut waits = Vec::new();
    while bench.now.since(start) < Duration::from_secs(3600) {
        waits.push(bench.next_timeout());
        let probe = bench.take_one();
        assert_eq!((probe.reason, probe.header.seq, probe.payload.len()), (Reason::WindowProbe, ISS + 1001, 1));
        // The byte is not taken.
        bench.gets(seg(".", 1, 1001).win(0));
        bench.sends(&[]);
    }
    assert!(waits.windows(2).all(|pair| pair[1] >= pair[0]), "{waits:?}");
    assert_eq!(*waits.last().unwrap(), Duration::from_secs(120));
    assert!((30..45).contains(&waits.len()), "{} probes", waits.len());
    // The window opens: everything goes on where it stood.
    bench.gets(seg(".", 1, 1001).win(20_000));
    bench.sends(&["[P.] 1001:6001 ack 1"]);
    assert_eq!(bench.tcp.stats().retransmits(), 0);
}

#[test]
fn a_probe_that_is_taken_counts_as_sent() {
    let mut bench = Bench::established();
    bench.writes(1000);
    bench.sends(&["[P.] 1:1001 ack 1"]);
    bench.gets(seg(".", 1, 1001).win(0));
    bench.writes(500);
    bench.sends(&[]);
    bench.next_timeout();
    bench.sends(&["[.] 1001:1002 ack 1"]);
    bench.gets(seg(".", 1, 1002).win(0));
    assert_eq!(bench.tcp.snd_nxt(), ISS + 1002);
    bench.gets(seg(".", 1, 1002).win(9000));
    bench.sends(&["[P.] 1002:1501 ack 1"]);
}

#[test]
fn a_closed_window_whose_peer_is_silent_is_given_up_after_the_retries() {
    let mut bench = Bench::established_with(Config { retries: 4, ..plain() }, |peer| peer);
    bench.gets(seg(".", 1, 1).win(0));
    bench.writes(10);
    bench.sends(&[]);
    for _ in 0..4 {
        bench.next_timeout();
        bench.take_one();
        bench.sends(&[]);
    }
    bench.next_timeout();
    assert_eq!(bench.tcp.ended(), Some(CloseReason::TimedOut(None)));
}

#[test]
fn a_silly_window_is_not_filled_until_the_override() {
    // RFC 9293 section 3.8.6.2.1: neither a full segment nor half of the largest window.
    let mut bench = Bench::established_with(plain(), |peer| peer.win(4000));
    bench.writes(4000);
    bench.sends(&["[P.] 1:4001 ack 1"]);
    bench.gets(seg(".", 1, 4001).win(100));
    bench.writes(4000);
    bench.sends(&[]);
    assert_eq!(bench.next_timeout(), ms(500));
    let probe = bench.take_one();
    assert_eq!((probe.reason, probe.payload.len()), (Reason::WindowProbe, 100));
}

#[test]
fn an_idle_connection_restarts_from_the_initial_window() {
    // RFC 5681 section 4.1.
    let mut bench = Bench::established_with(plain(), |peer| peer.win(65_000));
    bench.writes(36_000);
    bench.sends(&["[.] 1:10001 ack 1"]);
    bench.gets(seg(".", 1, 10_001).win(65_000));
    bench.sends(&["[.] 10001:22001 ack 1"]);
    bench.gets(seg(".", 1, 22_001).win(65_000));
    bench.sends(&["[P.] 22001:36001 ack 1"]);
    bench.gets(seg(".", 1, 36_001).win(65_000));
    assert_eq!(bench.tcp.cwnd(), 16_000);
    bench.pass(Duration::from_secs(10));
    bench.writes(30_000);
    bench.sends(&["[.] 36001:46001 ack 1"]);
}

#[test]
fn keep_alive_asks_an_idle_peer_and_gives_up_after_nine_silent_probes() {
    let config = Config { keepalive: Some(Duration::from_secs(10)), ..plain() };
    let mut bench = Bench::established_with(config, |peer| peer);
    for _ in 0..3 {
        assert_eq!(bench.next_timeout(), Duration::from_secs(10));
        bench.sends(&["[.] 0:0 ack 1"]);
        bench.gets(seg(".", 1, 1));
    }
    for _ in 0..9 {
        bench.next_timeout();
        bench.sends(&["[.] 0:0 ack 1"]);
    }
    bench.next_timeout();
    assert_eq!(bench.tcp.ended(), Some(CloseReason::TimedOut(None)));
}

#[test]
fn a_keep_alive_probe_is_answered() {
    let mut bench = Bench::established();
    assert_eq!(bench.gets(seg(".", 0, 1)), Disposition::OutsideWindow);
    bench.sends(&["[.] 1:1 ack 1"]);
}

#[test]
fn the_user_timeout_ends_what_stays_unacknowledged() {
    let config = Config { user_timeout: Some(Duration::from_secs(5)), ..plain() };
    let mut bench = Bench::established_with(config, |peer| peer);
    bench.writes(2000);
    bench.sends(&["[P.] 1:2001 ack 1"]);
    bench.pass(ms(4900));
    bench.gets(seg(".", 1, 1001));
    bench.pass(ms(4900));
    assert_eq!(bench.tcp.ended(), None);
    bench.pass(ms(200));
    assert_eq!(bench.tcp.ended(), Some(CloseReason::TimedOut(None)));
}

#[test]
fn a_smaller_mtu_sends_smaller_segments_now_and_again() {
    let mut bench = Bench::established();
    bench.writes(2000);
    bench.sends(&["[P.] 1:2001 ack 1"]);
    bench.tcp.on_icmp(IcmpKind::TooBig { mtu: 100 }, ISS + 1, 40);
    // No less than an MTU of 576, whatever the router says.
    bench.sends(&["[.] 1:537 ack 1", "[P.] 537:2001 ack 1"]);
    assert_eq!((bench.tcp.smss(), bench.tcp.stats().mtu_retransmits), (536, 4));
    // The path is smaller, not congested.
    assert_eq!((bench.tcp.cwnd(), bench.tcp.stats().recoveries), (5360, 0));
}

#[test]
fn a_closed_window_is_not_waited_for_when_nobody_here_waits() {
    // RFC 6429: a peer must not hold our memory for as long as it likes.
    let mut bench = Bench::established_with(Config { retries: 4, ..plain() }, |peer| peer);
    bench.gets(seg(".", 1, 1).win(0));
    bench.writes(5000);
    bench.tcp.detach(bench.now);
    bench.sends(&[]);
    for _ in 0..4 {
        bench.next_timeout();
        bench.take_one();
        bench.gets(seg(".", 1, 1).win(0));
        bench.sends(&[]);
    }
    bench.next_timeout();
    assert_eq!(bench.tcp.state(), State::Closed);
}
