//! The fields: what they are called in each language, what they mean, what their values are.

use std::net::IpAddr;

use super::subject::Subject;
use crate::analysis::segment::Checksum;

/// What a name stands for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Field {
    /// One number or several.
    Number(Number),
    /// One address or both.
    Address(Address),
    /// Bytes.
    Bytes(Bytes),
    /// A control bit by its short name; alone it means that the bit is set.
    Bit(u16),
    /// A flag of the analysis.
    Mark(&'static str),
    /// The set of flags of the analysis.
    Marks,
    /// The segment is of this IP version.
    Version(u64),
    /// True of everything that is looked at.
    Always,
}

/// A field whose values are numbers.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Number {
    Frame,
    FrameLen,
    FrameCaptured,
    Time,
    TimeRelative,
    TimeDelta,
    StreamTime,
    StreamTimeDelta,
    Stream,
    SrcPort,
    DstPort,
    Port,
    Len,
    Seq,
    SeqRaw,
    NextSeq,
    Ack,
    AckRaw,
    HeaderLen,
    /// The twelve bits, reserved ones included.
    AllFlags,
    /// The eight bits that have letters.
    Flags,
    /// One control bit, or some reserved ones, of the twelve.
    Bits(u16),
    Window,
    ScaledWindow,
    Urgent,
    Checksum,
    Mss,
    WindowShift,
    WindowFactor,
    SackPermitted,
    SackCount,
    SackLeft,
    SackRight,
    TsValue,
    TsEcho,
    /// 1 when the segment has an option of this kind.
    Option(u8),
    Version,
    Ttl,
    Ttl4,
    Ttl6,
    Id,
    DontFragment,
    Ecn,
    AckRtt,
    HandshakeRtt,
    Rto,
    InFlight,
    DupAck,
    /// Some bytes of the header or what follows it, as one number.
    Raw {
        offset: u16,
        size: u8,
    },
}

/// A field whose values are addresses.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Address {
    pub end: End,
    /// Only addresses of this IP version.
    pub version: Option<u8>,
}

/// Which end of a segment.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum End {
    Src,
    Dst,
    Either,
}

/// A field that is a row of bytes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Bytes {
    Payload,
    Frame,
    Options,
}

/// What the numbers of a field count, for reading what they are compared with.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Unit {
    /// Up to this number.
    Count(u64),
    Port,
    /// Seconds, kept as nanoseconds.
    Seconds,
    /// Seconds since a start, or a date.
    Date,
    Flags,
    Status,
}

/// Up to four values of a field.
#[derive(Clone, Copy, Debug)]
pub struct Values<T> {
    values: [T; 4],
    len: usize,
}

impl<T: Copy> Values<T> {
    pub fn as_slice(&self) -> &[T] {
        self.values.get(..self.len).unwrap_or_default()
    }

    fn one(value: T) -> Self {
        Values { values: [value; 4], len: 1 }
    }

    fn two(first: T, second: T) -> Self {
        Values { values: [first, second, second, second], len: 2 }
    }

    fn maybe(value: Option<T>, none: T) -> Self {
        value.map_or(Values { values: [none; 4], len: 0 }, Values::one)
    }
}

/// Number of a checksum that waits for the device; Wireshark has none for it.
const UNFILLED: u64 = 5;

/// Checksum states and their numbers, the first three as in Wireshark.
pub const STATUS: &[(&str, u64)] =
    &[("bad", 0), ("good", 1), ("unverified", 2), ("unknown", 2), ("unfilled", UNFILLED)];

impl Number {
    pub fn unit(self) -> Unit {
        match self {
            Number::Frame => Unit::Count(u64::MAX),
            Number::Time => Unit::Date,
            Number::TimeRelative | Number::TimeDelta | Number::StreamTime | Number::StreamTimeDelta => Unit::Seconds,
            Number::AckRtt | Number::HandshakeRtt | Number::Rto => Unit::Seconds,
            Number::SrcPort | Number::DstPort | Number::Port => Unit::Port,
            Number::AllFlags | Number::Flags => Unit::Flags,
            Number::Checksum => Unit::Status,
            Number::Bits(mask) => Unit::Count(u64::from(mask >> mask.trailing_zeros())),
            Number::SackPermitted | Number::Option(_) | Number::DontFragment => Unit::Count(1),
            Number::Window | Number::Urgent | Number::Mss | Number::Id => Unit::Count(0xffff),
            Number::Ttl | Number::Ttl4 | Number::Ttl6 | Number::WindowShift | Number::HeaderLen => Unit::Count(0xff),
            Number::Ecn => Unit::Count(3),
            Number::Version => Unit::Count(15),
            Number::SackCount => Unit::Count(4),
            Number::Raw { size: 1, .. } => Unit::Count(0xff),
            Number::Raw { size: 2, .. } => Unit::Count(0xffff),
            _ => Unit::Count(0xffff_ffff),
        }
    }

