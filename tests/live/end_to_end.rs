//! Events of every kind through the program, once and without faults from outside.

use std::fs;
use std::path::Path;

use crate::broker::Broker;
use crate::daemon::{Daemon, http_body};
use crate::judgement::Outcome;
use crate::load::{DEFINITIONS, Load};
use crate::scene::{Scene, WORK_LIMIT};
use crate::topic::{Outgoing, Record};
use crate::wait;

#[test]
fn every_aggregation_over_four_partitions_equals_the_oracle() {
    let scene = Scene::new(Broker::shared(), 4);
    let mut load = Load::new(1, 4);
    scene.produce(load.by_ref().take(20_000));
    scene.produce(load.end());
    let mut daemon = scene.daemon();
    daemon.start();
    scene.await_done(&mut daemon);
    let series = http_body(&scene.admin, "/metrics").expect("the admin listener answers");
    assert!(daemon.terminate().success());
    scene.assert_exact(DEFINITIONS);

    assert_eq!(sum_of(&series, "odometer_records_total"), 20_004, "every record has one end");
    assert_eq!(sum_of(&series, "odometer_accounting_imbalance_records"), 0);
}

#[test]
fn group_goes_on_where_it_ended() {
    let scene = Scene { shows_offsets: true, ..Scene::new(Broker::shared(), 2) };
    let mut load = Load::new(2, 2);
    let mut daemon = scene.daemon();
    for _ in 0..3 {
        scene.produce(load.by_ref().take(3000));
        scene.work_through(&mut daemon);
    }
    scene.produce(load.end());
    scene.work_through(&mut daemon);
    scene.assert_exact(DEFINITIONS);
    let totals = scene.broker.read_committed_all(&scene.totals);
    let is_said = |total: &&Record| total.text().contains(r#","first_offset":"#);
    assert_eq!(totals.iter().filter(is_said).count(), totals.len(), "every total says its offsets");
}

#[test]
fn offsets_name_the_commit_that_they_belong_to() {
    let scene = Scene::new(Broker::shared(), 2);
    let mut load = Load::new(3, 2);
    scene.produce(load.by_ref().take(1000));
    let mut daemon = scene.daemon();
    daemon.start();
    scene.await_done(&mut daemon);
    let offsets = scene.broker.committed_offsets(&scene.group, &scene.usage);
    let metadata: Vec<String> = offsets.into_iter().flatten().map(|(_, text)| text).collect();
    assert_eq!(metadata.len(), 2);
    assert!(metadata.iter().all(|text| !text.is_empty()) && metadata[0] != metadata[1]);
}

#[test]
fn quiet_customer_is_billed_by_the_clock() {
    let scene = Scene::new(Broker::shared(), 2);
    let minutely = r#"{"metrics": [{"code": "c", "aggregation": "count", "period": "minute"}]}"#;
    let event = r#"{"id":"1","type":"c","customer":"a","time":"2024-03-01T00:00:00Z"}"#;
    scene.produce([Outgoing::keyed("a", event)]);
    let configuration = scene.configuration(Some("earliest"), "2s");
    let mut daemon = Daemon::new(&configuration, minutely);
    daemon.start();
    wait::until("the minute is closed", WORK_LIMIT, || {
        daemon.assert_running();
        (scene.revisions() == 1).then_some(())
    });
}

/// More than one slice of closing takes, all due by the last record that comes.
#[test]
fn periods_are_closed_though_no_record_follows() {
    const CUSTOMERS: usize = 45_000;
    let scene = Scene::new(Broker::shared(), 1);
    let minutely = r#"{"metrics": [{"code": "c", "aggregation": "count", "period": "minute"}]}"#;
    let event = |customer: usize, time: &str| {
        let text =
            format!(r#"{{"id":"{customer}","type":"c","customer":"{customer}","time":"{time}"}}"#);
        Outgoing::keyed("all", text)
    };
    scene.produce((0..CUSTOMERS).map(|customer| event(customer, "2024-03-01T00:00:00Z")));
    scene.produce([event(CUSTOMERS, "2024-03-01T00:01:00Z")]);
    let mut daemon = Daemon::new(&scene.configuration(Some("earliest"), "1h"), minutely);
    daemon.start();
    wait::until("every minute is closed", WORK_LIMIT, || {
        daemon.assert_running();
        (scene.revisions() == CUSTOMERS).then_some(())
    });
}

/// The real stream of `shared/data`, where it lies beside the clone.
#[test]
fn real_usage_stream_has_the_known_totals() {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("../shared/data/azure-llm-2023");
    let Ok(packed) = fs::File::open(folder.join("events.ndjson.gz")) else {
        eprintln!("not here: {}", folder.display());
        return;
    };
    let events = std::io::read_to_string(flate2::read::GzDecoder::new(packed)).expect("gzip text");
    let metrics = fs::read_to_string(folder.join("metrics.json")).expect("metrics");
    let expected = fs::read_to_string(folder.join("expected-totals.ndjson")).expect("totals");

    let scene = Scene::new(Broker::shared(), 1);
    scene.produce(events.lines().map(|line| Outgoing::keyed("all", line)));
    let end = r#"{"id":"end","type":"end","customer":"end","time":"2025-12-31T00:00:00Z"}"#;
    scene.produce([Outgoing::keyed("all", end)]);
    let mut daemon = Daemon::new(&scene.configuration(Some("earliest"), "1h"), &metrics);
    scene.work_through(&mut daemon);

    Outcome::found(&scene).assert_is(&Outcome::stated(&expected));
}

/// The sum of a series over its labels, from Prometheus's text.
fn sum_of(series: &str, name: &str) -> i64 {
    (series.lines())
        .filter(|line| line.strip_prefix(name).is_some_and(|rest| rest.starts_with(['{', ' '])))
        .map(|line| {
            line.rsplit(' ').next().expect("a value").parse::<i64>().expect("a whole number")
        })
        .sum()
}
