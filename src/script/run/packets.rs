//! Packets of the notation into bytes, and bytes into packets of the notation.

use std::net::{IpAddr, SocketAddr};

use super::flow::Flow;
use crate::script::sockets::pattern;
use crate::script::syntax::tree::{EcnSpec, IcmpSpec, IpSpec, OptionSpec, TcpSpec};
use crate::wire::icmp;
use crate::wire::ip::{IPV4_HEADER, IPV6_HEADER, IpHeader};
use crate::wire::options::{OptionBytes, SackBlock, SackBlocks, TcpOption, options};
use crate::wire::tcp::TCP_HEADER;
use crate::wire::{Ecn, IpPacket, Malformed, Protocol, SeqNum, TcpHeader, TcpPacket, checksum};

/// A segment with its IP header's fields and ports, in the notation's values.
#[derive(Clone, Debug, PartialEq)]
pub struct Segment {
    pub ip: IpSpec,
    pub src: SocketAddr,
    pub dst: SocketAddr,
    pub tcp: TcpSpec,
    /// What it carries.
    pub payload: Vec<u8>,
}

impl Segment {
    /// The sequence number after it.
    pub fn end(&self) -> u32 {
        let flags = self.tcp.flags;
        let control = u32::from(flags.syn()) + u32::from(flags.fin());
        self.tcp.seq.wrapping_add(u32::from(self.tcp.len)).wrapping_add(control)
    }

    /// Reads a packet.
    pub fn read(bytes: &[u8]) -> Result<Option<Segment>, Malformed> {
        let packet = IpPacket::parse(bytes)?;
        if packet.protocol != Protocol::TCP {
            return Ok(None);
        }
        let tcp = TcpPacket::parse(packet.payload)?;
        let (first, second) = (bytes.first().copied().unwrap_or(0), bytes.get(1).copied().unwrap_or(0));
        let v4 = packet.src.is_ipv4();
        let tos = if v4 { second } else { first << 4 | second >> 4 };
        let label =
            bytes.get(..4).and_then(|word| word.first_chunk()).map_or(0, |word| u32::from_be_bytes(*word) & 0xf_ffff);
        let ttl = bytes.get(if v4 { 8 } else { 7 }).copied();
        let reserved = packet.payload.get(12).copied().unwrap_or(0);
        let header = tcp.header;
        Ok(Some(Segment {
            ip: IpSpec {
                ecn: Some(EcnSpec::Bits(packet.ecn.bits())),
                tos: Some(tos),
                ttl,
                flow_label: (!v4).then_some(label),
            },
            src: SocketAddr::new(packet.src, header.src_port),
            dst: SocketAddr::new(packet.dst, header.dst_port),
            tcp: TcpSpec {
                flags: header.flags,
                ae: reserved & 1 != 0,
                ace: false,
                seq: header.seq.0,
                len: tcp.payload.len() as u16,
                ack: header.flags.ack().then_some(header.ack.0),
                window: Some(header.window),
                urgent: header.urgent,
                options: Some(options(tcp.options).map_while(Result::ok).map(spec).collect()),
            },
            payload: tcp.payload.to_vec(),
        }))
    }

    /// From the wire's numbers to the script's: a segment of ours.
    pub fn count_as_script(&mut self, flow: &Flow) {
        self.tcp.seq = self.tcp.seq.wrapping_sub(flow.local_offset);
        if let Some(ack) = &mut self.tcp.ack {
            *ack = ack.wrapping_sub(flow.remote_offset);
        }
        for option in self.tcp.options.iter_mut().flatten() {
            match option {
                OptionSpec::Sack(blocks) => {
                    for edge in blocks.iter_mut().flat_map(|(left, right)| [left, right]) {
                        *edge = edge.wrapping_sub(flow.remote_offset);
                    }
                }
                OptionSpec::Timestamps(value, _) => *value = flow.stamp_said(*value),
                _ => {}
            }
        }
    }
}

