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

#[test]
fn columns_count_characters() {
    let rounding = "rounding = { function = 'é', precision = 99 }";
    let text = format!("[[metrics]]\ncode = 'é'\naggregation = 'count'\n{rounding}");
    let expected = [
        "m.toml:4:25: metrics[0] (code \"é\"): rounding.function: expected round, ceil or floor, found text \"é\"",
        "m.toml:4:42: metrics[0] (code \"é\"): rounding.precision: expected a whole number from -18 to 18, found \
         number 99",
    ];
    assert_eq!(faults("m.toml", &text), expected);
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
value = 5
period = "15m"
anchor = 4
grace = 5

[[metrics]]
code = "llm"
aggregation = "count"
inner = { aggregation = "sum", every = "fortnight" }

[[customers]]
timezone = "Europe/Berlin"
"#;
    let expected = [
        r#"m.toml:3:8: metrics[0] (code ""): code: is empty: expected a text of 1 to 255 characters"#,
        r#"m.toml:4:15: metrics[0] (code ""): aggregation: expected count, sum, min, max, avg, latest, first, unique_count, weighted_sum or percentile, found text "summ""#,
        r#"m.toml:5:10: metrics[0] (code ""): unknown key "vallue": did you mean "value"?"#,
        r#"m.toml:10:9: metrics[1] (code "llm"): value: expected a text in quotes, found number 5"#,
        r#"m.toml:12:10: metrics[1] (code "llm"): anchor: goes with periods month, quarter and year, not with 15m: leave it out"#,
        r#"m.toml:13:9: metrics[1] (code "llm"): grace: expected a whole number and one of ms, s, m, h, d, w, such as "24h", at most "106751991d", found number 5"#,
        r#"m.toml:15:1: metrics[2] (code "llm"): metrics[1] (code "llm") is of the same metric and has no effective_from either: each version needs an effective_from of its own, only the first may lack it"#,
        r#"m.toml:18:9: metrics[2] (code "llm"): inner: goes with aggregations sum, min, max, avg, percentile outside, not with count"#,
        r#"m.toml:18:40: metrics[2] (code "llm"): inner.every: expected minute, hour, day, week, month, quarter, year or a length from 1s to 366d such as "15m", found text "fortnight""#,
        "m.toml:20:1: customers[0]: customer is missing: say whose calendar it is",
    ];
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
    check("m.toml", "a = 1\n\nb = = 2", "m.toml:3:5: is no TOML: extra `=`, expected nothing");
    assert_eq!(
        faults(
            "m.toml",
            "[[metrics]]\ncode = \"a\"\naggregation = \"count\"\nlate = \"z\"\n\"code\" = \"b\"\n\
             [[metrics]]\ncode = \"c\"\naggregation = \"count\"\nperiod = \"x\""
        ),
        [
            "m.toml:4:8: metrics[0] (code \"a\"): late: expected correct, carry or drop, found text \"z\"",
            "m.toml:5:1: metrics[0] (code \"a\"): code: stands twice in one table: keep one of them",
            "m.toml:9:10: metrics[1] (code \"c\"): period: expected minute, hour, day, week, month, quarter, year or a length from 1s to 366d such as \"15m\", found text \"x\"",
        ],
        "a key that stands twice hides no other fault"
    );
    for (twice, said) in [
        (
            "[metrics.rounding]\nfunction = \"round\"\n[metrics.rounding]\n",
            "6:10: metrics[0] (code \"a\"): rounding: stands twice in one table: keep one of them",
        ),
        (
            "rounding = {}\nrounding.precision = 2\n\n",
            "5:1: is no TOML: cannot extend value of type inline table with a dotted key",
        ),
    ] {
        let text = format!(
            "[[metrics]]\ncode = \"a\"\naggregation = \"count\"\n{twice}[[metrics]]\ncode = \"c\"\naggregation = \"x\""
        );
        let found = faults("m.toml", &text);
        assert!(found.contains(&format!("m.toml:{said}")), "{found:?}");
        let last = found.last().expect("a fault");
        assert!(
            last.starts_with("m.toml:9:15: metrics[1] (code \"c\"): aggregation: expected"),
            "{found:?}"
        );
    }
    check("m.json", "{\"metrics\": [\n  {\"code\" 1}]}", "m.json:2:11: is no JSON: expected `:`");
    check(
        "m.yaml",
        "metrics:\n  - a\n - b",
        "m.yaml:3:2: is no YAML: while parsing a block mapping, did not find expected key",
    );
    check(
        "m.txt",
        "metrics: [",
        "m.txt:1:10: is no YAML (the name ends in none of .toml .json .yaml .yml: by its first line): unclosed bracket '['",
    );
    check(
        "m.json",
        "[]",
        "m.json:1:1: expected a table with metrics, customers, dialect, defaults, found a list",
    );
    check(
        "m.json",
        "{\"metrics\": {}}",
        "m.json:1:13: metrics: expected a list of metrics, found a table",
    );
    check(
        "m.json",
        "{\"metrics\": [5]}",
        "m.json:1:14: metrics[0]: expected a table, found number 5",
    );
    check(
        "m.json",
        "{\"metrics\": [],\n\"metrics\": []}",
        "m.json:2:12: metrics: stands twice in one table: keep one of them",
    );
    check(
        "m.json",
        "{\"dialect\": \"lagoon\", \"metrics\": [{\"x\": 1}]}",
        "m.json:1:13: dialect: expected native, lago, maple or zenskar, found text \"lagoon\"",
    );
    check(
        "m.toml",
        "metric = []",
        "m.toml:1:10: unknown key \"metric\": did you mean \"metrics\"?",
    );
}

