//! The seeded generator behind everything that is drawn by chance and must be repeatable.

use rand_core::{RngCore, SeedableRng};
use rand_xoshiro::Xoshiro256PlusPlus;

/// A repeatable source of random numbers: the same seed gives the same sequence on every machine.
///
/// Xoshiro256++ is published and fixed, so a seed printed by one release means the same in the next.
/// It is not for secrets: those come from the operating system (see [`entropy`]).
#[derive(Clone, Debug)]
pub struct Random(Xoshiro256PlusPlus);

impl Random {
    /// A generator for `seed`.
    pub fn new(seed: u64) -> Self {
        Random(Xoshiro256PlusPlus::seed_from_u64(seed))
    }

    /// A generator of its own for a purpose, so that drawing more for one purpose does not move another.
    pub fn split(&self, purpose: u64) -> Self {
        let mut parent = self.0.clone();
        Random::new(parent.next_u64() ^ purpose.wrapping_mul(0x9e37_79b9_7f4a_7c15))
    }

    /// The next 64 bits.
    pub fn next_u64(&mut self) -> u64 {
        self.0.next_u64()
    }

    /// The next 32 bits.
    pub fn next_u32(&mut self) -> u32 {
        self.0.next_u32()
    }

    /// A number below `bound` (0 when `bound` is 0), without the bias of a plain remainder.
    pub fn below(&mut self, bound: u64) -> u64 {
        ((u128::from(self.next_u64()) * u128::from(bound)) >> 64) as u64
    }

    /// True with the given probability (0.0 to 1.0).
    pub fn chance(&mut self, probability: f64) -> bool {
        // 53 bits are what an f64 can tell apart in [0, 1).
        let draw = (self.next_u64() >> 11) as f64 / (1u64 << 53) as f64;
        draw < probability
    }
}

/// 128 bits from the operating system, for keys that an attacker must not guess (RFC 6528 section 3).
pub fn entropy() -> std::io::Result<[u64; 2]> {
    let mut bytes = [0u8; 16];
    getrandom::fill(&mut bytes)
        .map_err(|error| std::io::Error::other(format!("the system gives no random numbers: {error}")))?;
    let wide = u128::from_le_bytes(bytes);
    Ok([wide as u64, (wide >> 64) as u64])
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_same_seed_gives_the_same_sequence() {
        let draw = |seed| {
            let mut random = Random::new(seed);
            [random.next_u64(), random.next_u64(), random.below(10)]
        };
        assert_eq!(draw(7), draw(7));
        assert_ne!(draw(7), draw(8));
    }

    #[test]
    fn chances_come_out_near_their_probability() {
        let mut random = Random::new(1);
        let hits = (0..100_000).filter(|_| random.chance(0.05)).count();
        assert!((4_500..5_500).contains(&hits), "{hits} of 100000 at 5 %");
        assert!((0..1000).all(|_| !random.chance(0.0)));
        assert!((0..1000).all(|_| random.chance(1.0)));
    }
}
