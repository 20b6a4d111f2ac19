//! `%{ ... }%`: the assertions that scripts make about a connection, in the little Python they are written in.
//!
//! Statements are `assert`, assignments and `print`; expressions have numbers, texts, names, comparisons (chained as
//! in Python), `and`, `or`, `not`, arithmetic, masks, a few functions and `%` for texts. No other program is run:
//! what is not understood is an error that names its line.

mod eval;
mod parse;

use std::fmt;

pub use eval::{Names, Value};

/// A piece of code that has been read.
#[derive(Clone, Debug, PartialEq)]
pub struct Program {
    statements: Vec<(usize, Statement)>,
}

/// Why code cannot be read or run.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct CodeError {
    /// Line within the code, counted from 1.
    pub line: usize,
    /// What is wrong.
    pub reason: String,
    /// An assertion that does not hold, rather than code that makes no sense.
    pub assertion: bool,
}

impl fmt::Display for CodeError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.reason)
    }
}

impl std::error::Error for CodeError {}

#[derive(Clone, Debug, PartialEq)]
enum Statement {
    /// `assert condition, message`, with the condition as written.
    Assert(Expr, Option<Expr>, String),
    /// `name = value` (or with an operator: `name += value`).
    Assign(String, Option<&'static str>, Expr),
    /// `print(a, b)`.
    Print(Vec<Expr>),
    /// An expression alone does nothing.
    Nothing(Expr),
}

#[derive(Clone, Debug, PartialEq)]
enum Expr {
    Integer(i64),
    Float(f64),
    Text(String),
    Name(String),
    Tuple(Vec<Expr>),
    Not(Box<Expr>),
    Negate(Box<Expr>),
    Invert(Box<Expr>),
    /// `and`, `or`, arithmetic.
    Binary(&'static str, Box<Expr>, Box<Expr>),
    /// `a < b <= c`.
    Compare(Box<Expr>, Vec<(&'static str, Expr)>),
    Call(String, Vec<Expr>),
}

#[cfg(test)]
mod tests {
    use super::*;

    fn run(code: &str) -> Result<Names, String> {
        let mut names = Names::default();
        names.set("tcpi_snd_cwnd", Value::Integer(10));
        names.set("tcpi_rtt", Value::Integer(10_000));
        let program = Program::parse(code).map_err(|error| error.to_string())?;
        program.run(&mut names).map_err(|error| format!("{}: {error}", error.line))?;
        Ok(names)
    }

    #[test]
    fn what_scripts_assert() {
        for code in [
            "assert tcpi_snd_cwnd == 10, tcpi_snd_cwnd",
            "assert 5000 <= tcpi_rtt <= 20000, 'srtt=%d us' % tcpi_rtt",
            "cwnd = 0; cwnd += 10; assert tcpi_snd_cwnd == cwnd",
            "print(tcpi_snd_cwnd); assert tcpi_snd_cwnd > 1 and not tcpi_rtt < 5 or False",
            "assert tcpi_snd_cwnd & 0x2 != 0 and (tcpi_rtt >> 3) % 7 == 4 and ~0 == -1",
            "assert tcpi_rtt == 10000;\\\n  assert tcpi_rtt // 3 == 3333 ;\\\n",
            "# nothing\nassert (tcpi_rtt == 10000 # comment\n  and True)",
            "assert tcpi_rtt in (1, 10000) and abs(-3) == 3 and max(1, 2) == 2 and 2 ** 3 == 8 and 7 / 2 == 3.5",
            "a = b = 3; assert a == b == 3",
        ] {
            assert_eq!(run(code).map(|_| ()), Ok(()), "{code}");
        }
    }

    #[test]
    fn an_assertion_that_does_not_hold_says_the_values() {
        assert_eq!(
            run("\nassert tcpi_snd_cwnd == 9, 'cwnd=%d of %s' % (tcpi_snd_cwnd, 'ten')").unwrap_err(),
            "2: assert tcpi_snd_cwnd == 9 does not hold: tcpi_snd_cwnd = 10; cwnd=10 of ten"
        );
    }

    #[test]
    fn what_is_not_python_of_this_kind_is_refused() {
        for code in
            ["import os", "x.y = 3", "assert", "f = lambda: 1", "open('x')", "assert 1 ==", "if 1: pass", "a[0]"]
        {
            assert!(run(code).is_err(), "{code}");
        }
        assert!(run(&"(".repeat(10_000)).is_err());
        assert!(run("assert nobody == 3").unwrap_err().contains("nobody"));
        assert!(run("assert 1 / 0").unwrap_err().contains("zero"));
        assert!(run("assert 9223372036854775807 + 1").unwrap_err().contains("too large"));
    }
}
