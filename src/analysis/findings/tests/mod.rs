//! Exchanges, and what a person should know of them.

mod evidence;

use super::*;
use crate::analysis::connection::IcmpNote;
use crate::analysis::exchange::{Packet, a, analyse, b, capture, offer, open, opened};
use crate::analysis::segment::Checksum;
use crate::wire::TcpOption;
use crate::wire::icmp::IcmpKind;

/// What is found in a connection that was captured until its last segment.
fn found(packets: &[Packet]) -> Vec<Finding> {
    let (connection, _) = analyse(packets);
    of_connection(&connection, packets.last().unwrap().time)
}

/// Kind and severity of each, in order of the kinds.
fn kinds(findings: &[Finding]) -> Vec<String> {
    let mut kinds: Vec<String> = findings.iter().map(|found| format!("{} {}", found.kind, found.severity)).collect();
    kinds.sort();
    kinds
}

/// Exactly these are found; the first one of the list's first kind is given back.
#[track_caller]
fn finds(packets: &[Packet], expected: &[&str]) -> Finding {
    let findings = found(packets);
    assert_eq!(kinds(&findings), expected, "{findings:#?}");
    assert!(
        findings.iter().all(|found| !found.text.contains("PEER") && !found.advice.contains("PEER")),
        "{findings:#?}"
    );
    findings.into_iter().find(|found| expected[0].starts_with(found.kind)).unwrap()
}

/// The sentence has all these words.
#[track_caller]
fn says(finding: &Finding, words: &[&str]) {
    for words in words {
        assert!(finding.text.contains(words), "'{words}' in: {}", finding.text);
    }
}

fn in_order(mut packets: Vec<Packet>) -> Vec<Packet> {
    packets.sort_by_key(|packet| packet.time);
    packets
}

/// `count` segments of 1000 bytes from `first`, one a millisecond; every second is acknowledged 10 ms later.
fn bulk(begin: f64, first: u32, count: u32) -> Vec<Packet> {
    let packets = (0..count).flat_map(|n| {
        let (time, seq) = (begin + f64::from(n), first + 1000 * n);
        let acknowledged = n % 2 == 1 || n == count - 1;
        let ack = acknowledged.then(|| b(time + 10.0, 1, seq + 1000, "A", 0));
        [a(time, seq, 1, "A", 1000)].into_iter().chain(ack)
    });
    in_order(packets.collect())
}

/// A transfer of 100 segments, and then one of these is sent and `rest` happens from 200 ms on, at byte 100,001.
fn after_a_transfer(rest: impl IntoIterator<Item = Packet>) -> Vec<Packet> {
    opened(bulk(20.0, 1, 100).into_iter().chain(rest))
}

/// The byte behind the transfer.
const NEXT: u32 = 100_001;

// Nothing.

#[test]
fn a_healthy_connection_has_no_findings() {
    let story = opened([
        a(20.0, 1, 1, "PA", 100),
        b(30.0, 1, 101, "A", 0),
        b(31.0, 1, 101, "PA", 1400),
        a(31.5, 101, 1401, "A", 0),
        a(40.0, 101, 1401, "FA", 0),
        b(50.0, 1401, 102, "FA", 0),
        a(50.5, 102, 1402, "A", 0),
    ]);
    assert_eq!(found(&story), []);
}

#[test]
fn ten_thousand_segments_in_order_have_no_findings() {
    let mut story = opened(bulk(20.0, 1, 10_000));
    let end = 10_000_001;
    story.extend([a(11_000.0, end, 1, "FA", 0), b(11_010.0, 1, end + 1, "FA", 0), a(11_010.5, end + 1, 2, "A", 0)]);
    assert_eq!(found(&story), []);
}

#[test]
fn keep_alives_are_nothing_to_complain_about() {
    let idle = [a(60_000.0, NEXT - 1, 1, "A", 0), b(60_010.0, 1, NEXT, "A", 0)];
    assert_eq!(found(&after_a_transfer(idle)), []);
}

// Loss.

