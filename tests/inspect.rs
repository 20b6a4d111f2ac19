//! `tcpkit inspect` as somebody types it, on captures that `tcpkit fetch` writes over a simulated wire.

#[path = "support/deadline.rs"]
mod deadline;

use std::fs;
use std::io::{Read, Write};
use std::path::Path;
use std::process::{Command, Output, Stdio};
use std::sync::OnceLock;

use serde_json::Value;
use tempfile::TempDir;

const CAT: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/testdata/cat.jpg");

fn command(folder: &Path, args: &[&str]) -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_tcpkit"));
    command.args(args).current_dir(folder).env("NO_COLOR", "1").stdin(Stdio::null());
    command
}

fn tcpkit(folder: &Path, args: &[&str]) -> Output {
    deadline::output(&mut command(folder, args))
}

/// The captures that most tests read, written once: transfers that lose their fifth data segment, their first SYN, and
/// nothing.
fn captures() -> &'static Path {
    static FOLDER: OnceLock<TempDir> = OnceLock::new();
    let folder = FOLDER.get_or_init(|| {
        let folder = tempfile::tempdir().unwrap();
        let target = format!("sim:{CAT}");
        for (impairment, name) in [("data:#5", "lossy"), ("syn:#1", "late"), ("data:#9999", "healthy")] {
            for ending in ["pcapng", "pcap"] {
                let file = format!("{name}.{ending}");
                let args =
                    ["fetch", "--sack", "--drop", impairment, "--seed", "1", "-w", &file, "-o", "cat.jpg", &target];
                let output = tcpkit(folder.path(), &args);
                assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
            }
        }
        folder
    });
    folder.path()
}

fn inspect(args: &[&str]) -> Output {
    tcpkit(captures(), &[&["inspect"], args].concat())
}

/// What a run that goes well prints.
#[track_caller]
fn prints(args: &[&str]) -> String {
    let output = inspect(args);
    assert_eq!(output.status.code(), Some(0), "{}", String::from_utf8_lossy(&output.stderr));
    assert!(output.stderr.is_empty(), "{}", String::from_utf8_lossy(&output.stderr));
    String::from_utf8(output.stdout).unwrap()
}

#[track_caller]
fn objects(text: &str) -> Vec<Value> {
    text.lines().map(|line| serde_json::from_str(line).unwrap_or_else(|error| panic!("{error} in {line}"))).collect()
}

#[track_caller]
fn fails(output: &Output, code: i32, words: &[&str]) {
    let stderr = String::from_utf8_lossy(&output.stderr);
    assert_eq!(output.status.code(), Some(code), "{stderr}");
    for words in words {
        assert!(stderr.contains(words), "'{words}' in {stderr}");
    }
}

#[track_caller]
fn has(text: &str, words: &[&str]) {
    for words in words {
        let begin: String = text.lines().take(40).collect::<Vec<_>>().join("\n");
        assert!(text.contains(words), "'{words}' in\n{begin}");
    }
}

// Views.

#[test]
fn the_summary_tells_facts_flows_and_findings() {
    let summary = prints(&["lossy.pcapng"]);
    has(&summary, &["lossy.pcapng: pcapng", "TCP segments in 1 connection", "retransmission", "warning", "stream 0:"]);
    has(&summary, &["sent 1 of", "0 errors"]);
    let quiet = prints(&["lossy.pcapng", "--quiet"]);
    assert!(!quiet.contains("TCP segments in") && quiet.contains("warning"), "{quiet}");
}

#[test]
fn a_healthy_transfer_has_nothing_to_complain_about() {
    has(&prints(&["healthy.pcap"]), &["nothing to complain about"]);
}

#[test]
fn a_capture_of_ours_is_its_own_truth() {
    let summary = prints(&["lossy.pcapng"]);
    has(&summary, &["truth", "1 segments dropped, 1 of them inferred (0 losses inferred that were none)"]);
    let truth: Vec<Value> =
        objects(&prints(&["lossy.pcapng", "--json"])).into_iter().filter(|object| object["type"] == "truth").collect();
    assert_eq!(truth.len(), 1);
    assert_eq!(truth[0]["dropped"], serde_json::json!({"done": 1, "found": 1, "invented": 0}));
    // A plain pcap has no interface to tell it.
    assert!(!prints(&["lossy.pcap"]).contains("truth"));
}

