//! What there is to say of a capture: facts, connections, findings.

use std::collections::HashSet;
use std::io::{self, Write};

use colored::{ColoredString, Colorize};
use serde_json::json;

use super::View;
use super::flows;
use super::input::Input;
use crate::analysis::analyzer::{Analyzer, Totals};
use crate::analysis::findings::{Collection, Finding, Severity, grouped, many};
use crate::analysis::segment::Side;
use crate::analysis::sequence::time;
use crate::analysis::truth::Truth;
use crate::capture::read::Facts;
use crate::cli::args::Global;
use crate::cli::args::inspect::InspectArgs;
use crate::cli::exit::printable;
use crate::cli::units::show_bytes;
use crate::time::Time;

/// Prints everything about `wanted` connections, or all.
pub fn show(
    out: &mut dyn Write,
    global: &Global,
    args: &InspectArgs,
    input: &Input,
    analyzer: &Analyzer,
    wanted: Option<&HashSet<u32>>,
) -> io::Result<View> {
    let is_wanted = |stream| wanted.is_none_or(|wanted| wanted.contains(&stream));
    let machine = global.json || args.csv;
    if global.json {
        writeln!(out, "{}", capture_object(input, analyzer))?;
    }
    if machine {
        objects(out, global.json, analyzer, is_wanted)?;
    }
    let mut findings = analyzer.conclude(input.dropped());
    if let Some(wanted) = wanted {
        findings.keep(|finding| finding.stream.is_none_or(|stream| wanted.contains(&stream)));
    }
    let serious = findings.is_serious();
    if machine {
        if global.json {
            for (finding, more) in findings.told() {
                writeln!(out, "{}", finding_object(finding, more))?;
            }
            if analyzer.truth().is_told() {
                writeln!(out, "{}", truth_object(analyzer.truth()))?;
            }
        }
        return Ok(View::Done { serious });
    }
    if !global.quiet {
        capture(out, input, analyzer)?;
        if analyzer.streams().opened() > 0 {
            writeln!(out)?;
            flows::print(out, args.sort, args.top, analyzer.streams(), is_wanted)?;
        }
    }
    if analyzer.totals().segments == 0 {
        writeln!(out, "no TCP segments")?;
        if analyzer.totals().unread.frames() > 0 {
            print_findings(out, &findings)?;
        }
    } else if !findings.is_empty() || !input.has_failed() {
        print_findings(out, &findings)?;
    }
    print_truth(out, analyzer.truth())?;
    Ok(View::Done { serious })
}

/// Every connection as an object or a row.
fn objects(out: &mut dyn Write, json: bool, analyzer: &Analyzer, is_wanted: impl Fn(u32) -> bool) -> io::Result<()> {
    let end = analyzer.totals().span.map_or(Time::ZERO, |(_, end)| end);
    let (mut first, mut written) = (true, Ok(()));
    analyzer.streams().for_each(|connection| {
        if written.is_err() || !is_wanted(connection.stream) {
            return;
        }
        connection.tally.until(connection.relative(end).as_nanos());
        written = if json {
            writeln!(out, "{}", super::flow::object(connection))
        } else {
            super::flow::row(out, connection, std::mem::take(&mut first))
        };
    });
    written
}

/// Facts of each file, then totals.
fn capture(out: &mut dyn Write, input: &Input, analyzer: &Analyzer) -> io::Result<()> {
    for (path, facts) in &input.facts {
        writeln!(out, "{}: {}", printable(&path.display().to_string()).bold(), file_facts(facts))?;
        for comment in facts.comments.iter().take(3) {
            writeln!(out, "  comment: {}", printable(comment))?;
        }
    }
    if let Some((name, dropped)) = &input.live {
        let dropped = grouped(*dropped);
        writeln!(
            out,
            "{}: live, {dropped} frames dropped by the kernel before they could be read",
            printable(name).bold()
        )?;
    }
    totals(out, analyzer.totals(), analyzer)
}

