//! Expressions as tables of text: what they give, what is refused, what they look like in normal
//! form.

use proptest::prelude::*;

use super::*;
use crate::definition::lexemes::TEXT_BYTES_MAX;
use crate::model::{Document, EventTime, Node as JsonNode, NodeKind, Object};

/// The nodes of a JSON text that is known to be sound.
pub(in crate::definition) fn scan(text: &str) -> Document {
    let mut document = Document::default();
    let end = scan_value(text.as_bytes(), 0, &mut document.nodes);
    assert!(text[end..].trim().is_empty(), "not one JSON text: {text}");
    document
}

fn scan_value(text: &[u8], mut at: usize, nodes: &mut Vec<JsonNode>) -> usize {
    let is_separator = |byte: u8| byte.is_ascii_whitespace() || byte == b',' || byte == b':';
    while is_separator(text[at]) {
        at += 1;
    }
    let place = nodes.len();
    let (kind, start, end, behind) = match text[at] {
        b'"' => {
            let mut end = at + 1;
            while text[end] != b'"' {
                end += if text[end] == b'\\' { 2 } else { 1 };
            }
            let is_escaped = text[at..end].contains(&b'\\');
            let kind = if is_escaped { NodeKind::Escaped } else { NodeKind::Plain };
            (kind, at + 1, end, end + 1)
        }
        open @ (b'{' | b'[') => {
            let kind = if open == b'{' { NodeKind::Object } else { NodeKind::Array };
            nodes.push(JsonNode { kind, start: 0, end: 0, next: 0 });
            let mut end = at + 1;
            loop {
                while is_separator(text[end]) {
                    end += 1;
                }
                if matches!(text[end], b'}' | b']') {
                    break;
                }
                end = scan_value(text, end, nodes);
            }
            (kind, at, end + 1, end + 1)
        }
        first => {
            let is_inside = |byte: &&u8| !is_separator(**byte) && !b"]}".contains(byte);
            let end = at + text[at..].iter().take_while(is_inside).count();
            let kind = match first {
                b'n' => NodeKind::Null,
                b't' => NodeKind::True,
                b'f' => NodeKind::False,
                _ => NodeKind::Number,
            };
            (kind, at, end, end)
        }
    };
    let next = |nodes: &Vec<JsonNode>| u32::try_from(nodes.len()).unwrap();
    let (start, end) = (u32::try_from(start).unwrap(), u32::try_from(end).unwrap());
    if matches!(kind, NodeKind::Object | NodeKind::Array) {
        nodes[place] = JsonNode { kind, start, end, next: next(nodes) };
    } else {
        nodes.push(JsonNode { kind, start, end, next: 0 });
        nodes[place].next = next(nodes);
    }
    behind
}

