//! Every segment: a line for people, an object or a row for programs.

use std::fmt::Write as _;
use std::io::{self, Write};

use colored::Colorize;

use super::input::Stop;
use crate::analysis::analyzer::Packet;
use crate::analysis::filter::{Filter, Subject};
use crate::analysis::segment::{Checksum, Segment, Side};
use crate::analysis::sequence::{Marks, Scale};
use crate::cli::args::Global;
use crate::wire::pretty::option_list;

/// A segment as filters ask about it.
pub struct Shown<'a>(pub &'a Packet<'a>);

impl Shown<'_> {
    fn side(&self) -> Side {
        self.0.side
    }

    /// True for what was counted to a connection.
    fn judged(&self) -> bool {
        self.0.connection.stream != u32::MAX
    }
}

impl Subject for Shown<'_> {
    fn segment(&self) -> &Segment<'_> {
        self.0.segment
    }
    fn stream(&self) -> Option<u32> {
        self.judged().then_some(self.0.connection.stream)
    }
    fn relative_seq(&self) -> Option<u32> {
        Some(self.0.segment.header.seq.0.wrapping_sub(self.0.connection.base(self.side()).0))
    }
    fn relative_ack(&self) -> Option<u32> {
        let header = &self.0.segment.header;
        if !header.flags.ack() {
            return Some(header.ack.0);
        }
        Some(header.ack.0.wrapping_sub(self.0.connection.base(self.side().other()).0))
    }
    fn relative_time(&self) -> Option<u64> {
        Some(self.0.relative)
    }
    fn stream_time(&self) -> Option<u64> {
        Some(self.0.segment.time.since(self.0.connection.first.1).as_nanos() as u64)
    }
    fn stream_delta_time(&self) -> Option<u64> {
        Some(self.0.since_last)
    }
    fn window(&self) -> Option<u64> {
        if self.0.segment.window_cut {
            return None;
        }
        let window = u64::from(self.0.segment.header.window);
        Some(match self.0.connection.sequence.direction(self.side()).scale() {
            Scale::Shift(shift) if !self.0.segment.header.flags.syn() => window << shift,
            _ => window,
        })
    }
    fn is_flagged(&self, name: &str) -> bool {
        self.0.verdict.marks.reported().names().any(|known| known == name)
    }
    fn is_flagged_at_all(&self) -> bool {
        !self.0.verdict.marks.is_empty()
    }
    fn ack_rtt(&self) -> Option<u64> {
        self.0.verdict.acknowledges.map(|sent| sent.nanos)
    }
    fn handshake_rtt(&self) -> Option<u64> {
        self.0.connection.sequence.handshake()
    }
    fn rto(&self) -> Option<u64> {
        self.0.verdict.rto.map(|first| first.nanos)
    }
    fn bytes_in_flight(&self) -> Option<u32> {
        self.0.verdict.bytes_in_flight
    }
    fn duplicate_ack_number(&self) -> Option<u32> {
        self.0.verdict.duplicate_ack.map(|(number, _)| number)
    }
    fn frame_len(&self) -> Option<u32> {
        Some(self.0.frame.1)
    }
    fn frame_bytes(&self) -> Option<&[u8]> {
        Some(self.0.frame.0)
    }
}

/// How segments are written.
enum Style {
    /// A line; with more, the states of both ends, too.
    Text {
        states: bool,
    },
    Json,
    Csv,
}

/// Writes segments.
pub struct Lines<'w> {
    out: &'w mut dyn Write,
    style: Style,
    line: String,
}

/// The columns of comma-separated values: the fields of the objects.
const COLUMNS: &str =
    "frame,time,stream,src,sport,dst,dport,flags,seq,ack,len,win,analysis,reasons,ack_rtt,rto,bytes_in_flight";

impl<'w> Lines<'w> {
    /// Lines to `out`.
    pub fn new(out: &'w mut dyn Write, global: &Global, csv: bool) -> io::Result<Self> {
        let style = match (global.json, csv) {
            (true, _) => Style::Json,
            (_, true) => Style::Csv,
            _ => Style::Text { states: global.verbose > 0 },
        };
        if csv {
            writeln!(out, "{COLUMNS}")?;
        }
        Ok(Lines { out, style, line: String::new() })
    }

