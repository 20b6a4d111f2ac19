//! Does something on this host answer for our ports? Watched for at the start: a local firewall that rejects sends
//! resets or ICMP errors in our name, and then the peer hangs up on us for no reason that we could see.

use std::collections::VecDeque;
use std::io;
use std::net::{IpAddr, SocketAddr};
use std::os::fd::OwnedFd;
use std::time::Duration;

use super::filter;
use crate::link::sys::receive;
use crate::time::Time;
use crate::wire::{Flags, IpPacket, Protocol, SeqNum, TcpPacket, icmp};

/// Resets of our own that are remembered: as many as leave in one turn, before we look at what has left.
const REMEMBERED: usize = 256;
/// Packets after which a firewall that meant to reject would have.
const ENOUGH: u32 = 64;
/// The watch costs every packet that leaves this host a little, ours or not.
const LONGEST: Duration = Duration::from_secs(60);
/// Resets and ICMP errors are few.
const RECEIVE_BUFFER: i32 = 64 << 10;

/// What leaves this host in the name of our ports.
pub struct Watch {
    /// Closing it waits for the whole kernel to have noticed, for which nobody should have to wait: see `drop`.
    socket: Option<OwnedFd>,
    seen: Seen,
    left: u32,
    until: Option<Time>,
}

/// What has been seen.
#[derive(Default)]
struct Seen {
    ports: Vec<u16>,
    /// Resets that we sent: to whom, and their sequence numbers.
    ours: VecDeque<(SocketAddr, SeqNum)>,
    found: Option<Answer>,
}

/// Somebody answered in our name.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Answer {
    /// Our port.
    pub port: u16,
    /// To whom.
    pub to: IpAddr,
    /// By a reset, or by ICMP.
    pub reset: bool,
}

impl Watch {
    /// Begins to watch.
    pub fn open(ports: &[u16]) -> io::Result<Watch> {
        let filter = filter::leaving(ports);
        let socket = receive::packet_socket(libc::ETH_P_ALL, 0, &filter, RECEIVE_BUFFER)?;
        let seen = Seen { ports: ports.to_vec(), ..Seen::default() };
        Ok(Watch { socket: Some(socket), seen, left: ENOUGH, until: None })
    }

    /// Where the kernel shows what leaves.
    pub fn socket(&self) -> Option<&OwnedFd> {
        self.socket.as_ref()
    }

    /// A packet came in.
    pub fn on_received(&mut self) {
        self.left = self.left.saturating_sub(1);
    }

    /// When the watch ends, whatever comes.
    pub fn until(&self) -> Option<Time> {
        self.until
    }

    /// Whether it has lasted long enough.
    pub fn is_over(&mut self, now: Time) -> bool {
        let over = self.left == 0 || now >= *self.until.get_or_insert(now + LONGEST);
        over && self.seen.found.is_none()
    }

    /// A packet of ours is about to leave.
    pub fn on_sent(&mut self, packet: &[u8]) {
        self.seen.on_sent(packet);
    }

    /// The kernel shows us a packet that left this host, or passed through it; `is_ours` knows our addresses.
    pub fn on_left(&mut self, packet: &[u8], is_ours: impl FnMut(IpAddr) -> bool) {
        if self.left > 0 {
            self.seen.on_left(packet, is_ours);
        }
    }

    /// What was found; there is nothing more to watch for then.
    pub fn take(&mut self) -> Option<Answer> {
        let found = self.seen.found.take()?;
        self.left = 0;
        Some(found)
    }
}

impl Drop for Watch {
    fn drop(&mut self) {
        let socket = self.socket.take();
        // Where there can be no thread, it is closed here.
        let _ = std::thread::Builder::new().spawn(move || drop(socket));
    }
}

impl Seen {
    fn on_sent(&mut self, packet: &[u8]) {
        if let Some((to, seq, _)) = read_reset(packet) {
            self.ours.push_front((to, seq));
            self.ours.truncate(REMEMBERED);
        }
    }

