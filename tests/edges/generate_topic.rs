//! `odometer generate` to a topic: the same records as in a file, each customer's in one partition.

use std::collections::BTreeMap;
use std::time::Duration;

use odometer::format::{EventFormat, decode};
use odometer::model::Document;
use rdkafka::config::ClientConfig;
use rdkafka::consumer::{BaseConsumer, Consumer};
use rdkafka::mocking::MockCluster;
use rdkafka::{Message, Offset, TopicPartitionList};

use crate::program::{expect_status, run};

const PARTITIONS: i32 = 4;
const EVENTS: usize = 3_000;
const PATIENCE: Duration = Duration::from_secs(30);

#[test]
fn a_topic_gets_the_bytes_of_the_file_by_customer() {
    let cluster = MockCluster::new(1).expect("a mock cluster");
    cluster.create_topic("usage", PARTITIONS, 1).expect("a topic");
    let broker = cluster.bootstrap_servers();
    let arguments =
        ["generate", "--events", "3000", "--customers", "40", "--duplicates", "5%", "--bad", "1%"];
    let to_topic = ["--topic", "usage", "--broker", &broker];
    expect_status(&run(arguments.iter().chain(&to_topic)), 0);

    let mut sent: Vec<Vec<u8>> = Vec::with_capacity(EVENTS);
    let mut partition_of: BTreeMap<Vec<u8>, i32> = BTreeMap::new();
    let consumer = reader(&broker);
    while sent.len() < EVENTS {
        let message = consumer.poll(PATIENCE).expect("records come").expect("no error");
        let key = message.key().expect("a key").to_vec();
        let payload = message.payload().expect("a value");
        check_key(&key, payload);
        let partition = partition_of.entry(key).or_insert_with(|| message.partition());
        assert_eq!(*partition, message.partition());
        sent.push(payload.to_vec());
    }
    assert!(consumer.poll(Duration::from_millis(200)).is_none(), "no more than asked for");

    let file = run(arguments).stdout;
    let mut expected: Vec<Vec<u8>> =
        file.split(|byte| *byte == b'\n').filter(|line| !line.is_empty()).map(Vec::from).collect();
    sent.sort_unstable();
    expected.sort_unstable();
    assert!(sent == expected, "topic and file differ");
    check_partitioner(&partition_of);
}

#[test]
fn a_broker_that_is_not_there_is_a_failure_that_names_it() {
    let output = run([
        "generate",
        "--events",
        "1",
        "--topic",
        "usage",
        "--broker",
        "127.0.0.1:1",
        "--property",
        "socket.connection.setup.timeout.ms=1000",
    ]);
    let (_, stderr) = expect_status(&output, 1);
    assert!(stderr.contains("reaching the Kafka broker 127.0.0.1:1"), "{stderr}");
}

#[test]
fn a_wrong_librdkafka_setting_is_wrong_usage() {
    let output = run([
        "generate",
        "--events",
        "1",
        "--topic",
        "usage",
        "--broker",
        "127.0.0.1:1",
        "--property",
        "no.such.setting=1",
    ]);
    let (_, stderr) = expect_status(&output, 2);
    assert!(stderr.contains("no.such.setting"), "{stderr}");
}

fn reader(broker: &str) -> BaseConsumer {
    let consumer: BaseConsumer = ClientConfig::new()
        .set("bootstrap.servers", broker)
        .set("group.id", "reader")
        .create()
        .expect("a consumer");
    let mut assignment = TopicPartitionList::new();
    for partition in 0..PARTITIONS {
        assignment.add_partition_offset("usage", partition, Offset::Beginning).expect("an offset");
    }
    consumer.assign(&assignment).expect("an assignment");
    consumer
}

fn check_key(key: &[u8], record: &[u8]) {
    let mut document = Document::default();
    if let Ok(event) = decode(record, &mut document, &EventFormat::native(), "default") {
        assert_eq!(event.customer.as_bytes(), key);
    }
}

/// Java's default partitioner (Apache Kafka, `BuiltInPartitioner.partitionForKey`).
fn check_partitioner(partition_of: &BTreeMap<Vec<u8>, i32>) {
    assert!(partition_of.len() > 20, "{} customers", partition_of.len());
    for (key, partition) in partition_of {
        let positive = murmur2(key) & 0x7FFF_FFFF;
        let expected = positive % u32::try_from(PARTITIONS).expect("positive");
        assert_eq!(u32::try_from(*partition), Ok(expected), "{}", String::from_utf8_lossy(key));
    }
}

/// Austin Appleby's `MurmurHash2` with the seed that Kafka's Java client uses (`Utils.murmur2`).
fn murmur2(data: &[u8]) -> u32 {
    const FACTOR: u32 = 0x5bd1_e995;
    let length = u32::try_from(data.len()).expect("a short key");
    let mut hash = 0x9747_b28c ^ length;
    let mut words = data.chunks_exact(4);
    for word in words.by_ref() {
        let mut word =
            u32::from_le_bytes(word.try_into().expect("four bytes")).wrapping_mul(FACTOR);
        word ^= word >> 24;
        hash = hash.wrapping_mul(FACTOR) ^ word.wrapping_mul(FACTOR);
    }
    let rest = words.remainder();
    for (place, byte) in rest.iter().enumerate() {
        hash ^= u32::from(*byte) << (8 * place);
    }
    if !rest.is_empty() {
        hash = hash.wrapping_mul(FACTOR);
    }
    hash = (hash ^ (hash >> 13)).wrapping_mul(FACTOR);
    hash ^ (hash >> 15)
}
