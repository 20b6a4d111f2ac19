//! The words of an expression, with their places.

use std::ops::Range;

use super::error::FilterError;

/// Bytes that an expression may have.
const MAX_TEXT: usize = 16 * 1024;

/// How two sides are compared.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Compare {
    /// Any value is equal.
    Equal,
    /// Every value differs.
    Differ,
    /// Every value is equal.
    AllEqual,
    /// Any value differs.
    AnyDiffers,
    Less,
    AtMost,
    More,
    AtLeast,
}

/// A word or sign.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Token<'a> {
    /// A name, number, address or byte list: what it is depends on where it stands.
    Word(&'a str),
    /// Text in quotes, unescaped.
    Text(Vec<u8>),
    And,
    Or,
    Not,
    Compare(Compare),
    In,
    Contains,
    Matches,
    /// `&`
    Mask,
    /// `|`
    Bar,
    Open,
    Close,
    OpenBrace,
    CloseBrace,
    OpenBracket,
    CloseBracket,
    Comma,
    /// `..`
    To,
    End,
}

/// A token and the bytes of the text it stands at.
#[derive(Clone, Debug)]
pub struct Placed<'a> {
    pub token: Token<'a>,
    pub at: Range<usize>,
}

/// Signs, longest first where one starts another.
const SIGNS: &[(&str, Token<'static>)] = &[
    ("===", Token::Compare(Compare::AllEqual)),
    ("!==", Token::Compare(Compare::AnyDiffers)),
    ("==", Token::Compare(Compare::Equal)),
    ("!=", Token::Compare(Compare::Differ)),
    ("~=", Token::Compare(Compare::AnyDiffers)),
    ("<=", Token::Compare(Compare::AtMost)),
    (">=", Token::Compare(Compare::AtLeast)),
    ("&&", Token::And),
    ("||", Token::Or),
    ("..", Token::To),
    ("=", Token::Compare(Compare::Equal)),
    ("<", Token::Compare(Compare::Less)),
    (">", Token::Compare(Compare::More)),
    ("!", Token::Not),
    ("~", Token::Matches),
    ("&", Token::Mask),
    ("|", Token::Bar),
    ("(", Token::Open),
    (")", Token::Close),
    ("{", Token::OpenBrace),
    ("}", Token::CloseBrace),
    ("[", Token::OpenBracket),
    ("]", Token::CloseBracket),
    (",", Token::Comma),
];

/// Words that are signs.
const WORDS: &[(&str, Token<'static>)] = &[
    ("and", Token::And),
    ("or", Token::Or),
    ("not", Token::Not),
    ("eq", Token::Compare(Compare::Equal)),
    ("any_eq", Token::Compare(Compare::Equal)),
    ("ne", Token::Compare(Compare::Differ)),
    ("all_ne", Token::Compare(Compare::Differ)),
    ("all_eq", Token::Compare(Compare::AllEqual)),
    ("any_ne", Token::Compare(Compare::AnyDiffers)),
    ("lt", Token::Compare(Compare::Less)),
    ("le", Token::Compare(Compare::AtMost)),
    ("gt", Token::Compare(Compare::More)),
    ("ge", Token::Compare(Compare::AtLeast)),
    ("in", Token::In),
    ("contains", Token::Contains),
    ("matches", Token::Matches),
    ("bitand", Token::Mask),
    ("bitwise_and", Token::Mask),
];

/// Cuts a text into tokens; the last is always [`Token::End`].
pub fn tokens(text: &str) -> Result<Vec<Placed<'_>>, FilterError> {
    if text.len() > MAX_TEXT {
        let message = format!("the expression has {} bytes, at most {MAX_TEXT} are read", text.len());
        return Err(FilterError::new("", 0..0, message, ""));
    }
    let mut all = Vec::new();
    let mut from = 0;
    while let Some(rest) = text.get(from..).filter(|rest| !rest.is_empty()) {
        let blank = rest.len() - rest.trim_start().len();
        if blank > 0 {
            from += blank;
            continue;
        }
        let (token, len) = next(text, from, rest)?;
        all.push(Placed { token, at: from..from + len });
        from += len;
    }
    all.push(Placed { token: Token::End, at: text.len()..text.len() });
    Ok(all)
}

fn next<'a>(text: &str, from: usize, rest: &'a str) -> Result<(Token<'a>, usize), FilterError> {
    if let Some(inner) = rest.strip_prefix('"') {
        return quoted(text, from, inner, true).map(|(bytes, len)| (Token::Text(bytes), len + 1));
    }
    if let Some(inner) = rest.strip_prefix("r\"") {
        return quoted(text, from, inner, false).map(|(bytes, len)| (Token::Text(bytes), len + 2));
    }
    if let Some((sign, token)) = SIGNS.iter().find(|(sign, _)| rest.starts_with(sign)) {
        return Ok((token.clone(), sign.len()));
    }
    let word = word(rest);
    if word.is_empty() {
        let wrong = rest.chars().next().unwrap_or(' ');
        let help = if wrong == '\'' || wrong == '`' { "text stands in double quotes: \"GET\"" } else { "" };
        let message = format!("`{}` has no meaning here", wrong.escape_debug());
        return Err(FilterError::new(text, from..from + wrong.len_utf8(), message, help));
    }
    let lower = WORDS.iter().find(|(name, _)| word.eq_ignore_ascii_case(name));
    Ok((lower.map_or(Token::Word(word), |(_, token)| token.clone()), word.len()))
}

/// The longest start that is a word. Two dots end it: `3..5` is a range.
fn word(rest: &str) -> &str {
    let part = |c: char| c.is_ascii_alphanumeric() || matches!(c, '_' | '.' | ':' | '/' | '-' | '%' | '\\');
    let end = rest.find(|c| !part(c)).unwrap_or(rest.len());
    let end = rest.find("..").map_or(end, |dots| end.min(dots));
    rest.get(..end).unwrap_or_default()
}

/// Text up to the closing quote: the bytes it means, and how many it takes with the quote.
fn quoted(text: &str, from: usize, inner: &str, escapes: bool) -> Result<(Vec<u8>, usize), FilterError> {
    let mut bytes = Vec::new();
    let mut chars = inner.char_indices();
    while let Some((at, c)) = chars.next() {
        match c {
            '"' => return Ok((bytes, at + 1)),
            '\\' if escapes => match chars.next().map(|(_, c)| c) {
                Some('n') => bytes.push(b'\n'),
                Some('r') => bytes.push(b'\r'),
                Some('t') => bytes.push(b'\t'),
                Some('0') => bytes.push(0),
                Some('x') => {
                    let digits = inner.get(at + 2..at + 4).filter(|d| d.bytes().all(|b| b.is_ascii_hexdigit()));
                    let Some(byte) = digits.and_then(|digits| u8::from_str_radix(digits, 16).ok()) else {
                        let place = from + 1 + at;
                        let message = "`\\x` wants two hexadecimal digits";
                        return Err(FilterError::new(text, place..place + 2, message, "for example \"\\x0d\\x0a\""));
                    };
                    bytes.push(byte);
                    chars.nth(1);
                }
                Some(other) => bytes.extend(other.encode_utf8(&mut [0; 4]).bytes()),
                None => break,
            },
            other => bytes.extend(other.encode_utf8(&mut [0; 4]).bytes()),
        }
    }
    Err(FilterError::new(text, from..text.len(), "the text has no closing quote", "end it with `\"`"))
}
