//! Makes a set of labelled captures: every cause several times, some at once.

use std::collections::VecDeque;
use std::error::Error;
use std::fs;
use std::path::PathBuf;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, PoisonError};

use clap::Args;

use super::artefact;
use super::causes::{CAUSES, Cause, Group};
use super::draw::{Size, draw};
use super::judge::Taken;
use super::lab::{self, Truth};
use super::label::{self, Label};
use super::plan::{End, Plan};

type Fallible<T> = Result<T, Box<dyn Error + Send + Sync>>;

/// A draw that did nothing of what its label says is drawn again so often.
const ATTEMPTS: u64 = 5;
/// A path that was later than this is not what was drawn.
const LATE_US: u64 = 5_000;

/// What to make.
#[derive(Args, Debug)]
pub struct Make {
    /// Where the captures and their labels go; labels that are there are kept
    folder: PathBuf,
    /// The same seed gives the same plans
    #[arg(long, default_value_t = 1)]
    seed: u64,
    /// Only these causes
    #[arg(long, value_delimiter = ',')]
    only: Vec<String>,
    /// Runs of each cause
    #[arg(long, default_value_t = 3)]
    variants: u64,
    /// Short transfers, for a sample to keep
    #[arg(long)]
    brief: bool,
    /// Runs at a time
    #[arg(long, default_value_t = 4)]
    jobs: usize,
}

/// Makes them.
pub fn run(args: &Make) -> Fallible<()> {
    fs::create_dir_all(&args.folder)?;
    let unknown = args.only.iter().find(|only| CAUSES.iter().all(|cause| cause.name != only.as_str()));
    if let Some(unknown) = unknown {
        return Err(format!("there is no cause {unknown:?}").into());
    }
    let wanted = |cause: &&Cause| args.only.is_empty() || args.only.iter().any(|only| only == cause.name);
    lab::sweep();
    // A run that has begun takes its namespaces away; a second signal ends it at once.
    let interrupted = Arc::new(AtomicBool::new(false));
    for signal in [signal_hook::consts::SIGINT, signal_hook::consts::SIGTERM] {
        signal_hook::flag::register_conditional_shutdown(signal, 1, Arc::clone(&interrupted))?;
        signal_hook::flag::register(signal, Arc::clone(&interrupted))?;
    }
    let runs = CAUSES.iter().filter(wanted).flat_map(|cause| (0..args.variants).map(move |variant| (cause, variant)));
    let runs = Mutex::new(runs.collect::<VecDeque<_>>());
    let made = Mutex::new(Vec::new());
    std::thread::scope(|scope| {
        for _ in 0..args.jobs.max(1) {
            scope.spawn(|| {
                loop {
                    let next = lock(&runs).pop_front();
                    let Some((cause, variant)) = next.filter(|_| !interrupted.load(Ordering::Relaxed)) else { break };
                    match one(args, cause, variant) {
                        Ok(labels) => lock(&made).extend(labels),
                        Err(error) => eprintln!("{} {variant}: left out: {error}", cause.name),
                    }
                }
            });
        }
    });
    let mut labels = label::read(&args.folder).unwrap_or_default();
    let made = made.into_inner().unwrap_or_else(PoisonError::into_inner);
    labels.retain(|old| made.iter().all(|new: &Label| new.taken.file != old.taken.file));
    labels.extend(made);
    let place = |name: &str| CAUSES.iter().position(|cause| cause.name == name);
    labels.sort_by_key(|label| (place(&label.taken.cause), label.taken.file.clone()));
    label::write(&args.folder, &labels)?;
    println!("{} captures in {}", labels.len(), args.folder.display());
    Ok(())
}

fn lock<T>(mutex: &Mutex<T>) -> std::sync::MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

/// One run, drawn again until it did what it should.
fn one(args: &Make, cause: &Cause, variant: u64) -> Fallible<Vec<Label>> {
    let file = |end: End| format!("{}-{variant}-{}.pcap", cause.name, end.name());
    let paths = End::BOTH.map(|end| args.folder.join(file(end)));
    let size = if args.brief { Size::Brief } else { Size::Full };
    let mut why = String::new();
    for attempt in 0..ATTEMPTS {
        let plan = draw(cause.name, variant, attempt, args.seed, size).ok_or("nobody knows how to draw it")?;
        let outcome = undisturbed(&plan, &paths).and_then(|truth| {
            happened(cause, &plan, &truth)?;
            Ok(truth)
        });
        match outcome {
            Ok(truth) => return labels(cause, &plan, &truth, &paths, file),
            Err(error) => why = error.to_string(),
        }
        eprintln!("{} {variant}: drawn again: {why} ({})", cause.name, plan.said);
    }
    paths.iter().for_each(|path| drop(fs::remove_file(path)));
    Err(why.into())
}

