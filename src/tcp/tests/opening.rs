use super::*;
use crate::tcp::CloseReason;
use crate::wire::icmp::IcmpKind;

#[test]
fn a_syn_offers_everything_modern() {
    let (local, remote) = addresses();
    let mut tcp = Connection::open(Config::default(), local, remote, ISS, 7);
    let syn = tcp.poll_transmit(Time::from_nanos(5_000_000)).unwrap();
    assert_eq!(syn.header.flags.to_string(), "SEW");
    let options = TcpOptions::parse(syn.options.as_slice());
    assert_eq!((options.mss, options.window_scale, options.sack_permitted), (Some(1460), Some(7), true));
    assert_eq!(options.timestamps, Some((12, 0)));
    assert_eq!(syn.header.window, 65_535);
}

#[test]
fn a_syn_ack_repeats_only_what_the_syn_offered() {
    let mut bench = Bench::listening(Config::default());
    bench.gets(seg("S", 0, 0).mss(1000));
    let syn_ack = bench.take_one();
    assert_eq!(syn_ack.header.flags.to_string(), "S.");
    let options = TcpOptions::parse(syn_ack.options.as_slice());
    assert_eq!(options, TcpOptions { mss: Some(1460), ..TcpOptions::default() });
    let mut bench = Bench::listening(Config::default());
    bench.gets(seg("SEW", 0, 0).mss(1000).sack_ok().ts(9, 0).scale(3));
    let syn_ack = bench.take_one();
    assert_eq!(syn_ack.header.flags.to_string(), "S.E");
    let options = TcpOptions::parse(syn_ack.options.as_slice());
    assert_eq!((options.window_scale, options.sack_permitted, options.timestamps), (Some(7), true, Some((0, 9))));
    assert_eq!(bench.tcp.agreed(), (true, true, true));
}

#[test]
fn a_passive_open_is_established_by_the_acknowledgment_of_its_syn() {
    let mut bench = Bench::listening(plain());
    bench.gets(seg("S", 0, 0));
    bench.sends(&["[S.] 0:0 ack 1"]);
    assert_eq!(bench.tcp.state(), State::SynReceived);
    bench.gets(seg(".", 1, 1));
    assert_eq!(bench.tcp.state(), State::Established);
    bench.sends(&[]);
}

#[test]
fn a_syn_is_repeated_with_backoff_and_given_up_after_its_retries() {
    let (local, remote) = addresses();
    let config = Config { syn_retries: 3, ..plain() };
    let mut bench = Bench { tcp: Connection::open(config, local, remote, ISS, 0), now: Time::ZERO };
    bench.sends(&["[S] 0:0"]);
    for seconds in [1, 2, 4] {
        assert_eq!(bench.next_timeout(), Duration::from_secs(seconds));
        bench.sends(&["[S] 0:0"]);
    }
    assert_eq!(bench.next_timeout(), Duration::from_secs(8));
    bench.sends(&[]);
    assert_eq!(bench.tcp.ended(), Some(CloseReason::TimedOut(None)));
    assert_eq!(bench.tcp.stats().syn_retransmits, 3);
}

#[test]
fn a_syn_that_is_sent_again_goes_without_ecn() {
    let mut bench = Bench::opening(Config { ecn: true, ecn_accept: true, ..plain() });
    bench.pass(ms(1000));
    bench.sends(&["[S] 0:0"]);
}

#[test]
fn a_lost_syn_means_one_segment_and_three_seconds() {
    // RFC 5681 section 3.1 and RFC 6298 section 5.7.
    let mut bench = Bench::opening(plain());
    bench.pass(ms(1000));
    bench.sends(&["[S] 0:0"]);
    bench.gets(seg("S.", 0, 1).mss(1000));
    bench.sends(&["[.] 1:1 ack 1"]);
    bench.writes(5000);
    bench.sends(&["[.] 1:1001 ack 1"]);
    assert_eq!(bench.next_timeout(), Duration::from_secs(3));
}

#[test]
fn a_reset_that_acknowledges_our_syn_refuses_and_any_other_is_ignored() {
    let mut bench = Bench::opening(plain());
    assert_eq!(bench.gets(seg("R", 0, 0)), Disposition::Ignored("no answer to our SYN"));
    assert_eq!(bench.gets(seg("R.", 0, 9)), Disposition::Ignored("no answer to our SYN"));
    assert_eq!(bench.gets(seg("R.", 0, 1)), Disposition::Reset);
    assert_eq!(bench.tcp.ended(), Some(CloseReason::Refused));
}

#[test]
fn an_acknowledgment_of_what_we_never_sent_is_answered_by_a_reset() {
    let mut bench = Bench::opening(plain());
    bench.gets(seg("S.", 0, 77));
    let reset = bench.take_one();
    assert_eq!((reset.header.flags, reset.header.seq), (Flags::RST, ISS + 77));
    assert_eq!(bench.tcp.state(), State::SynSent);
}

