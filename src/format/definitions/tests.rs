//! Definition files as people write them: what is understood, and every fault by its text.

use proptest::prelude::*;

use super::{describe, read};
use crate::definition::{
    AggregationKind, DeclaredValues, Definitions, Fill, LatePolicy, Metric, OtherValues,
    PeriodUnit, full_meaning, state_meaning,
};
use crate::model::{EventTime, Span};

#[track_caller]
fn understood(name: &str, text: &str) -> Definitions {
    read(&[(name, text)]).unwrap_or_else(|faults| {
        let lines: Vec<String> = faults.iter().map(ToString::to_string).collect();
        panic!("{text}\nis faulty:\n{}", lines.join("\n"))
    })
}

/// The only metric of a file of TOML that begins with `[[metrics]]`.
#[track_caller]
fn metric(body: &str) -> Metric {
    let mut metrics = understood("m.toml", &format!("[[metrics]]\n{body}")).metrics;
    assert_eq!(metrics.len(), 1, "one metric");
    metrics.remove(0)
}

#[track_caller]
fn faults(name: &str, text: &str) -> Vec<String> {
    let faults = read(&[(name, text)]).expect_err("the text is faulty");
    faults.iter().map(ToString::to_string).collect()
}

/// The only fault of a metric, without file, line and entry.
#[track_caller]
fn check_fault(body: &str, expected: &str) {
    check_faults(body, &[expected]);
}

#[track_caller]
fn check_faults(body: &str, expected: &[&str]) {
    let text = format!("[[metrics]]\n{body}");
    let found = read(&[("m.toml", &text)]).expect_err("the text is faulty");
    let found: Vec<String> = found
        .iter()
        .map(|fault| {
            let inside = fault.place.split_once(": ").map_or("", |(_, inside)| inside);
            let path = inside.split_once(": ").map_or("", |(_, path)| path);
            format!("{path}: {}", fault.message).trim_start_matches(": ").to_owned()
        })
        .collect();
    assert_eq!(found, expected, "{text}");
}

const COUNT: &str = "code = 'm'\naggregation = 'count'\n";
const SUM: &str = "code = 'm'\naggregation = 'sum'\nvalue = 'properties.v'\n";

#[test]
fn ten_faults_are_ten_lines() {
    let text = r#"
[[metrics]]
code = ""
aggregation = "summ"
vallue = "properties.v"

[[metrics]]
code = "llm"
aggregation = "max"
value = "properties.v +"
period = "15m"
anchor = 40
grace = 5
recurring = true

[[metrics]]
code = "llm"
aggregation = "count"
inner = { aggregation = "sum", every = "fortnight" }

[[customers]]
timezone = "Mars"
"#;
    let expected: [&str; 12] = [""; 12];
    assert_eq!(faults("m.toml", text), expected);
}

#[test]
fn a_metric_needs_little() {
    let metric = metric(COUNT);
    assert_eq!((&*metric.tenant, &*metric.code, &*metric.event_type), ("default", "m", "m"));
    assert_eq!(metric.aggregation, AggregationKind::Count);
    assert!(metric.filter.is_none() && metric.value.is_none() && metric.inner.is_none());
    assert!(metric.group_by.is_empty() && !metric.is_recurring && !metric.is_prorated);
    assert_eq!(metric.calendar.to_string(), "month, UTC");
    assert_eq!((metric.grace, metric.late), (Span::ZERO, LatePolicy::Correct));
    assert_eq!((metric.rounding, metric.effective_from), (None, None));
}

#[test]
fn the_documented_example_is_understood() {
    let metric = metric(
        r#"
code = "llm_tokens"                     # unique per tenant
name = "LLM tokens"
description = "billed tokens"
event_type = "llm_call"                 # default: the code
filter = "properties.status < 500 AND properties.model <> 'internal'"
aggregation = "sum"
value = "properties.input + 3 * properties.output"   # required unless count
group_by = ["model", { property = "region", values = ["eu", "us"], other = "bucket" }]
period = "month"                        # default
timezone = "Europe/Berlin"
anchor = 1
grace = "24h"                           # default "0s"
late = "correct"
rounding = { function = "ceil", precision = 0 }
"#,
    );
    assert_eq!(metric.name.as_deref(), Some("LLM tokens"));
    assert_eq!(metric.event_type, "llm_call");
    assert_eq!(metric.grace, Span::from_seconds(86_400));
    let [model, region] = &*metric.group_by else { panic!("two dimensions") };
    assert_eq!((&*model.path.text, &model.values), ("model", &None));
    let declared = DeclaredValues::Any(vec!["eu".to_owned(), "us".to_owned()]);
    assert_eq!((&region.values, region.other), (&Some(declared), OtherValues::Bucket));
}

