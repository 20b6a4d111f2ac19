//! getsockopt, setsockopt, ioctl and fcntl.

use std::time::Duration;

use super::calls::Args;
use super::constants::{constant, number};
use super::errno::Errno;
use super::{Outcome, Progress, Reply, Role, Socket, Sockets, Unsupported, fails, opening, returned};
use crate::script::run::World;
use crate::script::syntax::tree::Expr;
use crate::tcp::{Algorithm, Config, Connection, RecvBuffer};

/// Options that change a connection, or are only kept and read back.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Knob {
    NoDelay,
    MaxSeg,
    Cork,
    KeepAlive,
    KeepIdle,
    KeepInterval,
    KeepCount,
    SynCount,
    UserTimeout,
    QuickAck,
    SendBuffer,
    RecvBuffer,
    Congestion,
    Linger,
    Timestamping,
    Tos,
    /// Kept and read back: it changes nothing that a script could see, or is read where it matters.
    Kept,
}

fn knob(level: i64, name: &str) -> Option<Knob> {
    let is = |wanted: &str| constant(wanted) == Some(level);
    Some(match name {
        "TCP_NODELAY" => Knob::NoDelay,
        "TCP_MAXSEG" => Knob::MaxSeg,
        "TCP_CORK" => Knob::Cork,
        "TCP_KEEPIDLE" => Knob::KeepIdle,
        "TCP_KEEPINTVL" => Knob::KeepInterval,
        "TCP_KEEPCNT" => Knob::KeepCount,
        "TCP_SYNCNT" => Knob::SynCount,
        "TCP_USER_TIMEOUT" => Knob::UserTimeout,
        "TCP_QUICKACK" => Knob::QuickAck,
        "TCP_CONGESTION" => Knob::Congestion,
        "TCP_INQ" | "TCP_NOTSENT_LOWAT" if is("SOL_TCP") => Knob::Kept,
        "SO_KEEPALIVE" => Knob::KeepAlive,
        "SO_SNDBUF" => Knob::SendBuffer,
        "SO_RCVBUF" => Knob::RecvBuffer,
        "SO_LINGER" => Knob::Linger,
        "SO_TIMESTAMPING" => Knob::Timestamping,
        "IP_TOS" | "IPV6_TCLASS" => Knob::Tos,
        "SO_REUSEADDR" | "SO_REUSEPORT" | "SO_OOBINLINE" | "SO_RCVLOWAT" | "SO_BUSY_POLL" | "SO_ZEROCOPY"
            if is("SOL_SOCKET") =>
        {
            Knob::Kept
        }
        "IP_FREEBIND" | "IP_RECVERR" | "IPV6_RECVERR" | "IPV6_V6ONLY" => Knob::Kept,
        _ => return None,
    })
}

/// The level that an option belongs to.
fn level_of(name: &str) -> Option<i64> {
    let level = match name.split_once('_')?.0 {
        "SO" => "SOL_SOCKET",
        "TCP" => "SOL_TCP",
        "IP" => "SOL_IP",
        "IPV6" => "SOL_IPV6",
        _ => return None,
    };
    constant(level)
}

/// SO_LINGER has two fields.
fn known_fields(fields: &[(String, Expr)]) -> Result<(), Unsupported> {
    match fields.iter().find(|(name, _)| name != "onoff" && name != "linger") {
        Some((name, _)) => Err(format!("SO_LINGER has no field '{name}': it is written {{onoff=1, linger=0}}")),
        None => Ok(()),
    }
}

