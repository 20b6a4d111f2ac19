//! The ACK field (RFC 9293 section 3.10.7.4, fifth check).

use crate::tcp::connection::Connection;
use crate::tcp::error::CloseReason;
use crate::tcp::recovery::Progress;
use crate::tcp::scoreboard::Covered;
use crate::tcp::segment::Segment;
use crate::tcp::state::State;
use crate::tcp::tcb::Snd;
use crate::tcp::timers::Timer;
use crate::time::Time;
use crate::wire::{Flags, SackBlock, SeqNum};

/// Where an acknowledgment number lies.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum AckPlace {
    /// Of something in flight.
    Fresh,
    /// Of what is known to be acknowledged, recently enough to be honest.
    Old,
    /// Of something we have not sent.
    NeverSent,
    /// More than a window ago: an attacker's guess (RFC 5961 section 5.2).
    TooOld,
}

pub fn place(snd: &Snd, ack: SeqNum) -> AckPlace {
    if ack.after(snd.max) {
        AckPlace::NeverSent
    } else if ack.after(snd.una) {
        AckPlace::Fresh
    } else if snd.una - ack > snd.max_wnd.max(1) {
        AckPlace::TooOld
    } else {
        AckPlace::Old
    }
}

impl Connection {
    /// Applies an acceptable ACK field: SND.UNA, SACK blocks, window, recovery, state.
    pub(super) fn apply_ack(&mut self, now: Time, segment: &Segment<'_>) {
        if self.state == State::SynReceived {
            self.establish(now, segment);
        }
        let ack = segment.header.ack;
        let plain = segment.options.sack.is_empty() && !segment.header.flags.contains(Flags::ECE);
        if plain && self.board.is_empty() && ack == self.snd.una {
            // Nothing is in flight, as in a connection that only receives: there is no news but the window.
            self.update_window(segment);
            return self.on_fin_acknowledged(now);
        }
        let window_before = self.snd.wnd;
        let flight = self.board.outstanding();
        let mut progress = Progress::default();
        if ack.after(self.snd.una) {
            progress.advanced = ack - self.snd.una;
            progress.covered = self.board.on_ack(ack);
            self.snd.una = ack;
            self.snd.nxt = self.snd.nxt.latest(ack);
            self.out.advance(ack);
            self.held.more = false;
            self.urgent_out = self.urgent_out.filter(|up| up.after(ack));
            self.on_room();
        }
        let sacked = self.apply_sack(segment);
        self.update_window(segment);
        self.sample(now, segment, &progress, &sacked);

        let silent = segment.is_empty() && ack == self.snd.una && progress.advanced == 0 && !self.board.is_empty();
        // RFC 6675 section 2 with SACK; RFC 5681 section 2 (a) to (e) without.
        progress.duplicate = if self.sack { sacked.delivered > 0 } else { silent && self.snd.wnd == window_before };
        self.stats.dup_acks_in += u64::from(silent && self.snd.wnd == window_before);
        progress.covered.delivered += sacked.delivered;

        let single = self.congestion.window() <= self.smss();
        if self.ecn.asks_reduction(segment.header.flags, ack) && !self.recovery.is_fast() {
            self.stats.congestion_echoes_in += 1;
            // What this acknowledgment covers was in flight when the mark was made (RFC 3168 section 6.1.2).
            self.reduce(now, flight);
        }
        // The same section: an echo does not open the window, and one of a single segment it closes until the timer expires.
        progress.echo = self.ecn.agreed() && segment.header.flags.contains(Flags::ECE);
        self.ecn.holds |= progress.echo && single;
        self.recover(now, progress);
        if progress.advanced > 0 {
            self.persist.probes = 0;
            self.persist.unanswered = 0;
            // RFC 6298 section 5.2 and 5.3. In recovery without SACK only the first partial acknowledgment: a recovery
            // that takes longer than an RTO is better left to the timer (RFC 6582 section 3.2 step 3, section 4).
            let partial = self.recovery.is_fast() && !self.sack;
            if self.board.is_empty() {
                self.timers.stop(Timer::Retransmit);
            } else if !partial || !std::mem::replace(&mut self.recovery.partial, true) {
                self.timers.set(Timer::Retransmit, now + self.rto.current());
            }
            match self.config.user_timeout.filter(|_| !self.out.is_empty() || !self.board.is_empty()) {
                Some(timeout) => self.timers.set(Timer::User, now + timeout),
                None => self.timers.stop(Timer::User),
            }
        }
        // Whoever holds data back until the timer expires needs one.
        if self.ecn.holds && (progress.echo || self.timers.get(Timer::Retransmit).is_none()) {
            self.timers.set(Timer::Retransmit, now + self.rto.current());
        }
        self.on_fin_acknowledged(now);
    }

