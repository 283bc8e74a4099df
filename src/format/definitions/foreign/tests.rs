//! Files in other systems' forms: that they mean what the same metrics natively do, and where their faults are.

use proptest::prelude::*;

use crate::definition::{Definitions, full_meaning};
use crate::format::definitions::{describe, read};
use crate::model::EventTime;

#[track_caller]
fn understood(name: &str, text: &str) -> Definitions {
    read(&[(name, text)]).unwrap_or_else(|faults| {
        let lines: Vec<String> = faults.iter().map(ToString::to_string).collect();
        panic!("{text}\nis faulty:\n{}", lines.join("\n"))
    })
}

fn meanings(definitions: &Definitions) -> Vec<String> {
    definitions.metrics.iter().map(full_meaning).collect()
}

#[track_caller]
fn check_faults(name: &str, text: &str, expected: &[&str]) {
    let faults = read(&[(name, text)]).expect_err("the text is faulty");
    let faults: Vec<String> = faults.iter().map(ToString::to_string).collect();
    assert_eq!(faults, expected, "{text}");
}

const LAGO: &str = r#"{"dialect": "lago", "metrics": [
    {"billable_metric": {"name": "Seats", "code": "seats", "aggregation_type": "unique_count_agg",
        "field_name": "user.id", "recurring": true, "filters": [{"key": "plan", "values": ["b", "a"]}]}},
    {"name": "Tokens", "code": "tokens", "aggregation_type": "sum_agg", "field_name": "n",
        "rounding_function": "ceil", "rounding_precision": -2, "lago_id": "x",
        "group": {"key": "cloud", "values": [{"name": "aws", "key": "region", "values": ["eu"]}]}}],
    "customers": [{"customer": "acme", "timezone": "Europe/Paris"}]}"#;

const LAGO_NATIVE: &str = r#"{"metrics": [
    {"code": "seats", "name": "Seats", "aggregation": "unique_count", "value": "properties.\"user.id\"",
        "operation": "operation_type", "recurring": true, "group_by": [{"property": "plan", "values": ["a", "b"]}]},
    {"code": "tokens", "name": "Tokens", "aggregation": "sum", "value": "properties.n",
        "rounding": {"function": "ceil", "precision": -2}, "group_by": [
            {"property": "cloud", "values": ["aws"], "other": "drop"},
            {"property": "region", "within": "cloud", "values": {"aws": ["eu"]}, "other": "drop"}]}],
    "customers": [{"customer": "acme", "timezone": "Europe/Paris"}]}"#;

const MAPLE: &str = r#"
dialect: maple
metrics:
- id: bm_1
  name: Calls
  item_id: item_1
  colour: red
  metering_rule:
    aggregator: AVERAGE
    property: ms
    group_keys: [region]
    rule:
      comparator:
        type: AND
        items:
        - {type: GTE, left_item: {property: status}, right_item: {value: "500"}}
        - {type: CONTAINS, left_item: {property: path}, right_item: {value: "%2F"}}
- name: all calls
  item_id: item_1
  metering_rule: {aggregator: COUNT}
"#;

const MAPLE_NATIVE: &str = r#"
[[metrics]]
code = "bm_1"
event_type = "item_1"
aggregation = "avg"
value = "properties.ms"
grammar = "maple"
filter = "properties.status >= 500 AND CONTAINS(properties.path, '%2F')"
group_by = ["region"]
[[metrics]]
code = "all calls"
event_type = "item_1"
aggregation = "count"
"#;

#[test]
fn a_file_means_what_it_says_natively() {
    let lago = understood("m.json", LAGO);
    let native = understood("n.json", LAGO_NATIVE);
    assert_eq!(meanings(&lago), meanings(&native));
    assert_eq!(lago.customers, native.customers);
    let maple = understood("m.yaml", MAPLE);
    assert_eq!(meanings(&maple), meanings(&understood("n.toml", MAPLE_NATIVE)));
}

