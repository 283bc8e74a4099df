//! A metric in another system's form over the native API, as a definitions file holds it: made and changed as by that system's
//! own call, with its body, but for what the file says of it beside that.

use serde_json::Value;

use super::access::Caller;
use super::catalogue::NotDone;
use super::native::{faulty, new_id, own_tenant};
use super::router::Shared;
use super::{Refusal, Tried, making, zenskar};
use crate::definition::Metric;
use crate::dialect::Json;
use crate::format::definitions::{BodyFault, Foreign, Form, read_foreign};
use crate::registry::{self, Change, Definition, Draft, Origin, Patch, Record, Registry};

/// The key that tells such a body from a native one.
pub(super) const DIALECT: &str = "dialect";
const DEFAULTS: &str = "defaults";
const TOPIC: &str = "topic";

/// What a body says, and whose metric it is.
///
/// # Errors
/// Every fault of it; a tenant that is not the caller's.
pub(super) fn read(
    caller: &Caller,
    named: (String, bool),
    mut body: Definition,
) -> Result<(String, Foreign), Refusal> {
    // What is no table is a fault of the body.
    let mut defaults = match body.get(DEFAULTS) {
        None | Some(Value::Null) => Definition::new(),
        Some(Value::Object(defaults)) => defaults.clone(),
        Some(_) => return Err(faulty(read_foreign(&text(body)).err().unwrap_or_default())),
    };
    let tenant = own_tenant(caller, named, &defaults)?;
    defaults.insert("tenant".to_owned(), tenant.as_str().into());
    body.insert(DEFAULTS.to_owned(), defaults.into());
    read_foreign(&text(body)).map(|foreign| (tenant, foreign)).map_err(faulty)
}

/// A new metric as [`draft`] has it, and by which way it would come.
pub(super) fn metric(shared: &Shared, foreign: Foreign) -> (Metric, Origin) {
    let topic = topic(shared, &foreign).map(Into::into);
    let mut metric = foreign.metric;
    metric.topic = metric.topic.or(topic);
    (metric, origin(foreign.form))
}

/// A new metric. Where the daemon knows a topic for that system's metrics and the body none, it is that.
pub(super) fn draft(shared: &Shared, tenant: String, foreign: &Foreign) -> Draft {
    let mut definition = native(foreign);
    if let Some(topic) = topic(shared, foreign)
        && !definition.contains_key(TOPIC)
    {
        definition.insert(TOPIC.to_owned(), topic.into());
    }
    let registry = shared.shown.catalogue.registry();
    Draft {
        id: own_id(&registry, &tenant, foreign).unwrap_or_else(new_id),
        tenant,
        origin: origin(foreign.form),
        definition,
        body: Some(foreign.body.clone()),
        once: None,
    }
}

/// Has a metric that was made in that form say what a body says.
///
/// # Errors
/// One that was made otherwise, or has another code; what [`making::change`] refuses.
pub(super) async fn change(
    shared: &Shared,
    caller: &Caller,
    name: (&str, &str),
    foreign: &Foreign,
    seen: Option<u64>,
) -> Result<Change, NotDone> {
    let (tenant, code) = name;
    if shared.shown.catalogue.registry().record(tenant, code).is_none() {
        return making::change(shared, caller, name, Patch::default()).await;
    }
    let work_out = |record: &Record| Ok((Patch { seen, ..patch(record, foreign)? }, ()));
    let made = making::edit(shared, caller, |registry| registry.record(tenant, code), work_out);
    made.await.map(|(change, ())| change)
}

/// What [`change`] would come to.
///
/// # Errors
/// The same.
pub(super) async fn try_change(
    shared: &Shared,
    caller: &Caller,
    name: (&str, &str),
    foreign: &Foreign,
    seen: Option<u64>,
) -> Result<Tried, NotDone> {
    let registry = shared.shown.catalogue.registry();
    let patch = registry.record(name.0, name.1).map(|record| patch(record, foreign));
    let patch = Patch { seen, ..patch.transpose()?.unwrap_or_default() };
    making::try_change(shared, caller, name, patch).await
}

/// What has a metric that was made in that form say what a body says.
///
/// # Errors
/// One that was made otherwise, or has another code.
fn patch(record: &Record, foreign: &Foreign) -> Result<Patch, NotDone> {
    let fault = |path: &str, message: String| {
        let fault = BodyFault { path: path.to_owned(), message };
        NotDone::Refused(registry::Refusal::Faults(vec![fault]))
    };
    if record.origin != origin(foreign.form) {
        let name = record.origin.name();
        return Err(fault(
            DIALECT,
            format!("the metric was made by {name} calls, and is changed in that form"),
        ));
    }
    if foreign.metric.code != record.code {
        return Err(fault("metrics", "is of another code than the path".to_owned()));
    }
    let mut before = record.newest().definition.clone();
    let after = native(foreign);
    if !after.contains_key(TOPIC) {
        before.shift_remove(TOPIC);
    }
    let keys = making::replaced(&before, after);
    Ok(Patch { keys, body: Some(foreign.body.clone()), ..Patch::default() })
}

fn text(body: Definition) -> String {
    Value::Object(body).to_string()
}

/// The native form, without what a metric is known by beside it.
fn native(foreign: &Foreign) -> Definition {
    let native = foreign.metric.source.native.as_deref().unwrap_or_default();
    let mut native: Definition = serde_json::from_str(native).expect("it was written as JSON");
    native.shift_remove("tenant");
    native
}

const fn origin(form: Form) -> Origin {
    match form {
        Form::Lago => Origin::Lago,
        Form::Maple => Origin::Maple,
        Form::Zenskar => Origin::Zenskar,
    }
}

fn topic<'s>(shared: &'s Shared, foreign: &Foreign) -> Option<&'s str> {
    let dialects = &shared.shown.dialects;
    match foreign.form {
        Form::Lago => dialects.lago.topic.as_deref(),
        Form::Maple => dialects.maple.topic.as_deref(),
        Form::Zenskar => {
            zenskar::topic_of(shared, &foreign.body).or(dialects.zenskar.topic.as_deref())
        }
    }
}

/// The id that the other system has given it, so that it is found by it here too; unless another of the tenant's metrics has
/// had that.
fn own_id(registry: &Registry, tenant: &str, foreign: &Foreign) -> Option<String> {
    let key = match foreign.form {
        Form::Lago => "lago_id",
        // Its code stands for it.
        Form::Maple => return None,
        Form::Zenskar => "id",
    };
    let written = Json::parse(&foreign.metric.source.written).ok()?;
    let id = zenskar::uuid_of(written.member(key)?.scalar_text()?)?;
    let mut own = registry.records_of(tenant);
    own.all(|record| record.id != id).then_some(id)
}
