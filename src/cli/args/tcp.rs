//! How we speak TCP, and how the other end of a simulated wire does.

use std::str::FromStr;
use std::time::Duration;

use clap::{Args, ValueEnum};

use crate::cli::units::{self, DurationOrOff};
use crate::tcp::{Algorithm, Config, RecvBuffer, WindowScale};

/// How we speak TCP.
#[derive(Clone, Debug, Args)]
#[command(next_help_heading = "How we speak TCP")]
pub struct TcpArgs {
    /// Use selective acknowledgments, which is the default
    #[arg(long, overrides_with = "no_sack")]
    pub sack: bool,
    /// Do not use selective acknowledgments
    #[arg(long)]
    pub no_sack: bool,
    /// Use timestamps, which is the default
    #[arg(long, overrides_with = "no_timestamps")]
    pub timestamps: bool,
    /// Do not use timestamps
    #[arg(long)]
    pub no_timestamps: bool,
    /// Offer this window scale, 0 to 14 [default: what the receive buffer needs]
    #[arg(long, value_name = "N|off", value_parser = window_scale)]
    pub window_scale: Option<WindowScale>,
    /// Announce and use at most this maximum segment size [default: what the MTU carries]
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u16).range(88..))]
    pub mss: Option<u16>,
    /// Explicit congestion notification [default: on]
    #[arg(long, value_name = "WHEN")]
    pub ecn: Option<Switch>,
    /// Congestion control [default: cubic]
    #[arg(long, value_name = "NAME")]
    pub congestion: Option<CongestionChoice>,
    /// Start with a congestion window of N segments [default: 10]
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u32).range(1..=1000))]
    pub initial_window: Option<u32>,
    /// Nagle's algorithm: hold back small segments while data is unacknowledged [default: on; HTTP turns it off]
    #[arg(long, value_name = "WHEN")]
    pub nagle: Option<Switch>,
    /// Let an acknowledgment wait this long for company [default: 40ms]
    #[arg(long, value_name = "DUR|off", value_parser = units::duration_or_off)]
    pub delayed_ack: Option<DurationOrOff>,
    /// Fix the receive buffer, and with it the window [default: grows to 6MiB]
    #[arg(long, value_name = "SIZE", value_parser = units::nonzero_size)]
    pub recv_buffer: Option<usize>,
    /// Keep at most this much to send or be acknowledged [default: 4MiB]
    #[arg(long, value_name = "SIZE", value_parser = units::nonzero_size)]
    pub send_buffer: Option<usize>,
    /// RTO before the first measurement [default: 1s]
    #[arg(long, value_name = "DUR", value_parser = units::nonzero_duration)]
    pub rto_initial: Option<Duration>,
    /// Smallest RTO [default: 200ms]
    #[arg(long, value_name = "DUR", value_parser = units::nonzero_duration)]
    pub rto_min: Option<Duration>,
    /// Largest RTO [default: 120s]
    #[arg(long, value_name = "DUR", value_parser = units::nonzero_duration)]
    pub rto_max: Option<Duration>,
    /// Duplicate acknowledgments that mean loss [default: 3]
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u32).range(1..))]
    pub dupthresh: Option<u32>,
    /// Send a SYN again N times before giving up [default: 6]
    #[arg(long, value_name = "N")]
    pub syn_retries: Option<u32>,
    /// Send data again N times before giving up [default: 15]
    #[arg(long, value_name = "N")]
    pub retries: Option<u32>,
    /// Give up when data stays unacknowledged this long
    #[arg(long, value_name = "DUR", value_parser = units::duration)]
    pub user_timeout: Option<Duration>,
    /// Ask an idle peer after this long whether it is still there
    #[arg(long, value_name = "DUR", value_parser = units::duration)]
    pub keepalive: Option<Duration>,
    /// Start with this sequence number
    #[arg(long, value_name = "N")]
    pub isn: Option<u32>,
    /// In a simulation, the same for the other end: 'sack=off,congestion=reno'
    #[arg(long, value_name = "NAME=VALUE,...", value_parser = Settings::from_str)]
    pub peer: Option<Settings>,
}

/// On or off.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub enum Switch {
    /// On.
    On,
    /// Off.
    Off,
}

/// A congestion control by its name.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub enum CongestionChoice {
    /// RFC 5681.
    Reno,
    /// RFC 9438.
    Cubic,
}

fn window_scale(text: &str) -> Result<WindowScale, String> {
    match (text, text.parse()) {
        ("off", _) => Ok(WindowScale::Off),
        (_, Ok(shift @ 0..=14)) => Ok(WindowScale::Shift(shift)),
        _ => Err(format!("'{text}' is no window scale; write 0 to 14 (RFC 7323 section 2.3), or off")),
    }
}

impl TcpArgs {
    /// Our end's settings.
    pub fn config(&self) -> Config {
        let mut config = Config::default();
        config.sack &= !self.no_sack;
        config.timestamps &= !self.no_timestamps;
        // Without --mss, what the MTU carries; the stack lowers it to that.
        config.mss = self.mss.unwrap_or(u16::MAX);
        set(&mut config.window_scale, self.window_scale);
        set(&mut config.ecn, self.ecn.map(|switch| switch == Switch::On));
        config.ecn_accept = config.ecn;
        set(&mut config.congestion, self.congestion.map(CongestionChoice::algorithm));
        set(&mut config.initial_window, self.initial_window);
        set(&mut config.nagle, self.nagle.map(|switch| switch == Switch::On));
        set(&mut config.delayed_ack, self.delayed_ack.map(|DurationOrOff(delay)| delay));
        set(&mut config.recv_buffer, self.recv_buffer.map(RecvBuffer::Fixed));
        set(&mut config.send_buffer, self.send_buffer);
        set(&mut config.rto_initial, self.rto_initial);
        set(&mut config.rto_min, self.rto_min);
        set(&mut config.rto_max, self.rto_max);
        set(&mut config.dup_thresh, self.dupthresh);
        set(&mut config.syn_retries, self.syn_retries);
        set(&mut config.retries, self.retries);
        config.user_timeout = self.user_timeout.filter(|timeout| !timeout.is_zero());
        config.keepalive = self.keepalive.filter(|idle| !idle.is_zero());
        // Who asks sooner wants to know sooner.
        config.keepalive_interval = config.keepalive.unwrap_or(Duration::MAX).min(config.keepalive_interval);
        config
    }

