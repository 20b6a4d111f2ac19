//! Links other than Ethernet that carry LLC: Token Ring (IEEE 802.5), FDDI (ISO 9314), ATM (RFC 2684).

use super::bytes::Bytes;
use super::layers::Layer;
use super::other::Other;
use super::{Walk, Walked, ether, ip, ppp};

/// Access and frame control, two addresses, and where the first bit of the source's says so, the route of bridges.
pub(super) fn token_ring<'a>(walk: &mut Walk<'a>, bytes: Bytes<'a>) -> Walked<'a> {
    walk.pass(Layer::TokenRing)?;
    let (header, rest) = bytes.take::<14>("Token Ring header")?;
    let [_, control, _, _, _, _, _, _, source, ..] = *header;
    // The upper two bits: 01 for LLC; the ring's own business has 00.
    if control >> 6 != 1 {
        return Err(Other::Kind { what: "Token Ring frame control", number: u32::from(control) });
    }
    // The low five bits of the route are its length.
    let route = if source & 0x80 != 0 { usize::from(rest.byte(0).unwrap_or(0) & 0x1f) } else { 0 };
    ether::llc(walk, rest.split(route, "Token Ring route")?.1)
}

/// Frame control and two addresses.
pub(super) fn fddi<'a>(walk: &mut Walk<'a>, bytes: Bytes<'a>) -> Walked<'a> {
    walk.pass(Layer::Fddi)?;
    let (header, rest) = bytes.take::<13>("FDDI header")?;
    let [control, ..] = *header;
    // "L r F F": LLC has 01 in FF, tokens and station management have 00.
    if control >> 4 & 3 != 1 {
        return Err(Other::Kind { what: "FDDI frame control", number: u32::from(control) });
    }
    ether::llc(walk, rest)
}

/// LLC without addresses. Beside EtherTypes it tells of bridged Ethernet, and of routed protocols by one byte (NLPID).
pub(super) fn atm<'a>(walk: &mut Walk<'a>, bytes: Bytes<'a>) -> Walked<'a> {
    walk.pass(Layer::Atm)?;
    match *bytes.data() {
        // Bridged Ethernet with its check sequence (1) and without (7), behind two bytes of padding (RFC 2684
        // section 5.2).
        [0xaa, 0xaa, 3, 0, 0x80, 0xc2, 0, 1 | 7, ..] => ether::ethernet(walk, bytes.skip(10)),
        [0xfe, 0xfe, 3, 0xcc, ..] => ip::ipv4(walk, bytes.skip(4)),
        [0xfe, 0xfe, 3, 0x8e, ..] => ip::ipv6(walk, bytes.skip(4)),
        // RFC 2364 section 6.
        [0xfe, 0xfe, 3, 0xcf, ..] => ppp::ppp(walk, bytes.skip(4)),
        _ => ether::llc(walk, bytes),
    }
}
