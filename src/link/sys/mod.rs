//! System calls that the standard library does not offer: the only unsafe code.
//!
//! Each function wraps one call or one small group, takes and returns safe types, and says in its error which
//! operation failed.
//!
//! | file      | calls |
//! |-----------|-------|
//! | `wait`    | ppoll, and how exactly it wakes |
//! | `guard`   | a listener that swallows everything |
//! | `receive` | packet sockets, read many packets at a time |
//! | `send`    | raw IP and packet sockets, written many packets at a time |
//! | `bpf`     | classic BPF instructions, as values |
#![allow(unsafe_code)]

pub mod bpf;
pub mod guard;
pub mod receive;
pub mod send;
pub mod wait;

use std::io;
use std::mem::{size_of, zeroed};
use std::net::{Ipv4Addr, Ipv6Addr, SocketAddr, SocketAddrV4, SocketAddrV6};
use std::os::fd::{AsRawFd, FromRawFd, OwnedFd};

/// Binds a socket to an interface: what it sends leaves there, what comes elsewhere is not for it.
pub fn bind_to_interface(socket: &OwnedFd, name: &str) -> io::Result<()> {
    // SAFETY: the name lives across the call and its length is given; it needs no terminating zero.
    let result = unsafe {
        libc::setsockopt(
            socket.as_raw_fd(),
            libc::SOL_SOCKET,
            libc::SO_BINDTODEVICE,
            name.as_ptr().cast(),
            name.len() as libc::socklen_t,
        )
    };
    check("SO_BINDTODEVICE", result).map(drop)
}

fn attach_filter(socket: &OwnedFd, filter: &[libc::sock_filter]) -> io::Result<()> {
    // The kernel only reads the program, although the pointer is not const.
    let program = libc::sock_fprog { len: filter.len() as libc::c_ushort, filter: filter.as_ptr().cast_mut() };
    set(socket, libc::SOL_SOCKET, libc::SO_ATTACH_FILTER, &program, "SO_ATTACH_FILTER")
}

fn open(family: i32, kind: i32, protocol: i32) -> io::Result<OwnedFd> {
    // SAFETY: socket takes no pointers.
    let fd = unsafe { libc::socket(family, kind | libc::SOCK_CLOEXEC, protocol) };
    check("socket", fd)?;
    // SAFETY: `fd` is open and nobody else has it.
    Ok(unsafe { OwnedFd::from_raw_fd(fd) })
}

/// `value` must be plain: an integer or a C struct without references, for the kernel reads its bytes.
fn set<T: Copy>(socket: &OwnedFd, level: i32, option: i32, value: &T, what: &str) -> io::Result<()> {
    // SAFETY: `value` lives across the call and its size is given.
    let result = unsafe {
        libc::setsockopt(
            socket.as_raw_fd(),
            level,
            option,
            std::ptr::from_ref(value).cast(),
            size_of::<T>() as libc::socklen_t,
        )
    };
    check(what, result).map(drop)
}

/// Only for plain C structs and integers, for which all zero is a valid value.
fn get<T: Copy>(socket: &OwnedFd, level: i32, option: i32, what: &str) -> io::Result<T> {
    // SAFETY: see above.
    let mut value: T = unsafe { zeroed() };
    let mut len = size_of::<T>() as libc::socklen_t;
    // SAFETY: `value` and `len` live across the call, and `len` is the size of `value`.
    let result = unsafe {
        libc::getsockopt(socket.as_raw_fd(), level, option, std::ptr::from_mut(&mut value).cast(), &raw mut len)
    };
    check(what, result)?;
    Ok(value)
}

/// Takes the larger of what the kernel allows: the first form may exceed the system's limit but needs CAP_NET_ADMIN.
fn set_buffer(socket: &OwnedFd, force: i32, plain: i32, bytes: i32, what: &str) -> io::Result<()> {
    set(socket, libc::SOL_SOCKET, force, &bytes, what).or_else(|_| set(socket, libc::SOL_SOCKET, plain, &bytes, what))
}

/// A socket address as the kernel reads it.
#[derive(Clone, Copy)]
#[repr(C)]
union Name {
    v4: libc::sockaddr_in,
    v6: libc::sockaddr_in6,
    device: libc::sockaddr_ll,
}

impl Name {
    fn zero() -> Name {
        // SAFETY: all zero is valid for every one of them.
        unsafe { zeroed() }
    }

    /// With its length.
    fn ip(address: SocketAddr) -> (Name, libc::socklen_t) {
        let mut name = Name::zero();
        match address {
            SocketAddr::V4(v4) => {
                // SAFETY: all zero is a valid sockaddr_in.
                let mut in4: libc::sockaddr_in = unsafe { zeroed() };
                in4.sin_family = libc::AF_INET as libc::sa_family_t;
                in4.sin_port = v4.port().to_be();
                in4.sin_addr.s_addr = u32::from(*v4.ip()).to_be();
                name.v4 = in4;
                (name, size_of::<libc::sockaddr_in>() as libc::socklen_t)
            }
            SocketAddr::V6(v6) => {
                // SAFETY: all zero is a valid sockaddr_in6.
                let mut in6: libc::sockaddr_in6 = unsafe { zeroed() };
                in6.sin6_family = libc::AF_INET6 as libc::sa_family_t;
                in6.sin6_port = v6.port().to_be();
                in6.sin6_addr.s6_addr = v6.ip().octets();
                in6.sin6_scope_id = v6.scope_id();
                name.v6 = in6;
                (name, size_of::<libc::sockaddr_in6>() as libc::socklen_t)
            }
        }
    }

    /// A packet socket's: a protocol (ETH_P_*) and an interface, 0 for all of them.
    fn device(protocol: i32, interface: u32) -> (Name, libc::socklen_t) {
        // SAFETY: all zero is a valid sockaddr_ll.
        let mut device: libc::sockaddr_ll = unsafe { zeroed() };
        device.sll_family = libc::AF_PACKET as u16;
        device.sll_protocol = (protocol as u16).to_be();
        device.sll_ifindex = interface as i32;
        let mut name = Name::zero();
        name.device = device;
        (name, size_of::<libc::sockaddr_ll>() as libc::socklen_t)
    }

    /// The address, when it is one of IPv4 or IPv6.
    fn to_ip(self) -> Option<SocketAddr> {
        // SAFETY: every variant starts with the family, and the variant that is read is the one of that family.
        unsafe {
            match i32::from(self.v4.sin_family) {
                libc::AF_INET => {
                    let ip = Ipv4Addr::from(u32::from_be(self.v4.sin_addr.s_addr));
                    Some(SocketAddrV4::new(ip, u16::from_be(self.v4.sin_port)).into())
                }
                libc::AF_INET6 => {
                    let ip = Ipv6Addr::from(self.v6.sin6_addr.s6_addr);
                    Some(SocketAddrV6::new(ip, u16::from_be(self.v6.sin6_port), 0, self.v6.sin6_scope_id).into())
                }
                _ => None,
            }
        }
    }
}

fn check(what: &str, result: i32) -> io::Result<i32> {
    match result {
        -1 => Err(named(what, &io::Error::last_os_error())),
        result => Ok(result),
    }
}

/// The error with the operation that failed; its kind stays.
fn named(what: &str, error: &io::Error) -> io::Error {
    io::Error::new(error.kind(), format!("{what}: {error}"))
}
