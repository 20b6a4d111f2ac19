//! Sequence space that was passed over: not captured yet, or never.

use std::collections::VecDeque;

use serde::{Deserialize, Serialize};

use crate::analysis::copies::Stamp;
use crate::time::Time;
use crate::wire::SeqNum;

/// Holes that are told apart. A queue that overflows drops every other packet of a flight, so there are many at a time.
const MOST: usize = 256;
/// Holes that a connection keeps that is over.
const AT_REST: usize = 12;

/// A part of the sequence space that was passed over.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Hole {
    /// Its first byte.
    pub from: SeqNum,
    /// The one after its last.
    pub to: SeqNum,
    /// When it was passed over, and when what lies before it had come.
    pub since: Time,
    /// See `since`.
    pub after: Time,
    /// When the packet left that passed it over.
    pub opener: Stamp,
    /// It carried no payload.
    pub bare: bool,
    /// The frame of that packet.
    pub frame: u64,
    /// It was acknowledged all the same: since then.
    pub acknowledged: Option<Time>,
}

impl Hole {
    /// Bytes.
    pub fn len(&self) -> u64 {
        u64::from(self.to.0.wrapping_sub(self.from.0))
    }
}

/// All holes of a direction, in the order of their sequence numbers as far as they opened so.
#[derive(Clone, Debug, Default, Serialize, Deserialize)]
pub struct Holes {
    holes: VecDeque<Hole>,
    /// Bytes of holes that are no longer told apart: acknowledged ones, and others.
    forgotten: (u64, u64),
}

impl Holes {
    /// True when nothing was passed over.
    pub fn is_empty(&self) -> bool {
        self.holes.is_empty()
    }

    /// Where the highest one ends.
    fn top(&self) -> Option<SeqNum> {
        self.holes.iter().map(|hole| hole.to).reduce(SeqNum::latest)
    }

    /// Passes over `hole`, what lies in others left out.
    pub fn open(&mut self, hole: Hole) {
        let from = self.top().map_or(hole.from, |top| top.latest(hole.from));
        if !from.before(hole.to) {
            return;
        }
        if self.holes.len() == MOST {
            self.make_room();
        }
        self.holes.push_back(Hole { from, ..hole });
    }

    /// Takes the two oldest for one where they are one: both acknowledged, the one behind the other. Otherwise the oldest
    /// is forgotten.
    fn make_room(&mut self) {
        let Some(oldest) = self.holes.pop_front() else { return };
        match self.holes.front_mut() {
            Some(next) if next.from == oldest.to && next.acknowledged.is_some() && oldest.acknowledged.is_some() => {
                next.from = oldest.from;
            }
            _ => self.forget(oldest),
        }
    }

    fn forget(&mut self, hole: Hole) {
        if hole.acknowledged.is_some() {
            self.forgotten.0 += hole.len();
        } else {
            self.forgotten.1 += hole.len();
        }
    }

    /// Takes out what lies from `seq` to `end`. Returns the first hole that it lies in, as it was.
    pub fn fill(&mut self, seq: SeqNum, end: SeqNum) -> Option<Hole> {
        let mut first = None;
        let mut rest = None;
        for hole in &mut self.holes {
            if !(seq.before(hole.to) && end.after(hole.from)) {
                continue;
            }
            first = first.or(Some(*hole));
            if seq.after(hole.from) && end.before(hole.to) {
                rest = Some(Hole { from: end, ..*hole });
                hole.to = seq;
            } else if seq.after(hole.from) {
                hole.to = seq;
            } else {
                hole.from = end.earliest(hole.to);
            }
        }
        if first.is_some() {
            self.holes.retain(|hole| hole.from.before(hole.to));
            if let Some(rest) = rest {
                match self.holes.len() < MOST {
                    true => self.holes.push_back(rest),
                    false => self.forget(rest),
                }
            }
        }
        first
    }

    /// The other end has everything before `ack`, and says so at `now`.
    pub fn acknowledge(&mut self, ack: SeqNum, now: Time) {
        let mut rest = None;
        for hole in self.holes.iter_mut().filter(|hole| hole.acknowledged.is_none() && ack.after(hole.from)) {
            if ack.before(hole.to) {
                rest = Some(Hole { from: ack, ..*hole });
                hole.to = ack;
            }
            hole.acknowledged = Some(now);
        }
        if let Some(rest) = rest {
            self.holes.push_back(rest);
        }
    }

