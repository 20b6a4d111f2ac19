//! Why a call is refused, and why a connection ended.

use std::fmt;
use std::io;

use crate::wire::icmp::IcmpKind;

/// A user call that makes no sense now (RFC 9293 section 3.10).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum CallError {
    /// "connection does not exist": it is not open yet.
    NotOpen,
    /// "connection closing": the user has closed this direction.
    Closing,
    /// The connection ended before.
    Ended(CloseReason),
}

/// Why a connection is closed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum CloseReason {
    /// Both sides closed.
    Done,
    /// The user aborted.
    Aborted,
    /// "connection reset": the peer sent RST.
    Reset,
    /// "connection refused": the peer answered our SYN with RST.
    Refused,
    /// "connection aborted due to user timeout", or nothing came back for all retransmissions. With the last
    /// soft ICMP error, which may say why.
    TimedOut(Option<IcmpKind>),
    /// An ICMP error ended the attempt to open (RFC 1122 section 4.2.3.9, RFC 5461).
    Unreachable(IcmpKind),
}

impl fmt::Display for CloseReason {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            CloseReason::Done => f.write_str("closed"),
            CloseReason::Aborted => f.write_str("aborted"),
            CloseReason::Reset => f.write_str("connection reset by peer"),
            CloseReason::Refused => f.write_str("connection refused"),
            CloseReason::TimedOut(None) => f.write_str("timed out: no answer"),
            CloseReason::TimedOut(Some(kind)) => write!(f, "timed out: {kind}"),
            CloseReason::Unreachable(kind) => kind.fmt(f),
        }
    }
}

impl fmt::Display for CallError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            CallError::NotOpen => f.write_str("the connection is not open"),
            CallError::Closing => f.write_str("the connection is closing"),
            CallError::Ended(reason) => reason.fmt(f),
        }
    }
}

impl std::error::Error for CallError {}
impl std::error::Error for CloseReason {}

impl From<CloseReason> for io::Error {
    fn from(reason: CloseReason) -> io::Error {
        let kind = match reason {
            CloseReason::Done => io::ErrorKind::NotConnected,
            CloseReason::Aborted => io::ErrorKind::ConnectionAborted,
            CloseReason::Reset => io::ErrorKind::ConnectionReset,
            CloseReason::Refused => io::ErrorKind::ConnectionRefused,
            CloseReason::TimedOut(None) => io::ErrorKind::TimedOut,
            CloseReason::TimedOut(Some(_)) | CloseReason::Unreachable(_) => io::ErrorKind::HostUnreachable,
        };
        io::Error::new(kind, reason)
    }
}

impl From<CallError> for io::Error {
    fn from(error: CallError) -> io::Error {
        match error {
            CallError::NotOpen => io::Error::new(io::ErrorKind::NotConnected, error),
            CallError::Closing => io::Error::new(io::ErrorKind::BrokenPipe, error),
            CallError::Ended(reason) => reason.into(),
        }
    }
}
