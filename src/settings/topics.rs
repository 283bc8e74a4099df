//! What must hold between topics: those of the settings among themselves, and those that metrics name.

use super::reader::{Faulty, SettingsFault, Table};
use super::{Flow, KafkaFlow};
use crate::admin::Dialects;
use crate::definition::{Definitions, Metric};

/// Totals, rejects and events are never mixed in one topic.
pub(super) fn check_distinct(root: &Table<'_>, flow: &KafkaFlow) -> Result<(), Faulty> {
    let KafkaFlow { source, sink, rejects_topic } = flow;
    let reads = |name: &str| source.topics.iter().any(|topic| topic.name == name);
    let internal = source.topics.iter().filter_map(|topic| source.internal_topic(&topic.name));
    let internal: Vec<String> = internal.collect();
    let moves = |name: &String| internal.contains(name);
    let clashes = [
        (sink.topic == *rejects_topic, "sink.topic and rejects.topic", &sink.topic),
        (reads(&sink.topic), "sink.topic and one of source.topics", &sink.topic),
        (reads(rejects_topic), "rejects.topic and one of source.topics", rejects_topic),
        (moves(&sink.topic), "sink.topic and an internal topic", &sink.topic),
        (moves(rejects_topic), "rejects.topic and an internal topic", rejects_topic),
    ];
    let mut outcome = Ok(());
    if sink.shows_offsets && !internal.is_empty() {
        outcome = Err(root.fault(
            "sink.provenance = true says between which offsets of its partition a total's events stood, and \
             with source.partitioning = \"any\" they stand in several: leave one of them out",
        ));
    }
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
    let topics = flow.topics();
    let names: Vec<&str> = topics.iter().map(String::as_str).collect();
    let mut outcome = Ok(());
    for (key, topic) in own.chain(datasources) {
        if let Some(message) = unread(topic, &names) {
            outcome = Err(root.fault(format!("{key} = {topic:?} {message}")));
        }
    }
    outcome
}

/// Definitions are never mixed with events or totals either.
pub(super) fn check_definitions(
    root: &Table<'_>,
    flow: &KafkaFlow,
    topic: Option<&str>,
) -> Result<(), Faulty> {
    let KafkaFlow { source, sink, rejects_topic } = flow;
    let read = source.topics.iter().map(|read| ("one of source.topics", read.name.as_str()));
    let written = [("sink.topic", sink.topic.as_str()), ("rejects.topic", rejects_topic.as_str())];
    let mut others = read.chain(written);
    match others.find(|(_, name)| Some(*name) == topic) {
        Some((key, name)) => Err(root.fault(format!(
            "metrics.topic and {key} are both {name:?}: give each a topic of its own"
        ))),
        None => Ok(()),
    }
}

/// What is told of customers is never mixed with anything else.
pub(super) fn check_customers(
    root: &Table<'_>,
    flow: &KafkaFlow,
    definitions: Option<&str>,
) -> Result<(), Faulty> {
    let KafkaFlow { source, sink, rejects_topic } = flow;
    let Some(topic) = source.customers_topic.as_deref() else { return Ok(()) };
    let read = source.topics.iter().map(|read| ("one of source.topics", read.name.as_str()));
    let written = [("sink.topic", sink.topic.as_str()), ("rejects.topic", rejects_topic.as_str())];
    let definitions = definitions.map(|name| ("metrics.topic", name));
    match read.chain(written).chain(definitions).find(|(_, name)| *name == topic) {
        Some((key, name)) => Err(root.fault(format!(
            "source.customers_topic and {key} are both {name:?}: give each a topic of its own"
        ))),
        None => Ok(()),
    }
}

/// Checks that every metric is fed by one of the topics that are read: with one it need not name it, with several it must;
/// where files are read there are none.
///
/// # Errors
/// A fault for every metric that does not.
pub fn check_topics(
    topics: &[String],
    definitions: &Definitions,
) -> Result<(), Vec<SettingsFault>> {
    let names: Vec<&str> = topics.iter().map(String::as_str).collect();
    let mut faults = Vec::new();
    for metric in &definitions.metrics {
        if let Some(message) = topic_fault(metric, &names) {
            let place = format!("{}: topic", metric.source.entry);
            faults.push(SettingsFault { place, message });
        }
    }
    if faults.is_empty() { Ok(()) } else { Err(faults) }
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
