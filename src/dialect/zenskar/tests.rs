//! Bodies as they are sent: what is kept, what is answered, and every fault at once.

use proptest::prelude::*;
use serde_json::{Value, json};

use super::*;

fn body() -> Value {
    json!({"name": "SMS", "dataschema": "s", "aggregation_query": "SELECT SUM(data.sms) FROM raw_metric_usage",
           "cust_agg_query": "", "visual_query_builder": {}, "datasource": "d"})
}

fn builder() -> Value {
    json!({"table_name": "usage", "aggregate_operation": {"type": "SUM", "column": "data.sms"}})
}

fn with(changes: &Value) -> String {
    let mut body = body();
    for (key, value) in changes.as_object().expect("an object") {
        body[key] = value.clone();
    }
    body.to_string()
}

fn native() -> Value {
    json!({"event_type": "usage", "aggregation": "sum", "value": "properties.sms"})
}

#[track_caller]
fn check(body: &str, warnings: &[&str]) -> Aggregate {
    let submitted = read_submitted(body).unwrap_or_else(|faults| panic!("{body}: {faults:?}"));
    assert_eq!(Value::Object(submitted.compiled.native), native(), "{body}");
    assert_eq!(submitted.compiled.warnings, warnings, "{body}");
    submitted.aggregate
}

#[track_caller]
fn refuse(body: &str, details: &[(&str, &str, &str)]) {
    let faults = read_submitted(body).expect_err("it is faulty");
    is_detail(body, &faults, details);
}

/// Each as it is answered: place, type, message.
#[track_caller]
fn is_detail(body: &str, faults: &[Fault], details: &[(&str, &str, &str)]) {
    let found: Vec<Value> = faults
        .iter()
        .map(|fault| serde_json::to_value(Detail::new("body", fault)).expect("it is written"))
        .collect();
    let wanted: Vec<Value> = details
        .iter()
        .map(|(loc, kind, msg)| {
            let loc: Value = serde_json::from_str(loc).expect("a place");
            json!({"loc": loc, "msg": msg, "type": kind})
        })
        .collect();
    assert_eq!(found, wanted, "{body}");
}

#[test]
fn a_body_is_kept_and_answered_as_it_was_sent() {
    let body = "{\"datasource\" : \"\\u0064\",\n \"name\":\"SMS\",\"dataschema\":\"\",\"cust_agg_query\":\"\",\
                \"visual_query_builder\":{\"b\":1.10, \"a\":[ ]},\"aggregation_query\":\
                \"SELECT SUM(data.sms)\\nFROM raw_metric_usage\"}";
    let aggregate = check(body, &[]);
    assert_eq!(
        aggregate.answer("3c90c3cc-0d44-4b50-8888-8dd25736052a", 7, None),
        "{\"id\":\"3c90c3cc-0d44-4b50-8888-8dd25736052a\",\"name\":\"SMS\",\"dataschema\":\"\",\
         \"aggregation_query\":\"SELECT SUM(data.sms)\\nFROM raw_metric_usage\",\"cust_agg_query\":\"\",\
         \"visual_query_builder\":{\"b\":1.10, \"a\":[ ]},\"datasource\":\"\\u0064\",\"version\":7}"
    );
    assert_eq!((aggregate.name().as_str(), aggregate.datasource().as_str()), ("SMS", "d"));
    let again = Aggregate::read(&aggregate.text()).expect("what was written is read");
    assert_eq!(again.answer("x", 1, None), aggregate.answer("x", 1, None));
    assert_eq!(again.compile().map(|compiled| Value::Object(compiled.native)), Ok(native()));
}

#[test]
fn either_definition_stands_alone_and_the_query_counts() {
    check(&body().to_string(), &[]);
    check(&with(&json!({"aggregation_query": "", "visual_query_builder": builder()})), &[]);
    check(&with(&json!({"aggregation_query": " \n", "visual_query_builder": builder()})), &[]);
    check(&with(&json!({"visual_query_builder": builder()})), &[]);
    check(
        &with(
            &json!({"visual_query_builder": {"table_name": "usage", "aggregate_operation": {"type": "COUNT"}}}),
        ),
        &[
            "visual_query_builder means something else than aggregation_query, which is what totals are made by",
        ],
    );
    check(&with(&json!({"visual_query_builder": {"table_name": 5}})), &[]);
    let empty = "Value error, empty, and visual_query_builder too: one of them says what is billed";
    refuse(
        &with(&json!({"aggregation_query": ""})),
        &[("[\"body\",\"aggregation_query\"]", "value_error", empty)],
    );
}

#[test]
fn the_customers_query_is_compared_by_its_meaning() {
    for same in [
        "SELECT customer_id, SUM(data.sms) AS quantity FROM usage GROUP BY customer_id",
        "select sum(\"data\".\"sms\") from raw_metric_usage where timestamp >= '{{start_date}}'",
        "SELECT 1 FROM what JOIN cannot_be ON compiled",
    ] {
        check(&with(&json!({"cust_agg_query": same})), &[]);
    }
    check(
        &with(&json!({"cust_agg_query": "SELECT SUM(data.mms) FROM usage"})),
        &[
            "cust_agg_query means something else than aggregation_query, which is what totals are made by",
        ],
    );
}

#[test]
fn unknown_fields_are_told_of_and_not_answered() {
    let aggregate = check(
        &with(&json!({"color": "red", "id": 5})),
        &["unknown field `color` is not read", "unknown field `id` is not read"],
    );
    assert!(!aggregate.answer("x", 1, None).contains("red"));
}

