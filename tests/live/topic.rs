//! Writing and reading topics from a test: bulk writes, reads of all that is committed, offsets of a group.

use std::collections::BTreeSet;
use std::future::Future;
use std::pin::pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicU32, AtomicU64, Ordering};
use std::task::{Context, Poll, Wake, Waker};
use std::thread::{self, Thread};
use std::time::Duration;

use rdkafka::ClientContext;
use rdkafka::admin::{AdminClient, AdminOptions, NewPartitions, NewTopic, TopicReplication};
use rdkafka::client::DefaultClientContext;
use rdkafka::consumer::{BaseConsumer, Consumer};
use rdkafka::error::{KafkaError, RDKafkaErrorCode};
use rdkafka::message::{Header, Headers, Message, OwnedHeaders};
use rdkafka::producer::{BaseProducer, BaseRecord, DeliveryResult, Producer, ProducerContext};
use rdkafka::topic_partition_list::{Offset, TopicPartitionList, TopicPartitionListElem};

use crate::broker::Broker;
use crate::wait;

/// Limit for one request to the broker, and for a read to reach the end.
const LIMIT: Duration = Duration::from_secs(60);

/// What a test writes; without a partition the key decides, by Java's rule (murmur2).
#[derive(Clone, Debug, Default)]
pub(crate) struct Outgoing {
    pub(crate) partition: Option<i32>,
    pub(crate) key: Option<Vec<u8>>,
    pub(crate) value: Option<Vec<u8>>,
    pub(crate) headers: Vec<(&'static str, &'static str)>,
}

impl Outgoing {
    /// A record with that key and value, in the partition of its key.
    pub(crate) fn keyed(key: &str, value: impl Into<Vec<u8>>) -> Self {
        Self { key: Some(key.into()), value: Some(value.into()), ..Self::default() }
    }

    /// The same record with one more header.
    pub(crate) fn with_header(mut self, key: &'static str, value: &'static str) -> Self {
        self.headers.push((key, value));
        self
    }

    /// The same record in that partition.
    pub(crate) fn to(self, partition: i32) -> Self {
        Self { partition: Some(partition), ..self }
    }
}

/// What a test reads.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Record {
    pub(crate) partition: i32,
    pub(crate) offset: i64,
    pub(crate) key: Option<Vec<u8>>,
    pub(crate) value: Option<Vec<u8>>,
    pub(crate) headers: Vec<(String, Vec<u8>)>,
    /// Milliseconds since the epoch, where the record has one.
    pub(crate) timestamp: Option<i64>,
}

impl Record {
    /// The value as text; empty where there is none.
    pub(crate) fn text(&self) -> &str {
        std::str::from_utf8(self.value.as_deref().unwrap_or_default()).expect("the value is text")
    }

    /// The key as text; empty where there is none.
    pub(crate) fn key_text(&self) -> &str {
        std::str::from_utf8(self.key.as_deref().unwrap_or_default()).expect("the key is text")
    }
}

/// A name that no other test of this or an earlier run uses.
pub(crate) fn unique(name: &str) -> String {
    static COUNT: AtomicU32 = AtomicU32::new(0);
    let folder = tempfile::Builder::new().prefix("").rand_bytes(8).tempdir().expect("a folder");
    let run = folder.path().file_name().expect("it has a name").to_string_lossy().into_owned();
    format!("{name}-{run}-{}", COUNT.fetch_add(1, Ordering::Relaxed))
}

impl Broker {
    /// Creates a topic and waits until the broker serves it.
    pub(crate) fn create_topic(&self, name: &str, partitions: i32) {
        self.create_topic_with(name, partitions, &[]);
    }

    /// Creates a topic with settings of its own.
    pub(crate) fn create_topic_with(&self, name: &str, partitions: i32, settings: &[(&str, &str)]) {
        let topic = NewTopic::new(name, partitions, TopicReplication::Fixed(1));
        let topic = settings.iter().fold(topic, |topic, (key, value)| topic.set(key, value));
        let results = block_on(self.admin().create_topics([&topic], &options()));
        expect_topics(results);
        self.await_partitions(name, usize::try_from(partitions).expect("some partitions"));
    }

    /// Deletes a topic and waits until it is gone.
    pub(crate) fn delete_topic(&self, name: &str) {
        let results = block_on(self.admin().delete_topics(&[name], &options()));
        expect_topics(results);
        self.await_partitions(name, 0);
    }

    /// Gives a topic more partitions.
    pub(crate) fn grow_topic(&self, name: &str, partitions: usize) {
        let growth = NewPartitions::new(name, partitions);
        let results = block_on(self.admin().create_partitions([&growth], &options()));
        expect_topics(results);
        self.await_partitions(name, partitions);
    }

    /// Deletes all records of a partition, as retention does: its log begins where it ends.
    pub(crate) fn delete_records(&self, name: &str, partition: i32) {
        self.delete_records_before(name, partition, Offset::End);
    }