    /// True when the number is known from the ends of the flow alone.
    pub fn is_flow(self) -> bool {
        matches!(self, Number::SrcPort | Number::DstPort | Number::Port | Number::Version)
    }

    /// True when the number is counted over the whole capture.
    pub fn is_counted(self) -> bool {
        matches!(self, Number::Frame | Number::Stream | Number::TimeRelative | Number::TimeDelta)
    }

    /// The values that a segment has.
    pub fn values(self, subject: &dyn Subject) -> Values<u64> {
        let segment = subject.segment();
        let header = &segment.header;
        let some = |value: Option<u64>| Values::maybe(value, 0);
        let wide = |value: Option<u32>| some(value.map(u64::from));
        let flags = || u16::from(segment.reserved & 0x0f) << 8 | u16::from(header.flags.0);
        let ttl = |wanted: bool| some(wanted.then_some(u64::from(segment.ttl)));
        match self {
            Number::Frame => Values::one(segment.frame),
            Number::FrameLen => wide(subject.frame_len()),
            Number::FrameCaptured => some(subject.frame_bytes().map(|bytes| bytes.len() as u64)),
            Number::Time => Values::one(segment.time.as_nanos()),
            Number::TimeRelative => some(subject.relative_time()),
            Number::TimeDelta => some(subject.delta_time()),
            Number::StreamTime => some(subject.stream_time()),
            Number::StreamTimeDelta => some(subject.stream_delta_time()),
            Number::Stream => wide(subject.stream()),
            Number::SrcPort => Values::one(u64::from(header.src_port)),
            Number::DstPort => Values::one(u64::from(header.dst_port)),
            Number::Port => Values::two(u64::from(header.src_port), u64::from(header.dst_port)),
            Number::Len => Values::one(u64::from(segment.len)),
            Number::Seq => wide(subject.relative_seq()),
            Number::SeqRaw => Values::one(u64::from(header.seq.0)),
            Number::NextSeq => wide(subject.relative_seq().map(|seq| seq.wrapping_add(segment.seq_len()))),
            Number::Ack => wide(subject.relative_ack()),
            Number::AckRaw => Values::one(u64::from(header.ack.0)),
            Number::HeaderLen => Values::one(20 + segment.option_bytes.len() as u64),
            Number::AllFlags => Values::one(u64::from(flags())),
            Number::Flags => Values::one(u64::from(header.flags.0)),
            Number::Bits(mask) => Values::one(u64::from((flags() & mask) >> mask.trailing_zeros())),
            Number::Window => Values::one(u64::from(header.window)),
            Number::ScaledWindow => some(subject.window()),
            Number::Urgent => Values::one(u64::from(header.urgent)),
            Number::Checksum => Values::one(match segment.checksum {
                Checksum::Bad => 0,
                Checksum::Good => 1,
                Checksum::Unknown => 2,
                Checksum::Unfilled => UNFILLED,
            }),
            Number::Mss => some(segment.options.mss.map(u64::from)),
            Number::WindowShift => some(segment.options.window_scale.map(u64::from)),
            // RFC 7323 section 2.3: a shift above 14 is used as 14.
            Number::WindowFactor => some(segment.options.window_scale.map(|shift| 1 << shift.min(14))),
            Number::SackPermitted => some(segment.options.sack_permitted.then_some(1)),
            Number::SackCount => some(match segment.options.sack.as_slice().len() {
                0 => None,
                count => Some(count as u64),
            }),
            Number::SackLeft | Number::SackRight => {
                let mut all = Values { values: [0; 4], len: 0 };
                for (value, block) in all.values.iter_mut().zip(segment.options.sack.as_slice()) {
                    *value = u64::from(if self == Number::SackLeft { block.left.0 } else { block.right.0 });
                    all.len += 1;
                }
                all
            }
            Number::TsValue => wide(segment.options.timestamps.map(|(value, _)| value)),
            Number::TsEcho => wide(segment.options.timestamps.map(|(_, echo)| echo)),
            Number::Option(kind) => some(has_option(segment.option_bytes, kind).then_some(1)),
            Number::Version => Values::one(if segment.src.is_ipv4() { 4 } else { 6 }),
            Number::Ttl => Values::one(u64::from(segment.ttl)),
            Number::Ttl4 => ttl(segment.src.is_ipv4()),
            Number::Ttl6 => ttl(segment.src.is_ipv6()),
            Number::Id => some(segment.src.is_ipv4().then_some(u64::from(segment.ip_id))),
            Number::DontFragment => some(segment.src.is_ipv4().then_some(u64::from(segment.dont_fragment))),
            Number::Ecn => Values::one(u64::from(segment.ecn.bits())),
            Number::AckRtt => some(subject.ack_rtt()),
            Number::HandshakeRtt => some(subject.handshake_rtt()),
            Number::Rto => some(subject.rto()),
            Number::InFlight => wide(subject.bytes_in_flight()),
            Number::DupAck => wide(subject.duplicate_ack_number()),
            Number::Raw { offset, size } => {
                let byte = |at: u16| raw_byte(subject, usize::from(at)).map(u64::from);
                let ends = offset..offset.saturating_add(u16::from(size));
                some(ends.into_iter().try_fold(0, |number, at| byte(at).map(|byte| number << 8 | byte)))
            }
        }
    }
}

