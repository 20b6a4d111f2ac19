use std::convert::Infallible;

use proptest::prelude::*;

use super::*;
use crate::analysis::segment::Checksum;
use crate::time::Time;
use crate::wire::{Ecn, Flags, SeqNum, TcpHeader, TcpOptions};

/// Near the end of the circle, so that most tests wrap around.
const ISN: u32 = u32::MAX - 3;

fn segment(frame: u64, seq: u32, flags: Flags, payload: &[u8]) -> Segment<'_> {
    Segment {
        frame,
        time: Time::ZERO,
        src: [192, 0, 2, 1].into(),
        dst: [192, 0, 2, 2].into(),
        ttl: 64,
        ecn: Ecn::default(),
        ip_id: 0,
        dont_fragment: true,
        header: TcpHeader { seq: SeqNum(seq), flags, ..TcpHeader::default() },
        reserved: 0,
        options: TcpOptions::default(),
        option_bytes: &[],
        len: payload.len() as u32,
        payload,
        checksum: Checksum::Good,
        quoted: false,
        network: 0,
        window_cut: false,
        options_cut: false,
    }
}

/// What a follower handed out of A's direction.
#[derive(Default)]
struct Run {
    follower: Follower,
    frame: u64,
    bytes: Vec<u8>,
    frames: Vec<u64>,
    holes: Vec<Hole>,
    conflicts: Vec<Conflict>,
}

impl Run {
    /// After A's SYN, in frame 1.
    fn started() -> Self {
        let mut run = Run::default();
        run.packet(Side::A, ISN, Flags::SYN, b"");
        run
    }

    fn feed(&mut self, side: Side, segment: &Segment<'_>) {
        let Run { follower, bytes, frames, holes, conflicts, .. } = self;
        let sink: &mut Sink<'_, Infallible> = &mut |side, chunk| {
            match chunk {
                _ if side == Side::B => {}
                Chunk::Bytes { frame, bytes: new } => {
                    bytes.extend_from_slice(new);
                    frames.push(frame);
                }
                Chunk::Hole(hole) => holes.push(hole),
                Chunk::Conflict(conflict) => conflicts.push(conflict),
            }
            Ok(())
        };
        follower.on_segment(side, segment, sink).unwrap();
    }

    fn packet(&mut self, side: Side, seq: u32, flags: Flags, payload: &[u8]) {
        self.frame += 1;
        let segment = segment(self.frame, seq, flags, payload);
        self.feed(side, &segment);
    }

    /// Data of A, by its offset in the stream.
    fn data(&mut self, offset: u32, payload: &[u8]) -> &mut Self {
        self.packet(Side::A, ISN.wrapping_add(1).wrapping_add(offset), Flags::ACK, payload);
        self
    }

    /// B acknowledges everything before an offset.
    fn acked(&mut self, offset: u32) -> &mut Self {
        self.frame += 1;
        let mut ack = segment(self.frame, 7, Flags::ACK, b"");
        ack.header.ack = SeqNum(ISN.wrapping_add(1).wrapping_add(offset));
        self.feed(Side::B, &ack);
        self
    }

    fn finish(&mut self) -> &mut Self {
        let holes = &mut self.holes;
        let sink: &mut Sink<'_, Infallible> = &mut |_, chunk| {
            if let Chunk::Hole(hole) = chunk {
                holes.push(hole);
            }
            Ok(())
        };
        self.follower.finish(sink).unwrap();
        self
    }
}

fn hole(at: u64, stream_offset: u64, length: u64, why: Why) -> Hole {
    Hole { at, stream_offset, length, why, left_out: 0 }
}

#[test]
fn bytes_come_out_in_order_across_the_end_of_the_circle() {
    let mut run = Run::started();
    run.data(0, b"ab").data(4, b"ef").data(6, b"gh").data(2, b"cd").acked(8).finish();
    assert_eq!((run.bytes.as_slice(), run.frames.as_slice()), (&b"abcdefgh"[..], &[2, 5, 3, 4][..]));
    assert!(run.holes.is_empty() && run.conflicts.is_empty());
}

