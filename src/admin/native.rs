//! The native API of definitions: `/v1/metrics` and what is below it.

mod answer;

use axum::body::Body;
use axum::extract::State;
use axum::http::{Method, Response, StatusCode, Uri};
use serde_json::{Map, Value, json};

use self::answer::{changed, not_made, tried_out};
use super::access::Caller;
use super::body::{self, Asked, Unread};
use super::query::Query;
use super::router::{JSON, Parameters, Shared, answer, no_content, no_such_method, refused};
use super::words::Named;
use super::{MetricsAsk, NotDone, Refusal, foreign, making};
use crate::format::definitions::{BodyFault, METRIC_KEYS, describe_one, read_body};
use crate::format::wording::unknown_key;
use crate::registry::{
    Definition, Draft, Entry, Origin, Patch, TRIAL_MAX, TooMany, id_text, try_out,
};

/// The only code that is posted to.
const VALIDATION: &str = "validate";

/// How many sample events a validation takes.
pub(super) const SAMPLES_MAX: usize = 1_000;

/// What is defined, by pages.
pub(super) async fn list(
    State(shared): State<Shared>,
    caller: Caller,
    query: Parameters,
) -> Response<Body> {
    let ask = match parameters(query).and_then(MetricsAsk::read) {
        Ok(ask) => ask,
        Err(refusal) => return refused(refusal),
    };
    let from: Option<(String, String)> = match ask.cursor.as_deref().map(serde_json::from_str) {
        None => None,
        Some(Ok(from)) => Some(from),
        Some(Err(_)) => {
            let text = "it is none that an answer gave as next: begin without one";
            return refused(Refusal::Faults(vec![("cursor".to_owned(), text.to_owned())]));
        }
    };
    let mut entries = shared.shown.catalogue.registry().entries(from.as_ref());
    let is_asked = |tenant: &str| ask.tenant.as_deref().is_none_or(|asked| asked == tenant);
    entries.retain(|entry| is_asked(&entry.tenant) && caller.may_see(&entry.tenant));
    let has_more = entries.len() > ask.limit;
    entries.truncate(ask.limit);
    let last = entries.last().filter(|_| has_more);
    let next = last.map(|Entry { tenant, code, .. }| json!([tenant, code]).to_string());
    let metrics: Vec<_> = entries.into_iter().map(|entry| entry.body).collect();
    answer(StatusCode::OK, JSON, json!({ "metrics": metrics, "next": next }).to_string())
}

/// One metric.
pub(super) async fn read(
    State(shared): State<Shared>,
    caller: Caller,
    Named(code): Named<String>,
    query: Parameters,
) -> Response<Body> {
    let tenant = match tenant_of(&caller, query) {
        Ok((tenant, _)) => tenant,
        Err(refusal) => return refused(refusal),
    };
    match shared.shown.catalogue.registry().entry(&tenant, &code) {
        Some(entry) => answer(StatusCode::OK, JSON, Value::Object(entry.body).to_string()),
        None => refused(missing(&code)),
    }
}

/// Every version of a metric, also of one that is deleted.
pub(super) async fn versions(
    State(shared): State<Shared>,
    caller: Caller,
    Named(code): Named<String>,
    query: Parameters,
) -> Response<Body> {
    let asked = parameters(query).and_then(|parameters| {
        let mut query = Query::read(parameters, &["tenant", "generation"], &[]);
        let tenant = query.text("tenant");
        let generation = query.whole_number("generation");
        let (tenant, generation) = query.finish((tenant, generation))?;
        Ok((caller.tenant(tenant)?, generation))
    });
    let (tenant, asked) = match asked {
        Ok(asked) => asked,
        Err(refusal) => return refused(refusal),
    };
    let registry = shared.shown.catalogue.registry();
    let newest = registry.generations_of(&tenant, &code).pop_last();
    let generation = asked.or(newest);
    let Some(versions) = registry.versions(&tenant, &code, generation) else {
        return refused(match (asked, newest) {
            (Some(asked), Some(newest)) => Refusal::NotFound(format!(
                "metric {code:?} has no generation {asked}: the newest is {newest}"
            )),
            _ => missing(&code),
        });
    };
    let record = registry.record_in(&tenant, &code, generation);
    let audit = record.map_or(&[][..], |record| &record.audit);
    let deleted_at = registry.deleted_at(&tenant, &code, generation).map(|time| time.to_string());
    let id = record.map(|record| &record.id);
    let body = json!({
        "id": id, "generation": generation, "deleted_at": deleted_at, "versions": versions, "next": null,
        "audit": audit,
    });
    answer(StatusCode::OK, JSON, body.to_string())
}

