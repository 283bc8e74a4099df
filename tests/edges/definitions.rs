//! Definitions that change while the daemon works: over the listener and in files, with kills at any moment.

use std::collections::BTreeMap;
use std::fs;

use serde_json::{Value, json};

use crate::daemon::{Daemon, Scene, address_in, get, pause, wait_until};

/// A metric that folds nothing: asked for, it says what was read.
const ANCHOR: &str =
    r#"{"metrics":[{"code":"anchor","event_type":"never","aggregation":"count"}]}"#;

/// An hour of event time, in seconds.
const HOUR: u64 = 3_600;

/// A daemon that takes events of any time, over a file of definitions.
fn scene(metrics: &str) -> Scene {
    let scene = Scene::new(metrics);
    let text = Scene::configuration("", "127.0.0.1:0")
        .replace("idle_timeout = \"1h\"", "idle_timeout = \"1h\"\nmax_future_skew = \"366d\"")
        .replace("[metrics]\n", "[metrics]\ndefinition_lead = \"1s\"\n");
    scene.write("odometer.toml", &text);
    scene
}

fn started(scene: &Scene) -> (Daemon, String) {
    fs::remove_file(scene.path("log")).ok();
    let daemon = scene.start();
    wait_until(scene, "it runs", || scene.log().contains("odometer runs"));
    let address = address_in(&scene.log()).expect("it listens");
    (daemon, address)
}

fn call(address: &str, line: &str, body: &Value) -> (u16, Value) {
    let text = if body.is_null() { String::new() } else { body.to_string() };
    let (status, answer) = crate::daemon::answer(address, line, &text);
    (status, serde_json::from_str(&answer).unwrap_or(Value::Null))
}

/// Whole seconds of the epoch as RFC 3339.
fn instant(seconds: u64) -> String {
    odometer::model::EventTime::from_micros(i64::try_from(seconds).expect("small") * 1_000_000)
        .to_string()
}

fn seconds(text: &str) -> u64 {
    let time = odometer::model::EventTime::parse_rfc3339(text).expect("an instant");
    u64::try_from(time.micros() / 1_000_000).expect("after the epoch")
}

fn event(number: u64, kind: &str, time: u64) -> String {
    let time = instant(time);
    let (one, other) = (number % 7, number % 11);
    format!(
        "{{\"id\":\"e{number}\",\"type\":\"{kind}\",\"customer\":\"c{}\",\"time\":\"{time}\",\"properties\":{{\"p0\":{one},\"p1\":{other},\"p2\":1}}}}\n",
        number % 3
    )
}

/// How many events the last commit has read.
fn events_read(address: &str) -> u64 {
    let (status, page) = get(address, "/v1/usage?metric=anchor");
    assert_eq!(status, 200, "{page}");
    page["as_of"][0]["read"].as_u64().unwrap_or(0)
}

/// Repeatable dice.
struct Dice(u64);

impl Dice {
    fn below(&mut self, limit: u64) -> u64 {
        self.0 =
            self.0.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        (self.0 >> 33) % limit
    }
}

/// What the test knows of a metric.
#[derive(Default)]
struct Known {
    generation: u64,
    /// Numbers of the events between which it folds.
    first: u64,
    last: Option<u64>,
    /// Property that is summed, from when on.
    versions: Vec<(u64, String)>,
}

impl Known {
    fn property_at(&self, number: u64, time: u64) -> Option<&str> {
        let is_alive = number >= self.first && self.last.is_none_or(|last| number < last);
        let version = self.versions.iter().rev().find(|(begin, _)| *begin <= time);
        version.filter(|_| is_alive).map(|(_, property)| property.as_str())
    }
}

/// Kills and starts the daemon anew, every now and then.
fn perhaps_killed(
    scene: &Scene,
    dice: &mut Dice,
    (daemon, address): (Daemon, String),
) -> (Daemon, String) {
    if dice.below(3) > 0 {
        return (daemon, address);
    }
    pause(dice.below(60));
    daemon.kill();
    started(scene)
}

