//! From a captured frame to the TCP segment in it: link types, tunnels, IP fragments.
//!
//! Captures show what live stacks never see: frames cut by snaplen, several packets inside each other, lengths that are
//! wrong because hardware fills them in later. So reading is lenient here where [`crate::wire`] is strict: lengths come
//! from the headers, bytes are what was captured, and a TCP header of which only the ports are there is still a segment.
//! Where there is room for opinion, the answers are those of Wireshark 4.4, which people compare with.
//!
//! | file        | subject |
//! |-------------|---------|
//! | `link`      | link types: what the first byte of a frame is |
//! | `wrapped`   | what programs put before a frame: PPI, NFLOG, pflog, pktap, Junos |
//! | `ether`     | Ethernet, LLC, EtherTypes, VLAN, MPLS |
//! | `ppp`       | PPP, PPPoE, Cisco HDLC, Frame Relay |
//! | `wlan`      | 802.11, and radiotap, Prism and AVS before it |
//! | `ring`      | LLC below other links than Ethernet: Token Ring, FDDI, ATM |
//! | `ip`        | IPv4, IPv6 and its extension headers |
//! | `tunnel`    | GRE, UDP tunnels: VXLAN, GENEVE, GTP-U, L2TP and others |
//! | `icmp`      | ICMP errors and what they quote |
//! | `tcp`       | the segment itself |
//! | `fragments` | datagrams put together |
//! | `bytes`, `layers`, `other` | what is left of a frame, what was passed, why there is no segment |
#![cfg_attr(not(test), deny(clippy::indexing_slicing, clippy::unwrap_used, clippy::expect_used, clippy::panic))]

mod bytes;
mod ether;
mod fragments;
mod icmp;
mod ip;
mod layers;
mod link;
mod other;
mod ppp;
mod ring;
mod tcp;
#[cfg(test)]
mod tests;
mod tunnel;
mod wlan;
mod wrapped;

use std::net::IpAddr;

pub use fragments::{FragmentCounts, Reassembled};
pub use layers::{Layer, Layers};
pub use other::Other;
pub use tcp::Tcp;

use crate::time::Time;
use crate::wire::icmp::IcmpKind;
use bytes::Bytes;
use fragments::Fragments;
use ip::{Fragment, Ip};

/// What a frame holds.
#[derive(Clone, Copy, Debug)]
// A segment is what nearly every frame holds, and it is handed on at once.
#[allow(clippy::large_enum_variant)]
pub enum Found<'a> {
    /// A TCP segment.
    Tcp(Tcp<'a>),
    /// An ICMP error about a TCP segment.
    IcmpError(IcmpError<'a>),
    /// No segment, and why.
    Other(Other),
}

/// An ICMP error about a TCP segment.
#[derive(Clone, Copy, Debug)]
pub struct IcmpError<'a> {
    /// What is wrong, with the next hop's MTU where that is it.
    pub kind: IcmpKind,
    /// Who says so.
    pub from: IpAddr,
    /// The segment as it is quoted: often the ports and the sequence number only.
    pub quoted: Tcp<'a>,
}

/// Reads frames, and keeps the fragments that wait for the rest of their datagram.
#[derive(Debug)]
pub struct Dissector {
    verify_checksums: bool,
    fragments: Fragments,
    /// The payload of the datagram that the last frame completed.
    whole: Vec<u8>,
    reassembled: Option<Reassembled>,
}

impl Default for Dissector {
    fn default() -> Self {
        Self::new()
    }
}

/// Datagrams in fragments inside a datagram in fragments, and so on, before a frame is given up.
const MAX_NESTED: usize = 4;

impl Dissector {
    /// A dissector that verifies TCP checksums.
    pub fn new() -> Self {
        Dissector { verify_checksums: true, fragments: Fragments::default(), whole: Vec::new(), reassembled: None }
    }

    /// The same, told whether TCP checksums are verified.
    pub fn verify_checksums(self, yes: bool) -> Self {
        Dissector { verify_checksums: yes, ..self }
    }

