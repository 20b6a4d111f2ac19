//! Whole transfers over a simulated wire, good and bad.

mod support;

use std::time::Duration;

use support::{Setup, pattern};
use tcpkit::link::impair::{Impairments, Spec};

fn specs(list: &[&str]) -> Vec<Spec> {
    list.iter().map(|text| text.parse().unwrap()).collect()
}

#[test]
fn a_clean_wire_carries_a_megabyte_without_a_retransmission() {
    let data = pattern(1_000_000);
    let outcome = Setup::default().build().download(data.clone()).unwrap();
    assert!(outcome.received == data);
    println!("{:?} {:#?}", outcome.elapsed, outcome.server);
    assert_eq!(outcome.server.stats.retransmits(), 0);
}

#[test]
fn loss_reordering_duplication_and_corruption_do_not_change_a_byte() {
    let data = pattern(300_000);
    for seed in 0..10 {
        let impairments = Impairments {
            drop: specs(&["5%"]),
            reorder: specs(&["10%"]),
            duplicate: specs(&["5%"]),
            corrupt: specs(&["2%"]),
            ..Impairments::default()
        };
        let outcome = Setup { seed, impairments, ..Setup::default() }.build().download(data.clone()).unwrap();
        println!("{seed}: {:?} {:?}", outcome.elapsed, outcome.server.stats);
        assert!(outcome.received == data, "seed {seed}");
        assert!(outcome.elapsed < Duration::from_secs(600));
    }
}
