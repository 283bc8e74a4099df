//! A topic whose records are keyed by anything: its events are re-keyed into an internal topic first. Whatever is killed in
//! between, nothing is lost or doubled, and no source partition makes events of another one late.

use std::sync::atomic::{AtomicBool, Ordering};
use std::thread;
use std::time::Duration;

use odometer::format::partition_of_customer;
use rdkafka::message::{Header, OwnedHeaders};
use rdkafka::producer::{BaseProducer, BaseRecord, Producer};
use serde_json::Value;

use crate::adopt::await_group;
use crate::broker::Broker;
use crate::daemon::{Daemon, free_address};
use crate::judgement::Outcome;
use crate::load::Dice;
use crate::outages::take_name;
use crate::rebuild::expect_rebuilt;
use crate::scene::{Scene, WORK_LIMIT};
use crate::topic::{Outgoing, Record};
use crate::wait;

/// All correct what is late: then the order in which events of several partitions are read decides nothing.
const METRICS: &str = r#"{"metrics": [
  {"code": "calls", "event_type": "call", "aggregation": "count", "period": "hour", "group_by": ["model"]},
  {"code": "tokens", "event_type": "call", "aggregation": "sum", "period": "15m", "value": "properties.n"},
  {"code": "largest", "event_type": "call", "aggregation": "max", "period": "hour", "value": "properties.n"},
  {"code": "users", "event_type": "call", "aggregation": "unique_count", "period": "day", "value": "properties.user"},
  {"code": "level", "event_type": "call", "aggregation": "sum", "period": "day", "recurring": true,
   "value": "properties.n"}
]}"#;

const KILLS: u32 = 12;
const BATCH: u64 = 50;
const PAUSE: Duration = Duration::from_millis(50);
/// 2024-03-01T00:00:00Z.
const BEGIN: u64 = 1_709_251_200;
const STEP: u64 = 20;
const CUSTOMERS: u64 = 40;

/// Events of any customer in any partition, the same for the same seed; with repeats in other partitions, disorder, and
/// records that are no events.
struct Scattered {
    dice: Dice,
    partitions: u64,
    count: u64,
}

impl Scattered {
    fn event(number: u64) -> String {
        let mut own = Dice(number);
        let time = (BEGIN + number * STEP).saturating_sub(own.below(4000)).max(BEGIN);
        let (customer, n) = (own.below(CUSTOMERS), own.below(5000));
        let (model, user) = (own.below(3), own.below(20));
        format!(
            r#"{{"id":"e{number}","type":"call","customer":"c{customer}","time":{time},"properties":{{"n":{n},"model":"m{model}","user":"u{user}"}}}}"#
        )
    }

