//! Beside others on one host: the kernel's own programs, other tcpkits, a firewall, and what privileges allow.
//!
//! These need root, nginx, curl, nc, python3, nft and setcap; `.ci/run` installs them and runs these tests.

mod lab;

use std::fs;
use std::io::{BufRead, BufReader};
use std::process::{Command, Stdio};
use std::time::{Duration, Instant};

use lab::*;

/// The kernel lets us listen where another program has closed its listener and still talks to its clients, as in a
/// graceful restart. What comes for those would be strangers' to us, and be reset.
#[test]
#[ignore = "needs root, nc and python3"]
fn a_port_with_connections_of_another_program_is_not_taken() {
    let mut lab = Lab::new();
    let ours = lab.ours.clone();
    fs::write(
        lab.path("graceful.py"),
        "import socket\n\
         s = socket.create_server(('', 8080))\n\
         c, _ = s.accept(); s.close(); open('closed', 'w').close(); print(c.recv(9))\n",
    )
    .unwrap();
    lab.start(&ours, 8080, "python3", &["graceful.py"]);
    let mut client = lab.command(&lab.other, "nc");
    let mut client = client.args(["-N", OURS, "8080"]).stdin(Stdio::piped()).spawn().unwrap();
    let start = Instant::now();
    while !lab.path("closed").exists() {
        assert!(start.elapsed() < Duration::from_secs(20), "nobody was accepted");
        std::thread::yield_now();
    }
    let args = ["serve", "--app", "discard", "-p", "8080"];
    fails(&lab.tcpkit(&args), 3, "port 8080 still has connections of python3 (process ");
    drop(client.stdin.take());
    client.wait().unwrap();
    lab.assert_undisturbed();
}

#[test]
#[ignore = "needs root, curl and nginx"]
fn several_of_us_and_the_kernels_own_programs_share_a_host() {
    let mut lab = Lab::new();
    let expected = lab.file("file", 5_000_000);
    let (ours, other) = (lab.ours.clone(), lab.other.clone());
    lab.start_nginx(&ours);
    lab.start_nginx(&other);
    lab.start_tcpkit(8081, &["serve", ".", "-p", "8081"]);
    lab.start_tcpkit(8082, &["serve", ".", "-p", "8082", "--local", OURS]);
    let url = |host: &str, port: u16| format!("http://{host}:{port}/file");
    let fetch = |lab: &Lab, name: &str, host: &str| {
        let mut command = lab.command(&lab.ours, env!("CARGO_BIN_EXE_tcpkit"));
        command.args(["fetch", "-q", "-o", name, &url(host, 8080)]).stdin(Stdio::null()).spawn().unwrap()
    };
    for _ in 0..3 {
        let ours = [fetch(&lab, "a", KERNEL), fetch(&lab, "b", KERNEL_V6), fetch(&lab, "c", KERNEL)];
        let theirs: Vec<_> = [8080, 8081, 8082, 8080, 8081]
            .into_iter()
            .map(|port| {
                let mut command = lab.command(&other, "curl");
                command.args(["-sS", "--max-time", "60", &url(OURS, port)]).stdout(Stdio::piped()).spawn().unwrap()
            })
            .collect();
        // And the kernel's own client beside us.
        assert!(lab.curl(&lab.ours, &url(KERNEL, 8080)) == expected);
        for child in theirs {
            assert!(child.wait_with_output().unwrap().stdout == expected);
        }
        for (mut child, name) in ours.into_iter().zip(["a", "b", "c"]) {
            assert!(child.wait().unwrap().success());
            assert!(fs::read(lab.path(name)).unwrap() == expected);
        }
    }
    lab.assert_undisturbed();
    assert_eq!(lab.counter(&lab.other, "EstabResets"), 0);
    assert_eq!(lab.counter(&lab.ours, "EstabResets"), 0);
}

