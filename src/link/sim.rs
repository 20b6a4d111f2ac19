//! Two hosts joined by a simulated wire. Time is whatever the driver says, so an hour takes no longer than the
//! packets in it.

use std::collections::VecDeque;
use std::io;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use super::bottleneck::{Bottleneck, Rate};
use super::{Fate, Incident, Link};
use crate::capture::Direction;
use crate::time::Time;
use crate::wire::Packet;

/// What joins the hosts; the same in both directions.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct WireConfig {
    /// One-way latency.
    pub latency: Duration,
    /// Rate.
    pub rate: Rate,
    /// Packets that wait for their turn at most.
    pub queue: usize,
    /// The largest IP packet, in bytes.
    pub mtu: usize,
}

impl Default for WireConfig {
    /// A decent line: 10 ms each way, 100 Mbit/s, 100 packets of queue, 1500 bytes.
    fn default() -> Self {
        WireConfig { latency: Duration::from_millis(10), rate: Rate::BitsPerSecond(100_000_000), queue: 100, mtu: 1500 }
    }
}

/// One end of the wire.
pub struct Port {
    wire: Arc<Mutex<Wire>>,
    /// 0 or 1.
    end: usize,
    config: WireConfig,
}

struct Wire {
    /// Towards end 0 and towards end 1.
    lanes: [Lane; 2],
    /// What the queues dropped, as end 0 sees it.
    incidents: VecDeque<Incident>,
}

struct Lane {
    bottleneck: Bottleneck,
    /// Packets with their arrival times, which never decrease.
    flying: VecDeque<(Time, Packet)>,
}

impl Wire {
    fn towards(&mut self, end: usize) -> &mut Lane {
        let [first, second] = &mut self.lanes;
        if end == 0 { first } else { second }
    }
}

/// Joins two hosts. The first end is the one whose view [`Link::poll_incident`] gives.
pub fn wire(config: WireConfig) -> (Port, Port) {
    let lane = || Lane { bottleneck: Bottleneck::new(config.rate, config.queue), flying: VecDeque::new() };
    let wire = Arc::new(Mutex::new(Wire { lanes: [lane(), lane()], incidents: VecDeque::new() }));
    (Port { wire: wire.clone(), end: 0, config }, Port { wire, end: 1, config })
}

impl Link for Port {
    fn send(&mut self, now: Time, packet: Packet) -> io::Result<()> {
        let mut wire = self.wire.lock().unwrap_or_else(PoisonError::into_inner);
        let lane = wire.towards(1 - self.end);
        match lane.bottleneck.offer(now, packet.bytes.len()) {
            Some(departure) => lane.flying.push_back((departure + self.config.latency, packet)),
            None => wire.incidents.push_back(Incident {
                time: now,
                direction: if self.end == 0 { Direction::Out } else { Direction::In },
                fate: Fate::QueueFull,
                packet,
                comment: format!("dropped by the simulated wire: {} packets wait already", self.config.queue),
            }),
        }
        Ok(())
    }

    fn receive(&mut self, now: Time) -> io::Result<Option<Packet>> {
        let mut wire = self.wire.lock().unwrap_or_else(PoisonError::into_inner);
        let flying = &mut wire.towards(self.end).flying;
        if flying.front().is_none_or(|(arrival, _)| *arrival > now) {
            return Ok(None);
        }
        Ok(flying.pop_front().map(|(arrival, mut packet)| {
            packet.meta.arrived = Some(arrival);
            packet
        }))
    }

    fn poll_timeout(&self) -> Option<Time> {
        let mut wire = self.wire.lock().unwrap_or_else(PoisonError::into_inner);
        wire.towards(self.end).flying.front().map(|(arrival, _)| *arrival)
    }

    fn poll_incident(&mut self) -> Option<Incident> {
        if self.end != 0 {
            return None;
        }
        self.wire.lock().unwrap_or_else(PoisonError::into_inner).incidents.pop_front()
    }

    fn mtu(&self) -> usize {
        self.config.mtu
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn packets_arrive_after_serialisation_and_latency_and_a_full_queue_is_told() {
        let config = WireConfig { queue: 0, rate: Rate::BitsPerSecond(8_000_000), ..WireConfig::default() };
        let (mut a, mut b) = wire(config);
        a.send(Time::ZERO, Packet::new(vec![0; 1000])).unwrap();
        a.send(Time::ZERO, Packet::new(vec![1; 1000])).unwrap();
        // 1000 bytes at 8 Mbit/s take 1 ms, then 10 ms of latency.
        let at = Time::ZERO + Duration::from_millis(11);
        assert_eq!(b.poll_timeout(), Some(at));
        assert_eq!(b.receive(at - Duration::from_nanos(1)).unwrap(), None);
        assert_eq!(b.receive(at).unwrap().unwrap().meta.arrived, Some(at));
        assert_eq!(b.poll_timeout(), None);
        assert_eq!(a.poll_incident().unwrap().fate, Fate::QueueFull);
    }
}
