//! Event after event.

use std::net::SocketAddr;
use std::time::Duration;

use super::compare::{Difference, StampRule, differences};
use super::flow::Flow;
use super::mismatch::{Line, Mismatch, Report};
use super::packets::{self, Segment};
use super::world::{Departed, World};
use super::{Options, render};
use crate::capture::Direction;
use crate::script::code::{Names, Value};
use crate::script::settings::{Command, IpVersion, Settings, interpret};
use crate::script::sockets::{self, Progress, Reply, Sockets, info};
use crate::script::syntax::tree::{Action, Body, CallSpec, Event, Expr, OptionSpec, PacketSpec, TcpSpec, When};
use crate::script::syntax::{Script, ScriptError};
use crate::stack::HostConfig;
use crate::tcp::Secret;
use crate::time::Time;
use crate::wire::{Flags, SeqNum};

/// How long after its time a packet is still waited for, to say by how much it is late.
const PATIENCE: Duration = Duration::from_secs(2);
/// How long a packet is waited for that may leave at any time (`*`): beyond every timer of TCP but keep-alive's.
const ANY_TIME: Duration = Duration::from_secs(4 * 3600);
/// The most steps of time that one event may take: timers that fire without end are an error, not a hang.
const MOST_STEPS: usize = 200_000;

/// Runs a script.
///
/// # Errors
///
/// What the script asks for and we do not do, with its line: found before anything runs.
pub fn run(script: &Script, options: &Options) -> Result<Report, ScriptError> {
    let settings = Settings::of(script, options)?;
    check(script, &settings)?;
    Runner::new(script, settings, options.trace).run()
}

/// Refuses what is not supported before anything runs.
fn check(script: &Script, settings: &Settings) -> Result<(), ScriptError> {
    let refuse = |line: usize, reason: String| ScriptError { line, reason };
    let command = |line: usize, text: &str| match interpret(text) {
        Err(reason) if !settings.ignore_commands => Err(refuse(line, reason)),
        _ => Ok(()),
    };
    for (line, text) in script.init.iter().chain(&script.cleanup) {
        command(*line, text)?;
    }
    for event in &script.events {
        match &event.action {
            Action::Call(call) => sockets::check(call).map_err(|reason| refuse(event.line, reason))?,
            Action::Command(text) => command(event.line, text)?,
            Action::Inject(PacketSpec { body: Body::Icmp(icmp), ip, .. }) => {
                let flow = Flow::new(settings.bind_address(), SocketAddr::new(settings.remote, 1), 0);
                packets::icmp_error(&flow, ip, icmp).map_err(|reason| refuse(event.line, reason))?;
            }
            Action::Expect(PacketSpec { body: Body::Icmp(_), .. }) => {
                return Err(refuse(event.line, "ICMP errors that leave are not supported: TCP sends none".into()));
            }
            _ => {}
        }
    }
    Ok(())
}

/// A call that waits.
struct Pending<'a> {
    event: &'a Event,
    call: &'a CallSpec,
    /// When it is to return.
    until: Time,
    tolerance: Duration,
}

struct Runner<'a> {
    script: &'a Script,
    settings: Settings,
    world: World,
    sockets: Sockets,
    flows: Vec<Flow>,
    /// The connection that packets without ports are about.
    current: Option<usize>,
    /// The next packet that arrives opens a connection.
    awaiting: bool,
    names: Names,
    pending: Option<Pending<'a>>,
    /// The time of the event before.
    before: Time,
    next_port: u16,
    trace: bool,
    lines: Vec<Line>,
}

type Step = Result<(), Box<Mismatch>>;

impl<'a> Runner<'a> {
    fn new(script: &'a Script, settings: Settings, trace: bool) -> Self {
        let world = World::new(HostConfig {
            addresses: vec![settings.local],
            owns_addresses: true,
            mtu: settings.mtu as usize,
            ttl: 64,
            tcp: settings.config.clone(),
            isn: Some(SeqNum(settings.isn.unwrap_or_default())),
            secret: Secret([1, 2]),
            annotate: trace,
        });
        let remote = SocketAddr::new(settings.remote, settings.connect_port);
        let dual = settings.ip_version == IpVersion::V4Mapped;
        let sockets = Sockets::new(settings.config.clone(), settings.bind_address(), remote, dual);
        let mut names = Names::default();
        for (name, value) in info::CONSTANTS {
            names.set(name, Value::Integer(value));
        }
        Runner {
            script,
            settings,
            world,
            sockets,
            flows: Vec::new(),
            current: None,
            awaiting: true,
            names,
            pending: None,
            before: Time::ZERO,
            next_port: 49_152,
            trace,
            lines: Vec::new(),
        }
    }

