//! TOML into the tree, by the `toml` crate's parser, which keeps every value's place and every number's text.

use ::toml::Spanned;
use ::toml::de::{DeArray, DeInteger, DeTable, DeValue};

use super::{DEPTH_MAX, Entry, Node, SyntaxFault, Value};

/// Reads a whole TOML file.
pub(super) fn parse(text: &str) -> Result<Node, SyntaxFault> {
    let document = DeTable::parse(text).map_err(|error| SyntaxFault {
        offset: error.span().map_or(0, |span| span.start),
        message: error.message().to_owned(),
    })?;
    let value = table(document.get_ref(), text, 0)?;
    Ok(Node { offset: 0, value })
}

fn node(value: &Spanned<DeValue<'_>>, text: &str, depth: usize) -> Result<Node, SyntaxFault> {
    let offset = value.span().start;
    if depth > DEPTH_MAX {
        return Err(SyntaxFault::too_deep(offset));
    }
    let written = || text.get(value.span()).unwrap_or_default().to_owned();
    let value = match value.get_ref() {
        DeValue::String(content) => Value::Text(content.to_string()),
        DeValue::Integer(integer) => {
            integer_value(integer).unwrap_or_else(|| Value::Other(written()))
        }
        DeValue::Float(float) if float.as_str().ends_with(|c: char| c.is_ascii_digit()) => {
            Value::Number(unsigned_plus(float.as_str()))
        }
        DeValue::Float(_) => Value::Other(written()),
        DeValue::Boolean(value) => Value::Boolean(*value),
        DeValue::Datetime(_) => Value::Instant(written()),
        DeValue::Array(array) => list(array, text, depth)?,
        DeValue::Table(entries) => table(entries, text, depth)?,
    };
    Ok(Node { offset, value })
}

fn list(array: &DeArray<'_>, text: &str, depth: usize) -> Result<Value, SyntaxFault> {
    let elements = array.iter().map(|element| node(element, text, depth.saturating_add(1)));
    elements.collect::<Result<_, _>>().map(Value::List)
}

/// The parser sorts a table by its keys; people read faults in the order they wrote.
fn table(entries: &DeTable<'_>, text: &str, depth: usize) -> Result<Value, SyntaxFault> {
    let mut read = Vec::with_capacity(entries.len());
    for (key, value) in entries {
        let node = node(value, text, depth.saturating_add(1))?;
        read.push(Entry { offset: key.span().start, key: key.get_ref().to_string(), node });
    }
    read.sort_by_key(|entry| entry.offset);
    Ok(Value::Table(read))
}

/// The integer as decimal digits; `None` for a hexadecimal, octal or binary one beyond 127 bits.
fn integer_value(integer: &DeInteger<'_>) -> Option<Value> {
    if integer.radix() == 10 {
        return Some(Value::Number(unsigned_plus(integer.as_str())));
    }
    let value = i128::from_str_radix(integer.as_str(), integer.radix()).ok()?;
    Some(Value::Number(value.to_string()))
}

/// JSON's numbers, the tree's, have no leading plus.
fn unsigned_plus(text: &str) -> String {
    text.strip_prefix('+').unwrap_or(text).to_owned()
}
