//! Which call does what, and how its arguments are read.

use std::net::SocketAddr;

use super::constants::{constant, number};
use super::errno::Errno;
use super::polling::Epoll;
use super::{Entry, Outcome, Role, Socket, Sockets, Unsupported, fails, opening, returned};
use crate::script::run::World;
use crate::script::syntax::tree::{CallSpec, Expr};
use crate::stack::{ConnectError, ListenError};
use crate::tcp::CloseReason;

/// Every call that is known, with the fewest arguments it takes.
const CALLS: &[(&str, usize)] = &[
    ("socket", 3),
    ("bind", 3),
    ("listen", 2),
    ("accept", 3),
    ("connect", 3),
    ("read", 3),
    ("readv", 3),
    ("recv", 4),
    ("recvfrom", 6),
    ("recvmsg", 3),
    ("write", 3),
    ("writev", 3),
    ("send", 4),
    ("sendto", 6),
    ("sendmsg", 3),
    ("close", 1),
    ("shutdown", 2),
    ("fcntl", 2),
    ("ioctl", 3),
    ("getsockopt", 5),
    ("setsockopt", 5),
    ("poll", 3),
    ("epoll_create", 1),
    ("epoll_ctl", 4),
    ("epoll_wait", 4),
];

/// Whether a call is understood: its name, how many arguments it has, and every name in them.
pub fn check(call: &CallSpec) -> Result<(), Unsupported> {
    let Some((_, least)) = CALLS.iter().find(|(name, _)| *name == call.name) else {
        let known: Vec<&str> = CALLS.iter().map(|(name, _)| *name).collect();
        return Err(format!("the call {}() is not supported; {} are", call.name, known.join(", ")));
    };
    if call.args.len() < *least {
        return Err(format!("{}() takes {least} arguments, here are {}", call.name, call.args.len()));
    }
    if let Some(word) = call.errno.as_deref().filter(|word| super::errno_number(word).is_none()) {
        return Err(format!("{word} is no error that is known"));
    }
    let names_matter = !matches!(call.name.as_str(), "bind" | "connect" | "accept");
    call.args.iter().filter(|_| names_matter).chain([&call.result]).try_for_each(check_names)
}

fn check_names(expr: &Expr) -> Result<(), Unsupported> {
    match expr {
        Expr::Word(word) if constant(word).is_none() && super::errno_number(word).is_none() => {
            Err(format!("{word} is not known, or not supported"))
        }
        Expr::Or(a, b) => check_names(a).and_then(|()| check_names(b)),
        Expr::List(items) => items.iter().try_for_each(check_names),
        Expr::Struct(fields) => fields.iter().try_for_each(|(_, value)| check_names(value)),
        _ => Ok(()),
    }
}

impl Sockets {
    /// Makes a call, or goes on with one that waits; `again` when it does.
    pub fn call(&mut self, world: &mut World, call: &CallSpec, again: bool) -> Outcome {
        let args = Args { call };
        if call.name == "socket" {
            return self.open(&args);
        }
        if call.name == "epoll_create" {
            return match args.number(0)? {
                size if size > 0 => self.insert(&call.result, Entry::Epoll(Epoll::default())),
                _ => fails(Errno::Invalid),
            };
        }
        if call.name == "poll" {
            return self.poll(world, &args);
        }
        let fd = args.number(0)?;
        match self.entries.get(&fd) {
            None => return fails(Errno::BadFd),
            Some(Entry::Epoll(_)) => return self.epoll_call(world, fd, &args),
            Some(Entry::Socket(_)) => {}
        }
        self.last = Some(fd);
        match call.name.as_str() {
            "bind" => self.bind(fd, &args),
            "listen" => self.listen(world, fd, &args),
            "accept" => self.accept(world, fd, &args),
            "connect" => self.connect(world, fd, &args, again),
            "close" => self.close(world, fd),
            "shutdown" => self.shutdown(world, fd, args.number(1)?),
            "fcntl" => self.fcntl(fd, &args),
            "ioctl" => self.ioctl(world, fd, &args),
            "getsockopt" => self.get_option(world, fd, &args),
            "setsockopt" => self.set_option(world, fd, &args),
            "read" | "readv" | "recv" | "recvfrom" | "recvmsg" => self.receive(world, fd, &args),
            "write" | "writev" | "send" | "sendto" | "sendmsg" => self.transmit(world, fd, &args, again),
            "epoll_ctl" | "epoll_wait" => fails(Errno::Invalid),
            other => Err(format!("the call {other}() is not supported")),
        }
    }

