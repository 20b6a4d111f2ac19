//! `tcpkit replay`: packet scripts, one after the other, and the first difference in each.

use std::collections::BTreeSet;
use std::fs;
use std::io::{self, Read, Write};
use std::path::{Path, PathBuf};
use std::time::Duration;

use colored::Colorize;
use serde_json::{Value, json};

use super::args::{Global, IpChoice, ProfileChoice, ReplayArgs};
use super::exit::{Exit, Failure};
use super::session::open_capture;
use super::units::show_duration;
use crate::capture::{Record, SNAPLEN, Writer};
use crate::script::{IpVersion, Mismatch, Options, Profile, Report, Script, ScriptError, run as run_script};
use crate::time::Time;

/// Lines of the script that are shown before and after the one in question.
const AROUND: usize = 3;
/// Of longer lines only the beginning is shown.
const LONGEST_LINE: usize = 200;
/// A script is written by hand; what is larger is something else.
const LARGEST: u64 = 8 << 20;

/// Runs `tcpkit replay`.
pub fn run(global: &Global, args: &ReplayArgs) -> Result<Exit, Failure> {
    let paths = find(&args.scripts)?;
    if let Some(path) = args.write.as_deref().filter(|path| paths.iter().any(|script| same_file(script, path))) {
        let message = format!("--write {}: that is a script, which would be overwritten", path.display());
        return Err(Failure::new(Exit::Usage, message));
    }
    if global.json && args.write.as_deref() == Some(Path::new("-")) {
        return Err(Failure::new(Exit::Usage, "--json and --write - both write to standard output"));
    }
    let mut capture = args.write.as_deref().map(|path| open_capture(path, &["tcp"], SNAPLEN)).transpose()?;
    let mut screen = Screen { global, beside: args.write.as_deref() == Some(Path::new("-")), deaf: false };
    let options = Options {
        profile: args.profile.map(|choice| match choice {
            ProfileChoice::Rfc => Profile::Rfc,
            ProfileChoice::Linux => Profile::Linux,
        }),
        ip_version: args.ip_version.map(|choice| match choice {
            IpChoice::Ipv4 => IpVersion::V4,
            IpChoice::Ipv6 => IpVersion::V6,
            IpChoice::Ipv4Mapped => IpVersion::V4Mapped,
        }),
        isn: args.isn,
        mtu: args.mtu.map(u32::from),
        ignore_commands: args.ignore_commands,
        trace: global.verbose > 0 || capture.is_some(),
    };
    let mut exit = Exit::Done;
    let mut counts = [0usize; 3];
    let mut start = Time::ZERO;
    for path in &paths {
        let name = path.display().to_string();
        let text = match read(path) {
            Ok(text) => text,
            // The others are worth a verdict all the same.
            Err(failure) if paths.len() > 1 => {
                counts[2] += 1;
                exit = if exit == Exit::Done { failure.exit } else { exit };
                screen.unreadable(&name, &failure.message);
                continue;
            }
            Err(failure) => return Err(failure),
        };
        let outcome = Script::parse_with(&name, &text, &args.define)
            .and_then(|script| run_script(&script, &options).map(|r| (script, r)));
        let (index, code) = match &outcome {
            Ok((_, report)) if report.mismatch.is_none() => (0, Exit::Done),
            Ok(_) => (1, Exit::No),
            Err(_) => (2, Exit::BadInput),
        };
        if let Some(count) = counts.get_mut(index) {
            *count += 1;
        }
        if exit == Exit::Done {
            exit = code;
        }
        if let (Some(writer), Ok((_, report))) = (&mut capture, &outcome) {
            start = record(writer, report, start).map_err(|error| written(args, &error))?;
        }
        let lines: Vec<&str> = text.lines().collect();
        match screen.outcome(&name, &lines, outcome.as_ref().map(|(_, report)| report)) {
            Err(error) if error.kind() != io::ErrorKind::BrokenPipe => {
                return Err(Failure::writing(Path::new("standard output"), &error));
            }
            // Nobody reads any more; the exit code still says how it went.
            Err(_) => screen.deaf = true,
            Ok(()) => {}
        }
    }
    if let Some(mut writer) = capture {
        writer.flush().map_err(|error| written(args, &error))?;
    }
    match screen.total(paths.len(), counts) {
        Err(error) if error.kind() != io::ErrorKind::BrokenPipe => {
            Err(Failure::writing(Path::new("standard output"), &error))
        }
        _ => Ok(exit),
    }
}

fn written(args: &ReplayArgs, error: &io::Error) -> Failure {
    Failure::writing(args.write.as_deref().unwrap_or(Path::new("-")), error)
}

fn same_file(one: &Path, other: &Path) -> bool {
    #[cfg(unix)]
    if let (Ok(one), Ok(other)) = (one.metadata(), other.metadata()) {
        use std::os::unix::fs::MetadataExt;
        // Also by another name of the same file.
        return (one.dev(), one.ino()) == (other.dev(), other.ino());
    }
    one == other || matches!((one.canonicalize(), other.canonicalize()), (Ok(one), Ok(other)) if one == other)
}

