//! IPv4 (RFC 791) and IPv6 (RFC 8200), read into one shape and written from one.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

use pnet::packet::ip::IpNextHeaderProtocol;
use pnet::packet::ipv4::{Ipv4Packet, MutableIpv4Packet};
use pnet::packet::ipv6::{Ipv6Packet, MutableIpv6Packet};

use super::checksum;
use super::error::{Malformed, take};

/// Bytes of an IPv4 header without options.
pub const IPV4_HEADER: usize = 20;
/// Bytes of the fixed IPv6 header.
pub const IPV6_HEADER: usize = 40;
/// Extension headers read before a packet is refused. RFC 8200 allows each kind once (destination
/// options twice), which makes seven; a longer chain only serves to make receivers work.
pub const MAX_EXTENSION_HEADERS: usize = 8;

/// Numbers of the protocols inside IP (IANA protocol-numbers).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Protocol(pub u8);

impl Protocol {
    /// ICMP for IPv4.
    pub const ICMP: Protocol = Protocol(1);
    /// TCP.
    pub const TCP: Protocol = Protocol(6);
    /// UDP.
    pub const UDP: Protocol = Protocol(17);
    /// ICMP for IPv6.
    pub const ICMPV6: Protocol = Protocol(58);

    const HOP_BY_HOP: Protocol = Protocol(0);
    const ROUTING: Protocol = Protocol(43);
    const FRAGMENT: Protocol = Protocol(44);
    const AUTHENTICATION: Protocol = Protocol(51);
    const DESTINATION: Protocol = Protocol(60);
}

/// The two ECN bits of the IP header (RFC 3168 section 5).
#[derive(Clone, Copy, Debug, PartialEq, Eq, Default)]
pub enum Ecn {
    /// The sender does not speak ECN.
    #[default]
    NotEct,
    /// ECN-capable, ECT(1).
    Ect1,
    /// ECN-capable, ECT(0).
    Ect0,
    /// Congestion experienced.
    Ce,
}

impl Ecn {
    /// From the lowest two bits of the traffic class.
    pub const fn from_bits(bits: u8) -> Self {
        match bits & 3 {
            0 => Ecn::NotEct,
            1 => Ecn::Ect1,
            2 => Ecn::Ect0,
            _ => Ecn::Ce,
        }
    }

    /// As the lowest two bits of the traffic class.
    pub const fn bits(self) -> u8 {
        match self {
            Ecn::NotEct => 0,
            Ecn::Ect1 => 1,
            Ecn::Ect0 => 2,
            Ecn::Ce => 3,
        }
    }
}

/// Where a fragment belongs.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Fragment {
    /// The datagram's identification.
    pub id: u32,
    /// Offset of this fragment's payload, in bytes.
    pub offset: usize,
    /// True when later fragments follow.
    pub more: bool,
}

/// An IP packet, read: fields and the payload behind all headers.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct IpPacket<'a> {
    /// Source address.
    pub src: IpAddr,
    /// Destination address.
    pub dst: IpAddr,
    /// What the payload is.
    pub protocol: Protocol,
    /// Time to live or hop limit.
    pub ttl: u8,
    /// ECN bits.
    pub ecn: Ecn,
    /// Identification (IPv4 only, else 0).
    pub id: u16,
    /// Set when this packet is a fragment of a larger datagram.
    pub fragment: Option<Fragment>,
    /// Bytes of all IP headers.
    pub header_len: usize,
    /// What follows the IP headers, cut to the length that the header states.
    pub payload: &'a [u8],
}

impl<'a> IpPacket<'a> {
    /// Reads a packet whose first nibble says which version it is.
    ///
    /// Bytes beyond the stated length (link-layer padding) are ignored; fewer bytes than stated are an error.
    #[inline]
    pub fn parse(bytes: &'a [u8]) -> Result<Self, Malformed> {
        match take(bytes, 1, "IP version")?.first().map(|first| first >> 4) {
            Some(4) => Self::parse_v4(bytes),
            Some(6) => Self::parse_v6(bytes),
            version => Err(Malformed::Field {
                what: "IP version",
                offset: 0,
                value: u64::from(version.unwrap_or(0)),
                allowed: "4 or 6",
            }),
        }
    }

