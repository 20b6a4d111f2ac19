//! A decision made into a segment: header, options, payload, and what changes because it leaves.

use super::connection::{Connection, Usage};
use super::output::Step;
use super::recovery::Phase;
use super::segment::{Reason, Transmit};
use super::state::State;
use super::timers::Timer;
use crate::time::Time;
use crate::wire::options::SackBlocks;
use crate::wire::{Ecn, Flags, Payload, SackBlock, SeqNum, TcpHeader, TcpOptions};

impl Connection {
    pub(super) fn emit(&mut self, now: Time, step: Step) -> Transmit {
        match step {
            Step::Reset { seq, ack } => self.emit_reset(now, seq, ack),
            Step::Syn => self.emit_syn(now),
            Step::Again { start, end, reason } => self.emit_again(now, start, end, reason),
            Step::New { end, reason } => self.emit_new(now, end, reason),
            Step::Probe => self.emit_probe(now),
            Step::KeepAlive => {
                self.keepalive.due = false;
                // RFC 9293 section 3.8.4: SND.NXT - 1 lies outside the peer's window and makes it answer.
                self.emit_empty(now, self.snd.nxt - 1, Reason::KeepAlive)
            }
            Step::Ack(reason) => self.emit_empty(now, self.snd.nxt, reason),
        }
    }

    fn emit_reset(&mut self, now: Time, seq: SeqNum, ack: Option<SeqNum>) -> Transmit {
        self.reset = None;
        let header = TcpHeader {
            seq,
            ack: ack.unwrap_or_default(),
            flags: Flags::RST.with_if(ack.is_some(), Flags::ACK),
            window: 0,
            ..self.ports()
        };
        // RFC 7323 section 3.2: once agreed, also on RST (SHOULD).
        let timestamps = self.timestamps.option(now).filter(|_| ack.is_some());
        let options = TcpOptions { timestamps, ..TcpOptions::default() };
        self.leave(header, options, Payload::empty(), Ecn::NotEct, Reason::Reset)
    }

    fn emit_syn(&mut self, now: Time) -> Transmit {
        let again = self.opening.sends > 0;
        self.opening.due = false;
        self.opening.sends += 1;
        self.opening.sent.get_or_insert(now);
        self.snd.nxt = self.snd.iss + 1;
        self.snd.max = self.snd.max.latest(self.snd.nxt);
        self.timers.set(Timer::Retransmit, now + self.rto.current());
        let answer = self.state == State::SynReceived;
        let flags = if answer {
            Flags::SYN | Flags::ACK | self.ecn.syn_ack_flags()
        } else {
            Flags::SYN | self.ecn.syn_flags(again)
        };
        // A SYN-ACK repeats only what the SYN offered; `agree` has settled that.
        let scaled = !answer || self.opening.scaled;
        let options = TcpOptions {
            mss: Some(self.config.mss),
            window_scale: self.opening.scale.filter(|_| scaled),
            sack_permitted: self.sack,
            sack: SackBlocks::default(),
            timestamps: self.timestamps.option(now),
        };
        let header = TcpHeader {
            seq: self.snd.iss,
            ack: if answer { self.rcv_nxt() } else { SeqNum(0) },
            flags,
            // Never scaled (RFC 7323 section 2.2).
            window: self.offer_window(0),
            ..self.ports()
        };
        self.opening.offered = header.window;
        if answer {
            self.acknowledged();
        }
        let reason = if again { Reason::SynRetransmit } else { Reason::Syn };
        self.leave(header, options, Payload::empty(), Ecn::NotEct, reason)
    }

    fn emit_again(&mut self, now: Time, start: SeqNum, end: SeqNum, reason: Reason) -> Transmit {
        if std::mem::take(&mut self.recovery.first_due) {
            self.recovery.rescue_after = Some(end);
        }
        self.board.on_resent(start, end, now);
        let partial = self.recovery.is_fast() && !self.sack && self.recovery.partial;
        if start.at_or_before(self.snd.una) && !partial {
            // Nothing is sent again less than an RTO after it was last sent (RFC 6298 section 5, RFC 6675 section 6).
            self.timers.set(Timer::Retransmit, now + self.rto.current());
        }
        self.arm_retransmit(now);
        self.emit_text(now, start, end, reason)
    }

