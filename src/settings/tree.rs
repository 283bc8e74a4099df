//! Settings as a tree of values, each with where it was said, and the laying of one tree over another.
//!
//! Stands between the layers and the reader. What keys mean, this file does not know. The crate `config` does not take
//! its place: that keeps no lines, splits keys such as `bootstrap.servers` at their dots and ends at the first fault.

use std::collections::BTreeMap;
use std::fmt;
use std::rc::Rc;

use toml::Spanned;
use toml::de::{DeArray, DeTable, DeValue};

use crate::admin::KEY_BEGINNING;
use crate::format::toml::is_of_one_key;
use crate::format::wording::{LineStarts, shortened, step};

/// Where a value was said: file and place in it, environment variable, or flag. Ordered as people read them.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Debug)]
pub(super) struct Origin {
    layer: Layer,
    /// Line and column from 1; `None` outside of files.
    place: Option<(usize, usize)>,
    name: Rc<str>,
}

/// The layers; a later one overrides those before it.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug)]
pub(super) enum Layer {
    /// The configuration file.
    File,
    /// The environment.
    Environment,
    /// The command line.
    Flags,
}

impl Origin {
    /// Something as a whole: a file, a variable, a flag.
    pub(super) fn whole(layer: Layer, name: &str) -> Self {
        Origin { layer, place: None, name: name.into() }
    }

    fn at(&self, place: (usize, usize)) -> Self {
        Origin { place: Some(place), ..self.clone() }
    }
}

/// `config/odometer.toml:12:3`, `ODOMETER__SOURCE__WORKERS`, `--set source.workers`.
impl fmt::Display for Origin {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.name)?;
        match self.place {
            Some((line, column)) => write!(f, ":{line}:{column}"),
            None => Ok(()),
        }
    }
}

/// A value and where it was said; a value in a table has the place of its key.
#[derive(Clone, Debug)]
pub(super) struct Node {
    pub(super) origin: Origin,
    pub(super) content: Content,
}

/// A value.
#[derive(Clone, Debug)]
pub(super) enum Content {
    /// A text.
    Text(String),
    /// A whole number.
    Integer(i64),
    /// A truth value.
    Boolean(bool),
    /// Anything else that TOML has, as written.
    Other(String),
    /// What a variable or flag holds: text, number or truth value, as its key wants it.
    Unquoted(String),
    /// Values in order.
    List(Vec<Node>),
    /// Values by key.
    Table(BTreeMap<String, Node>),
}

/// Whether a text looks like one that is nobody else's to read: a key of the listener, PEM, an address with a password.
pub(super) fn is_confidential(text: &str) -> bool {
    let has_user = text.split_once("://").is_some_and(|(_, rest)| rest.contains('@'));
    has_user || text.contains(KEY_BEGINNING) || text.contains("-----BEGIN")
}

/// What was found, for a fault: `number 5`, `text "x"`, `a list`.
impl fmt::Display for Content {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Content::Text(text) | Content::Unquoted(text) | Content::Other(text)
                if is_confidential(text) =>
            {
                f.write_str("a text that is not repeated here, for it looks like a secret")
            }
            Content::Text(text) | Content::Unquoted(text) => {
                write!(f, "text {:?}", shortened(text))
            }
            Content::Integer(number) => write!(f, "number {number}"),
            Content::Boolean(value) => write!(f, "{value}"),
            Content::Other(text) => f.write_str(&shortened(text)),
            Content::List(_) => f.write_str("a list"),
            Content::Table(_) => f.write_str("a table"),
        }
    }
}

impl Node {
    /// The same value under more keys, the outermost first.
    pub(super) fn under(self, path: &[String]) -> Node {
        path.iter().rev().fold(self, |node, key| Node {
            origin: node.origin.clone(),
            content: Content::Table(BTreeMap::from([(key.clone(), node)])),
        })
    }

    /// Lays another tree over this one: tables are merged, all else is replaced. A table that meets something else is
    /// told to `clash`, with its path, and replaces or is replaced all the same.
    pub(super) fn overlay(&mut self, above: Node, path: &str, clash: &mut dyn FnMut(&Node, &str)) {
        match (&mut self.content, above.content) {
            (Content::Table(below), Content::Table(entries)) => {
                for (key, node) in entries {
                    let path = format!("{path}{}", step(path, &key));
                    match below.get_mut(&key) {
                        Some(present) => present.overlay(node, &path, clash),
                        None => {
                            below.insert(key, node);
                        }
                    }
                }
            }
            (below, content) => {
                let is_table = |content: &Content| matches!(content, Content::Table(_));
                let is_clash = is_table(below) != is_table(&content);
                let node = Node { origin: above.origin, content };
                if is_clash {
                    clash(&node, path);
                }
                *self = node;
            }
        }
    }
}

