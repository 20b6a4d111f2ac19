//! A verdict rests on evidence: what looks like trouble and is none, and beside it the trouble itself.

use super::*;
use crate::analysis::exchange::{at, bytes, frame, open};
use crate::analysis::loss::{Cause, Judgement};
use crate::analysis::segment::Side;

/// What is told of these packets as a capture, in the order in which it is told.
fn told(packets: &[Packet]) -> Vec<String> {
    let collection = capture(packets).conclude(0);
    collection.told().iter().map(|(found, _)| format!("{} {}", found.kind, found.severity)).collect()
}

/// A transfer of 60 segments of 1000 bytes with timestamps in milliseconds, captured at the receiver A, which is 40 ms
/// away: B sends from `begin` on, one segment a millisecond; A acknowledges every one. The segments that `late` names
/// come that many milliseconds after their turn, and left as many milliseconds after it as their third number says.
fn download(late: &[(u32, f64, u32)]) -> Vec<Packet> {
    let mut story = vec![
        offer(a(0.0, 0, 0, "S", 0)).timestamps(1000, 0),
        offer(b(40.0, 0, 1, "SA", 0)).timestamps(5020, 1000),
        a(40.1, 1, 1, "A", 0).timestamps(1040, 5020),
        a(40.2, 1, 1, "PA", 100).timestamps(1040, 5020),
        b(80.2, 1, 101, "A", 0).timestamps(5060, 1040),
    ];
    let mut data: Vec<(f64, u32)> = (0..60)
        .map(|n| {
            let delay = late.iter().find(|(which, ..)| *which == n).map_or(0.0, |(_, delay, _)| *delay);
            (81.0 + f64::from(n) + delay, n)
        })
        .collect();
    data.sort_by(|(one, _), (other, _)| one.total_cmp(other));
    let mut came = [false; 60];
    for (time, n) in data {
        let again = late.iter().find(|(which, ..)| *which == n).map_or(0, |(.., again)| *again);
        let (value, id) = (5060 + n + again, (100 + n + again * 100) as u16);
        story.push(b(time, 1 + 1000 * n, 101, "A", 1000).timestamps(value, 1040).ip_id(id));
        came[n as usize] = true;
        let next = came.iter().position(|came| !came).unwrap_or(60) as u32;
        let highest = came.iter().rposition(|came| *came).unwrap_or(0) as u32 + 1;
        let ack = a(time + 0.1, 101, 1 + 1000 * next, "A", 0).timestamps(1040 + n, value).window(60_000);
        let from = (next..highest).find(|n| came[*n as usize]);
        story.push(match from {
            Some(from) => ack.sack(&[(1 + 1000 * from, 1 + 1000 * highest)]),
            None => ack,
        });
    }
    story
}

// Captured twice.

/// Each packet once more, `gap` milliseconds later and with this time to live.
fn twice(packets: Vec<Packet>, gap: f64, ttl: u8) -> Vec<Packet> {
    let again = |packet: &Packet| Packet {
        time: packet.time + std::time::Duration::from_secs_f64(gap / 1e3),
        ttl,
        ..packet.clone()
    };
    in_order(packets.iter().flat_map(|packet| [packet.clone(), again(packet)]).collect())
}

#[test]
fn packets_without_an_identification_that_are_captured_twice_are_copies_and_are_told_first() {
    for (gap, ttl, advice) in [(0.003, 64, "editcap -d"), (0.03, 63, "before and behind a router")] {
        let story = twice(opened(bulk(20.0, 1, 100)), gap, ttl);
        assert_eq!(found(&story), []);
        let collection = capture(&story).conclude(0);
        let (first, _) = collection.told()[0];
        assert_eq!((first.kind, first.severity), ("capture_copies", Severity::Note));
        assert!(first.advice.contains(advice), "{}", first.advice);
        let rest: Vec<_> = collection.told().iter().skip(1).map(|(found, _)| found.text.clone()).collect();
        assert!(rest.is_empty(), "{rest:#?}");
    }
}

#[test]
fn of_a_few_copies_nobody_knows_who_made_them() {
    let mut story = opened(bulk(20.0, 1, 100));
    story.extend([30, 60, 90].map(|n| a(20.05 + f64::from(n), 1 + 1000 * n, 1, "A", 1000)));
    let collection = capture(&in_order(story)).conclude(0);
    let (copies, _) = collection.told()[0];
    assert_eq!((copies.kind, copies.premise, collection.told().len()), ("capture_copies", false, 1));
    says(copies, &["3 segments", "the network or the capture doubled them, the packets do not say which"]);
}

#[test]
fn what_is_sent_again_a_round_trip_later_is_no_copy() {
    // Equal to the bit but for the time: without timestamps and identifications that is what a retransmission is.
    let story = [a(200.0, NEXT, 1, "A", 1000), a(410.0, NEXT, 1, "A", 1000), b(420.0, 1, NEXT + 1000, "A", 0)];
    finds(&after_a_transfer(story), &["loss warning"]);
}

#[test]
fn what_the_receiver_reports_as_a_duplicate_was_doubled_by_the_network() {
    let mut story = opened(bulk(20.0, 1, 100));
    for n in [20, 40, 60] {
        let (time, seq) = (20.1 + f64::from(n), 1 + 1000 * n);
        story.push(a(time, seq, 1, "A", 1000));
        // Its receiver had it, and says so.
        story.push(b(time + 10.2, 1, seq + 2000, "A", 0).sack(&[(seq, seq + 1000)]));
    }
    let doubled = finds(&in_order(story), &["network_duplicates warning"]);
    says(&doubled, &["3 packets of 192.0.2.1:40000 arrived twice at 198.51.100.2:80 and were sent once"]);
}

// Captured late, or in part.