#[test]
fn data_in_the_syn_counts() {
    let mut run = Run::default();
    run.packet(Side::A, ISN, Flags::SYN, b"GET");
    run.data(3, b" /");
    assert_eq!(run.bytes, b"GET /");
}

#[test]
fn without_a_syn_the_first_segment_is_the_start_and_what_lies_before_is_left_out() {
    let mut run = Run::default();
    run.data(10, b"kl").data(6, b"ghij").data(8, b"ij??mn");
    assert_eq!(run.bytes, b"klmn");
    let conflict = Conflict { at: 0, stream_offset: 0, length: 2, kept: 1, refused: 3 };
    assert_eq!(run.conflicts, [conflict]);
}

#[test]
fn a_reset_without_data_does_not_say_where_a_stream_starts() {
    let mut run = Run::default();
    run.packet(Side::A, 0, Flags::RST, b"");
    run.data(0, b"ab");
    assert_eq!((run.bytes.as_slice(), run.follower.totals(Side::A).far_away), (&b"ab"[..], 0));
}

#[test]
fn of_overlapping_segments_only_what_is_new_counts() {
    let mut run = Run::started();
    run.data(0, b"abcd").data(0, b"abcd").data(2, b"cdef").data(1, b"bc").data(3, b"defgh");
    assert_eq!(run.bytes, b"abcdefgh");
    assert_eq!(run.follower.totals(Side::A).repeated, 4 + 2 + 2 + 3);
    assert!(run.conflicts.is_empty());
}

#[test]
fn the_copy_that_came_first_stays_and_the_other_is_reported() {
    let mut run = Run::started();
    run.data(0, b"abcd").data(4, b"efgh").data(2, b"cXYfgh");
    assert_eq!(run.bytes, b"abcdefgh");
    let wanted = [
        Conflict { at: 3, stream_offset: 3, length: 1, kept: 2, refused: 4 },
        Conflict { at: 4, stream_offset: 4, length: 1, kept: 3, refused: 4 },
    ];
    assert_eq!(run.conflicts, wanted);
}

#[test]
fn of_waiting_segments_the_first_captured_is_taken() {
    let mut run = Run::started();
    // Both start where the first ends or before: then the order of capture decides.
    run.data(2, b"CDEF").data(1, b"bcd").data(0, b"a");
    assert_eq!(run.bytes, b"abcdEF");
    assert_eq!(run.conflicts, [Conflict { at: 2, stream_offset: 2, length: 2, kept: 3, refused: 2 }]);

    let mut run = Run::started();
    run.data(2, b"CDEF").data(1, b"bcd").data(0, b"ab");
    assert_eq!(run.bytes, b"abCDEF");
}

#[test]
fn a_gap_is_a_hole_once_the_receiver_acknowledged_what_follows() {
    let mut run = Run::started();
    run.data(0, b"ab").data(5, b"fg").acked(5);
    assert!(run.holes.is_empty());
    run.acked(6);
    assert_eq!(run.holes, [hole(2, 2, 3, Why::NotCaptured)]);
    run.data(2, b"cde").data(7, b"hi");
    assert_eq!(run.bytes, b"abfghi");
    run.data(12, b"m").acked(13);
    assert_eq!(run.holes[1], hole(6, 9, 3, Why::NotCaptured));
    assert_eq!(run.follower.totals(Side::A).missing, 6);
}

#[test]
fn a_gap_that_nobody_acknowledged_is_told_at_the_end() {
    let mut run = Run::started();
    run.data(0, b"ab").data(4, b"ef").acked(2).finish().finish();
    assert_eq!(run.bytes, b"ab");
    assert_eq!(run.holes, [Hole { left_out: 2, ..hole(2, 2, 2, Why::EndOfCapture) }]);
}

