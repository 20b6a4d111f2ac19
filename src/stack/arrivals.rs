//! A packet's way from its first byte to its connection.

use std::net::{IpAddr, SocketAddr};

use super::Stack;
use super::slab::ConnId;
use crate::tcp::{Connection, Segment, reset_for};
use crate::time::Time;
use crate::wire::icmp::{self, IcmpError, IcmpKind};
use crate::wire::ip::{IPV4_HEADER, IPV6_HEADER, IpHeader};
use crate::wire::options::OptionBytes;
use crate::wire::packet::ChecksumState;
use crate::wire::tcp::{self, TCP_HEADER};
use crate::wire::{
    IpPacket, Malformed, Meta, Outgoing, Packet, Payload, Protocol, SeqNum, TcpHeader, TcpOptions, TcpPacket,
};

/// What became of a packet, for observers.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Arrival {
    /// The connection it was for.
    pub connection: Option<ConnId>,
    /// What the state machine made of it; only when the host annotates.
    pub note: Option<String>,
}

impl Arrival {
    fn dropped(why: &'static str) -> Self {
        Arrival { connection: None, note: Some(why.into()) }
    }
}

impl Stack {
    /// A packet arrived. What is wrong with it is counted, not answered.
    pub fn on_packet(&mut self, now: Time, packet: &Packet) -> Arrival {
        self.counters.packets_in += 1;
        if packet.meta.truncated {
            self.counters.truncated += 1;
            return Arrival::dropped("cut short by the link, dropped");
        }
        match self.read(now, packet) {
            Ok(arrival) => arrival,
            Err(Malformed::Checksum { .. }) => {
                self.counters.bad_checksum += 1;
                Arrival::dropped("wrong checksum, dropped")
            }
            Err(error) => {
                self.counters.malformed += 1;
                Arrival { connection: None, note: self.config.annotate.then(|| format!("malformed, dropped: {error}")) }
            }
        }
    }

    fn read(&mut self, now: Time, packet: &Packet) -> Result<Arrival, Malformed> {
        // By reference: a packet's header is read where it was put together, for moving it costs more than reading it.
        let ip = IpPacket::parse(&packet.bytes);
        let ip = ip.as_ref().map_err(Clone::clone)?;
        IpPacket::verify_header(&packet.bytes)?;
        if !self.config.addresses.is_empty() && !self.config.addresses.contains(&ip.dst) {
            self.counters.not_ours += 1;
            return Ok(Arrival::dropped("not for this host, ignored"));
        }
        if impossible_source(ip.src) {
            self.counters.bad_source += 1;
            return Ok(Arrival::dropped("impossible source, dropped"));
        }
        if ip.fragment.is_some() {
            self.counters.fragments += 1;
            return Ok(Arrival::dropped("fragment, dropped"));
        }
        match ip.protocol {
            Protocol::TCP => self.on_tcp(now, ip, &packet.meta),
            Protocol::ICMP | Protocol::ICMPV6 => {
                if let Some(error) = icmp::parse(ip)? {
                    return Ok(self.on_icmp(now, &error));
                }
                Ok(Arrival::default())
            }
            _ => {
                self.counters.other_protocols += 1;
                Ok(Arrival::dropped("not TCP, ignored"))
            }
        }
    }

