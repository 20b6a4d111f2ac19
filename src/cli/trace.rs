//! A line per segment, as it passes.

use std::collections::HashMap;
use std::io::{self, Write};
use std::net::SocketAddr;

use colored::Colorize;

use crate::capture::Direction;
use crate::link::{Incident, Observer};
use crate::time::Time;
use crate::wire::{IpPacket, Packet, Protocol, TcpPacket, pretty};

/// Prints what passes, in tcpdump's words: seconds since the first packet, direction, segment. Sequence numbers count
/// from the SYN.
pub struct Tracer {
    out: Box<dyn Write + Send>,
    notes: bool,
    start: Option<Time>,
    /// Initial sequence number of each sender towards each receiver.
    isns: HashMap<(SocketAddr, SocketAddr), u32>,
}

impl Tracer {
    /// Prints to `out`; with `notes` also what the state machine made of each segment.
    pub fn new(out: Box<dyn Write + Send>, notes: bool) -> Self {
        Tracer { out, notes, start: None, isns: HashMap::new() }
    }

    fn line(&mut self, now: Time, direction: Direction, packet: &Packet, note: Option<&str>) -> io::Result<()> {
        let elapsed = now.since(*self.start.get_or_insert(now));
        let arrow = match direction {
            Direction::Out => "->".green(),
            Direction::In => "<-".cyan(),
        };
        let base = self.base(packet);
        let line = pretty::line(&packet.bytes, base);
        writeln!(self.out, "{:>3}.{:06} {arrow} {line}", elapsed.as_secs(), elapsed.subsec_micros())?;
        match note.filter(|note| self.notes && !note.is_empty()) {
            Some(note) => writeln!(self.out, "              {}", note.dimmed()),
            None => Ok(()),
        }
    }

    /// From where the packet's two numbers count.
    fn base(&mut self, packet: &Packet) -> Option<(u32, u32)> {
        let ip = IpPacket::parse(&packet.bytes).ok().filter(|ip| ip.protocol == Protocol::TCP)?;
        let header = TcpPacket::parse(ip.payload).ok()?.header;
        let src = SocketAddr::new(ip.src, header.src_port);
        let dst = SocketAddr::new(ip.dst, header.dst_port);
        // A flood of SYNs must not fill the memory; lines of the oldest connections then count from 0.
        if self.isns.len() > 100_000 {
            self.isns.clear();
        }
        if header.flags.syn() {
            self.isns.insert((src, dst), header.seq.0);
        }
        let isn = |pair| self.isns.get(&pair).copied().unwrap_or(0);
        Some((isn((src, dst)), isn((dst, src))))
    }
}

impl Observer for Tracer {
    fn on_packet(&mut self, now: Time, direction: Direction, packet: &Packet, note: Option<&str>) -> io::Result<()> {
        // A closed pipe is no reason to end the transfer.
        let _ = self.line(now, direction, packet, note);
        Ok(())
    }

    fn on_incident(&mut self, incident: &Incident) -> io::Result<()> {
        let elapsed = incident.time.since(self.start.unwrap_or(incident.time));
        let base = self.base(&incident.packet);
        let line = pretty::line(&incident.packet.bytes, base);
        let what = incident.comment.yellow();
        let _ = writeln!(self.out, "{:>3}.{:06} ** {line}: {what}", elapsed.as_secs(), elapsed.subsec_micros());
        Ok(())
    }

    fn flush(&mut self) -> io::Result<()> {
        let _ = self.out.flush();
        Ok(())
    }
}
