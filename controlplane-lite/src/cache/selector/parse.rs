//! The grammar of selector texts.

use std::collections::BTreeSet;

use super::{FieldRequirement, Op, Requirement, SelectorError};

type Result<T> = std::result::Result<T, SelectorError>;

fn found<T>(token: &str, expected: &str) -> Result<T> {
    // The reference leaves the comma out in this one text.
    let comma = if expected == "'('" { "" } else { "," };
    Err(SelectorError(format!(
        "found '{token}'{comma} expected: {expected}"
    )))
}

/// Cuts a label selector into operators, punctuation and words.
fn tokens(text: &str) -> Vec<&str> {
    const SYMBOLS: [&str; 9] = ["==", "!=", "=", "!", "(", ")", ",", ">", "<"];
    let mut rest = text.trim_start();
    let mut out = Vec::new();
    while !rest.is_empty() {
        let end = match SYMBOLS.iter().find(|s| rest.starts_with(**s)) {
            Some(symbol) => symbol.len(),
            None => rest
                .find(|c: char| "=!(),><".contains(c) || c.is_ascii_whitespace())
                .unwrap_or(rest.len()),
        };
        out.push(&rest[..end]);
        rest = rest[end..].trim_start();
    }
    out
}

fn is_word(token: &str) -> bool {
    !token.is_empty() && !token.starts_with(['=', '!', '(', ')', ',', '>', '<'])
}

struct Parser<'a> {
    tokens: std::iter::Peekable<std::vec::IntoIter<&'a str>>,
}

/// Reads a label selector. An empty token stands for the end of the text.
pub(super) fn labels(text: &str) -> Result<Vec<Requirement>> {
    let mut parser = Parser {
        tokens: tokens(text).into_iter().peekable(),
    };
    let mut out = Vec::new();
    loop {
        match parser.look() {
            "" => return Ok(out),
            t if is_word(t) || t == "!" => {}
            t => return found(t, "!, identifier, or 'end of string'"),
        }
        let requirement = parser
            .requirement()
            .map_err(|e| SelectorError(format!("unable to parse requirement: {e}")))?;
        out.push(requirement);
        match parser.take() {
            "" => return Ok(out),
            "," => {
                let next = parser.look();
                if !is_word(next) && next != "!" {
                    return found(next, "identifier after ','");
                }
            }
            t => return found(t, "',' or 'end of string'"),
        }
    }
}

impl<'a> Parser<'a> {
    fn look(&mut self) -> &'a str {
        self.tokens.peek().copied().unwrap_or_default()
    }

    fn take(&mut self) -> &'a str {
        self.tokens.next().unwrap_or_default()
    }

    fn requirement(&mut self) -> Result<Requirement> {
        let negated = self.look() == "!";
        if negated {
            self.take();
        }
        let key = match self.take() {
            t if is_word(t) => t.to_owned(),
            t => return found(t, "identifier"),
        };
        if negated {
            return Ok(Requirement {
                key,
                op: Op::DoesNotExist,
            });
        }
        if matches!(self.look(), "" | ",") {
            return Ok(Requirement { key, op: Op::Exists });
        }
        let op = match self.take() {
            "in" => Op::In(self.values()?),
            "notin" => Op::NotIn(self.values()?),
            "=" | "==" => Op::In(BTreeSet::from([self.value()?])),
            "!=" => Op::NotIn(BTreeSet::from([self.value()?])),
            ">" => Op::GreaterThan(self.bound()?),
            "<" => Op::LessThan(self.bound()?),
            t => return found(t, "in, notin, =, ==, !=, gt, lt"),
        };
        Ok(Requirement { key, op })
    }

    fn value(&mut self) -> Result<String> {
        match self.look() {
            "" | "," => Ok(String::new()),
            t if is_word(t) => Ok(self.take().to_owned()),
            t => found(t, "identifier"),
        }
    }

    fn bound(&mut self) -> Result<i64> {
        let value = self.value()?;
        value.parse().map_err(|_| {
            SelectorError(format!(
                "values[0]: Invalid value: {value:?}: for 'Gt', 'Lt' operators, the value must be an integer"
            ))
        })
    }

    /// `(a, b)`; an empty place between commas is the empty value, `()` is no value at all.
    fn values(&mut self) -> Result<BTreeSet<String>> {
        match self.take() {
            "(" => {}
            t => return found(t, "'('"),
        }
        let mut out = BTreeSet::new();
        if self.look() == ")" {
            self.take();
            return Err(SelectorError(
                "values: Invalid value: []: for 'in', 'notin' operators, values set can't be empty".into(),
            ));
        }
        loop {
            match self.look() {
                t if is_word(t) => {
                    out.insert(self.take().to_owned());
                }
                "," | ")" => {
                    out.insert(String::new());
                }
                t => return found(t, "',', ')' or identifier"),
            }
            match self.take() {
                "," => {}
                ")" => return Ok(out),
                t => return found(t, "',' or ')'"),
            }
        }
    }
}

/// Reads a field selector: terms with `=`, `==` or `!=`, a backslash before `\`, `,` and `=` in values.
pub(super) fn fields(text: &str) -> Result<Vec<FieldRequirement>> {
    let mut out = Vec::new();
    for term in split_terms(text) {
        if term.is_empty() {
            continue;
        }
        let broken = || SelectorError(format!("invalid selector: '{text}'; can't understand '{term}'"));
        let at = term.find(['=', '!']).ok_or_else(broken)?;
        let (field, rest) = term.split_at(at);
        let (equal, value) = if let Some(value) = rest.strip_prefix("!=") {
            (false, value)
        } else if let Some(value) = rest.strip_prefix("==").or_else(|| rest.strip_prefix('=')) {
            (true, value)
        } else {
            return Err(broken());
        };
        out.push(FieldRequirement {
            field: field.to_owned(),
            value: unescape(value)?,
            equal,
        });
    }
    Ok(out)
}

/// Splits at commas that no backslash precedes.
fn split_terms(text: &str) -> Vec<&str> {
    let (mut out, mut start, mut escaped) = (Vec::new(), 0, false);
    for (i, c) in text.char_indices() {
        match c {
            _ if escaped => escaped = false,
            '\\' => escaped = true,
            ',' => {
                out.push(&text[start..i]);
                start = i + 1;
            }
            _ => {}
        }
    }
    out.push(&text[start..]);
    out
}

fn unescape(value: &str) -> Result<String> {
    let mut out = String::with_capacity(value.len());
    let mut chars = value.chars();
    while let Some(c) = chars.next() {
        match c {
            '\\' => match chars.next() {
                Some(c @ ('\\' | ',' | '=')) => out.push(c),
                next => {
                    let sequence: String = std::iter::once('\\').chain(next).collect();
                    return Err(SelectorError(format!(
                        "invalid field selector: invalid escape sequence: {sequence}"
                    )));
                }
            },
            '=' | ',' => {
                return Err(SelectorError(format!(
                    "invalid field selector: unescaped character in value: {c}"
                )));
            }
            c => out.push(c),
        }
    }
    Ok(out)
}