#[test]
fn table_that_comes_twice_is_told_where_it_is_and_once() {
    let metric = "aggregation = 'count'\n[metrics.rounding]\nfunction = 'ceil'\n";
    let again = "[metrics.rounding]\nfunction = 'floor'\nprecision = 99\n";
    let text = format!("[[metrics]]\ncode = 'a'\n{metric}[[metrics]]\ncode = 'b'\n{metric}{again}");
    assert_eq!(
        faults("m.toml", &text),
        [
            "m.toml:11:10: metrics[1] (code \"b\"): rounding: stands twice in one table: keep one of them",
            "m.toml:13:13: metrics[1] (code \"b\"): rounding.precision: expected a whole number from -18 to 18, found number 99",
        ]
    );
    let thrice = faults("m.toml", &format!("{text}{again}"));
    assert_eq!(thrice.len(), 3, "{thrice:#?}");
    assert!(thrice[2].starts_with("m.toml:14:10: metrics[1] (code \"b\"): rounding: stands twice"));
}

#[test]
fn table_with_the_key_of_a_list_hides_no_fault_of_that() {
    let text = "[[metrics]]\ncode = 'a'\nperiod = 'x'\n[ metrics ] # one\ncode = 'b'\nperiod = 'y'\n\
                [metrics.rounding]\nfunction = 'z'\n[metrics]\ncode = 'c'\n[[metrics]]\ncode = 'd'\nlate = 'z'";
    let found = faults("m.toml", text);
    let told = |begin: &str| found.iter().filter(|fault| fault.starts_with(begin)).count();
    let header =
        "is no TOML: duplicate key: it is that of a list of tables, to which [[metrics]] adds one";
    for begin in [
        "m.toml:3:10: metrics[0] (code \"a\"): period: expected",
        &format!("m.toml:4:3: {header}"),
        "m.toml:6:10: metrics[1] (code \"b\"): period: expected",
        "m.toml:8:12: metrics[1] (code \"b\"): rounding.function: expected",
        &format!("m.toml:9:2: {header}"),
        "m.toml:13:8: metrics[3] (code \"d\"): late: expected",
    ] {
        assert_eq!(told(begin), 1, "{begin}: {found:#?}");
    }
    // And that each lacks its aggregation.
    assert_eq!(found.len(), 10, "{found:#?}");
}

