//! A verdict rests on evidence: what looks like trouble and is none, and beside it the trouble itself.

use super::*;
use crate::analysis::exchange::{at, bytes, frame, open};
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
