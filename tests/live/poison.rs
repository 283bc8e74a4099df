//! Records of any bytes: each is refused or counted, none stops the program.

use crate::broker::Broker;
use crate::load::Load;
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
    daemon.start();
    scene.await_done(&mut daemon);
    assert!(daemon.terminate().success());

    let rejects = scene.broker.read_committed_all(&scene.rejects);
    let has = |text: &str| rejects.iter().any(|record| record.text().contains(text));
    for reason in ["malformed", "missing_field", "bad_field", "too_large", "in_future"] {
        assert!(has(&format!(r#""reason":"{reason}""#)), "none of the rejects is {reason}");
    }
    assert!(has("event_base64"), "bytes that are no UTF-8 are kept");
    assert!(has("\"truncated\": true") || has("\"truncated\":true"), "a giant record is cut");
}

fn poison() -> Vec<Outgoing> {
    let event = |properties: &str| {
        format!(
            r#"{{"id":"p","type":"call","customer":"customer-0","time":1709251200,"properties":{{{properties}}}}}"#
        )
        .into_bytes()
    };
    let digits = "9".repeat(2_000);
    let values: Vec<Option<Vec<u8>>> = vec![
        None,
        Some(Vec::new()),
        Some(b"\xff\xfe\x00".to_vec()),
        Some(b"null".to_vec()),
        Some(b"{}".to_vec()),
        Some(b"{} {}".to_vec()),
        Some("[".repeat(500_000).into_bytes()),
        Some(event(&format!("\"deep\":{}{}", "[".repeat(98), "]".repeat(98)))),
        Some(event(&format!("\"deep\":{}{}", "[".repeat(99), "]".repeat(99)))),
        Some(event(&format!(
            "\"input\":{digits},\"output\":1,\"status\":200,\"latency\":{digits}"
        ))),
        Some(event("\"latency\":1e999999999999,\"input\":-1e-999999999999")),
        Some(event("\"user\":\"\\ud800\"")),
        Some(event(&format!("\"note\":\"{}\"", "x".repeat(1 << 20)))),
        Some(vec![b'x'; 3 << 20]),
        Some(
            br#"{"id":"f","type":"call","customer":"customer-0","time":"2999-01-01T00:00:00Z"}"#
                .to_vec(),
        ),
        Some(br#"{"id":"f","type":"call","customer":"customer-0","time":1e300}"#.to_vec()),
        Some(
            br#"{"id":"f","type":"call","customer":"customer-0","time":"1969-12-31T23:59:59Z"}"#
                .to_vec(),
        ),
    ];
    let record = |value| Outgoing { partition: Some(0), key: Some(b"customer-0".to_vec()), value };
    values.into_iter().map(record).collect()
}
