//! Metrics with all their versions, of a daemon or of files.

use std::path::PathBuf;

use serde::Deserialize;
use serde_json::{Map, Value};

use super::super::client::{Client, encoded};
use super::super::{CommandError, definition_files};
use crate::definition::{CustomerCalendar, Metric};
use crate::format::definitions::read_body;

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
}

impl Stocked {
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
    versions: Vec<VersionAnswer>,
}

#[derive(Deserialize)]
struct VersionAnswer {
    effective_from: Option<String>,
    definition: Map<String, Value>,
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
    let mut versions = Vec::new();
    for VersionAnswer { effective_from, definition: mut written } in answer.versions {
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
        versions.push(Version { written, metric });
    }
    let tenant = tenant.unwrap_or("default").to_owned();
    Ok(Some(Stocked { tenant, code: code.to_owned(), versions }))
}

/// The metrics of files, and the calendars of customers there.
pub(super) fn of_files(
    paths: &[PathBuf],
) -> Result<(Vec<Stocked>, Vec<CustomerCalendar>), CommandError> {
    let definitions = definition_files::load_some(paths)?;
    let is_same =
        |one: &Metric, other: &Metric| (&one.tenant, &one.code) == (&other.tenant, &other.code);
    let mut found = Vec::new();
    for versions in definitions.metrics.chunk_by(is_same) {
        let [first, ..] = versions else { continue };
        let versions = versions.iter().map(|metric| {
            let source = &metric.source;
            let text = source.native.as_ref().unwrap_or(&source.written);
            let written = serde_json::from_str(text).expect("a definition is an object");
            Version { written, metric: metric.clone() }
        });
        let (tenant, code) = (first.tenant.clone(), first.code.clone());
        found.push(Stocked { tenant, code, versions: versions.collect() });
    }
    Ok((found, definitions.customers))
}
