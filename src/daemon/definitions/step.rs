//! What is to become of a metric that a file has: it is held against the one that a daemon has.

use serde_json::{Map, Value};

use super::super::CommandError;
use super::super::client::{Client, encoded};
use super::rehearsal::Call;
use super::stock::{self, Stocked, Version};
use crate::definition::{Definitions, Metric, Plan, full_meaning};
use crate::model::EventTime;
use crate::registry::UNSAID;

const BEGIN: &str = "effective_from";

/// What is to become of a metric.
pub(super) enum Step {
    /// It is there.
    Equal {
        /// What is otherwise there and cannot be changed.
        notes: Vec<String>,
    },
    /// It is not there.
    Create {
        /// At least one, one behind the other.
        calls: Vec<Call>,
    },
    /// It is there and is another.
    Update {
        /// At least one, one behind the other.
        calls: Vec<Call>,
    },
}

/// Why not is told with the place in the file.
pub(super) fn step(
    client: &Client<'_>,
    metric: &Stocked,
    updates: bool,
    now: EventTime,
) -> Result<Result<Step, String>, CommandError> {
    let place = metric.place();
    let refused = |text: &str| Ok(Err(format!("{place}: {text}")));
    let Some(there) = stock::of_daemon(client, metric.named_tenant(), &metric.code)? else {
        return Ok(create(metric, now).map_err(|text| format!("{place}: {text}")));
    };
    let (newest, last) = (metric.newest(), there.newest());
    let words = |metric: &Metric| {
        (metric.name.clone(), metric.description.clone(), metric.grace, metric.late)
    };
    let pairs = || metric.versions.iter().zip(&there.versions);
    let begins_later = |(own, known): (&Version, &Version)| matches!((own.metric.effective_from, known.metric.effective_from), (Some(own), Some(known)) if own < known);
    let is_so = |pair: (&Version, &Version)| {
        let (own, known) = pair;
        let is_in_time = own.metric.effective_from == known.metric.effective_from;
        meaning(own, metric) == meaning(known, metric) && (is_in_time || begins_later(pair))
    };
    let (count, known) = (metric.versions.len(), there.versions.len());
    let goes_on = known <= count && pairs().all(is_so);
    let is_said = words(&newest.metric) == words(&last.metric) && !newest.says_more_than(last);
    if goes_on && known == count && is_said {
        let late = pairs().filter(|pair| begins_later(*pair));
        let notes = late.map(|(own, known)| {
            let [own, known] = [own, known].map(|version| begin(&version.metric));
            format!("a version is to count from {own} on, and does from {known} on there, which no call changes")
        });
        return Ok(Ok(Step::Equal { notes: notes.collect() }));
    }
    if !updates {
        return refused(
            "is there already, and is another one: give --update to change it, or leave it out",
        );
    }
    let origin = stock::origin_of(client, metric.named_tenant(), &metric.code)?;
    if let Some(dialect) = newest.metric.source.dialect {
        if origin == dialect {
            let body = newest.body();
            return Ok(Ok(Step::Update { calls: vec![Call::patch(metric, body)] }));
        }
        if there.form().is_some() && !origin.starts_with("file:") {
            return refused(&format!(
                "was made over the {origin} API there, and is in the form of {dialect} here: change it there, or leave it out"
            ));
        }
    }
    let behind = if goes_on { known } else { count };
    let behind = behind.min(count.saturating_sub(1));
    let is_new = !goes_on || known < count;
    if is_new && let Err(text) = check_to_come(metric, behind, now) {
        return refused(&text);
    }
    let mut before = &last.written;
    let mut calls = Vec::new();
    for version in metric.versions.iter().skip(behind) {
        calls.push(Call::patch(metric, patch(before, &version.written)));
        before = &version.written;
    }
    Ok(Ok(Step::Update { calls }))
}

fn create(metric: &Stocked, now: EventTime) -> Result<Step, String> {
    check_to_come(metric, 1, now)?;
    let mut calls = Vec::new();
    let mut before: Option<&Version> = None;
    for version in &metric.versions {
        calls.push(match before {
            None => Call::post(metric, version.body()),
            Some(before) => Call::patch(metric, patch(&before.written, &version.written)),
        });
        before = Some(version);
    }
    let form = metric.versions.first().and_then(|version| version.metric.source.dialect);
    let changes = calls.iter().skip(1).filter_map(|call| call.body.as_object());
    let is_said = |key: &&String| !UNSAID.contains(&key.as_str()) && *key != BEGIN;
    let said = changes.flat_map(Map::keys).find(is_said);
    if let (Some(form), Some(key)) = (form, said) {
        return Err(format!(
            "{key}: a version changes it, and the first is in the form of {form}, which says it: have all of them native"
        ));
    }
    Ok(Step::Create { calls })
}

/// The versions from a place on are to count later than now in the metric's own calendar, where they say from when.
fn check_to_come(metric: &Stocked, from: usize, now: EventTime) -> Result<(), String> {
    let metrics = metric.versions.iter().map(|version| version.metric.clone()).collect();
    let plan = Plan::new(Definitions { metrics, customers: Vec::new() });
    let timeline = plan.metrics().first().map(|metric| metric.timeline(""));
    // One that the next begins with never counts.
    let begin_of = |place| timeline.and_then(|timeline| timeline.begin_of(place)).flatten();
    let counts = |place: u32| begin_of(place).is_some_and(|begin| begin <= now);
    let mut numbered = (0..).zip(&metric.versions).skip(from);
    match numbered
        .find(|(place, version)| version.metric.effective_from.is_some() && counts(*place))
    {
        None => Ok(()),
        Some((_, version)) => Err(format!(
            "a version counts from {} on, and a daemon takes only versions that are to come: leave out the versions before \
             the one that counts now, and its effective_from",
            begin(&version.metric)
        )),
    }
}

/// The keys of a definition that are others than before, and null for those that it lacks.
fn patch(before: &Map<String, Value>, after: &Map<String, Value>) -> Value {
    let mut keys = after.clone();
    keys.retain(|key, value| key == BEGIN || before.get(key) != Some(value));
    for key in before.keys().filter(|key| *key != BEGIN && !after.contains_key(*key)) {
        keys.insert(key.clone(), Value::Null);
    }
    keys.shift_remove("tenant");
    Value::Object(keys)
}

fn begin(metric: &Metric) -> String {
    metric.effective_from.map_or_else(|| "ever".to_owned(), |begin| begin.to_string())
}

/// What a version means under the file's name for its tenant, whenever it begins. Which topic feeds it is the daemon's matter
/// where the file names none.
fn meaning(version: &Version, of: &Stocked) -> String {
    let names_topic = of.versions.iter().any(|version| version.metric.topic.is_some());
    let metric = version.metric.clone();
    let topic = metric.topic.clone().filter(|_| names_topic);
    full_meaning(&Metric { tenant: of.tenant.clone(), topic, effective_from: None, ..metric })
}

impl Call {
    fn post(metric: &Stocked, body: Value) -> Self {
        Call { method: "POST", path: "/v1/metrics".to_owned(), tenant: tenant(metric), body }
    }

    fn patch(metric: &Stocked, body: Value) -> Self {
        let path = format!("/v1/metrics/{}", encoded(&metric.code));
        Call { method: "PATCH", path, tenant: tenant(metric), body }
    }
}

fn tenant(metric: &Stocked) -> Option<String> {
    metric.named_tenant().map(str::to_owned)
}
