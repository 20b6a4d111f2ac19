//! `tcpkit replay` as somebody types it: verdicts, what a mismatch says, captures, bad input.

#[path = "support/deadline.rs"]
mod deadline;

use std::fs;
use std::io::Write;
use std::path::Path;
use std::process::{Command, Output, Stdio};

use serde_json::Value;

/// A server that is asked for a connection.
const OPEN: &str = "0   socket(..., SOCK_STREAM, IPPROTO_TCP) = 3
+0  bind(3, ..., ...) = 0
+0  listen(3, 1) = 0
+.1 < S 0:0(0) win 65535 <mss 1000,sackOK>
";

fn replay(folder: &Path, args: &[&str]) -> Output {
    let mut command = Command::new(env!("CARGO_BIN_EXE_tcpkit"));
    deadline::output(command.arg("replay").args(args).current_dir(folder).stdin(Stdio::null()))
}

/// Runs a script that goes on after [`OPEN`]: the exit code and what is printed.
fn verdict(rest: &str) -> (i32, String) {
    let folder = tempfile::tempdir().unwrap();
    fs::write(folder.path().join("it.pkt"), format!("{OPEN}{rest}")).unwrap();
    let output = replay(folder.path(), &["it.pkt"]);
    (output.status.code().unwrap(), String::from_utf8(output.stdout).unwrap())
}

#[track_caller]
fn says(rest: &str, code: i32, words: &[&str]) {
    let (got, text) = verdict(rest);
    assert_eq!(got, code, "{text}");
    for wanted in words {
        assert!(text.contains(wanted), "'{wanted}' in\n{text}");
    }
}

#[test]
fn a_script_that_holds_says_so() {
    says("+0 > S. 0:0(0) ack 1 <mss 1460,nop,nop,sackOK>", 0, &["ok it.pkt: 5 events in 100.0 ms of virtual time"]);
}

#[test]
fn a_wrong_number_is_shown_with_its_field_and_the_line() {
    let rest = "+0 > S. 0:0(0) ack 2 <mss 1460,nop,nop,sackOK>";
    says(
        rest,
        1,
        &[
            "mismatch it.pkt:5: the packet that left differs in ack",
            "  >    5 | +0 > S. 0:0(0) ack 2",
            "ack       expected 2, got 1",
        ],
    );
    let expected = "expected  0.100000 > S. 0:0(0) ack 2 <mss 1460,nop,nop,sackOK>";
    let got = "got       0.100000 > S. 0:0(0) ack 1 <mss 1460,nop,nop,sackOK>";
    says(rest, 1, &[expected, got, "ours SYN-RECEIVED", "peer SYN-RECEIVED"]);
}

#[test]
fn a_wrong_time_is_told_from_a_wrong_packet() {
    let rest = "+.2 > S. 0:0(0) ack 1 <mss 1460,nop,nop,sackOK>";
    says(rest, 1, &["the packet left 200ms too early", "time      200.0 ms before"]);
    let rest = "+0 > S. 0:0(0) ack 1 <...>\n+.5 > S. 0:0(0) ack 1 <...>";
    says(rest, 1, &["the packet left 500ms too late", "expected  0.600000", "got       1.100000"]);
}

#[test]
fn a_missing_option_is_shown_beside_what_is_there() {
    says("+0 > S. 0:0(0) ack 1 <mss 1460>", 1, &["options   expected mss 1460, got mss 1460,nop,nop,sackOK"]);
}

#[test]
fn a_packet_that_no_line_expects_is_a_mismatch() {
    let rest = "+0 > S. 0:0(0) ack 1 <...>\n+0 < . 1:1(0) ack 1 win 9000\n+0 accept(3, ..., ...) = 4\n\
                +0 write(4, ..., 10) = 10\n+.1 close(4) = 0\n+0 > F. 11:11(0) ack 1";
    let before = "a packet that no line expects left before the one that is expected";
    says(rest, 1, &[before, "got       0.100000 > P. 1:11(10) ack 1", "also left 0.200000 > F. 11:11(0) ack 1"]);
    let rest = "+2 < . 1:1(0) ack 1 win 1000\n+0 accept(3, ..., ...) = 4";
    says(rest, 1, &["a packet left at 0.100000 that no line expects", "also left 0.100000 > S. 0:0(0) ack 1"]);
    says("+0 > S. 0:0(0) ack 1 <...>\n+0 < . 1:1(0) ack 1 win 9\n+9 > . 1:1(0) ack 1", 1, &["no packet left until"]);
}

