//! The program itself, as somebody types it. Everything here runs over simulated wires, without privilege.

#[path = "support/deadline.rs"]
mod deadline;

use std::fs;
use std::path::Path;
use std::process::{Command, Output, Stdio};

use serde_json::Value;

const CAT: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/testdata/cat.jpg");

fn tcpkit(folder: &Path, args: &[&str]) -> Output {
    let mut command = Command::new(env!("CARGO_BIN_EXE_tcpkit"));
    deadline::output(command.args(args).current_dir(folder).env_remove("NO_COLOR").stdin(Stdio::null()))
}

fn folder() -> tempfile::TempDir {
    tempfile::tempdir().unwrap()
}

#[track_caller]
fn fails(output: &Output, code: i32, message: &str) {
    let stderr = String::from_utf8_lossy(&output.stderr);
    assert_eq!(output.status.code(), Some(code), "{stderr}");
    assert!(stderr.contains(message), "{stderr}");
}

#[track_caller]
fn succeeds(output: &Output) {
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
}

#[test]
fn a_file_arrives_whole_through_loss_and_reordering() {
    let folder = folder();
    let target = format!("sim:{CAT}");
    let output = tcpkit(
        folder.path(),
        &["fetch", "--sack", "--drop", "5%", "--reorder", "10%", "--seed", "1", "-o", "cat.jpg", &target],
    );
    succeeds(&output);
    assert!(fs::read(folder.path().join("cat.jpg")).unwrap() == fs::read(CAT).unwrap());
    let summary = String::from_utf8(output.stderr).unwrap();
    for words in ["143,017 bytes", "SACK", "dropped", "reordered", "--seed 1", "sent again"] {
        assert!(summary.contains(words), "'{words}' in\n{summary}");
    }
    assert!(output.stdout.is_empty());
}

#[test]
fn the_same_seed_writes_the_same_captures_byte_for_byte() {
    let run = |seed: &str| {
        let folder = folder();
        let target = format!("sim:{CAT}");
        let args = [
            "fetch",
            "--drop",
            "5%",
            "--corrupt",
            "2%",
            "--duplicate",
            "2%",
            "--reorder",
            "10%",
            "--delay",
            "10ms~5ms",
            "--seed",
            seed,
            "-w",
            "run.pcapng",
            "--write-peer",
            "peer.pcap",
            "-o",
            "cat.jpg",
            &target,
        ];
        succeeds(&tcpkit(folder.path(), &args));
        (fs::read(folder.path().join("run.pcapng")).unwrap(), fs::read(folder.path().join("peer.pcap")).unwrap())
    };
    let first = run("7");
    assert!(first.0.len() > 100_000 && first.1.len() > 100_000);
    assert!(first == run("7"));
    assert!(first.0 != run("8").0);
}

#[test]
fn the_impaired_interface_says_what_the_summary_says() {
    use pcap_file::pcapng::blocks::enhanced_packet::EnhancedPacketOption;
    use pcap_file::pcapng::blocks::opt_common::CommonOption;
    use pcap_file::pcapng::{Block, PcapNgReader};
    let folder = folder();
    let target = format!("sim:{CAT}");
    let args = [
        "fetch",
        "--json",
        "--drop",
        "5%",
        "--corrupt",
        "3%",
        "--duplicate",
        "4%",
        "--reorder",
        "10%",
        "--seed",
        "3",
        "-w",
        "run.pcapng",
        "-o",
        "cat.jpg",
        &target,
    ];
    let output = tcpkit(folder.path(), &args);
    succeeds(&output);
    let summary: Value = serde_json::from_slice(&output.stdout).unwrap();
    let bytes = fs::read(folder.path().join("run.pcapng")).unwrap();
    let mut reader = PcapNgReader::new(&bytes[..]).unwrap();
    let mut seen = std::collections::BTreeMap::<String, u64>::new();
    let mut uncommented = 0;
    while let Some(block) = reader.next_block() {
        let Block::EnhancedPacket(packet) = block.unwrap().0 else { continue };
        let comment = packet.options.iter().find_map(|option| match option {
            EnhancedPacketOption::Common(CommonOption::Comment(comment)) => Some(comment.to_string()),
            _ => None,
        });
        match (packet.interface_id, comment) {
            (1, Some(comment)) => *seen.entry(comment.split(' ').next().unwrap().into()).or_default() += 1,
            (_, Some(_)) => {}
            (_, None) => uncommented += 1,
        }
    }
    assert_eq!(uncommented, 0);
    for fate in ["dropped", "corrupted", "duplicated", "reordered"] {
        let count = summary["impaired"][fate].as_u64().unwrap();
        assert!(count > 0, "{fate}");
        assert_eq!(seen.get(fate).copied().unwrap_or(0), count, "{fate}");
    }
    let corrupted_in = summary["discarded"]["bad_checksum"].as_u64().unwrap();
    assert!(corrupted_in > 0, "corrupted packets are discarded and counted");
}