#[test]
fn both_ends_may_open_at_once() {
    // RFC 9293 Figure 8.
    let mut bench = Bench::opening(plain());
    bench.gets(seg("S", 0, 0).mss(1000));
    assert_eq!(bench.tcp.state(), State::SynReceived);
    bench.sends(&["[S.] 0:0 ack 1"]);
    bench.gets(seg("S.", 0, 1).mss(1000));
    assert_eq!(bench.tcp.state(), State::Established);
    bench.sends(&["[.] 1:1 ack 1"]);
}

#[test]
fn a_syn_that_comes_again_is_answered_again() {
    let mut bench = Bench::listening(plain());
    bench.gets(seg("S", 0, 0));
    bench.sends(&["[S.] 0:0 ack 1"]);
    bench.gets(seg("S", 0, 0));
    bench.sends(&["[S.] 0:0 ack 1"]);
}

#[test]
fn text_given_before_the_connection_is_open_leaves_with_the_handshake_done() {
    let mut bench = Bench::opening(plain());
    bench.writes(10);
    bench.sends(&[]);
    bench.gets(seg("S.", 0, 1));
    bench.sends(&["[P.] 1:11 ack 1"]);
}

#[test]
fn text_on_the_syn_ack_is_taken() {
    let mut bench = Bench::opening(plain());
    bench.gets(seg("S.", 0, 1).text(b"hello"));
    assert_eq!(bench.reads(), b"hello");
    bench.sends(&["[.] 1:1 ack 6"]);
}

#[test]
fn an_mss_of_zero_is_replaced_and_counted() {
    let mut bench = Bench::established_with(plain(), |peer| peer.mss(0));
    bench.writes(100);
    bench.sends(&["[P.] 1:101 ack 1"]);
    let segment_size = {
        bench.writes(100);
        bench.take_one().segment_size
    };
    assert_eq!(segment_size, 48);
    assert_eq!(bench.tcp.stats().bad_options_in, 1);
}

#[test]
fn a_peer_without_an_mss_option_gets_536_bytes() {
    // RFC 9293 MUST-15.
    let mut bench = Bench::opening(plain());
    bench.gets(seg("S.", 0, 1));
    bench.sends(&["[.] 1:1 ack 1"]);
    bench.writes(1000);
    let transmit = bench.take_one();
    assert_eq!((transmit.segment_size, transmit.payload.len()), (536, 1000));
}

#[test]
fn windows_are_scaled_after_the_handshake_only_when_both_sides_offered() {
    let config = Config { window_scale: WindowScale::Shift(7), ..plain() };
    let bench = Bench::established_with(config.clone(), |peer| peer.scale(2).win(1000));
    assert_eq!(bench.tcp.snd_wnd(), 1000, "a SYN's window is never scaled (RFC 7323 section 2.2)");
    let mut bench = bench;
    bench.gets(seg(".", 1, 1).win(1000));
    assert_eq!(bench.tcp.snd_wnd(), 4000);
    assert_eq!(bench.tcp.window_shifts(), (2, 7));
    let bench = Bench::established_with(config, |peer| peer.win(1000));
    assert_eq!(bench.tcp.window_shifts(), (0, 0));
}

#[test]
fn a_shift_above_14_is_used_as_14() {
    // RFC 7323 section 2.3.
    let config = Config { window_scale: WindowScale::Auto, ..plain() };
    let bench = Bench::established_with(config, |peer| peer.scale(200));
    assert_eq!(bench.tcp.window_shifts().0, 14);
}

#[test]
fn hard_icmp_errors_end_an_attempt_and_soft_ones_explain_its_end() {
    let mut bench = Bench::opening(plain());
    bench.tcp.on_icmp(IcmpKind::PortUnreachable, ISS + 5, 40);
    assert_eq!(bench.tcp.state(), State::SynSent, "a quote of what we never sent is not believed (RFC 5927)");
    bench.tcp.on_icmp(IcmpKind::PortUnreachable, ISS, 40);
    assert_eq!(bench.tcp.ended(), Some(CloseReason::Unreachable(IcmpKind::PortUnreachable)));
    let mut bench = Bench::opening(Config { syn_retries: 0, ..plain() });
    bench.tcp.on_icmp(IcmpKind::NoRoute, ISS, 40);
    assert_eq!(bench.tcp.state(), State::SynSent);
    bench.pass(ms(1000));
    assert_eq!(bench.tcp.ended(), Some(CloseReason::TimedOut(Some(IcmpKind::NoRoute))));
}

