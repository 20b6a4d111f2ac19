//! From options to hosts on a link: what `fetch`, `serve` and `handshake` have in common.

use std::fs::File;
use std::io::{self, IsTerminal, Write};
use std::net::{IpAddr, Ipv4Addr, SocketAddr};
use std::path::Path;
use std::time::Duration;

use super::args::link::LinkChoice;
use super::args::{Global, PathArgs};
use super::exit::{Exit, Failure};
use super::signals::Signals;
use super::trace::Tracer;
use super::units::show_duration;
use crate::capture::{Format, Writer};
use crate::link::bottleneck::Rate;
use crate::link::impair::{Impair, Impairments};
use crate::link::record::{CaptureError, INTERFACES, Recorder};
use crate::link::sim::{self, WireConfig};
use crate::link::{Link, Observer};
use crate::net::{Attempt, Host, Patience, Report, Runtime, Stalled};
use crate::random::{Random, entropy};
use crate::stack::HostConfig;
use crate::tcp::{CloseReason, Config, Secret, State};

/// The simulated hosts' addresses, from the block for documentation (RFC 5737).
pub const SIM_CLIENT: Ipv4Addr = Ipv4Addr::new(192, 0, 2, 1);
/// See [`SIM_CLIENT`].
pub const SIM_SERVER: Ipv4Addr = Ipv4Addr::new(192, 0, 2, 2);
/// Where the simulated server listens.
const SIM_PORT: u16 = 80;

/// A soft ICMP error of one SYN may be about a path that is just changing. When a second one meets it as well, a second
/// later, somebody who waits wants to hear of it; only TCP itself must go on (RFC 9293 MUST-56).
pub const PATIENCE: Patience = Patience(Some(2));
/// The least time to linger: two retransmissions of a peer whose RTO is at the usual floor of 200 ms.
const LINGER: Duration = Duration::from_millis(500);
/// Who does not hear our acknowledgments for this long will not hear them (TIME-WAIT, as long as Linux has it).
const LINGER_AT_MOST: Duration = Duration::from_secs(60);

/// The options that say how packets travel.
#[derive(Clone, Copy)]
pub struct Options<'a> {
    /// Options of every subcommand.
    pub global: &'a Global,
    /// How packets travel.
    pub path: &'a PathArgs,
    /// Trace to standard output, whatever --verbose says.
    pub trace: bool,
}

/// Hosts on a link, ready to run.
pub struct Session {
    /// The loop.
    pub runtime: Runtime,
    /// Our host.
    pub host: Host,
    /// The other end of a simulated wire.
    pub peer: Option<Host>,
    /// Ctrl-C.
    pub signals: Signals,
    /// What the chances were drawn from, where any were.
    pub seed: Option<u64>,
    /// What joins the hosts, in words.
    pub path: String,
    /// The ends that we hold on a real network.
    pub claims: Vec<SocketAddr>,
    /// The ways to reach the other end, for who connects.
    pub attempts: Vec<Attempt>,
}

