//! What kept a sender back: closed and small windows, its own pauses, delayed acknowledgments.

use super::{Report, Severity, grouped, percent, rate, times};
use crate::analysis::limits::Limit;
use crate::analysis::segment::Side;
use crate::analysis::sequence::time;

/// What is sent at a time and is no more than this is a message: it fits into an initial window (RFC 6928).
const MESSAGE: u64 = 14_600;
/// A wait that somebody notices.
const COSTLY: u64 = 200_000_000;
/// Who writes small pieces more often than this does not wait for the world.
const HASTE: u64 = 80_000_000;

/// Looks at what kept `side` from sending.
pub fn find(report: &mut Report<'_>, side: Side) {
    zero_window(report, side);
    small_window(report, side);
    nagle(report, side);
    pauses(report, side);
    held_up(report, side);
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
    let severity = if closed.total > COSTLY && (closed.total > duration / 10 || open_end.is_some()) {
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
    let closed = report.window_stalls(side);
    let waiting = limits.stalls().full.saturating_sub(closed);
    let all: u64 = [Limit::Sender, Limit::Receiver, Limit::Network].iter().map(|limit| limits.spent(*limit)).sum();
    if waiting < COSTLY || waiting.saturating_mul(5) < all || side != report.connection.mainly() {
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
    let scaled = report.course(side.other()).offer.is_some_and(|offer| offer.window_scale.is_some());
    let mut severity = if waiting.saturating_mul(2) > all { Severity::Error } else { Severity::Warning };
    let unread = limits.stalls().unread.saturating_sub(closed).saturating_mul(2) > waiting;
    let advice = match (path.zip(most), scaled) {
        (Some(_), _) if closed > waiting / 4 => return, // The same cause, told already.
        (Some((path, most)), _) if most > got * 3.0 && unread => {
            text.push_str(&format!(
                "; over a round trip of {} that would allow {}, so the application there did not take the data faster",
                time(path),
                rate(most)
            ));
            "look at what the receiving application waits for; a larger buffer only hides it"
        }
        (known, scaled) => {
            // A window that would allow much more than what was sent was in the way for a while only.
            if known.is_some_and(|(_, most)| most > got * 3.0) {
                severity = Severity::Note;
            }
            if let Some((path, most)) = known {
                text.push_str(&format!("; over a round trip of {} that allows {}", time(path), rate(most)));
            }
            if scaled {
                "give the receiver a larger buffer: net.ipv4.tcp_rmem, or leave SO_RCVBUF alone so that it is tuned"
            } else if report.course(side.other()).offer.is_none() {
                "give the receiver a larger buffer; the capture does not show whether it offered window scaling"
            } else {
                "the receiver did not offer window scaling (RFC 7323), which limits it to 65,535 bytes: switch it on, and \
                 give it a larger buffer"
            }
        }
    };
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

/// Who waits for whom: the time that an end took before it sent again, although it could.
fn pauses(report: &mut Report<'_>, side: Side) {
    answers(report, side);
    let stalls = report.course(side).limits.stalls();
    let (pauses, duration) = (stalls.pauses, report.connection.duration());
    if pauses.seen.count == 0 || pauses.total.saturating_mul(10) < duration {
        return trickle(report, side);
    }
    let frames = [pauses.longest_frames.0, pauses.longest_frames.1];
    let given = stalls.between / u64::from(pauses.seen.count);
    if given < MESSAGE {
        let text = format!(
            "{} sends messages of {} bytes on average, {} to {} apart: it has nothing more to send meanwhile",
            report.name(side),
            grouped(given),
            time(stalls.shortest),
            time(pauses.longest),
        );
        return report.add(Severity::Note, "pause", pauses.total, text, &frames, "");
    }
    // Who sends most is who keeps the other waiting.
    let mainly = side == report.connection.mainly();
    let severity = match mainly {
        true if pauses.total.saturating_mul(2) > duration && pauses.total > COSTLY => Severity::Error,
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
    let advice = if mainly { "the network is not the cause: look at what this application waits for" } else { "" };
    report.add(severity, "pause", pauses.total, text, &frames, advice);
}

/// The path stood still: what comes after a silence bears timestamps from before it.
fn held_up(report: &mut Report<'_>, side: Side) {
    let held_up = report.course(side).limits.stalls().held_up;
    let duration = report.connection.duration();
    if held_up.seen.count == 0 {
        return;
    }
    let severity = match held_up.total {
        total if total.saturating_mul(2) > duration && total > COSTLY => Severity::Error,
        total if total.saturating_mul(10) > duration => Severity::Warning,
        _ => Severity::Note,
    };
    let text = format!(
        "packets of {} were held up on their way {}, {} in all ({} of the connection), the longest {}: they bear timestamps \
         from before",
        report.name(side),
        times(held_up.seen.count),
        time(held_up.total),
        percent(held_up.total, duration),
        time(held_up.longest),
    );
    let frames = [held_up.longest_frames.0, held_up.longest_frames.1];
    let advice = "between that end and the place of capture something stood still: a link that fails over or roams, a queue \
                  that is not served, a virtual machine that was stopped";
    report.add(severity, "delay", held_up.total, text, &frames, advice);
}

/// The time until an end answered. A client that thinks between an answer and its next request does no harm; a server
/// that takes its time does, and is blamed where its acknowledgment of the request proves that it had it.
fn answers(report: &mut Report<'_>, side: Side) {
    let connection = report.connection;
    let stalls = report.course(side).limits.stalls();
    let (answers, name) = (stalls.answers, report.name(side));
    // While the other end thinks, nobody waits for this one.
    let other = report.course(side.other()).limits.stalls();
    let thought = other.answers.total.saturating_add(other.news);
    let waiting = connection.duration().saturating_sub(thought);
    if answers.seen.count == 0 || answers.total.saturating_mul(10) < waiting {
        return;
    }
    let (asked, answered) = answers.longest_frames;
    if connection.initiator() == Some(side) {
        let text = format!(
            "{name} took {} in all between answers and its next request, {} at most: its own time to think",
            time(answers.total),
            time(answers.longest)
        );
        return report.add(Severity::Note, "pause", answers.total, text, &[asked, answered], "");
    }
    let proven = stalls.proven.saturating_mul(2) > answers.total;
    // An answer takes as long as everything else on a path that is that slow.
    let (.., path) = report.course(side.other()).queues().longer().spread();
    if !proven && path.saturating_mul(3) >= answers.longest.saturating_mul(2) {
        return;
    }
    let how_often = match answers.seen.count {
        1 => String::new(),
        count => format!("; {}, {} in all", times(count), time(answers.total)),
    };
    let (share, longest) = (percent(answers.total, connection.duration()), time(answers.longest));
    let text = match proven {
        true => format!(
            "the application of {name} took {longest} ({share} of the connection) to answer the request of frame {asked}\
             {how_often}"
        ),
        false => format!(
            "the answer of {name} to the request of frame {asked} took {longest} ({share} of the connection){how_often}: its \
             application or the path, since nothing shows that it had the request before"
        ),
    };
    let severity = match proven {
        true if answers.total.saturating_mul(2) > waiting && answers.total > COSTLY => Severity::Error,
        _ => Severity::Warning,
    };
    let advice = match proven {
        true => "the network is not the cause: look at what it does meanwhile",
        false => "capture at that end, too: when did the request arrive there?",
    };
    report.add(severity, "pause", answers.total, text, &[asked, answered], advice);
}

/// A sender that has little to send at a time, and long pauses never.
fn trickle(report: &mut Report<'_>, side: Side) {
    let course = report.course(side);
    let tally = report.connection.tally.side(side);
    // From its first to its last data, without the time in which it was the other's turn, or the path's.
    let elsewhere = report.course(side.other()).limits.stalls().answers.total + course.limits.stalls().held_up.total;
    let took = tally.last_data.saturating_sub(tally.first_data).saturating_sub(elsewhere);
    let (apart, given) = (took / course.data_packets.max(1), course.bytes / course.data_packets.max(1));
    // Who answers requests sends when they come.
    if report.course(side.other()).data_packets * 8 >= course.data_packets {
        return;
    }
    let (idle, held) = (course.limits.spent(Limit::Sender), course.limits.stalls().nagle.total);
    // What comes at its own pace is a stream of messages, as far as packets show; what comes in haste is work in crumbs.
    let slow = took >= 1_000_000_000 && (10_000_000..HASTE).contains(&apart) && course.data_packets >= 10;
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
