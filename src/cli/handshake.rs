//! `tcpkit handshake`: the segments, one a line, and the outcome.

use std::io::{self, Write};
use std::time::Duration;

use serde_json::json;

use super::args::{Global, HandshakeArgs};
use super::exit::{Exit, Failure};
use super::session::{Options, PATIENCE, Session};
use super::summary::{Out, agreed};
use super::target::Target;
use super::units::show_duration;
use crate::net::{TcpListener, connect};
use crate::wire::SeqNum;

/// Runs `tcpkit handshake`.
pub fn run(global: &Global, args: &HandshakeArgs) -> Result<Exit, Failure> {
    // With --json standard output is for the object alone.
    let trace = !global.quiet && !global.json;
    let options = Options { global, path: &args.path, trace };
    options.distinct_files(&[])?;
    let json_out = Out::beside(options.stdout_taken(false)?);
    let (mut session, name) = match Target::parse(&args.target, args.port)? {
        Target::Sim(path) if !path.as_os_str().is_empty() => {
            return Err(Failure::new(Exit::Usage, "handshake serves nothing; write sim: alone"));
        }
        Target::Sim(_) => {
            let session = options.simulate()?;
            listen(&session)?;
            (session, String::from("simulated server"))
        }
        Target::Host(host) => {
            let session = options.connect_to(&host.resolve(80, |address| args.path.link.speaks(address))?)?;
            let name = host.name(&session.attempts);
            (session, name)
        }
    };
    let host = session.host.clone();
    let clock = session.runtime.clock().clone();
    let attempts = session.attempts.clone();
    let limit = args.connect_timeout.filter(|duration| !duration.is_zero());
    let start = clock.now();
    let knock = async {
        let connecting = connect(&host, &attempts, args.path.tcp.isn.map(SeqNum), PATIENCE);
        let timeout = || io::Error::new(io::ErrorKind::TimedOut, "no answer");
        let stream = clock.timeout(limit, connecting).await.unwrap_or_else(|| Err(timeout()))?;
        let elapsed = clock.now().since(start);
        let report = stream.report();
        stream.finish(crate::app::DRAIN).await;
        Ok::<_, io::Error>((elapsed, report))
    };
    let outcome = session.run(knock)?;
    match outcome {
        Ok(_) => session.settle(Duration::from_secs(1))?,
        Err(_) => session.close(Duration::from_secs(1))?,
    }
    let verdict = match outcome {
        Err(exit) => Err(Failure::new(exit, "")),
        Ok(Err(error)) => Err(Failure::connection(&name, &error)),
        Ok(Ok((elapsed, report))) => {
            session.linger(args.path.link.linger, Some(&report), false)?;
            let _ = if global.json {
                let (sack, timestamps, ecn) = report.agreed;
                let object = json!({
                    "target": args.target, "open": true, "seconds": elapsed.as_secs_f64(),
                    "local": report.local.to_string(), "remote": report.remote.to_string(),
                    "syn_retransmits": report.stats.syn_retransmits,
                    "sack": sack, "timestamps": timestamps, "ecn": ecn,
                });
                json_out.line(&object)
            } else if global.quiet {
                Ok(())
            } else {
                let again = match report.stats.syn_retransmits {
                    0 => String::new(),
                    count => format!(" after {count} SYN retransmissions"),
                };
                writeln!(io::stdout(), "{name} is open: {}{again}; {}", show_duration(elapsed), agreed(&report))
            };
            Ok(Exit::Done)
        }
    };
    if let (Some(seed), true) = (session.seed, !global.quiet && !global.json && !args.path.impair.rules().is_none()) {
        let _ = writeln!(io::stderr(), "seed {seed}");
    }
    if let (Err(failure), true) = (&verdict, global.json) {
        let object = json!({ "target": args.target, "open": false, "failure": failure.message });
        let _ = json_out.line(&object);
    }
    verdict
}

/// The other end of a simulated handshake: accepts, and closes when we do.
fn listen(session: &Session) -> Result<(), Failure> {
    let (Some(peer), [attempt, ..]) = (&session.peer, &session.attempts[..]) else { return Ok(()) };
    let listener =
        TcpListener::bind(peer, attempt.remote, 1).map_err(|error| Failure::connection("listening", &error))?;
    session.runtime.spawner().spawn(async move {
        while let Ok(stream) = listener.accept().await {
            let _ = crate::app::plain::discard(&stream).await;
            stream.finish(crate::app::DRAIN).await;
        }
    });
    Ok(())
}
