//! One definition as the body of a request: in the native form the keys of an entry of `metrics`, in another system's a
//! file with that entry alone.

use super::reader::{Faults, Field};
use super::syntax::{Parsed, Syntax};
use super::versions::Version;
use super::{Form, foreign, metric};
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
    let read = |root: &Field<'_>| Some(((), metric::read(root)?));
    read_one(text, false, read).map(|((), metric)| metric)
}

/// Reads a definition that [`read_body`] accepted once, be it that of an earlier version of the program: a record that is
/// stored stays readable whatever has become a fault since.
///
/// # Errors
/// What was never accepted.
pub fn read_stored(text: &str) -> Result<Metric, Vec<BodyFault>> {
    let read = |root: &Field<'_>| Some(((), metric::read(root)?));
    read_one(text, true, read).map(|((), metric)| metric)
}

/// A definition in another system's form.
#[derive(Clone, Debug)]
pub struct Foreign {
    /// Whose form.
    pub form: Form,
    /// What it means; its source has the native form.
    pub metric: Metric,
    /// The body, as it is kept of a metric that the system's own call made.
    pub body: String,
}

/// Reads `{"dialect": "lago", "defaults": {...}, "metrics": [{...}]}` with one metric: what a file may hold.
///
/// # Errors
/// Every fault of it, in the order of the text.
pub fn read_foreign(text: &str) -> Result<Foreign, Vec<BodyFault>> {
    let (form, metric) = read_one(text, false, foreign::read_only)?;
    let body = form.kept(&metric.source.written);
    Ok(Foreign { form, metric, body })
}

/// Reads a JSON text of which one metric comes, with what else is known of it.
fn read_one<T>(
    text: &str,
    is_stored: bool,
    read: impl FnOnce(&Field<'_>) -> Option<(T, Version)>,
) -> Result<(T, Metric), Vec<BodyFault>> {
    let files = [("", text)];
    let faults = if is_stored { Faults::of_stored(&files) } else { Faults::new(&files) };
    let Parsed { root, .. } = Syntax::Json.parse(text).map_err(|fault| {
        let message = format!("is no JSON: {}", fault.message);
        vec![BodyFault { path: String::new(), message }]
    })?;
    let read = read(&Field::root(0, &root, &faults));
    let found = faults.into_bodies();
    match read.and_then(|(beside, version)| Some((beside, version.metric?))) {
        Some(read) if found.is_empty() => Ok(read),
        _ => Err(found),
    }
}