#[test]
fn packets_are_a_line_each_with_flags_and_reasons() {
    let lines = prints(&["lossy.pcapng", "--packets"]);
    let first = lines.lines().next().unwrap();
    has(first, &["Flags [SEW]", "seq 0", "options [mss", "length 0"]);
    has(&lines, &["[fast_retransmission: bytes ", "is what it asks for", "[duplicate_ack: acknowledges"]);
    let states = prints(&["lossy.pcapng", "--packets", "--verbose"]);
    has(states.lines().next().unwrap(), &["{SYN-SENT > LISTEN}"]);
}

#[test]
fn every_line_of_json_parses_and_has_the_promised_fields() {
    let packets = objects(&prints(&["lossy.pcapng", "--packets", "--json"]));
    assert!(packets.len() > 100);
    for packet in &packets {
        for field in ["frame", "time", "stream", "sport", "dport", "seq", "ack", "len", "win"] {
            assert!(packet[field].is_number(), "{field} of {packet}");
        }
        for field in ["src", "dst", "flags"] {
            assert!(packet[field].is_string(), "{field} of {packet}");
        }
        for field in ["analysis", "reasons"] {
            assert!(packet[field].is_array(), "{field} of {packet}");
        }
        let (marks, reasons) = (packet["analysis"].as_array().unwrap(), packet["reasons"].as_array().unwrap());
        assert!(marks.is_empty() || !reasons.is_empty(), "{packet}");
    }
    for field in ["ack_rtt", "bytes_in_flight"] {
        assert!(packets.iter().any(|packet| packet[field].is_number()), "{field}");
    }
    let names = |packet: &Value| packet["analysis"].as_array().unwrap().clone();
    let again = packets.iter().find(|packet| names(packet).contains(&"fast_retransmission".into())).unwrap();
    assert_eq!(names(again), ["retransmission", "fast_retransmission"]);
}

#[test]
fn a_syn_that_was_lost_is_told_with_the_time_it_cost() {
    // The capture is made where the SYN leaves, and the impairment behind it.
    let again = objects(&prints(&["late.pcap", "--packets", "--json", "--filter", "syn and not ack"]));
    assert!(again.len() == 2, "{again:?}");
    assert!(again[0]["rto"].is_null());
    assert!(again[1]["rto"].as_f64().is_some_and(|seconds| seconds >= 1.0), "{}", again[1]);
    has(
        &prints(&["late.pcap"]),
        &["warning stream 0: 192.0.2.1:", "sent its SYN twice before", "1 s passed until the last"],
    );
}

#[test]
fn the_json_of_a_summary_is_an_object_a_line() {
    let all = objects(&prints(&["lossy.pcapng", "--json"]));
    let types: Vec<&str> = all.iter().map(|object| object["type"].as_str().unwrap()).collect();
    assert_eq!(types[..2], ["capture", "flow"]);
    assert!(
        types[2..types.len() - 1].iter().all(|kind| *kind == "finding") && types.ends_with(&["truth"]),
        "{types:?}"
    );
    let flow = &all[1];
    let size = fs::metadata(CAT).unwrap().len();
    assert!(flow["from_b"]["tcptrace"]["unique_bytes_sent"].as_u64().unwrap() > size, "{flow}");
    assert_eq!((&flow["stream"], &flow["conn_state"]), (&0.into(), &"SF".into()));
    for finding in &all[2..types.len() - 1] {
        assert!(
            finding["text"].is_string() && finding["kind"].is_string() && finding["frames"].is_array(),
            "{finding}"
        );
    }
}

