//! Anything may arrive, in any order, at any time: nothing panics, and what must always hold does.

use proptest::prelude::*;

use bytes::Bytes;

use super::*;
use crate::capture::Direction;
use crate::script::journal::Journal;
use crate::tcp::RecvBuffer;
use crate::wire::ip::IpHeader;
use crate::wire::options::OptionBytes;
use crate::wire::{Outgoing, Payload, Protocol};

/// What happens to our end.
#[derive(Clone, Debug)]
enum Action {
    Segment { flags: u8, seq: i32, ack: i32, window: u16, len: usize, options: u8, ecn: u8 },
    Pass(u64),
    Write(usize),
    Read(usize),
    Shutdown,
    Abort,
    Icmp(u8, i32),
}

fn actions() -> impl Strategy<Value = Vec<Action>> {
    let near = prop_oneof![8 => -3i32..3, 4 => -3000i32..30_000, 1 => any::<i32>()];
    let segment = (
        prop_oneof![6 => Just(0x10u8), 2 => Just(0x11u8), 1 => any::<u8>()],
        near.clone(),
        near.clone(),
        any::<u16>(),
        prop_oneof![Just(0usize), 1usize..3000],
        any::<u8>(),
        0u8..4,
    );
    let action = prop_oneof![
        10 => segment.prop_map(|(flags, seq, ack, window, len, options, ecn)| {
            Action::Segment { flags, seq, ack, window, len, options, ecn }
        }),
        3 => (0u64..3_000).prop_map(Action::Pass),
        1 => (0u64..10_000_000).prop_map(Action::Pass),
        3 => (1usize..20_000).prop_map(Action::Write),
        2 => (1usize..20_000).prop_map(Action::Read),
        1 => Just(Action::Shutdown),
        1 => (0u8..8, near).prop_map(|(kind, seq)| Action::Icmp(kind, seq)),
        1 => prop_oneof![9 => Just(Action::Read(1)), 1 => Just(Action::Abort)],
    ];
    proptest::collection::vec(action, 1..120)
}

fn start(kind: u8) -> Bench {
    let config = Config {
        recv_buffer: if kind & 1 == 0 { RecvBuffer::Fixed(5_000) } else { RecvBuffer::Auto { max: 200_000 } },
        send_buffer: 100_000,
        keepalive: (kind & 2 == 0).then(|| Duration::from_secs(30)),
        user_timeout: (kind & 4 == 0).then(|| Duration::from_secs(90)),
        retries: 5,
        ..Config::default()
    };
    let (local, remote) = addresses();
    let tcp = match kind % 3 {
        0 => Connection::accept(config, local, remote, ISS, 0),
        _ => Connection::open(config, local, remote, ISS, 0),
    };
    Bench { tcp, now: Time::ZERO }
}

/// A bench whose exchange is written down.
struct Run {
    bench: Bench,
    journal: Journal,
}

impl Run {
    fn new(kind: u8) -> Run {
        let bench = start(kind);
        let journal = Journal::new(bench.tcp.config().clone(), 1500);
        let mut run = Run { bench, journal };
        run.poll();
        if kind % 3 == 2 {
            run.gets(seg("S.", 0, 1).mss(1000).sack_ok().ts(1, 0).scale(2));
            while run.poll().is_some() {}
        }
        run
    }

    /// Notes a segment, as the packet it would be.
    fn note(&mut self, direction: Direction, header: TcpHeader, options: OptionBytes, payload: Payload, ecn: Ecn) {
        let (local, remote) = addresses();
        let (src, dst) = if direction == Direction::Out { (local, remote) } else { (remote, local) };
        let ip = IpHeader { src: src.ip(), dst: dst.ip(), protocol: Protocol::TCP, ttl: 64, dscp: 0, ecn, id: 1 };
        let tcp = TcpHeader { src_port: src.port(), dst_port: dst.port(), ..header };
        let outgoing = Outgoing { ip, tcp, options, payload, segment_size: 60_000, note: None };
        for packet in outgoing.packets() {
            self.journal.packet(self.bench.now, direction, &packet.bytes);
        }
    }

    fn gets(&mut self, peer: Peer) {
        let payload = Payload::from(Bytes::from(peer.payload.clone()));
        self.note(Direction::In, peer.header, peer.options.to_bytes(), payload, peer.ecn);
        self.bench.gets(peer);
    }

    fn poll(&mut self) -> Option<Transmit> {
        let transmit = self.bench.tcp.poll_transmit(self.bench.now)?;
        let Transmit { header, options, payload, ecn, .. } = transmit.clone();
        self.note(Direction::Out, header, options, payload, ecn);
        Some(transmit)
    }

    fn line(&mut self, text: String) {
        self.journal.line(self.bench.now, text);
    }

