//! The names an expression may use: parts of an event (rule 5.2), or `value` and `events` in a
//! `result` (rule 4.6).

use super::grammar::Grammar;
use super::scalar::{EvaluationError, Scalar};
use crate::definition::grouping::value_at;
use crate::definition::lexemes::is_plain_word;
use crate::model::{Event, Number};

/// One part of a dotted name.
#[derive(Clone, PartialEq, Eq, Debug)]
pub(super) struct Key {
    /// Without its quotes.
    pub(super) text: String,
    /// Whether it was written with them.
    pub(super) is_quoted: bool,
}

/// A set of names.
pub(super) trait Name: Clone + PartialEq + Eq + Sized {
    /// The name that stands for the dotted path, which is never empty; the error says what would be
    /// right.
    fn resolve(path: Vec<Key>, grammar: Grammar) -> Result<Self, String>;

    /// Appends the one spelling of normal forms.
    fn write(&self, text: &mut String, grammar: Grammar);

    /// Whether its value may be a boolean; else it is a text or a number whatever the event holds.
    fn can_be_boolean(&self) -> bool;
}

/// Where the values of names come from.
pub(super) trait Source<'e> {
    /// The names it knows.
    type Name: 'e;

    /// The value of one.
    fn read(&self, name: &'e Self::Name) -> Result<Scalar<'e>, EvaluationError>;
}

/// A name in `filter` or `value`.
#[derive(Clone, PartialEq, Eq, Debug)]
pub(super) enum EventName {
    /// `properties.a.b`: the keys, outermost first, never none.
    Property(Vec<String>),
    /// `event.properties.NAME` of Lago: where it is missing or null, the event has no value.
    Required(String),
    /// `id`
    Id,
    /// `type`, `event.code`
    Type,
    /// `customer`
    Customer,
    /// `time`, `event.timestamp`: seconds since the epoch.
    Time,
}

impl Name for EventName {
    fn resolve(path: Vec<Key>, grammar: Grammar) -> Result<Self, String> {
        if grammar == Grammar::Lago {
            return lago_name(&path);
        }
        let plain =
            |key: Option<&Key>| key.filter(|key| !key.is_quoted).map(|key| key.text.clone());
        let (first, second) = (plain(path.first()), plain(path.get(1)));
        let prefix_keys = match (first.as_deref(), second.as_deref(), path.len()) {
            (Some("id"), _, 1) => return Ok(EventName::Id),
            (Some("type"), _, 1) | (Some("event"), Some("code"), 2) => return Ok(EventName::Type),
            (Some("customer"), _, 1) => return Ok(EventName::Customer),
            (Some("time"), _, 1) | (Some("event"), Some("timestamp"), 2) => {
                return Ok(EventName::Time);
            }
            (Some("properties"), _, 2..) => 1,
            (Some("event"), Some("properties"), 3..) => 2,
            (Some("properties"), _, 1) | (Some("event"), Some("properties"), 2) => {
                return Err(format!(
                    "`{}` is an object: name one of its keys, as in properties.key",
                    spelling(&path)
                ));
            }
            _ => {
                return Err(format!(
                    "unknown name `{}`: names are properties.key, id, type, customer, time, \
                     event.code, event.timestamp and event.properties.key; text stands in single \
                     quotes",
                    spelling(&path)
                ));
            }
        };
        let keys = path.into_iter().skip(prefix_keys).map(|key| key.text);
        Ok(EventName::Property(keys.collect()))
    }

    fn write(&self, text: &mut String, grammar: Grammar) {
        match self {
            EventName::Required(key) => text.extend(["event.properties.", key]),
            EventName::Type if grammar == Grammar::Lago => text.push_str("event.code"),
            EventName::Time if grammar == Grammar::Lago => text.push_str("event.timestamp"),
            EventName::Property(keys) => {
                text.push_str("properties");
                for key in keys {
                    text.push('.');
                    write_key(key, text);
                }
            }
            EventName::Id => text.push_str("id"),
            EventName::Type => text.push_str("type"),
            EventName::Customer => text.push_str("customer"),
            EventName::Time => text.push_str("time"),
        }
    }

