//! Loss, needless retransmissions, reordering, black holes.

use super::{Report, Severity, many, percent, times};
use crate::analysis::segment::Side;
use crate::analysis::sequence::time;
use crate::wire::icmp::IcmpKind;

/// Looks at the data that `side` sent.
pub fn find(report: &mut Report<'_>, side: Side) {
    black_hole(report, side);
    loss(report, side);
    missing(report, side);
    spurious(report, side);
    reordering(report, side);
    reneging(report, side);
    damage(report, side);
}

fn loss(report: &mut Report<'_>, side: Side) {
    let course = report.course(side);
    let loss = course.loss();
    let (lost, sent) = (u64::from(loss.lost()), course.data_packets);
    // What never gets through is told as such.
    if lost == 0 || loss.black_hole.count * 2 >= loss.retransmissions() {
        return;
    }
    let mut repairs = Vec::new();
    if loss.fast.count > 0 {
        repairs.push(format!("{} by fast retransmission", loss.fast.count));
    }
    if loss.tail.count > 0 {
        repairs.push(format!("{} by a tail loss probe", loss.tail.count));
    }
    let timeouts = loss.timeouts.seen.count;
    if timeouts > 0 {
        let (total, longest) = (time(loss.timeouts.total), time(loss.timeouts.longest));
        let spans = if timeouts == 1 { longest } else { format!("{total} in all, the longest {longest}") };
        repairs.push(format!("{timeouts} only after a timeout ({spans})"));
    }
    let place = match loss.place {
        (before, 0) if before > 0 => {
            "the capture lacks what was lost, so the loss is between the sender and the place of capture".into()
        }
        (0, _) => "the capture has what was lost, so the loss is between the place of capture and the receiver".into(),
        (before, beyond) => {
            format!("{before} were lost between the sender and the place of capture, {beyond} beyond it")
        }
    };
    let duration = report.connection.duration();
    let share = lost as f64 / sent.max(1) as f64;
    let severity = if share >= 0.015 || loss.timeouts.total > duration / 10 && loss.timeouts.total > 300_000_000 {
        Severity::Error
    } else if share >= 0.001 || timeouts > 0 {
        Severity::Warning
    } else {
        Severity::Note
    };
    let again = u64::from(loss.timeouts.seen.count + loss.fast.count + loss.tail.count);
    let recoveries = match loss.events.max(1) {
        1 => "1 recovery".to_owned(),
        events => format!("{} recoveries", super::grouped(u64::from(events))),
    };
    let needless = if again > lost { format!(", {} of them without need", again - lost) } else { String::new() };
    let text = format!(
        "{} sent {} of {} again ({}){needless}, in {}: {}",
        report.name(side),
        super::grouped(again),
        many(sent, "data segment"),
        percent(again, sent),
        recoveries,
        repairs.join(", ")
    );
    let frames = [loss.timeouts.seen.frames(), loss.fast.frames(), loss.tail.frames()].concat();
    let frames: Vec<u64> = frames.into_iter().take(5).collect();
    let cost = loss.timeouts.total.saturating_add(u64::from(loss.fast.count + loss.tail.count) * 10_000_000);
    let advice = format!("{place}: look there for a full queue, a policer or a bad link");
    report.add(severity, "loss", cost, text, &frames, advice);
}

/// Passed over, never sent again, never acknowledged.
fn missing(report: &mut Report<'_>, side: Side) {
    let loss = report.course(side).loss();
    let (missing, gaps) = (loss.missing(report.end), loss.gaps);
    if missing == 0 {
        return;
    }
    let text = format!(
        "{} bytes of {} never came, though what follows them did: they were lost before the place of capture and not \
         repaired",
        super::grouped(missing),
        report.name(side)
    );
    let advice = "a sender that gives up, or large packets that never get through (MTU): capture at the sender, too";
    report.add(Severity::Error, "missing", 1_000_000_000, text, gaps.frames(), advice);
}

