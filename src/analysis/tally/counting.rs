//! How a segment changes the counters of the side that sent it, and of the side whose data it acknowledges.
//!
//! A method per family of counters; [`Tally::on_segment`](super::Tally::on_segment) calls them in tcptrace's order, on
//! which some depend: a window counts for the segments after it, an acknowledgment is compared with the one before.

use super::series::Series;
use super::side::{MAX_SHIFT, SideTally, Window};
use super::space::{Acknowledged, Added};
use crate::analysis::segment::Segment;
use crate::wire::{Flags, SackBlock, SeqNum};

impl SideTally {
    /// The window that `segment` of this side advertises, scaled by what was offered before it (RFC 7323 section 2.2).
    pub(super) fn advertised(&self, peer_scales: bool, segment: &Segment<'_>) -> Option<u32> {
        let (flags, window) = (segment.header.flags, u32::from(segment.header.window));
        let scaled = self.offer.window_scale && peer_scales && !flags.syn();
        let shift = if scaled { self.offer.shift.min(MAX_SHIFT) } else { 0 };
        (flags.ack() || flags.syn()).then_some(window << shift)
    }

    /// Counts what stands in the segment itself.
    #[inline]
    pub(super) fn on_sent(&mut self, now: u64, segment: &Segment<'_>) {
        let flags = segment.header.flags;
        if self.packets > 0 {
            self.longest_idle = self.longest_idle.max(now.saturating_sub(self.last));
        }
        self.last = now;
        self.packets += 1;
        self.window.packets += 1;
        self.syns += u64::from(flags.syn());
        self.fins += u64::from(flags.fin());
        self.resets += u64::from(flags.rst());
        self.acks += u64::from(flags.ack());
        let others = Flags::SYN | Flags::FIN | Flags::RST;
        self.pure_acks += u64::from(segment.len == 0 && flags.ack() && flags.without(others) == flags);
        if self.live.recent.seen(segment.header.seq, segment.ip_id) {
            self.trouble_mut().hardware_duplicates += 1;
        }
        if segment.len > 0 {
            self.on_data(now, segment);
        }
    }

    #[inline]
    fn on_data(&mut self, now: u64, segment: &Segment<'_>) {
        let (flags, len) = (segment.header.flags, segment.len);
        if self.data_packets == 0 {
            self.first_data = now;
            self.min_segment = len;
        }
        self.last_data = now;
        self.data_packets += 1;
        self.data_bytes += u64::from(len);
        self.max_segment = self.max_segment.max(len);
        self.min_segment = self.min_segment.min(len);
        self.pushed += u64::from(flags.contains(Flags::PSH));
        if flags.contains(Flags::URG) {
            let trouble = self.trouble_mut();
            trouble.urgent_packets += 1;
            trouble.urgent_bytes += u64::from(segment.header.urgent);
        }
        let missing = u64::from(len).saturating_sub(segment.payload.len() as u64);
        if missing > 0 {
            let trouble = self.trouble_mut();
            trouble.truncated_bytes += missing;
            trouble.truncated_packets += 1;
        }
    }

    /// Notes the options of a segment of `other`. Scaling counts only where both sides offer it.
    #[inline]
    pub(super) fn on_offer_of(&mut self, other: &mut SideTally, segment: &Segment<'_>) {
        let (options, offer) = (&segment.options, &mut other.offer);
        offer.mss = options.mss.unwrap_or(offer.mss);
        offer.sack |= options.sack_permitted;
        offer.timestamps |= options.timestamps.is_some();
        if let Some(shift) = options.window_scale {
            offer.window_scale = true;
            offer.shift = shift;
        }
        let both = offer.window_scale && self.offer.window_scale;
        if !both && !segment.header.flags.syn() {
            offer.shift = 0;
            self.offer.shift = 0;
        }
        if !options.sack.is_empty() {
            other.trouble_mut().sack_packets += 1;
        }
    }

    /// Enters the segment into the sequence space and counts what of it is new.
    #[inline]
    pub(super) fn on_sequence(&mut self, window_closed: bool, now: u64, segment: &Segment<'_>) -> Added {
        let (flags, len) = (segment.header.flags, segment.len);
        let start = self.live.space.position(segment.header.seq);
        if flags.syn() {
            self.syn = Some(start);
        }
        if flags.fin() {
            self.fin = Some(start.wrapping_add(u64::from(len) + u64::from(flags.syn())));
        }
        let seq_len = segment.seq_len();
        if seq_len == 0 {
            return Added::default();
        }
        if window_closed && !flags.syn() {
            let trouble = self.trouble_mut();
            trouble.probes += 1;
            trouble.probe_bytes += u64::from(len);
            return Added::default();
        }
        let added = self.live.space.add(start, seq_len, now);
        if added == Added::default() {
            self.unique_bytes += u64::from(len);
            return added;
        }
        self.on_repeated(added, segment);
        added
    }

