//! A metric as an aggregate: a query in SQL.
//!
//! ```text
//! SELECT data."g" AS g1, SUM(data.v) AS quantity FROM raw_metric_calls
//! WHERE customer_id = '{{customer.external_id}}' AND ... AND (filter) GROUP BY data."g"
//! ```
//! There is no description in it, which Zenskar has no field for.

use crate::definition::{AggregationKind, Grammar, Inner, Metric, Percentile, PeriodUnit};
use crate::dialect::express::Findings;
use crate::dialect::spelling::property;
use crate::dialect::{Json, Unsayable};
use crate::model::Number;

const OF_CUSTOMER: &str = "customer_id = '{{customer.external_id}}'";
const FROM_START: &str = "timestamp >= '{{start_date}}'";
const TO_END: &str = "timestamp < '{{end_date}}'";

/// Bodies that may mean the metric; `id` is its code.
///
/// # Errors
/// Every key that Zenskar has no words for.
pub fn bodies(metric: &Metric) -> Result<Vec<Json>, Vec<Unsayable>> {
    let mut findings = Findings::default();
    let reason = "a query has its rounding in the result, such as ROUND(value, 2)";
    findings.add_where(metric.rounding.is_some(), "rounding", reason);
    findings.add_where(metric.is_prorated, "prorated", "a query does not prorate");
    let reason = "COUNT(DISTINCT x) knows no operation";
    findings.add_where(metric.operation.is_some(), "operation", reason);
    for dimension in &metric.group_by {
        if dimension.values.is_some() {
            let text = &dimension.path.text;
            let reason =
                format!("a query groups by all values of a column, and declares none ({text})");
            findings.add("group_by", reason);
        }
    }
    let total = aggregate(metric.aggregation, metric.percentile, "value");
    findings.add_where(
        total.is_none(),
        "aggregation",
        &format!("no aggregate of SQL is a {}", metric.aggregation.name()),
    );
    let inner = metric.inner.as_ref();
    let bucket = inner.map(|inner| bucket(inner.every));
    let reason = "buckets of that length begin otherwise in a query, or `fill` is not `skip`";
    findings.add_where(bucket.as_ref().is_some_and(Option::is_none), "inner", reason);
    let texts = [metric.filter.as_ref(), metric.value.as_ref()];
    for (key, expression) in ["filter", "value"].into_iter().zip(texts) {
        if expression.is_some_and(|expression| expression.grammar() == Grammar::Lago) {
            let reason = "an expression of Lago's grammar refuses other events than a query does";
            findings.add(key, reason);
            continue;
        }
        let text = expression.map(|expression| sql(&expression.normal_form()));
        if text.as_ref().is_some_and(Option::is_none) {
            findings.add(key, "a query knows no id and no type of an event");
        }
    }
    let queries = wheres(metric).into_iter().filter_map(|filter| query(metric, filter.as_deref()));
    let bodies = queries.map(|query| {
        Json::object([
            ("id", Json::text(&metric.code)),
            ("name", Json::text(metric.name.as_ref().unwrap_or(&metric.code))),
            ("dataschema", Json::text("")),
            ("aggregation_query", Json::text(query)),
            ("cust_agg_query", Json::text("")),
            ("visual_query_builder", Json::Object(Vec::new())),
            ("datasource", Json::text("")),
        ])
    });
    findings.or(bodies.collect())
}

/// What WHERE may say beside the templates. COUNT(DISTINCT x) says by itself that x is not NULL, and the text `true` is the
/// boolean too.
fn wheres(metric: &Metric) -> Vec<Option<String>> {
    let Some(filter) = &metric.filter else { return vec![None] };
    let filter = filter.normal_form();
    let mut found = vec![Some(filter.clone())];
    if let Some(value) = &metric.value {
        let known = format!("{} IS NOT NULL", value.normal_form());
        if filter == known {
            found.push(None);
        }
        let rest = filter.strip_suffix(&known).and_then(|rest| rest.strip_suffix(" AND "));
        found.extend(rest.map(|rest| Some(rest.to_owned())));
    }
    let plain =
        |text: &String| text.replace("'true', TRUE", "'true'").replace("'false', FALSE", "'false'");
    let others: Vec<_> = found.iter().flatten().map(|text| Some(plain(text))).collect();
    found.extend(others);
    found
}

