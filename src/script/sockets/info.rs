//! A connection's numbers under the names that Linux's `tcp_info` has, for assertions.

use std::time::Duration;

use crate::tcp::recovery::Phase;
use crate::tcp::{Connection, State};
use crate::time::Time;

/// Names without a connection: states, and bits of `tcpi_options`.
pub const CONSTANTS: [(&str, i64); 22] = [
    ("TCP_ESTABLISHED", 1),
    ("TCP_SYN_SENT", 2),
    ("TCP_SYN_RECV", 3),
    ("TCP_FIN_WAIT1", 4),
    ("TCP_FIN_WAIT2", 5),
    ("TCP_TIME_WAIT", 6),
    ("TCP_CLOSE", 7),
    ("TCP_CLOSE_WAIT", 8),
    ("TCP_LAST_ACK", 9),
    ("TCP_LISTEN", 10),
    ("TCP_CLOSING", 11),
    ("TCP_CA_Open", 0),
    ("TCP_CA_Disorder", 1),
    ("TCP_CA_CWR", 2),
    ("TCP_CA_Recovery", 3),
    ("TCP_CA_Loss", 4),
    ("TCPI_OPT_TIMESTAMPS", 1),
    ("TCPI_OPT_SACK", 2),
    ("TCPI_OPT_WSCALE", 4),
    ("TCPI_OPT_ECN", 8),
    ("TCPI_OPT_ECN_SEEN", 16),
    ("TCPI_OPT_SYN_DATA", 32),
];

/// `tcpi_state` of what is no connection.
pub const CLOSED: i64 = 7;

/// ssthresh before there is one.
const INFINITE: i64 = 0x7fff_ffff;

/// All numbers of a connection, as they are now.
pub fn info(connection: &Connection, now: Time) -> Vec<(&'static str, i64)> {
    let c = connection;
    let (stats, config) = (c.stats(), c.config());
    let smss = c.smss().max(1);
    let segments = |bytes: u32| i64::from(bytes.div_ceil(smss));
    let micros = |d: Option<Duration>| d.map_or(0, |d| d.as_micros() as i64);
    let (sack, timestamps, ecn) = c.agreed();
    let (snd_scale, rcv_scale) = c.window_shifts();
    let ssthresh = if c.ssthresh() == u32::MAX { INFINITE } else { i64::from(c.ssthresh() / smss) };
    let phase = match c.phase() {
        Phase::Open if c.dup_acks() > 0 || c.sacked() > 0 => 1,
        Phase::Open if c.is_reduced() => 2,
        Phase::Open => 0,
        Phase::Fast { .. } => 3,
        Phase::Loss { .. } => 4,
    };
    let since = |at: Option<Time>| at.map_or(0, |at| now.since(at).as_millis() as i64);
    let options = i64::from(timestamps)
        | i64::from(sack) << 1
        | i64::from(c.is_scaled()) << 2
        | i64::from(ecn) << 3
        | i64::from(stats.congestion_marks_in > 0) << 4;
    let samples = c.rto().samples();
    let header = if c.remote().is_ipv4() { 40 } else { 60 };
    vec![
        ("tcpi_state", state(c.state())),
        ("tcpi_ca_state", phase),
        ("tcpi_retransmits", i64::from(c.timeouts_in_a_row())),
        ("tcpi_probes", i64::from(c.probes_unanswered())),
        ("tcpi_backoff", i64::from(c.rto().doublings())),
        ("tcpi_options", options),
        ("tcpi_snd_wscale", i64::from(snd_scale)),
        ("tcpi_rcv_wscale", i64::from(rcv_scale)),
        ("tcpi_rto", micros(Some(c.rto().current()))),
        ("tcpi_ato", micros(config.delayed_ack)),
        ("tcpi_snd_mss", i64::from(smss)),
        ("tcpi_rcv_mss", if c.mss_seen() > 0 { i64::from(c.mss_seen()) } else { i64::from(smss.min(536)) }),
        ("tcpi_unacked", segments(c.flight())),
        ("tcpi_sacked", segments(c.sacked())),
        ("tcpi_lost", segments(c.lost())),
        ("tcpi_retrans", segments(c.resent())),
        ("tcpi_fackets", 0),
        ("tcpi_last_data_sent", since(c.last_data_sent())),
        ("tcpi_last_data_recv", since(c.last_data_received())),
        ("tcpi_last_ack_recv", since(c.last_heard())),
        ("tcpi_pmtu", i64::from(c.send_mss()) + header),
        ("tcpi_rcv_ssthresh", c.recv_buffer() as i64),
        ("tcpi_rtt", micros(c.rto().srtt())),
        ("tcpi_rttvar", micros(c.rto().rttvar())),
        ("tcpi_snd_ssthresh", ssthresh),
        ("tcpi_snd_cwnd", i64::from(c.cwnd() / smss)),
        ("tcpi_advmss", i64::from(config.mss) - if timestamps { 12 } else { 0 }),
        ("tcpi_reordering", i64::from(config.dup_thresh)),
        ("tcpi_total_retrans", stats.retransmits() as i64),
        ("tcpi_rcv_space", c.recv_buffer() as i64),
        ("tcpi_bytes_acked", (stats.bytes_out as i64) - i64::from(c.flight())),
        ("tcpi_bytes_received", stats.bytes_in as i64),
        ("tcpi_segs_out", stats.segments_out as i64),
        ("tcpi_segs_in", stats.segments_in as i64),
        ("tcpi_notsent_bytes", i64::from(c.not_sent())),
        ("tcpi_min_rtt", micros(Some(samples.min))),
        ("tcpi_busy_time", c.chronograph().busy(now).as_micros() as i64),
        ("tcpi_rwnd_limited", c.chronograph().window_limited(now).as_micros() as i64),
        ("tcpi_sndbuf_limited", c.chronograph().buffer_limited(now).as_micros() as i64),
        ("tcpi_bytes_sent", stats.bytes_out as i64),
        ("tcpi_dsack_dups", stats.dsacks_in as i64),
        ("tcpi_rcv_ooopack", stats.out_of_order_in as i64),
        ("tcpi_snd_wnd", i64::from(c.snd_wnd())),
        ("tcpi_rcv_wnd", i64::from(c.rcv_wnd())),
        ("tcpi_total_rto", stats.timeouts as i64),
    ]
}

fn state(state: State) -> i64 {
    match state {
        State::Established => 1,
        State::SynSent => 2,
        State::SynReceived => 3,
        State::FinWait1 => 4,
        State::FinWait2 => 5,
        State::TimeWait => 6,
        State::Closed => 7,
        State::CloseWait => 8,
        State::LastAck => 9,
        State::Listen => 10,
        State::Closing => 11,
    }
}