    /// SYN-SENT or SYN-RECEIVED is over: our SYN is acknowledged.
    pub(super) fn establish(&mut self, now: Time, segment: &Segment<'_>) {
        let syn_end = self.snd.iss + 1;
        self.snd.una = syn_end;
        self.snd.nxt = self.snd.nxt.latest(syn_end);
        self.timers.stop(Timer::Retransmit);
        // What it was to open in time for is done; data has a time of its own.
        self.timers.stop(Timer::User);
        if self.opening.sends == 1 {
            if let Some(sent) = self.opening.sent {
                self.rto.on_sample(segment.arrived.since(sent));
            }
        } else {
            self.sample(now, segment, &Progress { advanced: 1, ..Progress::default() }, &Covered::default());
            self.rto.on_late_handshake();
            self.congestion.on_lost_handshake();
        }
        self.opening.due = false;
        self.go(State::Established);
        self.set_window(u32::from(segment.header.window) << self.window_shift(segment), segment);
        self.text_heard.get_or_insert(now);
        self.events.connected = true;
        self.events.writable = true;
        if self.fin_queued {
            self.enter_closing_state();
        }
        self.heard(now);
    }

    /// Notes the peer's window (section 3.10.7.4: SND.WND, SND.WL1, SND.WL2).
    pub(super) fn set_window(&mut self, window: u32, segment: &Segment<'_>) {
        self.snd.wnd = window;
        self.snd.max_wnd = self.snd.max_wnd.max(window);
        self.snd.wl1 = segment.header.seq;
        self.snd.wl2 = segment.header.ack;
    }

    fn window_shift(&self, segment: &Segment<'_>) -> u8 {
        if segment.header.flags.syn() { 0 } else { self.snd.shift }
    }

    fn update_window(&mut self, segment: &Segment<'_>) {
        let (seq, ack) = (segment.header.seq, segment.header.ack);
        let newer = self.snd.wl1.before(seq) || (self.snd.wl1 == seq && self.snd.wl2.at_or_before(ack));
        if newer && ack.at_or_after(self.snd.una) {
            self.set_window(u32::from(segment.header.window) << self.snd.shift, segment);
            if self.snd.wnd == 0 && !self.detached {
                // Section 3.8.6.1: a peer that closes its window is there, however long that lasts.
                self.recovery.timeouts = 0;
            }
        }
    }

    /// RFC 2018 and RFC 2883 from the sender's side. Returns what was newly reported.
    fn apply_sack(&mut self, segment: &Segment<'_>) -> Covered {
        let mut all = Covered::default();
        if !self.sack {
            return all;
        }
        let blocks = segment.options.sack.as_slice();
        for (index, block) in blocks.iter().enumerate() {
            if index == 0 && is_dsack(*block, blocks.get(1), segment.header.ack) {
                self.stats.dsacks_in += 1;
            } else if block.left.before(block.right)
                && block.left.at_or_after(self.snd.una)
                && block.right.at_or_before(self.snd.nxt)
            {
                self.stats.sack_blocks_in += 1;
                let covered = self.board.on_sack(*block);
                all.delivered += covered.delivered;
                all.sample = all.sample.max(covered.sample);
                all.resent |= covered.resent;
            } else if block.right.after(self.snd.nxt) || !block.left.before(block.right) {
                self.stats.sack_blocks_bad += 1;
            }
        }
        all
    }

