//! Partitions move between processes of one group, each with a state directory of its own, over a store of checkpoints.

use std::fs;
use std::path::Path;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread;
use std::time::Duration;

use crate::broker::Broker;
use crate::daemon::{Daemon, free_address};
use crate::load::{DEFINITIONS, Dice, Load};
use crate::s3::Server;
use crate::scene::{Scene, WORK_LIMIT};
use crate::wait;

/// One for each worker of three processes.
const PARTITIONS: i32 = 6;
/// At most 1,000 records a second.
const BATCH: usize = 50;
const PAUSE: Duration = Duration::from_millis(50);

/// One process of several, whose section `state.checkpoint` is that.
fn process(scene: &Scene<'_>, section: &str) -> Daemon {
    let text = scene.configuration(Some("earliest"), "1h");
    let text = text.replace(&scene.admin, &free_address());
    // The section `state` is there already.
    let section = section.replace("[state]\n", "");
    let text = text.replace("[watermark]", &format!("{section}[watermark]"));
    Daemon::new(&text, DEFINITIONS)
}

/// Checkpoints in a directory.
fn files(store: &Path) -> String {
    let store = store.display();
    format!("[state.checkpoint]\nstore = \"file://{store}\"\ninterval = \"500ms\"\n")
}

/// Runs `scenario` while a writer keeps writing, then ends the events and waits until one of the processes that it leaves
/// running are done; ends them, and compares with the oracle.
fn under_load(scene: &Scene<'_>, seed: u64, scenario: impl FnOnce() -> Vec<Daemon>) -> Vec<Daemon> {
    let mut load = Load::new(seed, scene.partitions);
    let is_over = AtomicBool::new(false);
    let mut daemons = thread::scope(|scope| {
        scope.spawn(|| {
            while !is_over.load(Ordering::Relaxed) {
                scene.produce(load.by_ref().take(BATCH));
                wait::pass(PAUSE);
            }
        });
        // The writer must end also where the scenario fails.
        let ended = std::panic::catch_unwind(std::panic::AssertUnwindSafe(scenario));
        is_over.store(true, Ordering::Relaxed);
        ended.unwrap_or_else(|panic| std::panic::resume_unwind(panic))
    });
    scene.produce(load.end());
    let end = scene.broker.end_of(&scene.usage);
    wait::until("they are done with the topic", WORK_LIMIT, || {
        for daemon in &mut daemons {
            daemon.assert_running();
        }
        (scene.done() == end).then_some(())
    });
    for daemon in &mut daemons {
        let status = daemon.terminate();
        assert!(status.success(), "{status}; it said:\n{}", daemon.said());
    }
    scene.assert_exact(DEFINITIONS);
    daemons
}

fn await_progress(scene: &Scene<'_>, daemons: &mut [&mut Daemon]) {
    let before = scene.done();
    wait::until("some progress", WORK_LIMIT, || {
        for daemon in daemons.iter_mut() {
            daemon.assert_running();
        }
        (scene.done() > before + 200).then_some(())
    });
}

fn await_said(daemon: &mut Daemon, words: &str, times: usize) {
    wait::until(words, WORK_LIMIT, || {
        daemon.assert_running();
        (daemon.said().matches(words).count() >= times).then_some(())
    });
}

#[test]
fn machine_that_is_lost_is_replaced_from_its_checkpoints() {
    let folder = tempfile::tempdir().expect("a folder");
    let store = files(folder.path());
    let scene = Scene::new(Broker::shared(), PARTITIONS);
    let daemons = under_load(&scene, 11, || {
        let mut first = process(&scene, &store);
        first.start();
        await_progress(&scene, &mut [&mut first]);
        first.kill();
        fs::remove_dir_all(first.directory().join("state")).expect("it was there");
        let mut second = process(&scene, &store);
        second.start();
        await_progress(&scene, &mut [&mut second]);
        vec![second]
    });
    let said = daemons[0].said();
    assert_eq!(said.matches("a checkpoint is here").count(), 6, "{said}");
}

