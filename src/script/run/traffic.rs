//! Packets in and out: what arrives for which connection, and what leaves against the line that expects it.

use std::net::SocketAddr;
use std::time::Duration;

use super::compare::{Difference, StampRule, differences};
use super::flow::Flow;
use super::mismatch::Mismatch;
use super::packets::{self, Segment};
use super::render;
use super::runner::{MOST_STEPS, Runner, Step};
use super::telling::{seconds, shown_like, when};
use super::world::Departed;
use crate::capture::Direction;
use crate::script::syntax::tree::{Body, Event, OptionSpec, PacketSpec, TcpSpec, When};
use crate::time::Time;
use crate::wire::Flags;

/// How long after its time a packet is still waited for, to say by how much it is late.
pub const PATIENCE: Duration = Duration::from_secs(2);

impl<'a> Runner<'a> {
    pub(super) fn inject(&mut self, event: &'a Event, spec: &PacketSpec, more: bool) -> Step {
        let index = self.flow_of(spec);
        self.learn_isn(index);
        let now = self.world.now();
        let bytes = match &spec.body {
            Body::Tcp(tcp) => {
                if tcp.flags.syn()
                    && let Some(flow) = self.flows.get_mut(index).filter(|flow| !flow.peer.is_open())
                {
                    flow.remote_isn = tcp.seq;
                }
                let Some(flow) = self.flows.get(index) else { return Ok(()) };
                packets::segment(flow, &spec.ip, spec.ports, tcp)
            }
            Body::Icmp(icmp) => {
                let Some(flow) = self.flows.get(index) else { return Ok(()) };
                packets::icmp_error(flow, &spec.ip, icmp).map_err(|reason| self.unsupported(event, reason))?
            }
        };
        if let (Body::Tcp(tcp), Some(flow)) = (&spec.body, self.flows.get_mut(index)) {
            let segment =
                Segment { ip: spec.ip, src: flow.remote, dst: flow.local, tcp: tcp.clone(), payload: Vec::new() };
            flow.peer.sent(&segment);
        }
        let kept = self.trace.then(|| bytes.clone());
        let note = self.world.deliver(bytes, more);
        self.after_step();
        if let Some(bytes) = kept {
            let text = format!("< {}", render::packet(spec));
            self.note(now, event.line, text, Some((Direction::In, bytes)), note.unwrap_or_default());
        }
        self.try_pending()
    }

    /// Our SYN has left and no line has looked at it: it counts from 0 then, so that what follows makes sense.
    fn learn_isn(&mut self, index: usize) {
        let Some(flow) = self.flows.get_mut(index).filter(|flow| flow.local_isn.is_none()) else { return };
        let segments = self.world.departed.iter().filter_map(|departed| Segment::read(&departed.bytes).ok().flatten());
        let ours =
            |segment: &Segment| segment.src == flow.local && segment.dst == flow.remote && segment.tcp.flags.syn();
        if let Some(syn) = segments.into_iter().find(ours) {
            flow.local_isn = Some(0);
            flow.local_offset = syn.tcp.seq;
        }
    }

    /// The flow that a packet of the peer's belongs to, made if need be.
    fn flow_of(&mut self, spec: &PacketSpec) -> usize {
        self.meet_opened();
        if let Some((src, dst)) = spec.ports {
            self.awaiting = false;
            let known = self.flows.iter().rposition(|flow| flow.remote.port() == src && flow.local.port() == dst);
            let syn = matches!(&spec.body, Body::Tcp(tcp) if tcp.flags.syn() && !tcp.flags.ack());
            if let Some(index) = known {
                self.current = Some(index);
                return index;
            }
            let local = SocketAddr::new(self.settings.local, dst);
            let remote = SocketAddr::new(self.settings.remote, src);
            let before = self.current;
            let index = self.add_flow(Flow::new(local, remote, self.settings.remote_isn));
            if !syn {
                // A stranger's segment: what the script goes on about is the connection there was.
                self.current = before.or(self.current);
            }
            return index;
        }
        match self.current.filter(|_| !std::mem::take(&mut self.awaiting)) {
            Some(index) => index,
            None => {
                self.awaiting = false;
                let remote = SocketAddr::new(self.settings.remote, self.next_port);
                self.next_port += 1;
                self.add_flow(Flow::new(self.settings.bind_address(), remote, self.settings.remote_isn))
            }
        }
    }

    fn add_flow(&mut self, flow: Flow) -> usize {
        self.flows.push(flow);
        let index = self.flows.len() - 1;
        self.current = Some(index);
        index
    }