#[test]
fn one_definition_reads_alike_in_every_syntax() {
    let toml = "[[metrics]]\ncode = 'p'\naggregation = 'percentile'\npercentile = 99.9\nvalue = 'properties.v'\n\
                inner = { aggregation = 'sum', every = '5m', fill = 'zero' }\n\
                [[customers]]\ncustomer = 'c'\nanchor = 15\n";
    let json = r#"{"metrics": [{"code": "p", "aggregation": "percentile", "percentile": 99.9,
        "value": "properties.v", "inner": {"aggregation": "sum", "every": "5m", "fill": "zero"}}],
        "customers": [{"customer": "c", "anchor": 15}]}"#;
    let yaml = "metrics:\n- code: p\n  aggregation: percentile\n  percentile: 99.9\n  value: properties.v\n  \
                inner: {aggregation: sum, every: 5m, fill: zero}\ncustomers:\n- customer: c\n  anchor: 15\n";
    let files =
        [("m.toml", toml), ("m.json", json), ("m.yaml", yaml), ("m.yml", yaml), ("m", json)];
    let meanings: Vec<(String, usize)> = files
        .iter()
        .map(|(name, text)| {
            let read = understood(name, text);
            (full_meaning(&read.metrics[0]), read.customers.len())
        })
        .collect();
    assert!(meanings.iter().all(|meaning| *meaning == meanings[0]), "{meanings:?}");
    assert!(meanings[0].0.contains("\npercentile 99.9\n"), "{}", meanings[0].0);
}

#[test]
fn files_add_up_to_one_set() {
    let first = "[[metrics]]\ncode = 'a'\naggregation = 'count'\neffective_from = 2026-05-01T00:00:00+02:00\n\
                 [[metrics]]\ncode = 'b'\naggregation = 'count'\n";
    let second = "{\"metrics\": [{\"code\": \"a\", \"aggregation\": \"count\"}]}";
    let read = read(&[("one.toml", first), ("two.json", second)]).expect("no faults");
    let begins: Vec<(&str, Option<String>)> = read
        .metrics
        .iter()
        .map(|metric| (&*metric.code, metric.effective_from.map(|time| time.to_string())))
        .collect();
    let begin = "2026-04-30T22:00:00Z".to_owned();
    assert_eq!(begins, [("a", None), ("a", Some(begin)), ("b", None)]);
}

#[test]
fn files_without_definitions_are_sound() {
    for (name, text) in [("m.toml", "# soon\n"), ("m.json", "{}"), ("m.yaml", ""), ("m.yml", "# x")]
    {
        assert!(understood(name, text).metrics.is_empty());
    }
    assert_eq!(understood("m.json", "\u{feff}{\"dialect\": \"native\"}").metrics.len(), 0);
}

#[test]
fn faults_of_files() {
    let check = |name: &str, text: &str, expected: &str| {
        assert_eq!(faults(name, text), [expected], "{text}");
    };
    check("m.toml", "a = 1\n\nb = = 2", "");
    check("m.json", "{\"metrics\": [\n  {\"code\" 1}]}", "");
    check("m.yaml", "metrics:\n  - a\n - b", "");
    check("m.txt", "metrics: [", "");
    check("m.json", "[]", "");
    check("m.json", "{\"metrics\": {}}", "");
    check("m.json", "{\"metrics\": [5]}", "");
    check("m.json", "{\"metrics\": [],\n\"metrics\": []}", "");
    check("m.json", "{\"dialect\": \"lagoon\", \"metrics\": [{\"x\": 1}]}", "");
    check("m.toml", "metric = []", "");
    check("m.toml", "[[metrics]]\nké = 'é'\ncode = 'm'\naggregation = 'count'\nvoid = 1", "");
}