/// Five more segments, the first of them lost behind the capture, and three duplicates.
fn lost_and_told() -> Vec<Packet> {
    let data = (0..5).map(|n| a(200.0 + f64::from(n), NEXT + 1000 * n, 1, "A", 1000));
    let duplicates =
        (1..5).map(|n| b(210.0 + f64::from(n), 1, NEXT, "A", 0).sack(&[(NEXT + 1000, NEXT + 1000 + 1000 * n)]));
    data.chain(duplicates).collect()
}

#[test]
fn a_loss_that_is_repaired_at_once() {
    let repair = [a(215.0, NEXT, 1, "A", 1000), b(225.0, 1, NEXT + 5000, "A", 0)];
    let loss =
        finds(&after_a_transfer(in_order(lost_and_told().into_iter().chain(repair).collect())), &["loss warning"]);
    says(&loss, &["192.0.2.1:40000 sent 1 of 106 data segments again", "1 by fast retransmission", "1 recovery"]);
    assert!(loss.advice.contains("between the place of capture and the receiver"), "{}", loss.advice);
    assert_eq!(loss.frames.len(), 1);
}

#[test]
fn a_loss_before_the_place_of_capture_shows_as_a_gap() {
    let mut story = lost_and_told();
    story.remove(0);
    story.extend([a(215.0, NEXT, 1, "A", 1000), b(225.0, 1, NEXT + 5000, "A", 0)]);
    let loss = finds(&after_a_transfer(in_order(story)), &["loss warning"]);
    assert!(loss.advice.contains("between the sender and the place of capture"), "{}", loss.advice);
}

#[test]
fn many_losses_are_an_error() {
    let again = |n: u32| {
        let (time, seq) = (f64::from(n) * 235.0 + 150.0, NEXT + 1000 * n);
        [a(time, seq, 1, "A", 1000), a(time + 220.0, seq, 1, "A", 1000), b(time + 230.0, 1, seq + 1000, "A", 0)]
    };
    let loss = finds(&after_a_transfer((0..5).flat_map(again)), &["loss error"]);
    says(&loss, &["5 of 110 data segments again (4.5 %)", "5 recoveries", "5 only after a timeout (1.1 s in all"]);
}

#[test]
fn a_loss_that_only_a_timer_repairs() {
    let story = [a(200.0, NEXT, 1, "A", 1000), a(430.0, NEXT, 1, "A", 1000), b(440.0, 1, NEXT + 1000, "A", 0)];
    let loss = finds(&after_a_transfer(story), &["loss warning"]);
    says(&loss, &["1 only after a timeout (230 ms)"]);
}

#[test]
fn a_lost_tail_that_a_probe_repairs() {
    let story = [
        a(200.0, NEXT, 1, "A", 1000),
        a(201.0, NEXT + 1000, 1, "A", 1000),
        b(210.0, 1, NEXT + 1000, "A", 0),
        a(231.0, NEXT + 1000, 1, "A", 1000),
        b(241.0, 1, NEXT + 2000, "A", 0),
    ];
    says(&finds(&after_a_transfer(story), &["loss warning"]), &["1 by a tail loss probe"]);
}

#[test]
fn a_needless_retransmission_that_a_duplicate_sack_proves() {
    let story = |count| {
        [
            a(200.0, NEXT, 1, "A", 1000),
            a(430.0, NEXT, 1, "A", 1000),
            b(432.0, 1, NEXT + 1000, "A", 0),
            b(440.0, 1, NEXT + 1000, "A", 0).sack(&[(NEXT, NEXT + 1000)]),
        ][..count]
            .to_vec()
    };
    let needless = finds(&after_a_transfer(story(4)), &["spurious_retransmission note"]);
    says(&needless, &["sent 1 segment again without need", "duplicates (D-SACK)"]);
    finds(&after_a_transfer(story(3)), &["loss warning"]);
}

