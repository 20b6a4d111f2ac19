//! The segment itself.

use super::ip::Ip;
use super::layers::Layers;
use super::{Found, IcmpError, Walk};
use crate::analysis::segment::{Checksum, Segment};
use crate::wire::tcp::TCP_HEADER;
use crate::wire::{Protocol, TcpOptions, TcpPacket, checksum};

/// A TCP segment as it was found in a frame.
#[derive(Clone, Copy, Debug)]
pub struct Tcp<'a> {
    /// The segment. What was not captured of its fixed header is 0.
    pub segment: Segment<'a>,
    /// What was passed on the way to it.
    pub layers: Layers,
    /// Bytes of the fixed header that were captured, 4 to 20. Ports are always there.
    pub captured_header: u8,
    /// The header's length as its data offset says it, in bytes; below 20 it is damaged, and there is no payload.
    pub header_len: u8,
    /// Bytes that the capture lacks of the header and its options: at least and at most, which differ where the data
    /// offset was cut off as well.
    pub missing_header: (u8, u8),
    /// False where `segment.len` is no more than a lower bound: in the first fragment of a datagram that cannot be put
    /// together, in the quote of an ICMP error, where the header claims to be longer than the segment, and where it was
    /// cut before it says how long it is.
    pub length_known: bool,
}

impl Tcp<'_> {
    /// True when sequence numbers and flags were captured: with them a segment is told to its connection. (Wireshark
    /// needs the window as well.)
    pub fn readable(&self) -> bool {
        self.captured_header >= THROUGH_FLAGS as u8
    }

    /// True when not all of the segment was captured, and the headers are sound enough to tell.
    pub fn is_cut(&self) -> bool {
        let sound = self.length_known && usize::from(self.header_len) >= TCP_HEADER;
        self.segment.options_cut || sound && self.segment.payload.len() < self.segment.len as usize
    }
}

/// Bytes of the fixed header up to and with the flags, and up to and with the window.
const THROUGH_FLAGS: usize = 14;
const THROUGH_WINDOW: usize = 16;
/// Where the data offset stands, and the most it can say.
const OFFSET: usize = 12;
const MAX_TCP_HEADER: usize = 60;

/// Fewer bytes of a segment tell nothing: the ports.
const PORTS: usize = 4;

/// Reads the segment that the walk came to.
#[inline]
pub(super) fn tcp<'a>(walk: &Walk<'a>) -> Found<'a> {
    let bytes = walk.rest;
    let data = bytes.data();
    let mut padded = [0; TCP_HEADER];
    let (fixed, captured) = match data.first_chunk::<TCP_HEADER>() {
        Some(fixed) => (fixed, TCP_HEADER),
        None if data.len() < PORTS => return Found::Other(bytes.missing(PORTS, "TCP ports")),
        None => {
            for (space, byte) in padded.iter_mut().zip(data) {
                *space = *byte;
            }
            (&padded, data.len())
        }
    };
    match walk.quote {
        None => Found::Tcp(segment(walk, fixed, captured)),
        Some((kind, from)) => {
            let quoted = segment(walk, fixed, captured);
            Found::IcmpError(IcmpError { kind, from, quoted })
        }
    }
}

/// The segment with this fixed header, of which `captured` bytes are real.
#[inline]
fn segment<'a>(walk: &Walk<'a>, fixed: &[u8; TCP_HEADER], captured: usize) -> Tcp<'a> {
    let (ip, bytes) = (&walk.ip, walk.rest);
    let data = bytes.data();
    let mut fields = TcpPacket::read(fixed, TCP_HEADER);
    let window_cut = captured < THROUGH_WINDOW;
    if window_cut {
        fields.header.window = u16::MAX;
    }
    let offset = usize::from(fixed[12] >> 4) * 4;
    // A header that claims to be longer than the segment leaves nothing that could be payload.
    let len = if captured > OFFSET { bytes.len().checked_sub(offset) } else { None };
    let damaged = offset < TCP_HEADER;
    // What is shorter than its own header without having been cut is malformed.
    let cut = !bytes.complete() && (data.len() < offset || captured < TCP_HEADER);
    let option_bytes = data.get(TCP_HEADER..offset.min(data.len())).unwrap_or_default();
    // Of a part, or of a quote that ends before the segment does, nothing can be said.
    let whole = bytes.complete() && captured == TCP_HEADER && !walk.fragment && walk.quote.is_none();
    let segment = Segment {
        frame: walk.number,
        time: walk.time,
        src: ip.src,
        dst: ip.dst,
        ttl: ip.ttl,
        ecn: ip.ecn,
        ip_id: ip.id,
        dont_fragment: ip.dont_fragment,
        network: walk.network,
        window_cut,
        header: fields.header,
        reserved: fixed[12] & 0x0f,
        options: if option_bytes.is_empty() { TcpOptions::default() } else { TcpOptions::parse(option_bytes) },
        option_bytes,
        options_cut: cut,
        len: len.unwrap_or(0) as u32,
        payload: if damaged { &[] } else { data.get(offset..).unwrap_or_default() },
        checksum: if walk.verify_checksums && whole { verify(ip, data, fields.checksum) } else { Checksum::Unknown },
        quoted: walk.quote.is_some(),
    };
    Tcp {
        segment,
        layers: walk.layers,
        captured_header: captured as u8,
        header_len: offset as u8,
        missing_header: if cut { missing(offset, data.len()) } else { (0, 0) },
        length_known: len.is_some() && !walk.fragment && walk.quote.is_none(),
    }
}

/// What a header is short of, of which so many bytes were captured.
#[cold]
fn missing(offset: usize, captured: usize) -> (u8, u8) {
    let most = if captured > OFFSET { offset.max(TCP_HEADER) } else { MAX_TCP_HEADER };
    let least = if captured > OFFSET { most } else { TCP_HEADER };
    (least.saturating_sub(captured) as u8, most.saturating_sub(captured) as u8)
}

/// Checks the checksum over the whole segment.
#[inline]
fn verify(ip: &Ip, bytes: &[u8], found: u16) -> Checksum {
    let pseudo = checksum::pseudo_header(ip.src, ip.dst, Protocol::TCP.0, bytes.len());
    let mut sum = pseudo;
    sum.add(bytes);
    // Segmentation offload adds the length of each part later, so some hosts leave it out (as in RFC 9293
    // section 3.1, but for a length of 0).
    let without_length = || checksum::pseudo_header(ip.src, ip.dst, Protocol::TCP.0, 0);
    if sum.finish() == 0 {
        Checksum::Good
    } else if found == !pseudo.finish() || found == !without_length().finish() {
        Checksum::Unfilled
    } else {
        Checksum::Bad
    }
}
