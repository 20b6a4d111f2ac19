//! One host: its addresses, its connections and listeners, and which packet is for whom.
//!
//! [`Stack`] has the same contract as [`tcp::Connection`](crate::tcp::Connection): no I/O, no clock, families
//! of methods told by name. Packets go in through [`Stack::on_packet`] and come out of [`Stack::poll_transmit`].
//!
//! | file        | subject |
//! |-------------|---------|
//! | `arrivals`  | a packet's way from its first byte to its connection |
//! | `calls`     | connect, listen, accept, and access to connections |
//! | `slab`      | connections by id; ids that are gone stay gone |
//! | `listener`  | SYN backlog and accept queue |
//! | `ports`     | ephemeral ports (RFC 6056) |
//! | `paths`     | path MTU by destination (RFC 1191, 8201) |
//! | `counters`  | what was discarded and why |
//!
//! Iteration never follows a hash map's order: the same inputs give the same packets in the same order.

#![cfg_attr(not(test), deny(clippy::indexing_slicing, clippy::unwrap_used, clippy::expect_used, clippy::panic))]

mod arrivals;
mod calls;
pub mod counters;
mod listener;
mod paths;
mod ports;
mod slab;

use std::collections::{BTreeMap, BTreeSet, HashMap, VecDeque};
use std::net::{IpAddr, SocketAddr};

use crate::tcp::{Config, Connection, Event, Secret, Transmit};
use crate::time::Time;
use crate::wire::ip::IpHeader;
use crate::wire::{Outgoing, Protocol, SeqNum};

pub use arrivals::Arrival;
pub use calls::{ConnectError, ListenError};
pub use counters::Counters;
pub use slab::ConnId;

use listener::Listener;
use paths::Paths;
use slab::Slab;

/// A host's settings.
#[derive(Clone, Debug)]
pub struct HostConfig {
    /// Its addresses; packets to others are not for it. Without any, its link decides what is.
    pub addresses: Vec<IpAddr>,
    /// Whether the addresses are this stack's alone. Where they are not, a kernel answers strangers, and we
    /// answer only on the ports that are ours.
    pub owns_addresses: bool,
    /// The largest IP packet its link carries, in bytes.
    pub mtu: usize,
    /// Time to live of what it sends.
    pub ttl: u8,
    /// How its connections behave.
    pub tcp: Config,
    /// The initial sequence number of every connection, where it is not to be chosen (RFC 6528): for scripts.
    pub isn: Option<SeqNum>,
    /// The key behind sequence numbers, timestamps and ports.
    pub secret: Secret,
    /// Say for every packet what the state machine knew (for captures).
    pub annotate: bool,
}

/// What happened, for whoever drives the stack.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum StackEvent {
    /// Something happened on a connection.
    Connection(ConnId, Event),
    /// A connection waits to be accepted on the listener at this address.
    Acceptable(SocketAddr),
}

/// One host.
#[derive(Debug)]
pub struct Stack {
    config: HostConfig,
    slab: Slab,
    by_addresses: HashMap<(SocketAddr, SocketAddr), ConnId>,
    /// What the last packet was for.
    last_found: Option<ConnId>,
    listeners: BTreeMap<SocketAddr, Listener>,
    /// Ends we answer for although the addresses are shared.
    guarded: BTreeSet<SocketAddr>,
    deadlines: BTreeSet<(Time, ConnId)>,
    /// Connections that may have something to send, in turn.
    ready: VecDeque<ConnId>,
    /// Answers that belong to no connection.
    answers: VecDeque<Outgoing>,
    events: VecDeque<StackEvent>,
    counters: Counters,
    paths: Paths,
    /// Something to tell the user; and whether stripped timestamps were told of.
    warning: Option<String>,
    warned_of_timestamps: bool,
    ip_id: u16,
    ports_taken: u16,
}

impl Stack {
    /// A host without connections.
    pub fn new(config: HostConfig) -> Self {
        let ip_id = config.secret.0[0] as u16;
        Stack {
            config,
            slab: Slab::default(),
            by_addresses: HashMap::new(),
            last_found: None,
            listeners: BTreeMap::new(),
            guarded: BTreeSet::new(),
            deadlines: BTreeSet::new(),
            ready: VecDeque::new(),
            answers: VecDeque::new(),
            events: VecDeque::new(),
            counters: Counters::default(),
            paths: Paths::default(),
            warning: None,
            warned_of_timestamps: false,
            ip_id,
            ports_taken: 0,
        }
    }

    /// Serves every timer that is due.
    pub fn on_timeout(&mut self, now: Time) {
        while let Some(&(at, id)) = self.deadlines.first() {
            if at > now {
                break;
            }
            self.deadlines.pop_first();
            if let Some(slot) = self.slab.get_mut(id) {
                slot.deadline = None;
                slot.connection.on_timeout(now);
            }
            self.settle(id);
        }
    }

    /// When [`Stack::on_timeout`] is to be called next.
    pub fn poll_timeout(&self) -> Option<Time> {
        self.deadlines.first().map(|(at, _)| *at)
    }

