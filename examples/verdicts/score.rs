//! How good the verdicts are: per cause and end, and over all classes.

use std::collections::{BTreeMap, BTreeSet};
use std::error::Error;
use std::io::{self, Write};
use std::path::PathBuf;

use clap::Args;
use serde_json::json;

use super::causes::{CAUSES, Cause, Group, cause};
use super::judge::{Judged, judge};
use super::label::{self, Label};
use super::plan::End;
use super::verdict;

type Fallible<T> = Result<T, Box<dyn Error + Send + Sync>>;

/// What to score.
#[derive(Args, Debug)]
pub struct Score {
    /// Captures with their labels
    folder: PathBuf,
    /// Ask this program (tcpkit inspect --json) instead of the library
    #[arg(long)]
    binary: Option<PathBuf>,
    /// Only these causes
    #[arg(long, value_delimiter = ',')]
    only: Vec<String>,
    /// Everything that was said of each capture that was judged wrong
    #[arg(long, short)]
    verbose: bool,
    /// Objects instead of a table
    #[arg(long)]
    json: bool,
}

/// Scores a folder and prints the table.
pub fn run(args: &Score) -> Fallible<()> {
    let mut all = Vec::new();
    for label in label::read(&args.folder)? {
        if !args.only.is_empty() && !args.only.contains(&label.taken.cause) {
            continue;
        }
        let taken = &label.taken;
        let cause =
            cause(&taken.cause).ok_or_else(|| format!("{}: unknown cause {}", label.taken.file, label.taken.cause))?;
        let said = verdict::of(&args.folder.join(&label.taken.file), args.binary.as_deref())?;
        let judged = judge(cause, taken, said);
        all.push((label, cause, judged));
    }
    let mut out = io::stdout().lock();
    if args.json {
        return objects(&mut out, &all);
    }
    if args.verbose {
        misses(&mut out, &all)?;
    }
    table(&mut out, &all)?;
    totals(&mut out, &all)
}

