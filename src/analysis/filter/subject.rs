//! What a filter is asked about: a segment, and what the analysis knows about it.

use std::net::SocketAddr;

use crate::analysis::segment::{Checksum, Segment};
use crate::time::Time;
use crate::wire::{Ecn, TcpHeader, TcpOptions};

/// A segment as a filter sees it.
///
/// Everything but the segment itself may be unknown, and is unless a method is written: comparisons with it are then
/// false. A bare [`Segment`] is a subject too.
pub trait Subject {
    /// The segment.
    fn segment(&self) -> &Segment<'_>;

    /// Number of the stream.
    fn stream(&self) -> Option<u32> {
        None
    }
    /// Sequence number, relative to the first of its direction.
    fn relative_seq(&self) -> Option<u32> {
        None
    }
    /// Acknowledgment number, relative to the first of the other direction.
    fn relative_ack(&self) -> Option<u32> {
        None
    }
    /// Nanoseconds since the first frame of the capture.
    fn relative_time(&self) -> Option<u64> {
        None
    }
    /// Nanoseconds since the frame before.
    fn delta_time(&self) -> Option<u64> {
        None
    }
    /// Nanoseconds since the first frame of the stream.
    fn stream_time(&self) -> Option<u64> {
        None
    }
    /// Nanoseconds since the frame before of the same stream.
    fn stream_delta_time(&self) -> Option<u64> {
        None
    }
    /// The window, scaled.
    fn window(&self) -> Option<u64> {
        None
    }
    /// Whether the analysis gave the segment this flag, by Wireshark's name without `tcp.analysis.`.
    fn is_flagged(&self, _name: &str) -> bool {
        false
    }
    /// Whether the analysis gave the segment any flag.
    fn is_flagged_at_all(&self) -> bool {
        false
    }
    /// Nanoseconds from the segment that this one acknowledges.
    fn ack_rtt(&self) -> Option<u64> {
        None
    }
    /// Nanoseconds from the SYN to the ACK that ended the handshake of the stream.
    fn handshake_rtt(&self) -> Option<u64> {
        None
    }
    /// Nanoseconds since the transmission that this one repeats.
    fn rto(&self) -> Option<u64> {
        None
    }
    /// Bytes that the sender has in flight after this segment.
    fn bytes_in_flight(&self) -> Option<u32> {
        None
    }
    /// Which duplicate ACK of its row this is, from 1.
    fn duplicate_ack_number(&self) -> Option<u32> {
        None
    }
    /// Length of the frame on the wire.
    fn frame_len(&self) -> Option<u32> {
        None
    }
    /// The bytes of the frame that were captured.
    fn frame_bytes(&self) -> Option<&[u8]> {
        None
    }
}

impl Subject for Segment<'_> {
    fn segment(&self) -> &Segment<'_> {
        self
    }
}

/// A segment of which only the ends are set.
pub(super) fn bare_segment(src: SocketAddr, dst: SocketAddr) -> Segment<'static> {
    Segment {
        frame: 0,
        time: Time::ZERO,
        src: src.ip(),
        dst: dst.ip(),
        ttl: 0,
        ecn: Ecn::default(),
        ip_id: 0,
        dont_fragment: false,
        header: TcpHeader { src_port: src.port(), dst_port: dst.port(), ..TcpHeader::default() },
        reserved: 0,
        options: TcpOptions::default(),
        option_bytes: &[],
        len: 0,
        payload: &[],
        checksum: Checksum::Unknown,
        quoted: false,
        network: 0,
        window_cut: false,
        options_cut: false,
    }
}
