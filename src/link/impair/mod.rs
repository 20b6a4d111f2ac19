//! A link around a link that treats packets badly, on purpose and repeatably.
//!
//! | file       | subject |
//! |------------|---------|
//! | `spec`     | `SPEC`s as a user writes them, and which packets they choose |
//! | `classify` | what a packet is: its connection, its kind, whether it was seen before |
//!
//! Order: drop, corrupt, duplicate, reorder, delay, rate and queue. Every rule looks at every packet that is
//! offered, also at one that another rule has dropped already, so that `#3` means the same whatever else is set.

mod classify;
mod spec;

use std::collections::VecDeque;
use std::io;
use std::time::Duration;

use super::bottleneck::{Bottleneck, Rate};
use super::{Fate, Incident, Link};
use crate::capture::Direction;
use crate::random::Random;
use crate::time::Time;
use crate::wire::ip::{IPV4_HEADER, IpPacket};
use crate::wire::packet::{ChecksumState, complete_checksum};
use crate::wire::{Packet, Protocol};

use classify::Classifier;
pub use spec::{Spec, SpecError};

/// A packet that is held for reordering is let go after this long, though nobody passed it.
const HOLD_AT_MOST: Duration = Duration::from_millis(100);

/// What is done to packets.
#[derive(Clone, Debug)]
pub struct Impairments {
    /// Never arrive.
    pub drop: Vec<Spec>,
    /// Get one bit flipped.
    pub corrupt: Vec<Spec>,
    /// Arrive twice.
    pub duplicate: Vec<Spec>,
    /// Are passed by later ones.
    pub reorder: Vec<Spec>,
    /// By how many.
    pub reorder_gap: u32,
    /// All take this much longer, in each direction.
    pub delay: Duration,
    /// More or less by up to this.
    pub jitter: Duration,
    /// Pass at this rate, in each direction.
    pub rate: Rate,
    /// With this many waiting.
    pub queue: usize,
}

impl Default for Impairments {
    fn default() -> Self {
        Impairments {
            drop: Vec::new(),
            corrupt: Vec::new(),
            duplicate: Vec::new(),
            reorder: Vec::new(),
            reorder_gap: 3,
            delay: Duration::ZERO,
            jitter: Duration::ZERO,
            rate: Rate::Unlimited,
            queue: 100,
        }
    }
}

impl Impairments {
    /// True when nothing is done to any packet.
    pub fn is_none(&self) -> bool {
        let rules = [&self.drop, &self.corrupt, &self.duplicate, &self.reorder];
        rules.iter().all(|rules| rules.is_empty())
            && self.delay.is_zero()
            && self.jitter.is_zero()
            && self.rate == Rate::Unlimited
    }
}

/// A link whose packets are impaired in both directions.
pub struct Impair {
    inner: Box<dyn Link>,
    rules: Rules,
    /// Out, in.
    lanes: [Lane; 2],
    incidents: VecDeque<Incident>,
}

struct Rules {
    drop: Vec<Rule>,
    corrupt: Vec<Rule>,
    duplicate: Vec<Rule>,
    reorder: Vec<Rule>,
    reorder_gap: u32,
    delay: Duration,
    jitter: Duration,
    random: Random,
    classifier: Classifier,
}

/// A spec with what it has counted.
struct Rule {
    spec: Spec,
    name: String,
    chooser: spec::Chooser,
}

/// One direction: packets on their way through the impairment.
struct Lane {
    direction: Direction,
    bottleneck: Bottleneck,
    /// Held until enough others have passed.
    held: Vec<Held>,
    /// When the last packet came out of the delay.
    entered: Time,
    /// On their way with the time at which they come out, which never decreases.
    flying: VecDeque<(Time, Packet)>,
}

struct Held {
    packet: Packet,
    comment: String,
    passed: u32,
    until: Time,
}

