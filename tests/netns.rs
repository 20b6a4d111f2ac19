//! Against the kernel's TCP and other people's programs, in network namespaces that each test makes for itself.
//!
//! These need root and nginx, curl, wget, nc, python3, tshark; `.ci/run` installs them and runs these tests.

mod lab;

use std::fs;
use std::process::{Command, Stdio};

use lab::*;

#[test]
#[ignore = "needs root and nginx"]
fn twenty_megabytes_from_nginx_clean_and_impaired() {
    let mut lab = Lab::new();
    let expected = lab.file("file", 20_000_000);
    let other = lab.other.clone();
    lab.start_nginx(&other);
    for host in [KERNEL, KERNEL_V6] {
        for impaired in [&[][..], IMPAIRED] {
            let url = format!("http://{host}:8080/file");
            let args = [&["fetch", "-o", "got", &url], impaired].concat();
            succeeds(&lab.tcpkit(&args));
            assert!(fs::read(lab.path("got")).unwrap() == expected, "{host} {impaired:?}");
        }
    }
    lab.assert_undisturbed();
}

#[test]
#[ignore = "needs root and python3"]
fn twenty_megabytes_from_pythons_server_clean_and_impaired() {
    let mut lab = Lab::new();
    let expected = lab.file("file", 20_000_000);
    lab.start_kernel(8000, "python3", &["-m", "http.server", "8000"], None);
    for impaired in [&[][..], IMPAIRED] {
        let url = format!("http://{KERNEL}:8000/file");
        succeeds(&lab.tcpkit(&[&["fetch", "-o", "got", &url], impaired].concat()));
        assert!(fs::read(lab.path("got")).unwrap() == expected, "{impaired:?}");
    }
    lab.assert_undisturbed();
}

#[test]
#[ignore = "needs root and nc"]
fn twenty_megabytes_from_nc_clean_and_impaired() {
    for impaired in [&[][..], IMPAIRED] {
        let mut lab = Lab::new();
        let expected = lab.file("file", 20_000_000);
        let file = lab.path("file");
        lab.start_kernel(9000, "nc", &["-l", "-N", "9000"], Some(&file));
        // nc ends as soon as its peer half-closes, so ours keeps its input open: a pipe that says nothing.
        let target = format!("{KERNEL}:9000");
        let mut child = lab
            .command(&lab.ours, env!("CARGO_BIN_EXE_tcpkit"))
            .args([&["fetch", "--app", "raw", "-o", "got", &target], impaired].concat())
            .stdin(Stdio::piped())
            .stderr(Stdio::null())
            .spawn()
            .unwrap();
        let silent = child.stdin.take();
        assert!(child.wait().unwrap().success());
        drop(silent);
        assert!(fs::read(lab.path("got")).unwrap() == expected, "{impaired:?}");
        lab.assert_undisturbed();
    }
}

#[test]
#[ignore = "needs root, curl and wget"]
fn curl_and_wget_get_what_we_serve_over_both_families() {
    let mut lab = Lab::new();
    let files = [(8080, lab.file("clean", 5_000_000)), (8081, lab.file("impaired", 300_000))];
    lab.start_tcpkit(8080, &["serve", "clean", "-p", "8080"]);
    lab.start_tcpkit(8081, &[&["serve", "impaired", "-p", "8081"], IMPAIRED].concat());
    for host in [OURS, OURS_V6] {
        for (port, expected) in &files {
            let url = format!("http://{host}:{port}/");
            assert!(lab.curl(&lab.other, &url) == *expected, "{url}");
            let output = lab.command(&lab.other, "wget").args(["-q", "-O", "-", &url]).output().unwrap();
            succeeds(&output);
            assert!(output.stdout == *expected, "{url}");
        }
    }
    lab.assert_undisturbed();
}