#[test]
fn a_needless_retransmission_that_a_timestamp_proves() {
    let story = |echo| {
        after_a_transfer([
            a(200.0, NEXT, 1, "A", 1000).timestamps(200, 1),
            a(430.0, NEXT, 1, "A", 1000).timestamps(430, 1),
            b(440.0, 1, NEXT + 1000, "A", 0).timestamps(900, echo),
        ])
    };
    let needless = finds(&story(200), &["spurious_retransmission note"]);
    says(&needless, &["echoes a timestamp from before"]);
    finds(&story(430), &["loss warning"]);
}

#[test]
fn what_was_sent_again_after_its_acknowledgment() {
    let story = [a(200.0, NEXT, 1, "A", 1000), b(210.0, 1, NEXT + 1000, "A", 0), a(430.0, NEXT, 1, "A", 1000)];
    says(
        &finds(&after_a_transfer(story), &["spurious_retransmission note"]),
        &["the capture has their acknowledgment"],
    );
}

#[test]
fn reordering_is_measured() {
    let story = [a(200.0, NEXT + 1000, 1, "A", 1000), a(200.4, NEXT, 1, "A", 1000), b(210.0, 1, NEXT + 2000, "A", 0)];
    let late = finds(&after_a_transfer(story), &["reordering note"]);
    says(&late, &["1 segment of 192.0.2.1:40000 came out of order", "400 us late", "2,000 bytes behind"]);
}

#[test]
fn a_receiver_that_takes_back_what_it_had_sacked() {
    let mut story = lost_and_told();
    story.extend([a(216.0, NEXT, 1, "A", 1000), b(226.0, 1, NEXT + 2000, "A", 0)]);
    story.extend([a(440.0, NEXT + 2000, 1, "A", 1000), b(450.0, 1, NEXT + 5000, "A", 0)]);
    let findings = found(&after_a_transfer(in_order(story)));
    let reneging = findings.iter().find(|found| found.kind == "reneging").expect("reneging");
    assert_eq!(reneging.severity, Severity::Warning);
    says(reneging, &["198.51.100.2:80 gave up data that it had acknowledged by SACK, once"]);
}

#[test]
fn damage_is_what_had_to_be_sent_again() {
    let data = (0..5).map(|n| a(200.0 + f64::from(n), NEXT + 1000 * n, 1, "A", 1000));
    let mut data: Vec<_> = data.collect();
    data[1] = data[1].clone().checksum(Checksum::Bad);
    let duplicates =
        (2..5).map(|n| b(210.0 + f64::from(n), 1, NEXT + 1000, "A", 0).sack(&[(NEXT + 2000, NEXT + 1000 + 1000 * n)]));
    let repair = [a(215.0, NEXT + 1000, 1, "A", 1000), b(225.0, 1, NEXT + 5000, "A", 0)];
    let story = in_order(data.into_iter().chain(duplicates).chain(repair).collect());
    let damage = finds(&after_a_transfer(story), &["damage warning"]);
    says(&damage, &["1 segment of 192.0.2.1:40000", "wrong checksum and had to be sent again"]);
}

#[test]
fn a_wrong_checksum_of_what_was_taken_is_no_damage() {
    let mut story = bulk(20.0, 1, 100);
    story[10] = story[10].clone().checksum(Checksum::Bad);
    let story = opened(story);
    assert_eq!(found(&story), []);
    begins(&in_capture(&story, 0), &["capture_offload note: 1 segment with a checksum that does not fit were taken"]);
}

// Packets that are too large.

/// Small ones pass; a full one does not, however often.
fn stuck() -> Vec<Packet> {
    let mut story = opened([a(20.0, 1, 1, "PA", 100), b(30.0, 1, 101, "PA", 200), a(31.0, 101, 201, "A", 1460)]);
    story.extend([300.0, 800.0, 1800.0, 3800.0].map(|time| a(time, 101, 201, "A", 1460)));
    story
}

#[test]
fn a_black_hole_for_large_packets() {
    let findings = found(&stuck());
    let hole = findings.iter().find(|found| found.kind == "mtu").expect("a black hole");
    assert_eq!(hole.severity, Severity::Error);
    says(hole, &["segments of 192.0.2.1:40000 with 1460 bytes never arrive"]);
    assert!(hole.advice.contains("clamp the MSS"));
}

