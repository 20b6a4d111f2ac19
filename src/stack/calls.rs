//! What users of a host do: connect, listen, accept, and use their connections.

use std::fmt;
use std::io;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};

use super::Stack;
use super::arrivals::header_len;
use super::listener::Listener;
use super::slab::ConnId;
use crate::tcp::{Config, Connection};
use crate::time::Time;
use crate::wire::SeqNum;

/// Why a connection cannot be opened.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ConnectError {
    /// A broadcast or multicast address, or none: nobody in particular is there (RFC 9293 MUST-46).
    NobodyThere(IpAddr),
    /// None of our addresses is of the remote's family.
    NoAddress(IpAddr),
    /// There is such a connection already.
    InUse(SocketAddr, SocketAddr),
    /// Every ephemeral port is taken.
    NoPort(SocketAddr),
}

impl fmt::Display for ConnectError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            ConnectError::NobodyThere(remote) => write!(f, "{remote} is not the address of one host"),
            ConnectError::NoAddress(remote) => write!(f, "no local address can reach {remote}"),
            ConnectError::InUse(local, remote) => write!(f, "{local} is already connected to {remote}"),
            ConnectError::NoPort(remote) => write!(f, "no free local port for {remote}"),
        }
    }
}

impl std::error::Error for ConnectError {}

/// Why nobody can listen at an address.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ListenError {
    /// Somebody listens there already.
    InUse(SocketAddr),
}

impl fmt::Display for ListenError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            ListenError::InUse(address) => write!(f, "{address} is already listened on"),
        }
    }
}

impl std::error::Error for ListenError {}

impl From<ConnectError> for io::Error {
    fn from(error: ConnectError) -> io::Error {
        io::Error::new(io::ErrorKind::AddrNotAvailable, error)
    }
}

impl From<ListenError> for io::Error {
    fn from(error: ListenError) -> io::Error {
        io::Error::new(io::ErrorKind::AddrInUse, error)
    }
}

impl Stack {
    /// Opens a connection to `remote` from `local`, or from a suitable address and an ephemeral port where that
    /// leaves address or port open (0). `isn` fixes the initial sequence number.
    pub fn connect(
        &mut self,
        now: Time,
        local: Option<SocketAddr>,
        remote: SocketAddr,
        isn: Option<SeqNum>,
    ) -> Result<ConnId, ConnectError> {
        self.connect_as(now, local, remote, isn, self.config.tcp.clone())
    }

    /// Like [`Stack::connect`], for a connection that behaves as `tcp` says and not as the host's others.
    pub fn connect_as(
        &mut self,
        now: Time,
        local: Option<SocketAddr>,
        remote: SocketAddr,
        isn: Option<SeqNum>,
        tcp: Config,
    ) -> Result<ConnId, ConnectError> {
        let (local, remote) = (local.map(without_scope), without_scope(remote));
        let v4_broadcast = matches!(remote.ip(), IpAddr::V4(v4) if v4.is_broadcast());
        if v4_broadcast || remote.ip().is_multicast() || remote.ip().is_unspecified() {
            return Err(ConnectError::NobodyThere(remote.ip()));
        }
        let fits = |address: &&IpAddr| address.is_ipv4() == remote.is_ipv4();
        let address = match local.map(|local| local.ip()).filter(|ip| !ip.is_unspecified()) {
            Some(ip) => ip,
            None => *self.config.addresses.iter().find(fits).ok_or(ConnectError::NoAddress(remote.ip()))?,
        };
        let port = match local.map_or(0, |local| local.port()) {
            0 => self.ephemeral_port(address, remote).ok_or(ConnectError::NoPort(remote))?,
            port => port,
        };
        let local = SocketAddr::new(address, port);
        if self.by_addresses.contains_key(&(local, remote)) {
            return Err(ConnectError::InUse(local, remote));
        }
        let iss = isn.or(self.config.isn).unwrap_or_else(|| self.config.secret.isn(local, remote, now));
        let ts_offset = self.config.secret.timestamp_offset(local, remote);
        let mut connection = Connection::open(self.fitted(tcp, remote.ip()), local, remote, iss, ts_offset);
        self.fit_path(now, &mut connection);
        let id = self.slab.insert(connection, None);
        self.by_addresses.insert((local, remote), id);
        self.settle(id);
        Ok(id)
    }

    /// Listens at `address`. The unspecified IPv4 address stands for all of ours of that family, the unspecified IPv6
    /// address for those of both.
    pub fn listen(&mut self, address: SocketAddr, backlog: usize) -> Result<(), ListenError> {
        self.listen_as(address, backlog, self.config.tcp.clone())
    }

