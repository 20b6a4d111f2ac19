//! A stack that streams, listeners and the loop share.

use std::collections::{BTreeMap, HashMap};
use std::net::SocketAddr;
use std::sync::{Arc, Mutex, MutexGuard, OnceLock, PoisonError};
use std::task::Waker;

use super::bell::Bell;
use super::blocking::Gate;
use super::clock::Clock;
use crate::stack::{ConnId, HostConfig, Stack, StackEvent};
use crate::time::Time;

/// A host: hand it to whoever wants to connect or listen.
#[derive(Clone)]
pub struct Host(Arc<Shared>);

struct Shared {
    inner: Mutex<Inner>,
    clock: Clock,
    bell: Bell,
    gate: OnceLock<Gate>,
}

/// What the lock protects.
pub(super) struct Inner {
    pub stack: Stack,
    connections: HashMap<ConnId, Wakers>,
    listeners: BTreeMap<SocketAddr, Vec<Waker>>,
    /// The loop has ended.
    pub abandoned: bool,
}

#[derive(Default)]
struct Wakers {
    read: Option<Waker>,
    write: Option<Waker>,
    end: Option<Waker>,
}

/// What somebody waits for on a connection.
#[derive(Clone, Copy)]
pub(super) enum Interest {
    Read,
    Write,
    End,
}

impl Host {
    pub(super) fn new(config: HostConfig, clock: Clock, bell: Bell) -> Self {
        let inner = Inner {
            stack: Stack::new(config),
            connections: HashMap::new(),
            listeners: BTreeMap::new(),
            abandoned: false,
        };
        Host(Arc::new(Shared { inner: Mutex::new(inner), clock, bell, gate: OnceLock::new() }))
    }

    /// The clock that its streams live by.
    pub fn clock(&self) -> &Clock {
        &self.0.clock
    }

    /// On shared addresses, `end` is ours: strangers there are answered by RST.
    pub fn guard(&self, end: SocketAddr) {
        self.call(|stack, _| stack.guard(end));
    }

    /// Ends every connection: closes our side of each, or resets them.
    pub fn close_all(&self, reset: bool) {
        self.call(|stack, _| stack.close_all(reset));
    }

    /// Nobody moves packets any more: whoever waits is told, and so is whoever comes.
    pub(super) fn abandon(&self) {
        let mut inner = self.lock();
        inner.abandoned = true;
        inner.stack.close_all(true);
        inner.wake();
        std::mem::take(&mut inner.listeners).into_values().flatten().for_each(Waker::wake);
    }

    /// Looks at the stack.
    pub fn inspect<T>(&self, look: impl FnOnce(&Stack) -> T) -> T {
        look(&self.lock().stack)
    }

    /// Changes the stack; the loop is told that there may be something to send.
    pub(super) fn call<T>(&self, call: impl FnOnce(&mut Stack, Time) -> T) -> T {
        let result = call(&mut self.lock().stack, self.0.clock.now());
        self.0.bell.ring();
        result
    }

    /// Like [`Host::call`], with the wakers at hand.
    pub(super) fn poll<T>(&self, call: impl FnOnce(&mut Inner, Time) -> T) -> T {
        let result = call(&mut self.lock(), self.0.clock.now());
        self.0.bell.ring();
        result
    }

    pub(super) fn set_gate(&self, gate: Gate) {
        let _ = self.0.gate.set(gate);
    }

    /// Where threads that use this host are counted, if any do.
    pub(super) fn gate(&self) -> Option<Gate> {
        self.0.gate.get().cloned()
    }

    pub(super) fn lock(&self) -> MutexGuard<'_, Inner> {
        self.0.inner.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Inner {
    /// `waker` is to be woken when something happens that `interest` asks for.
    pub fn register(&mut self, id: ConnId, interest: Interest, waker: &Waker) {
        let wakers = self.connections.entry(id).or_default();
        let slot = match interest {
            Interest::Read => &mut wakers.read,
            Interest::Write => &mut wakers.write,
            Interest::End => &mut wakers.end,
        };
        match slot {
            Some(known) => known.clone_from(waker),
            None => *slot = Some(waker.clone()),
        }
    }

    /// `waker` is to be woken when a connection waits at `address`.
    pub fn register_accept(&mut self, address: SocketAddr, waker: &Waker) {
        let wakers = self.listeners.entry(address).or_default();
        if !wakers.iter().any(|known| known.will_wake(waker)) {
            wakers.push(waker.clone());
        }
    }

    /// Nobody waits for this connection any more.
    pub fn unregister(&mut self, id: ConnId) {
        self.connections.remove(&id);
    }

    /// Passes the stack's events on to whoever waits for them.
    pub fn wake(&mut self) {
        while let Some(event) = self.stack.poll_event() {
            match event {
                StackEvent::Connection(id, _) => {
                    let Some(wakers) = self.connections.get_mut(&id) else { continue };
                    [wakers.read.take(), wakers.write.take(), wakers.end.take()]
                        .into_iter()
                        .flatten()
                        .for_each(Waker::wake);
                }
                StackEvent::Acceptable(address) => {
                    self.listeners.remove(&address).into_iter().flatten().for_each(Waker::wake);
                }
            }
        }
    }
}
