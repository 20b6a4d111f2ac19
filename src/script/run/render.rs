//! Packets in the notation.

use std::fmt::Write;

use crate::script::syntax::tree::{Body, EcnSpec, IpSpec, OptionSpec, PacketSpec, TcpSpec};
use crate::wire::Flags;

/// A packet as a script would write it, without time and direction.
pub fn packet(spec: &PacketSpec) -> String {
    let mut text = ip(&spec.ip);
    if let Some((src, dst)) = spec.ports {
        let _ = write!(text, "{src} > {dst} ");
    }
    match &spec.body {
        Body::Tcp(tcp) => text.push_str(&segment(tcp)),
        Body::Icmp(icmp) => {
            let _ = write!(text, "icmp {}", icmp.kind);
            if let Some(code) = &icmp.code {
                let _ = write!(text, " {code}");
            }
            if let Some(mtu) = icmp.mtu {
                let _ = write!(text, " mtu {mtu}");
            }
            let (seq, len) = icmp.quoted;
            let _ = write!(text, " [{seq}:{}({len})]", seq.wrapping_add(u32::from(len)));
        }
    }
    text
}

/// The fields of the IP header that are said.
fn ip(ip: &IpSpec) -> String {
    let mut parts = Vec::new();
    match ip.ecn {
        Some(EcnSpec::Bits(bits)) => {
            parts.push(["noecn", "ect1", "ect0", "ce"].get(usize::from(bits & 3)).unwrap_or(&"noecn").to_string());
        }
        Some(EcnSpec::AnyEct) => parts.push("ect01".into()),
        None => {}
    }
    if let Some(tos) = ip.tos {
        parts.push(format!("tos {tos:#04x}"));
    }
    if let Some(ttl) = ip.ttl {
        parts.push(format!("ttl {ttl}"));
    }
    if let Some(label) = ip.flow_label {
        parts.push(format!("flowlabel {label:#x}"));
    }
    if parts.is_empty() { String::new() } else { format!("[{}] ", parts.join(", ")) }
}

/// Flags as a script writes them.
pub fn flags(tcp: &TcpSpec) -> String {
    let mut text: String =
        [(Flags::FIN, 'F'), (Flags::SYN, 'S'), (Flags::RST, 'R'), (Flags::PSH, 'P'), (Flags::URG, 'U')]
            .into_iter()
            .filter(|(flag, _)| tcp.flags.contains(*flag))
            .map(|(_, letter)| letter)
            .collect();
    if tcp.ace {
        let bit = |flag: bool, value: u8| if flag { value } else { 0 };
        let ace = bit(tcp.flags.contains(Flags::ECE), 1) | bit(tcp.flags.contains(Flags::CWR), 2) | bit(tcp.ae, 4);
        let _ = write!(text, ".{ace}");
        return text;
    }
    for (set, letter) in [(tcp.flags.contains(Flags::ECE), 'E'), (tcp.flags.contains(Flags::CWR), 'W'), (tcp.ae, 'A')] {
        if set {
            text.push(letter);
        }
    }
    if tcp.flags.ack() {
        text.push('.');
    }
    if text.is_empty() { "-".into() } else { text }
}

/// A segment as a script writes it.
pub fn segment(tcp: &TcpSpec) -> String {
    let mut text = format!("{} {}:{}({})", flags(tcp), tcp.seq, tcp.seq.wrapping_add(u32::from(tcp.len)), tcp.len);
    if let Some(ack) = tcp.ack {
        let _ = write!(text, " ack {ack}");
    }
    if let Some(window) = tcp.window {
        let _ = write!(text, " win {window}");
    }
    if tcp.urgent > 0 {
        let _ = write!(text, " urg {}", tcp.urgent);
    }
    match tcp.options.as_deref() {
        None => text.push_str(" <...>"),
        Some([]) => {}
        Some(options) => {
            let _ = write!(text, " <{}>", list(options));
        }
    }
    text
}

/// Options as a script writes them, without the brackets.
pub fn list(options: &[OptionSpec]) -> String {
    options.iter().map(option).collect::<Vec<_>>().join(",")
}

fn option(option: &OptionSpec) -> String {
    match option {
        OptionSpec::Nop => "nop".into(),
        OptionSpec::End => "eol".into(),
        OptionSpec::Mss(mss) => format!("mss {mss}"),
        OptionSpec::WindowScale(shift) => format!("wscale {shift}"),
        OptionSpec::SackPermitted => "sackOK".into(),
        OptionSpec::Sack(blocks) => {
            let blocks: Vec<String> = blocks.iter().map(|(left, right)| format!("{left}:{right}")).collect();
            format!("sack {}", blocks.join(" "))
        }
        OptionSpec::Timestamps(value, echo) => format!("TS val {value} ecr {echo}"),
        OptionSpec::FastOpen { cookie, experimental } => {
            let name = if *experimental { "FOEXP" } else { "FO" };
            format!("{name} {}", hex::encode(cookie)).trim_end().to_owned()
        }
        OptionSpec::Md5(digest) => format!("md5 {}", hex::encode(digest)),
        OptionSpec::AccEcn { order_1, counters } => {
            let names = if *order_1 { ["e1b", "ceb", "e0b"] } else { ["e0b", "ceb", "e1b"] };
            let fields: Vec<String> =
                names.iter().zip(counters).map(|(name, value)| format!("{name} {value}")).collect();
            format!("ECN {}", fields.join(" ")).trim_end().to_owned()
        }
        OptionSpec::UserTimeout { minutes, value } => format!("uto {value}{}", if *minutes { "m" } else { "" }),
        OptionSpec::Raw(kind, data) => format!("opt {kind} {}", hex::encode(data)).trim_end().to_owned(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::script::syntax::Script;
    use crate::script::syntax::tree::Action;

    #[test]
    fn what_is_written_reads_back_the_same() {
        for text in [
            "S 0:0(0) win 65535 <mss 1460,sackOK,TS val 100 ecr 0,nop,wscale 8>",
            "[ect0] 8080 > 40000 FPW. 1:11(10) ack 7 urg 3 <nop,nop,sack 1:2 5:6>",
            "[ce, ttl 3] SEWA 0:0(0) <...>",
            "P.5 1:2(1) ack 1 <ECN e1b 1 ceb 2,nop,nop>",
            "- 4294967295:4(5) <FO 0a0b0c0d,uto 5m,opt 77 00ff,eol>",
            "icmp unreachable frag_needed mtu 1200 [1:1001(1000)]",
        ] {
            let script = Script::parse("test", &format!("0 > {text}")).unwrap();
            let Action::Expect(spec) = &script.events[0].action else { panic!("{text}") };
            assert_eq!(packet(spec), text);
        }
    }
}
