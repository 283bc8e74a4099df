//! A JSON value as a vendor's body has it: keys in their order, repeated ones too, and numbers as the text that was
//! written, so that nothing passes through a float and what is echoed is what was sent.

use std::fmt;

use serde::de::{Deserialize, Deserializer, MapAccess, Visitor};
use serde_json::value::RawValue;

/// Levels a body may nest; every walk over one may recurse.
const LEVELS_MAX: usize = 100;

/// A value. Its text is compact JSON.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum Json {
    /// `null`
    Null,
    /// `true`, `false`
    Boolean(bool),
    /// A number, as a number token of RFC 8259.
    Number(String),
    /// A string.
    Text(String),
    /// An array.
    List(Vec<Json>),
    /// An object; of a repeated key the last one counts.
    Object(Vec<(String, Json)>),
}

/// Why a text is no body.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct JsonFault(pub String);

impl fmt::Display for JsonFault {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl std::error::Error for JsonFault {}

impl Json {
    /// Reads a whole text.
    ///
    /// # Errors
    /// What is no JSON, or nested deeper than 100 levels.
    pub fn parse(text: &str) -> Result<Self, JsonFault> {
        read(text, 1)
    }

    /// A string.
    pub fn text(text: impl Into<String>) -> Self {
        Json::Text(text.into())
    }

    /// A string, or null.
    pub fn optional(text: Option<&str>) -> Self {
        text.map_or(Json::Null, Json::text)
    }

    /// A list of strings.
    pub fn texts<T: AsRef<str>>(texts: impl IntoIterator<Item = T>) -> Self {
        Json::List(texts.into_iter().map(|text| Json::text(text.as_ref())).collect())
    }

    /// An object of these members.
    pub fn object<const N: usize>(members: [(&str, Json); N]) -> Self {
        Json::Object(members.into_iter().map(|(key, value)| (key.to_owned(), value)).collect())
    }

    /// The value of a key of an object; `None` also where it is null.
    pub fn member(&self, key: &str) -> Option<&Json> {
        match self {
            Json::Object(members) => {
                let (_, value) = members.iter().rev().find(|(name, _)| name == key)?;
                (*value != Json::Null).then_some(value)
            }
            Json::Null | Json::Boolean(_) | Json::Number(_) | Json::Text(_) | Json::List(_) => None,
        }
    }

    /// A string's content, a number as written, `true`, `false`: what a text column of another system would hold.
    pub fn scalar_text(&self) -> Option<&str> {
        match self {
            Json::Boolean(true) => Some("true"),
            Json::Boolean(false) => Some("false"),
            Json::Number(text) | Json::Text(text) => Some(text),
            Json::Null | Json::List(_) | Json::Object(_) => None,
        }
    }

    /// The object with the members of another one in place of its own of the same keys.
    #[must_use]
    pub fn merged(self, changes: Json) -> Self {
        match (self, changes) {
            (Json::Object(mut members), Json::Object(changes)) => {
                members.retain(|(key, _)| changes.iter().all(|(other, _)| other != key));
                members.extend(changes);
                Json::Object(members)
            }
            (_, changes) => changes,
        }
    }

    /// For people: what kind of value it is.
    pub(super) fn kind(&self) -> &'static str {
        match self {
            Json::Null => "null",
            Json::Boolean(_) => "a boolean",
            Json::Number(_) => "a number",
            Json::Text(_) => "a text",
            Json::List(_) => "a list",
            Json::Object(_) => "an object",
        }
    }
}

fn read(text: &str, level: usize) -> Result<Json, JsonFault> {
    if level > LEVELS_MAX {
        return Err(JsonFault(format!("nested deeper than {LEVELS_MAX} levels")));
    }
    let below = level.saturating_add(1);
    let text = text.trim_ascii();
    Ok(match text.as_bytes().first() {
        Some(b'{') => {
            let Members(members) = parsed(text)?;
            let read = members.into_iter().map(|(key, raw)| Ok((key, read(raw.get(), below)?)));
            Json::Object(read.collect::<Result<_, _>>()?)
        }
        Some(b'[') => {
            let elements: Vec<&RawValue> = parsed(text)?;
            let read = elements.into_iter().map(|raw| read(raw.get(), below));
            Json::List(read.collect::<Result<_, _>>()?)
        }
        Some(b'"') => Json::Text(parsed(text)?),
        Some(b't' | b'f') => Json::Boolean(parsed(text)?),
        Some(b'n') => {
            let () = parsed(text)?;
            Json::Null
        }
        _ => Json::Number(parsed::<&RawValue>(text)?.get().to_owned()),
    })
}