#[test]
fn the_body_goes_to_standard_output_and_the_summary_beside_it() {
    let output = tcpkit(folder().path(), &["fetch", &format!("sim:{CAT}")]);
    succeeds(&output);
    assert!(output.stdout == fs::read(CAT).unwrap());
    assert!(String::from_utf8_lossy(&output.stderr).contains("143,017 bytes"));
    let output = tcpkit(folder().path(), &["fetch", "--quiet", &format!("sim:{CAT}")]);
    assert!(output.stderr.is_empty());
}

#[test]
fn a_response_that_is_a_file_is_sent_as_it_stands() {
    let image = concat!(env!("CARGO_MANIFEST_DIR"), "/testdata/image.txt");
    let output = tcpkit(folder().path(), &["fetch", "--quiet", &format!("sim:{image}")]);
    succeeds(&output);
    assert!(output.stdout == fs::read(CAT).unwrap());
}

#[test]
fn a_folder_serves_its_index_and_lists_what_has_none() {
    let folder = folder();
    fs::write(folder.path().join("index.html"), "<p>hello").unwrap();
    let output = tcpkit(folder.path(), &["fetch", "-q", "--include", "sim:."]);
    let text = String::from_utf8(output.stdout).unwrap();
    assert!(text.starts_with("HTTP/1.1 200 OK\r\n") && text.ends_with("<p>hello"), "{text}");
    assert!(text.contains("content-type: text/html; charset=utf-8"), "{text}");
    fs::rename(folder.path().join("index.html"), folder.path().join("a&b.html")).unwrap();
    let output = tcpkit(folder.path(), &["fetch", "-q", "sim:."]);
    let text = String::from_utf8(output.stdout).unwrap();
    assert!(text.contains("<a href=\"./a%26b.html\">a&amp;b.html</a>"), "{text}");
}

#[test]
fn bytes_without_a_protocol() {
    let input = concat!(env!("CARGO_MANIFEST_DIR"), "/testdata/input.txt");
    let output =
        tcpkit(folder().path(), &["fetch", "--app", "raw", "-q", "--data", "ignored", &format!("sim:{input}")]);
    succeeds(&output);
    assert_eq!(output.stdout, vec![b'A'; 16_385]);
}

#[test]
fn parts_of_a_file_and_going_on_where_it_stopped() {
    let folder = folder();
    let target = format!("sim:{CAT}");
    let cat = fs::read(CAT).unwrap();
    let output = tcpkit(folder.path(), &["fetch", "-q", "--range", "100-199", &target]);
    assert!(output.stdout == cat[100..200]);
    fs::write(folder.path().join("cat.jpg.part"), &cat[..50_000]).unwrap();
    succeeds(&tcpkit(folder.path(), &["fetch", "-q", "-C", "-", "-o", "cat.jpg", &target]));
    assert!(fs::read(folder.path().join("cat.jpg")).unwrap() == cat);
    // All of it is there already.
    succeeds(&tcpkit(folder.path(), &["fetch", "-q", "-C", "-", "-o", "cat.jpg", &target]));
    assert!(fs::read(folder.path().join("cat.jpg")).unwrap() == cat);
}

