//! Ethernet frames with TCP in IP: where things are in them, and how to change them.

use std::net::IpAddr;

use tcpkit::wire::checksum::{Sum, pseudo_header};

/// Bytes of an Ethernet header.
pub const ETHERNET: usize = 14;
/// The flag SYN, RFC 9293 section 3.1.
pub const SYN: u8 = 2;
const RST: u8 = 4;
const ACK: u8 = 16;

/// Where things are in a frame.
#[derive(Clone, Copy, Debug)]
pub struct Places {
    /// IP version 6.
    pub v6: bool,
    /// The TCP header begins here.
    pub tcp: usize,
    /// The payload begins here.
    pub payload: usize,
    /// The IP packet ends here, before any padding; beyond the bytes at hand in a cut frame.
    pub end: usize,
}

/// Finds TCP in a frame with a whole TCP header; options may be cut.
pub fn places(frame: &[u8]) -> Option<Places> {
    let (v6, tcp, end) = match frame.get(12..14)? {
        [0x08, 0x00] => {
            let head = frame.get(14..34)?;
            let len = usize::from(u16::from_be_bytes([head[2], head[3]]));
            (head[9] == 6).then_some((false, 14 + usize::from(head[0] & 15) * 4, 14 + len))?
        }
        [0x86, 0xdd] => {
            let head = frame.get(14..54)?;
            let len = usize::from(u16::from_be_bytes([head[4], head[5]]));
            (head[6] == 6).then_some((true, 54, 54 + len))?
        }
        _ => return None,
    };
    let offset = usize::from(frame.get(tcp + 12)? >> 4) * 4;
    frame.get(tcp + 19)?;
    Some(Places { v6, tcp, payload: tcp + offset, end })
}

impl Places {
    /// Bytes of payload.
    pub fn len(&self) -> usize {
        self.end.saturating_sub(self.payload)
    }

    /// The flags.
    pub fn flags(&self, frame: &[u8]) -> u8 {
        frame[self.tcp + 13]
    }

    /// The sequence number.
    pub fn seq(&self, frame: &[u8]) -> u32 {
        word(frame, self.tcp + 4)
    }

    /// The acknowledgment number.
    pub fn ack(&self, frame: &[u8]) -> u32 {
        word(frame, self.tcp + 8)
    }

    /// Sender and receiver.
    pub fn addresses(&self, frame: &[u8]) -> (IpAddr, IpAddr) {
        if self.v6 {
            let address = |at: usize| <[u8; 16]>::try_from(&frame[at..at + 16]).map(IpAddr::from);
            (address(22).unwrap_or(IpAddr::from([0; 16])), address(38).unwrap_or(IpAddr::from([0; 16])))
        } else {
            let address = |at: usize| IpAddr::from([frame[at], frame[at + 1], frame[at + 2], frame[at + 3]]);
            (address(26), address(30))
        }
    }
}

fn word(frame: &[u8], at: usize) -> u32 {
    u32::from_be_bytes([frame[at], frame[at + 1], frame[at + 2], frame[at + 3]])
}

/// Computes the checksums of IP and TCP anew.
pub fn complete(frame: &mut [u8]) {
    let Some(places) = places(frame) else { return };
    if !places.v6 {
        frame[24..26].fill(0);
        let mut sum = Sum::default();
        sum.add(&frame[14..places.tcp]);
        frame[24..26].copy_from_slice(&sum.finish().to_be_bytes());
    }
    let (from, to) = places.addresses(frame);
    let Some(end) = (places.end <= frame.len()).then_some(places.end) else { return };
    frame[places.tcp + 16..places.tcp + 18].fill(0);
    let mut sum = pseudo_header(from, to, 6, end - places.tcp);
    sum.add(&frame[places.tcp..end]);
    frame[places.tcp + 16..places.tcp + 18].copy_from_slice(&sum.finish().to_be_bytes());
}

/// Overwrites options of a kind with no-operations, which keeps every length; true if there was one.
pub fn strip(frame: &mut [u8], kind: u8) -> bool {
    let Some(places) = places(frame) else { return false };
    let (mut at, end) = (places.tcp + 20, places.payload.min(frame.len()));
    let mut found = false;
    while at < end {
        let len = match frame[at] {
            0 => break,
            1 => 1,
            _ if at + 1 < end && frame[at + 1] >= 2 => usize::from(frame[at + 1]),
            _ => break,
        };
        if frame[at] == kind && at + len <= end {
            frame[at..at + len].fill(1);
            found = true;
        }
        at += len;
    }
    if found {
        complete(frame);
    }
    found
}

/// A reset that claims to be the answer to `frame` (`back`), or to follow it in its own direction.
pub fn reset(frame: &[u8], back: bool, ttl: u8) -> Option<Vec<u8>> {
    let places = places(frame)?;
    let mut out = frame[..places.tcp + 20].to_vec();
    let (seq, ack) = (places.seq(frame), places.ack(frame));
    if back {
        for (a, b, len) in [(0, 6, 6), (places.tcp, places.tcp + 2, 2)] {
            swap(&mut out, a, b, len);
        }
        if places.v6 { swap(&mut out, 22, 38, 16) } else { swap(&mut out, 26, 30, 4) }
    }
    let (seq, ack) = if back { (ack, seq.wrapping_add(places.len() as u32)) } else { (seq, ack) };
    let tcp = places.tcp;
    out[tcp + 4..tcp + 8].copy_from_slice(&seq.to_be_bytes());
    out[tcp + 8..tcp + 12].copy_from_slice(&ack.to_be_bytes());
    out[tcp + 12] = 5 << 4;
    out[tcp + 13] = RST | ACK;
    out[tcp + 14..tcp + 16].fill(0);
    out[tcp + 18..tcp + 20].fill(0);
    if places.v6 {
        out[18..20].copy_from_slice(&20u16.to_be_bytes());
        out[21] = ttl;
    } else {
        let len = (tcp - 14 + 20) as u16;
        out[16..18].copy_from_slice(&len.to_be_bytes());
        out[22] = ttl;
    }
    complete(&mut out);
    Some(out)
}

fn swap(bytes: &mut [u8], a: usize, b: usize, len: usize) {
    for i in 0..len {
        bytes.swap(a + i, b + i);
    }
}