#[test]
fn processes_come_and_go_under_load() {
    let folder = tempfile::tempdir().expect("a folder");
    let store = files(folder.path());
    let scene = Scene::new(Broker::shared(), PARTITIONS);
    let mut dice = Dice(12);
    let daemons = under_load(&scene, 12, || {
        let [mut first, mut second, mut third] = [(); 3].map(|()| process(&scene, &store));
        first.start();
        await_progress(&scene, &mut [&mut first]);
        // One to three.
        second.start();
        third.start();
        await_said(&mut second, "a task goes on with its state", 1);
        await_progress(&scene, &mut [&mut first, &mut second, &mut third]);
        // One is killed and comes back; one stops for longer than the group waits and wakes up.
        second.kill();
        await_progress(&scene, &mut [&mut first, &mut third]);
        second.start();
        third.signal("STOP");
        wait::pass(Duration::from_millis(4000 + dice.below(2000)));
        third.signal("CONT");
        await_progress(&scene, &mut [&mut first, &mut second, &mut third]);
        // Three to two, in order.
        let status = first.terminate();
        assert!(status.success(), "{status}; it said:\n{}", first.said());
        await_progress(&scene, &mut [&mut second, &mut third]);
        vec![second, third]
    });
    let said: String = daemons.iter().map(Daemon::said).collect();
    assert!(said.contains("a checkpoint is here"), "{said}");
}

#[test]
fn server_of_objects_may_go_away_and_come_back() {
    let mut server = Server::start();
    let scene = Scene::new(Broker::shared(), PARTITIONS);
    let section = server.section("some/prefix");
    let daemons = under_load(&scene, 13, || {
        let mut first = process(&scene, &section);
        first.start();
        await_progress(&scene, &mut [&mut first]);
        server.stop();
        await_said(&mut first, "a checkpoint cannot be put", 1);
        let before = scene.done();
        wait::pass(Duration::from_millis(1500));
        assert_eq!(scene.done(), before, "nothing becomes visible that no checkpoint holds");
        server.restart();
        await_progress(&scene, &mut [&mut first]);
        first.kill();
        let mut second = process(&scene, &section);
        let (trials, _) = second.check();
        let told = "ok      state.checkpoint.store \"s3://checkpoints/some/prefix\": it may be listed; \
                    something is in it";
        assert!(trials.iter().any(|line| line == told), "{trials:#?}");
        second.start();
        await_progress(&scene, &mut [&mut second]);
        vec![second]
    });
    let said = daemons[0].said();
    assert_eq!(said.matches("a checkpoint is here").count(), 6, "{said}");
    assert!(!said.contains("secret-of-the-key") && !said.contains("id-of-the-key"), "{said}");
}

#[test]
fn warm_copies_are_taken_over() {
    let folder = tempfile::tempdir().expect("a folder");
    let store = "[state]\nstandby = 1\n".to_owned() + &files(folder.path());
    let scene = Scene::new(Broker::shared(), PARTITIONS);
    let daemons = under_load(&scene, 14, || {
        let [mut first, mut second] = [(); 2].map(|()| process(&scene, &store));
        first.start();
        second.start();
        let is_warm = || {
            let copies = fs::read_dir(second.directory().join("state")).into_iter().flatten();
            let names = copies.flatten().map(|entry| entry.file_name());
            names.filter(|name| name.to_string_lossy().ends_with(".standby")).count() >= 2
        };
        wait::until("copies of partitions of the other", WORK_LIMIT, || is_warm().then_some(()));
        await_progress(&scene, &mut [&mut first, &mut second]);
        first.kill();
        await_said(&mut second, "a checkpoint is here", 1);
        await_progress(&scene, &mut [&mut second]);
        vec![second]
    });
    let said = daemons[0].said();
    let taken = said.lines().filter(|line| line.contains("a checkpoint is here"));
    let from_copies = taken.filter(|line| !line.contains("warm_bytes=0")).count();
    assert!(from_copies >= 1, "{said}");
}

/// What `odometer state restore` says, and its exit status.
fn restore(daemon: &Daemon, arguments: &[&str]) -> (String, Option<i32>) {
    daemon.told(&["state", "restore"], arguments)
}

