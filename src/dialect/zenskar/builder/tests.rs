//! What builders become, and what is wrong with others.

use std::borrow::Borrow;

use serde_json::value::RawValue;
use serde_json::{Value, json};

use super::super::field::Field;
use super::compile;
use crate::dialect::zenskar::Compiled;
use crate::dialect::{Fault, Step};

fn read(builder: &Value) -> Result<Compiled, Vec<Fault>> {
    let raw = RawValue::from_string(builder.to_string()).expect("JSON");
    compile(&Field { path: vec![Step::Key("visual_query_builder".to_owned())], raw: &raw })
}

#[track_caller]
fn check(builder: &Value, native: impl Borrow<Value>) {
    match read(builder) {
        Ok(compiled) => assert_eq!(&Value::Object(compiled.native), native.borrow(), "{builder}"),
        Err(faults) => panic!("{builder}: {faults:?}"),
    }
}

#[track_caller]
fn refuse(builder: &Value, wanted: &[&str]) {
    match read(builder) {
        Ok(compiled) => panic!("{builder}: {:?}", compiled.native),
        Err(faults) => {
            let faults: Vec<String> =
                faults.iter().map(|fault| format!("{} {fault}", fault.code)).collect();
            assert_eq!(faults.len(), wanted.len(), "{builder}: {faults:?}");
            for (fault, wanted) in faults.iter().zip(wanted) {
                assert!(fault.contains(wanted), "{builder}: {fault}");
            }
        }
    }
}

fn builder(filters: &Value) -> Value {
    json!({"table_name": "raw_metric_t",
           "visual_query": {"logic": "AND", "groups": [{"logic": "AND", "filters": filters}]},
           "aggregate_operation": {"type": "COUNT", "column": ""}})
}

/// What one filter becomes.
#[track_caller]
fn filter(filter: &Value, native: &str) {
    check(
        &builder(&json!([filter])),
        json!({"event_type": "t", "aggregation": "count", "filter": native}),
    );
}

#[test]
fn a_whole_builder_is_read() {
    check(
        &json!({"table_name": "raw_metric_telephone_usage",
                "visual_query": {"logic": "or", "groups": [
                    {"logic": "AND", "filters": [
                        {"column": "data.region", "operator": "EQUALS", "value": "eu"},
                        {"column": "data.sms", "operator": ">=", "value": "5"}]},
                    {"logic": "ANY", "filters": []},
                    {"filters": [{"column": "customer_id", "operator": "not equals", "value": "test"}]}]},
                "aggregate_operation": {"type": "Sum", "column": "data.call_minutes"},
                "customer_mapping": {"column": "customer_id", "customer_column": "external_id"},
                "start_date_mapping": "timestamp",
                "end_date_mapping": "raw_metric_telephone_usage.timestamp"}),
        json!({"event_type": "telephone_usage", "aggregation": "sum",
               "value": "properties.call_minutes",
               "filter": "properties.region = 'eu' AND properties.sms >= 5 OR customer <> 'test'"}),
    );
    check(
        &json!({"table_name": "t", "visual_query": null,
                "aggregate_operation": {"type": "count", "column": null}}),
        json!({"event_type": "t", "aggregation": "count"}),
    );
}

#[test]
fn every_aggregate_has_its_words() {
    for (words, aggregation) in [
        (vec!["SUM", "sum"], "sum"),
        (vec!["MIN", "minimum"], "min"),
        (vec!["max"], "max"),
        (vec!["AVG", "average", "mean"], "avg"),
        (vec!["latest", "LAST", "latest_by", "argMax", "last-value"], "latest"),
        (vec!["FIRST", "argMin"], "first"),
    ] {
        for word in words {
            check(
                &json!({"table_name": "t", "aggregate_operation": {"type": word, "column": "data.x"}}),
                json!({"event_type": "t", "aggregation": aggregation, "value": "properties.x"}),
            );
        }
    }
    for word in ["COUNT_DISTINCT", "count distinct", "Unique", "DISTINCT"] {
        check(
            &json!({"table_name": "t", "aggregate_operation": {"type": word, "column": "data.x"}}),
            json!({"event_type": "t", "aggregation": "unique_count", "value": "properties.x",
                   "filter": "properties.x IS NOT NULL"}),
        );
    }
    check(
        &json!({"table_name": "t", "aggregate_operation": {"type": "COUNT", "column": "data.x"}}),
        json!({"event_type": "t", "aggregation": "count", "filter": "properties.x IS NOT NULL"}),
    );
    check(
        &json!({"table_name": "t", "aggregate_operation": {"type": "COUNT", "column": "customer_id"}}),
        json!({"event_type": "t", "aggregation": "count"}),
    );
}

