//! `odometer audit` over a topic: a run with corrections is sound, and what others write into it is found by its offset.

use std::process::Output;
use std::time::Duration;

use rdkafka::producer::{BaseRecord, DefaultProducerContext, Producer, ThreadedProducer};
use serde_json::{Value, json};

use crate::broker::Broker;
use crate::daemon::Daemon;
use crate::load::Load;
use crate::scene::Scene;
use crate::topic::{Outgoing, Record, unique};

const LIMIT: Duration = Duration::from_secs(30);

#[track_caller]
fn audit(daemon: &Daemon, flags: &[&str], status: i32) -> (Vec<Value>, String) {
    let output = daemon.command(&["audit"], flags).output();
    let Output { status: found, stdout, stderr } = output.expect("the program can be run");
    let text = |bytes: Vec<u8>| String::from_utf8(bytes).expect("the program writes UTF-8");
    let (stdout, stderr) = (text(stdout), text(stderr));
    assert_eq!(found.code(), Some(status), "stdout:\n{stdout}\nstderr:\n{stderr}");
    (stdout.lines().map(|line| serde_json::from_str(line).expect("JSON")).collect(), stderr)
}

/// Writes a record to a partition in a transaction of its own.
fn transact(scene: &Scene<'_>, record: &Record, value: &str, commits: bool) {
    let producer: ThreadedProducer<DefaultProducerContext> = (scene.broker.client())
        .set("transactional.id", unique("writer"))
        .create()
        .expect("a producer");
    producer.init_transactions(LIMIT).expect("a transactional producer");
    producer.begin_transaction().expect("a transaction");
    let next = BaseRecord::to(&scene.totals).partition(record.partition);
    let next = next.key(record.key_text()).payload(value);
    producer.send(next).map_err(|(error, _)| error).expect("a record taken");
    producer.flush(LIMIT).expect("records stored");
    if commits {
        producer.commit_transaction(LIMIT).expect("a commit");
    } else {
        producer.abort_transaction(LIMIT).expect("an abort");
    }
}

#[test]
fn faults_of_the_totals_topic_are_found_by_their_offsets() {
    let scene = Scene::new(Broker::shared(), 2);
    let mut load = Load::new(61, 2);
    let mut daemon = scene.daemon();
    for _ in 0..2 {
        scene.produce(load.by_ref().take(3_000).collect::<Vec<_>>());
        scene.work_through(&mut daemon);
    }
    scene.produce(load.end());
    scene.work_through(&mut daemon);
    let records = scene.broker.read_committed_all(&scene.totals);
    let body = |record: &Record| -> Value { serde_json::from_str(record.text()).expect("JSON") };
    let corrected = records.iter().rfind(|record| body(record)["revision"] == 3);
    let corrected = corrected.expect("there are corrections of corrections");

    let (faults, stderr) = audit(&daemon, &["--missing", "none"], 0);
    assert_eq!(faults, [Value::Null; 0]);
    assert!(stderr.contains(&format!("revisions={} ", records.len())), "{stderr}");
    // The broker says that the topic does not compact.
    let (_, stderr) = audit(&daemon, &[], 0);
    assert!(stderr.contains("the oldest of a key"), "{stderr}");

    transact(&scene, corrected, corrected.text(), false);
    audit(&daemon, &["--missing", "none"], 0);

    let end = scene.broker.ends_of(&scene.totals);
    let partition = usize::try_from(corrected.partition).expect("a partition");
    transact(&scene, corrected, corrected.text(), true);
    let (faults, stderr) = audit(&daemon, &[], 1);
    let at = |offset: i64| json!({ "topic": scene.totals, "partition": corrected.partition, "offset": offset });
    assert_eq!(faults.len(), 1, "{faults:?}");
    assert_eq!(faults[0]["fault"], "doubled");
    assert_eq!(faults[0]["key"], corrected.key_text());
    assert_eq!((&faults[0]["revision"], &faults[0]["at"]), (&json!(3), &at(end[partition])));
    let newest = records.iter().rfind(|record| record.key == corrected.key).expect("it is there");
    assert_eq!(faults[0]["before"]["at"], at(newest.offset));
    assert!(stderr.contains("doubled=1") && stderr.contains("1 fault in"), "{stderr}");

    // Under a key of somebody else's, and without a value.
    let foreign = Outgoing::keyed("key", corrected.text()).to(corrected.partition);
    let erased = Outgoing { value: None, ..Outgoing::keyed("gone", "").to(0) };
    scene.broker.produce(&scene.totals, [foreign, erased]);
    let (faults, _) = audit(&daemon, &["--customer", "nobody"], 1);
    assert_eq!(faults.len(), 1, "what cannot be read is of nobody: {faults:?}");
    assert_eq!((&faults[0]["fault"], &faults[0]["key"]), (&json!("unreadable"), &json!("gone")));
    let (faults, _) = audit(&daemon, &[], 1);
    let count = |kind: &str| faults.iter().filter(|fault| fault["fault"] == kind).count();
    let counts = ["doubled", "misnamed", "unreadable"].map(count);
    assert_eq!((counts, faults.len()), ([2, 1, 1], 4), "{faults:?}");
}

#[test]
fn only_what_compaction_leaves_is_asked_for_of_a_topic_that_compacts() {
    let scene = Scene::new(Broker::shared(), 1);
    let compacted = unique("compacted");
    scene.broker.create_topic_with(&compacted, 3, &[("cleanup.policy", "compact,delete")]);
    let mut load = Load::new(62, 1);
    let mut daemon = scene.daemon();
    scene.produce(load.by_ref().take(4_000).collect::<Vec<_>>());
    scene.produce(load.end());
    scene.work_through(&mut daemon);
    let records = scene.broker.read_committed_all(&scene.totals);
    // As the log cleaner would leave it: some of what is not the newest of its key is gone.
    let is_left = |(at, record): &(usize, &Record)| {
        let is_newest = records[at + 1..].iter().all(|later| later.key != record.key);
        is_newest || at % 3 == 0
    };
    let left =
        records.iter().enumerate().filter(is_left).map(|(_, record)| {
            Outgoing::keyed(record.key_text(), record.text()).to(record.partition)
        });
    let left: Vec<Outgoing> = left.collect();
    assert!(left.len() < records.len());
    scene.broker.produce(&compacted, left);
    let topic = format!("sink.topic={compacted}");
    let (_, stderr) = audit(&daemon, &["--set", &topic], 0);
    assert!(stderr.contains("any but the newest of a key"), "{stderr}");
    let (faults, _) = audit(&daemon, &["--set", &topic, "--missing", "none"], 1);
    assert!(faults.iter().all(|fault| fault["fault"] == "lost"), "{faults:?}");
    let (_, stderr) = audit(&daemon, &["--set", "sink.topic=nowhere"], 1);
    assert!(stderr.contains("topic \"nowhere\" does not exist"), "{stderr}");
}
