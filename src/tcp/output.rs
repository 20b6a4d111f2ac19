//! What to send next.
//!
//! [`Connection::next_step`] looks and decides; [`Connection::poll_transmit`] does it. The order matters: a reset
//! ends everything, what is lost goes before what is new, and a bare acknowledgment only leaves when nothing else
//! carries it.

use super::connection::Connection;
use super::recovery::Phase;
use super::segment::{Reason, Transmit};
use super::state::State;
use super::timers::Timer;
use crate::time::Time;
use crate::wire::SeqNum;

/// The most segments that leave as one.
const MOST_SEGMENTS: u32 = 128;

/// The next thing to leave.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Step {
    /// RST.
    Reset { seq: SeqNum, ack: Option<SeqNum> },
    /// SYN or SYN-ACK.
    Syn,
    /// Sequence numbers again.
    Again { start: SeqNum, end: SeqNum, reason: Reason },
    /// Sequence numbers for the first time.
    New { end: SeqNum, reason: Reason },
    /// What a closed or tiny window is asked with.
    Probe,
    /// What an idle peer is asked with.
    KeepAlive,
    /// An acknowledgment alone.
    Ack(Reason),
}

impl Connection {
    /// The next segment to send, until there is none.
    pub fn poll_transmit(&mut self, now: Time) -> Option<Transmit> {
        let Some(step) = self.next_step(now) else {
            self.note_limits(now);
            return None;
        };
        Some(self.emit(now, step))
    }

    /// Nothing more leaves now: what is it that keeps data back?
    fn note_limits(&mut self, now: Time) {
        if self.ended.is_some() {
            return self.chronograph.set(now, false, false, false);
        }
        let unsent = self.unsent();
        let busy = !self.out.is_empty();
        // Asked last: it is the window that costs something to ask for.
        let window_open = || self.congestion.window().saturating_sub(self.pipe()) >= self.smss();
        let window = busy && unsent > self.snd.usable() && window_open();
        let buffer = self.events.wants_room && unsent == 0 && window_open();
        self.chronograph.set(now, busy, window, buffer);
        // RFC 9293 section 3.9.1.1: what the user asked for, also to open, is to be done in time.
        if let Some(timeout) = self.config.user_timeout {
            let opening = matches!(self.state, State::SynSent | State::SynReceived);
            let waits = opening || busy || !self.board.is_empty();
            match self.timers.get(Timer::User) {
                None if waits => self.timers.set(Timer::User, now + timeout),
                Some(_) if !waits => self.timers.stop(Timer::User),
                _ => {}
            }
        }
    }

    fn next_step(&mut self, now: Time) -> Option<Step> {
        if let Some((seq, ack)) = self.reset {
            return Some(Step::Reset { seq, ack });
        }
        match self.state {
            State::Closed | State::Listen => return None,
            State::SynSent | State::SynReceived => {
                return match self.opening.due {
                    true => Some(Step::Syn),
                    false => self.acks.due().filter(|_| self.state == State::SynReceived).map(Step::Ack),
                };
            }
            _ => {}
        }
        if self.state.sends()
            && let Some(step) = self.next_data(now)
        {
            return Some(step);
        }
        if self.persist.due {
            return Some(Step::Probe);
        }
        if self.keepalive.due {
            return Some(Step::KeepAlive);
        }
        self.acks.due().map(Step::Ack)
    }

    /// RFC 6675 section 4, NextSeg, and RFC 5681 outside of recovery.
    fn next_data(&mut self, now: Time) -> Option<Step> {
        let smss = self.smss();
        let pipe = self.pipe();
        if pipe == 0
            && self.board.is_empty()
            && self.unsent() > 0
            && self.config.idle_restart
            && self.last_sent.is_some_and(|last| now.since(last) > self.rto.current())
        {
            self.congestion.on_idle();
            self.last_sent = None;
        }
        let room = self.congestion.window().saturating_sub(pipe);
        if let Some(lost) = self.board.next_lost()
            && (room >= smss || pipe == 0 || self.recovery.first_due)
        {
            let most = if self.recovery.first_due { smss } else { room.max(smss) };
            let end = self.within_record(lost.start, lost.end.earliest(lost.start + self.burst(most)));
            let reason = self.recovery.reason.unwrap_or(Reason::FastRetransmit);
            return Some(Step::Again { start: lost.start, end, reason });
        }
        if let Some(new) = self.next_new(now, room, pipe) {
            return Some(new);
        }
        if self.recovery.is_fast() && self.sack && room >= smss {
            return self.next_rescue(smss);
        }
        None
    }

