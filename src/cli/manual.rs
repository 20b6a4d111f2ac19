//! Man pages and completions, from the same definition that parses the command line.

use std::fs;
use std::io::{self, Write};
use std::path::{Path, PathBuf};

use clap::CommandFactory;
use clap_complete::Shell;

use super::args::{Cli, CompletionsArgs, ManArgs};
use super::exit::{Exit, Failure};

/// The shells for which completions are committed, with their file names.
pub const SHELLS: [(Shell, &str); 5] = [
    (Shell::Bash, "tcpkit.bash"),
    (Shell::Elvish, "tcpkit.elv"),
    (Shell::Fish, "tcpkit.fish"),
    (Shell::PowerShell, "_tcpkit.ps1"),
    (Shell::Zsh, "_tcpkit"),
];

/// An example for every long option, by subcommand; each is parsed by a test.
const EXAMPLES: &[&str] = &[
    "tcpkit fetch --sack -o cat.jpg host",
    "tcpkit fetch --output - --include http://host:8080/path",
    "tcpkit fetch --remote-name --location --fail http://host/file.bin",
    "tcpkit fetch --head --header 'Accept-Language: en' host",
    "tcpkit fetch --range 0-99 host",
    "tcpkit fetch --continue-at - -o big.bin http://host/big.bin",
    "tcpkit fetch --connect-timeout 3s --max-time 1m host",
    "tcpkit fetch --app raw --data 'hello' host:9000",
    "tcpkit fetch --drop 5% --reorder 10% --reorder-gap 2 --write run.pcapng -o cat.jpg sim:cat.jpg",
    "tcpkit fetch --duplicate every:10 --corrupt data:#3 --snaplen 96 --write-peer peer.pcap -o cat.jpg sim:cat.jpg",
    "tcpkit fetch --delay 50ms~10ms --link-rate 10mbit --queue 20 --seed 7 -o cat.jpg sim:cat.jpg",
    "tcpkit fetch --link raw --local 192.0.2.1 --source-port 4000 --ttl 32 --mtu 1280 --linger 1s host",
    "tcpkit fetch --ipv6 --interface eth0 'http://[fe80::1%eth0]/file.bin'",
    "tcpkit fetch --ipv4 host",
    "tcpkit fetch --no-sack --no-timestamps --window-scale off --mss 536 --ecn off host",
    "tcpkit fetch --timestamps --congestion reno --initial-window 2 --nagle on --delayed-ack off host",
    "tcpkit fetch --recv-buffer 64k --send-buffer 1MiB --isn 4294967290 host",
    "tcpkit fetch --rto-initial 3s --rto-min 1s --rto-max 60s --dupthresh 5 host",
    "tcpkit fetch --syn-retries 2 --retries 5 --user-timeout 30s --keepalive 10s host",
    "tcpkit fetch --peer sack=off,congestion=reno -o cat.jpg sim:cat.jpg",
    "tcpkit fetch --quiet --json --color never -o cat.jpg sim:cat.jpg",
    "tcpkit fetch --verbose -o cat.jpg sim:cat.jpg",
    "tcpkit serve --app http --port 8080 --backlog 16 public/",
    "tcpkit serve --once image.txt",
    "tcpkit serve --count 3 --drop 2% public/",
    "tcpkit handshake --connect-timeout 3s host:443",
    "tcpkit handshake --drop syn:#1 sim:",
    "tcpkit replay testdata/scripts",
    "tcpkit replay --verbose --write run.pcapng script.pkt",
    "tcpkit replay --profile linux --ip-version ipv6 --mtu 1520 --isn 4294967000 script.pkt",
    "tcpkit replay --ignore-commands --define CODE=host_unreachable --json script.pkt",
    "tcpkit inspect run.pcap",
    "tcpkit inspect --read a.pcap --read b.pcap.gz --sort retransmissions --top 20",
    "tcpkit inspect --packets --filter 'tcp.analysis.retransmission and port 80' run.pcap",
    "tcpkit inspect --packets --json --count 1000 run.pcap",
    "tcpkit inspect --flow 3 run.pcap",
    "tcpkit inspect --hex 12 run.pcap",
    "tcpkit inspect --follow all --output bytes/ run.pcap",
    "tcpkit inspect --csv --max-flows 1000000 run.pcap",
    "tcpkit inspect --strict --quiet run.pcap",
    "tcpkit inspect --interface eth0 --filter 'port 443'",
];

