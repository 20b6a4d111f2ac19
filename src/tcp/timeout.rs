//! What each timer does when it is due (RFC 9293 section 3.10.8).

use std::time::Duration;

use super::connection::Connection;
use super::error::CloseReason;
use super::segment::Reason;
use super::state::State;
use super::timers::Timer;
use crate::time::Time;
use crate::wire::icmp::{self, IcmpKind};

/// Questions that follow each other without any time between would be asked for ever.
const SHORTEST_INTERVAL: Duration = Duration::from_millis(1);

/// Retransmissions of the same data after which the user hears of it (section 3.8.3: at least three).
const R1: u32 = 3;

impl Connection {
    /// Serves every timer that is due.
    pub fn on_timeout(&mut self, now: Time) {
        while let Some(timer) = self.timers.take_due(now) {
            match timer {
                Timer::Retransmit => self.on_retransmit_timeout(now),
                Timer::Persist => self.on_persist_timeout(),
                Timer::DelayedAck => self.acks.now(Reason::Ack),
                Timer::KeepAlive => self.on_keepalive_timeout(now),
                Timer::User => self.give_up(),
                Timer::FinWait2 | Timer::TimeWait => self.end(CloseReason::Done),
            }
        }
    }

    /// RFC 6298 section 5.4 to 5.6.
    fn on_retransmit_timeout(&mut self, now: Time) {
        if matches!(self.state, State::SynSent | State::SynReceived) {
            if self.opening.timeouts >= self.config.syn_retries {
                return self.give_up();
            }
            self.opening.timeouts += 1;
            self.rto.back_off();
            self.opening.due = true;
            return;
        }
        self.ecn.holds = false;
        if self.board.is_empty() {
            return;
        }
        if self.recovery.timeouts >= self.config.retries {
            return self.give_up();
        }
        self.enter_loss(now);
        self.events.trouble |= self.recovery.timeouts == R1;
        self.rto.back_off();
    }

    /// RFC 9293 section 3.8.6.1: a peer that answers probes is never given up, however long its window is closed.
    fn on_persist_timeout(&mut self) {
        if self.persist.unanswered >= self.config.retries {
            return self.give_up();
        }
        self.persist.due = true;
        self.persist.probes += 1;
        self.persist.unanswered += 1;
    }

    fn on_keepalive_timeout(&mut self, now: Time) {
        if self.config.keepalive.is_none() {
            return;
        }
        if self.keepalive.unanswered >= self.config.keepalive_probes {
            return self.give_up();
        }
        // With data in flight the retransmission timer asks already.
        if self.board.is_empty() {
            self.keepalive.due = true;
            self.keepalive.unanswered += 1;
        }
        self.timers.set(Timer::KeepAlive, now + self.config.keepalive_interval.max(SHORTEST_INTERVAL));
    }

    fn give_up(&mut self) {
        self.end(CloseReason::TimedOut(self.soft_error));
    }

    /// An ICMP error that quotes a segment of ours (RFC 9293 section 3.9.2.2, RFC 5927, RFC 5461). `seq` is the
    /// quoted sequence number; `header` the bytes that IP and TCP take before options, for the MTU. True when it was
    /// believed.
    pub fn on_icmp(&mut self, kind: IcmpKind, seq: crate::wire::SeqNum, header: u16) -> bool {
        // RFC 5927 section 4.1, SND.UNA =< SEG.SEQ < SND.NXT: whoever does not know what is in flight is not believed.
        // What lies at SND.NXT was never sent, unless a window probe was.
        if seq.before(self.snd.una) || seq.at_or_after(self.snd.max) {
            return false;
        }
        match kind {
            IcmpKind::TooBig { mtu } => self.on_path_mtu(mtu, header),
            // MUST-56: soft errors do not end a connection, nor an attempt to open one however many of them come; they
            // say why, should it end. Who opens it is told of each and may have less patience.
            IcmpKind::NoRoute | IcmpKind::TimeExceeded | IcmpKind::ParameterProblem => self.note_trouble(kind),
            // SHLD-26 speaks of hard errors. In a synchronized state they are taken for soft (RFC 5927 section 5.2):
            // there they are more likely forged, or of a path that was, than true.
            IcmpKind::ProtocolUnreachable | IcmpKind::PortUnreachable | IcmpKind::Prohibited => {
                if self.state.synchronized() {
                    self.note_trouble(kind);
                } else {
                    self.end(CloseReason::Unreachable(kind));
                }
            }
        }
        true
    }

    /// An error that may pass.
    fn note_trouble(&mut self, kind: IcmpKind) {
        self.soft_error = Some(kind);
        self.events.trouble = true;
        let opening = &mut self.opening;
        if !self.state.synchronized() && opening.blamed < opening.sends {
            // Several routers may report one packet.
            opening.blamed = opening.sends;
            opening.troubles += 1;
        }
    }

    /// The path carries packets of `mtu` bytes and no larger ones (RFC 1191, RFC 8201): an ICMP error says so, or one did
    /// to another connection with this destination. Sends smaller packets from now on, and again what was too big.
    pub fn on_path_mtu(&mut self, mtu: u32, header: u16) {
        // A lie must not make us crawl. Old routers say 0, which means nothing more than "smaller".
        let mtu = mtu.max(icmp::least_mtu(self.remote.is_ipv4()));
        let mss = u16::try_from(mtu).unwrap_or(u16::MAX).saturating_sub(header);
        // Also what the peer's SYN has yet to allow: it says nothing of the path.
        self.path_mss = self.path_mss.min(mss);
        if mss >= self.snd.mss {
            return;
        }
        self.snd.mss = mss;
        let smss = self.smss();
        self.congestion.on_mss(smss);
        self.board.mark_too_long(smss);
        self.recovery.reason = Some(Reason::MtuRetransmit);
        self.recovery.first_due = true;
    }

    /// A segment of the peer's arrived: it is there.
    pub(super) fn heard(&mut self, now: Time) {
        // While somebody here waits, a peer that answers may keep its window closed for ever. When nobody does, that
        // would hold our memory for ever (RFC 6429): then only progress counts.
        if !self.detached {
            self.persist.unanswered = 0;
        }
        self.keepalive.unanswered = 0;
        self.heard = Some(now);
        if let Some(idle) = self.config.keepalive
            && self.state.synchronized()
            && self.state != State::TimeWait
        {
            self.timers.set(Timer::KeepAlive, now + idle);
        }
    }
}
