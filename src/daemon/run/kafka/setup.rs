//! From settings to jobs: definitions, and what the broker says of the topics.

use std::path::{Path, PathBuf};
use std::sync::Arc;

use super::asking::Asking;
use super::customers;
use super::destinations::Destinations;
use super::identity;
use super::job::Job;
use super::keeper::Keeper;
use super::rekey::{self, Stages};
use crate::daemon::CommandError;
use crate::daemon::run::outside::Outside;
use crate::daemon::run::state::Common;
use crate::daemon::signals::StopSignal;
use crate::kafka::{self, Access, Limits, TopicId, TopicShape};
use crate::settings::{KafkaFlow, Settings, Topic, WatermarkClock};
use crate::{engine, store};

/// What headers and framing take of a message, at most.
const ENVELOPE_BYTES: usize = 8 << 10;
/// Room that the names of a reject always need.
const REJECT_BYTES_MIN: usize = 16 << 10;

/// What one worker is given.
pub(super) type Work = (Arc<Job>, kafka::Options);

/// Everything that threads are started for.
pub(super) struct Works {
    /// The workers of every topic that tasks read.
    pub(super) workers: Vec<Work>,
    /// The stages of every topic that is re-keyed.
    pub(super) stages: Vec<Stages>,
    /// Where totals and rejects go.
    pub(super) destinations: Destinations,
}

/// The workers of every source topic, each with its job, and where they deliver to, once nothing is left open that an
/// earlier run began. `None`: told to stop before the broker answered.
pub(super) fn work(
    settings: &Settings,
    flow: &KafkaFlow,
    stop: &StopSignal,
    outside: &Outside,
) -> Result<Option<Works>, CommandError> {
    let instance = identity::instance(settings, flow)?;
    let keeper = settings.state.checkpoints.as_ref().map(Keeper::start).transpose()?;
    let keeper = keeper.map(Arc::new);
    let properties = flow.source.properties.expose();
    let servers = properties.get("bootstrap.servers").map_or("", String::as_str);
    let asking = Asking { servers, stop, readiness: &outside.readiness };
    let found = asking.until_answered(|| customers::topic(flow))?;
    let Some(customers) = found else { return Ok(None) };
    let (mut workers, mut stages, mut destinations) = (Vec::new(), Vec::new(), None);
    for topic in &flow.source.topics {
        tracing::info!(servers, topic = topic.name, "asking the broker for the topics");
        let found = asking.until_answered(|| rekey::stages(settings, flow, topic, &instance))?;
        let Some(found) = found else { return Ok(None) };
        // Tasks read the internal topic as they read any other.
        let topic = found.as_ref().map_or(topic, |found| &found.topic);
        let answer = asking.until_answered(|| ask(flow, topic))?;
        let Some((answer, broker)) = answer else { return Ok(None) };
        let [totals, rejects] = &answer.written;
        let written = [(flow.sink.topic.as_str(), totals), (flow.rejects_topic.as_str(), rejects)];
        let directory = &settings.state.directory;
        destinations = Some(Destinations::known(broker, directory, &answer.cluster, written)?);
        tell_limits(flow, &answer.limits);
        let (limits, topic_id) = (answer.limits.clone(), answer.topic_id.clone());
        outside.live.count(&topic.name, answer.partitions);
        let mut job = job(settings, flow, answer, topic, (&keeper, outside));
        if let Some(found) = &found {
            job.origin = Some(found.origin.clone());
            job.start_from = found.start_from;
        }
        let id = topic_id.as_ref();
        job.claims = customers.as_ref().map(|place| place.of(&topic.name, job.partitions, id));
        let job = Arc::new(job);
        for worker in 0..flow.source.workers.get() {
            let mut options = options(flow, topic, worker, &instance, limits.clone());
            options.topic_id.clone_from(&topic_id);
            workers.push((Arc::clone(&job), options));
        }
        stages.extend(found);
    }
    let of_stages = stages.iter().flat_map(|stages| &stages.workers);
    let all: Vec<_> = workers.iter().map(|(_, options)| options).chain(of_stages).collect();
    let is_taken_up = identity::take_up(&settings.state.directory, &all, &asking)?;
    let works = |destinations| Works { workers, stages, destinations };
    Ok(destinations.filter(|_| is_taken_up).map(works))
}

/// What the broker says of the topics.
struct Answer {
    /// How many partitions that of the source has.
    partitions: i32,
    /// Those of totals and of rejects.
    written: [TopicShape; 2],
    /// Id of the cluster.
    cluster: String,
    /// Id of the source topic.
    topic_id: Option<TopicId>,
    /// How large an entry may be.
    limits: Limits,
}

