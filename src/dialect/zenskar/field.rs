//! JSON as it was sent: read where it is looked at, and kept verbatim where it is answered again.

use std::collections::BTreeMap;

use serde_json::value::RawValue;

use crate::dialect::{Fault, Step};

/// Deepest nesting of a body, which is level 1.
const LEVELS_MAX: usize = 100;

/// Members of an object; of a repeated key the last one counts (rule 1.3).
pub(super) type Members = BTreeMap<String, Box<RawValue>>;

/// A place in a body and what stands there.
#[derive(Clone)]
pub(super) struct Field<'b> {
    pub(super) path: Vec<Step>,
    pub(super) raw: &'b RawValue,
}

/// What kind of value stands somewhere.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) enum Kind {
    Null,
    Boolean,
    Number,
    Text,
    List,
    Object,
}

/// The kind of a value, which its first character tells.
pub(super) fn kind(raw: &RawValue) -> Kind {
    match raw.get().trim_start().bytes().next() {
        Some(b'{') => Kind::Object,
        Some(b'[') => Kind::List,
        Some(b'"') => Kind::Text,
        Some(b't' | b'f') => Kind::Boolean,
        Some(b'n') | None => Kind::Null,
        Some(_) => Kind::Number,
    }
}

impl Field<'_> {
    /// The fault that this field is, of pydantic's type `code`.
    pub(super) fn fault(&self, code: &'static str, message: impl Into<String>) -> Fault {
        Fault { path: self.path.clone(), code, message: message.into() }
    }

    pub(super) fn kind(&self) -> Kind {
        kind(self.raw)
    }

    pub(super) fn text(&self) -> Result<String, Fault> {
        if self.kind() != Kind::Text {
            return Err(self.fault("string_type", "Input should be a valid string"));
        }
        // Half of a surrogate pair is written in JSON, and is no text.
        serde_json::from_str(self.raw.get()).map_err(|_| {
            self.fault(
                "string_unicode",
                "Input should be a valid string, unable to \
                                                       parse raw data as a unicode string",
            )
        })
    }

    pub(super) fn members(&self) -> Result<Members, Fault> {
        let wrong = || self.fault("dict_type", "Input should be a valid dictionary");
        if self.kind() != Kind::Object {
            return Err(wrong());
        }
        serde_json::from_str(self.raw.get()).map_err(|_| wrong())
    }

    pub(super) fn elements(&self) -> Result<Vec<Box<RawValue>>, Fault> {
        let wrong = || self.fault("list_type", "Input should be a valid list");
        if self.kind() != Kind::List {
            return Err(wrong());
        }
        serde_json::from_str(self.raw.get()).map_err(|_| wrong())
    }

    /// What a key of this object holds.
    pub(super) fn member<'m>(&self, members: &'m Members, key: &str) -> Option<Field<'m>> {
        let raw = members.get(key)?;
        Some(Field { path: self.below(Step::Key(key.to_owned())), raw })
    }

    /// An element of this list.
    pub(super) fn element<'m>(&self, index: usize, raw: &'m RawValue) -> Field<'m> {
        Field { path: self.below(Step::Item(index)), raw }
    }

    fn below(&self, step: Step) -> Vec<Step> {
        let mut path = self.path.clone();
        path.push(step);
        path
    }
}

/// The members of a body.
///
/// # Errors
/// No JSON, nested deeper than 100 levels, or no object.
pub(super) fn body(text: &str) -> Result<Members, Vec<Fault>> {
    let fault = |path, code, message: &str| vec![Fault { path, code, message: message.to_owned() }];
    let raw: Box<RawValue> = serde_json::from_str(text).map_err(|error| {
        // The column is counted in bytes from 1; most bodies have but one line.
        let position = Step::Item(error.column().saturating_sub(1));
        fault(vec![position], "json_invalid", "JSON decode error")
    })?;
    if levels(text) > LEVELS_MAX {
        let message = format!("JSON decode error: nested deeper than {LEVELS_MAX} levels");
        return Err(fault(Vec::new(), "json_invalid", &message));
    }
    if kind(&raw) != Kind::Object {
        return Err(fault(
            Vec::new(),
            "model_attributes_type",
            "Input should be a valid dictionary or object to extract fields from",
        ));
    }
    serde_json::from_str(text)
        .map_err(|_| fault(Vec::new(), "json_invalid", "JSON decode error: a key is no text"))
}

/// How deep a sound JSON text is nested.
fn levels(text: &str) -> usize {
    let (mut depth, mut deepest, mut is_text, mut is_escaped) = (0_usize, 0_usize, false, false);
    for byte in text.bytes() {
        match byte {
            _ if is_escaped => is_escaped = false,
            b'\\' if is_text => is_escaped = true,
            b'"' => is_text = !is_text,
            b'{' | b'[' if !is_text => {
                depth = depth.saturating_add(1);
                deepest = deepest.max(depth);
            }
            b'}' | b']' if !is_text => depth = depth.saturating_sub(1),
            _ => {}
        }
    }
    deepest
}
