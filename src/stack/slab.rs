//! Connections by id.

use std::net::SocketAddr;

use crate::tcp::Connection;
use crate::time::Time;

/// Names a connection of one stack. An id is never used again, so a stale one finds nothing.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct ConnId {
    index: u32,
    generation: u32,
}

/// A connection and what the stack keeps about it.
#[derive(Debug)]
pub struct Slot {
    pub connection: Connection,
    /// The deadline that stands in the stack's list.
    pub deadline: Option<Time>,
    /// It stands in the list of those that may send.
    pub queued: bool,
    /// Its user has let go.
    pub released: bool,
    /// The listener it came in by, until it is accepted.
    pub parent: Option<SocketAddr>,
}

/// All connections.
#[derive(Debug, Default)]
pub struct Slab {
    slots: Vec<(u32, Option<Slot>)>,
    free: Vec<u32>,
}

impl Slab {
    pub fn insert(&mut self, connection: Connection, parent: Option<SocketAddr>) -> ConnId {
        let slot = Slot { connection, deadline: None, queued: false, released: false, parent };
        let index = self.free.pop().unwrap_or(self.slots.len() as u32);
        match self.slots.get_mut(index as usize) {
            Some((generation, space)) => {
                *generation += 1;
                *space = Some(slot);
                ConnId { index, generation: *generation }
            }
            None => {
                self.slots.push((0, Some(slot)));
                ConnId { index, generation: 0 }
            }
        }
    }

    pub fn get(&self, id: ConnId) -> Option<&Slot> {
        let (generation, slot) = self.slots.get(id.index as usize)?;
        slot.as_ref().filter(|_| *generation == id.generation)
    }

    pub fn get_mut(&mut self, id: ConnId) -> Option<&mut Slot> {
        let (generation, slot) = self.slots.get_mut(id.index as usize)?;
        slot.as_mut().filter(|_| *generation == id.generation)
    }

    pub fn remove(&mut self, id: ConnId) {
        if self.get(id).is_some()
            && let Some((_, slot)) = self.slots.get_mut(id.index as usize)
        {
            *slot = None;
            self.free.push(id.index);
        }
    }

    pub fn iter(&self) -> impl Iterator<Item = (ConnId, &Slot)> {
        self.slots.iter().enumerate().filter_map(|(index, (generation, slot))| {
            Some((ConnId { index: index as u32, generation: *generation }, slot.as_ref()?))
        })
    }
}
