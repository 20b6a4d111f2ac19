use std::net::IpAddr;

use proptest::prelude::*;

use super::subject::bare_segment;
use super::*;
use crate::analysis::segment::{Checksum, Segment};
use crate::time::Time;
use crate::wire::{Flags, SackBlock, SeqNum};

/// A segment with what an analysis says about it.
struct Analysed {
    segment: Segment<'static>,
    stream: u32,
    seq: u32,
    ack: u32,
    marks: &'static [&'static str],
    ack_rtt: Option<u64>,
    rto: Option<u64>,
    in_flight: Option<u32>,
    frame: &'static [u8],
}

impl Subject for Analysed {
    fn segment(&self) -> &Segment<'_> {
        &self.segment
    }
    fn stream(&self) -> Option<u32> {
        Some(self.stream)
    }
    fn relative_seq(&self) -> Option<u32> {
        Some(self.seq)
    }
    fn relative_ack(&self) -> Option<u32> {
        Some(self.ack)
    }
    fn relative_time(&self) -> Option<u64> {
        Some((self.segment.frame - 1) * 500_000_000)
    }
    fn window(&self) -> Option<u64> {
        Some(u64::from(self.segment.header.window) << 7)
    }
    fn is_flagged(&self, name: &str) -> bool {
        self.marks.contains(&name)
    }
    fn is_flagged_at_all(&self) -> bool {
        !self.marks.is_empty()
    }
    fn ack_rtt(&self) -> Option<u64> {
        self.ack_rtt
    }
    fn rto(&self) -> Option<u64> {
        self.rto
    }
    fn bytes_in_flight(&self) -> Option<u32> {
        self.in_flight
    }
    fn frame_len(&self) -> Option<u32> {
        Some(54 + self.segment.len)
    }
    fn frame_bytes(&self) -> Option<&[u8]> {
        Some(self.frame)
    }
}

fn segment(frame: u64, src: &str, dst: &str, flags: u8) -> Analysed {
    let mut segment = bare_segment(src.parse().unwrap(), dst.parse().unwrap());
    segment.frame = frame;
    segment.time = Time::from_nanos(1_700_000_000_000_000_000 + frame);
    segment.ttl = 64;
    segment.header.flags = Flags(flags);
    segment.header.window = 512;
    Analysed {
        segment,
        stream: 0,
        seq: 0,
        ack: 0,
        marks: &[],
        ack_rtt: None,
        rto: None,
        in_flight: None,
        frame: b"frame",
    }
}

/// 1: SYN, 2: SYN-ACK, 3: request, 4: answer again, 5: duplicate ACK with SACK, 6: an IPv6 reset of stream 3.
fn capture() -> Vec<Analysed> {
    let (a, b) = ("10.0.0.1:40000", "192.0.2.7:80");
    let mut all = vec![
        segment(1, a, b, 0x02),
        segment(2, b, a, 0x12),
        segment(3, a, b, 0x18),
        segment(4, b, a, 0x10),
        segment(5, a, b, 0x10),
        segment(6, "[2001:db8::1]:443", "[2001:db8::2]:50000", 0x14),
    ];
    all[0].segment.options.mss = Some(1460);
    all[0].segment.options.sack_permitted = true;
    all[0].segment.option_bytes = &[2, 4, 5, 0xb4, 4, 2, 1, 1];
    all[1].ack_rtt = Some(100_000_000);
    all[1].segment.header.seq = SeqNum(0x0102_0304);
    all[2].segment.payload = b"GET / HTTP/1.1\r\n";
    all[2].segment.len = 16;
    (all[2].seq, all[2].ack, all[2].in_flight) = (1, 1, Some(16));
    all[3].segment.len = 1400;
    all[3].segment.checksum = Checksum::Bad;
    (all[3].marks, all[3].rto) = (&["fast_retransmission", "retransmission"], Some(250_000_000));
    all[4].marks = &["duplicate_ack"];
    all[4].segment.options.sack.push(SackBlock { left: SeqNum(500), right: SeqNum(900) });
    all[5].stream = 3;
    all
}

