//! The TCP header (RFC 9293 section 3.1).

use std::fmt;
use std::net::IpAddr;
use std::ops::BitOr;

use pnet::packet::tcp::{MutableTcpPacket, TcpPacket as View};

use super::checksum;
use super::error::{Malformed, take};
use super::ip::Protocol;
use super::seq::SeqNum;

/// Bytes of a TCP header without options.
pub const TCP_HEADER: usize = 20;
/// Bytes that options can take: the data offset counts 15 words at most.
pub const MAX_OPTIONS: usize = 40;

/// The control bits, ACK and so on.
#[derive(Clone, Copy, PartialEq, Eq, Default)]
pub struct Flags(pub u8);

impl Flags {
    /// No more data from the sender.
    pub const FIN: Flags = Flags(0x01);
    /// Synchronise sequence numbers.
    pub const SYN: Flags = Flags(0x02);
    /// Reset the connection.
    pub const RST: Flags = Flags(0x04);
    /// Push.
    pub const PSH: Flags = Flags(0x08);
    /// The acknowledgment field counts.
    pub const ACK: Flags = Flags(0x10);
    /// The urgent pointer counts.
    pub const URG: Flags = Flags(0x20);
    /// ECN echo (RFC 3168 section 6.1).
    pub const ECE: Flags = Flags(0x40);
    /// Congestion window reduced (RFC 3168 section 6.1).
    pub const CWR: Flags = Flags(0x80);

    /// True when all bits of `other` are set.
    pub const fn contains(self, other: Flags) -> bool {
        self.0 & other.0 == other.0
    }

    /// These bits without those of `other`.
    pub const fn without(self, other: Flags) -> Flags {
        Flags(self.0 & !other.0)
    }

    /// These bits, with those of `other` when `condition` holds.
    pub const fn with_if(self, condition: bool, other: Flags) -> Flags {
        if condition { Flags(self.0 | other.0) } else { self }
    }

    /// SYN is set.
    pub const fn syn(self) -> bool {
        self.contains(Flags::SYN)
    }
    /// ACK is set.
    pub const fn ack(self) -> bool {
        self.contains(Flags::ACK)
    }
    /// FIN is set.
    pub const fn fin(self) -> bool {
        self.contains(Flags::FIN)
    }
    /// RST is set.
    pub const fn rst(self) -> bool {
        self.contains(Flags::RST)
    }
}

impl BitOr for Flags {
    type Output = Flags;
    fn bitor(self, other: Flags) -> Flags {
        Flags(self.0 | other.0)
    }
}

/// tcpdump's letters: `S`, `F`, `R`, `P`, `.` for ACK, `U`, `E`, `W`; `none` without any.
impl fmt::Display for Flags {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if self.0 == 0 {
            return f.write_str("none");
        }
        let letters = [
            (Flags::FIN, "F"),
            (Flags::SYN, "S"),
            (Flags::RST, "R"),
            (Flags::PSH, "P"),
            (Flags::ACK, "."),
            (Flags::URG, "U"),
            (Flags::ECE, "E"),
            (Flags::CWR, "W"),
        ];
        letters.iter().filter(|(flag, _)| self.contains(*flag)).try_for_each(|(_, letter)| f.write_str(letter))
    }
}

impl fmt::Debug for Flags {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

/// The fixed part of a TCP header.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Default)]
pub struct TcpHeader {
    /// Source port.
    pub src_port: u16,
    /// Destination port.
    pub dst_port: u16,
    /// SEG.SEQ.
    pub seq: SeqNum,
    /// SEG.ACK; meaningful when the ACK bit is set.
    pub ack: SeqNum,
    /// Control bits.
    pub flags: Flags,
    /// The window field as it stands, unscaled.
    pub window: u16,
    /// The urgent pointer.
    pub urgent: u16,
}

/// A TCP segment, read: header, raw options, payload.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct TcpPacket<'a> {
    /// The fixed header.
    pub header: TcpHeader,
    /// The option bytes, for [`super::options::options`].
    pub options: &'a [u8],
    /// The segment text.
    pub payload: &'a [u8],
    /// The checksum field.
    pub checksum: u16,
}

impl<'a> TcpPacket<'a> {
    /// Reads a segment from an IP payload. The checksum is not verified here.
    pub fn parse(bytes: &'a [u8]) -> Result<Self, Malformed> {
        Ok(TcpPacket::read(bytes, TcpPacket::data_offset(bytes)?))
    }

    /// Where the payload of a segment starts: what of it must be checked before the rest can be read.
    #[inline]
    pub fn data_offset(bytes: &[u8]) -> Result<usize, Malformed> {
        let &byte = take(bytes, TCP_HEADER, "TCP header")?.get(12).unwrap_or(&0);
        let words = byte >> 4;
        if usize::from(words) * 4 < TCP_HEADER {
            return Err(Malformed::Field {
                what: "TCP data offset",
                offset: 12,
                value: u64::from(words),
                allowed: "5 to 15 words",
            });
        }
        Ok(take(bytes, usize::from(words) * 4, "TCP header with options")?.len())
    }

