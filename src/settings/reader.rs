//! Walking the merged tree, with every fault kept, not only the first.
//!
//! A [`Field`] is one value with its key's path; asked for what it should be, it gives that or records a fault. So a
//! caller reads all fields of a table before it gives up on any. What the keys mean, this file does not know.

use std::cell::RefCell;
use std::collections::BTreeMap;
use std::fmt;
use std::ops::RangeInclusive;
use std::time::Duration;

use super::later;
use super::size::Size;
use super::tree::{Content, Node, Origin};
use crate::format::wording::{alternatives, step, unknown_key};
use crate::model::Span;

/// One thing wrong with the settings.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct SettingsFault {
    /// Where: file, line and column, or the variable or flag, and the key's path.
    pub place: String,
    /// What is wrong, and what would be right.
    pub message: String,
}

/// Place and message.
impl fmt::Display for SettingsFault {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}: {}", self.place, self.message)
    }
}

/// What could not be read; the fault that says why is recorded already.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) struct Faulty;

/// All faults found so far.
#[derive(Default, Debug)]
pub(super) struct Faults(RefCell<Vec<(Origin, String, String)>>);

impl Faults {
    /// Records one: where, of which key (none: of the whole), and what.
    pub(super) fn add(&self, origin: &Origin, path: &str, message: impl Into<String>) -> Faulty {
        self.0.borrow_mut().push((origin.clone(), path.to_owned(), message.into()));
        Faulty
    }

    /// All of them, layer by layer, in each in the order of their places.
    pub(super) fn into_list(self) -> Vec<SettingsFault> {
        let mut found = self.0.into_inner();
        found.sort_by(|one, other| one.0.cmp(&other.0));
        let fault = |(origin, path, message): (Origin, String, String)| {
            let separator = if path.is_empty() { "" } else { ": " };
            SettingsFault { place: format!("{origin}{separator}{path}"), message }
        };
        found.into_iter().map(fault).collect()
    }
}

/// One value with its key's path.
#[derive(Clone, Debug)]
pub(super) struct Field<'f> {
    node: Node,
    path: String,
    faults: &'f Faults,
}

impl<'f> Field<'f> {
    /// The root.
    pub(super) fn root(node: Node, faults: &'f Faults) -> Self {
        Field { node, path: String::new(), faults }
    }

    /// What it is.
    pub(super) fn content(&self) -> &Content {
        &self.node.content
    }

    /// Records a fault of this value.
    pub(super) fn fault(&self, message: impl Into<String>) -> Faulty {
        self.faults.add(&self.node.origin, &self.path, message)
    }

    /// Records a fault: something else was expected.
    pub(super) fn unexpected(&self, expected: impl fmt::Display) -> Faulty {
        self.fault(format!("expected {expected}, found {}", self.node.content))
    }

    /// A text of any content.
    pub(super) fn text(&self) -> Result<String, Faulty> {
        match self.content() {
            Content::Text(text) | Content::Unquoted(text) => Ok(text.clone()),
            Content::Integer(_) | Content::Boolean(_) | Content::Other(_) => {
                Err(self.unexpected("a text in quotes"))
            }
            Content::List(_) | Content::Table(_) => Err(self.unexpected("a text")),
        }
    }

    /// A text of so many bytes, without control characters.
    pub(super) fn name(&self, bytes: RangeInclusive<usize>) -> Result<String, Faulty> {
        let text = self.text()?;
        if bytes.contains(&text.len()) && !text.chars().any(char::is_control) {
            return Ok(text);
        }
        let (least, greatest) = (bytes.start(), bytes.end());
        Err(self.unexpected(format_args!(
            "a text of {least} to {greatest} bytes without control characters"
        )))
    }

    /// A name that Kafka takes for a topic.
    pub(super) fn topic_name(&self) -> Result<String, Faulty> {
        let text = self.text()?;
        if is_topic_name(&text) {
            return Ok(text);
        }
        Err(self.unexpected("a topic's name: 1 to 249 of the characters A-Z a-z 0-9 . _ -"))
    }

