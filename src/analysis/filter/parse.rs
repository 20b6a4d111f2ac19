//! The grammar: tests, and what joins them, by recursive descent.

use std::ops::Range;

use super::Node;
use super::bpf::{self, Qualifier};
use super::error::{FilterError, nearest};
use super::field::Field;
use super::names::{self, FIELDS};
use super::test::Test;
use super::token::{Placed, Token, tokens};
use super::value::Wrong;

/// Parentheses that may stand within each other.
const MAX_DEPTH: usize = 64;

/// Reads an expression.
pub fn parse(text: &str) -> Result<Node, FilterError> {
    let mut parser = Parser { text, tokens: tokens(text)?, next: 0, depth: 0, primitives: 0, carried: None };
    if *parser.peek() == Token::End {
        return Ok(Node::All(Vec::new()));
    }
    let root = parser.any()?;
    match parser.peek() {
        Token::End => Ok(root),
        Token::Close => Err(parser.error_here("no parenthesis is open here", "")),
        Token::Mask | Token::Bar => {
            Err(parser.error_here("a single sign tests bits of a number", "write `&&` or `||`"))
        }
        _ => Err(parser.error_here("the expression should have ended here", "join tests with `and` or `or`")),
    }
}

/// A place in the tokens, and what must be remembered of those before.
pub struct Parser<'a> {
    text: &'a str,
    tokens: Vec<Placed<'a>>,
    pub next: usize,
    depth: usize,
    /// BPF primitives read so far.
    pub primitives: usize,
    /// What a bare value takes over from the primitive before it.
    pub carried: Option<Qualifier>,
}