    /// Bytes that were acknowledged and never captured.
    pub fn unseen(&self) -> u64 {
        self.forgotten.0 + self.holes.iter().filter(|hole| hole.acknowledged.is_some()).map(Hole::len).sum::<u64>()
    }

    /// Holes that were neither filled nor acknowledged.
    pub fn open_ones(&self) -> impl Iterator<Item = &Hole> {
        self.holes.iter().filter(|hole| hole.acknowledged.is_none())
    }

    /// Keeps the first few that were not acknowledged, and of the others their bytes.
    pub fn rest(&mut self) {
        for hole in std::mem::take(&mut self.holes) {
            match hole.acknowledged.is_none() && self.holes.len() < AT_REST {
                true => self.holes.push_back(Hole { opener: Stamp::default(), ..hole }),
                false => self.forget(hole),
            }
        }
    }

    /// Bytes of open holes that are no longer told apart.
    pub fn forgotten(&self) -> u64 {
        self.forgotten.1
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn hole(from: u32, to: u32) -> Hole {
        let (since, after, opener) = (Time::ZERO, Time::ZERO, Stamp::default());
        Hole { from: SeqNum(from), to: SeqNum(to), since, after, opener, bare: false, frame: 1, acknowledged: None }
    }

    fn open(holes: &Holes) -> Vec<(u32, u32)> {
        let mut open: Vec<_> = holes.open_ones().map(|hole| (hole.from.0, hole.to.0)).collect();
        open.sort_unstable();
        open
    }

    #[test]
    fn what_comes_takes_its_part_out_of_the_holes() {
        let mut holes = Holes::default();
        holes.open(hole(100, 200));
        holes.open(hole(300, 400));
        assert_eq!(holes.fill(SeqNum(120), SeqNum(150)).map(|hole| hole.from.0), Some(100));
        assert_eq!(open(&holes), [(100, 120), (150, 200), (300, 400)]);
        assert!(holes.fill(SeqNum(190), SeqNum(350)).is_some());
        assert_eq!(open(&holes), [(100, 120), (150, 190), (350, 400)]);
        assert!(holes.fill(SeqNum(200), SeqNum(300)).is_none(), "nothing was missing there");
    }

    #[test]
    fn what_is_acknowledged_and_never_comes_was_not_captured() {
        let mut holes = Holes::default();
        holes.open(hole(100, 200));
        holes.acknowledge(SeqNum(150), Time::ZERO);
        assert_eq!((holes.unseen(), open(&holes)), (50, vec![(150, 200)]));
        assert!(holes.fill(SeqNum(100), SeqNum(150)).is_some_and(|hole| hole.acknowledged.is_some()));
        assert_eq!(holes.unseen(), 0, "it came late");
    }

    #[test]
    fn a_whole_direction_that_is_missing_is_one_hole_in_the_end() {
        let mut holes = Holes::default();
        for n in 0..10 * MOST as u32 {
            holes.open(hole(100 * n, 100 * n + 100));
            holes.acknowledge(SeqNum(100 * n + 100), Time::ZERO);
        }
        assert_eq!((holes.holes.len(), holes.unseen()), (MOST, 1000 * MOST as u64));
        assert!((0..10 * MOST as u32).all(|n| holes.fill(SeqNum(100 * n), SeqNum(100 * n + 100)).is_some()));
    }

    #[test]
    fn of_too_many_holes_the_oldest_are_forgotten_but_not_their_bytes() {
        let mut holes = Holes::default();
        let all = MOST as u32 + 10;
        (0..all).for_each(|n| holes.open(hole(100 * n, 100 * n + 10)));
        assert_eq!((holes.holes.len(), holes.forgotten()), (MOST, 100));
        holes.rest();
        assert_eq!(holes.holes.len(), AT_REST);
        assert_eq!(holes.forgotten() + holes.open_ones().map(Hole::len).sum::<u64>(), u64::from(all) * 10);
    }

    #[test]
    fn holes_with_something_between_them_are_never_taken_for_one() {
        let mut holes = Holes::default();
        let all = MOST as u32 + 10;
        for n in 0..all {
            holes.open(hole(200 * n, 200 * n + 100));
            holes.acknowledge(SeqNum(200 * n + 100), Time::ZERO);
        }
        assert_eq!(holes.unseen(), 100 * u64::from(all));
    }
}
