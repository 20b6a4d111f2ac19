//! When an acknowledgment is due (RFC 9293 section 3.8.6.3, RFC 5681 section 4.2), and how often a bad
//! segment is answered (RFC 5961 section 7).

use std::time::Duration;

use super::segment::Reason;
use crate::time::Time;

/// What is owed to the peer.
#[derive(Clone, Debug, Default)]
pub struct AckPolicy {
    /// An acknowledgment is to leave now, and why.
    due: Option<Reason>,
    /// Bytes that arrived since the last acknowledgment.
    unacknowledged: u32,
    /// Acknowledgments that were sent.
    sent: u32,
}

impl AckPolicy {
    /// In-order text arrived. True when the acknowledgment may wait: RFC 5681 wants one for at least every
    /// second full-sized segment.
    pub fn may_wait(&mut self, bytes: u32, full_size: u32) -> bool {
        self.unacknowledged = self.unacknowledged.saturating_add(bytes);
        if self.unacknowledged >= full_size.saturating_mul(2) {
            self.now(Reason::Ack);
        }
        self.due.is_none()
    }

    /// Acknowledgments that were sent.
    pub fn sent(&self) -> u32 {
        self.sent
    }

    /// An acknowledgment is to leave now. The first reason stays.
    pub fn now(&mut self, reason: Reason) {
        self.due.get_or_insert(reason);
    }

    /// Why an acknowledgment is to leave now, if it is.
    pub fn due(&self) -> Option<Reason> {
        self.due
    }

    /// A segment with an acknowledgment left.
    pub fn on_sent(&mut self) {
        self.sent = self.sent.saturating_add(1);
        self.due = None;
        self.unacknowledged = 0;
    }
}

/// Limits the answers to segments that should not have come: per connection, so that it tells an outsider
/// nothing about other connections (CVE-2016-5696), and so that two confused ends do not talk for ever.
#[derive(Clone, Debug, Default)]
pub struct Limiter {
    window: Option<Time>,
    used: u32,
}

impl Limiter {
    const WINDOW: Duration = Duration::from_secs(1);

    /// Whether one more answer may leave, of `most` a second.
    pub fn allow(&mut self, now: Time, most: u32) -> bool {
        if self.window.is_none_or(|start| now.since(start) >= Self::WINDOW) {
            self.window = Some(now);
            self.used = 0;
        }
        self.used = self.used.saturating_add(1);
        self.used <= most
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_second_full_segment_is_acknowledged_at_once() {
        let mut policy = AckPolicy::default();
        assert!(policy.may_wait(1000, 1000));
        assert!(!policy.may_wait(1000, 1000));
        assert_eq!(policy.due(), Some(Reason::Ack));
        policy.on_sent();
        assert!(policy.may_wait(500, 1000) && policy.may_wait(500, 1000) && policy.may_wait(999, 1000));
        assert!(!policy.may_wait(1, 1000));
    }

    #[test]
    fn ten_answers_a_second_and_no_more() {
        let mut limiter = Limiter::default();
        let start = Time::ZERO + Duration::from_secs(5);
        assert_eq!((0..50).filter(|_| limiter.allow(start, 10)).count(), 10);
        assert!(limiter.allow(start + Duration::from_secs(1), 10));
    }
}
