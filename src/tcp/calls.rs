//! The user calls (RFC 9293 section 3.10.1 to 3.10.6).

use std::net::SocketAddr;

use super::ack_policy::{AckPolicy, Limiter};
use super::chronograph::Chronograph;
use super::config::{Config, MAX_BUFFER, RecvBuffer};
use super::connection::{
    Connection, DEFAULT_MSS_V4, DEFAULT_MSS_V6, Events, Held, KeepAlive, MIN_MSS, Opening, Persist, Tuning, Usage,
};
use super::ecn::Ecn;
use super::error::{CallError, CloseReason};
use super::recovery::Recovery;
use super::rto::Rto;
use super::scoreboard::Scoreboard;
use super::segment::Reason;
use super::send_buffer::SendBuffer;
use super::state::State;
use super::stats::Stats;
use super::tcb::{Rcv, Snd};
use super::timers::{Timer, Timers};
use super::timestamps::Timestamps;
use crate::time::Time;
use crate::wire::SeqNum;

impl Connection {
    /// Active OPEN: a SYN waits to be sent. `ts_offset` is where our timestamp clock starts.
    pub fn open(config: Config, local: SocketAddr, remote: SocketAddr, iss: SeqNum, ts_offset: u32) -> Self {
        let mut connection = Connection::new(config, local, remote, iss, ts_offset);
        connection.opening.active = true;
        connection.opening.due = true;
        connection.go(State::SynSent);
        connection
    }

    /// Passive OPEN for a peer that is known already, because its SYN is at hand: the connection is in LISTEN and
    /// the SYN goes into [`Connection::on_segment`] next.
    pub fn accept(config: Config, local: SocketAddr, remote: SocketAddr, iss: SeqNum, ts_offset: u32) -> Self {
        let mut connection = Connection::new(config, local, remote, iss, ts_offset);
        connection.go(State::Listen);
        connection
    }

    fn new(mut config: Config, local: SocketAddr, remote: SocketAddr, iss: SeqNum, ts_offset: u32) -> Self {
        config.mss = config.mss.max(MIN_MSS);
        config.send_buffer = config.send_buffer.clamp(1, MAX_BUFFER);
        let unit = 1 << config.scale_offer().unwrap_or(0);
        let recv_buffer = match config.recv_buffer {
            RecvBuffer::Auto { max } => RecvBuffer::Auto { max: max.clamp(2 * unit, MAX_BUFFER) },
            RecvBuffer::Fixed(size) => RecvBuffer::Fixed(size.clamp(2 * unit, MAX_BUFFER)),
        };
        config.recv_buffer = recv_buffer;
        let default_mss = if remote.is_ipv4() { DEFAULT_MSS_V4 } else { DEFAULT_MSS_V6 };
        let mss = default_mss.min(config.mss);
        Connection {
            local,
            remote,
            state: State::Closed,
            opening: Opening { scale: config.scale_offer(), ..Opening::default() },
            snd: Snd {
                iss,
                una: iss,
                nxt: iss,
                max: iss,
                wnd: 0,
                max_wnd: 0,
                wl1: SeqNum(0),
                wl2: SeqNum(0),
                shift: 0,
                mss,
            },
            rcv: Rcv {
                irs: SeqNum(0),
                adv: SeqNum(0),
                shift: 0,
                fin_at: None,
                fin_taken: false,
                last_ack: SeqNum(0),
                mss_seen: 0,
            },
            out: SendBuffer::new(iss + 1, config.send_buffer),
            inb: super::recv_buffer::RecvBuffer::new(config.recv_buffer),
            fin_queued: false,
            urgent_out: None,
            urgent_in: None,
            held: Held::default(),
            usage: Usage::default(),
            detached: false,
            sack: config.sack,
            timestamps: Timestamps::new(config.timestamps, ts_offset),
            ecn: Ecn::new(config.ecn, config.ecn_accept),
            board: Scoreboard::default(),
            recovery: Recovery::default(),
            congestion: config.congestion.controller(u32::from(mss), config.initial_window),
            rto: Rto::new(&config),
            acks: AckPolicy::default(),
            answers: Limiter::default(),
            dsack: None,
            tuning: Tuning::default(),
            persist: Persist::default(),
            keepalive: KeepAlive::default(),
            timers: Timers::default(),
            path_mss: u16::MAX,
            reset: None,
            events: Events::default(),
            last_sent: None,
            soft_error: None,
            ended: None,
            stats: Stats::default(),
            chronograph: Chronograph::default(),
            heard: None,
            text_heard: None,
            config,
        }
    }

    /// SEND: takes as much of `data` as there is room for and says how much that was; 0 means that an
    /// [`Event::Writable`](super::Event::Writable) will come. Data may be given before the connection is open.
    pub fn send(&mut self, data: &[u8]) -> Result<usize, CallError> {
        if let Some(reason) = self.ended {
            return Err(CallError::Ended(reason));
        }
        if self.fin_queued {
            return Err(CallError::Closing);
        }
        match self.state {
            State::Closed | State::Listen => Err(CallError::NotOpen),
            _ => {
                let taken = self.out.push(data);
                self.out.end_push();
                self.held.more = false;
                self.events.wants_room = taken < data.len();
                Ok(taken)
            }
        }
    }

    /// SEND with the URGENT flag (section 3.8.5): all that was given up to here is urgent.
    pub fn send_urgent(&mut self, data: &[u8]) -> Result<usize, CallError> {
        let taken = self.send(data)?;
        if taken > 0 {
            self.urgent_out = Some(self.out.end());
        }
        Ok(taken)
    }

