//! Slow start and congestion avoidance as RFC 5681 has them, counted in bytes (RFC 3465).

use super::{Ack, Controller, half};
use crate::time::Time;

/// RFC 5681.
#[derive(Debug)]
pub struct Reno {
    cwnd: u32,
    ssthresh: u32,
    smss: u32,
    initial: u32,
    /// Bytes acknowledged towards the next segment of growth.
    acked: u32,
}

impl Reno {
    /// Starts in slow start with `initial` segments.
    pub fn new(smss: u32, initial: u32) -> Self {
        Reno { cwnd: smss * initial, ssthresh: u32::MAX, smss, initial, acked: 0 }
    }
}

impl Controller for Reno {
    fn on_ack(&mut self, ack: Ack) {
        if !ack.limited {
            return;
        }
        if self.cwnd < self.ssthresh {
            self.cwnd = self.cwnd.saturating_add(ack.bytes.min(ack.most));
            return;
        }
        // One segment per window of acknowledged data (section 3.1).
        self.acked = self.acked.saturating_add(ack.bytes);
        if self.acked >= self.cwnd {
            self.acked -= self.cwnd;
            self.cwnd = self.cwnd.saturating_add(self.smss);
        }
    }

    fn on_congestion(&mut self, _now: Time, flight: u32) {
        self.ssthresh = half(flight, self.smss);
        // Congestion never opens the window.
        self.cwnd = self.cwnd.min(self.ssthresh);
        self.acked = 0;
    }

    fn on_timeout(&mut self, _now: Time, flight: u32, again: bool) {
        // Section 3.1: ssthresh is not lowered again for a retransmission of the same data.
        if !again {
            self.ssthresh = half(flight, self.smss);
        }
        self.cwnd = self.smss;
        self.acked = 0;
    }

    fn on_idle(&mut self) {
        self.cwnd = self.cwnd.min(self.smss * self.initial);
    }

    fn on_lost_handshake(&mut self) {
        self.cwnd = self.smss;
    }

    fn on_mss(&mut self, smss: u32) {
        // RFC 5681 section 3.1: as many segments as before, or a window of large ones becomes a burst of small ones.
        let segments = self.cwnd / self.smss.max(1);
        self.smss = smss;
        self.cwnd = self.cwnd.min(segments.max(1).saturating_mul(smss)).max(smss);
    }

    fn window(&self) -> u32 {
        self.cwnd
    }

    fn slow_start_threshold(&self) -> u32 {
        self.ssthresh
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::time::Duration;

    fn ack(bytes: u32) -> Ack {
        Ack { now: Time::ZERO, bytes, srtt: Duration::from_millis(100), most: 2000, limited: true }
    }

    #[test]
    fn slow_start_doubles_then_avoidance_adds_a_segment_per_window() {
        let mut reno = Reno::new(1000, 10);
        (0..10).for_each(|_| reno.on_ack(ack(1000)));
        assert_eq!(reno.window(), 20_000);
        reno.on_congestion(Time::ZERO, 20_000);
        assert_eq!((reno.window(), reno.slow_start_threshold()), (10_000, 10_000));
        (0..10).for_each(|_| reno.on_ack(ack(1000)));
        assert_eq!(reno.window(), 11_000);
    }

    #[test]
    fn a_window_that_was_not_used_does_not_grow() {
        let mut reno = Reno::new(1000, 10);
        reno.on_ack(Ack { limited: false, ..ack(1000) });
        assert_eq!(reno.window(), 10_000);
    }

    #[test]
    fn a_second_timeout_for_the_same_data_leaves_the_threshold() {
        let mut reno = Reno::new(1000, 10);
        reno.on_timeout(Time::ZERO, 10_000, false);
        assert_eq!((reno.window(), reno.slow_start_threshold()), (1000, 5000));
        reno.on_timeout(Time::ZERO, 1000, true);
        assert_eq!((reno.window(), reno.slow_start_threshold()), (1000, 5000));
    }
}