/// Runs a plan, again where the machine was too busy to keep to it.
fn undisturbed(plan: &Plan, paths: &[PathBuf; 2]) -> Fallible<Truth> {
    let mut late = 0;
    for _ in 0..ATTEMPTS {
        let truth = lab::run(plan, &paths[0], &paths[1])?;
        late = truth.path[0].late_us;
        if late <= LATE_US {
            return Ok(truth);
        }
        eprintln!("{}: run again: the path was up to {late} us late", plan.cause);
    }
    Err(format!("the machine is too busy: the path was up to {late} us late").into())
}

fn labels(
    cause: &Cause,
    plan: &Plan,
    truth: &Truth,
    paths: &[PathBuf; 2],
    file: impl Fn(End) -> String,
) -> Fallible<Vec<Label>> {
    let mut labels = Vec::new();
    for (end, path) in End::BOTH.into_iter().zip(paths) {
        if !plan.keep.contains(&end) {
            fs::remove_file(path)?;
            continue;
        }
        let touched = plan.artefact.map_or(Ok(0), |artefact| artefact::apply(path, artefact, plan.path.seed))?;
        labels.push(Label {
            taken: Taken {
                file: file(end),
                end,
                cause: cause.name.into(),
                sender: plan.sender,
                // What touched no frame cannot be told.
                evident: plan.evidence.contains(&end) && (plan.artefact.is_none() || touched > 0),
            },
            said: plan.said.clone(),
            path: truth.path.clone(),
            ends: truth.ends.clone(),
            sent_again: truth.sent_again,
            touched,
        });
    }
    Ok(labels)
}

/// Whether a run is what its label says; otherwise why not.
fn happened(cause: &Cause, plan: &Plan, truth: &Truth) -> Fallible<()> {
    let forth = &truth.path[usize::from(plan.sender == End::Server)];
    let back = &truth.path[usize::from(plan.sender == End::Client)];
    let sent_again = truth.sent_again[usize::from(plan.sender == End::Server)];
    let least = |what: &str, count: u64, least: u64| {
        if count >= least { Ok(()) } else { Err(format!("{what}: {count}, which is less than {least}")) }
    };
    match cause.name {
        "random_loss" | "loss_no_sack" => least("lost", forth.lost, 2)?,
        "burst_loss" => least("lost in bursts", forth.lost_in_bursts, 4)?,
        "queue_overflow" => least("overflowed", forth.overflowed, 3)?,
        "policer" => least("policed", forth.policed, 3)?,
        "bufferbloat" => least("microseconds in the queue", forth.longest_wait_us, 200_000)?,
        "reordering" => least("overtaken", forth.overtaken, 4)?,
        "network_duplicates" => least("duplicated", forth.duplicated, 3)?,
        "corruption" => least("corrupted", forth.corrupted, 2)?,
        "ack_loss" => {
            least("acknowledgments lost", back.lost_acks, 2)?;
            least("sent again", sent_again, 2)?;
        }
        "delay_spike" => {
            least("frozen", forth.frozen, 2)?;
            least("sent again", sent_again, 1)?;
        }
        "mtu_black_hole" | "too_big_with_icmp" => least("too large", forth.too_large, 1)?,
        "lost_syn" | "lost_syn_ack" => least("SYNs lost", forth.lost_syns + back.lost_syns, 1)?,
        "vanished" | "vanished_idle" | "idle_cut_silent" | "idle_cut_reset" => {
            least("swallowed", forth.swallowed + back.swallowed, 1)?;
        }
        "reset_injected" => least("resets made", forth.made + back.made, 1)?,
        "timestamps_stripped" | "window_scale_stripped" => least("stripped", forth.stripped + back.stripped, 1)?,
        _ => {}
    }
    if cause.group != Group::Trouble && cause.name != "too_big_with_icmp" {
        if truth.sent_again != [0, 0] {
            return Err(format!("{:?} segments were sent again on a path without loss", truth.sent_again).into());
        }
        let planned = |error: &Option<String>| error.as_ref().is_none_or(|error| error.contains("as planned"));
        if let Some(end) = truth.ends.iter().find(|end| !planned(&end.error) && !cause.name.starts_with("reset_")) {
            return Err(format!("an end failed: {:?}", end.error).into());
        }
    }
    Ok(())
}
