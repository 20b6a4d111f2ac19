//! Frames that stand twice in a capture: one packet seen at two places, or made twice on its way.
//!
//! A copy has the TCP header, the options and the payload of the packet it repeats. Time to live, checksum and
//! link-layer header may differ: a router and a device that fills in checksums lie between the two. Who sends again does
//! so after news of a loss, a round trip later at the least, or after a timer; so the same packet within a small part of
//! the round trip is a copy, and the same IP identification says so after a longer time as well (RFC 6864 section 4.3).
//! Which of capture and network made it, the frames do not show: the receiver's duplicate SACK does (RFC 2883).

use std::time::Duration;

use super::segment::Segment;
use crate::time::Time;
use crate::wire::{Flags, SeqNum};

/// Packets of one direction that are remembered: a mirror port puts several between a packet and its copy.
const KEPT: usize = 96;
/// Room for this many is made at first.
const FIRST: usize = 8;
/// A copy comes sooner than this part of the round trip.
const PART: u64 = 4;
/// No place of capture is this far from another on one path; and no timer is this short.
const MOST: u64 = 5_000_000;
/// Copies are this close whatever the round trip.
const LEAST: u64 = 20_000;
/// The same where no round trip is known.
const UNKNOWN: u64 = 1_000_000;
/// A packet with an IP identification of its own stays the same packet for this long.
const IDENTIFIED: u64 = 500_000_000;

/// When a packet left its sender, as far as it says so: its timestamp, and its place among the sender's packets.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
pub struct Stamp {
    /// TSval, where there are timestamps.
    pub value: Option<u32>,
    /// IPv4 identification; 0 says nothing.
    pub id: u16,
}

impl Stamp {
    /// What a segment says.
    pub fn of(segment: &Segment<'_>) -> Self {
        Stamp { value: segment.options.timestamps.map(|(value, _)| value), id: segment.ip_id }
    }
}

/// What a packet is known by.
#[derive(Clone, Copy, Debug)]
struct Print {
    seq: SeqNum,
    ack: SeqNum,
    len: u32,
    window: u16,
    flags: Flags,
    id: u16,
    /// Echoed timestamp, SACK blocks, and the edges of the payload.
    digest: u64,
    value: Option<u32>,
    time: Time,
    ttl: u8,
}

impl Print {
    #[inline]
    fn of(segment: &Segment<'_>) -> Self {
        let header = &segment.header;
        let (value, echo) = segment.options.timestamps.unzip();
        let mut digest = u64::from(echo.unwrap_or(0));
        if let (Some(first), Some(last)) = (segment.payload.first_chunk(), segment.payload.last_chunk()) {
            digest ^= u64::from_le_bytes(*first) ^ u64::from_le_bytes(*last).rotate_left(17);
        }
        for block in segment.options.sack.as_slice() {
            digest = digest.rotate_left(7) ^ (u64::from(block.left.0) << 32 | u64::from(block.right.0));
        }
        Print {
            seq: header.seq,
            ack: header.ack,
            len: segment.len,
            window: header.window,
            flags: header.flags,
            id: segment.ip_id,
            digest,
            value,
            time: segment.time,
            ttl: segment.ttl,
        }
    }

    fn same(&self, other: &Print) -> bool {
        (self.seq, self.ack, self.len, self.window, self.flags, self.id, self.digest)
            == (other.seq, other.ack, other.len, other.window, other.flags, other.id, other.digest)
            && self.value == other.value
    }
}

/// The packet that a frame repeats.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Copy {
    /// Its time to live is another: a router lies between.
    pub routed: bool,
}

/// The last packets of one direction.
#[derive(Clone, Debug, Default)]
pub struct Recent {
    prints: Vec<Print>,
    next: usize,
}

impl Recent {
    /// The packet that `segment` is a copy of, on a path with this round trip (0: not known), in a capture that may be
    /// known to hold packets `twice`.
    pub fn copy_of(&self, segment: &Segment<'_>, round_trip: u64, twice: bool) -> Option<Copy> {
        let print = Print::of(segment);
        let near = match round_trip {
            // Nobody sends a SYN again within milliseconds (RFC 6298 section 2.1: after a second).
            _ if print.flags.syn() => MOST,
            0 => UNKNOWN,
            round_trip => (round_trip / PART).clamp(LEAST, MOST),
        };
        let found = self.prints.iter().filter(|known| known.same(&print)).max_by_key(|known| known.time)?;
        let gap = print.time.since(found.time).as_nanos() as u64;
        let identified = print.id != 0 && !self.prints.iter().any(|known| known.id == print.id && !known.same(&print));
        // Who sends again stamps anew: an old stamp is one of a packet that was on its way before.
        let stale = print.value.zip(self.latest_value()).is_some_and(|(value, latest)| earlier(value, latest));
        // Acknowledgments without an identification may be equal and yet be several: each segment out of order asks for one.
        let counted = segment.seq_len() > 0 || identified || twice;
        let most = match (identified, stale) {
            (true, _) => IDENTIFIED,
            (false, true) => near.max(patience(round_trip).as_nanos() as u64),
            (false, false) => near,
        };
        (counted && gap <= most).then_some(Copy { routed: found.ttl != print.ttl })
    }