#[test]
fn what_the_snapshot_length_cut_is_a_hole() {
    let mut run = Run::started();
    for (frame, offset) in [(2, 0), (3, 20), (4, 10)] {
        let mut cut = segment(frame, ISN.wrapping_add(1 + offset), Flags::ACK, b"abcd");
        cut.len = 10;
        run.feed(Side::A, &cut);
    }
    run.data(30, b"z");
    assert_eq!(run.bytes, b"abcdabcdabcdz");
    let wanted = [hole(4, 4, 6, Why::Cut), hole(8, 14, 6, Why::Cut), hole(12, 24, 6, Why::Cut)];
    assert_eq!(run.holes, wanted);
}

#[test]
fn a_keep_alive_is_neither_data_nor_conflict() {
    let mut run = Run::started();
    run.data(0, b"ab").data(1, b"\0").data(2, b"cd");
    assert_eq!((run.bytes.as_slice(), run.conflicts.len()), (&b"abcd"[..], 0));
}

#[test]
fn fin_reset_and_urgent_data_are_data() {
    let mut run = Run::started();
    run.packet(Side::A, ISN.wrapping_add(1), Flags::ACK | Flags::URG, b"ab");
    run.packet(Side::A, ISN.wrapping_add(3), Flags::ACK | Flags::FIN, b"cd");
    run.packet(Side::A, ISN.wrapping_add(5), Flags::RST, b"why");
    assert_eq!(run.bytes, b"abcdwhy");
}

#[test]
fn quoted_segments_are_not_part_of_the_stream() {
    let mut run = Run::started();
    let quoted = Segment { quoted: true, ..segment(2, ISN.wrapping_add(1), Flags::ACK, b"ab") };
    run.feed(Side::A, &quoted);
    assert!(run.bytes.is_empty());
}

#[test]
fn far_away_sequence_numbers_are_counted_and_left_out() {
    let mut run = Run::started();
    for k in 0..1000u32 {
        run.data((1 << 30) + 1 + k * 1000, b"bomb");
    }
    run.data(0, b"ab").acked((1 << 30) + 5000);
    assert_eq!((run.bytes.as_slice(), run.holes.len()), (&b"ab"[..], 0));
    assert_eq!(run.follower.totals(Side::A).far_away, 1000);
}

#[test]
fn so_much_may_wait_and_no_more() {
    let limits = Limits { waiting: 10_000, compared: 1000 };
    let mut run = Run { follower: Follower::new(limits), ..Run::default() };
    run.packet(Side::A, ISN, Flags::SYN, b"");
    for k in 0..100 {
        run.data(10 + k * 1000, &[1; 900]);
    }
    assert_eq!(run.holes.len() as u64, run.follower.totals(Side::A).holes);
    assert!(run.holes.len() > 85 && run.holes.iter().all(|hole| hole.why == Why::TooMuchWaiting));
    assert_eq!(run.holes[0], hole(0, 0, 10, Why::TooMuchWaiting));
    assert_eq!(run.holes[1], hole(900, 910, 100, Why::TooMuchWaiting));
}

#[test]
fn a_hundred_thousand_single_bytes_in_reverse_come_out_in_order() {
    let mut run = Run::started();
    for offset in (0..100_000u32).rev() {
        run.data(offset, &[offset as u8]);
    }
    assert_eq!(run.bytes.len(), 100_000);
    assert!(run.bytes.iter().enumerate().all(|(at, byte)| *byte == at as u8));
}

#[test]
fn the_same_waiting_segment_again_costs_nothing() {
    let limits = Limits { waiting: 5000, compared: 1000 };
    let mut run = Run { follower: Follower::new(limits), ..Run::default() };
    run.packet(Side::A, ISN, Flags::SYN, b"");
    for _ in 0..1000 {
        run.data(1, &[1; 1000]);
    }
    run.data(0, b"0");
    assert_eq!((run.bytes.len(), run.holes.len()), (1001, 0));
}

