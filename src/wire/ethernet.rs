//! Ethernet II frames with any VLAN tags (IEEE 802.1Q).

use pnet::packet::ethernet::EthernetPacket as View;

use super::error::{Malformed, take};

/// Bytes of an Ethernet header without tags.
pub const ETHERNET_HEADER: usize = 14;
/// Tags read before a frame is refused: 802.1ad stacks two, carriers have been seen to stack three.
const MAX_TAGS: usize = 4;

/// What an Ethernet frame carries (IEEE 802 numbers).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct EtherType(pub u16);

impl EtherType {
    /// IPv4.
    pub const IPV4: EtherType = EtherType(0x0800);
    /// IPv6.
    pub const IPV6: EtherType = EtherType(0x86dd);

    /// 802.1Q, 802.1ad, and the older number that some switches use for the outer tag.
    const TAGS: [EtherType; 3] = [EtherType(0x8100), EtherType(0x88a8), EtherType(0x9100)];
}

/// An Ethernet frame, read.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct EthernetFrame<'a> {
    /// Source address.
    pub src: [u8; 6],
    /// Destination address.
    pub dst: [u8; 6],
    /// The outermost VLAN identifier, when there is a tag.
    pub vlan: Option<u16>,
    /// What the payload is, behind all tags.
    pub ethertype: EtherType,
    /// What follows the header and its tags.
    pub payload: &'a [u8],
}

impl<'a> EthernetFrame<'a> {
    /// Reads a frame without its frame check sequence.
    pub fn parse(bytes: &'a [u8]) -> Result<Self, Malformed> {
        let truncated = Malformed::Truncated { what: "Ethernet header", needed: ETHERNET_HEADER, had: bytes.len() };
        let view = View::new(bytes).ok_or(truncated)?;
        let mut ethertype = EtherType(view.get_ethertype().0);
        let mut payload = bytes.get(ETHERNET_HEADER..).unwrap_or_default();
        let mut vlan = None;
        for _ in 0..MAX_TAGS {
            if !EtherType::TAGS.contains(&ethertype) {
                break;
            }
            // Priority and identifier, then the type of what follows (802.1Q clause 9.6).
            let tag = take(payload, 4, "VLAN tag")?;
            let [control, inner] = tag.as_chunks::<2>().0 else { break };
            vlan = vlan.or(Some(u16::from_be_bytes(*control) & 0x0fff));
            ethertype = EtherType(u16::from_be_bytes(*inner));
            payload = payload.get(4..).unwrap_or_default();
        }
        Ok(EthernetFrame {
            src: view.get_source().octets(),
            dst: view.get_destination().octets(),
            vlan,
            ethertype,
            payload,
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn two_tags_are_walked_and_the_outer_one_is_named() {
        let mut bytes = vec![1, 2, 3, 4, 5, 6, 11, 12, 13, 14, 15, 16];
        bytes.extend_from_slice(&[0x88, 0xa8, 0x20, 0x05, 0x81, 0x00, 0x00, 0x09, 0x08, 0x00, 0x45]);
        let frame = EthernetFrame::parse(&bytes).unwrap();
        assert_eq!((frame.vlan, frame.ethertype, frame.payload), (Some(5), EtherType::IPV4, &[0x45][..]));
        assert_eq!(frame.src, [11, 12, 13, 14, 15, 16]);
        assert_eq!(EthernetFrame::parse(&bytes[..20]).unwrap_err().to_string(), "VLAN tag needs 4 bytes, 2 are there");
    }

    proptest! {
        #[test]
        fn no_bytes_panic(bytes: Vec<u8>) {
            let _ = EthernetFrame::parse(&bytes);
        }
    }
}
