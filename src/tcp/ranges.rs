//! Which parts of a stream have arrived: everything up to a point, and islands beyond it.

use std::ops::Range;

/// Islands kept at most. An attacker who sends every other byte costs this much memory and no more; what
/// is beyond is dropped and comes again. Honest paths have a few dozen at most.
const MAX_ISLANDS: usize = 1024;
/// Islands whose order of arrival is remembered: a SACK option holds four, and the next ones repeat them.
const MAX_RECENT: usize = 8;

/// The parts of a stream that have arrived, as offsets.
#[derive(Clone, Debug, Default)]
pub struct Ranges {
    /// Everything before this has arrived.
    next: u64,
    /// Sorted, disjoint, not touching each other or `next`.
    islands: Vec<Range<u64>>,
    /// Starts of islands, most recently touched first.
    recent: Vec<u64>,
}

/// What an arrival meant.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Inserted {
    /// Bytes by which the in-order part grew.
    pub advanced: u64,
    /// Bytes that were not here before.
    pub fresh: u64,
    /// The first part that was here before (RFC 2883 section 4).
    pub duplicate: Option<Range<u64>>,
}

impl Ranges {
    /// The first offset that has not arrived.
    pub fn next(&self) -> u64 {
        self.next
    }

    /// The islands, most recently touched first, then the others from the left.
    pub fn islands(&self) -> impl Iterator<Item = Range<u64>> + '_ {
        let recent = self.recent.iter().filter_map(|start| self.island_at(*start));
        let others = self.islands.iter().filter(|island| !self.recent.contains(&island.start));
        recent.chain(others).cloned()
    }

    /// Whether something has arrived beyond what is missing.
    pub fn has_islands(&self) -> bool {
        !self.islands.is_empty()
    }

    /// Notes that `range` has arrived.
    pub fn insert(&mut self, range: Range<u64>) -> Inserted {
        if range.start == self.next && self.islands.is_empty() && range.end > self.next {
            // As nearly always: in order, and nothing beyond.
            self.next = range.end;
            let advanced = range.end - range.start;
            return Inserted { advanced, fresh: advanced, duplicate: None };
        }
        let duplicate = self.overlap(&range);
        let Range { mut start, mut end } = range;
        start = start.max(self.next);
        if start >= end {
            return Inserted { duplicate, ..Inserted::default() };
        }
        // All islands that touch the new range melt into it.
        let first = self.islands.partition_point(|island| island.end < start);
        let last = self.islands.partition_point(|island| island.start <= end);
        let melted = self.islands.get(first..last).unwrap_or_default();
        let known: u64 = melted.iter().map(|island| island.end.min(end).saturating_sub(island.start.max(start))).sum();
        let fresh = (end - start) - known;
        if let (Some(left), Some(right)) = (melted.first(), melted.last()) {
            start = start.min(left.start);
            end = end.max(right.end);
        }
        self.recent.retain(|at| !(start..end).contains(at));
        if start <= self.next {
            self.islands.drain(first..last);
            let advanced = end - self.next;
            self.next = end;
            return Inserted { advanced, fresh, duplicate };
        }
        self.islands.splice(first..last, [start..end]);
        self.recent.insert(0, start);
        self.recent.truncate(MAX_RECENT);
        if self.islands.len() > MAX_ISLANDS {
            // The farthest is the one that helps last.
            let gone = self.islands.pop();
            self.recent.retain(|at| gone.as_ref().is_none_or(|gone| gone.start != *at));
        }
        Inserted { advanced: 0, fresh, duplicate }
    }

    /// Forgets what lies at or beyond `end`, which is not before [`Ranges::next`].
    pub fn truncate(&mut self, end: u64) {
        self.islands.retain(|island| island.start < end);
        if let Some(last) = self.islands.last_mut() {
            last.end = last.end.min(end);
        }
    }

    fn overlap(&self, range: &Range<u64>) -> Option<Range<u64>> {
        if range.start < self.next {
            return Some(range.start..range.end.min(self.next));
        }
        let first = self.islands.partition_point(|island| island.end <= range.start);
        let island = self.islands.get(first).filter(|island| island.start < range.end)?;
        Some(island.start.max(range.start)..island.end.min(range.end))
    }

    fn island_at(&self, start: u64) -> Option<&Range<u64>> {
        self.islands.binary_search_by_key(&start, |island| island.start).ok().and_then(|at| self.islands.get(at))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn the_island_touched_last_is_reported_first() {
        let mut ranges = Ranges::default();
        for start in [10, 30, 50] {
            ranges.insert(start..start + 5);
        }
        assert_eq!(ranges.islands().collect::<Vec<_>>(), [50..55, 30..35, 10..15]);
        ranges.insert(15..20);
        assert_eq!(ranges.islands().collect::<Vec<_>>(), [10..20, 50..55, 30..35]);
        // 20 to 30 joins two of them.
        ranges.insert(20..30);
        assert_eq!(ranges.islands().collect::<Vec<_>>(), [10..35, 50..55]);
        assert_eq!(ranges.insert(0..10), Inserted { advanced: 35, fresh: 10, duplicate: None });
        assert_eq!(ranges.islands().collect::<Vec<_>>(), [50..55]);
    }

    #[test]
    fn what_was_here_before_is_named() {
        let mut ranges = Ranges::default();
        ranges.insert(0..10);
        assert_eq!(ranges.insert(5..15).duplicate, Some(5..10));
        ranges.insert(20..30);
        assert_eq!(ranges.insert(18..22).duplicate, Some(20..22));
        assert_eq!(ranges.insert(18..30).duplicate, Some(18..30));
    }

    #[test]
    fn what_lies_beyond_an_end_is_forgotten() {
        let mut ranges = Ranges::default();
        ranges.insert(0..10);
        for start in [20, 40, 60] {
            ranges.insert(start..start + 10);
        }
        ranges.truncate(45);
        assert_eq!(ranges.islands().collect::<Vec<_>>(), [40..45, 20..30]);
        assert_eq!(ranges.insert(10..20).advanced, 20);
        ranges.truncate(40);
        assert_eq!((ranges.next(), ranges.has_islands()), (30, false));
    }

    #[test]
    fn islands_beyond_the_cap_are_forgotten_from_the_far_end() {
        let mut ranges = Ranges::default();
        for n in 0..2000u64 {
            ranges.insert(n * 2 + 1..n * 2 + 2);
        }
        assert_eq!(ranges.islands().count(), MAX_ISLANDS);
        assert!(ranges.islands().all(|island| island.start < 2 * MAX_ISLANDS as u64));
    }

    proptest! {
        #[test]
        fn agrees_with_a_bit_per_byte(arrivals in proptest::collection::vec((0u64..200, 1u64..40), 0..60)) {
            let mut ranges = Ranges::default();
            let mut bits = [false; 256];
            for (start, len) in arrivals {
                let before = bits.iter().take_while(|bit| **bit).count() as u64;
                let fresh = (start..start + len).filter(|at| !bits[*at as usize]).count() as u64;
                for at in start..start + len {
                    bits[at as usize] = true;
                }
                let after = bits.iter().take_while(|bit| **bit).count() as u64;
                let inserted = ranges.insert(start..start + len);
                prop_assert_eq!((inserted.fresh, inserted.advanced), (fresh, after - before));
                prop_assert_eq!(ranges.next(), after);
                let mut islands: Vec<_> = ranges.islands().collect();
                islands.sort_by_key(|island| island.start);
                let count: u64 = islands.iter().map(|island| island.end - island.start).sum();
                prop_assert_eq!(count + after, bits.iter().filter(|bit| **bit).count() as u64);
                for island in islands {
                    prop_assert!(island.clone().all(|at| bits[at as usize]));
                    prop_assert!(!bits[island.start as usize - 1] && !bits[island.end as usize]);
                }
            }
        }
    }
}