#[test]
fn a_router_that_says_how_much_it_takes() {
    let with_message = |packets: &[Packet]| {
        let (mut connection, _) = analyse(packets);
        let from = [203, 0, 113, 1].into();
        connection.on_icmp(IcmpNote { frame: 7, from, what: IcmpKind::TooBig { mtu: 1400 } });
        of_connection(&connection, packets.last().unwrap().time)
    };
    let findings = with_message(&stuck());
    let mtu: Vec<_> = findings.iter().filter(|found| found.kind == "mtu").collect();
    assert_eq!(mtu.len(), 1);
    assert_eq!(mtu[0].severity, Severity::Error);
    says(mtu[0], &["203.0.113.1 says so and takes 1400 bytes at most"]);
    assert_eq!(mtu[0].frames[0], 7);
    // Heeded, it is nothing but a note.
    let heeded = opened([
        a(20.0, 1, 1, "A", 1460),
        a(21.0, 1, 1, "A", 1360),
        a(21.1, 1361, 1, "A", 100),
        b(31.0, 1, 1461, "A", 0),
    ]);
    let findings = with_message(&heeded);
    assert!(findings.iter().any(|found| found.kind == "mtu" && found.severity == Severity::Note), "{findings:#?}");
}

// Pace.

/// A fills the window of 20,000 bytes, B takes them and has no more room until it opens again at `until`.
fn closed(until: f64) -> Vec<Packet> {
    let full = (0..20).map(|n| a(140.0 + f64::from(n) / 10.0, NEXT + 1000 * n, 1, "A", 1000));
    let then = [
        b(152.0, 1, NEXT + 20_000, "A", 0).window(0),
        b(until, 1, NEXT + 20_000, "A", 0),
        a(until + 1.0, NEXT + 20_000, 1, "A", 1000),
        b(until + 11.0, 1, NEXT + 21_000, "A", 0),
    ];
    full.chain(then).collect()
}

#[test]
fn a_window_that_stays_closed() {
    let stall = finds(&after_a_transfer(closed(1152.0)), &["zero_window error"]);
    says(
        &stall,
        &["198.51.100.2:80 closed its window, or left less than a segment of it, once: 1 s in all", "the longest 1 s"],
    );
    // Still closed at the end, for a while or just now.
    let probe = || [a(452.0, NEXT + 20_000, 1, "A", 1), b(462.0, 1, NEXT + 20_000, "A", 0).window(0)];
    let stall = finds(&after_a_transfer(closed(1152.0).into_iter().take(21).chain(probe())), &["zero_window error"]);
    says(&stall, &["it was closed when the connection was last seen", "310 ms in all"]);
    finds(&after_a_transfer(closed(1152.0).into_iter().take(21)), &["zero_window note"]);
}

#[test]
fn a_window_that_closes_for_a_moment_is_a_note() {
    finds(&after_a_transfer(closed(162.0)), &["zero_window note"]);
}

#[test]
fn whoever_waits_for_a_closed_window_does_not_pause() {
    // The window opens, and data follows at once: the silence before is the receiver's.
    let story = after_a_transfer(closed(3000.0));
    assert!(!kinds(&found(&story)).iter().any(|kind| kind.starts_with("pause")), "{:#?}", found(&story));
}

#[test]
fn a_window_too_small_for_the_path() {
    let round = |n: u32| {
        let (time, seq) = (20.0 + 10.0 * f64::from(n), 1 + 2000 * n);
        [
            a(time, seq, 1, "A", 1000),
            a(time + 0.1, seq + 1000, 1, "A", 1000),
            b(time + 9.9, 1, seq + 2000, "A", 0).window(2000),
        ]
    };
    let mut story = open(10.0);
    story[1] = story[1].clone().window(2000);
    story.extend((0..100).flat_map(round));
    let small = finds(&story, &["small_window error"]);
    says(
        &small,
        &[
            "because the window of 198.51.100.2:80 was full",
            "never offered more than 2,000 bytes",
            "round trip of 10 ms",
        ],
    );
    assert!(small.advice.contains("did not offer window scaling"), "{}", small.advice);
}

