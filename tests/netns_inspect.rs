//! Listening to an interface that real programs use, and looking at what the kernel's TCP did there.
//!
//! These need root, nginx, curl, tcpdump and tshark; `.ci/run` installs them and runs these tests.

mod lab;

use std::io::{BufRead, BufReader, Read};
use std::process::Stdio;

use lab::*;

#[test]
#[ignore = "needs root, nginx and curl"]
fn connections_are_told_as_they_come_and_go_and_the_report_comes_with_ctrl_c() {
    let mut lab = Lab::new();
    let expected = lab.file("file", 300_000);
    let ours = lab.ours.clone();
    lab.start_nginx(&ours);
    let mut listening = lab
        .command(&ours, env!("CARGO_BIN_EXE_tcpkit"))
        .args(["inspect", "-i", "lo", "--filter", "port 8080"])
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .unwrap();
    let mut told = BufReader::new(listening.stderr.take().unwrap()).lines().map(Result::unwrap);
    assert!(told.next().unwrap().contains("listening on lo"));
    assert!(lab.curl(&ours, "http://127.0.0.1:8080/file") == expected);
    let opened = told.next().unwrap();
    assert!(opened.contains("+ stream") && opened.ends_with("> 127.0.0.1:8080"), "{opened}");
    let closed = told.next().unwrap();
    assert!(closed.contains("- stream") && closed.contains(": SF after"), "{closed}");
    run(&format!("kill -INT {}", listening.id()));
    let mut report = String::new();
    listening.stdout.take().unwrap().read_to_string(&mut report).unwrap();
    assert_eq!(listening.wait().unwrap().code(), Some(130), "{report}");
    assert!(report.contains("lo: live, 0 frames dropped by the kernel"), "{report}");
    assert!(report.contains("127.0.0.1:8080  SF"), "{report}");
}

#[test]
#[ignore = "needs root, nginx and curl"]
fn any_interface_is_all_of_them() {
    let mut lab = Lab::new();
    let expected = lab.file("file", 30_000);
    let ours = lab.ours.clone();
    let other = lab.other.clone();
    lab.start_nginx(&ours);
    lab.start_nginx(&other);
    let mut listening = lab
        .command(&ours, env!("CARGO_BIN_EXE_tcpkit"))
        .args(["inspect", "-i", "any", "--filter", "port 8080"])
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .unwrap();
    let mut told = BufReader::new(listening.stderr.take().unwrap()).lines().map(Result::unwrap);
    assert!(told.next().unwrap().contains("listening on any"));
    for host in ["127.0.0.1", KERNEL] {
        assert!(lab.curl(&ours, &format!("http://{host}:8080/file")) == expected);
        let opened = told.next().unwrap();
        assert!(opened.contains("+ stream") && opened.ends_with(&format!("> {host}:8080")), "{opened}");
        let closed = told.next().unwrap();
        assert!(closed.contains("- stream") && closed.contains(": SF after"), "{closed}");
    }
    run(&format!("kill -INT {}", listening.id()));
    let mut report = String::new();
    listening.stdout.take().unwrap().read_to_string(&mut report).unwrap();
    assert_eq!(listening.wait().unwrap().code(), Some(130), "{report}");
    assert!(report.contains("any: live, 0 frames dropped by the kernel"), "{report}");
}

#[test]
#[ignore = "needs root, nginx, curl and tshark"]
fn segments_of_the_kernel_are_flagged_as_tshark_flags_them() {
    let mut lab = Lab::new();
    lab.file("file", 3_000_000);
    let (ours, other) = (lab.ours.clone(), lab.other.clone());
    lab.start_nginx(&other);
    // Behind the capture, so that it shows what is sent again.
    lab.firewall("input", "accept", "tcp sport 8080 numgen inc mod 20 0 drop");
    let mut capture = lab
        .command(&ours, "tcpdump")
        .args(["-i", "any", "-U", "-w", "run.pcap", "tcp"])
        .stderr(Stdio::piped())
        .spawn()
        .unwrap();
    let mut said = BufReader::new(capture.stderr.take().unwrap()).lines().map(Result::unwrap);
    assert!(said.any(|line| line.contains("listening on")), "tcpdump listens");
    lab.curl(&ours, &format!("http://{KERNEL}:8080/file"));
    run(&format!("kill -INT {}", capture.id()));
    capture.wait().unwrap();
    let ask = |program: &str, args: &[&str]| {
        let output = lab.command(&ours, program).args(args).output().unwrap();
        succeeds(&output);
        String::from_utf8(output.stdout).unwrap()
    };
    // These mean the same in every release of tshark.
    let again = "tcp.analysis.retransmission or tcp.analysis.out_of_order";
    let others =
        ["lost_segment", "zero_window", "keep_alive", "window_full"].map(|flag| format!("tcp.analysis.{flag}"));
    for flag in others.iter().map(String::as_str).chain([again]) {
        let theirs = ask("tshark", &["-n", "-r", "run.pcap", "-Y", flag, "-T", "fields", "-e", "frame.number"]);
        let lines =
            ask(env!("CARGO_BIN_EXE_tcpkit"), &["--json", "inspect", "run.pcap", "--packets", "--filter", flag]);
        let ours: Vec<String> = lines
            .lines()
            .map(|line| serde_json::from_str::<serde_json::Value>(line).unwrap()["frame"].to_string())
            .collect();
        assert_eq!(ours, theirs.lines().collect::<Vec<_>>(), "{flag}");
        assert!(flag != again || !ours.is_empty(), "something was lost");
    }
}

#[test]
#[ignore = "needs root"]
fn an_interface_that_is_not_there_is_said_so() {
    let lab = Lab::new();
    fails(&lab.tcpkit(&["inspect", "-i", "nosuch0"]), 3, "there is no interface 'nosuch0'");
}
