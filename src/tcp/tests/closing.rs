use super::*;
use crate::tcp::{CallError, CloseReason};

#[test]
fn we_close_first_and_wait_in_time_wait() {
    let mut bench = Bench::established();
    bench.tcp.shutdown();
    assert_eq!(bench.tcp.state(), State::FinWait1);
    bench.sends(&["[F.] 1:1 ack 1"]);
    bench.gets(seg(".", 1, 2));
    assert_eq!(bench.tcp.state(), State::FinWait2);
    bench.gets(seg("F.", 1, 2));
    assert_eq!(bench.tcp.state(), State::TimeWait);
    bench.sends(&["[.] 2:2 ack 2"]);
    assert_eq!(bench.tcp.ended(), Some(CloseReason::Done));
    // The peer did not get that: its FIN again, and the wait starts over.
    bench.pass(ms(30_000));
    bench.gets(seg("F.", 1, 2));
    bench.sends(&["[.] 2:2 ack 2"]);
    assert_eq!(bench.next_timeout(), Duration::from_secs(60));
    assert_eq!(bench.tcp.state(), State::Closed);
}

#[test]
fn the_peer_closes_first_and_we_may_go_on_sending() {
    // Half-close in the passive role.
    let mut bench = Bench::established();
    bench.gets(seg("F.", 1, 1));
    assert_eq!(bench.tcp.state(), State::CloseWait);
    bench.sends(&["[.] 1:1 ack 2"]);
    assert!(bench.tcp.at_end());
    bench.writes(3000);
    bench.sends(&["[P.] 1:3001 ack 2"]);
    bench.gets(seg(".", 2, 3001));
    bench.tcp.shutdown();
    assert_eq!(bench.tcp.state(), State::LastAck);
    bench.sends(&["[F.] 3001:3001 ack 2"]);
    bench.gets(seg(".", 2, 3002));
    assert_eq!((bench.tcp.state(), bench.tcp.ended()), (State::Closed, Some(CloseReason::Done)));
}

#[test]
fn after_our_close_we_still_receive() {
    // Half-close in the active role.
    let mut bench = Bench::established();
    bench.tcp.shutdown();
    assert_eq!(bench.tcp.send(b"x"), Err(CallError::Closing));
    bench.sends(&["[F.] 1:1 ack 1"]);
    bench.gets(seg(".", 1, 2).text(b"still here"));
    assert_eq!(bench.tcp.state(), State::FinWait2);
    assert_eq!(bench.reads(), b"still here");
    bench.gets(seg("F.", 11, 2).text(b"bye"));
    assert_eq!(bench.reads(), b"bye");
    assert_eq!(bench.tcp.state(), State::TimeWait);
    bench.sends(&["[.] 2:2 ack 15"]);
}

#[test]
fn a_fin_ends_the_stream_although_text_beyond_it_came_first() {
    // RFC 9293 section 3.10.7.4, eighth. Beyond, across and after it, and a hole before it at first.
    let orders: [&[Peer]; 4] = [
        &[seg(".", 501, 1).data(500), seg("F.", 1, 1).data(500)],
        &[seg(".", 301, 1).data(500), seg("F.", 201, 1).data(300), seg(".", 1, 1).data(200)],
        &[seg("F.", 301, 1).data(200), seg(".", 501, 1).data(500), seg(".", 1, 1).data(300)],
        &[seg(".", 701, 1).data(100), seg(".", 901, 1).data(100), seg("F.", 501, 1), seg(".", 1, 1).data(900)],
    ];
    for (index, order) in orders.into_iter().enumerate() {
        let mut bench = Bench::established();
        for segment in order {
            bench.gets(segment.clone());
        }
        assert_eq!((bench.reads().len(), bench.tcp.at_end()), (500, true), "order {index}");
        assert_eq!((bench.tcp.state(), bench.tcp.rcv_nxt() - IRS), (State::CloseWait, 502), "order {index}");
        while bench.tcp.poll_transmit(bench.now).is_some() {}
    }
}

#[test]
fn of_two_fins_the_first_in_the_stream_counts() {
    let mut bench = Bench::established();
    bench.gets(seg("F.", 801, 1));
    bench.gets(seg("F.", 501, 1));
    bench.gets(seg("F.", 901, 1));
    bench.gets(seg(".", 1, 1).data(1000));
    assert_eq!((bench.reads().len(), bench.tcp.at_end()), (500, true));
}

