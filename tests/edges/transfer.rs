//! Definitions out of a daemon or files, and into a daemon.

use std::fs;

use serde_json::{Value, json};

use crate::daemon::{Scene, answer, get, listening, request, started};
use crate::program::{expect_status, run};

const ANCHOR: &str =
    r#"{"metrics":[{"code":"anchor","event_type":"never","aggregation":"count"}]}"#;

/// What a daemon lists, without what only this one knows.
fn listed(address: &str) -> Vec<Value> {
    let (status, mut page) = get(address, "/v1/metrics?limit=1000");
    assert_eq!(status, 200, "{page}");
    for metric in page["metrics"].as_array_mut().expect("a list") {
        let metric = metric.as_object_mut().expect("an object");
        for key in ["created_at", "updated_at", "origin"] {
            metric.shift_remove(key);
        }
        metric.sort_keys();
    }
    page["metrics"].as_array().expect("a list").clone()
}

fn make(address: &str, line: &str, body: &Value) {
    let (status, answer) = request(address, line, &body.to_string());
    assert!(matches!(status, 200 | 201), "{line}: {answer}");
}

/// Metrics of every kind, made by native and by Lago's calls.
fn stock(address: &str) {
    for body in [
        json!({ "code": "a/b c", "name": "A", "aggregation": "sum", "value": "properties.v", "period": "month",
            "group_by": [{ "property": "region", "values": ["eu", "us"], "other": "drop" }] }),
        json!({ "code": "p95", "aggregation": "percentile", "percentile": 95, "value": "properties.ms * 2",
            "filter": "properties.ok = 'yes'", "result": "ROUND(value, 2)" }),
    ] {
        make(address, "POST /v1/metrics", &body);
    }
    let body = json!({ "billable_metric": { "name": "S", "code": "seats", "aggregation_type": "unique_count_agg",
        "field_name": "seat", "recurring": true, "filters": [{ "key": "kind", "values": ["x", "y"] }] } });
    make(address, "POST /api/v1/billable_metrics", &body);
}

#[test]
fn what_one_daemon_has_another_one_takes() {
    let (one, other) = (Scene::new(ANCHOR), Scene::new(ANCHOR));
    let ((first, from), (second, to)) = (listening(&one), listening(&other));
    stock(&from);
    let file = one.path("export.json");
    let name = file.to_str().expect("text");
    expect_status(&run(["definitions", "export", "--address", &from, "--output", name]), 0);
    let import = |words: &[&str], status: i32| {
        let words = [&["definitions", "import", name, "--address", &to], words].concat();
        expect_status(&run(words), status)
    };
    let (told, _) = import(&["--dry-run"], 0);
    assert_eq!(told.matches("would be created").count(), 3, "{told}");
    assert_eq!(listed(&to).len(), 1);
    let (told, _) = import(&[], 0);
    assert!(told.contains("equal  anchor\n") && told.contains("created  a/b c\n"), "{told}");
    assert_eq!(listed(&to), listed(&from));
    let (told, _) = import(&[], 0);
    assert_eq!(told.matches("equal  ").count(), 4, "{told}");
    // What is another one stays, and with it all of the file.
    let text = fs::read_to_string(&file).expect("it is there");
    let mut changed: Value = serde_json::from_str(&text).expect("JSON");
    let metrics = changed["metrics"].as_array_mut().expect("a list");
    metrics.iter_mut().find(|one| one["code"] == "p95").expect("it is there")["result"] =
        json!("value * 3");
    metrics.push(json!({ "code": "new", "aggregation": "count" }));
    fs::write(&file, changed.to_string()).expect("written");
    let (_, told) = import(&[], 2);
    assert!(told.contains("\"p95\"") && told.contains("--update"), "{told}");
    assert_eq!(listed(&to).len(), 4);
    let (told, _) = import(&["--update"], 0);
    assert!(told.contains("updated  p95\n") && told.contains("created  new\n"), "{told}");
    assert_eq!(get(&to, "/v1/metrics/p95").1["result"], "value * 3");
    assert_eq!(get(&to, "/v1/metrics/p95").1["version"], 2);
    // What is deleted there is made anew.
    assert_eq!(answer(&to, "DELETE /v1/metrics/new", "").0, 204);
    let (told, _) = import(&["--update"], 0);
    assert!(told.contains("created  new\n"), "{told}");
    assert_eq!(get(&to, "/v1/metrics/new").1["generation"], 2);
    fs::write(&file, "{\"metrics\": [{\"code\": \"x\", \"aggregation\": \"sum\"}]}")
        .expect("written");
    let (_, told) = import(&[], 2);
    assert!(told.contains("export.json:1:") && told.contains("value"), "{told}");
    first.kill();
    second.kill();
    let (_, told) = import(&[], 2);
    assert!(told.contains("value"), "{told}");
    fs::write(&file, text).expect("written");
    let (_, told) = import(&[], 1);
    assert!(told.contains("no daemon answers"), "{told}");
}