/// Each of the topics is asked for by the user who is to use it.
fn ask(flow: &KafkaFlow, topic: &Topic) -> Result<(Answer, kafka::Destinations), kafka::Error> {
    let (totals, rejects) = (flow.sink.topic.as_str(), flow.rejects_topic.as_str());
    let timeout = flow.source.request_timeout;
    let read = [(topic.name.as_str(), Access::Read)];
    let written = [(totals, Access::Write), (rejects, Access::Write)];
    let source = flow.source.properties.expose();
    let (counts, cluster) = kafka::check_topics(&source, &read, timeout)?;
    // Before any state is looked at: who has seen its record in the log has seen that of this topic.
    let topic_id = kafka::topic_id(&source, &topic.name, timeout)?;
    let properties = flow.sink.properties.expose();
    kafka::check_topics(&properties, &written, timeout)?;
    let broker = kafka::Destinations::open(&properties, totals, rejects)?;
    let limits = Limits {
        client: flow.sink.message_bytes_max(),
        totals: kafka::topic_limit(&properties, totals, timeout)?,
        rejects: kafka::topic_limit(&properties, rejects, timeout)?,
    };
    let written = broker.shapes(timeout)?;
    Ok((Answer { partitions: counts[0], written, cluster, topic_id, limits }, broker))
}

/// The limits of a topic that is neither that of totals nor that of rejects.
pub(super) fn limits_of(client: usize) -> Limits {
    let unknown = || Err("not asked for".to_owned());
    Limits { client, totals: unknown(), rejects: unknown() }
}

/// A limit that is not known, or too low for a reject with long names, is found out only by a refusal.
fn tell_limits(flow: &KafkaFlow, limits: &Limits) {
    let topics = [(&flow.sink.topic, &limits.totals), (&flow.rejects_topic, &limits.rejects)];
    for (topic, limit) in topics {
        match limit {
            Ok(bytes) => tracing::debug!(topic, bytes, "what the topic takes at most"),
            Err(reason) => tracing::warn!(
                topic,
                reason,
                limit_bytes = limits.message_bytes_max(),
                "the topic's max.message.bytes is not known: entries may be as long as the other \
                 limits let them"
            ),
        }
    }
    if limits.message_bytes_max() < ENVELOPE_BYTES + REJECT_BYTES_MIN {
        tracing::warn!(
            limit_bytes = limits.message_bytes_max(),
            wanted_bytes = ENVELOPE_BYTES + REJECT_BYTES_MIN,
            "max.message.bytes of the topics, or message.max.bytes, is so low that a reject with \
             long names would be refused"
        );
    }
}

fn job(
    settings: &Settings,
    flow: &KafkaFlow,
    answer: Answer,
    topic: &Topic,
    (keeper, outside): (&Option<Arc<Keeper>>, &Outside),
) -> Job {
    let Answer { partitions, written: [totals, _], cluster, limits, .. } = answer;
    let memory = settings.state.memory_limit.bytes_in_memory();
    // A share for RocksDB's cache and write buffers; the rest is divided among the tasks of the topics.
    let tasks = partitions.unsigned_abs() as usize * flow.source.topics.len();
    let engine = engine::Options {
        dedup_window: settings.dedup.window,
        watermark_delay: settings.watermark.delay,
        is_clock_record: settings.watermark.clock == WatermarkClock::Record,
        future_skew_max: settings.watermark.future_skew_max,
        reports_duplicates: settings.rejects.includes_duplicates,
        reports_unmatched: settings.rejects.includes_unmatched,
        keeps_offsets: flow.sink.shows_offsets,
        keeps_checkpoints: keeper.is_some(),
        memory_bytes_max: memory / 4 * 3 / tasks.max(1),
        ..engine::Options::default()
    };
    Job {
        common: Common {
            engine,
            entry_bytes_max: limits
                .message_bytes_max()
                .saturating_sub(ENVELOPE_BYTES)
                .max(REJECT_BYTES_MIN),
            outside: outside.clone(),
        },
        origin: None,
        format: topic.format.clone(),
        tenant: topic.tenant.clone(),
        cluster,
        partitions,
        totals_partitions: totals.partitions.unsigned_abs(),
        state_directory: settings.state.directory.clone(),
        store: store::Options::new(memory / 4),
        keeper: keeper.clone(),
        claims: None,
        start_from: flow.source.start_from,
        commit_interval: settings.state.commit_interval,
        commit_bytes_max: settings.state.commit_bytes.bytes_in_memory(),
        idle_timeout: settings.watermark.idle_timeout,
    }
}

/// Where the state of a partition lies.
pub(super) fn state_directory(directory: &Path, topic: &str, partition: i32) -> PathBuf {
    directory.join(format!("{topic}-{partition}"))
}

pub(super) fn options(
    flow: &KafkaFlow,
    topic: &Topic,
    worker: usize,
    instance: &str,
    limits: Limits,
) -> kafka::Options {
    kafka::Options {
        source: flow.source.properties.expose(),
        sink: flow.sink.properties.expose(),
        group: flow.source.group_id.clone(),
        instance: instance.to_owned(),
        is_static: flow.source.instance_id.is_some(),
        worker,
        topics: kafka::Topics {
            source: topic.name.clone(),
            totals: flow.sink.topic.clone(),
            rejects: flow.rejects_topic.clone(),
        },
        topic_id: None,
        limits,
        transaction_timeout: flow.sink.transaction_timeout,
        request_timeout: flow.source.request_timeout,
    }
}
