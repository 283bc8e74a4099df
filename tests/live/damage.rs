//! A batch of records that the broker's disk has damaged: the program ends, says where, and counts nothing of it, but all
//! that stands before it.
//!
//! One partition: where several stand in one answer of the broker, librdkafka itself may abort the process.

use rdkafka::Offset;

use crate::broker::Broker;
use crate::daemon::Daemon;
use crate::load::{DEFINITIONS, Load};
use crate::scene::Scene;
use crate::topic::{Outgoing, unique};

/// Short: librdkafka leaves the answer at once behind so small a batch. Behind a larger one it reads on somewhere within it,
/// and what it makes of that is chance.
const MARK: &str = "here the disk is bad";

#[test]
fn damaged_batch_ends_the_program_and_can_be_left_out() {
    let broker = Broker::start();
    let mut scene = Scene::new(&broker, 1);
    let mut load = Load::new(90, 1);
    scene.produce(load.by_ref().take(2000));
    // Each call writes batches of its own.
    scene.produce([Outgoing::keyed("k", MARK)]);
    scene.produce(load.by_ref().take(3000));
    scene.produce(load.end());
    broker.stop();
    broker.damage(&scene.usage, 0, MARK);
    broker.restart();

    let configuration = scene.configuration(Some("earliest"), "1h");
    let configuration = configuration.replace("\"300ms\"", "\"10m\"");
    let mut daemon = Daemon::new(&configuration, DEFINITIONS);
    let mut revisions = Vec::new();
    for _ in 0..2 {
        expect_end(&mut daemon, &["partition 0", "offset 2000", "failed CRC32C check"]);
        assert_eq!(scene.done(), 2000, "what stands before it is counted");
        revisions.push(scene.revisions());
    }
    assert!(revisions[0] > 0 && revisions[0] == revisions[1], "once: {revisions:?}");
    assert!(!daemon.said().contains("out of its log"), "{}", daemon.said());

    // The steps that it names, and those that they lead to.
    broker.delete_records_before(&scene.usage, 0, Offset::Offset(2001));
    expect_end(&mut daemon, &["the log begins at 2001", "another rejects.topic"]);
    scene.group = unique("group");
    scene.totals = unique("totals");
    scene.rejects = unique("rejects");
    broker.create_topic(&scene.totals, 3);
    broker.create_topic(&scene.rejects, 2);
    let mut anew = scene.daemon();
    scene.work_through(&mut anew);
    scene.assert_exact(DEFINITIONS);
}

/// By the record that was read last the log is known again.
#[test]
fn damage_behind_the_cursor_halts_the_task_and_can_be_left_behind() {
    let broker = Broker::start();
    let scene = Scene::new(&broker, 1);
    let mut load = Load::new(91, 1);
    scene.produce(load.by_ref().take(300));
    scene.produce([Outgoing::keyed("k", MARK)]);
    let mut daemon = scene.daemon();
    scene.work_through(&mut daemon);
    scene.produce(load.by_ref().take(300));
    broker.stop();
    broker.damage(&scene.usage, 0, MARK);
    broker.restart();
    let words = ["partition 0 is halted", "offset 301", "disk has damaged", "failed CRC32C check"];
    for _ in 0..2 {
        expect_end(&mut daemon, &words);
        assert_eq!(scene.done(), 301);
    }
    broker.delete_records_before(&scene.usage, 0, Offset::Offset(301));
    scene.work_through(&mut daemon);
    assert_eq!(scene.done(), 601);
}

/// Starts the program, which ends by itself and says all these words in one error.
fn expect_end(daemon: &mut Daemon, words: &[&str]) {
    let known = daemon.said().len();
    daemon.start();
    assert_eq!(daemon.await_end().code(), Some(1), "{}", daemon.said());
    let said = daemon.said()[known..].to_owned();
    let is_named = |line: &str| words.iter().all(|word| line.contains(word));
    assert!(said.lines().any(is_named), "no {words:?} in:\n{said}");
}
