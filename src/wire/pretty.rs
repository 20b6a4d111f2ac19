//! One line per packet, in tcpdump's words.

use std::fmt::{self, Write as _};

use super::icmp;
use super::ip::{IpPacket, Protocol};
use super::options::{TcpOption, options};
use super::tcp::TcpPacket;

/// Describes an IP packet in one line. `base` gives the initial sequence numbers of source and destination,
/// so that numbers count from there; without it they are printed as they stand.
pub fn line(bytes: &[u8], base: Option<(u32, u32)>) -> String {
    let packet = match IpPacket::parse(bytes) {
        Ok(packet) => packet,
        Err(error) => return format!("not an IP packet: {error}"),
    };
    let version = if packet.dst.is_ipv4() { "IP" } else { "IP6" };
    let (src, dst) = (packet.src, packet.dst);
    if let Some(fragment) = packet.fragment {
        let more = if fragment.more { "+" } else { "" };
        return format!("{version} {src} > {dst}: fragment {}@{}{more}", fragment.id, fragment.offset);
    }
    match packet.protocol {
        Protocol::TCP => match TcpPacket::parse(packet.payload) {
            Ok(tcp) => {
                let (sport, dport) = (tcp.header.src_port, tcp.header.dst_port);
                format!("{version} {src}.{sport} > {dst}.{dport}: {}", Segment { tcp: &tcp, base })
            }
            Err(error) => format!("{version} {src} > {dst}: TCP, {error}"),
        },
        Protocol::ICMP | Protocol::ICMPV6 => match icmp::parse(&packet) {
            Ok(Some(error)) => {
                format!("{version} {src} > {dst}: ICMP {:?} about {} > {}", error.kind, error.src, error.dst)
            }
            Ok(None) => format!("{version} {src} > {dst}: ICMP, length {}", packet.payload.len()),
            Err(error) => format!("{version} {src} > {dst}: ICMP, {error}"),
        },
        Protocol(number) => format!("{version} {src} > {dst}: protocol {number}, length {}", packet.payload.len()),
    }
}

/// A segment as tcpdump prints it, from `Flags` on.
struct Segment<'a> {
    tcp: &'a TcpPacket<'a>,
    base: Option<(u32, u32)>,
}

impl fmt::Display for Segment<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let header = &self.tcp.header;
        let len = self.tcp.payload.len() as u32;
        write!(f, "Flags [{}]", header.flags)?;
        let (seq_base, ack_base) = self.base.unwrap_or((0, 0));
        let seq = header.seq.0.wrapping_sub(seq_base);
        if len > 0 {
            write!(f, ", seq {seq}:{}", seq.wrapping_add(len))?;
        } else if self.tcp.seq_len() > 0 || header.flags.rst() {
            write!(f, ", seq {seq}")?;
        }
        if header.flags.ack() {
            write!(f, ", ack {}", header.ack.0.wrapping_sub(ack_base))?;
        }
        write!(f, ", win {}", header.window)?;
        if !self.tcp.options.is_empty() {
            write!(f, ", options [{}]", option_list(self.tcp.options, ack_base))?;
        }
        write!(f, ", length {len}")
    }
}

/// The options in tcpdump's words; SACK blocks count from `base`.
pub fn option_list(bytes: &[u8], base: u32) -> String {
    let mut out = String::new();
    for option in options(bytes) {
        if !out.is_empty() {
            out.push(',');
        }
        // Writing to a String cannot fail.
        let _ = match option {
            Ok(TcpOption::End) => write!(out, "eol"),
            Ok(TcpOption::Nop) => write!(out, "nop"),
            Ok(TcpOption::Mss(mss)) => write!(out, "mss {mss}"),
            Ok(TcpOption::WindowScale(shift)) => write!(out, "wscale {shift}"),
            Ok(TcpOption::SackPermitted) => write!(out, "sackOK"),
            Ok(TcpOption::Sack(blocks)) => {
                let _ = write!(out, "sack {} ", blocks.as_slice().len());
                blocks.as_slice().iter().try_for_each(|block| {
                    write!(out, "{{{}:{}}}", block.left.0.wrapping_sub(base), block.right.0.wrapping_sub(base))
                })
            }
            Ok(TcpOption::Timestamps { value, echo }) => write!(out, "TS val {value} ecr {echo}"),
            Ok(TcpOption::FastOpen { cookie, experimental }) => {
                let name = if experimental { "exp-tfo" } else { "tfo" };
                write!(out, "{name} {}", if cookie.is_empty() { "cookiereq".into() } else { hex::encode(cookie) })
            }
            Ok(TcpOption::UserTimeout { minutes, value }) => {
                write!(out, "uto {value}{}", if minutes { "m" } else { "s" })
            }
            Ok(TcpOption::Md5(_)) => write!(out, "md5"),
            Ok(TcpOption::Ao(_)) => write!(out, "tcp-ao"),
            Ok(TcpOption::AccEcn { order_1, counters }) => {
                write!(out, "accecn{} {}", u8::from(order_1), hex::encode(counters))
            }
            Ok(TcpOption::Unknown { kind, data }) => write!(out, "unknown-{kind} 0x{}", hex::encode(data)),
            Err(error) => write!(out, "bad: {error}"),
        };
    }
    out
}

#[cfg(test)]
mod tests {
    use super::super::ip::IpHeader;
    use super::super::options::{SackBlock, SackBlocks, TcpOptions};
    use super::super::seq::SeqNum;
    use super::super::tcp::{Flags, TcpHeader};
    use super::*;

    #[test]
    fn a_segment_reads_as_tcpdump_prints_it() {
        let mut sack = SackBlocks::default();
        sack.push(SackBlock { left: SeqNum(1101), right: SeqNum(1201) });
        let options = TcpOptions { timestamps: Some((5, 6)), sack, ..Default::default() }.to_bytes();
        let header = TcpHeader {
            src_port: 80,
            dst_port: 40000,
            seq: SeqNum(501),
            ack: SeqNum(1001),
            flags: Flags::ACK | Flags::PSH,
            window: 512,
            urgent: 0,
        };
        let mut bytes = Vec::new();
        let ip = IpHeader {
            src: [192, 0, 2, 1].into(),
            dst: [192, 0, 2, 2].into(),
            protocol: Protocol::TCP,
            ttl: 64,
            dscp: 0,
            ecn: Default::default(),
            id: 0,
        };
        ip.write(20 + options.as_slice().len() + 3, &mut bytes);
        header.write(options.as_slice(), &mut bytes);
        bytes.extend_from_slice(b"abc");
        assert_eq!(
            line(&bytes, Some((500, 1000))),
            "IP 192.0.2.1.80 > 192.0.2.2.40000: Flags [P.], seq 1:4, ack 1, win 512, \
             options [nop,nop,TS val 5 ecr 6,nop,nop,sack 1 {101:201}], length 3"
        );
    }
}
