//! Exchanges, and the states of both ends after each segment; what TCP forbids, and its legal neighbours.

use super::*;
use crate::analysis::exchange::{Packet, a, analyse, b, offer, open, opened};
use crate::wire::TcpOption;

/// The states of A and B after each segment. The observer is near neither: a segment arrives when it is seen.
#[track_caller]
fn states(story: &[(Packet, &str)]) {
    let mut states = States::default();
    let short = |state: Option<State>| state.map_or_else(|| "-".to_owned(), |state| state.to_string());
    for ((packet, expected), frame) in story.iter().zip(1..) {
        let window = Window { bytes: u32::from(packet.header.window), unit: 1, known: true };
        let illegal = states.on_segment(packet.side, &packet.segment(frame), window);
        assert_eq!(illegal, None, "segment {frame}");
        let got = format!("{} {}", short(states.state(Side::A)), short(states.state(Side::B)));
        assert_eq!(got, *expected, "after segment {frame}");
    }
}

/// A story behind the usual opening.
#[track_caller]
fn states_once_open(story: &[(Packet, &str)]) {
    let opening =
        open(10.0).into_iter().zip(["SYN-SENT LISTEN", "ESTABLISHED SYN-RECEIVED", "ESTABLISHED ESTABLISHED"]);
    states(&opening.chain(story.iter().cloned()).collect::<Vec<_>>());
}

/// What the last segment did that TCP forbids; those before it are legal.
#[track_caller]
fn last(packets: &[Packet]) -> Option<Illegal> {
    let (_, judged) = analyse(packets);
    let (last, before) = judged.split_last().unwrap();
    assert!(before.iter().all(|(_, illegal)| illegal.is_none()), "{before:?}");
    last.1
}

/// The same behind a handshake.
#[track_caller]
fn last_once_open(packets: impl IntoIterator<Item = Packet>) -> Option<Illegal> {
    last(&opened(packets))
}

// From state to state.

#[test]
fn a_connection_opens_and_a_closes_first() {
    states_once_open(&[
        (a(20.0, 1, 1, "PA", 100), "ESTABLISHED ESTABLISHED"),
        (b(30.0, 1, 101, "PA", 500), "ESTABLISHED ESTABLISHED"),
        (a(40.0, 101, 501, "FA", 0), "FIN-WAIT-1 CLOSE-WAIT"),
        (b(50.0, 501, 102, "A", 0), "FIN-WAIT-2 CLOSE-WAIT"),
        (b(60.0, 501, 102, "FA", 0), "TIME-WAIT LAST-ACK"),
        (a(70.0, 102, 502, "A", 0), "TIME-WAIT CLOSED"),
    ]);
}

#[test]
fn b_closes_first_with_the_acknowledgment_on_its_fin() {
    states_once_open(&[
        (b(30.0, 1, 1, "FA", 0), "CLOSE-WAIT FIN-WAIT-1"),
        (a(40.0, 1, 2, "FA", 0), "LAST-ACK TIME-WAIT"),
        (b(50.0, 2, 2, "A", 0), "CLOSED TIME-WAIT"),
    ]);
}

#[test]
fn both_open_at_once() {
    states(&[
        (offer(a(0.0, 0, 0, "S", 0)), "SYN-SENT LISTEN"),
        // B's own SYN shows that A's has not arrived there.
        (offer(b(1.0, 0, 0, "S", 0)), "SYN-RECEIVED SYN-SENT"),
        (offer(a(11.0, 0, 1, "SA", 0)), "SYN-RECEIVED ESTABLISHED"),
        (offer(b(12.0, 0, 1, "SA", 0)), "ESTABLISHED ESTABLISHED"),
    ]);
}

#[test]
fn both_close_at_once() {
    states_once_open(&[
        (a(20.0, 1, 1, "FA", 0), "FIN-WAIT-1 CLOSE-WAIT"),
        // B had not seen A's FIN when it sent its own: it acknowledges nothing of it.
        (b(20.5, 1, 1, "FA", 0), "CLOSING CLOSING"),
        (a(30.0, 2, 2, "A", 0), "CLOSING TIME-WAIT"),
        (b(30.5, 2, 2, "A", 0), "TIME-WAIT TIME-WAIT"),
    ]);
}

