//! What leaves a stack, and how it is cut into packets.
//!
//! A stack hands out [`Outgoing`]: headers as values, payload by reference, and a segment size. One
//! `Outgoing` may be a super-segment of up to 64 KiB. A link that can pass those to hardware or kernel
//! does; for all others [`Outgoing::packets`] cuts it into wire packets, as segmentation offload would.

use std::ops::Range;

use bytes::Bytes;

use super::checksum::{self, Sum};
use super::ip::{IPV6_HEADER, IpHeader, IpPacket, Protocol};
use super::options::OptionBytes;
use super::tcp::{Flags, MAX_OPTIONS, TCP_HEADER, TcpHeader, TcpPacket};
use crate::time::Time;

/// Whether the checksum of a received packet can be relied on.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Default)]
pub enum ChecksumState {
    /// Nothing is known: the receiver must verify.
    #[default]
    Unknown,
    /// The packet never left this machine and its sender left the checksum to hardware that is not there.
    Unfilled,
    /// The device that received the packet has verified it.
    Verified,
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

    /// The bytes of `range`, as the slices they lie in.
    pub fn parts(&self, range: Range<usize>) -> impl Iterator<Item = &[u8]> {
        let mut at = 0;
        self.slices().filter_map(move |slice| {
            let start = range.start.saturating_sub(at).min(slice.len());
            let end = range.end.saturating_sub(at).min(slice.len());
            at += slice.len();
            slice.get(start..end).filter(|part| !part.is_empty())
        })
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
        let cutter = Cutter::new(self);
        (0..cutter.count()).map(move |index| {
            let mut packet = Packet::default();
            cutter.write(index, &mut packet);
            packet
        })
    }
}

/// Cuts an [`Outgoing`] into packets. The headers are made once, and for each packet only what differs is changed.
#[derive(Clone, Copy, Debug)]
pub struct Cutter<'a> {
    outgoing: &'a Outgoing,
    /// IP and TCP header with options, for a packet with index 0 and no payload; both checksums are 0.
    template: [u8; IPV6_HEADER + TCP_HEADER + MAX_OPTIONS],
    len: usize,
    /// Sums over the template: the IP header, and the TCP header with what of its pseudo-header stays.
    ip_sum: Sum,
    tcp_sum: Sum,
    count: usize,
}

impl<'a> Cutter<'a> {
    /// Prepares the headers of `outgoing`.
    pub fn new(outgoing: &'a Outgoing) -> Self {
        let Outgoing { ip, tcp, options, .. } = outgoing;
        let mut head = Vec::with_capacity(IPV6_HEADER + TCP_HEADER + MAX_OPTIONS);
        let options = options.as_slice();
        ip.write(TCP_HEADER + options.len(), &mut head);
        let ip_len = head.len();
        if ip.dst.is_ipv4() {
            put(&mut head, V4_CHECKSUM, [0; 2]);
        }
        tcp.write(options, &mut head);
        let (ip_head, tcp_head) = head.split_at_checked(ip_len).unwrap_or_default();
        let mut tcp_sum = checksum::pseudo_header(ip.src, ip.dst, Protocol::TCP.0, tcp_head.len());
        tcp_sum.add(tcp_head);
        let mut ip_sum = Sum::new();
        ip_sum.add(ip_head);
        let mut template = [0; IPV6_HEADER + TCP_HEADER + MAX_OPTIONS];
        let len = head.len();
        if let Some(space) = template.get_mut(..len) {
            space.copy_from_slice(&head);
        }
        Cutter { outgoing, template, len, ip_sum, tcp_sum, count: outgoing.count() }
    }

    /// How many packets there are.
    pub fn count(&self) -> usize {
        self.count
    }

    /// Bytes of headers in front of each packet's payload.
    pub fn header_len(&self) -> usize {
        self.len
    }

    /// Which bytes of the payload the packet with this index carries.
    pub fn payload(&self, index: usize) -> Range<usize> {
        let size = self.outgoing.segment_size.max(1);
        let start = index * size;
        start..self.outgoing.payload.len().min(start + size).max(start)
    }

    /// Makes the packet with this index, counted from 0, in the space of `packet`.
    pub fn write(&self, index: usize, packet: &mut Packet) {
        packet.meta = Meta::default();
        let Range { start, end } = self.payload(index);
        let bytes = &mut packet.bytes;
        bytes.clear();
        bytes.reserve(self.len + (end - start));
        bytes.extend_from_slice(self.template.get(..self.len).unwrap_or_default());
        let mut sum = Sum::new();
        self.outgoing.payload.parts(start..end).for_each(|part| sum.add_copying(part, bytes));
        self.finish(index, sum, bytes);
    }

    /// Makes the headers of the packet with this index in `head`, of [`Cutter::header_len`] bytes; the payload is only
    /// read, for its checksum.
    pub fn write_headers(&self, index: usize, head: &mut [u8]) {
        let Range { start, end } = self.payload(index);
        let mut sum = Sum::new();
        self.outgoing.payload.parts(start..end).for_each(|part| sum.add(part));
        if let (Some(space), Some(template)) = (head.get_mut(..self.len), self.template.get(..self.len)) {
            space.copy_from_slice(template);
        }
        self.finish(index, sum, head);
    }

