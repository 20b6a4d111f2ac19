//! Calls, commands and code: what the script's application does, and what it gets back.

use std::time::Duration;

use super::compare::Difference;
use super::mismatch::Mismatch;
use super::runner::{MOST_STEPS, Pending, Runner, Step};
use super::telling::seconds;
use super::traffic::PATIENCE;
use crate::script::code::Value;
use crate::script::settings::{Command, interpret};
use crate::script::sockets::{self, Progress, Reply, info};
use crate::script::syntax::tree::{CallSpec, Event, Expr, When};
use crate::time::Time;

impl<'a> Runner<'a> {
    pub(super) fn call(
        &mut self,
        event: &'a Event,
        call: &'a CallSpec,
        base: Time,
        tolerance: Duration,
        more: bool,
    ) -> Step {
        self.finish_pending()?;
        self.world.begin_call();
        let outcome = self.sockets.call(&mut self.world, call, false);
        if !more {
            self.world.flush();
        }
        self.after_step();
        if self.world.take_listening() {
            self.awaiting = true;
        }
        let relative = matches!(event.when, When::After(_));
        match outcome.map_err(|reason| self.unsupported(event, reason))? {
            Progress::Returned(reply) => {
                let until = call.until.map(|until| if relative { base + until } else { Time::ZERO + until });
                self.note_call(event, call, &reply);
                self.check_reply(event, call, &reply)?;
                match until.filter(|until| until.since(self.world.now()) > tolerance) {
                    Some(until) => Err(self.timing(event, call, until)),
                    None => Ok(()),
                }
            }
            Progress::Waits => match call.until {
                Some(until) => {
                    let until = if relative { base + until } else { Time::ZERO + until };
                    let share = until.since(self.world.now()).as_secs_f64() * self.settings.tolerance_percent / 100.0;
                    let tolerance = tolerance.max(Duration::from_secs_f64(share));
                    self.pending = Some(Pending { event, call, until, tolerance });
                    Ok(())
                }
                None => {
                    let reason =
                        format!("{}() waits; the script says that it returns at once (...TIME says when)", call.name);
                    Err(self.mismatch(event, reason))
                }
            },
        }
    }

    /// A call that waits may be able to return now.
    pub(super) fn try_pending(&mut self) -> Step {
        let Some(pending) = self.pending.take() else { return Ok(()) };
        let outcome = self.sockets.call(&mut self.world, pending.call, true);
        self.world.flush();
        match outcome.map_err(|reason| self.unsupported(pending.event, reason))? {
            Progress::Waits => {
                if self.world.now() > pending.until + pending.tolerance {
                    let reason = format!("{}() has not returned", pending.call.name);
                    let mut found = self.mismatch(pending.event, reason);
                    found.time = Some((pending.until, pending.until, self.world.now()));
                    return Err(found);
                }
                self.pending = Some(pending);
                Ok(())
            }
            Progress::Returned(reply) => {
                let now = self.world.now();
                self.note_call(pending.event, pending.call, &reply);
                self.check_reply(pending.event, pending.call, &reply)?;
                let apart = if now > pending.until { now.since(pending.until) } else { pending.until.since(now) };
                if apart > pending.tolerance {
                    Err(self.timing(pending.event, pending.call, pending.until))
                } else {
                    Ok(())
                }
            }
        }
    }

    /// The next call begins only when the one before has returned.
    pub(super) fn finish_pending(&mut self) -> Step {
        let Some(until) = self.pending.as_ref().map(|pending| pending.until + pending.tolerance + PATIENCE) else {
            return Ok(());
        };
        let mut steps = 0;
        self.try_pending()?;
        while let Some(pending) = &self.pending {
            let (event, call) = (pending.event, pending.call);
            steps += 1;
            if self.world.now() >= until || steps > MOST_STEPS {
                let reason = format!("{}() has not returned", call.name);
                self.pending = None;
                return Err(self.mismatch(event, reason));
            }
            self.world.step(until, true);
            self.after_step();
            self.try_pending()?;
        }
        Ok(())
    }

    pub(super) fn timing(&mut self, event: &Event, call: &CallSpec, until: Time) -> Box<Mismatch> {
        let now = self.world.now();
        let (apart, side) = if now > until { (now.since(until), "late") } else { (until.since(now), "early") };
        let reason = format!("{}() returns {} too {side}", call.name, humantime::format_duration(apart));
        self.pending = None;
        let mut found = self.mismatch(event, reason);
        found.time = Some((until, until, now));
        found.differences = vec![Difference::new("time", seconds(until), seconds(now))];
        found
    }

    pub(super) fn check_reply(&mut self, event: &Event, call: &CallSpec, reply: &Reply) -> Step {
        let mut wrong: Vec<Difference> = Vec::new();
        let expected = match &call.result {
            Expr::Ellipsis => None,
            result => Some(sockets::number(result).map_err(|reason| self.unsupported(event, reason))?),
        };
        if expected.is_some_and(|expected| expected != reply.value) {
            wrong.push(Difference::new("result", expected.unwrap_or(0), reply.written()));
        }
        if let Some(errno) = &call.errno
            && !reply.errno_is(errno)
            && wrong.is_empty()
        {
            wrong.push(Difference::new("errno", errno, reply.written()));
        }
        wrong.extend(reply.wrong.iter().map(|(what, expected, got)| Difference::new(what.clone(), expected, got)));
        if wrong.is_empty() {
            return Ok(());
        }
        let reason = match wrong.first() {
            Some(first) if first.field == "result" => format!("{}() returns {}", call.name, reply.written()),
            _ => format!("what {}() gives back differs", call.name),
        };
        let mut found = self.mismatch(event, reason);
        let errno = call.errno.as_ref().map_or(String::new(), |errno| format!(" {errno}"));
        found.expected = expected.map(|expected| format!("{}(...) = {expected}{errno}", call.name));
        found.got = Some(format!("{}(...) = {}", call.name, reply.written()));
        found.differences = wrong;
        Err(found)
    }

    pub(super) fn command(&mut self, text: &str) -> Result<(), String> {
        let commands = match interpret(text) {
            Ok(commands) => commands,
            Err(_) if self.settings.ignore_commands => Vec::new(),
            Err(reason) => return Err(reason),
        };
        for command in commands {
            if let Command::Sysctl(name, value) = &command
                && name == "tcp_notsent_lowat"
            {
                self.sockets.set_low(value.trim().parse().unwrap_or(0));
            }
            command.apply(&mut self.settings.config)?;
            self.sockets.set_config(|config| {
                // Whether it can be done was settled above.
                let _ = command.apply(config);
            });
        }
        Ok(())
    }

    pub(super) fn refresh_names(&mut self) {
        let Some(connection) = self.sockets.current(&self.world).and_then(|id| self.world.stack.connection(id)) else {
            self.names.forget("tcpi_");
            return self.names.set("tcpi_state", Value::Integer(info::CLOSED));
        };
        for (name, value) in info::info(connection, self.world.now()) {
            self.names.set(name, Value::Integer(value));
        }
    }
}
