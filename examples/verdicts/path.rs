//! The path as a model: what becomes of each packet, decided from its bytes, the time and a seed alone.

use serde::{Deserialize, Serialize};
use tcpkit::random::Random;
use tcpkit::wire::icmp::{self, IcmpKind};

use super::addresses::{ROUTER, ROUTER_V6};
use super::frames::{self, ETHERNET, Places, SYN};
use super::plan::{Path, Strip, Trouble, Way};

/// What was done to the packets of one way: the truth that a label tells.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct Done {
    /// Packets that came.
    #[serde(skip_serializing_if = "is_zero")]
    pub packets: u64,
    /// Of these, with data.
    #[serde(skip_serializing_if = "is_zero")]
    pub data: u64,
    /// Lost at random.
    #[serde(skip_serializing_if = "is_zero")]
    pub lost: u64,
    /// Lost at random, without data.
    #[serde(skip_serializing_if = "is_zero")]
    pub lost_acks: u64,
    /// Lost in the bad state.
    #[serde(skip_serializing_if = "is_zero")]
    pub lost_in_bursts: u64,
    /// Dropped because the queue was full.
    #[serde(skip_serializing_if = "is_zero")]
    pub overflowed: u64,
    /// Dropped by the policer.
    #[serde(skip_serializing_if = "is_zero")]
    pub policed: u64,
    /// Held back.
    #[serde(skip_serializing_if = "is_zero")]
    pub held: u64,
    /// Left after a packet that came later.
    #[serde(skip_serializing_if = "is_zero")]
    pub overtaken: u64,
    /// Sent twice.
    #[serde(skip_serializing_if = "is_zero")]
    pub duplicated: u64,
    /// Damaged.
    #[serde(skip_serializing_if = "is_zero")]
    pub corrupted: u64,
    /// Too large to pass.
    #[serde(skip_serializing_if = "is_zero")]
    pub too_large: u64,
    /// SYN or SYN-ACK dropped.
    #[serde(skip_serializing_if = "is_zero")]
    pub lost_syns: u64,
    /// Dropped because the path was cut or the connection forgotten.
    #[serde(skip_serializing_if = "is_zero")]
    pub swallowed: u64,
    /// Held while the way stood still.
    #[serde(skip_serializing_if = "is_zero")]
    pub frozen: u64,
    /// Options overwritten.
    #[serde(skip_serializing_if = "is_zero")]
    pub stripped: u64,
    /// Resets or ICMP messages made.
    #[serde(skip_serializing_if = "is_zero")]
    pub made: u64,
    /// The longest wait before the bottleneck, in microseconds.
    #[serde(skip_serializing_if = "is_zero")]
    pub longest_wait_us: u64,
    /// For how long a packet may have waited for the forwarder itself, in microseconds: what the machine adds.
    #[serde(skip_serializing_if = "is_zero")]
    pub late_us: u64,
}

fn is_zero(count: &u64) -> bool {
    *count == 0
}

/// A packet on its way out.
#[derive(Debug)]
pub struct Leaving {
    /// 0 to the server, 1 to the client.
    pub way: usize,
    /// When, in nanoseconds.
    pub due: u64,
    /// Its place among the segments of this way as they came; 0 for what is not counted.
    pub order: u64,
    /// The frame.
    pub frame: Vec<u8>,
}

/// Both ways.
pub struct Model {
    path: Path,
    sides: [Side; 2],
    begun: Option<u64>,
    last: u64,
    bytes: u64,
    gone: bool,
}

struct Side {
    random: Random,
    done: Done,
    free_at: u64,
    bad: bool,
    tokens: f64,
    refilled: u64,
    bytes: u64,
    frozen_until: Option<u64>,
    order: u64,
    left: u64,
}

/// Whether a packet goes on.
enum Fate {
    Passes,
    Ends,
}

impl Model {
    /// A path at rest.
    pub fn new(path: Path) -> Model {
        let random = Random::new(path.seed);
        let side = |purpose, way: &Way| Side {
            random: random.split(purpose),
            done: Done::default(),
            free_at: 0,
            bad: false,
            tokens: way.policer.as_ref().map_or(0.0, |policer| policer.burst as f64),
            refilled: 0,
            bytes: 0,
            frozen_until: None,
            order: 0,
            left: 0,
        };
        let sides = [side(1, &path.up), side(2, &path.down)];
        Model { path, sides, begun: None, last: 0, bytes: 0, gone: false }
    }

    /// What was done, to the server and to the client.
    pub fn done(&self) -> [Done; 2] {
        [self.sides[0].done.clone(), self.sides[1].done.clone()]
    }