impl Address {
    /// The values that a segment has.
    pub fn values(self, subject: &dyn Subject) -> Values<IpAddr> {
        let segment = subject.segment();
        let version = if segment.src.is_ipv4() { 4 } else { 6 };
        if self.version.is_some_and(|wanted| wanted != version) {
            return Values::maybe(None, segment.src);
        }
        match self.end {
            End::Src => Values::one(segment.src),
            End::Dst => Values::one(segment.dst),
            End::Either => Values::two(segment.src, segment.dst),
        }
    }
}

impl Bytes {
    /// The bytes that a segment has, if any.
    pub fn value(self, subject: &dyn Subject) -> Option<&[u8]> {
        match self {
            Bytes::Payload => Some(subject.segment().payload).filter(|bytes| !bytes.is_empty()),
            Bytes::Options => Some(subject.segment().option_bytes).filter(|bytes| !bytes.is_empty()),
            Bytes::Frame => subject.frame_bytes(),
        }
    }
}

/// Whether option bytes hold an option of a kind.
fn has_option(mut bytes: &[u8], wanted: u8) -> bool {
    while let [kind, rest @ ..] = bytes {
        if *kind == wanted {
            return true;
        }
        bytes = match (kind, rest) {
            (0, _) => return false,
            (1, rest) => rest,
            // A length below 2 would never end the walk.
            (_, [len, ..]) if *len >= 2 => bytes.get(usize::from(*len)..).unwrap_or_default(),
            _ => return false,
        };
    }
    false
}

/// A byte of the segment by its offset from the start of the TCP header. The checksum field was not kept.
fn raw_byte(subject: &dyn Subject, offset: usize) -> Option<u8> {
    let segment = subject.segment();
    let header = &segment.header;
    let part = |bytes: &[u8], start: usize| bytes.get(offset - start).copied();
    match offset {
        0..2 => part(&header.src_port.to_be_bytes(), 0),
        2..4 => part(&header.dst_port.to_be_bytes(), 2),
        4..8 => part(&header.seq.0.to_be_bytes(), 4),
        8..12 => part(&header.ack.0.to_be_bytes(), 8),
        12 => Some(((5 + segment.option_bytes.len() / 4) << 4) as u8 | (segment.reserved & 0x0f)),
        13 => Some(header.flags.0),
        14..16 => part(&header.window.to_be_bytes(), 14),
        16..18 => None,
        18..20 => part(&header.urgent.to_be_bytes(), 18),
        _ => {
            let after = offset - 20;
            let options = segment.option_bytes;
            options.get(after).or_else(|| segment.payload.get(after.checked_sub(options.len())?)).copied()
        }
    }
}
