//! A customer whose records come to partitions of two processes of one group: both tasks halt by name and no other does,
//! whether both processes run, one was killed meanwhile, or comes later; and again after each restart.

use std::collections::{BTreeMap, BTreeSet};
use std::path::Path;

use serde_json::Value;

use crate::broker::Broker;
use crate::daemon::{Daemon, free_address, http_body};
use crate::judgement::Outcome;
use crate::load::{DEFINITIONS, Load};
use crate::scene::{Scene, WORK_LIMIT};
use crate::topic::Outgoing;
use crate::wait;

const PARTITIONS: i32 = 4;
/// What an operator is told to do.
const STEPS: &str = "Key the records by customer";

/// One process of a group, which its partitions wait for while it is away.
struct Process {
    daemon: Daemon,
    admin: String,
}

impl Process {
    fn new(scene: &Scene<'_>, store: &Path, name: &str) -> Self {
        let admin = free_address();
        let store = store.display();
        let checkpoint =
            format!("[state.checkpoint]\nstore = \"file://{store}\"\ninterval = \"300ms\"\n");
        let text = scene.configuration(Some("earliest"), "1h");
        let text = text.replace(&scene.admin, &admin);
        let text = text.replace("\"3000\"", "\"60000\"");
        let worker = format!("workers = 1\ninstance_id = \"{name}\"");
        let text = text.replace("workers = 2", &worker);
        let text = text.replace("[watermark]", &(checkpoint + "[watermark]"));
        Process { daemon: Daemon::new(&text, DEFINITIONS), admin }
    }

    /// The partitions that it has.
    fn partitions(&self, scene: &Scene<'_>) -> BTreeSet<i32> {
        let body = http_body(&self.admin, "/metrics").unwrap_or_default();
        let head = "odometer_lag_records{partition=\"";
        let of_topic = format!("topic=\"{}\"", scene.usage);
        let lines = body.lines().filter(|line| line.contains(&of_topic));
        let numbers = lines.filter_map(|line| line.strip_prefix(head)?.split('"').next());
        numbers.map(|number| number.parse().expect("a number")).collect()
    }

    /// Waits until it says of each of these tasks that it is halted, for a customer that is also in the other.
    fn await_halted(&mut self, scene: &Scene<'_>, customer: i32, [task, other]: [i32; 2]) {
        let words = format!("is also in {}", scene.task(other));
        wait::until("the task halts", WORK_LIMIT, || {
            self.daemon.assert_running();
            let told = http_body(&self.admin, "/readyz")?.replace('\\', "");
            let is_told = told.contains(&scene.task(task)) && told.contains(&words);
            let named = format!("customer \"customer-{customer}\" of tenant \"default\"");
            (is_told && told.contains(&named) && told.contains(STEPS)).then_some(())
        });
        wait::until("it says so", WORK_LIMIT, || self.has_halted(scene, task).then_some(()));
    }

    fn has_halted(&self, scene: &Scene<'_>, task: i32) -> bool {
        let mark = format!("task={} ", scene.task(task));
        let said = self.daemon.said();
        said.lines().any(|line| line.contains("task halted") && line.contains(&mark))
    }

    fn assert_none_halted(&self, scene: &Scene<'_>, tasks: &BTreeSet<i32>) {
        for task in tasks {
            assert!(!self.has_halted(scene, *task), "{task} is halted:\n{}", self.daemon.said());
        }
    }

    fn terminate(&mut self) {
        assert_eq!(self.daemon.terminate().code(), Some(1), "a halted task is a failure");
    }
}

/// Starts both, and waits until each has half of the partitions: these are given back.
fn start_both(scene: &Scene<'_>, both: &mut [Process; 2]) -> [BTreeSet<i32>; 2] {
    for process in both.iter_mut() {
        process.daemon.start();
    }
    await_halves(scene, both)
}

fn await_halves(scene: &Scene<'_>, both: &mut [Process; 2]) -> [BTreeSet<i32>; 2] {
    wait::until("each has half of the partitions", WORK_LIMIT, || {
        for process in both.iter_mut() {
            process.daemon.assert_running();
        }
        let [one, other] = [&both[0], &both[1]].map(|process| process.partitions(scene));
        (one.len() == 2 && other.len() == 2 && one.is_disjoint(&other)).then_some([one, other])
    })
}