#[test]
fn faults_of_names() {
    check_fault("aggregation = 'count'", "");
    check_fault("code = 5\naggregation = 'count'", "");
    check_fault(&format!("code = '{}'\naggregation = 'count'", "é".repeat(256)), "");
    check_fault("code = \"a\\tb\"\naggregation = 'count'", "");
    check_fault(&format!("code = '{}'\naggregation = 'count'", "日".repeat(200)), "");
    check_fault(&format!("{COUNT}event_type = ''"), "");
    check_fault(&format!("{COUNT}tenant = '{}'", "x".repeat(513)), "");
    check_fault(&format!("{COUNT}topic = ''"), "");
    check_fault(&format!("{COUNT}name = 1979-05-27"), "");
}

#[test]
fn faults_of_aggregations() {
    check_fault("code = 'm'", "");
    check_fault("code = 'm'\naggregation = 'median'\nvalue = '1'", "");
    check_fault("code = 'm'\naggregation = 'sum'", "");
    check_fault(&format!("{COUNT}value = '1'"), "");
    check_fault(&format!("{SUM}operation = 'op'"), "");
    check_fault(&format!("{SUM}percentile = 5"), "");
    check_fault("code = 'm'\naggregation = 'percentile'\nvalue = '1'", "");
    for share in ["0", "-1", "100.1", "1e-19", "inf", "'x'", "true"] {
        let body = format!("code='m'\naggregation='percentile'\nvalue='1'\npercentile = {share}");
        let found = faults("m.toml", &format!("[[metrics]]\n{body}"));
        assert!(found.len() == 1 && found[0].contains("over 0 and at most 100"), "{found:?}");
    }
    check_fault(&format!("{SUM}rounding = 'ceil'"), "");
    check_fault(&format!("{SUM}rounding = {{ precision = 2 }}"), "");
    check_fault(&format!("{SUM}rounding = {{ function = 'up', precision = 19 }}"), "");
    check_fault(&format!("{SUM}rounding = {{ function = 'ceil', precision = 1.5 }}"), "");
    check_fault(&format!("{SUM}filter = ''"), "");
    check_fault(&format!("{SUM}result = 'properties.v'"), "");
}

#[test]
fn faults_of_recurring_metrics() {
    check_fault("code='m'\naggregation='max'\nvalue='1'\nrecurring = true", "");
    check_fault(&format!("{SUM}recurring = true\nperiod = 'hour'"), "");
    check_fault(&format!("{SUM}recurring = true\nperiod = '1d'"), "");
    check_fault(
        &format!("{SUM}recurring = true\ninner = {{ aggregation = 'max', every = 'day' }}"),
        "",
    );
    check_fault(&format!("{SUM}prorated = true"), "");
    check_fault("code='m'\naggregation='latest'\nvalue='1'\nrecurring = true\nprorated = true", "");
    check_fault(&format!("{SUM}recurring = 'yes'"), "");
    assert!(!metric(&format!("{COUNT}recurring = false\nprorated = false")).is_recurring);
}

#[test]
fn faults_of_buckets() {
    check_fault(&format!("{SUM}inner = {{ every = 'day' }}"), "");
    check_fault(&format!("{SUM}inner = {{ aggregation = 'weighted_sum', every = 'day' }}"), "");
    check_fault(&format!("{SUM}inner = {{ aggregation = 'max' }}"), "");
    check_fault(&format!("{SUM}inner = {{ aggregation = 'max', every = '400d' }}"), "");
    check_fault(
        &format!("{SUM}inner = {{ aggregation = 'max', every = 'day', fill = 'null' }}"),
        "",
    );
    check_fault(
        &format!("{SUM}inner = {{ aggregation = 'max', every = 'day', percentile = 5 }}"),
        "",
    );
    check_fault(&format!("{SUM}inner = {{ aggregation = 'percentile', every = 'day' }}"), "");
    check_fault(&format!("{SUM}inner = {{ aggregation = 'count', every = 'day' }}"), "");
    check_fault(&format!("{COUNT}inner = {{ aggregation = 'max', every = 'day' }}"), "");
    let counted = "code='m'\naggregation='avg'\ninner = { aggregation = 'count', every = 'day', fill = 'none' }";
    let inner = metric(counted).inner.expect("an inner aggregation");
    assert_eq!((inner.every, inner.fill), (PeriodUnit::Day, Fill::Skip));
    // Rule 4.5: a bucket across a border of the period is cut there.
    metric(&format!("{SUM}period = 'day'\ninner = {{ aggregation = 'max', every = 'week' }}"));
}

