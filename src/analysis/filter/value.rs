//! What a field is compared with: numbers, times, flags, addresses, bytes.
//!
//! Every reader answers with what is wrong and what would be right; the parser knows where.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

use super::field::{STATUS, Unit};

/// What is wrong with a value, and what would be right.
pub type Wrong = (String, String);

/// Port names that need no table of services.
const PORTS: &[(&str, u64)] = &[
    ("echo", 7),
    ("discard", 9),
    ("daytime", 13),
    ("chargen", 19),
    ("ftp-data", 20),
    ("ftp", 21),
    ("ssh", 22),
    ("telnet", 23),
    ("smtp", 25),
    ("domain", 53),
    ("http", 80),
    ("pop3", 110),
    ("bgp", 179),
    ("imap", 143),
    ("ldap", 389),
    ("https", 443),
    ("imaps", 993),
    ("pop3s", 995),
];

/// Flags by letter (tcpdump's, and the initials that others use) and by name.
const FLAGS: &[(&str, &str, u64)] = &[
    ("F", "fin", 0x01),
    ("S", "syn", 0x02),
    ("R", "rst", 0x04),
    ("R", "reset", 0x04),
    ("P", "psh", 0x08),
    ("P", "push", 0x08),
    (".", "ack", 0x10),
    ("A", "ack", 0x10),
    ("U", "urg", 0x20),
    ("E", "ece", 0x40),
    ("W", "cwr", 0x80),
    ("C", "cwr", 0x80),
];

fn wrong<T>(message: impl Into<String>, help: impl Into<String>) -> Result<T, Wrong> {
    Err((message.into(), help.into()))
}

/// A number in a unit.
pub fn number(unit: Unit, word: &str) -> Result<u64, Wrong> {
    let lower = word.to_ascii_lowercase();
    match unit {
        Unit::Seconds => seconds(word),
        Unit::Date => date(word),
        Unit::Flags => flags(word),
        Unit::Status => match STATUS.iter().find(|(name, _)| *name == lower) {
            Some((_, number)) => Ok(*number),
            None => whole(word, 5).or_else(|_| {
                wrong(format!("`{word}` is no state of a checksum"), "there are good, bad, unfilled, unknown")
            }),
        },
        Unit::Port => match PORTS.iter().find(|(name, _)| *name == lower) {
            Some((_, port)) => Ok(*port),
            None => whole(word, 0xffff).map_err(|(message, help)| {
                let named = word.starts_with(|c: char| c.is_ascii_alphabetic());
                (message, if named { "write the port as a number".to_owned() } else { help })
            }),
        },
        Unit::Count(1) if lower == "true" => Ok(1),
        Unit::Count(1) if lower == "false" => Ok(0),
        Unit::Count(max) => whole(word, max),
    }
}

/// A whole number, decimal or hexadecimal.
pub fn whole(word: &str, max: u64) -> Result<u64, Wrong> {
    let hexadecimal = word.strip_prefix("0x").or_else(|| word.strip_prefix("0X"));
    let digits = hexadecimal.unwrap_or(word);
    let fits = |c: char| if hexadecimal.is_some() { c.is_ascii_hexdigit() } else { c.is_ascii_digit() };
    if word.strip_prefix('-').is_some_and(|rest| rest.starts_with(|c: char| c.is_ascii_digit())) {
        return wrong(format!("`{word}` is negative"), "the field is never below 0");
    }
    if digits.is_empty() || !digits.chars().all(fits) {
        return wrong(format!("`{word}` is no number"), "write it as 16 or 0x10");
    }
    if hexadecimal.is_none() && digits.len() > 1 && digits.starts_with('0') {
        return wrong(
            format!("`{word}` could be octal or decimal"),
            "leave out the zero in front, or write 0x for base 16",
        );
    }
    match u64::from_str_radix(digits, if hexadecimal.is_some() { 16 } else { 10 }) {
        Ok(number) if number <= max => Ok(number),
        _ => wrong(format!("`{word}` is too large for the field"), format!("it holds at most {max}")),
    }
}

/// A time in seconds or a named unit, as nanoseconds.
fn seconds(word: &str) -> Result<u64, Wrong> {
    let units = [("ns", 1), ("us", 1_000), ("ms", 1_000_000), ("s", 1_000_000_000)];
    let (digits, unit) = units
        .iter()
        .find_map(|(name, unit)| word.strip_suffix(name).map(|digits| (digits, *unit)))
        .unwrap_or((word, 1_000_000_000u64));
    let (whole, fraction) = digits.split_once('.').unwrap_or((digits, ""));
    let decimal = |part: &str| part.bytes().all(|byte| byte.is_ascii_digit());
    let empty = whole.is_empty() && fraction.is_empty();
    if empty || whole.len() > 11 || fraction.len() > 9 || !decimal(whole) || !decimal(fraction) {
        return wrong(format!("`{word}` is no time"), "write seconds, or a unit: 0.25, 250ms, 10us");
    }
    let part = |digits: &str| if digits.is_empty() { 0 } else { digits.parse().unwrap_or(0u64) };
    let fraction = part(fraction).saturating_mul(unit) / 10u64.pow(fraction.len() as u32);
    Ok(part(whole).saturating_mul(unit).saturating_add(fraction))
}

