//! Sessions on real networks, by the raw link: for Linux.

use std::io;
use std::net::{IpAddr, Ipv4Addr, SocketAddr, SocketAddrV4};

use super::args::link::LinkChoice;
use super::exit::{Exit, Failure};
use super::session::{Options, Session};
use super::signals::Signals;
use crate::link::raw::{self, Guard, RawLink};
use crate::net::Runtime;
use crate::random::entropy;
use crate::tcp::{RecvBuffer, Secret};

/// On loopback, and wherever a route carries more, packets are as large as on most networks, so that a run looks like
/// one.
const NETWORK_MTU: usize = 1500;

impl Options<'_> {
    /// Our side of a real connection to `remote`.
    pub fn connect_to(&self, remote: SocketAddrV4) -> Result<Session, Failure> {
        let (routed, mtu) = raw::route(remote)
            .map_err(|error| Failure::new(Exit::Unreachable, format!("no route to {}: {error}", remote.ip())))?;
        let local = self.local_v4()?.unwrap_or(routed);
        self.open_raw(local, self.path.link.source_port.unwrap_or(0), mtu, true)
    }

    /// Our side of real connections from anybody to `port`.
    pub fn listen_on(&self, port: u16) -> Result<Session, Failure> {
        if self.path.link.source_port.is_some() {
            return Err(Failure::new(
                Exit::Usage,
                "--source-port is for connections that we open; --port names the service's",
            ));
        }
        let local = self.local_v4()?.unwrap_or(Ipv4Addr::UNSPECIFIED);
        self.open_raw(local, port, raw::smallest_mtu().unwrap_or(NETWORK_MTU), false)
    }

    fn local_v4(&self) -> Result<Option<Ipv4Addr>, Failure> {
        match self.path.link.local {
            None => Ok(None),
            Some(IpAddr::V4(local)) => Ok(Some(local)),
            Some(IpAddr::V6(local)) => {
                Err(Failure::new(Exit::NotAllowed, format!("--local {local}: the raw link speaks IPv4 only so far")))
            }
        }
    }

    fn open_raw(&self, local: Ipv4Addr, port: u16, route_mtu: usize, opens: bool) -> Result<Session, Failure> {
        self.sane()?;
        if self.path.link.link == LinkChoice::Sim {
            return Err(Failure::new(Exit::Usage, "--link sim has no other hosts; write sim:PATH as the target"));
        }
        if self.path.link.write_peer.is_some() {
            return Err(Failure::new(
                Exit::Usage,
                "--write-peer needs a simulated wire: a real peer's view is its own",
            ));
        }
        if self.path.tcp.peer.is_some() {
            return Err(Failure::new(Exit::Usage, "--peer needs a simulated wire: a real peer has its own settings"));
        }
        if self.path.impair.corrupt.iter().any(|spec| spec.in_outgoing_ip_header()) {
            return Err(Failure::new(
                Exit::Usage,
                "--corrupt ip: on a real link is for incoming packets (in:ip:...): the kernel mends the IP header of what we send",
            ));
        }
        let mtu = self.path.link.mtu.map_or(route_mtu.min(NETWORK_MTU), usize::from);
        let mut link = RawLink::open(local, port, mtu).map_err(|error| raw_failure(&error, local, port))?;
        if opens {
            link.expect_to_send();
        }
        let settings = link.settings().clone();
        let mut runtime = Runtime::new_real().map_err(|error| Failure::connection("starting", &error))?;
        let signals = Signals::watch(&mut runtime);
        let secret = Secret(entropy().map_err(|error| Failure::new(Exit::NotAllowed, error.to_string()))?);
        let rules = self.path.impair.all();
        let seed = match rules.is_none() {
            true => None,
            false => Some(self.seed()?),
        };
        let observers = self.observers(self.path.link.write.as_deref(), true)?;
        let mut tcp = self.path.tcp.config();
        if let RecvBuffer::Auto { max } = tcp.recv_buffer {
            // What the kernel cannot keep for us while we are busy is lost; offering more invites that.
            tcp.recv_buffer = RecvBuffer::Auto { max: max.min(settings.window) };
        }
        let config = self.host(settings.addresses.clone(), mtu, tcp, secret, !observers.is_empty());
        if !rules.is_none() || !observers.is_empty() {
            link.split_segments();
        }
        let link = self.impaired(Box::new(link), &rules, seed.unwrap_or(0));
        let host = runtime.attach(config, link, observers);
        host.guard(settings.port);
        let path = format!(
            "raw IPv4 on port {}{}",
            settings.port,
            match settings.guard {
                Guard::Filter => "",
                Guard::MinimumTtl => " (kernel kept silent by a minimum TTL: peers that send with TTL 255 get resets)",
            }
        );
        let real = Some(SocketAddr::from((local, settings.port)));
        Ok(Session { runtime, host, peer: None, signals, seed, path, real })
    }
}

fn raw_failure(error: &io::Error, local: Ipv4Addr, port: u16) -> Failure {
    match error.kind() {
        io::ErrorKind::PermissionDenied if port != 0 && port < 1024 && error.to_string().starts_with("bind") => {
            Failure::new(
                Exit::NotAllowed,
                format!(
                    "port {port} needs the capability CAP_NET_BIND_SERVICE as well ({error}); use --port 1024 or above"
                ),
            )
        }
        io::ErrorKind::PermissionDenied => Failure::new(
            Exit::NotAllowed,
            format!(
                "raw packets need a privilege that this process lacks ({error}).\n  \
                 Give it to the program:  sudo setcap cap_net_raw,cap_net_admin+ep $(command -v tcpkit)\n  \
                 or try a simulated wire, which needs none:  tcpkit fetch sim:FILE"
            ),
        ),
        io::ErrorKind::AddrInUse => Failure::new(
            Exit::NotAllowed,
            format!("port {port} is in use by another program (ss -ltnp 'sport = :{port}' says which)"),
        ),
        io::ErrorKind::AddrNotAvailable => {
            Failure::new(Exit::NotAllowed, format!("{local} is no address of this machine"))
        }
        _ => Failure::new(Exit::NotAllowed, format!("cannot open a raw link: {error}")),
    }
}
