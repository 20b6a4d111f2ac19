//! A series of times, reduced to what describes it: how many, the extremes, mean and spread.

use serde::{Deserialize, Serialize};

/// Nanoseconds in a microsecond.
const MICROSECOND: f64 = 1e3;

/// Times in nanoseconds, reduced to their number, extremes, sum and sum of squares.
#[derive(Clone, Copy, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct Series {
    /// How many.
    pub count: u64,
    /// The shortest.
    pub min: u64,
    /// The longest.
    pub max: u64,
    sum: u64,
    /// In square microseconds: squares of nanoseconds would leave a float's exact range at the first long sample.
    squares: f64,
}

impl Series {
    /// Takes one more time.
    #[inline]
    pub fn add(&mut self, nanos: u64) {
        self.min = if self.count == 0 { nanos } else { self.min.min(nanos) };
        self.max = self.max.max(nanos);
        self.count += 1;
        self.sum = self.sum.saturating_add(nanos);
        let micros = nanos as f64 / MICROSECOND;
        self.squares += micros * micros;
    }

    /// The mean in nanoseconds, 0 of an empty series.
    pub fn mean(&self) -> f64 {
        if self.count == 0 { 0.0 } else { self.sum as f64 / self.count as f64 }
    }

    /// The standard deviation of the sample in nanoseconds; 0 below three samples, where it says nothing yet.
    pub fn deviation(&self) -> f64 {
        if self.count < 3 {
            return 0.0;
        }
        let (count, sum) = (self.count as f64, self.sum as f64 / MICROSECOND);
        let variance = (self.squares - sum * sum / count) / (count - 1.0);
        variance.max(0.0).sqrt() * MICROSECOND
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_series_keeps_a_minimum_of_zero() {
        let mut series = Series::default();
        [0, 4000, 8000].into_iter().for_each(|time| series.add(time));
        assert_eq!((series.count, series.min, series.max), (3, 0, 8000));
        assert_eq!((series.mean(), series.deviation()), (4000.0, 4000.0));
    }

    #[test]
    fn no_spread_is_claimed_of_two_samples() {
        let mut series = Series::default();
        [1000, 9000].into_iter().for_each(|time| series.add(time));
        assert_eq!(series.deviation(), 0.0);
    }
}
