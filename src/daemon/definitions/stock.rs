//! Metrics with all their versions, of a daemon or of files.

use std::path::PathBuf;

use serde::Deserialize;
use serde_json::{Map, Value, json};

use super::super::client::{Client, encoded};
use super::super::{CommandError, definition_files};
use crate::definition::{CustomerCalendar, Metric};
use crate::dialect::Defaults;
use crate::format::definitions::{Form, read_body};

/// One metric.
pub(super) struct Stocked {
    pub(super) tenant: String,
    pub(super) code: String,
    /// In order, at least one.
    pub(super) versions: Vec<Version>,
}

/// One version of a metric.
pub(super) struct Version {
    /// The native form as it is written, with `tenant` and `effective_from` where these are said.
    pub(super) written: Map<String, Value>,
    pub(super) metric: Metric,
    /// Whose form it was made in, and the entry of a definitions file that says it.
    pub(super) submitted: Option<(Form, String)>,
}

impl Version {
    /// What makes it: itself, or where it was written in another system's form a file with that alone.
    pub(super) fn body(&self) -> Value {
        let source = &self.metric.source;
        let Some(dialect) = source.dialect else { return Value::Object(self.written.clone()) };
        let entry: Value = serde_json::from_str(&source.written).expect("a body is an object");
        let said = self.written.iter().filter(|(key, _)| Defaults::KEYS.contains(&key.as_str()));
        let mut defaults: Map<String, Value> =
            said.map(|(key, value)| (key.clone(), value.clone())).collect();
        // Where a file says none, it is that of the key.
        let tenant = self.written.get("tenant").filter(|tenant| *tenant != "default");
        defaults.extend(tenant.map(|tenant| ("tenant".to_owned(), tenant.clone())));
        json!({ "dialect": dialect, "defaults": defaults, "metrics": [entry] })
    }

    /// Whether its body says what the one that a daemon keeps does not, in the same form: `is_billable` of Maple has no
    /// meaning in numbers. What it is known by, and what Lago's fields mean in numbers or in words, is not looked at.
    pub(super) fn says_more_than(&self, known: &Version) -> bool {
        let own = self.metric.source.dialect.and_then(Form::named);
        let (Some(form), Some((known_form, there))) = (own, &known.submitted) else { return false };
        if form != *known_form {
            return false;
        }
        let [own, there] = [&self.metric.source.written, there].map(|body| {
            let fields: Map<String, Value> =
                serde_json::from_str(&form.kept(body)).expect("a body is an object");
            fields
        });
        let is_looked_at = |key: &str| match form {
            Form::Lago => ["field_name", "rounding_precision"].contains(&key),
            Form::Maple | Form::Zenskar => !["id", "created_at", "updated_at"].contains(&key),
        };
        own.iter().filter(|(key, _)| is_looked_at(key)).any(|(key, value)| {
            // What Maple's answers say of a metric that does not say it.
            let unsaid = if key == "is_billable" { Value::Bool(true) } else { Value::Null };
            value != there.get(key).unwrap_or(&unsaid)
        })
    }
}

impl Stocked {
    /// Has it be that tenant's, unless its file says whose it is.
    pub(super) fn belong_to(&mut self, tenant: &str) {
        if self.tenant != "default" {
            return;
        }
        tenant.clone_into(&mut self.tenant);
        for Version { written, metric, .. } in &mut self.versions {
            tenant.clone_into(&mut metric.tenant);
            written.insert("tenant".to_owned(), tenant.into());
        }
    }

    pub(super) fn newest(&self) -> &Version {
        self.versions.last().expect("a metric has a version")
    }

    /// The tenant that a call names: where a file says none, it is that of the key.
    pub(super) fn named_tenant(&self) -> Option<&str> {
        Some(self.tenant.as_str()).filter(|tenant| *tenant != "default")
    }

    /// Where it stands in its file.
    pub(super) fn place(&self) -> String {
        let entry = &self.newest().metric.source.entry;
        if entry.is_empty() { self.name() } else { entry.clone() }
    }

    /// Whose form it was made in; `None`: the native one.
    pub(super) fn form(&self) -> Option<Form> {
        let newest = self.newest();
        newest.submitted.as_ref().map(|(form, _)| *form)
    }

    /// For people.
    pub(super) fn name(&self) -> String {
        match self.tenant.as_str() {
            "default" => self.code.clone(),
            tenant => format!("{tenant}/{}", self.code),
        }
    }
}