    fn can_be_boolean(&self) -> bool {
        matches!(self, EventName::Property(_) | EventName::Required(_))
    }
}

/// Lago's three sorts of names; that of a property is a word of ASCII.
fn lago_name(path: &[Key]) -> Result<EventName, String> {
    let keys: Vec<&str> = path.iter().map(|key| key.text.as_str()).collect();
    match keys.as_slice() {
        ["event", "code"] => Ok(EventName::Type),
        ["event", "timestamp"] => Ok(EventName::Time),
        ["event", "properties", key] if key.starts_with(|c: char| c.is_ascii_alphabetic()) => {
            Ok(EventName::Required((*key).to_owned()))
        }
        _ => Err(format!(
            "unknown name `{}`: names are event.code, event.timestamp and event.properties.NAME",
            keys.join(".")
        )),
    }
}

impl<'e> Source<'e> for &'e Event<'e> {
    type Name = EventName;

    fn read(&self, name: &'e EventName) -> Result<Scalar<'e>, EvaluationError> {
        match name {
            EventName::Property(keys) => match value_at(self.properties, keys) {
                Some(value) => Scalar::read(value),
                None => Ok(Scalar::Null),
            },
            EventName::Required(key) => {
                match self.properties.member(key).map(Scalar::read_decimal).transpose()? {
                    Some(Scalar::Null) | None => Err(EvaluationError::WrongKind(format!(
                        "the event has no property {key}, which the expression needs"
                    ))),
                    Some(value) => Ok(value),
                }
            }
            EventName::Id => Ok(Scalar::borrowed(&self.id)),
            EventName::Type => Ok(Scalar::borrowed(&self.event_type)),
            EventName::Customer => Ok(Scalar::borrowed(&self.customer)),
            EventName::Time => {
                let micros = Number::from_integer(i128::from(self.time.micros()))?;
                Ok(Scalar::Number(micros.multiply(Number::parse_json("0.000001")?)?))
            }
        }
    }
}

/// A name in `result`.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) enum ResultName {
    /// `value`: the finished aggregate.
    Value,
    /// `events`: how many events it has.
    Events,
}

impl Name for ResultName {
    fn resolve(path: Vec<Key>, _: Grammar) -> Result<Self, String> {
        match path.as_slice() {
            [Key { text, is_quoted: false }] if text == "value" => Ok(ResultName::Value),
            [Key { text, is_quoted: false }] if text == "events" => Ok(ResultName::Events),
            _ => Err(format!(
                "unknown name `{}`: the names of a result are value and events; text stands in \
                 single quotes",
                spelling(&path)
            )),
        }
    }

    fn write(&self, text: &mut String, _: Grammar) {
        text.push_str(match self {
            ResultName::Value => "value",
            ResultName::Events => "events",
        });
    }

    fn can_be_boolean(&self) -> bool {
        false
    }
}

/// The numbers that a `result` is worked out from.
pub(super) struct Aggregate {
    /// `None` is NULL.
    pub(super) value: Option<Number>,
    /// How many events the total has.
    pub(super) events: u64,
}

impl<'e> Source<'e> for Aggregate {
    type Name = ResultName;

    fn read(&self, name: &'e ResultName) -> Result<Scalar<'e>, EvaluationError> {
        Ok(match name {
            ResultName::Value => self.value.map_or(Scalar::Null, Scalar::Number),
            ResultName::Events => Scalar::Number(Number::from_integer(i128::from(self.events))?),
        })
    }
}

/// A dotted name as it was written.
fn spelling(path: &[Key]) -> String {
    let mut text = String::new();
    for key in path {
        if !text.is_empty() {
            text.push('.');
        }
        if key.is_quoted { write_quoted(&key.text, &mut text) } else { text.push_str(&key.text) }
    }
    text
}

fn write_key(key: &str, text: &mut String) {
    if is_plain_word(key) { text.push_str(key) } else { write_quoted(key, text) }
}

fn write_quoted(key: &str, text: &mut String) {
    text.push('"');
    text.push_str(&key.replace('"', "\"\""));
    text.push('"');
}
