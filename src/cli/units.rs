//! Durations, sizes, rates: parsed in one place, with errors that say what would be right.

use std::time::Duration;

use crate::link::bottleneck::Rate;

/// `250ms`, `1.5s`, `2m`; a bare number is seconds.
pub fn duration(text: &str) -> Result<Duration, String> {
    let wrong = || format!("'{text}' is no duration; write 250ms, 1.5s, 2m, or a number of seconds");
    if let Ok(seconds) = text.parse::<f64>() {
        return Duration::try_from_secs_f64(seconds).map_err(|_| wrong());
    }
    // humantime knows no fractions; a single number with a unit is the common case.
    let split = text.find(|c: char| c.is_ascii_alphabetic()).ok_or_else(wrong)?;
    let (number, unit) = text.split_at(split);
    if let Ok(number) = number.trim().parse::<f64>()
        && let Ok(one) = humantime::parse_duration(&format!("1{}", unit.trim()))
    {
        return Duration::try_from_secs_f64(number * one.as_secs_f64()).map_err(|_| wrong());
    }
    humantime::parse_duration(text).map_err(|_| wrong())
}

/// A duration that must pass: a timer of no time at all would fire for ever.
pub fn nonzero_duration(text: &str) -> Result<Duration, String> {
    match duration(text)? {
        short if short < Duration::from_millis(1) => {
            Err(format!("'{text}': less than 1ms is no timeout; write at least 1ms"))
        }
        duration => Ok(duration),
    }
}

/// A duration, or none: a type of its own, since clap takes an `Option` for an option that may be absent.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct DurationOrOff(pub Option<Duration>);

/// A duration, or `off`.
pub fn duration_or_off(text: &str) -> Result<DurationOrOff, String> {
    match text {
        "off" | "0" => Ok(DurationOrOff(None)),
        text => duration(text).map(|duration| DurationOrOff(Some(duration))),
    }
}

/// A delay with an optional jitter: `50ms` or `50ms~10ms`.
pub fn delay(text: &str) -> Result<(Duration, Duration), String> {
    let (delay, jitter) = text.split_once('~').unwrap_or((text, "0"));
    let (delay, jitter) = (duration(delay)?, duration(jitter)?);
    if jitter > delay {
        return Err(format!(
            "'{text}': the jitter is larger than the delay, so packets would arrive before they are sent"
        ));
    }
    Ok((delay, jitter))
}

/// `64k` (1024), `1MiB`, `1MB`, or a number of bytes.
pub fn size(text: &str) -> Result<usize, String> {
    let wrong = || format!("'{text}' is no size; write a number of bytes, 64k, 1MiB or 1MB");
    let split = text.find(|c: char| !c.is_ascii_digit() && c != '.').unwrap_or(text.len());
    let (number, unit) = text.split_at(split);
    let number: f64 = number.parse().map_err(|_| wrong())?;
    let factor: u64 = match unit.trim().to_ascii_lowercase().as_str() {
        "" | "b" => 1,
        "k" | "kib" => 1 << 10,
        "m" | "mib" => 1 << 20,
        "g" | "gib" => 1 << 30,
        "kb" => 1_000,
        "mb" => 1_000_000,
        "gb" => 1_000_000_000,
        _ => return Err(wrong()),
    };
    let bytes = number * factor as f64;
    if bytes > (1u64 << 40) as f64 {
        return Err(format!("'{text}' is more than 1TiB"));
    }
    Ok(bytes as usize)
}

/// A size of which there must be some.
pub fn nonzero_size(text: &str) -> Result<usize, String> {
    match size(text)? {
        0 => Err(format!("'{text}': a buffer of no bytes carries nothing; write at least 1")),
        size => Ok(size),
    }
}

/// `10mbit`, `1gbit`, `5000pps`, `2MB/s`; `0` is no limit.
pub fn rate(text: &str) -> Result<Rate, String> {
    let wrong = || format!("'{text}' is no rate; rates name their unit: 10mbit, 1gbit, 5000pps, 2MB/s");
    if text == "0" {
        return Ok(Rate::Unlimited);
    }
    if let Some(bytes) = text.strip_suffix("/s") {
        return size(bytes).map_err(|_| wrong()).and_then(|bytes| per_second(bytes as f64 * 8.0, text));
    }
    let split = text.find(|c: char| c.is_ascii_alphabetic()).ok_or_else(wrong)?;
    let (number, unit) = text.split_at(split);
    let number: f64 = number.trim().parse().map_err(|_| wrong())?;
    let factor = match unit.trim_end_matches("/s").to_ascii_lowercase().as_str() {
        "pps" if number >= 1.0 => return Ok(Rate::PacketsPerSecond(number as u64)),
        "bit" | "bps" => 1.0,
        "kbit" | "kbps" => 1e3,
        "mbit" | "mbps" => 1e6,
        "gbit" | "gbps" => 1e9,
        _ => return Err(wrong()),
    };
    per_second(number * factor, text)
}