fn parsed<'t, T: Deserialize<'t>>(text: &'t str) -> Result<T, JsonFault> {
    serde_json::from_str(text).map_err(|error| JsonFault(error.to_string()))
}

/// Members of an object in the order of the text, repeated keys too.
pub struct Members<'t>(pub Vec<(String, &'t RawValue)>);

impl<'t> Deserialize<'t> for Members<'t> {
    fn deserialize<D: Deserializer<'t>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_map(MembersVisitor)
    }
}

struct MembersVisitor;

impl<'t> Visitor<'t> for MembersVisitor {
    type Value = Members<'t>;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("an object")
    }

    fn visit_map<A: MapAccess<'t>>(self, mut map: A) -> Result<Self::Value, A::Error> {
        let mut members = Vec::new();
        while let Some(member) = map.next_entry()? {
            members.push(member);
        }
        Ok(Members(members))
    }
}

/// Compact JSON.
impl fmt::Display for Json {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Json::Null => f.write_str("null"),
            Json::Boolean(value) => write!(f, "{value}"),
            Json::Number(text) => f.write_str(text),
            Json::Text(text) => write_text(f, text),
            Json::List(elements) => {
                f.write_str("[")?;
                for (place, element) in elements.iter().enumerate() {
                    write!(f, "{}{element}", if place == 0 { "" } else { "," })?;
                }
                f.write_str("]")
            }
            Json::Object(members) => {
                f.write_str("{")?;
                for (place, (key, value)) in members.iter().enumerate() {
                    f.write_str(if place == 0 { "" } else { "," })?;
                    write_text(f, key)?;
                    write!(f, ":{value}")?;
                }
                f.write_str("}")
            }
        }
    }
}

fn write_text(f: &mut fmt::Formatter<'_>, text: &str) -> fmt::Result {
    f.write_str(&serde_json::to_string(text).map_err(|_| fmt::Error)?)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn what_is_read_is_written_again() {
        for text in [
            r#"{"a":1.50,"b":[true,false,null,{}],"a":-1e400,"":"é\n\"\\"}"#,
            "[]",
            "12345678901234567890123",
            r#""x""#,
        ] {
            assert_eq!(Json::parse(text).map(|json| json.to_string()), Ok(text.to_owned()));
        }
        let json = Json::parse(" { \"a\" : [ 1 , \"\\u0041\" ] }\n").expect("sound");
        assert_eq!(json.to_string(), r#"{"a":[1,"A"]}"#);
    }

    #[test]
    fn what_is_no_json_is_refused() {
        for text in
            ["", "{", "{}{}", "nul", "truth", "1 2", "01", "[1,]", "{\"a\"}", "'a'", "\u{feff}1"]
        {
            assert!(Json::parse(text).is_err(), "{text}");
        }
        for (levels, is_read) in [(100, true), (101, false), (100_000, false)] {
            let text = format!("{}{}", "[".repeat(levels), "]".repeat(levels));
            assert_eq!(Json::parse(&text).is_ok(), is_read, "{levels}");
        }
    }

    #[test]
    fn changes_stand_in_place_of_what_was() {
        let json = |text: &str| Json::parse(text).expect("sound");
        let merged = json(r#"{"a":1,"b":2,"a":3}"#).merged(json(r#"{"a":null,"c":4}"#));
        assert_eq!(merged.to_string(), r#"{"b":2,"a":null,"c":4}"#);
    }

    proptest! {
        #[test]
        fn any_bytes_are_read_or_refused(text in "[\\[\\]{}:,\"a-c0-9\\\\. truefalsn]{0,60}") {
            if let Ok(json) = Json::parse(&text) {
                prop_assert_eq!(Json::parse(&json.to_string()), Ok(json));
            }
        }
    }
}
