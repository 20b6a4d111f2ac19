//! Why there is no TCP segment in a frame.

use std::fmt;
use std::net::IpAddr;

use super::layers::Layers;
use crate::capture::read::LinkType;
use crate::wire::Malformed;

/// Why there is no TCP segment in a frame.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Other {
    /// Address resolution.
    Arp,
    /// UDP, and no tunnel that is known.
    Udp,
    /// ICMP or ICMPv6, but no error about a segment.
    Icmp,
    /// Another protocol inside IP, by its number.
    Protocol(u8),
    /// Something else than IP, by its EtherType.
    EtherType(u16),
    /// Something else than IP in LLC, by its destination service access point.
    Llc(u8),
    /// Something else than IP in PPP, by its protocol field: negotiation, or a compressed header.
    Ppp(u16),
    /// A number that says what follows, in a header of its own kind, and is none of a packet.
    Kind {
        /// Which number: the address family of a loopback header, the frame control of a ring.
        what: &'static str,
        /// What it says.
        number: u32,
    },
    /// A frame of 802.11 that carries no packet: type and subtype as they stand, type first.
    Wlan {
        /// 0 management, 1 control, 2 data.
        kind: u8,
        /// Which of its kind.
        subtype: u8,
    },
    /// A protected frame of 802.11.
    Encrypted,
    /// A tunnel, or a header around packets, that is not opened: encrypted, compressed, or known by name only.
    Tunnel {
        /// What it is called.
        name: &'static str,
        /// One of its ends; unspecified where it is none of IP.
        from: IpAddr,
        /// The other.
        to: IpAddr,
    },
    /// A fragment of a datagram that is not complete yet.
    Fragment,
    /// The capture keeps too few bytes of the frame: a larger snaplen would have shown it.
    Cut {
        /// The header that did not fit.
        what: &'static str,
        /// Bytes it takes.
        needed: usize,
        /// Bytes that were captured of it.
        had: usize,
    },
    /// A header that cannot be what it claims to be.
    Malformed(Malformed),
    /// More headers inside each other than any honest sender makes.
    TooDeep,
    /// A link type that is not read, by its LINKTYPE number.
    UnknownLink(u16),
}

impl Other {
    /// There may have been a segment in the frame, and nobody looked or could: it is unread, not something else.
    pub fn is_unread(&self) -> bool {
        match self {
            Other::Encrypted
            | Other::Tunnel { .. }
            | Other::Cut { .. }
            | Other::Malformed(_)
            | Other::TooDeep
            | Other::UnknownLink(_) => true,
            Other::Arp
            | Other::Udp
            | Other::Icmp
            | Other::Protocol(_)
            | Other::EtherType(_)
            | Other::Llc(_)
            | Other::Ppp(_)
            | Other::Kind { .. }
            | Other::Wlan { .. }
            | Other::Fragment => false,
        }
    }

    /// What can be done to have it read; empty where there is nothing.
    pub fn remedy(&self) -> &'static str {
        match self {
            Other::UnknownLink(147..=162) => {
                "who captured knows what it is: where that is Ethernet or IP, editcap -T ether (or rawip) FILE NEW says so"
            }
            Other::UnknownLink(_) => {
                "where the bytes really are Ethernet or IP, editcap -T ether (or rawip) FILE NEW says so; tshark -r FILE \
                 shows what else they are"
            }
            Other::Cut { .. } => "capture more of each frame, for instance with tcpdump -s 128",
            Other::Tunnel { .. } => "capture inside the tunnel, at an end of it",
            _ => "",
        }
    }
}

impl From<Malformed> for Other {
    fn from(malformed: Malformed) -> Self {
        Other::Malformed(malformed)
    }
}

impl fmt::Display for Other {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match *self {
            Other::Arp => f.write_str("ARP"),
            Other::Udp => f.write_str("UDP"),
            Other::Icmp => f.write_str("ICMP"),
            Other::Protocol(number) => write!(f, "IP protocol {number}"),
            Other::EtherType(number) => write!(f, "EtherType {number:#06x}"),
            Other::Llc(point) => write!(f, "LLC {point:#04x}"),
            Other::Ppp(number) => write!(f, "PPP protocol {number:#06x}"),
            Other::Kind { what, number } => write!(f, "{what} {number}"),
            Other::Wlan { kind: 0, subtype } => write!(f, "802.11 management frame {subtype}"),
            Other::Wlan { kind: 1, subtype } => write!(f, "802.11 control frame {subtype}"),
            Other::Wlan { subtype, .. } => write!(f, "802.11 data frame {subtype} without a packet"),
            Other::Encrypted => f.write_str("encrypted 802.11 frame"),
            Other::Tunnel { name, .. } => write!(f, "{name} not opened"),
            Other::Fragment => f.write_str("fragment of an incomplete datagram"),
            Other::Cut { what, needed, had } => {
                write!(f, "{what} needs {needed} bytes, {had} were captured; a larger snaplen shows more")
            }
            Other::Malformed(malformed) => malformed.fmt(f),
            Other::TooDeep => write!(f, "more than {} headers inside each other", Layers::MAX),
            Other::UnknownLink(number) => match LinkType(number).name() {
                Some(name) => write!(f, "link type {number} ({name}) is not read"),
                None => write!(f, "link type {number} is not read"),
            },
        }
    }
}
