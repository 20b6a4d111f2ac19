//! The statistics in two columns, as `tcptrace -l -r` lays them out.

use std::fmt;

use super::{Row, Tally, Value};

/// The rows of a connection as text. Rows that say nothing (no resets, no scaling, no ambiguous acknowledgments) are
/// left out where tcptrace leaves them out.
#[derive(Clone, Copy, Debug)]
pub struct Text<'a> {
    tally: &'a Tally,
    outstanding: bool,
}

impl Tally {
    /// The statistics as text; those of the outstanding data, which tcptrace shows with `-W`, only when asked for.
    pub fn text(&self, outstanding: bool) -> Text<'_> {
        Text { tally: self, outstanding }
    }
}

impl Text<'_> {
    fn shows(&self, row: &Row) -> bool {
        let (a, b) = (&self.tally.a, &self.tally.b);
        let some = row.a != Value::Count(0) || row.b != Value::Count(0);
        let scale = a.offer.window_scale || b.offer.window_scale;
        match row.name {
            "resets sent" | "hardware dups" => some,
            "req 1323 ws/ts" => scale || a.offer.timestamps || b.offer.timestamps,
            "adv wind scale" => scale,
            "req sack" | "sacks sent" => a.offer.sack || b.offer.sack,
            "max owin" | "min non-zero owin" | "avg owin" | "wavg owin" => self.outstanding,
            "ambiguous acks" | "RTT min (last)" | "RTT max (last)" | "RTT avg (last)" | "RTT sdv (last)" => {
                a.trouble().ambiguous.count + b.trouble().ambiguous.count > 0
            }
            _ => true,
        }
    }
}

impl fmt::Display for Text<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for row in self.tally.rows().iter().filter(|row| self.shows(row)) {
            match row.name {
                "RTT samples" | "RTT from 3WHS" | "RTT full_sz smpls" | "post-loss acks" => writeln!(f)?,
                "ambiguous acks" => {
                    writeln!(f, "\t  Of segments sent more than once, from the last time they were sent:")?;
                }
                _ => {}
            }
            for value in [row.a, row.b] {
                let unit = if value == Value::Missing { "" } else { row.unit };
                // Formatted first, so that the width applies to all of it.
                write!(f, "     {:<18} {:>9} {unit:<5}", format!("{}:", row.name), value.to_string())?;
            }
            writeln!(f)?;
            if row.name == "hardware dups" {
                writeln!(f, "       ** packets that were captured twice make these figures suspect")?;
            }
        }
        Ok(())
    }
}