/// What must be known about real networks; for the pages of those who use them.
const REAL_LINKS: &[&str] = &[
    "On Linux, tcpkit speaks TCP from this host's own addresses, beside the kernel. It needs CAP_NET_RAW, and CAP_NET_ADMIN \
     for the better of two ways to keep the kernel silent: sudo setcap cap_net_raw,cap_net_admin+ep $(command -v tcpkit). \
     Without CAP_NET_ADMIN the kernel answers peers whose packets arrive with TTL 255; that is said when it is seen. Ports \
     below 1024 need CAP_NET_BIND_SERVICE as well.",
    "Our port is held by a kernel socket that listens and takes nothing: ss(8) shows a listener that never accepts. Other \
     programs get \"address in use\", and so do we. It goes away with the process, however that ends.",
    "Packets are received before the firewall of this host: its input rules do not protect a tcpkit service, and do not \
     hinder it, unless they reject, which tcpkit says when it sees it. Packets are sent by way of the firewall, except for \
     super-segments where nothing tracks connections and no IPsec policy applies; marks of output rules are then not on \
     them. On loopback, packets are as large as with an MTU of 1500, unless --mtu says otherwise.",
    "After the last connection tcpkit stays until its acknowledgment of the peer's FIN has surely arrived (--linger): the \
     kernel would answer a repeated FIN with a reset. Who closes last, as fetch mostly does, need not stay.",
];

/// The notation of scripts; for the page of `replay`.
const SCRIPTS: &[&str] = &[
    "A script is a list of events, each with its time: 1.5 (seconds since the beginning), +.2 (after the event before), and \
     for packets that must leave also a range, 1~2 or +.1~+.2, or * for any time. // begins a comment. The notation is \
     packetdrill's, as its syntax.md describes it.",
    "Packets: < arrives, > must leave. Flags (S, S., P., F., R, ., -; E W A for ECN, .5 for ACE as a number), \
     FIRST:END(LENGTH), ack N, win N, urg N, <options>: mss 1460, wscale 7, sackOK, sack 1:2 5:6, TS val 1 ecr 2, nop, eol, \
     FO, FOEXP, md5, ECN e0b 1 ceb 2 e1b 3; <...> stands for any. Before the flags [ect0], [ect1], [ce], [noecn], [ect01], \
     [tos 0x10], [ttl 3], [flowlabel 0x1]. ICMP: < icmp unreachable frag_needed mtu 1200 [1:1001(1000)] quotes the segment \
     that it is about. Sequence numbers count from both SYNs. What is not said of a packet that must leave (the window, the IP \
     header) is not compared, nor are the values of timestamps of ours without --tcp_ts_tick_usecs=1000; all else is, and the \
     bytes it carries.",
    "Calls of the socket API with their results: socket bind listen accept connect read readv recv recvfrom recvmsg write \
     writev send sendto sendmsg close shutdown fcntl ioctl getsockopt setsockopt poll epoll_create epoll_ctl epoll_wait; -1 \
     EAGAIN names the error. +0...0.2 before a call: it waits, and returns at the second time.",
    "%{ assert tcpi_snd_cwnd == 10 }% asserts in a little Python about the connection that was used last, with the names of \
     Linux's tcp_info. Commands in back quotes are never run: sysctl, set_sysctls.py and defaults.sh change our settings, a \
     few others mean nothing here, and the rest is an error.",
    "We add: ports before the flags (< 40000 > 8080 S 0:0(0) ...) for several connections at once; the options uto 60, uto 5m \
     and opt KIND HEX; and settings in a comment, so that other programs see nothing of them: // tcpkit: --profile=linux \
     --isn=N --mtu=N --ip_version=ipv6 --strict_segments --tolerance_usecs=N --turns (packets with one time arrive together) \
     --tcp=NAME=VALUE,... (fields of our configuration).",
    "Profile rfc has what RFCs recommend: RTO at least 1 s, Reno, slow start by one segment per acknowledgment, SYNs for 255 \
     s; something may happen 1 ms before or after its time. Profile linux: RTO at least 200 ms above SRTT, CUBIC, the first \
     segments acknowledged at once, bursts of a millisecond that end with PSH, empty window probes; 4 ms, or an eighth of the \
     time since the event before; and what leaves at the time of the last event need not be expected.",
    "With --json, an object a line: script, result (ok, mismatch, not understood, unreadable), events, events_total, duration, printed; \
     line and reason where it is not understood; mismatch with line, reason, expected, got, differences (field, expected, \
     got), time (from, to, got), waiting, state, peer_state; with --verbose also exchange (time, line, event, state, \
     peer_state).",
];

