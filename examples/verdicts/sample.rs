//! A small sample of a set, to be kept: one capture of each cause and end, the smallest that is not too large.

use std::collections::{BTreeMap, BTreeSet};
use std::error::Error;
use std::fs::{self, File};
use std::io::Write;
use std::path::PathBuf;

use clap::Args;
use flate2::Compression;
use flate2::write::GzEncoder;

use super::label::{self, Label};

type Fallible<T> = Result<T, Box<dyn Error + Send + Sync>>;

/// What to keep.
#[derive(Args, Debug)]
pub struct Sample {
    /// Captures with their labels
    folder: PathBuf,
    /// Where the sample goes
    out: PathBuf,
    /// No compressed capture is larger
    #[arg(long, default_value_t = 25_000)]
    most: usize,
    /// Bytes of all of them together
    #[arg(long, default_value_t = 250_000)]
    total: usize,
}

/// Picks and writes it.
pub fn run(args: &Sample) -> Fallible<()> {
    let mut best: BTreeMap<(String, &str), (Vec<u8>, Label)> = BTreeMap::new();
    for mut label in label::read(&args.folder)? {
        let packed = pack(&fs::read(args.folder.join(&label.taken.file))?)?;
        label.taken.file += ".gz";
        let key = (label.taken.cause.clone(), label.taken.end.name());
        if packed.len() <= args.most && best.get(&key).is_none_or(|(other, _)| packed.len() < other.len()) {
            best.insert(key, (packed, label));
        }
    }
    // One end of every cause before the other end of any.
    let mut kept: Vec<(Vec<u8>, Label)> = best.into_values().collect();
    kept.sort_by_key(|(packed, _)| packed.len());
    let mut seen = BTreeSet::new();
    let (first, second): (Vec<_>, Vec<_>) =
        kept.into_iter().partition(|(_, label)| seen.insert(label.taken.cause.clone()));
    let mut total = 0;
    let mut kept: Vec<(Vec<u8>, Label)> = first.into_iter().chain(second).collect();
    kept.retain(|(packed, _)| {
        let fits = total + packed.len() <= args.total;
        total += if fits { packed.len() } else { 0 };
        fits
    });
    kept.sort_by(|(_, a), (_, b)| a.taken.file.cmp(&b.taken.file));
    fs::create_dir_all(&args.out)?;
    for (packed, label) in &kept {
        File::create(args.out.join(&label.taken.file))?.write_all(packed)?;
    }
    let bytes: usize = kept.iter().map(|(packed, _)| packed.len()).sum();
    let labels: Vec<Label> = kept.into_iter().map(|(_, label)| label).collect();
    label::write(&args.out, &labels)?;
    println!("{} captures, {bytes} bytes, in {}", labels.len(), args.out.display());
    Ok(())
}

fn pack(bytes: &[u8]) -> Fallible<Vec<u8>> {
    let mut encoder = GzEncoder::new(Vec::new(), Compression::best());
    encoder.write_all(bytes)?;
    Ok(encoder.finish()?)
}