#[test]
fn what_lago_can_say_is_exported_and_read_again() {
    let scene = Scene::new(ANCHOR);
    let (daemon, address) = listening(&scene);
    stock(&address);
    let export = ["definitions", "export", "--address", &address, "--dialect", "lago"];
    let file = scene.path("lago.json");
    let name = file.to_str().expect("text");
    let to_file = [&export[..], &["--output", name]].concat();
    let (_, told) = expect_status(&run(&to_file), 2);
    for words in ["p95: aggregation:", "p95: filter:", "p95: result:", "anchor: event_type:"] {
        assert!(told.contains(words), "{words}: {told}");
    }
    assert!(!file.exists(), "nothing is written");
    let skipping = [&to_file[..], &["--skip-inexpressible"]].concat();
    let (_, told) = expect_status(&run(&skipping), 0);
    assert!(told.contains("left out: p95: filter"), "{told}");
    let text = fs::read_to_string(&file).expect("it is there");
    let written: Value = serde_json::from_str(&text).expect("JSON");
    let codes: Vec<&Value> =
        written["metrics"].as_array().expect("a list").iter().map(|one| &one["code"]).collect();
    assert_eq!(codes, ["a/b c", "seats"]);
    let (told, _) = expect_status(&run(["definitions", "import", name, "--address", &address]), 0);
    assert_eq!(told, "equal  a/b c\nequal  seats\n");
    // Lago's API takes the body as it is.
    let mut body = written["metrics"][0].clone();
    body["code"] = json!("again");
    make(&address, "POST /api/v1/billable_metrics", &json!({ "billable_metric": body }));
    let (_, there) = get(&address, "/v1/metrics/again");
    assert_eq!(there["group_by"][0]["other"], "drop", "{there}");
    // From a file the same comes out.
    let from_file = ["definitions", "export", "--metrics", name, "--dialect", "lago"];
    let (told, _) = expect_status(&run(from_file), 0);
    assert_eq!(serde_json::from_str::<Value>(&told).expect("JSON"), written);
    let missing = [&export[..], &["--metric", "nowhere"]].concat();
    let (_, told) = expect_status(&run(missing), 2);
    assert!(told.contains("nowhere"), "{told}");
    daemon.kill();
}

#[test]
fn versions_customers_and_calendars_are_kept_or_refused() {
    let scene = Scene::new(ANCHOR);
    let text = r#"{"metrics": [{"code": "v", "aggregation": "count"},
        {"code": "v", "aggregation": "count", "filter": "properties.x = 1", "effective_from": "2026-03-01T00:00:00Z"},
        {"code": "d", "aggregation": "count", "period": "day"}, {"code": "e", "aggregation": "count"},
        {"code": "f", "aggregation": "count"}],
        "customers": [{"customer": "c", "timezone": "Europe/Berlin", "anchor": 15}]}"#;
    scene.write("versions.json", text);
    let file = scene.path("versions.json");
    let name = file.to_str().expect("text");
    let (native, _) = expect_status(&run(["definitions", "export", "--metrics", name]), 0);
    let wanted: Value = serde_json::from_str(text).expect("JSON");
    assert_eq!(serde_json::from_str::<Value>(&native).expect("JSON"), wanted);
    let foreign = ["definitions", "export", "--metrics", name, "--dialect", "maple"];
    let (_, told) = expect_status(&run(foreign), 2);
    assert!(told.contains("v: effective_from: has 2 versions"), "{told}");
    assert!(told.contains("d: period: is \"day\", and \"month\" of most others"), "{told}");
    let alone = [&foreign[..], &["--metric", "d"]].concat();
    let (told, _) = expect_status(&run(alone), 0);
    assert!(told.contains("\"period\": \"day\"") && told.contains("Europe/Berlin"), "{told}");
    let (daemon, address) = listening(&scene);
    let (_, told) = expect_status(&run(["definitions", "import", name, "--address", &address]), 2);
    for words in ["no call makes calendars", "versions that are to come"] {
        assert!(told.contains(words), "{words}: {told}");
    }
    assert_eq!(listed(&address).len(), 1);
    daemon.kill();
}

