//! Link types: what the first byte of a frame is (the LINKTYPE registry of tcpdump.org).

use super::bytes::Bytes;
use super::layers::Layer;
use super::other::Other;
use super::{Walk, Walked, ether, ip, ppp, ring, wlan, wrapped};
use crate::capture::read::LinkType;

/// Reads a frame of a link type.
#[inline]
pub(super) fn link<'a>(walk: &mut Walk<'a>, link: u16, bytes: Bytes<'a>) -> Walked<'a> {
    if link == LinkType::ETHERNET.0 { ether::ethernet(walk, bytes) } else { other(walk, link, bytes) }
}

fn other<'a>(walk: &mut Walk<'a>, link: u16, bytes: Bytes<'a>) -> Walked<'a> {
    match LinkType(link) {
        LinkType::RAW_BSD | LinkType::RAW_OPENBSD | LinkType::RAW => ip::ip(walk, bytes),
        LinkType::IPV4 => ip::ipv4(walk, bytes),
        LinkType::IPV6 => ip::ipv6(walk, bytes),
        LinkType::NULL | LinkType::LOOP => loopback(walk, bytes),
        LinkType::LINUX_SLL => cooked(walk, bytes),
        LinkType::LINUX_SLL2 => cooked2(walk, bytes),
        LinkType::PPP => ppp::ppp(walk, bytes),
        LinkType::PPP_SERIAL => ppp::serial(walk, bytes),
        LinkType::PPPOE => ppp::pppoe(walk, bytes),
        // In place of HDLC's address stands which way the frame went, then its control byte.
        LinkType::PPP_PPPD => ppp::ppp(walk, bytes.take::<2>("PPP direction")?.1),
        LinkType::PPP_WITH_DIRECTION => ppp::ppp(walk, bytes.take::<1>("PPP direction")?.1),
        LinkType::CISCO_HDLC => ppp::cisco(walk, bytes),
        LinkType::CISCO_HDLC_WITH_DIRECTION => ppp::cisco(walk, bytes.take::<1>("HDLC direction")?.1),
        LinkType::FRAME_RELAY => ppp::frame_relay(walk, bytes),
        LinkType::FRAME_RELAY_WITH_DIRECTION => ppp::frame_relay(walk, bytes.take::<1>("Frame Relay direction")?.1),
        LinkType::IEEE802_11 => wlan::frame(walk, bytes, false),
        LinkType::RADIOTAP => wlan::radiotap(walk, bytes),
        LinkType::PRISM => wlan::prism(walk, bytes),
        LinkType::AVS => wlan::avs(walk, bytes),
        LinkType::IPOIB => infiniband(walk, bytes),
        LinkType::TOKEN_RING => ring::token_ring(walk, bytes),
        LinkType::FDDI => ring::fddi(walk, bytes),
        LinkType::ATM => ring::atm(walk, bytes),
        LinkType::PPI => wrapped::ppi(walk, bytes),
        LinkType::NFLOG => wrapped::nflog(walk, bytes),
        LinkType::PFLOG => wrapped::pflog(walk, bytes),
        LinkType::PKTAP => wrapped::pktap(walk, bytes),
        LinkType::JUNIPER_ETHERNET
        | LinkType::JUNIPER_PPP
        | LinkType::JUNIPER_FRAME_RELAY
        | LinkType::JUNIPER_CISCO_HDLC => wrapped::juniper(walk, LinkType(link), bytes),
        LinkType(unknown) => Err(Other::UnknownLink(unknown)),
    }
}

/// A protocol family in the byte order of whoever captured. IPv6 has a different number on every system.
fn loopback<'a>(walk: &mut Walk<'a>, bytes: Bytes<'a>) -> Walked<'a> {
    walk.pass(Layer::Loopback)?;
    let (family, rest) = bytes.take("loopback header")?;
    let (big, little) = (u32::from_be_bytes(*family), u32::from_le_bytes(*family));
    match big.min(little) {
        2 => ip::ipv4(walk, rest),
        23 | 24 | 28 | 30 => ip::ipv6(walk, rest),
        // Some writers put an EtherType there.
        0x1_0000.. => ether::ethertype(walk, big as u16, rest),
        number => Err(Other::Kind { what: "loopback family", number }),
    }
}

/// Types of devices (ARPHRD) for which a cooked header's protocol field is not an EtherType.
mod device {
    pub const RADIOTAP: u16 = 803;
    pub const FRAME_RELAY: u16 = 770;
}

/// Packet type, device type, address; the protocol comes last.
fn cooked<'a>(walk: &mut Walk<'a>, bytes: Bytes<'a>) -> Walked<'a> {
    let (header, rest) = bytes.take::<16>("SLL header")?;
    let [_, _, h0, h1, .., p0, p1] = *header;
    cooked_protocol(walk, u16::from_be_bytes([h0, h1]), u16::from_be_bytes([p0, p1]), rest)
}

/// The protocol comes first, the device has a number.
fn cooked2<'a>(walk: &mut Walk<'a>, bytes: Bytes<'a>) -> Walked<'a> {
    let (header, rest) = bytes.take::<20>("SLL2 header")?;
    let [p0, p1, _, _, _, _, _, _, h0, h1, ..] = *header;
    cooked_protocol(walk, u16::from_be_bytes([h0, h1]), u16::from_be_bytes([p0, p1]), rest)
}

fn cooked_protocol<'a>(walk: &mut Walk<'a>, hardware: u16, protocol: u16, rest: Bytes<'a>) -> Walked<'a> {
    walk.pass(Layer::Cooked)?;
    match (hardware, protocol) {
        (device::RADIOTAP, _) => wlan::radiotap(walk, rest),
        (device::FRAME_RELAY, _) => ppp::frame_relay(walk, rest),
        // Linux's own numbers for frames without an EtherType.
        (_, 0x0004) => ether::llc(walk, rest),
        (_, number) => ether::ethertype(walk, number, rest),
    }
}

/// The hardware address of 20 bytes stands before and after what InfiniBand routes by; then an EtherType (RFC 4391).
fn infiniband<'a>(walk: &mut Walk<'a>, bytes: Bytes<'a>) -> Walked<'a> {
    walk.pass(Layer::InfiniBand)?;
    let (header, rest) = bytes.take::<44>("IPoIB header")?;
    let [.., t0, t1, _, _] = *header;
    ether::ethertype(walk, u16::from_be_bytes([t0, t1]), rest)
}
