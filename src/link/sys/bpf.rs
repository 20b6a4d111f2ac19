//! Classic BPF instructions, for filters built elsewhere.

pub use libc::sock_filter as Instruction;

/// Where the network header starts, for absolute loads (SKF_NET_OFF): independent of the link layer.
pub const NET: u32 = -0x10_0000i32 as u32;

/// Where a packet's type (PACKET_*) is, for absolute loads (SKF_AD_OFF + SKF_AD_PKTTYPE).
pub const PACKET_TYPE: u32 = -0x1000i32 as u32 + 4;

/// Where the link layer's protocol (ETH_P_*) is, for absolute loads (SKF_AD_OFF + SKF_AD_PROTOCOL).
pub const PROTOCOL: u32 = -0x1000i32 as u32;

/// An instruction.
pub const fn op(code: u16, k: u32) -> Instruction {
    Instruction { code, jt: 0, jf: 0, k }
}

/// A jump: `jt` instructions further when true, `jf` when false.
pub const fn jump(code: u16, k: u32, jt: u8, jf: u8) -> Instruction {
    Instruction { code, jt, jf, k }
}

/// `A = byte at k`.
pub const LOAD_BYTE: u16 = 0x30;
/// `A = 16 bits at k`.
pub const LOAD_HALF: u16 = 0x28;
/// `A = byte at X + k`.
pub const LOAD_BYTE_INDEXED: u16 = 0x50;
/// `A = 16 bits at X + k`.
pub const LOAD_HALF_INDEXED: u16 = 0x48;
/// `A = A & k`.
pub const AND: u16 = 0x54;
/// `A = A << k`.
pub const SHIFT_LEFT: u16 = 0x64;
/// `X = A`.
pub const TO_INDEX: u16 = 0x07;
/// Is `A == k`?
pub const EQUALS: u16 = 0x15;
/// Is `A >= k`?
pub const AT_LEAST: u16 = 0x35;
/// Is `A & k != 0`?
pub const HAS_BITS: u16 = 0x45;
/// Takes `k` bytes of the packet; 0 drops it.
pub const RETURN: u16 = 0x06;
