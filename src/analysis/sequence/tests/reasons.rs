//! For each mark its sentence, with the numbers that fired it.

use super::*;
use crate::analysis::exchange::offer;

/// The sentences for the last of these segments.
fn reasons(packets: &[Packet]) -> Vec<String> {
    let mut sequence = Sequence::default();
    let mut last = Vec::new();
    for (packet, frame) in packets.iter().zip(1..) {
        let segment = packet.segment(frame);
        let before = sequence.before(packet.side, Time::ZERO);
        let verdict = sequence.on_segment(packet.side, &segment, false);
        last = before.reasons(&segment, &verdict);
        assert_eq!(last.len(), verdict.marks.names().count() + usize::from(verdict.dsack), "one for each mark");
    }
    last
}

#[track_caller]
fn says(rest: impl IntoIterator<Item = Packet>, sentence: &str) {
    assert_eq!(reasons(&opened(rest)), [sentence]);
}

#[test]
fn retransmission() {
    says(
        [a(20.0, 1, 1, "A", 120), a(260.0, 1, 1, "A", 120)],
        "bytes 1-120 starts before 121, the highest sequence number seen; first sent 240 ms ago in frame 4",
    );
}

#[test]
fn fast_retransmission() {
    let story = |ack, seq| {
        vec![
            a(20.0, 1, 1, "A", 100),
            a(20.1, 201, 1, "A", 100),
            a(20.2, 401, 1, "A", 100),
            b(30.0, 1, ack, "A", 0),
            b(30.1, 1, ack, "A", 0).sack(&[(201, 301)]),
            b(30.2, 1, ack, "A", 0).sack(&[(401, 501), (201, 301)]),
            a(45.0, seq, 1, "A", 100),
        ]
    };
    says(
        story(101, 101),
        "bytes 101-200 follows 2 duplicate acknowledgments by 14.8 ms, less than 20 ms, and is what it asks for",
    );
    says(
        story(101, 301),
        "bytes 301-400 follows 2 duplicate acknowledgments by 14.8 ms, less than 20 ms, and is not in its SACK blocks",
    );
}

#[test]
fn spurious_retransmission() {
    says(
        [a(20.0, 1, 1, "A", 120), b(30.0, 1, 121, "A", 0), a(310.0, 1, 1, "A", 1)],
        "byte 1 was acknowledged before: the last acknowledgment was 121",
    );
}

#[test]
fn out_of_order() {
    says(
        [a(20.0, 201, 1, "A", 100), a(20.1, 101, 1, "A", 100)],
        "bytes 101-200 was not seen before and came 100 us after the right edge moved to 301, within the handshake's \
         round trip of 10 ms",
    );
    let without_handshake = [a(0.0, 1, 1, "A", 100), a(20.0, 301, 1, "A", 100), a(20.1, 201, 1, "A", 100)];
    assert_eq!(
        reasons(&without_handshake),
        ["bytes 201-300 was not seen before and came 100 us after the right edge moved to 401, within the assumed \
          3 ms"]
    );
}

#[test]
fn gaps() {
    says([a(20.0, 201, 1, "A", 100)], "starts at 201, but 1 was next: 200 bytes are missing before it");
    says(
        [a(20.0, 1, 1, "A", 100), b(30.0, 1, 501, "A", 0)],
        "acknowledges up to 501, but the capture has the other side only up to 101 without a gap",
    );
}

#[test]
fn windows() {
    let zero = || [a(20.0, 1, 1, "A", 100), b(30.0, 1, 101, "A", 0).window(0)];
    says(zero(), "the window is 0: the other side must stop sending");
    says(
        zero().into_iter().chain([a(500.0, 101, 1, "A", 1)]),
        "one byte, the next to send, into a window that was closed",
    );
    let answered = opened(zero().into_iter().chain([a(500.0, 101, 1, "A", 1), b(510.0, 1, 101, "A", 0).window(0)]));
    assert_eq!(
        reasons(&answered),
        [
            "the window is 0: the other side must stop sending",
            "answers a probe with acknowledgment 101: the window stays closed"
        ]
    );
    says(
        zero().into_iter().chain([b(40.0, 1, 101, "A", 0).window(700)]),
        "no data and the same acknowledgment 101, but the window changed from 0 to 700",
    );
    says(
        [b(20.0, 1, 1, "A", 10).window(300), a(30.0, 1, 11, "A", 300)],
        "bytes 1-300 ends at 301, exactly where the receiver's window of 300 bytes ends",
    );
}

