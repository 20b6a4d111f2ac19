//! The table of connections.

use std::cmp::Reverse;
use std::io::{self, Write};

use colored::Colorize;

use crate::analysis::connection::Connection;
use crate::analysis::findings::grouped;
use crate::analysis::segment::Side;
use crate::analysis::sequence::time;
use crate::analysis::streams::{Digest, Streams};
use crate::cli::args::inspect::SortKey;
use crate::cli::units::{show_bytes, show_rate};
use std::time::Duration;

/// What the table says of a connection.
pub struct Row {
    cells: [String; COLUMNS.len()],
    bad: bool,
}

const COLUMNS: [&str; 10] =
    ["#", "a", "b", "state", "packets a/b", "payload a/b", "duration", "rtx a/b", "rtt", "goodput"];

/// Prints the first `most` connections by `key`, all with 0, among those that are `wanted`.
pub fn print(
    out: &mut dyn Write,
    key: SortKey,
    most: usize,
    streams: &Streams,
    wanted: impl Fn(u32) -> bool,
) -> io::Result<()> {
    let mut chosen: Vec<(usize, Digest)> = streams.digests().filter(|(_, digest)| wanted(digest.stream)).collect();
    let all = chosen.len();
    let most = if most == 0 { all } else { most.min(all) };
    let order = |(_, digest): &(usize, Digest)| (Reverse(weight(key, digest)), digest.stream);
    if most < all {
        chosen.select_nth_unstable_by_key(most, order);
        chosen.truncate(most);
    }
    chosen.sort_by_key(order);
    let rows: Vec<Row> =
        chosen.iter().filter_map(|(at, _)| streams.get(*at)).map(|connection| row(&connection)).collect();
    let mut widths = COLUMNS.map(str::len);
    for row in &rows {
        for (width, cell) in widths.iter_mut().zip(&row.cells) {
            *width = (*width).max(cell.len());
        }
    }
    let line = |cells: &[String; COLUMNS.len()]| {
        let mut line = String::new();
        for (at, (cell, width)) in cells.iter().zip(widths).enumerate() {
            // Names to the left, numbers to the right.
            let width = width + 2;
            line.push_str(&if (1..4).contains(&at) {
                format!("  {cell:<0$}", width - 2)
            } else {
                format!("{cell:>width$}")
            });
        }
        line.trim_end().to_owned()
    };
    writeln!(out, "{}", line(&COLUMNS.map(str::to_owned)).bold())?;
    for row in &rows {
        let line = line(&row.cells);
        if row.bad { writeln!(out, "{}", line.yellow())? } else { writeln!(out, "{line}")? }
    }
    if all > rows.len() {
        writeln!(
            out,
            "  and {} more (--top 0 shows all, --sort chooses the first)",
            grouped((all - rows.len()) as u64)
        )?;
    }
    Ok(())
}

fn weight(key: SortKey, digest: &Digest) -> u64 {
    match key {
        SortKey::Bytes => digest.bytes,
        SortKey::Packets => digest.packets,
        SortKey::Duration => digest.duration,
        SortKey::Retransmissions => u64::from(digest.again),
        SortKey::Rtt => digest.round_trip,
        SortKey::Stream => 0,
    }
}

fn row(connection: &Connection) -> Row {
    let (a, b) = (connection.course(Side::A), connection.course(Side::B));
    let mainly = connection.course(connection.mainly());
    let repeats = |side| {
        let loss = connection.course(side).loss();
        loss.retransmissions() + loss.syn.seen.count + loss.fin.count
    };
    // The place of capture lies somewhere on the way: both parts make the whole.
    let part =
        |side: Side| connection.course(side.other()).round_trips.percentile(50).unwrap_or(connection.way_to(side));
    let rtt = Some(part(Side::A) + part(Side::B)).filter(|rtt| *rtt > 0);
    let duration = Duration::from_nanos(connection.duration());
    let goodput = if mainly.bytes > 0 && !duration.is_zero() {
        show_rate(connection.goodput_bytes(connection.mainly()), duration)
    } else {
        "-".into()
    };
    Row {
        cells: [
            connection.stream.to_string(),
            connection.end(Side::A).to_string(),
            connection.end(Side::B).to_string(),
            connection.history.state().to_owned(),
            format!("{}/{}", grouped(a.packets), grouped(b.packets)),
            format!("{}/{}", show_bytes(a.bytes), show_bytes(b.bytes)),
            time(connection.duration()),
            format!("{}/{}", repeats(Side::A), repeats(Side::B)),
            rtt.map_or_else(|| "-".into(), time),
            goodput,
        ],
        bad: repeats(Side::A) + repeats(Side::B) > 0 || !matches!(connection.history.state(), "SF" | "S1" | "OTH"),
    }
}