#[test]
#[expect(clippy::disallowed_methods, reason = "versions count from behind the clock on")]
fn totals_are_those_of_the_definitions_that_counted_when_events_were_read() {
    let scene = scene(ANCHOR);
    let mut dice = Dice(7);
    let now = std::time::SystemTime::now().duration_since(std::time::UNIX_EPOCH);
    let start = now.expect("after the epoch").as_secs() / HOUR * HOUR + HOUR;
    let mut metrics: Vec<Known> = Vec::new();
    let mut events: Vec<(u64, u64)> = Vec::new();
    let mut running = started(&scene);
    let mut time = start;
    for _ in 0..25 {
        let mut text = String::new();
        for _ in 0..=dice.below(40) {
            let number = events.len() as u64;
            time += dice.below(600);
            // Some come late, and correct what was closed.
            let own =
                if dice.below(5) == 0 { time.saturating_sub(dice.below(5 * HOUR)) } else { time };
            let own = own.max(start);
            events.push((number, own));
            text.push_str(&event(number, "k", own));
        }
        scene.append("in/events.ndjson", &text);
        running = perhaps_killed(&scene, &mut dice, running);
        let (_, address) = &running;
        // What is read is folded by what is defined: all of it must be read before that changes.
        let done = events.len() as u64;
        wait_until(&scene, "all is read", || events_read(address) == done);
        let alive = metrics.last().is_some_and(|metric| metric.last.is_none());
        match (alive, dice.below(4)) {
            (false, _) => {
                let property = format!("p{}", dice.below(3));
                let body = json!({"code": "m", "event_type": "k", "aggregation": "sum", "period": "hour",
                    "value": format!("properties.{property}")});
                let (status, made) = call(address, "POST /v1/metrics", &body);
                assert_eq!(status, 201, "{made}");
                let generation = made["generation"].as_u64().expect("a number");
                let versions = vec![(0, property)];
                metrics.push(Known { generation, first: done, last: None, versions });
            }
            (true, 0) => {
                assert_eq!(call(address, "DELETE /v1/metrics/m", &Value::Null).0, 204);
                metrics.last_mut().expect("one lives").last = Some(done);
            }
            (true, 1 | 2) => {
                let known = metrics.last_mut().expect("one lives");
                let property = format!("p{}", dice.below(3));
                let body = json!({"value": format!("properties.{property}"), "version": known.versions.len()});
                let (status, changed) = call(address, "PATCH /v1/metrics/m", &body);
                assert_eq!(status, 200, "{changed}");
                if let Some(begin) = changed["change"]["counts_from"].as_str() {
                    let begin = seconds(begin);
                    assert!(begin > time, "it begins behind all that was read");
                    known.versions.push((begin, property));
                }
            }
            (true, _) => {
                let name = json!({"name": format!("n{done}"), "grace": if dice.below(2) == 0 { "0s" } else { "2h" }});
                let (status, changed) = call(address, "PATCH /v1/metrics/m", &name);
                assert_eq!((status, &changed["change"]["outcome"]), (200, &"described".into()));
            }
        }
        running = perhaps_killed(&scene, &mut dice, running);
    }
    // An event far ahead closes all.
    let number = events.len() as u64;
    scene.append("in/events.ndjson", &event(number, "other", time + 30 * 24 * HOUR));
    let mut expected: BTreeMap<(u64, u64, u64), u64> = BTreeMap::new();
    for (number, own) in &events {
        for metric in &metrics {
            if let Some(property) = metric.property_at(*number, *own) {
                let value = match property {
                    "p0" => number % 7,
                    "p1" => number % 11,
                    _ => 1,
                };
                *expected.entry((metric.generation, number % 3, own / HOUR * HOUR)).or_default() +=
                    value;
            }
        }
    }
    assert!(metrics.len() > 1 && metrics.iter().any(|metric| metric.versions.len() > 1));
    wait_until(&scene, "all is closed", || newest(&scene).len() == expected.len());
    running.0.terminate(&scene);
    assert_eq!(newest(&scene), expected);
}

