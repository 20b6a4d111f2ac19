//! BPF's primitives, as tcpdump takes them: qualifiers and a value.

use std::ops::Range;

use super::Node;
use super::compare::number_in;
use super::error::FilterError;
use super::field::{Address, End, Number, Unit};
use super::parse::Parser;
use super::test::{Ranges, Test};
use super::token::Token;
use super::value;

/// Words that only BPF has, for suggestions.
pub const WORDS: [&str; 5] = ["host", "net", "portrange", "less", "greater"];

/// Protocols that BPF knows and that are not looked at here.
const FOREIGN: &[&str] = &[
    "udp",
    "icmp",
    "icmp6",
    "icmpv6",
    "arp",
    "rarp",
    "sctp",
    "igmp",
    "ether",
    "eth",
    "vlan",
    "mpls",
    "broadcast",
    "multicast",
    "gateway",
    "proto",
    "wlan",
];

/// What stands before the value of a primitive, and is taken over by a bare value after it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Qualifier {
    version: Option<u8>,
    end: End,
    /// `src and dst`: both ends.
    both: bool,
    kind: Option<Kind>,
}

/// What the value is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Kind {
    Host,
    Net,
    Port,
    PortRange,
}

fn kind(word: &str) -> Option<Kind> {
    Some(match word {
        "host" => Kind::Host,
        "net" => Kind::Net,
        "port" => Kind::Port,
        "portrange" => Kind::PortRange,
        _ => return None,
    })
}

fn end(word: &str) -> Option<End> {
    Some(match word {
        "src" => End::Src,
        "dst" => End::Dst,
        _ => return None,
    })
}

/// Reads a primitive that starts with a word already taken; none when the word is not BPF's here.
pub fn primitive(parser: &mut Parser<'_>, word: &str, at: Range<usize>) -> Result<Option<Node>, FilterError> {
    let mut qualifier = Qualifier { version: None, end: End::Either, both: false, kind: None };
    match word {
        "less" | "greater" => length(parser, word).map(Some),
        "tcp" | "ip" | "ip6" | "ipv6" => {
            if *parser.peek() == Token::OpenBracket {
                return bytes(parser, word, at).map(Some);
            }
            let Token::Word(next) = *parser.peek() else { return Ok(None) };
            if kind(next).is_none() && end(next).is_none() {
                return Ok(None);
            }
            parser.skip();
            qualifier.version = match word {
                "tcp" => None,
                "ip" => Some(4),
                _ => Some(6),
            };
            rest(parser, next, qualifier).map(Some)
        }
        _ if FOREIGN.contains(&word) && !parser.is_operator() => {
            Err(parser.error(at, format!("`{word}` says nothing here"), "only TCP over IPv4 and IPv6 is looked at"))
        }
        "host" | "net" | "portrange" if parser.is_operator() => Err(parser.error_here(
            format!("`{word}` takes its value without a comparison"),
            "for example: host 10.0.0.1, or addr == 10.0.0.1",
        )),
        _ if (kind(word).is_some() || end(word).is_some()) && !parser.is_operator() => {
            rest(parser, word, qualifier).map(Some)
        }
        _ => Ok(None),
    }
}

/// A value without a qualifier: it takes over the one before, and an address alone is a host.
pub fn bare_value(parser: &mut Parser<'_>, word: &str, at: Range<usize>) -> Result<Option<Node>, FilterError> {
    let address = value::addresses(word).is_ok();
    let number = word.starts_with(|c: char| c.is_ascii_digit()) && !address;
    let carried = parser.carried.filter(|carried| match carried.kind {
        None | Some(Kind::Host | Kind::Net) => address,
        Some(Kind::Port) => number || value::number(Unit::Port, word).is_ok(),
        Some(Kind::PortRange) => number,
    });
    match carried {
        Some(qualifier) => value_of(parser, qualifier, word, at).map(Some),
        None if address && !number => {
            let host = Qualifier { version: None, end: End::Either, both: false, kind: None };
            value_of(parser, host, word, at).map(Some)
        }
        None => Ok(None),
    }
}

/// Direction, kind and value of a primitive, from its first word that is one of these.
fn rest(parser: &mut Parser<'_>, word: &str, mut qualifier: Qualifier) -> Result<Node, FilterError> {
    let mut word = word;
    if let Some(first) = end(word) {
        qualifier.end = first;
        // `src or dst port 80`
        if let (sign @ (Token::Or | Token::And), Token::Word(second)) = (parser.peek(), parser.ahead(1))
            && end(second).is_some_and(|second| second != first)
        {
            qualifier.both = *sign == Token::And;
            qualifier.end = End::Either;
            parser.skip();
            parser.skip();
        }
        let at = parser.place();
        let Some(next) = parser.word() else {
            return Err(parser.error(
                at,
                "an address or a port is missing here",
                "for example: src 10.0.0.1, src port 80",
            ));
        };
        if kind(next).is_none() {
            return value_of(parser, qualifier, next, at);
        }
        word = next;
    }
    qualifier.kind = kind(word);
    let at = parser.place();
    match parser.word() {
        Some(value) => value_of(parser, qualifier, value, at),
        None => Err(parser.error(at, format!("a value is missing after `{word}`"), "")),
    }
}