#[test]
fn both_close_at_once() {
    // RFC 9293 Figure 13: the FINs cross, neither acknowledges the other's.
    let mut bench = Bench::established();
    bench.tcp.shutdown();
    bench.sends(&["[F.] 1:1 ack 1"]);
    bench.gets(seg("F.", 1, 1));
    assert_eq!(bench.tcp.state(), State::Closing);
    bench.sends(&["[.] 2:2 ack 2"]);
    bench.gets(seg(".", 2, 2));
    assert_eq!(bench.tcp.state(), State::TimeWait);
}

#[test]
fn a_fin_that_acknowledges_ours_leads_straight_to_time_wait() {
    let mut bench = Bench::established();
    bench.tcp.shutdown();
    bench.sends(&["[F.] 1:1 ack 1"]);
    bench.gets(seg("F.", 1, 2));
    assert_eq!(bench.tcp.state(), State::TimeWait);
}

#[test]
fn a_fin_before_its_text_waits_for_it() {
    let mut bench = Bench::established();
    bench.gets(seg("F.", 6, 1).text(b"world"));
    assert_eq!(bench.tcp.state(), State::Established);
    bench.sends(&["[.] 1:1 ack 1"]);
    bench.gets(seg(".", 1, 1).text(b"hello"));
    assert_eq!(bench.tcp.state(), State::CloseWait);
    assert_eq!(bench.reads(), b"helloworld");
    bench.sends(&["[.] 1:1 ack 12"]);
}

#[test]
fn a_lost_fin_is_sent_again() {
    let mut bench = Bench::established();
    bench.writes(10);
    bench.tcp.shutdown();
    bench.sends(&["[FP.] 1:11 ack 1"]);
    bench.gets(seg(".", 1, 11));
    bench.next_timeout();
    bench.sends(&["[F.] 11:11 ack 1"]);
    bench.gets(seg(".", 1, 12));
    assert_eq!(bench.tcp.state(), State::FinWait2);
}

/// A connection in each state from SYN-RECEIVED on, with its name and the sequence number the peer is at.
fn in_every_state() -> Vec<(State, Bench, u32)> {
    let closed = |mut bench: Bench| {
        bench.tcp.shutdown();
        while bench.tcp.poll_transmit(bench.now).is_some() {}
        bench
    };
    let half_closed = || {
        let mut bench = Bench::established();
        bench.gets(seg("F.", 1, 1));
        bench
    };
    let mut received = Bench::listening(plain());
    received.gets(seg("S", 0, 0));
    received.sends(&["[S.] 0:0 ack 1"]);
    let mut fin_wait_2 = closed(Bench::established());
    fin_wait_2.gets(seg(".", 1, 2));
    let mut closing = closed(Bench::established());
    closing.gets(seg("F.", 1, 1));
    let mut time_wait = closed(Bench::established());
    time_wait.gets(seg("F.", 1, 2));
    vec![
        (State::SynReceived, received, 1),
        (State::Established, Bench::established(), 1),
        (State::FinWait1, closed(Bench::established()), 1),
        (State::FinWait2, fin_wait_2, 1),
        (State::CloseWait, half_closed(), 2),
        (State::Closing, closing, 2),
        (State::LastAck, closed(half_closed()), 2),
        (State::TimeWait, time_wait, 2),
    ]
}

#[test]
fn an_exact_reset_ends_every_state() {
    // RFC 9293 section 3.10.7.4, second.
    for (state, mut bench, at) in in_every_state() {
        assert_eq!(bench.tcp.state(), state);
        while bench.tcp.poll_transmit(bench.now).is_some() {}
        bench.gets(seg("R", at, 0));
        let (expected, reason) = match state {
            State::Closing | State::LastAck | State::TimeWait => (State::Closed, Some(CloseReason::Done)),
            _ => (State::Closed, Some(CloseReason::Reset)),
        };
        assert_eq!((bench.tcp.state(), bench.tcp.ended()), (expected, reason), "RST in {state}");
        bench.sends(&[]);
    }
}

