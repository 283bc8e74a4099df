//! `/readyz`: ready while offsets move, else with a reason, and ready again after it.

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
