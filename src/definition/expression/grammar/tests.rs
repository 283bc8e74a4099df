//! The grammars of other systems as tables of text: what they give, what each refuses, what they look like when written.

use proptest::prelude::*;

use crate::definition::expression::tests::scan;
use crate::definition::{EvaluationError, Expression, Grammar, Scalar};
use crate::model::{Event, EventTime, Object};

fn event(properties: Object<'_>) -> Event<'_> {
    Event {
        tenant: "acme".into(),
        id: "e-1".into(),
        scope: Vec::new(),
        event_type: "12".into(),
        customer: "C7".into(),
        time: EventTime::from_micros(1_700_000_000_250_000),
        properties,
    }
}

fn outcome(grammar: Grammar, expression: &str, properties: &str) -> String {
    let document = scan(properties);
    let properties = document.root(properties).unwrap().object().unwrap();
    let expression = match Expression::parse_in(grammar, expression) {
        Ok(expression) => expression,
        Err(error) => return format!("unreadable: {error}"),
    };
    match expression.evaluate(&event(properties)) {
        Ok(Scalar::Null) => "NULL".to_owned(),
        Ok(Scalar::Boolean(truth)) => truth.to_string(),
        Ok(Scalar::Number(number)) => number.to_string(),
        Ok(Scalar::Text(text)) => format!("'{text}'"),
        Ok(Scalar::Composite) => "composite".to_owned(),
        Err(EvaluationError::OutOfRange) => "out of range".to_owned(),
        Err(EvaluationError::DivisionByZero) => "division by zero".to_owned(),
        Err(EvaluationError::WrongKind(text)) => format!("wrong: {text}"),
    }
}

/// `wrong` stands for any value of a wrong kind, `unreadable` for any refusal.
#[track_caller]
fn check(grammar: Grammar, properties: &str, table: &[(&str, &str)]) {
    for (expression, expected) in table {
        let found = outcome(grammar, expression, properties);
        let found = match found.split_once(':') {
            Some((kind, _)) if kind == *expected => kind,
            _ => found.as_str(),
        };
        assert_eq!(found, *expected, "{expression} over {properties}");
    }
}

#[test]
fn lago_expressions_give_what_lago_prints() {
    check(
        Grammar::Lago,
        r#"{"x": 1.23}"#,
        &[
            ("(123 - event.properties.x)/10", "12.177"),
            ("concat(event.properties.x,'t')", "'1.23t'"),
            ("round(12.345,2)", "12.35"),
            ("round(-12.5)", "-13"),
            ("round(1250,-2)", "1300"),
            ("round(5,-1)", "10"),
            ("ceil(-12.351,1)", "-12.3"),
            ("ceil(12.3)", "13"),
            ("floor(129,-1)", "120"),
            ("ceil(1,-3)", "1000"),
            ("least(12.34,5.0)", "5"),
            ("greatest(12.34,5.0,-event.properties.x)", "12.34"),
            ("1 + 2 * 3 - 4 / 8", "6.5"),
            ("10 - 2 - 3", "5"),
            ("-event.properties.x * 2", "-2.46"),
            ("1--1", "2"),
            ("-(-1)", "1"),
            ("event.timestamp", "1700000000.25"),
            ("event.code", "'12'"),
            ("CONCAT('a', 1.50, 'b', event.code)", "'a1.5b12'"),
            ("Round( 1.5 )\n+ 1", "3"),
            ("'it''", "unreadable"),
            ("''", "''"),
            ("1 / 0", "division by zero"),
            ("99999999999999999999999999999999999999 * 10", "out of range"),
        ],
    );
}

#[test]
fn lago_expressions_are_strict_about_what_is_missing() {
    check(
        Grammar::Lago,
        r#"{"null": null, "deep": {"a": 1}, "yes": true}"#,
        &[
            ("event.properties.absent", "wrong"),
            ("event.properties.null", "wrong"),
            ("event.properties.absent + 1", "wrong"),
            ("concat('a', event.properties.absent)", "wrong"),
            ("least(1, event.properties.null)", "wrong"),
            ("round(event.properties.absent)", "wrong"),
            ("event.properties.deep + 1", "wrong"),
            ("concat(event.properties.deep)", "wrong"),
            ("event.properties.yes + 1", "wrong"),
            ("concat(event.properties.yes)", "'true'"),
        ],
    );
}

#[test]
fn lago_expressions_count_with_no_text_but_a_decimal_of_a_property() {
    check(
        Grammar::Lago,
        r#"{"one": "1", "e": "1e3", "plus": "+5", "half": ".5", "open": "5.", "small": "-2.5E-1",
            "word": "abc", "empty": "", "blank": " 5", "x": "1e", "point": ".", "signs": "+-5", "long": "1e99"}"#,
        &[
            ("event.properties.one + 1", "2"),
            ("event.properties.e", "1000"),
            ("event.properties.plus + 1", "6"),
            ("event.properties.half * 2", "1"),
            ("event.properties.open", "5"),
            ("event.properties.small", "-0.25"),
            ("event.properties.long", "out of range"),
            ("event.properties.word", "'abc'"),
            ("event.properties.word + 1", "wrong"),
            ("event.properties.empty + 1", "wrong"),
            ("event.properties.blank + 1", "wrong"),
            ("event.properties.x + 1", "wrong"),
            ("event.properties.point + 1", "wrong"),
            ("event.properties.signs + 1", "wrong"),
            ("'1' + 1", "wrong"),
            ("1 + '1'", "wrong"),
            ("-'1'", "wrong"),
            ("1 * concat('1')", "wrong"),
            ("event.code + 1", "wrong"),
            ("round('1.5')", "wrong"),
            ("round(1.5, '1')", "wrong"),
            ("ceil(event.code)", "wrong"),
            ("greatest(1, event.code)", "wrong"),
            ("least('1')", "wrong"),
            ("concat('a', '1')", "'a1'"),
        ],
    );
}

