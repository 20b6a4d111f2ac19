//! A listener that swallows everything.

use std::io;
use std::net::SocketAddr;
use std::os::fd::{AsRawFd, OwnedFd};

use super::{Name, attach_filter, bpf, check, open, set};

/// How the kernel is kept from answering for a port.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Guard {
    /// A filter that takes nothing: silent for every segment.
    Filter,
    /// A minimum TTL of 255: silent unless a peer's packets arrive with that.
    MinimumTtl,
}

const IP_MINTTL: i32 = 21;
const IPV6_MINHOPCOUNT: i32 = 73;

/// Takes a port from the kernel: a listener that swallows everything and answers nothing. Port 0 lets the kernel
/// choose; the address that came of it is returned. The port is ours until the descriptor is closed, also when the
/// process dies.
pub fn guard_port(address: SocketAddr) -> io::Result<(OwnedFd, SocketAddr, Guard)> {
    let family = if address.is_ipv4() { libc::AF_INET } else { libc::AF_INET6 };
    let socket = open(family, libc::SOCK_STREAM, 0)?;
    if address.port() != 0 {
        // A port that the kernel remembers in TIME-WAIT can be had; one that it chooses itself should be free of that.
        set(&socket, libc::SOL_SOCKET, libc::SO_REUSEADDR, &1i32, "SO_REUSEADDR")?;
    }
    if address.is_ipv6() {
        // IPv4 has a guard of its own: the minimum TTL of an IPv6 socket would not hold for it.
        set(&socket, libc::IPPROTO_IPV6, libc::IPV6_V6ONLY, &1i32, "IPV6_V6ONLY")?;
    }
    let (name, len) = Name::ip(address);
    // SAFETY: `name` holds a socket address of the size given.
    check("bind", unsafe { libc::bind(socket.as_raw_fd(), std::ptr::from_ref(&name).cast(), len) })?;
    // The filter stands before the first segment can be answered, hence before listen.
    let guard = match attach_filter(&socket, &[bpf::op(bpf::RETURN, 0)]) {
        Ok(()) => {
            set(&socket, libc::SOL_SOCKET, libc::SO_LOCK_FILTER, &1i32, "SO_LOCK_FILTER")?;
            Guard::Filter
        }
        // Recent kernels want CAP_NET_ADMIN for a filter on a TCP socket.
        Err(error) if error.kind() == io::ErrorKind::PermissionDenied => {
            match address {
                SocketAddr::V4(_) => set(&socket, libc::IPPROTO_IP, IP_MINTTL, &255i32, "IP_MINTTL")?,
                SocketAddr::V6(_) => {
                    set(&socket, libc::IPPROTO_IPV6, IPV6_MINHOPCOUNT, &255i32, "IPV6_MINHOPCOUNT")?;
                }
            }
            Guard::MinimumTtl
        }
        Err(error) => return Err(error),
    };
    // SAFETY: listen takes no pointers.
    check("listen", unsafe { libc::listen(socket.as_raw_fd(), 1) })?;
    let mut name = Name::zero();
    let mut len = size_of::<Name>() as libc::socklen_t;
    // SAFETY: `name` and `len` live across the call, and `len` is the size of `name`.
    let named = unsafe { libc::getsockname(socket.as_raw_fd(), std::ptr::from_mut(&mut name).cast(), &raw mut len) };
    check("getsockname", named)?;
    let bound = name.to_ip().ok_or(io::ErrorKind::AddrNotAvailable)?;
    Ok((socket, bound, guard))
}
