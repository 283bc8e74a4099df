//! A metric as a billable metric: its filter as a tree of comparators.
//!
//! The name is the code where there is none, since Maple wants one.

use crate::definition::{AggregationKind, GroupPath, Metric, Outline, Part};
use crate::dialect::comparison::number_beyond;
use crate::dialect::express::Findings;
use crate::dialect::{Json, Unsayable};

/// Bodies that may mean the metric; `id` is its code.
///
/// # Errors
/// Every key that Maple has no words for.
pub fn bodies(metric: &Metric) -> Result<Vec<Json>, Vec<Unsayable>> {
    let mut findings = Findings::default();
    let reason = "Maple aggregates events, not buckets of time";
    findings.add_where(metric.inner.is_some(), "inner", reason);
    let reason = "Maple does no arithmetic with a finished aggregate";
    findings.add_where(metric.result.is_some(), "result", reason);
    findings.add_where(metric.rounding.is_some(), "rounding", "Maple does not round totals");
    findings.add_where(metric.is_prorated, "prorated", "Maple does not prorate");
    let reason = "Maple's unique counts know no operation";
    findings.add_where(metric.operation.is_some(), "operation", reason);
    let aggregator = aggregator(metric, &mut findings);
    let property = metric.value.as_ref().and_then(|value| {
        let said = value.property().map(|keys| Json::text(path(keys)));
        if said.is_none() {
            let text = value.normal_form();
            findings.add("value", format!("Maple aggregates a property, not `{text}`"));
        }
        said
    });
    for dimension in &metric.group_by {
        if dimension.values.is_some() {
            let text = &dimension.path.text;
            let reason =
                format!("Maple groups by all values of a property, and declares none ({text})");
            findings.add("group_by", reason);
        }
    }
    let mut rule = vec![("aggregator".to_owned(), Json::text(aggregator.unwrap_or_default()))];
    rule.extend(property.map(|property| ("property".to_owned(), property)));
    let group_keys = Json::texts(metric.group_by.iter().map(|dimension| &dimension.path.text));
    rule.push(("group_keys".to_owned(), group_keys));
    if let Some(filter) = &metric.filter {
        match comparator(&filter.outline()) {
            Some(tree) => {
                rule.push(("rule".to_owned(), Json::object([("comparator", tree)])));
            }
            None => findings.add(
                "filter",
                format!(
                    "Maple compares properties with values and with one another, which `{}` goes beyond",
                    filter.normal_form()
                ),
            ),
        }
    }
    let body = Json::object([
        ("id", Json::text(&metric.code)),
        ("name", Json::text(metric.name.as_ref().unwrap_or(&metric.code))),
        ("description", Json::optional(metric.description.as_deref())),
        ("item_id", Json::text(&metric.event_type)),
        ("metering_rule", Json::Object(rule)),
    ]);
    findings.or(vec![body])
}

fn aggregator(metric: &Metric, findings: &mut Findings) -> Option<&'static str> {
    let name = match (metric.aggregation, metric.is_recurring) {
        (AggregationKind::Count, false) => "COUNT",
        (AggregationKind::Sum, false) => "SUM",
        (AggregationKind::Sum, true) => "HISTORICAL_SUM",
        (AggregationKind::Max, false) => "MAX",
        (AggregationKind::Min, false) => "MIN",
        (AggregationKind::Avg, false) => "AVERAGE",
        (AggregationKind::UniqueCount, false) => "UNIQUE_COUNT",
        (AggregationKind::Latest, false) => "LAST_REPORTED_IN_PERIOD",
        (AggregationKind::Latest, true) => "LAST_REPORTED_IN_HISTORY",
        (AggregationKind::UniqueCount, true) => {
            findings.add("recurring", "of Maple's aggregators only sums and the latest value do");
            return None;
        }
        (kind, _) => {
            findings.add("aggregation", format!("Maple has no {}", kind.name()));
            return None;
        }
    };
    Some(name)
}