    fn next(&mut self) -> Outgoing {
        self.count += 1;
        let value = match self.dice.below(100) {
            0..5 if self.count > 500 => {
                let number = self.count - 1 - self.dice.below(400);
                Self::event(number)
            }
            5 => format!("no event {}", self.count),
            6 => format!(r#"{{"id":"x{}","type":"call"}}"#, self.count),
            _ => Self::event(self.count),
        };
        self.anywhere(value)
    }

    fn anywhere(&mut self, value: String) -> Outgoing {
        let partition = i32::try_from(self.dice.below(self.partitions)).expect("few partitions");
        Outgoing { value: Some(value.into_bytes()), ..Outgoing::default() }.to(partition)
    }

    /// For every partition an event that nobody wants, ten days on: it closes all that came before.
    fn end(&self) -> Vec<Outgoing> {
        let time = BEGIN + self.count * STEP + 10 * 86_400;
        let partitions = 0..i32::try_from(self.partitions).expect("few partitions");
        partitions.map(|partition| end_of(partition, time)).collect()
    }
}

fn end_of(partition: i32, time: u64) -> Outgoing {
    let value = format!(
        r#"{{"id":"end{partition}","type":"end","customer":"end{partition}","time":{time}}}"#
    );
    Outgoing { value: Some(value.into_bytes()), ..Outgoing::default() }.to(partition)
}

fn internal(scene: &Scene<'_>) -> String {
    format!("{}-{}-by-customer", scene.group, scene.usage)
}

fn configuration(scene: &Scene<'_>, idle_timeout: &str) -> String {
    let any = "workers = 2\npartitioning = \"any\"\nrekeyed_partitions = 4";
    scene.configuration(Some("earliest"), idle_timeout).replace("workers = 2", any)
}

/// Waits until the stage has copied all, and the tasks have counted all that it copied.
fn await_counted(scene: &Scene<'_>, daemon: &mut Daemon) {
    scene.await_done(daemon);
    wait::until("the program is done with the internal topic", WORK_LIMIT, || {
        daemon.assert_running();
        let done = scene.broker.committed_records(&scene.group, &internal(scene));
        (done == scene.broker.end_of(&internal(scene))).then_some(())
    });
}

#[test]
fn kills_lose_and_double_nothing_of_a_topic_that_is_not_keyed_by_customer() {
    let scene = Scene::new(Broker::shared(), 3);
    under_load(&scene, 11, || killed_again_and_again(&scene));
}

/// What processes do to each other, of whom none can go on with another's state but by its checkpoint.
#[test]
fn processes_that_come_and_go_lose_and_double_nothing_of_it() {
    let scene = Scene::new(Broker::shared(), 4);
    let store = tempfile::tempdir().expect("a folder");
    let checkpoint = format!(
        "checkpoint = {{ store = \"file://{}\", interval = \"300ms\" }}",
        store.path().display()
    );
    let process = || {
        let text = configuration(&scene, "1h").replace(&scene.admin, &free_address());
        let text = text.replace("[watermark]", &format!("{checkpoint}\n[watermark]"));
        let text =
            text.replace("\"session.timeout.ms\" = \"3000\"", "\"session.timeout.ms\" = \"6000\"");
        Daemon::new(&text, METRICS)
    };
    under_load(&scene, 14, || {
        let [mut one, mut other] = [process(), process()];
        let progress = |running: &mut [&mut Daemon]| {
            let before = scene.broker.committed_records(&scene.group, &internal(&scene));
            wait::until("some progress", WORK_LIMIT, || {
                for daemon in running.iter_mut() {
                    daemon.assert_running();
                }
                let now = scene.broker.committed_records(&scene.group, &internal(&scene));
                (now > before + 200).then_some(())
            });
        };
        let has_some =
            |daemon: &Daemon, known: usize, words: &str| daemon.said()[known..].contains(words);
        one.start();
        wait::until("the internal topic is there", WORK_LIMIT, || {
            one.assert_running();
            has_some(&one, 0, "a task begins").then_some(())
        });
        progress(&mut [&mut one]);
        for round in 0..3 {
            let known = other.said().len();
            other.start();
            wait::until("it is given tasks, and a part of the source", WORK_LIMIT, || {
                one.assert_running();
                other.assert_running();
                let has = |words| has_some(&other, known, words);
                (has("a task goes on with its state") && has("a source partition is re-keyed"))
                    .then_some(())
            });
            progress(&mut [&mut one, &mut other]);
            if round == 1 {
                assert!(one.terminate().success(), "{}", one.said());
            } else {
                one.kill();
            }
            progress(&mut [&mut other]);
            std::mem::swap(&mut one, &mut other);
        }
        one
    });
}

/// As `outages` has it of a worker.
#[test]
fn static_stage_that_is_mistaken_after_an_outage_joins_again() {
    let broker = Broker::start();
    let scene = Scene::new(&broker, 2);
    let mut load = Scattered { dice: Dice(15), partitions: 2, count: 0 };
    let text = configuration(&scene, "1h");
    let text = text.replace("workers = 2", "workers = 1\ninstance_id = \"one\"");
    let mut daemon = Daemon::new(&text, METRICS);
    daemon.start();
    let mut write = |daemon: &mut Daemon| {
        scene.produce((0..1000).map(|_| load.next()).collect::<Vec<_>>());
        await_counted(&scene, daemon);
    };
    write(&mut daemon);
    broker.kill();
    wait::pass(Duration::from_secs(1));
    broker.restart();
    write(&mut daemon);
    take_name(&scene);
    wait::until("it joins again", WORK_LIMIT, || {
        daemon.assert_running();
        daemon.said().contains("it joins again").then_some(())
    });
    write(&mut daemon);
    finish(&scene, &load, &mut daemon);
}

/// Writes without end while processes do what they do; the last one of them works it off, and all is held against the oracle.
fn under_load(scene: &Scene<'_>, seed: u64, act: impl FnOnce() -> Daemon) {
    let partitions = u64::try_from(scene.partitions).expect("few partitions");
    let mut load = Scattered { dice: Dice(seed), partitions, count: 0 };
    let is_over = AtomicBool::new(false);
    let mut daemon = thread::scope(|scope| {
        scope.spawn(|| {
            while !is_over.load(Ordering::Relaxed) {
                let batch: Vec<Outgoing> = (0..BATCH).map(|_| load.next()).collect();
                scene.produce(batch);
                wait::pass(PAUSE);
            }
        });
        let ended = std::panic::catch_unwind(std::panic::AssertUnwindSafe(act));
        is_over.store(true, Ordering::Relaxed);
        ended.unwrap_or_else(|panic| std::panic::resume_unwind(panic))
    });
    finish(scene, &load, &mut daemon);
}

/// Ends the load, and holds all that came of it against the oracle.
fn finish(scene: &Scene<'_>, load: &Scattered, daemon: &mut Daemon) {
    scene.produce(load.end());
    await_counted(scene, daemon);
    let status = daemon.terminate();
    assert!(status.success(), "{status}; it said:\n{}", daemon.said());
    let found = Outcome::found(scene);
    found.assert_is(&Outcome::expected_of_all(scene, METRICS));
    assert_stand_apart(scene);
}

fn killed_again_and_again(scene: &Scene<'_>) -> Daemon {
    let mut daemon = Daemon::new(&configuration(scene, "1h"), METRICS);
    let mut dice = Dice(12);
    for kill in 0..KILLS {
        daemon.start();
        // Every other kill comes after some progress, the rest at any moment from the start on.
        if kill % 2 == 0 {
            let before = scene.done();
            wait::until("some progress", WORK_LIMIT, || {
                daemon.assert_running();
                (scene.done() > before).then_some(())
            });
        }
        wait::pass(Duration::from_millis(dice.below(1500)));
        daemon.assert_running();
        daemon.kill();
    }
    daemon.start();
    daemon
}

/// Each event stands once in the internal topic, in the partition of its customer, with the header that says where it came
/// from.
fn assert_stand_apart(scene: &Scene<'_>) {
    let (mut copies, mut written) = (0, 0);
    for record in scene.broker.read_committed_all(&internal(scene)) {
        let Some(value) = &record.value else { continue };
        copies += 1;
        let Ok(event) = serde_json::from_slice::<Value>(value) else { continue };
        if let Some(customer) = event["customer"].as_str() {
            let wanted = partition_of_customer("default", customer, 4);
            assert_eq!(u32::try_from(record.partition), Ok(wanted), "{event}");
        }
    }
    written += scene.broker.read_committed_all(&scene.usage).len();
    assert_eq!(copies, written, "a record holds one event");
}

/// A count by the hour that takes nothing late.
const PUNCTUAL: &str = r#"{"metrics": [
    {"code": "calls", "event_type": "call", "aggregation": "count", "period": "hour", "late": "drop"}]}"#;