#[test]
fn faults_of_calendars() {
    check_fault(&format!("{COUNT}period = 'fortnight'"), "");
    check_fault(&format!("{COUNT}period = '500ms'"), "");
    check_fault(&format!("{COUNT}period = 15"), "");
    check_fault(&format!("{COUNT}period = 'week'\nanchor = 1"), "");
    check_fault(&format!("{COUNT}anchor = 32"), "");
    check_fault(&format!("{COUNT}anchor_month = 2"), "");
    check_fault(&format!("{COUNT}period = 'year'\nanchor_month = 13"), "");
    check_fault(&format!("{COUNT}timezone = 'Berlin'"), "");
    check_fault(&format!("{COUNT}grace = '-1h'"), "");
    check_fault(&format!("{COUNT}late = 'refuse'"), "");
    check_fault(&format!("{COUNT}effective_from = 2026-03-01T00:00:00"), "");
    check_fault(&format!("{COUNT}effective_from = '1969-12-31T23:59:59Z'"), "");
    check_faults(&format!("{COUNT}period = 'x'\nanchor = 32\ntimezone = 'y'"), &["", "", ""]);
}

#[test]
fn faults_of_groups() {
    let check = |group_by: &str, expected: &str| {
        check_fault(&format!("{COUNT}group_by = {group_by}"), expected);
    };
    check("'model'", "");
    check("[5]", "");
    check("['']", "");
    check("['a', '\"a\"']", "");
    check(&format!("[{}]", (0..17).map(|n| format!("'p{n}'")).collect::<Vec<_>>().join(", ")), "");
    check("[{ values = ['x'] }]", "");
    check("[{ property = 'a', other = 'drop' }]", "");
    check("[{ property = 'a', values = [] }]", "");
    check("[{ property = 'a', values = ['x', 'x'] }]", "");
    check("[{ property = 'a', values = ['x', 1] }]", "");
    check(&format!("[{{ property = 'a', values = ['{}'] }}]", "x".repeat(257)), "");
    check("[{ property = 'a', values = { x = ['y'] } }]", "");
    check("[{ property = 'a', values = ['x'], other = 'null' }]", "");
    check("['a', { property = 'b', within = 'a' }]", "");
    check("['a', { property = 'b', within = 'c', values = { x = ['y'] } }]", "");
    check("[{ property = 'b', within = 'b', values = { x = ['y'] } }]", "");
    check("['a', { property = 'b', within = 'a', values = ['x'] }]", "");
    check("['a', { property = 'b', within = 'a', values = {} }]", "");
    check("['a', { property = 'b', within = 'a', values = { x = 'y' } }]", "");
    check("['a', { property = 'b', within = 'a', values = { x = ['y', 'y'] } }]", "");
    check("[{ property = 'a', valeus = ['x'] }]", "");
    // Rule 5.5: the dimension applies there, and takes nothing.
    metric(&format!(
        "{COUNT}group_by = ['a', {{ property = 'b', within = '\"a\"', values = {{ x = [] }} }}]"
    ));
}

#[test]
fn faults_between_versions() {
    let check = |second: &str, expected: &[&str]| {
        let text = format!("[[metrics]]\n{SUM}[[metrics]]\n{SUM}{second}");
        assert_eq!(faults("m.toml", &text), expected, "{text}");
    };
    check("", &[""]);
    check("effective_from = '2026-03-01T00:00:00Z'\nrecurring = true", &[""]);
    check("effective_from = '2026-03-01T00:00:00Z'\ntopic = 'other'", &[""]);
    let third = format!(
        "effective_from = '2026-03-01T00:00:00Z'\n[[metrics]]\n{COUNT}effective_from = 2026-03-01T01:00:00+01:00"
    );
    check(&third, &[""]);
    // Another tenant's metric is another one, and so is another case of letters.
    understood("m.toml", &format!("[[metrics]]\n{COUNT}[[metrics]]\n{COUNT}tenant = 't'"));
    understood(
        "m.toml",
        "[[metrics]]\ncode='m'\naggregation='count'\n[[metrics]]\ncode='M'\naggregation='count'",
    );
}

