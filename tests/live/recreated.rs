//! Topics that are deleted under a running program, or created anew: same name, same partitions, other records.

use crate::broker::Broker;
use crate::daemon::{Daemon, http};
use crate::load::{DEFINITIONS, Load};
use crate::scene::{Scene, WORK_LIMIT};
use crate::wait;

#[test]
fn topic_that_is_created_anew_under_the_program_is_not_counted() {
    let scene = Scene::new(Broker::shared(), 2);
    let configuration = scene.configuration(Some("earliest"), "1h");
    // It is to come back as a member, and no partition is to be under way between workers.
    let configuration = configuration
        .replace("\"session.timeout.ms\" = \"3000\"", "\"session.timeout.ms\" = \"45000\"")
        .replace("workers = 2", "workers = 1");
    let mut daemon = Daemon::new(&configuration, DEFINITIONS);
    scene.produce(Load::new(80, 2).take(300));
    daemon.start();
    scene.await_done(&mut daemon);
    let before = scene.revisions();

    // Stopped, it sees nothing of the time between the two.
    daemon.signal("STOP");
    scene.broker.delete_topic(&scene.usage);
    scene.broker.create_topic(&scene.usage, 2);
    // Longer than before, so that every offset exists again.
    scene.produce(Load::new(81, 2).take(3000));
    daemon.signal("CONT");
    assert!(!daemon.await_end().success());
    assert!(daemon.said().contains("created anew while it was read"), "{}", daemon.said());
    assert_eq!(scene.revisions(), before);
    assert_eq!(scene.done(), 0, "no offset is committed for the new one");

    daemon.start();
    assert!(!daemon.await_end().success(), "also not at the next start");
    assert_eq!((scene.revisions(), scene.done()), (before, 0));
}

#[test]
fn topic_of_totals_that_is_gone_is_named_and_waited_for() {
    let scene = Scene::new(Broker::shared(), 1);
    let mut load = Load::new(82, 1);
    let configuration = scene.configuration(Some("earliest"), "1h");
    let configuration =
        configuration.replace("provenance", "transaction_timeout = \"3s\"\nprovenance");
    let mut daemon = Daemon::new(&configuration, DEFINITIONS);
    scene.produce(load.by_ref().take(10));
    daemon.start();
    scene.await_done(&mut daemon);
    assert_eq!(scene.revisions(), 0, "nothing is lost with the topic");
    scene.broker.delete_topic(&scene.totals);
    scene.produce(load.by_ref().take(3000));
    let named = format!("topic \\\"{}\\\" does not exist any more", scene.totals);
    wait::until("the topic is named", WORK_LIMIT, || {
        daemon.assert_running();
        let (status, body) = http(&scene.admin, "/readyz")?;
        (status == 503 && body.contains(&named)).then_some(())
    });
    scene.broker.create_topic(&scene.totals, 3);
    scene.produce(load.end());
    scene.finish(&mut daemon);
    scene.assert_exact(DEFINITIONS);
}
