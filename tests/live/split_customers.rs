//! A customer whose records come to two partitions: both tasks halt by name before anything of the stray record is
//! visible, whether the first one saw the customer in this run, in an earlier one, or both have it in their states.

use std::time::Duration;

use rdkafka::consumer::{BaseConsumer, Consumer};
use rdkafka::topic_partition_list::TopicPartitionListElem;

use crate::broker::Broker;
use crate::daemon::{Daemon, http_body};
use crate::judgement::Outcome;
use crate::load::{DEFINITIONS, Load};
use crate::scene::{Scene, WORK_LIMIT};
use crate::topic::{Outgoing, Record};
use crate::wait;

/// What an operator is told to do.
const STEPS: &str = "Key the records by customer";

#[test]
fn customer_in_two_partitions_halts_both_and_no_other() {
    let scene = Scene::new(Broker::shared(), 3);
    let mut load = Load::new(20, 3);
    scene.produce(load.by_ref().take(1500));
    let mut daemon = scene.daemon();
    daemon.start();
    scene.await_done(&mut daemon);
    let (offsets, totals) = (offsets_of(&scene), totals_of(&scene, &[0, 1]));

    scene.produce([stray(0, 1)]);
    let told = wait::until("both tasks halt", WORK_LIMIT, || {
        daemon.assert_running();
        let told = http_body(&scene.admin, "/readyz")?;
        [0, 1].iter().all(|task| told.contains(&scene.task(*task))).then_some(told)
    });
    for words in ["\"ready\":false", r#"customer \"customer-0\" of tenant \"default\""#, STEPS] {
        assert!(told.contains(words), "no {words} in {told}");
    }
    // The workers say it each at its own time.
    wait::until("both say so", WORK_LIMIT, || {
        let said = daemon.said();
        [[0, 1], [1, 0]].iter().all(|tasks| is_any_told(&scene, &said, 0, *tasks)).then_some(())
    });

    // The third goes on.
    scene.produce(load.by_ref().take(1500));
    scene.produce(load.end());
    let end = count_in(&scene, 2);
    wait::until("the third partition is done", WORK_LIMIT, || {
        daemon.assert_running();
        (offsets_of(&scene)[2] == end).then_some(())
    });
    assert_eq!(daemon.terminate().code(), Some(1), "a halted task is a failure");
    assert_eq!(offsets_of(&scene)[..2], offsets[..2]);
    assert_eq!(totals_of(&scene, &[0, 1]), totals);
    assert!(!totals_of(&scene, &[2]).is_empty());
    Outcome::found(&scene);
}

#[test]
fn customer_of_an_earlier_run_halts_both_by_name() {
    let scene = Scene::new(Broker::shared(), 2);
    scene.produce(Load::new(21, 2).take(1000));
    let mut daemon = with_one_worker(&scene);
    scene.work_through(&mut daemon);
    let (offsets, totals) = (offsets_of(&scene), totals_of(&scene, &[0, 1]));

    // One worker takes both states over before it reads. As often as it is started.
    scene.produce([stray(0, 1)]);
    for _ in 0..2 {
        let known = daemon.said().len();
        daemon.start();
        assert_eq!(daemon.await_end().code(), Some(1), "nothing is left to serve");
        let said = &daemon.said()[known..];
        for tasks in [[0, 1], [1, 0]] {
            assert!(is_any_told(&scene, said, 0, tasks), "nothing of {tasks:?}; it said:\n{said}");
        }
        assert_eq!(offsets_of(&scene), offsets);
        assert_eq!(totals_of(&scene, &[0, 1]), totals);
    }
}

#[test]
fn customer_of_an_earlier_run_halts_tasks_of_two_workers() {
    // Whichever task is taken over first, perhaps with the stray record read already.
    for seed in 22..26 {
        let scene = Scene::new(Broker::shared(), 2);
        scene.produce(Load::new(seed, 2).take(500));
        let mut daemon = scene.daemon();
        scene.work_through(&mut daemon);
        scene.produce([stray(0, 1)]);
        daemon.start();
        assert_eq!(daemon.await_end().code(), Some(1), "nothing is left to serve");
        expect_last_told(&scene, &daemon, 0);
        Outcome::found(&scene);
    }
}

#[test]
fn customer_of_two_states_is_named() {
    let scene = Scene::new(Broker::shared(), 2);
    scene.produce(Load::new(26, 2).take(1000));
    let mut daemon = with_one_worker(&scene);
    daemon.start();
    scene.await_done(&mut daemon);

    // Another member has one of the partitions while that one's customer comes to the other.
    let (mate, away) = mate(&scene, &mut daemon);
    let here = 1 - away;
    scene.produce([stray(away, here)]);
    let end = count_in(&scene, here);
    wait::until("the stray record is counted", WORK_LIMIT, || {
        daemon.assert_running();
        (offsets_of(&scene)[usize::try_from(here).expect("0 or 1")] == end).then_some(())
    });
    let totals = totals_of(&scene, &[0, 1]);
    drop(mate);
    for has_restarted in [false, true] {
        if has_restarted {
            daemon.start();
        }
        assert_eq!(daemon.await_end().code(), Some(1), "it ends by itself");
        expect_last_told(&scene, &daemon, away);
        assert_eq!(totals_of(&scene, &[0, 1]), totals);
    }
}

