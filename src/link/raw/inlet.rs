//! Packets in: what the kernel passes to us, read many at a time.

use std::collections::VecDeque;
use std::io;
use std::net::{IpAddr, SocketAddr};
use std::os::fd::{AsRawFd, OwnedFd};
use std::time::Duration;

use super::filter;
use super::watch::Watch;
use crate::link::Wait;
use crate::link::sys::receive::{self, Family, HEAD, NEEDS_CSUM, Received, VNET_HEADER};
use crate::link::sys::send;
use crate::time::Time;
use crate::wire::packet::ChecksumState;
use crate::wire::{IpPacket, Meta, Packet, Protocol};

/// Room for the largest packet that the kernel hands over, with BIG TCP; only what is filled is ever touched.
const BUFFER: usize = 256 << 10;
/// What we ask the kernel to keep for us while we are busy.
const RECEIVE_BUFFER: i32 = 16 << 20;
/// Batches that are read in search of a packet for us.
const MOST_BATCHES: u32 = 8;
/// Addresses of the host are read again no sooner, however many packets come for others.
const ADDRESSES_HOLD: Duration = Duration::from_secs(1);

/// Where packets come in.
pub struct Inlet {
    sockets: Vec<OwnedFd>,
    /// The ends that are ours; an unspecified address stands for all of this host's.
    claims: Vec<SocketAddr>,
    addresses: Addresses,
    buffers: Vec<Vec<u8>>,
    received: VecDeque<Received>,
    dropped: u64,
    /// The highest TTL seen on a TCP packet for us.
    pub highest_ttl: u8,
    /// At the start, for what leaves in our name.
    pub watch: Option<Watch>,
    /// Which socket is read first: each in turn, so that none starves.
    first: usize,
    /// Since when the sockets may hold packets: what they hold has not arrived before.
    emptied: Time,
}

impl Inlet {
    /// Opens a socket for each family among `claims`; `interface` 0 means all of them.
    pub fn open(claims: Vec<SocketAddr>, interface: u32) -> io::Result<Inlet> {
        let mut sockets = Vec::new();
        for family in [Family::V4, Family::V6] {
            let of_family = claims.iter().filter(|claim| claim.is_ipv4() == (family == Family::V4));
            let mut ports: Vec<u16> = of_family.map(SocketAddr::port).collect();
            ports.sort_unstable();
            ports.dedup();
            if !ports.is_empty() {
                let filter = filter::incoming(family, &ports);
                sockets.push(receive::packet_socket(family.protocol(), interface, &filter, RECEIVE_BUFFER)?);
            }
        }
        let ports: Vec<u16> = claims.iter().map(SocketAddr::port).collect();
        Ok(Inlet {
            sockets,
            watch: Some(Watch::open(&ports)?),
            claims,
            addresses: Addresses::default(),
            buffers: Vec::new(),
            received: VecDeque::new(),
            dropped: 0,
            highest_ttl: 0,
            first: 0,
            emptied: Time::ZERO,
        })
    }

    /// The window that the kernel's buffers for us allow, in bytes: half of the smallest, since bookkeeping takes the
    /// rest.
    pub fn window(&self) -> io::Result<usize> {
        let sizes: io::Result<Vec<usize>> = self.sockets.iter().map(receive::receive_buffer).collect();
        Ok(sizes?.into_iter().min().unwrap_or(0) / 2)
    }

    /// A socket that can send frames as well.
    pub fn socket(&self) -> io::Result<Option<OwnedFd>> {
        let Some(socket) = self.sockets.first() else { return Ok(None) };
        send::set_send_buffer(socket)?;
        socket.try_clone().map(Some)
    }

    /// The next packet for us.
    pub fn receive(&mut self, now: Time) -> io::Result<Option<Packet>> {
        // What has been read is looked at before anybody waits: the sockets do not tell of it any more.
        if let Some(packet) = self.next_of_ours(now) {
            return Ok(Some(packet));
        }
        for _ in 0..MOST_BATCHES {
            if self.read_batch(now)? == 0 {
                self.emptied = now;
                return Ok(None);
            }
            if let Some(packet) = self.next_of_ours(now) {
                return Ok(Some(packet));
            }
        }
        // All of it for others: they are not to keep us from our own work.
        Ok(None)
    }

    /// The next packet for us among those that have been read; none are left when there is none.
    fn next_of_ours(&mut self, now: Time) -> Option<Packet> {
        while let Some(received) = self.received.pop_front() {
            match self.read(now, received) {
                Ok(packet) => return Some(packet),
                Err(buffer) => self.buffers.push(buffer),
            }
        }
        None
    }

