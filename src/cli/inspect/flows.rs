//! The table of connections.

use std::cmp::Reverse;
use std::io::{self, Write};

use colored::Colorize;

use crate::analysis::connection::Connection;
use crate::analysis::findings::grouped;
use crate::analysis::segment::Side;
use crate::analysis::sequence::time;
use crate::cli::args::inspect::SortKey;
use crate::cli::units::{show_bytes, show_rate};
use std::time::Duration;

/// The connections to show: the first few by a key, chosen while they pass.
pub struct Chosen {
    key: SortKey,
    most: usize,
    rows: Vec<(Reverse<u64>, u32, Row)>,
    /// How many there were to choose from.
    pub all: u64,
}

/// What the table says of a connection.
pub struct Row {
    cells: [String; COLUMNS.len()],
    bad: bool,
}

const COLUMNS: [&str; 10] =
    ["#", "a", "b", "state", "packets a/b", "payload a/b", "duration", "rtx a/b", "rtt", "goodput"];

impl Chosen {
    /// The first `most` by `key`; all with 0.
    pub fn new(key: SortKey, most: usize) -> Self {
        Chosen { key, most: if most == 0 { usize::MAX } else { most }, rows: Vec::new(), all: 0 }
    }

    /// Another connection.
    pub fn add(&mut self, connection: &Connection) {
        self.all += 1;
        let weight = weight(self.key, connection);
        // Only what may be among the first is worth a row.
        if self.rows.len() >= self.most.saturating_mul(2).max(64) {
            self.cut();
        }
        if self.rows.len() >= self.most
            && let Some((Reverse(least), stream, _)) = self.rows.get(self.most - 1)
            && (weight, Reverse(connection.stream)) < (*least, Reverse(*stream))
        {
            return;
        }
        self.rows.push((Reverse(weight), connection.stream, row(connection)));
    }

    fn cut(&mut self) {
        self.rows.sort_by_key(|(weight, stream, _)| (*weight, *stream));
        self.rows.truncate(self.most);
    }

    /// Prints the table.
    pub fn print(mut self, out: &mut dyn Write) -> io::Result<()> {
        self.cut();
        let mut widths = COLUMNS.map(str::len);
        for (.., row) in &self.rows {
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
        for (.., row) in &self.rows {
            let line = line(&row.cells);
            if row.bad { writeln!(out, "{}", line.yellow())? } else { writeln!(out, "{line}")? }
        }
        let more = self.all.saturating_sub(self.rows.len() as u64);
        if more > 0 {
            writeln!(out, "  and {} more (--top 0 shows all, --sort chooses the first)", grouped(more))?;
        }
        Ok(())
    }
}

fn weight(key: SortKey, connection: &Connection) -> u64 {
    let sum = |of: fn(&crate::analysis::connection::Course) -> u64| connection.courses.iter().map(of).sum();
    match key {
        SortKey::Bytes => sum(|course| course.bytes),
        SortKey::Packets => sum(|course| course.packets),
        SortKey::Duration => connection.duration(),
        SortKey::Retransmissions => sum(|course| u64::from(course.loss.retransmissions() + course.loss.syn.seen.count)),
        SortKey::Rtt => {
            connection.courses.iter().filter_map(|course| course.round_trips.percentile(50)).max().unwrap_or(0)
        }
        SortKey::Stream => u64::from(u32::MAX - connection.stream),
    }
}

fn row(connection: &Connection) -> Row {
    let (a, b) = (connection.course(Side::A), connection.course(Side::B));
    let mainly = connection.course(connection.mainly());
    let repeats = |side| {
        let loss = &connection.course(side).loss;
        loss.retransmissions() + loss.syn.seen.count + loss.fin.count
    };
    let rtt = mainly.round_trips.percentile(50).or(connection.sequence.handshake());
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
