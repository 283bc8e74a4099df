//! Lago's API of billable metrics: `/api/v1/billable_metrics` and what is below it, in Lago's words.
//!
//! A code may hold slashes, which Lago's clients do not encode: so what follows the path is a code, whatever it holds.

mod answer;

use axum::body::Body;
use axum::extract::State;
use axum::http::Response;

use self::answer::{Refused, TAKEN, fault, paged, refusal, shown};
pub(super) use self::answer::{denial, failed, no_such_path, too_late};
use super::access::Caller;
use super::body::{self, Asked};
use super::making;
use super::native::{new_id, parameters};
use super::page::Page;
use super::router::{Parameters, Shared};
use super::words::Named;
use crate::dialect::lago::{self, BillableMetric, Identity};
use crate::dialect::{Defaults, Json};
use crate::format::definitions::Form;
use crate::format::evaluate_expression;
use crate::registry::{Definition, Draft, Origin, Patch, Record, Registry, named_id};

const GROUPS: &str = "/groups";
const EVALUATION: &str = "evaluate_expression";

/// A new metric.
pub(super) async fn create(
    State(shared): State<Shared>,
    caller: Caller,
    body: Asked,
) -> Response<Body> {
    let words = shared.shown.dialects.lago_errors;
    let made = async {
        let tenant = own_tenant(&caller)?;
        let fields = fields(body)?;
        let metric = read(&fields, |code| shared.shown.catalogue.registry().has(&tenant, code))?;
        let draft = Draft {
            id: new_id(),
            origin: Origin::Lago,
            definition: metric.to_native(&tenant, &shared.shown.dialects.lago),
            body: Some(fields.to_string()),
            once: None,
            tenant,
        };
        Ok(making::create(&shared, &caller, draft).await?)
    };
    match made.await.and_then(|change| answer_of(&change.record)) {
        Ok(metric) => shown("billable_metric", metric),
        Err(refused) => refusal(refused, words),
    }
}

/// What there is, newest first.
pub(super) async fn list(
    State(shared): State<Shared>,
    caller: Caller,
    query: Parameters,
) -> Response<Body> {
    let words = shared.shown.dialects.lago_errors;
    let page = parameters(query).ok().map(|parameters| Page::of(&parameters));
    let (Ok(tenant), Some(page)) = (own_tenant(&caller), page) else {
        return refusal(Refused::BadRequest, words);
    };
    let registry = shared.shown.catalogue.registry();
    // Each metric is read: whoever asks for health waits for nobody.
    let listed = tokio::task::spawn_blocking(move || listed(&registry, &tenant, page));
    match listed.await {
        Ok(Ok((metrics, count))) => paged("billable_metrics", metrics, page, count),
        Ok(Err(refused)) => refusal(refused, words),
        Err(error) => refusal(Refused::Failed(error.to_string()), words),
    }
}

/// A page of the metrics that Lago can say, and how many of them there are.
fn listed(registry: &Registry, tenant: &str, page: Page) -> Result<(Vec<Json>, usize), Refused> {
    let is_own = |record: &&Record| record.deleted_at.is_none() && is_sayable(record);
    let mut records: Vec<&Record> = registry.records_of(tenant).filter(is_own).collect();
    records.sort_by(|one, other| {
        (other.created_at, other.revision).cmp(&(one.created_at, one.revision))
    });
    let metrics: Result<Vec<Json>, Refused> =
        page.cut(&records).iter().map(|record| answer_of(record)).collect();
    Ok((metrics?, records.len()))
}

/// One metric; or, where its code ends so and there is no such metric, the groups of another one.
pub(super) async fn read_one(
    State(shared): State<Shared>,
    caller: Caller,
    Named(code): Named<String>,
    query: Parameters,
) -> Response<Body> {
    let words = shared.shown.dialects.lago_errors;
    let Ok(tenant) = own_tenant(&caller) else { return refusal(Refused::NotFound, words) };
    let registry = shared.shown.catalogue.registry();
    let record = |code: &str| own(&registry, &tenant, code);
    if let Some(record) = record(&code) {
        return match answer_of(record) {
            Ok(metric) => shown("billable_metric", metric),
            Err(refused) => refusal(refused, words),
        };
    }
    let Some(record) = code.strip_suffix(GROUPS).and_then(record) else {
        return refusal(Refused::NotFound, words);
    };
    let page = parameters(query).ok().map(|parameters| Page::of(&parameters));
    match (stored(record), page) {
        (Ok(metric), Some(page)) => {
            let groups = groups(record, &metric);
            paged("groups", page.cut(&groups).to_vec(), page, groups.len())
        }
        (Err(refused), _) => refusal(refused, words),
        (Ok(_), None) => refusal(Refused::BadRequest, words),
    }
}

/// Other fields for a metric.
pub(super) async fn update(
    State(shared): State<Shared>,
    caller: Caller,
    Named(code): Named<String>,
    body: Asked,
) -> Response<Body> {
    let words = shared.shown.dialects.lago_errors;
    let changed = async {
        let tenant = own_tenant(&caller)?;
        let partial = fields(body)?;
        let work_out = |record: &Record| {
            if record.origin != Origin::Lago {
                return Err(Refused::MadeOtherwise(record.origin));
            }
            let fields = lago::merged(body_of(record)?, partial.clone());
            let metric = read(&fields, |_| false)?;
            if metric.code != code {
                return Err(Refused::Faults(vec![fault("code", "value_is_invalid")]));
            }
            // What was said natively beside the body stays.
            let before = native(&stored(record)?, &tenant);
            let keys = making::replaced(&before, native(&metric, &tenant));
            Ok((Patch { keys, body: Some(fields.to_string()), ..Patch::default() }, ()))
        };
        let made =
            making::edit(&shared, &caller, |registry| own(registry, &tenant, &code), work_out);
        let (change, ()) = made.await?;
        Ok(change)
    };
    match changed.await.and_then(|change| answer_of(&change.record)) {
        Ok(metric) => shown("billable_metric", metric),
        Err(refused) => refusal(refused, words),
    }
}

