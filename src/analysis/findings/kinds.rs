//! The kinds of findings, each with the evidence that it needs: what is not in a capture is never judged.

/// Kinds that programs may rely on, and what has to be seen before one is told.
pub const KINDS: &[(&str, &str)] = &[
    (
        "capture_copies",
        "frames that repeat TCP header, options and payload of another within a small part of the round trip, or \
      with the same IP identification; and no D-SACK of the receiver",
    ),
    ("capture_cut", "frames longer than what was captured of them; whether that cut TCP headers is said"),
    ("capture_dropped", "the capturing program's own count"),
    ("capture_gap", "acknowledgments of bytes that were never captured"),
    (
        "capture_offload",
        "checksums over the pseudo-header alone, segments above the MSS, or wrong checksums of what was \
      acknowledged without being sent again",
    ),
    ("capture_time", "a frame with a time before that of an earlier one, by a millisecond or more"),
    ("capture_unread", "frames of a link type, a tunnel or a form that is not read"),
    ("captured_late", "bytes that were acknowledged before they were captured"),
    ("changed_options", "a repeated SYN with other options than the first"),
    ("damage", "segments with a wrong checksum that had to be sent again"),
    ("delay", "data after a silence with timestamps from before it; or the word of a capture of our own"),
    ("flood", "10,000 SYNs or more without an answer"),
    ("forged_reset", "a reset with another time to live than its sender's packets"),
    ("fragments", "IP fragments whose datagram never became whole"),
    ("half_closed", "a FIN without acknowledgment for 5 s, or sent again"),
    (
        "loss",
        "segments sent again that nothing shows to have arrived: what the capture had before, without a stamp of its first \
      time; or what it lacked, and with a later timestamp or identification than what had passed it, or a round trip late. How \
      they were lost is told where round trips before the losses, and the rows they make, tell it",
    ),
    ("lost_syn", "a SYN or SYN-ACK that was sent again before the other end went on"),
    ("merged", "more connections than there was room for"),
    ("middle_box", "an answer to options that were not offered, or SACK blocks nowhere near the data"),
    ("midstream", "no SYN in half of the connections or more"),
    ("missing", "bytes that were passed over, and neither came nor were acknowledged within a second"),
    (
        "mtu",
        "an ICMP message; or full segments sent in vain three times, and none as large ever acknowledged; or bytes that \
      never came, and no segment of more than three quarters of the MSS that ever did",
    ),
    ("nagle", "small segments acknowledged late, each followed at once by more"),
    ("network_duplicates", "D-SACK for data that was sent once"),
    ("no_answer", "SYNs that nobody answered, sent again or for a second"),
    ("one_direction", "connections with segments of one end only, which acknowledge the other's"),
    (
        "pause",
        "nothing under way, the window open, and nothing sent for a tenth of a second and two round trips. An end is \
      blamed for a late answer where its acknowledgment proves that it had the request; a client's time between an answer and \
      its next request, and messages that fit an initial window, are notes",
    ),
    ("protocol", "a segment that its sender's state forbids, by the clause"),
    (
        "queue",
        "round trips while data flows, half of them above twice the least and 20 ms, and their mean above three times the \
      least",
    ),
    ("refused", "a reset in answer to a SYN"),
    ("reneging", "an acknowledgment short of what had been sacked, without SACK"),
    (
        "reordering",
        "segments that fill a gap with an earlier timestamp or identification than what had passed them, or sooner \
      than a round trip; or gaps that SACK told of and that closed without anything being sent again",
    ),
    ("reset", "a reset; why, as far as states, data not taken and silence before it tell"),
    ("silence", "a request that was acknowledged and never answered until its sender closed"),
    ("small_window", "data waiting for a window that was full, for a fifth of the time and 200 ms"),
    (
        "spurious_retransmission",
        "D-SACK, the echo of an earlier timestamp, or an acknowledgment before, for what was sent again",
    ),
    (
        "stripped",
        "segments without timestamps though both ends had agreed on them; or windows that only one end scales",
    ),
    ("unreachable", "an ICMP error"),
    ("vanished", "repetitions, probes or keep-alives, two at least over a second, and nothing more of the other end"),
    (
        "zero_window",
        "a window of 0, or of less than a segment and half of what was offered before, while its sender had not \
      closed",
    ),
];

#[cfg(test)]
mod tests {
    use super::*;

    /// The words in quotation marks that stand where a kind does.
    fn used(source: &str) -> Vec<&str> {
        let mut words = Vec::new();
        for (at, _) in source.match_indices("\"") {
            let rest = &source[at + 1..];
            let word = &rest[..rest.find('"').unwrap_or(0)];
            let before = source[..at].trim_end();
            let after = rest[word.len()..].trim_start_matches('"').trim_start();
            let is_kind = before.ends_with("Note,")
                || before.ends_with("Warning,")
                || before.ends_with("Error,")
                || before.ends_with("severity,")
                || before.ends_with("add(")
                || before.ends_with("(Severity::Note,");
            if is_kind && after.starts_with(',') && word.chars().all(|c| c == '_' || c.is_ascii_lowercase()) {
                words.push(word);
            }
        }
        words
    }

    #[test]
    fn every_kind_that_is_told_is_listed_with_its_evidence_and_no_other() {
        let sources = [
            include_str!("capture.rs"),
            include_str!("ending.rs"),
            include_str!("opening.rs"),
            include_str!("pace.rs"),
            include_str!("premise.rs"),
            include_str!("recovery.rs"),
        ];
        let mut told: Vec<&str> = sources.iter().flat_map(|source| used(source)).collect();
        told.sort_unstable();
        told.dedup();
        let listed: Vec<&str> = KINDS.iter().map(|(kind, _)| *kind).collect();
        assert_eq!(listed, told);
    }
}
