//! How one end of a connection behaves, with the reason of each default.

use std::time::Duration;

use super::congestion::Algorithm;

/// The receive buffer's size, and with it the window we offer.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum RecvBuffer {
    /// Starts at 64 KiB and grows with what the application takes in a round trip, up to `max` bytes.
    Auto {
        /// The cap.
        max: usize,
    },
    /// Always this many bytes.
    Fixed(usize),
}

impl RecvBuffer {
    /// The largest window this can lead to, in bytes.
    pub const fn max(self) -> usize {
        match self {
            RecvBuffer::Auto { max } => max,
            RecvBuffer::Fixed(size) => size,
        }
    }
}

/// The window scale that we offer (RFC 7323 section 2).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum WindowScale {
    /// As small as the receive buffer's largest window allows.
    Auto,
    /// This shift, 0 to 14.
    Shift(u8),
    /// The option is not sent and not accepted.
    Off,
}

/// One end's behaviour. [`Config::default`] has everything modern on.
#[derive(Clone, Debug, PartialEq)]
pub struct Config {
    /// The MSS we announce, in bytes; at least 48, so that a segment with all options still carries text. The stack
    /// lowers it to what the link's MTU carries.
    pub mss: u16,
    /// Selective acknowledgments (RFC 2018, 2883, 6675).
    pub sack: bool,
    /// Timestamps with PAWS (RFC 7323).
    pub timestamps: bool,
    /// Once timestamps are agreed, a segment without one is dropped (RFC 7323 section 3.2, SHOULD): off. There are boxes
    /// that let the option through in SYNs and strip it from what follows; dropping all of that would end the
    /// connection. What is taken without a timestamp goes without PAWS and counts in
    /// [`Stats::timestamps_missing_in`](super::Stats).
    pub timestamps_required: bool,
    /// An empty segment exactly at the right edge of our window is taken: on. RFC 9293 section 3.4, Table 6, refuses it;
    /// but it is what a peer that has filled our window acknowledges with, and while a segment of that window is
    /// missing, nothing of what we send would be acknowledged.
    pub edge_accepted: bool,
    /// Window scaling (RFC 7323).
    pub window_scale: WindowScale,
    /// Explicit congestion notification (RFC 3168): offered when we open.
    pub ecn: bool,
    /// Explicit congestion notification: agreed to when the peer offers it.
    pub ecn_accept: bool,
    /// The differentiated services codepoint of what is sent, 0 to 63 (MUST-48).
    pub dscp: u8,
    /// Congestion control.
    pub congestion: Algorithm,
    /// The initial congestion window in segments: 10 (RFC 6928).
    pub initial_window: u32,
    /// Segments by which slow start grows for one acknowledgment, however much that covers: 2 (RFC 3465 section 2.2, for
    /// receivers that acknowledge every second segment); RFC 5681 section 3.1 says 1. `None` sets no limit.
    pub slow_start_limit: Option<u32>,
    /// The congestion window starts over after an idle time (RFC 5681 section 4.1, SHOULD: on).
    pub idle_restart: bool,
    /// Nagle's algorithm (RFC 9293 section 3.7.4, SHLD-7: on).
    pub nagle: bool,
    /// How long data that is too small for a segment waits for a larger window or for more data (RFC 9293 section
    /// 3.8.6.2.1 says 0.1 to 1 s): 500 ms. `None` is an RTO.
    pub sws_override: Option<Duration>,
    /// How long an acknowledgment may wait for company; `None` acknowledges at once. 40 ms, well below
    /// the 500 ms of MUST-40, as Linux does: a sender's RTO floor of 200 ms is never near.
    pub delayed_ack: Option<Duration>,
    /// Segments at the start of a connection that are acknowledged at once, while the sender's window is small: 0.
    pub quick_acks: u32,
    /// Receive buffer; 6 MiB at most carries 500 Mbit/s over 100 ms.
    pub recv_buffer: RecvBuffer,
    /// Bytes the user may have waiting to be sent or acknowledged: 4 MiB.
    pub send_buffer: usize,
    /// A closed window is asked with an empty segment that lies before it, and not with a byte of new data as RFC 9293
    /// section 3.8.6.1 has it: no byte is sent that was not allowed.
    pub empty_probes: bool,
    /// RTO before the first measurement: 1 s (RFC 6298 section 2.1).
    pub rto_initial: Duration,
    /// Smallest RTO: 200 ms. RFC 6298 section 2.4 says 1 s (SHOULD); every modern stack is lower,
    /// because a delayed acknowledgment takes at most 40 ms on nearly all of them.
    pub rto_min: Duration,
    /// `rto_min` is the least that is added to SRTT rather than the least RTO, so that a path of 100 ms has an RTO of
    /// 300 ms and not of 200. RFC 6298 section 2.4 speaks of the RTO; Linux does this.
    pub rto_min_above_srtt: bool,
    /// Largest RTO: 120 s, above the 60 s that RFC 6298 section 2.5 asks for at least.
    pub rto_max: Duration,
    /// Duplicate acknowledgments that mean loss: 3 (RFC 5681 section 2, RFC 6675 section 2).
    pub dup_thresh: u32,
    /// SYNs sent again before giving up: 6, which is 127 s with backoff, near R2 of 3 minutes (MUST-23).
    pub syn_retries: u32,
    /// Times the same data is sent again before giving up: 15, which is beyond R2 of 100 s (SHLD-11).
    pub retries: u32,
    /// Gives up when data stays unacknowledged this long (RFC 9293 section 3.9.1.1, RFC 5482).
    pub user_timeout: Option<Duration>,
    /// Idle time after which the peer is asked whether it is still there (SHLD-12: off).
    pub keepalive: Option<Duration>,
    /// Time between such questions when nobody answers: 75 s.
    pub keepalive_interval: Duration,
    /// Questions without an answer before the connection is given up: 9.
    pub keepalive_probes: u32,
    /// Answers a second to segments that should not have come (RFC 5961 section 7): 10 for each connection.
    pub challenges: u32,
    /// Time in TIME-WAIT: 60 s, twice the 30 s that a segment is assumed to live at most.
    pub time_wait: Duration,
    /// Time in FIN-WAIT-2 when nobody reads any more: 60 s, as other stacks do against peers that vanish.
    pub fin_wait_2: Duration,
    /// Data leaves in bursts of about a millisecond, of at least this many segments, and each that is more than a segment
    /// ends with PSH, so that a receiver that puts packets together again delivers them at once. RFC 9293 section 3.9.1 wants PSH where the user
    /// pushes, which is set in any case.
    pub small_bursts: Option<u32>,
    /// Bytes that may leave as one super-segment; at most 65,535 less headers. One MSS when smaller.
    pub max_burst: usize,
}

