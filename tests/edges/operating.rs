//! What operators do to a daemon that works.

use std::fs;
use std::io::Write;

use serde_json::{Value, json};

use crate::daemon::{Scene, get, listening, request, text_of, wait_until};
use crate::program::{expect_status, run};

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
    for (body, expected, words) in [
        ("{", 400, "JSON object"),
        (r#"{"level":5}"#, 422, "is no text"),
        (r#"{"level":"info","colour":1}"#, 422, "colour"),
    ] {
        let (status, answer) = request(&address, "PUT /v1/log-level", body);
        assert_eq!(status, expected, "{answer}");
        assert!(answer.to_string().contains(words), "{answer}");
    }
    let (status, _) = request(&address, "PUT /v1/log-level", &"x".repeat(2 << 20));
    assert_eq!(status, 413);
    assert!(answer.to_string().contains("takes GET and PUT"), "{answer}");
    daemon.terminate(&scene);
}

const KINDS: &str = r#"{"metrics": [
    {"code": "n", "event_type": "t", "aggregation": "count", "period": "minute"},
    {"code": "u", "event_type": "t", "aggregation": "unique_count", "value": "properties.v", "period": "hour"},
    {"code": "level", "event_type": "t", "aggregation": "sum", "value": "properties.v", "period": "day",
     "recurring": true}]}"#;

fn event(number: u32) -> String {
    let time = 1_767_225_600 + number * 60;
    format!(
        "{{\"id\":\"{number}\",\"type\":\"t\",\"customer\":\"c{}\",\"time\":{time},\"properties\":{{\"v\":{}}}}}\n",
        number % 3,
        number % 7
    )
}

#[test]
fn state_is_looked_into_while_its_daemon_works_and_after() {
    let scene = Scene::new(KINDS);
    scene.append("in/a.ndjson", &(0..500).map(event).collect::<String>());
    let (daemon, address) = listening(&scene);
    wait_until(&scene, "all is committed", || {
        get(&address, "/v1/usage?metric=n&limit=1").1["as_of"][0]["read"] == 500
    });
    let path = |name: &str| scene.path(name).to_str().expect("text").to_owned();
    let (state, metrics) = (path("state"), path("metrics.json"));
    let inspect = || expect_status(&run(["state", "inspect", &state]), 0).0;
    let verify = || run(["state", "verify", &state, "--metrics", &metrics]);
    let said = inspect();
    for words in [
        "belongs to   odometer run over files",
        "500 read: 500 counted, 0 duplicate",
        "ids          500, of days from 2026-01-01 to 2026-01-01",
        "customers    3",
        "watermark    2026-01-01T07:19:00Z",
        "in 3 recurring chains",
        "in/a.ndjson: read up to byte",
    ] {
        assert!(said.contains(words), "{words}: {said}");
    }
    let (said, _) = expect_status(&verify(), 0);
    assert!(said.contains("in order"), "{said}");

    let (_, usage) = get(&address, "/v1/usage?metric=n&limit=1000");
    let shown: Vec<Value> = usage["totals"].as_array().expect("a list").clone();
    daemon.terminate(&scene);
    let (exported, _) = expect_status(&run(["state", "export", &state, "--metrics", &metrics]), 0);
    let mut exported: Vec<Value> =
        exported.lines().map(|line| serde_json::from_str(line).expect("JSON")).collect();
    exported.retain(|total| total["metric"] == "n");
    for total in &mut exported {
        // Of a state of files it is not known what they were asked for by.
        total["source"] = json!({ "files": "in/*" });
    }
    assert_eq!(exported, shown);

    scene.write("metrics.json", &KINDS.replace("\"sum\"", "\"latest\""));
    let (_, stderr) = expect_status(&verify(), 1);
    assert!(stderr.contains("\"level\"") && stderr.contains("changed its meaning"), "{stderr}");
    // A start would not take a version of what is counted.
    let version = r#"{"code": "n", "event_type": "t", "aggregation": "count", "period": "minute",
        "filter": "properties.v > 1", "effective_from": "2026-01-01T01:00:00Z"},"#;
    scene.write("metrics.json", &KINDS.replace("[\n", &format!("[\n{version}")));
    let (_, stderr) = expect_status(&verify(), 1);
    assert!(stderr.contains("inside of what is counted already"), "{stderr}");
    // What nothing defines is told of.
    let lacking = r#"{"metrics": [{"code": "n", "event_type": "t", "aggregation": "count", "period": "minute"}]}"#;
    scene.write("metrics.json", lacking);
    let (_, stderr) = expect_status(&verify(), 1);
    assert!(stderr.contains("periods of metric \"u\"") && stderr.contains("\"level\""), "{stderr}");
    let export = ["state", "export", &state, "--metrics", &metrics];
    let (stdout, stderr) = expect_status(&run(export), 1);
    assert!(stdout.contains("\"n\"") && stderr.contains("\"level\""), "{stdout} {stderr}");
    // The state directory remembers what files defined.
    let (remembered, _) = expect_status(&run(["state", "export", &state]), 0);
    assert_eq!(
        remembered.lines().filter(|line| line.contains("\"metric\":\"n\"")).count(),
        shown.len()
    );
    assert!(remembered.contains("\"metric\":\"level\""), "{remembered}");
    scene.write("metrics.json", KINDS);
    expect_status(&verify(), 0);
    damage(&scene);
    let (_, stderr) = expect_status(&verify(), 1);
    assert!(stderr.contains("damaged") || stderr.contains("orruption"), "{stderr}");
}

