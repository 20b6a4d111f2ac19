//! Round-trip times and the retransmission timeout (RFC 6298).

use std::time::Duration;

use super::config::Config;

/// Clock granularity G of RFC 6298: our clock counts nanoseconds, but a timer that is armed closer than a
/// millisecond to the mean would fire on any scheduling hiccup.
const GRANULARITY: Duration = Duration::from_millis(1);

/// RTT estimator and RTO.
#[derive(Clone, Debug)]
pub struct Rto {
    smoothed: Option<Smoothed>,
    min: Duration,
    /// `min` is the least that is added to SRTT.
    above_srtt: bool,
    max: Duration,
    /// RTO without backoff.
    base: Duration,
    /// Doublings since the last valid measurement.
    backoff: u32,
    samples: Samples,
}

#[derive(Clone, Copy, Debug)]
struct Smoothed {
    srtt: Duration,
    rttvar: Duration,
}

/// What was measured in all.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Samples {
    /// How many measurements.
    pub count: u64,
    /// Smallest.
    pub min: Duration,
    /// Largest.
    pub max: Duration,
    /// Sum, for the mean.
    pub sum: Duration,
}

impl Samples {
    /// The mean, when anything was measured.
    pub fn mean(&self) -> Option<Duration> {
        (self.count > 0).then(|| Duration::from_nanos((self.sum.as_nanos() / u128::from(self.count)) as u64))
    }

    fn add(&mut self, rtt: Duration) {
        self.min = if self.count == 0 { rtt } else { self.min.min(rtt) };
        self.max = self.max.max(rtt);
        self.sum = self.sum.saturating_add(rtt);
        self.count += 1;
    }
}

impl Rto {
    /// No measurement yet: the initial RTO (section 2.1).
    pub fn new(config: &Config) -> Self {
        Rto {
            smoothed: None,
            min: config.rto_min,
            above_srtt: config.rto_min_above_srtt,
            max: config.rto_max.max(config.rto_min),
            base: config.rto_initial,
            backoff: 0,
            samples: Samples::default(),
        }
    }

    /// A valid measurement: of a segment that was sent once (Karn, section 3), or by timestamps.
    pub fn on_sample(&mut self, rtt: Duration) {
        self.samples.add(rtt);
        let smoothed = match self.smoothed {
            // Section 2.2: SRTT = R, RTTVAR = R/2.
            None => Smoothed { srtt: rtt, rttvar: rtt / 2 },
            // Section 2.3, RTTVAR first: beta = 1/4, alpha = 1/8.
            Some(Smoothed { srtt, rttvar }) => {
                Smoothed { rttvar: rttvar / 4 * 3 + srtt.abs_diff(rtt) / 4, srtt: srtt / 8 * 7 + rtt / 8 }
            }
        };
        self.smoothed = Some(smoothed);
        let margin = if self.above_srtt { self.min } else { GRANULARITY };
        self.base = (smoothed.srtt + margin.max(smoothed.rttvar * 4)).clamp(self.min, self.max);
        self.backoff = 0;
    }

    /// The timer expired (section 5.5): the next one takes twice as long.
    pub fn back_off(&mut self) {
        self.backoff = (self.backoff + 1).min(32);
    }

    /// Section 5.7: when the SYN's timer expired and nothing could be measured, data starts with 3 s.
    pub fn on_late_handshake(&mut self) {
        if self.smoothed.is_none() {
            self.base = self.base.max(Duration::from_secs(3)).min(self.max);
            self.backoff = 0;
        }
    }

    /// The timeout to arm now.
    pub fn current(&self) -> Duration {
        self.base.checked_mul(1 << self.backoff.min(31)).unwrap_or(self.max).min(self.max)
    }

    /// SRTT, once anything was measured.
    pub fn srtt(&self) -> Option<Duration> {
        self.smoothed.map(|smoothed| smoothed.srtt)
    }

    /// RTTVAR, once anything was measured.
    pub fn rttvar(&self) -> Option<Duration> {
        self.smoothed.map(|smoothed| smoothed.rttvar)
    }

    /// Doublings since the last valid measurement.
    pub fn doublings(&self) -> u32 {
        self.backoff
    }

    /// All measurements so far.
    pub fn samples(&self) -> Samples {
        self.samples
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const fn ms(n: u64) -> Duration {
        Duration::from_millis(n)
    }

    #[test]
    fn the_first_measurement_sets_srtt_and_half_of_it_as_variance() {
        let mut rto = Rto::new(&Config::default());
        assert_eq!(rto.current(), ms(1000));
        rto.on_sample(ms(400));
        assert_eq!(rto.srtt(), Some(ms(400)));
        // RTO = 400 + 4 * 200 = 1200 ms.
        assert_eq!(rto.current(), ms(1200));
    }

    #[test]
    fn later_measurements_are_smoothed_by_an_eighth_and_a_quarter() {
        let mut rto = Rto::new(&Config::default());
        rto.on_sample(ms(400));
        rto.on_sample(ms(800));
        // RTTVAR = 3/4 * 200 + 1/4 * 400 = 250; SRTT = 7/8 * 400 + 1/8 * 800 = 450; RTO = 450 + 1000.
        assert_eq!(rto.srtt(), Some(ms(450)));
        assert_eq!(rto.current(), ms(1450));
    }

    #[test]
    fn backoff_doubles_up_to_the_cap_and_ends_with_a_measurement() {
        let mut rto = Rto::new(&Config::default());
        rto.on_sample(ms(20));
        assert_eq!(rto.current(), ms(200));
        rto.back_off();
        rto.back_off();
        assert_eq!(rto.current(), ms(800));
        for _ in 0..100 {
            rto.back_off();
        }
        assert_eq!(rto.current(), Duration::from_secs(120));
        rto.on_sample(ms(20));
        assert_eq!(rto.current(), ms(200));
    }

    #[test]
    fn after_a_lost_syn_data_starts_with_three_seconds() {
        let mut rto = Rto::new(&Config::default());
        rto.back_off();
        rto.on_late_handshake();
        assert_eq!(rto.current(), Duration::from_secs(3));
    }
}
