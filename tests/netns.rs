//! Against the kernel's TCP and other people's programs, in network namespaces that each test makes for itself.
//!
//! These need root and nginx, curl, wget, nc, python3, tshark; `.ci/run` installs them and runs these tests.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Output, Stdio};
use std::sync::atomic::{AtomicU32, Ordering};
use std::time::{Duration, Instant};

const IMPAIRED: &[&str] = &["--drop", "5%", "--reorder", "10%", "--seed", "1"];
const OURS: &str = "198.51.100.1";
const KERNEL: &str = "198.51.100.2";

/// Two namespaces joined by a veth pair: ours with tcpkit, the other with the kernel's TCP. Gone when dropped.
struct Lab {
    ours: String,
    other: String,
    folder: tempfile::TempDir,
    children: Vec<Child>,
}

impl Lab {
    fn new() -> Lab {
        static COUNT: AtomicU32 = AtomicU32::new(0);
        let number = COUNT.fetch_add(1, Ordering::Relaxed);
        let name = |side| format!("tk{}-{number}{side}", std::process::id());
        let lab = Lab { ours: name("a"), other: name("b"), folder: tempfile::tempdir().unwrap(), children: Vec::new() };
        let (a, b) = (&lab.ours, &lab.other);
        for command in [
            format!("ip netns add {a}"),
            format!("ip netns add {b}"),
            format!("ip link add va netns {a} type veth peer name vb netns {b}"),
            format!("ip -n {a} addr add {OURS}/24 dev va"),
            format!("ip -n {b} addr add {KERNEL}/24 dev vb"),
            format!("ip -n {a} link set lo up"),
            format!("ip -n {b} link set lo up"),
            format!("ip -n {a} link set va up"),
            format!("ip -n {b} link set vb up"),
        ] {
            let words: Vec<&str> = command.split(' ').collect();
            let output = Command::new(words[0]).args(&words[1..]).output().expect("ip (iproute2) is needed");
            assert!(output.status.success(), "{command}: {} (root is needed)", String::from_utf8_lossy(&output.stderr));
        }
        lab
    }

    fn path(&self, name: &str) -> PathBuf {
        self.folder.path().join(name)
    }

    /// A file of `len` bytes that no protocol would guess.
    fn file(&self, name: &str, len: usize) -> Vec<u8> {
        let mut random = tcpkit::random::Random::new(len as u64);
        let bytes: Vec<u8> = (0..len.div_ceil(8)).flat_map(|_| random.next_u64().to_le_bytes()).take(len).collect();
        fs::write(self.path(name), &bytes).unwrap();
        bytes
    }

    fn command(&self, namespace: &str, program: &str) -> Command {
        let mut command = Command::new("timeout");
        command.args(["120", "ip", "netns", "exec", namespace, program]).current_dir(self.folder.path());
        command
    }

    /// Runs tcpkit on our side.
    fn tcpkit(&self, args: &[&str]) -> Output {
        self.command(&self.ours, env!("CARGO_BIN_EXE_tcpkit")).args(args).stdin(Stdio::null()).output().unwrap()
    }

    /// Starts a server on the kernel's side and waits until it listens.
    fn start_kernel(&mut self, port: u16, program: &str, args: &[&str], stdin: Option<&Path>) {
        let input = stdin.map_or_else(Stdio::null, |path| Stdio::from(fs::File::open(path).unwrap()));
        let mut command = self.command(&self.other, program);
        command.args(args).stdin(input).stdout(Stdio::null()).stderr(Stdio::null());
        self.children.push(command.spawn().unwrap());
        self.wait_for_port(&self.other, port);
    }

