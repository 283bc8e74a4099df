//! Transactions that a killed process left open under ids that no worker has any more.

use std::fs;

use rdkafka::producer::{BaseRecord, DefaultProducerContext, Producer, ThreadedProducer};

use crate::broker::Broker;
use crate::load::{DEFINITIONS, Load};
use crate::scene::{Scene, WORK_LIMIT};

/// A producer with an open transaction that the broker would keep for minutes.
fn left_open(broker: &Broker, id: &str) -> ThreadedProducer<DefaultProducerContext> {
    let producer: ThreadedProducer<DefaultProducerContext> = (broker.client())
        .set("transactional.id", id)
        .set("transaction.timeout.ms", "600000")
        .create()
        .expect("a producer");
    producer.init_transactions(WORK_LIMIT).expect("a transactional producer");
    producer.begin_transaction().expect("a transaction");
    producer
}

/// Writes to every partition of a topic.
fn write(producer: &ThreadedProducer<DefaultProducerContext>, topic: &str, partitions: i32) {
    for partition in 0..partitions {
        let record = BaseRecord::<str, str>::to(topic).partition(partition).payload("lost");
        producer.send(record).expect("a record is taken");
    }
    producer.flush(WORK_LIMIT).expect("records stored");
}

#[test]
fn transaction_of_a_worker_that_is_no_more_is_ended() {
    let scene = Scene::new(Broker::shared(), 2);
    let mut load = Load::new(60, 2);
    let mut daemon = scene.daemon();
    scene.produce(load.by_ref().take(1000));
    daemon.start();
    scene.await_done(&mut daemon);
    assert!(daemon.terminate().success());

    let state = daemon.directory().join("state");
    let instance = fs::read_to_string(state.join("instance")).expect("a name");
    let Scene { group, usage, .. } = &scene;
    let id = |worker: u32| format!("{group}-{}-{usage}-{worker}", instance.trim());
    let ids = || fs::read_to_string(state.join("transactional-ids")).expect("ids are kept");
    assert_eq!(ids(), format!("{}\n{}\n", id(0), id(1)));
    // What a kill leaves, as far as anybody else sees.
    let former = left_open(scene.broker, &id(1));
    write(&former, &scene.totals, 3);
    let configuration = scene.configuration(Some("earliest"), "1h");
    daemon.write("odometer.toml", &configuration.replace("workers = 2", "workers = 1"));

    scene.produce(load.by_ref().take(1000));
    scene.produce(load.end());
    daemon.start();
    scene.await_done(&mut daemon);
    assert!(daemon.terminate().success());
    scene.assert_exact(DEFINITIONS);
    assert_eq!(ids(), format!("{}\n", id(0)), "what was ended is forgotten");
    drop(former);
}