    pub(super) fn flow_index(&self, segment: &Segment) -> Option<usize> {
        self.flows.iter().rposition(|flow| flow.local == segment.src && flow.remote == segment.dst)
    }

    pub(super) fn expect(
        &mut self,
        event: &'a Event,
        spec: &PacketSpec,
        from: Time,
        to: Time,
        tolerance: Duration,
    ) -> Step {
        let Body::Tcp(tcp) = &spec.body else { return Ok(()) };
        let any = matches!(event.when, When::Any);
        let limit = if any { to } else { to + tolerance + PATIENCE };
        let Some(first) = self.next_departed(event, spec, limit)? else {
            let mut found =
                self.mismatch(event, format!("no packet left until {}", seconds(limit.max(self.world.now()))));
            found.expected = Some(format!("> {}", render::packet(spec)));
            return Err(found);
        };
        let (mut segment, index) = self.read(event, &first, tcp)?;
        let mut all = vec![first];
        self.gather(tcp, &mut segment, index, &mut all, tolerance);
        let at = all.first().map_or(from, |departed| departed.at);
        let flow = self.flows.get(index).cloned().unwrap_or_else(|| Flow::new(segment.src, segment.dst, 0));
        let mut wrong = differences(spec, &segment, &flow, self.stamp_rule(at));
        let early = from.since(at) > tolerance && at < from;
        let late = at > to && at.since(to) > tolerance;
        if !any && (early || late) {
            wrong.push(Difference::new("time", when(from, to), seconds(at)));
        }
        if let Some(flow) = self.flows.get_mut(index) {
            flow.peer.received(&segment);
        }
        for departed in &all {
            self.note_departed(departed, event.line);
        }
        if wrong.is_empty() {
            self.remember_stamp(tcp, &segment, index);
            return self.try_pending();
        }
        let fields: Vec<&str> = wrong.iter().map(|difference| difference.field.as_str()).collect();
        let reason = match wrong.as_slice() {
            [only] if only.field == "time" => {
                let apart = if early { from.since(at) } else { at.since(to) };
                let side = if early { "early" } else { "late" };
                format!("the packet left {} too {side}", humantime::format_duration(apart))
            }
            _ if self.is_waiting(spec, &flow) => {
                "a packet that no line expects left before the one that is expected".into()
            }
            _ => format!("the packet that left differs in {}", fields.join(", ")),
        };
        let mut found = self.mismatch(event, reason);
        found.expected = Some(format!("> {}", render::packet(spec)));
        found.got = Some(format!("> {}", render::packet(&shown_like(spec, &segment))));
        found.differences = wrong;
        found.time = (!any).then_some((from, to, at));
        Err(found)
    }

    /// Whether just the packet that is expected has left as well.
    fn is_waiting(&self, spec: &PacketSpec, flow: &Flow) -> bool {
        self.world.departed.iter().any(|departed| {
            let segment = Segment::read(&departed.bytes).ok().flatten();
            segment.filter(|segment| segment.src == flow.local && segment.dst == flow.remote).is_some_and(
                |mut segment| {
                    segment.count_as_script(flow);
                    differences(spec, &segment, flow, None).is_empty()
                },
            )
        })
    }

    /// The next packet of the connection in question, when one leaves in time.
    fn next_departed(
        &mut self,
        event: &'a Event,
        spec: &PacketSpec,
        limit: Time,
    ) -> Result<Option<Departed>, Box<Mismatch>> {
        let mut steps = 0;
        loop {
            if !self.world.departed.is_empty() {
                self.meet(spec);
            }
            let wanted = |departed: &Departed| match (Segment::read(&departed.bytes), spec.ports) {
                (Ok(Some(segment)), Some((src, dst))) => segment.src.port() == src && segment.dst.port() == dst,
                (Ok(Some(segment)), None) => self.current.is_none() || self.flow_index(&segment) == self.current,
                _ => false,
            };
            // Packets of other connections wait for lines with their ports.
            let found = self.world.departed.iter().position(wanted);
            if let Some(departed) = found.and_then(|index| self.world.departed.remove(index)) {
                return Ok(Some(departed));
            }
            let due = self.world.next_due(self.pending.is_some()).filter(|due| *due <= limit);
            let Some(due) = due else { return Ok(None) };
            steps += 1;
            if steps > MOST_STEPS {
                return Err(self.mismatch(event, "timers fire without end and nothing leaves".into()));
            }
            self.world.step(due, self.pending.is_some());
            self.after_step();
            self.try_pending()?;
        }
    }