/// A new metric.
pub(super) async fn create(
    State(shared): State<Shared>,
    caller: Caller,
    query: Parameters,
    body: Asked,
) -> Response<Body> {
    let asked = writing_of(&caller, query).and_then(|(named, doing)| {
        let mut definition = object(body)?;
        if definition.contains_key(foreign::DIALECT) {
            let (tenant, foreign) = foreign::read(&caller, named, definition)?;
            return Ok((foreign::draft(&shared, tenant, &foreign), doing));
        }
        let (tenant, id) = (own_tenant(&caller, named, &definition)?, new_id());
        definition.shift_remove("tenant");
        Ok((Draft { tenant, id, origin: Origin::Api, definition, body: None, once: None }, doing))
    });
    let (draft, doing) = match asked {
        Ok(asked) => asked,
        Err(refusal) => return refused(refusal),
    };
    let told = match doing {
        Doing::Make => making::create(&shared, &caller, draft)
            .await
            .map(|change| changed(&shared, StatusCode::CREATED, &change)),
        Doing::Try => making::try_create(&shared, &caller, draft)
            .await
            .map(|tried| tried_out(&shared, &tried)),
    };
    told.unwrap_or_else(|not_done| not_made(not_done, ""))
}

/// Other words or another meaning for a metric.
pub(super) async fn patch(
    State(shared): State<Shared>,
    caller: Caller,
    Named(code): Named<String>,
    query: Parameters,
    body: Asked,
) -> Response<Body> {
    let asked = writing_of(&caller, query).and_then(|(named, doing)| {
        let mut keys = object(body)?;
        let seen = match keys.shift_remove("version") {
            None | Some(Value::Null) => None,
            Some(version) => Some(version.as_u64().ok_or_else(|| {
                let text = "it is no whole number: give the version that you saw, or leave it out";
                Refusal::Faults(vec![("version".to_owned(), text.to_owned())])
            })?),
        };
        if keys.contains_key(foreign::DIALECT) {
            let (tenant, foreign) = foreign::read(&caller, named, keys)?;
            return Ok((tenant, Patch { seen, ..Patch::default() }, Some(foreign), doing));
        }
        let tenant = own_tenant(&caller, named, &keys)?;
        // One with a value is told with the other faults of the definition, to which null adds nothing.
        let is_unknown = |key: &str| !METRIC_KEYS.contains(&key);
        let unknown = keys.iter().filter(|(key, value)| value.is_null() && is_unknown(key));
        let faults: Vec<_> =
            unknown.map(|(key, _)| (key.clone(), unknown_key(key, &METRIC_KEYS))).collect();
        if !faults.is_empty() {
            return Err(Refusal::Faults(faults));
        }
        Ok((tenant, Patch { keys, seen, ..Patch::default() }, None, doing))
    });
    let (tenant, patch, foreign, doing) = match asked {
        Ok(asked) => asked,
        Err(refusal) => return refused(refusal),
    };
    let name = (tenant.as_str(), code.as_str());
    let told = match (&foreign, doing) {
        (None, Doing::Make) => making::change(&shared, &caller, name, patch)
            .await
            .map(|change| changed(&shared, StatusCode::OK, &change)),
        (None, Doing::Try) => making::try_change(&shared, &caller, name, patch)
            .await
            .map(|tried| tried_out(&shared, &tried)),
        (Some(foreign), Doing::Make) => {
            foreign::change(&shared, &caller, name, foreign, patch.seen)
                .await
                .map(|change| changed(&shared, StatusCode::OK, &change))
        }
        (Some(foreign), Doing::Try) => {
            foreign::try_change(&shared, &caller, name, foreign, patch.seen)
                .await
                .map(|tried| tried_out(&shared, &tried))
        }
    };
    told.unwrap_or_else(|not_done| not_made(not_done, &code))
}