#[test]
#[ignore = "needs root and curl"]
fn a_response_is_sent_as_it_stands_through_loss() {
    let mut lab = Lab::new();
    let image = concat!(env!("CARGO_MANIFEST_DIR"), "/testdata/image.txt");
    let cat = fs::read(concat!(env!("CARGO_MANIFEST_DIR"), "/testdata/cat.jpg")).unwrap();
    lab.start_tcpkit(80, &[&["serve", image], IMPAIRED].concat());
    for _ in 0..3 {
        let url = format!("http://{OURS}/whatever");
        let output = lab.command(&lab.other, "curl").args(["-sS", "--max-time", "60", &url]).output().unwrap();
        succeeds(&output);
        assert!(output.stdout == cat);
    }
    lab.assert_undisturbed();
}

/// Our server does not wait for the request, and our client took that for a mistake, in one run of ten.
#[test]
#[ignore = "needs root"]
fn our_client_takes_what_our_server_sends_at_once() {
    let mut lab = Lab::new();
    let image = concat!(env!("CARGO_MANIFEST_DIR"), "/testdata/image.txt");
    let cat = fs::read(concat!(env!("CARGO_MANIFEST_DIR"), "/testdata/cat.jpg")).unwrap();
    lab.start_tcpkit(80, &["serve", image]);
    for (namespace, host) in [(&lab.ours, "127.0.0.1"), (&lab.other, OURS)] {
        let url = format!("http://{host}/");
        for run in 0..50 {
            let mut command = lab.command(namespace, env!("CARGO_BIN_EXE_tcpkit"));
            let output = command.args(["fetch", "-q", "-o", "-", &url]).stdin(Stdio::null()).output().unwrap();
            succeeds(&output);
            assert!(output.stdout == cat, "run {run} to {host}: {} bytes", output.stdout.len());
        }
    }
}

/// It ended, with success, while most of the file was still in its send buffer.
#[test]
#[ignore = "needs root and curl"]
fn a_server_for_one_connection_delivers_all_to_a_slow_client() {
    let mut lab = Lab::new();
    let expected = lab.file("file", 6_000_000);
    lab.start_tcpkit(8080, &["serve", "--once", "--app", "raw", "file", "-p", "8080", "--link-rate", "12mbit"]);
    let input = fs::File::open("/dev/null").unwrap();
    let output = lab.command(&lab.other, "nc").args(["-N", OURS, "8080"]).stdin(input).output().unwrap();
    succeeds(&output);
    assert!(output.stdout == expected, "{} of {} bytes", output.stdout.len(), expected.len());
    lab.assert_undisturbed();
}

#[test]
#[ignore = "needs root and curl"]
fn a_server_says_at_its_end_what_it_has_served() {
    let lab = Lab::new();
    lab.file("file", 1000);
    let mut command = lab.command(&lab.ours, env!("CARGO_BIN_EXE_tcpkit"));
    let server = command.args(["serve", "file", "--count", "2", "-p", "8080"]).stderr(Stdio::piped()).spawn().unwrap();
    lab.wait_for_port(&lab.ours, 8080);
    for host in [OURS, OURS_V6] {
        lab.curl(&lab.other, &format!("http://{host}:8080/"));
    }
    let output = server.wait_with_output().unwrap();
    succeeds(&output);
    let stderr = String::from_utf8_lossy(&output.stderr);
    assert!(stderr.contains("served 2 connections, 2 requests: "), "{stderr}");
    lab.assert_undisturbed();
}

/// Opening a pipe waits for whoever writes to it, and so did everybody else.
#[test]
#[ignore = "needs root, curl and mkfifo"]
fn a_pipe_in_a_served_folder_stops_nobody() {
    let mut lab = Lab::new();
    let expected = lab.file("file", 1000);
    succeeds(&Command::new("mkfifo").arg(lab.path("pipe")).output().unwrap());
    lab.start_tcpkit(8080, &["serve", ".", "-p", "8080"]);
    let get = |name: &str| {
        let url = format!("http://{OURS}:8080/{name}");
        lab.command(&lab.other, "curl").args(["-sS", "--max-time", "10", "-w", "%{http_code}", &url]).output().unwrap()
    };
    assert!(get("pipe").stdout.ends_with(b"404"));
    assert!(get("file").stdout.starts_with(&expected));
}

