//! Changes of definitions in a caller's name, worked out and waited for where that holds nobody up.

use std::sync::Arc;

use super::access::Caller;
use super::router::Shared;
use super::{Catalogue, NotDone};
use crate::registry::{Change, Draft, Patch, Record, Refusal};

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

/// Another definition that is made of the one before: of the one that it replaces, whoever changes it at the same time.
pub(super) async fn edit<R: From<NotDone>>(
    shared: &Shared,
    caller: &Caller,
    (tenant, code): (&str, &str),
    work_out: impl Fn(&Record) -> Result<Patch, R>,
) -> Result<Change, R> {
    loop {
        let registry = shared.shown.catalogue.registry();
        let record = registry.record(tenant, code);
        let record = record.ok_or(NotDone::Refused(Refusal::NotFound))?;
        let patch = Patch { of_revision: Some(record.revision), ..work_out(record)? };
        match change(shared, caller, (tenant, code), patch).await {
            // Each time somebody else's change was made, so this comes to an end.
            Err(NotDone::Refused(Refusal::Overtaken)) => {}
            made => return Ok(made?),
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

async fn on_a_thread(
    shared: &Shared,
    make: impl FnOnce(&dyn Catalogue) -> Result<Change, NotDone> + Send + 'static,
) -> Result<Change, NotDone> {
    let catalogue = Arc::clone(&shared.shown.catalogue);
    let outcome = tokio::task::spawn_blocking(move || make(catalogue.as_ref())).await;
    outcome.unwrap_or_else(|error| Err(NotDone::Failed(error.to_string())))
}
