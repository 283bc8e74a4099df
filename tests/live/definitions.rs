//! Definitions over the listener of daemons that work on Kafka: kept in a topic, shared, and never half made.

use std::io::{Read, Write};
use std::net::TcpStream;
use std::time::Duration;

use serde_json::{Value, json};

use crate::broker::Broker;
use crate::daemon::Daemon;
use crate::scene::{Scene, WORK_LIMIT};
use crate::topic::Outgoing;
use crate::wait;

const ANCHOR: &str =
    r#"{"metrics":[{"code":"anchor","event_type":"never","aggregation":"count"}]}"#;

/// One call of the listener; `None`: nothing answers.
pub(crate) fn call(address: &str, line: &str, body: &Value) -> Option<(u16, Value)> {
    let mut stream = TcpStream::connect(address).ok()?;
    stream.set_read_timeout(Some(Duration::from_secs(120))).ok()?;
    let text = if body.is_null() { String::new() } else { body.to_string() };
    let length = text.len();
    write!(
        stream,
        "{line} HTTP/1.1\r\nHost: o\r\nConnection: close\r\nContent-Length: {length}\r\n\r\n{text}"
    )
    .ok()?;
    let mut answer = String::new();
    stream.read_to_string(&mut answer).ok()?;
    let (head, body) = answer.split_once("\r\n\r\n")?;
    let status = head.split(' ').nth(1)?.parse().ok()?;
    Some((status, serde_json::from_str(body).unwrap_or(Value::Null)))
}

/// The answer, once the daemon listens and its workers work.
pub(crate) fn answered(scene: &Scene<'_>, line: &str, body: &Value) -> (u16, Value) {
    wait::until("an answer", WORK_LIMIT, || {
        call(&scene.admin, line, body).filter(|(status, _)| *status != 503)
    })
}

fn metric(code: &str) -> Value {
    json!({"code": code, "event_type": "k", "aggregation": "count", "period": "hour"})
}

fn event(number: u64, kind: &str, hour: u64) -> Outgoing {
    let text = format!(
        r#"{{"id":"e{number}","type":"{kind}","customer":"c{}","time":"2026-03-01T{hour:02}:00:00Z"}}"#,
        number % 5
    );
    Outgoing::keyed(&format!("c{}", number % 5), text)
}

fn started(scene: &Scene<'_>) -> Daemon {
    let mut daemon = Daemon::new(&scene.configuration(Some("earliest"), "1h"), ANCHOR);
    daemon.start();
    daemon
}

#[test]
fn metrics_made_over_the_listener_count_until_they_are_deleted() {
    let scene = Scene::new(Broker::shared(), 2);
    let mut daemon = started(&scene);
    scene.produce((0..50).map(|number| event(number, "k", 1)));
    scene.await_done(&mut daemon);
    let (status, made) = answered(&scene, "POST /v1/metrics", &metric("m"));
    assert_eq!(status, 201, "{made}");
    scene.produce((100..170).map(|number| event(number, "k", 2)));
    scene.await_done(&mut daemon);
    daemon.kill();
    daemon.start();
    assert_eq!(
        answered(&scene, "GET /v1/metrics/m", &Value::Null).0,
        200,
        "it outlasts the process"
    );
    scene.produce((200..230).map(|number| event(number, "k", 3)));
    scene.await_done(&mut daemon);
    assert_eq!(answered(&scene, "DELETE /v1/metrics/m", &Value::Null).0, 204);
    scene.produce((300..340).map(|number| event(number, "k", 3)));
    let last = |number: u64| {
        let text = format!(
            r#"{{"id":"z{number}","type":"never","customer":"c{}","time":"2026-03-03T00:00:00Z"}}"#,
            number % 5
        );
        Outgoing::keyed(&format!("c{}", number % 5), text)
    };
    scene.produce((0..5).map(last));
    scene.finish(&mut daemon);
    let totals = scene.broker.read_committed_all(&scene.totals);
    let mut counted = std::collections::BTreeMap::new();
    for record in &totals {
        let total: Value = serde_json::from_str(record.text()).expect("a total is JSON");
        assert_eq!(total["revision"], 1, "{total}");
        if total["metric"] == "m" {
            let events = total["events"].as_u64().expect("a count");
            let start = total["period"]["start"].as_str().expect("an instant").to_owned();
            *counted.entry(start).or_insert(0) += events;
        }
    }
    let counted: Vec<_> = counted.into_iter().collect();
    let hour = |hour: u64| format!("2026-03-01T{hour:02}:00:00Z");
    assert_eq!(counted, [(hour(2), 70), (hour(3), 30)]);
}

