//! Our host and its time: the stack, what leaves it, and when something is due.

use std::collections::VecDeque;
use std::time::Duration;

use crate::stack::{HostConfig, Stack};
use crate::time::Time;
use crate::wire::{Packet, SeqNum};

/// The most packets that may wait to be looked at: a script that makes more leave without expecting them is broken.
const MOST_WAITING: usize = 100_000;

/// A packet that left.
#[derive(Clone, Debug)]
pub struct Departed {
    /// Packets that left before it.
    pub serial: u64,
    pub at: Time,
    pub bytes: Vec<u8>,
    /// Why it was sent and what the state machine knew.
    pub note: String,
}

/// A host under virtual time.
#[derive(Debug)]
pub struct World {
    pub stack: Stack,
    now: Time,
    isn: Option<SeqNum>,
    /// What left and was not looked at yet.
    pub departed: VecDeque<Departed>,
    /// Packets that have left.
    pub left: u64,
    /// What a write that waits has written so far.
    pub written_by_waiting_call: usize,
    /// When the call that is being made began, and when its own timeout ends it.
    pub call_began: Time,
    call_ends: Option<Time>,
    listened: bool,
}

impl World {
    pub fn new(config: HostConfig) -> Self {
        let isn = config.isn;
        World {
            stack: Stack::new(config),
            now: Time::ZERO,
            isn,
            departed: VecDeque::new(),
            left: 0,
            written_by_waiting_call: 0,
            call_began: Time::ZERO,
            call_ends: None,
            listened: false,
        }
    }

    pub fn now(&self) -> Time {
        self.now
    }

    /// The initial sequence number of connections, when it is settled.
    pub fn isn(&self) -> Option<SeqNum> {
        self.isn
    }

    /// A socket listens from now on.
    pub fn listening(&mut self) {
        self.listened = true;
    }

    /// Whether a socket began to listen since the last call.
    pub fn take_listening(&mut self) -> bool {
        std::mem::take(&mut self.listened)
    }

    /// Whether the timeout of poll or epoll_wait, in milliseconds, is over; notes when it will be.
    pub fn call_timed_out(&mut self, timeout: i64) -> bool {
        let Ok(millis) = u64::try_from(timeout) else { return false };
        let end = self.call_began + Duration::from_millis(millis);
        self.call_ends = Some(end);
        self.now >= end
    }

    /// A call begins.
    pub fn begin_call(&mut self) {
        self.call_began = self.now;
        self.call_ends = None;
        self.written_by_waiting_call = 0;
    }

    /// When something is due next, of the stack or of the call that waits.
    pub fn next_due(&self, waiting: bool) -> Option<Time> {
        let call = self.call_ends.filter(|end| waiting && *end > self.now);
        [self.stack.poll_timeout(), call].into_iter().flatten().min()
    }

    /// Time passes, to `at` and no further than the next thing that is due.
    pub fn step(&mut self, at: Time, waiting: bool) {
        let to = self.next_due(waiting).map_or(at, |due| due.min(at));
        self.now = if to > self.now { to } else { self.now };
        self.stack.on_timeout(self.now);
        self.flush();
    }

    /// A packet arrives, with more to come in the same turn or not. What the stack made of it.
    pub fn deliver(&mut self, bytes: Vec<u8>, more: bool) -> Option<String> {
        let arrival = self.stack.on_packet(self.now, &Packet::new(bytes));
        if !more {
            self.flush();
        }
        arrival.note
    }

    /// Lets everything leave that wants to.
    pub fn flush(&mut self) {
        while let Some(outgoing) = self.stack.poll_transmit(self.now) {
            for packet in outgoing.packets() {
                self.left += 1;
                if self.departed.len() < MOST_WAITING {
                    let note = outgoing.note.clone().unwrap_or_default();
                    self.departed.push_back(Departed { serial: self.left, at: self.now, bytes: packet.bytes, note });
                }
            }
        }
        while self.stack.poll_event().is_some() {}
    }
}
