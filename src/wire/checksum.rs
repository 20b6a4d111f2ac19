//! The Internet checksum (RFC 1071): over buffers, over pseudo-headers, and beside a copy.
//!
//! The sum is kept as 32-bit words in the machine's own byte order in a 64-bit register and folded once
//! at the end (RFC 1071 section 2, "byte order independence" and "parallel summation"). `multiversion`
//! compiles the loop once more for AVX2 and picks at run time, without any unsafe code of ours.

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
    /// measured and is slower (32.0 against 28.3 ns for 1460 bytes, `benches/checksum.rs`), for safe code must clear
    /// the space first.
    pub fn add_copying(&mut self, from: &[u8], to: &mut Vec<u8>) {
        to.extend_from_slice(from);
        self.add(from);
    }

    /// Adds a 16-bit value as it stands on the wire, at an even offset.
    pub fn add_u16(&mut self, value: u16) {
        self.words += u64::from(value.to_be());
    }

    /// The checksum field's value: the complement of the folded sum, in host byte order.
    pub fn finish(self) -> u16 {
        !u16::from_be(fold(self.words))
    }

    fn join(&mut self, words: u64, len: usize) {
        // A part that starts at an odd offset has its bytes in the other lane of each 16-bit word.
        let part = u64::from(fold(words));
        self.words += if self.odd { u64::from((part as u16).swap_bytes()) } else { part };
        self.odd ^= len % 2 == 1;
    }
}

/// The sum over the pseudo-header of RFC 9293 section 3.1 (IPv4) or RFC 8200 section 8.1 (IPv6).
///
/// Addresses of different families have no pseudo-header; the sum is then of the parts as they stand.
pub fn pseudo_header(src: IpAddr, dst: IpAddr, protocol: u8, length: usize) -> Sum {
    let mut sum = Sum::new();
    for address in [src, dst] {
        match address {
            IpAddr::V4(v4) => sum.add(&v4.octets()),
            IpAddr::V6(v6) => sum.add(&v6.octets()),
        }
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

fn fold(mut words: u64) -> u16 {
    while words >> 16 != 0 {
        words = (words & 0xffff) + (words >> 16);
    }
    words as u16
}

#[multiversion(targets("x86_64+avx2"))]
fn sum_words(bytes: &[u8]) -> u64 {
    let (chunks, rest) = bytes.as_chunks::<4>();
    let mut sum = 0u64;
    for chunk in chunks {
        sum += u64::from(u32::from_ne_bytes(*chunk));
    }
    sum + tail(rest)
}

/// Up to three bytes at the end, padded with zero to a word (RFC 1071 section 1).
#[inline(always)]
fn tail(rest: &[u8]) -> u64 {
    let mut word = [0u8; 4];
    for (to, from) in word.iter_mut().zip(rest) {
        *to = *from;
    }
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