fn value_of(parser: &mut Parser<'_>, qualifier: Qualifier, word: &str, at: Range<usize>) -> Result<Node, FilterError> {
    parser.primitives += 1;
    parser.carried = Some(qualifier);
    let ports = || match qualifier.end {
        End::Src => Number::SrcPort,
        End::Dst => Number::DstPort,
        End::Either => Number::Port,
    };
    let port = |first, last| {
        let ranges = Ranges { list: vec![(first, last)], outside: false, every: qualifier.both };
        let node = Node::Test(Test::Number { field: ports(), mask: u64::MAX, ranges });
        match qualifier.version.map(u64::from) {
            Some(version) => Node::All(vec![number_in(Number::Version, version, version), node]),
            None => node,
        }
    };
    match qualifier.kind {
        Some(Kind::Port) => {
            let read = value::number(Unit::Port, word).map_err(|(message, help)| match word.contains('-') {
                true if word.starts_with(|c: char| c.is_ascii_digit()) => (message, format!("portrange {word}")),
                _ => (message, help),
            });
            parser.placed(at, read).map(|number| port(number, number))
        }
        Some(Kind::PortRange) => {
            let (first, last) = word.split_once('-').unwrap_or((word, word));
            let first = parser.placed(at.clone(), value::number(Unit::Port, first))?;
            let last = parser.placed(at.clone(), value::number(Unit::Port, last))?;
            if first > last {
                return Err(parser.error(at, "the range ends before it starts", format!("portrange {last}-{first}")));
            }
            Ok(port(first, last))
        }
        None | Some(Kind::Host | Kind::Net) => {
            // `net 10` is a network of class A, as the first octet alone has always been written.
            let digits = word.bytes().all(|byte| byte.is_ascii_digit());
            let short = (qualifier.kind == Some(Kind::Net) && digits).then(|| format!("{word}/8"));
            let address = short.as_deref().unwrap_or(word);
            let mut range = parser.placed(
                at.clone(),
                value::addresses(address).map_err(|(message, help)| {
                    (
                        message,
                        if qualifier.kind.is_none() && digits { format!("for a port: port {word}") } else { help },
                    )
                }),
            )?;
            if qualifier.kind == Some(Kind::Net) && *parser.peek() == Token::Word("mask") {
                range = netmask(parser, word)?;
            }
            let version = if range.0.is_ipv4() { 4 } else { 6 };
            if qualifier.version.is_some_and(|wanted| wanted != version) {
                return Err(parser.error(
                    at,
                    format!("this is an IPv{version} address"),
                    "the word before says otherwise",
                ));
            }
            let field = Address { end: qualifier.end, version: Some(version) };
            let ranges = Ranges { list: vec![range], outside: false, every: qualifier.both };
            Ok(Node::Test(Test::Address { field, ranges }))
        }
    }
}

/// `net 10.0.0.0 mask 255.0.0.0`
fn netmask(parser: &mut Parser<'_>, net: &str) -> Result<(std::net::IpAddr, std::net::IpAddr), FilterError> {
    parser.skip();
    let at = parser.place();
    let mask = parser.word().and_then(|word| word.parse::<std::net::Ipv4Addr>().ok()).map(|mask| mask.to_bits());
    match mask.filter(|mask| mask.leading_ones() + mask.trailing_zeros() >= 32) {
        Some(mask) => parser.placed(at, value::addresses(&format!("{net}/{}", mask.leading_ones()))),
        None => Err(parser.error(
            at,
            "this is no network mask",
            "for example: net 10.0.0.0 mask 255.0.0.0, or net 10.0.0.0/8",
        )),
    }
}

/// `less 100` and `greater 1000`: the frame's length, which may be equal.
fn length(parser: &mut Parser<'_>, word: &str) -> Result<Node, FilterError> {
    let at = parser.place();
    let Some(value) = parser.word() else {
        return Err(parser.error(
            at,
            format!("a number is missing after `{word}`"),
            "for payload bytes write len < 100",
        ));
    };
    let number = parser.placed(at, value::whole(value, u64::from(u32::MAX)))?;
    parser.primitives += 1;
    parser.carried = None;
    let (first, last) = if word == "less" { (0, number) } else { (number, u64::MAX) };
    Ok(number_in(Number::FrameLen, first, last))
}

/// `tcp[13]`, `tcp[14:2]`, `tcp[tcpflags]`, and what they are compared with.
fn bytes(parser: &mut Parser<'_>, word: &str, at: Range<usize>) -> Result<Node, FilterError> {
    parser.skip();
    let place = parser.place();
    let index = parser.word().unwrap_or_default();
    let (offset, size) = index.split_once(':').unwrap_or((index, "1"));
    let offset = match offset {
        "tcpflags" => Ok(13),
        _ => value::whole(offset, 0xffff),
    };
    let (Ok(offset), Ok(size @ (1 | 2 | 4)), true) = (offset, value::whole(size, 4), parser.take(&Token::CloseBracket))
    else {
        let help = "for example tcp[13], tcp[14:2]; for the payload: tcp.payload[0:4] == 47:45:54:20";
        return Err(parser.error(place, "an offset and a size of 1, 2 or 4 are wanted here", help));
    };
    let field = match (word, offset, size) {
        ("tcp", 13, 1) => Number::Flags,
        ("tcp", 16..18, _) | ("tcp", 15, 2 | 4) | ("tcp", 13..15, 4) => {
            return Err(parser.error(place, "the checksum field is not kept", "write tcp.checksum.status == bad"));
        }
        ("tcp", offset, size) => Number::Raw { offset: offset as u16, size: size as u8 },
        ("ip", 8, 1) => Number::Ttl4,
        ("ip6" | "ipv6", 7, 1) => Number::Ttl6,
        _ => {
            let help = "write ip.ttl, ip.id, ip.flags.df, ip.dsfield.ecn, ip.src, ip.dst";
            return Err(parser.error(place, "the bytes of the IP header are not kept", help));
        }
    };
    parser.primitives += 1;
    parser.carried = None;
    parser.number(field, "", at)
}