#[test]
fn definition_files_are_read_again_whole_or_not_at_all() {
    let scene = scene(ANCHOR);
    let (daemon, address) = started(&scene);
    let codes = || -> Vec<String> {
        let (_, page) = get(&address, "/v1/metrics");
        let metrics = page["metrics"].as_array().expect("a list").clone();
        metrics.iter().filter_map(|metric| metric["code"].as_str().map(str::to_owned)).collect()
    };
    assert_eq!(codes(), ["anchor"]);
    let second = ANCHOR.replace(
        "]}",
        r#",{"code":"second","event_type":"k","aggregation":"count","period":"hour"}]}"#,
    );
    scene.write("metrics.json", &second);
    wait_until(&scene, "the file is read again", || codes() == ["anchor", "second"]);
    scene.append("in/a.ndjson", &event(1, "k", 1_767_225_600));
    wait_until(&scene, "it is counted", || {
        let (_, page) = get(&address, "/v1/usage?metric=second");
        page["totals"][0]["value"] == "1"
    });
    // A fault of one entry keeps all of them.
    let broken = second
        .replace("\"aggregation\":\"count\",\"period\"", "\"aggregation\":\"sum\",\"period\"");
    assert_ne!(broken, second);
    scene.write("metrics.json", &broken);
    let warned = || get(&address, "/readyz").1["warnings"][0]["reason"].as_str().map(str::to_owned);
    wait_until(&scene, "it is told", || warned().is_some());
    let reason = warned().expect("it is told");
    assert!(reason.contains("those before still count") && reason.contains("value"), "{reason}");
    assert_eq!(get(&address, "/readyz").0, 200, "it works on");
    assert_eq!(codes(), ["anchor", "second"]);
    let (_, text) = crate::daemon::answer(&address, "GET /metrics", "");
    assert!(text.contains("odometer_definition_reloads_total{outcome=\"refused\"} 1"), "{text}");
    // Another meaning in place would change what is counted.
    scene.write("metrics.json", &second.replace("\"k\"", "\"l\""));
    wait_until(&scene, "it is told", || {
        warned().is_some_and(|reason| reason.contains("changed its meaning"))
    });
    // What goes is closed, also after a restart, and its code is free for others.
    scene.write("metrics.json", ANCHOR);
    wait_until(&scene, "it is gone", || codes() == ["anchor"] && warned().is_none());
    daemon.kill();
    let (daemon, address) = started(&scene);
    let body =
        json!({"code": "second", "event_type": "k", "aggregation": "count", "period": "hour"});
    let (status, made) = call(&address, "POST /v1/metrics", &body);
    assert_eq!((status, &made["generation"]), (201, &2.into()), "{made}");
    scene.append("in/a.ndjson", &event(2, "k", 1_767_225_600));
    scene.append("in/a.ndjson", &event(3, "l", 1_767_225_600 + 30 * 24 * HOUR));
    wait_until(&scene, "both are closed", || newest(&scene).len() == 2);
    daemon.terminate(&scene);
    let expected: Vec<_> =
        newest(&scene).into_iter().map(|((generation, ..), value)| (generation, value)).collect();
    assert_eq!(expected, [(1, 1), (2, 1)]);
}

