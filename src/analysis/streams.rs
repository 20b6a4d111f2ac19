//! All connections of a capture, in bounded memory.
//!
//! Few connections are busy at a time. Those that are not rest as their own serialisation, a few hundred bytes, and are
//! taken up again when a segment comes. Past a limit the least interesting are given up: they are counted, not lost
//! sight of.

use std::collections::{HashMap, HashSet, VecDeque};
use std::net::{IpAddr, Ipv4Addr};
use std::time::Duration;

use super::connection::{Address, Connection};
use super::course::Course;
use super::findings;
use super::packing::{Packer, unpack};
use super::segment::{Segment, Side};

#[cfg(test)]
mod tests;

/// Connections that are kept ready for the next segment: so many at first, and more where they are taken up again and
/// again because so many are busy.
const READY: usize = 2048;
/// With less room nothing could be said of connections at all.
const LEAST: usize = 64;
/// The most that are kept ready.
const MOST_READY: usize = 24_576;

/// What a connection is found by: both ends, the lower first.
#[derive(Clone, Copy, PartialEq, Eq, Hash)]
enum Key {
    V4(u128),
    V6(u128, u128, u32),
}

impl Key {
    fn new(one: Address, other: Address) -> Key {
        if let (IpAddr::V4(one_ip), IpAddr::V4(other_ip)) = (one.ip, other.ip) {
            let end = |ip: Ipv4Addr, port: u16| u64::from(ip.to_bits()) << 16 | u64::from(port);
            let (one, other) = (end(one_ip, one.port), end(other_ip, other.port));
            return Key::V4(u128::from(one.min(other)) << 64 | u128::from(one.max(other)));
        }
        let (one, other) = ((bits(one.ip), one.port), (bits(other.ip), other.port));
        let (low, high) = (one.min(other), one.max(other));
        Key::V6(low.0, high.0, u32::from(low.1) << 16 | u32::from(high.1))
    }
}

fn bits(ip: IpAddr) -> u128 {
    match ip {
        IpAddr::V4(ip) => ip.to_ipv6_mapped().to_bits(),
        IpAddr::V6(ip) => ip.to_bits(),
    }
}

enum State {
    Ready(Box<Connection>),
    Resting(Box<[u8]>),
    Free,
}

struct Slot {
    key: Key,
    /// The network in which its first segment was seen, and another that one of its directions takes.
    networks: [u32; 2],
    state: State,
    /// Used since it was last looked at.
    recent: bool,
    /// What it comes to, since it rests.
    digest: Digest,
}

/// What a connection comes to, in a few numbers: enough to choose among many without taking up each.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Digest {
    /// Number of the stream.
    pub stream: u32,
    /// Segments that were sent again.
    pub again: u32,
    /// Payload bytes of both ends.
    pub bytes: u64,
    /// Packets of both ends.
    pub packets: u64,
    /// From the first to the last segment, in nanoseconds.
    pub duration: u64,
    /// The median round trips from the place of capture to both ends, in nanoseconds.
    pub round_trip: u64,
    /// It is over, and there is nothing to say of it.
    quiet: bool,
    /// Nobody answered its SYN.
    pub unanswered: bool,
    /// Another SYN opens another connection, whatever its number.
    ended: bool,
    /// The capture lacks one of its directions, or its beginning.
    pub part: Option<Part>,
}

/// What a capture has of a connection of which it has not all.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Part {
    /// One direction.
    OneDirection,
    /// Not its beginning.
    NoBeginning,
}

impl Digest {
    fn interest(&self) -> Interest {
        match self.packets {
            0..3 => Interest::Knock,
            3..20 => Interest::Short,
            _ => Interest::Full,
        }
    }

    fn of(connection: &Connection) -> Digest {
        let courses = &connection.courses;
        let again = |course: &Course| course.loss().retransmissions() + course.loss().syn.seen.count;
        let plain = |side| {
            let (odd, loss) = (connection.course(side).oddities(), connection.course(side).loss());
            let whole = loss.unseen_bytes() == 0 && loss.captured_late.seen.is_none() && loss.copies.is_none();
            odd.oversize.is_none() && odd.damage.seen.is_none() && whole
        };
        Digest {
            stream: connection.stream,
            again: courses.iter().map(again).sum(),
            bytes: courses.iter().map(|course| course.bytes).sum(),
            packets: courses.iter().map(|course| course.packets).sum(),
            duration: connection.duration(),
            round_trip: courses.iter().filter_map(|course| course.round_trips.percentile(50)).sum(),
            unanswered: connection.history.state() == "S0",
            ended: connection.sequence.is_ended(),
            part: match (connection.one_sided(), connection.is_midstream()) {
                (Some(_), _) => Some(Part::OneDirection),
                (None, true) => Some(Part::NoBeginning),
                (None, false) => None,
            },
            quiet: connection.is_over()
                && [Side::A, Side::B].into_iter().all(plain)
                && findings::of_connection(
                    connection,
                    connection.first.1 + Duration::from_nanos(connection.duration()),
                )
                .is_empty(),
        }
    }
}

