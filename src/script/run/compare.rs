//! A packet that left against the line that expects it.

use super::flow::Flow;
use super::packets::Segment;
use super::render;
use crate::script::sockets::pattern;
use crate::script::syntax::tree::{Body, EcnSpec, OptionSpec, PacketSpec, TcpSpec};
use crate::wire::Flags;

/// A field that is not what it should be.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Difference {
    /// `ack`, `mss`, `time`, ...
    pub field: String,
    /// What the script says.
    pub expected: String,
    /// What it is.
    pub got: String,
}

impl Difference {
    /// A field, what the script says of it, and what it is.
    pub fn new(field: impl Into<String>, expected: impl ToString, got: impl ToString) -> Self {
        Difference { field: field.into(), expected: expected.to_string(), got: got.to_string() }
    }
}

/// How timestamps that leave are judged: the clock's period and the tolerance, both in nanoseconds.
pub type StampRule = Option<(u64, u64)>;

/// Every field that differs.
pub fn differences(expected: &PacketSpec, got: &Segment, flow: &Flow, stamps: StampRule) -> Vec<Difference> {
    let mut all = Vec::new();
    let Body::Tcp(tcp) = &expected.body else {
        all.push(Difference::new("protocol", "ICMP", "TCP"));
        return all;
    };
    ip(expected, got, &mut all);
    if let Some((src, dst)) = expected.ports {
        field("source port", src, got.src.port(), &mut all);
        field("destination port", dst, got.dst.port(), &mut all);
    }
    flags(tcp, &got.tcp, &mut all);
    field("seq", tcp.seq, got.tcp.seq, &mut all);
    field("payload length", tcp.len, got.tcp.len, &mut all);
    let number = |ack: Option<u32>| ack.map_or("none".into(), |ack| ack.to_string());
    // A RST without ACK has a field that says nothing.
    if tcp.ack.is_some() || got.tcp.flags.ack() {
        field("ack", number(tcp.ack), number(got.tcp.ack), &mut all);
    }
    if let Some(window) = tcp.window {
        field("win", window, got.tcp.window.unwrap_or(0), &mut all);
    }
    field("urg", tcp.urgent, got.tcp.urgent, &mut all);
    if let Some(expected) = &tcp.options {
        options(expected, got.tcp.options.as_deref().unwrap_or_default(), stamps, &mut all);
    }
    payload(got, flow, &mut all);
    all
}

fn field<T: PartialEq + ToString>(name: &str, expected: T, got: T, all: &mut Vec<Difference>) {
    if expected != got {
        all.push(Difference::new(name, expected, got));
    }
}

fn ip(expected: &PacketSpec, got: &Segment, all: &mut Vec<Difference>) {
    let name = |bits: u8| ["noecn", "ect1", "ect0", "ce"].get(usize::from(bits & 3)).copied().unwrap_or("noecn");
    let Some(EcnSpec::Bits(bits)) = got.ip.ecn else { return };
    match expected.ip.ecn {
        Some(EcnSpec::Bits(wanted)) => field("ecn", name(wanted), name(bits), all),
        Some(EcnSpec::AnyEct) if !matches!(bits, 1 | 2) => all.push(Difference::new("ecn", "ect01", name(bits))),
        _ => {}
    }
    let hex = |value: Option<u8>| value.map_or("none".into(), |value| format!("{value:#04x}"));
    if expected.ip.tos.is_some() {
        field("tos", hex(expected.ip.tos), hex(got.ip.tos), all);
    }
    if expected.ip.ttl.is_some() {
        field("ttl", expected.ip.ttl.unwrap_or(0), got.ip.ttl.unwrap_or(0), all);
    }
    if let Some(label) = expected.ip.flow_label {
        field("flowlabel", format!("{label:#x}"), format!("{:#x}", got.ip.flow_label.unwrap_or(0)), all);
    }
}

fn flags(expected: &TcpSpec, got: &TcpSpec, all: &mut Vec<Difference>) {
    if expected.ace {
        // The three bits as a number, whatever the others are called then.
        let shown = TcpSpec { ace: true, ..got.clone() };
        field("flags", render::flags(expected), render::flags(&shown), all);
    } else {
        field("flags", render::flags(expected), render::flags(got), all);
    }
}

fn options(expected: &[OptionSpec], got: &[OptionSpec], stamps: StampRule, all: &mut Vec<Difference>) {
    let same = |pair: (&OptionSpec, &OptionSpec)| match pair {
        (OptionSpec::Timestamps(said, echo), OptionSpec::Timestamps(value, echoed)) => {
            let apart = u64::from(said.wrapping_sub(*value).min(value.wrapping_sub(*said)));
            echo == echoed && stamps.is_none_or(|(tick, tolerance)| apart.saturating_mul(tick) <= tolerance)
        }
        (one, other) => one == other,
    };
    if expected.len() != got.len() || !expected.iter().zip(got).all(same) {
        let shown = |options: &[OptionSpec]| if options.is_empty() { "none".into() } else { render::list(options) };
        all.push(Difference::new("options", shown(expected), shown(got)));
    }
}

/// The bytes are known: what the application wrote is a pattern.
fn payload(got: &Segment, flow: &Flow, all: &mut Vec<Difference>) {
    let Some(isn) = flow.local_isn else { return };
    if got.tcp.flags.contains(Flags::SYN) {
        return;
    }
    let first = u64::from(got.tcp.seq.wrapping_sub(isn.wrapping_add(1)));
    if let Some((offset, byte)) = (first..).zip(&got.payload).find(|(offset, byte)| pattern(*offset) != **byte) {
        let name = format!("byte {offset} of the stream");
        all.push(Difference::new(name, format!("{:#04x}", pattern(offset)), format!("{byte:#04x}")));
    }
}
