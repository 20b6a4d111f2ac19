//! What a person should know of a connection: sentences, worst first, with the frames that prove them and what to do.
//!
//! | file       | subject |
//! |------------|---------|
//! | `opening`  | SYNs that were lost, refused or not answered; options that changed on the way |
//! | `recovery` | loss, needless retransmissions, reordering, black holes |
//! | `pace`     | closed and small windows, pauses, delayed acknowledgments |
//! | `ending`   | resets, segments that TCP forbids |
//! | `capture`, `premise`, `unread` | what the capture itself lacks or distorts, what it is, what of it could not be read |
//! | `causes`   | which finding explains which |
//! | `kinds`    | all kinds, with the evidence that each needs |

mod capture;
mod causes;
mod ending;
mod kinds;
mod opening;
mod pace;
mod premise;
mod recovery;
mod unread;

#[cfg(test)]
mod tests;

use std::cmp::Reverse;
use std::collections::BTreeMap;
use std::fmt;

use super::connection::{Connection, Unheard};
use super::course::Course;
use super::segment::Side;
use super::sequence::time;
use super::truth::Truth;
use crate::time::Time;

pub use capture::{CaptureFacts, of_capture};
pub use causes::UNCERTAIN_IN_PART;
pub use kinds::KINDS;
pub use unread::{CutHeaders, Unread};

/// How bad it is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Severity {
    /// Good to know.
    Note,
    /// It costs something.
    Warning,
    /// It broke something, or made it slow.
    Error,
}

impl fmt::Display for Severity {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(match self {
            Severity::Note => "note",
            Severity::Warning => "warning",
            Severity::Error => "error",
        })
    }
}

/// Something found.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Finding {
    /// How bad it is.
    pub severity: Severity,
    /// A word for programs: `loss`, `zero_window`, and so on.
    pub kind: &'static str,
    /// The connection, where it is about one.
    pub stream: Option<u32>,
    /// What happened.
    pub text: String,
    /// The frames that prove it, the first few.
    pub frames: Vec<u64>,
    /// What to do about it; empty when there is nothing to do.
    pub advice: String,
    /// What it cost, in nanoseconds, or another measure of weight among findings of one kind.
    pub cost: u64,
    /// It says what the capture is, so that everything else is to be read in its light: it is told first.
    pub premise: bool,
}

/// Collects what is found of one connection.
struct Report<'a> {
    connection: &'a Connection,
    /// When the capture ended, since the connection's first segment.
    end: Time,
    found: Vec<Finding>,
}

impl Report<'_> {
    fn add(
        &mut self,
        severity: Severity,
        kind: &'static str,
        cost: u64,
        text: String,
        frames: &[u64],
        advice: impl Into<String>,
    ) {
        let mut frames = frames.to_vec();
        frames.dedup();
        let stream = Some(self.connection.stream);
        let advice = advice.into();
        self.found.push(Finding { severity, kind, stream, text, frames, advice, cost, premise: false });
    }

    fn name(&self, side: Side) -> String {
        self.connection.end(side).to_string()
    }

    fn course(&self, side: Side) -> &Course {
        self.connection.course(side)
    }

    /// How long the data of `side` waited for a window that was closed, or as good as, in nanoseconds; up to the end of the
    /// connection where it never opened again.
    fn window_stalls(&self, side: Side) -> u64 {
        let limits = &self.course(side).limits;
        let last = self.connection.last.1;
        let closed = limits.still_closed().map_or(0, |(since, _)| last.since(since).as_nanos() as u64);
        limits.stalls().zero_window.total.saturating_add(closed)
    }

    /// What `side` sent again and asked for in vain since the other end was heard last, when that is enough to call the
    /// other end gone.
    fn vanished(&self, side: Side) -> Option<Unheard> {
        let connection = self.connection;
        let open = connection.course(side.other()).packets > 0 && !connection.history.closed_by(side.other());
        let reset = connection.history.reset_by() == Some(side.other());
        connection.unheard.filter(|gone| {
            let waited = gone.last.since(gone.since).as_nanos() as u64;
            open && !reset && gone.side == side && gone.tries.count >= 2 && waited >= 1_000_000_000
        })
    }
}

/// What there is to say of one connection in a capture that ended at `end`.
pub fn of_connection(connection: &Connection, end: Time) -> Vec<Finding> {
    let mut report = Report { connection, end: connection.relative(end), found: Vec::new() };
    // Of a direction that is not there nothing is known: neither that it was silent, nor what it offered.
    let whole = connection.one_sided().is_none();
    if whole {
        opening::find(&mut report);
    }
    for side in [Side::A, Side::B] {
        recovery::find(&mut report, side);
        if whole {
            pace::find(&mut report, side);
        }
    }
    ending::find(&mut report);
    causes::settle(&mut report.found);
    report.found
}

