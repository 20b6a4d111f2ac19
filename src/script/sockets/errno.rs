//! What calls fail with.

use crate::tcp::CloseReason;
use crate::wire::icmp::IcmpKind;

/// An error of the socket API.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Errno {
    Again,
    AddrInUse,
    AddrNotAvailable,
    Already,
    BadFd,
    BadProtocol,
    ConnectionAborted,
    ConnectionRefused,
    ConnectionReset,
    Fault,
    HostUnreachable,
    InProgress,
    Invalid,
    IsConnected,
    MessageTooLong,
    NetworkUnreachable,
    NoProtocolOption,
    NotConnected,
    NotSupported,
    Pipe,
    TimedOut,
    ProtocolUnavailable,
    Permission,
    NotThere,
    Exists,
}

const ALL: [Errno; 25] = [
    Errno::Again,
    Errno::AddrInUse,
    Errno::AddrNotAvailable,
    Errno::Already,
    Errno::BadFd,
    Errno::BadProtocol,
    Errno::ConnectionAborted,
    Errno::ConnectionRefused,
    Errno::ConnectionReset,
    Errno::Fault,
    Errno::HostUnreachable,
    Errno::InProgress,
    Errno::Invalid,
    Errno::IsConnected,
    Errno::MessageTooLong,
    Errno::NetworkUnreachable,
    Errno::NoProtocolOption,
    Errno::NotConnected,
    Errno::NotSupported,
    Errno::Pipe,
    Errno::TimedOut,
    Errno::ProtocolUnavailable,
    Errno::Permission,
    Errno::NotThere,
    Errno::Exists,
];

/// The number of an error's name.
pub fn errno_number(word: &str) -> Option<i64> {
    ALL.into_iter().find(|errno| errno.is(word)).map(Errno::number)
}

impl Errno {
    /// Name, number on Linux, and what people read.
    const fn parts(self) -> (&'static str, i64, &'static str) {
        match self {
            Errno::Permission => ("EPERM", 1, "Operation not permitted"),
            Errno::NotThere => ("ENOENT", 2, "No such file or directory"),
            Errno::BadFd => ("EBADF", 9, "Bad file descriptor"),
            Errno::Again => ("EAGAIN", 11, "Resource temporarily unavailable"),
            Errno::Fault => ("EFAULT", 14, "Bad address"),
            Errno::Exists => ("EEXIST", 17, "File exists"),
            Errno::Invalid => ("EINVAL", 22, "Invalid argument"),
            Errno::Pipe => ("EPIPE", 32, "Broken pipe"),
            Errno::BadProtocol => ("EPROTO", 71, "Protocol error"),
            Errno::MessageTooLong => ("EMSGSIZE", 90, "Message too long"),
            Errno::NoProtocolOption => ("ENOPROTOOPT", 92, "Protocol not available"),
            Errno::NotSupported => ("EOPNOTSUPP", 95, "Operation not supported"),
            Errno::AddrInUse => ("EADDRINUSE", 98, "Address already in use"),
            Errno::AddrNotAvailable => ("EADDRNOTAVAIL", 99, "Cannot assign requested address"),
            Errno::NetworkUnreachable => ("ENETUNREACH", 101, "Network is unreachable"),
            Errno::ConnectionAborted => ("ECONNABORTED", 103, "Software caused connection abort"),
            Errno::ConnectionReset => ("ECONNRESET", 104, "Connection reset by peer"),
            Errno::IsConnected => ("EISCONN", 106, "Transport endpoint is already connected"),
            Errno::NotConnected => ("ENOTCONN", 107, "Transport endpoint is not connected"),
            Errno::TimedOut => ("ETIMEDOUT", 110, "Connection timed out"),
            Errno::ConnectionRefused => ("ECONNREFUSED", 111, "Connection refused"),
            Errno::HostUnreachable => ("EHOSTUNREACH", 113, "No route to host"),
            Errno::Already => ("EALREADY", 114, "Operation already in progress"),
            Errno::InProgress => ("EINPROGRESS", 115, "Operation now in progress"),
            Errno::ProtocolUnavailable => ("EPROTONOSUPPORT", 93, "Protocol not supported"),
        }
    }

    /// `EAGAIN`.
    pub const fn name(self) -> &'static str {
        self.parts().0
    }

    /// The number on Linux.
    pub const fn number(self) -> i64 {
        self.parts().1
    }

    /// What people read.
    pub const fn text(self) -> &'static str {
        self.parts().2
    }

    /// Why a connection ended, as its next call says it; none when it ended as it should.
    pub fn of(reason: CloseReason) -> Option<Errno> {
        match reason {
            CloseReason::Done | CloseReason::Aborted => None,
            CloseReason::Reset => Some(Errno::ConnectionReset),
            CloseReason::Refused => Some(Errno::ConnectionRefused),
            CloseReason::TimedOut(None) => Some(Errno::TimedOut),
            CloseReason::TimedOut(Some(kind)) | CloseReason::Unreachable(kind) => Some(match kind {
                IcmpKind::PortUnreachable => Errno::ConnectionRefused,
                IcmpKind::ProtocolUnreachable => Errno::NoProtocolOption,
                IcmpKind::ParameterProblem => Errno::BadProtocol,
                _ => Errno::HostUnreachable,
            }),
        }
    }

    /// Whether `word` names this error, also by its second name.
    pub fn is(self, word: &str) -> bool {
        self.name() == word || self == Errno::Again && word == "EWOULDBLOCK"
    }
}
