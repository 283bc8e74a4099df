//! What the native API answers to a change: the metric with what became of it, or why it was not made.

use axum::body::Body;
use axum::http::{Response, StatusCode};
use serde_json::{Value, json};

use super::{faulty, missing};
use crate::admin::Refusal;
use crate::admin::catalogue::{NotDone, Tried};
use crate::admin::router::{JSON, Shared, answer, fault, refused};
use crate::registry::{self, Change, Entry, Outcome, Record, Registry};

/// A metric as it is after a change, with what became of it.
pub(super) fn changed(shared: &Shared, status: StatusCode, change: &Change) -> Response<Body> {
    let registry = shared.shown.catalogue.registry();
    metric_of(&registry, status, &change.record, told(&change.outcome))
}

/// A metric as it would be.
pub(super) fn tried_out(shared: &Shared, tried: &Tried) -> Response<Body> {
    let Tried { change, earliest } = tried;
    let mut registry = shared.shown.catalogue.registry().as_ref().clone();
    registry.put(change.record.clone()).expect("what is worked out compiles");
    let mut told = told(&change.outcome);
    told["dry_run"] = true.into();
    told["earliest"] = earliest.to_string().into();
    metric_of(&registry, StatusCode::OK, &change.record, told)
}

fn metric_of(
    registry: &Registry,
    status: StatusCode,
    Record { tenant, code, .. }: &Record,
    change: Value,
) -> Response<Body> {
    let Some(Entry { mut body, .. }) = registry.entry(tenant, code) else {
        return refused(missing(code));
    };
    body.insert("change".to_owned(), change);
    answer(status, JSON, Value::Object(body).to_string())
}

fn told(outcome: &Outcome) -> Value {
    let mut told = json!({ "outcome": outcome.name() });
    match outcome {
        Outcome::Created => {
            told["note"] = "it folds events that are read after this answer; earlier ones are not counted, for \
                            there is no backfill yet"
                .into();
        }
        Outcome::Versioned { version, counts_from, continues } => {
            told["version"] = (*version).into();
            told["counts_from"] = counts_from.to_string().into();
            if let Some(continues) = continues {
                told["carried_state"] = if *continues { "continues" } else { "starts_anew" }.into();
            }
        }
        Outcome::Unchanged | Outcome::Described | Outcome::Deleted => {}
    }
    told
}

pub(super) fn not_made(not_done: NotDone, code: &str) -> Response<Body> {
    let conflict = |text: &str| fault(StatusCode::CONFLICT, "conflict", text, &[]);
    match not_done {
        NotDone::Refused(registry::Refusal::NotFound) => refused(missing(code)),
        NotDone::Refused(registry::Refusal::Exists) => {
            conflict("there is a metric of that code: change it with PATCH, or use another code")
        }
        NotDone::Refused(registry::Refusal::ReadOnly { place }) => {
            let file = place.strip_prefix("file:").unwrap_or(&place);
            conflict(&format!("the metric stands in the file {file}: change it there"))
        }
        NotDone::Refused(registry::Refusal::Stale { version }) => conflict(&format!(
            "the metric is at version {version}, another one than you saw: read it again"
        )),
        NotDone::Refused(registry::Refusal::Overtaken) => {
            conflict("another change came in between: read the metric again")
        }
        NotDone::Refused(registry::Refusal::KeyReused) => {
            conflict("another call had that idempotency key: use another one")
        }
        NotDone::Refused(registry::Refusal::Faults(faults)) => refused(faulty(faults)),
        NotDone::Unavailable(text) => {
            fault(StatusCode::SERVICE_UNAVAILABLE, "unavailable", &text, &[])
        }
        NotDone::Failed(text) => refused(Refusal::Failed(text)),
    }
}
