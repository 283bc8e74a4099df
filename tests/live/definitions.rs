//! Definitions over the listener of a daemon that works on Kafka.

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

fn call(address: &str, line: &str, body: &Value) -> Option<(u16, Value)> {
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
fn answered(scene: &Scene<'_>, line: &str, body: &Value) -> (u16, Value) {
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
