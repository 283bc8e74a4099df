//! Answers that do not come: a transaction whose end was carried out or was not, and questions that a start depends on.

use std::sync::OnceLock;
use std::time::Duration;

use crate::broker::Broker;
use crate::daemon::{Daemon, http};
use crate::load::{DEFINITIONS, Load};
use crate::proxy::{Cut, END_TRANSACTION, FETCH, LIST_OFFSETS, Proxy};
use crate::scene::{Scene, WORK_LIMIT};
use crate::wait;

/// The broker and the proxy of one test at a time: rules hold for all connections.
fn proxied() -> &'static (Broker, Proxy) {
    static PROXIED: OnceLock<(Broker, Proxy)> = OnceLock::new();
    PROXIED.get_or_init(|| {
        let broker = Broker::start_proxied();
        let proxy = Proxy::start(&broker);
        (broker, proxy)
    })
}

/// A program that reaches the broker by the proxy alone, and does not wait long for an answer.
fn daemon(scene: &Scene<'_>, proxy: &Proxy) -> Daemon {
    let configuration = scene.configuration(Some("earliest"), "1h");
    // The topic of definitions is asked about every second, and what is cut is to be a task's question.
    let topic = format!("topic = \"{}-definitions\"", scene.totals);
    assert!(configuration.contains(&topic));
    let configuration = configuration
        .replace(&topic, "topic = \"\"")
        .replace(scene.broker.address(), &proxy.address)
        .replace("workers = 2", "workers = 1\nrequest_timeout = \"1s\"")
        .replace("[rejects]", "transaction_timeout = \"10s\"\n[rejects]");
    Daemon::new(&configuration, DEFINITIONS)
}

/// Waits until the program has said that again since `known`.
fn await_said(daemon: &mut Daemon, known: usize, words: &str) {
    wait::until(words, WORK_LIMIT, || {
        daemon.assert_running();
        daemon.said()[known..].contains(words).then_some(())
    });
}

#[test]
fn answers_that_do_not_come_lose_and_double_nothing() {
    let (broker, proxy) = proxied();
    ends_of_transactions_are_cut(broker, proxy);
    starts_are_cut(broker, proxy);
    genesis_is_cut(broker, proxy);
    bounds_are_cut(broker, proxy);
    topic_is_deleted_while_a_start_waits(broker, proxy);
    view_of_definitions_is_old(broker, proxy);
    broker_is_slow(broker, proxy);
}

/// First so slow that all goes on, then slower than the program waits for anything, and than the group for its members.
fn broker_is_slow(broker: &Broker, proxy: &Proxy) {
    let scene = Scene::new(broker, 2);
    let mut load = Load::new(48, 2);
    let mut daemon = daemon(&scene, proxy);
    daemon.start();
    scene.produce(load.by_ref().take(500));
    scene.await_done(&mut daemon);
    proxy.delay(Duration::from_millis(100));
    for _ in 0..3 {
        scene.produce(load.by_ref().take(500));
        scene.await_done(&mut daemon);
    }
    let known = daemon.said().len();
    proxy.delay(Duration::from_millis(1_500));
    scene.produce(load.by_ref().take(2000));
    await_said(&mut daemon, known, "delivery is in doubt");
    wait::pass(Duration::from_secs(10));
    daemon.assert_running();
    proxy.delay(Duration::ZERO);
    scene.produce(load.by_ref().take(500));
    scene.produce(load.end());
    scene.finish(&mut daemon);
    scene.assert_exact(DEFINITIONS);
}