#[test]
fn two_listeners_lose_nothing_of_each_other() {
    let broker = Broker::shared();
    let (one, other) = (Scene::new(broker, 1), Scene::new(broker, 1));
    let shared = format!("{}-definitions", one.totals);
    let mut first = started(&one);
    let configuration = other.configuration(Some("earliest"), "1h");
    let own = format!("{}-definitions", other.totals);
    assert!(configuration.contains(&own));
    let mut second = Daemon::new(&configuration.replace(&own, &shared), ANCHOR);
    second.start();
    // Until its workers have begun a listener changes nothing.
    for scene in [&one, &other] {
        wait::until("it is ready", WORK_LIMIT, || {
            call(&scene.admin, "GET /readyz", &Value::Null).filter(|(status, _)| *status == 200)
        });
    }
    let codes: Vec<String> = (0..12).map(|number| format!("m{number}")).collect();
    let made: Vec<Vec<u16>> = std::thread::scope(|scope| {
        let workers = [&one, &other].map(|scene| {
            let codes = &codes;
            // Who overtakes the other makes it try again, and fail never.
            let make = |code: &String| {
                let answer = call(&scene.admin, "POST /v1/metrics", &metric(code));
                answer.map_or(0, |(status, _)| status)
            };
            scope.spawn(move || codes.iter().map(make).collect())
        });
        workers.map(|worker| worker.join().expect("no panic")).into_iter().collect()
    });
    for (place, code) in codes.iter().enumerate() {
        let mut both: Vec<u16> = made.iter().map(|statuses| statuses[place]).collect();
        both.sort_unstable();
        assert_eq!(both, [201, 409], "{code}");
    }
    for scene in [&one, &other] {
        wait::until("each knows what the other made", WORK_LIMIT, || {
            let (_, page) = call(&scene.admin, "GET /v1/metrics", &Value::Null)?;
            (page["metrics"].as_array()?.len() == codes.len() + 1).then_some(())
        });
    }
    // Both saw version 1, and one of them only makes the second.
    let patch = |scene: &Scene<'_>, filter: &str| {
        let body = json!({"filter": format!("properties.{filter} = 1"), "version": 1});
        answered(scene, "PATCH /v1/metrics/m0", &body).0
    };
    let mut both = std::thread::scope(|scope| {
        let workers = [(&one, "a"), (&other, "b")]
            .map(|(scene, filter)| scope.spawn(move || patch(scene, filter)));
        workers.map(|worker| worker.join().expect("no panic"))
    });
    both.sort_unstable();
    assert_eq!(both, [200, 409]);
    first.assert_running();
    second.assert_running();
    assert!(first.terminate().success() && second.terminate().success());
}