/// `None` where it is more than comparators say.
fn comparator(outline: &Outline) -> Option<Json> {
    match outline {
        Outline::All(parts) => joined("AND", parts),
        Outline::Any(parts) => joined("OR", parts),
        Outline::Not(inner) => match inner.as_ref() {
            Outline::Any(parts) => joined("NOT", parts),
            other => joined("NOT", std::slice::from_ref(other)),
        },
        // As text alone, where Maple's value would be a number too.
        Outline::Compared { sign: "=" | "<>", parts } if parts.iter().any(is_number_beyond) => None,
        Outline::Among { list, .. } if list.iter().any(is_number_beyond) => None,
        Outline::Compared { sign, parts: [left, right] } => {
            let name = match *sign {
                "=" => "EQUALS",
                "<>" => "NOT_EQUALS",
                "<" => "LESS_THAN",
                "<=" => "LESS_THAN_OR_EQUALS",
                ">" => "GREATER_THAN",
                _ => "GREATER_THAN_OR_EQUALS",
            };
            Some(compared(name, item(left)?, item(right)?))
        }
        Outline::Among { is_negated, one, list } => {
            let name = if *is_negated { "NOT_IN" } else { "IN" };
            let list = Json::object([("item_type", Json::text("VALUE")), ("value", values(list)?)]);
            Some(compared(name, item(one)?, list))
        }
        Outline::Like { is_negated, text, pattern: Part::Text(pattern) } => {
            let (name, wanted) = place(pattern, *is_negated)?;
            Some(compared(name, item(text)?, item(&Part::Text(wanted.to_owned()))?))
        }
        Outline::Found { function, parts: [text, wanted] } => {
            Some(compared(function, item(text)?, item(wanted)?))
        }
        Outline::Null { is_negated, one } => {
            let name = if *is_negated { "EXISTS" } else { "NOT_EXISTS" };
            Some(Json::object([("type", Json::text(name)), ("left_item", item(one)?)]))
        }
        Outline::Like { .. } | Outline::Other => None,
    }
}

fn is_number_beyond(part: &Part) -> bool {
    matches!(part, Part::Text(text) if number_beyond(text).is_some())
}

fn joined(name: &str, parts: &[Outline]) -> Option<Json> {
    let item = |part: &Outline| {
        let kind = ("item_type", Json::text("COMPARATOR"));
        Some(Json::object([kind, ("comparator", comparator(part)?)]))
    };
    let items: Option<Vec<Json>> = parts.iter().map(item).collect();
    Some(Json::object([("type", Json::text(name)), ("items", Json::List(items?))]))
}

fn compared(name: &str, left: Json, right: Json) -> Json {
    Json::object([("type", Json::text(name)), ("left_item", left), ("right_item", right)])
}

fn item(part: &Part) -> Option<Json> {
    if let Part::Property(keys) | Part::NumberOf(keys) = part {
        let kind = ("item_type", Json::text("PROPERTY"));
        return Some(Json::object([kind, ("property", Json::text(path(keys)))]));
    }
    Some(Json::object([("item_type", Json::text("VALUE")), ("value", value(part)?)]))
}

fn value(part: &Part) -> Option<Json> {
    match part {
        Part::Number(number) => Some(Json::Number(number.clone())),
        Part::Text(text) => Some(Json::text(text)),
        Part::Boolean(boolean) => Some(Json::Boolean(*boolean)),
        Part::Property(_) | Part::NumberOf(_) | Part::Other => None,
    }
}

/// A list of values; the text `true` stands for the boolean behind it as well.
fn values(list: &[Part]) -> Option<Json> {
    let mut values = Vec::new();
    for (place, part) in list.iter().enumerate() {
        let before = place.checked_sub(1).and_then(|before| list.get(before));
        let is_meant = matches!((before, part), (Some(Part::Text(text)), Part::Boolean(boolean))
            if *text == boolean.to_string());
        if !is_meant {
            values.push(value(part)?);
        }
    }
    Some(Json::List(values))
}

/// The comparator of a pattern that has `%` at its ends alone.
fn place(pattern: &str, is_negated: bool) -> Option<(&'static str, &str)> {
    let inner = pattern.strip_prefix('%');
    match (inner, inner.unwrap_or(pattern).strip_suffix('%'), is_negated) {
        (Some(_), Some(wanted), false) => Some(("CONTAINS", wanted)),
        (Some(_), Some(wanted), true) => Some(("NOT_CONTAINS", wanted)),
        (None, Some(wanted), false) => Some(("STARTS_WITH", wanted)),
        (Some(wanted), None, false) => Some(("ENDS_WITH", wanted)),
        _ => None,
    }
}

fn path(keys: &[String]) -> String {
    GroupPath::from_keys(keys.to_vec()).text
}
