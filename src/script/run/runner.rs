//! Event after event.

use std::net::SocketAddr;
use std::time::Duration;

use super::Options;
use super::flow::Flow;
use super::mismatch::{Line, Mismatch, Report};
use super::packets;
use super::telling::seconds;
use super::world::{Departed, World};
use crate::script::code::{Names, Value};
use crate::script::settings::{IpVersion, Settings, interpret};
use crate::script::sockets::{self, Sockets, info};
use crate::script::syntax::tree::{Action, Body, CallSpec, Event, PacketSpec, When};
use crate::script::syntax::{Script, ScriptError};
use crate::stack::HostConfig;
use crate::tcp::Secret;
use crate::time::Time;
use crate::wire::SeqNum;

/// How long a packet is waited for that may leave at any time (`*`): beyond every timer of TCP but keep-alive's.
const ANY_TIME: Duration = Duration::from_secs(4 * 3600);
/// The most steps of time that one event may take: timers that fire without end are an error, not a hang.
pub const MOST_STEPS: usize = 200_000;

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
pub struct Pending<'a> {
    pub(super) event: &'a Event,
    pub(super) call: &'a CallSpec,
    /// When it is to return.
    pub(super) until: Time,
    pub(super) tolerance: Duration,
}

pub struct Runner<'a> {
    pub(super) script: &'a Script,
    pub(super) settings: Settings,
    pub(super) world: World,
    pub(super) sockets: Sockets,
    pub(super) flows: Vec<Flow>,
    /// The connection that packets without ports are about.
    pub(super) current: Option<usize>,
    /// The next packet that arrives opens a connection.
    pub(super) awaiting: bool,
    pub(super) names: Names,
    pub(super) pending: Option<Pending<'a>>,
    /// The time of the event before.
    pub(super) before: Time,
    pub(super) next_port: u16,
    pub(super) trace: bool,
    pub(super) lines: Vec<Line>,
}

pub type Step = Result<(), Box<Mismatch>>;

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
        let mut sockets = Sockets::new(settings.config.clone(), settings.bind_address(), remote, dual);
        sockets.tolerance = settings.tolerance;
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
        let mut before_last = 0;
        for (index, event) in self.script.events.iter().enumerate() {
            let last = index + 1 == self.script.events.len();
            before_last = if last { self.world.left } else { before_last };
            let more = self.settings.turns
                && self
                    .script
                    .events
                    .get(index + 1)
                    .is_some_and(|next| next.when == event.when && !matches!(next.action, Action::Expect(_)));
            if let Err(found) =
                self.event(event, more).and_then(|()| if last { self.finish(event, before_last) } else { Ok(()) })
            {
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
        if matches!(event.when, When::At(_)) && !matches!(event.action, Action::Expect(_)) && base > from + tolerance {
            return Err(
                self.mismatch(event, format!("it is {} already: the time of this event is past", seconds(base)))
            );
        }
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
    fn finish(&mut self, event: &'a Event, before: u64) -> Step {
        self.finish_pending()?;
        // What the last event made leave, no line could expect.
        // Scripts for packetdrill may leave out what leaves at the very end; it looks no further than the last line.
        let (over, lenient) = (self.world.now(), self.settings.lenient_end);
        let is_extra = |departed: &&Departed| departed.serial <= before && (departed.at < over || !lenient);
        let extra = self.world.departed.iter().find(is_extra).cloned();
        let Some(extra) = extra else { return Ok(()) };
        self.world.departed.retain(|departed| departed.at >= extra.at);
        let mut found = self.mismatch(event, format!("a packet left at {} that no line expects", seconds(extra.at)));
        found.got = self.shown(&extra);
        found.time = None;
        Err(found)
    }

    /// How far from `at` something may happen.
    pub(super) fn tolerance(&self, at: Time) -> Duration {
        let share = at.since(self.before).as_secs_f64() * self.settings.tolerance_percent / 100.0;
        self.settings.tolerance.max(Duration::from_secs_f64(share))
    }

    /// Time passes until `at`; a call that waits may return on the way.
    pub(super) fn wait_until(&mut self, event: &'a Event, at: Time) -> Step {
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

    pub(super) fn after_step(&mut self) {
        self.sockets.settle(&self.world);
    }
}