#[test]
fn faults_of_names() {
    check_fault("aggregation = 'count'", "code is missing: give the metric a name of its own");
    check_fault(
        "code = 5\naggregation = 'count'",
        "code: expected a text in quotes, found number 5",
    );
    check_fault(
        &format!("code = '{}'\naggregation = 'count'", "é".repeat(256)),
        "code: has 256 characters: at most 255 are possible",
    );
    check_fault(
        "code = \"a\\tb\"\naggregation = 'count'",
        "code: holds the control character U+0009: leave it out",
    );
    check_fault(
        &format!("code = '{}'\naggregation = 'count'", "日".repeat(200)),
        "event_type is missing: the code has over 512 bytes and cannot serve as one",
    );
    check_fault(
        &format!("{COUNT}event_type = ''"),
        "event_type: is empty: expected a text of 1 to 512 bytes",
    );
    check_fault(
        &format!("{COUNT}tenant = '{}'", "x".repeat(513)),
        "tenant: has 513 bytes: at most 512 are possible",
    );
    check_fault(
        &format!("{COUNT}topic = ''"),
        "topic: is empty: expected the name of a source topic",
    );
    check_fault(
        &format!("{COUNT}name = 1979-05-27"),
        "name: expected a text in quotes, found time 1979-05-27",
    );
}

#[test]
fn faults_of_aggregations() {
    check_fault(
        "code = 'm'",
        "aggregation is missing: say how events become a number, such as sum or count",
    );
    check_fault(
        "code = 'm'\naggregation = 'median'\nvalue = '1'",
        "aggregation: expected count, sum, min, max, avg, latest, first, unique_count, weighted_sum or percentile, found text \"median\"",
    );
    check_fault(
        "code = 'm'\naggregation = 'sum'",
        "value is missing: sum needs one, such as \"properties.units\"",
    );
    check_fault(
        &format!("{COUNT}value = '1'"),
        "value: aggregation is count, which looks at no value: leave it out, or use another such as sum",
    );
    check_fault(
        &format!("{SUM}operation = 'op'"),
        "operation: goes with aggregation unique_count alone, not with sum: leave it out",
    );
    check_fault(
        &format!("{SUM}percentile = 5"),
        "percentile: goes with aggregation percentile alone, not with sum: leave it out",
    );
    check_fault(
        "code = 'm'\naggregation = 'percentile'\nvalue = '1'",
        "percentile is missing: give a number over 0 and at most 100, such as 95",
    );
    for share in ["0", "-1", "100.1", "1e-19", "inf", "'x'", "true"] {
        let body = format!("code='m'\naggregation='percentile'\nvalue='1'\npercentile = {share}");
        let found = faults("m.toml", &format!("[[metrics]]\n{body}"));
        assert!(found.len() == 1 && found[0].contains("over 0 and at most 100"), "{found:?}");
    }
    check_fault(
        &format!("{SUM}rounding = 'ceil'"),
        "rounding: expected a table with function, precision, found text \"ceil\"",
    );
    check_fault(
        &format!("{SUM}rounding = {{ precision = 2 }}"),
        "rounding: function is missing: one of round, ceil, floor",
    );
    check_fault(
        &format!("{SUM}rounding = {{ function = 'round', precision = 19 }}"),
        "rounding.precision: expected a whole number from -18 to 18, found number 19",
    );
    check_fault(
        &format!("{SUM}rounding = {{ function = 'ceil', precision = 1.5 }}"),
        "rounding.precision: expected a whole number from -18 to 18, found number 1.5",
    );
    for (field, text) in [("filter", "+"), ("result", "properties.v"), ("operation", ".")] {
        let body = format!("code='m'\naggregation='unique_count'\nvalue='1'\n{field} = '{text}'");
        let found = faults("m.toml", &format!("[[metrics]]\n{body}"));
        assert!(found.len() == 1 && found[0].contains(&format!(": {field}: ")), "{found:?}");
    }
}

