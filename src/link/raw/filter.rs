//! What the kernel is asked to pass to us: TCP to our ports and ICMP errors, and for the watch, of what leaves this
//! host, resets from our ports and ICMP errors.
//!
//! One program for every kind of device, since they count from the network header. A packet that it passes may still be
//! for another address, and is then left alone.

use crate::link::sys::bpf::{self, Instruction};
use crate::link::sys::receive::Family;

const TAKE: Instruction = bpf::op(bpf::RETURN, u32::MAX);
const DROP: Instruction = bpf::op(bpf::RETURN, 0);

const TCP: u32 = 6;
const ICMP: u32 = 1;
const ICMPV6: u32 = 58;
/// Hop-by-hop options, routing, fragment, authentication, destination options: TCP may follow.
const EXTENSIONS: [u32; 5] = [0, 43, 44, 51, 60];
/// Destination unreachable, time exceeded, parameter problem.
const ICMP_ERRORS: [u32; 3] = [3, 11, 12];
/// The RST bit, and which byte of a TCP header has it.
const RST: (u32, u32) = (4, 13);
/// ICMPv6 errors are those below 128 (RFC 4443 section 2.1).
const ICMPV6_INFORMATION: u32 = 128;

#[derive(Clone, Copy, PartialEq, Eq)]
enum Direction {
    In,
    Out,
}

/// Passes packets of `family` that are for `ports`, and ICMP errors.
pub fn incoming(family: Family, ports: &[u16]) -> Vec<Instruction> {
    match family {
        Family::V4 => v4(ports, Direction::In),
        Family::V6 => v6(ports, Direction::In),
    }
}

/// Passes resets from `ports` and ICMP errors, of both families, that leave this host.
pub fn leaving(ports: &[u16]) -> Vec<Instruction> {
    let (v4, v6) = (v4(ports, Direction::Out), v6(ports, Direction::Out));
    let program = [
        bpf::op(bpf::LOAD_BYTE, bpf::PACKET_TYPE),
        bpf::jump(bpf::EQUALS, u32::from(libc::PACKET_OUTGOING), 1, 0),
        DROP,
        bpf::op(bpf::LOAD_HALF, bpf::PROTOCOL),
        bpf::jump(bpf::EQUALS, libc::ETH_P_IP as u32, 2, 0),
        bpf::jump(bpf::EQUALS, libc::ETH_P_IPV6 as u32, 1 + v4.len() as u8, 0),
        DROP,
    ];
    program.into_iter().chain(v4).chain(v6).collect()
}

fn v4(ports: &[u16], direction: Direction) -> Vec<Instruction> {
    let icmp: Vec<_> = index_v4_payload()
        .into_iter()
        .chain([bpf::op(bpf::LOAD_BYTE_INDEXED, bpf::NET)])
        .chain(one_of(&ICMP_ERRORS))
        .collect();
    let tcp: Vec<_> = index_v4_payload()
        .into_iter()
        .chain(tcp(ports, direction, [bpf::LOAD_BYTE_INDEXED, bpf::LOAD_HALF_INDEXED], bpf::NET))
        .collect();
    let program = [
        bpf::op(bpf::LOAD_BYTE, bpf::NET.wrapping_add(9)),
        bpf::jump(bpf::EQUALS, ICMP, 1, 0),
        bpf::jump(bpf::EQUALS, TCP, icmp.len() as u8, icmp.len() as u8 - 1),
    ];
    // Fragments other than the first have no ports.
    let first =
        [bpf::op(bpf::LOAD_HALF, bpf::NET.wrapping_add(6)), bpf::jump(bpf::HAS_BITS, 0x1fff, tcp.len() as u8 - 1, 0)];
    program.into_iter().chain(icmp).chain(first).chain(tcp).collect()
}

/// X = length of the IPv4 header.
fn index_v4_payload() -> [Instruction; 4] {
    [bpf::op(bpf::LOAD_BYTE, bpf::NET), bpf::op(bpf::AND, 15), bpf::op(bpf::SHIFT_LEFT, 2), bpf::op(bpf::TO_INDEX, 0)]
}

