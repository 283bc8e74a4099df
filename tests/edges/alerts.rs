//! Alerts of the deployment, provoked over files: the daemon is taken into each condition, and what it then serves must make
//! the rule fire. What takes a broker is in the tests against one.

use std::fs;

use crate::daemon::{Scene, append, get, listening, pause, text_of, wait_until};
use crate::program::odometer;
use crate::prometheus::server::{Prometheus, dashboard_queries, without_data};
use crate::prometheus::{History, Scrape};

const METRICS: &str = r#"{"metrics": [{"code": "n", "event_type": "t", "aggregation": "count", "period": "minute"}]}"#;

/// Files that are still for that long follow the clock.
fn scene(idle_timeout: &str) -> Scene {
    let scene = Scene::new(METRICS);
    let configuration = Scene::configuration("", "127.0.0.1:0");
    let quick = configuration
        .replace("delay = \"1h\"", "delay = \"0s\"")
        .replace("idle_timeout = \"1h\"", &format!("idle_timeout = {idle_timeout:?}"));
    scene.write("odometer.toml", &quick);
    scene
}

/// Starts the daemon of a scene as it is configured.
fn start(scene: &Scene) -> (crate::daemon::Daemon, String) {
    let known = scene.log().len();
    let daemon = scene.start();
    let address = || crate::daemon::address_in(&scene.log()[known..]);
    wait_until(scene, "it listens", || address().is_some());
    (daemon, address().expect("it listens"))
}

fn events(from: u32, count: u32) -> String {
    let event = |number: u32| {
        let time = 1_767_225_600 + number;
        format!("{{\"id\":\"{number}\",\"type\":\"t\",\"customer\":\"c\",\"time\":{time}}}\n")
    };
    (from..from + count).map(event).collect()
}

fn scrape(address: &str) -> Scrape {
    Scrape::now(&text_of(address, "/metrics"))
}

const WATERMARK: &str = "odometer_watermark_timestamp_seconds{partition=\"0\",topic=\"files\"}";

/// A scrape of a daemon that has stored so many events and lacks nothing.
fn settled(scene: &Scene, address: &str, counted: f64) -> Scrape {
    let mut last = None;
    wait_until(scene, "all is counted and stored", || {
        let scrape = last.insert(scrape(address));
        scrape.value("odometer_records_total{disposition=\"counted\"}") >= counted
            && scrape.value("odometer_tasks{state=\"serving\"}") > 0.0
            && scrape.value("odometer_ready") > 0.0
            && scrape.value("odometer_checkpoint_age_seconds") == 0.0
            && scrape.value("odometer_outbox_entries") == 0.0
            && scrape.value("odometer_lag_bytes") == 0.0
    });
    last.expect("it was looked")
}

/// The same, once the clock has moved its watermark.
fn at_rest(scene: &Scene, address: &str, counted: f64) -> Scrape {
    let mut last = None;
    wait_until(scene, "the clock moves the watermark", || {
        let scrape = last.insert(settled(scene, address, counted));
        scrape.age(WATERMARK).is_some_and(|seconds| seconds < 60.0)
    });
    last.expect("it was looked")
}

#[test]
fn healthy_daemon_raises_no_alarm_and_a_made_imbalance_does() {
    let scene = scene("100ms");
    scene.append("in/a.ndjson", &events(0, 500));
    let (daemon, address) = start(&scene);
    let first = at_rest(&scene, &address, 500.0);
    // Events of now: older ones would be late.
    let now = odometer(["generate", "--events", "300", "--follow", "--rate", "100000"]).output();
    let now = String::from_utf8(now.expect("the program starts").stdout).expect("text");
    scene.append("in/a.ndjson", &now.replace("llm_call", "t"));
    wait_until(&scene, "more is counted", || {
        let read = get(&address, "/v1/usage?metric=n&limit=1").1["as_of"][0]["read"].as_u64();
        read == Some(800)
    });
    let second = at_rest(&scene, &address, 501.0);
    History::held(&first).assert_fires(&[]);
    History::held(&second).assert_fires(&[]);
    History::growing(&first, &second).assert_fires(&[]);
    History::none().assert_fires(&["OdometerAbsent"]);
    // By construction it is 0: no daemon can be taken there.
    let imbalance = "odometer_accounting_imbalance_records";
    assert!(second.value(imbalance) == 0.0);
    History::held(&second.with(imbalance, 3.0)).assert_fires(&["OdometerImbalance"]);
    daemon.terminate(&scene);
}

