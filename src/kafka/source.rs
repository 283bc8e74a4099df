//! The source: a member of the consumer group that reads one topic.
//!
//! Rebalances are not carried out inside the callback: they are handed to the worker, which first brings its
//! tasks into order and then calls [`Source::assign`] or [`Source::unassign`].

use std::collections::{BTreeMap, VecDeque};
use std::sync::Mutex;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use rdkafka::config::RDKafkaLogLevel;
use rdkafka::consumer::{BaseConsumer, Consumer, ConsumerContext, ConsumerGroupMetadata};
use rdkafka::error::{KafkaError, KafkaResult, RDKafkaErrorCode};
use rdkafka::message::BorrowedMessage;
use rdkafka::topic_partition_list::TopicPartitionListElem;
use rdkafka::types::RDKafkaRespErr;
use rdkafka::{ClientContext, Offset, TopicPartitionList};

use super::client::partitions;
use super::trouble::Trouble;
use super::withheld::Doubter;
use super::{Access, Error, Options, committed, member};
use crate::engine::Committed;

/// A change of what the worker owns, to be answered by [`Source::assign`] or [`Source::unassign`].
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum Membership {
    /// These partitions are now the worker's.
    Given {
        /// Which; beside those that it has.
        partitions: Vec<i32>,
        /// By which id the group knows it. With another than before, what it has was perhaps another's meanwhile.
        member: String,
    },
    /// These are to be given up.
    Taken {
        /// Which.
        partitions: Vec<i32>,
        /// Whether others may own them already.
        is_lost: bool,
    },
}

/// What one look at the source brings.
pub enum Happening<'s> {
    /// A record.
    Record(BorrowedMessage<'s>),
    /// A partition was read to its end.
    End(i32),
    /// The client has trouble; it goes on by itself.
    Trouble(KafkaError),
    /// Nothing.
    Nothing,
}

/// What a client does not get over.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct FatalError {
    /// Whether the group has another static member of that name.
    pub is_fenced: bool,
    /// What the client says.
    pub text: String,
}

struct Context {
    memberships: Mutex<VecDeque<Membership>>,
    is_closing: AtomicBool,
    trouble: Trouble,
}

impl ClientContext for Context {
    fn log(&self, _: RDKafkaLogLevel, facility: &str, line: &str) {
        self.trouble.note_line(facility, line);
    }

    fn error(&self, error: KafkaError, reason: &str) {
        self.trouble.note(&error, reason);
    }
}

impl ConsumerContext for Context {
    fn rebalance(
        &self,
        consumer: &BaseConsumer<Self>,
        code: RDKafkaRespErr,
        list: &mut TopicPartitionList,
    ) {
        if self.is_closing.load(Ordering::SeqCst) {
            // The worker is done with all of them; an error here can only mean that they are gone already.
            let _ = match code {
                RDKafkaRespErr::RD_KAFKA_RESP_ERR__ASSIGN_PARTITIONS => {
                    consumer.incremental_assign(&TopicPartitionList::new())
                }
                _ => (consumer.assignment())
                    .and_then(|assigned| consumer.incremental_unassign(&common(list, &assigned))),
            };
            return;
        }
        let partitions = list.elements().iter().map(TopicPartitionListElem::partition).collect();
        let membership = match code {
            RDKafkaRespErr::RD_KAFKA_RESP_ERR__ASSIGN_PARTITIONS => {
                // As long as this is not answered, the client does not join anew.
                Membership::Given { partitions, member: member::id_of(consumer.client()) }
            }
            _ => Membership::Taken { partitions, is_lost: consumer.assignment_lost() },
        };
        self.memberships.lock().expect("no holder panics").push_back(membership);
    }
}

/// Those of a list that another one has too, without offsets.
fn common(list: &TopicPartitionList, other: &TopicPartitionList) -> TopicPartitionList {
    let mut common = TopicPartitionList::new();
    for element in list.elements() {
        if other.find_partition(element.topic(), element.partition()).is_some() {
            common.add_partition(element.topic(), element.partition());
        }
    }
    common
}

/// A member of the group.
///
/// What the group gave and is not begun yet is held: the client is not told of it, and so asks for nothing of it. A client
/// that is told to read from somewhere and then to pause does ask: for an end, which librdkafka 2.12 looks up again 500 ms
/// after a pause overtook the answer, to go there wherever reading has begun by then; or for an offset that is out of the log.
pub struct Source {
    consumer: BaseConsumer<Context>,
    topic: String,
    is_static: bool,
    request_timeout: Duration,
    doubter: Doubter,
}

