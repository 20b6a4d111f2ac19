//! The path as a program: frames come from one device, the model decides, and they leave by the other when they are due.

use std::collections::BinaryHeap;
use std::error::Error;
use std::io::{Read, Write};
use std::num::NonZeroU64;
use std::os::fd::IntoRawFd;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Condvar, Mutex, PoisonError};
use std::time::{Duration, Instant};

use pnet::datalink::{self, Channel, Config, DataLinkReceiver, DataLinkSender};
use socket2::{Domain, Socket, Type};

use super::addresses::{CLIENT_MAC, SERVER_MAC};
use super::path::{Done, Leaving, Model};
use super::plan::Path;

/// What waits to leave by one device.
#[derive(Default)]
struct Outlet {
    heap: Mutex<BinaryHeap<Waiting>>,
    more: Condvar,
}

/// The earliest comes first out of a heap, and of equal ones the one that came first.
struct Waiting {
    due: u64,
    number: u64,
    order: u64,
    frame: Vec<u8>,
}

impl PartialEq for Waiting {
    fn eq(&self, other: &Self) -> bool {
        (self.due, self.number) == (other.due, other.number)
    }
}
impl Eq for Waiting {}
impl PartialOrd for Waiting {
    fn partial_cmp(&self, other: &Self) -> Option<std::cmp::Ordering> {
        Some(self.cmp(other))
    }
}
impl Ord for Waiting {
    fn cmp(&self, other: &Self) -> std::cmp::Ordering {
        (other.due, other.number).cmp(&(self.due, self.number))
    }
}

struct Shared {
    model: Mutex<Model>,
    outlets: [Outlet; 2],
    begun: Instant,
    stop: AtomicBool,
    /// When packets came, in nanoseconds.
    came: Mutex<Vec<u64>>,
    /// When no thread of this program ran though one should have, from and to.
    stalls: Mutex<Vec<(u64, u64)>>,
}

fn lock<T>(mutex: &Mutex<T>) -> std::sync::MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

impl Shared {
    fn now(&self) -> u64 {
        self.begun.elapsed().as_nanos() as u64
    }
}

/// Forwards until standard input ends; then prints what was done, as JSON.
pub fn run(spec: &str) -> Result<(), Box<dyn Error + Send + Sync>> {
    let path: Path = serde_json::from_str(spec)?;
    let shared = Arc::new(Shared {
        model: Mutex::new(Model::new(path)),
        outlets: Default::default(),
        begun: Instant::now(),
        stop: AtomicBool::new(false),
        came: Mutex::default(),
        stalls: Mutex::default(),
    });
    let (to_client, from_client) = open("rc")?;
    let (to_server, from_server) = open("rs")?;
    let mut threads = Vec::new();
    for (way, inlet, outlet, mac) in [(0, from_client, to_server, CLIENT_MAC), (1, from_server, to_client, SERVER_MAC)]
    {
        let (here, there) = (Arc::clone(&shared), Arc::clone(&shared));
        threads.push(std::thread::spawn(move || take(&here, way, inlet, mac)));
        threads.push(std::thread::spawn(move || put(&there, way, outlet)));
    }
    let here = Arc::clone(&shared);
    threads.push(std::thread::spawn(move || watch(&here)));
    println!("ready");
    std::io::stdout().flush()?;
    std::io::stdin().read_to_end(&mut Vec::new())?;
    shared.stop.store(true, Ordering::Relaxed);
    for outlet in &shared.outlets {
        outlet.more.notify_all();
    }
    for thread in threads {
        thread.join().map_err(|_| "a thread of the forwarder failed")?;
    }
    let late_us = late_us(&lock(&shared.stalls), &lock(&shared.came));
    let done = lock(&shared.model).done().map(|done| Done { late_us, ..done });
    println!("{}", serde_json::to_string(&done)?);
    Ok(())
}

type Ends = (Box<dyn DataLinkSender>, Box<dyn DataLinkReceiver>);

fn open(name: &str) -> Result<Ends, Box<dyn Error + Send + Sync>> {
    let device = datalink::interfaces().into_iter().find(|device| device.name == name);
    let device = device.ok_or_else(|| format!("there is no device {name}"))?;
    // The default buffer holds some 90 full frames, less than a burst of a large window.
    let socket = Socket::new(Domain::PACKET, Type::RAW, None)?;
    socket.set_recv_buffer_size(4 << 20)?;
    let config = Config {
        read_buffer_size: 1 << 17,
        read_timeout: Some(Duration::from_millis(50)),
        socket_fd: Some(socket.into_raw_fd()),
        ..Config::default()
    };
    match datalink::channel(&device, config)? {
        Channel::Ethernet(sender, receiver) => Ok((sender, receiver)),
        _ => Err(format!("{name} gives no frames").into()),
    }
}

/// Notes when a thread of this program comes to run late.
fn watch(shared: &Shared) {
    const TICK: Duration = Duration::from_millis(1);
    while !shared.stop.load(Ordering::Relaxed) {
        let from = shared.now();
        std::thread::sleep(TICK);
        let to = shared.now();
        if to - from > 3_000_000 {
            lock(&shared.stalls).push((from, to));
        }
    }
}

/// The longest of the stalls in which a packet had to wait, in microseconds.
fn late_us(stalls: &[(u64, u64)], came: &[u64]) -> u64 {
    // One that waited is taken right after the stall.
    let hit = |(from, to): &&(u64, u64)| came.iter().any(|came| (*from..=*to + 1_000_000).contains(came));
    stalls.iter().filter(hit).map(|(from, to)| (to - from) / 1000).max().unwrap_or(0)
}

fn take(shared: &Shared, way: usize, mut inlet: Box<dyn DataLinkReceiver>, mac: [u8; 6]) {
    let mut number = 0;
    while !shared.stop.load(Ordering::Relaxed) {
        let Ok(frame) = inlet.next() else { continue };
        // The socket shows what we send by it, too.
        if frame.get(6..12) != Some(&mac[..]) {
            continue;
        }
        let frame = frame.to_vec();
        let now = shared.now();
        lock(&shared.came).push(now);
        for leaving in lock(&shared.model).pass(way, now, frame) {
            number += 1;
            let outlet = &shared.outlets[leaving.way];
            let Leaving { due, order, frame, .. } = leaving;
            lock(&outlet.heap).push(Waiting { due, number, order, frame });
            outlet.more.notify_one();
        }
    }
}

fn put(shared: &Shared, way: usize, mut device: Box<dyn DataLinkSender>) {
    // Sleep to the microsecond rather than to 50 of them.
    let _ = rustix::thread::set_current_timer_slack(NonZeroU64::new(1_000));
    let outlet = &shared.outlets[way];
    while !shared.stop.load(Ordering::Relaxed) {
        let mut heap = lock(&outlet.heap);
        let now = shared.now();
        let wait = heap.peek().map_or(50_000_000, |first| first.due.saturating_sub(now));
        if wait > 0 {
            let wait = Duration::from_nanos(wait.min(50_000_000));
            drop(outlet.more.wait_timeout(heap, wait).unwrap_or_else(PoisonError::into_inner));
            continue;
        }
        let Some(first) = heap.pop() else { continue };
        drop(heap);
        lock(&shared.model).left(way, first.order);
        // What a device does not take is lost, as on any wire; a veth takes all.
        let _ = device.send_to(&first.frame, None);
    }
}