    /// `true` or `false`.
    pub(super) fn boolean(&self) -> Result<bool, Faulty> {
        match self.content() {
            Content::Boolean(value) => Ok(*value),
            Content::Unquoted(text) if text == "true" => Ok(true),
            Content::Unquoted(text) if text == "false" => Ok(false),
            _ => Err(self.unexpected("true or false")),
        }
    }

    /// A whole number between two others.
    pub(super) fn whole_number(&self, range: RangeInclusive<usize>) -> Result<usize, Faulty> {
        let number = match self.content() {
            Content::Integer(number) => usize::try_from(*number).ok(),
            Content::Unquoted(text) => text.trim().parse().ok(),
            _ => None,
        };
        number.filter(|number| range.contains(number)).ok_or_else(|| {
            let (least, greatest) = (range.start(), range.end());
            self.unexpected(format_args!("a whole number from {least} to {greatest}"))
        })
    }

    /// One of some names.
    pub(super) fn choice<T: Copy>(&self, choices: &[(&str, T)]) -> Result<T, Faulty> {
        let chosen = match self.content() {
            Content::Text(text) | Content::Unquoted(text) => {
                choices.iter().find(|(name, _)| name == text)
            }
            _ => None,
        };
        chosen.map(|(_, choice)| *choice).ok_or_else(|| {
            let names: Vec<String> = choices.iter().map(|(name, _)| format!("{name:?}")).collect();
            let names: Vec<&str> = names.iter().map(String::as_str).collect();
            self.unexpected(alternatives(&names))
        })
    }

    /// A duration between two others: a whole number and one of `ms s m h d w`.
    pub(super) fn span(&self, range: RangeInclusive<Span>) -> Result<Span, Faulty> {
        let span = match self.content() {
            Content::Text(text) | Content::Unquoted(text) => Span::parse(text),
            _ => None,
        };
        span.filter(|span| range.contains(span)).ok_or_else(|| {
            let (least, greatest) = (range.start(), range.end());
            self.unexpected(format_args!(
                "a duration from \"{least}\" to \"{greatest}\" (a whole number and one of ms, s, m, h, d, w)"
            ))
        })
    }

    /// See [`Field::span`].
    pub(super) fn duration(&self, range: RangeInclusive<Span>) -> Result<Duration, Faulty> {
        self.span(range).map(|span| Duration::from_micros(span.micros().unsigned_abs()))
    }

    /// A size between two others: a whole number and one of `KiB MiB GiB`, or of bytes.
    pub(super) fn size(&self, range: RangeInclusive<Size>) -> Result<Size, Faulty> {
        let size = match self.content() {
            Content::Text(text) | Content::Unquoted(text) => Size::parse(text),
            Content::Integer(bytes) => u64::try_from(*bytes).ok().map(Size::of_bytes),
            _ => None,
        };
        size.filter(|size| range.contains(size)).ok_or_else(|| {
            let (least, greatest) = (range.start(), range.end());
            self.unexpected(format_args!(
                "a size from \"{least}\" to \"{greatest}\" (a whole number and one of KiB, MiB, GiB)"
            ))
        })
    }

