//! Where events come from: section `source`.

use std::collections::BTreeSet;
use std::num::NonZeroUsize;
use std::thread;
use std::time::Duration;

use super::format;
use super::properties::{self, BOOTSTRAP, Properties};
use super::reader::{Faulty, Field, Table, is_topic_name};
use super::tree::Content;
use crate::engine::StartFrom;
use crate::format::EventFormat;
use crate::model::Span;

pub(super) const KEYS: [&str; 13] = [
    "kind",
    "topics",
    "group_id",
    "format",
    "start_from",
    "workers",
    "partitioning",
    "rekeyed_partitions",
    "rekeyed_retention",
    "customers_topic",
    "instance_id",
    "request_timeout",
    "kafka",
];
pub(super) const KAFKA_KEYS: [&str; 1] = ["properties"];
const TOPIC_KEYS: [&str; 4] = ["name", "format", "tenant", "tenant_from"];

const WORKERS_MAX: usize = 256;
/// More than any cluster has of one topic.
const PARTITIONS_MAX: usize = 100_000;

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
    /// What records are keyed by. Default: customer.
    pub partitioning: Partitioning,
    /// Topic in which the processes of a group tell each other which customers they see. `None`: they do not. Default
    /// `<group_id>-customers`, where there may be several.
    pub customers_topic: Option<String>,
    /// Name under which the process is a static member of the group. `None`: not a static one.
    pub instance_id: Option<String>,
    /// How long an answer of the broker is waited for. Default 10 s.
    pub request_timeout: Duration,
    /// librdkafka's properties.
    pub properties: Properties,
}

/// What the records of the topics are keyed by.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Partitioning {
    /// By customer: a customer's events and their repeats share a partition.
    Customer,
    /// By anything, or nothing: events are re-keyed into an internal topic.
    Any(Rekeying),
}

/// How internal topics are made where there are none.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Rekeying {
    /// How many partitions they have. `None`: as many as their source topics.
    pub partitions: Option<NonZeroUsize>,
    /// For how long they keep records. Default 7 days.
    pub retention: Span,
}

impl Source {
    /// The internal topic that events of a topic are re-keyed into; `None`: they are read as they stand.
    pub fn internal_topic(&self, topic: &str) -> Option<String> {
        match self.partitioning {
            Partitioning::Customer => None,
            Partitioning::Any(_) => Some(internal_topic(&self.group_id, topic)),
        }
    }
}

fn internal_topic(group_id: &str, topic: &str) -> String {
    format!("{group_id}-{topic}-by-customer")
}

/// The topic that events of an internal topic of that group were written to; `None`: it can be no internal topic.
pub fn written_to<'t>(group_id: &str, topic: &'t str) -> Option<&'t str> {
    topic.strip_prefix(group_id)?.strip_prefix('-')?.strip_suffix("-by-customer")
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
    let partitioning = partitioning(table);
    let is_named = match (&partitioning, &topics, &group_id) {
        (Ok(Partitioning::Any(_)), Ok(topics), Ok(group_id)) => {
            check_names(table, topics, group_id)
        }
        _ => Ok(()),
    };
    let instance_id = table.optional("instance_id", |field| field.name(0..=255));
    let timeouts = Span::from_seconds(1)..=Span::from_seconds(300);
    let request_timeout = table
        .value_or("request_timeout", Duration::from_secs(10), |field| field.duration(timeouts));
    let properties = table.section("kafka", &KAFKA_KEYS).and_then(|kafka| read_properties(&kafka));
    format?;
    is_named?;
    Ok(Source {
        topics: topics?,
        group_id: group_id?,
        start_from: start_from?,
        workers: workers?,
        partitioning: partitioning?,
        // Whether there may be several is not known here.
        customers_topic: None,
        instance_id: instance_id?.filter(|name| !name.is_empty()),
        request_timeout: request_timeout?,
        properties: properties?,
    })
}

fn partitioning(table: &Table<'_>) -> Result<Partitioning, Faulty> {
    let choices = [("customer", false), ("any", true)];
    let is_any = table.value_or("partitioning", false, |field| field.choice(&choices));
    let partitions = table.optional("rekeyed_partitions", |field| {
        field.whole_number(1..=PARTITIONS_MAX).map(NonZeroUsize::new)
    });
    let spans = Span::from_seconds(3600)..=Span::from_seconds(366 * 86_400);
    let week = Span::from_seconds(7 * 86_400);
    let retention = table.value_or("rekeyed_retention", week, |field| field.span(spans));
    if is_any? {
        let partitions = partitions?.flatten();
        return Ok(Partitioning::Any(Rekeying { partitions, retention: retention? }));
    }
    let mut outcome = Ok(Partitioning::Customer);
    for key in ["rekeyed_partitions", "rekeyed_retention"] {
        if let Some(field) = table.field(key) {
            let fault = "has no effect where source.partitioning is \"customer\": leave it out";
            outcome = Err(field.fault(fault));
        }
    }
    outcome
}

/// The topic of customers of that group; `is_shared`: whether its tasks may be those of several processes.
pub(super) fn customers_topic(
    table: &Table<'_>,
    source: &Source,
    is_shared: bool,
) -> Result<Option<String>, Faulty> {
    let is_rekeyed = source.partitioning != Partitioning::Customer;
    if let Some(field) = table.field("customers_topic") {
        if is_rekeyed {
            return Err(field.fault(
                "has no effect where source.partitioning is \"any\", for there a customer's partition is this \
                 program's own to choose: leave it out",
            ));
        }
        return if field.text()?.is_empty() { Ok(None) } else { field.topic_name().map(Some) };
    }
    if is_rekeyed || !is_shared {
        return Ok(None);
    }
    let name = format!("{}-customers", source.group_id);
    if is_topic_name(&name) {
        return Ok(Some(name));
    }
    Err(table.fault(format!(
        "customers_topic is missing: of group_id {:?} would come the name {name:?}, which no topic can have; name one, or do \
         without the check across processes by \"\"",
        source.group_id
    )))
}

/// The names of internal topics are made of others, which may be none that a topic can have.
fn check_names(table: &Table<'_>, topics: &[Topic], group_id: &str) -> Result<(), Faulty> {
    let mut outcome = Ok(());
    for topic in topics {
        let name = internal_topic(group_id, &topic.name);
        if !is_topic_name(&name) {
            outcome = Err(table.fault(format!(
                "group_id {group_id:?} gives the internal topic of {:?} the name {name:?}, which no topic \
                 can have: give one of the characters A-Z a-z 0-9 . _ - alone, so that the name has at \
                 most 249",
                topic.name
            )));
        } else if topics.iter().any(|other| other.name == name) {
            outcome = Err(table.fault(format!(
                "topics has {name:?}, which is the internal topic of {:?}: leave it out, it is read all the same",
                topic.name
            )));
        }
    }
    outcome
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
