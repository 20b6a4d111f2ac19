//! Exchanges as the tests of this folder write them: times in milliseconds, numbers counted from each end's SYN.

use std::net::IpAddr;

use super::analyzer::Analyzer;
use super::connection::{Address, Connection};
use super::segment::{Checksum, Segment, Side};
use super::sequence::Verdict;
use super::states::Illegal;
use crate::capture::read::{Frame, LinkType};
use crate::time::Time;
use crate::wire::ip::IpHeader;
use crate::wire::options::{OptionBytes, SackBlocks};
use crate::wire::{Ecn, Flags, Protocol, SackBlock, SeqNum, TcpHeader, TcpOption, TcpOptions, checksum};

/// The numbers of both SYNs. A's wrap around after 150 bytes, so that every longer exchange tries that, too.
pub const ISN: [u32; 2] = [u32::MAX - 150, 7000];
/// The window where a test does not say.
pub const WINDOW: u16 = 20_000;
/// Captures begin then, in nanoseconds since the Unix epoch.
const BEGIN: u64 = 1_600_000_000_000_000_000;
/// What payload is made of.
static ZEROS: [u8; 65_535] = [0; 65_535];

/// A segment to be.
#[derive(Clone, Debug)]
pub struct Packet {
    pub time: Time,
    pub side: Side,
    pub header: TcpHeader,
    pub options: OptionBytes,
    pub len: u32,
    pub ttl: u8,
    pub ip_id: u16,
    pub ecn: Ecn,
    pub checksum: Checksum,
}

/// The point `milliseconds` after the capture began.
pub fn at(milliseconds: f64) -> Time {
    Time::from_nanos(BEGIN + (milliseconds * 1e6).round() as u64)
}

/// A segment of A at a time, with numbers that count from the SYNs.
pub fn a(milliseconds: f64, seq: u32, ack: u32, flags: &str, len: u32) -> Packet {
    packet(Side::A, milliseconds, seq, ack, flags, len)
}

/// The same of B.
pub fn b(milliseconds: f64, seq: u32, ack: u32, flags: &str, len: u32) -> Packet {
    packet(Side::B, milliseconds, seq, ack, flags, len)
}

pub fn packet(side: Side, milliseconds: f64, seq: u32, ack: u32, flags: &str, len: u32) -> Packet {
    let flags = flags.chars().fold(Flags::default(), |all, letter| {
        let bit = match letter {
            'F' => Flags::FIN,
            'S' => Flags::SYN,
            'R' => Flags::RST,
            'P' => Flags::PSH,
            'A' => Flags::ACK,
            'E' => Flags::ECE,
            'C' => Flags::CWR,
            other => panic!("no flag is called {other}"),
        };
        Flags(all.0 | bit.0)
    });
    let (own, peer) = (ISN[side.index()], ISN[side.other().index()]);
    let ack = if flags.ack() { peer.wrapping_add(ack) } else { 0 };
    let ports = if side == Side::A { (40_000, 80) } else { (80, 40_000) };
    Packet {
        time: at(milliseconds),
        side,
        header: TcpHeader {
            src_port: ports.0,
            dst_port: ports.1,
            seq: SeqNum(own.wrapping_add(seq)),
            ack: SeqNum(ack),
            flags,
            window: WINDOW,
            urgent: 0,
        },
        options: OptionBytes::new(),
        len,
        ttl: 64,
        ip_id: 0,
        ecn: Ecn::default(),
        checksum: Checksum::Good,
    }
}

impl Packet {
    pub fn window(mut self, window: u16) -> Self {
        self.header.window = window;
        self
    }

    pub fn option(mut self, option: TcpOption<'_>) -> Self {
        self.options.push(option).expect("options that fit");
        self
    }

    /// SACK blocks, counted from the other end's SYN.
    pub fn sack(self, ranges: &[(u32, u32)]) -> Self {
        let isn = ISN[self.side.other().index()];
        let mut blocks = SackBlocks::default();
        for (left, right) in ranges {
            let (left, right) = (SeqNum(isn.wrapping_add(*left)), SeqNum(isn.wrapping_add(*right)));
            assert!(blocks.push(SackBlock { left, right }));
        }
        self.option(TcpOption::Nop).option(TcpOption::Nop).option(TcpOption::Sack(blocks))
    }

    pub fn timestamps(self, value: u32, echo: u32) -> Self {
        self.option(TcpOption::Nop).option(TcpOption::Nop).option(TcpOption::Timestamps { value, echo })
    }

