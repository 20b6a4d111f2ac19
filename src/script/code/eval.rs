//! Running a [`Program`].

use std::cmp::Ordering;
use std::collections::BTreeMap;
use std::fmt;

use super::{CodeError, Expr, Program, Statement};

/// A value.
#[derive(Clone, Debug, PartialEq)]
pub enum Value {
    /// A whole number, or a truth.
    Integer(i64),
    /// A number with a fraction.
    Float(f64),
    /// A text.
    Text(String),
    /// Several values.
    Tuple(Vec<Value>),
}

impl fmt::Display for Value {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Value::Integer(n) => n.fmt(f),
            Value::Float(n) => n.fmt(f),
            Value::Text(text) => f.write_str(text),
            Value::Tuple(items) => {
                f.write_str("(")?;
                for (index, item) in items.iter().enumerate() {
                    write!(f, "{}{item}", if index > 0 { ", " } else { "" })?;
                }
                f.write_str(")")
            }
        }
    }
}

impl Value {
    fn is_true(&self) -> bool {
        match self {
            Value::Integer(n) => *n != 0,
            Value::Float(n) => *n != 0.0,
            Value::Text(text) => !text.is_empty(),
            Value::Tuple(items) => !items.is_empty(),
        }
    }

    fn number(&self) -> Option<f64> {
        match self {
            Value::Integer(n) => Some(*n as f64),
            Value::Float(n) => Some(*n),
            _ => None,
        }
    }

    fn compare(&self, other: &Value) -> Option<Ordering> {
        match (self, other) {
            (Value::Integer(a), Value::Integer(b)) => Some(a.cmp(b)),
            (Value::Text(a), Value::Text(b)) => Some(a.cmp(b)),
            (Value::Tuple(a), Value::Tuple(b)) => Some(if a == b { Ordering::Equal } else { Ordering::Less }),
            _ => self.number()?.partial_cmp(&other.number()?),
        }
    }
}

/// Names and their values, kept from one piece of code to the next; and what was printed.
#[derive(Clone, Debug, Default)]
pub struct Names {
    values: BTreeMap<String, Value>,
    /// What `print` printed, a line each.
    pub printed: Vec<String>,
}

impl Names {
    /// Gives `name` a value.
    pub fn set(&mut self, name: &str, value: Value) {
        match self.values.get_mut(name) {
            Some(space) => *space = value,
            None => drop(self.values.insert(name.to_owned(), value)),
        }
    }
}

impl Names {
    /// Takes the values of all names that begin so.
    pub fn forget(&mut self, beginning: &str) {
        self.values.retain(|name, _| !name.starts_with(beginning));
    }
}

/// The longest text that code may make: scripts put numbers into a sentence.
const LONGEST: usize = 64 << 10;
/// The most that is kept of what code prints.
const MOST_PRINTED: usize = 10_000;

impl Program {
    /// Runs the code.
    ///
    /// # Errors
    ///
    /// The first assertion that does not hold, or what makes no sense.
    pub fn run(&self, names: &mut Names) -> Result<(), CodeError> {
        for (line, statement) in &self.statements {
            statement.run(names).map_err(|(reason, assertion)| CodeError { line: *line, reason, assertion })?;
        }
        Ok(())
    }
}

type Failed = (String, bool);

fn senseless(reason: String) -> Failed {
    (reason, false)
}

impl Statement {
    fn run(&self, names: &mut Names) -> Result<(), Failed> {
        match self {
            Statement::Assert(condition, message, written) => {
                if condition.value(names).map_err(senseless)?.is_true() {
                    return Ok(());
                }
                let mut used = Vec::new();
                condition.names(&mut used);
                let values: Vec<String> = used
                    .iter()
                    .filter_map(|name| names.values.get(*name).map(|value| format!("{name} = {value}")))
                    .collect();
                let mut reason = format!("assert {written} does not hold");
                if !values.is_empty() {
                    reason.push_str(&format!(": {}", values.join(", ")));
                }
                if let Some(message) = message {
                    let said = message.value(names).map_err(senseless)?.to_string();
                    // A message that is nothing but a value that is shown already says nothing.
                    if !matches!(message, Expr::Name(name) if used.contains(&name.as_str())) {
                        reason.push_str(&format!("; {said}"));
                    }
                }
                Err((reason, true))
            }
            Statement::Assign(name, operator, operand) => {
                let mut value = operand.value(names).map_err(senseless)?;
                if let Some(operator) = operator {
                    let before = Expr::Name(name.clone()).value(names).map_err(senseless)?;
                    value = arithmetic(operator, before, value).map_err(senseless)?;
                }
                names.set(name, value);
                Ok(())
            }
            Statement::Print(args) => {
                let values: Result<Vec<String>, String> =
                    args.iter().map(|arg| arg.value(names).map(|value| value.to_string())).collect();
                let line = values.map_err(senseless)?.join(" ");
                if names.printed.len() < MOST_PRINTED {
                    names.printed.push(line);
                }
                Ok(())
            }
            Statement::Nothing(expr) => expr.value(names).map(drop).map_err(senseless),
        }
    }
}

