//! What operators do to a daemon that works.

use serde_json::json;

use crate::daemon::{Scene, get, listening, request, wait_until};

const METRICS: &str = r#"{"metrics": [{"code": "n", "event_type": "t", "aggregation": "count", "period": "minute"}]}"#;

#[test]
fn log_level_changes_while_it_works() {
    let scene = Scene::new(METRICS);
    let (daemon, address) = listening(&scene);
    assert_eq!(get(&address, "/v1/log-level"), (200, json!({ "level": "info" })));
    assert!(!scene.log().contains("DEBUG"), "{}", scene.log());

    let put = |body: &str| request(&address, "PUT /v1/log-level", body);
    let wanted = json!({ "level": "warn,odometer=debug" });
    assert_eq!(put(&wanted.to_string()), (200, wanted.clone()));
    assert_eq!(get(&address, "/v1/log-level"), (200, wanted.clone()));
    scene.append(
        "in/a.ndjson",
        "{\"id\":\"1\",\"type\":\"t\",\"customer\":\"c\",\"time\":1767225600}\n",
    );
    wait_until(&scene, "its doings are told", || scene.log().contains("DEBUG"));

    for (body, status, words) in [
        (r#"{"level": "loud=="}"#, 422, "right would be"),
        (r#"{"levels": "info"}"#, 400, "expected"),
        ("debug", 400, "expected"),
    ] {
        let (found, answer) = put(body);
        assert_eq!(found, status, "{answer}");
        assert!(answer.to_string().contains(words), "{answer}");
    }
    assert_eq!(get(&address, "/v1/log-level"), (200, wanted));
    let (status, answer) = request(&address, "POST /v1/log-level", "{}");
    assert_eq!(status, 405, "{answer}");
    assert!(answer.to_string().contains("takes GET and PUT"), "{answer}");
    daemon.terminate(&scene);
}
