//! Bodies as clients of Maple send them: what they mean, what is answered, and every fault.

use proptest::prelude::*;

use super::*;
use crate::definition::{Expression, Grammar};
use crate::dialect::{Defaults, Fault, Json};
use crate::model::EventTime;

fn json(text: &str) -> Json {
    Json::parse(text).unwrap_or_else(|fault| panic!("{text}: {fault}"))
}

fn body(metering_rule: &str) -> String {
    format!(r#"{{"name":"M","item_id":"call","metering_rule":{metering_rule}}}"#)
}

fn with_rule(rule: &str) -> String {
    body(&format!(r#"{{"aggregator":"COUNT","rule":{rule}}}"#))
}

#[track_caller]
fn read(body: &str) -> Read {
    BillableMetric::read(&json(body)).unwrap_or_else(|faults| panic!("{body}: {faults:?}"))
}

#[track_caller]
fn native(body: &str) -> serde_json::Value {
    let native = read(body).metric.to_native("acme", "bm_1", &Defaults::default());
    serde_json::Value::Object(native)
}

/// `path: code` of every fault.
#[track_caller]
fn faults(body: &str) -> Vec<String> {
    match BillableMetric::read(&json(body)) {
        Ok(read) => panic!("{body} was read as {read:?}"),
        Err(faults) => faults.iter().map(|it| format!("{}: {}", it.path_text(), it.code)).collect(),
    }
}

#[track_caller]
fn filter(rule: &str) -> String {
    let native = native(&with_rule(rule));
    let text = native.get("filter").and_then(|filter| filter.as_str()).unwrap_or("all");
    let grammar = native.get("grammar").map_or("", |_| "maple: ");
    format!("{grammar}{text}")
}

#[test]
fn aggregators_have_their_native_counterpart() {
    for (names, aggregation, is_recurring) in [
        (&["COUNT", "count"][..], "count", false),
        (&["SUM", "Sum"], "sum", false),
        (&["MAX"], "max", false),
        (&["MIN"], "min", false),
        (&["AVG", "Average", "mean"], "avg", false),
        (
            &["UNIQUE", "unique count", "COUNT-UNIQUE", "DISTINCT", "count_distinct"],
            "unique_count",
            false,
        ),
        (&["LAST", "LATEST", "Last Reported In Period", "LAST_IN_PERIOD"], "latest", false),
        (&["LAST_REPORTED_IN_HISTORY", "last-in-history"], "latest", true),
        (&["HISTORICAL_SUM", "SUM HISTORY"], "sum", true),
    ] {
        for name in names {
            let native = native(&body(&format!(
                r#"{{"aggregator":"{name}","property":"a.\"b.c\"","group_keys":[]}}"#
            )));
            assert_eq!(native["aggregation"], aggregation, "{name}");
            assert_eq!(native.get("recurring").is_some(), is_recurring, "{name}");
            let value = native.get("value").and_then(|value| value.as_str());
            let expected = (aggregation != "count").then_some(r#"properties.a."b.c""#);
            assert_eq!(value, expected, "{name}");
        }
    }
}

#[test]
fn a_metric_is_that_of_its_id_and_item() {
    let text = r#"{"name":"M","item_id":"item_1","description":"d","external_name":"E","is_billable":false,"colour":1,
        "metering_rule":{"aggregator":"SUM","property":"v","group_keys":["a","b.c","a"],"rule":null,"unit":"x"}}"#;
    let defaults = Defaults { grace: Some("1h".to_owned()), ..Defaults::default() };
    let Read { metric, unknown } = read(text);
    let mut native = serde_json::Value::Object(metric.to_native("acme", "bm_1", &defaults));
    native.sort_all_objects();
    assert_eq!(
        native.to_string(),
        concat!(
            r#"{"aggregation":"sum","code":"bm_1","description":"d","event_type":"item_1","grace":"1h","#,
            r#""group_by":["a","b.c"],"name":"M","tenant":"acme","value":"properties.v"}"#
        )
    );
    assert_eq!(unknown, ["colour", "metering_rule.unit"]);
    let identity = Identity {
        company_id: "cmp_1".to_owned(),
        id: "bm_1".to_owned(),
        created_at: EventTime::from_micros(1_767_323_045_000_000),
        updated_at: EventTime::from_micros(1_767_323_045_500_000),
    };
    assert_eq!(
        metric.to_answer(&identity).to_string(),
        concat!(
            r#"{"company_id":"cmp_1","created_at":"2026-01-02T03:04:05Z","description":"d","editable":true,"#,
            r#""external_name":"E","id":"bm_1","is_billable":false,"item_id":"item_1","metering_rule":{"aggregator":"SUM","#,
            r#""property":"v","group_keys":["a","b.c","a"],"rule":null,"unit":"x"},"name":"M","standard":false,"#,
            r#""state":"ACTIVE","type":"CUSTOM_METRIC","updated_at":"2026-01-02T03:04:05.5Z"}"#
        )
    );
}

#[test]
fn a_partial_body_changes_what_it_names() {
    let stored = json(&body(r#"{"aggregator":"COUNT"}"#));
    let partial = json(r#"{"state":"ARCHIVED","id":"bm_2","metering_rule":{"aggregator":"MAX"}}"#);
    let fields = merged(stored.clone(), partial);
    assert_eq!(
        fields.to_string(),
        r#"{"name":"M","item_id":"call","state":"ARCHIVED","metering_rule":{"aggregator":"MAX"}}"#
    );
    assert_eq!(faults(&fields.to_string()), ["metering_rule.property: missing"]);
    let archived = merged(stored, json(r#"{"state":"archived","description":null}"#));
    let read = read(&archived.to_string());
    assert_eq!((read.metric.state.name(), read.unknown.len()), ("ARCHIVED", 0));
}

#[test]
fn all_faults_are_told_at_once() {
    assert_eq!(faults("[]"), [": wrong_type"]);
    assert_eq!(faults("{}"), ["name: missing", "item_id: missing", "metering_rule: missing"]);
    assert_eq!(
        faults(
            r#"{"name":" ","item_id":7,"is_billable":"yes","state":"GONE","description":[],
                "metering_rule":{"aggregator":"MEDIAN","property":"","group_keys":["a..b",1],
                    "rule":{"comparator":{"type":"LIKE"}}}}"#
        ),
        [
            "name: missing",
            "item_id: wrong_type",
            "description: wrong_type",
            "is_billable: wrong_type",
            "state: unknown_value",
            "metering_rule.aggregator: unknown_value",
            "metering_rule.property: missing",
            "metering_rule.group_keys[0]: invalid",
            "metering_rule.group_keys[1]: wrong_type",
            "metering_rule.rule.comparator.type: unknown_value",
        ]
    );
    for (rule, expected) in [
        ("[]", "metering_rule: wrong_type"),
        (r#"{"property":"a"}"#, "metering_rule.aggregator: missing"),
        (r#"{"aggregator":1,"property":"a"}"#, "metering_rule.aggregator: wrong_type"),
        (r#"{"aggregator":"COUNT","group_keys":"a"}"#, "metering_rule.group_keys: wrong_type"),
        (r#"{"aggregator":"SUM","property":["a"]}"#, "metering_rule.property: wrong_type"),
        (r#"{"aggregator":"SUM","property":"a\"b"}"#, "metering_rule.property: invalid"),
    ] {
        assert_eq!(faults(&body(rule)), [expected], "{rule}");
    }
    let keys: Vec<String> = (0..17).map(|key| format!("\"k{key}\"")).collect();
    let many = body(&format!(r#"{{"aggregator":"COUNT","group_keys":[{}]}}"#, keys.join(",")));
    assert_eq!(faults(&many), ["metering_rule.group_keys: invalid"]);
    let long = format!(
        r#"{{"name":"M","item_id":"{}","metering_rule":{{"aggregator":"COUNT"}}}}"#,
        "x".repeat(513)
    );
    assert_eq!(faults(&long), ["item_id: invalid"]);
}

/// A comparator of a property and a value.
fn simple(name: &str, value: &str) -> String {
    format!(
        r#"{{"comparator":{{"type":"{name}","left_item":{{"item_type":"PROPERTY","property":"p"}},
            "right_item":{{"item_type":"VALUE","value":{value}}}}}}}"#
    )
}

#[test]
fn comparators_are_filters() {
    for (names, value, expected) in [
        (&["EQUALS", "equal", "EQ", "=", "=="][..], r#""a'b""#, "properties.p = 'a''b'"),
        (&["EQ"], r#""""#, "properties.p = ''"),
        (&["EQ"], r#""5.0""#, "properties.p = '5.0'"),
        (
            &["EQ"],
            r#"".5""#,
            "(properties.p = '.5' OR properties.p = '0.5' AND properties.p = '0.50')",
        ),
        (
            &["NEQ"],
            r#""1e3""#,
            "NOT (properties.p = '1e3' OR properties.p = '1000' AND properties.p = '1000.0')",
        ),
        (
            &["IN"],
            r#""1e3,5,+7""#,
            "(properties.p IN ('1e3', '5', '+7') OR properties.p = '1000' AND properties.p = '1000.0' OR properties.p \
             = '7' AND properties.p = '7.0')",
        ),
        (&["EQ"], "5.0", "properties.p = 5"),
        (&["EQ"], "-1e2", "properties.p = -100"),
        (&["EQ"], r#""true""#, "properties.p IN ('true', TRUE)"),
        (&["EQ"], "false", "properties.p IN ('false', FALSE)"),
        (&["NOT_EQUALS", "NEQ", "ne", "!=", "<>"], r#""a""#, "properties.p <> 'a'"),
        (&["NE"], r#""true""#, "properties.p NOT IN ('true', TRUE)"),
        (&["GREATER_THAN", "gt", ">"], r#""5""#, "properties.p > 5"),
        (
            &["GREATER_THAN_OR_EQUAL", "Greater than or equals", "GTE", ">="],
            "5.50",
            "properties.p >= 5.5",
        ),
        (&["LESS_THAN", "LT", "<"], r#""-1e1""#, "properties.p < -10"),
        (
            &["LESS_THAN_OR_EQUAL", "LESS_THAN_OR_EQUALS", "LTE", "<="],
            r#"" 7 ""#,
            "properties.p <= 7",
        ),
        (&["IN"], r#""a, b,,true""#, "properties.p IN ('a', 'b', 'true', TRUE)"),
        (&["IN"], r#"["a",1.50]"#, "properties.p IN ('a', 1.5)"),
        (&["in"], r#""[\"a,b\", 7]""#, "properties.p IN ('a,b', 7)"),
        (&["IN"], r#""a""#, "properties.p = 'a'"),
        (&["NOT_IN", "not-in"], r#""a,b""#, "properties.p NOT IN ('a', 'b')"),
        (&["CONTAINS"], r#""a'b""#, "properties.p LIKE '%a''b%'"),
        (&["NOT_CONTAINS"], "1.50", "properties.p NOT LIKE '%1.50%'"),
        (&["STARTS_WITH"], r#""a""#, "properties.p LIKE 'a%'"),
        (&["ENDS_WITH"], r#""a""#, "properties.p LIKE '%a'"),
        (&["CONTAINS"], r#""50%""#, "maple: CONTAINS(properties.p, '50%')"),
        (&["NOT_CONTAINS"], r#""_""#, "maple: NOT CONTAINS(properties.p, '_')"),
        (&["STARTS_WITH"], r#""_a""#, "maple: STARTS_WITH(properties.p, '_a')"),
        (&["ENDS_WITH"], r#""%""#, "maple: ENDS_WITH(properties.p, '%')"),
        (&["EXISTS", "IS_SET", "is set"], r#""""#, "properties.p IS NOT NULL"),
        (&["NOT_EXISTS", "IS_NOT_SET"], r#""""#, "properties.p IS NULL"),
    ] {
        for name in names {
            assert_eq!(filter(&simple(name, value)), expected, "{name} {value}");
        }
    }
}

#[test]
fn items_are_read_widely() {
    let (p, v) = (r#"{"property":"a.b"}"#, r#"{"value":"5"}"#);
    for (comparator, expected) in [
        (format!(r#"{{"type":"EQ","items":[{p},{v}]}}"#), "properties.a.b = '5'"),
        (format!(r#"{{"type":"EQ","left_item":{v},"right_item":{p}}}"#), "properties.a.b = '5'"),
        (format!(r#"{{"type":"LT","left_item":{v},"right_item":{p}}}"#), "5 < properties.a.b"),
        (format!(r#"{{"type":"LT","left_item":{v},"right_item":{v}}}"#), "5 < 5"),
        (format!(r#"{{"type":"EQ","left_item":{p},"right_item":{p}}}"#), "properties.a.b = properties.a.b"),
        (format!(r#"{{"type":"GT","left_item":{p},"right_item":{p}}}"#), "properties.a.b > +properties.a.b"),
        (format!(r#"{{"type":"IN","left_item":{p},"items":[{v},{{"value":"a,b"}},{{}}]}}"#), "properties.a.b IN ('5', 'a,b')"),
        (format!(r#"{{"type":"EXISTS","items":[{p}]}}"#), "properties.a.b IS NOT NULL"),
        (format!(r#"{{"type":"CONTAINS","left_item":{v},"right_item":{p}}}"#), "maple: CONTAINS('5', properties.a.b)"),
        (
            r#"{"type":"eq","left_item":{"item_type":"property","property":"x-y","value":"","comparator":{}},
                "right_item":{"item_type":"value","property":"","value":"z","comparator":{"type":"","items":[]}},"items":[]}"#
                .to_owned(),
            r#"properties."x-y" = 'z'"#,
        ),
    ] {
        assert_eq!(filter(&format!(r#"{{"comparator":{comparator}}}"#)), expected, "{comparator}");
        assert_eq!(filter(&comparator), expected, "{comparator}");
        let text = Json::text(format!(r#"{{"comparator":{comparator}}}"#)).to_string();
        assert_eq!(filter(&text), expected, "{text}");
    }
}

#[test]
fn trees_are_joined_with_no_more_parentheses_than_needed() {
    let leaf = |key: &str| format!(r#"{{"type":"EXISTS","left_item":{{"property":"{key}"}}}}"#);
    let item = |inner: &str| format!(r#"{{"item_type":"COMPARATOR","comparator":{inner}}}"#);
    let (a, b, c) = (leaf("a"), leaf("b"), leaf("c"));
    let [sa, sb, sc] = ["a", "b", "c"].map(|key| format!("properties.{key} IS NOT NULL"));
    for (comparator, expected) in [
        (format!(r#"{{"type":"AND","items":[{a},{},{{}}]}}"#, item(&b)), format!("{sa} AND {sb}")),
        (
            format!(
                r#"{{"type":"AND","items":[{},{a},{{"item_type":"property","property":"","value":"","comparator":{{}}}}]}}"#,
                item("{}")
            ),
            sa.clone(),
        ),
        (
            format!(r#"{{"type":"ALL","left_item":{a},"right_item":{}}}"#, item(&b)),
            format!("{sa} AND {sb}"),
        ),
        (format!(r#"{{"type":"or","items":[{a}]}}"#), sa.clone()),
        (format!(r#"{{"type":"NOT","left_item":{}}}"#, item(&a)), format!("NOT {sa}")),
        (format!(r#"{{"type":"NONE","items":[{a},{b}]}}"#), format!("NOT ({sa} OR {sb})")),
        (
            format!(r#"{{"type":"AND","items":[{{"type":"ANY","items":[{a},{b}]}},{c}]}}"#),
            format!("({sa} OR {sb}) AND {sc}"),
        ),
        (
            format!(
                r#"{{"type":"OR","items":[{{"type":"AND","items":[{a},{b}]}},{{"type":"NOT","items":[{c}]}}]}}"#
            ),
            format!("({sa} AND {sb}) OR NOT {sc}"),
        ),
        (
            format!(
                r#"{{"type":"NOT","items":[{{"type":"AND","items":[{{"type":"NOT","items":[{a}]}}]}}]}}"#
            ),
            format!("NOT (NOT {sa})"),
        ),
    ] {
        let rule = format!(r#"{{"comparator":{comparator}}}"#);
        assert_eq!(filter(&rule), expected, "{comparator}");
    }
}

#[test]
fn only_the_whole_rule_may_be_empty() {
    for rule in [
        "null",
        "{}",
        "\"\"",
        "\"{}\"",
        "\"null\"",
        r#"{"comparator":null}"#,
        r#"{"comparator":{}}"#,
        r#"{"comparator":{"type":"","left_item":{"item_type":"","property":"","value":""},"items":[{}]}}"#,
    ] {
        assert_eq!(filter(rule), "all", "{rule}");
    }
    let p = r#""left_item":{"property":"p"}"#;
    for (comparator, expected) in [
        (r#"{"type":"AND","items":[]}"#.to_owned(), ": missing"),
        (r#"{"type":"AND","items":[{},{"item_type":""}]}"#.to_owned(), ": missing"),
        (r#"{"type":"NOT"}"#.to_owned(), ": missing"),
        (r#"{"type":"AND","items":{"a":1}}"#.to_owned(), ".items: wrong_type"),
        (r#"{"items":[{"property":"p"}]}"#.to_owned(), ".type: missing"),
        (format!("{{{p}}}"), ".type: missing"),
        (format!(r#"{{"type":7,{p}}}"#), ".type: wrong_type"),
        (format!(r#"{{"type":"SOUNDS_LIKE",{p}}}"#), ".type: unknown_value"),
        (format!(r#"{{"type":"EQ",{p}}}"#), ": invalid"),
        (format!(r#"{{"type":"EQ",{p},"items":[{{"value":"a"}},{{"value":"b"}}]}}"#), ": invalid"),
        (format!(r#"{{"type":"GT",{p},"right_item":{{"value":"many"}}}}"#), ": invalid"),
        (format!(r#"{{"type":"GT",{p},"right_item":{{"value":true}}}}"#), ": invalid"),
        (format!(r#"{{"type":"GT",{p},"right_item":{{"value":1e99}}}}"#), ": invalid"),
        (format!(r#"{{"type":"EQ",{p},"right_item":{{"value":["a"]}}}}"#), ": invalid"),
        (
            format!(r#"{{"type":"EQ",{p},"right_item":{{"value":{{"a":1}}}}}}"#),
            ".right_item.value: missing",
        ),
        (
            format!(r#"{{"type":"EQ",{p},"right_item":{{"item_type":"VALUE"}}}}"#),
            ".right_item.value: missing",
        ),
        (
            format!(r#"{{"type":"EQ",{p},"right_item":{{"item_type":"PROPERTY","value":"a"}}}}"#),
            ".right_item.property: missing",
        ),
        (
            format!(r#"{{"type":"EQ",{p},"right_item":{{"item_type":"EVENT","value":"a"}}}}"#),
            ".right_item.item_type: unknown_value",
        ),
        (
            format!(r#"{{"type":"EQ",{p},"right_item":{{"property":"a","value":"a"}}}}"#),
            ".right_item: invalid",
        ),
        (
            format!(r#"{{"type":"EQ",{p},"right_item":{{"comparator":{{"type":"EXISTS",{p}}}}}}}"#),
            ".right_item: invalid",
        ),
        (
            r#"{"type":"EQ","left_item":{"property":"a..b"},"right_item":{"value":"a"}}"#
                .to_owned(),
            ".left_item.property: invalid",
        ),
        (format!(r#"{{"type":"IN",{p},"right_item":{{"value":" , "}}}}"#), ": invalid"),
        (
            r#"{"type":"IN","left_item":{"value":"a"},"right_item":{"value":"a"}}"#.to_owned(),
            ": invalid",
        ),
        (format!(r#"{{"type":"CONTAINS",{p},"right_item":{{"value":["a"]}}}}"#), ": invalid"),
        (r#"{"type":"EXISTS","left_item":{"value":"a"}}"#.to_owned(), ": invalid"),
        (format!(r#"{{"type":"AND",{p}}}"#), ".left_item: invalid"),
        (r#"{"type":"AND","items":[{"type":"XOR"}]}"#.to_owned(), ".items[0].type: unknown_value"),
        (
            format!(r#"{{"type":"OR","items":[{{"comparator":{{"type":"EQ",{p}}}}}]}}"#),
            ".items[0].comparator: invalid",
        ),
    ] {
        let found = faults(&with_rule(&format!(r#"{{"comparator":{comparator}}}"#)));
        assert_eq!(found, [format!("metering_rule.rule.comparator{expected}")], "{comparator}");
    }
    for (rule, expected) in [
        ("[1]", "wrong_type"),
        ("7", "wrong_type"),
        ("\"{\"", "invalid"),
        ("\"[1]\"", "invalid"),
        (
            r#"{"type":"EXISTS","left_item":{"property":"p"},"comparator":{"type":"AND"}}"#,
            "invalid",
        ),
    ] {
        assert_eq!(faults(&with_rule(rule)), [format!("metering_rule.rule: {expected}")], "{rule}");
    }
}

#[test]
fn unknown_keys_of_a_tree_are_named() {
    let rule = r#"{"version":1,"comparator":{"type":"AND","note":"","items":[
        {"comparator":{"type":"EXISTS","left_item":{"property":"p","unit":"s"}}}]}}"#;
    let found = read(&with_rule(rule)).unknown;
    let expected = ["version", "comparator.note", "comparator.items[0].comparator.left_item.unit"];
    assert_eq!(found, expected.map(|path| format!("metering_rule.rule.{path}")));
}

#[test]
fn deep_and_long_trees_are_bounded() {
    let nested = |name: &str, count: usize| {
        let open =
            format!(r#"{{"type":"{name}","left_item":{{"value":"1"}},"items":[{{"comparator":"#);
        let open = if name == "NOT" {
            r#"{"type":"NOT","items":[{"comparator":"#.to_owned()
        } else {
            open
        };
        let leaf = r#"{"type":"EXISTS","left_item":{"property":"p"}}"#;
        with_rule(&format!("{}{leaf}{}", open.repeat(count), "}]}".repeat(count)))
    };
    assert!(filter_of(&nested("NOT", 30)).is_ok());
    assert!(Json::parse(&nested("NOT", 100)).is_err());
    let many: Vec<String> = (0..5_000).map(|it| format!(r#"{{"value":"{it}"}}"#)).collect();
    let rule =
        format!(r#"{{"type":"IN","left_item":{{"property":"p"}},"items":[{}]}}"#, many.join(","));
    assert_eq!(faults(&with_rule(&rule)), ["metering_rule.rule: invalid"]);
}

fn filter_of(body: &str) -> Result<Read, Vec<Fault>> {
    BillableMetric::read(&json(body))
}

#[test]
fn change_names_what_it_ignores_itself() {
    let text = body(r#"{"aggregator":"COUNT","unit":"x"}"#).replacen('{', r#"{"colour":1,"#, 1);
    let changed = |partial: &str| {
        let (fields, read) =
            BillableMetric::read_changed(json(&text), &json(partial)).expect("sound");
        (fields.member("name").cloned(), read.unknown)
    };
    assert_eq!(changed(r#"{"name":"N"}"#), (Some(Json::text("N")), Vec::new()));
    let (_, unknown) =
        changed(r#"{"id":"x","metering_rule":{"aggregator":"SUM","property":"a","b":1}}"#);
    assert_eq!(unknown, ["id", "metering_rule.b"]);
    assert!(BillableMetric::read_changed(json(&text), &json(r#"{"name":""}"#)).is_err());
    assert!(BillableMetric::read_changed(json(&text), &json("[]")).is_err());
}

#[test]
fn searches_say_which_metrics_in_which_order() {
    let (search, unknown) = Search::read(&json("{}")).expect("sound");
    assert_eq!((search.sort_key, search.limit, &search.from), (SortKey::CreatedAtDesc, 20, &None));
    assert!(unknown.is_empty() && search.wants(&read(&body(r#"{"aggregator":"COUNT"}"#)).metric));
    let time = EventTime::from_micros;
    let mark = SortKey::UpdatedAtAsc.mark("bm_1", time(1), time(2));
    let text = format!(
        r#"{{"include_meta":true,"pagination":{{"from_key":"{mark}","limit":200,"page":1}},"query":{{"item_id":"call",
        "name":"M","external_name":"E","state":"archived"}},"sort_key":"updated_at_asc"}}"#
    );
    let (search, unknown) = Search::read(&json(&text)).expect("sound");
    assert_eq!(unknown, ["include_meta", "pagination.page"]);
    assert_eq!(
        (search.sort_key, search.limit, search.from.as_ref()),
        (SortKey::UpdatedAtAsc, 200, Some(&mark))
    );
    let wants = |more: &str| {
        let text = body(r#"{"aggregator":"COUNT"}"#).replacen('{', &format!("{{{more}"), 1);
        search.wants(&read(&text).metric)
    };
    assert!(wants(r#""external_name":"E","state":"ARCHIVED","#));
    for more in ["", r#""external_name":"E","#, r#""state":"ARCHIVED","#] {
        assert!(!wants(more), "{more}");
    }
    let later = SortKey::CreatedAtDesc.mark("bm_0", time(3), time(3));
    assert_eq!(SortKey::CreatedAtDesc.compare(&later, &mark), std::cmp::Ordering::Less);
    let text = r#"{"pagination":{"from_key":"x","limit":0},"query":{"name":1,"state":"GONE"},"sort_key":"name"}"#;
    let found = Search::read(&json(text)).expect_err("faulty");
    let found: Vec<_> = found.iter().map(|it| format!("{}: {}", it.path_text(), it.code)).collect();
    let expected = [
        "pagination.from_key: invalid",
        "pagination.limit: invalid",
        "query.name: wrong_type",
        "query.state: unknown_value",
        "sort_key: unknown_value",
    ];
    assert_eq!(found, expected);
    for (text, expected) in [
        ("[]", ""),
        (r#"{"query":7}"#, "query"),
        (r#"{"pagination":{"limit":"20"}}"#, "pagination.limit"),
        (r#"{"pagination":{"limit":201}}"#, "pagination.limit"),
        (r#"{"pagination":{"limit":1.5}}"#, "pagination.limit"),
    ] {
        let found = Search::read(&json(text)).expect_err(text);
        assert_eq!(found.iter().map(Fault::path_text).collect::<Vec<_>>(), [expected], "{text}");
    }
}

/// Rules of any shape, most of them with faults.
fn rules() -> impl Strategy<Value = String> {
    let leaf = prop::sample::select(vec![
        "null",
        "{}",
        "\"\"",
        "\"5\"",
        "7",
        "true",
        "[]",
        "\"a,b\"",
        "\"50%\"",
        "\"AND\"",
        "\"EQ\"",
        "\"GT\"",
        "\"IN\"",
        "\"NOT\"",
        "\"CONTAINS\"",
        "\"EXISTS\"",
        "\"PROPERTY\"",
        "\"VALUE\"",
        "\"COMPARATOR\"",
    ]);
    leaf.prop_map(str::to_owned).prop_recursive(6, 40, 4, |inner| {
        let keys = [
            "type",
            "left_item",
            "right_item",
            "items",
            "item_type",
            "property",
            "value",
            "comparator",
            "else",
        ];
        let member = (prop::sample::select(keys.to_vec()), inner.clone());
        prop_oneof![
            prop::collection::vec(inner, 0..3).prop_map(|items| format!("[{}]", items.join(","))),
            prop::collection::vec(member, 0..4).prop_map(|members| {
                let members: Vec<String> =
                    members.into_iter().map(|(key, value)| format!("\"{key}\":{value}")).collect();
                format!("{{{}}}", members.join(","))
            }),
        ]
    })
}

proptest! {
    #[test]
    fn any_rule_is_a_filter_or_a_fault(rule in rules()) {
        match BillableMetric::read(&json(&with_rule(&rule))) {
            Ok(read) => {
                let native = read.metric.to_native("t", "c", &Defaults::default());
                if let Some(filter) = native.get("filter").and_then(|filter| filter.as_str()) {
                    prop_assert!(Expression::parse_in(Grammar::Maple, filter).is_ok(), "{}", filter);
                }
            }
            Err(faults) => prop_assert!(!faults.is_empty()),
        }
    }

    #[test]
    fn any_text_can_be_looked_for(text in "\\PC{0,20}") {
        for name in ["EQ", "IN", "CONTAINS", "STARTS_WITH"] {
            let value = Json::text(format!("x{text}")).to_string();
            let rule = simple(name, &value);
            prop_assert!(filter_of(&with_rule(&rule)).is_ok(), "{}", rule);
        }
    }
}
