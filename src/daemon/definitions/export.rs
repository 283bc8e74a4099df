//! `odometer definitions export`: a file of what is defined.

use std::path::Path;

use serde_json::{Map, Value, json};

use super::super::CommandError;
use super::super::client::{Client, MetricName};
use super::super::outcome::print;
use super::ExportArguments;
use super::stock::{self, Stocked};
use crate::definition::CustomerCalendar;
use crate::dialect::Defaults;
use crate::file::{Spool, Target};
use crate::format::definitions::{Expressed, Form, as_submitted, express};

pub(super) fn export(arguments: &ExportArguments) -> Result<(), CommandError> {
    let (mut metrics, customers) = if arguments.metrics.is_empty() {
        (of_daemon(arguments)?, Vec::new())
    } else {
        stock::of_files(&arguments.metrics, None)?
    };
    let is_asked = |tenant: &str| arguments.tenant.as_deref().is_none_or(|asked| asked == tenant);
    metrics.retain(|metric| is_asked(&metric.tenant));
    let missing =
        arguments.metric.iter().filter(|code| metrics.iter().all(|one| one.code != **code));
    let missing: Vec<String> =
        missing.map(|code| format!("--metric {code}: there is no such metric")).collect();
    if !missing.is_empty() {
        return Err(CommandError::Faults(missing));
    }
    if !arguments.metric.is_empty() {
        metrics.retain(|metric| arguments.metric.contains(&metric.code));
    }
    if let Some(dialect) = arguments.made_in {
        metrics.retain(|metric| metric.form() == dialect.form());
    }
    let customers: Vec<Value> =
        customers.iter().filter(|customer| is_asked(&customer.tenant)).map(calendar).collect();
    let mut file = match arguments.dialect.form() {
        None => {
            let versions = metrics.into_iter().flat_map(|metric| metric.versions);
            json!({ "metrics": versions.map(|version| version.written).collect::<Vec<_>>() })
        }
        Some(form) => expressed(&metrics, form, arguments.skip_inexpressible)?,
    };
    if !customers.is_empty() {
        file["customers"] = Value::from(customers);
    }
    let text = serde_json::to_string_pretty(&file).expect("texts and numbers are JSON");
    write(arguments.output.as_deref(), &format!("{text}\n"))
}

fn of_daemon(arguments: &ExportArguments) -> Result<Vec<Stocked>, CommandError> {
    let client = Client::new(&arguments.daemon)?;
    let mut found = Vec::new();
    for MetricName { tenant, code } in client.metrics(arguments.tenant.as_deref())? {
        // What was deleted in between is left out.
        found.extend(stock::of_daemon(&client, tenant.as_deref(), &code)?);
    }
    Ok(found)
}

/// A metric with its body, and what the file has to say for it.
struct Said {
    name: String,
    body: Value,
    defaults: Map<String, Value>,
}

fn expressed(metrics: &[Stocked], form: Form, skips: bool) -> Result<Value, CommandError> {
    let (mut said, mut faults) = (Vec::new(), Vec::new());
    for metric in metrics {
        match said_of(metric, form) {
            Ok(one) => said.push(one),
            Err(reasons) => faults.extend(reasons),
        }
    }
    let defaults = commonest(&said);
    let (same, others): (Vec<Said>, Vec<Said>) =
        said.into_iter().partition(|one| one.defaults == defaults);
    for Said { name, defaults: own, .. } in others {
        let mut keys: Vec<&String> = own.keys().chain(defaults.keys()).collect();
        keys.retain(|key| own.get(*key) != defaults.get(*key));
        for (place, key) in keys.iter().enumerate() {
            if !keys.iter().take(place).any(|before| before == key) {
                let text =
                    |value: Option<&Value>| value.map_or("none".to_owned(), Value::to_string);
                let (own, common) = (text(own.get(*key)), text(defaults.get(*key)));
                faults.push(format!(
                    "{name}: {key}: is {own}, and {common} of most others: a file says it once for all of its metrics, \
                     so export this one apart, by --metric or --tenant"
                ));
            }
        }
    }
    if !faults.is_empty() && !skips {
        return Err(CommandError::Faults(faults));
    }
    for fault in faults {
        tracing::warn!("left out: {fault}");
    }
    let bodies: Vec<Value> = same.into_iter().map(|one| one.body).collect();
    Ok(json!({ "dialect": form.name(), "defaults": defaults, "metrics": bodies }))
}

