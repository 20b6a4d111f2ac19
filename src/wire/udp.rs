//! UDP (RFC 768).

use std::net::IpAddr;

use pnet::packet::udp::{MutableUdpPacket, UdpPacket as View};

use super::checksum;
use super::error::{Malformed, take};
use super::ip::Protocol;

/// Bytes of a UDP header.
pub const UDP_HEADER: usize = 8;

/// A UDP datagram, read.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct UdpPacket<'a> {
    /// Source port.
    pub src_port: u16,
    /// Destination port.
    pub dst_port: u16,
    /// The checksum field; 0 means that the sender made none.
    pub checksum: u16,
    /// What the datagram carries, cut to the length that the header states.
    pub payload: &'a [u8],
}

impl<'a> UdpPacket<'a> {
    /// Reads a datagram from an IP payload.
    pub fn parse(bytes: &'a [u8]) -> Result<Self, Malformed> {
        let truncated = Malformed::Truncated { what: "UDP header", needed: UDP_HEADER, had: bytes.len() };
        let view = View::new(bytes).ok_or(truncated)?;
        let length = usize::from(view.get_length());
        if length < UDP_HEADER {
            return Err(Malformed::Field {
                what: "UDP length",
                offset: 4,
                value: length as u64,
                allowed: "at least 8",
            });
        }
        Ok(UdpPacket {
            src_port: view.get_source(),
            dst_port: view.get_destination(),
            checksum: view.get_checksum(),
            payload: take(bytes, length, "UDP datagram")?.get(UDP_HEADER..).unwrap_or_default(),
        })
    }
}

/// Appends a datagram with its checksum.
pub fn write(src: (IpAddr, u16), dst: (IpAddr, u16), payload: &[u8], out: &mut Vec<u8>) {
    let start = out.len();
    let length = UDP_HEADER + payload.len();
    out.resize(start + UDP_HEADER, 0);
    out.extend_from_slice(payload);
    let Some(space) = out.get_mut(start..) else { return };
    let mut sum = checksum::pseudo_header(src.0, dst.0, Protocol::UDP.0, length);
    let Some(mut view) = MutableUdpPacket::new(space) else { return };
    view.set_source(src.1);
    view.set_destination(dst.1);
    view.set_length(u16::try_from(length).unwrap_or(u16::MAX));
    sum.add(pnet::packet::Packet::packet(&view));
    // A sum of zero is sent as all ones, since zero says "no checksum" (RFC 768).
    view.set_checksum(match sum.finish() {
        0 => 0xffff,
        sum => sum,
    });
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn what_is_written_reads_back_and_its_checksum_holds() {
        let (src, dst) = (IpAddr::from([192, 0, 2, 1]), IpAddr::from([192, 0, 2, 2]));
        let mut bytes = Vec::new();
        write((src, 5), (dst, 6), b"odd", &mut bytes);
        let read = UdpPacket::parse(&bytes).unwrap();
        assert_eq!((read.src_port, read.dst_port, read.payload), (5, 6, &b"odd"[..]));
        let mut sum = checksum::pseudo_header(src, dst, 17, bytes.len());
        sum.add(&bytes);
        assert_eq!(sum.finish(), 0);
    }

    #[test]
    fn a_length_that_lies_is_refused() {
        let bytes = [0, 5, 0, 6, 0, 7, 0, 0];
        assert_eq!(
            UdpPacket::parse(&bytes).unwrap_err().to_string(),
            "UDP length (offset 4) says 7, must be at least 8"
        );
        let bytes = [0, 5, 0, 6, 0, 9, 0, 0];
        assert_eq!(UdpPacket::parse(&bytes).unwrap_err().to_string(), "UDP datagram needs 9 bytes, 8 are there");
    }

    proptest! {
        #[test]
        fn no_bytes_panic(bytes: Vec<u8>) {
            let _ = UdpPacket::parse(&bytes);
        }
    }
}
