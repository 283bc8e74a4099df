//! A batch of records that the broker's disk has damaged: the program ends, says where, and counts nothing of it, but all
//! that stands before it.
//!
//! One partition: where several stand in one answer of the broker, librdkafka itself may abort the process.

use std::fs;

use rdkafka::Offset;

use crate::broker::Broker;
use crate::daemon::Daemon;
use crate::judgement::Outcome;
use crate::load::{DEFINITIONS, Load};
use crate::oracle::Options;
use crate::scene::{Scene, WORK_LIMIT};
use crate::topic::Outgoing;
use crate::wait;

/// Short: librdkafka leaves the answer at once behind so small a batch. Behind a larger one it reads on somewhere within it,
/// and what it makes of that is chance.
const MARK: &str = "here the disk is bad";

#[test]
fn damaged_batch_ends_the_program_and_can_be_left_out() {
    let broker = Broker::start();
    let scene = Scene::new(&broker, 1);
    let mut load = Load::new(90, 1);
    scene.produce(load.by_ref().take(2000));
    let before = broker.read_committed_all(&scene.usage);
    // Each call writes batches of its own.
    scene.produce([Outgoing::keyed("k", MARK)]);
    scene.produce(load.by_ref().take(3000));
    scene.produce(load.end());
    broker.stop();
    broker.damage(&scene.usage, 0, MARK);
    broker.restart();

    let configuration = scene.configuration(Some("earliest"), "1h");
    let mut daemon = Daemon::new(&configuration.replace("\"300ms\"", "\"10m\""), DEFINITIONS);
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
    let task = format!("{}-0", scene.usage);
    let command = format!("`odometer state adopt --past-gap {task}`");
    expect_end(&mut daemon, &["the log begins at 2001", &command]);
    for flags in [&[][..], &["--rebind"]] {
        let (said, status) = adopt(&daemon, &[&[task.as_str(), "--yes"], flags].concat());
        assert_eq!(status, Some(1), "{said}");
        assert!(said.contains(&command), "{said}");
    }
    for words in ["without what was deleted before it", "a start goes on with it"] {
        let (said, status) = adopt(&daemon, &[&task, "--yes", "--past-gap"]);
        assert_eq!(status, Some(0), "{said}");
        assert!(said.contains(words), "no {words} in: {said}");
    }
    daemon.write("odometer.toml", &configuration);
    scene.work_through(&mut daemon);
    let left = broker.read_committed_all(&scene.usage);
    let (totals, rejects) =
        (broker.read_committed_all(&scene.totals), broker.read_committed_all(&scene.rejects));
    let expected = Outcome::expected_of(&[before, left].concat(), DEFINITIONS, &Options::default());
    Outcome::of(&totals, &rejects).assert_is(&expected);
}

fn adopt(daemon: &Daemon, arguments: &[&str]) -> (String, Option<i32>) {
    daemon.told(&["state", "adopt"], arguments)
}

/// Nothing was counted before the records were gone: the task begins where the log does.
#[test]
fn log_that_lost_its_beginning_before_anything_was_read_is_counted_from_what_is_left() {
    let scene = Scene::new(Broker::shared(), 1);
    let mut load = Load::new(92, 1);
    let mut daemon = scene.daemon();
    daemon.start();
    wait::until("its task begins", WORK_LIMIT, || {
        daemon.said().contains("a task begins").then_some(())
    });
    scene.finish(&mut daemon);
    let task = format!("{}-0", scene.usage);
    for has_state in [true, false] {
        scene.produce(load.by_ref().take(500));
        scene.broker.delete_records(&scene.usage, 0);
        let end = scene.broker.end_of(&scene.usage);
        expect_end(&mut daemon, &[&format!("the log begins at {end}"), "adopt --past-gap"]);
        let (said, status) = adopt(&daemon, &[&task, "--yes", "--past-gap"]);
        assert_eq!(status, Some(0), "{said}");
        if has_state {
            // A state that holds nothing is as good as none.
            let state = daemon.directory().join("state").join(&task);
            fs::remove_dir_all(state).expect("it is there");
        }
    }
    scene.produce(load.by_ref().take(1000));
    scene.produce(load.end());
    scene.work_through(&mut daemon);
    scene.assert_exact(DEFINITIONS);
}

/// By the record that was read last the log is known again.
#[test]
fn damage_behind_the_cursor_halts_the_task_and_can_be_left_behind() {
    for is_deleted in [true, false] {
        damage_behind_the_cursor(is_deleted);
    }
}

fn damage_behind_the_cursor(is_deleted: bool) {
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
    if is_deleted {
        broker.delete_records_before(&scene.usage, 0, Offset::Offset(301));
    } else {
        let (said, status) = adopt(&daemon, &[&format!("{}-0", scene.usage), "--yes", "--rebind"]);
        assert_eq!(status, Some(0), "{said}");
        assert!(said.contains("whatever the log has in place of the last record"), "{said}");
    }
    scene.work_through(&mut daemon);
    assert_eq!(scene.done(), 601);
}

/// The broker lost the end of a log under the program: nothing is taken for what was there, also not what comes there later.
#[test]
fn log_that_lost_its_end_under_the_program_is_not_gone_on_with() {
    let broker = Broker::start();
    let scene = Scene::new(&broker, 1);
    let mut load = Load::new(93, 1);
    let mut daemon = scene.daemon();
    daemon.start();
    scene.produce(load.by_ref().take(300));
    scene.await_done(&mut daemon);
    let bytes = broker.log_bytes(&scene.usage, 0);
    scene.produce(load.by_ref().take(300));
    scene.await_done(&mut daemon);
    let totals = broker.read_committed_all(&scene.totals).len();
    broker.kill();
    broker.truncate(&scene.usage, 0, bytes);
    broker.restart();
    assert_eq!(broker.end_of(&scene.usage), 300);
    assert_eq!(daemon.await_end().code(), Some(1), "{}", daemon.said());
    let words = "reading should go on at offset 600 of a log that ends at 300";
    assert!(daemon.said().contains(words), "{}", daemon.said());
    expect_end(&mut daemon, &["partition 0 is halted", words, "odometer state discard"]);
    scene.produce(load.by_ref().take(600));
    let words = "reading should go on at offset 600, but the record before it is another one";
    expect_end(&mut daemon, &["partition 0 is halted", words, "odometer state discard"]);
    assert_eq!(scene.done(), 600);
    assert_eq!(broker.read_committed_all(&scene.totals).len(), totals, "nothing was delivered");
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
