//! poll and epoll.

use std::collections::{BTreeMap, VecDeque};

use super::calls::Args;
use super::constants::{constant, events, number};
use super::errno::Errno;
use super::{Entry, Outcome, Progress, Reply, Role, Sockets, Unsupported, fails, opening, returned};
use crate::script::run::World;
use crate::script::syntax::tree::Expr;
use crate::tcp::{CloseReason, State};

const IN: i64 = 0x1;
const URGENT: i64 = 0x2;
const OUT: i64 = 0x4;
const ERR: i64 = 0x8;
const HUP: i64 = 0x10;
const READ_NORMAL: i64 = 0x40;
const WRITE_NORMAL: i64 = 0x100;
const READ_HUP: i64 = 0x2000;
const EDGE: i64 = 1 << 31;
const ONE_SHOT: i64 = 1 << 30;

/// What a descriptor is ready for, and how much ever arrived: more of it is news for whoever waits for edges.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Level {
    mask: i64,
    arrived: u64,
}

#[derive(Clone, Debug)]
struct Watch {
    interest: i64,
    /// What epoll_wait gives back: the field's name and value.
    data: (String, i64),
    /// As it was last looked at.
    seen: Level,
    /// Something new since it was last reported.
    news: bool,
}

/// An epoll instance.
#[derive(Clone, Debug, Default)]
pub struct Epoll {
    watches: BTreeMap<i64, Watch>,
    /// Those that were reported go to the end.
    order: VecDeque<i64>,
}

impl Epoll {
    pub fn forget(&mut self, fd: i64) {
        self.watches.remove(&fd);
        self.order.retain(|other| *other != fd);
    }

    /// Every watched descriptor with what it is ready for.
    pub fn look(&self, level: impl Fn(i64) -> Level) -> Vec<(i64, Level)> {
        self.watches.keys().map(|fd| (*fd, level(*fd))).collect()
    }

    /// Notes what is new: something became ready, or more arrived.
    pub fn note(&mut self, levels: Vec<(i64, Level)>) {
        for (fd, level) in levels {
            if let Some(watch) = self.watches.get_mut(&fd) {
                let risen = level.mask & !watch.seen.mask & watch.interest != 0;
                let more = watch.interest & IN != 0 && level.arrived > watch.seen.arrived;
                watch.news |= risen || more;
                watch.seen = level;
            }
        }
    }
}

impl Sockets {
    /// What a descriptor is ready for.
    pub(super) fn level(&self, world: &World, fd: i64) -> Level {
        let Some(Entry::Socket(socket)) = self.entries.get(&fd) else { return Level::default() };
        let connection = match socket.role {
            Role::Listening(at) => {
                let mask = if world.stack.is_acceptable(at) { IN | READ_NORMAL } else { 0 };
                return Level { mask, arrived: 0 };
            }
            Role::Connection(id) => world.stack.connection(id),
            Role::Fresh => return Level { mask: OUT | HUP | WRITE_NORMAL, arrived: 0 },
        };
        let Some(connection) = connection else { return Level { mask: HUP, arrived: 0 } };
        let ended = connection.ended();
        let read_shut = socket.shut_read || connection.peer_closed() || ended.is_some();
        let write_shut = connection.we_closed() || ended.is_some();
        let mut mask = 0;
        if read_shut && write_shut || connection.state() == State::Closed {
            mask |= HUP;
        }
        if read_shut {
            mask |= IN | READ_NORMAL | READ_HUP;
        }
        if !opening(connection) {
            let least = socket.kept.get(&(1, 18)).copied().unwrap_or(1).max(1);
            if connection.readable() as i64 >= least {
                mask |= IN | READ_NORMAL;
            }
            if connection.urgent_left() > 0 {
                mask |= URGENT;
            }
            if write_shut || self.is_writable(fd, connection) {
                mask |= OUT | WRITE_NORMAL;
            }
        }
        let failed = ended.is_some_and(|reason| !matches!(reason, CloseReason::Done | CloseReason::Aborted));
        if failed && !socket.error_told || !socket.stamps.reports.is_empty() {
            mask |= ERR;
        }
        Level { mask, arrived: connection.stats().bytes_in }
    }

    /// Linux calls a socket writable when a third of its buffer is free, and little enough is unsent.
    fn is_writable(&self, fd: i64, connection: &crate::tcp::Connection) -> bool {
        let Some(Entry::Socket(socket)) = self.entries.get(&fd) else { return false };
        let limit = connection.config().send_buffer;
        let low = socket.kept.get(&(6, 25)).copied().unwrap_or(self.low);
        let enough = low <= 0 || i64::from(connection.not_sent()) * 2 < low;
        connection.buffered() * 3 <= limit * 2 && enough
    }

    pub(super) fn poll(&mut self, world: &mut World, args: &Args<'_>) -> Outcome {
        let timeout = args.number(2)?;
        let Expr::List(items) = args.get(0) else {
            return Err("poll() takes [{fd=3, events=POLLIN, revents=...}]".into());
        };
        let mut reply = Reply::default();
        if args.number(1)? != items.len() as i64 {
            return Err(format!("poll() is given {} descriptors and says {}", items.len(), args.number(1)?));
        }
        for item in items {
            let Expr::Struct(fields) = item else { return Err("poll() takes [{fd=3, events=POLLIN}]".into()) };
            let field =
                |name: &str| fields.iter().find(|(known, _)| known == name).map_or(Ok(0), |(_, value)| number(value));
            let (fd, wanted, expected) = (field("fd")?, field("events")?, field("revents")?);
            let got = match self.entries.contains_key(&fd) {
                true => self.level(world, fd).mask & (wanted | ERR | HUP),
                false => constant("POLLNVAL").unwrap_or(0),
            };
            reply.value += i64::from(got != 0);
            if got != expected {
                let what = format!("revents of {fd}");
                reply.wrong.push((what, events(expected, "POLL"), events(got, "POLL")));
            }
        }
        if reply.value == 0 && timeout != 0 && !world.call_timed_out(timeout) {
            return Ok(Progress::Waits);
        }
        Ok(Progress::Returned(reply))
    }

