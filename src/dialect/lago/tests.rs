//! Bodies as clients of Lago send them: what they mean, what is answered, and every fault.

use super::*;
use crate::dialect::{Defaults, Json};
use crate::model::EventTime;

fn read(fields: &str) -> Result<BillableMetric, Refusal> {
    BillableMetric::read(&Json::parse(fields).expect("the test's own JSON"))
}

#[track_caller]
fn native(fields: &str) -> String {
    let metric = read(fields).unwrap_or_else(|refusal| panic!("{fields}: {refusal:?}"));
    let native = metric.to_native("acme", &Defaults::default());
    let mut native = serde_json::Value::Object(native);
    let keys = native.as_object_mut().expect("an object");
    for known in ["tenant", "code", "name"] {
        keys.remove(known);
    }
    native.sort_all_objects();
    native.to_string()
}

/// The faults as Lago would answer them.
#[track_caller]
fn details(fields: &str) -> String {
    match read(fields) {
        Err(Refusal::Faults(faults)) => error_details(&faults).to_string(),
        other => panic!("{fields}: {other:?}"),
    }
}

fn with(fields: &str) -> String {
    format!(r#"{{"name":"M","code":"m",{fields}}}"#)
}

#[test]
fn the_root_key_holds_at_least_one_field() {
    let fields = fields_of(r#"{"other":1,"billable_metric":{"name":"M"}}"#).expect("fields");
    assert_eq!(fields.to_string(), r#"{"name":"M"}"#);
    for body in ["{}", "[]", r#"{"billable_metric":{}}"#, r#"{"billable_metric":[1]}"#] {
        assert_eq!(fields_of(body), Err(BadRequest::NoFields), "{body}");
    }
    assert!(matches!(fields_of("{"), Err(BadRequest::NoJson(_))));
}

#[test]
fn aggregations_have_their_native_counterpart() {
    for (fields, expected) in [
        (r#""aggregation_type":"count_agg","field_name":"x""#, r#"{"aggregation":"count"}"#),
        (
            r#""aggregation_type":"sum_agg","field_name":"x","recurring":true,"unknown":1"#,
            r#"{"aggregation":"sum","recurring":true,"value":"properties.x"}"#,
        ),
        (
            r#""aggregation_type":"max_agg","field_name":"a.b","recurring":"false""#,
            r#"{"aggregation":"max","value":"properties.\"a.b\""}"#,
        ),
        (
            r#""aggregation_type":"latest_agg","field_name":"a\"b","description":"d""#,
            r#"{"aggregation":"latest","description":"d","value":"properties.\"a\"\"b\""}"#,
        ),
        (
            r#""aggregation_type":"unique_count_agg","field_name":"x""#,
            r#"{"aggregation":"unique_count","operation":"operation_type","value":"properties.x"}"#,
        ),
        (
            r#""aggregation_type":"weighted_sum_agg","field_name":"x","weighted_interval":"seconds""#,
            r#"{"aggregation":"weighted_sum","value":"properties.x"}"#,
        ),
        (
            r#""aggregation_type":"recurring_count_agg","field_name":"x""#,
            r#"{"aggregation":"unique_count","operation":"operation_type","prorated":true,"recurring":true,"value":"properties.x"}"#,
        ),
        (
            r#""aggregation_type":"sum_agg","field_name":"x","expression":"event.properties.y * 2","rounding_function":"ceil""#,
            r#"{"aggregation":"sum","grammar":"lago","rounding":{"function":"ceil","precision":0},"value":"event.properties.y * 2"}"#,
        ),
        (
            r#""aggregation_type":"sum_agg","field_name":"x","expression":"","rounding_function":"floor","rounding_precision":"-2""#,
            r#"{"aggregation":"sum","rounding":{"function":"floor","precision":-2},"value":"properties.x"}"#,
        ),
        (
            r#""aggregation_type":"sum_agg","field_name":"x","rounding_precision":2"#,
            r#"{"aggregation":"sum","value":"properties.x"}"#,
        ),
    ] {
        assert_eq!(native(&with(fields)), expected, "{fields}");
    }
}

#[test]
fn divisions_are_groups() {
    let divided = |fields: &str| {
        let native = native(&with(&format!(r#""aggregation_type":"count_agg",{fields}"#)));
        let group = native.strip_prefix(r#"{"aggregation":"count","group_by":"#);
        group.unwrap_or(&native).trim_end_matches('}').to_owned()
    };
    for none in [r#""group":{}"#, r#""group":null,"filters":[]"#, r#""filters":null"#] {
        assert_eq!(divided(none), r#"{"aggregation":"count""#, "{none}");
    }
    for name in ["values", "value"] {
        assert_eq!(
            divided(&format!(r#""group":{{"key":"cloud","{name}":["aws","gcp","aws"]}}"#)),
            r#"[{"other":"drop","property":"cloud","values":["aws","gcp"]}]"#
        );
    }
    assert_eq!(
        divided(
            r#""group":{"key":"cloud","values":[{"name":"aws","key":"region","values":["eu","us"]},
                {"name":"gcp","key":["zone.id"],"value":["a"]},{"name":"aws","key":"region","values":["us","ap"]}]}"#
        ),
        concat!(
            r#"[{"other":"drop","property":"cloud","values":["aws","gcp"]},"#,
            r#"{"other":"drop","property":"region","values":{"aws":["eu","us","ap"]},"within":"cloud"},"#,
            r#"{"other":"drop","property":"\"zone.id\"","values":{"gcp":["a"]},"within":"cloud"}]"#
        )
    );
    assert_eq!(
        divided(
            r#""filters":[{"key":"region","values":["us","eu"]},{"key":"cloud","values":[1.50,true]},{"key":"region","values":["ap","us"]}]"#
        ),
        concat!(
            r#"[{"other":"bucket","property":"cloud","values":["1.50","true"]},"#,
            r#"{"other":"bucket","property":"region","values":["ap","us"]}]"#
        )
    );
}

#[test]
fn all_faults_are_told_at_once() {
    assert_eq!(
        details(r#"{"description":"d"}"#),
        r#"{"name":["value_is_mandatory"],"code":["value_is_mandatory"],"aggregation_type":["value_is_invalid"],"field_name":["value_is_mandatory"]}"#
    );
    assert_eq!(
        details(
            r#"{"name":" ","code":null,"aggregation_type":"max_agg","field_name":[],"recurring":true,
                "expression":"1 \\ 2","rounding_function":"up","rounding_precision":19,"weighted_interval":"days",
                "group":{"key":"a"},"filters":[{"key":"a","values":[]},{"key":"","values":["x"]}]}"#
        ),
        concat!(
            r#"{"name":["value_is_mandatory"],"code":["value_is_mandatory"],"field_name":["value_is_mandatory"],"#,
            r#""recurring":["not_compatible_with_aggregation_type"],"rounding_function":["value_is_invalid"],"#,
            r#""rounding_precision":["value_is_invalid"],"expression":["invalid_expression"],"#,
            r#""values":["value_is_mandatory"],"key":["value_is_mandatory"],"group":["value_is_invalid"]}"#
        )
    );
    for (fields, expected) in [
        (r#""aggregation_type":"count_agg","recurring":1"#, "recurring"),
        (r#""aggregation_type":"latest_agg","field_name":"x","recurring":"t""#, "recurring"),
        (
            r#""aggregation_type":"weighted_sum_agg","field_name":"x","weighted_interval":"days""#,
            "weighted_interval",
        ),
        (r#""aggregation_type":"min_agg","field_name":"x""#, "aggregation_type"),
        (r#""aggregation_type":"count_agg","rounding_precision":-19"#, "rounding_precision"),
        (r#""aggregation_type":"count_agg","rounding_precision":1.5"#, "rounding_precision"),
        (r#""aggregation_type":"count_agg","rounding_precision":"two""#, "rounding_precision"),
    ] {
        let found = details(&with(fields));
        assert!(found.starts_with(&format!("{{\"{expected}\":[")), "{fields}: {found}");
        assert_eq!(found.matches('[').count(), 1, "{fields}: {found}");
    }
}

#[test]
fn faults_of_codes_and_divisions() {
    let body = |code: &str, more: &str| {
        format!(r#"{{"name":"M","code":"{code}","aggregation_type":"count_agg"{more}}}"#)
    };
    for code in ["a.b/c d", "é", &"é".repeat(255), "x/groups"] {
        assert!(read(&body(code, "")).is_ok(), "{code}");
    }
    assert_eq!(details(&body(&"x".repeat(256), "")), r#"{"code":["value_is_too_long"]}"#);
    assert_eq!(details(&body(&"€".repeat(171), "")), r#"{"code":["value_is_too_long"]}"#);
    assert_eq!(details(&body("a\\u0007", "")), r#"{"code":["value_is_invalid"]}"#);
    let long = "x".repeat(257);
    let two = |inner: &str| format!(r#"{{"key":"a","values":[{{"name":"n",{inner}}}]}}"#);
    for group in [
        "[]".to_owned(),
        "\"a\"".to_owned(),
        r#"{"values":["x"]}"#.to_owned(),
        r#"{"key":"","values":["x"]}"#.to_owned(),
        r#"{"key":["a","b"],"values":["x"]}"#.to_owned(),
        r#"{"key":"a","values":[]}"#.to_owned(),
        r#"{"key":"a","values":"x"}"#.to_owned(),
        r#"{"key":"a","values":[""]}"#.to_owned(),
        r#"{"key":"a","values":[null]}"#.to_owned(),
        format!(r#"{{"key":"a","values":["{long}"]}}"#),
        r#"{"key":"a","values":["x",{"name":"n","key":"b","values":["y"]}]}"#.to_owned(),
        r#"{"key":"a","values":[{"key":"b","values":["y"]}]}"#.to_owned(),
        two(r#""key":"b""#),
        two(r#""key":"b","values":[]"#),
        two(r#""key":"a","values":["y"]"#),
        two(r#""key":"b","values":[{"name":"m","key":"c","values":["z"]}]"#),
        two(r#""values":["y"]"#),
    ] {
        let found = details(&body("m", &format!(r#","group":{group}"#)));
        assert_eq!(found, r#"{"group":["value_is_invalid"]}"#, "{group}");
    }
    let both = r#","group":{"key":"a","values":["x"]},"filters":[{"key":"b","values":["y"]}]"#;
    assert_eq!(details(&body("m", both)), r#"{"group":["value_is_invalid"]}"#);
    for (filters, expected) in [
        ("{}", r#"{"filters":["value_is_invalid"]}"#),
        (r#"[{"key":"a"}]"#, r#"{"values":["value_is_mandatory"]}"#),
        ("[1]", r#"{"key":["value_is_mandatory"],"values":["value_is_mandatory"]}"#),
        (r#"[{"key":"a","values":["x",null]}]"#, r#"{"values":["value_is_mandatory"]}"#),
    ] {
        assert_eq!(details(&body("m", &format!(r#","filters":{filters}"#))), expected);
    }
    let Err(Refusal::Faults(faults)) =
        read(&body("m", r#","filters":[{"key":"a","values":["x"]},{"key":"b"}]"#))
    else {
        panic!("it has no values")
    };
    assert_eq!(
        faults.iter().map(crate::dialect::Fault::path_text).collect::<Vec<_>>(),
        ["filters[1].values"]
    );
}

#[test]
fn custom_aggregations_are_another_product() {
    assert_eq!(read(r#"{"aggregation_type":"custom_agg"}"#), Err(Refusal::FeatureUnavailable));
}

#[test]
fn a_partial_body_changes_what_it_names() {
    let change = |stored: &str, partial: &str| {
        let json = |text: &str| Json::parse(text).expect("the test's own JSON");
        merged(json(stored), json(partial)).to_string()
    };
    assert_eq!(
        change(
            r#"{"name":"M","code":"m","description":"d"}"#,
            r#"{"description":null,"name":"N"}"#
        ),
        r#"{"code":"m","description":null,"name":"N"}"#
    );
    let (group, filters) =
        (r#""group":{"key":"a","values":["x"]}"#, r#""filters":[{"key":"b","values":["y"]}]"#);
    let with_group = format!(r#"{group},"filters":[{{"key":"a","values":["x"]}}]"#);
    for (stored, partial, expected) in [
        (group, filters, filters.to_owned()),
        (filters, group, group.to_owned()),
        (group, r#""filters":[]"#, r#""filters":[]"#.to_owned()),
        (&with_group, r#""filters":[]"#, r#""filters":[]"#.to_owned()),
        (filters, r#""filters":[]"#, r#""filters":[]"#.to_owned()),
        (group, r#""filters":null"#, group.to_owned()),
        (filters, r#""filters":null"#, filters.to_owned()),
        (filters, r#""group":{}"#, format!(r#"{filters},"group":{{}}"#)),
        (group, r#""group":null"#, r#""group":null"#.to_owned()),
        // What an answer has of a group for clients that know none.
        (
            group,
            r#""name":"N","filters":[{"values":["x"],"key":"a"}]"#,
            format!(r#"{group},"name":"N""#),
        ),
        (group, &with_group, with_group.clone()),
        (&with_group, r#""group":{}"#, r#""group":{}"#.to_owned()),
        (&with_group, filters, filters.to_owned()),
        (
            group,
            r#""group":{},"filters":[{"key":"a","values":["x"]}]"#,
            r#""group":{},"filters":[{"key":"a","values":["x"]}]"#.to_owned(),
        ),
    ] {
        let found = change(&format!("{{{stored}}}"), &format!("{{{partial}}}"));
        assert_eq!(found, format!("{{{expected}}}"));
    }
}

#[test]
fn the_answer_has_every_field() {
    let identity = Identity {
        lago_id: "1a901a90-1a90-1a90-1a90-1a901a901a90".to_owned(),
        created_at: EventTime::from_micros(1_767_323_045_999_999),
    };
    let answer =
        |fields: &str| read(&with(fields)).expect("a metric").to_answer(&identity).to_string();
    assert_eq!(
        answer(r#""aggregation_type":"count_agg","field_name":"x","weighted_interval":"days""#),
        concat!(
            r#"{"lago_id":"1a901a90-1a90-1a90-1a90-1a901a901a90","name":"M","code":"m","description":null,"#,
            r#""aggregation_type":"count_agg","weighted_interval":null,"recurring":false,"rounding_function":null,"#,
            r#""rounding_precision":null,"created_at":"2026-01-02T03:04:05Z","field_name":null,"expression":null,"#,
            r#""filters":[],"group":{},"active_subscriptions_count":0,"draft_invoices_count":0,"plans_count":0}"#
        )
    );
    let choices = |group: &str| {
        let metric = read(&with(&format!(r#""aggregation_type":"count_agg","group":{group}"#)));
        let group = metric.expect("a metric").group.expect("a group");
        group.choices().iter().map(|(key, value)| format!("{key:?} {value}")).collect::<Vec<_>>()
    };
    assert_eq!(choices(r#"{"key":"a","values":["x","y"]}"#), ["None x", "None y"]);
    assert_eq!(
        choices(r#"{"key":"a","values":[{"name":"n","key":"b","values":["x","y"]}]}"#),
        ["Some(\"n\") x", "Some(\"n\") y"]
    );
    let found = answer(
        r#""aggregation_type":"weighted_sum_agg","field_name":"x","recurring":true,"rounding_precision":2,
           "expression":"1","group":{"key":"b","value":[{"name":"n","key":["a"],"values":["z","y"]}]}"#,
    );
    for piece in [
        r#""weighted_interval":"seconds","recurring":true"#,
        r#""rounding_function":null,"rounding_precision":2"#,
        r#""field_name":"x","expression":"1""#,
        r#""filters":[{"key":"a","values":["y","z"]},{"key":"b","values":["n"]}]"#,
        r#""group":{"key":"b","values":[{"name":"n","key":"a","values":["z","y"]}]}"#,
    ] {
        assert!(found.contains(piece), "{piece} is not in {found}");
    }
}
