//! The same streams for threads: calls that block, with `std::io`'s traits.
//!
//! A [`Driver`] runs the loop on a thread of its own. Under virtual time the clock waits for threads that are running:
//! from the moment a call wakes one until its next call waits. A thread that waits for something else instead, such as
//! another thread's end, is waited for no longer than [`GRACE`].

use std::future::Future;
use std::io::{self, Read, Write};
use std::net::SocketAddr;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};
use std::task::{Context, Poll, Wake, Waker};
use std::thread::JoinHandle;
use std::time::Duration;

use super::bell::Bell;
use super::host::Host;
use super::runtime::Runtime;
use super::{listener, stream};

/// How long, in real time, virtual time stands still for a thread that makes no call: enough for a busy machine to get
/// round to it.
pub const GRACE: Duration = Duration::from_millis(20);

/// Runs a [`Runtime`] on a thread until it is dropped.
pub struct Driver {
    stop: Arc<AtomicBool>,
    bell: Bell,
    thread: Option<JoinHandle<io::Result<()>>>,
}

impl Driver {
    /// Starts the loop.
    pub fn start(mut runtime: Runtime) -> Driver {
        let bell = runtime.bell();
        runtime.open_gate();
        let stop = Arc::new(AtomicBool::new(false));
        runtime.stop_on(stop.clone());
        let flag = stop.clone();
        let thread = std::thread::spawn(move || {
            // However the loop ends, also by a panic: nobody is left waiting.
            let _abandon = Abandon(runtime.hosts());
            runtime.block_on(std::future::poll_fn(|_| match flag.load(Ordering::Acquire) {
                true => Poll::Ready(()),
                false => Poll::Pending,
            }))
        });
        Driver { stop, bell, thread: Some(thread) }
    }

    /// Ends the loop and says how it fared.
    pub fn stop(mut self) -> io::Result<()> {
        self.shut_down()
    }

    fn shut_down(&mut self) -> io::Result<()> {
        self.stop.store(true, Ordering::Release);
        self.bell.ring();
        match self.thread.take().map(JoinHandle::join) {
            Some(Ok(result)) => result,
            Some(Err(_)) => Err(io::Error::other("the loop's thread panicked")),
            None => Ok(()),
        }
    }
}

struct Abandon(Vec<Host>);

impl Drop for Abandon {
    fn drop(&mut self) {
        self.0.iter().for_each(Host::abandon);
    }
}

impl Drop for Driver {
    fn drop(&mut self) {
        let _ = self.shut_down();
    }
}

/// Counts the threads that are running, for whom virtual time waits.
#[derive(Clone)]
pub(super) struct Gate {
    state: Arc<Mutex<Running>>,
    bell: Bell,
}

#[derive(Default)]
struct Running {
    count: usize,
    /// Threads counted before the last [`Gate::forget`] count no more.
    epoch: u64,
}

impl Gate {
    pub fn new(bell: Bell) -> Self {
        Gate { state: Arc::default(), bell }
    }

    /// Whether any thread is running.
    pub fn anybody_running(&self) -> bool {
        self.state().count > 0
    }

    /// Those who run make no calls: they are not waited for any more.
    pub fn forget(&self) {
        let mut state = self.state();
        state.count = 0;
        state.epoch += 1;
    }

    /// A thread runs; `counted` says whether it is known to. What to hand to [`Gate::leave`].
    fn arrive(&self, counted: Option<u64>) -> Option<u64> {
        let mut state = self.state();
        if counted != Some(state.epoch) {
            state.count += 1;
        }
        Some(state.epoch)
    }

    /// A thread waits, or has ended.
    fn leave(&self, counted: Option<u64>) {
        let mut state = self.state();
        if counted == Some(state.epoch) {
            state.count -= 1;
        }
        drop(state);
        self.bell.ring();
    }

