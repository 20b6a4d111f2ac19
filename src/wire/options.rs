//! TCP options: one by one as they stand on the wire, and as the set that a connection works with.
//!
//! [`options`] walks any option bytes and yields every option, known or not, or the error that stopped it.
//! [`TcpOptions`] is what the state machine reads and writes; [`OptionBytes`] is how options are laid out.

use super::error::Malformed;
use super::seq::SeqNum;
use super::tcp::MAX_OPTIONS;

/// Option kinds (IANA tcp-parameters).
mod kind {
    pub const END: u8 = 0;
    pub const NOP: u8 = 1;
    pub const MSS: u8 = 2;
    pub const WINDOW_SCALE: u8 = 3;
    pub const SACK_PERMITTED: u8 = 4;
    pub const SACK: u8 = 5;
    pub const TIMESTAMPS: u8 = 8;
    pub const MD5: u8 = 19;
    pub const USER_TIMEOUT: u8 = 28;
    pub const AO: u8 = 29;
    pub const FAST_OPEN: u8 = 34;
    pub const ACC_ECN_0: u8 = 172;
    pub const ACC_ECN_1: u8 = 174;
    pub const EXPERIMENT: u8 = 254;
}

/// RFC 7413 section 4.1.1, appendix: the experiment identifier of Fast Open before it had a kind of its own.
const FAST_OPEN_MAGIC: [u8; 2] = [0xf9, 0x89];

/// A block of received data: from `left` up to, not including, `right` (RFC 2018 section 3).
#[derive(Clone, Copy, Debug, PartialEq, Eq, Default, serde::Serialize, serde::Deserialize)]
pub struct SackBlock {
    /// First sequence number of the block.
    pub left: SeqNum,
    /// The one after its last.
    pub right: SeqNum,
}

/// Up to four SACK blocks, as many as fit the option space.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Default, serde::Serialize, serde::Deserialize)]
#[serde(into = "Vec<SackBlock>", from = "Vec<SackBlock>")]
pub struct SackBlocks {
    blocks: [SackBlock; 4],
    len: u8,
}

impl SackBlocks {
    /// Adds a block; false when there are four already.
    pub fn push(&mut self, block: SackBlock) -> bool {
        let Some(space) = self.blocks.get_mut(usize::from(self.len)) else { return false };
        *space = block;
        self.len += 1;
        true
    }

    /// The blocks in their order on the wire.
    pub fn as_slice(&self) -> &[SackBlock] {
        self.blocks.get(..usize::from(self.len)).unwrap_or_default()
    }

    /// True when there is none.
    pub fn is_empty(&self) -> bool {
        self.len == 0
    }
}

impl From<SackBlocks> for Vec<SackBlock> {
    fn from(blocks: SackBlocks) -> Self {
        blocks.as_slice().to_vec()
    }
}

/// Blocks beyond the fourth are left out.
impl From<Vec<SackBlock>> for SackBlocks {
    fn from(blocks: Vec<SackBlock>) -> Self {
        let mut all = SackBlocks::default();
        let _ = blocks.into_iter().all(|block| all.push(block));
        all
    }
}

