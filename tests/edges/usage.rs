//! `GET /v1/usage` of a daemon that works: what it says is what the oracle says of the events read by the commit it names.

use std::collections::BTreeMap;

use odometer::format::definitions;
use odometer::model::Span;
use serde_json::Value;

use crate::daemon::{Scene, get, listening, pause, wait_until};
use crate::oracle::{Options, Oracle, Record, Total, TotalKey};
use crate::program::{expect_status, run};

const METRICS: &str = r#"{"metrics": [
    {"code": "sum", "event_type": "t", "aggregation": "sum", "value": "properties.v", "period": "hour",
     "group_by": ["model", "region"]},
    {"code": "unique", "event_type": "t", "aggregation": "unique_count", "value": "properties.v", "period": "day"},
    {"code": "median", "event_type": "t", "aggregation": "percentile", "percentile": 50, "value": "properties.v",
     "period": "hour"},
    {"code": "level", "event_type": "t", "aggregation": "sum", "value": "properties.v", "period": "day",
     "recurring": true, "group_by": ["region"]},
    {"code": "seats", "event_type": "t", "aggregation": "unique_count", "value": "properties.v", "period": "day",
     "recurring": true, "operation": "properties.op"},
    {"code": "idle", "event_type": "never", "aggregation": "count"}]}"#;
const CODES: [&str; 6] = ["sum", "unique", "median", "level", "seats", "idle"];

fn event(number: usize) -> String {
    let minutes = i64::try_from(number).expect("few") * 2;
    let time = 1_767_225_600 + minutes * 60 - i64::try_from(number * 7 % 90).expect("small") * 60;
    let operation = if number % 3 == 2 { "remove" } else { "add" };
    let region = if number.is_multiple_of(4) { "null" } else { "\"eu\"" };
    format!(
        r#"{{"id":"{number}","type":"t","customer":"c{}","time":{time},"properties":{{"v":{},"model":"m{}","region":{region},"op":"{operation}"}}}}{}"#,
        number % 7,
        number % 11,
        number % 3,
        "\n"
    )
}

/// Key, value, events, and whether it is final.
type Known = BTreeMap<String, (Option<String>, u64, bool)>;

fn add_known(known: &mut Known, answer: &Value) {
    for total in answer["totals"].as_array().expect("a list") {
        let period = &total["period"];
        let group = &total["group"];
        let key = format!("{}|{group}|{}|{}", total["customer"], period["start"], period["end"]);
        let value = total["value"].as_str().map(str::to_owned);
        let events = total["events"].as_u64().expect("a count");
        let is_final = total["kind"] != "provisional";
        assert_eq!(is_final, total["revision"] != 0, "{total}");
        assert!(known.insert(key, (value, events, is_final)).is_none(), "twice: {total}");
    }
}

/// What the oracle says of that many events.
fn right(metric: &str, count: usize) -> Known {
    let text: String = (0..count).map(event).collect();
    let definitions = definitions::read(&[("metrics.json", METRICS)]).expect("sound metrics");
    let options = Options {
        keep_open: true,
        watermark_delay: Span::from_seconds(3_600),
        ..Options::default()
    };
    let outcome = Oracle::run(&definitions, &Record::lines(text.as_bytes()), options);
    let mut known = Known::new();
    let mut add = |(key, total): (&TotalKey, &Total), is_final| {
        if key.metric == metric {
            let group: BTreeMap<_, _> = key.group.iter().cloned().collect();
            let group = serde_json::to_value(group).expect("texts");
            let (start, end) = (key.start.to_string(), key.end.to_string());
            let customer = Value::from(key.customer.as_str());
            let key = format!("{customer}|{group}|{start:?}|{end:?}");
            known.insert(key, (total.value.clone(), total.events, is_final));
        }
    };
    outcome.totals.iter().for_each(|pair| add(pair, true));
    outcome.provisionals.iter().for_each(|pair| add(pair, false));
    known
}

fn read_by(answer: &Value) -> usize {
    let read = answer["as_of"][0]["read"].as_u64().expect("a count");
    usize::try_from(read).expect("few")
}

#[test]
fn usage_of_a_working_daemon_is_that_of_the_commit_it_names() {
    let scene = Scene::new(METRICS);
    let (daemon, address) = listening(&scene);
    let (mut written, mut seen) = (0, Vec::new());
    for round in 0..40 {
        let next = written + 20;
        scene.append("in/a.ndjson", &(written..next).map(event).collect::<String>());
        written = next;
        pause(15);
        let metric = CODES[round % CODES.len()];
        let (status, answer) = get(&address, &format!("/v1/usage?metric={metric}&limit=1000"));
        assert_eq!((status, &answer["next"]), (200, &Value::Null), "{answer}");
        assert_eq!(answer["complete"], true);
        let mut known = Known::new();
        add_known(&mut known, &answer);
        let read = read_by(&answer);
        assert!(known == right(metric, read), "{metric} after {read} events: {answer}");
        seen.push(read);
    }
    assert!(seen.last() > seen.first(), "it goes on: {seen:?}");
    daemon.terminate(&scene);
}