#[derive(Deserialize)]
struct VersionsAnswer {
    id: Option<String>,
    deleted_at: Option<String>,
    versions: Vec<VersionAnswer>,
}

#[derive(Deserialize)]
struct OriginAnswer {
    origin: String,
}

/// By which way a metric of a daemon came.
pub(super) fn origin_of(
    client: &Client<'_>,
    tenant: Option<&str>,
    code: &str,
) -> Result<String, CommandError> {
    let question: Vec<_> =
        tenant.iter().map(|tenant| ("tenant".to_owned(), (*tenant).to_owned())).collect();
    let OriginAnswer { origin } =
        client.get(&format!("/v1/metrics/{}", encoded(code)), &question)?;
    Ok(origin)
}

#[derive(Deserialize)]
struct VersionAnswer {
    effective_from: Option<String>,
    definition: Map<String, Value>,
    dialect: Option<String>,
    body: Option<Map<String, Value>>,
}

/// A metric of a daemon; `None` where it has none of that name. Without a tenant it is that of the key.
pub(super) fn of_daemon(
    client: &Client<'_>,
    tenant: Option<&str>,
    code: &str,
) -> Result<Option<Stocked>, CommandError> {
    let path = format!("/v1/metrics/{}/versions", encoded(code));
    let question: Vec<_> =
        tenant.iter().map(|tenant| ("tenant".to_owned(), (*tenant).to_owned())).collect();
    let Some(answer) = client.find::<VersionsAnswer>(&path, &question)? else { return Ok(None) };
    // Its code is free.
    if answer.deleted_at.is_some() {
        return Ok(None);
    }
    let mut versions = Vec::new();
    for VersionAnswer { effective_from, definition: mut written, dialect, body } in answer.versions
    {
        written.insert("code".to_owned(), code.into());
        if let Some(tenant) = tenant.filter(|tenant| *tenant != "default") {
            written.insert("tenant".to_owned(), tenant.into());
        }
        if let Some(begin) = effective_from {
            written.insert("effective_from".to_owned(), begin.into());
        }
        let metric = read_body(&Value::Object(written.clone()).to_string()).map_err(|faults| {
            let faults =
                faults.iter().map(|fault| format!("{code}: {}: {}", fault.path, fault.message));
            CommandError::Faults(faults.collect())
        })?;
        let form = dialect.as_deref().and_then(Form::named);
        let submitted = form
            .zip(body)
            .map(|(form, body)| (form, entry(form, body, code, answer.id.as_deref())));
        versions.push(Version { written, metric, submitted });
    }
    let tenant = tenant.unwrap_or("default").to_owned();
    Ok(Some(Stocked { tenant, code: code.to_owned(), versions }))
}

/// A body with what its system knows the metric by.
fn entry(form: Form, mut body: Map<String, Value>, code: &str, id: Option<&str>) -> String {
    let (key, value) = match form {
        Form::Lago => ("lago_id", id),
        Form::Maple | Form::Zenskar => ("id", Some(code)),
    };
    if let Some(value) = value {
        body.insert(key.to_owned(), value.into());
    }
    Value::Object(body).to_string()
}

/// The metrics of files, and the calendars of customers there.
pub(super) fn of_files(
    paths: &[PathBuf],
    form: Option<Form>,
) -> Result<(Vec<Stocked>, Vec<CustomerCalendar>), CommandError> {
    let definitions = match form {
        None => definition_files::load_some(paths)?,
        Some(form) => definition_files::load_answers(paths, form)?,
    };
    let is_same =
        |one: &Metric, other: &Metric| (&one.tenant, &one.code) == (&other.tenant, &other.code);
    let mut found = Vec::new();
    for versions in definitions.metrics.chunk_by(is_same) {
        let [first, ..] = versions else { continue };
        let versions = versions.iter().map(|metric| {
            let source = &metric.source;
            let text = source.native.as_ref().unwrap_or(&source.written);
            let written = serde_json::from_str(text).expect("a definition is an object");
            let form = source.dialect.and_then(Form::named);
            let submitted = form.map(|form| (form, source.written.clone()));
            Version { written, metric: metric.clone(), submitted }
        });
        let (tenant, code) = (first.tenant.clone(), first.code.clone());
        found.push(Stocked { tenant, code, versions: versions.collect() });
    }
    Ok((found, definitions.customers))
}