    /// Writes a segment when `filter` lets it through.
    pub fn show(&mut self, packet: &Packet<'_>, filter: Option<&Filter>) -> io::Result<Stop> {
        let shown = Shown(packet);
        if filter.is_some_and(|filter| !filter.matches(&shown)) {
            return Ok(Stop::No);
        }
        self.line.clear();
        // Writing to a String cannot fail.
        let _ = match self.style {
            Style::Json => json(&mut self.line, &shown),
            Style::Csv => csv(&mut self.line, &shown),
            Style::Text { states } => text(&mut self.line, &shown, states),
        };
        self.line.push('\n');
        self.out.write_all(self.line.as_bytes())?;
        Ok(Stop::No)
    }

    /// Hands everything on.
    pub fn flush(&mut self) -> io::Result<()> {
        self.out.flush()
    }
}

/// Why the segment was judged as it was, and what is odd about it.
pub fn reasons(packet: &Packet<'_>) -> Vec<String> {
    let mut reasons = packet.before.map_or_else(Vec::new, |before| before.reasons(packet.segment, &packet.verdict));
    if let Some(illegal) = packet.illegal {
        reasons.push(format!("not allowed: {illegal} ({})", illegal.clause()));
    }
    match packet.segment.checksum {
        Checksum::Bad => reasons.push("the checksum does not fit: damaged on the way".into()),
        Checksum::Unfilled => reasons.push("the checksum is not filled in yet: captured on the sending host".into()),
        Checksum::Good | Checksum::Unknown => {}
    }
    if packet.segment.quoted {
        reasons.push("quoted by an ICMP error, not sent".into());
    }
    reasons
}

/// Seconds with nine digits behind the point, so that not a nanosecond is lost.
fn seconds(out: &mut String, nanos: u64) -> std::fmt::Result {
    write!(out, "{}.{:09}", nanos / 1_000_000_000, nanos % 1_000_000_000)
}

fn flags(segment: &Segment<'_>) -> String {
    segment.header.flags.to_string()
}

fn json(out: &mut String, shown: &Shown<'_>) -> std::fmt::Result {
    let packet = shown.0;
    let segment = packet.segment;
    let header = &segment.header;
    write!(out, "{{\"frame\":{},\"time\":", segment.frame)?;
    seconds(out, segment.time.as_nanos())?;
    match shown.stream() {
        Some(stream) => write!(out, ",\"stream\":{stream}")?,
        None => out.push_str(",\"stream\":null"),
    }
    write!(
        out,
        ",\"src\":\"{}\",\"sport\":{},\"dst\":\"{}\",\"dport\":{},\"flags\":\"{}\"",
        segment.src,
        header.src_port,
        segment.dst,
        header.dst_port,
        flags(segment)
    )?;
    write!(
        out,
        ",\"seq\":{},\"ack\":{},\"len\":{},",
        shown.relative_seq().unwrap_or(0),
        shown.relative_ack().unwrap_or(0),
        segment.len,
    )?;
    match shown.window() {
        Some(window) => write!(out, "\"win\":{},\"window\":{window}", header.window)?,
        None => out.push_str("\"win\":null,\"window\":null"),
    }
    out.push_str(",\"analysis\":[");
    for (at, name) in packet.verdict.marks.reported().names().enumerate() {
        write!(out, "{}\"{name}\"", if at > 0 { "," } else { "" })?;
    }
    out.push_str("],\"reasons\":[");
    for (at, reason) in reasons(packet).into_iter().enumerate() {
        write!(out, "{}{}", if at > 0 { "," } else { "" }, serde_json::Value::String(reason))?;
    }
    out.push(']');
    for (name, nanos) in [("ack_rtt", shown.ack_rtt()), ("rto", shown.rto())] {
        if let Some(nanos) = nanos {
            write!(out, ",\"{name}\":")?;
            seconds(out, nanos)?;
        }
    }
    if let Some(bytes) = packet.verdict.bytes_in_flight {
        write!(out, ",\"bytes_in_flight\":{bytes}")?;
    }
    if let Some((number, frame)) = packet.verdict.duplicate_ack {
        write!(out, ",\"duplicate_ack\":{{\"number\":{number},\"of\":{frame}}}")?;
    }
    let states = &packet.connection.states;
    if let (Some(own), Some(peer)) = (states.state(packet.side), states.state(packet.side.other())) {
        write!(out, ",\"states\":{{\"src\":\"{own}\",\"dst\":\"{peer}\"}}")?;
    }
    out.push('}');
    Ok(())
}

