//! Ethernet (IEEE 802.3), LLC (802.2), EtherTypes, VLAN tags (802.1Q) and MPLS (RFC 3032).

use super::bytes::Bytes;
use super::layers::Layer;
use super::other::Other;
use super::{Walk, Walked, ip, ppp};
use crate::wire::ethernet::ETHERNET_HEADER;

/// Reads an Ethernet frame.
#[inline]
pub(super) fn ethernet<'a>(walk: &mut Walk<'a>, bytes: Bytes<'a>) -> Walked<'a> {
    walk.pass(Layer::Ethernet)?;
    let (header, rest) = bytes.take::<ETHERNET_HEADER>("Ethernet header")?;
    let [.., t0, t1] = *header;
    type_or_length(walk, u16::from_be_bytes([t0, t1]), rest)
}

/// The field behind addresses and tags is a length up to 1500 and a type from 1536 (802.3 clause 3.2.6).
#[inline]
fn type_or_length<'a>(walk: &mut Walk<'a>, field: u16, rest: Bytes<'a>) -> Walked<'a> {
    match field {
        0..=1500 => llc(walk, rest.limit(usize::from(field))),
        number => ethertype(walk, number, rest),
    }
}

/// Reads what an EtherType says.
#[inline]
pub(super) fn ethertype<'a>(walk: &mut Walk<'a>, number: u16, bytes: Bytes<'a>) -> Walked<'a> {
    match number {
        // Some captures show IPv6 under IPv4's number.
        0x0800 if bytes.byte(0).is_some_and(|first| first >> 4 == 6) => ip::ipv6(walk, bytes),
        0x0800 => ip::ipv4(walk, bytes),
        0x86dd => ip::ipv6(walk, bytes),
        0x8100 => tag(walk, Layer::Vlan, bytes),
        // 802.1ad, and what switches used before it.
        0x88a8 | 0x9100 | 0x9200 => tag(walk, Layer::QinQ, bytes),
        number => rare(walk, number, bytes),
    }
}

fn rare<'a>(walk: &mut Walk<'a>, number: u16, bytes: Bytes<'a>) -> Walked<'a> {
    match number {
        0x8847 | 0x8848 => mpls(walk, bytes),
        0x8864 => ppp::pppoe(walk, bytes),
        0x880b => ppp::ppp(walk, bytes),
        0x6558 => ethernet(walk, bytes),
        0x0806 | 0x8035 => Err(Other::Arp),
        // Tags and tunnels of switches that are seen and not read.
        0x88e5 => Err(walk.closed("MACsec")),
        0x88e7 => Err(walk.closed("provider backbone bridge (802.1ah)")),
        0x894f => Err(walk.closed("NSH")),
        0x22f3 => Err(walk.closed("TRILL")),
        0x8903 => Err(walk.closed("FabricPath")),
        0x4305 => Err(walk.closed("batman-adv")),
        other => Err(Other::EtherType(other)),
    }
}

/// Priority and identifier, then the type of what follows (802.1Q clause 9.6).
#[inline]
fn tag<'a>(walk: &mut Walk<'a>, layer: Layer, bytes: Bytes<'a>) -> Walked<'a> {
    walk.pass(layer)?;
    let ([c0, c1, t0, t1], rest) = bytes.take("VLAN tag")?;
    let vlan = u16::from_be_bytes([*c0, *c1]) & 0x0fff;
    if walk.vlan == 0 {
        walk.vlan = vlan;
    }
    // 0 is a priority without a VLAN (802.1Q clause 9.6).
    if vlan != 0 {
        walk.enter(vlan.into());
    }
    type_or_length(walk, u16::from_be_bytes([*t0, *t1]), rest)
}

/// Reads what follows an LLC header.
pub(super) fn llc<'a>(walk: &mut Walk<'a>, bytes: Bytes<'a>) -> Walked<'a> {
    walk.pass(Layer::Llc)?;
    let ([destination, source, control], rest) = bytes.take("LLC header")?;
    match (destination, source, control) {
        // SNAP: an organisation, and for Ethernet's own (also bridged, 802.1H) an EtherType (RFC 1042).
        (0xaa, 0xaa, 0x03) => match rest.take("SNAP header")? {
            ([0, 0, 0 | 0xf8, t0, t1], rest) => ethertype(walk, u16::from_be_bytes([*t0, *t1]), rest),
            ([_, _, _, t0, t1], _) => Err(Other::EtherType(u16::from_be_bytes([*t0, *t1]))),
        },
        (0x06, 0x06, 0x03) => ip::ipv4(walk, rest),
        _ => Err(Other::Llc(*destination)),
    }
}

/// Labels, and behind the last one a packet whose kind nothing says.
pub(super) fn mpls<'a>(walk: &mut Walk<'a>, bytes: Bytes<'a>) -> Walked<'a> {
    let mut rest = bytes;
    loop {
        walk.pass(Layer::Mpls)?;
        let ([_, _, third, _], inner) = rest.take("MPLS label")?;
        rest = inner;
        // The bottom of the stack.
        if third & 1 == 1 {
            break;
        }
    }
    match rest.byte(0).map(|first| first >> 4) {
        // An address of a pseudo-wire's Ethernet frame may start with these digits as well (RFC 4928 section 3).
        Some(4) if !plausible_ipv4(rest) && plausible_ethernet(rest) => ethernet(walk, rest),
        Some(6) if !plausible_ipv6(rest) && plausible_ethernet(rest) => ethernet(walk, rest),
        Some(4) => ip::ipv4(walk, rest),
        Some(6) => ip::ipv6(walk, rest),
        // A control word before the frame starts with 0 (RFC 4448 section 4.6).
        Some(0) if !plausible_ethernet(rest) => ethernet(walk, rest.skip(4)),
        Some(_) if plausible_ethernet(rest) => ethernet(walk, rest),
        _ => Err(Other::EtherType(0x8847)),
    }
}

fn plausible_ipv4(bytes: Bytes<'_>) -> bool {
    let header = bytes.byte(0).map_or(0, |first| usize::from(first & 0x0f) * 4);
    let total = bytes.u16(2).map_or(0, usize::from);
    header >= 20 && (total == 0 || total >= header) && total <= bytes.len()
}

fn plausible_ipv6(bytes: Bytes<'_>) -> bool {
    bytes.u16(4).is_some_and(|length| usize::from(length) + 40 <= bytes.len())
}

/// The type field of an Ethernet frame holds something that carries packets.
pub(super) fn plausible_ethernet(bytes: Bytes<'_>) -> bool {
    let known = [0x0800, 0x86dd, 0x8100, 0x88a8, 0x8847, 0x8864, 0x0806];
    bytes.u16(12).is_some_and(|number| known.contains(&number))
}