/// One option as it stands on the wire.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum TcpOption<'a> {
    /// End of option list.
    End,
    /// No operation (padding).
    Nop,
    /// Maximum segment size (RFC 9293 section 3.7.1).
    Mss(u16),
    /// Window scale (RFC 7323 section 2.2); the shift as sent, which may exceed 14.
    WindowScale(u8),
    /// SACK permitted (RFC 2018 section 2).
    SackPermitted,
    /// SACK (RFC 2018 section 3).
    Sack(SackBlocks),
    /// Timestamps (RFC 7323 section 3.2).
    Timestamps {
        /// TSval.
        value: u32,
        /// TSecr.
        echo: u32,
    },
    /// TCP Fast Open cookie, empty for a request (RFC 7413 section 4.1.1).
    FastOpen {
        /// The cookie, 0 or 4 to 16 bytes.
        cookie: &'a [u8],
        /// True in the experimental form (kind 254).
        experimental: bool,
    },
    /// User timeout (RFC 5482 section 3).
    UserTimeout {
        /// True when the unit is minutes, else seconds.
        minutes: bool,
        /// 15 bits.
        value: u16,
    },
    /// TCP MD5 signature (RFC 2385 section 3), recognised and not verified.
    Md5(&'a [u8]),
    /// TCP authentication option (RFC 5925 section 2.2), recognised and not verified.
    Ao(&'a [u8]),
    /// Accurate ECN counters (RFC 9768 section 3.2.3).
    AccEcn {
        /// True for kind 174 (order 1), false for kind 172 (order 0).
        order_1: bool,
        /// Up to three 24-bit counters.
        counters: &'a [u8],
    },
    /// Anything else, kept as it is.
    Unknown {
        /// The option kind.
        kind: u8,
        /// What follows the length byte.
        data: &'a [u8],
    },
}

/// Walks option bytes. Yields each option up to the end of list; an option that cannot be read yields
/// one error and ends the walk, since nothing after it can be trusted.
pub fn options(bytes: &[u8]) -> impl Iterator<Item = Result<TcpOption<'_>, Malformed>> {
    let mut rest = bytes;
    std::iter::from_fn(move || {
        let option = next_option(&mut rest);
        if !matches!(option, Some(Ok(_))) {
            rest = &[];
        }
        option
    })
}

/// Every call shortens `rest` by at least one byte or ends, so no input loops.
fn next_option<'a>(rest: &mut &'a [u8]) -> Option<Result<TcpOption<'a>, Malformed>> {
    let (&kind, after_kind) = rest.split_first()?;
    match kind {
        kind::END => {
            *rest = &[];
            return Some(Ok(TcpOption::End));
        }
        kind::NOP => {
            *rest = after_kind;
            return Some(Ok(TcpOption::Nop));
        }
        _ => {}
    }
    let Some(&length) = after_kind.first() else {
        return Some(Err(Malformed::Truncated { what: "TCP option length", needed: 2, had: 1 }));
    };
    let length = usize::from(length);
    if length < 2 {
        return Some(Err(Malformed::Field {
            what: "TCP option length",
            offset: 1,
            value: length as u64,
            allowed: "at least 2",
        }));
    }
    let Some((option, after)) = rest.split_at_checked(length) else {
        return Some(Err(Malformed::Truncated { what: "TCP option", needed: length, had: rest.len() }));
    };
    *rest = after;
    Some(Ok(interpret(kind, option.get(2..).unwrap_or_default())))
}

/// An option of a known kind with a length that its kind does not allow is kept as unknown: RFC 9293
/// MUST-7 wants it skipped by its length, not the segment refused.
fn interpret(kind: u8, data: &[u8]) -> TcpOption<'_> {
    let unknown = TcpOption::Unknown { kind, data };
    match (kind, data.len()) {
        (kind::MSS, 2) => be_u16(data).map_or(unknown, TcpOption::Mss),
        (kind::WINDOW_SCALE, 1) => data.first().map_or(unknown, |shift| TcpOption::WindowScale(*shift)),
        (kind::SACK_PERMITTED, 0) => TcpOption::SackPermitted,
        (kind::SACK, 8 | 16 | 24 | 32) => {
            let mut blocks = SackBlocks::default();
            for (left, right) in data.as_chunks::<8>().0.iter().filter_map(|pair| be_u32_pair(pair)) {
                blocks.push(SackBlock { left: SeqNum(left), right: SeqNum(right) });
            }
            TcpOption::Sack(blocks)
        }
        (kind::TIMESTAMPS, 8) => {
            be_u32_pair(data).map_or(unknown, |(value, echo)| TcpOption::Timestamps { value, echo })
        }
        (kind::FAST_OPEN, 0 | 4..=16) => TcpOption::FastOpen { cookie: data, experimental: false },
        (kind::EXPERIMENT, 2 | 6..=18) if data.starts_with(&FAST_OPEN_MAGIC) => {
            TcpOption::FastOpen { cookie: data.get(2..).unwrap_or_default(), experimental: true }
        }
        (kind::USER_TIMEOUT, 2) => be_u16(data)
            .map_or(unknown, |field| TcpOption::UserTimeout { minutes: field & 0x8000 != 0, value: field & 0x7fff }),
        (kind::MD5, 16) => TcpOption::Md5(data),
        (kind::AO, 2..) => TcpOption::Ao(data),
        (kind::ACC_ECN_0, 0 | 3 | 6 | 9) => TcpOption::AccEcn { order_1: false, counters: data },
        (kind::ACC_ECN_1, 0 | 3 | 6 | 9) => TcpOption::AccEcn { order_1: true, counters: data },
        _ => unknown,
    }
}

