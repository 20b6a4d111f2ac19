//! Sessions on real networks, by the raw link: for Linux.

use std::io;
use std::net::{IpAddr, SocketAddr};

use super::args::link::LinkChoice;
use super::exit::{Exit, Failure};
use super::holder;
use super::session::{Options, Session};
use super::signals::Signals;
use crate::link::raw::{self, Guard, RawConfig, RawLink, Routes};
use crate::net::{Attempt, Runtime};
use crate::random::entropy;
use crate::tcp::{RecvBuffer, Secret};

/// On loopback packets are as large as on most networks, so that a run looks like one.
const NETWORK_MTU: usize = 1500;

/// What a link is opened for.
struct Purpose {
    claims: Vec<SocketAddr>,
    attempts: Vec<Attempt>,
    /// The other hosts, and which interface each is behind.
    hosts: Vec<(IpAddr, u32)>,
    mtu: usize,
}

impl Options<'_> {
    /// Our side of a real connection to one of `remotes`.
    pub fn connect_to(&self, remotes: &[SocketAddr]) -> Result<Session, Failure> {
        let interface = self.interface()?;
        if let Some(local) =
            self.path.link.local.filter(|local| !local.is_loopback() && !raw::addresses().contains(local))
        {
            return Err(Failure::new(
                Exit::NotAllowed,
                format!("{local} is no address of this machine (ip addr lists them)"),
            ));
        }
        let routes = Routes::open().map_err(|error| Failure::connection("asking for routes", &error))?;
        let mut purpose = Purpose { claims: Vec::new(), attempts: Vec::new(), hosts: Vec::new(), mtu: usize::MAX };
        let mut failure = None;
        let port = self.path.link.source_port.unwrap_or(0);
        for remote in remotes {
            let wanted = self.path.link.local;
            if let Some(local) = wanted.filter(|local| local.is_ipv4() != remote.is_ipv4()) {
                let message = format!("--local {local} and {} are of different families", remote.ip());
                failure.get_or_insert(Failure::new(Exit::Usage, message));
                continue;
            }
            let route = match routes.to(*remote, wanted, interface.as_ref().map(|(_, index)| *index)) {
                Ok(route) => route,
                Err(error) => {
                    let from = wanted.map_or_else(String::new, |local| format!(" from {local}"));
                    let by = interface.as_ref().map_or_else(String::new, |(name, _)| format!(" by {name}"));
                    let message = format!("no route to {}{from}{by}: {error}", remote.ip());
                    failure.get_or_insert(Failure::new(Exit::Unreachable, message));
                    continue;
                }
            };
            let mut local = SocketAddr::new(route.source, port);
            if let (SocketAddr::V6(v6), IpAddr::V6(ip)) = (&mut local, route.source)
                && ip.is_unicast_link_local()
            {
                v6.set_scope_id(route.interface);
            }
            if !purpose.claims.contains(&local) {
                purpose.claims.push(local);
            }
            purpose.attempts.push(Attempt { local: Some(local), remote: *remote });
            purpose.hosts.push((remote.ip(), route.interface));
            purpose.mtu = purpose.mtu.min(if route.local { route.mtu.min(NETWORK_MTU) } else { route.mtu });
        }
        match failure {
            Some(failure) if purpose.attempts.is_empty() => Err(failure),
            _ => self.open_raw(purpose, interface),
        }
    }

    /// Our side of real connections from anybody to `port`.
    pub fn listen_on(&self, port: u16) -> Result<Session, Failure> {
        if self.path.link.source_port.is_some() {
            return Err(Failure::new(
                Exit::Usage,
                "--source-port is for connections that we open; --port names the service's",
            ));
        }
        let interface = self.interface()?;
        let addresses = self.path.link.local.map_or_else(raw::unspecified, |local| vec![local]);
        let spoken = addresses.into_iter().filter(|address| self.path.link.speaks(*address));
        let mut claims: Vec<SocketAddr> = spoken.map(|ip| SocketAddr::new(ip, port)).collect();
        if claims.is_empty() {
            return Err(Failure::new(Exit::NotAllowed, "-4 or -6 leaves no address of this machine to serve at"));
        }
        for claim in &mut claims {
            if let (SocketAddr::V6(v6), Some((_, index))) = (claim, &interface)
                && v6.ip().is_unicast_link_local()
            {
                v6.set_scope_id(*index);
            }
        }
        let routes = Routes::open().map_err(|error| Failure::connection("asking for routes", &error))?;
        let mtu = raw::smallest_mtu(&routes, interface.as_ref().map(|(_, index)| *index)).unwrap_or(NETWORK_MTU);
        self.open_raw(Purpose { claims, attempts: Vec::new(), hosts: Vec::new(), mtu }, interface)
    }

    /// Name and index of --interface.
    fn interface(&self) -> Result<Option<(String, u32)>, Failure> {
        let Some(name) = &self.path.link.interface else { return Ok(None) };
        match raw::interface_index(name) {
            Some(index) => Ok(Some((name.clone(), index))),
            None => Err(Failure::new(Exit::NotAllowed, format!("there is no interface '{name}'; ip link lists them"))),
        }
    }

    fn open_raw(&self, purpose: Purpose, interface: Option<(String, u32)>) -> Result<Session, Failure> {
        self.sane()?;
        self.only_real()?;
        let Purpose { claims, mut attempts, hosts, mtu: routed } = purpose;
        let mtu = self.path.link.mtu.map_or(routed, usize::from);
        let config = RawConfig { claims: claims.clone(), interface, mtu };
        let mut link = RawLink::open(config).map_err(|error| raw_failure(&error, &claims))?;
        if let Some(holder) = holder::of_connections(&claims) {
            let port = claims.first().map_or(0, SocketAddr::port);
            let message = format!("port {port} still has connections of {holder}; what comes for them would be ours");
            return Err(Failure::new(Exit::NotAllowed, message));
        }
        link.expect_to_send(&hosts);
        let settings = link.settings().clone();
        for attempt in &mut attempts {
            // Where any port would do, it is known now.
            attempt.local = attempt
                .local
                .and_then(|wanted| settings.claims.iter().find(|bound| bound.ip() == wanted.ip()).copied());
        }
        let mut runtime = Runtime::new_real().map_err(|error| Failure::connection("starting", &error))?;
        if !self.global.quiet {
            runtime.warn_by(|warning| eprintln!("tcpkit: {warning}"));
        }
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
        // The link passes nothing on that is for others.
        let config = self.host(Vec::new(), mtu, tcp, secret, !observers.is_empty());
        if !rules.is_none() || !observers.is_empty() {
            link.split_segments();
        }
        let link = self.impaired(Box::new(link), &rules, seed.unwrap_or(0));
        let host = runtime.attach(config, link, observers);
        settings.claims.iter().for_each(|claim| host.guard(*claim));
        let path = describe(&settings.claims, settings.guard);
        Ok(Session { runtime, host, peer: None, signals, seed, path, claims: settings.claims, attempts })
    }

    /// Refuses what only a simulated wire has.
    fn only_real(&self) -> Result<(), Failure> {
        let refused = |message: &str| Err(Failure::new(Exit::Usage, message));
        if self.path.link.link == LinkChoice::Sim {
            return refused("--link sim has no other hosts; write sim:PATH as the target");
        }
        if self.path.link.write_peer.is_some() {
            return refused("--write-peer needs a simulated wire: a real peer's view is its own");
        }
        if self.path.tcp.peer.is_some() {
            return refused("--peer needs a simulated wire: a real peer has its own settings");
        }
        if self.path.impair.corrupt.iter().any(|spec| spec.in_outgoing_ip_header()) {
            return refused(
                "--corrupt ip: on a real link is for incoming packets (in:ip:...): the kernel mends the IP header of what we send",
            );
        }
        Ok(())
    }
}

