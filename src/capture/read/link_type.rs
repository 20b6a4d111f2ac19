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
                    number => rare_name(number),
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
    /// Frame Relay.
    FRAME_RELAY = 107, "Frame Relay";
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
    /// PPP as pppd captures it: HDLC's address byte says the direction.
    PPP_PPPD = 166, "PPP with direction (pppd)";
    /// Ethernet behind a header of Junos.
    JUNIPER_ETHERNET = 178, "Juniper Ethernet";
    /// PPP behind a header of Junos.
    JUNIPER_PPP = 179, "Juniper PPP";
    /// Frame Relay behind a header of Junos.
    JUNIPER_FRAME_RELAY = 180, "Juniper Frame Relay";
    /// Cisco HDLC behind a header of Junos.
    JUNIPER_CISCO_HDLC = 181, "Juniper Cisco HDLC";
    /// Linux USB, 48-byte header.
    USB_LINUX = 189, "Linux USB";
    /// Per-packet information, with a link type of its own inside.
    PPI = 192, "PPI";
    /// PPP behind a direction byte.
    PPP_WITH_DIRECTION = 204, "PPP with direction";
    /// Cisco HDLC behind a direction byte.
    CISCO_HDLC_WITH_DIRECTION = 205, "Cisco HDLC with direction";
    /// Frame Relay behind a direction byte.
    FRAME_RELAY_WITH_DIRECTION = 206, "Frame Relay with direction";
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
    /// What macOS says of a packet, with a link type of its own inside.
    PKTAP = 258, "macOS pktap";
    /// USB as macOS captures it.
    USB_DARWIN = 266, "macOS USB";
    /// Linux "cooked" capture, version 2.
    LINUX_SLL2 = 276, "Linux cooked v2";
    /// USB 2.0 on the wire.
    USB_2_0 = 288, "USB 2.0";
}

/// Names of link types that are not read, so that people learn what they have.
const fn rare_name(number: u16) -> Option<&'static str> {
    Some(match number {
        2 => "experimental Ethernet",
        3 => "AX.25",
        4 => "ProNET",
        5 => "Chaosnet",
        7 => "ARCNET",
        11 => "ATM RFC 1483 (BSD)",
        15 => "SLIP (BSD/OS)",
        16 => "PPP (BSD/OS)",
        99 => "Symantec firewall",
        106 => "Linux ATM",
        109 => "OpenBSD IPsec",
        114 => "LocalTalk",
        118 => "Cisco IOS",
        122 => "IP over Fibre Channel",
        123 => "SunATM",
        129 => "Linux ARCNET",
        130..=137 | 164 | 167 | 168 | 173 | 174 | 176 | 182..=184 | 194 | 200 | 222 | 233 | 234 | 238 => "Juniper",
        138 => "IP over IEEE 1394",
        139 => "MTP2 with header",
        140 => "MTP2",
        141 => "MTP3",
        142 => "SCCP",
        143 => "DOCSIS",
        144 => "Linux IrDA",
        145 => "IBM SP switch",
        147..=162 => "reserved for private use",
        165 => "BACnet MS/TP",
        169 => "GPRS LLC",
        170 => "GFP-T",
        171 => "GFP-F",
        177 => "Linux LAPD",
        187 => "Bluetooth HCI",
        188 => "IEEE 802.16",
        190 => "CAN 2.0b",
        191 | 195 | 215 | 230 | 283 => "IEEE 802.15.4",
        193 => "IEEE 802.16 with radio header",
        196 => "SITA",
        197 => "Endace ERF",
        199 => "IPMB",
        201 => "Bluetooth HCI with direction",
        202 => "AX.25 with KISS header",
        203 => "LAPD",
        207 => "LAPB with direction",
        209 => "Linux IPMB",
        210 => "FlexRay",
        211 => "MOST",
        212 => "LIN",
        216 => "Linux evdev",
        224 | 225 => "Fibre Channel",
        226 => "Solaris ipnet",
        227 => "SocketCAN",
        235 => "DVB common interface",
        240 | 241 => "Hilscher netANALYZER",
        243 => "MPEG-2 transport stream",
        244 => "ng40",
        245 => "NFC LLCP",
        247 => "InfiniBand",
        248 => "SCTP",
        250 => "RTAC serial",
        251 | 256 => "Bluetooth Low Energy",
        252 => "Wireshark upper layer",
        254 => "Bluetooth Linux monitor",
        255 => "Bluetooth baseband",
        257 => "PROFIBUS",
        259 => "EPON",
        261 | 262 => "Z-Wave",
        264 => "ISO 14443",
        265 => "radio data system",
        267 => "OpenBSD OpenFlow",
        268 => "SDLC",
        271 => "Linux vsock",
        272 => "Nordic BLE sniffer",
        273 => "DOCSIS 3.1",
        274 => "Ethernet with preamble",
        275 => "DisplayPort AUX",
        279 => "Elektrobit capture header",
        280 => "VPP trace",
        282 | 284 | 285 => "Ethernet with a switch's DSA tag",
        289 => "ATSC link layer",
        290 => "Event Tracing for Windows",
        _ => return None,
    })
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