#[test]
#[ignore = "needs root, nft, nginx and nc"]
fn a_stateful_firewall_lets_our_connections_through_both_ways() {
    let mut lab = Lab::new();
    let expected = lab.file("file", 5_000_000);
    let other = lab.other.clone();
    lab.start_nginx(&other);
    lab.firewall("input", "drop", "ct state established,related accept");
    let url = format!("http://{KERNEL}:8080/file");
    succeeds(&lab.tcpkit(&["fetch", "-o", "got", &url]));
    assert!(fs::read(lab.path("got")).unwrap() == expected);
    let mut receiver = {
        let mut command = lab.command(&other, "nc");
        let received = fs::File::create(lab.path("received")).unwrap();
        command.args(["-l", "9000"]).stdin(Stdio::null()).stdout(received).spawn().unwrap()
    };
    lab.wait_for_port(&other, 9000);
    let target = format!("{KERNEL}:9000");
    succeeds(&lab.tcpkit(&["fetch", "--app", "raw", "--data", "@file", "-o", "got", &target]));
    assert!(receiver.wait().unwrap().success());
    assert!(fs::read(lab.path("received")).unwrap() == expected);
    lab.assert_undisturbed();
}

#[test]
#[ignore = "needs root, nft and nginx"]
fn a_firewall_that_rejects_is_named_with_the_remedy() {
    let mut lab = Lab::new();
    lab.file("file", 100);
    let other = lab.other.clone();
    lab.start_nginx(&other);
    for host in [KERNEL, KERNEL_V6] {
        let url = format!("http://{host}:8080/file");
        lab.firewall("input", "accept", "meta l4proto tcp reject with tcp reset");
        let output = lab.tcpkit(&["fetch", "-o", "got", "--source-port", "40000", &url]);
        fails(&output, 56, "connection reset by peer");
        fails(&output, 56, "sudo nft insert rule inet filter input tcp dport 40000 accept");
        lab.firewall("output", "accept", "meta l4proto tcp reject");
        fails(&lab.tcpkit(&["fetch", "-o", "got", &url]), 3, "is refused by the local firewall");
    }
    lab.firewall("input", "accept", "tcp dport 40001 accept; meta l4proto tcp reject with tcp reset");
    let url = format!("http://{KERNEL}:8080/file");
    succeeds(&lab.tcpkit(&["fetch", "-o", "got", "--source-port", "40001", &url]));
}

/// The kernel would answer a peer that did not get our last acknowledgment with a reset.
#[test]
#[ignore = "needs root and nginx"]
fn we_stay_until_the_peer_has_our_last_acknowledgment() {
    let mut lab = Lab::new();
    let other = lab.other.clone();
    lab.start_nginx(&other);
    // The first acknowledgment ends the handshake; the next ones are of the peer's FIN.
    let target = format!("{KERNEL}:8080");
    succeeds(&lab.tcpkit(&["handshake", "-q", "--drop", "out:ack:#2-3", &target]));
    let left = lab.command(&other, "ss").args(["-Htan", "state", "last-ack", "state", "close-wait"]).output().unwrap();
    assert_eq!(String::from_utf8_lossy(&left.stdout), "", "the peer is done");
    lab.assert_undisturbed();
}

/// Nothing is left behind by a crash: the port is free at once, and what the peer still sends does no harm.
#[test]
#[ignore = "needs root and curl"]
fn killed_in_the_middle_and_started_again_on_the_same_port() {
    let mut lab = Lab::new();
    let expected = lab.file("file", 5_000_000);
    lab.start_tcpkit(8080, &["serve", ".", "-p", "8080", "--link-rate", "10mbit"]);
    let url = format!("http://{OURS}:8080/file");
    let mut client = lab.command(&lab.other, "curl");
    let client =
        client.args(["-sS", "--max-time", "5", &url]).stdout(Stdio::piped()).stderr(Stdio::null()).spawn().unwrap();
    let start = Instant::now();
    let established = || lab.command(&lab.other, "ss").args(["-Htn", "state", "established"]).output().unwrap().stdout;
    while established().is_empty() {
        assert!(start.elapsed() < Duration::from_secs(20), "no connection");
    }
    let pids = Command::new("ip").args(["netns", "pids", &lab.ours]).output().unwrap();
    for pid in String::from_utf8_lossy(&pids.stdout).split_whitespace() {
        run(&format!("kill -9 {pid}"));
    }
    // At once: the dying process may not hold the port while the kernel tidies up after it.
    for _ in 0..5 {
        let mut server = Command::new("ip")
            .args(["netns", "exec", &lab.ours, env!("CARGO_BIN_EXE_tcpkit"), "serve", "--app", "discard", "-p", "8080"])
            .stderr(Stdio::piped())
            .spawn()
            .unwrap();
        let mut line = String::new();
        BufReader::new(server.stderr.take().unwrap()).read_line(&mut line).unwrap();
        assert!(line.starts_with("serving"), "{line}");
        run(&format!("kill -9 {}", server.id()));
        lab.children.push(server);
    }
    for mut child in lab.children.drain(..) {
        child.wait().unwrap();
    }
    lab.start_tcpkit(8080, &["serve", ".", "-p", "8080"]);
    assert!(lab.curl(&lab.other, &url) == expected);
    assert!(client.wait_with_output().unwrap().stdout.len() < expected.len());
}