fn spurious(report: &mut Report<'_>, side: Side) {
    let course = report.course(side);
    let loss = course.loss();
    let (by_dsack, by_time, after) = (loss.spurious_by_dsack, loss.spurious_by_timestamp, loss.after_ack);
    let count = loss.spurious();
    if count == 0 {
        return;
    }
    let mut proofs = Vec::new();
    for (seen, proof) in [
        (by_dsack, "the receiver reports them as duplicates (D-SACK)"),
        (by_time, "the acknowledgment echoes a timestamp from before them"),
        (after, "the capture has their acknowledgment before them"),
    ] {
        if seen.count > 0 {
            proofs.push(format!("{} because {proof}", seen.count));
        }
    }
    let severity = if u64::from(count) * 100 > course.data_packets { Severity::Warning } else { Severity::Note };
    let text =
        format!("{} sent {} again without need: {}", report.name(side), many(count, "segment"), proofs.join(", "));
    let frames = [by_dsack.frames(), by_time.frames(), after.frames()].concat();
    let frames: Vec<u64> = frames.into_iter().take(4).collect();
    let advice = "acknowledgments were late or lost rather than data: look for reordering, for queues that fill suddenly, \
                  and for loss on the way back";
    report.add(severity, "spurious_retransmission", u64::from(count) * 1_000_000, text, &frames, advice);
}

fn reordering(report: &mut Report<'_>, side: Side) {
    let course = report.course(side);
    let (late, bytes) = (course.loss().reordered, course.loss().reordered_bytes);
    if late.seen.count == 0 {
        return;
    }
    let count = u64::from(late.seen.count);
    let severity = if count * 100 > course.data_packets { Severity::Warning } else { Severity::Note };
    let text = format!(
        "{} of {} came out of order, at most {} late and {} bytes behind",
        many(count, "segment"),
        report.name(side),
        time(late.longest),
        super::grouped(u64::from(bytes)),
    );
    let frames = late.seen.frames().to_vec();
    let advice =
        "several paths or queues carry one connection, or something repaired the loss before the place of capture";
    report.add(severity, "reordering", late.total, text, &frames, advice);
}

fn reneging(report: &mut Report<'_>, side: Side) {
    let reneged = report.course(side).loss().reneged;
    if reneged.is_none() {
        return;
    }
    let receiver = report.name(side.other());
    let text = format!("{receiver} gave up data that it had acknowledged by SACK, {}", times(reneged.count));
    let advice = "RFC 2018 section 8 allows this to a receiver out of memory: look for memory pressure there";
    report.add(Severity::Warning, "reneging", u64::from(reneged.count), text, reneged.frames(), advice);
}

fn black_hole(report: &mut Report<'_>, side: Side) {
    let course = report.course(side);
    let stuck = course.loss().black_hole;
    let too_big = report.connection.icmp.iter().find_map(|note| match note.what {
        IcmpKind::TooBig { mtu } => Some((note.frame, note.from, mtu)),
        _ => None,
    });
    if stuck.is_none() && too_big.is_none() {
        return;
    }
    let largest = course.largest;
    let waited = course.loss().timeouts.total.saturating_add(1_000_000);
    let name = report.name(side);
    if let Some((frame, from, mtu)) = too_big {
        if side != report.connection.mainly() {
            return;
        }
        let mtu = if mtu == 0 { "does not say how big it may be".into() } else { format!("takes {mtu} bytes at most") };
        let text = format!("a packet of {name} was too big on its way: {from} says so and {mtu}");
        let severity = if stuck.is_none() { Severity::Note } else { Severity::Error };
        let frames: Vec<u64> = std::iter::once(frame).chain(stuck.frames().iter().copied()).collect();
        let advice = "path MTU discovery must get these messages: do not filter ICMP; or clamp the MSS";
        return report.add(severity, "mtu", waited, text, &frames, advice);
    }
    let text = format!(
        "segments of {name} with {largest} bytes never arrive, {}, though smaller ones do: a black hole for large packets",
        times(stuck.count)
    );
    let advice = "the path takes smaller packets than the MTU here, and no ICMP message says so: clamp the MSS, let ICMP \
                  pass, or switch on packetisation-layer discovery (net.ipv4.tcp_mtu_probing)";
    report.add(Severity::Error, "mtu", waited, text, stuck.frames(), advice);
}

fn damage(report: &mut Report<'_>, side: Side) {
    let damaged = report.course(side).oddities().damaged;
    if damaged.is_none() {
        return;
    }
    let text = format!(
        "{} of {} carry a wrong checksum: they were damaged on the way",
        many(damaged.count, "segment"),
        report.name(side)
    );
    let advice =
        "the receiver drops these as if they were lost: look for faulty memory, cables or a box that rewrites packets";
    report.add(Severity::Warning, "damage", u64::from(damaged.count) * 10_000_000, text, damaged.frames(), advice);
}
