//! What a run came to.

use std::time::Duration;

use super::compare::Difference;
use crate::capture::Direction;
use crate::time::Time;

/// A run.
#[derive(Clone, Debug)]
pub struct Report {
    /// The script's name.
    pub script: String,
    /// Events that happened as the script says.
    pub events: usize,
    /// Events in the script.
    pub total: usize,
    /// Virtual time that passed.
    pub duration: Duration,
    /// The first difference; none when all happened as the script says.
    pub mismatch: Option<Mismatch>,
    /// The exchange, in order.
    pub lines: Vec<Line>,
    /// What code printed.
    pub printed: Vec<String>,
}

/// Something that happened.
#[derive(Clone, Debug)]
pub struct Line {
    /// When.
    pub at: Time,
    /// The line of the script that it belongs to; 0 when no line expects it.
    pub line: usize,
    /// In the script's notation.
    pub text: String,
    /// State and numbers of our end after it.
    pub ours: String,
    /// State of the peer that the script plays.
    pub peer: &'static str,
    /// The packet, when it is one: which way it went and its bytes.
    pub packet: Option<(Direction, Vec<u8>)>,
    /// What the state machine says of it.
    pub note: String,
}

/// The first difference between a script and what happened.
#[derive(Clone, Debug)]
pub struct Mismatch {
    /// First and last line of the event, counted from 1.
    pub line: usize,
    /// The last line.
    pub last_line: usize,
    /// What is wrong, in a sentence.
    pub reason: String,
    /// What the script says, in its notation.
    pub expected: Option<String>,
    /// What happened, in the same.
    pub got: Option<String>,
    /// Field by field.
    pub differences: Vec<Difference>,
    /// When it was expected, from and to, and when it happened.
    pub time: Option<(Time, Time, Time)>,
    /// Packets that left and that no line has expected yet, the first of them.
    pub waiting: Vec<String>,
    /// The states of both ends then.
    pub states: (String, &'static str),
    /// The script asks for what is not supported, rather than for something that did not happen.
    pub unsupported: bool,
}