    /// A packet has left.
    pub fn left(&mut self, way: usize, order: u64) {
        let side = &mut self.sides[way];
        if order > 0 {
            side.done.overtaken += u64::from(order < side.left);
            side.left = side.left.max(order);
        }
    }

    /// A frame came at `now` that goes `way`.
    pub fn pass(&mut self, way: usize, now: u64, mut frame: Vec<u8>) -> Vec<Leaving> {
        let mut out = Vec::new();
        let Some(places) = frames::places(&frame) else {
            let delay = self.way(way).delay_us * 1000;
            out.push(Leaving { way, due: now + delay, order: 0, frame });
            return out;
        };
        self.sides[way].done.packets += 1;
        self.sides[way].done.data += u64::from(places.len() > 0);
        let begun = *self.begun.get_or_insert(now);
        if let Fate::Ends = self.trouble(way, now, begun, &frame, places, &mut out) {
            self.last = now;
            return out;
        }
        self.last = now;
        self.bytes += places.len() as u64;
        if let Fate::Ends = self.lose(way, now, &frame, places, &mut out) {
            return out;
        }
        self.change(way, &mut frame, places);
        self.carry(way, now, frame, places, &mut out);
        out
    }

    fn way(&self, way: usize) -> &Way {
        if way == 0 { &self.path.up } else { &self.path.down }
    }

    /// What a box does to the whole connection.
    fn trouble(
        &mut self,
        way: usize,
        now: u64,
        begun: u64,
        frame: &[u8],
        places: Places,
        out: &mut Vec<Leaving>,
    ) -> Fate {
        let Some(trouble) = self.path.trouble.clone() else { return Fate::Passes };
        let side = &mut self.sides[way];
        match trouble {
            _ if self.gone => {
                side.done.swallowed += 1;
                if let Trouble::Forget { resets: true, .. } = trouble
                    && let Some(frame) = frames::reset(frame, true, 64)
                {
                    side.done.made += 1;
                    out.push(Leaving { way: 1 - way, due: now + 300_000, order: 0, frame });
                }
                return Fate::Ends;
            }
            Trouble::CutAfterBytes(bytes) => self.gone = self.bytes >= bytes,
            Trouble::CutAfterMs(ms) => self.gone = now - begun >= ms * 1_000_000,
            Trouble::Forget { after_ms, .. } => self.gone = self.last > 0 && now - self.last >= after_ms * 1_000_000,
            Trouble::Reset { after_bytes, ttl } => {
                if self.bytes >= after_bytes && places.len() > 0 {
                    self.gone = true;
                    side.done.made += 1;
                    // In its place behind what is under way: only then has it the number that its receiver expects.
                    for back in [false, true] {
                        let Some(reset) = frames::reset(frame, back, ttl) else { continue };
                        let Some(places) = frames::places(&reset) else { continue };
                        self.carry(if back { 1 - way } else { way }, now, reset, places, out);
                    }
                    return Fate::Ends;
                }
            }
            Trouble::Unreachable(code) => {
                let kind = match code {
                    1 => IcmpKind::NoRoute,
                    3 => IcmpKind::PortUnreachable,
                    _ => IcmpKind::Prohibited,
                };
                side.done.made += 1;
                side.done.swallowed += 1;
                let due = now + self.way(1 - way).delay_us * 1000;
                out.extend(told(frame, places, kind).map(|frame| Leaving { way: 1 - way, due, order: 0, frame }));
                return Fate::Ends;
            }
        }
        if self.gone { self.trouble(way, now, begun, frame, places, out) } else { Fate::Passes }
    }

