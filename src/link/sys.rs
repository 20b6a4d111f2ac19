//! System calls that the standard library does not offer: the only unsafe code.
//!
//! Each function wraps one call or one small group, takes and returns safe types, and says in its error which
//! operation failed.
#![allow(unsafe_code)]

use std::io;
use std::mem::{size_of, size_of_val, zeroed};
use std::net::{Ipv4Addr, SocketAddrV4};
use std::os::fd::{AsRawFd, BorrowedFd, FromRawFd, OwnedFd, RawFd};
use std::time::Duration;

/// Waits until one of `descriptors` or `bell` is readable, `timeout` has passed or a signal came; true when the bell is.
/// `ppoll` rather than `poll`: milliseconds are too coarse for pacing and round-trip times.
pub fn wait_readable(descriptors: &[RawFd], bell: Option<RawFd>, timeout: Option<Duration>) -> io::Result<bool> {
    let mut polled: Vec<libc::pollfd> =
        bell.iter().chain(descriptors).map(|fd| libc::pollfd { fd: *fd, events: libc::POLLIN, revents: 0 }).collect();
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

/// How the kernel is kept from answering for a port.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Guard {
    /// A filter that takes nothing: silent for every segment.
    Filter,
    /// A minimum TTL of 255: silent unless a peer's packets arrive with that.
    MinimumTtl,
}

/// Takes a port from the kernel: a listener that swallows everything and answers nothing. Port 0 lets the kernel
/// choose; the address that came of it is returned. The port is ours until the descriptor is closed, also when the
/// process dies.
pub fn guard_port(address: SocketAddrV4) -> io::Result<(OwnedFd, SocketAddrV4, Guard)> {
    let socket = open(libc::AF_INET, libc::SOCK_STREAM, 0)?;
    set(&socket, libc::SOL_SOCKET, libc::SO_REUSEADDR, &1i32, "SO_REUSEADDR")?;
    let name = sockaddr_in(address);
    // SAFETY: `name` is a sockaddr_in and its size is given.
    let bound = unsafe {
        libc::bind(socket.as_raw_fd(), std::ptr::from_ref(&name).cast(), size_of_val(&name) as libc::socklen_t)
    };
    check("bind", bound)?;
    // The filter stands before the first segment can be answered, hence before listen.
    let nothing = [libc::sock_filter { code: BPF_RET, jt: 0, jf: 0, k: 0 }];
    let guard = match attach_filter(&socket, &nothing) {
        Ok(()) => {
            set(&socket, libc::SOL_SOCKET, libc::SO_LOCK_FILTER, &1i32, "SO_LOCK_FILTER")?;
            Guard::Filter
        }
        // Recent kernels want CAP_NET_ADMIN for a filter on a TCP socket.
        Err(error) if error.kind() == io::ErrorKind::PermissionDenied => {
            set(&socket, libc::IPPROTO_IP, IP_MINTTL, &255i32, "IP_MINTTL")?;
            Guard::MinimumTtl
        }
        Err(error) => return Err(error),
    };
    // SAFETY: listen takes no pointers.
    check("listen", unsafe { libc::listen(socket.as_raw_fd(), 1) })?;
    // SAFETY: an all-zero sockaddr_in is valid.
    let mut name: libc::sockaddr_in = unsafe { zeroed() };
    let mut len = size_of_val(&name) as libc::socklen_t;
    // SAFETY: `name` and `len` live across the call, and `len` is the size of `name`.
    let named = unsafe { libc::getsockname(socket.as_raw_fd(), std::ptr::from_mut(&mut name).cast(), &raw mut len) };
    check("getsockname", named)?;
    let address = SocketAddrV4::new(Ipv4Addr::from(u32::from_be(name.sin_addr.s_addr)), u16::from_be(name.sin_port));
    Ok((socket, address, guard))
}

