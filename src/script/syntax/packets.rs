//! What stands after `<` and `>`.

use super::ScriptError;
use super::lexer::Token;
use super::parser::Parser;
use super::tree::{Body, EcnSpec, IcmpSpec, IpSpec, OptionSpec, PacketSpec, TcpSpec};
use crate::wire::Flags;

type Result<T> = std::result::Result<T, ScriptError>;

const U32: u64 = u32::MAX as u64;
const U16: u64 = u16::MAX as u64;

impl Parser<'_> {
    /// A packet; `leaves` when it is one that must leave.
    pub fn packet(&mut self, leaves: bool) -> Result<PacketSpec> {
        for (word, what) in [
            ("ipv4", "an outer IP header"),
            ("ipv6", "an outer IP header"),
            ("gre", "GRE"),
            ("GREv0", "GRE"),
            ("mpls", "MPLS"),
            ("encap", "PSP encapsulation"),
        ] {
            if self.take_word(word) {
                return Err(self.error(format!("{what} is not supported: only plain TCP segments and ICMP errors are")));
            }
        }
        let ip = self.ip_info(leaves)?;
        if self.take_word("udp") {
            return Err(self.error("UDP is not supported: only TCP segments and ICMP errors are"));
        }
        if self.take_word("icmp") {
            return Ok(PacketSpec { ip, ports: None, body: Body::Icmp(self.icmp()?) });
        }
        let ports = match (self.peek(), self.peek_at(1)) {
            (Some(Token::Integer(_)), Some(Token::Sign('>'))) => {
                let src = self.number("a port", U16)? as u16;
                self.expect('>')?;
                Some((src, self.number("a port", U16)? as u16))
            }
            _ => None,
        };
        Ok(PacketSpec { ip, ports, body: Body::Tcp(self.tcp(leaves)?) })
    }

    /// `[ect0]`, `(ttl 64)`, `[tos 0x10, flowlabel 0x1]`.
    fn ip_info(&mut self, leaves: bool) -> Result<IpSpec> {
        let mut ip = IpSpec::default();
        let close = match self.peek() {
            Some(Token::Sign('[')) => ']',
            Some(Token::Sign('(')) => ')',
            _ => return Ok(ip),
        };
        self.next();
        loop {
            match self.word("ect0, ect1, ect01, ce, noecn, tos, ttl or flowlabel")?.as_str() {
                "noecn" => ip.ecn = Some(EcnSpec::Bits(0)),
                "ect1" => ip.ecn = Some(EcnSpec::Bits(1)),
                "ect0" => ip.ecn = Some(EcnSpec::Bits(2)),
                "ce" => ip.ecn = Some(EcnSpec::Bits(3)),
                "ect01" if leaves => ip.ecn = Some(EcnSpec::AnyEct),
                "ect01" => return Err(self.error("ect01 stands for two values: a packet that arrives needs one")),
                "tos" => ip.tos = Some(self.number("a type of service", 0xff)? as u8),
                "ttl" => ip.ttl = Some(self.number("a time to live", 0xff)? as u8),
                "flowlabel" => ip.flow_label = Some(self.number("a flow label", 0xf_ffff)? as u32),
                other => return Err(self.error(format!("{other} is no field of the IP header that can be said here"))),
            }
            if self.take(close) {
                return Ok(ip);
            }
            self.expect(',')?;
        }
    }

    fn tcp(&mut self, leaves: bool) -> Result<TcpSpec> {
        let (flags, ae, ace) = self.flags()?;
        let (seq, len) = self.seq()?;
        let ack = match self.take_word("ack") {
            true => Some(self.number("an acknowledgment number", U32)? as u32),
            false => None,
        };
        let window = match self.take_word("win") {
            true => Some(self.number("a window", U16)? as u16),
            false => None,
        };
        let urgent = match self.take_word("urg") {
            true => self.number("an urgent pointer", U16)? as u16,
            false => 0,
        };
        let options = self.options(leaves)?;
        if let Some(options) = &options {
            let bytes: usize = options.iter().map(OptionSpec::len).sum();
            if bytes > 40 {
                return Err(self.error(format!("the options take {bytes} bytes: a TCP header has room for 40")));
            }
        }
        Ok(TcpSpec { flags, ae, ace, seq, len, ack, window, urgent, options })
    }

    /// `S`, `S.`, `FP.`, `.`, `-`, `SEWA`, and `S.5` or `.5` with AE, CWR and ECE as a number.
    fn flags(&mut self) -> Result<(Flags, bool, bool)> {
        if self.take('-') {
            return Ok((Flags::default(), false, false));
        }
        let (mut text, mut ace) = (String::new(), None);
        if let Some(Token::Word(word)) = self.peek().cloned() {
            text = word;
            self.next();
        }
        match self.peek().cloned() {
            Some(Token::Sign('.')) => {
                text.push('.');
                self.next();
            }
            // `.5` has been read as a number.
            Some(Token::Float(float))
                if float.len() == 2 && float.starts_with('.') && (text.is_empty() || self.adjoins()) =>
            {
                ace = float.get(1..).and_then(|digit| digit.parse::<u8>().ok());
                text.push('.');
                self.next();
            }
            _ => {}
        }
        if text.is_empty() {
            return Err(self.error(format!("TCP flags expected (S, S., P., F., R, ., -), found {}", self.found())));
        }
        let (mut flags, mut ae) = (Flags::default(), false);
        for letter in text.chars() {
            flags = flags
                | match letter {
                    '.' => Flags::ACK,
                    'F' => Flags::FIN,
                    'S' => Flags::SYN,
                    'R' => Flags::RST,
                    'P' => Flags::PSH,
                    'U' => Flags::URG,
                    'E' => Flags::ECE,
                    'W' => Flags::CWR,
                    'A' => {
                        ae = true;
                        Flags::default()
                    }
                    other => return Err(self.error(format!("{other} in {text} is no TCP flag: . F S R P U E W A are"))),
                };
        }
        if let Some(value) = ace {
            if value > 7 {
                return Err(self.error(format!("ACE {value} is out of range: 0 to 7")));
            }
            flags = flags.with_if(value & 1 > 0, Flags::ECE).with_if(value & 2 > 0, Flags::CWR);
            ae = value & 4 > 0;
        }
        Ok((flags, ae, ace.is_some()))
    }

    /// `1:1001(1000)`.
    fn seq(&mut self) -> Result<(u32, u16)> {
        let seq = self.number("a sequence number", U32)?;
        self.expect(':')?;
        let end = self.number("a sequence number", U32)?;
        self.expect('(')?;
        let len = self.number("a payload length", U16)?;
        if end != (seq + len) & U32 {
            return Err(self.error(format!("{seq}:{end}({len}): {seq} and {len} bytes make {}", (seq + len) & U32)));
        }
        self.expect(')')?;
        Ok((seq as u32, len as u16))
    }

    fn options(&mut self, leaves: bool) -> Result<Option<Vec<OptionSpec>>> {
        let mut options = Vec::new();
        if !self.take('<') {
            return Ok(Some(options));
        }
        if self.peek() == Some(&Token::Ellipsis) {
            if !leaves {
                return Err(self.error("<...> stands for any options: a packet that arrives needs some or none"));
            }
            self.next();
            self.expect('>')?;
            return Ok(None);
        }
        if self.take('>') {
            return Ok(Some(options));
        }
        loop {
            options.push(self.option()?);
            if self.take('>') {
                return Ok(Some(options));
            }
            self.expect(',')?;
        }
    }

    fn option(&mut self) -> Result<OptionSpec> {
        let name = self.word("a TCP option")?;
        Ok(match name.as_str() {
            "nop" => OptionSpec::Nop,
            "eol" => OptionSpec::End,
            "mss" => OptionSpec::Mss(self.number("an MSS", U16)? as u16),
            "wscale" => OptionSpec::WindowScale(self.number("a shift", 0xff)? as u8),
            "sackOK" => OptionSpec::SackPermitted,
            "sack" => {
                let mut blocks = Vec::new();
                while matches!(self.peek(), Some(Token::Integer(_))) {
                    let left = self.number("a sequence number", U32)? as u32;
                    self.expect(':')?;
                    blocks.push((left, self.number("a sequence number", U32)? as u32));
                }
                OptionSpec::Sack(blocks)
            }
            "TS" => {
                let mut field = |name: &str| {
                    if !self.take_word(name) {
                        return Err(self.error(format!("TS val N ecr N expected, found {}", self.found())));
                    }
                    self.number("a timestamp", U32).map(|value| value as u32)
                };
                let value = field("val")?;
                OptionSpec::Timestamps(value, field("ecr")?)
            }
            "FO" | "FOEXP" => {
                let cookie = self.hex()?;
                OptionSpec::FastOpen { cookie, experimental: name == "FOEXP" }
            }
            "md5" => OptionSpec::Md5(self.hex()?),
            "ECN" => self.acc_ecn()?,
            "uto" => {
                // `5m` has been read as a word.
                let (value, minutes) = match self.next() {
                    Some(Token::Integer(n)) => (u16::try_from(n).ok(), false),
                    Some(Token::Word(word)) => (word.strip_suffix('m').and_then(|digits| digits.parse().ok()), true),
                    _ => (None, false),
                };
                let Some(value) = value.filter(|value| *value <= 0x7fff) else {
                    return Err(self.error("uto needs seconds (uto 60) or minutes (uto 5m), at most 32767"));
                };
                OptionSpec::UserTimeout { minutes, value }
            }
            "opt" => {
                let kind = self.number("an option kind", 0xff)? as u8;
                OptionSpec::Raw(kind, self.hex()?)
            }
            other => return Err(self.error(format!("{other} is no TCP option that is known (opt KIND HEX says any)"))),
        })
    }

    /// `ECN e0b 1 ceb 2 e1b 3`, or with e1b first.
    fn acc_ecn(&mut self) -> Result<OptionSpec> {
        let mut counters = Vec::new();
        let mut names = Vec::new();
        while let Some(Token::Word(word)) = self.peek().cloned() {
            if !["e0b", "ceb", "e1b"].contains(&word.as_str()) {
                break;
            }
            self.next();
            names.push(word);
            counters.push(self.number("a counter", 0xff_ffff)? as u32);
        }
        let names: Vec<&str> = names.iter().map(String::as_str).collect();
        let order_1 = names.first() == Some(&"e1b");
        let order: &[&str] = if order_1 { &["e1b", "ceb", "e0b"] } else { &["e0b", "ceb", "e1b"] };
        if !order.starts_with(&names) {
            return Err(self.error(format!("the counters of ECN stand in the order {}", order.join(" "))));
        }
        Ok(OptionSpec::AccEcn { order_1, counters })
    }

    /// Bytes in hexadecimal, perhaps none.
    fn hex(&mut self) -> Result<Vec<u8>> {
        let text = match self.peek() {
            Some(Token::Word(word)) => word.clone(),
            // As it is written, for leading zeros count; unless a word stands for it.
            Some(Token::Integer(n)) if !self.raw().starts_with(|c: char| c.is_ascii_digit()) => n.to_string(),
            Some(Token::Integer(_)) => self.raw().to_owned(),
            _ => return Ok(Vec::new()),
        };
        let bytes =
            hex::decode(&text).map_err(|error| self.error(format!("{text} is no sequence of bytes: {error}")))?;
        self.next();
        Ok(bytes)
    }

    /// `unreachable port_unreachable [1:1001(1000)]`, `unreachable frag_needed mtu 1400 [...]`.
    fn icmp(&mut self) -> Result<IcmpSpec> {
        let kind = self.word("a type of ICMP message")?;
        let code = match self.peek().cloned() {
            Some(Token::Word(word)) if word != "mtu" && word != "id" => {
                self.next();
                Some(word)
            }
            _ => None,
        };
        let mtu = match self.take_word("mtu") {
            true => Some(self.number("an MTU", U32)? as u32),
            false => None,
        };
        if self.take_word("id") {
            return Err(self.error("ICMP echoes are not supported: only errors about segments are"));
        }
        let mut quoted = (0, 0);
        if self.take('[') {
            if self.take_word("udp") || self.take_word("raw") {
                return Err(self.error("ICMP errors can quote TCP segments only"));
            }
            quoted = self.seq()?;
            self.expect(']')?;
        }
        Ok(IcmpSpec { kind, code, mtu, quoted })
    }
}