    /// Reads one frame. `link` is its LINKTYPE number, `number` counts frames from 1, `bytes` is what was captured of
    /// `original_len` bytes.
    #[inline]
    pub fn frame<'a>(
        &'a mut self,
        link: u16,
        number: u64,
        time: Time,
        bytes: &'a [u8],
        original_len: u32,
    ) -> Found<'a> {
        self.reassembled = None;
        let mut walk = Walk::new(number, time, self.verify_checksums);
        match link::link(&mut walk, link, Bytes::new(bytes, original_len as usize)) {
            Ok(Reached::Tcp) => tcp::tcp(&walk),
            Ok(Reached::Fragment(fragment)) => self.fragment(walk, &fragment),
            Err(other) => Found::Other(other),
        }
    }

    /// The datagram that the last frame completed, and its payload.
    pub fn reassembled(&self) -> Option<(Reassembled, &[u8])> {
        Some((self.reassembled?, &self.whole))
    }

    /// What became of all fragments so far.
    pub fn fragment_counts(&self) -> FragmentCounts {
        self.fragments.counts()
    }

    /// Adds a fragment, and reads the datagram when that completes it.
    #[cold]
    fn fragment(&mut self, walk: Walk<'_>, fragment: &Fragment<'_>) -> Found<'_> {
        let Some(mut ready) = self.fragments.add(walk.number, walk.time, fragment) else {
            return Found::Other(Other::Fragment);
        };
        let mut walk = walk.resumed();
        // Reading a whole datagram may come upon a fragment again. It is read once more at the end, since what is
        // returned borrows from it.
        for _ in 0..MAX_NESTED {
            (self.whole, self.reassembled) = (ready.payload, Some(ready.summary));
            if !walk.layers.push(Layer::Fragments) {
                return Found::Other(Other::TooDeep);
            }
            walk.fragment = false;
            let mut inner = walk.resumed();
            let whole = Bytes::new(&self.whole, self.whole.len());
            let Ok(Reached::Fragment(fragment)) = ip::upper(&mut inner, ready.protocol, whole) else {
                let whole = Bytes::new(&self.whole, self.whole.len());
                let mut walk = walk.resumed();
                return match ip::upper(&mut walk, ready.protocol, whole) {
                    Ok(Reached::Tcp) => tcp::tcp(&walk),
                    Ok(Reached::Fragment(_)) => Found::Other(Other::Fragment),
                    Err(other) => Found::Other(other),
                };
            };
            let Some(next) = self.fragments.add(walk.number, walk.time, &fragment) else {
                return Found::Other(Other::Fragment);
            };
            (walk, ready) = (inner.resumed(), next);
        }
        Found::Other(Other::TooDeep)
    }
}

/// What is known about a frame while it is read from the outside in.
#[derive(Clone, Copy, Debug)]
struct Walk<'a> {
    number: u64,
    time: Time,
    verify_checksums: bool,
    layers: Layers,
    /// The last IP header.
    ip: Ip,
    /// The outermost VLAN: networks of different VLANs may use the same addresses.
    vlan: u16,
    /// What [`Segment::network`](crate::analysis::segment::Segment::network) says.
    network: u32,
    /// Extension headers since the last IPv6 header.
    extensions: usize,
    /// What is read is the first fragment of a datagram that cannot be put together.
    fragment: bool,
    /// The ICMP error that quotes what is read: what it says, and who.
    quote: Option<(IcmpKind, IpAddr)>,
    /// What stands behind the last IP header. Kept here, for what is handed on as an argument goes through memory.
    rest: Bytes<'a>,
}

impl Walk<'_> {
    #[inline]
    fn new(number: u64, time: Time, verify_checksums: bool) -> Self {
        Walk {
            number,
            time,
            verify_checksums,
            layers: Layers::default(),
            ip: Ip::default(),
            vlan: 0,
            network: 0,
            extensions: 0,
            fragment: false,
            quote: None,
            rest: Bytes::default(),
        }
    }

    /// The same walk, to go on in the bytes of a whole datagram.
    fn resumed<'b>(&self) -> Walk<'b> {
        let &Walk { number, time, verify_checksums, layers, ip, vlan, network, extensions, fragment, quote, rest: _ } =
            self;
        let rest = Bytes::default();
        Walk { number, time, verify_checksums, layers, ip, vlan, network, extensions, fragment, quote, rest }
    }

    /// Notes that what follows is in the network with this number inside the one so far. What differs between the two
    /// directions of a connection (labels of MPLS, endpoint identifiers of GTP, sessions of L2TP) is no such number.
    fn enter(&mut self, number: u32) {
        // Odd, so that no sequence of numbers leads back to 0 but the empty one; the constant is the golden ratio's.
        self.network = (self.network.rotate_left(7) ^ number).wrapping_mul(0x9e37_79b9) | 1;
    }

    /// Notes that what follows is in a tunnel between the two addresses of the last IP header, in either direction.
    fn enter_tunnel(&mut self) {
        let bits = |address: IpAddr| match address {
            IpAddr::V4(address) => u128::from(address.to_bits()),
            IpAddr::V6(address) => address.to_bits(),
        };
        let (one, other) = (bits(self.ip.src), bits(self.ip.dst));
        self.enter(self.layers.innermost());
        for address in [one.min(other), one.max(other)] {
            let [a, b, c, d] = [address >> 96, address >> 64, address >> 32, address].map(|part| part as u32);
            self.enter(a ^ b.rotate_left(8) ^ c.rotate_left(16) ^ d);
        }
    }

    /// A tunnel that is seen and not opened.
    #[cold]
    fn closed(&self, name: &'static str) -> Other {
        Other::Tunnel { name, from: self.ip.src, to: self.ip.dst }
    }

    /// Notes that `layer` is passed.
    #[inline]
    fn pass(&mut self, layer: Layer) -> Result<(), Other> {
        if self.layers.push(layer) { Ok(()) } else { Err(Other::TooDeep) }
    }
}

/// Where the way inwards through a frame ends. The segment itself is read last, where it is returned: it is large, and
/// would be copied at every step back.
enum Reached<'a> {
    /// TCP: the walk knows where.
    Tcp,
    /// A part of a packet.
    Fragment(Fragment<'a>),
}

/// What every step inwards returns: where it led, or why it led nowhere.
type Walked<'a> = Result<Reached<'a>, Other>;