/// How much a connection has to tell: who has least is given up first.
#[derive(Clone, Copy)]
enum Interest {
    /// A knock at most.
    Knock,
    /// Short.
    Short,
    /// Anything else.
    Full,
}

/// Connections that were given up.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Merged {
    /// How many.
    pub connections: u64,
    /// Their packets.
    pub packets: u64,
    /// Their payload bytes.
    pub bytes: u64,
    /// Those of them whose SYN nobody answered.
    pub unanswered: u64,
}

/// All connections of a capture.
pub struct Streams {
    index: HashMap<Key, u32>,
    /// Of the same ends in another network than that of `index`: the same connection, or one of its own.
    elsewhere: HashMap<(Key, u32), u32>,
    slots: Vec<Slot>,
    free: Vec<u32>,
    ready: VecDeque<u32>,
    /// How many may be ready.
    most_ready: usize,
    /// Those at rest by what they have to tell, the longest there first; who was woken since is still named.
    resting: [VecDeque<u32>; 3],
    most: usize,
    opened: u32,
    merged: Merged,
    last: Option<(Key, u32)>,
    packer: Packer,
    /// Space of connections that rest, for the next ones: small and large pieces of memory in turn would tear holes.
    #[expect(clippy::vec_box, reason = "a box is what is taken out, and moving it costs nothing")]
    spare: Vec<Box<Connection>>,
}

/// A segment's place.
pub struct Place<'a> {
    /// Its connection.
    pub connection: &'a mut Connection,
    /// Its sender.
    pub side: Side,
    /// It opens a connection between ports that had one before.
    pub reused: bool,
}

impl Streams {
    /// Room for `most` connections.
    pub fn new(most: usize) -> Self {
        Streams {
            index: HashMap::new(),
            elsewhere: HashMap::new(),
            slots: Vec::new(),
            free: Vec::new(),
            ready: VecDeque::new(),
            most_ready: READY.min(most.max(LEAST)),
            resting: Default::default(),
            most: most.max(LEAST),
            opened: 0,
            merged: Merged::default(),
            last: None,
            packer: Packer::default(),
            spare: Vec::new(),
        }
    }

