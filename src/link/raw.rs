//! This host's own addresses, our segments beside the kernel's (Linux, IPv4).
//!
//! A port guard keeps the kernel from answering for a port of ours: a kernel listener that swallows everything. It
//! needs no firewall rules, goes away with the process however that ends, and locks the port: another program gets
//! "address in use", and so do we. Packets are received by AF_PACKET, before any firewall, and sent through a raw IP
//! socket, so that routing and connection tracking treat them as any other.

use std::collections::VecDeque;
use std::io;
use std::net::{IpAddr, Ipv4Addr, SocketAddr, SocketAddrV4, UdpSocket};
use std::os::fd::{AsFd, AsRawFd, OwnedFd, RawFd};

use super::Link;
use super::sys::{self, bpf};
use crate::time::Time;
use crate::wire::ethernet::{EtherType, EthernetFrame};
use crate::wire::packet::{self, ChecksumState};
use crate::wire::{IpPacket, Meta, Packet};

pub use sys::Guard;

/// Room for the largest packet the kernel hands over: 64 KiB with offloads.
const BUFFER: usize = 1 << 17;
/// What we ask the kernel to keep for us while we are busy.
const RECEIVE_BUFFER: i32 = 16 << 20;
/// Bytes of the virtio-net header in front of each packet.
const VNET_HEADER: usize = 10;
/// Its flag that says: the checksum was left to hardware.
const NEEDS_CSUM: u8 = 1;

/// A real link for one port of this host.
pub struct RawLink {
    /// Holds the port.
    _guard: OwnedFd,
    packets: OwnedFd,
    sender: OwnedFd,
    buffer: Vec<u8>,
    dropped: u64,
    settings: RawSettings,
    /// Hand packets on as they were on the wire, not as the kernel put them together.
    split: bool,
    parts: VecDeque<Packet>,
    /// The first packet is ours to send: a failure to is final.
    expects_to_send: bool,
}

/// What opening the link settled.
#[derive(Clone, Debug)]
pub struct RawSettings {
    /// The port that is ours.
    pub port: u16,
    /// The addresses that we answer for.
    pub addresses: Vec<IpAddr>,
    /// How the kernel is kept silent.
    pub guard: Guard,
    /// The largest IP packet that the route carries.
    pub mtu: usize,
    /// The window that the kernel's buffer for us allows: half of it, since bookkeeping takes the rest.
    pub window: usize,
}

/// The address that packets to `remote` leave from, and the MTU of their route.
pub fn route(remote: SocketAddrV4) -> io::Result<(Ipv4Addr, usize)> {
    // Connecting a UDP socket sends nothing; it only asks the kernel's routing.
    let socket = UdpSocket::bind((Ipv4Addr::UNSPECIFIED, 0))?;
    socket.connect(remote)?;
    match socket.local_addr()? {
        SocketAddr::V4(local) => Ok((*local.ip(), sys::path_mtu(socket.as_fd())?)),
        SocketAddr::V6(_) => Err(io::ErrorKind::AddrNotAvailable.into()),
    }
}

/// The IPv4 addresses of this host.
pub fn addresses() -> Vec<IpAddr> {
    let interfaces = pnet::datalink::interfaces();
    interfaces.iter().flat_map(|interface| &interface.ips).map(|net| net.ip()).filter(IpAddr::is_ipv4).collect()
}

/// The smallest MTU among the interfaces that have an IPv4 address: what everybody can be answered with.
pub fn smallest_mtu() -> Option<usize> {
    let interfaces = pnet::datalink::interfaces();
    let ours = interfaces.iter().filter(|interface| interface.is_up() && interface.ips.iter().any(|net| net.is_ipv4()));
    let mtu = |name: &str| std::fs::read_to_string(format!("/sys/class/net/{name}/mtu")).ok()?.trim().parse().ok();
    ours.filter_map(|interface| mtu(&interface.name)).min()
}

impl RawLink {
    /// Opens a link for `port` (0: any free one) at `local`; the unspecified address stands for all of this host's.
    pub fn open(local: Ipv4Addr, port: u16, mtu: usize) -> io::Result<RawLink> {
        // What needs privilege comes first, so that its lack is what the error says.
        let sender = sys::raw_ip_socket()?;
        let (guard, bound, kind) = sys::guard_port(SocketAddrV4::new(local, port))?;
        let packets = sys::packet_socket(&filter(bound.port()), RECEIVE_BUFFER)?;
        let window = sys::receive_buffer(&packets)? / 2;
        let addresses = if local.is_unspecified() { addresses() } else { vec![IpAddr::V4(local)] };
        let settings = RawSettings { port: bound.port(), addresses, guard: kind, mtu, window };
        Ok(RawLink {
            _guard: guard,
            packets,
            sender,
            buffer: vec![0; BUFFER],
            dropped: 0,
            settings,
            split: false,
            parts: VecDeque::new(),
            expects_to_send: false,
        })
    }

    /// From now on super-segments are cut into the packets they were put together from: for impairments, which are
    /// about packets, and for captures.
    pub fn split_segments(&mut self) {
        self.split = true;
    }