/// What is read, and what is said of it; for the page of inspect.
const CAPTURES: &[&str] = &[
    "Read are pcap (both byte orders, micro- and nanoseconds, the modified record header) and pcapng (several sections and \
     interfaces), also inside gzip, from standard input (-), and appended to each other (cat a.pcap b.pcap). Several files are \
     read as one, in the order of their first packets. Link types: Ethernet with VLAN, QinQ and MPLS, raw IP, Linux cooked \
     (SLL, SLL2), loopback, PPP, PPPoE, Cisco HDLC and Frame Relay, also with direction, IP over InfiniBand, 802.11 plain and \
     with radiotap, Prism or AVS, Token Ring, FDDI, ATM (RFC 2684), and what is captured behind PPI, NFLOG, pflog, pktap and \
     Junos headers; inside them IP in IP, 6in4, GRE, VXLAN, GENEVE, GTP-U, L2TP, Teredo. IP fragments are put together. \
     Packets cut by the snapshot length are analysed by their headers; what was not captured of those is unknown, not \
     absent. What could not be read (another link type, a tunnel that is not opened, a frame that is cut before TCP or \
     malformed) is a finding, and with other views a line on standard error; when that is every frame because of its link \
     type, the exit code is 4. With --interface any all interfaces are listened to; what passes several is heard at each. Of a \
     damaged file everything before the damage is reported, then where and why reading \
     stopped (exit 4).",
    "Without a view: facts of the capture, connections (the first by --sort, --top of them), findings with the worst first. A \
     finding names the frames that prove it and what to do. Error: it broke something or made it slow; warning: it costs \
     something; note: good to know. With --strict findings above a note are exit code 1.",
    "The column state is Zeek's conn_state: S0 no answer, S1 open, SF opened and closed, REJ refused, S2 and S3 closed by one \
     end, RSTO and RSTR reset by the client or server, RSTOS0 and RSTRH reset while opening, SH and SHR half open and closed, \
     OTH begun before the capture. rtx counts segments that were sent again; rtt is the median of round trips after Karn's \
     rule; goodput counts every byte once.",
    "With --packets the flags of Wireshark's TCP analysis, as its release 4.4 defines them, and for each the rule and the \
     numbers that raised it. Connections are numbered as Wireshark numbers them, frames from 1. Sequence numbers count from \
     the start of their direction; win is the field as it stands, in parentheses the bytes it means.",
    "With --follow the exact bytes: without -o those of one connection on standard output in the order in which they were \
     said; with -o DIR the files N-a.bin and N-b.bin, where a sent the first packet. Holes are never filled in: \
     N-a.holes.json tells where they are. Where two copies of the same bytes differ the first is kept, and \
     N-a.conflicts.json tells.",
    "A capture of our own tells on its interface impaired what was done to packets. That interface is left out of the \
     analysis; the last line of the report holds what was inferred against it.",
    "Memory stays bounded: a connection at rest takes up to a kilobyte, and of more than --max-flows the least interesting are \
     only counted, which the report says.",
];

/// On what findings rest; for the page of inspect. The kinds follow.
const FINDINGS: &[&str] = &[
    "A finding rests on what the capture shows. What was not captured (options, windows, headers or payload cut by the \
     snapshot length, a direction, the beginning of a connection) is unknown, not absent, and never judged; that the capture is \
     so is told before everything else. What a cause brings about is not told beside it. Where the packets do not tell, the \
     sentence says so. Wireshark's flags in --packets are heuristics of its own; findings look further, so that a segment that \
     is flagged as a retransmission may be counted as reordered. Kinds (the field kind of --json), each with the evidence that \
     it needs:",
];

