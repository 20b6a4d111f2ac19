//! An interface instead of a file: connections as they come and go, and the report at Ctrl-C.

use std::collections::HashSet;
use std::io::{self, BufWriter, Write};
use std::time::Duration;

use super::flow;
use super::input::Input;
use super::packets::{Lines, Shown};
use super::{View, report};
use crate::analysis::analyzer::{Analyzer, Packet};
use crate::analysis::filter::Filter;
use crate::analysis::segment::Side;
use crate::analysis::sequence::time;
use crate::capture::Direction;
use crate::capture::read::{Frame, LinkType};
use crate::cli::args::Global;
use crate::cli::args::inspect::InspectArgs;
use crate::cli::exit::{Exit, Failure, printable};
use crate::cli::signals::Signals;
use crate::cli::units::show_bytes;
use crate::link::raw;
use crate::link::raw::listen::{EVERY_INTERFACE, Listener};
use crate::time::Time;

/// How long one wait lasts: signals end it sooner.
const PATIENCE: Duration = Duration::from_millis(200);
/// Ends of connections that are remembered as told.
const TOLD: usize = 1 << 16;

/// Captures until Ctrl-C, or as many frames as were asked for.
pub fn run(global: &Global, args: &InspectArgs, filter: Option<Filter>) -> Result<Exit, Failure> {
    let name = args.interface.clone().unwrap_or_default();
    let index = match raw::interface_index(&name) {
        Some(index) => index,
        // As tcpdump and Wireshark call it.
        None if name == "any" => EVERY_INTERFACE,
        None => {
            let message =
                format!("there is no interface '{}'; ip link lists them, any is all of them", printable(&name));
            return Err(Failure::new(Exit::NotAllowed, message));
        }
    };
    let mut listener = Listener::open(index).map_err(|error| not_allowed(&name, &error))?;
    let signals = Signals::listen();
    if !global.quiet {
        let _ = writeln!(io::stderr(), "tcpkit: listening on {name}; Ctrl-C ends it");
    }
    let mut analyzer = Analyzer::new(args.max_flows);
    let outcome = listen(global, args, filter.as_ref(), &mut listener, &mut analyzer, &signals);
    let outcome = outcome.and_then(|wanted| {
        let dropped = listener.dropped().unwrap_or(0);
        let input = Input::live(name.clone(), dropped);
        if args.packets && !global.quiet {
            let frames = analyzer.totals().frames;
            writeln!(
                io::stderr(),
                "tcpkit: {frames} frames, {dropped} dropped by the kernel before they could be read"
            )?;
        }
        if args.packets || args.csv || global.json || args.flow.is_some() {
            super::tell_unread(global, &analyzer);
        }
        let mut out = BufWriter::new(io::stdout().lock());
        let view = match args.flow {
            Some(number) => flow::show(&mut out, global, number, &analyzer)?,
            None if args.packets && (global.json || args.csv) => View::Done { serious: false },
            None => report::show(&mut out, global, args, &input, &analyzer, wanted.as_ref())?,
        };
        out.flush()?;
        Ok(view)
    });
    match outcome {
        Ok(View::Missing(message)) => Err(Failure::new(Exit::No, message)),
        Ok(View::Done { serious: true }) if args.strict => Ok(Exit::No),
        Ok(View::Done { .. }) => Ok(signals.exit().unwrap_or(Exit::Done)),
        Err(error) if error.kind() == io::ErrorKind::BrokenPipe => Ok(Exit::Done),
        Err(error) => Err(Failure::new(Exit::CannotWrite, format!("{name}: {error}"))),
    }
}

fn not_allowed(name: &str, error: &io::Error) -> Failure {
    let message = format!(
        "cannot listen on {name}: {error}\n  it needs CAP_NET_RAW: sudo setcap cap_net_raw,cap_net_admin+ep $(command -v tcpkit), or run it with sudo"
    );
    Failure::new(Exit::NotAllowed, message)
}

/// Reads until it is to stop. Returns the connections of which a segment matched the filter.
fn listen(
    global: &Global,
    args: &InspectArgs,
    filter: Option<&Filter>,
    listener: &mut Listener,
    analyzer: &mut Analyzer,
    signals: &Signals,
) -> io::Result<Option<HashSet<u32>>> {
    let mut out = io::stdout().lock();
    let mut wanted = filter.map(|_| HashSet::new());
    let mut told = HashSet::new();
    let mut lines = match args.packets {
        true => Some(Lines::new(&mut out, global, args.csv)?),
        false => None,
    };
    while signals.exit().is_none() && args.count.is_none_or(|most| analyzer.totals().frames < most) {
        let heard = listener.hear(PATIENCE, |heard| {
            // Several come at once, and the last may be one too many.
            if args.count.is_some_and(|most| analyzer.totals().frames >= most) {
                return Ok(());
            }
            let frame = Frame {
                time: Some(Time::from_nanos(heard.time)),
                interface: 0,
                link: LinkType(heard.link),
                bytes: heard.bytes,
                original_len: heard.bytes.len() as u32,
                direction: Some(if heard.outgoing { Direction::Out } else { Direction::In }),
                name: None,
                comment: None,
            };
            let mut outcome = Ok(());
            analyzer.on_frame(
                &frame,
                false,
                Some(&mut |packet| {
                    let matches = filter.is_none_or(|filter| filter.matches(&Shown(packet)));
                    if !matches {
                        return;
                    }
                    if let Some(wanted) = &mut wanted {
                        wanted.insert(packet.connection.stream);
                    }
                    outcome = match &mut lines {
                        Some(lines) => lines.show(packet, None).map(drop),
                        None if global.json || global.quiet => Ok(()),
                        None => tell(packet, &mut told),
                    };
                }),
            );
            outcome
        })?;
        heard?;
        if let Some(lines) = &mut lines {
            lines.flush()?;
        }
    }
    Ok(wanted)
}

/// A line when a connection comes, and one when it goes.
fn tell(packet: &Packet<'_>, told: &mut HashSet<u32>) -> io::Result<()> {
    let connection = packet.connection;
    if connection.stream == u32::MAX {
        return Ok(());
    }
    let (a, b) = (connection.end(Side::A), connection.end(Side::B));
    let stamp =
        humantime::format_rfc3339_millis(std::time::UNIX_EPOCH + Duration::from_nanos(packet.segment.time.as_nanos()));
    if connection.first.0 == packet.segment.frame {
        return writeln!(io::stderr(), "{stamp} + stream {} {a} > {b}", connection.stream);
    }
    if told.len() >= TOLD {
        told.clear();
    }
    if connection.is_over() && told.insert(connection.stream) {
        let course = |side| {
            let course = connection.course(side);
            let again = course.loss().retransmissions();
            let again = if again == 0 { String::new() } else { format!(" ({again} sent again)") };
            format!("{}{again}", show_bytes(course.bytes))
        };
        return writeln!(
            io::stderr(),
            "{stamp} - stream {} {a} > {b}: {} after {}, {} out, {} back",
            connection.stream,
            connection.history.state(),
            time(connection.duration()),
            course(Side::A),
            course(Side::B)
        );
    }
    Ok(())
}
