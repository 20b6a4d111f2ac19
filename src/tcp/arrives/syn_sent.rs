//! SYN-SENT (RFC 9293 section 3.10.7.3).

use crate::tcp::connection::Connection;
use crate::tcp::error::CloseReason;
use crate::tcp::segment::{Disposition, Reason, Segment};
use crate::tcp::tcb::Snd;
use crate::time::Time;
use crate::wire::TcpHeader;

/// What a segment means to SYN-SENT.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Case {
    /// An acknowledgment of something we never sent: RST with SEQ=SEG.ACK, unless it is a RST itself.
    BadAck,
    /// A RST that acknowledges our SYN: refused.
    Refused,
    /// Our SYN is acknowledged by a SYN.
    SynAck,
    /// A SYN alone: simultaneous open.
    Syn,
    /// Anything else.
    Ignore,
}

pub fn judge(snd: &Snd, header: &TcpHeader) -> Case {
    let flags = header.flags;
    // First: "If SEG.ACK =< ISS or SEG.ACK > SND.NXT".
    if flags.ack() && (header.ack.at_or_before(snd.iss) || header.ack.after(snd.max)) {
        return if flags.rst() { Case::Ignore } else { Case::BadAck };
    }
    // Second: a RST counts only with an acceptable acknowledgment (RFC 5961 section 3.2).
    if flags.rst() {
        return if flags.ack() { Case::Refused } else { Case::Ignore };
    }
    match (flags.syn(), flags.ack()) {
        (true, true) => Case::SynAck,
        (true, false) => Case::Syn,
        _ => Case::Ignore,
    }
}

impl Connection {
    pub(super) fn arrives_in_syn_sent(&mut self, now: Time, segment: &Segment<'_>) -> Disposition {
        match judge(&self.snd, &segment.header) {
            Case::Ignore => Disposition::Ignored("no answer to our SYN"),
            Case::BadAck => {
                self.stats.unacceptable_in += 1;
                self.reset = Some((segment.header.ack, None));
                Disposition::BadAck
            }
            Case::Refused => {
                self.end(CloseReason::Refused);
                Disposition::Reset
            }
            Case::SynAck => {
                self.agree(now, &segment.options, segment.header.seq);
                self.ecn.on_syn_ack(segment.header.flags);
                self.set_window(u32::from(segment.header.window), segment);
                self.establish(now, segment);
                self.acks.now(Reason::Ack);
                // Text or a FIN that came with the SYN-ACK.
                let mut rest = *segment;
                rest.header.seq += 1;
                rest.header.flags = rest.header.flags.without(crate::wire::Flags::SYN);
                if rest.is_empty() { Disposition::Accepted } else { self.apply_text(now, &rest) }
            }
            Case::Syn => {
                self.on_syn(now, segment);
                // Our SYN-ACK is the first of its kind, for retries and for the round-trip time.
                self.opening.sends = 0;
                self.opening.timeouts = 0;
                self.opening.sent = None;
                Disposition::Accepted
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::wire::{Flags, SeqNum};

    #[test]
    fn the_order_of_the_checks_is_ack_rst_syn() {
        let iss = SeqNum(u32::MAX);
        let snd = Snd {
            iss,
            una: iss,
            nxt: iss + 1,
            max: iss + 1,
            wnd: 0,
            max_wnd: 0,
            wl1: SeqNum(0),
            wl2: SeqNum(0),
            shift: 0,
            mss: 536,
        };
        let syn_ack = Flags::SYN | Flags::ACK;
        let rst_ack = Flags::RST | Flags::ACK;
        let table = [
            (syn_ack, iss + 1, Case::SynAck),
            (syn_ack, iss, Case::BadAck),
            (syn_ack, iss + 2, Case::BadAck),
            (rst_ack, iss + 1, Case::Refused),
            (rst_ack, iss + 2, Case::Ignore),
            (Flags::RST, SeqNum(0), Case::Ignore),
            (Flags::SYN, SeqNum(0), Case::Syn),
            (Flags::ACK, iss + 1, Case::Ignore),
            (Flags::FIN, SeqNum(0), Case::Ignore),
        ];
        for (flags, ack, case) in table {
            let header = TcpHeader { flags, ack, ..Default::default() };
            assert_eq!(judge(&snd, &header), case, "[{flags}] ack {ack}");
        }
    }
}
