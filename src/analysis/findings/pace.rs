//! What kept a sender back: closed and small windows, its own pauses, delayed acknowledgments.

use super::{Report, Severity, grouped, percent, rate, times};
use crate::analysis::limits::Limit;
use crate::analysis::segment::Side;
use crate::analysis::sequence::time;

/// Looks at what kept `side` from sending.
pub fn find(report: &mut Report<'_>, side: Side) {
    zero_window(report, side);
    small_window(report, side);
    nagle(report, side);
    pauses(report, side);
    silence(report, side);
}

fn zero_window(report: &mut Report<'_>, side: Side) {
    let limits = &report.course(side).limits;
    let mut closed = limits.stalls().zero_window;
    let open_end = limits.still_closed();
    if let Some((since, frame)) = open_end {
        let last = report.connection.last;
        closed.add(last.1.since(since).as_nanos() as u64, frame, last.0);
    }
    if closed.seen.count == 0 {
        return;
    }
    let duration = report.connection.duration();
    let severity = if closed.total > duration / 10 && closed.total > 200_000_000 || open_end.is_some() {
        Severity::Error
    } else if closed.total > 50_000_000 {
        Severity::Warning
    } else {
        Severity::Note
    };
    let end = if open_end.is_some() { ", and it was closed when the connection was last seen" } else { "" };
    let text = format!(
        "{} closed its window, or left less than a segment of it, {}: {} in all ({} of the connection), the longest {}{end}",
        report.name(side.other()),
        times(closed.seen.count),
        time(closed.total),
        percent(closed.total, duration),
        time(closed.longest),
    );
    let frames = [closed.longest_frames.0, closed.longest_frames.1];
    let advice = "the application there reads too slowly: look at what it does meanwhile (disk, processor, locks)";
    report.add(severity, "zero_window", closed.total, text, &frames, advice);
}

fn small_window(report: &mut Report<'_>, side: Side) {
    let course = report.course(side);
    let limits = &course.limits;
    let waiting = limits.spent(Limit::Receiver).saturating_sub(limits.stalls().zero_window.total);
    let all: u64 = [Limit::Sender, Limit::Receiver, Limit::Network].iter().map(|limit| limits.spent(*limit)).sum();
    if waiting < 50_000_000 || waiting.saturating_mul(5) < all || side != report.connection.mainly() {
        return;
    }
    let window = limits.most_window;
    let mut text = format!(
        "{} waited {} of {} ({}) because the window of {} was full: it never offered more than {} bytes",
        report.name(side),
        time(waiting),
        time(all),
        percent(waiting, all),
        report.name(side.other()),
        grouped(window),
    );
    // The handshake took the whole round trip, wherever the capture was made.
    let path = report.connection.sequence.handshake().filter(|path| *path > 0);
    let most = path.map(|path| window as f64 * 8e9 / path as f64);
    let got = report.connection.goodput_bytes(side) as f64 * 8e9 / report.connection.duration().max(1) as f64;
    let scaled = report.course(side.other()).offer.is_none_or(|offer| offer.window_scale.is_some());
    let advice = match (path.zip(most), scaled) {
        (Some((path, most)), _) if most > got * 3.0 => {
            if limits.stalls().zero_window.total > waiting / 4 {
                // The same cause, told already.
                return;
            }
            text.push_str(&format!(
                "; over a round trip of {} that would allow {}, so the application there did not take the data faster",
                time(path),
                rate(most)
            ));
            "look at what the receiving application waits for; a larger buffer only hides it"
        }
        (known, scaled) => {
            if let Some((path, most)) = known {
                text.push_str(&format!("; over a round trip of {} that allows {}", time(path), rate(most)));
            }
            if scaled {
                "give the receiver a larger buffer: net.ipv4.tcp_rmem, or leave SO_RCVBUF alone so that it is tuned"
            } else {
                "the receiver did not offer window scaling (RFC 7323), which limits it to 65,535 bytes: switch it on, and \
                 give it a larger buffer"
            }
        }
    };
    let severity = if waiting.saturating_mul(2) > all { Severity::Error } else { Severity::Warning };
    report.add(severity, "small_window", waiting, text, &[], advice);
}