#[test]
fn every_operator_has_its_words() {
    let of = |operator: &str, value: Value| json!({"column": "data.x", "operator": operator, "value": value});
    for word in ["EQUALS", "equal", "Eq", "=", "=="] {
        filter(&of(word, json!("a")), "properties.x = 'a'");
    }
    for word in ["NOT_EQUALS", "not equals", "not-equals", "NEQ", "!=", "<>"] {
        filter(&of(word, json!("it's")), "properties.x <> 'it''s'");
    }
    filter(&of("EQUALS", json!(5)), "properties.x = 5");
    filter(&of("EQUALS", json!(-0.5)), "properties.x = -0.5");
    filter(&of("EQUALS", json!(true)), "properties.x IN ('true', TRUE)");
    filter(&of("EQUALS", json!("true")), "properties.x IN ('true', TRUE)");
    filter(&of("NOT_EQUALS", json!("false")), "properties.x NOT IN ('false', FALSE)");
    for (words, operator) in [
        (["GREATER_THAN", "gt", ">"], ">"),
        (["GREATER_THAN_OR_EQUALS", "Gte", "> ="], ">="),
        (["less than", "LT", "<"], "<"),
        (["LESS_THAN_OR_EQUAL", "lte", "<="], "<="),
    ] {
        for word in words {
            filter(&of(word, json!("5.5")), &format!("properties.x {operator} 5.5"));
            filter(&of(word, json!(-2)), &format!("properties.x {operator} -2"));
        }
    }
    filter(&of("IN", json!(["a", 1, true])), "properties.x IN ('a', 1, 'true', TRUE)");
    filter(&of("NOT_IN", json!("a, b,c")), "properties.x NOT IN ('a', 'b', 'c')");
    filter(&of("in", json!("[\"a\", 2]")), "properties.x IN ('a', 2)");
    filter(&of("CONTAINS", json!("a")), "properties.x LIKE '%a%'");
    filter(&of("NOT_CONTAINS", json!("a")), "properties.x NOT LIKE '%a%'");
    filter(&of("STARTS_WITH", json!("a")), "properties.x LIKE 'a%'");
    filter(&of("ENDS_WITH", json!(7)), "properties.x LIKE '%7'");
    for word in ["EXISTS", "IS_SET", "is not null"] {
        filter(&of(word, json!(null)), "properties.x IS NOT NULL");
    }
    for word in ["NOT_EXISTS", "IS_NOT_SET", "is null"] {
        filter(&of(word, json!("")), "properties.x IS NULL");
    }
    filter(
        &json!({"column": "data.\"a.b\".c", "operator": "=", "value": "1"}),
        "properties.\"a.b\".c = '1'",
    );
}

#[test]
fn values_are_compared_as_maple_compares_them() {
    let of = |operator: &str, value: Value| json!({"column": "data.x", "operator": operator, "value": value});
    let thousand = "properties.x = '1000' AND properties.x = '1000.0'";
    let five = "properties.x = '5' AND properties.x = '5.0'";
    for (text, number) in [("1e3", thousand), ("+5", five), ("5e0", five), ("5 ", five)] {
        filter(&of("EQUALS", json!(text)), &format!("properties.x = '{text}' OR {number}"));
        filter(
            &of("NOT_EQUALS", json!(text)),
            &format!("NOT (properties.x = '{text}' OR {number})"),
        );
    }
    filter(
        &of("EQUALS", json!(".5")),
        "properties.x = '.5' OR properties.x = '0.5' AND properties.x = '0.50'",
    );
    filter(&of("IN", json!(["1e3", "a"])), &format!("properties.x IN ('1e3', 'a') OR {thousand}"));
    filter(
        &of("NOT_IN", json!("1e3,7")),
        &format!("NOT (properties.x IN ('1e3', '7') OR {thousand})"),
    );
    filter(&of(">", json!("1e2")), "properties.x > 100");
    filter(&of("<=", json!(" +5 ")), "properties.x <= 5");
    filter(&of("EQUAL_TO", json!("a")), "properties.x = 'a'");
    // Where LIKE would take a part for a pattern, the filter is in Maple's grammar.
    for (operator, value, native) in [
        ("CONTAINS", json!("50%"), "CONTAINS(properties.x, '50%')"),
        ("NOT_CONTAINS", json!("a_b"), "NOT CONTAINS(properties.x, 'a_b')"),
        ("STARTS_WITH", json!("_"), "STARTS_WITH(properties.x, '_')"),
        ("ENDS_WITH", json!("%"), "ENDS_WITH(properties.x, '%')"),
    ] {
        check(
            &builder(&json!([of(operator, value)])),
            json!({"event_type": "t", "aggregation": "count", "filter": native, "grammar": "maple"}),
        );
    }
    refuse(
        &builder(&json!([
            of("EXISTS", json!(false)),
            of("=", json!([1])),
            of("IN", json!(["{{x}}"]))
        ])),
        &[
            "filters[0].value: looks at one property",
            "filters[1].value: cannot compare with a list",
            "filters[2].value: a template stands only in a query",
        ],
    );
}

