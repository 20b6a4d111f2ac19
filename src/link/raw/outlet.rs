//! Packets out: by raw IP, which the kernel routes and tracks as any other, or in frames of our own where that is
//! safe, because a frame may be a super-segment that the kernel or the device cuts.

use std::collections::VecDeque;
use std::io::{self, IoSlice};
use std::net::{IpAddr, SocketAddr, SocketAddrV6};
use std::ops::Range;
use std::os::fd::{AsRawFd, OwnedFd};

use super::ways::Ways;
use crate::link::Wait;
use crate::link::sys;
use crate::link::sys::receive::Family;
use crate::link::sys::send::{self, BATCH, Destination, Message};
use crate::time::Time;
use crate::wire::icmp::{self, IcmpKind};
use crate::wire::packet::Cutter;
use crate::wire::{IpPacket, Outgoing, Packet, Payload};

/// Failures that are told of, until somebody listens.
const MOST_ANSWERS: usize = 64;
/// Packets that may wait while the kernel takes no more; what a link that holds packets back gives beyond is lost.
const MOST_WAITING: usize = 4096;

/// Where packets go out.
pub struct Outlet {
    v4: Option<OwnedFd>,
    v6: Option<OwnedFd>,
    /// The socket that packets come in by sends frames as well: each socket more is 15 ms of kernel's work at the end.
    frames: Option<OwnedFd>,
    /// How hosts are reached.
    pub ways: Ways,
    /// What waits to be sent, and how many packets that is.
    queue: VecDeque<Sending>,
    waiting: usize,
    /// The kernel takes no more on this socket.
    blocked: Option<Socket>,
    /// What is to be said about packets that could not be sent.
    pub answers: VecDeque<Packet>,
    /// Where the first packet is ours to send: a failure to is final when it is one everywhere.
    expected: Vec<IpAddr>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Socket {
    V4,
    V6,
    Frames,
}

/// Packets of one segment, with the headers made.
struct Sending {
    socket: Socket,
    to: Destination,
    /// Headers one after the other, each of `head` bytes.
    heads: Vec<u8>,
    head: usize,
    payload: Payload,
    /// Payload of each packet.
    size: usize,
    next: usize,
    count: usize,
}

impl Sending {
    fn range(&self, index: usize) -> Range<usize> {
        let start = index * self.size;
        start..(start + self.size).min(self.payload.len())
    }
}

impl Outlet {
    /// Opens the sockets for the families that are spoken; `interface` restricts what is sent to one.
    pub fn open(v4: bool, v6: bool, interface: Option<(&str, u32)>) -> io::Result<Outlet> {
        let open = |wanted: bool, family: Family| -> io::Result<Option<OwnedFd>> {
            if !wanted {
                return Ok(None);
            }
            let socket = send::raw_ip_socket(family)?;
            if let Some((name, _)) = interface {
                sys::bind_to_interface(&socket, name)?;
            }
            Ok(Some(socket))
        };
        Ok(Outlet {
            v4: open(v4, Family::V4)?,
            v6: open(v6, Family::V6)?,
            frames: None,
            ways: Ways::open(interface.map(|(_, index)| index))?,
            queue: VecDeque::new(),
            waiting: 0,
            blocked: None,
            answers: VecDeque::new(),
            expected: Vec::new(),
        })
    }

    /// Super-segments may leave in frames, by this packet socket.
    pub fn send_frames_by(&mut self, socket: OwnedFd) {
        self.frames = Some(socket);
    }

    /// If the first packet can leave to none of these hosts, that is an error.
    pub fn expect_to_send(&mut self, hosts: Vec<IpAddr>) {
        self.expected = hosts;
    }

    /// Takes a packet to be sent.
    pub fn send(&mut self, packet: Packet) -> io::Result<()> {
        let Some((_, dst)) = IpPacket::addresses(&packet.bytes) else { return Ok(()) };
        let (socket, to) = self.by_ip(dst);
        let head = packet.bytes.len();
        let payload = Payload::empty();
        self.push(Sending { socket, to, heads: packet.bytes, head, payload, size: 0, next: 0, count: 1 })
    }

    /// Takes a segment to be sent, which may be many packets long.
    pub fn transmit(&mut self, now: Time, outgoing: Outgoing) -> io::Result<()> {
        let cutter = Cutter::new(&outgoing);
        let count = cutter.count();
        let size = outgoing.segment_size;
        let dst = outgoing.ip.dst;
        if count > 1
            && let Some(frame) = self.ways.frame_to(now, outgoing.ip.src, dst)
            && cutter.header_len() + size <= frame.mtu
        {
            let family = if dst.is_ipv4() { Family::V4 } else { Family::V6 };
            let to = Destination::Device { interface: frame.interface, family };
            let heads = frame.head(&cutter, &outgoing);
            let head = heads.len();
            let (payload, size) = (outgoing.payload, 1 << 16);
            return self.push(Sending { socket: Socket::Frames, to, heads, head, payload, size, next: 0, count: 1 });
        }
        let (socket, to) = self.by_ip(dst);
        let head = cutter.header_len();
        let mut heads = vec![0; head * count];
        for (index, space) in heads.chunks_exact_mut(head).enumerate() {
            cutter.write_headers(index, space);
        }
        self.push(Sending { socket, to, heads, head, payload: outgoing.payload, size, next: 0, count })
    }

