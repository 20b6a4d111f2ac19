//! How a connection was opened, or why not.

use super::{Report, Severity, many, times};
use crate::analysis::connection::Offer;
use crate::analysis::segment::Side;
use crate::analysis::sequence::time;
use crate::wire::icmp::IcmpKind;

/// Looks at the handshake.
pub fn find(report: &mut Report<'_>) {
    for side in [Side::A, Side::B] {
        repeated_syn(report, side);
    }
    not_open(report);
    changed(report);
    scale_stripped(report);
    for side in [Side::A, Side::B] {
        scale_unknown(report, side);
    }
    unreachable(report);
}

fn repeated_syn(report: &mut Report<'_>, side: Side) {
    let (again, offer) = (report.course(side).loss().syn, report.course(side).offer);
    let Some(offer) = offer.filter(|_| again.seen.count > 0) else { return };
    let history = &report.connection.history;
    let (name, peer) = (report.name(side), report.name(side.other()));
    let count = times(again.seen.count + 1);
    let frames = [&[offer.frame][..], again.seen.frames()].concat();
    if side == Side::A && !history.answered() && history.reset_by().is_none() {
        return;
    }
    let what = if side == Side::A { "SYN" } else { "SYN-ACK" };
    let text =
        format!("{name} sent its {what} {count} before {peer} went on: {} passed until the last", time(again.longest));
    let advice =
        format!("the {what} or what answers it was lost: a firewall, a full listen queue (backlog), or plain loss");
    let costly = again.longest.saturating_mul(2) > report.connection.duration();
    let severity = if costly { Severity::Error } else { Severity::Warning };
    report.add(severity, "lost_syn", again.longest, text, &frames, advice);
}

/// The SYN got no answer, or a reset.
fn not_open(report: &mut Report<'_>) {
    let connection = report.connection;
    let Some(offer) = connection.course(Side::A).offer else { return };
    if !matches!(connection.history.state(), "S0" | "REJ") {
        return;
    }
    let (name, peer) = (report.name(Side::A), report.name(Side::B));
    let syns = connection.course(Side::A).loss().syn.seen.count + 1;
    match connection.history.state() {
        "S0" => {
            let waited = report.end.since(offer.time).as_nanos() as u64;
            if waited < 1_000_000_000 && syns == 1 {
                return;
            }
            let frames = [&[offer.frame][..], connection.course(Side::A).loss().syn.seen.frames()].concat();
            let text = format!("{peer} did not answer {} of {name} in {}", many(syns, "SYN"), time(waited));
            let advice =
                "filtered, not routed, or the host is down: try tcpkit handshake, and capture on the other side";
            report.add(Severity::Error, "no_answer", waited, text, &frames, advice);
        }
        "REJ" => {
            let Some(reset) = connection.resets.first().copied() else { return };
            let text = format!(
                "{peer} refused the connection of {name} after {}",
                time(reset.time.since(offer.time).as_nanos() as u64)
            );
            let advice = "nothing listens on that port there, or a firewall answers for it";
            report.add(Severity::Error, "refused", 1_000_000_000, text, &[offer.frame, reset.frame], advice);
        }
        _ => {}
    }
}

/// Options that are not what the ends can have said: something in between changes them.
fn changed(report: &mut Report<'_>) {
    let (asked, answered) = (report.course(Side::A).offer, report.course(Side::B).offer);
    if let (Some(asked), Some(answered)) = (asked, answered)
        && let Some(what) = not_offered(&asked, &answered)
    {
        let text = format!(
            "the SYN-ACK of {} answers {what}, which the SYN did not offer as it was captured here",
            report.name(Side::B)
        );
        let frames = [asked.frame, answered.frame];
        let advice = "a box between the place of capture and one end changes options: compare captures of both sides";
        report.add(Severity::Warning, "middle_box", 1_000_000, text, &frames, advice);
    }
    for side in [Side::A, Side::B] {
        let (changed, foreign) =
            (report.course(side).oddities().changed_offer, report.course(side).oddities().foreign_sack);
        if !changed.is_none() {
            let text = format!("{} offers other options when it sends its SYN again", report.name(side));
            let advice = "some systems leave options out after a loss; otherwise a box in between changes them";
            report.add(Severity::Note, "changed_options", 0, text, changed.frames(), advice);
        }
        if !foreign.is_none() {
            let text = format!(
                "SACK blocks of {} lie far from anything that {} sent: {}",
                report.name(side),
                report.name(side.other()),
                times(foreign.count)
            );
            let advice = "a firewall rewrites sequence numbers but not SACK blocks: switch its randomisation off";
            report.add(
                Severity::Error,
                "middle_box",
                u64::from(foreign.count) * 1_000_000,
                text,
                foreign.frames(),
                advice,
            );
        }
    }
}

