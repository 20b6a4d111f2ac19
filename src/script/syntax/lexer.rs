//! Characters into words, numbers and signs, each with its line.

use std::collections::BTreeMap;

use super::ScriptError;

/// One word of the notation.
#[derive(Clone, Debug, PartialEq)]
pub enum Token {
    /// A whole number, as written: `-1`, `0x1f`, `257`.
    Integer(i64),
    /// A number with a point, as written.
    Float(String),
    /// Letters, digits and `_` that are no number.
    Word(String),
    /// `"..."`.
    Text(String),
    /// `` `...` ``.
    Command(String),
    /// `%{ ... }%`.
    Code(String),
    /// `--name` or `--name=value`.
    Option(String, Option<String>),
    /// An address with dots, `192.0.2.1`.
    Address(String),
    /// `...`.
    Ellipsis,
    /// Any other sign.
    Sign(char),
}

/// A word and where it stands.
#[derive(Clone, Debug, PartialEq)]
pub struct Placed {
    pub token: Token,
    /// Counted from 1.
    pub line: usize,
    /// Where it starts and ends in the text, in bytes.
    pub start: usize,
    pub end: usize,
}

/// Takes the whole text apart. `defines` hold from the beginning, `--define=NAME=value` lines from where they stand.
pub fn tokens(text: &str, defines: &[(String, String)]) -> Result<Vec<Placed>, ScriptError> {
    let mut lexer = Lexer { text, at: 0, line: 1, defines: defines.iter().cloned().collect() };
    let mut all = Vec::new();
    while let Some(placed) = lexer.next()? {
        if let Token::Option(name, Some(value)) = &placed.token
            && name == "define"
            && let Some((name, value)) = value.split_once('=')
        {
            lexer.defines.insert(name.to_owned(), value.to_owned());
        }
        all.push(placed);
    }
    Ok(all)
}

struct Lexer<'a> {
    text: &'a str,
    at: usize,
    line: usize,
    defines: BTreeMap<String, String>,
}

impl<'a> Lexer<'a> {
    fn rest(&self) -> &'a str {
        self.text.get(self.at..).unwrap_or_default()
    }

    fn error(&self, reason: impl Into<String>) -> ScriptError {
        ScriptError { line: self.line, reason: reason.into() }
    }

    /// Moves on by `len` bytes, counting lines.
    fn skip(&mut self, len: usize) -> &'a str {
        let taken = self.rest().get(..len).unwrap_or(self.rest());
        self.line += taken.matches('\n').count();
        self.at += taken.len();
        taken
    }

    /// What stands between the delimiter at hand and the next `close`, which is skipped as well.
    fn enclosed(&mut self, open: &str, close: &str, what: &str) -> Result<&'a str, ScriptError> {
        let inside = self.rest().get(open.len()..).unwrap_or_default();
        let mut from = 0;
        let len = loop {
            let Some(found) = inside.get(from..).and_then(|rest| rest.find(close)) else {
                return Err(self.error(format!("{what} that begins here with {open} has no end ({close})")));
            };
            let end = from + found;
            if close.len() > 1 || !inside.get(..end).unwrap_or_default().ends_with('\\') {
                break end;
            }
            from = end + close.len();
        };
        let taken = inside.get(..len).unwrap_or_default();
        self.skip(open.len() + len + close.len());
        Ok(taken)
    }

    fn skip_blanks(&mut self) -> Result<(), ScriptError> {
        loop {
            let rest = self.rest();
            let blanks = rest.len() - rest.trim_start().len();
            if blanks > 0 {
                self.skip(blanks);
            } else if rest.starts_with("//") {
                self.skip(rest.find('\n').unwrap_or(rest.len()));
            } else if rest.starts_with("/*") {
                self.enclosed("/*", "*/", "a comment")?;
            } else {
                return Ok(());
            }
        }
    }

    fn next(&mut self) -> Result<Option<Placed>, ScriptError> {
        self.skip_blanks()?;
        let (line, start) = (self.line, self.at);
        let Some(first) = self.rest().chars().next() else { return Ok(None) };
        let token = match first {
            '"' => Token::Text(self.enclosed("\"", "\"", "a text")?.to_owned()),
            '`' => Token::Command(self.enclosed("`", "`", "a command")?.to_owned()),
            '%' if self.rest().starts_with("%{") => {
                Token::Code(self.enclosed("%{", "}%", "code")?.trim_matches([' ', '\t']).to_owned())
            }
            '.' if self.rest().starts_with("...") => {
                self.skip(3);
                Token::Ellipsis
            }
            '-' if self.rest().starts_with("--") => self.option()?,
            '0'..='9' | '.' | '-' => self.number()?,
            'a'..='z' | 'A'..='Z' | '_' => {
                let len = self.word_len();
                self.word(len)
            }
            other => {
                self.skip(other.len_utf8());
                Token::Sign(other)
            }
        };
        Ok(Some(Placed { token, line, start, end: self.at }))
    }

    fn word_len(&self) -> usize {
        let rest = self.rest();
        rest.find(|c: char| !c.is_ascii_alphanumeric() && c != '_').unwrap_or(rest.len())
    }

    fn digits(text: &str) -> usize {
        text.find(|c: char| !c.is_ascii_digit()).unwrap_or(text.len())
    }

    /// A number, an address with dots, a lone sign, or a word that starts with a digit.
    fn number(&mut self) -> Result<Token, ScriptError> {
        let rest = self.rest();
        let sign = usize::from(rest.starts_with('-'));
        let unsigned = rest.get(sign..).unwrap_or_default();
        let whole = Self::digits(unsigned);
        let after = unsigned.get(whole..).unwrap_or_default();
        let fraction = after.strip_prefix('.').map_or(0, Self::digits);
        if sign == 0 && whole > 0 && self.word_len() > whole {
            let len = self.word_len();
            let word = rest.get(..len).unwrap_or_default();
            if let Some(hex) = word.strip_prefix("0x")
                && let Ok(value) = i64::from_str_radix(hex, 16)
            {
                self.skip(len);
                return Ok(Token::Integer(value));
            }
            return Ok(self.word(len));
        }
        if fraction > 0 {
            let second = after.get(1 + fraction..).unwrap_or_default();
            if sign == 0
                && whole > 0
                && second.strip_prefix('.').is_some_and(|more| more.starts_with(|c: char| c.is_ascii_digit()))
            {
                let len = rest.find(|c: char| !c.is_ascii_digit() && c != '.').unwrap_or(rest.len());
                return Ok(Token::Address(self.skip(len).to_owned()));
            }
            return Ok(Token::Float(self.skip(sign + whole + 1 + fraction).to_owned()));
        }
        if whole > 0 {
            let text = rest.get(..sign + whole).unwrap_or_default();
            let Ok(value) = text.parse() else {
                return Err(self.error(format!("the number {text} is too large")));
            };
            self.skip(sign + whole);
            return Ok(Token::Integer(value));
        }
        let sign = if sign == 1 { '-' } else { '.' };
        self.skip(1);
        Ok(Token::Sign(sign))
    }

    /// A word, or what `--define` says that it stands for.
    fn word(&mut self, len: usize) -> Token {
        let word = self.skip(len);
        let Some(value) = self.defines.get(word) else { return Token::Word(word.to_owned()) };
        let quoted = |mark: char| value.strip_prefix(mark).and_then(|rest| rest.strip_suffix(mark));
        if let Some(text) = quoted('"') {
            Token::Text(text.to_owned())
        } else if let Some(command) = quoted('`') {
            Token::Command(command.to_owned())
        } else if let Some(number) = integer(value) {
            Token::Integer(number)
        } else {
            Token::Word(value.clone())
        }
    }

    fn option(&mut self) -> Result<Token, ScriptError> {
        self.skip(2);
        let name = self.skip(self.word_len()).to_owned();
        if name.is_empty() {
            return Err(self.error("-- without the name of an option"));
        }
        if !self.rest().starts_with('=') {
            return Ok(Token::Option(name, None));
        }
        self.skip(1);
        // Up to the next blank, but quotes keep blanks together: --define=CC="a b".
        let mut quote = None;
        let end = self.rest().char_indices().find(|(_, c)| match quote {
            Some(open) => {
                quote = quote.filter(|_| *c != open);
                false
            }
            None => {
                quote = ['"', '`'].contains(c).then_some(*c);
                c.is_whitespace()
            }
        });
        let len = end.map_or(self.rest().len(), |(at, _)| at);
        let value = self.skip(len);
        let plain = if value.starts_with('"') { value.trim_matches('"') } else { value };
        Ok(Token::Option(name, Some(plain.to_owned())))
    }
}

