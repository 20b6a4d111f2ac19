//! One connection in full: handshake, options, states, loss, round trips, windows, every count.

use std::io::{self, Write};
use std::time::Duration;

use colored::Colorize;
use serde_json::{Map, Value, json};

use super::View;
use super::report::{SIDES, print_findings};
use crate::analysis::analyzer::Analyzer;
use crate::analysis::connection::{Connection, Offer};
use crate::analysis::course::Course;
use crate::analysis::findings::{self, Collection, grouped, many};
use crate::analysis::limits::Limit;
use crate::analysis::segment::Side;
use crate::analysis::sequence::{Scale, time};
use crate::analysis::sketch::Sketch;
use crate::analysis::tally::Row;
use crate::cli::args::Global;
use crate::cli::units::{show_bytes, show_rate};
use crate::time::Time;

/// Prints connection `number`.
pub fn show(out: &mut dyn Write, global: &Global, number: u32, analyzer: &Analyzer) -> io::Result<View> {
    let mut found = None;
    let end = analyzer.totals().span.map_or(Time::ZERO, |(_, end)| end);
    analyzer.streams().for_each(|connection| {
        if connection.stream == number {
            connection.tally.until(connection.relative(end).as_nanos());
            found = Some(connection.clone());
        }
    });
    let Some(connection) = found else {
        let opened = analyzer.streams().opened();
        let has = match opened.checked_sub(1) {
            None => "there are no connections".into(),
            Some(_) if number < opened => "it was given up for lack of room; --max-flows N keeps more".into(),
            Some(last) => format!("they are numbered 0 to {last}"),
        };
        return Ok(View::Missing(format!("there is no connection {number}: {has}")));
    };
    let mut collection = Collection::default();
    findings::of_connection(&connection, end).into_iter().for_each(|finding| collection.add(finding));
    if global.json {
        writeln!(out, "{}", object(&connection))?;
        return Ok(View::Done { serious: collection.is_serious() });
    }
    head(out, &connection)?;
    handshake(out, &connection)?;
    ending(out, &connection)?;
    for (side, letter) in SIDES {
        course(out, &connection, side, letter)?;
    }
    counts(out, &connection)?;
    print_findings(out, &collection)?;
    Ok(View::Done { serious: collection.is_serious() })
}

fn head(out: &mut dyn Write, connection: &Connection) -> io::Result<()> {
    let begun = std::time::UNIX_EPOCH + Duration::from_nanos(connection.first.1.as_nanos());
    writeln!(
        out,
        "{} a {} b {}",
        format!("connection {}:", connection.stream).bold(),
        connection.end(Side::A),
        connection.end(Side::B)
    )?;
    writeln!(
        out,
        "  {} from {}, frames {} to {}",
        time(connection.duration()),
        humantime::format_rfc3339_micros(begun),
        connection.first.0,
        connection.last.0
    )?;
    let state = |side| connection.states.state(side).map_or_else(|| "unknown".into(), |state| state.to_string());
    writeln!(
        out,
        "  Zeek: {} {}; last states: a {}, b {}",
        connection.history.state(),
        connection.history.letters(),
        state(Side::A),
        state(Side::B)
    )
}

fn offer(offer: &Offer) -> String {
    let mut parts = Vec::new();
    if let Some(mss) = offer.mss {
        parts.push(format!("MSS {mss}"));
    }
    if let Some(shift) = offer.window_scale {
        parts.push(format!("window scale {shift}"));
    }
    for (given, name) in [
        (offer.sack, "SACK"),
        (offer.timestamps, "timestamps"),
        (offer.ecn, "ECN"),
        (offer.fast_open, "Fast Open"),
        (offer.multipath, "multipath"),
    ] {
        if given {
            parts.push(name.into());
        }
    }
    if parts.is_empty() {
        parts.push("no options".into());
    }
    parts.push(format!("window {}", grouped(u64::from(offer.window))));
    if offer.len > 0 {
        parts.push(format!("{} bytes of data", offer.len));
    }
    parts.join(", ")
}

