//! The statistics by tcptrace's names, as values.

use std::borrow::Cow;
use std::fmt;

use serde::{Serialize, Serializer};

use super::{SideTally, Tally};
use crate::analysis::segment::Side;

/// Nanoseconds in a millisecond.
const MILLISECOND: f64 = 1e6;
/// Nanoseconds in a second.
const SECOND: f64 = 1e9;

/// A statistic of both sides.
#[derive(Clone, Copy, Debug, PartialEq, Serialize)]
pub struct Row {
    /// tcptrace's name, with spaces.
    pub name: &'static str,
    /// The unit, empty where a number has none.
    pub unit: &'static str,
    /// Of the side that sent the first packet.
    pub a: Value,
    /// Of the other.
    pub b: Value,
}

/// What a statistic says.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Value {
    /// A number of something.
    Count(u64),
    /// Two numbers: of SYNs and of FINs.
    Pair(u64, u64),
    /// Yes or no.
    Flag(bool),
    /// Yes or no, twice: window scale and timestamps.
    Flags(bool, bool),
    /// A time in milliseconds.
    Milliseconds(f64),
    /// A time in seconds.
    Seconds(f64),
    /// Bytes in a second.
    PerSecond(f64),
    /// Not available: what it is made from was not seen.
    Missing,
}

impl Row {
    /// The name as tcptrace's `--csv` has it, without the side: `actual_data_pkts`.
    pub fn key(&self) -> Cow<'static, str> {
        match self.name {
            // Two rows have this name in the text.
            "initial window" => format!("initial_window_{}", self.unit).into(),
            name => name.replace(' ', "_").into(),
        }
    }
}

impl Tally {
    /// Every statistic, in tcptrace's order.
    pub fn rows(&self) -> Vec<Row> {
        let (a, b) = (self.side(Side::A), self.side(Side::B));
        let elapsed = self.elapsed();
        let row = |(name, unit, value): &Statistic| Row { name, unit, a: value(a, elapsed), b: value(b, elapsed) };
        STATISTICS.iter().map(row).collect()
    }
}

/// Name, unit, and how it is made from a side and the nanoseconds that the connection took.
type Statistic = (&'static str, &'static str, fn(&SideTally, u64) -> Value);

use Value::{Count, Flag, Flags, Milliseconds, Missing, Pair, PerSecond, Seconds};

