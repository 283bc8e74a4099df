//! Topics that are deleted under a running program, or created anew: same name, same partitions, other records.

use crate::broker::Broker;
use crate::daemon::{Daemon, http};
use crate::judgement::Outcome;
use crate::load::{DEFINITIONS, Load};
use crate::proxy::{Cut, END_TRANSACTION, Proxy};
use crate::scene::{Scene, WORK_LIMIT};
use crate::topic::Record;
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
    scene.produce(load.by_ref().take(2000));
    daemon.start();
    scene.await_done(&mut daemon);
    let former = scene.broker.read_committed_all(&scene.totals);
    scene.broker.delete_topic(&scene.totals);
    scene.produce(load.by_ref().take(3000));
    let named = format!("topic \\\"{}\\\" does not exist any more", scene.totals);
    wait::until("the topic is named", WORK_LIMIT, || {
        daemon.assert_running();
        let (status, body) = http(&scene.admin, "/readyz")?;
        (status == 503 && body.contains(&named)).then_some(())
    });
    // Fewer partitions than it had: what was meant for the others could never be delivered.
    scene.broker.create_topic(&scene.totals, 2);
    expect_end(&mut daemon, &scene.totals, "deleted and created anew");
    assert_eq!(scene.revisions(), 0);
    accept(&daemon, &scene.totals);
    scene.produce(load.end());
    scene.work_through(&mut daemon);
    assert_exact_after(&scene, &scene.totals, &former);
}

#[test]
fn topic_that_is_delivered_to_and_created_anew_while_it_is_stopped_is_not_delivered_to() {
    for is_totals in [true, false] {
        let scene = Scene::new(Broker::shared(), 1);
        let (topic, partitions) = if is_totals { (&scene.totals, 3) } else { (&scene.rejects, 2) };
        let mut load = Load::new(83, 1);
        scene.produce(load.by_ref().take(2000));
        let mut daemon = scene.daemon();
        scene.work_through(&mut daemon);
        let former = scene.broker.read_committed_all(topic);
        scene.broker.delete_topic(topic);
        scene.broker.create_topic(topic, partitions);
        let revisions = scene.revisions();
        scene.produce(load.by_ref().take(3000));
        for _ in 0..2 {
            daemon.start();
            expect_end(&mut daemon, topic, "deleted and created anew");
        }
        assert_eq!((scene.revisions(), scene.done()), (revisions, 2000));
        accept(&daemon, topic);
        scene.produce(load.end());
        scene.work_through(&mut daemon);
        assert_exact_after(&scene, topic, &former);
    }
}

#[test]
fn topic_of_totals_with_more_partitions_is_not_delivered_to() {
    let scene = Scene::new(Broker::shared(), 1);
    let mut load = Load::new(84, 1);
    scene.produce(load.by_ref().take(2000));
    let mut daemon = scene.daemon();
    daemon.start();
    scene.await_done(&mut daemon);
    scene.broker.grow_topic(&scene.rejects, 4);
    scene.produce(load.by_ref().take(10));
    scene.await_done(&mut daemon);
    let revisions = scene.revisions();
    scene.broker.grow_topic(&scene.totals, 5);
    scene.produce(load.by_ref().take(3000));
    expect_end(&mut daemon, &scene.totals, "it had 3 partitions and now has 5");
    daemon.start();
    expect_end(&mut daemon, &scene.totals, "it had 3 partitions and now has 5");
    assert_eq!((scene.revisions(), scene.done()), (revisions, 2010));
    let former = scene.broker.read_committed_all(&scene.totals);
    accept(&daemon, &scene.totals);
    scene.produce(load.end());
    scene.work_through(&mut daemon);
    assert_exact_after(&scene, &scene.totals, &former);
}

/// The end of the transaction is held up meanwhile: the broker takes it for committed, and what it had is nowhere.
#[test]
fn topic_that_is_created_anew_during_a_transaction_ends_the_program_after_it() {
    let broker = Broker::start_proxied();
    let proxy = Proxy::start(&broker);
    for is_totals in [true, false] {
        let scene = Scene::new(&broker, 1);
        let (topic, partitions) = if is_totals { (&scene.totals, 3) } else { (&scene.rejects, 2) };
        let configuration = scene.configuration(Some("earliest"), "1h");
        let configuration = configuration
            .replace(broker.address(), &proxy.address)
            .replace("\"session.timeout.ms\" = \"3000\"", "\"session.timeout.ms\" = \"45000\"")
            .replace("workers = 2", "workers = 1");
        let mut daemon = Daemon::new(&configuration, DEFINITIONS);
        let mut load = Load::new(85, 1);
        daemon.start();
        scene.produce(load.by_ref().take(2000));
        scene.await_done(&mut daemon);
        proxy.cut(END_TRANSACTION, Cut::Hold);
        scene.produce(load.by_ref().take(2000));
        wait::until("a transaction is to end", WORK_LIMIT, || (proxy.hits() > 0).then_some(()));
        broker.delete_topic(topic);
        broker.create_topic(topic, partitions);
        proxy.let_pass();
        // Nothing more comes, so that there is no further transaction.
        expect_end(&mut daemon, topic, "may be in it, or in neither");
        let said = daemon.said();
        let is_of_totals = said.contains("a correction may come without its first revision");
        assert_eq!(is_of_totals, is_totals, "{said}");
        let counted = scene.done();
        assert!(counted > 2000 || !is_totals, "the transaction was committed: {counted}");
    }
}