fn v6(ports: &[u16], direction: Direction) -> Vec<Instruction> {
    let payload = bpf::NET.wrapping_add(40);
    let tcp = tcp(ports, direction, [bpf::LOAD_BYTE, bpf::LOAD_HALF], payload);
    let icmp = [bpf::op(bpf::LOAD_BYTE, payload), bpf::jump(bpf::AT_LEAST, ICMPV6_INFORMATION, 1, 0), TAKE, DROP];
    let extensions = one_of(&EXTENSIONS);
    let program = [
        bpf::op(bpf::LOAD_BYTE, bpf::NET.wrapping_add(6)),
        bpf::jump(bpf::EQUALS, TCP, (1 + extensions.len() + icmp.len()) as u8, 0),
        bpf::jump(bpf::EQUALS, ICMPV6, extensions.len() as u8, 0),
    ];
    program.into_iter().chain(extensions).chain(icmp).chain(tcp).collect()
}

/// Decides about a TCP segment at `start`, read by these loads of a byte and of 16 bits: to our ports, or, of what
/// leaves, resets from them.
fn tcp(ports: &[u16], direction: Direction, [byte, half]: [u16; 2], start: u32) -> Vec<Instruction> {
    let mut program = match direction {
        Direction::In => vec![bpf::op(half, start.wrapping_add(2))],
        Direction::Out => vec![
            bpf::op(byte, start.wrapping_add(RST.1)),
            bpf::op(bpf::AND, RST.0),
            // Without the bit, what is compared with the ports is 0, which is none.
            bpf::jump(bpf::EQUALS, 0, 1, 0),
            bpf::op(half, start),
        ],
    };
    program.extend(one_of(&ports.iter().map(|port| u32::from(*port)).collect::<Vec<_>>()));
    program
}