    /// Applies an action with numbers near where the connection is now.
    fn apply(&mut self, action: &Action) {
        let rcv = self.bench.tcp.rcv_nxt();
        let una = self.bench.tcp.snd_una();
        match action {
            Action::Segment { flags, seq, ack, window, len, options, ecn } => {
                let mut peer = seg("", 0, 0).win(*window).data(*len);
                peer.header.flags = Flags(*flags);
                peer.header.seq = SeqNum(rcv.0.wrapping_add(*seq as u32));
                peer.header.ack = SeqNum(una.0.wrapping_add(*ack as u32));
                peer.ecn = Ecn::from_bits(*ecn);
                if options & 1 != 0 {
                    peer = peer.ts(u32::from(*options), 0);
                }
                if options & 2 != 0 {
                    let at = una - ISS;
                    peer = peer.sack(&[(at.wrapping_add(*seq as u32), at.wrapping_add(*ack as u32)), (at, at + 1000)]);
                }
                if options & 4 != 0 {
                    peer = peer.mss(u16::from(*options) * 7).sack_ok().scale(*options);
                }
                self.gets(peer);
            }
            Action::Pass(millis) => self.bench.pass(ms(*millis)),
            Action::Write(len) => {
                if let Ok(taken) = self.bench.tcp.send(&vec![1; *len]) {
                    self.line(format!("write(4, ..., {len}) = {taken}"));
                }
            }
            Action::Read(len) => {
                let taken = self.bench.tcp.readable().min(*len);
                self.bench.tcp.consume(self.bench.now, *len);
                if taken > 0 {
                    self.line(format!("read(4, ..., {len}) = {taken}"));
                }
            }
            Action::Shutdown => {
                self.bench.tcp.shutdown();
                self.line("shutdown(4, SHUT_WR) = 0".into());
            }
            Action::Abort => {
                self.bench.tcp.abort();
                self.line("setsockopt(4, SOL_SOCKET, SO_LINGER, [{onoff=1, linger=0}], 8) = 0".into());
                self.line("close(4) = 0".into());
            }
            Action::Icmp(kind, seq) => {
                use crate::wire::icmp::IcmpKind::*;
                let kinds = [
                    (NoRoute, "unreachable host_unreachable"),
                    (ProtocolUnreachable, "unreachable protocol_unreachable"),
                    (PortUnreachable, "unreachable port_unreachable"),
                    (Prohibited, "unreachable packet_filtered"),
                    (TimeExceeded, "time_exceeded"),
                    (ParameterProblem, "parameter_problem"),
                ];
                let too_big = (TooBig { mtu: *seq as u32 }, "unreachable frag_needed");
                let (kind, name) = kinds.get(usize::from(*kind)).copied().unwrap_or(too_big);
                let at = SeqNum(una.0.wrapping_add(*seq as u32));
                let mtu = if let TooBig { mtu } = kind { format!(" mtu {mtu}") } else { String::new() };
                self.line(format!("< icmp {name}{mtu} [{0}:{0}(0)]", at - ISS));
                self.bench.tcp.on_icmp(kind, at, 40);
            }
        }
    }
}

/// Should the test fail, the exchange is there as a script.
impl Drop for Run {
    fn drop(&mut self) {
        if std::thread::panicking() {
            self.tell();
        }
    }
}

impl Run {
    fn tell(&self) {
        let script = self.journal.script();
        println!("as a script:\n{script}");
        let path = std::env::temp_dir().join("tcpkit-chaos.pkt");
        if std::fs::write(&path, script).is_ok() {
            println!("run: tcpkit replay -v {}", path.display());
        }
    }

    /// Applies the actions, and says which of the things that must always hold does not.
    fn check(&mut self, actions: &[Action]) -> Result<(), TestCaseError> {
        let mut edge = self.bench.tcp.rcv_nxt() + self.bench.tcp.rcv_wnd();
        for action in actions {
            let state = self.bench.tcp.state();
            self.apply(action);
            let mut sent = 0;
            while let Some(transmit) = self.poll() {
                sent += 1;
                prop_assert!(sent < 1_000, "it never stops sending: {}", show(&transmit));
                prop_assert!(transmit.options.as_slice().len() <= 40);
                prop_assert!(transmit.segment_size > 0);
            }
            while self.bench.tcp.poll_event().is_some() {}
            let tcp = &self.bench.tcp;
            prop_assert!(tcp.snd_una().at_or_before(tcp.snd_nxt()), "SND.UNA =< SND.NXT");
            prop_assert!(tcp.flight() <= tcp.snd_nxt() - tcp.snd_una());
            prop_assert!(tcp.pipe() <= 2 * tcp.flight());
            prop_assert!(tcp.cwnd() >= tcp.smss().min(88), "cwnd {} SMSS {}", tcp.cwnd(), tcp.smss());
            prop_assert!(tcp.readable() <= 200_000 + 0xffff);
            if tcp.state().synchronized() && state.synchronized() {
                let now = tcp.rcv_nxt() + tcp.rcv_wnd();
                prop_assert!(now.at_or_after(edge), "the window's right edge moves back (SHLD-14)");
                edge = now;
            } else {
                edge = tcp.rcv_nxt() + tcp.rcv_wnd();
            }
            // Whoever waits for an acknowledgment has a timer that will ask again.
            if tcp.flight() > 0 && tcp.state() != State::Closed {
                prop_assert!(
                    tcp.poll_timeout().is_some(),
                    "{} in flight and no timer in {}",
                    tcp.flight(),
                    tcp.state()
                );
            }
        }
        Ok(())
    }
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 2000, ..ProptestConfig::default() })]

    #[test]
    fn whatever_happens_the_invariants_hold(kind in 0u8..24, actions in actions()) {
        let mut run = Run::new(kind);
        run.check(&actions).inspect_err(|_| run.tell())?;
    }
}
