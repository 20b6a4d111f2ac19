//! Options, events, times, calls and their arguments.

use std::time::Duration;

use super::ScriptError;
use super::lexer::{Placed, Token, tokens};
use super::tree::{Action, CallSpec, Event, Expr, Script, When};
use crate::script::code::Program;

/// How deep arguments may be nested: nobody writes ten, and a hostile file must not exhaust the stack.
const DEEPEST: usize = 32;
/// How many values may be joined by `|`, for the same reason.
const MOST_OF_A_KIND: usize = 64;

pub struct Parser<'a> {
    text: &'a str,
    tokens: Vec<Placed>,
    at: usize,
    depth: usize,
}

type Result<T> = std::result::Result<T, ScriptError>;

impl<'a> Parser<'a> {
    pub fn new(text: &'a str, defines: &[(String, String)]) -> Result<Self> {
        Ok(Parser { text, tokens: tokens(text, defines)?, at: 0, depth: 0 })
    }

    pub fn script(mut self, name: &str) -> Result<Script> {
        let mut options = Vec::new();
        while let Some(Token::Option(name, value)) = self.peek().cloned() {
            options.push((self.line(), name, value));
            self.at += 1;
        }
        let init = self.lone_command();
        let mut events = Vec::new();
        let mut cleanup = None;
        while self.peek().is_some() {
            if let Some(command) = self.lone_command() {
                cleanup = Some(command);
                if self.peek().is_some() {
                    return Err(self.error("nothing may follow the last command, which has no time"));
                }
                break;
            }
            events.push(self.event()?);
        }
        if events.is_empty() {
            return Err(self.error("a script without events"));
        }
        Ok(Script {
            name: name.to_owned(),
            lines: self.text.lines().map(str::to_owned).collect(),
            options,
            init,
            events,
            cleanup,
        })
    }

    // ---- what is at hand

    pub fn peek(&self) -> Option<&Token> {
        self.tokens.get(self.at).map(|placed| &placed.token)
    }

    pub fn peek_at(&self, ahead: usize) -> Option<&Token> {
        self.tokens.get(self.at + ahead).map(|placed| &placed.token)
    }

    pub fn line(&self) -> usize {
        self.tokens.get(self.at).or(self.tokens.last()).map_or(1, |placed| placed.line)
    }

    /// Whether the word at hand follows the one before without a blank.
    pub fn adjoins(&self) -> bool {
        let before = self.at.checked_sub(1).and_then(|at| self.tokens.get(at));
        before.zip(self.tokens.get(self.at)).is_some_and(|(before, here)| before.end == here.start)
    }

