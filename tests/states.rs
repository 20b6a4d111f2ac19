//! States that two live hosts go through together, under virtual time.

mod support;

use std::io;
use std::net::{IpAddr, SocketAddr};
use std::time::Duration;

use support::{CLIENT, SERVER, Setup, pattern, server_address};
use tcpkit::link::impair::{Impairments, Spec};
use tcpkit::net::{Report, TcpListener, TcpStream};
use tcpkit::tcp::{CloseReason, Config, RecvBuffer, State};

fn specs(list: &[&str]) -> Vec<Spec> {
    list.iter().map(|text| text.parse().unwrap()).collect()
}

/// Both hosts open to each other at the same moment; returns both reports after each has sent the other a line.
fn open_at_once(setup: Setup) -> io::Result<(Report, Report)> {
    let mut pair = setup.build();
    let (a, b) = (SocketAddr::new(IpAddr::from(CLIENT), 1000), SocketAddr::new(IpAddr::from(SERVER), 2000));
    let one = |host: tcpkit::net::Host, local, remote, say: &'static [u8], hear: &'static [u8]| async move {
        let stream = TcpStream::start(&host, Some(local), remote, None)?.established().await?;
        stream.write_all(say).await?;
        stream.shutdown();
        let mut heard = Vec::new();
        while stream
            .read_with(|bytes| {
                heard.extend_from_slice(bytes);
                bytes.len()
            })
            .await?
            > 0
        {}
        assert_eq!(heard, hear);
        stream.finished().await;
        Ok::<_, io::Error>(stream.report())
    };
    let (to, from) = std::sync::mpsc::channel();
    let server = one(pair.server.clone(), b, a, b"from b", b"from a");
    pair.runtime.spawner().spawn(async move {
        let _ = to.send(server.await);
    });
    let client = pair.runtime.block_on(one(pair.client.clone(), a, b, b"from a", b"from b"))??;
    pair.runtime.block_on(pair.client.clock().clone().sleep(Duration::from_secs(300)))?;
    Ok((client, from.try_recv().map_err(io::Error::other)??))
}

#[test]
fn two_hosts_may_open_to_each_other_at_once() {
    let (a, b) = open_at_once(Setup::default()).unwrap();
    assert_eq!((a.ended, b.ended), (Some(CloseReason::Done), Some(CloseReason::Done)));
    assert_eq!((a.stats.syn_retransmits, b.stats.syn_retransmits), (0, 0));
}

#[test]
fn two_hosts_may_open_and_close_at_once_through_loss() {
    for seed in 0..50 {
        let impairments = Impairments { drop: specs(&["30%"]), ..Impairments::default() };
        let config = Config { syn_retries: 20, retries: 50, ..Config::default() };
        let setup = Setup { seed, impairments, client: config.clone(), server: config, ..Setup::default() };
        let (a, b) = open_at_once(setup).unwrap_or_else(|error| panic!("seed {seed}: {error}"));
        assert_eq!((a.ended, b.ended), (Some(CloseReason::Done), Some(CloseReason::Done)), "seed {seed}");
    }
}

#[test]
fn a_reader_that_stops_for_an_hour_stalls_the_sender_and_loses_nothing() {
    let data = pattern(400_000);
    let server = Config::default();
    let client = Config { recv_buffer: RecvBuffer::Fixed(50_000), ..Config::default() };
    let mut pair = Setup { client, server, ..Setup::default() }.build();
    let listener = TcpListener::bind(&pair.server, server_address(), 1).unwrap();
    let (to, from) = std::sync::mpsc::channel();
    let sent = data.clone();
    pair.runtime.spawner().spawn(async move {
        let stream = listener.accept().await.unwrap();
        stream.write_all(&sent).await.unwrap();
        stream.finish(Duration::from_secs(10_000)).await;
        let _ = to.send(stream.report());
    });
    let host = pair.client.clone();
    let clock = pair.runtime.clock().clone();
    let received = pair
        .runtime
        .block_on(async move {
            let stream = TcpStream::connect(&host, server_address()).await?;
            clock.sleep(Duration::from_secs(3600)).await;
            let mut received = Vec::new();
            let mut part = |bytes: &[u8]| {
                received.extend_from_slice(bytes);
                bytes.len()
            };
            while stream.read_with(&mut part).await? > 0 {}
            stream.shutdown();
            stream.finished().await;
            Ok::<_, io::Error>(received)
        })
        .unwrap()
        .unwrap();
    assert!(received == data);
    let report = from.try_recv().unwrap();
    let probes = report.stats.window_probes_out;
    assert!((30..50).contains(&probes), "{probes} probes in an hour");
    assert_eq!(report.stats.retransmits(), 0);
}