    /// The next packet or super-segment to send, until there is none.
    pub fn poll_transmit(&mut self, now: Time) -> Option<Outgoing> {
        if let Some(answer) = self.answers.pop_front() {
            return Some(answer);
        }
        while let Some(id) = self.ready.pop_front() {
            let annotate = self.config.annotate;
            let Some(slot) = self.slab.get_mut(id) else { continue };
            slot.queued = false;
            if let Some(transmit) = slot.connection.poll_transmit(now) {
                let note = annotate.then(|| format!("{}; {}", transmit.reason, slot.connection.describe()));
                let (src, dst) = (slot.connection.local().ip(), slot.connection.remote().ip());
                let dscp = slot.connection.config().dscp;
                // Whoever has more to send waits until the others had a turn.
                self.settle(id);
                return Some(self.wrap((src, dst), dscp, transmit, note));
            }
            self.reschedule(id);
        }
        None
    }

    /// What happened since the last call, one at a time.
    pub fn poll_event(&mut self) -> Option<StackEvent> {
        self.events.pop_front()
    }

    /// Something about a peer that the user should know, said once.
    pub fn poll_warning(&mut self) -> Option<String> {
        self.warning.take()
    }

    /// What was discarded.
    pub fn counters(&self) -> &Counters {
        &self.counters
    }

    /// The settings.
    pub fn config(&self) -> &HostConfig {
        &self.config
    }

    /// A connection, for observers.
    pub fn connection(&self, id: ConnId) -> Option<&Connection> {
        self.slab.get(id).map(|slot| &slot.connection)
    }

    /// All connections, oldest slot first.
    pub fn connections(&self) -> impl Iterator<Item = (ConnId, &Connection)> {
        self.slab.iter().map(|(id, slot)| (id, &slot.connection))
    }

    /// Whether a connection is there, alive, and between these ends.
    fn is_between(&self, id: ConnId, local: (&IpAddr, u16), remote: (&IpAddr, u16)) -> bool {
        let is = |end: SocketAddr, wanted: (&IpAddr, u16)| end.port() == wanted.1 && end.ip() == *wanted.0;
        let connection = self.slab.get(id).map(|slot| &slot.connection);
        connection.is_some_and(|c| is(c.remote(), remote) && is(c.local(), local) && !c.is_finished())
    }

    /// Puts the IP header around a segment.
    fn wrap(&mut self, (src, dst): (IpAddr, IpAddr), dscp: u8, transmit: Transmit, note: Option<String>) -> Outgoing {
        let packets = transmit.payload.len().div_ceil(transmit.segment_size.max(1)).max(1);
        // Never 0 for the first packet: on raw sockets the kernel takes that for "fill in yours".
        let id = self.ip_id.max(1);
        self.ip_id = id.wrapping_add(packets as u16);
        Outgoing {
            ip: IpHeader { src, dst, protocol: Protocol::TCP, ttl: self.config.ttl, dscp, ecn: transmit.ecn, id },
            tcp: transmit.header,
            options: transmit.options,
            payload: transmit.payload,
            segment_size: transmit.segment_size,
            note,
        }
    }

    /// After anything happened to a connection: its events, its deadline, its turn to send, its end.
    fn settle(&mut self, id: ConnId) {
        let Some(slot) = self.slab.get_mut(id) else { return };
        if !slot.queued {
            slot.queued = true;
            self.ready.push_back(id);
        }
        while let Some(event) = slot.connection.poll_event() {
            match event {
                Event::Connected if slot.parent.is_some() => {
                    let parent = slot.parent;
                    if let Some((address, listener)) =
                        parent.and_then(|at| self.listeners.get_mut(&at).map(|listener| (at, listener)))
                    {
                        listener.on_established(id);
                        self.events.push_back(StackEvent::Acceptable(address));
                    }
                }
                event => {
                    let event = StackEvent::Connection(id, event);
                    // A train of packets is one piece of news.
                    if self.events.back() != Some(&event) {
                        self.events.push_back(event);
                    }
                }
            }
        }
        if slot.deadline != slot.connection.poll_timeout() || slot.connection.is_finished() {
            self.reschedule(id);
        }
    }

    fn reschedule(&mut self, id: ConnId) {
        let Some(slot) = self.slab.get_mut(id) else { return };
        let wanted = slot.connection.poll_timeout();
        if slot.deadline != wanted {
            if let Some(old) = slot.deadline {
                self.deadlines.remove(&(old, id));
            }
            if let Some(new) = wanted {
                self.deadlines.insert((new, id));
            }
            slot.deadline = wanted;
        }
        if slot.connection.is_finished() {
            self.forget_finished(id);
        }
    }

    /// A finished connection gives its addresses free at once; it is forgotten when its user has let go.
    fn forget_finished(&mut self, id: ConnId) {
        let Some(slot) = self.slab.get_mut(id) else { return };
        let key = (slot.connection.local(), slot.connection.remote());
        if self.by_addresses.get(&key) == Some(&id) {
            self.by_addresses.remove(&key);
        }
        // One that was never accepted has no user.
        let mut unwanted = slot.released;
        if let Some(listener) = slot.parent.and_then(|at| self.listeners.get_mut(&at)) {
            unwanted |= listener.on_finished(id);
        }
        if unwanted {
            self.slab.remove(id);
        }
    }
}

#[cfg(test)]
mod tests;
