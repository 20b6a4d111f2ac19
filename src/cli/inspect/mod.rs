//! `tcpkit inspect`: what happened in a capture.
//!
//! | file      | subject |
//! |-----------|---------|
//! | `input`   | captures, opened and read one after the other |
//! | `packets` | a line, an object or a row for every segment |
//! | `flows`   | the table of connections |
//! | `report`  | capture facts, flows, findings |
//! | `flow`    | one connection in full |
//! | `hex`     | one frame taken apart |
//! | `follow`  | the bytes of connections, as files |
//! | `live`    | an interface instead of a file (Linux) |

mod flow;
mod flows;
mod follow;
mod hex;
mod input;
#[cfg(target_os = "linux")]
mod live;
mod packets;
mod report;

use std::collections::HashSet;
use std::io::{self, BufWriter, Write};

use super::args::Global;
use super::args::inspect::InspectArgs;
use super::exit::{Exit, Failure};
use crate::analysis::analyzer::{Analyzer, Packet};
use crate::analysis::filter::Filter;
use crate::analysis::findings::{grouped, many};
use input::{Input, Stop};

/// Runs `tcpkit inspect`.
pub fn run(global: &Global, args: &InspectArgs) -> Result<Exit, Failure> {
    let filter = args.filter.as_deref().map(Filter::parse).transpose();
    let filter = filter.map_err(|error| Failure::new(Exit::Usage, format!("--filter: {error}")))?;
    if args.interface.is_some() {
        #[cfg(target_os = "linux")]
        return live::run(global, args, filter);
        #[cfg(not(target_os = "linux"))]
        return Err(Failure::new(Exit::NotAllowed, "capturing is for Linux; here there are files"));
    }
    let mut input = Input::new(args.captures.iter().chain(&args.read).cloned().collect());
    let mut analyzer = Analyzer::new(args.max_flows);
    let outcome = match view(global, args, filter.as_ref(), &mut input, &mut analyzer) {
        Ok(outcome) => outcome,
        // Who reads the result has enough of it.
        Err(error) if error.kind() == io::ErrorKind::BrokenPipe => return Ok(Exit::Done),
        Err(error) => return Err(Failure::new(Exit::CannotWrite, format!("the result cannot be written: {error}"))),
    };
    let totals = analyzer.totals();
    if totals.frames > 0 && totals.unread.of_unknown_links() == totals.frames && !input.has_failed() {
        // As a file of a format that is not read: an empty result would look like a capture without TCP.
        let (text, remedy) = totals.unread.told(totals.frames).unwrap_or_default();
        return Err(Failure::new(Exit::BadInput, format!("{text}\n  {remedy}")));
    }
    let no_report = args.packets || args.csv || global.json || args.flow.is_some() || args.follow.is_some();
    // A frame that is shown was read.
    if no_report || matches!(outcome, View::Missing(_)) {
        tell_unread(global, &analyzer);
    }
    let exit = match outcome {
        View::Done { serious } if serious && args.strict => Exit::No,
        View::Done { .. } => Exit::Done,
        View::Missing(message) => return Err(input.failure().unwrap_or_else(|| Failure::new(Exit::No, message))),
    };
    match input.failure() {
        Some(failure) => Err(failure),
        None => Ok(exit),
    }
}

/// Says what could not be read, where the result itself has no place for it.
pub(super) fn tell_unread(global: &Global, analyzer: &Analyzer) {
    let totals = analyzer.totals();
    if global.quiet {
        return;
    }
    let mut lines = Vec::new();
    if let Some((text, remedy)) = totals.unread.told(totals.frames) {
        lines.push(if remedy.is_empty() { text } else { format!("{text}\n  {remedy}") });
    }
    if totals.unreadable > 0 {
        let segments = many(totals.segments, "TCP segment");
        lines.push(format!(
            "{} of {segments} without more than ports: the rest was not captured",
            grouped(totals.unreadable)
        ));
    }
    if totals.incomplete > 0 {
        lines.push(format!("{} waited in vain for the rest of their datagrams", many(totals.incomplete, "fragment")));
    }
    for line in lines {
        // There is nobody left to tell that it cannot be written.
        let _ = writeln!(io::stderr(), "tcpkit: {line}");
    }
}

/// How a view ended.
pub(super) enum View {
    /// With its result.
    Done {
        /// There are findings above a note.
        serious: bool,
    },
    /// What was asked for is not there.
    Missing(String),
}

fn view(
    global: &Global,
    args: &InspectArgs,
    filter: Option<&Filter>,
    input: &mut Input,
    analyzer: &mut Analyzer,
) -> io::Result<View> {
    let mut out = BufWriter::with_capacity(1 << 16, io::stdout().lock());
    if args.packets {
        let mut lines = packets::Lines::new(&mut out, global, args.csv)?;
        input.read(analyzer, args.count, Some(&mut |packet| lines.show(packet, filter)))?;
        lines.flush()?;
        return Ok(View::Done { serious: false });
    }
    if let Some(number) = args.hex {
        return hex::show(&mut out, number, input, analyzer);
    }
    if let Some(followed) = args.follow {
        return follow::write(&mut out, followed, args.output.as_deref(), input, analyzer, args.count);
    }
    let mut wanted = HashSet::new();
    match filter {
        None => input.read(analyzer, args.count, None)?,
        Some(filter) => {
            let mut note = |packet: &Packet<'_>| {
                if filter.matches(&packets::Shown(packet)) {
                    wanted.insert(packet.connection.stream);
                }
                Ok(Stop::No)
            };
            input.read(analyzer, args.count, Some(&mut note))?;
        }
    }
    if input.facts.is_empty() {
        // Not one of the captures could be opened: there is nothing to report but that.
        return Ok(View::Done { serious: false });
    }
    let wanted = filter.map(|_| wanted);
    let outcome = match args.flow {
        Some(number) => flow::show(&mut out, global, number, analyzer)?,
        None => report::show(&mut out, global, args, input, analyzer, wanted.as_ref())?,
    };
    out.flush()?;
    Ok(outcome)
}
