//! Kernel settings by their names, as changes of our configuration.

use std::time::Duration;

use super::Command;
use crate::tcp::{Algorithm, Config, RecvBuffer, WindowScale};

/// What the common `defaults.sh` of packetdrill's scripts sets, as far as it means something here.
pub const DEFAULTS: [(&str, &str); 11] = [
    ("tcp_rmem", "4096 540000 15728640"),
    ("tcp_wmem", "4096 262144 4194304"),
    ("tcp_timestamps", "1"),
    ("tcp_sack", "1"),
    ("tcp_dsack", "1"),
    ("tcp_syn_retries", "5"),
    ("tcp_synack_retries", "5"),
    ("tcp_reordering", "3"),
    ("tcp_congestion_control", "cubic"),
    ("tcp_ecn", "0"),
    ("tcp_slow_start_after_idle", "0"),
];

/// Settings that tune how Linux does what we do in another way or not at all: pacing, batching, caches, timers of
/// algorithms that only Linux has. They change nothing here.
const WITHOUT_MEANING: [&str; 19] = [
    "tcp_tso_win_divisor",
    "tcp_tso_rtt_log",
    "tcp_pacing_ss_ratio",
    "tcp_pacing_ca_ratio",
    "tcp_autocorking",
    "tcp_no_metrics_save",
    "tcp_frto",
    "tcp_early_retrans",
    "tcp_recovery",
    "tcp_fack",
    "tcp_limit_output_bytes",
    "tcp_rfc1337",
    "tcp_syncookies",
    "tcp_dsack",
    "tcp_moderate_rcvbuf",
    "tcp_retries1",
    "tcp_shrink_window",
    "tcp_ecn_option",
    "tcp_notsent_lowat",
];

/// A setting by the name that a command gives it.
pub fn command(name: &str, value: &str) -> Result<Command, String> {
    let plain = name.trim_start_matches("/proc/sys/").replace('/', ".");
    let short = plain.strip_prefix("net.ipv4.").unwrap_or(&plain);
    apply(&mut Config::default(), short, value)?;
    Ok(Command::Sysctl(short.to_owned(), value.to_owned()))
}

/// Changes `config` as the setting says. The error says what cannot be done.
pub fn apply(config: &mut Config, name: &str, value: &str) -> Result<(), String> {
    let bad = || format!("sysctl {name}={value} makes no sense");
    let number = || value.trim().parse::<u32>().map_err(|_| bad());
    let seconds = || number().map(|n| Duration::from_secs(u64::from(n)));
    let on = || number().map(|n| n != 0);
    // "least default most", in bytes.
    let sizes = || {
        let mut sizes = value.split_whitespace().map(|size| size.parse::<usize>());
        match (sizes.next(), sizes.next(), sizes.next(), sizes.next()) {
            (Some(Ok(_)), Some(Ok(default)), Some(Ok(most)), None) => Ok((default, most)),
            _ => Err(format!("{}: three sizes are needed", bad())),
        }
    };
    match name {
        "tcp_rmem" => config.recv_buffer = RecvBuffer::Auto { max: sizes()?.1 },
        "tcp_wmem" => config.send_buffer = sizes()?.0,
        "tcp_timestamps" => config.timestamps = on()?,
        "tcp_sack" => config.sack = on()?,
        "tcp_window_scaling" => config.window_scale = if on()? { WindowScale::Auto } else { WindowScale::Off },
        "tcp_ecn" => {
            let mode = number()?;
            if mode > 2 {
                return Err(format!("sysctl tcp_ecn={mode}: accurate ECN is not supported; 0, 1 and 2 are"));
            }
            config.ecn = mode == 1;
            config.ecn_accept = mode > 0;
        }
        "tcp_congestion_control" => {
            config.congestion = match value.trim() {
                "reno" => Algorithm::Reno,
                "cubic" => Algorithm::Cubic,
                other => return Err(format!("congestion control {other} is not supported; reno and cubic are")),
            };
        }
        "tcp_syn_retries" | "tcp_synack_retries" => config.syn_retries = number()?,
        "tcp_retries2" => config.retries = number()?,
        "tcp_reordering" => config.dup_thresh = number()?.max(1),
        "tcp_fin_timeout" => config.fin_wait_2 = seconds()?,
        "tcp_keepalive_time" => config.keepalive = config.keepalive.map(|_| seconds()).transpose()?,
        "tcp_keepalive_intvl" => config.keepalive_interval = seconds()?,
        "tcp_keepalive_probes" => config.keepalive_probes = number()?,
        "tcp_min_tso_segs" => config.small_bursts = config.small_bursts.and(Some(number()?)),
        "tcp_rto_min_us" => config.rto_min = Duration::from_micros(u64::from(number()?)),
        "tcp_rto_max_ms" => config.rto_max = Duration::from_millis(u64::from(number()?)),
        "tcp_slow_start_after_idle" => config.idle_restart = on()?,
        "tcp_mtu_probing" if number()? == 0 => {}
        known if WITHOUT_MEANING.contains(&known) => {}
        _ => return Err(format!("sysctl {name} is not supported")),
    }
    Ok(())
}
