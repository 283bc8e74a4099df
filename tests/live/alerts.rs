//! Alerts of the deployment that take a broker to provoke, and the dashboard on what a daemon over Kafka serves.

use std::time::Duration;

use crate::broker::Broker;
use crate::daemon::{Daemon, http_body};
use crate::prometheus::server::{Prometheus, dashboard_queries, without_data};
use crate::prometheus::{History, Scrape};
use crate::proxy::{Cut, END_TRANSACTION, Proxy};
use crate::scene::{Scene, WORK_LIMIT};
use crate::topic::Outgoing;
use crate::upstream::Upstream;
use crate::wait;

const METRICS: &str = r#"{"metrics": [{"code": "c", "aggregation": "count", "period": "minute"}]}"#;

/// An event of a customer of its partition; each fifth one is refused.
fn record(partition: i32, number: u32) -> Outgoing {
    let name = if number % 5 == 4 { "nobody" } else { "customer" };
    let text = format!(
        r#"{{"id":"{partition}-{number}","type":"c","{name}":"{partition}","time":{}}}"#,
        1_709_251_200 + number / 100
    );
    Outgoing::keyed("k", text).to(partition)
}

/// What is served now, where that is so.
fn scraped(scene: &Scene<'_>, is_it: impl FnOnce(&Scrape) -> bool) -> Option<Scrape> {
    Some(Scrape::now(&http_body(&scene.admin, "/metrics")?)).filter(is_it)
}

/// Waits until that is served.
fn await_scrape(
    scene: &Scene<'_>,
    daemon: &mut Daemon,
    what: &str,
    mut is_it: impl FnMut(&Scrape) -> bool,
) -> Scrape {
    wait::until(what, WORK_LIMIT, || {
        daemon.assert_running();
        scraped(scene, &mut is_it)
    })
}

#[test]
fn dashboard_has_data_and_a_healthy_daemon_raises_no_alarm() {
    let scene = Scene::new(Broker::shared(), 2);
    let mut daemon = Daemon::new(&scene.configuration(Some("earliest"), "1s"), METRICS);
    daemon.start();
    await_scrape(&scene, &mut daemon, "it is ready", |scrape| scrape.value("odometer_ready") > 0.0);
    let prometheus = Prometheus::start(&scene.admin);
    let (queries, mut number) = (dashboard_queries(), 0);
    let found = wait::within(WORK_LIMIT, || {
        // Each fifth is refused: these are not.
        scene.produce((0..2).map(|partition| record(partition, number * 5)));
        number += 1;
        wait::pass(Duration::from_millis(200));
        without_data(&prometheus, &queries).is_empty().then_some(())
    });
    assert!(found.is_some(), "no data: {:?}", without_data(&prometheus, &queries));

    scene.await_done(&mut daemon);
    let watermark = |partition: i32| {
        let Scene { usage, .. } = &scene;
        format!(
            "odometer_watermark_timestamp_seconds{{partition=\"{partition}\",topic=\"{usage}\"}}"
        )
    };
    let scrape = await_scrape(&scene, &mut daemon, "the clock moves the watermark", |scrape| {
        (0..2).all(|partition| {
            scrape.age(&watermark(partition)).is_some_and(|seconds| seconds < 60.0)
        }) && scrape.value("odometer_outbox_entries") == 0.0
            && scrape.value("odometer_checkpoint_age_seconds") == 0.0
            && scrape.value("odometer_ready") > 0.0
    });
    History::held(&scrape).assert_fires(&[]);
}

#[test]
fn halted_task_raises_its_alarm() {
    let scene = Scene::new(Broker::shared(), 3);
    scene.produce((0..3).flat_map(|partition| (0..4).map(move |number| record(partition, number))));
    let configuration = scene.configuration(Some("earliest"), "1h");
    let mut daemon = Daemon::new(&configuration, METRICS);
    daemon.start();
    scene.await_done(&mut daemon);
    // Partition 0's customer, in partition 1.
    scene.produce([Outgoing { partition: Some(1), ..record(0, 7) }]);
    let halted = "odometer_tasks{state=\"halted\"}";
    let scrape = await_scrape(&scene, &mut daemon, "two tasks halt", |scrape| {
        scrape.value(halted) > 1.0 && scrape.value("odometer_ready") == 0.0
    });
    History::held(&scrape).assert_fires_at_least(&["OdometerNotReady", "OdometerTaskHalted"]);
}