impl OptionSpec {
    /// Bytes in the header.
    pub fn len(&self) -> usize {
        match self {
            OptionSpec::Nop | OptionSpec::End => 1,
            OptionSpec::Mss(_) | OptionSpec::UserTimeout { .. } => 4,
            OptionSpec::WindowScale(_) => 3,
            OptionSpec::SackPermitted => 2,
            OptionSpec::Sack(blocks) => 2 + 8 * blocks.len(),
            OptionSpec::Timestamps(..) => 10,
            OptionSpec::FastOpen { cookie, experimental } => cookie.len() + if *experimental { 4 } else { 2 },
            OptionSpec::Md5(data) | OptionSpec::Raw(_, data) => 2 + data.len(),
            OptionSpec::AccEcn { counters, .. } => 2 + 3 * counters.len(),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::script::syntax::tree::{Action, Script};

    fn packet(text: &str) -> PacketSpec {
        let script = Script::parse("test", &format!("0 > {text}")).unwrap();
        match &script.events[0].action {
            Action::Expect(packet) => packet.clone(),
            other => panic!("{other:?}"),
        }
    }

    fn tcp(text: &str) -> TcpSpec {
        match packet(text).body {
            Body::Tcp(tcp) => tcp,
            other => panic!("{other:?}"),
        }
    }

    #[test]
    fn flags_numbers_and_options_of_a_segment() {
        let syn = tcp("S. 0:0(0) ack 1 win 65535 <mss 1460,sackOK,TS val 100 ecr 7,nop,wscale 8>");
        assert_eq!((syn.flags, syn.ack, syn.window), (Flags::SYN | Flags::ACK, Some(1), Some(65535)));
        assert_eq!(syn.options.unwrap()[2], OptionSpec::Timestamps(100, 7));
        let data = tcp("FP. 4294967295:9(10) ack 1 urg 3 <nop,nop,sack 1:2 5:6>");
        assert_eq!((data.seq, data.len, data.urgent), (u32::MAX, 10, 3));
        assert_eq!(data.options.unwrap()[2], OptionSpec::Sack(vec![(1, 2), (5, 6)]));
        assert_eq!(tcp(". 1:1(0) <...>").options, None);
        assert_eq!(tcp("- 1:1(0)").flags, Flags::default());
    }

    #[test]
    fn accurate_ecn_is_said_by_letters_or_by_its_number() {
        let syn = tcp("SEWA 0:0(0)");
        assert!(syn.ae && syn.flags.contains(Flags::ECE | Flags::CWR));
        let data = tcp("P.5 1:2(1) ack 1");
        assert!(data.ae && data.ace && data.flags == Flags::PSH | Flags::ACK | Flags::ECE);
        let counters = tcp(". 1:1(0) ack 1 <ECN e1b 1 ceb 2 e0b 3,nop>").options.unwrap();
        assert_eq!(counters[0], OptionSpec::AccEcn { order_1: true, counters: vec![1, 2, 3] });
    }

    #[test]
    fn the_ip_header_and_ports_come_first() {
        let packet = packet("[ect0] 8080 > 40000 . 1:1(0) ack 1");
        assert_eq!((packet.ip.ecn, packet.ports), (Some(EcnSpec::Bits(2)), Some((8080, 40000))));
    }

    #[test]
    fn an_icmp_error_quotes_a_segment() {
        let icmp = IcmpSpec {
            kind: "unreachable".into(),
            code: Some("frag_needed".into()),
            mtu: Some(1200),
            quoted: (1, 1000),
        };
        assert_eq!(packet("icmp unreachable frag_needed mtu 1200 [1:1001(1000)]").body, Body::Icmp(icmp));
    }

    #[test]
    fn what_does_not_fit_is_refused_with_its_numbers() {
        let reason = |text: &str| Script::parse("test", text).unwrap_err().reason;
        assert_eq!(reason("0 < . 1:5(3) ack 1"), "1:5(3): 1 and 3 bytes make 4");
        assert_eq!(reason("0 < . 1:1(0) win 70000"), "a window 70000 is out of range: 0 to 65535");
        assert_eq!(reason("0 < X 1:1(0)"), "X in X is no TCP flag: . F S R P U E W A are");
        assert!(reason("0 < . 1:1(0) <sack 1:2 1:2 1:2 1:2 1:2>").contains("42 bytes"));
        assert!(reason("0 < . 1:1(0) <...>").contains("needs some or none"));
        assert!(reason("0 > udp (100)").contains("UDP is not supported"));
    }
}