fn handshake(out: &mut dyn Write, connection: &Connection) -> io::Result<()> {
    writeln!(out, "{}", "handshake".bold())?;
    for (side, letter) in SIDES {
        match &connection.course(side).offer {
            Some(given) => writeln!(out, "  {letter} offered: {} (frame {})", offer(given), given.frame)?,
            None => writeln!(out, "  {letter}: its SYN was not captured")?,
        }
    }
    if let (Some(a), Some(b)) = (&connection.course(Side::A).offer, &connection.course(Side::B).offer) {
        let mut agreed = Vec::new();
        let both = |of: fn(&Offer) -> bool| of(a) && of(b);
        if both(|offer| offer.window_scale.is_some()) {
            agreed.push("window scaling");
        }
        if both(|offer| offer.sack) {
            agreed.push("SACK");
        }
        if both(|offer| offer.timestamps) {
            agreed.push("timestamps");
        }
        if both(|offer| offer.ecn) {
            agreed.push("ECN");
        }
        if both(|offer| offer.multipath) {
            agreed.push("multipath");
        }
        let agreed = if agreed.is_empty() { "nothing".into() } else { agreed.join(", ") };
        writeln!(out, "  agreed: {agreed}")?;
    }
    if let Some(answer) = connection.handshake.0 {
        let done = connection.handshake.1.map_or_else(String::new, |done| format!(", SYN-ACK to ACK {}", time(done)));
        writeln!(out, "  SYN to SYN-ACK {}{done}", time(answer))?;
    }
    Ok(())
}

fn ending(out: &mut dyn Write, connection: &Connection) -> io::Result<()> {
    for reset in &connection.resets {
        let state = reset.state.map_or_else(|| "unknown".into(), |state| state.to_string());
        writeln!(out, "  reset by {} in state {state}, frame {}", connection.end(reset.side), reset.frame)?;
    }
    for note in &connection.icmp {
        writeln!(out, "  ICMP from {}: {:?}, frame {}", note.from, note.what, note.frame)?;
    }
    Ok(())
}

fn spread(sketch: &Sketch) -> String {
    let at = |percent| sketch.percentile(percent).map_or_else(|| "-".into(), time);
    let edge = |value: Option<u64>| value.map_or_else(|| "-".into(), time);
    format!(
        "min {}, median {}, p95 {}, p99 {}, max {} ({} samples, Karn's rule)",
        edge(sketch.min()),
        at(50),
        at(95),
        at(99),
        edge(sketch.max()),
        grouped(u64::from(sketch.count()))
    )
}

fn course(out: &mut dyn Write, connection: &Connection, side: Side, letter: char) -> io::Result<()> {
    let course = connection.course(side);
    let (loss, limits) = (course.loss(), &course.limits);
    writeln!(out, "{} ({})", format!("{letter} to the other").bold(), connection.end(side))?;
    let duration = Duration::from_nanos(connection.duration());
    writeln!(
        out,
        "  sent {} in {}, goodput {}",
        show_bytes(course.bytes),
        many(course.packets, "packet"),
        show_rate(connection.goodput_bytes(side), duration)
    )?;
    if course.round_trips.count() > 0 {
        writeln!(out, "  round trips: {}", spread(&course.round_trips))?;
    }
    if loss.retransmissions() > 0 {
        writeln!(
            out,
            "  retransmitted {} segments, {} bytes: {} after timeouts, {} fast, {} tail loss probes, {} after their acknowledgment; \
             proved needless: {} by D-SACK, {} by timestamps",
            loss.retransmissions(),
            grouped(loss.bytes),
            loss.timeouts.seen.count,
            loss.fast.count,
            loss.tail.count,
            loss.after_ack.count,
            loss.spurious_by_dsack.count,
            loss.spurious_by_timestamp.count
        )?;
    }
    if loss.unseen_bytes() > 0 {
        writeln!(out, "  not captured: {} bytes that were acknowledged", grouped(loss.unseen_bytes()))?;
    }
    if course.bytes > 0 {
        let spent = [Limit::Network, Limit::Receiver, Limit::Sender].map(|limit| time(limits.spent(limit)));
        let [network, receiver, sender] = spent;
        writeln!(out, "  limited by: network {network}, receiver's window {receiver}, its own application {sender}")?;
    }
    if limits.stalls().zero_window.seen.count > 0 {
        writeln!(
            out,
            "  the receiver's window was closed {} times, {} in all",
            limits.stalls().zero_window.seen.count,
            time(limits.stalls().zero_window.total)
        )?;
    }
    let scale = match connection.sequence.direction(side).scale() {
        Scale::Shift(shift) => format!("shift {shift}"),
        Scale::Unused => "not scaled".into(),
        Scale::Unknown => "scale unknown".into(),
    };
    let offered = connection.course(side.other()).limits.most_window;
    writeln!(out, "  offered at most {} bytes of window ({scale})", grouped(offered))?;
    for (illegal, of, seen) in &connection.illegal {
        if *of == side {
            writeln!(
                out,
                "  not allowed, {} times: {illegal} ({}), first in frame {}",
                seen.count,
                illegal.clause(),
                seen.first().unwrap_or(0)
            )?;
        }
    }
    Ok(())
}

