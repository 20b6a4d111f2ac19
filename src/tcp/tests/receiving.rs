use super::*;
use crate::tcp::RecvBuffer;

#[test]
fn one_segment_is_acknowledged_after_40_ms_and_two_at_once() {
    let mut bench = Bench::established();
    bench.gets(seg(".", 1, 1).data(1000));
    bench.sends(&[]);
    assert_eq!(bench.next_timeout(), ms(40));
    bench.sends(&["[.] 1:1 ack 1001"]);
    bench.gets(seg(".", 1001, 1).data(1000));
    bench.sends(&[]);
    bench.gets(seg(".", 2001, 1).data(1000));
    bench.sends(&["[.] 1:1 ack 3001"]);
}

#[test]
fn delayed_acknowledgments_can_be_turned_off() {
    let mut bench = Bench::established_with(Config { delayed_ack: None, ..plain() }, |peer| peer);
    bench.gets(seg(".", 1, 1).data(10));
    bench.sends(&["[.] 1:1 ack 11"]);
}

#[test]
fn out_of_order_text_is_kept_and_each_arrival_is_acknowledged_at_once() {
    let mut bench = Bench::with_sack();
    bench.gets(seg(".", 1001, 1).data(500));
    bench.sends(&["[.] 1:1 ack 1 sack 1001-1501"]);
    bench.gets(seg(".", 3001, 1).data(500));
    bench.sends(&["[.] 1:1 ack 1 sack 3001-3501 sack 1001-1501"]);
    // The block that holds the newest segment comes first (RFC 2018 section 4).
    bench.gets(seg(".", 1501, 1).data(500));
    bench.sends(&["[.] 1:1 ack 1 sack 1001-2001 sack 3001-3501"]);
    bench.gets(seg(".", 1, 1).data(1000));
    bench.sends(&["[.] 1:1 ack 2001 sack 3001-3501"]);
    assert_eq!(bench.reads().len(), 2000);
}

#[test]
fn the_eight_segments_of_rfc_2018_section_4() {
    // Segments of 500 from 5000 on; the first, then each with one lost in between.
    let mut bench = Bench::with_sack();
    bench.gets(seg(".", 1, 1).data(4999));
    bench.sends(&["[.] 1:1 ack 5000"]);
    for (seq, expected) in [
        (5500, "[.] 1:1 ack 5000 sack 5500-6000"),
        (6500, "[.] 1:1 ack 5000 sack 6500-7000 sack 5500-6000"),
        (7500, "[.] 1:1 ack 5000 sack 7500-8000 sack 6500-7000 sack 5500-6000"),
        (8500, "[.] 1:1 ack 5000 sack 8500-9000 sack 7500-8000 sack 6500-7000 sack 5500-6000"),
        // The fourth segment comes late and joins two blocks.
        (7000, "[.] 1:1 ack 5000 sack 6500-8000 sack 8500-9000 sack 5500-6000"),
    ] {
        bench.gets(seg(".", seq, 1).data(500));
        bench.sends(&[expected]);
    }
}

#[test]
fn what_arrives_twice_is_reported_once_in_the_first_block() {
    // RFC 2883 section 4.1.
    let mut bench = Bench::with_sack();
    bench.gets(seg(".", 1, 1).data(500));
    bench.gets(seg(".", 1001, 1).data(500));
    bench.sends(&["[.] 1:1 ack 501 sack 1001-1501"]);
    bench.gets(seg(".", 1, 1).data(500));
    bench.sends(&["[.] 1:1 ack 501 sack 1-501 sack 1001-1501"]);
    bench.gets(seg(".", 1001, 1).data(500));
    bench.sends(&["[.] 1:1 ack 501 sack 1001-1501 sack 1001-1501"]);
    bench.gets(seg(".", 1501, 1).data(500));
    bench.sends(&["[.] 1:1 ack 501 sack 1001-2001"]);
}

