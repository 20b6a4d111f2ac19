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
    pub const TEREDO: u16 = 3544;
    pub const GRE: u16 = 4754;
    pub const VXLAN: u16 = 4789;
    pub const VXLAN_GPE: u16 = 4790;
    pub const GENEVE: u16 = 6081;
    pub const MPLS: u16 = 6635;
    pub const VXLAN_LINUX: u16 = 8472;
}

pub(super) fn udp<'a>(walk: &mut Walk<'a>, bytes: Bytes<'a>) -> Walked<'a> {
    let ([s0, s1, d0, d1, l0, l1, _, _], rest) = bytes.take::<8>("UDP header").map_err(|_| Other::Udp)?;
    walk.pass(Layer::Udp)?;
    let rest = match u16::from_be_bytes([*l0, *l1]) {
        length @ 8.. => rest.limit(usize::from(length) - 8),
        _ => rest,
    };
    // A tunnel is told by its destination; Teredo and VXLAN are also answered from the port.
    for number in [u16::from_be_bytes([*d0, *d1]), u16::from_be_bytes([*s0, *s1])] {
        match number {
            port::TEREDO => return teredo(walk, rest),
            port::VXLAN | port::VXLAN_LINUX => return vxlan(walk, rest, false),
            port::VXLAN_GPE => return vxlan(walk, rest, true),
            port::GENEVE => return geneve(walk, rest),
            port::GRE => return gre(walk, rest),
            port::MPLS => return ether::mpls(walk, rest),
            _ => {}
        }
    }
    Err(Other::Udp)
}

/// RFC 7348 section 5; the generic form says what follows.
fn vxlan<'a>(walk: &mut Walk<'a>, bytes: Bytes<'a>, generic: bool) -> Walked<'a> {
    let ([flags, _, _, next, ..], rest) = bytes.take::<8>("VXLAN header")?;
    // Without the bit that says "there is a network identifier" it is something else on that port.
    if flags & 0x08 == 0 {
        return Err(Other::Udp);
    }
    walk.pass(Layer::Vxlan)?;
    match next {
        1 if generic => ip::ipv4(walk, rest),
        2 if generic => ip::ipv6(walk, rest),
        3 if generic => ether::ethernet(walk, rest),
        _ if generic => Err(Other::Udp),
        _ => ether::ethernet(walk, rest),
    }
}

/// RFC 8926 section 3.4.
fn geneve<'a>(walk: &mut Walk<'a>, bytes: Bytes<'a>) -> Walked<'a> {
    let ([first, _, t0, t1, ..], rest) = bytes.take::<8>("GENEVE header")?;
    if first >> 6 != 0 {
        return Err(Other::Udp);
    }
    walk.pass(Layer::Geneve)?;
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
    ip::ipv6(walk, rest)
}