    /// Whether the packet is lost before the bottleneck.
    fn lose(&mut self, way: usize, now: u64, frame: &[u8], places: Places, out: &mut Vec<Leaving>) -> Fate {
        let spec = self.way(way).clone();
        let side = &mut self.sides[way];
        let (flags, data) = (places.flags(frame), places.len() > 0);
        if flags & SYN != 0 {
            if side.done.lost_syns < u64::from(spec.lose_syns) {
                side.done.lost_syns += 1;
                return Fate::Ends;
            }
            return Fate::Passes;
        }
        if spec.largest.is_some_and(|largest| frame.len() - ETHERNET > largest) {
            side.done.too_large += 1;
            if spec.says_too_big {
                let mtu = spec.largest.unwrap_or_default() as u32;
                side.done.made += 1;
                let due = now + 200_000;
                out.extend(told(frame, places, IcmpKind::TooBig { mtu }).map(|frame| Leaving {
                    way: 1 - way,
                    due,
                    order: 0,
                    frame,
                }));
            }
            return Fate::Ends;
        }
        if !data {
            let lost = side.random.chance(spec.ack_loss);
            side.done.lost_acks += u64::from(lost);
            return if lost { Fate::Ends } else { Fate::Passes };
        }
        if side.random.chance(spec.loss) {
            side.done.lost += 1;
            return Fate::Ends;
        }
        if let Some(burst) = &spec.burst {
            let turn = if side.bad { burst.leave } else { burst.enter };
            side.bad ^= side.random.chance(turn);
            if side.bad && side.random.chance(burst.loss) {
                side.done.lost_in_bursts += 1;
                return Fate::Ends;
            }
        }
        if let Some(policer) = &spec.policer {
            let more = (now - side.refilled.min(now)) as f64 * policer.rate as f64 / 8e9;
            side.refilled = now;
            side.tokens = (side.tokens + more).min(policer.burst as f64);
            if side.tokens < frame.len() as f64 {
                side.done.policed += 1;
                return Fate::Ends;
            }
            side.tokens -= frame.len() as f64;
        }
        Fate::Passes
    }

    /// Flips a bit, overwrites options.
    fn change(&mut self, way: usize, frame: &mut [u8], places: Places) {
        let spec = self.way(way).clone();
        let side = &mut self.sides[way];
        let syn = places.flags(frame) & SYN != 0;
        let kind = match spec.strip {
            Some(Strip::TimestampsLater) if !syn => Some(8),
            Some(Strip::Timestamps) if syn => Some(8),
            Some(Strip::WindowScale) if syn => Some(3),
            Some(Strip::Sack) if syn => Some(4),
            _ => None,
        };
        side.done.stripped += u64::from(kind.is_some_and(|kind| frames::strip(frame, kind)));
        if places.len() > 0 && side.random.chance(spec.corrupt) {
            let at = places.payload + side.random.below(places.len() as u64) as usize;
            let bit = side.random.below(8);
            if let Some(byte) = frame.get_mut(at) {
                *byte ^= 1 << bit;
                side.done.corrupted += 1;
            }
        }
    }

    /// Through the queue and over the line.
    fn carry(&mut self, way: usize, now: u64, frame: Vec<u8>, places: Places, out: &mut Vec<Leaving>) {
        let spec = self.way(way).clone();
        let side = &mut self.sides[way];
        let data = places.len() > 0;
        side.bytes += places.len() as u64;
        let mut ready = side.free_at.max(now);
        if let Some(freeze) = &spec.freeze
            && side.bytes >= freeze.after_bytes
        {
            let until = *side.frozen_until.get_or_insert(now + freeze.for_ms * 1_000_000);
            side.done.frozen += u64::from(until > now);
            ready = ready.max(until);
        }
        if spec.rate > 0 {
            let backlog = (ready - now) as u128 * u128::from(spec.rate) / 8_000_000_000;
            if side.frozen_until.is_none_or(|until| until <= now)
                && backlog as u64 + frame.len() as u64 > spec.queue.max(3200)
            {
                side.done.overflowed += 1;
                return;
            }
            side.done.longest_wait_us = side.done.longest_wait_us.max((ready - now) / 1000);
            ready += frame.len() as u64 * 8_000_000_000 / spec.rate;
        }
        side.free_at = ready;
        let mut due = ready + spec.delay_us * 1000;
        if let Some(reorder) = &spec.reorder
            && data
            && side.random.chance(reorder.share)
        {
            side.done.held += 1;
            due += reorder.hold_us * 1000;
        }
        if data && side.random.chance(spec.duplicate) {
            side.done.duplicated += 1;
            let later = 20_000 + side.random.below(800_000);
            out.push(Leaving { way, due: due + later, order: 0, frame: frame.clone() });
        }
        side.order += 1;
        out.push(Leaving { way, due, order: side.order, frame });
    }
}

/// An ICMP error about `frame`, from the router to who sent it.
fn told(frame: &[u8], places: Places, kind: IcmpKind) -> Option<Vec<u8>> {
    let router = if places.v6 { ROUTER_V6.parse() } else { ROUTER.parse() };
    let packet = icmp::write(kind, router.ok()?, frame.get(ETHERNET..)?).ok()?;
    let mut out = Vec::with_capacity(ETHERNET + packet.len());
    out.extend_from_slice(&frame[6..12]);
    out.extend_from_slice(&frame[0..6]);
    out.extend_from_slice(&frame[12..14]);
    out.extend_from_slice(&packet);
    Some(out)
}