    pub(super) fn epoll_call(&mut self, world: &mut World, epoll: i64, args: &Args<'_>) -> Outcome {
        match args.call.name.as_str() {
            "epoll_ctl" => self.epoll_ctl(world, epoll, args),
            "epoll_wait" => self.epoll_wait(world, epoll, args),
            "close" => {
                self.entries.remove(&epoll);
                returned(0)
            }
            _ => fails(Errno::Invalid),
        }
    }

    fn epoll_ctl(&mut self, world: &World, epoll: i64, args: &Args<'_>) -> Outcome {
        let (operation, fd) = (args.number(1)?, args.number(2)?);
        if !self.entries.contains_key(&fd) {
            return fails(Errno::BadFd);
        }
        let watch = match args.get(3) {
            Expr::Struct(fields) => Some(watch(fields)?),
            _ => None,
        };
        let seen = self.level(world, fd);
        let Some(Entry::Epoll(epoll)) = self.entries.get_mut(&epoll) else { return fails(Errno::BadFd) };
        let known = epoll.watches.contains_key(&fd);
        match (operation, known, watch) {
            (1, true, _) => return fails(Errno::Exists),
            (2 | 3, false, _) => return fails(Errno::NotThere),
            (1 | 3, _, Some((interest, data))) => {
                let news = seen.mask & (interest | ERR | HUP) != 0;
                epoll.watches.insert(fd, Watch { interest: interest | ERR | HUP, data, seen, news });
                if !known {
                    epoll.order.push_back(fd);
                }
            }
            (2, true, _) => epoll.forget(fd),
            _ => return fails(Errno::Invalid),
        }
        returned(0)
    }

    fn epoll_wait(&mut self, world: &mut World, epoll: i64, args: &Args<'_>) -> Outcome {
        let timeout = args.number(3)?;
        let most = args.number(2)?.clamp(0, 1024) as usize;
        if most == 0 {
            return fails(Errno::Invalid);
        }
        let expected = match args.get(1) {
            Expr::Struct(fields) => vec![watch(fields)?],
            Expr::List(items) => items
                .iter()
                .map(|item| match item {
                    Expr::Struct(fields) => watch(fields),
                    _ => Err("epoll_wait() takes {events=EPOLLIN, fd=3}".into()),
                })
                .collect::<Result<_, _>>()?,
            _ => Vec::new(),
        };
        let fds: Vec<i64> = match self.entries.get(&epoll) {
            Some(Entry::Epoll(epoll)) => epoll.order.iter().copied().collect(),
            _ => return fails(Errno::BadFd),
        };
        let levels: Vec<(i64, Level)> = fds.iter().map(|fd| (*fd, self.level(world, *fd))).collect();
        let Some(Entry::Epoll(epoll)) = self.entries.get_mut(&epoll) else { return fails(Errno::BadFd) };
        epoll.note(levels.clone());
        let mut got = Vec::new();
        for (fd, level) in levels {
            let Some(watch) = epoll.watches.get_mut(&fd).filter(|_| got.len() < most) else { continue };
            let ready = level.mask & watch.interest & !(EDGE | ONE_SHOT);
            if ready == 0 || watch.interest & EDGE != 0 && !watch.news {
                continue;
            }
            watch.news = false;
            if watch.interest & ONE_SHOT != 0 {
                watch.interest = ONE_SHOT;
            }
            got.push((ready, watch.data.clone()));
            epoll.order.retain(|other| *other != fd);
            epoll.order.push_back(fd);
        }
        if got.is_empty() && timeout != 0 && !world.call_timed_out(timeout) {
            return Ok(Progress::Waits);
        }
        let mut reply = Reply::of(got.len() as i64);
        if let (true, Some((wanted, _))) = (got.is_empty(), expected.first())
            && *wanted != 0
        {
            reply.wrong.push(("events".into(), events(*wanted, "EPOLL"), "0".into()));
        }
        for (index, (ready, (name, value))) in got.iter().enumerate() {
            let Some((wanted, data)) = expected.get(index) else { continue };
            if wanted != ready {
                reply.wrong.push(("events".into(), events(*wanted, "EPOLL"), events(*ready, "EPOLL")));
            }
            // One place in memory under four names.
            if data.1 != *value {
                reply.wrong.push((name.clone(), data.1.to_string(), value.to_string()));
            }
        }
        Ok(Progress::Returned(reply))
    }
}

/// `{events=EPOLLIN, fd=3}`: the events, and what is given back.
fn watch(fields: &[(String, Expr)]) -> Result<(i64, (String, i64)), Unsupported> {
    let [(first, interest), (name, data)] = fields else {
        return Err("an epoll event is written {events=EPOLLIN, fd=3}".into());
    };
    if first != "events" || !["fd", "ptr", "u32", "u64"].contains(&name.as_str()) {
        return Err("an epoll event is written {events=EPOLLIN, fd=3}".into());
    }
    Ok((number(interest)?, (name.clone(), number(data)?)))
}
