//! RST and SYN within the window: believed, challenged or passed on (RFC 5961 sections 3 and 4).

use crate::tcp::connection::Connection;
use crate::tcp::error::CloseReason;
use crate::tcp::segment::Disposition;
use crate::tcp::state::State;
use crate::wire::{SeqNum, TcpHeader};

/// What RST and SYN mean for a segment in the window.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ResetVerdict {
    /// Neither is set.
    None,
    /// A RST exactly at RCV.NXT.
    Reset,
    /// A RST elsewhere in the window, or a SYN: the peer is asked to confirm.
    Challenge,
    /// A RST at the window's right edge, where only an acknowledgment may stand.
    Outside,
}

pub fn judge(rcv_nxt: SeqNum, rcv_wnd: u32, header: &TcpHeader) -> ResetVerdict {
    let flags = header.flags;
    if flags.rst() {
        if rcv_wnd > 0 && header.seq == rcv_nxt + rcv_wnd {
            return ResetVerdict::Outside;
        }
        return if header.seq == rcv_nxt { ResetVerdict::Reset } else { ResetVerdict::Challenge };
    }
    if flags.syn() { ResetVerdict::Challenge } else { ResetVerdict::None }
}

impl Connection {
    pub(super) fn on_reset(&mut self) -> Disposition {
        match self.state {
            State::SynReceived if self.opening.active => self.end(CloseReason::Refused),
            // Both sides had closed: what RST says is known. TIME-WAIT ends by it as well (section 3.10.7.4), not as
            // RFC 1337 proposes: a peer that opens anew between the same ends, with a SYN that is not surely newer,
            // answers our challenge by this RST, and could not be let in for two MSL. That an old duplicate does it is
            // unlikely since only the exact number counts (RFC 5961 section 3.2).
            State::Closing | State::LastAck | State::TimeWait => self.end(CloseReason::Done),
            _ => self.end(CloseReason::Reset),
        }
        Disposition::Reset
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::wire::Flags;

    #[test]
    fn only_the_exact_sequence_number_resets() {
        let nxt = SeqNum(5);
        let table = [
            (Flags::RST, 5, ResetVerdict::Reset),
            (Flags::RST | Flags::ACK, 5, ResetVerdict::Reset),
            (Flags::RST, 6, ResetVerdict::Challenge),
            (Flags::SYN, 5, ResetVerdict::Challenge),
            (Flags::SYN | Flags::ACK, 6, ResetVerdict::Challenge),
            (Flags::ACK, 5, ResetVerdict::None),
            (Flags::RST, 14, ResetVerdict::Challenge),
            (Flags::RST, 15, ResetVerdict::Outside),
        ];
        for (flags, seq, verdict) in table {
            let header = TcpHeader { flags, seq: SeqNum(seq), ..Default::default() };
            assert_eq!(judge(nxt, 10, &header), verdict, "[{flags}] seq {seq}");
        }
    }
}
