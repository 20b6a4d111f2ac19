//! URG, segment text and FIN (RFC 9293 section 3.10.7.4, sixth to eighth check).
//!
//! Urgent bytes are part of the stream and are delivered in their place, as RFC 6093 section 3.4 advises; the user is
//! told of them.

use crate::tcp::connection::Connection;
use crate::tcp::segment::{Disposition, Reason, Segment};
use crate::tcp::state::State;
use crate::tcp::timers::Timer;
use crate::time::Time;
use crate::wire::Flags;

impl Connection {
    pub(super) fn apply_text(&mut self, now: Time, segment: &Segment<'_>) -> Disposition {
        if segment.header.flags.contains(Flags::URG) && self.state.receives() {
            self.note_urgent(segment);
        }
        if segment.is_empty() {
            return Disposition::Accepted;
        }
        if !self.state.receives() {
            // After the peer's FIN nothing can follow; TIME-WAIT answers its FIN again and starts over.
            if segment.header.flags.fin() && self.state == State::TimeWait {
                self.enter_time_wait(now);
            }
            self.acks.now(Reason::DuplicateAck);
            return Disposition::Duplicate;
        }
        if self.detached && !segment.payload.is_empty() {
            // RFC 1122 section 4.2.2.13: nobody will read this, and the peer is told so.
            self.reset = Some((self.snd.nxt, Some(self.rcv_nxt())));
            self.end(crate::tcp::error::CloseReason::Aborted);
            return Disposition::Ignored("nobody reads any more");
        }
        // Before the text: what lies beyond the FIN must not be stored, nor go on from it.
        if segment.header.flags.fin() {
            self.note_fin(segment);
        }
        let disposition = self.take_text(now, segment);
        if self.rcv.fin_at == Some(self.inb.next()) {
            self.on_fin(now);
        }
        disposition
    }

    /// Text and FIN that came with the peer's SYN, once the connection is open: our SYN-ACK did not cover them. The peer may
    /// have sent them again with the acknowledgment of our SYN, in `segment`; then they are here, and not a duplicate to be
    /// answered.
    pub(super) fn apply_queued(&mut self, now: Time, segment: &Segment<'_>) {
        if !self.state.synchronized() {
            return;
        }
        let Some(queued) = self.opening.queued.take() else { return };
        let here = usize::try_from(self.inb.next()).unwrap_or(usize::MAX);
        let Some(text) = queued.text.get(here..).filter(|_| self.state.receives()) else { return };
        let mut header = segment.header;
        header.seq = self.rcv_nxt();
        header.flags = Flags::ACK.with_if(queued.fin, Flags::FIN);
        let rest = Segment { header, payload: text, ..*segment };
        if !rest.is_empty() {
            // Who sent it waits, and would send it again.
            self.acks.now(Reason::Ack);
            self.apply_text(now, &rest);
        }
    }

    /// RCV.UP <- max(RCV.UP, SEG.UP); the user is told when that is news (MUST-32).
    fn note_urgent(&mut self, segment: &Segment<'_>) {
        let end = segment.header.seq + u32::from(segment.header.urgent);
        let offset = self.inb.next() as i64 + i64::from(end.offset_from(self.rcv_text_nxt()));
        let news = u64::try_from(offset).ok().filter(|offset| self.urgent_in.is_none_or(|known| *offset > known));
        if let Some(offset) = news {
            self.urgent_in = Some(offset);
            self.events.urgent |= self.urgent_left() > 0;
        }
    }

