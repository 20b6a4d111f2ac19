//! Everything that passes an interface, or all of them, for who only wants to look.

use std::io;
use std::os::fd::{AsRawFd, OwnedFd};
use std::time::Duration;

use crate::link::Wait;
use crate::link::sys::receive::{self, BATCH, HEAD, Received, VNET_HEADER};
use crate::link::sys::{bpf::Instruction, wait};

/// What the kernel may keep for us while we are busy.
const RECEIVE_BUFFER: i32 = 64 << 20;
/// The largest packet, offloads included.
const LARGEST: usize = 256 << 10;
/// `PACKET_OUTGOING` of linux/if_packet.h.
const OUTGOING: u8 = 4;
/// `ARPHRD_ETHER` and `ARPHRD_LOOPBACK` of linux/if_arp.h.
const ETHERNET: u16 = 1;
const LOOPBACK: u16 = 772;

/// A frame as it passed.
pub struct Heard<'a> {
    /// Nanoseconds since the Unix epoch.
    pub time: u64,
    /// The LINKTYPE number of what its first byte belongs to: Ethernet, or raw IP.
    pub link: u16,
    /// Its bytes.
    pub bytes: &'a [u8],
    /// It left this host.
    pub outgoing: bool,
}

/// In place of an interface's index: whatever the host has, also what comes up later. What is passed on inside the host,
/// by a bridge or between namespaces, is heard once for each interface it passes.
pub const EVERY_INTERFACE: u32 = 0;

/// Listens on one interface, or on all.
pub struct Listener {
    socket: OwnedFd,
    spare: Vec<Vec<u8>>,
    received: Vec<Received>,
    frame: Vec<u8>,
    dropped: u64,
}

impl Listener {
    /// Begins to listen on the interface with this index, or on [`EVERY_INTERFACE`], to both directions.
    pub fn open(interface: u32) -> io::Result<Listener> {
        // Everything, whole.
        let all = [Instruction { code: 0x06, jt: 0, jf: 0, k: u32::MAX }];
        let socket = receive::packet_socket(libc::ETH_P_ALL, interface, &all, RECEIVE_BUFFER)?;
        let spare = (0..BATCH).map(|_| Vec::with_capacity(LARGEST)).collect();
        Ok(Listener { socket, spare, received: Vec::with_capacity(BATCH), frame: Vec::new(), dropped: 0 })
    }

    /// Waits for frames, `patience` at most or until a signal comes, and hands those that are there to `hear`.
    pub fn hear<E>(
        &mut self,
        patience: Duration,
        mut hear: impl FnMut(Heard<'_>) -> Result<(), E>,
    ) -> io::Result<Result<(), E>> {
        wait::wait_ready(&[Wait { descriptor: self.socket.as_raw_fd(), to_write: false }], None, Some(patience))?;
        receive::receive(&self.socket, &mut self.spare, &mut self.received)?;
        let mut outcome = Ok(());
        for packet in self.received.drain(..) {
            let outgoing = packet.packet_type == OUTGOING;
            // On the loopback interface everything passes twice.
            let twice = outgoing && packet.hardware == LOOPBACK;
            if outcome.is_ok() && !twice {
                self.frame.clear();
                self.frame.extend_from_slice(packet.head.get(VNET_HEADER..HEAD).unwrap_or_default());
                self.frame.extend_from_slice(&packet.rest);
                let ethernet = matches!(packet.hardware, ETHERNET | LOOPBACK);
                let (link, skip) = if ethernet { (1, 0) } else { (101, packet.network_offset) };
                let bytes = self.frame.get(skip..).unwrap_or_default();
                outcome = hear(Heard { time: packet.arrived.unwrap_or(0), link, bytes, outgoing });
            }
            self.spare.push(packet.rest);
        }
        Ok(outcome)
    }

    /// Frames that the kernel dropped because nobody read them in time, since the beginning.
    pub fn dropped(&mut self) -> io::Result<u64> {
        self.dropped += receive::packets_dropped(&self.socket)?;
        Ok(self.dropped)
    }
}