fn spec(option: TcpOption<'_>) -> OptionSpec {
    match option {
        TcpOption::End => OptionSpec::End,
        TcpOption::Nop => OptionSpec::Nop,
        TcpOption::Mss(mss) => OptionSpec::Mss(mss),
        TcpOption::WindowScale(shift) => OptionSpec::WindowScale(shift),
        TcpOption::SackPermitted => OptionSpec::SackPermitted,
        TcpOption::Sack(blocks) => {
            OptionSpec::Sack(blocks.as_slice().iter().map(|block| (block.left.0, block.right.0)).collect())
        }
        TcpOption::Timestamps { value, echo } => OptionSpec::Timestamps(value, echo),
        TcpOption::FastOpen { cookie, experimental } => OptionSpec::FastOpen { cookie: cookie.to_vec(), experimental },
        TcpOption::UserTimeout { minutes, value } => OptionSpec::UserTimeout { minutes, value },
        TcpOption::Md5(data) => OptionSpec::Md5(data.to_vec()),
        TcpOption::Ao(data) => OptionSpec::Raw(29, data.to_vec()),
        TcpOption::AccEcn { order_1, counters } => OptionSpec::AccEcn {
            order_1,
            counters: counters.chunks(3).map(|c| c.iter().fold(0, |sum, byte| sum << 8 | u32::from(*byte))).collect(),
        },
        TcpOption::Unknown { kind, data } => OptionSpec::Raw(kind, data.to_vec()),
    }
}

/// The options of a segment of the peer's as bytes, numbers as on the wire.
fn option_bytes(specs: &[OptionSpec], flow: &Flow) -> OptionBytes {
    let mut bytes = OptionBytes::new();
    for option in specs {
        let counters: Vec<u8>;
        let option = match option {
            OptionSpec::Nop => TcpOption::Nop,
            OptionSpec::End => TcpOption::End,
            OptionSpec::Mss(mss) => TcpOption::Mss(*mss),
            OptionSpec::WindowScale(shift) => TcpOption::WindowScale(*shift),
            OptionSpec::SackPermitted => TcpOption::SackPermitted,
            OptionSpec::Sack(edges) => {
                let mut blocks = SackBlocks::default();
                for (left, right) in edges {
                    let wire = |edge: u32| SeqNum(edge.wrapping_add(flow.local_offset));
                    blocks.push(SackBlock { left: wire(*left), right: wire(*right) });
                }
                TcpOption::Sack(blocks)
            }
            OptionSpec::Timestamps(value, echo) => {
                // An echo of 0 on a SYN echoes nothing.
                TcpOption::Timestamps { value: *value, echo: if *echo == 0 { 0 } else { flow.stamp_meant(*echo) } }
            }
            OptionSpec::FastOpen { cookie, experimental } => {
                TcpOption::FastOpen { cookie, experimental: *experimental }
            }
            OptionSpec::UserTimeout { minutes, value } => TcpOption::UserTimeout { minutes: *minutes, value: *value },
            OptionSpec::Md5(data) => TcpOption::Md5(data),
            OptionSpec::AccEcn { order_1, counters: values } => {
                counters = values.iter().flat_map(|value| value.to_be_bytes().into_iter().skip(1)).collect();
                TcpOption::AccEcn { order_1: *order_1, counters: &counters }
            }
            OptionSpec::Raw(kind, data) => TcpOption::Unknown { kind: *kind, data },
        };
        // That they fit was checked when the script was read.
        let _ = bytes.push(option);
    }
    bytes
}