#[test]
fn each_side_may_close_first_and_go_on_reading() {
    for client_first in [true, false] {
        let mut pair = Setup::default().build();
        let listener = TcpListener::bind(&pair.server, server_address(), 1).unwrap();
        let converse = |stream: TcpStream, first: bool| async move {
            let mut buffer = [0; 100];
            if first {
                stream.write_all(b"question").await?;
                stream.shutdown();
            }
            let mut heard = Vec::new();
            loop {
                match stream.read(&mut buffer).await? {
                    0 => break,
                    len => heard.extend_from_slice(&buffer[..len]),
                }
            }
            if !first {
                stream.write_all(b"answer").await?;
                stream.shutdown();
            }
            stream.finished().await;
            Ok::<_, io::Error>((heard, stream.report().state))
        };
        let (to, from) = std::sync::mpsc::channel();
        pair.runtime.spawner().spawn(async move {
            let stream = listener.accept().await.unwrap();
            let _ = to.send(converse(stream, !client_first).await.unwrap());
        });
        let host = pair.client.clone();
        let client = pair
            .runtime
            .block_on(async move { converse(TcpStream::connect(&host, server_address()).await?, client_first).await });
        pair.runtime.block_on(pair.client.clock().clone().sleep(Duration::from_secs(10))).unwrap();
        let (client, server) = (client.unwrap().unwrap(), from.try_recv().unwrap());
        let (first, second) = if client_first { (client, server) } else { (server, client) };
        assert_eq!(first, (b"answer".to_vec(), State::TimeWait));
        assert_eq!(second, (b"question".to_vec(), State::Closed));
    }
}

#[test]
fn a_port_where_nobody_listens_refuses_and_an_address_where_nobody_is_times_out() {
    let mut pair = Setup::default().build();
    let host = pair.client.clone();
    let error = pair.runtime.block_on(TcpStream::connect(&host, server_address())).unwrap().err().unwrap();
    assert_eq!(error.kind(), io::ErrorKind::ConnectionRefused);
    let nobody = SocketAddr::from(([10, 0, 0, 9], 80));
    let error = pair.runtime.block_on(TcpStream::connect(&host, nobody)).unwrap().err().unwrap();
    assert_eq!(error.kind(), io::ErrorKind::TimedOut);
}

#[test]
fn a_full_backlog_drops_syns_and_serves_them_when_there_is_room() {
    let mut pair = Setup::default().build();
    let listener = TcpListener::bind(&pair.server, server_address(), 2).unwrap();
    let (host, clock) = (pair.client.clone(), pair.runtime.clock().clone());
    let accepting = clock.clone();
    pair.runtime.spawner().spawn(async move {
        // Nobody accepts for a while; the handshakes of two are finished by then.
        accepting.sleep(Duration::from_millis(500)).await;
        loop {
            let stream = listener.accept().await.unwrap();
            stream.finish(Duration::from_secs(1)).await;
        }
    });
    let server = pair.server.clone();
    pair.runtime
        .block_on(async move {
            for _ in 0..2 {
                TcpStream::connect(&host, server_address()).await?;
            }
            let start = clock.now();
            TcpStream::connect(&host, server_address()).await?;
            assert!(clock.now().since(start) >= Duration::from_secs(1), "by the SYN's retransmission");
            assert!(server.inspect(|stack| stack.counters().backlog_full) > 0);
            Ok::<_, io::Error>(())
        })
        .unwrap()
        .unwrap();
}
