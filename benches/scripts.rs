//! How many scripts a second: `cargo bench --bench scripts`.
//!
//! Every script of testdata/scripts is read and run, on one core, again and again; the median of the rounds is shown.
//! And one that spans 1,000 seconds of virtual time: a peer that never answers, asked again and again.

use std::fs;
use std::path::Path;
use std::time::{Duration, Instant};

use tcpkit::script::{Options, Script, run};

const ROUNDS: usize = 15;

/// A connection whose window is closed for more than a thousand seconds, and whose peer answers every probe.
fn long() -> String {
    let mut text = String::from(
        "0  socket(..., SOCK_STREAM, IPPROTO_TCP) = 3
        +0 bind(3, ..., ...) = 0
        +0 listen(3, 1) = 0
        +0 < S 0:0(0) win 1000 <mss 1000>
        +0 > S. 0:0(0) ack 1 <mss 1460>
        +0 < . 1:1(0) ack 1 win 0
        +0 accept(3, ..., ...) = 4
        +0 write(4, ..., 1000) = 1000\n",
    );
    for wait in [1, 2, 4, 8, 16, 32, 64].into_iter().chain([120; 8]) {
        text.push_str(&format!("+{wait} > . 1:2(1) ack 1\n+0 < . 1:1(0) ack 1 win 0\n"));
    }
    text
}

fn main() {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("testdata/scripts");
    let mut scripts = Vec::new();
    gather(&folder, &mut scripts);
    let mut rates: Vec<f64> = (0..ROUNDS)
        .map(|_| {
            let start = Instant::now();
            for (name, text) in &scripts {
                let script = Script::parse(name, text).expect("it is understood");
                let report = run(&script, &Options::default()).expect("it is supported");
                assert!(report.mismatch.is_none(), "{name}");
            }
            scripts.len() as f64 / start.elapsed().as_secs_f64()
        })
        .collect();
    println!("{} scripts: {:.0} a second (median of {ROUNDS})", scripts.len(), median(&mut rates));
    let script = Script::parse("long", &long()).expect("it is understood");
    let mut times: Vec<f64> = (0..ROUNDS)
        .map(|_| {
            let start = Instant::now();
            let report = run(&script, &Options::default()).expect("it is supported");
            assert!(report.duration >= Duration::from_secs(1000) && report.mismatch.is_none());
            start.elapsed().as_secs_f64() * 1e3
        })
        .collect();
    println!("a script of 1,000 virtual seconds: {:.2} ms (median of {ROUNDS})", median(&mut times));
}

fn median(values: &mut [f64]) -> f64 {
    values.sort_by(f64::total_cmp);
    values[values.len() / 2]
}

fn gather(folder: &Path, scripts: &mut Vec<(String, String)>) {
    for entry in fs::read_dir(folder).expect("testdata/scripts is there") {
        let path = entry.expect("it can be listed").path();
        if path.is_dir() {
            gather(&path, scripts);
        } else if path.extension().is_some_and(|extension| extension == "pkt") {
            scripts.push((path.display().to_string(), fs::read_to_string(&path).expect("it can be read")));
        }
    }
}
