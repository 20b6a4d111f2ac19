//! What a host discarded, and why. Discards are silent on the wire; the summary shows them.

/// Counters of one host.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Counters {
    /// Packets handed in.
    pub packets_in: u64,
    /// Packets whose headers contradict their length or each other.
    pub malformed: u64,
    /// Packets with a wrong checksum: IPv4 header, TCP or ICMP.
    pub bad_checksum: u64,
    /// Packets to an address that is not ours.
    pub not_ours: u64,
    /// Packets from an address that no host has, or from and to the same end.
    pub bad_source: u64,
    /// Fragments.
    pub fragments: u64,
    /// Packets that the link cut short.
    pub truncated: u64,
    /// Packets of other protocols.
    pub other_protocols: u64,
    /// Segments to nobody that were answered by RST.
    pub strangers_reset: u64,
    /// Segments to nobody that were not answered.
    pub strangers_ignored: u64,
    /// SYNs dropped because a listener's backlog was full.
    pub backlog_full: u64,
    /// ICMP errors that concerned a connection.
    pub icmp_errors: u64,
}
