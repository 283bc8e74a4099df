//! How far the logs of a topic reach: their high watermarks, which a reader of committed records is never told.
//!
//! A client of its own, in no group and reading nothing, so that its requests wait behind no fetch. Decides nothing.

use std::collections::BTreeMap;
use std::time::Duration;

use rdkafka::consumer::{BaseConsumer, Consumer};
use rdkafka::{Offset, TopicPartitionList};

use super::client::partitions;
use super::trouble::{self, Trouble};
use super::{Access, Error, Options};

/// Asks about one topic.
pub struct Horizon {
    client: BaseConsumer<Trouble>,
    topic: String,
    timeout: Duration,
}

impl Horizon {
    /// A client that has not spoken to the broker yet; an answer is waited for as long as `timeout`.
    ///
    /// # Errors
    /// Settings that make no client.
    pub fn open(options: &Options, timeout: Duration) -> Result<Self, Error> {
        let mut config = Options::client(&options.source);
        // Else the broker answers with the last stable offset: where the first open transaction begins.
        config.set("isolation.level", "read_uncommitted");
        let client = config.create_with_context(Trouble::default()).map_err(Error::Client)?;
        Ok(Horizon { client, topic: options.topics.source.clone(), timeout })
    }

    /// One past the last offset of each of these partitions, whoever may read it: one request for each broker.
    ///
    /// # Errors
    /// A broker that does not answer; then none of them is known.
    pub fn ends(&self, wanted: &[i32]) -> Result<BTreeMap<i32, i64>, Error> {
        if wanted.is_empty() {
            return Ok(BTreeMap::new());
        }
        let asking = "asking for the ends of the logs";
        let mut list = TopicPartitionList::new();
        for partition in wanted {
            // In place of a time, the end.
            list.add_partition_offset(&self.topic, *partition, Offset::End)
                .map_err(Error::request(asking))?;
        }
        let answer = self
            .client
            .offsets_for_times(list, self.timeout)
            .map_err(|cause| self.explained(Error::Request { what: asking, cause }))?;
        let mut ends = BTreeMap::new();
        for element in answer.elements() {
            element.error().map_err(Error::request(asking))?;
            if let Offset::Offset(end) = element.offset() {
                ends.insert(element.partition(), end);
            }
        }
        Ok(ends)
    }

    /// How many partitions the topic has now.
    ///
    /// # Errors
    /// A broker that does not answer, or a topic that is gone.
    pub fn partitions(&self) -> Result<i32, Error> {
        partitions(&self.client, &self.topic, Access::Read, self.timeout)
            .map_err(|error| self.explained(error))
    }

    fn explained(&self, error: Error) -> Error {
        error.explained(trouble::last_said(&self.client))
    }
}
