//! Ctrl-C and SIGTERM: the first asks for an orderly end, the second ends at once.

use std::future::{Future, poll_fn};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::task::Poll;

use super::exit::Exit;
use crate::net::Runtime;

/// Whether the user wants to stop.
#[derive(Clone, Default)]
pub struct Signals {
    stop: Arc<AtomicBool>,
    which: Arc<AtomicUsize>,
}

impl Signals {
    /// Watches for SIGINT and SIGTERM on behalf of `runtime`. Where that is not possible they end the program at once, as
    /// they always do.
    pub fn watch(runtime: &mut Runtime) -> Signals {
        let signals = Signals::listen();
        runtime.stop_on(signals.stop.clone());
        #[cfg(unix)]
        for signal in [signal_hook::consts::SIGINT, signal_hook::consts::SIGTERM] {
            // The flag alone would be seen late if the signal came just before the loop began to wait.
            if let Some(waker) = runtime.waker() {
                let _ = signal_hook::low_level::pipe::register(signal, waker);
            }
        }
        signals
    }

    /// Watches for them on behalf of a loop that asks, and whose waits a signal interrupts.
    pub fn listen() -> Signals {
        let signals = Signals::default();
        #[cfg(unix)]
        for (signal, exit) in
            [(signal_hook::consts::SIGINT, Exit::Interrupted), (signal_hook::consts::SIGTERM, Exit::Terminated)]
        {
            use signal_hook::flag;
            // In this order: at the first signal the flag is not set yet, so only the second ends the program.
            let _ = flag::register_conditional_shutdown(signal, exit as i32, signals.stop.clone());
            let _ = flag::register_usize(signal, signals.which.clone(), exit as usize);
            let _ = flag::register(signal, signals.stop.clone());
        }
        signals
    }

    /// How to end, once a signal has come.
    pub fn exit(&self) -> Option<Exit> {
        if !self.stop.load(Ordering::Acquire) {
            return None;
        }
        let terminated = self.which.load(Ordering::Acquire) == Exit::Terminated as usize;
        Some(if terminated { Exit::Terminated } else { Exit::Interrupted })
    }

    /// `future`'s output, or how to end if a signal comes first. For a future that the loop itself polls.
    pub async fn or<T>(&self, future: impl Future<Output = T>) -> Result<T, Exit> {
        let mut future = std::pin::pin!(future);
        poll_fn(|cx| match self.exit() {
            Some(exit) => Poll::Ready(Err(exit)),
            None => future.as_mut().poll(cx).map(Ok),
        })
        .await
    }
}
