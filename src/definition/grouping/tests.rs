//! Groups as tables of text: dimensions and properties in, key or refusal out.

use super::*;
use crate::definition::expression::scan;

fn any(path: &str) -> Dimension {
    let path = GroupPath::parse(path).unwrap();
    Dimension { path, values: None, other: OtherValues::Bucket }
}

fn texts(values: &[&str]) -> Vec<String> {
    values.iter().map(|value| (*value).to_owned()).collect()
}

fn declared(path: &str, values: &[&str], other: OtherValues) -> Dimension {
    Dimension { values: Some(DeclaredValues::Any(texts(values))), other, ..any(path) }
}

fn linked(path: &str, earlier: usize, lists: &[(&str, &[&str])], other: OtherValues) -> Dimension {
    let lists = lists.iter().map(|(name, values)| ((*name).to_owned(), texts(values))).collect();
    Dimension { values: Some(DeclaredValues::Within(earlier, lists)), other, ..any(path) }
}

/// The group as `a|null|...`, `passed over`, or the place and cause of the fault.
fn outcome(dimensions: &[Dimension], properties: &str) -> String {
    let document = scan(properties);
    let properties = document.root(properties).unwrap().object().unwrap();
    let mut key = GroupKey::from_bytes(&[NULL_LEFT_OVER]).unwrap();
    match group_into(dimensions, properties, &mut key) {
        Ok(Grouped::Key) => {
            assert_eq!(GroupKey::from_bytes(key.as_bytes()).as_ref(), Some(&key));
            let values = key.values();
            assert_eq!(values.len(), dimensions.len());
            values
                .iter()
                .map(|value| value.as_deref().unwrap_or("null"))
                .collect::<Vec<_>>()
                .join("|")
        }
        Ok(Grouped::PassedOver) => "passed over".to_owned(),
        Err(GroupFault { dimension, cause }) => format!("{dimension}: {cause:?}"),
    }
}

/// What an earlier event left in the buffer.
const NULL_LEFT_OVER: u8 = 0;

#[track_caller]
fn check(dimensions: &[Dimension], table: &[(&str, &str)]) {
    for (properties, expected) in table {
        assert_eq!(outcome(dimensions, properties), *expected, "{properties}");
    }
}

#[test]
fn paths_are_read_with_their_quotes() {
    let keys = |text: &str| GroupPath::parse(text).map(|path| path.keys.join("|"));
    let table = [
        ("a", "a"),
        ("n.w", "n|w"),
        ("\"a.b\"", "a.b"),
        ("\"a.b\".c.\"d\"", "a.b|c|d"),
        ("x-y", "x-y"),
        (" a b ", " a b "),
        ("\"a\"\"b\"", "a\"b"),
        ("\"\"", ""),
        ("\"\"\"\"", "\""),
    ];
    for (text, expected) in table {
        assert_eq!(keys(text).as_deref(), Ok(expected), "{text}");
        let path = GroupPath::parse(text).unwrap();
        assert_eq!(path.text, text);
        let respelt = GroupPath::from_keys(path.keys.clone());
        assert_eq!(GroupPath::parse(&respelt.text), Ok(respelt));
    }
    for text in ["", ".", "a.", ".a", "a..b", "\"a", "\"a\"b", "a\"b\"", "\"a\".", "\"a\"\""] {
        let fault = GroupPath::parse(text).unwrap_err();
        assert!(fault.starts_with(&format!("path `{text}`: ")), "{fault}");
    }
}