    /// Source and destination, without a look at the rest.
    pub fn addresses(bytes: &[u8]) -> Option<(IpAddr, IpAddr)> {
        fn at<const N: usize>(bytes: &[u8], offset: usize) -> Option<[u8; N]> {
            bytes.get(offset..)?.first_chunk().copied()
        }
        match bytes.first()? >> 4 {
            4 => Some((at::<4>(bytes, 12)?.into(), at::<4>(bytes, 16)?.into())),
            6 => Some((at::<16>(bytes, 8)?.into(), at::<16>(bytes, 24)?.into())),
            _ => None,
        }
    }

    /// Checks the IPv4 header checksum (RFC 791 section 3.1); IPv6 has none.
    #[inline]
    pub fn verify_header(bytes: &[u8]) -> Result<(), Malformed> {
        let Some(view) = Ipv4Packet::new(bytes) else { return Ok(()) };
        if view.get_version() != 4 {
            return Ok(());
        }
        let header = take(bytes, usize::from(view.get_header_length()) * 4, "IPv4 header")?;
        match checksum::of(header) {
            0 => Ok(()),
            _ => Err(Malformed::Checksum { what: "IPv4 header", found: view.get_checksum() }),
        }
    }

    #[inline]
    fn parse_v4(bytes: &'a [u8]) -> Result<Self, Malformed> {
        let truncated = Malformed::Truncated { what: "IPv4 header", needed: IPV4_HEADER, had: bytes.len() };
        let view = Ipv4Packet::new(bytes).ok_or(truncated)?;
        let header_len = usize::from(view.get_header_length()) * 4;
        if header_len < IPV4_HEADER {
            return Err(Malformed::Field {
                what: "IPv4 header length",
                offset: 0,
                value: header_len as u64,
                allowed: "20 to 60 bytes",
            });
        }
        let total = length(view.get_total_length(), 0, bytes);
        if total < header_len {
            return Err(Malformed::Field {
                what: "IPv4 total length",
                offset: 2,
                value: total as u64,
                allowed: "at least the header's length",
            });
        }
        let payload = take(bytes, total, "IPv4 packet")?.get(header_len..).unwrap_or_default();
        let offset = usize::from(view.get_fragment_offset()) * 8;
        let more = view.get_flags() & 0b001 != 0;
        Ok(IpPacket {
            src: IpAddr::V4(view.get_source()),
            dst: IpAddr::V4(view.get_destination()),
            protocol: Protocol(view.get_next_level_protocol().0),
            ttl: view.get_ttl(),
            ecn: Ecn::from_bits(view.get_ecn()),
            id: view.get_identification(),
            fragment: (offset > 0 || more).then(|| Fragment { id: u32::from(view.get_identification()), offset, more }),
            header_len,
            payload,
        })
    }

    fn parse_v6(bytes: &'a [u8]) -> Result<Self, Malformed> {
        let truncated = Malformed::Truncated { what: "IPv6 header", needed: IPV6_HEADER, had: bytes.len() };
        let view = Ipv6Packet::new(bytes).ok_or(truncated)?;
        let total = length(view.get_payload_length(), IPV6_HEADER, bytes);
        let mut rest = take(bytes, total, "IPv6 packet")?.get(IPV6_HEADER..).unwrap_or_default();
        let mut protocol = Protocol(view.get_next_header().0);
        let mut fragment = None;
        for _ in 0..MAX_EXTENSION_HEADERS {
            // What follows a later fragment's header is payload from the middle of a datagram.
            let inside = fragment.is_some_and(|fragment: Fragment| fragment.offset > 0);
            let length = match protocol {
                Protocol::HOP_BY_HOP | Protocol::ROUTING | Protocol::DESTINATION if !inside => {
                    8 + 8 * usize::from(second(rest)?)
                }
                // RFC 4302 section 2.2: the length counts 4-byte words, less two.
                Protocol::AUTHENTICATION if !inside => 8 + 4 * usize::from(second(rest)?),
                Protocol::FRAGMENT if !inside => {
                    fragment = read_fragment(take(rest, 8, "IPv6 fragment header")?);
                    8
                }
                _ => {
                    return Ok(IpPacket {
                        src: IpAddr::V6(view.get_source()),
                        dst: IpAddr::V6(view.get_destination()),
                        protocol,
                        ttl: view.get_hop_limit(),
                        ecn: Ecn::from_bits(view.get_traffic_class()),
                        id: 0,
                        fragment,
                        header_len: total - rest.len(),
                        payload: rest,
                    });
                }
            };
            let header = take(rest, length, "IPv6 extension header")?;
            protocol = Protocol(header.first().copied().unwrap_or_default());
            rest = rest.get(length..).unwrap_or_default();
        }
        Err(Malformed::TooManyHeaders { limit: MAX_EXTENSION_HEADERS })
    }
}