    /// The same of those before an offset.
    pub(crate) fn delete_records_before(&self, name: &str, partition: i32, offset: Offset) {
        let mut list = TopicPartitionList::new();
        list.add_partition_offset(name, partition, offset).expect("a valid offset");
        let deleted = block_on(self.admin().delete_records(&list, &options()));
        for element in deleted.expect("the broker answers").elements() {
            element.error().expect("the records are deleted");
        }
    }

    /// Writes all records, in order within each partition, and waits until each is stored.
    pub(crate) fn produce(&self, topic: &str, records: impl IntoIterator<Item = Outgoing>) {
        self.writer().write(topic, records);
    }

    /// A producer for who writes again and again.
    pub(crate) fn writer(&self) -> Writer {
        let producer = (self.client())
            .set("enable.idempotence", "true")
            .set("linger.ms", "5")
            .set("message.max.bytes", "4194304")
            .set("partitioner", "murmur2_random")
            .create_with_context(Deliveries::default())
            .expect("a producer");
        Writer(producer)
    }

    /// All records that a `read_committed` consumer sees now, by partition and offset, read by a group of its own
    /// that commits nothing.
    pub(crate) fn read_committed_all(&self, topic: &str) -> Vec<Record> {
        let consumer: BaseConsumer = (self.client())
            .set("group.id", unique("reader"))
            .set("isolation.level", "read_committed")
            .set("enable.auto.commit", "false")
            .set("enable.partition.eof", "true")
            .set("auto.offset.reset", "error")
            .set("fetch.wait.max.ms", "50")
            .create()
            .expect("a consumer");
        let mut open: BTreeSet<i32> = (0..self.partition_count(topic)).collect();
        let mut assignment = TopicPartitionList::new();
        for partition in &open {
            assignment
                .add_partition_offset(topic, *partition, Offset::Beginning)
                .expect("a valid offset");
        }
        consumer.assign(&assignment).expect("partitions that exist");

        let mut records = Vec::new();
        let deadline = wait::Deadline::after(LIMIT);
        while !open.is_empty() {
            assert!(!deadline.has_passed(), "{topic}: no end of partitions {open:?}");
            match consumer.poll(Duration::from_millis(200)) {
                Some(Ok(message)) => records.push(record_of(&message)),
                Some(Err(KafkaError::PartitionEOF(partition))) => {
                    open.remove(&partition);
                }
                Some(Err(error)) => assert!(is_passing(&error), "{topic}: {error}"),
                None => {}
            }
        }
        records.sort_by_key(|record| (record.partition, record.offset));
        records
    }

    /// The offset that a group has committed for a partition, and its metadata.
    pub(crate) fn committed_offset(
        &self,
        group: &str,
        topic: &str,
        partition: i32,
    ) -> Option<(i64, String)> {
        let found = self.committed_offsets(group, topic);
        found
            .into_iter()
            .nth(usize::try_from(partition).expect("a partition"))
            .expect("a partition")
    }

    /// The same of every partition of a topic, in order. Offsets in open transactions are passed over: where others
    /// commit without end, there is hardly a moment without any, and a `read_committed` client would go on asking.
    pub(crate) fn committed_offsets(&self, group: &str, topic: &str) -> Vec<Option<(i64, String)>> {
        let consumer: BaseConsumer = (self.client())
            .set("group.id", group)
            .set("isolation.level", "read_uncommitted")
            .create()
            .expect("a consumer");
        let mut asked = TopicPartitionList::new();
        asked.add_partition_range(topic, 0, self.partition_count(topic) - 1);
        let answer = wait::until("the group's coordinator answers", LIMIT, || {
            consumer.committed_offsets(asked.clone(), Duration::from_secs(5)).ok()
        });
        let mut elements = answer.elements();
        elements.sort_by_key(TopicPartitionListElem::partition);
        let committed = |found: &TopicPartitionListElem<'_>| match found.offset() {
            Offset::Offset(offset) => Some((offset, found.metadata().to_owned())),
            _ => None,
        };
        elements.iter().map(committed).collect()
    }

    /// The sum of a group's committed offsets over the partitions of a topic: how many records it is done with, on
    /// a topic without transactions.
    pub(crate) fn committed_records(&self, group: &str, topic: &str) -> i64 {
        self.committed_offsets(group, topic).into_iter().flatten().map(|(offset, _)| offset).sum()
    }

    /// The sum of the ends of a topic's partitions: how many records it holds, on a topic without transactions.
    pub(crate) fn end_of(&self, topic: &str) -> i64 {
        self.ends_of(topic).iter().sum()
    }

    /// One past the last offset of each partition.
    pub(crate) fn ends_of(&self, topic: &str) -> Vec<i64> {
        let client: BaseConsumer = self.client().create().expect("a client");
        (0..self.partition_count(topic))
            .map(|partition| {
                // A broker that has just started may not lead its partitions yet.
                wait::until("the end of a log", LIMIT, || {
                    Some(client.fetch_watermarks(topic, partition, LIMIT).ok()?.1)
                })
            })
            .collect()
    }

    /// The id that a cluster was formatted with.
    pub(crate) fn cluster_id(&self) -> String {
        let client: BaseConsumer = self.client().create().expect("a client");
        client.client().fetch_cluster_id(LIMIT).expect("a cluster has an id")
    }

    /// The partitions that a topic has; 0 where there is no such topic.
    pub(crate) fn partition_count(&self, topic: &str) -> i32 {
        let client: BaseConsumer = self.client().create().expect("a client");
        wait::until("the broker tells of a topic", LIMIT, || {
            let metadata = client.fetch_metadata(Some(topic), Duration::from_secs(5)).ok()?;
            let count = metadata.topics().first()?.partitions().len();
            Some(i32::try_from(count).expect("few partitions"))
        })
    }

    fn await_partitions(&self, topic: &str, count: usize) {
        let client: BaseConsumer = self.client().create().expect("a client");
        wait::until("a topic appears as wanted", LIMIT, || {
            let metadata = client.fetch_metadata(Some(topic), Duration::from_secs(5)).ok()?;
            let partitions = metadata.topics().first()?.partitions();
            (partitions.len() == count && partitions.iter().all(|one| one.leader() >= 0))
                .then_some(())
        });
    }

    fn admin(&self) -> AdminClient<DefaultClientContext> {
        self.client().create().expect("an admin client")
    }
}

