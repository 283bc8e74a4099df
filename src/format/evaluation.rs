//! `evaluate_expression` of Lago's API: an expression and an event as JSON in, a value out.

use super::instant::{self, TimeUnit};
use super::json::scan;
use crate::dialect::lago::{EvaluationFault, NeedsTime, evaluate};
use crate::model::{Document, Event, EventTime, NodeKind, Object, Value};

/// Works Lago's expression out for an event `{"code","timestamp","properties"}`, given as the text of its JSON.
///
/// `timestamp` is a number of seconds, as a number or a text, or an instant of RFC 3339; it is looked at only where the
/// expression does. What else is absent or null is empty.
///
/// # Errors
/// See [`EvaluationFault`].
pub fn evaluate_expression(
    expression: Option<&str>,
    event: Option<&str>,
) -> Result<String, EvaluationFault> {
    let mut document = Document::default();
    let text = event.and_then(|event| scan(event.as_bytes(), &mut document).ok());
    let root = text.and_then(|text| document.root(text)).and_then(|root| root.object());
    evaluate(expression, |needs_time| root.and_then(|root| event_of(root, needs_time)))
}

fn event_of(root: Object<'_>, NeedsTime(needs_time): NeedsTime) -> Option<Event<'_>> {
    let properties = match root.member("properties") {
        Some(value) if value.kind() != NodeKind::Null => value.object()?,
        _ => Object::EMPTY,
    };
    let time = root.member("timestamp").and_then(time_of);
    let code = root.member("code").and_then(|code| match code.kind() {
        NodeKind::Number => Some(code.raw().into()),
        _ => code.string(),
    });
    Some(Event {
        tenant: "default".into(),
        id: "".into(),
        scope: Vec::new(),
        event_type: code.unwrap_or_default(),
        customer: "".into(),
        time: if needs_time { time? } else { EventTime::EARLIEST },
        properties,
    })
}

fn time_of(value: Value<'_>) -> Option<EventTime> {
    match value.kind() {
        NodeKind::Number => instant::of_number(value.raw(), TimeUnit::Seconds),
        _ => instant::of_text(&value.string()?, TimeUnit::Seconds),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn check(expression: &str, event: &str, expected: Result<&str, EvaluationFault>) {
        let found = evaluate_expression(Some(expression), Some(event));
        assert_eq!(found, expected.map(str::to_owned), "{expression} for {event}");
    }

    #[test]
    fn a_value_is_a_text_or_a_number_with_a_fraction() {
        let event = r#"{"code":"call","timestamp":1700000000.25,"properties":{"x":1.23,"n":"7","t":"a\u0041"}}"#;
        for (expression, value) in [
            ("event.properties.n * 3", "21.0"),
            ("(123 - event.properties.x)/10", "12.177"),
            ("least(12.34,5.0)", "5.0"),
            ("round(-12.5)", "-13.0"),
            ("concat(event.properties.x,'t')", "1.23t"),
            ("event.properties.t", "aA"),
            ("event.code", "call"),
            ("event.timestamp", "1700000000.25"),
            ("1 / 3", "0.333333333333333333"),
        ] {
            check(expression, event, Ok(value));
        }
        check("event.timestamp", r#"{"timestamp":"1700000000"}"#, Ok("1700000000.0"));
        check("event.timestamp", r#"{"timestamp":"2023-11-14T22:13:20Z"}"#, Ok("1700000000.0"));
        check("1", "{}", Ok("1.0"));
    }

    #[test]
    fn what_gives_no_value_has_its_code() {
        let (no, invalid) = (EvaluationFault::NoExpression, EvaluationFault::InvalidExpression);
        let event = EvaluationFault::InvalidEvent;
        assert_eq!(evaluate_expression(None, Some("{}")), Err(no));
        assert_eq!(evaluate_expression(Some(" "), None), Err(no));
        assert_eq!(evaluate_expression(Some("1 \\ 2"), None), Err(invalid));
        assert_eq!(evaluate_expression(Some("1"), None), Err(event));
        for (expression, text) in [
            ("1", "[]"),
            ("1", "{"),
            ("1", r#"{"properties":[]}"#),
            ("event.properties.x", "{}"),
            ("event.properties.x + 1", r#"{"properties":{"x":"a"}}"#),
            ("event.properties.x", r#"{"properties":{"x":{}}}"#),
            ("event.timestamp", "{}"),
            ("event.timestamp", r#"{"timestamp":"today"}"#),
            ("1 / 0", "{}"),
        ] {
            check(expression, text, Err(event));
        }
        assert_eq!((event.field(), event.code()), ("event", "invalid_event"));
    }
}