/// A number in any base that C writes.
pub fn integer(text: &str) -> Option<i64> {
    match text.strip_prefix("0x") {
        Some(hex) => i64::from_str_radix(hex, 16).ok(),
        None => text.parse().ok(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn kinds(text: &str) -> Vec<Token> {
        tokens(text, &[]).unwrap().into_iter().map(|placed| placed.token).collect()
    }

    #[test]
    fn times_flags_and_ellipses_are_told_apart_though_all_have_points() {
        let word = |w: &str| Token::Word(w.into());
        assert_eq!(
            kinds("+.1 < P."),
            [Token::Sign('+'), Token::Float(".1".into()), Token::Sign('<'), word("P"), Token::Sign('.')]
        );
        assert_eq!(kinds("0...0.100"), [Token::Integer(0), Token::Ellipsis, Token::Float("0.100".into())]);
        assert_eq!(kinds("FO 1a2b"), [word("FO"), word("1a2b")]);
        assert_eq!(kinds("192.0.2.1 > -"), [Token::Address("192.0.2.1".into()), Token::Sign('>'), Token::Sign('-')]);
    }

    #[test]
    fn definitions_stand_for_numbers_texts_and_words() {
        assert_eq!(kinds("--define=A=5\n--define=B=\"x y\"\nA B")[2..], [Token::Integer(5), Token::Text("x y".into())]);
    }

    #[test]
    fn no_text_is_without_end() {
        // What begins like a negative number and goes on like an address was once read for ever.
        assert_eq!(kinds("-6.1.1"), [Token::Float("-6.1".into()), Token::Float(".1".into())]);
        for text in ["-", "--", "-.", "..", "....", ".-.", "0x", "0xg", "1.2.3.", "-1.-2.-3", "%", "/", "\u{e9}\u{301}"]
        {
            // Understood or not, it comes to an end.
            let _ = tokens(text, &[]);
        }
    }

    #[test]
    fn comments_are_skipped_and_lines_counted() {
        let all = tokens("// one\n/* two\n three */ 7", &[]).unwrap();
        assert_eq!((all[0].line, &all[0].token), (3, &Token::Integer(7)));
        assert_eq!(tokens("\n`sysctl", &[]).unwrap_err().line, 2);
    }
}
