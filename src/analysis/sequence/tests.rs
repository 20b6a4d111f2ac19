//! Exchanges, and what is said of each segment: marks, then the numbers that go with them.

mod reasons;
mod unacked;

use std::fmt::Write as _;

use super::*;
use crate::analysis::exchange::{ISN, Packet, a, b, offer, open, opened};
use crate::wire::TcpOption;

/// What is said of a segment, in one line.
fn told(verdict: &Verdict) -> String {
    let mut parts: Vec<String> = verdict.marks.reported().names().map(str::to_owned).collect();
    if verdict.dsack {
        parts.push("dsack".into());
    }
    if let Some((number, frame)) = verdict.duplicate_ack {
        parts.push(format!("number {number} of {frame}"));
    }
    if let Some(sent) = verdict.acknowledges {
        parts.push(format!("acks {} after {}", sent.frame, time(sent.nanos)));
    }
    if verdict.unseen > 0 {
        parts.push(format!("unseen {}", verdict.unseen));
    }
    if let Some(first) = verdict.rto {
        parts.push(format!("rto {} of {}", time(first.nanos), first.frame));
    }
    if let Some(flight) = verdict.bytes_in_flight {
        parts.push(format!("flight {flight}"));
    }
    parts.join(", ")
}

fn verdicts(packets: &[Packet]) -> (Sequence, Vec<Verdict>) {
    let mut sequence = Sequence::default();
    let judged = packets.iter().zip(1..);
    let judged = judged.map(|(packet, frame)| sequence.on_segment(packet.side, &packet.segment(frame), false));
    let judged = judged.collect();
    (sequence, judged)
}

/// A story from its first segment on: what happens, and what is to be said of it.
#[track_caller]
fn from_the_start(story: &[(Packet, &str)]) {
    let packets: Vec<Packet> = story.iter().map(|(packet, _)| packet.clone()).collect();
    let (_, judged) = verdicts(&packets);
    let (mut got, mut expected) = (String::new(), String::new());
    for (at, ((_, wanted), verdict)) in story.iter().zip(&judged).enumerate() {
        let _ = writeln!(got, "{}: {}", at + 1, told(verdict));
        let _ = writeln!(expected, "{}: {wanted}", at + 1);
    }
    assert!(got == expected, "\nsaid\n{got}\nexpected\n{expected}");
}

/// A story behind a handshake of 10 ms: its first segment is frame 4.
#[track_caller]
fn after_handshake(story: &[(Packet, &str)]) {
    let handshake = open(10.0).into_iter().zip(["", "acks 1 after 9 ms", "acks 2 after 1 ms"]);
    let whole: Vec<(Packet, &str)> = handshake.chain(story.iter().cloned()).collect();
    from_the_start(&whole);
}

fn sack_permitted_only(packet: Packet) -> Packet {
    packet.option(TcpOption::SackPermitted)
}

fn scaled(packet: Packet, shift: u8) -> Packet {
    offer(packet).option(TcpOption::WindowScale(shift))
}

// Sent again.

#[test]
fn data_sent_again_after_silence_is_a_retransmission_and_the_wait_is_told() {
    after_handshake(&[
        (a(20.0, 1, 1, "PA", 120), "flight 120"),
        (a(260.0, 1, 1, "PA", 120), "retransmission, rto 240 ms of 4, flight 120"),
        (b(270.0, 1, 121, "A", 0), "acks 4 after 250 ms"),
    ]);
}

#[test]
fn a_copy_within_the_round_trip_is_no_reordering_because_its_bytes_were_seen() {
    after_handshake(&[
        (a(20.0, 1, 1, "PA", 120), "flight 120"),
        (a(21.5, 1, 1, "PA", 120), "retransmission, rto 1.5 ms of 4, flight 120"),
    ]);
}

#[test]
fn an_exact_copy_with_the_same_ip_identification_is_a_retransmission_too() {
    after_handshake(&[
        (a(20.0, 1, 1, "A", 120).ip_id(77), "flight 120"),
        (a(20.05, 1, 1, "A", 120).ip_id(77), "retransmission, rto 50 us of 4, flight 120"),
    ]);
}

