//! This host's own addresses, our segments beside the kernel's (Linux).
//!
//! A port guard keeps the kernel from answering for a port of ours: a kernel listener that swallows everything. It
//! needs no firewall rules, goes away with the process however that ends, and locks the port: another program gets
//! "address in use", and so do we. Packets are received by packet sockets, before any firewall, and sent by raw IP, so
//! that routing and connection tracking treat them as any other; super-segments go in frames where that is safe.
//!
//! | file     | subject |
//! |----------|---------|
//! | `filter` | which packets the kernel passes to us |
//! | `inlet`  | packets in |
//! | `listen` | everything that passes an interface |
//! | `outlet` | packets out |
//! | `route`  | what the kernel knows about the way to a host |
//! | `ways`   | how hosts are reached, and in which frames |
//! | `watch`  | does something on this host answer for our ports? |

mod filter;
mod inlet;
pub mod listen;
mod outlet;
mod route;
mod watch;
mod ways;

use std::collections::VecDeque;
use std::io;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr, UdpSocket};
use std::os::fd::OwnedFd;

use super::sys::guard;
use super::{Link, Wait};
use crate::time::Time;
use crate::wire::packet;
use crate::wire::{IpPacket, Outgoing, Packet};
use inlet::Inlet;
use outlet::Outlet;

pub use super::sys::guard::Guard;
pub use route::{Route, Routes};

/// Ports that are tried until one is free for both families.
const PORT_TRIES: u32 = 16;

/// A real link for a few ends of this host.
pub struct RawLink {
    /// These hold the ports.
    _guards: Vec<OwnedFd>,
    inlet: Inlet,
    outlet: Outlet,
    settings: RawSettings,
    /// Hand packets on as they were on the wire, not as the kernel put them together.
    split: bool,
    parts: VecDeque<Packet>,
    warned_of_ttl: bool,
}

/// What a link is for.
#[derive(Clone, Debug)]
pub struct RawConfig {
    /// The ends that are to be ours. An unspecified address stands for all of this host's of its family, port 0 for any
    /// free one; unspecified addresses share it.
    pub claims: Vec<SocketAddr>,
    /// The one interface to use: name and index.
    pub interface: Option<(String, u32)>,
    /// The largest IP packet that is sent, in bytes.
    pub mtu: usize,
}

/// What opening the link settled.
#[derive(Clone, Debug)]
pub struct RawSettings {
    /// The ends that are ours.
    pub claims: Vec<SocketAddr>,
    /// How the kernel is kept silent.
    pub guard: Guard,
    /// The largest IP packet that is sent, in bytes.
    pub mtu: usize,
    /// The window that the kernel's buffer for us allows, in bytes.
    pub window: usize,
}

/// The addresses of this host.
pub fn addresses() -> Vec<IpAddr> {
    let interfaces = pnet::datalink::interfaces();
    interfaces.iter().flat_map(|interface| &interface.ips).map(|net| net.ip()).collect()
}

/// The index of the interface with this name.
pub fn interface_index(name: &str) -> Option<u32> {
    pnet::datalink::interfaces().into_iter().find(|interface| interface.name == name).map(|interface| interface.index)
}

/// The smallest MTU among the interfaces that are up and have an address, loopback apart, or that of `only`: what
/// everybody can be answered with.
pub fn smallest_mtu(routes: &Routes, only: Option<u32>) -> Option<usize> {
    let interfaces = pnet::datalink::interfaces();
    let used = interfaces.iter().filter(|interface| match only {
        Some(index) => interface.index == index,
        None => interface.is_up() && !interface.ips.is_empty() && !interface.is_loopback(),
    });
    used.filter_map(|interface| routes.device(interface.index).ok()).map(|device| device.mtu).min()
}

impl RawLink {
    /// Opens a link.
    pub fn open(config: RawConfig) -> io::Result<RawLink> {
        let RawConfig { claims, interface, mtu } = config;
        let has = |v4: bool| claims.iter().any(|claim| claim.is_ipv4() == v4);
        // What needs privilege comes first, so that its lack is what the error says.
        let by = interface.as_ref().map(|(name, index)| (name.as_str(), *index));
        let mut outlet = Outlet::open(has(true), has(false), by)?;
        let (guards, claims, kind) = guard_all(&claims)?;
        let inlet = Inlet::open(claims.clone(), by.map_or(0, |(_, index)| index))?;
        if let Some(socket) = inlet.socket()? {
            outlet.send_frames_by(socket);
        }
        // When the process dies, the kernel takes its time to close packet sockets, but begins with what was opened last:
        // so the ports are free at once.
        let guards = guards.iter().map(OwnedFd::try_clone).collect::<io::Result<_>>()?;
        let settings = RawSettings { claims, guard: kind, mtu, window: inlet.window()? };
        Ok(RawLink {
            _guards: guards,
            inlet,
            outlet,
            settings,
            split: false,
            parts: VecDeque::new(),
            warned_of_ttl: false,
        })
    }

    /// From now on super-segments are cut into the packets they were put together from: for impairments, which are
    /// about packets, and for captures.
    pub fn split_segments(&mut self) {
        self.split = true;
    }

    /// The link is for a connection to one of these hosts, each behind that interface: if the first packet can leave to
    /// none of them, that is an error.
    pub fn expect_to_send(&mut self, hosts: &[(IpAddr, u32)]) {
        hosts.iter().for_each(|(host, interface)| self.outlet.ways.set_scope(*host, *interface));
        self.outlet.expect_to_send(hosts.iter().map(|(host, _)| *host).collect());
    }

