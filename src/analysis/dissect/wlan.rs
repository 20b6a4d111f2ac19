//! IEEE 802.11 data frames, plain and behind the headers of radiotap, Prism and AVS.

use super::bytes::Bytes;
use super::layers::Layer;
use super::other::Other;
use super::{Walk, Walked, ether};
use crate::wire::Malformed;

/// Bits of radiotap's flags field.
mod radio {
    /// The check sequence is at the end.
    pub const CHECK_SEQUENCE: u8 = 0x10;
    /// The header is padded to four bytes.
    pub const PADDED: u8 = 0x20;
}

/// Reads a frame behind radiotap's header.
pub(super) fn radiotap<'a>(walk: &mut Walk<'a>, bytes: Bytes<'a>) -> Walked<'a> {
    walk.pass(Layer::Radiotap)?;
    let ([_, _, l0, l1], _) = bytes.take("radiotap header")?;
    let length = usize::from(u16::from_le_bytes([*l0, *l1]));
    if length < 8 {
        return Err(Other::Malformed(Malformed::Field {
            what: "radiotap length",
            offset: 2,
            value: length as u64,
            allowed: "at least 8",
        }));
    }
    let (header, rest) = bytes.split(length, "radiotap header")?;
    let flags = radio_flags(header).unwrap_or(0);
    let rest = if flags & radio::CHECK_SEQUENCE != 0 { rest.limit(rest.len().saturating_sub(4)) } else { rest };
    frame(walk, rest, flags & radio::PADDED != 0)
}

/// Reads a frame behind the header of the Prism driver, or behind that of AVS, which some write under its name.
pub(super) fn prism<'a>(walk: &mut Walk<'a>, bytes: Bytes<'a>) -> Walked<'a> {
    let (word, _) = bytes.take::<4>("Prism header")?;
    // The code of AVS: 0x8021 and a version.
    if word.starts_with(&[0x80, 0x21, 0x10]) {
        return avs(walk, bytes);
    }
    walk.pass(Layer::Prism)?;
    // A code and a length of 144, in the byte order of who captured, and so many bytes in all.
    frame(walk, bytes.split(PRISM_HEADER, "Prism header")?.1, false)
}

/// Bytes of a Prism header.
const PRISM_HEADER: usize = 144;

/// Reads a frame behind the header of AVS: a code, and the length of it all.
pub(super) fn avs<'a>(walk: &mut Walk<'a>, bytes: Bytes<'a>) -> Walked<'a> {
    walk.pass(Layer::Avs)?;
    let ([_, _, _, _, l0, l1, l2, l3], _) = bytes.take::<8>("AVS header")?;
    let length = u32::from_be_bytes([*l0, *l1, *l2, *l3]) as usize;
    frame(walk, bytes.split(length.max(8), "AVS header")?.1, false)
}

/// The flags field: behind all words that say which fields there are, and behind the timestamp, aligned to 8 bytes.
fn radio_flags(header: &[u8]) -> Option<u8> {
    let (words, _) = header.get(4..)?.as_chunks::<4>();
    let count = words.iter().position(|word| word[3] & 0x80 == 0)? + 1;
    let present = words.first()?[0];
    if present & 0x02 == 0 {
        return None;
    }
    let fields = 4 + 4 * count;
    let at = if present & 0x01 != 0 { fields.next_multiple_of(8) + 8 } else { fields };
    header.get(at).copied()
}

/// Reads a frame of 802.11 (clause 9.2.4); `padded` when the header takes a multiple of four bytes.
pub(super) fn frame<'a>(walk: &mut Walk<'a>, bytes: Bytes<'a>, padded: bool) -> Walked<'a> {
    walk.pass(Layer::Wlan)?;
    let ([control, flags], _) = bytes.take("802.11 header")?;
    let (kind, subtype) = (control >> 2 & 3, control >> 4);
    // Only data frames have a packet, and not those whose subtype says that it is left out.
    if control & 3 != 0 || kind != 2 || subtype & 0b0100 != 0 {
        return Err(Other::Wlan { kind, subtype });
    }
    let quality = subtype & 0b1000 != 0;
    let address = if flags & 0x03 == 0x03 { 6 } else { 0 };
    // Quality of service has two bytes of control, and four more with the "order" flag.
    let quality_at = 24 + address;
    let extra = if !quality {
        0
    } else if flags & 0x80 != 0 {
        6
    } else {
        2
    };
    let header_len = quality_at + extra;
    let (header, _) = bytes.split(header_len, "802.11 header")?;
    if flags & 0x40 != 0 {
        return Err(Other::Encrypted);
    }
    // The low digit of the sequence control counts fragments.
    if header.get(22).is_some_and(|sequence| sequence & 0x0f != 0) {
        return Err(Other::Fragment);
    }
    let rest = bytes.skip(if padded { header_len.next_multiple_of(4) } else { header_len });
    if quality && header.get(quality_at).is_some_and(|control| control & 0x80 != 0) {
        return aggregate(walk, rest);
    }
    ether::llc(walk, rest)
}

/// The first of several packets in one frame (A-MSDU): two addresses, a length, and LLC.
fn aggregate<'a>(walk: &mut Walk<'a>, bytes: Bytes<'a>) -> Walked<'a> {
    let (header, rest) = bytes.take::<14>("A-MSDU header")?;
    let [.., l0, l1] = *header;
    ether::llc(walk, rest.limit(usize::from(u16::from_be_bytes([l0, l1]))))
}
