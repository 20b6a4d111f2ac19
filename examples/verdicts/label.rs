//! The label of a capture: what was done, and how much of it.

use std::error::Error;
use std::fs;
use std::path::Path;

use serde::{Deserialize, Serialize};

use super::judge::Taken;
use super::path::Done;

/// The file of labels in a folder of captures.
pub const LABELS: &str = "labels.json";

/// One capture.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct Label {
    /// Where it was taken, and of what.
    #[serde(flatten)]
    pub taken: Taken,
    /// The parameters, for people.
    pub said: String,
    /// What the path did to packets to the server, and to the client.
    pub path: [Done; 2],
    /// What became of client and server.
    pub ends: [Outcome; 2],
    /// Segments that the kernels of client and server sent again.
    pub sent_again: [u64; 2],
    /// Frames that a capture artefact touched.
    pub touched: u64,
}

/// What became of an end.
#[derive(Clone, Debug, Default, Serialize, Deserialize)]
#[serde(default)]
pub struct Outcome {
    /// Payload written.
    pub sent: u64,
    /// Payload read.
    pub received: u64,
    /// What ended it early.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub error: Option<String>,
}

/// The labels of a folder.
pub fn read(folder: &Path) -> Result<Vec<Label>, Box<dyn Error + Send + Sync>> {
    let path = folder.join(LABELS);
    let text = fs::read_to_string(&path).map_err(|error| format!("{}: {error}", path.display()))?;
    Ok(serde_json::from_str(&text)?)
}

/// Writes them, a line each.
pub fn write(folder: &Path, labels: &[Label]) -> Result<(), Box<dyn Error + Send + Sync>> {
    let lines = labels.iter().map(serde_json::to_string).collect::<Result<Vec<_>, _>>()?;
    fs::write(folder.join(LABELS), format!("[\n{}\n]\n", lines.join(",\n")))?;
    Ok(())
}
