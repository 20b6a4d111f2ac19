//! What leaves a stack, and how it is cut into packets.
//!
//! A stack hands out [`Outgoing`]: headers as values, payload by reference, and a segment size. One
//! `Outgoing` may be a super-segment of up to 64 KiB. A link that can pass those to hardware or kernel
//! does; for all others [`Outgoing::packets`] cuts it into wire packets, as segmentation offload would.

use bytes::Bytes;

use super::checksum;
use super::ip::{IpHeader, IpPacket, Protocol};
use super::options::OptionBytes;
use super::tcp::{Flags, TCP_HEADER, TcpHeader, TcpPacket};
use crate::time::Time;

/// Whether the checksum of a received packet can be relied on.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Default)]
pub enum ChecksumState {
    /// Nothing is known: the receiver must verify.
    #[default]
    Unknown,
    /// The packet never left this machine and its sender left the checksum to hardware that is not there.
    Unfilled,
}

/// What a link knows about a packet beside its bytes.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Meta {
    /// When the packet arrived, by the link's own reckoning; never later than the `now` it is handed in with.
    pub arrived: Option<Time>,
    /// Index of the interface, 0 when there is none.
    pub interface: u32,
    /// State of the transport checksum.
    pub checksum: ChecksumState,
    /// Set when the packet was put together from segments of this many payload bytes.
    pub segment_size: Option<u16>,
    /// The link cut the packet; its bytes are only the beginning.
    pub truncated: bool,
}

/// One IP packet with all its bytes.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Packet {
    /// The packet from the first byte of its IP header.
    pub bytes: Vec<u8>,
    /// What the link knows about it.
    pub meta: Meta,
}

impl Packet {
    /// A packet of which nothing is known but its bytes.
    pub fn new(bytes: Vec<u8>) -> Self {
        Packet { bytes, meta: Meta::default() }
    }
}

/// Payload by reference: slices of shared buffers, in order.
#[derive(Clone, Debug, Default)]
pub struct Payload {
    first: Bytes,
    rest: Vec<Bytes>,
    len: usize,
}

impl Payload {
    /// No payload.
    pub fn empty() -> Self {
        Payload::default()
    }

    /// Appends a slice.
    pub fn push(&mut self, slice: Bytes) {
        self.len += slice.len();
        if self.first.is_empty() {
            self.first = slice;
        } else {
            self.rest.push(slice);
        }
    }

    /// Bytes in all.
    pub fn len(&self) -> usize {
        self.len
    }

    /// True without any bytes.
    pub fn is_empty(&self) -> bool {
        self.len == 0
    }

    /// The slices, in order.
    pub fn slices(&self) -> impl Iterator<Item = &Bytes> {
        std::iter::once(&self.first).chain(&self.rest)
    }

    /// Appends `len` bytes from offset `start` to `out`, adding them to `sum` on the way.
    fn copy(&self, start: usize, len: usize, sum: &mut checksum::Sum, out: &mut Vec<u8>) {
        let (mut skip, mut left) = (start, len);
        for slice in self.slices() {
            if left == 0 {
                break;
            }
            if skip >= slice.len() {
                skip -= slice.len();
                continue;
            }
            let end = slice.len().min(skip.saturating_add(left));
            let part = slice.get(skip..end).unwrap_or_default();
            sum.add_copying(part, out);
            left -= part.len();
            skip = 0;
        }
    }
}

impl From<Bytes> for Payload {
    fn from(bytes: Bytes) -> Self {
        let mut payload = Payload::empty();
        payload.push(bytes);
        payload
    }
}

/// A TCP segment on its way out, possibly many packets long.
#[derive(Clone, Debug)]
pub struct Outgoing {
    /// The IP header of the first packet.
    pub ip: IpHeader,
    /// The TCP header of the first packet.
    pub tcp: TcpHeader,
    /// Option bytes, the same in every packet.
    pub options: OptionBytes,
    /// What is carried.
    pub payload: Payload,
    /// Payload bytes per packet; the last may carry fewer.
    pub segment_size: usize,
    /// What the sender knew and why it sent this, for captures; only made when asked for.
    pub note: Option<String>,
}

impl Outgoing {
    /// How many packets this makes.
    pub fn count(&self) -> usize {
        self.payload.len().div_ceil(self.segment_size.max(1)).max(1)
    }