fn be_u16(data: &[u8]) -> Option<u16> {
    data.first_chunk().map(|bytes| u16::from_be_bytes(*bytes))
}

fn be_u32_pair(data: &[u8]) -> Option<(u32, u32)> {
    let (first, rest) = data.split_first_chunk()?;
    Some((u32::from_be_bytes(*first), u32::from_be_bytes(*rest.first_chunk()?)))
}

/// Option bytes being laid out: at most 40, padded to a multiple of 4 when read.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct OptionBytes {
    bytes: [u8; MAX_OPTIONS],
    len: usize,
}

impl Default for OptionBytes {
    fn default() -> Self {
        OptionBytes { bytes: [0; MAX_OPTIONS], len: 0 }
    }
}

impl OptionBytes {
    /// No options.
    pub fn new() -> Self {
        OptionBytes::default()
    }

    /// Bytes still free.
    pub fn room(&self) -> usize {
        MAX_OPTIONS - self.len
    }

    /// Appends an option; when it does not fit, nothing is written and the numbers are returned.
    pub fn push(&mut self, option: TcpOption<'_>) -> Result<(), Malformed> {
        let (kind, data): (u8, &[u8]) = match &option {
            TcpOption::End => return self.raw(&[kind::END]),
            TcpOption::Nop => return self.raw(&[kind::NOP]),
            TcpOption::Mss(mss) => return self.raw_with(kind::MSS, &mss.to_be_bytes()),
            TcpOption::WindowScale(shift) => return self.raw_with(kind::WINDOW_SCALE, &[*shift]),
            TcpOption::SackPermitted => (kind::SACK_PERMITTED, &[]),
            TcpOption::Sack(blocks) => {
                let mut data = [0u8; 32];
                let edges = blocks.as_slice().iter().flat_map(|block| [block.left.0, block.right.0]);
                for (space, edge) in data.as_chunks_mut::<4>().0.iter_mut().zip(edges) {
                    *space = edge.to_be_bytes();
                }
                let len = 8 * blocks.as_slice().len();
                return self.raw_with(kind::SACK, data.get(..len).unwrap_or_default());
            }
            TcpOption::Timestamps { value, echo } => {
                let both = u64::from(*value) << 32 | u64::from(*echo);
                return self.raw_with(kind::TIMESTAMPS, &both.to_be_bytes());
            }
            TcpOption::FastOpen { cookie, experimental: false } => (kind::FAST_OPEN, cookie),
            TcpOption::FastOpen { cookie, experimental: true } => {
                let mut data = [0u8; 18];
                for (space, byte) in data.iter_mut().zip(FAST_OPEN_MAGIC.iter().chain(*cookie)) {
                    *space = *byte;
                }
                return self.raw_with(kind::EXPERIMENT, data.get(..2 + cookie.len()).unwrap_or_default());
            }
            TcpOption::UserTimeout { minutes, value } => {
                let field = u16::from(*minutes) << 15 | value & 0x7fff;
                return self.raw_with(kind::USER_TIMEOUT, &field.to_be_bytes());
            }
            TcpOption::Md5(digest) => (kind::MD5, digest),
            TcpOption::Ao(data) => (kind::AO, data),
            TcpOption::AccEcn { order_1: false, counters } => (kind::ACC_ECN_0, counters),
            TcpOption::AccEcn { order_1: true, counters } => (kind::ACC_ECN_1, counters),
            TcpOption::Unknown { kind, data } => (*kind, data),
        };
        self.raw_with(kind, data)
    }

    /// The bytes, padded with no-operations to a multiple of 4.
    pub fn as_slice(&self) -> &[u8] {
        self.bytes.get(..self.len.next_multiple_of(4)).unwrap_or_default()
    }

