//! From the first duplicate acknowledgment to the end of recovery (RFC 5681 section 3.2, RFC 6675, RFC 6582).
//!
//! With SACK the scoreboard knows what has left the network. Without it, each duplicate acknowledgment says
//! that one segment has; counting those as `departed` makes limited transmit, the inflated window of fast
//! recovery and its deflation all follow from `pipe < cwnd`, and one sender serves both.

use super::congestion::Ack;
use super::connection::Connection;
use super::scoreboard::Covered;
use super::segment::Reason;
use crate::time::Time;
use crate::wire::SeqNum;

/// Where a sender stands.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Default)]
pub enum Phase {
    /// Nothing is known to be lost.
    #[default]
    Open,
    /// Fast recovery until `point` is acknowledged (RecoveryPoint of RFC 6675, `recover` of RFC 6582).
    Fast {
        /// SND.NXT when it began.
        point: SeqNum,
    },
    /// After a retransmission timeout, until `point` is acknowledged.
    Loss {
        /// SND.NXT when the timer expired.
        point: SeqNum,
    },
}

/// Recovery of one connection.
#[derive(Clone, Debug, Default)]
pub struct Recovery {
    pub(super) phase: Phase,
    /// Duplicate acknowledgments in a row.
    pub(super) dup_acks: u32,
    /// Without SACK: bytes that duplicate acknowledgments say have left the network.
    departed: u32,
    /// Bytes that limited transmit sent.
    pub(super) limited: u32,
    /// A partial acknowledgment came in this recovery.
    pub(super) partial: bool,
    /// The next retransmission leaves whatever the window says (RFC 6675 section 5 step 4.3).
    pub(super) first_due: bool,
    /// RescueRxt of RFC 6675 section 5 step 4.3: only when more than this is acknowledged may a rescue retransmission be
    /// made, once.
    pub(super) rescue_after: Option<SeqNum>,
    /// Timeouts in a row without progress.
    pub(super) timeouts: u32,
    /// Acknowledgments up to here are about a recovery that is over (RFC 6582 section 4, RFC 6675 section 5.1).
    until: Option<SeqNum>,
    /// What lost data is sent again for.
    pub(super) reason: Option<Reason>,
}

impl Recovery {
    /// Bytes that have left the network although neither acknowledged nor SACKed.
    pub fn departed(&self) -> u32 {
        self.departed
    }

    /// In fast recovery.
    pub fn is_fast(&self) -> bool {
        matches!(self.phase, Phase::Fast { .. })
    }

    fn forget_duplicates(&mut self) {
        self.dup_acks = 0;
        self.departed = 0;
        self.limited = 0;
    }
}

/// What an acceptable acknowledgment meant for the sender.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Progress {
    /// SND.UNA moved by this many sequence numbers.
    pub advanced: u32,
    /// It is a duplicate in the sense of RFC 5681 section 2, or with SACK of RFC 6675 section 2.
    pub duplicate: bool,
    /// What it covered, cumulatively and by SACK blocks.
    pub covered: Covered,
    /// It echoes a congestion mark.
    pub echo: bool,
}