/// The length of a packet that states `field` beside `header` bytes. A packet that is larger than the field can say
/// states 0 and has the length that it has: a super-segment from the kernel.
#[inline]
fn length(field: u16, header: usize, bytes: &[u8]) -> usize {
    if field == 0 && bytes.len() > usize::from(u16::MAX) { bytes.len() } else { header + usize::from(field) }
}

/// The length byte of an extension header, which is its second.
fn second(header: &[u8]) -> Result<u8, Malformed> {
    Ok(take(header, 2, "IPv6 extension header")?.last().copied().unwrap_or_default())
}

/// An atomic fragment (offset 0, none to follow) is an ordinary packet (RFC 6946).
fn read_fragment(header: &[u8]) -> Option<Fragment> {
    let (_, rest) = header.split_first_chunk::<2>()?;
    let (field, id) = rest.split_first_chunk::<2>()?;
    let field = u16::from_be_bytes(*field);
    let fragment = Fragment {
        id: u32::from_be_bytes(*id.first_chunk::<4>()?),
        offset: usize::from(field & !7),
        more: field & 1 != 0,
    };
    (fragment.offset > 0 || fragment.more).then_some(fragment)
}

/// What an IP header is written from.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct IpHeader {
    /// Source address.
    pub src: IpAddr,
    /// Destination address, of the same family.
    pub dst: IpAddr,
    /// What the payload is.
    pub protocol: Protocol,
    /// Time to live or hop limit.
    pub ttl: u8,
    /// Differentiated services codepoint, 0 to 63: the upper six bits of the traffic class (RFC 2474).
    pub dscp: u8,
    /// ECN bits: the lower two.
    pub ecn: Ecn,
    /// Identification (IPv4).
    pub id: u16,
}

impl IpHeader {
    /// Bytes that this header takes.
    pub const fn len(&self) -> usize {
        match self.dst {
            IpAddr::V4(_) => IPV4_HEADER,
            IpAddr::V6(_) => IPV6_HEADER,
        }
    }

    /// Appends the header for a payload of `payload_len` bytes, checksum included. IPv4 says "don't fragment".
    pub fn write(&self, payload_len: usize, out: &mut Vec<u8>) {
        let start = out.len();
        out.resize(start + self.len(), 0);
        let Some(space) = out.get_mut(start..) else { return };
        match (self.src, self.dst) {
            (IpAddr::V6(src), IpAddr::V6(dst)) => self.write_v6(src, dst, payload_len, space),
            (src, dst) => self.write_v4(v4(src), v4(dst), payload_len, space),
        }
    }

    fn write_v4(&self, src: Ipv4Addr, dst: Ipv4Addr, payload_len: usize, space: &mut [u8]) {
        let Some(mut view) = MutableIpv4Packet::new(space) else { return };
        view.set_version(4);
        view.set_header_length(5);
        view.set_dscp(self.dscp);
        view.set_ecn(self.ecn.bits());
        view.set_total_length(u16::try_from(IPV4_HEADER + payload_len).unwrap_or(u16::MAX));
        view.set_identification(self.id);
        view.set_flags(0b010);
        view.set_ttl(self.ttl);
        view.set_next_level_protocol(IpNextHeaderProtocol(self.protocol.0));
        view.set_source(src);
        view.set_destination(dst);
        let sum = checksum::of(pnet::packet::Packet::packet(&view));
        view.set_checksum(sum);
    }

    fn write_v6(&self, src: Ipv6Addr, dst: Ipv6Addr, payload_len: usize, space: &mut [u8]) {
        let Some(mut view) = MutableIpv6Packet::new(space) else { return };
        view.set_version(6);
        view.set_traffic_class(self.dscp << 2 | self.ecn.bits());
        view.set_payload_length(u16::try_from(payload_len).unwrap_or(u16::MAX));
        view.set_next_header(IpNextHeaderProtocol(self.protocol.0));
        view.set_hop_limit(self.ttl);
        view.set_source(src);
        view.set_destination(dst);
    }
}

