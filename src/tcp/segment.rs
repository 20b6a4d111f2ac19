//! Segments as the state machine sees them: what arrives, what leaves and why.

use std::fmt;

use crate::time::Time;
use crate::wire::options::OptionBytes;
use crate::wire::{Ecn, Flags, Payload, SeqNum, TcpHeader, TcpOptions};

/// A segment that arrived, checked and taken apart.
#[derive(Clone, Copy, Debug)]
pub struct Segment<'a> {
    /// The fixed header.
    pub header: TcpHeader,
    /// The options that a connection works with.
    pub options: TcpOptions,
    /// The segment text.
    pub payload: &'a [u8],
    /// ECN bits of the IP header.
    pub ecn: Ecn,
    /// When the packet arrived, for round-trip times; not later than `now`.
    pub arrived: Time,
}

impl Segment<'_> {
    /// SEG.LEN: payload plus one each for SYN and FIN.
    pub fn len(&self) -> u32 {
        let flags = self.header.flags;
        self.payload.len() as u32 + u32::from(flags.syn()) + u32::from(flags.fin())
    }

    /// True when the segment takes no sequence space.
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// The sequence number after the segment.
    pub fn end(&self) -> SeqNum {
        self.header.seq + self.len()
    }
}

/// A segment that leaves, perhaps many packets long.
#[derive(Clone, Debug)]
pub struct Transmit {
    /// The fixed header of the first packet.
    pub header: TcpHeader,
    /// Option bytes.
    pub options: OptionBytes,
    /// What is carried.
    pub payload: Payload,
    /// Payload bytes per packet.
    pub segment_size: usize,
    /// ECN bits for the IP header.
    pub ecn: Ecn,
    /// Why it is sent.
    pub reason: Reason,
}

/// Why a segment is sent.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Reason {
    /// To open.
    Syn,
    /// The SYN or its acknowledgment, again.
    SynRetransmit,
    /// New data.
    Data,
    /// New data during recovery or on the first duplicate acknowledgments (RFC 3042).
    LimitedTransmit,
    /// Our side is closed.
    Fin,
    /// Duplicate acknowledgments or SACK blocks say that it is lost.
    FastRetransmit,
    /// The retransmission timer expired.
    TimeoutRetransmit,
    /// Recovery would stall without it (RFC 6675 section 4, NextSeg rules 3 and 4).
    RescueRetransmit,
    /// The path carries only smaller packets.
    MtuRetransmit,
    /// The window is closed or too small.
    WindowProbe,
    /// Is the peer still there?
    KeepAlive,
    /// Data arrived.
    Ack,
    /// Data arrived out of order or twice.
    DuplicateAck,
    /// The window grew.
    WindowUpdate,
    /// A segment arrived that should not have (RFC 5961, RFC 9293 section 3.10.7.4).
    ChallengeAck,
    /// The connection is over.
    Reset,
}

impl Reason {
    /// Bytes are sent that were sent before.
    pub const fn is_retransmission(self) -> bool {
        matches!(
            self,
            Reason::SynRetransmit
                | Reason::FastRetransmit
                | Reason::TimeoutRetransmit
                | Reason::RescueRetransmit
                | Reason::MtuRetransmit
        )
    }
}

impl fmt::Display for Reason {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Reason::Syn => "opens",
            Reason::SynRetransmit => "opens again after a timeout",
            Reason::Data => "data",
            Reason::LimitedTransmit => "data (limited transmit)",
            Reason::Fin => "closes",
            Reason::FastRetransmit => "fast retransmit",
            Reason::TimeoutRetransmit => "retransmit after a timeout",
            Reason::RescueRetransmit => "rescue retransmit",
            Reason::MtuRetransmit => "retransmit for a smaller MTU",
            Reason::WindowProbe => "window probe",
            Reason::KeepAlive => "keep-alive",
            Reason::Ack => "ack",
            Reason::DuplicateAck => "duplicate ack",
            Reason::WindowUpdate => "window update",
            Reason::ChallengeAck => "challenge ack",
            Reason::Reset => "reset",
        })
    }
}

/// What became of a segment that arrived.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Disposition {
    /// Taken.
    Accepted,
    /// Its text lies beyond a hole and is kept.
    OutOfOrder,
    /// Its text was here before.
    Duplicate,
    /// It lies outside the window (RFC 9293 section 3.4).
    OutsideWindow,
    /// Its timestamp is older than what came before (RFC 7323 section 5).
    Paws,
    /// Its acknowledgment is of something never sent, or too old (RFC 5961 section 5).
    BadAck,
    /// It was answered by a challenge ACK (RFC 5961).
    Challenged,
    /// It reset the connection.
    Reset,
    /// It has no place here and was dropped, for this reason.
    Ignored(&'static str),
}

impl fmt::Display for Disposition {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Disposition::Accepted => "accepted",
            Disposition::OutOfOrder => "out of order, kept",
            Disposition::Duplicate => "duplicate",
            Disposition::OutsideWindow => "outside the window, dropped",
            Disposition::Paws => "old timestamp, dropped",
            Disposition::BadAck => "impossible acknowledgment, dropped",
            Disposition::Challenged => "challenged",
            Disposition::Reset => "reset the connection",
            Disposition::Ignored(why) => return write!(f, "ignored: {why}"),
        })
    }
}

/// The answer to a segment for which there is no connection (RFC 9293 section 3.10.7.1): the reset to send,
/// ports already swapped. None for a segment that is itself a reset.
pub fn reset_for(header: &TcpHeader, len: u32) -> Option<TcpHeader> {
    if header.flags.rst() {
        return None;
    }
    let reply = TcpHeader { src_port: header.dst_port, dst_port: header.src_port, ..TcpHeader::default() };
    Some(if header.flags.ack() {
        TcpHeader { seq: header.ack, flags: Flags::RST, ..reply }
    } else {
        TcpHeader { seq: SeqNum(0), ack: header.seq + len, flags: Flags::RST | Flags::ACK, ..reply }
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_segment_to_nobody_is_answered_so_that_its_sender_believes_the_reset() {
        let header = TcpHeader { src_port: 1, dst_port: 2, seq: SeqNum(100), ack: SeqNum(7), ..Default::default() };
        let with = |flags| TcpHeader { flags, ..header };
        let reset = reset_for(&with(Flags::SYN), 1).unwrap();
        assert_eq!((reset.seq, reset.ack, reset.flags), (SeqNum(0), SeqNum(101), Flags::RST | Flags::ACK));
        assert_eq!((reset.src_port, reset.dst_port), (2, 1));
        let reset = reset_for(&with(Flags::ACK), 0).unwrap();
        assert_eq!((reset.seq, reset.flags), (SeqNum(7), Flags::RST));
        assert_eq!(reset_for(&with(Flags::RST), 0), None);
    }
}
