//! How a run ends: one table of exit codes, and the message that goes with a failure.

use std::io;
use std::process::ExitCode;

/// Exit codes. Where curl has one for the case, it is curl's.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Exit {
    /// Done.
    Done = 0,
    /// The answer is no: a script that mismatches.
    No = 1,
    /// Wrong usage.
    Usage = 2,
    /// The machine will not let us: privilege, device, port in use.
    NotAllowed = 3,
    /// A bad input file: a script that cannot be read.
    BadInput = 4,
    /// Name not found.
    NameNotFound = 6,
    /// Refused.
    Refused = 7,
    /// Unreachable, says ICMP or the local routing.
    Unreachable = 9,
    /// Shorter than promised.
    Partial = 18,
    /// HTTP error, with --fail.
    HttpError = 22,
    /// Cannot write.
    CannotWrite = 23,
    /// Cannot read.
    CannotRead = 26,
    /// Timed out: filtered, or --max-time or --connect-timeout passed.
    TimedOut = 28,
    /// Range refused.
    RangeRefused = 33,
    /// Too many redirects.
    TooManyRedirects = 47,
    /// Empty reply.
    EmptyReply = 52,
    /// Reset by peer, or another failure of the connection.
    Reset = 56,
    /// Interrupted by Ctrl-C.
    Interrupted = 130,
    /// Ended by SIGTERM.
    Terminated = 143,
}

impl Exit {
    /// The table for the manual.
    pub const TABLE: &'static [(Exit, &'static str)] = &[
        (Exit::Done, "done"),
        (Exit::No, "the answer is no: a script that mismatches"),
        (Exit::Usage, "wrong usage"),
        (Exit::NotAllowed, "the machine will not let us: privilege, device, port in use"),
        (Exit::BadInput, "bad input file: a script that is not understood"),
        (Exit::NameNotFound, "name not found"),
        (Exit::Refused, "connection refused"),
        (Exit::Unreachable, "unreachable"),
        (Exit::Partial, "the body is shorter than promised"),
        (Exit::HttpError, "HTTP error, with --fail"),
        (Exit::CannotWrite, "cannot write"),
        (Exit::CannotRead, "cannot read"),
        (Exit::TimedOut, "timed out"),
        (Exit::RangeRefused, "the server does not serve the range"),
        (Exit::TooManyRedirects, "too many redirects"),
        (Exit::EmptyReply, "the server closed without an answer"),
        (Exit::Reset, "connection reset by peer"),
        (Exit::Interrupted, "interrupted by Ctrl-C"),
        (Exit::Terminated, "ended by SIGTERM"),
    ];
}

impl From<Exit> for ExitCode {
    fn from(exit: Exit) -> ExitCode {
        ExitCode::from(exit as u8)
    }
}

/// A name or a text from elsewhere, without what could steer a terminal or turn it around.
pub fn printable(text: &str) -> String {
    let steers = |c: char| c.is_control() || matches!(c, '\u{2028}'..='\u{202e}' | '\u{2066}'..='\u{2069}');
    text.chars().map(|c| if steers(c) { '?' } else { c }).take(1024).collect()
}

/// A run that failed.
#[derive(Debug)]
pub struct Failure {
    /// The exit code.
    pub exit: Exit,
    /// What to say on stderr; nothing when empty.
    pub message: String,
}

impl Failure {
    /// A failure with its message.
    pub fn new(exit: Exit, message: impl Into<String>) -> Self {
        Failure { exit, message: message.into() }
    }

    /// A failure of a connection; `what` says which.
    pub fn connection(what: &str, error: &io::Error) -> Self {
        let exit = match error.kind() {
            io::ErrorKind::ConnectionRefused => Exit::Refused,
            io::ErrorKind::TimedOut => Exit::TimedOut,
            io::ErrorKind::HostUnreachable | io::ErrorKind::NetworkUnreachable => Exit::Unreachable,
            io::ErrorKind::PermissionDenied | io::ErrorKind::AddrInUse | io::ErrorKind::AddrNotAvailable => {
                Exit::NotAllowed
            }
            _ => Exit::Reset,
        };
        Failure::new(exit, format!("{what}: {error}"))
    }

    /// A file that cannot be read.
    pub fn reading(path: &std::path::Path, error: &io::Error) -> Self {
        Failure::new(Exit::CannotRead, format!("cannot read {}: {error}", printable(&path.display().to_string())))
    }

    /// A file that cannot be written.
    pub fn writing(path: &std::path::Path, error: &io::Error) -> Self {
        Failure::new(Exit::CannotWrite, format!("cannot write {}: {error}", printable(&path.display().to_string())))
    }
}
