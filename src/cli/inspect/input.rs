//! Captures, opened and read one after the other as one, in the order of their first packets.

use std::fs::File;
use std::io::{self, Read};
use std::path::{Path, PathBuf};

use crate::analysis::analyzer::{Analyzer, Packet};
use crate::analysis::truth::IMPAIRED;
use crate::capture::read::{Facts, ReadError, Reader};
use crate::cli::exit::{Exit, Failure, printable};
use crate::time::Time;

/// Whether enough was read.
#[derive(Clone, Copy, PartialEq, Eq)]
pub enum Stop {
    /// Go on.
    No,
    /// Enough.
    Yes,
}

/// What is done with each segment.
pub type Visit<'v> = &'v mut dyn FnMut(&Packet<'_>) -> io::Result<Stop>;

/// The captures to read, and what was learned of them.
pub struct Input {
    paths: Vec<PathBuf>,
    /// What each file says of itself.
    pub facts: Vec<(PathBuf, Facts)>,
    /// Frames lost of an interface that was listened to, and its name.
    pub live: Option<(String, u64)>,
    failure: Option<Failure>,
}

impl Input {
    /// An interface, which lost some frames.
    #[cfg(target_os = "linux")]
    pub fn live(name: String, dropped: u64) -> Self {
        Input { live: Some((name, dropped)), ..Input::new(Vec::new()) }
    }

    /// Captures at `paths`; `-` is standard input.
    pub fn new(paths: Vec<PathBuf>) -> Self {
        Input { paths, facts: Vec::new(), live: None, failure: None }
    }

    /// What went wrong first, taken out.
    pub fn failure(&mut self) -> Option<Failure> {
        self.failure.take()
    }

    /// Whether anything went wrong.
    pub fn has_failed(&self) -> bool {
        self.failure.is_some()
    }

    /// Frames that the files say were dropped.
    pub fn dropped(&self) -> u64 {
        let live = self.live.as_ref().map_or(0, |(_, dropped)| *dropped);
        self.facts.iter().map(|(_, facts)| facts.dropped()).sum::<u64>() + live
    }

    /// Reads everything, `most` frames if that is less. A file that cannot be read on is left where it stops, and said
    /// so at the end. Only what `visit` returns as an error ends it early.
    pub fn read(&mut self, analyzer: &mut Analyzer, most: Option<u64>, mut visit: Option<Visit<'_>>) -> io::Result<()> {
        for path in in_order(std::mem::take(&mut self.paths)) {
            let reader = match open(&path) {
                Ok(reader) => reader,
                Err(failure) => {
                    self.note(failure);
                    continue;
                }
            };
            let (facts, outcome) = pump(reader, analyzer, most, &mut visit);
            self.facts.push((path.clone(), facts));
            match outcome {
                Ok(Stop::No) => {}
                Ok(Stop::Yes) => return Ok(()),
                Err(Ended::Reading(error)) => self.note(failed(&path, &error)),
                Err(Ended::Writing(error)) => return Err(error),
            }
        }
        Ok(())
    }

    fn note(&mut self, failure: Failure) {
        self.failure.get_or_insert(failure);
    }
}

/// Captures by the time of their first packet: parts of one that were named in another order (or by a shell that puts
/// `10` before `9`) would otherwise begin with what came later. What can be read only once, and what has no time, stays
/// behind what it was named behind.
fn in_order(paths: Vec<PathBuf>) -> Vec<PathBuf> {
    if paths.len() < 2 {
        return paths;
    }
    let mut latest = None;
    let mut dated: Vec<(Option<Time>, PathBuf)> = paths
        .into_iter()
        .map(|path| {
            latest = first_time(&path).or(latest);
            (latest, path)
        })
        .collect();
    dated.sort_by_key(|(time, _)| *time);
    dated.into_iter().map(|(_, path)| path).collect()
}

/// When a file's first packet was captured.
fn first_time(path: &Path) -> Option<Time> {
    if path == Path::new("-") || !std::fs::metadata(path).ok()?.is_file() {
        return None;
    }
    open(path).ok()?.next().ok()??.time
}

enum Ended {
    Reading(ReadError),
    Writing(io::Error),
}

fn pump(
    mut reader: Reader,
    analyzer: &mut Analyzer,
    most: Option<u64>,
    visit: &mut Option<Visit<'_>>,
) -> (Facts, Result<Stop, Ended>) {
    let outcome = loop {
        if most.is_some_and(|most| analyzer.totals().frames >= most) {
            break Ok(Stop::Yes);
        }
        let frame = match reader.next() {
            Ok(Some(frame)) => frame,
            Ok(None) => break Ok(Stop::No),
            Err(error) => break Err(Ended::Reading(error)),
        };
        let impaired = frame.name == Some(IMPAIRED);
        match visit {
            None => analyzer.on_frame(&frame, impaired, None),
            Some(visit) => {
                let mut stop = Ok(Stop::No);
                analyzer.on_frame(&frame, impaired, Some(&mut |packet| stop = visit(packet)));
                match stop {
                    Ok(Stop::No) => {}
                    Ok(Stop::Yes) => break Ok(Stop::Yes),
                    Err(error) => break Err(Ended::Writing(error)),
                }
            }
        }
    };
    (reader.facts().clone(), outcome)
}

fn open(path: &Path) -> Result<Reader, Failure> {
    let input: Box<dyn Read + Send> = if path == Path::new("-") {
        Box::new(io::stdin())
    } else {
        Box::new(File::open(path).map_err(|error| Failure::reading(path, &error))?)
    };
    Reader::new(input).map_err(|error| failed(path, &error))
}

fn failed(path: &Path, error: &ReadError) -> Failure {
    let name = if path == Path::new("-") { "standard input".into() } else { printable(&path.display().to_string()) };
    let exit = match error {
        ReadError::Io { source, .. } if source.raw_os_error().is_some() => Exit::CannotRead,
        _ => Exit::BadInput,
    };
    Failure::new(exit, format!("{name}: {error}"))
}