    /// Cuts into packets: sequence numbers and identifications count on, CWR stays on the first packet,
    /// FIN and PSH on the last, and each gets its own length and checksums.
    pub fn packets(&self) -> impl Iterator<Item = Packet> + '_ {
        let count = self.count();
        (0..count).map(move |index| self.packet(index, count))
    }

    fn packet(&self, index: usize, count: usize) -> Packet {
        let size = self.segment_size.max(1);
        let start = index * size;
        let len = self.payload.len().saturating_sub(start).min(size);
        let mut ip = self.ip;
        ip.id = ip.id.wrapping_add(index as u16);
        let mut tcp = self.tcp;
        tcp.seq += start as u32;
        if index > 0 {
            tcp.flags = tcp.flags.without(Flags::CWR);
            // CWR is answered once; marking the rest of a burst again would ask for a second reduction.
        }
        if index + 1 < count {
            tcp.flags = tcp.flags.without(Flags::FIN | Flags::PSH);
        }
        let options = self.options.as_slice();
        let tcp_len = TCP_HEADER + options.len() + len;
        let mut bytes = Vec::with_capacity(ip.len() + tcp_len);
        ip.write(tcp_len, &mut bytes);
        let header_at = bytes.len();
        tcp.write(options, &mut bytes);
        let mut sum = checksum::pseudo_header(ip.src, ip.dst, Protocol::TCP.0, tcp_len);
        sum.add(bytes.get(header_at..).unwrap_or_default());
        self.payload.copy(start, len, &mut sum, &mut bytes);
        TcpHeader::store_checksum(sum.finish(), header_at, &mut bytes);
        Packet::new(bytes)
    }
}

/// Cuts a received super-segment into the packets that were on the wire, as [`Outgoing::packets`] does for one that
/// leaves. A packet that is none comes back as it is.
pub fn split(packet: Packet) -> Vec<Packet> {
    let Some(size) = packet.meta.segment_size.map(usize::from).filter(|size| *size > 0) else { return vec![packet] };
    let Ok(ip) = IpPacket::parse(&packet.bytes) else { return vec![packet] };
    let Ok(tcp) = TcpPacket::parse(ip.payload) else { return vec![packet] };
    if ip.protocol != Protocol::TCP || tcp.payload.len() <= size {
        return vec![packet];
    }
    let tcp_at = ip.header_len;
    let head = packet.bytes.get(..tcp_at + TCP_HEADER + tcp.options.len()).unwrap_or_default();
    let count = tcp.payload.len().div_ceil(size);
    let parts = tcp.payload.chunks(size).enumerate().map(|(index, part)| {
        let mut bytes = [head, part].concat();
        let total = bytes.len();
        let mut header = tcp.header;
        header.seq += (index * size) as u32;
        if index > 0 {
            header.flags = header.flags.without(Flags::CWR);
        }
        if index + 1 < count {
            header.flags = header.flags.without(Flags::FIN | Flags::PSH);
        }
        let mut put = |at: usize, value: &[u8]| {
            if let Some(field) = bytes.get_mut(at..at + value.len()) {
                field.copy_from_slice(value);
            }
        };
        if ip.dst.is_ipv4() {
            put(2, &(total as u16).to_be_bytes());
            put(4, &ip.id.wrapping_add(index as u16).to_be_bytes());
            put(10, &[0, 0]);
        } else {
            put(4, &((total - super::ip::IPV6_HEADER) as u16).to_be_bytes());
        }
        put(tcp_at + 4, &header.seq.0.to_be_bytes());
        put(tcp_at + 13, &[header.flags.0]);
        if ip.dst.is_ipv4() {
            let sum = checksum::of(bytes.get(..tcp_at).unwrap_or_default());
            if let Some(field) = bytes.get_mut(10..12) {
                field.copy_from_slice(&sum.to_be_bytes());
            }
        }
        let meta = Meta { segment_size: None, checksum: ChecksumState::Unfilled, ..packet.meta };
        let mut part = Packet { bytes, meta };
        complete_checksum(&mut part);
        part
    });
    parts.collect()
}