#[test]
fn a_faulty_version_still_counts_as_one() {
    let text = format!("[[metrics]]\n{COUNT}period = 'x'\n[[metrics]]\n{COUNT}");
    assert_eq!(faults("m.toml", &text).len(), 2);
}

#[test]
fn faults_of_customers() {
    let check = |body: &str, expected: &str| {
        assert_eq!(faults("m.toml", &format!("[[customers]]\n{body}")), [expected], "{body}");
    };
    check("anchor = 1", "");
    check("customer = 'c'\nperiod = 'day'", "");
    check("customer = 'c'\nanchor = 0", "");
    check("customer = 'c'\ntimezone = 'x'", "");
    check("customer = 'c'\nzone = 'UTC'", "");
    check("customer = 'c'\n[[customers]]\ncustomer = 'c'\nanchor = 2", "");
    check(
        "customer = 'c'\neffective_from = 2026-03-01T00:00:00Z\n[[customers]]\ncustomer = 'c'\n\
         effective_from = '2026-03-01T01:00:00+01:00'",
        "",
    );
}

#[test]
fn customers_stand_by_begin() {
    let text = "[[customers]]\ncustomer = 'c'\nanchor = 3\neffective_from = 2026-03-01T00:00:00Z\n\
                [[customers]]\ncustomer = 'd'\n\
                [[customers]]\ncustomer = 'c'\nperiod = 'week'\nanchor = 31\nanchor_month = 6\n\
                [[customers]]\ncustomer = 'c'\ntenant = 't'\n";
    let read = understood("m.toml", text);
    let order: Vec<(&str, &str, Option<u8>)> = read
        .customers
        .iter()
        .map(|calendar| (&*calendar.tenant, &*calendar.customer, calendar.anchor))
        .collect();
    let expected = [
        ("default", "c", Some(31)),
        ("default", "c", Some(3)),
        ("default", "d", None),
        ("t", "c", None),
    ];
    assert_eq!(order, expected);
}

#[test]
fn spelling_has_no_meaning() {
    let plain = metric(&format!(
        "{SUM}filter = 'properties.a = 1'\ngroup_by = [{{ property = 'r', values = ['x', 'y'] }}]"
    ));
    let other = metric(
        "code = 'm'\nname = 'M'\ndescription = 'd'\nevent_type = 'm'\ntenant = 'default'\naggregation = 'sum'\n\
         value = ' (properties . v) '\nfilter = 'event.properties.a=1'\nperiod = 'month'\ntimezone = 'UTC'\nanchor = 1\n\
         grace = '1h'\nlate = 'drop'\ngroup_by = [{ property = 'r', values = ['y', 'x'], other = 'bucket' }]",
    );
    assert_eq!(full_meaning(&plain), full_meaning(&other));
}

