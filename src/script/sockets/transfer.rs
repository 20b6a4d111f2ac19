//! Read and write and their many names.
//!
//! The bytes are a pattern that is known at both ends ([`pattern`]), so that what is read and what leaves on the wire
//! can be checked byte by byte although scripts speak of lengths only.

use super::calls::Args;
use super::constants::{constant, number};
use super::errno::Errno;
use super::{Outcome, Progress, Reply, Role, Sockets, Unsupported, fails, opening, returned};
use crate::script::run::World;
use crate::script::syntax::tree::Expr;
use crate::tcp::{CallError, State};

/// The byte at an offset of a stream, either way.
pub const fn pattern(offset: u64) -> u8 {
    (offset % 251) as u8
}

/// The largest read or write, which is also the largest buffer.
const LARGEST: usize = 1 << 30;
/// Bytes that are made at a time: a script may ask for a gigabyte.
const PIECE: usize = 1 << 20;

/// What a read or write asks for.
struct Wanted {
    len: usize,
    flags: i64,
    /// The buffer is NULL.
    null: bool,
}

fn flag(name: &str) -> i64 {
    constant(name).unwrap_or(0)
}

/// The length of `{..., 100}`, or of several in a list.
fn vectors(expr: &Expr) -> Result<usize, Unsupported> {
    match expr {
        Expr::List(items) => {
            items.iter().try_fold(0usize, |sum, item| vectors(item).map(|len| sum.saturating_add(len).min(LARGEST)))
        }
        Expr::Struct(fields) => match fields.as_slice() {
            [_, (_, len)] => number(len).map(|len| len.clamp(0, LARGEST as i64) as usize),
            _ => Err("a buffer is written {..., 100}".into()),
        },
        _ => Err("a list of buffers is written [{..., 100}, {..., 200}]".into()),
    }
}

fn field<'a>(fields: &'a [(String, Expr)], name: &str) -> Option<&'a Expr> {
    fields.iter().find(|(known, _)| known == name).map(|(_, value)| value)
}

/// Compares the fields that a script says with what they are.
fn compare_fields(said: &[(String, Expr)], are: &[(&str, i64)], reply: &mut Reply) {
    for (name, got) in are {
        match field(said, name).map(number) {
            None => {}
            Some(Ok(expected)) if expected == *got => {}
            Some(expected) => {
                let expected = expected.map_or_else(|why| why, |expected| expected.to_string());
                reply.wrong.push(((*name).to_owned(), expected, got.to_string()));
            }
        }
    }
}

impl Args<'_> {
    fn wanted(&self) -> Result<Wanted, Unsupported> {
        let null = matches!(self.get(1), Expr::Word(word) if word == "NULL");
        let len = |index| self.number(index).map(|len| len.clamp(0, LARGEST as i64) as usize);
        Ok(match self.call.name.as_str() {
            "read" | "write" => Wanted { len: len(2)?, flags: 0, null },
            "readv" | "writev" => Wanted { len: vectors(self.get(1))?, flags: 0, null: false },
            "recv" | "send" | "recvfrom" | "sendto" => Wanted { len: len(2)?, flags: self.number(3)?, null },
            _ => {
                let Expr::Struct(fields) = self.get(1) else {
                    return Err(format!(
                        "the second argument of {}() is a message: {{msg_name(...)=..., ...}}",
                        self.call.name
                    ));
                };
                let iov = field(fields, "msg_iov").ok_or("a message needs msg_iov(1)=[{..., 100}]")?;
                Wanted { len: vectors(iov)?, flags: self.number(2)?, null: false }
            }
        })
    }
}

