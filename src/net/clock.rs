//! Real and virtual time, and sleeping in either.

use std::collections::BTreeMap;
use std::future::Future;
use std::pin::Pin;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::task::{Context, Poll, Waker};
use std::time::{Duration, Instant, SystemTime};

use crate::time::{Time, nanos};

/// When a simulation begins: 2000-01-01T00:00:00Z, so that its captures do not depend on the day.
pub const SIM_EPOCH: Time = Time::from_nanos(946_684_800_000_000_000);

/// The time, and the tasks that wait for it to pass.
#[derive(Clone)]
pub struct Clock(Arc<Inner>);

struct Inner {
    source: Source,
    /// What `Time` is at `instant`, for libraries that only know `std::time::Instant`.
    start: Time,
    instant: Instant,
    sleepers: Mutex<Sleepers>,
}

enum Source {
    Virtual(AtomicU64),
    Real,
}

#[derive(Default)]
struct Sleepers {
    wakers: BTreeMap<(Time, u64), Waker>,
    next: u64,
}

impl Clock {
    /// A clock that stands at [`SIM_EPOCH`] until it is set forward.
    pub fn new_virtual() -> Self {
        Clock::new(Source::Virtual(AtomicU64::new(SIM_EPOCH.as_nanos())), SIM_EPOCH)
    }

    /// The system's clock: the date at start, then monotonic.
    pub fn new_real() -> Self {
        let since = SystemTime::now().duration_since(SystemTime::UNIX_EPOCH).unwrap_or_default();
        Clock::new(Source::Real, Time::from_nanos(nanos(since)))
    }

    fn new(source: Source, start: Time) -> Self {
        Clock(Arc::new(Inner { source, start, instant: Instant::now(), sleepers: Mutex::default() }))
    }

    /// The time.
    pub fn now(&self) -> Time {
        match &self.0.source {
            Source::Virtual(nanos) => Time::from_nanos(nanos.load(Ordering::Acquire)),
            Source::Real => self.0.start + self.0.instant.elapsed(),
        }
    }

    /// Whether time only passes when the loop says so.
    pub fn is_virtual(&self) -> bool {
        matches!(self.0.source, Source::Virtual(_))
    }

    /// Sets a virtual clock forward; never back.
    pub(super) fn advance(&self, to: Time) {
        if let Source::Virtual(nanos) = &self.0.source {
            nanos.fetch_max(to.as_nanos(), Ordering::AcqRel);
        }
    }

    /// A future that is ready once `duration` has passed.
    pub fn sleep(&self, duration: Duration) -> Sleep {
        self.sleep_until(self.now() + duration)
    }

    /// A future that is ready at `deadline`.
    pub fn sleep_until(&self, deadline: Time) -> Sleep {
        Sleep { clock: self.clone(), deadline, key: None }
    }

    /// `future`'s output, or `None` if `duration` passes first.
    pub async fn timeout<F: Future>(&self, duration: Option<Duration>, future: F) -> Option<F::Output> {
        let Some(duration) = duration else { return Some(future.await) };
        let mut sleep = self.sleep(duration);
        let mut future = std::pin::pin!(future);
        std::future::poll_fn(move |cx| match future.as_mut().poll(cx) {
            Poll::Ready(output) => Poll::Ready(Some(output)),
            Poll::Pending => Pin::new(&mut sleep).poll(cx).map(|()| None),
        })
        .await
    }

    /// Wakes whoever slept until `now`.
    pub(super) fn wake_sleepers(&self, now: Time) {
        loop {
            let mut sleepers = self.sleepers();
            match sleepers.wakers.first_entry().filter(|entry| entry.key().0 <= now) {
                Some(entry) => {
                    let waker = entry.remove();
                    drop(sleepers);
                    waker.wake();
                }
                None => return,
            }
        }
    }

    /// When the next sleeper is to be woken.
    pub(super) fn next_sleeper(&self) -> Option<Time> {
        self.sleepers().wakers.first_key_value().map(|(key, _)| key.0)
    }

    fn sleepers(&self) -> std::sync::MutexGuard<'_, Sleepers> {
        self.0.sleepers.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn instant(&self, time: Time) -> Instant {
        self.0.instant + time.since(self.0.start)
    }

    fn time(&self, instant: Instant) -> Time {
        self.0.start + instant.saturating_duration_since(self.0.instant)
    }
}

/// Ready when its time has come.
pub struct Sleep {
    clock: Clock,
    deadline: Time,
    key: Option<(Time, u64)>,
}

impl Future for Sleep {
    type Output = ();

    fn poll(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<()> {
        if self.clock.now() >= self.deadline {
            return Poll::Ready(());
        }
        let clock = self.clock.clone();
        let mut sleepers = clock.sleepers();
        let key = match self.key {
            Some(key) => key,
            None => {
                sleepers.next += 1;
                (self.deadline, sleepers.next)
            }
        };
        sleepers.wakers.insert(key, cx.waker().clone());
        self.key = Some(key);
        Poll::Pending
    }
}

impl Drop for Sleep {
    fn drop(&mut self) {
        if let Some(key) = self.key {
            self.clock.sleepers().wakers.remove(&key);
        }
    }
}

impl hyper::rt::Sleep for Sleep {}

/// hyper's view of the clock, so that its timeouts pass in the same time as everything else.
#[derive(Clone)]
pub struct HyperTimer(pub Clock);

impl hyper::rt::Timer for HyperTimer {
    fn sleep(&self, duration: Duration) -> Pin<Box<dyn hyper::rt::Sleep>> {
        Box::pin(self.0.sleep(duration))
    }

    fn sleep_until(&self, deadline: Instant) -> Pin<Box<dyn hyper::rt::Sleep>> {
        Box::pin(self.0.sleep_until(self.0.time(deadline)))
    }

    fn now(&self) -> Instant {
        self.0.instant(self.0.now())
    }
}