#[test]
fn a_grammar_is_that_of_one_expression() {
    let form = |body: &str| {
        let metric = metric(body);
        let filter = metric.filter.map(|filter| filter.normal_form()).unwrap_or_default();
        [metric.value.expect("a value").normal_form(), filter]
    };
    let sum = "code = 'm'\naggregation = 'sum'\n";
    let filter = "filter = 'COALESCE(properties.a, 1) = 1'";
    assert_eq!(
        form(&format!("{sum}value = 'event.properties.v * 2'\ngrammar = 'lago'\n{filter}")),
        ["event.properties.v * 2", "COALESCE(properties.a, 1) = 1"]
    );
    assert_eq!(
        form(&format!("{SUM}filter = 'contains(id, type)'\ngrammar = 'maple'")),
        ["properties.v", "CONTAINS(id, type)"]
    );
    assert_eq!(
        form(&format!("{SUM}grammar = 'native'\n{filter}")),
        form(&format!("{SUM}{filter}"))
    );
    check_fault(
        &format!("{SUM}grammar = 'sql'"),
        "grammar: expected native, lago or maple, found text \"sql\"",
    );
    check_fault(
        &format!("{COUNT}grammar = 'lago'"),
        "grammar: lago is a grammar of value, which is missing (filter is always native): leave it out",
    );
    check_fault(
        &format!("{SUM}grammar = 'maple'"),
        "grammar: maple is a grammar of filter, which is missing (value is always native): leave it out",
    );
    check_faults(
        "code = 'm'\naggregation = 'sum'\nvalue = 'properties.v'\nfilter = 'event.code \\ 2'\ngrammar = 'lago'",
        &[
            "value: unknown name `properties.v`: names are event.code, event.timestamp and event.properties.NAME \
             (line 1, column 1)",
            "filter: `\\` is not known here: operators are + - * / % || = <> != < <= > >= AND OR NOT IN BETWEEN LIKE \
             ILIKE IS NULL (line 1, column 12)",
        ],
    );
    let words = "no condition, whatever the event holds: it is true or false when compared, as in properties.key > 0";
    check_fault(
        &format!("{SUM}filter = 'properties.a > 0 AND 1'"),
        &format!("filter: {words} (line 1, column 22)"),
    );
    check_fault(
        &format!("{SUM}filter = '1'\ngrammar = 'maple'"),
        &format!("filter: {words} (line 1, column 1)"),
    );
}

#[test]
fn faults_of_recurring_metrics() {
    check_fault(
        "code='m'\naggregation='max'\nvalue='1'\nrecurring = true",
        "recurring: goes with aggregations sum, latest, unique_count, weighted_sum, not with max",
    );
    check_fault(
        &format!("{SUM}recurring = true\nperiod = 'hour'"),
        "recurring: goes with periods day, week, month, quarter, year, not with hour",
    );
    check_fault(
        &format!("{SUM}recurring = true\nperiod = '1d'"),
        "recurring: goes with periods day, week, month, quarter, year, not with 1d",
    );
    check_fault(
        &format!("{SUM}recurring = true\ninner = {{ aggregation = 'max', every = 'day' }}"),
        "recurring: does not go with inner: leave one of them out",
    );
    check_fault(
        &format!("{SUM}prorated = true"),
        "prorated: needs recurring to be true: only what carries over has days",
    );
    check_fault(
        "code='m'\naggregation='latest'\nvalue='1'\nrecurring = true\nprorated = true",
        "prorated: goes with aggregations sum, unique_count, not with latest",
    );
    check_fault(
        &format!("{SUM}recurring = 'yes'"),
        "recurring: expected true or false, found text \"yes\"",
    );
    assert!(!metric(&format!("{COUNT}recurring = false\nprorated = false")).is_recurring);
}