/// A text that is no TOML: every place, with what is wrong.
pub(super) type SyntaxFaults = Vec<(Origin, String)>;

/// Reads a TOML file.
///
/// Every place where it is none comes with what was read around these; `None` where that would be guesswork.
pub(super) fn parse_file(name: &str, text: &str) -> (Option<Node>, SyntaxFaults) {
    let whole = Origin::whole(Layer::File, name);
    let starts = LineStarts::of(text);
    let origin = |offset: usize| whole.at(starts.position(text, offset));
    let (table, errors) = DeTable::parse_recoverable(text);
    let node = errors.iter().all(is_of_one_key).then(|| {
        let content = Content::Table(entries(table.get_ref(), text, &origin));
        Node { origin: whole.clone(), content }
    });
    let place = |error: &toml::de::Error| error.span().map_or(0, |span| span.start);
    let mut faults: SyntaxFaults = Vec::new();
    for error in &errors {
        let fault = (origin(place(error)), error.message().to_owned());
        // The parser may come by the same place more than once.
        if !faults.contains(&fault) {
            faults.push(fault);
        }
    }
    (node, faults)
}

/// Reads one TOML value; `None` where it is none. All of it has the same origin.
pub(super) fn parse_value(text: &str, origin: &Origin) -> Option<Node> {
    let value = DeValue::parse(text).ok()?;
    Some(node(&value, text, origin.clone(), &|_| origin.clone()))
}

/// Why a text is no TOML value, and the column of its own at which it ceases to be one; `None` where it is one.
pub(super) fn fault_of_value(text: &str) -> Option<String> {
    let error = DeValue::parse(text).err()?;
    let at = error.span().map_or(0, |span| span.start);
    let (_, column) = LineStarts::of(text).position(text, at);
    Some(format!("{} (column {column})", error.message()))
}

/// The steps of a dotted TOML key; `None` where it is none.
pub(super) fn parse_key(text: &str) -> Option<Vec<String>> {
    let line = format!("{text} = 0");
    let table = DeTable::parse(&line).ok()?;
    let mut steps = Vec::new();
    let mut inner = table.get_ref();
    loop {
        let (key, value) = inner.iter().next()?;
        steps.push(key.get_ref().to_string());
        match value.get_ref() {
            DeValue::Table(table) => inner = table,
            DeValue::Integer(_) => return Some(steps),
            DeValue::String(_)
            | DeValue::Float(_)
            | DeValue::Boolean(_)
            | DeValue::Datetime(_)
            | DeValue::Array(_) => return None,
        }
    }
}

fn node(
    value: &Spanned<DeValue<'_>>,
    text: &str,
    origin: Origin,
    places: &dyn Fn(usize) -> Origin,
) -> Node {
    let written = || text.get(value.span()).unwrap_or_default().to_owned();
    let content = match value.get_ref() {
        DeValue::String(content) => Content::Text(content.to_string()),
        DeValue::Integer(integer) => i64::from_str_radix(integer.as_str(), integer.radix())
            .map_or_else(|_| Content::Other(written()), Content::Integer),
        DeValue::Boolean(value) => Content::Boolean(*value),
        DeValue::Float(_) | DeValue::Datetime(_) => Content::Other(written()),
        DeValue::Array(array) => Content::List(elements(array, text, places)),
        DeValue::Table(table) => Content::Table(entries(table, text, places)),
    };
    Node { origin, content }
}

fn elements(array: &DeArray<'_>, text: &str, places: &dyn Fn(usize) -> Origin) -> Vec<Node> {
    array.iter().map(|value| node(value, text, places(value.span().start), places)).collect()
}

fn entries(
    table: &DeTable<'_>,
    text: &str,
    places: &dyn Fn(usize) -> Origin,
) -> BTreeMap<String, Node> {
    let entry = |(key, value): (&Spanned<_>, _)| {
        let key: &Spanned<std::borrow::Cow<'_, str>> = key;
        (key.get_ref().to_string(), node(value, text, places(key.span().start), places))
    };
    table.iter().map(entry).collect()
}