#[test]
fn old_bytes_are_forgotten_and_not_compared() {
    let limits = Limits { waiting: 5000, compared: 1000 };
    let mut run = Run { follower: Follower::new(limits), ..Run::default() };
    run.packet(Side::A, ISN, Flags::SYN, b"");
    for k in 0..50 {
        run.data(k * 100, &[1; 100]);
    }
    run.data(0, &[2; 100]);
    assert!(run.conflicts.is_empty());
    run.data(4950, &[2; 50]);
    assert_eq!(run.conflicts, [Conflict { at: 4950, stream_offset: 4950, length: 50, kept: 51, refused: 53 }]);
}

#[test]
fn an_error_of_the_sink_comes_back() {
    let mut follower = Follower::default();
    let sink: &mut Sink<'_, &str> = &mut |_, _| Err("full");
    assert_eq!(follower.on_segment(Side::A, &segment(1, 1, Flags::ACK, b"a"), sink), Err("full"));
}

#[test]
fn files_hold_bytes_holes_and_conflicts() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("new").join("folder");
    std::fs::create_dir_all(&path).unwrap();
    std::fs::write(path.join("3-a.holes.json"), "stale").unwrap();
    let mut files = Folder::create(&path).unwrap();
    let bytes = |bytes: &'static [u8]| Chunk::Bytes { frame: 1, bytes };
    files.write(3, Side::A, bytes(b"ab")).unwrap();
    files.write(3, Side::A, bytes(b"cd")).unwrap();
    files.write(3, Side::B, bytes(b"x")).unwrap();
    files.write(3, Side::B, Chunk::Hole(hole(1, 1, 5, Why::NotCaptured))).unwrap();
    files.write(3, Side::B, Chunk::Hole(Hole { left_out: 2, ..hole(1, 6, 5, Why::EndOfCapture) })).unwrap();
    files.end(3).unwrap();
    let conflict = Conflict { at: 0, stream_offset: 0, length: 1, kept: 4, refused: 5 };
    files.write(4, Side::A, Chunk::Conflict(conflict)).unwrap();
    files.finish().unwrap();
    let read = |name: &str| std::fs::read_to_string(path.join(name)).unwrap();
    assert_eq!((read("3-a.bin").as_str(), read("3-b.bin").as_str()), ("abcd", "x"));
    let holes: serde_json::Value = serde_json::from_str(&read("3-b.holes.json")).unwrap();
    assert_eq!(holes[0], serde_json::json!({"at": 1, "stream_offset": 1, "length": 5, "why": "not_captured"}));
    assert_eq!(holes[1]["left_out"], 2);
    let conflicts: serde_json::Value = serde_json::from_str(&read("4-a.conflicts.json")).unwrap();
    assert_eq!(conflicts[0]["kept"], 4);
    assert!(!path.join("3-a.holes.json").exists());
}

#[test]
fn more_streams_than_open_files_are_written_in_turn() {
    let folder = tempfile::tempdir().unwrap();
    let mut files = Folder::create(folder.path()).unwrap();
    for round in 0..3u8 {
        for stream in 0..400 {
            files.write(stream, Side::A, Chunk::Bytes { frame: 1, bytes: &[round] }).unwrap();
        }
    }
    files.finish().unwrap();
    for stream in 0..400 {
        assert_eq!(std::fs::read(folder.path().join(format!("{stream}-a.bin"))).unwrap(), [0, 1, 2]);
    }
}

#[test]
fn an_error_names_the_path() {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("file");
    std::fs::write(&file, "").unwrap();
    let error = Folder::create(file.join("below")).unwrap_err();
    assert!(error.to_string().contains("below"), "{error}");
}

/// The rules in their plainest form: a list of waiting segments, searched from its start after every step.
#[derive(Default)]
struct Model {
    next: usize,
    waiting: Vec<(usize, Vec<u8>)>,
    bytes: Vec<u8>,
    missing: usize,
}

