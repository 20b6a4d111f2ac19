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

    /// Sections 4.2 and 5.8: time in which the window was not used, or nothing was sent at all, does not count, or the curve
    /// would be far ahead when it is.
    fn stand_still(&mut self, now: Time) {
        if let Some(epoch) = &mut self.epoch {
            epoch.start += now.since(epoch.last);
            epoch.last = now;
        }
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
            self.stand_still(ack.now);
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
        // Section 4.8: as Reno does, with CUBIC's factor; the curve begins where slow start will end, with K = 0.
        if !again {
            self.on_congestion(now, flight);
        }
        self.cwnd = 1.0;
        self.w_max = 0.0;
        self.epoch = None;
    }

    fn on_idle(&mut self) {
        self.cwnd = self.cwnd.min(f64::from(self.initial));
        self.epoch = None;
    }

    fn on_flight_begins(&mut self, now: Time) {
        self.stand_still(now);
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

    const RTT: Duration = Duration::from_millis(100);

    fn ack(now: Time, srtt: Duration) -> Ack {
        Ack { now, bytes: 1000, srtt, most: 2000, limited: true }
    }

    /// One window of acknowledgments per round trip; the window in segments after each.
    fn rounds_of(rtt: Duration, cubic: &mut Cubic, from: Time, count: u32) -> Vec<u32> {
        (0..count)
            .map(|round| {
                for _ in 0..cubic.window() / 1000 {
                    cubic.on_ack(ack(from + rtt * round, rtt));
                }
                cubic.window() / 1000
            })
            .collect()
    }

    fn rounds(cubic: &mut Cubic, from: Time, count: u32) -> Vec<u32> {
        rounds_of(RTT, cubic, from, count)
    }

    fn at(seconds: u64) -> Time {
        Time::ZERO + Duration::from_secs(seconds)
    }

    /// A hundred segments, one of them lost.
    fn after_a_loss() -> Cubic {
        let mut cubic = Cubic::new(1000, 100);
        cubic.on_congestion(Time::ZERO, 100_000);
        cubic
    }

    #[test]
    fn a_loss_keeps_seven_tenths_of_what_was_in_flight() {
        let cubic = after_a_loss();
        assert_eq!((cubic.window(), cubic.slow_start_threshold()), (70_000, 70_000));
        // Section 4.6 counts what was in flight and not the window, of which there was more.
        let mut idle = Cubic::new(1000, 100);
        idle.on_congestion(Time::ZERO, 40_000);
        assert_eq!((idle.window(), idle.slow_start_threshold()), (28_000, 28_000));
    }

    #[test]
    fn a_loss_leaves_two_segments_and_opens_nothing() {
        let mut small = Cubic::new(1000, 10);
        small.on_congestion(Time::ZERO, 1000);
        assert_eq!((small.window(), small.slow_start_threshold()), (2000, 2000));
        let mut smaller = Cubic::new(1000, 4);
        smaller.on_congestion(Time::ZERO, 10_000);
        assert_eq!((smaller.window(), smaller.slow_start_threshold()), (4000, 7000));
    }

    #[test]
    fn the_window_is_back_at_its_old_size_after_k_seconds_and_flat_around_it() {
        // K = cbrt((100 - 70) / 0.4) = 4.217 s: round 42.
        let windows = rounds(&mut after_a_loss(), Time::ZERO, 80);
        assert!((99..=100).contains(&windows[42]), "{windows:?}");
        assert!(windows[32] >= 98, "flat before K: {windows:?}");
        // At t = 7.9 s the curve is at 0.4 * (7.9 - 4.217)^3 + 100 = 120.
        assert!((118..=122).contains(&windows[79]), "{windows:?}");
    }

    #[test]
    fn the_target_is_the_curve_a_round_trip_ahead() {
        // A second after the loss the curve is at 0.4 * (1 - 4.217)^3 + 100 = 86.7, and will be at 95.6 one second later; a
        // window of acknowledgments goes 63 % of the way from 70 there.
        let windows = rounds_of(Duration::from_secs(1), &mut after_a_loss(), Time::ZERO, 2);
        assert!((84..=88).contains(&windows[1]), "{windows:?}");
    }

    #[test]
    fn no_round_trip_adds_more_than_half_a_window() {
        // Section 4.2: two seconds after the loss the curve is at 400, far above one and a half times 7.
        let mut cubic = Cubic::new(1000, 1000);
        cubic.on_congestion(Time::ZERO, 10_000);
        let windows = rounds_of(Duration::from_secs(1), &mut cubic, Time::ZERO, 2);
        assert_eq!(windows, [7, 11]);
    }

    #[test]
    fn a_target_below_the_window_does_not_shrink_it() {
        let mut cubic = after_a_loss();
        let windows = rounds_of(Duration::from_secs(5), &mut cubic, Time::ZERO, 2);
        // The round trip is shorter now: the curve, at 100, is not yet where the window is.
        let before = cubic.window();
        cubic.on_ack(ack(at(5), Duration::from_millis(1)));
        assert!(windows[1] > 101 && cubic.window() >= before, "{windows:?}, then {}", cubic.window());
    }

    #[test]
    fn a_flow_that_did_not_get_back_to_its_old_size_leaves_room_for_others() {
        // Section 4.7: 70 segments are lost before 100 were reached; the curve is flat around 70 * 1.7 / 2 = 59.5.
        let mut cubic = after_a_loss();
        cubic.on_congestion(at(1), 70_000);
        assert_eq!((cubic.window(), cubic.w_max), (49_000, 59.5));
        // K = cbrt((59.5 - 49) / 0.4) = 2.97 s.
        let windows = rounds_of(Duration::from_secs(1), &mut cubic, at(1), 4);
        assert!((57..=60).contains(&windows[3]), "{windows:?}");
        // One that got farther is not held back.
        let mut cubic = after_a_loss();
        let reached = *rounds(&mut cubic, Time::ZERO, 80).last().unwrap();
        cubic.on_congestion(at(9), reached * 1000);
        assert!((f64::from(reached)..f64::from(reached + 1)).contains(&cubic.w_max), "{} of {reached}", cubic.w_max);
    }

    #[test]
    fn small_windows_grow_at_least_as_reno_does() {
        let mut cubic = Cubic::new(1000, 10);
        cubic.on_congestion(Time::ZERO, 10_000);
        // Section 4.3: seven segments and 0.53 per round, back at 10 after six or so; from there on one per round, as Reno.
        let windows = rounds(&mut cubic, Time::ZERO, 12);
        assert_eq!(windows, [7, 7, 8, 8, 9, 9, 10, 11, 12, 13, 14, 15]);
    }

    #[test]
    fn a_loss_begins_a_new_curve() {
        let mut cubic = after_a_loss();
        rounds(&mut cubic, Time::ZERO, 100);
        let flight = cubic.window();
        cubic.on_congestion(at(10), flight);
        let kept = cubic.window() / 1000;
        // K is some five seconds: the first round adds two segments or three, and not half a window.
        let windows = rounds(&mut cubic, at(10), 1);
        assert!((kept..=kept + 6).contains(&windows[0]), "{kept}, then {windows:?}");
    }

    #[test]
    fn a_timeout_leaves_one_segment_and_a_curve_that_begins_flat() {
        let mut cubic = Cubic::new(1000, 100);
        cubic.on_timeout(Time::ZERO, 100_000, false);
        assert_eq!((cubic.window(), cubic.slow_start_threshold()), (1000, 70_000));
        // For the same data again: the threshold stays (RFC 5681 section 3.1).
        cubic.on_timeout(at(1), 1000, true);
        assert_eq!((cubic.window(), cubic.slow_start_threshold()), (1000, 70_000));
        // Section 4.8: in the first congestion avoidance after it K is 0 and W_max what slow start ended with. Around 100
        // it would be at 0.4 * (1 - 4.217)^3 + 100 = 87 after a second.
        let slow_start = rounds(&mut cubic, at(2), 7);
        assert_eq!(slow_start, [2, 4, 8, 16, 32, 64, 70]);
        let windows = rounds(&mut cubic, at(3), 11);
        assert!((71..=76).contains(&windows[10]), "{windows:?}");
    }

    #[test]
    fn slow_start_that_ends_without_a_loss_begins_a_flat_curve() {
        // Section 4.10: W_max is not known then.
        let mut cubic = Cubic::new(1000, 70);
        cubic.ssthresh = 70.0;
        let windows = rounds(&mut cubic, Time::ZERO, 11);
        assert!((71..=81).contains(&windows[10]), "{windows:?}");
        assert!(cubic.epoch.is_some_and(|epoch| epoch.k == 0.0 && epoch.origin == 70.0), "{:?}", cubic.epoch);
    }

    #[test]
    fn slow_start_grows_by_what_is_acknowledged_up_to_its_limit() {
        let mut cubic = Cubic::new(1000, 10);
        cubic.on_ack(ack(Time::ZERO, RTT));
        assert_eq!(cubic.window(), 11_000);
        cubic.on_ack(Ack { bytes: 10_000, ..ack(Time::ZERO, RTT) });
        assert_eq!(cubic.window(), 13_000);
    }

    #[test]
    fn a_window_that_is_not_used_neither_grows_nor_ages() {
        // Section 5.8. After twenty seconds the curve would be at 1,677.
        let mut cubic = after_a_loss();
        cubic.on_ack(ack(Time::ZERO, RTT));
        for tenth in 1..200 {
            cubic.on_ack(Ack { limited: false, ..ack(Time::ZERO + RTT * tenth, RTT) });
        }
        assert_eq!(cubic.window() / 1000, 70);
        let windows = rounds(&mut cubic, at(20), 1);
        assert!((70..=73).contains(&windows[0]), "{windows:?}");
    }

    #[test]
    fn time_without_anything_in_flight_does_not_count() {
        // Section 5.8, "such as idle periods".
        let mut cubic = after_a_loss();
        rounds(&mut cubic, Time::ZERO, 2);
        cubic.on_flight_begins(at(20));
        let windows = rounds(&mut cubic, at(20), 1);
        assert!((72..=76).contains(&windows[0]), "{windows:?}");
        // All other time does: the window gets on in two parts as in one.
        let half = Duration::from_millis(500);
        let in_one = rounds_of(half, &mut after_a_loss(), Time::ZERO, 20);
        let mut cubic = after_a_loss();
        rounds_of(half, &mut cubic, Time::ZERO, 10);
        cubic.on_flight_begins(at(10));
        cubic.on_flight_begins(at(20));
        // The last acknowledgments came after 4.5 s of use, and so do the next.
        let in_two = rounds_of(half, &mut cubic, at(20), 11);
        assert!(in_two[10].abs_diff(in_one[19]) <= 2, "{in_one:?}, {in_two:?}");
    }

    #[test]
    fn an_idle_time_starts_over_with_the_initial_window_and_a_new_curve() {
        let mut cubic = Cubic::new(1000, 10);
        cubic.on_congestion(Time::ZERO, 100_000);
        rounds(&mut cubic, Time::ZERO, 20);
        assert!(cubic.window() > 70_000);
        cubic.on_idle();
        assert_eq!(cubic.window(), 10_000);
        assert!(cubic.epoch.is_none());
        // Slow start up to the threshold again, then gently on.
        let windows = rounds(&mut cubic, at(60), 6);
        assert_eq!(windows[..3], [20, 40, 70], "{windows:?}");
        assert!(windows[5] <= 73, "{windows:?}");
        // A window that is smaller stays.
        let mut small = Cubic::new(1000, 10);
        small.on_lost_handshake();
        small.on_idle();
        assert_eq!(small.window(), 1000);
    }

    #[test]
    fn a_lost_handshake_leaves_one_segment_and_a_smaller_mss_as_many_as_before() {
        let mut cubic = Cubic::new(1000, 10);
        cubic.on_mss(500);
        assert_eq!(cubic.window(), 5000);
        cubic.on_lost_handshake();
        assert_eq!(cubic.window(), 500);
    }
}