#[test]
fn comma_separated_values_have_as_many_columns_as_names() {
    // Quoted values hold commas.
    let columns = |line: &str| {
        let mut quoted = false;
        1 + line
            .chars()
            .filter(|c| {
                quoted ^= *c == '"';
                *c == ',' && !quoted
            })
            .count()
    };
    for args in [&["lossy.pcapng", "--csv"][..], &["lossy.pcapng", "--csv", "--packets"]] {
        let text = prints(args);
        let mut lines = text.lines();
        let names = columns(lines.next().unwrap());
        assert!(names >= 17);
        assert!(lines.next().is_some());
        assert!(text.lines().all(|line| columns(line) == names));
    }
    let packets = prints(&["lossy.pcapng", "--csv", "--packets"]);
    assert!(packets.starts_with("frame,time,stream,src,sport,dst,dport,flags,seq,ack,len,win,analysis,reasons,"));
}

#[test]
fn one_flow_in_full() {
    let flow = prints(&["lossy.pcapng", "--flow", "0"]);
    has(&flow, &["connection 0: a ", "Zeek: SF", "mss", "retransmission", "unique bytes sent", "warning"]);
    let object = objects(&prints(&["lossy.pcapng", "--flow", "0", "--json"]));
    assert_eq!(object.len(), 1);
    assert_eq!(object[0]["type"], "flow");
}

#[test]
fn one_frame_taken_apart() {
    let frame = prints(&["lossy.pcapng", "--hex", "1"]);
    has(&frame, &["frame 1:", "flags    S", "(relative 0)", "checksum fits", "Mss(", "  000000  "]);
}

#[test]
fn what_is_not_there_is_said_with_what_is() {
    fails(&inspect(&["lossy.pcapng", "--flow", "7"]), 1, &["there is no connection 7: they are numbered 0 to 0"]);
    fails(&inspect(&["lossy.pcapng", "--hex", "999999"]), 1, &["there is no frame 999999: the capture has"]);
    fails(&inspect(&["lossy.pcapng", "--follow", "7"]), 1, &["there is no connection 7"]);
}

// The bytes.

#[test]
fn follow_gives_the_bytes_of_the_served_file_exactly() {
    let folder = tempfile::tempdir().unwrap();
    let out = folder.path().join("bytes");
    prints(&["lossy.pcapng", "--follow", "all", "-o", out.to_str().unwrap()]);
    let answer = fs::read(out.join("0-b.bin")).unwrap();
    let body = answer.windows(4).position(|end| end == b"\r\n\r\n").unwrap() + 4;
    assert!(answer[body..] == fs::read(CAT).unwrap(), "the file behind {}", String::from_utf8_lossy(&answer[..body]));
    assert!(fs::read(out.join("0-a.bin")).unwrap().starts_with(b"GET /"));
    let mut names: Vec<_> = fs::read_dir(&out).unwrap().map(|entry| entry.unwrap().file_name()).collect();
    names.sort();
    assert_eq!(names, ["0-a.bin", "0-b.bin"], "no holes, no conflicts");
    // One connection, to standard output: both sides, in the order in which they spoke.
    let spoken = inspect(&["lossy.pcapng", "--follow", "0"]);
    assert!(spoken.stdout.starts_with(b"GET /") && spoken.stdout.ends_with(&answer));
}

#[test]
fn a_hole_is_mapped_and_never_filled() {
    let folder = tempfile::tempdir().unwrap();
    // Without its tenth data segment, which is nowhere else.
    let (head, mut records) = records(&fs::read(captures().join("healthy.pcap")).unwrap());
    let tenth = records.iter().enumerate().filter(|(_, record)| record.len() > 1000).map(|(at, _)| at).nth(9).unwrap();
    records.remove(tenth);
    fs::write(folder.path().join("hole.pcap"), [head, records.concat()].concat()).unwrap();
    let output = tcpkit(folder.path(), &["inspect", "hole.pcap", "--follow", "all", "-o", "bytes"]);
    assert!(output.status.success());
    let map: Value = serde_json::from_slice(&fs::read(folder.path().join("bytes/0-b.holes.json")).unwrap()).unwrap();
    assert!(map.to_string().contains("1460") || map.to_string().contains("1448"), "{map}");
    let cat = fs::read(CAT).unwrap();
    assert!(fs::read(folder.path().join("bytes/0-b.bin")).unwrap().len() < cat.len());
    let summary = tcpkit(folder.path(), &["inspect", "hole.pcap"]);
    has(&String::from_utf8_lossy(&summary.stdout), &["the capture lacks 1,4", "bytes in 1 connection"]);
}

