//! The three readers of syntax: one tree, exact numbers, places, and no text that brings them down.

use proptest::prelude::*;

use super::{Node, Syntax, Value};

const ALL: [Syntax; 3] = [Syntax::Toml, Syntax::Json, Syntax::Yaml];

/// The value of a file's only key, `a`.
fn value_of(syntax: Syntax, text: &str) -> Value {
    let node = syntax.parse(text).expect("the text is of the syntax").root;
    let Value::Table(mut entries) = node.value else { panic!("a table at the root") };
    assert_eq!(entries.len(), 1, "one key");
    entries.remove(0).node.value
}

#[track_caller]
fn check_value(syntax: Syntax, text: &str, expected: &Value) {
    assert_eq!(value_of(syntax, text), *expected, "{text}");
}

/// A fault of syntax as `byte: message`.
#[track_caller]
fn check_fault(syntax: Syntax, text: &str, expected: &str) {
    let fault = syntax.parse(text).expect_err("the text is not of the syntax");
    let found = format!("{}: {}", fault.offset, fault.message);
    assert_eq!(found, expected, "{text}");
}

fn number(text: &str) -> Value {
    Value::Number(text.to_owned())
}

fn text(content: &str) -> Value {
    Value::Text(content.to_owned())
}

/// The tree without places.
fn shape(node: &Node) -> String {
    match &node.value {
        Value::List(nodes) => {
            format!("[{}]", nodes.iter().map(shape).collect::<Vec<_>>().join(" "))
        }
        Value::Table(entries) => {
            let entries: Vec<String> = entries
                .iter()
                .map(|entry| format!("{}={}", entry.key, shape(&entry.node)))
                .collect();
            format!("{{{}}}", entries.join(" "))
        }
        other => other.to_string(),
    }
}

#[test]
fn one_content_gives_one_tree() {
    let toml = "[[m]]\nb = 'x'\na = [1, 99.9, true]\n[m.t]\n\"k.l\" = -0.5\n[[m]]\n";
    let json = r#"{"m": [{"b": "x", "a": [1, 99.9, true], "t": {"k.l": -0.5}}, {}]}"#;
    let yaml = "m:\n- b: x\n  a: [1, 99.9, true]\n  t:\n    k.l: -0.5\n- {}\n";
    let expected = r#"{m=[{b=text "x" a=[number 1 number 99.9 true] t={k.l=number -0.5}} {}]}"#;
    for (syntax, text) in ALL.into_iter().zip([toml, json, yaml]) {
        assert_eq!(shape(&syntax.parse(text).expect("a sound text").root), expected);
    }
}

#[test]
fn numbers_keep_the_text_that_was_written() {
    let long = "99.90000000000000000000000000000000000001";
    check_value(Syntax::Toml, &format!("a = {long}"), &number(long));
    check_value(Syntax::Json, &format!("{{\"a\": {long}}}"), &number(long));
    check_value(Syntax::Yaml, &format!("a: {long}"), &number(long));
}

#[test]
fn numbers_of_every_syntax_become_json_tokens() {
    for (text, token) in [
        ("a = +1_0.5e+3", "10.5e+3"),
        ("a = +17", "17"),
        ("a = 0x1_F", "31"),
        ("a = 0o17", "15"),
        ("a = 0b11", "3"),
    ] {
        check_value(Syntax::Toml, text, &number(token));
    }
    for (text, token) in [
        ("a: +17", "17"),
        ("a: 007", "7"),
        ("a: -.5", "-0.5"),
        ("a: 5.", "5"),
        ("a: 0x1F", "31"),
        ("a: 0o17", "15"),
        ("a: 1E3", "1e3"),
        ("a: 1.50e-7", "1.50e-7"),
    ] {
        check_value(Syntax::Yaml, text, &number(token));
    }
}