impl Args<'_> {
    /// Level, name's number and name of an option.
    fn option(&self) -> Result<(i64, i64, String), Unsupported> {
        let level = self.number(1)?;
        match self.get(2) {
            Expr::Word(name) => match level_of(name) {
                Some(right) if right != level => Err(format!("{name} is no option of level {level}")),
                _ => Ok((level, self.number(2)?, name.clone())),
            },
            _ => Err("the name of a socket option is needed, such as SO_ERROR".into()),
        }
    }

    /// Compares what a call gives back with what the script says, which must be a number or `...`.
    fn compare(&self, index: usize, what: &str, got: i64, reply: &mut Reply) -> Result<(), Unsupported> {
        match self.get(index) {
            Expr::Ellipsis => Ok(()),
            Expr::List(items) if items.first() == Some(&Expr::Ellipsis) => Ok(()),
            said => {
                let expected = number(said).map_err(|why| format!("{what}: {why}"))?;
                if expected != got {
                    reply.wrong.push((what.to_owned(), expected.to_string(), got.to_string()));
                }
                Ok(())
            }
        }
    }

    fn first(&self, index: usize) -> &Expr {
        match self.get(index) {
            Expr::List(items) => items.first().unwrap_or(&Expr::Ellipsis),
            other => other,
        }
    }
}

impl Sockets {
    pub(super) fn set_option(&mut self, world: &mut World, fd: i64, args: &Args<'_>) -> Outcome {
        let (level, key, name) = args.option()?;
        let Some(knob) = knob(level, &name) else { return Err(format!("the option {name} is not supported")) };
        let value = match (knob, args.first(3)) {
            (Knob::Congestion, Expr::Text(text)) => match text.as_str() {
                "reno" => 0,
                "cubic" => 1,
                _ => return fails(Errno::NotThere),
            },
            (Knob::Linger, Expr::Struct(fields)) => {
                known_fields(fields)?;
                let part = |wanted: &str| {
                    fields.iter().find(|(name, _)| name == wanted).map_or(Ok(0), |(_, value)| number(value))
                };
                if part("onoff")? != 0 { part("linger")? } else { -1 }
            }
            (_, value) => number(value).map_err(|why| format!("setsockopt({name}): {why}"))?,
        };
        let now = world.now();
        let Some(socket) = self.socket(fd) else { return fails(Errno::BadFd) };
        if let Err(errno) = socket.set(knob, value) {
            return fails(errno);
        }
        let read_back = match knob {
            Knob::SendBuffer | Knob::RecvBuffer => value * 2,
            _ => value,
        };
        socket.kept.insert((level, key), read_back);
        let (config, cork) = (socket.config.clone(), socket.cork);
        match socket.role {
            Role::Connection(id) => {
                if knob == Knob::Timestamping
                    && let Some(connection) = world.stack.connection(id)
                {
                    socket.stamps.base = u64::from(connection.snd_una() - connection.iss()).saturating_sub(1);
                }
                world.stack.with(id, |connection| apply(connection, now, knob, &config, cork, value));
            }
            Role::Listening(at) => world.stack.set_listener_config(at, config),
            Role::Fresh => {}
        }
        returned(0)
    }