const STATISTICS: &[Statistic] = &[
    ("total packets", "", |s, _| Count(s.packets)),
    ("resets sent", "", |s, _| Count(s.resets)),
    ("ack pkts sent", "", |s, _| Count(s.acks)),
    ("pure acks sent", "", |s, _| Count(s.pure_acks)),
    ("sack pkts sent", "", |s, _| Count(s.trouble().sack_acks)),
    ("dsack pkts sent", "", |s, _| Count(s.trouble().duplicate_sacks)),
    ("max sack blks/ack", "", |s, _| Count(s.trouble().max_sack_blocks)),
    ("unique bytes sent", "", |s, _| Count(s.unique_bytes)),
    ("actual data pkts", "", |s, _| Count(s.data_packets)),
    ("actual data bytes", "", |s, _| Count(s.data_bytes)),
    ("rexmt data pkts", "", |s, _| Count(s.trouble().resent_packets)),
    ("rexmt data bytes", "", |s, _| Count(s.trouble().resent_bytes)),
    ("zwnd probe pkts", "", |s, _| Count(s.trouble().probes)),
    ("zwnd probe bytes", "", |s, _| Count(s.trouble().probe_bytes)),
    ("outoforder pkts", "", |s, _| Count(s.trouble().out_of_order)),
    ("pushed data pkts", "", |s, _| Count(s.pushed)),
    ("SYN/FIN pkts sent", "", |s, _| Pair(s.syns, s.fins)),
    ("req 1323 ws/ts", "", |s, _| Flags(s.offer.window_scale, s.offer.timestamps)),
    ("adv wind scale", "", |s, _| Count(u64::from(s.offer.shift))),
    ("req sack", "", |s, _| Flag(s.offer.sack)),
    ("sacks sent", "", |s, _| Count(s.trouble().sack_packets)),
    ("urgent data pkts", "pkts", |s, _| Count(s.trouble().urgent_packets)),
    ("urgent data bytes", "bytes", |s, _| Count(s.trouble().urgent_bytes)),
    ("mss requested", "bytes", |s, _| Count(u64::from(s.offer.mss))),
    ("max segm size", "bytes", |s, _| Count(u64::from(s.max_segment))),
    ("min segm size", "bytes", |s, _| Count(u64::from(s.min_segment))),
    ("avg segm size", "bytes", |s, _| mean(s.data_bytes, s.data_packets)),
    ("max win adv", "bytes", |s, _| Count(u64::from(s.window.max))),
    ("min win adv", "bytes", |s, _| Count(u64::from(s.window.min))),
    ("zero win adv", "times", |s, _| Count(s.window.zero)),
    ("avg win adv", "bytes", |s, _| mean(s.window.sum, s.window.packets)),
    ("max owin", "bytes", |s, _| Count(u64::from(s.outstanding.max))),
    ("min non-zero owin", "bytes", |s, _| Count(u64::from(s.outstanding.min))),
    ("avg owin", "bytes", |s, _| mean(s.outstanding.sum, s.outstanding.count)),
    ("wavg owin", "bytes", weighted),
    ("initial window", "bytes", |s, _| Count(s.initial_bytes)),
    ("initial window", "pkts", |s, _| Count(s.initial_packets)),
    ("ttl stream length", "bytes", |s, _| s.stream_length().map_or(Missing, Count)),
    ("missed data", "bytes", |s, _| s.missed().map_or(Missing, Count)),
    ("truncated data", "bytes", |s, _| Count(s.trouble().truncated_bytes)),
    ("truncated packets", "pkts", |s, _| Count(s.trouble().truncated_packets)),
    ("data xmit time", "secs", |s, _| Seconds(s.last_data.saturating_sub(s.first_data) as f64 / SECOND)),
    ("idletime max", "ms", |s, _| if s.packets == 0 { Missing } else { millis(s.longest_idle) }),
    ("hardware dups", "segs", |s, _| Count(s.trouble().hardware_duplicates)),
    ("throughput", "Bps", throughput),
    ("RTT samples", "", |s, _| Count(s.rtt.count)),
    ("RTT min", "ms", |s, _| millis(s.rtt.min)),
    ("RTT max", "ms", |s, _| millis(s.rtt.max)),
    ("RTT avg", "ms", |s, _| Milliseconds(s.rtt.mean() / MILLISECOND)),
    ("RTT stdev", "ms", |s, _| Milliseconds(s.rtt.deviation() / MILLISECOND)),
    ("RTT from 3WHS", "ms", |s, _| millis(s.rtt_handshake.unwrap_or(0))),
    ("RTT full_sz smpls", "", |s, _| Count(s.rtt_full.count)),
    ("RTT full_sz min", "ms", |s, _| millis(s.rtt_full.min)),
    ("RTT full_sz max", "ms", |s, _| millis(s.rtt_full.max)),
    ("RTT full_sz avg", "ms", |s, _| Milliseconds(s.rtt_full.mean() / MILLISECOND)),
    ("RTT full_sz stdev", "ms", |s, _| Milliseconds(s.rtt_full.deviation() / MILLISECOND)),
    ("post-loss acks", "", |s, _| Count(s.trouble().post_loss)),
    ("ambiguous acks", "", |s, _| Count(s.trouble().ambiguous.count)),
    ("RTT min (last)", "ms", |s, _| millis(s.trouble().ambiguous.min)),
    ("RTT max (last)", "ms", |s, _| millis(s.trouble().ambiguous.max)),
    ("RTT avg (last)", "ms", |s, _| Milliseconds(s.trouble().ambiguous.mean() / MILLISECOND)),
    ("RTT sdv (last)", "ms", |s, _| Milliseconds(s.trouble().ambiguous.deviation() / MILLISECOND)),
    ("segs cum acked", "", |s, _| Count(s.cumulative)),
    ("duplicate acks", "", |s, _| Count(s.trouble().duplicate_acks)),
    ("triple dupacks", "", |s, _| Count(s.trouble().triple_duplicates)),
    ("max # retrans", "", |s, _| Count(s.trouble().max_resent)),
    ("min retr time", "ms", |s, _| millis(s.trouble().resend_times.min)),
    ("max retr time", "ms", |s, _| millis(s.trouble().resend_times.max)),
    ("avg retr time", "ms", |s, _| Milliseconds(s.trouble().resend_times.mean() / MILLISECOND)),
    ("sdv retr time", "ms", |s, _| Milliseconds(s.trouble().resend_times.deviation() / MILLISECOND)),
];

fn millis(nanos: u64) -> Value {
    Milliseconds(nanos as f64 / MILLISECOND)
}

fn mean(sum: u64, count: u64) -> Value {
    Count(sum.checked_div(count).unwrap_or(0))
}

fn weighted(side: &SideTally, elapsed: u64) -> Value {
    let mean = side.outstanding.weighted.checked_div(u128::from(elapsed));
    mean.map_or(Missing, |mean| Count(u64::try_from(mean).unwrap_or(u64::MAX)))
}

fn throughput(side: &SideTally, elapsed: u64) -> Value {
    if elapsed == 0 { Missing } else { PerSecond(side.unique_bytes as f64 / (elapsed as f64 / SECOND)) }
}

/// As tcptrace writes it: times with one decimal, `Y` and `N`, `NA` for what is missing.
impl fmt::Display for Value {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let letter = |yes: &bool| if *yes { 'Y' } else { 'N' };
        match self {
            Count(count) => write!(f, "{count}"),
            Pair(first, second) => write!(f, "{first}/{second}"),
            Flag(yes) => write!(f, "{}", letter(yes)),
            Flags(first, second) => write!(f, "{}/{}", letter(first), letter(second)),
            Milliseconds(time) => write!(f, "{time:.1}"),
            Seconds(time) => write!(f, "{time:.3}"),
            PerSecond(rate) => write!(f, "{rate:.0}"),
            Missing => f.write_str("NA"),
        }
    }
}

/// Numbers stay numbers, with all their digits; pairs and flags are text as above, what is missing is null.
impl Serialize for Value {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        match self {
            Count(count) => serializer.serialize_u64(*count),
            Milliseconds(number) | Seconds(number) | PerSecond(number) => serializer.serialize_f64(*number),
            Pair(..) | Flag(_) | Flags(..) => serializer.collect_str(self),
            Missing => serializer.serialize_none(),
        }
    }
}
