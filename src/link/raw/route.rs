//! What the kernel knows about the way to a host: routes, neighbours, devices and our own addresses, by netlink.
//!
//! Asking changes nothing and needs no privilege.

use std::io;
use std::net::{IpAddr, SocketAddr};

use netlink_packet_core::{NLM_F_REQUEST, NetlinkMessage, NetlinkPayload};
use netlink_packet_route::link::{LinkAttribute, LinkMessage};
use netlink_packet_route::neighbour::{NeighbourAddress, NeighbourAttribute, NeighbourMessage, NeighbourState};
use netlink_packet_route::route::{RouteAddress, RouteAttribute, RouteMessage, RouteMetric, RouteType, RouteVia};
use netlink_packet_route::{AddressFamily, RouteNetlinkMessage};
use netlink_sys::protocols::{NETLINK_ROUTE, NETLINK_XFRM};
use netlink_sys::{Socket, SocketAddr as NetlinkAddress};

/// The way to a host.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Route {
    /// The address that packets leave from, unless another is asked for.
    pub source: IpAddr,
    /// The interface that they leave by.
    pub interface: u32,
    /// Who takes them next, when it is not the host itself.
    pub gateway: Option<IpAddr>,
    /// The host is this one.
    pub local: bool,
    /// The largest IP packet that fits, in bytes: the route's, if it has one, or the device's.
    pub mtu: usize,
}

/// A network device.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Device {
    /// ARPHRD_*.
    pub hardware: u16,
    /// Link-layer address, where it has one.
    pub address: Vec<u8>,
    /// The largest IP packet that it carries, in bytes.
    pub mtu: usize,
}

/// Questions to the kernel.
pub struct Routes(Socket);

/// No answer of this kind is longer.
const ANSWER: usize = 1 << 15;

impl Routes {
    /// Opens the way to ask.
    pub fn open() -> io::Result<Routes> {
        let mut socket = Socket::new(NETLINK_ROUTE)?;
        socket.bind_auto()?;
        socket.connect(&NetlinkAddress::new(0, 0))?;
        Ok(Routes(socket))
    }

    /// The way to `host`, from `source` and by `interface` where these are given. A scoped IPv6 address names its
    /// interface itself.
    pub fn to(&self, host: SocketAddr, source: Option<IpAddr>, interface: Option<u32>) -> io::Result<Route> {
        let scope = match host {
            SocketAddr::V6(v6) if v6.scope_id() > 0 => Some(v6.scope_id()),
            _ => None,
        };
        let mut message = RouteMessage::default();
        message.header.address_family = family(host.ip());
        message.header.destination_prefix_length = bits(host.ip());
        message.attributes.push(RouteAttribute::Destination(host.ip().into()));
        if let Some(source) = source {
            message.header.source_prefix_length = bits(source);
            message.attributes.push(RouteAttribute::Source(source.into()));
        }
        message.attributes.extend(interface.or(scope).map(RouteAttribute::Oif));
        let RouteNetlinkMessage::NewRoute(route) = self.ask(RouteNetlinkMessage::GetRoute(message))? else {
            return Err(io::ErrorKind::InvalidData.into());
        };
        match route.header.kind {
            RouteType::Unicast | RouteType::Local => {}
            _ => return Err(io::ErrorKind::NetworkUnreachable.into()),
        }
        let (mut device, mut gateway, mut preferred, mut mtu) = (0, None, source, None);
        for attribute in route.attributes {
            match attribute {
                RouteAttribute::Oif(index) => device = index,
                RouteAttribute::Gateway(address) => gateway = ip(&address),
                // The next hop may be of the other family.
                RouteAttribute::Via(RouteVia::Inet(v4)) => gateway = Some(v4.into()),
                RouteAttribute::Via(RouteVia::Inet6(v6)) => gateway = Some(v6.into()),
                RouteAttribute::PrefSource(address) => preferred = preferred.or(ip(&address)),
                RouteAttribute::Metrics(metrics) => {
                    mtu = metrics.iter().find_map(|metric| match metric {
                        RouteMetric::Mtu(mtu) if *mtu > 0 => Some(*mtu as usize),
                        _ => None,
                    });
                }
                _ => {}
            }
        }
        let by = self.device(device)?;
        let local = route.header.kind == RouteType::Local;
        if by.hardware == libc::ARPHRD_LOOPBACK && !local {
            // Asked for the loopback interface, the kernel takes everybody for a neighbour there.
            return Err(io::Error::new(io::ErrorKind::NetworkUnreachable, "the loopback interface leads nowhere else"));
        }
        Ok(Route {
            source: preferred.ok_or(io::ErrorKind::AddrNotAvailable)?,
            interface: device,
            gateway,
            local,
            mtu: mtu.unwrap_or(by.mtu),
        })
    }

    /// A device by its interface index.
    pub fn device(&self, interface: u32) -> io::Result<Device> {
        let mut message = LinkMessage::default();
        message.header.index = interface;
        let RouteNetlinkMessage::NewLink(link) = self.ask(RouteNetlinkMessage::GetLink(message))? else {
            return Err(io::ErrorKind::InvalidData.into());
        };
        let mut device = Device { hardware: link.header.link_layer_type.into(), address: Vec::new(), mtu: 0 };
        for attribute in link.attributes {
            match attribute {
                LinkAttribute::Address(address) => device.address = address,
                LinkAttribute::Mtu(mtu) => device.mtu = mtu as usize,
                _ => {}
            }
        }
        Ok(device)
    }