/// The broker commits, or never hears of it: either way the program must ask what is committed.
fn ends_of_transactions_are_cut(broker: &Broker, proxy: &Proxy) {
    let scene = Scene::new(broker, 2);
    let mut load = Load::new(40, 2);
    let mut daemon = daemon(&scene, proxy);
    scene.produce(load.by_ref().take(1000));
    daemon.start();
    scene.await_done(&mut daemon);
    for cut in [Cut::After, Cut::Before, Cut::After] {
        let known = daemon.said().len();
        proxy.cut(END_TRANSACTION, cut);
        scene.produce(load.by_ref().take(2000));
        wait::until("an end is cut", WORK_LIMIT, || (proxy.hits() > 0).then_some(()));
        // The client tries again by itself: longer than the program waits for an answer.
        wait::pass(Duration::from_secs(3));
        assert!(proxy.let_pass() > 1);
        let is_visible = if cut == Cut::After { "true" } else { "" };
        await_said(&mut daemon, known, "a delivery in doubt is settled");
        await_said(&mut daemon, known, &format!("is_visible={is_visible}"));
        scene.await_done(&mut daemon);
    }
    scene.produce(load.end());
    scene.finish(&mut daemon);
    scene.assert_exact(DEFINITIONS);
}

/// What a task asks before it starts is not answered for a while.
fn starts_are_cut(broker: &Broker, proxy: &Proxy) {
    let scene = Scene::new(broker, 2);
    let mut load = Load::new(41, 2);
    let mut daemon = daemon(&scene, proxy);
    for kind in [LIST_OFFSETS, LIST_OFFSETS, FETCH] {
        scene.produce(load.by_ref().take(500));
        let known = daemon.said().len();
        proxy.cut(kind, Cut::Before);
        daemon.start();
        // The record before the cursor is fetched where there is a state.
        await_said(&mut daemon, known, "what a task needs to start; it is asked again");
        let (status, body) = http(&scene.admin, "/readyz").expect("the admin listener answers");
        assert_eq!(status, 503);
        assert!(body.contains("its partitions [0, 1] are not started yet: "), "{body}");
        wait::pass(Duration::from_secs(2));
        daemon.assert_running();
        assert!(proxy.let_pass() > 1);
        scene.finish(&mut daemon);
    }
    scene.produce(load.end());
    scene.work_through(&mut daemon);
    scene.assert_exact(DEFINITIONS);
}

/// Where a task begins is not committed for a while: nothing is read before it is.
fn genesis_is_cut(broker: &Broker, proxy: &Proxy) {
    let scene = Scene::new(broker, 2);
    let mut load = Load::new(42, 2);
    let mut daemon = daemon(&scene, proxy);
    scene.produce(load.by_ref().take(2000));
    scene.produce(load.end());
    proxy.cut(END_TRANSACTION, Cut::Before);
    daemon.start();
    for _ in 0..2 {
        let known = daemon.said().len();
        await_said(&mut daemon, known, "delivery is in doubt");
    }
    let answer = |path| http(&scene.admin, path).expect("the admin listener answers");
    let (status, body) = answer("/readyz");
    assert_eq!(status, 503);
    assert!(body.contains("not started yet: where they begin is not committed"), "{body}");
    // The series is told once a second.
    wait::pass(Duration::from_secs(2));
    let (_, series) = answer("/metrics");
    let held = |line: &&str| line.starts_with("odometer_dedup_ids");
    let held: Vec<&str> = series.lines().filter(held).collect();
    assert!(!held.is_empty() && held.iter().all(|line| line.ends_with(" 0")), "{held:?}");
    assert!(proxy.let_pass() > 1);
    scene.await_done(&mut daemon);
    wait::until("the process is ready", WORK_LIMIT, || (answer("/readyz").0 == 200).then_some(()));
    assert!(daemon.terminate().success());
    scene.assert_exact(DEFINITIONS);
}