#[test]
fn a_metric_is_kept_as_written_and_natively() {
    let [seats, tokens] = &understood("m.json", LAGO).metrics[..] else { panic!("two metrics") };
    assert_eq!(seats.name.as_deref(), Some("Seats"));
    assert!(seats.source.written.starts_with(r#"{"name":"Seats","code":"seats""#));
    assert_eq!(seats.source.place, "file:m.json");
    let native = tokens.source.native.as_deref().expect("it was written otherwise");
    assert!(native.contains(r#""aggregation":"sum""#) && !native.contains("lago_id"), "{native}");
    let again = format!(r#"{{"metrics":[{native}]}}"#);
    assert_eq!(meanings(&understood("n.json", &again)), [full_meaning(tokens)]);
    let maple = understood("m.yaml", MAPLE);
    assert_eq!(maple.metrics[0].source.ignored, ["colour"]);
    let words = describe(&maple, EventTime::EARLIEST);
    assert!(words.contains("ignored       unknown keys colour\n"), "{words}");
}

#[test]
fn one_metric_reads_alike_in_every_syntax() {
    let json = r#"{"dialect": "lago", "defaults": {"period": "week", "tenant": "t"}, "metrics": [
        {"name": "M", "code": "m", "aggregation_type": "max_agg", "field_name": "v"}]}"#;
    let toml = "dialect = 'lago'\n[defaults]\nperiod = 'week'\ntenant = 't'\n[[metrics]]\nname = 'M'\ncode = 'm'\n\
                aggregation_type = 'max_agg'\nfield_name = 'v'\n";
    let yaml = "dialect: lago\ndefaults: {period: week, tenant: t}\nmetrics:\n- billable_metric:\n    name: M\n    \
                code: m\n    aggregation_type: max_agg\n    field_name: v\n";
    let expected = meanings(&understood("m.json", json));
    assert!(expected[0].contains("tenant \"t\"") && expected[0].contains("period week"));
    assert_eq!(meanings(&understood("m.toml", toml)), expected);
    assert_eq!(meanings(&understood("m.yaml", yaml)), expected);
}

#[test]
fn faults_stand_where_they_are_in_the_entry() {
    check_faults(
        "m.yaml",
        "dialect: lago\nmetrics:\n- name: M\n  code: m\n  aggregation_type: sum_agg\n  recurring: true\n\
         - billable_metric:\n    name: N\n    code: n\n    aggregation_type: max_agg\n    recurring: true\n    \
         field_name: v\n    filters:\n    - key: a\n      values: []\n    - key: b\n- 7\n\
         - {aggregation_type: custom_agg, code: c}\n- {billable_metric: 7}\n",
        &[
            "m.yaml:3:3: metrics[0] (code \"m\"): field_name: is missing or blank",
            "m.yaml:11:16: metrics[1].billable_metric (code \"n\"): recurring: goes with sum_agg, unique_count_agg and \
             weighted_sum_agg",
            "m.yaml:15:15: metrics[1].billable_metric (code \"n\"): filters[0].values: a list of texts, at least one",
            "m.yaml:16:7: metrics[1].billable_metric (code \"n\"): filters[1].values: a list of texts, at least one",
            "m.yaml:17:3: metrics[2]: expected a table: the body that the system's own API would take",
            "m.yaml:18:22: metrics[3] (code \"c\"): aggregation_type: custom_agg runs code, which odometer does not: use \
             another aggregation",
            "m.yaml:19:21: metrics[4].billable_metric: expected a table: the body that the system's own API would take",
        ],
    );
    check_faults(
        "m.json",
        "{\"dialect\": \"maple\", \"metrics\": [\n{\"id\": \"bm_1\", \"name\": \"M\", \"metering_rule\": {\"aggregator\": \
         \"SUM\",\n\"rule\": {\"comparator\": {\"type\": \"AND\", \"items\": [{},\n{\"type\": \"LIKE\"}]}}}},\n\
         {\"item_id\": \"i\", \"name\": \"\\u0007\", \"metering_rule\": {\"aggregator\": \"COUNT\"}}]}",
        &[
            "m.json:2:1: metrics[0] (id \"bm_1\"): item_id: is required",
            "m.json:2:46: metrics[0] (id \"bm_1\"): metering_rule.property: is required but for COUNT",
            "m.json:4:10: metrics[0] (id \"bm_1\"): metering_rule.rule.comparator.items[1].type: no comparator is known by \
             the name \"LIKE\"",
            "m.json:5:26: metrics[1] (name \"\\u{7}\"): name: serves as the metric's code, and holds a control character",
        ],
    );
}

#[test]
fn archived_metrics_are_refused() {
    let text = r#"{"dialect": "maple", "metrics": [{"id": "bm_1", "name": "M", "item_id": "i", "state": "archived",
"metering_rule": {"aggregator": "COUNT"}}]}"#;
    let expected = r#"f.json:1:87: metrics[0] (id "bm_1"): state: is ARCHIVED, and a metric that is defined counts: leave it out (Maple's find leaves such ones out where it is asked {"query": {"state": "ACTIVE"}})"#;
    check_faults("f.json", text, &[expected]);
    understood("f.json", &text.replace("archived", "ACTIVE"));
}