    fn raw_with(&mut self, kind: u8, data: &[u8]) -> Result<(), Malformed> {
        let length = 2 + data.len();
        if self.room() < length {
            return Err(Malformed::Truncated { what: "TCP option space", needed: length, had: self.room() });
        }
        self.raw(&[kind, length as u8])?;
        self.raw(data)
    }

    fn raw(&mut self, bytes: &[u8]) -> Result<(), Malformed> {
        let had = self.room();
        let end = self.len + bytes.len();
        let Some(space) = self.bytes.get_mut(self.len..end) else {
            return Err(Malformed::Truncated { what: "TCP option space", needed: bytes.len(), had });
        };
        space.copy_from_slice(bytes);
        self.len = end;
        // Padding is no-operation, not end of list: some receivers stop reading the header there.
        for pad in self.bytes.iter_mut().skip(end).take(end.next_multiple_of(4) - end) {
            *pad = kind::NOP;
        }
        Ok(())
    }
}

/// The options that a connection's state machine reads from and writes to a segment.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Default)]
pub struct TcpOptions {
    /// Maximum segment size.
    pub mss: Option<u16>,
    /// Window scale shift.
    pub window_scale: Option<u8>,
    /// SACK permitted.
    pub sack_permitted: bool,
    /// SACK blocks.
    pub sack: SackBlocks,
    /// TSval and TSecr.
    pub timestamps: Option<(u32, u32)>,
}

impl TcpOptions {
    /// Collects the options of a segment. The first of a kind counts; after an option that cannot be
    /// read the rest is ignored, as the kernel does.
    #[inline]
    pub fn parse(bytes: &[u8]) -> Self {
        let mut all = TcpOptions::default();
        // The layout nearly every segment of a connection has, recognised without the walk (RFC 7323 appendix A).
        if let [1, 1, kind::TIMESTAMPS, 10, rest @ ..] = bytes
            && rest.len() == 8
        {
            all.timestamps = be_u32_pair(rest);
            return all;
        }
        for option in options(bytes).map_while(Result::ok) {
            match option {
                TcpOption::Mss(mss) => all.mss = all.mss.or(Some(mss)),
                TcpOption::WindowScale(shift) => all.window_scale = all.window_scale.or(Some(shift)),
                TcpOption::SackPermitted => all.sack_permitted = true,
                TcpOption::Sack(blocks) if all.sack.is_empty() => all.sack = blocks,
                TcpOption::Timestamps { value, echo } => {
                    all.timestamps = all.timestamps.or(Some((value, echo)));
                }
                _ => {}
            }
        }
        all
    }

    /// Lays the options out in the order that Linux uses, aligned as RFC 7323 appendix A advises. SACK
    /// blocks beyond the space left are dropped from the end: the first ones matter most (RFC 2018 section 4).
    pub fn to_bytes(&self) -> OptionBytes {
        let mut out = OptionBytes::new();
        let mut push = |option| {
            // Everything below together needs at most 40 bytes; what does not fit is left out.
            let _ = out.push(option);
            out.room()
        };
        if let Some(mss) = self.mss {
            push(TcpOption::Mss(mss));
        }
        if let Some((value, echo)) = self.timestamps {
            if self.sack_permitted {
                push(TcpOption::SackPermitted);
            } else {
                push(TcpOption::Nop);
                push(TcpOption::Nop);
            }
            push(TcpOption::Timestamps { value, echo });
        } else if self.sack_permitted {
            push(TcpOption::Nop);
            push(TcpOption::Nop);
            push(TcpOption::SackPermitted);
        }
        if let Some(shift) = self.window_scale {
            push(TcpOption::Nop);
            push(TcpOption::WindowScale(shift));
        }
        if !self.sack.is_empty() {
            push(TcpOption::Nop);
            let room = push(TcpOption::Nop);
            let mut fitting = SackBlocks::default();
            for block in self.sack.as_slice().iter().take(room.saturating_sub(2) / 8) {
                fitting.push(*block);
            }
            push(TcpOption::Sack(fitting));
        }
        out
    }
}

#[cfg(test)]
mod tests;