#[test]
fn a_reset_elsewhere_in_the_window_is_challenged_in_every_state() {
    // RFC 5961 section 3.2.
    for (state, mut bench, at) in in_every_state() {
        while bench.tcp.poll_transmit(bench.now).is_some() {}
        assert_eq!(bench.gets(seg("R", at + 1, 0)), Disposition::Challenged, "RST in {state}");
        assert_eq!(bench.tcp.state(), state);
        assert_eq!(bench.take_one().header.ack - IRS, at, "challenge in {state}");
        let old = bench.gets(seg("R", at.wrapping_sub(5), 0));
        assert_eq!(old, Disposition::Ignored("a reset outside the window"), "old RST in {state}");
        bench.sends(&[]);
    }
}

#[test]
fn a_reset_ends_the_first_two_states_as_section_3_10_7_says() {
    let mut bench = Bench::listening(plain());
    assert_eq!(bench.gets(seg("R", 0, 0)), Disposition::Ignored("no request"));
    assert_eq!(bench.tcp.state(), State::Listen);
    let mut bench = Bench::opening(plain());
    bench.gets(seg("R.", 0, 1));
    assert_eq!(bench.tcp.state(), State::Closed);
}

#[test]
fn a_new_syn_may_take_the_place_of_time_wait_when_it_is_surely_new() {
    // RFC 9293 MAY-2 by sequence number, RFC 6191 by timestamp.
    let arrived = |peer: Peer, bench: &Bench| {
        let segment =
            Segment { header: peer.header, options: peer.options, payload: &[], ecn: peer.ecn, arrived: bench.now };
        bench.tcp.yields_to(bench.now, &segment)
    };
    let mut bench = Bench::established();
    assert!(!arrived(seg("S", 9, 0), &bench));
    bench.tcp.shutdown();
    bench.sends(&["[F.] 1:1 ack 1"]);
    bench.gets(seg("F.", 1, 2));
    assert!(arrived(seg("S", 3, 0), &bench));
    assert!(!arrived(seg("S", 1, 0), &bench));
    let mut bench = Bench::established_with(Config { timestamps: true, ..plain() }, |peer| peer.ts(50, 0));
    bench.tcp.shutdown();
    bench.sends(&["[F.] 1:1 ack 1"]);
    bench.gets(seg("F.", 1, 2).ts(60, 0));
    assert!(arrived(seg("S", 0, 0).ts(61, 0), &bench), "an old sequence number but a new timestamp");
    assert!(!arrived(seg("S", 9, 0).ts(59, 0), &bench), "a new sequence number but an old timestamp");
}

#[test]
fn abort_resets_and_a_user_that_leaves_data_unread_does_too() {
    let mut bench = Bench::established();
    bench.tcp.abort();
    bench.sends(&["[R.] 1:1 ack 1"]);
    let mut bench = Bench::established();
    bench.gets(seg(".", 1, 1).text(b"unread"));
    bench.tcp.detach(bench.now);
    bench.sends(&["[R.] 1:1 ack 7"]);
}

#[test]
fn text_for_a_user_that_is_gone_is_answered_by_a_reset() {
    // RFC 1122 section 4.2.2.13.
    let mut bench = Bench::established();
    bench.tcp.detach(bench.now);
    bench.sends(&["[F.] 1:1 ack 1"]);
    bench.gets(seg(".", 1, 2).text(b"too late"));
    bench.sends(&["[R.] 2:2 ack 1"]);
    assert_eq!(bench.tcp.state(), State::Closed);
}

#[test]
fn fin_wait_2_does_not_last_for_ever_when_nobody_reads() {
    let mut bench = Bench::established();
    bench.tcp.detach(bench.now);
    bench.sends(&["[F.] 1:1 ack 1"]);
    bench.gets(seg(".", 1, 2));
    assert_eq!(bench.next_timeout(), Duration::from_secs(60));
    assert_eq!(bench.tcp.state(), State::Closed);
}

#[test]
fn no_timer_runs_once_a_connection_has_ended() {
    // Data and a user timeout were there when the peer reset; the user still looks at what is left.
    let timeout = Some(Duration::from_secs(10));
    let mut bench = Bench::established_with(Config { user_timeout: timeout, ..plain() }, |peer| peer);
    bench.writes(1000);
    bench.sends(&["[P.] 1:1001 ack 1"]);
    bench.gets(seg("R", 1, 0));
    bench.sends(&[]);
    assert_eq!(bench.tcp.poll_timeout(), None);
    bench.tcp.set_user_timeout(bench.now, timeout);
    assert_eq!(bench.tcp.poll_timeout(), None);
}
