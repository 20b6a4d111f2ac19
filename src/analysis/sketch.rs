//! Percentiles in little space.

use serde::{Deserialize, Serialize};

/// Buckets to a doubling: a value is known to 1/16 of itself.
const STEPS: u32 = 8;
/// Buckets that a sketch at rest keeps.
const AT_REST: usize = 12;

/// Counts of values in buckets whose width grows with the value. Quantiles are right to 6 %, whatever the number of
/// values; there are at most 8 buckets to a doubling, and only those that hold something are kept.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Sketch {
    /// Bucket and count, by bucket.
    buckets: Vec<(u16, u32)>,
    least: u64,
    greatest: u64,
    sum: u64,
    count: u32,
}

impl Sketch {
    /// Adds a value.
    pub fn add(&mut self, value: u64) {
        self.least = if self.count == 0 { value } else { self.least.min(value) };
        self.greatest = self.greatest.max(value);
        self.sum = self.sum.saturating_add(value);
        self.count = self.count.saturating_add(1);
        let bucket = bucket(value);
        match self.buckets.binary_search_by_key(&bucket, |(bucket, _)| *bucket) {
            Ok(at) => {
                if let Some((_, count)) = self.buckets.get_mut(at) {
                    *count = count.saturating_add(1);
                }
            }
            Err(at) => self.buckets.insert(at, (bucket, 1)),
        }
    }

    /// How many values.
    pub fn count(&self) -> u32 {
        self.count
    }

    /// The least value.
    pub fn min(&self) -> Option<u64> {
        (self.count > 0).then_some(self.least)
    }

    /// The greatest value.
    pub fn max(&self) -> Option<u64> {
        (self.count > 0).then_some(self.greatest)
    }

    /// The mean.
    pub fn mean(&self) -> Option<u64> {
        self.sum.checked_div(u64::from(self.count))
    }

    /// The value that `percent` of all values do not exceed.
    pub fn percentile(&self, percent: u32) -> Option<u64> {
        let rank = (u64::from(self.count) * u64::from(percent)).div_ceil(100).max(1);
        let mut passed = 0;
        let (bucket, _) = self.buckets.iter().find(|(_, count)| {
            passed += u64::from(*count);
            passed >= rank
        })?;
        Some(middle(*bucket).clamp(self.least, self.greatest))
    }

    /// Merges neighbours until few buckets are left.
    pub fn rest(&mut self) {
        while self.buckets.len() > AT_REST {
            self.coarsen();
        }
    }

    /// Merges each bucket with its neighbour.
    pub fn coarsen(&mut self) {
        let merge = |pair: &[(u16, u32)]| {
            let (bucket, _) = pair.iter().max_by_key(|(_, count)| *count)?;
            Some((*bucket, pair.iter().fold(0u32, |sum, (_, count)| sum.saturating_add(*count))))
        };
        self.buckets = self.buckets.chunks(2).filter_map(merge).collect();
    }
}

/// The exponent of 2 and three bits behind it.
fn bucket(value: u64) -> u16 {
    let value = value.max(u64::from(STEPS));
    let exponent = value.ilog2();
    (exponent * STEPS + ((value >> (exponent - 3)) as u32 & (STEPS - 1))) as u16
}

fn middle(bucket: u16) -> u64 {
    let (exponent, step) = (u32::from(bucket) / STEPS, u64::from(bucket) % u64::from(STEPS));
    let width = 1u64 << exponent.saturating_sub(3);
    (u64::from(STEPS) + step) * width + width / 2
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn percentiles_are_right_to_six_percent() {
        let mut sketch = Sketch::default();
        (1..=10_000u64).for_each(|n| sketch.add(n * 1000));
        for percent in [1, 50, 95, 99, 100] {
            let exact = f64::from(percent) * 100_000.0;
            let found = sketch.percentile(percent).unwrap() as f64;
            assert!((found - exact).abs() / exact < 0.0625, "{percent} %: {found} for {exact}");
        }
        assert_eq!((sketch.min(), sketch.max(), sketch.count()), (Some(1000), Some(10_000_000), 10_000));
    }

    #[test]
    fn a_sketch_at_rest_is_small_and_still_tells_the_middle_from_the_end() {
        let mut sketch = Sketch::default();
        (0..64).for_each(|exponent| sketch.add(1u64 << exponent));
        sketch.rest();
        assert!(sketch.buckets.len() <= AT_REST);
        let (middle, end) = (sketch.percentile(50).unwrap(), sketch.percentile(99).unwrap());
        assert!(middle < end && middle > 1 << 20);
    }

    #[test]
    fn nothing_has_no_percentiles() {
        assert_eq!((Sketch::default().percentile(50), Sketch::default().mean()), (None, None));
    }
}