fn v4(address: IpAddr) -> Ipv4Addr {
    match address {
        IpAddr::V4(v4) => v4,
        IpAddr::V6(v6) => v6.to_ipv4().unwrap_or(Ipv4Addr::UNSPECIFIED),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn header_v4() -> IpHeader {
        IpHeader {
            src: IpAddr::from([192, 0, 2, 1]),
            dst: IpAddr::from([192, 0, 2, 2]),
            protocol: Protocol::TCP,
            ttl: 64,
            dscp: 0,
            ecn: Ecn::Ect0,
            id: 7,
        }
    }

    fn header_v6() -> IpHeader {
        IpHeader { src: "2001:db8::1".parse().unwrap(), dst: "2001:db8::2".parse().unwrap(), id: 0, ..header_v4() }
    }

    #[test]
    fn what_is_written_reads_back() {
        for header in [header_v4(), header_v6()] {
            let mut bytes = Vec::new();
            header.write(3, &mut bytes);
            bytes.extend_from_slice(b"abc");
            // Link-layer padding is not payload.
            bytes.extend_from_slice(&[0; 9]);
            let read = IpPacket::parse(&bytes).unwrap();
            assert_eq!(read.payload, b"abc");
            assert_eq!((read.src, read.dst, read.ttl), (header.src, header.dst, 64));
            assert_eq!((read.protocol, read.ecn, read.id), (Protocol::TCP, Ecn::Ect0, header.id));
            assert_eq!(read.fragment, None);
            assert_eq!(IpPacket::verify_header(&bytes), Ok(()));
        }
    }

    #[test]
    fn a_header_whose_length_lies_is_refused_with_its_numbers() {
        let mut bytes = Vec::new();
        header_v4().write(4, &mut bytes);
        bytes.extend_from_slice(b"abcd");
        let packet = |offset: usize, value: u8| {
            let mut changed = bytes.clone();
            changed[offset] = value;
            IpPacket::parse(&changed).unwrap_err().to_string()
        };
        assert_eq!(packet(3, 25), "IPv4 packet needs 25 bytes, 24 are there");
        assert_eq!(packet(3, 19), "IPv4 total length (offset 2) says 19, must be at least the header's length");
        assert_eq!(packet(0, 0x44), "IPv4 header length (offset 0) says 16, must be 20 to 60 bytes");
        assert_eq!(packet(0, 0x55), "IP version (offset 0) says 5, must be 4 or 6");
        assert_eq!(IpPacket::parse(&[]).unwrap_err().to_string(), "IP version needs 1 bytes, 0 are there");
    }

    #[test]
    fn a_flipped_bit_in_the_ipv4_header_fails_its_checksum() {
        let mut bytes = Vec::new();
        header_v4().write(0, &mut bytes);
        bytes[8] ^= 1;
        assert!(matches!(IpPacket::verify_header(&bytes), Err(Malformed::Checksum { .. })));
    }

    #[test]
    fn ipv6_extension_headers_are_walked_to_the_payload() {
        let mut header = header_v6();
        header.protocol = Protocol::HOP_BY_HOP;
        let mut bytes = Vec::new();
        header.write(8 + 16 + 8 + 4, &mut bytes);
        bytes.extend_from_slice(&[60, 0, 1, 4, 0, 0, 0, 0]);
        bytes.extend_from_slice(&[44, 1, 1, 12, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0]);
        bytes.extend_from_slice(&[6, 0, 0, 1, 0, 0, 0, 9]);
        bytes.extend_from_slice(b"data");
        let read = IpPacket::parse(&bytes).unwrap();
        assert_eq!((read.protocol, read.payload), (Protocol::TCP, &b"data"[..]));
        assert_eq!(read.fragment, Some(Fragment { id: 9, offset: 0, more: true }));
        assert_eq!(read.header_len, 40 + 32);
    }

    #[test]
    fn an_endless_chain_of_extension_headers_is_refused() {
        let mut header = header_v6();
        header.protocol = Protocol::DESTINATION;
        let mut bytes = Vec::new();
        header.write(8 * 20, &mut bytes);
        for _ in 0..20 {
            bytes.extend_from_slice(&[60, 0, 1, 4, 0, 0, 0, 0]);
        }
        assert_eq!(IpPacket::parse(&bytes), Err(Malformed::TooManyHeaders { limit: 8 }));
    }

    proptest! {
        #[test]
        fn no_bytes_panic(mut bytes: Vec<u8>, version in 0u8..16) {
            if let Some(first) = bytes.first_mut() {
                *first = *first & 0xf | version << 4;
            }
            let _ = IpPacket::parse(&bytes);
            let _ = IpPacket::verify_header(&bytes);
        }
    }
}