/// What the session runs over, in words.
fn describe(claims: &[SocketAddr], guard: Guard) -> String {
    let has = |v4: bool| claims.iter().any(|claim| claim.is_ipv4() == v4);
    let families = match (has(true), has(false)) {
        (true, true) => "IPv4 and IPv6",
        (true, false) => "IPv4",
        _ => "IPv6",
    };
    let mut ports: Vec<String> = claims.iter().map(|claim| claim.port().to_string()).collect();
    ports.dedup();
    let silent = match guard {
        Guard::Filter => "",
        Guard::MinimumTtl => " (kernel kept silent by a minimum TTL: peers that send with TTL 255 get resets)",
    };
    format!("raw {families} on port {}{silent}", ports.join(" and "))
}

fn raw_failure(error: &io::Error, claims: &[SocketAddr]) -> Failure {
    let port = claims.first().map_or(0, SocketAddr::port);
    let message = match error.kind() {
        io::ErrorKind::PermissionDenied if port != 0 && port < 1024 && error.to_string().starts_with("bind:") => {
            format!("port {port} needs the capability CAP_NET_BIND_SERVICE as well ({error}); use --port 1024 or above")
        }
        io::ErrorKind::PermissionDenied => format!(
            "raw packets need a privilege that this process lacks ({error}).\n  \
             Give it to the program:  sudo setcap cap_net_raw,cap_net_admin+ep $(command -v tcpkit)\n  \
             or try a simulated wire, which needs none:  tcpkit fetch sim:FILE"
        ),
        io::ErrorKind::AddrInUse => match holder::of_listener(claims).or_else(|| holder::of_connections(claims)) {
            Some(holder) => format!("port {port} is in use by {holder}"),
            None => format!("port {port} is in use by another program (sudo ss -tanp 'sport = :{port}' says which)"),
        },
        io::ErrorKind::AddrNotAvailable => {
            let addresses: Vec<String> = claims.iter().map(|claim| claim.ip().to_string()).collect();
            format!("{} is no address of this machine", addresses.join(" or "))
        }
        _ => format!("cannot open a raw link: {error}"),
    };
    Failure::new(Exit::NotAllowed, message)
}
