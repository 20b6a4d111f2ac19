//! What one end of a connection saw, as a script that makes it happen again.
//!
//! A [`Journal`] is given the packets of one end as they pass. The calls of the application are taken from what it is
//! told, or else from the packets: data was written when its first segment left, up to the next PSH; what arrived was
//! read at once; the FIN was asked for before it left.

use std::fmt::Write;
use std::io;
use std::sync::{Arc, Mutex};

use super::run::{Segment, render};
use super::settings::{Profile, differences};
use crate::capture::Direction;
use crate::link::{Incident, Observer};
use crate::tcp::Config;
use crate::tcp::ranges::Ranges;
use crate::time::Time;
use crate::wire::{IpPacket, Packet, Protocol, SeqNum, tcp};

/// The descriptor of the connection in the scripts that are made.
const FD: u32 = 4;

/// What happened at one end.
#[derive(Clone, Debug)]
pub struct Journal {
    config: Config,
    mtu: usize,
    entries: Vec<(Time, Entry)>,
    /// Calls were told: none is guessed.
    told: bool,
}

#[derive(Clone, Debug)]
enum Entry {
    Arrived(Box<Segment>),
    Left(Box<Segment>),
    /// A line as it stands.
    Line(String),
}

/// A [`Journal`] as an observer of a host's packets, shared with whoever wants the script.
pub struct Scribe(pub Arc<Mutex<Journal>>);

impl Observer for Scribe {
    fn on_packet(&mut self, now: Time, direction: Direction, packet: &Packet, _: Option<&str>) -> io::Result<()> {
        if let Ok(mut journal) = self.0.lock() {
            journal.packet(now, direction, &packet.bytes);
        }
        Ok(())
    }

    fn on_incident(&mut self, _: &Incident) -> io::Result<()> {
        Ok(())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

impl Journal {
    /// Nothing happened yet, at an end with these settings.
    pub fn new(config: Config, mtu: usize) -> Self {
        Journal { config, mtu, entries: Vec::new(), told: false }
    }

    /// A packet passed. One whose checksums are wrong never reached the connection and is left out.
    pub fn packet(&mut self, now: Time, direction: Direction, bytes: &[u8]) {
        let sound = IpPacket::parse(bytes).is_ok_and(|ip| {
            let whole = IpPacket::verify_header(bytes).is_ok();
            whole && ip.protocol == Protocol::TCP && tcp::verify(ip.src, ip.dst, ip.payload).is_ok()
        });
        if let (true, Ok(Some(segment))) = (sound, Segment::read(bytes)) {
            let segment = Box::new(Segment { payload: Vec::new(), ..segment });
            let entry = match direction {
                Direction::In => Entry::Arrived(segment),
                Direction::Out => Entry::Left(segment),
            };
            self.entries.push((now, entry));
        }
    }

    /// The application made a call, or something else happened that has a line of its own. From now on no call is
    /// guessed.
    pub fn line(&mut self, now: Time, text: impl Into<String>) {
        self.told = true;
        self.entries.push((now, Entry::Line(text.into())));
    }

    /// The initial sequence numbers: ours and the peer's.
    pub fn isns(&self) -> (u32, u32) {
        let syn = |segment: &Segment| segment.tcp.flags.syn().then_some(segment.tcp.seq);
        let ours = self.entries.iter().find_map(|(_, entry)| match entry {
            Entry::Left(segment) => syn(segment),
            _ => None,
        });
        let theirs = self.entries.iter().find_map(|(_, entry)| match entry {
            Entry::Arrived(segment) => syn(segment),
            _ => None,
        });
        (ours.unwrap_or(0), theirs.unwrap_or(0))
    }

    /// The script.
    pub fn script(&self) -> String {
        let (ours, theirs) = self.isns();
        let active = self.entries.iter().find_map(|(_, entry)| match entry {
            Entry::Arrived(_) => Some(false),
            Entry::Left(_) => Some(true),
            Entry::Line(_) => None,
        });
        let mut text = String::from("// Made from a run.\n");
        let tuning = differences(&self.config, &Profile::Rfc.config());
        let _ = write!(text, "// tcpkit: --turns --mtu={} --isn={ours}", self.mtu);
        let v6 = self.entries.iter().any(|(_, entry)| match entry {
            Entry::Arrived(segment) | Entry::Left(segment) => segment.src.is_ipv6(),
            Entry::Line(_) => false,
        });
        if v6 {
            text.push_str(" --ip_version=ipv6");
        }
        if !tuning.is_empty() {
            let _ = write!(text, " --tcp={tuning}");
        }
        text.push_str("\n\n");
        let start = self.entries.first().map_or(Time::ZERO, |(at, _)| *at);
        let mut writer = Lines { text, start, guess: Guess::default(), received: Ranges::default() };
        writer.opening(active == Some(true));
        let mut accepted = active == Some(true);
        for (index, (at, entry)) in self.entries.iter().enumerate() {
            match entry {
                Entry::Line(line) => writer.line(*at, line),
                Entry::Arrived(segment) => {
                    let shown = relative(segment, theirs, ours);
                    writer.line(*at, &format!("< {}{}", ecn(segment), render(&shown.tcp)));
                    if !accepted && segment.tcp.flags.ack() && !segment.tcp.flags.syn() {
                        accepted = true;
                        writer.line(*at, &format!("accept(3, ..., ...) = {FD}"));
                    }
                    if !self.told {
                        let taken = self.later(index, ours, theirs).find_map(|left| left.tcp.ack);
                        let more = matches!(self.entries.get(index + 1), Some((next, Entry::Arrived(_))) if next == at);
                        writer.read(*at, &shown, taken.filter(|_| !more).unwrap_or(0));
                    }
                }
                Entry::Left(segment) => {
                    let mut shown = relative(segment, ours, theirs);
                    if !self.told {
                        writer.calls_before(*at, &shown, self.later(index, ours, theirs));
                        // When exactly the application read, and with it the window, nobody has said.
                        shown.tcp.window = None;
                    }
                    writer.line(*at, &format!("> {}{}", ecn(segment), render(&shown.tcp)));
                }
            }
        }
        writer.text
    }

    /// What leaves from entry `index` on.
    fn later(&self, index: usize, ours: u32, theirs: u32) -> impl Iterator<Item = Segment> + '_ {
        self.entries.iter().skip(index).filter_map(move |(_, entry)| match entry {
            Entry::Left(segment) => Some(relative(segment, ours, theirs)),
            _ => None,
        })
    }
}

/// The segment with numbers that count from both SYNs, its sender's first.
fn relative(segment: &Segment, sender: u32, receiver: u32) -> Segment {
    use super::syntax::tree::OptionSpec;
    let mut segment = segment.clone();
    segment.tcp.seq = segment.tcp.seq.wrapping_sub(sender);
    segment.tcp.ack = segment.tcp.ack.map(|ack| ack.wrapping_sub(receiver));
    for option in segment.tcp.options.iter_mut().flatten() {
        if let OptionSpec::Sack(blocks) = option {
            for edge in blocks.iter_mut().flat_map(|(left, right)| [left, right]) {
                *edge = edge.wrapping_sub(receiver);
            }
        }
    }
    segment
}

/// The ECN bits as a script says them, where there are any.
fn ecn(segment: &Segment) -> &'static str {
    use super::syntax::tree::EcnSpec;
    match segment.ip.ecn {
        Some(EcnSpec::Bits(1)) => "[ect1] ",
        Some(EcnSpec::Bits(2)) => "[ect0] ",
        Some(EcnSpec::Bits(3)) => "[ce] ",
        _ => "",
    }
}

