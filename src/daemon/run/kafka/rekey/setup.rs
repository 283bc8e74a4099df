//! Before there are threads: the internal topic of each source topic, made where there is none.

use std::sync::Arc;
use std::time::Duration;

use super::plan::{Origin, Plan};
use crate::daemon::run::kafka::setup::{limits_of, options};
use crate::engine::StartFrom;
use crate::format::rekeyed::{LaneNote, Rules, decode_note, stage_of};
use crate::kafka::{self, Horizon, Internal};
use crate::settings::{KafkaFlow, Partitioning, Rekeying, Settings, Topic, WatermarkClock};

/// The longest wait of what was read for the next stage.
const INTERVAL_MAX: Duration = Duration::from_millis(200);

/// The stages of one source topic, and the topic as its tasks read it.
pub(in crate::daemon::run::kafka) struct Stages {
    pub(in crate::daemon::run::kafka) plan: Arc<Plan>,
    /// One for each worker.
    pub(in crate::daemon::run::kafka) workers: Vec<kafka::Options>,
    /// What is asked of the internal topic.
    into: kafka::Options,
    /// What tasks know of it.
    pub(in crate::daemon::run::kafka) origin: Origin,
    /// The internal topic, with the source topic's format.
    pub(in crate::daemon::run::kafka) topic: Topic,
    /// Where tasks begin that never did: there was nothing before.
    pub(in crate::daemon::run::kafka) start_from: Option<StartFrom>,
}

/// The stages of a source topic; `None`: its tasks read it as it stands.
///
/// # Errors
/// A broker that does not answer, or an internal topic that is not as it must be.
pub(in crate::daemon::run::kafka) fn stages(
    settings: &Settings,
    flow: &KafkaFlow,
    topic: &Topic,
    instance: &str,
) -> Result<Option<Stages>, kafka::Error> {
    let Partitioning::Any(rekeying) = flow.source.partitioning else { return Ok(None) };
    let into = flow.source.internal_topic(&topic.name).expect("it is re-keyed");
    let found = look(flow, topic, instance, &into, rekeying)?;
    let Internal { sources, source_id, partitions, id, message_bytes_max } = found;
    let count = |count: i32| count.unsigned_abs();
    let rules = Rules {
        sources: count(sources),
        partitions: count(partitions),
        future_skew_max: settings.watermark.future_skew_max,
        is_clock_record: settings.watermark.clock == WatermarkClock::Record,
    };
    let now = LaneNote {
        progress: None,
        sources: count(sources),
        source: source_id.as_ref().map(ToString::to_string),
        partitions: count(partitions),
        into: id.as_ref().map(ToString::to_string),
    };
    let stage = stage_of(&flow.source.group_id, &topic.name);
    let origin = Origin { topic: topic.name.clone(), stage };
    let plan = Plan {
        origin: origin.clone(),
        into: into.clone(),
        now,
        rules,
        format: topic.format.clone(),
        tenant: topic.tenant.clone(),
        start_from: flow.source.start_from,
        idle_timeout: settings.watermark.idle_timeout,
        interval: settings.state.commit_interval.min(INTERVAL_MAX),
    };
    let workers: Vec<_> = (0..flow.source.workers.get())
        .map(|worker| {
            let limits = limits_of(message_bytes_max);
            let mut options = options(flow, topic, worker, instance, limits);
            options.topic_id.clone_from(&source_id);
            options
        })
        .collect();
    let topic = Topic { name: into, ..topic.clone() };
    let mut into = options(flow, &topic, 0, instance, limits_of(message_bytes_max));
    into.topic_id = id;
    Ok(Some(Stages {
        plan: Arc::new(plan),
        into,
        workers,
        origin,
        topic,
        start_from: flow.source.start_from.map(|_| StartFrom::Earliest),
    }))
}

impl Stages {
    /// Who asks about the internal topic.
    ///
    /// # Errors
    /// Settings that make no client.
    pub(in crate::daemon::run::kafka) fn horizon(&self) -> Result<Horizon, kafka::Error> {
        Horizon::open(&self.into, self.into.request_timeout)
    }
}

/// Both topics. What is gone is not made anew where the group has written to it.
fn look(
    flow: &KafkaFlow,
    topic: &Topic,
    instance: &str,
    into: &str,
    rekeying: Rekeying,
) -> Result<Internal, kafka::Error> {
    let Rekeying { partitions, retention } = rekeying;
    let timeout = flow.source.request_timeout;
    let (source, sink) = (flow.source.properties.expose(), flow.sink.properties.expose());
    let partitions = partitions.map(|count| i32::try_from(count.get()).expect("it has a limit"));
    let (counts, _) = kafka::check_topics(&source, &[(&topic.name, kafka::Access::Read)], timeout)?;
    let asking = options(flow, topic, 0, instance, limits_of(flow.sink.message_bytes_max()));
    let committed = kafka::committed_offsets(&asking, &(0..counts[0]).collect::<Vec<_>>())?;
    let is_begun = committed.iter().flatten().any(|committed| {
        committed.metadata.as_ref().err().is_some_and(|text| decode_note(text).is_some())
    });
    let wanted = kafka::Wanted {
        name: into,
        source: &topic.name,
        partitions,
        retention_ms: retention.micros() / 1000,
        may_be_made: !is_begun,
    };
    kafka::internal_topic(&source, &sink, &wanted, timeout)
}
