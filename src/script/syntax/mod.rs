//! The notation: text into a [`Script`].
//!
//! | file      | subject |
//! |-----------|---------|
//! | `lexer`   | characters into words, numbers and signs |
//! | `parser`  | options, events, times, calls and their arguments |
//! | `packets` | what stands after `<` and `>` |
//! | `tree`    | what comes out |

mod lexer;
mod packets;
mod parser;
pub mod tree;

use std::fmt;

pub use lexer::integer;
pub use tree::Script;

/// Why a script cannot be read or run, and where.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ScriptError {
    /// Line, counted from 1.
    pub line: usize,
    /// What is wrong, and what would be right.
    pub reason: String,
}

impl fmt::Display for ScriptError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "line {}: {}", self.line, self.reason)
    }
}

impl std::error::Error for ScriptError {}

impl Script {
    /// Reads a script; `name` is what messages call it.
    ///
    /// # Errors
    ///
    /// The first statement that is not understood, with its line.
    pub fn parse(name: &str, text: &str) -> Result<Script, ScriptError> {
        Script::parse_with(name, text, &[])
    }

    /// Reads a script in which words stand for something: names and what they stand for, as `--define` says them.
    ///
    /// # Errors
    ///
    /// The first statement that is not understood, with its line.
    pub fn parse_with(name: &str, text: &str, defines: &[(String, String)]) -> Result<Script, ScriptError> {
        parser::Parser::new(text, defines)?.script(name)
    }
}
