//! The states of both ends after every segment (RFC 9293 section 3.3.2), and segments that an end in its state must
//! not send.
//!
//! The observer stands somewhere between the ends and sees what is sent, not what arrives. A segment is taken to
//! arrive unless the other end shows that it did not; only a listener shows itself with its answer.

use std::fmt;

use serde::{Deserialize, Serialize};

use super::segment::{Segment, Side};
use crate::tcp::State;
use crate::wire::{SeqNum, TcpOptions};

#[cfg(test)]
mod tests;

/// What a segment did that TCP forbids its sender.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub enum Illegal {
    /// SYN together with FIN or RST.
    Flags,
    /// None of SYN, ACK, RST.
    NoAck,
    /// A SYN with another sequence number in a synchronized state.
    Syn,
    /// A SYN-ACK for a SYN that was not sent so.
    SynAck,
    /// Sequence space beyond one's own FIN.
    AfterFin,
    /// Anything but a reset from a connection that was reset.
    AfterReset,
    /// A reset that its receiver must not accept as it stands.
    Reset,
    /// Data beyond the receiver's window.
    BeyondWindow,
    /// The right edge of the window moved left.
    Shrunk,
    /// A window scale above 14.
    Scale,
    /// SACK blocks that were not permitted.
    Sack,
    /// No timestamps, though they were agreed.
    NoTimestamps,
}

impl Illegal {
    /// The clause that says so.
    pub const fn clause(self) -> &'static str {
        match self {
            Illegal::Flags => "RFC 9293 section 3.10.7.4, SYN bit",
            Illegal::NoAck => "RFC 9293 section 3.10.7.4, ACK field",
            Illegal::Syn => "RFC 9293 section 3.10.7.4, SYN bit; RFC 5961 section 4",
            Illegal::SynAck => "RFC 9293 section 3.10.7.3",
            Illegal::AfterFin => "RFC 9293 section 3.6",
            Illegal::AfterReset => "RFC 9293 section 3.10.7.1",
            Illegal::Reset => "RFC 9293 section 3.10.7.4; RFC 5961 section 3.2",
            Illegal::BeyondWindow => "RFC 9293 section 3.4",
            Illegal::Shrunk => "RFC 9293 section 3.8.6, SHLD-14",
            Illegal::Scale => "RFC 7323 section 2.3",
            Illegal::Sack => "RFC 2018 section 2",
            Illegal::NoTimestamps => "RFC 7323 section 3.2",
        }
    }
}

impl fmt::Display for Illegal {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Illegal::Flags => "SYN stands together with FIN or RST",
            Illegal::NoAck => "no acknowledgment on an open connection",
            Illegal::Syn => "a SYN with another sequence number on an open connection",
            Illegal::SynAck => "a SYN-ACK that does not acknowledge the SYN",
            Illegal::AfterFin => "data or another end after its own FIN",
            Illegal::AfterReset => "goes on after its own reset",
            Illegal::Reset => "a reset whose sequence number its receiver does not expect",
            Illegal::BeyondWindow => "data beyond the window that the receiver advertised",
            Illegal::Shrunk => "takes back window that it had offered",
            Illegal::Scale => "a window scale above 14",
            Illegal::Sack => "SACK blocks though the other end had not permitted them",
            Illegal::NoTimestamps => "no timestamps though both ends had agreed on them",
        })
    }
}

/// What is known of one end.
#[derive(Clone, Copy, Debug, Default, Serialize, Deserialize)]
struct End {
    /// `None` before anything is known.
    state: Option<State>,
    /// The initial sequence number, when the SYN was captured.
    iss: Option<SeqNum>,
    /// The highest sequence number sent.
    nxt: Option<SeqNum>,
    /// The number after its FIN.
    fin: Option<SeqNum>,
    /// Its highest acknowledgment.
    acked: Option<SeqNum>,
    /// The furthest right edge of the windows it offered, where their scale is known.
    edge: Option<SeqNum>,
    /// The right edge of the window that it offered last, since it is open.
    offered: Option<SeqNum>,
    sack_permitted: Option<bool>,
    timestamps: Option<bool>,
    reset: bool,
}

/// The states of both ends.
#[derive(Clone, Copy, Debug, Default, Serialize, Deserialize)]
pub struct States {
    ends: [End; 2],
}

