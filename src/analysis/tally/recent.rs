//! The last few packets of one side, to know one that was captured twice.

use serde::{Deserialize, Serialize};

use crate::wire::SeqNum;

/// The last eight packets, each its sequence number before its IP identification.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub(super) struct Recent {
    packets: [u64; 8],
    next: u8,
}

impl Recent {
    /// True when a packet with these numbers is among the last. An identification of 0 says nothing: IPv6 has none,
    /// and IPv4 may send 0 with every packet that is not to be cut (RFC 6864 section 4.1).
    #[inline]
    pub fn seen(&mut self, seq: SeqNum, ip_id: u16) -> bool {
        let packet = u64::from(seq.0) << 16 | u64::from(ip_id);
        // Without an early end, the eight are compared at once.
        let found = ip_id != 0 && self.packets.iter().fold(false, |found, other| found | (*other == packet));
        if !found {
            if let Some(slot) = self.packets.get_mut(usize::from(self.next)) {
                *slot = packet;
            }
            self.next = (self.next + 1) % self.packets.len() as u8;
        }
        found
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_packet_is_known_until_eight_others_came() {
        let mut recent = Recent::default();
        assert!(!recent.seen(SeqNum(7), 100));
        assert!(recent.seen(SeqNum(7), 100));
        for id in 1..=8 {
            assert!(!recent.seen(SeqNum(7), id));
        }
        assert!(!recent.seen(SeqNum(7), 100));
        assert!(!recent.seen(SeqNum(9), 0) && !recent.seen(SeqNum(9), 0));
    }
}
