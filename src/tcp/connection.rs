//! The connection: its parts, and what an observer may see.

use std::net::SocketAddr;
use std::ops::Range;
use std::time::Duration;

use super::ack_policy::{AckPolicy, Limiter};
use super::chronograph::Chronograph;
use super::config::Config;
use super::congestion::Controller;
use super::ecn::Ecn;
use super::error::CloseReason;
use super::recovery::{Phase, Recovery};
use super::recv_buffer::RecvBuffer;
use super::rto::Rto;
use super::scoreboard::Scoreboard;
use super::send_buffer::SendBuffer;
use super::state::State;
use super::stats::Stats;
use super::tcb::{Rcv, Snd};
use super::timers::{Timer, Timers};
use super::timestamps::Timestamps;
use crate::time::Time;
use crate::wire::SeqNum;
use crate::wire::icmp::IcmpKind;

/// The smallest MSS we send with, whatever the peer says: room for 40 bytes of options and 8 of text. A peer that
/// announces less makes us send thousands of headers (CVE-2019-11479).
pub(super) const MIN_MSS: u16 = 48;
/// The MSS of a peer that announces none (RFC 9293 MUST-15).
pub(super) const DEFAULT_MSS_V4: u16 = 536;
/// The same for IPv6.
pub(super) const DEFAULT_MSS_V6: u16 = 1220;

/// One connection. The module's documentation says how to drive it.
#[derive(Debug)]
pub struct Connection {
    pub(super) config: Config,
    pub(super) local: SocketAddr,
    pub(super) remote: SocketAddr,
    pub(super) state: State,
    pub(super) opening: Opening,
    pub(super) snd: Snd,
    pub(super) rcv: Rcv,
    pub(super) out: SendBuffer,
    pub(super) inb: RecvBuffer,
    /// The user closed: a FIN follows the last byte of `out`.
    pub(super) fin_queued: bool,
    /// SND.UP: after the last byte that the user calls urgent, until that is acknowledged.
    pub(super) urgent_out: Option<SeqNum>,
    /// RCV.UP as an offset of the peer's stream: after the last byte that the peer calls urgent.
    pub(super) urgent_in: Option<u64>,
    /// What the user said of data that does not fill a segment.
    pub(super) held: Held,
    /// Nobody will read: text that arrives now is answered by RST (RFC 1122 section 4.2.2.13).
    pub(super) detached: bool,
    /// SACK was offered, later agreed.
    pub(super) sack: bool,
    pub(super) timestamps: Timestamps,
    pub(super) ecn: Ecn,
    pub(super) board: Scoreboard,
    pub(super) recovery: Recovery,
    pub(super) usage: Usage,
    pub(super) congestion: Box<dyn Controller>,
    pub(super) rto: Rto,
    pub(super) acks: AckPolicy,
    pub(super) answers: Limiter,
    /// A stretch that arrived twice, for the next SACK option (RFC 2883).
    pub(super) dsack: Option<Range<u64>>,
    pub(super) tuning: Tuning,
    pub(super) persist: Persist,
    pub(super) keepalive: KeepAlive,
    pub(super) timers: Timers,
    /// The largest segment that the path carries, as far as is known.
    pub(super) path_mss: u16,
    /// A RST that waits to leave: sequence number, and acknowledgment number if it carries one.
    pub(super) reset: Option<(SeqNum, Option<SeqNum>)>,
    pub(super) events: Events,
    /// When data was last sent, for the restart after idle time (RFC 5681 section 4.1).
    pub(super) last_sent: Option<Time>,
    /// The last ICMP error that did not end the connection.
    pub(super) soft_error: Option<IcmpKind>,
    pub(super) ended: Option<CloseReason>,
    pub(super) stats: Stats,
    pub(super) chronograph: Chronograph,
    /// When a segment of the peer was last taken; when one with text was, or the handshake ended.
    pub(super) heard: Option<Time>,
    pub(super) text_heard: Option<Time>,
}

/// Our SYN.
#[derive(Clone, Debug, Default)]
pub(super) struct Opening {
    /// OPEN was active.
    pub active: bool,
    /// The SYN, or SYN-ACK, is to be sent.
    pub due: bool,
    /// How often it was.
    pub sends: u32,
    /// How often because nothing came back.
    pub timeouts: u32,
    /// When it was first sent.
    pub sent: Option<Time>,
    /// The shift that we offer, from the first SYN to the last.
    pub scale: Option<u8>,
    /// The window that our SYN offered.
    pub offered: u16,
    /// Both ends sent the window scale option (RFC 7323 section 2.2).
    pub scaled: bool,
    /// How many of our SYNs met a soft ICMP error, and the last that did.
    pub troubles: u32,
    pub blamed: u32,
    /// Text and FIN that came with the peer's SYN and wait for ESTABLISHED (RFC 9293 section 3.10.7.2 and 3.10.7.3).
    pub queued: Option<Box<Queued>>,
}

