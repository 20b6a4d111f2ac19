//! What the analysis says of one segment.

use std::fmt;
use std::ops::{BitOr, BitOrAssign};

/// The flags of Wireshark's TCP analysis, as a set. Names and meanings are those of its release 4.4.
#[derive(Clone, Copy, PartialEq, Eq, Default, serde::Serialize, serde::Deserialize)]
pub struct Marks(u32);

macro_rules! marks {
    ($($(#[$doc:meta])* $constant:ident = $bit:literal $name:literal,)*) => {
        impl Marks {
            $($(#[$doc])* pub const $constant: Marks = Marks(1 << $bit);)*

            /// All marks with their names, in the order in which they are listed.
            pub const ALL: &'static [(Marks, &'static str)] = &[$((Marks::$constant, $name),)*];
        }
    };
}

marks! {
    /// The ports of an earlier connection, used again.
    REUSED_PORTS = 0 "reused_ports",
    /// Sent before.
    RETRANSMISSION = 1 "retransmission",
    /// Sent before, within 20 ms of the second duplicate acknowledgment or a later one.
    FAST_RETRANSMISSION = 2 "fast_retransmission",
    /// Acknowledged before it was sent again.
    SPURIOUS_RETRANSMISSION = 3 "spurious_retransmission",
    /// Not seen before, and soon after what follows it.
    OUT_OF_ORDER = 4 "out_of_order",
    /// Starts beyond the highest sequence number seen.
    LOST_SEGMENT = 5 "lost_segment",
    /// Acknowledges what was not captured.
    ACK_LOST_SEGMENT = 6 "ack_lost_segment",
    /// Nothing but a new window.
    WINDOW_UPDATE = 7 "window_update",
    /// Ends where the receiver's window ends.
    WINDOW_FULL = 8 "window_full",
    /// A byte or none, just before the next one to send.
    KEEP_ALIVE = 9 "keep_alive",
    /// The answer to that.
    KEEP_ALIVE_ACK = 10 "keep_alive_ack",
    /// The same acknowledgment once more.
    DUPLICATE_ACK = 11 "duplicate_ack",
    /// One byte into a closed window.
    ZERO_WINDOW_PROBE = 12 "zero_window_probe",
    /// Closes the window.
    ZERO_WINDOW = 13 "zero_window",
    /// Answers a probe, and the window stays closed.
    ZERO_WINDOW_PROBE_ACK = 14 "zero_window_probe_ack",
    /// Acknowledges part of a segment.
    PARTIAL_ACK = 15 "partial_ack",
    /// A SYN with a Fast Open cookie.
    TFO_SYN = 16 "tfo_syn",
    /// A SYN-ACK that takes the data of the SYN.
    TFO_ACK = 17 "tfo_ack",
    /// A SYN-ACK that leaves the data of the SYN.
    TFO_IGNORED = 18 "tfo_ignored",
}

impl Marks {
    /// No mark.
    pub const NONE: Marks = Marks(0);

    /// True when all marks of `other` are set.
    pub const fn contains(self, other: Marks) -> bool {
        self.0 & other.0 == other.0
    }

    /// True when a mark of `other` is set.
    pub const fn intersects(self, other: Marks) -> bool {
        self.0 & other.0 != 0
    }

    /// True without any mark.
    pub const fn is_empty(self) -> bool {
        self.0 == 0
    }

    /// These marks without those of `other`.
    pub const fn without(self, other: Marks) -> Marks {
        Marks(self.0 & !other.0)
    }

    /// The marks as they are reported. A fast or a spurious retransmission is a retransmission, too.
    pub const fn reported(self) -> Marks {
        let kinds = Marks::FAST_RETRANSMISSION.0 | Marks::SPURIOUS_RETRANSMISSION.0;
        if self.0 & kinds != 0 { Marks(self.0 | Marks::RETRANSMISSION.0) } else { self }
    }

    /// The names of the marks that are set.
    pub fn names(self) -> impl Iterator<Item = &'static str> {
        Marks::ALL.iter().filter(move |(mark, _)| self.contains(*mark)).map(|(_, name)| *name)
    }
}

impl BitOr for Marks {
    type Output = Marks;
    fn bitor(self, other: Marks) -> Marks {
        Marks(self.0 | other.0)
    }
}

impl BitOrAssign for Marks {
    fn bitor_assign(&mut self, other: Marks) {
        self.0 |= other.0;
    }
}

impl fmt::Debug for Marks {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_list().entries(self.names()).finish()
    }
}

/// A frame, and how long ago it was.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Since {
    /// The frame.
    pub frame: u64,
    /// Nanoseconds from it to the segment.
    pub nanos: u64,
}

/// A segment that is acknowledged.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Acknowledged {
    /// Its frame.
    pub frame: u64,
    /// Nanoseconds since it was sent.
    pub nanos: u64,
    /// Its sequence space, of what was not acknowledged before.
    pub len: u32,
}

/// What the analysis says of one segment.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Default)]
pub struct Verdict {
    /// The flags, a fast or spurious retransmission not marked as retransmission once more; see [`Marks::reported`].
    pub marks: Marks,
    /// The segment that is acknowledged here, and when it was sent.
    pub acknowledges: Option<Acknowledged>,
    /// A sample of the round trip by Karn's rule (RFC 6298 section 3): the segment was sent once, and nothing before it
    /// was sent after it.
    pub round_trip: Option<u64>,
    /// Bytes that are acknowledged here and were not captured.
    pub unseen: u32,
    /// Of a plain retransmission: the first transmission.
    pub rto: Option<Since>,
    /// Bytes sent and not acknowledged after this segment, when it carries any and no gap is open.
    pub bytes_in_flight: Option<u32>,
    /// Which duplicate this is, and of which frame.
    pub duplicate_ack: Option<(u32, u64)>,
    /// The first SACK block reports a duplicate (RFC 2883 section 4).
    pub dsack: bool,
}