#[test]
fn unknown_keys_are_told() {
    let mut one = builder(&json!([{"column": "data.x", "operator": "=", "value": "1", "id": 7}]));
    one["theme"] = json!("dark");
    let compiled = read(&one).expect("it is read");
    assert_eq!(
        compiled.warnings,
        [
            "unknown key `visual_query_builder.theme` is kept, and not looked at",
            "unknown key `visual_query_builder.visual_query.groups[0].filters[0].id` is kept, and \
             not looked at",
        ]
    );
}

#[test]
fn conditions_in_other_places_are_refused() {
    let equal = json!({"column": "data.x", "operator": "=", "value": "1"});
    let one = |key: &str, value: Value| {
        let mut one = builder(&json!([equal]));
        one["visual_query"]["groups"][0][key] = value;
        one
    };
    refuse(
        &one("groups", json!([{"logic": "OR", "filters": [equal]}])),
        &[
            "value_error visual_query_builder.visual_query.groups[0].groups: `groups` stands in visual_query: here it \
           would not be looked at",
        ],
    );
    refuse(
        &one("rules", json!([equal])),
        &[
            "visual_query.groups[0].rules: conditions stand in `filters` of the groups of visual_query, and are joined by `logic`",
        ],
    );
    let mut everywhere =
        builder(&json!([{"column": "data.x", "operator": "=", "value": "1", "filters": [equal]}]));
    everywhere["logic"] = json!("OR");
    everywhere["visualQuery"] = json!({"logic": "OR"});
    everywhere["group_by"] = json!(["data.x"]);
    everywhere["visual_query"]["filters"] = json!([equal]);
    everywhere["aggregate_operation"]["where"] = equal.clone();
    refuse(
        &everywhere,
        &[
            "visual_query_builder.group_by: a builder splits no totals: write GROUP BY in aggregation_query",
            "visual_query_builder.logic: `logic` stands in visual_query and its groups",
            "visual_query_builder.visualQuery: `visual_query` stands in the builder",
            "visual_query_builder.visual_query.filters: `filters` stands in a group of visual_query",
            "groups[0].filters[0].filters: `filters` stands in a group of visual_query",
            "aggregate_operation.where: conditions stand in `filters`",
        ],
    );
    // What is empty says nothing, and is kept.
    for nothing in [json!(null), json!([]), json!({}), json!(" ")] {
        let compiled = read(&one("groups", nothing)).expect("it is read");
        assert_eq!(compiled.native["filter"], "properties.x = '1'");
        assert_eq!(compiled.warnings.len(), 1);
    }
}

/// The keys of a builder at each of its levels, with one more.
fn everywhere(key: &str, value: &Value) -> Vec<(&'static str, Value)> {
    let plain = builder(&json!([{"column": "data.x", "operator": "=", "value": "1"}]));
    let places = [
        "",
        "/visual_query",
        "/visual_query/groups/0",
        "/visual_query/groups/0/filters/0",
        "/aggregate_operation",
    ];
    let with = |place: &'static str| {
        let mut one = plain.clone();
        one.pointer_mut(place).expect("it is there")[key] = value.clone();
        (place, one)
    };
    places.map(with).into()
}