#[test]
fn a_retransmission_that_carries_new_bytes_too_is_one_as_a_whole() {
    after_handshake(&[
        (a(20.0, 1, 1, "A", 120), "flight 120"),
        (a(260.0, 1, 1, "A", 300), "retransmission, rto 240 ms of 4, flight 300"),
    ]);
}

#[test]
fn the_wait_of_the_third_transmission_counts_from_the_first() {
    after_handshake(&[
        (a(20.0, 1, 1, "A", 120), "flight 120"),
        (a(260.0, 1, 1, "A", 120), "retransmission, rto 240 ms of 4, flight 120"),
        (a(740.0, 1, 1, "A", 120), "retransmission, rto 720 ms of 4, flight 120"),
    ]);
}

#[test]
fn a_syn_sent_again_counts_from_the_first() {
    from_the_start(&[
        (offer(a(0.0, 0, 0, "S", 0)), ""),
        (offer(a(1000.0, 0, 0, "S", 0)), "retransmission, rto 1 s of 1"),
        (offer(a(3000.0, 0, 0, "S", 0)), "retransmission, rto 3 s of 1"),
    ]);
}

#[test]
fn a_syn_ack_sent_again_is_a_retransmission_and_the_answer_measures_from_the_first() {
    from_the_start(&[
        (offer(a(0.0, 0, 0, "S", 0)), ""),
        (offer(b(8.0, 0, 1, "SA", 0)), "acks 1 after 8 ms"),
        (offer(b(1008.0, 0, 1, "SA", 0)), "retransmission, rto 1 s of 2"),
        (a(1030.0, 1, 1, "A", 0), "acks 2 after 1.02 s"),
    ]);
}

#[test]
fn a_fin_sent_again_is_a_retransmission() {
    after_handshake(&[(a(20.0, 1, 1, "FA", 0), ""), (a(270.0, 1, 1, "FA", 0), "retransmission, rto 250 ms of 4")]);
}

#[test]
fn data_sent_again_after_its_acknowledgment_is_spurious() {
    after_handshake(&[
        (a(20.0, 1, 1, "A", 120), "flight 120"),
        (b(30.0, 1, 121, "A", 0), "acks 4 after 10 ms"),
        (a(310.0, 1, 1, "A", 120), "retransmission, spurious_retransmission, flight 120"),
    ]);
}

#[test]
fn a_duplicate_sack_is_told_beside_the_duplicate_acknowledgment() {
    after_handshake(&[
        (a(20.0, 1, 1, "A", 120), "flight 120"),
        (b(30.0, 1, 121, "A", 0), "acks 4 after 10 ms"),
        (a(310.0, 1, 1, "A", 120), "retransmission, spurious_retransmission, flight 120"),
        (b(320.0, 1, 121, "A", 0).sack(&[(1, 121)]), "duplicate_ack, dsack, number 1 of 5, acks 6 after 10 ms"),
    ]);
}

#[test]
fn a_duplicate_sack_above_the_acknowledgment_lies_within_the_second_block() {
    after_handshake(&[
        (a(20.0, 1, 1, "A", 100), "flight 100"),
        (a(20.1, 301, 1, "A", 100), "lost_segment"),
        (b(30.0, 1, 101, "A", 0).sack(&[(301, 401)]), "acks 4 after 10 ms"),
        (b(30.1, 1, 101, "A", 0).sack(&[(301, 351), (301, 401)]), "duplicate_ack, dsack, number 1 of 6"),
        (b(30.2, 1, 101, "A", 0).sack(&[(351, 401), (301, 341)]), "duplicate_ack, number 2 of 6"),
    ]);
}

// Late, or lost.