    fn emit_new(&mut self, now: Time, end: SeqNum, reason: Reason) -> Transmit {
        let start = self.snd.nxt;
        if self.board.is_empty() {
            self.congestion.on_flight_begins(now);
        }
        self.board.on_sent(start, end, now);
        self.snd.nxt = end;
        self.snd.max = self.snd.max.latest(end);
        self.stats.bytes_out += u64::from(end.earliest(self.out.end()).offset_from(start).max(0) as u32);
        self.arm_retransmit(now);
        self.note_usage();
        if reason == Reason::LimitedTransmit && self.recovery.phase == Phase::Open {
            // Only what duplicates let go beyond the window.
            let beyond = self.board.outstanding().saturating_sub(self.congestion.window());
            self.recovery.limited = beyond.min(2 * self.smss());
        }
        self.held.released = self.held.released.filter(|upto| upto.after(end));
        self.emit_text(now, start, end, reason)
    }

    /// RFC 9293 section 3.8.6.1 wants a byte of new data where there is one. What fits a window that is open but
    /// small is sent in earnest; into a closed one goes a byte that is not counted as sent.
    fn emit_probe(&mut self, now: Time) -> Transmit {
        self.persist.due = false;
        let fits = self.unsent().min(self.snd.usable()).min(self.smss());
        if fits > 0 {
            let end = self.snd.nxt + fits;
            return self.emit_new(now, end, Reason::WindowProbe);
        }
        if self.config.empty_probes {
            return self.emit_empty(now, self.snd.una - 1, Reason::WindowProbe);
        }
        let end = self.snd.nxt + 1;
        self.snd.max = self.snd.max.latest(end);
        self.emit_text(now, self.snd.nxt, end, Reason::WindowProbe)
    }

    fn emit_empty(&mut self, now: Time, seq: SeqNum, reason: Reason) -> Transmit {
        let (flags, _) = self.ecn.mark(false);
        let urgent = self.urgent_pointer(seq);
        let flags = (Flags::ACK | flags).with_if(urgent > 0, Flags::URG);
        let header = TcpHeader { seq, flags, urgent, ..self.common() };
        let options = self.common_options(now);
        self.acknowledged();
        self.leave(header, options, Payload::empty(), Ecn::NotEct, reason)
    }

    /// What a segment at `seq` says of urgent data: where it ends, as far as that can be said, or 0. MUST-62: the pointer
    /// is to the byte after the last urgent one.
    fn urgent_pointer(&self, seq: SeqNum) -> u16 {
        let ahead = self.urgent_out.filter(|up| up.after(seq)).map_or(0, |up| up - seq);
        u16::try_from(ahead).unwrap_or(u16::MAX)
    }

    /// Text from `start` to `end`, with FIN when `end` covers it.
    fn emit_text(&mut self, now: Time, start: SeqNum, end: SeqNum, reason: Reason) -> Transmit {
        let payload = self.out.slice(start, end);
        let fin = self.fin_seq().is_some_and(|fin| end.after(fin));
        // PSH ends what the user gave us (MUST-61); FIN implies it.
        let burst = self.config.small_bursts.is_some() && payload.len() > self.smss() as usize;
        let pushed = self.out.pushed().is_some_and(|pushed| pushed.after(start) && pushed.at_or_before(end));
        let overdue = reason == Reason::WindowProbe && end.at_or_after(self.out.end());
        let last = pushed || overdue || self.out.record_end(start) == Some(end);
        let push = !payload.is_empty() && (last || burst);
        let new = !reason.is_retransmission() && reason != Reason::WindowProbe && !payload.is_empty();
        let (marks, ecn) = self.ecn.mark(new);
        let flags = Flags::ACK.with_if(fin, Flags::FIN).with_if(push, Flags::PSH) | marks;
        let urgent = self.urgent_pointer(start);
        let flags = flags.with_if(urgent > 0, Flags::URG);
        let header = TcpHeader { seq: start, flags, urgent, ..self.common() };
        let options = self.common_options(now);
        self.acknowledged();
        self.last_sent = Some(now);
        self.leave(header, options, payload, ecn, reason)
    }

