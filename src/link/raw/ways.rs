//! How hosts are reached: behind which interface, and whether super-segments may go there in frames.

use std::collections::HashMap;
use std::io;
use std::net::{IpAddr, Ipv6Addr};
use std::time::Duration;

use super::route::{Route, Routes, has_ipsec_policies};
use crate::link::sys::receive::{NEEDS_CSUM, VNET_HEADER};
use crate::time::Time;
use crate::wire::ethernet::ETHERNET_HEADER;
use crate::wire::packet::{Cutter, TCP_CHECKSUM};
use crate::wire::{Flags, Outgoing};

/// How long a way to a neighbour is used before the kernel is asked again.
const HOLD: Duration = Duration::from_secs(1);
/// Ways and interfaces that are remembered; more hosts than this at once ask the kernel more often.
const MOST_KNOWN: usize = 1024;

/// The ways to hosts.
pub struct Ways {
    routes: Routes,
    interface: Option<u32>,
    known: HashMap<IpAddr, Way>,
    /// Which interface link-local addresses are behind.
    scopes: HashMap<Ipv6Addr, u32>,
    fixed_scopes: HashMap<Ipv6Addr, u32>,
}

/// How super-segments reach a host: in frames with this header by this interface, if at all.
struct Way {
    frame: Option<Frame>,
    until: Time,
}

/// What frames to a neighbour begin with.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Frame {
    /// Interface index.
    pub interface: u32,
    /// The largest packet: nobody else looks, for super-segments.
    pub mtu: usize,
    /// Bytes of `ethernet` that count: none on a device without a link-layer header.
    len: usize,
    ethernet: [u8; ETHERNET_HEADER],
}

impl Ways {
    /// Nothing is known yet; with `interface`, all ways lead by that.
    pub fn open(interface: Option<u32>) -> io::Result<Ways> {
        Ok(Ways {
            routes: Routes::open()?,
            interface,
            known: HashMap::new(),
            scopes: HashMap::new(),
            fixed_scopes: HashMap::new(),
        })
    }

    /// The host with this address is behind that interface.
    pub fn set_scope(&mut self, address: IpAddr, interface: u32) {
        if let IpAddr::V6(v6) = address {
            self.fixed_scopes.insert(v6, interface);
        }
    }

    /// A packet from `address` came by `interface`: that is where the answers go, if nothing else is settled.
    pub fn note_scope(&mut self, address: IpAddr, interface: u32) {
        if let IpAddr::V6(v6) = address
            && v6.is_unicast_link_local()
        {
            if self.scopes.len() >= MOST_KNOWN {
                self.scopes.clear();
            }
            self.scopes.insert(v6, interface);
        }
    }

    /// The interface that a link-local address is behind.
    pub fn scope(&self, address: Ipv6Addr) -> Option<u32> {
        let known = self.fixed_scopes.get(&address).or_else(|| self.scopes.get(&address)).copied();
        known.or(self.interface).filter(|_| address.is_unicast_link_local())
    }

    /// The kernel's route.
    pub fn route(&self, src: IpAddr, dst: IpAddr) -> io::Result<Route> {
        let scope = match dst {
            IpAddr::V6(v6) => self.scope(v6),
            IpAddr::V4(_) => None,
        };
        self.routes.to((dst, 0).into(), Some(src), self.interface.or(scope))
    }

    /// The way for super-segments to `dst`. Whenever the kernel is asked for it, which is once a second, a segment goes
    /// by raw IP instead, so that the kernel goes on looking after its neighbours and the connection it tracks.
    pub fn frame_to(&mut self, now: Time, src: IpAddr, dst: IpAddr) -> Option<&Frame> {
        if self.known.get(&dst).is_none_or(|way| now >= way.until) {
            let frame = self.ask_for_frame(src, dst);
            if self.known.len() >= MOST_KNOWN {
                self.known.clear();
            }
            self.known.insert(dst, Way { frame, until: now + HOLD });
            return None;
        }
        self.known.get(&dst)?.frame.as_ref()
    }

