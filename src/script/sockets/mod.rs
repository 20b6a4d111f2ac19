//! The socket API over a [`Stack`]: what a script's calls do, and what they return.
//!
//! | file        | subject |
//! |-------------|---------|
//! | `calls`     | which call does what, and how its arguments are read |
//! | `transfer`  | read and write and their many names |
//! | `options`   | getsockopt, setsockopt, ioctl, fcntl |
//! | `polling`   | poll and epoll |
//! | `info`      | `tcp_info` |
//! | `errno`, `constants` | names and numbers, as Linux has them |

mod calls;
mod constants;
mod errno;
pub mod info;
mod options;
mod polling;
mod transfer;

use std::collections::{BTreeMap, VecDeque};
use std::net::{IpAddr, SocketAddr};
use std::time::Duration;

use crate::script::run::World;
use crate::script::syntax::tree::Expr;
use crate::stack::ConnId;
use crate::tcp::{Config, Connection, State};
use crate::time::Time;
use errno::{Errno, errno_number};
use polling::Epoll;

pub use calls::check;
pub use constants::number;
pub use transfer::pattern;

/// What a call came to.
#[derive(Clone, Debug)]
pub enum Progress {
    /// It returns.
    Returned(Reply),
    /// It waits for something.
    Waits,
}

/// What a call returned.
#[derive(Clone, Debug, Default)]
pub struct Reply {
    /// The value; -1 with an errno.
    pub value: i64,
    /// The error.
    pub errno: Option<Errno>,
    /// What it gave back in its arguments and the script says otherwise: what, expected, got.
    pub wrong: Vec<(String, String, String)>,
}

impl Reply {
    fn of(value: i64) -> Self {
        Reply { value, ..Reply::default() }
    }

    /// The value as a script writes it.
    pub fn written(&self) -> String {
        match self.errno {
            Some(errno) => format!("-1 {} ({})", errno.name(), errno.text()),
            None => self.value.to_string(),
        }
    }

    /// The error's name, when there is one.
    pub fn errno_is(&self, word: &str) -> bool {
        self.errno.is_some_and(|errno| errno.is(word))
    }
}

impl From<Errno> for Reply {
    fn from(errno: Errno) -> Self {
        Reply { value: -1, errno: Some(errno), wrong: Vec::new() }
    }
}

/// A call that cannot be made: the script asks for what does not exist here.
pub type Unsupported = String;

type Outcome = Result<Progress, Unsupported>;

fn returned(value: i64) -> Outcome {
    Ok(Progress::Returned(Reply::of(value)))
}

fn fails(errno: Errno) -> Outcome {
    Ok(Progress::Returned(errno.into()))
}

/// What a socket is to the stack.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Role {
    Fresh,
    Listening(SocketAddr),
    Connection(ConnId),
}

/// One socket.
#[derive(Clone, Debug)]
struct Socket {
    role: Role,
    nonblocking: bool,
    /// AF_INET or AF_INET6.
    domain: i64,
    /// How its connections behave: the host's settings and what setsockopt changed.
    config: Config,
    bound: Option<SocketAddr>,
    /// Options that are only kept, by level and name, and the values of others as they read back.
    kept: BTreeMap<(i64, i64), i64>,
    /// SO_LINGER: seconds, when on.
    linger: Option<i64>,
    cork: bool,
    shut_read: bool,
    /// Bytes read so far: what arrives is a known pattern, and must be read as such.
    read: u64,
    /// Bytes written so far.
    written: u64,
    /// The error that ended it was told.
    error_told: bool,
    /// A non-blocking connect was answered by success already.
    connect_told: bool,
    stamps: Stamps,
}

/// SO_TIMESTAMPING: what became of the last byte of each write.
#[derive(Clone, Debug, Default)]
struct Stamps {
    flags: i64,
    /// Stream offset at which identifiers count from 0.
    base: u64,
    /// Last byte of each write, and what was reported of it: sent, acknowledged.
    watched: VecDeque<(u64, bool)>,
    /// Reports that wait to be read: kind, byte, when.
    reports: VecDeque<(i64, u64, Time)>,
}

/// What a descriptor stands for.
#[derive(Clone, Debug)]
enum Entry {
    Socket(Box<Socket>),
    Epoll(Epoll),
}

/// All descriptors of the program that the script plays.
#[derive(Clone, Debug)]
pub struct Sockets {
    entries: BTreeMap<i64, Entry>,
    /// What a new socket starts with.
    config: Config,
    /// Where `...` binds and connects to.
    pub local: SocketAddr,
    pub remote: SocketAddr,
    /// Sockets are of IPv6 and speak to IPv4 addresses: without an address they stand for both families.
    dual: bool,
    /// How far from the script's time a report may be.
    pub tolerance: Duration,
    /// Bytes that may be unsent while there is room for more, for sockets that do not say; 0 is any.
    low: i64,
    /// The descriptor whose connection was used last: what code asks about.
    last: Option<i64>,
    /// The connection that `connect` opened last, until the runner has seen it.
    opened: Option<(SocketAddr, SocketAddr)>,
}

impl Sockets {
    /// No descriptors yet.
    pub fn new(config: Config, local: SocketAddr, remote: SocketAddr, dual: bool) -> Self {
        Sockets {
            entries: BTreeMap::new(),
            config,
            local,
            remote,
            dual,
            tolerance: Duration::from_millis(1),
            low: 0,
            last: None,
            opened: None,
        }
    }

