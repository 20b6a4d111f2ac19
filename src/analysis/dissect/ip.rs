//! IPv4 (RFC 791) and IPv6 (RFC 8200) with its extension headers, read from captures.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

use super::bytes::Bytes;
use super::layers::Layer;
use super::other::Other;
use super::{Reached, Walk, Walked, ether, icmp, tunnel};
use crate::wire::ip::{IPV4_HEADER, IPV6_HEADER, MAX_EXTENSION_HEADERS};
use crate::wire::{Ecn, Malformed, checksum};

/// What an IP header says that a segment keeps.
#[derive(Clone, Copy, Debug)]
pub(super) struct Ip {
    pub src: IpAddr,
    /// The final destination, where the packet is source-routed.
    pub dst: IpAddr,
    pub ttl: u8,
    pub ecn: Ecn,
    pub id: u16,
    pub dont_fragment: bool,
}

impl Default for Ip {
    fn default() -> Self {
        let none = IpAddr::V4(Ipv4Addr::UNSPECIFIED);
        Ip { src: none, dst: none, ttl: 0, ecn: Ecn::NotEct, id: 0, dont_fragment: false }
    }
}

/// A fragment of a datagram, all of it captured.
#[derive(Clone, Copy, Debug)]
pub(super) struct Fragment<'a> {
    pub src: IpAddr,
    pub dst: IpAddr,
    pub vlan: u16,
    pub id: u32,
    pub protocol: u8,
    pub offset: u32,
    pub more: bool,
    pub payload: &'a [u8],
}

/// Reads a packet whose first nibble says which version it is.
#[inline]
pub(super) fn ip<'a>(walk: &mut Walk<'a>, bytes: Bytes<'a>) -> Walked<'a> {
    match bytes.byte(0).map(|first| first >> 4) {
        Some(4) => ipv4(walk, bytes),
        Some(6) => ipv6(walk, bytes),
        version => Err(not_ip(bytes, version)),
    }
}

#[cold]
fn not_ip(bytes: Bytes<'_>, version: Option<u8>) -> Other {
    match version {
        None => bytes.missing(1, "IP version"),
        Some(version) => Other::Malformed(Malformed::Field {
            what: "IP version",
            offset: 0,
            value: u64::from(version),
            allowed: "4 or 6",
        }),
    }
}

#[inline]
pub(super) fn ipv4<'a>(walk: &mut Walk<'a>, bytes: Bytes<'a>) -> Walked<'a> {
    walk.pass(Layer::Ipv4)?;
    let (header, _) = bytes.take::<IPV4_HEADER>("IPv4 header")?;
    let [first, tos, l0, l1, i0, i1, f0, f1, ttl, protocol, _, _, s0, s1, s2, s3, d0, d1, d2, d3] = *header;
    if first >> 4 != 4 {
        return Err(field("IP version", 0, usize::from(first >> 4), "4"));
    }
    let header_len = usize::from(first & 0x0f) * 4;
    if header_len < IPV4_HEADER {
        return Err(field("IPv4 header length", 0, header_len, "20 to 60 bytes"));
    }
    let stated = usize::from(u16::from_be_bytes([l0, l1]));
    // Segmentation offload leaves the length to the device: the frame's own is right.
    let total = if stated == 0 { bytes.len() } else { stated };
    if total < header_len {
        return Err(field("IPv4 total length", 2, total, "at least the header's length"));
    }
    let id = u16::from_be_bytes([i0, i1]);
    let flags = u16::from_be_bytes([f0, f1]);
    // Field by field: built aside it would be copied while its bytes are still on their way to memory.
    walk.ip.src = IpAddr::V4(Ipv4Addr::new(s0, s1, s2, s3));
    walk.ip.dst = IpAddr::V4(Ipv4Addr::new(d0, d1, d2, d3));
    walk.ip.ttl = ttl;
    walk.ip.ecn = Ecn::from_bits(tos);
    walk.ip.id = id;
    walk.ip.dont_fragment = flags & 0x4000 != 0;
    if header_len > IPV4_HEADER
        && let Some(last) = bytes.data().get(IPV4_HEADER..header_len).and_then(source_route)
    {
        walk.ip.dst = IpAddr::V4(last);
    }
    let payload = datagram(walk, bytes, total, || bytes.data().get(..header_len).is_some_and(|h| checksum::of(h) == 0));
    let payload = payload.skip(header_len);
    // The more-fragments bit and the offset.
    if flags & 0x3fff != 0 {
        let offset = u32::from(flags & 0x1fff) * 8;
        let whole = payload.complete() && payload.len() == total - header_len;
        if whole && payload.len() > 0 {
            let more = flags & 0x2000 != 0;
            return fragment(walk, (u32::from(id), protocol), (offset, more), payload.data());
        }
        // What is cut cannot be put together, but the first fragment has the TCP header.
        if offset > 0 {
            return Err(Other::Fragment);
        }
    }
    walk.fragment = flags & 0x3fff != 0;
    upper(walk, protocol, payload)
}