// Filters.

#[test]
fn a_filter_reads_three_ways() {
    let count = |filter: &str| prints(&["lossy.pcapng", "--packets", "--filter", filter]).lines().count();
    let ours = count("stream 0 and retransmission");
    assert_eq!(ours, 1);
    assert_eq!(count("tcp.stream == 0 && tcp.analysis.retransmission"), ours);
    let syn = count("syn and ack");
    assert_eq!(syn, 1);
    assert_eq!(count("tcp.flags.syn == 1 && tcp.flags.ack == 1"), syn);
    assert_eq!(count("tcp[13] & 18 == 18"), syn);
    let all = count("tcp");
    assert!(all > 100);
    for filter in ["port 80", "tcp.port == 80", "sport 80 or dport 80"] {
        assert_eq!(count(filter), all, "{filter}");
    }
    has(&prints(&["lossy.pcapng", "--filter", "port 1"]), &["nothing to complain about"]);
}

#[test]
fn a_filter_of_tcpdumps_manual_compares_flags_with_flags() {
    let filter = "tcp[tcpflags] & (tcp-syn|tcp-ack) == (tcp-syn|tcp-ack)";
    assert_eq!(prints(&["lossy.pcapng", "--packets", "--filter", filter]).lines().count(), 1);
}

#[test]
fn a_wrong_filter_is_wrong_usage() {
    fails(&inspect(&["lossy.pcapng", "--filter", "prot 80"]), 2, &["--filter", "prot"]);
}

// Exit codes.

#[test]
fn strict_exits_with_1_when_there_is_more_than_a_note() {
    assert_eq!(inspect(&["lossy.pcapng", "--strict"]).status.code(), Some(1));
    assert_eq!(inspect(&["lossy.pcapng", "--strict", "--json"]).status.code(), Some(1));
    assert_eq!(inspect(&["lossy.pcapng", "--strict", "--flow", "0"]).status.code(), Some(1));
    assert_eq!(inspect(&["lossy.pcapng"]).status.code(), Some(0));
    assert_eq!(inspect(&["healthy.pcap", "--strict"]).status.code(), Some(0));
}

#[test]
fn who_has_read_enough_closes_the_pipe_and_nobody_complains() {
    for args in [&["inspect", "lossy.pcapng", "--packets"][..], &["inspect", "lossy.pcapng", "--packets", "--json"]] {
        let mut child = command(captures(), args).stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap();
        let mut begin = [0; 10];
        child.stdout.take().unwrap().read_exact(&mut begin).unwrap();
        let output = deadline::finish(child);
        assert_eq!(output.status.code(), Some(0));
        assert!(output.stderr.is_empty(), "{}", String::from_utf8_lossy(&output.stderr));
    }
}

// Input.

/// Everything but where it was read from.
#[track_caller]
fn analysis(folder: &Path, args: &[&str], input: Option<&[u8]>) -> (Vec<Value>, Output) {
    let mut command = command(folder, &[&["inspect", "--json"], args].concat());
    let mut child = command.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap();
    let mut stdin = child.stdin.take().unwrap();
    if let Some(input) = input {
        stdin.write_all(input).unwrap();
    }
    drop(stdin);
    let output = deadline::finish(child);
    let mut all = objects(std::str::from_utf8(&output.stdout).unwrap());
    for object in &mut all {
        object.as_object_mut().unwrap().remove("files");
    }
    (all, output)
}

