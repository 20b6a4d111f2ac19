//! Waiting for descriptors and time.

use std::io;
use std::os::fd::RawFd;
use std::time::Duration;

use super::check;
use crate::link::Wait;

/// From now on this thread's waits end when they should: by default the kernel lets them run 50 µs longer, which is
/// several times the round trip of a near network.
pub fn wake_exactly() -> io::Result<()> {
    // SAFETY: this option takes one integer; one nanosecond is the least there is.
    check("PR_SET_TIMERSLACK", unsafe { libc::prctl(libc::PR_SET_TIMERSLACK, 1u64) }).map(drop)
}

/// Waits until one of `waits` or `bell` is ready, `timeout` has passed or a signal came; true when the bell is.
/// `ppoll` rather than `poll`: milliseconds are too coarse for pacing and round-trip times.
pub fn wait_ready(waits: &[Wait], bell: Option<RawFd>, timeout: Option<Duration>) -> io::Result<bool> {
    let ready = |wait: &Wait| libc::pollfd {
        fd: wait.descriptor,
        events: if wait.to_write { libc::POLLOUT } else { libc::POLLIN },
        revents: 0,
    };
    let bells = bell.map(|descriptor| Wait { descriptor, to_write: false });
    let mut polled: Vec<libc::pollfd> = bells.iter().chain(waits).map(ready).collect();
    let timeout = timeout.map(|timeout| libc::timespec {
        tv_sec: timeout.as_secs().min(i32::MAX as u64) as libc::time_t,
        tv_nsec: timeout.subsec_nanos() as libc::c_long,
    });
    let timeout = timeout.as_ref().map_or(std::ptr::null(), std::ptr::from_ref);
    // SAFETY: `polled` and `timeout` live across the call, and the count is that of `polled`.
    let result = unsafe { libc::ppoll(polled.as_mut_ptr(), polled.len() as libc::nfds_t, timeout, std::ptr::null()) };
    match check("ppoll", result) {
        Err(error) if error.kind() == io::ErrorKind::Interrupted => Ok(false),
        Err(error) => Err(error),
        Ok(_) => Ok(bell.is_some() && polled.first().is_some_and(|bell| bell.revents & libc::POLLIN != 0)),
    }
}
