//! A script as values: what every line says, before anything is run.

use std::time::Duration;

use crate::script::code::Program;
use crate::wire::Flags;

/// A script that has been read.
#[derive(Clone, Debug)]
pub struct Script {
    /// What it is called in messages.
    pub name: String,
    /// Its lines as written, for messages.
    pub lines: Vec<String>,
    /// `--name` or `--name=value`, with the line.
    pub options: Vec<(usize, String, Option<String>)>,
    /// The command that stands before all events.
    pub init: Option<(usize, String)>,
    /// What happens, in order.
    pub events: Vec<Event>,
    /// The command after all events.
    pub cleanup: Option<(usize, String)>,
}

/// One thing that happens.
#[derive(Clone, Debug)]
pub struct Event {
    /// The line it begins on, counted from 1.
    pub line: usize,
    /// The line it ends on.
    pub last_line: usize,
    /// When.
    pub when: When,
    /// What.
    pub action: Action,
}

/// When something happens or is expected.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum When {
    /// `1.5`: this long after the script began.
    At(Duration),
    /// `+1.5`: this long after the event before.
    After(Duration),
    /// `1~2`.
    Between(Duration, Duration),
    /// `+1~+2`.
    AfterBetween(Duration, Duration),
    /// `*`.
    Any,
}

/// What happens.
#[derive(Clone, Debug)]
pub enum Action {
    /// `<`: a packet arrives.
    Inject(PacketSpec),
    /// `>`: a packet must leave.
    Expect(PacketSpec),
    /// A call of the socket API with its result.
    Call(CallSpec),
    /// A command in back quotes.
    Command(String),
    /// `%{ ... }%`.
    Code(Program),
}

/// A packet as the script writes it.
#[derive(Clone, Debug, PartialEq)]
pub struct PacketSpec {
    /// Fields of the IP header that are said.
    pub ip: IpSpec,
    /// Source and destination port, where they are said.
    pub ports: Option<(u16, u16)>,
    /// The rest.
    pub body: Body,
}

/// Fields of the IP header.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct IpSpec {
    /// ECN bits.
    pub ecn: Option<EcnSpec>,
    /// The whole type-of-service byte.
    pub tos: Option<u8>,
    /// Time to live or hop limit.
    pub ttl: Option<u8>,
    /// IPv6 flow label.
    pub flow_label: Option<u32>,
}

/// ECN bits as a script says them.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum EcnSpec {
    /// These two bits.
    Bits(u8),
    /// ECT(0) or ECT(1).
    AnyEct,
}

/// What a packet carries.
#[derive(Clone, Debug, PartialEq)]
pub enum Body {
    /// A segment.
    Tcp(TcpSpec),
    /// An ICMP error that quotes a segment of ours.
    Icmp(IcmpSpec),
}

/// A segment.
#[derive(Clone, Debug, PartialEq)]
pub struct TcpSpec {
    /// Flags as on the wire; the ninth bit, AE (RFC 9768), is apart.
    pub flags: Flags,
    /// The AE flag.
    pub ae: bool,
    /// The three bits AE, CWR and ECE are said as a number: compare them as such.
    pub ace: bool,
    /// Sequence number, relative as the script counts.
    pub seq: u32,
    /// Payload bytes.
    pub len: u16,
    /// Acknowledgment number.
    pub ack: Option<u32>,
    /// Window field.
    pub window: Option<u16>,
    /// Urgent pointer.
    pub urgent: u16,
    /// Options; `None` for `<...>`, which stands for any.
    pub options: Option<Vec<OptionSpec>>,
}

/// One TCP option.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum OptionSpec {
    /// `nop`.
    Nop,
    /// `eol`.
    End,
    /// `mss 1460`.
    Mss(u16),
    /// `wscale 7`.
    WindowScale(u8),
    /// `sackOK`.
    SackPermitted,
    /// `sack 1:2 5:6`.
    Sack(Vec<(u32, u32)>),
    /// `TS val 1 ecr 2`.
    Timestamps(u32, u32),
    /// `FO 1234` and `FOEXP 1234`.
    FastOpen {
        /// The cookie's bytes.
        cookie: Vec<u8>,
        /// The experimental form.
        experimental: bool,
    },
    /// `md5 <hex>`.
    Md5(Vec<u8>),
    /// `ECN e0b 1 ceb 0 e1b 1`: counters in the order they stand on the wire.
    AccEcn {
        /// Order 1 (kind 174): ECT(1) first.
        order_1: bool,
        /// Up to three counters.
        counters: Vec<u32>,
    },
    /// `uto 60`, `uto 5m` (an extension: RFC 5482).
    UserTimeout {
        /// The value is in minutes.
        minutes: bool,
        /// 15 bits.
        value: u16,
    },
    /// `opt 99 0a0b` (an extension): any kind with any data.
    Raw(u8, Vec<u8>),
}

/// An ICMP message.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct IcmpSpec {
    /// `unreachable`, `packet_too_big`, ...
    pub kind: String,
    /// `port_unreachable`, ...
    pub code: Option<String>,
    /// `mtu 1400`.
    pub mtu: Option<u32>,
    /// The segment that is quoted: sequence number and payload bytes.
    pub quoted: (u32, u16),
}

/// A call of the socket API.
#[derive(Clone, Debug, PartialEq)]
pub struct CallSpec {
    /// `...0.3`: the call waits, and returns at this time (relative when the event is).
    pub until: Option<Duration>,
    /// Its name.
    pub name: String,
    /// Its arguments.
    pub args: Vec<Expr>,
    /// What it returns.
    pub result: Expr,
    /// The errno that it sets.
    pub errno: Option<String>,
}

/// An argument.
#[derive(Clone, Debug, PartialEq)]
pub enum Expr {
    /// `...`: whatever fits.
    Ellipsis,
    /// A number.
    Number(i64),
    /// A name: `SOCK_STREAM`.
    Word(String),
    /// A text.
    Text(String),
    /// `A|B`.
    Or(Box<Expr>, Box<Expr>),
    /// `[a, b]`.
    List(Vec<Expr>),
    /// `{...}`: its fields in order; unnamed ones have an empty name.
    Struct(Vec<(String, Expr)>),
    /// `htons(8080)`, `inet_addr("192.0.2.1")`: a function of one argument.
    Function(String, Box<Expr>),
}
