//! Kafka is away, at the start or in the middle: the program keeps trying, says so, and loses nothing.

use std::time::Duration;

use rdkafka::consumer::{BaseConsumer, Consumer};

use crate::broker::Broker;
use crate::daemon::{Daemon, http_body};
use crate::load::{DEFINITIONS, Dice, Load};
use crate::scene::{Scene, WORK_LIMIT};
use crate::wait;

#[test]
fn broker_away_in_the_middle_is_waited_for() {
    let broker = Broker::start();
    let scene = Scene::new(&broker, 4);
    let mut load = Load::new(7, 4);
    let mut daemon = scene.daemon();
    daemon.start();
    for outage in ["stop", "kill"] {
        let before = scene.done();
        scene.produce(load.by_ref().take(8000));
        wait::until("some progress", WORK_LIMIT, || (scene.done() > before).then_some(()));
        if outage == "stop" {
            broker.stop();
        } else {
            broker.kill();
        }
        wait::pass(Duration::from_secs(5));
        daemon.assert_running();
        broker.restart();
    }
    scene.produce(load.by_ref().take(5000));
    scene.produce(load.end());
    scene.finish(&mut daemon);
    scene.assert_exact(DEFINITIONS);
}

#[test]
fn static_member_that_is_mistaken_after_an_outage_joins_again() {
    let broker = Broker::start();
    let scene = Scene::new(&broker, 2);
    let mut load = Load::new(45, 2);
    let mut daemon = Daemon::new(&of_static_member(&scene), DEFINITIONS);
    daemon.start();
    scene.produce(load.by_ref().take(2000));
    scene.await_done(&mut daemon);
    broker.kill();
    wait::pass(Duration::from_secs(1));
    broker.restart();
    scene.produce(load.by_ref().take(2000));
    scene.await_done(&mut daemon);
    take_name(&scene);
    wait::until("it joins again", WORK_LIMIT, || {
        daemon.assert_running();
        daemon.said().contains("it joins again").then_some(())
    });
    scene.produce(load.by_ref().take(2000));
    scene.produce(load.end());
    scene.finish(&mut daemon);
    scene.assert_exact(DEFINITIONS);
}

#[test]
fn static_member_whose_name_another_process_takes_ends() {
    let scene = Scene::new(Broker::shared(), 2);
    let mut load = Load::new(46, 2);
    let mut daemon = Daemon::new(&of_static_member(&scene), DEFINITIONS);
    daemon.start();
    scene.produce(load.by_ref().take(2000));
    scene.await_done(&mut daemon);
    take_name(&scene);
    assert!(!daemon.await_end().success());
    assert!(daemon.said().contains("FencedInstanceId"), "{}", daemon.said());
}

fn of_static_member(scene: &Scene<'_>) -> String {
    let configuration = scene.configuration(Some("earliest"), "1h");
    configuration.replace("workers = 2", "workers = 1\ninstance_id = \"one\"")
}

/// Joins the group as the only worker of that static member does, and leaves it without a word: so the group sees what it
/// sees of a member's stale heartbeat, another one of its name.
pub(crate) fn take_name(scene: &Scene<'_>) {
    let member = (scene.broker.client())
        .set("group.id", &scene.group)
        .set("group.instance.id", format!("one-{}-0", scene.usage))
        .set("partition.assignment.strategy", "cooperative-sticky")
        .set("session.timeout.ms", "3000")
        .set("heartbeat.interval.ms", "500")
        .set("enable.auto.commit", "false")
        .create::<BaseConsumer>()
        .expect("a consumer");
    member.subscribe(&[&scene.usage]).expect("a topic that is there");
    wait::until("the group takes it for the member", WORK_LIMIT, || {
        drop(member.poll(Duration::from_millis(50)));
        (member.assignment().ok()?.count() > 0).then_some(())
    });
}

#[test]
fn broker_away_while_tasks_start_is_waited_for() {
    let broker = Broker::start();
    let scene = Scene::new(&broker, 4);
    let mut load = Load::new(43, 4);
    let mut daemon = scene.daemon();
    // Every moment of a start comes: what is committed is asked, the bounds of the logs, the records before the cursors.
    let mut dice = Dice(44);
    for _ in 0..5 {
        scene.produce(load.by_ref().take(500));
        let known = daemon.said().len();
        daemon.start();
        wait::until("partitions are given", WORK_LIMIT, || {
            daemon.assert_running();
            daemon.said()[known..].contains("partitions given").then_some(())
        });
        wait::pass(Duration::from_millis(dice.below(60)));
        broker.kill();
        wait::pass(Duration::from_secs(4));
        daemon.assert_running();
        broker.restart();
        scene.finish(&mut daemon);
    }
    scene.produce(load.end());
    scene.work_through(&mut daemon);
    scene.assert_exact(DEFINITIONS);
}

#[test]
fn broker_away_at_the_start_is_waited_for() {
    let broker = Broker::start();
    let scene = Scene::new(&broker, 2);
    let mut load = Load::new(8, 2);
    scene.produce(load.by_ref().take(1000));
    scene.produce(load.end());
    broker.stop();
    let mut daemon = scene.daemon();
    daemon.start();
    wait::pass(Duration::from_secs(3));
    daemon.assert_running();
    assert!(daemon.said().contains(broker.address()), "says what it waits for:\n{}", daemon.said());
    broker.restart();
    scene.finish(&mut daemon);
    scene.assert_exact(DEFINITIONS);
}

#[test]
fn end_waits_for_no_transaction_longer_than_it_may() {
    let broker = Broker::start();
    let scene = Scene::new(&broker, 1);
    let mut load = Load::new(44, 1);
    let configuration = scene.configuration(Some("earliest"), "1h");
    let configuration = configuration
        .replace("provenance", "transaction_timeout = \"5m\"\nprovenance")
        .replace("\"300ms\"", "\"1m\"");
    let mut daemon = Daemon::new(&configuration, DEFINITIONS);
    scene.produce(load.by_ref().take(3000));
    daemon.start();
    wait::until("something is read", WORK_LIMIT, || {
        daemon.assert_running();
        let series = http_body(&scene.admin, "/metrics")?;
        (series.contains("odometer_dedup_ids") && !series.contains("odometer_dedup_ids 0\n"))
            .then_some(())
    });
    broker.kill();
    assert!(!daemon.terminate().success());
    let said = daemon.said();
    assert!(said.contains("stopped before everything was delivered"), "{said}");

    broker.restart();
    daemon.write("odometer.toml", &scene.configuration(Some("earliest"), "1h"));
    scene.produce(load.end());
    scene.work_through(&mut daemon);
    scene.assert_exact(DEFINITIONS);
}