#[test]
fn pages_filters_and_absurd_questions() {
    let scene = Scene::new(METRICS);
    scene.append("in/a.ndjson", &(0..1_500).map(event).collect::<String>());
    let (daemon, address) = listening(&scene);
    let ask = |query: &str| get(&address, &format!("/v1/usage?{query}"));
    wait_until(&scene, "all is committed", || {
        let (_, answer) = ask("metric=sum&limit=1");
        answer["as_of"][0]["read"] == 1_500
    });
    for metric in CODES {
        let right = right(metric, 1_500);
        let (mut known, mut cursor, mut pages) = (Known::new(), String::new(), 0);
        loop {
            let (status, page) = ask(&format!("metric={metric}&limit=17{cursor}"));
            assert_eq!(status, 200, "{page}");
            add_known(&mut known, &page);
            pages += 1;
            match page["next"].as_str() {
                Some(next) => cursor = format!("&cursor={next}"),
                None => break,
            }
        }
        assert!(known == right, "{metric}, page by page");
        // A page ends with the chain that fills it, which may have many periods.
        assert!(pages > right.len() / 100, "{metric}: {pages} pages of {}", right.len());

        for customer in 0..8 {
            let (status, answer) = ask(&format!("metric={metric}&customer=c{customer}&limit=1000"));
            assert_eq!(status, 200, "{answer}");
            let mut known = Known::new();
            add_known(&mut known, &answer);
            let mut own = right.clone();
            own.retain(|key, _| key.starts_with(&format!("\"c{customer}\"")));
            assert!(known == own, "{metric} of c{customer}: {answer}");
        }
    }

    let (_, answer) = ask("metric=sum&group.model=m1&null_group=region&limit=1000");
    let totals = answer["totals"].as_array().expect("a list");
    assert!(!totals.is_empty(), "{answer}");
    for total in totals {
        assert_eq!(
            (&total["group"]["model"], &total["group"]["region"]),
            (&"m1".into(), &Value::Null)
        );
    }
    let (from, to) = ("2026-01-01T05:30:00Z", "2026-01-01T08:00:00Z");
    let (_, answer) = ask(&format!("metric=sum&customer=c1&from={from}&to={to}&limit=1000"));
    let totals = answer["totals"].as_array().expect("a list");
    let starts: Vec<&str> =
        totals.iter().map(|total| total["period"]["start"].as_str().expect("text")).collect();
    assert!(starts.contains(&"2026-01-01T05:00:00Z") && starts.contains(&"2026-01-01T07:00:00Z"));
    let hours = ["2026-01-01T05:00:00Z", "2026-01-01T06:00:00Z", "2026-01-01T07:00:00Z"];
    assert!(starts.iter().all(|start| hours.contains(start)), "{starts:?}");

    for (query, expected, words) in [
        ("metric=summ", 404, "has idle, level, median, seats, sum, unique"),
        ("metric=sum&tenant=t2", 404, "tenant \\\"t2\\\" has none"),
        ("metric=sum&group.colour=red", 422, "it is grouped by model, region"),
        ("metric=idle&group.colour=red", 422, "it is not grouped"),
        ("metric=sum&cursor=zz", 422, "begin without one"),
        ("metric=sum&cursor=:0:zz", 422, "begin without one"),
        ("metric=sum&cursor=:0:", 422, "begin without one"),
        ("metric=sum&cursor=:1:00", 422, "begin without one"),
        ("metric=sum&from=0000-01-01T00:00:00Z", 422, "years 1970 to 9998"),
        (
            "metric=sum&from=2026-01-02T00:00:00Z&to=2026-01-01T00:00:00Z",
            422,
            "no period lies between",
        ),
        ("metric=sum&from=0", 422, "is no instant"),
    ] {
        let (status, answer) = ask(query);
        assert_eq!(status, expected, "{query}: {answer}");
        assert!(answer.to_string().contains(words), "{query}: {answer}");
    }
    daemon.terminate(&scene);
}

#[test]
fn definitions_are_listed_as_they_were_written() {
    let scene = Scene::new(METRICS);
    let (daemon, address) = listening(&scene);
    let written: Value = serde_json::from_str(METRICS).expect("JSON");
    let written = written["metrics"].as_array().expect("a list");
    let (mut found, mut cursor) = (Vec::new(), String::new());
    loop {
        let (status, page) = get(&address, &format!("/v1/metrics?limit=4{cursor}"));
        assert_eq!(status, 200, "{page}");
        found.extend(page["metrics"].as_array().expect("a list").clone());
        match page["next"].as_str() {
            Some(next) => cursor = format!("&cursor={}", next.replace('"', "%22")),
            None => break,
        }
    }
    assert_eq!(found.len(), written.len());
    for metric in &found {
        let own = written.iter().find(|own| own["code"] == metric["code"]).expect("it was written");
        for (key, value) in own.as_object().expect("an object") {
            assert_eq!(&metric[key], value, "{metric}");
        }
        assert_eq!(metric["origin"], "file:metrics.json");
        assert_eq!((&metric["version"], &metric["tenant"]), (&1.into(), &"default".into()));
    }
    let (status, answer) = get(&address, "/v1/metrics?cursor=x");
    assert_eq!(status, 422, "{answer}");
    daemon.terminate(&scene);
}