#[test]
fn the_other_half_goes_on_after_one_end_closed() {
    states_once_open(&[
        (a(20.0, 1, 1, "FA", 0), "FIN-WAIT-1 CLOSE-WAIT"),
        (b(30.0, 1, 2, "A", 1000), "FIN-WAIT-2 CLOSE-WAIT"),
        (a(40.0, 2, 1001, "A", 0), "FIN-WAIT-2 CLOSE-WAIT"),
        (b(50.0, 1001, 2, "FPA", 1000), "TIME-WAIT LAST-ACK"),
        (a(60.0, 2, 2002, "A", 0), "TIME-WAIT CLOSED"),
    ]);
}

#[test]
fn a_syn_and_a_fin_that_are_sent_again_change_nothing() {
    states(&[
        (offer(a(0.0, 0, 0, "S", 0)), "SYN-SENT LISTEN"),
        (offer(a(1000.0, 0, 0, "S", 0)), "SYN-SENT LISTEN"),
        (offer(b(1009.0, 0, 1, "SA", 0)), "ESTABLISHED SYN-RECEIVED"),
        (offer(b(2009.0, 0, 1, "SA", 0)), "ESTABLISHED SYN-RECEIVED"),
        (a(2010.0, 1, 1, "A", 0), "ESTABLISHED ESTABLISHED"),
        // The answer to a SYN-ACK that came once more.
        (offer(b(2011.0, 0, 1, "SA", 0)), "ESTABLISHED ESTABLISHED"),
        (a(2020.0, 1, 1, "FA", 0), "FIN-WAIT-1 CLOSE-WAIT"),
        (a(2220.0, 1, 1, "FA", 0), "FIN-WAIT-1 CLOSE-WAIT"),
        (b(2230.0, 1, 2, "FA", 0), "TIME-WAIT LAST-ACK"),
        (b(2430.0, 1, 2, "FA", 0), "TIME-WAIT LAST-ACK"),
        (a(2440.0, 2, 2, "A", 0), "TIME-WAIT CLOSED"),
    ]);
}

#[test]
fn a_capture_that_begins_in_the_middle_finds_the_ends_open() {
    states(&[
        (a(0.0, 1, 1, "A", 100), "ESTABLISHED -"),
        (b(10.0, 1, 101, "A", 0), "ESTABLISHED ESTABLISHED"),
        (b(20.0, 1, 101, "FA", 0), "CLOSE-WAIT FIN-WAIT-1"),
        (a(30.0, 101, 2, "FA", 0), "LAST-ACK TIME-WAIT"),
        (b(40.0, 2, 102, "A", 0), "CLOSED TIME-WAIT"),
    ]);
    states(&[(offer(b(0.0, 0, 1, "SA", 0)), "- SYN-RECEIVED"), (a(1.0, 1, 1, "A", 0), "ESTABLISHED ESTABLISHED")]);
    states(&[(a(0.0, 1, 1, "FA", 0), "FIN-WAIT-1 -"), (b(1.0, 1, 2, "A", 0), "FIN-WAIT-2 ESTABLISHED")]);
}

#[test]
fn a_reset_ends_it_at_every_stage() {
    states(&[(offer(a(0.0, 0, 0, "S", 0)), "SYN-SENT LISTEN"), (b(1.0, 0, 1, "RA", 0), "CLOSED CLOSED")]);
    // A half-open scan: the reset of the answer.
    states(&[
        (offer(a(0.0, 0, 0, "S", 0)), "SYN-SENT LISTEN"),
        (offer(b(1.0, 0, 1, "SA", 0)), "ESTABLISHED SYN-RECEIVED"),
        (a(2.0, 1, 0, "R", 0), "CLOSED CLOSED"),
    ]);
    states_once_open(&[(b(20.0, 1, 1, "R", 0), "CLOSED CLOSED")]);
    states_once_open(&[
        (a(20.0, 1, 1, "FA", 0), "FIN-WAIT-1 CLOSE-WAIT"),
        (b(30.0, 1, 2, "A", 0), "FIN-WAIT-2 CLOSE-WAIT"),
        (b(40.0, 1, 2, "RA", 0), "CLOSED CLOSED"),
    ]);
    states_once_open(&[
        (a(20.0, 1, 1, "FA", 0), "FIN-WAIT-1 CLOSE-WAIT"),
        (b(30.0, 1, 2, "FA", 0), "TIME-WAIT LAST-ACK"),
        (a(40.0, 2, 2, "RA", 0), "CLOSED CLOSED"),
    ]);
}

