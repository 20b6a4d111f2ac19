//! Congestion control: how much may be in the network (RFC 5681), behind one trait.
//!
//! | file    | algorithm |
//! |---------|-----------|
//! | `reno`  | RFC 5681 |
//! | `cubic` | RFC 9438 |

mod cubic;
mod reno;

use std::fmt;
use std::time::Duration;

pub use cubic::Cubic;
pub use reno::Reno;

use crate::time::Time;

/// Which algorithm a connection uses.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Algorithm {
    /// RFC 5681.
    Reno,
    /// RFC 9438.
    Cubic,
}

impl Algorithm {
    /// A controller for segments of `smss` bytes that starts with `initial` segments, fewer where segments are larger than
    /// Ethernet's, but two if it may (RFC 6928 section 2).
    pub fn controller(self, smss: u32, initial: u32) -> Box<dyn Controller> {
        let initial = initial.min((initial.saturating_mul(1460) / smss.max(1)).max(2));
        match self {
            Algorithm::Reno => Box::new(Reno::new(smss, initial)),
            Algorithm::Cubic => Box::new(Cubic::new(smss, initial)),
        }
    }
}

impl fmt::Display for Algorithm {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Algorithm::Reno => "reno",
            Algorithm::Cubic => "cubic",
        })
    }
}

/// An acknowledgment, as congestion control sees it.
#[derive(Clone, Copy, Debug)]
pub struct Ack {
    /// When it arrived.
    pub now: Time,
    /// Bytes newly acknowledged.
    pub bytes: u32,
    /// Smoothed RTT, zero before the first measurement.
    pub srtt: Duration,
    /// The most that slow start may add for one acknowledgment, in bytes.
    pub most: u32,
    /// The window was the limit: only then may it grow (RFC 7661, RFC 9438 section 5.8).
    pub limited: bool,
}

/// An algorithm. All amounts are bytes.
pub trait Controller: fmt::Debug + Send {
    /// New data was acknowledged outside of fast recovery.
    fn on_ack(&mut self, ack: Ack);
    /// Loss was found by duplicate acknowledgments, or the network marked congestion. `flight` is what was out.
    fn on_congestion(&mut self, now: Time, flight: u32);
    /// The retransmission timer expired. `again` when it already had for the same data.
    fn on_timeout(&mut self, now: Time, flight: u32, again: bool);
    /// Nothing was sent for longer than an RTO (RFC 5681 section 4.1).
    fn on_idle(&mut self);
    /// Something is sent while nothing is in flight: there was nothing to send until now, or no window for it.
    fn on_flight_begins(&mut self, _now: Time) {}
    /// The handshake needed a retransmission: one segment (RFC 5681 section 3.1).
    fn on_lost_handshake(&mut self);
    /// The sender's MSS changed.
    fn on_mss(&mut self, smss: u32);
    /// cwnd.
    fn window(&self) -> u32;
    /// ssthresh.
    fn slow_start_threshold(&self) -> u32;
}

/// Half of what was out, at least two segments (RFC 5681 equation 4).
fn half(flight: u32, smss: u32) -> u32 {
    (flight / 2).max(2 * smss)
}
