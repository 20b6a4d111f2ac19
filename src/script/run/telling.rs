//! What is told: the exchange so far, and the first difference.

use super::mismatch::{Line, Mismatch};
use super::packets::Segment;
use super::render;
use super::runner::Runner;
use super::world::Departed;
use crate::capture::Direction;
use crate::script::sockets::Reply;
use crate::script::syntax::tree::{Body, CallSpec, Event, PacketSpec};
use crate::time::Time;

impl Runner<'_> {
    pub(super) fn mismatch(&self, event: &Event, reason: String) -> Box<Mismatch> {
        Box::new(Mismatch {
            line: event.line,
            last_line: event.last_line,
            reason,
            expected: None,
            got: None,
            differences: Vec::new(),
            time: None,
            waiting: self.world.departed.iter().take(5).filter_map(|departed| self.placed(departed)).collect(),
            states: self.states(),
            unsupported: false,
        })
    }

    pub(super) fn unsupported(&self, event: &Event, reason: String) -> Box<Mismatch> {
        Box::new(Mismatch { unsupported: true, ..*self.mismatch(event, reason) })
    }

    /// Our end's state and numbers, and the peer's state.
    pub(super) fn states(&self) -> (String, &'static str) {
        let flow = self.current.and_then(|index| self.flows.get(index));
        let connection = flow.and_then(|flow| {
            self.world.stack.connections().find(|(_, c)| c.local() == flow.local && c.remote() == flow.remote)
        });
        let ours = match connection {
            Some((_, connection)) => connection.describe(),
            None if flow.is_some() => "CLOSED".into(),
            None => "no connection".into(),
        };
        (ours, flow.map_or("CLOSED", |flow| flow.peer.state()))
    }

    pub(super) fn note(
        &mut self,
        at: Time,
        line: usize,
        text: String,
        packet: Option<(Direction, Vec<u8>)>,
        note: String,
    ) {
        let (ours, peer) = self.states();
        self.lines.push(Line { at, line, text, ours, peer, packet, note });
    }

    pub(super) fn note_departed(&mut self, departed: &Departed, line: usize) {
        if self.trace {
            let text = self.shown(departed).unwrap_or_else(|| "> a packet that is no segment".into());
            let packet = Some((Direction::Out, departed.bytes.clone()));
            self.note(departed.at, line, text, packet, departed.note.clone());
        }
    }

    pub(super) fn note_call(&mut self, event: &Event, call: &CallSpec, reply: &Reply) {
        if self.trace {
            let text = format!("{}(...) = {}", call.name, reply.written());
            self.note(self.world.now(), event.line, text, None, String::new());
        }
    }

    /// A packet that no line has expected yet: when and where it left, and what it is.
    pub(super) fn placed(&self, departed: &Departed) -> Option<String> {
        let segment = Segment::read(&departed.bytes).ok()??;
        let other = self.flow_index(&segment) != self.current;
        let ports = if other { format!("{} > {} ", segment.src.port(), segment.dst.port()) } else { String::new() };
        let shown = self.shown(departed)?;
        Some(format!("{} > {ports}{}", seconds(departed.at), shown.trim_start_matches("> ")))
    }

    /// A packet that left, as a script would write it.
    pub(super) fn shown(&self, departed: &Departed) -> Option<String> {
        let mut segment = Segment::read(&departed.bytes).ok()??;
        if let Some(flow) = self.flow_index(&segment).and_then(|index| self.flows.get(index)) {
            segment.count_as_script(flow);
        }
        Some(format!("> {}", render::segment(&segment.tcp)))
    }
}

/// The packet with what the expecting line says of it, so that both can be compared by eye.
pub fn shown_like(spec: &PacketSpec, got: &Segment) -> PacketSpec {
    let Body::Tcp(tcp) = &spec.body else { return spec.clone() };
    let mut ip = got.ip;
    ip.ecn = ip.ecn.filter(|_| spec.ip.ecn.is_some());
    ip.tos = ip.tos.filter(|_| spec.ip.tos.is_some());
    ip.ttl = ip.ttl.filter(|_| spec.ip.ttl.is_some());
    ip.flow_label = ip.flow_label.filter(|_| spec.ip.flow_label.is_some());
    let mut shown = got.tcp.clone();
    shown.ace = tcp.ace;
    shown.window = shown.window.filter(|_| tcp.window.is_some());
    PacketSpec { ip, ports: spec.ports.map(|_| (got.src.port(), got.dst.port())), body: Body::Tcp(shown) }
}

/// A time as scripts write it.
pub fn seconds(at: Time) -> String {
    format!("{:.6}", at.since(Time::ZERO).as_secs_f64())
}

pub fn when(from: Time, to: Time) -> String {
    if from == to { seconds(from) } else { format!("{}~{}", seconds(from), seconds(to)) }
}
