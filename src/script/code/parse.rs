//! Text into a [`Program`].

use super::{CodeError, Expr, Program, Statement};

#[derive(Clone, Debug, PartialEq)]
enum Token {
    Integer(i64),
    Float(f64),
    Text(String),
    Name(String),
    Sign(&'static str),
    /// The end of a statement: a line's end outside of brackets, or `;`.
    End,
}

/// Longer ones first.
const SIGNS: [&str; 38] = [
    "**=", "//=", "<<=", ">>=", "**", "//", "<<", ">>", "==", "!=", "<=", ">=", "+=", "-=", "*=", "/=", "%=", "&=",
    "|=", "^=", "+", "-", "*", "/", "%", "&", "|", "^", "~", "<", ">", "=", "(", ")", ",", "[", "]", ".",
];

/// Operators that take two values, from those that bind least.
const LEVELS: [&[&str]; 6] = [&["|"], &["^"], &["&"], &["<<", ">>"], &["+", "-"], &["*", "/", "//", "%"]];

/// How long a piece of code may be: assertions are short, and a hostile one must not exhaust the stack.
const MOST_WORDS: usize = 2_000;
/// How deep expressions may be nested.
const DEEPEST: usize = 64;

struct Word {
    token: Token,
    line: usize,
    start: usize,
    end: usize,
}

fn error(line: usize, reason: impl Into<String>) -> CodeError {
    CodeError { line, reason: reason.into(), assertion: false }
}

fn words(text: &str) -> Result<Vec<Word>, CodeError> {
    let mut words: Vec<Word> = Vec::new();
    let (mut at, mut line, mut open) = (0, 1, 0usize);
    while let Some(rest) = text.get(at..)
        && let Some(first) = rest.chars().next()
    {
        let start = at;
        let token = match first {
            '\n' => {
                at += 1;
                line += 1;
                if open > 0 {
                    continue;
                }
                words.push(Word { token: Token::End, line: line - 1, start, end: at });
                continue;
            }
            '\\' if rest.starts_with("\\\n") || rest.starts_with("\\\r\n") || rest == "\\" => {
                line += usize::from(rest.len() > 1);
                at += rest.find('\n').map_or(rest.len(), |newline| newline + 1);
                continue;
            }
            '#' => {
                at += rest.find('\n').unwrap_or(rest.len());
                continue;
            }
            ';' => {
                at += 1;
                Token::End
            }
            '"' | '\'' => {
                let Some(len) = rest.get(1..).and_then(|inside| inside.find(first)) else {
                    return Err(error(line, "a text without an end"));
                };
                at += len + 2;
                Token::Text(rest.get(1..=len).unwrap_or_default().to_owned())
            }
            c if c.is_whitespace() => {
                at += c.len_utf8();
                continue;
            }
            c if c.is_ascii_alphanumeric() || c == '_' => {
                let is_part = |c: char| c.is_ascii_alphanumeric() || c == '_';
                let mut len = rest.find(|c: char| !is_part(c)).unwrap_or(rest.len());
                if c.is_ascii_digit() && rest.get(len..).is_some_and(|more| more.starts_with('.')) {
                    let digits = rest.get(len + 1..).unwrap_or_default();
                    len += 1 + digits.find(|c: char| !c.is_ascii_digit()).unwrap_or(digits.len());
                }
                at += len;
                let word = rest.get(..len).unwrap_or_default();
                if !c.is_ascii_digit() {
                    Token::Name(word.to_owned())
                } else if let Some(number) = crate::script::syntax::integer(word) {
                    Token::Integer(number)
                } else if let Ok(number) = word.parse() {
                    Token::Float(number)
                } else {
                    return Err(error(line, format!("{word} is no number")));
                }
            }
            other => {
                let Some(sign) = SIGNS.into_iter().find(|sign| rest.starts_with(sign)) else {
                    return Err(error(line, format!("{other} is not understood here")));
                };
                at += sign.len();
                match sign {
                    "(" | "[" => open += 1,
                    ")" | "]" => open = open.saturating_sub(1),
                    _ => {}
                }
                Token::Sign(sign)
            }
        };
        words.push(Word { token, line, start, end: at });
    }
    Ok(words)
}

struct Parser<'a> {
    text: &'a str,
    words: Vec<Word>,
    at: usize,
    depth: usize,
}

