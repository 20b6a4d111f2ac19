//! One connection, played at from the peer's side under virtual time.
//!
//! [`Bench`] holds our end. The test is the peer: it hands segments in and says what must come out. Numbers count from
//! the initial sequence numbers, which lie just below 2^32, so that every test crosses the wrap. States are reached by
//! playing the segments that lead there.
//!
//! | file         | what is checked |
//! |--------------|-----------------|
//! | `opening`    | handshakes, options, refusals |
//! | `closing`    | FIN in every order, RST in every state, TIME-WAIT |
//! | `receiving`  | acknowledgments, SACK, windows, PAWS, blind attacks |
//! | `sending`    | Nagle, windows, probes, keep-alive, timeouts |
//! | `recovery`   | loss with and without SACK, RTO, ECN |
//! | `chaos`      | anything at all |

mod chaos;
mod closing;
mod opening;
mod receiving;
mod recovery;
mod sending;

use std::net::SocketAddr;
use std::time::Duration;

use super::segment::{Disposition, Segment, Transmit};
use super::{Config, Connection, Event, State, WindowScale};
use crate::time::Time;
use crate::wire::{Ecn, Flags, SackBlock, SeqNum, TcpHeader, TcpOptions};

/// Our initial sequence number, and the peer's.
const ISS: SeqNum = SeqNum(u32::MAX - 1);
const IRS: SeqNum = SeqNum(u32::MAX - 3);

/// No options, so that a test names those it is about; MSS 1000, so that numbers are easy.
fn plain() -> Config {
    Config {
        mss: 1000,
        sack: false,
        timestamps: false,
        window_scale: WindowScale::Off,
        ecn: false,
        ecn_accept: false,
        nagle: false,
        congestion: super::Algorithm::Reno,
        ..Config::default()
    }
}

fn addresses() -> (SocketAddr, SocketAddr) {
    (SocketAddr::from(([192, 0, 2, 1], 1000)), SocketAddr::from(([192, 0, 2, 2], 80)))
}

const fn ms(n: u64) -> Duration {
    Duration::from_millis(n)
}

/// A segment of the peer's.
#[derive(Clone)]
struct Peer {
    header: TcpHeader,
    options: TcpOptions,
    payload: Vec<u8>,
    ecn: Ecn,
}

/// A segment with `flags` (in tcpdump's letters), at `seq`, acknowledging `ack`.
fn seg(flags: &str, seq: u32, ack: u32) -> Peer {
    let flags = flags.chars().fold(Flags::default(), |flags, letter| {
        flags
            | match letter {
                'S' => Flags::SYN,
                'F' => Flags::FIN,
                'R' => Flags::RST,
                'P' => Flags::PSH,
                '.' => Flags::ACK,
                'U' => Flags::URG,
                'E' => Flags::ECE,
                'W' => Flags::CWR,
                other => panic!("no flag {other}"),
            }
    });
    let header = TcpHeader { seq: IRS + seq, ack: ISS + ack, flags, window: 20_000, ..Default::default() };
    Peer { header, options: TcpOptions::default(), payload: Vec::new(), ecn: Ecn::NotEct }
}

impl Peer {
    fn win(mut self, window: u16) -> Self {
        self.header.window = window;
        self
    }

    fn data(mut self, len: usize) -> Self {
        self.payload = vec![b'x'; len];
        self
    }

    fn text(mut self, text: &[u8]) -> Self {
        self.payload = text.to_vec();
        self
    }

    fn mss(mut self, mss: u16) -> Self {
        self.options.mss = Some(mss);
        self
    }

    fn sack_ok(mut self) -> Self {
        self.options.sack_permitted = true;
        self
    }

    /// SACK blocks of our data.
    fn sack(mut self, blocks: &[(u32, u32)]) -> Self {
        for (left, right) in blocks {
            self.options.sack.push(SackBlock { left: ISS + *left, right: ISS + *right });
        }
        self
    }

    fn ts(mut self, value: u32, echo: u32) -> Self {
        self.options.timestamps = Some((value, echo));
        self
    }

    fn scale(mut self, shift: u8) -> Self {
        self.options.window_scale = Some(shift);
        self
    }

    fn marked(mut self) -> Self {
        self.ecn = Ecn::Ce;
        self
    }
}