#[test]
fn a_hole_that_is_filled_within_the_handshakes_round_trip_is_reordering() {
    after_handshake(&[
        (a(20.0, 1, 1, "A", 100), "flight 100"),
        (a(20.1, 201, 1, "A", 100), "lost_segment"),
        (a(29.9, 101, 1, "A", 100), "out_of_order"),
        // What it stands behind is measured from where the right edge was sent.
        (b(30.3, 1, 301, "A", 0), "acks 5 after 10.2 ms"),
    ]);
}

#[test]
fn a_hole_that_is_filled_later_is_a_retransmission() {
    after_handshake(&[
        (a(20.0, 1, 1, "A", 100), "flight 100"),
        (a(20.1, 201, 1, "A", 100), "lost_segment"),
        (a(30.1, 101, 1, "A", 100), "retransmission, rto 10 ms of 5"),
    ]);
}

#[test]
fn without_a_handshake_disorder_lasts_3_ms() {
    from_the_start(&[
        (a(0.0, 1, 1, "A", 100), "flight 100"),
        (a(0.1, 201, 1, "A", 100), "lost_segment"),
        (a(3.0, 101, 1, "A", 100), "out_of_order"),
        (a(4.0, 401, 1, "A", 100), "lost_segment"),
        (a(7.0, 301, 1, "A", 100), "retransmission, rto 3 ms of 4"),
    ]);
}

#[test]
fn a_new_segment_that_ends_where_the_last_one_ended_is_no_reordering() {
    after_handshake(&[
        (a(20.0, 101, 1, "A", 100), "lost_segment"),
        (a(20.1, 51, 1, "A", 150), "retransmission, rto 100 us of 4"),
    ]);
}

#[test]
fn behind_a_fin_without_data_late_bytes_that_end_there_are_reordering() {
    after_handshake(&[(a(20.0, 101, 1, "FA", 0), "lost_segment"), (a(20.1, 1, 1, "A", 101), "out_of_order")]);
}

#[test]
fn a_gap_and_an_acknowledgment_beyond_everything_are_told_once() {
    after_handshake(&[
        (a(20.0, 1, 1, "A", 100), "flight 100"),
        (a(21.0, 201, 1, "A", 100), "lost_segment"),
        (b(22.0, 1, 501, "A", 0), "ack_lost_segment, unseen 300"),
        (b(23.0, 1, 501, "A", 0), "duplicate_ack, number 1 of 6"),
    ]);
}

#[test]
fn one_hole_is_reported_once_however_many_acknowledgments_lie_behind_it() {
    after_handshake(&[
        (a(20.0, 101, 1, "A", 100), "lost_segment"),
        (a(20.1, 201, 1, "A", 100), ""),
        (b(30.0, 1, 101, "A", 0), "ack_lost_segment, unseen 100"),
        // The run of what was captured starts there: nothing behind it is unseen.
        (b(30.1, 1, 201, "A", 0), "acks 4 after 10.1 ms"),
        (b(30.2, 1, 301, "A", 0), "acks 5 after 10.1 ms"),
    ]);
}

#[test]
fn behind_a_gap_bytes_in_flight_are_withheld_until_the_other_end_acknowledges() {
    after_handshake(&[
        (a(20.0, 101, 1, "A", 100), "lost_segment"),
        (a(21.0, 201, 1, "A", 100), ""),
        (b(22.0, 1, 1, "PA", 50), "flight 50"),
        (a(23.0, 301, 51, "A", 100), "acks 6 after 1 ms, flight 300"),
    ]);
}

#[test]
fn a_capture_that_begins_in_the_middle_raises_nothing() {
    from_the_start(&[
        (a(0.0, 1, 1, "A", 100), "flight 100"),
        (b(10.0, 1, 101, "A", 0), "acks 1 after 10 ms"),
        (a(20.0, 101, 1, "A", 100), "flight 100"),
    ]);
}

#[test]
fn a_reset_beyond_everything_is_no_gap() {
    after_handshake(&[(a(20.0, 5001, 1, "R", 0), "")]);
}