    fn on_left(&mut self, packet: &[u8], mut is_ours: impl FnMut(IpAddr) -> bool) {
        if let Some((to, seq, port)) = read_reset(packet) {
            let from = IpPacket::addresses(packet).map(|(src, _)| src);
            if !self.ours.contains(&(to, seq)) && from.is_some_and(is_ours) {
                self.found.get_or_insert(Answer { port, to: to.ip(), reset: true });
            }
        } else if let Ok(ip) = IpPacket::parse(packet)
            && let Ok(Some(error)) = icmp::parse(&ip)
            && self.ports.contains(&error.dst.port())
            && ip.src != ip.dst
            && is_ours(error.dst.ip())
        {
            // We send no ICMP, so it is not ours; and it is about what a peer sent to us, not what the kernel tells us of
            // a packet of ours.
            self.found.get_or_insert(Answer { port: error.dst.port(), to: error.src.ip(), reset: false });
        }
    }
}

/// Whom a reset is for, its sequence number, and the port that it comes from.
fn read_reset(packet: &[u8]) -> Option<(SocketAddr, SeqNum, u16)> {
    let ip = IpPacket::parse(packet).ok().filter(|ip| ip.protocol == Protocol::TCP)?;
    let header = TcpPacket::parse(ip.payload).ok()?.header;
    header.flags.contains(Flags::RST).then(|| (SocketAddr::new(ip.dst, header.dst_port), header.seq, header.src_port))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::wire::TcpHeader;
    use crate::wire::ip::IpHeader;

    fn is_us(address: IpAddr) -> bool {
        address == IpAddr::from([192, 0, 2, 1])
    }

    fn reset(seq: u32) -> Vec<u8> {
        let (src, dst) = ([192, 0, 2, 1].into(), [192, 0, 2, 2].into());
        let mut bytes = Vec::new();
        IpHeader { src, dst, protocol: Protocol::TCP, ttl: 64, dscp: 0, ecn: Default::default(), id: 1 }
            .write(20, &mut bytes);
        let tcp = TcpHeader { src_port: 80, dst_port: 9, seq: SeqNum(seq), flags: Flags::RST, ..Default::default() };
        tcp.write(&[], &mut bytes);
        bytes
    }

    #[test]
    fn an_icmp_error_about_what_a_peer_sent_is_told_from_what_the_kernel_tells_us() {
        let (us, peer) = (IpAddr::from([192, 0, 2, 1]), IpAddr::from([192, 0, 2, 2]));
        let packet = |src, dst, src_port, dst_port| {
            let mut bytes = Vec::new();
            IpHeader { src, dst, protocol: Protocol::TCP, ttl: 64, dscp: 0, ecn: Default::default(), id: 1 }
                .write(20, &mut bytes);
            TcpHeader { src_port, dst_port, ..Default::default() }.write(&[], &mut bytes);
            bytes
        };
        let mut seen = Seen { ports: vec![80], ..Seen::default() };
        let about_ours = icmp::write(icmp::IcmpKind::NoRoute, us, &packet(us, peer, 80, 80)).unwrap();
        seen.on_left(&about_ours, is_us);
        let about_anothers = icmp::write(icmp::IcmpKind::PortUnreachable, us, &packet(peer, us, 5, 81)).unwrap();
        seen.on_left(&about_anothers, is_us);
        assert_eq!(seen.found, None);
        let about_the_peers = icmp::write(icmp::IcmpKind::PortUnreachable, us, &packet(peer, us, 5, 80)).unwrap();
        seen.on_left(&about_the_peers, is_us);
        assert_eq!(seen.found, Some(Answer { port: 80, to: peer, reset: false }));
    }

    #[test]
    fn a_reset_that_we_did_not_send_is_told_from_our_own() {
        let mut seen = Seen { ports: vec![80], ..Seen::default() };
        seen.on_sent(&reset(7));
        seen.on_left(&reset(7), is_us);
        assert_eq!(seen.found, None);
        seen.on_left(&reset(8), |_| false);
        assert_eq!(seen.found, None, "it only passes through this host");
        seen.on_left(&reset(8), is_us);
        assert_eq!(seen.found, Some(Answer { port: 80, to: [192, 0, 2, 2].into(), reset: true }));
    }
}
