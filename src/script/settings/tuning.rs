//! Our configuration as text, field by field: `sack=off,rto_min=200ms`. A script that was made from a run says so how
//! its end was configured.

use std::time::Duration;

use crate::tcp::{Algorithm, Config, RecvBuffer, WindowScale};

/// How one field is written and read.
struct Field {
    name: &'static str,
    show: fn(&Config) -> String,
    set: fn(&mut Config, &str) -> Option<()>,
}

macro_rules! field {
    ($name:ident, $show:expr, $read:expr) => {
        Field {
            name: stringify!($name),
            show: |config| {
                #[allow(clippy::redundant_closure_call)]
                ($show)(&config.$name)
            },
            set: |config, text| {
                config.$name = $read(text)?;
                Some(())
            },
        }
    };
}

const FIELDS: &[Field] = &[
    field!(mss, ToString::to_string, number),
    field!(sack, switch, on),
    field!(timestamps, switch, on),
    field!(timestamps_required, switch, on),
    field!(edge_accepted, switch, on),
    field!(window_scale, scale, read_scale),
    field!(ecn, switch, on),
    field!(ecn_accept, switch, on),
    field!(dscp, ToString::to_string, number),
    field!(congestion, ToString::to_string, algorithm),
    field!(initial_window, ToString::to_string, number),
    field!(slow_start_limit, optional, read_optional),
    field!(idle_restart, switch, on),
    field!(nagle, switch, on),
    field!(sws_override, span, read_span),
    field!(delayed_ack, span, read_span),
    field!(quick_acks, ToString::to_string, number),
    field!(recv_buffer, buffer, read_buffer),
    field!(send_buffer, ToString::to_string, number),
    field!(empty_probes, switch, on),
    field!(rto_initial, duration, read_duration),
    field!(rto_min, duration, read_duration),
    field!(rto_min_above_srtt, switch, on),
    field!(rto_max, duration, read_duration),
    field!(dup_thresh, ToString::to_string, number),
    field!(syn_retries, ToString::to_string, number),
    field!(retries, ToString::to_string, number),
    field!(user_timeout, span, read_span),
    field!(keepalive, span, read_span),
    field!(keepalive_interval, duration, read_duration),
    field!(keepalive_probes, ToString::to_string, number),
    field!(challenges, ToString::to_string, number),
    field!(time_wait, duration, read_duration),
    field!(fin_wait_2, duration, read_duration),
    field!(small_bursts, optional, read_optional),
    field!(max_burst, ToString::to_string, number),
];

/// The fields in which `config` differs from `base`, as a list that [`apply`] reads.
pub fn differences(config: &Config, base: &Config) -> String {
    let differs = |field: &&Field| (field.show)(config) != (field.show)(base);
    let said: Vec<String> =
        FIELDS.iter().filter(differs).map(|field| format!("{}={}", field.name, (field.show)(config))).collect();
    said.join(",")
}

/// Changes `config` as a list of `name=value` says. The error names what is not understood.
pub fn apply(config: &mut Config, list: &str) -> Result<(), String> {
    for part in list.split(',').filter(|part| !part.is_empty()) {
        let (name, value) = part.split_once('=').unwrap_or((part, ""));
        let Some(field) = FIELDS.iter().find(|field| field.name == name) else {
            let known: Vec<&str> = FIELDS.iter().map(|field| field.name).collect();
            return Err(format!("{name} is no setting of ours; {} are", known.join(", ")));
        };
        (field.set)(config, value).ok_or_else(|| format!("{part} makes no sense"))?;
    }
    Ok(())
}

fn number<T: std::str::FromStr>(text: &str) -> Option<T> {
    text.parse().ok()
}

fn switch(on: &bool) -> String {
    if *on { "on".into() } else { "off".into() }
}

fn on(text: &str) -> Option<bool> {
    match text {
        "on" => Some(true),
        "off" => Some(false),
        _ => None,
    }
}

fn optional(value: &Option<u32>) -> String {
    value.map_or("off".into(), |value| value.to_string())
}

fn read_optional(text: &str) -> Option<Option<u32>> {
    if text == "off" { Some(None) } else { text.parse().ok().map(Some) }
}

fn duration(value: &Duration) -> String {
    format!("{}us", value.as_micros())
}

fn read_duration(text: &str) -> Option<Duration> {
    // A list of settings is one word: humantime's blanks are not needed.
    humantime::parse_duration(text).ok().filter(|duration| !duration.is_zero())
}

fn span(value: &Option<Duration>) -> String {
    value.as_ref().map_or("off".into(), duration)
}

fn read_span(text: &str) -> Option<Option<Duration>> {
    if text == "off" { Some(None) } else { read_duration(text).map(Some) }
}

fn scale(value: &WindowScale) -> String {
    match value {
        WindowScale::Auto => "auto".into(),
        WindowScale::Off => "off".into(),
        WindowScale::Shift(shift) => shift.to_string(),
    }
}

fn read_scale(text: &str) -> Option<WindowScale> {
    match text {
        "auto" => Some(WindowScale::Auto),
        "off" => Some(WindowScale::Off),
        shift => shift.parse().ok().filter(|shift| *shift <= 14).map(WindowScale::Shift),
    }
}

fn buffer(value: &RecvBuffer) -> String {
    match value {
        RecvBuffer::Auto { max } => format!("auto:{max}"),
        RecvBuffer::Fixed(size) => size.to_string(),
    }
}

fn read_buffer(text: &str) -> Option<RecvBuffer> {
    match text.strip_prefix("auto:") {
        Some(max) => max.parse().ok().map(|max| RecvBuffer::Auto { max }),
        None => text.parse().ok().map(RecvBuffer::Fixed),
    }
}

fn algorithm(text: &str) -> Option<Algorithm> {
    [Algorithm::Reno, Algorithm::Cubic].into_iter().find(|algorithm| algorithm.to_string() == text)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::script::Profile;

    #[test]
    fn what_is_said_of_a_configuration_makes_it_again() {
        let odd = Config {
            sack: false,
            window_scale: WindowScale::Shift(3),
            delayed_ack: None,
            recv_buffer: RecvBuffer::Fixed(5_000),
            user_timeout: Some(Duration::from_millis(1500)),
            slow_start_limit: None,
            ..Config::default()
        };
        for config in [odd, Profile::Rfc.config(), Profile::Linux.config(), Config::default()] {
            let mut made = Profile::Rfc.config();
            let said = differences(&config, &made);
            apply(&mut made, &said).unwrap();
            assert_eq!(made, config);
        }
    }

    #[test]
    fn what_is_not_a_setting_is_refused() {
        for list in ["sack=perhaps", "unheard=1", "mss=x", "sack"] {
            assert!(apply(&mut Config::default(), list).is_err(), "{list}");
        }
    }
}
