//! The harness itself: the broker keeps what it promises to the other tests.

use std::time::Duration;

use rdkafka::TopicPartitionList;
use rdkafka::consumer::{BaseConsumer, Consumer};
use rdkafka::producer::{BaseRecord, DefaultProducerContext, Producer, ThreadedProducer};

use crate::broker::Broker;
use crate::judgement::Outcome;
use crate::load::{DEFINITIONS, Load};
use crate::scene::Scene;
use crate::topic::{Outgoing, Record, unique};

const LIMIT: Duration = Duration::from_secs(30);

#[test]
fn aborted_transaction_is_invisible() {
    let broker = Broker::shared();
    let topic = unique("harness");
    broker.create_topic(&topic, 1);
    let producer = transactional(broker, &unique("writer"));

    write_in_transaction(&producer, &topic, &["a", "b"]);
    producer.commit_transaction(LIMIT).expect("a commit");
    write_in_transaction(&producer, &topic, &["lost"]);
    producer.abort_transaction(LIMIT).expect("an abort");
    write_in_transaction(&producer, &topic, &["c"]);
    producer.commit_transaction(LIMIT).expect("a commit");

    assert_eq!(texts(&broker.read_committed_all(&topic)), ["a", "b", "c"]);
}

#[test]
fn open_transaction_hides_what_follows() {
    let broker = Broker::shared();
    let topic = unique("harness");
    broker.create_topic(&topic, 1);
    let producer = transactional(broker, &unique("writer"));

    broker.produce(&topic, [Outgoing::keyed("k", "before")]);
    write_in_transaction(&producer, &topic, &["pending"]);
    broker.produce(&topic, [Outgoing::keyed("k", "after")]);
    assert_eq!(texts(&broker.read_committed_all(&topic)), ["before"]);

    producer.commit_transaction(LIMIT).expect("a commit");
    assert_eq!(texts(&broker.read_committed_all(&topic)), ["before", "pending", "after"]);
}

#[test]
fn offset_is_committed_with_its_metadata_in_a_transaction() {
    let broker = Broker::shared();
    let (topic, group) = (unique("harness"), unique("group"));
    broker.create_topic(&topic, 2);
    assert_eq!(broker.committed_offset(&group, &topic, 1), None);

    let producer = transactional(broker, &unique("writer"));
    let consumer: BaseConsumer =
        broker.client().set("group.id", &group).create().expect("a consumer");
    let mut offsets = TopicPartitionList::new();
    let mut element = offsets.add_partition(&topic, 1);
    element.set_offset(rdkafka::Offset::Offset(7)).expect("a valid offset");
    element.set_metadata("seventh");
    producer.begin_transaction().expect("a transaction");
    let membership = consumer.group_metadata().expect("a consumer of a group");
    producer.send_offsets_to_transaction(&offsets, &membership, LIMIT).expect("offsets taken");
    producer.commit_transaction(LIMIT).expect("a commit");

    assert_eq!(broker.committed_offset(&group, &topic, 1), Some((7, "seventh".to_owned())));
    assert_eq!(broker.committed_records(&group, &topic), 7);
}

#[test]
fn topic_is_written_grown_deleted_and_created_again() {
    let broker = Broker::shared();
    let topic = unique("harness");
    broker.create_topic(&topic, 2);
    let records = (0..1000).map(|number: i32| Outgoing::keyed("k", number.to_string()));
    broker.produce(&topic, records.map(|record| record.to(1)));
    let read = broker.read_committed_all(&topic);
    assert_eq!(read.len(), 1000);
    assert!(read.iter().all(|record| record.partition == 1 && record.key_text() == "k"));

    broker.grow_topic(&topic, 3);
    assert_eq!(broker.partition_count(&topic), 3);
    broker.delete_topic(&topic);
    assert_eq!(broker.partition_count(&topic), 0);
    broker.create_topic(&topic, 1);
    assert_eq!(broker.read_committed_all(&topic), []);
}

#[test]
fn broker_keeps_its_data_over_stop_and_kill() {
    let broker = Broker::start();
    let (topic, cluster) = (unique("harness"), broker.cluster_id());
    broker.create_topic(&topic, 1);
    broker.produce(&topic, [Outgoing::keyed("k", "one")]);
    broker.stop();
    broker.restart();
    broker.produce(&topic, [Outgoing::keyed("k", "two")]);
    broker.kill();
    broker.restart();
    assert_eq!(texts(&broker.read_committed_all(&topic)), ["one", "two"]);
    assert_eq!(broker.cluster_id(), cluster);
}

const FIRST: &str = r#"{"id":"1","kind":"final","metric":"m","customer":"c","group":{"g":"v"},"revision":1,"value":"5","previous":null,"delta":"5",
    "events":2,"period":{"start":"2024-03-01T00:00:00Z","end":"2024-03-01T01:00:00Z"}}"#;
const SECOND: &str = r#"{"id":"2","kind":"correction","metric":"m","customer":"c","group":{"g":"v"},"revision":2,"value":"7","previous":"5","delta":"2",
    "events":3,"period":{"start":"2024-03-01T00:00:00Z","end":"2024-03-01T01:00:00Z"}}"#;

#[test]
fn judgement_takes_the_last_revision() {
    let scene = with_totals(&[FIRST, SECOND]);
    let stated = r#"{"metric":"m","customer":"c","group":{"g":"v"},"value":"7","events":3,
        "start":"2024-03-01T00:00:00.0Z","end":"2024-03-01T02:00:00+01:00"}"#;
    Outcome::found(&scene).assert_is(&Outcome::stated(&stated.replace('\n', " ")));
}

#[test]
#[should_panic(expected = "in order, each once")]
fn judgement_finds_a_revision_sent_twice() {
    Outcome::found(&with_totals(&[FIRST, FIRST]));
}

#[test]
#[should_panic(expected = "goes on from the one before")]
fn judgement_finds_a_revision_that_does_not_go_on() {
    Outcome::found(&with_totals(&[
        FIRST,
        &SECOND.replace(r#""previous":"5""#, r#""previous":"4""#),
    ]));
}

#[test]
#[should_panic(expected = "totals (expected, found)")]
fn judgement_finds_a_missing_total() {
    let scene = with_totals(&[]);
    scene.produce(Load::new(0, 1).take(1000));
    scene.assert_exact(DEFINITIONS);
}

/// A scene on whose totals topic somebody wrote these.
fn with_totals(totals: &[&str]) -> Scene<'static> {
    let scene = Scene::new(Broker::shared(), 1);
    let records = totals.iter().map(|total| Outgoing::keyed("m/c", *total).to(0));
    scene.broker.produce(&scene.totals, records);
    scene
}

fn transactional(broker: &Broker, id: &str) -> ThreadedProducer<DefaultProducerContext> {
    let producer: ThreadedProducer<DefaultProducerContext> =
        broker.client().set("transactional.id", id).create().expect("a producer");
    producer.init_transactions(LIMIT).expect("a transactional producer");
    producer
}

fn write_in_transaction(
    producer: &ThreadedProducer<DefaultProducerContext>,
    topic: &str,
    values: &[&str],
) {
    producer.begin_transaction().expect("a transaction");
    for value in values {
        producer.send(BaseRecord::to(topic).key("k").payload(*value)).expect("a record taken");
    }
    producer.flush(LIMIT).expect("records stored");
}

fn texts(records: &[Record]) -> Vec<&str> {
    records.iter().map(Record::text).collect()
}
