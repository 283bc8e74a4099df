//! Exactly once, shown on a real broker: the program is killed at random moments under load.

use std::collections::BTreeMap;
use std::time::Duration;

use serde_json::Value;

use crate::broker::Broker;
use crate::daemon::Daemon;
use crate::topic::{Outgoing, unique};
use crate::wait;

const LIMIT: Duration = Duration::from_secs(180);

struct Setup {
    events: String,
    totals: String,
    rejects: String,
    group: String,
}

fn setup(broker: &Broker, name: &str, partitions: i32) -> (Setup, Daemon) {
    let setup = Setup {
        events: unique(&format!("{name}-events")),
        totals: unique(&format!("{name}-totals")),
        rejects: unique(&format!("{name}-rejects")),
        group: unique(&format!("{name}-group")),
    };
    broker.create_topic(&setup.events, partitions);
    broker.create_topic(&setup.totals, 3);
    broker.create_topic(&setup.rejects, 1);
    let daemon = Daemon::new(&configuration(broker, &setup));
    daemon.write("metrics.toml", METRICS);
    (setup, daemon)
}

fn configuration(broker: &Broker, setup: &Setup) -> String {
    let Setup { events, totals, rejects, group } = setup;
    let address = broker.address();
    format!(
        r#"
[source]
kind = "kafka"
topics = ["{events}"]
group_id = "{group}"
start_from = "earliest"
workers = 2
[source.kafka.properties]
"bootstrap.servers" = "{address}"
"session.timeout.ms" = "6000"
"heartbeat.interval.ms" = "500"
[sink]
topic = "{totals}"
[rejects]
topic = "{rejects}"
[state]
directory = "state"
commit_interval = "200ms"
[metrics]
files = ["metrics.toml"]
[admin]
address = "127.0.0.1:0"
"#
    )
}

const METRICS: &str = r#"
[[metrics]]
code = "tokens"
event_type = "call"
aggregation = "sum"
value = "properties.n"
period = "hour"
[[metrics]]
code = "calls"
event_type = "call"
aggregation = "count"
period = "day"
group_by = ["model"]
"#;

/// Event number `n` of a customer: every 7th repeats the one before, every 11th comes an hour and a half late,
/// every 13th has a value that is no number.
fn event(customer: usize, n: usize) -> String {
    let id = if n % 7 == 6 { n - 1 } else { n };
    let late = if n % 11 == 10 { 90 } else { 0 };
    let minutes = (n as i64) * 3 - late;
    let start = odometer::model::EventTime::parse_rfc3339("2026-03-01T00:00:00Z").expect("an instant");
    let time = start.saturating_add(odometer::model::Span::from_seconds(minutes.max(0) * 60));
    let value = if n % 13 == 12 { "\"x\"".to_owned() } else { n.to_string() };
    format!(
        r#"{{"id":"c{customer}-{id}","type":"call","customer":"c{customer}","time":"{time}","properties":{{"n":{value},"model":"m{}"}}}}"#,
        n % 3
    )
}

#[test]
fn killed_at_random_moments_under_load_every_revision_is_delivered_once() {
    let broker = Broker::shared();
    let (setup, mut daemon) = setup(broker, "kill", 4);
    let mut model: BTreeMap<i32, Vec<String>> = BTreeMap::new();
    let customers = 12;
    let mut produced = 0;
    let mut random = 0x9E37_79B9_u64;
    for round in 0..22 {
        let mut batch = Vec::new();
        for n in round * 40..(round + 1) * 40 {
            for customer in 0..customers {
                let partition = (customer % 4) as i32;
                let text = event(customer, n);
                model.entry(partition).or_default().push(text.clone());
                batch.push(Outgoing::keyed(&format!("c{customer}"), text).to(partition));
            }
        }
        produced += batch.len();
        daemon.start();
        broker.produce(&setup.events, batch);
        random = random.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        let pause = Duration::from_millis(300 + (random >> 33) % 2500);
        let moment = wait::Deadline::after(pause);
        wait::until("the moment to kill", LIMIT, || {
            daemon.assert_running();
            moment.has_passed().then_some(())
        });
        daemon.kill();
    }
    daemon.start();
    wait::until("everything to be read", LIMIT, || {
        daemon.assert_running();
        let done = broker.committed_records(&setup.group, &setup.events);
        (done >= produced as i64).then_some(())
    });
    let status = daemon.terminate();
    assert!(status.success(), "{status}: {}", daemon.said());
    check(broker, &setup, &model);
}

/// What must come out, worked out from all events at once.
fn check(broker: &Broker, setup: &Setup, model: &BTreeMap<i32, Vec<String>>) {
    let mut last: BTreeMap<String, (u64, String, u64)> = BTreeMap::new();
    for record in broker.read_committed_all(&setup.totals) {
        let body: Value = serde_json::from_str(record.text()).expect("a total is JSON");
        let revision = body["revision"].as_u64().expect("a revision");
        let known = last.get(record.key_text()).map_or(0, |known| known.0);
        assert_eq!(revision, known + 1, "revisions of {} in order, each once", record.key_text());
        let value = body["value"].as_str().expect("a value").to_owned();
        let events = body["events"].as_u64().expect("a count");
        last.insert(record.key_text().to_owned(), (revision, value, events));
    }
    let mut expected: BTreeMap<String, (i64, u64)> = BTreeMap::new();
    let mut rejected = 0;
    for events in model.values() {
        let mut seen = std::collections::BTreeSet::new();
        let mut greatest = String::new();
        let mut open: Vec<(String, String, String, i64)> = Vec::new();
        for text in events {
            let event: Value = serde_json::from_str(text).expect("JSON");
            let time = event["time"].as_str().expect("a time").to_owned();
            greatest = greatest.max(time.clone());
            if !seen.insert(event["id"].as_str().expect("an id").to_owned()) {
                continue;
            }
            let customer = event["customer"].as_str().expect("a customer");
            let model = event["properties"]["model"].as_str().expect("a model");
            open.push((format!("default/calls/{customer}/model={model}"), time.clone(), "day".into(), 1));
            match event["properties"]["n"].as_i64() {
                Some(n) => open.push((format!("default/tokens/{customer}/"), time, "hour".into(), n)),
                None => rejected += 1,
            }
        }
        for (key, time, unit, value) in open {
            let start = if unit == "day" { format!("{}T00:00:00Z", &time[..10]) } else { format!("{}:00:00Z", &time[..13]) };
            let is_due = if unit == "day" { time[..10] < greatest[..10] } else { time[..13] < greatest[..13] };
            if is_due {
                let entry = expected.entry(format!("{key}/{}", start.replace(':', "%3A"))).or_insert((0, 0));
                entry.0 += value;
                entry.1 += 1;
            }
        }
    }
    let found: BTreeMap<String, (i64, u64)> = last
        .into_iter()
        .map(|(key, (_, value, events))| (key, (value.parse().expect("whole"), events)))
        .collect();
    for (key, wanted) in &expected {
        assert_eq!(found.get(key), Some(wanted), "{key}");
    }
    assert_eq!(found.len(), expected.len(), "no total too many");
    let rejects = broker.read_committed_all(&setup.rejects);
    assert_eq!(rejects.len(), rejected, "each reject once");
}
