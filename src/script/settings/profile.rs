//! Profiles: how our stack behaves where RFCs leave room, as values of the ordinary configuration.

use std::fmt;
use std::time::Duration;

use crate::tcp::{Algorithm, Config, RecvBuffer};

/// A profile.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Default)]
pub enum Profile {
    /// The numbers that RFCs recommend: RTO at least 1 s (RFC 6298), congestion control of RFC 5681.
    #[default]
    Rfc,
    /// What Linux does: RTO at least 200 ms above SRTT, CUBIC, the first segments acknowledged at once, windows and
    /// buffers of its size.
    Linux,
}

impl Profile {
    /// All of them.
    pub const ALL: [Profile; 2] = [Profile::Rfc, Profile::Linux];

    /// Reads a name.
    pub fn of(name: &str) -> Option<Self> {
        Profile::ALL.into_iter().find(|profile| profile.name() == name)
    }

    /// The name in options.
    pub const fn name(self) -> &'static str {
        match self {
            Profile::Rfc => "rfc",
            Profile::Linux => "linux",
        }
    }

    /// How a connection behaves.
    pub fn config(self) -> Config {
        match self {
            Profile::Rfc => Config {
                congestion: Algorithm::Reno,
                rto_min: Duration::from_secs(1),
                slow_start_limit: Some(1),
                timestamps_required: true,
                edge_accepted: false,
                // A SYN is sent for three minutes at least (RFC 9293 MUST-23): 255 s.
                syn_retries: 7,
                ecn: false,
                ecn_accept: true,
                ..Config::default()
            },
            Profile::Linux => Config {
                ecn: false,
                ecn_accept: true,
                quick_acks: 16,
                rto_min_above_srtt: true,
                small_bursts: Some(2),
                slow_start_limit: None,
                empty_probes: true,
                sws_override: None,
                recv_buffer: RecvBuffer::Auto { max: 6 << 20 },
                ..Config::default()
            },
        }
    }

    /// How far from the script's time something may happen, and the same as a percentage of the time since the event
    /// before. Our time is virtual and exact; Linux counts in jiffies, and scripts for it are written with
    /// packetdrill's defaults in mind.
    pub const fn tolerance(self) -> (Duration, f64) {
        match self {
            Profile::Rfc => (Duration::from_millis(1), 0.0),
            Profile::Linux => (Duration::from_millis(4), 12.5),
        }
    }
}

impl fmt::Display for Profile {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}