    fn open(&mut self, args: &Args<'_>) -> Outcome {
        let kind = args.number(1)?;
        let protocol = args.number(2)?;
        if kind & 0xf != 1 || !matches!(protocol, 0 | 6) {
            return Err("only TCP sockets (SOCK_STREAM, IPPROTO_TCP) are supported".into());
        }
        let nonblocking = kind & constant("SOCK_NONBLOCK").unwrap_or(0) != 0;
        let domain = if self.anywhere().is_ipv6() { 10 } else { 2 };
        let socket = Socket::new(self.config.clone(), nonblocking, domain);
        self.insert(&args.call.result, Entry::Socket(Box::new(socket)))
    }

    fn bind(&mut self, fd: i64, args: &Args<'_>) -> Outcome {
        let default = self.anywhere();
        let Some(socket) = self.socket(fd) else { return fails(Errno::BadFd) };
        if socket.bound.is_some() || socket.role != Role::Fresh {
            return fails(Errno::Invalid);
        }
        socket.bound = Some(args.address(1, default)?);
        returned(0)
    }

    fn listen(&mut self, world: &mut World, fd: i64, args: &Args<'_>) -> Outcome {
        let backlog = args.number(1)?.clamp(0, 4096) as usize;
        let default = self.anywhere();
        let Some(socket) = self.socket(fd) else { return fails(Errno::BadFd) };
        let at = socket.bound.unwrap_or(default);
        match socket.role {
            Role::Fresh => {}
            Role::Listening(_) => return returned(0),
            _ => return fails(Errno::Invalid),
        }
        // Linux takes one more than it is asked for.
        match world.stack.listen_as(at, backlog + 1, socket.config.clone()) {
            Ok(()) => {}
            Err(ListenError::InUse(_)) => return fails(Errno::AddrInUse),
        }
        socket.role = Role::Listening(at);
        world.listening();
        returned(0)
    }

    fn accept(&mut self, world: &mut World, fd: i64, args: &Args<'_>) -> Outcome {
        let Some(socket) = self.socket(fd) else { return fails(Errno::BadFd) };
        let Role::Listening(at) = socket.role else { return fails(Errno::Invalid) };
        let Some(id) = world.stack.accept(at) else {
            return if socket.nonblocking { fails(Errno::Again) } else { Ok(super::Progress::Waits) };
        };
        let mut accepted = Socket::new(socket.config.clone(), false, socket.domain);
        accepted.cork = socket.cork;
        let cork = socket.cork;
        world.stack.with(id, |connection| connection.set_cork(cork));
        accepted.role = Role::Connection(id);
        accepted.kept = socket.kept.clone();
        accepted.linger = socket.linger;
        accepted.connect_told = true;
        self.last = None;
        let outcome = self.insert(&args.call.result, Entry::Socket(Box::new(accepted)))?;
        if let super::Progress::Returned(reply) = &outcome {
            self.last = Some(reply.value);
        }
        Ok(outcome)
    }

    fn connect(&mut self, world: &mut World, fd: i64, args: &Args<'_>, again: bool) -> Outcome {
        let remote = args.address(1, self.remote)?;
        let (default, now, isn) = (self.local.ip(), world.now(), world.isn());
        let Some(socket) = self.socket(fd) else { return fails(Errno::BadFd) };
        let id = match socket.role {
            Role::Fresh => {
                let local = socket.bound.unwrap_or(SocketAddr::new(default, 0));
                let local = if local.ip().is_unspecified() { SocketAddr::new(default, local.port()) } else { local };
                let id = match world.stack.connect_as(now, Some(local), remote, isn, socket.config.clone()) {
                    Ok(id) => id,
                    Err(ConnectError::InUse(..) | ConnectError::NoPort(_)) => return fails(Errno::AddrNotAvailable),
                    Err(ConnectError::NoAddress(_) | ConnectError::NobodyThere(_)) => {
                        return fails(Errno::NetworkUnreachable);
                    }
                };
                socket.role = Role::Connection(id);
                let cork = socket.cork;
                world.stack.with(id, |connection| connection.set_cork(cork));
                let local = world.stack.connection(id).map(|connection| connection.local());
                let nonblocking = socket.nonblocking;
                self.opened = local.map(|local| (local, remote));
                world.flush();
                return if nonblocking { fails(Errno::InProgress) } else { Ok(super::Progress::Waits) };
            }
            Role::Connection(id) => id,
            Role::Listening(_) => return fails(Errno::IsConnected),
        };
        let connection = world.stack.connection(id);
        if connection.is_some_and(opening) {
            return if again { Ok(super::Progress::Waits) } else { fails(Errno::Already) };
        }
        if let Some(errno) = socket.take_error(connection) {
            return fails(errno);
        }
        match connection.and_then(|connection| connection.ended()) {
            Some(reason) if reason != CloseReason::Done => fails(Errno::ConnectionAborted),
            _ if std::mem::replace(&mut socket.connect_told, true) => fails(Errno::IsConnected),
            _ => returned(0),
        }
    }