#[test]
fn what_may_say_what_is_counted_is_refused_under_any_key() {
    let equal = json!({"column": "data.x", "operator": "=", "value": "1"});
    let unknown = "no key of a builder, and it may say what is counted: conditions stand in `filters` of the groups";
    let conditions = "conditions stand in `filters` of the groups of visual_query";
    let splits = "a builder splits no totals: write GROUP BY";
    let changes = "a builder has a type and a column of aggregate_operation";
    for (key, value, message) in [
        ("and", json!([equal]), conditions),
        ("OR", json!([equal]), conditions),
        ("filter_groups", json!([{"filters": [equal]}]), conditions),
        ("filterGroups", json!([{"filters": [equal]}]), conditions),
        ("nested", json!([equal]), unknown),
        ("items", json!([equal]), unknown),
        ("children", json!([equal]), unknown),
        ("subgroups", json!([equal]), unknown),
        ("exclude", json!([equal]), conditions),
        ("exclude", json!("data.test"), conditions),
        ("global_filters", json!([equal]), unknown),
        ("anything", json!({"a": 1}), unknown),
        ("split_by", json!("data.region"), splits),
        ("partition_by", json!(["data.region"]), splits),
        ("breakdown", json!("region"), splits),
        ("negate", json!(true), conditions),
        ("negate", json!("yes"), conditions),
        ("distinct", json!(true), changes),
        ("only_paid", json!(true), unknown),
        ("enabled", json!(false), "what it switches off"),
        ("multiplier", json!(2), changes),
        ("ui", json!({"filters": [equal]}), "its `filters`: `filters` stands in a group"),
        ("tags", json!([{"not": true}]), "its `not`: conditions stand"),
    ] {
        for (place, one) in everywhere(key, &value) {
            let place = place.replace("/0", "[0]").replace('/', ".");
            refuse(&one, &[&format!("visual_query_builder{place}.{key}: {message}")]);
        }
    }
    for (key, value) in [
        ("label", json!("Test")),
        ("description", json!("any text")),
        ("id", json!("a1")),
        ("position", json!({"x": 1, "y": 2.5})),
        ("ui", json!({"collapsed": true, "tags": ["a"]})),
        ("theme", json!("dark")),
        ("negate", json!(false)),
        ("distinct", json!(null)),
        ("children", json!([])),
        ("split_by", json!("")),
        ("enabled", json!(true)),
    ] {
        for (_, one) in everywhere(key, &value) {
            let compiled = read(&one).unwrap_or_else(|faults| panic!("{one}: {faults:?}"));
            assert_eq!(compiled.native["filter"], "properties.x = '1'", "{one}");
            assert_eq!(compiled.warnings.len(), 1, "{one}");
        }
    }
}

#[test]
fn all_faults_are_told_with_their_paths() {
    refuse(
        &json!({}),
        &[
            "missing visual_query_builder.table_name",
            "missing visual_query_builder.aggregate_operation",
        ],
    );
    refuse(
        &json!({"table_name": 5,
                "visual_query": {"logic": "XOR", "groups": [{"filters": [
                    {"column": "x", "operator": "=", "value": 1},
                    {"operator": "=", "value": 1},
                    {"column": "data.x", "operator": "SOUNDS_LIKE", "value": 1},
                    {"column": "data.x", "operator": ">", "value": "many"},
                    {"column": "data.x", "operator": "="},
                    {"column": "data.x", "operator": "=", "value": {}},
                    {"column": "data.x", "operator": "IN", "value": []},
                    {"column": "data.x", "operator": "NOT", "value": "50%"},
                    {"column": "data.x", "operator": "=", "value": "{{start_date}}"},
                    {"column": "timestamp", "operator": ">", "value": 1},
                    7]}]},
                "aggregate_operation": {"type": "MEDIAN"},
                "customer_mapping": "data.tenant",
                "start_date_mapping": {"column": "customer_id"},
                "end_date_mapping": 5}),
        &[
            "string_type visual_query_builder.table_name: Input should be a valid string",
            "filters[0].column: unknown column `x`: columns are customer_id, timestamp and data.key",
            "missing visual_query_builder.visual_query.groups[0].filters[1].column: Field required",
            "filters[2].operator: unknown operator",
            "filters[3].value: compares numbers, and \"many\" is none",
            "filters[4]: a value is wanted",
            "filters[5].value: cannot compare with an object",
            "filters[6].value: looks among no values: give it at least one",
            "filters[7].operator: unknown operator",
            "filters[8].value: a template stands only in a query",
            "filters[9]: timestamp is bounded by the period",
            "dict_type visual_query_builder.visual_query.groups[0].filters[10]: Input should be a \
             valid dictionary",
            "visual_query.logic: unknown logic `XOR`",
            "aggregate_operation.type: unknown type",
            "customer_mapping: the customer is the event's customer_id",
            "start_date_mapping.column: the time is the event's timestamp",
            "string_type visual_query_builder.end_date_mapping",
        ],
    );
    refuse(
        &json!({"table_name": "t", "aggregate_operation": {"type": "SUM", "column": ""}}),
        &["missing visual_query_builder.aggregate_operation.column"],
    );
    refuse(
        &json!({"table_name": "t", "aggregate_operation": {"type": "SUM", "column": "customer_id"}}),
        &["aggregate_operation.column: no number"],
    );
}
