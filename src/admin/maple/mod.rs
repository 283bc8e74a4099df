//! Maple's API of billable metrics: `/api/v1/companies/{company_id}/billable_metrics` and what is below it, in Maple's words.
//!
//! A company is a tenant. What is archived folds nothing any more, as what is deleted, and is found all the same. A call with
//! an `Idempotency-Key` is done once and answered the same for ever: by what is kept of it with the metric.

mod place;
mod refused;

use axum::body::Body;
use axum::extract::State;
use axum::http::header::WARNING;
use axum::http::{HeaderValue, Response, StatusCode};

use self::place::{Call, Place, is_shown};
pub(super) use self::place::{IDEMPOTENCY_KEY, KEY_BYTES_MAX};
use self::refused::{Refused, faulty, listed};
use super::access::Caller;
use super::body::{self, Asked};
use super::catalogue::NotDone;
use super::making;
use super::native::new_id;
use super::router::{JSON, Shared, answer};
use crate::dialect::maple::{BillableMetric, Read, Search, State as Use};
use crate::dialect::{Defaults, Json};
use crate::format::definitions::Form;
use crate::registry::{self, Draft, Once, Origin, Patch, Record, Registry};

/// How many characters of what was ignored an answer tells.
const WARNING_CHARACTERS_MAX: usize = 1_000;

/// A metric as it is answered, and what is told beside it.
struct Told {
    metric: Json,
    warning: Option<String>,
}

/// A new metric.
pub(super) async fn create(
    State(shared): State<Shared>,
    caller: Caller,
    place: Place,
    call: Call,
    body: Asked,
) -> Response<Body> {
    let made = async {
        let body = body::text(body)?;
        let once = call.once(&body);
        if let Some(told) = told_before(&shared, &place, once.as_ref())? {
            return Ok(told);
        }
        let fields = object(&body)?;
        let Read { metric, unknown } = BillableMetric::read(&fields).map_err(faulty)?;
        if metric.state == Use::Archived {
            let text = "a new metric is ACTIVE: archive it once it is made";
            return Err(Refused::at("state", "invalid", text));
        }
        let (id, warning) = (new_id(), warning(&unknown));
        let code = format!("bm_{}", id.replace('-', ""));
        let draft = Draft {
            definition: metric.to_native(&place.tenant, &code, &shared.shown.dialects.maple),
            id,
            tenant: place.tenant.clone(),
            origin: Origin::Maple,
            body: Some(fields.to_string()),
            once: once.clone().map(|once| Once { warning: warning.clone(), ..once }),
        };
        let change = making::create(&shared, &caller, draft).await?;
        told(&place, &change.record, once.as_ref(), warning)
    };
    answered(made.await)
}

/// What there is, also what is archived, by pages.
pub(super) async fn find(
    State(shared): State<Shared>,
    place: Place,
    body: Asked,
) -> Response<Body> {
    let found = async {
        let body = object(&body::text(body)?)?;
        let (search, unknown) = Search::read(&body).map_err(faulty)?;
        let registry = shared.shown.catalogue.registry();
        // Each body is read: whoever asks for health waits for nobody.
        let page = tokio::task::spawn_blocking(move || page(&registry, &place, &search));
        let page = page.await.map_err(|error| NotDone::Failed(error.to_string()))??;
        Ok(Told { metric: page, warning: warning(&unknown) })
    };
    answered(found.await)
}

/// One metric.
pub(super) async fn read_one(State(shared): State<Shared>, place: Place) -> Response<Body> {
    let registry = shared.shown.catalogue.registry();
    let record = place.record(&registry).ok_or_else(Refused::no_metric);
    answered(record.and_then(|record| told(&place, record, None, None)))
}

/// Other fields for a metric, or that it folds nothing any more.
pub(super) async fn update(
    State(shared): State<Shared>,
    caller: Caller,
    place: Place,
    call: Call,
    body: Asked,
) -> Response<Body> {
    let changed = async {
        let body = body::text(body)?;
        let once = call.once(&body);
        if let Some(told) = told_before(&shared, &place, once.as_ref())? {
            return Ok(told);
        }
        let partial = object(&body)?;
        let work_out = |record: &Record| patch(record, &partial, once.as_ref());
        let made = making::edit(&shared, &caller, |registry| place.record(registry), work_out);
        let (change, warning) = made.await?;
        told(&place, &change.record, once.as_ref(), warning)
    };
    answered(changed.await)
}

/// What a partial body makes of a metric, and what is told beside it. What is archived stays as it is.
fn patch(
    record: &Record,
    partial: &Json,
    once: Option<&Once>,
) -> Result<(Patch, Option<String>), Refused> {
    if record.origin != Origin::Maple {
        let text = format!(
            "the metric was made by {} calls, and is changed and deleted by these",
            record.origin.name()
        );
        return Err(Refused::new(StatusCode::CONFLICT, "made_otherwise", &text));
    }
    let (mut before, is_archived) = (kept(record)?, record.deleted_at.is_some());
    let stored = making::kept_body(record.newest().body.as_deref())?;
    let stored = if is_archived { with_state(stored, Use::Archived) } else { stored };
    let (fields, Read { metric, unknown }) =
        BillableMetric::read_changed(stored, partial).map_err(faulty)?;
    let warning = warning(&unknown);
    let once = once.map(|once| Once { warning: warning.clone(), ..once.clone() });
    if is_archived && metric != before {
        let text = "the metric is archived, and changes no more: make another one";
        return Err(Refused::new(StatusCode::CONFLICT, "archived", text));
    }
    let retires = metric.state == Use::Archived;
    before.state = metric.state;
    if metric == before {
        return Ok((Patch { retires, once, ..Patch::default() }, warning));
    }
    // The defaults are those of new metrics: what is said natively by now stays.
    let native = |metric: &BillableMetric| {
        metric.to_native(&record.tenant, &record.code, &Defaults::default())
    };
    let keys = making::replaced(&native(&before), native(&metric));
    let body = Some(fields.to_string());
    Ok((Patch { keys, body, retires, once, ..Patch::default() }, warning))
}