    /// Takes an RTT sample where one can be had: of a segment that was sent once (Karn), or by timestamps when
    /// SND.UNA moved (RFC 7323 section 4.1).
    fn sample(&mut self, now: Time, segment: &Segment<'_>, progress: &Progress, sacked: &Covered) {
        // What arrives together with something that was sent again may have waited for it (section 4.1 of RFC 7323 and
        // the spirit of Karn's rule).
        let again = progress.covered.resent || sacked.resent;
        if let Some(sent) = progress.covered.sample.max(sacked.sample).filter(|_| !again) {
            self.rto.on_sample(segment.arrived.since(sent));
        } else if progress.advanced > 0
            && let Some((_, echo)) = segment.options.timestamps.filter(|_| self.timestamps.on)
            && let Some(rtt) = self.timestamps.elapsed_since(echo, now)
        {
            self.rto.on_sample(rtt);
        }
    }

    pub(in crate::tcp) fn on_room(&mut self) {
        // A wake-up for a little room is a write for a little room: wait for a third of the buffer.
        if self.events.wants_room && self.out.room() >= self.config.send_buffer / 3 {
            self.events.wants_room = false;
            self.events.writable = true;
        }
    }

    fn on_fin_acknowledged(&mut self, now: Time) {
        if !self.fin_acknowledged() {
            return;
        }
        match self.state {
            State::FinWait1 => {
                self.go(State::FinWait2);
                self.events.delivered = true;
                if self.detached {
                    self.timers.set(Timer::FinWait2, now + self.config.fin_wait_2);
                }
            }
            State::Closing => self.enter_time_wait(now),
            State::LastAck => self.end(CloseReason::Done),
            _ => {}
        }
    }
}

/// RFC 2883 section 4: the first block reports a duplicate when it lies below the acknowledgment, or within the
/// second block.
fn is_dsack(first: SackBlock, second: Option<&SackBlock>, ack: SeqNum) -> bool {
    first.right.at_or_before(ack) && first.left.before(first.right)
        || second.is_some_and(|second| {
            first.left.at_or_after(second.left) && first.right.at_or_before(second.right) && first != *second
        })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_acknowledgment_number_has_four_places() {
        let una = SeqNum(u32::MAX - 10);
        let snd = Snd {
            iss: una,
            una,
            nxt: una + 100,
            max: una + 101,
            wnd: 50,
            max_wnd: 50,
            wl1: SeqNum(0),
            wl2: SeqNum(0),
            shift: 0,
            mss: 536,
        };
        let table = [
            (una + 102, AckPlace::NeverSent),
            (una + 101, AckPlace::Fresh),
            (una + 1, AckPlace::Fresh),
            (una, AckPlace::Old),
            (una - 50, AckPlace::Old),
            (una - 51, AckPlace::TooOld),
            (una - 0x7000_0000, AckPlace::TooOld),
        ];
        for (ack, expected) in table {
            assert_eq!(place(&snd, ack), expected, "ack {}", ack.offset_from(una));
        }
    }

    #[test]
    fn a_dsack_is_told_from_a_sack() {
        let block = |left, right| SackBlock { left: SeqNum(left), right: SeqNum(right) };
        let ack = SeqNum(1000);
        assert!(is_dsack(block(500, 1000), None, ack));
        assert!(!is_dsack(block(1500, 2000), None, ack));
        assert!(is_dsack(block(1600, 1700), Some(&block(1500, 2000)), ack));
        assert!(!is_dsack(block(1500, 2000), Some(&block(2500, 3000)), ack));
    }
}