/// Opens a socket that sees all IPv4 packets which `filter` passes, on every interface, with offload metadata and
/// arrival times; not the ones that leave.
pub fn packet_socket(filter: &[libc::sock_filter], receive_buffer: i32) -> io::Result<OwnedFd> {
    // Protocol 0 receives nothing: the filter is in place before the first packet comes.
    let socket = open(libc::AF_PACKET, libc::SOCK_RAW | libc::SOCK_NONBLOCK, 0)?;
    set(&socket, libc::SOL_PACKET, libc::PACKET_VNET_HDR, &1i32, "PACKET_VNET_HDR")?;
    set(&socket, libc::SOL_PACKET, PACKET_IGNORE_OUTGOING, &1i32, "PACKET_IGNORE_OUTGOING")?;
    set(&socket, libc::SOL_SOCKET, libc::SO_TIMESTAMPNS, &1i32, "SO_TIMESTAMPNS")?;
    // The first form may exceed the system's limit but needs CAP_NET_ADMIN; the second takes what it gets.
    if set(&socket, libc::SOL_SOCKET, libc::SO_RCVBUFFORCE, &receive_buffer, "SO_RCVBUFFORCE").is_err() {
        set(&socket, libc::SOL_SOCKET, libc::SO_RCVBUF, &receive_buffer, "SO_RCVBUF")?;
    }
    attach_filter(&socket, filter)?;
    // SAFETY: an all-zero sockaddr_ll is valid.
    let mut name: libc::sockaddr_ll = unsafe { zeroed() };
    name.sll_family = libc::AF_PACKET as u16;
    name.sll_protocol = (libc::ETH_P_IP as u16).to_be();
    // SAFETY: `name` is a sockaddr_ll and its size is given.
    let bound = unsafe {
        libc::bind(socket.as_raw_fd(), std::ptr::from_ref(&name).cast(), size_of_val(&name) as libc::socklen_t)
    };
    check("bind a packet socket", bound)?;
    Ok(socket)
}

/// Bytes that the kernel really keeps for a socket's unread packets.
pub fn receive_buffer(socket: &OwnedFd) -> io::Result<usize> {
    let size: i32 = get(socket, libc::SOL_SOCKET, libc::SO_RCVBUF, "SO_RCVBUF")?;
    Ok(usize::try_from(size).unwrap_or(0))
}

/// Packets that a packet socket lost since this was last asked.
pub fn packets_dropped(socket: &OwnedFd) -> io::Result<u64> {
    let stats: libc::tpacket_stats = get(socket, libc::SOL_PACKET, libc::PACKET_STATISTICS, "PACKET_STATISTICS")?;
    Ok(u64::from(stats.tp_drops))
}

/// The MTU of the route that a connected socket has.
pub fn path_mtu(socket: BorrowedFd<'_>) -> io::Result<usize> {
    let mtu: i32 = get(&socket, libc::IPPROTO_IP, libc::IP_MTU, "IP_MTU")?;
    Ok(usize::try_from(mtu).unwrap_or(0))
}

/// A packet as the kernel gives it.
#[derive(Clone, Copy, Debug, Default)]
pub struct Received {
    /// Bytes in the buffer: virtio-net header, link-layer header, packet.
    pub len: usize,
    /// The buffer was too small.
    pub truncated: bool,
    /// ARPHRD_*: what the link-layer header is.
    pub hardware: u16,
    /// PACKET_*: for whom it is.
    pub packet_type: u8,
    /// Interface index.
    pub interface: u32,
    /// Arrival, in nanoseconds since the Unix epoch.
    pub arrived: Option<u64>,
}

/// The next packet of a packet socket, if there is one.
pub fn receive(socket: &OwnedFd, buffer: &mut [u8]) -> io::Result<Option<Received>> {
    // SAFETY: all-zero sockaddr_ll and msghdr are valid.
    let mut name: libc::sockaddr_ll = unsafe { zeroed() };
    // SAFETY: as above.
    let mut message: libc::msghdr = unsafe { zeroed() };
    let mut part = libc::iovec { iov_base: buffer.as_mut_ptr().cast(), iov_len: buffer.len() };
    // Aligned for cmsghdr, and large enough for a timestamp.
    let mut control = [0u64; 16];
    message.msg_name = std::ptr::from_mut(&mut name).cast();
    message.msg_namelen = size_of_val(&name) as libc::socklen_t;
    message.msg_iov = &raw mut part;
    message.msg_iovlen = 1;
    message.msg_control = control.as_mut_ptr().cast();
    message.msg_controllen = size_of_val(&control);
    // SAFETY: every pointer in `message` points to a live object of the length given beside it.
    let len = unsafe { libc::recvmsg(socket.as_raw_fd(), &raw mut message, libc::MSG_DONTWAIT | libc::MSG_TRUNC) };
    if len < 0 {
        let error = io::Error::last_os_error();
        return match error.raw_os_error() {
            Some(libc::EAGAIN | libc::EINTR) => Ok(None),
            // An interface went down; others may still bring packets.
            Some(libc::ENETDOWN) => Ok(None),
            _ => Err(named("recvmsg", &error)),
        };
    }
    let len = len as usize;
    Ok(Some(Received {
        len: len.min(buffer.len()),
        truncated: len > buffer.len(),
        hardware: name.sll_hatype,
        packet_type: name.sll_pkttype,
        interface: name.sll_ifindex as u32,
        arrived: arrival(&message),
    }))
}

