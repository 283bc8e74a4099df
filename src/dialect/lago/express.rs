//! A metric as a billable metric.
//!
//! The name is the code where there is none, since Lago wants one. `field_name` of an expression is only its name.

use super::billable_metric::Aggregation;
use crate::definition::{
    AggregationKind, DeclaredValues, Dimension, Expression, Grammar, Metric, OtherValues,
};
use crate::dialect::express::Findings;
use crate::dialect::{Json, Unsayable};

/// What Lago calls the property that says whether a distinct value is added or removed.
const OPERATION: &str = "operation_type";

/// Bodies that may mean the metric.
///
/// # Errors
/// Every key that Lago has no words for.
pub fn bodies(metric: &Metric) -> Result<Vec<Json>, Vec<Unsayable>> {
    let mut findings = Findings::default();
    let reason = "Lago's metrics fold all events of their code: no other condition can be said";
    findings.add_where(metric.filter.is_some(), "filter", reason);
    let reason = "the type of Lago's events is the metric's code";
    findings.add_where(metric.event_type != metric.code, "event_type", reason);
    let reason = "Lago aggregates events, not buckets of time";
    findings.add_where(metric.inner.is_some(), "inner", reason);
    let reason = "Lago only rounds a finished aggregate";
    findings.add_where(metric.result.is_some(), "result", reason);
    let aggregation = aggregation(metric, &mut findings);
    let [field_name, expression] = value(metric, &mut findings);
    let divided = divided(&metric.group_by, &mut findings);
    let recurs = metric.is_recurring && aggregation != Some(Aggregation::RecurringCount);
    let mut members = vec![
        ("name".to_owned(), Json::text(metric.name.as_ref().unwrap_or(&metric.code))),
        ("code".to_owned(), Json::text(&metric.code)),
        ("description".to_owned(), Json::optional(metric.description.as_deref())),
        ("aggregation_type".to_owned(), Json::optional(aggregation.map(Aggregation::name))),
        ("recurring".to_owned(), Json::Boolean(recurs)),
        ("field_name".to_owned(), Json::optional(field_name.as_deref())),
    ];
    members.extend(expression.map(|text| ("expression".to_owned(), Json::text(text))));
    if let Some(rounding) = metric.rounding {
        let digits = Json::Number(rounding.precision.to_string());
        members.push(("rounding_function".to_owned(), Json::text(rounding.function.name())));
        members.push(("rounding_precision".to_owned(), digits));
    }
    members.extend(divided.map(|(key, value)| (key.to_owned(), value)));
    findings.or(vec![Json::Object(members)])
}

fn aggregation(metric: &Metric, findings: &mut Findings) -> Option<Aggregation> {
    let is_prorated = metric.is_prorated;
    let found = match metric.aggregation {
        AggregationKind::Count => Some(Aggregation::Count),
        AggregationKind::Sum => Some(Aggregation::Sum),
        AggregationKind::Max => Some(Aggregation::Max),
        AggregationKind::Latest => Some(Aggregation::Latest),
        AggregationKind::UniqueCount if is_prorated && metric.is_recurring => {
            Some(Aggregation::RecurringCount)
        }
        AggregationKind::UniqueCount => Some(Aggregation::UniqueCount),
        AggregationKind::WeightedSum => Some(Aggregation::WeightedSum),
        AggregationKind::Min
        | AggregationKind::Avg
        | AggregationKind::First
        | AggregationKind::Percentile => None,
    };
    let Some(found) = found else {
        let name = metric.aggregation.name();
        findings.add("aggregation", format!("Lago has no {name}"));
        return None;
    };
    let reason = "Lago prorates only unique counts that recur (recurring_count_agg)";
    findings.add_where(is_prorated && found != Aggregation::RecurringCount, "prorated", reason);
    let reason = "of Lago's aggregations only sums, unique counts and weighted sums recur";
    findings.add_where(
        metric.is_recurring && metric.aggregation == AggregationKind::Latest,
        "recurring",
        reason,
    );
    let operation = metric.operation.as_ref().map(|path| path.keys.as_slice());
    let is_counted = metric.aggregation == AggregationKind::UniqueCount;
    if is_counted && operation != Some(&[OPERATION.to_owned()]) {
        let reason = format!("Lago's unique counts look at {OPERATION}, and at nothing else");
        findings.add("operation", reason);
    }
    Some(found)
}

/// The property, and the expression where it is more than one.
fn value(metric: &Metric, findings: &mut Findings) -> [Option<String>; 2] {
    let Some(value) = &metric.value else { return [None, None] };
    match (value.grammar(), value.property()) {
        (Grammar::Lago, _) => [Some("value".to_owned()), Some(value.normal_form())],
        (_, Some([key])) => [Some(key.clone()), None],
        (..) => {
            findings.add("value", of_value(value));
            [None, None]
        }
    }
}

fn of_value(value: &Expression) -> String {
    let text = value.normal_form();
    format!(
        "Lago aggregates a property of one key, or an expression of its own grammar (grammar = \"lago\"), which refuses \
         other events than `{text}` does"
    )
}

fn divided(dimensions: &[Dimension], findings: &mut Findings) -> Option<(&'static str, Json)> {
    let mut listed = Vec::new();
    for dimension in dimensions {
        if let ([key], Some(values)) = (dimension.path.keys.as_slice(), &dimension.values) {
            listed.push((key.as_str(), values, dimension.other));
        } else {
            let text = &dimension.path.text;
            let reason = format!(
                "Lago divides by properties of one key whose values are declared, which those of {text} are not"
            );
            findings.add("group_by", reason);
        }
    }
    if listed.len() < dimensions.len() {
        return None;
    }
    match listed.as_slice() {
        [] => None,
        [(key, DeclaredValues::Any(values), OtherValues::Drop)] => {
            let group = [("key", Json::text(*key)), ("values", Json::texts(values))];
            Some(("group", Json::object(group)))
        }
        [(key, DeclaredValues::Any(_), OtherValues::Drop), inner @ ..] => {
            let branches: Option<Vec<Vec<Json>>> = inner.iter().map(branches).collect();
            let values = branches.map(|branches| Json::List(branches.concat()));
            let Some(values) = values else {
                findings.add("group_by", MIXED);
                return None;
            };
            Some(("group", Json::object([("key", Json::text(*key)), ("values", values)])))
        }
        listed => {
            let filters: Option<Vec<Json>> = listed.iter().map(filter).collect();
            if filters.is_none() {
                findings.add("group_by", MIXED);
            }
            Some(("filters", Json::List(filters?)))
        }
    }
}

const MIXED: &str = "Lago divides by filters, all of which keep other values as one group, or by a group of one or two \
     levels, which drops other values";

type Listed<'m> = (&'m str, &'m DeclaredValues, OtherValues);

fn filter((key, values, other): &Listed<'_>) -> Option<Json> {
    match (values, other) {
        (DeclaredValues::Any(values), OtherValues::Bucket) => {
            Some(Json::object([("key", Json::text(*key)), ("values", Json::texts(values))]))
        }
        _ => None,
    }
}

fn branches((key, values, other): &Listed<'_>) -> Option<Vec<Json>> {
    let (DeclaredValues::Within(0, lists), OtherValues::Drop) = (values, other) else {
        return None;
    };
    let branch = |(name, values): (&String, &Vec<String>)| {
        Json::object([
            ("name", Json::text(name)),
            ("key", Json::text(*key)),
            ("values", Json::texts(values)),
        ])
    };
    Some(lists.iter().map(|list| branch((&list.0, &list.1))).collect())
}