    /// The elements of a list; a variable or flag may also hold them with commas between.
    pub(super) fn list(&self, of: &str) -> Result<Vec<Field<'f>>, Faulty> {
        let nodes = match self.content() {
            Content::List(nodes) => nodes.clone(),
            Content::Unquoted(text) => self.cut_at_commas(text),
            _ => return Err(self.unexpected(format_args!("a list of {of}"))),
        };
        let numbered = nodes.into_iter().enumerate();
        let element = |(index, node)| self.below(node, format!("{}[{index}]", self.path));
        Ok(numbered.map(element).collect())
    }

    fn cut_at_commas(&self, text: &str) -> Vec<Node> {
        let parts = text.split(',').map(str::trim).filter(|part| !part.is_empty());
        let node = |part: &str| Node {
            origin: self.node.origin.clone(),
            content: Content::Unquoted(part.to_owned()),
        };
        parts.map(node).collect()
    }

    /// Every key of a table with its value. What was found instead is not repeated: it may be a secret.
    pub(super) fn entries(&self) -> Result<Vec<(String, Field<'f>)>, Faulty> {
        let Content::Table(entries) = self.content() else {
            return Err(self.fault("is no table: expected one"));
        };
        let field = |(key, node): (&String, &Node)| {
            let path = format!("{}{}", self.path, step(&self.path, key));
            (key.clone(), self.below(node.clone(), path))
        };
        Ok(entries.iter().map(field).collect())
    }

    /// A table whose keys are known; others are faults.
    pub(super) fn table(&self, known: &[&'static str]) -> Result<Table<'f>, Faulty> {
        let entries = self.entries()?;
        for (key, field) in &entries {
            if known.contains(&key.as_str()) {
                continue;
            }
            match later::reason(&field.path) {
                Some(reason) => field.fault(reason),
                None => self.faults.add(&field.node.origin, &self.path, unknown_key(key, known)),
            };
        }
        Ok(Table {
            field: self.clone(),
            known: known.to_vec(),
            entries: entries.into_iter().collect(),
        })
    }

    fn below(&self, node: Node, path: String) -> Field<'f> {
        Field { node, path, faults: self.faults }
    }
}

/// A table with the keys that it may hold.
#[derive(Clone, Debug)]
pub(super) struct Table<'f> {
    field: Field<'f>,
    known: Vec<&'static str>,
    entries: BTreeMap<String, Field<'f>>,
}

impl<'f> Table<'f> {
    /// The value of a key.
    pub(super) fn field(&self, key: &str) -> Option<&Field<'f>> {
        assert!(self.known.contains(&key), "{}: {key} is read but not known", self.field.path);
        self.entries.get(key)
    }

    /// Records a fault of the table as a whole.
    pub(super) fn fault(&self, message: impl Into<String>) -> Faulty {
        self.field.fault(message)
    }

    /// Reads the value of a key that may be absent.
    pub(super) fn optional<T>(
        &self,
        key: &str,
        read: impl FnOnce(&Field<'f>) -> Result<T, Faulty>,
    ) -> Result<Option<T>, Faulty> {
        self.field(key).map(read).transpose()
    }

    /// Reads the value of a key that may be absent: then it is `default`.
    pub(super) fn value_or<T>(
        &self,
        key: &str,
        default: T,
        read: impl FnOnce(&Field<'f>) -> Result<T, Faulty>,
    ) -> Result<T, Faulty> {
        self.optional(key, read).map(|value| value.unwrap_or(default))
    }

    /// Reads the value of a key that may not be absent; `wanted` says what it would be.
    pub(super) fn required<T>(
        &self,
        key: &str,
        wanted: &str,
        read: impl FnOnce(&Field<'f>) -> Result<T, Faulty>,
    ) -> Result<T, Faulty> {
        if let Some(field) = self.field(key) {
            return read(field);
        }
        let Field { node, path, faults } = &self.field;
        let path = format!("{path}{}", step(path, key));
        Err(faults.add(&node.origin, &path, format!("is missing: expected {wanted}")))
    }

    /// A table below this one; where it is absent, an empty one.
    pub(super) fn section(&self, key: &str, known: &[&'static str]) -> Result<Table<'f>, Faulty> {
        if let Some(field) = self.field(key) {
            return field.table(known);
        }
        let path = format!("{}{}", self.field.path, step(&self.field.path, key));
        let origin = self.field.node.origin.clone();
        let node = Node { origin, content: Content::Table(BTreeMap::new()) };
        Ok(Table {
            field: self.field.below(node, path),
            known: known.to_vec(),
            entries: BTreeMap::new(),
        })
    }
}

/// Whether a topic can have that name.
pub(super) fn is_topic_name(text: &str) -> bool {
    let is_plain = |c: char| c.is_ascii_alphanumeric() || matches!(c, '.' | '_' | '-');
    text.chars().all(is_plain) && (1..=249).contains(&text.len()) && text != "." && text != ".."
}
