//! Over networks of many kinds: loopback, a bridge, a tunnel, link-local addresses, odd MTUs and routes.
//!
//! These need root, nginx, curl, nc and python3; `.ci/run` installs them and runs these tests.

mod lab;

use std::fs;
use std::process::{Command, Stdio};
use std::time::{Duration, Instant};

use lab::*;

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