    /// Notes a packet.
    #[inline]
    pub fn add(&mut self, segment: &Segment<'_>) {
        let print = Print::of(segment);
        match self.prints.get_mut(self.next) {
            Some(oldest) => *oldest = print,
            None => {
                // In few steps: most connections are short.
                if self.prints.capacity() == self.prints.len() {
                    self.prints.reserve_exact(if self.prints.is_empty() { FIRST } else { KEPT - self.prints.len() });
                }
                self.prints.push(print);
            }
        }
        self.next = (self.next + 1) % KEPT;
    }

    /// The latest TSval of the direction's packets.
    fn latest_value(&self) -> Option<u32> {
        let mut values = self.prints.iter().filter_map(|print| print.value);
        let first = values.next()?;
        Some(values.fold(first, |latest, value| if earlier(latest, value) { value } else { latest }))
    }

    /// Whether this sender numbers its packets in the order in which it sends them: most of the last ones, in the order
    /// of their sequence numbers, go up by little.
    pub fn ids_rise(&self) -> bool {
        let mut packets: Vec<_> = self.prints.iter().filter(|print| print.len > 0).map(|p| (p.seq, p.id)).collect();
        let Some((first, _)) = packets.first().copied() else { return false };
        packets.sort_by_key(|(seq, _)| seq.offset_from(first));
        let steps = packets.windows(2).filter_map(|pair| match pair {
            [(_, one), (_, other)] if *one != 0 && *other != 0 => Some(other.wrapping_sub(*one)),
            _ => None,
        });
        let (rising, all) =
            steps.fold((0u32, 0u32), |(rising, all), step| (rising + u32::from((1..=64).contains(&step)), all + 1));
        all >= 2 && rising * 4 >= all * 3
    }

    /// Forgets all: what rests long has no copies to come.
    pub fn clear(&mut self) {
        *self = Recent::default();
    }
}

/// Whether a packet with `one` left before the one with `other`: `None` where neither timestamps nor identifications
/// tell. Equal timestamps are of one tick of a clock.
pub fn left_before(one: Stamp, other: Stamp, ids_rise: bool) -> Option<bool> {
    if let (Some(one), Some(other)) = (one.value, other.value)
        && one != other
    {
        return Some(earlier(one, other));
    }
    (ids_rise && one.id != 0 && other.id != 0 && one.id != other.id).then(|| (one.id.wrapping_sub(other.id) as i16) < 0)
}

/// Timestamps are compared as sequence numbers are (RFC 7323 section 5.2).
fn earlier(one: u32, other: u32) -> bool {
    (one.wrapping_sub(other) as i32) < 0
}

