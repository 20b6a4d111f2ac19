//! LISTEN (RFC 9293 section 3.10.7.2).

use crate::tcp::connection::Connection;
use crate::tcp::segment::{Disposition, Segment};
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
            Case::Ignore => Disposition::Ignored("no request"),
            Case::BadAck => {
                self.reset = Some((segment.header.ack, None));
                Disposition::BadAck
            }
            Case::Syn => {
                self.on_syn(now, segment);
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
