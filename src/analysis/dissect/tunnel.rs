//! Tunnels inside IP: GRE in its dialects, and the ones that use UDP.

use super::bytes::Bytes;
use super::layers::Layer;
use super::other::Other;
use super::{Walk, Walked, ether, ip, ppp, wlan};

/// Bits of the first two bytes of a GRE header (RFC 2784, 2890, 2637, 1701).
mod flag {
    pub const CHECKSUM: u16 = 0x8000;
    pub const ROUTING: u16 = 0x4000;
    pub const KEY: u16 = 0x2000;
    pub const SEQUENCE: u16 = 0x1000;
    pub const ACKNOWLEDGMENT: u16 = 0x0080;
    pub const VERSION: u16 = 0x0007;
}

/// Source routes that are skipped before a GRE packet is refused.
const MAX_ROUTES: usize = 16;

pub(super) fn gre<'a>(walk: &mut Walk<'a>, bytes: Bytes<'a>) -> Walked<'a> {
    walk.pass(Layer::Gre)?;
    let ([f0, f1, t0, t1], mut rest) = bytes.take("GRE header")?;
    let (flags, protocol) = (u16::from_be_bytes([*f0, *f1]), u16::from_be_bytes([*t0, *t1]));
    let version = flags & flag::VERSION;
    let words = [
        flags & (flag::CHECKSUM | flag::ROUTING) != 0,
        flags & flag::KEY != 0,
        flags & flag::SEQUENCE != 0,
        version == 1 && flags & flag::ACKNOWLEDGMENT != 0,
    ];
    walk.enter_tunnel();
    // The key of PPTP (version 1) is a length and the number of a call, which differs by direction.
    let key_at = if flags & (flag::CHECKSUM | flag::ROUTING) != 0 { 4 } else { 0 };
    if version == 0
        && flags & flag::KEY != 0
        && let Some(key) = rest.u32(key_at)
    {
        walk.enter(key);
    }
    rest = rest.skip(4 * words.iter().filter(|word| **word).count());
    if version == 0 && flags & flag::ROUTING != 0 {
        rest = skip_routes(rest)?;
    }
    if rest.len() == 0 {
        // An acknowledgment alone, or a keep-alive.
        return Err(Other::Protocol(47));
    }
    match protocol {
        0x880b => ppp::ppp(walk, rest),
        0x6558 => ether::ethernet(walk, rest),
        0x6559 => ppp::frame_relay(walk, rest),
        // Aruba's access points tunnel frames of 802.11, in one of some queues.
        0x8200..=0x83ff | 0x9000 => wlan::frame(walk, rest, false),
        // ERSPAN: type I has no header and no sequence number, type II and III have.
        0x88be if flags & flag::SEQUENCE == 0 => mirrored(walk, rest, 0),
        0x88be => mirrored(walk, rest, 8),
        0x22eb => mirrored(walk, rest, if rest.byte(11).unwrap_or(0) & 1 == 1 { 20 } else { 12 }),
        // WCCP version 2 puts four bytes of its own before the packet.
        0x883e if rest.byte(0).unwrap_or(0) >> 4 != 4 => ip::ip(walk, rest.skip(4)),
        0x883e => ip::ip(walk, rest),
        other => ether::ethertype(walk, other, rest),
    }
}

