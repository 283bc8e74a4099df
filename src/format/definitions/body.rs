//! One definition in the native form as the body of a request: the keys of an entry of `metrics`.

use super::metric;
use super::reader::{Faults, Field};
use super::syntax::{Parsed, Syntax};
use crate::definition::Metric;

/// One thing wrong with a body.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct BodyFault {
    /// Keys and indices inside the body, such as `inner.every`; empty for the body itself.
    pub path: String,
    /// What is wrong, and what would be right.
    pub message: String,
}

/// Reads a definition that is a JSON object.
///
/// # Errors
/// Every fault of it, in the order of the text.
pub fn read_body(text: &str) -> Result<Metric, Vec<BodyFault>> {
    let files = [("", text)];
    let faults = Faults::new(&files);
    let Parsed { root, .. } = Syntax::Json.parse(text).map_err(|fault| {
        let message = format!("is no JSON: {}", fault.message);
        vec![BodyFault { path: String::new(), message }]
    })?;
    let version = metric::read(&Field::root(0, &root, &faults));
    let found = faults.into_bodies();
    match version.and_then(|version| version.metric) {
        Some(metric) if found.is_empty() => Ok(metric),
        _ => Err(found),
    }
}
