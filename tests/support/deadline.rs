//! Tests that end: who waits for a wake-up that does not come fails, and does not hang.
#![allow(dead_code, reason = "each test file uses the part it needs")]

use std::io::Write;
use std::process::{Child, Command, Output, Stdio};
use std::sync::mpsc::{RecvTimeoutError, Sender, channel};
use std::time::Duration;

/// No test takes a tenth of this on a busy machine.
pub const LIMIT: Duration = Duration::from_secs(120);

/// Does something about it when it is not dropped in time.
pub struct Deadline {
    _met: Sender<()>,
}

impl Deadline {
    /// After `limit` in real time, `act` is called.
    pub fn or(limit: Duration, act: impl FnOnce() + Send + 'static) -> Deadline {
        let (met, missed) = channel::<()>();
        std::thread::spawn(move || {
            if missed.recv_timeout(limit) == Err(RecvTimeoutError::Timeout) {
                act();
            }
        });
        Deadline { _met: met }
    }

    /// For a test whose threads cannot be stopped: the program of tests fails as a whole, and says which test it was.
    pub fn or_fail(limit: Duration) -> Deadline {
        let test = std::thread::current().name().unwrap_or("a test").to_owned();
        Deadline::or(limit, move || {
            // Not by eprintln, which goes to what the test printed, and nobody would see that.
            let message = "somebody waits for a wake-up that does not come";
            let _ = writeln!(std::io::stderr(), "{test}: not done after {limit:?}; {message}");
            std::process::exit(101);
        })
    }
}

/// Runs a command to its end and takes what it prints; a command that does not end is killed, and the test fails.
#[track_caller]
pub fn output(command: &mut Command) -> Output {
    finish(command.stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap())
}

/// The same, for a child that runs already.
#[track_caller]
pub fn finish(child: Child) -> Output {
    finish_within(LIMIT, child)
}

#[track_caller]
fn finish_within(limit: Duration, child: Child) -> Output {
    let id = child.id().to_string();
    let (kill, killed) = channel();
    let deadline = Deadline::or(limit, move || {
        let _ = Command::new("kill").args(["-KILL", &id]).status();
        let _ = kill.send(());
    });
    let output = child.wait_with_output().unwrap();
    drop(deadline);
    let stderr = String::from_utf8_lossy(&output.stderr);
    assert!(killed.recv().is_err(), "not done after {limit:?}, so it was killed: {stderr}");
    output
}
