//! Every statistic of `tcptrace -l -r -W`, counted as the segments of a connection go by.
//!
//! The names are tcptrace's, so that who knows its output knows this one. The numbers are its numbers, except where it
//! counts wrongly: there the name's meaning decides.
//!
//! | file       | subject |
//! |------------|---------|
//! | `side`     | the counters of one side |
//! | `counting` | how a segment changes them |
//! | `space`    | the sequence space of one side: what was seen before, what an acknowledgment covers |
//! | `queue`    | its segments in flight |
//! | `settled`  | its acknowledged ranges |
//! | `recent`   | the last packets, to know one that was captured twice |
//! | `series`   | times, reduced to number, extremes, mean and spread |
//! | `rows`     | the statistics by name, as values |
//! | `text`     | the same, laid out in two columns |
//!
//! **Memory.** A new connection is one flat value and allocates nothing before two segments are in flight. A side keeps
//! the times of at most 16,384 segments in flight (1,024 while nobody acknowledges: a capture of one direction), and
//! at most 256 acknowledged ranges; past that the oldest counts as acknowledged, and the oldest hole as seen.
//! [`Tally::over`] leaves the counters alone.
//!
//! **Where this differs from tcptrace 6.6.7.** Means are sums over counts (tcptrace adds a little to the count, so that
//! one segment of 1448 bytes has an average of 1446). A time of 0 can be a minimum. Segments of one byte are not of
//! size 2^32, so that "full size" is the largest segment and not the SYN. The stream ends at the FIN also when a RST
//! follows, and no length or loss is negative. A segment without ACK advertises no window, not one of 0. Nothing
//! changes where sequence numbers cross a multiple of 2^30 or wrap, and a stray number makes nothing forgotten. A SYN
//! or FIN sent again adds nothing to the unique bytes. Payload is counted without IPv6 extension headers. Shifts over
//! 14 are 14, and an MSS over 32767 is what it says. A mean of scaled windows needs only its own side to have sent one.
//! Times keep their nanoseconds. What is counted to which connection differs as well: IP fragments are put together, ports
//! used again open another connection, frames of any length count, and a segment whose header claims more than there is
//! does not.
#![cfg_attr(not(test), deny(clippy::indexing_slicing, clippy::unwrap_used, clippy::expect_used, clippy::panic))]

mod counting;
mod queue;
mod recent;
mod rows;
mod series;
mod settled;
mod side;
mod space;
#[cfg(test)]
mod tests;
mod text;

use serde::{Deserialize, Serialize};

pub use rows::{Row, Value};
pub use series::Series;
pub use side::{Offer, Outstanding, SideTally, Trouble, Window};
pub use text::Text;

use crate::analysis::segment::{Segment, Side};
use crate::wire::SeqNum;

/// All counters of one connection.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct Tally {
    a: SideTally,
    b: SideTally,
    first: u64,
    elapsed: u64,
}

/// How a connection is done, in tcptrace's sense.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Complete {
    /// Both sides sent SYN and FIN, and no RST.
    Yes,
    /// A RST was seen.
    Reset,
    /// Neither.
    No,
}

impl Tally {
    /// Counts a segment that `side` sent. Segments come in the order of the capture; those that an ICMP error quotes
    /// were not sent and do not count.
    pub fn on_segment(&mut self, side: Side, segment: &Segment<'_>) {
        if segment.quoted {
            return;
        }
        if self.packets() == 0 {
            self.first = segment.time.as_nanos();
        }
        let now = segment.time.as_nanos().saturating_sub(self.first);
        self.elapsed = now;
        let (this, peer) = match side {
            Side::A => (&mut self.a, &mut self.b),
            Side::B => (&mut self.b, &mut self.a),
        };
        let flags = segment.header.flags;
        let window = this.advertised(peer.offer.window_scale, segment);
        this.on_sent(now, segment);
        peer.on_offer_of(this, segment);
        if flags.syn() {
            peer.live.ack = Some(segment.header.seq.0);
        }
        let added = this.on_sequence(peer.live.window == Some(0), now, segment);
        if flags.ack() {
            this.live.duplicates = peer.on_acknowledgment(this, window, now, segment);
        }
        // A RST tells nothing about window and acknowledgments beyond its own.
        if flags.rst() {
            return;
        }
        this.on_window(peer.offer.window_scale, window, flags);
        if flags.ack() {
            this.on_sacks(segment);
            this.live.ack = Some(segment.header.ack.0);
            let syn = peer.syn.map(|syn| SeqNum(syn as u32) + 1);
            peer.live.data_acked |= syn != Some(segment.header.ack);
        }
        this.on_flight(peer.live.ack, added, now, segment);
    }

    /// The capture went on until `end` (nanoseconds since the Unix epoch): the sides of a connection that was still
    /// open were silent up to there.
    pub fn until(&mut self, end: u64) {
        let closed = self.a.fins > 0 && self.b.fins > 0;
        if closed || self.complete() == Complete::Reset {
            return;
        }
        let end = end.saturating_sub(self.first);
        for side in [&mut self.a, &mut self.b].into_iter().filter(|side| side.packets > 0) {
            side.longest_idle = side.longest_idle.max(end.saturating_sub(side.last));
        }
    }

    /// The connection is over: drops what only a running one needs and keeps the results.
    pub fn over(&mut self) {
        self.a.live = Default::default();
        self.b.live = Default::default();
    }

    /// The counters of one side.
    pub fn side(&self, side: Side) -> &SideTally {
        match side {
            Side::A => &self.a,
            Side::B => &self.b,
        }
    }

    /// Segments of both sides.
    pub fn packets(&self) -> u64 {
        self.a.packets + self.b.packets
    }

    /// When the first segment was captured, in nanoseconds since the Unix epoch.
    pub fn first(&self) -> u64 {
        self.first
    }

    /// When the last one was.
    pub fn last(&self) -> u64 {
        self.first.saturating_add(self.elapsed)
    }

    /// Nanoseconds from the first to the last.
    pub fn elapsed(&self) -> u64 {
        self.elapsed
    }

    /// How it is done.
    pub fn complete(&self) -> Complete {
        let closed = |side: &SideTally| side.syns > 0 && side.fins > 0;
        if self.a.resets + self.b.resets > 0 {
            Complete::Reset
        } else if closed(&self.a) && closed(&self.b) {
            Complete::Yes
        } else {
            Complete::No
        }
    }
}
