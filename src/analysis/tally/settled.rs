//! The part of the sequence space that is done with: seen and acknowledged, as ranges with holes between them.
//!
//! A capture that lost nothing has one range, which only grows. Holes are data that the capture missed; their number
//! is capped, and past the cap the oldest hole is closed.

use serde::{Deserialize, Serialize};

/// Ranges kept at most. Past it the two lowest become one, and data that fills the hole between them later counts as
/// sent before.
const MAX_RANGES: usize = 256;

/// The positions from `start` up to, not including, `end`.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
pub(super) struct Range {
    pub start: u64,
    pub end: u64,
}

/// Ranges in order, none touching the next.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub(super) struct Settled {
    older: Vec<Range>,
    /// The highest, outside of the list: without holes nothing is allocated.
    newest: Option<Range>,
}

impl Settled {
    pub fn get(&self, index: usize) -> Option<Range> {
        self.older.get(index).copied().or(self.newest.filter(|_| index == self.older.len()))
    }

    /// Index of the first range that reaches beyond `position`.
    pub fn first_beyond(&self, position: u64) -> usize {
        match self.older.last() {
            Some(last) if last.end > position => self.older.partition_point(|range| range.end <= position),
            _ => self.older.len() + usize::from(self.newest.is_some_and(|range| range.end <= position)),
        }
    }

    /// True when a range ends exactly at `position`.
    pub fn ends_at(&self, position: u64) -> bool {
        match self.newest {
            Some(newest) if newest.end == position => true,
            Some(newest) if newest.start > position => {
                self.older.binary_search_by_key(&position, |range| range.end).is_ok()
            }
            _ => false,
        }
    }

    /// Adds a range that overlaps none of the others; what it touches it becomes one with.
    #[inline]
    pub fn insert(&mut self, range: Range) {
        match &mut self.newest {
            Some(newest) if newest.end == range.start => newest.end = range.end,
            None => self.newest = Some(range),
            Some(_) => self.insert_apart(range),
        }
    }

    fn insert_apart(&mut self, range: Range) {
        self.older.extend(self.newest.take());
        let index = self.older.partition_point(|other| other.end < range.start);
        match self.older.get_mut(index) {
            Some(before) if before.end == range.start => before.end = range.end,
            Some(after) if range.end == after.start => after.start = range.start,
            _ => self.older.insert(index, range),
        }
        self.join(index);
        if self.older.len() > MAX_RANGES {
            let start = self.older.remove(0).start;
            self.older.first_mut().into_iter().for_each(|lowest| lowest.start = start);
        }
        self.newest = self.older.pop();
    }

    /// Makes the range at `index` one with the next if they touch.
    fn join(&mut self, index: usize) {
        let (Some(range), Some(next)) = (self.older.get(index).copied(), self.older.get_mut(index + 1)) else { return };
        if range.end == next.start {
            next.start = range.start;
            self.older.remove(index);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn ranges(settled: &Settled) -> Vec<(u64, u64)> {
        (0..).map_while(|index| settled.get(index)).map(|range| (range.start, range.end)).collect()
    }

    #[test]
    fn what_touches_becomes_one() {
        let mut settled = Settled::default();
        for (start, end) in [(0, 10), (10, 20), (30, 40), (50, 60), (40, 50), (20, 30)] {
            settled.insert(Range { start, end });
        }
        assert_eq!(ranges(&settled), [(0, 60)]);
        assert_eq!(settled.older, []);
    }

    #[test]
    fn past_the_cap_the_oldest_hole_is_closed() {
        let mut settled = Settled::default();
        for start in 0..=MAX_RANGES as u64 {
            settled.insert(Range { start: start * 10, end: start * 10 + 5 });
        }
        assert_eq!(ranges(&settled).len(), MAX_RANGES);
        assert_eq!(ranges(&settled)[..2], [(0, 15), (20, 25)]);
    }

    proptest! {
        #[test]
        fn any_order_of_pieces_gives_the_same_ranges(mut pieces in prop::collection::hash_set(0u64..60, 0..40)) {
            let mut settled = Settled::default();
            let shuffled: Vec<u64> = pieces.drain().collect();
            for start in &shuffled {
                settled.insert(Range { start: *start, end: start + 1 });
            }
            let held = |position: u64| ranges(&settled).iter().any(|range| (range.0..range.1).contains(&position));
            for position in 0..61 {
                prop_assert_eq!(held(position), shuffled.contains(&position));
                prop_assert_eq!(settled.ends_at(position), position > 0 && held(position - 1) && !held(position));
                let beyond = ranges(&settled).iter().position(|range| range.1 > position);
                prop_assert_eq!(settled.first_beyond(position), beyond.unwrap_or(ranges(&settled).len()));
            }
        }
    }
}