#[cold]
fn fragment<'a>(
    walk: &Walk<'_>,
    (id, protocol): (u32, u8),
    (offset, more): (u32, bool),
    payload: &'a [u8],
) -> Walked<'a> {
    Ok(Reached::Fragment(Fragment {
        src: walk.ip.src,
        dst: walk.ip.dst,
        vlan: walk.vlan,
        id,
        protocol,
        offset,
        more,
        payload,
    }))
}

#[cold]
fn field(what: &'static str, offset: usize, value: usize, allowed: &'static str) -> Other {
    Other::Malformed(Malformed::Field { what, offset, value: value as u64, allowed })
}

/// The last address of a loose or strict source route, which is where the packet goes in the end (RFC 791 section 3.1).
#[cold]
fn source_route(mut options: &[u8]) -> Option<Ipv4Addr> {
    loop {
        match *options {
            [1, ref rest @ ..] => options = rest,
            [131 | 137, len, pointer, ..] => {
                let len = usize::from(len);
                let (pointer, addresses) = (usize::from(pointer), options.get(3..len)?);
                let sound = pointer >= 4 && pointer % 4 == 0 && pointer <= len;
                return addresses.last_chunk().filter(|_| sound).map(|last: &[u8; 4]| Ipv4Addr::from(*last));
            }
            [0, ..] | [_] | [] => return None,
            [_, len, ..] => options = options.get(usize::from(len).max(2)..)?,
        }
    }
}

#[inline]
pub(super) fn ipv6<'a>(walk: &mut Walk<'a>, bytes: Bytes<'a>) -> Walked<'a> {
    walk.pass(Layer::Ipv6)?;
    let (header, rest) = bytes.take::<IPV6_HEADER>("IPv6 header")?;
    let [v, class, _, _, l0, l1, next, ttl, addresses @ ..] = *header;
    if v >> 4 != 6 {
        return Err(field("IP version", 0, usize::from(v >> 4), "6"));
    }
    let (src, dst) = addresses.split_at(16);
    let address = |bytes: &[u8]| bytes.first_chunk::<16>().map_or(Ipv6Addr::UNSPECIFIED, |a| Ipv6Addr::from(*a));
    walk.ip.src = IpAddr::V6(address(src));
    walk.ip.dst = IpAddr::V6(address(dst));
    walk.ip.ttl = ttl;
    walk.ip.ecn = Ecn::from_bits(class >> 4);
    walk.ip.id = 0;
    walk.ip.dont_fragment = true;
    let stated = match usize::from(u16::from_be_bytes([l0, l1])) {
        // A jumbogram says its length in an option (RFC 2675 section 2). A super-segment that the device is still to
        // cut may not say it at all: the frame's own is right, as in IPv4.
        0 => jumbo(next, rest).unwrap_or(if next == 6 || rest.len() > usize::from(u16::MAX) { rest.len() } else { 0 }),
        stated => stated,
    };
    walk.fragment = false;
    walk.extensions = 0;
    let payload = datagram(walk, rest, stated, || true);
    upper(walk, next, payload)
}

/// The first `len` bytes, as the header says. Some writers cut frames and record what they kept as the original length:
/// the outermost IP header knows better, if it is sound. Inside of that a longer length is wrong, or what holds it is a
/// part.
#[inline]
fn datagram<'a>(walk: &Walk<'_>, bytes: Bytes<'a>, len: usize, is_sound: impl FnOnce() -> bool) -> Bytes<'a> {
    if len > bytes.len() && bytes.complete() && walk.quote.is_none() && !walk.layers.tunnelled() && is_sound() {
        return bytes.of(len);
    }
    bytes.limit(len)
}

/// The length in a jumbo payload option, which comes first among the hop-by-hop options.
#[cold]
fn jumbo(next: u8, bytes: Bytes<'_>) -> Option<usize> {
    match *bytes.data().first_chunk()? {
        [_, _, 0xc2, 4, l0, l1, l2, l3] if next == 0 => Some(u32::from_be_bytes([l0, l1, l2, l3]) as usize),
        _ => None,
    }
}

/// Reads what stands behind an IP header: `protocol` says what it is.
#[inline]
pub(super) fn upper<'a>(walk: &mut Walk<'a>, protocol: u8, bytes: Bytes<'a>) -> Walked<'a> {
    walk.rest = bytes;
    if protocol == 6 { Ok(Reached::Tcp) } else { not_tcp(walk, protocol) }
}