fn event(properties: Object<'_>) -> Event<'_> {
    Event {
        tenant: "acme".into(),
        id: "e-1".into(),
        scope: Vec::new(),
        event_type: "call".into(),
        customer: "C7".into(),
        time: EventTime::from_micros(1_700_000_000_250_000),
        properties,
    }
}

/// What an expression gives for an event with these properties, as text.
fn outcome(expression: &str, properties: &str) -> String {
    let document = scan(properties);
    let properties = document.root(properties).unwrap().object().unwrap();
    let expression = match Expression::parse(expression) {
        Ok(expression) => expression,
        Err(error) => return format!("unreadable: {error}"),
    };
    let event = event(properties);
    match expression.evaluate(&event) {
        Ok(Scalar::Null) => "NULL".to_owned(),
        Ok(Scalar::Boolean(true)) => "TRUE".to_owned(),
        Ok(Scalar::Boolean(false)) => "FALSE".to_owned(),
        Ok(Scalar::Number(number)) => number.to_string(),
        Ok(Scalar::Text(text)) => format!("'{text}'"),
        Ok(Scalar::Composite) => "composite".to_owned(),
        Err(EvaluationError::OutOfRange) => "out of range".to_owned(),
        Err(EvaluationError::DivisionByZero) => "division by zero".to_owned(),
        Err(EvaluationError::WrongKind(text)) => format!("wrong: {text}"),
    }
}

#[track_caller]
fn check(expression: &str, properties: &str, expected: &str) {
    assert_eq!(outcome(expression, properties), expected, "{expression} over {properties}");
}

/// Expressions and what they give, over one set of properties. `wrong` stands for any value of a
/// wrong kind.
#[track_caller]
fn check_all(properties: &str, table: &[(&str, &str)]) {
    for (expression, expected) in table {
        let found = outcome(expression, properties);
        let found = if *expected == "wrong" && found.starts_with("wrong: ") {
            "wrong"
        } else {
            found.as_str()
        };
        assert_eq!(found, *expected, "{expression} over {properties}");
    }
}

#[track_caller]
fn check_normal(expression: &str, expected: &str) {
    let parsed = Expression::parse(expression).unwrap_or_else(|error| panic!("{error}"));
    assert_eq!(parsed.normal_form(), expected, "{expression}");
    assert_eq!(Expression::parse(expected).as_ref(), Ok(&parsed), "{expected}");
}

/// The fault has to hold each of these pieces.
#[track_caller]
fn check_refused(expression: &str, pieces: &[&str]) {
    match Expression::parse(expression) {
        Ok(parsed) => panic!("{expression} was read as {parsed}"),
        Err(error) => {
            for piece in pieces {
                assert!(error.message.contains(piece), "{expression}: {error} lacks {piece}");
            }
        }
    }
}

#[test]
fn names_are_read_from_the_event() {
    check_all(
        r#"{"a": {"b": 1, "B": 2, "x-y": 3, "c.d": 4, "": 5, "q\"": 6}, "é": 7, "case": 8, "s": "a\nb", "n": null, "a2": [1]}"#,
        &[
            ("id", "'e-1'"),
            ("type", "'call'"),
            ("event.code", "'call'"),
            ("customer", "'C7'"),
            ("time", "1700000000.25"),
            ("event.timestamp", "1700000000.25"),
            ("properties.a.b", "1"),
            ("event.properties.a.B", "2"),
            ("properties . a\n.\t\"b\"", "1"),
            ("properties.a.\"x-y\"", "3"),
            ("properties.a.\"c.d\"", "4"),
            ("properties.a.\"\"", "5"),
            ("properties.a.\"q\"\"\"", "6"),
            ("properties.é", "7"),
            ("properties.case", "8"),
            ("properties.s", "'a\nb'"),
            ("properties.A.b", "NULL"),
            ("properties.missing", "NULL"),
            ("properties.n", "NULL"),
            ("properties.n.deeper", "NULL"),
            ("properties.é.deeper", "NULL"),
            ("properties.a2.\"0\"", "NULL"),
            ("properties.a", "composite"),
            ("properties.a2", "composite"),
        ],
    );
}

#[test]
fn literals_are_exact() {
    check_all(
        "{}",
        &[
            ("1", "1"),
            ("0.5", "0.5"),
            ("007.50", "7.5"),
            ("1e2", "100"),
            ("1E+2", "100"),
            ("15e-1", "1.5"),
            (
                "0.00000000000000000000000000000000000001",
                "0.00000000000000000000000000000000000001",
            ),
            ("1e-39", "0"),
            ("1e37", "10000000000000000000000000000000000000"),
            ("1e38", "out of range"),
            ("CASE WHEN FALSE THEN 1e38 ELSE 1 END", "1"),
            ("'it''s'", "'it's'"),
            ("'a\\b'", "'a\\b'"),
            ("''", "''"),
            ("TRUE", "TRUE"),
            ("false", "FALSE"),
            ("Null", "NULL"),
        ],
    );
}

#[test]
fn operators_bind_as_rule_5_2_has_it() {
    check_all(
        "{}",
        &[
            ("2 + 3 * 4 - 6 / 4", "12.5"),
            ("7 % 4 * 2", "6"),
            ("- 7 % 4", "-3"),
            ("7 % -4", "3"),
            ("1 - 2 - 3", "-4"),
            ("100 / 10 / 2", "5"),
            ("1 - (2 - 3)", "2"),
            ("- - 2", "2"),
            ("-2 * -3", "6"),
            ("+2 - +3", "-1"),
            ("'a' || 1 + 2", "'a3'"),
            ("1 || 2 * 3", "'16'"),
            ("'a' || 'b' = 'ab'", "TRUE"),
            ("'b' LIKE 'a' || '%'", "FALSE"),
            ("1 + 1 IN (2)", "TRUE"),
            ("3 BETWEEN 1 + 1 AND 2 + 2 AND TRUE", "TRUE"),
            ("'1' || '2' BETWEEN 11 AND 13", "TRUE"),
            ("FALSE AND FALSE OR TRUE", "TRUE"),
            ("TRUE OR FALSE AND FALSE", "TRUE"),
            ("NOT FALSE AND FALSE", "FALSE"),
            ("NOT 1 = 2", "TRUE"),
            ("NOT NOT TRUE", "TRUE"),
            ("NOT NULL IS NULL", "FALSE"),
            ("1 + NULL IS NULL", "TRUE"),
            ("-1 IS NULL OR 'x' IS NOT NULL", "TRUE"),
            ("10 / 3 * 3", "9.99999999999999999999999999999999999999"),
            ("(1 = 1) = (2 = 2)", "TRUE"),
        ],
    );
}

#[test]
fn arithmetic_takes_what_is_numeric() {
    check_all(
        r#"{"s": "007", "e": "1e3", "p": "+5", "b": true, "o": {}, "big": 1e50, "bigtext": "99999999999999999999999999999999999999999", "v": 10}"#,
        &[
            ("properties.s + 1", "8"),
            ("properties.e + 1", "wrong: the text '1e3' is no number"),
            ("properties.p + 1", "wrong"),
            ("properties.b + 1", "wrong"),
            ("properties.o + 1", "wrong: an object or array is no number"),
            ("-properties.s", "-7"),
            ("+properties.s", "7"),
            ("+'x'", "wrong"),
            ("properties.big", "out of range"),
            ("properties.big IS NULL", "out of range"),
            ("properties.bigtext", "'99999999999999999999999999999999999999999'"),
            ("properties.bigtext + 1", "out of range"),
            ("properties.bigtext = 1", "out of range"),
            ("properties.bigtext = '1'", "FALSE"),
            ("properties.v * 1e37", "out of range"),
            ("properties.v / 0", "division by zero"),
            ("properties.v % 0", "division by zero"),
            ("5.5 % 2", "1.5"),
            ("-5.5 % 2", "-1.5"),
            ("1 / 3", "0.33333333333333333333333333333333333333"),
        ],
    );
}

#[test]
fn null_in_gives_null_before_kinds_are_looked_at() {
    check_all(
        r#"{"o": {}}"#,
        &[
            ("NULL + 'abc'", "NULL"),
            ("'abc' + NULL", "NULL"),
            ("'abc' + NULL + 1", "NULL"),
            ("'abc' + 1 + NULL", "wrong"),
            ("NULL + properties.o", "NULL"),
            ("NULL + 1 / 0", "division by zero"),
            ("NULL / 0", "NULL"),
            ("-NULL", "NULL"),
            ("NULL || properties.o", "NULL"),
            ("'a' || NULL", "NULL"),
            ("NULL LIKE properties.o", "NULL"),
            ("properties.o LIKE NULL", "NULL"),
            ("NULL = properties.o", "NULL"),
            ("NULL <> NULL", "NULL"),
            ("ROUND('x', NULL)", "NULL"),
            ("ROUND(NULL, 'x')", "NULL"),
            ("ABS(NULL)", "NULL"),
            ("UPPER(NULL)", "NULL"),
            ("CAST(NULL AS INTEGER)", "NULL"),
            ("NOT NULL", "NULL"),
        ],
    );
}

#[test]
fn comparing_never_fails_by_kind() {
    check_all(
        r#"{"one": 1, "text": "1", "dot": "1.0", "zero": "01", "x": "x", "t": true, "o": {}, "a": [1]}"#,
        &[
            ("properties.one = 1", "TRUE"),
            ("properties.text = 1", "TRUE"),
            ("properties.dot = 1", "TRUE"),
            ("properties.zero = 1", "TRUE"),
            ("properties.zero = '1'", "FALSE"),
            ("properties.one = '01'", "TRUE"),
            ("properties.text = '1.0'", "FALSE"),
            ("'1' + 0 = '1.0'", "TRUE"),
            ("properties.x = 1", "FALSE"),
            ("properties.x <> 1", "TRUE"),
            ("properties.x < 1", "FALSE"),
            ("properties.x >= 1", "FALSE"),
            ("properties.t = 'true'", "FALSE"),
            ("properties.t = 1", "FALSE"),
            ("properties.t = TRUE", "TRUE"),
            ("FALSE < TRUE", "TRUE"),
            ("properties.o = properties.o", "FALSE"),
            ("properties.o <> properties.o", "TRUE"),
            ("properties.a <= properties.a", "FALSE"),
            ("'10' < '9'", "TRUE"),
            ("'10' < 9", "FALSE"),
            ("'Z' < 'a'", "TRUE"),
            ("'é' > 'z'", "TRUE"),
            ("'\u{ffff}' < '\u{10000}'", "TRUE"),
            ("1.50 = 1.5", "TRUE"),
            ("2 <> 2", "FALSE"),
            ("2 != 3", "TRUE"),
            ("2 <= 2", "TRUE"),
            ("3 >= 2", "TRUE"),
            ("2 > 2", "FALSE"),
        ],
    );
}

#[test]
fn logic_has_three_values_and_stops_when_decided() {
    check_all(
        "{}",
        &[
            ("NULL AND FALSE", "FALSE"),
            ("NULL AND TRUE", "NULL"),
            ("TRUE AND NULL AND TRUE", "NULL"),
            ("NULL OR TRUE", "TRUE"),
            ("NULL OR FALSE", "NULL"),
            ("NULL OR NULL OR FALSE", "NULL"),
            ("FALSE AND 1 / 0", "FALSE"),
            ("TRUE OR 1 / 0 = 1", "TRUE"),
            ("1 / 0 = 1 OR TRUE", "division by zero"),
            ("NULL AND 1 / 0 = 1", "division by zero"),
            ("'abc' AND FALSE", "wrong: the text 'abc' is no condition"),
            ("FALSE AND 'abc'", "FALSE"),
            ("NULL AND 'abc'", "wrong"),
            ("TRUE AND 1", "wrong"),
            ("TRUE AND 'true'", "wrong"),
            ("NOT 'x'", "wrong"),
            ("TRUE AND COALESCE(NULL, FALSE)", "FALSE"),
        ],
    );
}

#[test]
fn in_and_between_are_comparisons() {
    check_all(
        r#"{"o": {}, "k": "3"}"#,
        &[
            ("2 IN (1, 2)", "TRUE"),
            ("2 NOT IN (1, 2)", "FALSE"),
            ("2 IN (1, NULL)", "NULL"),
            ("2 NOT IN (1, NULL)", "NULL"),
            ("2 IN (NULL, 2)", "TRUE"),
            ("NULL IN (1)", "NULL"),
            ("NULL IN (1 / 0)", "NULL"),
            ("2 IN (2, 1 / 0)", "TRUE"),
            ("2 IN (1 / 0, 2)", "division by zero"),
            ("properties.k IN (1, 3)", "TRUE"),
            ("properties.k IN ('03', 'x')", "FALSE"),
            ("properties.o IN (properties.o, 'x')", "FALSE"),
            ("2 BETWEEN 2 AND 2", "TRUE"),
            ("2 NOT BETWEEN 2 AND 3", "FALSE"),
            ("2 BETWEEN 3 AND NULL", "FALSE"),
            ("2 BETWEEN NULL AND 1", "FALSE"),
            ("2 BETWEEN NULL AND 3", "NULL"),
            ("2 NOT BETWEEN 1 AND NULL", "NULL"),
            ("2 BETWEEN 3 AND 1 / 0", "FALSE"),
            ("NULL BETWEEN 1 AND 2", "NULL"),
            ("'b' BETWEEN 'a' AND 'c'", "TRUE"),
            ("'b' BETWEEN 1 AND 2", "FALSE"),
            ("'b' NOT BETWEEN 1 AND 2", "TRUE"),
        ],
    );
}

#[test]
fn like_knows_two_wildcards() {
    check_all(
        r#"{"o": {}, "b": true}"#,
        &[
            ("'eu' LIKE 'e_%'", "TRUE"),
            ("'e' LIKE 'e_%'", "FALSE"),
            ("'EU' LIKE 'e%'", "FALSE"),
            ("'EU' ILIKE 'e%'", "TRUE"),
            ("'ÉU' ILIKE 'é_'", "TRUE"),
            ("'eu' NOT LIKE '%u'", "FALSE"),
            ("'eu' NOT ILIKE '%X'", "TRUE"),
            ("'' LIKE ''", "TRUE"),
            ("'' LIKE '%'", "TRUE"),
            ("'' LIKE '_'", "FALSE"),
            ("'abc' LIKE 'abc%'", "TRUE"),
            ("'abcd' LIKE 'abc'", "FALSE"),
            ("'abab' LIKE '%ab'", "TRUE"),
            ("'aXbXc' LIKE 'a%X_'", "TRUE"),
            ("'mississippi' LIKE '%iss%pi'", "TRUE"),
            ("'mississippi' LIKE '%iss%sip'", "FALSE"),
            ("'a%b' LIKE 'a%%b'", "TRUE"),
            ("'é' LIKE '_'", "TRUE"),
            ("'a\\%' LIKE 'a\\%'", "TRUE"),
            ("12.50 LIKE '12.5'", "TRUE"),
            ("properties.b LIKE 'tr__'", "TRUE"),
            ("properties.o LIKE '%'", "wrong: an object or array is no text"),
        ],
    );
}

#[test]
fn case_stops_at_the_first_arm_that_fits() {
    check_all(
        "{}",
        &[
            ("CASE WHEN NULL THEN 1 WHEN TRUE THEN 2 ELSE 1 / 0 END", "2"),
            ("CASE WHEN FALSE THEN 1 END", "NULL"),
            ("CASE WHEN 'x' THEN 1 END", "wrong"),
            ("CASE 2 WHEN 1 THEN 'a' WHEN '2' THEN 'b' WHEN 1 / 0 THEN 'c' END", "'b'"),
            ("CASE NULL WHEN NULL THEN 1 ELSE 2 END", "2"),
            ("CASE 1 = 1 WHEN TRUE THEN 1 END", "1"),
            ("case when true then 1 else 'x' end + 1", "2"),
        ],
    );
}

#[test]
fn functions_give_what_rule_5_2_says() {
    check_all(
        r#"{"o": {}, "v": 3}"#,
        &[
            ("COALESCE(NULL, 2, 1 / 0)", "2"),
            ("coalesce(NULL)", "NULL"),
            ("NULLIF(1, '1')", "NULL"),
            ("NULLIF(1, 2)", "1"),
            ("NULLIF(NULL, 2)", "NULL"),
            ("NULLIF(2, NULL)", "2"),
            ("NULLIF('1', '1.0')", "'1'"),
            ("LEAST(3, NULL, '2')", "2"),
            ("GREATEST(1, NULL)", "1"),
            ("GREATEST(NULL, NULL)", "NULL"),
            ("LEAST('x', 1)", "wrong"),
            ("LEAST('x')", "wrong"),
            ("ROUND(-12.5)", "-13"),
            ("ROUND(properties.v / 7, 2)", "0.43"),
            ("CEIL(-12.351, 1)", "-12.3"),
            ("FLOOR(129, -1)", "120"),
            ("FLOOR(-0.5)", "-1"),
            ("ROUND(1, '2')", "1"),
            ("ROUND(1.25, 1.0)", "1.3"),
            ("ROUND(1, 1.5)", "wrong"),
            ("ROUND(1, 39)", "wrong"),
            ("ROUND(1, -39)", "wrong"),
            ("ROUND(1, -38)", "0"),
            ("ROUND(9e37, -38)", "out of range"),
            ("ROUND('x')", "wrong"),
            ("ABS('-2.50')", "2.5"),
            ("ABS(TRUE)", "wrong"),
            ("LOWER('ÀB')", "'àb'"),
            ("UPPER('straße')", "'STRASSE'"),
            ("UPPER(TRUE)", "'TRUE'"),
            ("LOWER(1.50)", "'1.5'"),
            ("LOWER(properties.o)", "wrong"),
            ("CONCAT('a', NULL, 1.50, TRUE)", "'a1.5true'"),
            ("CONCAT(NULL)", "''"),
            ("CONCAT(properties.o)", "wrong"),
            ("1 / 3 || ''", "'0.333333333333333333'"),
            ("-0.0 || ''", "'0'"),
            ("TRUE || 1e3", "'true1000'"),
        ],
    );
}

#[test]
fn casts_give_what_rule_5_2_says() {
    check_all(
        r#"{"o": {}, "b": false, "s": " 1"}"#,
        &[
            ("CAST(2.5 AS INTEGER)", "3"),
            ("CAST(-2.5 AS int)", "-3"),
            ("CAST('7.4' AS BigInt)", "7"),
            ("CAST(TRUE AS INTEGER)", "wrong"),
            ("CAST(1.255 AS DECIMAL(3,2))", "1.26"),
            ("CAST(9.994 AS DECIMAL(3, 2))", "9.99"),
            ("CAST(9.995 AS DECIMAL(3,2))", "wrong: the number 9.995 is no DECIMAL(3,2)"),
            ("CAST(10 AS DECIMAL(3,2))", "wrong"),
            ("CAST(-10 AS NUMERIC(3,2))", "wrong"),
            ("CAST(0.4 AS DECIMAL(2,2))", "0.4"),
            ("CAST(0.995 AS DECIMAL(2,2))", "wrong"),
            ("CAST(2.5 AS DECIMAL(5))", "3"),
            ("CAST('2.5' AS DECIMAL)", "2.5"),
            ("CAST(9e37 AS DECIMAL(76,38))", "90000000000000000000000000000000000000"),
            ("CAST(9e37 AS DECIMAL(38,0))", "90000000000000000000000000000000000000"),
            ("CAST(9e37 AS DECIMAL(37,0))", "wrong"),
            ("CAST(properties.s AS DECIMAL)", "wrong"),
            ("CAST(1.50 AS TEXT)", "'1.5'"),
            ("CAST(properties.b AS VARCHAR)", "'false'"),
            ("CAST(properties.o AS TEXT)", "wrong"),
            ("CAST('true' AS BOOLEAN)", "TRUE"),
            ("CAST('false' AS bool)", "FALSE"),
            ("CAST('TRUE' AS BOOLEAN)", "wrong"),
            ("CAST(1 AS BOOLEAN)", "wrong"),
            ("CAST(properties.b AS BOOLEAN)", "FALSE"),
        ],
    );
}

#[test]
fn what_is_not_listed_is_refused_by_name() {
    let table: [(&str, &[&str]); 62] = [
        ("", &["empty"]),
        ("  \n", &["empty"]),
        ("1 2", &["`2`", "column 3"]),
        ("1 +", &["the end", "value"]),
        ("(1", &["the end", "`)`"]),
        ("1)", &["`)`"]),
        ("1 < 2 < 3", &["do not chain", "column 7"]),
        ("1 = 2 = 3", &["do not chain"]),
        ("1 = 2 IS NULL", &["do not chain"]),
        ("1 IS NULL IS NULL", &["do not chain"]),
        ("1 IN (1) = TRUE", &["do not chain"]),
        ("NOT 1 = 2 = 3", &["do not chain"]),
        ("1 = NOT TRUE", &["NOT", "parentheses"]),
        ("- NOT TRUE", &["NOT", "parentheses"]),
        ("foo", &["unknown name `foo`", "properties.key"]),
        ("ID", &["unknown name `ID`"]),
        ("value", &["unknown name `value`"]),
        ("event.id", &["unknown name `event.id`"]),
        ("id.x", &["unknown name `id.x`"]),
        ("properties", &["is an object"]),
        ("event.properties", &["is an object"]),
        ("\"properties\".a", &["double quotes", "single quotes"]),
        ("properties.a = \"eu\"", &["\"eu\"", "single quotes"]),
        ("properties.2x", &["double quotes"]),
        ("properties.a[1]", &["arrays"]),
        ("properties.'a'", &["key"]),
        ("properties.*", &["key"]),
        (".5", &["0.5"]),
        ("5.", &["0.5"]),
        ("1L", &["`1`"]),
        ("0x1F", &["without a prefix"]),
        ("1_000", &["`_000`"]),
        ("E'a'", &["`E` before a string"]),
        ("N'a'", &["without a prefix"]),
        ("X'ab'", &["without a prefix"]),
        ("$$a$$", &["without a prefix"]),
        ("DATE '2026-01-01'", &["`DATE` before a string"]),
        ("'a' 'b'", &["'b'"]),
        ("'a", &["unterminated"]),
        ("1 -- one", &["comment"]),
        ("1 /* one */", &["comment"]),
        ("1::TEXT", &["CAST"]),
        ("1 == 1", &["`=`"]),
        ("TRUE && TRUE", &["AND"]),
        ("!TRUE", &["NOT"]),
        ("1;", &["statement"]),
        ("`a`", &["double quotes"]),
        ("? = 1", &["operators are"]),
        ("TRUE IS TRUE", &["IS", "TRUE"]),
        ("TRUE IS NOT FALSE", &["COALESCE"]),
        ("1 NOT NULL", &["behind NOT"]),
        ("'a' LIKE 'b' ESCAPE 'c'", &["ESCAPE"]),
        ("1 IN (SELECT 2)", &["subqueries"]),
        ("(SELECT 1)", &["subqueries"]),
        ("1 IN ()", &["value"]),
        ("1 = ANY (1)", &["x IN (a, b)"]),
        ("(1, 2) = 1", &["list"]),
        ("SUM(1)", &["unknown function `SUM`", "aggregation"]),
        ("ROUND(1, 2, 3)", &["ROUND with 3 arguments"]),
        ("CONCAT()", &["at least one"]),
        ("CAST(1 AS FLOAT)", &["unknown type `FLOAT`", "DECIMAL"]),
        ("CAST(1 AS DECIMAL(2,3))", &["DECIMAL(2,3)"]),
    ];
    for (expression, pieces) in table {
        check_refused(expression, pieces);
    }
}

#[test]
fn other_spellings_of_functions_are_refused_too() {
    for expression in [
        "CEIL(1 TO DAY)",
        "FLOOR(*)",
        "COUNT(*)",
        "COALESCE(DISTINCT 1)",
        "ABS(x => 1)",
        "ABS(1) OVER ()",
        "TRY_CAST(1 AS INTEGER)",
        "CAST(1 AS VARCHAR(3))",
        "CAST(1 AS DECIMAL(0))",
        "CAST(1 AS DECIMAL(300))",
        "CAST(1, INTEGER)",
        "properties.f(1)",
        "CASE END",
        "CASE WHEN TRUE END",
        "CASE 1 ELSE 2 END",
        "CASE WHEN TRUE THEN 1",
        "EXISTS (SELECT 1)",
        "INTERVAL '1' DAY",
        "1 AS x",
        "1 COLLATE x",
        "1 XOR 2",
        "1 DIV 2",
        "1 ^ 2",
        "1 | 2",
        "1 << 2",
        "ARRAY[1]",
        "{d '2026-01-01'}",
        "@x",
        ":x",
        "$1",
        "a -> b",
        "1 BETWEEN 1 OR 2",
        "1 BETWEEN 1 AND",
        "NOT",
        "AND",
        "properties..a",
        "properties.",
        "1 NOT 2",
        "x IS DISTINCT FROM y",
    ] {
        check_refused(expression, &["column"]);
    }
}

#[test]
fn depth_and_length_are_bounded() {
    let nested = |open: &str, close: &str, count: usize| {
        format!("{}1{}", open.repeat(count), close.repeat(count))
    };
    let forms = [
        ("(", ")"),
        ("- ", ""),
        ("NOT ", ""),
        ("ABS(", ")"),
        ("CAST(", " AS TEXT)"),
        ("CASE WHEN TRUE THEN ", " END"),
        ("CASE ", " WHEN 1 THEN 1 END"),
        ("1 IN (", ")"),
        ("1 + (", ")"),
        ("1 OR 1 AND 1 = 1 || 1 + 1 * -(", ")"),
        ("(", " + 1 || 1 = 1 AND 1 OR 1)"),
        ("", " = 1)"),
    ];
    for (open, close) in forms {
        for count in [200, 1_000, 10_000] {
            assert!(Expression::parse(&nested(open, close, count)).is_err(), "{open}");
        }
    }
    for (open, close) in [("(", ")"), ("- ", ""), ("ABS(", ")"), ("CASE WHEN TRUE THEN ", " END")] {
        assert_eq!(outcome(&nested(open, close, 126), "{}").trim_start_matches('-'), "1");
        check_refused(&nested(open, close, 128), &["nested deeper than 128 levels"]);
    }
    let spine = format!("{}1{}", "(".repeat(100), " = 1)".repeat(100));
    assert_eq!(outcome(&spine, "{}"), "FALSE");
    check_refused(&format!("'{}'", "x".repeat(16 * 1024)), &["16386 bytes", "16384"]);
    assert!(Expression::parse(&format!("'{}'", "x".repeat(16 * 1024 - 2))).is_ok());
}

#[test]
fn operators_in_a_row_are_one_level() {
    let repeated = |link: &str| {
        let count = (TEXT_BYTES_MAX - 1) / link.len();
        format!("1{}", link.repeat(count))
    };
    check(&repeated("+1"), "{}", "8192");
    check(&repeated("*1"), "{}", "1");
    assert!(outcome(&repeated("||1"), "{}").starts_with("'1111"));
    let (either, both) = (repeated(" = 2 OR 1") + " = 2", repeated(" = 1 AND 1") + " = 1");
    for (text, expected) in [(either, "FALSE"), (both, "TRUE")] {
        let text = text.get(text.len().saturating_sub(16_000)..).unwrap();
        let text = text.split_once("1 = ").map(|(_, rest)| format!("1 = {rest}")).unwrap();
        check(&text, "{}", expected);
        check_normal(&text, &text);
    }
    assert!(Expression::parse(&(repeated("+1") + ")")).is_err());
    assert!(Expression::parse(&repeated("=1")).is_err());
}

#[test]
fn normal_form_is_one_spelling() {
    let table = [
        ("properties . \"a\" . b", "properties.a.b"),
        ("event.properties.\"x-y\"", "properties.\"x-y\""),
        ("properties.\"a\"\"b\"", "properties.\"a\"\"b\""),
        ("properties.\"\"", "properties.\"\""),
        ("properties.\"2x\"", "properties.\"2x\""),
        ("event.code = 'a'", "type = 'a'"),
        ("event.timestamp%86400", "time % 86400"),
        ("((1))", "1"),
        ("(1 + 2) + 3", "1 + 2 + 3"),
        ("1 + (2 + 3)", "1 + (2 + 3)"),
        ("(1 * 2) + 3", "1 * 2 + 3"),
        ("1 * (2 + 3)", "1 * (2 + 3)"),
        ("(1 - 2) * 3", "(1 - 2) * 3"),
        ("(1 + 2) * 3 * 4", "(1 + 2) * 3 * 4"),
        ("((1 + 2) - 3) - 4", "1 + 2 - 3 - 4"),
        ("- (- 1)", "- -1"),
        ("-(1)", "-1"),
        ("-(1 + 2)", "-(1 + 2)"),
        ("1 - -1", "1 - -1"),
        ("(- 1) * 2", "-1 * 2"),
        ("- (1 * 2)", "-(1 * 2)"),
        ("1e2 + 0.50", "100 + 0.5"),
        ("1E40", "1e40"),
        ("not (true or false)", "NOT (TRUE OR FALSE)"),
        ("(not true) or false", "NOT TRUE OR FALSE"),
        ("not (1 = 2)", "NOT 1 = 2"),
        ("(not true) = false", "(NOT TRUE) = FALSE"),
        ("(true and false) and true", "TRUE AND FALSE AND TRUE"),
        ("true and (false and true)", "TRUE AND (FALSE AND TRUE)"),
        ("(true and false) or (false and true)", "TRUE AND FALSE OR FALSE AND TRUE"),
        ("(true or false) and true", "(TRUE OR FALSE) AND TRUE"),
        ("('a' || 'b') || 'c'", "'a' || 'b' || 'c'"),
        ("'a' || (1 + 2)", "'a' || 1 + 2"),
        ("('a' || 1) + 2", "('a' || 1) + 2"),
        ("1 != 2", "1 <> 2"),
        ("(1 = 2) = 3", "(1 = 2) = 3"),
        ("1 not  in(1,(2 or 3))", "1 NOT IN (1, 2 OR 3)"),
        ("1 between 2 and (3 = 4)", "1 BETWEEN 2 AND (3 = 4)"),
        ("'A' not ilike 'a' || '%'", "'A' NOT ILIKE 'a' || '%'"),
        ("(1 is null) is not null", "(1 IS NULL) IS NOT NULL"),
        ("case when true then 1 end", "CASE WHEN TRUE THEN 1 END"),
        ("case 1 when 2 then 3 else 4 end", "CASE 1 WHEN 2 THEN 3 ELSE 4 END"),
        ("cast(1 as numeric( 5 ))", "CAST(1 AS DECIMAL(5,0))"),
        ("cast(1 as bigint)", "CAST(1 AS INTEGER)"),
        ("cast(1 as varchar)", "CAST(1 AS TEXT)"),
        ("cast(1 as bool)", "CAST(1 AS BOOLEAN)"),
        ("cast(1 as decimal)", "CAST(1 AS DECIMAL)"),
        ("ceil(1,2)", "CEIL(1, 2)"),
        ("'it''s'", "'it''s'"),
    ];
    for (expression, expected) in table {
        check_normal(expression, expected);
    }
}

#[test]
fn scalars_become_conditions_quantities_and_members() {
    let number = |text: &str| Scalar::Number(Number::parse_json(text).unwrap());
    let text = |content: &'static str| Scalar::Text(content.into());
    assert_eq!(Scalar::Null.as_condition(), Ok(None));
    assert_eq!(Scalar::Boolean(true).as_condition(), Ok(Some(true)));
    assert!(text("true").as_condition().is_err());
    assert!(number("1").as_condition().is_err());

    let units = |value: &Scalar<'_>| value.as_quantity().map(Quantity::units);
    assert_eq!(units(&number("1.5")), Ok(1_500_000_000_000_000_000));
    assert_eq!(units(&text("-007")), Ok(-7_000_000_000_000_000_000));
    assert_eq!(units(&number("0.0000000000000000005")), Ok(1));
    assert_eq!(
        units(&number("99999999999999999999.9999999999999999995")),
        Err(ValueFault::OutOfRange)
    );
    assert_eq!(units(&text("100000000000000000000")), Err(ValueFault::OutOfRange));
    assert_eq!(
        units(&text("99999999999999999999999999999999999999999")),
        Err(ValueFault::OutOfRange)
    );
    for value in [Scalar::Null, Scalar::Boolean(true), Scalar::Composite, text("1e3"), text("")] {
        assert_eq!(
            value.as_quantity().map_err(|fault| fault.reason()),
            Err(crate::model::RejectReason::BadValue)
        );
    }

    assert_eq!(number("1.50").as_unique_text().as_deref(), Some("1.5"));
    assert_eq!(text("1.50").as_unique_text().as_deref(), Some("1.50"));
    assert_eq!(text("").as_unique_text().as_deref(), Some(""));
    assert_eq!(Scalar::Boolean(false).as_unique_text().as_deref(), Some("false"));
    assert_eq!(Scalar::Null.as_unique_text(), None);
    assert_eq!(Scalar::Composite.as_unique_text(), None);
}

#[test]
fn faults_of_a_value_have_their_reason() {
    let document = scan(r#"{"v": 10, "zero": 0}"#);
    let properties = document.root(r#"{"v": 10, "zero": 0}"#).unwrap().object().unwrap();
    let event = event(properties);
    let reason = |text: &str| {
        let expression = Expression::parse(text).unwrap();
        expression.quantity(&event).map_err(|fault| fault.reason().name())
    };
    assert_eq!(reason("properties.v / properties.zero"), Err("bad_value"));
    assert_eq!(reason("properties.v * 1e37"), Err("out_of_range"));
    assert_eq!(reason("properties.v * 1e19"), Err("out_of_range"));
    assert_eq!(reason("CAST(10 AS DECIMAL(3,2))"), Err("bad_value"));
    assert_eq!(reason("properties.missing"), Err("bad_value"));
    assert!(reason("properties.v").is_ok());
    assert_eq!(Expression::parse("properties.v > 3").unwrap().is_true(&event), Ok(true));
    assert_eq!(Expression::parse("properties.x > 3").unwrap().is_true(&event), Ok(false));
    assert!(Expression::parse("properties.v").unwrap().is_true(&event).is_err());
}

#[test]
fn result_is_worked_out_of_value_and_events() {
    let check = |text: &str, value: Option<&str>, events: u64, expected: Option<&str>| {
        let value = value.map(|value| Number::parse_json(value).unwrap());
        let result = ResultExpression::parse(text).unwrap().evaluate(value, events);
        assert_eq!(result.map(|number| number.to_string()).as_deref(), expected, "{text}");
    };
    check("10 / (events - 1)", None, 3, Some("5"));
    check("10 / (events - 1)", None, 1, None);
    check("CASE WHEN events > 2 THEN 'many' ELSE value END", Some("4"), 3, None);
    check("CASE WHEN events > 2 THEN 'many' ELSE value END", Some("4"), 2, Some("4"));
    check("CASE WHEN value > 100 THEN 100 ELSE value END", Some("1e3"), 2, Some("100"));
    check("'3'", None, 0, Some("3"));
    check("value", None, 0, None);
    check("NULLIF(value, 0)", Some("0"), 0, None);
    check("value = 1", Some("1"), 0, None);
    assert!(ResultExpression::parse("properties.x").is_err());
    let parsed = ResultExpression::parse("Value").unwrap_err();
    assert!(parsed.message.contains("value and events"), "{parsed}");
    let parsed = ResultExpression::parse("(value*events)").unwrap();
    assert_eq!(parsed.normal_form(), "value * events");
}

/// Texts that are read as an expression, with chance parentheses, cases and blanks.
fn expressions() -> impl Strategy<Value = String> {
    let leaf = prop::sample::select(vec![
        "1",
        "0.50",
        "1e2",
        "1e40",
        "'a''b'",
        "''",
        "TRUE",
        "false",
        "NULL",
        "id",
        "event.code",
        "time",
        "properties.a",
        "properties.a.\"x-y\"",
        "event.properties.\"\".b",
        "properties.\"q\"\"\"",
    ])
    .prop_map(str::to_owned);
    leaf.prop_recursive(5, 48, 4, |inner| {
        let two = (inner.clone(), inner.clone());
        let three = (inner.clone(), inner.clone(), inner.clone());
        prop_oneof![
            inner.clone().prop_map(|text| format!("({text})")),
            (prop::sample::select(vec!["- ", "+ ", "NOT ", "not\n"]), inner.clone())
                .prop_map(|(prefix, text)| format!("{prefix}{text}")),
            (
                prop::sample::select(vec![
                    " + ",
                    "-",
                    " * ",
                    "/",
                    " % ",
                    " || ",
                    " = ",
                    "<>",
                    " != ",
                    "<",
                    " >= ",
                    " AND ",
                    " OR ",
                    " or ",
                    " LIKE ",
                    " NOT ILIKE ",
                ]),
                two.clone(),
            )
                .prop_map(|(link, (left, right))| format!("{left} {link} {right}")),
            (prop::sample::select(vec!["IS NULL", "is not null"]), inner.clone())
                .prop_map(|(suffix, text)| format!("({text}) {suffix}")),
            three.clone().prop_map(|(x, a, b)| format!("({x}) IN ({a}, {b})")),
            three.clone().prop_map(|(x, a, b)| format!("({x}) not between ({a}) and ({b})")),
            three.clone().prop_map(|(x, a, b)| format!("CASE WHEN {x} THEN {a} ELSE {b} END")),
            three.prop_map(|(x, a, b)| format!("case {x} when {a} then {b} end")),
            (prop::sample::select(vec!["Coalesce", "NULLIF", "ROUND", "concat"]), two)
                .prop_map(|(name, (a, b))| format!("{name}({a},{b})")),
            (prop::sample::select(vec!["DECIMAL(9,2)", "int", "TEXT", "bool"]), inner)
                .prop_map(|(target, text)| format!("CAST({text} AS {target})")),
        ]
    })
}

const SOUP: [&str; 46] = [
    "(",
    ")",
    ",",
    ".",
    "+",
    "-",
    "*",
    "/",
    "%",
    "||",
    "=",
    "<>",
    "<",
    ">=",
    "!=",
    "::",
    "[",
    "NOT",
    "AND",
    "OR",
    "IN",
    "BETWEEN",
    "LIKE",
    "IS",
    "NULL",
    "TRUE",
    "CASE",
    "WHEN",
    "THEN",
    "ELSE",
    "END",
    "CAST",
    "AS",
    "DECIMAL",
    "ABS",
    "ROUND",
    "properties",
    "event",
    "code",
    "id",
    "\"x y\"",
    "'text'",
    "1",
    "0.5",
    "1e",
    "--",
];

/// So it is that Maple's `1e3` is told from what only reads like its number.
#[test]
fn two_spellings_of_a_number_equal_json_numbers_alone() {
    let both = "properties.p = '1000' AND properties.p = '1000.0'";
    for (value, expected) in [
        ("1000", "TRUE"),
        ("1e3", "TRUE"),
        ("1000.00", "TRUE"),
        ("1001", "FALSE"),
        ("\"1000\"", "FALSE"),
        ("\"1000.0\"", "FALSE"),
        ("\"1e3\"", "FALSE"),
        ("true", "FALSE"),
        ("null", "NULL"),
    ] {
        check(both, &format!("{{\"p\": {value}}}"), expected);
    }
}

#[test]
fn conditions_are_what_an_event_may_fulfil() {
    for text in [
        "TRUE",
        "NULL",
        "FALSE AND properties.a",
        "properties.a",
        "NOT properties.a",
        "properties.a + 1 > 2",
        "properties.a = 1 OR 1",
        "(properties.a) IS NULL",
        "CASE WHEN properties.a = 1 THEN TRUE ELSE 0 END",
        "CASE 1 WHEN properties.a THEN properties.b END",
        "COALESCE(properties.a, 0)",
        "NULLIF(properties.a, 1)",
        "CAST('true' AS BOOLEAN)",
        "NOT (properties.a = 1 AND 1)",
        "NOT (FALSE AND 1)",
        "CASE WHEN (properties.a = 1 AND 1) THEN TRUE ELSE TRUE END",
        "customer = 'acme' OR type",
        "customer IS NOT NULL",
        "CASE WHEN FALSE THEN 1 ELSE properties.a END",
        "COALESCE(NULL, properties.a)",
        "1 = 1",
        "properties.a > 1 AND FALSE",
        "properties.a = 1 AND NULL",
        "CASE WHEN properties.a > 1 THEN NULL ELSE FALSE END",
        "properties.a = 1 OR (properties.b = 1 AND FALSE)",
        // What fails as it is worked out refuses events, as rule 5.3 says.
        "1 / 0 = 1",
        "CAST('x' AS BOOLEAN)",
    ] {
        let read = Expression::parse_condition(Grammar::Native, text);
        assert_eq!(read, Expression::parse(text), "{text}");
        assert!(read.expect("it is read").can_hold(), "{text}");
    }
    let maple = "STARTS_WITH(properties.a, properties.b)";
    assert!(Expression::parse_condition(Grammar::Maple, maple).is_ok());
    for (text, place) in [
        ("1", "(line 1, column 1)"),
        ("  'x'", "(line 1, column 3)"),
        ("-properties.a", "(line 1, column 1)"),
        ("properties.a + 1", "(line 1, column 1)"),
        ("properties.a || 'x'", "(line 1, column 1)"),
        ("NOT (1)", "(line 1, column 6)"),
        ("1 AND properties.a > 0", "(line 1, column 1)"),
        ("properties.a > 0 AND\n properties.b = 2 AND (properties.a * 2)", "(line 2, column 24)"),
        ("properties.a > 0 AND (properties.b AND 'x' AND TRUE)", "(line 1, column 40)"),
        ("(1 OR properties.a) AND TRUE", "(line 1, column 2)"),
        ("1 OR properties.a", "(line 1, column 1)"),
        ("ROUND(properties.a)", "(line 1, column 1)"),
        ("TRUE AND CAST(properties.a AS INTEGER)", "(line 1, column 10)"),
        ("CASE WHEN properties.a THEN 1 ELSE 'x' END", "(line 1, column 1)"),
        ("CASE WHEN 1 THEN TRUE END", "(line 1, column 1)"),
        ("COALESCE(1, 'x')", "(line 1, column 1)"),
        ("NULLIF(1, properties.a)", "(line 1, column 1)"),
        ("customer", "(line 1, column 1)"),
        ("type", "(line 1, column 1)"),
        ("id", "(line 1, column 1)"),
        ("time", "(line 1, column 1)"),
        ("event.code", "(line 1, column 1)"),
        ("event.timestamp", "(line 1, column 1)"),
        ("NOT customer", "(line 1, column 5)"),
        ("properties.a AND NOT customer", "(line 1, column 22)"),
        ("COALESCE(1, TRUE)", "(line 1, column 1)"),
        ("COALESCE(NULL, 'x')", "(line 1, column 1)"),
        ("CASE WHEN TRUE THEN 1 ELSE properties.a END", "(line 1, column 1)"),
    ] {
        let fault = Expression::parse_condition(Grammar::Native, text).expect_err(text);
        let words = "no condition, whatever the event holds: it is true or false when compared, as in \
                     properties.key > 0";
        assert_eq!(fault.message, format!("{words} {place}"), "{text}");
        assert!(!Expression::parse(text).expect("a value").can_hold(), "{text}");
    }
}

proptest! {
    #[test]
    fn any_text_is_read_or_refused(text in "\\PC{0,60}") {
        let _ = Expression::parse(&text);
    }

    #[test]
    fn any_bytes_are_read_or_refused(bytes in prop::collection::vec(any::<u8>(), 0..80)) {
        let _ = Expression::parse(&String::from_utf8_lossy(&bytes));
    }

    #[test]
    fn any_soup_of_tokens_is_read_or_refused(
        tokens in prop::collection::vec(prop::sample::select(&SOUP[..]), 0..40),
    ) {
        if let Ok(parsed) = Expression::parse(&tokens.join(" ")) {
            prop_assert_eq!(Expression::parse(&parsed.normal_form()), Ok(parsed));
        }
    }

    #[test]
    fn normal_form_reads_back_as_the_same_tree(text in expressions()) {
        if let Ok(parsed) = Expression::parse(&text) {
            let normal = parsed.normal_form();
            let again = Expression::parse(&normal);
            prop_assert_eq!(again.as_ref(), Ok(&parsed), "{} became {}", text, normal);
            prop_assert_eq!(again.unwrap().normal_form(), normal);
        }
    }

    #[test]
    fn normal_form_gives_the_same_value(text in expressions(), left in 0_i64..20, right in 0_i64..20) {
        if let Ok(parsed) = Expression::parse(&text) {
            let properties = format!("{{\"a\": {left}.5, \"q\\\"\": \"{right}\"}}");
            let normal = parsed.normal_form();
            prop_assert_eq!(outcome(&text, &properties), outcome(&normal, &properties));
        }
    }

    #[test]
    fn like_agrees_with_a_search_by_trial(
        text in "[ab]{0,8}", pattern in "[ab_%]{0,6}",
    ) {
        fn fits(text: &[char], pattern: &[char]) -> bool {
            match pattern {
                [] => text.is_empty(),
                ['%', rest @ ..] => (0..=text.len()).any(|taken| fits(&text[taken..], rest)),
                ['_', rest @ ..] => !text.is_empty() && fits(&text[1..], rest),
                [wanted, rest @ ..] => text.first() == Some(wanted) && fits(&text[1..], rest),
            }
        }
        let characters = |text: &str| text.chars().collect::<Vec<_>>();
        let expected = fits(&characters(&text), &characters(&pattern));
        prop_assert_eq!(pattern::is_like(&text, &pattern), expected);
    }
}