#[test]
fn a_reset_that_is_off_ends_only_its_sender() {
    let (connection, judged) = analyse(&opened([b(20.0, 900, 1, "R", 0)]));
    assert_eq!(judged[3].1, Some(Illegal::Reset));
    assert_eq!(connection.states.state(Side::A), Some(State::Established));
    assert_eq!(connection.states.state(Side::B), Some(State::Closed));
    assert!(!connection.is_over());
}

#[test]
fn it_is_over_when_both_ends_are_gone() {
    let close = |until: usize| {
        let packets = opened([a(20.0, 1, 1, "FA", 0), b(30.0, 1, 2, "FA", 0), a(40.0, 2, 2, "A", 0)]);
        analyse(&packets[..until]).0.is_over()
    };
    assert_eq!((close(4), close(5), close(6)), (false, false, true));
    assert!(analyse(&opened([a(20.0, 1, 1, "R", 0)])).0.is_over());
}

// What TCP forbids, and its legal neighbours.

#[test]
fn syn_with_fin_or_rst() {
    assert_eq!(last(&[a(0.0, 0, 0, "SF", 0)]), Some(Illegal::Flags));
    assert_eq!(last(&[a(0.0, 0, 0, "SR", 0)]), Some(Illegal::Flags));
    assert_eq!(last(&[a(0.0, 0, 0, "SEC", 0)]), None, "ECN on the SYN");
    assert_eq!(last(&[a(0.0, 0, 0, "S", 100)]), None, "data on the SYN (Fast Open)");
}

#[test]
fn no_acknowledgment_on_an_open_connection() {
    assert_eq!(last_once_open([a(20.0, 1, 0, "P", 100)]), Some(Illegal::NoAck));
    assert_eq!(last_once_open([a(20.0, 1, 0, "", 0)]), Some(Illegal::NoAck));
    assert_eq!(last_once_open([a(20.0, 1, 0, "F", 0)]), Some(Illegal::NoAck));
    assert_eq!(last_once_open([a(20.0, 1, 0, "R", 0)]), None, "a reset needs none");
}

#[test]
fn another_syn_on_an_open_connection() {
    assert_eq!(last_once_open([a(20.0, 500, 0, "S", 0)]), Some(Illegal::Syn));
    assert_eq!(last_once_open([a(20.0, 0, 0, "S", 0)]), None, "the same once more");
    assert_eq!(last_once_open([offer(b(20.0, 0, 1, "SA", 0))]), None, "its answer once more");
    assert_eq!(last(&[a(0.0, 0, 0, "S", 0), a(1.0, 77, 0, "S", 0)]), None, "before it is open it may begin anew");
}

#[test]
fn a_syn_ack_for_another_syn() {
    for ack in [0, 2, 5000] {
        assert_eq!(last(&[a(0.0, 0, 0, "S", 0), b(9.0, 0, ack, "SA", 0)]), Some(Illegal::SynAck), "acknowledges {ack}");
    }
    for (len, ack) in [(0, 1), (100, 1), (100, 60), (100, 101)] {
        let story = [a(0.0, 0, 0, "S", len), b(9.0, 0, ack, "SA", 0)];
        assert_eq!(last(&story), None, "{ack} of a SYN with {len} bytes");
    }
}