    fn on_tcp(&mut self, now: Time, ip: &IpPacket<'_>, meta: &Meta) -> Result<Arrival, Malformed> {
        if meta.checksum == ChecksumState::Unknown {
            tcp::verify(ip.src, ip.dst, ip.payload)?;
        }
        let packet = TcpPacket::read(ip.payload, TcpPacket::data_offset(ip.payload)?);
        let segment = Segment {
            header: packet.header,
            options: TcpOptions::parse(packet.options),
            payload: packet.payload,
            ecn: ip.ecn,
            arrived: meta.arrived.unwrap_or(now),
        };
        let TcpHeader { dst_port, src_port, .. } = packet.header;
        // Packets come in trains: the next one is mostly for the same connection as the last.
        if let Some(id) = self.last_found.filter(|id| self.is_between(*id, (&ip.dst, dst_port), (&ip.src, src_port)))
            && !segment.header.flags.syn()
        {
            return Ok(self.deliver(now, id, &segment));
        }
        let (local, remote) = (SocketAddr::new(ip.dst, dst_port), SocketAddr::new(ip.src, src_port));
        if local == remote {
            self.counters.bad_source += 1;
            return Ok(Arrival::dropped("from itself, dropped"));
        }
        let known = self.by_addresses.get(&(local, remote)).copied();
        self.last_found = known;
        let replaced = known.and_then(|id| self.replace(now, id, &segment));
        match known.filter(|_| replaced.is_none()).or_else(|| self.on_syn(now, local, remote, &segment, replaced)) {
            Some(id) => Ok(self.deliver(now, id, &segment)),
            None => Ok(self.on_stranger(local, remote, &segment)),
        }
    }

    /// A new SYN takes the place of a connection in TIME-WAIT, if somebody listens and has room for it. The sequence
    /// number after the last that the old connection used.
    fn replace(&mut self, now: Time, id: ConnId, segment: &Segment<'_>) -> Option<SeqNum> {
        let connection = self.slab.get(id).map(|slot| &slot.connection).filter(|c| c.yields_to(now, segment))?;
        let (local, used) = (connection.local(), connection.snd_nxt());
        self.listener_at(local).and_then(|at| self.listeners.get(&at)).filter(|listener| listener.has_room())?;
        self.slab.get_mut(id)?.connection.forget();
        self.settle(id);
        Some(used)
    }

    /// A connection request: a new connection in LISTEN, when somebody listens and has room.
    fn on_syn(
        &mut self,
        now: Time,
        local: SocketAddr,
        remote: SocketAddr,
        segment: &Segment<'_>,
        used: Option<SeqNum>,
    ) -> Option<ConnId> {
        let flags = segment.header.flags;
        if !flags.syn() || flags.ack() || flags.rst() {
            return None;
        }
        let at = self.listener_at(local)?;
        let mut iss = self.config.isn.unwrap_or_else(|| self.config.secret.isn(local, remote, now));
        if let Some(used) = used {
            // RFC 9293 MAY-2: larger than any that the old connection used, also when that was faster than the clock.
            iss = iss.latest(used + 1);
        }
        let ts_offset = self.config.secret.timestamp_offset(local, remote);
        let listener = self.listeners.get(&at)?;
        if !listener.has_room() {
            return None;
        }
        let config = self.fitted(listener.tcp.clone(), remote.ip());
        let mut connection = Connection::accept(config, local, remote, iss, ts_offset);
        self.fit_path(now, &mut connection);
        let id = self.slab.insert(connection, Some(at));
        if let Some(listener) = self.listeners.get_mut(&at) {
            listener.on_syn(id);
        }
        self.by_addresses.insert((local, remote), id);
        Some(id)
    }

    fn deliver(&mut self, now: Time, id: ConnId, segment: &Segment<'_>) -> Arrival {
        let annotate = self.config.annotate;
        let Some(slot) = self.slab.get_mut(id) else { return Arrival::default() };
        let before = slot.connection.state();
        let disposition = slot.connection.on_segment(now, segment);
        if !self.warned_of_timestamps && slot.connection.stats().timestamps_missing_in > 0 {
            self.warned_of_timestamps = true;
            self.warning = Some(format!(
                "peer {} leaves timestamps out, though both ends agreed on them: a box on the path may strip the option; \
                 its segments are taken all the same, without protection against old ones (RFC 7323 section 5)",
                slot.connection.remote()
            ));
        }
        let note = annotate.then(|| {
            let after = slot.connection.describe();
            if slot.connection.state() == before {
                format!("{disposition}; {after}")
            } else {
                format!("{disposition}; {before} -> {after}")
            }
        });
        self.settle(id);
        Arrival { connection: Some(id), note }
    }

