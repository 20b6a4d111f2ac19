//! Anything may arrive, in any order, at any time: nothing panics, and what must always hold does.

use proptest::prelude::*;

use super::*;
use crate::tcp::RecvBuffer;

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
    match kind % 3 {
        0 => Bench::listening(config),
        1 => Bench::opening(config),
        _ => Bench::established_with(config, |peer| peer.sack_ok().ts(1, 0).scale(2)),
    }
}

/// Applies an action with numbers near where the connection is now.
fn apply(bench: &mut Bench, action: &Action) {
    let rcv = bench.tcp.rcv_nxt();
    let una = bench.tcp.snd_una();
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
            bench.gets(peer);
        }
        Action::Pass(millis) => bench.pass(ms(*millis)),
        Action::Write(len) => drop(bench.tcp.send(&vec![1; *len])),
        Action::Read(len) => bench.tcp.consume(bench.now, *len),
        Action::Shutdown => bench.tcp.shutdown(),
        Action::Abort => bench.tcp.abort(),
        Action::Icmp(kind, seq) => {
            use crate::wire::icmp::IcmpKind::*;
            let kinds = [NoRoute, ProtocolUnreachable, PortUnreachable, Prohibited, TimeExceeded, ParameterProblem];
            let kind = kinds.get(usize::from(*kind)).copied().unwrap_or(TooBig { mtu: *seq as u32 });
            bench.tcp.on_icmp(kind, SeqNum(una.0.wrapping_add(*seq as u32)), 40);
        }
    }
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 2000, ..ProptestConfig::default() })]

    #[test]
    fn whatever_happens_the_invariants_hold(kind in 0u8..24, actions in actions()) {
        let mut bench = start(kind);
        let mut edge = bench.tcp.rcv_nxt() + bench.tcp.rcv_wnd();
        for action in &actions {
            let state = bench.tcp.state();
            apply(&mut bench, action);
            let mut sent = 0;
            while let Some(transmit) = bench.tcp.poll_transmit(bench.now) {
                sent += 1;
                prop_assert!(sent < 1_000, "it never stops sending: {}", show(&transmit));
                prop_assert!(transmit.options.as_slice().len() <= 40);
                prop_assert!(transmit.segment_size > 0);
            }
            while bench.tcp.poll_event().is_some() {}
            let tcp = &bench.tcp;
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
                prop_assert!(tcp.poll_timeout().is_some(), "{} in flight and no timer in {}", tcp.flight(), tcp.state());
            }
        }
    }
}
