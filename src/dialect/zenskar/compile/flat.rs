//! A query over events: one aggregate of those that WHERE leaves, for each customer, period and group.

use super::column::Events;
use super::condition;
use super::grouping::{self, Group};
use super::meaning::{Aggregation, Meaning, event_type};
use super::measure::{self, Measure, has_aggregate};
use super::result::{self, Outcome};
use crate::dialect::zenskar::sql::Refusal;
use crate::dialect::zenskar::sql::tree::{Node, Select};

/// Compiles a SELECT over a table.
pub(super) fn compile(select: &Select, table: &str) -> Result<Meaning, Refusal> {
    let mut events = Events::new(select, table)?;
    let event_type = slug(select, table)?;
    let groups = grouping::groups(select, &mut events)?;
    for item in &select.items {
        // What was meant as an aggregate is told by its name.
        if matches!(item.expression.node, Node::Call(_)) && !has_aggregate(&item.expression) {
            grouping::group(&item.expression, &mut events)?;
        }
    }
    let mut warnings = Vec::new();
    let total = grouping::total(select, &mut warnings)?;
    grouping::check_items(select, &groups, &mut events)?;
    let mut conditions = condition::read(select.filter.as_ref(), &mut events)?;
    let item = &total.expression;
    let outcome = result::read(item, &mut |call, place| measure::read(call, place, &mut events))?;
    let Outcome { mut measure, result } = outcome;
    let is_recurring = conditions.is_of_all_history();
    if is_recurring {
        measure = of_all_history(measure, &result, select)?;
        events.warn(
            "without {{start_date}} all of history counts: the metric is recurring, and a total \
             carries into every later period",
        );
    }
    let filters = std::mem::take(&mut conditions.filters);
    warnings.extend(events.warnings);
    Ok(Meaning {
        event_type,
        filters: filters.into_iter().chain(measure.filters()).collect(),
        aggregation: measure.aggregation,
        value: measure.value,
        percentile: measure.percentile,
        buckets: None,
        is_recurring,
        result: Some(result),
        group_by: properties(&groups, select)?,
        warnings,
    })
}

/// The slug of the table that is read.
pub(super) fn slug(select: &Select, table: &str) -> Result<String, Refusal> {
    event_type(table).ok_or_else(|| {
        Refusal::new(
            select.source_place,
            "the table has no slug: raw_metric_ and a slug, at most \
                                           512 bytes of it",
        )
    })
}

/// The properties among the groups; there are no buckets among these.
fn properties(groups: &[Group], select: &Select) -> Result<Vec<Vec<String>>, Refusal> {
    let mut properties = Vec::new();
    for group in groups {
        match group {
            Group::Customer => {}
            Group::Property(keys) => properties.push(keys.clone()),
            Group::Bucket(_) => {
                let place = select.groups.first().map_or(select.place, |group| group.place);
                return Err(Refusal::new(
                    place,
                    "a total is one number for a period: where buckets of time are grouped by, an \
                     aggregate over them stands outside, and this in a sub-query",
                ));
            }
        }
    }
    Ok(properties)
}

/// The aggregate as one that carries from period to period (rule 4.2).
fn of_all_history(measure: Measure, result: &str, select: &Select) -> Result<Measure, Refusal> {
    let place = select.filter.as_ref().map_or(select.place, |filter| filter.place);
    if result.contains("events") {
        let message = "without {{start_date}} all of history counts, and the number of its events \
                       is not kept: compare timestamp with {{start_date}} too";
        return Err(Refusal::new(place, message));
    }
    match measure.aggregation {
        Aggregation::Sum | Aggregation::Latest | Aggregation::UniqueCount => Ok(measure),
        Aggregation::Count => {
            let known = measure.known.clone();
            let value = Some("1".to_owned());
            Ok(Measure { aggregation: Aggregation::Sum, value, known, ..measure })
        }
        Aggregation::Min
        | Aggregation::Max
        | Aggregation::Avg
        | Aggregation::First
        | Aggregation::Percentile => Err(Refusal::new(
            place,
            "without {{start_date}} all of history counts, which only COUNT, SUM, COUNT(DISTINCT) \
             and argMax can carry along: compare timestamp with {{start_date}} too",
        )),
    }
}
