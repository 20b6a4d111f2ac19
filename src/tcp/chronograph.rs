//! What a sender's time went into: how long there was something to send, and what kept it back.

use std::time::Duration;

use crate::time::Time;

/// One running total.
#[derive(Clone, Copy, Debug, Default)]
struct Clock {
    since: Option<Time>,
    total: Duration,
}

impl Clock {
    #[inline]
    fn set(&mut self, now: Time, running: bool) {
        match (self.since, running) {
            (None, true) => self.since = Some(now),
            (Some(since), false) => {
                self.total += now.since(since);
                self.since = None;
            }
            _ => {}
        }
    }

    fn read(&self, now: Time) -> Duration {
        self.total + self.since.map_or(Duration::ZERO, |since| now.since(since))
    }
}

/// The totals of one connection.
#[derive(Clone, Copy, Debug, Default)]
pub struct Chronograph {
    busy: Clock,
    window: Clock,
    buffer: Clock,
}

impl Chronograph {
    /// What holds from now on: bytes are unacknowledged or unsent; the peer's window keeps some back; the send buffer
    /// is full and all of it is sent, so that the user could give more and may not.
    pub(super) fn set(&mut self, now: Time, busy: bool, window: bool, buffer: bool) {
        self.busy.set(now, busy);
        self.window.set(now, window);
        self.buffer.set(now, buffer);
    }

    /// How long there was something to send or to be acknowledged.
    pub fn busy(&self, now: Time) -> Duration {
        self.busy.read(now)
    }

    /// How long the peer's window was what kept data back.
    pub fn window_limited(&self, now: Time) -> Duration {
        self.window.read(now)
    }

    /// How long the send buffer was what kept data back.
    pub fn buffer_limited(&self, now: Time) -> Duration {
        self.buffer.read(now)
    }
}
