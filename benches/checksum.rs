//! The price of a checksum: alone, after a copy, and in one loop with it; and pnet's beside it.
//!
//!     cargo bench --bench checksum
//!
//! Nanoseconds per 1460 bytes, minimum / median / maximum of 25 samples.

use std::hint::black_box;
use std::time::Instant;

use tcpkit::wire::checksum::{self, Sum};

const SEGMENT: usize = 1460;
const SAMPLES: usize = 25;
const ROUNDS: usize = 20_000;

fn main() {
    // As many segments as a window of 1 MB holds: in the second-level cache, as in a transfer.
    let data: Vec<u8> = (0..SEGMENT * 700).map(|n| (n * 7) as u8).collect();
    let segments: Vec<&[u8]> = data.chunks(SEGMENT).collect();
    let mut packet = Vec::with_capacity(2048);
    measure("checksum", &segments, |segment| {
        black_box(checksum::of(segment));
    });
    measure("copy", &segments, |segment| {
        packet.clear();
        packet.extend_from_slice(black_box(segment));
        black_box(&packet);
    });
    measure("copy, then checksum", &segments, |segment| {
        packet.clear();
        packet.extend_from_slice(black_box(segment));
        black_box(checksum::of(&packet));
    });
    measure("what packets are made with", &segments, |segment| {
        packet.clear();
        let mut sum = Sum::new();
        sum.add_copying(black_box(segment), &mut packet);
        black_box(sum.finish());
    });
    measure("copy and sum in one loop", &segments, |segment| {
        packet.clear();
        packet.resize(segment.len(), 0);
        black_box(copy_and_sum(black_box(segment), &mut packet));
    });
    measure("pnet's checksum", &segments, |segment| {
        black_box(pnet::util::checksum(segment, 8));
    });
}

/// One loop for both, compiled for AVX2 as well.
#[multiversion::multiversion(targets("x86_64+avx2"))]
fn copy_and_sum(from: &[u8], to: &mut [u8]) -> u64 {
    let (words, spaces) = (from.as_chunks::<4>().0, to.as_chunks_mut::<4>().0);
    let mut sum = 0;
    for (word, space) in words.iter().zip(spaces) {
        *space = *word;
        sum += u64::from(u32::from_ne_bytes(*word));
    }
    sum
}

fn measure(name: &str, segments: &[&[u8]], mut run: impl FnMut(&[u8])) {
    let mut samples: Vec<f64> = (0..SAMPLES)
        .map(|_| {
            let start = Instant::now();
            for segment in segments.iter().cycle().take(ROUNDS) {
                run(segment);
            }
            start.elapsed().as_nanos() as f64 / ROUNDS as f64
        })
        .collect();
    samples.sort_by(f64::total_cmp);
    println!("{name:<26}{:>8.1} /{:>7.1} /{:>7.1}", samples[0], samples[SAMPLES / 2], samples[SAMPLES - 1]);
}
