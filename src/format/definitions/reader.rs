//! Walking the tree of a definitions file, with every fault kept, not only the first.
//!
//! A [`Field`] is one value with its place; asked for what it should be, it gives that or records a fault. So
//! a caller reads all fields of a table before it gives up on any. What the keys mean, this file does not know.

use std::cell::RefCell;
use std::fmt;

use super::body::BodyFault;
use super::place::Place;
use super::syntax::{Entry, Node, Value};
use crate::definition::{DefinitionFault, DefinitionSource};
use crate::dialect::Step;
use crate::format::wording::{LineStarts, alternatives, shortened, step, unknown_key};
use crate::model::{EventTime, Span};

/// What could not be read; the fault that says why is recorded already.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) struct Faulty;

/// All faults of some files.
#[derive(Debug)]
pub(super) struct Faults<'t> {
    /// Name and text of each file.
    files: &'t [(&'t str, &'t str)],
    found: RefCell<Vec<(Place, String)>>,
    /// Where lines begin in the file that was asked about last.
    lines: RefCell<Option<(usize, LineStarts)>>,
    /// Whether it was accepted once: then it is read as it was then.
    is_stored: bool,
}

impl<'t> Faults<'t> {
    /// None yet.
    pub(super) fn new(files: &'t [(&'t str, &'t str)]) -> Self {
        Faults { files, found: RefCell::default(), lines: RefCell::default(), is_stored: false }
    }

    /// None yet, of what was accepted by this or an earlier version of the program.
    pub(super) fn of_stored(files: &'t [(&'t str, &'t str)]) -> Self {
        Faults { is_stored: true, ..Self::new(files) }
    }

    /// Records one.
    pub(super) fn add(&self, place: &Place, message: impl Into<String>) -> Faulty {
        self.found.borrow_mut().push((place.clone(), message.into()));
        Faulty
    }

    /// All of them by their path alone, in the order of the text.
    pub(super) fn into_bodies(self) -> Vec<BodyFault> {
        let mut found = self.found.into_inner();
        found.sort_by_key(|(place, _)| (place.file, place.offset));
        found
            .into_iter()
            .map(|(place, message)| BodyFault { path: place.whole_path(), message })
            .collect()
    }

    /// All of them, in the order of the files and of the places in each.
    pub(super) fn into_list(self) -> Vec<DefinitionFault> {
        let mut found = self.found.take();
        found.sort_by_key(|(place, _)| (place.file, place.offset));
        let fault = |(place, message)| DefinitionFault { place: self.shown(&place), message };
        found.into_iter().map(fault).collect()
    }

    /// File, line, column and what stands there.
    pub(super) fn shown(&self, place: &Place) -> String {
        let (name, text) = self.files.get(place.file).copied().unwrap_or_default();
        let mut lines = self.lines.borrow_mut();
        if lines.as_ref().is_none_or(|(file, _)| *file != place.file) {
            *lines = Some((place.file, LineStarts::of(text)));
        }
        let at = lines.as_ref().map(|(_, lines)| lines.position(text, place.offset));
        let (line, column) = at.unwrap_or_default();
        let inside = place.to_string();
        let separator = if inside.is_empty() { "" } else { ": " };
        format!("{name}:{line}:{column}{separator}{inside}")
    }

    /// A place as one that is told of at another one may call it: with its file where that is another.
    pub(super) fn seen_from(&self, other: &Place, place: &Place) -> String {
        if other.file == place.file { place.to_string() } else { self.shown(place) }
    }
}

/// One value with its place.
#[derive(Clone, Debug)]
pub(super) struct Field<'a> {
    node: &'a Node,
    place: Place,
    faults: &'a Faults<'a>,
}

impl<'a> Field<'a> {
    /// The root of a file.
    pub(super) fn root(file: usize, node: &'a Node, faults: &'a Faults<'a>) -> Self {
        Field { node, place: Place::in_file(file, node.offset), faults }
    }