/// The scripts that are meant, those of a folder in the order of their names.
fn find(wanted: &[PathBuf]) -> Result<Vec<PathBuf>, Failure> {
    let mut all = Vec::new();
    for path in wanted {
        if path == Path::new("-") || !path.is_dir() {
            all.push(path.clone());
            continue;
        }
        let before = all.len();
        gather(path, &mut all, &mut BTreeSet::new())?;
        if all.len() == before {
            return Err(Failure::new(Exit::CannotRead, format!("no script (*.pkt) in {}", path.display())));
        }
    }
    Ok(all)
}

fn gather(folder: &Path, all: &mut Vec<PathBuf>, seen: &mut BTreeSet<PathBuf>) -> Result<(), Failure> {
    // Links may lead back.
    if !seen.insert(folder.canonicalize().map_err(|error| Failure::reading(folder, &error))?) {
        return Ok(());
    }
    let entries = fs::read_dir(folder).and_then(|entries| entries.collect::<io::Result<Vec<_>>>());
    let mut paths: Vec<PathBuf> =
        entries.map_err(|error| Failure::reading(folder, &error))?.into_iter().map(|entry| entry.path()).collect();
    paths.sort();
    for path in paths {
        if path.is_dir() {
            gather(&path, all, seen)?;
        } else if path.is_file() && path.extension().is_some_and(|extension| extension == "pkt") {
            all.push(path);
        }
    }
    Ok(())
}

fn read(path: &Path) -> Result<String, Failure> {
    let mut bytes = Vec::new();
    let outcome = match path == Path::new("-") {
        true => io::stdin().lock().take(LARGEST + 1).read_to_end(&mut bytes),
        false => fs::File::open(path).and_then(|file| file.take(LARGEST + 1).read_to_end(&mut bytes)),
    };
    outcome.map_err(|error| Failure::reading(path, &error))?;
    if bytes.len() as u64 > LARGEST {
        let message = format!("{}: more than {LARGEST} bytes: that is no script", path.display());
        return Err(Failure::new(Exit::BadInput, message));
    }
    String::from_utf8(bytes).map_err(|error| {
        let at = error.utf8_error().valid_up_to();
        Failure::new(Exit::BadInput, format!("{}: byte {at} is no text: that is no script", path.display()))
    })
}

/// Writes the exchange from `start` on; the time at which the next may begin.
fn record(writer: &mut Writer, report: &Report, start: Time) -> io::Result<Time> {
    for line in &report.lines {
        let Some((direction, bytes)) = &line.packet else { continue };
        let time = start + line.at.since(Time::ZERO);
        let place = match line.line {
            0 => format!("{}: no line expects this", report.script),
            number => format!("{}:{number}", report.script),
        };
        let comment = if line.note.is_empty() { place } else { format!("{place}; {}", line.note) };
        writer.write(&Record { time, interface: 0, direction: Some(*direction), bytes, comment: &comment })?;
    }
    Ok(start + report.duration + Duration::from_secs(1))
}

/// Where results go, and in which words.
struct Screen<'a> {
    global: &'a Global,
    /// Standard output is taken by a capture.
    beside: bool,
    /// Nobody reads any more.
    deaf: bool,
}

impl Screen<'_> {
    fn out(&self) -> Box<dyn Write> {
        match () {
            () if self.deaf => Box::new(io::sink()),
            () if self.beside => Box::new(io::stderr()),
            () => Box::new(io::stdout()),
        }
    }

    fn outcome(&mut self, name: &str, lines: &[&str], outcome: Result<&Report, &ScriptError>) -> io::Result<()> {
        let mut out = self.out();
        if self.global.json {
            return writeln!(out, "{}", object(name, outcome, self.global.verbose > 0));
        }
        match outcome {
            Ok(report) => {
                if self.global.verbose > 0 {
                    self.exchange(&mut *out, report)?;
                }
                match &report.mismatch {
                    None if self.global.quiet => Ok(()),
                    None => {
                        let took = show_duration(report.duration);
                        writeln!(out, "{} {name}: {} events in {took} of virtual time", "ok".green(), report.total)
                    }
                    Some(mismatch) => show(&mut *out, name, lines, mismatch),
                }
            }
            Err(error) => {
                writeln!(out, "{} {name}:{}: {}", "not understood".red(), error.line, error.reason)?;
                excerpt(&mut *out, lines, error.line, error.line)
            }
        }
    }

    /// A file that cannot be read, or is no text.
    fn unreadable(&self, name: &str, reason: &str) {
        // Should that not be possible either, the exit code says it.
        let _ = match self.global.json {
            true => writeln!(self.out(), "{}", json!({ "script": name, "result": "unreadable", "reason": reason })),
            false => writeln!(io::stderr(), "tcpkit: {reason}"),
        };
    }

    /// What happened, with both states.
    fn exchange(&self, out: &mut dyn Write, report: &Report) -> io::Result<()> {
        for line in &report.lines {
            let at = line.at.since(Time::ZERO);
            let number = if line.line == 0 { "   -".into() } else { format!("{:4}", line.line) };
            writeln!(out, "{number} {:>3}.{:06} {}", at.as_secs(), at.subsec_micros(), line.text)?;
            writeln!(out, "     {}", format!("ours {}; peer {}", line.ours, line.peer).dimmed())?;
            if self.global.verbose > 1 && !line.note.is_empty() {
                writeln!(out, "     {}", line.note.dimmed())?;
            }
        }
        for text in &report.printed {
            writeln!(out, "     print: {text}")?;
        }
        Ok(())
    }

    fn total(&self, scripts: usize, [passed, failed, refused]: [usize; 3]) -> io::Result<()> {
        if self.global.json || scripts < 2 || self.global.quiet && failed + refused == 0 {
            return Ok(());
        }
        writeln!(self.out(), "{scripts} scripts: {passed} ok, {failed} mismatch, {refused} not understood")
    }
}