/// Requests in two writes each, answered 1 ms after the second; the first is acknowledged `delay` later.
fn two_writes(delay: f64) -> Vec<Packet> {
    let request = |n: u32| {
        let (time, seq, answered) = (20.0 + 100.0 * f64::from(n), 1 + 200 * n, 1 + 300 * n);
        [
            a(time, seq, answered, "PA", 100),
            b(time + delay, answered, seq + 100, "A", 0),
            a(time + delay + 0.1, seq + 100, answered, "PA", 100),
            b(time + delay + 10.0, answered, seq + 200, "PA", 300),
            a(time + delay + 10.1, seq + 200, answered + 300, "A", 0),
        ]
    };
    opened((0..10).flat_map(request))
}

#[test]
fn nagle_against_delayed_acknowledgments() {
    let stalls = finds(&two_writes(45.0), &["nagle error"]);
    says(&stalls, &["192.0.2.1:40000 held data back 10 times", "450 ms lost, the longest 45 ms"]);
    assert!(stalls.advice.contains("TCP_NODELAY"));
}

#[test]
fn a_second_write_behind_an_acknowledgment_in_time_is_nothing() {
    assert_eq!(found(&two_writes(10.0)), []);
}

#[test]
fn a_sender_whose_application_pauses() {
    let rest = bulk(2200.0, NEXT, 100);
    let pause = finds(&after_a_transfer(rest), &["pause error"]);
    says(&pause, &["the application of 192.0.2.1:40000 paused once", "the window was open"]);
    assert!(pause.advice.contains("the network is not the cause"));
}

#[test]
fn a_client_that_thinks_between_requests_is_a_note() {
    let request = |n: u32| {
        let (time, seq, answered) = (20.0 + 1000.0 * f64::from(n), 1 + 100 * n, 1 + 1000 * n);
        [
            a(time, seq, answered, "PA", 100),
            b(time + 10.0, answered, seq + 100, "PA", 1000),
            a(time + 10.1, seq + 100, answered + 1000, "A", 0),
        ]
    };
    finds(&opened((0..5).flat_map(request)), &["pause note"]);
}

// Opening.

#[test]
fn a_syn_that_was_lost() {
    let story = [
        offer(a(0.0, 0, 0, "S", 0)),
        offer(a(1000.0, 0, 0, "S", 0)),
        offer(b(1009.0, 0, 1, "SA", 0)),
        a(1010.0, 1, 1, "A", 0),
        a(1020.0, 1, 1, "PA", 100),
        b(1030.0, 1, 101, "PA", 100),
    ];
    let lost = finds(&story, &["lost_syn error"]);
    says(&lost, &["192.0.2.1:40000 sent its SYN twice before 198.51.100.2:80 went on: 1 s passed"]);
    assert_eq!(lost.frames, [1, 2]);
}

#[test]
fn a_syn_ack_that_was_lost() {
    let mut story = open(10.0);
    story.insert(2, offer(b(1009.0, 0, 1, "SA", 0)));
    story[3] = a(1010.0, 1, 1, "A", 0);
    story.push(a(1011.0, 1, 1, "PA", 100));
    says(&finds(&story, &["lost_syn error"]), &["198.51.100.2:80 sent its SYN-ACK twice"]);
}

#[test]
fn nobody_answers() {
    let story = [0.0, 1000.0, 3000.0].map(|time| offer(a(time, 0, 0, "S", 0)));
    let silence = finds(&story, &["no_answer error"]);
    says(&silence, &["198.51.100.2:80 did not answer 3 SYNs of 192.0.2.1:40000 in 3 s"]);
    assert_eq!(silence.frames, [1, 2, 3]);
    assert_eq!(found(&story[..1]), [], "the capture ended too early to say so");
}

#[test]
fn refused() {
    let story = [offer(a(0.0, 0, 0, "S", 0)), b(1.0, 0, 1, "RA", 0)];
    says(&finds(&story, &["refused error"]), &["198.51.100.2:80 refused the connection of 192.0.2.1:40000 after 1 ms"]);
}