fn csv(out: &mut String, shown: &Shown<'_>) -> std::fmt::Result {
    let packet = shown.0;
    let segment = packet.segment;
    let header = &segment.header;
    write!(out, "{},", segment.frame)?;
    seconds(out, segment.time.as_nanos())?;
    let stream = shown.stream().map_or_else(String::new, |stream| stream.to_string());
    write!(
        out,
        ",{stream},{},{},{},{},{},{},{},{},",
        segment.src,
        header.src_port,
        segment.dst,
        header.dst_port,
        flags(segment),
        shown.relative_seq().unwrap_or(0),
        shown.relative_ack().unwrap_or(0),
        segment.len
    )?;
    if !segment.window_cut {
        write!(out, "{}", header.window)?;
    }
    out.push(',');
    let names: Vec<&str> = packet.verdict.marks.reported().names().collect();
    write!(out, "{},\"{}\",", names.join(" "), reasons(packet).join("; ").replace('"', "\"\""))?;
    for nanos in [shown.ack_rtt(), shown.rto()] {
        if let Some(nanos) = nanos {
            seconds(out, nanos)?;
        }
        out.push(',');
    }
    if let Some(bytes) = packet.verdict.bytes_in_flight {
        write!(out, "{bytes}")?;
    }
    Ok(())
}

fn text(out: &mut String, shown: &Shown<'_>, states: bool) -> std::fmt::Result {
    let packet = shown.0;
    let segment = packet.segment;
    let header = &segment.header;
    write!(out, "{:>6} ", segment.frame)?;
    let relative = packet.relative;
    write!(out, "{:>4}.{:06} ", relative / 1_000_000_000, relative % 1_000_000_000 / 1000)?;
    match shown.stream() {
        Some(stream) => write!(out, "{stream:>3} ")?,
        None => out.push_str("  - "),
    }
    let family = if segment.dst.is_ipv4() { "IP" } else { "IP6" };
    write!(out, "{family} {}.{} > {}.{}: Flags [", segment.src, header.src_port, segment.dst, header.dst_port)?;
    match segment.window_cut && !shown.judged() {
        // Of what is told to no connection, no more than ports or the sequence number was captured.
        true => out.push_str("?]"),
        false => write!(out, "{}]", header.flags)?,
    }
    let seq = shown.relative_seq().unwrap_or(0);
    if segment.len > 0 {
        write!(out, ", seq {seq}:{}", seq.wrapping_add(segment.len))?;
    } else if segment.seq_len() > 0 || header.flags.rst() {
        write!(out, ", seq {seq}")?;
    }
    if header.flags.ack() {
        write!(out, ", ack {}", shown.relative_ack().unwrap_or(0))?;
    }
    match segment.window_cut {
        true => out.push_str(", win ?"),
        false => write!(out, ", win {}", header.window)?,
    }
    if let Some(window) = shown.window().filter(|window| *window != u64::from(header.window)) {
        write!(out, " ({window})")?;
    }
    if !segment.option_bytes.is_empty() {
        let base = packet.connection.base(packet.side.other()).0;
        write!(out, ", options [{}]", option_list(segment.option_bytes, base))?;
    }
    if segment.options_cut {
        out.push_str(" (not all captured)");
    }
    write!(out, ", length {}", segment.len)?;
    let known = &packet.connection.states;
    if states && let (Some(own), Some(peer)) = (known.state(packet.side), known.state(packet.side.other())) {
        write!(out, " {{{own} > {peer}}}")?;
    }
    let names: Vec<&str> = packet.verdict.marks.names().collect();
    let reasons = reasons(packet);
    if !names.is_empty() || !reasons.is_empty() {
        let why = reasons.join("; ");
        let told = match names.is_empty() {
            true => format!("[{why}]"),
            false => format!("[{}: {why}]", names.join(", ")),
        };
        let bad = Marks::LOST_SEGMENT
            | Marks::ACK_LOST_SEGMENT
            | Marks::OUT_OF_ORDER
            | Marks::ZERO_WINDOW
            | Marks::WINDOW_FULL;
        let told = if packet.verdict.marks.intersects(bad) { told.red() } else { told.yellow() };
        write!(out, " {told}")?;
    }
    Ok(())
}