fn not_tcp<'a>(walk: &mut Walk<'a>, protocol: u8) -> Walked<'a> {
    let bytes = walk.rest;
    match protocol {
        17 => tunnel::udp(walk, bytes),
        1 | 58 => icmp::icmp(walk, protocol, bytes),
        4 | 41 => {
            walk.enter_tunnel();
            ipv4_or_6(walk, bytes, if protocol == 4 { 4 } else { 6 })
        }
        47 => tunnel::gre(walk, bytes),
        50 => Err(walk.closed("ESP")),
        108 => Err(walk.closed("IPComp")),
        115 => Err(walk.closed("L2TPv3")),
        51 => authentication(walk, bytes),
        97 => {
            walk.pass(Layer::EtherIp)?;
            walk.enter_tunnel();
            ether::ethernet(walk, bytes.take::<2>("EtherIP header")?.1)
        }
        137 => {
            walk.enter_tunnel();
            ether::mpls(walk, bytes)
        }
        0 | 43 | 60 | 135 | 139 | 140 if walk.ip.dst.is_ipv6() => extension(walk, protocol, bytes),
        44 if walk.ip.dst.is_ipv6() => fragment_header(walk, bytes),
        other => Err(Other::Protocol(other)),
    }
}

/// A packet in a packet. One of the other version is what some tunnels put under the wrong number.
fn ipv4_or_6<'a>(walk: &mut Walk<'a>, bytes: Bytes<'a>, version: u8) -> Walked<'a> {
    match (version, bytes.byte(0).map(|first| first >> 4)) {
        (4, Some(6)) => ipv6(walk, bytes),
        (4, _) => ipv4(walk, bytes),
        _ => ipv6(walk, bytes),
    }
}

/// Counts one extension header; RFC 8200 allows no honest sender more than a few.
fn count(walk: &mut Walk<'_>) -> Result<(), Other> {
    walk.extensions += 1;
    if walk.extensions > MAX_EXTENSION_HEADERS {
        return Err(Other::Malformed(Malformed::TooManyHeaders { limit: MAX_EXTENSION_HEADERS }));
    }
    Ok(())
}

fn extension<'a>(walk: &mut Walk<'a>, protocol: u8, bytes: Bytes<'a>) -> Walked<'a> {
    count(walk)?;
    walk.pass(Layer::Extension)?;
    let ([next, length], _) = bytes.take("IPv6 extension header")?;
    let (header, rest) = bytes.split(8 + 8 * usize::from(*length), "IPv6 extension header")?;
    if protocol == 43
        && let Some(last) = final_destination(header)
    {
        walk.ip.dst = IpAddr::V6(last);
    }
    upper(walk, *next, rest)
}

/// Where a packet with a routing header goes in the end: that address is in the pseudo-header (RFC 8200 section 8.1).
fn final_destination(header: &[u8]) -> Option<Ipv6Addr> {
    let [_, _, kind, left, _, _, _, _, addresses @ ..] = header else { return None };
    let last: &[u8; 16] = match kind {
        _ if *left == 0 => return None,
        0 => addresses.last_chunk()?,
        // Mobile IPv6 has one address (RFC 6275 section 6.4); segment routing lists them backwards (RFC 8754
        // section 2).
        2 | 4 => addresses.first_chunk()?,
        _ => return None,
    };
    Some(Ipv6Addr::from(*last))
}

/// RFC 4302 section 2.2: the length counts 4-byte words, less two.
fn authentication<'a>(walk: &mut Walk<'a>, bytes: Bytes<'a>) -> Walked<'a> {
    count(walk)?;
    walk.pass(Layer::Authentication)?;
    let ([next, length], _) = bytes.take("authentication header")?;
    let (_, rest) = bytes.split(8 + 4 * usize::from(*length), "authentication header")?;
    upper(walk, *next, rest)
}

fn fragment_header<'a>(walk: &mut Walk<'a>, bytes: Bytes<'a>) -> Walked<'a> {
    count(walk)?;
    let ([next, _, o0, o1, id @ ..], rest) = bytes.take::<8>("IPv6 fragment header")?;
    let field = u16::from_be_bytes([*o0, *o1]);
    let (offset, more) = (u32::from(field & !7), field & 1 != 0);
    if offset == 0 && !more {
        // An atomic fragment is an ordinary packet (RFC 6946).
        walk.pass(Layer::Extension)?;
        return upper(walk, *next, rest);
    }
    if !rest.complete() || rest.len() == 0 {
        return Err(Other::Fragment);
    }
    fragment(walk, (u32::from_be_bytes(*id), *next), (offset, more), rest.data())
}