    fn close(&mut self, world: &mut World, fd: i64) -> Outcome {
        let Some(Entry::Socket(socket)) = self.entries.remove(&fd) else { return fails(Errno::BadFd) };
        for entry in self.entries.values_mut() {
            if let Entry::Epoll(epoll) = entry {
                epoll.forget(fd);
            }
        }
        let now = world.now();
        match socket.role {
            Role::Listening(at) => world.stack.unlisten(at),
            Role::Connection(id) => {
                // A linger time of nothing is an abort.
                if socket.linger == Some(0) {
                    world.stack.with(id, |connection| connection.abort());
                }
                world.stack.with(id, |connection| connection.set_cork(false));
                world.stack.release(now, id);
            }
            Role::Fresh => {}
        }
        self.last = None;
        returned(0)
    }

    fn shutdown(&mut self, world: &mut World, fd: i64, how: i64) -> Outcome {
        let Some(socket) = self.socket(fd) else { return fails(Errno::BadFd) };
        if !(0..=2).contains(&how) {
            return fails(Errno::Invalid);
        }
        let id = match socket.role {
            Role::Connection(id) => id,
            Role::Listening(_) if how == 1 => return returned(0),
            Role::Listening(at) => {
                world.stack.unlisten(at);
                socket.role = Role::Fresh;
                return returned(0);
            }
            Role::Fresh => return fails(Errno::NotConnected),
        };
        if world.stack.connection(id).is_none_or(|connection| connection.ended().is_some()) {
            return fails(Errno::NotConnected);
        }
        if how != 1 {
            socket.shut_read = true;
        }
        if how != 0 {
            world.stack.with(id, |connection| {
                connection.set_cork(false);
                connection.shutdown();
            });
        }
        returned(0)
    }
}

/// A call's arguments, read by place.
pub struct Args<'a> {
    pub call: &'a CallSpec,
}

impl<'a> Args<'a> {
    pub fn get(&self, index: usize) -> &'a Expr {
        self.call.args.get(index).unwrap_or(&Expr::Ellipsis)
    }

    pub fn number(&self, index: usize) -> Result<i64, Unsupported> {
        number(self.get(index)).map_err(|why| format!("argument {} of {}(): {why}", index + 1, self.call.name))
    }

    /// An address, or `default` for `...`.
    fn address(&self, index: usize, default: SocketAddr) -> Result<SocketAddr, Unsupported> {
        let wrong = || {
            format!(
                "argument {} of {}() is no address: ... or {{sa_family = AF_INET, sin_port = htons(80), sin_addr = \
                 inet_addr(\"192.0.2.1\")}} are",
                index + 1,
                self.call.name
            )
        };
        let fields = match self.get(index) {
            Expr::Ellipsis => return Ok(default),
            Expr::Struct(fields) => fields,
            _ => return Err(wrong()),
        };
        let mut address = default;
        for (name, value) in fields {
            match (name.as_str(), value) {
                ("sa_family", _) => {}
                ("sin_port" | "sin6_port", value) => {
                    address.set_port(number(value).ok().and_then(|port| u16::try_from(port).ok()).ok_or_else(wrong)?);
                }
                ("sin_addr" | "sin6_addr", Expr::Function(_, text)) => match &**text {
                    Expr::Text(text) => address.set_ip(text.parse().map_err(|_| wrong())?),
                    _ => return Err(wrong()),
                },
                _ => return Err(wrong()),
            }
        }
        Ok(address)
    }
}
