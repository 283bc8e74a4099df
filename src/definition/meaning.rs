//! What a definition means, as a text: two definitions of one text give the same numbers.
//!
//! Spelling is gone from it (spaces in expressions, order of declared values, defaults written out); what no
//! number depends on is not in it (name, description, `grace`, `late`). Hashes of these texts stand in stored state,
//! so the form is for ever: a line for each field, texts in quotes with `"` and `\` escaped.
//!
//! ```text
//! aggregation sum
//! value "properties.v"
//! dimension "region" drop "eu" "us"
//! dimension "model" any
//! ```

use std::fmt::{self, Write};

use super::expression::{Expression, Grammar};
use super::grouping::{DeclaredValues, Dimension, GroupPath, OtherValues};
use super::metric::{CustomerCalendar, Metric};

/// What the carried state of a recurring metric depends on: aggregation, value, operation and grouping.
///
/// Where two versions of a metric agree in it, the later one goes on with the state of the earlier (rule 5.6 d).
/// How the state is read off (`prorated`, `result`, `rounding`, the calendar) and which later events are folded
/// (`filter`, `event_type`) may differ.
#[must_use]
pub fn state_meaning(metric: &Metric) -> String {
    let mut meaning = Meaning::default();
    meaning.line("aggregation", metric.aggregation.name());
    meaning.optional("percentile", metric.percentile);
    if let Some(inner) = &metric.inner {
        meaning.line("inner", inner.aggregation.name());
        meaning.optional("inner_percentile", inner.percentile);
        meaning.line("every", inner.every);
        meaning.line("fill", inner.fill.name());
    }
    meaning.optional("value", metric.value.as_ref().map(|value| quoted(&value.normal_form())));
    // The same text may mean another thing. Of the native grammar nothing is said: texts of before it had a name stay.
    let grammar = metric.value.as_ref().map(Expression::grammar);
    meaning.optional("grammar", grammar.filter(|it| *it != Grammar::Native).map(Grammar::name));
    meaning.optional("operation", metric.operation.as_ref().map(path_text));
    for dimension in &metric.group_by {
        meaning.line("dimension", dimension_text(dimension));
    }
    meaning.0
}

/// What the totals of a metric depend on: everything but name, description, `grace` and `late`.
#[must_use]
pub fn full_meaning(metric: &Metric) -> String {
    let mut meaning = Meaning(state_meaning(metric));
    meaning.line("tenant", quoted(&metric.tenant));
    meaning.line("code", quoted(&metric.code));
    meaning.line("event_type", quoted(&metric.event_type));
    meaning.optional("topic", metric.topic.as_deref().map(quoted));
    meaning.optional("filter", metric.filter.as_ref().map(|filter| quoted(&filter.normal_form())));
    meaning.line("recurring", metric.is_recurring);
    meaning.line("prorated", metric.is_prorated);
    meaning.optional("result", metric.result.as_ref().map(|result| quoted(&result.normal_form())));
    if let Some(rounding) = metric.rounding {
        meaning.line("rounding", rounding.function.name());
        meaning.line("precision", rounding.precision);
    }
    // The keys of totals bear the names as written.
    for dimension in &metric.group_by {
        meaning.line("dimension_name", quoted(&dimension.path.text));
    }
    meaning.line("period", metric.calendar.unit());
    meaning.line("timezone", quoted(metric.calendar.zone_name()));
    meaning.line("anchor", metric.calendar.anchor());
    meaning.line("anchor_month", metric.calendar.anchor_month());
    meaning.optional("effective_from", metric.effective_from);
    meaning.0
}

/// What customers' calendars mean, in the order in which they come: what periods depend on beside the metrics.
pub(super) fn calendars_meaning<'c>(
    calendars: impl Iterator<Item = &'c CustomerCalendar>,
) -> String {
    let mut meaning = Meaning::default();
    for calendar in calendars {
        meaning.line("customer", quoted(&calendar.customer));
        meaning.optional("period", calendar.period);
        meaning.optional("timezone", calendar.timezone.as_deref().map(quoted));
        meaning.optional("anchor", calendar.anchor);
        meaning.optional("anchor_month", calendar.anchor_month);
        meaning.optional("effective_from", calendar.effective_from);
    }
    meaning.0
}