    pub(super) fn get_option(&mut self, world: &mut World, fd: i64, args: &Args<'_>) -> Outcome {
        let (level, key, name) = args.option()?;
        let Some(socket) = self.socket(fd) else { return fails(Errno::BadFd) };
        let connection = match socket.role {
            Role::Connection(id) => world.stack.connection(id),
            _ => None,
        };
        let known = socket.kept.get(&(level, key)).copied();
        let config = connection.map_or(&socket.config, Connection::config).clone();
        let got = match name.as_str() {
            "SO_ERROR" => socket.take_error(connection).map_or(0, Errno::number),
            "SO_TYPE" => 1,
            "SO_ACCEPTCONN" => i64::from(matches!(socket.role, Role::Listening(_))),
            "SO_PROTOCOL" => 6,
            "SO_DOMAIN" => socket.domain,
            "SO_SNDBUF" => known.unwrap_or(config.send_buffer as i64),
            "SO_RCVBUF" => known.unwrap_or(match config.recv_buffer {
                RecvBuffer::Fixed(size) => size as i64 * 2,
                RecvBuffer::Auto { .. } => {
                    connection.map_or(0x1_0000, |connection| connection.recv_buffer() as i64 * 2)
                }
            }),
            "TCP_MAXSEG" => match connection {
                Some(connection) if connection.state().synchronized() => i64::from(connection.smss()),
                _ => known.unwrap_or(536),
            },
            "TCP_NODELAY" => i64::from(!config.nagle),
            "TCP_SYNCNT" => i64::from(config.syn_retries),
            "TCP_KEEPIDLE" => known.unwrap_or(7200),
            "TCP_KEEPINTVL" => config.keepalive_interval.as_secs() as i64,
            "TCP_KEEPCNT" => i64::from(config.keepalive_probes),
            "TCP_USER_TIMEOUT" => config.user_timeout.map_or(0, |timeout| timeout.as_millis() as i64),
            "TCP_NOTSENT_LOWAT" => known.unwrap_or(0),
            "IP_MTU" | "IPV6_MTU" => match connection {
                Some(connection) => {
                    i64::from(connection.send_mss()) + if connection.remote().is_ipv4() { 40 } else { 60 }
                }
                None => return fails(Errno::NotConnected),
            },
            "TCP_INFO" => {
                if *args.get(3) != Expr::Ellipsis {
                    return Err(
                        "TCP_INFO is compared by assertions, %{ assert tcpi_state == 1 }%: write ... here".into()
                    );
                }
                return returned(0);
            }
            "TCP_CONGESTION" => {
                let mut reply = Reply::of(0);
                let got = config.congestion.to_string();
                match args.first(3) {
                    Expr::Ellipsis => {}
                    Expr::Text(expected) if *expected == got => {}
                    Expr::Text(expected) => reply.wrong.push((name, expected.clone(), got)),
                    _ => return Err("TCP_CONGESTION is a text: \"reno\" or \"cubic\"".into()),
                }
                return Ok(Progress::Returned(reply));
            }
            "SO_LINGER" => return self.get_linger(fd, args),
            _ => match (known, knob(level, &name)) {
                (Some(value), Some(_)) => value,
                (None, Some(_)) => 0,
                (_, None) => return Err(format!("the option {name} is not supported")),
            },
        };
        let mut reply = Reply::of(0);
        args.compare(3, &name, got, &mut reply)?;
        Ok(Progress::Returned(reply))
    }

    fn get_linger(&mut self, fd: i64, args: &Args<'_>) -> Outcome {
        let linger = self.socket(fd).and_then(|socket| socket.linger);
        let got = (i64::from(linger.is_some()), linger.unwrap_or(0));
        let mut reply = Reply::of(0);
        match args.first(3) {
            Expr::Ellipsis => {}
            Expr::Struct(fields) => {
                known_fields(fields)?;
                for (name, got) in [("onoff", got.0), ("linger", got.1)] {
                    if let Some((_, value)) = fields.iter().find(|(field, _)| field == name) {
                        let expected = number(value)?;
                        if expected != got {
                            reply.wrong.push((format!("SO_LINGER {name}"), expected.to_string(), got.to_string()));
                        }
                    }
                }
            }
            _ => return Err("SO_LINGER is written {onoff=1, linger=0}".into()),
        }
        Ok(Progress::Returned(reply))
    }

    pub(super) fn fcntl(&mut self, fd: i64, args: &Args<'_>) -> Outcome {
        let nonblocking = constant("O_NONBLOCK").unwrap_or(0);
        let Some(socket) = self.socket(fd) else { return fails(Errno::BadFd) };
        match args.get(1) {
            Expr::Word(command) if command == "F_GETFL" => {
                returned(2 | if socket.nonblocking { nonblocking } else { 0 })
            }
            Expr::Word(command) if command == "F_SETFL" => {
                socket.nonblocking = args.number(2)? & nonblocking != 0;
                returned(0)
            }
            _ => Err("fcntl() supports F_GETFL and F_SETFL".into()),
        }
    }

