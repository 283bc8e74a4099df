//! Answers: what was asked for, or `{"detail": ...}` with each fault of a request, or with why there is no answer.

use axum::body::Body;
use axum::http::header::WARNING;
use axum::http::{HeaderValue, Response, StatusCode};
use serde_json::json;

use crate::admin::NotDone;
use crate::admin::body::too_large;
use crate::admin::router::{JSON, answer};
use crate::dialect::zenskar::Detail;
use crate::dialect::{Fault, Step};
use crate::format::definitions::BodyFault;
use crate::registry::Refusal;

/// How many warnings an answer bears, and how many characters of each.
const WARNINGS_MAX: usize = 20;
const WARNING_CHARACTERS_MAX: usize = 500;

/// Why there is nothing to answer with.
pub(super) enum Refused {
    /// 422
    Faults(Vec<Detail>),
    /// 403
    Forbidden,
    /// 404
    NotFound,
    /// 409
    Conflict(String),
    /// 413
    TooLarge,
    /// 503
    Unavailable(String),
    /// 500
    Failed(String),
}

impl From<NotDone> for Refused {
    fn from(not_done: NotDone) -> Self {
        match not_done {
            NotDone::Refused(Refusal::NotFound) => Refused::NotFound,
            NotDone::Refused(Refusal::Exists) => {
                Refused::Conflict("there is an aggregate of that id".to_owned())
            }
            NotDone::Refused(Refusal::ReadOnly { place }) => {
                let file = place.strip_prefix("file:").unwrap_or(&place);
                Refused::Conflict(format!(
                    "the aggregate stands in the file {file}: change it there"
                ))
            }
            NotDone::Refused(Refusal::Stale { .. } | Refusal::Overtaken | Refusal::KeyReused) => {
                Refused::Conflict("the aggregate was changed meanwhile: read it again".to_owned())
            }
            NotDone::Refused(Refusal::Faults(faults)) => {
                Refused::Faults(faults.iter().map(native_fault).collect())
            }
            NotDone::Unavailable(text) => Refused::Unavailable(text),
            NotDone::Failed(text) => Refused::Failed(text),
        }
    }
}

/// A fault of the native definition, told of the field that it comes from.
fn native_fault(fault: &BodyFault) -> Detail {
    let (field, message) = match fault.path.as_str() {
        "name" => ("name", fault.message.clone()),
        "topic" => ("datasource", format!("its topic {}", fault.message)),
        path => ("aggregation_query", format!("{path} {}", fault.message)),
    };
    let path = vec![Step::Key(field.to_owned())];
    Detail::new("body", &Fault { path, code: "value_error", message })
}

/// A JSON text, with warnings beside it.
pub(super) fn shown(body: String, warnings: &[String]) -> Response<Body> {
    let mut response = answer(StatusCode::OK, JSON, body);
    let surplus = warnings.len().saturating_sub(WARNINGS_MAX);
    let more = (surplus > 0).then(|| format!("and {surplus} more"));
    for warning in warnings.iter().take(WARNINGS_MAX).chain(&more) {
        let text: String = warning.chars().take(WARNING_CHARACTERS_MAX).collect();
        // A header holds ASCII alone; RFC 9111 gives the code 299 to what stays so.
        let text = text.escape_default().to_string().replace("\\'", "'");
        let value = HeaderValue::from_str(&format!("299 odometer \"{text}\""));
        response.headers_mut().append(WARNING, value.expect("visible ASCII"));
    }
    response
}

pub(super) fn refusal(why: Refused) -> Response<Body> {
    match why {
        Refused::Faults(details) => {
            let body = json!({ "detail": details });
            answer(StatusCode::UNPROCESSABLE_ENTITY, JSON, body.to_string())
        }
        Refused::Forbidden => refused(StatusCode::FORBIDDEN, "the key is of another organisation"),
        Refused::NotFound => refused(StatusCode::NOT_FOUND, "Aggregate not found"),
        Refused::Conflict(text) => refused(StatusCode::CONFLICT, &text),
        Refused::TooLarge => refused(StatusCode::PAYLOAD_TOO_LARGE, &too_large()),
        Refused::Unavailable(text) => refused(StatusCode::SERVICE_UNAVAILABLE, &text),
        Refused::Failed(text) => failed(&text),
    }
}

/// Something is broken.
pub(in crate::admin) fn failed(text: &str) -> Response<Body> {
    tracing::error!(reason = %text, "a request failed");
    refused(StatusCode::INTERNAL_SERVER_ERROR, "Internal Server Error")
}

/// Why not, in a text.
pub(in crate::admin) fn refused(status: StatusCode, text: &str) -> Response<Body> {
    answer(status, JSON, json!({ "detail": text }).to_string())
}
