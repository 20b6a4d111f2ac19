//! How a connection ended, and what TCP does not allow.

use super::{Report, Severity, many, times};
use crate::analysis::connection::Reset;
use crate::analysis::segment::Side;
use crate::analysis::sequence::time;
use crate::analysis::states::Illegal;
use crate::tcp::State;

/// Looks at resets and at segments out of place.
pub fn find(report: &mut Report<'_>) {
    stripped(report);
    vanished(report);
    resets(report);
    illegal(report);
    if report.connection.one_sided().is_none() {
        half_closed(report);
    }
}

/// Both ends agreed on timestamps, and then they are missing: RFC 7323 section 3.2 has a receiver drop such segments.
fn stripped(report: &mut Report<'_>) {
    let connection = report.connection;
    for side in [Side::A, Side::B] {
        let without =
            connection.illegal.iter().find(|(illegal, of, _)| (*illegal, *of) == (Illegal::NoTimestamps, side));
        let Some((.., without)) = without.filter(|(.., seen)| seen.count > 1) else { continue };
        let loss = report.course(side).loss();
        let waited = loss
            .timeouts
            .total
            .max(report.vanished(side).map_or(0, |gone| gone.last.since(gone.since).as_nanos() as u64));
        let gone = format!(
            "{} of {} carry no timestamps though both ends had agreed on them",
            many(without.count, "segment"),
            report.name(side)
        );
        // Who takes them all the same loses no time.
        let costs = loss.timeouts.seen.count + loss.tail.count > 0 && waited >= 500_000_000;
        let (severity, text) = match costs {
            true => (
                Severity::Error,
                format!(
                    "{gone}, and {} does not take these: {} were spent on sending them again",
                    report.name(side.other()),
                    time(waited)
                ),
            ),
            false => (Severity::Warning, format!("{gone}; {} takes them all the same", report.name(side.other()))),
        };
        let advice = "a box in between strips the option after the handshake (RFC 7323 section 3.2 has the receiver drop such \
                      segments): mend it, or switch timestamps off at one end (net.ipv4.tcp_timestamps=0)";
        report.add(severity, "stripped", waited, text, without.frames(), advice);
    }
}

/// One end repeats itself or asks whether the other is there, and hears nothing more.
fn vanished(report: &mut Report<'_>) {
    for side in [Side::A, Side::B] {
        let Some(gone) = report.vanished(side) else { continue };
        let (name, peer) = (report.name(side), report.name(side.other()));
        let waited = gone.last.since(gone.since).as_nanos() as u64;
        let what = if gone.keep_alives * 2 > gone.tries.count { "keep-alive probes" } else { "repetitions" };
        let text = format!(
            "{peer} vanished: nothing came from it in {}, though {name} sent {} {what}",
            time(waited),
            super::grouped(u64::from(gone.tries.count)),
        );
        let advice = "its host or the path to it is gone, or a box in between forgot the connection";
        report.add(Severity::Error, "vanished", waited, text, gone.tries.frames(), advice);
    }
}

fn resets(report: &mut Report<'_>) {
    let connection = report.connection;
    if matches!(connection.history.state(), "REJ") {
        return;
    }
    let Some(reset) = connection.resets.first().copied() else { return };
    let (name, peer) = (report.name(reset.side), report.name(reset.side.other()));
    let closed = |side| connection.history.closed_by(side);
    let both = closed(Side::A) && closed(Side::B);
    let data: u64 = connection.courses.iter().map(|course| course.bytes).sum();
    let age = time(reset.time.as_nanos());
    let (why, severity, advice) = match has_what_it_wants(report, &reset) {
        true => (
            "it is the client, and had taken data of PEER until then".into(),
            Severity::Note,
            "who has enough, ends a benchmark, or saves the wait of TIME-WAIT does that; whether it had all, packets do not say",
        ),
        false => why(&reset, both, closed(reset.side), closed(reset.side.other()), data),
    };
    let text = format!("{name} reset the connection after {age}: {why}");
    let (text, advice) = (text.replace("PEER", &peer), advice.replace("PEER", &peer));
    // What it waited for is told already.
    let waited = report.course(reset.side).limits.still_closed().is_some();
    let severity = if waited { Severity::Note } else { severity };
    report.add(severity, "reset", 500_000_000, text, &[reset.frame], advice);
    if let (seen, Some(usual)) = reset.ttl
        && seen.abs_diff(usual) > 4
    {
        let text = format!("the reset came with a time to live of {seen}, but packets of {name} have {usual}");
        let advice = "a box in between sent it in that end's name: a firewall, a proxy or a censor";
        report.add(Severity::Warning, "forged_reset", 500_000_000, text, &[reset.frame], advice);
    }
}