/// All of tcptrace's statistics, under its names.
fn counts(out: &mut dyn Write, connection: &Connection) -> io::Result<()> {
    writeln!(out, "{}", "counts, as tcptrace has them".bold())?;
    for line in connection.tally.text(true).to_string().lines() {
        writeln!(out, "  {}", line.trim_end())?;
    }
    Ok(())
}

/// A connection for programs.
pub fn object(connection: &Connection) -> Value {
    let side = |side: Side| {
        let course = connection.course(side);
        let (loss, limits) = (course.loss(), &course.limits);
        let rtt = |percent| course.round_trips.percentile(percent).map(seconds);
        let mut object = json!({
            "packets": course.packets,
            "data_packets": course.data_packets,
            "bytes": course.bytes,
            "goodput": goodput(connection, side),
            "state": connection.states.state(side).map(|state| state.to_string()),
            "retransmissions": {
                "all": loss.retransmissions(),
                "bytes": loss.bytes,
                "timeout": loss.timeouts.seen.count,
                "fast": loss.fast.count,
                "tail_probe": loss.tail.count,
                "after_ack": loss.after_ack.count,
                "spurious_dsack": loss.spurious_by_dsack.count,
                "spurious_timestamp": loss.spurious_by_timestamp.count,
                "syn": loss.syn.seen.count,
                "fin": loss.fin.count,
            },
            "out_of_order": loss.reordered.seen.count,
            "not_captured": loss.unseen_bytes(),
            "rtt": {
                "samples": course.round_trips.count(),
                "min": course.round_trips.min().map(seconds),
                "mean": course.round_trips.mean().map(seconds),
                "p50": rtt(50),
                "p95": rtt(95),
                "p99": rtt(99),
                "max": course.round_trips.max().map(seconds),
            },
            "limited": {
                "network": seconds(limits.spent(Limit::Network)),
                "receiver": seconds(limits.spent(Limit::Receiver)),
                "sender": seconds(limits.spent(Limit::Sender)),
            },
            "zero_window": {"times": limits.stalls().zero_window.seen.count, "time": seconds(limits.stalls().zero_window.total)},
            "pauses": {"times": limits.stalls().pauses.seen.count, "time": seconds(limits.stalls().pauses.total)},
            "damaged": course.oddities().damage.seen.count,
            "keep_alives": course.oddities().keep_alives,
            "ce": course.oddities().congestion.0,
            "ece": course.oddities().congestion.1,
            "offer": course.offer.as_ref().map(offer_object),
        });
        if let Some(object) = object.as_object_mut() {
            object.insert("tcptrace".into(), Value::Object(tally(connection, side)));
        }
        object
    };
    json!({
        "type": "flow",
        "stream": connection.stream,
        "a": connection.end(Side::A).to_string(),
        "b": connection.end(Side::B).to_string(),
        "begin": seconds(connection.first.1.as_nanos()),
        "duration": seconds(connection.duration()),
        "first_frame": connection.first.0,
        "last_frame": connection.last.0,
        "conn_state": connection.history.state(),
        "history": connection.history.letters(),
        "handshake": {
            "syn_to_synack": connection.handshake.0.map(seconds),
            "synack_to_ack": connection.handshake.1.map(seconds),
        },
        "illegal": connection.illegal.iter().map(|(illegal, of, seen)| json!({
            "by": if *of == Side::A { "a" } else { "b" },
            "what": illegal.to_string(),
            "clause": illegal.clause(),
            "times": seen.count,
            "frames": seen.frames(),
        })).collect::<Vec<_>>(),
        "from_a": side(Side::A),
        "from_b": side(Side::B),
    })
}