#[test]
fn a_body_shorter_than_promised_keeps_what_came() {
    let folder = folder();
    fs::write(folder.path().join("short.txt"), "HTTP/1.1 200 OK\r\nContent-Length: 100\r\n\r\nonly this").unwrap();
    let output = tcpkit(folder.path(), &["fetch", "-o", "body", "sim:short.txt"]);
    fails(&output, 18, "the server closed after 9 bytes of 100 promised; what came is in ");
    assert_eq!(fs::read(folder.path().join("body.part")).unwrap(), b"only this");
    assert!(!folder.path().join("body").exists());
}

#[test]
fn answers_that_are_none() {
    let folder = folder();
    fs::write(folder.path().join("empty.txt"), "").unwrap();
    fs::write(folder.path().join("nonsense.txt"), "HTTP/1.x what?\r\n\r\n").unwrap();
    let output = tcpkit(folder.path(), &["fetch", "sim:nonsense.txt"]);
    fails(&output, 56, "is not HTTP");
    let output = tcpkit(folder.path(), &["fetch", "--app", "raw", "-q", "--data", "", "sim:empty.txt"]);
    succeeds(&output);
    assert!(output.stdout.is_empty());
}

#[test]
fn http_errors_fail_only_when_asked_to() {
    let folder = folder();
    fs::write(folder.path().join("gone.txt"), "HTTP/1.1 410 Gone\r\nContent-Length: 4\r\n\r\ngone").unwrap();
    let output = tcpkit(folder.path(), &["fetch", "-q", "sim:gone.txt"]);
    succeeds(&output);
    assert_eq!(output.stdout, b"gone");
    let output = tcpkit(folder.path(), &["fetch", "sim:gone.txt"]);
    assert!(String::from_utf8_lossy(&output.stderr).contains("HTTP status 410, 4 bytes"));
    let output = tcpkit(folder.path(), &["fetch", "-f", "-q", "sim:gone.txt"]);
    fails(&output, 22, "410 Gone");
    assert!(output.stdout.is_empty());
}

#[test]
fn disks_that_are_full_and_devices_that_stay_devices() {
    let target = format!("sim:{CAT}");
    let output = tcpkit(folder().path(), &["fetch", "-o", "/dev/full", &target]);
    fails(&output, 23, "cannot write /dev/full");
    succeeds(&tcpkit(folder().path(), &["fetch", "-q", "-o", "/dev/null", &target]));
    assert!(!fs::metadata("/dev/null").unwrap().is_file());
    let output = tcpkit(folder().path(), &["fetch", "-q", "-w", "/dev/full", "-o", "/dev/null", &target]);
    fails(&output, 23, "cannot write the capture");
    let output = tcpkit(folder().path(), &["fetch", "-q", "-o", "none/such/file", &target]);
    fails(&output, 23, "none/such/file");
}

#[test]
fn nothing_comes_through_a_wire_that_drops_everything() {
    let output = tcpkit(folder().path(), &["handshake", "--drop", "100%", "sim:"]);
    fails(&output, 28, "timed out: no answer");
    let output = tcpkit(folder().path(), &["handshake", "--drop", "100%", "--connect-timeout", "1s", "sim:"]);
    fails(&output, 28, "no answer");
    let target = format!("sim:{CAT}");
    let output = tcpkit(folder().path(), &["fetch", "--drop", "data:100%", "--max-time", "30s", &target]);
    fails(&output, 28, "--max-time 30s has passed");
}

/// Found by trying a hundred seeds: the request took longer than a server waits for one, and it closed.
#[test]
fn a_request_may_take_as_long_as_a_bad_wire_needs() {
    let target = format!("sim:{CAT}");
    for seed in ["40", "88"] {
        let output = tcpkit(
            folder().path(),
            &["fetch", "-q", "--drop", "40%", "--retries", "100", "--syn-retries", "20", "--seed", seed, &target],
        );
        succeeds(&output);
    }
    let late = ["fetch", "-q", "--drop", "out:data:#1-7", "--seed", "1", &target];
    succeeds(&tcpkit(folder().path(), &late));
}