/// A pcap file's header and its records.
fn records(file: &[u8]) -> (Vec<u8>, Vec<Vec<u8>>) {
    let (head, mut rest) = file.split_at(24);
    let little = head[0] == 0xd4 || head[0] == 0x4d;
    let mut records = Vec::new();
    while !rest.is_empty() {
        let length: [u8; 4] = rest[8..12].try_into().unwrap();
        let length = if little { u32::from_le_bytes(length) } else { u32::from_be_bytes(length) };
        let (record, after) = rest.split_at(16 + length as usize);
        records.push(record.to_vec());
        rest = after;
    }
    (head.to_vec(), records)
}

#[test]
fn standard_input_and_gzip_are_read_like_files() {
    let folder = tempfile::tempdir().unwrap();
    let bytes = fs::read(captures().join("lossy.pcapng")).unwrap();
    let (expected, _) = analysis(captures(), &["lossy.pcapng"], None);
    assert!(expected.len() >= 3);
    let (from_stdin, _) = analysis(folder.path(), &["-"], Some(&bytes));
    assert_eq!(from_stdin, expected);
    let mut zip = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::fast());
    zip.write_all(&bytes).unwrap();
    let zipped = zip.finish().unwrap();
    fs::write(folder.path().join("run.pcapng.gz"), &zipped).unwrap();
    assert_eq!(analysis(folder.path(), &["run.pcapng.gz"], None).0, expected);
    assert_eq!(analysis(folder.path(), &["-"], Some(&zipped)).0, expected);
    assert_eq!(analysis(folder.path(), &["-r", "run.pcapng.gz"], None).0, expected, "as tcpdump's -r");
}

#[test]
fn rotated_files_are_one_capture() {
    let folder = tempfile::tempdir().unwrap();
    let (head, records) = records(&fs::read(captures().join("lossy.pcap")).unwrap());
    for at in [1, 3, 40, records.len() - 1] {
        let (one, two) = records.split_at(at);
        for (name, part) in [("one.pcap", one), ("two.pcap", two)] {
            fs::write(folder.path().join(name), [head.clone(), part.concat()].concat()).unwrap();
        }
        let (expected, _) = analysis(captures(), &["lossy.pcap"], None);
        assert_eq!(analysis(folder.path(), &["one.pcap", "two.pcap"], None).0, expected, "cut at {at}");
    }
}

#[test]
fn files_are_read_in_the_order_of_their_first_packets() {
    let folder = tempfile::tempdir().unwrap();
    let (head, records) = records(&fs::read(captures().join("lossy.pcap")).unwrap());
    let (expected, _) = analysis(captures(), &["lossy.pcap"], None);
    // As a shell sorts them, run10 comes before run9.
    let parts = [("run9.pcap", &records[..20]), ("run10.pcap", &records[20..40]), ("run11.pcap", &records[40..])];
    for (name, part) in parts {
        fs::write(folder.path().join(name), [head.clone(), part.concat()].concat()).unwrap();
    }
    assert_eq!(analysis(folder.path(), &["run10.pcap", "run11.pcap", "run9.pcap"], None).0, expected);
    assert_eq!(analysis(folder.path(), &["-r", "run11.pcap", "run10.pcap", "run9.pcap"], None).0, expected);
    // Standard input can be read only once: it stays behind what it was named behind.
    let last = fs::read(folder.path().join("run11.pcap")).unwrap();
    assert_eq!(analysis(folder.path(), &["run10.pcap", "-", "run9.pcap"], Some(&last)).0, expected);
    // What cannot be read is said, and does not disturb the others.
    fs::write(folder.path().join("text"), "this is no capture").unwrap();
    let (found, output) = analysis(folder.path(), &["text", "run10.pcap", "run11.pcap", "run9.pcap"], None);
    fails(&output, 4, &["text: not a pcap"]);
    assert_eq!(found, expected);
}