/// A metric is to fold nothing any more; its code is free.
pub(super) async fn delete(
    State(shared): State<Shared>,
    caller: Caller,
    Named(code): Named<String>,
) -> Response<Body> {
    let words = shared.shown.dialects.lago_errors;
    let deleted = async {
        let tenant = own_tenant(&caller)?;
        let registry = shared.shown.catalogue.registry();
        own(&registry, &tenant, &code).ok_or(Refused::NotFound)?;
        Ok(making::delete(&shared, &caller, (&tenant, &code), None).await?)
    };
    match deleted.await.and_then(|change| answer_of(&change.record)) {
        Ok(metric) => shown("billable_metric", metric),
        Err(refused) => refusal(refused, words),
    }
}

/// What an expression gives for an event; nothing else is posted to a code.
pub(super) async fn evaluate(
    State(shared): State<Shared>,
    _caller: Caller,
    Named(code): Named<String>,
    body: Asked,
) -> Response<Body> {
    if code != EVALUATION {
        return no_such_path();
    }
    let words = shared.shown.dialects.lago_errors;
    // Lago's client for Python sends no body at all; Lago then misses the expression.
    let parsed = |text: String| match text.as_str() {
        "" => Ok(Json::Object(Vec::new())),
        text => Json::parse(text),
    };
    let body = match body::text(body).map(parsed) {
        Ok(Ok(body)) => body,
        Ok(Err(_)) => return refusal(Refused::BadRequest, words),
        Err(unread) => return refusal(unread.into(), words),
    };
    let expression = body.member("expression").and_then(Json::scalar_text);
    let event = body.member("event").map(ToString::to_string);
    match evaluate_expression(expression, event.as_deref()) {
        Ok(value) => shown("expression_result", Json::object([("value", Json::text(value))])),
        Err(found) => refusal(Refused::Faults(vec![fault(found.field(), found.code())]), words),
    }
}

/// The metrics of Lago's API are those of the key's tenant; without keys, or with one of all tenants, of the default one.
fn own_tenant(caller: &Caller) -> Result<String, Refused> {
    caller.tenant(None).map_err(|_| Refused::NotFound)
}

fn fields(body: Asked) -> Result<Json, Refused> {
    lago::fields_of(&body::text(body)?).map_err(|_| Refused::BadRequest)
}

/// All faults at once, that of a code which there is too.
fn read(fields: &Json, is_there: impl Fn(&str) -> bool) -> Result<BillableMetric, Refused> {
    let code = fields.member("code").and_then(Json::scalar_text).unwrap_or_default();
    let mut faults = Vec::new();
    if is_there(code) {
        faults.push(fault("code", TAKEN));
    }
    match BillableMetric::read(fields) {
        Ok(metric) if faults.is_empty() => Ok(metric),
        Ok(_) => Err(Refused::Faults(faults)),
        Err(lago::Refusal::FeatureUnavailable) => Err(Refused::FeatureUnavailable),
        Err(lago::Refusal::Faults(found)) => {
            faults.extend(found);
            Err(Refused::Faults(faults))
        }
    }
}

/// As the body says it, and nothing beside that.
fn native(metric: &BillableMetric, tenant: &str) -> Definition {
    metric.to_native(tenant, &Defaults::default())
}

/// One that was made otherwise is among them where Lago can say it.
fn own<'r>(registry: &'r Registry, tenant: &str, code: &str) -> Option<&'r Record> {
    registry.record(tenant, code).filter(|record| is_sayable(record))
}

fn is_sayable(record: &Record) -> bool {
    record.origin == Origin::Lago || making::expressed(record, Form::Lago).is_some()
}

/// The body that a record was made of, or one that says the same.
fn body_of(record: &Record) -> Result<Json, Refused> {
    if record.origin == Origin::Lago {
        return Ok(making::kept_body(record.newest().body.as_deref())?);
    }
    making::expressed(record, Form::Lago).ok_or(Refused::NotFound)
}

fn stored(record: &Record) -> Result<BillableMetric, Refused> {
    let metric = BillableMetric::read(&body_of(record)?);
    metric.map_err(|refusal| Refused::Failed(format!("a stored body is refused: {refusal:?}")))
}

fn answer_of(record: &Record) -> Result<Json, Refused> {
    let identity = Identity { lago_id: record.id.clone(), created_at: record.created_at };
    Ok(stored(record)?.to_answer(&identity))
}

fn groups(record: &Record, metric: &BillableMetric) -> Vec<Json> {
    let choices = metric.group.as_ref().map(lago::Group::choices).unwrap_or_default();
    let group = |(key, value): &(Option<&str>, &str)| {
        let name = format!("{}/{}/{value}", record.id, key.unwrap_or_default());
        Json::object([
            ("lago_id", Json::text(named_id(&name))),
            ("key", Json::optional(*key)),
            ("value", Json::text(*value)),
        ])
    };
    choices.iter().map(group).collect()
}
