//! What a broker says of a topic or a group when it is asked to describe it: ids, and what the asking user may do.

#![expect(
    unsafe_code,
    reason = "rdkafka has no door to DescribeTopics and DescribeConsumerGroups, and nothing else tells this"
)]

use std::borrow::Cow;
use std::ffi::{CStr, CString, c_char};
use std::ptr::NonNull;
use std::time::Duration;

use rdkafka::ClientContext;
use rdkafka::bindings as native;
use rdkafka::client::Client;
use rdkafka::error::RDKafkaErrorCode;

use native::rd_kafka_AclOperation_t as Operation;
use native::rd_kafka_admin_op_t as Request;

/// What a user may do with something.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) struct Grants {
    pub(super) read: bool,
    pub(super) write: bool,
}

/// A topic.
#[derive(Clone, PartialEq, Eq, Debug)]
pub(super) struct Described {
    /// Its id, as Kafka's tools write it; `None`: its broker is of a time before there were any.
    pub(super) id: Option<String>,
    /// How many there are.
    pub(super) partitions: i32,
    /// `None`: the broker does not tell.
    pub(super) grants: Option<Grants>,
}

/// A consumer group.
#[derive(Clone, PartialEq, Eq, Debug)]
pub(super) struct Group {
    /// How its members share the partitions; `None`: it has none, or they have not agreed yet.
    pub(super) assignor: Option<String>,
    /// `None`: the broker does not tell.
    pub(super) grants: Option<Grants>,
}

/// What librdkafka made, and what unmakes it.
struct Owned<T>(NonNull<T>, unsafe extern "C" fn(*mut T));

