//! The list of what is not acknowledged, held against one that is walked in full, the newest first, every time.

use proptest::prelude::*;

use super::super::unacked::{Covered, Sent, Unacked};
use crate::analysis::exchange::at;
use crate::analysis::sequence::Acknowledged;
use crate::time::Time;
use crate::wire::SeqNum;

/// The newest first, and no thought given to order.
#[derive(Default)]
struct Naive(Vec<Sent>);

impl Naive {
    fn acknowledge(&mut self, ack: SeqNum, now: Time) -> (Option<Acknowledged>, bool) {
        let (mut segment, mut partly) = (None, false);
        let mut at = 0;
        while let Some(sent) = self.0.get_mut(at) {
            let (frame, nanos) = (sent.frame, now.since(sent.time).as_nanos() as u64);
            let since = Some(Acknowledged { frame, nanos, len: sent.end.0.wrapping_sub(sent.seq.0) });
            if ack == sent.end {
                (segment, partly) = (since, false);
            } else if ack.after(sent.seq) && ack.before(sent.end) {
                sent.seq = ack;
                (segment, partly) = (since, true);
                at += 1;
                continue;
            } else if sent.end.after(ack) {
                at += 1;
                continue;
            }
            self.0.remove(at);
        }
        (segment, partly)
    }

    fn span(&self) -> Option<u32> {
        let low = self.0.iter().map(|sent| sent.seq).reduce(SeqNum::earliest)?;
        let high = self.0.iter().map(|sent| sent.end).reduce(SeqNum::latest)?;
        Some(high.0.wrapping_sub(low.0))
    }

    fn covers(&self, seq: SeqNum, end: SeqNum) -> bool {
        self.0.iter().any(|sent| !seq.before(sent.seq) && !end.after(sent.end))
    }

    fn first_from(&self, seq: SeqNum) -> Option<u64> {
        self.0.iter().rev().find(|sent| !sent.seq.before(seq)).map(|sent| sent.frame)
    }

    fn run_from(&self, ack: SeqNum) -> Option<SeqNum> {
        let newest = self.0.first()?;
        let (mut from, mut to) = (newest.seq, newest.end);
        for sent in &self.0 {
            if sent.seq.before(ack) {
                continue;
            }
            if sent.end != from {
                to = sent.end;
            }
            from = sent.seq;
        }
        (from == ack && to.after(ack)).then_some(to)
    }
}

#[derive(Clone, Debug)]
enum Step {
    Send { offset: u32, len: u32 },
    Acknowledge(u32),
}

fn steps() -> impl Strategy<Value = Vec<Step>> {
    // Few numbers, so that segments often meet; now and then in order, as most connections are.
    let send = (0u32..24, 1u32..6).prop_map(|(offset, len)| Step::Send { offset, len });
    let next = (1u32..6).prop_map(|len| Step::Send { offset: u32::MAX, len });
    let acknowledge = (0u32..32).prop_map(Step::Acknowledge);
    prop::collection::vec(prop_oneof![2 => send, 3 => next, 2 => acknowledge], 1..40)
}

proptest! {
    #[test]
    fn it_answers_as_one_that_is_walked_in_full(steps in steps(), start in prop_oneof![Just(0), Just(u32::MAX - 20)]) {
        let (mut list, mut naive) = (Unacked::default(), Naive::default());
        let mut next = 0;
        let start = SeqNum(start);
        for (step, number) in steps.into_iter().zip(1..) {
            let now = at(number as f64);
            match step {
                Step::Send { offset, len } => {
                    let offset = if offset == u32::MAX { next } else { offset };
                    next = next.max(offset + len);
                    let seq = start + offset;
                    let sent = Sent { seq, end: seq + len, time: now, frame: number, ambiguous: false };
                    list.push(sent);
                    naive.0.insert(0, sent);
                }
                Step::Acknowledge(offset) => {
                    let ack = start + offset;
                    let Covered { segment, partly, .. } = list.acknowledge(ack, now);
                    prop_assert_eq!((segment, partly), naive.acknowledge(ack, now));
                }
            }
            prop_assert_eq!(list.span(), naive.span());
            for offset in 0..30 {
                let seq = start + offset;
                prop_assert_eq!(list.first_from(seq).map(|sent| sent.frame), naive.first_from(seq));
                prop_assert_eq!(list.run_from(seq), naive.run_from(seq));
                prop_assert_eq!(list.covers(seq, seq + 3), naive.covers(seq, seq + 3));
            }
        }
    }

    /// Karn's rule, by all that was ever sent: what was sent once, and nothing before it after it.
    #[test]
    fn a_round_trip_is_measured_only_where_it_is_certain(steps in steps()) {
        let mut list = Unacked::default();
        let mut history: Vec<Sent> = Vec::new();
        let mut next = 0;
        for (step, number) in steps.into_iter().zip(1..) {
            let now = at(number as f64);
            match step {
                Step::Send { offset, len } => {
                    let offset = if offset == u32::MAX { next } else { offset };
                    next = next.max(offset + len);
                    let seq = SeqNum(offset);
                    let sent = Sent { seq, end: seq + len, time: now, frame: number, ambiguous: false };
                    list.push(sent);
                    history.push(sent);
                }
                Step::Acknowledge(offset) => {
                    let ack = SeqNum(offset);
                    let Some(nanos) = list.acknowledge(ack, now).round_trip else { continue };
                    let measured: Vec<_> = history.iter().filter(|sent| now.since(sent.time).as_nanos() as u64 == nanos).collect();
                    prop_assert_eq!(measured.len(), 1);
                    prop_assert_eq!(measured[0].end, ack);
                    let disturbs = |later: &&Sent| later.frame > measured[0].frame && later.seq.before(ack);
                    prop_assert_eq!(history.iter().find(disturbs).map(|sent| sent.frame), None);
                }
            }
        }
    }
}

#[test]
fn no_more_than_ten_thousand_are_kept_and_fewer_while_nothing_is_acknowledged() {
    let mut list = Unacked::default();
    let send = |list: &mut Unacked, number: u32| {
        let seq = SeqNum(number * 10);
        list.push(Sent { seq, end: seq + 10, time: at(0.0), frame: u64::from(number), ambiguous: false });
    };
    (0..12_000).for_each(|number| send(&mut list, number));
    assert_eq!(list.span(), Some(20_000));
    list.acknowledge(SeqNum(20_000), at(1.0));
    assert_eq!(list.span(), None);
    (2_000..14_000).for_each(|number| send(&mut list, number));
    assert_eq!(list.span(), Some(100_000));
}