#[test]
fn what_is_no_number_stays_as_written() {
    check_value(Syntax::Toml, "a = -inf", &Value::Other("-inf".to_owned()));
    check_value(Syntax::Toml, "a = nan", &Value::Other("nan".to_owned()));
    check_value(Syntax::Yaml, "a: .inf", &Value::Other(".inf".to_owned()));
    let instant = "2026-03-01 00:00:00+01:00";
    check_value(Syntax::Toml, &format!("a = {instant}"), &Value::Instant(instant.to_owned()));
}

#[test]
fn yaml_follows_the_core_schema() {
    for plain in ["no", "2026-03-01", "1_000", "1e", "0x", "+", ".", "1.2.3", "x: y".trim_end()] {
        let quoted = format!("a: {}", if plain.contains(':') { "'x: y'" } else { plain });
        check_value(Syntax::Yaml, &quoted, &text(plain));
    }
    for null in ["", "~", "null"] {
        check_value(Syntax::Yaml, &format!("a: {null}"), &Value::Null);
    }
    check_value(Syntax::Yaml, "a: \"5\"", &text("5"));
    check_value(Syntax::Yaml, "a: |\n  5\n", &text("5\n"));
    check_value(Syntax::Yaml, "a: True", &Value::Boolean(true));
    let node = Syntax::Yaml.parse("# nothing\n").expect("comments are YAML").root;
    assert_eq!(node.value, Value::Null);
}

#[test]
fn faults_of_syntax_name_their_place() {
    check_fault(Syntax::Toml, "a = 1\nb = = 2\n", "10: extra `=`, expected nothing");
    check_fault(Syntax::Json, "{\"a\": 1,\n \"b\" 2}", "14: expected `:`");
    check_fault(Syntax::Json, "{\"a\": 1} x", "9: trailing characters");
    check_fault(Syntax::Json, "{\"a\":\n [\"\\ud800\"]}", "15: unexpected end of hex escape");
    check_fault(Syntax::Json, "", "0: EOF while parsing a value");
    check_fault(
        Syntax::Yaml,
        "a:\n  - b\n - c",
        "10: while parsing a block mapping, did not find expected key",
    );
    check_fault(Syntax::Yaml, "a: &x 1\nb: *x", "11: aliases are not read: write the value itself");
    check_fault(
        Syntax::Yaml,
        "a: !!str 1",
        "9: tags are not read: leave it out, and write texts in quotes",
    );
    check_fault(Syntax::Yaml, "a: 1\n---\nb: 1", "5: a second document: a file holds one");
    check_fault(Syntax::Yaml, "? [a]\n: 1", "2: a key is a text, not a list or a table");
}

#[test]
fn endings_and_first_lines_name_the_syntax() {
    assert_eq!(Syntax::of_name("a/b.TOML"), Some(Syntax::Toml));
    assert_eq!(Syntax::of_name("b.json"), Some(Syntax::Json));
    assert_eq!(Syntax::of_name("b.yaml"), Some(Syntax::Yaml));
    assert_eq!(Syntax::of_name("b.yml"), Some(Syntax::Yaml));
    assert_eq!(Syntax::of_name("b.txt"), None);
    assert_eq!(Syntax::of_name("toml"), None);
    assert_eq!(Syntax::of_text("\n  {\"metrics\": []}"), Syntax::Json);
    assert_eq!(Syntax::of_text("# x\n\n[[metrics]]"), Syntax::Toml);
    assert_eq!(Syntax::of_text("dialect = 'native:1'"), Syntax::Toml);
    assert_eq!(Syntax::of_text("dialect: 'a=b'"), Syntax::Yaml);
    assert_eq!(Syntax::of_text("---\nmetrics:"), Syntax::Yaml);
}

