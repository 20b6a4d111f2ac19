//! Segments that were sent and not yet acknowledged, ordered by position.
//!
//! The newest stands outside of the list: a connection with one segment in flight (every handshake, most requests)
//! allocates nothing.

use std::collections::VecDeque;

use serde::{Deserialize, Serialize};

/// A segment in flight: `len` positions from `start` on.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
pub(super) struct Sent {
    pub start: u64,
    pub len: u32,
    /// When it was last sent.
    pub time: u64,
    /// How often it was sent again.
    pub resent: u32,
}

impl Sent {
    /// The position behind its last.
    pub fn end(&self) -> u64 {
        self.start.wrapping_add(u64::from(self.len))
    }
}

#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub(super) struct Queue {
    older: VecDeque<Sent>,
    newest: Option<Sent>,
}

impl Queue {
    pub fn len(&self) -> usize {
        self.older.len() + usize::from(self.newest.is_some())
    }

    pub fn get_mut(&mut self, index: usize) -> Option<&mut Sent> {
        if index < self.older.len() {
            self.older.get_mut(index)
        } else {
            self.newest.as_mut().filter(|_| index == self.older.len())
        }
    }

    pub fn get(&self, index: usize) -> Option<&Sent> {
        self.older.get(index).or_else(|| self.newest.as_ref().filter(|_| index == self.older.len()))
    }

    /// Index of the first segment that reaches beyond `position`.
    pub fn first_beyond(&self, position: u64) -> usize {
        match self.older.back() {
            Some(back) if back.end() > position => self.older.partition_point(|sent| sent.end() <= position),
            _ => self.older.len() + usize::from(self.newest.is_some_and(|sent| sent.end() <= position)),
        }
    }

    /// Adds a segment behind all others.
    #[inline]
    pub fn push(&mut self, sent: Sent) {
        if let Some(before) = self.newest.replace(sent) {
            self.older.push_back(before);
        }
    }

    /// Adds a segment before the one at `index`.
    pub fn insert(&mut self, index: usize, sent: Sent) {
        if index < self.len() {
            self.older.insert(index, sent);
        } else {
            self.push(sent);
        }
    }

    /// Takes the first segment away if `condition` holds for it.
    #[inline]
    pub fn pop_if(&mut self, condition: impl Fn(&Sent) -> bool) -> Option<Sent> {
        match self.older.front() {
            Some(first) if condition(first) => self.older.pop_front(),
            Some(_) => None,
            None => self.newest.take_if(|newest| condition(newest)),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn sent(start: u64) -> Sent {
        Sent { start, len: 10, time: 0, resent: 0 }
    }

    #[test]
    fn one_segment_in_flight_takes_no_list() {
        let mut queue = Queue::default();
        for start in [0, 10, 20] {
            queue.push(sent(start));
            assert_eq!(queue.pop_if(|_| true), Some(sent(start)));
        }
        assert_eq!(queue.older.capacity(), 0);
    }

    #[test]
    fn segments_stay_ordered_wherever_they_are_put() {
        let mut queue = Queue::default();
        for start in [40, 0, 20, 60] {
            queue.insert(queue.first_beyond(start), sent(start));
        }
        assert_eq!([0, 1, 2, 3].map(|index| queue.get(index).unwrap().start), [0, 20, 40, 60]);
        assert_eq!([9, 10, 29, 45, 69, 70].map(|position| queue.first_beyond(position)), [0, 1, 1, 2, 3, 4]);
        assert_eq!(queue.pop_if(|first| first.start > 0), None);
        assert_eq!(queue.get(4), None);
    }
}
