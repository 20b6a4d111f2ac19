//! Packet sockets, read many packets at a time.

use std::io;
use std::mem::{size_of_val, zeroed};
use std::os::fd::{AsRawFd, OwnedFd};

use super::bpf::Instruction;
use super::{Name, attach_filter, check, get, named, open, set, set_buffer};

/// Bytes of the virtio-net header in front of each packet.
pub const VNET_HEADER: usize = 10;
/// Bytes that are received apart from the rest: the virtio-net header, and what is the Ethernet header on nearly every
/// device, so that the packet itself starts a buffer.
pub const HEAD: usize = VNET_HEADER + 14;
/// The virtio-net header's flag that says: the checksum was left to hardware.
pub const NEEDS_CSUM: u8 = 1;
/// Packets read at a time.
pub const BATCH: usize = 32;

const PACKET_IGNORE_OUTGOING: i32 = 23;
const PACKET_AUXDATA: i32 = 8;

/// `struct tpacket_auxdata` of linux/if_packet.h.
#[repr(C)]
#[derive(Clone, Copy)]
struct Auxdata {
    status: u32,
    len: u32,
    snaplen: u32,
    mac: u16,
    net: u16,
    vlan_tci: u16,
    vlan_tpid: u16,
}

/// The device has verified the checksum (TP_STATUS_CSUM_VALID).
const CHECKSUM_VALID: u32 = 1 << 7;

/// Which packets a packet socket sees.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Family {
    /// IPv4.
    V4,
    /// IPv6.
    V6,
}

impl Family {
    /// The Ethernet protocol number.
    pub fn protocol(self) -> i32 {
        match self {
            Family::V4 => libc::ETH_P_IP,
            Family::V6 => libc::ETH_P_IPV6,
        }
    }
}

