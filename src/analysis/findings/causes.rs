//! Which finding explains which: what a cause brings about is not told beside it.

use super::Finding;

/// Kinds that are causes, each with the kinds that follow from it in the same connection. The first one that was found
/// silences what follows from it before the next is looked at.
const EXPLAINS: &[(&str, &[&str])] = &[
    (
        "stripped",
        &[
            "loss",
            "lost_syn",
            "reset",
            "vanished",
            "mtu",
            "half_closed",
            "silence",
            "pause",
            "protocol",
            "zero_window",
            "small_window",
        ],
    ),
    ("mtu", &["loss", "missing", "vanished", "half_closed", "silence", "reset", "pause"]),
    ("vanished", &["half_closed", "silence", "reset", "missing", "pause", "small_window"]),
    ("zero_window", &["small_window", "silence"]),
    ("reordering", &["spurious_retransmission"]),
];

/// Kinds that say nothing where a part of the connection may have passed out of sight: in a tunnel that is not opened.
pub const UNCERTAIN_IN_PART: &[&str] = &[
    "half_closed",
    "loss",
    "lost_syn",
    "missing",
    "mtu",
    "no_answer",
    "reordering",
    "silence",
    "spurious_retransmission",
    "vanished",
];

/// Takes out what is explained by something else that was found at least as bad.
pub fn settle(found: &mut Vec<Finding>) {
    for (cause, effects) in EXPLAINS {
        let causes = found.iter().filter(|finding| finding.kind == *cause);
        let Some(severity) = causes.map(|finding| finding.severity).max() else { continue };
        found.retain(|finding| finding.severity > severity || !effects.contains(&finding.kind));
    }
}
