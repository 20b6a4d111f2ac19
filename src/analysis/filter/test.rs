//! One test of a segment.
//!
//! Whatever was written, a test of numbers or addresses is one question: does a value stand in one of some ranges?

use std::net::IpAddr;

use super::field::{Address, Bytes, Number};
use super::subject::Subject;

/// A test of a segment.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Test {
    /// Numbers, masked first.
    Number { field: Number, mask: u64, ranges: Ranges<u64> },
    /// Addresses.
    Address { field: Address, ranges: Ranges<IpAddr> },
    /// Bytes.
    Bytes { field: Bytes, slice: Option<Slice>, with: Match },
    /// Any of these flags of the analysis; any at all when there is none.
    Marks(Vec<&'static str>),
}

/// A question about the values of a field. It is answered with no when there is no value.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Ranges<T> {
    /// From the first to the second, both included.
    pub list: Vec<(T, T)>,
    /// A value fits when it stands in none of them.
    pub outside: bool,
    /// Every value must fit, not just any.
    pub every: bool,
}

/// Some of a row of bytes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Slice {
    pub offset: usize,
    /// To the end when absent.
    pub len: Option<usize>,
}

/// What bytes are compared with, and how.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Match {
    /// They are there.
    Present,
    Equal(Vec<u8>),
    Differ(Vec<u8>),
    Contain(Vec<u8>),
}

impl Test {
    pub fn matches(&self, subject: &dyn Subject) -> bool {
        match self {
            Test::Number { field, mask, ranges } => {
                let values = field.values(subject);
                ranges.fit(values.as_slice().iter().map(|value| value & mask))
            }
            Test::Address { field, ranges } => ranges.fit(field.values(subject).as_slice().iter().copied()),
            Test::Bytes { field, slice, with } => field.value(subject).is_some_and(|bytes| match slice {
                None => with.fits(bytes),
                Some(slice) => slice.of(bytes).is_some_and(|bytes| with.fits(bytes)),
            }),
            Test::Marks(names) if names.is_empty() => subject.is_flagged_at_all(),
            Test::Marks(names) => names.iter().any(|name| subject.is_flagged(name)),
        }
    }

    /// True when the ends of a flow decide.
    pub fn is_flow(&self) -> bool {
        match self {
            Test::Number { field, .. } => field.is_flow(),
            Test::Address { .. } => true,
            Test::Bytes { .. } | Test::Marks(_) => false,
        }
    }

    /// True when the whole capture counts.
    pub fn is_counted(&self) -> bool {
        matches!(self, Test::Number { field, .. } if field.is_counted())
    }
}

impl<T: Ord + Copy> Ranges<T> {
    /// Any value within one of some ranges.
    pub fn any(list: Vec<(T, T)>) -> Self {
        Ranges { list, outside: false, every: false }
    }

    fn fit(&self, mut values: impl ExactSizeIterator<Item = T>) -> bool {
        let fits = |value| self.list.iter().any(|(first, last)| *first <= value && value <= *last) != self.outside;
        if self.every { values.len() > 0 && values.all(fits) } else { values.any(fits) }
    }
}

impl Slice {
    /// These bytes, when all of them are there.
    fn of(self, bytes: &[u8]) -> Option<&[u8]> {
        let from = bytes.get(self.offset..).filter(|from| !from.is_empty())?;
        self.len.map_or(Some(from), |len| from.get(..len))
    }
}

impl Match {
    fn fits(&self, bytes: &[u8]) -> bool {
        match self {
            Match::Present => true,
            Match::Equal(wanted) => bytes == wanted,
            Match::Differ(wanted) => bytes != wanted,
            Match::Contain(wanted) => contains(bytes, wanted),
        }
    }
}

/// Whether a row of bytes stands within another.
fn contains(mut bytes: &[u8], wanted: &[u8]) -> bool {
    let Some(first) = wanted.first() else { return true };
    // The first byte is looked for alone: that is one pass over memory, which most payloads do not survive.
    while let Some(from) = bytes.iter().position(|byte| byte == first).and_then(|at| bytes.get(at..)) {
        if from.starts_with(wanted) {
            return true;
        }
        bytes = from.get(1..).unwrap_or_default();
    }
    false
}