/// Opens a socket that sees all packets of a protocol (ETH_P_*) which `filter` passes, on one interface or (0) on every
/// one, with offload metadata and arrival times. It sees what leaves only with ETH_P_ALL.
pub fn packet_socket(
    protocol: i32,
    interface: u32,
    filter: &[Instruction],
    receive_buffer: i32,
) -> io::Result<OwnedFd> {
    // Protocol 0 receives nothing: the filter is in place before the first packet comes.
    let socket = open(libc::AF_PACKET, libc::SOCK_RAW | libc::SOCK_NONBLOCK, 0)?;
    set(&socket, libc::SOL_PACKET, libc::PACKET_VNET_HDR, &1i32, "PACKET_VNET_HDR")?;
    if protocol != libc::ETH_P_ALL {
        set(&socket, libc::SOL_PACKET, PACKET_IGNORE_OUTGOING, &1i32, "PACKET_IGNORE_OUTGOING")?;
    }
    set(&socket, libc::SOL_PACKET, PACKET_AUXDATA, &1i32, "PACKET_AUXDATA")?;
    set(&socket, libc::SOL_SOCKET, libc::SO_TIMESTAMPNS, &1i32, "SO_TIMESTAMPNS")?;
    set_buffer(&socket, libc::SO_RCVBUFFORCE, libc::SO_RCVBUF, receive_buffer, "SO_RCVBUF")?;
    attach_filter(&socket, filter)?;
    let (name, len) = Name::device(protocol, interface);
    // SAFETY: `name` holds a sockaddr_ll and its size is given.
    let bound = unsafe { libc::bind(socket.as_raw_fd(), std::ptr::from_ref(&name).cast(), len) };
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

/// A packet as the kernel gives it.
#[derive(Clone, Debug)]
pub struct Received {
    /// Virtio-net header, then the first bytes of the frame.
    pub head: [u8; HEAD],
    /// The rest of the frame.
    pub rest: Vec<u8>,
    /// The buffer was too small.
    pub truncated: bool,
    /// Where the IP packet starts, counted from the start of the frame.
    pub network_offset: usize,
    /// The device has verified the transport checksum.
    pub verified: bool,
    /// ARPHRD_*: what kind of device it came in by.
    pub hardware: u16,
    /// PACKET_*: for whom it is.
    pub packet_type: u8,
    /// Interface index.
    pub interface: u32,
    /// Arrival, in nanoseconds since the Unix epoch.
    pub arrived: Option<u64>,
}

/// Reads packets into the capacity of `buffers`, which are taken from its end; as many as there are, and at most one
/// batch. They are appended to `received`.
pub fn receive(
    socket: &OwnedFd,
    buffers: &mut Vec<Vec<u8>>,
    received: &mut impl Extend<Received>,
) -> io::Result<usize> {
    let count = buffers.len().min(BATCH);
    let mut spaces = buffers.split_off(buffers.len() - count);
    let mut heads = [[0u8; HEAD]; BATCH];
    // SAFETY: all zero is valid for iovec, sockaddr_ll and mmsghdr.
    let mut parts: [[libc::iovec; 2]; BATCH] = unsafe { zeroed() };
    let mut names = [Name::zero(); BATCH];
    // Aligned for cmsghdr, and large enough for a timestamp and auxiliary data.
    let mut controls = [[0u64; 16]; BATCH];
    // SAFETY: as above.
    let mut messages: [libc::mmsghdr; BATCH] = unsafe { zeroed() };
    let slots = messages.iter_mut().zip(&mut parts).zip(&mut names).zip(&mut controls).zip(&mut heads);
    for (((((message, parts), name), control), head), space) in slots.zip(&mut spaces) {
        space.clear();
        let spare = space.spare_capacity_mut();
        parts[0] = libc::iovec { iov_base: head.as_mut_ptr().cast(), iov_len: head.len() };
        parts[1] = libc::iovec { iov_base: spare.as_mut_ptr().cast(), iov_len: spare.len() };
        let header = &mut message.msg_hdr;
        header.msg_name = std::ptr::from_mut(name).cast();
        header.msg_namelen = size_of_val(name) as libc::socklen_t;
        header.msg_iov = parts.as_mut_ptr();
        header.msg_iovlen = parts.len() as _;
        header.msg_control = control.as_mut_ptr().cast();
        header.msg_controllen = size_of_val(control) as _;
    }
    let flags = libc::MSG_DONTWAIT | libc::MSG_TRUNC;
    // SAFETY: the first `count` messages point to live objects of the lengths given beside them.
    let result =
        unsafe { libc::recvmmsg(socket.as_raw_fd(), messages.as_mut_ptr(), count as u32, flags, std::ptr::null_mut()) };
    if result < 0 {
        let error = io::Error::last_os_error();
        buffers.append(&mut spaces);
        return match error.raw_os_error() {
            // An interface that went down is no reason to stop: others may still bring packets.
            Some(libc::EAGAIN | libc::EINTR | libc::ENETDOWN) => Ok(0),
            _ => Err(named("recvmmsg", &error)),
        };
    }
    let result = result as usize;
    buffers.extend(spaces.drain(result..));
    let slots = messages.iter().zip(&names).zip(&heads).zip(spaces);
    received.extend(slots.map(|(((message, name), head), mut space)| {
        let len = message.msg_len as usize;
        let rest = len.saturating_sub(HEAD);
        // SAFETY: the kernel has filled `rest` bytes of the capacity, or all of it when the packet is larger.
        unsafe { space.set_len(rest.min(space.capacity())) };
        // SAFETY: packet sockets name every packet by a sockaddr_ll.
        let device = unsafe { name.device };
        let mut packet = Received {
            head: *head,
            truncated: rest > space.len(),
            rest: space,
            network_offset: HEAD - VNET_HEADER,
            verified: false,
            hardware: device.sll_hatype,
            packet_type: device.sll_pkttype,
            interface: device.sll_ifindex as u32,
            arrived: None,
        };
        read_control(&message.msg_hdr, &mut packet);
        packet
    }));
    Ok(result)
}

fn read_control(message: &libc::msghdr, packet: &mut Received) {
    // SAFETY: `message` was filled in by recvmmsg and its control buffer is alive; these macros check the length.
    let mut next = unsafe { libc::CMSG_FIRSTHDR(message) };
    while !next.is_null() {
        // SAFETY: a header that the macros return lies in that buffer.
        let (header, data) = unsafe { (next.read(), libc::CMSG_DATA(next)) };
        match (header.cmsg_level, header.cmsg_type) {
            (libc::SOL_SOCKET, libc::SCM_TIMESTAMPNS) => {
                // SAFETY: a control message of this type carries a timespec; it may be unaligned.
                let time: libc::timespec = unsafe { std::ptr::read_unaligned(data.cast()) };
                packet.arrived = Some(time.tv_sec as u64 * 1_000_000_000 + time.tv_nsec as u64);
            }
            (libc::SOL_PACKET, PACKET_AUXDATA) => {
                // SAFETY: a control message of this type carries auxiliary data; it may be unaligned.
                let aux: Auxdata = unsafe { std::ptr::read_unaligned(data.cast()) };
                packet.network_offset = usize::from(aux.net.saturating_sub(aux.mac));
                packet.verified = aux.status & CHECKSUM_VALID != 0;
            }
            _ => {}
        }
        // SAFETY: as above.
        next = unsafe { libc::CMSG_NXTHDR(message, next) };
    }
}
