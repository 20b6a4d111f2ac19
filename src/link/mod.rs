//! Packets in and out. A link knows packets and never connections.
//!
//! | file       | subject |
//! |------------|---------|
//! | `sim`      | two hosts joined by a simulated wire, under virtual time |
//! | `raw/`     | this host's own addresses, our segments beside the kernel's (Linux) |
//! | `impair/`  | a link around a link that drops, corrupts, duplicates, reorders and delays |
//! | `record`   | an observer that writes what passes to a capture |
//! | `bottleneck` | a rate with a queue before it |
//! | `sys/`     | system calls: the only unsafe code |

#![cfg_attr(not(test), deny(clippy::indexing_slicing, clippy::unwrap_used, clippy::expect_used, clippy::panic))]

pub mod bottleneck;
pub mod impair;
#[cfg(target_os = "linux")]
pub mod raw;
pub mod record;
pub mod sim;
#[cfg(target_os = "linux")]
pub mod sys;

use std::io;

use crate::capture::Direction;
use crate::time::Time;
use crate::wire::{Outgoing, Packet};

/// Something that carries IP packets.
pub trait Link: Send {
    /// Sends a packet. A packet that cannot be sent now is lost, as on any wire; errors are for links that are
    /// broken for good.
    fn send(&mut self, now: Time, packet: Packet) -> io::Result<()>;

    /// Sends a super-segment. A link that cannot pass it on whole sends the packets that it makes.
    fn transmit(&mut self, now: Time, outgoing: Outgoing) -> io::Result<()> {
        outgoing.packets().try_for_each(|packet| self.send(now, packet))
    }

    /// Nothing more will be sent for now: what was gathered leaves.
    fn flush(&mut self, _now: Time) -> io::Result<()> {
        Ok(())
    }

    /// False while the link has more than it can send: then nothing should be given to it, and time be given to
    /// [`Link::flush`].
    fn ready(&self) -> bool {
        true
    }

    /// The next packet that has arrived by `now`.
    fn receive(&mut self, now: Time) -> io::Result<Option<Packet>>;

    /// Takes back a packet that was received, for its memory.
    fn recycle(&mut self, _packet: Packet) {}

    /// When the link itself wants to be asked again: a packet will have arrived, or one that is held is due.
    fn poll_timeout(&self) -> Option<Time> {
        None
    }

    /// The next thing that happened to a packet on the way.
    fn poll_incident(&mut self) -> Option<Incident> {
        None
    }

    /// The largest IP packet carried, in bytes.
    fn mtu(&self) -> usize;

    /// What ends a wait: file descriptors with something to receive, or with room to send.
    #[cfg(unix)]
    fn waits(&self) -> Vec<Wait> {
        Vec::new()
    }

    /// Packets that the operating system dropped before we could see them.
    fn dropped_before_us(&mut self) -> u64 {
        0
    }

    /// Something about the link that its user should know, said once.
    fn poll_warning(&mut self) -> Option<String> {
        None
    }
}

/// A file descriptor to wait for.
#[cfg(unix)]
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Wait {
    /// The descriptor.
    pub descriptor: std::os::fd::RawFd,
    /// Until something can be written to it, rather than read.
    pub to_write: bool,
}

/// What was done to a packet.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Fate {
    /// It never arrived.
    Dropped,
    /// A bit of it was flipped.
    Corrupted,
    /// It was carried twice.
    Duplicated,
    /// Later ones passed it.
    Reordered,
    /// It was held back for a time.
    Delayed,
    /// A full queue dropped it.
    QueueFull,
}

impl Fate {
    /// All of them, in the order in which impairments are applied.
    pub const ALL: [Fate; 6] =
        [Fate::Dropped, Fate::Corrupted, Fate::Duplicated, Fate::Reordered, Fate::Delayed, Fate::QueueFull];

    /// As the summary says it.
    pub const fn name(self) -> &'static str {
        match self {
            Fate::Dropped => "dropped",
            Fate::Corrupted => "corrupted",
            Fate::Duplicated => "duplicated",
            Fate::Reordered => "reordered",
            Fate::Delayed => "delayed",
            Fate::QueueFull => "dropped by a full queue",
        }
    }
}

/// Something that happened to a packet between our TCP and the wire.
#[derive(Clone, Debug)]
pub struct Incident {
    /// When.
    pub time: Time,
    /// Which way the packet went.
    pub direction: Direction,
    /// What happened.
    pub fate: Fate,
    /// The packet, before a bit of it was flipped.
    pub packet: Packet,
    /// What did it, in the user's words: `dropped by --drop data:#2`.
    pub comment: String,
}

/// Sees every packet at our TCP's side: outgoing before impairment, incoming after it.
pub trait Observer: Send {
    /// A packet passed. `note` is what the state machine knew or made of it.
    fn on_packet(&mut self, now: Time, direction: Direction, packet: &Packet, note: Option<&str>) -> io::Result<()>;

    /// Something happened to a packet on the way.
    fn on_incident(&mut self, incident: &Incident) -> io::Result<()>;

    /// Nothing will happen for a while: what is buffered should be safe now.
    fn flush(&mut self) -> io::Result<()>;
}
