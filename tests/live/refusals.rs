//! What the program must not serve: it says why, sends nothing, and leaves the committed offsets alone.

use std::sync::Arc;
use std::time::Duration;

use odometer::engine::{Binding, DigestKey};
use odometer::format::state::Identity;
use odometer::store::Store;

use crate::broker::Broker;
use crate::daemon::{Daemon, free_address, http, http_body};
use crate::load::{DEFINITIONS, Load};
use crate::scene::{Scene, WORK_LIMIT};
use crate::topic::unique;
use crate::wait;

#[test]
fn neither_state_nor_offset_nor_start_from_is_refused() {
    let scene = Scene::new(Broker::shared(), 2);
    scene.produce(Load::new(10, 2).take(100));
    let mut daemon = Daemon::new(&scene.configuration(None, "1h"), DEFINITIONS);
    leave_begun(&scene, &daemon, 0);
    expect_failure(&daemon, "source.start_from is unset");
    expect_refusal(&scene, &mut daemon, &["start_from"]);
}

#[test]
fn state_whose_process_was_killed_as_it_began_is_taken_and_no_failure() {
    let scene = Scene::new(Broker::shared(), 2);
    scene.produce(Load::new(19, 2).take(100));
    let mut daemon = scene.daemon();
    leave_begun(&scene, &daemon, 1);
    let (trials, status) = daemon.check();
    let is_told = |line: &String| line.contains("2 partitions begin at their first record");
    assert!(trials.iter().any(is_told) && status == Some(0), "{trials:#?}");
    scene.work_through(&mut daemon);
}

/// Leaves a state directory as a process does that is killed before it has written what it is.
fn leave_begun(scene: &Scene<'_>, daemon: &Daemon, partition: i32) {
    let directory = daemon.directory().join(format!("state/{}-{partition}", scene.usage));
    std::fs::create_dir_all(&directory).expect("the folder takes folders");
    daemon.write("state/lock", "");
    let options = odometer::store::Options::new(64 << 20);
    let binding = Binding {
        cluster: String::new(),
        group: String::new(),
        topic: String::new(),
        partition,
        partitions: 2,
    };
    let identity = Identity { binding, digest_key: DigestKey([0; 16]) };
    let store = Store::open(&directory, &options, &Arc::default(), || identity);
    drop(store.expect("a new one"));
}

#[test]
fn missing_topic_is_refused() {
    let scene = Scene::new(Broker::shared(), 1);
    for missing in [&scene.usage, &scene.totals, &scene.rejects] {
        let absent = unique("absent");
        let configuration = scene.configuration(Some("earliest"), "1h").replace(missing, &absent);
        let mut daemon = Daemon::new(&configuration, DEFINITIONS);
        expect_refusal(&scene, &mut daemon, &[&absent]);
    }
}

#[test]
fn changed_partition_count_is_refused() {
    let scene = Scene::new(Broker::shared(), 2);
    let mut daemon = served(&scene, 11);
    scene.broker.grow_topic(&scene.usage, 3);
    expect_refusal(&scene, &mut daemon, &[&scene.usage, "2", "3"]);
}

#[test]
fn recreated_topic_is_refused() {
    let scene = Scene::new(Broker::shared(), 2);
    let mut daemon = served(&scene, 12);
    scene.broker.delete_topic(&scene.usage);
    scene.broker.create_topic(&scene.usage, 2);
    // Longer than before, so that every offset exists again.
    scene.produce(Load::new(13, 2).take(3000));
    expect_refusal(&scene, &mut daemon, &[&scene.usage, "the topic was recreated or truncated"]);
}

#[test]
fn state_of_another_group_is_refused() {
    let scene = Scene::new(Broker::shared(), 2);
    let mut daemon = served(&scene, 14);
    let group = unique("group");
    daemon.write(
        "odometer.toml",
        &scene.configuration(Some("earliest"), "1h").replace(&scene.group, &group),
    );
    expect_refusal(&scene, &mut daemon, &[&scene.group]);
    assert_eq!(scene.broker.committed_records(&group, &scene.usage), 0);
}

