//! The id of a topic: another one where the topic was deleted and created anew under its name. And how many partitions it
//! has.
//!
//! Offsets, names and counts may all be the same then. Asking takes Describe on the topic, which every reader has.

use std::collections::BTreeMap;
use std::fmt;
use std::time::Duration;

use rdkafka::ClientContext;
use rdkafka::client::Client;
use rdkafka::consumer::{BaseConsumer, Consumer};
use rdkafka::error::{KafkaError, RDKafkaErrorCode};

use super::describe::{self, Described};
use super::trouble::{self, Trouble};
use super::{Error, Options};

const ASKING: &str = "asking for the topic's id";

/// A topic's id, as Kafka's tools write it.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct TopicId(String);

impl fmt::Display for TopicId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

/// What a topic is by now.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct TopicShape {
    /// `None`: its broker is of a time before there were any.
    pub id: Option<TopicId>,
    /// How many partitions it has.
    pub partitions: i32,
}

impl TopicShape {
    fn of(found: Described) -> Self {
        TopicShape { id: found.id.map(TopicId), partitions: found.partitions }
    }
}

/// The id of a topic; `None`: its broker is of a time before there were any.
///
/// # Errors
/// A broker that does not answer, or does not know the topic.
pub fn topic_id(
    properties: &BTreeMap<String, String>,
    topic: &str,
    timeout: Duration,
) -> Result<Option<TopicId>, Error> {
    let client: BaseConsumer<Trouble> = Options::client(properties)
        .create_with_context(Trouble::default())
        .map_err(Error::Client)?;
    asked(client.client(), topic, timeout)
        .map(|shape| shape.id)
        .map_err(|error| error.explained(trouble::last_said(&client)))
}

/// The same of a client that is there, with the number of partitions; it may be asked by several threads at once.
pub(super) fn asked<C: ClientContext>(
    client: &Client<C>,
    topic: &str,
    timeout: Duration,
) -> Result<TopicShape, Error> {
    describe::topic(client, topic, timeout).map(TopicShape::of).map_err(failed)
}

/// The same of several topics by one request, in their order.
pub(super) fn all_asked<C: ClientContext, const COUNT: usize>(
    client: &Client<C>,
    topics: [&str; COUNT],
    timeout: Duration,
) -> Result<[Result<TopicShape, Error>; COUNT], Error> {
    let found = describe::topics(client, topics, timeout).map_err(failed)?;
    Ok(found.map(|found| found.map(TopicShape::of).map_err(failed)))
}

fn failed(code: RDKafkaErrorCode) -> Error {
    Error::Request { what: ASKING, cause: KafkaError::MetadataFetch(code) }
}