/// What the application must have done so far.
#[derive(Clone, Copy, Debug, Default)]
struct Guess {
    written: u32,
    read: u64,
    closed: bool,
}

struct Lines {
    text: String,
    start: Time,
    guess: Guess,
    received: Ranges,
}

impl Lines {
    fn line(&mut self, at: Time, line: &str) {
        let _ = writeln!(self.text, "{:.6} {line}", at.since(self.start).as_secs_f64());
    }

    fn opening(&mut self, active: bool) {
        let fd = if active { FD } else { 3 };
        self.line(self.start, &format!("socket(..., SOCK_STREAM, IPPROTO_TCP) = {fd}"));
        if active {
            self.line(self.start, &format!("fcntl({FD}, F_SETFL, O_RDWR|O_NONBLOCK) = 0"));
            self.line(self.start, &format!("connect({FD}, ..., ...) = -1 EINPROGRESS"));
        } else {
            self.line(self.start, "bind(3, ..., ...) = 0");
            self.line(self.start, "listen(3, 10) = 0");
        }
    }

    /// What must have been called for this segment to leave.
    fn calls_before(&mut self, at: Time, segment: &Segment, mut later: impl Iterator<Item = Segment>) {
        let end = segment.tcp.seq.wrapping_add(u32::from(segment.tcp.len));
        let written = self.guess.written.wrapping_add(1);
        let mut early = false;
        if segment.tcp.len > 0 && SeqNum(end).after(SeqNum(written)) {
            let pushed = later.find(|later| later.tcp.flags.contains(crate::wire::Flags::PSH) && later.tcp.len > 0);
            let upto = pushed.as_ref().map_or(end, |later| later.tcp.seq.wrapping_add(u32::from(later.tcp.len)));
            let count = upto.wrapping_sub(written);
            self.line(at, &format!("write({FD}, ..., {count}) = {count}"));
            self.guess.written = self.guess.written.wrapping_add(count);
            // A FIN that leaves with data was asked for before.
            early = pushed.is_some_and(|last| last.tcp.flags.fin());
        }
        if (early || segment.tcp.flags.fin()) && !std::mem::replace(&mut self.guess.closed, true) {
            self.line(at, &format!("shutdown({FD}, SHUT_WR) = 0"));
        }
    }

    /// What arrived in order is read at once. Not all that arrives is taken: the next acknowledgment says what was.
    fn read(&mut self, at: Time, segment: &Segment, acknowledged: u32) {
        if !segment.tcp.flags.syn() && segment.tcp.len > 0 {
            let from = u64::from(segment.tcp.seq.wrapping_sub(1));
            self.received.insert(from..from + u64::from(segment.tcp.len));
        }
        let readable = self.received.next().min(u64::from(acknowledged.saturating_sub(1)));
        if readable > self.guess.read {
            let count = readable - self.guess.read;
            self.guess.read = readable;
            self.line(at, &format!("read({FD}, ..., {count}) = {count}"));
        }
    }
}
