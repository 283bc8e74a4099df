//! One aggregate: made, read, changed, deleted.

use axum::body::Body;
use axum::extract::State;
use axum::http::Response;
use serde_json::Value;

use super::answer::{Refused, refusal, shown};
use super::request::{Faults, Id, Organisation, text};
use crate::admin::access::Caller;
use crate::admin::body::Asked;
use crate::admin::making;
use crate::admin::native::new_id;
use crate::admin::router::Shared;
use crate::dialect::zenskar::{self, Aggregate, Compiled, Detail};
use crate::format::definitions::Form;
use crate::registry::{Definition, Draft, Origin, Patch, Record, Registry, UNSAID};

/// The native key that a data source may stand for.
const TOPIC: &str = "topic";

/// A new aggregate.
pub(in crate::admin) async fn create(
    State(shared): State<Shared>,
    caller: Caller,
    organisation: Organisation,
    body: Asked,
) -> Response<Body> {
    let made = async {
        let mut faults = Faults::default();
        let tenant = organisation.tenant(&shared, &caller, &mut faults)?;
        let read = text(body)?.and_then(|text| zenskar::read_submitted(&text));
        let submitted = faults.take("body", read);
        let (tenant, submitted) = faults.finish(tenant.zip(submitted))?;
        let zenskar::Submitted { aggregate, compiled } = submitted;
        let id = new_id();
        let mut definition = said(&aggregate, &compiled);
        definition.insert("code".to_owned(), id.as_str().into());
        if let Some(topic) = topic(&shared, &aggregate) {
            definition.insert(TOPIC.to_owned(), topic.into());
        }
        shared.shown.dialects.zenskar.fill(&mut definition);
        let body = Some(aggregate.text());
        let draft = Draft { tenant, id, origin: Origin::Zenskar, definition, body, once: None };
        let change = making::create(&shared, &caller, draft).await?;
        Ok((answer_of(&change.record)?, compiled.warnings))
    };
    match made.await {
        Ok((aggregate, warnings)) => shown(aggregate, &warnings),
        Err(refused) => refusal(refused),
    }
}

/// One aggregate as it is.
pub(in crate::admin) async fn read_one(
    State(shared): State<Shared>,
    caller: Caller,
    organisation: Organisation,
    id: Id,
) -> Response<Body> {
    let found = || {
        let (tenant, id) = named(&shared, &caller, (organisation, id))?;
        answer_of(own(&shared.shown.catalogue.registry(), &tenant, &id)?)
    };
    match found() {
        Ok(aggregate) => shown(aggregate, &[]),
        Err(refused) => refusal(refused),
    }
}

/// Other values for some fields.
pub(in crate::admin) async fn update(
    State(shared): State<Shared>,
    caller: Caller,
    organisation: Organisation,
    id: Id,
    body: Asked,
) -> Response<Body> {
    let changed = async {
        let mut faults = Faults::default();
        let tenant = organisation.tenant(&shared, &caller, &mut faults)?;
        let id = id.take(&mut faults);
        let read = text(body)?.and_then(|text| zenskar::Patch::read(&text));
        let patch = faults.take("body", read);
        let ((tenant, id), patch) = faults.finish(tenant.zip(id).zip(patch))?;
        let registry = shared.shown.catalogue.registry();
        let record = own(&registry, &tenant, &id)?;
        if patch.is_empty() {
            return Ok((answer_of(record)?, patch.warnings));
        }
        let changed = making::edit(
            &shared,
            &caller,
            |registry| found(registry, &tenant, &id),
            |record| changes(&shared, record, &patch),
        );
        let (change, warnings) = changed.await?;
        Ok((answer_of(&change.record)?, [patch.warnings, warnings].concat()))
    };
    match changed.await {
        Ok((aggregate, warnings)) => shown(aggregate, &warnings),
        Err(refused) => refusal(refused),
    }
}

/// An aggregate is to count nothing any more; the answer is what it was.
pub(in crate::admin) async fn delete(
    State(shared): State<Shared>,
    caller: Caller,
    organisation: Organisation,
    id: Id,
) -> Response<Body> {
    let deleted = async {
        let (tenant, id) = named(&shared, &caller, (organisation, id))?;
        let code = own(&shared.shown.catalogue.registry(), &tenant, &id)?.code.clone();
        let change = making::delete(&shared, &caller, (&tenant, &code), None).await?;
        answer_of(&change.record)
    };
    match deleted.await {
        Ok(aggregate) => shown(aggregate, &[]),
        Err(refused) => refusal(refused),
    }
}