#[test]
fn a_direction_that_is_captured_late_was_not_sent_again() {
    let mut story = opened(bulk(20.0, 1, 60));
    for packet in story.iter_mut().filter(|packet| packet.side == Side::A && packet.len > 0) {
        packet.time += std::time::Duration::from_millis(25);
    }
    let story = in_order(story);
    assert_eq!(found(&story), []);
    assert_eq!(told(&story), ["captured_late note"], "nothing is missing, and nothing was sent again");
}

#[test]
fn one_direction_alone_is_said_first_and_nothing_of_the_other() {
    for side in [Side::A, Side::B] {
        let story = opened(bulk(20.0, 1, 200)).into_iter().filter(|packet| packet.side == side);
        assert_eq!(told(&story.collect::<Vec<_>>()), ["one_direction note"]);
    }
}

#[test]
fn a_capture_that_begins_in_the_middle_says_so_and_judges_no_window() {
    let small = |packet: Packet| packet.window(500);
    let story: Vec<_> = bulk(20.0, 1, 400).into_iter().map(small).collect();
    assert_eq!(told(&story), ["midstream note"]);
}

// Reordering and loss.

#[test]
fn an_original_that_comes_late_is_no_loss_whatever_wireshark_calls_it() {
    // Four milliseconds late on a path of forty: three duplicate acknowledgments went out, and it is flagged as fast
    // retransmission; its timestamp and its identification are those of its turn.
    let story = download(&[(20, 4.2, 0), (40, 4.2, 0)]);
    let late = finds(&story, &["reordering warning"]);
    says(&late, &["2 segments of 198.51.100.2:80 came out of order, at most"]);
}

#[test]
fn what_left_after_what_had_passed_it_was_lost_and_sent_again() {
    // As late as before, but with a later timestamp.
    let story = download(&[(20, 4.2, 4), (40, 4.2, 4)]);
    let loss = finds(&story, &["loss error"]);
    says(&loss, &["198.51.100.2:80 sent 2 of 60 data segments again"]);
}

#[test]
fn an_original_that_comes_after_its_repetition_shows_that_it_was_not_lost() {
    let mut story = download(&[(20, 50.0, 0)]);
    // Sent again 30 ms after its turn; the original comes 20 ms later.
    let time = 81.0 + 20.0 + 30.0;
    story.push(b(time, 1 + 1000 * 20, 101, "A", 1000).timestamps(5060 + 50, 1080).ip_id(500));
    let late = finds(&in_order(story), &["reordering note"]);
    says(&late, &["1 segment of 198.51.100.2:80 came out of order", "it sent 1 segment again without need"]);
}

#[test]
fn losses_are_told_beside_as_many_repetitions_that_were_not_needed() {
    // Two lost, and two that only came late but were sent again as well.
    let mut story = download(&[(10, 50.0, 45), (20, 50.0, 45), (30, 90.0, 0), (40, 90.0, 0)]);
    for n in [30, 40] {
        let time = 81.0 + f64::from(n) + 45.0;
        story.push(b(time, 1 + 1000 * n, 101, "A", 1000).timestamps(5060 + n + 45, 1080).ip_id(800 + n as u16));
    }
    let findings = found(&in_order(story));
    let loss = findings.iter().find(|found| found.kind == "loss").expect("two were lost");
    says(loss, &["198.51.100.2:80 sent 4 of 62 data segments again", "2 of them without need"]);
}

#[test]
fn gaps_that_sack_tells_of_and_that_close_by_themselves_are_reordering_beyond_the_capture() {
    let mut story = bulk(20.0, 1, 100);
    for n in [30u32, 50, 70] {
        let (time, next) = (f64::from(n) + 30.5, 1 + 1000 * n);
        // The segment arrives after the next one, and the acknowledgment of both follows at once.
        story.retain(|packet| {
            !(packet.side == Side::B && (packet.time > at(time - 1.0) && packet.time < at(time + 1.6)))
        });
        story.push(b(time, 1, next, "A", 0).sack(&[(next + 1000, next + 2000)]));
        story.push(b(time + 0.5, 1, next + 2000, "A", 0));
    }
    let late = finds(&opened(in_order(story)), &["reordering warning"]);
    says(&late, &["3 times", "without anything being sent again"]);
}

#[test]
fn nothing_is_lost_where_a_part_hides_in_a_tunnel_that_is_not_opened() {
    let story = after_a_transfer([
        a(200.0, NEXT, 1, "A", 1000),
        a(410.0, NEXT, 1, "A", 1000),
        b(420.0, 1, NEXT + 1000, "A", 0),
    ]);
    let with = |hidden: bool| {
        let mut analyzer = capture(&story);
        // ESP between the same hosts.
        let mut bytes = bytes(&story[0]);
        bytes[9] = 50;
        if hidden {
            analyzer.on_frame(&frame(at(430.0), &bytes), false, None);
        }
        let collection = analyzer.conclude(0);
        collection.told().iter().map(|(found, _)| found.kind).collect::<Vec<_>>()
    };
    assert_eq!(with(false), ["loss"]);
    assert_eq!(with(true), ["capture_unread"]);
}

// Who waits for whom.

#[test]
fn a_server_is_blamed_where_its_acknowledgment_proves_that_it_had_the_request() {
    let story = |acknowledged: bool| {
        let ack = acknowledged.then(|| b(60.0, 1, 101, "A", 0));
        let rest = [
            b(1030.0, 1, 101, "PA", 1000),
            a(1031.0, 101, 1001, "FA", 0),
            b(1041.0, 1001, 102, "FA", 0),
            a(1041.5, 102, 1002, "A", 0),
        ];
        opened([a(20.0, 1, 1, "PA", 100)].into_iter().chain(ack).chain(rest))
    };
    let blamed = finds(&story(true), &["pause error"]);
    says(&blamed, &["the application of 198.51.100.2:80 took 1", "to answer the request of frame 4"]);
    let open = finds(&story(false), &["pause warning"]);
    says(&open, &["its application or the path, since nothing shows that it had the request before"]);
}