    /// What new sockets start with, from now on (sysctl), and what listening ones give to new connections.
    pub fn set_config(&mut self, change: impl Fn(&mut Config)) {
        change(&mut self.config);
        for entry in self.entries.values_mut() {
            if let Entry::Socket(socket) = entry {
                change(&mut socket.config);
            }
        }
    }

    /// Where a socket is that nobody bound to an address.
    fn anywhere(&self) -> SocketAddr {
        let ip: IpAddr = match self.local {
            SocketAddr::V4(_) if !self.dual => std::net::Ipv4Addr::UNSPECIFIED.into(),
            _ => std::net::Ipv6Addr::UNSPECIFIED.into(),
        };
        SocketAddr::new(ip, self.local.port())
    }

    /// TCP_NOTSENT_LOWAT of sockets that do not set it.
    pub fn set_low(&mut self, low: i64) {
        self.low = low;
    }

    /// The connection that was opened by `connect` since the last call.
    pub fn take_opened(&mut self) -> Option<(SocketAddr, SocketAddr)> {
        self.opened.take()
    }

    /// The connection that code asks about: the last that a call used.
    pub fn current(&self, world: &World) -> Option<ConnId> {
        let used = self.last.and_then(|fd| self.connection_of(fd));
        used.or_else(|| world.stack.connections().last().map(|(id, _)| id))
    }

    fn connection_of(&self, fd: i64) -> Option<ConnId> {
        match self.entries.get(&fd) {
            Some(Entry::Socket(socket)) => match socket.role {
                Role::Connection(id) => Some(id),
                _ => None,
            },
            _ => None,
        }
    }

    fn socket(&mut self, fd: i64) -> Option<&mut Socket> {
        match self.entries.get_mut(&fd) {
            Some(Entry::Socket(socket)) => Some(socket),
            _ => None,
        }
    }

    /// Puts an entry under the descriptor that the script names, or the lowest free one from 3.
    fn insert(&mut self, wanted: &Expr, entry: Entry) -> Outcome {
        let lowest = (3..).find(|fd| !self.entries.contains_key(fd)).unwrap_or(3);
        let fd = match wanted {
            Expr::Number(fd) if *fd > 2 && !self.entries.contains_key(fd) => *fd,
            _ => lowest,
        };
        self.entries.insert(fd, entry);
        returned(fd)
    }

    /// Follows up on what the stack did: transmit timestamps.
    pub fn settle(&mut self, world: &World) {
        for entry in self.entries.values_mut() {
            if let Entry::Socket(socket) = entry
                && let Role::Connection(id) = socket.role
                && let Some(connection) = world.stack.connection(id)
            {
                socket.stamps.note(connection, world.now());
            }
        }
        let entries = &self.entries;
        let changes: Vec<(i64, Vec<(i64, polling::Level)>)> = entries
            .iter()
            .filter_map(|(fd, entry)| match entry {
                Entry::Epoll(epoll) => Some((*fd, epoll.look(|watched| self.level(world, watched)))),
                Entry::Socket(_) => None,
            })
            .collect();
        for (fd, levels) in changes {
            if let Some(Entry::Epoll(epoll)) = self.entries.get_mut(&fd) {
                epoll.note(levels);
            }
        }
    }
}

impl Socket {
    fn new(config: Config, nonblocking: bool, domain: i64) -> Self {
        Socket {
            role: Role::Fresh,
            nonblocking,
            domain,
            config,
            bound: None,
            kept: BTreeMap::new(),
            linger: None,
            cork: false,
            shut_read: false,
            read: 0,
            written: 0,
            error_told: false,
            connect_told: false,
            stamps: Stamps::default(),
        }
    }

    /// The error that the next call tells, once.
    fn take_error(&mut self, connection: Option<&Connection>) -> Option<Errno> {
        let errno = connection.and_then(Connection::ended).and_then(Errno::of)?;
        (!std::mem::replace(&mut self.error_told, true)).then_some(errno)
    }
}

impl Stamps {
    /// A write that ended with this byte.
    fn watch(&mut self, last: u64) {
        if self.flags & (0x2 | 0x100 | 0x200) != 0 {
            self.watched.push_back((last, false));
        }
    }

    fn note(&mut self, connection: &Connection, now: Time) {
        let sent = u64::from(connection.snd_nxt() - connection.iss()).saturating_sub(1);
        let acknowledged = u64::from(connection.snd_una() - connection.iss()).saturating_sub(1);
        let (flags, base) = (self.flags, self.base);
        for (last, told) in &mut self.watched {
            if !*told && sent > *last {
                *told = true;
                // Scheduled and sent, at once: nothing stands between the two here.
                for (flag, kind) in [(0x100, 1), (0x2, 0)] {
                    if flags & flag != 0 {
                        self.reports.push_back((kind, *last - base, now));
                    }
                }
            }
        }
        while let Some((last, _)) = self.watched.front().filter(|(last, _)| acknowledged > *last) {
            if flags & 0x200 != 0 {
                self.reports.push_back((2, last - base, now));
            }
            self.watched.pop_front();
        }
    }
}

/// Whether a connection is still being opened.
fn opening(connection: &Connection) -> bool {
    matches!(connection.state(), State::SynSent | State::SynReceived)
}
