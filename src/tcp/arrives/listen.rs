//! LISTEN (RFC 9293 section 3.10.7.2).

use crate::tcp::connection::Connection;
use crate::tcp::segment::{Disposition, Segment};
use crate::tcp::state::State;
use crate::time::Time;
use crate::wire::Flags;

/// What a segment means to LISTEN.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Case {
    /// "An incoming RST should be ignored", and whatever has neither SYN nor ACK nor RST.
    Ignore,
    /// "Any acknowledgment is bad": RST with SEQ=SEG.ACK.
    BadAck,
    /// A request.
    Syn,
}

pub fn judge(flags: Flags) -> Case {
    if flags.rst() {
        Case::Ignore
    } else if flags.ack() {
        Case::BadAck
    } else if flags.syn() {
        Case::Syn
    } else {
        Case::Ignore
    }
}

impl Connection {
    pub(super) fn arrives_in_listen(&mut self, now: Time, segment: &Segment<'_>) -> Disposition {
        match judge(segment.header.flags) {
            Case::Ignore => Disposition::Ignored,
            Case::BadAck => {
                self.reset = Some((segment.header.ack, None));
                Disposition::BadAck
            }
            Case::Syn => {
                self.agree(now, &segment.options, segment.header.seq);
                self.ecn.on_syn(segment.header.flags);
                // The window of a SYN is never scaled (RFC 7323 section 2.2). Text on the SYN is left for the
                // peer to send again, so that a forged SYN costs us no memory.
                self.set_window(u32::from(segment.header.window), segment);
                self.opening.due = true;
                self.go(State::SynReceived);
                Disposition::Accepted
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_order_of_the_checks_is_rst_ack_syn() {
        let table = [
            (Flags::RST, Case::Ignore),
            (Flags::RST | Flags::ACK | Flags::SYN, Case::Ignore),
            (Flags::ACK, Case::BadAck),
            (Flags::SYN | Flags::ACK, Case::BadAck),
            (Flags::SYN, Case::Syn),
            (Flags::SYN | Flags::FIN, Case::Syn),
            (Flags::FIN, Case::Ignore),
            (Flags::default(), Case::Ignore),
        ];
        for (flags, case) in table {
            assert_eq!(judge(flags), case, "[{flags}]");
        }
    }
}
