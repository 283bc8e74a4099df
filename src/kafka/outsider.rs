//! One who looks at a group from outside of it, and commits for it while nobody is in it.

use rdkafka::consumer::{BaseConsumer, CommitMode, Consumer};
use rdkafka::{Offset, TopicPartitionList};

use super::committed;
use super::trouble::{self, Trouble};
use super::{Error, Options};
use crate::engine::{Committed, Visible};
use crate::format::encode_metadata;

/// A client that is no member of the group.
pub struct Outsider {
    client: BaseConsumer<Trouble>,
    options: Options,
}

impl Outsider {
    /// Of that group and its source topic. Asks nobody yet.
    ///
    /// # Errors
    /// Settings that make no client.
    pub fn open(options: &Options) -> Result<Self, Error> {
        let mut config = Options::client(&options.source);
        config.set("group.id", &options.group);
        config.set("enable.auto.commit", "false");
        config.set("enable.auto.offset.store", "false");
        // What an open transaction would commit is not known yet: then there is no answer.
        config.set("isolation.level", "read_committed");
        let client = config.create_with_context(Trouble::default()).map_err(Error::Client)?;
        Ok(Outsider { client, options: options.clone() })
    }

    /// How many members the group has.
    ///
    /// # Errors
    /// A broker that does not answer.
    pub fn members(&self) -> Result<usize, Error> {
        let Options { group, request_timeout, .. } = &self.options;
        let asking = "asking for the members of the group";
        let groups = self.client.fetch_group_list(Some(group), *request_timeout);
        let groups = groups.map_err(Error::request(asking)).map_err(|error| self.told(error))?;
        let own = groups.groups().iter().filter(|found| found.name() == group);
        Ok(own.map(|found| found.members().len()).sum())
    }

    /// First offset of a partition's log, and one past the last.
    ///
    /// # Errors
    /// A broker that does not answer.
    pub fn log_bounds(&self, partition: i32) -> Result<(i64, i64), Error> {
        let Options { topics, request_timeout, .. } = &self.options;
        self.client
            .fetch_watermarks(&topics.source, partition, *request_timeout)
            .map_err(Error::request("asking for the bounds of the log"))
            .map_err(|error| self.told(error))
    }

    /// The group's committed offset of a partition, with its metadata.
    ///
    /// # Errors
    /// A broker that does not answer, as it does not while a transaction on the offset is open.
    pub fn committed(&self, partition: i32) -> Result<Option<Committed>, Error> {
        let Options { topics, request_timeout, .. } = &self.options;
        let mut asked = TopicPartitionList::new();
        asked.add_partition(&topics.source, partition);
        let answer = self
            .client
            .committed_offsets(asked, *request_timeout)
            .map_err(Error::request("asking for the committed offset"))
            .map_err(|error| self.told(error))?;
        committed::found(&answer, &topics.source, partition)
    }

    /// Commits an offset of a partition with its metadata. The broker refuses it where the group has a member.
    ///
    /// # Errors
    /// A broker that refuses, or does not answer.
    pub fn commit(&self, partition: i32, offset: i64, visible: &Visible) -> Result<(), Error> {
        let mut list = TopicPartitionList::new();
        let mut element = list.add_partition(&self.options.topics.source, partition);
        element.set_offset(Offset::Offset(offset)).map_err(Error::request("naming an offset"))?;
        element.set_metadata(encode_metadata(visible));
        self.client
            .commit(&list, CommitMode::Sync)
            .map_err(Error::request("committing the offset (which takes a group without members)"))
            .map_err(|error| self.told(error))
    }

    fn told(&self, error: Error) -> Error {
        error.explained(trouble::last_said(&self.client))
    }
}