fn query(metric: &Metric, filter: Option<&str>) -> Option<String> {
    let value = metric.value.as_ref().map(|value| sql(&value.normal_form()));
    let value = value.unwrap_or_else(|| Some("1".to_owned()))?;
    let mut conditions = vec![OF_CUSTOMER.to_owned()];
    if !metric.is_recurring {
        conditions.push(FROM_START.to_owned());
    }
    conditions.push(TO_END.to_owned());
    if let Some(filter) = filter {
        conditions.push(format!("({})", sql(filter)?));
    }
    let columns: Vec<String> =
        metric.group_by.iter().map(|dimension| column(&dimension.path.keys)).collect();
    let table = format!("\"raw_metric_{}\"", metric.event_type.replace('"', "\"\""));
    let source = format!("FROM {table} WHERE {}", conditions.join(" AND "));
    let selected_as = |(place, column): (usize, &String)| format!("{column} AS g{place}");
    let selected = columns.iter().enumerate().map(selected_as);
    match &metric.inner {
        None => {
            let total = around(metric, &aggregate(metric.aggregation, metric.percentile, &value)?);
            let items: Vec<String> = selected.chain([format!("{total} AS quantity")]).collect();
            let grouped = group_by(&columns);
            Some(format!("SELECT {} {source}{grouped}", items.join(", ")))
        }
        Some(Inner { aggregation, percentile, every, fill: _ }) => {
            let bucket = bucket(*every)?;
            let part = aggregate(*aggregation, *percentile, &value)?;
            let items = [format!("{bucket} AS bucket"), format!("{part} AS part")];
            let items: Vec<String> = selected.chain(items).collect();
            let inner_groups: Vec<String> =
                columns.iter().cloned().chain([bucket.clone()]).collect();
            let inner = format!("SELECT {} {source}{}", items.join(", "), group_by(&inner_groups));
            let total = around(metric, &aggregate(metric.aggregation, metric.percentile, "part")?);
            let names: Vec<String> = (0..columns.len()).map(|place| format!("g{place}")).collect();
            let items: Vec<String> =
                names.iter().cloned().chain([format!("{total} AS quantity")]).collect();
            Some(format!(
                "SELECT {} FROM ({inner}) AS buckets{}",
                items.join(", "),
                group_by(&names)
            ))
        }
    }
}

fn group_by(columns: &[String]) -> String {
    if columns.is_empty() { String::new() } else { format!(" GROUP BY {}", columns.join(", ")) }
}

/// The aggregate with the arithmetic around it.
fn around(metric: &Metric, total: &str) -> String {
    let Some(result) = &metric.result else { return total.to_owned() };
    renamed(&result.normal_form(), |name| match name {
        "value" => Some(format!("({total})")),
        "events" => Some("COUNT(*)".to_owned()),
        other => Some(other.to_owned()),
    })
    .unwrap_or_default()
}

fn aggregate(kind: AggregationKind, percentile: Option<Percentile>, value: &str) -> Option<String> {
    Some(match kind {
        AggregationKind::Count => "COUNT(*)".to_owned(),
        AggregationKind::Sum => format!("SUM({value})"),
        AggregationKind::Min => format!("MIN({value})"),
        AggregationKind::Max => format!("MAX({value})"),
        AggregationKind::Avg => format!("AVG({value})"),
        AggregationKind::Latest => format!("argMax({value}, timestamp)"),
        AggregationKind::First => format!("argMin({value}, timestamp)"),
        AggregationKind::UniqueCount => format!("COUNT(DISTINCT {value})"),
        AggregationKind::Percentile => {
            let hundredth = Number::parse_json("0.01").ok()?;
            let share = Number::parse_json(&percentile?.to_string()).ok()?;
            let share = share.multiply(hundredth).ok()?;
            format!("percentile_disc({share}) WITHIN GROUP (ORDER BY {value})")
        }
        AggregationKind::WeightedSum => return None,
    })
}

/// What timestamp is cut to.
fn bucket(every: PeriodUnit) -> Option<String> {
    let text = every.to_string();
    let whole = |unit: &str| Some(format!("date_trunc('{unit}', timestamp)"));
    let split = text.find(|c: char| !c.is_ascii_digit())?;
    match text.split_at(split) {
        ("", unit) => whole(unit),
        ("1", "s") => whole("second"),
        (count, unit) => {
            let unit = match unit {
                "s" => "SECOND",
                "m" => "MINUTE",
                "h" => "HOUR",
                _ => return None,
            };
            Some(format!("toStartOfInterval(timestamp, INTERVAL {count} {unit})"))
        }
    }
}

fn column(keys: &[String]) -> String {
    property(keys).replacen("properties", "data", 1)
}

/// A native expression in normal form with the columns of a query; `None` where it looks at what these do not have.
fn sql(text: &str) -> Option<String> {
    renamed(text, |name| match name {
        "properties" => Some("data".to_owned()),
        "time" => Some("timestamp".to_owned()),
        "customer" => Some("customer_id".to_owned()),
        "id" | "type" => None,
        keyword => Some(keyword.to_owned()),
    })
}

/// A text with other words in it: not in quotes, not behind a dot.
fn renamed(text: &str, rename: impl Fn(&str) -> Option<String>) -> Option<String> {
    let mut written = String::new();
    let mut rest = text;
    while let Some(first) = rest.chars().next() {
        let length = match first {
            '\'' | '"' => {
                let inner = rest.get(1..)?;
                inner.find(first)?.checked_add(2)?
            }
            c if c.is_alphanumeric() || c == '_' => {
                rest.find(|c: char| !(c.is_alphanumeric() || c == '_')).unwrap_or(rest.len())
            }
            c => c.len_utf8(),
        };
        let (token, behind) = rest.split_at(length);
        let is_name = first.is_alphabetic() || first == '_';
        if is_name && !written.ends_with('.') {
            written.push_str(&rename(token)?);
        } else {
            written.push_str(token);
        }
        rest = behind;
    }
    Some(written)
}