#[test]
fn a_wrong_result_of_a_call_is_a_mismatch() {
    let open = "+0 > S. 0:0(0) ack 1 <...>\n+0 < . 1:1(0) ack 1 win 9000\n+0 accept(3, ..., ...) = 4\n";
    let with = |line: &str| format!("{open}{line}");
    says(&with("+0 write(4, ..., 10) = 9\n"), 1, &["write() returns 10"]);
    says(&with("+0 recv(4, ..., 10, MSG_DONTWAIT) = -1 ECONNRESET"), 1, &["expected ECONNRESET, got -1 EAGAIN"]);
    says(&with("+0 getsockopt(4, SOL_SOCKET, SO_ERROR, [ETIMEDOUT], [4]) = 0"), 1, &["SO_ERROR"]);
    says(&with("+0 ioctl(4, SIOCINQ, [7]) = 0"), 1, &["expected 7, got 0"]);
    says(&with("+0 read(4, ..., 10) = 10"), 1, &["read() waits; the script says that it returns at once"]);
    says(&with("+0...0.3 read(4, ..., 10) = 10"), 1, &["read() has not returned"]);
    says(&with("+0 %{ assert tcpi_snd_cwnd == 11, 'eleven' }%"), 1, &["does not hold: tcpi_snd_cwnd = 10; eleven"]);
}

#[test]
fn what_is_not_understood_is_refused_with_its_line_before_anything_runs() {
    says("+0 > S. 0:0(0) ack", 4, &["not understood it.pkt:5: an acknowledgment number expected"]);
    says("+0 fork(3) = 0", 4, &["it.pkt:5: the call fork() is not supported"]);
    says("+0 `touch evil`", 4, &["it.pkt:5: the command `touch evil` is not known, and none is ever run"]);
    says("+0 `sysctl -q net.ipv4.tcp_sack=perhaps`", 4, &["tcp_sack=perhaps makes no sense"]);
    says("+0 setsockopt(3, SOL_TCP, TCP_UNHEARD_OF, [1], 4) = 0", 4, &["TCP_UNHEARD_OF is not known"]);
    says("+0 %{ import os }%", 4, &["import is not supported"]);
}

#[test]
fn no_command_is_ever_run() {
    let folder = tempfile::tempdir().unwrap();
    let script =
        format!("`touch evil`\n{OPEN}+0 `touch evil; sysctl -q net.ipv4.tcp_sack=0`\n+0 > S. 0:0(0) ack 1 <...>\n");
    fs::write(folder.path().join("it.pkt"), script).unwrap();
    assert_eq!(replay(folder.path(), &["it.pkt"]).status.code(), Some(4));
    assert_eq!(replay(folder.path(), &["--ignore-commands", "it.pkt"]).status.code(), Some(0));
    assert!(!folder.path().join("evil").exists());
}

#[test]
fn folders_are_searched_and_the_first_failure_is_the_exit_code() {
    let folder = tempfile::tempdir().unwrap();
    fs::create_dir_all(folder.path().join("a/b")).unwrap();
    let good = format!("{OPEN}+0 > S. 0:0(0) ack 1 <...>\n");
    fs::write(folder.path().join("a/b/good.pkt"), good).unwrap();
    fs::write(folder.path().join("a/worse.pkt"), format!("{OPEN}+0 > S. 0:0(0) ack 7 <...>\n")).unwrap();
    fs::write(folder.path().join("a/zzz.pkt"), "nonsense").unwrap();
    fs::write(folder.path().join("a/readme.txt"), "no script").unwrap();
    let output = replay(folder.path(), &["a"]);
    let text = String::from_utf8(output.stdout).unwrap();
    assert_eq!(output.status.code(), Some(1), "{text}");
    assert!(text.ends_with("3 scripts: 1 ok, 1 mismatch, 1 not understood\n"), "{text}");
    fs::write(folder.path().join("a/aaa.pkt"), b"\xff\xfe").unwrap();
    let output = replay(folder.path(), &["a"]);
    assert_eq!(output.status.code(), Some(4), "one that is no text does not keep the others from their verdicts");
    assert!(String::from_utf8(output.stdout).unwrap().ends_with("4 scripts: 1 ok, 1 mismatch, 2 not understood\n"));
    let output = replay(folder.path(), &["nothing"]);
    assert_eq!(output.status.code(), Some(26), "{}", String::from_utf8_lossy(&output.stderr));
}