impl Options<'_> {
    /// Two hosts on a simulated wire.
    pub fn simulate(&self) -> Result<Session, Failure> {
        self.sane()?;
        if self.path.link.link == LinkChoice::Raw {
            return Err(Failure::new(Exit::Usage, "a sim: target has no raw link; leave --link away"));
        }
        if let Some(local) = self.path.link.local {
            return Err(Failure::new(
                Exit::Usage,
                format!("--local {local}: a simulated host's address is {SIM_CLIENT}"),
            ));
        }
        let seed = self.seed()?;
        let default = WireConfig::default();
        let (latency, jitter) = self.path.impair.delay.unwrap_or((default.latency, Duration::ZERO));
        let wire = WireConfig {
            // The impairment adds the jitter on top, both ways of it; together they are the asked-for mean.
            latency: latency - jitter,
            rate: self.path.impair.link_rate.unwrap_or(default.rate),
            queue: self.path.impair.queue.unwrap_or(default.queue),
            mtu: self.path.link.mtu.map_or(default.mtu, usize::from),
        };
        let rules = Impairments { delay: jitter, jitter, ..self.path.impair.rules() };
        let (near, far) = sim::wire(wire);
        let mut runtime = Runtime::new_virtual();
        let signals = Signals::watch(&mut runtime);
        let mut random = Random::new(seed);
        let mut secret = || Secret([random.next_u64(), random.next_u64()]);
        let observers = self.observers(self.path.link.write.as_deref(), true)?;
        let peer_observers = self.observers(self.path.link.write_peer.as_deref(), false)?;
        let near = self.impaired(Box::new(near), &rules, seed);
        let ours =
            self.host(vec![SIM_CLIENT.into()], wire.mtu, self.path.tcp.config(), secret(), !observers.is_empty());
        let theirs = self.host(
            vec![SIM_SERVER.into()],
            wire.mtu,
            self.path.tcp.peer_config(),
            secret(),
            !peer_observers.is_empty(),
        );
        let host = runtime.attach(HostConfig { owns_addresses: true, ..ours }, near, observers);
        let peer = runtime.attach(HostConfig { owns_addresses: true, ..theirs }, Box::new(far), peer_observers);
        let path = format!("simulated wire: {}", describe(&wire, latency, jitter));
        let local = self.path.link.source_port.map(|port| SocketAddr::from((Ipv4Addr::UNSPECIFIED, port)));
        let attempts = vec![Attempt { local, remote: (SIM_SERVER, SIM_PORT).into() }];
        Ok(Session { runtime, host, peer: Some(peer), signals, seed: Some(seed), path, claims: Vec::new(), attempts })
    }

    pub(super) fn host(
        &self,
        addresses: Vec<IpAddr>,
        mtu: usize,
        tcp: Config,
        secret: Secret,
        annotate: bool,
    ) -> HostConfig {
        HostConfig { addresses, owns_addresses: false, mtu, ttl: self.path.link.ttl, tcp, isn: None, secret, annotate }
    }

    pub(super) fn impaired(&self, link: Box<dyn Link>, rules: &Impairments, seed: u64) -> Box<dyn Link> {
        if rules.is_none() { link } else { Box::new(Impair::new(link, rules, seed)) }
    }

    pub(super) fn seed(&self) -> Result<u64, Failure> {
        match self.path.impair.seed {
            Some(seed) => Ok(seed),
            // Short enough to type again.
            None => Ok(entropy().map_err(|error| Failure::new(Exit::NotAllowed, error.to_string()))?[0] % 1_000_000),
        }
    }

    pub(super) fn observers(&self, capture: Option<&Path>, trace: bool) -> Result<Vec<Box<dyn Observer>>, Failure> {
        let mut observers: Vec<Box<dyn Observer>> = Vec::new();
        if let Some(path) = capture {
            let writer = open_capture(path, &INTERFACES, self.path.link.snaplen)?;
            observers.push(Box::new(Recorder::new(writer)));
        }
        if trace && self.trace {
            observers.push(Box::new(Tracer::new(Box::new(io::stdout()), self.global.verbose > 0)));
        } else if trace && self.global.verbose > 0 {
            observers.push(Box::new(Tracer::new(Box::new(io::stderr()), self.global.verbose > 1)));
        }
        Ok(observers)
    }
}

/// A capture at `path`, or on standard output for `-`.
pub fn open_capture(path: &Path, interfaces: &[&str], snaplen: u32) -> Result<Writer, Failure> {
    let (output, format): (Box<dyn Write + Send>, Format) = match path == Path::new("-") {
        true if io::stdout().is_terminal() => {
            return Err(Failure::new(Exit::Usage, "a capture is no text for a terminal; write it to a file or a pipe"));
        }
        true => (Box::new(io::stdout()), Format::PcapNg),
        false => {
            let file = File::create(path).map_err(|error| Failure::writing(path, &error))?;
            (Box::new(file), Format::of(path))
        }
    };
    Writer::new(output, format, interfaces, snaplen).map_err(|error| Failure::writing(path, &error))
}

#[cfg(not(target_os = "linux"))]
impl Options<'_> {
    /// Real networks are for Linux.
    pub fn connect_to(&self, _: &[SocketAddr]) -> Result<Session, Failure> {
        Err(Failure::new(Exit::NotAllowed, "the raw link is for Linux; here there are simulated wires: sim:FILE"))
    }

    /// Real networks are for Linux.
    pub fn listen_on(&self, _: u16) -> Result<Session, Failure> {
        self.connect_to(&[])
    }
}