    /// The link-layer address of a neighbour, when the kernel knows it.
    pub fn neighbour(&self, interface: u32, address: IpAddr) -> io::Result<Vec<u8>> {
        let mut message = NeighbourMessage::default();
        message.header.family = family(address);
        message.header.ifindex = interface;
        let destination = match address {
            IpAddr::V4(v4) => NeighbourAddress::Inet(v4),
            IpAddr::V6(v6) => NeighbourAddress::Inet6(v6),
        };
        message.attributes.push(NeighbourAttribute::Destination(destination));
        let RouteNetlinkMessage::NewNeighbour(neighbour) = self.ask(RouteNetlinkMessage::GetNeighbour(message))? else {
            return Err(io::ErrorKind::InvalidData.into());
        };
        use NeighbourState::{Delay, Permanent, Probe, Reachable, Stale};
        if !matches!(neighbour.header.state, Reachable | Stale | Delay | Probe | Permanent) {
            return Err(io::ErrorKind::HostUnreachable.into());
        }
        let address = neighbour.attributes.into_iter().find_map(|attribute| match attribute {
            NeighbourAttribute::LinkLayerAddress(address) => Some(address),
            _ => None,
        });
        address.ok_or(io::ErrorKind::HostUnreachable.into())
    }

    /// Asks a question that has one answer.
    fn ask(&self, question: RouteNetlinkMessage) -> io::Result<RouteNetlinkMessage> {
        let mut message = NetlinkMessage::from(question);
        message.header.flags = NLM_F_REQUEST;
        message.finalize();
        let mut bytes = vec![0; message.buffer_len()];
        message.serialize(&mut bytes);
        self.0.send(&bytes, 0)?;
        let mut answer = Vec::with_capacity(ANSWER);
        self.0.recv(&mut answer, 0)?;
        let malformed = |error| io::Error::new(io::ErrorKind::InvalidData, format!("netlink: {error}"));
        match NetlinkMessage::<RouteNetlinkMessage>::deserialize(&answer).map_err(malformed)?.payload {
            NetlinkPayload::InnerMessage(answer) => Ok(answer),
            NetlinkPayload::Error(error) => Err(error.to_io()),
            _ => Err(io::ErrorKind::InvalidData.into()),
        }
    }
}

/// Whether IPsec policies apply to what leaves this network namespace, or may, for who may not ask.
pub fn has_ipsec_policies() -> bool {
    /// XFRM_MSG_GETSPDINFO, with its header (length, type, flags, sequence number, port) and its flags.
    const QUESTION: [u8; 20] = {
        let mut message = [0; 20];
        message[0] = 20u32.to_ne_bytes()[0];
        message[3] = 20u32.to_ne_bytes()[3];
        let kind = 0x25u16.to_ne_bytes();
        (message[4], message[5]) = (kind[0], kind[1]);
        let flags = NLM_F_REQUEST.to_ne_bytes();
        (message[6], message[7]) = (flags[0], flags[1]);
        message
    };
    const NEW_SPD_INFO: u16 = 0x24;
    /// Where the answer counts the outgoing policies: behind the header, its flags, an attribute's header and the count
    /// of the incoming ones.
    const OUTGOING: usize = 16 + 4 + 4 + 4;
    let Ok(mut socket) = Socket::new(NETLINK_XFRM) else {
        // A kernel without IPsec.
        return false;
    };
    let mut answer = Vec::with_capacity(ANSWER);
    let asked = socket
        .bind_auto()
        .and_then(|_| socket.connect(&NetlinkAddress::new(0, 0)))
        .and_then(|()| socket.send(&QUESTION, 0))
        .and_then(|_| socket.recv(&mut answer, 0));
    let field = |at: usize, len: usize| answer.get(at..at + len);
    match (asked, field(4, 2), field(OUTGOING, 4)) {
        (Ok(_), Some(kind), Some(count)) if kind == NEW_SPD_INFO.to_ne_bytes() => count != [0; 4],
        _ => true,
    }
}

fn family(address: IpAddr) -> AddressFamily {
    if address.is_ipv4() { AddressFamily::Inet } else { AddressFamily::Inet6 }
}

fn bits(address: IpAddr) -> u8 {
    if address.is_ipv4() { 32 } else { 128 }
}

fn ip(address: &RouteAddress) -> Option<IpAddr> {
    match address {
        RouteAddress::Inet(v4) => Some(IpAddr::V4(*v4)),
        RouteAddress::Inet6(v6) => Some(IpAddr::V6(*v6)),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_way_to_ourselves_is_the_loopback_device() {
        let routes = Routes::open().unwrap();
        let route = routes.to("127.0.0.1:80".parse().unwrap(), None, None).unwrap();
        assert!(route.local && route.gateway.is_none());
        assert_eq!(route.source, IpAddr::from([127, 0, 0, 1]));
        let device = routes.device(route.interface).unwrap();
        assert_eq!((device.hardware, device.mtu), (libc::ARPHRD_LOOPBACK, route.mtu));
    }

    #[test]
    fn a_device_that_is_not_there_is_an_error() {
        assert!(Routes::open().unwrap().device(u32::MAX / 2).is_err());
    }
}
