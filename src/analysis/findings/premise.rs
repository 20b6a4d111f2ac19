//! What a capture is: one direction, a part, everything twice, in another order than it happened.

use super::capture::CaptureFacts;
use super::{grouped, many, percent};
use crate::analysis::sequence::time;

/// What the capture is: everything else is to be read in its light, and it is told first.
pub(super) fn premises(facts: &CaptureFacts, add: &mut impl FnMut(&'static str, String, Option<u64>, &str)) {
    let most = |part: u64| part > 0 && part * 2 >= facts.connections;
    let of_all = |part: u64| match facts.connections {
        1 => "the connection".to_owned(),
        all => format!("{} of {}", grouped(part), many(all, "connection")),
    };
    if most(facts.one_direction) {
        let text =
            format!("one direction of {} was captured: of the other nothing is said", of_all(facts.one_direction));
        let advice =
            "the packets take two ways (asymmetric routing), or a filter or mirror port passes one of them only";
        add("one_direction", text, None, advice);
    }
    if most(facts.midstream) {
        let text = format!(
            "the capture begins in the middle of {}: options are unknown, and windows with them",
            of_all(facts.midstream)
        );
        add("midstream", text, None, "start to capture before the connection opens");
    }
    if is_twice(facts) {
        let (copies, routed) = facts.copies;
        let text = format!(
            "{} ({}) are copies of another that came just before{}: the capture saw them twice, and each is counted once",
            many(copies, "segment"),
            percent(copies, facts.segments),
            if routed * 2 > copies { " with another time to live" } else { "" }
        );
        let advice = match routed * 2 > copies {
            true => {
                "the capture is made before and behind a router: capture on one interface, or choose by time to live, \
                     as the filter ip.ttl == N does"
            }
            false => {
                "a mirror port of both directions or a bridge does that; editcap -d takes them out where they are exact"
            }
        };
        add("capture_copies", text, None, advice);
    }
    if facts.late.0 > 0 {
        let (segments, first, most) = facts.late;
        let text = format!(
            "{} were captured after they had been acknowledged{}: one direction was captured late, or files were merged out \
             of order; nothing of them was lost or sent again",
            many(segments, "segment"),
            if most > 0 { format!(", {} after at most", time(most)) } else { String::new() }
        );
        let advice =
            "times between the two directions are not to be trusted; reordercap sorts by time where that was right";
        add("captured_late", text, first, advice);
    }
}

/// A capture that sees packets twice sees most of them so; what doubles a few may be the network as well.
pub(super) fn is_twice(facts: &CaptureFacts) -> bool {
    facts.copies.0 > 1 && facts.copies.0 * 5 >= facts.segments
}
