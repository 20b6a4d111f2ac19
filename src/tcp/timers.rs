//! A connection's deadlines: one slot per purpose, no callbacks, no heap.

use crate::time::Time;

/// What a deadline is for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Timer {
    /// Send the oldest unacknowledged data (or SYN) again (RFC 6298).
    Retransmit,
    /// Ask a peer whose window is closed or too small (RFC 9293 section 3.8.6.1).
    Persist,
    /// An acknowledgment has waited long enough for company (section 3.8.6.3).
    DelayedAck,
    /// Ask an idle peer whether it is still there (section 3.8.4).
    KeepAlive,
    /// Data has been unacknowledged for too long (section 3.9.1.1).
    User,
    /// Leave FIN-WAIT-2 although the peer has not closed.
    FinWait2,
    /// Leave TIME-WAIT.
    TimeWait,
}

impl Timer {
    /// All timers, in the order in which due ones are served.
    pub const ALL: [Timer; 7] = [
        Timer::TimeWait,
        Timer::FinWait2,
        Timer::User,
        Timer::Retransmit,
        Timer::Persist,
        Timer::DelayedAck,
        Timer::KeepAlive,
    ];
}

/// The deadlines that are set, and the earliest of them, which is asked for after every segment.
#[derive(Clone, Debug, Default)]
pub struct Timers {
    slots: [Option<Time>; Timer::ALL.len()],
    next: Option<Time>,
}

impl Timers {
    /// Sets a deadline, replacing the one there was.
    pub fn set(&mut self, timer: Timer, at: Time) {
        self.put(timer, Some(at));
    }

    /// Clears a deadline.
    pub fn stop(&mut self, timer: Timer) {
        if self.get(timer).is_some() {
            self.put(timer, None);
        }
    }

    /// Clears all deadlines.
    pub fn stop_all(&mut self) {
        *self = Timers::default();
    }

    /// When `timer` is due, if it is set.
    pub fn get(&self, timer: Timer) -> Option<Time> {
        self.slots.get(timer as usize).copied().flatten()
    }

    /// The earliest deadline.
    pub fn next(&self) -> Option<Time> {
        self.next
    }

    /// Takes one timer that is due at `now`.
    pub fn take_due(&mut self, now: Time) -> Option<Timer> {
        let due = Timer::ALL.into_iter().find(|timer| self.get(*timer).is_some_and(|at| at <= now))?;
        self.stop(due);
        Some(due)
    }

    fn put(&mut self, timer: Timer, at: Option<Time>) {
        if let Some(slot) = self.slots.get_mut(timer as usize) {
            *slot = at;
        }
        self.next = self.slots.iter().flatten().min().copied();
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::time::Duration;

    #[test]
    fn due_timers_come_once_each_and_the_next_deadline_is_the_earliest() {
        let at = |ms| Time::ZERO + Duration::from_millis(ms);
        let mut timers = Timers::default();
        timers.set(Timer::DelayedAck, at(40));
        timers.set(Timer::Retransmit, at(200));
        assert_eq!(timers.next(), Some(at(40)));
        assert_eq!(timers.take_due(at(39)), None);
        assert_eq!(timers.take_due(at(40)), Some(Timer::DelayedAck));
        assert_eq!(timers.take_due(at(40)), None);
        assert_eq!(timers.take_due(at(900)), Some(Timer::Retransmit));
        assert_eq!(timers.next(), None);
    }
}