#[test]
fn regular_small_messages_are_a_stream_and_a_paused_transfer_is_not() {
    let messages = |size: u32| {
        let one = move |n: u32| {
            let (time, seq) = (20.0 + 500.0 * f64::from(n), 1 + size * n);
            let last = (size - 1) / 1000;
            let parts = (0..=last).map(move |part| {
                let from = seq + 1000 * part;
                a(
                    time + f64::from(part) / 10.0,
                    from,
                    1,
                    if part == last { "PA" } else { "A" },
                    (seq + size - from).min(1000),
                )
            });
            parts.chain([b(time + 15.0, 1, seq + size, "A", 0)])
        };
        opened((0..10).flat_map(one))
    };
    finds(&messages(400), &["pause note"]);
    finds(&messages(18_000), &["pause error"]);
}

#[test]
fn what_comes_after_a_silence_with_a_timestamp_from_before_it_was_held_up() {
    let frozen = |by: u32| {
        let mut story = download(&[]);
        for packet in story.iter_mut().skip_while(|packet| packet.ip_id != 130) {
            packet.time += std::time::Duration::from_secs(2);
            // Timestamps of a sender that really paused go on with the time.
            if packet.side == Side::B && packet.len > 0 {
                let value = 5060 + u32::from(packet.ip_id - 100) + by;
                packet.options = b(0.0, 0, 0, "A", 0).timestamps(value, 1040).options;
            }
        }
        story
    };
    let held = finds(&frozen(0), &["delay error"]);
    says(&held, &["packets of 198.51.100.2:80 were held up on their way once", "timestamps from before"]);
    let paused = finds(&frozen(2000), &["pause error"]);
    says(&paused, &["the application of 198.51.100.2:80 paused once"]);
}

#[test]
fn a_slow_clock_holds_nothing_up_and_a_word_after_a_long_time_is_no_answer() {
    // Half a second a tick: that the timestamp stands still for a while says nothing.
    let tick = |n: u32| (20.0 + 400.0 * f64::from(n), 1 + 30_000 * n, 1000 + n * 4 / 5);
    let mut story = vec![
        offer(a(0.0, 0, 0, "S", 0)).timestamps(1000, 0),
        offer(b(9.0, 0, 1, "SA", 0)).timestamps(1, 1000),
        a(10.0, 1, 1, "A", 0).timestamps(1000, 1),
    ];
    for n in 0..20u32 {
        let (time, seq, value) = tick(n);
        story.extend(
            (0..15).map(|part| a(time + f64::from(part), seq + 2000 * part, 1, "A", 2000).timestamps(value, 1)),
        );
        story.push(b(time + 30.0, 1, seq + 30_000, "A", 0).timestamps(1, value).window(40_000));
    }
    assert!(!kinds(&found(&in_order(story))).iter().any(|kind| kind.starts_with("delay")));
    // Keep-alives of an application, one each way every minute.
    let turns = (0..6u32).flat_map(|n| {
        let (time, to, from) = (60_000.0 * f64::from(n + 1), 1 + 19 * n, 1 + 19 * n);
        [
            a(time, to, from, "PA", 19),
            b(time + 5.0, from, to + 19, "A", 0),
            b(time + 30_000.0, from, to + 19, "PA", 19),
            a(time + 30_005.0, to + 19, from + 19, "A", 0),
        ]
    });
    let findings = found(&opened(turns));
    assert!(findings.iter().all(|found| found.severity == Severity::Note), "{findings:#?}");
}

#[test]
fn a_keep_alive_of_a_byte_is_no_payload_and_ends_no_pause() {
    let probes = [a(60_000.0, NEXT - 1, 1, "A", 1), b(60_010.0, 1, NEXT, "A", 0)];
    assert_eq!(found(&after_a_transfer(probes)), []);
}

#[test]
fn who_waits_for_a_window_does_not_quarrel_with_delayed_acknowledgments() {
    let round = |n: u32| {
        let (time, seq) = (20.0 + 70.0 * f64::from(n), 1 + 20_000 * n);
        let data = (0..20).map(move |part| a(time + f64::from(part) / 100.0, seq + 1000 * part, 1, "PA", 1000));
        data.chain([b(time + 60.0, 1, seq + 20_000, "A", 0)])
    };
    let findings = found(&opened((0..20).flat_map(round)));
    assert!(findings.iter().all(|found| found.kind != "nagle"), "{findings:#?}");
}

#[test]
fn nobody_waits_for_a_server_while_its_client_thinks_for_long() {
    let turn = |n: u32| {
        let (time, to, from) = (20.0 + 5300.0 * f64::from(n), 1 + 100 * n, 1 + 1000 * n);
        [
            a(time, to, from, "PA", 100),
            b(time + 40.0, from, to + 100, "A", 0),
            b(time + 290.0, from, to + 100, "PA", 1000),
            a(time + 290.5, to + 100, from + 1000, "A", 0),
        ]
    };
    finds(&opened((0..4).flat_map(turn)), &["pause error"]);
}

// Silence.

#[test]
fn bytes_that_never_come_and_the_silence_after_them_look_like_lost_full_packets() {
    // A request, a short answer, and then nothing: an acknowledgment 15 s later shows how much had been sent.
    let story = opened([
        a(20.0, 1, 1, "PA", 84),
        b(60.0, 1, 85, "PA", 204),
        a(60.1, 85, 205, "A", 0),
        a(15_000.0, 85, 205, "FA", 0),
        b(15_040.0, 17_581, 86, "A", 0),
    ]);
    let hole = finds(&story, &["mtu error"]);
    says(&hole, &["17,376 bytes of 198.51.100.2:80 never came", "in 15 s", "no segment of more than 204 bytes"]);
}

