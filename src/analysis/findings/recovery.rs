//! Loss, needless retransmissions, reordering, black holes.

use super::{Report, Severity, many, percent, times};
use crate::analysis::course::Course;
use crate::analysis::loss::Loss;
use crate::analysis::seen::Seen;
use crate::analysis::segment::Side;
use crate::analysis::sequence::time;
use crate::wire::icmp::IcmpKind;

/// Looks at the data that `side` sent.
pub fn find(report: &mut Report<'_>, side: Side) {
    black_hole(report, side);
    damage(report, side);
    loss(report, side);
    missing(report, side);
    reordering(report, side);
    spurious(report, side);
    doubled(report, side);
    reneging(report, side);
    queueing(report, side);
}

fn loss(report: &mut Report<'_>, side: Side) {
    let course = report.course(side);
    let loss = course.loss();
    let sent = course.data_packets;
    // What was damaged is told so, and what nobody answered any more.
    let elsewhere =
        u64::from(real_damage(report, side)) + report.vanished(side).map_or(0, |gone| gone.tries.count.into());
    let lost = u64::from(loss.lost()).saturating_sub(elsewhere);
    // What never gets through is told as such, and so is what a router said was too big.
    let too_big = report.connection.icmp.iter().filter(|note| matches!(note.what, IcmpKind::TooBig { .. })).count();
    if lost == 0 || loss.black_hole.count * 2 >= loss.retransmissions() || loss.events <= too_big as u32 {
        return;
    }
    if mostly_needless(loss) {
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
    let duration = report.connection.duration();
    let share = lost as f64 / sent.max(1) as f64;
    let severity =
        if share >= 0.015 && lost > 1 || loss.timeouts.total > duration / 10 && loss.timeouts.total > 300_000_000 {
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
    let needless = again.saturating_sub(u64::from(loss.lost()));
    let needless = if needless > 0 { format!(", {needless} of them without need") } else { String::new() };
    let mut text = format!(
        "{} sent {} of {} again ({}){needless}, in {}: {}",
        report.name(side),
        super::grouped(again),
        many(sent, "data segment"),
        percent(again, sent),
        recoveries,
        repairs.join(", ")
    );
    let (pattern, remedy) = pattern(course);
    text.push_str(&pattern);
    let frames = [loss.timeouts.seen.frames(), loss.fast.frames(), loss.tail.frames()].concat();
    let frames: Vec<u64> = frames.into_iter().take(5).collect();
    let cost = loss.timeouts.total.saturating_add(u64::from(loss.fast.count + loss.tail.count) * 10_000_000);
    report.add(severity, "loss", cost, text, &frames, format!("{}: {remedy}", place(loss)));
}

/// Where timers repaired, hardly ever acknowledgments, and a third was proved to be needless, it was not data that was lost:
/// what loses acknowledgments loses the duplicate SACKs that would prove it of the rest as well. Where acknowledgments
/// called for repairs, they came through, and three in four have to be proved.
fn mostly_needless(loss: &Loss) -> bool {
    let (needless, lost) = (loss.spurious(), loss.lost());
    let by_timers = loss.fast.count * 4 <= loss.timeouts.seen.count;
    let enough = if by_timers { needless * 2 >= lost } else { needless >= lost * 3 };
    needless > 1 && enough
}

/// Where segments were lost, as far as the place of capture tells.
fn place(loss: &Loss) -> String {
    match loss.place {
        (before, 0) if before > 0 => {
            "the capture lacks what was lost, so the loss is between the sender and the place of capture".into()
        }
        (0, _) => "the capture has what was lost, so the loss is between the place of capture and the receiver".into(),
        (before, beyond) => {
            format!("{before} were lost between the sender and the place of capture, {beyond} beyond it")
        }
    }
}

/// How segments were lost, where the round trips just before and the rows of lost segments tell it; and what that asks
/// for.
///
/// A queue that overflows is as full each time: packets had waited equally long before every loss, and at no other time
/// longer. A link that loses at random does so whatever the queue.
fn pattern(course: &Course) -> (String, &'static str) {
    let loss = course.loss();
    let (fast, rows) = (loss.fast.count, loss.rows.max(1));
    let queues = course.queues();
    let queue = queues.longer();
    let (least, _, greatest) = queue.spread();
    if let Some(waits) = loss.waits {
        let full = waits.most >= queue.nothing() && waits.most.saturating_mul(10) >= queue.longest().saturating_mul(6);
        // One loss of a segment or two may have come just then by chance.
        let full = full && (waits.events > 1 || loss.lost() > 2);
        if full && waits.least.saturating_mul(10) >= waits.most.saturating_mul(6) {
            let text = format!(
                "; round trips had grown from {} to as much as {} before: a queue overflowed",
                time(least),
                time(greatest)
            );
            return (
                text,
                "look there for the slowest link, and give it a shaper or active queue management (fq_codel)",
            );
        }
        if waits.events > 1 || waits.most < queue.nothing() {
            if fast >= 6 && fast >= rows * 2 {
                let mean = f64::from(fast) / f64::from(rows);
                let text = format!("; in bursts of {mean:.1} segments on average, whatever waited in queues");
                return (text, "look there for a policer, a link that fails for moments, or a wireless one");
            }
            if fast >= 5 && fast * 2 <= rows * 3 {
                let text = "; one here and one there, at random, whatever waited in queues".into();
                return (text, "look there for a bad link: cables, optics, radio, error counters of interfaces");
            }
        }
    }
    (String::new(), "look there for a full queue, a policer or a bad link")
}

/// Passed over, never sent again, never acknowledged.
fn missing(report: &mut Report<'_>, side: Side) {
    // Where half of a connection is not in the capture, or hides where it cannot be read, nothing says that it did not come.
    if report.connection.one_sided().is_some() {
        return;
    }
    let course = report.course(side);
    // A byte alone is a FIN's, or a probe's.
    let Some((missing, hole)) = course.loss().missing(report.end).filter(|(bytes, _)| *bytes > 1) else { return };
    let name = report.name(side);
    let quiet = hole.since.since(hole.after).as_nanos() as u64;
    let frames = [hole.frame];
    let (what, bytes) = (super::grouped(missing), u64::from(course.largest));
    let mss = report.course(side.other()).offer.and_then(|offer| offer.mss).map_or(1460, u64::from);
    // Nothing as large as the path should take ever came, and as much as that is missing in one piece.
    if bytes * 4 < mss * 3 && hole.len() >= mss / 4 * 3 && course.bytes > 0 {
        let silence = match quiet {
            1_000_000_000.. => format!(", and nothing more came in {}", time(quiet)),
            _ => String::new(),
        };
        let text = format!(
            "{what} bytes of {name} never came, though what follows them did{silence}; of it no segment of more than {bytes} \
             bytes ever came: it looks as if full packets are lost on the way (MTU)",
        );
        let advice = "a link on the way takes smaller packets than the ends think, and the ICMP messages that say so do not \
                      arrive: clamp the MSS, let ICMP pass, or switch on net.ipv4.tcp_mtu_probing at the sender";
        return report.add(Severity::Error, "mtu", quiet.max(1_000_000_000), text, &frames, advice);
    }
    let text = format!(
        "{what} bytes of {name} never came, though what follows them did: they were lost before the place of capture and not \
         repaired",
    );
    let advice = "a sender that gives up, or large packets that never get through (MTU): capture at the sender, too";
    report.add(Severity::Error, "missing", 1_000_000_000, text, &frames, advice);
}

fn spurious(report: &mut Report<'_>, side: Side) {
    let course = report.course(side);
    let loss = course.loss();
    let (by_dsack, by_time, after) = (loss.spurious_by_dsack, loss.spurious_by_timestamp, loss.after_ack);
    let by_original = loss.spurious_by_original;
    let count = loss.spurious();
    if count == 0 {
        return;
    }
    let mut proofs = Vec::new();
    for (seen, proof) in [
        (by_dsack, "the receiver reports them as duplicates (D-SACK)"),
        (by_time, "the acknowledgment echoes a timestamp from before them"),
        (by_original, "their originals came after all"),
        (after, "the capture has their acknowledgment before them"),
    ] {
        if seen.count > 0 {
            proofs.push(format!("{} because {proof}", seen.count));
        }
    }
    // One probe too many costs nothing; half a window sent twice does, and so does a timer that ran for nothing.
    let waited = if mostly_needless(loss) || loss.lost() == 0 { loss.timeouts.total } else { 0 };
    let severity = if waited > 300_000_000 && waited > report.connection.duration() / 10 {
        Severity::Error
    } else if u64::from(count) * 100 > course.data_packets && count > 2 {
        Severity::Warning
    } else {
        Severity::Note
    };
    let name = report.name(side);
    let all = loss.retransmissions();
    let (which, those) = match all > count {
        true => (format!("{} of {all} segments that it sent again", super::grouped(count.into())), "at least "),
        false => (format!("{} again", many(count, "segment")), ""),
    };
    let mut text = match all > count {
        true => format!("{name} had no need to send {those}{which}: {}", proofs.join(", ")),
        false => format!("{name} sent {which} without need: {}", proofs.join(", ")),
    };
    if waited > 0 {
        text.push_str(&format!("; it had waited {} for acknowledgments that were late or lost", time(waited)));
    }
    let evidence = [by_dsack, by_time, by_original, after];
    let frames: Vec<u64> = evidence.iter().flat_map(|seen| seen.frames()).copied().take(4).collect();
    let advice = "acknowledgments were late or lost rather than data: look for reordering, for queues that fill suddenly, \
                  and for loss on the way back";
    let cost = waited.max(u64::from(count) * 1_000_000);
    report.add(severity, "spurious_retransmission", cost, text, &frames, advice);
}

fn reordering(report: &mut Report<'_>, side: Side) {
    let course = report.course(side);
    let loss = course.loss();
    let (late, bytes) = (loss.reordered, loss.reordered_bytes);
    let beyond = if loss.unseen_bytes() > 0 { Seen::default() } else { loss.reordered_beyond };
    let count = u64::from(late.seen.count.max(beyond.count));
    if count == 0 {
        return;
    }
    // What costs is that it passes for loss: the sender slows down, and sends again.
    let costs = count * 300 > course.data_packets || loss.spurious() > 0;
    let severity = if costs && count > 1 { Severity::Warning } else { Severity::Note };
    let mut text = if late.seen.count >= beyond.count {
        format!(
            "{} of {} came out of order, at most {} late and {} bytes behind",
            many(count, "segment"),
            report.name(side),
            time(late.longest),
            super::grouped(u64::from(bytes)),
        )
    } else {
        format!(
            "data of {} came out of order at {}, {}: its SACK blocks tell of gaps that closed without anything being sent again",
            report.name(side),
            report.name(side.other()),
            times(beyond.count),
        )
    };
    if loss.spurious() > 0 {
        text.push_str(&format!("; it sent {} again without need", many(loss.spurious(), "segment")));
    }
    let frames = if late.seen.count > 0 { late.seen } else { beyond }.frames().to_vec();
    let advice =
        "several paths or queues carry one connection, or something repaired the loss before the place of capture";
    report.add(severity, "reordering", late.total, text, &frames, advice);
}

/// Packets that arrived twice and were sent once.
fn doubled(report: &mut Report<'_>, side: Side) {
    let course = report.course(side);
    let doubled = course.loss().doubled;
    // Where the capture lacks segments, or the beginning, it may lack repetitions as well.
    if doubled.is_none() || course.loss().unseen_bytes() > 0 || report.connection.is_midstream() {
        return;
    }
    let many_of_them = u64::from(doubled.count) * 200 > course.data_packets && doubled.count > 1;
    let severity = if many_of_them { Severity::Warning } else { Severity::Note };
    let text = format!(
        "{} of {} arrived twice at {} and were sent once: it reports them as duplicates (D-SACK)",
        many(doubled.count, "packet"),
        report.name(side),
        report.name(side.other())
    );
    let advice = "the network doubles packets: look for a loop, a mirror port that feeds back, or a bonded link that \
                  broadcasts";
    let cost = u64::from(doubled.count) * 1_000_000;
    report.add(severity, "network_duplicates", cost, text, doubled.frames(), advice);
}

/// Round trips that grow far above their least while data flows: packets wait in a queue.
fn queueing(report: &mut Report<'_>, side: Side) {
    let course = report.course(side);
    let queues = course.queues();
    let queue = queues.longer();
    let (least, mean, greatest) = queue.spread();
    let (samples, long) = queue.long();
    if samples < 10 || long < 50 || mean < least.saturating_mul(3) || mean.saturating_sub(least) < 30_000_000 {
        return;
    }
    let text = format!(
        "packets of {} wait in a queue: round trips take {} on average and {} at most while its data flows, and {} at least",
        report.name(side),
        time(mean),
        time(greatest),
        time(least)
    );
    let advice = "a buffer on the way is too large for its link (bufferbloat): shape just below the link's rate, or use \
                  active queue management (fq_codel, cake)";
    report.add(Severity::Warning, "queue", mean.saturating_sub(least), text, &[], advice);
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

/// Segments with a wrong checksum that had to be sent again.
fn real_damage(report: &Report<'_>, side: Side) -> u32 {
    let damage = &report.course(side).oddities().damage;
    if damage.is_real() { damage.lost.count } else { 0 }
}

fn damage(report: &mut Report<'_>, side: Side) {
    let lost = real_damage(report, side);
    if lost == 0 {
        return;
    }
    let course = report.course(side);
    let damage = &course.oddities().damage;
    let text = format!(
        "{} of {} carry a wrong checksum and had to be sent again: they were damaged on the way",
        many(lost, "segment"),
        report.name(side)
    );
    let frames = damage.lost.frames().to_vec();
    let severity = match u64::from(lost) * 66 > course.data_packets && lost > 1 {
        true => Severity::Error,
        false => Severity::Warning,
    };
    let advice =
        "the receiver drops these as if they were lost: look for faulty memory, cables or a box that rewrites packets";
    report.add(severity, "damage", u64::from(lost) * 10_000_000, text, &frames, advice);
}