#[test]
fn files_that_were_appended_to_each_other_are_one_capture() {
    let folder = tempfile::tempdir().unwrap();
    let (head, records) = records(&fs::read(captures().join("lossy.pcap")).unwrap());
    let (expected, _) = analysis(captures(), &["lossy.pcap"], None);
    let all = records.chunks(25).map(|part| [head.clone(), part.concat()].concat()).collect::<Vec<_>>().concat();
    fs::write(folder.path().join("all.pcap"), &all).unwrap();
    assert_eq!(analysis(folder.path(), &["all.pcap"], None).0, expected);
    assert_eq!(analysis(folder.path(), &["-"], Some(&all)).0, expected);
    let sections = format!("{} sections", records.len().div_ceil(25));
    has(&String::from_utf8_lossy(&tcpkit(folder.path(), &["inspect", "all.pcap"]).stdout), &[&sections]);
}

/// A pcap file of a link type with these frames, of which at most `kept` bytes were captured.
fn capture_of(link: u32, frames: &[Vec<u8>], kept: usize) -> Vec<u8> {
    let numbers = |numbers: &[u32]| numbers.iter().flat_map(|number| number.to_le_bytes()).collect::<Vec<u8>>();
    let mut file = numbers(&[0xa1b2_c3d4, 0x0004_0002, 0, 0, kept as u32, link]);
    for (at, frame) in frames.iter().enumerate() {
        let bytes = &frame[..kept.min(frame.len())];
        file.extend(numbers(&[1_700_000_000, at as u32 * 1000, bytes.len() as u32, frame.len() as u32]));
        file.extend(bytes);
    }
    file
}

/// The packets of a transfer, and the link type of their frames.
fn frames(name: &str) -> (u32, Vec<Vec<u8>>) {
    let (head, records) = records(&fs::read(captures().join(name)).unwrap());
    let link = u32::from_le_bytes(head[20..24].try_into().unwrap());
    (link, records.into_iter().map(|record| record[16..].to_vec()).collect())
}

#[test]
fn what_cannot_be_read_is_said_in_every_view() {
    let folder = tempfile::tempdir().unwrap();
    let (link, mut frames) = frames("healthy.pcap");
    fs::write(folder.path().join("strange.pcap"), capture_of(195, &frames, 65_535)).unwrap();
    let views: [&[&str]; 7] = [
        &["--packets"],
        &["--packets", "--csv"],
        &["--csv"],
        &["--json"],
        &["--follow", "all", "-o", "out"],
        &["--flow", "0"],
        &["--filter", "syn"],
    ];
    let nothing =
        format!("{0} of {0} frames could not be read: link type 195 (IEEE 802.15.4) is not read ({0})", frames.len());
    for view in views {
        let output = tcpkit(folder.path(), &[&["inspect", "strange.pcap"], view].concat());
        fails(&output, 4, &[&nothing, "editcap -T"]);
    }
    fails(&tcpkit(folder.path(), &["inspect", "-q", "strange.pcap"]), 4, &[&nothing]);
    // Three packets go through a tunnel that nobody can open.
    assert_eq!(link, 101, "raw IPv4");
    for frame in &mut frames[10..13] {
        frame[9] = 50;
    }
    fs::write(folder.path().join("tunnel.pcap"), capture_of(link, &frames, 65_535)).unwrap();
    let some = format!("3 of {} frames could not be read: ESP not opened (3)", frames.len());
    for view in &views[..6] {
        let output = tcpkit(folder.path(), &[&["inspect", "tunnel.pcap"], *view].concat());
        fails(&output, 0, &[&some]);
        let quiet = tcpkit(folder.path(), &[&["-q", "inspect", "tunnel.pcap"], *view].concat());
        assert!(!String::from_utf8_lossy(&quiet.stderr).contains("could not be read"), "{view:?}");
    }
    let report = tcpkit(folder.path(), &["inspect", "tunnel.pcap"]);
    assert!(report.stderr.is_empty());
    has(&String::from_utf8_lossy(&report.stdout), &["other frames (ESP not opened 3)", &format!("note    {some}")]);
}