impl Sockets {
    pub(super) fn receive(&mut self, world: &mut World, fd: i64, args: &Args<'_>) -> Outcome {
        let wanted = args.wanted()?;
        let now = world.now();
        let Some(socket) = self.socket(fd) else { return fails(Errno::BadFd) };
        if wanted.flags & flag("MSG_ERRQUEUE") != 0 {
            return self.report(fd, args);
        }
        if wanted.flags & flag("MSG_OOB") != 0 {
            // Urgent data stays in the stream (RFC 6093 section 3.4): there is none out of band.
            return fails(Errno::Invalid);
        }
        let Role::Connection(id) = socket.role else { return fails(Errno::NotConnected) };
        let connection = world.stack.connection(id);
        let Some(state) = connection.map(|connection| connection.state()) else { return fails(Errno::NotConnected) };
        let readable = connection.map_or(0, |connection| connection.readable());
        if readable == 0 {
            if connection.is_some_and(|connection| connection.peer_closed()) {
                return returned(0);
            }
            if let Some(errno) = socket.take_error(connection) {
                return fails(errno);
            }
            if socket.shut_read {
                return returned(0);
            }
            if connection.is_some_and(|connection| connection.ended().is_some()) {
                return returned(0);
            }
            if state == State::SynSent && socket.nonblocking {
                return fails(Errno::Again);
            }
            if wanted.len == 0 && !connection.is_some_and(opening) {
                return returned(0);
            }
            let waits = !socket.nonblocking && wanted.flags & flag("MSG_DONTWAIT") == 0;
            return if waits { Ok(Progress::Waits) } else { fails(Errno::Again) };
        }
        if wanted.null && wanted.len > 0 {
            return fails(Errno::Fault);
        }
        let least = match socket.kept.get(&(1, flag("SO_RCVLOWAT"))) {
            _ if wanted.flags & flag("MSG_WAITALL") != 0 => wanted.len,
            Some(mark) => wanted.len.min(*mark as usize),
            None => 1,
        };
        let more_may_come =
            connection.is_some_and(|connection| !connection.peer_closed() && connection.ended().is_none());
        if readable < least && more_may_come && !socket.nonblocking && !socket.shut_read {
            return Ok(Progress::Waits);
        }
        let len = readable.min(wanted.len);
        let mut reply = Reply::of(len as i64);
        let start = socket.read;
        let peek = wanted.flags & flag("MSG_PEEK") != 0;
        if !peek {
            socket.read += len as u64;
        }
        let mut taken = vec![0; len];
        world.stack.with(id, |connection| {
            let (first, second) = connection.peek();
            for (to, from) in taken.iter_mut().zip(first.iter().chain(second)) {
                *to = *from;
            }
            if !peek {
                connection.consume(now, len);
            }
        });
        let wrong = taken.iter().zip(start..).position(|(byte, offset)| *byte != pattern(offset));
        if let Some(at) = wrong {
            let offset = start + at as u64;
            reply.wrong.push((
                format!("byte {offset} of the stream"),
                format!("{:#04x}", pattern(offset)),
                format!("{:#04x}", taken.get(at).copied().unwrap_or(0)),
            ));
        }
        self.check_message(world, fd, args, &mut reply);
        Ok(Progress::Returned(reply))
    }

    /// What recvmsg says beside the bytes: TCP_INQ.
    fn check_message(&mut self, world: &World, fd: i64, args: &Args<'_>, reply: &mut Reply) {
        let (Expr::Struct(fields), "recvmsg") = (args.get(1), args.call.name.as_str()) else { return };
        let Some(Expr::List(controls)) = field(fields, "msg_control") else { return };
        let asked = self.socket(fd).is_some_and(|socket| socket.kept.get(&(6, flag("TCP_INQ"))) == Some(&1));
        let left = self.connection_of(fd).and_then(|id| world.stack.connection(id)).map_or(0, |connection| {
            // A FIN that has not been told counts as a byte that can be read.
            match connection.readable() as i64 {
                0 => i64::from(connection.peer_closed()),
                readable => readable,
            }
        });
        if controls.len() != usize::from(asked) {
            let got = if asked { "1" } else { "0: TCP_INQ is off" };
            reply.wrong.push(("control messages".into(), controls.len().to_string(), got.into()));
        }
        for control in controls.iter().take(usize::from(asked)) {
            let Expr::Struct(control) = control else { continue };
            compare_fields(
                control,
                &[("cmsg_level", 6), ("cmsg_type", flag("TCP_CM_INQ")), ("cmsg_data", left)],
                reply,
            );
        }
    }

    /// recvmsg(MSG_ERRQUEUE): the next report about what was sent.
    fn report(&mut self, fd: i64, args: &Args<'_>) -> Outcome {
        let tolerance = self.tolerance;
        let Some(socket) = self.socket(fd) else { return fails(Errno::BadFd) };
        let Some((kind, byte, at)) = socket.stamps.reports.pop_front() else { return fails(Errno::Again) };
        let mut reply = Reply::of(0);
        let Expr::Struct(fields) = args.get(1) else { return Ok(Progress::Returned(reply)) };
        let Some(Expr::List(controls)) = field(fields, "msg_control") else { return Ok(Progress::Returned(reply)) };
        for control in controls {
            let Expr::Struct(control) = control else { continue };
            let Some(Expr::Struct(data)) = field(control, "cmsg_data") else {
                return Err("a report has cmsg_data={scm_sec=0,scm_nsec=0} and cmsg_data={ee_errno=ENOMSG, ...}".into());
            };
            let said = |name: &str| field(data, name).and_then(|value| number(value).ok());
            if let (Some(seconds), Some(nanos)) = (said("scm_sec"), said("scm_nsec")) {
                let got = at.as_nanos() as i64;
                let expected = seconds.saturating_mul(1_000_000_000).saturating_add(nanos);
                if got.abs_diff(expected) > tolerance.as_nanos() as u64 {
                    let shown = |nanos: i64| format!("{:.6}", nanos as f64 / 1e9);
                    reply.wrong.push(("the time of the report".into(), shown(expected), shown(got)));
                }
                compare_fields(control, &[("cmsg_level", 1), ("cmsg_type", flag("SCM_TIMESTAMPING"))], &mut reply);
            } else {
                let origin = flag("SO_EE_ORIGIN_TIMESTAMPING");
                let fields = [("ee_errno", flag("ENOMSG")), ("ee_origin", origin), ("ee_type", 0), ("ee_code", 0)];
                compare_fields(data, &fields, &mut reply);
                compare_fields(data, &[("ee_info", kind), ("ee_data", byte as i64)], &mut reply);
            }
        }
        Ok(Progress::Returned(reply))
    }