/// What programs may rely on; for the page of inspect.
const OBJECTS: &[&str] = &[
    "With --packets --json an object a line for every segment: frame, time (seconds since 1970), stream, src, sport, dst, \
     dport, flags (tcpdump's letters), seq, ack (relative), len, win, window (bytes), analysis (Wireshark's names without \
     tcp.analysis.), reasons; where they are known ack_rtt, rto, bytes_in_flight, duplicate_ack (number, of), states (src, \
     dst). The same fields are the columns of --packets --csv.",
    "With --json otherwise: an object of type capture (files, interface, dropped, frames, bytes, begin, duration, segments, unreadable, unread, payload, connections, \
     merged, others), one of type flow for every connection, one of type finding for every finding that is told (severity, \
     kind, stream, text, frames, advice, cost in seconds, more of the same kind), and for our own captures one of type truth. \
     A flow has stream, a, b, begin, duration, first_frame, last_frame, conn_state, history, handshake, illegal, and for each \
     direction (from_a, from_b) packets, bytes, goodput, state, retransmissions by cause, rtt with percentiles, limited (what \
     kept the sender back, in seconds), zero_window, pauses, offer, and tcptrace with its statistics by its names. --csv has \
     a row for every connection with the same statistics. Times are in seconds.",
];

/// How segments are chosen; for the page of inspect. The fields follow.
const FILTERS: &[&str] = &[
    "An expression in Wireshark's words (tcp.port == 80 && ip.addr == 10.0.0.0/8, tcp.analysis.retransmission, tcp.stream in \
     {1, 3..5}, tcp.payload contains \"GET\"), in tcpdump's (src net 10.0.0.0/8 and (port 80 or 443), tcp[tcpflags] & \
     (tcp-syn|tcp-fin) != 0), or in ours (stream 3 and retransmission, syn and not ack, flags == S., len > 1000). A comparison \
     with what a segment does not have is false. With --packets it chooses segments; otherwise connections of which a \
     segment matches.",
];

/// Runs `tcpkit completions`.
pub fn completions(args: &CompletionsArgs) -> Result<Exit, Failure> {
    print(&completion(args.shell))
}

/// Runs `tcpkit man`.
pub fn pages(args: &ManArgs) -> Result<Exit, Failure> {
    match &args.dir {
        None => print(&page(&Cli::command())),
        Some(dir) => {
            fs::create_dir_all(dir).map_err(|error| Failure::writing(dir, &error))?;
            for (name, text) in man_pages() {
                let path = dir.join(name);
                fs::write(&path, text).map_err(|error| Failure::writing(&path, &error))?;
            }
            Ok(Exit::Done)
        }
    }
}

/// Every generated file with its text, relative to the project's root.
pub fn generated() -> Vec<(PathBuf, Vec<u8>)> {
    let pages = man_pages().into_iter().map(|(name, text)| (Path::new("man").join(name), text));
    let scripts = SHELLS.iter().map(|(shell, name)| (Path::new("completions").join(name), completion(*shell)));
    pages.chain(scripts).collect()
}

/// The completion script for a shell.
fn completion(shell: Shell) -> Vec<u8> {
    let mut script = Vec::new();
    clap_complete::generate(shell, &mut Cli::command(), "tcpkit", &mut script);
    script
}

fn man_pages() -> Vec<(String, Vec<u8>)> {
    let mut command = Cli::command().disable_help_subcommand(true);
    command.build();
    let mut pages = vec![("tcpkit.1".into(), page(&command))];
    for subcommand in command.get_subcommands() {
        let name = format!("tcpkit-{}", subcommand.get_name());
        let subcommand = subcommand.clone().name(name.clone()).display_name(name.clone());
        pages.push((format!("{name}.1"), page(&subcommand)));
    }
    pages
}