    /// RECEIVE without taking: the readable bytes as at most two slices. [`Connection::consume`] takes them.
    pub fn peek(&self) -> (&[u8], &[u8]) {
        self.inb.peek()
    }

    /// Bytes that can be received now.
    pub fn readable(&self) -> usize {
        self.inb.readable()
    }

    /// Whether all that the peer will ever send has been taken: its FIN has arrived and nothing is left to read.
    pub fn at_end(&self) -> bool {
        self.rcv.fin_taken && self.inb.readable() == 0
    }

    /// RECEIVE: copies into `buffer` and takes what was copied. `Ok(0)` for a buffer with room means that nothing
    /// is there yet, unless [`Connection::at_end`].
    pub fn receive(&mut self, now: Time, buffer: &mut [u8]) -> Result<usize, CallError> {
        let (first, second) = self.inb.peek();
        let mut copied = 0;
        for part in [first, second] {
            let space = buffer.get_mut(copied..).unwrap_or_default();
            let len = part.len().min(space.len());
            if let (Some(to), Some(from)) = (space.get_mut(..len), part.get(..len)) {
                to.copy_from_slice(from);
                copied += len;
            }
        }
        if copied == 0 && !self.rcv.fin_taken {
            self.receivable()?;
        }
        self.consume(now, copied);
        Ok(copied)
    }

    /// Whether more may come: an error once it cannot (section 3.10.3).
    pub fn receivable(&self) -> Result<(), CallError> {
        match self.ended {
            Some(CloseReason::Done) | None => Ok(()),
            Some(reason) => Err(CallError::Ended(reason)),
        }
    }

    /// Takes `count` of the readable bytes: the window may grow.
    pub fn consume(&mut self, now: Time, count: usize) {
        if count == 0 {
            return;
        }
        self.inb.consume(count);
        self.tune(now, count);
        // Section 3.8.6.2.2: tell of a larger window only when it is worth a segment, and only when what the peer
        // still has is so little that it may be waiting.
        let gain = self.window_edge(self.rcv.shift).offset_from(self.rcv.adv).max(0) as u32;
        let limit = self.inb.limit() as u32;
        let worth = (limit / 2).min(2 * u32::from(self.config.mss));
        if self.state.receives() && gain >= worth && self.rcv_wnd() <= limit / 2 {
            self.acks.now(Reason::WindowUpdate);
        }
    }

    /// Grows the receive buffer to twice what the user takes in a round trip.
    fn tune(&mut self, now: Time, count: usize) {
        self.tuning.taken += count;
        let Some(rtt) = self.rto.srtt() else { return };
        let since = *self.tuning.since.get_or_insert(now);
        if now.since(since) >= rtt {
            self.inb.grow(self.tuning.taken.saturating_mul(2));
            self.tuning = Tuning { since: Some(now), taken: 0 };
        }
    }

    /// CLOSE: nothing more will be sent; a FIN follows what was given. Receiving goes on. Closing twice is harmless.
    pub fn shutdown(&mut self) {
        if self.fin_queued || self.ended.is_some() {
            return;
        }
        match self.state {
            State::Closed => {}
            State::Listen => self.end(CloseReason::Aborted),
            // Section 3.10.4: with nothing sent or queued there is nothing to finish.
            State::SynSent if self.out.is_empty() => self.end(CloseReason::Aborted),
            _ => {
                self.fin_queued = true;
                self.enter_closing_state();
            }
        }
    }

    /// The state that follows from the user's CLOSE, once the connection is open; before that the FIN waits (section
    /// 3.10.4, "queue for processing after entering ESTABLISHED state").
    pub(super) fn enter_closing_state(&mut self) {
        match self.state {
            State::Established => self.go(State::FinWait1),
            State::CloseWait => self.go(State::LastAck),
            _ => {}
        }
    }

    /// The user will neither read nor write again. Unread data means that the peer's bytes are lost, which it is
    /// told by RST (RFC 2525 section 2.17); otherwise the connection closes in the ordinary way.
    pub fn detach(&mut self, now: Time) {
        self.detached = true;
        // Whoever has closed before has given up reading then; what it sent is still to be delivered.
        let given_up = self.fin_queued && self.rcv.fin_taken;
        if self.inb.readable() > 0 && !given_up && self.ended.is_none() {
            self.abort();
            return;
        }
        self.shutdown();
        if self.state == State::FinWait2 {
            self.timers.set(Timer::FinWait2, now + self.config.fin_wait_2);
        }
    }

    /// ABORT: the peer gets a RST (section 3.10.5).
    pub fn abort(&mut self) {
        match self.state {
            State::Closed => {}
            State::Listen | State::SynSent => self.end(CloseReason::Aborted),
            // Section 3.10.5: silent, once our FIN has left. Before that the peer would wait for it for ever.
            State::Closing | State::LastAck if self.unsent() == 0 => self.end(CloseReason::Aborted),
            State::TimeWait => self.end(CloseReason::Done),
            _ => {
                self.reset = Some((self.snd.nxt, Some(self.rcv_nxt())));
                self.end(CloseReason::Aborted);
            }
        }
    }

    /// TIME-WAIT gives way to a new connection between the same ends.
    pub fn forget(&mut self) {
        if self.state == State::TimeWait {
            self.end(CloseReason::Done);
        }
    }
}
