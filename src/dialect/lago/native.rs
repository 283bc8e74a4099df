//! A billable metric as a native definition.
//!
//! | Lago | native |
//! |---|---|
//! | `field_name` | `value`, and `expression` instead where there is one |
//! | `unique_count_agg` | with `operation = "operation_type"` |
//! | `recurring_count_agg` | `unique_count`, recurring and prorated |
//! | `group` | declared values; others are passed over |
//! | `filters` | declared values; others are one group |

use serde_json::{Map, Value, json};

use super::billable_metric::{Aggregation, BillableMetric};
use super::divisions::{Branch, Group};
use crate::definition::{AggregationKind, Grammar};
use crate::dialect::spelling::{group_property, property};
use crate::dialect::{Defaults, Native};

/// The property that says whether a distinct value is added or removed.
const OPERATION: &str = "operation_type";

impl BillableMetric {
    /// The definition that means the same: of this tenant, with what Lago does not say as the defaults have it.
    #[must_use]
    pub fn to_native(&self, tenant: &str, defaults: &Defaults) -> Native {
        let mut native = Native::new();
        let mut set = |key: &str, value: Value| drop(native.insert(key.to_owned(), value));
        set("tenant", tenant.into());
        set("code", self.code.as_str().into());
        set("name", self.name.as_str().into());
        if let Some(description) = &self.description {
            set("description", description.as_str().into());
        }
        set("aggregation", self.kind().name().into());
        match (&self.field_name, &self.expression) {
            (None, _) => {}
            (Some(_), Some(expression)) => {
                set("value", expression.as_str().into());
                set("grammar", Grammar::Lago.name().into());
            }
            (Some(name), None) => {
                set("value", property(std::slice::from_ref(name)).into());
            }
        }
        if self.kind() == AggregationKind::UniqueCount {
            set("operation", OPERATION.into());
        }
        if self.is_recurring || self.aggregation == Aggregation::RecurringCount {
            set("recurring", true.into());
        }
        if self.aggregation == Aggregation::RecurringCount {
            set("prorated", true.into());
        }
        if let Some(function) = self.rounding.function {
            let precision = self.rounding.precision.unwrap_or(0);
            set("rounding", json!({"function": function.name(), "precision": precision}));
        }
        let dimensions = self.dimensions();
        if !dimensions.is_empty() {
            set("group_by", dimensions.into());
        }
        defaults.fill(&mut native);
        native
    }

    fn kind(&self) -> AggregationKind {
        match self.aggregation {
            Aggregation::Count => AggregationKind::Count,
            Aggregation::Sum => AggregationKind::Sum,
            Aggregation::Max => AggregationKind::Max,
            Aggregation::Latest => AggregationKind::Latest,
            Aggregation::UniqueCount | Aggregation::RecurringCount => AggregationKind::UniqueCount,
            Aggregation::WeightedSum => AggregationKind::WeightedSum,
        }
    }

    fn dimensions(&self) -> Vec<Value> {
        match &self.group {
            None => {
                let of_filters = self.filters.iter();
                of_filters.map(|filter| declared(&filter.key, &filter.values, "bucket")).collect()
            }
            Some(Group::One { key, values }) => vec![declared(key, values, "drop")],
            Some(group @ Group::Two { key, branches }) => {
                let mut names: Vec<String> = Vec::new();
                for branch in branches {
                    if !names.contains(&branch.name) {
                        names.push(branch.name.clone());
                    }
                }
                let inner = group.inner_keys().into_iter();
                let inner = inner.map(|inner| linked(inner, key, branches));
                std::iter::once(declared(key, &names, "drop")).chain(inner).collect()
            }
        }
    }
}

fn declared(key: &str, values: &[String], other: &str) -> Value {
    json!({"property": group_property(key), "values": values, "other": other})
}

/// The dimension of an inner key: it applies to the outer values whose branches have that key.
fn linked(inner: &str, outer: &str, branches: &[Branch]) -> Value {
    let mut lists = Map::new();
    for branch in branches.iter().filter(|branch| branch.key == inner) {
        lists.insert(branch.name.clone(), branch.values.clone().into());
    }
    json!({
        "property": group_property(inner), "within": group_property(outer), "values": lists, "other": "drop",
    })
}