impl Expr {
    /// The names in it, each once.
    fn names<'a>(&'a self, into: &mut Vec<&'a str>) {
        match self {
            Expr::Integer(_) | Expr::Float(_) | Expr::Text(_) => {}
            Expr::Name(name) => {
                if !into.contains(&name.as_str()) {
                    into.push(name);
                }
            }
            Expr::Tuple(items) | Expr::Call(_, items) => items.iter().for_each(|item| item.names(into)),
            Expr::Not(inner) | Expr::Negate(inner) | Expr::Invert(inner) => inner.names(into),
            Expr::Binary(_, left, right) => {
                left.names(into);
                right.names(into);
            }
            Expr::Compare(first, rest) => {
                first.names(into);
                rest.iter().for_each(|(_, item)| item.names(into));
            }
        }
    }

    fn value(&self, names: &Names) -> Result<Value, String> {
        Ok(match self {
            Expr::Integer(n) => Value::Integer(*n),
            Expr::Float(n) => Value::Float(*n),
            Expr::Text(text) => Value::Text(text.clone()),
            Expr::Name(name) => names.values.get(name).cloned().ok_or_else(|| format!("{name} has no value"))?,
            Expr::Tuple(items) => {
                let values: Vec<Value> = items.iter().map(|item| item.value(names)).collect::<Result<_, _>>()?;
                if values.iter().any(|value| matches!(value, Value::Tuple(_))) {
                    return Err("a tuple within a tuple is not supported".into());
                }
                Value::Tuple(values)
            }
            Expr::Not(inner) => Value::Integer(i64::from(!inner.value(names)?.is_true())),
            Expr::Negate(inner) => arithmetic("-", Value::Integer(0), inner.value(names)?)?,
            Expr::Invert(inner) => match inner.value(names)? {
                Value::Integer(n) => Value::Integer(!n),
                other => return Err(format!("~ needs a whole number, not {other}")),
            },
            Expr::Binary("and", left, right) => {
                let left = left.value(names)?;
                if left.is_true() { right.value(names)? } else { left }
            }
            Expr::Binary("or", left, right) => {
                let left = left.value(names)?;
                if left.is_true() { left } else { right.value(names)? }
            }
            Expr::Binary(operator, left, right) => arithmetic(operator, left.value(names)?, right.value(names)?)?,
            Expr::Compare(first, rest) => {
                let mut left = first.value(names)?;
                for (operator, right) in rest {
                    let right = right.value(names)?;
                    if !compare(operator, &left, &right)? {
                        return Ok(Value::Integer(0));
                    }
                    left = right;
                }
                Value::Integer(1)
            }
            Expr::Call(name, args) => {
                let args = args.iter().map(|arg| arg.value(names)).collect::<Result<Vec<_>, _>>()?;
                call(name, args)?
            }
        })
    }
}

fn compare(operator: &str, left: &Value, right: &Value) -> Result<bool, String> {
    if operator == "in" {
        let Value::Tuple(items) = right else { return Err(format!("in needs a tuple, not {right}")) };
        return Ok(items.iter().any(|item| item.compare(left) == Some(Ordering::Equal)));
    }
    let Some(order) = left.compare(right) else {
        return match operator {
            "==" => Ok(false),
            "!=" => Ok(true),
            _ => Err(format!("{left} and {right} cannot be compared")),
        };
    };
    Ok(match operator {
        "==" => order.is_eq(),
        "!=" => order.is_ne(),
        "<" => order.is_lt(),
        "<=" => order.is_le(),
        ">" => order.is_gt(),
        _ => order.is_ge(),
    })
}