    fn run(mut self) -> Result<Report, ScriptError> {
        if let Some((line, text)) = &self.script.init {
            self.command(text).map_err(|reason| ScriptError { line: *line, reason })?;
        }
        let mut done = 0;
        let mut mismatch = None;
        for (index, event) in self.script.events.iter().enumerate() {
            let last = index + 1 == self.script.events.len();
            let more = self.settings.turns
                && self
                    .script
                    .events
                    .get(index + 1)
                    .is_some_and(|next| next.when == event.when && !matches!(next.action, Action::Expect(_)));
            if let Err(found) = self.event(event, more).and_then(|()| if last { self.finish(event) } else { Ok(()) }) {
                mismatch = Some(*found);
                break;
            }
            done += 1;
        }
        if let Some(found) = mismatch.as_ref().filter(|found| found.unsupported) {
            return Err(ScriptError { line: found.line, reason: found.reason.clone() });
        }
        // What left unlooked at belongs to the exchange as well.
        while let Some(departed) = self.world.departed.pop_front() {
            self.note_departed(&departed, 0);
        }
        Ok(Report {
            script: self.script.name.clone(),
            events: done,
            total: self.script.events.len(),
            duration: self.world.now().since(Time::ZERO),
            mismatch,
            lines: self.lines,
            printed: self.names.printed,
        })
    }

    /// `more` when the next event belongs to the same turn.
    fn event(&mut self, event: &'a Event, more: bool) -> Step {
        let base = self.world.now();
        let (from, to) = match event.when {
            When::At(at) => (Time::ZERO + at, Time::ZERO + at),
            When::After(after) => (base + after, base + after),
            When::Between(from, to) => (Time::ZERO + from, Time::ZERO + to),
            When::AfterBetween(from, to) => (base + from, base + to),
            When::Any => (base, base + ANY_TIME),
        };
        let tolerance = self.tolerance(from);
        match &event.action {
            Action::Expect(packet) => self.expect(event, packet, from, to, tolerance)?,
            Action::Inject(packet) => {
                self.wait_until(event, from)?;
                self.inject(event, packet, more)?;
            }
            Action::Call(call) => {
                self.wait_until(event, from)?;
                self.call(event, call, base, tolerance, more)?;
            }
            Action::Command(text) => {
                self.wait_until(event, from)?;
                self.command(text).map_err(|reason| self.unsupported(event, reason))?;
            }
            Action::Code(program) => {
                self.wait_until(event, from)?;
                self.refresh_names();
                if let Err(error) = program.run(&mut self.names) {
                    let mut found = self.mismatch(event, error.reason);
                    found.unsupported = !error.assertion;
                    found.line += error.line - 1;
                    found.last_line = found.last_line.max(found.line);
                    return Err(found);
                }
            }
        }
        self.before = if matches!(event.when, When::Any) { self.world.now() } else { from.max(self.before) };
        Ok(())
    }

    /// Nothing may be left over that happened before the end.
    fn finish(&mut self, event: &'a Event) -> Step {
        self.finish_pending()?;
        // What the last event made leave, no line could expect.
        let over = self.world.now();
        let extra = self.world.departed.iter().find(|departed| departed.at < over).cloned();
        let Some(extra) = extra else { return Ok(()) };
        self.world.departed.retain(|departed| departed.at >= extra.at);
        let mut found = self.mismatch(event, format!("a packet left at {} that no line expects", seconds(extra.at)));
        found.got = self.shown(&extra);
        found.time = None;
        Err(found)
    }

    // ---- time

    /// How far from `at` something may happen.
    fn tolerance(&self, at: Time) -> Duration {
        let share = at.since(self.before).as_secs_f64() * self.settings.tolerance_percent / 100.0;
        self.settings.tolerance.max(Duration::from_secs_f64(share))
    }

    /// Time passes until `at`; a call that waits may return on the way.
    fn wait_until(&mut self, event: &'a Event, at: Time) -> Step {
        let mut steps = 0;
        self.try_pending()?;
        while self.world.now() < at {
            steps += 1;
            if steps > MOST_STEPS {
                return Err(self.mismatch(event, "timers fire without end".into()));
            }
            self.world.step(at, self.pending.is_some());
            self.after_step();
            self.try_pending()?;
        }
        Ok(())
    }

