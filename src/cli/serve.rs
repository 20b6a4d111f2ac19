//! `tcpkit serve`.

use std::fmt;
use std::io::{self, Write};
use std::net::{Ipv6Addr, SocketAddr};
use std::path::Path;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use colored::Colorize;
use serde_json::json;

use super::args::{Global, ServeApp, ServeArgs};
use super::exit::{Exit, Failure};
use super::session::Options;
use super::summary::{Out, Summary};
use super::units::show_bytes;
use crate::app::http::server::Site;
use crate::app::plain;
use crate::app::server::{Notice, Service, Tell, serve};
use crate::net::TcpListener;
use crate::tcp::CloseReason;

/// How long connections get to close after Ctrl-C.
const GRACE: Duration = Duration::from_secs(1);

/// Runs `tcpkit serve`.
pub fn run(global: &Global, args: &ServeArgs) -> Result<Exit, Failure> {
    let service = service(args)?;
    let port = args.port.unwrap_or(match service {
        Service::Echo => 7,
        Service::Discard => 9,
        Service::Http(_) | Service::Raw(_) => 80,
    });
    let options = Options { global, path: &args.path, trace: false };
    options.distinct_files(&[("what is served", args.root.as_deref())])?;
    let json_out = Out::beside(options.stdout_taken(false)?);
    let mut session = options.listen_on(port)?;
    let port = session.claims.first().map_or(port, SocketAddr::port);
    let address = SocketAddr::from((Ipv6Addr::UNSPECIFIED, port));
    let listener = TcpListener::bind(&session.host, address, args.backlog)
        .map_err(|error| Failure::connection("listening", &error))?;
    let what = describe(&service, args.root.as_deref());
    if !global.quiet {
        let _ = writeln!(io::stderr(), "serving {what} on port {port}; {}", session.path);
    }
    let limit = if args.once { Some(1) } else { args.count };
    let (clock, spawner) = (session.runtime.clock().clone(), session.runtime.spawner());
    let totals = Arc::new(Mutex::new(Totals::default()));
    let tell = counting(totals.clone(), teller(global, json_out));
    let serving = serve(listener, service, clock, spawner, limit, tell);
    let outcome = session.run(serving)?;
    match outcome {
        // What was promised is delivered, however long that takes.
        Ok(_) => session.settle(Duration::MAX)?,
        Err(_) => session.close(GRACE)?,
    }
    session.linger(args.path.link.linger, None, outcome.is_err())?;
    let summary = Summary {
        what: format!("served {what}"),
        transfer: None,
        sent: None,
        status: None,
        ours: None,
        theirs: None,
        incidents: session.runtime.incidents(0),
        counters: session.host.inspect(|stack| *stack.counters()),
        dropped_before_us: session.runtime.dropped_before_us(),
        // Said when it began.
        path: String::new(),
        seed: session.seed,
        simulated: false,
        failure: None,
    };
    let totals = *totals.lock().unwrap_or_else(PoisonError::into_inner);
    let _ = if global.json {
        let mut object = summary.json();
        object["connections"] = json!(totals.connections);
        object["requests"] = json!(totals.requests);
        object["bytes_in"] = json!(totals.bytes_in);
        object["bytes_out"] = json!(totals.bytes_out);
        json_out.line(&object)
    } else if global.quiet {
        Ok(())
    } else {
        writeln!(io::stderr(), "{totals}").and_then(|()| summary.print(&mut io::stderr()))
    };
    match outcome {
        Ok(Ok(())) => Ok(Exit::Done),
        Ok(Err(error)) => Err(Failure::connection("accepting", &error)),
        Err(exit) => Ok(exit),
    }
}

