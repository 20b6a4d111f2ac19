//! What may follow the name of a field: comparisons, sets, masks, slices.

use std::net::IpAddr;
use std::ops::Range;

use super::Node;
use super::error::{FilterError, nearest};
use super::field::{self, Address, Bytes, Field, Number, Unit};
use super::names;
use super::parse::Parser;
use super::test::{Match, Ranges, Slice, Test};
use super::token::{Compare, Token};
use super::value::{self, Wrong};

impl Parser<'_> {
    /// What follows the name of a field.
    pub fn field(&mut self, field: Field, name: &str, at: Range<usize>) -> Result<Node, FilterError> {
        let compared = self.is_operator();
        match field {
            Field::Number(Number::Frame) if matches!(self.peek(), Token::Contains | Token::OpenBracket) => {
                self.bytes_test(Bytes::Frame)
            }
            Field::Always if *self.peek() == Token::Contains => self.bytes_test(Bytes::Payload),
            Field::Number(Number::Ack) if name == "ack" && !compared && !self.is_digit() => Ok(bits(0x10)),
            Field::Bit(mask) if !compared => Ok(bits(mask)),
            Field::Bit(mask) => self.number(Number::Bits(mask), name, at),
            Field::Number(number) => self.number(number, name, at),
            Field::Address(address) => self.address(address, name),
            Field::Bytes(bytes) => self.bytes_test(bytes),
            Field::Marks => self.marks(),
            Field::Mark(_) | Field::Version(_) | Field::Always if compared => Err(self.error_here(
                format!("`{name}` has no value to compare"),
                format!("write `{name}` or `not {name}` alone"),
            )),
            Field::Mark(mark) => Ok(Node::Test(Test::Marks(vec![mark]))),
            Field::Version(version) => Ok(number_in(Number::Version, version, version)),
            Field::Always => Ok(Node::All(Vec::new())),
        }
    }

    /// Whether a comparison comes next.
    pub fn is_operator(&self) -> bool {
        match self.peek() {
            Token::Compare(_) | Token::In | Token::Contains | Token::Matches | Token::Mask => true,
            Token::Not => *self.ahead(1) == Token::In,
            _ => false,
        }
    }

    fn is_digit(&self) -> bool {
        matches!(self.peek(), Token::Word(word) if word.starts_with(|c: char| c.is_ascii_digit()))
    }

    /// `field & mask`, or the field alone, and what follows.
    pub fn number(&mut self, field: Number, name: &str, at: Range<usize>) -> Result<Node, FilterError> {
        let mask = if self.take(&Token::Mask) { self.mask()? } else { u64::MAX };
        self.number_test(field, mask, name, at)
    }

    /// Bits after `&`: one constant, or several in parentheses.
    fn mask(&mut self) -> Result<u64, FilterError> {
        let open = self.take(&Token::Open);
        let mut mask = self.bit()?;
        while *self.peek() == Token::Bar {
            if !open {
                return Err(
                    self.error_here("bits that belong together want parentheses", "for example: & (tcp-syn|tcp-fin)")
                );
            }
            self.skip();
            mask |= self.bit()?;
        }
        if open && !self.take(&Token::Close) {
            return Err(self.error_here("the parenthesis should close here", "bits are joined with `|`"));
        }
        Ok(mask)
    }

    fn bit(&mut self) -> Result<u64, FilterError> {
        let at = self.place();
        let Some(word) = self.word() else {
            return Err(self.error(at, "bits are missing here", "a number such as 0x02, or names such as tcp-syn"));
        };
        let number = word.starts_with(|c: char| c.is_ascii_digit());
        self.placed(at, if number { value::whole(word, u64::MAX) } else { value::flags(word) })
    }

    pub fn number_test(&mut self, field: Number, mask: u64, name: &str, at: Range<usize>) -> Result<Node, FilterError> {
        let test = |ranges| Ok(Node::Test(Test::Number { field, mask, ranges }));
        let negate = *self.peek() == Token::Not && *self.ahead(1) == Token::In;
        self.next += usize::from(negate);
        match *self.peek() {
            Token::Compare(compare) => {
                self.skip();
                let value = self.number_value(field, true)?;
                test(compared(compare, value))
            }
            Token::In => {
                self.skip();
                let list = self.set(|parser| parser.number_value(field, false).map(|value| (value, value)))?;
                let node = test(Ranges::any(list))?;
                Ok(if negate { Node::Not(Box::new(node)) } else { node })
            }
            Token::Contains if field.unit() == Unit::Flags => {
                self.skip();
                let bits = self.number_value(field, true)?;
                Ok(Node::Test(Test::Number { field, mask: bits, ranges: Ranges::any(vec![(bits, bits)]) }))
            }
            Token::Contains => {
                Err(self.error_here("`contains` looks into bytes and flags", "compare numbers with ==, <, in {..}"))
            }
            Token::Matches => Err(self.no_patterns()),
            // `stream 3`: only after our own names.
            _ if !name.is_empty() && !name.contains('.') && (self.is_digit() || self.is_status(field)) => {
                let value = self.number_value(field, true)?;
                test(compared(Compare::Equal, value))
            }
            _ if mask != u64::MAX => test(Ranges::any(vec![(1, u64::MAX)])),
            _ if matches!(field, Number::Bits(_)) => {
                Err(self.error(at, "every segment has this field, set or not", format!("write {name} == 1")))
            }
            _ => test(Ranges::any(vec![(0, u64::MAX)])),
        }
    }

    fn is_status(&self, field: Number) -> bool {
        let state = |word| field::STATUS.iter().any(|(name, _)| *name == word);
        field.unit() == Unit::Status && matches!(*self.peek(), Token::Word(word) if state(word))
    }

    /// A number to compare with; of flags, several joined by commas or bars.
    fn number_value(&mut self, field: Number, commas: bool) -> Result<u64, FilterError> {
        let unit = field.unit();
        // tcpdump's manual puts flags that belong together in parentheses on both sides.
        if *self.peek() == Token::Open && (unit == Unit::Flags || matches!(field, Number::Raw { .. })) {
            return self.mask();
        }
        let at = self.place();
        let (word, quoted) = self.value_text()?;
        if !quoted && self.is_field(&word) && value::number(unit, &word).is_err() {
            return Err(self.error(at, "a field is compared with a value, not with another field", ""));
        }
        // After `&`, what stands beside a raw byte of flags may be named too.
        let raw = matches!(field, Number::Raw { .. }) && word.starts_with("tcp-");
        let mut number = self.placed(at, value::number(if raw { Unit::Flags } else { unit }, &word))?;
        while unit == Unit::Flags && (*self.peek() == Token::Bar || commas && *self.peek() == Token::Comma) {
            self.skip();
            let at = self.place();
            let (word, _) = self.value_text()?;
            number |= self.placed(at, value::flags(&word))?;
        }
        Ok(number)
    }

    fn is_field(&self, word: &str) -> bool {
        names::field(word).is_some() && word.contains('.')
    }

    /// The text of a value, and whether it stood in quotes.
    fn value_text(&mut self) -> Result<(String, bool), FilterError> {
        let value = match self.peek() {
            Token::Word(word) => ((*word).to_owned(), false),
            Token::Text(bytes) => (String::from_utf8_lossy(bytes).into_owned(), true),
            Token::OpenBrace => return Err(self.error_here("a set wants `in`", "for example: tcp.port in {80, 443}")),
            _ => return Err(self.error_here("a value is missing here", "")),
        };
        self.skip();
        Ok(value)
    }

    /// `{1, 3..5}`
    fn set<T: Copy>(
        &mut self,
        mut item: impl FnMut(&mut Self) -> Result<(T, T), FilterError>,
    ) -> Result<Vec<(T, T)>, FilterError> {
        let open = self.place();
        if !self.take(&Token::OpenBrace) {
            return Err(self.error(open, "a set is missing after `in`", "for example: in {80, 8000..8080}"));
        }
        let mut list = Vec::new();
        while !self.take(&Token::CloseBrace) {
            if *self.peek() == Token::End {
                return Err(self.error(open, "the set is not closed", "end it with `}`"));
            }
            let (first, mut last) = item(self)?;
            if self.take(&Token::To) {
                last = item(self)?.1;
            }
            list.push((first, last));
            self.take(&Token::Comma);
        }
        if list.is_empty() {
            return Err(self.error(open, "the set is empty", "for example: in {80, 8000..8080}"));
        }
        Ok(list)
    }

    fn address(&mut self, field: Address, name: &str) -> Result<Node, FilterError> {
        let test = |ranges| Node::Test(Test::Address { field, ranges });
        let negate = *self.peek() == Token::Not && *self.ahead(1) == Token::In;
        self.next += usize::from(negate);
        match *self.peek() {
            Token::Compare(Compare::Less | Compare::AtMost | Compare::More | Compare::AtLeast) => {
                Err(self
                    .error_here("addresses are not ordered", "write a prefix (10.0.0.0/8) or in {10.0.0.1..10.0.0.9}"))
            }
            Token::Compare(compare) => {
                self.skip();
                let prefix = self.address_value(field)?;
                Ok(test(equality(compare, prefix)))
            }
            Token::In => {
                self.skip();
                let node = test(Ranges::any(self.set(|parser| parser.address_value(field))?));
                Ok(if negate { Node::Not(Box::new(node)) } else { node })
            }
            Token::Matches => Err(self.no_patterns()),
            Token::Contains | Token::Mask => {
                Err(self.error_here("an address is compared with == or in", format!("{name} == 10.0.0.0/8")))
            }
            // An address that is there: the segment is of its IP version.
            _ => Ok(field.version.map_or(Node::All(Vec::new()), |v| number_in(Number::Version, v.into(), v.into()))),
        }
    }

    fn address_value(&mut self, field: Address) -> Result<(IpAddr, IpAddr), FilterError> {
        let at = self.place();
        let (word, quoted) = self.value_text()?;
        if !quoted && self.is_field(&word) {
            return Err(self.error(at, "a field is compared with a value, not with another field", ""));
        }
        let range = self.placed(at.clone(), value::addresses(&word))?;
        let version = if range.0.is_ipv4() { 4 } else { 6 };
        if field.version.is_some_and(|wanted| wanted != version) {
            let help = if version == 6 { "use ipv6.addr, ipv6.src, ipv6.dst" } else { "use ip.addr, ip.src, ip.dst" };
            return Err(self.error(at, format!("this is an IPv{version} address and the field is not"), help));
        }
        Ok(range)
    }

    /// Flags of the analysis.
    fn marks(&mut self) -> Result<Node, FilterError> {
        let negate = matches!(self.peek(), Token::Compare(Compare::Differ | Compare::AnyDiffers) | Token::Not);
        let listed = match *self.peek() {
            Token::Not if *self.ahead(1) != Token::In => false,
            Token::Not => {
                self.skip();
                true
            }
            Token::In => true,
            _ => false,
        };
        let marks = match *self.peek() {
            Token::In if listed => {
                self.skip();
                self.set(|parser| parser.mark().map(|mark| (mark, mark)))?.into_iter().map(|(mark, _)| mark).collect()
            }
            Token::Compare(Compare::Equal | Compare::AllEqual | Compare::Differ | Compare::AnyDiffers)
            | Token::Contains => {
                self.skip();
                vec![self.mark()?]
            }
            Token::Matches => return Err(self.no_patterns()),
            Token::Compare(_) | Token::Mask => {
                return Err(self.error_here("flags of the analysis are not ordered", "compare with =="));
            }
            Token::Word(_) => vec![self.mark()?],
            _ => return Ok(Node::Test(Test::Marks(Vec::new()))),
        };
        let node = Node::Test(Test::Marks(marks));
        Ok(if negate { Node::Not(Box::new(node)) } else { node })
    }

    fn mark(&mut self) -> Result<&'static str, FilterError> {
        let at = self.place();
        let (word, _) = self.value_text()?;
        let name = word.to_ascii_lowercase().replace(['-', ' '], "_");
        let name = name.strip_prefix("tcp.analysis.").unwrap_or(&name);
        names::mark(name).ok_or_else(|| {
            let help = match nearest(name, names::marks()) {
                Some(mark) => format!("did you mean `{mark}`?"),
                None => format!("there are {}", names::marks().collect::<Vec<_>>().join(", ")),
            };
            self.error(at, format!("no flag of the analysis is called `{word}`"), help)
        })
    }

    fn bytes_test(&mut self, field: Bytes) -> Result<Node, FilterError> {
        let slice = if self.take(&Token::OpenBracket) { Some(self.slice()?) } else { None };
        let single = slice.is_some_and(|slice| slice.len == Some(1));
        let with = match *self.peek() {
            Token::Compare(Compare::Equal | Compare::AllEqual) => self.after().bytes_value(single).map(Match::Equal)?,
            Token::Compare(Compare::Differ | Compare::AnyDiffers) => {
                self.after().bytes_value(single).map(Match::Differ)?
            }
            Token::Contains => self.after().bytes_value(single).map(Match::Contain)?,
            Token::Matches => return Err(self.no_patterns()),
            Token::Compare(_) | Token::Mask | Token::In => {
                return Err(self.error_here("bytes are compared with ==, != or contains", ""));
            }
            _ => Match::Present,
        };
        Ok(Node::Test(Test::Bytes { field, slice, with }))
    }

    /// This parser, past the next token.
    fn after(&mut self) -> &mut Self {
        self.skip();
        self
    }

    /// Bytes to compare with; where `single` is meant, a pair of hexadecimal digits is one.
    fn bytes_value(&mut self, single: bool) -> Result<Vec<u8>, FilterError> {
        if let Token::Text(bytes) = self.peek() {
            let bytes = bytes.clone();
            self.skip();
            return Ok(bytes);
        }
        let at = self.place();
        let (word, _) = self.value_text()?;
        let pair = single && word.len() == 2;
        self.placed(
            at,
            value::bytes(&word).or_else(|wrong| if pair { value::bytes(&format!("0x{word}")) } else { Err(wrong) }),
        )
    }

    /// `offset:length]`, `first-last]`, `offset]`, `:length]`, `offset:]`
    fn slice(&mut self) -> Result<Slice, FilterError> {
        let at = self.place();
        let help = "for example [0:4], [2-5], [3], [:4] or [4:]";
        let word = self.word().unwrap_or_default();
        let whole = |part: &str, empty: u64| if part.is_empty() { Ok(empty) } else { value::whole(part, 0xffff) };
        let read = || -> Result<(u64, Option<u64>), Wrong> {
            Ok(match (word.split_once(':'), word.split_once('-')) {
                (Some((from, "")), _) => (value::whole(from, 0xffff)?, None),
                (Some((from, len)), _) => (whole(from, 0)?, Some(value::whole(len, 0xffff)?)),
                (None, Some((first, last))) => {
                    let first = value::whole(first, 0xffff)?;
                    (first, Some((value::whole(last, 0xffff)? + 1).saturating_sub(first)))
                }
                (None, None) => (value::whole(word, 0xffff)?, Some(1)),
            })
        };
        match read() {
            Ok((offset, len)) if len != Some(0) && self.take(&Token::CloseBracket) => {
                Ok(Slice { offset: offset as usize, len: len.map(|len| len as usize) })
            }
            _ => Err(self.error(at, "this is no range of bytes", help)),
        }
    }

    fn no_patterns(&self) -> FilterError {
        self.error_here("patterns are not supported", "look for bytes: payload contains \"GET\"")
    }
}

/// Any value of a field between two numbers, both included.
pub fn number_in(field: Number, first: u64, last: u64) -> Node {
    Node::Test(Test::Number { field, mask: u64::MAX, ranges: Ranges::any(vec![(first, last)]) })
}

/// Any of some control bits is set.
fn bits(mask: u16) -> Node {
    number_in(Number::Bits(mask), 1, u64::MAX)
}

fn equality<T: Ord + Copy>(compare: Compare, range: (T, T)) -> Ranges<T> {
    let outside = matches!(compare, Compare::Differ | Compare::AnyDiffers);
    let every = matches!(compare, Compare::Differ | Compare::AllEqual);
    Ranges { list: vec![range], outside, every }
}

fn compared(compare: Compare, value: u64) -> Ranges<u64> {
    let list = match compare {
        // Nothing is less than 0, and nothing more than the largest.
        Compare::Less => value.checked_sub(1).map(|last| (0, last)),
        Compare::More => value.checked_add(1).map(|first| (first, u64::MAX)),
        Compare::AtMost => Some((0, value)),
        Compare::AtLeast => Some((value, u64::MAX)),
        _ => return equality(compare, (value, value)),
    };
    Ranges::any(list.into_iter().collect())
}
