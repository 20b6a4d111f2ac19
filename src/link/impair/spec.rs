//! `SPEC`: which packets an impairment chooses.
//!
//! ```text
//! SPEC      = [filter ":"]... choice
//! filter    = in | out | data | ack | syn | fin | rst | retransmit | first | ip
//! choice    = 5% | 0.05 | 0 | #3,7-9 | every:10 | burst:1%,30%
//! ```
//!
//! Filters are joined as AND. Numbers count the packets that pass the filters, per connection and direction,
//! from 1.

use std::collections::HashMap;
use std::fmt;
use std::str::FromStr;

use super::classify::{Class, Flow, MOST_FLOWS};
use crate::capture::Direction;
use crate::random::Random;
use crate::wire::Flags;

/// Which packets.
#[derive(Clone, Debug, PartialEq)]
pub struct Spec {
    direction: Option<Direction>,
    kinds: Vec<Kind>,
    ip: bool,
    choice: Choice,
    /// As the user wrote it.
    text: String,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Kind {
    Data,
    Ack,
    Syn,
    Fin,
    Rst,
    Retransmit,
    First,
}

#[derive(Clone, Debug, PartialEq)]
enum Choice {
    Chance(f64),
    Numbers(Vec<(u64, u64)>),
    Every(u64),
    /// Gilbert-Elliott: the chance to fall into the bad state and to get out of it again, asked at each packet; in
    /// the bad state every packet is chosen.
    Burst {
        fall: f64,
        recover: f64,
    },
}

/// A `SPEC` that makes no sense.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SpecError {
    spec: String,
    why: String,
}

impl fmt::Display for SpecError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "'{}': {}", self.spec, self.why)
    }
}

impl std::error::Error for SpecError {}

impl fmt::Display for Spec {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.text)
    }
}

impl FromStr for Spec {
    type Err = SpecError;

    fn from_str(text: &str) -> Result<Self, SpecError> {
        let fail = |why: String| SpecError { spec: text.into(), why };
        let mut spec =
            Spec { direction: None, kinds: Vec::new(), ip: false, choice: Choice::Chance(0.0), text: text.into() };
        let mut rest = text;
        while let Some((filter, after)) = rest.split_once(':') {
            match filter {
                "in" | "out" if spec.direction.is_some() => {
                    return Err(fail("a packet goes in or out, not both; leave the direction away for both".into()));
                }
                "in" => spec.direction = Some(Direction::In),
                "out" => spec.direction = Some(Direction::Out),
                "data" => spec.kinds.push(Kind::Data),
                "ack" => spec.kinds.push(Kind::Ack),
                "syn" => spec.kinds.push(Kind::Syn),
                "fin" => spec.kinds.push(Kind::Fin),
                "rst" => spec.kinds.push(Kind::Rst),
                "retransmit" => spec.kinds.push(Kind::Retransmit),
                "first" => spec.kinds.push(Kind::First),
                "ip" => spec.ip = true,
                "every" | "burst" => break,
                other => {
                    return Err(fail(format!(
                        "'{other}' is no kind of packet; there are data, ack, syn, fin, rst, retransmit, first, in, out"
                    )));
                }
            }
            rest = after;
        }
        let has = |kind| spec.kinds.contains(&kind);
        if has(Kind::Data) && has(Kind::Ack) {
            return Err(fail("'ack' means packets without data, so 'data:ack' chooses none".into()));
        }
        if has(Kind::First) && has(Kind::Retransmit) {
            return Err(fail("'first' means packets that are no retransmission, so both choose none".into()));
        }
        spec.choice = choice(rest).map_err(fail)?;
        Ok(spec)
    }
}

fn choice(text: &str) -> Result<Choice, String> {
    if let Some(numbers) = text.strip_prefix('#') {
        return numbers.split(',').map(range).collect::<Result<_, _>>().map(Choice::Numbers);
    }
    if let Some(n) = text.strip_prefix("every:") {
        return match n.parse() {
            Ok(n) if n > 0 => Ok(Choice::Every(n)),
            _ => Err(format!("'every:{n}' needs a whole number from 1 on, such as every:10")),
        };
    }
    if let Some(both) = text.strip_prefix("burst:") {
        let (fall, recover) =
            both.split_once(',').ok_or("a burst needs two chances, to begin and to end: burst:1%,30%")?;
        let (fall, recover) = (probability(fall)?, probability(recover)?);
        if fall > 0.0 && recover == 0.0 {
            return Err("a burst that never ends drops everything; the second chance must be above 0".into());
        }
        return Ok(Choice::Burst { fall, recover });
    }
    probability(text).map(Choice::Chance)
}