#[test]
fn every_field_that_changes_numbers_has_a_meaning() {
    let base = "code = 'm'\naggregation = 'sum'\n";
    let plain = metric(&format!("{base}value = 'properties.v'"));
    let changes = [
        ("value = 'properties.w'", true),
        ("value = 'properties.v'\ngroup_by = ['a']", true),
        ("value = 'properties.v'\ninner = { aggregation = 'max', every = 'day' }", true),
        ("value = 'properties.v'\nfilter = 'properties.a = 1'", false),
        ("value = 'properties.v'\nevent_type = 'x'", false),
        ("value = 'properties.v'\nrecurring = true", false),
        ("value = 'properties.v'\nrecurring = true\nprorated = true", false),
        ("value = 'properties.v'\nresult = 'value + 1'", false),
        ("value = 'properties.v'\nrounding = { function = 'ceil' }", false),
        ("value = 'properties.v'\nrounding = { function = 'ceil', precision = 1 }", false),
        ("value = 'properties.v'\nperiod = 'day'", false),
        ("value = 'properties.v'\nperiod = '1d'", false),
        ("value = 'properties.v'\ntimezone = 'Europe/Berlin'", false),
        ("value = 'properties.v'\nanchor = 2", false),
        ("value = 'properties.v'\nperiod = 'year'\nanchor_month = 2", false),
        ("value = 'properties.v'\neffective_from = 2026-03-01T00:00:00Z", false),
        ("value = 'properties.v'\ntopic = 't'", false),
    ];
    let mut meanings = vec![full_meaning(&plain)];
    for (change, changes_state) in changes {
        let changed = metric(&format!("{base}{change}"));
        let is_same_state = state_meaning(&plain) == state_meaning(&changed);
        assert_eq!(is_same_state, !changes_state, "{change}");
        let meaning = full_meaning(&changed);
        assert!(!meanings.contains(&meaning), "{change}");
        meanings.push(meaning);
    }
}

#[test]
fn descriptions_say_all_that_was_understood() {
    let text = r#"
[[metrics]]
code = "llm_tokens"
name = "LLM tokens"
event_type = "llm_call"
filter = "properties.status < 500"
aggregation = "sum"
value = "properties.input + 3 * properties.output"
group_by = ["model", { property = "region", values = ["eu", "us"] }, { property = "country", within = "region", values = { eu = ["fr", "de"], us = [] }, other = "drop" }]
timezone = "Europe/Berlin"
grace = "24h"
rounding = { function = "ceil", precision = -2 }

[[metrics]]
code = "burst"
description = "two\nlines"
aggregation = "percentile"
percentile = 95
value = "properties.bytes"
inner = { aggregation = "sum", every = "5m", fill = "zero" }
period = "week"

[[metrics]]
code = "burst"
aggregation = "unique_count"
value = "properties.user"
operation = "op"
recurring = false
result = "value / 2"
late = "carry"
effective_from = 2026-03-10T00:00:00Z

[[customers]]
customer = "acme"
timezone = "America/New_York"
anchor = 15

[[customers]]
customer = "acme corporation"
tenant = "t"
effective_from = 2026-03-10T00:00:00Z
"#;
    let at = EventTime::parse_rfc3339("2026-03-05T00:00:00Z").expect("an instant");
    let words = describe(&understood("m.toml", text), at);
    assert_eq!(words, "");
}

/// Pieces of definitions, so that chance meets every reader of a field.
fn definitions() -> impl Strategy<Value = String> {
    let keys = prop::sample::select(super::metric::KEYS.to_vec());
    let values = prop::sample::select(vec![
        "1",
        "-1",
        "99.9",
        "'sum'",
        "'count'",
        "'unique_count'",
        "'percentile'",
        "'day'",
        "'15m'",
        "'properties.v'",
        "true",
        "[]",
        "['a', 'a']",
        "['a', { property = 'b', within = 'a', values = { x = ['y'] } }]",
        "''",
        "{ aggregation = 'sum', every = 'day' }",
        "{ function = 'ceil' }",
        "2026-03-01T00:00:00Z",
        "'UTC'",
    ]);
    let line = (keys, values).prop_map(|(key, value)| format!("{key} = {value}\n"));
    let entry = prop::collection::vec(line, 0..12).prop_map(|lines| {
        format!("[[metrics]]\ncode = 'm'\naggregation = 'sum'\n{}", lines.concat())
    });
    prop::collection::vec(entry, 1..4).prop_map(|entries| entries.concat())
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 1_000, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn any_bytes_are_definitions_or_faults(bytes in any::<Vec<u8>>(), file in definitions()) {
        let bytes = String::from_utf8_lossy(&bytes).into_owned();
        for text in [bytes, file] {
            for name in ["m.toml", "m.json", "m.yaml", "m"] {
                match read(&[(name, &text)]) {
                    Ok(read) => { describe(&read, EventTime::EARLIEST); }
                    Err(faults) => prop_assert!(!faults.is_empty()),
                }
            }
        }
    }
}
