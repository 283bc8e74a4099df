//! The body of a request: `{"billable_metric": {...}}`, and how a partial one changes what is stored.

use std::fmt;

use super::divisions;
use crate::dialect::{Json, JsonFault};

/// The key that holds the fields.
const ROOT: &str = "billable_metric";

/// A body without fields: Lago answers 400.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum BadRequest {
    /// The text is no JSON.
    NoJson(JsonFault),
    /// `billable_metric` is missing, no object, or empty.
    NoFields,
}

impl fmt::Display for BadRequest {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            BadRequest::NoJson(fault) => write!(f, "the body is no JSON: {fault}"),
            BadRequest::NoFields => write!(f, "{ROOT} is missing, no object or empty"),
        }
    }
}

impl std::error::Error for BadRequest {}

/// The fields of a request's body: an object with at least one member.
///
/// # Errors
/// See [`BadRequest`].
pub fn fields_of(body: &str) -> Result<Json, BadRequest> {
    let body = Json::parse(body).map_err(BadRequest::NoJson)?;
    match body.member(ROOT) {
        Some(fields @ Json::Object(members)) if !members.is_empty() => Ok(fields.clone()),
        _ => Err(BadRequest::NoFields),
    }
}

/// The stored fields with those of a partial body in their place.
///
/// Of `group` and `filters`, which do not go together, the one that the partial body gives ends the other. Filters without
/// a group are the stored group where they say the same: so an answer has it for clients that know no group. An empty list
/// ends both; null, which current clients send of what they do not set, changes neither.
#[must_use]
pub fn merged(stored: Json, partial: Json) -> Json {
    let is_unsaid = matches!(&partial, Json::Object(members)
        if members.iter().any(|(key, value)| key == "filters" && *value == Json::Null));
    let partial = if is_unsaid { without(partial, "filters") } else { partial };
    let is_given = |key: &str| {
        let value = partial.member(key);
        value.is_some_and(|value| !matches!(value, Json::List(list) if list.is_empty()))
            && partial.member(key) != Some(&Json::Object(Vec::new()))
    };
    let has_group =
        matches!(&partial, Json::Object(members) if members.iter().any(|(key, _)| key == "group"));
    if !has_group && divisions::is_told(&stored, &partial) {
        return stored.merged(without(partial, "filters"));
    }
    let ends_filters = is_given("group") || divisions::is_told(&stored, &stored);
    let stored = if ends_filters { without(stored, "filters") } else { stored };
    let is_emptied = !has_group && partial.member("filters") == Some(&Json::List(Vec::new()));
    let ends_group = is_given("filters") || is_emptied;
    let stored = if ends_group { without(stored, "group") } else { stored };
    stored.merged(partial)
}

fn without(fields: Json, key: &str) -> Json {
    match fields {
        Json::Object(mut members) => {
            members.retain(|(name, _)| name != key);
            Json::Object(members)
        }
        other => other,
    }
}
