//! What the analysis should say of each cause: the one table that the score goes by.
//!
//! A capture belongs to a *class*: what a reader can tell from it, which may be less than what was done to the path. The
//! class that the analysis gives it is that of its first error or warning, or `healthy` without one. `kinds` are the
//! findings that name the cause; `companions` may stand beside them, because the cause brings them along.

use super::plan::End;

/// What should be said of a capture.
#[derive(Clone, Copy, Debug)]
pub struct Expect {
    /// What a reader can tell.
    pub class: &'static str,
    /// Kinds that name it.
    pub kinds: &'static [&'static str],
    /// Kinds that may stand beside.
    pub companions: &'static [&'static str],
}

/// A cause, and what is expected at the two ends.
pub struct Cause {
    /// As on the command line.
    pub name: &'static str,
    /// What sort of captures these are.
    pub group: Group,
    /// At the end that sends the data which the cause is about.
    pub sender: Expect,
    /// At the end that receives it.
    pub receiver: Expect,
    /// A word of the text that tells the pattern of losses.
    pub pattern: Option<&'static str>,
    /// Why this is right.
    pub why: &'static str,
}

/// What sort of captures a cause makes.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Group {
    /// Something is wrong, and it should be named.
    Trouble,
    /// Nothing is wrong: no error, no warning.
    Healthy,
    /// Nothing is wrong but with the capture, which is worth a note.
    Capture,
}

