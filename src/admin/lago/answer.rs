//! What Lago answers: metrics, lists of them with their pages, and refusals.

use axum::body::Body;
use axum::http::{Response, StatusCode};

use crate::admin::access::Denied;
use crate::admin::body::Unread;
use crate::admin::page::Page;
use crate::admin::router::{JSON, answer};
use crate::admin::{LagoErrors, NotDone};
use crate::dialect::lago;
use crate::dialect::{Fault, Json, Step};
use crate::registry;

/// The code of a metric that there is.
pub(super) const TAKEN: &str = "value_already_exists";

/// Why there is no metric to answer with.
pub(super) enum Refused {
    /// 400
    BadRequest,
    /// 403
    FeatureUnavailable,
    /// 404
    NotFound,
    /// 405
    MadeOtherwise(registry::Origin),
    /// 409, by the file that the metric stands in
    ReadOnly(String),
    /// 413
    TooLarge,
    /// 422
    Faults(Vec<Fault>),
    /// 422, by what Lago knows nothing of: each with its field and why.
    Told(Vec<(String, String)>),
    /// 503, and why
    Unavailable(String),
    /// 500
    Failed(String),
}

impl From<Unread> for Refused {
    fn from(unread: Unread) -> Self {
        match unread {
            Unread::TooLarge => Refused::TooLarge,
            Unread::NoText(_) => Refused::BadRequest,
        }
    }
}

impl From<NotDone> for Refused {
    fn from(not_done: NotDone) -> Self {
        match not_done {
            NotDone::Refused(registry::Refusal::NotFound) => Refused::NotFound,
            NotDone::Refused(registry::Refusal::Exists) => {
                Refused::Faults(vec![fault("code", TAKEN)])
            }
            NotDone::Refused(registry::Refusal::ReadOnly { place }) => Refused::ReadOnly(place),
            NotDone::Refused(registry::Refusal::Faults(faults)) => {
                let told = faults.into_iter().map(|found| {
                    // What is wrong with no field alone has that key in Lago's answers.
                    let field = Some(found.path).filter(|path| !path.is_empty());
                    (field.unwrap_or_else(|| "base".to_owned()), found.message)
                });
                Refused::Told(told.collect())
            }
            NotDone::Refused(
                registry::Refusal::Stale { .. }
                | registry::Refusal::Overtaken
                | registry::Refusal::KeyReused,
            ) => {
                let text = "another change came in between: read the metric again";
                Refused::Unavailable(text.to_owned())
            }
            NotDone::Unavailable(text) => Refused::Unavailable(text),
            NotDone::Failed(text) => Refused::Failed(text),
        }
    }
}

/// A fault of one field.
pub(super) fn fault(field: &str, code: &'static str) -> Fault {
    Fault { path: vec![Step::Key(field.to_owned())], code, message: String::new() }
}

/// There is no such path.
pub(in crate::admin) fn no_such_path() -> Response<Body> {
    error(StatusCode::NOT_FOUND, "Not Found", Some("resource_not_found"), None)
}

/// The answer took too long.
pub(in crate::admin) fn too_late() -> Response<Body> {
    error(StatusCode::GATEWAY_TIMEOUT, "Gateway Timeout", None, None)
}

/// Something is broken.
pub(in crate::admin) fn failed(text: &str) -> Response<Body> {
    tracing::error!(reason = %text, "a request failed");
    error(StatusCode::INTERNAL_SERVER_ERROR, "Internal Server Error", None, None)
}

/// Why a request was not let in.
pub(in crate::admin) fn denial(denied: Denied) -> Response<Body> {
    match denied {
        Denied::Unauthorized => error(StatusCode::UNAUTHORIZED, "Unauthorized", None, None),
        Denied::NotLocal | Denied::OtherSite | Denied::Forbidden(_) => {
            error(StatusCode::FORBIDDEN, "Forbidden", Some("forbidden"), None)
        }
        Denied::Starting => {
            error(StatusCode::SERVICE_UNAVAILABLE, "Service Unavailable", Some("unavailable"), None)
        }
        Denied::TooMany(_) => error(
            StatusCode::TOO_MANY_REQUESTS,
            "Too Many Requests",
            Some("too_many_requests"),
            None,
        ),
    }
}

