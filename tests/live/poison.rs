//! Records of any bytes: each is refused or counted, none stops the program.

use crate::broker::Broker;
use crate::load::{DEFINITIONS, Load};
use crate::scene::Scene;
use crate::topic::Outgoing;

#[test]
fn poison_records_are_refused_and_named() {
    let scene = Scene::new(Broker::shared(), 1);
    let mut load = Load::new(9, 1);
    scene.produce(load.by_ref().take(500));
    scene.produce(poison());
    scene.produce(load.by_ref().take(500));
    scene.produce(load.end());
    let mut daemon = scene.daemon();
    scene.work_through(&mut daemon);
    scene.assert_exact(DEFINITIONS);

    let rejects = scene.broker.read_committed_all(&scene.rejects);
    let has = |text: &str| rejects.iter().any(|record| record.text().contains(text));
    for reason in ["malformed", "missing_field", "bad_field", "too_large", "in_future"] {
        assert!(has(&format!(r#""reason":"{reason}""#)), "none of the rejects is {reason}");
    }
    assert!(has("event_base64"), "bytes that are no UTF-8 are kept");
    assert!(has("\"truncated\": true") || has("\"truncated\":true"), "a giant record is cut");
}

fn poison() -> Vec<Outgoing> {
    let mut values = faulty();
    let numbered = (0..).zip(extremes());
    values.extend(numbered.map(|(number, properties)| Some(event(number, &properties))));
    let record = |value| Outgoing {
        partition: Some(0),
        key: Some(b"customer-0".to_vec()),
        value,
        ..Outgoing::default()
    };
    values.into_iter().map(record).collect()
}

/// A call with an id of its own: a repeat would be looked at no further.
fn event(number: u32, properties: &str) -> Vec<u8> {
    format!(
        r#"{{"id":"p{number}","type":"call","customer":"customer-0","time":1709251200,"properties":{{{properties}}}}}"#
    )
    .into_bytes()
}

/// What is no event.
fn faulty() -> Vec<Option<Vec<u8>>> {
    let dated = |time: &str| {
        format!(r#"{{"id":"f","type":"call","customer":"customer-0","time":{time}}}"#).into_bytes()
    };
    vec![
        None,
        Some(Vec::new()),
        Some(b"\xff\xfe\x00".to_vec()),
        Some(b"null".to_vec()),
        Some(b"{}".to_vec()),
        Some(b"{} {}".to_vec()),
        Some("[".repeat(500_000).into_bytes()),
        Some(vec![b'x'; 3 << 20]),
        Some(dated("\"2999-01-01T00:00:00Z\"")),
        Some(dated("1e300")),
        Some(dated("1e999999999999")),
        Some(dated(&format!("\"{}\"", "9".repeat(100_000)))),
        Some(dated("\"1969-12-31T23:59:59Z\"")),
    ]
}

/// Properties that some metric of [`DEFINITIONS`] reads as a value, in its filter, as a group or as a member.
fn extremes() -> Vec<String> {
    let digits = "9".repeat(100_000);
    let mut extremes: Vec<String> = [
        "1e999999999999".to_owned(),
        "-1e-999999999999".to_owned(),
        digits.clone(),
        format!("-0.{digits}"),
        format!("\"{digits}\""),
        format!("\"0.{digits}\""),
        format!("{}{}", "[".repeat(98), "]".repeat(98)),
        format!("{}{}", "[".repeat(99), "]".repeat(99)),
        "[".repeat(100_000),
        "\"\\ud800\"".to_owned(),
    ]
    .iter()
    .flat_map(|value| {
        let sound = r#""input":1,"output":1,"status":200,"latency":1,"model":"m","user":"u""#;
        ["latency", "input", "status", "model", "region", "user"]
            .map(|name| format!("{sound},\"{name}\":{value}"))
    })
    .collect();
    extremes.push(format!("\"note\":\"{}\"", "x".repeat(1 << 20)));
    extremes.push(format!("\"latency\":{}", "9".repeat((1 << 20) - 200)));
    extremes
}