    /// Like [`Stack::listen`], for connections that behave as `tcp` says and not as the host's others.
    pub fn listen_as(&mut self, address: SocketAddr, backlog: usize, tcp: Config) -> Result<(), ListenError> {
        if self.listeners.contains_key(&address) {
            return Err(ListenError::InUse(address));
        }
        self.listeners.insert(address, Listener::new(backlog, tcp));
        Ok(())
    }

    /// Whether a connection waits to be accepted at `address`.
    pub fn is_acceptable(&self, address: SocketAddr) -> bool {
        self.listeners.get(&address).is_some_and(Listener::is_acceptable)
    }

    /// What becomes of connections that are asked for at `address` from now on.
    pub fn set_listener_config(&mut self, address: SocketAddr, tcp: Config) {
        if let Some(listener) = self.listeners.get_mut(&address) {
            listener.tcp = tcp;
        }
    }

    /// Stops listening; connections that nobody accepted are reset.
    pub fn unlisten(&mut self, address: SocketAddr) {
        let Some(listener) = self.listeners.remove(&address) else { return };
        for id in listener.into_orphans() {
            if let Some(slot) = self.slab.get_mut(id) {
                slot.released = true;
                slot.connection.abort();
            }
            self.settle(id);
        }
    }

    /// The next connection that waits at `address`.
    pub fn accept(&mut self, address: SocketAddr) -> Option<ConnId> {
        let id = self.listeners.get_mut(&address)?.accept()?;
        if let Some(slot) = self.slab.get_mut(id) {
            slot.parent = None;
        }
        Some(id)
    }

    /// Uses a connection: whatever `call` does to it is followed up. `None` when the connection is gone.
    pub fn with<T>(&mut self, id: ConnId, call: impl FnOnce(&mut Connection) -> T) -> Option<T> {
        let result = call(&mut self.slab.get_mut(id)?.connection);
        self.settle(id);
        Some(result)
    }

    /// The user lets go of a connection: it closes by itself and is forgotten when that is done.
    pub fn release(&mut self, now: Time, id: ConnId) {
        if let Some(slot) = self.slab.get_mut(id) {
            slot.released = true;
            slot.connection.detach(now);
            self.settle(id);
        }
    }

    /// Ends every connection: closes our side of each, or resets them.
    pub fn close_all(&mut self, reset: bool) {
        let ids: Vec<ConnId> = self.slab.iter().map(|(id, _)| id).collect();
        for id in ids {
            self.with(id, |connection| if reset { connection.abort() } else { connection.shutdown() });
        }
    }

    /// On shared addresses, `end` is ours: strangers there are answered by RST. The unspecified address stands for all
    /// of ours of its family.
    pub fn guard(&mut self, end: SocketAddr) {
        self.guarded.insert(without_scope(end));
    }

    /// The settings for a connection to or from `remote`: the MSS is what the MTU carries, or less when asked for.
    pub(super) fn fitted(&self, mut config: Config, remote: IpAddr) -> Config {
        let carried = self.config.mtu.saturating_sub(usize::from(header_len(remote)));
        let carried = u16::try_from(carried).unwrap_or(u16::MAX);
        config.mss = config.mss.min(carried);
        config
    }

    /// The listener that a SYN to `address` reaches: the exact one before the one for all addresses.
    pub(super) fn listener_at(&self, address: SocketAddr) -> Option<SocketAddr> {
        [address, any_v4_or_v6(address), any_v6(address)].into_iter().find(|at| self.listeners.contains_key(at))
    }

    /// Whether a stranger's segment to `local` is ours to answer.
    pub(super) fn answers_for(&self, local: SocketAddr) -> bool {
        self.config.owns_addresses || [local, any_v4_or_v6(local)].iter().any(|end| self.guarded.contains(end))
    }
}

fn any_v4_or_v6(address: SocketAddr) -> SocketAddr {
    match address {
        SocketAddr::V4(v4) => (Ipv4Addr::UNSPECIFIED, v4.port()).into(),
        SocketAddr::V6(_) => any_v6(address),
    }
}

fn any_v6(address: SocketAddr) -> SocketAddr {
    (Ipv6Addr::UNSPECIFIED, address.port()).into()
}

/// Packets carry no scope: which interface a link-local address is behind is the link's to know.
fn without_scope(end: SocketAddr) -> SocketAddr {
    (end.ip(), end.port()).into()
}
