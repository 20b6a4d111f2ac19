//! The blocks that hold packets: enhanced, simple, and the obsolete form.

use std::ops::Range;

use crate::capture::Direction;
use crate::time::Time;

use super::super::error::{Place, ReadError};
use super::super::facts::{Facts, Resolution};
use super::super::{Found, LinkType};
use super::block::Body;
use super::{COMMENT, PcapNg};

/// An interface: what each of its packets needs.
#[derive(Clone, Copy)]
pub(super) struct Source {
    pub(super) link: LinkType,
    pub(super) snaplen: u32,
    pub(super) resolution: Resolution,
    /// Seconds to add to every time stamp.
    pub(super) offset: i64,
}

impl Source {
    #[inline]
    pub(super) fn time(&self, units: u64) -> Time {
        let time = self.resolution.time(units);
        if self.offset == 0 {
            return time;
        }
        Time::from_nanos(time.as_nanos().saturating_add_signed(self.offset.saturating_mul(1_000_000_000)))
    }
}

/// What both packet blocks say of a packet before its bytes.
struct Header {
    interface: u32,
    stamp: u64,
    captured: u32,
    original: u32,
}

impl PcapNg {
    #[inline]
    pub(super) fn packet(&self, body: &Body<'_>, facts: &mut Facts) -> Result<Found, ReadError> {
        let Some(header) = body.bytes.first_chunk::<20>() else {
            return Err(body.short("the length of the packet block", "at least 32"));
        };
        let &[i0, i1, i2, i3, h0, h1, h2, h3, w0, w1, w2, w3, c0, c1, c2, c3, o0, o1, o2, o3] = header;
        let order = self.order;
        let (high, low) = (order.u32([h0, h1, h2, h3]), order.u32([w0, w1, w2, w3]));
        let header = Header {
            interface: order.u32([i0, i1, i2, i3]),
            stamp: u64::from(high) << 32 | u64::from(low),
            captured: order.u32([c0, c1, c2, c3]),
            original: order.u32([o0, o1, o2, o3]),
        };
        self.found(body, facts, header)
    }

    /// The obsolete form of a packet block: a shorter interface number beside a count of lost packets.
    #[cold]
    pub(super) fn old_packet(&self, body: &Body<'_>, facts: &mut Facts) -> Result<Found, ReadError> {
        let fields = (body.u16(0), body.u16(2), body.u32(4), body.u32(8), body.u32(12), body.u32(16));
        let (Some(interface), Some(lost), Some(high), Some(low), Some(captured), Some(original)) = fields else {
            return Err(body.short("the length of the packet block", "at least 32"));
        };
        let stamp = u64::from(high) << 32 | u64::from(low);
        let header = Header { interface: interface.into(), stamp, captured, original };
        let found = self.found(body, facts, header)?;
        const UNKNOWN: u16 = 0xffff;
        if lost != UNKNOWN {
            add_lost(facts, found.interface, lost.into());
        }
        Ok(found)
    }

    #[inline]
    fn found(&self, body: &Body<'_>, facts: &mut Facts, header: Header) -> Result<Found, ReadError> {
        let Header { interface, stamp, captured, original } = header;
        let left = body.bytes.len() - 20;
        let source = self.source(interface, body.at)?;
        let length = captured as usize;
        if length > left {
            let (length, limit) = (captured.into(), left as u64);
            return Err(ReadError::TooLong { what: "the packet in the block", at: body.at, length, limit });
        }
        let limit = source.snaplen.max(source.link.longest());
        if captured > limit {
            let (length, limit) = (captured.into(), limit.into());
            return Err(ReadError::TooLong { what: "the packet", at: body.at, length, limit });
        }
        let interface = (self.before + interface as usize) as u32;
        let begin = body.begin + 20;
        let mut found = Found {
            time: Some(source.time(stamp)),
            interface,
            link: source.link,
            bytes: begin..begin + length,
            original_len: original.max(captured),
            direction: None,
            comment: None,
        };
        let padded = 20 + length.next_multiple_of(4);
        if body.bytes.len() > padded {
            (found.direction, found.comment) = packet_options(body, padded, interface, facts);
        }
        Ok(found)
    }

    /// A packet without a time, from the section's first interface.
    #[cold]
    pub(super) fn simple_packet(&self, body: &Body<'_>) -> Result<Found, ReadError> {
        let Some(original) = body.u32(0) else {
            return Err(body.short("the length of the simple packet block", "at least 16"));
        };
        let source = self.source(0, body.at)?;
        // The length kept is not told: it is what the snapshot length leaves, and never more than is there.
        let kept = if source.snaplen == 0 { original } else { original.min(source.snaplen) };
        let length = (kept as usize).min(body.bytes.len() - 4);
        Ok(Found {
            time: None,
            interface: self.before as u32,
            link: source.link,
            bytes: body.begin + 4..body.begin + 4 + length,
            original_len: original,
            direction: None,
            comment: None,
        })
    }

    #[inline]
    fn source(&self, interface: u32, at: Place) -> Result<&Source, ReadError> {
        match self.sources.get(interface as usize) {
            Some(source) => Ok(source),
            None => Err(ReadError::Interface { at, interface, described: self.sources.len() as u32 }),
        }
    }
}

/// The options of a packet block: its direction and its first comment; losses are added up.
fn packet_options(
    body: &Body<'_>,
    at: usize,
    interface: u32,
    facts: &mut Facts,
) -> (Option<Direction>, Option<Range<usize>>) {
    let (mut direction, mut comment) = (None, None);
    let mut options = body.options(at);
    for option in &mut options {
        match option.code {
            COMMENT if comment.is_none() => {
                let begin = body.begin + at + option.at;
                comment = Some(begin..begin + option.value.len());
            }
            2 => {
                // The low two bits: 1 inbound, 2 outbound.
                direction = match option.value.first_chunk().map(|flags| body.order.u32(*flags) & 3) {
                    Some(1) => Some(Direction::In),
                    Some(2) => Some(Direction::Out),
                    _ => None,
                }
            }
            4 => {
                let lost = option.value.first_chunk().map_or(0, |lost| body.order.u64(*lost));
                add_lost(facts, interface, lost);
            }
            _ => {}
        }
    }
    facts.damaged_options += u64::from(options.damaged());
    (direction, comment)
}

fn add_lost(facts: &mut Facts, interface: u32, lost: u64) {
    if let Some(interface) = facts.interfaces.get_mut(interface as usize) {
        interface.lost = interface.lost.saturating_add(lost);
    }
}
