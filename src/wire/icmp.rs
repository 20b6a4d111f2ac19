//! The errors of ICMPv4 (RFC 792, 1191) and ICMPv6 (RFC 4443) that concern a transport connection.

use std::fmt;
use std::net::{IpAddr, SocketAddr};

use pnet::packet::icmp::IcmpPacket;

use super::checksum;
use super::error::{Malformed, take};
use super::ip::{IPV4_HEADER, IPV6_HEADER, IpHeader, IpPacket, Protocol};
use super::seq::SeqNum;

/// What an ICMP error says, the same for both versions.
#[derive(Clone, Copy, Debug, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
pub enum IcmpKind {
    /// No way to the network or the host.
    NoRoute,
    /// The host does not speak the protocol.
    ProtocolUnreachable,
    /// Nobody listens on the port.
    PortUnreachable,
    /// A filter on the way refuses.
    Prohibited,
    /// The packet is larger than the next link carries; its MTU, 0 when the router does not say.
    TooBig {
        /// MTU of the next hop, in bytes.
        mtu: u32,
    },
    /// The hop limit ran out.
    TimeExceeded,
    /// A header field made no sense to a router or the host.
    ParameterProblem,
}

impl IcmpKind {
    /// What a message of this type and code says, whose header ends with `word`; `None` for those that are no errors.
    pub fn of(protocol: Protocol, kind: u8, code: u8, word: u32) -> Option<IcmpKind> {
        Some(match (protocol, kind, code) {
            (Protocol::ICMP, 3, 2) => IcmpKind::ProtocolUnreachable,
            (Protocol::ICMP, 3, 3) | (Protocol::ICMPV6, 1, 4) => IcmpKind::PortUnreachable,
            // RFC 1191 section 4: the next hop's MTU is in the low 16 bits.
            (Protocol::ICMP, 3, 4) => IcmpKind::TooBig { mtu: word & 0xffff },
            (Protocol::ICMPV6, 2, _) => IcmpKind::TooBig { mtu: word },
            (Protocol::ICMP, 3, 9 | 10 | 13) | (Protocol::ICMPV6, 1, 1 | 5 | 6) => IcmpKind::Prohibited,
            (Protocol::ICMP, 3, _) | (Protocol::ICMPV6, 1, _) => IcmpKind::NoRoute,
            (Protocol::ICMP, 11, _) | (Protocol::ICMPV6, 3, _) => IcmpKind::TimeExceeded,
            // RFC 9293 section 3.9.2.2 counts every code of ICMPv6 among the soft errors, also an unknown next header.
            (Protocol::ICMP, 12, _) | (Protocol::ICMPV6, 4, _) => IcmpKind::ParameterProblem,
            _ => return None,
        })
    }
}

impl fmt::Display for IcmpKind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            IcmpKind::NoRoute => "ICMP says that there is no route to the host",
            IcmpKind::ProtocolUnreachable => "ICMP says that the host does not speak TCP",
            IcmpKind::PortUnreachable => "ICMP says that nobody listens on the port",
            IcmpKind::Prohibited => "ICMP says that a filter refuses",
            IcmpKind::TooBig { mtu: 0 } => "ICMP says that packets are too big",
            IcmpKind::TooBig { mtu } => {
                return write!(f, "ICMP says that packets are too big, for a link that carries {mtu} bytes");
            }
            IcmpKind::TimeExceeded => "ICMP says that packets die on the way",
            IcmpKind::ParameterProblem => "ICMP says that a header makes no sense",
        })
    }
}

/// The MTU that every path has at least: no router may ask for less (RFC 1191 section 3, RFC 8201 section 4).
pub const fn least_mtu(v4: bool) -> u32 {
    if v4 { 576 } else { 1280 }
}

/// An ICMP error about a segment of TCP.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct IcmpError {
    /// What is wrong.
    pub kind: IcmpKind,
    /// Who says so.
    pub from: IpAddr,
    /// The quoted segment's source: the host that sent it.
    pub src: SocketAddr,
    /// The quoted segment's destination.
    pub dst: SocketAddr,
    /// The quoted segment's sequence number, for the check of RFC 5927 section 4.1.
    pub seq: SeqNum,
}

/// Reads an ICMP packet. `None` when it is not an error about TCP (an echo, a redirect, an error about UDP).
pub fn parse(packet: &IpPacket<'_>) -> Result<Option<IcmpError>, Malformed> {
    let bytes = packet.payload;
    let header = take(bytes, 8, "ICMP header")?;
    verify(packet)?;
    let (Some(view), Some(word)) = (IcmpPacket::new(header), header.last_chunk::<4>()) else { return Ok(None) };
    let (icmp_type, code) = (view.get_icmp_type().0, view.get_icmp_code().0);
    let word = u32::from_be_bytes(*word);
    let Some(kind) = IcmpKind::of(packet.protocol, icmp_type, code, word) else { return Ok(None) };
    let Some((src, dst, seq)) = quoted(bytes.get(8..).unwrap_or_default())? else { return Ok(None) };
    Ok(Some(IcmpError { kind, from: packet.src, src, dst, seq }))
}