    /// New data and FIN, as far as both windows, Nagle and silly-window avoidance allow (section 3.8.6.2.1).
    fn next_new(&mut self, now: Time, room: u32, pipe: u32) -> Option<Step> {
        let unsent = self.unsent();
        if unsent == 0 || self.ecn.holds {
            self.timers.stop(Timer::Persist);
            return None;
        }
        let smss = self.smss();
        let usable = self.snd.usable();
        let offered = unsent.min(usable);
        let mut len = self.burst(offered.min(room));
        let record = self.within_record(self.snd.nxt, self.snd.nxt + len) - self.snd.nxt;
        if record < len {
            // The end of a record ends a segment, and nothing that is to come could fill it.
            self.timers.stop(Timer::Persist);
            self.persist.due = false;
            return Some(Step::New { end: self.snd.nxt + record, reason: self.reason_of_new() });
        }
        if len < smss && len < unsent && room < smss && pipe > 0 {
            // The congestion window, not the data, is short: a fragment of a segment now would cost one later.
            len = 0;
        }
        let whole = len - len % smss;
        if len > whole && !self.small_may_leave(len, unsent, offered) {
            len = whole;
        }
        if len == 0 {
            self.wait_for_window(now, offered, unsent);
            return None;
        }
        self.timers.stop(Timer::Persist);
        self.persist.due = false;
        let end = self.snd.nxt + len;
        Some(Step::New { end, reason: self.reason_of_new() })
    }

    fn reason_of_new(&self) -> Reason {
        let fin_alone = self.fin_seq() == Some(self.snd.nxt);
        let limited = self.recovery.dup_acks > 0 || self.recovery.phase != Phase::Open;
        match (fin_alone, limited) {
            (true, _) => Reason::Fin,
            (false, true) => Reason::LimitedTransmit,
            (false, false) => Reason::Data,
        }
    }

    /// Whether a segment that is not full may leave: the last of what there is, when Nagle allows (RFC 9293
    /// section 3.7.4: nothing unacknowledged), or half of the largest window ever seen.
    fn small_may_leave(&self, len: u32, unsent: u32, offered: u32) -> bool {
        let last = len == unsent && (!self.is_held() || self.fin_queued);
        let nagle_allows = !self.config.nagle || self.board.is_empty() || self.fin_queued;
        last && nagle_allows || len == offered && offered < unsent && len >= self.snd.max_wnd / 2
    }

    /// The user has asked that the last segment waits for more.
    fn is_held(&self) -> bool {
        (self.held.corked || self.held.more) && self.held.released.is_none()
    }

    /// Nothing can leave. When nothing in flight will bring an acknowledgment either, the peer must be asked.
    fn wait_for_window(&mut self, now: Time, offered: u32, unsent: u32) {
        if !self.board.is_empty() || self.persist.due || self.timers.get(Timer::Persist).is_some() {
            return;
        }
        // Section 3.8.6.1: first after an RTO, then ever more slowly. A window that is open but silly waits less.
        let doubled = self.rto.current().saturating_mul(1 << self.persist.probes.min(16));
        let wait = match offered {
            0 => doubled.min(self.config.rto_max),
            _ if offered < unsent || offered < self.smss() => self.config.sws_override.unwrap_or(self.rto.current()),
            _ => return,
        };
        self.timers.set(Timer::Persist, now + wait);
    }

    /// NextSeg rules 3 and 4.
    fn next_rescue(&mut self, smss: u32) -> Option<Step> {
        let reason = Reason::RescueRetransmit;
        if let Some(doubtful) = self.board.next_doubtful() {
            let end = doubtful.end.earliest(doubtful.start + smss);
            return Some(Step::Again { start: doubtful.start, end, reason });
        }
        if self.recovery.rescue_after.is_none_or(|after| self.snd.una.at_or_before(after)) {
            return None;
        }
        let last = self.board.last_unsacked().filter(|last| !last.lost)?;
        self.recovery.rescue_after = Some(self.snd.nxt);
        let start = last.start.latest(last.end - smss.min(last.len()));
        Some(Step::Again { start, end: last.end, reason })
    }

    /// `end`, or the end of the record that `start` lies in when that comes first.
    fn within_record(&self, start: SeqNum, end: SeqNum) -> SeqNum {
        let record = self.out.record_end(start).filter(|record| record.before(self.out.end()));
        record.map_or(end, |record| end.earliest(record))
    }

    /// At most one super-segment, in whole segments where there are several.
    fn burst(&self, len: u32) -> u32 {
        let smss = self.smss();
        if self.urgent_out.is_some() {
            // Each packet has a pointer of its own.
            return len.min(smss);
        }
        let most = match self.config.small_bursts {
            Some(least) => self.small_burst(least, smss),
            None => self.config.max_burst as u32,
        };
        // A peer with a tiny MSS gets no avalanche of headers at once.
        let most = most.min(MOST_SEGMENTS * smss);
        len.min((most / smss).max(1) * smss)
    }

    /// Bursts of about a millisecond at twice the window per round trip, `least` segments at least, and never more than
    /// half of either window: what the receiver acknowledges then keeps the rest flowing.
    fn small_burst(&self, least: u32, smss: u32) -> u32 {
        let cwnd = self.congestion.window();
        let most = self.config.max_burst as u32;
        let paced = match self.rto.srtt().map(|srtt| srtt.as_micros() as u64).filter(|micros| *micros > 0) {
            None => most,
            Some(srtt) => {
                // On a path this short, waiting for company costs nothing.
                let close = most.checked_shr((self.rto.samples().min.as_micros() as u64 >> 9) as u32).unwrap_or(0);
                let rate = u64::from(cwnd) * 2 * 1_000_000 / srtt;
                u32::try_from(rate >> 10).unwrap_or(u32::MAX).saturating_add(close)
            }
        };
        most.min(paced.max(least.saturating_mul(smss))).min(self.snd.max_wnd / 2).min(cwnd / 2)
    }
}