#[test]
fn faults_of_buckets() {
    check_fault(
        &format!("{SUM}inner = {{ every = 'day' }}"),
        "inner: aggregation is missing: say how the events of a bucket become a number",
    );
    check_fault(
        &format!("{SUM}inner = {{ aggregation = 'weighted_sum', every = 'day' }}"),
        "inner.aggregation: expected count, sum, min, max, avg, latest, first, unique_count or percentile, found text \"weighted_sum\"",
    );
    check_fault(
        &format!("{SUM}inner = {{ aggregation = 'max' }}"),
        "inner: every is missing: give the length of a bucket, such as day or \"5m\"",
    );
    check_fault(
        &format!("{SUM}inner = {{ aggregation = 'max', every = '400d' }}"),
        "inner.every: expected minute, hour, day, week, month, quarter, year or a length from 1s to 366d such as \"15m\", found text \"400d\"",
    );
    check_fault(
        &format!("{SUM}inner = {{ aggregation = 'max', every = 'day', fill = 'null' }}"),
        "inner.fill: expected skip or zero, found text \"null\"",
    );
    check_fault(
        &format!("{SUM}inner = {{ aggregation = 'max', every = 'day', percentile = 5 }}"),
        "inner.percentile: goes with aggregation percentile alone, not with max: leave it out",
    );
    check_fault(
        &format!("{SUM}inner = {{ aggregation = 'percentile', every = 'day' }}"),
        "inner: percentile is missing: give a number over 0 and at most 100, such as 95",
    );
    check_fault(
        &format!("{SUM}inner = {{ aggregation = 'count', every = 'day' }}"),
        "value: inner.aggregation is count, which looks at no value: leave it out, or use another such as sum",
    );
    check_fault(
        &format!("{COUNT}inner = {{ aggregation = 'max', every = 'day' }}"),
        "inner: goes with aggregations sum, min, max, avg, percentile outside, not with count",
    );
    let counted = "code='m'\naggregation='avg'\ninner = { aggregation = 'count', every = 'day', fill = 'skip' }";
    let inner = metric(counted).inner.expect("an inner aggregation");
    assert_eq!((inner.every, inner.fill), (PeriodUnit::Day, Fill::Skip));
    // Rule 4.5: a bucket across a border of the period is cut there.
    metric(&format!("{SUM}period = 'day'\ninner = {{ aggregation = 'max', every = 'week' }}"));
}

#[test]
fn faults_of_calendars() {
    check_fault(
        &format!("{COUNT}period = 'fortnight'"),
        "period: expected minute, hour, day, week, month, quarter, year or a length from 1s to 366d such as \"15m\", found text \"fortnight\"",
    );
    check_fault(
        &format!("{COUNT}period = '500ms'"),
        "period: expected minute, hour, day, week, month, quarter, year or a length from 1s to 366d such as \"15m\", found text \"500ms\"",
    );
    check_fault(
        &format!("{COUNT}period = 15"),
        "period: expected minute, hour, day, week, month, quarter, year or a length from 1s to 366d such as \"15m\", found number 15",
    );
    check_fault(
        &format!("{COUNT}period = 'week'\nanchor = 1"),
        "anchor: goes with periods month, quarter and year, not with week: leave it out",
    );
    check_fault(
        &format!("{COUNT}anchor = 32"),
        "anchor: expected a whole number from 1 to 31, found number 32",
    );
    check_fault(
        &format!("{COUNT}anchor_month = 2"),
        "anchor_month: goes with periods quarter and year, not with month: leave it out",
    );
    check_fault(
        &format!("{COUNT}period = 'year'\nanchor_month = 13"),
        "anchor_month: expected a whole number from 1 to 12, found number 13",
    );
    check_fault(
        &format!("{COUNT}timezone = 'Berlin'"),
        "timezone: no time zone is named \"Berlin\"; an IANA name such as Europe/Berlin is",
    );
    check_fault(
        &format!("{COUNT}grace = '-1h'"),
        "grace: expected a whole number and one of ms, s, m, h, d, w, such as \"24h\", at most \"106751991d\", found text \"-1h\"",
    );
    check_fault(
        &format!("{COUNT}late = 'refuse'"),
        "late: expected correct, carry or drop, found text \"refuse\"",
    );
    check_fault(
        &format!("{COUNT}effective_from = 2026-03-01T00:00:00"),
        "effective_from: expected an instant of RFC 3339 such as \"2026-03-01T00:00:00Z\" (1970 to 9998), found time 2026-03-01T00:00:00",
    );
    check_fault(
        &format!("{COUNT}effective_from = '1969-12-31T23:59:59Z'"),
        "effective_from: expected an instant of RFC 3339 such as \"2026-03-01T00:00:00Z\" (1970 to 9998), found text \"1969-12-31T23:59:59Z\"",
    );
    check_faults(
        &format!("{COUNT}period = 'x'\nanchor = 32\ntimezone = 'y'"),
        &[
            "period: expected minute, hour, day, week, month, quarter, year or a length from 1s to 366d such as \"15m\", found text \"x\"",
            "anchor: expected a whole number from 1 to 31, found number 32",
            "timezone: no time zone is named \"y\"; an IANA name such as Europe/Berlin is",
        ],
    );
}