#[test]
fn a_handshake_is_shown_segment_by_segment() {
    let output = tcpkit(folder().path(), &["handshake", "--isn", "4294967295", "sim:"]);
    succeeds(&output);
    let text = String::from_utf8(output.stdout).unwrap();
    let lines: Vec<&str> = text.lines().collect();
    assert_eq!(lines.len(), 7, "{text}");
    assert!(lines[0].contains("Flags [SEW], seq 0, win 65535, options [mss 1460,sackOK,TS val"), "{text}");
    assert!(lines[1].contains("Flags [S.E], seq 0, ack 1"), "{text}");
    assert!(lines[2].contains("Flags [.], ack 1"), "{text}");
    assert_eq!(lines[6], "simulated server is open: 20.0 ms; SACK, timestamps, ECN");
}

#[test]
fn wrong_usage_says_what_would_be_right() {
    let run = |args: &[&str]| tcpkit(folder().path(), args);
    fails(&run(&["fetch", "--drop", "5", "sim:x"]), 2, "did you mean 5%?");
    fails(&run(&["fetch", "--drop", "sin:#1", "sim:x"]), 2, "no kind of packet");
    fails(&run(&["fetch", "--link-rate", "10", "sim:x"]), 2, "name their unit");
    fails(&run(&["fetch", "--delay", "1ms~2ms", "sim:x"]), 2, "jitter is larger");
    fails(&run(&["fetch", "--mss", "0", "sim:x"]), 2, "--mss");
    fails(&run(&["fetch", "--peer", "sack=perhaps", "sim:x"]), 2, "sack=off,congestion=reno");
    fails(&run(&["fetch", "--link", "raw", "sim:x"]), 26, "cannot read x");
    fails(&run(&["fetch", "sim:"]), 2, "sim:FILE");
    fails(&run(&["fetch", "https://host/"]), 2, "no TLS here yet");
    fails(&run(&["fetch", "--write", "-", &format!("sim:{CAT}")]), 2, "cannot both go to standard output");
    fails(&run(&["fetch", "-C", "x", "-o", "f", &format!("sim:{CAT}")]), 2, "number of bytes");
    fails(&run(&["fetch", "--inspect", "sim:x"]), 2, "unexpected argument");
    fails(&run(&["serve"]), 2, "name a file or a folder");
}

#[test]
fn files_that_cannot_be_read_and_names_that_nobody_has() {
    let run = |args: &[&str]| tcpkit(folder().path(), args);
    fails(&run(&["fetch", "sim:no-such-file"]), 26, "cannot read no-such-file");
    fails(&run(&["fetch", "http://no-such-host.invalid/"]), 6, "cannot find host 'no-such-host.invalid'");
}

#[test]
fn json_is_one_object_a_line_also_for_a_failure() {
    let output = tcpkit(folder().path(), &["handshake", "--json", "--drop", "100%", "sim:"]);
    assert_eq!(output.status.code(), Some(28));
    let object: Value = serde_json::from_slice(&output.stdout).unwrap();
    assert_eq!(object["open"], Value::Bool(false));
    let target = format!("sim:{CAT}");
    let output = tcpkit(folder().path(), &["fetch", "--json", "-o", "/dev/null", "--seed", "5", &target]);
    let object: Value = serde_json::from_slice(&output.stdout).unwrap();
    assert_eq!((object["bytes"].as_u64(), object["seed"].as_u64()), (Some(143_017), Some(5)));
    assert_eq!(object["theirs"]["retransmits"]["fast"].as_u64(), Some(0));
}

/// The source was truncated by the capture, and two captures overwrote each other.
#[test]
fn two_things_never_go_to_one_file() {
    let folder = folder();
    fs::copy(CAT, folder.path().join("src.jpg")).unwrap();
    for args in [
        ["fetch", "-w", "src.jpg", "-o", "got", "sim:src.jpg"].as_slice(),
        &["fetch", "-w", "x", "--write-peer", "./x", "-o", "got", "sim:src.jpg"],
        &["fetch", "-w", "x", "-o", "x", "sim:src.jpg"],
        &["fetch", "-w", "-", "--write-peer", "-", "-o", "x", "sim:src.jpg"],
        &["serve", "-w", "src.jpg", "src.jpg"],
        &["handshake", "-w", "x", "--write-peer", "x", "sim:"],
    ] {
        let output = tcpkit(folder.path(), args);
        assert_eq!(output.status.code(), Some(2), "{args:?}: {}", String::from_utf8_lossy(&output.stderr));
    }
    assert!(fs::read(folder.path().join("src.jpg")).unwrap() == fs::read(CAT).unwrap());
    let output = tcpkit(folder.path(), &["fetch", "--json", "-w", "-", "-o", "x", "sim:src.jpg"]);
    succeeds(&output);
    assert!(output.stdout.starts_with(&[0x0a, 0x0d, 0x0d, 0x0a]) && output.stderr.starts_with(b"{"));
}