#[test]
fn a_group_may_stand_beside_filters_that_say_the_same() {
    let with = |filters: &str| {
        format!(
            r#"{{"dialect": "lago", "metrics": [{{"name": "M", "code": "m", "aggregation_type": "count_agg",
            "group": {{"key": "cloud", "values": ["b", "a"]}}{filters}}}]}}"#
        )
    };
    let both = with(r#", "filters": [{"key": "cloud", "values": ["a", "b"]}]"#);
    assert_eq!(meanings(&understood("f.json", &both)), meanings(&understood("f.json", &with(""))));
    let others = with(r#", "filters": [{"key": "cloud", "values": ["a"]}]"#);
    assert!(read(&[("f.json", &others)]).is_err());
}

#[test]
fn keys_that_stand_twice_are_faults_in_every_form() {
    check_faults(
        "m.toml",
        "dialect = 'lago'\n[[metrics]]\ncode = 'm'\nname = 'M'\nname = 'N'\naggregation_type = 'count_agg'\n",
        &["m.toml:5:1: metrics[0] (code \"m\"): name: stands twice in one table: keep one of them"],
    );
    let lago = r#"{"name": "M", "code": "m", "aggregation_type": "count_agg"}"#;
    check_faults(
        "m.json",
        &format!("{{\"dialect\": \"lago\", \"metrics\": [\n{lago},\n{lago}]}}"),
        &[
            "m.json:3:1: metrics[1] (code \"m\"): metrics[0] (code \"m\") is of the same metric and has no effective_from \
           either: each version needs an effective_from of its own, only the first may lack it",
        ],
    );
}

#[test]
fn faults_of_what_a_file_says_once() {
    let body = r#"{"name": "M", "code": "m", "aggregation_type": "count_agg"}"#;
    let file = |defaults: &str| {
        format!("{{\"dialect\": \"lago\",\n\"defaults\": {defaults},\n\"metrics\": [{body}]}}")
    };
    check_faults(
        "m.json",
        &file(r#"{"timezone": "Mars/Olympus"}"#),
        &[
            "m.json:2:26: metrics[0] (code \"m\"): timezone: no time zone is named \"Mars/Olympus\"; an IANA name such as \
           Europe/Berlin is",
        ],
    );
    check_faults(
        "m.json",
        &file(r#"{"period": "day", "anchor": 4}"#),
        &[
            "m.json:2:41: metrics[0] (code \"m\"): anchor: goes with periods month, quarter and year, not with day: leave \
           it out",
        ],
    );
    check_faults(
        "m.json",
        &file(r#"{"perio": "day", "anchor": 40}"#),
        &[
            "m.json:2:23: defaults: unknown key \"perio\": did you mean \"period\"?",
            "m.json:2:40: defaults.anchor: expected a whole number from 1 to 31, found number 40",
        ],
    );
    check_faults(
        "m.toml",
        "[defaults]\nperiod = 'day'\n",
        &[
            "m.toml:1:1: defaults: goes with a dialect other than native: a native metric says these itself",
        ],
    );
    check_faults(
        "m.toml",
        "dialect = 'stripe'\n",
        &["m.toml:1:11: dialect: expected native, lago, maple or zenskar, found text \"stripe\""],
    );
}

/// Bodies for Lago of any shape.
fn lago_bodies() -> impl Strategy<Value = String> {
    let types = prop::sample::select(vec![
        "count_agg",
        "sum_agg",
        "max_agg",
        "latest_agg",
        "unique_count_agg",
        "weighted_sum_agg",
        "recurring_count_agg",
    ]);
    let text = "[ab.\"'é ]{0,3}";
    let pick = prop::sample::select(vec![
        "null",
        "true",
        "false",
        "2",
        "-18",
        "\"round\"",
        "\"floor\"",
        "[]",
        "{}",
    ]);
    let value = move || {
        let texts = prop::collection::vec(text, 0..3);
        texts.prop_map(|texts| serde_json::to_string(&texts).expect("texts are JSON"))
    };
    let branches = prop::collection::vec((text, text, value()), 1..3).prop_map(|branches| {
        let branches: Vec<String> = branches
            .into_iter()
            .map(|(name, key, values)| {
                format!(r#"{{"name":{name:?},"key":{key:?},"values":{values}}}"#)
            })
            .collect();
        format!("[{}]", branches.join(","))
    });
    let group = (text, prop_oneof![value(), branches])
        .prop_map(|(key, values)| format!(r#""group":{{"key":{key:?},"values":{values}}}"#));
    let filters = (text, value())
        .prop_map(|(key, values)| format!(r#""filters":[{{"key":{key:?},"values":{values}}}]"#));
    let divisions = prop_oneof![Just(String::from("\"x\":1")), group, filters];
    let expression =
        prop::sample::select(vec!["", "event.properties.v", "round('a')", "concat(1,2)"]);
    (types, text, text, pick.clone(), pick.clone(), pick, expression, divisions).prop_map(
        |(kind, code, field, recurring, function, precision, expression, divisions)| {
            format!(
                r#"{{"name":"M","code":{code:?},"aggregation_type":"{kind}","field_name":{field:?},"recurring":{recurring},
                    "rounding_function":{function},"rounding_precision":{precision},"expression":"{expression}",{divisions}}}"#
            )
        },
    )
}

proptest! {
    /// What is found faulty is told in Lago's words: the native form of what Lago takes has no faults.
    #[test]
    fn what_lago_takes_is_sound_natively(body in lago_bodies()) {
        let text = format!(r#"{{"dialect":"lago","metrics":[{body}]}}"#);
        let json = crate::dialect::Json::parse(&body).expect("JSON");
        match (crate::dialect::lago::BillableMetric::read(&json), read(&[("m.json", &text)])) {
            (Ok(_), Ok(definitions)) => prop_assert_eq!(definitions.metrics.len(), 1),
            (Err(_), Err(faults)) => prop_assert!(!faults.is_empty()),
            (lago, native) => prop_assert!(false, "{}: {:?} but {:?}", body, lago, native.err()),
        }
    }
}

#[test]
fn aggregates_of_zenskar_are_read_from_files() {
    let text = r#"{"dialect":"zenskar","defaults":{"period":"day"},"metrics":[{"id":"agg-1","version":3,"name":"Tokens",
        "dataschema":"","aggregation_query":"SELECT SUM(data.tokens) AS quantity FROM raw_metric_llm WHERE data.model = 'm1'",
        "cust_agg_query":"","visual_query_builder":{},"datasource":"","colour":"red"}]}"#;
    let read = crate::format::definitions::read(&[("z.json", text)]).expect("it is valid");
    let metric = &read.metrics[0];
    assert_eq!((metric.code.as_str(), metric.event_type.as_str()), ("agg-1", "llm"));
    assert_eq!(metric.name.as_deref(), Some("Tokens"));
    assert_eq!(metric.calendar.unit().to_string(), "day");
    assert_eq!(metric.source.notes, ["unknown field `colour` is not read"]);
    let joined = text.replace("FROM raw_metric_llm", "FROM a JOIN b");
    let faults = crate::format::definitions::read(&[("z.json", &joined)]).expect_err("a join");
    let told = faults[0].to_string();
    assert!(told.starts_with("z.json:") && told.contains("aggregation_query"), "{told}");
}
