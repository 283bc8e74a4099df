//! What must hold between topics: those of the settings among themselves, and those that metrics name.

use std::collections::BTreeSet;

use super::reader::{Faulty, SettingsFault, Table};
use super::{Flow, KafkaFlow, Settings};
use crate::admin::Dialects;
use crate::definition::{Definitions, Metric};

/// Totals, rejects and events are never mixed in one topic.
pub(super) fn check_distinct(root: &Table<'_>, flow: &KafkaFlow) -> Result<(), Faulty> {
    let KafkaFlow { source, sink, rejects_topic } = flow;
    let reads = |name: &str| source.topics.iter().any(|topic| topic.name == name);
    let clashes = [
        (sink.topic == *rejects_topic, "sink.topic and rejects.topic", &sink.topic),
        (reads(&sink.topic), "sink.topic and one of source.topics", &sink.topic),
        (reads(rejects_topic), "rejects.topic and one of source.topics", rejects_topic),
    ];
    let mut outcome = Ok(());
    for (is_clash, keys, name) in clashes {
        if is_clash {
            outcome =
                Err(root.fault(format!("{keys} are both {name:?}: give each a topic of its own")));
        }
    }
    outcome
}

/// What metrics of other systems' APIs are fed by is read.
pub(super) fn check_dialects(
    root: &Table<'_>,
    flow: &Flow,
    dialects: &Dialects,
) -> Result<(), Faulty> {
    let defaults =
        [("lago", &dialects.lago), ("maple", &dialects.maple), ("zenskar", &dialects.zenskar)];
    let own = defaults.into_iter().filter_map(|(name, defaults)| {
        Some((format!("admin.dialects.{name}.topic"), defaults.topic.as_ref()?))
    });
    let datasources = dialects
        .zenskar_datasources
        .iter()
        .map(|(name, topic)| (format!("admin.dialects.zenskar.datasources.{name}"), topic));
    let names = names(flow);
    let mut outcome = Ok(());
    for (key, topic) in own.chain(datasources) {
        if let Some(message) = unread(topic, &names) {
            outcome = Err(root.fault(format!("{key} = {topic:?} {message}")));
        }
    }
    outcome
}

/// Checks that every metric is fed by a topic that is read: with one topic it need not name it, with several it must.
///
/// # Errors
/// A fault for every metric that does not.
pub fn check_topics(
    settings: &Settings,
    definitions: &Definitions,
) -> Result<(), Vec<SettingsFault>> {
    let names = names(&settings.flow);
    let mut faults = Vec::new();
    let mut seen = BTreeSet::new();
    for metric in &definitions.metrics {
        if let Some(message) = topic_fault(metric, &names)
            && seen.insert((&metric.tenant, &metric.code))
        {
            let Metric { tenant, code, .. } = metric;
            let place = format!("metric {code:?} of tenant {tenant:?}: topic");
            faults.push(SettingsFault { place, message });
        }
    }
    if faults.is_empty() { Ok(()) } else { Err(faults) }
}

fn names(flow: &Flow) -> Vec<&str> {
    match flow {
        Flow::Kafka(flow) => flow.source.topics.iter().map(|topic| topic.name.as_str()).collect(),
        Flow::Files(_) => Vec::new(),
    }
}

fn topic_fault(metric: &Metric, names: &[&str]) -> Option<String> {
    match &metric.topic {
        None if names.len() <= 1 => None,
        None => {
            let list = names.join(", ");
            Some(format!("is missing: several are read, name the one that feeds it: {list}"))
        }
        Some(topic) => unread(topic, names).map(|fault| format!("{topic:?} {fault}")),
    }
}

/// Why nothing is fed by a topic.
fn unread(topic: &str, names: &[&str]) -> Option<String> {
    if names.is_empty() {
        return Some("has no meaning where files are read: leave it out".to_owned());
    }
    let list = names.join(", ");
    (!names.contains(&topic)).then(|| format!("is not read: source.topics has {list}"))
}