/// What each of the three systems answers its own lists with.
const PAGES: [(&str, &str); 3] = [
    (
        "lago",
        r#"{"billable_metrics": [{"lago_id": "1a901a90-1a90-1a90-1a90-1a901a901a90", "name": "Storage", "code": "storage",
            "aggregation_type": "sum_agg", "field_name": "gb", "created_at": "2022-09-14T16:35:31Z", "recurring": false,
            "rounding_function": "ceil", "rounding_precision": 2, "filters": [{"key": "region", "values": ["eu", "us"]}]}],
            "meta": {"current_page": 1, "next_page": null, "prev_page": null, "total_pages": 1, "total_count": 1}}"#,
    ),
    (
        "maple",
        r#"{"pagination": {"from_key": null, "limit": 20}, "results": [{"id": "bm_1", "company_id": "c_1", "name": "Calls",
            "item_id": "calls", "state": "ACTIVE", "created_at": "2022-09-14T16:35:31Z", "updated_at": "2022-09-14T16:35:31Z",
            "metering_rule": {"aggregator": "SUM", "property": "n", "rule": {"comparator": {"type": "EQ",
            "left_item": {"property": "region"}, "right_item": {"value": "eu"}}}}}]}"#,
    ),
    (
        "zenskar",
        r#"{"results": [{"id": "3c90c3cc-0d44-4b50-8888-8dd25736052a", "name": "Hits", "version": 1, "dataschema": "",
            "aggregation_query": "SELECT COUNT(*) FROM hits", "cust_agg_query": "", "visual_query_builder": {},
            "datasource": "d"}], "next": null, "previous": null, "total_count": 1}"#,
    ),
];

