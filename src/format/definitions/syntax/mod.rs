//! A definitions file as a tree of values, whatever syntax it is written in.
//!
//! TOML, JSON and YAML become the same [`Node`]s, each with the byte it begins at, so that a fault found
//! later can name its line. Numbers stay the text that was written: `99.9` never passes through a float.
//! What keys mean, this module does not know.

mod json;
#[cfg(test)]
mod tests;
mod toml;
mod yaml;

use crate::dialect::{Json, Step};
use crate::format::json::push_string;
use crate::format::wording::shortened;

/// Levels a file may nest: more than any definition has, other systems' trees of comparators among them, and far below
/// what a stack holds. TOML's parser has a lower bound of its own.
const DEPTH_MAX: usize = 100;

/// How a definitions file is written.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) enum Syntax {
    /// Tom's Obvious Minimal Language, 1.1.
    Toml,
    /// RFC 8259.
    Json,
    /// YAML 1.2 with its core schema; one document, no aliases, no tags.
    Yaml,
}

impl Syntax {
    /// The syntax that the file's ending names.
    pub(super) fn of_name(name: &str) -> Option<Self> {
        let ending = name.rsplit_once('.')?.1.to_ascii_lowercase();
        match ending.as_str() {
            "toml" => Some(Syntax::Toml),
            "json" => Some(Syntax::Json),
            "yaml" | "yml" => Some(Syntax::Yaml),
            _ => None,
        }
    }

    /// The syntax that the first line with content looks like.
    pub(super) fn of_text(text: &str) -> Self {
        let mut lines = text.lines().map(str::trim);
        let first = lines.find(|line| !line.is_empty() && !line.starts_with('#')).unwrap_or("");
        let equals = first.find('=').unwrap_or(usize::MAX);
        let colon = first.find(':').unwrap_or(usize::MAX);
        match first.chars().next() {
            Some('{') => Syntax::Json,
            Some('[') | None => Syntax::Toml,
            Some(_) if equals < colon => Syntax::Toml,
            Some(_) => Syntax::Yaml,
        }
    }

    /// Its name for people.
    pub(super) const fn name(self) -> &'static str {
        match self {
            Syntax::Toml => "TOML",
            Syntax::Json => "JSON",
            Syntax::Yaml => "YAML",
        }
    }

    /// Reads a whole file.
    ///
    /// # Errors
    /// The first place where the text is not of this syntax, where what follows it would be guesswork.
    pub(super) fn parse(self, text: &str) -> Result<Parsed, SyntaxFault> {
        let root = match self {
            Syntax::Toml => return toml::parse(text),
            Syntax::Json => json::parse(text),
            Syntax::Yaml => yaml::parse(text),
        }?;
        Ok(Parsed { root, faults: Vec::new() })
    }
}

/// A text that was read to its end.
#[derive(PartialEq, Eq, Debug)]
pub(super) struct Parsed {
    /// All of it, but for what is at faulty places.
    pub(super) root: Node,
    /// Places where it is not of its syntax, though all around them can be told.
    pub(super) faults: Vec<SyntaxFault>,
}

/// Where a text is not of its syntax.
#[derive(Clone, PartialEq, Eq, Debug)]
pub(super) struct SyntaxFault {
    /// Byte of the text.
    pub(super) offset: usize,
    /// What is wrong.
    pub(super) message: String,
}

impl SyntaxFault {
    fn too_deep(offset: usize) -> Self {
        let message = format!("nested deeper than {DEPTH_MAX} levels");
        SyntaxFault { offset, message }
    }
}

/// A value and where it stands.
#[derive(Clone, PartialEq, Eq, Debug)]
pub(super) struct Node {
    /// Byte of the text that it begins at.
    pub(super) offset: usize,
    /// What it is.
    pub(super) value: Value,
}

/// A value.
#[derive(Clone, PartialEq, Eq, Debug)]
pub(super) enum Value {
    /// JSON's and YAML's null.
    Null,
    /// A truth value.
    Boolean(bool),
    /// A number, as a number token of RFC 8259.
    Number(String),
    /// A text.
    Text(String),
    /// A date or time of TOML, as written.
    Instant(String),
    /// What no field takes, as written: infinities and the like.
    Other(String),
    /// Values in order.
    List(Vec<Node>),
    /// Keys with values in the order written; a key may come twice.
    Table(Vec<Entry>),
}

impl Value {
    /// What lies one step below; of a repeated key the last.
    pub(super) fn below(&self, step: &Step) -> Option<&Node> {
        match (self, step) {
            (Value::Table(entries), Step::Key(key)) => {
                entries.iter().rev().find(|entry| entry.key == *key).map(|entry| &entry.node)
            }
            (Value::List(nodes), Step::Item(index)) => nodes.get(*index),
            _ => None,
        }
    }

    /// The same as a body of another system.
    pub(super) fn to_json(&self) -> Json {
        match self {
            Value::Null => Json::Null,
            Value::Boolean(value) => Json::Boolean(*value),
            Value::Number(text) => Json::Number(text.clone()),
            Value::Text(text) | Value::Instant(text) | Value::Other(text) => Json::text(text),
            Value::List(nodes) => {
                Json::List(nodes.iter().map(|node| node.value.to_json()).collect())
            }
            Value::Table(entries) => {
                let members = entries.iter();
                let members = members.map(|entry| (entry.key.clone(), entry.node.value.to_json()));
                Json::Object(members.collect())
            }
        }
    }

    /// Writes it as JSON: what is no value of JSON, such as TOML's times, as a text.
    pub(super) fn push_json(&self, out: &mut String) {
        match self {
            Value::Null => out.push_str("null"),
            Value::Boolean(value) => out.push_str(if *value { "true" } else { "false" }),
            Value::Number(text) => out.push_str(text),
            Value::Text(text) | Value::Instant(text) | Value::Other(text) => push_string(out, text),
            Value::List(nodes) => {
                push_all(out, ['[', ']'], nodes, |out, node| node.value.push_json(out));
            }
            Value::Table(entries) => push_all(out, ['{', '}'], entries, |out, entry| {
                push_string(out, &entry.key);
                out.push(':');
                entry.node.value.push_json(out);
            }),
        }
    }
}

fn push_all<T>(
    out: &mut String,
    [open, close]: [char; 2],
    items: &[T],
    push: impl Fn(&mut String, &T),
) {
    out.push(open);
    for (at, item) in items.iter().enumerate() {
        if at > 0 {
            out.push(',');
        }
        push(out, item);
    }
    out.push(close);
}

/// One key of a table with its value.
#[derive(Clone, PartialEq, Eq, Debug)]
pub(super) struct Entry {
    /// Byte of the text that the key begins at (JSON: its value).
    pub(super) offset: usize,
    /// The key.
    pub(super) key: String,
    /// The value.
    pub(super) node: Node,
}

/// What was found, for a fault: `number 5`, `text "x"`, `a list`.
impl std::fmt::Display for Value {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Value::Null => f.write_str("null"),
            Value::Boolean(value) => write!(f, "{value}"),
            Value::Number(text) => write!(f, "number {}", shortened(text)),
            Value::Text(text) => write!(f, "text {:?}", shortened(text)),
            Value::Instant(text) => write!(f, "time {}", shortened(text)),
            Value::Other(text) => f.write_str(&shortened(text)),
            Value::List(_) => f.write_str("a list"),
            Value::Table(_) => f.write_str("a table"),
        }
    }
}