/// How long an original may be late on a path with this round trip: its sender learns of a loss no sooner, and then sends
/// again. A tenth is left for what the capture itself adds.
pub fn patience(round_trip: u64) -> Duration {
    Duration::from_nanos(round_trip / 10 * 9)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::analysis::exchange::{Packet, a};

    /// Whether the last packet is a copy of one before it, on a path of `round_trip` milliseconds.
    fn is_copy(packets: &[Packet], round_trip: u64) -> bool {
        let mut recent = Recent::default();
        let (last, before) = packets.split_last().unwrap();
        before.iter().for_each(|packet| recent.add(&packet.segment(1)));
        recent.copy_of(&last.segment(2), round_trip * 1_000_000, false).is_some()
    }

    #[test]
    fn a_copy_comes_within_a_small_part_of_the_round_trip() {
        let at = |gap: f64| [a(0.0, 1, 1, "A", 1000), a(gap, 1, 1, "A", 1000)];
        for (gap, round_trip, copy) in
            [(0.01, 10, true), (2.4, 10, true), (2.6, 10, false), (0.9, 0, true), (1.1, 0, false)]
        {
            assert_eq!(is_copy(&at(gap), round_trip), copy, "{gap} ms on a path of {round_trip} ms");
        }
    }

    #[test]
    fn whatever_differs_but_time_to_live_and_checksum_makes_another_packet() {
        let first = || a(0.0, 1, 1, "A", 1000).ip_id(7);
        let again = || a(0.1, 1, 1, "A", 1000).ip_id(7);
        let others = [again().window(9), again().ip_id(8), again().timestamps(1, 1), a(0.1, 1, 1, "PA", 1000).ip_id(7)];
        for other in others {
            assert!(!is_copy(&[first(), other.clone()], 10), "{other:?}");
        }
        assert!(is_copy(&[first(), again().ttl(63)], 10));
    }

    #[test]
    fn an_identification_of_its_own_makes_a_copy_known_later_and_one_that_all_share_does_not() {
        let other = |id| a(1.0, 1001, 1, "A", 1000).ip_id(id);
        let late = || a(100.0, 1, 1, "A", 1000).ip_id(7);
        assert!(is_copy(&[a(0.0, 1, 1, "A", 1000).ip_id(7), other(8), late()], 10));
        assert!(!is_copy(&[a(0.0, 1, 1, "A", 1000).ip_id(7), other(7), late()], 10));
    }

    #[test]
    fn who_left_first_is_told_by_timestamps_and_else_by_identifications_that_rise() {
        let stamp = |value, id| Stamp { value, id };
        let cases = [
            ((Some(5), 0), (Some(6), 0), false, Some(true)),
            ((Some(6), 0), (Some(5), 9), true, Some(false)),
            ((Some(u32::MAX), 0), (Some(1), 0), false, Some(true)),
            ((Some(5), 7), (Some(5), 8), true, Some(true)),
            ((None, u16::MAX), (None, 1), true, Some(true)),
            ((None, 7), (None, 8), false, None),
            ((None, 0), (None, 8), true, None),
        ];
        for ((value, id), (other_value, other_id), rise, expected) in cases {
            let told = left_before(stamp(value, id), stamp(other_value, other_id), rise);
            assert_eq!(told, expected, "{value:?} {id} before {other_value:?} {other_id}");
        }
    }

    #[test]
    fn identifications_rise_where_most_follow_each_other_in_the_order_of_sequence_numbers() {
        let rises = |ids: [u16; 6]| {
            let mut recent = Recent::default();
            for (n, id) in ids.into_iter().enumerate() {
                recent.add(&a(n as f64, 1 + 1000 * n as u32, 1, "A", 1000).ip_id(id).segment(1));
            }
            recent.ids_rise()
        };
        assert!(rises([u16::MAX - 1, u16::MAX, 1, 2, 3, 5]));
        assert!(!rises([9, 9, 9, 9, 9, 9]) && !rises([0; 6]) && !rises([50_000, 3, 40_000, 9, 30_000, 77]));
    }

    #[test]
    fn acknowledgments_that_are_equal_and_have_no_identification_may_be_several() {
        let again = |id| [a(0.0, 1, 1, "A", 0).ip_id(id), a(0.1, 1, 1, "A", 0).ip_id(id)];
        assert!(!is_copy(&again(0), 10));
        assert!(is_copy(&again(7), 10));
    }

    #[test]
    fn a_stamp_that_is_older_than_others_makes_a_copy_known_until_a_loss_could_be() {
        let again = |gap: f64, others: u32| {
            let one = |time: f64| a(time, 1, 1, "A", 1000).timestamps(5, 1);
            is_copy(&[one(0.0), a(0.5, 1001, 1, "A", 1000).timestamps(others, 1), one(gap)], 10)
        };
        assert!(again(8.9, 6) && !again(9.1, 6));
        assert!(again(2.4, 5) && !again(2.6, 5), "nothing is newer");
    }

    #[test]
    fn a_syn_is_sent_again_after_a_second_and_not_within_milliseconds() {
        for (gap, copy) in [(4.9, true), (5.1, false)] {
            assert_eq!(is_copy(&[a(0.0, 0, 0, "S", 0), a(gap, 0, 0, "S", 0)], 0), copy, "{gap} ms");
        }
    }

    #[test]
    fn two_identifications_are_not_enough_to_say_that_they_rise() {
        let rises = |count: u16| {
            let mut recent = Recent::default();
            for n in 0..count {
                let packet = a(f64::from(n), 1 + 1000 * u32::from(n), 1, "A", 1000).ip_id(9 + n);
                recent.add(&packet.segment(1));
            }
            recent.ids_rise()
        };
        assert!(!rises(2) && rises(3));
    }
}