/// What a SYN carried beside itself: no more than one segment of text, so that what a flood of forged SYNs costs is
/// bounded by the listener's backlog.
#[derive(Clone, Debug, Default)]
pub(super) struct Queued {
    pub text: Vec<u8>,
    pub fin: bool,
}

/// Why the last segment waits although Nagle would let it go.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Held {
    /// Until the user says otherwise.
    pub corked: bool,
    /// The last call announced more data; until the next acknowledgment.
    pub more: bool,
    /// What there is up to here leaves, corked or not.
    pub released: Option<SeqNum>,
}

/// How much of the congestion window was used. RFC 7661 judges by what was acknowledged in a round trip (pipeACK); the most
/// that was in flight when it was sent comes to the same without waiting for the acknowledgments.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Usage {
    /// The most that was in flight in the last round trip.
    pub peak: u32,
    /// It is over when this is acknowledged: SND.NXT after its first segment.
    pub until: Option<SeqNum>,
}

/// Receive-buffer auto-tuning: the buffer is kept at twice what the user took in the last round trip, so that
/// the window never is what limits a sender that is still speeding up.
#[derive(Clone, Debug, Default)]
pub(super) struct Tuning {
    pub since: Option<Time>,
    pub taken: usize,
}

/// Asking a peer whose window is closed.
#[derive(Clone, Debug, Default)]
pub(super) struct Persist {
    /// A probe is to be sent.
    pub due: bool,
    /// Probes in a row; the interval doubles with each.
    pub probes: u32,
    /// Of those, the ones since the peer was last heard.
    pub unanswered: u32,
}

/// Asking an idle peer.
#[derive(Clone, Debug, Default)]
pub(super) struct KeepAlive {
    pub due: bool,
    pub unanswered: u32,
}

/// What the user is to be told.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Event {
    /// ESTABLISHED is reached.
    Connected,
    /// There is something to receive, or the peer's end.
    Readable,
    /// The peer calls something urgent that has not been read (MUST-32).
    Urgent,
    /// Something is wrong that need not last (MUST-47): an ICMP error says so ([`Connection::soft_error`]), or the same data
    /// was sent three times in vain (R1 of section 3.8.3, SHLD-9).
    Trouble,
    /// There is room to send again.
    Writable,
    /// The peer has acknowledged all that we sent, and that we closed.
    Delivered,
    /// It is over.
    Closed(CloseReason),
}

#[derive(Clone, Debug, Default)]
pub(super) struct Events {
    pub connected: bool,
    pub readable: bool,
    pub urgent: bool,
    pub trouble: bool,
    pub writable: bool,
    pub delivered: bool,
    pub closed: bool,
    /// The user was told that there is no room.
    pub wants_room: bool,
}

impl Connection {
    /// What happened since the last call, one at a time.
    pub fn poll_event(&mut self) -> Option<Event> {
        if std::mem::take(&mut self.events.connected) {
            return Some(Event::Connected);
        }
        if std::mem::take(&mut self.events.readable) {
            return Some(Event::Readable);
        }
        if std::mem::take(&mut self.events.urgent) {
            return Some(Event::Urgent);
        }
        if std::mem::take(&mut self.events.trouble) {
            return Some(Event::Trouble);
        }
        if std::mem::take(&mut self.events.writable) {
            return Some(Event::Writable);
        }
        if std::mem::take(&mut self.events.delivered) {
            return Some(Event::Delivered);
        }
        let reason = self.ended?;
        std::mem::take(&mut self.events.closed).then_some(Event::Closed(reason))
    }

    /// When [`Connection::on_timeout`] is to be called next.
    pub fn poll_timeout(&self) -> Option<Time> {
        self.timers.next()
    }

    /// The state.
    pub fn state(&self) -> State {
        self.state
    }

    /// Our address.
    pub fn local(&self) -> SocketAddr {
        self.local
    }

    /// The peer's address.
    pub fn remote(&self) -> SocketAddr {
        self.remote
    }

    /// How this end behaves.
    pub fn config(&self) -> &Config {
        &self.config
    }

