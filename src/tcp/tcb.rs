//! The sequence variables of a connection (RFC 9293 section 3.3.1), under their names there.

use crate::wire::SeqNum;

/// Send sequence variables.
#[derive(Clone, Debug)]
pub struct Snd {
    /// ISS: initial send sequence number.
    pub iss: SeqNum,
    /// SND.UNA: oldest unacknowledged.
    pub una: SeqNum,
    /// SND.NXT: next to be sent.
    pub nxt: SeqNum,
    /// The highest that was ever sent, one byte beyond SND.NXT after a window probe.
    pub max: SeqNum,
    /// SND.WND: what the peer offers, in bytes from SND.UNA.
    pub wnd: u32,
    /// The largest window the peer ever offered (section 3.8.6.2.1).
    pub max_wnd: u32,
    /// SND.WL1: sequence number of the segment that last updated the window.
    pub wl1: SeqNum,
    /// SND.WL2: its acknowledgment number.
    pub wl2: SeqNum,
    /// Snd.Wind.Shift: how the peer's window field is to be read (RFC 7323 section 2.2).
    pub shift: u8,
    /// The largest segment we may send, options included in it (section 3.7.1).
    pub mss: u16,
}

impl Snd {
    /// The right edge of the peer's window.
    pub fn edge(&self) -> SeqNum {
        self.una + self.wnd
    }

    /// Bytes of the peer's window that are free beyond SND.NXT.
    pub fn usable(&self) -> u32 {
        self.edge().offset_from(self.nxt).max(0) as u32
    }
}

/// Receive sequence variables. RCV.NXT itself follows from the receive buffer.
#[derive(Clone, Debug)]
pub struct Rcv {
    /// IRS: initial receive sequence number.
    pub irs: SeqNum,
    /// The right edge of the window that we have offered; it never moves back.
    pub adv: SeqNum,
    /// Rcv.Wind.Shift: how our window field is to be read.
    pub shift: u8,
    /// Where the peer's FIN stands in the stream, once seen.
    pub fin_at: Option<u64>,
    /// The FIN and all before it have arrived.
    pub fin_taken: bool,
    /// RCV.NXT in the last segment that we sent (RFC 7323's Last.ACK.sent).
    pub last_ack: SeqNum,
    /// The largest segment seen, for judging what "full-sized" is.
    pub mss_seen: u32,
}