impl Source {
    /// Joins the group.
    ///
    /// # Errors
    /// Settings that make no client.
    pub fn open(options: &Options) -> Result<Self, Error> {
        let source = Self::client(options)?;
        let topic = options.topics.source.as_str();
        let subscribing = "subscribing to the source topic";
        source.consumer.subscribe(&[topic]).map_err(Error::request(subscribing))?;
        Ok(source)
    }

    /// Reads one partition from an offset on, as no member of the group.
    ///
    /// # Errors
    /// Settings that make no client.
    pub fn alone(options: &Options, partition: i32, offset: i64) -> Result<Self, Error> {
        let source = Self::client(options)?;
        let list = source.list(&[(partition, offset)])?;
        source.consumer.assign(&list).map_err(Error::request("beginning to read a partition"))?;
        Ok(source)
    }

    fn client(options: &Options) -> Result<Self, Error> {
        let context = Context {
            memberships: Mutex::default(),
            is_closing: AtomicBool::new(false),
            trouble: Trouble::default(),
        };
        let consumer: BaseConsumer<Context> =
            options.consumer().create_with_context(context).map_err(Error::Client)?;
        Ok(Source {
            consumer,
            topic: options.topics.source.clone(),
            is_static: options.is_static,
            request_timeout: options.request_timeout,
            doubter: Doubter::new(options),
        })
    }

