//! A connection as the script counts and as it is on the wire, and the way from one to the other.
//!
//! Scripts count sequence numbers from what they say in the SYN; on the wire both ends begin wherever they like. The
//! runner adds on the way in and subtracts on the way out.

use std::net::SocketAddr;

/// The states of the peer that the script plays, as far as its segments tell.
#[derive(Clone, Copy, Debug, Default)]
pub struct Peer {
    syn: bool,
    heard_syn: bool,
    open: bool,
    fin: Option<u32>,
    fin_acknowledged: bool,
    heard_fin: Option<u32>,
    got_fin: bool,
    reset: bool,
}

impl Peer {
    /// The peer sent a segment; numbers as the script counts.
    pub fn sent(&mut self, segment: &super::packets::Segment) {
        let flags = segment.tcp.flags;
        self.reset |= flags.rst();
        self.syn |= flags.syn();
        if flags.ack() {
            self.open |= self.syn && self.heard_syn && !flags.syn();
            let ack = segment.tcp.ack.unwrap_or(0);
            self.got_fin |= self.heard_fin.is_some_and(|fin| ack.wrapping_sub(fin) < 1 << 31 && ack != fin);
        }
        if flags.fin() {
            self.fin = Some(segment.end());
        }
    }

    /// The peer received a segment.
    pub fn received(&mut self, segment: &super::packets::Segment) {
        let flags = segment.tcp.flags;
        self.reset |= flags.rst();
        self.heard_syn |= flags.syn();
        if flags.ack() {
            let ack = segment.tcp.ack.unwrap_or(0);
            self.open |= self.syn && self.heard_syn && !flags.syn();
            self.fin_acknowledged |= self.fin.is_some_and(|fin| ack.wrapping_sub(fin) < 1 << 31);
        }
        if flags.fin() {
            self.heard_fin = Some(segment.end().wrapping_sub(1));
        }
    }

    /// Both ends have heard of each other.
    pub const fn is_open(&self) -> bool {
        self.open
    }

    /// The state by its RFC name.
    pub const fn state(&self) -> &'static str {
        match (self.reset, self.syn, self.open) {
            (true, ..) => "CLOSED",
            (_, false, _) => "LISTEN",
            (_, true, false) if self.heard_syn => "SYN-RECEIVED",
            (_, true, false) => "SYN-SENT",
            _ => match (self.fin.is_some(), self.fin_acknowledged, self.got_fin) {
                (false, _, false) => "ESTABLISHED",
                (false, _, true) => "CLOSE-WAIT",
                (true, false, false) => "FIN-WAIT-1",
                (true, true, false) => "FIN-WAIT-2",
                (true, false, true) => "CLOSING or LAST-ACK",
                (true, true, true) => "TIME-WAIT or CLOSED",
            },
        }
    }
}

/// One connection of a script.
#[derive(Clone, Debug)]
pub struct Flow {
    pub local: SocketAddr,
    pub remote: SocketAddr,
    /// Added to the script's numbers: ours, known once our SYN has left, and the peer's.
    pub local_offset: u32,
    pub remote_offset: u32,
    /// The sequence numbers of both SYNs, as the script says them; ours once it has been seen.
    pub local_isn: Option<u32>,
    pub remote_isn: u32,
    /// The first timestamp of ours: as the script says it, and as it was.
    first_stamp: Option<(u32, u32)>,
    /// Script's timestamps and what they stand for, latest last.
    stamps: Vec<(u32, u32)>,
    pub peer: Peer,
}

impl Flow {
    pub fn new(local: SocketAddr, remote: SocketAddr, remote_offset: u32) -> Self {
        Flow {
            local,
            remote,
            local_offset: 0,
            remote_offset,
            local_isn: None,
            remote_isn: 0,
            first_stamp: None,
            stamps: Vec::new(),
            peer: Peer::default(),
        }
    }

    /// The sequence number of the peer's first byte, as the script counts.
    pub const fn first_byte(&self) -> u32 {
        self.remote_isn.wrapping_add(1)
    }

    /// Our clock shows `actual` where the script begins with `said`.
    pub fn begin_stamps(&mut self, said: u32, actual: u32) {
        self.first_stamp.get_or_insert((said, actual));
    }

    /// Notes that the script calls the timestamp `actual` by `said`.
    pub fn note_stamp(&mut self, said: u32, actual: u32) {
        self.stamps.retain(|(known, _)| *known != said);
        self.stamps.push((said, actual));
        if self.stamps.len() > 4096 {
            self.stamps.remove(0);
        }
    }

    /// A timestamp of ours as the script would say it, were its clock ours.
    pub fn stamp_said(&self, actual: u32) -> u32 {
        self.first_stamp.map_or(actual, |(said, first)| said.wrapping_add(actual.wrapping_sub(first)))
    }

    /// The timestamp on the wire that is shown as `said`.
    pub fn stamp_on_wire(&self, said: u32) -> u32 {
        self.first_stamp.map_or(said, |(first, actual)| actual.wrapping_add(said.wrapping_sub(first)))
    }

    /// What a timestamp that the script echoes stands for: the one it called so, or else by the distance from the
    /// first.
    pub fn stamp_meant(&self, said: u32) -> u32 {
        let exact = self.stamps.iter().rev().find(|(known, _)| *known == said).map(|(_, actual)| *actual);
        let by_distance = self.first_stamp.map(|(first, actual)| actual.wrapping_add(said.wrapping_sub(first)));
        exact.or(by_distance).unwrap_or(said)
    }
}