/// An event of a customer of one partition that comes to another.
fn stray(customer: i32, partition: i32) -> Outgoing {
    let value = format!(
        r#"{{"id":"stray","type":"call","customer":"customer-{customer}","time":1709251200}}"#
    );
    Outgoing::keyed("stray", value).to(partition)
}

fn await_done(scene: &Scene<'_>, running: &mut [&mut Process], partitions: &BTreeSet<i32>) {
    let ends = scene.broker.ends_of(&scene.usage);
    wait::until("these partitions are counted", WORK_LIMIT, || {
        for process in running.iter_mut() {
            process.daemon.assert_running();
        }
        let offsets = scene.broker.committed_offsets(&scene.group, &scene.usage);
        let is_done = |partition: &i32| {
            let place = usize::try_from(*partition).expect("a number");
            offsets[place].as_ref().is_some_and(|(offset, _)| *offset == ends[place])
        };
        partitions.iter().all(is_done).then_some(())
    });
}

/// By key, the partitions that were claimed last.
fn claims(scene: &Scene<'_>) -> BTreeMap<String, BTreeSet<i32>> {
    let records = scene.broker.read_committed_all(&format!("{}-customers", scene.group));
    let claim = |text: &str| {
        let value: Value = serde_json::from_str(text).expect("JSON");
        let list = value["partitions"].as_array().expect("a list").clone();
        let number =
            |number: Value| i32::try_from(number.as_i64().expect("a number")).expect("i32");
        list.into_iter().map(number).collect()
    };
    records.iter().map(|record| (record.key_text().to_owned(), claim(record.text()))).collect()
}

fn await_claimed(scene: &Scene<'_>, partitions: [i32; 2]) {
    let wanted = BTreeSet::from(partitions);
    wait::until("both partitions are claimed", WORK_LIMIT, || {
        claims(scene).values().any(|claimed| *claimed == wanted).then_some(())
    });
}

#[test]
fn customer_in_partitions_of_two_processes_halts_both_and_no_other() {
    let folder = tempfile::tempdir().expect("a folder");
    let scene = Scene::new(Broker::shared(), PARTITIONS);
    let mut load = Load::new(40, PARTITIONS);
    let mut both = ["one", "other"].map(|name| Process::new(&scene, folder.path(), name));
    let [own, others] = start_both(&scene, &mut both);
    scene.produce(load.by_ref().take(1500));
    let [one, other] = &mut both;
    let all: BTreeSet<i32> = (0..PARTITIONS).collect();
    await_done(&scene, &mut [one, other], &all);
    let claimed = claims(&scene);
    assert!(claimed.len() > 10, "each customer is claimed: {claimed:?}");
    assert!(claimed.values().all(|partitions| partitions.len() == 1), "{claimed:?}");
    assert!(claimed.keys().all(|key| key.starts_with(&format!("{}/4/", scene.usage))));

    let (p, q) = (*own.first().expect("two"), *others.first().expect("two"));
    let rest: BTreeSet<i32> = all.iter().copied().filter(|one| *one != p && *one != q).collect();
    scene.produce([stray(p, q)]);
    one.await_halted(&scene, p, [p, q]);
    other.await_halted(&scene, p, [q, p]);
    await_claimed(&scene, [p, q]);
    scene.produce(load.by_ref().take(1000));
    await_done(&scene, &mut [one, other], &rest);
    one.assert_none_halted(&scene, &rest);
    other.assert_none_halted(&scene, &rest);

    // As often as they are started, and however they ended.
    one.daemon.kill();
    other.terminate();
    for is_one_first in [true, false] {
        let order: [&mut Process; 2] = if is_one_first { [one, other] } else { [other, one] };
        let tasks = if is_one_first { [[p, q], [q, p]] } else { [[q, p], [p, q]] };
        for (process, tasks) in order.into_iter().zip(tasks) {
            process.daemon.start();
            process.await_halted(&scene, p, tasks);
        }
        one.assert_none_halted(&scene, &rest);
        other.assert_none_halted(&scene, &rest);
        one.daemon.kill();
        other.daemon.kill();
    }
    Outcome::found(&scene);
}

