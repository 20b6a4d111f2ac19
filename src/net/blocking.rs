//! The same streams for threads: calls that block, with `std::io`'s traits.
//!
//! A [`Driver`] runs the loop on a thread of its own. Under virtual time the clock moves only while every thread
//! that was started with [`Driver::spawn`] waits in a call, so a simulation takes no notice of how fast threads run.

use std::future::Future;
use std::io::{self, Read, Write};
use std::net::SocketAddr;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};
use std::task::{Context, Poll, Wake, Waker};
use std::thread::JoinHandle;

use super::bell::Bell;
use super::host::Host;
use super::runtime::Runtime;
use super::{listener, stream};

/// Runs a [`Runtime`] on a thread until it is dropped.
pub struct Driver {
    stop: Arc<AtomicBool>,
    gate: Gate,
    bell: Bell,
    thread: Option<JoinHandle<io::Result<()>>>,
}

impl Driver {
    /// Starts the loop.
    pub fn start(mut runtime: Runtime) -> Driver {
        let bell = runtime.bell();
        let gate = Gate { state: Arc::default(), bell: bell.clone() };
        let stop = Arc::new(AtomicBool::new(false));
        runtime.gate = Some(gate.clone());
        runtime.stop_on(stop.clone());
        let flag = stop.clone();
        let thread = std::thread::spawn(move || {
            runtime.block_on(std::future::poll_fn(|_| match flag.load(Ordering::Acquire) {
                true => Poll::Ready(()),
                false => Poll::Pending,
            }))
        });
        Driver { stop, gate, bell, thread: Some(thread) }
    }

    /// Starts a thread for whose calls virtual time waits.
    pub fn spawn<T: Send + 'static>(&self, run: impl FnOnce() -> T + Send + 'static) -> JoinHandle<T> {
        let member = Member::join(self.gate.clone());
        std::thread::spawn(move || {
            CURRENT.with(|current| *current.borrow_mut() = Some(member));
            let result = run();
            CURRENT.with(|current| current.borrow_mut().take());
            result
        })
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

impl Drop for Driver {
    fn drop(&mut self) {
        let _ = self.shut_down();
    }
}

thread_local! {
    static CURRENT: std::cell::RefCell<Option<Member>> = const { std::cell::RefCell::new(None) };
}

/// Counts the threads that take part, and those of them that wait.
#[derive(Clone)]
pub(super) struct Gate {
    state: Arc<Mutex<Count>>,
    bell: Bell,
}

#[derive(Default)]
struct Count {
    members: usize,
    parked: usize,
}

impl Gate {
    /// Whether time may pass: somebody takes part, and all of them wait.
    pub fn all_parked(&self) -> bool {
        let count = self.count();
        count.parked >= count.members
    }

    fn count(&self) -> MutexGuard<'_, Count> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// A thread's part in the [`Gate`].
struct Member(Gate);

impl Member {
    fn join(gate: Gate) -> Self {
        gate.count().members += 1;
        Member(gate)
    }
}

impl Drop for Member {
    fn drop(&mut self) {
        self.0.count().members -= 1;
        self.0.bell.ring();
    }
}

/// Parks a thread until its future is woken. Waking takes it out of the count of those that wait at once, not when
/// the thread gets round to running.
struct Parker {
    gate: Option<Gate>,
    state: Mutex<Parked>,
    changed: Condvar,
}

#[derive(Default)]
struct Parked {
    woken: bool,
    counted: bool,
}

impl Parker {
    fn park(&self) {
        let mut state = self.lock();
        if !state.woken && let Some(gate) = &self.gate {
            state.counted = true;
            gate.count().parked += 1;
            gate.bell.ring();
        }
        while !state.woken {
            state = self.changed.wait(state).unwrap_or_else(PoisonError::into_inner);
        }
        state.woken = false;
    }

    fn lock(&self) -> MutexGuard<'_, Parked> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Wake for Parker {
    fn wake(self: Arc<Self>) {
        let mut state = self.lock();
        state.woken = true;
        if std::mem::take(&mut state.counted)
            && let Some(gate) = &self.gate
        {
            gate.count().parked -= 1;
        }
        self.changed.notify_one();
    }
}

/// Runs `future` on this thread.
fn block_on<T>(future: impl Future<Output = T>) -> T {
    let gate = CURRENT.with(|current| current.borrow().as_ref().map(|member| member.0.clone()));
    let parker = Arc::new(Parker { gate, state: Mutex::default(), changed: Condvar::new() });
    let waker: Waker = parker.clone().into();
    let mut future = std::pin::pin!(future);
    loop {
        if let Poll::Ready(output) = future.as_mut().poll(&mut Context::from_waker(&waker)) {
            return output;
        }
        parker.park();
    }
}

/// A listening address whose [`TcpListener::accept`] blocks.
pub struct TcpListener(listener::TcpListener);

impl TcpListener {
    /// Bind and listen.
    pub fn bind(host: &Host, address: SocketAddr, backlog: usize) -> io::Result<TcpListener> {
        listener::TcpListener::bind(host, address, backlog).map(TcpListener)
    }

    /// Waits for the next connection.
    pub fn accept(&self) -> io::Result<(TcpStream, SocketAddr)> {
        let stream = block_on(self.0.accept())?;
        let peer = stream.peer_addr();
        Ok((TcpStream(stream), peer))
    }

    /// Where it listens.
    pub fn local_addr(&self) -> SocketAddr {
        self.0.local_addr()
    }
}

/// A connection whose calls block. `read` is recv, `write` is send, dropping is close.
pub struct TcpStream(stream::TcpStream);

impl TcpStream {
    /// Opens a connection.
    pub fn connect(host: &Host, remote: SocketAddr) -> io::Result<TcpStream> {
        block_on(stream::TcpStream::connect(host, remote)).map(TcpStream)
    }

    /// Closes our side; reading goes on.
    pub fn shutdown(&self) {
        self.0.shutdown();
    }

    /// The peer's address.
    pub fn peer_addr(&self) -> SocketAddr {
        self.0.peer_addr()
    }

    /// What has happened so far.
    pub fn report(&self) -> stream::Report {
        self.0.report()
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
        block_on(std::future::poll_fn(|cx| self.0.poll_read_into(cx, buffer)))
    }
}

impl Write for &TcpStream {
    fn write(&mut self, data: &[u8]) -> io::Result<usize> {
        block_on(std::future::poll_fn(|cx| self.0.poll_write_from(cx, data)))
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}
