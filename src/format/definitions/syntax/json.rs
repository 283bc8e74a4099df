//! JSON into the tree, by `serde_json`, one level at a time.
//!
//! Each level is read into [`RawValue`]s, which are slices of the text itself: their addresses give every value's
//! place, and their content every number's text. A level is scanned once for each level above it, of which there
//! are few.

use serde::de::Deserialize;
use serde_json::value::RawValue;

use super::{DEPTH_MAX, Entry, Node, SyntaxFault, Value};
use crate::dialect::Members;

/// Reads a whole JSON text.
pub(super) fn parse(text: &str) -> Result<Node, SyntaxFault> {
    let raw = read::<&RawValue>(text, 0)?;
    node(text, raw, 0)
}

fn node(text: &str, raw: &RawValue, depth: usize) -> Result<Node, SyntaxFault> {
    let token = raw.get();
    let offset = token.as_ptr().addr().saturating_sub(text.as_ptr().addr());
    if depth > DEPTH_MAX {
        return Err(SyntaxFault::too_deep(offset));
    }
    let below = depth.saturating_add(1);
    let value = match token.as_bytes().first() {
        Some(b'{') => {
            let mut entries = Vec::new();
            for (key, raw) in read::<Members<'_>>(token, offset)?.0 {
                let node = node(text, raw, below)?;
                entries.push(Entry { offset: node.offset, key, node });
            }
            Value::Table(entries)
        }
        Some(b'[') => {
            let elements = read::<Vec<&RawValue>>(token, offset)?;
            let nodes = elements.into_iter().map(|raw| node(text, raw, below));
            Value::List(nodes.collect::<Result<_, _>>()?)
        }
        Some(b'"') => Value::Text(read::<String>(token, offset)?),
        Some(b't' | b'f') => Value::Boolean(token == "true"),
        Some(b'n') => Value::Null,
        _ => Value::Number(token.to_owned()),
    };
    Ok(Node { offset, value })
}

/// Reads a token that begins at byte `offset` of the whole text.
fn read<'t, T: Deserialize<'t>>(token: &'t str, offset: usize) -> Result<T, SyntaxFault> {
    serde_json::from_str(token).map_err(|error| {
        let text = error.to_string();
        let message = text.rsplit_once(" at line ").map_or(text.as_str(), |(message, _)| message);
        let inside = offset_of(token, error.line(), error.column());
        SyntaxFault { offset: offset.saturating_add(inside), message: message.to_owned() }
    })
}

/// The byte at a line and column, both counted from 1, the column in bytes.
fn offset_of(text: &str, line: usize, column: usize) -> usize {
    let before = text.split_inclusive('\n').take(line.saturating_sub(1));
    let start: usize = before.map(str::len).sum();
    start.saturating_add(column.saturating_sub(1)).min(text.len())
}