impl Model {
    fn data(&mut self, offset: usize, payload: &[u8]) {
        if offset > self.next {
            self.waiting.push((offset, payload.to_vec()));
        } else {
            self.take(offset, payload);
            self.settle();
        }
    }

    fn acked(&mut self, acked: usize) {
        while let Some(first) = self.waiting.iter().map(|(offset, _)| *offset).min().filter(|first| *first < acked) {
            self.missing += first - self.next;
            self.next = first;
            self.settle();
        }
    }

    fn take(&mut self, offset: usize, payload: &[u8]) {
        let new = payload.get(self.next - offset..).unwrap_or_default();
        self.bytes.extend_from_slice(new);
        self.next += new.len();
    }

    fn settle(&mut self) {
        while let Some(fits) = self.waiting.iter().position(|(offset, _)| *offset <= self.next) {
            let (offset, payload) = self.waiting.remove(fits);
            self.take(offset, &payload);
        }
    }
}

proptest! {
    #[test]
    fn any_order_of_true_segments_gives_the_stream(cuts in prop::collection::vec((0u32..300, 1usize..60), 1..80), shuffle in any::<u64>()) {
        let stream: Vec<u8> = (0..360u32).map(|n| (n * 7 % 251) as u8).collect();
        let mut run = Run::started();
        for (at, len) in cuts {
            run.data(at, &stream[at as usize..at as usize + len]);
        }
        let mut rest: Vec<u32> = (0..36).collect();
        rest.sort_by_key(|n| (u64::from(*n) + 1).wrapping_mul(shuffle | 1));
        for n in rest {
            run.data(n * 10, &stream[n as usize * 10..][..10]);
        }
        prop_assert_eq!(&run.bytes, &stream);
        prop_assert!(run.holes.is_empty() && run.conflicts.is_empty());
    }

    #[test]
    fn overlaps_of_all_kinds_come_out_as_a_list_in_order_of_capture_says(
        segments in prop::collection::vec((0u32..40, 1usize..16, prop::option::of(0u32..60)), 1..60)
    ) {
        let mut run = Run::started();
        let mut model = Model::default();
        for (k, (offset, len, acked)) in segments.into_iter().enumerate() {
            let payload = vec![k as u8; len];
            run.data(offset, &payload);
            model.data(offset as usize, &payload);
            if let Some(acked) = acked {
                run.acked(acked);
                model.acked(acked as usize);
            }
        }
        prop_assert_eq!(&run.bytes, &model.bytes);
        prop_assert_eq!(run.follower.totals(Side::A).missing, model.missing as u64);
    }

    #[test]
    fn bytes_and_holes_add_up_whatever_comes(segments in prop::collection::vec((any::<bool>(), any::<u32>(), any::<u32>(), 0u8..64, 0usize..40, 0u32..50, 0u8..4), 0..60)) {
        let mut run = Run { follower: Follower::new(Limits { waiting: 2000, compared: 64 }), ..Run::default() };
        for (frame, (a, seq, ack, flags, len, cut, near)) in segments.into_iter().enumerate() {
            let seq = if near > 0 { seq % 256 } else { seq };
            let payload = vec![frame as u8; len];
            let mut segment = segment(frame as u64, seq, Flags(flags), &payload);
            segment.header.ack = SeqNum(if near > 1 { ack % 256 } else { ack });
            segment.len += cut;
            run.feed(if a { Side::A } else { Side::B }, &segment);
        }
        run.finish();
        let mut at = 0;
        for hole in run.holes.iter().filter(|hole| hole.why != Why::EndOfCapture) {
            prop_assert!(hole.at >= at && hole.length > 0 && hole.at <= run.bytes.len() as u64);
            at = hole.at;
        }
        prop_assert_eq!(run.bytes.len() as u64, run.follower.totals(Side::A).bytes);
    }
}