#[test]
fn state_of_another_cluster_is_refused() {
    let scene = Scene::new(Broker::shared(), 1);
    let mut daemon = served(&scene, 15);
    let other = Broker::start();
    for topic in [&scene.usage, &scene.totals, &scene.rejects] {
        other.create_topic(topic, 1);
    }
    let configuration = scene.configuration(Some("earliest"), "1h");
    daemon.write("odometer.toml", &configuration.replace(scene.broker.address(), other.address()));
    expect_refusal(&scene, &mut daemon, &[&scene.broker.cluster_id()]);
    assert_eq!(other.read_committed_all(&scene.totals), []);
}

#[test]
fn state_in_use_is_refused() {
    let scene = Scene::new(Broker::shared(), 1);
    let mut first = scene.daemon();
    first.start();
    wait::until("some state", WORK_LIMIT, || {
        first.directory().join("state").read_dir().ok()?.next().map(|_| ())
    });
    let state = first.directory().join("state");
    let configuration = (scene.configuration(Some("earliest"), "1h"))
        .replace("\"state\"", &format!("{:?}", state.display().to_string()))
        .replace(&scene.admin, &free_address());
    let mut second = Daemon::new(&configuration, DEFINITIONS);
    expect_refusal(&scene, &mut second, &["state"]);
    first.assert_running();
}

#[test]
fn state_that_is_brought_to_a_new_directory_is_served() {
    let scene = Scene::new(Broker::shared(), 1);
    let mut load = Load::new(16, 1);
    scene.produce(load.by_ref().take(1000));
    let mut daemon = scene.daemon();
    scene.work_through(&mut daemon);
    let configuration = scene.configuration(Some("earliest"), "1h");
    daemon.write("odometer.toml", &configuration.replace("\"state\"", "\"empty\""));
    expect_refusal(&scene, &mut daemon, &["bring its directory here"]);

    daemon.write("odometer.toml", &configuration.replace("\"state\"", "\"moved\""));
    let (from, to) = ["state", "moved"].map(|name| daemon.directory().join(name)).into();
    std::fs::create_dir(&to).expect("a new directory");
    let name = format!("{}-0", scene.usage);
    std::fs::rename(from.join(&name), to.join(&name)).expect("the state is moved");
    scene.produce(load.end());
    scene.work_through(&mut daemon);
    scene.assert_exact(DEFINITIONS);
}

#[test]
fn task_that_halts_as_it_is_started_leaves_the_others_at_work() {
    for workers in [1, 2] {
        let scene = Scene::new(Broker::shared(), 3);
        let configuration = scene.configuration(Some("earliest"), "1h");
        let configuration = configuration.replace("workers = 2", &format!("workers = {workers}"));
        let mut daemon = Daemon::new(&configuration, DEFINITIONS);
        let mut load = Load::new(17, 3);
        scene.produce(load.by_ref().take(1000));
        scene.work_through(&mut daemon);
        let before = offsets(&scene);
        scene.produce(load.by_ref().take(1000));
        scene.broker.delete_records(&scene.usage, 0);

        daemon.start();
        let done = |daemon: &mut Daemon| {
            daemon.assert_running();
            let now = offsets(&scene);
            (now[0] == before[0] && now[1..] == scene.broker.ends_of(&scene.usage)[1..])
                .then_some(())
        };
        wait::until("the others are done", WORK_LIMIT, || done(&mut daemon));
        let (status, body) = http(&scene.admin, "/readyz").expect("the admin listener answers");
        assert_eq!(status, 503);
        for words in [scene.task(0), "the log begins at".to_owned(), "Raise the topic's".to_owned()]
        {
            assert!(body.contains(&words), "no {words} in: {body}");
        }
        assert!(!body.contains("worker "), "each worker has started what it can: {body}");
        let series = http_body(&scene.admin, "/metrics").expect("the admin listener answers");
        assert!(series.contains("odometer_tasks{state=\"halted\"} 1\n"), "{series}");
        scene.produce(load.by_ref().take(1000));
        wait::until("they go on", WORK_LIMIT, || done(&mut daemon));
        assert_eq!(daemon.terminate().code(), Some(1), "a halted task is a failure");
        let said = daemon.said();
        assert_eq!(said.matches("task halted").count(), 1, "{said}");

        // Where all are halted, the process ends by itself.
        scene.produce(load.by_ref().take(100));
        for partition in 0..3 {
            scene.broker.delete_records(&scene.usage, partition);
        }
        daemon.start();
        assert_eq!(daemon.await_end().code(), Some(1), "nothing is left to serve");
        assert_eq!(daemon.said()[said.len()..].matches("task halted").count(), 3);
    }
}