#[test]
fn without_sack_no_blocks_are_sent() {
    let mut bench = Bench::established();
    bench.gets(seg(".", 1001, 1).data(500));
    bench.sends(&["[.] 1:1 ack 1"]);
}

#[test]
fn text_beyond_the_window_is_cut_and_what_lies_outside_is_answered() {
    let config = Config { recv_buffer: RecvBuffer::Fixed(2000), ..plain() };
    let mut bench = Bench::established_with(config, |peer| peer);
    bench.gets(seg(".", 1, 1).data(3000));
    bench.sends(&["[.] 1:1 ack 2001"]);
    assert_eq!(bench.tcp.rcv_wnd(), 0);
    assert_eq!(bench.gets(seg(".", 2500, 1).data(10)), Disposition::OutsideWindow);
    bench.sends(&["[.] 1:1 ack 2001"]);
}

#[test]
fn a_closed_window_opens_by_a_worthwhile_step_only() {
    // RFC 9293 section 3.8.6.2.2.
    let config = Config { recv_buffer: RecvBuffer::Fixed(4000), ..plain() };
    let mut bench = Bench::established_with(config, |peer| peer);
    bench.gets(seg(".", 1, 1).data(4000));
    bench.sends(&["[.] 1:1 ack 4001"]);
    bench.tcp.consume(bench.now, 500);
    bench.sends(&[]);
    // A probe in the meantime learns that the window is still closed.
    bench.gets(seg(".", 4001, 1).data(1));
    assert_eq!(bench.take_one().header.window, 0);
    bench.tcp.consume(bench.now, 1500);
    let update = bench.take_one();
    assert_eq!((update.header.window, update.reason), (2000, crate::tcp::Reason::WindowUpdate));
}

#[test]
fn a_closed_window_still_lets_acknowledgments_and_resets_through() {
    // MUST-66.
    let config = Config { recv_buffer: RecvBuffer::Fixed(1000), ..plain() };
    let mut bench = Bench::established_with(config, |peer| peer);
    bench.writes(500);
    bench.sends(&["[P.] 1:501 ack 1"]);
    bench.gets(seg(".", 1, 1).data(1000));
    bench.pass(ms(40));
    bench.sends(&["[.] 501:501 ack 1001"]);
    bench.gets(seg(".", 1001, 501).data(1));
    assert_eq!(bench.tcp.snd_una(), ISS + 501);
    bench.gets(seg("R", 1001, 0));
    assert_eq!(bench.tcp.state(), State::Closed);
}

#[test]
fn the_receive_buffer_grows_with_what_the_user_takes_in_a_round_trip() {
    let config = Config { recv_buffer: RecvBuffer::Auto { max: 1 << 20 }, window_scale: WindowScale::Auto, ..plain() };
    let mut bench = Bench::established_with(config, |peer| peer.scale(7));
    let mut seq = 1;
    for _ in 0..40 {
        // 60 KB in each round trip of 100 ms.
        for _ in 0..60 {
            bench.gets(seg(".", seq, 1).data(1000));
            seq += 1000;
            bench.reads();
            while bench.tcp.poll_transmit(bench.now).is_some() {}
        }
        bench.pass(ms(100));
    }
    let window = bench.tcp.rcv_wnd();
    assert!((110_000..140_000).contains(&window), "twice 60 KB, not {window}");
}

#[test]
fn an_old_timestamp_is_dropped_and_acknowledged() {
    // RFC 7323 section 5.3 R1.
    let mut bench = Bench::established_with(Config { timestamps: true, ..plain() }, |peer| peer.ts(1000, 0));
    bench.gets(seg(".", 1, 1).data(500).ts(1001, 0));
    bench.next_timeout();
    bench.sends(&["[.] 1:1 ack 501"]);
    assert_eq!(bench.gets(seg(".", 501, 1).data(500).ts(999, 0)), Disposition::Paws);
    bench.sends(&["[.] 1:1 ack 501"]);
    assert_eq!(bench.gets(seg(".", 501, 1).data(500).ts(1001, 0)), Disposition::Accepted);
    // After 24 days a clock may have gone half way round (section 5.5).
    bench.pass(Duration::from_secs(25 * 24 * 3600));
    while bench.tcp.poll_transmit(bench.now).is_some() {}
    assert_eq!(bench.gets(seg(".", 1001, 1).data(500).ts(5, 0)), Disposition::Accepted);
}