#[test]
fn a_header_that_was_cut_is_said_with_what_it_needs() {
    let folder = tempfile::tempdir().unwrap();
    let (link, frames) = frames("healthy.pcap");
    let report = |kept: usize| {
        fs::write(folder.path().join("cut.pcap"), capture_of(link, &frames, kept)).unwrap();
        let output = tcpkit(folder.path(), &["inspect", "cut.pcap"]);
        assert_eq!(output.status.code(), Some(0));
        String::from_utf8(output.stdout).unwrap()
    };
    let all = format!("{0} of {0} TCP segments within the TCP header", frames.len());
    // Ports alone, then what connections are told by, then a whole header but no options, then everything but bytes.
    let ports = report(24);
    has(&ports, &["segments in 0 connections", &all, "needs 40 to 80 bytes of each frame, this capture has 24"]);
    has(&ports, &["warning", &format!("{} of them have little more than ports", frames.len()), "tcpdump -s 128"]);
    let line = tcpkit(folder.path(), &["inspect", "cut.pcap", "--packets", "-c", "1"]);
    has(&String::from_utf8_lossy(&line.stdout), &[" - IP ", "Flags [?], win ? (not all captured), length 0"]);
    fails(&line, 0, &["1 of 1 TCP segment without more than ports"]);
    let flags = report(34);
    has(&flags, &["segments in 1 connection,", "  SF  ", &all, "this capture has 34", "not absent"]);
    assert!(flags.contains("0 errors, 1 warning"), "{flags}");
    let line = tcpkit(folder.path(), &["inspect", "cut.pcap", "--packets", "-c", "1"]);
    has(&String::from_utf8_lossy(&line.stdout), &[", seq 0, win ? (not all captured), length 0"]);
    let object = &objects(&String::from_utf8_lossy(
        &tcpkit(folder.path(), &["--json", "inspect", "cut.pcap", "--packets"]).stdout,
    ))[0];
    assert!(object["win"].is_null() && object["window"].is_null(), "{object}");
    let fixed = report(40);
    has(&fixed, &["segments in 1 connection,", "  SF  ", "note ", "within the TCP header", "this capture has 40"]);
    let headers = report(100);
    has(&headers, &["headers are enough for everything but the bytes themselves"]);
    assert!(!headers.contains("within the TCP header"), "{headers}");
}

#[test]
fn only_fragments_that_wait_in_vain_belong_to_an_incomplete_datagram() {
    let folder = tempfile::tempdir().unwrap();
    let (link, frames) = frames("healthy.pcap");
    let fragment = |id: u8, offset: usize, end: usize, more: u8| {
        let mut fragment = frames.iter().find(|frame| frame.len() > 800).unwrap().clone();
        fragment.truncate(20 + end);
        fragment.drain(20..20 + offset);
        fragment[4..8].copy_from_slice(&[9, id, more << 5, (offset / 8) as u8]);
        let len = fragment.len() as u16;
        fragment[2..4].copy_from_slice(&len.to_be_bytes());
        fragment
    };
    let whole = [fragment(1, 0, 320, 1), fragment(1, 320, 640, 1), fragment(1, 640, 704, 0)];
    let run = |frames: &[Vec<u8>]| {
        fs::write(folder.path().join("parts.pcap"), capture_of(link, frames, 65_535)).unwrap();
        let output = tcpkit(folder.path(), &["inspect", "parts.pcap"]);
        assert_eq!(output.status.code(), Some(0));
        String::from_utf8(output.stdout).unwrap()
    };
    let complete = run(&whole);
    has(&complete, &["1 TCP segment in 1 connection", "2 other frames (fragment of a whole datagram 2)"]);
    assert!(!complete.contains("incomplete") && !complete.contains("no complete datagram"), "{complete}");
    let more = run(&[&whole[..], &[fragment(2, 0, 320, 1), fragment(2, 320, 640, 1)]].concat());
    has(&more, &["fragment of a whole datagram 2", "fragment of an incomplete datagram 2"]);
    has(&more, &["2 fragments belong to no complete datagram"]);
}

