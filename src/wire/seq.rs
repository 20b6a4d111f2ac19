//! Sequence numbers: a circle of 2^32 (RFC 9293 section 3.4).

use std::fmt;
use std::ops::{Add, AddAssign, Sub};

/// A position in one direction of a connection.
///
/// There is deliberately no `Ord`: on a circle "smaller" is not transitive. [`SeqNum::before`] and
/// its kin compare two numbers that are less than 2^31 apart, which TCP's windows guarantee.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Default, serde::Serialize, serde::Deserialize)]
pub struct SeqNum(pub u32);

impl SeqNum {
    /// True when `self` lies before `other`.
    pub const fn before(self, other: SeqNum) -> bool {
        (self.0.wrapping_sub(other.0) as i32) < 0
    }

    /// True when `self` lies after `other`.
    pub const fn after(self, other: SeqNum) -> bool {
        other.before(self)
    }

    /// True when `self` is `other` or lies before it.
    pub const fn at_or_before(self, other: SeqNum) -> bool {
        !other.before(self)
    }

    /// True when `self` is `other` or lies after it.
    pub const fn at_or_after(self, other: SeqNum) -> bool {
        !self.before(other)
    }

    /// The later of two.
    pub const fn latest(self, other: SeqNum) -> SeqNum {
        if self.before(other) { other } else { self }
    }

    /// The earlier of two.
    pub const fn earliest(self, other: SeqNum) -> SeqNum {
        if other.before(self) { other } else { self }
    }

    /// How far `self` is after `other`, negative when it lies before.
    pub const fn offset_from(self, other: SeqNum) -> i32 {
        self.0.wrapping_sub(other.0) as i32
    }
}

impl Add<u32> for SeqNum {
    type Output = SeqNum;
    fn add(self, n: u32) -> SeqNum {
        SeqNum(self.0.wrapping_add(n))
    }
}

impl AddAssign<u32> for SeqNum {
    fn add_assign(&mut self, n: u32) {
        *self = *self + n;
    }
}

impl Sub<u32> for SeqNum {
    type Output = SeqNum;
    fn sub(self, n: u32) -> SeqNum {
        SeqNum(self.0.wrapping_sub(n))
    }
}

/// The distance going forward from `other` to `self`, modulo 2^32.
impl Sub for SeqNum {
    type Output = u32;
    fn sub(self, other: SeqNum) -> u32 {
        self.0.wrapping_sub(other.0)
    }
}

impl fmt::Debug for SeqNum {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(&self.0, f)
    }
}

impl fmt::Display for SeqNum {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(&self.0, f)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn order_holds_across_the_wrap() {
        let edge = SeqNum(u32::MAX);
        assert!(edge.before(edge + 1));
        assert!((edge + 1).after(edge));
        assert_eq!((edge + 5) - edge, 5);
        assert_eq!(edge.latest(edge + 1), SeqNum(0));
        assert_eq!(edge.offset_from(edge + 3), -3);
    }

    proptest! {
        #[test]
        fn a_number_is_before_whatever_lies_less_than_half_a_circle_ahead(a: u32, d in 1u32..0x8000_0000) {
            let (a, b) = (SeqNum(a), SeqNum(a) + d);
            prop_assert!(a.before(b) && !b.before(a) && b.after(a));
            prop_assert!(a.at_or_before(b) && !b.at_or_before(a));
            prop_assert_eq!(b - a, d);
            prop_assert_eq!(a.earliest(b), a);
        }
    }
}