#[test]
#[ignore = "needs root and nc"]
fn echo_echoes_a_megabyte() {
    let mut lab = Lab::new();
    let sent = lab.file("file", 1_000_000);
    lab.start_tcpkit(7007, &["serve", "--app", "echo", "-p", "7007"]);
    let input = fs::File::open(lab.path("file")).unwrap();
    let output = lab.command(&lab.other, "nc").args(["-N", OURS, "7007"]).stdin(input).output().unwrap();
    succeeds(&output);
    assert!(output.stdout == sent);
    lab.assert_undisturbed();
}

#[test]
#[ignore = "needs root"]
fn refused_filtered_and_unreachable_are_told_apart() {
    let lab = Lab::new();
    let run = |args: &[&str]| lab.tcpkit(args);
    fails(&run(&["handshake", &format!("{KERNEL}:81")]), 7, "connection refused");
    fails(&run(&["handshake", "203.0.113.1:81"]), 9, "no route to 203.0.113.1");
    // A router on the way that knows no way on says so by ICMP, a soft error (RFC 1122 section 4.2.3.9).
    let (ours, other) = (lab.ours.as_str(), lab.other.as_str());
    for args in [
        ["-n", ours, "route", "add", "203.0.113.0/24", "via", KERNEL].as_slice(),
        &["netns", "exec", other, "sh", "-c", "echo 1 > /proc/sys/net/ipv4/ip_forward"],
        &["-n", other, "route", "add", "unreachable", "203.0.113.0/24"],
    ] {
        succeeds(&Command::new("ip").args(args).output().unwrap());
    }
    let unreachable = ["handshake", "--syn-retries", "0", "203.0.113.1:81"];
    fails(&run(&unreachable), 9, "ICMP says that there is no route to the host");
    // TCP would go on for two minutes (RFC 9293 MUST-56); who waits hears of it when the second SYN meets it, too.
    let begun = std::time::Instant::now();
    fails(&run(&["handshake", "203.0.113.1:81"]), 9, "no route to the host, for each of 2 SYNs; given up");
    fails(&run(&["fetch", "http://203.0.113.1:81/"]), 9, "no route to the host, for each of 2 SYNs; given up");
    assert!(begun.elapsed() < std::time::Duration::from_secs(20), "{:?}", begun.elapsed());
    let filtered = ["handshake", "--drop", "in:100%", "--syn-retries", "1", &format!("{KERNEL}:81")];
    fails(&run(&filtered), 28, "timed out: no answer");
}

#[test]
#[ignore = "needs root, nftables, nginx and curl"]
fn a_box_that_strips_timestamps_after_the_handshake_costs_one_warning() {
    let warning = "leaves timestamps out, though both ends agreed on them";
    let mut lab = Lab::new();
    let expected = lab.file("file", 2_000_000);
    let rules = "table ip box {\nchain out {\ntype filter hook output priority mangle;\n\
                 tcp flags & syn == 0 reset tcp option timestamp\n}\n}\n";
    fs::write(lab.path("box"), rules).unwrap();
    succeeds(&lab.command(&lab.other, "nft").args(["-f", "box"]).output().expect("nft (nftables) is needed"));
    let other = lab.other.clone();
    lab.start_nginx(&other);
    let fetched = lab.tcpkit(&["fetch", "--max-time", "20", "-o", "got", &format!("http://{KERNEL}:8080/file")]);
    succeeds(&fetched);
    assert!(fs::read(lab.path("got")).unwrap() == expected);
    let stderr = String::from_utf8_lossy(&fetched.stderr).into_owned();
    assert_eq!(stderr.matches(warning).count(), 1, "{stderr}");
    // And the other way round: two connections, one warning.
    let mut command = lab.command(&lab.ours, env!("CARGO_BIN_EXE_tcpkit"));
    command.args(["serve", "--count", "2", "--port", "8000", "file"]).stdin(Stdio::null()).stderr(Stdio::piped());
    let server = command.spawn().unwrap();
    lab.wait_for_port(&lab.ours, 8000);
    for _ in 0..2 {
        assert!(lab.curl(&lab.other, &format!("http://{OURS}:8000/file")) == expected);
    }
    let served = server.wait_with_output().unwrap();
    succeeds(&served);
    let stderr = String::from_utf8_lossy(&served.stderr).into_owned();
    assert_eq!(stderr.matches(warning).count(), 1, "{stderr}");
    lab.assert_undisturbed();
}