    /// SND.UNA.
    pub fn snd_una(&self) -> SeqNum {
        self.snd.una
    }

    /// SND.NXT.
    pub fn snd_nxt(&self) -> SeqNum {
        self.snd.nxt
    }

    /// SND.WND in bytes.
    pub fn snd_wnd(&self) -> u32 {
        self.snd.wnd
    }

    /// The largest SND.WND there was, in bytes.
    pub fn largest_window(&self) -> u32 {
        self.snd.max_wnd
    }

    /// ISS.
    pub fn iss(&self) -> SeqNum {
        self.snd.iss
    }

    /// RCV.NXT.
    pub fn rcv_nxt(&self) -> SeqNum {
        self.rcv_text_nxt() + u32::from(self.rcv.fin_taken)
    }

    /// RCV.WND in bytes: what we have offered and the peer has not used.
    pub fn rcv_wnd(&self) -> u32 {
        self.rcv.adv.offset_from(self.rcv_nxt()).max(0) as u32
    }

    /// SMSS: payload bytes in a full segment with the options that every segment carries (RFC 5681 section 2).
    pub fn smss(&self) -> u32 {
        let options = if self.timestamps.on { 12 } else { 0 };
        u32::from(self.snd.mss) - options
    }

    /// cwnd in bytes.
    pub fn cwnd(&self) -> u32 {
        self.congestion.window()
    }

    /// ssthresh in bytes.
    pub fn ssthresh(&self) -> u32 {
        self.congestion.slow_start_threshold()
    }

    /// Bytes thought to be in the network (RFC 6675 section 4).
    pub fn pipe(&self) -> u32 {
        self.board.pipe().saturating_sub(self.recovery.departed())
    }

    /// Both ends sent the window scale option.
    pub fn is_scaled(&self) -> bool {
        self.opening.scaled
    }

    /// The window was reduced because of a congestion mark, less than a round trip ago.
    pub fn is_reduced(&self) -> bool {
        self.ecn.is_reduced(self.snd.una)
    }

    /// What the sender's time went into.
    pub fn chronograph(&self) -> &Chronograph {
        &self.chronograph
    }

    /// When data was last sent.
    pub fn last_data_sent(&self) -> Option<Time> {
        self.last_sent
    }

    /// When a segment with text last arrived.
    pub fn last_data_received(&self) -> Option<Time> {
        self.text_heard
    }

    /// When an acceptable segment last arrived.
    pub fn last_heard(&self) -> Option<Time> {
        self.heard
    }

    /// Bytes still to be read up to the end of what the peer calls urgent (MUST-33).
    pub fn urgent_left(&self) -> u64 {
        let read = self.inb.next() - self.inb.readable() as u64;
        self.urgent_in.map_or(0, |end| end.saturating_sub(read))
    }

    /// The last ICMP error that did not end the connection.
    pub fn soft_error(&self) -> Option<IcmpKind> {
        self.soft_error
    }

    /// Transmissions of our SYN that a soft ICMP error was reported for while the connection opened. TCP goes on
    /// whatever their number (RFC 9293 MUST-56); whoever waits may have less patience.
    pub fn syns_in_trouble(&self) -> u32 {
        self.opening.troubles
    }

    /// Bytes that the peer reported to have beyond a hole.
    pub fn sacked(&self) -> u32 {
        self.board.sacked()
    }

    /// Bytes thought to be lost and not acknowledged since.
    pub fn lost(&self) -> u32 {
        self.board.lost()
    }

    /// Bytes in flight that were sent again.
    pub fn resent(&self) -> u32 {
        self.board.resent()
    }

    /// Where loss recovery stands.
    pub fn phase(&self) -> Phase {
        self.recovery.phase
    }

    /// Duplicate acknowledgments in a row.
    pub fn dup_acks(&self) -> u32 {
        self.recovery.dup_acks
    }

    /// Retransmission timeouts in a row.
    pub fn timeouts_in_a_row(&self) -> u32 {
        self.recovery.timeouts
    }

    /// Window or keep-alive probes in a row that were not answered.
    pub fn probes_unanswered(&self) -> u32 {
        self.persist.unanswered + self.keepalive.unanswered
    }

    /// Bytes that the user gave us and that were never sent, with the FIN.
    pub fn not_sent(&self) -> u32 {
        self.unsent()
    }

    /// Bytes that the user gave us and the peer has not acknowledged.
    pub fn buffered(&self) -> usize {
        self.out.len()
    }

