//! ICMP errors (RFC 792, 4443) and the segment they quote.

use super::bytes::Bytes;
use super::ip;
use super::layers::Layer;
use super::other::Other;
use super::{Walk, Walked};
use crate::wire::Protocol;
use crate::wire::icmp::IcmpKind;

/// Reads an ICMP message. Unlike [`crate::wire::icmp::parse`] it takes what a capture kept of it.
pub(super) fn icmp<'a>(walk: &mut Walk<'a>, protocol: u8, bytes: Bytes<'a>) -> Walked<'a> {
    let ([kind, code, _, _, word @ ..], quote) = bytes.take::<8>("ICMP header").map_err(|_| Other::Icmp)?;
    let Some(kind) = IcmpKind::of(Protocol(protocol), *kind, *code, u32::from_be_bytes(*word)) else {
        return Err(Other::Icmp);
    };
    walk.pass(Layer::Icmp)?;
    // Of an error about an error, which nobody should send, the outer one counts.
    walk.quote = walk.quote.or(Some((kind, walk.ip.src)));
    match ip::ip(walk, quote) {
        Err(_) => Err(Other::Icmp),
        reached => reached,
    }
}
