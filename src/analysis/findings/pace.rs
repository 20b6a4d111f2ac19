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
        "{} closed its window {}, {} in all ({} of the connection), the longest {}{end}",
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
    if waiting < 50_000_000 || waiting * 5 < all || side != report.connection.mainly() {
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
    let severity = if waiting * 2 > all { Severity::Error } else { Severity::Warning };
    report.add(severity, "small_window", waiting, text, &[], advice);
}

fn nagle(report: &mut Report<'_>, side: Side) {
    let stalls = report.course(side).limits.stalls().nagle;
    if stalls.seen.count < 2 && stalls.total < 100_000_000 {
        return;
    }
    let severity = if stalls.total > report.connection.duration() / 4 { Severity::Error } else { Severity::Warning };
    let text = format!(
        "{} {} held data back until {} acknowledged a small segment, and that came late: {} lost, the longest {}",
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
    if pauses.seen.count == 0 || pauses.total * 10 < duration {
        return;
    }
    // Who sends most is who keeps the other waiting; a client that thinks between requests does no harm.
    let mainly = side == report.connection.mainly();
    let severity = match mainly {
        true if pauses.total * 2 > duration => Severity::Error,
        true => Severity::Warning,
        false => Severity::Note,
    };
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