/// Takes the packet when A is one of `values`; ends with DROP.
fn one_of(values: &[u32]) -> Vec<Instruction> {
    let count = values.len();
    let tests = values.iter().enumerate().map(|(index, value)| {
        // Each jumps to TAKE when it holds; when the last one does not, over it to DROP.
        bpf::jump(bpf::EQUALS, *value, (count - index - 1) as u8, u8::from(index + 1 == count))
    });
    tests.chain([TAKE, DROP]).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::wire::ip::{IpHeader, Protocol};

    fn passes(program: &[Instruction], packet: &[u8]) -> bool {
        run(program, libc::PACKET_HOST, packet)
    }

    /// Runs a program over an IP packet, as the kernel would.
    fn run(program: &[Instruction], packet_type: u8, packet: &[u8]) -> bool {
        let (mut a, mut x, mut at) = (0u32, 0u32, 0usize);
        let load = |offset: u32, len: usize| -> Option<u32> {
            match offset {
                bpf::PACKET_TYPE => return Some(u32::from(packet_type)),
                bpf::PROTOCOL if packet[0] >> 4 == 4 => return Some(libc::ETH_P_IP as u32),
                bpf::PROTOCOL => return Some(libc::ETH_P_IPV6 as u32),
                _ => {}
            }
            let start = offset.wrapping_sub(bpf::NET) as usize;
            let bytes = packet.get(start..start + len)?;
            Some(bytes.iter().fold(0, |value, byte| value << 8 | u32::from(*byte)))
        };
        loop {
            let Instruction { code, jt, jf, k } = program[at];
            at += 1;
            let mut jump = |condition: bool| at += usize::from(if condition { jt } else { jf });
            let loaded = match code {
                bpf::LOAD_BYTE => load(k, 1),
                bpf::LOAD_HALF => load(k, 2),
                bpf::LOAD_BYTE_INDEXED => load(k.wrapping_add(x), 1),
                bpf::LOAD_HALF_INDEXED => load(k.wrapping_add(x), 2),
                _ => Some(a),
            };
            // A load beyond the packet drops it.
            let Some(loaded) = loaded else { return false };
            a = loaded;
            match code {
                bpf::AND => a &= k,
                bpf::SHIFT_LEFT => a <<= k,
                bpf::TO_INDEX => x = a,
                bpf::EQUALS => jump(a == k),
                bpf::AT_LEAST => jump(a >= k),
                bpf::HAS_BITS => jump(a & k != 0),
                bpf::RETURN => return k > 0,
                _ => {}
            }
        }
    }

    fn packet(v6: bool, protocol: Protocol, payload: &[u8]) -> Vec<u8> {
        let (src, dst) = match v6 {
            false => ([192, 0, 2, 1].into(), [192, 0, 2, 2].into()),
            true => ("2001:db8::1".parse().unwrap(), "2001:db8::2".parse().unwrap()),
        };
        let header = IpHeader { src, dst, protocol, ttl: 64, dscp: 0, ecn: Default::default(), id: 1 };
        let mut bytes = Vec::new();
        header.write(payload.len(), &mut bytes);
        bytes.extend_from_slice(payload);
        bytes
    }

    fn to_port(port: u16) -> [u8; 20] {
        let mut segment = [0; 20];
        segment[2..4].copy_from_slice(&port.to_be_bytes());
        segment
    }

    #[test]
    fn tcp_to_our_ports_and_icmp_errors_pass_and_nothing_else() {
        for (family, v6) in [(Family::V4, false), (Family::V6, true)] {
            let program = incoming(family, &[80, 8080]);
            let passes = |protocol, payload: &[u8]| passes(&program, &packet(v6, protocol, payload));
            assert!(passes(Protocol::TCP, &to_port(80)) && passes(Protocol::TCP, &to_port(8080)), "{family:?}");
            assert!(!passes(Protocol::TCP, &to_port(81)), "{family:?}");
            assert!(!passes(Protocol(17), &to_port(80)), "UDP, {family:?}");
            assert!(!passes(Protocol::TCP, &[0, 1, 0]), "cut short, {family:?}");
        }
        let v4 = incoming(Family::V4, &[80]);
        for (kind, expected) in [(3, true), (11, true), (12, true), (0, false), (8, false), (5, false)] {
            assert_eq!(passes(&v4, &packet(false, Protocol::ICMP, &[kind, 0, 0, 0])), expected, "type {kind}");
        }
        let v6 = incoming(Family::V6, &[80]);
        for (kind, expected) in [(1, true), (2, true), (4, true), (128, false), (135, false)] {
            assert_eq!(passes(&v6, &packet(true, Protocol::ICMPV6, &[kind, 0, 0, 0])), expected, "type {kind}");
        }
    }

    #[test]
    fn of_what_leaves_only_resets_from_our_ports_and_icmp_errors_pass() {
        for (family, v6) in [(Family::V4, false), (Family::V6, true)] {
            let program = leaving(&[80, 8080]);
            let passes = |port: u16, flags: u8| {
                let mut segment = [0; 20];
                segment[..2].copy_from_slice(&port.to_be_bytes());
                segment[13] = flags;
                run(&program, libc::PACKET_OUTGOING, &packet(v6, Protocol::TCP, &segment))
            };
            assert!(passes(8080, 0x04) && passes(80, 0x14), "{family:?}");
            assert!(!passes(80, 0x12), "no RST, {family:?}");
            assert!(!passes(81, 0x04), "another's port, {family:?}");
            let error = if v6 { (Protocol::ICMPV6, 1) } else { (Protocol::ICMP, 3) };
            assert!(run(&program, libc::PACKET_OUTGOING, &packet(v6, error.0, &[error.1, 0])), "{family:?}");
            assert!(!run(&program, libc::PACKET_HOST, &packet(v6, error.0, &[error.1, 0])), "coming, {family:?}");
        }
    }

    #[test]
    fn ipv4_options_are_skipped_and_later_fragments_dropped() {
        let program = incoming(Family::V4, &[80]);
        let mut with_options = packet(false, Protocol::TCP, &[&[1; 4][..], &to_port(80)].concat());
        with_options[0] = 0x46;
        assert!(passes(&program, &with_options));
        let mut later = packet(false, Protocol::TCP, &to_port(80));
        later[6..8].copy_from_slice(&[0x20, 0x05]);
        assert!(!passes(&program, &later));
        later[6..8].copy_from_slice(&[0x20, 0x00]);
        assert!(passes(&program, &later), "the first fragment has the ports");
    }

    #[test]
    fn ipv6_with_extension_headers_is_for_us_to_read() {
        let program = incoming(Family::V6, &[80]);
        for (number, expected) in [(0, true), (43, true), (44, true), (60, true), (51, true), (59, false)] {
            assert_eq!(passes(&program, &packet(true, Protocol(number), &[6, 0, 0, 0])), expected, "header {number}");
        }
    }
}
