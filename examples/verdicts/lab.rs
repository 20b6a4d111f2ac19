//! One run: namespaces, captures at both ends, the path between them, and all of it gone afterwards. Needs root,
//! iproute2, tcpdump, ethtool, chrt and nft.

use std::error::Error;
use std::io::{BufRead, BufReader, Read, Write};
use std::path::Path as FilePath;
use std::process::{Child, ChildStdin, Command, Stdio};
use std::sync::atomic::{AtomicU32, Ordering};
use std::time::{Duration, Instant};

use super::addresses::{CLIENT, CLIENT_MAC, CLIENT_V6, PORT, SERVER, SERVER_MAC, SERVER_V6};
use super::label::Outcome;
use super::path::Done;
use super::plan::{End, Endpoint, Plan};

/// Longer than any plan takes.
const DEADLINE: Duration = Duration::from_secs(90);

type Fallible<T> = Result<T, Box<dyn Error + Send + Sync>>;

/// What became of a run.
#[derive(Clone, Debug, Default)]
pub struct Truth {
    /// What the path did, to the server and to the client.
    pub path: [Done; 2],
    /// What became of client and server.
    pub ends: [Outcome; 2],
    /// Segments that the kernel of client and server sent again.
    pub sent_again: [u64; 2],
}

/// Namespaces, removed when dropped.
struct Names {
    client: String,
    router: String,
    server: String,
}

impl Drop for Names {
    fn drop(&mut self) {
        for name in [&self.client, &self.router, &self.server] {
            let _ = Command::new("ip").args(["netns", "del", name]).stderr(Stdio::null()).status();
        }
    }
}

/// A child that does not outlive its use.
struct Running(Child);