#[test]
fn numbers_wrap_around_like_any_other() {
    after_handshake(&[
        (a(20.0, 1, 1, "A", 1000), "flight 1000"),
        (b(30.0, 1, 1001, "A", 0), "acks 4 after 10 ms"),
        (a(310.0, 1, 1, "A", 1000), "retransmission, spurious_retransmission, flight 1000"),
        (a(311.0, 1101, 1, "A", 100), "lost_segment"),
        (a(312.0, 1001, 1, "A", 100), "out_of_order"),
    ]);
}

#[test]
fn zero_is_a_number_like_any_other_for_what_comes_next() {
    // A's right edge is then number 0 on the wire.
    let edge = 0u32.wrapping_sub(ISN[0]);
    after_handshake(&[
        (a(20.0, 1, 1, "A", edge - 1), "flight 150"),
        (b(30.0, 1, edge, "A", 0), "acks 4 after 10 ms"),
        (a(40.0, edge + 100, 1, "A", 100), "lost_segment"),
        (a(60.0, edge, 1, "A", 100), "retransmission, rto 20 ms of 6"),
        (b(70.0, 1, edge, "A", 0), "duplicate_ack, number 1 of 5"),
    ]);
}

// Fast retransmission.

/// A sends 100 bytes; the next 100 are lost; then 300 more.
fn a_hole() -> Vec<(Packet, &'static str)> {
    vec![
        (a(20.0, 1, 1, "A", 100), "flight 100"),
        (a(20.1, 201, 1, "A", 100), "lost_segment"),
        (a(20.2, 301, 1, "A", 100), ""),
        (a(20.3, 401, 1, "A", 100), ""),
    ]
}

