//! Whole transfers over a simulated wire, good and bad.

mod support;

use std::time::Duration;

use support::{Setup, pattern};
use tcpkit::link::bottleneck::Rate;
use tcpkit::link::impair::{Impairments, Spec};
use tcpkit::link::sim::WireConfig;
use tcpkit::script::Script;
use tcpkit::tcp::{Algorithm, Config, RecvBuffer};

fn specs(list: &[&str]) -> Vec<Spec> {
    list.iter().map(|text| text.parse().unwrap()).collect()
}

#[test]
fn a_clean_wire_carries_a_megabyte_without_a_retransmission() {
    let data = pattern(1_000_000);
    let outcome = Setup::default().build().download(data.clone()).unwrap();
    assert!(outcome.received == data);
    assert_eq!(outcome.server.stats.retransmits(), 0);
    assert_eq!((outcome.server.rtt.min.as_millis(), outcome.client.stats.out_of_order_in), (20, 0));
    // 1 MB at 100 Mbit/s takes 84 ms with headers; slow start over 20 ms adds a few round trips.
    assert!(outcome.elapsed < Duration::from_millis(300), "{:?}", outcome.elapsed);
}

#[test]
fn ipv6_carries_the_same() {
    let data = pattern(300_000);
    let impairments = Impairments { drop: specs(&["5%"]), corrupt: specs(&["5%", "ip:2%"]), ..Impairments::default() };
    let outcome = Setup { v6: true, impairments, ..Setup::default() }.build().download(data.clone()).unwrap();
    assert!(outcome.received == data);
    assert!(outcome.server.remote.is_ipv6() && outcome.server.stats.retransmits() > 0);
}

/// 100 seeds each of losing, duplicating, reordering and corrupting, both ways.
fn every_seed_delivers(loss: &str, patience: Config) {
    let data = pattern(1_000_000);
    let mut slowest = (Duration::ZERO, 0);
    for seed in 0..100 {
        let impairments = Impairments {
            drop: specs(&[loss]),
            reorder: specs(&["5%"]),
            duplicate: specs(&["2%"]),
            corrupt: specs(&["1%"]),
            ..Impairments::default()
        };
        let setup = Setup { seed, impairments, client: patience.clone(), server: patience.clone(), ..Setup::default() };
        let outcome = setup.build().download(data.clone()).unwrap_or_else(|error| {
            panic!(
                "{error}; on the command line: tcpkit fetch --seed {seed} --drop {loss} --reorder 5% --duplicate 2% \
                 --corrupt 1% --retries {} --syn-retries {} sim:FILE",
                patience.retries, patience.syn_retries
            )
        });
        assert!(outcome.received == data, "seed {seed}: the bytes differ");
        slowest = slowest.max((outcome.elapsed, seed));
    }
    println!("loss {loss}: the slowest of 100 took {:?} (seed {})", slowest.0, slowest.1);
}

#[test]
fn every_seed_delivers_without_loss() {
    every_seed_delivers("0", Config::default());
}

#[test]
fn every_seed_delivers_through_1_percent_loss() {
    every_seed_delivers("1%", Config::default());
}

#[test]
fn every_seed_delivers_through_5_percent_loss() {
    every_seed_delivers("5%", Config::default());
}

#[test]
fn every_seed_delivers_through_20_percent_loss() {
    every_seed_delivers("20%", Config::default());
}

#[test]
fn every_seed_delivers_through_40_percent_loss() {
    every_seed_delivers("40%", Config { retries: 100, syn_retries: 20, ..Config::default() });
}

