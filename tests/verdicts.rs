//! Captures of the kernel's TCP with a known cause, and what `inspect` says of them.
//!
//! They are a sample of what `examples/verdicts` makes; its table says what is right for each cause, and why.

use std::path::Path;

use tcpkit::analysis::findings::Severity;

#[path = "../examples/verdicts/causes.rs"]
#[allow(dead_code, reason = "the score uses the rest")]
mod causes;
#[path = "../examples/verdicts/judge.rs"]
#[allow(dead_code, reason = "the score uses the rest")]
mod judge;
#[path = "../examples/verdicts/plan.rs"]
#[allow(dead_code, reason = "the program that makes captures uses the rest")]
mod plan;
#[path = "../examples/verdicts/verdict.rs"]
#[allow(dead_code, reason = "the score uses the rest")]
mod verdict;

use causes::{CAUSES, Group};
use judge::{Judged, Taken, judge};

fn sample() -> Vec<(&'static causes::Cause, Judged)> {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("testdata/verdicts");
    let labels = std::fs::read_to_string(folder.join("labels.json")).unwrap();
    let labels: Vec<Taken> = serde_json::from_str(&labels).unwrap();
    let judged = |taken: Taken| {
        let cause = causes::cause(&taken.cause).unwrap();
        let said = verdict::of(&folder.join(&taken.file), None).unwrap();
        (cause, judge(cause, &taken, said))
    };
    labels.into_iter().map(judged).collect()
}

fn told(judged: &Judged) -> String {
    let said = judged.said.iter().map(|said| format!("\n  {} {}: {}", said.severity, said.kind, said.text));
    format!("{}: {}, taken for {}{}\n", judged.file, judged.class, judged.predicted, said.collect::<String>())
}

#[test]
fn the_first_error_or_warning_names_what_was_done_to_the_path() {
    let wrong = sample().into_iter().filter(|(_, judged)| judged.class != judged.predicted);
    let wrong: String = wrong.map(|(_, judged)| told(&judged)).collect();
    assert!(wrong.is_empty(), "{wrong}");
}

#[test]
fn every_cause_is_named() {
    let wrong = sample().into_iter().filter(|(_, judged)| !judged.named);
    let wrong: String = wrong.map(|(_, judged)| told(&judged)).collect();
    assert!(wrong.is_empty(), "{wrong}");
}

#[test]
fn no_error_tells_what_was_not_done() {
    let wrong = sample().into_iter().filter(|(_, judged)| !judged.false_errors.is_empty());
    let wrong: String = wrong.map(|(_, judged)| told(&judged)).collect();
    assert!(wrong.is_empty(), "{wrong}");
}

#[test]
fn of_a_healthy_connection_there_are_notes_at_most() {
    let healthy = sample().into_iter().filter(|(cause, _)| cause.group == Group::Healthy);
    for (_, judged) in healthy {
        assert!(judged.said.iter().all(|said| said.severity == Severity::Note), "{}", told(&judged));
    }
}

#[test]
fn the_sample_has_every_cause() {
    let there = sample();
    for cause in CAUSES {
        assert!(there.iter().any(|(other, _)| other.name == cause.name), "{}", cause.name);
    }
}
