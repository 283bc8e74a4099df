//! A topic that is deleted and created anew under a running program: same name, same partitions, other records.

use crate::broker::Broker;
use crate::daemon::Daemon;
use crate::load::{DEFINITIONS, Load};
use crate::scene::Scene;

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