/// The window of the answer collapses with the first segment after it: its sender scales it, though the answer as it
/// was captured here does not offer to. What comes of it is a window of some bytes.
fn scale_stripped(report: &mut Report<'_>) {
    let (Some(asked), Some(answered)) = (report.course(Side::A).offer, report.course(Side::B).offer) else { return };
    let Some(next) = answered.collapsed else { return };
    let waited = report.window_stalls(Side::A);
    if asked.window_scale.is_none() || answered.window_scale.is_some() || waited == 0 {
        return;
    }
    let text = format!(
        "the SYN-ACK of {} offers a window of {} bytes and no scale, and the next one is {next} bytes: it scales its windows, \
         and {} does not know; {} of waiting came of it",
        report.name(Side::B),
        super::grouped(answered.window.into()),
        report.name(Side::A),
        time(waited),
    );
    let advice = "a box in between strips window scaling from the SYN-ACK (RFC 7323 section 2.2): mend it, or switch scaling \
                  off at one end (net.ipv4.tcp_window_scaling=0)";
    let frames = [asked.frame, answered.frame];
    report.add(Severity::Error, "stripped", waited, text, &frames, advice);
}

/// The same beyond the place of capture: the offer to scale passed here, and its answer does not show that it arrived. Who
/// fills a window as if it were not scaled, again and again, does not know that it is.
fn scale_unknown(report: &mut Report<'_>, side: Side) {
    let course = report.course(side);
    let filled = course.oddities().unscaled;
    if u64::from(filled.count) < 5.max(course.data_packets / 2) {
        return;
    }
    let (name, peer) = (report.name(side), report.name(side.other()));
    let text = format!(
        "{} of {name} end where the window of {peer} would end if it were not scaled: {name} does not know that it is",
        super::many(filled.count, "segment"),
    );
    let advice = "a box between here and that end strips window scaling from the handshake (RFC 7323 section 2.2): mend it, or \
                  switch scaling off at one end (net.ipv4.tcp_window_scaling=0)";
    let cost = report.connection.duration();
    report.add(Severity::Error, "stripped", cost, text, filled.frames(), advice);
}

fn not_offered(asked: &Offer, answered: &Offer) -> Option<&'static str> {
    if answered.window_scale.is_some() && asked.window_scale.is_none() {
        Some("window scaling")
    } else if answered.sack && !asked.sack {
        Some("SACK")
    } else if answered.timestamps && !asked.timestamps {
        Some("timestamps")
    } else {
        None
    }
}

fn unreachable(report: &mut Report<'_>) {
    let connection = report.connection;
    let said = connection.icmp.iter().find_map(|note| {
        let what = match note.what {
            IcmpKind::NoRoute => "there is no way to the destination",
            IcmpKind::ProtocolUnreachable => "the destination does not speak TCP",
            IcmpKind::PortUnreachable => "the port is not open",
            IcmpKind::Prohibited => "a filter refuses it",
            IcmpKind::TimeExceeded => "the time to live of a packet ran out",
            IcmpKind::ParameterProblem => "a header field makes no sense to it",
            IcmpKind::TooBig { .. } => return None,
        };
        Some((note, what))
    });
    let Some((note, what)) = said else { return };
    let text = format!("{} says that {what}", note.from);
    let opened = connection.history.answered();
    let severity = if opened { Severity::Warning } else { Severity::Error };
    report.add(
        severity,
        "unreachable",
        1_000_000_000,
        text,
        &[note.frame],
        "look at routes and filters at that address",
    );
}