    /// Counts a segment that was at least in part seen before, or does not stand in order.
    #[cold]
    fn on_repeated(&mut self, added: Added, segment: &Segment<'_>) {
        let flags = segment.header.flags;
        let controls = u32::from(flags.syn() && added.first_again) + u32::from(flags.fin() && added.last_again);
        self.unique_bytes += u64::from(segment.len.saturating_sub(added.again.saturating_sub(controls)));
        let trouble = self.trouble_mut();
        trouble.out_of_order += u64::from(added.out_of_order);
        trouble.resent_packets += u64::from(added.again > 0);
        trouble.resent_bytes += u64::from(added.again);
        if let Some((elapsed, times)) = added.resent {
            trouble.max_resent = trouble.max_resent.max(u64::from(times));
            trouble.resend_times.add(elapsed);
        }
    }

    /// Applies an acknowledgment by `other` to what this side sent. Returns how many duplicates of it there are in a row.
    #[inline]
    pub(super) fn on_acknowledgment(
        &mut self,
        other: &SideTally,
        window: Option<u32>,
        now: u64,
        segment: &Segment<'_>,
    ) -> u64 {
        let ack = segment.header.ack;
        let Acknowledged { cumulative, exact, unseen } = self.live.space.acknowledge(ack, now);
        self.cumulative += cumulative;
        if unseen {
            self.trouble_mut().unseen_acks += 1;
        }
        let Some(exact) = exact else {
            // The rule of 4.4BSD: nothing but the repeated acknowledgment, while something is outstanding.
            let repeats = segment.len == 0
                && other.live.ack == Some(ack.0)
                && other.live.window == window
                && self.outstanding.sum > 0
                && self.live.space.settled_up_to(ack);
            if !repeats {
                return 0;
            }
            let row = other.live.duplicates + 1;
            let trouble = self.trouble_mut();
            trouble.duplicate_acks += 1;
            trouble.triple_duplicates += u64::from(row == 3);
            return row;
        };
        if exact.overtaken {
            self.trouble_mut().post_loss += 1;
        } else if exact.resent > 0 {
            self.trouble_mut().ambiguous.add(exact.elapsed);
        } else {
            self.on_round_trip(exact.elapsed, exact.size);
            if self.syns == 1 && self.syn.is_some_and(|syn| SeqNum(syn as u32) + 1 == ack) {
                self.rtt_handshake = Some(exact.elapsed);
            }
        }
        0
    }

    #[inline]
    fn on_round_trip(&mut self, elapsed: u64, size: u32) {
        self.rtt.add(elapsed);
        if size > self.full_size {
            self.full_size = size;
            self.rtt_full = Series::default();
        }
        if size == self.full_size {
            self.rtt_full.add(elapsed);
        }
    }

    #[inline]
    pub(super) fn on_window(&mut self, peer_scales: bool, advertised: Option<u32>, flags: Flags) {
        let Some(window) = advertised else { return };
        self.live.window = advertised;
        // The first scaled window replaces what the SYNs said, which is in another unit.
        if !self.window.scaled && window > 0 && self.offer.window_scale && peer_scales && !flags.syn() {
            self.window = Window { zero: self.window.zero, packets: 1, scaled: true, ..Window::default() };
        }
        self.window.max = self.window.max.max(window);
        if window > 0 && (self.window.min == 0 || window < self.window.min) {
            self.window.min = window;
        }
        self.window.zero += u64::from(window == 0 && flags.ack());
        self.window.sum += u64::from(window);
    }

    #[inline]
    pub(super) fn on_sacks(&mut self, segment: &Segment<'_>) {
        let blocks = segment.options.sack.as_slice();
        if blocks.is_empty() {
            return;
        }
        let trouble = self.trouble_mut();
        trouble.sack_acks += 1;
        trouble.max_sack_blocks = trouble.max_sack_blocks.max(blocks.len() as u64);
        trouble.duplicate_sacks += u64::from(reports_duplicate(segment.header.ack, blocks));
    }

    /// Counts the initial window and the outstanding data. `acked` is the last acknowledgment of the other side.
    #[inline]
    pub(super) fn on_flight(&mut self, acked: Option<u32>, added: Added, now: u64, segment: &Segment<'_>) {
        let repeated = added.again > 0;
        if segment.len > 0 && !self.live.data_acked && !repeated {
            self.initial_bytes += u64::from(segment.len);
            self.initial_packets += 1;
        }
        if segment.header.flags.syn() || added.out_of_order || repeated {
            return;
        }
        let end = segment.header.seq + segment.len;
        let bytes = acked.map_or(segment.len, |ack| u32::try_from(end.offset_from(SeqNum(ack) - 1)).unwrap_or(0));
        let outstanding = &mut self.outstanding;
        outstanding.max = outstanding.max.max(bytes);
        if bytes > 0 && (outstanding.min == 0 || bytes < outstanding.min) {
            outstanding.min = bytes;
        }
        outstanding.sum += u64::from(bytes);
        outstanding.count += 1;
        if let Some((time, before)) = self.live.sample.replace((now, bytes)) {
            outstanding.weighted += u128::from(before) * u128::from(now.saturating_sub(time));
        }
    }
}

/// The first block of a D-SACK lies below the acknowledgment, or within the second block (RFC 2883 section 4).
fn reports_duplicate(ack: SeqNum, blocks: &[SackBlock]) -> bool {
    match blocks {
        [first, ..] if first.right.at_or_before(ack) => true,
        [first, second, ..] => first.left.before(second.right) && second.left.before(first.right),
        _ => false,
    }
}
