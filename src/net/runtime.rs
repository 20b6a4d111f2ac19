//! The loop that moves packets, tasks and time.

use std::collections::BTreeMap;
use std::future::Future;
use std::io;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::task::{Context, Poll};

use super::bell::Bell;
use super::blocking::{GRACE, Gate};
use super::clock::Clock;
use super::executor::{Executor, Spawner};
use super::host::Host;
use crate::capture::Direction;
use crate::link::{Fate, Link, Observer};
use crate::stack::HostConfig;
use crate::time::Time;

/// How often each thing happened to packets on a host's link.
pub type Incidents = BTreeMap<Fate, u64>;

/// Packets taken from a link before tasks get a turn: enough to fill any window's worth of acknowledgments,
/// few enough that a flood does not starve the application.
const BATCH: usize = 256;

/// Under virtual time nothing is left to happen, and what was waited for has not: found inside the `io::Error` that
/// ended the run. As on a real network, an end that only listens never learns that the other has given up.
#[derive(Debug)]
pub struct Stalled;

impl std::fmt::Display for Stalled {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(
            "the other end has given up, and this end would wait for ever, as it would on a real network \
             (--keepalive asks; --retries of the other end: --peer retries=N)",
        )
    }
}

impl std::error::Error for Stalled {}

/// Drives hosts, tasks and the clock, on one thread.
pub struct Runtime {
    hosts: Vec<Attached>,
    clock: Clock,
    executor: Executor,
    bell: Bell,
    /// Set while threads use the hosts: virtual time then waits for them.
    gate: Option<Gate>,
    stop: Option<Arc<AtomicBool>>,
    /// Told what the links have to say to the user.
    warn: Box<dyn FnMut(String) + Send>,
}

struct Attached {
    host: Host,
    link: Box<dyn Link>,
    observers: Vec<Box<dyn Observer>>,
    incidents: Incidents,
    /// What the host has to say to its user.
    warnings: Vec<String>,
}

impl Runtime {
    /// A loop under virtual time.
    pub fn new_virtual() -> Self {
        Runtime::new(Clock::new_virtual(), Bell::new())
    }

    /// A loop under real time.
    pub fn new_real() -> io::Result<Self> {
        #[cfg(target_os = "linux")]
        crate::link::sys::wait::wake_exactly()?;
        Ok(Runtime::new(Clock::new_real(), Bell::with_descriptor()?))
    }

    fn new(clock: Clock, bell: Bell) -> Self {
        let executor = Executor::new(bell.clone());
        Runtime { hosts: Vec::new(), clock, executor, bell, gate: None, stop: None, warn: Box::new(drop) }
    }

    /// Adds a host on `link`. Observers see every packet at the host's side of the link.
    pub fn attach(&mut self, config: HostConfig, link: Box<dyn Link>, observers: Vec<Box<dyn Observer>>) -> Host {
        let host = Host::new(config, self.clock.clone(), self.bell.clone());
        self.hosts.push(Attached {
            host: host.clone(),
            link,
            observers,
            incidents: Incidents::new(),
            warnings: Vec::new(),
        });
        host
    }

    /// From now on threads use the hosts.
    pub(super) fn open_gate(&mut self) {
        let gate = Gate::new(self.bell.clone());
        for attached in &self.hosts {
            attached.host.set_gate(gate.clone());
        }
        self.gate = Some(gate);
    }

    pub(super) fn hosts(&self) -> Vec<Host> {
        self.hosts.iter().map(|attached| attached.host.clone()).collect()
    }

    pub(super) fn bell(&self) -> Bell {
        self.bell.clone()
    }

    /// The clock.
    pub fn clock(&self) -> &Clock {
        &self.clock
    }

    /// Starts tasks.
    pub fn spawner(&self) -> Spawner {
        self.executor.spawner()
    }

    /// `flag` is looked at in every turn: once it is set, [`Runtime::block_on`] polls its future at once, which can
    /// look at the flag as well.
    pub fn stop_on(&mut self, flag: Arc<AtomicBool>) {
        self.stop = Some(flag);
    }

    /// `warn` is told what the links and hosts have to say to their user, each thing once.
    pub fn warn_by(&mut self, warn: impl FnMut(String) + Send + 'static) {
        self.warn = Box::new(warn);
    }

    /// Under real time, something to write to that wakes the loop, for signal handlers.
    #[cfg(unix)]
    pub fn waker(&self) -> Option<io::PipeWriter> {
        self.bell.writer()
    }

    /// What happened to packets on the link of the `index`th host.
    pub fn incidents(&self, index: usize) -> Incidents {
        self.hosts.get(index).map(|attached| attached.incidents.clone()).unwrap_or_default()
    }

    /// Packets that the operating system dropped before we saw them.
    pub fn dropped_before_us(&mut self) -> u64 {
        self.hosts.iter_mut().map(|attached| attached.link.dropped_before_us()).sum()
    }

