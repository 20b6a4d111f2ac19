//! Against the kernel's TCP and other people's programs, in network namespaces that each test makes for itself.
//!
//! These need root and nginx, curl, wget, nc, python3, tshark; `.ci/run` installs them and runs these tests.

use std::fs;
use std::io::{BufRead, BufReader};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Output, Stdio};
use std::sync::atomic::{AtomicU32, Ordering};
use std::time::{Duration, Instant};

const IMPAIRED: &[&str] = &["--drop", "5%", "--reorder", "10%", "--seed", "1"];
const OURS: &str = "198.51.100.1";
const KERNEL: &str = "198.51.100.2";
const OURS_V6: &str = "[2001:db8:1::1]";
const KERNEL_V6: &str = "[2001:db8:1::2]";

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
            format!("ip -n {a} addr add 2001:db8:1::1/64 dev va nodad"),
            format!("ip -n {b} addr add 2001:db8:1::2/64 dev vb nodad"),
            format!("ip -n {a} link set lo up"),
            format!("ip -n {b} link set lo up"),
            format!("ip -n {a} link set va up"),
            format!("ip -n {b} link set vb up"),
        ] {
            run(&command);
        }
        lab
    }

    /// Serves the lab's folder by nginx, in a namespace, on port 8080 of all its addresses.
    fn start_nginx(&mut self, namespace: &str) {
        let root = self.folder.path().display().to_string();
        let conf = format!("{root}/{namespace}.conf");
        fs::write(
            &conf,
            format!(
                "daemon off; pid {root}/{namespace}.pid; error_log {root}/{namespace}.log; user root;\n\
                 events {{}}\nhttp {{ access_log off;\n\
                 server {{ listen 8080; listen [::]:8080; root {root}; }} }}\n"
            ),
        )
        .unwrap();
        self.start(namespace, 8080, "nginx", &["-c", &conf]);
    }

    /// Starts a server in a namespace and waits until it listens.
    fn start(&mut self, namespace: &str, port: u16, program: &str, args: &[&str]) {
        let mut command = self.command(namespace, program);
        command.args(args).stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::null());
        self.children.push(command.spawn().unwrap());
        self.wait_for_port(namespace, port);
    }

    /// Fetches by curl, in a namespace.
    fn curl(&self, namespace: &str, url: &str) -> Vec<u8> {
        let output = self.command(namespace, "curl").args(["-gsS", "--max-time", "60", url]).output().unwrap();
        succeeds(&output);
        output.stdout
    }

    /// Sets the rules of a chain of the firewall on our side.
    fn firewall(&self, hook: &str, policy: &str, rule: &str) {
        let rules = format!(
            "flush ruleset\ntable inet filter {{\nchain {hook} {{\n\
             type filter hook {hook} priority 0; policy {policy};\n{rule}\n}}\n}}\n"
        );
        fs::write(self.path("rules"), rules).unwrap();
        succeeds(&self.command(&self.ours, "nft").args(["-f", "rules"]).output().expect("nft (nftables) is needed"));
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
        let files = ["/proc/net/snmp", "/proc/net/netstat"];
        let output = self.command(namespace, "cat").args(files).output().unwrap();
        let text = String::from_utf8(output.stdout).unwrap();
        // Pairs of lines: names, values.
        let lines: Vec<&str> = text.lines().filter(|line| line.starts_with("Tcp")).collect();
        let pairs = lines.chunks_exact(2).flat_map(|pair| pair[0].split(' ').zip(pair[1].split(' ')));
        pairs.into_iter().find(|(known, _)| *known == name).unwrap().1.parse().unwrap()
    }

    /// The kernel on our side stayed silent, and the one on the other saw nothing wrong.
    fn assert_undisturbed(&self) {
        assert_eq!(self.counter(&self.ours, "OutRsts"), 0, "resets sent by the kernel on our side");
        assert_eq!(self.counter(&self.other, "InCsumErrors"), 0);
        // A SYN-ACK that is sent again, because impairments took its acknowledgment, counts as an error, too.
        let again = self.counter(&self.other, "TCPSYNChallenge");
        assert_eq!(self.counter(&self.other, "InErrs"), again);
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
                    let _ = Command::new("kill").arg(pid).output();
                }
            }
            let _ = Command::new("ip").args(["netns", "del", namespace]).status();
        }
    }
}

