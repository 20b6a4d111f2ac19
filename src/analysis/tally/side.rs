//! What one side of a connection sent, in numbers.

use serde::{Deserialize, Serialize};

use super::recent::Recent;
use super::series::Series;
use super::space::Space;

/// Largest shift of a window (RFC 7323 section 2.3): a larger one counts as this.
pub(super) const MAX_SHIFT: u8 = 14;

/// What one side sent. Times are in nanoseconds, points in time since the connection's first segment.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct SideTally {
    /// Segments.
    pub packets: u64,
    /// Segments with SYN.
    pub syns: u64,
    /// Segments with FIN.
    pub fins: u64,
    /// Segments with RST.
    pub resets: u64,
    /// Segments with ACK.
    pub acks: u64,
    /// Segments with ACK and neither payload nor SYN, FIN or RST.
    pub pure_acks: u64,
    /// Segments with payload.
    pub data_packets: u64,
    /// Payload, everything that was sent.
    pub data_bytes: u64,
    /// Payload that was not sent before; that of window probes left out.
    pub unique_bytes: u64,
    /// Segments with payload and PSH.
    pub pushed: u64,
    /// Largest payload of a segment.
    pub max_segment: u32,
    /// Smallest payload of a segment that has any.
    pub min_segment: u32,
    /// What was offered.
    pub offer: Offer,
    /// What was advertised to receive.
    pub window: Window,
    /// What was sent ahead of the acknowledgments.
    pub outstanding: Outstanding,
    /// Payload sent before any of it was acknowledged, retransmissions left out.
    pub initial_bytes: u64,
    /// Segments of that.
    pub initial_packets: u64,
    /// Position of the SYN; positions are sequence numbers that do not wrap.
    pub syn: Option<u64>,
    /// Position of the latest FIN.
    pub fin: Option<u64>,
    /// When the first payload was sent.
    pub first_data: u64,
    /// When the last payload was sent.
    pub last_data: u64,
    /// When the last segment was sent.
    pub last: u64,
    /// Longest silence.
    pub longest_idle: u64,
    /// Round trips: of segments sent once and acknowledged at their end, with nothing before them sent after them.
    pub rtt: Series,
    /// The same of the largest size of segment only.
    pub rtt_full: Series,
    /// That size, in sequence space.
    pub full_size: u32,
    /// Round trip of the SYN.
    pub rtt_handshake: Option<u64>,
    /// Segments that an acknowledgment covered without ending at their end.
    pub cumulative: u64,
    trouble: Option<Box<Trouble>>,
    #[serde(with = "packed")]
    pub(super) live: Live,
}

/// Options offered.
#[derive(Clone, Copy, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct Offer {
    /// Maximum segment size, 0 when none was offered.
    pub mss: u16,
    /// Window scale.
    pub window_scale: bool,
    /// Its shift; 0 when the other side did not offer any.
    pub shift: u8,
    /// Timestamps.
    pub timestamps: bool,
    /// Selective acknowledgments.
    pub sack: bool,
}

/// Windows advertised, scaled. Where both sides offered scaling, those before the first scaled one are left out.
#[derive(Clone, Copy, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct Window {
    /// The largest.
    pub max: u32,
    /// The smallest that is not 0.
    pub min: u32,
    /// Segments with ACK that advertised 0.
    pub zero: u64,
    /// Sum of all.
    pub sum: u64,
    /// Segments since the first that counts, of any kind: what tcptrace divides by.
    pub packets: u64,
    /// Scaling is in use.
    pub scaled: bool,
}

/// The outstanding data as tcptrace has it: from one byte below the peer's last acknowledgment to the segment's end.
/// It is looked at whenever a segment is sent that is neither out of order nor a retransmission.
#[derive(Clone, Copy, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct Outstanding {
    /// The most.
    pub max: u32,
    /// The least that is not 0.
    pub min: u32,
    /// Sum of all samples.
    pub sum: u64,
    /// How many samples.
    pub count: u64,
    /// Sum of all samples but the last, each times the nanoseconds until the next.
    pub weighted: u128,
}