/// A window in bytes, and whether it is known how it is scaled.
#[derive(Clone, Copy, Debug)]
pub struct Window {
    /// Bytes.
    pub bytes: u32,
    /// What it is a multiple of: less than this may be lost to rounding (RFC 7323 section 2.4).
    pub unit: u32,
    /// The handshake was captured, so that this is what the sender meant.
    pub known: bool,
}

impl States {
    /// The state of an end; `None` before anything is known of it.
    pub fn state(&self, side: Side) -> Option<State> {
        let [a, b] = &self.ends;
        if side == Side::A { a.state } else { b.state }
    }

    /// True when no more is to come: both ends have closed, or one was reset.
    pub fn is_over(&self) -> bool {
        let gone = |state| matches!(state, Some(State::Closed | State::TimeWait));
        self.ends.iter().all(|end| gone(end.state))
    }

    /// Whether an end permitted SACK; `None` when its SYN was not captured.
    pub fn sack_permitted(&self, side: Side) -> Option<bool> {
        let [a, b] = &self.ends;
        if side == Side::A { a.sack_permitted } else { b.sack_permitted }
    }

    /// Drops what only a running connection needs.
    pub fn rest(&mut self) {
        for end in &mut self.ends {
            (end.iss, end.nxt, end.fin, end.acked) = (None, None, None, None);
            (end.edge, end.offered) = (None, None);
        }
    }

    /// Takes a segment of `side` into account. `window` is what it offers.
    pub fn on_segment(&mut self, side: Side, segment: &Segment<'_>, window: Window) -> Option<Illegal> {
        let [a, b] = &mut self.ends;
        let (own, peer) = if side == Side::A { (a, b) } else { (b, a) };
        let illegal = own.judge(peer, segment, window);
        own.send(peer.fin, segment, window);
        own.arrive_at(peer, segment);
        illegal
    }
}

impl End {
    fn synchronized(&self) -> bool {
        !matches!(self.state, None | Some(State::Listen | State::SynSent | State::SynReceived | State::Closed))
    }

    fn judge(&self, peer: &End, segment: &Segment<'_>, window: Window) -> Option<Illegal> {
        let header = &segment.header;
        let flags = header.flags;
        let end = header.seq + segment.seq_len();
        if flags.syn() && (flags.fin() || flags.rst()) {
            return Some(Illegal::Flags);
        }
        if flags.rst() {
            // What a closed port answers takes its number from the acknowledgment it answers, or has none.
            let expected = peer.acked.is_none_or(|acked| header.seq == acked)
                || self.nxt.is_some_and(|nxt| header.seq == nxt)
                || (flags.ack() && peer.state == Some(State::SynSent))
                || self.fin.is_some_and(|fin| header.seq == fin);
            return (!expected && !self.reset).then_some(Illegal::Reset);
        }
        if self.reset && self.state == Some(State::Closed) {
            return Some(Illegal::AfterReset);
        }
        if flags.syn() {
            if segment.options.window_scale.is_some_and(|shift| shift > 14) {
                return Some(Illegal::Scale);
            }
            let again = self.iss == Some(header.seq);
            if !again && self.synchronized() {
                return Some(Illegal::Syn);
            }
            let wrong = |iss: SeqNum, nxt: SeqNum| !header.ack.after(iss) || header.ack.after(nxt);
            if flags.ack()
                && let (Some(iss), Some(nxt)) = (peer.iss, peer.nxt)
                && peer.state == Some(State::SynSent)
                && wrong(iss, nxt)
            {
                return Some(Illegal::SynAck);
            }
            return None;
        }
        if !flags.ack() {
            return self.state.map(|_| Illegal::NoAck);
        }
        if self.fin.is_some_and(|fin| segment.seq_len() > 0 && end.after(fin)) {
            return Some(Illegal::AfterFin);
        }
        if !segment.options.sack.is_empty() && peer.sack_permitted == Some(false) {
            return Some(Illegal::Sack);
        }
        let none = segment.options.timestamps.is_none() && !segment.options_cut;
        if self.timestamps == Some(true) && peer.timestamps == Some(true) && none {
            return Some(Illegal::NoTimestamps);
        }
        // One byte into a closed window is a probe.
        if segment.len > 1 && peer.edge.is_some_and(|edge| (header.seq + segment.len).after(edge)) {
            return Some(Illegal::BeyondWindow);
        }
        let edge = header.ack + window.bytes;
        // A window is for who has more to send.
        (window.known
            && peer.fin.is_none()
            && !flags.fin()
            && self.fin.is_none()
            && self.offered.is_some_and(|known| (edge + (window.unit - 1)).before(known))
            && self.acked.is_some_and(|acked| header.ack.at_or_after(acked)))
        .then_some(Illegal::Shrunk)
    }