#[test]
fn more_after_its_own_fin() {
    let fin = || a(20.0, 1, 1, "FPA", 100);
    assert_eq!(last_once_open([fin(), a(30.0, 102, 1, "A", 50)]), Some(Illegal::AfterFin));
    assert_eq!(last_once_open([fin(), a(30.0, 102, 1, "FA", 0)]), Some(Illegal::AfterFin), "another end");
    assert_eq!(last_once_open([fin(), a(30.0, 101, 1, "A", 100)]), Some(Illegal::AfterFin), "data where the FIN was");
    assert_eq!(last_once_open([fin(), a(300.0, 1, 1, "FPA", 100)]), None, "the same once more");
    assert_eq!(last_once_open([fin(), a(300.0, 1, 1, "A", 100)]), None, "its data alone");
    assert_eq!(last_once_open([fin(), a(30.0, 102, 1, "A", 0)]), None, "an acknowledgment");
    assert_eq!(last_once_open([fin(), a(30.0, 101, 1, "A", 0)]), None, "a keep-alive");
    assert_eq!(last_once_open([fin(), b(30.0, 1, 102, "A", 500)]), None, "the other half");
}

#[test]
fn more_after_its_own_reset() {
    let reset = || b(20.0, 1, 1, "R", 0);
    assert_eq!(last_once_open([reset(), b(30.0, 1, 1, "A", 100)]), Some(Illegal::AfterReset));
    assert_eq!(last_once_open([reset(), b(30.0, 1, 1, "R", 0)]), None, "the reset once more");
    assert_eq!(last_once_open([reset(), a(21.0, 1, 1, "A", 100)]), None, "what was under way before it came");
}

#[test]
fn a_reset_that_its_receiver_must_not_obey() {
    assert_eq!(last_once_open([b(20.0, 5000, 1, "R", 0)]), Some(Illegal::Reset));
    assert_eq!(
        last_once_open([b(20.0, 1, 1, "A", 100), a(30.0, 1, 101, "A", 0), b(40.0, 50, 1, "R", 0)]),
        Some(Illegal::Reset)
    );
    assert_eq!(last_once_open([b(20.0, 1, 1, "R", 0)]), None, "where its data ends");
    assert_eq!(last(&[a(0.0, 0, 0, "S", 0), b(1.0, 0, 1, "RA", 0)]), None, "a closed port");
    let under_way = [b(20.0, 1, 1, "A", 100), b(21.0, 101, 1, "R", 0)];
    assert_eq!(last_once_open(under_way), None, "behind data that is under way");
    let answer = [a(20.0, 1, 1, "A", 100), b(21.0, 1, 1, "R", 0), a(22.0, 101, 1, "A", 100), b(23.0, 1, 0, "R", 0)];
    assert_eq!(last_once_open(answer), None, "once for each segment that comes");
}

#[test]
fn data_beyond_the_window() {
    let small = || b(20.0, 1, 1, "A", 10).window(300);
    assert_eq!(last_once_open([b(15.0, 1, 1, "A", 10), a(30.0, 20_001, 11, "A", 500)]), Some(Illegal::BeyondWindow));
    assert_eq!(last_once_open([a(30.0, 1, 1, "A", 20_001)]), Some(Illegal::BeyondWindow));
    assert_eq!(last_once_open([a(30.0, 1, 1, "A", 20_000)]), None, "up to its edge");
    let probe = [a(15.0, 1, 1, "A", 20_000), b(20.0, 1, 20_001, "A", 0).window(0), a(500.0, 20_001, 1, "A", 1)];
    assert_eq!(last_once_open(probe), None, "a probe of one byte into a closed window");
    // The edge that was offered first still counts for what was under way.
    let (_, judged) = analyse(&opened([small(), a(21.0, 1, 11, "A", 1000)]));
    assert_eq!(judged[4].1, None);
    let unknown = [b(0.0, 1, 1, "A", 10).window(300), a(1.0, 1, 11, "A", 5000)];
    assert_eq!(last(&unknown), None, "its scale is not known: the handshake is missing");
}

#[test]
fn a_window_that_is_taken_back() {
    let taken = || [a(20.0, 1, 1, "A", 100), b(30.0, 1, 101, "A", 0).window(500)];
    assert_eq!(last_once_open(taken()), Some(Illegal::Shrunk));
    let kept = [a(20.0, 1, 1, "A", 100), b(30.0, 1, 101, "A", 0).window(19_900)];
    assert_eq!(last_once_open(kept), None, "less by what arrived: the edge stays");
    let late = [a(20.0, 1, 1, "A", 100), b(30.0, 1, 101, "A", 0), b(31.0, 1, 1, "A", 0).window(19_000)];
    assert_eq!(last_once_open(late), None, "an acknowledgment that was overtaken");
}