impl<T> Owned<T> {
    fn new(made: *mut T, unmake: unsafe extern "C" fn(*mut T)) -> Result<Self, RDKafkaErrorCode> {
        NonNull::new(made).map(|made| Owned(made, unmake)).ok_or(RDKafkaErrorCode::Fail)
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

type Options = native::rd_kafka_AdminOptions_t;
type Queue = native::rd_kafka_queue_t;

/// Sends a request, and waits for its answer.
fn answer<C: ClientContext>(
    client: &Client<C>,
    request: Request,
    timeout: Duration,
    send: impl FnOnce(*mut native::rd_kafka_t, *const Options, *mut Queue),
) -> Result<Owned<native::rd_kafka_event_t>, RDKafkaErrorCode> {
    let millis = i32::try_from(timeout.as_millis()).unwrap_or(i32::MAX);
    let handle = client.native_ptr();
    // SAFETY: the client outlives this call; options and queue outlive the request, which takes a copy of the one and a
    // count of the other. An error object is unmade once.
    unsafe {
        let options = native::rd_kafka_AdminOptions_new(handle, request);
        let options = Owned::new(options, native::rd_kafka_AdminOptions_destroy)?;
        let mut said = [0; 64];
        native::rd_kafka_AdminOptions_set_request_timeout(
            options.pointer(),
            millis,
            said.as_mut_ptr(),
            said.len(),
        );
        let refused =
            native::rd_kafka_AdminOptions_set_include_authorized_operations(options.pointer(), 1);
        if !refused.is_null() {
            native::rd_kafka_error_destroy(refused);
        }
        let queue = Owned::new(native::rd_kafka_queue_new(handle), native::rd_kafka_queue_destroy)?;
        send(handle, options.pointer(), queue.pointer());
        let event = native::rd_kafka_queue_poll(queue.pointer(), millis);
        let event = Owned::new(event, native::rd_kafka_event_destroy)
            .map_err(|_| RDKafkaErrorCode::OperationTimedOut)?;
        no_error(native::rd_kafka_event_error(event.pointer()))?;
        Ok(event)
    }
}

/// Asks for a topic.
pub(super) fn topic<C: ClientContext>(
    client: &Client<C>,
    topic: &str,
    timeout: Duration,
) -> Result<Described, RDKafkaErrorCode> {
    let [found] = topics(client, [topic], timeout)?;
    found
}

/// Asks for topics by one request; in their order. One that is not told of is not known.
pub(super) fn topics<C: ClientContext, const COUNT: usize>(
    client: &Client<C>,
    topics: [&str; COUNT],
    timeout: Duration,
) -> Result<[Result<Described, RDKafkaErrorCode>; COUNT], RDKafkaErrorCode> {
    let names = topics.iter().map(|topic| CString::new(*topic));
    let names = names.collect::<Result<Vec<_>, _>>().map_err(|_| RDKafkaErrorCode::InvalidTopic)?;
    let mut pointers: Vec<_> = names.iter().map(|name| name.as_ptr()).collect();
    // SAFETY: names outlive the request, which takes copies; what an event holds is read before the event is unmade.
    unsafe {
        let collection =
            native::rd_kafka_TopicCollection_of_topic_names(pointers.as_mut_ptr(), pointers.len());
        let collection = Owned::new(collection, native::rd_kafka_TopicCollection_destroy)?;
        let request = Request::RD_KAFKA_ADMIN_OP_DESCRIBETOPICS;
        let event = answer(client, request, timeout, |handle, options, queue| {
            native::rd_kafka_DescribeTopics(handle, collection.pointer(), options, queue);
        })?;
        let result = native::rd_kafka_event_DescribeTopics_result(event.pointer());
        let result = NonNull::new(result.cast_mut()).ok_or(RDKafkaErrorCode::Fail)?;
        let mut count = 0;
        let found = native::rd_kafka_DescribeTopics_result_topics(result.as_ptr(), &raw mut count);
        let found = match NonNull::new(found) {
            Some(found) => std::slice::from_raw_parts(found.as_ptr(), count),
            None => &[],
        };
        Ok(std::array::from_fn(|place| {
            let name =
                |description| CStr::from_ptr(native::rd_kafka_TopicDescription_name(description));
            let mut found = found.iter().copied();
            let found = found.find(|description| name(*description) == names[place].as_c_str());
            found.map_or(Err(RDKafkaErrorCode::UnknownTopicOrPartition), |one| described(one))
        }))
    }
}

/// # Safety
/// It is of an event that is not unmade yet.
unsafe fn described(
    description: *const native::rd_kafka_TopicDescription_t,
) -> Result<Described, RDKafkaErrorCode> {
    // SAFETY: the caller's promise.
    unsafe {
        let error = native::rd_kafka_TopicDescription_error(description);
        no_error(native::rd_kafka_error_code(error))?;
        let id = native::rd_kafka_TopicDescription_topic_id(description);
        let bits = (
            native::rd_kafka_Uuid_most_significant_bits(id),
            native::rd_kafka_Uuid_least_significant_bits(id),
        );
        let text = CStr::from_ptr(native::rd_kafka_Uuid_base64str(id));
        let mut partitions = 0;
        native::rd_kafka_TopicDescription_partitions(description, &raw mut partitions);
        let partitions = i32::try_from(partitions).map_err(|_| RDKafkaErrorCode::Fail)?;
        let mut count = 0;
        let operations =
            native::rd_kafka_TopicDescription_authorized_operations(description, &raw mut count);
        Ok(Described {
            id: (bits != (0, 0)).then(|| text.to_string_lossy().into_owned()),
            partitions,
            grants: grants(operations, count),
        })
    }
}

/// Asks for a group, also one that is not there yet.
pub(super) fn group<C: ClientContext>(
    client: &Client<C>,
    group: &str,
    timeout: Duration,
) -> Result<Group, RDKafkaErrorCode> {
    let name = CString::new(group).map_err(|_| RDKafkaErrorCode::InvalidGroupId)?;
    let mut names: [*const c_char; 1] = [name.as_ptr()];
    let names = names.as_mut_ptr();
    // SAFETY: as above.
    unsafe {
        let request = Request::RD_KAFKA_ADMIN_OP_DESCRIBECONSUMERGROUPS;
        let event = answer(client, request, timeout, |handle, options, queue| {
            native::rd_kafka_DescribeConsumerGroups(handle, names, 1, options, queue);
        })?;
        let result = native::rd_kafka_event_DescribeConsumerGroups_result(event.pointer());
        let mut count = 0;
        let found = match NonNull::new(result.cast_mut()) {
            Some(result) => native::rd_kafka_DescribeConsumerGroups_result_groups(
                result.as_ptr(),
                &raw mut count,
            ),
            None => return Err(RDKafkaErrorCode::Fail),
        };
        if count != 1 || found.is_null() {
            return Err(RDKafkaErrorCode::Fail);
        }
        let description = *found;
        let error = native::rd_kafka_ConsumerGroupDescription_error(description);
        no_error(native::rd_kafka_error_code(error))?;
        let mut count = 0;
        let operations = native::rd_kafka_ConsumerGroupDescription_authorized_operations(
            description,
            &raw mut count,
        );
        let assignor = native::rd_kafka_ConsumerGroupDescription_partition_assignor(description);
        let has_members = native::rd_kafka_ConsumerGroupDescription_member_count(description) > 0;
        let assignor = NonNull::new(assignor.cast_mut()).filter(|_| has_members);
        let assignor = assignor.map(|text| CStr::from_ptr(text.as_ptr()).to_string_lossy());
        let assignor = assignor.filter(|text| !text.is_empty());
        Ok(Group { assignor: assignor.map(Cow::into_owned), grants: grants(operations, count) })
    }
}

/// # Safety
/// `operations` is null, or so many of them.
unsafe fn grants(operations: *const Operation, count: usize) -> Option<Grants> {
    let operations = NonNull::new(operations.cast_mut())?;
    // SAFETY: the caller's promise.
    let operations = unsafe { std::slice::from_raw_parts(operations.as_ptr(), count) };
    let has = |wanted: Operation| {
        let all = Operation::RD_KAFKA_ACL_OPERATION_ALL;
        operations.iter().any(|found| *found == wanted || *found == all)
    };
    Some(Grants {
        read: has(Operation::RD_KAFKA_ACL_OPERATION_READ),
        write: has(Operation::RD_KAFKA_ACL_OPERATION_WRITE),
    })
}

fn no_error(code: native::rd_kafka_resp_err_t) -> Result<(), RDKafkaErrorCode> {
    match RDKafkaErrorCode::from(code) {
        RDKafkaErrorCode::NoError => Ok(()),
        code => Err(code),
    }
}