    /// What it is.
    pub(super) fn value(&self) -> &'a Value {
        &self.node.value
    }

    /// Where it comes from, and what was written there.
    pub(super) fn source(&self) -> DefinitionSource {
        let (name, _) = self.faults.files.get(self.place.file).copied().unwrap_or_default();
        let mut written = String::new();
        self.node.value.push_json(&mut written);
        let keys = match &self.node.value {
            Value::Table(entries) => entries.iter().map(|entry| entry.key.clone()).collect(),
            _ => Vec::new(),
        };
        DefinitionSource { place: format!("file:{name}"), written, keys, ..Default::default() }
    }

    /// The same place with another value there, which stands for this one.
    pub(super) fn standing_for<'b>(&'b self, node: &'b Node) -> Field<'b> {
        Field { node, place: self.place.clone(), faults: self.faults }
    }

    /// Whether it stands in a definition that was accepted once, so that what has become a fault since is none of it.
    pub(super) fn is_stored(&self) -> bool {
        self.faults.is_stored
    }

    /// Byte of the text that the value begins at.
    pub(super) fn offset(&self) -> usize {
        self.node.offset
    }

    /// Records a fault of this value.
    pub(super) fn fault(&self, message: impl Into<String>) -> Faulty {
        self.faults.add(&self.place, message)
    }

    /// Records a fault of what lies at a path below: in the text it is the last value on the way that is there.
    pub(super) fn fault_below(&self, path: &[Step], message: impl Into<String>) -> Faulty {
        let mut place = self.place.clone();
        let mut node = Some(self.node);
        for part in path {
            node = node.and_then(|node| node.value.below(part));
            place.offset = node.map_or(place.offset, |node| node.offset);
            let written = match part {
                Step::Key(key) => step(&place.path, key),
                Step::Item(index) => format!("[{index}]"),
            };
            place.path.push_str(&written);
        }
        self.faults.add(&place, message)
    }

    /// Records every key that stands twice in one table, on every level.
    pub(super) fn repeated_keys(&self) -> Result<(), Faulty> {
        match &self.node.value {
            Value::Table(_) => {
                for (_, field) in self.entries("a table")? {
                    field.repeated_keys()?;
                }
            }
            Value::List(_) => {
                for field in self.list("values")? {
                    field.repeated_keys()?;
                }
            }
            Value::Null
            | Value::Boolean(_)
            | Value::Number(_)
            | Value::Text(_)
            | Value::Instant(_)
            | Value::Other(_) => {}
        }
        Ok(())
    }

    fn unexpected(&self, expected: impl fmt::Display) -> Faulty {
        self.fault(format!("expected {expected}, found {}", self.node.value))
    }

    /// A text of any content.
    pub(super) fn text(&self) -> Result<String, Faulty> {
        self.str().map(str::to_owned)
    }

    /// See [`Field::text`].
    pub(super) fn str(&self) -> Result<&'a str, Faulty> {
        match &self.node.value {
            Value::Text(text) => Ok(text),
            Value::Number(_) | Value::Boolean(_) | Value::Instant(_) | Value::Other(_) => {
                Err(self.unexpected("a text in quotes"))
            }
            Value::Null | Value::List(_) | Value::Table(_) => Err(self.unexpected("a text")),
        }
    }

    /// The text, where it is one, without a fault where it is none.
    pub(super) fn str_quietly(&self) -> Option<&'a str> {
        match &self.node.value {
            Value::Text(text) => Some(text),
            _ => None,
        }
    }

    /// What events name tenants, types and customers by: 1 to 512 bytes (rule 1.1).
    pub(super) fn identity(&self) -> Result<String, Faulty> {
        let text = self.str()?;
        match text.len() {
            0 => Err(self.fault("is empty: expected a text of 1 to 512 bytes")),
            1..=512 => Ok(text.to_owned()),
            length => Err(self.fault(format!("has {length} bytes: at most 512 are possible"))),
        }
    }

    /// `true` or `false`.
    pub(super) fn boolean(&self) -> Result<bool, Faulty> {
        match self.node.value {
            Value::Boolean(value) => Ok(value),
            _ => Err(self.unexpected("true or false")),
        }
    }

    /// A whole number between two others.
    pub(super) fn whole_number(&self, least: i8, greatest: i8) -> Result<i8, Faulty> {
        let number = match &self.node.value {
            Value::Number(text) => text.parse().ok(),
            _ => None,
        };
        let inside = number.filter(|number| (least..=greatest).contains(number));
        inside.ok_or_else(|| {
            self.unexpected(format_args!("a whole number from {least} to {greatest}"))
        })
    }

    /// One of some names.
    pub(super) fn choice<T: Copy>(&self, choices: &[(&str, T)]) -> Result<T, Faulty> {
        let chosen = match &self.node.value {
            Value::Text(text) => choices.iter().find(|(name, _)| name == text),
            _ => None,
        };
        chosen.map(|(_, choice)| *choice).ok_or_else(|| {
            let names: Vec<&str> = choices.iter().map(|(name, _)| *name).collect();
            self.unexpected(alternatives(&names))
        })
    }

    /// A whole number and one of `ms s m h d w`.
    pub(super) fn duration(&self) -> Result<Span, Faulty> {
        let span = match &self.node.value {
            Value::Text(text) => Span::parse(text),
            _ => None,
        };
        span.ok_or_else(|| {
            self.unexpected("a whole number and one of ms, s, m, h, d, w, such as \"24h\", at most \"106751991d\"")
        })
    }

    /// An instant by RFC 3339, or TOML's own with an offset, in the years 1970 to 9998 (rule 1.2).
    pub(super) fn instant(&self) -> Result<EventTime, Faulty> {
        let time = match &self.node.value {
            Value::Text(text) | Value::Instant(text) => EventTime::parse_rfc3339(text),
            _ => None,
        };
        time.filter(|time| time.is_admissible()).ok_or_else(|| {
            self.unexpected(
                "an instant of RFC 3339 such as \"2026-03-01T00:00:00Z\" (1970 to 9998)",
            )
        })
    }

    /// The elements of a list.
    pub(super) fn list(&self, of: &str) -> Result<Vec<Field<'a>>, Faulty> {
        let Value::List(nodes) = &self.node.value else {
            return Err(self.unexpected(format_args!("a list of {of}")));
        };
        let numbered = nodes.iter().enumerate();
        Ok(numbered.map(|(index, node)| self.below(node, &format!("[{index}]"))).collect())
    }

    /// Every key of a table with its value, in the order written; a repeated key is a fault.
    pub(super) fn entries(&self, of: &str) -> Result<Vec<(&'a str, Field<'a>)>, Faulty> {
        let Value::Table(entries) = &self.node.value else {
            return Err(self.unexpected(of));
        };
        let mut fields: Vec<(&str, Field<'a>)> = Vec::with_capacity(entries.len());
        let mut seen = std::collections::BTreeSet::new();
        for Entry { offset, key, node } in entries {
            let field = self.below(node, &step(&self.place.path, key));
            if !seen.insert(key.as_str()) {
                let place = Place { offset: *offset, ..field.place.clone() };
                self.faults.add(&place, "stands twice in one table: keep one of them");
            }
            fields.push((key, field));
        }
        Ok(fields)
    }

    /// A table whose keys are known; others are faults.
    pub(super) fn table(&self, known: &[&str]) -> Result<Table<'a>, Faulty> {
        let is_short = known.len() <= 8;
        let expected = if is_short {
            format!("a table with {}", known.join(", "))
        } else {
            "a table".to_owned()
        };
        let fields = self.entries(&expected)?;
        for (key, field) in &fields {
            if !known.contains(key) {
                let (path, key) = (self.place.path.clone(), (*key).to_owned());
                let place = Place { path, key, ..field.place.clone() };
                self.faults.add(&place, unknown_key(&place.key, known));
            }
        }
        Ok(Table { place: self.place.clone(), fields, faults: self.faults })
    }

    /// The same value as an entry of a file, with what people know it by.
    pub(super) fn into_entry(mut self, name_key: &str) -> Self {
        let entries = if let Value::Table(entries) = &self.node.value { &**entries } else { &[] };
        let mut names = entries.iter().filter(|entry| entry.key == name_key);
        self.place.entry = std::mem::take(&mut self.place.path);
        if let Some(Value::Text(name)) = names.next().map(|entry| &entry.node.value) {
            let name = format!(" ({name_key} {:?})", shortened(name));
            self.place.entry.push_str(&name);
        }
        self
    }

    fn below(&self, node: &'a Node, step: &str) -> Field<'a> {
        let path = format!("{}{step}", self.place.path);
        let place = Place { offset: node.offset, path, ..self.place.clone() };
        Field { node, place, faults: self.faults }
    }
}