#[test]
fn full_segments_that_did_arrive_are_no_black_hole() {
    // 1460 bytes were acknowledged before; what is sent in vain now is no larger.
    let mut story = opened([a(20.0, 1, 1, "PA", 1460), b(30.0, 1, 1461, "A", 0), a(31.0, 1461, 1, "A", 1460)]);
    story.extend([300.0, 800.0, 1800.0, 3800.0].map(|time| a(time, 1461, 1, "A", 1460)));
    let gone = finds(&story, &["vanished error"]);
    says(&gone, &["198.51.100.2:80 vanished: nothing came from it in 3.77 s", "192.0.2.1:40000 sent 4 repetitions"]);
}

#[test]
fn keep_alives_that_nobody_answers_mean_that_the_peer_is_gone() {
    let probes = (1..=4).map(|n| a(60_000.0 + 10_000.0 * f64::from(n), NEXT - 1, 1, "A", 0));
    let gone = finds(&after_a_transfer(probes), &["vanished error"]);
    says(&gone, &["198.51.100.2:80 vanished", "4 keep-alive probes"]);
}

// Windows.

#[test]
fn a_window_of_nothing_after_the_sender_has_closed_is_nothing() {
    let story = [
        a(200.0, NEXT, 1, "FA", 0),
        b(210.0, 1, NEXT + 1, "A", 0).window(0),
        b(1210.0, 1, NEXT + 1, "FA", 0).window(0),
    ];
    assert_eq!(found(&after_a_transfer(story)), []);
}

#[test]
fn a_window_that_grows_as_it_is_filled_is_none_too_small_and_one_that_does_not_is() {
    let filled = |grows: bool| {
        let mut seq = 1;
        let mut story = open(50.0);
        for round in 0..12u32 {
            let window = if grows { 2000 * (round + 1) } else { 10_000 };
            let begin = 60.0 + 50.0 * f64::from(round);
            let count = window / 1000;
            story.extend((0..count).map(|n| a(begin + f64::from(n) / 10.0, seq + 1000 * n, 1, "A", 1000)));
            seq += 1000 * count;
            let next = if grows { 2000 * (round + 2) } else { 10_000 };
            story.push(b(begin + 49.0, 1, seq, "A", 0).window(next as u16));
        }
        story[1] = story[1].clone().window(if grows { 2000 } else { 10_000 });
        in_order(story)
    };
    assert_eq!(found(&filled(true)), []);
    let small = finds(&filled(false), &["small_window error"]);
    says(&small, &["because the window of 198.51.100.2:80 was full: it never offered more than 10,000 bytes"]);
}

#[test]
fn one_stall_is_told_once() {
    // The window closes for good, and the sender gives up.
    let full = (0..20).map(|n| a(140.0 + f64::from(n) / 10.0, NEXT + 1000 * n, 1, "A", 1000));
    let probe = |time| [a(time, NEXT + 20_000, 1, "A", 1), b(time + 10.0, 1, NEXT + 20_000, "A", 0).window(0)];
    let story = full
        .chain([b(152.0, 1, NEXT + 20_000, "A", 0).window(0)])
        .chain([400.0, 900.0, 1900.0, 3900.0, 7900.0].into_iter().flat_map(probe))
        .chain([a(9000.0, NEXT + 20_001, 1, "RA", 0)]);
    let findings = found(&after_a_transfer(story));
    assert_eq!(kinds(&findings), ["reset note", "zero_window error"], "{findings:#?}");
}

#[test]
fn a_box_that_strips_window_scaling_is_the_cause_and_not_a_slow_reader() {
    let scale = |packet: Packet| offer(packet).option(TcpOption::WindowScale(10));
    let mut story = vec![
        scale(a(0.0, 0, 0, "S", 0)),
        offer(b(40.0, 0, 1, "SA", 0)).window(64_000),
        a(40.1, 1, 1, "A", 0),
        a(41.0, 1, 1, "A", 1460),
        b(81.0, 1, 1461, "A", 0).window(62),
    ];
    for n in 0..10u32 {
        let (time, seq) = (300.0 + 250.0 * f64::from(n), 1461 + 62 * n);
        story.push(a(time, seq, 1, "PA", 62));
        story.push(b(time + 40.0, 1, seq + 62, "A", 0).window(62));
    }
    let stripped = finds(&story, &["stripped error"]);
    says(&stripped, &["offers a window of 64,000 bytes and no scale, and the next one is 62 bytes"]);
}

#[test]
fn who_fills_a_scaled_window_as_if_it_were_not_scaled_did_not_get_the_offer() {
    let scale = |packet: Packet| offer(packet).option(TcpOption::WindowScale(10));
    let mut story =
        vec![scale(a(0.0, 0, 0, "S", 0)), scale(b(0.1, 0, 1, "SA", 0)).window(64_000), a(40.1, 1, 1, "A", 0)];
    for n in 0..10u32 {
        let (time, seq) = (300.0 + 250.0 * f64::from(n), 1 + 62 * n);
        story.push(a(time, seq, 1, "PA", 62));
        story.push(b(time + 0.1, 1, seq + 62, "A", 0).window(62));
    }
    let stripped = finds(&story, &["stripped error"]);
    says(&stripped, &["9 segments of 192.0.2.1:40000 end where the window of 198.51.100.2:80 would end"]);
}

#[test]
fn timestamps_that_disappear_are_the_cause_of_what_they_cost() {
    let open = [
        offer(a(0.0, 0, 0, "S", 0)).timestamps(1, 0),
        offer(b(9.0, 0, 1, "SA", 0)).timestamps(1, 1),
        a(10.0, 1, 1, "A", 0),
    ];
    let sent = [20.0, 230.0, 650.0, 1500.0, 3200.0].map(|time| a(time, 1, 1, "PA", 100));
    let story: Vec<_> = open.iter().cloned().chain(sent).collect();
    let stripped = finds(&story, &["stripped error"]);
    says(&stripped, &["6 segments of 192.0.2.1:40000 carry no timestamps", "were spent on sending them again"]);
    let taken = [a(20.0, 1, 1, "PA", 100), b(30.0, 1, 101, "A", 0).timestamps(2, 1)];
    let story: Vec<_> = open.into_iter().chain(taken).collect();
    finds(&story, &["stripped warning"]);
}

