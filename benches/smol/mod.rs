//! smoltcp in the same place: two interfaces joined by queues in memory.

use std::cell::RefCell;
use std::collections::VecDeque;
use std::rc::Rc;
use std::time::Instant;

use smoltcp::iface::{Config, Interface, SocketHandle, SocketSet};
use smoltcp::phy::{Checksum, Device, DeviceCapabilities, Medium, RxToken, TxToken};
use smoltcp::socket::tcp::{Socket, SocketBuffer};
use smoltcp::time::Instant as SmolInstant;
use smoltcp::wire::{HardwareAddress, IpAddress, IpCidr};

use super::{BLOCK, CLIENT, PORT, SERVER, Sample};

/// One direction of the wire.
#[derive(Default)]
struct Wire {
    packets: VecDeque<Vec<u8>>,
    /// Packets that are used again.
    free: Vec<Vec<u8>>,
    data_segments: usize,
}

type Shared = Rc<RefCell<Wire>>;

struct Port {
    out: Shared,
    into: Shared,
    mtu: usize,
}

struct Received(Vec<u8>, Shared);
struct Sending(Shared);

impl RxToken for Received {
    fn consume<R, F: FnOnce(&[u8]) -> R>(self, read: F) -> R {
        let result = read(&self.0);
        self.1.borrow_mut().free.push(self.0);
        result
    }
}

impl TxToken for Sending {
    fn consume<R, F: FnOnce(&mut [u8]) -> R>(self, len: usize, write: F) -> R {
        let mut packet = self.0.borrow_mut().free.pop().unwrap_or_default();
        packet.resize(len, 0);
        let result = write(&mut packet);
        let mut wire = self.0.borrow_mut();
        wire.data_segments += usize::from(len > 100);
        wire.packets.push_back(packet);
        result
    }
}

impl Device for Port {
    type RxToken<'a> = Received;
    type TxToken<'a> = Sending;

    fn receive(&mut self, _: SmolInstant) -> Option<(Received, Sending)> {
        let packet = self.into.borrow_mut().packets.pop_front()?;
        Some((Received(packet, self.into.clone()), Sending(self.out.clone())))
    }

    fn transmit(&mut self, _: SmolInstant) -> Option<Sending> {
        Some(Sending(self.out.clone()))
    }

    fn capabilities(&self) -> DeviceCapabilities {
        let mut capabilities = DeviceCapabilities::default();
        capabilities.medium = Medium::Ip;
        capabilities.max_transmission_unit = self.mtu;
        capabilities.checksum.tcp = Checksum::Both;
        capabilities.checksum.ipv4 = Checksum::Both;
        capabilities
    }
}

struct End {
    port: Port,
    interface: Interface,
    sockets: SocketSet<'static>,
    handle: SocketHandle,
}

impl End {
    fn new(address: [u8; 4], mut port: Port, buffer: usize) -> Self {
        let mut interface = Interface::new(Config::new(HardwareAddress::Ip), &mut port, SmolInstant::now());
        let [a, b, c, d] = address;
        interface.update_ip_addrs(|list| list.push(IpCidr::new(IpAddress::v4(a, b, c, d), 24)).unwrap());
        let space = || SocketBuffer::new(vec![0; buffer]);
        let mut sockets = SocketSet::new(Vec::new());
        let handle = sockets.add(Socket::new(space(), space()));
        End { port, interface, sockets, handle }
    }

    fn socket(&mut self) -> &mut Socket<'static> {
        self.sockets.get_mut(self.handle)
    }

    fn poll(&mut self, now: SmolInstant) {
        self.interface.poll(now, &mut self.port, &mut self.sockets);
    }
}

pub fn transfer(mtu: usize, buffer: usize, total: usize) -> Sample {
    let (there, back) = (Shared::default(), Shared::default());
    let mut client = End::new(CLIENT, Port { out: there.clone(), into: back.clone(), mtu }, buffer);
    let mut server = End::new(SERVER, Port { out: back, into: there.clone(), mtu }, buffer);
    server.socket().listen(PORT).unwrap();
    let [a, b, c, d] = SERVER;
    let handle = client.handle;
    let socket = client.sockets.get_mut::<Socket<'_>>(handle);
    socket.connect(client.interface.context(), (IpAddress::v4(a, b, c, d), PORT), 50_000).unwrap();
    let source = vec![0x5a; BLOCK];
    let mut sink = vec![0; BLOCK];
    let (mut sent, mut got) = (0, 0);
    let start = Instant::now();
    while got < total {
        let now = SmolInstant::now();
        let socket = client.socket();
        if socket.can_send() && sent < total {
            sent += socket.send_slice(&source[..source.len().min(total - sent)]).unwrap();
        }
        client.poll(now);
        server.poll(now);
        let socket = server.socket();
        while socket.can_recv() {
            got += socket.recv_slice(&mut sink).unwrap();
        }
        assert!(start.elapsed().as_secs() < 60, "stalled after {got} bytes");
    }
    let data_segments = there.borrow().data_segments;
    Sample { seconds: start.elapsed().as_secs_f64(), bytes: got, data_segments }
}