/// A segment of the peer's as an IP packet.
pub fn segment(flow: &Flow, ip: &IpSpec, ports: Option<(u16, u16)>, tcp: &TcpSpec) -> Vec<u8> {
    let (mut src, mut dst) = (flow.remote, flow.local);
    if let Some((from, to)) = ports {
        src.set_port(from);
        dst.set_port(to);
    }
    let header = TcpHeader {
        src_port: src.port(),
        dst_port: dst.port(),
        seq: SeqNum(tcp.seq.wrapping_add(flow.remote_offset)),
        ack: SeqNum(tcp.ack.map_or(0, |ack| ack.wrapping_add(flow.local_offset))),
        flags: tcp.flags,
        window: tcp.window.unwrap_or(0),
        urgent: tcp.urgent,
    };
    let options = option_bytes(tcp.options.as_deref().unwrap_or_default(), flow);
    let mut body = Vec::with_capacity(TCP_HEADER + options.as_slice().len() + usize::from(tcp.len));
    header.write(options.as_slice(), &mut body);
    if let Some(offset) = body.get_mut(12).filter(|_| tcp.ae) {
        *offset |= 1;
    }
    // The first byte after the SYN is byte 0 of the stream.
    let first = u64::from(tcp.seq.wrapping_add(u32::from(tcp.flags.syn())).wrapping_sub(flow.first_byte()));
    body.extend((first..first + u64::from(tcp.len)).map(pattern));
    let mut sum = checksum::pseudo_header(src.ip(), dst.ip(), Protocol::TCP.0, body.len());
    sum.add(&body);
    TcpHeader::store_checksum(sum.finish(), 0, &mut body);
    let mut packet = ip_header(src.ip(), dst.ip(), ip, body.len());
    packet.extend_from_slice(&body);
    packet
}

/// An ICMP error about a segment of ours; the error says what is not known.
pub fn icmp_error(flow: &Flow, ip: &IpSpec, spec: &IcmpSpec) -> Result<Vec<u8>, String> {
    let v4 = flow.local.is_ipv4();
    let (kind, code) = icmp_numbers(spec, v4)?;
    let word = spec.mtu.unwrap_or(0);
    let word = if v4 { word & 0xffff } else { word };
    let (seq, len) = spec.quoted;
    let header = TcpHeader {
        src_port: flow.local.port(),
        dst_port: flow.remote.port(),
        seq: SeqNum(seq.wrapping_add(flow.local_offset)),
        ..TcpHeader::default()
    };
    let mut quote = ip_header(flow.local.ip(), flow.remote.ip(), &IpSpec::default(), TCP_HEADER + usize::from(len));
    let mut tcp = Vec::new();
    header.write(&[], &mut tcp);
    // What every router quotes: the IP header and 8 bytes (RFC 792).
    quote.extend(tcp.into_iter().take(8));
    let mut packet = icmp::message((kind, code), word, flow.remote.ip(), flow.local.ip(), &quote);
    stamp(&mut packet, ip);
    Ok(packet)
}

