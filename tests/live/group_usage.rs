//! Usage of a topic whose partitions two processes of one group share: each tells what it is without, or asks the other one.

use std::collections::{BTreeMap, BTreeSet};
use std::io::{Read, Write};
use std::net::TcpStream;
use std::time::Duration;

use serde_json::{Value, json};

use crate::broker::Broker;
use crate::daemon::{Daemon, free_address};
use crate::scene::{Scene, WORK_LIMIT};
use crate::topic::Outgoing;
use crate::wait;

const METRICS: &str =
    r#"{"metrics":[{"code":"calls","event_type":"usage","aggregation":"count","period":"hour"}]}"#;
const PARTITIONS: i32 = 4;
const CUSTOMERS: u64 = 12;
const EVENTS: u64 = 240;

/// Status, headers and body of an answer, where there is one.
fn call(address: &str, line: &str, headers: &str, body: &Value) -> Option<(u16, String, Value)> {
    let mut stream = TcpStream::connect(address).ok()?;
    stream.set_read_timeout(Some(Duration::from_secs(120))).ok()?;
    let text = if body.is_null() { String::new() } else { body.to_string() };
    let length = text.len();
    let head = "Host: o\r\nConnection: close\r\n";
    write!(stream, "{line} HTTP/1.1\r\n{head}{headers}Content-Length: {length}\r\n\r\n{text}")
        .ok()?;
    let mut answer = String::new();
    stream.read_to_string(&mut answer).ok()?;
    let (head, body) = answer.split_once("\r\n\r\n")?;
    let status = head.split(' ').nth(1)?.parse().ok()?;
    Some((status, head.to_ascii_lowercase(), serde_json::from_str(body).unwrap_or(Value::Null)))
}

/// A page of usage.
fn usage(address: &str, query: &str, headers: &str) -> Option<Value> {
    let line = format!("GET /v1/usage?metric=calls{query}");
    let (status, _, body) = call(address, &line, headers, &Value::Null)?;
    (status == 200).then_some(body)
}

/// In whose name Zenskar's calls are made: the default tenant's.
const ORGANISATION: &str = "organisation: 3c90c3cc-0d44-4b50-8888-8dd25736052a\r\n";
const TENANTS: &str = r#"
tenants = [{ tenant = "default", zenskar_organisation = "3c90c3cc-0d44-4b50-8888-8dd25736052a" }]
"#;

/// Says that another process asks.
const FORWARDED: &str = "x-odometer-forwarded: 1\r\n";

/// Events of each customer and hour; no total may be there twice.
type Counts = BTreeMap<(String, String), u64>;

fn add(counts: &mut Counts, page: &Value) {
    for total in page["totals"].as_array().expect("a list") {
        let text = |value: &Value| value.as_str().expect("a text").to_owned();
        let key = (text(&total["customer"]), text(&total["period"]["start"]));
        let events = total["events"].as_u64().expect("a count");
        assert!(counts.insert(key, events).is_none(), "twice: {total}");
    }
}

fn counts(page: &Value) -> Counts {
    let mut counts = Counts::new();
    add(&mut counts, page);
    counts
}

/// All totals, page by page, and whether every page was complete.
fn paged(address: &str, limit: usize) -> (Counts, bool, usize) {
    let (mut found, mut cursor, mut pages, mut is_complete) =
        (Counts::new(), String::new(), 0, true);
    loop {
        let page = usage(address, &format!("&limit={limit}{cursor}"), "").expect("a page");
        add(&mut found, &page);
        pages += 1;
        is_complete &= page["complete"] == true;
        match page["next"].as_str() {
            Some(next) => cursor = format!("&cursor={next}"),
            None => return (found, is_complete, pages),
        }
    }
}

/// Partitions that a page looked at.
fn looked(page: &Value) -> BTreeSet<i64> {
    let tasks = page["as_of"].as_array().expect("a list").iter();
    tasks.map(|task| task["partition"].as_i64().expect("a number")).collect()
}