impl Program {
    /// Reads code.
    ///
    /// # Errors
    ///
    /// The first thing that is not understood, with its line.
    pub fn parse(text: &str) -> Result<Program, CodeError> {
        let mut parser = Parser { text, words: words(text)?, at: 0, depth: 0 };
        if parser.words.len() > MOST_WORDS {
            return Err(error(1, format!("code of more than {MOST_WORDS} words")));
        }
        let mut statements = Vec::new();
        while parser.at < parser.words.len() {
            if parser.take_end() {
                continue;
            }
            let line = parser.line();
            parser.statement(line, &mut statements)?;
            if parser.at < parser.words.len() && !parser.take_end() {
                return Err(parser.unexpected("the end of the statement"));
            }
        }
        Ok(Program { statements })
    }
}

impl Parser<'_> {
    fn peek(&self) -> Option<&Token> {
        self.words.get(self.at).map(|word| &word.token)
    }

    fn line(&self) -> usize {
        self.words.get(self.at).or(self.words.last()).map_or(1, |word| word.line)
    }

    fn unexpected(&self, wanted: &str) -> CodeError {
        let found = match self.words.get(self.at) {
            None | Some(Word { token: Token::End, .. }) => "the end",
            Some(word) => self.text.get(word.start..word.end).unwrap_or_default(),
        };
        error(self.line(), format!("{wanted} expected in the code, found {found}"))
    }

    fn take_end(&mut self) -> bool {
        let found = self.peek() == Some(&Token::End);
        self.at += usize::from(found);
        found
    }

    fn take(&mut self, sign: &str) -> bool {
        let found = matches!(self.peek(), Some(Token::Sign(here)) if *here == sign);
        self.at += usize::from(found);
        found
    }

    fn take_name(&mut self, name: &str) -> bool {
        let found = matches!(self.peek(), Some(Token::Name(here)) if here == name);
        self.at += usize::from(found);
        found
    }

    fn statement(&mut self, line: usize, statements: &mut Vec<(usize, Statement)>) -> Result<(), CodeError> {
        if self.take_name("assert") {
            let start = self.words.get(self.at).map_or(0, |word| word.start);
            let condition = self.expr()?;
            if matches!(condition, Expr::Tuple(_)) {
                return Err(error(line, "a tuple always holds: write assert CONDITION, MESSAGE without brackets"));
            }
            let end = self.at.checked_sub(1).and_then(|at| self.words.get(at)).map_or(start, |word| word.end);
            let written = self.text.get(start..end).unwrap_or_default();
            let written = written.split_whitespace().collect::<Vec<_>>().join(" ");
            let message = if self.take(",") { Some(self.expr()?) } else { None };
            statements.push((line, Statement::Assert(condition, message, written)));
            return Ok(());
        }
        let first = self.expr()?;
        if let Expr::Call(name, args) = &first
            && name == "print"
        {
            statements.push((line, Statement::Print(args.clone())));
            return Ok(());
        }
        let mut targets = Vec::new();
        let mut value = first;
        while self.take("=") {
            let Expr::Name(name) = value else { return Err(error(line, "only names can be given a value")) };
            targets.push(name);
            value = self.expr()?;
        }
        if targets.is_empty()
            && let Some(operator) = self.operator_with_equals()
        {
            let Expr::Name(name) = value else { return Err(error(line, "only names can be given a value")) };
            let operand = self.expr()?;
            statements.push((line, Statement::Assign(name, Some(operator), operand)));
        } else if targets.is_empty() {
            statements.push((line, Statement::Nothing(value)));
        } else {
            statements.extend(targets.into_iter().map(|name| (line, Statement::Assign(name, None, value.clone()))));
        }
        Ok(())
    }

    /// `+=` and its like, as the operator they stand for.
    fn operator_with_equals(&mut self) -> Option<&'static str> {
        let Some(Token::Sign(sign)) = self.peek() else { return None };
        let operator =
            sign.strip_suffix('=').filter(|op| LEVELS.iter().any(|level| level.contains(op)) || *op == "**")?;
        self.at += 1;
        Some(operator)
    }

    fn expr(&mut self) -> Result<Expr, CodeError> {
        self.depth += 1;
        if self.depth > DEEPEST {
            return Err(error(self.line(), format!("expressions are nested more than {DEEPEST} deep")));
        }
        let mut left = self.conjunction()?;
        while self.take_name("or") {
            left = Expr::Binary("or", Box::new(left), Box::new(self.conjunction()?));
        }
        self.depth -= 1;
        Ok(left)
    }

    fn conjunction(&mut self) -> Result<Expr, CodeError> {
        let mut left = self.negation()?;
        while self.take_name("and") {
            left = Expr::Binary("and", Box::new(left), Box::new(self.negation()?));
        }
        Ok(left)
    }

    fn negation(&mut self) -> Result<Expr, CodeError> {
        let mut turned = None;
        while self.take_name("not") {
            turned = Some(turned.is_none_or(|odd: bool| !odd));
        }
        let inner = self.comparison()?;
        Ok(match turned {
            None => inner,
            Some(true) => Expr::Not(Box::new(inner)),
            Some(false) => Expr::Not(Box::new(Expr::Not(Box::new(inner)))),
        })
    }

    fn comparison(&mut self) -> Result<Expr, CodeError> {
        let first = self.binary(0)?;
        let mut rest = Vec::new();
        loop {
            let operator = match self.peek() {
                Some(Token::Sign(sign @ ("==" | "!=" | "<" | "<=" | ">" | ">="))) => *sign,
                Some(Token::Name(name)) if name == "in" => "in",
                _ => break,
            };
            self.at += 1;
            rest.push((operator, self.binary(0)?));
        }
        Ok(if rest.is_empty() { first } else { Expr::Compare(Box::new(first), rest) })
    }

    fn binary(&mut self, level: usize) -> Result<Expr, CodeError> {
        let Some(signs) = LEVELS.get(level) else { return self.unary() };
        let mut left = self.binary(level + 1)?;
        while let Some(Token::Sign(sign)) = self.peek()
            && signs.contains(sign)
        {
            let sign = *sign;
            self.at += 1;
            left = Expr::Binary(sign, Box::new(left), Box::new(self.binary(level + 1)?));
        }
        Ok(left)
    }

    fn unary(&mut self) -> Result<Expr, CodeError> {
        // Signs in a row are counted as nesting, or a long row would exhaust the stack.
        self.depth += 1;
        if self.depth > DEEPEST {
            return Err(error(self.line(), format!("expressions are nested more than {DEEPEST} deep")));
        }
        let inner = if self.take("-") {
            Expr::Negate(Box::new(self.unary()?))
        } else if self.take("~") {
            Expr::Invert(Box::new(self.unary()?))
        } else if self.take("+") {
            self.unary()?
        } else {
            let base = self.atom()?;
            if self.take("**") { Expr::Binary("**", Box::new(base), Box::new(self.unary()?)) } else { base }
        };
        self.depth -= 1;
        Ok(inner)
    }

    fn atom(&mut self) -> Result<Expr, CodeError> {
        let token = self.peek().cloned();
        self.at += 1;
        match token {
            Some(Token::Integer(n)) => Ok(Expr::Integer(n)),
            Some(Token::Float(n)) => Ok(Expr::Float(n)),
            Some(Token::Text(mut text)) => {
                while let Some(Token::Text(more)) = self.peek() {
                    text.push_str(more);
                    self.at += 1;
                }
                Ok(Expr::Text(text))
            }
            Some(Token::Name(name)) => match name.as_str() {
                "True" => Ok(Expr::Integer(1)),
                "False" => Ok(Expr::Integer(0)),
                "import" | "if" | "for" | "while" | "def" | "lambda" | "class" | "from" | "with" | "try" | "del" => {
                    self.at -= 1;
                    Err(error(self.line(), format!("{name} is not supported: assert, print and assignments are")))
                }
                _ if self.take("(") => {
                    let args = self.list(")")?;
                    Ok(Expr::Call(name, args))
                }
                _ => Ok(Expr::Name(name)),
            },
            Some(Token::Sign("(")) => {
                let first = self.expr()?;
                if self.take(")") {
                    return Ok(first);
                }
                if !self.take(",") {
                    return Err(self.unexpected(")"));
                }
                let mut items = vec![first];
                items.extend(self.list(")")?);
                Ok(Expr::Tuple(items))
            }
            Some(Token::Sign("[")) => Ok(Expr::Tuple(self.list("]")?)),
            _ => {
                self.at -= 1;
                Err(self.unexpected("a value"))
            }
        }
    }

    fn list(&mut self, close: &str) -> Result<Vec<Expr>, CodeError> {
        let mut items = Vec::new();
        while !self.take(close) {
            items.push(self.expr()?);
            if !self.take(",") && !matches!(self.peek(), Some(Token::Sign(sign)) if *sign == close) {
                return Err(self.unexpected(close));
            }
        }
        Ok(items)
    }
}
