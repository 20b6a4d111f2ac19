//! Packets in: what the kernel passes to us, read many at a time.

use std::collections::VecDeque;
use std::io;
use std::net::{IpAddr, SocketAddr};
use std::os::fd::{AsRawFd, OwnedFd};
use std::time::Duration;

use super::filter::filter;
use crate::link::Wait;
use crate::link::sys::receive::{self, Family, HEAD, Received, VNET_HEADER};
use crate::time::Time;
use crate::wire::packet::ChecksumState;
use crate::wire::{IpPacket, Meta, Packet};

/// Room for the largest packet that the kernel hands over, with BIG TCP; only what is filled is ever touched.
const BUFFER: usize = 256 << 10;
/// Buffers there are: as many as are read at a time.
const BUFFERS: usize = 32;
/// What we ask the kernel to keep for us while we are busy.
const RECEIVE_BUFFER: i32 = 16 << 20;
/// The virtio-net header's flag that says: the checksum was left to hardware.
const NEEDS_CSUM: u8 = 1;
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
    /// The highest TTL seen on a TCP packet.
    pub highest_ttl: u8,
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
                sockets.push(receive::packet_socket(family, interface, &filter(family, &ports), RECEIVE_BUFFER)?);
            }
        }
        Ok(Inlet {
            sockets,
            claims,
            addresses: Addresses::default(),
            buffers: Vec::new(),
            received: VecDeque::new(),
            dropped: 0,
            highest_ttl: 0,
        })
    }

    /// The window that the kernel's buffers for us allow, in bytes: half of the smallest, since bookkeeping takes the
    /// rest.
    pub fn window(&self) -> io::Result<usize> {
        let sizes: io::Result<Vec<usize>> = self.sockets.iter().map(receive::receive_buffer).collect();
        Ok(sizes?.into_iter().min().unwrap_or(0) / 2)
    }

    /// The next packet for us.
    pub fn receive(&mut self, now: Time) -> io::Result<Option<Packet>> {
        loop {
            while let Some(received) = self.received.pop_front() {
                match self.read(now, received) {
                    Ok(packet) => return Ok(Some(packet)),
                    Err(buffer) => self.buffers.push(buffer),
                }
            }
            if self.buffers.is_empty() {
                self.buffers.extend((0..BUFFERS).map(|_| Vec::with_capacity(BUFFER)));
            }
            let mut count = 0;
            for socket in &self.sockets {
                count += receive::receive(socket, &mut self.buffers, &mut self.received)?;
            }
            if count == 0 {
                return Ok(None);
            }
        }
    }

    /// Takes back a packet's buffer.
    pub fn recycle(&mut self, packet: Packet) {
        if packet.bytes.capacity() >= BUFFER && self.buffers.len() < BUFFERS {
            self.buffers.push(packet.bytes);
        }
    }

    pub fn waits(&self) -> impl Iterator<Item = Wait> {
        self.sockets.iter().map(|socket| Wait { descriptor: socket.as_raw_fd(), to_write: false })
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
            // The kernel's clock may be set; ours never goes back, and no packet comes from the future.
            arrived: received.arrived.map(|arrived| Time::from_nanos(arrived).min(now)),
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
        let ours = packet_type == libc::PACKET_HOST
            && IpPacket::addresses(&bytes)
                .is_some_and(|(src, dst)| possible(src, dst, hardware) && self.is_ours(now, dst));
        if !ours {
            return Err(bytes);
        }
        let ttl = if bytes[0] >> 4 == 4 { bytes[8] } else { bytes[7] };
        self.highest_ttl = self.highest_ttl.max(ttl);
        Ok(Packet { bytes, meta })
    }

    /// Whether a packet to `dst` is for an end of ours. Ports are not looked at: the filter has, and an ICMP error has
    /// none.
    fn is_ours(&mut self, now: Time, dst: IpAddr) -> bool {
        let addresses = &mut self.addresses;
        self.claims.iter().any(|claim| match claim.ip() {
            ip if ip.is_unspecified() => ip.is_ipv4() == dst.is_ipv4() && addresses.contains(now, dst),
            ip => ip == dst,
        })
    }
}

/// The IP packet alone, at the start of its buffer.
fn ip_packet(received: Received) -> Vec<u8> {
    let Received { head, mut rest, network_offset, .. } = received;
    let ahead = HEAD - VNET_HEADER;
    if network_offset < ahead {
        // A device without an Ethernet header: the packet's first bytes came with the head.
        rest.splice(0..0, head[VNET_HEADER + network_offset..].iter().copied());
    } else if network_offset > ahead {
        rest.drain(..(network_offset - ahead).min(rest.len()));
    }
    let stated = match rest.first().map(|first| first >> 4) {
        Some(4) => rest.get(2..4).map(|len| usize::from(u16::from_be_bytes([len[0], len[1]]))),
        Some(6) => rest.get(4..6).map(|len| 40 + usize::from(u16::from_be_bytes([len[0], len[1]]))),
        _ => None,
    };
    // What follows a packet is the frame's padding; packets that are larger than their length can say are not padded.
    if rest.len() <= usize::from(u16::MAX)
        && let Some(stated) = stated
    {
        rest.truncate(stated);
    }
    rest
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