/// The audit beside the work: what has come since its last look is looked at too.
#[test]
fn total_that_stands_there_twice_raises_the_alarm_of_the_audit() {
    let scene = Scene::new(Broker::shared(), 2);
    let configuration = scene.configuration(Some("earliest"), "1h");
    let configuration = configuration.replace("[rejects]", "audit = true\n[rejects]");
    let mut daemon = Daemon::new(&configuration, METRICS);
    let (trials, _) = daemon.check();
    let is_of_it =
        |line: &String| line.starts_with("ok      sink.audit") && line.contains("may be read");
    assert!(trials.iter().any(is_of_it), "{trials:#?}");
    daemon.start();
    let (revisions, faults) = ("odometer_audit_revisions_total", "odometer_audit_faults_total");
    let mut last = None;
    for round in 0..3_u32 {
        // None of them is refused, and each round closes the minutes of the one before.
        let numbers = (round * 6_000..(round + 1) * 6_000).step_by(200);
        scene.produce(numbers.flat_map(|at| (0..2).map(move |partition| record(partition, at))));
        scene.await_done(&mut daemon);
        let scrape = await_scrape(&scene, &mut daemon, "all totals are looked at", |scrape| {
            scrape.value("odometer_outbox_entries") == 0.0
                && scrape.value("odometer_checkpoint_age_seconds") == 0.0
                && scrape.value("odometer_ready") > 0.0
                && scrape.value(revisions) >= f64::from(2 * round)
                && scrape.value(revisions)
                    >= f64::from(u32::try_from(scene.revisions()).expect("few"))
        });
        last = Some(scrape);
    }
    let sound = last.expect("a scrape");
    for kind in ["lost", "doubled", "disordered", "previous", "delta", "misnamed", "unreadable"] {
        assert_eq!(sound.value(&format!("{faults}{{kind=\"{kind}\"}}")).to_bits(), 0, "{kind}");
    }
    let totals = scene.broker.read_committed_all(&scene.totals);
    let first = totals.first().expect("there are some");
    let again = Outgoing::keyed(first.key_text(), first.text()).to(first.partition);
    scene.broker.produce(&scene.totals, [again]);
    let doubled = format!("{faults}{{kind=\"doubled\"}}");
    let scrape = await_scrape(&scene, &mut daemon, "the second one is found", |scrape| {
        scrape.value(&doubled) > 0.0
    });
    History::held(&scrape).assert_fires_at_least(&["OdometerAuditFaults"]);
    let said = daemon.said();
    let line = said.lines().find(|line| line.contains("a total has a fault")).expect("it is told");
    assert!(line.contains("kind=\"doubled\"") && !line.contains(first.key_text()), "{line}");
    scene.finish(&mut daemon);
}

#[test]
fn records_that_cannot_be_read_raise_the_alarm_of_lag() {
    let scene = Scene::new(Broker::shared(), 1);
    scene.produce([record(0, 0)]);
    let upstream = Upstream::new(scene.broker, &scene.usage);
    upstream.write(&[record(0, 1)]);
    scene.produce((0..2000).map(|number| record(0, 5 * number + 10)));
    let mut daemon = Daemon::new(&scene.configuration(Some("earliest"), "1h"), METRICS);
    daemon.start();
    let lag = format!("odometer_lag_records{{partition=\"0\",topic=\"{}\"}}", scene.usage);
    wait::until("the task is served", WORK_LIMIT, || {
        http_body(&scene.admin, "/metrics").filter(|text| text.contains(&lag))
    });
    let scrape = await_scrape(&scene, &mut daemon, "it stands still before them", |scrape| {
        scrape.value(&lag) > 2000.0 && scrape.value("odometer_ready") == 0.0
    });
    History::held(&scrape).assert_fires(&["OdometerLagRecords", "OdometerNotReady"]);
    upstream.commit();
    scene.finish(&mut daemon);
}

/// On a broker of its own, which is cut off from transactions and then killed.
#[test]
fn broker_in_trouble_raises_the_alarms_of_delivery() {
    let broker = Broker::start_proxied();
    let proxy = Proxy::start(&broker);
    let scene = Scene::new(&broker, 1);
    let configuration = scene
        .configuration(Some("earliest"), "1h")
        .replace(broker.address(), &proxy.address)
        .replace("workers = 2", "workers = 1\nrequest_timeout = \"1s\"")
        .replace("[rejects]", "transaction_timeout = \"10s\"\n[rejects]");
    let mut daemon = Daemon::new(&configuration, METRICS);
    scene.produce([record(0, 0)]);
    daemon.start();
    scene.await_done(&mut daemon);
    ends_of_transactions_are_cut(&scene, &mut daemon, &proxy);
    scene.await_done(&mut daemon);
    broker.kill();
    let errors = "odometer_kafka_errors_total";
    let first = await_scrape(&scene, &mut daemon, "it is told", |scrape| {
        scrape.value(errors) > 0.0 && scrape.value("odometer_ready") == 0.0
    });
    let second = await_scrape(&scene, &mut daemon, "and told again", |scrape| {
        scrape.value(errors) >= first.value(errors) + 3.0
    });
    History::growing(&first, &second)
        .assert_fires_at_least(&["OdometerKafkaErrors", "OdometerNotReady"]);
}

/// The group goes on, but no transaction comes to its end.
fn ends_of_transactions_are_cut(scene: &Scene<'_>, daemon: &mut Daemon, proxy: &Proxy) {
    let in_doubt = "odometer_transactions_total{outcome=\"in_doubt\"}";
    let age = "odometer_checkpoint_age_seconds";
    let mut number = 1;
    let mut await_doubts = |doubts: f64| {
        await_scrape(scene, daemon, "deliveries are in doubt", |scrape| {
            // One that counts, and one that is refused.
            scene.produce([record(0, 5 * number), record(0, 5 * number + 4)]);
            number += 1;
            scrape.value(in_doubt) >= doubts
                && scrape.value("odometer_outbox_entries") > 0.0
                && scrape.value(age) > 0.0
                && scrape.value("odometer_ready") == 0.0
        })
    };
    proxy.cut(END_TRANSACTION, Cut::Before);
    let first = await_doubts(1.0);
    let second = await_doubts(first.value(in_doubt) + 1.0);
    History::growing(&first, &second).assert_fires_at_least(&[
        "OdometerCheckpointOld",
        "OdometerNotReady",
        "OdometerOutboxStuck",
        "OdometerTransactionsInDoubt",
    ]);
    assert!(proxy.let_pass() > 1);
}