/// What most connections have nothing of: kept apart, so that a connection without trouble stays small.
#[derive(Clone, Copy, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct Trouble {
    /// Segments with bytes that were sent before; SYN and FIN count as a byte.
    pub resent_packets: u64,
    /// Such bytes.
    pub resent_bytes: u64,
    /// Segments that start before one that was seen, and end before that one's end.
    pub out_of_order: u64,
    /// Segments with SYN, FIN or payload sent into a window of 0, SYN excepted. They are not looked at for repetition.
    pub probes: u64,
    /// Their payload.
    pub probe_bytes: u64,
    /// Segments of any kind with SACK blocks.
    pub sack_packets: u64,
    /// Segments with ACK, and no RST, with SACK blocks.
    pub sack_acks: u64,
    /// Those whose first block reports a duplicate (RFC 2883).
    pub duplicate_sacks: u64,
    /// Most SACK blocks in one segment.
    pub max_sack_blocks: u64,
    /// Segments with payload and URG.
    pub urgent_packets: u64,
    /// Sum of their urgent pointers.
    pub urgent_bytes: u64,
    /// Payload that the capture cut off.
    pub truncated_bytes: u64,
    /// Segments of which it cut some.
    pub truncated_packets: u64,
    /// Segments seen twice with the same IP identification: one packet captured twice, or a duplicate from the link.
    pub hardware_duplicates: u64,
    /// Acknowledgments of this side's data that give no sample, since data before was sent later.
    pub post_loss: u64,
    /// Times from the last transmission of a segment sent several times to its acknowledgment (Karn's problem).
    pub ambiguous: Series,
    /// Acknowledgments of this side's data that repeat the last one, without payload and with the same window.
    pub duplicate_acks: u64,
    /// Thirds of those in a row.
    pub triple_duplicates: u64,
    /// Acknowledgments of bytes of this side that the capture does not show.
    pub unseen_acks: u64,
    /// Most times that one segment was sent again.
    pub max_resent: u64,
    /// Times between a retransmission and the transmission before it of the same segment.
    pub resend_times: Series,
}

/// What only a running connection needs.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub(super) struct Live {
    /// The sequence space this side sends in.
    pub space: Space,
    /// The last acknowledgment this side sent; the other's SYN stands for one.
    pub ack: Option<u32>,
    /// The last window this side advertised, scaled.
    pub window: Option<u32>,
    /// The other side acknowledged more than this side's SYN.
    pub data_acked: bool,
    /// Duplicates in a row of the other side's last acknowledgment.
    pub duplicates: u64,
    /// When outstanding data was last looked at, and what it was.
    pub sample: Option<(u64, u32)>,
    /// What was sent last, to know it again.
    pub recent: Recent,
}

/// What only a running connection needs is one byte when there is nothing of it.
mod packed {
    use super::{Deserialize, Live, Serialize};

    pub fn serialize<S: serde::Serializer>(live: &Live, serializer: S) -> Result<S::Ok, S::Error> {
        (*live != Live::default()).then_some(live).serialize(serializer)
    }

    pub fn deserialize<'de, D: serde::Deserializer<'de>>(deserializer: D) -> Result<Live, D::Error> {
        Ok(Option::deserialize(deserializer)?.unwrap_or_default())
    }
}

impl SideTally {
    /// Packets that the capture holds twice.
    pub fn copies(&self) -> u64 {
        self.trouble.as_ref().map_or(0, |trouble| trouble.hardware_duplicates)
    }

    /// Retransmissions, duplicates, probes and the like.
    pub fn trouble(&self) -> Trouble {
        self.trouble.as_deref().copied().unwrap_or_default()
    }

    pub(super) fn trouble_mut(&mut self) -> &mut Trouble {
        self.trouble.get_or_insert_default()
    }

    /// Bytes between SYN and FIN, when both were seen.
    pub fn stream_length(&self) -> Option<u64> {
        self.fin?.checked_sub(self.syn?)?.checked_sub(1)
    }

    /// Bytes of the stream that the capture shows nowhere.
    pub fn missed(&self) -> Option<u64> {
        self.stream_length().map(|length| length.saturating_sub(self.unique_bytes))
    }
}