#[test]
fn lago_expressions_know_nothing_else() {
    let refused = [
        "",
        "  ",
        "1 \\ 2",
        "1 % 2",
        "+1",
        "--1",
        "1 +",
        "1 2",
        "(1",
        "1)",
        "()",
        "'a",
        "\"a\"",
        "1e3",
        "1.",
        ".5",
        "1_000",
        "round()",
        "round(1,2,3)",
        "abs(1)",
        "coalesce(1)",
        "sum(1)",
        "CASE WHEN TRUE THEN 1 END",
        "1 = 1",
        "1 || 2",
        "NULL",
        "TRUE",
        "properties.x",
        "type",
        "event",
        "event.",
        "event.id",
        "event.properties",
        "event.properties.",
        "event.properties.x.y",
        "event.properties.1x",
        "event.properties._x",
        "event.properties.\"x\"",
        "event . code",
        "Event.code",
        "contains('a','b')",
        "x",
        "1 + é",
        "1 -- comment",
    ];
    for expression in refused {
        check(Grammar::Lago, "{}", &[(expression, "unreadable")]);
    }
    let found = outcome(Grammar::Lago, "1 +\n  2 \\ 3", "{}");
    assert_eq!(
        found,
        "unreadable: `\\\\` is not known here: division is written `/` (line 2, column 5)"
    );
}

#[test]
fn lago_expressions_have_one_spelling_each() {
    let table = [
        ("event.properties.x", "event.properties.x"),
        ("( event.timestamp+event.code )", "event.timestamp + event.code"),
        ("(1+2)+3", "1 + 2 + 3"),
        ("1+(2+3)", "1 + (2 + 3)"),
        ("(1*2)/3", "1 * 2 / 3"),
        ("1*(2/3)", "1 * (2 / 3)"),
        ("-(-1)", "-(-1)"),
        ("-(1+2)", "-(1 + 2)"),
        ("ROUND('a',  1.50)", "round('a', 1.5)"),
        ("Concat('a b',-event.code)", "concat('a b', -event.code)"),
        ("greatest(1)", "greatest(1)"),
    ];
    for (expression, expected) in table {
        let parsed = Expression::parse_in(Grammar::Lago, expression).unwrap();
        assert_eq!(parsed.normal_form(), expected);
        assert_eq!(Expression::parse_in(Grammar::Lago, expected), Ok(parsed));
    }
}

#[test]
fn lago_expressions_are_bounded() {
    for (open, close) in [("(", ")"), ("-(", ")"), ("1+(", ")"), ("round(", ")"), ("concat(", ")")]
    {
        for count in [200, 1_000, 4_000] {
            let text = format!("{}1{}", open.repeat(count), close.repeat(count));
            check(Grammar::Lago, "{}", &[(text.as_str(), "unreadable")]);
        }
    }
    let nested = format!("{}1{}", "(".repeat(126), ")".repeat(126));
    assert_eq!(outcome(Grammar::Lago, &nested, "{}"), "1");
    let chain = format!("1{}", "+1".repeat(8_000));
    assert_eq!(outcome(Grammar::Lago, &chain, "{}"), "8001");
    let long = format!("1{}", "+1".repeat(100_000));
    check(Grammar::Lago, "{}", &[(long.as_str(), "unreadable")]);
}