fn verify(packet: &IpPacket<'_>) -> Result<(), Malformed> {
    let mut sum = match packet.protocol {
        // RFC 4443 section 2.3: only ICMPv6 covers a pseudo-header.
        Protocol::ICMPV6 => checksum::pseudo_header(packet.src, packet.dst, Protocol::ICMPV6.0, packet.payload.len()),
        _ => checksum::Sum::new(),
    };
    sum.add(packet.payload);
    let found = packet.payload.get(2..4).and_then(|field| field.first_chunk()).map_or(0, |f| u16::from_be_bytes(*f));
    if sum.finish() == 0 { Ok(()) } else { Err(Malformed::Checksum { what: "ICMP", found }) }
}

/// The addresses and sequence number of the quoted segment. Routers may quote no more than the IP header
/// and 8 bytes, and the quoted lengths speak of the packet as it was, so only what is needed is read.
fn quoted(quote: &[u8]) -> Result<Option<(SocketAddr, SocketAddr, SeqNum)>, Malformed> {
    let lengthened = lengthen(quote);
    let packet = IpPacket::parse(&lengthened)?;
    if packet.protocol != Protocol::TCP || packet.fragment.is_some_and(|fragment| fragment.offset > 0) {
        return Ok(None);
    }
    let had = quote.len().saturating_sub(packet.header_len);
    let Some(start) = packet.payload.first_chunk::<8>().filter(|_| had >= 8) else {
        return Err(Malformed::Truncated { what: "quoted TCP header", needed: 8, had });
    };
    let [p0, p1, p2, p3, seq @ ..] = *start;
    let src = SocketAddr::new(packet.src, u16::from_be_bytes([p0, p1]));
    let dst = SocketAddr::new(packet.dst, u16::from_be_bytes([p2, p3]));
    Ok(Some((src, dst, SeqNum(u32::from_be_bytes(seq)))))
}

/// The quote padded to the length that its IP header states, so that the ordinary parser reads it.
fn lengthen(quote: &[u8]) -> Vec<u8> {
    let stated = match (quote.first().map(|first| first >> 4), quote.get(2..6)) {
        (Some(4), Some([high, low, _, _])) => usize::from(u16::from_be_bytes([*high, *low])),
        (Some(6), Some([_, _, high, low])) => 40 + usize::from(u16::from_be_bytes([*high, *low])),
        _ => 0,
    };
    let mut bytes = quote.to_vec();
    bytes.resize(stated.max(quote.len()), 0);
    bytes
}

/// Writes the ICMP error `kind` about the packet `offending`, from `from` to that packet's source, as an
/// IP packet. Quotes as much as fits 576 bytes (RFC 1812 section 4.3.2.3) or 1280 (RFC 4443 section 2.4).
pub fn write(kind: IcmpKind, from: IpAddr, offending: &[u8]) -> Result<Vec<u8>, Malformed> {
    let about = IpPacket::parse(offending)?;
    let v4 = from.is_ipv4();
    let (icmp_type, code, word): (u8, u8, u32) = match (kind, v4) {
        (IcmpKind::NoRoute, true) => (3, 1, 0),
        (IcmpKind::ProtocolUnreachable, true) => (3, 2, 0),
        (IcmpKind::PortUnreachable, true) => (3, 3, 0),
        (IcmpKind::Prohibited, true) => (3, 13, 0),
        (IcmpKind::TooBig { mtu }, true) => (3, 4, mtu & 0xffff),
        (IcmpKind::TimeExceeded, true) => (11, 0, 0),
        (IcmpKind::ParameterProblem, true) => (12, 0, 0),
        (IcmpKind::NoRoute, false) => (1, 0, 0),
        // What comes nearest (RFC 4443 section 3.4); who reads it learns of a parameter problem.
        (IcmpKind::ProtocolUnreachable, false) => (4, 1, 0),
        (IcmpKind::PortUnreachable, false) => (1, 4, 0),
        (IcmpKind::Prohibited, false) => (1, 1, 0),
        (IcmpKind::TooBig { mtu }, false) => (2, 0, mtu),
        (IcmpKind::TimeExceeded, false) => (3, 0, 0),
        (IcmpKind::ParameterProblem, false) => (4, 0, 0),
    };
    let limit = if v4 { 576 - IPV4_HEADER } else { 1280 - IPV6_HEADER } - 8;
    let quote = offending.get(..limit).unwrap_or(offending);
    Ok(message((icmp_type, code), word, from, about.src, quote))
}

