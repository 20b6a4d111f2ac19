//! Two network namespaces for a test, and what is done with them. Needs root and iproute2.
#![allow(dead_code, reason = "each test file uses the part it needs")]

use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Output, Stdio};
use std::sync::atomic::{AtomicU32, Ordering};
use std::time::{Duration, Instant};

pub const IMPAIRED: &[&str] = &["--drop", "5%", "--reorder", "10%", "--seed", "1"];
pub const OURS: &str = "198.51.100.1";
pub const KERNEL: &str = "198.51.100.2";
pub const OURS_V6: &str = "[2001:db8:1::1]";
pub const KERNEL_V6: &str = "[2001:db8:1::2]";

/// Two namespaces joined by a veth pair: ours with tcpkit, the other with the kernel's TCP. Gone when dropped.
pub struct Lab {
    pub ours: String,
    pub other: String,
    pub folder: tempfile::TempDir,
    pub children: Vec<Child>,
}

impl Lab {
    pub fn new() -> Lab {
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
    pub fn start_nginx(&mut self, namespace: &str) {
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
    pub fn start(&mut self, namespace: &str, port: u16, program: &str, args: &[&str]) {
        let mut command = self.command(namespace, program);
        command.args(args).stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::null());
        self.children.push(command.spawn().unwrap());
        self.wait_for_port(namespace, port);
    }

    /// Fetches by curl, in a namespace.
    pub fn curl(&self, namespace: &str, url: &str) -> Vec<u8> {
        let output = self.command(namespace, "curl").args(["-gsS", "--max-time", "60", url]).output().unwrap();
        succeeds(&output);
        output.stdout
    }

    /// Sets the rules of a chain of the firewall on our side.
    pub fn firewall(&self, hook: &str, policy: &str, rule: &str) {
        let rules = format!(
            "flush ruleset\ntable inet filter {{\nchain {hook} {{\n\
             type filter hook {hook} priority 0; policy {policy};\n{rule}\n}}\n}}\n"
        );
        fs::write(self.path("rules"), rules).unwrap();
        succeeds(&self.command(&self.ours, "nft").args(["-f", "rules"]).output().expect("nft (nftables) is needed"));
    }

    pub fn path(&self, name: &str) -> PathBuf {
        self.folder.path().join(name)
    }

    /// A file of `len` bytes that no protocol would guess.
    pub fn file(&self, name: &str, len: usize) -> Vec<u8> {
        let mut random = tcpkit::random::Random::new(len as u64);
        let bytes: Vec<u8> = (0..len.div_ceil(8)).flat_map(|_| random.next_u64().to_le_bytes()).take(len).collect();
        fs::write(self.path(name), &bytes).unwrap();
        bytes
    }

    pub fn command(&self, namespace: &str, program: &str) -> Command {
        let mut command = Command::new("timeout");
        command.args(["120", "ip", "netns", "exec", namespace, program]).current_dir(self.folder.path());
        command
    }

    /// Runs tcpkit on our side.
    pub fn tcpkit(&self, args: &[&str]) -> Output {
        self.command(&self.ours, env!("CARGO_BIN_EXE_tcpkit")).args(args).stdin(Stdio::null()).output().unwrap()
    }

    /// Starts a server on the kernel's side and waits until it listens.
    pub fn start_kernel(&mut self, port: u16, program: &str, args: &[&str], stdin: Option<&Path>) {
        let input = stdin.map_or_else(Stdio::null, |path| Stdio::from(fs::File::open(path).unwrap()));
        let mut command = self.command(&self.other, program);
        command.args(args).stdin(input).stdout(Stdio::null()).stderr(Stdio::null());
        self.children.push(command.spawn().unwrap());
        self.wait_for_port(&self.other, port);
    }

    /// Starts tcpkit as a server on our side and waits until its port guard listens.
    pub fn start_tcpkit(&mut self, port: u16, args: &[&str]) {
        let mut command = self.command(&self.ours, env!("CARGO_BIN_EXE_tcpkit"));
        command.args(args).stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::null());
        self.children.push(command.spawn().unwrap());
        self.wait_for_port(&self.ours, port);
    }

    pub fn wait_for_port(&self, namespace: &str, port: u16) {
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
    pub fn counter(&self, namespace: &str, name: &str) -> u64 {
        let files = ["/proc/net/snmp", "/proc/net/netstat"];
        let output = self.command(namespace, "cat").args(files).output().unwrap();
        let text = String::from_utf8(output.stdout).unwrap();
        // Pairs of lines: names, values.
        let lines: Vec<&str> = text.lines().filter(|line| line.starts_with("Tcp")).collect();
        let pairs = lines.chunks_exact(2).flat_map(|pair| pair[0].split(' ').zip(pair[1].split(' ')));
        pairs.into_iter().find(|(known, _)| *known == name).unwrap().1.parse().unwrap()
    }

    /// The kernel on our side stayed silent, and the one on the other saw nothing wrong.
    pub fn assert_undisturbed(&self) {
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
pub fn run(command: &str) {
    let words: Vec<&str> = command.split(' ').collect();
    let output = Command::new(words[0]).args(&words[1..]).output().expect("ip (iproute2) is needed");
    assert!(output.status.success(), "{command}: {} (root is needed)", String::from_utf8_lossy(&output.stderr));
}

#[track_caller]
pub fn succeeds(output: &Output) {
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
}

#[track_caller]
pub fn fails(output: &Output, code: i32, message: &str) {
    let stderr = String::from_utf8_lossy(&output.stderr);
    assert_eq!(output.status.code(), Some(code), "{stderr}");
    assert!(stderr.contains(message), "{stderr}");
}
