//! The Internet checksum (RFC 1071): over buffers, over pseudo-headers, and beside a copy.
//!
//! The sum is kept as 32-bit words in the machine's own byte order in a 64-bit register and folded once
//! at the end (RFC 1071 section 2, "byte order independence" and "parallel summation"). `multiversion`
//! compiles the loop once more for AVX2 and AVX-512 and picks at run time, without any unsafe code of ours.

use std::net::IpAddr;

use multiversion::multiversion;

/// A sum in progress. Parts are added at even offsets; an odd length is only right for the last part
/// unless [`Sum::add`] is told the offset by its own count, which it keeps.
#[derive(Clone, Copy, Debug, Default)]
pub struct Sum {
    words: u64,
    odd: bool,
}

impl Sum {
    /// An empty sum.
    pub const fn new() -> Self {
        Sum { words: 0, odd: false }
    }

    /// Adds bytes that follow the ones added before.
    pub fn add(&mut self, bytes: &[u8]) {
        self.join(sum_words(bytes), bytes.len());
    }

    /// Copies `from` to the end of `to` and adds it while it is in the nearest cache. One loop that does both was
    /// measured and is slower (33.2 against 25.5 ns for 1460 bytes, `benches/checksum.rs`), for safe code must clear
    /// the space first.
    pub fn add_copying(&mut self, from: &[u8], to: &mut Vec<u8>) {
        to.extend_from_slice(from);
        self.add(from);
    }

    /// Adds a 16-bit value as it stands on the wire, at an even offset.
    pub fn add_u16(&mut self, value: u16) {
        self.words += u64::from(value.to_be());
    }

    /// Replaces a value that was added at an even offset, or the low half of a 32-bit one there (RFC 1624).
    pub fn replace(&mut self, old: u32, new: u32) {
        // In ones' complement arithmetic the complement is the negative.
        self.words += u64::from((!old).to_be()) + u64::from(new.to_be());
    }

    /// Adds a sum over bytes that follow, at an even offset.
    pub fn append(&mut self, rest: Sum) {
        self.words += rest.words;
        self.odd = rest.odd;
    }

    /// The checksum field's value: the complement of the folded sum, in host byte order.
    pub fn finish(self) -> u16 {
        !u16::from_be(fold(self.words))
    }

    fn join(&mut self, words: u64, len: usize) {
        // A part that starts at an odd offset has its bytes in the other lane of each 16-bit word.
        self.words += if self.odd { u64::from(fold(words).swap_bytes()) } else { words };
        self.odd ^= len % 2 == 1;
    }
}

/// The sum over the pseudo-header of RFC 9293 section 3.1 (IPv4) or RFC 8200 section 8.1 (IPv6).
///
/// Addresses of different families have no pseudo-header; the sum is then of the parts as they stand.
pub fn pseudo_header(src: IpAddr, dst: IpAddr, protocol: u8, length: usize) -> Sum {
    let mut sum = Sum::new();
    for address in [src, dst] {
        sum.words += match address {
            IpAddr::V4(v4) => short(&v4.octets()),
            IpAddr::V6(v6) => short(&v6.octets()),
        };
    }
    sum.add_u16(u16::from(protocol));
    let length = length as u32;
    sum.add_u16((length >> 16) as u16);
    sum.add_u16(length as u16);
    sum
}

/// The checksum of one buffer.
pub fn of(bytes: &[u8]) -> u16 {
    let mut sum = Sum::new();
    sum.add(bytes);
    sum.finish()
}

/// End-around carries until 16 bits are left. Without a loop: how often it would run depends on the data, and is
/// guessed wrong too often.
#[inline]
fn fold(words: u64) -> u16 {
    let halves = (words & 0xffff_ffff) + (words >> 32);
    let quarters = (halves & 0xffff) + (halves >> 16 & 0xffff) + (halves >> 32);
    let once = (quarters & 0xffff) + (quarters >> 16);
    ((once & 0xffff) + (once >> 16)) as u16
}

/// Below this many bytes, headers mostly, a plain loop is over before wide registers are set up.
const SHORT: usize = 128;

#[inline]
fn sum_words(bytes: &[u8]) -> u64 {
    if bytes.len() < SHORT { short(bytes) } else { long(bytes) }
}

#[inline(always)]
fn short(bytes: &[u8]) -> u64 {
    let (words, rest) = bytes.as_chunks::<4>();
    words.iter().fold(tail(rest), |sum, word| sum + u64::from(u32::from_ne_bytes(*word)))
}

/// The compiler keeps several sums side by side in registers; done by hand it was measured slower.
#[multiversion(targets("x86_64+avx512f+avx512bw+avx512vl", "x86_64+avx2"))]
fn long(bytes: &[u8]) -> u64 {
    let (words, rest) = bytes.as_chunks::<4>();
    let mut sum = 0;
    for word in words {
        sum += u64::from(u32::from_ne_bytes(*word));
    }
    sum + tail(rest)
}

/// Up to three bytes at the end, padded with zero to a word (RFC 1071 section 1).
#[inline(always)]
fn tail(rest: &[u8]) -> u64 {
    let word = match *rest {
        [] => [0; 4],
        [a] => [a, 0, 0, 0],
        [a, b] => [a, b, 0, 0],
        [a, b, c, ..] => [a, b, c, 0],
    };
    u64::from(u32::from_ne_bytes(word))
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    /// RFC 1071 section 1 as a sum over big-endian words, for comparison.
    fn textbook(bytes: &[u8]) -> u16 {
        let mut sum = 0u32;
        for pair in bytes.chunks(2) {
            sum += u32::from(pair[0]) << 8 | u32::from(*pair.get(1).unwrap_or(&0));
            sum = (sum & 0xffff) + (sum >> 16);
        }
        !(sum as u16)
    }

    #[test]
    fn the_example_of_rfc_1071_section_3() {
        // 0001 f203 f4f5 f6f7 sum to ddf2.
        assert_eq!(of(&[0x00, 0x01, 0xf2, 0x03, 0xf4, 0xf5, 0xf6, 0xf7]), !0xddf2);
    }

    proptest! {
        #[test]
        fn equals_the_textbook_in_one_part_or_in_three(bytes: Vec<u8>, a: usize, b: usize) {
            let expected = textbook(&bytes);
            prop_assert_eq!(of(&bytes), expected);
            let a = a % (bytes.len() + 1);
            let b = a + b % (bytes.len() - a + 1);
            let mut sum = Sum::new();
            let mut copy = Vec::new();
            sum.add(&bytes[..a]);
            sum.add_copying(&bytes[a..b], &mut copy);
            sum.add(&bytes[b..]);
            prop_assert_eq!(sum.finish(), expected);
            prop_assert_eq!(&copy[..], &bytes[a..b]);
        }
    }
}