    /// What sending the segment says of its sender.
    fn send(&mut self, peer_fin: Option<SeqNum>, segment: &Segment<'_>, window: Window) {
        let header = &segment.header;
        let flags = header.flags;
        let end = header.seq + segment.seq_len();
        if flags.rst() {
            (self.state, self.reset) = (Some(State::Closed), true);
            return;
        }
        if flags.syn() && !self.synchronized() {
            // What was cut off is not known.
            let TcpOptions { sack_permitted, timestamps, .. } = segment.options;
            self.sack_permitted = Some(sack_permitted).filter(|known| *known || !segment.options_cut);
            self.timestamps = Some(timestamps.is_some()).filter(|known| *known || !segment.options_cut);
            (self.iss, self.reset) = (Some(header.seq), false);
            self.state = Some(if flags.ack() { State::SynReceived } else { State::SynSent });
        } else if flags.ack() {
            self.state = Some(match self.state {
                // Its answer shows that the SYN-ACK arrived; in the middle of a connection it is open.
                None | Some(State::SynSent | State::Listen) => State::Established,
                Some(state) => state,
            });
        }
        self.nxt = Some(self.nxt.map_or(end, |nxt| nxt.latest(end)));
        if flags.fin() && self.fin.is_none() {
            self.fin = Some(end);
            self.state = Some(match self.state {
                // It had not seen the other's FIN: both close at once (RFC 9293 figure 13).
                Some(State::CloseWait) if peer_fin.is_some_and(|fin| header.ack.before(fin)) => State::Closing,
                Some(State::CloseWait) => State::LastAck,
                Some(State::SynReceived | State::Established) | None => State::FinWait1,
                Some(state) => state,
            });
        }
        if flags.ack() {
            self.acked = Some(self.acked.map_or(header.ack, |acked| acked.latest(header.ack)));
            if window.known {
                let edge = header.ack + window.bytes;
                // The window of a SYN is not scaled: what the unit makes of it later is no less than was meant.
                self.offered = Some(edge).filter(|_| !flags.syn() || window.unit == 1);
                self.edge = Some(self.edge.map_or(edge, |known| known.latest(edge)));
            }
        }
    }

    /// What its arrival does to the other end.
    fn arrive_at(&self, peer: &mut End, segment: &Segment<'_>) {
        let header = &segment.header;
        let flags = header.flags;
        if flags.rst() {
            // A reset that is off is not obeyed (RFC 5961 section 3.2).
            let obeyed = peer.acked.is_none_or(|acked| header.seq == acked) || peer.state == Some(State::SynSent);
            if obeyed {
                peer.state = Some(State::Closed);
            }
            return;
        }
        if flags.syn() {
            match peer.state {
                None => peer.state = if flags.ack() { None } else { Some(State::Listen) },
                Some(State::SynSent) if flags.ack() => peer.state = Some(State::Established),
                // Simultaneous open (RFC 9293 figure 7).
                Some(State::SynSent) => peer.state = Some(State::SynReceived),
                Some(_) => {}
            }
        }
        if flags.ack() {
            let covers_syn = peer.iss.is_some_and(|iss| header.ack.after(iss));
            if peer.state == Some(State::SynReceived) && covers_syn {
                peer.state = Some(if peer.fin.is_some() { State::FinWait1 } else { State::Established });
            }
            if peer.fin.is_some_and(|fin| header.ack.at_or_after(fin)) {
                peer.state = peer.state.map(|state| match state {
                    State::FinWait1 => State::FinWait2,
                    State::Closing => State::TimeWait,
                    State::LastAck => State::Closed,
                    state => state,
                });
            }
        }
        if self.fin.is_some() && flags.fin() {
            peer.state = peer.state.map(|state| match state {
                State::Established | State::SynReceived => State::CloseWait,
                State::FinWait1 => State::Closing,
                State::FinWait2 => State::TimeWait,
                state => state,
            });
        }
    }
}