    pub(super) fn transmit(&mut self, world: &mut World, fd: i64, args: &Args<'_>, again: bool) -> Outcome {
        let wanted = args.wanted()?;
        let host_low = self.low;
        let Some(socket) = self.socket(fd) else { return fails(Errno::BadFd) };
        for unsupported in ["MSG_FASTOPEN", "MSG_ZEROCOPY"] {
            if wanted.flags & flag(unsupported) != 0 {
                return Err(format!("{unsupported} is not supported"));
            }
        }
        let id = match socket.role {
            Role::Connection(id) => id,
            _ => return fails(Errno::Pipe),
        };
        let connection = world.stack.connection(id);
        if let Some(errno) = socket.take_error(connection) {
            return fails(errno);
        }
        let Some(connection) = connection.filter(|connection| connection.ended().is_none()) else {
            return fails(Errno::Pipe);
        };
        if connection.we_closed() {
            return fails(Errno::Pipe);
        }
        let waits = !socket.nonblocking && wanted.flags & flag("MSG_DONTWAIT") == 0;
        if opening(connection) {
            return if waits { Ok(Progress::Waits) } else { fails(Errno::Again) };
        }
        if wanted.null && wanted.len > 0 {
            return fails(Errno::Fault);
        }
        if wanted.len == 0 {
            return returned(0);
        }
        // A call that waits has written a part already.
        let before = if again { world.written_by_waiting_call } else { 0 };
        let start = socket.written;
        let rest = wanted.len - before.min(wanted.len);
        let more = wanted.flags & flag("MSG_MORE") != 0;
        let urgent = wanted.flags & flag("MSG_OOB") != 0;
        let low = socket.kept.get(&(6, flag("TCP_NOTSENT_LOWAT"))).copied().unwrap_or(host_low);
        let low = (0 < low && low < i64::from(u32::MAX)).then_some(low as usize);
        let smss = connection.smss().max(1);
        let chunk = (((connection.config().max_burst as u32).min(connection.largest_window() / 2) / smss).max(1) * smss)
            as usize;
        let record = wanted.flags & flag("MSG_EOR") != 0;
        let mut taken = 0;
        while taken < rest {
            // With TCP_NOTSENT_LOWAT there is room for one more chunk as long as less is unsent.
            let unsent = world.stack.connection(id).map_or(0, |connection| connection.not_sent() as usize);
            let part = match low {
                None => rest - taken,
                Some(low) if unsent.is_multiple_of(chunk) && unsent >= low => break,
                Some(_) => (chunk - unsent % chunk).min(rest - taken),
            };
            let from = start + taken as u64;
            let part: Vec<u8> = (from..from + part.min(PIECE) as u64).map(pattern).collect();
            let sent = world.stack.with(id, |connection| match () {
                () if urgent => connection.send_urgent(&part),
                () if more => connection.send_more(&part),
                () => connection.send(&part),
            });
            let count = match sent {
                Some(Ok(count)) => count,
                Some(Err(CallError::Ended(reason))) => return fails(Errno::of(reason).unwrap_or(Errno::Pipe)),
                _ => return fails(Errno::Pipe),
            };
            taken += count;
            if count < part.len() {
                break;
            }
            if low.is_some() {
                world.flush();
            }
        }
        if record && taken == rest {
            world.stack.with(id, |connection| connection.end_record());
        }
        let Some(socket) = self.socket(fd) else { return fails(Errno::BadFd) };
        socket.written += taken as u64;
        if taken > 0 && (taken == rest || !waits) {
            socket.stamps.watch(socket.written - 1);
        }
        let total = before + taken;
        if total < wanted.len && waits {
            world.written_by_waiting_call = total;
            return Ok(Progress::Waits);
        }
        if total == 0 && wanted.len > 0 {
            return fails(Errno::Again);
        }
        returned(total as i64)
    }
}