// Resets.

#[test]
fn a_client_that_resets_when_it_has_its_answer_does_no_harm_and_one_that_leaves_data_unread_does() {
    let asked = || [a(20.0, 1, 1, "PA", 100), b(30.0, 1, 101, "PA", 1000), a(30.1, 101, 1001, "A", 0)];
    finds(&opened(asked().into_iter().chain([a(400.0, 101, 1001, "RA", 0)])), &["reset note"]);
    let more = [b(31.0, 1001, 101, "A", 1000), b(31.1, 2001, 101, "A", 1000), a(31.5, 101, 2001, "RA", 0)];
    finds(&opened(asked().into_iter().chain(more)), &["reset error"]);
    // Acknowledged all that came, and was still being sent to.
    let more = [a(31.5, 101, 1001, "RA", 0), b(31.6, 1001, 101, "A", 1000), a(31.7, 101, 0, "R", 0)];
    finds(&opened(asked().into_iter().chain(more)), &["reset error"]);
}

// Queues.

/// An upload of which every acknowledgment takes longer than the one before, up to a queue of `most` milliseconds.
fn filling(most: f64) -> Vec<Packet> {
    let packets = (0..300u32).flat_map(|n| {
        let (time, seq) = (20.0 + 4.0 * f64::from(n), 1 + 1000 * n);
        let waits = (f64::from(n) * 1.0).min(most);
        [a(time, seq, 1, "A", 1000), b(time + 10.0 + waits, 1, seq + 1000, "A", 0).window(60_000)]
    });
    opened(in_order(packets.collect()))
}

#[test]
fn round_trips_far_above_their_least_while_data_flows_are_a_queue() {
    let queue = finds(&filling(150.0), &["queue warning"]);
    says(&queue, &["packets of 192.0.2.1:40000 wait in a queue", "160 ms at most", "9 ms at least"]);
    assert_eq!(found(&filling(15.0)), [], "a queue of 15 ms is what a link needs");
}

// What keeps a verdict from being said.

#[test]
fn of_one_direction_alone_nothing_is_missing_and_nobody_is_gone() {
    let mut story: Vec<_> = opened(bulk(20.0, 1, 200)).into_iter().filter(|packet| packet.side == Side::A).collect();
    story.remove(50);
    story.extend([2000.0, 2300.0, 3000.0].map(|time| a(time, 200_001, 1, "FA", 0)));
    assert_eq!(told(&story), ["one_direction note"]);
}

#[test]
fn what_the_capture_is_of_one_connection_among_many_is_not_said_of_all() {
    let on = |port: u16| opened(bulk(20.0, 1, 20)).into_iter().map(move |packet| packet.port(port));
    let half = on(40_002).filter(|packet| packet.side == Side::A);
    assert_eq!(told(&in_order(on(40_000).chain(on(40_001)).chain(half).collect())), Vec::<String>::new());
}

#[test]
fn of_wrong_checksums_most_must_have_been_sent_again_to_be_damage() {
    let again = [
        a(200.0, NEXT, 1, "A", 1000).checksum(Checksum::Bad),
        a(430.0, NEXT, 1, "A", 1000),
        b(440.0, 1, NEXT + 1000, "A", 0),
    ];
    let mut story = after_a_transfer(again);
    finds(&story, &["damage warning"]);
    let taken = story.iter_mut().find(|packet| packet.len > 0).unwrap();
    *taken = taken.clone().checksum(Checksum::Bad);
    finds(&story, &["loss warning"]);
}

#[test]
fn where_the_capture_lacks_segments_it_may_lack_repetitions_as_well() {
    let mut story = opened(bulk(20.0, 1, 100));
    for n in [20, 40, 60] {
        let (time, seq) = (20.1 + f64::from(n), 1 + 1000 * n);
        story.push(b(time + 10.2, 1, seq + 2000, "A", 0).sack(&[(seq, seq + 1000)]));
    }
    let mut story = in_order(story);
    assert_eq!(told(&story), ["network_duplicates warning"]);
    story.retain(|packet| packet.header.seq != a(0.0, 80_001, 1, "A", 1000).header.seq);
    assert_eq!(told(&story), ["capture_gap note"]);
}

#[test]
fn a_byte_that_is_sent_again_by_design_is_not_doubled_by_the_network() {
    let probe = [a(190.0, NEXT - 1, 1, "A", 1), b(200.0, 1, NEXT, "A", 0).sack(&[(NEXT - 1, NEXT)])];
    assert_eq!(found(&after_a_transfer(probe)), []);
}

#[test]
fn a_byte_alone_is_not_missing() {
    let story = |bytes: u32| opened([b(20.0, 1 + bytes, 1, "A", 1000), a(1500.0, 1, 1, "A", 0)]);
    finds(&story(2), &["missing error"]);
    assert_eq!(found(&story(1)), []);
}

#[test]
fn a_small_hole_is_no_full_packet() {
    let story = |hole: u32| {
        opened([
            a(20.0, 1, 1, "PA", 84),
            b(60.0, 1, 85, "PA", 204),
            a(60.1, 85, 205, "A", 0),
            a(15_000.0, 85, 205, "FA", 0),
            b(15_040.0, 205 + hole, 86, "A", 0),
        ])
    };
    finds(&story(1095), &["mtu error"]);
    finds(&story(1094), &["missing error"]);
}

#[test]
fn one_segment_without_timestamps_strips_nothing() {
    let story = |third: Packet| {
        [
            offer(a(0.0, 0, 0, "S", 0)).timestamps(1, 0),
            offer(b(9.0, 0, 1, "SA", 0)).timestamps(1, 1),
            third,
            a(20.0, 1, 1, "PA", 100),
            b(30.0, 1, 101, "A", 0).timestamps(2, 1),
        ]
    };
    finds(&story(a(10.0, 1, 1, "A", 0)), &["stripped warning"]);
    finds(&story(a(10.0, 1, 1, "A", 0).timestamps(2, 1)), &["protocol note"]);
}