#[test]
#[ignore = "needs root, setcap and setpriv"]
fn an_ordinary_user_with_the_capability_from_the_readme() {
    let mut lab = Lab::new();
    let expected = lab.file("file", 1_000_000);
    let other = lab.other.clone();
    lab.start_nginx(&other);
    use std::os::unix::fs::PermissionsExt;
    fs::set_permissions(lab.folder.path(), fs::Permissions::from_mode(0o777)).unwrap();
    let as_nobody = |capabilities: &str, args: &[&str]| {
        let program = lab.path("tcpkit");
        fs::copy(env!("CARGO_BIN_EXE_tcpkit"), &program).unwrap();
        run(&format!("setcap {capabilities} {}", program.display()));
        let mut command = lab.command(&lab.ours, "setpriv");
        command.args(["--reuid=65534", "--regid=65534", "--clear-groups"]).arg(&program).args(args);
        command.stdin(Stdio::null()).output().unwrap()
    };
    let url = format!("http://{KERNEL}:8080/file");
    let silent = as_nobody("cap_net_raw,cap_net_admin+ep", &["fetch", "-o", "got", &url]);
    succeeds(&silent);
    assert!(fs::read(lab.path("got")).unwrap() == expected);
    assert!(!String::from_utf8_lossy(&silent.stderr).contains("TTL"));
    lab.assert_undisturbed();
    // With less, a minimum TTL keeps the kernel silent; a peer that sends with TTL 255 is told of.
    succeeds(&as_nobody("cap_net_raw+ep", &["fetch", "-o", "got", &url]));
    lab.assert_undisturbed();
    run(&format!("ip netns exec {other} sysctl -qw net.ipv4.ip_default_ttl=255"));
    let loud = as_nobody("cap_net_raw+ep", &["handshake", &format!("{KERNEL}:8080")]);
    let stderr = String::from_utf8_lossy(&loud.stderr);
    assert!(stderr.contains("a peer's packets arrive with TTL 255"), "{stderr}");
}

#[test]
#[ignore = "needs root"]
fn a_port_that_another_program_holds_is_not_taken() {
    let mut lab = Lab::new();
    lab.start_tcpkit(8080, &["serve", "--app", "discard", "-p", "8080"]);
    fails(&lab.tcpkit(&["serve", "--app", "discard", "-p", "8080"]), 3, "port 8080 is in use by tcpkit (process ");
    let target = format!("{KERNEL}:81");
    fails(&lab.tcpkit(&["handshake", "--source-port", "8080", &target]), 3, "port 8080 is in use");
}

#[test]
#[ignore = "needs root and setpriv"]
fn without_the_privilege_the_message_names_the_remedy() {
    let lab = Lab::new();
    let program = lab.path("tcpkit");
    fs::copy(env!("CARGO_BIN_EXE_tcpkit"), &program).unwrap();
    use std::os::unix::fs::PermissionsExt;
    fs::set_permissions(lab.folder.path(), fs::Permissions::from_mode(0o755)).unwrap();
    let target = format!("{KERNEL}:81");
    let output = lab
        .command(&lab.ours, "setpriv")
        .args(["--reuid=65534", "--regid=65534", "--clear-groups", "--inh-caps=-all"])
        .arg(&program)
        .args(["handshake", &target])
        .output()
        .unwrap();
    fails(&output, 3, "sudo setcap cap_net_raw,cap_net_admin+ep");
    fails(&output, 3, "tcpkit fetch sim:FILE");
}
