//! The names of fields, in each language, and what they mean.

use super::field::{Address, Bytes, End, Field, Number};

/// The field of a name.
pub fn field(name: &str) -> Option<Field> {
    TABLE.iter().find(|(known, _)| *known == name).map(|(_, field)| *field)
}

const fn address(end: End, version: Option<u8>) -> Field {
    Field::Address(Address { end, version })
}

/// One list, from which the table of names and the list that is printed are both made.
macro_rules! fields {
    ($($name:literal = $field:expr, $meaning:literal;)*) => {
        const TABLE: &[(&str, Field)] = &[$(($name, $field)),*];

        /// Every field, with its meaning.
        ///
        /// | name | meaning |
        /// |------|---------|
        $(#[doc = concat!("| `", $name, "` | ", $meaning, " |")])*
        pub const FIELDS: &[(&str, &str)] = &[$(($name, $meaning)),*];
    };
}

fields! {
    "frame" = Field::Number(Number::Frame), "number of the frame, from 1; with `contains`, its bytes";
    "time" = Field::Number(Number::TimeRelative), "seconds since the first frame";
    "stream" = Field::Number(Number::Stream), "number of the stream, from 0";
    "src" = address(End::Src, None), "source address";
    "dst" = address(End::Dst, None), "destination address";
    "addr" = address(End::Either, None), "either address";
    "sport" = Field::Number(Number::SrcPort), "source port";
    "dport" = Field::Number(Number::DstPort), "destination port";
    "port" = Field::Number(Number::Port), "either port";
    "flags" = Field::Number(Number::Flags), "control bits: a number, tcpdump's letters (`S.`) or names (`syn,ack`); `==` wants exactly these, `contains` at least these";
    "seq" = Field::Number(Number::Seq), "sequence number, relative";
    "ack" = Field::Number(Number::Ack), "acknowledgment number, relative; alone, the ACK bit is set";
    "len" = Field::Number(Number::Len), "payload bytes by the headers";
    "win" = Field::Number(Number::ScaledWindow), "window, scaled";
    "payload" = Field::Bytes(Bytes::Payload), "payload bytes that were captured";
    "analysis" = Field::Marks, "flags of the analysis; alone, any";
    "ack_rtt" = Field::Number(Number::AckRtt), "seconds from the segment that this one acknowledges";
    "rto" = Field::Number(Number::Rto), "seconds since the transmission that this one repeats";
    "bytes_in_flight" = Field::Number(Number::InFlight), "bytes that the sender has in flight";
    "ttl" = Field::Number(Number::Ttl), "time to live or hop limit";
    "ecn" = Field::Number(Number::Ecn), "ECN bits of the IP header, 3 is congestion experienced";
    "mss" = Field::Number(Number::Mss), "maximum segment size offered";
    "checksum" = Field::Number(Number::Checksum), "state of the checksum: good, bad, unfilled, unknown";
    "syn" = Field::Bit(0x02), "SYN is set";
    "fin" = Field::Bit(0x01), "FIN is set";
    "rst" = Field::Bit(0x04), "RST is set";
    "psh" = Field::Bit(0x08), "PSH is set";
    "urg" = Field::Bit(0x20), "URG is set";
    "ece" = Field::Bit(0x40), "ECE is set";
    "cwr" = Field::Bit(0x80), "CWR is set";
    "retransmission" = Field::Mark("retransmission"), "sent before";
    "fast_retransmission" = Field::Mark("fast_retransmission"), "sent again after duplicate ACKs";
    "spurious_retransmission" = Field::Mark("spurious_retransmission"), "sent again although acknowledged";
    "out_of_order" = Field::Mark("out_of_order"), "came later than what was sent after it";
    "lost_segment" = Field::Mark("lost_segment"), "the segment before was not captured";
    "ack_lost_segment" = Field::Mark("ack_lost_segment"), "acknowledges what was not captured";
    "duplicate_ack" = Field::Mark("duplicate_ack"), "repeats an ACK";
    "partial_ack" = Field::Mark("partial_ack"), "acknowledges a part of what was lost";
    "window_update" = Field::Mark("window_update"), "changes the window and nothing else";
    "window_full" = Field::Mark("window_full"), "fills the receiver's window";
    "zero_window" = Field::Mark("zero_window"), "the window is closed";
    "zero_window_probe" = Field::Mark("zero_window_probe"), "asks whether the window is still closed";
    "zero_window_probe_ack" = Field::Mark("zero_window_probe_ack"), "says that it is";
    "keep_alive" = Field::Mark("keep_alive"), "asks whether the peer is there";
    "keep_alive_ack" = Field::Mark("keep_alive_ack"), "says that it is";
    "reused_ports" = Field::Mark("reused_ports"), "a new connection between the same ports";
    "tfo_syn" = Field::Mark("tfo_syn"), "SYN with a Fast Open cookie";
    "tfo_ack" = Field::Mark("tfo_ack"), "Fast Open data was taken";
    "tfo_ignored" = Field::Mark("tfo_ignored"), "Fast Open data was not taken";
    "frame.number" = Field::Number(Number::Frame), "number of the frame, from 1";
    "frame.len" = Field::Number(Number::FrameLen), "length of the frame on the wire";
    "frame.cap_len" = Field::Number(Number::FrameCaptured), "bytes of the frame that were captured";
    "frame.time" = Field::Number(Number::Time), "when the frame was captured: \"2026-01-31 12:00:00\", in UTC";
    "frame.time_epoch" = Field::Number(Number::Time), "the same in seconds since 1970";
    "frame.time_relative" = Field::Number(Number::TimeRelative), "seconds since the first frame";
    "frame.time_delta" = Field::Number(Number::TimeDelta), "seconds since the frame before";
    "ip" = Field::Version(4), "IPv4";
    "ip.version" = Field::Number(Number::Version), "IP version";
    "ip.src" = address(End::Src, Some(4)), "IPv4 source address";
    "ip.dst" = address(End::Dst, Some(4)), "IPv4 destination address";
    "ip.addr" = address(End::Either, Some(4)), "either IPv4 address";
    "ip.ttl" = Field::Number(Number::Ttl4), "IPv4 time to live";
    "ip.id" = Field::Number(Number::Id), "IPv4 identification";
    "ip.flags.df" = Field::Number(Number::DontFragment), "IPv4 do not fragment";
    "ip.dsfield.ecn" = Field::Number(Number::Ecn), "ECN bits of the IP header";
    "ip6" = Field::Version(6), "IPv6";
    "ipv6" = Field::Version(6), "IPv6";
    "ipv6.src" = address(End::Src, Some(6)), "IPv6 source address";
    "ipv6.dst" = address(End::Dst, Some(6)), "IPv6 destination address";
    "ipv6.addr" = address(End::Either, Some(6)), "either IPv6 address";
    "ipv6.hlim" = Field::Number(Number::Ttl6), "IPv6 hop limit";
    "tcp" = Field::Always, "true: only TCP is looked at; with `contains`, the payload";
    "tcp.srcport" = Field::Number(Number::SrcPort), "source port";
    "tcp.dstport" = Field::Number(Number::DstPort), "destination port";
    "tcp.port" = Field::Number(Number::Port), "either port";
    "tcp.stream" = Field::Number(Number::Stream), "number of the stream, from 0";
    "tcp.len" = Field::Number(Number::Len), "payload bytes by the headers";
    "tcp.seq" = Field::Number(Number::Seq), "sequence number, relative";
    "tcp.seq_raw" = Field::Number(Number::SeqRaw), "sequence number as sent";
    "tcp.nxtseq" = Field::Number(Number::NextSeq), "sequence number after this segment, relative";
    "tcp.ack" = Field::Number(Number::Ack), "acknowledgment number, relative";
    "tcp.ack_raw" = Field::Number(Number::AckRaw), "acknowledgment number as sent";
    "tcp.hdr_len" = Field::Number(Number::HeaderLen), "header bytes, options as captured";
    "tcp.flags" = Field::Number(Number::AllFlags), "the twelve control bits";
    "tcp.flags.fin" = Field::Number(Number::Bits(0x01)), "FIN, 0 or 1";
    "tcp.flags.syn" = Field::Number(Number::Bits(0x02)), "SYN, 0 or 1";
    "tcp.flags.reset" = Field::Number(Number::Bits(0x04)), "RST, 0 or 1";
    "tcp.flags.push" = Field::Number(Number::Bits(0x08)), "PSH, 0 or 1";
    "tcp.flags.ack" = Field::Number(Number::Bits(0x10)), "ACK, 0 or 1";
    "tcp.flags.urg" = Field::Number(Number::Bits(0x20)), "URG, 0 or 1";
    "tcp.flags.ece" = Field::Number(Number::Bits(0x40)), "ECE, 0 or 1";
    "tcp.flags.cwr" = Field::Number(Number::Bits(0x80)), "CWR, 0 or 1";
    "tcp.flags.ae" = Field::Number(Number::Bits(0x100)), "accurate ECN, 0 or 1";
    "tcp.flags.res" = Field::Number(Number::Bits(0xe00)), "the three reserved bits";
    "tcp.window_size_value" = Field::Number(Number::Window), "window as sent";
    "tcp.window_size" = Field::Number(Number::ScaledWindow), "window, scaled";
    "tcp.urgent_pointer" = Field::Number(Number::Urgent), "urgent pointer";
    "tcp.checksum.status" = Field::Number(Number::Checksum), "good, bad, unverified, unfilled";
    "tcp.payload" = Field::Bytes(Bytes::Payload), "payload bytes that were captured";
    "tcp.options" = Field::Bytes(Bytes::Options), "option bytes";
    "tcp.options.mss" = Field::Number(Number::Mss), "maximum segment size offered";
    "tcp.options.mss_val" = Field::Number(Number::Mss), "the same";
    "tcp.options.wscale" = Field::Number(Number::WindowShift), "window scale, the shift";
    "tcp.options.wscale.shift" = Field::Number(Number::WindowShift), "the same";
    "tcp.options.wscale.multiplier" = Field::Number(Number::WindowFactor), "window scale, the factor";
    "tcp.options.sack_perm" = Field::Number(Number::SackPermitted), "SACK permitted";
    "tcp.options.sack" = Field::Number(Number::SackCount), "SACK blocks, their number";
    "tcp.options.sack.count" = Field::Number(Number::SackCount), "the same";
    "tcp.options.sack_le" = Field::Number(Number::SackLeft), "left edges of the SACK blocks, as sent";
    "tcp.options.sack_re" = Field::Number(Number::SackRight), "right edges of the SACK blocks, as sent";
    "tcp.options.timestamp" = Field::Number(Number::Option(8)), "timestamps";
    "tcp.options.timestamp.tsval" = Field::Number(Number::TsValue), "timestamp value";
    "tcp.options.timestamp.tsecr" = Field::Number(Number::TsEcho), "timestamp echo";
    "tcp.options.md5" = Field::Number(Number::Option(19)), "MD5 signature";
    "tcp.options.user_to" = Field::Number(Number::Option(28)), "user timeout";
    "tcp.options.ao" = Field::Number(Number::Option(29)), "authentication";
    "tcp.options.mptcp" = Field::Number(Number::Option(30)), "multipath TCP";
    "tcp.options.tfo" = Field::Number(Number::Option(34)), "Fast Open";
    "tcp.time_relative" = Field::Number(Number::StreamTime), "seconds since the first frame of the stream";
    "tcp.time_delta" = Field::Number(Number::StreamTimeDelta), "seconds since the frame before of the stream";
    "tcp.analysis" = Field::Marks, "flags of the analysis; alone, any";
    "tcp.analysis.flags" = Field::Marks, "the same; every flag above is also known as `tcp.analysis.` and its name";
    "tcp.analysis.ack_rtt" = Field::Number(Number::AckRtt), "seconds from the segment that this one acknowledges";
    "tcp.analysis.initial_rtt" = Field::Number(Number::HandshakeRtt), "seconds that the handshake of the stream took";
    "tcp.analysis.rto" = Field::Number(Number::Rto), "seconds since the transmission that this one repeats";
    "tcp.analysis.bytes_in_flight" = Field::Number(Number::InFlight), "bytes that the sender has in flight";
    "tcp.analysis.duplicate_ack_num" = Field::Number(Number::DupAck), "which duplicate ACK of its row this is";
}

/// Every flag of the analysis, by name.
pub fn mark(name: &str) -> Option<&'static str> {
    TABLE.iter().find_map(|(known, field)| match field {
        Field::Mark(mark) if *known == name => Some(*mark),
        _ => None,
    })
}

/// The names of all flags of the analysis.
pub fn marks() -> impl Iterator<Item = &'static str> {
    TABLE.iter().filter_map(|(_, field)| if let Field::Mark(mark) = field { Some(*mark) } else { None })
}