/// Runs a command as it would be typed.
#[track_caller]
fn run(command: &str) {
    let words: Vec<&str> = command.split(' ').collect();
    let output = Command::new(words[0]).args(&words[1..]).output().expect("ip (iproute2) is needed");
    assert!(output.status.success(), "{command}: {} (root is needed)", String::from_utf8_lossy(&output.stderr));
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
#[ignore = "needs root, curl and python3"]
fn on_loopback_both_ways_by_every_address_of_this_host() {
    let mut lab = Lab::new();
    let expected = lab.file("file", 3_000_000);
    let ours = lab.ours.clone();
    lab.start(&ours, 8000, "python3", &["-m", "http.server", "--bind", "::", "8000"]);
    lab.start_tcpkit(8080, &["serve", ".", "-p", "8080"]);
    for host in ["127.0.0.1", "127.1.2.3", "[::1]", OURS, OURS_V6] {
        assert!(lab.curl(&lab.ours, &format!("http://{host}:8080/file")) == expected, "serve at {host}");
        let url = format!("http://{host}:8000/file");
        succeeds(&lab.tcpkit(&[&["fetch", "-o", "got", &url], IMPAIRED].concat()));
        assert!(fs::read(lab.path("got")).unwrap() == expected, "fetch from {host}");
        // Both ends ours, in two processes.
        let url = format!("http://{host}:8080/file");
        succeeds(&lab.tcpkit(&["fetch", "-o", "got", &url]));
        assert!(fs::read(lab.path("got")).unwrap() == expected, "ours from ours, {host}");
    }
    lab.assert_undisturbed();
}

#[test]
#[ignore = "needs root, curl and nginx"]
fn over_a_bridge_packets_come_once() {
    let mut lab = Lab::new();
    let expected = lab.file("file", 3_000_000);
    // Our address moves to a bridge, of which the wire is a port.
    let (ours, other) = (lab.ours.clone(), lab.other.clone());
    run(&format!("ip -n {ours} link add br0 type bridge"));
    run(&format!("ip -n {ours} addr flush dev va"));
    run(&format!("ip -n {ours} link set va master br0"));
    run(&format!("ip -n {ours} addr add {OURS}/24 dev br0"));
    run(&format!("ip -n {ours} link set br0 up"));
    lab.start_nginx(&other);
    let url = format!("http://{KERNEL}:8080/file");
    let output = lab.tcpkit(&["--json", "fetch", "-i", "br0", "-o", "got", &url]);
    succeeds(&output);
    assert!(fs::read(lab.path("got")).unwrap() == expected);
    let summary: serde_json::Value = serde_json::from_slice(&output.stdout).unwrap();
    assert_eq!(summary["ours"]["dsacks_out"], 0, "{summary}");
    lab.start_tcpkit(8081, &["serve", ".", "-p", "8081"]);
    assert!(lab.curl(&other, &format!("http://{OURS}:8081/file")) == expected);
    lab.assert_undisturbed();
}

/// A tunnel: packets without a link-layer header. Two programs carry them between two TUN devices.
#[test]
#[ignore = "needs root, curl, nginx, python3 and /dev/net/tun"]
fn over_a_device_without_link_layer_header() {
    let mut lab = Lab::new();
    let expected = lab.file("file", 2_000_000);
    fs::write(
        lab.path("tunnel.py"),
        "import fcntl, os, select, socket, struct, sys\n\
         us, them = sys.argv[1:]\n\
         tun = os.open('/dev/net/tun', os.O_RDWR)\n\
         fcntl.ioctl(tun, 0x400454ca, struct.pack('16sH22x', b'tun0', 0x1001))\n\
         wire = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)\n\
         wire.bind(us)\n\
         while True:\n\
         \x20 for ready in select.select([tun, wire], [], [])[0]:\n\
         \x20   try:\n\
         \x20     if ready is wire: os.write(tun, wire.recv(65536))\n\
         \x20     else: wire.sendto(os.read(tun, 65536), them)\n\
         \x20   except OSError: pass\n",
    )
    .unwrap();
    let sides = [(lab.ours.clone(), "203.0.113.1", "a", "b"), (lab.other.clone(), "203.0.113.2", "b", "a")];
    for (namespace, address, us, them) in &sides {
        let mut command = lab.command(namespace, "python3");
        lab.children.push(command.args(["tunnel.py", us, them]).spawn().unwrap());
        let start = Instant::now();
        let is_there = || Command::new("ip").args(["-n", namespace, "link", "show", "tun0"]).output().unwrap();
        while !is_there().status.success() {
            assert!(start.elapsed() < Duration::from_secs(20), "no TUN device");
            std::thread::yield_now();
        }
        run(&format!("ip -n {namespace} addr add {address}/24 dev tun0"));
        run(&format!("ip -n {namespace} link set tun0 up mtu 1420"));
    }
    let other = lab.other.clone();
    lab.start_nginx(&other);
    succeeds(&lab.tcpkit(&["fetch", "-o", "got", "http://203.0.113.2:8080/file"]));
    assert!(fs::read(lab.path("got")).unwrap() == expected);
    let knock = lab.tcpkit(&["handshake", "203.0.113.2:8080"]);
    assert!(String::from_utf8_lossy(&knock.stdout).contains("mss 1380"), "the MTU is that of the route: {knock:?}");
    lab.start_tcpkit(8081, &["serve", ".", "-p", "8081"]);
    assert!(lab.curl(&other, "http://203.0.113.1:8081/file") == expected);
    lab.assert_undisturbed();
}

/// Larger packets than the device carries are the kernel's to refuse, and TCP's to make smaller.
#[test]
#[ignore = "needs root, curl and nginx"]
fn a_device_that_carries_less_than_was_thought() {
    let lab = Lab::new();
    let expected = lab.file("file", 3_000_000);
    let (ours, other) = (lab.ours.clone(), lab.other.clone());
    for host in [KERNEL, KERNEL_V6] {
        let receiver = {
            let mut command = lab.command(&other, "nc");
            let received = fs::File::create(lab.path("received")).unwrap();
            let family = if host == KERNEL { "-4" } else { "-6" };
            command.args([family, "-l", "9000"]).stdin(Stdio::null()).stdout(received).spawn().unwrap()
        };
        lab.wait_for_port(&other, 9000);
        run(&format!("ip -n {ours} link set va mtu 1300"));
        let target = format!("{host}:9000");
        let output = lab.tcpkit(&["fetch", "--mtu", "1500", "--app", "raw", "--data", "@file", "-o", "got", &target]);
        succeeds(&output);
        assert!(String::from_utf8_lossy(&output.stderr).contains("for a smaller MTU"), "{output:?}");
        assert!({ receiver }.wait().unwrap().success());
        assert!(fs::read(lab.path("received")).unwrap() == expected);
    }
    lab.assert_undisturbed();
}

/// Packets of more than 64 KiB, which no header can tell the length of (BIG TCP).
#[test]
#[ignore = "needs root and nginx"]
fn super_segments_beyond_64_kib() {
    let mut lab = Lab::new();
    let expected = lab.file("file", 20_000_000);
    let (ours, other) = (lab.ours.clone(), lab.other.clone());
    for (namespace, device) in [(&ours, "va"), (&other, "vb")] {
        run(&format!("ip -n {namespace} link set {device} gso_max_size 190000 gro_max_size 190000"));
    }
    lab.start_nginx(&other);
    let output = lab.tcpkit(&["--json", "fetch", "-o", "got", &format!("http://{KERNEL_V6}:8080/file")]);
    succeeds(&output);
    assert!(fs::read(lab.path("got")).unwrap() == expected);
    let summary: serde_json::Value = serde_json::from_slice(&output.stdout).unwrap();
    assert_eq!(summary["discarded"]["malformed"], 0, "{summary}");
    lab.assert_undisturbed();
}

#[test]
#[ignore = "needs root and nginx"]
fn an_ipv4_route_by_an_ipv6_gateway() {
    let mut lab = Lab::new();
    let expected = lab.file("file", 1_000_000);
    let (ours, other) = (lab.ours.clone(), lab.other.clone());
    run(&format!("ip -n {other} addr add 203.0.113.9/32 dev vb"));
    run(&format!("ip -n {ours} route add 203.0.113.0/24 via inet6 2001:db8:1::2 dev va"));
    lab.start_nginx(&other);
    succeeds(&lab.tcpkit(&["fetch", "-o", "got", "http://203.0.113.9:8080/file"]));
    assert!(fs::read(lab.path("got")).unwrap() == expected);
    lab.assert_undisturbed();
}

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

/// Link-local addresses are only known together with an interface.
#[test]
#[ignore = "needs root, curl and nginx"]
fn link_local_addresses_with_their_zone() {
    let mut lab = Lab::new();
    let expected = lab.file("file", 1_000_000);
    let (ours, other) = (lab.ours.clone(), lab.other.clone());
    run(&format!("ip -n {ours} addr add fe80::a/64 dev va nodad"));
    run(&format!("ip -n {other} addr add fe80::b/64 dev vb nodad"));
    lab.start_nginx(&other);
    succeeds(&lab.tcpkit(&["fetch", "-o", "got", "http://[fe80::b%25va]:8080/file"]));
    assert!(fs::read(lab.path("got")).unwrap() == expected);
    lab.start_tcpkit(8081, &["serve", ".", "-p", "8081"]);
    assert!(lab.curl(&other, "http://[fe80::a%25vb]:8081/file") == expected);
    lab.assert_undisturbed();
}

/// RFC 8305; how long it takes is tested under virtual time.
#[test]
#[ignore = "needs root and nginx"]
fn of_several_addresses_the_first_that_answers_is_used() {
    let mut lab = Lab::new();
    let expected = lab.file("file", 100_000);
    let (ours, other) = (lab.ours.clone(), lab.other.clone());
    lab.start_nginx(&other);
    // Names of a namespace of its own: ip netns exec puts this file in the place of /etc/hosts.
    let folder = format!("/etc/netns/{ours}");
    fs::create_dir_all(&folder).unwrap();
    fs::write(format!("{folder}/hosts"), "2001:db8:1::99 twofold\n198.51.100.2 twofold\n").unwrap();
    let output = lab.tcpkit(&["fetch", "-o", "got", "http://twofold:8080/file"]);
    let only_v6 = lab.tcpkit(&["fetch", "-6", "--syn-retries", "0", "-o", "got2", "http://twofold:8080/file"]);
    let only_v4 = lab.tcpkit(&["fetch", "-4", "-o", "got", "http://[2001:db8:1::2]:8080/file"]);
    fs::remove_dir_all(&folder).unwrap();
    succeeds(&output);
    assert!(fs::read(lab.path("got")).unwrap() == expected);
    fails(&only_v6, 28, "timed out");
    fails(&only_v4, 6, "has IPv6 addresses only");
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