impl Drop for Running {
    fn drop(&mut self) {
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

/// Runs a plan and leaves the captures of both ends at `client` and `server`.
pub fn run(plan: &Plan, client: &FilePath, server: &FilePath) -> Fallible<Truth> {
    let names = names();
    build(plan, &names)?;
    let captures = [start_capture(&names.client, plan, client)?, start_capture(&names.server, plan, server)?];
    let forwarder = if plan.direct { None } else { Some(start_forwarder(&names, plan)?) };
    let address = if plan.v6 { format!("[{SERVER_V6}]:{PORT}") } else { format!("{SERVER}:{PORT}") };
    let before = [sent_again(&names.client)?, sent_again(&names.server)?];
    let mut opened = start_end(&names.server, End::Server, &address, &plan.server)?;
    let mut ready = String::new();
    opened.1.read_line(&mut ready)?;
    if ready.trim() != "ready" {
        return Err(format!("the server did not start: {ready}").into());
    }
    let begun = Instant::now();
    let asking = start_end(&names.client, End::Client, &address, &plan.client)?;
    let client = finish(asking, begun)?;
    std::thread::sleep(Duration::from_millis(plan.linger_ms));
    // A server that waits for what never comes need not be waited for.
    // It is left running until nothing is captured any more: its end would be seen.
    let server = finish_soon(&mut opened)?;
    let after = [sent_again(&names.client)?, sent_again(&names.server)?];
    std::thread::sleep(Duration::from_millis(200));
    for capture in captures {
        stop_capture(capture)?;
    }
    let path = forwarder.map(stop_forwarder).transpose()?.unwrap_or_default();
    Ok(Truth { path, ends: [client, server], sent_again: [after[0] - before[0], after[1] - before[1]] })
}

/// Takes away the namespaces of programs that were killed.
pub fn sweep() {
    let Ok(output) = Command::new("ip").args(["netns", "list"]).output() else { return };
    for name in String::from_utf8_lossy(&output.stdout).lines().filter_map(|line| line.split(' ').next()) {
        let of = name.strip_prefix("tv").and_then(|rest| rest.split_once('-')).map(|(process, _)| process);
        if of.is_some_and(|process| process.parse::<u32>().is_ok() && !FilePath::new("/proc").join(process).exists()) {
            let _ = Command::new("ip").args(["netns", "del", name]).status();
        }
    }
}

fn names() -> Names {
    static COUNT: AtomicU32 = AtomicU32::new(0);
    let number = COUNT.fetch_add(1, Ordering::Relaxed);
    let name = |letter| format!("tv{}-{number}{letter}", std::process::id());
    Names { client: name('c'), router: name('r'), server: name('s') }
}

fn build(plan: &Plan, names: &Names) -> Fallible<()> {
    let Names { client, router, server } = names;
    let mut script = format!("ip netns add {client}\nip netns add {router}\nip netns add {server}\n");
    if plan.direct {
        script += &format!("ip link add eth0 netns {client} type veth peer name eth0 netns {server}\n");
    } else {
        script += &format!(
            "ip link add eth0 netns {client} type veth peer name rc netns {router}\n\
             ip link add eth0 netns {server} type veth peer name rs netns {router}\n\
             for device in rc rs; do\n\
             ip netns exec {router} sysctl -qw net.ipv6.conf.$device.disable_ipv6=1\n\
             ip -n {router} link set $device up arp off\n\
             done\n"
        );
    }
    let ends = [
        (client, CLIENT, CLIENT_V6, CLIENT_MAC, SERVER, SERVER_V6, SERVER_MAC, &plan.client),
        (server, SERVER, SERVER_V6, SERVER_MAC, CLIENT, CLIENT_V6, CLIENT_MAC, &plan.server),
    ];
    for (name, v4, v6, mac, peer, peer_v6, peer_mac, spec) in ends {
        let (mac, peer_mac) = (show(mac), show(peer_mac));
        script += &format!(
            "ip netns exec {name} sysctl -qw net.ipv6.conf.all.router_solicitations=0 \
             net.ipv6.conf.eth0.router_solicitations=0 net.ipv4.tcp_no_metrics_save=1\n\
             ip -n {name} link set lo up\n\
             ip -n {name} link set eth0 address {mac} up\n\
             ip -n {name} addr add {v4}/24 dev eth0\n\
             ip -n {name} addr add {v6}/64 dev eth0 nodad\n\
             ip -n {name} neigh replace {peer} lladdr {peer_mac} nud permanent dev eth0\n\
             ip -n {name} neigh replace {peer_v6} lladdr {peer_mac} nud permanent dev eth0\n"
        );
        if !plan.direct {
            // Whole checksums, and packets no larger than the MTU: what is captured is what the path gets.
            script += &format!("ip netns exec {name} ethtool -K eth0 tx off tso off gso off gro off >/dev/null\n");
        }
        for (key, value) in &spec.sysctls {
            script += &format!("ip netns exec {name} sysctl -qw net.ipv4.{key}='{value}'\n");
        }
        if !spec.input_rules.is_empty() {
            let rules = spec.input_rules.join("\n");
            script += &format!(
                "ip netns exec {name} nft -f - <<'rules'\ntable inet filter {{\nchain input {{\n\
                 type filter hook input priority 0; policy accept;\n{rules}\n}}\n}}\nrules\n"
            );
        }
    }
    let output = Command::new("sh").args(["-ec", &script]).stdin(Stdio::null()).output()?;
    if output.status.success() {
        Ok(())
    } else {
        Err(format!("the network cannot be built: {}", String::from_utf8_lossy(&output.stderr)).into())
    }
}

fn show(mac: [u8; 6]) -> String {
    mac.map(|byte| format!("{byte:02x}")).join(":")
}

fn inside(namespace: &str, program: &str) -> Command {
    let mut command = Command::new("ip");
    command.args(["netns", "exec", namespace, program]);
    command
}

fn start_capture(namespace: &str, plan: &Plan, file: &FilePath) -> Fallible<Running> {
    let mut command = inside(namespace, "tcpdump");
    command.args(["-i", "eth0", "-n", "-Z", "root", "--immediate-mode", "-B", "16384", "-s"]);
    command.arg(plan.snaplen.to_string()).arg("--time-stamp-precision=nano").arg("-w").arg(file);
    command.arg("tcp or icmp or (icmp6 and ip6[40] < 128)");
    let child = command.stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::piped()).spawn()?;
    let mut running = Running(child);
    let mut lines = BufReader::new(running.0.stderr.take().ok_or("no standard error")?);
    let mut line = String::new();
    while !line.contains("listening on") {
        line.clear();
        if lines.read_line(&mut line)? == 0 {
            return Err("tcpdump does not listen".into());
        }
    }
    running.0.stderr = Some(lines.into_inner());
    Ok(running)
}

fn stop_capture(mut running: Running) -> Fallible<()> {
    let id = rustix::process::Pid::from_child(&running.0);
    rustix::process::kill_process(id, rustix::process::Signal::INT)?;
    let mut said = String::new();
    running.0.stderr.take().ok_or("no standard error")?.read_to_string(&mut said)?;
    running.0.wait()?;
    if said.contains("\n0 packets dropped by kernel") { Ok(()) } else { Err(format!("tcpdump: {said}").into()) }
}

type Forwarder = (Running, ChildStdin, BufReader<std::process::ChildStdout>);

fn start_forwarder(names: &Names, plan: &Plan) -> Fallible<Forwarder> {
    // In the class of real-time programs: what else the machine does is not to be part of the path.
    let mut command = inside(&names.router, "chrt");
    command.args(["--rr", "10"]).arg(this()?).arg("role-path").arg(serde_json::to_string(&plan.path)?);
    let child = command.stdin(Stdio::piped()).stdout(Stdio::piped()).spawn()?;
    let mut running = Running(child);
    let stdin = running.0.stdin.take().ok_or("no standard input")?;
    let mut out = BufReader::new(running.0.stdout.take().ok_or("no standard output")?);
    let mut ready = String::new();
    out.read_line(&mut ready)?;
    if ready.trim() == "ready" { Ok((running, stdin, out)) } else { Err("the path does not start".into()) }
}

fn stop_forwarder((mut running, mut stdin, mut out): Forwarder) -> Fallible<[Done; 2]> {
    stdin.flush()?;
    drop(stdin);
    let mut said = String::new();
    out.read_to_string(&mut said)?;
    running.0.wait()?;
    Ok(serde_json::from_str(&said)?)
}

fn this() -> Fallible<String> {
    Ok(std::env::current_exe()?.display().to_string())
}

type Started = (Running, BufReader<std::process::ChildStdout>);

fn start_end(namespace: &str, end: End, address: &str, spec: &Endpoint) -> Fallible<Started> {
    let mut command = inside(namespace, &this()?);
    command.args(["role-end", end.name(), address]).arg(serde_json::to_string(spec)?);
    let mut running = Running(command.stdin(Stdio::null()).stdout(Stdio::piped()).spawn()?);
    let out = BufReader::new(running.0.stdout.take().ok_or("no standard output")?);
    Ok((running, out))
}

fn finish((mut running, mut out): Started, begun: Instant) -> Fallible<Outcome> {
    while running.0.try_wait()?.is_none() {
        if begun.elapsed() > DEADLINE {
            return Err("an end does not come to its end".into());
        }
        std::thread::sleep(Duration::from_millis(10));
    }
    let mut said = String::new();
    out.read_to_string(&mut said)?;
    Ok(serde_json::from_str(said.lines().last().unwrap_or_default())?)
}

fn finish_soon((running, out): &mut Started) -> Fallible<Outcome> {
    let begun = Instant::now();
    while running.0.try_wait()?.is_none() && begun.elapsed() < Duration::from_millis(300) {
        std::thread::sleep(Duration::from_millis(10));
    }
    if running.0.try_wait()?.is_none() {
        return Ok(Outcome { error: Some("still waiting when the capture ended".into()), ..Outcome::default() });
    }
    let mut said = String::new();
    out.read_to_string(&mut said)?;
    Ok(serde_json::from_str(said.lines().last().unwrap_or_default())?)
}

fn sent_again(namespace: &str) -> Fallible<u64> {
    let output = inside(namespace, "cat").arg("/proc/net/snmp").output()?;
    let text = String::from_utf8(output.stdout)?;
    let mut lines = text.lines().filter(|line| line.starts_with("Tcp:"));
    let (names, values) = (lines.next().unwrap_or_default(), lines.next().unwrap_or_default());
    let at = names.split(' ').position(|name| name == "RetransSegs").ok_or("no RetransSegs")?;
    Ok(values.split(' ').nth(at).unwrap_or_default().parse()?)
}
