//! Changes of definitions in a caller's name, worked out and waited for where that holds nobody up.

use std::sync::Arc;

use super::access::Caller;
use super::router::Shared;
use super::{Catalogue, NotDone, Tried};
use crate::dialect::Json;
use crate::format::definitions::{Expressed, Form, express};
use crate::registry::{Change, Definition, Draft, Patch, Record, Refusal, Registry};

/// A new metric.
pub(super) async fn create(
    shared: &Shared,
    caller: &Caller,
    draft: Draft,
) -> Result<Change, NotDone> {
    let who = caller.name().to_owned();
    on_a_thread(shared, move |catalogue| catalogue.create(draft, &who)).await
}

/// Another definition for a metric.
pub(super) async fn change(
    shared: &Shared,
    caller: &Caller,
    (tenant, code): (&str, &str),
    patch: Patch,
) -> Result<Change, NotDone> {
    let (tenant, code) = (tenant.to_owned(), code.to_owned());
    let who = caller.name().to_owned();
    on_a_thread(shared, move |catalogue| catalogue.change(&tenant, &code, patch, &who)).await
}

/// What a new metric would come to.
pub(super) async fn try_create(
    shared: &Shared,
    caller: &Caller,
    draft: Draft,
) -> Result<Tried, NotDone> {
    let who = caller.name().to_owned();
    on_a_thread(shared, move |catalogue| catalogue.try_create(draft, &who)).await
}

/// What another definition for a metric would come to.
pub(super) async fn try_change(
    shared: &Shared,
    caller: &Caller,
    (tenant, code): (&str, &str),
    patch: Patch,
) -> Result<Tried, NotDone> {
    let (tenant, code) = (tenant.to_owned(), code.to_owned());
    let who = caller.name().to_owned();
    on_a_thread(shared, move |catalogue| catalogue.try_change(&tenant, &code, patch, &who)).await
}

/// Another definition that is made of the one before: of the one that it replaces, whoever changes it at the same time. What
/// else was worked out with it comes back too.
pub(super) async fn edit<T, R: From<NotDone>>(
    shared: &Shared,
    caller: &Caller,
    find: impl Fn(&Registry) -> Option<&Record>,
    work_out: impl Fn(&Record) -> Result<(Patch, T), R>,
) -> Result<(Change, T), R> {
    loop {
        let registry = shared.shown.catalogue.registry();
        let record = find(&registry).ok_or(NotDone::Refused(Refusal::NotFound))?;
        if let Some(place) = record.place.clone() {
            return Err(NotDone::Refused(Refusal::ReadOnly { place }).into());
        }
        let (patch, beside) = work_out(record)?;
        let patch = Patch { of_revision: Some(record.revision), ..patch };
        match change(shared, caller, (&record.tenant, &record.code), patch).await {
            // Each time somebody else's change was made, so this comes to an end.
            Err(NotDone::Refused(Refusal::Overtaken)) => {}
            made => return Ok((made?, beside)),
        }
    }
}

/// A metric that folds nothing any more.
pub(super) async fn delete(
    shared: &Shared,
    caller: &Caller,
    (tenant, code): (&str, &str),
    seen: Option<u64>,
) -> Result<Change, NotDone> {
    let (tenant, code) = (tenant.to_owned(), code.to_owned());
    let who = caller.name().to_owned();
    on_a_thread(shared, move |catalogue| catalogue.delete(&tenant, &code, seen, &who)).await
}

/// The keys of a definition, and null for those of the one before that it lacks: what was said natively beside both stays.
pub(super) fn replaced(before: &Definition, after: Definition) -> Definition {
    let mut keys = after;
    for key in before.keys() {
        if !keys.contains_key(key) {
            keys.insert(key.clone(), serde_json::Value::Null);
        }
    }
    keys
}

/// A body as another system's API had it, which is kept of a metric.
pub(super) fn kept_body(body: Option<&str>) -> Result<Json, NotDone> {
    let body = body.ok_or(NotDone::Refused(Refusal::NotFound))?;
    Json::parse(body).map_err(|fault| NotDone::Failed(format!("a stored body: {fault}")))
}

/// A body that says what a record of another origin says in its newest version; `None` where that system cannot say it.
pub(super) fn expressed(record: &Record, form: Form) -> Option<Json> {
    let metrics = record.metrics().ok()?;
    let Expressed { body, .. } = express(metrics.last()?, form).ok()?;
    Some(body)
}

async fn on_a_thread<T: Send + 'static>(
    shared: &Shared,
    make: impl FnOnce(&dyn Catalogue) -> Result<T, NotDone> + Send + 'static,
) -> Result<T, NotDone> {
    let catalogue = Arc::clone(&shared.shown.catalogue);
    let outcome = tokio::task::spawn_blocking(move || make(catalogue.as_ref())).await;
    outcome.unwrap_or_else(|error| Err(NotDone::Failed(error.to_string())))
}