impl Impair {
    /// Impairs `inner`; what is left to chance follows from `seed`.
    pub fn new(inner: Box<dyn Link>, impairments: &Impairments, seed: u64) -> Self {
        let random = Random::new(seed);
        let mut purpose = 0;
        let mut rules = |flag: &str, specs: &[Spec]| -> Vec<Rule> {
            specs
                .iter()
                .map(|spec| {
                    purpose += 1;
                    let name = format!("--{flag} {spec}");
                    Rule { spec: spec.clone(), name, chooser: spec.chooser(random.split(purpose)) }
                })
                .collect()
        };
        let lane = |direction| Lane {
            direction,
            bottleneck: Bottleneck::new(impairments.rate, impairments.queue),
            entered: Time::ZERO,
            held: Vec::new(),
            flying: VecDeque::new(),
        };
        Impair {
            inner,
            rules: Rules {
                drop: rules("drop", &impairments.drop),
                corrupt: rules("corrupt", &impairments.corrupt),
                duplicate: rules("duplicate", &impairments.duplicate),
                reorder: rules("reorder", &impairments.reorder),
                reorder_gap: impairments.reorder_gap,
                delay: impairments.delay,
                jitter: impairments.jitter,
                random: random.split(0),
                classifier: Classifier::default(),
            },
            lanes: [lane(Direction::Out), lane(Direction::In)],
            incidents: VecDeque::new(),
        }
    }

    fn send_due(&mut self, now: Time) -> io::Result<()> {
        while let Some(packet) = self.lanes[0].take_due(now, &mut self.rules, &mut self.incidents) {
            self.inner.send(now, packet)?;
        }
        Ok(())
    }
}

impl Link for Impair {
    fn send(&mut self, now: Time, packet: Packet) -> io::Result<()> {
        self.lanes[0].offer(now, packet, &mut self.rules, &mut self.incidents);
        self.send_due(now)
    }

    fn receive(&mut self, now: Time) -> io::Result<Option<Packet>> {
        self.send_due(now)?;
        while let Some(packet) = self.inner.receive(now)? {
            self.lanes[1].offer(now, packet, &mut self.rules, &mut self.incidents);
        }
        let mut packet = self.lanes[1].take_due(now, &mut self.rules, &mut self.incidents);
        if let Some(packet) = &mut packet {
            // What our TCP measures includes the time that a packet was held here.
            packet.meta.arrived = Some(now);
        }
        Ok(packet)
    }

    fn poll_timeout(&self) -> Option<Time> {
        let lanes = self.lanes.iter().filter_map(Lane::next_due);
        lanes.chain(self.inner.poll_timeout()).min()
    }

    fn poll_incident(&mut self) -> Option<Incident> {
        self.incidents.pop_front().or_else(|| self.inner.poll_incident())
    }

    fn mtu(&self) -> usize {
        self.inner.mtu()
    }

    fn flush(&mut self, now: Time) -> io::Result<()> {
        self.send_due(now)?;
        self.inner.flush(now)
    }

    fn ready(&self) -> bool {
        self.inner.ready()
    }

    fn recycle(&mut self, packet: Packet) {
        self.inner.recycle(packet);
    }

    #[cfg(unix)]
    fn waits(&self) -> Vec<super::Wait> {
        self.inner.waits()
    }

    fn poll_warning(&mut self) -> Option<String> {
        self.inner.poll_warning()
    }

    fn dropped_before_us(&mut self) -> u64 {
        self.inner.dropped_before_us()
    }
}

impl Rules {
    /// Asks every rule of a kind; the name of the first that chooses the packet.
    fn ask(rules: &mut [Rule], direction: Direction, class: &classify::Class) -> Option<String> {
        let mut chosen = None;
        for rule in rules {
            if class.begins {
                rule.chooser.forget(class.flow);
            }
            if rule.spec.matches(direction, class) && rule.chooser.choose(class.flow, direction) {
                chosen.get_or_insert_with(|| rule.name.clone());
            }
        }
        chosen
    }
}

impl Lane {
    fn offer(&mut self, now: Time, mut packet: Packet, rules: &mut Rules, incidents: &mut VecDeque<Incident>) {
        let direction = self.direction;
        let class = rules.classifier.classify(direction, &packet);
        let dropped = Rules::ask(&mut rules.drop, direction, &class);
        let corrupted = Rules::ask(&mut rules.corrupt, direction, &class);
        let duplicated = Rules::ask(&mut rules.duplicate, direction, &class);
        let reordered = Rules::ask(&mut rules.reorder, direction, &class);
        let mut tell = |fate: Fate, packet: &Packet, comment: String| {
            incidents.push_back(Incident { time: now, direction, fate, packet: packet.clone(), comment });
        };
        if let Some(by) = dropped {
            tell(Fate::Dropped, &packet, format!("dropped by {by}"));
            return;
        }
        if let Some(by) = corrupted {
            complete_checksum(&mut packet);
            let original = packet.clone();
            let in_ip_header = rules.corrupt.iter().any(|rule| rule.name == by && rule.spec.in_ip_header());
            let bit = flip(&mut packet, in_ip_header, &mut rules.random);
            tell(Fate::Corrupted, &original, format!("corrupted by {by}: bit {} of byte {} flipped", bit % 8, bit / 8));
        }
        if let Some(by) = duplicated {
            tell(Fate::Duplicated, &packet, format!("duplicated by {by}"));
            self.fly(now, packet.clone(), rules, incidents);
        }
        match reordered {
            Some(by) => {
                let comment = format!("reordered by {by}: held until {} later ones have passed", rules.reorder_gap);
                if direction == Direction::In {
                    // It has arrived; our TCP will see it later.
                    let packet = packet.clone();
                    incidents.push_back(Incident {
                        time: now,
                        direction,
                        fate: Fate::Reordered,
                        packet,
                        comment: comment.clone(),
                    });
                }
                self.held.push(Held { packet, comment, passed: 0, until: now + HOLD_AT_MOST });
            }
            None => {
                self.fly(now, packet, rules, incidents);
                for held in &mut self.held {
                    held.passed += 1;
                }
            }
        }
        self.let_go(now, rules, incidents);
    }

