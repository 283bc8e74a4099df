//! The id of a topic: another one where the topic was deleted and created anew under its name. And how many partitions it
//! has.
//!
//! Offsets, names and counts may all be the same then. Asking takes Describe on the topic, which every reader has.

#![expect(
    unsafe_code,
    reason = "rdkafka has no door to DescribeTopics, and nothing else that it has tells the id"
)]

use std::collections::BTreeMap;
use std::ffi::{CStr, CString};
use std::fmt;
use std::ptr::NonNull;
use std::time::Duration;

use rdkafka::ClientContext;
use rdkafka::bindings as native;
use rdkafka::client::Client;
use rdkafka::consumer::{BaseConsumer, Consumer};
use rdkafka::error::{KafkaError, RDKafkaErrorCode};

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
    described(client, topic, timeout)
        .map_err(|code| Error::Request { what: ASKING, cause: KafkaError::MetadataFetch(code) })
}

/// What librdkafka made, and what unmakes it.
struct Owned<T>(NonNull<T>, unsafe extern "C" fn(*mut T));

impl<T> Owned<T> {
    fn new(made: *mut T, unmake: unsafe extern "C" fn(*mut T)) -> Option<Self> {
        NonNull::new(made).map(|made| Owned(made, unmake))
    }

    fn pointer(&self) -> *mut T {
        self.0.as_ptr()
    }
}

impl<T> Drop for Owned<T> {
    fn drop(&mut self) {
        // SAFETY: the pointer is librdkafka's own, is unmade once, and nothing of it is kept.
        unsafe { (self.1)(self.pointer()) }
    }
}

fn described<C: ClientContext>(
    client: &Client<C>,
    topic: &str,
    timeout: Duration,
) -> Result<TopicShape, RDKafkaErrorCode> {
    let failed = RDKafkaErrorCode::Fail;
    let name = CString::new(topic).map_err(|_| RDKafkaErrorCode::InvalidTopic)?;
    let millis = i32::try_from(timeout.as_millis()).unwrap_or(i32::MAX);
    let handle = client.native_ptr();
    let operation = native::rd_kafka_admin_op_t::RD_KAFKA_ADMIN_OP_DESCRIBETOPICS;
    let mut names = [name.as_ptr()];
    // SAFETY: the client outlives this call; names, options and queue outlive the request, which takes copies of the
    // first two and a count of the third; what an event holds is read before the event is unmade.
    unsafe {
        let topics = native::rd_kafka_TopicCollection_of_topic_names(names.as_mut_ptr(), 1);
        let topics = Owned::new(topics, native::rd_kafka_TopicCollection_destroy).ok_or(failed)?;
        let options = native::rd_kafka_AdminOptions_new(handle, operation);
        let options = Owned::new(options, native::rd_kafka_AdminOptions_destroy).ok_or(failed)?;
        let mut said = [0; 64];
        native::rd_kafka_AdminOptions_set_request_timeout(
            options.pointer(),
            millis,
            said.as_mut_ptr(),
            said.len(),
        );
        let queue = native::rd_kafka_queue_new(handle);
        let queue = Owned::new(queue, native::rd_kafka_queue_destroy).ok_or(failed)?;
        native::rd_kafka_DescribeTopics(
            handle,
            topics.pointer(),
            options.pointer(),
            queue.pointer(),
        );
        let event = native::rd_kafka_queue_poll(queue.pointer(), millis);
        let event = Owned::new(event, native::rd_kafka_event_destroy);
        let event = event.ok_or(RDKafkaErrorCode::OperationTimedOut)?;
        no_error(native::rd_kafka_event_error(event.pointer()))?;
        let result = native::rd_kafka_event_DescribeTopics_result(event.pointer());
        let mut count = 0;
        let found = match NonNull::new(result.cast_mut()) {
            Some(result) => {
                native::rd_kafka_DescribeTopics_result_topics(result.as_ptr(), &raw mut count)
            }
            None => return Err(failed),
        };
        if count != 1 || found.is_null() {
            return Err(RDKafkaErrorCode::UnknownTopicOrPartition);
        }
        let description = *found;
        let error = native::rd_kafka_TopicDescription_error(description);
        no_error(native::rd_kafka_error_code(error))?;
        let id = native::rd_kafka_TopicDescription_topic_id(description);
        let bits = (
            native::rd_kafka_Uuid_most_significant_bits(id),
            native::rd_kafka_Uuid_least_significant_bits(id),
        );
        let text = CStr::from_ptr(native::rd_kafka_Uuid_base64str(id));
        let id = (bits != (0, 0)).then(|| TopicId(text.to_string_lossy().into_owned()));
        let mut partitions = 0;
        native::rd_kafka_TopicDescription_partitions(description, &raw mut partitions);
        let partitions = i32::try_from(partitions).map_err(|_| failed)?;
        Ok(TopicShape { id, partitions })
    }
}

fn no_error(code: native::rd_kafka_resp_err_t) -> Result<(), RDKafkaErrorCode> {
    match RDKafkaErrorCode::from(code) {
        RDKafkaErrorCode::NoError => Ok(()),
        code => Err(code),
    }
}
