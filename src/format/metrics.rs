//! A list of metrics, as `GET /v1/metrics` gives it: each as it was written, with what became of it.

use std::collections::BTreeMap;

use super::json::{push, push_optional, push_string};
use crate::definition::{Definitions, Metric};

/// One metric, its versions taken together.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct MetricEntry {
    body: String,
}

impl MetricEntry {
    /// Every metric by tenant and code.
    pub fn all(definitions: &Definitions) -> BTreeMap<(String, String), MetricEntry> {
        let mut versions: BTreeMap<(String, String), Vec<&Metric>> = BTreeMap::new();
        for metric in &definitions.metrics {
            let key = (metric.tenant.clone(), metric.code.clone());
            versions.entry(key).or_default().push(metric);
        }
        let entries = versions.into_iter().filter_map(|(key, versions)| {
            let newest = versions.last()?;
            Some((key, MetricEntry { body: body(newest, versions.len()) }))
        });
        entries.collect()
    }

    /// One line of JSON. `next`: what the next page is asked for by.
    pub fn list<'e>(entries: impl Iterator<Item = &'e MetricEntry>, next: Option<&str>) -> String {
        let bodies: Vec<&str> = entries.map(|entry| entry.body.as_str()).collect();
        let mut out = format!(r#"{{"metrics":[{}],"next":"#, bodies.join(","));
        push_optional(&mut out, next);
        out.push('}');
        out
    }
}

/// The newest version as it was written, in the native form. Of a file it is not known when it was made.
fn body(newest: &Metric, versions: usize) -> String {
    let source = &newest.source;
    let mut out = source.native.as_ref().unwrap_or(&source.written).clone();
    let closing = out.pop();
    debug_assert_eq!(closing, Some('}'), "a definition is an object");
    // A definition has its code at least, so that something stands before the comma. What is said of every metric is said
    // where it was not written, too.
    let has = |key: &str| source.keys.iter().any(|written| written == key);
    if !has("tenant") {
        out.push_str(r#","tenant":"#);
        push_string(&mut out, &newest.tenant);
    }
    push(&mut out, format_args!(r#","version":{versions},"generation":1"#));
    if !has("effective_from") {
        out.push_str(r#","effective_from":null"#);
    }
    out.push_str(r#","created_at":null,"updated_at":null,"origin":"#);
    push_string(&mut out, &source.place);
    out.push('}');
    out
}