type All = [(Label, &'static Cause, Judged)];

fn misses(out: &mut dyn Write, all: &All) -> Fallible<()> {
    for (label, cause, judged) in all.iter().filter(|(_, _, judged)| !judged.is_right()) {
        writeln!(
            out,
            "{}: {} at the {}, taken for {}",
            label.taken.file,
            judged.class,
            label.taken.end.name(),
            judged.predicted
        )?;
        writeln!(out, "  {}, {} sends; {}", cause.name, label.taken.sender.name(), label.said)?;
        writeln!(
            out,
            "  sent again by client {} and server {}; {}",
            label.sent_again[0],
            label.sent_again[1],
            done(label)
        )?;
        if judged.pattern == Some(false) {
            writeln!(out, "  the text lacks the pattern {:?}", cause.pattern.unwrap_or_default())?;
        }
        for said in &judged.said {
            writeln!(out, "    {} {}: {}", said.severity, said.kind, said.text)?;
        }
        if judged.said.is_empty() {
            writeln!(out, "    nothing")?;
        }
    }
    Ok(())
}

/// What the path did, without the zeros.
fn done(label: &Label) -> String {
    let mut parts = Vec::new();
    for (name, done) in [("up", &label.path[0]), ("down", &label.path[1])] {
        let Ok(serde_json::Value::Object(counts)) = serde_json::to_value(done) else { continue };
        let counts = counts.into_iter().filter(|(_, count)| *count != 0).map(|(key, count)| format!("{key} {count}"));
        parts.push(format!("{name}: {}", counts.collect::<Vec<_>>().join(" ")));
    }
    if label.touched > 0 {
        parts.push(format!("touched {}", label.touched));
    }
    parts.join("; ")
}

fn table(out: &mut dyn Write, all: &All) -> Fallible<()> {
    let heads = ["cause", "end", "n", "named", "first", "right", "silent", "pattern", "false errors"];
    let [a, b, c, d, e, f, g, h, i] = heads;
    writeln!(out, "{a:<24}{b:<8}{c:>3}{d:>7}{e:>7}{f:>7}{g:>8}{h:>9}  {i}")?;
    for cause in CAUSES {
        for end in End::BOTH {
            let rows: Vec<&Judged> = all
                .iter()
                .filter(|(label, of, _)| of.name == cause.name && label.taken.end == end)
                .map(|(.., judged)| judged)
                .collect();
            if rows.is_empty() {
                continue;
            }
            let count = |what: &dyn Fn(&Judged) -> bool| rows.iter().filter(|judged| what(judged)).count();
            let asked = count(&|judged| judged.pattern.is_some());
            let pattern = if asked == 0 {
                "-".into()
            } else {
                format!("{}/{asked}", count(&|judged| judged.pattern == Some(true)))
            };
            let mut wrong = BTreeMap::new();
            for kind in rows.iter().flat_map(|judged| &judged.false_errors) {
                *wrong.entry(kind.as_str()).or_insert(0) += 1;
            }
            let wrong: Vec<String> = wrong.into_iter().map(|(kind, count)| format!("{count} {kind}")).collect();
            writeln!(
                out,
                "{:<24}{:<8}{:>3}{:>7}{:>7}{:>7}{:>8}{pattern:>9}  {}",
                cause.name,
                end.name(),
                rows.len(),
                count(&|judged| judged.named),
                count(&|judged| judged.first),
                count(&|judged| judged.class == judged.predicted),
                count(&|judged| judged.silent),
                wrong.join(", ")
            )?;
        }
    }
    Ok(())
}

/// Of one class.
#[derive(Default)]
struct Counts {
    right: u64,
    missed: u64,
    invented: u64,
}

impl Counts {
    fn f1(&self) -> f64 {
        let all = 2 * self.right + self.missed + self.invented;
        if all == 0 { 1.0 } else { 2.0 * self.right as f64 / all as f64 }
    }
}

/// Classes with their counts; those that are never right are predictions only, and have no score of their own.
fn classes(all: &All) -> BTreeMap<&str, Counts> {
    let there: BTreeSet<&str> = all.iter().map(|(.., judged)| judged.class).collect();
    let mut counts: BTreeMap<&str, Counts> = there.iter().map(|class| (*class, Counts::default())).collect();
    for (.., judged) in all {
        if judged.class == judged.predicted {
            counts.entry(judged.class).or_default().right += 1;
            continue;
        }
        counts.entry(judged.class).or_default().missed += 1;
        if let Some(predicted) = counts.get_mut(judged.predicted.as_str()) {
            predicted.invented += 1;
        }
    }
    counts
}

struct Summary {
    macro_f1: f64,
    healthy: (usize, usize),
    quiet: (usize, usize),
    false_errors: usize,
    named: (usize, usize),
    first: (usize, usize),
    pattern: (usize, usize),
}

fn summary(all: &All) -> Summary {
    let counts = classes(all);
    let of = |which: &dyn Fn(&Cause, &Judged) -> bool, what: &dyn Fn(&Judged) -> bool| {
        let rows = all.iter().filter(|(_, cause, judged)| which(cause, judged));
        (rows.clone().filter(|(.., judged)| what(judged)).count(), rows.count())
    };
    let silent = |judged: &Judged| judged.silent;
    let told = |_: &Cause, judged: &Judged| judged.class != "healthy";
    Summary {
        macro_f1: counts.values().map(Counts::f1).sum::<f64>() / counts.len().max(1) as f64,
        healthy: of(&|cause, _| cause.group == Group::Healthy, &silent),
        quiet: of(&|cause, judged| cause.group != Group::Healthy && judged.class == "healthy", &silent),
        false_errors: all.iter().map(|(.., judged)| judged.false_errors.len()).sum(),
        named: of(&told, &|judged| judged.named),
        first: of(&told, &|judged| judged.first),
        pattern: of(&|_, judged| judged.pattern.is_some(), &|judged| judged.pattern == Some(true)),
    }
}

fn totals(out: &mut dyn Write, all: &All) -> Fallible<()> {
    writeln!(out, "\n{:<18}{:>5}{:>8}{:>10}{:>7}", "class", "right", "missed", "invented", "F1")?;
    for (class, counts) in classes(all) {
        writeln!(out, "{class:<18}{:>5}{:>8}{:>10}{:>7.3}", counts.right, counts.missed, counts.invented, counts.f1())?;
    }
    let summary = summary(all);
    let share = |(part, all): (usize, usize)| format!("{part} of {all} ({:.3})", part as f64 / all.max(1) as f64);
    writeln!(out, "\ncaptures             {}", all.len())?;
    writeln!(out, "macro-F1             {:.3}", summary.macro_f1)?;
    writeln!(out, "healthy, silent      {}", share(summary.healthy))?;
    writeln!(out, "nothing to see, silent  {}   (capture artefacts, ends without evidence)", share(summary.quiet))?;
    writeln!(out, "named                {}", share(summary.named))?;
    writeln!(out, "named first          {}", share(summary.first))?;
    writeln!(out, "pattern of losses    {}", share(summary.pattern))?;
    writeln!(out, "false errors         {}", summary.false_errors)?;
    Ok(())
}

fn objects(out: &mut dyn Write, all: &All) -> Fallible<()> {
    for (label, cause, judged) in all {
        let object = json!({
            "type": "capture",
            "cause": cause.name,
            "end": label.taken.end,
            "sender": label.taken.sender,
            "evident": label.taken.evident,
            "why": cause.why,
            "judged": judged,
        });
        writeln!(out, "{object}")?;
    }
    let summary = summary(all);
    let f1: BTreeMap<&str, f64> = classes(all).iter().map(|(class, counts)| (*class, counts.f1())).collect();
    let object = json!({
        "type": "summary",
        "captures": all.len(),
        "macro_f1": summary.macro_f1,
        "f1": f1,
        "healthy": summary.healthy,
        "nothing_to_see": summary.quiet,
        "named": summary.named,
        "named_first": summary.first,
        "pattern": summary.pattern,
        "false_errors": summary.false_errors,
    });
    writeln!(out, "{object}")?;
    Ok(())
}