    fn after_step(&mut self) {
        self.sockets.settle(&self.world);
    }

    // ---- packets

    fn inject(&mut self, event: &'a Event, spec: &PacketSpec, more: bool) -> Step {
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
        let ours = |segment: &Segment| segment.src == flow.local && segment.dst == flow.remote && segment.tcp.flags.syn();
        if let Some(syn) = segments.into_iter().find(ours) {
            flow.local_isn = Some(0);
            flow.local_offset = syn.tcp.seq;
        }
    }

    /// The flow that a packet of the peer's belongs to, made if need be.
    fn flow_of(&mut self, spec: &PacketSpec) -> usize {
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

    fn flow_index(&self, segment: &Segment) -> Option<usize> {
        self.flows.iter().rposition(|flow| flow.local == segment.src && flow.remote == segment.dst)
    }

    fn expect(&mut self, event: &'a Event, spec: &PacketSpec, from: Time, to: Time, tolerance: Duration) -> Step {
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
        self.gather(tcp, &mut segment, index, &mut all);
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
            _ => format!("the packet that left differs in {}", fields.join(", ")),
        };
        let mut found = self.mismatch(event, reason);
        found.expected = Some(format!("> {}", render::packet(spec)));
        found.got = Some(format!("> {}", render::packet(&shown_like(spec, &segment))));
        found.differences = wrong;
        found.time = (!any).then_some((from, to, at));
        Err(found)
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

    /// A connection that `connect` opened becomes the one in question.
    fn meet(&mut self, spec: &PacketSpec) {
        if let Some((local, remote)) = self.sockets.take_opened() {
            self.awaiting = false;
            self.add_flow(Flow::new(local, remote, self.settings.remote_isn));
        }
        if let Some((src, dst)) = spec.ports {
            let known = self.flows.iter().rposition(|flow| flow.local.port() == src && flow.remote.port() == dst);
            self.current = known.or(self.current);
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
    fn gather(&mut self, spec: &TcpSpec, segment: &mut Segment, index: usize, all: &mut Vec<Departed>) {
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
                && usize::from(segment.tcp.len) + usize::from(part.tcp.len) <= usize::from(spec.len)
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

    // ---- calls, commands, code

    fn call(&mut self, event: &'a Event, call: &'a CallSpec, base: Time, tolerance: Duration, more: bool) -> Step {
        self.finish_pending()?;
        self.world.begin_call();
        let outcome = self.sockets.call(&mut self.world, call, false);
        if !more {
            self.world.flush();
        }
        self.after_step();
        if self.world.take_listening() {
            self.awaiting = true;
        }
        let relative = matches!(event.when, When::After(_));
        match outcome.map_err(|reason| self.unsupported(event, reason))? {
            Progress::Returned(reply) => {
                let until = call.until.map(|until| if relative { base + until } else { Time::ZERO + until });
                self.note_call(event, call, &reply);
                self.check_reply(event, call, &reply)?;
                match until.filter(|until| until.since(self.world.now()) > tolerance) {
                    Some(until) => Err(self.timing(event, call, until)),
                    None => Ok(()),
                }
            }
            Progress::Waits => match call.until {
                Some(until) => {
                    let until = if relative { base + until } else { Time::ZERO + until };
                    let share = until.since(self.world.now()).as_secs_f64() * self.settings.tolerance_percent / 100.0;
                    let tolerance = tolerance.max(Duration::from_secs_f64(share));
                    self.pending = Some(Pending { event, call, until, tolerance });
                    Ok(())
                }
                None => {
                    let reason =
                        format!("{}() waits; the script says that it returns at once (...TIME says when)", call.name);
                    Err(self.mismatch(event, reason))
                }
            },
        }
    }

    /// A call that waits may be able to return now.
    fn try_pending(&mut self) -> Step {
        let Some(pending) = self.pending.take() else { return Ok(()) };
        let outcome = self.sockets.call(&mut self.world, pending.call, true);
        self.world.flush();
        match outcome.map_err(|reason| self.unsupported(pending.event, reason))? {
            Progress::Waits => {
                if self.world.now() > pending.until + pending.tolerance {
                    let reason = format!("{}() has not returned", pending.call.name);
                    let mut found = self.mismatch(pending.event, reason);
                    found.time = Some((pending.until, pending.until, self.world.now()));
                    return Err(found);
                }
                self.pending = Some(pending);
                Ok(())
            }
            Progress::Returned(reply) => {
                let now = self.world.now();
                self.note_call(pending.event, pending.call, &reply);
                self.check_reply(pending.event, pending.call, &reply)?;
                let apart = if now > pending.until { now.since(pending.until) } else { pending.until.since(now) };
                if apart > pending.tolerance {
                    Err(self.timing(pending.event, pending.call, pending.until))
                } else {
                    Ok(())
                }
            }
        }
    }

    /// The next call begins only when the one before has returned.
    fn finish_pending(&mut self) -> Step {
        let Some(until) = self.pending.as_ref().map(|pending| pending.until + pending.tolerance + PATIENCE) else {
            return Ok(());
        };
        let mut steps = 0;
        self.try_pending()?;
        while let Some(pending) = &self.pending {
            let (event, call) = (pending.event, pending.call);
            steps += 1;
            if self.world.now() >= until || steps > MOST_STEPS {
                let reason = format!("{}() has not returned", call.name);
                self.pending = None;
                return Err(self.mismatch(event, reason));
            }
            self.world.step(until, true);
            self.after_step();
            self.try_pending()?;
        }
        Ok(())
    }

    fn timing(&mut self, event: &Event, call: &CallSpec, until: Time) -> Box<Mismatch> {
        let now = self.world.now();
        let (apart, side) = if now > until { (now.since(until), "late") } else { (until.since(now), "early") };
        let reason = format!("{}() returns {} too {side}", call.name, humantime::format_duration(apart));
        self.pending = None;
        let mut found = self.mismatch(event, reason);
        found.time = Some((until, until, now));
        found.differences = vec![Difference::new("time", seconds(until), seconds(now))];
        found
    }

    fn check_reply(&mut self, event: &Event, call: &CallSpec, reply: &Reply) -> Step {
        let mut wrong: Vec<Difference> = Vec::new();
        let expected = match &call.result {
            Expr::Ellipsis => None,
            result => Some(sockets::number(result).map_err(|reason| self.unsupported(event, reason))?),
        };
        if expected.is_some_and(|expected| expected != reply.value) {
            wrong.push(Difference::new("result", expected.unwrap_or(0), reply.written()));
        }
        if let Some(errno) = &call.errno
            && !reply.errno_is(errno)
            && wrong.is_empty()
        {
            wrong.push(Difference::new("errno", errno, reply.written()));
        }
        wrong.extend(reply.wrong.iter().map(|(what, expected, got)| Difference::new(what.clone(), expected, got)));
        if wrong.is_empty() {
            return Ok(());
        }
        let reason = match wrong.first() {
            Some(first) if first.field == "result" => format!("{}() returns {}", call.name, reply.written()),
            _ => format!("what {}() gives back differs", call.name),
        };
        let mut found = self.mismatch(event, reason);
        let errno = call.errno.as_ref().map_or(String::new(), |errno| format!(" {errno}"));
        found.expected = expected.map(|expected| format!("{}(...) = {expected}{errno}", call.name));
        found.got = Some(format!("{}(...) = {}", call.name, reply.written()));
        found.differences = wrong;
        Err(found)
    }

    fn command(&mut self, text: &str) -> Result<(), String> {
        let commands = match interpret(text) {
            Ok(commands) => commands,
            Err(_) if self.settings.ignore_commands => Vec::new(),
            Err(reason) => return Err(reason),
        };
        for command in commands {
            if let Command::Sysctl(name, value) = &command
                && name == "tcp_notsent_lowat"
            {
                self.sockets.set_low(value.trim().parse().unwrap_or(0));
            }
            command.apply(&mut self.settings.config)?;
            self.sockets.set_config(|config| {
                // Whether it can be done was settled above.
                let _ = command.apply(config);
            });
        }
        Ok(())
    }

    fn refresh_names(&mut self) {
        let Some(connection) = self.sockets.current(&self.world).and_then(|id| self.world.stack.connection(id)) else {
            return;
        };
        for (name, value) in info::info(connection, self.world.now()) {
            self.names.set(name, Value::Integer(value));
        }
    }

    // ---- what happened

    fn mismatch(&self, event: &Event, reason: String) -> Box<Mismatch> {
        Box::new(Mismatch {
            line: event.line,
            last_line: event.last_line,
            reason,
            expected: None,
            got: None,
            differences: Vec::new(),
            time: None,
            waiting: self.world.departed.iter().take(5).filter_map(|departed| self.placed(departed)).collect(),
            states: self.states(),
            unsupported: false,
        })
    }

    fn unsupported(&self, event: &Event, reason: String) -> Box<Mismatch> {
        Box::new(Mismatch { unsupported: true, ..*self.mismatch(event, reason) })
    }

    /// Our end's state and numbers, and the peer's state.
    fn states(&self) -> (String, &'static str) {
        let flow = self.current.and_then(|index| self.flows.get(index));
        let connection = flow.and_then(|flow| {
            self.world.stack.connections().find(|(_, c)| c.local() == flow.local && c.remote() == flow.remote)
        });
        let ours = match connection {
            Some((_, connection)) => connection.describe(),
            None if flow.is_some() => "CLOSED".into(),
            None => "no connection".into(),
        };
        (ours, flow.map_or("CLOSED", |flow| flow.peer.state()))
    }

    fn note(&mut self, at: Time, line: usize, text: String, packet: Option<(Direction, Vec<u8>)>, note: String) {
        let (ours, peer) = self.states();
        self.lines.push(Line { at, line, text, ours, peer, packet, note });
    }

    fn note_departed(&mut self, departed: &Departed, line: usize) {
        if self.trace {
            let text = self.shown(departed).unwrap_or_else(|| "> a packet that is no segment".into());
            let packet = Some((Direction::Out, departed.bytes.clone()));
            self.note(departed.at, line, text, packet, departed.note.clone());
        }
    }

    fn note_call(&mut self, event: &Event, call: &CallSpec, reply: &Reply) {
        if self.trace {
            let text = format!("{}(...) = {}", call.name, reply.written());
            self.note(self.world.now(), event.line, text, None, String::new());
        }
    }

    /// A packet that no line has expected yet: when and where it left, and what it is.
    fn placed(&self, departed: &Departed) -> Option<String> {
        let segment = Segment::read(&departed.bytes).ok()??;
        let other = self.flow_index(&segment) != self.current;
        let ports = if other { format!("{} > {} ", segment.src.port(), segment.dst.port()) } else { String::new() };
        let shown = self.shown(departed)?;
        Some(format!("{} > {ports}{}", seconds(departed.at), shown.trim_start_matches("> ")))
    }

    /// A packet that left, as a script would write it.
    fn shown(&self, departed: &Departed) -> Option<String> {
        let mut segment = Segment::read(&departed.bytes).ok()??;
        if let Some(flow) = self.flow_index(&segment).and_then(|index| self.flows.get(index)) {
            segment.count_as_script(flow);
        }
        Some(format!("> {}", render::segment(&segment.tcp)))
    }
}

/// The timestamp of a segment, if it has one.
fn stamp_of(tcp: &TcpSpec) -> Option<u32> {
    tcp.options.iter().flatten().find_map(|option| match option {
        OptionSpec::Timestamps(value, _) => Some(*value),
        _ => None,
    })
}

/// The packet with what the expecting line says of it, so that both can be compared by eye.
fn shown_like(spec: &PacketSpec, got: &Segment) -> PacketSpec {
    let Body::Tcp(tcp) = &spec.body else { return spec.clone() };
    let mut ip = got.ip;
    ip.ecn = ip.ecn.filter(|_| spec.ip.ecn.is_some());
    ip.tos = ip.tos.filter(|_| spec.ip.tos.is_some());
    ip.ttl = ip.ttl.filter(|_| spec.ip.ttl.is_some());
    ip.flow_label = ip.flow_label.filter(|_| spec.ip.flow_label.is_some());
    let mut shown = got.tcp.clone();
    shown.ace = tcp.ace;
    shown.window = shown.window.filter(|_| tcp.window.is_some());
    PacketSpec { ip, ports: spec.ports.map(|_| (got.src.port(), got.dst.port())), body: Body::Tcp(shown) }
}

/// A time as scripts write it.
pub fn seconds(at: Time) -> String {
    format!("{:.6}", at.since(Time::ZERO).as_secs_f64())
}

fn when(from: Time, to: Time) -> String {
    if from == to { seconds(from) } else { format!("{}~{}", seconds(from), seconds(to)) }
}