    fn leave(
        &mut self,
        header: TcpHeader,
        options: TcpOptions,
        payload: Payload,
        ecn: Ecn,
        reason: Reason,
    ) -> Transmit {
        let options = options.to_bytes();
        // MUST-16: what is sent fits the MSS together with the options of this very segment (RFC 6691).
        let segment_size = usize::from(self.snd.mss) - options.as_slice().len();
        let packets = payload.len().div_ceil(segment_size).max(1) as u64;
        self.stats.on_sent(reason, packets);
        Transmit { header, options, payload, segment_size, ecn, reason }
    }

    fn ports(&self) -> TcpHeader {
        TcpHeader { src_port: self.local.port(), dst_port: self.remote.port(), ..TcpHeader::default() }
    }

    /// What every segment after the handshake carries.
    fn common(&mut self) -> TcpHeader {
        let window = self.offer_window(self.rcv.shift);
        TcpHeader { ack: self.rcv_nxt(), window, ..self.ports() }
    }

    fn common_options(&mut self, now: Time) -> TcpOptions {
        let sack = if self.sack { self.sack_blocks() } else { SackBlocks::default() };
        self.stats.sack_blocks_out += sack.as_slice().len() as u64;
        TcpOptions { timestamps: self.timestamps.option(now), sack, ..TcpOptions::default() }
    }

    /// A D-SACK once, then the islands (RFC 2018 section 4, RFC 2883 section 4).
    fn sack_blocks(&mut self) -> SackBlocks {
        let mut blocks = SackBlocks::default();
        let most = if self.timestamps.on { 3 } else { 4 };
        let dsack = self.dsack.take();
        self.stats.dsacks_out += u64::from(dsack.is_some());
        for range in dsack.into_iter().chain(self.inb.islands()).take(most) {
            blocks.push(SackBlock { left: self.rcv_seq(range.start), right: self.rcv_seq(range.end) });
        }
        blocks
    }

    /// The window field, and with it our promise. The right edge moves forward only in steps worth a segment
    /// (section 3.8.6.2.2) and never back (SHLD-14).
    fn offer_window(&mut self, shift: u8) -> u16 {
        let nxt = self.rcv_nxt();
        let edge = self.window_edge(shift);
        let gain = edge.offset_from(self.rcv.adv).max(0) as u32;
        let worth = (self.inb.limit() as u32 / 2).min(u32::from(self.config.mss));
        let wanted = if gain >= worth { edge } else { self.rcv.adv };
        let wanted = wanted.offset_from(nxt).max(0) as u32;
        let held = self.rcv.adv.offset_from(nxt).max(0) as u32;
        // What was promised is rounded up to the field's unit as long as the buffer holds that, what is new is rounded
        // down. Rounding up without that bound would offer a little more with every segment, for ever. Where it is
        // rounded down, the peer sees the edge move back by less than a unit (RFC 7323 section 2.4); `adv` stays.
        let up = held.div_ceil(1 << shift);
        let kept = if (nxt + (up << shift)).at_or_before(edge) { up } else { held >> shift };
        let units = (wanted >> shift).max(kept);
        let field = u16::try_from(units).unwrap_or(u16::MAX);
        self.rcv.adv = self.rcv.adv.latest(nxt + (u32::from(field) << shift));
        field
    }

    /// The right edge of the largest window that the buffer allows and the field can express.
    pub(super) fn window_edge(&self, shift: u8) -> SeqNum {
        self.rcv_seq(self.inb.edge()).earliest(self.rcv_nxt() + (0xffff << shift))
    }

    /// The most in flight within a round trip is what the window is judged by when it is acknowledged.
    fn note_usage(&mut self) {
        let pipe = self.pipe();
        if self.usage.until.is_none_or(|until| self.snd.una.at_or_after(until)) {
            self.usage = Usage { peak: pipe, until: Some(self.snd.nxt) };
        } else {
            self.usage.peak = self.usage.peak.max(pipe);
        }
    }

    fn arm_retransmit(&mut self, now: Time) {
        if self.timers.get(Timer::Retransmit).is_none() {
            self.timers.set(Timer::Retransmit, now + self.rto.current());
        }
    }

    /// An acknowledgment of all that has arrived leaves with this segment.
    fn acknowledged(&mut self) {
        self.acks.on_sent();
        self.timers.stop(Timer::DelayedAck);
        self.rcv.last_ack = self.rcv_nxt();
    }
}