#[test]
fn a_window_that_seems_to_collapse_and_is_never_full_strips_nothing() {
    let story = [
        offer(a(0.0, 0, 0, "S", 0)).option(TcpOption::WindowScale(10)),
        offer(b(40.0, 0, 1, "SA", 0)).window(64_000),
        a(40.1, 1, 1, "A", 0),
        a(41.0, 1, 1, "PA", 20),
        b(81.0, 1, 21, "A", 0).window(62),
        a(120.0, 21, 1, "PA", 20),
        b(160.0, 1, 41, "A", 0).window(62),
    ];
    finds(&story, &["protocol note"]);
}

#[test]
fn a_window_of_less_than_a_segment_is_closed_only_where_it_was_larger() {
    let rounds = |most: u16| {
        let mut story = open(10.0);
        story[1] = story[1].clone().window(most);
        let round = |n: u32| {
            let (time, seq) = (20.0 + 60.0 * f64::from(n), 1 + 1900 * n);
            [
                a(time, seq, 1, "PA", 1000),
                b(time + 10.0, 1, seq + 1000, "A", 0).window(900),
                a(time + 20.0, seq + 1000, 1, "PA", 900),
                b(time + 30.0, 1, seq + 1900, "A", 0).window(most),
            ]
        };
        story.extend((0..5).flat_map(round));
        story
    };
    assert_eq!(found(&rounds(1500)), []);
    finds(&rounds(2500), &["protocol note", "zero_window warning"]);
}

#[test]
fn who_answered_before_is_not_silent() {
    let story = opened([
        a(20.0, 1, 1, "PA", 100),
        b(30.0, 1, 101, "PA", 1000),
        a(30.1, 101, 1001, "A", 0),
        a(40.0, 101, 1001, "PA", 100),
        b(50.0, 1001, 201, "A", 0),
        a(5050.0, 201, 1001, "FA", 0),
        b(5060.0, 1001, 202, "FA", 0),
        a(5060.5, 202, 1002, "A", 0),
    ]);
    assert_eq!(found(&story), []);
}

#[test]
fn a_half_closed_connection_is_not_gone() {
    let story = after_a_transfer([a(200.0, NEXT, 1, "FA", 0), b(210.0, 1, NEXT + 1, "A", 0)]);
    let (connection, _) = analyse(&story);
    assert_eq!(of_connection(&connection, at(60_000.0)), []);
}

#[test]
fn a_sender_whose_clock_went_on_for_a_third_of_the_silence_was_not_held_up() {
    let after = |by: u32| {
        let mut story = download(&[]);
        for packet in story.iter_mut().skip_while(|packet| packet.ip_id != 130) {
            packet.time += std::time::Duration::from_secs(2);
            if packet.side == Side::B && packet.len > 0 {
                let value = 5060 + u32::from(packet.ip_id - 100) + by;
                packet.options = b(0.0, 0, 0, "A", 0).timestamps(value, 1040).options;
            }
        }
        story
    };
    finds(&after(400), &["delay error"]);
    finds(&after(600), &["pause error"]);
}

#[test]
fn a_server_that_takes_little_is_blamed_for_it_where_its_client_thinks_for_long() {
    let round = |n: u32| {
        let (time, seq, answered) = (20.0 + 4300.0 * f64::from(n), 1 + 100 * n, 1 + 1000 * n);
        [
            a(time, seq, answered, "PA", 100),
            b(time + 10.0, answered, seq + 100, "A", 0),
            b(time + 300.0, answered, seq + 100, "PA", 1000),
            a(time + 300.1, seq + 100, answered + 1000, "A", 0),
        ]
    };
    finds(&opened((0..4).flat_map(round)), &["pause error", "pause note"]);
}

#[test]
fn a_silence_of_less_than_two_round_trips_is_no_pause() {
    let rounds = |silence: f64| {
        let round = move |n: u32| {
            let (time, seq) = (320.0 + (290.0 + silence) * f64::from(n), 1 + 1000 * n);
            [a(time, seq, 1, "PA", 1000), b(time + 270.0, 1, seq + 1000, "A", 0)]
        };
        open(300.0).into_iter().chain((0..6).flat_map(round)).collect::<Vec<_>>()
    };
    assert_eq!(found(&rounds(200.0)), []);
    finds(&rounds(400.0), &["pause note"]);
}

#[test]
fn questions_and_answers_in_close_order_are_no_trickle() {
    let turn = |n: u32| {
        let (time, seq, answered) = (20.0 + 60.0 * f64::from(n), 1 + 200 * n, 1 + 100 * n);
        [
            a(time, seq, answered, "PA", 200),
            b(time + 10.0, answered, seq + 200, "PA", 100),
            a(time + 10.1, seq + 200, answered + 100, "A", 0),
        ]
    };
    assert_eq!(found(&opened((0..40).flat_map(turn))), []);
}

#[test]
fn a_server_that_resets_after_a_transfer_does_not_have_what_it_wants() {
    let story = |who: fn(f64, u32, u32, &str, u32) -> Packet| {
        let rest = [a(20.0, 1, 1, "PA", 100), b(30.0, 1, 101, "PA", 1000), a(30.1, 101, 1001, "PA", 100)];
        opened(rest.into_iter().chain([b(40.0, 1001, 201, "A", 0), who(400.0, 1001, 201, "RA", 0)]))
    };
    says(&finds(&story(b), &["reset error"]), &["it did not answer the last data"]);
}

