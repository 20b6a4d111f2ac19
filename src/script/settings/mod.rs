//! How a script is run: profiles, `--` options, sysctls and the commands that are known.
//!
//! | file       | subject |
//! |------------|---------|
//! | `profile`  | `rfc` and `linux` as values of [`Config`] |
//! | `commands` | shell commands that are understood, none of which is run |
//! | `tuning`   | our configuration as text |
//! | `sysctl`   | kernel settings by their names, as changes of [`Config`] |

mod commands;
mod profile;
mod sysctl;
mod tuning;

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};
use std::time::Duration;

use super::syntax::{Script, ScriptError, integer};
use crate::tcp::Config;

pub use commands::{Command, interpret};
pub use profile::Profile;
pub use tuning::differences;

/// The address family of sockets and packets.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Default)]
pub enum IpVersion {
    /// IPv4 both.
    #[default]
    V4,
    /// IPv6 both.
    V6,
    /// IPv6 sockets that speak to IPv4 addresses.
    V4Mapped,
}

impl IpVersion {
    /// Reads `ipv4`, `ipv6` or `ipv4-mapped`.
    pub fn of(text: &str) -> Option<Self> {
        match text {
            "ipv4" => Some(IpVersion::V4),
            "ipv6" => Some(IpVersion::V6),
            "ipv4-mapped-ipv6" | "ipv4-mapped" => Some(IpVersion::V4Mapped),
            _ => None,
        }
    }

    /// The name in options.
    pub const fn name(self) -> &'static str {
        match self {
            IpVersion::V4 => "ipv4",
            IpVersion::V6 => "ipv6",
            IpVersion::V4Mapped => "ipv4-mapped",
        }
    }
}

/// What a script's own options and the caller's come to.
#[derive(Clone, Debug)]
pub struct Settings {
    pub ip_version: IpVersion,
    pub local: IpAddr,
    pub remote: IpAddr,
    /// Where `bind(..., ...)` binds.
    pub bind_port: u16,
    /// Where `connect(..., ...)` connects to.
    pub connect_port: u16,
    pub mtu: u32,
    /// How far from the script's time something may happen.
    pub tolerance: Duration,
    /// The same as a percentage of the time since the event before; the larger counts.
    pub tolerance_percent: f64,
    /// Timestamps that leave are checked as a clock of this period; by default they are not.
    pub ts_tick: Option<Duration>,
    /// A segment that is expected leaves as one, and not as several that make it up.
    pub strict_segments: bool,
    /// What leaves at the time of the last event need not be expected.
    pub lenient_end: bool,
    /// Packets that arrive at the same time arrive in one turn, as from a real link: they are answered together.
    pub turns: bool,
    /// Our initial sequence number.
    pub isn: Option<u32>,
    /// What is added to the peer's sequence numbers.
    pub remote_isn: u32,
    /// Commands that are not known are left out.
    pub ignore_commands: bool,
    pub config: Config,
}

/// The line comment with which a script chooses its own settings, so that other programs that read the notation see a
/// comment only.
const DIRECTIVE: &str = "tcpkit:";

impl Settings {
    /// The settings of a script; what `caller` says comes before what the script says.
    ///
    /// # Errors
    ///
    /// An option that is not known or makes no sense, with its line.
    pub fn of(script: &Script, caller: &super::Options) -> Result<Settings, ScriptError> {
        let mut options = script.options.clone();
        for (index, line) in script.lines.iter().enumerate() {
            let comment = line.trim_start().strip_prefix("//").unwrap_or_default().trim_start();
            for word in comment.strip_prefix(DIRECTIVE).unwrap_or_default().split_whitespace() {
                let Some(option) = word.strip_prefix("--") else {
                    let reason = format!("{word} after {DIRECTIVE} is no option (--profile=linux is)");
                    return Err(ScriptError { line: index + 1, reason });
                };
                let (name, value) = option.split_once('=').map_or((option, None), |(n, v)| (n, Some(v.to_owned())));
                options.push((index + 1, name.to_owned(), value));
            }
        }
        let named = |wanted: &str| options.iter().rev().find(|(_, name, _)| name == wanted);
        let bad =
            |line: usize, name: &str, right: &str| ScriptError { line, reason: format!("--{name} needs {right}") };
        let profile = match (caller.profile, named("profile")) {
            (Some(profile), _) => profile,
            (None, Some((line, name, value))) => {
                value.as_deref().and_then(Profile::of).ok_or_else(|| bad(*line, name, "rfc or linux"))?
            }
            (None, None) => Profile::default(),
        };
        let ip_version = match (caller.ip_version, named("ip_version")) {
            (Some(version), _) => version,
            (None, Some((line, name, value))) => {
                value.as_deref().and_then(IpVersion::of).ok_or_else(|| bad(*line, name, "ipv4, ipv6 or ipv4-mapped"))?
            }
            (None, None) => IpVersion::default(),
        };
        let v6 = ip_version == IpVersion::V6;
        let (tolerance, tolerance_percent) = profile.tolerance();
        let mut settings = Settings {
            ip_version,
            // What packetdrill uses: documentation and private addresses.
            local: if v6 { V6_LOCAL.into() } else { Ipv4Addr::new(192, 168, 0, 1).into() },
            remote: if v6 { V6_REMOTE.into() } else { Ipv4Addr::new(192, 0, 2, 1).into() },
            bind_port: 8080,
            connect_port: 8080,
            mtu: 1500,
            tolerance,
            tolerance_percent,
            ts_tick: None,
            strict_segments: false,
            lenient_end: profile == Profile::Linux,
            turns: false,
            isn: None,
            remote_isn: 0,
            ignore_commands: caller.ignore_commands,
            config: profile.config(),
        };
        for (line, name, value) in &options {
            settings.apply(*line, name, value.as_deref())?;
        }
        settings.mtu = caller.mtu.unwrap_or(settings.mtu);
        if let Some(isn) = caller.isn.or(settings.isn).or(Some(default_isn(&script.name))) {
            settings.isn = Some(isn);
            settings.remote_isn = isn;
        }
        if settings.local.is_ipv4() != settings.remote.is_ipv4() || settings.local.is_ipv6() != v6 {
            let reason = format!(
                "local_ip {} and remote_ip {} are not both of the family of {}",
                settings.local,
                settings.remote,
                ip_version.name()
            );
            return Err(ScriptError { line: 1, reason });
        }
        Ok(settings)
    }