/// The client ends it, after an answer that it took, or out of the midst of a long transfer to it.
fn has_what_it_wants(report: &Report<'_>, reset: &Reset) -> bool {
    let connection = report.connection;
    let given = report.course(reset.side.other()).bytes;
    // What comes after it is reset in turn: then the answer was not over.
    let over = !reset.repeated && !reset.unacknowledged;
    let took = over && given > 0 && report.course(reset.side).bytes > 0;
    let long = given >= 1_000_000 && reset.time.as_nanos() >= 1_000_000_000 && reset.after < 1_000_000_000;
    connection.initiator() == Some(reset.side) && reset.unanswered && (took || long)
}

/// What a reset at this point means. Who sent it in whose name, the packets do not say: a box in between can do it, too.
fn why(
    reset: &Reset,
    both_closed: bool,
    own_closed: bool,
    peer_closed: bool,
    data: u64,
) -> (String, Severity, &'static str) {
    if both_closed || own_closed && peer_closed {
        return ("both ends had closed it".into(), Severity::Note, "");
    }
    match reset.state {
        Some(State::SynSent | State::Closed) => (
            "it got an answer that did not fit its own request".into(),
            Severity::Warning,
            "an old connection between the same ports may still exist on one side",
        ),
        None | Some(State::Listen) => (
            "it does not know this connection, which is open for PEER only (half-open)".into(),
            Severity::Error,
            "that host was restarted, or a firewall or load balancer lost the connection: see idle times before",
        ),
        _ if own_closed => (
            "it had closed its side and then got more data".into(),
            Severity::Warning,
            "its application closed while PEER was still sending: data may be lost",
        ),
        _ if reset.unacknowledged => (
            "it had not taken all data of PEER".into(),
            Severity::Error,
            "its application ended or closed with data unread (or with SO_LINGER 0), or a box in between sent it",
        ),
        _ if peer_closed => (
            "PEER had closed, and this is how it closed, too".into(),
            Severity::Note,
            "some programs end connections with a reset to save the wait of TIME-WAIT",
        ),
        _ if data == 0 => {
            ("right after opening, with no data".into(), Severity::Note, "probes and health checks do that")
        }
        _ if reset.unanswered && reset.after < 1_000_000_000 => (
            "it did not answer the last data of PEER".into(),
            Severity::Error,
            "its application closed with that data unread, or ended, or closed with SO_LINGER 0; or a box in between sent it",
        ),
        _ if reset.after > 10_000_000_000 => (
            format!("nothing had passed for {}", time(reset.after)),
            Severity::Error,
            "a timeout of the application or of a box in between: use keep-alives, or a longer timeout",
        ),
        _ => (
            "neither end had closed".into(),
            Severity::Error,
            "its application ended, or closed with data of the other end unread, or with SO_LINGER 0; a box in between can \
             send resets, too",
        ),
    }
}

fn illegal(report: &mut Report<'_>) {
    for (illegal, side, seen) in &report.connection.illegal {
        let severity = match illegal {
            // Where the capture lacks an acknowledgment, data seems to be beyond the window.
            Illegal::BeyondWindow => Severity::Note,
            Illegal::Shrunk | Illegal::Reset | Illegal::NoTimestamps | Illegal::AfterReset => Severity::Note,
            _ => Severity::Warning,
        };
        let text = format!(
            "segments of {} are what TCP forbids, {}: {illegal} ({})",
            report.name(*side),
            times(seen.count),
            illegal.clause()
        );
        let advice = "that end did it, or a box in between that makes or changes segments";
        report.add(severity, "protocol", u64::from(seen.count), text, seen.frames(), advice);
    }
}

fn half_closed(report: &mut Report<'_>) {
    let connection = report.connection;
    if !connection.resets.is_empty() {
        return;
    }
    for side in [Side::A, Side::B] {
        let repeats = connection.course(side).loss().fin;
        let open = connection.history.closed_by(side) && !connection.history.closed_by(side.other());
        let waited = report.end.since(connection.last.1).as_nanos() as u64;
        let acknowledged = !matches!(connection.states.state(side), Some(State::FinWait1 | State::LastAck));
        if open && !acknowledged && (repeats.count > 0 || waited > 5_000_000_000) {
            let text = format!(
                "{} closed, and {} did not acknowledge it in {}{}",
                report.name(side),
                report.name(side.other()),
                time(waited),
                if repeats.count > 0 {
                    format!(", though it was told {}", times(repeats.count + 1))
                } else {
                    String::new()
                }
            );
            let frames = repeats.frames().to_vec();
            report.add(
                Severity::Warning,
                "half_closed",
                waited,
                text,
                &frames,
                "the other end, or the path to it, is gone",
            );
        }
    }
}