/// Fills in the TCP checksum of a packet whose sender left it to hardware.
pub fn complete_checksum(packet: &mut Packet) {
    if packet.meta.checksum != ChecksumState::Unfilled {
        return;
    }
    let Ok(ip) = IpPacket::parse(&packet.bytes) else { return };
    if ip.protocol != Protocol::TCP || ip.payload.len() < TCP_HEADER {
        return;
    }
    let (start, len) = (ip.header_len, ip.payload.len());
    let mut sum = checksum::pseudo_header(ip.src, ip.dst, Protocol::TCP.0, len);
    TcpHeader::store_checksum(0, start, &mut packet.bytes);
    sum.add(packet.bytes.get(start..start + len).unwrap_or_default());
    TcpHeader::store_checksum(sum.finish(), start, &mut packet.bytes);
    packet.meta.checksum = ChecksumState::Unknown;
}

#[cfg(test)]
mod tests {
    use super::super::ip::Ecn;
    use super::super::seq::SeqNum;
    use super::super::tcp;
    use super::*;

    fn outgoing(payload: Payload, segment_size: usize) -> Outgoing {
        Outgoing {
            ip: IpHeader {
                src: [192, 0, 2, 1].into(),
                dst: [192, 0, 2, 2].into(),
                protocol: Protocol::TCP,
                ttl: 64,
                ecn: Ecn::Ect0,
                id: 0xffff,
            },
            tcp: TcpHeader {
                src_port: 1,
                dst_port: 2,
                seq: SeqNum(0xffff_fffe),
                flags: Flags::ACK | Flags::PSH | Flags::FIN | Flags::CWR,
                ..Default::default()
            },
            options: OptionBytes::new(),
            payload,
            segment_size,
            note: None,
        }
    }

    #[test]
    fn a_super_segment_is_cut_as_offload_would_cut_it() {
        let mut payload = Payload::empty();
        for slice in ["abc", "defgh", "ij"] {
            payload.push(Bytes::from_static(slice.as_bytes()));
        }
        let packets: Vec<_> = outgoing(payload, 4).packets().collect();
        let read: Vec<_> = packets
            .iter()
            .map(|packet| {
                let ip = IpPacket::parse(&packet.bytes).unwrap();
                assert_eq!(tcp::verify(ip.src, ip.dst, ip.payload), Ok(()));
                assert_eq!(IpPacket::verify_header(&packet.bytes), Ok(()));
                let tcp = TcpPacket::parse(ip.payload).unwrap();
                (ip.id, tcp.header.seq.0, tcp.header.flags.to_string(), tcp.payload.to_vec())
            })
            .collect();
        assert_eq!(
            read,
            [
                (0xffff, 0xffff_fffe, ".W".into(), b"abcd".to_vec()),
                (0, 2, ".".into(), b"efgh".to_vec()),
                (1, 6, "FP.".into(), b"ij".to_vec()),
            ]
        );
    }

    #[test]
    fn a_received_super_segment_is_cut_into_the_same_packets() {
        let payload = || Payload::from(Bytes::from_static(b"abcdefghij"));
        let expected: Vec<_> = outgoing(payload(), 4).packets().map(|packet| packet.bytes).collect();
        let mut whole = outgoing(payload(), 100).packets().next().unwrap();
        whole.meta.segment_size = Some(4);
        let cut: Vec<_> = split(whole).into_iter().map(|packet| packet.bytes).collect();
        assert_eq!(cut, expected);
    }

    #[test]
    fn a_segment_without_payload_is_one_packet() {
        assert_eq!(outgoing(Payload::empty(), 0).packets().count(), 1);
    }

    #[test]
    fn an_unfilled_checksum_is_completed_once() {
        let mut packet = outgoing(Payload::from(Bytes::from_static(b"x")), 10).packets().next().unwrap();
        packet.bytes[36] ^= 0xff;
        complete_checksum(&mut packet);
        assert!(tcp::verify([192, 0, 2, 1].into(), [192, 0, 2, 2].into(), &packet.bytes[20..]).is_err());
        packet.meta.checksum = ChecksumState::Unfilled;
        complete_checksum(&mut packet);
        assert!(tcp::verify([192, 0, 2, 1].into(), [192, 0, 2, 2].into(), &packet.bytes[20..]).is_ok());
    }
}
