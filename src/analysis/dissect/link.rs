//! Link types: what the first byte of a frame is (the LINKTYPE registry of tcpdump.org).

use super::bytes::Bytes;
use super::layers::Layer;
use super::other::Other;
use super::{Walk, Walked, ether, ip, ppp, wlan};

/// LINKTYPE numbers.
mod linktype {
    pub const NULL: u16 = 0;
    pub const ETHERNET: u16 = 1;
    pub const PPP: u16 = 9;
    // Raw IP as three systems number it in files of their own.
    pub const RAW_BSD: u16 = 12;
    pub const RAW_OPENBSD: u16 = 14;
    pub const PPP_HDLC: u16 = 50;
    pub const PPP_ETHER: u16 = 51;
    pub const RAW: u16 = 101;
    pub const C_HDLC: u16 = 104;
    pub const IEEE802_11: u16 = 105;
    pub const FRELAY: u16 = 107;
    pub const LOOP: u16 = 108;
    pub const LINUX_SLL: u16 = 113;
    pub const IEEE802_11_RADIOTAP: u16 = 127;
    pub const IPV4: u16 = 228;
    pub const IPV6: u16 = 229;
    pub const IPOIB: u16 = 242;
    pub const LINUX_SLL2: u16 = 276;
}

/// Reads a frame of a link type.
#[inline]
pub(super) fn link<'a>(walk: &mut Walk<'a>, link: u16, bytes: Bytes<'a>) -> Walked<'a> {
    if link == linktype::ETHERNET { ether::ethernet(walk, bytes) } else { other(walk, link, bytes) }
}

fn other<'a>(walk: &mut Walk<'a>, link: u16, bytes: Bytes<'a>) -> Walked<'a> {
    match link {
        linktype::RAW_BSD | linktype::RAW_OPENBSD | linktype::RAW => ip::ip(walk, bytes),
        linktype::IPV4 => ip::ipv4(walk, bytes),
        linktype::IPV6 => ip::ipv6(walk, bytes),
        linktype::NULL | linktype::LOOP => loopback(walk, bytes),
        linktype::LINUX_SLL => cooked(walk, bytes),
        linktype::LINUX_SLL2 => cooked2(walk, bytes),
        linktype::PPP => ppp::ppp(walk, bytes),
        linktype::PPP_HDLC => ppp::serial(walk, bytes),
        linktype::PPP_ETHER => ppp::pppoe(walk, bytes),
        linktype::C_HDLC => ppp::cisco(walk, bytes),
        linktype::FRELAY => ppp::frame_relay(walk, bytes),
        linktype::IEEE802_11 => wlan::frame(walk, bytes, false),
        linktype::IEEE802_11_RADIOTAP => wlan::radiotap(walk, bytes),
        linktype::IPOIB => infiniband(walk, bytes),
        unknown => Err(Other::UnknownLink(unknown)),
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
        other => Err(Other::Family(other)),
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