#[test]
fn unreachable() {
    let story = [offer(a(0.0, 0, 0, "S", 0)), offer(a(1000.0, 0, 0, "S", 0))];
    let (mut connection, _) = analyse(&story);
    connection.on_icmp(IcmpNote { frame: 2, from: [203, 0, 113, 1].into(), what: IcmpKind::Prohibited });
    let findings = of_connection(&connection, story[1].time);
    let told = findings.iter().find(|found| found.kind == "unreachable").expect("unreachable");
    assert_eq!(told.severity, Severity::Error);
    says(told, &["203.0.113.1 says that a filter refuses it"]);
}

#[test]
fn a_box_that_adds_options() {
    let story = |asks: Packet, answers: Packet| [asks, answers, a(10.0, 1, 1, "A", 0), a(20.0, 1, 1, "PA", 100)];
    let (syn, answer) = (|| a(0.0, 0, 0, "S", 0), || b(9.0, 0, 1, "SA", 0));
    let cases = [
        (story(offer(syn()), offer(answer()).option(TcpOption::WindowScale(7))), "window scaling"),
        (story(syn(), answer().option(TcpOption::SackPermitted)), "SACK"),
        (story(syn(), answer().timestamps(1, 1)), "timestamps"),
    ];
    for (story, what) in cases {
        let findings = found(&story);
        let changed = findings.iter().find(|found| found.kind == "middle_box").expect(what);
        assert_eq!(changed.severity, Severity::Warning);
        says(changed, &["answers", what]);
        assert_eq!(changed.frames, [1, 2]);
    }
}

#[test]
fn a_box_that_rewrites_numbers_but_not_sack_blocks() {
    let blocks = [1, 2].map(|n| b(210.0 + f64::from(n), 1, NEXT, "A", 0).sack(&[(0x5000_0000, 0x5000_0400)]));
    let findings = found(&after_a_transfer(blocks));
    let foreign = findings.iter().find(|found| found.kind == "middle_box").expect("foreign SACK blocks");
    assert_eq!(foreign.severity, Severity::Error);
    says(foreign, &["SACK blocks of 198.51.100.2:80 lie far from anything", "twice"]);
}

#[test]
fn a_syn_that_offers_less_the_second_time_is_a_note() {
    let story = [
        offer(a(0.0, 0, 0, "S", 0)),
        a(1000.0, 0, 0, "S", 0).option(TcpOption::Mss(1460)),
        b(1009.0, 0, 1, "SA", 0),
        a(1010.0, 1, 1, "A", 0),
    ];
    let findings = found(&story);
    assert!(kinds(&findings).contains(&"changed_options note".into()), "{findings:#?}");
}

// Ending.

#[test]
fn a_reset_with_data_unread() {
    let story = [
        a(200.0, NEXT, 1, "A", 1000),
        a(201.0, NEXT + 1000, 1, "A", 1000),
        b(210.0, 1, NEXT + 1000, "A", 0),
        b(211.0, 1, NEXT + 1000, "RA", 0),
    ];
    let reset = finds(&after_a_transfer(story), &["reset error"]);
    says(
        &reset,
        &["198.51.100.2:80 reset the connection after 211 ms", "it had not taken all data of 192.0.2.1:40000"],
    );
}

#[test]
fn a_reset_out_of_nowhere_and_one_after_both_closed() {
    let reset = finds(&after_a_transfer([b(200.0, 1, NEXT, "RA", 0)]), &["reset error"]);
    says(&reset, &["it did not answer the last data"]);
    let closed = [a(200.0, NEXT, 1, "FA", 0), b(210.0, 1, NEXT + 1, "FA", 0), a(211.0, NEXT + 1, 2, "RA", 0)];
    says(&finds(&after_a_transfer(closed), &["reset note"]), &["both ends had closed it"]);
}