#[test]
fn customer_of_a_task_that_was_halted_at_its_start_halts_the_other_too() {
    let scene = Scene::new(Broker::shared(), 3);
    let mut load = Load::new(27, 3);
    scene.produce(load.by_ref().take(1500));
    let mut daemon = with_one_worker(&scene);
    scene.work_through(&mut daemon);
    let (offset, totals) = (offsets_of(&scene)[0], totals_of(&scene, &[0]));

    // The first one's log is cut behind its place.
    scene.produce(load.by_ref().take(500));
    scene.broker.delete_records(&scene.usage, 0);
    scene.produce([stray(0, 1)]);
    daemon.start();
    wait::until("both tasks are halted", WORK_LIMIT, || {
        daemon.assert_running();
        let told = http_body(&scene.admin, "/readyz")?;
        [0, 1].iter().all(|task| told.contains(&scene.task(*task))).then_some(())
    });
    wait::until("the second says so", WORK_LIMIT, || {
        is_any_told(&scene, &daemon.said(), 0, [1, 0]).then_some(())
    });
    assert_eq!(daemon.terminate().code(), Some(1), "a halted task is a failure");
    assert!(daemon.said().contains("the log begins at"), "the first one's own reason stays");
    assert_eq!((offsets_of(&scene)[0], totals_of(&scene, &[0])), (offset, totals));
}

/// The program with a single worker.
fn with_one_worker(scene: &Scene<'_>) -> Daemon {
    let configuration = scene.configuration(Some("earliest"), "1h");
    Daemon::new(&configuration.replace("workers = 2", "workers = 1"), DEFINITIONS)
}

/// An event of a customer of one partition that comes to another.
fn stray(customer: i32, partition: i32) -> Outgoing {
    let value = format!(
        r#"{{"id":"stray","type":"call","customer":"customer-{customer}","time":1709251200}}"#
    );
    Outgoing::keyed("stray", value).to(partition)
}

/// A member of the program's group that has taken a partition from it, and which.
fn mate(scene: &Scene<'_>, daemon: &mut Daemon) -> (BaseConsumer, i32) {
    let mate: BaseConsumer = (scene.broker.client())
        .set("group.id", &scene.group)
        .set("partition.assignment.strategy", "cooperative-sticky")
        .set("enable.auto.commit", "false")
        .create()
        .expect("a consumer");
    mate.subscribe(&[&scene.usage]).expect("a topic's name");
    let partition = wait::until("the group gives the other member a partition", WORK_LIMIT, || {
        daemon.assert_running();
        drop(mate.poll(Duration::from_millis(100)));
        let assignment = mate.assignment().expect("an assignment");
        assignment.elements().first().map(TopicPartitionListElem::partition)
    });
    (mate, partition)
}

/// Panics unless the last error of a worker tells of either task that this customer is also in the other.
fn expect_last_told(scene: &Scene<'_>, daemon: &Daemon, customer: i32) {
    let said = daemon.said();
    let last = said.lines().rfind(|line| line.contains("a worker ended")).unwrap_or_default();
    let is_named = [[0, 1], [1, 0]].into_iter().any(|tasks| is_told(scene, last, customer, tasks));
    assert!(is_named, "it said:\n{said}");
}

/// Whether a line tells of the first task that a customer of it is also in the second.
fn is_any_told(scene: &Scene<'_>, said: &str, customer: i32, tasks: [i32; 2]) -> bool {
    said.lines().any(|line| is_told(scene, line, customer, tasks))
}

fn is_told(scene: &Scene<'_>, line: &str, customer: i32, [task, other]: [i32; 2]) -> bool {
    // Inside a quoted field the quotes are escaped.
    let line = line.replace('\\', "");
    let customer = format!("customer \"customer-{customer}\" of tenant \"default\" is also in");
    let words = [&scene.task(task), &format!("{customer} {}", scene.task(other)), STEPS];
    line.contains("ERROR") && words.iter().all(|words| line.contains(*words))
}

fn offsets_of(scene: &Scene<'_>) -> Vec<i64> {
    let offsets = scene.broker.committed_offsets(&scene.group, &scene.usage);
    offsets.into_iter().map(|found| found.map_or(0, |(offset, _)| offset)).collect()
}

/// How many records a partition of the usage topic holds.
fn count_in(scene: &Scene<'_>, partition: i32) -> i64 {
    let records = scene.broker.read_committed_all(&scene.usage);
    let count = records.iter().filter(|record| record.partition == partition).count();
    i64::try_from(count).expect("few records")
}

/// The totals that came from these partitions.
fn totals_of(scene: &Scene<'_>, partitions: &[i32]) -> Vec<Record> {
    let mut totals = scene.broker.read_committed_all(&scene.totals);
    totals.retain(|record| {
        let total: serde_json::Value = serde_json::from_str(record.text()).expect("JSON");
        partitions.iter().any(|partition| total["source"]["partition"] == *partition)
    });
    totals
}