#[test]
#[ignore = "needs root and python3"]
fn a_reset_in_the_middle_and_an_empty_reply() {
    let mut lab = Lab::new();
    fs::write(
        lab.path("rude.py"),
        "import socket, struct\n\
         s = socket.create_server(('', 9000))\n\
         c, _ = s.accept(); c.recv(9999)\n\
         c.sendall(b'HTTP/1.1 200 OK\\r\\nContent-Length: 1000\\r\\n\\r\\nsome');\n\
         c.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack('ii', 1, 0))\n\
         c.close()\n\
         c, _ = s.accept(); c.recv(9999); c.close()\n",
    )
    .unwrap();
    lab.start_kernel(9000, "python3", &["rude.py"], None);
    let url = format!("http://{KERNEL}:9000/");
    fails(&lab.tcpkit(&["fetch", "-o", "got", &url]), 56, "connection reset by peer after 4 bytes of 1000 promised");
    assert_eq!(fs::read(lab.path("got.part")).unwrap(), b"some");
    fails(&lab.tcpkit(&["fetch", "-o", "got", &url]), 52, "closed without an answer");
}

#[test]
#[ignore = "needs tshark"]
fn tshark_finds_nothing_wrong_with_our_captures() {
    let folder = tempfile::tempdir().unwrap();
    let cat = concat!("sim:", env!("CARGO_MANIFEST_DIR"), "/testdata/cat.jpg");
    for (name, extra) in [
        ("clean.pcapng", &[][..]),
        ("bad.pcapng", &["--drop", "5%", "--reorder", "10%", "--duplicate", "3%", "--corrupt", "2%"]),
        ("plain.pcap", &["--drop", "2%", "--no-sack", "--no-timestamps"]),
    ] {
        let args = [&["fetch", "-q", "--seed", "4", "-w", name, "-o", "cat.jpg", cat], extra].concat();
        let mut command = Command::new(env!("CARGO_BIN_EXE_tcpkit"));
        succeeds(&command.args(args).current_dir(folder.path()).output().unwrap());
        // Corrupted packets arrive as they are: their checksums are wrong on interface `tcp`, on purpose. Everything
        // that we sent ourselves must be right.
        let ours = "ip.src == 192.0.2.1 && (tcp.checksum.status == 0 || ip.checksum.status == 0)";
        let whole = "!(tcp.checksum.status == 0) && _ws.malformed";
        for filter in [ours, whole] {
            let output = Command::new("tshark")
                .args(["-r", name, "-o", "tcp.check_checksum:TRUE", "-o", "ip.check_checksum:TRUE"])
                .args(["-o", "tcp.desegment_tcp_streams:FALSE", "-Y", filter])
                .current_dir(folder.path())
                .output()
                .expect("tshark is needed");
            succeeds(&output);
            assert_eq!(String::from_utf8_lossy(&output.stdout), "", "{name}: {filter}");
        }
        if name.ends_with("ng") {
            let output = Command::new("tshark")
                .args(["-r", name, "-Y", "!frame.comment"])
                .current_dir(folder.path())
                .output()
                .unwrap();
            assert_eq!(String::from_utf8_lossy(&output.stdout), "", "{name}: packets without a comment");
        }
    }
}
