//! Every script of testdata/scripts, a test each: as it stands, and with sequence numbers that begin elsewhere.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::ExitCode;

use libtest_mimic::{Arguments, Failed, Trial};
use tcpkit::script::{IpVersion, Options, Script, run};

/// Where both ends begin: in the middle, where a number and its neighbours have the sign bit between them, and just
/// before 2^32.
const ISNS: [u32; 3] = [1_000_000, 0x7fff_fe00, 0xffff_fe00];

fn main() -> ExitCode {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("testdata/scripts");
    let mut paths = Vec::new();
    gather(&folder, &mut paths);
    assert!(paths.len() > 100, "only {} scripts in {}", paths.len(), folder.display());
    let trials = paths.into_iter().map(|path| {
        let name = path.strip_prefix(&folder).unwrap_or(&path).with_extension("").display().to_string();
        Trial::test(name.clone(), move || check(&name, &path))
    });
    libtest_mimic::run(&Arguments::from_args(), trials.collect()).exit_code()
}

fn gather(folder: &Path, paths: &mut Vec<PathBuf>) {
    let mut entries: Vec<PathBuf> = fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().path()).collect();
    entries.sort();
    for path in entries {
        if path.is_dir() {
            gather(&path, paths);
        } else if path.extension().is_some_and(|extension| extension == "pkt") {
            paths.push(path);
        }
    }
}

fn check(name: &str, path: &Path) -> Result<(), Failed> {
    let text = fs::read_to_string(path)?;
    let script = Script::parse(name, &text)?;
    let mut runs = vec![(Options::default(), String::new())];
    runs.extend(ISNS.map(|isn| (Options { isn: Some(isn), ..Options::default() }, format!(" --isn {isn}"))));
    // What says nothing of an IP version holds in each; the MTU makes room for the larger header.
    if !["--ip_version", "--mtu", "icmp ", "sin_addr", "IP_"].iter().any(|word| text.contains(word)) {
        let ipv6 = Options { ip_version: Some(IpVersion::V6), mtu: Some(1520), ..Options::default() };
        runs.push((ipv6, " --ip-version ipv6 --mtu 1520".into()));
        let mapped = Options { ip_version: Some(IpVersion::V4Mapped), ..Options::default() };
        runs.push((mapped, " --ip-version ipv4-mapped".into()));
    }
    for (options, flags) in runs {
        let report = run(&script, &options)?;
        if let Some(mismatch) = report.mismatch {
            let command = format!("tcpkit replay -v{flags} testdata/scripts/{name}.pkt");
            let fields: Vec<String> = mismatch
                .differences
                .iter()
                .map(|d| format!("{}: expected {}, got {}", d.field, d.expected, d.got))
                .collect();
            return Err(format!(
                "line {}: {}\n{}\nexpected {}\ngot {}\nrun: {command}",
                mismatch.line,
                mismatch.reason,
                fields.join("\n"),
                mismatch.expected.unwrap_or_default(),
                mismatch.got.unwrap_or_default(),
            )
            .into());
        }
    }
    Ok(())
}