    /// The MSS of the peer, lowered to what the path carries.
    pub fn send_mss(&self) -> u16 {
        self.snd.mss
    }

    /// The largest segment that arrived, in bytes.
    pub fn mss_seen(&self) -> u32 {
        self.rcv.mss_seen
    }

    /// Whether the peer's FIN has arrived.
    pub fn peer_closed(&self) -> bool {
        self.rcv.fin_taken
    }

    /// Whether the user has closed our direction.
    pub fn we_closed(&self) -> bool {
        self.fin_queued
    }

    /// The size of the receive buffer now, in bytes.
    pub fn recv_buffer(&self) -> usize {
        self.inb.limit()
    }

    /// Bytes sent and not acknowledged.
    pub fn flight(&self) -> u32 {
        self.board.outstanding()
    }

    /// Round-trip times and RTO.
    pub fn rto(&self) -> &Rto {
        &self.rto
    }

    /// Counters.
    pub fn stats(&self) -> &Stats {
        &self.stats
    }

    /// Whether both ends agreed on SACK, timestamps and ECN, in this order.
    pub fn agreed(&self) -> (bool, bool, bool) {
        (self.sack, self.timestamps.on, self.ecn.agreed())
    }

    /// The shifts of the peer's window and of ours.
    pub fn window_shifts(&self) -> (u8, u8) {
        (self.snd.shift, self.rcv.shift)
    }

    /// Why it ended, once it has.
    pub fn ended(&self) -> Option<CloseReason> {
        self.ended
    }

    /// Nothing is left to do or to send: the connection can be forgotten.
    pub fn is_finished(&self) -> bool {
        self.state == State::Closed && self.reset.is_none()
    }

    /// Since when the connection is in TIME-WAIT: since the last FIN of the peer.
    pub fn time_wait_since(&self) -> Option<Time> {
        Some(self.timers.get(Timer::TimeWait)? - self.config.time_wait)
    }

    /// All bytes that the user gave us, and our FIN if there is one, are acknowledged.
    pub fn all_acknowledged(&self) -> bool {
        self.out.is_empty() && (!self.fin_queued || self.fin_acknowledged())
    }

    /// The state and the numbers that explain what is sent, in one line.
    pub fn describe(&self) -> String {
        let ssthresh = match self.ssthresh() {
            u32::MAX => String::from("-"),
            bytes => bytes.to_string(),
        };
        format!(
            "{} cwnd {} ssthresh {ssthresh} pipe {} rto {}",
            self.state,
            self.cwnd(),
            self.pipe(),
            humantime::format_duration(Duration::from_millis(self.rto.current().as_millis() as u64)),
        )
    }

    /// The sequence number of the next text that we wait for.
    pub(super) fn rcv_text_nxt(&self) -> SeqNum {
        self.rcv.irs + 1 + self.inb.next() as u32
    }

    /// The sequence number of stream offset `offset`.
    pub(super) fn rcv_seq(&self, offset: u64) -> SeqNum {
        self.rcv.irs + 1 + offset as u32
    }

    /// The sequence number of our FIN, once the user has closed.
    pub(super) fn fin_seq(&self) -> Option<SeqNum> {
        self.fin_queued.then(|| self.out.end())
    }

    pub(super) fn fin_acknowledged(&self) -> bool {
        self.fin_seq().is_some_and(|fin| self.snd.una.after(fin))
    }

    /// Text and FIN that were never sent.
    pub(super) fn unsent(&self) -> u32 {
        let end = self.out.end() + u32::from(self.fin_queued);
        end.offset_from(self.snd.nxt).max(0) as u32
    }

    pub(super) fn go(&mut self, to: State) {
        debug_assert!(self.state.may_become(to), "{} to {to}", self.state);
        self.state = to;
    }

    /// The connection is over: timers stop, the user is told.
    pub(super) fn end(&mut self, reason: CloseReason) {
        self.go(State::Closed);
        self.timers.stop_all();
        self.tell_end(reason);
    }

    /// TIME-WAIT: the user's part is over, the timer runs (section 3.10.7.4).
    pub(super) fn enter_time_wait(&mut self, now: Time) {
        if self.state != State::TimeWait {
            self.go(State::TimeWait);
            self.tell_end(CloseReason::Done);
        }
        self.timers.stop_all();
        self.timers.set(Timer::TimeWait, now + self.config.time_wait);
    }

    fn tell_end(&mut self, reason: CloseReason) {
        if self.ended.is_none() {
            self.ended = Some(reason);
            self.events.closed = true;
            self.events.readable = true;
        }
    }
}