#[test]
fn a_reset_after_a_long_silence() {
    let story = after_a_transfer([b(60_000.0, 1, NEXT, "RA", 0)]);
    says(&finds(&story, &["reset error"]), &["nothing had passed for 59.9 s"]);
}

#[test]
fn a_reset_by_somebody_in_between() {
    let mut story = after_a_transfer([b(200.0, 1, NEXT, "RA", 0).ttl(243)]);
    let forged = finds(&story, &["forged_reset warning", "reset error"]);
    says(&forged, &["a time to live of 243, but packets of 198.51.100.2:80 have 64"]);
    // Routes change a little.
    *story.last_mut().unwrap() = b(200.0, 1, NEXT, "RA", 0).ttl(62);
    finds(&story, &["reset error"]);
}

#[test]
fn a_connection_that_only_one_end_knows() {
    let story = [a(0.0, 1, 1, "PA", 100), b(10.0, 1, 0, "R", 0)];
    let half_open = finds(&story, &["reset error"]);
    says(&half_open, &["198.51.100.2:80", "it does not know this connection", "(half-open)"]);
}

#[test]
fn an_end_that_closes_and_is_not_heard() {
    let story = after_a_transfer([a(200.0, NEXT, 0, "FA", 0)]);
    let (connection, _) = analyse(&story);
    let findings = of_connection(&connection, crate::analysis::exchange::at(7000.0));
    assert_eq!(kinds(&findings), ["half_closed warning"], "{findings:#?}");
    says(&findings[0], &["192.0.2.1:40000 closed, and 198.51.100.2:80 did not acknowledge it in 6.8 s"]);
    // Told again and again, it is gone.
    let story = [200.0, 430.0, 900.0, 7000.0].map(|time| a(time, NEXT, 1, "FA", 0));
    let gone = finds(&after_a_transfer(story), &["vanished error"]);
    says(&gone, &["198.51.100.2:80 vanished: nothing came from it in", "192.0.2.1:40000 sent 3 repetitions"]);
}

#[test]
fn what_tcp_forbids_is_told_with_its_clause() {
    let story = after_a_transfer([a(200.0, NEXT, 0, "P", 100)]);
    let protocol = finds(&story, &["protocol warning"]);
    says(&protocol, &["are what TCP forbids, once: no acknowledgment on an open connection", "RFC 9293"]);
}

// The capture itself.

/// What is found in a capture as a whole.
fn in_capture(packets: &[Packet], dropped: u64) -> Vec<String> {
    let collection = capture(packets).conclude(dropped);
    let mut kinds: Vec<String> = collection
        .told()
        .iter()
        .map(|(found, _)| format!("{} {}: {}", found.kind, found.severity, found.text))
        .collect();
    kinds.sort();
    kinds
}

#[track_caller]
fn begins(told: &[String], beginnings: &[&str]) {
    assert_eq!(told.len(), beginnings.len(), "{told:#?}");
    for (told, beginning) in told.iter().zip(beginnings) {
        assert!(told.starts_with(beginning), "'{beginning}' begins: {told}");
    }
}

#[test]
fn a_healthy_capture_has_no_findings() {
    begins(&in_capture(&opened(bulk(20.0, 1, 100)), 0), &[]);
}

#[test]
fn frames_that_the_capture_dropped() {
    begins(&in_capture(&opened(bulk(20.0, 1, 10)), 12), &["capture_dropped warning: 12 frames were dropped"]);
}

#[test]
fn bytes_that_the_capture_lacks() {
    let mut story = opened(bulk(20.0, 1, 100));
    let missing = story.iter().position(|packet| packet.len > 0 && packet.time > story[60].time).unwrap();
    story.remove(missing);
    let told = in_capture(&story, 0);
    begins(&told, &["capture_gap note: the capture lacks 1,000 bytes in 1 connection "]);
}

#[test]
fn a_capture_on_the_sending_host_is_said_once() {
    let story = opened([
        a(20.0, 1, 1, "A", 4000).checksum(Checksum::Unfilled),
        b(30.0, 1, 4001, "A", 0),
        a(40.0, 4001, 1, "A", 4000).checksum(Checksum::Unfilled),
        b(50.0, 1, 8001, "A", 0),
    ]);
    let told = in_capture(&story, 0);
    begins(
        &told,
        &["capture_offload note: captured on a sending host: 2 segments without a checksum yet, 2 segments larger"],
    );
}

