//! What a captured packet begins with.

use std::fmt;

/// A link type as capture files number it (the LINKTYPE_ registry of tcpdump.org).
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Default)]
pub struct LinkType(pub u16);

macro_rules! link_types {
    ($($(#[$doc:meta])* $name:ident = $number:literal, $text:literal;)*) => {
        impl LinkType {
            $($(#[$doc])* pub const $name: LinkType = LinkType($number);)*

            /// Its name, when it is one of those known here.
            pub const fn name(self) -> Option<&'static str> {
                match self.0 {
                    $($number => Some($text),)*
                    _ => None,
                }
            }
        }
    };
}

link_types! {
    /// BSD loopback: an address family in the capturing host's byte order, then IP.
    NULL = 0, "BSD loopback";
    /// Ethernet.
    ETHERNET = 1, "Ethernet";
    /// Token Ring.
    TOKEN_RING = 6, "Token Ring";
    /// SLIP.
    SLIP = 8, "SLIP";
    /// PPP, sometimes behind HDLC's address and control bytes.
    PPP = 9, "PPP";
    /// FDDI.
    FDDI = 10, "FDDI";
    /// Raw IP, as most systems number it in memory; some write it to files.
    RAW_BSD = 12, "raw IP (12)";
    /// Raw IP, as OpenBSD numbers it.
    RAW_OPENBSD = 14, "raw IP (14)";
    /// PPP in HDLC-like framing, or Cisco HDLC.
    PPP_SERIAL = 50, "PPP over serial";
    /// A PPPoE session header, then PPP.
    PPPOE = 51, "PPPoE";
    /// ATM with LLC.
    ATM = 100, "ATM RFC 1483";
    /// An IPv4 or IPv6 header, told apart by its version.
    RAW = 101, "raw IP";
    /// Cisco HDLC.
    CISCO_HDLC = 104, "Cisco HDLC";
    /// IEEE 802.11 without metadata.
    IEEE802_11 = 105, "IEEE 802.11";
    /// OpenBSD loopback: an address family in network byte order, then IP.
    LOOP = 108, "OpenBSD loopback";
    /// Linux "cooked" capture.
    LINUX_SLL = 113, "Linux cooked";
    /// OpenBSD's packet filter log.
    PFLOG = 117, "OpenBSD pflog";
    /// IEEE 802.11 behind a Prism header.
    PRISM = 119, "IEEE 802.11 with Prism header";
    /// IEEE 802.11 behind a radiotap header.
    RADIOTAP = 127, "IEEE 802.11 with radiotap header";
    /// IEEE 802.11 behind an AVS header.
    AVS = 163, "IEEE 802.11 with AVS header";
    /// PPP behind a direction byte.
    PPP_WITH_DIRECTION = 166, "PPP with direction";
    /// Linux USB, 48-byte header.
    USB_LINUX = 189, "Linux USB";
    /// Per-packet information, with a link type of its own inside.
    PPI = 192, "PPI";
    /// Linux USB, 64-byte header.
    USB_LINUX_MMAPPED = 220, "Linux USB (mmapped)";
    /// An IPv4 header.
    IPV4 = 228, "raw IPv4";
    /// An IPv6 header.
    IPV6 = 229, "raw IPv6";
    /// D-Bus messages.
    DBUS = 231, "D-Bus";
    /// Linux netfilter log.
    NFLOG = 239, "Linux nflog";
    /// IP over InfiniBand (RFC 4391).
    IPOIB = 242, "IP over InfiniBand";
    /// USB as Windows captures it.
    USBPCAP = 249, "USBPcap";
    /// Linux netlink.
    NETLINK = 253, "Linux netlink";
    /// USB as macOS captures it.
    USB_DARWIN = 266, "macOS USB";
    /// Linux "cooked" capture, version 2.
    LINUX_SLL2 = 276, "Linux cooked v2";
    /// USB 2.0 on the wire.
    USB_2_0 = 288, "USB 2.0";
}

impl LinkType {
    /// The longest packet that such a link can carry: twice what Linux passes as one IP packet, but a whole transfer
    /// on USB and D-Bus.
    pub(super) const fn longest(self) -> u32 {
        match self {
            LinkType::USB_LINUX
            | LinkType::USB_LINUX_MMAPPED
            | LinkType::USBPCAP
            | LinkType::USB_DARWIN
            | LinkType::USB_2_0
            | LinkType::DBUS => super::LIMIT,
            _ => 1 << 20,
        }
    }
}

impl fmt::Display for LinkType {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.name() {
            Some(name) => f.write_str(name),
            None => write!(f, "link type {}", self.0),
        }
    }
}