/// Seconds since 1970 or a date, as nanoseconds since 1970.
fn date(text: &str) -> Result<u64, Wrong> {
    if !text.contains('-') {
        return seconds(text);
    }
    let help = "write it in UTC: \"2026-01-31 12:00:00.5\"";
    let fail = || (format!("`{text}` is no date"), help.to_owned());
    let (day, clock) = text.trim_end_matches('Z').split_once(['T', ' ']).unwrap_or((text.trim_end_matches('Z'), "0"));
    let number = |part: Option<&str>, max: u64| match part {
        None => Ok(0),
        Some(part) if part.len() <= 4 && !part.is_empty() && part.bytes().all(|byte| byte.is_ascii_digit()) => {
            part.parse().ok().filter(|number| *number <= max).ok_or_else(fail)
        }
        Some(_) => Err(fail()),
    };
    let mut days = day.split('-');
    let (year, month, day) = (number(days.next(), 2500)?, number(days.next(), 12)?, number(days.next(), 31)?);
    let mut parts = clock.splitn(3, ':');
    let (hour, minute) = (number(parts.next(), 24)?, number(parts.next(), 59)?);
    let second = parts.next().map_or(Ok(0), seconds)?;
    if year < 1970 || month < 1 || day < 1 || second > 60_000_000_000 || days.next().is_some() {
        return Err(fail());
    }
    let in_day = (hour * 60 + minute) * 60 * 1_000_000_000 + second;
    Ok((days_to(year, month, day) * 86_400_000_000_000).saturating_add(in_day))
}

/// Days from 1970-01-01 to a date.
fn days_to(year: u64, month: u64, day: u64) -> u64 {
    let leap = |year: u64| year.is_multiple_of(4) && (!year.is_multiple_of(100) || year.is_multiple_of(400));
    let before = (1970..year).map(|year| 365 + u64::from(leap(year))).sum::<u64>();
    let lengths = [31, 28 + u64::from(leap(year)), 31, 30, 31, 30, 31, 31, 30, 31, 30, 31];
    before + lengths.iter().take(month as usize - 1).sum::<u64>() + day - 1
}

/// Control bits: a number, letters or a name.
pub fn flags(word: &str) -> Result<u64, Wrong> {
    if word.starts_with(|c: char| c.is_ascii_digit()) {
        return whole(word, 0xfff);
    }
    let lower = word.to_ascii_lowercase();
    let name = lower.strip_prefix("tcp-").unwrap_or(&lower);
    if name == "none" {
        return Ok(0);
    }
    if let Some((_, _, bits)) = FLAGS.iter().find(|(_, known, _)| *known == name) {
        return Ok(*bits);
    }
    let letter = |c: char| FLAGS.iter().find(|(known, _, _)| known.starts_with(c)).map(|(_, _, bits)| bits);
    match word.chars().try_fold(0, |bits, c| Some(bits | letter(c)?)) {
        Some(bits) if !word.is_empty() => Ok(bits),
        _ => wrong(format!("`{word}` are no flags"), "write letters (S.), names (syn,ack) or a number (0x12)"),
    }
}

/// An address, or the first and the last of a prefix. `10.1` is the prefix 10.1.0.0/16, as in BPF.
pub fn addresses(word: &str) -> Result<(IpAddr, IpAddr), Wrong> {
    let (address, prefix) = match word.split_once('/') {
        Some((address, prefix)) => (address, Some(prefix)),
        None => (word, None),
    };
    let (address, given) = match address.parse::<IpAddr>() {
        Ok(address @ IpAddr::V4(_)) => (address, 32),
        Ok(address @ IpAddr::V6(_)) => (address, 128),
        Err(_) => {
            let octets = address.split('.').count();
            let whole = format!("{address}{}", ".0".repeat(4usize.saturating_sub(octets)));
            match whole.parse::<Ipv4Addr>() {
                Ok(address) if octets > 1 || prefix.is_some() => (IpAddr::V4(address), 8 * octets as u64),
                _ if address.contains('%') => return wrong("a zone is no part of an address here", "leave out `%`"),
                _ => {
                    return wrong(
                        format!("`{word}` is no address"),
                        "names are not looked up: write 10.0.0.1, 10.0.0.0/8 or fe80::1",
                    );
                }
            }
        }
    };
    let width = if address.is_ipv4() { 32 } else { 128 };
    let len = prefix.map_or(Ok(given), |prefix| whole(prefix, width))?;
    Ok(match address {
        IpAddr::V4(v4) => {
            let host = u32::MAX.checked_shr(len as u32).unwrap_or(0);
            (Ipv4Addr::from_bits(v4.to_bits() & !host).into(), Ipv4Addr::from_bits(v4.to_bits() | host).into())
        }
        IpAddr::V6(v6) => {
            let host = u128::MAX.checked_shr(len as u32).unwrap_or(0);
            (Ipv6Addr::from_bits(v6.to_bits() & !host).into(), Ipv6Addr::from_bits(v6.to_bits() | host).into())
        }
    })
}

/// Bytes written without quotes: pairs of hexadecimal digits with something between, or after `0x`.
pub fn bytes(word: &str) -> Result<Vec<u8>, Wrong> {
    let pair = |pair: &str| match pair.len() {
        2 => u8::from_str_radix(pair, 16).ok().filter(|_| pair.bytes().all(|byte| byte.is_ascii_hexdigit())),
        _ => None,
    };
    let read: Option<Vec<u8>> = match word.strip_prefix("0x") {
        Some(digits) if !digits.is_empty() => {
            digits.as_bytes().chunks(2).map(|chunk| std::str::from_utf8(chunk).ok().and_then(pair)).collect()
        }
        _ if word.contains([':', '-', '.']) => word.split([':', '-', '.']).map(pair).collect(),
        _ => None,
    };
    match read {
        Some(bytes) => Ok(bytes),
        None => wrong(
            format!("`{word}` could be text or bytes"),
            format!("write \"{word}\" for text; bytes are written 16:03 or 0x1603"),
        ),
    }
}
