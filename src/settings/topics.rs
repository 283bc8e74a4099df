//! What must hold between topics: those of the settings among themselves, and those that metrics name.

use std::collections::BTreeSet;

use super::reader::{Faulty, SettingsFault, Table};
use super::{Flow, KafkaFlow, Settings};
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

/// Checks that every metric is fed by a topic that is read: with one topic it need not name it, with several it must.
///
/// # Errors
/// A fault for every metric that does not.
pub fn check_topics(
    settings: &Settings,
    definitions: &Definitions,
) -> Result<(), Vec<SettingsFault>> {
    let names: Vec<&str> = match &settings.flow {
        Flow::Kafka(flow) => flow.source.topics.iter().map(|topic| topic.name.as_str()).collect(),
        Flow::Files(_) => Vec::new(),
    };
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

fn topic_fault(metric: &Metric, names: &[&str]) -> Option<String> {
    let list = names.join(", ");
    match &metric.topic {
        None if names.len() <= 1 => None,
        None => Some(format!("is missing: several are read, name the one that feeds it: {list}")),
        Some(topic) if names.contains(&topic.as_str()) => None,
        Some(topic) if names.is_empty() => {
            Some(format!("{topic:?} has no meaning where files are read: leave it out"))
        }
        Some(topic) => Some(format!("{topic:?} is not read: source.topics has {list}")),
    }
}