impl Default for Config {
    fn default() -> Self {
        Config {
            mss: 1460,
            sack: true,
            timestamps: true,
            timestamps_required: false,
            edge_accepted: true,
            window_scale: WindowScale::Auto,
            ecn: true,
            ecn_accept: true,
            dscp: 0,
            congestion: Algorithm::Cubic,
            initial_window: 10,
            slow_start_limit: Some(2),
            idle_restart: true,
            nagle: true,
            sws_override: Some(Duration::from_millis(500)),
            delayed_ack: Some(Duration::from_millis(40)),
            quick_acks: 0,
            recv_buffer: RecvBuffer::Auto { max: 6 << 20 },
            send_buffer: 4 << 20,
            empty_probes: false,
            rto_initial: Duration::from_secs(1),
            rto_min: Duration::from_millis(200),
            rto_min_above_srtt: false,
            rto_max: Duration::from_secs(120),
            dup_thresh: 3,
            syn_retries: 6,
            retries: 15,
            user_timeout: None,
            keepalive: None,
            keepalive_interval: Duration::from_secs(75),
            keepalive_probes: 9,
            challenges: 10,
            time_wait: Duration::from_secs(60),
            fin_wait_2: Duration::from_secs(60),
            small_bursts: None,
            max_burst: 64_000,
        }
    }
}

impl Config {
    /// The shift to offer, `None` when window scaling is off.
    pub fn scale_offer(&self) -> Option<u8> {
        match self.window_scale {
            WindowScale::Off => None,
            WindowScale::Shift(shift) => Some(shift.min(MAX_SHIFT)),
            WindowScale::Auto => {
                let max = self.recv_buffer.max();
                Some((0..MAX_SHIFT).find(|shift| max >> shift <= 0xffff).unwrap_or(MAX_SHIFT))
            }
        }
    }
}

/// The largest buffer: 2^30 bytes, which is the largest window (RFC 7323 section 2.3). Sequence numbers compare right
/// only within 2^31. A receive buffer holds at least two units of the window field, or the window could never open.
pub const MAX_BUFFER: usize = 1 << 30;
/// The largest shift (RFC 7323 section 2.3).
pub const MAX_SHIFT: u8 = 14;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_scale_is_the_smallest_that_expresses_the_buffer() {
        let offer = |max| Config { recv_buffer: RecvBuffer::Fixed(max), ..Config::default() }.scale_offer();
        assert_eq!(offer(0xffff), Some(0));
        assert_eq!(offer(0x10000), Some(1));
        assert_eq!(offer(6 << 20), Some(7));
        assert_eq!(offer(1 << 40), Some(14));
    }
}
