//! Where events come from: section `source`.

use std::collections::BTreeSet;
use std::num::NonZeroUsize;
use std::thread;
use std::time::Duration;

use super::format;
use super::properties::{self, BOOTSTRAP, Properties};
use super::reader::{Faulty, Field, Table};
use super::tree::Content;
use crate::engine::StartFrom;
use crate::format::EventFormat;
use crate::model::Span;

pub(super) const KEYS: [&str; 10] = [
    "kind",
    "topics",
    "group_id",
    "format",
    "start_from",
    "workers",
    "partitioning",
    "instance_id",
    "request_timeout",
    "kafka",
];
pub(super) const KAFKA_KEYS: [&str; 1] = ["properties"];
const TOPIC_KEYS: [&str; 4] = ["name", "format", "tenant", "tenant_from"];

const ANY: &str = "\"any\" is not built yet: key the records by customer, so that a customer's events share \
a partition, and give \"customer\"";

const WORKERS_MAX: usize = 256;

/// Topics that events come from.
#[derive(Clone, Debug)]
pub struct Source {
    /// Topics, at least one, no two of one name.
    pub topics: Vec<Topic>,
    /// Consumer group, to which the state is bound. Default `odometer`.
    pub group_id: String,
    /// Where a partition without state and without committed offset begins. `None`: refuse to guess.
    pub start_from: Option<StartFrom>,
    /// Threads that share the tasks of each topic. Default: cores.
    pub workers: NonZeroUsize,
    /// Name under which the process is a static member of the group. `None`: not a static one.
    pub instance_id: Option<String>,
    /// How long an answer of the broker is waited for. Default 10 s.
    pub request_timeout: Duration,
    /// librdkafka's properties.
    pub properties: Properties,
}

/// A topic that is read.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Topic {
    /// Its name.
    pub name: String,
    /// Where its records keep the fields of an event.
    pub format: EventFormat,
    /// Tenant of events that name none. Default `default`.
    pub tenant: String,
}

/// Reads the section.
pub(super) fn read(table: &Table<'_>) -> Result<Source, Faulty> {
    let format = table.value_or("format", EventFormat::native(), format::read);
    let topics = topics_with(table, &format);
    let group_id = table.value_or("group_id", "odometer".to_owned(), |field| field.name(1..=255));
    let starts = [("earliest", StartFrom::Earliest), ("latest", StartFrom::Latest)];
    let start_from = table.optional("start_from", |field| field.choice(&starts));
    let workers = table.value_or("workers", cores(), workers);
    let partitioning =
        table.value_or("partitioning", (), |field| field.only("customer", "any", ANY));
    let instance_id = table.optional("instance_id", |field| field.name(0..=255));
    let timeouts = Span::from_seconds(1)..=Span::from_seconds(300);
    let request_timeout = table
        .value_or("request_timeout", Duration::from_secs(10), |field| field.duration(timeouts));
    let properties = table.section("kafka", &KAFKA_KEYS).and_then(|kafka| read_properties(&kafka));
    format?;
    partitioning?;
    Ok(Source {
        topics: topics?,
        group_id: group_id?,
        start_from: start_from?,
        workers: workers?,
        instance_id: instance_id?.filter(|name| !name.is_empty()),
        request_timeout: request_timeout?,
        properties: properties?,
    })
}

/// Reads the topics alone.
pub(super) fn read_topics(table: &Table<'_>) -> Result<Vec<Topic>, Faulty> {
    topics_with(table, &table.value_or("format", EventFormat::native(), format::read))
}

fn topics_with(
    table: &Table<'_>,
    format: &Result<EventFormat, Faulty>,
) -> Result<Vec<Topic>, Faulty> {
    let default = format.clone().unwrap_or_else(|Faulty| EventFormat::native());
    let wanted = "the topics that events are read from, such as [\"usage\"]";
    table.required("topics", wanted, |field| topics(field, &default))
}

fn read_properties(kafka: &Table<'_>) -> Result<Properties, Faulty> {
    let wanted = "librdkafka's properties, \"bootstrap.servers\" at least";
    let field = kafka.required("properties", wanted, |field| Ok(field.clone()))?;
    let properties = properties::read(&field)?;
    if properties.value(BOOTSTRAP).is_some_and(|text| !text.is_empty()) {
        return Ok(properties);
    }
    Err(field.fault(
        "\"bootstrap.servers\" is missing: expected addresses of brokers, such as \"127.0.0.1:9092\"",
    ))
}

fn workers(field: &Field<'_>) -> Result<NonZeroUsize, Faulty> {
    let number = field.whole_number(1..=WORKERS_MAX)?;
    Ok(NonZeroUsize::new(number).expect("the range begins at 1"))
}

fn cores() -> NonZeroUsize {
    thread::available_parallelism().unwrap_or(NonZeroUsize::MIN)
}

fn topics(field: &Field<'_>, format: &EventFormat) -> Result<Vec<Topic>, Faulty> {
    let fields = field.list("topics")?;
    if fields.is_empty() {
        return Err(field.fault("is empty: expected at least one topic, such as [\"usage\"]"));
    }
    let read: Vec<Result<Topic, Faulty>> =
        fields.iter().map(|field| topic(field, format)).collect();
    let mut seen = BTreeSet::new();
    let mut is_repeated = false;
    for (field, topic) in fields.iter().zip(&read) {
        if let Ok(topic) = topic
            && !seen.insert(topic.name.clone())
        {
            field.fault(format!("{:?} stands twice: name each topic once", topic.name));
            is_repeated = true;
        }
    }
    let topics: Result<Vec<Topic>, Faulty> = read.into_iter().collect();
    if is_repeated { Err(Faulty) } else { topics }
}

fn topic(field: &Field<'_>, default: &EventFormat) -> Result<Topic, Faulty> {
    const DEFAULT_TENANT: &str = "default";
    if !matches!(field.content(), Content::Table(_)) {
        let tenant = DEFAULT_TENANT.to_owned();
        return Ok(Topic { name: field.topic_name()?, format: default.clone(), tenant });
    }
    let table = field.table(&TOPIC_KEYS)?;
    let name = table.required("name", "the topic's name", Field::topic_name);
    let format = table.value_or("format", default.clone(), format::read);
    let format = format::with_tenant_from(&table, format);
    let tenant = table.value_or("tenant", DEFAULT_TENANT.to_owned(), |field| field.name(1..=512));
    Ok(Topic { name: name?, format: format?, tenant: tenant? })
}
