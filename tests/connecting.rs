//! Connecting to a host that has several addresses (RFC 8305), under virtual time.

mod support;

use std::io;
use std::net::SocketAddr;
use std::time::Duration;

use support::{Pair, Setup};
use tcpkit::link::Link;
use tcpkit::net::{Attempt, GivenUp, Patience, Runtime, TcpListener, connect};
use tcpkit::stack::HostConfig;
use tcpkit::tcp::{Config, Secret};
use tcpkit::time::Time;
use tcpkit::wire::Packet;
use tcpkit::wire::icmp::{self, IcmpKind};

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
        let stream = connect(&client, &attempts, None, Patience(None)).await;
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

/// A link behind which a router answers everything with an ICMP error, at once.
struct NoWay {
    kind: IcmpKind,
    answers: Vec<Packet>,
}

impl Link for NoWay {
    fn send(&mut self, _: Time, packet: Packet) -> io::Result<()> {
        let error = icmp::write(self.kind, "10.0.0.254".parse().unwrap(), &packet.bytes);
        self.answers.push(Packet::new(error.unwrap()));
        Ok(())
    }

    fn receive(&mut self, _: Time) -> io::Result<Option<Packet>> {
        Ok(self.answers.pop())
    }

    fn poll_timeout(&self) -> Option<Time> {
        (!self.answers.is_empty()).then_some(Time::ZERO)
    }

    fn mtu(&self) -> usize {
        1500
    }
}

/// What comes of an attempt over [`NoWay`], and when.
fn try_without_a_way(kind: IcmpKind, patience: Patience) -> (io::Error, Duration) {
    let mut runtime = Runtime::new_virtual();
    let config = HostConfig {
        addresses: vec!["10.0.0.1".parse().unwrap()],
        owns_addresses: true,
        mtu: 1500,
        ttl: 64,
        tcp: Config::default(),
        isn: None,
        secret: Secret([1, 2]),
        annotate: false,
    };
    let host = runtime.attach(config, Box::new(NoWay { kind, answers: Vec::new() }), Vec::new());
    let attempts = [Attempt { local: None, remote: GOOD.parse().unwrap() }];
    let clock = runtime.clock().clone();
    let start = clock.now();
    let outcome = runtime.block_on(async {
        let error = connect(&host, &attempts, None, patience).await.err().unwrap();
        (error, clock.now().since(start))
    });
    outcome.unwrap()
}

#[test]
fn who_connects_may_give_up_at_the_second_syn_that_meets_a_soft_error() {
    let (error, elapsed) = try_without_a_way(IcmpKind::NoRoute, Patience(Some(2)));
    assert_eq!((error.kind(), elapsed), (io::ErrorKind::HostUnreachable, Duration::from_secs(1)));
    let inner = error.get_ref().and_then(|inner| inner.downcast_ref::<GivenUp>());
    assert_eq!(inner, Some(&GivenUp { kind: IcmpKind::NoRoute, syns: 2 }));
    let text = "ICMP says that there is no route to the host, for each of 2 SYNs; given up";
    assert!(error.to_string().starts_with(text), "{error}");
}

#[test]
fn tcp_itself_goes_on_whatever_number_of_soft_errors_comes() {
    // RFC 9293 MUST-56: 1 + 2 + 4 + ... + 64 s.
    for kind in [IcmpKind::NoRoute, IcmpKind::TimeExceeded, IcmpKind::ParameterProblem] {
        let (error, elapsed) = try_without_a_way(kind, Patience(None));
        assert_eq!((error.kind(), elapsed), (io::ErrorKind::HostUnreachable, Duration::from_secs(127)), "{kind:?}");
        assert_eq!(error.to_string(), format!("timed out: {kind}"));
    }
}