#[test]
fn no_number_of_soft_errors_ends_an_attempt_but_each_syn_that_met_one_is_counted() {
    // RFC 9293 MUST-56.
    let mut bench = Bench::opening(plain());
    let mut met = Vec::new();
    for _ in 0..4 {
        // The second router says the same of the same SYN.
        for kind in [IcmpKind::NoRoute, IcmpKind::TimeExceeded, IcmpKind::ParameterProblem] {
            bench.tcp.on_icmp(kind, ISS, 40);
            assert_eq!((bench.tcp.state(), bench.tcp.poll_event()), (State::SynSent, Some(Event::Trouble)));
        }
        met.push(bench.tcp.syns_in_trouble());
        bench.next_timeout();
        bench.sends(&["[S] 0:0"]);
    }
    assert_eq!(met, [1, 2, 3, 4]);
    bench.gets(seg("S.", 0, 1));
    assert_eq!(bench.tcp.state(), State::Established);
}

#[test]
fn a_hard_error_ends_a_half_open_connection_too() {
    // RFC 9293 SHLD-26; only in synchronized states RFC 5927 section 5.2 takes it for soft.
    let mut bench = Bench::listening(plain());
    bench.gets(seg("S", 0, 0));
    bench.sends(&["[S.] 0:0 ack 1"]);
    bench.tcp.on_icmp(IcmpKind::PortUnreachable, ISS, 40);
    assert_eq!(bench.tcp.ended(), Some(CloseReason::Unreachable(IcmpKind::PortUnreachable)));
}

#[test]
fn a_quote_is_believed_from_the_oldest_byte_in_flight_to_the_last_that_was_sent() {
    // RFC 5927 section 4.1: SND.UNA =< SEG.SEQ < SND.NXT.
    for (seq, believed) in [(0, false), (1, true), (500, true), (1000, true), (1001, false), (1002, false)] {
        let mut bench = Bench::established();
        bench.writes(1000);
        bench.take_one();
        assert_eq!(bench.tcp.on_icmp(IcmpKind::TooBig { mtu: 576 }, ISS + seq, 40), believed, "seq {seq}");
        assert_eq!(bench.tcp.send_mss(), if believed { 536 } else { 1000 }, "seq {seq}");
    }
    let mut idle = Bench::established();
    assert!(!idle.tcp.on_icmp(IcmpKind::NoRoute, ISS + 1, 40), "nothing is in flight");
}

#[test]
fn what_the_path_carries_bounds_the_first_segment_already() {
    // RFC 1191 section 3: learned by an earlier connection, and whatever MSS the peer announces.
    let mut bench = Bench::opening(plain());
    bench.tcp.on_path_mtu(700, 40);
    bench.tcp.on_path_mtu(900, 40);
    bench.gets(seg("S.", 0, 1).mss(1000));
    bench.take_one();
    assert_eq!((bench.tcp.send_mss(), bench.tcp.smss()), (660, 660));
    // What we announce is what we can receive, which is another path (RFC 1191 section 3.1).
    assert_eq!(bench.tcp.config().mss, 1000);
}

#[test]
fn text_and_fin_of_a_syn_are_delivered_once_the_connection_is_open() {
    // RFC 9293 section 3.10.7.2: "any other control or text should be queued".
    let mut bench = Bench::listening(plain());
    bench.gets(seg("SF", 0, 0).text(b"hello"));
    bench.sends(&["[S.] 0:0 ack 1"]);
    assert_eq!((bench.tcp.readable(), bench.tcp.state()), (0, State::SynReceived));
    bench.gets(seg(".", 1, 1));
    assert_eq!(bench.reads(), b"hello");
    assert_eq!((bench.tcp.at_end(), bench.tcp.state()), (true, State::CloseWait));
    bench.sends(&["[.] 1:1 ack 7"]);
}

#[test]
fn text_of_a_syn_that_comes_again_is_no_duplicate() {
    let mut bench = Bench::listening(plain());
    bench.gets(seg("S", 0, 0).text(b"hello"));
    bench.sends(&["[S.] 0:0 ack 1"]);
    bench.gets(seg("P.", 1, 1).text(b"hello, you"));
    assert_eq!(bench.reads(), b"hello, you");
    assert_eq!(bench.tcp.stats().duplicates_in, 0);
    // And what goes on beyond it is joined to it.
    let mut bench = Bench::listening(plain());
    bench.gets(seg("S", 0, 0).text(b"hello"));
    bench.sends(&["[S.] 0:0 ack 1"]);
    bench.gets(seg("P.", 6, 1).text(b", you"));
    assert_eq!(bench.reads(), b"hello, you");
    bench.sends(&["[.] 1:1 ack 11"]);
}

#[test]
fn a_syn_costs_no_more_memory_than_a_segment_of_text() {
    let mut bench = Bench::listening(plain());
    bench.gets(seg("SF", 0, 0).data(60_000));
    bench.sends(&["[S.] 0:0 ack 1"]);
    bench.gets(seg(".", 1, 1));
    assert_eq!((bench.reads().len(), bench.tcp.state()), (1000, State::Established), "the FIN is beyond");
}

