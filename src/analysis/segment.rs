//! One TCP segment as a capture shows it: what every part of the analysis is fed with.

use std::net::IpAddr;

use crate::time::Time;
use crate::wire::{Ecn, TcpHeader, TcpOptions};

/// One of the two ends of a connection.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, serde::Serialize, serde::Deserialize)]
pub enum Side {
    /// The sender of the connection's first packet in the capture.
    A,
    /// The other.
    B,
}

impl Side {
    /// The other end.
    pub const fn other(self) -> Side {
        match self {
            Side::A => Side::B,
            Side::B => Side::A,
        }
    }

    /// As an index into a pair: 0 for A, 1 for B.
    pub const fn index(self) -> usize {
        self as usize
    }
}

/// What the TCP checksum says.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Default)]
pub enum Checksum {
    /// It fits.
    Good,
    /// It does not: the segment was damaged on its way to the capture.
    Bad,
    /// It is the sum over the pseudo-header alone: captured on the sending host, before the device filled it in.
    Unfilled,
    /// Not all bytes it covers were captured, or it was not looked at.
    #[default]
    Unknown,
}

/// A TCP segment as a capture shows it.
#[derive(Clone, Copy, Debug)]
pub struct Segment<'a> {
    /// The frame, counted from 1; of a datagram in fragments, the one that completed it.
    pub frame: u64,
    /// When the frame was captured, since the Unix epoch.
    pub time: Time,
    /// Source address.
    pub src: IpAddr,
    /// Destination address.
    pub dst: IpAddr,
    /// Time to live or hop limit.
    pub ttl: u8,
    /// ECN bits of the IP header.
    pub ecn: Ecn,
    /// IPv4 identification, 0 in IPv6.
    pub ip_id: u16,
    /// The IPv4 header forbids fragments (always so in IPv6).
    pub dont_fragment: bool,
    /// Which network the addresses belong to: 0 for the one that the capture shows first, otherwise a number made of
    /// what the frame was passed through and what is the same in both directions: VLANs, network identifiers and the
    /// outer addresses of tunnels. Equal ports and addresses in two networks may be two connections.
    pub network: u32,
    /// The fixed header. Where it was cut, what is missing is 0, but for the window: see [`Segment::window_cut`].
    pub header: TcpHeader,
    /// The window was not captured. It reads as 65,535 then, which closes nothing.
    pub window_cut: bool,
    /// The accurate-ECN bit and the three reserved ones, as the low four bits.
    pub reserved: u8,
    /// The options that the analysis works with.
    pub options: TcpOptions,
    /// All option bytes that were captured.
    pub option_bytes: &'a [u8],
    /// There were more options than were captured, or may have been: what is not in `options` is unknown, not absent.
    pub options_cut: bool,
    /// Payload bytes by the lengths in the headers, captured or not.
    pub len: u32,
    /// The payload bytes that were captured, at most `len`.
    pub payload: &'a [u8],
    /// What the checksum says.
    pub checksum: Checksum,
    /// The segment stands in an ICMP error: it is quoted, not sent.
    pub quoted: bool,
}

impl Segment<'_> {
    /// SEG.LEN: sequence space taken, SYN and FIN counted (RFC 9293 section 3.3.1).
    pub fn seq_len(&self) -> u32 {
        self.len + u32::from(self.header.flags.syn()) + u32::from(self.header.flags.fin())
    }
}
