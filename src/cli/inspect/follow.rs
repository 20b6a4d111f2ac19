//! The bytes of connections: into files, or one connection's onto standard output.

use std::collections::{HashMap, HashSet, VecDeque};
use std::io::{self, IsTerminal, Write};
use std::path::Path;

use colored::Colorize;

use super::View;
use super::input::{Input, Stop};
use crate::analysis::analyzer::{Analyzer, Packet};
use crate::analysis::follow::{Chunk, Folder, FolderError, Follower, Limits};
use crate::analysis::segment::Side;
use crate::cli::args::inspect::Followed;

/// Connections that are over and might still get a segment.
const LINGERING: usize = 1024;

/// Writes the bytes of `followed` to `folder`; without one, those of one connection to standard output, in the order in
/// which they were said, and those of all to the current folder.
pub fn write(
    out: &mut dyn Write,
    followed: Followed,
    folder: Option<&Path>,
    input: &mut Input,
    analyzer: &mut Analyzer,
    most: Option<u64>,
) -> io::Result<View> {
    let sink = match (folder, followed) {
        (None, Followed::One(_)) => Sink::Plain { out, terminal: io::stdout().is_terminal() },
        (folder, _) => Sink::Folder(Folder::create(folder.unwrap_or(Path::new("."))).map_err(failed)?),
    };
    let limits = match followed {
        Followed::One(_) => Limits::default(),
        Followed::All => Limits { waiting: 4 << 20, compared: 8 << 10 },
    };
    let mut streams =
        Streams { sink, limits, open: HashMap::new(), ended: VecDeque::new(), done: HashSet::new(), seen: false };
    let mut visit = |packet: &Packet<'_>| {
        let stream = packet.connection.stream;
        let wanted = match followed {
            Followed::One(number) => number == stream,
            Followed::All => true,
        };
        // What was not judged (quoted by an error, no length) is no part of a stream.
        if wanted && packet.before.is_some() {
            streams.take(packet)?;
        }
        Ok(Stop::No)
    };
    input.read(analyzer, most, Some(&mut visit))?;
    let seen = streams.seen;
    streams.finish()?;
    match followed {
        Followed::One(number) if !seen => Ok(View::Missing(format!(
            "there is no connection {number}: the capture has {}, counted from 0",
            analyzer.streams().opened()
        ))),
        _ => Ok(View::Done { serious: false }),
    }
}

/// Where bytes go.
enum Sink<'w> {
    Folder(Folder),
    Plain { out: &'w mut dyn Write, terminal: bool },
}

impl Sink<'_> {
    fn write(&mut self, stream: u32, side: Side, chunk: Chunk<'_>) -> io::Result<()> {
        let (out, terminal) = match self {
            Sink::Folder(folder) => return folder.write(stream, side, chunk).map_err(failed),
            Sink::Plain { out, terminal } => (out, *terminal),
        };
        match chunk {
            Chunk::Bytes { bytes, .. } if terminal => {
                let text: String = String::from_utf8_lossy(bytes)
                    .chars()
                    .map(|c| if c.is_control() && c != '\n' && c != '\t' { '.' } else { c })
                    .collect();
                write!(out, "{}", if side == Side::A { text.red() } else { text.blue() })
            }
            Chunk::Bytes { bytes, .. } => out.write_all(bytes),
            Chunk::Hole(hole) => {
                writeln!(
                    io::stderr(),
                    "tcpkit: {} bytes are missing at byte {} of {}",
                    hole.length,
                    hole.stream_offset,
                    name(side)
                )
            }
            Chunk::Conflict(conflict) => writeln!(
                io::stderr(),
                "tcpkit: {} bytes at byte {} of {} came twice and differ: those of frame {} are kept, not those of frame {}",
                conflict.length,
                conflict.stream_offset,
                name(side),
                conflict.kept,
                conflict.refused
            ),
        }
    }

    fn end(&mut self, stream: u32) -> io::Result<()> {
        match self {
            Sink::Folder(folder) => folder.end(stream).map_err(failed),
            Sink::Plain { .. } => Ok(()),
        }
    }
}

fn name(side: Side) -> char {
    if side == Side::A { 'a' } else { 'b' }
}

fn failed(error: FolderError) -> io::Error {
    io::Error::new(error.error.kind(), error.to_string())
}

/// The connections that are followed.
struct Streams<'w> {
    sink: Sink<'w>,
    limits: Limits,
    open: HashMap<u32, Follower>,
    /// Those that are over, in order.
    ended: VecDeque<u32>,
    /// Those of which nothing more is taken.
    done: HashSet<u32>,
    seen: bool,
}

impl Streams<'_> {
    fn take(&mut self, packet: &Packet<'_>) -> io::Result<()> {
        let stream = packet.connection.stream;
        self.seen = true;
        if self.done.contains(&stream) {
            return Ok(());
        }
        let follower = self.open.entry(stream).or_insert_with(|| Follower::new(self.limits));
        let sink = &mut self.sink;
        follower.on_segment(packet.side, packet.segment, &mut |side, chunk| sink.write(stream, side, chunk))?;
        if packet.connection.is_over() && self.ended.back() != Some(&stream) {
            self.ended.push_back(stream);
            if self.ended.len() > LINGERING
                && let Some(oldest) = self.ended.pop_front()
            {
                self.end(oldest)?;
            }
        }
        Ok(())
    }

    fn end(&mut self, stream: u32) -> io::Result<()> {
        let Some(mut follower) = self.open.remove(&stream) else { return Ok(()) };
        self.done.insert(stream);
        let sink = &mut self.sink;
        follower.finish(&mut |side, chunk| sink.write(stream, side, chunk))?;
        self.sink.end(stream)
    }

    fn finish(mut self) -> io::Result<()> {
        let mut open: Vec<u32> = self.open.keys().copied().collect();
        open.sort_unstable();
        open.into_iter().try_for_each(|stream| self.end(stream))?;
        match self.sink {
            Sink::Folder(folder) => folder.finish().map_err(failed),
            Sink::Plain { out, .. } => out.flush(),
        }
    }
}