#[test]
fn ranges_that_make_no_sense_or_are_not_served() {
    let target = format!("sim:{CAT}");
    for range in ["5-2", "a-b", "-", "1", "", "0-1,3-4", "18446744073709551616-"] {
        fails(&tcpkit(folder().path(), &["fetch", "--range", range, &target]), 2, "FROM-TO");
    }
    let output = tcpkit(folder().path(), &["fetch", "-q", "--range", "-100", &target]);
    assert!(output.stdout == fs::read(CAT).unwrap()[143_017 - 100..]);
    fails(&tcpkit(folder().path(), &["fetch", "--range", "999999-", &target]), 33, "416");
    let image = concat!("sim:", env!("CARGO_MANIFEST_DIR"), "/testdata/image.txt");
    fails(&tcpkit(folder().path(), &["fetch", "--range", "0-9", image]), 33, "200 OK");
    let folder = folder();
    fs::write(folder.path().join("x"), "short").unwrap();
    let output = tcpkit(folder.path(), &["fetch", "-C", "1000", "-o", "x", &target]);
    fails(&output, 23, "only 5 bytes are there");
    assert_eq!(fs::read(folder.path().join("x")).unwrap(), b"short");
    assert!(!folder.path().join("x.part").exists());
}

#[test]
fn a_server_that_gives_up_is_not_waited_for_for_ever() {
    let target = format!("sim:{CAT}");
    let args =
        ["fetch", "--peer", "retries=2", "--drop", "in:data:#5", "--drop", "in:retransmit:100%", "-o", "x", &target];
    fails(&tcpkit(folder().path(), &args), 28, "the other end has given up");
}

#[test]
fn settings_that_contradict_each_other() {
    let output = tcpkit(folder().path(), &["handshake", "--rto-min", "10s", "--rto-max", "1s", "sim:"]);
    fails(&output, 2, "--rto-max 1s is below --rto-min 10s");
}

/// Every `$ tcpkit` line of the README runs as it stands there.
#[test]
fn the_examples_of_the_readme_work() {
    let root = Path::new(env!("CARGO_MANIFEST_DIR"));
    let readme = fs::read_to_string(root.join("README.md")).unwrap();
    let folder = folder();
    fs::create_dir(folder.path().join("testdata")).unwrap();
    fs::copy(CAT, folder.path().join("testdata/cat.jpg")).unwrap();
    std::os::unix::fs::symlink(root.join("testdata/scripts"), folder.path().join("testdata/scripts")).unwrap();
    let mut count = 0;
    for line in readme.lines().filter_map(|line| line.strip_prefix("$ tcpkit ")) {
        let args: Vec<&str> = line.split_whitespace().collect();
        let output = tcpkit(folder.path(), &args);
        assert!(output.status.success(), "{line}: {}", String::from_utf8_lossy(&output.stderr));
        count += 1;
    }
    assert!(count >= 7, "{count} examples found");
    // Those that need another host are at least what the program understands.
    let parsed = readme.lines().filter(|line| line.starts_with("    tcpkit ")).map(|line| {
        let line = line.trim().split(" > ").next().unwrap();
        <tcpkit::cli::args::Cli as clap::Parser>::try_parse_from(line.split_whitespace())
            .unwrap_or_else(|error| panic!("{line}: {error}"))
    });
    assert!(parsed.count() >= 6);
    // The first command of all, by way of cargo there.
    let first = readme.lines().find_map(|line| line.trim().strip_prefix("cargo run --release -- ")).unwrap();
    let args: Vec<&str> = first.split_whitespace().collect();
    succeeds(&tcpkit(folder.path(), &args));
    assert!(fs::read(folder.path().join("cat.jpg")).unwrap() == fs::read(CAT).unwrap());
}