    /// Makes the headers of the whole as one packet, whose TCP checksum field holds what hardware expects that fills it
    /// in: the sum over the pseudo-header.
    pub fn write_offload_headers(&self, head: &mut [u8]) {
        let payload = self.outgoing.payload.len();
        if let (Some(space), Some(template)) = (head.get_mut(..self.len), self.template.get(..self.len)) {
            space.copy_from_slice(template);
        }
        self.put_ip(0, payload, head);
        let Outgoing { ip, .. } = self.outgoing;
        let at = ip.len();
        let sum = checksum::pseudo_header(ip.src, ip.dst, Protocol::TCP.0, self.len - at + payload);
        put(head, at + TCP_CHECKSUM, (!sum.finish()).to_be_bytes());
    }

    /// Turns the template at the start of `bytes` into the headers of the packet with this index, whose payload has
    /// the sum `payload`.
    fn finish(&self, index: usize, payload: Sum, bytes: &mut [u8]) {
        let Range { start, end } = self.payload(index);
        let tcp = &self.outgoing.tcp;
        self.put_ip(index, end - start, bytes);
        let at = self.outgoing.ip.len();
        let flags = flags_of(tcp.flags, index, self.count);
        let seq = tcp.seq + start as u32;
        let mut sum = self.tcp_sum;
        sum.replace(tcp.seq.0, seq.0);
        sum.replace(u32::from(tcp.flags.0), u32::from(flags.0));
        // The pseudo-header's length counts the payload, too.
        sum.add_u16((end - start) as u16);
        sum.append(payload);
        put(bytes, at + 4, seq.0.to_be_bytes());
        put(bytes, at + 13, [flags.0]);
        put(bytes, at + TCP_CHECKSUM, sum.finish().to_be_bytes());
    }

    /// Length, identification and checksum of the IP header.
    fn put_ip(&self, index: usize, payload: usize, bytes: &mut [u8]) {
        let ip = &self.outgoing.ip;
        if !ip.dst.is_ipv4() {
            // A jumbogram's length is 0 (RFC 2675), and so nothing that could be misread.
            let len = u16::try_from(self.len - IPV6_HEADER + payload).unwrap_or(0);
            return put(bytes, 4, len.to_be_bytes());
        }
        let total = u16::try_from(self.len + payload).unwrap_or(u16::MAX);
        let id = ip.id.wrapping_add(index as u16);
        let mut sum = self.ip_sum;
        sum.replace(self.len as u32, u32::from(total));
        sum.replace(u32::from(ip.id), u32::from(id));
        put(bytes, 2, total.to_be_bytes());
        put(bytes, 4, id.to_be_bytes());
        put(bytes, V4_CHECKSUM, sum.finish().to_be_bytes());
    }
}

/// The flags of the packet with this index, of `count` that a segment is cut into.
fn flags_of(flags: Flags, index: usize, count: usize) -> Flags {
    // CWR is answered once; marking the rest of a burst again would ask for a second reduction.
    let first = if index > 0 { flags.without(Flags::CWR) } else { flags };
    if index + 1 < count { first.without(Flags::FIN | Flags::PSH) } else { first }
}

/// Where an IPv4 header keeps its checksum.
const V4_CHECKSUM: usize = 10;
/// Where a TCP header keeps its checksum.
pub const TCP_CHECKSUM: usize = 16;

fn put<const N: usize>(bytes: &mut [u8], at: usize, value: [u8; N]) {
    if let Some(field) = bytes.get_mut(at..).and_then(|rest| rest.first_chunk_mut()) {
        *field = value;
    }
}

/// Cuts a received super-segment into the packets that were on the wire, as [`Outgoing::packets`] does for one that
/// leaves. A packet that is none comes back as it is.
pub fn split(packet: &Packet) -> Vec<Packet> {
    let whole = || vec![Packet { bytes: packet.bytes.to_vec(), meta: packet.meta }];
    let Some(size) = packet.meta.segment_size.map(usize::from).filter(|size| *size > 0) else { return whole() };
    let Ok(ip) = IpPacket::parse(&packet.bytes) else { return whole() };
    let Ok(tcp) = TcpPacket::parse(ip.payload) else { return whole() };
    if ip.protocol != Protocol::TCP || tcp.payload.len() <= size {
        return whole();
    }
    let tcp_at = ip.header_len;
    let head = packet.bytes.get(..tcp_at + TCP_HEADER + tcp.options.len()).unwrap_or_default();
    let count = tcp.payload.len().div_ceil(size);
    let parts = tcp.payload.chunks(size).enumerate().map(|(index, part)| {
        let mut bytes = [head, part].concat();
        let total = bytes.len();
        let mut header = tcp.header;
        header.seq += (index * size) as u32;
        header.flags = flags_of(header.flags, index, count);
        if ip.dst.is_ipv4() {
            put(&mut bytes, 2, (total as u16).to_be_bytes());
            put(&mut bytes, 4, ip.id.wrapping_add(index as u16).to_be_bytes());
            put(&mut bytes, V4_CHECKSUM, [0; 2]);
            let sum = checksum::of(bytes.get(..tcp_at).unwrap_or_default());
            put(&mut bytes, V4_CHECKSUM, sum.to_be_bytes());
        } else {
            put(&mut bytes, 4, ((total - IPV6_HEADER) as u16).to_be_bytes());
        }
        put(&mut bytes, tcp_at + 4, header.seq.0.to_be_bytes());
        put(&mut bytes, tcp_at + 13, [header.flags.0]);
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
                dscp: 0,
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
        let cut: Vec<_> = split(&whole).into_iter().map(|packet| packet.bytes).collect();
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