    /// Lets those go that enough have passed, or that have been held too long.
    fn let_go(&mut self, now: Time, rules: &mut Rules, incidents: &mut VecDeque<Incident>) {
        let gap = rules.reorder_gap;
        while let Some(at) = self.held.iter().position(|held| held.passed >= gap || held.until <= now) {
            let held = self.held.remove(at);
            if self.direction == Direction::Out {
                incidents.push_back(Incident {
                    time: now,
                    direction: self.direction,
                    fate: Fate::Reordered,
                    packet: held.packet.clone(),
                    comment: held.comment,
                });
            }
            self.fly(now, held.packet, rules, incidents);
        }
    }

    /// Delay, then rate and queue. Jitter alone never lets a packet pass another.
    fn fly(&mut self, now: Time, packet: Packet, rules: &mut Rules, incidents: &mut VecDeque<Incident>) {
        let spread = rules.jitter.as_nanos() as u64;
        let shift = if spread == 0 { 0 } else { rules.random.below(2 * spread + 1) };
        let delay = (rules.delay + Duration::from_nanos(shift)).saturating_sub(rules.jitter);
        let entered = (now + delay).max(self.entered);
        let Some(due) = self.bottleneck.offer(entered, packet.bytes.len()) else {
            incidents.push_back(Incident {
                time: now,
                direction: self.direction,
                fate: Fate::QueueFull,
                packet,
                comment: "dropped by a full queue (--link-rate, --queue)".into(),
            });
            return;
        };
        self.entered = entered;
        if !delay.is_zero() {
            incidents.push_back(Incident {
                time: if self.direction == Direction::In { now } else { due },
                direction: self.direction,
                fate: Fate::Delayed,
                packet: packet.clone(),
                comment: format!("delayed by --delay: {}", humantime::format_duration(delay)),
            });
        }
        self.flying.push_back((due, packet));
    }

    fn take_due(&mut self, now: Time, rules: &mut Rules, incidents: &mut VecDeque<Incident>) -> Option<Packet> {
        self.let_go(now, rules, incidents);
        if self.flying.front().is_some_and(|(due, _)| *due <= now) {
            return self.flying.pop_front().map(|(_, packet)| packet);
        }
        None
    }

    fn next_due(&self) -> Option<Time> {
        let held = self.held.iter().map(|held| held.until);
        held.chain(self.flying.front().map(|(due, _)| *due)).min()
    }
}

/// Flips one bit where a checksum covers it, and says which, counted from the start of the packet.
fn flip(packet: &mut Packet, in_ip_header: bool, random: &mut Random) -> usize {
    let len = packet.bytes.len();
    let (header_len, v6) = match IpPacket::parse(&packet.bytes) {
        Ok(ip) if ip.protocol == Protocol::TCP => (ip.header_len, ip.dst.is_ipv6()),
        _ => (IPV4_HEADER.min(len), false),
    };
    // IPv6 has no header checksum; the addresses are covered by TCP's, as part of the pseudo-header.
    let (start, end) = match (in_ip_header, v6) {
        (true, true) => (8, header_len),
        (true, false) => (0, header_len),
        (false, _) => (header_len, len),
    };
    let bit = start * 8 + random.below(((end - start) * 8) as u64) as usize;
    if let Some(byte) = packet.bytes.get_mut(bit / 8) {
        *byte ^= 0x80 >> (bit % 8);
    }
    packet.meta.checksum = ChecksumState::Unknown;
    bit
}

#[cfg(test)]
mod tests;