    fn state(&self) -> MutexGuard<'_, Running> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// This thread's part in a [`Gate`], until the thread ends.
struct Presence {
    gate: Gate,
    counted: Option<u64>,
}

impl Drop for Presence {
    fn drop(&mut self) {
        self.gate.leave(self.counted);
    }
}

thread_local! {
    static PRESENCE: std::cell::RefCell<Option<Presence>> = const { std::cell::RefCell::new(None) };
}

/// Parks a thread until its future is woken. Waking counts it as running at once, not when it gets round to it.
struct Parker {
    gate: Option<Gate>,
    state: Mutex<Parked>,
    changed: Condvar,
}

#[derive(Default)]
struct Parked {
    woken: bool,
    waiting: bool,
    counted: Option<u64>,
}

impl Parker {
    /// Notes that this thread runs.
    fn begin(gate: Option<Gate>) -> Arc<Self> {
        let counted = gate.as_ref().and_then(|gate| {
            PRESENCE.with(|presence| {
                let mut presence = presence.borrow_mut();
                if !presence.as_ref().is_some_and(|known| Arc::ptr_eq(&known.gate.state, &gate.state)) {
                    *presence = Some(Presence { gate: gate.clone(), counted: None });
                }
                presence.as_ref().and_then(|known| gate.arrive(known.counted))
            })
        });
        Arc::new(Parker { gate, state: Mutex::new(Parked { counted, ..Parked::default() }), changed: Condvar::new() })
    }

    fn park(&self) {
        let mut state = self.lock();
        if !state.woken
            && let Some(gate) = &self.gate
        {
            state.waiting = true;
            gate.leave(state.counted.take());
        }
        while !state.woken {
            state = self.changed.wait(state).unwrap_or_else(PoisonError::into_inner);
        }
        state.woken = false;
    }

    /// The call is over; the thread goes on running.
    fn end(&self) {
        let counted = self.lock().counted;
        PRESENCE.with(|presence| {
            if let Some(presence) = presence.borrow_mut().as_mut() {
                presence.counted = counted;
            }
        });
    }

    fn lock(&self) -> MutexGuard<'_, Parked> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Wake for Parker {
    fn wake(self: Arc<Self>) {
        let mut state = self.lock();
        state.woken = true;
        if std::mem::take(&mut state.waiting)
            && let Some(gate) = &self.gate
        {
            state.counted = gate.arrive(None);
        }
        self.changed.notify_one();
    }
}

/// Runs `future`, which is about `host`, on this thread.
fn block_on<T>(host: &Host, future: impl Future<Output = T>) -> T {
    let parker = Parker::begin(host.gate());
    let waker: Waker = parker.clone().into();
    let mut future = std::pin::pin!(future);
    loop {
        if let Poll::Ready(output) = future.as_mut().poll(&mut Context::from_waker(&waker)) {
            parker.end();
            return output;
        }
        parker.park();
    }
}

/// A listening address whose [`TcpListener::accept`] blocks.
pub struct TcpListener {
    inner: listener::TcpListener,
    host: Host,
}

impl TcpListener {
    /// Bind and listen.
    pub fn bind(host: &Host, address: SocketAddr, backlog: usize) -> io::Result<TcpListener> {
        let inner = listener::TcpListener::bind(host, address, backlog)?;
        Ok(TcpListener { inner, host: host.clone() })
    }

    /// Waits for the next connection.
    pub fn accept(&self) -> io::Result<(TcpStream, SocketAddr)> {
        let inner = block_on(&self.host, self.inner.accept())?;
        let peer = inner.peer_addr();
        Ok((TcpStream { inner, host: self.host.clone() }, peer))
    }

    /// Where it listens.
    pub fn local_addr(&self) -> SocketAddr {
        self.inner.local_addr()
    }
}

/// A connection whose calls block. `read` is recv, `write` is send, dropping is close.
pub struct TcpStream {
    inner: stream::TcpStream,
    host: Host,
}

impl TcpStream {
    /// Opens a connection.
    pub fn connect(host: &Host, remote: SocketAddr) -> io::Result<TcpStream> {
        let inner = block_on(host, stream::TcpStream::connect(host, remote))?;
        Ok(TcpStream { inner, host: host.clone() })
    }

    /// Closes our side; reading goes on.
    pub fn shutdown(&self) {
        self.inner.shutdown();
    }

    /// The peer's address.
    pub fn peer_addr(&self) -> SocketAddr {
        self.inner.peer_addr()
    }

    /// What has happened so far.
    pub fn report(&self) -> stream::Report {
        self.inner.report()
    }
}

impl Read for TcpStream {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        (&*self).read(buffer)
    }
}

impl Write for TcpStream {
    fn write(&mut self, data: &[u8]) -> io::Result<usize> {
        (&*self).write(data)
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

impl Read for &TcpStream {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        block_on(&self.host, std::future::poll_fn(|cx| self.inner.poll_read_into(cx, buffer)))
    }
}

impl Write for &TcpStream {
    fn write(&mut self, data: &[u8]) -> io::Result<usize> {
        block_on(&self.host, std::future::poll_fn(|cx| self.inner.poll_write_from(cx, data)))
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}