    /// A connection that `connect` opened becomes the one in question; so does that of ports that are said.
    fn meet(&mut self, spec: &PacketSpec) {
        self.meet_opened();
        if let Some((src, dst)) = spec.ports {
            let known = self.flows.iter().rposition(|flow| flow.local.port() == src && flow.remote.port() == dst);
            self.current = known.or(self.current);
        }
    }

    fn meet_opened(&mut self) {
        if let Some((local, remote)) = self.sockets.take_opened() {
            self.awaiting = false;
            self.add_flow(Flow::new(local, remote, self.settings.remote_isn));
        }
    }

    /// A packet as the script would count it, and its flow.
    fn read(
        &mut self,
        event: &'a Event,
        departed: &Departed,
        spec: &TcpSpec,
    ) -> Result<(Segment, usize), Box<Mismatch>> {
        let Ok(Some(mut segment)) = Segment::read(&departed.bytes) else {
            return Err(self.mismatch(event, "a packet left that is no segment".into()));
        };
        let index = match self.flow_index(&segment) {
            Some(index) => index,
            None => {
                let flow = Flow::new(segment.src, segment.dst, self.settings.remote_isn);
                self.add_flow(flow)
            }
        };
        if let Some(flow) = self.flows.get_mut(index) {
            let answer = segment.tcp.flags.syn() && segment.tcp.flags.ack() && spec.flags.syn();
            if let Some(ack) = segment.tcp.ack.filter(|_| answer) {
                // It is this SYN that the connection takes for the peer's.
                flow.remote_isn = ack.wrapping_sub(1).wrapping_sub(flow.remote_offset);
            }
            if segment.tcp.flags.syn() && spec.flags.syn() && flow.local_isn.is_none() {
                flow.local_isn = Some(spec.seq);
                flow.local_offset = segment.tcp.seq.wrapping_sub(spec.seq);
            }
            if let (Some(said), Some(actual)) = (stamp_of(spec), stamp_of(&segment.tcp)) {
                flow.begin_stamps(said, actual);
            }
            segment.count_as_script(flow);
        }
        Ok((segment, index))
    }

    /// A segment that the script expects as one may leave as several: they are put together.
    fn gather(
        &mut self,
        spec: &TcpSpec,
        segment: &mut Segment,
        index: usize,
        all: &mut Vec<Departed>,
        tolerance: Duration,
    ) {
        while !self.settings.strict_segments && segment.tcp.len > 0 && segment.tcp.len < spec.len {
            let Some(next) = self.world.departed.front() else { return };
            let Ok(Some(mut part)) = Segment::read(&next.bytes) else { return };
            if self.flow_index(&part) != Some(index) {
                return;
            }
            if let Some(flow) = self.flows.get(index) {
                part.count_as_script(flow);
            }
            let joins = part.tcp.seq == segment.end()
                && part.tcp.ack == segment.tcp.ack
                && part.tcp.window == segment.tcp.window
                && part.tcp.options == segment.tcp.options
                && part.ip == segment.ip
                && usize::from(segment.tcp.len) + usize::from(part.tcp.len) <= usize::from(spec.len)
                && all.last().is_some_and(|before| next.at.since(before.at) <= tolerance)
                && !part.payload.is_empty();
            if !joins {
                return;
            }
            segment.tcp.len += part.tcp.len;
            segment.tcp.flags = segment.tcp.flags.without(Flags::PSH | Flags::FIN) | part.tcp.flags.without(Flags::CWR);
            segment.payload.extend_from_slice(&part.payload);
            all.extend(self.world.departed.pop_front());
        }
    }

    fn remember_stamp(&mut self, spec: &TcpSpec, segment: &Segment, index: usize) {
        // What the segment shows has been brought to the script's clock; what is kept is the wire's.
        if let (Some(said), Some(shown), Some(flow)) =
            (stamp_of(spec), stamp_of(&segment.tcp), self.flows.get_mut(index))
        {
            let actual = flow.stamp_on_wire(shown);
            flow.note_stamp(said, actual);
        }
    }

    fn stamp_rule(&self, at: Time) -> StampRule {
        let share = at.since(Time::ZERO).as_secs_f64() * self.settings.tolerance_percent / 100.0;
        let tolerance = self.settings.tolerance.max(Duration::from_secs_f64(share));
        self.settings.ts_tick.map(|tick| (tick.as_nanos() as u64, tolerance.as_nanos() as u64))
    }
}

/// The timestamp of a segment, if it has one.
fn stamp_of(tcp: &TcpSpec) -> Option<u32> {
    tcp.options.iter().flatten().find_map(|option| match option {
        OptionSpec::Timestamps(value, _) => Some(*value),
        _ => None,
    })
}