    pub(super) fn ioctl(&mut self, world: &World, fd: i64, args: &Args<'_>) -> Outcome {
        let connection = self.connection_of(fd).and_then(|id| world.stack.connection(id));
        if self.socket(fd).is_some_and(|socket| matches!(socket.role, Role::Listening(_))) {
            return fails(Errno::Invalid);
        }
        let open = connection.filter(|connection| !opening(connection));
        let got = match args.get(1) {
            Expr::Word(name) if name == "SIOCINQ" || name == "FIONREAD" => {
                connection.map_or(0, |connection| connection.readable() as i64)
            }
            Expr::Word(name) if name == "SIOCOUTQ" => open.map_or(0, |connection| {
                let fin = i64::from(connection.we_closed() && !connection.all_acknowledged());
                connection.buffered() as i64 + fin
            }),
            Expr::Word(name) if name == "SIOCOUTQNSD" => open.map_or(0, |connection| i64::from(connection.not_sent())),
            _ => return Err("ioctl() supports SIOCINQ, FIONREAD, SIOCOUTQ and SIOCOUTQNSD".into()),
        };
        let mut reply = Reply::of(0);
        args.compare(2, "ioctl", got, &mut reply)?;
        Ok(Progress::Returned(reply))
    }
}

impl Socket {
    /// Keeps an option for the connections to come.
    fn set(&mut self, knob: Knob, value: i64) -> Result<(), Errno> {
        let positive = || u32::try_from(value).map_err(|_| Errno::Invalid);
        let within = |most: i64| (1..=most).contains(&value).then_some(value as u32).ok_or(Errno::Invalid);
        let config = &mut self.config;
        match knob {
            Knob::NoDelay => config.nagle = value == 0,
            Knob::MaxSeg => {
                if !(88..=32767).contains(&value) {
                    return Err(Errno::Invalid);
                }
                config.mss = value as u16;
            }
            Knob::Cork => self.cork = value != 0,
            Knob::KeepAlive => {
                let idle = self.kept.get(&(6, 4)).copied().unwrap_or(7200);
                config.keepalive = (value != 0).then(|| Duration::from_secs(idle as u64));
            }
            Knob::KeepIdle => {
                let idle = Duration::from_secs(u64::from(within(32_767)?));
                config.keepalive = config.keepalive.map(|_| idle);
            }
            Knob::KeepInterval => config.keepalive_interval = Duration::from_secs(u64::from(within(32_767)?)),
            Knob::KeepCount => config.keepalive_probes = within(127)?,
            Knob::SynCount => config.syn_retries = within(127)?,
            Knob::UserTimeout => {
                config.user_timeout = Some(Duration::from_millis(u64::from(positive()?))).filter(|d| !d.is_zero());
            }
            Knob::QuickAck => config.quick_acks = if value != 0 { u32::MAX } else { 0 },
            Knob::SendBuffer => config.send_buffer = positive()? as usize * 2,
            Knob::RecvBuffer => config.recv_buffer = RecvBuffer::Fixed(positive()? as usize),
            Knob::Congestion => config.congestion = if value == 1 { Algorithm::Cubic } else { Algorithm::Reno },
            Knob::Linger => self.linger = (value >= 0).then_some(value),
            Knob::Timestamping => self.stamps.flags = value,
            // The lower two bits are ECN's, and TCP's own.
            Knob::Tos => config.dscp = (positive()? >> 2 & 0x3f) as u8,
            Knob::Kept => {}
        }
        Ok(())
    }
}

/// Changes a connection that lives.
fn apply(connection: &mut Connection, now: crate::time::Time, knob: Knob, config: &Config, cork: bool, value: i64) {
    match knob {
        Knob::NoDelay => connection.set_nagle(config.nagle),
        Knob::Cork => connection.set_cork(cork),
        Knob::KeepAlive | Knob::KeepIdle => connection.set_keepalive(now, config.keepalive),
        Knob::KeepInterval | Knob::KeepCount => {
            connection.set_keepalive_limits(config.keepalive_interval, config.keepalive_probes);
        }
        Knob::UserTimeout => connection.set_user_timeout(now, config.user_timeout),
        Knob::QuickAck => {
            connection.set_quick_acks(config.quick_acks);
            if value != 0 {
                connection.acknowledge();
            }
        }
        Knob::Tos => connection.set_dscp(config.dscp),
        Knob::SendBuffer => connection.set_send_buffer(config.send_buffer),
        Knob::RecvBuffer => connection.set_recv_buffer(config.recv_buffer.max()),
        _ => {}
    }
}
