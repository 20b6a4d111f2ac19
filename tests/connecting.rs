//! Connecting to a host that has several addresses (RFC 8305), under virtual time.

mod support;

use std::io;
use std::net::SocketAddr;
use std::time::Duration;

use support::{Pair, Setup};
use tcpkit::net::{Attempt, TcpListener, connect};

/// Nobody has this address.
const SILENT: &str = "10.0.0.9:80";
/// Nobody listens there.
const REFUSED: &str = "10.0.0.2:81";
const GOOD: &str = "10.0.0.2:80";
/// To the other host and back.
const ROUND_TRIP: Duration = Duration::from_millis(20);

/// Whom the attempts lead to, and after how long.
fn try_in_turn(remotes: &[&str]) -> (io::Result<SocketAddr>, Duration) {
    let Pair { mut runtime, client, server, .. } = Setup::default().build();
    let _listener = TcpListener::bind(&server, GOOD.parse().unwrap(), 1).unwrap();
    let attempt = |remote: &&str| Attempt { local: None, remote: remote.parse().unwrap() };
    let attempts: Vec<Attempt> = remotes.iter().map(attempt).collect();
    let clock = runtime.clock().clone();
    let start = clock.now();
    let connected = runtime.block_on(async {
        let stream = connect(&client, &attempts, None).await;
        (stream.map(|stream| stream.report().remote), clock.now().since(start))
    });
    connected.unwrap()
}

fn about(elapsed: Duration, expected: Duration) -> bool {
    elapsed >= expected && elapsed < expected + Duration::from_millis(5)
}

#[test]
fn an_address_that_nobody_answers_at_costs_a_quarter_of_a_second() {
    let (remote, elapsed) = try_in_turn(&[SILENT, GOOD]);
    assert_eq!(remote.unwrap(), GOOD.parse().unwrap());
    assert!(about(elapsed, Duration::from_millis(250) + ROUND_TRIP), "{elapsed:?}");
}

#[test]
fn an_address_that_refuses_costs_a_round_trip() {
    let (remote, elapsed) = try_in_turn(&[REFUSED, GOOD]);
    assert_eq!(remote.unwrap(), GOOD.parse().unwrap());
    assert!(about(elapsed, ROUND_TRIP * 2), "{elapsed:?}");
}

#[test]
fn the_first_address_is_alone_while_it_answers() {
    let (remote, elapsed) = try_in_turn(&[GOOD, REFUSED, SILENT]);
    assert_eq!(remote.unwrap(), GOOD.parse().unwrap());
    assert!(about(elapsed, ROUND_TRIP), "{elapsed:?}");
}

#[test]
fn when_all_refuse_the_first_refusal_is_told() {
    let (remote, elapsed) = try_in_turn(&[REFUSED, REFUSED]);
    assert_eq!(remote.unwrap_err().kind(), io::ErrorKind::ConnectionRefused);
    assert!(about(elapsed, ROUND_TRIP * 2), "{elapsed:?}");
    let (nothing, _) = try_in_turn(&[]);
    assert_eq!(nothing.unwrap_err().kind(), io::ErrorKind::AddrNotAvailable);
}