/// The same count, that takes all.
const CORRECTING: &str = r#"{"metrics": [
    {"code": "calls", "event_type": "call", "aggregation": "count", "period": "hour"}]}"#;

fn call(id: &str, time: &str, partition: i32) -> Outgoing {
    let value =
        format!(r#"{{"id":"{id}","type":"call","customer":"acme","time":"2024-03-01T{time}Z"}}"#);
    Outgoing { value: Some(value.into_bytes()), ..Outgoing::default() }.to(partition)
}

/// What is to come out of twenty hours with so many calls each.
fn twenty_hours(calls: usize) -> Outcome {
    let text = (0..20).map(|n| {
        format!(
            r#"{{"metric":"calls","customer":"acme","group":{{}},"value":"{calls}","events":{calls},"start":"2024-03-01T{n:02}:00:00Z","end":"2024-03-01T{:02}:00:00Z"}}"#,
            n + 1
        )
    });
    Outcome::stated(&text.collect::<Vec<_>>().join("\n"))
}

#[test]
fn slow_partition_makes_no_event_of_another_late() {
    let scene = Scene::new(Broker::shared(), 2);
    let mut daemon = Daemon::new(&configuration(&scene, "1h"), PUNCTUAL);
    // One partition is many hours ahead before anything more of the other is written.
    scene.produce([call("b0", "00:05:00", 1)]);
    scene.produce((0..20).map(|n| call(&format!("a{n}"), &format!("{n:02}:10:00"), 0)));
    daemon.start();
    await_counted(&scene, &mut daemon);
    assert_eq!(scene.revisions(), 0, "the other one has not come so far");
    // A restart in between: how far each has come is stored.
    assert!(daemon.terminate().success(), "{}", daemon.said());
    daemon.start();
    scene.produce((1..20).map(|n| call(&format!("b{n}"), &format!("{n:02}:20:00"), 1)));
    let day = BEGIN + 86_400;
    scene.produce([end_of(0, day), end_of(1, day)]);
    await_counted(&scene, &mut daemon);
    assert!(daemon.terminate().success(), "{}", daemon.said());
    Outcome::found(&scene).assert_is(&twenty_hours(2));
}

#[test]
fn partition_without_events_holds_nobody_up() {
    let scene = Scene::new(Broker::shared(), 3);
    let mut daemon = Daemon::new(&configuration(&scene, "2s"), PUNCTUAL);
    let of = |partition: i32| {
        let one =
            move |n: i32| call(&format!("{partition}-{n}"), &format!("{n:02}:10:00"), partition);
        (0..20).map(one)
    };
    scene.produce(of(0).chain(of(1)).chain([end_of(0, BEGIN + 86_400), end_of(1, BEGIN + 86_400)]));
    daemon.start();
    wait::until("every hour to be closed", WORK_LIMIT, || {
        daemon.assert_running();
        (scene.revisions() >= 20).then_some(())
    });
    assert!(daemon.terminate().success(), "{}", daemon.said());
    Outcome::found(&scene).assert_is(&twenty_hours(2));
}

#[test]
fn group_that_counts_by_customer_counts_no_other_way() {
    let scene = Scene::new(Broker::shared(), 1);
    scene.produce([end_of(0, BEGIN)]);
    let mut daemon = Daemon::new(&scene.configuration(Some("earliest"), "1h"), METRICS);
    scene.work_through(&mut daemon);
    let elsewhere = configuration(&scene, "1h").replace(&scene.admin, &free_address());
    let mut other = Daemon::new(&elsewhere, METRICS);
    other.start();
    let status = other.await_end();
    assert_eq!(status.code(), Some(1), "{}", other.said());
    let said = other.said();
    assert!(said.contains("was not committed by a stage that re-keys"), "{said}");
    assert_eq!(scene.revisions(), 0);
}

/// A daemon that has counted something, and was stopped.
fn counted(scene: &Scene<'_>, metrics: &str) -> Daemon {
    scene.produce((0..20).map(|n| call(&format!("a{n}"), &format!("{n:02}:10:00"), 0)));
    let mut daemon = Daemon::new(&configuration(scene, "1h"), metrics);
    daemon.start();
    await_counted(scene, &mut daemon);
    assert!(daemon.terminate().success(), "{}", daemon.said());
    daemon
}

#[test]
fn record_of_somebody_else_halts_its_task() {
    let scene = Scene::new(Broker::shared(), 1);
    let mut daemon = counted(&scene, PUNCTUAL);
    let before = scene.revisions();
    let foreign = (0..4).map(|partition| Outgoing::keyed("k", "{}").to(partition));
    scene.broker.produce(&internal(&scene), foreign);
    daemon.start();
    let status = daemon.await_end();
    assert_eq!(status.code(), Some(1), "all of its tasks are halted: {}", daemon.said());
    let said = daemon.said();
    assert!(said.contains("was not re-keyed by this group"), "{said}");
    assert!(said.contains("has no header odometer-rekeyed"), "{said}");
    assert_eq!(scene.revisions(), before);
}

#[test]
fn customer_of_another_internal_partition_halts_the_task() {
    let scene = Scene::new(Broker::shared(), 1);
    let mut daemon = counted(&scene, PUNCTUAL);
    let before = scene.revisions();
    // A copy that the stage made, put where it did not put it.
    let copies = scene.broker.read_committed_all(&internal(&scene));
    let is_event = |record: &&Record| record.text().contains("\"customer\"");
    // The newest: its period is open.
    let copy = copies.iter().rfind(is_event).expect("an event was copied");
    let (home, away) = (copy.partition, (copy.partition + 1) % 4);
    let (name, header) = copy.headers.first().expect("it has a header");
    let header = Header { key: name, value: Some(header) };
    let topic = internal(&scene);
    let record = BaseRecord::<(), _>::to(&topic)
        .partition(away)
        .payload(copy.text())
        .headers(OwnedHeaders::new().insert(header));
    let producer: BaseProducer = scene.broker.client().create().expect("a producer");
    producer.send(record).map_err(|(error, _)| error).expect("it is taken");
    producer.flush(WORK_LIMIT).expect("it is written");
    daemon.start();
    let words = format!("belongs to {} partition {home}", internal(&scene));
    wait::until("the task halts", WORK_LIMIT, || {
        let said = daemon.said();
        let mark = format!("task={} partition {away} ", internal(&scene));
        let is_told = |line: &str| line.contains("task halted") && line.contains(&mark);
        said.lines().any(|line| is_told(line) && line.contains(&words)).then_some(())
    });
    assert_eq!(daemon.terminate().code(), Some(1), "a halted task is a failure");
    assert_eq!(scene.revisions(), before);
}

#[test]
fn internal_topic_that_is_gone_is_not_made_anew() {
    let scene = Scene::new(Broker::shared(), 1);
    let mut daemon = counted(&scene, PUNCTUAL);
    let before = scene.revisions();
    scene.broker.delete_topic(&internal(&scene));
    daemon.start();
    let status = daemon.await_end();
    assert_eq!(status.code(), Some(1), "{}", daemon.said());
    let said = daemon.said();
    assert!(said.contains("does not exist any more, though the group has re-keyed"), "{said}");
    // Who makes it by hand makes another one.
    scene.broker.create_topic(&internal(&scene), 4);
    daemon.start();
    let status = daemon.await_end();
    assert_eq!(status.code(), Some(1), "{}", daemon.said());
    // The stage by the topic's id, or the tasks by their logs: whoever comes first.
    let said = daemon.said();
    let words = ["internal topic was deleted and created anew", "task halted"];
    assert!(words.iter().any(|words| said.contains(words)), "{said}");
    assert_eq!(scene.revisions(), before);
}

#[test]
fn source_topic_may_get_more_partitions() {
    let scene = Scene::new(Broker::shared(), 1);
    let mut daemon = counted(&scene, CORRECTING);
    scene.broker.grow_topic(&scene.usage, 2);
    // What comes before the process knows of it is not left out, whatever start_from says.
    scene.produce((0..20).map(|n| call(&format!("b{n}"), &format!("{n:02}:20:00"), 1)));
    let day = BEGIN + 86_400;
    scene.produce([end_of(0, day), end_of(1, day)]);
    let latest = configuration(&scene, "1h").replace("\"earliest\"", "\"latest\"");
    daemon.write("odometer.toml", &latest);
    daemon.start();
    await_counted(&scene, &mut daemon);
    assert!(daemon.terminate().success(), "{}", daemon.said());
    Outcome::found(&scene).assert_is(&Outcome::expected_of_all(&scene, CORRECTING));
}

/// The states of the internal topic's tasks are lost: each is made anew from it, and nothing is billed twice.
#[test]
fn states_that_are_lost_are_made_anew_from_the_internal_topic() {
    let scene = Scene::new(Broker::shared(), 2);
    let mut load = Scattered { dice: Dice(13), partitions: 2, count: 0 };
    scene.produce((0..4000).map(|_| load.next()).collect::<Vec<_>>());
    let mut daemon = Daemon::new(&configuration(&scene, "1h"), METRICS);
    daemon.start();
    await_counted(&scene, &mut daemon);
    daemon.kill();
    await_group(&scene, "Empty");
    let before = scene.revisions();
    assert!(before > 100, "{before}");
    for partition in 0..4 {
        let task = format!("{}-{partition}", internal(&scene));
        std::fs::remove_dir_all(daemon.directory().join("state").join(&task)).expect("a state");
        expect_rebuilt(&daemon, &[&task, "--yes"]);
    }
    assert_eq!(scene.revisions(), before, "nothing is delivered by that");
    scene.produce((0..500).map(|_| load.next()).collect::<Vec<_>>());
    scene.produce(load.end());
    daemon.start();
    await_counted(&scene, &mut daemon);
    assert!(daemon.terminate().success(), "{}", daemon.said());
    Outcome::found(&scene).assert_is(&Outcome::expected_of_all(&scene, METRICS));
}

#[test]
fn check_tells_of_the_internal_topic_before_and_after_it_is_made() {
    let scene = Scene::new(Broker::shared(), 1);
    let fresh = Daemon::new(&configuration(&scene, "1h"), PUNCTUAL);
    let (told, status) = fresh.check();
    let line = |told: &[String]| {
        told.iter().find(|line| line.contains("internal topic")).cloned().unwrap_or_default()
    };
    assert_eq!(status, Some(0), "{told:?}");
    assert!(line(&told).contains("it does not exist yet: a start makes it"), "{told:?}");
    let daemon = counted(&scene, PUNCTUAL);
    let (told, status) = daemon.check();
    assert_eq!(status, Some(0), "{told:?}");
    let words = line(&told);
    for part in ["4 partitions, cleanup.policy delete", "may be read", "may be written to"] {
        assert!(words.contains(part), "no {part} in: {words}");
    }
}
