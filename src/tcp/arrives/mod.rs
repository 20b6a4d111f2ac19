//! SEGMENT ARRIVES (RFC 9293 section 3.10.7): the checks in the RFC's order, a file for each.
//!
//! | file          | check | section |
//! |---------------|-------|---------|
//! | `listen`      | LISTEN | 3.10.7.2 |
//! | `syn_sent`    | SYN-SENT | 3.10.7.3 |
//! | `acceptable`  | first, sequence number and PAWS; trimming to the window | 3.4, RFC 7323 section 5 |
//! | `reset`       | second and fourth, RST and SYN | RFC 5961 sections 3 and 4 |
//! | `ack`         | fifth, the ACK field | 3.10.7.4, RFC 5961 section 5 |
//! | `text`        | sixth to eighth, URG, text and FIN | 3.10.7.4 |
//!
//! Deciding is apart from doing: each check has a pure function that names the case, tested as a table, and a
//! method that applies it.

mod acceptable;
mod ack;
mod listen;
mod reset;
mod syn_sent;
mod text;

use super::connection::{Connection, Queued};
use super::error::CloseReason;
use super::segment::{Disposition, Reason, Segment};
use super::state::State;
use crate::time::Time;
use crate::wire::{Flags, SeqNum, TcpOptions};
use acceptable::Place;
use ack::AckPlace;
use reset::ResetVerdict;

impl Connection {
    /// A segment for this connection arrived. Its checksum has been verified.
    pub fn on_segment(&mut self, now: Time, segment: &Segment<'_>) -> Disposition {
        self.stats.segments_in += 1;
        match self.state {
            State::Closed => Disposition::Ignored("the connection is closed"),
            State::Listen => self.arrives_in_listen(now, segment),
            State::SynSent => self.arrives_in_syn_sent(now, segment),
            _ => self.arrives(now, segment),
        }
    }

    /// Whether a SYN for this pair of addresses may replace this connection: it is in TIME-WAIT, and the SYN is
    /// surely newer than anything of the old connection (RFC 9293 MAY-2, RFC 6191 section 2).
    pub fn yields_to(&self, now: Time, segment: &Segment<'_>) -> bool {
        let flags = segment.header.flags;
        if self.state != State::TimeWait || !flags.syn() || flags.ack() || flags.rst() {
            return false;
        }
        match segment.options.timestamps.filter(|_| self.timestamps.on) {
            Some((value, _)) if self.timestamps.is_newer(value) => true,
            Some((value, _)) if self.timestamps.is_old(value, now) => false,
            // RCV.NXT is one more than the largest number that was used.
            _ => segment.header.seq.at_or_after(self.rcv_nxt()),
        }
    }