/// What is read of the topic ends with the end of a transaction, which is no record: it counts as read all the same, or nothing
/// would be folded once half of the lead has passed since the last change.
#[test]
fn events_are_counted_however_long_ago_a_definition_changed() {
    let scene = Scene::new(Broker::shared(), 1);
    let configuration = scene.configuration(Some("earliest"), "1h");
    let configuration = configuration.replace("[metrics]", "[metrics]\ndefinition_lead = \"2s\"");
    let mut daemon = Daemon::new(&configuration, ANCHOR);
    daemon.start();
    assert_eq!(answered(&scene, "POST /v1/metrics", &metric("m")).0, 201);
    for round in 0..2 {
        for batch in 0..3 {
            wait::pass(Duration::from_secs(2));
            scene.produce((0..10).map(|number| event(round * 100 + batch * 10 + number, "k", 1)));
            scene.await_done(&mut daemon);
        }
        wait::until("it is ready", WORK_LIMIT, || {
            call(&scene.admin, "GET /readyz", &Value::Null).filter(|(status, _)| *status == 200)
        });
        daemon.kill();
        daemon.start();
    }
    let usage = wait::until("the task's totals", WORK_LIMIT, || {
        let (_, usage) = call(&scene.admin, "GET /v1/usage?metric=m", &Value::Null)?;
        (usage["complete"] == true).then_some(usage)
    });
    let totals = usage["totals"].as_array().expect("a list").iter();
    let events: u64 = totals.map(|total| total["events"].as_u64().expect("a count")).sum();
    assert_eq!(events, 60, "{usage}");
    assert!(daemon.terminate().success());
}

#[test]
fn large_definitions_are_stored_or_told_to_be_too_large() {
    let broker = Broker::shared();
    let scene = Scene::new(broker, 1);
    let mut daemon = started(&scene);
    let described = |length: usize| json!({"description": "d".repeat(length)});
    let (status, made) = answered(&scene, "POST /v1/metrics", &metric("m"));
    assert_eq!(status, 201, "{made}");
    for length in [200_000, 300_000, 400_000, 500_000, 1_040_000] {
        let (status, told) = answered(&scene, "PATCH /v1/metrics/m", &described(length));
        assert_eq!(status, 200, "{}", told["error"]);
    }
    // A topic that was made otherwise may take less. What can be compressed is no measure of it.
    let topic = format!("{}-definitions", scene.totals);
    let limit = ["--entity-type", "topics", "--entity-name", &topic];
    let change = ["--alter", "--add-config", "max.message.bytes=20000"];
    let tool = "kafka.admin.ConfigCommand";
    broker.tool(tool, &[&limit[..], &change].concat());
    let number = |place: u64| format!("{:016x}", place.wrapping_mul(0x9e37_79b9_7f4a_7c15));
    let noise = (0..4_000).map(number).collect::<Vec<_>>().concat();
    let (status, told) = answered(&scene, "PATCH /v1/metrics/m", &json!({"description": noise}));
    assert_eq!(status, 422, "{told}");
    let message = told["error"]["faults"][0]["message"].as_str().expect("a text");
    assert!(message.contains("raise its max.message.bytes"), "{message}");
    assert_eq!(answered(&scene, "DELETE /v1/metrics/m", &Value::Null).0, 204);
    assert!(daemon.terminate().success());
}

#[test]
fn nothing_is_half_made_where_the_broker_goes_away() {
    let broker = Broker::start();
    let scene = Scene::new(&broker, 1);
    let mut daemon = started(&scene);
    assert_eq!(answered(&scene, "POST /v1/metrics", &metric("before")).0, 201);
    broker.stop();
    let away = call(&scene.admin, "POST /v1/metrics", &metric("away")).expect("it answers");
    assert_eq!(away.0, 503, "{}", away.1);
    let code = &away.1["error"]["code"];
    assert_eq!(code, "unavailable");
    daemon.assert_running();
    broker.restart();
    let (status, found) = answered(&scene, "GET /v1/metrics/away", &Value::Null);
    assert_eq!(status, 404, "{found}");
    assert_eq!(answered(&scene, "POST /v1/metrics", &metric("away")).0, 201);
    let (_, before) = answered(&scene, "GET /v1/metrics/before", &Value::Null);
    assert_eq!(before["generation"], 1);
    assert!(daemon.terminate().success());
}
