//! Where totals go: section `sink`.

use std::time::Duration;

use super::properties::{self, BOOTSTRAP, Properties};
use super::reader::{Faulty, Field, Table};
use crate::model::Span;

pub(super) const KEYS: [&str; 6] =
    ["kind", "topic", "provenance", "audit", "transaction_timeout", "kafka"];
pub(super) const KAFKA_KEYS: [&str; 1] = ["properties"];

/// librdkafka's default of `message.max.bytes`.
const MESSAGE_BYTES_MAX: usize = 1_000_000;

/// Where totals go.
#[derive(Clone, Debug)]
pub struct Sink {
    /// Topic. Default `odometer.totals`.
    pub topic: String,
    /// Whether a total says at which offsets its events stood. Default: not.
    pub shows_offsets: bool,
    /// Whether the totals are read back beside the work, and looked at. Default: not.
    pub is_audited: bool,
    /// How long the broker keeps an unfinished transaction. Default 30 s.
    pub transaction_timeout: Duration,
    /// librdkafka's properties: the source's, with the sink's own over them.
    pub properties: Properties,
}

impl Sink {
    /// The longest record that it takes, in bytes: `message.max.bytes`.
    pub fn message_bytes_max(&self) -> usize {
        let given = self.properties.value("message.max.bytes");
        given.and_then(|text| text.parse().ok()).unwrap_or(MESSAGE_BYTES_MAX)
    }
}

/// Reads the section, over the source's properties where they could be read.
pub(super) fn read(table: &Table<'_>, source: Option<&Properties>) -> Result<Sink, Faulty> {
    let topic = table.value_or("topic", "odometer.totals".to_owned(), Field::topic_name);
    let shows_offsets = table.value_or("provenance", false, Field::boolean);
    let is_audited = table.value_or("audit", false, Field::boolean);
    let timeouts = Span::from_seconds(1)..=Span::from_seconds(900);
    let transaction_timeout =
        table.value_or("transaction_timeout", Duration::from_secs(30), |field| {
            field.duration(timeouts)
        });
    let properties = table.section("kafka", &KAFKA_KEYS).and_then(|kafka| {
        kafka.value_or("properties", Properties::default(), |field| own_properties(field, source))
    });
    Ok(Sink {
        topic: topic?,
        shows_offsets: shows_offsets?,
        is_audited: is_audited?,
        transaction_timeout: transaction_timeout?,
        properties: source.ok_or(Faulty)?.overlaid(&properties?),
    })
}

fn own_properties(field: &Field<'_>, source: Option<&Properties>) -> Result<Properties, Faulty> {
    let own = properties::read(field)?;
    let Some(source) = source else { return Err(Faulty) };
    if own.value(BOOTSTRAP).is_some_and(|address| source.value(BOOTSTRAP) != Some(address)) {
        return Err(field.fault(format!(
            "{BOOTSTRAP:?} differs from the source's: totals and offsets are committed in one transaction, so source \
             and sink are one cluster; leave it out"
        )));
    }
    Ok(own)
}