    fn ask_for_frame(&self, src: IpAddr, dst: IpAddr) -> Option<Frame> {
        // Frames pass neither the firewall's output side nor IPsec. Where connections are tracked, the answers to what
        // has not been seen would count as invalid; and what is to be encrypted must not leave in the clear.
        if connections_are_tracked() || has_ipsec_policies() {
            return None;
        }
        let route = self.route(src, dst).ok()?;
        // What is sent to ourselves in frames is taken for an impostor's.
        if route.local {
            return None;
        }
        let device = self.routes.device(route.interface).ok()?;
        let mut frame = Frame { interface: route.interface, mtu: route.mtu, len: 0, ethernet: [0; ETHERNET_HEADER] };
        match device.hardware {
            // No link-layer header, such as a tunnel: the device knows the next hop.
            libc::ARPHRD_NONE => {}
            libc::ARPHRD_ETHER => {
                let neighbour = self.routes.neighbour(route.interface, route.gateway.unwrap_or(dst)).ok()?;
                let kind = if dst.is_ipv4() { libc::ETH_P_IP } else { libc::ETH_P_IPV6 } as u16;
                let header = [neighbour, device.address, kind.to_be_bytes().to_vec()].concat();
                frame.ethernet = header.try_into().ok()?;
                frame.len = ETHERNET_HEADER;
            }
            _ => return None,
        }
        Some(frame)
    }
}

impl Frame {
    /// Everything in front of a super-segment's payload: virtio-net header, link-layer header, IP and TCP.
    pub fn head(&self, cutter: &Cutter<'_>, outgoing: &Outgoing) -> Vec<u8> {
        const GSO_TCPV4: u8 = 1;
        const GSO_TCPV6: u8 = 4;
        const GSO_ECN: u8 = 0x80;
        let gso = if outgoing.ip.dst.is_ipv4() { GSO_TCPV4 } else { GSO_TCPV6 };
        // CWR is for the first packet alone, and who cuts must know that (RFC 3168 section 6.1.2).
        let ecn = if outgoing.tcp.flags.contains(Flags::CWR) { GSO_ECN } else { 0 };
        let headers = self.len + cutter.header_len();
        let mut head = Vec::with_capacity(VNET_HEADER + headers);
        let checksum_start = self.len + outgoing.ip.len();
        head.extend([NEEDS_CSUM, gso | ecn]);
        for field in [headers, outgoing.segment_size, checksum_start, TCP_CHECKSUM] {
            head.extend((field as u16).to_ne_bytes());
        }
        head.extend(self.ethernet.iter().take(self.len));
        let ahead = head.len();
        head.resize(VNET_HEADER + headers, 0);
        cutter.write_offload_headers(head.split_at_mut(ahead).1);
        head
    }
}

/// Whether this network namespace tracks connections. Our own first packets went by raw IP, so if it does, there is at
/// least one.
fn connections_are_tracked() -> bool {
    let count = std::fs::read_to_string("/proc/sys/net/netfilter/nf_conntrack_count");
    count.is_ok_and(|count| count.trim() != "0")
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::wire::packet::{ChecksumState, complete_checksum};
    use crate::wire::{IpPacket, Packet, Payload, Protocol, TcpHeader, tcp};

    fn outgoing(src: &str, dst: &str) -> Outgoing {
        Outgoing {
            ip: crate::wire::ip::IpHeader {
                src: src.parse().unwrap(),
                dst: dst.parse().unwrap(),
                protocol: Protocol::TCP,
                ttl: 64,
                dscp: 0,
                ecn: Default::default(),
                id: 7,
            },
            tcp: TcpHeader { src_port: 1, dst_port: 2, flags: Flags::ACK | Flags::CWR, ..Default::default() },
            options: Default::default(),
            payload: Payload::from(bytes::Bytes::from(vec![0x5a; 5001])),
            segment_size: 1448,
            note: None,
        }
    }

    #[test]
    fn a_super_segments_head_says_where_it_is_to_be_cut_and_summed() {
        for (src, dst, ip, gso) in [("192.0.2.1", "192.0.2.2", 20, 0x81), ("2001:db8::1", "2001:db8::2", 40, 0x84)] {
            let outgoing = outgoing(src, dst);
            for len in [0, ETHERNET_HEADER] {
                let frame = Frame { interface: 1, mtu: 1500, len, ethernet: [9; ETHERNET_HEADER] };
                let head = frame.head(&Cutter::new(&outgoing), &outgoing);
                let field = |at: usize| usize::from(u16::from_ne_bytes([head[at], head[at + 1]]));
                assert_eq!(head[..2], [1, gso]);
                assert_eq!([2, 4, 6, 8].map(field), [len + ip + 20, 1448, len + ip, 16]);
                // What the device makes of it is a good packet.
                let bytes = [&head[VNET_HEADER + len..], &[0x5a; 5001]].concat();
                let mut whole = Packet::new(bytes);
                whole.meta.checksum = ChecksumState::Unfilled;
                complete_checksum(&mut whole);
                let read = IpPacket::parse(&whole.bytes).unwrap();
                assert_eq!(tcp::verify(read.src, read.dst, read.payload), Ok(()));
                assert_eq!(IpPacket::verify_header(&whole.bytes), Ok(()));
            }
        }
    }
}
