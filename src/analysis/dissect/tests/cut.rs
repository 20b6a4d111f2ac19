//! Frames that were cut, and lengths that are not what they say.

use super::*;

fn tcp_of(link: u16, frame: &[u8], original: usize, look: impl FnOnce(&Tcp<'_>)) {
    match Dissector::new().frame(link, 1, Time::ZERO, frame, original as u32) {
        Found::Tcp(tcp) => look(&tcp),
        other => panic!("{other:?}"),
    }
}

#[test]
fn a_payload_length_of_zero_over_tcp_is_that_of_the_frame() {
    // As a device gets what it is to cut into segments, here of less than 64 KiB.
    for text in [TEXT.len(), 6000, 70_000] {
        let mut frame = ip(true, 6, &tcp(true, &vec![b'x'; text.min(60_000)]));
        frame.resize(40 + 32 + text, b'x');
        frame[4..6].fill(0);
        tcp_of(RAW, &frame, frame.len(), |tcp| {
            assert_eq!((tcp.segment.len as usize, tcp.segment.payload.len()), (text, text));
            assert!(tcp.length_known && !tcp.is_cut());
        });
        // Cut by the snapshot length, it is as long as it was.
        tcp_of(RAW, &frame[..80], frame.len(), |tcp| {
            assert_eq!((tcp.segment.len as usize, tcp.is_cut()), (text, true))
        });
    }
    // Whatever else says that it has no bytes has none.
    let mut frame = ip(true, 60, &join(&[6, 0, 1, 4, 0, 0, 0, 0], &tcp(true, TEXT)));
    frame[4..6].fill(0);
    assert_eq!(layers(RAW, &frame), "IPv6 extension header needs 2 bytes, 0 are there");
}

#[test]
fn what_was_cut_of_a_header_is_told_from_what_is_not_there() {
    let frame = packet(false);
    for cut in 24..=frame.len() {
        tcp_of(RAW, &frame[..cut], frame.len(), |tcp| {
            let segment = &tcp.segment;
            assert_eq!(segment.options_cut, cut < 52, "{cut}");
            assert_eq!(segment.window_cut, cut < 36, "{cut}");
            assert_eq!(segment.header.window, if cut < 36 { u16::MAX } else { 9 });
            assert_eq!(tcp.is_cut(), cut < 72);
            let (least, most) = tcp.missing_header;
            let expected = if cut > 32 { (52, 52) } else { (40, 80) };
            assert_eq!(
                (cut + usize::from(least), cut + usize::from(most)),
                if cut < 52 { expected } else { (cut, cut) }
            );
        });
    }
    // A header without options needs no more than itself, whatever was cut behind it.
    let mut bare = tcp(false, TEXT);
    bare.drain(20..32);
    bare[12] = 0x50;
    let frame = ip(false, 6, &bare);
    tcp_of(RAW, &frame[..40], frame.len(), |tcp| assert!(!tcp.segment.options_cut && tcp.is_cut()));
}

#[test]
fn a_header_that_is_longer_than_its_segment_is_malformed_and_not_cut() {
    let mut frame = packet(false);
    frame[32] = 0xf0;
    frame.truncate(60);
    frame[2..4].copy_from_slice(&60u16.to_be_bytes());
    tcp_of(RAW, &frame, 60, |tcp| assert!(!tcp.segment.options_cut && !tcp.is_cut() && !tcp.length_known));
}

#[test]
fn an_original_length_that_was_not_recorded_is_that_of_the_ip_header() {
    for v6 in [false, true] {
        let frame = ethernet(if v6 { 0x86dd } else { 0x0800 }, &packet(v6));
        // Some writers cut a frame and say that it was no longer.
        let kept = frame.len() - 15;
        tcp_of(ETHERNET, &frame[..kept], kept, |tcp| {
            assert_eq!((tcp.segment.len, tcp.segment.payload, tcp.length_known), (20, &TEXT[..5], true));
            assert_eq!((tcp.segment.checksum, tcp.is_cut(), tcp.segment.options_cut), (Checksum::Unknown, true, false));
        });
    }
    // A header whose checksum is wrong says nothing about lengths.
    let mut damaged = packet(false);
    damaged[2] = 9;
    tcp_of(RAW, &damaged, damaged.len(), |tcp| assert_eq!((tcp.segment.len, tcp.is_cut()), (20, false)));
    // Inside a tunnel, a length that goes past what holds it is wrong.
    let mut inner = packet(false);
    inner[3] += 30;
    let frame = ip(false, 4, &inner);
    tcp_of(RAW, &frame, frame.len(), |tcp| assert_eq!((tcp.segment.len, tcp.is_cut()), (20, false)));
}

#[test]
fn only_what_waits_counts_as_waiting() {
    let segment = tcp(false, TEXT);
    let mut dissector = Dissector::new();
    let parts = [(0, 24), (24, 40), (40, 52)];
    for (start, end) in parts {
        short(&mut dissector, 1, Time::ZERO, &fragment(false, 7, &segment, start, end));
    }
    short(&mut dissector, 4, Time::ZERO, &fragment(false, 8, &segment, 0, 24));
    let counts = dissector.fragment_counts();
    assert_eq!((counts.fragments, counts.joined, counts.waiting), (4, 2, 1));
}

/// Every sample cut at every byte, whether the original length was recorded or not, and with bits turned: nothing panics,
/// and no payload is longer than the segment.
#[test]
fn no_sample_cut_or_changed_anywhere_panics() {
    let samples = links::samples().into_iter().map(|(link, frame, _)| (link, frame));
    let samples = samples.chain(tunnels::samples().into_iter().map(|(frame, _)| (RAW, frame)));
    let look = |link, frame: &[u8], original: usize| {
        if let Found::Tcp(tcp) = Dissector::new().frame(link, 1, Time::ZERO, frame, original as u32) {
            assert!(tcp.segment.payload.len() <= tcp.segment.len as usize || tcp.segment.len == 0);
        }
    };
    for (link, frame) in samples {
        for cut in 0..frame.len() {
            look(link, &frame[..cut], frame.len());
            look(link, &frame[..cut], cut);
        }
        for at in 0..frame.len() {
            for bit in 0..8 {
                let mut changed = frame.clone();
                changed[at] ^= 1 << bit;
                look(link, &changed, frame.len());
            }
            let mut changed = frame.clone();
            changed[at] = 0xff;
            look(link, &changed, frame.len() + 1000);
        }
    }
}