#[test]
fn compressed_file_without_its_end_raises_the_alarm_of_lag() {
    let scene = scene("1h");
    // The first bytes of a gzip that holds more.
    let head = [0x1f, 0x8b, 8, 0, 0, 0, 0, 0, 0, 3, 0xab, 0x56, 0xca];
    fs::write(scene.path("in/a.ndjson.gz"), head).expect("the folder takes files");
    let (daemon, address) = start(&scene);
    wait_until(&scene, "it lags", || {
        let scrape = scrape(&address);
        scrape.value("odometer_lag_bytes") > 0.0 && scrape.value("odometer_ready") == 0.0
    });
    History::held(&scrape(&address)).assert_fires(&["OdometerLagBytes", "OdometerNotReady"]);
    daemon.terminate(&scene);
}

#[test]
fn bad_events_raise_the_alarm_of_rejects() {
    let scene = scene("100ms");
    scene.append("in/a.ndjson", &events(0, 500));
    let (daemon, address) = start(&scene);
    let first = at_rest(&scene, &address, 500.0);
    scene.append("in/a.ndjson", &"{\"id\":\"no more\"}\n".repeat(20));
    wait_until(&scene, "they are refused", || {
        scrape(&address).value("odometer_rejects_total{reason=\"missing_field\"}") >= 20.0
    });
    let second = at_rest(&scene, &address, 500.0);
    History::growing(&first, &second).assert_fires(&["OdometerRejects"]);
    daemon.terminate(&scene);
}

#[test]
fn event_time_that_stands_still_raises_the_alarm_of_the_watermark() {
    // Old events, and a clock that does not step in.
    let scene = scene("366d");
    scene.append("in/a.ndjson", &events(0, 500));
    let (daemon, address) = start(&scene);
    let scrape = settled(&scene, &address, 500.0);
    History::held(&scrape).assert_fires(&["OdometerWatermarkBehind"]);
    daemon.terminate(&scene);
}

#[test]
fn kills_in_a_row_raise_the_alarm_of_restarts() {
    let scene = scene("100ms");
    scene.append("in/a.ndjson", &events(0, 500));
    let mut scrapes = Vec::new();
    for number in 0..4 {
        let (daemon, address) = start(&scene);
        scrapes.push(at_rest(&scene, &address, if number == 0 { 500.0 } else { 0.0 }));
        daemon.kill();
    }
    History::steps(&scrapes).assert_fires(&["OdometerRestarting"]);
    History::steps(&scrapes[..3]).assert_fires(&[]);
}

/// Also what the dashboard asks of a daemon over files: all of it but the lag of topics has an answer.
#[test]
fn prometheus_scrapes_the_daemon_and_alarms_when_it_has_gone() {
    let scene = Scene::new(METRICS);
    let (daemon, address) = listening(&scene);
    let prometheus = Prometheus::start(&address);
    let queries = dashboard_queries();
    let mut number = 0;
    wait_until(&scene, "every query has data", || {
        append(&scene.path("in/a.ndjson"), &events(number, 100));
        number += 100;
        pause(300);
        let without = without_data(&prometheus, &queries);
        without.iter().all(|query| query.contains("odometer_lag_records"))
    });
    let without = without_data(&prometheus, &queries);
    assert_eq!(without.len(), 1, "{without:?}");
    let rules = prometheus.get("/api/v1/rules").expect("it answers");
    let rules = rules["data"]["groups"][0]["rules"].as_array().expect("rules").clone();
    assert!(rules.len() > 10 && rules.iter().all(|rule| rule["health"] == "ok"), "{rules:?}");
    assert_eq!(prometheus.query("up{job=\"odometer\"}"), Some(vec![1.0]));

    daemon.terminate(&scene);
    let up = || prometheus.query("up{job=\"odometer\"}").and_then(|values| values.first().copied());
    wait_until(&scene, "Prometheus notices", || up() == Some(0.0));
    History::up(up().expect("a value")).assert_fires(&["OdometerDown"]);
}