fn arithmetic(operator: &str, left: Value, right: Value) -> Result<Value, String> {
    match (&left, &right) {
        (Value::Text(text), values) if operator == "%" => format_text(text, values),
        (Value::Text(a), Value::Text(b)) if operator == "+" && a.len() + b.len() <= LONGEST => {
            Ok(Value::Text(format!("{a}{b}")))
        }
        (Value::Integer(a), Value::Integer(b)) if operator != "/" => whole(operator, *a, *b),
        _ => {
            let (Some(a), Some(b)) = (left.number(), right.number()) else {
                return Err(format!("{left} {operator} {right} makes no sense"));
            };
            if matches!(operator, "/" | "//" | "%") && b == 0.0 {
                return Err("division by zero".into());
            }
            Ok(Value::Float(match operator {
                "+" => a + b,
                "-" => a - b,
                "*" => a * b,
                "/" => a / b,
                "//" => (a / b).floor(),
                "%" => a.rem_euclid(b),
                "**" => a.powf(b),
                _ => return Err(format!("{operator} needs whole numbers")),
            }))
        }
    }
}

fn whole(operator: &str, a: i64, b: i64) -> Result<Value, String> {
    let shift = u32::try_from(b).ok().filter(|shift| *shift < 63);
    let result = match operator {
        "+" => a.checked_add(b),
        "-" => a.checked_sub(b),
        "*" => a.checked_mul(b),
        "//" | "%" if b == 0 => return Err("division by zero".into()),
        // Python rounds down and gives the remainder the sign of the divisor.
        "//" => a.checked_div_euclid(b).map(|q| if b < 0 && a.rem_euclid(b) != 0 { q - 1 } else { q }),
        "%" => a.checked_rem_euclid(b).map(|r| if b < 0 && r != 0 { r + b } else { r }),
        "**" => u32::try_from(b).ok().and_then(|power| a.checked_pow(power)),
        "<<" => shift.and_then(|shift| a.checked_mul(1 << shift)),
        ">>" => shift.map(|shift| a >> shift),
        "&" => Some(a & b),
        "|" => Some(a | b),
        "^" => Some(a ^ b),
        _ => return Err(format!("{operator} is not understood")),
    };
    result.map(Value::Integer).ok_or_else(|| format!("{a} {operator} {b} is too large"))
}

/// `'cwnd=%d of %s' % (10, 'ten')`.
fn format_text(text: &str, values: &Value) -> Result<Value, String> {
    let mut values = match values {
        Value::Tuple(items) => items.clone(),
        single => vec![single.clone()],
    }
    .into_iter();
    let mut out = String::new();
    let mut rest = text.chars().peekable();
    while let Some(c) = rest.next() {
        if c != '%' {
            out.push(c);
            continue;
        }
        // Widths and precisions change nothing that matters in a message.
        while rest.next_if(|c| c.is_ascii_digit() || ".-+ #l".contains(*c)).is_some() {}
        match rest.next() {
            Some('%') => out.push('%'),
            Some('x' | 'X') => match values.next() {
                Some(Value::Integer(n)) => out.push_str(&format!("{n:x}")),
                _ => return Err(format!("{text} needs a whole number")),
            },
            Some('d' | 'i' | 'u' | 's' | 'r' | 'f' | 'g') => match values.next() {
                Some(value) => out.push_str(&value.to_string()),
                None => return Err(format!("{text} needs more values")),
            },
            _ => return Err(format!("{text} has a % that is not understood")),
        }
    }
    if out.len() > LONGEST {
        return Err(format!("a text of more than {LONGEST} bytes"));
    }
    Ok(Value::Text(out))
}

fn call(name: &str, args: Vec<Value>) -> Result<Value, String> {
    let order = |a: &Value, b: &Value| a.compare(b).unwrap_or(Ordering::Equal);
    let found = match (name, args.as_slice()) {
        ("abs", [Value::Integer(n)]) => n.checked_abs().map(Value::Integer),
        ("abs", [Value::Float(n)]) => Some(Value::Float(n.abs())),
        ("int", [value]) => value.number().map(|n| Value::Integer(n as i64)),
        ("float", [value]) => value.number().map(Value::Float),
        ("str", [value]) => Some(Value::Text(value.to_string())),
        ("min", [_, ..]) => args.iter().cloned().min_by(order),
        ("max", [_, ..]) => args.iter().cloned().max_by(order),
        ("round", [value]) => value.number().map(|n| Value::Integer(n.round() as i64)),
        _ => None,
    };
    found.ok_or_else(|| {
        format!("{name}() with {} arguments is not supported: abs, int, float, str, min, max, round are", args.len())
    })
}