    /// The link is for a connection that we open: if its first packet cannot leave, that is an error.
    pub fn expect_to_send(&mut self) {
        self.expects_to_send = true;
    }

    /// What opening settled.
    pub fn settings(&self) -> &RawSettings {
        &self.settings
    }

    fn read(&self, received: &sys::Received) -> Option<Packet> {
        // Not for this host, or leaving it.
        if received.packet_type == libc::PACKET_OTHERHOST || received.packet_type == libc::PACKET_OUTGOING {
            return None;
        }
        let bytes = self.buffer.get(..received.len)?;
        let (vnet, frame) = bytes.split_at_checked(VNET_HEADER)?;
        let packet = match received.hardware {
            libc::ARPHRD_ETHER | libc::ARPHRD_LOOPBACK => {
                EthernetFrame::parse(frame).ok().filter(|frame| frame.ethertype == EtherType::IPV4)?.payload
            }
            // A device without a link-layer header, such as a tunnel.
            _ => frame,
        };
        // What follows the packet is the frame's padding.
        let stated = match packet.get(2..4)?.first_chunk() {
            Some(length) => usize::from(u16::from_be_bytes(*length)),
            None => packet.len(),
        };
        let packet = packet.get(..stated).unwrap_or(packet);
        let segment_size = vnet.get(4..6)?.first_chunk().map(|size| u16::from_ne_bytes(*size));
        let unfilled = vnet.first().is_some_and(|flags| flags & NEEDS_CSUM != 0);
        Some(Packet {
            bytes: packet.to_vec(),
            meta: Meta {
                arrived: received.arrived.map(Time::from_nanos),
                interface: received.interface,
                checksum: if unfilled { ChecksumState::Unfilled } else { ChecksumState::Unknown },
                segment_size: segment_size.filter(|size| *size > 0),
                truncated: received.truncated,
            },
        })
    }
}

impl Link for RawLink {
    fn send(&mut self, _now: Time, packet: Packet) -> io::Result<()> {
        let Ok(IpPacket { dst: IpAddr::V4(dst), .. }) = IpPacket::parse(&packet.bytes) else { return Ok(()) };
        match sys::send_ip(&self.sender, dst, &packet.bytes) {
            Ok(()) => {
                self.expects_to_send = false;
                Ok(())
            }
            // Nothing of ours has ever left: it will not by trying again, and the error says why.
            Err(error) if self.expects_to_send => match error.raw_os_error() {
                Some(libc::EAGAIN | libc::ENOBUFS | libc::EINTR) => Ok(()),
                Some(libc::EPERM | libc::EACCES) => Err(io::Error::new(
                    io::ErrorKind::PermissionDenied,
                    format!("sending to {dst} is refused by the local firewall ({error})"),
                )),
                _ => Err(io::Error::new(error.kind(), format!("sending to {dst}: {error}"))),
            },
            // One peer that cannot be reached is no reason to leave the others: lost, as on any wire.
            Err(_) => Ok(()),
        }
    }

    fn receive(&mut self, now: Time) -> io::Result<Option<Packet>> {
        if let Some(part) = self.parts.pop_front() {
            return Ok(Some(part));
        }
        while let Some(received) = sys::receive(&self.packets, &mut self.buffer)? {
            if let Some(mut packet) = self.read(&received) {
                // The kernel's clock may be set; ours never goes back, and no packet comes from the future.
                packet.meta.arrived = packet.meta.arrived.map(|arrived| arrived.min(now));
                if !self.split {
                    return Ok(Some(packet));
                }
                self.parts.extend(packet::split(packet));
                return Ok(self.parts.pop_front());
            }
        }
        Ok(None)
    }

    fn mtu(&self) -> usize {
        self.settings.mtu
    }

    fn descriptors(&self) -> Vec<RawFd> {
        vec![self.packets.as_raw_fd()]
    }

    fn dropped_before_us(&mut self) -> u64 {
        // Asking resets the kernel's counter.
        self.dropped += sys::packets_dropped(&self.packets).unwrap_or(0);
        self.dropped
    }
}

/// Passes TCP to `port` and ICMP; whole packets and first fragments.
fn filter(port: u16) -> Vec<libc::sock_filter> {
    const ALL: u32 = 0x4_0000;
    vec![
        bpf::op(bpf::LOAD_BYTE, bpf::NET.wrapping_add(9)),
        bpf::jump(bpf::EQUALS, 1, 9, 0),
        bpf::jump(bpf::EQUALS, 6, 0, 9),
        bpf::op(bpf::LOAD_HALF, bpf::NET.wrapping_add(6)),
        bpf::jump(bpf::HAS_BITS, 0x1fff, 7, 0),
        bpf::op(bpf::LOAD_BYTE, bpf::NET),
        bpf::op(bpf::AND, 15),
        bpf::op(bpf::SHIFT_LEFT, 2),
        bpf::op(bpf::TO_INDEX, 0),
        bpf::op(bpf::LOAD_HALF_INDEXED, bpf::NET.wrapping_add(2)),
        bpf::jump(bpf::EQUALS, u32::from(port), 0, 1),
        bpf::op(bpf::RETURN, ALL),
        bpf::op(bpf::RETURN, 0),
    ]
}
