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
        let text = text.strip_prefix('\u{feff}').unwrap_or(text);
        parser::Parser::new(text, defines)?.script(name)
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::script::{Options, run};

    /// Pieces that scripts are made of, and some that they are not.
    const PIECES: [&str; 44] = [
        "0 ",
        "+0 ",
        "+.1 ",
        "*",
        "~",
        "...",
        "<",
        ">",
        "S",
        "S.",
        ". ",
        "P.",
        "1:1(0)",
        "1:1001(1000)",
        " ack 1",
        " win 0",
        " urg 9",
        " <mss 1000>",
        "<sack 1:2>",
        "<nop,nop,TS val 1 ecr 0>",
        "\n",
        "socket(..., SOCK_STREAM, IPPROTO_TCP) = 3",
        "bind(3, ..., ...) = 0",
        "listen(3, 1) = 0",
        "accept(3, ..., ...) = 4",
        "write(4, ..., 70000) = 70000",
        "read(4, ..., 9) = -1 EAGAIN",
        "close(4) = 0",
        "connect(3, ..., ...) = -1",
        "%{ assert tcpi_rtt < 1 }%",
        "`sysctl -q",
        " net.ipv4.tcp_sack=0`",
        "--tolerance_usecs=5",
        "// tcpkit: --turns",
        "icmp unreachable frag_needed mtu 9",
        "[ect0] ",
        "{",
        "}",
        "(",
        ")",
        "-6.1.1",
        "4294967295",
        "\"",
        "é",
    ];

    proptest! {
        /// Whatever is read comes to an end: understood, refused, or run to a verdict.
        #[test]
        fn any_text_comes_to_an_end(pieces in proptest::collection::vec(0..PIECES.len(), 0..60)) {
            let text: String = pieces.into_iter().filter_map(|index| PIECES.get(index)).copied().collect();
            if let Ok(script) = Script::parse("any", &text) {
                let _ = run(&script, &Options::default());
            }
        }
    }
}
