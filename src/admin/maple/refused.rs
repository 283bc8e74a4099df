//! Why a call of Maple's is refused: `{"error": {"code", "message", "path"}}`.

use axum::body::Body;
use axum::http::{Response, StatusCode};

use crate::admin::body::{self, Unread};
use crate::admin::catalogue::NotDone;
use crate::admin::router::{JSON, answer};
use crate::dialect::{Fault, Json};
use crate::format::definitions::BodyFault;
use crate::registry;

/// How many faults of a body are told.
const FAULTS_MAX: usize = 20;

/// Why there is no answer of another kind.
pub(super) struct Refused {
    status: StatusCode,
    code: &'static str,
    message: String,
    path: Option<String>,
}

impl Refused {
    pub(super) fn new(status: StatusCode, code: &'static str, message: &str) -> Self {
        Refused { status, code, message: message.to_owned(), path: None }
    }

    pub(super) fn at(path: &str, code: &'static str, message: &str) -> Self {
        let refused = Refused::new(StatusCode::UNPROCESSABLE_ENTITY, code, message);
        Refused { path: Some(path.to_owned()), ..refused }
    }

    pub(super) fn no_metric() -> Self {
        let text = "the company has no such billable metric";
        Refused::new(StatusCode::NOT_FOUND, "not_found", text)
    }

    pub(super) fn response(self) -> Response<Body> {
        let error = Json::object([
            ("code", Json::text(self.code)),
            ("message", Json::text(self.message)),
            ("path", Json::optional(self.path.as_deref())),
        ]);
        answer(self.status, JSON, Json::object([("error", error)]).to_string())
    }
}

/// A body with faults: the code and path of the first, the text of all.
#[expect(clippy::needless_pass_by_value, reason = "it stands in `map_err`")]
pub(super) fn faulty(faults: Vec<Fault>) -> Refused {
    let Some(first) = faults.first() else {
        return NotDone::Failed("a body without faults was refused".to_owned()).into();
    };
    let message = if let [only] = &faults[..] { only.message.clone() } else { listed(&faults) };
    Refused::at(&first.path_text(), first.code, &message)
}

pub(super) fn listed(faults: &[Fault]) -> String {
    let mut texts: Vec<String> = faults.iter().take(FAULTS_MAX).map(ToString::to_string).collect();
    if let Some(more) = faults.len().checked_sub(FAULTS_MAX).filter(|more| *more > 0) {
        texts.push(format!("and {more} more"));
    }
    texts.join("; ")
}

/// The field of a body by which a native key is said.
fn field_of(key: &str) -> &str {
    match key {
        "event_type" => "item_id",
        "aggregation" | "recurring" => "metering_rule.aggregator",
        "value" => "metering_rule.property",
        "group_by" => "metering_rule.group_keys",
        "filter" => "metering_rule.rule",
        other => other,
    }
}

impl From<Unread> for Refused {
    fn from(unread: Unread) -> Self {
        match unread {
            Unread::TooLarge => {
                let status = StatusCode::PAYLOAD_TOO_LARGE;
                Refused::new(status, "too_large", &body::too_large())
            }
            Unread::NoText(text) => Refused::new(StatusCode::BAD_REQUEST, "invalid_json", &text),
        }
    }
}

impl From<NotDone> for Refused {
    fn from(not_done: NotDone) -> Self {
        use registry::Refusal;
        let conflict = |code, text: &str| Refused::new(StatusCode::CONFLICT, code, text);
        match not_done {
            NotDone::Refused(Refusal::NotFound) => Refused::no_metric(),
            NotDone::Refused(Refusal::Exists) => conflict("exists", "there is such a metric"),
            NotDone::Refused(Refusal::ReadOnly { place }) => {
                let file = place.strip_prefix("file:").unwrap_or(&place);
                let text = format!("the metric stands in the file {file}: change it there");
                conflict("read_only", &text)
            }
            NotDone::Refused(Refusal::Stale { .. } | Refusal::Overtaken) => {
                conflict("changed", "another change came in between: read the metric again")
            }
            NotDone::Refused(Refusal::KeyReused) => {
                let text = "another call had that Idempotency-Key: use another one";
                conflict("idempotency_key_reused", text)
            }
            NotDone::Refused(Refusal::Faults(faults)) => {
                let texts: Vec<String> = faults
                    .iter()
                    .map(|BodyFault { path, message }| format!("{}: {message}", field_of(path)))
                    .collect();
                let path = faults.first().map(|fault| field_of(&fault.path)).unwrap_or_default();
                Refused::at(path, "invalid", &texts.join("; "))
            }
            NotDone::Unavailable(text) => {
                Refused::new(StatusCode::SERVICE_UNAVAILABLE, "unavailable", &text)
            }
            NotDone::Failed(text) => {
                tracing::error!(reason = %text, "a request failed");
                Refused::new(StatusCode::INTERNAL_SERVER_ERROR, "failed", &text)
            }
        }
    }
}