#[test]
fn what_other_systems_answer_is_taken_and_changed_by_their_calls() {
    let scene = Scene::new(ANCHOR);
    let (daemon, address) = listening(&scene);
    for (dialect, page) in PAGES {
        scene.write("page.json", page);
        let file = scene.path("page.json");
        let name = file.to_str().expect("text");
        let import = |words: &[&str], status: i32| {
            let words = [&["definitions", "import", name, "--address", &address], words].concat();
            expect_status(&run(words), status)
        };
        let (_, told) = import(&[], 2);
        assert!(told.contains("page.json:1:"), "{dialect}: no definitions file, {told}");
        let tenant = if dialect == "maple" { "cmp_1" } else { "default" };
        let (told, _) = import(&["--dialect", dialect, "--tenant", tenant], 0);
        assert!(told.starts_with("created  "), "{dialect}: {told}");
        let (told, _) = import(&["--dialect", dialect, "--tenant", tenant], 0);
        assert!(told.starts_with("equal  "), "{dialect}: {told}");
        scene.write("page.json", &format!(r#"{{"dialect": "{dialect}", "metrics": []}}"#));
        let other = if dialect == "lago" { "maple" } else { "lago" };
        let (_, told) = import(&["--dialect", other], 2);
        assert!(told.contains(&format!("is another one than {other}")), "{told}");
    }
    // What Maple has archived would count again.
    scene.write("page.json", &PAGES[1].1.replace("ACTIVE", "ARCHIVED"));
    let page = scene.path("page.json");
    let page = page.to_str().expect("text");
    let import = ["definitions", "import", page, "--address", &address, "--dialect", "maple"];
    let (_, told) = expect_status(&run(import), 2);
    assert!(told.contains("state: is ARCHIVED") && told.contains("leave it out"), "{told}");

    let by = |code: &str| get(&address, &format!("/v1/metrics/{code}")).1["origin"].clone();
    let zenskar = "3c90c3cc-0d44-4b50-8888-8dd25736052a";
    assert_eq!([by("storage"), by("bm_1?tenant=cmp_1"), by(zenskar)], ["lago", "maple", "zenskar"]);

    // Each is found by the name that its own system gave it, and changed there.
    let (status, found) = get(&address, "/api/v1/billable_metrics/storage");
    assert_eq!(
        (status, &found["billable_metric"]["rounding_precision"]),
        (200, &2.into()),
        "{found}"
    );
    assert_eq!(found["billable_metric"]["lago_id"], "1a901a90-1a90-1a90-1a90-1a901a901a90");
    let line = "PUT /api/v1/billable_metrics/storage";
    let (status, put) = request(&address, line, r#"{"billable_metric": {"description": "d"}}"#);
    assert_eq!((status, &put["billable_metric"]["description"]), (200, &"d".into()), "{put}");
    let line = "PATCH /api/v1/companies/cmp_1/billable_metrics/bm_1";
    let (status, changed) = request(&address, line, r#"{"name": "Other calls"}"#);
    assert_eq!((status, &changed["name"]), (200, &"Other calls".into()), "{changed}");

    // A file of the same form changes what that form made, and no other.
    let text = PAGES[0].1.replace("\"gb\"", "\"mb\"");
    scene.write("page.json", &text);
    let file = scene.path("page.json");
    let name = file.to_str().expect("text");
    let import = ["definitions", "import", name, "--address", &address, "--dialect", "lago"];
    let (_, told) = expect_status(&run(import), 2);
    assert!(told.contains("--update"), "{told}");
    let (told, _) = expect_status(&run([&import[..], &["--update"]].concat()), 0);
    assert_eq!(told, "updated  storage\n");
    let (_, found) = get(&address, "/api/v1/billable_metrics/storage");
    assert_eq!(found["billable_metric"]["field_name"], "mb", "{found}");
    let body = text.replace("\"billable_metrics\"", "\"dialect\": \"lago\", \"metrics\"");
    let body = body.replace("\"storage\"", "\"anchor\"");
    let body = format!("{}}}", body.split(",\n            \"meta\"").next().expect("a text"));
    let (status, refused) = request(&address, "PATCH /v1/metrics/bm_1?tenant=cmp_1", &body);
    assert_eq!(
        (status, &refused["error"]["faults"][0]["path"]),
        (422, &"dialect".into()),
        "{refused}"
    );
    let several = r#"{"dialect": "lago", "metrics": [{"code": "a"}, {"code": "b"}]}"#;
    let (status, refused) = request(&address, "POST /v1/metrics", several);
    assert_eq!(status, 422, "{refused}");
    assert_eq!(refused["error"]["faults"][0]["message"], "has 2 metrics: one is made at a time");
    let faulty = r#"{"dialect": "lago", "metrics": [{"name": "a", "code": "a", "aggregation_type": "sum_agg"}]}"#;
    let (status, refused) = request(&address, "POST /v1/metrics/validate", faulty);
    assert_eq!(
        (status, &refused["error"]["faults"][0]["path"]),
        (422, &"field_name".into()),
        "{refused}"
    );
    daemon.kill();
}

#[test]
fn what_a_body_says_beside_the_numbers_is_a_difference() {
    let scene = Scene::new(ANCHOR);
    let (daemon, address) = listening(&scene);
    let import = |is_billable: bool, rest: &[&str]| {
        let metric = json!({ "id": "bm_9", "name": "M", "item_id": "i", "is_billable": is_billable,
            "metering_rule": { "aggregator": "count" } });
        let file = scene.path("maple.json");
        let text = json!({ "dialect": "maple", "metrics": [metric] }).to_string();
        fs::write(&file, text).expect("a file");
        let import = ["definitions", "import", "--address", &address];
        run([&import[..], rest, &[file.to_str().expect("text")]].concat())
    };
    let is_told = |output, told: &str| {
        let (lines, _) = expect_status(&output, 0);
        assert!(lines.starts_with(told) && lines.contains("bm_9"), "{lines}");
    };
    is_told(import(false, &[]), "created");
    is_told(import(false, &[]), "equal");
    let (_, told) = expect_status(&import(true, &[]), 2);
    assert!(told.contains("is another one: give --update"), "{told}");
    is_told(import(true, &["--update"]), "updated");
    is_told(import(true, &["--update"]), "equal");
    let (_, there) = get(&address, "/v1/metrics/bm_9/versions");
    assert_eq!(there["versions"][0]["body"]["is_billable"], true, "{there}");
    // Maple's answer says what a body left unsaid.
    let unsaid = json!({ "id": "bm_8", "name": "U", "item_id": "i", "metering_rule": { "aggregator": "count" } });
    let own = |metric: &Value| {
        let file = scene.path("own.json");
        let text = json!({ "dialect": "maple", "metrics": [metric] }).to_string();
        fs::write(&file, text).expect("a file");
        let name = file.to_str().expect("text").to_owned();
        run(["definitions", "import", "--address", &address, &name])
    };
    assert!(expect_status(&own(&unsaid), 0).0.starts_with("created"));
    let mut answered = unsaid.clone();
    answered["is_billable"] = true.into();
    assert!(expect_status(&own(&answered), 0).0.starts_with("equal"));
    daemon.kill();
}

#[test]
fn a_metric_is_exported_as_the_body_that_made_it() {
    let (one, other) = (Scene::new(ANCHOR), Scene::new(ANCHOR));
    let ((first, from), (second, to)) = (listening(&one), listening(&other));
    stock(&from);
    let lago = json!({ "name": "L", "code": "l", "aggregation_type": "sum_agg", "field_name": "v",
        "expression": "event.properties.a + 1.50", "not_known": { "kept": [1.50] } });
    make(&from, "POST /api/v1/billable_metrics", &json!({ "billable_metric": lago }));
    let maple = json!({ "id": "bm_9", "name": "M", "item_id": "i", "is_billable": false, "external_name": "E",
        "metering_rule": { "aggregator": "avg", "property": "ms", "rule": { "comparator":
            { "type": ">=", "left_item": { "property": "status" }, "right_item": { "value": "500" } } } } });
    make(&from, "POST /v1/metrics", &json!({ "dialect": "maple", "metrics": [maple] }));
    let zenskar = json!({ "id": "3c90c3cc-0d44-4b50-8888-8dd25736052a", "name": "Z", "dataschema": "d1", "datasource": "d2",
        "aggregation_query": "SELECT count(*)  FROM hits", "cust_agg_query": "SELECT COUNT(*) FROM hits",
        "visual_query_builder": { "own": 1 } });
    let body = json!({ "dialect": "zenskar", "metrics": [zenskar] });
    make(&from, "POST /v1/metrics", &body);
    // What it means natively beside its body stays so.
    make(&from, "PATCH /v1/metrics/l", &json!({ "grace": "1h" }));

    let (_, page) = get(&from, "/api/v1/billable_metrics/l");
    let mut lago = lago.clone();
    lago["lago_id"] = page["billable_metric"]["lago_id"].clone();
    let mut files = Vec::new();
    let ids = ["l", "bm_9", "3c90c3cc-0d44-4b50-8888-8dd25736052a"];
    let dialects = ["lago", "maple", "zenskar"].into_iter().zip(ids).zip([&lago, &maple, &zenskar]);
    for ((dialect, code), wanted) in dialects {
        let (_, versions) = get(&from, &format!("/v1/metrics/{code}/versions"));
        assert_eq!(versions["versions"][0]["dialect"], *dialect, "{versions}");
        assert_eq!(versions["versions"][0]["body"]["name"], wanted["name"], "{versions}");
        let file = one.path(&format!("{dialect}.json"));
        let name = file.to_str().expect("text").to_owned();
        let export =
            ["definitions", "export", "--address", &from, "--dialect", dialect, "--metric", code];
        expect_status(&run([&export[..], &["--output", &name]].concat()), 0);
        let written: Value =
            serde_json::from_str(&fs::read_to_string(&file).expect("written")).expect("JSON");
        assert_eq!(written["metrics"], json!([wanted]), "{dialect}");
        // From the file the same comes out.
        let again = ["definitions", "export", "--metrics", &name, "--dialect", dialect];
        let (told, _) = expect_status(&run(again), 0);
        assert_eq!(serde_json::from_str::<Value>(&told).expect("JSON")["metrics"], json!([wanted]));
        files.push(name);
    }
    // What was made in several forms moves by a file for each.
    make(&from, "PATCH /v1/metrics/l", &json!({ "grace": null }));
    for dialect in ["native", "lago", "maple", "zenskar"] {
        let name = one.path(&format!("{dialect}.json")).to_str().expect("text").to_owned();
        let export = [
            "definitions",
            "export",
            "--address",
            &from,
            "--dialect",
            dialect,
            "--made-in",
            dialect,
        ];
        expect_status(&run([&export[..], &["--output", &name]].concat()), 0);
        files.push(name);
    }
    let files: Vec<&str> = files.iter().rev().take(4).map(String::as_str).collect();
    let import = ["definitions", "import", "--address", &to];
    expect_status(&run([&import[..], &files].concat()), 0);
    let all = |address: &str| {
        let (_, page) = get(address, "/v1/metrics");
        let metrics = page["metrics"].as_array().expect("a list").iter();
        let metrics = metrics.map(|metric| {
            let code =
                metric["code"].as_str().expect("a text").replace('/', "%2F").replace(' ', "%20");
            let (_, told) = get(address, &format!("/v1/metrics/{code}/versions"));
            let body = told["versions"][0]["body"].clone();
            (code, metric["origin"].clone(), body)
        });
        metrics.collect::<Vec<_>>()
    };
    assert_eq!(all(&to).len(), 7);
    for (there, here) in all(&to).iter().zip(all(&from)) {
        assert_eq!((&there.0, &there.1), (&here.0, &here.1));
        // Lago's has the id that it was known by beside.
        let mut body = there.2.clone();
        if here.1 == "lago" {
            body.as_object_mut().expect("a body").shift_remove("lago_id");
        }
        assert_eq!(body, here.2);
    }
    let (_, there) = get(&to, "/api/v1/billable_metrics/l");
    assert_eq!(there["billable_metric"]["lago_id"], lago["lago_id"]);
    let (told, _) = expect_status(&run([&import[..], &files].concat()), 0);
    assert!(told.lines().all(|line| line.starts_with("equal")), "{told}");
    first.kill();
    second.kill();
}

#[test]
fn nothing_is_made_where_one_metric_is_refused() {
    let scene = Scene::new(ANCHOR);
    let (daemon, address) = listening(&scene);
    let maple = json!({ "id": "bm_1", "name": "M", "item_id": "i", "metering_rule": { "aggregator": "COUNT" } });
    make(&address, "POST /v1/metrics", &json!({ "dialect": "maple", "metrics": [maple] }));
    make(
        &address,
        "POST /v1/metrics",
        &json!({ "code": "v", "aggregation": "count", "period": "day" }),
    );
    let before = listed(&address);
    let import = |text: &str, words: &[&str], status: i32| {
        scene.write("in.json", text);
        let file = scene.path("in.json");
        let name = file.to_str().expect("text");
        let words = [&["definitions", "import", name, "--address", &address], words].concat();
        expect_status(&run(words), status)
    };
    let new = r#"{"code": "a-new", "aggregation": "count"}"#;
    for (other, told) in [
        // One that stands in a file.
        (
            r#"{"code": "anchor", "event_type": "never", "aggregation": "sum", "value": "properties.x"}"#,
            "change it there",
        ),
        // One that other calls made.
        (
            r#"{"code": "bm_1", "event_type": "other", "aggregation": "count"}"#,
            "event_type: is said over the maple API",
        ),
        // What no daemon makes.
        (r#"{"code": "z~2", "aggregation": "count"}"#, "code: ends like the keys"),
        (r#"{"code": "z", "aggregation": "count", "topic": "t"}"#, "topic: there are no topics"),
    ] {
        for words in [&["--update", "--dry-run"][..], &["--update"]] {
            let (out, err) = import(&format!("{{\"metrics\": [{new}, {other}]}}"), words, 2);
            assert!(out.is_empty() && err.contains(told), "{other}: {out} {err}");
        }
    }
    let zenskar = r#"{"dialect": "zenskar", "metrics": [{"id": "bm_1", "name": "Z", "aggregation_query": "SELECT COUNT(*) FROM x",
        "dataschema": "", "cust_agg_query": "", "visual_query_builder": {}, "datasource": ""}]}"#;
    for words in [&["--update", "--dry-run"][..], &["--update"]] {
        let (_, err) = import(zenskar, words, 2);
        assert_eq!(
            err.matches("made over the maple API there, and is in the form of zenskar").count(),
            1,
            "{err}"
        );
    }
    assert_eq!(listed(&address), before);
    // What only other keys beside the body say changes natively.
    let graced = r#"{"metrics": [{"code": "bm_1", "name": "M", "event_type": "i", "aggregation": "count", "grace": "2h"}]}"#;
    let (_, native) = get(&address, "/v1/metrics/bm_1");
    assert_eq!((&native["origin"], &native["grace"]), (&"maple".into(), &Value::Null));
    assert_eq!(import(graced, &["--update"], 0).0, "updated  bm_1\n");
    assert_eq!(get(&address, "/v1/metrics/bm_1").1["grace"], "2h");
    daemon.kill();
}

#[test]
fn versions_that_are_to_come_move_with_their_metric() {
    let (one, other) = (Scene::new(ANCHOR), Scene::new(ANCHOR));
    // What it lets begin is always too near for the other one.
    let configured = Scene::configuration("", "127.0.0.1:0");
    let configured = configured.replace("[metrics]\n", "[metrics]\ndefinition_lead = \"5m\"\n");
    one.write("odometer.toml", &configured);
    let ((first, from), (second, to)) = (started(&one), listening(&other));
    for code in ["a1", "b2", "c3"] {
        make(&from, "POST /v1/metrics", &json!({ "code": code, "aggregation": "count" }));
    }
    make(&from, "PATCH /v1/metrics/b2", &json!({ "filter": "properties.x = 1" }));
    make(&from, "PATCH /v1/metrics/b2", &json!({ "filter": "properties.x = 2" }));
    make(
        &from,
        "PATCH /v1/metrics/c3",
        &json!({ "filter": "TRUE", "effective_from": "2999-01-01T00:00:00Z" }),
    );
    let file = one.path("export.json");
    let name = file.to_str().expect("text");
    expect_status(&run(["definitions", "export", "--address", &from, "--output", name]), 0);
    let import = |words: &[&str]| {
        let words = [&["definitions", "import", name, "--address", &to], words].concat();
        expect_status(&run(words), 0)
    };
    let (told, warned) = import(&["--dry-run"]);
    assert_eq!(told.matches("would be created").count(), 3, "{told}");
    assert_eq!(warned.matches("is too near for a version that is made now").count(), 2, "{warned}");
    assert_eq!(listed(&to).len(), 1);
    let (told, warned) = import(&[]);
    assert_eq!(told.matches("created  ").count(), 3, "{told}");
    assert_eq!(warned.matches("is too near").count(), 2, "{warned}");
    let versions = |address: &str, code: &str| {
        let (_, told) = get(address, &format!("/v1/metrics/{code}/versions"));
        let versions = told["versions"].as_array().expect("a list").iter();
        versions
            .map(|version| {
                (version["counts_from"].clone(), version["definition"]["filter"].clone())
            })
            .collect::<Vec<_>>()
    };
    for code in ["a1", "b2", "c3"] {
        let [filters, there] = [&from, &to].map(|address| {
            versions(address, code).into_iter().map(|(_, filter)| filter).collect::<Vec<_>>()
        });
        assert_eq!(filters, there, "{code}");
    }
    assert_eq!(versions(&to, "c3")[1].0, "2999-01-01T00:00:00Z");
    let (told, warned) = import(&[]);
    assert_eq!(told.matches("equal  ").count(), 4, "{told}");
    assert!(warned.contains("which no call changes"), "{warned}");
    first.kill();
    second.kill();
}
