//! What is kept of a connection, beside what is said of its segments.

use super::*;
use crate::analysis::exchange::{a, analyse, b, offer, open, opened};

#[test]
fn both_halves_of_the_handshake_are_measured_from_the_latest_syn() {
    let (connection, _) = analyse(&open(10.0));
    assert_eq!(connection.handshake, (Some(9_000_000), Some(1_000_000)));
    let repeated = [
        offer(a(0.0, 0, 0, "S", 0)),
        offer(a(1000.0, 0, 0, "S", 0)),
        offer(b(1009.0, 0, 1, "SA", 0)),
        a(1010.0, 1, 1, "A", 0),
    ];
    let (connection, _) = analyse(&repeated);
    assert_eq!(connection.handshake.0, Some(9_000_000), "the path, not the timer");
    assert_eq!(connection.sequence.handshake(), Some(10_000_000));
}

#[test]
fn an_offer_is_that_of_the_first_syn() {
    let syn = offer(a(0.0, 0, 0, "SEC", 12)).timestamps(1, 0).option(TcpOption::WindowScale(7)).window(64_000);
    let again = a(1000.0, 0, 0, "S", 0);
    let (connection, _) = analyse(&[syn, again]);
    let expected = Offer {
        frame: 1,
        time: Time::ZERO,
        mss: Some(1460),
        window_scale: Some(7),
        sack: true,
        timestamps: true,
        fast_open: false,
        ecn: true,
        multipath: false,
        window: 64_000,
        collapsed: None,
        len: 12,
    };
    assert_eq!(connection.course(Side::A).offer, Some(expected));
    assert_eq!(connection.course(Side::A).oddities().changed_offer.frames(), [2]);
    assert_eq!(connection.course(Side::B).offer, None);
}

#[test]
fn each_byte_of_the_goodput_counts_once() {
    let (connection, _) = analyse(&opened([
        a(20.0, 1, 1, "A", 1000),
        a(260.0, 1, 1, "A", 1000),
        b(270.0, 1, 1001, "A", 300),
        a(600.0, 1, 301, "A", 1000),
    ]));
    assert_eq!((connection.course(Side::A).bytes, connection.goodput_bytes(Side::A)), (3000, 1000));
    assert_eq!(connection.goodput_bytes(Side::B), 300);
    assert_eq!(connection.mainly(), Side::A);
    assert_eq!(connection.duration(), 600_000_000);
}

#[test]
fn a_reset_is_kept_with_what_was_known_when_it_came() {
    let (connection, _) = analyse(&opened([
        a(20.0, 1, 1, "A", 1000),
        b(45.0, 1, 1, "R", 0).ttl(200),
        b(46.0, 1, 1, "R", 0),
        b(47.0, 1, 1, "R", 0),
        b(48.0, 1, 1, "R", 0),
    ]));
    let expected = Reset {
        frame: 5,
        time: Time::from_nanos(45_000_000),
        side: Side::B,
        state: Some(State::Established),
        peer: Some(State::Established),
        ttl: (200, Some(64)),
        unacknowledged: true,
        unanswered: true,
        expected: true,
        after: 25_000_000,
        repeated: true,
    };
    assert_eq!(connection.resets.first(), Some(&expected));
    assert_eq!(connection.resets.len(), RESETS, "more of them tell nothing new");
}

#[test]
fn errors_are_kept_up_to_a_few() {
    let (mut connection, _) = analyse(&open(10.0));
    for frame in 0..100 {
        connection.on_icmp(IcmpNote { frame, from: [192, 0, 2, 9].into(), what: IcmpKind::NoRoute });
    }
    assert_eq!(connection.icmp.len(), ERRORS);
}

#[test]
fn what_is_forbidden_is_counted_by_kind_and_side() {
    let (connection, _) = analyse(&opened([
        a(20.0, 1, 0, "P", 10),
        a(21.0, 11, 0, "P", 10),
        b(22.0, 1, 0, "P", 10),
        a(23.0, 900, 0, "S", 0),
    ]));
    let illegal: Vec<_> = connection.illegal.iter().map(|(what, side, seen)| (*what, *side, seen.count)).collect();
    assert_eq!(illegal, [(Illegal::NoAck, Side::A, 2), (Illegal::NoAck, Side::B, 1), (Illegal::Syn, Side::A, 1)]);
}

#[test]
fn the_span_of_a_connection_does_not_shrink_when_time_runs_backwards() {
    let (connection, _) = analyse(&opened([a(20.0, 1, 1, "A", 10), b(15.0, 1, 11, "A", 0)]));
    assert_eq!(connection.last, (5, Time::from_nanos(20_000_000)));
    assert_eq!(connection.duration(), 20_000_000);
}

#[test]
fn marks_of_congestion_and_their_echo_are_counted() {
    let mut marked = a(20.0, 1, 1, "A", 10);
    marked.ecn = crate::wire::Ecn::Ce;
    let (connection, _) = analyse(&opened([marked, b(30.0, 1, 11, "AE", 0), a(31.0, 11, 1, "AC", 10)]));
    assert_eq!(connection.course(Side::A).oddities().congestion, (1, 0));
    assert_eq!(connection.course(Side::B).oddities().congestion, (0, 1));
}