fn offer_object(offer: &Offer) -> Value {
    json!({
        "frame": offer.frame,
        "mss": offer.mss,
        "window_scale": offer.window_scale,
        "sack": offer.sack,
        "timestamps": offer.timestamps,
        "ecn": offer.ecn,
        "fast_open": offer.fast_open,
        "multipath": offer.multipath,
        "window": offer.window,
        "data": offer.len,
    })
}

fn seconds(nanos: u64) -> f64 {
    nanos as f64 / 1e9
}

/// Bits a second, each byte counted once.
fn goodput(connection: &Connection, side: Side) -> Option<f64> {
    let duration = seconds(connection.duration());
    (duration > 0.0).then(|| connection.goodput_bytes(side) as f64 * 8.0 / duration)
}

fn tally(connection: &Connection, side: Side) -> Map<String, Value> {
    let value = |row: &Row| serde_json::to_value(if side == Side::A { row.a } else { row.b }).unwrap_or_default();
    connection.tally.rows().iter().map(|row| (row.key().into_owned(), value(row))).collect()
}

/// A connection as a row of comma-separated values, after a row of names where it is the first.
pub fn row(out: &mut dyn Write, connection: &Connection, first: bool) -> io::Result<()> {
    let course = |side: Side, of: fn(&Course) -> u64| of(connection.course(side)).to_string();
    let own: [(&str, String); 14] = [
        ("stream", connection.stream.to_string()),
        ("a", connection.end(Side::A).ip.to_string()),
        ("a_port", connection.end(Side::A).port.to_string()),
        ("b", connection.end(Side::B).ip.to_string()),
        ("b_port", connection.end(Side::B).port.to_string()),
        ("begin", format!("{:.9}", seconds(connection.first.1.as_nanos()))),
        ("duration", format!("{:.9}", seconds(connection.duration()))),
        ("conn_state", connection.history.state().into()),
        ("history", connection.history.letters().into()),
        ("retransmissions_a2b", course(Side::A, |course| u64::from(course.loss().retransmissions()))),
        ("retransmissions_b2a", course(Side::B, |course| u64::from(course.loss().retransmissions()))),
        ("rtt_p50_a2b", course(Side::A, |course| course.round_trips.percentile(50).unwrap_or(0))),
        ("rtt_p50_b2a", course(Side::B, |course| course.round_trips.percentile(50).unwrap_or(0))),
        ("missed_bytes", course(Side::A, |course| course.loss().unseen_bytes())),
    ];
    let rows = connection.tally.rows();
    if first {
        let names = own.iter().map(|(name, _)| (*name).to_owned());
        let counted = rows.iter().flat_map(|row| ["a2b", "b2a"].map(|side| format!("{}_{side}", row.key())));
        writeln!(out, "{}", names.chain(counted).collect::<Vec<_>>().join(","))?;
    }
    let counted = rows.iter().flat_map(|row| [row.a.to_string(), row.b.to_string()]);
    let values = own.into_iter().map(|(_, value)| value).chain(counted);
    writeln!(out, "{}", values.collect::<Vec<_>>().join(","))
}