    /// Sends what waits, as far as the kernel takes it.
    pub fn flush(&mut self) -> io::Result<()> {
        self.blocked = None;
        while let Some(first) = self.queue.front() {
            let (socket, to) = (first.socket, first.to);
            match self.send_run(socket) {
                Ok(sent) => {
                    self.expected.clear();
                    self.forget(sent);
                }
                Err(error) => match error.raw_os_error() {
                    Some(libc::EAGAIN) => {
                        self.blocked = Some(socket);
                        return Ok(());
                    }
                    Some(libc::EINTR) => {}
                    _ => {
                        self.answer(&error);
                        self.forget(1);
                        self.fail(&error, to)?;
                    }
                },
            }
        }
        Ok(())
    }

    /// False while the kernel takes no more.
    pub fn ready(&self) -> bool {
        self.blocked.is_none()
    }

    pub fn waits(&self) -> Option<Wait> {
        let descriptor = self.descriptor(self.blocked?)?.as_raw_fd();
        Some(Wait { descriptor, to_write: true })
    }

    fn push(&mut self, sending: Sending) -> io::Result<()> {
        if self.waiting >= MOST_WAITING {
            return Ok(());
        }
        self.waiting += sending.count;
        self.queue.push_back(sending);
        if self.waiting >= BATCH && self.ready() { self.flush() } else { Ok(()) }
    }

    /// Hands the kernel the packets at the front of the queue that go by the same socket; how many it took.
    fn send_run(&self, socket: Socket) -> io::Result<usize> {
        let Some(descriptor) = self.descriptor(socket) else { return Ok(1) };
        let mut parts = Vec::with_capacity(3 * BATCH);
        let mut runs = Vec::with_capacity(BATCH);
        for sending in self.queue.iter().take_while(|sending| sending.socket == socket) {
            let heads = sending.heads.chunks_exact(sending.head).enumerate().skip(sending.next);
            for (index, head) in heads.take(BATCH - runs.len()) {
                let start = parts.len();
                parts.push(IoSlice::new(head));
                parts.extend(sending.payload.parts(sending.range(index)).map(IoSlice::new));
                runs.push((sending.to, start..parts.len()));
            }
            if runs.len() == BATCH {
                break;
            }
        }
        let message =
            |(to, range)| Message { to, parts: parts.get::<std::ops::Range<usize>>(range).unwrap_or_default() };
        let messages: Vec<Message<'_>> = runs.into_iter().map(message).collect();
        send::send(descriptor, &messages)
    }

    /// The first `count` packets are off.
    fn forget(&mut self, mut count: usize) {
        self.waiting -= count;
        while count > 0
            && let Some(sending) = self.queue.front_mut()
        {
            let here = count.min(sending.count - sending.next);
            sending.next += here;
            count -= here;
            if sending.next == sending.count {
                self.queue.pop_front();
            }
        }
    }

    /// What the kernel says about the first packet, in the form in which a router would: TCP knows what to do with that.
    fn answer(&mut self, error: &io::Error) {
        let Some(sending) = self.queue.front().filter(|sending| sending.socket != Socket::Frames) else { return };
        let Some(head) = sending.heads.chunks_exact(sending.head).nth(sending.next) else { return };
        let mut packet = head.to_vec();
        sending.payload.parts(sending.range(sending.next)).for_each(|part| packet.extend_from_slice(part));
        let Some((src, dst)) = IpPacket::addresses(&packet) else { return };
        let kind = match error.raw_os_error() {
            Some(libc::EMSGSIZE) => {
                IcmpKind::TooBig { mtu: self.ways.route(src, dst).map_or(0, |route| route.mtu as u32) }
            }
            Some(libc::EPERM | libc::EACCES) => IcmpKind::Prohibited,
            Some(libc::EHOSTUNREACH | libc::ENETUNREACH | libc::ENETDOWN | libc::ENODEV) => IcmpKind::NoRoute,
            _ => return,
        };
        if self.answers.len() < MOST_ANSWERS
            && let Ok(bytes) = icmp::write(kind, src, &packet)
        {
            self.answers.push_back(Packet::new(bytes));
        }
    }

    /// A packet could not be sent.
    fn fail(&mut self, error: &io::Error, to: Destination) -> io::Result<()> {
        // One peer that cannot be reached is no reason to leave the others: lost, as on any wire. But when nothing of
        // ours has ever left, it will not by trying again, and the error says why.
        let Destination::Host(to) = to else { return Ok(()) };
        let to = to.ip();
        if !self.expected.contains(&to) || error.raw_os_error() == Some(libc::ENOBUFS) {
            return Ok(());
        }
        self.expected.retain(|host| *host != to);
        if !self.expected.is_empty() {
            return Ok(());
        }
        Err(match error.raw_os_error() {
            Some(libc::EPERM | libc::EACCES) => io::Error::new(
                io::ErrorKind::PermissionDenied,
                format!("sending to {to} is refused by the local firewall ({error}); nft list ruleset shows its rules"),
            ),
            _ => io::Error::new(error.kind(), format!("sending to {to}: {error}")),
        })
    }

    fn by_ip(&self, dst: IpAddr) -> (Socket, Destination) {
        match dst {
            IpAddr::V4(v4) => (Socket::V4, Destination::Host((v4, 0).into())),
            IpAddr::V6(v6) => {
                let scope = self.ways.scope(v6).unwrap_or(0);
                (Socket::V6, Destination::Host(SocketAddr::V6(SocketAddrV6::new(v6, 0, 0, scope))))
            }
        }
    }

    fn descriptor(&self, socket: Socket) -> Option<&OwnedFd> {
        match socket {
            Socket::V4 => self.v4.as_ref(),
            Socket::V6 => self.v6.as_ref(),
            Socket::Frames => self.frames.as_ref(),
        }
    }
}