#[track_caller]
fn after_a_hole(rest: Vec<(Packet, &'static str)>) {
    after_handshake(&[a_hole(), rest].concat());
}

#[test]
fn two_duplicates_make_a_fast_retransmission() {
    after_a_hole(vec![
        (b(30.0, 1, 101, "A", 0), "acks 4 after 10 ms"),
        (b(30.1, 1, 101, "A", 0), "duplicate_ack, number 1 of 8"),
        (b(30.2, 1, 101, "A", 0), "duplicate_ack, number 2 of 8"),
        (a(45.0, 101, 1, "A", 100), "retransmission, fast_retransmission, flight 400"),
    ]);
}

#[test]
fn one_duplicate_does_not() {
    after_a_hole(vec![
        (b(30.0, 1, 101, "A", 0), "acks 4 after 10 ms"),
        (b(30.1, 1, 101, "A", 0), "duplicate_ack, number 1 of 8"),
        (a(45.0, 101, 1, "A", 100), "retransmission, rto 24.9 ms of 5, flight 400"),
    ]);
}

#[test]
fn twenty_milliseconds_after_the_last_duplicate_it_is_no_longer_fast() {
    for (moment, said) in [
        (50.19, "retransmission, fast_retransmission, flight 400"),
        (50.2, "retransmission, rto 30.1 ms of 5, flight 400"),
    ] {
        after_a_hole(vec![
            (b(30.0, 1, 101, "A", 0), "acks 4 after 10 ms"),
            (b(30.1, 1, 101, "A", 0), "duplicate_ack, number 1 of 8"),
            (b(30.2, 1, 101, "A", 0), "duplicate_ack, number 2 of 8"),
            (a(moment, 101, 1, "A", 100), said),
        ]);
    }
}

#[test]
fn a_new_window_with_sack_blocks_is_a_duplicate_acknowledgment() {
    after_a_hole(vec![
        (b(30.0, 1, 101, "A", 0), "acks 4 after 10 ms"),
        (b(30.1, 1, 101, "A", 0).window(19_000).sack(&[(201, 301)]), "duplicate_ack, number 1 of 8"),
        (b(30.2, 1, 101, "A", 0).window(18_000).sack(&[(201, 401)]), "duplicate_ack, number 2 of 8"),
        (a(45.0, 101, 1, "A", 100), "retransmission, fast_retransmission, flight 200"),
    ]);
}

#[test]
fn sack_blocks_make_the_second_hole_fast_too() {
    after_handshake(&[
        (a(20.0, 1, 1, "A", 100), "flight 100"),
        (a(20.1, 201, 1, "A", 100), "lost_segment"),
        (a(20.2, 401, 1, "A", 100), "lost_segment"),
        (a(20.3, 501, 1, "A", 100), ""),
        (b(30.0, 1, 101, "A", 0), "acks 4 after 10 ms"),
        (b(30.1, 1, 101, "A", 0).sack(&[(201, 301)]), "duplicate_ack, number 1 of 8"),
        (b(30.2, 1, 101, "A", 0).sack(&[(401, 501), (201, 301)]), "duplicate_ack, number 2 of 8"),
        (b(30.3, 1, 101, "A", 0).sack(&[(401, 601), (201, 301)]), "duplicate_ack, number 3 of 8"),
        (a(40.0, 101, 1, "A", 100), "retransmission, fast_retransmission, flight 200"),
        (a(40.1, 301, 1, "A", 100), "retransmission, fast_retransmission, flight 200"),
    ]);
}

/// The deviation: Wireshark 4.4 calls this one fast, because it compares numbers that count from different points.
#[test]
fn what_was_sacked_already_is_a_plain_retransmission() {
    after_a_hole(vec![
        (b(30.0, 1, 101, "A", 0), "acks 4 after 10 ms"),
        (b(30.1, 1, 101, "A", 0).sack(&[(201, 301)]), "duplicate_ack, number 1 of 8"),
        (b(30.2, 1, 101, "A", 0).sack(&[(201, 401)]), "duplicate_ack, number 2 of 8"),
        (a(40.0, 201, 1, "A", 100), "retransmission, rto 19.9 ms of 5, flight 100"),
    ]);
}

// Windows.

#[test]
fn a_probe_of_one_byte_its_answer_and_the_window_that_opens_with_the_byte_taken() {
    after_handshake(&[
        (a(20.0, 1, 1, "A", 100), "flight 100"),
        (b(30.0, 1, 101, "A", 0).window(0), "zero_window, acks 4 after 10 ms"),
        (a(500.0, 101, 1, "A", 1), "zero_window_probe, flight 1"),
        (b(510.0, 1, 101, "A", 0).window(0), "zero_window, zero_window_probe_ack"),
        (a(1500.0, 101, 1, "A", 1), "zero_window_probe, flight 1"),
        (b(1510.0, 1, 102, "A", 0).window(500), "window_update, acks 6 after 1.01 s"),
        (a(1520.0, 102, 1, "A", 100), "flight 100"),
    ]);
}

#[test]
fn a_probe_whose_byte_is_taken_while_the_window_stays_closed() {
    after_handshake(&[
        (a(20.0, 1, 1, "A", 100), "flight 100"),
        (b(30.0, 1, 101, "A", 0).window(0), "zero_window, acks 4 after 10 ms"),
        (a(500.0, 101, 1, "A", 1), "zero_window_probe, flight 1"),
        (b(510.0, 1, 102, "A", 0).window(0), "zero_window, zero_window_probe_ack, acks 6 after 10 ms"),
        (a(600.0, 102, 1, "A", 1), "zero_window_probe, flight 1"),
    ]);
}

#[test]
fn new_data_that_begins_with_the_byte_of_a_probe_is_not_sent_again() {
    after_handshake(&[
        (a(20.0, 1, 1, "A", 100), "flight 100"),
        (b(30.0, 1, 101, "A", 0), "acks 4 after 10 ms"),
        (a(40.0, 101, 1, "A", 100), "flight 100"),
        (a(50.0, 200, 1, "A", 101), "flight 200"),
    ]);
}

#[test]
fn a_probe_without_a_byte_looks_like_a_keep_alive() {
    after_handshake(&[
        (a(20.0, 1, 1, "A", 100), "flight 100"),
        (b(30.0, 1, 101, "A", 0).window(0), "zero_window, acks 4 after 10 ms"),
        (a(500.0, 100, 1, "A", 0), "keep_alive"),
        (b(510.0, 1, 101, "A", 0).window(0), "zero_window"),
    ]);
}

#[test]
fn a_closed_window_may_come_with_data() {
    after_handshake(&[(b(20.0, 1, 1, "A", 100).window(0), "zero_window, flight 100")]);
}

#[test]
fn a_syn_a_fin_and_a_reset_close_no_window() {
    after_handshake(&[
        (b(20.0, 1, 1, "FA", 0).window(0), ""),
        (a(21.0, 1, 2, "A", 0), "acks 4 after 1 ms"),
        (a(22.0, 1, 2, "RA", 0).window(0), ""),
    ]);
}

#[test]
fn nothing_but_a_new_window_is_an_update() {
    after_handshake(&[
        (a(20.0, 1, 1, "A", 100), "flight 100"),
        (b(30.0, 1, 101, "A", 0).window(100), "acks 4 after 10 ms"),
        (b(40.0, 1, 101, "A", 0).window(20_000), "window_update"),
    ]);
}

#[test]
fn a_window_is_full_exactly_at_its_edge() {
    after_handshake(&[
        (a(20.0, 1, 1, "A", 500), "flight 500"),
        (b(30.0, 1, 501, "A", 0).window(300), "acks 4 after 10 ms"),
        (a(40.0, 501, 1, "A", 200), "flight 200"),
        (a(50.0, 701, 1, "A", 100), "window_full, flight 300"),
        (a(60.0, 801, 1, "A", 1), "flight 301"),
    ]);
}

#[test]
fn a_scaled_window_is_full_at_its_scaled_edge() {
    from_the_start(&[
        (scaled(a(0.0, 0, 0, "S", 0), 7), ""),
        (scaled(b(9.0, 0, 1, "SA", 0), 3).window(1000), "acks 1 after 9 ms"),
        (a(10.0, 1, 1, "A", 0), "acks 2 after 1 ms"),
        // Until B has sent more than its SYN, its window is the one of the SYN: not scaled.
        (a(11.0, 1, 1, "A", 1000), "window_full, flight 1000"),
        (b(20.0, 1, 1001, "A", 0).window(1000), "acks 4 after 9 ms"),
        (a(21.0, 1001, 1, "A", 1000), "flight 1000"),
        (a(22.0, 2001, 1, "A", 7000), "window_full, flight 8000"),
    ]);
}

#[test]
fn a_scale_that_one_end_did_not_offer_is_not_used() {
    for (offers, answers) in [(true, false), (false, true)] {
        let of = |packet: Packet, scales: bool| if scales { scaled(packet, 5) } else { sack_permitted_only(packet) };
        from_the_start(&[
            (of(a(0.0, 0, 0, "S", 0), offers), ""),
            (of(b(9.0, 0, 1, "SA", 0), answers), "acks 1 after 9 ms"),
            (a(10.0, 1, 1, "A", 0), "acks 2 after 1 ms"),
            (b(11.0, 1, 1, "A", 0).window(1000), "window_update"),
            (a(12.0, 1, 1, "A", 1000), "window_full, flight 1000"),
        ]);
    }
}

#[test]
fn where_the_scale_is_unknown_no_window_is_full() {
    from_the_start(&[(b(0.0, 1, 1, "A", 0).window(1000), ""), (a(1.0, 1, 1, "A", 1000), "flight 1000")]);
}

#[test]
fn a_shift_above_14_counts_as_14() {
    let (sequence, _) = verdicts(&[
        scaled(a(0.0, 0, 0, "S", 0), 15),
        scaled(b(9.0, 0, 1, "SA", 0), 14),
        a(10.0, 1, 1, "A", 0).window(2),
    ]);
    assert_eq!(sequence.direction(Side::A).scale(), Scale::Shift(14));
    assert_eq!(sequence.direction(Side::A).window(), Some(2 << 14));
}

// Keep-alives, duplicates, parts.

#[test]
fn a_keep_alive_with_a_byte_or_without_and_its_answers() {
    after_handshake(&[
        (a(20.0, 1, 1, "A", 100), "flight 100"),
        (b(30.0, 1, 101, "A", 0), "acks 4 after 10 ms"),
        (a(60_000.0, 100, 1, "A", 1), "keep_alive, flight 1"),
        (b(60_010.0, 1, 101, "A", 0), "keep_alive_ack, acks 6 after 10 ms"),
        (a(120_000.0, 100, 1, "A", 0), "keep_alive"),
        (b(120_010.0, 1, 101, "A", 0), "keep_alive_ack"),
    ]);
}

#[test]
fn the_same_acknowledgment_again_is_a_duplicate_and_counted() {
    after_handshake(&[
        (a(20.0, 1, 1, "A", 100), "flight 100"),
        (b(30.0, 1, 101, "A", 0), "acks 4 after 10 ms"),
        (b(31.0, 1, 101, "A", 0), "duplicate_ack, number 1 of 5"),
        (b(32.0, 1, 101, "A", 0), "duplicate_ack, number 2 of 5"),
        (a(33.0, 101, 1, "A", 100), "flight 100"),
        (b(43.0, 1, 201, "A", 0), "acks 8 after 10 ms"),
        (b(44.0, 1, 201, "A", 0), "duplicate_ack, number 1 of 9"),
    ]);
}

#[test]
fn a_duplicate_needs_nothing_outstanding() {
    after_handshake(&[
        (b(20.0, 1, 1, "A", 0), "duplicate_ack, number 1 of 2"),
        (b(30.0, 1, 1, "A", 0), "duplicate_ack, number 2 of 2"),
    ]);
}

#[test]
fn an_acknowledgment_with_data_is_no_duplicate() {
    after_handshake(&[(b(20.0, 1, 1, "A", 10), "flight 10"), (b(21.0, 11, 1, "A", 10), "flight 20")]);
}

#[test]
fn an_acknowledgment_within_a_segment_is_partial_and_the_rest_measures_from_the_same_frame() {
    after_handshake(&[
        (a(20.0, 1, 1, "A", 200), "flight 200"),
        (b(30.0, 1, 101, "A", 0), "partial_ack, acks 4 after 10 ms"),
        (b(40.0, 1, 201, "A", 0), "acks 4 after 20 ms"),
    ]);
}

#[test]
fn an_acknowledgment_repeated_for_a_new_multipath_option_is_a_duplicate_all_the_same() {
    // RFC 8684 section 4 allows it; 4.4 has code to excuse it, which is never reached.
    const MULTIPATH: u8 = 30;
    let with =
        |packet: Packet, subtype: u8| packet.option(TcpOption::Unknown { kind: MULTIPATH, data: &[subtype << 4, 0] });
    from_the_start(&[
        (with(offer(a(0.0, 0, 0, "S", 0)), 0), ""),
        (with(offer(b(9.0, 0, 1, "SA", 0)), 0), "acks 1 after 9 ms"),
        (with(a(10.0, 1, 1, "A", 0), 0), "acks 2 after 1 ms"),
        (with(a(11.0, 1, 1, "A", 0), 3), "duplicate_ack, number 1 of 3"),
        (b(12.0, 1, 1, "A", 0), "duplicate_ack, number 1 of 2"),
    ]);
}

// Fast Open.

fn cookie(packet: Packet) -> Packet {
    packet.option(TcpOption::FastOpen { cookie: &[1, 2, 3, 4, 5, 6, 7, 8], experimental: false })
}

#[test]
fn a_syn_with_cookie_and_data_is_taken_or_ignored() {
    from_the_start(&[
        (cookie(offer(a(0.0, 0, 0, "S", 100))), "tfo_syn, flight 100"),
        (offer(b(9.0, 0, 101, "SA", 0)), "tfo_ack, acks 1 after 9 ms"),
        (a(10.0, 101, 1, "A", 0), "acks 2 after 1 ms"),
    ]);
    from_the_start(&[
        (cookie(offer(a(0.0, 0, 0, "S", 100))), "tfo_syn, flight 100"),
        (offer(b(9.0, 0, 1, "SA", 0)), "partial_ack, tfo_ignored, acks 1 after 9 ms"),
        (a(10.0, 1, 1, "A", 100), "retransmission, acks 2 after 1 ms, rto 10 ms of 1, flight 100"),
    ]);
}

#[test]
fn asking_for_a_cookie_is_no_fast_open() {
    let asks = TcpOption::FastOpen { cookie: &[], experimental: false };
    from_the_start(&[
        (offer(a(0.0, 0, 0, "S", 0)).option(asks), ""),
        (cookie(offer(b(9.0, 0, 1, "SA", 0))), "acks 1 after 9 ms"),
    ]);
}

// One connection or another.

#[test]
fn a_syn_once_more_forgets_the_number_of_a_reset_in_between() {
    // The reset of a closed port answers 5000 bytes ahead; without it the SYN would lie before the highest number.
    let story = [
        offer(a(0.0, 0, 0, "S", 0)),
        a(1.0, 5000, 0, "R", 0),
        offer(a(1000.0, 0, 0, "S", 0)),
        offer(b(1009.0, 0, 1, "SA", 0)),
        a(1010.0, 1, 1, "A", 0),
        a(1020.0, 1, 1, "A", 100),
    ];
    let (sequence, judged) = verdicts(&story);
    assert_eq!(told(&judged[2]), "retransmission, rto 1 s of 1");
    assert_eq!(told(&judged[5]), "flight 100");
    assert_eq!(sequence.direction(Side::A).next_seq(), Some(SeqNum(ISN[0].wrapping_add(101))));
}

#[test]
fn a_syn_with_another_number_or_after_an_end_opens_another_connection() {
    let (sequence, _) = verdicts(&open(10.0));
    let isn = SeqNum(ISN[0]);
    assert!(!sequence.is_reused_by(Side::A, isn), "the same SYN once more");
    assert!(sequence.is_reused_by(Side::A, isn + 90_000));
    for end in [a(20.0, 1, 1, "FA", 0), a(20.0, 1, 1, "R", 0)] {
        let (sequence, _) = verdicts(&opened([end]));
        assert!(sequence.is_reused_by(Side::A, isn));
    }
}

#[test]
fn reused_ports_are_told_on_the_syn() {
    let syn = offer(a(0.0, 0, 0, "S", 0));
    let verdict = Sequence::default().on_segment(Side::A, &syn.segment(9), true);
    assert_eq!(told(&verdict), "reused_ports");
}

#[test]
fn round_trips_are_measured_by_karns_rule_only() {
    let (_, judged) = verdicts(&opened([
        a(20.0, 1, 1, "A", 100),
        b(30.0, 1, 101, "A", 0),
        a(40.0, 101, 1, "A", 100),
        a(240.0, 101, 1, "A", 100),
        b(250.0, 1, 201, "A", 0),
        a(260.0, 201, 1, "A", 100),
        a(260.1, 301, 1, "A", 100),
        b(270.0, 1, 401, "A", 0),
    ]));
    let samples: Vec<Option<u64>> = judged.iter().map(|verdict| verdict.round_trip).collect();
    let (some, none) = (|micros: u64| Some(micros * 1000), None);
    assert_eq!(samples[..3], [none, some(9_000), some(1_000)]);
    assert_eq!(samples[3..], [none, some(10_000), none, none, none, none, none, some(9_900)]);
}

#[test]
fn a_clock_that_goes_backwards_makes_nothing_soon() {
    after_handshake(&[
        (a(20.0, 1, 1, "A", 100), "flight 100"),
        (a(20.1, 201, 1, "A", 100), "lost_segment"),
        (a(15.0, 101, 1, "A", 100), "retransmission, rto 0 ns of 5"),
    ]);
}
