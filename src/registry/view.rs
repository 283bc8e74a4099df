//! What an answer says of a metric: its definition as it was written, with what became of it.

use std::sync::Arc;

use serde_json::{Map, Value, json};

use super::{Made, Registry};
use crate::definition::{Definitions, Metric, Plan};
use crate::model::EventTime;

/// A metric as answers show it.
#[derive(Clone, PartialEq, Debug)]
pub struct Entry {
    /// Whose.
    pub tenant: String,
    /// Its name among the tenant's metrics.
    pub code: String,
    /// A JSON object.
    pub body: Map<String, Value>,
}

impl Registry {
    /// Every metric that is not deleted, in order of tenant and code, from behind a name on.
    pub fn entries(&self, after: Option<&(String, String)>) -> Vec<Entry> {
        let mut entries: Vec<Entry> = self.files.entries();
        let is_asked = |made: &&Arc<Made>| {
            let record = &made.record;
            let is_behind =
                |(tenant, code): &(String, String)| (&record.tenant, &record.code) > (tenant, code);
            record.deleted_at.is_none() && after.is_none_or(is_behind)
        };
        let made = self.made.values().flatten().filter(is_asked);
        entries.extend(made.map(|made| made.entry()));
        entries.retain(|entry| after.is_none_or(|after| entry.is_after(after)));
        entries.sort_by(|one, other| (&one.tenant, &one.code).cmp(&(&other.tenant, &other.code)));
        entries
    }

    /// Whether there is such a metric.
    pub fn has(&self, tenant: &str, code: &str) -> bool {
        self.alive(tenant, code).is_some() || self.files.place(tenant, code).is_some()
    }

    /// One metric.
    pub fn entry(&self, tenant: &str, code: &str) -> Option<Entry> {
        let made = self.alive(tenant, code).map(Made::entry);
        made.or_else(|| self.files.entry(tenant, code))
    }

    /// Every version of a metric in one of its generations, or in the newest, in order, with the instant from which it counts in
    /// the metric's own calendar: null for the first where it always did, and for one that never counts since the next begins
    /// with it. What was made in another system's form has that system's name and the body as it was submitted.
    pub fn versions(
        &self,
        tenant: &str,
        code: &str,
        generation: Option<u64>,
    ) -> Option<Vec<Value>> {
        let Some(made) = self.made_in(tenant, code, generation) else {
            let metrics = self.files_in(tenant, code, generation);
            let beside: Vec<Beside<'_>> = metrics.iter().map(Beside::of_file).collect();
            return (!metrics.is_empty()).then(|| listed(&metrics, &beside));
        };
        let record = &made.record;
        let beside = record.versions.iter().map(|version| Beside {
            created_at: Some(version.created_at),
            submitted: version.body.as_deref().map(|body| (record.origin.name(), body)),
        });
        Some(listed(&made.metrics, &beside.collect::<Vec<_>>()))
    }
}

impl Entry {
    fn is_after(&self, (tenant, code): &(String, String)) -> bool {
        (&self.tenant, &self.code) > (tenant, code)
    }
}

/// What is known of a version beside what it means.
struct Beside<'v> {
    created_at: Option<EventTime>,
    /// Whose form it was made in, and the body.
    submitted: Option<(&'v str, &'v str)>,
}

impl<'v> Beside<'v> {
    fn of_file(metric: &'v Metric) -> Self {
        let source = &metric.source;
        let submitted = source.dialect.map(|dialect| (dialect, source.written.as_str()));
        Beside { created_at: None, submitted }
    }
}

impl Made {
    fn entry(&self) -> Entry {
        let Made { record, metrics } = self;
        let mut body = record.newest().definition.clone();
        let text = |time: EventTime| Value::from(time.to_string());
        let effective_from = record.newest().effective_from.map_or(Value::Null, text);
        body.extend([
            ("tenant".to_owned(), record.tenant.clone().into()),
            ("code".to_owned(), record.code.clone().into()),
            ("version".to_owned(), metrics.len().into()),
            ("generation".to_owned(), record.generation.into()),
            ("effective_from".to_owned(), effective_from),
            ("created_at".to_owned(), text(record.created_at)),
            ("updated_at".to_owned(), text(record.updated_at)),
            ("origin".to_owned(), record.origin.name().into()),
        ]);
        Entry { tenant: record.tenant.clone(), code: record.code.clone(), body }
    }
}

impl super::files::Files {
    fn entries(&self) -> Vec<Entry> {
        let is_same =
            |one: &Metric, other: &Metric| (&one.tenant, &one.code) == (&other.tenant, &other.code);
        self.metrics().chunk_by(is_same).filter_map(of_file).collect()
    }

    pub(super) fn versions(&self, tenant: &str, code: &str) -> Vec<Metric> {
        let is_it = |metric: &&Metric| metric.tenant == tenant && metric.code == code;
        self.metrics().iter().filter(is_it).cloned().collect()
    }

    fn entry(&self, tenant: &str, code: &str) -> Option<Entry> {
        of_file(&self.versions(tenant, code))
    }
}

/// Versions of a metric of a file, of which it is not known when it was made.
fn of_file(versions: &[Metric]) -> Option<Entry> {
    let newest = versions.last()?;
    let mut body = written(newest);
    let effective_from = newest.effective_from;
    body.extend([
        ("tenant".to_owned(), newest.tenant.clone().into()),
        ("code".to_owned(), newest.code.clone().into()),
        ("version".to_owned(), versions.len().into()),
        ("generation".to_owned(), newest.generation.into()),
        ("effective_from".to_owned(), effective_from.map(|time| time.to_string()).into()),
        ("created_at".to_owned(), Value::Null),
        ("updated_at".to_owned(), Value::Null),
        ("origin".to_owned(), newest.source.place.clone().into()),
    ]);
    Some(Entry { tenant: newest.tenant.clone(), code: newest.code.clone(), body })
}

/// A definition as it was written, in the native form.
pub(super) fn written(metric: &Metric) -> Map<String, Value> {
    let source = &metric.source;
    let native = source.native.as_ref().unwrap_or(&source.written);
    serde_json::from_str(native).expect("a definition is an object")
}

fn listed(metrics: &[Metric], beside: &[Beside<'_>]) -> Vec<Value> {
    let definitions = Definitions { metrics: metrics.to_vec(), customers: Vec::new() };
    let plan = Plan::new(definitions);
    let timeline = plan.metrics().first().map(|metric| metric.timeline(""));
    let text = |time: Option<EventTime>| time.map(|time| time.to_string());
    let numbered = (0..).zip(metrics).zip(beside);
    let versions = numbered.map(|((place, metric), Beside { created_at, submitted })| {
        let body = submitted.map(|(_, body)| -> Value {
            serde_json::from_str(body).expect("a body that was read is JSON")
        });
        let begin = timeline.and_then(|timeline| timeline.begin_of(place));
        json!({
            "version": u64::from(place).saturating_add(1),
            "effective_from": text(metric.effective_from),
            "counts_from": text(begin.flatten()),
            "is_empty": begin.is_none(),
            "created_at": text(*created_at),
            "definition": written(metric),
            "dialect": submitted.map(|(dialect, _)| dialect),
            "body": body,
        })
    });
    versions.collect()
}
