//! A listener: handshakes under way and connections that wait to be accepted, both bounded.

use std::collections::VecDeque;

use super::slab::ConnId;
use crate::tcp::Config;

/// One listening address.
#[derive(Debug)]
pub struct Listener {
    backlog: usize,
    half_open: Vec<ConnId>,
    waiting: VecDeque<ConnId>,
    /// How its connections behave.
    pub tcp: Config,
}

impl Listener {
    pub fn new(backlog: usize, tcp: Config) -> Self {
        Listener { backlog: backlog.max(1), half_open: Vec::new(), waiting: VecDeque::new(), tcp }
    }

    /// Whether one more SYN is taken. `backlog` bounds handshakes and waiting connections together, so a flood
    /// of either kind costs a fixed amount of memory.
    pub fn has_room(&self) -> bool {
        self.half_open.len() + self.waiting.len() < self.backlog
    }

    pub fn on_syn(&mut self, id: ConnId) {
        self.half_open.push(id);
    }

    pub fn on_established(&mut self, id: ConnId) {
        self.half_open.retain(|other| *other != id);
        self.waiting.push_back(id);
    }

    /// A connection ended before it was accepted. True when nobody can accept it any more: one that is
    /// established is still handed out, so that its user sees what it sent.
    pub fn on_finished(&mut self, id: ConnId) -> bool {
        let before = self.half_open.len();
        self.half_open.retain(|other| *other != id);
        self.half_open.len() < before
    }

    /// Whether a connection waits to be accepted.
    pub fn is_acceptable(&self) -> bool {
        !self.waiting.is_empty()
    }

    pub fn accept(&mut self) -> Option<ConnId> {
        self.waiting.pop_front()
    }

    /// Everything that nobody will accept now.
    pub fn into_orphans(self) -> impl Iterator<Item = ConnId> {
        self.half_open.into_iter().chain(self.waiting)
    }
}