    /// All states from SYN-RECEIVED on (section 3.10.7.4).
    fn arrives(&mut self, now: Time, segment: &Segment<'_>) -> Disposition {
        let adjusted;
        let mut segment = segment;
        if self.state == State::SynReceived && segment.header.flags.syn() && segment.header.seq == self.rcv.irs {
            // The peer's SYN again: our answer was lost, or both opened at once and this is its SYN-ACK
            // (Figure 8). The SYN is done with; what else the segment says counts.
            let flags = segment.header.flags;
            if !flags.ack() {
                self.opening.due = true;
                self.ecn.on_syn_again(flags);
            }
            self.acks.now(Reason::DuplicateAck);
            // On a SYN, ECE is about ability and not about congestion, and the window is not scaled.
            let mut rest = *segment;
            rest.header.flags = flags.without(Flags::SYN | Flags::ECE);
            rest.header.window >>= self.snd.shift;
            rest.header.seq += 1;
            adjusted = rest;
            segment = &adjusted;
        }
        if let Some(refused) = self.check_timestamp(now, segment) {
            return refused;
        }
        // First: the sequence number.
        let without_text;
        let edge = self.config.edge_accepted;
        match acceptable::place(self.rcv_nxt(), self.rcv_wnd(), segment.header.seq, segment.len(), edge) {
            Place::Inside => {}
            Place::BeyondClosedWindow => {
                // MUST-66 and section 3.10.7.4: a closed window still lets RST, ACK and URG through.
                let mut rest = Segment { payload: &[], ..*segment };
                rest.header.flags = rest.header.flags.without(Flags::FIN);
                self.acks.now(Reason::DuplicateAck);
                without_text = rest;
                segment = &without_text;
            }
            Place::Outside => return self.outside_window(now, segment),
        }
        // Second: RST. Third, security, is not ours. Fourth: SYN.
        match reset::judge(self.rcv_nxt(), self.rcv_wnd(), &segment.header) {
            ResetVerdict::None => {}
            ResetVerdict::Reset => return self.on_reset(),
            // Section 3.10.7.4: a passive open goes back to LISTEN, which for us is to make place for the next SYN.
            ResetVerdict::Challenge if self.half_open_by_peer() && segment.header.flags.syn() => {
                self.end(CloseReason::Aborted);
                return Disposition::Reset;
            }
            ResetVerdict::Challenge => return self.challenge(now),
            ResetVerdict::Outside => return Disposition::Ignored("a reset outside the window"),
        }
        // Fifth: ACK. A segment without one is dropped.
        if !segment.header.flags.ack() {
            return Disposition::Ignored("it acknowledges nothing");
        }
        match ack::place(&self.snd, segment.header.ack) {
            AckPlace::Fresh => {}
            // SYN-RECEIVED answers everything but the acknowledgment of its SYN with a RST (section 3.10.7.4): who
            // cannot see our sequence number must guess all of it (RFC 6528).
            AckPlace::Old | AckPlace::NeverSent | AckPlace::TooOld if self.state == State::SynReceived => {
                self.reset = Some((segment.header.ack, None));
                return Disposition::BadAck;
            }
            AckPlace::Old => {}
            // All other states challenge (RFC 5961 section 5.2).
            AckPlace::NeverSent | AckPlace::TooOld => {
                self.stats.unacceptable_in += 1;
                self.challenge(now);
                return Disposition::BadAck;
            }
        }
        // Only now is it surely the peer's: a forged acknowledgment must not move TS.Recent, or PAWS would refuse the
        // peer's own segments (RFC 7323 section 5.3, R3, and RFC 5961 section 5).
        match segment.options.timestamps {
            Some((value, _)) if self.timestamps.on => {
                self.timestamps.update(value, segment.header.seq, self.rcv.last_ack, now);
            }
            _ => self.stats.timestamps_missing_in += u64::from(self.timestamps.on),
        }
        self.heard(now);
        if self.ecn.on_segment(segment.ecn, segment.header.flags) {
            self.stats.congestion_marks_in += 1;
        }
        self.apply_ack(now, segment);
        // Sixth to eighth: URG, text, FIN.
        let disposition = self.apply_text(now, segment);
        self.apply_queued(now, segment);
        disposition
    }

    /// PAWS comes before the sequence number (RFC 7323 section 5.3).
    fn check_timestamp(&mut self, now: Time, segment: &Segment<'_>) -> Option<Disposition> {
        if !self.timestamps.on || segment.header.flags.rst() {
            return None;
        }
        match segment.options.timestamps {
            Some((value, _)) if self.timestamps.is_old(value, now) => {
                self.stats.unacceptable_in += 1;
                self.answer_outside(now, segment);
                Some(Disposition::Paws)
            }
            // Section 3.2: once agreed, a segment without the option is dropped.
            None if self.config.timestamps_required => {
                self.stats.unacceptable_in += 1;
                Some(Disposition::Ignored("it has no timestamp, though both ends agreed on them"))
            }
            _ => None,
        }
    }