/// A table with the keys that it may hold.
#[derive(Clone, Debug)]
pub(super) struct Table<'a> {
    place: Place,
    fields: Vec<(&'a str, Field<'a>)>,
    faults: &'a Faults<'a>,
}

impl<'a> Table<'a> {
    /// Where it stands.
    pub(super) fn place(&self) -> &Place {
        &self.place
    }

    /// The value of a key.
    pub(super) fn field(&self, key: &str) -> Option<&Field<'a>> {
        self.fields.iter().rev().find(|(name, _)| *name == key).map(|(_, field)| field)
    }

    /// Records a fault of the table as a whole.
    pub(super) fn fault(&self, message: impl Into<String>) -> Faulty {
        self.faults.add(&self.place, message)
    }

    /// Reads the value of a key that may be absent.
    pub(super) fn optional<T>(
        &self,
        key: &str,
        read: impl FnOnce(&Field<'a>) -> Result<T, Faulty>,
    ) -> Result<Option<T>, Faulty> {
        self.field(key).map(read).transpose()
    }

    /// Reads the value of a key that may not be absent; `wanted` says what it would be.
    pub(super) fn required<T>(
        &self,
        key: &str,
        wanted: &str,
        read: impl FnOnce(&Field<'a>) -> Result<T, Faulty>,
    ) -> Result<T, Faulty> {
        if let Some(field) = self.field(key) {
            return read(field);
        }
        let place = Place { key: key.to_owned(), ..self.place.clone() };
        Err(self.faults.add(&place, format!("{key} is missing: {wanted}")))
    }
}