/// A metric is to fold nothing any more.
pub(super) async fn delete(
    State(shared): State<Shared>,
    caller: Caller,
    Named(code): Named<String>,
    query: Parameters,
) -> Response<Body> {
    let asked = parameters(query).and_then(|parameters| {
        let mut query = Query::read(parameters, &["tenant", "version"], &[]);
        let tenant = query.text("tenant");
        let version = query.whole_number("version");
        let (tenant, version) = query.finish((tenant, version))?;
        Ok((caller.tenant(tenant)?, version))
    });
    let (tenant, seen) = match asked {
        Ok(asked) => asked,
        Err(refusal) => return refused(refusal),
    };
    match making::delete(&shared, &caller, (&tenant, &code), seen).await {
        Ok(_) => no_content(),
        Err(not_done) => not_made(not_done, &code),
    }
}

/// What a definition means and what it makes of sample events, with nothing stored; nothing else is posted to a code.
pub(super) async fn validate(
    State(shared): State<Shared>,
    caller: Caller,
    Named(code): Named<String>,
    uri: Uri,
    query: Parameters,
    body: Asked,
) -> Response<Body> {
    if code != VALIDATION {
        return no_such_method(Method::POST, uri).await;
    }
    let asked = tenant_of(&caller, query).and_then(|named| {
        let mut definition = object(body)?;
        let events = samples(definition.shift_remove("events"))?;
        if definition.contains_key(foreign::DIALECT) {
            let (_, foreign) = foreign::read(&caller, named, definition)?;
            return Ok((foreign::metric(&shared, foreign), events));
        }
        let tenant = own_tenant(&caller, named, &definition)?;
        definition.insert("tenant".to_owned(), tenant.into());
        let metric = read_body(&Value::Object(definition).to_string()).map_err(faulty)?;
        Ok(((metric, Origin::Api), events))
    });
    let ((metric, origin), events) = match asked {
        Ok(asked) => asked,
        Err(refusal) => return refused(refusal),
    };
    if let Err(unfed) = shared.shown.catalogue.check_fed(&metric, origin) {
        return not_made(NotDone::Refused(unfed), &metric.code);
    }
    let now = (shared.shown.now)();
    let tried = tokio::task::spawn_blocking(move || {
        let meaning = describe_one(&metric, now);
        (meaning, try_out(metric, &events))
    });
    match tried.await {
        Ok((_, Err(TooMany))) => refused(Refusal::Faults(vec![(
            "events".to_owned(),
            format!(
                "come to more than {TRIAL_MAX} totals: a recurring metric has one for each period between two events; give \
                 events that are nearer to each other"
            ),
        )])),
        Ok((meaning, Ok(trial))) => {
            let parsed = |lines: Vec<String>| -> Vec<Value> {
                lines.iter().filter_map(|line| serde_json::from_str(line).ok()).collect()
            };
            let (totals, rejects) = (parsed(trial.totals), parsed(trial.rejects));
            let body = json!({ "meaning": meaning, "totals": totals, "rejects": rejects });
            answer(StatusCode::OK, JSON, body.to_string())
        }
        Err(error) => refused(Refusal::Failed(error.to_string())),
    }
}