/// Type and code by their names.
fn icmp_numbers(spec: &IcmpSpec, v4: bool) -> Result<(u8, u8), String> {
    const V4: [(&str, &str, u8, u8); 22] = [
        ("unreachable", "net_unreachable", 3, 0),
        ("unreachable", "host_unreachable", 3, 1),
        ("unreachable", "protocol_unreachable", 3, 2),
        ("unreachable", "port_unreachable", 3, 3),
        ("unreachable", "frag_needed", 3, 4),
        ("unreachable", "source_route_failed", 3, 5),
        ("unreachable", "net_unknown", 3, 6),
        ("unreachable", "host_unknown", 3, 7),
        ("unreachable", "source_host_isolated", 3, 8),
        ("unreachable", "net_prohibited", 3, 9),
        ("unreachable", "host_prohibited", 3, 10),
        ("unreachable", "net_unreachable_for_tos", 3, 11),
        ("unreachable", "host_unreachable_for_tos", 3, 12),
        ("unreachable", "packet_filtered", 3, 13),
        ("unreachable", "precedence_violation", 3, 14),
        ("unreachable", "precedence_cutoff", 3, 15),
        ("source_quench", "", 4, 0),
        ("redirect", "", 5, 1),
        ("time_exceeded", "", 11, 0),
        ("time_exceeded", "reassembly", 11, 1),
        ("parameter_problem", "", 12, 0),
        ("echo_request", "", 8, 0),
    ];
    const V6: [(&str, &str, u8, u8); 12] = [
        ("unreachable", "net_unreachable", 1, 0),
        ("unreachable", "no_route", 1, 0),
        ("unreachable", "admin_prohibited", 1, 1),
        ("unreachable", "not_neighbour", 1, 2),
        ("unreachable", "address_unreachable", 1, 3),
        ("unreachable", "port_unreachable", 1, 4),
        ("packet_too_big", "", 2, 0),
        ("time_exceeded", "exceeded_hop_limit", 3, 0),
        ("time_exceeded", "exceeded_frag_time", 3, 1),
        ("parameter_problem", "header_field", 4, 0),
        ("parameter_problem", "unknown_next_header", 4, 1),
        ("parameter_problem", "unknown_option", 4, 2),
    ];
    let table: &[(&str, &str, u8, u8)] = if v4 { &V4 } else { &V6 };
    let code = spec.code.as_deref().unwrap_or_default();
    let found = table.iter().find(|(kind, name, ..)| *kind == spec.kind && (code.is_empty() || *name == code));
    found.map(|(_, _, kind, code)| (*kind, *code)).ok_or_else(|| {
        let version = if v4 { "ICMPv4" } else { "ICMPv6" };
        let mut of_kind = table.iter().filter(|(kind, ..)| *kind == spec.kind).map(|(_, code, ..)| *code).peekable();
        if of_kind.peek().is_some() {
            let named: Vec<&str> = of_kind.filter(|code| !code.is_empty()).collect();
            let known = match named.as_slice() {
                [] => format!("write {} alone", spec.kind),
                [only] => format!("{only} is known"),
                _ => format!("{} are known", named.join(", ")),
            };
            return format!("{version} {} has no code {code}; {known}", spec.kind);
        }
        let mut kinds: Vec<&str> = table.iter().map(|(kind, ..)| *kind).collect();
        kinds.dedup();
        format!("{version} has no {}; {} are known", spec.kind, kinds.join(", "))
    })
}

fn ip_header(src: IpAddr, dst: IpAddr, ip: &IpSpec, len: usize) -> Vec<u8> {
    let ttl = ip.ttl.unwrap_or(64);
    let header = IpHeader { src, dst, protocol: Protocol::TCP, ttl, dscp: 0, ecn: Ecn::NotEct, id: 1 };
    let mut packet = Vec::with_capacity(header.len() + len);
    header.write(len, &mut packet);
    stamp(&mut packet, ip);
    packet
}

/// Writes the fields that the script says into an IP header.
fn stamp(packet: &mut [u8], ip: &IpSpec) {
    let bits = match ip.ecn {
        Some(EcnSpec::Bits(bits)) => bits,
        _ => 0,
    };
    let tos = ip.tos.unwrap_or(bits);
    let v4 = packet.first().is_some_and(|first| first >> 4 == 4);
    if v4 && let Some(header) = packet.get_mut(..IPV4_HEADER) {
        if let [_, second, .., a, b, _, _, _, _, _, _, _, _] = header {
            *second = tos;
            (*a, *b) = (0, 0);
        }
        if let Some(ttl) = ip.ttl
            && let Some(space) = header.get_mut(8)
        {
            *space = ttl;
        }
        let sum = checksum::of(header).to_be_bytes();
        if let Some(space) = header.get_mut(10..12) {
            space.copy_from_slice(&sum);
        }
    } else if let Some([first, second, third, fourth, ..]) = packet.get_mut(..IPV6_HEADER) {
        let [_, high, middle, low] = ip.flow_label.unwrap_or(0).to_be_bytes();
        *first = 0x60 | tos >> 4;
        *second = tos << 4 | high & 0xf;
        *third = middle;
        *fourth = low;
    }
}
