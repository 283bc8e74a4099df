//! How an answer is held against what is recorded: whole, but for what differs from run to run.
//!
//! | recorded | matches |
//! |---|---|
//! | `"<uuid>"`, `"<hex>"`, `"<time>"` | a text of that form: a UUID, 32 hexadecimal digits, an instant; also inside of a text: `"bm_<hex>"` |
//! | `"<any>"` | any value; inside of a text any text |
//! | `"$name"` | any value, which is `$name` from then on; the same value where there is one |
//! | `"$name=bm_<hex>"` | the same for texts of that form alone |

use std::collections::BTreeMap;

use odometer::model::EventTime;
use serde_json::Value;

/// Values that answers had.
#[derive(Default)]
pub(super) struct Captured(BTreeMap<String, Value>);

impl Captured {
    /// A text with what was captured in place of each `$name`.
    pub(super) fn filled(&self, text: &str) -> Result<String, String> {
        let mut pieces = text.split('$');
        let mut filled = pieces.next().unwrap_or_default().to_owned();
        for piece in pieces {
            let end = piece.find(|c: char| !(c.is_ascii_lowercase() || c == '_'));
            let (name, rest) = piece.split_at(end.unwrap_or(piece.len()));
            let value =
                self.0.get(name).ok_or_else(|| format!("nothing was captured as ${name}"))?;
            filled.push_str(value.as_str().ok_or_else(|| format!("${name} is no text"))?);
            filled.push_str(rest);
        }
        Ok(filled)
    }

    /// Holds what was found at a place against what is recorded.
    pub(super) fn compare(
        &mut self,
        place: &str,
        recorded: &Value,
        found: &Value,
    ) -> Result<(), String> {
        let differs = || Err(format!("{place} is {found}, not {recorded}"));
        match (recorded, found) {
            (Value::String(pattern), _) if pattern.starts_with('$') => {
                let (name, form) = pattern[1..].split_once('=').unwrap_or((&pattern[1..], "<any>"));
                if !is_of(form, found) {
                    return differs();
                }
                match self.0.get(name) {
                    Some(value) if value != found => {
                        Err(format!("{place} is {found}, and ${name} was {value}"))
                    }
                    _ => {
                        self.0.insert(name.to_owned(), found.clone());
                        Ok(())
                    }
                }
            }
            (Value::String(pattern), _) => {
                if is_of(pattern, found) {
                    Ok(())
                } else {
                    differs()
                }
            }
            (Value::Object(recorded), Value::Object(found)) => {
                if let Some(key) = found.keys().find(|key| !recorded.contains_key(*key)) {
                    return Err(format!("{place} has {key:?} too"));
                }
                for (key, recorded) in recorded {
                    let found = found.get(key).ok_or_else(|| format!("{place} lacks {key:?}"))?;
                    self.compare(&format!("{place}.{key}"), recorded, found)?;
                }
                Ok(())
            }
            (Value::Array(recorded), Value::Array(found)) if recorded.len() == found.len() => {
                for (at, (recorded, found)) in recorded.iter().zip(found).enumerate() {
                    self.compare(&format!("{place}[{at}]"), recorded, found)?;
                }
                Ok(())
            }
            _ => {
                if recorded == found {
                    Ok(())
                } else {
                    differs()
                }
            }
        }
    }
}

fn is_of(pattern: &str, found: &Value) -> bool {
    match found {
        Value::String(text) => matches(pattern, text),
        _ => pattern == "<any>",
    }
}

/// Whether a text is of a form with `<uuid>` and the like in it.
fn matches(pattern: &str, text: &str) -> bool {
    const FORMS: [(&str, fn(&str) -> bool); 4] =
        [("<uuid>", is_uuid), ("<hex>", is_hex), ("<time>", is_time), ("<any>", |_| true)];
    let first = FORMS.iter().filter_map(|(name, form)| Some((pattern.find(name)?, *name, form)));
    let Some((at, name, form)) = first.min_by_key(|(at, ..)| *at) else { return pattern == text };
    let Some(text) = text.strip_prefix(&pattern[..at]) else { return false };
    let rest = &pattern[at + name.len()..];
    let ends = text.char_indices().map(|(end, _)| end).chain([text.len()]);
    ends.into_iter().any(|end| form(&text[..end]) && matches(rest, &text[end..]))
}

fn is_uuid(text: &str) -> bool {
    let lengths = text.split('-').map(str::len);
    lengths.eq([8, 4, 4, 4, 12]) && text.split('-').all(is_lower_hex)
}

fn is_hex(text: &str) -> bool {
    text.len() == 32 && is_lower_hex(text)
}

fn is_lower_hex(text: &str) -> bool {
    text.bytes().all(|byte| byte.is_ascii_digit() || (b'a'..=b'f').contains(&byte))
}

fn is_time(text: &str) -> bool {
    text.ends_with('Z') && EventTime::parse_rfc3339(text).is_some()
}

#[test]
fn answers_are_compared_whole() {
    let json = |text: &str| -> Value { serde_json::from_str(text).expect("JSON") };
    let uuid = "01234567-89ab-cdef-0123-456789abcdef";
    for (recorded, found, is_same) in [
        (r#"{"a":1,"b":[null]}"#, r#"{"b":[null],"a":1}"#, true),
        (r#"{"a":1}"#, r#"{"a":1,"b":2}"#, false),
        (r#"{"a":1,"b":2}"#, r#"{"a":1}"#, false),
        (r#"{"a":1}"#, r#"{"a":"1"}"#, false),
        ("[1]", "[1,1]", false),
        ("[1,2]", "[2,1]", false),
        (r#""<any>""#, r#"{"a":1}"#, true),
        (r#""a <any>.""#, r#""a thing.""#, true),
        (r#""a <any>.""#, r#""a thing""#, false),
        (r#""<uuid>""#, &format!("\"{uuid}\""), true),
        (r#""<uuid>""#, &format!("\"{}\"", uuid.to_uppercase()), false),
        (r#""bm_<hex>""#, r#""bm_0123456789abcdef0123456789abcdef""#, true),
        (r#""bm_<hex>""#, r#""bm_0123456789abcdef0123456789abcde""#, false),
        (r#""<time>""#, r#""2026-01-02T03:04:05Z""#, true),
        (r#""<time>""#, r#""2026-01-02T03:04:05""#, false),
        (r#""<time>""#, "null", false),
        (r#"["$a","$a"]"#, "[1,1]", true),
        (r#"["$a","$a"]"#, "[1,2]", false),
        (r#""$a=bm_<any>""#, r#""cm_1""#, false),
    ] {
        let outcome = Captured::default().compare("it", &json(recorded), &json(found));
        assert_eq!(outcome.is_ok(), is_same, "{recorded} {found}: {outcome:?}");
    }
    let mut captured = Captured::default();
    captured.compare("it", &json(r#""$id=bm_<any>""#), &json(r#""bm_1""#)).expect("it matches");
    assert_eq!(captured.filled("GET /a/$id/b"), Ok("GET /a/bm_1/b".to_owned()));
    assert!(captured.filled("$other").is_err());
}