    /// A segment for which there is no connection (RFC 9293 section 3.10.7.1).
    fn on_stranger(&mut self, local: SocketAddr, remote: SocketAddr, segment: &Segment<'_>) -> Arrival {
        if self.listener_at(local).is_some() && segment.header.flags.syn() && !segment.header.flags.ack() {
            // Dropping it is all that can be done: the peer tries again, perhaps when there is room.
            self.counters.backlog_full += 1;
            return Arrival::dropped("backlog full, dropped");
        }
        let flags = segment.header.flags;
        if self.listener_at(local).is_some() && !flags.syn() && !flags.ack() && !flags.rst() {
            // LISTEN has no use for it and drops it (RFC 9293 section 3.10.7.2, fourth).
            self.counters.strangers_ignored += 1;
            return Arrival::dropped("no request, ignored by LISTEN");
        }
        match reset_for(&segment.header, segment.len()).filter(|_| self.answers_for(local)) {
            Some(header) => {
                self.counters.strangers_reset += 1;
                self.answer(local.ip(), remote.ip(), header);
                Arrival::dropped("no such connection, answered by RST")
            }
            None => {
                self.counters.strangers_ignored += 1;
                Arrival::dropped("no such connection, ignored")
            }
        }
    }

    fn answer(&mut self, src: IpAddr, dst: IpAddr, tcp: TcpHeader) {
        // A flood of strangers must not pile up answers faster than they leave.
        const MOST: usize = 256;
        if self.answers.len() >= MOST {
            return;
        }
        let ip = IpHeader {
            src,
            dst,
            protocol: Protocol::TCP,
            ttl: self.config.ttl,
            dscp: 0,
            ecn: Default::default(),
            id: 1,
        };
        self.answers.push_back(Outgoing {
            ip,
            tcp,
            options: OptionBytes::new(),
            payload: Payload::empty(),
            segment_size: 0,
            note: self.config.annotate.then(|| "reset: no such connection".into()),
        });
    }

    /// An ICMP error about a segment of ours.
    fn on_icmp(&mut self, now: Time, error: &IcmpError) -> Arrival {
        let Some(id) = self.by_addresses.get(&(error.src, error.dst)).copied() else {
            return Arrival::dropped("an ICMP error about no connection of ours, ignored");
        };
        self.counters.icmp_errors += 1;
        let header = header_len(error.dst.ip());
        let believed = self.slab.get_mut(id).is_some_and(|slot| slot.connection.on_icmp(error.kind, error.seq, header));
        if let (true, IcmpKind::TooBig { mtu }) = (believed, error.kind) {
            self.paths.on_too_big(now, error.dst.ip(), mtu);
        }
        self.settle(id);
        let note = self.config.annotate.then(|| match believed {
            true => error.kind.to_string(),
            false => format!("{}; it quotes nothing that is in flight, ignored", error.kind),
        });
        Arrival { connection: Some(id), note }
    }

    /// A connection begins with what is known of its path (RFC 1191 section 3).
    pub(super) fn fit_path(&self, now: Time, connection: &mut Connection) {
        let remote = connection.remote().ip();
        if let Some(mtu) = self.paths.mtu(now, remote) {
            connection.on_path_mtu(mtu, header_len(remote));
        }
    }
}

/// What IP and TCP take of a packet to `remote`, without options.
pub(super) fn header_len(remote: IpAddr) -> u16 {
    (TCP_HEADER + if remote.is_ipv4() { IPV4_HEADER } else { IPV6_HEADER }) as u16
}

/// Sources that no host has (RFC 1122 section 3.2.1.3): answering them would hit a crowd or nobody.
fn impossible_source(src: IpAddr) -> bool {
    match src {
        IpAddr::V4(v4) => v4.is_unspecified() || v4.is_multicast() || v4.is_broadcast(),
        // An IPv4 address in IPv6 clothes is for programs, not for wires (RFC 4291 section 2.5.5.2).
        IpAddr::V6(v6) => v6.is_unspecified() || v6.is_multicast() || v6.to_ipv4_mapped().is_some(),
    }
}
