//! Bytes to values and back: the packet formats, with no state and no opinion.
//!
//! | file          | subject |
//! |---------------|---------|
//! | `error`       | what is wrong with a packet, with the numbers |
//! | `seq`         | sequence numbers (RFC 9293 section 3.4) |
//! | `checksum`    | the Internet checksum (RFC 1071), alone and beside a copy |
//! | `ethernet`    | Ethernet II with VLAN tags |
//! | `ip`          | IPv4 (RFC 791) and IPv6 (RFC 8200) with its extension headers, read and written |
//! | `tcp`         | the TCP header (RFC 9293 section 3.1) |
//! | `options`     | TCP options, one by one and as the set a connection uses |
//! | `udp`, `icmp` | UDP, and the errors of ICMPv4 and ICMPv6 |
//! | `packet`      | what leaves a stack (headers, payload by reference) and how it is cut into packets |
//! | `pretty`      | one line per packet, in tcpdump's words |
//!
//! **No byte from a wire makes this module panic.** Parsers check every length first and return
//! [`Malformed`]; field access goes through pnet's views only after that check. Writers are told the
//! exact lengths by the values they write.
#![cfg_attr(not(test), deny(clippy::indexing_slicing, clippy::unwrap_used, clippy::expect_used, clippy::panic))]

pub mod checksum;
pub mod error;
pub mod ethernet;
pub mod icmp;
pub mod ip;
pub mod options;
pub mod packet;
pub mod pretty;
pub mod seq;
pub mod tcp;
pub mod udp;

pub use error::Malformed;
pub use ip::{Ecn, IpPacket, Protocol};
pub use options::{SackBlock, TcpOption, TcpOptions};
pub use packet::{Meta, Outgoing, Packet, Payload};
pub use seq::SeqNum;
pub use tcp::{Flags, TcpHeader, TcpPacket};