#[test]
fn who_waits_for_an_answer_to_a_request_that_was_held_back_waits_for_the_path() {
    let request = || a(20.0, 1, 1, "PA", 100);
    let story = opened([request(), b(60.0, 1, 101, "A", 0), b(1030.0, 1, 101, "PA", 1000)]);
    let knowing = |comment: &str, held: &Packet| {
        let mut truth = Truth::default();
        truth.on_incident(comment, Some(&held.segment(9)));
        let (connection, _) = analyse(&story);
        let mut findings = of_connection(&connection, story.last().unwrap().time);
        know(&mut findings, &connection, &truth);
        kinds(&findings)
    };
    for comment in ["delayed by 30 ms", "reordered behind 3"] {
        assert_eq!(knowing(comment, &request()), ["delay note"], "{comment}");
    }
    assert_eq!(knowing("dropped", &request()), ["pause error"]);
    assert_eq!(knowing("delayed by 30 ms", &a(20.0, 101, 1, "PA", 100)), ["pause error"], "another one");
    assert_eq!(knowing("delayed by 30 ms", &b(20.0, 1, 1, "PA", 100)), ["pause error"], "the other way");
}

#[test]
fn a_full_window_of_which_nothing_arrives_for_long_waits_for_the_path() {
    let rounds = |wait: f64| {
        let round = move |n: u32| {
            let (time, seq) = (60.0 + (wait + 5.0) * f64::from(n), 1 + 20_000 * n);
            let sent = (0..10).map(move |k| a(time + f64::from(k) / 10.0, seq + 2000 * k, 1, "A", 2000));
            sent.chain([b(time + 0.9 + wait, 1, seq + 20_000, "A", 0)])
        };
        open(50.0).into_iter().chain((0..20).flat_map(round)).collect::<Vec<_>>()
    };
    // Three round trips, and what an acknowledgment may be delayed.
    finds(&rounds(140.0), &["small_window error"]);
    assert_eq!(found(&rounds(200.0)), []);
}

#[test]
fn gaps_that_close_by_themselves_say_nothing_where_the_capture_lacks_segments() {
    let mut story = bulk(20.0, 1, 100);
    story.retain(|packet| !(packet.side == Side::B && packet.time > at(59.0) && packet.time < at(61.6)));
    story.push(b(60.5, 1, 30_001, "A", 0).sack(&[(31_001, 32_001)]));
    story.push(b(61.0, 1, 32_001, "A", 0));
    let mut story = opened(in_order(story));
    assert_eq!(told(&story), ["reordering note"]);
    story.retain(|packet| packet.header.seq != a(0.0, 80_001, 1, "A", 1000).header.seq);
    assert_eq!(told(&story), ["capture_gap note"]);
}

#[test]
fn what_the_network_doubled_the_capture_did_not() {
    let mut story = opened(bulk(20.0, 1, 100));
    for n in [20, 40, 60] {
        let (time, seq) = (20.1 + f64::from(n), 1 + 1000 * n);
        story.push(a(time, seq, 1, "A", 1000));
        story.push(b(time + 10.2, 1, seq + 2000, "A", 0).sack(&[(seq, seq + 1000)]));
    }
    assert_eq!(told(&in_order(story)), ["network_duplicates warning"]);
}

#[test]
fn a_duplicate_sack_for_a_part_of_what_was_sent_again_is_not_the_networks() {
    let story = [
        a(200.0, NEXT, 1, "A", 1000),
        a(430.0, NEXT, 1, "A", 1000),
        b(440.0, 1, NEXT + 1000, "A", 0).sack(&[(NEXT, NEXT + 500)]),
    ];
    finds(&after_a_transfer(story), &["loss warning"]);
}

#[test]
fn what_is_proved_needless_twice_is_counted_once() {
    let story = [
        a(200.0, NEXT, 1, "A", 1000).timestamps(200, 1),
        b(210.0, 1, NEXT + 1000, "A", 0).timestamps(900, 200),
        a(430.0, NEXT, 1, "A", 1000).timestamps(430, 1),
        b(440.0, 1, NEXT + 1000, "A", 0).timestamps(1100, 200),
    ];
    let needless = finds(&after_a_transfer(story), &["spurious_retransmission note"]);
    says(&needless, &["sent 1 segment again without need: 1 because the capture has"]);
}

#[test]
fn a_wrong_checksum_of_a_bare_acknowledgment_says_nothing_of_data() {
    let story = [
        a(150.0, NEXT, 1, "A", 0).checksum(Checksum::Bad),
        a(200.0, NEXT, 1, "A", 1000).checksum(Checksum::Bad),
        a(430.0, NEXT, 1, "A", 1000),
        b(440.0, 1, NEXT + 1000, "A", 0),
    ];
    finds(&after_a_transfer(story), &["damage warning"]);
}

#[test]
fn an_answer_takes_as_long_as_everything_else_on_a_slow_path() {
    let story = |answer: f64| {
        let packets = (0..300u32).flat_map(|n| {
            let (time, seq) = (20.0 + 4.0 * f64::from(n), 1 + 1000 * n);
            let ack = (n < 298).then(|| b(time + 10.0 + f64::from(n).min(150.0), 1, seq + 1000, "A", 0).window(60_000));
            [a(time, seq, 1, "A", 1000)].into_iter().chain(ack)
        });
        let answer = b(20.0 + 4.0 * 299.0 + answer, 1, 300_001, "PA", 1000).window(60_000);
        opened(in_order(packets.chain([answer]).collect()))
    };
    finds(&story(230.0), &["queue warning"]);
    finds(&story(250.0), &["pause warning", "queue warning"]);
}

#[test]
fn who_waits_for_late_acknowledgments_has_something_to_send() {
    let write = |n: u32| {
        let (time, seq) = (20.0 + 45.1 * f64::from(n), 1 + 100 * n);
        [a(time, seq, 1, "PA", 100), b(time + 45.0, 1, seq + 100, "A", 0)]
    };
    finds(&opened((0..40).flat_map(write)), &["nagle error"]);
}

