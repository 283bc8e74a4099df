//! The program is killed under load and stopped in order: nothing is lost or doubled.

use std::sync::atomic::{AtomicBool, Ordering};
use std::thread;
use std::time::Duration;

use serde_json::Value;

use crate::broker::Broker;
use crate::daemon::{Daemon, free_address};
use crate::grants::{group, members};
use crate::load::{DEFINITIONS, Dice, Load};
use crate::scene::{Scene, WORK_LIMIT};
use crate::wait;

const KILLS: u32 = 20;
/// Records and pause of a writer that keeps the program busy: at most 1,000 a second.
const BATCH: usize = 50;
const PAUSE: Duration = Duration::from_millis(50);

#[test]
fn twenty_kills_under_load_lose_and_double_nothing() {
    let scene = Scene::new(Broker::shared(), 4);
    under_load(&scene, 4, || {
        let mut daemon = scene.daemon();
        let mut dice = Dice(4);
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
            linger(&mut dice, 1500);
            daemon.assert_running();
            daemon.kill();
        }
        daemon.start();
        daemon
    });
}

#[test]
fn second_program_takes_over_only_what_it_may() {
    // Without a checkpoint store a state cannot move: the second process must not serve, nor disturb the first.
    let scene = Scene::new(Broker::shared(), 4);
    under_load(&scene, 5, || {
        let mut first = scene.daemon();
        first.start();
        wait::until("some progress", WORK_LIMIT, || (scene.done() > 0).then_some(()));
        let configuration = scene.configuration(Some("earliest"), "1h");
        let elsewhere = configuration.replace(&scene.admin, &free_address());
        let mut second = Daemon::new(&elsewhere, DEFINITIONS);
        second.start();
        linger(&mut Dice(5), 4000);
        second.kill();
        first
    });
}

#[test]
fn stopped_in_order_under_load_it_drains() {
    let scene = Scene::new(Broker::shared(), 2);
    under_load(&scene, 6, || {
        let mut daemon = scene.daemon();
        for _ in 0..3 {
            let before = scene.done();
            daemon.start();
            wait::until("some progress", WORK_LIMIT, || {
                daemon.assert_running();
                (scene.done() > before).then_some(())
            });
            let status = daemon.terminate();
            assert!(status.success(), "{status}; it said:\n{}", daemon.said());
            assert!(scene.done() > before, "what was read is committed");
            assert_sums_up(&daemon.said());
        }
        daemon.start();
        daemon
    });
}

/// Whoever comes next else waits for those that are gone until their session is over.
#[test]
fn stopped_in_order_all_its_workers_leave_the_group() {
    // One worker has no partition.
    let scene = Scene::new(Broker::shared(), 1);
    let configuration = scene.configuration(Some("earliest"), "1h").replace("3000", "45000");
    let mut daemon = Daemon::new(&configuration, DEFINITIONS);
    daemon.start();
    wait::until("both workers are members", WORK_LIMIT, || {
        (members(&scene).len() == 2).then_some(())
    });
    let status = daemon.terminate();
    assert!(status.success(), "{status}; it said:\n{}", daemon.said());
    assert_eq!(group(&scene), Some(("Empty".to_owned(), Vec::new())));
}

#[test]
fn stopped_in_order_while_its_workers_join_it_drains() {
    // The second worker that joins takes a partition of the first, which may just be committing, or already ending.
    let scene = Scene::new(Broker::shared(), 2);
    under_load(&scene, 7, || {
        let mut daemon = scene.daemon();
        let mut dice = Dice(7);
        for _ in 0..8 {
            let joined = |daemon: &Daemon| daemon.said().matches("partitions given").count();
            let before = joined(&daemon);
            daemon.start();
            wait::until("a worker to join", WORK_LIMIT, || {
                daemon.assert_running();
                (joined(&daemon) > before).then_some(())
            });
            linger(&mut dice, 1500);
            let status = daemon.terminate();
            assert!(status.success(), "{status}; it said:\n{}", daemon.said());
        }
        daemon.start();
        daemon
    });
}

/// Runs `scenario` while a writer keeps writing, then ends the events, waits for the program that the scenario leaves
/// running, and compares with the oracle.
fn under_load(scene: &Scene<'_>, seed: u64, scenario: impl FnOnce() -> Daemon) {
    let mut load = Load::new(seed, scene.partitions);
    let is_over = AtomicBool::new(false);
    let mut daemon = thread::scope(|scope| {
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
    scene.finish(&mut daemon);
    scene.assert_exact(DEFINITIONS);
}

/// Lets some time pass, up to that many milliseconds: a random moment.
fn linger(dice: &mut Dice, milliseconds_max: u64) {
    wait::pass(Duration::from_millis(dice.below(milliseconds_max)));
}

/// The last line holds the summary, and in it every event has its end (rule 1.4).
fn assert_sums_up(said: &str) {
    let last = said.lines().next_back().unwrap_or_default();
    let summary = last.split_once("summary=").map(|(_, text)| serde_json::from_str(text));
    let Some(Ok(Value::Object(summary))) = summary else { panic!("no summary at last:\n{said}") };
    let count = |name: &str| summary[name].as_u64().expect("a count");
    let ends = ["counted", "duplicate", "unmatched", "late", "invalid"];
    assert_eq!(count("read"), ends.into_iter().map(count).sum::<u64>(), "{last}");
    assert!(count("counted") > 0, "{last}");
}