    fn apply(&mut self, line: usize, name: &str, value: Option<&str>) -> Result<(), ScriptError> {
        let bad = |right: &str| ScriptError { line, reason: format!("--{name} needs {right}") };
        let value = value.unwrap_or_default();
        let number = |most: i64| integer(value).filter(|n| (0..=most).contains(n));
        let micros = || number(i64::from(u32::MAX)).map(|n| Duration::from_micros(n as u64));
        let port = || number(65_535).map(|n| n as u16).ok_or_else(|| bad("a port"));
        let address = || {
            let plain = value.split_once('/').map_or(value, |(address, _)| address);
            plain.parse::<IpAddr>().map_err(|_| bad("an IP address"))
        };
        match name {
            // Settled before, or of no meaning without a kernel and a device.
            "profile" | "ip_version" | "define" | "gateway_ip" | "netmask_ip" | "verbose" | "debug" | "is_anyip"
            | "send_omit_free" | "tcp_ts_ecr_scaled" | "mss" | "speed" => {}
            "local_ip" => self.local = address()?,
            "remote_ip" => self.remote = address()?,
            "bind_port" => self.bind_port = port()?,
            "connect_port" => self.connect_port = port()?,
            "mtu" => self.mtu = number(65_535).filter(|mtu| *mtu >= 68).ok_or_else(|| bad("68 to 65535 bytes"))? as u32,
            "tolerance_usecs" => self.tolerance = micros().ok_or_else(|| bad("microseconds"))?,
            "tolerance_percent" => {
                let percent = value.parse::<f64>().ok().filter(|percent| (0.0..=100.0).contains(percent));
                self.tolerance_percent = percent.ok_or_else(|| bad("0 to 100"))?;
            }
            "tcp_ts_tick_usecs" => {
                let tick = micros().ok_or_else(|| bad("microseconds"))?;
                self.ts_tick = (!tick.is_zero()).then_some(tick);
            }
            "tcp" => tuning::apply(&mut self.config, value).map_err(|reason| ScriptError { line, reason })?,
            "turns" => self.turns = true,
            "strict_segments" => self.strict_segments = true,
            "isn" => {
                let isn = number(i64::from(u32::MAX)).ok_or_else(|| bad("0 to 4294967295"))? as u32;
                self.isn = Some(isn);
                self.remote_isn = isn;
            }
            other => {
                let reason = format!(
                    "--{other} is not supported; ip_version, local_ip, remote_ip, bind_port, connect_port, mtu, \
                     tolerance_usecs, tolerance_percent, tcp_ts_tick_usecs, strict_segments, define, profile and isn are"
                );
                return Err(ScriptError { line, reason });
            }
        }
        Ok(())
    }

    /// Where sockets are by default.
    pub fn bind_address(&self) -> SocketAddr {
        SocketAddr::new(self.local, self.bind_port)
    }
}

/// Where sequence numbers begin when nobody says: for half of all scripts, told by their file's name, so that they pass
/// 2^32 within the first segments.
fn default_isn(name: &str) -> u32 {
    let file = name.rsplit('/').next().unwrap_or(name);
    let sum = file.trim_end_matches(".pkt").bytes().fold(0u32, |sum, byte| sum.wrapping_add(u32::from(byte)));
    if sum.is_multiple_of(2) { 0xffff_fc18 } else { 1_000_000 }
}

const V6_LOCAL: Ipv6Addr = Ipv6Addr::new(0xfd3d, 0xfa7b, 0xd17d, 0, 0, 0, 0, 1);
const V6_REMOTE: Ipv6Addr = Ipv6Addr::new(0x2001, 0xdb8, 0, 0, 0, 0, 0, 1);
