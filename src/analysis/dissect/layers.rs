//! The layers that were passed on the way to a segment.

use std::fmt;

/// A protocol that a frame was read through.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[repr(u8)]
pub enum Layer {
    /// Ethernet II or 802.3.
    Ethernet = 1,
    /// The Linux cooked header, version 1 or 2.
    Cooked,
    /// The BSD loopback header.
    Loopback,
    /// IP over InfiniBand.
    InfiniBand,
    /// Frame Relay (RFC 2427).
    FrameRelay,
    /// Cisco's HDLC.
    CiscoHdlc,
    /// Radiotap, the capture's own header before 802.11.
    Radiotap,
    /// IEEE 802.11.
    Wlan,
    /// LLC, with or without SNAP (IEEE 802.2).
    Llc,
    /// A VLAN tag (802.1Q), also the inner one of two.
    Vlan,
    /// An outer, provider's VLAN tag (802.1ad).
    QinQ,
    /// One label of an MPLS stack (RFC 3032).
    Mpls,
    /// PPP over Ethernet (RFC 2516).
    PppoE,
    /// PPP (RFC 1661).
    Ppp,
    /// IPv4.
    Ipv4,
    /// IPv6.
    Ipv6,
    /// The IP authentication header (RFC 4302).
    Authentication,
    /// An extension header of IPv6, of whatever kind.
    Extension,
    /// A datagram that was put together from fragments.
    Fragments,
    /// GRE (RFC 2784, 2637).
    Gre,
    /// ERSPAN, a mirrored frame in GRE.
    Erspan,
    /// Ethernet in IP (RFC 3378).
    EtherIp,
    /// UDP.
    Udp,
    /// VXLAN (RFC 7348).
    Vxlan,
    /// GENEVE (RFC 8926).
    Geneve,
    /// Teredo (RFC 4380).
    Teredo,
    /// An ICMP error: what follows is quoted by it.
    Icmp,
    /// GTP-U, the user's side of mobile networks (3GPP TS 29.281).
    Gtp,
    /// L2TP version 2 (RFC 2661).
    L2tp,
    /// Per-packet information, a header that capture programs put before a frame.
    Ppi,
    /// What Linux's netfilter log says of a packet.
    Nflog,
    /// What OpenBSD's packet filter log says of a packet.
    Pflog,
    /// What macOS says of a packet.
    Pktap,
    /// What Junos says of a packet.
    Juniper,
    /// The header of the Prism driver before 802.11.
    Prism,
    /// The header of AVS before 802.11.
    Avs,
    /// Token Ring (IEEE 802.5).
    TokenRing,
    /// FDDI (ISO 9314).
    Fddi,
    /// ATM adaptation layer 5 (RFC 2684).
    Atm,
}

/// Every layer, by its number less one.
const ALL: [(Layer, &str); 39] = [
    (Layer::Ethernet, "Ethernet"),
    (Layer::Cooked, "SLL"),
    (Layer::Loopback, "loopback"),
    (Layer::InfiniBand, "InfiniBand"),
    (Layer::FrameRelay, "Frame Relay"),
    (Layer::CiscoHdlc, "Cisco HDLC"),
    (Layer::Radiotap, "radiotap"),
    (Layer::Wlan, "802.11"),
    (Layer::Llc, "LLC"),
    (Layer::Vlan, "VLAN"),
    (Layer::QinQ, "QinQ"),
    (Layer::Mpls, "MPLS"),
    (Layer::PppoE, "PPPoE"),
    (Layer::Ppp, "PPP"),
    (Layer::Ipv4, "IPv4"),
    (Layer::Ipv6, "IPv6"),
    (Layer::Authentication, "AH"),
    (Layer::Extension, "extension"),
    (Layer::Fragments, "fragments"),
    (Layer::Gre, "GRE"),
    (Layer::Erspan, "ERSPAN"),
    (Layer::EtherIp, "EtherIP"),
    (Layer::Udp, "UDP"),
    (Layer::Vxlan, "VXLAN"),
    (Layer::Geneve, "GENEVE"),
    (Layer::Teredo, "Teredo"),
    (Layer::Icmp, "ICMP"),
    (Layer::Gtp, "GTP-U"),
    (Layer::L2tp, "L2TP"),
    (Layer::Ppi, "PPI"),
    (Layer::Nflog, "NFLOG"),
    (Layer::Pflog, "pflog"),
    (Layer::Pktap, "pktap"),
    (Layer::Juniper, "Juniper"),
    (Layer::Prism, "Prism"),
    (Layer::Avs, "AVS"),
    (Layer::TokenRing, "Token Ring"),
    (Layer::Fddi, "FDDI"),
    (Layer::Atm, "ATM"),
];

impl fmt::Display for Layer {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(ALL.get(*self as usize - 1).map_or("", |(_, name)| name))
    }
}

/// Bits that one layer takes.
const BITS: u32 = 6;

/// The layers of a frame, the outermost first: a short list in one number, so that it costs nothing to carry.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Default)]
pub struct Layers(u128);

impl Layers {
    /// The most layers that are kept, and that a frame is read through.
    pub const MAX: usize = (u128::BITS / BITS) as usize;

    /// Adds a layer inside the others; false when there is no room.
    #[inline]
    pub(super) fn push(&mut self, layer: Layer) -> bool {
        if self.0 >> (BITS * Self::MAX as u32 - BITS) != 0 {
            return false;
        }
        self.0 = self.0 << BITS | layer as u128;
        true
    }

    /// The number of the innermost one; 0 when there is none.
    pub(super) fn innermost(self) -> u32 {
        self.0 as u32 & ((1 << BITS) - 1)
    }

    /// How many there are.
    pub fn depth(self) -> usize {
        (u128::BITS - self.0.leading_zeros()).div_ceil(BITS) as usize
    }

    /// The layers, outermost first.
    pub fn iter(self) -> impl Iterator<Item = Layer> {
        (0..self.depth()).rev().filter_map(move |index| {
            let number = (self.0 >> (BITS * index as u32)) as usize & ((1 << BITS) - 1);
            Some(ALL.get(number.checked_sub(1)?)?.0)
        })
    }

    /// True when `layer` was passed.
    pub fn contains(self, layer: Layer) -> bool {
        self.iter().any(|passed| passed == layer)
    }

    /// True when the segment came inside another IP packet: its connection is not the only one that shaped it.
    pub fn tunnelled(self) -> bool {
        self.iter().filter(|layer| matches!(layer, Layer::Ipv4 | Layer::Ipv6)).count() > 1
    }
}

impl fmt::Display for Layers {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (index, layer) in self.iter().enumerate() {
            write!(f, "{}{layer}", if index > 0 { ", " } else { "" })?;
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_layer_has_its_own_place_in_the_table() {
        for (index, (layer, _)) in ALL.iter().enumerate() {
            assert_eq!(*layer as usize, index + 1);
        }
    }

    #[test]
    fn the_list_keeps_its_order_and_refuses_what_does_not_fit() {
        let mut layers = Layers::default();
        for layer in [Layer::Ethernet, Layer::Vlan, Layer::Ipv4, Layer::Gre, Layer::Ipv4] {
            assert!(layers.push(layer));
        }
        assert_eq!(layers.to_string(), "Ethernet, VLAN, IPv4, GRE, IPv4");
        assert_eq!(layers.depth(), 5);
        assert!(layers.tunnelled() && layers.contains(Layer::Gre) && !layers.contains(Layer::Udp));
        while layers.push(Layer::Icmp) {}
        assert_eq!(layers.depth(), Layers::MAX);
        assert_eq!(layers.iter().next(), Some(Layer::Ethernet));
    }
}