#[test]
fn all_faults_of_a_body_are_told() {
    let missing = |name: &'static str| (name, "missing", "Field required");
    refuse(
        "{}",
        &[
            missing("[\"body\",\"name\"]"),
            missing("[\"body\",\"dataschema\"]"),
            missing("[\"body\",\"aggregation_query\"]"),
            missing("[\"body\",\"cust_agg_query\"]"),
            missing("[\"body\",\"visual_query_builder\"]"),
            missing("[\"body\",\"datasource\"]"),
        ],
    );
    refuse(
        &with(
            &json!({"name": null, "dataschema": {}, "cust_agg_query": 1, "visual_query_builder": "x",
                     "datasource": [], "aggregation_query": "SELECT COUNT(*)\nFROM a JOIN b"}),
        ),
        &[
            ("[\"body\",\"name\"]", "string_type", "Input should be a valid string"),
            ("[\"body\",\"dataschema\"]", "string_type", "Input should be a valid string"),
            ("[\"body\",\"cust_agg_query\"]", "string_type", "Input should be a valid string"),
            (
                "[\"body\",\"visual_query_builder\"]",
                "dict_type",
                "Input should be a valid dictionary",
            ),
            ("[\"body\",\"datasource\"]", "string_type", "Input should be a valid string"),
            (
                "[\"body\",\"aggregation_query\"]",
                "value_error",
                "Value error, JOIN is not known here: a metric reads one table and cannot join: send \
                 what it needs with the events (line 2, column 8)",
            ),
        ],
    );
    let surrogate = body().to_string().replace("\"SMS\"", "\"\\ud800\"");
    refuse(
        &surrogate,
        &[(
            "[\"body\",\"name\"]",
            "string_unicode",
            "Input should be a valid string, unable to parse raw data as a unicode string",
        )],
    );
}

#[test]
fn what_is_no_object_is_no_body() {
    refuse("", &[("[\"body\",0]", "json_invalid", "JSON decode error")]);
    refuse("{\"name\": }", &[("[\"body\",9]", "json_invalid", "JSON decode error")]);
    for text in ["[]", "null", "5", "\"x\""] {
        refuse(
            text,
            &[(
                "[\"body\"]",
                "model_attributes_type",
                "Input should be a valid dictionary or object to extract fields from",
            )],
        );
    }
    for levels in [101, 100_000] {
        let deep = format!("{}{}", "[".repeat(levels), "]".repeat(levels));
        let text = body().to_string().replace("{}", &format!("{{\"a\":{deep}}}"));
        refuse(
            &text,
            &[("[\"body\"]", "json_invalid", "JSON decode error: nested deeper than 100 levels")],
        );
    }
}

#[test]
fn a_patch_changes_what_it_names() {
    let aggregate = check(&with(&json!({"visual_query_builder": builder()})), &[]);
    let patched = |body: Value| {
        let patch = Patch::read(&body.to_string()).expect("a sound body");
        (patch.is_empty(), aggregate.patched(&patch))
    };
    let (is_empty, same) = patched(json!({}));
    assert!(is_empty);
    assert_eq!(same.text(), aggregate.text());
    let nothing = json!({"name": null, "dataschema": null, "aggregation_query": null,
                         "cust_agg_query": null, "datasource": null});
    let (is_empty, same) = patched(nothing);
    assert!(is_empty);
    assert_eq!(same.text(), aggregate.text());

    let (is_empty, renamed) = patched(json!({"name": "Texts"}));
    assert!(!is_empty);
    assert_eq!(renamed.name(), "Texts");
    assert_eq!(renamed.compile(), aggregate.compile());

    let (is_empty, cleared) = patched(json!({"visual_query_builder": null}));
    assert!(!is_empty);
    assert!(cleared.answer("x", 2, None).contains("\"visual_query_builder\":null"));
    assert_eq!(cleared.compile().map(|compiled| Value::Object(compiled.native)), Ok(native()));
    assert_eq!(Aggregate::read(&cleared.text()).expect("it is read").text(), cleared.text());

    let (_, built) = patched(json!({"aggregation_query": ""}));
    assert_eq!(built.compile().map(|compiled| Value::Object(compiled.native)), Ok(native()));
    let (_, empty) = patched(json!({"aggregation_query": "", "visual_query_builder": null}));
    assert!(empty.compile().is_err());
    let (_, broken) = patched(json!({"aggregation_query": "SELECT"}));
    assert_eq!(broken.compile().expect_err("it is faulty").len(), 1);
}

#[test]
fn all_faults_of_a_patch_are_told() {
    let body =
        json!({"visual_query_builder": [], "name": 5, "datasource": null, "color": 1}).to_string();
    let faults = Patch::read(&body).expect_err("it is faulty");
    is_detail(
        &body,
        &faults,
        &[
            ("[\"body\",\"name\"]", "string_type", "Input should be a valid string"),
            (
                "[\"body\",\"visual_query_builder\"]",
                "dict_type",
                "Input should be a valid dictionary",
            ),
        ],
    );
    let patch = Patch::read("{\"color\":1}").expect("a sound body");
    assert_eq!(patch.warnings, ["unknown field `color` is not read"]);
    assert!(Patch::read("[]").is_err() && Patch::read("{").is_err());
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 1_000, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn any_body_is_read_or_refused(text in "\\PC{0,60}", at in 0_usize..400, piece in "[\\[\\]{}\",:0a]{1,3}") {
        let _ = read_submitted(&text);
        let _ = Patch::read(&text);
        let mut body = with(&json!({"aggregation_query": "", "visual_query_builder": builder()}));
        if body.is_char_boundary(at) && at < body.len() {
            body.insert_str(at, &piece);
            let _ = read_submitted(&body);
            if let Ok(patch) = Patch::read(&body) {
                let aggregate = check(&super::tests::body().to_string(), &[]);
                let _ = aggregate.patched(&patch).compile();
            }
        }
    }
}