/// Our end.
struct Bench {
    tcp: Connection,
    now: Time,
}

impl Bench {
    /// Our SYN is out.
    fn opening(config: Config) -> Bench {
        let (local, remote) = addresses();
        let mut bench = Bench { tcp: Connection::open(config, local, remote, ISS, 0), now: Time::ZERO };
        let syn = bench.take_one();
        assert_eq!(syn.header.flags, syn.header.flags.with_if(true, Flags::SYN));
        bench
    }

    /// In LISTEN.
    fn listening(config: Config) -> Bench {
        let (local, remote) = addresses();
        Bench { tcp: Connection::accept(config, local, remote, ISS, 0), now: Time::ZERO }
    }

    /// In ESTABLISHED, after a handshake of 100 ms; the peer's SYN-ACK carries what `edit` adds.
    fn established_with(config: Config, edit: impl FnOnce(Peer) -> Peer) -> Bench {
        let mut bench = Bench::opening(config);
        bench.pass(ms(100));
        bench.gets(edit(seg("S.", 0, 1).mss(1000)));
        assert_eq!(bench.tcp.state(), State::Established);
        bench.sends(&["[.] 1:1 ack 1"]);
        assert_eq!(bench.tcp.poll_event(), Some(Event::Connected));
        while bench.tcp.poll_event().is_some() {}
        bench
    }

    fn established() -> Bench {
        Bench::established_with(plain(), |peer| peer)
    }

    /// With SACK agreed.
    fn with_sack() -> Bench {
        Bench::established_with(Config { sack: true, ..plain() }, Peer::sack_ok)
    }

    /// A segment arrives.
    #[track_caller]
    fn gets(&mut self, peer: Peer) -> Disposition {
        let segment = Segment {
            header: peer.header,
            options: peer.options,
            payload: &peer.payload,
            ecn: peer.ecn,
            arrived: self.now,
        };
        self.tcp.on_segment(self.now, &segment)
    }

    /// Time passes; timers that come due on the way are served at their time.
    fn pass(&mut self, duration: Duration) {
        let end = self.now + duration;
        while let Some(due) = self.tcp.poll_timeout().filter(|due| *due <= end) {
            self.now = self.now.max(due);
            self.tcp.on_timeout(self.now);
        }
        self.now = end;
    }

    /// What leaves now, no more and no less: `[flags] seq:end ack n`, then what is not ordinary.
    #[track_caller]
    fn sends(&mut self, expected: &[&str]) {
        let sent: Vec<String> = std::iter::from_fn(|| self.tcp.poll_transmit(self.now)).map(|t| show(&t)).collect();
        assert_eq!(sent, expected);
    }

    /// The one segment that leaves now.
    #[track_caller]
    fn take_one(&mut self) -> Transmit {
        let transmit = self.tcp.poll_transmit(self.now).expect("a segment leaves");
        let next = self.tcp.poll_transmit(self.now);
        assert!(next.is_none(), "another segment leaves: {}", show(&next.unwrap()));
        transmit
    }

    /// The user writes.
    fn writes(&mut self, len: usize) {
        assert_eq!(self.tcp.send(&vec![b'y'; len]), Ok(len));
    }

    /// The user reads all there is.
    fn reads(&mut self) -> Vec<u8> {
        let (first, second) = self.tcp.peek();
        let bytes = [first, second].concat();
        self.tcp.consume(self.now, bytes.len());
        bytes
    }

    /// The segment that the retransmission timer sends, and after how long.
    #[track_caller]
    fn next_timeout(&mut self) -> Duration {
        let due = self.tcp.poll_timeout().expect("a timer runs");
        let wait = due.since(self.now);
        self.pass(wait);
        wait
    }
}

/// `[flags] seq:end ack n`, with `win` only when it is small, then options.
fn show(transmit: &Transmit) -> String {
    let header = &transmit.header;
    let seq = header.seq - ISS;
    let mut text = format!("[{}] {seq}:{}", header.flags, seq.wrapping_add(transmit.payload.len() as u32));
    if header.flags.ack() {
        text += &format!(" ack {}", header.ack - IRS);
    }
    let options = TcpOptions::parse(transmit.options.as_slice());
    for block in options.sack.as_slice() {
        text += &format!(" sack {}-{}", block.left - IRS, block.right - IRS);
    }
    text
}
