//! Whether what was said of a capture is what should be said of its cause.

use serde::{Deserialize, Serialize};
use tcpkit::analysis::findings::Severity;

use super::causes::{Cause, DOUBTS, class_of, expected};
use super::plan::End;
use super::verdict::Said;

/// What a label says of where a capture was taken.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct Taken {
    /// In the same folder.
    pub file: String,
    /// Where it was captured.
    pub end: End,
    /// In the table of causes.
    pub cause: String,
    /// Who sends the data that the cause is about.
    pub sender: End,
    /// Whether the evidence can be seen at this end.
    pub evident: bool,
}

/// How one capture was judged.
#[derive(Clone, Debug, Serialize)]
pub struct Judged {
    /// Its file.
    pub file: String,
    /// What is right.
    pub class: &'static str,
    /// What was said first above a note.
    pub predicted: String,
    /// There is a finding that names the cause, or should not be one and is none.
    pub named: bool,
    /// The first finding does.
    pub first: bool,
    /// The word for the pattern of losses is there; nothing where none is asked for.
    pub pattern: Option<bool>,
    /// Errors that are wrong.
    pub false_errors: Vec<String>,
    /// Nothing above a note.
    pub silent: bool,
    /// Everything that was said.
    pub said: Vec<Said>,
}

impl Judged {
    /// Nothing is missing and nothing wrong.
    pub fn is_right(&self) -> bool {
        self.class == self.predicted && self.false_errors.is_empty() && self.named && self.pattern != Some(false)
    }
}

/// Compares what was said of a capture with what should be.
pub fn judge(cause: &Cause, taken: &Taken, said: Vec<Said>) -> Judged {
    let expect = expected(cause, taken.end, taken.sender, taken.evident);
    let names = |said: &Said| expect.kinds.contains(&said.kind.as_str());
    let serious = said.iter().find(|said| said.is_serious());
    let doubts = said.iter().any(|said| DOUBTS.contains(&said.kind.as_str()));
    let named = expect.kinds.is_empty() && serious.is_none() && !doubts || said.iter().any(names);
    let first = serious.map_or(named, names);
    // A note is enough where nothing is wrong but the capture.
    let predicted = match serious {
        None => "healthy",
        Some(first) if names(first) => expect.class,
        Some(first) => class_of(&first.kind),
    };
    let wrong = |said: &&Said| {
        said.severity == Severity::Error && !names(said) && !expect.companions.contains(&said.kind.as_str())
    };
    let pattern = cause.pattern.filter(|word| !word.is_empty() && taken.evident);
    Judged {
        file: taken.file.clone(),
        class: expect.class,
        predicted: predicted.to_owned(),
        named,
        first,
        pattern: pattern.map(|word| said.iter().any(|said| names(said) && said.text.contains(word))),
        false_errors: said.iter().filter(wrong).map(|said| said.kind.clone()).collect(),
        silent: serious.is_none(),
        said,
    }
}