    pub fn ttl(mut self, ttl: u8) -> Self {
        self.ttl = ttl;
        self
    }

    pub fn ip_id(mut self, ip_id: u16) -> Self {
        self.ip_id = ip_id;
        self
    }

    pub fn checksum(mut self, checksum: Checksum) -> Self {
        self.checksum = checksum;
        self
    }

    /// Between another port of A and B.
    pub fn port(mut self, port: u16) -> Self {
        let of_a = if self.side == Side::A { &mut self.header.src_port } else { &mut self.header.dst_port };
        *of_a = port;
        self
    }

    pub fn segment(&self, frame: u64) -> Segment<'_> {
        let ends: [IpAddr; 2] = [[192, 0, 2, 1].into(), [198, 51, 100, 2].into()];
        let option_bytes = self.options.as_slice();
        Segment {
            frame,
            time: self.time,
            src: ends[self.side.index()],
            dst: ends[self.side.other().index()],
            ttl: self.ttl,
            ecn: self.ecn,
            ip_id: self.ip_id,
            dont_fragment: true,
            header: self.header,
            reserved: 0,
            options: TcpOptions::parse(option_bytes),
            option_bytes,
            len: self.len,
            payload: &ZEROS[..self.len as usize],
            checksum: self.checksum,
            quoted: false,
            network: 0,
            window_cut: false,
            options_cut: false,
        }
    }
}

/// What a SYN of today offers, without window scaling.
pub fn offer(packet: Packet) -> Packet {
    packet.option(TcpOption::Mss(1460)).option(TcpOption::SackPermitted)
}

/// A handshake of `round_trip` milliseconds, captured near A: frames 1 to 3.
pub fn open(round_trip: f64) -> Vec<Packet> {
    vec![offer(a(0.0, 0, 0, "S", 0)), offer(b(round_trip * 0.9, 0, 1, "SA", 0)), a(round_trip, 1, 1, "A", 0)]
}

/// A handshake of 10 ms, and what follows.
pub fn opened(rest: impl IntoIterator<Item = Packet>) -> Vec<Packet> {
    open(10.0).into_iter().chain(rest).collect()
}

/// The connection that these segments make, with what was said of each.
pub fn analyse(packets: &[Packet]) -> (Connection, Vec<(Verdict, Option<Illegal>)>) {
    let mut connection = Connection::new(0, &packets[0].segment(1));
    let mut judged = Vec::new();
    for (packet, frame) in packets.iter().zip(1..) {
        let segment = packet.segment(frame);
        let side = connection.side_of(Address { ip: segment.src, port: segment.header.src_port });
        judged.push(connection.on_segment(side, &segment, false));
    }
    (connection, judged)
}

/// A frame as a raw IPv4 packet.
pub fn bytes(packet: &Packet) -> Vec<u8> {
    let segment = packet.segment(1);
    let mut tcp = Vec::new();
    packet.header.write(packet.options.as_slice(), &mut tcp);
    tcp.extend_from_slice(segment.payload);
    let mut sum = checksum::pseudo_header(segment.src, segment.dst, Protocol::TCP.0, tcp.len());
    let unfilled = packet.checksum == Checksum::Unfilled;
    if !unfilled {
        sum.add(&tcp);
    }
    let sum = if unfilled { !sum.finish() } else { sum.finish() };
    let sum = if packet.checksum == Checksum::Bad { sum ^ 0x5555 } else { sum };
    TcpHeader::store_checksum(sum, 0, &mut tcp);
    let (src, dst, ttl) = (segment.src, segment.dst, packet.ttl);
    let header = IpHeader { src, dst, protocol: Protocol::TCP, ttl, dscp: 0, ecn: packet.ecn, id: packet.ip_id };
    let mut out = Vec::new();
    header.write(tcp.len(), &mut out);
    out.extend_from_slice(&tcp);
    out
}

/// A frame of raw IP.
pub fn frame(time: Time, bytes: &[u8]) -> Frame<'_> {
    Frame {
        time: Some(time),
        interface: 0,
        link: LinkType::RAW,
        bytes,
        original_len: bytes.len() as u32,
        direction: None,
        name: None,
        comment: None,
    }
}

/// The whole analysis over these packets, each a frame of raw IP.
pub fn capture(packets: &[Packet]) -> Analyzer {
    let mut analyzer = Analyzer::new(1000);
    for packet in packets {
        analyzer.on_frame(&frame(packet.time, &bytes(packet)), false, None);
    }
    analyzer
}