#[test]
fn deep_nesting_is_a_fault() {
    for depth in [101, 200, 1_000, 100_000] {
        let texts = [
            (Syntax::Toml, format!("a = {}1{}", "[".repeat(depth), "]".repeat(depth))),
            (Syntax::Toml, format!("a = {}", "{a=".repeat(depth))),
            (Syntax::Toml, format!("{}a = 1", "a.".repeat(depth))),
            (Syntax::Toml, format!("[{}a]", "a.".repeat(depth))),
            (Syntax::Toml, format!("[[{}a]]\n{}b = 1", "a.".repeat(depth), "b.".repeat(depth))),
            (Syntax::Json, format!("{}1{}", "[".repeat(depth), "]".repeat(depth))),
            (Syntax::Json, "[".repeat(depth)),
            (Syntax::Json, format!("{}1{}", "{\"a\":".repeat(depth), "}".repeat(depth))),
            (Syntax::Yaml, format!("{}1{}", "[".repeat(depth), "]".repeat(depth))),
            (Syntax::Yaml, "[".repeat(depth)),
            (Syntax::Yaml, format!("{}1", "- ".repeat(depth))),
            (Syntax::Yaml, format!("{}1", "? ".repeat(depth))),
            (Syntax::Yaml, format!("{}1", "{a: ".repeat(depth))),
        ];
        for (syntax, text) in texts {
            assert!(syntax.parse(&text).is_err(), "{syntax:?} of depth {depth}");
        }
    }
}

#[test]
fn sound_nesting_is_read() {
    let nested = |levels: usize| format!("{}1{}", "[".repeat(levels), "]".repeat(levels));
    assert!(Syntax::Toml.parse(&format!("a = {}", nested(70))).is_ok());
    let nested = nested(99);
    assert!(Syntax::Json.parse(&format!("{{\"a\": {nested}}}")).is_ok());
    assert!(Syntax::Yaml.parse(&format!("a: {nested}")).is_ok());
}

/// Pieces of all three syntaxes, so that chance gets past the first character.
fn texts() -> impl Strategy<Value = String> {
    let pieces = prop::sample::select(vec![
        "[",
        "]",
        "{",
        "}",
        "[[m]]",
        "a",
        "\"b\"",
        "'c'",
        ":",
        ": ",
        "=",
        ",",
        ".",
        "\n",
        "\n  ",
        "- ",
        "? ",
        "#",
        "&x ",
        "*x",
        "!!str ",
        "|",
        ">",
        "---\n",
        "...\n",
        "1",
        "-0.5e9",
        "0x1F",
        "inf",
        "true",
        "null",
        "\\u00e9",
        "\"\\ud800\"",
        "é",
        "\u{0}",
        "\u{feff}",
        "\r\n",
        "\t",
        "2026-03-01T00:00:00Z",
    ]);
    prop_oneof![
        any::<Vec<u8>>().prop_map(|bytes| String::from_utf8_lossy(&bytes).into_owned()),
        prop::collection::vec(pieces, 0..40).prop_map(|pieces| pieces.concat()),
    ]
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 2_000, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn any_text_is_a_tree_or_a_fault(text in texts()) {
        for syntax in ALL {
            match syntax.parse(&text) {
                Ok(parsed) => prop_assert!(parsed.root.offset <= text.len()),
                Err(fault) => prop_assert!(fault.offset <= text.len()),
            }
        }
    }
}

#[test]
fn keys_that_stand_twice_are_entries_in_every_syntax() {
    for (syntax, document) in [
        (Syntax::Toml, "b.a = 1\n[c]\na = 1\n\"a\" = 2\n"),
        (Syntax::Json, "{\"b\": {\"a\": 1},\n\"c\": {\"a\": 1,\n\"a\": 2}}"),
        (Syntax::Yaml, "b: {a: 1}\nc:\n  a: 1\n  a: 2\n"),
    ] {
        let Value::Table(entries) = syntax.parse(document).expect("it is read").root.value else {
            panic!("{document} is a table")
        };
        let counts = entries.iter().map(|entry| match &entry.node.value {
            Value::Table(below) => below.iter().filter(|entry| entry.key == "a").count(),
            value => panic!("{value:?} is a table"),
        });
        assert_eq!(counts.collect::<Vec<_>>(), [1, 2], "{document}");
    }
    check_fault(Syntax::Toml, "[a]\nb = 1\n[a]\nc = = 2\n", "18: extra `=`, expected nothing");
}