    /// The word at hand as it is written.
    pub fn raw(&self) -> &'a str {
        self.tokens.get(self.at).and_then(|placed| self.text.get(placed.start..placed.end)).unwrap_or_default()
    }

    pub fn next(&mut self) -> Option<Token> {
        let token = self.peek().cloned();
        self.at += usize::from(token.is_some());
        token
    }

    pub fn error(&self, reason: impl Into<String>) -> ScriptError {
        ScriptError { line: self.line(), reason: reason.into() }
    }

    /// What is at hand, in words, for messages.
    pub fn found(&self) -> String {
        match self.peek() {
            None => "the end of the script".into(),
            Some(Token::Integer(n)) => n.to_string(),
            Some(Token::Float(text) | Token::Word(text) | Token::Address(text)) => text.clone(),
            Some(Token::Text(text)) => format!("\"{text}\""),
            Some(Token::Command(_)) => "a command".into(),
            Some(Token::Code(_)) => "code".into(),
            Some(Token::Option(name, _)) => format!("--{name}, which must stand before all events"),
            Some(Token::Ellipsis) => "...".into(),
            Some(Token::Sign(sign)) => sign.to_string(),
        }
    }

    pub fn take(&mut self, sign: char) -> bool {
        let found = self.peek() == Some(&Token::Sign(sign));
        self.at += usize::from(found);
        found
    }

    pub fn expect(&mut self, sign: char) -> Result<()> {
        if self.take(sign) { Ok(()) } else { Err(self.error(format!("{sign} expected, found {}", self.found()))) }
    }

    pub fn take_word(&mut self, word: &str) -> bool {
        let found = matches!(self.peek(), Some(Token::Word(here)) if here == word);
        self.at += usize::from(found);
        found
    }

    pub fn word(&mut self, what: &str) -> Result<String> {
        match self.peek().cloned() {
            Some(Token::Word(word)) => {
                self.at += 1;
                Ok(word)
            }
            _ => Err(self.error(format!("{what} expected, found {}", self.found()))),
        }
    }

    /// A number within `0..=most`.
    pub fn number(&mut self, what: &str, most: u64) -> Result<u64> {
        match self.peek() {
            Some(Token::Integer(n)) => {
                let Some(value) = u64::try_from(*n).ok().filter(|value| *value <= most) else {
                    return Err(self.error(format!("{what} {n} is out of range: 0 to {most}")));
                };
                self.at += 1;
                Ok(value)
            }
            _ => Err(self.error(format!("{what} expected, found {}", self.found()))),
        }
    }

    // ---- events

    fn lone_command(&mut self) -> Option<(usize, String)> {
        let line = self.line();
        let Some(Token::Command(command)) = self.peek().cloned() else { return None };
        self.at += 1;
        Some((line, command))
    }

    fn event(&mut self) -> Result<Event> {
        let line = self.line();
        let when = self.when()?;
        let action = match self.peek().cloned() {
            Some(Token::Sign('<')) => {
                self.at += 1;
                Action::Inject(self.packet(false)?)
            }
            Some(Token::Sign('>')) => {
                self.at += 1;
                Action::Expect(self.packet(true)?)
            }
            Some(Token::Command(command)) => {
                self.at += 1;
                Action::Command(command)
            }
            Some(Token::Code(code)) => {
                let program = Program::parse(&code)
                    .map_err(|error| ScriptError { line: line + error.line - 1, reason: error.reason })?;
                self.at += 1;
                Action::Code(program)
            }
            _ => Action::Call(self.call()?),
        };
        if !matches!(when, When::At(_) | When::After(_)) && !matches!(action, Action::Expect(_)) {
            let reason = "only packets that are expected (>) may have a range of time or *";
            return Err(ScriptError { line, reason: reason.into() });
        }
        let last_line = self.at.checked_sub(1).and_then(|at| self.tokens.get(at)).map_or(line, |placed| placed.line);
        Ok(Event { line, last_line, when, action })
    }

    fn when(&mut self) -> Result<When> {
        if self.take('*') {
            return Ok(When::Any);
        }
        let relative = self.take('+');
        let from = self.time()?;
        if !self.take('~') {
            return Ok(if relative { When::After(from) } else { When::At(from) });
        }
        if self.take('+') != relative {
            return Err(self.error("both ends of a range of time must be relative (+) or neither"));
        }
        let to = self.time()?;
        if to < from {
            return Err(self.error(format!("the range of time {from:?} to {to:?} is backwards")));
        }
        Ok(if relative { When::AfterBetween(from, to) } else { When::Between(from, to) })
    }

    fn time(&mut self) -> Result<Duration> {
        let seconds = match self.peek() {
            Some(Token::Integer(n)) => Some(*n as f64),
            Some(Token::Float(text)) => text.parse::<f64>().ok(),
            _ => None,
        };
        let Some(seconds) = seconds else {
            return Err(self.error(format!(
                "a time expected (0.1, +0.1, 0.1~0.2 or *) at the start of an event, found {}",
                self.found()
            )));
        };
        // A year is beyond every timer of TCP and far from the end of the clock.
        const MOST: f64 = 366.0 * 86_400.0;
        if !(0.0..=MOST).contains(&seconds) {
            return Err(self.error(format!("the time {seconds} s is out of range: 0 to {MOST}")));
        }
        self.at += 1;
        Ok(Duration::from_micros((seconds * 1e6).round() as u64))
    }

    // ---- calls

    fn call(&mut self) -> Result<CallSpec> {
        let until = match self.peek() {
            Some(Token::Ellipsis) => {
                self.at += 1;
                Some(self.time()?)
            }
            _ => None,
        };
        let line = self.line();
        let name = self.word("<, >, a call, a command or code")?;
        self.expect('(')?;
        let mut args = Vec::new();
        if !self.take(')') {
            loop {
                args.push(self.expr()?);
                if self.take(')') {
                    break;
                }
                self.expect(',')?;
            }
        }
        if !self.take('=') {
            return Err(ScriptError { line, reason: format!("{name}() needs a result: = 0, or = -1 EAGAIN") });
        }
        let result = self.expr()?;
        let errno = match self.peek().cloned() {
            Some(Token::Word(word)) if word.starts_with('E') => {
                self.at += 1;
                Some(word)
            }
            _ => None,
        };
        self.note()?;
        Ok(CallSpec { until, name, args, result, errno })
    }

    /// `(flags O_RDWR)`, `(Operation now in progress)`: for readers.
    fn note(&mut self) -> Result<()> {
        let line = self.line();
        if self.take('(') {
            while !self.take(')') {
                if self.peek().is_none() || self.line() != line {
                    return Err(ScriptError {
                        line,
                        reason: "a note that begins here with ( has no end on its line".into(),
                    });
                }
                self.at += 1;
            }
        }
        Ok(())
    }

    fn expr(&mut self) -> Result<Expr> {
        let mut left = self.single()?;
        for count in 0.. {
            if !self.take('|') {
                break;
            }
            if count > MOST_OF_A_KIND {
                return Err(self.error(format!("more than {MOST_OF_A_KIND} values joined by |")));
            }
            left = Expr::Or(Box::new(left), Box::new(self.single()?));
        }
        Ok(left)
    }

    fn single(&mut self) -> Result<Expr> {
        self.depth += 1;
        if self.depth > DEEPEST {
            return Err(self.error(format!("arguments are nested more than {DEEPEST} deep")));
        }
        let expr = match self.peek().cloned() {
            Some(Token::Ellipsis) => {
                self.at += 1;
                Expr::Ellipsis
            }
            Some(Token::Integer(n)) => {
                self.at += 1;
                Expr::Number(n)
            }
            Some(Token::Text(_)) => self.text(),
            Some(Token::Word(word)) => {
                self.at += 1;
                if self.take('(') {
                    let argument = self.expr()?;
                    self.expect(')')?;
                    Expr::Function(word, Box::new(argument))
                } else {
                    Expr::Word(word)
                }
            }
            Some(Token::Sign('[')) => {
                self.at += 1;
                Expr::List(self.items(']', Parser::expr)?)
            }
            Some(Token::Sign('{')) => {
                self.at += 1;
                Expr::Struct(self.items('}', Parser::field)?)
            }
            _ => return Err(self.error(format!("an argument expected, found {}", self.found()))),
        };
        self.depth -= 1;
        Ok(expr)
    }

    /// Texts in a row are one; `"abc"...` is a text of which this is the beginning.
    fn text(&mut self) -> Expr {
        let mut all = String::new();
        while let Some(Token::Text(text)) = self.peek().cloned() {
            self.at += 1;
            all.push_str(&text);
        }
        self.at += usize::from(self.peek() == Some(&Token::Ellipsis));
        Expr::Text(all)
    }

    fn items<T>(&mut self, close: char, mut item: impl FnMut(&mut Self) -> Result<T>) -> Result<Vec<T>> {
        let mut all = Vec::new();
        if self.take(close) {
            return Ok(all);
        }
        loop {
            all.push(item(self)?);
            if self.take(close) {
                return Ok(all);
            }
            self.expect(',')?;
        }
    }

    /// `name = value`, `msg_iov(1) = value`, or a value alone.
    fn field(&mut self) -> Result<(String, Expr)> {
        let value = self.expr()?;
        if !self.take('=') {
            return Ok((String::new(), value));
        }
        match value {
            Expr::Word(name) | Expr::Function(name, _) => Ok((name, self.expr()?)),
            _ => Err(self.error("the name of a field expected before =")),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn event(text: &str) -> Event {
        let mut events = Script::parse("test", text).unwrap().events;
        assert_eq!(events.len(), 1, "{events:?}");
        events.remove(0)
    }

    fn reason(text: &str) -> String {
        Script::parse("test", text).unwrap_err().to_string()
    }

    #[test]
    fn the_five_ways_to_say_when() {
        let ms = Duration::from_millis;
        let table = [
            ("1.5", When::At(ms(1500))),
            ("+.2", When::After(ms(200))),
            ("1~2", When::Between(ms(1000), ms(2000))),
            ("+.1~+.2", When::AfterBetween(ms(100), ms(200))),
            ("*", When::Any),
        ];
        for (text, when) in table {
            assert_eq!(event(&format!("{text} > . 1:1(0) ack 1")).when, when, "{text}");
        }
    }

    #[test]
    fn a_call_has_arguments_a_result_an_errno_and_may_wait() {
        let Action::Call(call) =
            event("+0...0.2 connect(3, ..., [1|A]) = -1 EINPROGRESS (Operation now in progress)").action
        else {
            panic!("no call")
        };
        assert_eq!((call.name.as_str(), call.until), ("connect", Some(Duration::from_millis(200))));
        assert_eq!((call.result, call.errno.as_deref()), (Expr::Number(-1), Some("EINPROGRESS")));
        assert_eq!(call.args.len(), 3);
    }

    #[test]
    fn what_is_wrong_is_named_with_its_line() {
        assert_eq!(
            reason("0 socket(3) = 3\n+1~+2 close(3) = 0"),
            "line 2: only packets that are expected (>) may have a range of time or *"
        );
        assert_eq!(reason("0 > . 1:1(0"), "line 1: ) expected, found the end of the script");
        assert_eq!(reason(""), "line 1: a script without events");
        assert!(reason("0 socket(").contains("argument expected"));
        assert!(reason(&format!("0 f({}", "[".repeat(5000))).contains("nested"));
    }
}
