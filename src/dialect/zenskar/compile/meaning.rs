//! What a definition means, of a query or of a builder, and how that is said natively.

use std::collections::BTreeMap;

use serde_json::{Map, Value, json};

use super::super::Compiled;
use crate::definition::{Expression, Grammar, GroupPath, ResultExpression};
use crate::dialect::Native;
use crate::dialect::comparison;
use crate::model::Number;

/// Most columns that totals are split by.
const GROUPS_MAX: usize = 16;

/// How events become a number.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(in crate::dialect::zenskar) enum Aggregation {
    /// How many events.
    Count,
    /// Their values added up.
    Sum,
    /// The smallest.
    Min,
    /// The largest.
    Max,
    /// The mean.
    Avg,
    /// How many different ones.
    UniqueCount,
    /// That of the newest event.
    Latest,
    /// That of the oldest event.
    First,
    /// By nearest rank.
    Percentile,
}

impl Aggregation {
    pub(in crate::dialect::zenskar) fn name(self) -> &'static str {
        match self {
            Aggregation::Count => "count",
            Aggregation::Sum => "sum",
            Aggregation::Min => "min",
            Aggregation::Max => "max",
            Aggregation::Avg => "avg",
            Aggregation::UniqueCount => "unique_count",
            Aggregation::Latest => "latest",
            Aggregation::First => "first",
            Aggregation::Percentile => "percentile",
        }
    }
}

/// Buckets of time that are aggregated first (rule 4.5).
#[derive(Clone, PartialEq, Eq, Debug)]
pub(in crate::dialect::zenskar) struct Buckets {
    pub(in crate::dialect::zenskar) aggregation: Aggregation,
    pub(in crate::dialect::zenskar) percentile: Option<Number>,
    pub(in crate::dialect::zenskar) every: &'static str,
}

/// What a definition means. Expressions are native text, not yet in normal form.
#[derive(Clone, PartialEq, Eq, Debug)]
pub(in crate::dialect::zenskar) struct Meaning {
    pub(in crate::dialect::zenskar) event_type: String,
    /// All of these hold for an event that counts.
    pub(in crate::dialect::zenskar) filters: Vec<String>,
    pub(in crate::dialect::zenskar) aggregation: Aggregation,
    pub(in crate::dialect::zenskar) value: Option<String>,
    pub(in crate::dialect::zenskar) percentile: Option<Number>,
    pub(in crate::dialect::zenskar) buckets: Option<Buckets>,
    /// Whether all of history counts, and not the period alone.
    pub(in crate::dialect::zenskar) is_recurring: bool,
    pub(in crate::dialect::zenskar) result: Option<String>,
    /// Keys of each property that totals are split by.
    pub(in crate::dialect::zenskar) group_by: Vec<Vec<String>>,
    /// For people.
    pub(in crate::dialect::zenskar) warnings: Vec<String>,
}

impl Meaning {
    /// As a native definition.
    ///
    /// # Errors
    /// Expressions that are too long or too deep as native ones.
    pub(in crate::dialect::zenskar) fn compile(self) -> Result<Compiled, String> {
        let mut warnings = self.warnings;
        let mut native: BTreeMap<&str, Value> = BTreeMap::new();
        native.insert("event_type", Value::from(self.event_type));
        native.insert("aggregation", Value::from(self.aggregation.name()));
        if !self.filters.is_empty() {
            let filters: Vec<String> = self.filters.iter().map(|one| format!("({one})")).collect();
            let filter = comparison::filter(&filters.join(" AND "));
            let filter = filter.map_err(|error| error.message)?;
            native.insert("filter", Value::from(filter.normal_form()));
            if filter.grammar() != Grammar::Native {
                native.insert("grammar", Value::from(filter.grammar().name()));
            }
        }
        if let Some(value) = &self.value {
            native.insert("value", Value::from(normal(value)?));
        }
        if let Some(percentile) = self.percentile {
            native.insert("percentile", share(percentile));
        }
        if let Some(buckets) = self.buckets {
            let mut inner: Native = Map::new();
            inner.insert("aggregation".to_owned(), json!(buckets.aggregation.name()));
            inner.insert("every".to_owned(), json!(buckets.every));
            inner.extend(buckets.percentile.map(|one| ("percentile".to_owned(), share(one))));
            native.insert("inner", Value::Object(inner));
        }
        if self.is_recurring {
            native.insert("recurring", Value::from(true));
        }
        if let Some(result) = &self.result {
            let result = ResultExpression::parse(result).map_err(|error| error.message)?;
            warnings.extend(of_nothing(&result));
            let text = result.normal_form();
            if text != "value" {
                native.insert("result", Value::from(text));
            }
        }
        if self.group_by.len() > GROUPS_MAX {
            let count = self.group_by.len();
            return Err(format!("split by {count} columns: at most {GROUPS_MAX} are possible"));
        }
        if !self.group_by.is_empty() {
            let paths = self.group_by.into_iter().map(|keys| GroupPath::from_keys(keys).text);
            native.insert("group_by", Value::from(paths.collect::<Vec<_>>()));
        }
        let native = native.into_iter().map(|(key, value)| (key.to_owned(), value)).collect();
        Ok(Compiled { native, warnings })
    }
}

/// The slug of a table, which is the type of its events.
pub(in crate::dialect::zenskar) fn event_type(table: &str) -> Option<String> {
    let slug = table.strip_prefix("raw_metric_").unwrap_or(table);
    (!slug.is_empty() && slug.len() <= 512).then(|| slug.to_owned())
}

fn normal(text: &str) -> Result<String, String> {
    Ok(Expression::parse(text).map_err(|error| error.message)?.normal_form())
}

/// A whole number as one, any other as text, which definitions also take.
fn share(percentile: Number) -> Value {
    let text = percentile.to_string();
    text.parse::<u64>().map_or_else(|_| Value::from(text.clone()), Value::from)
}

/// A query has a row where no event counts, of 0 or NULL as the database has it; here there is no total then (rule 4.3).
fn of_nothing(result: &ResultExpression) -> Option<String> {
    let numbers = [Some(Number::ZERO), None].map(|value| result.evaluate(value, 0));
    let number = numbers.into_iter().flatten().find(|number| *number != Number::ZERO)?;
    Some(format!("where no event counts there is no total here, and the query gives {number}"))
}
