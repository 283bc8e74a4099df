//! How far the logs of a topic reach: their high watermarks, which a reader of committed records is never told. And
//! whether it is still the topic that it was.
//!
//! A client of its own, in no group and reading nothing, so that its requests wait behind no fetch. Decides nothing.

use std::collections::BTreeMap;
use std::time::Duration;

use rdkafka::consumer::{BaseConsumer, Consumer};
use rdkafka::{Offset, TopicPartitionList};

use super::client::partitions;
use super::trouble::{self, Trouble};
use super::{Access, Disposition, Error, Options, TopicId, topic_id};

/// Asks about one topic.
pub struct Horizon {
    client: BaseConsumer<Trouble>,
    topic: String,
    id: Option<TopicId>,
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
        let (topic, id) = (options.topics.source.clone(), options.topic_id.clone());
        Ok(Horizon { client, topic, id, timeout })
    }

    /// One past the last offset of each of these partitions, whoever may read it: one request for each broker. Those are
    /// missing of which it is not known.
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
            match element.error().map_err(Error::request(asking)) {
                Err(error) if error.disposition() == Disposition::Halt => return Err(error),
                Err(error) => tracing::debug!(%error, "the end of one log is not told"),
                Ok(()) => {
                    if let Offset::Offset(end) = element.offset() {
                        ends.insert(element.partition(), end);
                    }
                }
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

    /// That the topic was not deleted and created anew since the process started, as of now. What was read before the
    /// question is of that topic then: an id never comes back.
    ///
    /// # Errors
    /// Another topic of that name, or a broker that does not answer or does not know the topic now.
    pub fn same_topic(&self) -> Result<(), Error> {
        let Some(before) = &self.id else { return Ok(()) };
        let now = topic_id::asked(self.client.client(), &self.topic, self.timeout)
            .map_err(|error| self.explained(error))?;
        match now.id {
            Some(now) if now != *before => {
                Err(Error::TopicReplaced { topic: self.topic.clone(), before: before.clone(), now })
            }
            Some(_) | None => Ok(()),
        }
    }

    fn explained(&self, error: Error) -> Error {
        error.explained(trouble::last_said(&self.client))
    }
}

#[cfg(test)]
pub(super) mod tests {
    use rdkafka::mocking::MockCluster;

    use super::super::{Limits, Topics};
    use super::*;

    /// Of a worker that reads the topic `usage` there.
    pub(in crate::kafka) fn options(servers: String) -> Options {
        let unknown = || Err("not asked".to_owned());
        Options {
            source: BTreeMap::from([("bootstrap.servers".to_owned(), servers)]),
            sink: BTreeMap::new(),
            group: "group".to_owned(),
            instance: "instance".to_owned(),
            is_static: false,
            worker: 0,
            topics: Topics {
                source: "usage".to_owned(),
                totals: "totals".to_owned(),
                rejects: "rejects".to_owned(),
            },
            topic_id: None,
            limits: Limits { client: 1_000_000, totals: unknown(), rejects: unknown() },
            transaction_timeout: Duration::from_secs(10),
            request_timeout: Duration::from_secs(10),
        }
    }

    #[test]
    fn transactional_ids_tell_groups_and_instances_apart() {
        let id = |group: &str, instance: &str| {
            let (group, instance) = (group.to_owned(), instance.to_owned());
            Options { group, instance, ..options(String::new()) }.transactional_id()
        };
        assert_ne!(id("odo-X", "eu-1"), id("odo-X-eu", "1"));
        assert!(id("odo-X", "eu-1").starts_with("odo-X-eu-1-usage-0"), "as grants have it");
    }

    #[test]
    fn partition_without_a_leader_keeps_no_other_from_being_told() {
        let cluster = MockCluster::new(1).expect("a mock cluster");
        cluster.create_topic("usage", 3, 1).expect("a topic");
        cluster.partition_leader("usage", 1, None).expect("a partition");
        let options = options(cluster.bootstrap_servers());
        let horizon = Horizon::open(&options, Duration::from_secs(10)).expect("a client");
        let ends = || horizon.ends(&[0, 1, 2]).expect("an answer");
        assert_eq!(ends(), BTreeMap::from([(0, 0), (2, 0)]));

        // Who leads it is known from the next look at the topic on.
        cluster.partition_leader("usage", 1, Some(1)).expect("a partition");
        assert_eq!(horizon.partitions().expect("an answer"), 3);
        assert_eq!(ends(), BTreeMap::from([(0, 0), (1, 0), (2, 0)]));
    }
}
