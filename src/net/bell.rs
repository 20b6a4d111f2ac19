//! How the loop is woken while it waits, from any thread.

use std::io::{self, Write};
use std::sync::{Arc, Condvar, Mutex, PoisonError};
use std::time::Duration;

/// Rung when there is something to do. Rings before the loop waits are not lost.
#[derive(Clone)]
pub(super) struct Bell(Arc<Inner>);

struct Inner {
    state: Mutex<State>,
    changed: Condvar,
    /// For a loop that waits for descriptors.
    pipe: Option<(io::PipeReader, io::PipeWriter)>,
}

#[derive(Default)]
struct State {
    rung: bool,
    /// The loop waits for descriptors, so a byte must be written.
    in_poll: bool,
}

impl Bell {
    /// For a loop that only waits for other threads.
    pub fn new() -> Self {
        Bell(Arc::new(Inner { state: Mutex::default(), changed: Condvar::new(), pipe: None }))
    }

    /// For a loop that also waits for descriptors.
    pub fn with_descriptor() -> io::Result<Self> {
        let pipe = Some(io::pipe()?);
        Ok(Bell(Arc::new(Inner { state: Mutex::default(), changed: Condvar::new(), pipe })))
    }

    /// Wakes the loop.
    pub fn ring(&self) {
        let mut state = self.state();
        if std::mem::replace(&mut state.rung, true) {
            return;
        }
        self.0.changed.notify_all();
        if state.in_poll
            && let Some((_, writer)) = &self.0.pipe
        {
            // A pipe holds far more than the bytes that may be in it, so this does not block.
            let _ = (&mut &*writer).write(&[1]);
        }
    }

    /// Waits until it is rung, on a condition variable.
    pub fn wait(&self) {
        let mut state = self.state();
        while !state.rung {
            state = self.0.changed.wait(state).unwrap_or_else(PoisonError::into_inner);
        }
        state.rung = false;
    }

    /// Waits until it is rung, for real time; false when it was not.
    pub fn wait_at_most(&self, limit: Duration) -> bool {
        let (mut state, _) = self
            .0
            .changed
            .wait_timeout_while(self.state(), limit, |state| !state.rung)
            .unwrap_or_else(PoisonError::into_inner);
        std::mem::take(&mut state.rung)
    }

    /// Forgets earlier rings; true when there was one.
    pub fn take(&self) -> bool {
        std::mem::take(&mut self.state().rung)
    }

    /// Runs `poll`, which waits for descriptors, this bell's among them, and says whether that one was readable. Not
    /// when it was rung already.
    #[cfg(target_os = "linux")]
    pub fn wait_with(&self, poll: impl FnOnce(Option<std::os::fd::RawFd>) -> io::Result<bool>) -> io::Result<()> {
        use std::io::Read;
        use std::os::fd::AsRawFd;
        {
            let mut state = self.state();
            if std::mem::take(&mut state.rung) {
                return Ok(());
            }
            state.in_poll = true;
        }
        let reader = self.0.pipe.as_ref().map(|(reader, _)| reader);
        let readable = poll(reader.map(AsRawFd::as_raw_fd));
        let mut state = self.state();
        state.in_poll = false;
        state.rung = false;
        if let (Ok(true), Some(mut reader)) = (&readable, reader) {
            // What rang and what signals wrote, if there is more it is for the next time.
            let _ = reader.read(&mut [0; 64]);
        }
        readable.map(drop)
    }

    /// Something to write to that wakes the loop from a signal handler, where locks cannot be taken.
    #[cfg(unix)]
    pub fn writer(&self) -> Option<io::PipeWriter> {
        self.0.pipe.as_ref().and_then(|(_, writer)| writer.try_clone().ok())
    }

    fn state(&self) -> std::sync::MutexGuard<'_, State> {
        self.0.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