#[test]
fn every_combination_of_options_delivers() {
    let data = pattern(200_000);
    for bits in 0..64u64 {
        let on = |bit: u64| bits >> bit & 1 == 1;
        let config = |flip: bool| Config {
            sack: on(0) ^ flip && on(5),
            timestamps: on(1),
            ecn: on(2) ^ flip,
            ecn_accept: on(2) ^ flip,
            congestion: if on(3) { Algorithm::Reno } else { Algorithm::Cubic },
            nagle: on(4),
            delayed_ack: on(4).then_some(Duration::from_millis(40)),
            recv_buffer: if on(5) { RecvBuffer::Auto { max: 1 << 20 } } else { RecvBuffer::Fixed(9_000) },
            mss: if on(4) { 1460 } else { 200 },
            ..Config::default()
        };
        let impairments = Impairments { drop: specs(&["2%"]), reorder: specs(&["2%"]), ..Impairments::default() };
        let setup = Setup { seed: bits, client: config(false), server: config(true), impairments, ..Setup::default() };
        let outcome =
            setup.build().download(data.clone()).unwrap_or_else(|error| panic!("combination {bits}: {error}"));
        assert!(outcome.received == data, "combination {bits}");
    }
}

#[test]
fn sack_repairs_many_losses_of_one_window_in_a_round_trip_or_two() {
    let data = pattern(400_000);
    let time = |sack: bool| {
        let config = Config { sack, congestion: Algorithm::Reno, ..Config::default() };
        let impairments =
            Impairments { drop: specs(&["in:data:first:#100,103,106,109,112"]), ..Impairments::default() };
        let setup = Setup { client: config.clone(), server: config, impairments, ..Setup::default() };
        let outcome = setup.build().download(data.clone()).unwrap();
        assert_eq!(outcome.server.stats.timeouts, 0, "sack {sack}");
        assert_eq!(outcome.server.stats.fast_retransmits, 5, "sack {sack}");
        outcome.elapsed
    };
    // NewReno repairs one hole per round trip of 20 ms (RFC 6582), five of them.
    let (with, without) = (time(true), time(false));
    assert!(without >= with + Duration::from_millis(40), "{with:?} with SACK, {without:?} without");
}

#[test]
fn a_full_queue_slows_the_sender_down_and_the_wire_stays_busy() {
    let data = pattern(5_000_000);
    for congestion in [Algorithm::Reno, Algorithm::Cubic] {
        let config = Config { congestion, ..Config::default() };
        let wire = WireConfig {
            rate: Rate::BitsPerSecond(20_000_000),
            latency: Duration::from_millis(20),
            queue: 50,
            mtu: 1500,
        };
        let setup = Setup { client: config.clone(), server: config, wire, ..Setup::default() };
        let outcome = setup.build().download(data.clone()).unwrap();
        assert!(outcome.received == data);
        assert!(outcome.server.stats.retransmits() > 0, "{congestion} filled the queue");
        // 5 MB at 20 Mbit/s take 2.07 s with headers.
        let rate = data.len() as f64 * 8.0 / outcome.elapsed.as_secs_f64();
        assert!(rate > 14e6, "{congestion}: {:.1} Mbit/s of 20", rate / 1e6);
    }
}

/// A run as a script is worth something only when it runs the same.
#[test]
fn what_an_end_saw_is_a_script_that_runs_the_same() {
    let impairments = || Impairments {
        drop: specs(&["3%"]),
        reorder: specs(&["5%"]),
        duplicate: specs(&["2%"]),
        corrupt: specs(&["1%"]),
        ..Impairments::default()
    };
    for seed in 0..25 {
        let setup = Setup { seed, impairments: impairments(), v6: seed % 5 == 4, ..Setup::default() };
        let outcome = setup.build().download(pattern(150_000)).unwrap();
        for (end, journal) in ["client", "server"].into_iter().zip(&outcome.tell.journals) {
            let text = journal.lock().unwrap().script();
            let script = Script::parse(end, &text).unwrap_or_else(|error| panic!("{error}"));
            let report = tcpkit::script::run(&script, &Default::default()).unwrap_or_else(|error| panic!("{error}"));
            assert!(report.mismatch.is_none(), "seed {seed}, {end}: {:#?}", report.mismatch);
        }
    }
}
