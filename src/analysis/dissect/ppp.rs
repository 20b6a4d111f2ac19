//! PPP (RFC 1661), PPPoE (RFC 2516), and the serial links beside it: Cisco's HDLC, Frame Relay (RFC 2427).

use super::bytes::Bytes;
use super::layers::Layer;
use super::other::Other;
use super::{Walk, Walked, ether, ip};

/// Reads PPP, with or without the address and control bytes of its HDLC frame (RFC 1662 section 3.1).
pub(super) fn ppp<'a>(walk: &mut Walk<'a>, bytes: Bytes<'a>) -> Walked<'a> {
    walk.pass(Layer::Ppp)?;
    let bytes = if bytes.u16(0) == Some(0xff03) { bytes.skip(2) } else { bytes };
    let ([first], rest) = bytes.take("PPP protocol")?;
    // An odd first byte is the whole field, compressed (RFC 1661 section 6.5).
    let (protocol, rest) = if first & 1 == 1 {
        (u16::from(*first), rest)
    } else {
        let (field, rest) = bytes.take("PPP protocol")?;
        (u16::from_be_bytes(*field), rest)
    };
    match protocol {
        0x0021 => ip::ipv4(walk, rest),
        0x0057 => ip::ipv6(walk, rest),
        0x0281 | 0x0283 => ether::mpls(walk, rest),
        other => Err(Other::Ppp(other)),
    }
}

/// Reads a PPPoE session packet; discovery has codes other than 0.
pub(super) fn pppoe<'a>(walk: &mut Walk<'a>, bytes: Bytes<'a>) -> Walked<'a> {
    let ([_, code, s0, s1, l0, l1], rest) = bytes.take("PPPoE header")?;
    if *code != 0 {
        return Err(Other::EtherType(0x8863));
    }
    walk.pass(Layer::PppoE)?;
    walk.enter(u16::from_be_bytes([*s0, *s1]).into());
    ppp(walk, rest.limit(usize::from(u16::from_be_bytes([*l0, *l1]))))
}

/// Reads a frame of a serial line, which is PPP or Cisco's HDLC by its first byte.
pub(super) fn serial<'a>(walk: &mut Walk<'a>, bytes: Bytes<'a>) -> Walked<'a> {
    match bytes.byte(0) {
        Some(0x0f | 0x8f) => cisco(walk, bytes),
        _ => ppp(walk, bytes),
    }
}

/// Address, control, EtherType.
pub(super) fn cisco<'a>(walk: &mut Walk<'a>, bytes: Bytes<'a>) -> Walked<'a> {
    walk.pass(Layer::CiscoHdlc)?;
    let ([_, _, t0, t1], rest) = bytes.take("HDLC header")?;
    ether::ethertype(walk, u16::from_be_bytes([*t0, *t1]), rest)
}

/// An address of two to four bytes, then what RFC 2427 section 4 says about the packet.
pub(super) fn frame_relay<'a>(walk: &mut Walk<'a>, bytes: Bytes<'a>) -> Walked<'a> {
    walk.pass(Layer::FrameRelay)?;
    let last = bytes.data().iter().take(4).position(|byte| byte & 1 == 1);
    let Some(last) = last else { return Err(bytes.missing(4, "Frame Relay address")) };
    let rest = bytes.skip(last + 1);
    // Unnumbered information, and a byte that aligns what follows.
    let (unnumbered, rest) = (rest.byte(0) == Some(0x03), rest.skip(1));
    let rest = if rest.byte(0) == Some(0) { rest.skip(1) } else { rest };
    let ([kind], packet) = rest.take("Frame Relay protocol")?;
    match kind {
        0xcc if unnumbered => ip::ipv4(walk, packet),
        0x8e if unnumbered => ip::ipv6(walk, packet),
        0x80 if unnumbered => match packet.take("SNAP header")? {
            ([0, 0, 0, t0, t1], rest) => ether::ethertype(walk, u16::from_be_bytes([*t0, *t1]), rest),
            // Bridged Ethernet, without and with its check sequence.
            ([0, 0x80, 0xc2, 0, 7 | 1], rest) => ether::ethernet(walk, rest),
            ([_, _, _, t0, t1], _) => Err(Other::EtherType(u16::from_be_bytes([*t0, *t1]))),
        },
        other => Err(Other::Llc(*other)),
    }
}