/// Writes records; each is stored when a call comes back.
pub(crate) struct Writer(BaseProducer<Deliveries>);

impl Writer {
    /// As [`Broker::produce`].
    pub(crate) fn write(&self, topic: &str, records: impl IntoIterator<Item = Outgoing>) {
        let Self(producer) = self;
        for record in records {
            let mut next = BaseRecord::<[u8], [u8]>::to(topic);
            next.key = record.key.as_deref();
            next.payload = record.value.as_deref();
            next.partition = record.partition;
            next.headers = (!record.headers.is_empty()).then(|| {
                let headers = OwnedHeaders::new();
                record.headers.iter().fold(headers, |headers, (key, value)| {
                    headers.insert(Header { key, value: Some(*value) })
                })
            });
            while let Err((error, again)) = producer.send(next) {
                assert_eq!(error.rdkafka_error_code(), Some(RDKafkaErrorCode::QueueFull));
                producer.poll(Duration::from_millis(50));
                next = again;
            }
            producer.poll(Duration::ZERO);
        }
        producer.flush(LIMIT).expect("all records are stored in time");
        assert_eq!(producer.context().failed.load(Ordering::Relaxed), 0, "records not stored");
    }
}

/// Counts the records that could not be delivered.
#[derive(Default)]
struct Deliveries {
    failed: AtomicU64,
}

impl ClientContext for Deliveries {}

impl ProducerContext for Deliveries {
    type DeliveryOpaque = ();

    fn delivery(&self, result: &DeliveryResult<'_>, (): ()) {
        if result.is_err() {
            self.failed.fetch_add(1, Ordering::Relaxed);
        }
    }
}

fn record_of(message: &impl Message) -> Record {
    let headers = message.headers().map_or_else(Vec::new, |headers| {
        let pair = |header: rdkafka::message::Header<'_, &[u8]>| {
            (header.key.to_owned(), header.value.unwrap_or_default().to_owned())
        };
        headers.iter().map(pair).collect()
    });
    Record {
        partition: message.partition(),
        offset: message.offset(),
        key: message.key().map(<[u8]>::to_owned),
        value: message.payload().map(<[u8]>::to_owned),
        headers,
        timestamp: message.timestamp().to_millis(),
    }
}

/// Errors that librdkafka reports while it goes on by itself.
fn is_passing(error: &KafkaError) -> bool {
    matches!(
        error.rdkafka_error_code(),
        Some(
            RDKafkaErrorCode::BrokerTransportFailure
                | RDKafkaErrorCode::AllBrokersDown
                | RDKafkaErrorCode::OperationTimedOut
        )
    )
}

fn options() -> AdminOptions {
    AdminOptions::new().operation_timeout(Some(LIMIT)).request_timeout(Some(LIMIT))
}

/// A request's own failure and that of any topic in it.
fn expect_topics(results: Result<Vec<rdkafka::admin::TopicResult>, KafkaError>) {
    for result in results.expect("the broker answers") {
        if let Err((topic, code)) = result {
            panic!("{topic}: {code}");
        }
    }
}

/// Runs one of rdkafka's futures on this thread; its own threads wake it.
fn block_on<F: Future>(future: F) -> F::Output {
    struct Unpark(Thread);
    impl Wake for Unpark {
        fn wake(self: Arc<Self>) {
            self.0.unpark();
        }
    }
    let waker = Waker::from(Arc::new(Unpark(thread::current())));
    let mut context = Context::from_waker(&waker);
    let mut future = pin!(future);
    loop {
        match future.as_mut().poll(&mut context) {
            Poll::Ready(output) => return output,
            Poll::Pending => thread::park(),
        }
    }
}