    /// Waits up to `timeout` for something to happen. To be called again and again: it also serves the group.
    pub fn poll(&self, timeout: Duration) -> Happening<'_> {
        match self.consumer.poll(timeout) {
            None => Happening::Nothing,
            Some(Ok(message)) => Happening::Record(message),
            Some(Err(KafkaError::PartitionEOF(partition))) => Happening::End(partition),
            Some(Err(error)) => Happening::Trouble(error),
        }
    }

    /// What the client last said of its connections: with [`Happening::Trouble`], why that came.
    pub fn last_trouble(&self) -> Option<String> {
        self.consumer.context().trouble.last()
    }

    /// How often a connection of the client failed so far: it tells so at once, whatever waits to be polled.
    pub fn failures(&self) -> u64 {
        self.consumer.context().trouble.failures()
    }

    /// The next change of what the worker owns.
    pub fn membership(&self) -> Option<Membership> {
        self.consumer.context().memberships.lock().expect("no holder panics").pop_front()
    }

    /// Accepts what the group gave; reading begins at these offsets, and what is not among them is held.
    ///
    /// # Errors
    /// A client that lost the group meanwhile.
    pub fn assign(&self, starts: &[(i32, i64)]) -> Result<(), Error> {
        let list = self.list(starts)?;
        self.consumer.incremental_assign(&list).map_err(Error::request("accepting partitions"))
    }

    /// Begins to read partitions that are held or paused.
    ///
    /// # Errors
    /// A client that lost the group meanwhile.
    pub fn begin(&self, starts: &[(i32, i64)]) -> Result<(), Error> {
        let partitions: Vec<i32> = starts.iter().map(|(partition, _)| *partition).collect();
        self.unassign(&partitions)?;
        self.assign(starts)
    }

    /// Gives partitions up.
    ///
    /// # Errors
    /// A client that lost the group meanwhile.
    pub fn unassign(&self, partitions: &[i32]) -> Result<(), Error> {
        let list = self.assigned(partitions)?;
        self.consumer
            .incremental_unassign(&list)
            .map_err(Error::request("giving partitions up"))?;
        // The client keeps a pause beyond the assignment: a partition that comes back would never be read.
        self.consumer.resume(&list).map_err(Error::request("resuming partitions"))
    }

    /// Stops the reading of those that are not held, until [`Source::resume`].
    ///
    /// # Errors
    /// A client that is closing.
    pub fn pause(&self, partitions: &[i32]) -> Result<(), Error> {
        let list = self.assigned(partitions)?;
        self.consumer.pause(&list).map_err(Error::request("pausing partitions"))
    }

    /// Goes on with the reading of some partitions.
    ///
    /// # Errors
    /// A client that is closing.
    pub fn resume(&self, partitions: &[i32]) -> Result<(), Error> {
        let list = self.assigned(partitions)?;
        self.consumer.resume(&list).map_err(Error::request("resuming partitions"))
    }

    /// Those that the client was told of.
    fn assigned(&self, partitions: &[i32]) -> Result<TopicPartitionList, Error> {
        let asking = "asking the client for its partitions";
        let assigned = self.consumer.assignment().map_err(Error::request(asking))?;
        Ok(common(&self.plain_list(partitions), &assigned))
    }

    fn plain_list(&self, partitions: &[i32]) -> TopicPartitionList {
        let mut list = TopicPartitionList::new();
        for partition in partitions {
            list.add_partition(&self.topic, *partition);
        }
        list
    }

    fn list(&self, starts: &[(i32, i64)]) -> Result<TopicPartitionList, Error> {
        let mut list = TopicPartitionList::new();
        let added: KafkaResult<()> = starts.iter().try_for_each(|(partition, offset)| {
            list.add_partition_offset(&self.topic, *partition, Offset::Offset(*offset))
        });
        added.map_err(Error::request("naming a start offset"))?;
        Ok(list)
    }

    /// The member's place in the group as of now: to be taken when a transaction is cut, never refreshed. None where the
    /// group does not know it by that id any more: a static member whose heartbeats failed to come joins anew by itself, and
    /// has a valid place again before it is told that it lost what it had (librdkafka does so where the answer to a
    /// `JoinGroup` or `SyncGroup` is `UNKNOWN_MEMBER_ID`).
    pub fn group_metadata(&self, member: &str) -> Option<ConsumerGroupMetadata> {
        let place = self.consumer.group_metadata()?;
        // Asked last: an id that was lost does not come back.
        self.is_known_as(member).then_some(place)
    }

    /// Whether the group knows the member by that id still.
    pub fn is_known_as(&self, member: &str) -> bool {
        !member.is_empty() && member::id_of(self.consumer.client()) == member
    }

    /// The group's committed offsets with their metadata, in the order asked.
    ///
    /// # Errors
    /// A broker that does not answer, or keeps them back.
    pub fn committed(&self, wanted: &[i32]) -> Result<Vec<Option<Committed>>, Error> {
        let list = self.plain_list(wanted);
        let answer = self
            .consumer
            .committed_offsets(list.clone(), self.request_timeout)
            .map_err(Error::request("asking for the committed offsets"));
        let found = answer.and_then(|answer| {
            let found = wanted.iter();
            found.map(|partition| committed::found(&answer, &self.topic, *partition)).collect()
        });
        let found = found.map_err(|error| self.doubter.explained(error, &list))?;
        self.doubter.answered();
        Ok(found)
    }

    /// First offset of a partition's log, and one past the last.
    ///
    /// # Errors
    /// A broker that does not answer.
    pub fn log_bounds(&self, partition: i32) -> Result<(i64, i64), Error> {
        self.consumer
            .fetch_watermarks(&self.topic, partition, self.request_timeout)
            .map_err(Error::request("asking for the bounds of the log"))
    }

    /// Up to where each partition was handed out by [`Source::poll`], with what is no record for anybody: ends of
    /// transactions, and what was written in those that were aborted. A partition of which nothing came since it was
    /// accepted may be missing, or stand where an earlier owner left it.
    ///
    /// # Errors
    /// A client that is closing.
    pub fn positions(&self) -> Result<BTreeMap<i32, i64>, Error> {
        let asking = "asking the client how far it has read";
        let list = self.consumer.position().map_err(Error::request(asking))?;
        let positions = list.elements().into_iter().filter_map(|element| match element.offset() {
            Offset::Offset(offset) => Some((element.partition(), offset)),
            _ => None,
        });
        Ok(positions.collect())
    }

    /// How many partitions the topic has now.
    ///
    /// # Errors
    /// A broker that does not answer, or a topic that is gone.
    pub fn partitions(&self) -> Result<i32, Error> {
        partitions(&self.consumer, &self.topic, Access::Read, self.request_timeout)
    }

    /// Why the client can do nothing any more, where that is so.
    pub fn fatal_error(&self) -> Option<FatalError> {
        let (code, text) = self.consumer.client().fatal_error()?;
        let is_fenced = code == RDKafkaErrorCode::FencedInstanceId;
        Some(FatalError { is_fenced, text: format!("{code}: {text}") })
    }

    /// Leaves the group. Changes that were not answered are answered first, or the client would wait for ever.
    pub fn close(self) {
        while let Some(membership) = self.membership() {
            let answered = match &membership {
                Membership::Given { .. } => self.assign(&[]),
                Membership::Taken { partitions, .. } => self.unassign(partitions),
            };
            if let Err(error) = answered {
                tracing::debug!(%error, "a change of membership was gone before it was answered");
            }
        }
        self.consumer.context().is_closing.store(true, Ordering::SeqCst);
        if !self.is_static {
            // A member without partitions that only ends does not tell the group, which then waits for it until its
            // session is over (librdkafka's rd_kafka_cgrp_revoke_all_rejoin, where it is terminating).
            self.consumer.unsubscribe();
        }
        drop(self);
    }
}

#[cfg(test)]
mod tests;
