//! What the commands have in common that change a task from outside, while no process serves it.

use std::fs;
use std::path::Path;
use std::time::Duration;

use super::identity;
use crate::daemon::clock::Stopwatch;
use crate::daemon::{CommandError, clock};
use crate::engine::Binding;
use crate::kafka::{self, Access, Outsider};
use crate::settings::{KafkaFlow, Settings, Topic};

/// How long after its time a transaction may last that nobody ends: brokers look for such every ten seconds.
const ABORT_WAIT: Duration = Duration::from_secs(30);
/// From one question for open transactions to the next.
const LOOK_WAIT: Duration = Duration::from_millis(500);

/// The topic and partition of a task, as its folder is called.
pub(super) fn named(flow: &KafkaFlow, task: &str) -> Result<(Topic, i32), CommandError> {
    let topics = flow.tasks_read();
    let of = |topic: &Topic| {
        let number = task.strip_prefix(topic.name.as_str())?.strip_prefix('-')?;
        let partition: i32 = number.parse().ok().filter(|number| *number >= 0)?;
        (partition.to_string() == number).then(|| (topic.clone(), partition))
    };
    topics.iter().find_map(of).ok_or_else(|| {
        let names: Vec<&str> = topics.iter().map(|topic| topic.name.as_str()).collect();
        CommandError::Faults(vec![format!(
            "{task:?} is no task of the configuration: expected a topic of {} and a partition, such as {}-0",
            names.join(", "),
            names.first().copied().unwrap_or("usage")
        )])
    })
}

/// What the state of a partition belongs to, as the broker tells it.
pub(super) fn binding(
    options: &kafka::Options,
    partition: i32,
    refused: impl Fn(&str) -> CommandError,
) -> Result<Binding, CommandError> {
    let (group, topic) = (options.group.clone(), options.topics.source.clone());
    let read = [(topic.as_str(), Access::Read)];
    let asked = kafka::check_topics(&options.source, &read, options.request_timeout);
    let (counts, cluster) = asked.map_err(words)?;
    let partitions = counts.first().copied().unwrap_or(0);
    if partition >= partitions {
        return Err(refused(&format!("the topic has {partitions} partitions")));
    }
    Ok(Binding { cluster, group, topic, partition, partitions })
}

/// A client outside of the group, which has no members, and of which nothing is left open that might still move an offset.
/// `refused` says what is not done, and why.
pub(super) fn alone(
    settings: &Settings,
    options: &kafka::Options,
    refused: impl Fn(&str) -> CommandError,
) -> Result<Outsider, CommandError> {
    let outsider = Outsider::open(options).map_err(words)?;
    let group = &options.group;
    match outsider.members().map_err(words)? {
        0 => {}
        count => {
            return Err(refused(&format!(
                "group {group:?} has {count} members: stop every process of it first (one that was killed leaves \
                 once its session.timeout.ms is over)"
            )));
        }
    }
    for id in identity::known_ids(&settings.state.directory, group)? {
        kafka::take_up(options, &id).map_err(words)?;
    }
    Ok(outsider)
}

/// Waits until everything in a topic of the sink is decided: before, what other processes have delivered may stand behind
/// the transaction of one that was killed, and is told to nobody.
pub(super) fn decided(
    flow: &KafkaFlow,
    topic: &str,
    refused: impl Fn(&str) -> CommandError,
) -> Result<(), CommandError> {
    let properties = flow.sink.properties.expose();
    // Then the broker has ended what nobody else does.
    let limit = flow.sink.transaction_timeout + ABORT_WAIT;
    let since = Stopwatch::start();
    let mut is_told = false;
    loop {
        let open = kafka::undecided(&properties, topic, flow.source.request_timeout);
        let open = open.map_err(words)?;
        if open.is_empty() {
            return Ok(());
        }
        if since.elapsed() >= limit {
            return Err(refused(&format!(
                "transactions are open in partitions {open:?} of topic {topic:?}, behind which nothing is told: stop their \
                 producers, or end them (kafka-transactions.sh find-hanging)"
            )));
        }
        if !std::mem::replace(&mut is_told, true) {
            let seconds = limit.as_secs();
            tracing::info!(
                "transactions are open in partitions {open:?} of topic {topic:?}: waiting up to {seconds} seconds for their end"
            );
        }
        clock::pause(LOOK_WAIT);
    }
}

/// Removes a folder that an earlier call may have left.
pub(super) fn remove(directory: &Path) -> Result<(), CommandError> {
    if !directory.exists() {
        return Ok(());
    }
    fs::remove_dir_all(directory).map_err(|error| {
        CommandError::failed_by(format!("removing {}", directory.display()), error)
    })
}

#[expect(clippy::needless_pass_by_value, reason = "it stands in `map_err`")]
pub(super) fn words(error: kafka::Error) -> CommandError {
    CommandError::failed(error.to_string())
}
