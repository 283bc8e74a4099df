//! TOML into the tree, by the `toml` crate's parser, which keeps every value's place and every number's text.

use ::toml::Spanned;
use ::toml::de::{DeArray, DeInteger, DeTable, DeValue, Error};

use super::{DEPTH_MAX, Entry, Node, Parsed, SyntaxFault, Value};
use crate::format::toml::{REPEATED, is_of_one_key};

/// Reads a whole TOML file.
pub(super) fn parse(text: &str) -> Result<Parsed, SyntaxFault> {
    let (document, errors) = DeTable::parse_recoverable(text);
    let is_too_much = errors.len() > ERRORS_MAX;
    if let Some(error) = errors.iter().find(|error| is_too_much || !is_of_one_key(error)) {
        return Err(fault(error));
    }
    let mut value = table(document.get_ref(), text, 0)?;
    let mut faults = Vec::new();
    for error in &errors {
        let span = error.span().unwrap_or_default();
        let key = text.get(span.clone()).unwrap_or_default().trim_matches(['"', '\'']);
        if error.message() != REPEATED || !repeat(&mut value, key, span.start) {
            faults.push(fault(error));
        }
    }
    Ok(Parsed { root: Node { offset: 0, value }, faults })
}

fn fault(error: &Error) -> SyntaxFault {
    let offset = error.span().map_or(0, |span| span.start);
    SyntaxFault { offset, message: error.message().to_owned() }
}

/// How many such keys are looked into.
const ERRORS_MAX: usize = 1_000;

/// Puts an entry that was left out, for it repeats a key, where that was written last before; its value is that one's. Such
/// a file is faulty as those of other syntaxes are, and its other faults can be told. Returns whether there is such a key.
fn repeat(value: &mut Value, key: &str, offset: usize) -> bool {
    let Some(entries) = last_place(value, key, offset).and_then(|place| table_at(value, place))
    else {
        return false;
    };
    let mut before = entries.iter().filter(|entry| entry.key == key && entry.offset < offset);
    let Some(node) = before.next_back().map(|entry| entry.node.clone()) else { return false };
    entries.push(Entry { offset, key: key.to_owned(), node });
    true
}

/// The table whose key stands at a place: no two stand at one.
fn table_at(value: &mut Value, place: usize) -> Option<&mut Vec<Entry>> {
    match value {
        Value::Table(entries) => {
            if entries.iter().any(|entry| entry.offset == place) {
                return Some(entries);
            }
            entries.iter_mut().find_map(|entry| table_at(&mut entry.node.value, place))
        }
        Value::List(nodes) => nodes.iter_mut().find_map(|node| table_at(&mut node.value, place)),
        Value::Text(_)
        | Value::Number(_)
        | Value::Boolean(_)
        | Value::Instant(_)
        | Value::Other(_)
        | Value::Null => None,
    }
}

/// Where a key was written last before a place, in any table.
fn last_place(value: &Value, key: &str, before: usize) -> Option<usize> {
    match value {
        Value::Table(entries) => {
            let here = entries.iter().filter(|entry| entry.key == key && entry.offset < before);
            let here = here.map(|entry| entry.offset).max();
            let below =
                entries.iter().filter_map(|entry| last_place(&entry.node.value, key, before));
            here.max(below.max())
        }
        Value::List(nodes) => {
            nodes.iter().filter_map(|node| last_place(&node.value, key, before)).max()
        }
        Value::Text(_)
        | Value::Number(_)
        | Value::Boolean(_)
        | Value::Instant(_)
        | Value::Other(_)
        | Value::Null => None,
    }
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