/// Nothing was delivered yet: there is nothing that the new ones lack.
#[test]
fn topics_that_are_created_anew_before_anything_is_delivered_are_used() {
    let broker = Broker::shared();
    for is_running in [false, true] {
        let scene = Scene::new(broker, 1);
        let mut daemon = scene.daemon();
        daemon.start();
        await_ready(&scene, &mut daemon);
        if !is_running {
            assert!(daemon.terminate().success());
        }
        let totals_partitions = if is_running { 3 } else { 5 };
        for (topic, partitions) in [(&scene.totals, totals_partitions), (&scene.rejects, 4)] {
            broker.delete_topic(topic);
            broker.create_topic(topic, partitions);
        }
        let mut load = Load::new(86, 1);
        scene.produce(load.by_ref().take(3000));
        scene.produce(load.end());
        if !is_running {
            daemon.start();
        }
        scene.finish(&mut daemon);
        scene.assert_exact(DEFINITIONS);
        // From now on they are what they are.
        broker.delete_topic(&scene.totals);
        broker.create_topic(&scene.totals, totals_partitions);
        daemon.start();
        expect_end(&mut daemon, &scene.totals, "deleted and created anew");
    }
}

/// Each customer's totals go to one partition, which was reckoned with the former number.
#[test]
fn other_partitions_before_anything_is_delivered_take_another_start() {
    let scene = Scene::new(Broker::shared(), 1);
    let mut daemon = scene.daemon();
    daemon.start();
    await_ready(&scene, &mut daemon);
    scene.broker.grow_topic(&scene.totals, 5);
    let mut load = Load::new(87, 1);
    scene.produce(load.by_ref().take(3000));
    assert_eq!(daemon.await_end().code(), Some(1));
    let said = daemon.said();
    let named =
        format!("topic {} has 5 partitions, and had 3 when the process began", scene.totals);
    assert!(said.contains(&named) && said.contains("start again"), "{said}");
    assert_eq!(scene.revisions(), 0);
    scene.produce(load.end());
    scene.work_through(&mut daemon);
    scene.assert_exact(DEFINITIONS);
}

fn await_ready(scene: &Scene<'_>, daemon: &mut Daemon) {
    wait::until("the process is ready", WORK_LIMIT, || {
        daemon.assert_running();
        (http(&scene.admin, "/readyz")?.0 == 200).then_some(())
    });
}

/// What a reader has who read one of the topics before it became another: that is first, whatever is left of it. In which
/// partitions it stands is not asked: their number was another one.
fn assert_exact_after(scene: &Scene<'_>, topic: &str, former: &[Record]) {
    let [totals, rejects] = [&scene.totals, &scene.rejects].map(|own| {
        let before = if own == topic { former } else { &[] };
        let mut records = scene.broker.read_committed_all(own);
        records.retain(|record| !before.contains(record));
        let mut all = [before, &records].concat();
        for record in &mut all {
            record.partition = 0;
        }
        all
    });
    Outcome::of(&totals, &rejects).assert_is(&Outcome::expected(scene, DEFINITIONS));
}

/// Waits until the program has ended and named that topic of its sink, and why, last.
fn expect_end(daemon: &mut Daemon, topic: &str, reason: &str) {
    assert_eq!(daemon.await_end().code(), Some(1));
    let said = daemon.said();
    let last = said.lines().rfind(|line| line.contains("nothing is delivered to topic"));
    let last = last.unwrap_or_else(|| panic!("nothing of it in:\n{said}"));
    for words in [topic, reason, "`odometer state adopt sink-topics` takes the new"] {
        assert!(last.contains(words), "no {words} in: {last}");
    }
}

/// The step that it names where the change is meant.
fn accept(daemon: &Daemon, topic: &str) {
    for said in [topic, "nothing is to be done"] {
        let (told, status) = daemon.told(&["state", "adopt"], &["sink-topics", "--yes"]);
        assert_eq!(status, Some(0), "{told}");
        assert!(told.contains(said), "no {said} in: {told}");
    }
}