/// A list of them, with what Lago says of its pages.
pub(super) fn paged(key: &str, found: Vec<Json>, page: Page, count: usize) -> Response<Body> {
    let pages = count.div_ceil(page.per_page);
    let number = |number: usize| Json::Number(number.to_string());
    let when = |is_so: bool, of: usize| if is_so { number(of) } else { Json::Null };
    // A page beyond the last one has no neighbours.
    let is_there = page.number <= pages;
    let meta = Json::object([
        ("current_page", number(page.number)),
        ("next_page", when(page.number < pages, page.number.saturating_add(1))),
        ("prev_page", when(is_there && page.number > 1, page.number.saturating_sub(1))),
        ("total_pages", number(pages)),
        ("total_count", number(count)),
    ]);
    let body = Json::Object(vec![(key.to_owned(), Json::List(found)), ("meta".to_owned(), meta)]);
    answer(StatusCode::OK, JSON, body.to_string())
}

/// What was asked.
pub(super) fn shown(key: &str, value: Json) -> Response<Body> {
    answer(StatusCode::OK, JSON, Json::Object(vec![(key.to_owned(), value)]).to_string())
}

/// Why not, in the words that are wanted.
pub(super) fn refusal(refused: Refused, words: LagoErrors) -> Response<Body> {
    let of_pages = words == LagoErrors::Documented;
    match refused {
        Refused::BadRequest => {
            let server =
                "BadRequest: param is missing or the value is empty or invalid: billable_metric";
            let words = if of_pages { "Bad Request" } else { server };
            error(StatusCode::BAD_REQUEST, words, None, None)
        }
        Refused::MadeOtherwise(origin) => {
            let code = format!("made_by_{}", origin.name());
            error(StatusCode::METHOD_NOT_ALLOWED, "Method Not Allowed", Some(&code), None)
        }
        Refused::FeatureUnavailable => {
            error(StatusCode::FORBIDDEN, "Forbidden", Some("feature_unavailable"), None)
        }
        Refused::NotFound => {
            error(StatusCode::NOT_FOUND, "Not Found", Some("billable_metric_not_found"), None)
        }
        Refused::ReadOnly(place) => {
            let file = place.strip_prefix("file:").unwrap_or(&place);
            let details = Json::object([("file", Json::List(vec![Json::text(file)]))]);
            error(StatusCode::CONFLICT, "Conflict", Some("read_only"), Some(details))
        }
        Refused::TooLarge => error(StatusCode::PAYLOAD_TOO_LARGE, "Payload Too Large", None, None),
        Refused::Faults(mut faults) => {
            if !of_pages {
                let taken = faults.iter_mut().filter(|fault| fault.code == TAKEN);
                taken.for_each(|fault| fault.code = "value_already_exist");
            }
            let words = if of_pages { "Unprocessable entity" } else { "Unprocessable Entity" };
            let details = lago::error_details(&faults);
            let status = StatusCode::UNPROCESSABLE_ENTITY;
            error(status, words, Some("validation_errors"), Some(details))
        }
        Refused::Told(told) => {
            let words = if of_pages { "Unprocessable entity" } else { "Unprocessable Entity" };
            let details = told.into_iter().map(|(field, message)| {
                (field, Json::List(vec![Json::text("value_is_invalid"), Json::text(message)]))
            });
            let details = Json::Object(details.collect());
            let status = StatusCode::UNPROCESSABLE_ENTITY;
            error(status, words, Some("validation_errors"), Some(details))
        }
        Refused::Unavailable(text) => {
            let status = StatusCode::SERVICE_UNAVAILABLE;
            let details = Json::object([("reason", Json::List(vec![Json::text(text)]))]);
            error(status, "Service Unavailable", Some("unavailable"), Some(details))
        }
        Refused::Failed(text) => failed(&text),
    }
}

fn error(
    status: StatusCode,
    words: &str,
    code: Option<&str>,
    details: Option<Json>,
) -> Response<Body> {
    let mut body = vec![
        ("status".to_owned(), Json::Number(status.as_u16().to_string())),
        ("error".to_owned(), Json::text(words)),
    ];
    body.extend(code.map(|code| ("code".to_owned(), Json::text(code))));
    body.extend(details.map(|details| ("error_details".to_owned(), details)));
    answer(status, JSON, Json::Object(body).to_string())
}