/// The lines so far.
#[derive(Default)]
struct Meaning(String);

impl Meaning {
    fn line(&mut self, field: &str, value: impl fmt::Display) {
        writeln!(self.0, "{field} {value}").expect("a string takes every text");
    }

    fn optional(&mut self, field: &str, value: Option<impl fmt::Display>) {
        if let Some(value) = value {
            self.line(field, value);
        }
    }
}

fn dimension_text(dimension: &Dimension) -> String {
    let path = path_text(&dimension.path);
    let other = match dimension.other {
        OtherValues::Bucket => "bucket",
        OtherValues::Drop => "drop",
    };
    match &dimension.values {
        None => format!("{path} any"),
        Some(DeclaredValues::Any(values)) => format!("{path} {other}{}", set_text(values)),
        Some(DeclaredValues::Within(place, lists)) => {
            let mut lists: Vec<String> = lists
                .iter()
                .map(|(value, values)| format!(" {}:{};", quoted(value), set_text(values)))
                .collect();
            lists.sort_unstable();
            format!("{path} {other} within {place}{}", lists.concat())
        }
    }
}

/// The values in one fixed order: declared ones are a set.
fn set_text(values: &[String]) -> String {
    let mut values: Vec<String> =
        values.iter().map(|value| format!(" {}", quoted(value))).collect();
    values.sort_unstable();
    values.concat()
}

fn path_text(path: &GroupPath) -> String {
    let keys: Vec<String> = path.keys.iter().map(|key| quoted(key)).collect();
    keys.join(".")
}

/// Not `{:?}`: what that escapes differs from one Unicode version to the next.
fn quoted(text: &str) -> String {
    let escaped = text.replace('\\', "\\\\").replace('"', "\\\"").replace('\n', "\\n");
    format!("\"{escaped}\"")
}

/// What is wrong with versions where those before are known already, each by its meaning: they stay as they are, and others
/// come behind them. `None`: nothing.
pub fn version_fault(known: &[String], now: &[String]) -> Option<&'static str> {
    if now.starts_with(known) {
        return None;
    }
    let holds_all = |all: &[String], some: &[String]| some.iter().all(|one| all.contains(one));
    Some(if holds_all(now, known) {
        "has a new version in front of one that is known already: versions are added behind those that are known, so give \
         it an effective_from after theirs"
    } else if holds_all(known, now) {
        "lacks a version that is known already, and may be counted by: bring its entry back, and add a version with a later \
         effective_from that means what is to count instead"
    } else {
        "changed its meaning in place: keep the entry as it was and add a version of it with an effective_from"
    })
}

#[cfg(test)]
mod tests {
    use super::{quoted, version_fault};

    #[test]
    fn different_texts_stay_different_in_quotes() {
        let texts = ["", "\"", "\\", "\\\"", "\n", "\\n", "a\" \"b", "a", "b"];
        for (place, one) in texts.iter().enumerate() {
            for other in texts.iter().skip(place + 1) {
                assert_ne!(quoted(one), quoted(other));
                assert!(!quoted(one).contains('\n'));
            }
        }
    }

    #[test]
    fn versions_are_added_behind_those_that_are_known() {
        let list = |text: &str| text.split_whitespace().map(str::to_owned).collect::<Vec<_>>();
        let words = |known: &str, now: &str| version_fault(&list(known), &list(now)).unwrap_or("");
        assert_eq!((words("", "a"), words("a b", "a b"), words("a", "a b c")), ("", "", ""));
        for now in ["a c b", "c a b"] {
            assert!(words("a b", now).starts_with("has a new version in front"), "{now}");
        }
        for now in ["", "a", "b"] {
            assert!(words("a b", now).starts_with("lacks a version"), "{now}");
        }
        for now in ["a c", "c", "c d e"] {
            assert!(words("a b", now).starts_with("changed its meaning in place"), "{now}");
        }
    }
}