#[test]
fn a_capture_that_sees_everything_twice() {
    let mut story = Vec::new();
    for (packet, id) in opened(bulk(20.0, 1, 20)).into_iter().zip(1..) {
        let copy = packet.clone().ip_id(id);
        story.extend([copy.clone(), copy]);
    }
    let told = in_capture(&story, 0);
    assert!(told.iter().any(|told| told.starts_with("capture_copies note: ")), "{told:#?}");
    // Copies are no loss.
    assert!(!told.iter().any(|told| told.starts_with("loss") || told.starts_with("lost_syn")), "{told:#?}");
}

#[test]
fn time_that_runs_backwards() {
    let mut story = opened(bulk(20.0, 1, 20));
    let late = story[10].time;
    story[10].time = late - std::time::Duration::from_millis(3);
    let told = in_capture(&story, 0);
    assert!(told.iter().any(|told| told.starts_with("capture_time note: time runs backwards at 1 frame")), "{told:#?}");
}

#[test]
fn a_capture_that_is_read_twice_does_not_overwhelm_the_sums() {
    let story = after_a_transfer([a(200.0, NEXT, 1, "A", 1000), a(430.0, NEXT, 1, "A", 1000)]);
    let twice = [&story[..], &story].concat();
    let told = in_capture(&twice, 0);
    assert!(told.iter().any(|told| told.starts_with("capture_time note: ")), "{told:#?}");
    assert!(!told.iter().any(|told| told.contains("18446744")), "{told:#?}");
}

// Many.

#[test]
fn of_a_million_findings_of_a_kind_the_worst_three_are_told_and_the_rest_counted() {
    let mut collection = Collection::default();
    for number in 0..1_000_000u32 {
        collection.add(Finding {
            severity: Severity::Error,
            kind: "loss",
            stream: Some(number),
            text: String::new(),
            frames: Vec::new(),
            advice: String::new(),
            cost: u64::from(number.wrapping_mul(0x9e37_79b1)),
            premise: false,
        });
    }
    let told = collection.told();
    assert_eq!(told.iter().map(|(_, more)| *more).collect::<Vec<_>>(), [0, 0, 999_997]);
    assert!(told.is_sorted_by(|(one, _), (other, _)| one.cost >= other.cost));
    assert_eq!((collection.counts(), collection.is_serious()), ([1_000_000, 0, 0], true));
}

#[test]
fn the_worst_come_first_and_what_the_capture_is_before_them() {
    let mut collection = Collection::default();
    for (severity, kind, cost) in [
        (Severity::Note, "a", 900),
        (Severity::Error, "b", 1),
        (Severity::Warning, "c", 70),
        (Severity::Error, "d", 2),
        (Severity::Note, "p", 0),
    ] {
        let (text, advice) = (String::new(), String::new());
        collection.add(Finding {
            severity,
            kind,
            stream: None,
            text,
            frames: Vec::new(),
            advice,
            cost,
            premise: kind == "p",
        });
    }
    let order: Vec<&str> = collection.told().iter().map(|(found, _)| found.kind).collect();
    assert_eq!(order, ["p", "d", "b", "c", "a"]);
    collection.keep(|found| found.severity == Severity::Note);
    assert!(!collection.is_serious());
}

#[test]
fn what_is_passed_over_and_never_comes_is_missing_but_not_what_may_still_come() {
    // 1,000 bytes of B are passed over; what follows them comes, and is not acknowledged.
    let story = |until: f64| opened([b(20.0, 1001, 1, "A", 1000), a(until, 1, 1, "A", 0)]);
    says(&finds(&story(1500.0), &["missing error"]), &["1,000 bytes of 198.51.100.2:80 never came"]);
    assert_eq!(found(&story(500.0)), [], "the capture ends before it could be sent again");
}