    /// The connection of a segment, a new one where there is none or where a SYN opens one between the same ports.
    #[inline]
    pub fn place(&mut self, segment: &Segment<'_>) -> Place<'_> {
        let header = &segment.header;
        let source = Address { ip: segment.src, port: header.src_port };
        let key = Key::new(source, Address { ip: segment.dst, port: header.dst_port });
        let found = match self.last {
            Some((last, slot)) if last == key => Some(slot),
            _ => self.index.get(&key).copied(),
        };
        let (found, network) = match found {
            Some(slot) if !self.is_in(slot, segment.network) => self.elsewhere(slot, key, source, segment),
            found => (found, None),
        };
        let mut reused = false;
        let slot = match found {
            Some(slot) if header.flags.syn() && self.has_ended(slot) => {
                reused = true;
                self.open(key, network, segment)
            }
            Some(slot) if self.wake(slot) => {
                reused = header.flags.syn() && self.is_reused(slot, source, segment);
                if reused { self.open(key, network, segment) } else { slot }
            }
            _ => self.open(key, network, segment),
        };
        self.last = Some((key, slot)).filter(|_| network.is_none());
        let slot = self.slots.get_mut(slot as usize);
        let Some(Slot { state: State::Ready(connection), recent, .. }) = slot else {
            unreachable!("a slot that was opened or woken is ready");
        };
        *recent = true;
        let side = connection.side_of(source);
        Place { connection, side, reused }
    }

    fn is_in(&self, slot: u32, network: u32) -> bool {
        self.slots.get(slot as usize).is_none_or(|slot| slot.networks[0] == network)
    }

    /// Where a segment belongs whose ends are those of the connection at `slot`, and which was seen in another network
    /// than that one: to it, if a tag is on one direction only, or to one of its own, which is in that network.
    #[cold]
    fn elsewhere(&mut self, slot: u32, key: Key, source: Address, segment: &Segment<'_>) -> (Option<u32>, Option<u32>) {
        let network = segment.network;
        if let Some(known) = self.elsewhere.get(&(key, network)).copied() {
            return (Some(known), (known != slot).then_some(network));
        }
        if !self.wake(slot) {
            return (None, Some(network));
        }
        let Some(space) = self.slots.get_mut(slot as usize) else { return (None, Some(network)) };
        let State::Ready(connection) = &space.state else { return (None, Some(network)) };
        if !connection.sequence.fits(connection.side_of(source), segment) {
            return (None, Some(network));
        }
        if space.networks[1] == space.networks[0] {
            space.networks[1] = network;
            self.elsewhere.insert((key, network), slot);
        }
        (Some(slot), None)
    }

    /// The connection between two ends, if it is known.
    pub fn find(&mut self, one: Address, other: Address) -> Option<&mut Connection> {
        let slot = *self.index.get(&Key::new(one, other))?;
        if !self.wake(slot) {
            return None;
        }
        match self.slots.get_mut(slot as usize) {
            Some(Slot { state: State::Ready(connection), .. }) => Some(connection),
            _ => None,
        }
    }

    /// Whether the connection at rest there is one that a SYN leaves behind.
    fn has_ended(&self, at: u32) -> bool {
        self.slots.get(at as usize).is_some_and(|slot| matches!(slot.state, State::Resting(_)) && slot.digest.ended)
    }

    /// Whether a SYN opens another connection than the one at `slot`. The one that the other end has acknowledged does not,
    /// of an end that was not heard yet, whatever happened since: its direction was captured late.
    fn is_reused(&self, slot: u32, source: Address, segment: &Segment<'_>) -> bool {
        match self.slots.get(slot as usize) {
            Some(Slot { state: State::Ready(connection), .. }) => {
                let side = connection.side_of(source);
                let late = connection.course(side).packets == 0 && connection.base(side) == segment.header.seq;
                !late && connection.sequence.is_reused_by(side, segment.header.seq)
            }
            _ => false,
        }
    }

    /// Opens a connection; `network` is the one it is in, where another between the same ends is not.
    fn open(&mut self, key: Key, network: Option<u32>, segment: &Segment<'_>) -> u32 {
        if self.slots.len() - self.free.len() >= self.most {
            self.give_up();
        }
        let connection = Self::house(&mut self.spare, Connection::new(self.opened, segment));
        self.opened = self.opened.wrapping_add(1);
        let networks = [segment.network; 2];
        let slot = Slot { key, networks, state: State::Ready(connection), recent: true, digest: Digest::default() };
        let at = match self.free.pop() {
            Some(at) => {
                if let Some(space) = self.slots.get_mut(at as usize) {
                    *space = slot;
                }
                at
            }
            None => {
                self.slots.push(slot);
                (self.slots.len() - 1) as u32
            }
        };
        match network {
            None => self.index.insert(key, at),
            Some(network) => self.elsewhere.insert((key, network), at),
        };
        self.make_ready(at);
        at
    }

    #[expect(clippy::vec_box, reason = "as above")]
    fn house(spare: &mut Vec<Box<Connection>>, connection: Connection) -> Box<Connection> {
        match spare.pop() {
            Some(mut space) => {
                *space = connection;
                space
            }
            None => Box::new(connection),
        }
    }

    /// Makes a connection ready; false when there is none.
    #[inline]
    fn wake(&mut self, at: u32) -> bool {
        let Some(slot) = self.slots.get_mut(at as usize) else { return false };
        match &slot.state {
            State::Ready(_) => true,
            State::Free => false,
            State::Resting(bytes) => {
                let Some(connection) = unpack(bytes) else { return false };
                slot.state = State::Ready(Self::house(&mut self.spare, connection));
                self.most_ready = (self.most_ready + 1).min(MOST_READY.min(self.most));
                self.make_ready(at);
                true
            }
        }
    }

    /// Notes that a connection is ready; the one that was idle longest goes to rest.
    fn make_ready(&mut self, at: u32) {
        self.ready.push_back(at);
        while self.ready.len() > self.most_ready {
            let Some(oldest) = self.ready.pop_front() else { return };
            let Some(slot) = self.slots.get_mut(oldest as usize) else { continue };
            if slot.recent || oldest == at {
                slot.recent = oldest == at;
                self.ready.push_back(oldest);
                continue;
            }
            if let State::Ready(mut connection) = std::mem::replace(&mut slot.state, State::Free) {
                connection.rest();
                slot.digest = Digest::of(&connection);
                slot.state = State::Resting(self.packer.pack(&mut connection));
                self.spare.push(connection);
                let interest = slot.digest.interest() as usize;
                self.note_resting(interest, oldest);
            }
        }
    }

    fn note_resting(&mut self, interest: usize, at: u32) {
        let most = self.slots.len() * 2 + 64;
        let Some(queue) = self.resting.get_mut(interest) else { return };
        queue.push_back(at);
        if queue.len() > most {
            // Most of those named were woken since, and named again.
            let slots = &self.slots;
            let mut seen = HashSet::new();
            queue.retain(|at| {
                let rests = slots.get(*at as usize).is_some_and(|slot| matches!(slot.state, State::Resting(_)));
                rests && seen.insert(*at)
            });
        }
    }

    /// Gives up one connection: the one that has rested longest among those with the least to tell.
    fn give_up(&mut self) {
        let at = loop {
            let Some((interest, at)) =
                self.resting.iter_mut().enumerate().find_map(|(n, queue)| Some((n, queue.pop_front()?)))
            else {
                // All are ready: the one that became so first goes.
                match self.ready.pop_front() {
                    Some(at) => break at,
                    None => return,
                }
            };
            let slot = self.slots.get(at as usize);
            if slot.is_some_and(|slot| {
                matches!(slot.state, State::Resting(_)) && slot.digest.interest() as usize == interest
            }) {
                break at;
            }
        };
        let Some(slot) = self.slots.get_mut(at as usize) else { return };
        let digest = match std::mem::replace(&mut slot.state, State::Free) {
            State::Ready(connection) => {
                let digest = Digest::of(&connection);
                self.spare.push(connection);
                digest
            }
            State::Resting(_) | State::Free => slot.digest,
        };
        if self.index.get(&slot.key) == Some(&at) {
            self.index.remove(&slot.key);
            self.last = None;
        }
        for network in slot.networks {
            if self.elsewhere.get(&(slot.key, network)) == Some(&at) {
                self.elsewhere.remove(&(slot.key, network));
            }
        }
        self.free.push(at);
        self.merged.connections += 1;
        self.merged.packets += digest.packets;
        self.merged.bytes += digest.bytes;
        self.merged.unanswered += u64::from(digest.unanswered);
    }

    /// How many connections there were.
    pub fn opened(&self) -> u32 {
        self.opened
    }

    /// What was given up.
    pub fn merged(&self) -> Merged {
        self.merged
    }

    /// Hands a copy of every connection to `visit`.
    pub fn for_each(&self, mut visit: impl FnMut(&mut Connection)) {
        for slot in &self.slots {
            match &slot.state {
                State::Ready(connection) => visit(&mut connection.clone()),
                State::Resting(bytes) => {
                    if let Some(mut connection) = unpack(bytes) {
                        visit(&mut connection);
                    }
                }
                State::Free => {}
            }
        }
    }

    /// What every connection comes to, with a handle to take it up by.
    pub fn digests(&self) -> impl Iterator<Item = (usize, Digest)> {
        self.slots.iter().enumerate().filter_map(|(at, slot)| match &slot.state {
            State::Ready(connection) => Some((at, Digest::of(connection))),
            State::Resting(_) => Some((at, slot.digest)),
            State::Free => None,
        })
    }

    /// A copy of a connection, by its handle.
    pub fn get(&self, at: usize) -> Option<Box<Connection>> {
        match &self.slots.get(at)?.state {
            State::Ready(connection) => Some(connection.clone()),
            State::Resting(bytes) => unpack(bytes).map(Box::new),
            State::Free => None,
        }
    }

    /// Hands a copy of every connection of which there may be something to say to `visit`.
    pub fn for_each_remarkable(&self, mut visit: impl FnMut(&mut Connection)) {
        for (at, digest) in self.digests() {
            if !digest.quiet
                && let Some(mut connection) = self.get(at)
            {
                visit(&mut connection);
            }
        }
    }
}