/// Turns a byte in the middle of each table and log of the database.
fn damage(scene: &Scene) {
    let mut count = 0;
    for entry in fs::read_dir(scene.path("state/files")).expect("a state") {
        let path = entry.expect("readable").path();
        let is_data = path.extension().is_some_and(|ending| ending == "sst" || ending == "log");
        let mut bytes = if is_data { fs::read(&path).expect("readable") } else { Vec::new() };
        let middle = bytes.len() / 2;
        if let Some(byte) = bytes.get_mut(middle) {
            *byte ^= 0xFF;
            fs::write(&path, &bytes).expect("writable");
            count += 1;
        }
    }
    assert!(count > 0, "a state has data");
}

#[test]
fn what_is_no_state_is_told() {
    let scene = Scene::new(METRICS);
    let path = |name: &str| scene.path(name).to_str().expect("text").to_owned();
    for (arguments, status, words) in [
        (vec!["state".to_owned(), "inspect".to_owned(), path("in")], 1, "holds no state"),
        (vec!["state".to_owned(), "verify".to_owned(), path("nowhere")], 1, "nowhere"),
        (vec!["state".to_owned(), "export".to_owned(), path("in")], 2, "--metrics"),
        (vec!["state".to_owned()], 2, "inspect"),
    ] {
        let (_, stderr) = expect_status(&run(&arguments), status);
        assert!(stderr.contains(words), "{arguments:?}: {stderr}");
    }
}

#[test]
fn series_speak_of_files_too() {
    let scene = Scene::new(METRICS);
    let gzip = {
        let mut gzip = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::default());
        gzip.write_all((0..500).map(event).collect::<String>().as_bytes()).expect("memory");
        gzip.finish().expect("memory")
    };
    // A compressed file of which a part is missing yet waits for the rest, and lags meanwhile.
    let (begin, rest) = gzip.split_at(gzip.len() / 2);
    fs::write(scene.path("in/a.ndjson.gz"), begin).expect("the folder takes files");
    let (daemon, address) = listening(&scene);
    let shows = |lines: &[&str]| {
        let text = text_of(&address, "/metrics");
        lines.iter().all(|line| text.lines().any(|found| found == *line))
    };
    let lag = format!("odometer_lag_bytes {}", begin.len());
    wait_until(&scene, "the half lags", || shows(&[&lag, "odometer_ready 0"]));
    let mut file = fs::OpenOptions::new().append(true).open(scene.path("in/a.ndjson.gz"));
    file.as_mut().expect("it is there").write_all(rest).expect("it takes more");
    wait_until(&scene, "the whole is counted and on disk", || {
        shows(&[
            "odometer_lag_bytes 0",
            "odometer_ready 1",
            "odometer_checkpoint_age_seconds 0",
            "odometer_records_total{disposition=\"counted\"} 500",
            "odometer_tasks{state=\"serving\"} 1",
            "odometer_accounting_imbalance_records 0",
        ])
    });
    let text = text_of(&address, "/metrics");
    let written = "odometer_checkpoint_duration_seconds_count ";
    let written = text.lines().find_map(|line| line.strip_prefix(written)).expect("it is served");
    assert!(written.parse::<u64>().expect("a count") >= 1, "{written}");
    daemon.terminate(&scene);
}
