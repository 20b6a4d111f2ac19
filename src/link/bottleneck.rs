//! A rate with a queue before it: what makes a path slow, and full.

use std::collections::VecDeque;
use std::time::Duration;

use crate::time::Time;

/// What a bottleneck passes on.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Rate {
    /// As fast as packets come.
    Unlimited,
    /// Bits per second, counted over whole IP packets.
    BitsPerSecond(u64),
    /// Packets per second.
    PacketsPerSecond(u64),
}

impl Rate {
    fn time_for(self, bytes: usize) -> Duration {
        let nanos = |per_second: u64, amount: u128| {
            Duration::from_nanos((amount * 1_000_000_000 / u128::from(per_second.max(1))) as u64)
        };
        match self {
            Rate::Unlimited => Duration::ZERO,
            Rate::BitsPerSecond(rate) => nanos(rate, bytes as u128 * 8),
            Rate::PacketsPerSecond(rate) => nanos(rate, 1),
        }
    }
}

/// One direction's bottleneck: packets leave one after the other, and those that wait fill a queue.
#[derive(Clone, Debug)]
pub struct Bottleneck {
    rate: Rate,
    queue: usize,
    /// When each packet that has not left yet will have.
    departures: VecDeque<Time>,
}

impl Bottleneck {
    /// `queue` packets may wait beside the one that is leaving.
    pub fn new(rate: Rate, queue: usize) -> Self {
        Bottleneck { rate, queue, departures: VecDeque::new() }
    }

    /// A packet comes at `now`: when it will have left, or `None` when the queue is full.
    pub fn offer(&mut self, now: Time, bytes: usize) -> Option<Time> {
        while self.departures.front().is_some_and(|left| *left <= now) {
            self.departures.pop_front();
        }
        if self.departures.len() > self.queue {
            return None;
        }
        let start = self.departures.back().copied().unwrap_or(now).max(now);
        let departure = start + self.rate.time_for(bytes);
        self.departures.push_back(departure);
        Some(departure)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn packets_leave_at_the_rate_and_a_full_queue_refuses() {
        // 12,500 bytes at 100 Mbit/s take a millisecond.
        let mut bottleneck = Bottleneck::new(Rate::BitsPerSecond(100_000_000), 2);
        let ms = |n| Time::ZERO + Duration::from_millis(n);
        assert_eq!(bottleneck.offer(ms(0), 12_500), Some(ms(1)));
        assert_eq!(bottleneck.offer(ms(0), 12_500), Some(ms(2)));
        assert_eq!(bottleneck.offer(ms(0), 12_500), Some(ms(3)));
        assert_eq!(bottleneck.offer(ms(0), 12_500), None);
        assert_eq!(bottleneck.offer(ms(1), 12_500), Some(ms(4)));
        assert_eq!(bottleneck.offer(ms(9), 12_500), Some(ms(10)));
    }
}