    /// Reads what the sockets hold, at most a batch; how many packets that was.
    fn read_batch(&mut self, now: Time) -> io::Result<usize> {
        if self.buffers.is_empty() {
            self.buffers.extend((0..receive::BATCH).map(|_| Vec::with_capacity(BUFFER)));
        }
        self.watch = self.watch.take().and_then(|mut watch| (!watch.is_over(now)).then_some(watch));
        let sockets = self.sockets.iter().chain(self.watch.as_ref().and_then(Watch::socket));
        self.first = (self.first + 1) % sockets.clone().count().max(1);
        let mut count = 0;
        for socket in sockets.clone().skip(self.first).chain(sockets.take(self.first)) {
            count += receive::receive(socket, &mut self.buffers, &mut self.received)?;
        }
        Ok(count)
    }

    /// Takes back a packet's buffer.
    pub fn recycle(&mut self, packet: Packet) {
        if packet.bytes.capacity() >= BUFFER && self.buffers.len() < receive::BATCH {
            self.buffers.push(packet.bytes);
        }
    }

    pub fn waits(&self) -> impl Iterator<Item = Wait> {
        let watch = self.watch.as_ref().and_then(Watch::socket);
        self.sockets.iter().chain(watch).map(|socket| Wait { descriptor: socket.as_raw_fd(), to_write: false })
    }

    /// Packets that the kernel dropped before we saw them.
    pub fn dropped(&mut self) -> u64 {
        // Asking resets the kernel's counter.
        self.dropped += self.sockets.iter().map(|socket| receive::packets_dropped(socket).unwrap_or(0)).sum::<u64>();
        self.dropped
    }

    /// The packet, or its buffer when it is not for us.
    fn read(&mut self, now: Time, received: Received) -> Result<Packet, Vec<u8>> {
        let segment_size = u16::from_ne_bytes([received.head[4], received.head[5]]);
        let unfilled = received.head[0] & NEEDS_CSUM != 0;
        let meta = Meta {
            // The kernel's clock may be set, back and forth; ours never goes back.
            arrived: received.arrived.map(|arrived| Time::from_nanos(arrived).clamp(self.emptied, now)),
            interface: received.interface,
            checksum: match (unfilled, received.verified) {
                (true, _) => ChecksumState::Unfilled,
                (false, true) => ChecksumState::Verified,
                (false, false) => ChecksumState::Unknown,
            },
            segment_size: (segment_size > 0).then_some(segment_size),
            truncated: received.truncated,
        };
        let (hardware, packet_type) = (received.hardware, received.packet_type);
        let bytes = ip_packet(received);
        if packet_type == libc::PACKET_OUTGOING
            && let Some(mut watch) = self.watch.take()
        {
            watch.on_left(&bytes, |address| self.is_ours(now, address, &meta, hardware));
            self.watch = Some(watch);
        }
        let ours = packet_type == libc::PACKET_HOST
            && IpPacket::addresses(&bytes)
                .is_some_and(|(src, dst)| possible(src, dst, hardware) && self.is_ours(now, dst, &meta, hardware));
        if !ours {
            return Err(bytes);
        }
        if let Some(watch) = &mut self.watch {
            watch.on_received();
        }
        let byte = |at: usize| bytes.get(at).copied().unwrap_or_default();
        let (ttl, protocol) = if byte(0) >> 4 == 4 { (byte(8), byte(9)) } else { (byte(7), byte(6)) };
        if Protocol(protocol) == Protocol::TCP {
            self.highest_ttl = self.highest_ttl.max(ttl);
        }
        Ok(Packet { bytes, meta })
    }

    /// Whether a packet to `dst` is for an end of ours. Ports are not looked at: the filter has, and an ICMP error has
    /// none.
    fn is_ours(&mut self, now: Time, dst: IpAddr, meta: &Meta, hardware: u16) -> bool {
        // What this host sends to itself comes by the loopback device, whatever the scope.
        let in_scope = |scope: u32| scope == meta.interface || hardware == libc::ARPHRD_LOOPBACK;
        let addresses = &mut self.addresses;
        self.claims.iter().any(|claim| match claim {
            claim if claim.ip().is_unspecified() => claim.is_ipv4() == dst.is_ipv4() && addresses.contains(now, dst),
            SocketAddr::V6(v6) if v6.scope_id() > 0 => in_scope(v6.scope_id()) && *v6.ip() == dst,
            claim => claim.ip() == dst,
        })
    }
}

