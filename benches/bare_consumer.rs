//! The floor for `odometer run`: a bare librdkafka consumer reads a topic from beginning to end and does nothing.
//!
//! `bare_consumer BROKER TOPIC [SETTING=VALUE...]`: one consumer, all partitions, plain poll.

mod cpu;

use std::hint::black_box;
use std::time::Duration;

use rdkafka::consumer::{BaseConsumer, Consumer};
use rdkafka::error::KafkaError;
use rdkafka::{ClientConfig, Message, Offset, TopicPartitionList};

fn main() {
    // `cargo bench` adds an argument of its own.
    let arguments: Vec<String> = std::env::args().skip(1).filter(|one| one != "--bench").collect();
    let [broker, topic, settings @ ..] = arguments.as_slice() else {
        eprintln!("bare_consumer: wants BROKER TOPIC [SETTING=VALUE...]");
        return;
    };
    let begun = cpu::seconds("self");
    let consumer = consumer(broker, settings);
    let mut open = assign_all(&consumer, topic);
    let (mut records, mut bytes) = (0_u64, 0_u64);
    while open > 0 {
        match consumer.poll(Duration::from_secs(1)) {
            Some(Ok(message)) => {
                records += 1;
                bytes += black_box(message.payload()).map_or(0, <[u8]>::len) as u64;
            }
            Some(Err(KafkaError::PartitionEOF(_))) => open -= 1,
            Some(Err(error)) => panic!("{error}"),
            None => {}
        }
    }
    cpu::report("bare consumer", records, "records", cpu::seconds("self") - begun);
    println!("bare consumer: {bytes} bytes of values");
}

/// With the settings that exactly-once asks of odometer's own consumer.
fn consumer(broker: &str, settings: &[String]) -> BaseConsumer {
    let mut config = ClientConfig::new();
    config.set("bootstrap.servers", broker);
    config.set("group.id", "bare-consumer");
    config.set("enable.auto.commit", "false");
    config.set("enable.partition.eof", "true");
    config.set("isolation.level", "read_committed");
    config.set("check.crcs", "true");
    for setting in settings {
        let (name, value) = setting.split_once('=').expect("SETTING=VALUE");
        config.set(name, value);
    }
    config.create().expect("valid settings")
}

/// Assigns every partition from its beginning; gives their count.
fn assign_all(consumer: &BaseConsumer, topic: &str) -> usize {
    let metadata = consumer
        .fetch_metadata(Some(topic), Duration::from_secs(10))
        .expect("a broker that answers");
    let partitions = metadata.topics().first().expect("the topic asked for").partitions();
    assert!(!partitions.is_empty(), "no such topic: {topic}");
    let mut assignment = TopicPartitionList::new();
    for partition in partitions {
        assignment
            .add_partition_offset(topic, partition.id(), Offset::Beginning)
            .expect("a valid offset");
    }
    consumer.assign(&assignment).expect("partitions that exist");
    partitions.len()
}