/// Partitions that it says are missing.
fn missing(scene: &Scene<'_>, page: &Value) -> BTreeSet<i64> {
    let mut all = BTreeSet::new();
    for topic in page["missing"].as_array().expect("a list") {
        assert_eq!(topic["topic"], scene.usage.as_str());
        let partitions = topic["partitions"].as_array().expect("their number is known");
        all.extend(partitions.iter().map(|number| number.as_i64().expect("a number")));
    }
    assert_eq!(page["complete"] == true, all.is_empty(), "{page}");
    all
}

fn customer(number: u64) -> String {
    format!("c{}", number % CUSTOMERS)
}

fn event(number: u64) -> Outgoing {
    let hour = number / CUSTOMERS % 5;
    let name = customer(number);
    let text = format!(
        r#"{{"id":"e{number}","type":"usage","customer":"{name}","time":"2026-03-01T{hour:02}:00:00Z"}}"#
    );
    let partition = i32::try_from(number % CUSTOMERS).expect("small") % PARTITIONS;
    Outgoing::keyed(&name, text).to(partition)
}

fn expected() -> Counts {
    let mut counts = Counts::new();
    for number in 0..EVENTS {
        let start = format!("2026-03-01T{:02}:00:00Z", number / CUSTOMERS % 5);
        *counts.entry((customer(number), start)).or_insert(0) += 1;
    }
    counts
}

/// One of the processes: where it listens, and a name of its own, so that its partitions wait for it.
fn configuration(scene: &Scene<'_>, address: &str, name: &str, peers: &[&str]) -> String {
    let text = scene.configuration(Some("earliest"), "1h");
    let peers: Vec<String> = peers.iter().map(|peer| format!("\"http://{peer}\"")).collect();
    let text =
        text.replace(&scene.admin, address) + &format!("peers = [{}]{TENANTS}", peers.join(", "));
    let text =
        text.replace("\"session.timeout.ms\" = \"3000\"", "\"session.timeout.ms\" = \"60000\"");
    text.replace("workers = 2", &format!("workers = 1\ninstance_id = \"{name}\""))
}

/// An amount by Zenskar's call, and whether it is told as the whole one.
fn estimate(address: &str, id: &str, customer: &str) -> (u64, bool, String) {
    let query = format!(
        "aggregate_id={id}&customer_id={customer}&start_date=2026-03-01&end_date=2026-04-01"
    );
    let line = format!("GET /aggregates/estimates?{query}");
    let (status, head, body) = call(address, &line, ORGANISATION, &Value::Null).expect("an answer");
    assert_eq!(status, 200, "{body}");
    let fields = body["value"]["fields"].as_array().expect("a list");
    let amount = fields.iter().map(|field| field["quantity"].as_u64().expect("a count")).sum();
    (amount, body["complete"] == true, head)
}

