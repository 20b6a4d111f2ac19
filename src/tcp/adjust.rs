//! What a user may change while a connection lives: the knobs that RFC 9293 section 3.9.1 and the socket API offer.

use std::time::Duration;

use super::config::{MAX_BUFFER, RecvBuffer};
use super::connection::Connection;
use super::error::CallError;
use super::state::State;
use super::timers::Timer;
use crate::time::Time;

impl Connection {
    /// Turns Nagle's algorithm on or off (MUST-17). Turning it off lets what waits leave.
    pub fn set_nagle(&mut self, on: bool) {
        self.config.nagle = on;
        self.held.released = Some(self.out.end()).filter(|_| !on && self.unsent() > 0);
    }

    /// While on, what does not fill a segment waits for more, but no longer than [`sws_override`](super::Config) says.
    pub fn set_cork(&mut self, on: bool) {
        self.held.corked = on;
    }

    /// SEND with the announcement that more will follow: what does not fill a segment waits for it, until the next
    /// acknowledgment, and is not marked by PSH.
    pub fn send_more(&mut self, data: &[u8]) -> Result<usize, CallError> {
        let pushed = self.out.pushed();
        let taken = self.send(data)?;
        self.out.set_pushed(pushed);
        self.held.more = true;
        Ok(taken)
    }

    /// What was given so far ends a record: no segment carries bytes from both sides of this place.
    pub fn end_record(&mut self) {
        self.out.end_record();
    }

    /// The differentiated services codepoint of what is sent from now on (MUST-48, SHLD-21).
    pub fn set_dscp(&mut self, dscp: u8) {
        self.config.dscp = dscp & 0x3f;
    }

    /// Gives up when data stays unacknowledged this long (RFC 9293 section 3.9.1.1).
    pub fn set_user_timeout(&mut self, now: Time, timeout: Option<Duration>) {
        self.config.user_timeout = timeout;
        match timeout.filter(|_| self.ended.is_none() && !self.board.is_empty()) {
            Some(timeout) => self.timers.set(Timer::User, now + timeout),
            None => self.timers.stop(Timer::User),
        }
    }

    /// Asks an idle peer after this time whether it is there; `None` never does (SHLD-12, MUST-24).
    pub fn set_keepalive(&mut self, now: Time, idle: Option<Duration>) {
        self.config.keepalive = idle;
        self.keepalive = Default::default();
        match idle.filter(|_| self.state.synchronized() && self.state != State::TimeWait) {
            Some(idle) => self.timers.set(Timer::KeepAlive, now + idle),
            None => self.timers.stop(Timer::KeepAlive),
        }
    }

    /// Time between such questions, and how many may stay unanswered.
    pub fn set_keepalive_limits(&mut self, interval: Duration, probes: u32) {
        self.config.keepalive_interval = interval;
        self.config.keepalive_probes = probes;
    }

    /// Bytes that may wait to be sent or acknowledged.
    pub fn set_send_buffer(&mut self, size: usize) {
        self.config.send_buffer = size.clamp(1, MAX_BUFFER);
        self.out.set_limit(self.config.send_buffer);
        self.on_room();
    }

    /// Bytes that may wait to be read, two units of the window field at least. What was offered already may still come
    /// (SHLD-14), and what has arrived stays.
    pub fn set_recv_buffer(&mut self, size: usize) {
        let unit = 1 << self.opening.scale.unwrap_or(0);
        let size = size.clamp(2 * unit, MAX_BUFFER);
        self.config.recv_buffer = RecvBuffer::Fixed(size);
        self.inb.resize(size);
    }

    /// Acknowledges this many segments at once, counted from the start of the connection.
    pub fn set_quick_acks(&mut self, count: u32) {
        self.config.quick_acks = count;
    }

    /// Acknowledges what has arrived now, not later.
    pub fn acknowledge(&mut self) {
        if self.timers.get(Timer::DelayedAck).is_some() {
            self.acks.now(super::segment::Reason::Ack);
        }
    }
}