/// The source routes of RFC 1701: family, offset, length, until an empty one.
fn skip_routes(mut bytes: Bytes<'_>) -> Result<Bytes<'_>, Other> {
    for _ in 0..MAX_ROUTES {
        let ([f0, f1, _, length], rest) = bytes.take("GRE source route")?;
        if [*f0, *f1, *length] == [0; 3] {
            return Ok(rest);
        }
        bytes = rest.skip(usize::from(*length));
    }
    Err(Other::TooDeep)
}

fn mirrored<'a>(walk: &mut Walk<'a>, bytes: Bytes<'a>, header: usize) -> Walked<'a> {
    walk.pass(Layer::Erspan)?;
    ether::ethernet(walk, bytes.split(header, "ERSPAN header")?.1)
}

/// UDP ports of tunnels (IANA), and the one that Linux used for VXLAN before there was a number.
mod port {
    pub const L2TP: u16 = 1701;
    pub const GTP_U: u16 = 2152;
    pub const TEREDO: u16 = 3544;
    pub const LISP: u16 = 4341;
    pub const ESP: u16 = 4500;
    pub const GRE: u16 = 4754;
    pub const VXLAN: u16 = 4789;
    pub const VXLAN_GPE: u16 = 4790;
    pub const CAPWAP: u16 = 5247;
    pub const GENEVE: u16 = 6081;
    pub const MPLS: u16 = 6635;
    pub const VXLAN_LINUX: u16 = 8472;
    pub const WIREGUARD: u16 = 51820;
}

pub(super) fn udp<'a>(walk: &mut Walk<'a>, bytes: Bytes<'a>) -> Walked<'a> {
    let ([s0, s1, d0, d1, l0, l1, _, _], rest) = bytes.take::<8>("UDP header").map_err(|_| Other::Udp)?;
    walk.pass(Layer::Udp)?;
    let rest = match u16::from_be_bytes([*l0, *l1]) {
        length @ 8.. => rest.limit(usize::from(length) - 8),
        _ => rest,
    };
    // A tunnel is told by its destination; some are also answered from the port.
    for number in [u16::from_be_bytes([*d0, *d1]), u16::from_be_bytes([*s0, *s1])] {
        match number {
            port::TEREDO => return teredo(walk, rest),
            port::VXLAN | port::VXLAN_LINUX => return vxlan(walk, rest, false),
            port::VXLAN_GPE => return vxlan(walk, rest, true),
            port::GENEVE => return geneve(walk, rest),
            port::GRE => return gre(walk, rest),
            port::MPLS => {
                walk.enter_tunnel();
                return ether::mpls(walk, rest);
            }
            port::GTP_U => return gtp(walk, rest),
            port::L2TP => return l2tp(walk, rest),
            _ => {}
        }
        if let Some(name) = closed(number, rest) {
            return Err(walk.closed(name));
        }
    }
    Err(Other::Udp)
}

/// Tunnels whose inside is not read, where the bytes say that they are what is expected on the port.
fn closed(port: u16, bytes: Bytes<'_>) -> Option<&'static str> {
    let first = bytes.u32(0)?;
    Some(match port {
        // Four bytes of 0 mark key exchange, one byte alone a keep-alive (RFC 3948 section 2).
        port::ESP if first != 0 && bytes.len() > 8 => "ESP in UDP",
        // Data: type 4, three bytes of 0, and a multiple of 16 that holds at least header and tag.
        port::WIREGUARD if first == 0x0400_0000 && bytes.len() >= 32 && bytes.len().is_multiple_of(16) => "WireGuard",
        // A data packet has a version of 0 and no other type (RFC 5415 section 4.1), DTLS around it is type 1.
        port::CAPWAP if first >> 24 <= 1 && bytes.len() > 8 => "CAPWAP",
        // The nonce, map version or instance bits; an IP packet follows eight bytes later (RFC 9300 section 5.1).
        port::LISP if matches!(bytes.byte(8).map(|first| first >> 4), Some(4 | 6)) => "LISP",
        _ => return None,
    })
}

/// Bits of a GTP-U header's first byte (3GPP TS 29.281 section 5.1).
mod gtp_flag {
    pub const VERSION_AND_TYPE: u8 = 0xf0;
    /// Version 1, protocol type GTP: 0 would be GTP'.
    pub const VERSION_1: u8 = 0x30;
    pub const EXTENSIONS: u8 = 0x04;
    /// Sequence number, N-PDU number, extensions: with any of them the fields of all three are there.
    pub const ANY: u8 = 0x07;
    /// A user's packet.
    pub const G_PDU: u8 = 0xff;
}

/// Extension headers of one GTP-U packet that are passed over; honest ones have one or two.
const MAX_EXTENSIONS: usize = 8;

/// Reads GTP-U: its header, extension headers, a user's packet.
fn gtp<'a>(walk: &mut Walk<'a>, bytes: Bytes<'a>) -> Walked<'a> {
    let ([flags, kind, l0, l1, ..], rest) = bytes.take::<8>("GTP-U header")?;
    // Other messages are about the tunnel.
    if flags & gtp_flag::VERSION_AND_TYPE != gtp_flag::VERSION_1 || *kind != gtp_flag::G_PDU {
        return Err(Other::Udp);
    }
    walk.pass(Layer::Gtp)?;
    walk.enter_tunnel();
    let mut rest = rest.limit(usize::from(u16::from_be_bytes([*l0, *l1])));
    if flags & gtp_flag::ANY != 0 {
        let ([_, _, _, next], inner) = rest.take("GTP-U header")?;
        rest = if flags & gtp_flag::EXTENSIONS != 0 { skip_extensions(*next, inner)? } else { inner };
    }
    match rest.byte(0).map(|first| first >> 4) {
        None | Some(4 | 6) => ip::ip(walk, rest),
        _ if ether::plausible_ethernet(rest) => ether::ethernet(walk, rest),
        _ => Err(walk.closed("GTP-U with something else than IP or Ethernet")),
    }
}

/// Each says its length in words of four bytes, and at its end what follows (3GPP TS 29.281 section 5.2.1).
fn skip_extensions(mut next: u8, mut bytes: Bytes<'_>) -> Result<Bytes<'_>, Other> {
    for _ in 0..MAX_EXTENSIONS {
        if next == 0 {
            return Ok(bytes);
        }
        let ([words], _) = bytes.take("GTP-U extension header")?;
        let (header, rest) = bytes.split(4 * usize::from(*words).max(1), "GTP-U extension header")?;
        next = header.last().copied().unwrap_or(0);
        bytes = rest;
    }
    Err(Other::TooDeep)
}

/// Bits of the first two bytes of an L2TP header (RFC 2661 section 3.1).
mod l2tp_flag {
    pub const CONTROL: u16 = 0x8000;
    pub const LENGTH: u16 = 0x4000;
    pub const SEQUENCE: u16 = 0x0800;
    pub const OFFSET: u16 = 0x0200;
    pub const VERSION: u16 = 0x000f;
}

/// Reads a data message of L2TP version 2, which holds PPP. What version 3 holds only its ends know.
fn l2tp<'a>(walk: &mut Walk<'a>, bytes: Bytes<'a>) -> Walked<'a> {
    let (flags, mut rest) = bytes.take("L2TP header")?;
    let flags = u16::from_be_bytes(*flags);
    match flags & l2tp_flag::VERSION {
        _ if flags & l2tp_flag::CONTROL != 0 => return Err(Other::Udp),
        2 => {}
        3 => return Err(walk.closed("L2TPv3")),
        _ => return Err(Other::Udp),
    }
    walk.pass(Layer::L2tp)?;
    walk.enter_tunnel();
    if flags & l2tp_flag::LENGTH != 0 {
        let (length, _) = rest.take("L2TP header")?;
        // Counted from the beginning of the header.
        rest = rest.limit(usize::from(u16::from_be_bytes(*length)).saturating_sub(2)).skip(2);
    }
    // The numbers of tunnel and session differ by direction.
    rest = rest.skip(if flags & l2tp_flag::SEQUENCE != 0 { 8 } else { 4 });
    if flags & l2tp_flag::OFFSET != 0 {
        let (padding, inner) = rest.take("L2TP header")?;
        rest = inner.skip(usize::from(u16::from_be_bytes(*padding)));
    }
    ppp::ppp(walk, rest)
}

/// RFC 7348 section 5; the generic form says what follows.
fn vxlan<'a>(walk: &mut Walk<'a>, bytes: Bytes<'a>, generic: bool) -> Walked<'a> {
    let ([flags, _, _, next, v0, v1, v2, _], rest) = bytes.take::<8>("VXLAN header")?;
    // Without the bit that says "there is a network identifier" it is something else on that port.
    if flags & 0x08 == 0 {
        return Err(Other::Udp);
    }
    walk.pass(Layer::Vxlan)?;
    walk.enter_tunnel();
    walk.enter(u32::from_be_bytes([0, *v0, *v1, *v2]));
    match next {
        1 if generic => ip::ipv4(walk, rest),
        2 if generic => ip::ipv6(walk, rest),
        3 if generic => ether::ethernet(walk, rest),
        _ if generic => Err(walk.closed("VXLAN-GPE with a service header")),
        _ => ether::ethernet(walk, rest),
    }
}

/// RFC 8926 section 3.4.
fn geneve<'a>(walk: &mut Walk<'a>, bytes: Bytes<'a>) -> Walked<'a> {
    let ([first, _, t0, t1, v0, v1, v2, _], rest) = bytes.take::<8>("GENEVE header")?;
    if first >> 6 != 0 {
        return Err(Other::Udp);
    }
    walk.pass(Layer::Geneve)?;
    walk.enter_tunnel();
    walk.enter(u32::from_be_bytes([0, *v0, *v1, *v2]));
    let (_, rest) = rest.split(4 * usize::from(first & 0x3f), "GENEVE options")?;
    match u16::from_be_bytes([*t0, *t1]) {
        0x6558 => ether::ethernet(walk, rest),
        other => ether::ethertype(walk, other, rest),
    }
}

/// RFC 4380 section 5.1.1: authentication (0x0001) and origin (0x0000) may stand before the packet.
fn teredo<'a>(walk: &mut Walk<'a>, bytes: Bytes<'a>) -> Walked<'a> {
    let mut rest = bytes;
    if let Some(&[0, 1, client, value]) = rest.data().first_chunk() {
        // Indicator, two lengths, what they measure, nonce, confirmation.
        rest = rest.skip(4 + usize::from(client) + usize::from(value) + 8 + 1);
    }
    if rest.u16(0) == Some(0) {
        rest = rest.skip(8);
    }
    if rest.byte(0).is_none_or(|first| first >> 4 != 6) {
        return Err(Other::Udp);
    }
    walk.pass(Layer::Teredo)?;
    walk.enter_tunnel();
    ip::ipv6(walk, rest)
}