/// A mismatch: where, what was expected and what happened, field by field.
fn show(out: &mut dyn Write, name: &str, lines: &[&str], mismatch: &Mismatch) -> io::Result<()> {
    writeln!(out, "{} {name}:{}: {}", "mismatch".red(), mismatch.line, mismatch.reason)?;
    excerpt(out, lines, mismatch.line, mismatch.last_line)?;
    let seconds = |at: Time| format!("{:.6}", at.since(Time::ZERO).as_secs_f64());
    let (expected_at, got_at) = match mismatch.time {
        Some((from, to, at)) if from == to => (format!("{} ", seconds(from)), format!("{} ", seconds(at))),
        Some((from, to, at)) => (format!("{}~{} ", seconds(from), seconds(to)), format!("{} ", seconds(at))),
        None => (String::new(), String::new()),
    };
    let width = expected_at.len();
    if let Some(expected) = &mismatch.expected {
        writeln!(out, "  {}  {expected_at}{expected}", "expected".green())?;
    }
    if let Some(got) = &mismatch.got {
        writeln!(out, "  {}       {got_at:width$}{got}", "got".red())?;
    }
    if let Some((from, to, at)) = mismatch.time {
        let apart = match () {
            () if at < from => format!("{} before", show_duration(from.since(at))),
            () if at > to => format!("{} after", show_duration(at.since(to))),
            () => "as it should be".into(),
        };
        writeln!(out, "  time      {apart}")?;
    }
    for difference in mismatch.differences.iter().filter(|difference| difference.field != "time") {
        writeln!(out, "  {:<9} expected {}, got {}", difference.field, difference.expected, difference.got)?;
    }
    for waiting in &mismatch.waiting {
        writeln!(out, "  also left {waiting}")?;
    }
    writeln!(out, "  states    ours {}; peer {}", mismatch.states.0, mismatch.states.1)
}

/// The script around some of its lines, those marked.
fn excerpt(out: &mut dyn Write, lines: &[&str], first: usize, last: usize) -> io::Result<()> {
    let from = first.saturating_sub(AROUND + 1);
    for (index, text) in lines.iter().enumerate().take(last + AROUND).skip(from) {
        // What a file says must not move the cursor, and a line is for reading.
        let text: String =
            text.chars().take(LONGEST_LINE).map(|c| if c.is_control() && c != '\t' { '?' } else { c }).collect();
        let number = index + 1;
        let marked = (first..=last).contains(&number);
        let line = format!("{} {number:4} | {text}", if marked { "  >" } else { "   " });
        writeln!(out, "{}", if marked { line.bold() } else { line.normal() })?;
    }
    Ok(())
}

/// The outcome as an object.
fn object(name: &str, outcome: Result<&Report, &ScriptError>, exchange: bool) -> Value {
    let report = match outcome {
        Err(error) => {
            return json!({ "script": name, "result": "not understood", "line": error.line, "reason": error.reason });
        }
        Ok(report) => report,
    };
    let seconds = |at: Time| at.since(Time::ZERO).as_secs_f64();
    let mut object = json!({
        "script": name,
        "result": if report.mismatch.is_none() { "ok" } else { "mismatch" },
        "events": report.events,
        "events_total": report.total,
        "duration": report.duration.as_secs_f64(),
        "printed": report.printed,
    });
    if let Some(mismatch) = &report.mismatch {
        let differences: Vec<Value> = mismatch
            .differences
            .iter()
            .map(|d| json!({ "field": d.field, "expected": d.expected, "got": d.got }))
            .collect();
        object["mismatch"] = json!({
            "line": mismatch.line,
            "reason": mismatch.reason,
            "expected": mismatch.expected,
            "got": mismatch.got,
            "differences": differences,
            "time": mismatch.time.map(|(from, to, at)| json!({
                "from": seconds(from), "to": seconds(to), "got": seconds(at),
            })),
            "waiting": mismatch.waiting,
            "state": mismatch.states.0,
            "peer_state": mismatch.states.1,
        });
    }
    if exchange {
        let lines: Vec<Value> = report
            .lines
            .iter()
            .map(|line| {
                json!({
                    "time": seconds(line.at), "line": line.line, "event": line.text, "state": line.ours,
                    "peer_state": line.peer,
                })
            })
            .collect();
        object["exchange"] = Value::Array(lines);
    }
    object
}