impl<'a> Parser<'a> {
    /// The token that comes next.
    pub fn peek(&self) -> &Token<'a> {
        self.ahead(0)
    }

    /// The token after some more.
    pub fn ahead(&self, count: usize) -> &Token<'a> {
        self.tokens.get(self.next + count).map_or(&Token::End, |placed| &placed.token)
    }

    /// Where the next token stands.
    pub fn place(&self) -> Range<usize> {
        self.tokens.get(self.next).map_or(self.text.len()..self.text.len(), |placed| placed.at.clone())
    }

    /// Passes over the next token.
    pub fn skip(&mut self) {
        self.next += 1;
    }

    /// Passes over a token when it comes next.
    pub fn take(&mut self, token: &Token<'_>) -> bool {
        let found = self.peek() == token;
        self.next += usize::from(found);
        found
    }

    /// The next token, when it is a word.
    pub fn word(&mut self) -> Option<&'a str> {
        let Token::Word(word) = *self.peek() else { return None };
        self.skip();
        Some(word)
    }

    pub fn error(&self, at: Range<usize>, message: impl Into<String>, help: impl Into<String>) -> FilterError {
        FilterError::new(self.text, at, message, help)
    }

    pub fn error_here(&self, message: impl Into<String>, help: impl Into<String>) -> FilterError {
        self.error(self.place(), message, help)
    }

    /// Puts a place to what a reader of values found wrong.
    pub fn placed<T>(&self, at: Range<usize>, result: Result<T, Wrong>) -> Result<T, FilterError> {
        result.map_err(|(message, help)| self.error(at, message, help))
    }

    /// Tests joined by `or`.
    fn any(&mut self) -> Result<Node, FilterError> {
        let before = self.primitives;
        let (first, _) = self.all()?;
        let mut nodes = vec![first];
        while self.take(&Token::Or) {
            let (node, joined) = self.all()?;
            // BPF gives both words the same rank, from left to right; Wireshark lets `and` bind tighter.
            if let Some(place) = joined.filter(|_| self.primitives > before) {
                let message = "tcpdump and Wireshark read an `and` after an `or` in different ways";
                return Err(self.error(place, message, "put parentheses around what belongs together"));
            }
            nodes.push(node);
        }
        Ok(single(nodes, Node::Any))
    }

    /// Tests joined by `and`, and where the first `and` stands.
    fn all(&mut self) -> Result<(Node, Option<Range<usize>>), FilterError> {
        let mut nodes = vec![self.negated()?];
        let mut joined = None;
        while *self.peek() == Token::And {
            joined.get_or_insert(self.place());
            self.skip();
            nodes.push(self.negated()?);
        }
        Ok((single(nodes, Node::All), joined))
    }

    fn negated(&mut self) -> Result<Node, FilterError> {
        let mut negate = false;
        while self.take(&Token::Not) {
            negate = !negate;
        }
        let node = self.primary()?;
        Ok(if negate { Node::Not(Box::new(node)) } else { node })
    }

    fn primary(&mut self) -> Result<Node, FilterError> {
        let at = self.place();
        match self.peek() {
            Token::Open => self.parenthesis(),
            Token::Word(_) => {
                let word = self.word().unwrap_or_default();
                self.named(word, at)
            }
            Token::Text(_) => Err(self.error_here("text stands alone", "for example: payload contains \"GET\"")),
            Token::End => Err(self.error_here("something is missing at the end", "")),
            Token::Close => Err(self.error_here("something is missing before the parenthesis", "")),
            _ => Err(self.error_here("a field is missing here", "for example: tcp.port == 80")),
        }
    }

    fn parenthesis(&mut self) -> Result<Node, FilterError> {
        let open = self.place();
        self.skip();
        self.depth += 1;
        if self.depth > MAX_DEPTH {
            return Err(self.error(open, format!("more than {MAX_DEPTH} parentheses stand within each other"), ""));
        }
        let inner = self.any()?;
        if !self.take(&Token::Close) {
            return Err(match self.peek() {
                Token::End => self.error(open, "the parenthesis is not closed", ""),
                _ => self.error_here("the parenthesis should close here", "join tests with `and` or `or`"),
            });
        }
        self.depth -= 1;
        // `(tcp[13] & 2) != 0`
        if let (Node::Test(Test::Number { field, mask, .. }), Token::Compare(_)) = (&inner, self.peek())
            && *mask != u64::MAX
        {
            return self.number_test(*field, *mask, "", open);
        }
        Ok(inner)
    }

    /// A test that starts with a word.
    fn named(&mut self, word: &'a str, at: Range<usize>) -> Result<Node, FilterError> {
        if let Some(node) = bpf::primitive(self, word, at.clone())? {
            return Ok(node);
        }
        let underscored = word.replace('-', "_");
        let known = names::field(word)
            .or_else(|| names::field(&underscored))
            .or_else(|| names::mark(underscored.strip_prefix("tcp.analysis.")?).map(Field::Mark));
        if let Some(field) = known {
            self.carried = None;
            return self.field(field, word, at);
        }
        if let Some(node) = bpf::bare_value(self, word, at.clone())? {
            return Ok(node);
        }
        Err(self.unknown(word, at))
    }

    fn unknown(&self, word: &str, at: Range<usize>) -> FilterError {
        if word.starts_with(|c: char| c.is_ascii_digit()) {
            let help = format!("for example: port {word}, stream {word}, frame == {word}");
            return self.error(at, "a value stands alone", help);
        }
        let prefixed: Vec<String> = names::marks().map(|mark| format!("tcp.analysis.{mark}")).collect();
        let names = FIELDS.iter().map(|(name, _)| *name).chain(prefixed.iter().map(String::as_str)).chain(bpf::WORDS);
        let help = match nearest(word, names) {
            Some(name) => format!("did you mean `{name}`?"),
            None if word.contains('.') => {
                "there are the fields of frame, ip, ipv6 and tcp; the manual lists them".to_owned()
            }
            None => "there are names like host, port, stream, syn, len; the manual lists them".to_owned(),
        };
        self.error(at, format!("no field is called `{word}`"), help)
    }
}

/// One node as it is, more than one together.
fn single(mut nodes: Vec<Node>, join: impl FnOnce(Vec<Node>) -> Node) -> Node {
    match nodes.pop() {
        Some(only) if nodes.is_empty() => only,
        last => {
            nodes.extend(last);
            join(nodes)
        }
    }
}