#[test]
fn a_loss_that_was_inferred_from_a_repetition_is_taken_back_when_the_original_comes() {
    let (again, mut truth) = (a(0.0, 1, 1, "A", 1000), Truth::default());
    truth.on_incident("delayed by 30 ms", None);
    truth.on_segment(&again.segment(1), Judgement::Repair(Cause::Fast));
    assert_eq!((truth.dropped.invented, truth.reordered.found), (1, 0));
    truth.on_segment(&again.segment(2), Judgement::Overtaken);
    assert_eq!((truth.dropped.invented, truth.reordered.found), (0, 1));
}

#[test]
fn what_bears_the_tick_of_what_passed_it_was_on_its_way_however_late_it_comes() {
    // 37 ms late on a path of 40, without identifications: by its delay alone it could have been sent again.
    let story = |again| {
        let story = download(&[(20, 38.0, again)]);
        story.into_iter().map(|packet| packet.ip_id(0)).collect::<Vec<_>>()
    };
    finds(&story(1), &["reordering note"]);
    finds(&story(2), &["loss warning"]);
}

#[test]
fn a_segment_that_is_sent_again_twice_is_no_black_hole_yet() {
    let sent = |times: usize| {
        let mut story = opened([a(20.0, 1, 1, "PA", 100), b(30.0, 1, 101, "PA", 200), a(31.0, 101, 201, "A", 1460)]);
        story.extend([300.0, 550.0, 1000.0].iter().take(times).map(|time| a(*time, 101, 201, "A", 1460)));
        found(&story).iter().any(|found| found.kind == "mtu")
    };
    assert!(!sent(2) && sent(3));
}

#[test]
fn one_needless_repetition_does_not_hide_a_loss() {
    let story = [
        a(200.0, NEXT, 1, "A", 1000),
        a(430.0, NEXT, 1, "A", 1000),
        b(440.0, 1, NEXT + 1000, "A", 0),
        a(500.0, NEXT + 1000, 1, "A", 1000),
        a(730.0, NEXT + 1000, 1, "A", 1000),
        b(732.0, 1, NEXT + 2000, "A", 0),
        b(740.0, 1, NEXT + 2000, "A", 0).sack(&[(NEXT + 1000, NEXT + 2000)]),
    ];
    finds(&after_a_transfer(story), &["loss error", "spurious_retransmission note"]);
}

#[test]
fn a_window_that_is_filled_to_the_unscaled_edge_a_few_times_may_be_chance() {
    let scale = |packet: Packet| offer(packet).option(TcpOption::WindowScale(10));
    let filled = |count: u32| {
        let mut story =
            vec![scale(a(0.0, 0, 0, "S", 0)), scale(b(0.1, 0, 1, "SA", 0)).window(64_000), a(40.1, 1, 1, "A", 0)];
        for n in 0..=count {
            let (time, seq) = (300.0 + 250.0 * f64::from(n), 1 + 62 * n);
            story.push(a(time, seq, 1, "PA", 62));
            story.push(b(time + 0.1, 1, seq + 62, "A", 0).window(62));
        }
        found(&story).iter().any(|found| found.kind == "stripped")
    };
    assert!(!filled(4) && filled(5));
}

#[test]
fn a_client_that_resets_a_short_transfer_to_it_leaves_data_unread() {
    let story = opened([
        a(20.0, 1, 1, "PA", 100),
        b(30.0, 1, 101, "PA", 1000),
        a(30.1, 101, 1001, "A", 0),
        b(1500.0, 1001, 101, "A", 1000),
        b(1500.1, 2001, 101, "A", 1000),
        a(1500.5, 101, 2001, "RA", 0),
    ]);
    assert!(kinds(&found(&story)).contains(&"reset error".into()), "{:#?}", found(&story));
}

#[test]
fn who_sends_the_same_again_after_a_late_acknowledgment_did_not_wait_for_it() {
    let write = |n: u32| {
        let (time, seq) = (20.0 + 60.0 * f64::from(n), 1 + 100 * n);
        [a(time, seq, 1, "PA", 100), b(time + 45.0, 1, seq + 100, "A", 0), a(time + 46.5, seq, 1, "PA", 100)]
    };
    finds(&opened((0..4).flat_map(write)), &["spurious_retransmission warning"]);
}

#[test]
fn a_gap_that_is_told_of_after_it_was_filled_again_did_not_close_by_itself() {
    let story = [
        a(200.0, NEXT, 1, "A", 1000),
        a(201.0, NEXT + 1000, 1, "A", 1000),
        a(410.0, NEXT, 1, "A", 1000),
        b(411.0, 1, NEXT, "A", 0).sack(&[(NEXT + 1000, NEXT + 2000)]),
        b(420.0, 1, NEXT + 2000, "A", 0),
    ];
    finds(&after_a_transfer(story), &["loss warning"]);
}

#[test]
fn what_is_lost_twice_is_no_original_of_its_repetition() {
    let story = [
        a(200.0, NEXT, 1, "A", 1000).timestamps(200, 1),
        a(430.0, NEXT, 1, "A", 1000).timestamps(430, 1),
        a(890.0, NEXT, 1, "A", 1000).timestamps(890, 1),
        b(900.0, 1, NEXT + 1000, "A", 0).timestamps(900, 890),
    ];
    finds(&after_a_transfer(story), &["loss error"]);
}

#[test]
fn an_acknowledgment_in_the_second_half_of_the_wait_proves_too_little() {
    let story = |acknowledged: f64| {
        opened([a(20.0, 1, 1, "PA", 100), b(acknowledged, 1, 101, "A", 0), b(1030.0, 1, 101, "PA", 1000)])
    };
    finds(&story(500.0), &["pause error"]);
    finds(&story(550.0), &["pause warning"]);
}

#[test]
fn what_never_came_is_not_told_beside_a_peer_that_is_gone() {
    let story = [200.0, 430.0, 900.0, 1800.0].map(|time| a(time, NEXT + 1000, 1, "A", 1000));
    finds(&after_a_transfer(story), &["vanished error"]);
}
