//! The topics that totals and rejects go to, asked for what they are by now.
//!
//! A client of its own, with the sink's settings, that reads and writes nothing. Decides nothing.

use std::collections::BTreeMap;
use std::time::Duration;

use rdkafka::consumer::{BaseConsumer, Consumer};
use rdkafka::error::RDKafkaErrorCode;

use super::trouble::{self, Trouble};
use super::{Access, Error, Options, TopicShape, topic_id};

/// Asks about the topics of totals and of rejects.
pub struct Destinations {
    client: BaseConsumer<Trouble>,
    totals: String,
    rejects: String,
}

impl Destinations {
    /// A client that has not spoken to the broker yet.
    ///
    /// # Errors
    /// Settings that make no client.
    pub fn open(
        properties: &BTreeMap<String, String>,
        totals: &str,
        rejects: &str,
    ) -> Result<Self, Error> {
        let client = Options::client(properties)
            .create_with_context(Trouble::default())
            .map_err(Error::Client)?;
        Ok(Destinations { client, totals: totals.to_owned(), rejects: rejects.to_owned() })
    }

    /// What the topics of totals and of rejects are by now: one request.
    ///
    /// # Errors
    /// A broker that does not answer, or a topic that is gone or may not be asked for.
    pub fn shapes(&self, timeout: Duration) -> Result<[TopicShape; 2], Error> {
        let topics = [self.totals.as_str(), self.rejects.as_str()];
        let answer = topic_id::all_asked(self.client.client(), topics, timeout);
        let [totals, rejects] =
            answer.map_err(|error| error.explained(trouble::last_said(&self.client)))?;
        let named = |topic, found: Result<_, _>| found.map_err(|error| self.named(topic, error));
        Ok([named(topics[0], totals)?, named(topics[1], rejects)?])
    }

    fn named(&self, topic: &str, error: Error) -> Error {
        let topic = topic.to_owned();
        if error.is_topic_unknown() {
            return Error::SinkTopicGone { topic, cause: Box::new(error) };
        }
        match error.code() {
            Some(RDKafkaErrorCode::TopicAuthorizationFailed) => {
                Error::Unauthorised { topic, access: Access::Write }
            }
            _ => error.explained(trouble::last_said(&self.client)),
        }
    }
}