fn passing(text: &str) -> Vec<u64> {
    let filter = Filter::parse(text).unwrap_or_else(|error| panic!("{error}"));
    capture().iter().filter(|subject| filter.matches(*subject)).map(|subject| subject.segment.frame).collect()
}

#[test]
fn each_expression_lets_its_segments_through() {
    const ALL: &[u64] = &[1, 2, 3, 4, 5, 6];
    const V4: &[u64] = &[1, 2, 3, 4, 5];
    let table: &[(&str, &[u64])] = &[
        ("", ALL),
        ("tcp", ALL),
        // Wireshark
        ("tcp.port == 80 && ip.addr == 10.0.0.0/8", V4),
        ("tcp.flags.syn == 1 and not tcp.flags.ack == 1", &[1]),
        ("tcp.flags.syn==1&&!tcp.flags.ack==true", &[1]),
        ("tcp.analysis.retransmission", &[4]),
        ("tcp.analysis.flags", &[4, 5]),
        ("!tcp.analysis.flags && tcp.len > 0", &[3]),
        ("tcp.stream eq 3", &[6]),
        ("tcp.stream in {1,3..5}", &[6]),
        ("tcp.stream not in {1 3..5}", V4),
        ("tcp.len > 0", &[3, 4]),
        ("tcp.len ge 1400", &[4]),
        ("tcp.len < 0", &[]),
        ("frame.number >= 5", &[5, 6]),
        ("frame.time_relative < 0.75", &[1, 2]),
        ("frame.time_relative <= 500ms", &[1, 2]),
        ("frame.time >= \"2023-11-14 22:13:20.000000003\"", &[3, 4, 5, 6]),
        ("frame.time_epoch < 1700000000.000000003", &[1, 2]),
        ("ip.src == 10.0.0.1", &[1, 3, 5]),
        ("ip.src != 10.0.0.1", &[2, 4]),
        ("not ip.src == 10.0.0.1", &[2, 4, 6]),
        ("ip.addr != 10.0.0.1", &[]),
        ("ip.addr !== 10.0.0.1", V4),
        ("ip.addr in {10.0.0.1..10.0.0.9}", V4),
        ("tcp.port === 80", &[]),
        ("tcp.port != 80", &[6]),
        ("tcp.port !== 80", ALL),
        ("ipv6.addr == 2001:db8::/32", &[6]),
        ("ipv6", &[6]),
        ("ip", V4),
        ("tcp.seq == 1", &[3]),
        ("tcp.nxtseq == 17", &[3]),
        ("tcp.seq_raw == 0x01020304", &[2]),
        ("tcp.window_size_value == 512 && tcp.window_size == 65536", ALL),
        ("tcp.analysis.ack_rtt > 0.05", &[2]),
        ("tcp.analysis.ack_rtt", &[2]),
        ("tcp.analysis.rto >= 0.25", &[4]),
        ("tcp.analysis.bytes_in_flight == 16", &[3]),
        ("tcp.options.mss == 1460", &[1]),
        ("tcp.options.mss != 1460", &[]),
        ("tcp.options.sack_perm", &[1]),
        ("tcp.options.sack", &[5]),
        ("tcp.options.sack_le == 500 and tcp.options.sack_re == 900", &[5]),
        ("tcp.options.timestamp", &[]),
        ("tcp.checksum.status == bad", &[4]),
        ("tcp.checksum.status == \"Bad\"", &[4]),
        ("tcp.payload contains \"GET\"", &[3]),
        ("tcp contains \"GET\" and tcp.payload contains 47:45:54", &[3]),
        ("tcp.payload contains \"HTTP/1.1\\x0d\\n\"", &[3]),
        ("tcp.payload[0:3] == \"GET\"", &[3]),
        ("tcp.payload[1-2] == 45:54 and tcp.payload[:2] == 0x4745 and tcp.payload[4:] contains \"HTTP\"", &[3]),
        ("tcp.payload[1] == 45 and tcp.payload[2] == 0x54", &[3]),
        ("tcp.payload != \"GET\"", &[3]),
        ("frame contains \"ram\"", ALL),
        ("tcp.flags & 0x02", &[1, 2]),
        ("tcp.flags & 0x12 == 0x12", &[2]),
        ("tcp.flags == 0x018", &[3]),
        // BPF
        ("host 10.0.0.1", V4),
        ("src host 10.0.0.1", &[1, 3, 5]),
        ("dst net 10.0.0.0/8", &[2, 4]),
        ("dst net 10", &[2, 4]),
        ("net 10.0", V4),
        ("net 10.0.0.0 mask 255.0.0.0", V4),
        ("port 80", V4),
        ("src port 80", &[2, 4]),
        ("src or dst port 80", V4),
        ("src and dst port 80", &[]),
        ("portrange 1-100", V4),
        ("port http", V4),
        ("tcp port 443 or 80", ALL),
        ("ip6 and tcp dst port 50000", &[6]),
        ("ip6 host 2001:db8::1", &[6]),
        ("ip host 10.0.0.1", V4),
        ("tcp[tcpflags] & (tcp-syn|tcp-fin) != 0", &[1, 2]),
        ("tcp[13] & 2 != 0", &[1, 2]),
        ("(tcp[tcpflags] & tcp-push) = 0", &[1, 2, 4, 5, 6]),
        ("tcp[tcpflags] == tcp-syn", &[1]),
        ("tcp[0:2] = 443", &[6]),
        ("tcp[4:4] = 0x01020304", &[2]),
        ("tcp[20] == 0x47", &[3]),
        ("ip[8] < 65", V4),
        ("less 54", &[1, 2, 5, 6]),
        ("greater 1000", &[4]),
        ("port 80 or 443", ALL),
        ("host 10.0.0.1 and (port 22 or 80)", V4),
        ("src 10.0.0.1 or 2001:db8::1", &[1, 3, 5, 6]),
        ("not port 80", &[6]),
        ("192.0.2.7 and dst 10.0.0.1", &[2, 4]),
        // our own
        ("flags == S.", &[2]),
        ("flags == syn", &[1]),
        ("flags == syn,ack", &[2]),
        ("flags == RA", &[6]),
        ("flags contains rst", &[6]),
        ("flags in {S, P.}", &[1, 3]),
        ("rst", &[6]),
        ("syn and not ack", &[1]),
        ("ack", &[2, 3, 4, 5, 6]),
        ("ack == 1", &[3]),
        ("ack 1", &[3]),
        ("analysis == retransmission", &[4]),
        ("analysis != retransmission", &[1, 2, 3, 5, 6]),
        ("analysis in {duplicate_ack, keep_alive}", &[5]),
        ("analysis", &[4, 5]),
        ("retransmission or duplicate-ack", &[4, 5]),
        ("len > 1000", &[4]),
        ("stream 3", &[6]),
        ("frame 3", &[3]),
        ("time < 1", &[1, 2]),
        ("src == 10.0.0.1 and dport == 80", &[1, 3, 5]),
        ("addr in {2001:db8::/64, 10.0.0.9}", &[6]),
        ("checksum bad", &[4]),
        ("win >= 65536 AND NOT ecn == 3", ALL),
        ("! ! syn", &[1, 2]),
        ("syn and not ack or rst", &[1, 6]),
        ("rst or syn and not ack", &[1, 6]),
    ];
    let wrong: Vec<_> = table
        .iter()
        .filter(|(text, frames)| passing(text) != *frames)
        .map(|(text, frames)| format!("{text}: {:?}, not {frames:?}", passing(text)))
        .collect();
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

#[test]
fn errors_point_at_the_wrong_place_and_say_what_would_be_right() {
    let table: &[(&str, usize, &str)] = &[
        ("tcp.prot == 80", 0, "tcp.port"),
        ("syn and retransmision", 8, "retransmission"),
        ("tcp.port == 70000", 12, "65535"),
        ("tcp.port == ", 12, "value is missing"),
        ("tcp.port == 80 443", 15, "join tests"),
        ("(port 80", 0, "not closed"),
        ("port 80)", 7, "no parenthesis"),
        ("tcp.flags.syn", 0, "tcp.flags.syn == 1"),
        ("tcp.payload matches \"GET\"", 12, "contains"),
        ("host example.org", 5, "not looked up"),
        ("ip.addr == ::1", 11, "ipv6.addr"),
        ("port 80 or port 443 and host 10.0.0.1", 20, "parentheses"),
        ("port 80-90", 5, "portrange"),
        ("dst 80", 4, "port 80"),
        ("80", 0, "port 80"),
        ("tcp.len > 0 or 443", 15, "port 443"),
        ("udp port 53", 0, "only TCP"),
        ("tcp[16:2] == 0", 4, "checksum.status"),
        ("tcp[tcpflags] & tcp-syn|tcp-fin != 0", 23, "parentheses"),
        ("frame.time_delta > 1.5x", 19, "250ms"),
        ("tcp.stream in {}", 14, "empty"),
        ("tcp.stream in {1", 14, "not closed"),
        ("payload contains \"GET", 17, "quote"),
        ("payload contains 16", 17, "0x1603"),
        ("analysis == retransmit", 12, "retransmission"),
        ("retransmission == 1", 15, "alone"),
        ("tcp.len == 010", 11, "octal"),
        ("tcp.len == -1", 11, "negative"),
        ("ip.src == ip.dst", 10, "another field"),
        ("tcp & 3", 4, "alone"),
        ("syn &", 5, "bits"),
        ("ü", 0, "no meaning"),
        ("syn && ü", 7, "no meaning"),
        ("port 80 |port 90", 8, "||"),
        ("ip.src > 10.0.0.1", 7, "prefix"),
        ("and syn", 0, "field"),
        ("not", 3, "missing"),
    ];
    for (text, column, said) in table {
        let error = Filter::parse(text).expect_err(text);
        let shown = error.to_string();
        assert_eq!(error.column(), *column, "{shown}");
        assert!(shown.contains(said), "{text}: {shown}");
        let caret = shown.lines().nth(2).unwrap();
        assert_eq!(caret.find('^'), Some(column + 2), "{shown}");
    }
}

#[test]
fn the_caret_stands_under_the_wrong_word() {
    let error = Filter::parse("syn and tcp.prot == 80").unwrap_err().to_string();
    let wanted =
        "no field is called `tcp.prot`\n  syn and tcp.prot == 80\n          ^^^^^^^^\ndid you mean `tcp.port`?";
    assert_eq!(error, wanted);
}

#[test]
fn a_long_expression_is_cut_around_the_wrong_place() {
    let text = format!("{}tcp.prot == 80{}", "syn or ".repeat(100), " or syn".repeat(100));
    let shown = Filter::parse(&text).unwrap_err().to_string();
    let lines: Vec<&str> = shown.lines().collect();
    assert!(lines[1].len() < 140, "{shown}");
    assert_eq!(lines[1].find("tcp.prot"), lines[2].find('^'), "{shown}");
}

#[test]
fn length_and_depth_are_bounded() {
    assert!(Filter::parse(&"syn or ".repeat(10_000)).unwrap_err().message().contains("at most"));
    assert!(Filter::parse(&format!("{}syn{}", "(".repeat(65), ")".repeat(65))).is_err());
    assert!(Filter::parse(&format!("{}syn{}", "(".repeat(64), ")".repeat(64))).is_ok());
    assert!(Filter::parse(&format!("{}syn", "!".repeat(16_000))).is_ok());
    assert!(Filter::parse(&"(".repeat(16_000)).is_err());
}

#[test]
fn a_bare_segment_has_no_analysis() {
    let segment = bare_segment("10.0.0.1:1".parse().unwrap(), "10.0.0.2:2".parse().unwrap());
    let pass = |text: &str| Filter::parse(text).unwrap().matches(&segment);
    assert!(pass("port 1") && pass("host 10.0.0.2") && !pass("stream 0") && !pass("stream != 0") && !pass("analysis"));
}

#[test]
fn flows_that_cannot_match_are_known_before_the_analysis() {
    let (a, b) = ("10.0.0.1:40000".parse().unwrap(), "10.0.0.2:80".parse().unwrap());
    let excluded = |text: &str| Filter::parse(text).unwrap().excludes_flow(a, b);
    assert!(excluded("port 443") && excluded("port 443 and retransmission") && excluded("not port 80 and syn"));
    assert!(excluded("ip6") && excluded("not (port 80 or retransmission)"));
    assert!(!excluded("port 80") && !excluded("src port 80") && !excluded("dst host 10.0.0.1") && !excluded("syn"));
    assert!(!excluded("port 443 or retransmission") && !excluded("not src port 80"));
    let only = |text: &str| Filter::parse(text).unwrap().only_flow();
    assert!(only("port 80 and (host 10.0.0.1 or ip6)") && only("tcp") && !only("port 80 and syn"));
    let counts = |text: &str| Filter::parse(text).unwrap().counts_packets();
    assert!(counts("port 80 and stream 3") && counts("frame > 3") && !counts("port 80 and syn"));
}

#[test]
fn every_listed_field_can_be_used_and_has_one_entry() {
    for (index, (name, meaning)) in FIELDS.iter().enumerate() {
        assert!(!meaning.is_empty(), "{name}");
        assert!(!FIELDS[..index].iter().any(|(other, _)| other == name), "{name} twice");
        let alone = Filter::parse(name).is_ok();
        let compared = Filter::parse(&format!("{name} == 1")).is_ok();
        let value = ["src", "dst", "port"].contains(name);
        assert!(alone || compared || value, "{name}");
    }
    for mark in names::marks() {
        assert!(Filter::parse(&format!("tcp.analysis.{mark}")).is_ok(), "{mark}");
    }
}

#[test]
fn addresses_and_times_are_read_to_the_last_bit() {
    let range = |word: &str| value::addresses(word).unwrap();
    let v4 = |text: &str| text.parse::<IpAddr>().unwrap();
    assert_eq!(range("10.1.2.3/0"), (v4("0.0.0.0"), v4("255.255.255.255")));
    assert_eq!(range("10.1.2.3/31"), (v4("10.1.2.2"), v4("10.1.2.3")));
    assert_eq!(range("::1/127"), (v4("::"), v4("::1")));
    assert!(value::addresses("10.0.0.1/33").is_err() && value::addresses("::/129").is_err());
    let date = |text| value::number(field::Unit::Date, text);
    assert_eq!(date("2024-02-29T00:00:00Z"), Ok(1_709_164_800_000_000_000));
    assert_eq!(date("1970-01-01"), Ok(0));
    assert!(date("2024-13-01").is_err() && date("1969-01-01").is_err());
    assert_eq!(value::number(field::Unit::Seconds, ".000000001"), Ok(1));
    assert!(value::number(field::Unit::Seconds, ".").is_err());
}

/// Words that an expression is made of.
fn word() -> impl Strategy<Value = String> {
    let words = "( ) { } [ ] == != < & | && or and not in .. , src dst port host net 80 10.0.0.1 tcp ip6 tcp[13] tcp-syn \
                 frame payload contains \"x\" syn ack 1 less analysis retransmission stream flags S. time 0.5 mask portrange";
    prop_oneof![
        6 => prop::sample::select(words.split(' ').map(str::to_owned).collect::<Vec<_>>()),
        1 => prop::sample::select(FIELDS.iter().map(|(name, _)| (*name).to_owned()).collect::<Vec<_>>()),
    ]
}

proptest! {
    #[test]
    fn no_text_makes_it_panic(bytes in prop::collection::vec(any::<u8>(), 0..60)) {
        let text = String::from_utf8_lossy(&bytes);
        if let Err(error) = Filter::parse(&text) {
            let _ = error.to_string();
        }
    }

    #[test]
    fn no_words_make_it_panic(words in prop::collection::vec(word(), 0..12)) {
        match Filter::parse(&words.join(" ")) {
            Ok(filter) => capture().iter().for_each(|subject| {
                filter.matches(subject);
            }),
            Err(error) => prop_assert!(error.to_string().contains('^')),
        }
    }

    #[test]
    fn an_excluded_flow_never_matches(words in prop::collection::vec(word(), 0..8)) {
        if let Ok(filter) = Filter::parse(&words.join(" ")) {
            for subject in capture() {
                let segment = &subject.segment;
                let (src, dst) = ((segment.src, segment.header.src_port), (segment.dst, segment.header.dst_port));
                prop_assert!(!(filter.excludes_flow(dst.into(), src.into()) && filter.matches(&subject)));
            }
        }
    }
}