fn totals(out: &mut dyn Write, totals: &Totals, analyzer: &Analyzer) -> io::Result<()> {
    if let Some((first, last)) = totals.span {
        let begun = std::time::UNIX_EPOCH + std::time::Duration::from_nanos(first.as_nanos());
        writeln!(
            out,
            "{}, {} on the wire, {} from {}",
            many(totals.frames, "frame"),
            show_bytes(totals.bytes),
            time(last.since(first).as_nanos() as u64),
            humantime::format_rfc3339_micros(begun),
        )?;
    }
    let mut line = format!(
        "{} in {}, {} payload",
        many(totals.segments, "TCP segment"),
        many(analyzer.streams().opened(), "connection"),
        show_bytes(totals.payload)
    );
    let mut others: Vec<(&String, &u64)> = totals.others.iter().collect();
    others.sort_by_key(|(_, count)| std::cmp::Reverse(**count));
    if !others.is_empty() {
        let all: u64 = others.iter().map(|(_, count)| **count).sum();
        let named: Vec<String> =
            others.iter().take(4).map(|(name, count)| format!("{name} {}", grouped(**count))).collect();
        let rest = if others.len() > 4 { ", ..." } else { "" };
        line.push_str(&format!("; {} other frames ({}{rest})", grouped(all), named.join(", ")));
    }
    writeln!(out, "{line}")
}

fn file_facts(facts: &Facts) -> String {
    let mut parts = vec![facts.format.to_string()];
    if facts.gzip {
        parts.push("gzip".into());
    }
    parts.push(if facts.mixed_order { "mixed byte order".into() } else { facts.order.to_string() });
    match facts.resolution() {
        Some(resolution) => parts.push(resolution.to_string()),
        None if facts.interfaces.is_empty() => {}
        None => parts.push("several time resolutions".into()),
    }
    match (facts.link(), facts.interfaces.len()) {
        (Some(link), _) => parts.push(link.to_string()),
        (None, 0) => parts.push("no interface".into()),
        (None, _) => parts.push("several link types".into()),
    }
    if facts.interfaces.len() > 1 {
        let names: Vec<String> =
            facts.interfaces.iter().take(4).filter_map(|interface| interface.name.as_deref().map(printable)).collect();
        parts.push(format!("{} interfaces ({})", facts.interfaces.len(), names.join(", ")));
    }
    if facts.sections > 1 {
        parts.push(format!("{} sections", facts.sections));
    }
    if let Some(snaplen) = facts.snaplen().filter(|snaplen| (1..65_535).contains(snaplen)) {
        parts.push(format!("at most {snaplen} bytes of each frame"));
    }
    if let Some(application) = &facts.application {
        parts.push(format!("written by {}", printable(application)));
    }
    parts.join(", ")
}

pub(super) fn print_findings(out: &mut dyn Write, findings: &Collection) -> io::Result<()> {
    let told = findings.told();
    writeln!(out)?;
    if told.is_empty() {
        return writeln!(out, "{}", "nothing to complain about".green());
    }
    for (finding, more) in told {
        let head = paint(finding.severity);
        let stream = finding.stream.map_or_else(String::new, |stream| format!("stream {stream}: "));
        writeln!(out, "{head} {stream}{}{}", finding.text, frames(finding))?;
        if !finding.advice.is_empty() {
            writeln!(out, "        {}", finding.advice.dimmed())?;
        }
        if more > 0 {
            writeln!(out, "        {}", format!("and {} more like this", grouped(more)).dimmed())?;
        }
    }
    let [errors, warnings, notes] = findings.counts();
    writeln!(out, "{}, {}, {}", many(errors, "error"), many(warnings, "warning"), many(notes, "note"))
}

fn frames(finding: &Finding) -> String {
    match finding.frames.as_slice() {
        [] => String::new(),
        [frame] => format!(" (frame {frame})"),
        frames => {
            let frames: Vec<String> = frames.iter().map(u64::to_string).collect();
            format!(" (frames {})", frames.join(", "))
        }
    }
}