/// Mends what was inferred by what a capture of our own tells of its packets: who waits for an answer to a request that was
/// held back waits for the path.
pub fn know(found: &mut [Finding], connection: &Connection, truth: &Truth) {
    for side in [Side::A, Side::B] {
        let stalls = connection.course(side).limits.stalls();
        let (from, to, frame) = (connection.end(side.other()), connection.end(side), stalls.answers.longest_frames.0);
        let blames = |finding: &&mut Finding| finding.kind == "pause" && finding.frames.first() == Some(&frame);
        if stalls.answers.seen.count > 0
            && truth.was_held(from, to, stalls.asked)
            && let Some(finding) = found.iter_mut().find(blames)
        {
            (finding.severity, finding.kind) = (Severity::Note, "delay");
            finding.text = format!(
                "{to} answered the request of frame {frame} {} later: the request was held back on its way, as the capture itself \
                 says (interface {})",
                time(stalls.answers.longest),
                crate::analysis::truth::IMPAIRED
            );
            finding.advice.clear();
        }
    }
}

/// Findings of one kind that are told one by one; of more, only the number.
const TOLD: usize = 3;

/// Findings of many connections, as they come: of each kind the worst are kept and the rest counted, so that a capture
/// with a million broken connections has a report of a page.
#[derive(Default)]
pub struct Collection {
    kinds: BTreeMap<(Severity, &'static str), Kind>,
}

#[derive(Default)]
struct Kind {
    worst: Vec<Finding>,
    count: u64,
    cost: u64,
}

impl Collection {
    /// Adds a finding.
    pub fn add(&mut self, finding: Finding) {
        let kind = self.kinds.entry((finding.severity, finding.kind)).or_default();
        kind.count += 1;
        kind.cost = kind.cost.saturating_add(finding.cost);
        let at = kind.worst.partition_point(|known| known.cost >= finding.cost);
        if at < TOLD {
            kind.worst.insert(at, finding);
            kind.worst.truncate(TOLD);
        }
    }

    /// Leaves out what `wanted` does not want.
    pub fn keep(&mut self, wanted: impl Fn(&Finding) -> bool) {
        for kind in self.kinds.values_mut() {
            let before = kind.worst.len();
            kind.worst.retain(&wanted);
            kind.count -= (before - kind.worst.len()) as u64;
        }
        self.kinds.retain(|_, kind| !kind.worst.is_empty());
    }

    /// True when there is nothing to tell.
    pub fn is_empty(&self) -> bool {
        self.kinds.is_empty()
    }

    /// Whether there is anything above a note.
    pub fn is_serious(&self) -> bool {
        self.kinds.keys().any(|(severity, _)| *severity > Severity::Note)
    }

    /// Findings of each severity: errors, warnings, notes.
    pub fn counts(&self) -> [u64; 3] {
        let of =
            |severity| self.kinds.iter().filter(|((known, _), _)| *known == severity).map(|(_, kind)| kind.count).sum();
        [of(Severity::Error), of(Severity::Warning), of(Severity::Note)]
    }

    /// All findings that are told, the worst first, each kind together; the last of a kind says how many more there are.
    pub fn told(&self) -> Vec<(&Finding, u64)> {
        let mut kinds: Vec<_> = self.kinds.iter().collect();
        let premise = |kind: &Kind| kind.worst.iter().any(|finding| finding.premise);
        kinds.sort_by_key(|(key, kind)| Reverse((premise(kind), key.0, kind.cost)));
        kinds
            .into_iter()
            .flat_map(|(_, kind)| {
                let last = kind.worst.len().saturating_sub(1);
                let more = kind.count - kind.worst.len() as u64;
                kind.worst.iter().enumerate().map(move |(at, finding)| (finding, if at == last { more } else { 0 }))
            })
            .collect()
    }
}

/// `1 segment`, `2 segments`.
pub fn many(count: impl Into<u64>, what: &str) -> String {
    match count.into() {
        1 => format!("1 {what}"),
        count => format!("{} {what}s", grouped(count)),
    }
}

/// How often: `once`, `twice`, `3 times`.
fn times(count: impl Into<u64>) -> String {
    match count.into() {
        1 => "once".into(),
        2 => "twice".into(),
        count => format!("{} times", grouped(count)),
    }
}

/// A number with its thousands apart.
pub fn grouped(number: u64) -> String {
    let digits = number.to_string();
    let mut out = String::with_capacity(digits.len() + digits.len() / 3);
    for (at, digit) in digits.chars().enumerate() {
        if at > 0 && (digits.len() - at).is_multiple_of(3) {
            out.push(',');
        }
        out.push(digit);
    }
    out
}

/// A part of a whole in percent.
fn percent(part: u64, whole: u64) -> String {
    let percent = part as f64 * 100.0 / whole.max(1) as f64;
    if percent >= 10.0 {
        format!("{percent:.0} %")
    } else if percent >= 0.1 {
        format!("{percent:.1} %")
    } else {
        format!("{percent:.2} %")
    }
}

/// Bits per second in the unit that suits it.
pub fn rate(bits: f64) -> String {
    match bits {
        bits if bits >= 1e9 => format!("{:.2} Gbit/s", bits / 1e9),
        bits if bits >= 1e6 => format!("{:.2} Mbit/s", bits / 1e6),
        bits if bits >= 1e3 => format!("{:.1} kbit/s", bits / 1e3),
        bits => format!("{bits:.0} bit/s"),
    }
}