/// The IP packet alone, at the start of its buffer.
fn ip_packet(received: Received) -> Vec<u8> {
    let Received { head, mut rest, network_offset, .. } = received;
    let ahead = HEAD - VNET_HEADER;
    if network_offset < ahead {
        // A device without an Ethernet header: the packet's first bytes came with the head.
        rest.splice(0..0, head.iter().skip(VNET_HEADER + network_offset).copied());
    } else if network_offset > ahead {
        rest.drain(..(network_offset - ahead).min(rest.len()));
    }
    let length_at = |at: usize| {
        let field: Option<&[u8; 2]> = rest.get(at..).and_then(<[u8]>::first_chunk);
        field.map(|field| usize::from(u16::from_be_bytes(*field)))
    };
    let stated = match rest.first().map(|first| first >> 4) {
        Some(4) => length_at(2),
        Some(6) => length_at(4).map(|len| 40 + len),
        _ => None,
    };
    // What follows a packet is the frame's padding; packets that are larger than their length can say are not padded.
    match stated {
        Some(stated) if rest.len() <= usize::from(u16::MAX) => rest.truncate(stated),
        Some(_) => drop_jumbo_header(&mut rest),
        None => {}
    }
    rest
}

/// BIG TCP over IPv6: the kernel says the length in a hop-by-hop header of its own (RFC 2675), which no wire has seen.
fn drop_jumbo_header(packet: &mut Vec<u8>) {
    const NEXT_HEADER: usize = 6;
    const JUMBO: [u8; 2] = [0xc2, 4];
    let inner = packet.get(40).copied();
    if packet.get(42..44) == Some(&JUMBO)
        && let (Some(next @ 0), Some(inner)) = (packet.get_mut(NEXT_HEADER), inner)
    {
        *next = inner;
        packet.drain(40..48);
    }
}

/// Loopback addresses belong to the loopback device (RFC 1122 section 3.2.1.3, RFC 4291 section 2.5.3): from a wire
/// they would reach services that are meant for this host alone.
fn possible(src: IpAddr, dst: IpAddr, hardware: u16) -> bool {
    hardware == libc::ARPHRD_LOOPBACK || !(src.is_loopback() || dst.is_loopback())
}

/// The addresses of this host, read when one is asked for that is not among them.
#[derive(Default)]
struct Addresses {
    known: Vec<IpAddr>,
    read: Option<Time>,
}

impl Addresses {
    fn contains(&mut self, now: Time, address: IpAddr) -> bool {
        // All of 127/8 is this host.
        if address.is_loopback() || self.known.contains(&address) {
            return true;
        }
        if self.read.is_some_and(|read| now.since(read) < ADDRESSES_HOLD) {
            return false;
        }
        self.read = Some(now);
        self.known = super::addresses();
        self.known.contains(&address)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn received(frame: &[u8], network_offset: usize) -> Vec<u8> {
        let mut head = [0; HEAD];
        let (first, rest) = frame.split_at(HEAD - VNET_HEADER);
        head[VNET_HEADER..].copy_from_slice(first);
        let rest = rest.to_vec();
        ip_packet(Received {
            head,
            rest,
            truncated: false,
            network_offset,
            verified: false,
            hardware: libc::ARPHRD_ETHER,
            packet_type: libc::PACKET_HOST,
            interface: 1,
            arrived: None,
        })
    }

    #[test]
    fn the_packet_is_found_behind_any_link_layer_header_and_its_padding_is_cut() {
        let mut packet = vec![0x45, 0, 0, 24];
        packet.extend(4..24);
        for header in [0, 4, 14, 18] {
            let frame = [&vec![0xee; header][..], &packet, &[0xff; 22]].concat();
            assert_eq!(received(&frame, header), packet, "a header of {header} bytes");
        }
    }

    #[test]
    fn loopback_addresses_from_a_wire_are_impossible() {
        let (loopback, other) = (IpAddr::from([127, 0, 0, 1]), IpAddr::from([192, 0, 2, 1]));
        assert!(possible(loopback, loopback, libc::ARPHRD_LOOPBACK));
        assert!(!possible(loopback, other, libc::ARPHRD_ETHER));
        assert!(!possible(other, "::1".parse().unwrap(), libc::ARPHRD_ETHER));
        assert!(possible(other, other, libc::ARPHRD_ETHER));
    }
}