    /// Runs until `future` is ready. Fails when a link or an observer does, or when, under virtual time, nothing is
    /// left that could ever make it ready.
    pub fn block_on<T>(&mut self, future: impl Future<Output = T>) -> io::Result<T> {
        let mut future = std::pin::pin!(future);
        let waker = self.executor.main_waker();
        waker.wake_by_ref();
        let mut stopped = false;
        loop {
            let busy = self.take_in()?;
            let mut poll_main = self.executor.run();
            if !stopped && self.stop.as_ref().is_some_and(|flag| flag.load(Ordering::Acquire)) {
                stopped = true;
                poll_main = true;
            }
            let done = match poll_main {
                true => future.as_mut().poll(&mut Context::from_waker(&waker)),
                false => Poll::Pending,
            };
            self.send_out()?;
            if let Poll::Ready(output) = done {
                self.flush()?;
                return Ok(output);
            }
            if busy || self.executor.has_work() {
                continue;
            }
            self.wait()?;
        }
    }

    /// Packets in, timers, wake-ups. True when there may be more at once.
    fn take_in(&mut self) -> io::Result<bool> {
        let now = self.clock.now();
        let mut busy = false;
        for attached in &mut self.hosts {
            busy |= attached.take_in(now)?;
            while let Some(warning) = attached.link.poll_warning().or_else(|| attached.warnings.pop()) {
                (self.warn)(warning);
            }
        }
        self.clock.wake_sleepers(now);
        Ok(busy)
    }

    fn send_out(&mut self) -> io::Result<()> {
        let now = self.clock.now();
        self.hosts.iter_mut().try_for_each(|attached| attached.send_out(now))
    }

    fn flush(&mut self) -> io::Result<()> {
        let mut observers = self.hosts.iter_mut().flat_map(|attached| &mut attached.observers);
        observers.try_for_each(|observer| observer.flush())
    }

    /// Waits for whatever comes first: a packet, a deadline, a call from another thread.
    fn wait(&mut self) -> io::Result<()> {
        let next = self.hosts.iter().filter_map(Attached::next_deadline).chain(self.clock.next_sleeper()).min();
        if !self.clock.is_virtual() {
            self.flush()?;
            return self.wait_really(next);
        }
        if self.bell.take() {
            return Ok(());
        }
        if let Some(gate) = self.gate.as_ref().filter(|gate| gate.anybody_running()) {
            if !self.bell.wait_at_most(GRACE) {
                gate.forget();
            }
            return Ok(());
        }
        match next {
            Some(next) => {
                self.clock.advance(next);
                Ok(())
            }
            None if self.gate.is_some() => {
                self.bell.wait();
                Ok(())
            }
            None => Err(io::Error::new(io::ErrorKind::TimedOut, Stalled)),
        }
    }

    #[cfg(target_os = "linux")]
    fn wait_really(&mut self, next: Option<Time>) -> io::Result<()> {
        let timeout = next.map(|next| next.since(self.clock.now()));
        let waits: Vec<_> = self.hosts.iter().flat_map(|attached| attached.link.waits()).collect();
        self.bell.wait_with(|bell| crate::link::sys::wait::wait_ready(&waits, bell, timeout))
    }

    #[cfg(not(target_os = "linux"))]
    fn wait_really(&mut self, next: Option<Time>) -> io::Result<()> {
        // Real links are for Linux; elsewhere only sleeping is left.
        match next {
            Some(next) => std::thread::sleep(next.since(self.clock.now())),
            None => self.bell.wait(),
        }
        Ok(())
    }
}

impl Attached {
    fn take_in(&mut self, now: Time) -> io::Result<bool> {
        let mut inner = self.host.lock();
        let mut taken = 0;
        while taken < BATCH
            && let Some(packet) = self.link.receive(now)?
        {
            taken += 1;
            let arrival = inner.stack.on_packet(now, &packet);
            for observer in &mut self.observers {
                observer.on_packet(now, Direction::In, &packet, arrival.note.as_deref())?;
            }
            self.link.recycle(packet);
        }
        inner.stack.on_timeout(now);
        self.warnings.extend(inner.stack.poll_warning());
        inner.wake();
        drop(inner);
        self.tell_incidents()?;
        Ok(taken == BATCH)
    }

    fn send_out(&mut self, now: Time) -> io::Result<()> {
        let mut inner = self.host.lock();
        loop {
            while self.link.ready()
                && let Some(outgoing) = inner.stack.poll_transmit(now)
            {
                if self.observers.is_empty() {
                    self.link.transmit(now, outgoing)?;
                    continue;
                }
                for packet in outgoing.packets() {
                    for observer in &mut self.observers {
                        observer.on_packet(now, Direction::Out, &packet, outgoing.note.as_deref())?;
                    }
                    self.link.send(now, packet)?;
                }
            }
            let blocked = !self.link.ready();
            self.link.flush(now)?;
            // What the stack kept while the link was blocked can leave now.
            if !blocked || !self.link.ready() {
                break;
            }
        }
        // Sending can end a connection (a reset): whoever waits for that is told.
        inner.wake();
        drop(inner);
        self.tell_incidents()
    }

    fn tell_incidents(&mut self) -> io::Result<()> {
        while let Some(incident) = self.link.poll_incident() {
            *self.incidents.entry(incident.fate).or_default() += 1;
            for observer in &mut self.observers {
                observer.on_incident(&incident)?;
            }
        }
        Ok(())
    }

    fn next_deadline(&self) -> Option<Time> {
        let stack = self.host.lock().stack.poll_timeout();
        stack.into_iter().chain(self.link.poll_timeout()).min()
    }
}