/// The number that was acknowledged counts, not the one that is being acknowledged.
#[test]
fn a_window_that_opens_with_the_byte_of_a_probe_says_which_acknowledgment() {
    let story = opened([
        a(20.0, 1, 1, "A", 100),
        b(30.0, 1, 101, "A", 0).window(0),
        a(500.0, 101, 1, "A", 1),
        b(510.0, 1, 102, "A", 0).window(500),
    ]);
    let [sentence] = &reasons(&story)[..] else { panic!("one reason") };
    assert!(sentence.contains("102") && sentence.contains("from 0 to 500"), "{sentence}");
    assert!(!sentence.contains("the same acknowledgment"), "the acknowledgment moved from 101 to 102: {sentence}");
}

#[test]
fn keep_alives() {
    let idle = || vec![a(20.0, 1, 1, "A", 100), b(30.0, 1, 101, "A", 0), a(60_000.0, 100, 1, "A", 0)];
    says(idle(), "0 bytes at 100, one before 101, the next to send");
    says(
        idle().into_iter().chain([b(60_010.0, 1, 101, "A", 0)]),
        "repeats acknowledgment 101 and window after a keep-alive",
    );
}

#[test]
fn acknowledgments() {
    says(
        [b(20.0, 1, 1, "A", 0), b(30.0, 1, 1, "A", 0)],
        "acknowledges 1 once more without data: duplicate 2 of frame 2",
    );
    says([a(20.0, 1, 1, "A", 200), b(30.0, 1, 101, "A", 0)], "acknowledgment 101 ends within the segment of frame 4");
    let duplicate = opened([a(20.0, 1, 1, "A", 100), b(30.0, 1, 101, "A", 0).sack(&[(1, 101)])]);
    assert_eq!(reasons(&duplicate), ["the first SACK block reports data that had arrived before: a duplicate SACK"]);
}

#[test]
fn fast_open() {
    let syn = || cookie(offer(a(0.0, 0, 0, "S", 100)));
    assert_eq!(reasons(&[syn()]), ["the SYN carries a Fast Open cookie"]);
    assert_eq!(
        reasons(&[syn(), offer(b(9.0, 0, 101, "SA", 0))]),
        ["the SYN-ACK acknowledges 100 bytes of the SYN's data"]
    );
    assert!(
        reasons(&[syn(), offer(b(9.0, 0, 1, "SA", 0))]).contains(&"the SYN-ACK leaves out the data of the SYN".into())
    );
}

#[test]
fn reused_ports() {
    let syn = offer(a(0.0, 0, 0, "S", 0));
    let mut sequence = Sequence::default();
    let before = sequence.before(Side::A, Time::ZERO);
    let verdict = sequence.on_segment(Side::A, &syn.segment(1), true);
    let [sentence] = &before.reasons(&syn.segment(1), &verdict)[..] else { panic!("one reason") };
    assert!(sentence.contains("another initial sequence number or already ended"), "{sentence}");
}

#[test]
fn spans_are_told_in_the_unit_that_suits_them() {
    for (nanos, text) in [
        (999, "999 ns"),
        (1_000, "1 us"),
        (12_340, "12.3 us"),
        (1_500_000, "1.5 ms"),
        (240_000_000, "240 ms"),
        (1_015_000_000, "1.01 s"),
        (61_000_000_000, "61 s"),
    ] {
        assert_eq!(time(nanos), text);
    }
}
