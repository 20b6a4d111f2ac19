//! One end of a connection as a sender: what is kept of its segments, and of what is said of them.

use std::sync::LazyLock;

use serde::{Deserialize, Serialize};

use super::connection::Offer;
use super::copies::Recent;
use super::damage::Damage;
use super::limits::Limits;
use super::loss::{Judgement, Loss};
use super::queueing::{Echo, Queues};
use super::seen::Seen;
use super::segment::{Checksum, Segment};
use super::sequence::{Direction, Marks, Verdict};
use super::sketch::Sketch;
use crate::wire::{Ecn, Flags};

/// What is kept of one end as a sender.
#[derive(Clone, Debug, Default, Serialize, Deserialize)]
pub struct Course {
    /// What its first SYN offered.
    pub offer: Option<Offer>,
    /// Losses and recoveries of its data; most connections have none.
    pub(super) loss: Option<Box<Loss>>,
    /// What kept it back.
    pub limits: Limits,
    /// Round trips of its data (Karn's rule), in nanoseconds.
    pub round_trips: Sketch,
    /// The largest payload, and the largest that is known to have arrived.
    pub largest: u32,
    /// See `largest`.
    pub delivered: u32,
    /// How long its data waits on its way; little of it shows in short connections.
    queues: Option<Box<Queues>>,
    #[serde(skip)]
    pub(super) echo: Echo,
    #[serde(skip)]
    pub(super) recent: Recent,
    /// What is rare.
    pub(super) oddities: Option<Box<Oddities>>,
    /// The least and the greatest time to live.
    pub ttl: Option<(u8, u8)>,
    /// Packets.
    pub packets: u64,
    /// Packets that carry payload.
    pub data_packets: u64,
    /// Payload bytes, repetitions included.
    pub bytes: u64,
}

/// What few senders do. Frames are those that prove it.
#[derive(Clone, Debug, Default, Serialize, Deserialize)]
pub struct Oddities {
    /// Segments with a checksum that does not fit.
    pub damage: Damage,
    /// Segments larger than the other end's MSS.
    pub oversize: Seen,
    /// Keep-alives.
    pub keep_alives: u32,
    /// Packets with congestion experienced, and segments that echo it.
    pub congestion: (u32, u32),
    /// Repeated SYNs that offered something else than the first.
    pub changed_offer: Seen,
    /// SACK blocks that lie nowhere near the other end's data.
    pub foreign_sack: Seen,
    /// Segments that end where the other end's window would end if it were not scaled.
    pub unscaled: Seen,
}

static NO_LOSS: LazyLock<Loss> = LazyLock::new(Loss::default);
static NO_ODDITIES: LazyLock<Oddities> = LazyLock::new(Oddities::default);

impl Course {
    /// Losses and recoveries of its data.
    pub fn loss(&self) -> &Loss {
        self.loss.as_deref().unwrap_or(&NO_LOSS)
    }

    /// What few senders do.
    pub fn oddities(&self) -> &Oddities {
        self.oddities.as_deref().unwrap_or(&NO_ODDITIES)
    }

    /// How long its data waits on its way.
    pub fn queues(&self) -> Queues {
        self.queues.as_deref().copied().unwrap_or_default()
    }

    pub(super) fn odd(&mut self) -> &mut Oddities {
        self.oddities.get_or_insert_default()
    }

    /// Drops what only a running connection needs.
    pub(super) fn rest(&mut self) {
        if let Some(loss) = &mut self.loss {
            loss.rest();
        }
        if let Some(odd) = &mut self.oddities {
            odd.damage.rest();
        }
        self.limits.rest();
        self.recent.clear();
        self.round_trips.rest();
        (self.delivered, self.ttl) = (0, None);
    }

    /// Gives up all evidence but the first of each kind, and half the detail of percentiles.
    pub(super) fn tighten(&mut self) {
        self.round_trips.coarsen();
        self.limits.tighten();
        if let Some(loss) = &mut self.loss {
            loss.tighten();
        }
        if let Some(odd) = &mut self.oddities {
            let Oddities { damage, oversize, changed_offer, foreign_sack, unscaled, .. } = odd.as_mut();
            let Damage { seen, lost, taken, .. } = damage;
            [seen, lost, taken, oversize, changed_offer, foreign_sack, unscaled].into_iter().for_each(Seen::tighten);
        }
    }

    /// Counts a segment of this end.
    pub(super) fn count(&mut self, segment: &Segment<'_>, verdict: &Verdict) {
        self.packets += 1;
        self.data_packets += u64::from(segment.len > 0);
        self.bytes += u64::from(segment.len);
        self.largest = self.largest.max(segment.len);
        if segment.ecn == Ecn::Ce {
            self.odd().congestion.0 += 1;
        }
        if segment.header.flags.contains(Flags::ECE) && !segment.header.flags.syn() {
            self.odd().congestion.1 += 1;
        }
        if !segment.header.flags.rst() {
            let (least, most) = self.ttl.unwrap_or((segment.ttl, segment.ttl));
            self.ttl = Some((least.min(segment.ttl), most.max(segment.ttl)));
        }
        if verdict.marks.contains(Marks::KEEP_ALIVE) {
            self.odd().keep_alives += 1;
        }
    }

    /// Checksums: of what was sent again, and of what does not fit.
    pub(super) fn check(&mut self, segment: &Segment<'_>, judgement: Judgement) {
        if let Some(odd) = &mut self.oddities
            && matches!(judgement, Judgement::Repair(_) | Judgement::Needless | Judgement::Control)
        {
            odd.damage.on_again(segment);
        }
        if segment.checksum == Checksum::Bad {
            self.odd().damage.on_bad(segment);
        }
    }

    /// What data of this end says of the way from it to the place of capture, which took `way` of `all` in the handshake.
    pub(super) fn measure_before(&mut self, segment: &Segment<'_>, way: u64, all: u64) {
        if segment.len > 0
            && let Some((_, echo)) = segment.options.timestamps
            && let Some(nanos) = self.echo.echoed(echo, segment.time.as_nanos())
            && is_far(way, all)
        {
            let queue = &mut self.queues.get_or_insert_default().before;
            queue.idle(way);
            queue.add(nanos);
        }
    }

    /// What an acknowledgment by the other end says of the way from the place of capture there, which took some of all the
    /// path in the handshake. `own` is this end's direction after it: while more is on its way, no acknowledgment was
    /// delayed.
    pub(super) fn measure(
        &mut self,
        segment: &Segment<'_>,
        verdict: &Verdict,
        own: &Direction,
        (way, all): (u64, u64),
    ) {
        if let Some(odd) = self.oddities.as_mut().filter(|_| segment.header.flags.ack()) {
            odd.damage.on_acknowledged(segment.header.ack);
        }
        if let Some(acknowledged) = verdict.acknowledges {
            self.delivered = self.delivered.max(acknowledged.len);
        }
        let Some(nanos) = verdict.round_trip else { return };
        self.round_trips.add(nanos);
        let ahead = own.next_seq().map_or(0, |next| next.offset_from(segment.header.ack).max(0)) as u32;
        // During a recovery, what is acknowledged may have waited for what was missing before it.
        let flows = ahead >= self.largest.saturating_mul(2).max(1) && !self.loss().recovering();
        if flows && (way == 0 || is_far(way, all)) {
            let queue = &mut self.queues.get_or_insert_default().beyond;
            queue.idle(if way > 0 { way } else { nanos });
            queue.add(nanos);
        }
    }
}

/// Between the place of capture and an end that is next to it there is no queue; what takes time there is the end itself.
fn is_far(way: u64, all: u64) -> bool {
    way > 0 && way >= all / 10
}
