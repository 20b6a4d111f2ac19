//! Explicit congestion notification (RFC 3168).

use crate::wire::{Ecn as Bits, Flags, SeqNum};

/// ECN of one connection, both roles.
#[derive(Clone, Debug)]
pub struct Ecn {
    /// The configuration offers it.
    wanted: bool,
    /// The configuration agrees to it.
    accepts: bool,
    /// Both ends agreed.
    agreed: bool,
    /// Receiver: a mark arrived, ECE is set until the sender answers with CWR (section 6.1.3).
    echo: bool,
    /// Sender: the window was reduced, the next new data says so (section 6.1.2).
    reduced: bool,
    /// Sender: an echo met a window of one segment, which cannot be halved: new data waits for the retransmission timer
    /// (section 6.1.2).
    pub holds: bool,
    /// Sender: echoes up to here are about what led to the last reduction.
    until: Option<SeqNum>,
}

impl Ecn {
    /// Not agreed yet.
    pub fn new(wanted: bool, accepts: bool) -> Self {
        Ecn { wanted, accepts, agreed: false, echo: false, reduced: false, holds: false, until: None }
    }

    /// Both ends agreed.
    pub fn agreed(&self) -> bool {
        self.agreed
    }

    /// Flags for a SYN. One that is sent again goes without, in case the first was dropped for them (section 6.1.1.1).
    pub fn syn_flags(&mut self, again: bool) -> Flags {
        if again {
            self.wanted = false;
        }
        if self.wanted { Flags::ECE | Flags::CWR } else { Flags::default() }
    }

    /// Flags for a SYN-ACK.
    pub fn syn_ack_flags(&self) -> Flags {
        Flags::default().with_if(self.agreed, Flags::ECE)
    }

    /// A SYN arrived (section 6.1.1: an ECN-setup SYN has both flags).
    pub fn on_syn(&mut self, flags: Flags) {
        self.agreed = self.accepts && flags.contains(Flags::ECE | Flags::CWR);
    }

    /// The peer's SYN came again: without the flags it has given ECN up, and so do we (section 6.1.1).
    pub fn on_syn_again(&mut self, flags: Flags) {
        self.agreed &= flags.contains(Flags::ECE | Flags::CWR);
    }

    /// A SYN-ACK arrived (an ECN-setup SYN-ACK has ECE alone).
    pub fn on_syn_ack(&mut self, flags: Flags) {
        self.agreed = self.wanted && flags.contains(Flags::ECE) && !flags.contains(Flags::CWR);
    }

    /// A segment arrived: notes the mark in its IP header and the sender's answer. True for a new mark.
    pub fn on_segment(&mut self, bits: Bits, flags: Flags) -> bool {
        if !self.agreed {
            return false;
        }
        if flags.contains(Flags::CWR) {
            self.echo = false;
        }
        let marked = bits == Bits::Ce;
        self.echo |= marked;
        marked
    }

    /// An acknowledgment up to `ack` arrived: whether it asks for a reduction, once per window (section 6.1.2).
    pub fn asks_reduction(&self, flags: Flags, ack: SeqNum) -> bool {
        self.agreed && flags.contains(Flags::ECE) && self.until.is_none_or(|until| ack.after(until))
    }

    /// Echoes are still about what led to the last reduction.
    pub fn is_reduced(&self, una: SeqNum) -> bool {
        self.until.is_some_and(|until| una.before(until))
    }

    /// SND.UNA moved: a mark that is left behind would come to lie ahead again after half a circle.
    pub fn on_progress(&mut self, una: SeqNum) {
        self.until = self.until.filter(|until| una.at_or_before(*until));
    }

    /// The window was reduced, for whatever reason, with `nxt` as SND.NXT.
    pub fn on_reduced(&mut self, nxt: SeqNum) {
        self.reduced = self.agreed;
        self.until = Some(nxt);
    }

    /// Flags for any segment after the handshake, and bits for its IP header. Only new data is ECN-capable
    /// (section 6.1.5: not retransmissions, and 6.1.4: not pure acknowledgments) and says CWR.
    pub fn mark(&mut self, new_data: bool) -> (Flags, Bits) {
        if !self.agreed {
            return (Flags::default(), Bits::NotEct);
        }
        let echo = Flags::default().with_if(self.echo, Flags::ECE);
        if !new_data {
            return (echo, Bits::NotEct);
        }
        let flags = echo.with_if(std::mem::take(&mut self.reduced), Flags::CWR);
        (flags, Bits::Ect0)
    }
}