    /// Stores the part of the text that lies in the window and settles what acknowledgment it gets.
    fn take_text(&mut self, now: Time, segment: &Segment<'_>) -> Disposition {
        if segment.payload.is_empty() {
            return Disposition::Accepted;
        }
        self.text_heard = Some(now);
        let (offset, text) = self.trim(segment);
        let had_hole = self.inb.has_hole();
        let inserted = self.inb.insert(offset, text);
        self.stats.bytes_in += inserted.advanced;
        self.rcv.mss_seen = self.rcv.mss_seen.max(text.len().min(usize::from(self.config.mss)) as u32);
        if inserted.duplicate.is_some() {
            self.dsack = inserted.duplicate;
            self.acks.now(Reason::DuplicateAck);
        }
        if inserted.advanced > 0 {
            self.events.readable = true;
        }
        match (inserted.advanced, inserted.fresh) {
            (0, 0) => {
                self.stats.duplicates_in += 1;
                self.acks.now(Reason::DuplicateAck);
                Disposition::Duplicate
            }
            (0, _) => {
                // RFC 5681 section 4.2: out of order, acknowledge at once.
                self.stats.out_of_order_in += 1;
                self.acks.now(Reason::DuplicateAck);
                Disposition::OutOfOrder
            }
            // The same section: so when it fills a hole.
            _ if had_hole => {
                self.acks.now(Reason::Ack);
                Disposition::Accepted
            }
            (advanced, _) => {
                let may_wait = self.acks.may_wait(advanced as u32, self.rcv.mss_seen.max(1));
                let early = self.acks.sent() <= self.config.quick_acks;
                match self.config.delayed_ack {
                    None => self.acks.now(Reason::Ack),
                    Some(_) if early && self.config.quick_acks > 0 => self.acks.now(Reason::Ack),
                    Some(delay) if may_wait && self.timers.get(Timer::DelayedAck).is_none() => {
                        self.timers.set(Timer::DelayedAck, now + delay);
                    }
                    Some(_) => {}
                }
                Disposition::Accepted
            }
        }
    }

    /// The text's offset in the stream, and what of it lies neither before the stream nor beyond the window.
    fn trim<'a>(&self, segment: &Segment<'a>) -> (u64, &'a [u8]) {
        let ahead = i64::from(segment.header.seq.offset_from(self.rcv_text_nxt()));
        let offset = self.inb.next() as i64 + ahead;
        let skip = (-offset).max(0) as usize;
        // Nothing follows a FIN, wherever in the stream it stands and in whatever order things arrive.
        let edge = self.rcv.fin_at.map_or(self.rcv.adv, |fin| self.rcv_seq(fin).earliest(self.rcv.adv));
        let room = edge.offset_from(segment.header.seq).max(0) as usize;
        let end = segment.payload.len().min(room);
        (offset.max(0) as u64, segment.payload.get(skip.min(end)..end).unwrap_or_default())
    }

    /// Text before RCV.NXT came again: noted for a D-SACK.
    pub(super) fn note_duplicate(&mut self, segment: &Segment<'_>) {
        self.stats.duplicates_in += 1;
        let (offset, text) = self.trim(segment);
        if !text.is_empty() {
            self.dsack = Some(offset..offset + text.len() as u64);
        }
    }

    /// Where the FIN stands, if it is inside the window. Text that arrived before it but lies beyond it goes: the FIN ends
    /// the stream there (section 3.10.7.4, eighth). Of several FINs the first in the stream counts.
    fn note_fin(&mut self, segment: &Segment<'_>) {
        let at = segment.header.seq + segment.payload.len() as u32;
        if at.before(self.rcv.adv) || at == self.rcv_text_nxt() {
            let offset = self.inb.next() as i64 + i64::from(at.offset_from(self.rcv_text_nxt()));
            let fin = u64::try_from(offset).ok().filter(|fin| *fin >= self.inb.next());
            self.rcv.fin_at = fin.into_iter().chain(self.rcv.fin_at).min();
            self.inb.truncate(self.rcv.fin_at.unwrap_or(u64::MAX));
        }
        self.acks.now(Reason::Ack);
    }

    fn on_fin(&mut self, now: Time) {
        self.rcv.fin_taken = true;
        self.rcv.adv = self.rcv.adv.latest(self.rcv_nxt());
        self.events.readable = true;
        match self.state {
            State::SynReceived | State::Established => self.go(State::CloseWait),
            // Our FIN is not acknowledged, or on_fin_acknowledged would have moved on: simultaneous close.
            State::FinWait1 => self.go(State::Closing),
            State::FinWait2 => self.enter_time_wait(now),
            _ => {}
        }
        self.acks.now(Reason::Ack);
    }
}