impl Options<'_> {
    /// Refuses settings that contradict each other.
    pub(super) fn sane(&self) -> Result<(), Failure> {
        let config = self.path.tcp.config();
        if config.rto_max < config.rto_min {
            let show = |duration| humantime::format_duration(duration).to_string();
            let message = format!("--rto-max {} is below --rto-min {}", show(config.rto_max), show(config.rto_min));
            return Err(Failure::new(Exit::Usage, message));
        }
        Ok(())
    }

    /// Refuses to write two things, or a thing and what is read, to one file.
    pub fn distinct_files(&self, others: &[(&str, Option<&Path>)]) -> Result<(), Failure> {
        let (write, peer) = (self.path.link.write.as_deref(), self.path.link.write_peer.as_deref());
        let all = [("--write", write), ("--write-peer", peer)];
        let all: Vec<(&str, std::path::PathBuf)> = all
            .iter()
            .chain(others)
            .filter_map(|(name, path)| path.filter(|path| *path != Path::new("-")).map(|path| (*name, path)))
            // Devices take everything; of a file that is not there yet the name is what there is to compare.
            .filter(|(_, path)| std::fs::metadata(path).map_or(true, |meta| meta.is_file()))
            .map(|(name, path)| (name, std::path::absolute(path).unwrap_or_default()))
            .map(|(name, path)| (name, path.canonicalize().unwrap_or(path)))
            .collect();
        for (index, (name, path)) in all.iter().enumerate() {
            if let Some((other, _)) = all[..index].iter().find(|(_, known)| known == path) {
                let message =
                    format!("{other} and {name} are the same file, {}; name another for one of them", path.display());
                return Err(Failure::new(Exit::Usage, message));
            }
        }
        Ok(())
    }

    /// Whether anything but a JSON summary goes to standard output: the body, a capture, the trace. Two are too many.
    pub fn stdout_taken(&self, body: bool) -> Result<bool, Failure> {
        let stdout = |path: &Option<std::path::PathBuf>| path.as_deref() == Some(Path::new("-"));
        let users = [
            (body, "the body"),
            (stdout(&self.path.link.write), "--write"),
            (stdout(&self.path.link.write_peer), "--write-peer"),
            (self.trace, "the list of segments"),
        ];
        let users: Vec<&str> = users.iter().filter(|(taken, _)| *taken).map(|(_, name)| *name).collect();
        match users.as_slice() {
            [] => Ok(false),
            [_] => Ok(true),
            [first, second, ..] => Err(Failure::new(
                Exit::Usage,
                format!("{first} and {second} cannot both go to standard output; name a file for one of them"),
            )),
        }
    }
}

impl Session {
    /// Runs `future` until it is ready or a signal comes.
    pub fn run<T>(&mut self, future: impl Future<Output = T>) -> Result<Result<T, Exit>, Failure> {
        let signals = self.signals.clone();
        self.runtime.block_on(signals.or(future)).map_err(|error| loop_failure(&error))
    }

    /// Lets what is under way come to its end: until every connection is closed or in TIME-WAIT, or `patience` has
    /// passed.
    pub fn settle(&mut self, patience: Duration) -> Result<(), Failure> {
        let hosts: Vec<Host> = std::iter::once(&self.host).chain(&self.peer).cloned().collect();
        let clock = self.runtime.clock().clone();
        let deadline = clock.now() + patience;
        let quiet = |host: &Host| {
            host.inspect(|stack| stack.connections().all(|(_, c)| matches!(c.state(), State::Closed | State::TimeWait)))
        };
        let settled = async {
            while clock.now() < deadline && !hosts.iter().all(quiet) {
                clock.sleep(Duration::from_millis(10)).await;
            }
        };
        self.run_on(settled)
    }

    /// After a signal: every connection is closed (FIN), and reset if that takes longer than `grace`.
    pub fn close(&mut self, grace: Duration) -> Result<(), Failure> {
        self.host.close_all(false);
        self.settle(grace)?;
        self.host.close_all(true);
        // One more turn sends the resets.
        self.runtime.block_on(std::future::ready(())).map_err(|error| loop_failure(&error))
    }