#[test]
fn json_has_an_object_for_each_script() {
    let folder = tempfile::tempdir().unwrap();
    fs::write(folder.path().join("it.pkt"), format!("{OPEN}+0 > S. 0:0(0) ack 2 <...>\n")).unwrap();
    let output = replay(folder.path(), &["--json", "-v", "it.pkt"]);
    let object: Value = serde_json::from_slice(&output.stdout).unwrap();
    assert_eq!((object["result"].as_str(), object["mismatch"]["line"].as_u64()), (Some("mismatch"), Some(5)));
    assert_eq!(object["mismatch"]["differences"][0]["field"], "ack");
    assert_eq!(object["exchange"].as_array().unwrap().len(), 5);
}

#[test]
fn the_exchange_can_be_watched_and_captured() {
    let folder = tempfile::tempdir().unwrap();
    let script = format!("{OPEN}+0 > S. 0:0(0) ack 1 <...>\n+0 < . 1:1(0) ack 1 win 9000\n");
    fs::write(folder.path().join("it.pkt"), script).unwrap();
    let output = replay(folder.path(), &["-v", "-w", "run.pcap", "it.pkt"]);
    let text = String::from_utf8(output.stdout).unwrap();
    assert!(text.contains("0.100000 > S. 0:0(0) ack 1 win 65535 <mss 1460,nop,nop,sackOK>"), "{text}");
    assert!(text.contains("ours ESTABLISHED") && text.contains("peer ESTABLISHED"), "{text}");
    // The header of the file and three packets.
    let capture = fs::read(folder.path().join("run.pcap")).unwrap();
    assert_eq!(capture.len(), 24 + (16 + 20 + 28) + (16 + 20 + 28) + (16 + 20 + 20));
    let output = replay(folder.path(), &["-w", "it.pkt", "it.pkt"]);
    assert_eq!(output.status.code(), Some(2), "a script is not overwritten");
}

#[test]
fn a_script_comes_from_standard_input_and_the_one_in_the_readme_holds() {
    let readme = fs::read_to_string(Path::new(env!("CARGO_MANIFEST_DIR")).join("README.md")).unwrap();
    let script = readme.split("```").find(|block| block.contains("socket(")).unwrap();
    let mut child = Command::new(env!("CARGO_BIN_EXE_tcpkit"))
        .args(["replay", "-"])
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .spawn()
        .unwrap();
    child.stdin.take().unwrap().write_all(script.as_bytes()).unwrap();
    let output = deadline::finish(child);
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stdout));
}

#[test]
fn words_can_be_defined_on_the_command_line() {
    let folder = tempfile::tempdir().unwrap();
    fs::write(folder.path().join("it.pkt"), format!("{OPEN}+0 > S. 0:0(0) ack ACK <...>\n")).unwrap();
    assert_eq!(replay(folder.path(), &["it.pkt"]).status.code(), Some(4));
    assert_eq!(replay(folder.path(), &["-D", "ACK=1", "it.pkt"]).status.code(), Some(0));
    assert_eq!(replay(folder.path(), &["--define", "A K=1", "it.pkt"]).status.code(), Some(2));
}