/// One page, with the table of exit codes at its end.
fn page(command: &clap::Command) -> Vec<u8> {
    let mut text = Vec::new();
    // Writing to memory cannot fail.
    let _ = clap_mangen::Man::new(command.clone()).render(&mut text);
    let of = command.get_name().replacen("tcpkit-", "tcpkit ", 1);
    let examples: Vec<&&str> = EXAMPLES.iter().filter(|example| example.starts_with(&format!("{of} "))).collect();
    if of != "tcpkit" && !examples.is_empty() {
        let _ = writeln!(text, ".SH EXAMPLES\n.nf");
        for example in examples {
            let _ = writeln!(text, "{}", example.replace('\\', "\\e").replace('-', "\\-").replace('\'', "\\(aq"));
        }
        let _ = writeln!(text, ".fi");
    }
    if of != "tcpkit inspect" && command.get_arguments().any(|argument| argument.get_id() == "interface") {
        let _ = writeln!(text, ".SH \"REAL LINKS\"");
        for paragraph in REAL_LINKS {
            let _ = writeln!(text, ".PP\n{}", paragraph.replace('\\', "\\e").replace('-', "\\-"));
        }
    }
    let escape = |paragraph: &str| {
        let escaped = paragraph.replace('\\', "\\e").replace('-', "\\-").replace('\'', "\\(aq");
        if escaped.starts_with('.') { format!("\\&{escaped}") } else { escaped }
    };
    let own: &[(&str, &[&str])] = match of.as_str() {
        "tcpkit replay" => &[("SCRIPTS", SCRIPTS)],
        "tcpkit inspect" => &[("CAPTURES", CAPTURES), ("JSON", OBJECTS), ("FILTERS", FILTERS)],
        _ => &[],
    };
    for (head, paragraphs) in own {
        let _ = writeln!(text, ".SH {head}");
        for paragraph in *paragraphs {
            let _ = writeln!(text, ".PP\n{}", escape(paragraph));
        }
    }
    if of == "tcpkit inspect" {
        let list = |text: &mut Vec<u8>, entries: &[(&str, &str)]| {
            for (name, meaning) in entries {
                let _ = writeln!(text, ".TP\n\\fB{}\\fR\n{}", escape(name), escape(meaning));
            }
        };
        list(&mut text, crate::analysis::filter::FIELDS);
        let _ = writeln!(text, ".SH FINDINGS");
        for paragraph in FINDINGS {
            let _ = writeln!(text, ".PP\n{}", escape(paragraph));
        }
        list(&mut text, crate::analysis::findings::KINDS);
    }
    let _ = writeln!(text, ".SH \"EXIT STATUS\"");
    for (exit, meaning) in Exit::TABLE {
        let _ = writeln!(text, ".TP\n\\fB{}\\fR\n{meaning}", *exit as u8);
    }
    text
}

fn print(text: &[u8]) -> Result<Exit, Failure> {
    match io::stdout().write_all(text) {
        Err(error) if error.kind() != io::ErrorKind::BrokenPipe => {
            Err(Failure::writing(Path::new("standard output"), &error))
        }
        _ => Ok(Exit::Done),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use clap::Parser;

    /// Splits as a shell does, as far as the examples need it.
    fn words(line: &str) -> Vec<String> {
        let parts = line.split('\'').enumerate();
        let mut words = vec![String::new()];
        for (index, part) in parts {
            if index % 2 == 1 {
                words.last_mut().unwrap().push_str(part);
                continue;
            }
            for (at, word) in part.split(' ').enumerate() {
                if at > 0 {
                    words.push(String::new());
                }
                words.last_mut().unwrap().push_str(word);
            }
        }
        words.retain(|word| !word.is_empty());
        words
    }

    #[test]
    fn every_example_parses() {
        for example in EXAMPLES {
            if let Err(error) = Cli::try_parse_from(words(example)) {
                panic!("{example}: {error}");
            }
        }
    }

    #[test]
    fn every_long_option_has_an_example() {
        let command = Cli::command();
        for subcommand in command.get_subcommands() {
            for long in subcommand.get_arguments().filter_map(|argument| argument.get_long()) {
                let wanted = format!("--{long}");
                let shown = EXAMPLES.iter().any(|example| words(example).contains(&wanted));
                assert!(shown, "{wanted} of {} has no example", subcommand.get_name());
            }
        }
    }
}
