//! A transfer between two stacks in memory, on one thread: tcpkit, and smoltcp beside it in the same run.
//!
//!     cargo bench --bench transfer [-- BYTES]
//!
//! Both do the same work: the application copies into the send buffer, the sender makes IP packets with checksums, the
//! receiver verifies them and the application copies out. Gbit/s of goodput and nanoseconds per data segment, for both
//! ends and all acknowledgments together; minimum / median / maximum of the samples, which alternate between the two.

use std::time::Instant;

mod smol;

use tcpkit::stack::{ConnId, HostConfig, Stack};
use tcpkit::tcp::config::RecvBuffer;
use tcpkit::tcp::{Config, Secret, State};
use tcpkit::time::Time;
use tcpkit::wire::Packet;
use tcpkit::wire::packet::Cutter;

const SAMPLES: usize = 7;
/// What the application writes or reads at a time.
const BLOCK: usize = 64 << 10;
const CLIENT: [u8; 4] = [192, 0, 2, 1];
const SERVER: [u8; 4] = [192, 0, 2, 2];
const PORT: u16 = 80;

/// What one transfer took.
pub struct Sample {
    seconds: f64,
    bytes: usize,
    data_segments: usize,
}

fn main() {
    let wanted = std::env::args().skip(1).find_map(|argument| argument.parse().ok());
    let total: usize = wanted.unwrap_or(1_000_000_000);
    println!("{total} bytes, checksums made and verified, {SAMPLES} samples: minimum / median / maximum");
    println!("{:<10}{:>7}{:>9}   {:<24}  {:<22}", "", "MTU", "buffer", "Gbit/s", "ns per data segment");
    for (mtu, buffer) in [(1500, 65_535), (1500, 1 << 20), (65_535, 1 << 20)] {
        let mut ours = Vec::new();
        let mut theirs = Vec::new();
        for _ in 0..SAMPLES {
            ours.push(transfer(mtu, buffer, total));
            theirs.push(smol::transfer(mtu, buffer, total));
        }
        let our_median = report("tcpkit", mtu, buffer, &ours);
        let their_median = report("smoltcp", mtu, buffer, &theirs);
        println!("{:<10}{:.2} times smoltcp", "", our_median / their_median);
    }
}

/// Prints a row; the median of the goodput.
fn report(name: &str, mtu: usize, buffer: usize, samples: &[Sample]) -> f64 {
    let sorted = |figure: &dyn Fn(&Sample) -> f64| {
        let mut figures: Vec<f64> = samples.iter().map(figure).collect();
        figures.sort_by(f64::total_cmp);
        (figures[0], figures[figures.len() / 2], figures[figures.len() - 1])
    };
    let rate = sorted(&|sample| sample.bytes as f64 * 8e-9 / sample.seconds);
    let price = sorted(&|sample| sample.seconds * 1e9 / sample.data_segments as f64);
    println!(
        "{name:<10}{mtu:>7}{buffer:>9}   {:>6.1} /{:>6.1} /{:>6.1}    {:>6.0} /{:>6.0} /{:>6.0}",
        rate.0, rate.1, rate.2, price.0, price.1, price.2
    );
    rate.1
}

/// One end: a stack, and the space for the packet that it sends.
struct End {
    stack: Stack,
    packet: Packet,
}

impl End {
    fn new(address: [u8; 4], mtu: usize, buffer: usize, secret: u64) -> Self {
        let tcp =
            Config { mss: u16::MAX, recv_buffer: RecvBuffer::Fixed(buffer), send_buffer: buffer, ..Config::default() };
        let config = HostConfig {
            addresses: vec![address.into()],
            owns_addresses: true,
            mtu,
            ttl: 64,
            tcp,
            isn: None,
            secret: Secret([secret, secret]),
            annotate: false,
        };
        End { stack: Stack::new(config), packet: Packet::default() }
    }

    /// Everything it has to send, as packets for the other. How many of them carry data.
    fn send_to(&mut self, now: Time, other: &mut End) -> usize {
        let mut data = 0;
        while let Some(outgoing) = self.stack.poll_transmit(now) {
            let cutter = Cutter::new(&outgoing);
            for index in 0..cutter.count() {
                cutter.write(index, &mut self.packet);
                other.stack.on_packet(now, &self.packet);
            }
            data += if outgoing.payload.is_empty() { 0 } else { cutter.count() };
        }
        data
    }
}

fn transfer(mtu: usize, buffer: usize, total: usize) -> Sample {
    let mut client = End::new(CLIENT, mtu, buffer, 1);
    let mut server = End::new(SERVER, mtu, buffer, 2);
    let at = (SERVER, PORT).into();
    server.stack.listen(at, 1).unwrap();
    let start = Instant::now();
    let clock = || Time::from_nanos(1_000_000_000 + start.elapsed().as_nanos() as u64);
    let sender = client.stack.connect(clock(), None, at, None).unwrap();
    let mut receiver: Option<ConnId> = None;
    let source = vec![0x5a; BLOCK];
    let mut sink = vec![0; BLOCK];
    let (mut sent, mut got, mut data_segments) = (0, 0, 0);
    while got < total {
        let now = clock();
        client.stack.on_timeout(now);
        server.stack.on_timeout(now);
        if sent < total {
            let part = &source[..source.len().min(total - sent)];
            sent += client.stack.with(sender, |connection| connection.send(part)).unwrap().unwrap();
        }
        data_segments += client.send_to(now, &mut server);
        receiver = receiver.or_else(|| server.stack.accept(at));
        while let Some(id) = receiver {
            match server.stack.with(id, |connection| connection.receive(now, &mut sink)).unwrap().unwrap() {
                0 => break,
                count => got += count,
            }
        }
        server.send_to(now, &mut client);
        // Nobody asks for these here.
        while client.stack.poll_event().is_some() || server.stack.poll_event().is_some() {}
        assert!(start.elapsed().as_secs() < 60, "stalled after {got} bytes");
    }
    let seconds = start.elapsed().as_secs_f64();
    let connection = client.stack.connection(sender).unwrap();
    assert_eq!((connection.state(), connection.stats().retransmits()), (State::Established, 0));
    Sample { seconds, bytes: got, data_segments }
}