#[test]
fn only_maple_looks_for_texts() {
    let properties = r#"{"s": "50%_off", "n": 120, "null": null, "list": []}"#;
    check(
        Grammar::Maple,
        properties,
        &[
            ("CONTAINS(properties.s, '%_')", "true"),
            ("contains(properties.s, '0_')", "false"),
            ("STARTS_WITH(properties.s, '50%')", "true"),
            ("STARTS_WITH(properties.s, 'off')", "false"),
            ("ENDS_WITH(properties.s, '_off')", "true"),
            ("ENDS_WITH(properties.n, '20')", "true"),
            ("CONTAINS(properties.null, 'a')", "NULL"),
            ("CONTAINS(properties.absent, 'a')", "NULL"),
            ("NOT CONTAINS(properties.absent, 'a')", "NULL"),
            ("CONTAINS(properties.list, 'a')", "wrong"),
            ("CONTAINS(properties.s, 'x') OR properties.n = 120", "true"),
            ("CONTAINS(properties.s)", "unreadable"),
            ("CONTAINS('a', 'b', 'c')", "unreadable"),
            ("properties.s LIKE '50%'", "true"),
        ],
    );
    for grammar in [Grammar::Native, Grammar::Lago] {
        for function in ["CONTAINS", "STARTS_WITH", "ENDS_WITH"] {
            check(grammar, "{}", &[(format!("{function}('a','b')").as_str(), "unreadable")]);
        }
    }
    let parsed =
        Expression::parse_in(Grammar::Maple, "not contains(properties.s,'%') and true").unwrap();
    assert_eq!(parsed.normal_form(), "NOT CONTAINS(properties.s, '%') AND TRUE");
    assert_eq!(Expression::parse_in(Grammar::Maple, &parsed.normal_form()), Ok(parsed));
}

/// Trees of Lago's grammar as texts, with more parentheses than they need.
fn lago_texts() -> impl Strategy<Value = String> {
    let leaf = prop::sample::select(vec![
        "1",
        "0.50",
        "12345678901234567890123456789012345678901",
        "'a b'",
        "''",
        "'7'",
        "event.code",
        "event.timestamp",
        "event.properties.x",
        "event.properties.a_1",
    ]);
    leaf.prop_map(str::to_owned).prop_recursive(5, 40, 3, |inner| {
        let links = prop::sample::select(vec!["+", " - ", "*", " / "]);
        let functions =
            prop::sample::select(vec!["round", "CEIL", "floor", "Concat", "least", "greatest"]);
        prop_oneof![
            inner.clone().prop_map(|text| format!("({text})")),
            inner.clone().prop_map(|text| format!("-({text})")),
            (links, inner.clone(), inner.clone())
                .prop_map(|(link, left, right)| format!("{left}{link}{right}")),
            (functions, inner.clone(), inner)
                .prop_map(|(name, left, right)| format!("{name}({left}, {right})")),
        ]
    })
}

proptest! {
    #[test]
    fn lago_expressions_read_back_as_the_same_tree(text in lago_texts()) {
        let parsed = Expression::parse_in(Grammar::Lago, &text);
        prop_assert!(parsed.is_ok(), "{}: {:?}", text, parsed);
        let parsed = parsed.unwrap();
        let normal = parsed.normal_form();
        let again = Expression::parse_in(Grammar::Lago, &normal);
        prop_assert_eq!(again.as_ref(), Ok(&parsed), "{} became {}", text, normal);
        let properties = r#"{"x": 7, "a_1": "2.5"}"#;
        prop_assert_eq!(
            outcome(Grammar::Lago, &text, properties),
            outcome(Grammar::Lago, &normal, properties)
        );
    }

    #[test]
    fn any_bytes_are_read_or_refused_by_every_grammar(
        bytes in prop::collection::vec(any::<u8>(), 0..80),
        soup in "[-+*/().,'a-z0-9 \\\\%_\"]{0,60}",
    ) {
        for grammar in Grammar::ALL {
            let _ = Expression::parse_in(grammar, &String::from_utf8_lossy(&bytes));
            if let Ok(parsed) = Expression::parse_in(grammar, &soup) {
                prop_assert_eq!(Expression::parse_in(grammar, &parsed.normal_form()), Ok(parsed));
            }
        }
    }

    #[test]
    fn maple_reads_every_native_expression_alike(text in "[a-z.=<>'() %+0-9]{0,40}") {
        let native = Expression::parse(&text);
        let maple = Expression::parse_in(Grammar::Maple, &text);
        prop_assert_eq!(
            native.map(|it| it.normal_form()).ok(),
            maple.map(|it| it.normal_form()).ok()
        );
    }
}