#[test]
fn a_file_that_is_cut_is_reported_as_far_as_it_goes_and_where_it_ends() {
    let folder = tempfile::tempdir().unwrap();
    let (head, records) = records(&fs::read(captures().join("lossy.pcap")).unwrap());
    let whole = [head, records[..50].concat()].concat();
    let cut = [&whole[..], &records[50][..30]].concat();
    fs::write(folder.path().join("cut.pcap"), &cut).unwrap();
    fs::write(folder.path().join("whole.pcap"), &whole).unwrap();
    let (expected, _) = analysis(folder.path(), &["whole.pcap"], None);
    let (found, output) = analysis(folder.path(), &["cut.pcap"], None);
    fails(&output, 4, &["cut.pcap", &format!("byte {}, packet 51", whole.len())]);
    assert_eq!(found, expected);
    // What comes after it in the list is still read.
    let (both, output) = analysis(folder.path(), &["cut.pcap", "whole.pcap"], None);
    fails(&output, 4, &["cut.pcap"]);
    assert_eq!(both[0]["frames"], 100);
    // Inside of the file's own header nothing is readable.
    fs::write(folder.path().join("stub.pcap"), &cut[..10]).unwrap();
    fails(&tcpkit(folder.path(), &["inspect", "stub.pcap"]), 4, &["stub.pcap"]);
}

#[test]
fn a_file_that_is_cut_at_any_byte_ends_with_0_or_4() {
    let folder = tempfile::tempdir().unwrap();
    let bytes = fs::read(captures().join("lossy.pcapng")).unwrap();
    for cut in (0..400).step_by(23).chain([bytes.len() - 1, bytes.len() - 5]) {
        let (_, output) = analysis(folder.path(), &["-"], Some(&bytes[..cut]));
        let code = output.status.code();
        assert!(code == Some(0) || code == Some(4) && !output.stderr.is_empty(), "cut at {cut}: {code:?}");
    }
}

#[test]
fn what_is_no_capture_is_said_by_name() {
    let folder = tempfile::tempdir().unwrap();
    let run = |name: &str, bytes: &[u8]| {
        fs::write(folder.path().join(name), bytes).unwrap();
        tcpkit(folder.path(), &["inspect", name])
    };
    fails(&run("empty", b""), 4, &["empty: "]);
    fails(&run("text", b"this is what somebody wrote, and no capture\n"), 4, &["text: "]);
    fails(&run("sun.snoop", b"snoop\0\0\0\0\0\0\x02\0\0\0\x04"), 4, &["snoop capture", "editcap"]);
    fails(&run("old.cap", b"GMBU\0\x02\x01\0rest of it"), 4, &["Network Monitor 2", "editcap"]);
    fails(&run("sniffer.enc", b"TRSNIFF data    \x1a and more"), 4, &["Sniffer capture"]);
    fails(&run("run.zst", b"\x28\xb5\x2f\xfd and more of it"), 4, &["zstd -dc FILE | tcpkit inspect -"]);
    fails(&tcpkit(folder.path(), &["inspect", "nowhere.pcap"]), 26, &["nowhere.pcap"]);
    fails(&tcpkit(folder.path(), &["inspect", "."]), 26, &["."]);
    fails(&tcpkit(folder.path(), &["inspect"]), 2, &["CAPTURE"]);
}

#[test]
fn a_capture_without_a_packet_is_a_capture() {
    let folder = tempfile::tempdir().unwrap();
    let head = &fs::read(captures().join("lossy.pcap")).unwrap()[..24];
    fs::write(folder.path().join("none.pcap"), head).unwrap();
    let output = tcpkit(folder.path(), &["inspect", "none.pcap"]);
    assert_eq!(output.status.code(), Some(0));
    has(&String::from_utf8_lossy(&output.stdout), &["0 TCP segments in 0 connections", "no TCP segments"]);
    fails(&tcpkit(folder.path(), &["inspect", "none.pcap", "--flow", "0"]), 1, &["there are no connections"]);
}

#[test]
fn reading_stops_after_as_many_frames_as_are_wanted() {
    let packets = prints(&["lossy.pcap", "--packets", "-c", "10"]);
    assert_eq!(packets.lines().count(), 10);
}