    /// Stays after the last FIN (raw): the kernel would answer a peer that did not get our last acknowledgment, and
    /// sends its FIN again, with a reset; and so when connections were `cut_off` in the middle. Ends when no FIN has come for `wanted`, or, where that is left open, for three
    /// times our RTO or the peer's, as the gaps between its FINs show it.
    pub fn linger(&mut self, wanted: Option<Duration>, ours: Option<&Report>, cut_off: bool) -> Result<(), Failure> {
        if self.claims.is_empty() {
            return Ok(());
        }
        let (host, clock) = (self.host.clone(), self.runtime.clock().clone());
        let last_fin = || host.inspect(|stack| stack.connections().filter_map(|(_, c)| c.time_wait_since()).max());
        let rto = host.inspect(|stack| {
            let waiting = stack.connections().filter(|(_, c)| c.state() == State::TimeWait);
            waiting.map(|(_, c)| c.rto().current()).chain(ours.map(|report| report.rto)).max().unwrap_or_default()
        });
        let begun = clock.now();
        let (mut last, mut quiet) = match last_fin() {
            Some(last) => (last, wanted.unwrap_or((rto * 3).max(LINGER))),
            // Without TIME-WAIT nothing is missing. But of what was sent twice, or held back by an impairment, or cut
            // off, answers may still be on their way, and these too the kernel would answer.
            None => {
                let aborted = |report: &Report| matches!(report.ended, Some(CloseReason::Aborted));
                let twice = ours.is_some_and(|report| report.stats.retransmits() > 0 || aborted(report));
                let stay = if cut_off || twice || self.seed.is_some() { rto.max(LINGER / 2) } else { Duration::ZERO };
                (begun, wanted.unwrap_or(stay))
            }
        };
        let end = begun + wanted.unwrap_or(LINGER_AT_MOST).max(LINGER_AT_MOST);
        let lingering = async {
            while clock.now() < (last + quiet).min(end) {
                clock.sleep_until((last + quiet).min(end)).await;
                let latest = last_fin().unwrap_or(last);
                if wanted.is_none() {
                    // The peer waits twice as long before each retransmission.
                    quiet = quiet.max(latest.since(last) * 3);
                }
                last = latest;
            }
        };
        self.run_on(lingering)
    }

    /// Runs `future` until it is ready or a signal comes, unless a signal is why it runs.
    fn run_on(&mut self, future: impl Future<Output = ()>) -> Result<(), Failure> {
        match self.signals.exit() {
            None => self.run(future).map(drop),
            Some(_) => self.runtime.block_on(future).map_err(|error| loop_failure(&error)),
        }
    }
}

fn describe(wire: &WireConfig, latency: Duration, jitter: Duration) -> String {
    let rate = match wire.rate {
        Rate::Unlimited => "any rate".into(),
        Rate::BitsPerSecond(bits) if bits >= 1_000_000 => format!("{} Mbit/s", bits as f64 / 1e6),
        Rate::BitsPerSecond(bits) => format!("{} kbit/s", bits as f64 / 1e3),
        Rate::PacketsPerSecond(packets) => format!("{packets} packets/s"),
    };
    let jitter = if jitter.is_zero() { String::new() } else { format!(" +-{}", show_duration(jitter)) };
    format!("{}{jitter} each way, {rate}, queue {} packets", show_duration(latency), wire.queue)
}

/// The loop ended because a link or a capture failed.
pub fn loop_failure(error: &io::Error) -> Failure {
    if error.get_ref().is_some_and(|inner| inner.is::<Stalled>()) {
        return Failure::new(Exit::TimedOut, error.to_string());
    }
    match error.get_ref().and_then(|inner| inner.downcast_ref::<CaptureError>()) {
        Some(CaptureError(inner)) if inner.kind() == io::ErrorKind::BrokenPipe => Failure::new(Exit::Done, ""),
        Some(capture) => Failure::new(Exit::CannotWrite, capture.to_string()),
        None => Failure::connection("the link failed", error),
    }
}
