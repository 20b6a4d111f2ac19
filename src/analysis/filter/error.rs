//! What is wrong with an expression: where, why, and what would be right.

use std::fmt;
use std::ops::Range;

/// Characters of the expression that are shown on either side of the wrong place.
const AROUND: usize = 60;

/// Why an expression cannot be read. Displayed with the expression and a caret under the wrong place.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct FilterError {
    text: String,
    /// Bytes of `text`.
    at: Range<usize>,
    message: String,
    help: String,
}

impl FilterError {
    pub(super) fn new(text: &str, at: Range<usize>, message: impl Into<String>, help: impl Into<String>) -> Self {
        FilterError { text: text.to_owned(), at, message: message.into(), help: help.into() }
    }

    /// Where the wrong place starts: its first character, counted from 0.
    pub fn column(&self) -> usize {
        self.text.get(..self.at.start).map_or(0, |before| before.chars().count())
    }

    /// What is wrong.
    pub fn message(&self) -> &str {
        &self.message
    }

    /// What would be right; empty when nobody can say.
    pub fn help(&self) -> &str {
        &self.help
    }
}

impl fmt::Display for FilterError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let column = self.column();
        let width = self.text.get(self.at.clone()).map_or(1, |wrong| wrong.chars().count()).clamp(1, AROUND);
        let start = column.saturating_sub(AROUND);
        let before = if start > 0 { "..." } else { "" };
        // A tab or a line break would move the caret away from its place.
        let plain = |c: char| if c.is_control() { ' ' } else { c };
        let shown: String = self.text.chars().skip(start).take(2 * AROUND).map(plain).collect();
        writeln!(f, "{}", self.message)?;
        writeln!(f, "  {before}{shown}")?;
        write!(f, "  {}{}", " ".repeat(before.len() + column - start), "^".repeat(width))?;
        if !self.help.is_empty() {
            write!(f, "\n{}", self.help)?;
        }
        Ok(())
    }
}

impl std::error::Error for FilterError {}

/// The known name nearest to what was written, when one is near enough to be meant.
pub(super) fn nearest<'a>(written: &str, known: impl Iterator<Item = &'a str>) -> Option<&'a str> {
    if written.len() > 48 {
        return None;
    }
    let written = written.to_ascii_lowercase();
    let allowed = (written.len() / 3).clamp(1, 4);
    known.map(|name| (distance(&written, name), name)).filter(|(far, _)| *far <= allowed).min().map(|(_, name)| name)
}

/// Edits that turn one word into another (Levenshtein).
fn distance(a: &str, b: &str) -> usize {
    let mut row: Vec<usize> = (0..=b.len()).collect();
    for (i, x) in a.bytes().enumerate() {
        let mut diagonal = i;
        let mut left = i + 1;
        let mut cells = row.iter_mut();
        if let Some(first) = cells.next() {
            *first = left;
        }
        for (cell, y) in cells.zip(b.bytes()) {
            let best = (diagonal + usize::from(x != y)).min(left + 1).min(*cell + 1);
            diagonal = *cell;
            *cell = best;
            left = best;
        }
    }
    row.last().copied().unwrap_or(0)
}