fn nagle(report: &mut Report<'_>, side: Side) {
    let stalls = report.course(side).limits.stalls().nagle;
    if stalls.seen.count < 2 && stalls.total < 100_000_000 {
        return;
    }
    let severity = if stalls.total > report.connection.duration() / 4 { Severity::Error } else { Severity::Warning };
    let text = format!(
        "{} held data back {} until {} acknowledged a small segment, which came late: {} lost, the longest {}",
        report.name(side),
        times(stalls.seen.count),
        report.name(side.other()),
        time(stalls.total),
        time(stalls.longest),
    );
    let frames = [stalls.longest_frames.0, stalls.longest_frames.1];
    let advice = "Nagle's algorithm meets delayed acknowledgments: write each message at once, or set TCP_NODELAY on the \
                  sender";
    report.add(severity, "nagle", stalls.total, text, &frames, advice);
}

fn pauses(report: &mut Report<'_>, side: Side) {
    let pauses = report.course(side).limits.stalls().pauses;
    let duration = report.connection.duration();
    if pauses.seen.count == 0 || pauses.total.saturating_mul(10) < duration {
        return trickle(report, side);
    }
    // Who sends most is who keeps the other waiting; a client that thinks between requests does no harm.
    let mainly = side == report.connection.mainly();
    let severity = match mainly {
        true if pauses.total.saturating_mul(2) > duration => Severity::Error,
        true => Severity::Warning,
        false => Severity::Note,
    };
    let asked = report.course(side).limits.stalls().asked;
    if pauses.seen.count == 1 && asked > 0 {
        let text = format!(
            "the application of {} took {} ({} of the connection) to answer the request of frame {asked}",
            report.name(side),
            time(pauses.longest),
            percent(pauses.total, duration),
        );
        let frames = [asked, pauses.longest_frames.1];
        return report.add(
            severity,
            "pause",
            pauses.total,
            text,
            &frames,
            "the network is not the cause: look at what it does meanwhile",
        );
    }
    let text = format!(
        "the application of {} paused {}, {} in all ({} of the connection), the longest {}: nothing was under way, and the \
         window was open",
        report.name(side),
        times(pauses.seen.count),
        time(pauses.total),
        percent(pauses.total, duration),
        time(pauses.longest),
    );
    let frames = [pauses.longest_frames.0, pauses.longest_frames.1];
    let advice = if mainly { "the network is not the cause: look at what this application waits for" } else { "" };
    report.add(severity, "pause", pauses.total, text, &frames, advice);
}

/// A sender that has little to send at a time, and long pauses never.
fn trickle(report: &mut Report<'_>, side: Side) {
    let course = report.course(side);
    let tally = report.connection.tally.side(side);
    // From its first to its last data.
    let took = tally.last_data.saturating_sub(tally.first_data);
    let (apart, given) = (took / course.data_packets.max(1), course.bytes / course.data_packets.max(1));
    let path = report.connection.sequence.handshake().unwrap_or(0);
    let (idle, held) = (course.limits.spent(Limit::Sender), course.limits.stalls().nagle.total);
    let slow = took >= 1_000_000_000 && apart >= (path / 2).max(10_000_000) && course.data_packets >= 10;
    // Who waits for an acknowledgment, or for a timer, is told so.
    let otherwise = held.max(course.loss().timeouts.total).saturating_mul(4) > took;
    if !slow
        || otherwise
        || given >= 1000.max(u64::from(course.largest)) && course.largest > 1400
        || idle.saturating_mul(2) < took
        || side != report.connection.mainly()
    {
        return;
    }
    let text = format!(
        "the application of {} had nothing to send for {} of {}: it gave {} bytes at a time, {} apart",
        report.name(side),
        percent(idle.min(took), took),
        time(took),
        grouped(given),
        time(apart),
    );
    let advice = "the network is not the cause: look at what this application waits for";
    report.add(Severity::Warning, "pause", idle, text, &[], advice);
}

/// Data that was acknowledged and never answered, until who sent it gave up.
fn silence(report: &mut Report<'_>, side: Side) {
    let connection = report.connection;
    let Some((asking, asked, frame)) = connection.turn.filter(|(asking, ..)| *asking != side) else { return };
    let Some((_, gave_up, last)) = connection.closing.filter(|(who, when, _)| *who == asking && *when >= asked) else {
        return;
    };
    let waited = gave_up.since(asked).as_nanos() as u64;
    let path = connection.sequence.handshake().unwrap_or(0);
    if report.course(side).bytes > 0 || waited < 1_000_000_000.max(path.saturating_mul(10)) {
        return;
    }
    let text = format!(
        "{} took the data of frame {frame} and sent nothing in {} until {} gave up",
        report.name(side),
        time(waited),
        report.name(asking)
    );
    let advice =
        "its application did not answer; or its answer is too large for the path (MTU): capture at that end, too";
    report.add(Severity::Error, "silence", waited, text, &[frame, last], advice);
}
