//! What a run came to, for people and for programs.

use std::io::Write;
use std::time::Duration;

use serde_json::{Map, Value, json};

use super::units::{show_bytes, show_duration, show_rate};
use crate::link::Fate;
use crate::net::{Incidents, Report};
use crate::stack::Counters;

/// Where JSON goes: to standard output, or beside it when that is taken.
#[derive(Clone, Copy, Debug)]
pub enum Out {
    /// Standard output.
    Stdout,
    /// Standard error.
    Stderr,
}

impl Out {
    /// Beside standard output when that is taken.
    pub fn beside(taken: bool) -> Self {
        if taken { Out::Stderr } else { Out::Stdout }
    }

    /// Prints one object as a line.
    pub fn line(self, object: &Value) -> std::io::Result<()> {
        match self {
            Out::Stdout => writeln!(std::io::stdout(), "{object}"),
            Out::Stderr => writeln!(std::io::stderr(), "{object}"),
        }
    }
}

/// The facts of a run.
pub struct Summary {
    /// What it was about: the target, or the address served.
    pub what: String,
    /// Bytes transferred, and in how much time.
    pub transfer: Option<(u64, Duration)>,
    /// Bytes that went the other way, where that is what it may be about.
    pub sent: Option<u64>,
    /// What the server answered.
    pub status: Option<u16>,
    /// Our end of the connection.
    pub ours: Option<Report>,
    /// The other end, where it is ours as well.
    pub theirs: Option<Report>,
    /// What happened to packets on the way.
    pub incidents: Incidents,
    /// What our host discarded.
    pub counters: Counters,
    /// Packets that the kernel dropped before us.
    pub dropped_before_us: u64,
    /// What the packets travelled over; nothing where that was said before.
    pub path: String,
    /// What the chances were drawn from.
    pub seed: Option<u64>,
    /// Time was virtual.
    pub simulated: bool,
    /// The run ended early, and why.
    pub failure: Option<String>,
}

impl Summary {
    /// In a few lines.
    pub fn print(&self, out: &mut dyn Write) -> std::io::Result<()> {
        if let Some((bytes, elapsed)) = self.transfer {
            let virtually = if self.simulated { " of simulated time" } else { "" };
            let rate = show_rate(bytes + self.sent.unwrap_or(0), elapsed);
            let sent = self.sent.filter(|sent| *sent > 0);
            let sent = sent.map_or_else(String::new, |sent| format!(", {} sent", show_bytes(sent)));
            // Success needs no number.
            let status = self.status.filter(|status| !(200..300).contains(status));
            let status = status.map_or_else(String::new, |status| format!("HTTP status {status}, "));
            let (bytes, elapsed) = (show_bytes(bytes), show_duration(elapsed));
            writeln!(out, "{}: {status}{bytes}{sent} in {elapsed}{virtually}, {rate}", self.what)?;
        }
        if let Some(ours) = &self.ours {
            writeln!(out, "  connection   {} to {}, {}", ours.local, ours.remote, agreed(ours))?;
            print_end(out, "our end", ours)?;
        }
        if let Some(theirs) = &self.theirs {
            print_end(out, "other end", theirs)?;
        }
        if !self.path.is_empty() {
            writeln!(out, "  path         {}", self.path)?;
        }
        let happened: Vec<String> =
            self.incidents.iter().map(|(fate, count)| format!("{count} {}", fate.name())).collect();
        if !happened.is_empty() {
            writeln!(out, "  impaired     {}", happened.join(", "))?;
        }
        let discarded = discards(&self.counters);
        if !discarded.is_empty() {
            let list: Vec<String> = discarded.iter().map(|(what, count)| format!("{count} {what}")).collect();
            writeln!(out, "  discarded    {}", list.join(", "))?;
        }
        if self.dropped_before_us > 0 {
            writeln!(
                out,
                "  lost here    {} packets, dropped by the kernel before we saw them",
                self.dropped_before_us
            )?;
        }
        if let Some(seed) = self.seed {
            writeln!(out, "  seed         {seed} (the same run again: --seed {seed})")?;
        }
        Ok(())
    }

    /// As one JSON object.
    pub fn json(&self) -> Value {
        let mut object = Map::new();
        object.insert("what".into(), json!(self.what));
        if let Some((bytes, elapsed)) = self.transfer {
            object.insert("bytes".into(), json!(bytes));
            object.insert("bytes_sent".into(), json!(self.sent));
            object.insert("seconds".into(), json!(elapsed.as_secs_f64()));
            object
                .insert("goodput_bits_per_second".into(), json!(bytes as f64 * 8.0 / elapsed.as_secs_f64().max(1e-9)));
        }
        object.insert("status".into(), json!(self.status));
        object.insert("simulated".into(), json!(self.simulated));
        object.insert("ours".into(), self.ours.as_ref().map_or(Value::Null, report_json));
        object.insert("theirs".into(), self.theirs.as_ref().map_or(Value::Null, report_json));
        let incidents: Map<String, Value> = Fate::ALL
            .iter()
            .map(|fate| {
                let name = if *fate == Fate::QueueFull { "queue_full" } else { fate.name() };
                (name.into(), json!(self.incidents.get(fate).copied().unwrap_or(0)))
            })
            .collect();
        object.insert("impaired".into(), Value::Object(incidents));
        let c = &self.counters;
        object.insert(
            "discarded".into(),
            json!({
                "malformed": c.malformed, "bad_checksum": c.bad_checksum, "bad_source": c.bad_source,
                "fragments": c.fragments, "truncated": c.truncated,
            }),
        );
        object.insert("dropped_before_us".into(), json!(self.dropped_before_us));
        object.insert("path".into(), json!(self.path));
        object.insert("seed".into(), json!(self.seed));
        object.insert("failure".into(), json!(self.failure));
        Value::Object(object)
    }
}

