//! Raw IP and packet sockets, written many packets at a time.

use std::io::{self, IoSlice};
use std::mem::zeroed;
use std::net::SocketAddr;
use std::os::fd::{AsRawFd, OwnedFd};

use super::receive::Family;
use super::{Name, open, set_buffer};

/// What may wait in a socket: a few milliseconds of a fast link, and not so much that a slow one's queue becomes ours.
const SEND_BUFFER: i32 = 1 << 20;
/// Packets sent at a time.
pub const BATCH: usize = 64;

/// Opens a socket that sends IP packets with headers of our own, routed by the kernel.
pub fn raw_ip_socket(family: Family) -> io::Result<OwnedFd> {
    let domain = match family {
        Family::V4 => libc::AF_INET,
        Family::V6 => libc::AF_INET6,
    };
    let socket = open(domain, libc::SOCK_RAW | libc::SOCK_NONBLOCK, libc::IPPROTO_RAW)?;
    set_send_buffer(&socket)?;
    Ok(socket)
}

/// Lets as much wait in a socket as is good for it.
pub fn set_send_buffer(socket: &OwnedFd) -> io::Result<()> {
    set_buffer(socket, libc::SO_SNDBUFFORCE, libc::SO_SNDBUF, SEND_BUFFER, "SO_SNDBUF")
}

/// Where a message goes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Destination {
    /// An IP address, by a raw IP socket.
    Host(SocketAddr),
    /// A device, by a packet socket; the message is a frame behind a virtio-net header.
    Device {
        /// Interface index.
        interface: u32,
        /// What the frame carries.
        family: Family,
    },
}

/// Something to send, in parts.
pub struct Message<'a> {
    /// Where to.
    pub to: Destination,
    /// The parts, in order.
    pub parts: &'a [IoSlice<'a>],
}

/// Sends messages in order; how many of them the kernel took, at least one. An error is about the first.
pub fn send(socket: &OwnedFd, messages: &[Message<'_>]) -> io::Result<usize> {
    let mut names = [Name::zero(); BATCH];
    // SAFETY: all zero is a valid mmsghdr.
    let mut headers: [libc::mmsghdr; BATCH] = unsafe { zeroed() };
    let count = messages.len().min(BATCH);
    for ((header, name), message) in headers.iter_mut().zip(&mut names).zip(messages) {
        let (value, len) = match message.to {
            Destination::Host(address) => Name::ip(address),
            Destination::Device { interface, family } => Name::device(family.protocol(), interface),
        };
        *name = value;
        let header = &mut header.msg_hdr;
        header.msg_name = std::ptr::from_mut(name).cast();
        header.msg_namelen = len;
        // IoSlice is an iovec on Unix; the kernel only reads them, although the pointer is not const.
        header.msg_iov = message.parts.as_ptr().cast_mut().cast();
        header.msg_iovlen = message.parts.len() as _;
    }
    // SAFETY: the first `count` headers point to live objects of the lengths given beside them.
    let sent = unsafe { libc::sendmmsg(socket.as_raw_fd(), headers.as_mut_ptr(), count as u32, libc::MSG_DONTWAIT) };
    if sent < 0 { Err(io::Error::last_os_error()) } else { Ok(sent as usize) }
}