#[test]
fn command_asks_and_prints() {
    let scene = Scene::new(METRICS);
    scene.append("in/a.ndjson", &(0..1_500).map(event).collect::<String>());
    let (daemon, address) = listening(&scene);
    wait_until(&scene, "all is committed", || {
        get(&address, "/v1/usage?metric=sum&limit=1").1["as_of"][0]["read"] == 1_500
    });
    let usage = |flags: &[&str]| {
        run(["usage", "--address", &address].into_iter().chain(flags.iter().copied()))
    };
    // More than a page.
    let (stdout, _) = expect_status(&usage(&["--metric", "sum"]), 0);
    let mut known = Known::new();
    let totals: Vec<Value> =
        stdout.lines().map(|line| serde_json::from_str(line).expect("JSON")).collect();
    add_known(&mut known, &serde_json::json!({ "totals": totals }));
    assert!(known == right("sum", 1_500) && known.len() > 1_000);

    let (every, _) = expect_status(&usage(&[]), 0);
    let wanted: usize = CODES.iter().map(|code| right(code, 1_500).len()).sum();
    assert_eq!(every.lines().count(), wanted);

    let flags = ["--metric", "level", "--customer", "c1", "--group", "region=eu"];
    let (table, _) =
        expect_status(&usage(&[&flags[..], &["--output-format", "table"]].concat()), 0);
    let mut lines = table.lines();
    assert!(lines.next().expect("a header").trim_start().starts_with("METRIC"), "{table}");
    let lines: Vec<&str> = lines.collect();
    assert!(lines.len() > 1 && lines.iter().all(|line| line.contains("c1") && line.contains("eu")));
    assert!(lines.last().expect("a row").contains("provisional"), "{table}");
    let (csv, _) = expect_status(&usage(&[&flags[..], &["--output-format", "csv"]].concat()), 0);
    assert_eq!(csv.lines().count(), lines.len() + 1);

    for (flags, words) in [
        (&["--metric", "summ"][..], "there is no metric \"summ\""),
        (&["--metric", "sum", "--group", "colour=red"], "it is grouped by model, region"),
        (&["--group", "colour=red"], "--metric"),
        (&["--from", "yesterday"], "expected an instant"),
    ] {
        let (_, stderr) = expect_status(&usage(flags), 2);
        assert!(stderr.contains(words), "{flags:?}: {stderr}");
    }
    daemon.terminate(&scene);
    let (_, stderr) = expect_status(&usage(&[]), 1);
    assert!(stderr.contains(&format!("no daemon answers on {address}: start one")), "{stderr}");
}

#[test]
fn usage_of_which_something_is_forgotten_is_not_complete() {
    let scene = Scene::new(METRICS);
    let (daemon, address) = listening(&scene);
    let read = |from: &str, count: u64| {
        wait_until(&scene, "all is committed", || {
            let (_, answer) = get(&address, &format!("/v1/usage?metric=sum&limit=1{from}"));
            answer["as_of"][0]["read"] == count
        });
    };
    let is_complete = |query: &str| {
        let (status, answer) = get(&address, &format!("/v1/usage?metric=sum{query}"));
        assert_eq!(status, 200, "{answer}");
        answer["complete"].as_bool().expect("it is said")
    };
    scene.append("in/a.ndjson", &(0..100).map(event).collect::<String>());
    read("", 100);
    assert!(is_complete(""), "nothing is forgotten yet");
    assert!(is_complete("&to=2026-01-01T00:00:00Z"), "nothing ever was there");
    // Some months later: all of that is closed, and then forgotten.
    let later = |number: u64| {
        let time = 1_767_225_600 + 100 * 86_400 + number * 7_200;
        format!(
            "{{\"id\":\"later{number}\",\"type\":\"t\",\"customer\":\"c\",\"time\":{time},\"properties\":{{\"v\":1}}}}\n"
        )
    };
    let mut count = 0;
    wait_until(&scene, "it is forgotten", || {
        scene.append("in/a.ndjson", &later(count));
        count += 1;
        read("", 100 + count);
        !is_complete("")
    });
    assert!(!is_complete("&to=2026-02-01T00:00:00Z"), "all that was there is forgotten");
    assert!(is_complete("&from=2026-04-01T00:00:00Z"), "that is kept");
    daemon.terminate(&scene);
}
