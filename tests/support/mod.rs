//! Two hosts on a simulated wire, for tests that read as stories.
#![allow(dead_code, reason = "each test file uses the part it needs")]

pub mod deadline;

use std::io;
use std::net::{IpAddr, SocketAddr};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use tcpkit::capture::Direction;
use tcpkit::link::impair::{Impair, Impairments};
use tcpkit::link::sim::{WireConfig, wire};
use tcpkit::link::{Incident, Observer};
use tcpkit::net::{Host, Report, Runtime, TcpListener, TcpStream};
use tcpkit::random::Random;
use tcpkit::script::journal::{Journal, Scribe};
use tcpkit::stack::HostConfig;
use tcpkit::tcp::{Config, Secret};
use tcpkit::time::Time;
use tcpkit::wire::Packet;

pub const CLIENT: [u8; 4] = [10, 0, 0, 1];
pub const SERVER: [u8; 4] = [10, 0, 0, 2];

pub fn server_address() -> SocketAddr {
    SocketAddr::new(IpAddr::from(SERVER), 80)
}

/// The same hosts' addresses in IPv6.
fn v6(address: [u8; 4]) -> IpAddr {
    let [.., last] = address;
    IpAddr::from([0x2001, 0xdb8, 0, 0, 0, 0, 0, u16::from(last)])
}

/// A client and a server, joined.
pub struct Pair {
    pub runtime: Runtime,
    pub client: Host,
    pub server: Host,
    address: SocketAddr,
    pub tell: Tell,
}

/// What both ends saw. Should the test fail, each end's part is printed as a script, with the command that runs it.
#[derive(Clone)]
pub struct Tell {
    seed: u64,
    pub journals: [Arc<Mutex<Journal>>; 2],
}

impl Drop for Tell {
    fn drop(&mut self) {
        if !std::thread::panicking() {
            return;
        }
        for (name, journal) in ["client", "server"].into_iter().zip(&self.journals) {
            let Ok(journal) = journal.lock() else { continue };
            let path = format!("{}/seed-{}-{name}.pkt", env!("CARGO_TARGET_TMPDIR"), self.seed);
            let script = journal.script();
            println!("the {name}'s end as a script:\n{script}");
            if std::fs::write(&path, script).is_ok() {
                println!("run: tcpkit replay -v {path}");
            }
        }
    }
}

/// Keeps a [`Deadline`](deadline::Deadline) as long as the loop lives, which has it for an observer.
struct Watch(#[expect(dead_code, reason = "being there is what it does")] deadline::Deadline);

impl Observer for Watch {
    fn on_packet(&mut self, _: Time, _: Direction, _: &Packet, _: Option<&str>) -> io::Result<()> {
        Ok(())
    }

    fn on_incident(&mut self, _: &Incident) -> io::Result<()> {
        Ok(())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

/// How to set a [`Pair`] up.
pub struct Setup {
    pub seed: u64,
    pub client: Config,
    pub server: Config,
    pub wire: WireConfig,
    pub impairments: Impairments,
    pub observers: Vec<Box<dyn Observer>>,
    pub v6: bool,
}

impl Default for Setup {
    fn default() -> Self {
        Setup {
            seed: 1,
            client: Config::default(),
            server: Config::default(),
            wire: WireConfig::default(),
            impairments: Impairments::default(),
            observers: Vec::new(),
            v6: false,
        }
    }
}

impl Setup {
    pub fn build(self) -> Pair {
        let mut runtime = Runtime::new_virtual();
        let mut random = Random::new(self.seed);
        let (near, far) = wire(self.wire);
        let mut host = |address: [u8; 4], tcp: Config| HostConfig {
            addresses: vec![if self.v6 { v6(address) } else { IpAddr::from(address) }],
            owns_addresses: true,
            mtu: self.wire.mtu,
            ttl: 64,
            tcp,
            isn: None,
            secret: Secret([random.next_u64(), random.next_u64()]),
            annotate: !self.observers.is_empty(),
        };
        let journal = |tcp: &Config| Arc::new(Mutex::new(Journal::new(tcp.clone(), self.wire.mtu)));
        let journals = [journal(&self.client), journal(&self.server)];
        let (client, server) = (host(CLIENT, self.client), host(SERVER, self.server));
        let near = Impair::new(Box::new(near), &self.impairments, self.seed);
        let scribe = |end: usize| Box::new(Scribe(journals[end].clone())) as Box<dyn Observer>;
        let observers = self.observers.into_iter().chain([scribe(0)]).collect();
        let watch = Box::new(Watch(deadline::Deadline::or_fail(deadline::LIMIT)));
        let client = runtime.attach(client, Box::new(near), observers);
        let server = runtime.attach(server, Box::new(far), vec![scribe(1), watch]);
        let address = if self.v6 { SocketAddr::new(v6(SERVER), 80) } else { server_address() };
        Pair { runtime, client, server, address, tell: Tell { seed: self.seed, journals } }
    }
}

/// Bytes that show where they belong.
pub fn pattern(len: usize) -> Vec<u8> {
    let mut random = Random::new(len as u64);
    (0..len.div_ceil(8)).flat_map(|_| random.next_u64().to_le_bytes()).take(len).collect()
}

/// What a transfer came to.
pub struct Outcome {
    pub received: Vec<u8>,
    pub client: Report,
    pub server: Report,
    pub elapsed: Duration,
    pub tell: Tell,
}

impl Pair {
    /// The server sends `data` to whoever connects and closes; the client reads all of it and closes.
    pub fn download(&mut self, data: Vec<u8>) -> io::Result<Outcome> {
        let listener = TcpListener::bind(&self.server, self.address, 16)?;
        let (report_to, report_from) = std::sync::mpsc::channel();
        self.runtime.spawner().spawn(async move {
            let Ok(stream) = listener.accept().await else { return };
            let _ = stream.write_all(&data).await;
            stream.finish(Duration::from_secs(1_000_000)).await;
            let _ = report_to.send(stream.report());
        });
        let client = self.client.clone();
        let address = self.address;
        let start = self.runtime.clock().now();
        let (received, client) = self.runtime.block_on(async move {
            let stream = TcpStream::connect(&client, address).await?;
            let mut received = Vec::new();
            while stream
                .read_with(|bytes| {
                    received.extend_from_slice(bytes);
                    bytes.len()
                })
                .await?
                > 0
            {}
            stream.shutdown();
            stream.finished().await;
            Ok::<_, io::Error>((received, stream.report()))
        })??;
        let elapsed = self.runtime.clock().now().since(start);
        let server = report_from.try_recv().map_err(io::Error::other)?;
        Ok(Outcome { received, client, server, elapsed, tell: self.tell.clone() })
    }
}