#[test]
fn two_processes_of_a_group_tell_what_they_are_without_or_ask_each_other() {
    let scene = Scene::new(Broker::shared(), PARTITIONS);
    let (first, second) = (scene.admin.clone(), free_address());
    // The first one knows the second, and that it is itself the first; the second one knows nobody.
    let mut one = Daemon::new(&configuration(&scene, &first, "one", &[&first, &second]), METRICS);
    let mut two = Daemon::new(&configuration(&scene, &second, "two", &[]), METRICS);
    one.start();
    two.start();
    let halves = wait::until("each has its half", WORK_LIMIT, || {
        let own = [&first, &second].map(|address| usage(address, "", FORWARDED));
        let [own, others] = own.map(|page| page.map(|page| looked(&page)).unwrap_or_default());
        (own.len() == 2 && others.len() == 2 && own.is_disjoint(&others)).then_some([own, others])
    });
    let body = json!({"name": "all", "dataschema": "", "cust_agg_query": "", "visual_query_builder": {},
        "aggregation_query": "SELECT COUNT(*) AS quantity FROM raw_metric_usage WHERE \
            customer_id = '{{customer.external_id}}' AND timestamp >= '{{start_date}}' AND timestamp < '{{end_date}}'",
        "datasource": ""});
    let (status, _, made) =
        call(&first, "POST /aggregates", ORGANISATION, &body).expect("an answer");
    assert_eq!(status, 200, "{made}");
    let id = made["id"].as_str().expect("an id").to_owned();
    wait::until("the other process knows it too", WORK_LIMIT, || {
        let line = format!("GET /aggregates/{id}");
        call(&second, &line, ORGANISATION, &Value::Null).filter(|(status, _, _)| *status == 200)
    });
    scene.produce((0..EVENTS).map(event));
    scene.await_done(&mut one);
    two.assert_running();

    // By itself each tells its half, and which one that is.
    let own = [usage(&first, "&limit=1000", FORWARDED), usage(&second, "&limit=1000", "")];
    let own = own.map(|page| page.expect("a page"));
    assert_eq!(missing(&scene, &own[0]), halves[1]);
    assert_eq!(missing(&scene, &own[1]), halves[0]);
    let mut both = counts(&own[0]);
    assert!(!both.is_empty() && both.len() < expected().len());
    add(&mut both, &own[1]);
    assert_eq!(both, expected());
    let warned = odometer(&two, &second);
    let numbers: Vec<String> = halves[0].iter().map(i64::to_string).collect();
    let words = format!("nobody looked at partitions {} of {}", numbers.join(", "), scene.usage);
    assert!(warned.contains(&words), "{warned}");

    // Who knows the other one tells all.
    let page = usage(&first, "&limit=1000", "").expect("a page");
    assert_eq!((missing(&scene, &page).len(), &page["unanswered"]), (0, &json!([])), "{page}");
    assert_eq!(counts(&page), expected());
    for limit in [1, 7] {
        let (found, is_complete, pages) = paged(&first, limit);
        assert_eq!((found, is_complete), (expected(), true), "by {limit}");
        assert!(pages > expected().len() / (limit + 4), "by {limit}: {pages} pages");
    }
    let of_each = EVENTS / CUSTOMERS;
    for number in 0..CUSTOMERS {
        let name = customer(number);
        let (amount, is_whole, _) = estimate(&first, &id, &name);
        assert_eq!((amount, is_whole), (of_each, true), "{name}");
        let (amount, is_whole, head) = estimate(&second, &id, &name);
        let partition = i64::try_from(number).expect("small") % i64::from(PARTITIONS);
        let known = if halves[1].contains(&partition) { of_each } else { 0 };
        assert_eq!((amount, is_whole), (known, false), "{name}");
        assert!(head.contains("not the whole amount"), "{head}");
    }

    // One of them is gone, and its partitions wait for it.
    two.kill();
    let page = usage(&first, "&limit=1000", "").expect("no failure of the call");
    assert_eq!(missing(&scene, &page), halves[1], "{page}");
    assert_eq!(page["unanswered"][0]["peer"], format!("http://{second}"), "{page}");
    assert_eq!(counts(&page), counts(&own[0]));
    let (found, is_complete, _) = paged(&first, 1);
    assert_eq!((found, is_complete), (counts(&own[0]), false));

    // It comes back, and knows the first one now.
    two.write("odometer.toml", &configuration(&scene, &second, "two", &[&first]));
    two.start();
    for address in [&first, &second] {
        wait::until("all is told again", WORK_LIMIT, || {
            usage(address, "&limit=1000", "").filter(|page| page["complete"] == true)
        });
        let (found, is_complete, _) = paged(address, 1);
        assert_eq!((found, is_complete), (expected(), true));
    }
    let (amount, is_whole, head) = estimate(&second, &id, &customer(0));
    assert_eq!((amount, is_whole), (of_each, true));
    assert!(!head.contains("not the whole amount"), "{head}");
    let warned = odometer(&two, &second);
    assert!(!warned.contains("not complete"), "{warned}");
    assert!(one.terminate().success() && two.terminate().success());
}

/// What `odometer usage` warns of.
fn odometer(daemon: &Daemon, address: &str) -> String {
    let program = std::process::Command::new(env!("CARGO_BIN_EXE_odometer"))
        .args(["usage", "--address", address, "--metric", "calls"])
        .current_dir(daemon.directory())
        .output()
        .expect("the program can be run");
    assert!(program.status.success(), "{program:?}");
    String::from_utf8(program.stderr).expect("text")
}
