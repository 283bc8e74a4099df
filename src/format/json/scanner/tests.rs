//! The scanner against hand-made texts, and against `serde_json` on made and mutated ones.

use proptest::prelude::*;
use serde_json::Value as Reference;

use super::*;
use crate::model::Value;

/// The nodes of a text, one `kind(next) token` each; or the fault and its place.
fn shape(text: &str) -> String {
    let mut document = Document::default();
    match scan(text.as_bytes(), &mut document) {
        Err(error) => {
            assert!(document.nodes.is_empty(), "a refused text leaves no nodes");
            error.to_string()
        }
        Ok(scanned) => {
            assert_eq!(scanned, text);
            let show = |node: &Node| {
                let token = &text[index(node.start)..index(node.end)];
                format!("{:?}({}) {token}", node.kind, node.next)
            };
            document.nodes.iter().map(show).collect::<Vec<_>>().join(" | ")
        }
    }
}

fn fault(bytes: &[u8]) -> Option<JsonError> {
    scan(bytes, &mut Document::default()).err()
}

fn check_fault(text: &str, place: usize, fault: JsonFault) {
    assert_eq!(self::fault(text.as_bytes()), Some(JsonError { place, fault }), "{text}");
}

#[test]
fn text_becomes_flat_nodes() {
    let check = |text: &str, expected: &str| assert_eq!(shape(text), expected, "{text}");
    check(
        r#"{"a":[1,"x"]}"#,
        r#"Object(5) {"a":[1,"x"]} | Plain(2) a | Array(5) [1,"x"] | Number(4) 1 | Plain(5) x"#,
    );
    check(" [ ] ", "Array(1) [ ]");
    check("{\t}\r\n", "Object(1) {\t}");
    check(
        "[true,false , null]",
        "Array(4) [true,false , null] | True(2) true | False(3) false | Null(4) null",
    );
    check(r#""""#, "Plain(1) ");
    check(r#""a\"b\u00e9\ud83d\ude00""#, r#"Escaped(1) a\"b\u00e9\ud83d\ude00"#);
    check(
        r#"[{"a":{}},[[]]]"#,
        r#"Array(6) [{"a":{}},[[]]] | Object(4) {"a":{}} | Plain(3) a | Object(4) {} | Array(6) [[]] | Array(6) []"#,
    );
}

#[test]
fn number_stays_text() {
    let numbers = [
        "0",
        "-0",
        "7.0",
        "1e3",
        "1E+3",
        "1.50e-2",
        "-12.25",
        "1e400",
        "0e0",
        "0.0E-00",
        "123456789012345678901234567890.000000000000000000000000000000000001",
    ];
    for number in numbers {
        assert_eq!(shape(number), format!("Number(1) {number}"));
        assert_eq!(
            shape(&format!("[{number}]")),
            format!("Array(2) [{number}] | Number(2) {number}")
        );
    }
}

#[test]
fn faulty_text_is_refused_at_its_place() {
    use JsonFault::*;
    for (text, place, fault) in [
        ("", 0, Ended),
        ("  ", 2, Ended),
        ("{", 1, Ended),
        ("[1", 2, Ended),
        (r#"{"a":1"#, 6, Ended),
        (r#"{"a""#, 4, Ended),
        (r#""abc"#, 4, Ended),
        ("tru", 0, NoValue),
        ("nulL", 0, NoValue),
        ("True", 0, NoValue),
        ("NaN", 0, NoValue),
        (".5", 0, NoValue),
        ("+1", 0, NoValue),
        ("'a'", 0, NoValue),
        ("\u{a0}1", 0, NoValue),
        ("\u{feff}1", 0, NoValue),
        ("[1,]", 3, NoValue),
        ("[,1]", 1, NoValue),
        (r#"{"a":}"#, 5, NoValue),
        (r#"{"a":1,}"#, 7, NoKey),
        ("{a:1}", 1, NoKey),
        ("{1:1}", 1, NoKey),
        (r#"{"a" 1}"#, 5, NoColon),
        (r#"{"a":1 "b":2}"#, 7, NoCommaInObject),
        (r#"{"a":1]"#, 6, NoCommaInObject),
        ("[1 2]", 3, NoCommaInArray),
        ("[1}", 2, NoCommaInArray),
        ("01", 1, BadNumber),
        ("-01", 2, BadNumber),
        ("-x", 1, BadNumber),
        ("1.x", 2, BadNumber),
        ("1.e1", 2, BadNumber),
        ("1ex", 2, BadNumber),
        ("1e+x", 3, BadNumber),
        ("-", 1, Ended),
        ("1.", 2, Ended),
        ("1e", 2, Ended),
        ("1 2", 2, TrailingText),
        ("{}}", 2, TrailingText),
        ("{}\0", 2, TrailingText),
        ("1\u{b}", 1, TrailingText),
        ("\"a\nb\"", 2, ControlCharacter),
        ("\"\0\"", 1, ControlCharacter),
        ("\"1234567\u{1f}9\"", 8, ControlCharacter),
        (r#""\x""#, 1, BadEscape),
        (r#""\U0041""#, 1, BadEscape),
        (r#""\u12g4""#, 1, BadEscape),
        (r#""\u+123""#, 1, BadEscape),
        (r#""\u12"#, 1, BadEscape),
        (r#""\ud83d""#, 7, HalfSurrogate),
        (r#""\ud83dx""#, 7, HalfSurrogate),
        (r#""\ud83d\n""#, 7, HalfSurrogate),
        (r#""\ud83d\u0041""#, 7, HalfSurrogate),
        (r#""\ud83d\ud83d""#, 7, HalfSurrogate),
        (r#""\ude00""#, 1, HalfSurrogate),
        (r#""\ude00\ud83d""#, 1, HalfSurrogate),
        (r#"{"\ud83d":1}"#, 8, HalfSurrogate),
        (r#"{"a":{"\udfff":1}}"#, 7, HalfSurrogate),
    ] {
        check_fault(text, place, fault);
    }
}

#[test]
fn every_byte_below_a_space_is_refused_in_a_string_at_every_place() {
    for control in 0..0x20 {
        for before in 0..20 {
            let mut bytes = vec![b'"'];
            bytes.extend(std::iter::repeat_n(b'!', before));
            bytes.push(control);
            bytes.extend_from_slice(b"!!!!!!!!\"");
            let expected = JsonError { place: before + 1, fault: JsonFault::ControlCharacter };
            assert_eq!(fault(&bytes), Some(expected));
        }
    }
    assert_eq!(fault(b"\"\x7f\x7f\x7f\x7f\x7f\x7f\x7f\x7f\""), None);
}

#[test]
fn bytes_that_are_not_utf8_are_refused() {
    for bytes in [&b"\"\xff\""[..], b"\"\xc3\"", b"\"\xed\xa0\x80\"", b"\"\xc0\xaf\""] {
        assert_eq!(fault(bytes), Some(JsonError { place: 1, fault: JsonFault::NotUtf8 }));
    }
    assert_eq!(fault("\"\u{10ffff}é\u{0080}\"".as_bytes()), None);
}

#[test]
fn a_hundred_levels_are_read_and_no_more() {
    let arrays = |levels: usize| "[".repeat(levels) + &"]".repeat(levels);
    let objects = |levels: usize| r#"{"a":"#.repeat(levels) + "1" + &"}".repeat(levels);
    assert_eq!(fault(arrays(100).as_bytes()), None);
    assert_eq!(fault(objects(100).as_bytes()), None);
    check_fault(&arrays(101), 100, JsonFault::TooDeep);
    check_fault(&objects(101), 500, JsonFault::TooDeep);
    check_fault(&"[".repeat(1 << 20), 100, JsonFault::TooDeep);
    // Levels are counted where they are open, not over the whole text.
    let row = format!("[{}]", vec![arrays(99); 50].join(","));
    assert_eq!(fault(row.as_bytes()), None);
}

#[test]
fn document_is_reused() {
    let mut document = Document::default();
    scan(b"[1,2,3]", &mut document).expect("sound");
    scan(b"7", &mut document).expect("sound");
    assert_eq!(document.nodes.len(), 1);
    let large = format!("[1{}]", ",1".repeat(100_000));
    scan(large.as_bytes(), &mut document).expect("sound");
    scan(b"7", &mut document).expect("sound");
    assert!(document.nodes.capacity() <= KEPT_NODES_MAX, "a large text's memory is given back");
}

#[test]
fn special_bytes_finds_the_first_of_eight() {
    for byte in 0..=255 {
        for at in 0..8 {
            let mut eight = [0xC3; 8];
            eight[at] = byte;
            let marks = special_bytes(u64::from_le_bytes(eight));
            let is_special = matches!(byte, b'"' | b'\\' | 0..0x20);
            assert_eq!(marks != 0, is_special, "{byte} at {at}");
            if is_special {
                assert_eq!(index(marks.trailing_zeros() / 8), at);
            }
        }
    }
}

/// Our reading as `serde_json`'s; its own reading of each number's text.
fn as_reference(value: Value<'_>) -> Reference {
    match value.kind() {
        NodeKind::Null => Reference::Null,
        NodeKind::True => Reference::Bool(true),
        NodeKind::False => Reference::Bool(false),
        NodeKind::Number => serde_json::from_str(value.raw()).expect("a sound number"),
        NodeKind::Plain | NodeKind::Escaped => {
            Reference::String(value.string().expect("a string").into_owned())
        }
        NodeKind::Array => value.elements().expect("an array").map(as_reference).collect(),
        NodeKind::Object => {
            let members = value.object().expect("an object").members();
            let read = |(key, value): (Value<'_>, Value<'_>)| {
                (key.string().expect("a key").into_owned(), as_reference(value))
            };
            Reference::Object(members.map(read).collect())
        }
    }
}

/// Accepts what `serde_json` accepts, and reads the same from it.
fn check_like_reference(bytes: &[u8]) {
    let mut document = Document::default();
    let ours = scan(bytes, &mut document);
    let theirs = serde_json::from_slice::<Reference>(bytes);
    match (ours, theirs) {
        (Ok(text), Ok(theirs)) => {
            let ours = as_reference(document.root(text).expect("a value"));
            assert_eq!(ours, theirs, "{text}");
        }
        (Err(_), Err(_)) => {}
        // Numbers that no float holds, which we keep as text.
        (Ok(_), Err(error)) if error.to_string().starts_with("number out of range") => {}
        (Err(error), Ok(_)) if error.fault == JsonFault::TooDeep => {}
        (ours, theirs) => {
            panic!("{:?}: we {ours:?}, they {theirs:?}", String::from_utf8_lossy(bytes))
        }
    }
}

fn blanks() -> impl Strategy<Value = String> {
    prop_oneof![8 => Just(String::new()), 1 => "[ \t\r\n]{1,3}"]
}

fn string() -> impl Strategy<Value = String> {
    let piece = prop_oneof![
        4 => "[ -!#-\\[\\]-~]{0,12}",
        1 => "[\u{7f}-\u{2fff}\u{10000}-\u{10ffff}]{1,4}",
        1 => r#"\\["\\/bfnrt]"#,
        1 => r"\\u[0-9a-cA-C][0-9a-fA-F]{3}",
        1 => r"\\u[dD][89abAB][0-9a-f]{2}\\u[dD][c-fC-F][0-9a-f]{2}",
    ];
    prop::collection::vec(piece, 0..4).prop_map(|pieces| format!("\"{}\"", pieces.concat()))
}

fn json() -> impl Strategy<Value = String> {
    let scalar = prop_oneof![
        string(),
        r"-?(0|[1-9][0-9]{0,25})(\.[0-9]{1,25})?([eE][+-]?[0-9]{1,2})?",
        Just("true".to_owned()),
        Just("false".to_owned()),
        Just("null".to_owned()),
    ];
    let spaced = (blanks(), scalar, blanks()).prop_map(|(a, b, c)| a + &b + &c);
    spaced.prop_recursive(5, 40, 5, |inner| {
        let member = (blanks(), string(), blanks(), inner.clone());
        let member = member.prop_map(|(a, key, b, value)| format!("{a}{key}{b}:{value}"));
        prop_oneof![
            prop::collection::vec(inner, 0..5).prop_map(|all| format!("[{}]", all.join(","))),
            prop::collection::vec(member, 0..5).prop_map(|all| format!("{{{}}}", all.join(","))),
        ]
    })
}

/// A sound text with a few bytes replaced, put in or taken out.
fn mutated() -> impl Strategy<Value = Vec<u8>> {
    let byte = prop_oneof![
        3 => prop::sample::select(&br#"{}[],:"\u0123456789aAdDeE+-. tfn"#[..]),
        1 => any::<u8>(),
    ];
    let edits = prop::collection::vec((any::<prop::sample::Index>(), 0..3, byte), 1..4);
    (json(), edits).prop_map(|(text, edits)| {
        let mut bytes = text.into_bytes();
        for (place, kind, byte) in edits {
            let at = place.index(bytes.len() + 1);
            match kind {
                0 => bytes.insert(at, byte),
                1 if at < bytes.len() => bytes[at] = byte,
                _ if at < bytes.len() => drop(bytes.remove(at)),
                _ => {}
            }
        }
        bytes
    })
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(2000))]

    #[test]
    fn sound_text_reads_as_the_reference_reads_it(text in json()) {
        prop_assert_eq!(fault(text.as_bytes()), None);
        check_like_reference(text.as_bytes());
    }

    #[test]
    fn mutated_text_is_judged_as_the_reference_judges_it(bytes in mutated()) {
        check_like_reference(&bytes);
    }

    #[test]
    fn random_tokens_are_judged_as_the_reference_judges_them(
        text in r#"([{}\[\],: ]|"a"|"\\|\\u[dD]8|e|E|-|\.|[0-9]|true|null|false|\[1,|\{"k":){0,12}"#
    ) {
        check_like_reference(text.as_bytes());
    }

    #[test]
    fn random_bytes_are_judged_as_the_reference_judges_them(
        bytes in prop::collection::vec(any::<u8>(), 0..40)
    ) {
        check_like_reference(&bytes);
    }
}