/// The metrics that are asked for, and from where on there are more.
fn page(registry: &Registry, place: &Place, search: &Search) -> Result<Json, Refused> {
    let mark =
        |record: &Record| search.sort_key.mark(&record.code, record.created_at, record.updated_at);
    let own = registry.newest_of(&place.tenant).filter(|record| is_shown(record));
    let mut marked: Vec<_> = own.map(|record| (mark(record), record)).collect();
    marked.retain(|(mark, _)| {
        search.from.as_ref().is_none_or(|from| search.sort_key.compare(mark, from).is_gt())
    });
    marked.sort_by(|(one, _), (other, _)| search.sort_key.compare(one, other));
    let (mut results, mut last, mut has_more) = (Vec::new(), None, false);
    for (mark, record) in &marked {
        let metric = kept(record)?;
        if !search.wants(&metric) {
            continue;
        }
        if results.len() == search.limit {
            has_more = true;
            break;
        }
        results.push(metric.to_answer(&place.identity(record, record.updated_at)));
        last = Some(mark);
    }
    let next = last.filter(|_| has_more).map(ToString::to_string);
    let pagination = Json::object([
        ("from_key", Json::optional(next.as_deref())),
        ("limit", Json::Number(search.limit.to_string())),
    ]);
    Ok(Json::object([("pagination", pagination), ("results", Json::List(results))]))
}

/// What a call was answered that was done already.
fn told_before(
    shared: &Shared,
    place: &Place,
    once: Option<&Once>,
) -> Result<Option<Told>, Refused> {
    let registry = shared.shown.catalogue.registry();
    let Some(once) = once else { return Ok(None) };
    let Some((record, receipt)) = registry.receipt(&place.tenant, &once.key) else {
        return Ok(None);
    };
    if receipt.request != once.request {
        return Err(NotDone::Refused(registry::Refusal::KeyReused).into());
    }
    told(place, record, Some(once), None).map(Some)
}

/// A metric as it is; or, to a call that is known again, as it was then.
fn told(
    place: &Place,
    record: &Record,
    once: Option<&Once>,
    warning: Option<String>,
) -> Result<Told, Refused> {
    let Some(receipt) = once.and_then(|once| record.receipt(&once.key)) else {
        let metric = kept(record)?.to_answer(&place.identity(record, record.updated_at));
        return Ok(Told { metric, warning });
    };
    let metric = read(receipt.body.as_deref(), receipt.is_deleted)?;
    let metric = metric.to_answer(&place.identity(record, receipt.updated_at));
    Ok(Told { metric, warning: receipt.warning.clone() })
}

fn kept(record: &Record) -> Result<BillableMetric, Refused> {
    if record.origin != Origin::Maple {
        let body = making::expressed(record, Form::Maple).ok_or_else(Refused::no_metric)?;
        return read(Some(&body.to_string()), false);
    }
    read(record.newest().body.as_deref(), record.deleted_at.is_some())
}

/// A metric of a body that is kept; it may have been deleted natively too.
fn read(body: Option<&str>, is_archived: bool) -> Result<BillableMetric, Refused> {
    let read = BillableMetric::read(&making::kept_body(body)?);
    let Read { mut metric, .. } = read.map_err(|faults| {
        NotDone::Failed(format!("a stored body is refused: {}", listed(&faults)))
    })?;
    metric.state = if is_archived { Use::Archived } else { Use::Active };
    Ok(metric)
}

fn with_state(fields: Json, state: Use) -> Json {
    fields.merged(Json::object([("state", Json::text(state.name()))]))
}

/// A body that is one JSON object.
fn object(body: &str) -> Result<Json, Refused> {
    let refused = |text: String| Refused::new(StatusCode::BAD_REQUEST, "invalid_json", &text);
    match Json::parse(body) {
        Ok(object @ Json::Object(_)) => Ok(object),
        Ok(_) => Err(refused("expected a JSON object".to_owned())),
        Err(fault) => Err(refused(format!("expected a JSON object: {fault}"))),
    }
}

/// `299 odometer "..."` (RFC 7234, 5.5): the keys that were ignored.
fn warning(unknown: &[String]) -> Option<String> {
    if unknown.is_empty() {
        return None;
    }
    let names: String = unknown.join(", ").escape_default().take(WARNING_CHARACTERS_MAX).collect();
    Some(format!("299 odometer \"ignored, for nothing is known of them: {names}\""))
}

/// Why a request is not answered otherwise.
pub(super) fn refusal(status: StatusCode, code: &'static str, message: &str) -> Response<Body> {
    Refused::new(status, code, message).response()
}

/// Something is broken.
pub(super) fn failed(text: &str) -> Response<Body> {
    Refused::from(NotDone::Failed(text.to_owned())).response()
}

fn answered(told: Result<Told, Refused>) -> Response<Body> {
    let Told { metric, warning } = match told {
        Ok(told) => told,
        Err(refused) => return refused.response(),
    };
    let mut response = answer(StatusCode::OK, JSON, metric.to_string());
    if let Some(Ok(warning)) = warning.as_deref().map(HeaderValue::from_str) {
        response.headers_mut().insert(WARNING, warning);
    }
    response
}
