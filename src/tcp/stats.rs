//! What happened on a connection, counted. Retransmissions are split by why they were sent.

use crate::tcp::segment::Reason;

/// Counters of one connection, from our end's point of view. Segments are packets on the wire.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Stats {
    /// Segments that arrived for this connection with a good checksum.
    pub segments_in: u64,
    /// Segments sent.
    pub segments_out: u64,
    /// Payload bytes delivered in order.
    pub bytes_in: u64,
    /// Payload bytes sent for the first time.
    pub bytes_out: u64,
    /// SYN or SYN-ACK sent again.
    pub syn_retransmits: u64,
    /// Segments sent again because SACK blocks or duplicate acknowledgments said so.
    pub fast_retransmits: u64,
    /// Segments sent again after a timeout.
    pub timeout_retransmits: u64,
    /// Segments sent again so that recovery does not stall.
    pub rescue_retransmits: u64,
    /// Segments sent again because the path's MTU is smaller.
    pub mtu_retransmits: u64,
    /// Retransmission timeouts.
    pub timeouts: u64,
    /// Times fast recovery was entered.
    pub recoveries: u64,
    /// Duplicate acknowledgments received.
    pub dup_acks_in: u64,
    /// SACK blocks received and used.
    pub sack_blocks_in: u64,
    /// SACK blocks received that make no sense (outside of what is in flight).
    pub sack_blocks_bad: u64,
    /// SACK blocks sent.
    pub sack_blocks_out: u64,
    /// Reports of duplicates received (RFC 2883).
    pub dsacks_in: u64,
    /// Reports of duplicates sent.
    pub dsacks_out: u64,
    /// Segments that arrived beyond a hole.
    pub out_of_order_in: u64,
    /// Segments that arrived with nothing new.
    pub duplicates_in: u64,
    /// Segments without a timestamp although both ends agreed on them, and taken all the same
    /// ([`Config::timestamps_required`](super::Config)).
    pub timestamps_missing_in: u64,
    /// Segments outside the window, with old timestamps or with impossible acknowledgments.
    pub unacceptable_in: u64,
    /// Challenge ACKs sent.
    pub challenges_out: u64,
    /// Window probes sent.
    pub window_probes_out: u64,
    /// Keep-alive probes sent.
    pub keepalives_out: u64,
    /// Congestion marks that arrived in IP headers.
    pub congestion_marks_in: u64,
    /// Times our window was reduced because the peer echoed a mark.
    pub congestion_echoes_in: u64,
    /// Option values that no honest peer sends, such as an MSS of 0, and were replaced.
    pub bad_options_in: u64,
}

impl Stats {
    /// All segments sent again.
    pub fn retransmits(&self) -> u64 {
        self.syn_retransmits
            + self.fast_retransmits
            + self.timeout_retransmits
            + self.rescue_retransmits
            + self.mtu_retransmits
    }

    /// Counts `packets` that leave for `reason`.
    pub(super) fn on_sent(&mut self, reason: Reason, packets: u64) {
        self.segments_out += packets;
        match reason {
            Reason::SynRetransmit => self.syn_retransmits += packets,
            Reason::FastRetransmit => self.fast_retransmits += packets,
            Reason::TimeoutRetransmit => self.timeout_retransmits += packets,
            Reason::RescueRetransmit => self.rescue_retransmits += packets,
            Reason::MtuRetransmit => self.mtu_retransmits += packets,
            Reason::ChallengeAck => self.challenges_out += packets,
            Reason::WindowProbe => self.window_probes_out += packets,
            Reason::KeepAlive => self.keepalives_out += packets,
            _ => {}
        }
    }
}