fn arrival(message: &libc::msghdr) -> Option<u64> {
    // SAFETY: `message` was filled in by recvmsg and its control buffer is alive; CMSG_FIRSTHDR checks the length.
    let header = unsafe { libc::CMSG_FIRSTHDR(message).as_ref() }?;
    if (header.cmsg_level, header.cmsg_type) != (libc::SOL_SOCKET, libc::SCM_TIMESTAMPNS) {
        return None;
    }
    // SAFETY: a control message of this type carries a timespec; it may be unaligned.
    let time: libc::timespec = unsafe { std::ptr::read_unaligned(libc::CMSG_DATA(header).cast()) };
    Some(time.tv_sec as u64 * 1_000_000_000 + time.tv_nsec as u64)
}

/// Opens a socket that sends IPv4 packets with headers of our own.
pub fn raw_ip_socket() -> io::Result<OwnedFd> {
    open(libc::AF_INET, libc::SOCK_RAW | libc::SOCK_NONBLOCK, libc::IPPROTO_RAW)
}

/// Sends a whole IPv4 packet towards `dst`.
pub fn send_ip(socket: &OwnedFd, dst: Ipv4Addr, packet: &[u8]) -> io::Result<()> {
    let name = sockaddr_in(SocketAddrV4::new(dst, 0));
    // SAFETY: `packet` and `name` live across the call and their sizes are given.
    let sent = unsafe {
        libc::sendto(
            socket.as_raw_fd(),
            packet.as_ptr().cast(),
            packet.len(),
            0,
            std::ptr::from_ref(&name).cast(),
            size_of_val(&name) as libc::socklen_t,
        )
    };
    if sent < 0 { Err(io::Error::last_os_error()) } else { Ok(()) }
}

/// Classic BPF instructions, for filters built elsewhere.
pub mod bpf {
    /// Where the network header starts, for absolute loads (SKF_NET_OFF): independent of the link layer.
    pub const NET: u32 = -0x10_0000i32 as u32;

    /// An instruction.
    pub const fn op(code: u16, k: u32) -> libc::sock_filter {
        libc::sock_filter { code, jt: 0, jf: 0, k }
    }

    /// A jump: `jt` instructions further when true, `jf` when false.
    pub const fn jump(code: u16, k: u32, jt: u8, jf: u8) -> libc::sock_filter {
        libc::sock_filter { code, jt, jf, k }
    }

    /// `A = byte at k`.
    pub const LOAD_BYTE: u16 = 0x30;
    /// `A = 16 bits at k`.
    pub const LOAD_HALF: u16 = 0x28;
    /// `A = 16 bits at X + k`.
    pub const LOAD_HALF_INDEXED: u16 = 0x48;
    /// `A = A & k`.
    pub const AND: u16 = 0x54;
    /// `A = A << k`.
    pub const SHIFT_LEFT: u16 = 0x64;
    /// `X = A`.
    pub const TO_INDEX: u16 = 0x07;
    /// Is `A == k`?
    pub const EQUALS: u16 = 0x15;
    /// Is `A & k != 0`?
    pub const HAS_BITS: u16 = 0x45;
    /// Takes `k` bytes of the packet; 0 drops it.
    pub const RETURN: u16 = 0x06;
}

const BPF_RET: u16 = bpf::RETURN;
const IP_MINTTL: i32 = 21;
const PACKET_IGNORE_OUTGOING: i32 = 23;

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

fn set<T>(socket: &OwnedFd, level: i32, option: i32, value: &T, what: &str) -> io::Result<()> {
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

fn get<T: Copy>(socket: &impl AsRawFd, level: i32, option: i32, what: &str) -> io::Result<T> {
    // SAFETY: only called with plain C structs and integers, for which all zero is a valid value.
    let mut value: T = unsafe { zeroed() };
    let mut len = size_of::<T>() as libc::socklen_t;
    // SAFETY: `value` and `len` live across the call, and `len` is the size of `value`.
    let result = unsafe {
        libc::getsockopt(socket.as_raw_fd(), level, option, std::ptr::from_mut(&mut value).cast(), &raw mut len)
    };
    check(what, result)?;
    Ok(value)
}

fn sockaddr_in(address: SocketAddrV4) -> libc::sockaddr_in {
    // SAFETY: an all-zero sockaddr_in is valid.
    let mut name: libc::sockaddr_in = unsafe { zeroed() };
    name.sin_family = libc::AF_INET as libc::sa_family_t;
    name.sin_port = address.port().to_be();
    name.sin_addr.s_addr = u32::from(*address.ip()).to_be();
    name
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