#[test]
fn a_window_that_is_rounded_down_to_its_unit_is_not_taken_back() {
    // RFC 7323 section 2.4: with a scale, the edge may seem to move left by less than the unit.
    let scaled = |packet: Packet| offer(packet).option(TcpOption::WindowScale(7));
    let story = [
        scaled(a(0.0, 0, 0, "S", 0)),
        scaled(b(9.0, 0, 1, "SA", 0)),
        a(10.0, 1, 1, "A", 0),
        b(11.0, 1, 1, "A", 0).window(200),
        a(20.0, 1, 1, "A", 100),
        // 25,600 bytes from 1; now 25,472 from 101: the edge is at 25,573 and not at 25,601.
        b(30.0, 1, 101, "A", 0).window(199),
    ];
    assert_eq!(last(&story), None);
}

#[test]
fn a_window_scale_above_14() {
    assert_eq!(last(&[a(0.0, 0, 0, "S", 0).option(TcpOption::WindowScale(15))]), Some(Illegal::Scale));
    assert_eq!(last(&[a(0.0, 0, 0, "S", 0).option(TcpOption::WindowScale(14))]), None);
}

#[test]
fn sack_blocks_that_were_not_permitted() {
    let story = |permits: bool| {
        let of = |packet: Packet| if permits { offer(packet) } else { packet };
        [
            of(a(0.0, 0, 0, "S", 0)),
            of(b(9.0, 0, 1, "SA", 0)),
            a(10.0, 1, 1, "A", 0),
            a(20.0, 101, 1, "A", 100),
            b(30.0, 1, 1, "A", 0).sack(&[(101, 201)]),
        ]
    };
    assert_eq!(last(&story(false)), Some(Illegal::Sack));
    assert_eq!(last(&story(true)), None);
    let middle = [a(20.0, 101, 1, "A", 100), b(30.0, 1, 1, "A", 0).sack(&[(101, 201)])];
    assert_eq!(last(&middle), None, "the handshake is missing");
}

#[test]
fn no_timestamps_though_they_were_agreed() {
    let begin = |agreed: bool| {
        let answer = offer(b(9.0, 0, 1, "SA", 0));
        [offer(a(0.0, 0, 0, "S", 0)).timestamps(1, 0), if agreed { answer.timestamps(9, 1) } else { answer }]
    };
    let then = |agreed, rest: Packet| begin(agreed).into_iter().chain([rest]).collect::<Vec<_>>();
    assert_eq!(last(&then(true, a(10.0, 1, 1, "A", 0))), Some(Illegal::NoTimestamps));
    assert_eq!(last(&then(true, a(10.0, 1, 1, "A", 0).timestamps(10, 9))), None);
    assert_eq!(last(&then(false, a(10.0, 1, 1, "A", 0))), None, "the answer left them out");
    assert_eq!(last(&then(true, a(10.0, 1, 0, "R", 0))), None, "a reset may do without (RFC 7323 section 3.2)");
}

#[test]
fn keep_alives_are_legal() {
    let idle = [a(20.0, 1, 1, "A", 100), b(30.0, 1, 101, "A", 0)];
    for len in [0, 1] {
        assert_eq!(last_once_open(idle.iter().cloned().chain([a(60_000.0, 100, 1, "A", len)])), None);
    }
}

#[test]
fn every_kind_has_its_sentence_and_its_clause() {
    use Illegal::*;
    let all = [Flags, NoAck, Syn, SynAck, AfterFin, AfterReset, Reset, BeyondWindow, Shrunk, Scale, Sack, NoTimestamps];
    let sentences: std::collections::HashSet<String> = all.iter().map(Illegal::to_string).collect();
    assert_eq!(sentences.len(), all.len());
    assert!(all.iter().all(|illegal| illegal.clause().starts_with("RFC ")));
}
