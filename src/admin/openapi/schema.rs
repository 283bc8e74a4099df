//! Pieces that schemas of bodies are put together from.
//!
//! Objects of answers are closed: a field that nobody told of fails the tests. Those of requests are as strict as their readers.

use serde_json::{Map, Value, json};

/// Schemas by the name that they are referred to by.
pub(super) type Schemas = Map<String, Value>;

/// A value that stands under `components.schemas`.
pub(super) fn reference(name: &str) -> Value {
    json!({ "$ref": format!("#/components/schemas/{name}") })
}

/// A text, and what it says.
pub(super) fn text(what: &str) -> Value {
    json!({ "type": "string", "description": what })
}

/// A text of a form that has a name: it is told of, and no more.
pub(super) fn formatted(format: &str, what: &str) -> Value {
    json!({ "type": "string", "format": format, "description": what })
}

/// An instant by RFC 3339, in UTC where an answer has it.
pub(super) fn instant(what: &str) -> Value {
    json!({ "type": "string", "format": "date-time", "description": what })
}

/// `true` or `false`.
pub(super) fn boolean(what: &str) -> Value {
    json!({ "type": "boolean", "description": what })
}

/// A whole number.
pub(super) fn whole(what: &str, least: i64) -> Value {
    json!({ "type": "integer", "minimum": least, "description": what })
}

/// One of some texts.
pub(super) fn one_of<'n>(names: impl IntoIterator<Item = &'n str>, what: &str) -> Value {
    let names: Vec<&str> = names.into_iter().collect();
    json!({ "type": "string", "enum": names, "description": what })
}

/// Elements of one kind.
pub(super) fn list(of: Value) -> Value {
    let mut list = json!({ "type": "array" });
    list["items"] = of;
    list
}

/// The same with an example.
pub(super) fn such_as(mut schema: Value, example: impl Into<Value>) -> Value {
    schema["examples"] = json!([example.into()]);
    schema
}

/// The same, or null.
pub(super) fn or_null(mut schema: Value) -> Value {
    if let Some(kind) = schema.get("type").and_then(Value::as_str) {
        schema["type"] = json!([kind, "null"]);
        if let Some(Value::Array(names)) = schema.get_mut("enum") {
            names.push(Value::Null);
        }
        return schema;
    }
    json!({ "anyOf": [schema, { "type": "null" }] })
}

/// An object of these members and no others, all of which are always there.
pub(super) fn whole_object(what: &str, members: Vec<(&str, Value)>) -> Value {
    let names: Vec<&str> = members.iter().map(|(name, _)| *name).collect();
    closed(what, &names, properties(members))
}

/// An object of these members and no others, some of which are always there.
pub(super) fn closed(what: &str, required: &[&str], properties: Map<String, Value>) -> Value {
    let mut object = open(what, required, properties);
    object["additionalProperties"] = false.into();
    object
}

/// An object that may have other members too.
pub(super) fn open(what: &str, required: &[&str], properties: Map<String, Value>) -> Value {
    let mut object = json!({ "type": "object", "description": what });
    object["properties"] = properties.into();
    if !required.is_empty() {
        object["required"] = required.into();
    }
    object
}

/// Members by name.
pub(super) fn properties(members: Vec<(&str, Value)>) -> Map<String, Value> {
    members.into_iter().map(|(name, schema)| (name.to_owned(), schema)).collect()
}
