//! `odometer definitions import`: the metrics of files, made in a running daemon.
//!
//! ```text
//! files ─► every fault ─► each metric held against the daemon's ─► Step: nothing, create, update, conflict ─► calls
//! ```

use serde_json::{Map, Value};

use super::super::CommandError;
use super::super::client::{Client, encoded};
use super::super::clock;
use super::super::outcome::print;
use super::ImportArguments;
use super::stock::{self, Stocked, Version};
use crate::definition::{Metric, full_meaning};
use crate::model::EventTime;

/// What is to become of a metric.
enum Step {
    /// It is there.
    Equal,
    /// It is not there.
    Create,
    /// It is there and is another: bodies of PATCH, one behind the other.
    Update(Vec<Value>),
}

pub(super) fn import(arguments: &ImportArguments) -> Result<(), CommandError> {
    let (mut metrics, customers) = stock::of_files(&arguments.files, arguments.dialect.form())?;
    if let Some(tenant) = &arguments.tenant {
        for metric in &mut metrics {
            metric.belong_to(tenant);
        }
    }
    let mut faults: Vec<String> = customers
        .iter()
        .map(|calendar| {
            let name = &calendar.customer;
            format!("customers: {name}: no call makes calendars of customers: keep them in a file that metrics.files names")
        })
        .collect();
    let client = Client::new(&arguments.daemon)?;
    let now = clock::now();
    let mut steps = Vec::new();
    for metric in &metrics {
        match step(&client, metric, arguments.update, now)? {
            Ok(step) => steps.push((metric, step)),
            Err(fault) => faults.push(fault),
        }
    }
    if !faults.is_empty() {
        return Err(CommandError::Faults(faults));
    }
    for (metric, step) in steps {
        let name = metric.name();
        let (done, planned) = match &step {
            Step::Equal => ("equal", "equal"),
            Step::Create => ("created", "would be created"),
            Step::Update(_) => ("updated", "would be updated"),
        };
        if arguments.dry_run {
            print(&format!("{planned}  {name}\n"))?;
            continue;
        }
        take(&client, metric, &step).map_err(|error| of_metric(&name, error))?;
        print(&format!("{done}  {name}\n"))?;
    }
    Ok(())
}

/// A daemon that refuses is no fault of the command line.
fn of_metric(name: &str, error: CommandError) -> CommandError {
    match error {
        CommandError::Faults(faults) => {
            CommandError::failed(format!("{name}: refused: {}", faults.join("; ")))
        }
        other => other,
    }
}

fn step(
    client: &Client<'_>,
    metric: &Stocked,
    updates: bool,
    now: EventTime,
) -> Result<Result<Step, String>, CommandError> {
    let name = place(metric);
    let is_past =
        |version: &Version| version.metric.effective_from.is_some_and(|begin| begin < now);
    let Some(there) = stock::of_daemon(client, tenant_of(metric), &metric.code)? else {
        let past = metric.versions.iter().skip(1).find(|version| is_past(version));
        let begin = past.and_then(|version| version.metric.effective_from);
        return Ok(match begin {
            None => Ok(Step::Create),
            Some(begin) => Err(format!(
                "{name}: a version counts from {begin} on, and a daemon takes only versions that are to come: leave out \
                 the versions before the one that counts now, and its effective_from"
            )),
        });
    };
    let own: Vec<String> =
        metric.versions.iter().map(|version| meaning(&version.metric, metric)).collect();
    let known: Vec<String> =
        there.versions.iter().map(|version| meaning(&version.metric, metric)).collect();
    let (Some(newest), Some(last)) = (metric.versions.last(), there.versions.last()) else {
        return Ok(Err(format!("{name}: has no version")));
    };
    let words = |metric: &Metric| {
        (metric.name.clone(), metric.description.clone(), metric.grace, metric.late)
    };
    if own == known && words(&newest.metric) == words(&last.metric) {
        return Ok(Ok(Step::Equal));
    }
    if !updates {
        return Ok(Err(format!(
            "{name}: is there already, and is another one: give --update to change it, or leave it out"
        )));
    }
    if let Some(dialect) = newest.metric.source.dialect
        && stock::origin_of(client, tenant_of(metric), &metric.code)? == dialect
    {
        return Ok(Ok(Step::Update(vec![newest.body()])));
    }
    let behind = if own.starts_with(&known) { known.len() } else { own.len().saturating_sub(1) };
    let mut before = &last.written;
    let mut patches = Vec::new();
    let versions = metric.versions.iter().skip(behind.min(own.len().saturating_sub(1)));
    for version in versions {
        patches.push(patch(before, &version.written));
        before = &version.written;
    }
    Ok(Ok(Step::Update(patches)))
}

fn take(client: &Client<'_>, metric: &Stocked, step: &Step) -> Result<(), CommandError> {
    let tenant = tenant_of(metric).map(|tenant| format!("?tenant={}", encoded(tenant)));
    let query = tenant.unwrap_or_default();
    let path = format!("/v1/metrics/{}{query}", encoded(&metric.code));
    match step {
        Step::Equal => Ok(()),
        Step::Create => {
            let mut before: Option<&Version> = None;
            for version in &metric.versions {
                match before {
                    None => {
                        let line = ("POST", &*format!("/v1/metrics{query}"));
                        client.send(line, &version.body())?;
                    }
                    Some(before) => {
                        client.send(("PATCH", &path), &patch(&before.written, &version.written))?;
                    }
                }
                before = Some(version);
            }
            Ok(())
        }
        Step::Update(patches) => {
            patches.iter().try_for_each(|patch| client.send(("PATCH", &path), patch))
        }
    }
}

/// The keys of a definition, and null for those of the one before that it lacks.
fn patch(before: &Map<String, Value>, after: &Map<String, Value>) -> Value {
    let mut keys = after.clone();
    for key in before.keys().filter(|key| *key != "effective_from") {
        keys.entry(key.clone()).or_insert(Value::Null);
    }
    keys.shift_remove("tenant");
    Value::Object(keys)
}

/// The tenant that a call names: where a file says none, it is that of the key.
fn tenant_of(metric: &Stocked) -> Option<&str> {
    Some(metric.tenant.as_str()).filter(|tenant| *tenant != "default")
}

/// What a version means under the file's name for its tenant. Which topic feeds it is the daemon's matter where the file names none.
fn meaning(version: &Metric, of: &Stocked) -> String {
    let names_topic = of.versions.iter().any(|version| version.metric.topic.is_some());
    let topic = version.topic.clone().filter(|_| names_topic);
    full_meaning(&Metric { tenant: of.tenant.clone(), topic, ..version.clone() })
}

/// Where a metric stands in its file.
fn place(metric: &Stocked) -> String {
    let entry = metric.versions.last().map(|version| version.metric.source.entry.clone());
    entry.filter(|entry| !entry.is_empty()).unwrap_or_else(|| metric.name())
}