#[test]
fn faults_of_groups() {
    let check = |group_by: &str, expected: &str| {
        check_fault(&format!("{COUNT}group_by = {group_by}"), expected);
    };
    check("'model'", "group_by: expected a list of properties, found text \"model\"");
    check(
        "[5]",
        "group_by[0]: expected a property's name, or a table with property and values, found number 5",
    );
    check("['a', '\"a\"']", "group_by[1]: groups by \"a\" a second time: leave one of them out");
    check(
        &format!("[{}]", (0..17).map(|n| format!("'p{n}'")).collect::<Vec<_>>().join(", ")),
        "group_by: has 17 dimensions: at most 16",
    );
    check("[{ values = ['x'] }]", "group_by[0]: property is missing: name the property");
    check(
        "[{ property = 'a', other = 'drop' }]",
        "group_by[0].other: needs values: without these there are no other ones",
    );
    check(
        "[{ property = 'a', values = [] }]",
        "group_by[0].values: is empty: leave it out to take any value",
    );
    check(
        "[{ property = 'a', values = ['x', 'x'] }]",
        "group_by[0].values[1]: \"x\" stands twice: leave one of them out",
    );
    check(
        "[{ property = 'a', values = ['x', 1] }]",
        "group_by[0].values[1]: expected a text in quotes, found number 1",
    );
    check(
        &format!("[{{ property = 'a', values = ['{}'] }}]", "x".repeat(257)),
        "group_by[0].values[0]: has 257 bytes: at most 256",
    );
    check(
        "[{ property = 'a', values = { x = ['y'] } }]",
        "group_by[0].values: expected a list of texts, found a table, which goes with within",
    );
    check(
        "[{ property = 'a', values = ['x'], other = 'null' }]",
        "group_by[0].other: expected bucket or drop, found text \"null\"",
    );
    check(
        "['a', { property = 'b', within = 'a' }]",
        "group_by[1].within: needs values: a table of lists, one for each value",
    );
    check(
        "['a', { property = 'b', within = 'c', values = { x = ['y'] } }]",
        "group_by[1].within: names no earlier dimension: c (one of a)",
    );
    check(
        "[{ property = 'b', within = 'b', values = { x = ['y'] } }]",
        "group_by[0].within: names no earlier dimension: b (there is none before this one)",
    );
    check(
        "['a', { property = 'b', within = 'a', values = ['x'] }]",
        "group_by[1].values: expected a table of lists, one for each value of the dimension in within, found a list",
    );
    check(
        "['a', { property = 'b', within = 'a', values = {} }]",
        "group_by[1].values: is empty: the dimension would never apply",
    );
    check(
        "['a', { property = 'b', within = 'a', values = { x = 'y' } }]",
        "group_by[1].values.x: expected a list of texts, found text \"y\"",
    );
    check(
        "['a', { property = 'b', within = 'a', values = { x = ['y', 'y'] } }]",
        "group_by[1].values.x[1]: \"y\" stands twice: leave one of them out",
    );
    check(
        "[{ property = 'a', valeus = ['x'] }]",
        "group_by[0]: unknown key \"valeus\": did you mean \"values\"?",
    );
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
    check(
        "\n",
        &[
            "m.toml:5:1: metrics[1] (code \"m\"): metrics[0] (code \"m\") is of the same metric and has no effective_from either: each version needs an effective_from of its own, only the first may lack it",
        ],
    );
    let third = format!(
        "effective_from = '2026-03-01T00:00:00Z'\n[[metrics]]\n{COUNT}effective_from = 2026-03-01T01:00:00+01:00"
    );
    check(
        &third,
        &[
            "m.toml:10:1: metrics[2] (code \"m\"): metrics[1] (code \"m\") is of the same metric and has the same effective_from 2026-03-01T00:00:00Z: each version needs an effective_from of its own, only the first may lack it",
        ],
    );
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
    check("anchor = 1", "m.toml:1:1: customers[0]: customer is missing: say whose calendar it is");
    check(
        "customer = 'c'\nperiod = 'day'",
        "m.toml:3:10: customers[0] (customer \"c\"): period: expected week, month, quarter or year, found text \"day\"",
    );
    check(
        "customer = 'c'\nanchor = 0",
        "m.toml:3:10: customers[0] (customer \"c\"): anchor: expected a whole number from 1 to 31, found number 0",
    );
    check(
        "customer = 'c'\ntimezone = 'x'",
        "m.toml:3:12: customers[0] (customer \"c\"): timezone: no time zone is named \"x\"; an IANA name such as Europe/Berlin is",
    );
    check(
        "customer = 'c'\nzone = 'UTC'",
        "m.toml:3:8: customers[0] (customer \"c\"): unknown key \"zone\": the keys here are customer, tenant, period, timezone, anchor, anchor_month, effective_from",
    );
    check(
        "customer = 'c'\n[[customers]]\ncustomer = 'c'\nanchor = 2",
        "m.toml:3:1: customers[1] (customer \"c\"): customers[0] (customer \"c\") is of the same customer and has no effective_from either: keep one of them",
    );
    check(
        "customer = 'c'\neffective_from = 2026-03-01T00:00:00Z\n[[customers]]\ncustomer = 'c'\n\
         effective_from = '2026-03-01T01:00:00+01:00'",
        "m.toml:4:1: customers[1] (customer \"c\"): customers[0] (customer \"c\") is of the same customer and has the same effective_from 2026-03-01T00:00:00Z: keep one of them",
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

/// Hashes of this text stand in stored state: a change of its form is a change of every metric's meaning.
#[test]
fn the_form_of_meanings_stays() {
    let metric = metric(
        r#"
code = 'm "1"'
event_type = 'x'
topic = 'usage'
filter = 'type = customer'
aggregation = 'percentile'
percentile = 99.90
value = 'properties.v'
inner = { aggregation = 'percentile', percentile = '50', every = '90m', fill = 'zero' }
result = 'value'
rounding = { function = 'floor' }
group_by = ['a."b.c"', { property = 'r', values = ['y', 'x'], other = 'drop' },
    { property = 'k', within = 'r', values = { y = [], x = ['2', '1'] } }]
period = 'quarter'
timezone = 'Europe/Berlin'
anchor = 15
anchor_month = 2
effective_from = 2026-03-01T00:00:00Z
"#,
    );
    assert_eq!(full_meaning(&metric), MEANING.trim_start());
}

const MEANING: &str = r#"
aggregation percentile
percentile 99.9
inner percentile
inner_percentile 50
every 90m
fill zero
value "properties.v"
dimension "a"."b.c" any
dimension "r" drop "x" "y"
dimension "k" bucket within 1 "x": "1" "2"; "y":;
tenant "default"
code "m \"1\""
event_type "x"
topic "usage"
filter "type = customer"
recurring false
prorated false
result "value"
rounding floor
precision 0
dimension_name "a.\"b.c\""
dimension_name "r"
dimension_name "k"
period quarter
timezone "Europe/Berlin"
anchor 15
anchor_month 2
effective_from 2026-03-01T00:00:00Z
"#;

#[test]
fn every_field_that_changes_numbers_has_a_meaning() {
    let base = "code = 'm'\naggregation = 'sum'\n";
    let plain = metric(&format!("{base}value = 'properties.v'"));
    let changes = [
        ("value = 'properties.w'", true),
        ("value = 'event.properties.v'\ngrammar = 'lago'", true),
        ("value = \"'1' + 1\"", true),
        ("value = \"'1' + 1\"\ngrammar = 'lago'", true),
        ("value = 'properties.v'\ngroup_by = ['a']", true),
        ("value = 'properties.v'\ninner = { aggregation = 'max', every = 'day' }", true),
        ("value = 'properties.v'\nfilter = 'properties.a = 1'", false),
        ("value = 'properties.v'\nfilter = 'CONTAINS(properties.a, id)'\ngrammar = 'maple'", false),
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
        let other = metric(&format!("{base}{change}"));
        let is_same_state = state_meaning(&plain) == state_meaning(&other);
        assert_eq!(is_same_state, !changes_state, "{change}");
        let meaning = full_meaning(&other);
        assert!(!meanings.contains(&meaning), "{change}");
        meanings.push(meaning);
    }
}

const DESCRIPTION: &str = r#"
llm_tokens (LLM tokens)
  tenant        default
  next borders  2026-03-31T22:00:00Z, 2026-04-30T22:00:00Z, 2026-05-31T22:00:00Z
  events        of type "llm_call"
  filter        properties.status < 500
  group         model: any value
  group         region: "eu" "us"; others are one group, null
  group         country within region ("eu": "fr" "de"; "us": none); events with others are passed over
  total         sum of properties.input + 3 * properties.output
  rounding      up to multiples of 100
  period        month, Europe/Berlin
  grace         1d after a period's end
  late events   correct: counted, the total gets a new revision

burst
  tenant        default
  next borders  2026-03-09T00:00:00Z, 2026-03-16T00:00:00Z, 2026-04-01T00:00:00Z
  version 1     from the first event on
  about         two\nlines
  events        of type "burst"
  total         percentile 95 (nearest rank) of the buckets
  buckets       every 5m: sum of properties.bytes; those without events are 0
  period        week, UTC
  grace         0s after a period's end
  late events   correct: counted, the total gets a new revision
  version 2     from 2026-03-16T00:00:00Z on (effective_from 2026-03-10T00:00:00Z)
  events        of type "burst"
  total         number of distinct properties.user
  operation     op says whether a value is added or removed
  result        value / 2
  period        month, UTC
  grace         0s after a period's end
  late events   carry: counted in the earliest period that is still open

customers with calendars of their own
  default / acme        timezone America/New_York, anchor 15; always
  t / acme corporation  as the metric has it; effective_from 2026-03-10T00:00:00Z
"#;

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
    assert_eq!(words, DESCRIPTION.trim_start());
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
    let entry = prop::collection::btree_map(keys, values, 0..10).prop_map(|mut fields| {
        fields.entry("code").or_insert("'m'");
        fields.entry("aggregation").or_insert("'sum'");
        let lines = fields.into_iter().map(|(key, value)| format!("{key} = {value}\n"));
        format!("[[metrics]]\n{}", lines.collect::<String>())
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
                    Ok(read) => {
                        let is_empty = read.metrics.is_empty() && read.customers.is_empty();
                        prop_assert_eq!(describe(&read, EventTime::EARLIEST).is_empty(), is_empty);
                    }
                    Err(faults) => prop_assert!(!faults.is_empty()),
                }
            }
        }
    }
}