/// The tenant and the id of a call without a body.
fn named(
    shared: &Shared,
    caller: &Caller,
    (organisation, id): (Organisation, Id),
) -> Result<(String, String), Refused> {
    let mut faults = Faults::default();
    let tenant = organisation.tenant(shared, caller, &mut faults)?;
    let id = id.take(&mut faults);
    faults.finish(tenant.zip(id))
}

/// One that there is; what was made otherwise is among them where Zenskar can say it.
pub(super) fn own<'r>(
    registry: &'r Registry,
    tenant: &str,
    id: &str,
) -> Result<&'r Record, Refused> {
    found(registry, tenant, id).ok_or(Refused::NotFound)
}

fn found<'r>(registry: &'r Registry, tenant: &str, id: &str) -> Option<&'r Record> {
    registry.records_of(tenant).find(|record| record.id == id && is_shown(record))
}

pub(super) fn is_shown(record: &Record) -> bool {
    let is_sayable =
        || record.origin == Origin::Zenskar || making::expressed(record, Form::Zenskar).is_some();
    record.deleted_at.is_none() && is_sayable()
}

/// The aggregate that a record was made of, or one that says the same.
pub(super) fn stored(record: &Record) -> Result<Aggregate, Refused> {
    if record.origin != Origin::Zenskar {
        let body = making::expressed(record, Form::Zenskar).ok_or(Refused::NotFound)?;
        let failed = |faults| Refused::Failed(format!("a body is refused: {faults:?}"));
        return Aggregate::read(&body.to_string()).map_err(failed);
    }
    let body = record.newest().body.as_deref().ok_or(Refused::NotFound)?;
    let failed = |faults| Refused::Failed(format!("a stored body is refused: {faults:?}"));
    Aggregate::read(body).map_err(failed)
}

pub(super) fn version(record: &Record) -> u64 {
    u64::try_from(record.versions.len()).unwrap_or(u64::MAX)
}

fn answer_of(record: &Record) -> Result<String, Refused> {
    Ok(stored(record)?.answer(&record.id, version(record), None))
}

fn meaning(aggregate: &Aggregate) -> Result<Compiled, Refused> {
    let told = |faults: Vec<_>| faults.iter().map(|fault| Detail::new("body", fault)).collect();
    aggregate.compile().map_err(|faults| Refused::Faults(told(faults)))
}

/// What the body of an aggregate says in the native form.
fn said(aggregate: &Aggregate, compiled: &Compiled) -> Definition {
    let mut said = compiled.native.clone();
    said.insert("name".to_owned(), aggregate.name().into());
    said
}

/// The topic that the data source of a kept body stands for.
pub(in crate::admin) fn topic_of<'s>(shared: &'s Shared, body: &str) -> Option<&'s str> {
    topic(shared, &Aggregate::read(body).ok()?)
}

/// The topic that its data source stands for.
fn topic<'s>(shared: &'s Shared, aggregate: &Aggregate) -> Option<&'s str> {
    let datasources = &shared.shown.dialects.zenskar_datasources;
    datasources.get(&aggregate.datasource()).map(String::as_str)
}

/// The keys that the body's changes come to, and what is to be known of them. What was said natively beside the body stays.
fn changes(
    shared: &Shared,
    record: &Record,
    patch: &zenskar::Patch,
) -> Result<(Patch, Vec<String>), Refused> {
    if record.origin != Origin::Zenskar {
        let name = record.origin.name();
        let text = format!("the metric was made by {name} calls, and is changed by these");
        return Err(Refused::Conflict(text));
    }
    let before = stored(record)?;
    let after = before.patched(patch);
    let compiled = meaning(&after)?;
    let mut keys = said(&after, &compiled);
    let is_said = |key: &&String| *key != "code" && !UNSAID.contains(&key.as_str());
    for key in record.newest().definition.keys().filter(is_said) {
        if !keys.contains_key(key) {
            keys.insert(key.clone(), Value::Null);
        }
    }
    if topic(shared, &before) != topic(shared, &after) {
        let topic = topic(shared, &after).or(shared.shown.dialects.zenskar.topic.as_deref());
        keys.insert(TOPIC.to_owned(), topic.into());
    }
    let patch = Patch { keys, body: Some(after.text()), ..Patch::default() };
    Ok((patch, compiled.warnings))
}
