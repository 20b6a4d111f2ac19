//! What each timer does when it is due (RFC 9293 section 3.10.8).

use std::time::Duration;

use super::connection::Connection;
use super::error::CloseReason;
use super::segment::Reason;
use super::state::State;
use super::timers::Timer;
use crate::time::Time;
use crate::wire::icmp::IcmpKind;

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
    /// quoted sequence number; `header` the bytes that IP and TCP take before options, for the MTU.
    pub fn on_icmp(&mut self, kind: IcmpKind, seq: crate::wire::SeqNum, header: u16) {
        // RFC 5927 section 4.1: whoever does not know what is in flight is not believed.
        if seq.before(self.snd.una) || seq.after(self.snd.max) {
            return;
        }
        match kind {
            IcmpKind::TooBig { mtu } => self.on_smaller_mtu(mtu, header),
            // MUST-56: soft errors do not end a connection; they say why, should it end. One that a second SYN meets as
            // well is no passing matter, and there is nothing yet that it could destroy (RFC 5461 section 4.1).
            IcmpKind::NoRoute
                if self.state == State::SynSent && self.opening.sends > 1 && self.soft_error.is_some() =>
            {
                self.end(CloseReason::Unreachable(kind));
            }
            IcmpKind::NoRoute | IcmpKind::TimeExceeded | IcmpKind::ParameterProblem => self.note_trouble(kind),
            // SHLD-26 speaks of hard errors; RFC 5461 section 4.1 takes them for soft once the peer has answered.
            IcmpKind::ProtocolUnreachable | IcmpKind::PortUnreachable | IcmpKind::Prohibited => {
                if self.state == State::SynSent {
                    self.end(CloseReason::Unreachable(kind));
                } else {
                    self.note_trouble(kind);
                }
            }
        }
    }

    /// An error that may pass.
    fn note_trouble(&mut self, kind: IcmpKind) {
        self.soft_error = Some(kind);
        self.events.trouble = true;
    }

    /// RFC 1191, RFC 8201: send smaller packets, now and again for what was too big.
    fn on_smaller_mtu(&mut self, mtu: u32, header: u16) {
        // RFC 1191 section 3 and RFC 8201 section 4: no path needs less, and a lie must not make us crawl. Old
        // routers say 0, which means nothing more than "smaller".
        let floor = if self.remote.is_ipv4() { 576 } else { 1280 };
        let mss = u16::try_from(mtu.max(floor)).unwrap_or(u16::MAX).saturating_sub(header);
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