fn samples(value: Option<Value>) -> Result<Vec<String>, Refusal> {
    let refused = |text: String| Err(Refusal::Faults(vec![("events".to_owned(), text)]));
    match value {
        None | Some(Value::Null) => Ok(Vec::new()),
        Some(Value::Array(events)) if events.len() <= SAMPLES_MAX => {
            Ok(events.iter().map(Value::to_string).collect())
        }
        Some(Value::Array(events)) => {
            refused(format!("has {} of them: at most {SAMPLES_MAX} are taken", events.len()))
        }
        Some(_) => refused("is no list: expected events in the native form".to_owned()),
    }
}

pub(super) fn parameters(query: Parameters) -> Result<Vec<(String, String)>, Refusal> {
    match query {
        Ok(axum::extract::Query(parameters)) => Ok(parameters),
        Err(error) => Err(Refusal::Faults(vec![("query".to_owned(), error.body_text())])),
    }
}

/// Whether a change is made, or only worked out.
#[derive(Clone, Copy)]
enum Doing {
    Make,
    Try,
}

/// The tenant that a request speaks of, and whether it names one; and whether it is to change anything.
fn writing_of(caller: &Caller, query: Parameters) -> Result<((String, bool), Doing), Refusal> {
    let mut query = Query::read(parameters(query)?, &["tenant", "dry_run"], &[]);
    let named = query.text("tenant");
    let doing = if query.is("dry_run") { Doing::Try } else { Doing::Make };
    let named = query.finish(named)?;
    let is_named = named.is_some();
    Ok(((caller.tenant(named)?, is_named), doing))
}

/// The tenant that a request speaks of, and whether it names one.
fn tenant_of(caller: &Caller, query: Parameters) -> Result<(String, bool), Refusal> {
    let mut query = Query::read(parameters(query)?, &["tenant"], &[]);
    let named = query.text("tenant");
    let named = query.finish(named)?;
    let is_named = named.is_some();
    Ok((caller.tenant(named)?, is_named))
}

/// A body may name its tenant too: the same one.
pub(super) fn own_tenant(
    caller: &Caller,
    (tenant, is_named): (String, bool),
    body: &Definition,
) -> Result<String, Refusal> {
    let fault = |text: &str| Err(Refusal::Faults(vec![("tenant".to_owned(), text.to_owned())]));
    match body.get("tenant") {
        None | Some(Value::Null) => Ok(tenant),
        Some(Value::String(named)) if is_named && *named != tenant => {
            fault("is another one than the query's: name one of them")
        }
        Some(Value::String(named)) => caller.tenant(Some(named.clone())),
        Some(_) => fault("is no text"),
    }
}

/// A body that is one JSON object.
pub(super) fn object(body: Asked) -> Result<Map<String, Value>, Refusal> {
    let body = body::text(body).map_err(|unread| match unread {
        Unread::TooLarge => Refusal::TooLarge,
        Unread::NoText(text) => Refusal::NoJson(text),
    })?;
    match serde_json::from_str(&body) {
        Ok(Value::Object(object)) => Ok(object),
        Ok(_) => Err(Refusal::NoJson("expected a JSON object".to_owned())),
        Err(error) => Err(Refusal::NoJson(format!("expected a JSON object: {error}"))),
    }
}

pub(super) fn faulty(faults: Vec<BodyFault>) -> Refusal {
    Refusal::Faults(faults.into_iter().map(|fault| (fault.path, fault.message)).collect())
}

fn missing(code: &str) -> Refusal {
    Refusal::NotFound(format!("there is no metric {code:?}"))
}

/// A random UUID (RFC 9562, version 4).
pub(super) fn new_id() -> String {
    let mut bytes = [0; 16];
    getrandom::fill(&mut bytes).expect("the system gives random bytes");
    bytes[6] = bytes[6] & 0x0F | 0x40;
    bytes[8] = bytes[8] & 0x3F | 0x80;
    id_text(bytes)
}
