//! What a packet is: its connection, its kind, and whether its bytes were seen before.

use std::collections::HashMap;
use std::net::SocketAddr;

use crate::capture::Direction;
use crate::wire::{Flags, IpPacket, Packet, Protocol, SeqNum, TcpPacket};

/// Names a connection: our end and the other.
pub type Flow = (SocketAddr, SocketAddr);

/// A packet's properties, as far as rules ask for them.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Class {
    pub flow: Option<Flow>,
    pub flags: Flags,
    /// It carries text.
    pub data: bool,
    /// It takes sequence space that a packet before it took already.
    pub retransmission: bool,
    /// It begins a new connection between ends that had one before, or none.
    pub begins: bool,
}

/// Remembers how far each connection has got, in each direction.
#[derive(Default)]
pub struct Classifier {
    ends: HashMap<(Flow, Direction), SeqNum>,
    /// The sequence number of each direction's SYN.
    syns: HashMap<(Flow, Direction), SeqNum>,
}

/// Connections remembered at most; a run that has more starts over, at the price of calling the first packets of
/// each connection new.
pub const MOST_FLOWS: usize = 100_000;

impl Classifier {
    pub fn classify(&mut self, direction: Direction, packet: &Packet) -> Class {
        let none = Class { flow: None, flags: Flags::default(), data: false, retransmission: false, begins: false };
        let Ok(ip) = IpPacket::parse(&packet.bytes) else { return none };
        if ip.protocol != Protocol::TCP || ip.fragment.is_some_and(|fragment| fragment.offset > 0) {
            return none;
        }
        let Ok(tcp) = TcpPacket::parse(ip.payload) else { return none };
        let src = SocketAddr::new(ip.src, tcp.header.src_port);
        let dst = SocketAddr::new(ip.dst, tcp.header.dst_port);
        let flow = match direction {
            Direction::Out => (src, dst),
            Direction::In => (dst, src),
        };
        if self.ends.len() >= MOST_FLOWS {
            self.ends.clear();
            self.syns.clear();
        }
        let key = (flow, direction);
        let end = tcp.header.seq + tcp.seq_len();
        let flags = tcp.header.flags;
        if flags.syn() {
            let known = self.syns.get(&key) == Some(&tcp.header.seq);
            if !known {
                self.syns.insert(key, tcp.header.seq);
                self.ends.insert(key, end);
            }
            let data = !tcp.payload.is_empty();
            // The answer to a SYN belongs to the connection that the SYN began.
            return Class { flow: Some(flow), flags, data, retransmission: known, begins: !known && !flags.ack() };
        }
        let seen = self.ends.get(&key).copied();
        let retransmission = tcp.seq_len() > 0 && seen.is_some_and(|seen| end.at_or_before(seen));
        if seen.is_none_or(|seen| end.after(seen)) {
            self.ends.insert(key, end);
        }
        Class { flow: Some(flow), flags, data: !tcp.payload.is_empty(), retransmission, begins: false }
    }
}
