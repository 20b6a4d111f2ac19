//! What programs and systems put before a frame when they capture it.

use super::bytes::Bytes;
use super::ip;
use super::layers::Layer;
use super::other::Other;
use super::{Walk, Walked, ether, link, ppp};
use crate::capture::read::LinkType;
use crate::wire::Malformed;

/// Per-packet information: a version, flags, the length of it all and the link type of what follows, then fields. The
/// numbers are little endian whoever writes them.
pub(super) fn ppi<'a>(walk: &mut Walk<'a>, bytes: Bytes<'a>) -> Walked<'a> {
    walk.pass(Layer::Ppi)?;
    let ([_, _, l0, l1, t0, t1, t2, t3], _) = bytes.take::<8>("PPI header")?;
    let rest = behind(bytes, usize::from(u16::from_le_bytes([*l0, *l1])), 8, "PPI header")?;
    inner(walk, u32::from_le_bytes([*t0, *t1, *t2, *t3]), rest)
}

/// macOS: its length, whether a packet follows, the link type of that, then names and flags, in the byte order of the
/// machine, of which no other than little endian has it.
pub(super) fn pktap<'a>(walk: &mut Walk<'a>, bytes: Bytes<'a>) -> Walked<'a> {
    walk.pass(Layer::Pktap)?;
    let ([l0, l1, l2, l3, _, _, _, _, t0, t1, t2, t3], _) = bytes.take::<12>("pktap header")?;
    let length = u32::from_le_bytes([*l0, *l1, *l2, *l3]);
    let rest = behind(bytes, length as usize, 12, "pktap header")?;
    inner(walk, u32::from_le_bytes([*t0, *t1, *t2, *t3]), rest)
}

/// A frame of the link type that a header named.
fn inner<'a>(walk: &mut Walk<'a>, kind: u32, bytes: Bytes<'a>) -> Walked<'a> {
    match u16::try_from(kind) {
        Ok(kind) => link::link(walk, kind, bytes),
        Err(_) => {
            let (what, value, allowed) = ("link type inside a header", u64::from(kind), "below 65536");
            Err(Other::Malformed(Malformed::Field { what, offset: 0, value, allowed }))
        }
    }
}

/// What follows a header that says its own length, of at least `least`.
fn behind<'a>(bytes: Bytes<'a>, length: usize, least: usize, what: &'static str) -> Result<Bytes<'a>, Other> {
    if length < least {
        let allowed = "the length of its fixed part at least";
        return Err(Other::Malformed(Malformed::Field { what, offset: 0, value: length as u64, allowed }));
    }
    Ok(bytes.split(length, what)?.1)
}

/// The attribute of Linux's netfilter log that holds the packet (NFULA_PAYLOAD).
const PAYLOAD: u16 = 9;
/// More attributes than the kernel knows.
const MAX_ATTRIBUTES: usize = 64;

/// Linux's netfilter log: family, version, group, then attributes in the byte order of the host that logged.
pub(super) fn nflog<'a>(walk: &mut Walk<'a>, bytes: Bytes<'a>) -> Walked<'a> {
    walk.pass(Layer::Nflog)?;
    let ([family, ..], mut rest) = bytes.take::<4>("NFLOG header")?;
    // The kinds of attributes are small numbers: where the zero byte stands tells the order.
    let big_endian = rest.byte(2) == Some(0) && rest.byte(3) != Some(0);
    let number = |pair: [u8; 2]| if big_endian { u16::from_be_bytes(pair) } else { u16::from_le_bytes(pair) };
    for _ in 0..MAX_ATTRIBUTES {
        let ([l0, l1, k0, k1], value) = rest.take("NFLOG attribute")?;
        let length = usize::from(number([*l0, *l1])).max(4);
        if number([*k0, *k1]) & 0x7fff == PAYLOAD {
            let packet = value.limit(length - 4);
            return match (family, packet.byte(0).map(|first| first >> 4)) {
                // Bridged frames are logged from their packet on, too.
                (_, None | Some(4 | 6)) => ip::ip(walk, packet),
                (family, _) => Err(Other::Kind { what: "NFLOG family", number: u32::from(*family) }),
            };
        }
        rest = rest.skip(length.next_multiple_of(4));
    }
    Err(Other::TooDeep)
}

/// OpenBSD's packet filter log: a header that says its length, to be rounded up to words, then the packet.
pub(super) fn pflog<'a>(walk: &mut Walk<'a>, bytes: Bytes<'a>) -> Walked<'a> {
    walk.pass(Layer::Pflog)?;
    let ([length], _) = bytes.take("pflog header")?;
    ip::ip(walk, behind(bytes, usize::from(*length).next_multiple_of(4), 48, "pflog header")?)
}

/// Bits of a Junos header's flags.
mod juniper_flag {
    pub const NO_LINK_HEADER: u8 = 0x02;
    pub const EXTENSIONS: u8 = 0x80;
}

/// Junos: three letters, flags, and where they say so a length and extensions. Without the link's own header a word
/// stands in its place.
pub(super) fn juniper<'a>(walk: &mut Walk<'a>, kind: LinkType, bytes: Bytes<'a>) -> Walked<'a> {
    walk.pass(Layer::Juniper)?;
    let (header, mut rest) = bytes.take::<4>("Juniper header")?;
    let [b'M', b'G', b'C', flags] = *header else {
        let value = u64::from(u32::from_be_bytes(*header) >> 8);
        let (what, allowed) = ("Juniper header", "0x4d4743");
        return Err(Other::Malformed(Malformed::Field { what, offset: 0, value, allowed }));
    };
    if flags & juniper_flag::EXTENSIONS != 0 {
        let (length, inner) = rest.take("Juniper header")?;
        rest = inner.split(usize::from(u16::from_be_bytes(*length)), "Juniper header")?.1;
    }
    if flags & juniper_flag::NO_LINK_HEADER != 0 {
        return ip::ip(walk, rest.take::<4>("Juniper header")?.1);
    }
    match kind {
        LinkType::JUNIPER_PPP => ppp::ppp(walk, rest),
        LinkType::JUNIPER_FRAME_RELAY => ppp::frame_relay(walk, rest),
        LinkType::JUNIPER_CISCO_HDLC => ppp::cisco(walk, rest),
        _ => ether::ethernet(walk, rest),
    }
}