/// Records are deleted that were not read yet, and what is left in the log cannot be asked for a while.
fn bounds_are_cut(broker: &Broker, proxy: &Proxy) {
    let scene = Scene::new(broker, 2);
    let mut load = Load::new(45, 2);
    let mut daemon = daemon(&scene, proxy);
    scene.produce(load.by_ref().take(500));
    daemon.start();
    scene.await_done(&mut daemon);
    daemon.signal("STOP");
    // A question for records that is under way is answered.
    wait::pass(Duration::from_secs(1));
    scene.produce(load.by_ref().take(500));
    broker.delete_records(&scene.usage, 0);
    proxy.cut(LIST_OFFSETS, Cut::Before);
    daemon.signal("CONT");
    wait::until("a start waits for the bounds", WORK_LIMIT, || {
        daemon.assert_running();
        let (status, body) = http(&scene.admin, "/readyz")?;
        let reason = "are not started yet: asking for the bounds of the log";
        (status == 503 && body.contains(reason)).then_some(())
    });
    wait::pass(Duration::from_secs(2));
    daemon.assert_running();
    proxy.let_pass();
    // The task whose records are gone halts, and the other one goes on.
    let end = broker.ends_of(&scene.usage)[1];
    wait::until("the other partition is done", WORK_LIMIT, || {
        daemon.assert_running();
        let committed = broker.committed_offset(&scene.group, &scene.usage, 1)?;
        (committed.0 == end).then_some(())
    });
    assert_eq!(daemon.terminate().code(), Some(1), "a halted task is a failure");
    let halted = format!("{} is halted: ", scene.task(0));
    assert!(daemon.said().contains(&halted), "{}", daemon.said());
}

fn topic_is_deleted_while_a_start_waits(broker: &Broker, proxy: &Proxy) {
    let scene = Scene::new(broker, 1);
    let mut daemon = daemon(&scene, proxy);
    scene.produce(Load::new(42, 1).take(10));
    proxy.cut(LIST_OFFSETS, Cut::Before);
    daemon.start();
    await_said(&mut daemon, 0, "what a task needs to start; it is asked again");
    scene.broker.delete_topic(&scene.usage);
    proxy.let_pass();
    assert_eq!(daemon.await_end().code(), Some(1));
    let text = format!("topic {:?} does not exist: create it", scene.usage);
    let said = daemon.said().replace('\\', "");
    assert!(said.contains(&text), "no {text}");
}

/// The topic of definitions is not answered for, and all else is: nothing is folded, and the worker stays in the group.
fn view_of_definitions_is_old(broker: &Broker, proxy: &Proxy) {
    let scene = Scene::new(broker, 2);
    let mut load = Load::new(46, 2);
    let configuration = scene
        .configuration(Some("earliest"), "1h")
        .replace(scene.broker.address(), &proxy.address)
        .replace("workers = 2", "workers = 1\nrequest_timeout = \"1s\"")
        .replace(
            "\"session.timeout.ms\"",
            "\"max.poll.interval.ms\" = \"4000\"\n\"session.timeout.ms\"",
        )
        .replace("[metrics]", "[metrics]\ndefinition_lead = \"4s\"");
    let mut daemon = Daemon::new(&configuration, DEFINITIONS);
    scene.produce(load.by_ref().take(1000));
    daemon.start();
    scene.await_done(&mut daemon);
    let known = daemon.said().len();
    proxy.cut(LIST_OFFSETS, Cut::Hold);
    wait::until("the process is not ready", WORK_LIMIT, || {
        daemon.assert_running();
        let (status, body) = http(&scene.admin, "/readyz")?;
        let told = "has not been known for half of metrics.definition_lead";
        (status == 503 && body.contains(told)).then_some(())
    });
    let done = scene.done();
    scene.produce(load.by_ref().take(500));
    scene.produce(load.end());
    // Longer than the group lets a member be silent, and than the commit interval.
    wait::pass(Duration::from_secs(8));
    assert_eq!(scene.done(), done, "nothing is folded");
    assert!(proxy.let_pass() > 1);
    scene.await_done(&mut daemon);
    let said = daemon.said()[known..].to_owned();
    assert!(!said.contains("partitions taken"), "it left the group:\n{said}");
    scene.finish(&mut daemon);
    scene.assert_exact(DEFINITIONS);
}
