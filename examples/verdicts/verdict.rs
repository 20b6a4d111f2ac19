//! What the analysis says of a capture: by the library in this process, or by a program.

use std::error::Error;
use std::fs::File;
use std::path::Path;
use std::process::{Command, Stdio};

use serde::Serialize;
use tcpkit::analysis::analyzer::Analyzer;
use tcpkit::analysis::findings::Severity;
use tcpkit::capture::read::Reader;

type Fallible<T> = Result<T, Box<dyn Error + Send + Sync>>;

/// More connections than any of these captures has.
const MOST: usize = 100_000;

/// A finding as it was told.
#[derive(Clone, Debug, Serialize)]
pub struct Said {
    /// How bad.
    #[serde(serialize_with = "as_word")]
    pub severity: Severity,
    /// The word for programs.
    pub kind: String,
    /// The sentence.
    pub text: String,
}

fn as_word<S: serde::Serializer>(severity: &Severity, to: S) -> Result<S::Ok, S::Error> {
    to.collect_str(severity)
}

impl Said {
    /// Above a note.
    pub fn is_serious(&self) -> bool {
        self.severity > Severity::Note
    }
}

/// The findings of a capture, in the order in which they are told.
pub fn of(path: &Path, binary: Option<&Path>) -> Fallible<Vec<Said>> {
    match binary {
        None => by_library(path),
        Some(binary) => by_program(path, binary),
    }
}

fn by_library(path: &Path) -> Fallible<Vec<Said>> {
    let mut reader = Reader::new(Box::new(File::open(path)?))?;
    let mut analyzer = Analyzer::new(MOST);
    while let Some(frame) = reader.next()? {
        analyzer.on_frame(&frame, false, None);
    }
    let findings = analyzer.conclude(reader.facts().dropped());
    let said = |finding: &tcpkit::analysis::findings::Finding| Said {
        severity: finding.severity,
        kind: finding.kind.to_owned(),
        text: finding.text.clone(),
    };
    Ok(findings.told().into_iter().map(|(finding, _)| said(finding)).collect())
}

fn by_program(path: &Path, binary: &Path) -> Fallible<Vec<Said>> {
    let mut command = Command::new(binary);
    let output = command.args(["--json", "inspect"]).arg(path).stdin(Stdio::null()).output()?;
    if !output.status.success() {
        return Err(format!("{}: {}", path.display(), String::from_utf8_lossy(&output.stderr)).into());
    }
    let mut said = Vec::new();
    for line in String::from_utf8(output.stdout)?.lines() {
        let object: serde_json::Value = serde_json::from_str(line)?;
        if object["type"] != "finding" {
            continue;
        }
        let word = |key: &str| object[key].as_str().unwrap_or_default().to_owned();
        let severity = match object["severity"].as_str() {
            Some("error") => Severity::Error,
            Some("warning") => Severity::Warning,
            _ => Severity::Note,
        };
        said.push(Said { severity, kind: word("kind"), text: word("text") });
    }
    Ok(said)
}