    fn outside_window(&mut self, now: Time, segment: &Segment<'_>) -> Disposition {
        if segment.header.flags.rst() {
            return Disposition::Ignored("a reset outside the window");
        }
        if self.state == State::TimeWait && segment.header.flags.fin() {
            // The peer's FIN again: our last acknowledgment was lost, the wait starts over.
            self.enter_time_wait(now);
        }
        let before = segment.end().at_or_before(self.rcv_nxt());
        let honest = matches!(ack::place(&self.snd, segment.header.ack), AckPlace::Fresh | AckPlace::Old);
        if before && honest && segment.header.flags.ack() {
            // Old news, but from a peer that is there: it is not asked (MUST-26).
            self.heard(now);
        }
        if before && !segment.payload.is_empty() {
            self.note_duplicate(segment);
            self.answer_outside(now, segment);
            return Disposition::Duplicate;
        }
        self.stats.unacceptable_in += 1;
        self.answer_outside(now, segment);
        Disposition::OutsideWindow
    }

    /// An unacceptable segment is answered by an acknowledgment (section 3.10.7.4). Text that comes again is a
    /// peer that missed ours, and always gets one; the rest is limited, or two confused ends would never stop.
    fn answer_outside(&mut self, now: Time, segment: &Segment<'_>) {
        let again = !segment.payload.is_empty() || segment.header.flags.fin();
        if again || self.answers.allow(now, self.config.challenges) {
            self.acks.now(Reason::DuplicateAck);
        }
    }

    /// In SYN-RECEIVED after a passive OPEN (MUST-11).
    fn half_open_by_peer(&self) -> bool {
        self.state == State::SynReceived && !self.opening.active
    }

    fn challenge(&mut self, now: Time) -> Disposition {
        if self.answers.allow(now, self.config.challenges) {
            self.acks.now(Reason::ChallengeAck);
        }
        Disposition::Challenged
    }

    /// A SYN without an acknowledgment, in LISTEN or at a simultaneous open: a SYN-ACK is due.
    fn on_syn(&mut self, now: Time, segment: &Segment<'_>) {
        self.agree(now, &segment.options, segment.header.seq);
        self.ecn.on_syn(segment.header.flags);
        // The window of a SYN is never scaled (RFC 7323 section 2.2).
        self.set_window(u32::from(segment.header.window), segment);
        self.opening.due = true;
        self.go(State::SynReceived);
        let fin = segment.header.flags.fin();
        if fin || !segment.payload.is_empty() {
            let most = usize::from(self.config.mss);
            // Of what is cut off the FIN is a part.
            let text = segment.payload.get(..most).unwrap_or(segment.payload).to_vec();
            let fin = fin && text.len() == segment.payload.len();
            self.opening.queued = Some(Box::new(Queued { text, fin }));
        }
    }

    /// What the options of the peer's SYN settle, in both roles.
    fn agree(&mut self, now: Time, options: &TcpOptions, seq: SeqNum) {
        self.rcv.irs = seq;
        // Our own SYN, if it is out, has offered a window already.
        self.rcv.adv = seq + 1 + u32::from(self.opening.offered);
        self.rcv.last_ack = seq + 1;
        if let Some(mss) = options.mss {
            // MSS counts what a segment carries without options (RFC 6691).
            self.stats.bad_options_in += u64::from(mss < super::connection::MIN_MSS);
            self.snd.mss = mss.max(super::connection::MIN_MSS).min(self.config.mss);
        }
        // What the path carries, as an earlier connection learned, holds for this one (RFC 1191 section 3).
        self.snd.mss = self.snd.mss.min(self.path_mss);
        // Scaling is in force only when both sides sent the option (RFC 7323 section 2.2).
        if let (Some(theirs), Some(ours)) = (options.window_scale, self.opening.scale) {
            // Section 2.3: a larger shift is used as 14.
            self.stats.bad_options_in += u64::from(theirs > super::config::MAX_SHIFT);
            self.opening.scaled = true;
            self.snd.shift = theirs.min(super::config::MAX_SHIFT);
            self.rcv.shift = ours;
        }
        self.sack &= options.sack_permitted;
        self.timestamps.on &= options.timestamps.is_some();
        if let Some((value, _)) = options.timestamps.filter(|_| self.timestamps.on) {
            self.timestamps.update(value, seq, seq, now);
        }
        let smss = self.smss();
        self.congestion = self.config.congestion.controller(smss, self.config.initial_window);
    }
}