/// `check --live` says beforehand what would end a start, and changes nothing.
#[test]
fn what_would_end_a_start_is_found_by_a_check() {
    let scene = Scene::new(Broker::shared(), 2);
    let mut daemon = served(&scene, 18);
    let sound = scene.configuration(Some("earliest"), "1h");
    let (trials, status) = daemon.check();
    assert!(trials.iter().any(|line| line.contains("2 states, of this cluster")), "{trials:#?}");
    assert_eq!(status, Some(0));

    let longer = "\"heartbeat.interval.ms\" = \"500\"\n\"delivery.timeout.ms\" = \"60000\"";
    let group = scene.configuration(Some("earliest"), "1h").replace(&scene.group, &unique("group"));
    for (configuration, words) in [
        (
            sound.replace("\"heartbeat.interval.ms\" = \"500\"", longer),
            "`message.timeout.ms` must be",
        ),
        (group, "is no transactional id of group"),
    ] {
        daemon.write("odometer.toml", &configuration);
        expect_failure(&daemon, words);
        expect_refusal(&scene, &mut daemon, &[words]);
    }
    // Without the file that tells the group too.
    let ids = daemon.directory().join("state/transactional-ids");
    std::fs::remove_file(&ids).expect("it is there");
    expect_failure(&daemon, "the state directory belongs to group");
    daemon.write("odometer.toml", &sound);
    scene.broker.delete_topic(&scene.rejects);
    scene.broker.create_topic(&scene.rejects, 2);
    expect_failure(&daemon, "deleted and created anew");
    daemon.write("state/sink-topics", "");
    expect_failure(&daemon, "sink-topics is empty");
    assert!(!ids.exists(), "nothing is changed");
}

/// One trial fails, with these words.
fn expect_failure(daemon: &Daemon, words: &str) {
    let (trials, status) = daemon.check();
    let failed: Vec<_> = trials.iter().filter(|line| line.starts_with("FAILED")).collect();
    assert!(failed.len() == 1 && failed[0].contains(words), "{words}: {trials:#?}");
    assert_eq!(status, Some(1));
}

fn offsets(scene: &Scene<'_>) -> Vec<i64> {
    let committed = scene.broker.committed_offsets(&scene.group, &scene.usage);
    committed.into_iter().map(|found| found.map_or(0, |(offset, _)| offset)).collect()
}

/// A program that has served some records and was stopped.
fn served(scene: &Scene<'_>, seed: u64) -> Daemon {
    scene.produce(Load::new(seed, scene.partitions).take(1000));
    let mut daemon = scene.daemon();
    scene.work_through(&mut daemon);
    daemon
}

/// Starts the program and waits until it has said an error with all these words, whether or not it ends; nothing more
/// comes out, and the group's offsets stay.
fn expect_refusal(scene: &Scene<'_>, daemon: &mut Daemon, words: &[&str]) {
    let before = (scene.revisions(), scene.done());
    let known = daemon.said().len();
    daemon.start();
    let is_said = |daemon: &Daemon| {
        let said = daemon.said();
        said[known..].lines().any(|line| {
            line.to_lowercase().contains("error") && words.iter().all(|word| line.contains(word))
        })
    };
    let found = wait::within(WORK_LIMIT, || is_said(daemon).then_some(()));
    assert!(found.is_some(), "no error with {words:?}; it said:\n{}", daemon.said());
    // What it would do next by mistake, it would do soon.
    wait::pass(Duration::from_secs(2));
    if daemon.is_running() {
        daemon.kill();
    } else {
        assert!(!daemon.await_end().success());
    }
    assert_eq!((scene.revisions(), scene.done()), before);
}