    /// What opening settled.
    pub fn settings(&self) -> &RawSettings {
        &self.settings
    }
}

/// Guards every end; with port 0 and unspecified addresses, tries ports until one is free everywhere.
fn guard_all(claims: &[SocketAddr]) -> io::Result<(Vec<OwnedFd>, Vec<SocketAddr>, Guard)> {
    let mut tries = 0;
    loop {
        tries += 1;
        match try_to_guard_all(claims) {
            Err(error) if error.kind() == io::ErrorKind::AddrInUse && tries < PORT_TRIES && chosen_together(claims) => {
            }
            result => return result,
        }
    }
}

fn chosen_together(claims: &[SocketAddr]) -> bool {
    claims.iter().filter(|claim| claim.ip().is_unspecified() && claim.port() == 0).count() > 1
}

fn try_to_guard_all(claims: &[SocketAddr]) -> io::Result<(Vec<OwnedFd>, Vec<SocketAddr>, Guard)> {
    let (mut guards, mut bound, mut kind) = (Vec::new(), Vec::new(), Guard::Filter);
    let mut shared_port = 0;
    for claim in claims {
        let mut wanted = *claim;
        if wanted.ip().is_unspecified() && wanted.port() == 0 {
            wanted.set_port(shared_port);
        }
        let (guard, address, how) = guard::guard_port(wanted)?;
        if address.ip().is_unspecified() {
            shared_port = address.port();
        }
        if how == Guard::MinimumTtl {
            kind = how;
        }
        guards.push(guard);
        bound.push(address);
    }
    Ok((guards, bound, kind))
}

impl Link for RawLink {
    fn send(&mut self, _now: Time, packet: Packet) -> io::Result<()> {
        if let Some(watch) = &mut self.inlet.watch {
            watch.on_sent(&packet.bytes);
        }
        self.outlet.send(packet)
    }

    fn transmit(&mut self, now: Time, outgoing: Outgoing) -> io::Result<()> {
        if outgoing.tcp.flags.rst() {
            // As a packet, so that it is known for ours when the kernel shows what has left.
            return outgoing.packets().try_for_each(|packet| self.send(now, packet));
        }
        self.outlet.transmit(now, outgoing)
    }

    fn flush(&mut self, _now: Time) -> io::Result<()> {
        self.outlet.flush()
    }

    fn ready(&self) -> bool {
        self.outlet.ready()
    }

    fn receive(&mut self, now: Time) -> io::Result<Option<Packet>> {
        if let Some(answer) = self.outlet.answers.pop_front() {
            return Ok(Some(answer));
        }
        if let Some(part) = self.parts.pop_front() {
            return Ok(Some(part));
        }
        let Some(packet) = self.inlet.receive(now)? else { return Ok(None) };
        if let Some((src, _)) = IpPacket::addresses(&packet.bytes) {
            self.outlet.ways.note_scope(src, packet.meta.interface);
        }
        if !self.split {
            return Ok(Some(packet));
        }
        self.parts.extend(packet::split(&packet));
        self.inlet.recycle(packet);
        Ok(self.parts.pop_front())
    }

    fn poll_timeout(&self) -> Option<Time> {
        match self.outlet.answers.is_empty() {
            true => self.inlet.watch.as_ref()?.until(),
            false => Some(Time::ZERO),
        }
    }

    fn recycle(&mut self, packet: Packet) {
        self.inlet.recycle(packet);
    }

    fn mtu(&self) -> usize {
        self.settings.mtu
    }

    fn waits(&self) -> Vec<Wait> {
        self.inlet.waits().chain(self.outlet.waits()).collect()
    }

    fn dropped_before_us(&mut self) -> u64 {
        self.inlet.dropped()
    }

    fn poll_warning(&mut self) -> Option<String> {
        let by_ttl = self.settings.guard == Guard::MinimumTtl && self.inlet.highest_ttl == u8::MAX;
        if by_ttl && !std::mem::replace(&mut self.warned_of_ttl, true) {
            return Some(
                "a peer's packets arrive with TTL 255, and those the kernel answers in our name, with resets; the \
                 capability CAP_NET_ADMIN lets us keep it silent:\n  \
                 sudo setcap cap_net_raw,cap_net_admin+ep $(command -v tcpkit)"
                    .into(),
            );
        }
        let answer = self.inlet.watch.as_mut()?.take().filter(|_| !by_ttl)?;
        let (port, to) = (answer.port, answer.to);
        let what = if answer.reset { "a reset" } else { "an ICMP error" };
        Some(format!(
            "a firewall on this host answered {to} in our name, with {what}. It must accept what comes for our port, \
             {port} (--source-port keeps it the same), before the rule that rejects (sudo nft list ruleset):\n  \
             sudo nft insert rule inet filter input tcp dport {port} accept"
        ))
    }
}

/// The unspecified addresses of the families that this host speaks.
pub fn unspecified() -> Vec<IpAddr> {
    let both = [IpAddr::from(Ipv4Addr::UNSPECIFIED), IpAddr::from(Ipv6Addr::UNSPECIFIED)];
    both.into_iter().filter(|any| UdpSocket::bind((*any, 0)).is_ok()).collect()
}