/// What both ends agreed on, in words.
pub fn agreed(report: &Report) -> String {
    let (sack, timestamps, ecn) = report.agreed;
    let list: Vec<&str> = [(sack, "SACK"), (timestamps, "timestamps"), (ecn, "ECN")]
        .iter()
        .filter(|(on, _)| *on)
        .map(|(_, name)| *name)
        .collect();
    if list.is_empty() { "no options".into() } else { list.join(", ") }
}

fn print_end(out: &mut dyn Write, name: &str, report: &Report) -> std::io::Result<()> {
    let stats = &report.stats;
    write!(out, "  {name:<12} {} segments sent, {} received", stats.segments_out, stats.segments_in)?;
    let resent = stats.retransmits();
    if resent > 0 {
        let parts = [
            (stats.fast_retransmits, "fast"),
            (stats.timeout_retransmits, "after timeouts"),
            (stats.rescue_retransmits, "rescue"),
            (stats.mtu_retransmits, "for a smaller MTU"),
            (stats.syn_retransmits, "SYN"),
        ];
        let parts: Vec<String> =
            parts.iter().filter(|(count, _)| *count > 0).map(|(count, what)| format!("{count} {what}")).collect();
        write!(out, "; {resent} sent again ({})", parts.join(", "))?;
    }
    let facts = [
        (stats.out_of_order_in, "out of order"),
        (stats.duplicates_in, "duplicates"),
        (stats.sack_blocks_out, "SACK blocks sent"),
        (stats.sack_blocks_in, "SACK blocks received"),
        (stats.sack_blocks_bad, "SACK blocks that make no sense"),
        (stats.dsacks_in, "D-SACKs received"),
        (stats.timestamps_missing_in, "without timestamps, though agreed"),
        (stats.unacceptable_in, "segments that do not fit the connection"),
        (stats.bad_options_in, "options that make no sense"),
    ];
    for (count, what) in facts.iter().filter(|(count, _)| *count > 0) {
        write!(out, ", {count} {what}")?;
    }
    writeln!(out)?;
    if let Some(mean) = report.rtt.mean() {
        let (min, max) = (report.rtt.min, report.rtt.max);
        writeln!(
            out,
            "  {:<12} RTT {} / {} / {} (min/avg/max of {})",
            "",
            show_duration(min),
            show_duration(mean),
            show_duration(max),
            report.rtt.count
        )?;
    }
    Ok(())
}

fn discards(counters: &Counters) -> Vec<(&'static str, u64)> {
    [
        ("with a wrong checksum", counters.bad_checksum),
        ("malformed", counters.malformed),
        ("from impossible sources", counters.bad_source),
        ("fragments", counters.fragments),
        ("cut short by the link", counters.truncated),
    ]
    .into_iter()
    .filter(|(_, count)| *count > 0)
    .collect()
}

fn report_json(report: &Report) -> Value {
    let s = &report.stats;
    let (sack, timestamps, ecn) = report.agreed;
    json!({
        "local": report.local.to_string(), "remote": report.remote.to_string(),
        "state": report.state.name(), "ended": report.ended.map(|reason| reason.to_string()),
        "sack": sack, "timestamps": timestamps, "ecn": ecn,
        "segments_in": s.segments_in, "segments_out": s.segments_out,
        "bytes_in": s.bytes_in, "bytes_out": s.bytes_out,
        "retransmits": {
            "fast": s.fast_retransmits, "timeout": s.timeout_retransmits, "rescue": s.rescue_retransmits,
            "mtu": s.mtu_retransmits, "syn": s.syn_retransmits,
        },
        "timeouts": s.timeouts, "recoveries": s.recoveries, "dup_acks_in": s.dup_acks_in,
        "sack_blocks_in": s.sack_blocks_in, "sack_blocks_bad": s.sack_blocks_bad,
        "sack_blocks_out": s.sack_blocks_out, "dsacks_in": s.dsacks_in, "dsacks_out": s.dsacks_out,
        "out_of_order_in": s.out_of_order_in, "duplicates_in": s.duplicates_in,
        "unacceptable_in": s.unacceptable_in, "challenges_out": s.challenges_out,
        "window_probes_out": s.window_probes_out, "keepalives_out": s.keepalives_out,
        "congestion_marks_in": s.congestion_marks_in, "congestion_echoes_in": s.congestion_echoes_in,
        "bad_options_in": s.bad_options_in, "timestamps_missing_in": s.timestamps_missing_in,
        "rtt_seconds": report.rtt.mean().map(|mean| json!({
            "min": report.rtt.min.as_secs_f64(), "mean": mean.as_secs_f64(), "max": report.rtt.max.as_secs_f64(),
            "samples": report.rtt.count,
        })),
        "cwnd": report.cwnd,
    })
}