fn per_second(bits: f64, text: &str) -> Result<Rate, String> {
    if (1.0..=1e15).contains(&bits) {
        Ok(Rate::BitsPerSecond(bits as u64))
    } else {
        Err(format!("'{text}': a rate lies between 1bit and 1000000gbit per second"))
    }
}

/// Bytes for people: `1.5 MB`.
pub fn show_bytes(bytes: u64) -> String {
    let group = |n: u64| {
        let digits = n.to_string();
        let mut out = String::new();
        for (index, digit) in digits.chars().enumerate() {
            if index > 0 && (digits.len() - index).is_multiple_of(3) {
                out.push(',');
            }
            out.push(digit);
        }
        out
    };
    format!("{} bytes", group(bytes))
}

/// A rate for people: `93.2 Mbit/s`.
pub fn show_rate(bytes: u64, elapsed: Duration) -> String {
    let bits = bytes as f64 * 8.0 / elapsed.as_secs_f64().max(1e-9);
    match bits {
        1e9.. => format!("{:.2} Gbit/s", bits / 1e9),
        1e6.. => format!("{:.1} Mbit/s", bits / 1e6),
        _ => format!("{:.1} kbit/s", bits / 1e3),
    }
}

/// A duration for people, to three or four digits: `1.52 s`, `20.0 ms`.
pub fn show_duration(duration: Duration) -> String {
    match duration.as_secs_f64() {
        60.0.. => humantime::format_duration(Duration::from_millis(duration.as_millis() as u64)).to_string(),
        seconds @ 1.0.. => format!("{seconds:.2} s"),
        seconds @ 1e-3.. => format!("{:.1} ms", seconds * 1e3),
        seconds => format!("{:.0} us", seconds * 1e6),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn durations_sizes_and_rates_as_people_write_them() {
        assert_eq!(duration("250ms"), Ok(Duration::from_millis(250)));
        assert_eq!(duration("1.5s"), Ok(Duration::from_millis(1500)));
        assert_eq!(duration("2"), Ok(Duration::from_secs(2)));
        assert_eq!(duration("1m 30s"), Ok(Duration::from_secs(90)));
        assert_eq!(delay("50ms~10ms"), Ok((Duration::from_millis(50), Duration::from_millis(10))));
        assert_eq!((size("64k"), size("1MiB"), size("1MB"), size("0")), (Ok(65536), Ok(1 << 20), Ok(1_000_000), Ok(0)));
        assert_eq!(rate("10mbit"), Ok(Rate::BitsPerSecond(10_000_000)));
        assert_eq!(rate("2MB/s"), Ok(Rate::BitsPerSecond(16_000_000)));
        assert_eq!(rate("5000pps"), Ok(Rate::PacketsPerSecond(5000)));
        assert_eq!(rate("0"), Ok(Rate::Unlimited));
    }

    #[test]
    fn what_makes_no_sense_says_what_would() {
        assert!(duration("soon").unwrap_err().contains("write 250ms"));
        assert!(duration("-1").unwrap_err().contains("no duration"));
        assert!(delay("1ms~2ms").unwrap_err().contains("jitter is larger"));
        assert!(size("many").unwrap_err().contains("64k"));
        assert!(size("99999999GiB").unwrap_err().contains("more than"));
        assert!(rate("10").unwrap_err().contains("name their unit"));
        assert!(rate("0mbit").unwrap_err().contains("between"));
    }

    #[test]
    fn numbers_for_people() {
        assert_eq!(show_bytes(1_234_567), "1,234,567 bytes");
        assert_eq!(show_rate(1_250_000, Duration::from_secs(1)), "10.0 Mbit/s");
        assert_eq!(show_duration(Duration::from_micros(20_040)), "20.0 ms");
    }
}
