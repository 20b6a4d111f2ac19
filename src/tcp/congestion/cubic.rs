//! CUBIC (RFC 9438): after a loss the window follows a cubic curve of time around the size it had.

use super::{Ack, Controller};
use crate::time::Time;

/// Section 5: the curve's scale, in segments per second cubed.
const C: f64 = 0.4;
/// Section 4.6: what is left of the window after a loss.
const BETA: f64 = 0.7;
/// Section 4.3: growth per RTT, in segments, that shares as fairly as Reno does with halving.
const ALPHA: f64 = 3.0 * (1.0 - BETA) / (1.0 + BETA);

/// RFC 9438. Windows are kept in segments, as the RFC writes them.
#[derive(Debug)]
pub struct Cubic {
    cwnd: f64,
    ssthresh: f64,
    smss: u32,
    initial: u32,
    w_max: f64,
    /// The window that the last congestion event interrupted.
    cwnd_prior: f64,
    epoch: Option<Epoch>,
}

/// A stretch of congestion avoidance (section 4.2).
#[derive(Debug, Clone, Copy)]
struct Epoch {
    start: Time,
    /// The window around which the curve is flat.
    origin: f64,
    /// Seconds until the curve is there.
    k: f64,
    /// What Reno would have reached.
    w_est: f64,
    /// When the last acknowledgment came; time in which the window was not the limit does not count.
    last: Time,
}

impl Cubic {
    /// Starts in slow start with `initial` segments.
    pub fn new(smss: u32, initial: u32) -> Self {
        Cubic {
            cwnd: f64::from(initial),
            ssthresh: f64::INFINITY,
            smss,
            initial,
            w_max: 0.0,
            cwnd_prior: 0.0,
            epoch: None,
        }
    }

    fn segments(&self, bytes: u32) -> f64 {
        f64::from(bytes) / f64::from(self.smss)
    }

    fn avoid(&mut self, ack: Ack) {
        let cwnd = self.cwnd;
        // Section 4.2: the curve's origin is w_max, or where it starts when that is above; K is the time there.
        let origin = self.w_max.max(cwnd);
        let k = ((origin - cwnd) / C).cbrt();
        let start = ack.now;
        let epoch = self.epoch.get_or_insert(Epoch { start, origin, k, w_est: cwnd, last: start });
        epoch.last = ack.now;
        let acked = f64::from(ack.bytes) / f64::from(self.smss);
        let curve = |seconds: f64| C * (seconds - epoch.k).powi(3) + epoch.origin;
        let t = ack.now.since(epoch.start).as_secs_f64();
        // Section 4.3: from the old window on, Reno itself grows by one segment per RTT.
        let alpha = if epoch.w_est >= self.cwnd_prior { 1.0 } else { ALPHA };
        epoch.w_est += alpha * acked / cwnd;
        if curve(t) < epoch.w_est {
            self.cwnd = cwnd.max(epoch.w_est);
        } else {
            // Section 4.4: towards the curve one RTT ahead, by no more than half a window per RTT.
            let target = curve(t + ack.srtt.as_secs_f64()).clamp(cwnd, 1.5 * cwnd);
            self.cwnd = cwnd + (target - cwnd) / cwnd * acked;
        }
    }
}

impl Controller for Cubic {
    fn on_ack(&mut self, ack: Ack) {
        if !ack.limited {
            // Section 5.8: the curve stands still while the window is not used.
            if let Some(epoch) = &mut self.epoch {
                epoch.start += ack.now.since(epoch.last);
                epoch.last = ack.now;
            }
            return;
        }
        if self.cwnd < self.ssthresh {
            self.cwnd += self.segments(ack.bytes.min(ack.most));
        } else {
            self.avoid(ack);
        }
    }

    fn on_congestion(&mut self, _now: Time, flight: u32) {
        self.cwnd_prior = self.cwnd;
        // Section 4.7, fast convergence: a flow that did not get back to its old size leaves room for others.
        self.w_max = if self.cwnd < self.w_max { self.cwnd * (1.0 + BETA) / 2.0 } else { self.cwnd };
        self.ssthresh = (self.segments(flight) * BETA).max(2.0);
        // Congestion never opens the window.
        self.cwnd = self.cwnd.min(self.ssthresh);
        self.epoch = None;
    }

    fn on_timeout(&mut self, now: Time, flight: u32, again: bool) {
        // Section 4.8: as Reno does, with CUBIC's factor.
        if !again {
            self.on_congestion(now, flight);
        }
        self.cwnd = 1.0;
        self.epoch = None;
    }

    fn on_idle(&mut self) {
        self.cwnd = self.cwnd.min(f64::from(self.initial));
        self.epoch = None;
    }

    fn on_lost_handshake(&mut self) {
        self.cwnd = 1.0;
    }

    fn on_mss(&mut self, smss: u32) {
        // Counted in segments, as many as before (RFC 5681 section 3.1).
        self.smss = smss;
        self.epoch = None;
    }

    fn window(&self) -> u32 {
        (self.cwnd * f64::from(self.smss)) as u32
    }

    fn slow_start_threshold(&self) -> u32 {
        (self.ssthresh * f64::from(self.smss)) as u32
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::time::Duration;

    /// One window of acknowledgments per RTT of 100 ms; the window in segments after each round.
    fn rounds(cubic: &mut Cubic, from: Time, count: u64) -> Vec<u32> {
        (0..count)
            .map(|round| {
                let now = from + Duration::from_millis(100 * round);
                for _ in 0..cubic.window() / 1000 {
                    cubic.on_ack(Ack { now, bytes: 1000, srtt: Duration::from_millis(100), most: 2000, limited: true });
                }
                cubic.window() / 1000
            })
            .collect()
    }

    #[test]
    fn a_loss_keeps_seven_tenths() {
        let mut cubic = Cubic::new(1000, 100);
        cubic.on_congestion(Time::ZERO, 100_000);
        assert_eq!((cubic.window(), cubic.slow_start_threshold()), (70_000, 70_000));
    }

    #[test]
    fn the_window_is_back_at_its_old_size_after_k_seconds_and_flat_around_it() {
        let mut cubic = Cubic::new(1000, 100);
        cubic.on_congestion(Time::ZERO, 100_000);
        // K = cbrt((100 - 70) / 0.4) = 4.217 s: round 42.
        let windows = rounds(&mut cubic, Time::ZERO, 80);
        assert!((99..=100).contains(&windows[42]), "{windows:?}");
        assert!(windows[32] >= 98, "flat before K: {windows:?}");
        // At t = 7.9 s the curve is at 0.4 * (7.9 - 4.217)^3 + 100 = 120.
        assert!((118..=122).contains(&windows[79]), "{windows:?}");
    }

    #[test]
    fn small_windows_grow_at_least_as_reno_does() {
        let mut cubic = Cubic::new(1000, 10);
        cubic.on_congestion(Time::ZERO, 10_000);
        let windows = rounds(&mut cubic, Time::ZERO, 20);
        // Seven segments, 0.53 per round: back at 10 after 6 rounds, then one per round.
        assert!(windows[7] >= 10 && windows[19] >= 20, "{windows:?}");
    }
}