#[test]
fn a_segment_without_the_agreed_timestamps_is_dropped() {
    // RFC 7323 section 3.2.
    let strict = Config { timestamps: true, timestamps_required: true, ..plain() };
    let mut bench = Bench::established_with(strict, |peer| peer.ts(1000, 0));
    let disposition = bench.gets(seg(".", 1, 1).data(500));
    assert_eq!(disposition.to_string(), "ignored: it has no timestamp, though both ends agreed on them");
    assert_eq!((bench.tcp.readable(), bench.tcp.stats().timestamps_missing_in), (0, 0));
    assert_eq!(bench.gets(seg("R", 1, 0)), Disposition::Reset);
}

#[test]
fn a_box_that_strips_timestamps_after_the_handshake_is_lived_with() {
    // RFC 7323 section 3.2 (SHOULD) would drop all of it: then nothing would ever arrive.
    let mut bench = Bench::established_with(Config { timestamps: true, ..plain() }, |peer| peer.ts(1000, 0));
    assert_eq!(bench.gets(seg(".", 1, 1).data(500)), Disposition::Accepted);
    assert_eq!(bench.gets(seg(".", 501, 1).data(500)), Disposition::Accepted);
    assert_eq!((bench.tcp.readable(), bench.tcp.stats().timestamps_missing_in), (1000, 2));
    // Our own go on, and echo the last one that came.
    let ack = bench.take_one();
    assert_eq!(TcpOptions::parse(ack.options.as_slice()).timestamps.map(|(_, echo)| echo), Some(1000));
    // Without an echo the round trip is measured by what was sent once (Karn).
    let before = bench.tcp.rto().samples().count;
    bench.writes(500);
    bench.take_one();
    bench.pass(ms(70));
    bench.gets(seg(".", 1001, 501));
    assert_eq!((bench.tcp.rto().samples().count, bench.tcp.rto().samples().min), (before + 1, ms(70)));
    // A stranger's guess is not the peer's doing.
    bench.gets(seg(".", 90_000, 1).data(500));
    bench.gets(seg(".", 1001, 0x4000_0000));
    assert_eq!(bench.tcp.stats().timestamps_missing_in, 3);
    // What has a timestamp is still held against the last one.
    assert_eq!(bench.gets(seg(".", 1001, 501).data(500).ts(999, 0)), Disposition::Paws);
}

#[test]
fn a_syn_in_the_window_is_challenged_ten_times_a_second_at_most() {
    // RFC 5961 sections 4.2 and 7.
    let mut bench = Bench::established();
    let mut answers = 0;
    for _ in 0..100 {
        assert_eq!(bench.gets(seg("S", 5, 0)), Disposition::Challenged);
        while bench.tcp.poll_transmit(bench.now).is_some() {
            answers += 1;
        }
    }
    assert_eq!((answers, bench.tcp.stats().challenges_out), (10, 10));
    assert_eq!(bench.tcp.state(), State::Established);
}

#[test]
fn an_impossible_acknowledgment_is_challenged_and_its_text_dropped() {
    // RFC 5961 section 5.2.
    let mut bench = Bench::established();
    for ack in [2, 0x8000_0000, 0u32.wrapping_sub(30_000)] {
        assert_eq!(bench.gets(seg(".", 1, ack).text(b"forged")), Disposition::BadAck, "ack {ack}");
        bench.sends(&["[.] 1:1 ack 1"]);
    }
    assert_eq!(bench.tcp.readable(), 0);
}