/// What a later version of the program put there nobody reads, or takes for nothing.
fn expect_manifests_of_another_version_named(daemon: &mut Daemon, scene: &Scene<'_>, store: &Path) {
    let task = format!("{}-0", scene.usage);
    let folder = store.join(scene.broker.cluster_id()).join(&scene.group).join(&scene.usage);
    let folder = folder.join("0/manifests");
    let change = |from: &str, to: &str| {
        for entry in fs::read_dir(&folder).expect("manifests") {
            let path = entry.expect("an entry").path();
            let text = fs::read_to_string(&path).expect("a manifest");
            assert!(text.contains(from), "{text}");
            fs::write(&path, text.replace(from, to)).expect("it may be written");
        }
    };
    let (this, other) = ("\"format\":1", "\"format\":2");
    let words = "put by another version of odometer: it is of form 2";
    let state = daemon.directory().join("state").join(&task);
    let copy = daemon.directory().join("copy");
    fs::rename(&state, &copy).expect("it is there");
    change(this, other);
    for arguments in [&[task.as_str(), "--list"][..], &[&task, "--yes"]] {
        let (said, status) = restore(daemon, arguments);
        assert!(status == Some(1) && said.contains(words), "{said}");
    }
    let known = daemon.said().len();
    daemon.start();
    assert_eq!(daemon.await_end().code(), Some(1), "its only task is halted");
    let said = daemon.said()[known..].to_owned();
    assert!(said.contains("task halted") && said.contains(words), "{said}");
    change(other, this);
    fs::rename(&copy, &state).expect("nothing took its place");
}

#[test]
fn checkpoint_is_brought_here_by_hand_and_none_that_is_behind() {
    let folder = tempfile::tempdir().expect("a folder");
    let scene = Scene::new(Broker::shared(), 1);
    let mut load = Load::new(66, 1);
    let mut daemon = process(&scene, &files(folder.path()));
    let task = format!("{}-0", scene.usage);
    scene.produce(load.by_ref().take(3000));
    scene.work_through(&mut daemon);
    scene.produce(load.by_ref().take(3000));
    scene.work_through(&mut daemon);
    let (listed, status) = restore(&daemon, &[&task, "--list"]);
    assert_eq!(status, Some(0), "{listed}");
    let rows: Vec<serde_json::Value> =
        listed.lines().filter_map(|line| serde_json::from_str(line).ok()).collect();
    assert!(rows.len() > 1, "{listed}");
    assert_eq!(rows[0]["is_usable"], true, "{listed}");
    let oldest = rows.last().expect("several").clone();
    assert_eq!(oldest["is_usable"], false, "{listed}");
    let commit = oldest["commit"].as_str().expect("an id");
    let (said, status) = restore(&daemon, &[&task, "--checkpoint", commit, "--yes"]);
    assert_eq!(status, Some(1), "{said}");
    assert!(said.contains(&format!("odometer state rebuild {task}")), "{said}");
    let (said, status) = restore(&daemon, &[&task, "--checkpoint", "none", "--yes"]);
    assert!(status == Some(1) && said.contains("--list has them"), "{said}");
    let state = daemon.directory().join("state").join(&task);
    let (said, status) = restore(&daemon, &[&task, "--yes"]);
    assert_eq!(status, Some(0), "{said}");
    assert!(state.exists() && state.with_file_name(format!("{task}.aside-1")).exists(), "{said}");
    expect_manifests_of_another_version_named(&mut daemon, &scene, folder.path());
    // With none that may be used it is made anew; what comes after that is kept as ever.
    fs::remove_dir_all(folder.path().join(scene.broker.cluster_id())).expect("the checkpoints");
    fs::remove_dir_all(&state).expect("it was restored");
    let (said, status) = restore(&daemon, &[&task, "--yes"]);
    assert!(status == Some(1) && said.contains("has no checkpoint of it"), "{said}");
    crate::adopt::await_group(&scene, "Empty");
    crate::rebuild::expect_rebuilt(&daemon, &[&task, "--yes"]);
    scene.produce(load.by_ref().take(1000));
    scene.work_through(&mut daemon);
    fs::remove_dir_all(daemon.directory().join("state")).expect("the machine is lost");
    scene.produce(load.end());
    scene.work_through(&mut daemon);
    assert!(daemon.said().contains("a checkpoint is here"), "{}", daemon.said());
    scene.assert_exact(DEFINITIONS);
}
