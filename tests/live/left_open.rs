//! Transactions that were left open: under ids that no worker has any more, and on the group's offsets.

use std::fs;

use rdkafka::consumer::{BaseConsumer, Consumer};
use rdkafka::producer::{BaseRecord, DefaultProducerContext, Producer, ThreadedProducer};
use rdkafka::{Offset, TopicPartitionList};

use crate::adopt::{change_offsets, expect_exact, killed};
use crate::broker::Broker;
use crate::daemon::{Daemon, http};
use crate::load::{DEFINITIONS, Load};
use crate::scene::{Scene, WORK_LIMIT};
use crate::topic::unique;
use crate::wait;

/// The tool that lists and ends transactions.
pub(crate) const TRANSACTIONS: &str = "org.apache.kafka.tools.TransactionsCommand";

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
    scene.work_through(&mut daemon);

    let state = daemon.directory().join("state");
    let instance = fs::read_to_string(state.join("instance")).expect("a name");
    let Scene { group, usage, .. } = &scene;
    let (group_bytes, instance_bytes) = (group.len(), instance.trim().len());
    let old_id = |worker: u32| format!("{group}-{}-{usage}-{worker}", instance.trim());
    let id = |worker: u32| format!("{}:{group_bytes}:{instance_bytes}", old_id(worker));
    let ids = || fs::read_to_string(state.join("transactional-ids")).expect("ids are kept");
    assert_eq!(ids(), format!("{}\n{}\n", id(0), id(1)));
    // What a kill leaves, as far as anybody else sees.
    let former = left_open(scene.broker, &id(1));
    write(&former, &scene.totals, 3);
    // And what a version that made ids without lengths left.
    let older = left_open(scene.broker, &old_id(7));
    write(&older, &scene.totals, 3);
    let kept = format!("{}{}\n", ids(), old_id(7));
    fs::write(state.join("transactional-ids"), kept).expect("the folder can be written");
    let configuration = scene.configuration(Some("earliest"), "1h");
    daemon.write("odometer.toml", &configuration.replace("workers = 2", "workers = 1"));

    scene.produce(load.by_ref().take(1000));
    scene.produce(load.end());
    scene.work_through(&mut daemon);
    scene.assert_exact(DEFINITIONS);
    assert_eq!(ids(), format!("{}\n", id(0)), "what was ended is forgotten");
    drop((former, older));
}

#[test]
fn offsets_that_an_open_transaction_keeps_back_are_told_and_waited_for() {
    let scene = Scene::new(Broker::shared(), 2);
    let mut load = Load::new(61, 2);
    let configuration = scene.configuration(Some("earliest"), "1h");
    let configuration =
        configuration.replace("workers = 2", "workers = 1\nrequest_timeout = \"1s\"");
    let mut daemon = Daemon::new(&configuration, DEFINITIONS);
    for end in [end_by_id, end_by_offset] {
        scene.produce(load.by_ref().take(1000));
        let id = format!("{}-elsewhere", scene.group);
        let elsewhere = left_open(scene.broker, &id);
        write_offset(&elsewhere, &scene);
        daemon.start();
        let told = wait::until("what keeps the offsets back is told", WORK_LIMIT, || {
            daemon.assert_running();
            let (status, body) = http(&scene.admin, "/readyz")?;
            (status == 503 && body.contains("are not started yet: the broker answers, but keeps"))
                .then_some(body)
        });
        assert!(told.contains(&format!("begins with {}-", scene.group)), "{told}");
        end(&scene, &id, &told);
        scene.finish(&mut daemon);
        assert!(daemon.said().contains("keeps back the committed offsets"), "{}", daemon.said());
    }
    scene.produce(load.end());
    scene.work_through(&mut daemon);
    scene.assert_exact(DEFINITIONS);
}

/// Makes an offset of the group part of the transaction.
fn write_offset(producer: &ThreadedProducer<DefaultProducerContext>, scene: &Scene<'_>) {
    let consumer: BaseConsumer =
        scene.broker.client().set("group.id", &scene.group).create().expect("a consumer");
    let mut offsets = TopicPartitionList::new();
    offsets.add_partition_offset(&scene.usage, 1, Offset::Offset(1)).expect("a valid offset");
    let member = consumer.group_metadata().expect("a consumer of a group");
    let sent = producer.send_offsets_to_transaction(&offsets, &member, WORK_LIMIT);
    sent.expect("offsets taken");
}

/// As it is told for a transaction that a producer has.
fn end_by_id(scene: &Scene<'_>, id: &str, _: &str) {
    let listed = scene.broker.tool(TRANSACTIONS, &["list"]);
    let is_it = |line: &str| line.contains(id) && line.contains("Ongoing");
    assert!(listed.lines().any(is_it), "no {id} in:\n{listed}");
    scene.broker.tool(TRANSACTIONS, &["forceTerminateTransaction", "--transactionalId", id]);
}

/// As it is told for one that no producer has any more.
fn end_by_offset(scene: &Scene<'_>, _: &str, told: &str) {
    let (_, told) = told.split_once("`abort ").expect("the command is told");
    let place: Vec<&str> = told.split(' ').take(4).collect();
    let words = [&["describe-producers"], &place[..]].concat();
    let described = scene.broker.tool(TRANSACTIONS, &words);
    let start = |line: &str| line.split_whitespace().last()?.parse::<u64>().ok();
    let starts: Vec<u64> = described.lines().filter_map(start).collect();
    let [start] = starts[..] else { panic!("not one open transaction in:\n{described}") };
    let start = start.to_string();
    let words = [&["abort"], &place[..], &["--start-offset", &start]].concat();
    scene.broker.tool(TRANSACTIONS, &words);
}

/// What others delivered may stand behind the transaction of one that was killed: who goes by the topic of totals waits.
#[test]
fn state_is_adopted_by_totals_that_are_decided() {
    let (scene, mut daemon, load) = killed(62, 5000);
    change_offsets(&scene, &["--delete-offsets"], &scene.usage);
    let configuration = scene.configuration(Some("earliest"), "1h");
    let short = configuration.replace("[rejects]", "transaction_timeout = \"1s\"\n[rejects]");
    daemon.write("odometer.toml", &short);
    let tasks: Vec<String> = (0..2).map(|number| format!("{}-{number}", scene.usage)).collect();
    let other = left_open(scene.broker, &unique("other"));
    write(&other, &scene.totals, 3);
    let before = scene.broker.committed_offsets(&scene.group, &scene.usage);
    let (said, status) = daemon.told(&["state", "adopt"], &[&tasks[0], "--yes"]);
    assert_eq!(status, Some(1), "{said}");
    let words = "behind which nothing is told: stop their producers, or end them";
    for words in [words, "seconds for their end"] {
        assert!(said.contains(words), "no {words} in: {said}");
    }
    assert_eq!(scene.broker.committed_offsets(&scene.group, &scene.usage), before);
    other.abort_transaction(WORK_LIMIT).expect("it is ended");
    for task in &tasks {
        let (said, status) = daemon.told(&["state", "adopt"], &[task, "--yes"]);
        assert_eq!(status, Some(0), "{said}");
    }
    daemon.write("odometer.toml", &configuration);
    expect_exact(&scene, &mut daemon, load);
}