fn said_of(metric: &Stocked, form: Form) -> Result<Said, Vec<String>> {
    let name = metric.name();
    let mut faults = Vec::new();
    let count = metric.versions.len();
    if count > 1 {
        faults.push(format!(
            "{name}: effective_from: has {count} versions, and a body is one: the totals of earlier ones would change"
        ));
    } else if metric.versions.iter().any(|version| version.metric.effective_from.is_some()) {
        let text = "counts from an instant on, which no body says: earlier events would count too";
        faults.push(format!("{name}: effective_from: {text}"));
    }
    let newest = metric.newest();
    let submitted = newest.submitted.as_ref().filter(|(own, _)| *own == form);
    let own = submitted.and_then(|(_, body)| as_submitted(&newest.metric, form, body));
    if submitted.is_some() && own.is_none() {
        tracing::warn!("{name}: the body that it was made of does not say all of it by now");
    }
    match own.map_or_else(|| express(&newest.metric, form), Ok) {
        Ok(Expressed { body, unsaid, left_out }) if faults.is_empty() => {
            for key in left_out {
                tracing::warn!("{name}: {} has no field for its {key}", form.name());
            }
            let body = serde_json::from_str(&body.to_string()).expect("a body is JSON");
            Ok(Said { name, body, defaults: defaults(&metric.tenant, &unsaid) })
        }
        Ok(_) => Err(faults),
        Err(found) => {
            let found = found.iter().map(|one| format!("{name}: {}: {}", one.key, one.reason));
            faults.extend(found);
            Err(faults)
        }
    }
}

fn defaults(tenant: &str, unsaid: &Defaults) -> Map<String, Value> {
    let mut defaults = Map::new();
    if tenant != "default" {
        defaults.insert("tenant".to_owned(), tenant.into());
    }
    unsaid.fill(&mut defaults);
    defaults
}

/// What most metrics have in common; of equally many, what comes first.
fn commonest(said: &[Said]) -> Map<String, Value> {
    let count = |one: &Said| said.iter().filter(|other| other.defaults == one.defaults).count();
    let found = said.iter().rev().max_by_key(|one| count(one));
    found.map(|one| one.defaults.clone()).unwrap_or_default()
}

fn calendar(customer: &CustomerCalendar) -> Value {
    let CustomerCalendar {
        tenant,
        customer,
        period,
        timezone,
        anchor,
        anchor_month,
        effective_from,
    } = customer;
    let mut entry = Map::new();
    let entries = [
        ("customer", Some(Value::from(customer.as_str()))),
        ("tenant", Some(tenant.as_str()).filter(|tenant| *tenant != "default").map(Value::from)),
        ("period", period.map(|period| period.to_string().into())),
        ("timezone", timezone.as_deref().map(Value::from)),
        ("anchor", anchor.map(Value::from)),
        ("anchor_month", anchor_month.map(Value::from)),
        ("effective_from", effective_from.map(|begin| begin.to_string().into())),
    ];
    for (key, value) in entries {
        entry.extend(value.map(|value| (key.to_owned(), value)));
    }
    Value::Object(entry)
}

/// Whole or not at all.
fn write(output: Option<&Path>, text: &str) -> Result<(), CommandError> {
    let Some(path) = output.filter(|path| path.as_os_str() != "-") else { return print(text) };
    let failed = |error| CommandError::failed_by(format!("writing {}", path.display()), error);
    let mut file = Spool::create(&Target::of_argument(path)).map_err(failed)?;
    file.write(text.as_bytes()).map_err(failed)?;
    file.publish().map_err(failed)
}