/// Each of these once passed.
#[test]
fn what_is_said_wrongly_does_not_pass() {
    let open = "+0 > S. 0:0(0) ack 1 <...>\n+.1 < . 1:1(0) ack 1 win 9000\n+0 accept(3, ..., ...) = 4\n";
    let with = |rest: &str| format!("{open}{rest}");
    // What left before the last event, though at the same time.
    says(&with("+0 write(4, ..., 2000) = 2000\n+0 > . 1:1001(1000) ack 1\n+0 %{ assert 1 }%"), 1, &["no line expects"]);
    // A note without an end.
    says(&with("+0 write(4, ..., 9) = 9 (oops\n+0 %{ assert 0 }%"), 4, &["has no end on its line"]);
    // A connection that is gone has no numbers.
    let gone = "+0 setsockopt(4, SOL_SOCKET, SO_LINGER, [{onoff=1, linger=0}], 8) = 0\n+0 close(4) = 0\n+0 > R. 1:1(0) ack 1\n";
    says(&with(&format!("{gone}+.1 %{{ assert tcpi_state == TCP_ESTABLISHED }}%")), 1, &["tcpi_state = 7"]);
    // Segments that leave apart are not one.
    let apart =
        "+0 setsockopt(4, SOL_TCP, TCP_NODELAY, [1], 4) = 0\n+0 write(4, ..., 10) = 10\n+.5 write(4, ..., 10) = 10\n";
    says(&with(&format!("{apart}.2 > P. 1:21(20) ack 1")), 1, &["payload length"]);
    // Time does not go back.
    says(&with("0.01 close(4) = 0"), 1, &["the time of this event is past"]);
    // What cannot be compared is refused.
    for call in [
        "getsockopt(4, SOL_TCP, TCP_INFO, {tcpi_state=7}, [4]) = 0",
        "getsockopt(4, SOL_TCP, TCP_NODELAY, {onoff=1}, [4]) = 0",
        "getsockopt(4, SOL_SOCKET, TCP_NODELAY, [0], [4]) = 0",
        "getsockopt(4, SOL_SOCKET, SO_LINGER, [1], [4]) = 0",
        "setsockopt(4, SOL_SOCKET, SO_LINGER, [{onof=1, linger=0}], 8) = 0",
        "ioctl(4, SIOCINQ, {a=5}) = 0",
        "poll([{fd=4, events=POLLOUT, revents=POLLOUT}], 2, 0) = 1",
        "close(4) = -1 ENOTHING",
    ] {
        says(&with(&format!("+0 {call}")), 4, &["not understood"]);
    }
    says(&with("+0 %{ assert (tcpi_state == 99, 'msg') }%"), 4, &["a tuple always holds"]);
    says(&with("+0 setsockopt(4, SOL_TCP, TCP_CONGESTION, \"bananas\", 7) = 0"), 1, &["ENOENT"]);
    let epoll = "+0 epoll_create(1) = 5\n+0 epoll_ctl(5, EPOLL_CTL_ADD, 4, {events=EPOLLOUT, fd=4}) = 0\n";
    says(&with(&format!("{epoll}+0 epoll_wait(5, {{events=EPOLLOUT, ptr=99}}, 1, 0) = 1")), 1, &["expected 99, got 4"]);
    let inq = "+0 setsockopt(4, SOL_TCP, TCP_INQ, [1], 4) = 0\n+0 < P. 1:101(100) ack 1 win 9000\n";
    let message = "recvmsg(4, {msg_name(...)=..., msg_iov(1)=[{..., 50}], msg_flags=0,
                    msg_control=[{cmsg_level=SOL_IP, cmsg_type=TCP_CM_INQ, cmsg_data=50}]}, 0) = 50";
    says(&with(&format!("{inq}+0 {message}")), 1, &["cmsg_level"]);
}

#[test]
fn hostile_code_and_arguments_are_bounded() {
    let many = |part: &str| part.repeat(100_000);
    says(&format!("+0 %{{ a = 1{} }}%", many("+1")), 4, &["code of more than"]);
    says(&format!("+0 close(1{}) = 0", many("|1")), 4, &["values joined by |"]);
    says("+0 %{ a = (1, 2); b = (a, a) }%", 4, &["a tuple within a tuple"]);
    says(
        "+0 > S. 0:0(0) ack 1 <...>\n+0 writev(3, [{..., 9223372036854775807}, {..., 9223372036854775807}], 2) = -1 EPIPE",
        0,
        &[],
    );
}

#[test]
fn an_unknown_icmp_code_is_told_with_those_that_there_are() {
    for (icmp, message) in [
        ("unreachable close", "ICMPv4 unreachable has no code close; net_unreachable, host_unreachable"),
        ("time_exceeded late", "ICMPv4 time_exceeded has no code late; reassembly is known"),
        ("source_quench hard", "ICMPv4 source_quench has no code hard; write source_quench alone"),
    ] {
        let folder = tempfile::tempdir().unwrap();
        fs::write(folder.path().join("it.pkt"), format!("{OPEN}+.1 < icmp {icmp} [1:1(0)]\n")).unwrap();
        let output = replay(folder.path(), &["it.pkt"]);
        let printed = String::from_utf8([output.stdout, output.stderr].concat()).unwrap();
        assert!(!output.status.success() && printed.contains(message), "'{message}' in\n{printed}");
    }
}
