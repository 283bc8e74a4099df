//! What kind of source and sink there is: sections `source`, `sink` and `rejects` together, for they are of one kind.

use std::collections::BTreeMap;

use super::files::{self, Files};
use super::reader::{Faulty, Table};
use super::sink::{self, Sink};
use super::source::{self, Source, Topic};
use super::watermark;
use crate::format::EventFormat;

/// Which way events and totals go.
#[derive(Clone, Debug)]
pub enum Flow {
    /// From topics to topics, in Kafka's transactions.
    Kafka(Box<KafkaFlow>),
    /// From files to files.
    Files(Box<Files>),
}

impl Flow {
    /// The formats of everything that is read.
    pub(super) fn formats_mut(&mut self) -> Vec<&mut EventFormat> {
        match self {
            Flow::Kafka(flow) => {
                flow.source.topics.iter_mut().map(|topic| &mut topic.format).collect()
            }
            Flow::Files(files) => vec![&mut files.format],
        }
    }
}

/// From topics to topics.
#[derive(Clone, Debug)]
pub struct KafkaFlow {
    /// Where events come from.
    pub source: Source,
    /// Where totals go.
    pub sink: Sink,
    /// Topic of refused events. Default `odometer.rejects`.
    pub rejects_topic: String,
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum Kind {
    Kafka,
    Files,
}

const KINDS: [(&str, Kind); 2] = [("kafka", Kind::Kafka), ("file", Kind::Files)];

/// The names of the topics that are read; none where files are.
pub(super) fn topics(source: &Table<'_>) -> Result<Vec<String>, Faulty> {
    match source.value_or("kind", Kind::Kafka, |field| field.choice(&KINDS))? {
        Kind::Kafka => {
            let topics = source::read_topics(source)?;
            Ok(topics.into_iter().map(|topic| topic.name).collect())
        }
        Kind::Files => Ok(Vec::new()),
    }
}

impl Flow {
    /// The names of the topics that are read; none where files are.
    pub fn topics(&self) -> Vec<String> {
        match self {
            Flow::Kafka(flow) => {
                flow.source.topics.iter().map(|topic| topic.name.clone()).collect()
            }
            Flow::Files(_) => Vec::new(),
        }
    }
}

impl Flow {
    /// The topics that events are written to, each with the one that its tasks read; none where files are read.
    pub fn read_as(&self) -> BTreeMap<String, String> {
        let Flow::Kafka(flow) = self else { return BTreeMap::new() };
        let written = flow.source.topics.iter().map(|topic| topic.name.clone());
        written.zip(flow.tasks_read().into_iter().map(|topic| topic.name)).collect()
    }
}

impl KafkaFlow {
    /// The topics that tasks read, in the order of those that events are written to: the same, or the internal ones.
    pub fn tasks_read(&self) -> Vec<Topic> {
        let read = |topic: &Topic| {
            let internal = self.source.internal_topic(&topic.name);
            Topic { name: internal.unwrap_or_else(|| topic.name.clone()), ..topic.clone() }
        };
        self.source.topics.iter().map(read).collect()
    }
}

/// Reads the first three sections; of `watermark` only whether it fits them.
pub(super) fn read(
    root: &Table<'_>,
    source: &Table<'_>,
    sink: &Table<'_>,
    rejects: &Table<'_>,
    watermark: Option<&Table<'_>>,
) -> Result<Flow, Faulty> {
    let kind = source.value_or("kind", Kind::Kafka, |field| field.choice(&KINDS))?;
    let sink_kind = sink.value_or("kind", kind, |field| {
        let found = field.choice(&KINDS)?;
        if found == kind {
            return Ok(found);
        }
        Err(field.fault(
            "is not the kind of the source: totals and the place in the source are committed in one step, so both are \
             of one kind; leave it out",
        ))
    });
    let fitting = [
        check_keys(source, kind, &source::KEYS, &files::SOURCE_KEYS),
        check_keys(sink, kind, &sink::KEYS, &files::SINK_KEYS),
        check_keys(rejects, kind, &["topic"], &files::REJECTS_KEYS),
        match (kind, watermark) {
            (Kind::Files, Some(watermark)) => watermark::check_of_files(watermark),
            (Kind::Files, None) | (Kind::Kafka, _) => Ok(()),
        },
    ];
    let flow = match kind {
        Kind::Kafka => {
            read_kafka(root, source, sink, rejects).map(|flow| Flow::Kafka(Box::new(flow)))
        }
        Kind::Files => files::read(source, sink, rejects).map(|files| Flow::Files(Box::new(files))),
    };
    sink_kind?;
    fitting.into_iter().collect::<Result<(), Faulty>>()?;
    flow
}

/// Keys of the other kind have no effect: who writes one believes that it has.
fn check_keys(
    table: &Table<'_>,
    kind: Kind,
    of_kafka: &[&str],
    of_files: &[&str],
) -> Result<(), Faulty> {
    let (wrong, right, name) = match kind {
        Kind::Kafka => (of_files, of_kafka, "kafka"),
        Kind::Files => (of_kafka, of_files, "file"),
    };
    let mut outcome = Ok(());
    for key in wrong.iter().filter(|key| !right.contains(key)) {
        if let Some(field) = table.field(key) {
            outcome =
                Err(field
                    .fault(format!("has no effect where source.kind is \"{name}\": leave it out")));
        }
    }
    outcome
}

fn read_kafka(
    root: &Table<'_>,
    source: &Table<'_>,
    sink: &Table<'_>,
    rejects: &Table<'_>,
) -> Result<KafkaFlow, Faulty> {
    let source = source::read(source);
    let properties = source.as_ref().ok().map(|source| &source.properties);
    let sink = sink::read(sink, properties);
    let rejects_topic =
        rejects.value_or("topic", "odometer.rejects".to_owned(), super::Field::topic_name);
    let flow = KafkaFlow { source: source?, sink: sink?, rejects_topic: rejects_topic? };
    super::topics::check_distinct(root, &flow)?;
    Ok(flow)
}