#[test]
fn deleted_metric_bills_no_further_and_a_file_may_take_its_code() {
    let scene = scene(ANCHOR);
    let (daemon, address) = started(&scene);
    let body = json!({"code": "second", "event_type": "k", "aggregation": "sum", "value": "properties.p2",
        "period": "day", "recurring": true});
    let (status, made) = call(&address, "POST /v1/metrics", &body);
    assert_eq!(status, 201, "{made}");
    let now = seconds(made["created_at"].as_str().expect("an instant"));
    scene.append("in/a.ndjson", &event(1, "k", now));
    wait_until(&scene, "it is counted", || events_read(&address) == 1);
    assert_eq!(call(&address, "DELETE /v1/metrics/second", &Value::Null).0, 204);
    // Its open periods are still to be billed.
    let usage = |address: &str, query: &str| {
        get(address, &format!("/v1/usage?metric=second{query}&from={}", instant(now)))
    };
    let (status, deleted) = usage(&address, "");
    assert_eq!((status, &deleted["totals"][0]["value"]), (200, &"1".into()), "{deleted}");
    let taken = ANCHOR.replace(
        "]}",
        r#",{"code":"second","event_type":"k","aggregation":"count","period":"hour"}]}"#,
    );
    scene.write("metrics.json", &taken);
    let generation = |address: &str| get(address, "/v1/metrics/second").1["generation"].clone();
    wait_until(&scene, "the file is taken", || generation(&address) == 2);
    daemon.kill();
    let (daemon, address) = started(&scene);
    assert_eq!(generation(&address), 2);
    let (status, first) = usage(&address, "&generation=1");
    assert_eq!((status, &first["totals"][0]["value"]), (200, &"1".into()), "{first}");
    let (status, newest_one) = usage(&address, "");
    assert_eq!((status, &newest_one["totals"]), (200, &json!([])), "{newest_one}");
    assert_eq!(usage(&address, "&generation=3").0, 404);
    let (status, history) = get(&address, "/v1/metrics/second/versions?generation=1");
    assert_eq!((status, &history["audit"][1]["what"]), (200, &"deleted".into()), "{history}");
    scene.append("in/a.ndjson", &event(2, "k", now));
    scene.append("in/a.ndjson", &event(3, "other", now + 300 * 24 * HOUR));
    wait_until(&scene, "what is made anew is closed", || {
        newest(&scene).keys().any(|(generation, ..)| *generation == 2)
    });
    daemon.terminate(&scene);
    let mut own = 0;
    for ((generation, _, start), value) in newest(&scene) {
        assert_eq!(value, 1);
        if generation == 1 {
            own += 1;
            assert!(start <= now + 24 * HOUR, "carried past its end: {start}");
        }
    }
    assert!((1..=2).contains(&own), "the day in which it was deleted, and perhaps the one before");
}

#[test]
fn definitions_that_were_lost_are_missed() {
    let scene = scene(ANCHOR);
    let (daemon, address) = started(&scene);
    let body = json!({"code": "m", "event_type": "k", "aggregation": "count"});
    assert_eq!(call(&address, "POST /v1/metrics", &body).0, 201);
    scene.append("in/a.ndjson", &event(1, "k", 1_767_225_600));
    wait_until(&scene, "it is counted", || events_read(&address) == 1);
    daemon.terminate(&scene);
    let journal = scene.path("state/definitions.ndjson");
    let text = fs::read_to_string(&journal).expect("it is kept");
    fs::write(&journal, "").expect("it is emptied");
    fs::remove_file(scene.path("log")).expect("a log");
    scene.start().expect_end(&scene, 1);
    let told = "the state was made by definitions of revision 1, and those that are kept are of revision 0";
    assert!(scene.log().contains(told), "{}", scene.log());
    fs::write(&journal, "{}\n").expect("it is spoilt");
    fs::remove_file(scene.path("log")).expect("a log");
    scene.start().expect_end(&scene, 1);
    assert!(
        scene.log().contains("definitions.ndjson:1: no definition that this program wrote"),
        "{}",
        scene.log()
    );
    fs::write(&journal, text).expect("it is back");
    let (daemon, address) = started(&scene);
    assert_eq!(get(&address, "/v1/metrics/m").0, 200);
    daemon.terminate(&scene);
}

/// The newest value of each total: generation, customer, start.
fn newest(scene: &Scene) -> BTreeMap<(u64, u64, u64), u64> {
    let mut newest: BTreeMap<(u64, u64, u64), (u64, u64)> = BTreeMap::new();
    for total in scene.lines("totals") {
        let customer = total["customer"].as_str().and_then(|name| name[1..].parse().ok());
        let generation = total["metric_generation"].as_u64().expect("a number");
        let period = seconds(total["period"]["start"].as_str().expect("an instant"));
        let key = (generation, customer.expect("c and a number"), period);
        let revision = total["revision"].as_u64().expect("a number");
        let before = newest.get(&key).map_or(0, |(revision, _)| *revision);
        assert_eq!(revision, before + 1, "{total}");
        let value = total["value"].as_str().and_then(|value| value.parse().ok());
        newest.insert(key, (revision, value.expect("a whole number")));
    }
    newest.into_iter().map(|(key, (_, value))| (key, value)).collect()
}