const fn expect(class: &'static str, kinds: &'static [&'static str], companions: &'static [&'static str]) -> Expect {
    Expect { class, kinds, companions }
}

/// Nothing above a note.
pub const HEALTHY: Expect = expect("healthy", &[], &[]);

const fn both(name: &'static str, expect: Expect, why: &'static str) -> Cause {
    Cause { name, group: Group::Trouble, sender: expect, receiver: expect, pattern: None, why }
}

const fn apart(name: &'static str, sender: Expect, receiver: Expect, why: &'static str) -> Cause {
    Cause { name, group: Group::Trouble, sender, receiver, pattern: None, why }
}

const fn loss(
    name: &'static str,
    pattern: &'static str,
    companions: &'static [&'static str],
    why: &'static str,
) -> Cause {
    let expect = expect("loss", &["loss"], companions);
    Cause { name, group: Group::Trouble, sender: expect, receiver: expect, pattern: Some(pattern), why }
}

const fn healthy(name: &'static str, why: &'static str) -> Cause {
    Cause { name, group: Group::Healthy, sender: HEALTHY, receiver: HEALTHY, pattern: None, why }
}

const fn capture(name: &'static str, kinds: &'static [&'static str], why: &'static str) -> Cause {
    let expect = expect("healthy", kinds, &[]);
    Cause { name, group: Group::Capture, sender: expect, receiver: expect, pattern: None, why }
}

/// All of them.
pub const CAUSES: &[Cause] = &[
    loss(
        "random_loss",
        "random",
        &["spurious_retransmission", "queue"],
        "retransmissions repair it; a tail loss probe \
         may be needless; what waits at the bottleneck before the first loss may be told",
    ),
    loss("burst_loss", "burst", &["spurious_retransmission", "queue"], "as random loss, several at once"),
    loss(
        "queue_overflow",
        "queue",
        &["spurious_retransmission", "queue"],
        "the round trip grows until packets are lost",
    ),
    loss("policer", "", &["spurious_retransmission"], "losses without any queue: no pattern word is asked for"),
    loss(
        "loss_no_sack",
        "random",
        &["spurious_retransmission", "queue"],
        "as random loss, without SACK and timestamps",
    ),
    both(
        "bufferbloat",
        expect("queue", &["queue"], &["loss"]),
        "the queue shows as round trips far above the least; at \
         the receiver by the sender's answers to its acknowledgments, or by timestamps",
    ),
    both(
        "reordering",
        expect("reordering", &["reordering"], &["spurious_retransmission"]),
        "at the sender SACK comes and \
         goes without a loss (D-SACK where it sent again); at the receiver the order itself is seen",
    ),
    both(
        "network_duplicates",
        expect("duplicates", &["network_duplicates"], &[]),
        "the receiver sees them and says so by \
         D-SACK, which the sender sees",
    ),
    apart(
        "corruption",
        expect("loss", &["loss"], &["spurious_retransmission"]),
        expect("damage", &["damage"], &["loss", "spurious_retransmission"]),
        "the receiver's capture has the wrong checksums; for the sender it is loss like any other",
    ),
    both(
        "ack_loss",
        expect("spurious", &["spurious_retransmission"], &["loss"]),
        "data that had arrived is sent again; \
         where no D-SACK comes through, the sender can only think it lost",
    ),
    apart(
        "delay_spike",
        expect("spurious", &["spurious_retransmission"], &["queue"]),
        expect("delay", &["delay"], &["spurious_retransmission"]),
        "at the sender timestamps or D-SACK prove that what was sent again had arrived; at the receiver what comes after \
         the silence bears timestamps from before it",
    ),
    both(
        "lost_syn",
        expect("lost_syn", &["lost_syn"], &[]),
        "the second SYN tells; at the server only the SYN that came \
         is seen, which is no evidence",
    ),
    both("lost_syn_ack", expect("lost_syn", &["lost_syn"], &[]), "both SYN and SYN-ACK are seen again"),
    both(
        "no_answer",
        expect("no_answer", &["no_answer"], &[]),
        "SYNs without an answer; a server whose firewall drops \
         them has them in its capture, too",
    ),
    both("refused", expect("refused", &["refused"], &[]), "RST answers the SYN, of the host or of a firewall"),
    both(
        "unreachable",
        expect("unreachable", &["unreachable"], &["no_answer", "lost_syn", "refused"]),
        "ICMP answers the SYN",
    ),
    both(
        "reset_by_application",
        expect("reset", &["reset"], &["zero_window", "small_window"]),
        "closed with data unread, so the kernel resets",
    ),
    both(
        "reset_injected",
        expect("reset", &["reset", "forged_reset"], &["loss"]),
        "a reset mid-transfer that no end sent; \
         its time to live may tell",
    ),
    both(
        "idle_cut_reset",
        expect("reset", &["reset", "forged_reset"], &[]),
        "the box answers the first packet after the \
         pause with RST; the other end sees nothing of it",
    ),
    both("idle_cut_silent", expect("vanished", &["vanished"], &[]), "retransmissions unanswered after a pause"),
    both(
        "small_receive_buffer",
        expect("small_window", &["small_window"], &["zero_window"]),
        "the window is full all the time",
    ),
    both("slow_reader", expect("zero_window", &["zero_window"], &["small_window"]), "the window closes"),
    both(
        "pause_in_download",
        expect("pause", &["pause"], &[]),
        "the sender's application has nothing to send for a while",
    ),
    both("pause_in_upload", expect("pause", &["pause"], &[]), "the same, the client being the sender"),
    both("slow_answer", expect("pause", &["pause"], &[]), "the request was acknowledged long before it was answered"),
    both(
        "no_response",
        expect("silence", &["silence", "pause"], &[]),
        "the request was acknowledged and never answered",
    ),
    both("nagle", expect("nagle", &["nagle"], &["pause"]), "a small second write waits for a delayed acknowledgment"),
    both("trickle", expect("pause", &["pause"], &[]), "a transfer whose sender has little at a time"),
    apart(
        "mtu_black_hole",
        expect("mtu", &["mtu"], &["vanished", "reset"]),
        expect("mtu", &["mtu", "missing", "silence"], &["vanished", "reset"]),
        "full segments never get through and smaller ones do; the receiver sees a hole that is never filled, or silence; \
         who gives up may reset",
    ),
    Cause {
        name: "too_big_with_icmp",
        group: Group::Capture,
        sender: expect("healthy", &["mtu"], &["loss"]),
        receiver: expect("healthy", &["mtu", "loss", "reordering"], &[]),
        pattern: None,
        why: "path MTU discovery at work: a note where the ICMP message is seen, which is what the segments were sent \
              again for; the receiver sees a loss repaired, in whatever order, or nothing",
    },
    both(
        "vanished",
        expect("vanished", &["vanished"], &["reset"]),
        "retransmissions of one end, keep-alives of the \
         other, unanswered; who gives up may reset",
    ),
    both("vanished_idle", expect("vanished", &["vanished"], &["reset"]), "keep-alives unanswered"),
    both(
        "timestamps_stripped",
        expect("stripped", &["stripped"], &["protocol"]),
        "what was agreed on is missing in all that comes",
    ),
    both(
        "window_scale_stripped",
        expect(
            "small_window",
            &["small_window", "stripped", "middle_box", "changed_options"],
            &["zero_window", "protocol"],
        ),
        "the server scales its window and the client does not know: it is tiny. The server's capture has the option in \
          its SYN-ACK, the client's has not: neither alone proves what happened, both show the window",
    ),
    healthy("bulk_clean", "a download that nothing slows down"),
    healthy("upload_clean", "the same, the other way"),
    healthy("bulk_bbr", "a download with a sender that fills no queue"),
    healthy("web", "short requests, and a person who thinks in between"),
    healthy("rpc", "requests and answers without pause"),
    healthy("push_stream", "small messages at regular times"),
    healthy("idle_keep_alive", "keep-alives answered"),
    healthy("control", "rare messages on a connection that lives long"),
    healthy("lan_offload", "a fast local transfer captured with offloads on"),
    healthy("reset_after_close", "torn down by RST when both had closed"),
    healthy("reset_when_done", "a client that got all it asked for and resets a connection that the server keeps open"),
    healthy("half_close", "one end is done long before the other"),
    capture("copies_ipv4", &["capture_copies"], "every frame twice, equal identification"),
    capture("copies_ipv6", &["capture_copies"], "every frame twice, no identification at all"),
    capture("copies_no_id", &["capture_copies"], "every frame twice, identification 0"),
    capture("one_direction", &["one_direction"], "nothing is judged of what is not there"),
    capture("midstream", &["midstream"], "the capture starts midway"),
    capture("options_cut", &["capture_cut"], "the snapshot length cuts through the options"),
    Cause {
        name: "missing_in_capture",
        group: Group::Capture,
        sender: expect("healthy", &["capture_gap"], &["capture_gap"]),
        receiver: expect("healthy", &["capture_gap"], &["capture_gap"]),
        pattern: None,
        why: "what was acknowledged arrived: the capture lacks it, which is worth a warning of its own and no loss",
    },
    capture("captured_late", &["captured_late", "capture_time"], "one direction has times that are too late"),
    capture("checksums_not_filled", &["capture_offload"], "checksums 0 or constant on one host"),
    capture("vlan_one_way", &[], "a tag in one direction does not split a connection"),
];

/// Notes that a capture is not whole, or not in order: wrong of one that is, such as one with tags in one direction only.
pub const DOUBTS: &[&str] =
    &["one_direction", "midstream", "captured_late", "capture_time", "capture_copies", "capture_gap"];

/// The cause of that name.
pub fn cause(name: &str) -> Option<&'static Cause> {
    CAUSES.iter().find(|cause| cause.name == name)
}

/// What is expected of a capture of `cause` taken at `end`, when `sender` sends the data in question and the evidence
/// is to be seen there.
pub fn expected(cause: &Cause, end: End, sender: End, evident: bool) -> Expect {
    match (evident, end == sender) {
        (false, _) => HEALTHY,
        (true, true) => cause.sender,
        (true, false) => cause.receiver,
    }
}

/// The class that a kind stands for where it does not name the cause.
pub fn class_of(kind: &str) -> &str {
    match kind {
        "spurious_retransmission" => "spurious",
        "network_duplicates" => "duplicates",
        "forged_reset" => "reset",
        "missing" => "mtu",
        other => other,
    }
}