#[test]
fn customer_that_comes_while_the_other_process_is_away_halts_both_once_it_is_back() {
    let folder = tempfile::tempdir().expect("a folder");
    let scene = Scene::new(Broker::shared(), PARTITIONS);
    let mut load = Load::new(41, PARTITIONS);
    let mut both = ["one", "other"].map(|name| Process::new(&scene, folder.path(), name));
    let [own, others] = start_both(&scene, &mut both);
    scene.produce(load.by_ref().take(800));
    let [one, other] = &mut both;
    await_done(&scene, &mut [one, other], &(0..PARTITIONS).collect());
    one.daemon.kill();
    let (p, q) = (*own.first().expect("two"), *others.first().expect("two"));
    scene.produce([stray(p, q)]);
    await_done(&scene, &mut [other], &others);
    // Whoever counted it goes down as well before anybody has seen that.
    other.daemon.kill();
    one.daemon.start();
    one.await_halted(&scene, p, [p, q]);
    other.daemon.start();
    other.await_halted(&scene, p, [q, p]);
    scene.produce(load.by_ref().take(500));
    let rest: BTreeSet<i32> = (0..PARTITIONS).filter(|one| *one != p && *one != q).collect();
    await_done(&scene, &mut [one, other], &rest);
    one.terminate();
    other.terminate();
    Outcome::found(&scene);
}

#[test]
fn process_that_comes_later_and_takes_a_partition_over_finds_what_was_claimed() {
    let folder = tempfile::tempdir().expect("a folder");
    let scene = Scene::new(Broker::shared(), PARTITIONS);
    let load = &mut Load::new(42, PARTITIONS);
    scene.produce(load.by_ref().take(800));
    let mut both = ["one", "other"].map(|name| Process::new(&scene, folder.path(), name));
    both[0].daemon.start();
    {
        let [one, _] = &mut both;
        await_done(&scene, &mut [one], &(0..PARTITIONS).collect());
    }
    // Its partitions come with their checkpoints.
    both[1].daemon.start();
    let [own, others] = await_halves(&scene, &mut both);
    let (p, q) = (*own.first().expect("two"), *others.first().expect("two"));
    scene.produce([stray(q, p)]);
    let [one, other] = &mut both;
    one.await_halted(&scene, q, [p, q]);
    other.await_halted(&scene, q, [q, p]);
    one.daemon.kill();
    other.daemon.kill();
    Outcome::found(&scene);
}

#[test]
fn topic_of_customers_that_was_made_anew_is_told_anew() {
    let folder = tempfile::tempdir().expect("a folder");
    let scene = Scene::new(Broker::shared(), PARTITIONS);
    let mut load = Load::new(43, PARTITIONS);
    scene.produce(load.by_ref().take(600));
    let mut process = Process::new(&scene, folder.path(), "one");
    process.daemon.start();
    let all: BTreeSet<i32> = (0..PARTITIONS).collect();
    await_done(&scene, &mut [&mut process], &all);
    let before = claims(&scene);
    let topic = format!("{}-customers", scene.group);
    scene.broker.delete_topic(&topic);
    scene.broker.create_topic_with(&topic, 1, &[("cleanup.policy", "compact")]);
    assert_eq!(process.daemon.await_end().code(), Some(1));
    let said = process.daemon.said();
    assert!(said.contains("was deleted and created anew: start again"), "{said}");

    process.daemon.start();
    wait::until("all are claimed again", WORK_LIMIT, || {
        process.daemon.assert_running();
        (claims(&scene) == before).then_some(())
    });
    assert!(process.daemon.terminate().success(), "{}", process.daemon.said());

    // One that would forget is refused, and so is one without an order.
    for (partitions, policy, words) in [
        (1, "delete", "set its cleanup.policy to compact"),
        (2, "compact", "source.customers_topic needs one"),
    ] {
        scene.broker.delete_topic(&topic);
        scene.broker.create_topic_with(&topic, partitions, &[("cleanup.policy", policy)]);
        process.daemon.start();
        assert_eq!(process.daemon.await_end().code(), Some(1));
        let said = process.daemon.said();
        assert!(said.contains(words), "no {words} in: {said}");
    }
}