/// Any ICMP message as an IP packet: type and code, the four bytes that depend on them, and what follows.
pub fn message((icmp_type, code): (u8, u8), word: u32, from: IpAddr, to: IpAddr, quote: &[u8]) -> Vec<u8> {
    let protocol = if from.is_ipv4() { Protocol::ICMP } else { Protocol::ICMPV6 };
    let header = IpHeader { src: from, dst: to, protocol, ttl: 64, dscp: 0, ecn: Default::default(), id: 0 };
    let mut message = vec![icmp_type, code, 0, 0];
    message.extend_from_slice(&word.to_be_bytes());
    message.extend_from_slice(quote);
    let mut sum = match protocol {
        Protocol::ICMPV6 => checksum::pseudo_header(from, to, protocol.0, message.len()),
        _ => checksum::Sum::new(),
    };
    sum.add(&message);
    if let Some(field) = message.get_mut(2..4) {
        field.copy_from_slice(&sum.finish().to_be_bytes());
    }
    let mut out = Vec::with_capacity(header.len() + message.len());
    header.write(message.len(), &mut out);
    out.extend_from_slice(&message);
    out
}

#[cfg(test)]
mod tests {
    use super::super::tcp::{Flags, TcpHeader};
    use super::*;
    use proptest::prelude::*;

    fn segment(src: &str, dst: &str) -> Vec<u8> {
        let (src, dst): (SocketAddr, SocketAddr) = (src.parse().unwrap(), dst.parse().unwrap());
        let ip = IpHeader {
            src: src.ip(),
            dst: dst.ip(),
            protocol: Protocol::TCP,
            ttl: 64,
            dscp: 0,
            ecn: Default::default(),
            id: 1,
        };
        let tcp = TcpHeader {
            src_port: src.port(),
            dst_port: dst.port(),
            seq: SeqNum(0xfedc_ba98),
            flags: Flags::SYN,
            ..Default::default()
        };
        let mut bytes = Vec::new();
        ip.write(20 + 2000, &mut bytes);
        tcp.write(&[], &mut bytes);
        bytes.resize(bytes.len() + 2000, 7);
        bytes
    }

    #[test]
    fn every_error_survives_writing_and_reading_with_the_quoted_segment() {
        let kinds = [
            IcmpKind::NoRoute,
            IcmpKind::ProtocolUnreachable,
            IcmpKind::PortUnreachable,
            IcmpKind::Prohibited,
            IcmpKind::TooBig { mtu: 1280 },
            IcmpKind::TimeExceeded,
            IcmpKind::ParameterProblem,
        ];
        for (src, dst, router) in [
            ("192.0.2.1:40000", "198.51.100.1:80", "203.0.113.1"),
            ("[2001:db8::1]:40000", "[2001:db8::2]:80", "2001:db8::ff"),
        ] {
            for kind in kinds {
                let bytes = write(kind, router.parse().unwrap(), &segment(src, dst)).unwrap();
                assert!(bytes.len() <= 1280);
                let packet = IpPacket::parse(&bytes).unwrap();
                let error = parse(&packet).unwrap().unwrap();
                let v6 = src.starts_with('[');
                let read = if v6 && kind == IcmpKind::ProtocolUnreachable { IcmpKind::ParameterProblem } else { kind };
                assert_eq!(error.kind, read);
                assert_eq!((error.src, error.dst), (src.parse().unwrap(), dst.parse().unwrap()));
                assert_eq!((error.from, error.seq), (router.parse().unwrap(), SeqNum(0xfedc_ba98)));
            }
        }
    }

    #[test]
    fn a_quote_cut_before_the_ports_is_an_error_and_not_a_guess() {
        let bytes =
            write(IcmpKind::NoRoute, [203, 0, 113, 1].into(), &segment("192.0.2.1:1", "192.0.2.2:2")[..]).unwrap();
        let mut cut = bytes[..20 + 8 + 20 + 4].to_vec();
        cut[2..4].copy_from_slice(&52u16.to_be_bytes());
        cut[22..24].fill(0);
        let sum = checksum::of(&cut[20..]);
        cut[22..24].copy_from_slice(&sum.to_be_bytes());
        let packet = IpPacket::parse(&cut).unwrap();
        assert_eq!(parse(&packet), Err(Malformed::Truncated { what: "quoted TCP header", needed: 8, had: 4 }));
    }

    proptest! {
        #[test]
        fn no_bytes_panic(bytes: Vec<u8>, v6: bool) {
            let (src, protocol) = if v6 {
                (IpAddr::from([0u16; 8]), Protocol::ICMPV6)
            } else {
                (IpAddr::from([0u8; 4]), Protocol::ICMP)
            };
            let packet = IpPacket {
                src, dst: src, protocol, ttl: 1, ecn: Default::default(), id: 0, fragment: None, header_len: 0,
                payload: &bytes,
            };
            let _ = parse(&packet);
            let _ = quoted(&bytes);
            let _ = write(IcmpKind::NoRoute, src, &bytes);
        }
    }
}