    /// The settings of the other end of a simulated wire. Congestion control, initial window, ECN and the patience
    /// of both ends are those of the run, unless `--peer` says otherwise.
    pub fn peer_config(&self) -> Config {
        let ours = self.config();
        let mut config = Config {
            mss: u16::MAX,
            congestion: ours.congestion,
            initial_window: ours.initial_window,
            ecn: ours.ecn,
            retries: ours.retries,
            syn_retries: ours.syn_retries,
            ..Config::default()
        };
        if let Some(settings) = &self.peer {
            settings.apply(&mut config);
        }
        config
    }
}

fn set<T>(field: &mut T, value: Option<T>) {
    if let Some(value) = value {
        *field = value;
    }
}

impl CongestionChoice {
    fn algorithm(self) -> Algorithm {
        match self {
            CongestionChoice::Reno => Algorithm::Reno,
            CongestionChoice::Cubic => Algorithm::Cubic,
        }
    }
}

/// `NAME=VALUE,...`: the options above by their names, for the other end.
#[derive(Clone, Debug)]
pub struct Settings(Box<TcpArgs>);

/// The options alone, as a command line of their own, so that `--peer` knows exactly what the flags know.
#[derive(Debug, clap::Parser)]
#[command(no_binary_name = true, disable_help_flag = true)]
struct Alone {
    #[command(flatten)]
    tcp: TcpArgs,
}

impl FromStr for Settings {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let flags = text.split(',').filter(|part| !part.trim().is_empty()).map(|part| {
            let (name, value) = part.split_once('=').map_or((part, "on"), |(name, value)| (name, value));
            match (name.trim(), value.trim()) {
                ("peer" | "isn", _) => Err(format!("'{part}' cannot be set for the other end")),
                (name @ ("sack" | "timestamps"), "on") => Ok(format!("--{name}")),
                (name @ ("sack" | "timestamps"), "off") => Ok(format!("--no-{name}")),
                (name, value) => Ok(format!("--{name}={value}")),
            }
        });
        let flags: Vec<String> = flags.collect::<Result<_, _>>()?;
        let parsed = <Alone as clap::Parser>::try_parse_from(flags);
        parsed.map(|alone| Settings(Box::new(alone.tcp))).map_err(|error| {
            let message = error.to_string();
            let line = message.lines().next().unwrap_or_default();
            format!("{}; write the options' names, as in sack=off,congestion=reno", line.trim_start_matches("error: "))
        })
    }
}

impl Settings {
    fn apply(&self, config: &mut Config) {
        let args = &self.0;
        let wanted = args.config();
        config.sack = wanted.sack;
        config.timestamps = wanted.timestamps;
        config.mss = wanted.mss;
        config.window_scale = wanted.window_scale;
        config.nagle = wanted.nagle;
        config.delayed_ack = wanted.delayed_ack;
        config.recv_buffer = wanted.recv_buffer;
        config.send_buffer = wanted.send_buffer;
        config.rto_initial = wanted.rto_initial;
        config.rto_min = wanted.rto_min;
        config.rto_max = wanted.rto_max;
        config.dup_thresh = wanted.dup_thresh;
        config.user_timeout = wanted.user_timeout;
        config.keepalive = wanted.keepalive;
        config.keepalive_interval = wanted.keepalive_interval;
        set(&mut config.congestion, args.congestion.map(CongestionChoice::algorithm));
        set(&mut config.initial_window, args.initial_window);
        set(&mut config.ecn, args.ecn.map(|switch| switch == Switch::On));
        config.ecn_accept = config.ecn;
        set(&mut config.retries, args.retries);
        set(&mut config.syn_retries, args.syn_retries);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn parse(args: &[&str]) -> TcpArgs {
        <Alone as clap::Parser>::try_parse_from(args).unwrap().tcp
    }

    #[test]
    fn flags_set_our_end_and_peer_sets_the_other() {
        let args = parse(&["--no-sack", "--congestion", "reno", "--peer", "timestamps=off,recv-buffer=64k,ecn=off"]);
        let (ours, theirs) = (args.config(), args.peer_config());
        assert_eq!((ours.sack, ours.timestamps, ours.ecn), (false, true, true));
        assert_eq!((theirs.sack, theirs.timestamps, theirs.ecn), (true, false, false));
        assert_eq!((ours.congestion, theirs.congestion), (Algorithm::Reno, Algorithm::Reno));
        assert_eq!(theirs.recv_buffer, RecvBuffer::Fixed(65536));
    }

    #[test]
    fn the_last_of_two_opposites_counts() {
        assert!(parse(&["--no-sack", "--sack"]).config().sack);
        assert!(!parse(&["--sack", "--no-sack"]).config().sack);
    }

    #[test]
    fn a_peer_setting_that_makes_no_sense_says_what_would() {
        let error = "sack=maybe".parse::<Settings>().unwrap_err();
        assert!(error.contains("sack=off,congestion=reno"), "{error}");
        assert!("sox=off".parse::<Settings>().unwrap_err().contains("--sox"));
    }
}
