//! A threaded echo server and ten clients, with the blocking socket calls everybody knows, over a simulated wire that
//! loses every tenth packet.
//!
//!     cargo run --example echo_threads

use std::io::{self, Read, Write};
use std::net::SocketAddr;
use std::thread::JoinHandle;

use tcpkit::link::impair::{Impair, Impairments};
use tcpkit::link::sim::{WireConfig, wire};
use tcpkit::net::Runtime;
use tcpkit::net::blocking::{Driver, TcpListener, TcpStream};
use tcpkit::stack::HostConfig;
use tcpkit::tcp::{Config, Secret};

const CLIENTS: usize = 10;

#[allow(dead_code, reason = "a test includes this file for what `run` does")]
fn main() -> io::Result<()> {
    run()
}

/// Everything: hosts, threads, and their end.
pub fn run() -> io::Result<()> {
    let mut runtime = Runtime::new_virtual();
    let (near, far) = wire(WireConfig::default());
    let bad = Impairments { drop: vec!["10%".parse().map_err(io::Error::other)?], ..Impairments::default() };
    let near = Impair::new(Box::new(near), &bad, 1);
    let client = runtime.attach(host([192, 0, 2, 1]), Box::new(near), Vec::new());
    let server = runtime.attach(host([192, 0, 2, 2]), Box::new(far), Vec::new());
    let clock = runtime.clock().clone();
    let start = clock.now();
    let address = SocketAddr::from(([192, 0, 2, 2], 7));
    let listener = TcpListener::bind(&server, address, CLIENTS)?;
    let driver = Driver::start(runtime);

    let serving: JoinHandle<io::Result<()>> = std::thread::spawn(move || {
        let handlers: Vec<JoinHandle<io::Result<()>>> = (0..CLIENTS)
            .map(|_| {
                let (mut stream, _) = listener.accept()?;
                Ok(std::thread::spawn(move || {
                    let mut buffer = [0; 4096];
                    loop {
                        match stream.read(&mut buffer)? {
                            0 => return Ok(()),
                            len => stream.write_all(&buffer[..len])?,
                        }
                    }
                }))
            })
            .collect::<io::Result<_>>()?;
        handlers.into_iter().try_for_each(|handler| handler.join().expect("a handler does not panic"))
    });
    let clients: Vec<JoinHandle<io::Result<usize>>> = (0..CLIENTS)
        .map(|number| {
            let client = client.clone();
            std::thread::spawn(move || {
                let mut stream = TcpStream::connect(&client, address)?;
                let sent = format!("client {number} says hello; ").repeat(2_000);
                stream.write_all(sent.as_bytes())?;
                stream.shutdown();
                let mut echoed = String::new();
                stream.read_to_string(&mut echoed)?;
                assert_eq!(echoed, sent);
                Ok(echoed.len())
            })
        })
        .collect();
    for (number, client) in clients.into_iter().enumerate() {
        println!("client {number}: {} bytes came back", client.join().expect("a client does not panic")?);
    }
    serving.join().expect("the server does not panic")?;
    println!("done after {:.1} s of simulated time", clock.now().since(start).as_secs_f64());
    driver.stop()
}

fn host(address: [u8; 4]) -> HostConfig {
    HostConfig {
        addresses: vec![address.into()],
        owns_addresses: true,
        mtu: 1500,
        ttl: 64,
        tcp: Config::default(),
        isn: None,
        secret: Secret([1, u64::from(address[3])]),
        annotate: false,
    }
}
