//! YAML into the tree, by granit-parser's events and the core schema of YAML 1.2 (section 10.3).
//!
//! So `no` and `2026-03-01` are texts, and `0x1F` is a number. Aliases and tags are refused: a definition means
//! what stands in it, and a file of a few lines cannot grow into millions.

use granit_parser::{Event, Parser, ScalarStyle, Span};

use super::{DEPTH_MAX, Entry, Node, SyntaxFault, Value};

/// Reads a file of one document; an empty one is null.
pub(super) fn parse(text: &str) -> Result<Node, SyntaxFault> {
    let mut builder = Builder { open: Vec::new(), root: None };
    for next in Parser::new_from_str(text) {
        let (event, span) = next.map_err(|error| SyntaxFault {
            offset: error.marker().byte_offset().unwrap_or(0),
            message: error.info(),
        })?;
        builder.take(event, span)?;
    }
    Ok(builder.root.unwrap_or(Node { offset: 0, value: Value::Null }))
}

/// A collection whose end was not read yet.
enum Open {
    List { offset: usize, elements: Vec<Node> },
    Table { offset: usize, entries: Vec<Entry>, key: Option<(usize, String)> },
}

/// Puts events together, without recursion.
struct Builder {
    open: Vec<Open>,
    root: Option<Node>,
}

impl Builder {
    fn take(&mut self, event: Event<'_>, span: Span) -> Result<(), SyntaxFault> {
        let offset = span.start.byte_offset().unwrap_or(0);
        let fault = |message: &str| Err(SyntaxFault { offset, message: message.to_owned() });
        if event.tag().is_some() {
            return fault("tags are not read: leave it out, and write texts in quotes");
        }
        if event.is_node() && self.open.len() > DEPTH_MAX {
            return Err(SyntaxFault::too_deep(offset));
        }
        match event {
            Event::Alias(_) => fault("aliases are not read: write the value itself"),
            Event::DocumentStart(..) if self.root.is_some() => {
                fault("a second document: a file holds one")
            }
            Event::Scalar(content, style, ..) => {
                self.scalar(offset, &content, style);
                Ok(())
            }
            Event::SequenceStart(..) | Event::MappingStart(..) if self.wants_key() => {
                fault("a key is a text, not a list or a table")
            }
            Event::SequenceStart(..) => {
                self.open.push(Open::List { offset, elements: Vec::new() });
                Ok(())
            }
            Event::MappingStart(..) => {
                self.open.push(Open::Table { offset, entries: Vec::new(), key: None });
                Ok(())
            }
            Event::SequenceEnd | Event::MappingEnd => {
                self.finish();
                Ok(())
            }
            // Borders of the stream and of its document; a feature of the crate adds comments.
            _ => Ok(()),
        }
    }

    fn wants_key(&self) -> bool {
        matches!(self.open.last(), Some(Open::Table { key: None, .. }))
    }

    fn scalar(&mut self, offset: usize, content: &str, style: ScalarStyle) {
        if let Some(Open::Table { key: key @ None, .. }) = self.open.last_mut() {
            *key = Some((offset, content.to_owned()));
            return;
        }
        let value = match style {
            ScalarStyle::Plain => plain(content),
            _ => Value::Text(content.to_owned()),
        };
        self.put(Node { offset, value });
    }

    fn finish(&mut self) {
        match self.open.pop() {
            Some(Open::List { offset, elements }) => {
                self.put(Node { offset, value: Value::List(elements) });
            }
            Some(Open::Table { offset, entries, .. }) => {
                self.put(Node { offset, value: Value::Table(entries) });
            }
            None => {}
        }
    }

    /// Puts a finished value where it belongs.
    fn put(&mut self, node: Node) {
        match self.open.last_mut() {
            Some(Open::List { elements, .. }) => elements.push(node),
            Some(Open::Table { entries, key, .. }) => {
                let (offset, key) = key.take().expect("a value follows its key");
                entries.push(Entry { offset, key, node });
            }
            None => self.root = Some(node),
        }
    }
}

/// An unquoted scalar by the core schema.
fn plain(content: &str) -> Value {
    match content {
        "" | "~" | "null" | "Null" | "NULL" => Value::Null,
        "true" | "True" | "TRUE" => Value::Boolean(true),
        "false" | "False" | "FALSE" => Value::Boolean(false),
        ".nan" | ".NaN" | ".NAN" => Value::Other(content.to_owned()),
        _ => match number(content) {
            Some(number) => Value::Number(number),
            None if is_infinity(content) => Value::Other(content.to_owned()),
            None => Value::Text(content.to_owned()),
        },
    }
}

fn is_infinity(content: &str) -> bool {
    matches!(content.trim_start_matches(['-', '+']), ".inf" | ".Inf" | ".INF")
}

/// The number as a token of RFC 8259; `None` where the core schema sees none.
fn number(content: &str) -> Option<String> {
    for (prefix, radix) in [("0x", 16), ("0o", 8)] {
        if let Some(digits) = content.strip_prefix(prefix) {
            let all_digits = digits.chars().all(|c| c.is_digit(radix));
            let value = u128::from_str_radix(digits, radix).ok().filter(|_| all_digits)?;
            return Some(value.to_string());
        }
    }
    let (sign, unsigned) = match content.strip_prefix('-') {
        Some(rest) => ("-", rest),
        None => ("", content.strip_prefix('+').unwrap_or(content)),
    };
    let (mantissa, exponent) = match unsigned.split_once(['e', 'E']) {
        Some((mantissa, exponent)) => (mantissa, Some(exponent)),
        None => (unsigned, None),
    };
    let (integer, fraction) = mantissa.split_once('.').unwrap_or((mantissa, ""));
    let is_digits = |text: &str| text.bytes().all(|byte| byte.is_ascii_digit());
    if !is_digits(integer) || !is_digits(fraction) || (integer.is_empty() && fraction.is_empty()) {
        return None;
    }
    let mut token = format!("{sign}{}", leading_zeros_cut(integer));
    if !fraction.is_empty() {
        token.push('.');
        token.push_str(fraction);
    }
    if let Some(exponent) = exponent {
        let digits = exponent.strip_prefix(['-', '+']).unwrap_or(exponent);
        if digits.is_empty() || !is_digits(digits) {
            return None;
        }
        token.push('e');
        token.push_str(exponent);
    }
    Some(token)
}

fn leading_zeros_cut(integer: &str) -> &str {
    match integer.trim_start_matches('0') {
        "" => "0",
        digits => digits,
    }
}
