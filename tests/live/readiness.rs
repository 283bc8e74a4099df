//! `/readyz`: ready while offsets move, else with a reason, and ready again after it.

use std::time::Duration;

use rdkafka::consumer::{BaseConsumer, Consumer};

use crate::broker::Broker;
use crate::daemon::{Daemon, http, http_body};
use crate::load::{DEFINITIONS, Load};
use crate::scene::{Scene, WORK_LIMIT};
use crate::wait;

#[test]
fn process_is_not_ready_while_the_broker_is_away() {
    let broker = Broker::start();
    // One of the two workers has no partition.
    let scene = Scene::new(&broker, 1);
    let mut load = Load::new(41, 1);
    // What is folded in the beginning is committed when the broker is away.
    let configuration = scene
        .configuration(Some("earliest"), "1h")
        .replace("commit_interval = \"300ms\"", "commit_interval = \"10s\"")
        .replace("\"session.timeout.ms\" = \"3000\"", "\"session.timeout.ms\" = \"20000\"")
        .replace("[rejects]", "transaction_timeout = \"10s\"\n[rejects]");
    let mut daemon = Daemon::new(&configuration, DEFINITIONS);
    daemon.start();
    await_ready(&scene, &mut daemon);
    scene.produce(load.by_ref().take(1000));
    wait::until("the events are read", WORK_LIMIT, || {
        let series = http_body(&scene.admin, "/metrics")?;
        (!series.contains("odometer_dedup_ids 0\n")).then_some(())
    });
    broker.stop();
    let broker_of = format!("broker of topic {}", scene.usage);
    await_obstacle(&scene, &mut daemon, &[&broker_of, "it does not answer: "]);
    await_obstacle(&scene, &mut daemon, &["deliveries of worker ", "to be made again: "]);
    await_obstacle(&scene, &mut daemon, &["it lost its place in the group"]);
    broker.restart();
    await_ready(&scene, &mut daemon);
    scene.produce(load.by_ref().take(1000));
    scene.produce(load.end());
    scene.finish(&mut daemon);
    scene.assert_exact(DEFINITIONS);
}

#[test]
fn group_that_refuses_a_member_is_told_with_its_reason() {
    let scene = Scene::new(Broker::shared(), 1);
    let configuration = scene
        .configuration(Some("earliest"), "1h")
        .replace("\"session.timeout.ms\" = \"3000\"", "\"session.timeout.ms\" = \"900\"")
        .replace("\"heartbeat.interval.ms\" = \"500\"", "\"heartbeat.interval.ms\" = \"100\"");
    let mut daemon = Daemon::new(&configuration, DEFINITIONS);
    daemon.start();
    let words = ["which refuses it: ", "nvalid session timeout", "group.min.session.timeout.ms"];
    await_obstacle(&scene, &mut daemon, &words);
    assert!(daemon.terminate().success());
    let (trials, status) = daemon.check();
    let failed: Vec<_> = trials.iter().filter(|line| line.starts_with("FAILED")).collect();
    assert!(failed.len() == 1 && failed[0].contains("session.timeout.ms 900"), "{trials:#?}");
    assert_eq!(status, Some(1));

    // Another program of the group, which shares partitions in another way.
    let mate: BaseConsumer = (scene.broker.client())
        .set("group.id", &scene.group)
        .set("partition.assignment.strategy", "range")
        .create()
        .expect("a consumer");
    mate.subscribe(&[&scene.usage]).expect("a topic's name");
    wait::until("it has the partition", WORK_LIMIT, || {
        drop(mate.poll(Duration::from_millis(100)));
        (mate.assignment().ok()?.count() > 0).then_some(())
    });
    let mut daemon = scene.daemon();
    let (trials, _) = daemon.check();
    let is_told = |line: &String| {
        line.starts_with("FAILED  source.group_id")
            && line.contains("share partitions by \"range\"")
    };
    assert!(trials.iter().any(is_told), "{trials:#?}");
    daemon.start();
    await_obstacle(&scene, &mut daemon, &["which refuses it: ", "source.group_id a name that"]);
    drop(mate);
    await_ready(&scene, &mut daemon);
    assert!(daemon.terminate().success());
}

fn await_ready(scene: &Scene<'_>, daemon: &mut Daemon) {
    wait::until("the process is ready", WORK_LIMIT, || {
        daemon.assert_running();
        (http(&scene.admin, "/readyz")?.0 == 200).then_some(())
    });
}

fn await_obstacle(scene: &Scene<'_>, daemon: &mut Daemon, texts: &[&str]) {
    wait::until("the process is not ready", WORK_LIMIT, || {
        daemon.assert_running();
        let (status, body) = http(&scene.admin, "/readyz")?;
        (status == 503 && texts.iter().all(|text| body.contains(text))).then_some(())
    });
}