fn range(text: &str) -> Result<(u64, u64), String> {
    let number = |text: &str| text.trim_start_matches('#').parse::<u64>().ok().filter(|n| *n > 0);
    let (first, last) = text.split_once('-').unwrap_or((text, text));
    match (number(first), number(last)) {
        (Some(first), Some(last)) if first <= last => Ok((first, last)),
        (Some(first), Some(last)) => Err(format!("the range {first}-{last} runs backwards")),
        _ => Err(format!("'{text}' is no packet number; numbers count from 1, as in #3,7-9")),
    }
}

/// `5%` or `0.05`.
fn probability(text: &str) -> Result<f64, String> {
    let (number, scale) = match text.strip_suffix('%') {
        Some(number) => (number, 100.0),
        None => (text, 1.0),
    };
    let value = match number.trim().parse::<f64>() {
        Ok(value) if value.is_finite() => value / scale,
        _ => {
            return Err(format!(
                "'{text}' is no choice; write a probability (5% or 0.05), packet numbers (#3,7-9), every:N or burst:P,R"
            ));
        }
    };
    if !(0.0..=1.0).contains(&value) {
        let hint = if scale == 1.0 && value <= 100.0 { format!("; did you mean {number}%?") } else { String::new() };
        return Err(format!("a probability lies between 0% and 100% (0 and 1), not at {text}{hint}"));
    }
    Ok(value)
}

impl Spec {
    /// Whether bits are flipped in the IP header rather than behind it.
    pub fn in_ip_header(&self) -> bool {
        self.ip
    }

    /// Whether bits of the IP headers of outgoing packets are flipped.
    pub fn in_outgoing_ip_header(&self) -> bool {
        self.ip && self.direction != Some(Direction::In)
    }

    /// True when it can never choose a packet.
    pub fn is_off(&self) -> bool {
        self.choice == Choice::Chance(0.0)
    }

    pub(super) fn matches(&self, direction: Direction, class: &Class) -> bool {
        self.direction.is_none_or(|wanted| wanted == direction)
            && self.kinds.iter().all(|kind| match kind {
                Kind::Data => class.data,
                Kind::Ack => {
                    let other = [Flags::SYN, Flags::FIN, Flags::RST].iter().any(|flag| class.flags.contains(*flag));
                    class.flags.ack() && !class.data && !other
                }
                Kind::Syn => class.flags.syn(),
                Kind::Fin => class.flags.fin(),
                Kind::Rst => class.flags.rst(),
                Kind::Retransmit => class.retransmission,
                Kind::First => !class.retransmission,
            })
    }

    pub(super) fn chooser(&self, random: Random) -> Chooser {
        Chooser { choice: self.choice.clone(), random, counts: HashMap::new() }
    }
}

/// A choice being made, packet after packet.
pub(super) struct Chooser {
    choice: Choice,
    random: Random,
    counts: HashMap<(Option<Flow>, Direction), Count>,
}

#[derive(Default)]
struct Count {
    packets: u64,
    /// Gilbert-Elliott's bad state.
    bad: bool,
}

impl Chooser {
    /// A new connection begins between these ends: its packets count from 1.
    pub(super) fn forget(&mut self, flow: Option<Flow>) {
        for direction in [Direction::In, Direction::Out] {
            self.counts.remove(&(flow, direction));
        }
    }

    /// A packet that passes the filters is offered: is it chosen?
    pub(super) fn choose(&mut self, flow: Option<Flow>, direction: Direction) -> bool {
        if let Choice::Chance(chance) = self.choice {
            return self.random.chance(chance);
        }
        if self.counts.len() >= MOST_FLOWS {
            self.counts.clear();
        }
        let count = self.counts.entry((flow, direction)).or_default();
        count.packets += 1;
        match &self.choice {
            Choice::Chance(_) => false,
            Choice::Numbers(ranges) => ranges.iter().any(|(first, last)| (*first..=*last).contains(&count.packets)),
            Choice::Every(n) => count.packets.is_multiple_of(*n),
            Choice::Burst { fall, recover } => {
                let turn = if count.bad { *recover } else { *fall };
                count.bad ^= self.random.chance(turn);
                count.bad
            }
        }
    }
}