    /// Reads a segment whose payload starts at `offset`. Where bytes are missing, it is as if they were 0.
    #[inline]
    pub fn read(bytes: &'a [u8], offset: usize) -> Self {
        let zeros = [0; TCP_HEADER];
        let fixed: &[u8; TCP_HEADER] = bytes.first_chunk().unwrap_or(&zeros);
        let [s0, s1, d0, d1, q0, q1, q2, q3, a0, a1, a2, a3, _, flags, w0, w1, c0, c1, u0, u1] = *fixed;
        TcpPacket {
            header: TcpHeader {
                src_port: u16::from_be_bytes([s0, s1]),
                dst_port: u16::from_be_bytes([d0, d1]),
                seq: SeqNum(u32::from_be_bytes([q0, q1, q2, q3])),
                ack: SeqNum(u32::from_be_bytes([a0, a1, a2, a3])),
                flags: Flags(flags),
                window: u16::from_be_bytes([w0, w1]),
                urgent: u16::from_be_bytes([u0, u1]),
            },
            options: bytes.get(TCP_HEADER..offset).unwrap_or_default(),
            payload: bytes.get(offset..).unwrap_or_default(),
            checksum: u16::from_be_bytes([c0, c1]),
        }
    }

    /// SEG.LEN: payload plus one each for SYN and FIN (RFC 9293 section 3.4).
    pub fn seq_len(&self) -> u32 {
        let flags = self.header.flags;
        self.payload.len() as u32 + u32::from(flags.syn()) + u32::from(flags.fin())
    }
}

/// Checks the checksum of the TCP segment in `bytes` (MUST-3).
#[inline]
pub fn verify(src: IpAddr, dst: IpAddr, bytes: &[u8]) -> Result<(), Malformed> {
    let mut sum = checksum::pseudo_header(src, dst, Protocol::TCP.0, bytes.len());
    sum.add(bytes);
    match sum.finish() {
        0 => Ok(()),
        _ => Err(Malformed::Checksum { what: "TCP", found: View::new(bytes).map_or(0, |view| view.get_checksum()) }),
    }
}

impl TcpHeader {
    /// Appends header and options with a checksum field of zero. `options` is a multiple of 4 bytes, at most 40.
    pub fn write(&self, options: &[u8], out: &mut Vec<u8>) {
        let start = out.len();
        out.resize(start + TCP_HEADER, 0);
        let Some(space) = out.get_mut(start..) else { return };
        let Some(mut view) = MutableTcpPacket::new(space) else { return };
        view.set_source(self.src_port);
        view.set_destination(self.dst_port);
        view.set_sequence(self.seq.0);
        view.set_acknowledgement(self.ack.0);
        view.set_data_offset(((TCP_HEADER + options.len()) / 4) as u8);
        view.set_flags(self.flags.0);
        view.set_window(self.window);
        view.set_urgent_ptr(self.urgent);
        out.extend_from_slice(options);
    }

    /// Stores `checksum` in the header that starts at `start` of `out`.
    pub fn store_checksum(checksum: u16, start: usize, out: &mut [u8]) {
        if let Some(mut view) = out.get_mut(start..).and_then(MutableTcpPacket::new) {
            view.set_checksum(checksum);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn what_is_written_reads_back() {
        let header = TcpHeader {
            src_port: 80,
            dst_port: 40_000,
            seq: SeqNum(0xffff_fff0),
            ack: SeqNum(7),
            flags: Flags::ACK | Flags::PSH | Flags::ECE,
            window: 0xfedc,
            urgent: 3,
        };
        let mut bytes = Vec::new();
        header.write(&[1, 1, 1, 0], &mut bytes);
        bytes.extend_from_slice(b"text");
        let read = TcpPacket::parse(&bytes).unwrap();
        assert_eq!((read.header, read.options, read.payload), (header, &[1, 1, 1, 0][..], &b"text"[..]));
        assert_eq!(header.flags.to_string(), "P.E");
    }

    #[test]
    fn a_data_offset_of_3_is_refused_with_its_numbers() {
        let mut bytes = Vec::new();
        TcpHeader::default().write(&[], &mut bytes);
        bytes[12] = 3 << 4;
        let error = TcpPacket::parse(&bytes).unwrap_err();
        assert_eq!(error.to_string(), "TCP data offset (offset 12) says 3, must be 5 to 15 words");
        bytes[12] = 6 << 4;
        let error = TcpPacket::parse(&bytes).unwrap_err();
        assert_eq!(error.to_string(), "TCP header with options needs 24 bytes, 20 are there");
    }

    proptest! {
        #[test]
        fn no_bytes_panic(bytes: Vec<u8>) {
            let _ = TcpPacket::parse(&bytes);
            let _ = verify([1, 2, 3, 4].into(), [5, 6, 7, 8].into(), &bytes);
        }
    }
}