#[test]
fn urgent_text_is_delivered_in_its_place() {
    // RFC 6093 section 3.4.
    let mut bench = Bench::established();
    let mut urgent = seg("U.", 1, 1).text(b"abc");
    urgent.header.urgent = 1;
    bench.gets(urgent);
    assert_eq!(bench.reads(), b"abc");
}

#[test]
fn islands_of_an_attacker_cost_a_bounded_amount_of_memory() {
    let mut bench = Bench::with_sack();
    for n in 0..30_000u32 {
        bench.gets(seg(".", 3 + 2 * n, 1).data(1));
        while bench.tcp.poll_transmit(bench.now).is_some() {}
    }
    // The hole at the front is filled: as many single bytes as are kept, and no more.
    bench.gets(seg(".", 1, 1).data(2));
    assert_eq!(bench.tcp.readable(), 3);
}

#[test]
fn a_user_that_does_not_read_closes_the_window_whatever_the_scale_and_the_segments() {
    for (shift, size, len) in [(7, 65_536, 100), (7, 65_536, 1), (14, 4_096, 1000), (3, 10_000, 999)] {
        let config = Config {
            window_scale: WindowScale::Shift(shift),
            recv_buffer: RecvBuffer::Fixed(size),
            delayed_ack: None,
            ..plain()
        };
        let mut bench = Bench::established_with(config, |peer| peer.scale(7));
        let mut at = 1;
        for _ in 0..200_000 {
            let fits = (bench.tcp.rcv_wnd() as usize).min(len);
            if fits == 0 {
                break;
            }
            bench.gets(seg(".", at, 1).data(fits));
            at += fits as u32;
            while bench.tcp.poll_transmit(bench.now).is_some() {}
        }
        let held = bench.tcp.readable();
        let most = size.max(2 << shift) + (1 << shift);
        assert!(held <= most, "{held} bytes unread in a buffer of {size}, scale {shift}, segments of {len}");
        // And it opens again.
        bench.tcp.consume(bench.now, held);
        while bench.tcp.poll_transmit(bench.now).is_some() {}
        assert!(bench.tcp.rcv_wnd() > 0, "scale {shift}, buffer {size}");
    }
}

#[test]
fn reading_sends_no_acknowledgment_that_says_nothing_new() {
    // Without scaling the window is at its largest however much room there is.
    let config = Config { recv_buffer: RecvBuffer::Fixed(1 << 20), ..plain() };
    let mut bench = Bench::established_with(config, |peer| peer);
    bench.gets(seg(".", 1, 1).data(10_000));
    bench.sends(&["[.] 1:1 ack 10001"]);
    for _ in 0..5 {
        bench.tcp.consume(bench.now, 2_000);
        bench.sends(&[]);
    }
}

#[test]
fn buffers_of_any_size_work() {
    for size in [1, 3 << 30, usize::MAX] {
        let config = Config { recv_buffer: RecvBuffer::Fixed(size), send_buffer: size, ..Config::default() };
        let mut bench = Bench::established_with(config, |peer| peer.sack_ok().ts(1, 0).scale(7));
        bench.gets(seg(".", 1, 1).data(1).ts(2, 0));
        assert_eq!(bench.reads().len(), 1);
        assert!(bench.tcp.rcv_wnd() > 0, "{size}");
        assert_eq!(bench.tcp.send(b"x"), Ok(1));
        bench.take_one();
    }
}

#[test]
fn receive_takes_what_fits_and_then_the_end() {
    let mut bench = Bench::established();
    bench.gets(seg("F.", 1, 1).text(b"abcdef"));
    let mut buffer = [0; 4];
    assert_eq!(bench.tcp.receive(bench.now, &mut buffer), Ok(4));
    assert_eq!(&buffer, b"abcd");
    assert_eq!(bench.tcp.receive(bench.now, &mut buffer), Ok(2));
    assert_eq!(&buffer[..2], b"ef");
    assert_eq!(bench.tcp.receive(bench.now, &mut buffer), Ok(0));
    assert!(bench.tcp.at_end());
}