impl Connection {
    /// Moves through the phases, marks what is lost and tells congestion control.
    pub(super) fn recover(&mut self, now: Time, progress: Progress) {
        let smss = self.smss();
        let was_fast = self.recovery.is_fast();
        // RFC 5681 section 3.1 counts what is newly acknowledged. Without a limit per acknowledgment, one that ends a
        // reordering would count at once all that duplicates had reported before: then only what is news counts.
        let news = match self.config.slow_start_limit {
            Some(_) => progress.advanced,
            None if self.sack => progress.covered.delivered,
            None => progress.advanced.saturating_sub(self.recovery.departed),
        };
        if progress.advanced > 0 {
            self.recovery.timeouts = 0;
            // A mark that is left behind would come to lie ahead again after half a circle.
            self.recovery.until = self.recovery.until.filter(|until| self.snd.una.at_or_before(*until));
            self.ecn.on_progress(self.snd.una);
            self.usage.until = self.usage.until.filter(|until| self.snd.una.at_or_before(*until));
        }
        match self.recovery.phase {
            Phase::Fast { point } | Phase::Loss { point } if self.snd.una.at_or_after(point) => {
                self.recovery.phase = Phase::Open;
                self.recovery.forget_duplicates();
            }
            Phase::Fast { .. } if !self.sack => self.recover_without_sack(progress, smss),
            Phase::Open if progress.advanced > 0 => self.recovery.forget_duplicates(),
            _ => {}
        }
        let found_lost = self.sack && self.board.mark_lost_by_sack(self.config.dup_thresh, smss);
        if self.recovery.phase == Phase::Open {
            self.count_duplicates(progress, smss);
            let enough = self.recovery.dup_acks >= self.config.dup_thresh;
            // RFC 6582 section 4; with SACK what is reported is never about an older loss (RFC 6675 section 5).
            let stale = !self.sack && self.recovery.until.is_some_and(|until| self.snd.una.at_or_before(until));
            if found_lost || enough && !stale && !self.board.is_empty() {
                self.enter_fast_recovery(now, smss);
            }
        }
        if progress.advanced > 0 && !progress.echo && !was_fast && !self.recovery.is_fast() {
            let window = self.congestion.window();
            let slow_start = window < self.congestion.slow_start_threshold();
            // While slow start doubles, half of the window is all that could be used (RFC 7661 section 4.3).
            let limited = match slow_start {
                true => window < self.usage.peak.saturating_mul(2),
                false => self.usage.peak.saturating_add(smss) >= window,
            };
            self.congestion.on_ack(Ack {
                now,
                bytes: news,
                srtt: self.rto.srtt().unwrap_or_default(),
                most: self.config.slow_start_limit.map_or(u32::MAX, |segments| segments.saturating_mul(smss)),
                limited,
            });
        }
    }

    fn count_duplicates(&mut self, progress: Progress, smss: u32) {
        if !progress.duplicate {
            return;
        }
        self.recovery.dup_acks += 1;
        if !self.sack {
            // RFC 3042 section 2: two segments and no more, unless recovery begins.
            let most = if self.recovery.is_fast() { self.not_lost() } else { self.not_lost().min(2 * smss) };
            self.recovery.departed = (self.recovery.departed + smss).min(most);
        }
    }

    fn not_lost(&self) -> u32 {
        self.board.outstanding().saturating_sub(self.board.lost())
    }

    /// RFC 6582 section 3.2: a partial acknowledgment says that the next segment is missing, too.
    fn recover_without_sack(&mut self, progress: Progress, smss: u32) {
        if progress.advanced > 0 {
            // One segment is what was sent again; the others are those that had departed.
            let departed = progress.advanced.saturating_sub(smss);
            self.recovery.departed = self.recovery.departed.saturating_sub(departed);
            self.board.mark_head_lost(smss);
            self.recovery.first_due = true;
        } else {
            self.count_duplicates(progress, smss);
        }
    }

    fn enter_fast_recovery(&mut self, now: Time, smss: u32) {
        self.recovery.phase = Phase::Fast { point: self.snd.nxt };
        self.recovery.until = Some(self.snd.nxt);
        self.recovery.first_due = true;
        self.recovery.rescue_after = None;
        self.recovery.reason = Some(Reason::FastRetransmit);
        self.stats.recoveries += 1;
        self.recovery.partial = false;
        if self.board.head().is_some_and(|head| !head.lost) {
            self.board.mark_head_lost(smss);
        }
        if !self.sack {
            self.recovery.departed = self.recovery.dup_acks.saturating_mul(smss).min(self.not_lost());
        }
        self.reduce(now, self.board.outstanding());
    }

    /// The window goes down once for what happened up to SND.NXT.
    pub(super) fn reduce(&mut self, now: Time, flight: u32) {
        // RFC 5681 section 3.2 step 2: what limited transmit sent is not part of FlightSize.
        let flight = flight.saturating_sub(std::mem::take(&mut self.recovery.limited));
        self.congestion.on_congestion(now, flight);
        self.ecn.on_reduced(self.snd.nxt);
    }

    /// The retransmission timer expired with data in flight (RFC 5681 section 3.1, RFC 6675 section 5.1).
    pub(super) fn enter_loss(&mut self, now: Time) {
        let again = self.recovery.timeouts > 0;
        self.recovery.timeouts += 1;
        self.stats.timeouts += 1;
        self.congestion.on_timeout(now, self.board.outstanding(), again);
        self.ecn.on_reduced(self.snd.nxt);
        self.recovery.phase = Phase::Loss { point: self.snd.nxt };
        self.recovery.until = Some(self.snd.nxt);
        self.recovery.reason = Some(Reason::TimeoutRetransmit);
        self.recovery.first_due = true;
        self.recovery.forget_duplicates();
        self.board.mark_all_lost();
    }
}