fn service(args: &ServeArgs) -> Result<Service, Failure> {
    let path = || args.root.as_deref().ok_or_else(|| Failure::new(Exit::Usage, "name a file or a folder to serve"));
    match args.app {
        Some(ServeApp::Echo) => Ok(Service::Echo),
        Some(ServeApp::Discard) => Ok(Service::Discard),
        Some(ServeApp::Raw) => {
            let path = path()?;
            match std::fs::metadata(path) {
                Ok(metadata) if metadata.is_dir() => {
                    Err(Failure::new(Exit::Usage, "a folder cannot be sent without HTTP; name a file"))
                }
                Ok(_) => Ok(Service::Raw(path.to_path_buf())),
                Err(error) => Err(Failure::reading(path, &error)),
            }
        }
        app @ (Some(ServeApp::Http) | None) => {
            let path = path()?;
            let reading = |error: io::Error| Failure::reading(path, &error);
            let site = Site::new(path).map_err(reading)?;
            let verbatim = app.is_none() && path.is_file() && plain::is_verbatim_response(path).map_err(reading)?;
            Ok(if verbatim { Service::Raw(path.to_path_buf()) } else { Service::Http(site) })
        }
    }
}

fn describe(service: &Service, path: Option<&Path>) -> String {
    let path = path.map_or_else(String::new, |path| path.display().to_string());
    match service {
        Service::Http(_) => format!("{path} over HTTP"),
        Service::Raw(_) => format!("{path} as it stands"),
        Service::Echo => "echo".into(),
        Service::Discard => "discard".into(),
    }
}

/// What was served in all.
#[derive(Clone, Copy, Default)]
struct Totals {
    connections: u64,
    requests: u64,
    bytes_in: u64,
    bytes_out: u64,
}

impl fmt::Display for Totals {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let plural = |count: u64| if count == 1 { "" } else { "s" };
        let Totals { connections, requests, bytes_in, bytes_out } = *self;
        write!(f, "served {connections} connection{}", plural(connections))?;
        if requests > 0 {
            write!(f, ", {requests} request{}", plural(requests))?;
        }
        write!(f, ": {} in, {} out", show_bytes(bytes_in), show_bytes(bytes_out))
    }
}

/// Counts what is told, and passes it on.
fn counting(totals: Arc<Mutex<Totals>>, tell: Tell) -> Tell {
    Arc::new(move |notice| {
        let mut totals = totals.lock().unwrap_or_else(PoisonError::into_inner);
        match &notice {
            Notice::Request { .. } => totals.requests += 1,
            Notice::Done { report, .. } => {
                totals.connections += 1;
                totals.bytes_in += report.stats.bytes_in;
                totals.bytes_out += report.stats.bytes_out;
            }
        }
        drop(totals);
        tell(notice);
    })
}

/// One line per request, one per connection at its end.
fn teller(global: &Global, json_out: Out) -> Tell {
    let (quiet, json) = (global.quiet, global.json);
    Arc::new(move |notice| {
        // A closed pipe must not end the service.
        let _ = match (&notice, quiet, json) {
            (_, _, true) => json_out.line(&object(&notice)),
            (_, true, _) => Ok(()),
            (Notice::Request { peer, what, status, bytes }, ..) => {
                let status = if *status < 400 { status.to_string().green() } else { status.to_string().red() };
                let bytes = bytes.map_or_else(|| "-".into(), show_bytes);
                writeln!(io::stderr(), "{peer}  {what}  {status}  {bytes}")
            }
            (Notice::Done { report, error }, ..) => {
                let stats = &report.stats;
                let end = match (report.ended, error) {
                    (_, Some(error)) => error.to_string().red(),
                    (Some(CloseReason::Done) | None, None) => "closed".normal(),
                    (Some(reason), None) => reason.to_string().yellow(),
                };
                writeln!(
                    io::stderr(),
                    "{}  {end}: {} in, {} out, {} sent again",
                    report.remote,
                    show_bytes(stats.bytes_in),
                    show_bytes(stats.bytes_out),
                    stats.retransmits()
                )
            }
        };
    })
}

fn object(notice: &Notice) -> serde_json::Value {
    match notice {
        Notice::Request { peer, what, status, bytes } => {
            json!({ "event": "request", "peer": peer.to_string(), "what": what, "status": status, "bytes": bytes })
        }
        Notice::Done { report, error } => json!({
            "event": "connection", "peer": report.remote.to_string(),
            "bytes_in": report.stats.bytes_in, "bytes_out": report.stats.bytes_out,
            "retransmits": report.stats.retransmits(),
            "ended": report.ended.map(|reason| reason.to_string()),
            "error": error.as_ref().map(ToString::to_string),
        }),
    }
}