#[test]
fn text_of_a_simultaneous_open_waits_for_the_acknowledgment_of_our_syn() {
    // RFC 9293 section 3.10.7.3.
    let mut bench = Bench::opening(plain());
    bench.gets(seg("S", 0, 0).text(b"hello"));
    bench.sends(&["[S.] 0:0 ack 1"]);
    assert_eq!(bench.tcp.readable(), 0);
    bench.gets(seg(".", 1, 1));
    assert_eq!(bench.reads(), b"hello");
}

#[test]
fn a_close_before_the_handshake_is_done_waits_for_it() {
    let mut bench = Bench::listening(plain());
    bench.gets(seg("S", 0, 0));
    bench.sends(&["[S.] 0:0 ack 1"]);
    bench.writes(5);
    bench.tcp.shutdown();
    bench.sends(&[]);
    assert_eq!(bench.tcp.state(), State::SynReceived);
    // Our SYN-ACK was lost, and is what is sent again.
    bench.next_timeout();
    bench.sends(&["[S.] 0:0 ack 1"]);
    bench.gets(seg(".", 1, 1));
    assert_eq!(bench.tcp.state(), State::FinWait1);
    bench.sends(&["[FP.] 1:6 ack 1"]);
}

#[test]
fn only_the_acknowledgment_of_our_syn_establishes() {
    for ack in [0, 0u32.wrapping_sub(15_000), 2, 0x4000_0000] {
        let mut bench = Bench::listening(plain());
        bench.gets(seg("S", 0, 0));
        bench.sends(&["[S.] 0:0 ack 1"]);
        assert_eq!(bench.gets(seg(".", 1, ack).text(b"forged")), Disposition::BadAck, "ack {ack}");
        assert_eq!(bench.tcp.state(), State::SynReceived);
        assert_eq!(bench.take_one().header.flags, Flags::RST);
    }
}

#[test]
fn a_peer_that_gives_ecn_up_in_its_second_syn_is_followed() {
    let mut bench = Bench::listening(Config { ecn: true, ecn_accept: true, ..plain() });
    bench.gets(seg("SEW", 0, 0));
    bench.sends(&["[S.E] 0:0 ack 1"]);
    bench.gets(seg("S", 0, 0));
    bench.sends(&["[S.] 0:0 ack 1"]);
    assert_eq!(bench.tcp.agreed(), (false, false, false));
}

#[test]
fn the_syn_ack_of_a_simultaneous_open_is_read_as_a_syn() {
    // Its window is not scaled (RFC 7323 section 2.2), its ECE is about ability (RFC 3168 section 6.1.1).
    let config = Config { window_scale: WindowScale::Shift(7), ecn: true, ecn_accept: true, ..plain() };
    let mut bench = Bench::opening(config);
    bench.gets(seg("SEW", 0, 0).mss(1000).scale(7).win(60_000));
    bench.sends(&["[S.E] 0:0 ack 1"]);
    bench.gets(seg("S.E", 0, 1).mss(1000).scale(7).win(60_000));
    assert_eq!(bench.tcp.state(), State::Established);
    assert!(bench.tcp.snd_wnd() <= 60_000, "window {}", bench.tcp.snd_wnd());
    assert_eq!(bench.tcp.cwnd(), 10_000);
}

#[test]
fn syns_that_come_again_do_not_use_up_our_retries() {
    let mut bench = Bench::listening(Config { syn_retries: 2, ..plain() });
    bench.gets(seg("S", 0, 0));
    bench.sends(&["[S.] 0:0 ack 1"]);
    for _ in 0..5 {
        bench.gets(seg("S", 0, 0));
        bench.sends(&["[S.] 0:0 ack 1"]);
    }
    bench.next_timeout();
    bench.sends(&["[S.] 0:0 ack 1"]);
}

#[test]
fn trouble_that_may_pass_is_told_while_the_connection_lives() {
    // RFC 9293 MUST-47 and SHLD-9.
    let mut bench = Bench::established();
    bench.writes(100);
    bench.sends(&["[P.] 1:101 ack 1"]);
    bench.tcp.on_icmp(IcmpKind::NoRoute, ISS + 1, 40);
    assert_eq!(bench.tcp.poll_event(), Some(Event::Trouble));
    assert_eq!((bench.tcp.soft_error(), bench.tcp.state()), (Some(IcmpKind::NoRoute), State::Established));
    let mut told = Vec::new();
    for _ in 0..5 {
        bench.next_timeout();
        bench.sends(&["[P.] 1:101 ack 1"]);
        told.push(bench.tcp.poll_event());
    }
    assert_eq!(told, [None, None, Some(Event::Trouble), None, None], "once, at R1");
}
