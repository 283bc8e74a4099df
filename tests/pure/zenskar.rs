//! Zenskar's queries and builders as totals: each is compiled, read as a definition, and run over events in Zenskar's own form.
//!
//! What must come out was worked out by a database that ran the same queries over the same rows, or by hand where that has no
//! such function; on random rows it is worked out by a few lines of plain Rust beside each question.

use std::collections::BTreeMap;

use odometer::dialect::zenskar::{compile_query, read_submitted};
use odometer::format::{EventFormat, decode, event_of, events_of, parse};
use odometer::model::{Document, Span};
use serde_json::{Value, json};

use crate::driver::{Style, check, seeds};
use crate::oracle::{Options, Oracle, Outcome, Record};
use crate::worlds::{self, Dice};

/// Events of one table: customer, time, data.
const EVENTS: [(&str, &str, &str); 8] = [
    ("c1", "2026-03-01T00:00:00Z", r#"{"x":10,"region":"eu","ok":true,"user":"a"}"#),
    ("c1", "2026-03-01T12:00:00Z", r#"{"x":2.5,"region":"us","ok":false,"user":"b"}"#),
    ("c1", "2026-03-02T01:00:00Z", r#"{"x":-4,"region":"eu","ok":"true","user":"a"}"#),
    ("c1", "2026-03-02T02:00:00Z", r#"{"x":"7.25","ok":true,"user":"c"}"#),
    ("c1", "2026-03-05T10:00:00Z", r#"{"region":"us","ok":false,"user":null}"#),
    ("c1", "2026-03-31T23:59:59Z", r#"{"x":0.5,"region":"eu","ok":true,"user":"a"}"#),
    ("c1", "2026-04-01T00:00:00Z", r#"{"x":100,"region":"eu","ok":true,"user":"d"}"#),
    ("c2", "2026-03-03T08:00:00Z", r#"{"x":5,"region":"us","ok":true,"user":"a"}"#),
];

/// The same events as the engine's tests read them. Each is also read in Zenskar's form, which must find the same.
fn lines(table: &str, events: &[(String, String, String)]) -> String {
    let (zenskar, native) = (EventFormat::zenskar(), EventFormat::native());
    let mut text = String::new();
    for (place, (customer, time, data)) in events.iter().enumerate() {
        let theirs = format!(
            r#"{{"customer_id":"{customer}","timestamp":"{time}","data":{data},"slug":"{table}"}}"#
        );
        let ours = format!(
            r#"{{"id":"{place}","type":"{table}","customer":"{customer}","time":"{time}","properties":{data}}}"#
        );
        let (mut first, mut second) = (Document::default(), Document::default());
        let theirs = decode(theirs.as_bytes(), &mut first, &zenskar, "default").expect("an event");
        let read = decode(ours.as_bytes(), &mut second, &native, "default").expect("an event");
        assert_eq!(
            (&theirs.event_type, &theirs.customer, theirs.time),
            (&read.event_type, &read.customer, read.time)
        );
        text.push_str(&ours);
        text.push('\n');
    }
    text
}

fn table() -> String {
    let owned = EVENTS.map(|(customer, time, data)| (customer.into(), time.into(), data.into()));
    lines("usage", &owned)
}

/// A definitions file of what was compiled, billed by month.
fn definitions(metrics: impl IntoIterator<Item = (String, Value)>) -> String {
    let metrics = metrics.into_iter().map(|(code, mut metric)| {
        metric["code"] = json!(code);
        metric["period"] = json!("month");
        metric
    });
    json!({"metrics": metrics.collect::<Vec<_>>()}).to_string()
}

fn compiled(sql: &str) -> Value {
    let compiled = compile_query("aggregation_query", sql);
    Value::Object(compiled.unwrap_or_else(|faults| panic!("{sql}: {faults:?}")).native)
}

/// Runs the oracle, and the engine in several ways, which must agree.
fn run(definitions: &str, events: &str, seed: u64) -> Outcome {
    // Events come in any order, and none is too old.
    let dedup_window = Span::parse("400d").expect("a duration");
    let options = Options { dedup_window, ..Options::default() };
    let read = worlds::definitions(definitions);
    let outcome = Oracle::run(&read, &Record::lines(events.as_bytes()), options.clone());
    let world = (definitions, events.as_bytes(), &options);
    for style in [Style::plain(Some(3)), Style::stored(None, 20)] {
        check("zenskar", world, &outcome, &style, seed);
    }
    outcome
}

/// `customer month [group] value` of each total of a metric.
fn totals(outcome: &Outcome, code: &str) -> String {
    let of_metric = outcome.totals.iter().filter(|(key, _)| key.metric == code);
    let texts = of_metric.map(|(key, total)| {
        let groups = key.group.iter().map(|(_, text)| text.as_deref().unwrap_or("-").to_owned());
        let parts = [key.customer.clone(), key.start.to_string()[5..7].to_owned()];
        let value = total.value.clone().unwrap_or_else(|| "null".to_owned());
        parts.into_iter().chain(groups).chain([value]).collect::<Vec<_>>().join(" ")
    });
    in_order(texts)
}

fn in_order(texts: impl Iterator<Item = String>) -> String {
    let mut texts: Vec<String> = texts.collect();
    texts.sort();
    texts.join(", ")
}

/// What queries write for the customer and the period.
const BOUNDS: &str = "customer_id = '{{customer.external_id}}' AND timestamp >= '{{start_date}}' \
                      AND timestamp < '{{end_date}}'";

/// A query of one item over the table.
fn flat(item: &str) -> String {
    format!("SELECT {item} AS quantity FROM raw_metric_usage WHERE {BOUNDS}")
}

fn filtered(condition: &str) -> String {
    format!("{} AND ({condition})", flat("COUNT(*)"))
}

/// A sub-query that gives `m` for each day.
fn daily(inner: &str) -> String {
    format!(
        "(SELECT toStartOfDay(timestamp) AS day, {inner} AS m FROM raw_metric_usage WHERE {BOUNDS} \
         GROUP BY day)"
    )
}

/// Runs queries over the table, each with the totals that it must give.
#[track_caller]
fn check_totals(cases: &[(String, &str)]) {
    let code = |place: usize| format!("m{place:02}");
    let metrics = cases.iter().enumerate().map(|(place, (sql, _))| (code(place), compiled(sql)));
    let outcome = run(&definitions(metrics), &table(), 1);
    for (place, (sql, wanted)) in cases.iter().enumerate() {
        assert_eq!(&totals(&outcome, &code(place)), wanted, "{sql}");
    }
}

#[test]
fn aggregates_give_the_totals_that_a_database_gives() {
    check_totals(&[
        (flat("COUNT(*)"), "c1 03 6, c1 04 1, c2 03 1"),
        (flat("COUNT(data.x)"), "c1 03 5, c1 04 1, c2 03 1"),
        (flat("COUNT(DISTINCT data.user)"), "c1 03 3, c1 04 1, c2 03 1"),
        (flat("uniq(data.user)"), "c1 03 3, c1 04 1, c2 03 1"),
        (flat("SUM(data.x)"), "c1 03 16.25, c1 04 100, c2 03 5"),
        (flat("MIN(data.x)"), "c1 03 -4, c1 04 100, c2 03 5"),
        (flat("MAX(data.x)"), "c1 03 10, c1 04 100, c2 03 5"),
        (flat("AVG(data.x)"), "c1 03 3.25, c1 04 100, c2 03 5"),
        (flat("sumIf(data.x, data.ok = 'true')"), "c1 03 13.75, c1 04 100, c2 03 5"),
        (flat("countIf(data->>'ok' = 'true')"), "c1 03 4, c1 04 1, c2 03 1"),
        (flat("SUM(data.x) FILTER (WHERE data.region = 'eu')"), "c1 03 6.5, c1 04 100"),
        (flat("avgIf(data.x, data.region = 'eu')"), "c1 03 2.166666666666666667, c1 04 100"),
        (flat("minIf(data.x, data.x > 0)"), "c1 03 0.5, c1 04 100, c2 03 5"),
        (flat("maxIf(data.x, data.x < 10)"), "c1 03 7.25, c2 03 5"),
        (
            flat("SUM(CASE WHEN data.ok = 'true' THEN data.x END)"),
            "c1 03 13.75, c1 04 100, c2 03 5",
        ),
        (
            flat("SUM(CASE WHEN data.x > 3 THEN data.x * 2 ELSE 1 END)"),
            "c1 03 38.5, c1 04 200, c2 03 10",
        ),
        (flat("SUM(if(data.x > 3, data.x * 2, 1))"), "c1 03 38.5, c1 04 200, c2 03 10"),
        (flat("ROUND(SUM(data.x) / 4, 1)"), "c1 03 4.1, c1 04 25, c2 03 1.3"),
        (flat("SUM(data.x) / COUNT(*)"), "c1 03 2.708333333333333333, c1 04 100, c2 03 5"),
        (
            flat("100.0 * countIf(data.ok = 'true') / COUNT(*)"),
            "c1 03 66.666666666666666667, c1 04 100, c2 03 100",
        ),
        (flat("MAX(data.x) - COUNT(data.x)"), "c1 03 5, c1 04 99, c2 03 4"),
        (
            flat("CASE WHEN SUM(data.x) > 15 THEN SUM(data.x) - 15 ELSE 0 END"),
            "c1 03 1.25, c1 04 85, c2 03 0",
        ),
        (flat("SUM(COALESCE(data.x, 1))"), "c1 03 17.25, c1 04 100, c2 03 5"),
        (flat("SUM(abs(toFloat64(data.x)))"), "c1 03 24.25, c1 04 100, c2 03 5"),
        (flat("SUM(data.region = 'eu')"), "c1 03 3, c1 04 1, c2 03 0"),
        (flat("SUM((data.region = 'eu')::int)"), "c1 03 3, c1 04 1, c2 03 0"),
        (flat("AVG(data.region = 'eu')"), "c1 03 0.6, c1 04 1, c2 03 0"),
        (flat("MAX(data.x > 9)"), "c1 03 1, c1 04 1, c2 03 0"),
        (flat("(SUM(data.x) > 15) * 10"), "c1 03 10, c1 04 10, c2 03 0"),
        (flat("SUM(toDecimal64(data.x, 0))"), "c1 03 15, c1 04 100, c2 03 5"),
    ]);
}

#[test]
fn filters_and_functions_of_time_give_the_totals_of_a_database() {
    check_totals(&[
        (filtered("data.region = 'eu' OR data.user = 'c'"), "c1 03 4, c1 04 1"),
        (filtered("data.region <> 'eu'"), "c1 03 2, c2 03 1"),
        (filtered("data.region IS NULL"), "c1 03 1"),
        (filtered("data.user LIKE 'a%'"), "c1 03 3, c2 03 1"),
        (filtered("data.x BETWEEN 0 AND 10"), "c1 03 4, c2 03 1"),
        (filtered("NOT (data.region = 'eu')"), "c1 03 2, c2 03 1"),
        (filtered("data.x IN (10, 0.5)"), "c1 03 2"),
        (filtered("if(data.region = 'eu', data.x > 0, 1)"), "c1 03 5, c1 04 1, c2 03 1"),
        (filtered("COALESCE(data.region = 'eu', 1)"), "c1 03 4, c1 04 1"),
        (filtered("(data.region = 'eu') = 1"), "c1 03 3, c1 04 1"),
        (flat("argMax(data.x, timestamp)"), "c1 03 0.5, c1 04 100, c2 03 5"),
        (flat("argMin(data.x, timestamp)"), "c1 03 10, c1 04 100, c2 03 5"),
        (flat("quantile(0.5)(data.x)"), "c1 03 2.5, c1 04 100, c2 03 5"),
        (
            flat("percentile_disc(0.9) WITHIN GROUP (ORDER BY data.x)"),
            "c1 03 10, c1 04 100, c2 03 5",
        ),
    ]);
}

#[test]
fn buckets_and_groups_give_the_totals_of_a_database() {
    check_totals(&[
        (format!("SELECT SUM(m) FROM {}", daily("MAX(data.x)")), "c1 03 17.75, c1 04 100, c2 03 5"),
        (format!("SELECT AVG(m) FROM {}", daily("COUNT(*)")), "c1 03 1.5, c1 04 1, c2 03 1"),
        (
            format!("SELECT AVG(m) FROM {}", daily("countIf(data.ok = 'true')")),
            "c1 03 1, c1 04 1, c2 03 1",
        ),
        (
            format!("SELECT MIN(m) FROM {}", daily("sumIf(data.x, data.ok = 'true')")),
            "c1 03 0, c1 04 100, c2 03 5",
        ),
        (
            "WITH hours AS (SELECT date_trunc('hour', timestamp) AS h, SUM(data.x) AS m FROM usage \
             GROUP BY h) SELECT MAX(hours.m) * 2 FROM hours"
                .to_owned(),
            "c1 03 20, c1 04 200, c2 03 10",
        ),
        (
            "SELECT data.region AS dimension, SUM(data.x) AS quantity FROM usage GROUP BY 1".to_owned(),
            "c1 03 - 7.25, c1 03 eu 6.5, c1 03 us 2.5, c1 04 eu 100, c2 03 us 5",
        ),
        (
            "SELECT customer_id, data.region AS r, COUNT(*) FROM usage GROUP BY customer_id, r"
                .to_owned(),
            "c1 03 - 1, c1 03 eu 3, c1 03 us 2, c1 04 eu 1, c2 03 us 1",
        ),
        (
            "SELECT r, SUM(m) FROM (SELECT toDate(timestamp) AS d, data.region AS r, MAX(data.x) AS m \
             FROM usage GROUP BY d, r) GROUP BY r"
                .to_owned(),
            "c1 03 - 7.25, c1 03 eu 6.5, c1 03 us 2.5, c1 04 eu 100, c2 03 us 5",
        ),
        (
            "SELECT SUM(data.x) FROM usage WHERE timestamp < '{{end_date}}'".to_owned(),
            "c1 03 16.25, c1 04 116.25, c2 03 5, c2 04 5",
        ),
        (
            "SELECT COUNT(*) FROM usage WHERE timestamp < '{{end_date}}'".to_owned(),
            "c1 03 6, c1 04 7, c2 03 1, c2 04 1",
        ),
    ]);
}

#[test]
fn a_builder_gives_the_totals_of_its_query() {
    let builder = json!({
        "table_name": "raw_metric_usage",
        "visual_query": {"logic": "OR", "groups": [
            {"logic": "AND", "filters": [
                {"column": "data.region", "operator": "EQUALS", "value": "eu"},
                {"column": "data.x", "operator": "GREATER_THAN", "value": "0"}]},
            {"logic": "AND", "filters": [
                {"column": "data.ok", "operator": "NOT_EQUALS", "value": "true"},
                {"column": "data.x", "operator": "EXISTS", "value": null}]}]},
        "aggregate_operation": {"type": "SUM", "column": "data.x"},
        "customer_mapping": "customer_id", "start_date_mapping": "timestamp", "end_date_mapping": "timestamp"});
    let sql = "SELECT SUM(data.x) FROM usage WHERE (data.region = 'eu' AND data.x > 0) OR \
               (data.ok <> 'true' AND data.x IS NOT NULL)";
    let body = json!({"name": "n", "dataschema": "", "aggregation_query": "", "cust_agg_query": sql,
                      "visual_query_builder": builder, "datasource": ""});
    let submitted = read_submitted(&body.to_string()).expect("a sound body");
    assert!(submitted.compiled.warnings.is_empty(), "{:?}", submitted.compiled.warnings);
    let native = Value::Object(submitted.compiled.native);
    let metrics = [("built".to_owned(), native), ("asked".to_owned(), compiled(sql))];
    let outcome = run(&definitions(metrics), &table(), 2);
    assert_eq!(totals(&outcome, "built"), "c1 03 13, c1 04 100");
    assert_eq!(totals(&outcome, "asked"), totals(&outcome, "built"));
}

#[test]
fn a_table_is_the_topic_where_events_name_none() {
    let record = br#"{"customer_id":"c","timestamp":"2026-03-01T00:00:00Z","data":{"x":1}}"#;
    let mut document = Document::default();
    let text = parse(record, &mut document).expect("JSON");
    let origin = odometer::format::Origin {
        event_type: Some("usage"),
        ..odometer::format::Origin::of_tenant("default")
    };
    let mut found = Vec::new();
    events_of(text, &document, &EventFormat::zenskar(), &origin, &mut found);
    let event = found.remove(0).event.expect("an event");
    let metric = compiled("SELECT SUM(data.x) FROM raw_metric_usage");
    assert_eq!(metric["event_type"], json!(event.event_type));
    assert!(event_of(text, &document, &EventFormat::native(), "default").is_err());
}

/// A random row: what a question is worked out from.
struct Row {
    customer: usize,
    day: i64,
    hour: i64,
    /// In quarters.
    x: Option<i64>,
    region: Option<&'static str>,
    is_ok: bool,
}

/// A question in both forms, and what it comes to over the rows of one customer, month and group, in quarters.
struct Question {
    sql: &'static str,
    native: &'static str,
    is_split: bool,
    answer: fn(&[&Row]) -> Option<i64>,
}

fn values(rows: &[&Row]) -> Vec<i64> {
    rows.iter().filter_map(|row| row.x).collect()
}

fn count(rows: usize) -> Option<i64> {
    (rows > 0).then(|| 4 * i64::try_from(rows).expect("few"))
}

/// What the largest value of each day, or its sum, comes to.
fn by_day(rows: &[&Row], day: fn(&[i64]) -> i64) -> Vec<i64> {
    let mut days: BTreeMap<i64, Vec<i64>> = BTreeMap::new();
    for row in rows {
        if let Some(x) = row.x {
            days.entry(row.day).or_default().push(x);
        }
    }
    days.values().map(|values| day(values)).collect()
}

const QUESTIONS: [Question; 9] = [
    Question {
        sql: "SELECT COUNT(*) FROM t WHERE data.ok",
        native: r#"{"aggregation":"count","filter":"properties.ok = TRUE"}"#,
        is_split: false,
        answer: |rows| count(rows.iter().filter(|row| row.is_ok).count()),
    },
    Question {
        sql: "SELECT data.region, SUM(data.x) FROM t GROUP BY data.region",
        native: r#"{"aggregation":"sum","value":"properties.x","group_by":["region"]}"#,
        is_split: true,
        answer: |rows| {
            let values = values(rows);
            (!values.is_empty()).then(|| values.iter().sum())
        },
    },
    Question {
        sql: "SELECT sumIf(data.x, data.region IN ('eu', 'us')) * 2 FROM t",
        native: r#"{"aggregation":"sum","value":"properties.x","result":"2 * value",
                    "filter":"properties.region = 'eu' OR properties.region = 'us'"}"#,
        is_split: false,
        answer: |rows| {
            let rows = rows.iter().filter(|row| matches!(row.region, Some("eu" | "us")));
            let values: Vec<i64> = rows.filter_map(|row| row.x).collect();
            (!values.is_empty()).then(|| values.iter().sum::<i64>() * 2)
        },
    },
    Question {
        sql: "SELECT MAX(if(data.ok, data.x, -data.x)) FROM t WHERE NOT data.x = 0",
        native: r#"{"aggregation":"max","filter":"properties.x <> 0",
                    "value":"CASE WHEN properties.ok THEN properties.x ELSE 0 - properties.x END"}"#,
        is_split: false,
        answer: |rows| {
            let rows = rows.iter().filter_map(|row| Some((row.is_ok, row.x?)));
            rows.filter(|(_, x)| *x != 0).map(|(is_ok, x)| if is_ok { x } else { -x }).max()
        },
    },
    Question {
        sql: "SELECT COUNT(DISTINCT data.x) FROM t",
        native: r#"{"aggregation":"unique_count","value":"properties.x"}"#,
        is_split: false,
        answer: |rows| {
            let mut values = values(rows);
            values.sort_unstable();
            values.dedup();
            count(values.len())
        },
    },
    Question {
        sql: "SELECT SUM(m) FROM (SELECT toDate(timestamp) AS d, MAX(data.x) AS m FROM t GROUP BY d)",
        native: r#"{"aggregation":"sum","value":"properties.x","inner":{"aggregation":"max","every":"day"}}"#,
        is_split: false,
        answer: |rows| {
            let days = by_day(rows, |values| *values.iter().max().expect("not empty"));
            (!days.is_empty()).then(|| days.iter().sum())
        },
    },
    Question {
        sql: "WITH q AS (SELECT data.region AS r, SUM(data.x) AS m FROM t GROUP BY r, timestamp::date)
              SELECT r, MIN(m) AS quantity FROM q GROUP BY r",
        native: r#"{"aggregation":"min","value":"properties.x","group_by":["region"],
                    "inner":{"aggregation":"sum","every":"day"}}"#,
        is_split: true,
        answer: |rows| by_day(rows, |values| values.iter().sum()).into_iter().min(),
    },
    Question {
        sql: "SELECT percentile_disc(0.9) WITHIN GROUP (ORDER BY data.x) FROM t",
        native: r#"{"aggregation":"percentile","percentile":90,"value":"properties.x"}"#,
        is_split: false,
        answer: |rows| {
            let mut values = values(rows);
            values.sort_unstable();
            let rank = (values.len() * 9).div_ceil(10);
            rank.checked_sub(1).map(|place| values[place])
        },
    },
    Question {
        sql: "SELECT argMax(data.x, timestamp) FROM t",
        native: r#"{"aggregation":"latest","value":"properties.x"}"#,
        is_split: false,
        answer: |rows| {
            let rows = rows.iter().filter(|row| row.x.is_some());
            // Of equal times the one read last.
            rows.max_by_key(|row| (row.day, row.hour)).and_then(|row| row.x)
        },
    },
];

fn rows(dice: &mut Dice) -> Vec<Row> {
    let count = dice.below(60);
    let row = |dice: &mut Dice| Row {
        customer: dice.below(3),
        day: dice.between(1, 59),
        hour: dice.between(0, 23),
        x: dice.chance(85).then(|| dice.between(-20, 20)),
        region: *dice.pick(&[Some("eu"), Some("us"), Some("ap"), None]),
        is_ok: dice.chance(60),
    };
    (0..count).map(|_| row(dice)).collect()
}

fn quarters(value: i64) -> String {
    let sign = if value < 0 { "-" } else { "" };
    let fraction = ["", ".25", ".5", ".75"][usize::try_from(value.abs() % 4).expect("small")];
    format!("{sign}{}{fraction}", value.abs() / 4)
}

/// January has 31 days, and so the rest is in February.
fn event(row: &Row) -> (String, String, String) {
    let (month, day) = if row.day > 31 { (2, row.day - 31) } else { (1, row.day) };
    let mut data = json!({"ok": row.is_ok, "region": row.region}).to_string();
    if let Some(x) = row.x {
        data.insert_str(1, &format!("\"x\":{},", quarters(x)));
    }
    let time = format!("2026-{month:02}-{day:02}T{:02}:00:00Z", row.hour);
    (format!("c{}", row.customer), time, data)
}

/// The totals of a question, as [`totals`] writes them.
fn answers(question: &Question, rows: &[Row]) -> String {
    let mut keys: BTreeMap<(usize, i64, Option<&str>), Vec<&Row>> = BTreeMap::new();
    for row in rows {
        let group = row.region.filter(|_| question.is_split);
        keys.entry((row.customer, 1 + row.day / 32, group)).or_default().push(row);
    }
    let texts = keys.into_iter().filter_map(|((customer, month, group), rows)| {
        let group =
            if question.is_split { format!(" {}", group.unwrap_or("-")) } else { String::new() };
        let value = quarters((question.answer)(&rows)?);
        Some(format!("c{customer} {month:02}{group} {value}"))
    });
    in_order(texts)
}

#[test]
fn a_question_has_one_answer_in_both_forms() {
    for seed in seeds(60) {
        println!("ODOMETER_SEED={seed}");
        let mut dice = Dice::new(seed);
        let rows = rows(&mut dice);
        let events: Vec<_> = rows.iter().map(event).collect();
        let metrics = QUESTIONS.iter().enumerate().flat_map(|(place, question)| {
            let mut native: Value = serde_json::from_str(question.native).expect("JSON");
            native["event_type"] = json!("t");
            [(format!("native{place}"), native), (format!("sql{place}"), compiled(question.sql))]
        });
        let outcome = run(&definitions(metrics), &lines("t", &events), seed);
        for (place, question) in QUESTIONS.iter().enumerate() {
            let wanted = answers(question, &rows);
            assert_eq!(
                totals(&outcome, &format!("sql{place}")),
                wanted,
                "{seed}: {}",
                question.sql
            );
            assert_eq!(
                totals(&outcome, &format!("native{place}")),
                wanted,
                "{seed}: {}",
                question.native
            );
        }
    }
}

/// What a random scalar is.
#[derive(Clone, Copy)]
enum Sort {
    Number,
    Text,
    Truth,
}

/// A random scalar of so many levels; now and then its parts are of another sort than is wanted.
fn scalar(dice: &mut Dice, sort: Sort, levels: usize) -> String {
    if levels == 0 {
        let leaves: &[&str] = match sort {
            Sort::Number => &["data.x", "data->'o'->>'k'", "1.5", "-2", "NULL", "data.x::int"],
            Sort::Text => {
                &["data.x", "customer_id", "'text'", "'it''s'", "JSONExtractString(data, 'k')"]
            }
            Sort::Truth => {
                &["data.select", "data.\"a.b\"", "TRUE", "NULL", "JSONExtractBool(data, 'k')"]
            }
        };
        return dice.text(leaves);
    }
    let mut part = |sort: Sort| {
        let others = [Sort::Number, Sort::Text, Sort::Truth];
        let sort = if dice.below(30) == 0 { others[dice.below(3)] } else { sort };
        scalar(dice, sort, levels - 1)
    };
    let (a, b) = (part(Sort::Number), part(Sort::Number));
    let (text, truth, same, other) = (part(Sort::Text), part(Sort::Truth), part(sort), part(sort));
    let form = dice.below(6);
    match (sort, form) {
        (_, 0) => format!("if({truth}, {same}, {other})"),
        (_, 1) => format!("CASE WHEN {a} > {b} THEN {same} END"),
        (_, 2) => format!("coalesce({same}, {other})"),
        (_, 3) => format!("CASE {a} WHEN {b} THEN {same} ELSE {other} END"),
        (Sort::Number, 4) => {
            let forms = ["round(toFloat64(?), 2)", "toDecimal64(?, 3)", "CAST(? AS DECIMAL(12,7))"];
            dice.text(&forms).replace('?', &a)
        }
        (Sort::Number, _) => format!("(nullif({a}, {b}) % {b} + {truth} * {a})"),
        (Sort::Text, 4) => format!("({text} || {a})"),
        (Sort::Text, _) => format!("concat(lower({text}), toString({a}))"),
        (Sort::Truth, 4) => format!("({a} IN ({b}, 1) OR NOT {text} IS NULL)"),
        (Sort::Truth, _) => format!("(lower({text}) LIKE 'a_%' AND {a} BETWEEN {b} AND 9)"),
    }
}

fn aggregate(dice: &mut Dice, scalar: &str) -> String {
    let forms = [
        "COUNT(*)",
        "COUNT(?)",
        "COUNT(DISTINCT ?)",
        "SUM(?)",
        "MIN(?)",
        "MAX(?)",
        "AVG(?)",
        "uniq(?)",
        "countIf(? = 1)",
        "sumIf(?, ? > 2)",
        "avgIf(data.x, ?)",
        "quantile(0.05)(?)",
        "percentile_cont(1e-3) WITHIN GROUP (ORDER BY ?)",
        "argMax(?, timestamp)",
        "first_value(?)",
        "SUM(?) FILTER (WHERE data.ok)",
        "percentile_disc(0.1234567890123456) WITHIN GROUP (ORDER BY ?)",
    ];
    dice.text(&forms).replace('?', scalar)
}

/// A random query, nearly always one that is accepted.
fn random_query(dice: &mut Dice) -> String {
    let levels = dice.below(4);
    let sort = if dice.below(2) == 0 { Sort::Number } else { Sort::Truth };
    let value = scalar(dice, sort, levels);
    let aggregate = aggregate(dice, &value);
    let condition = scalar(dice, Sort::Number, levels);
    let filter = match dice.below(4) {
        0 => String::new(),
        1 => format!("WHERE {condition} = 3 AND timestamp >= {{{{start_date}}}}"),
        2 => format!("WHERE timestamp < '{{{{end_date}}}}' AND ({condition}) IS NOT NULL"),
        _ => format!(
            "WHERE timestamp BETWEEN {{{{start_date}}}} AND {{{{end_date}}}} OR {condition} <> 1"
        ),
    };
    let result =
        dice.text(&["?", "? * 2 - 1", "ROUND(? / 3, 2)", "? / COUNT(*)", "COALESCE(?, 0)"]);
    match dice.below(3) {
        0 => format!("SELECT {} FROM t {filter}", result.replace('?', &aggregate)),
        1 => {
            let column = dice.text(&["data.g", "data.\"x y\"", "data->'a'->>'b'", "customer_id"]);
            format!(
                "SELECT {column} AS dimension, {aggregate} AS quantity FROM t {filter} GROUP BY 1"
            )
        }
        _ => {
            let bucket = dice.text(&[
                "toDate(timestamp)",
                "date_trunc('week', timestamp)",
                "toStartOfInterval(timestamp, INTERVAL 6 HOUR)",
                "toStartOfFiveMinutes(timestamp)",
            ]);
            let outer =
                dice.text(&["SUM(m)", "MAX(m) / 2", "MIN(m)", "AVG(m)", "quantile(0.9)(m)"]);
            format!(
                "SELECT {outer} FROM (SELECT {bucket} AS b, {aggregate} AS m FROM t {filter} GROUP BY b)"
            )
        }
    }
}

#[test]
fn what_is_accepted_is_a_sound_definition() {
    let mut accepted = 0;
    for seed in seeds(3_000) {
        let sql = random_query(&mut Dice::new(seed));
        let Ok(compiled) = compile_query("aggregation_query", &sql) else { continue };
        // Panics where it is not.
        let file = definitions([("m".to_owned(), Value::Object(compiled.native))]);
        assert_eq!(worlds::definitions(&file).metrics.len(), 1, "{sql}");
        accepted += 1;
    }
    assert!(accepted > 1_000, "only {accepted} of 3000 are accepted");
}

/// The blocks of a page, each with its language.
fn blocks(page: &str) -> Vec<(&str, &str)> {
    let fenced = page.split("\n```").skip(1).step_by(2);
    fenced.filter_map(|block| block.split_once('\n')).collect()
}

#[test]
fn every_query_of_the_page_is_the_definition_beside_it() {
    let page = include_str!("../../docs/moving-from-zenskar.md");
    let blocks = blocks(page);
    let mut count = 0;
    for pair in blocks.windows(2) {
        let [("text", sql), (language, definition)] = pair else { continue };
        if !sql.starts_with("SELECT") && !sql.starts_with("WITH") {
            continue;
        }
        assert_eq!(*language, "toml", "{sql}");
        let mut file: Value = toml::from_str(definition).expect("TOML");
        let metric = file["metrics"][0].as_object_mut().expect("a metric");
        for key in ["code", "period"] {
            assert!(metric.remove(key).is_some(), "{definition}");
        }
        assert_eq!(compiled(sql), file["metrics"][0], "{sql}");
        count += 1;
    }
    assert_eq!(count, 5, "queries on the page");
}