#[test]
fn paths_lead_through_objects_alone() {
    let dimensions = [any("n.w"), any("\"a.b\""), any("x-y")];
    check(
        &dimensions,
        &[
            (r#"{"n": {"w": 2}, "a": {"b": "path"}, "a.b": "flat", "x-y": false}"#, "2|flat|false"),
            (r#"{"n": {"w": 2, "w": 3}, "n2": 1}"#, "3|null|null"),
            (r#"{"n": [{"w": 2}]}"#, "null|null|null"),
            (r#"{"n": "w"}"#, "null|null|null"),
            (r#"{"n": {"w": {}}}"#, "0: Composite"),
            (r#"{"n": {}, "x-y": [1]}"#, "2: Composite"),
        ],
    );
}

#[test]
fn group_is_the_text_of_a_scalar() {
    let long = |count: usize| format!(r#"{{"g": "{}"}}"#, "é".repeat(count));
    let fitting = "é".repeat(128);
    check(
        &[any("g")],
        &[
            (r#"{"g": 1}"#, "1"),
            (r#"{"g": "1"}"#, "1"),
            (r#"{"g": 1.0}"#, "1"),
            (r#"{"g": 1.50e1}"#, "15"),
            (r#"{"g": -0}"#, "0"),
            (r#"{"g": -12}"#, "-12"),
            (r#"{"g": 0.0000000000000000005}"#, "0.000000000000000001"),
            (r#"{"g": -0.0000000000000000001}"#, "0"),
            (
                r#"{"g": 12345678901234567890123456789012345678}"#,
                "12345678901234567890123456789012345678",
            ),
            (r#"{"g": 123456789012345678901234567890123456789}"#, "0: OutOfRange"),
            (
                r#"{"g": -99999999999999999999999999999999999999.999999999999999999}"#,
                "-99999999999999999999999999999999999999.999999999999999999",
            ),
            (r#"{"g": 1e38}"#, "0: OutOfRange"),
            (r#"{"g": "1.0"}"#, "1.0"),
            (r#"{"g": true}"#, "true"),
            (r#"{"g": false}"#, "false"),
            (r#"{"g": ""}"#, ""),
            (r#"{"g": "a\u00e9\n"}"#, "aé\n"),
            (r#"{"g": null}"#, "null"),
            ("{}", "null"),
            (r#"{"g": [1]}"#, "0: Composite"),
            (r#"{"g": {}}"#, "0: Composite"),
            (&long(128), &fitting),
            (&long(129), "0: TooLong(258)"),
            (&long(40_000), "0: TooLong(80000)"),
        ],
    );
}

#[test]
fn undeclared_values_are_bucketed_or_dropped() {
    let events = [r#"{"r": "eu"}"#, r#"{"r": "xx"}"#, "{}", r#"{"r": {}}"#, r#"{"r": 1.0}"#];
    let expectations = [
        (OtherValues::Bucket, ["eu", "null", "null", "0: Composite", "1"]),
        (OtherValues::Drop, ["eu", "passed over", "passed over", "0: Composite", "1"]),
    ];
    for (other, expected) in expectations {
        let dimensions = [declared("r", &["eu", "us", "1"], other)];
        let table: Vec<_> = events.into_iter().zip(expected).collect();
        check(&dimensions, &table);
    }
    check(&[declared("r", &[""], OtherValues::Drop)], &[(r#"{"r": ""}"#, "")]);
}

#[test]
fn linked_dimension_applies_where_it_has_a_list() {
    let lists: [(&str, &[&str]); 3] = [("eu", &["fr", "de"]), ("us", &["ny"]), ("zz", &[])];
    let buckets = [
        declared("r", &["eu", "us", "ap", "zz"], OtherValues::Bucket),
        linked("k", 0, &lists, OtherValues::Bucket),
    ];
    check(
        &buckets,
        &[
            (r#"{"r": "eu", "k": "fr"}"#, "eu|fr"),
            (r#"{"r": "eu", "k": "ny"}"#, "eu|null"),
            (r#"{"r": "us", "k": "ny"}"#, "us|ny"),
            (r#"{"r": "xx", "k": "fr"}"#, "null|null"),
            (r#"{"r": "eu"}"#, "eu|null"),
            (r#"{"r": "zz", "k": "fr"}"#, "zz|null"),
            (r#"{"r": "eu", "k": {}}"#, "1: Composite"),
            (r#"{"r": "ap", "k": {}}"#, "ap|null"),
            (r#"{"k": {}}"#, "null|null"),
        ],
    );
    let drops = [any("r"), linked("k", 0, &lists, OtherValues::Drop), any("q")];
    check(
        &drops,
        &[
            (r#"{"r": "eu", "k": "fr", "q": 1}"#, "eu|fr|1"),
            (r#"{"r": "eu", "k": "ny"}"#, "passed over"),
            (r#"{"r": "eu"}"#, "passed over"),
            (r#"{"r": "zz", "k": "fr"}"#, "passed over"),
            (r#"{"r": "ap", "k": "fr"}"#, "ap|null|null"),
            (r#"{"k": "fr", "q": 2}"#, "null|null|2"),
            (r#"{"r": "eu", "k": "ny", "q": {}}"#, "passed over"),
            (r#"{"r": {}, "k": "ny"}"#, "0: Composite"),
        ],
    );
}

#[test]
fn linked_dimensions_may_form_a_chain() {
    let dimensions = [
        any("a"),
        linked("b", 0, &[("1", &["x"])], OtherValues::Bucket),
        linked("c", 1, &[("x", &["y"])], OtherValues::Drop),
    ];
    check(
        &dimensions,
        &[
            (r#"{"a": 1, "b": "x", "c": "y"}"#, "1|x|y"),
            (r#"{"a": 1, "b": "x", "c": "z"}"#, "passed over"),
            (r#"{"a": 1, "b": "q", "c": "z"}"#, "1|null|null"),
            (r#"{"a": 2, "b": "x", "c": "z"}"#, "2|null|null"),
        ],
    );
}

#[test]
fn keys_are_laid_out_as_documented() {
    let text = r#"{"a": "é", "b": null}"#;
    let document = scan(text);
    let properties = document.root(text).unwrap().object().unwrap();
    let mut key = GroupKey::new();
    let grouped = group_into(&[any("a"), any("b"), any("a")], properties, &mut key);
    assert_eq!(grouped, Ok(Grouped::Key));
    assert_eq!(key.as_bytes(), [1, 0, 2, 0xC3, 0xA9, 0, 1, 0, 2, 0xC3, 0xA9]);
    assert_eq!(key.texts().collect::<Vec<_>>(), [Some("é"), None, Some("é")]);
    assert_eq!(group_into(&[], properties, &mut key), Ok(Grouped::Key));
    assert!(key.as_bytes().is_empty());
    for broken in [&[2_u8][..], &[1], &[1, 0], &[1, 0, 1], &[1, 0, 1, 0xFF], &[0, 1, 0, 2, 65]] {
        assert_eq!(GroupKey::from_bytes(broken), None, "{broken:?}");
    }
}