fn paint(severity: Severity) -> ColoredString {
    let word = format!("{severity:<7}");
    match severity {
        Severity::Error => word.red().bold(),
        Severity::Warning => word.yellow().bold(),
        Severity::Note => word.cyan(),
    }
}

fn print_truth(out: &mut dyn Write, truth: &Truth) -> io::Result<()> {
    if !truth.is_told() {
        return Ok(());
    }
    let (dropped, corrupted, reordered) = (truth.dropped, truth.corrupted, truth.reordered);
    let mut parts = Vec::new();
    if dropped.done + dropped.invented > 0 {
        parts.push(format!(
            "{} segments dropped, {} of them inferred ({} losses inferred that were none)",
            dropped.done, dropped.found, dropped.invented
        ));
    }
    if truth.dropped_acks > 0 {
        parts.push(format!("{} acknowledgments dropped, which no capture shows", truth.dropped_acks));
    }
    if corrupted.done + corrupted.found > 0 {
        parts.push(format!("{} corrupted, {} wrong checksums seen", corrupted.done, corrupted.found));
    }
    if reordered.done + reordered.found > 0 {
        parts.push(format!("{} held back, {} seen out of order", reordered.done, reordered.found));
    }
    if truth.duplicated > 0 {
        parts.push(format!("{} duplicated", truth.duplicated));
    }
    if truth.delayed > 0 {
        parts.push(format!("{} delayed", truth.delayed));
    }
    if parts.is_empty() {
        parts.push("nothing was done to any packet".into());
    }
    writeln!(out, "truth   (interface impaired): {}", parts.join("; "))
}

fn capture_object(input: &Input, analyzer: &Analyzer) -> serde_json::Value {
    let totals = analyzer.totals();
    let files: Vec<_> = input
        .facts
        .iter()
        .map(|(path, facts)| {
            json!({
                "file": path.display().to_string(),
                "format": facts.format.to_string(),
                "gzip": facts.gzip,
                "link": facts.link().map(|link| link.to_string()),
                "interfaces": facts.interfaces.len(),
                "frames": facts.packets,
                "bytes": facts.bytes,
                "dropped": facts.dropped(),
            })
        })
        .collect();
    let seconds = |nanos: u64| nanos as f64 / 1e9;
    json!({
        "type": "capture",
        "files": files,
        "interface": input.live.as_ref().map(|(name, _)| name),
        "dropped": input.dropped(),
        "frames": totals.frames,
        "bytes": totals.bytes,
        "begin": totals.span.map(|(first, _)| seconds(first.as_nanos())),
        "duration": totals.span.map(|(first, last)| last.since(first).as_secs_f64()),
        "segments": totals.segments,
        "payload": totals.payload,
        "unreadable": totals.unreadable,
        "unread": totals.unread.frames(),
        "connections": analyzer.streams().opened(),
        "merged": analyzer.streams().merged().connections,
        "others": totals.others,
    })
}

fn finding_object(finding: &Finding, more: u64) -> serde_json::Value {
    json!({
        "type": "finding",
        "severity": finding.severity.to_string(),
        "kind": finding.kind,
        "stream": finding.stream,
        "text": finding.text,
        "frames": finding.frames,
        "advice": finding.advice,
        "cost": finding.cost as f64 / 1e9,
        "more": more,
    })
}

fn truth_object(truth: &Truth) -> serde_json::Value {
    let score = |score: crate::analysis::truth::Score| json!({"done": score.done, "found": score.found, "invented": score.invented});
    json!({
        "type": "truth",
        "dropped": score(truth.dropped),
        "dropped_acks": truth.dropped_acks,
        "corrupted": score(truth.corrupted),
        "reordered": score(truth.reordered),
        "duplicated": truth.duplicated,
        "delayed": truth.delayed,
    })
}

/// The sides of a connection with their letters.
pub(super) const SIDES: [(Side, char); 2] = [(Side::A, 'a'), (Side::B, 'b')];