    /// Starts tcpkit as a server on our side and waits until its port guard listens.
    fn start_tcpkit(&mut self, port: u16, args: &[&str]) {
        let mut command = self.command(&self.ours, env!("CARGO_BIN_EXE_tcpkit"));
        command.args(args).stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::null());
        self.children.push(command.spawn().unwrap());
        self.wait_for_port(&self.ours, port);
    }

    fn wait_for_port(&self, namespace: &str, port: u16) {
        let start = Instant::now();
        let filter = format!("sport = :{port}");
        loop {
            let output = self.command(namespace, "ss").args(["-Hltn", &filter]).output().unwrap();
            if !output.stdout.is_empty() {
                return;
            }
            assert!(start.elapsed() < Duration::from_secs(20), "nobody listens on port {port}");
            std::thread::yield_now();
        }
    }

    /// A counter of a namespace's TCP, such as `OutRsts`.
    fn counter(&self, namespace: &str, name: &str) -> u64 {
        let output = self.command(namespace, "cat").arg("/proc/net/snmp").output().unwrap();
        let text = String::from_utf8(output.stdout).unwrap();
        let mut lines = text.lines().filter(|line| line.starts_with("Tcp:"));
        let (names, values) = (lines.next().unwrap(), lines.next().unwrap());
        let found = names.split(' ').zip(values.split(' ')).find(|(known, _)| *known == name);
        found.unwrap().1.parse().unwrap()
    }

    /// The kernel on our side stayed silent, and the one on the other saw nothing wrong.
    fn assert_undisturbed(&self) {
        assert_eq!(self.counter(&self.ours, "OutRsts"), 0, "resets sent by the kernel on our side");
        assert_eq!(self.counter(&self.other, "InCsumErrors"), 0);
        assert_eq!(self.counter(&self.other, "InErrs"), 0);
    }
}

impl Drop for Lab {
    fn drop(&mut self) {
        for child in &mut self.children {
            let _ = child.kill();
            let _ = child.wait();
        }
        for namespace in [&self.ours, &self.other] {
            if let Ok(output) = Command::new("ip").args(["netns", "pids", namespace]).output() {
                for pid in String::from_utf8_lossy(&output.stdout).split_whitespace() {
                    let _ = Command::new("kill").arg(pid).status();
                }
            }
            let _ = Command::new("ip").args(["netns", "del", namespace]).status();
        }
    }
}

#[track_caller]
fn succeeds(output: &Output) {
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
}

#[track_caller]
fn fails(output: &Output, code: i32, message: &str) {
    let stderr = String::from_utf8_lossy(&output.stderr);
    assert_eq!(output.status.code(), Some(code), "{stderr}");
    assert!(stderr.contains(message), "{stderr}");
}

#[test]
#[ignore = "needs root and nginx"]
fn twenty_megabytes_from_nginx_clean_and_impaired() {
    let mut lab = Lab::new();
    let expected = lab.file("file", 20_000_000);
    let root = lab.folder.path().display().to_string();
    fs::write(
        lab.path("nginx.conf"),
        format!(
            "daemon off; pid {root}/nginx.pid; error_log {root}/error.log; user root;\n\
             events {{}}\nhttp {{ access_log off; server {{ listen 8080; root {root}; }} }}\n"
        ),
    )
    .unwrap();
    let conf = format!("{root}/nginx.conf");
    lab.start_kernel(8080, "nginx", &["-c", &conf], None);
    for impaired in [&[][..], IMPAIRED] {
        let url = format!("http://{KERNEL}:8080/file");
        let args = [&["fetch", "-o", "got", &url], impaired].concat();
        succeeds(&lab.tcpkit(&args));
        assert!(fs::read(lab.path("got")).unwrap() == expected, "{impaired:?}");
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
fn curl_and_wget_get_what_we_serve() {
    let mut lab = Lab::new();
    let expected = lab.file("file", 5_000_000);
    lab.start_tcpkit(8080, &["serve", ".", "-p", "8080"]);
    let url = format!("http://{OURS}:8080/file");
    let output = lab.command(&lab.other, "curl").args(["-sS", "--max-time", "60", &url]).output().unwrap();
    succeeds(&output);
    assert!(output.stdout == expected);
    let output = lab.command(&lab.other, "wget").args(["-q", "-O", "-", &url]).output().unwrap();
    succeeds(&output);
    assert!(output.stdout == expected);
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
    let filtered = ["handshake", "--drop", "in:100%", "--syn-retries", "1", &format!("{KERNEL}:81")];
    fails(&run(&filtered), 28, "timed out: no answer");
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
