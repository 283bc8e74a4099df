//! A query over buckets of time: a SELECT that aggregates over another one's aggregates (rule 4.5).

use sqlparser::tokenizer::Location;

use super::column::Events;
use super::condition::{self, terms};
use super::flat::slug;
use super::grouping::{self, Group};
use super::meaning::{Aggregation, Buckets, Meaning};
use super::measure::{self, Measure, is_aggregate};
use super::result::{self, Outcome};
use crate::dialect::zenskar::sql::Refusal;
use crate::dialect::zenskar::sql::tree::{
    Call, Comparison, Expression, Item, Node, Select, Source, Template,
};

/// What a column of the sub-query is.
#[derive(Clone, PartialEq, Eq, Debug)]
enum Inner {
    /// What its events are split by.
    Group(Group),
    /// What it aggregates.
    Value,
}

/// The columns of the sub-query, by the names that the outside may use.
struct Columns<'q> {
    /// Names of the sub-query, which may stand before a column.
    tables: Vec<&'q str>,
    named: Vec<(&'q str, Inner)>,
}

/// Compiles a SELECT over a SELECT.
pub(super) fn compile(outer: &Select, inner: &Select) -> Result<Meaning, Refusal> {
    let Source::Table(table) = &inner.source else {
        return Err(Refusal::new(inner.place, "a second sub-query: there is at most one"));
    };
    let mut events = Events::new(inner, table)?;
    let groups = grouping::groups(inner, &mut events)?;
    let every = bucket(inner, &groups)?;
    let total = one_aggregate(inner)?;
    grouping::check_items(inner, &groups, &mut events)?;
    let conditions = condition::read(inner.filter.as_ref(), &mut events)?;
    if conditions.is_of_all_history() {
        let place = inner.filter.as_ref().map_or(inner.place, |filter| filter.place);
        let message =
            "buckets of all history are not kept: compare timestamp with {{start_date}} too";
        return Err(Refusal::new(place, message));
    }
    let (call, place) = alone(total)?;
    let measure = measure::read(call, place, &mut events)?;
    let columns = columns(outer, inner, &mut events)?;
    check_filter(outer, &columns)?;
    let mut warnings = Vec::new();
    let outer_total = grouping::total(outer, &mut warnings)?;
    check_groups(outer, &columns, &groups)?;
    let Outcome { measure: over, result } =
        result::read(&outer_total.expression, &mut |call, place| {
            over_buckets(call, place, &columns, &mut events)
        })?;
    let measure = with_empty(measure, over.aggregation, place, &mut events)?;
    warnings.extend(events.warnings);
    Ok(Meaning {
        event_type: slug(inner, table)?,
        filters: conditions.filters.into_iter().chain(measure.filters()).collect(),
        aggregation: over.aggregation,
        value: measure.value,
        percentile: over.percentile,
        buckets: Some(Buckets {
            aggregation: measure.aggregation,
            percentile: measure.percentile,
            every,
        }),
        is_recurring: false,
        result: Some(result),
        group_by: groups.into_iter().filter_map(Group::into_property).collect(),
        warnings,
    })
}

/// The length of the buckets, which are exactly one of the groups.
fn bucket(inner: &Select, groups: &[Group]) -> Result<&'static str, Refusal> {
    let mut buckets = groups.iter().filter_map(|group| match group {
        Group::Bucket(every) => Some(*every),
        Group::Customer | Group::Property(_) => None,
    });
    let place = inner.groups.first().map_or(inner.place, |group| group.place);
    match (buckets.next(), buckets.next()) {
        (Some(every), None) => Ok(every),
        (None, _) => Err(Refusal::new(
            place,
            "a sub-query is for buckets of time: it groups by date_trunc('day', timestamp) or \
             toStartOfDay(timestamp), or is written as one SELECT",
        )),
        (Some(_), Some(_)) => Err(Refusal::new(place, "buckets of two lengths: group by one")),
    }
}

/// The aggregate of the sub-query; it has no other, whatever they are called.
fn one_aggregate(inner: &Select) -> Result<&Item, Refusal> {
    let mut totals = inner.items.iter().filter(|item| measure::has_aggregate(&item.expression));
    match (totals.next(), totals.next()) {
        (Some(only), None) => Ok(only),
        (Some(_), Some(second)) => Err(Refusal::new(
            second.expression.place,
            "a second aggregate in the sub-query: buckets have one result",
        )),
        (None, _) => Err(Refusal::new(
            inner.place,
            "no aggregate is selected in the sub-query: buckets have one, such as \
             MAX(data.units) AS units",
        )),
    }
}

fn alone(total: &Item) -> Result<(&Call, Location), Refusal> {
    match &total.expression.node {
        Node::Call(call) if is_aggregate(&total.expression) => Ok((call, total.expression.place)),
        _ => Err(Refusal::new(
            total.expression.place,
            "what a bucket gives is an aggregate alone: put the arithmetic into it, or around the \
             outer one",
        )),
    }
}

/// The columns of the sub-query that have a name.
fn columns<'q>(
    outer: &'q Select,
    inner: &'q Select,
    events: &mut Events,
) -> Result<Columns<'q>, Refusal> {
    let mut named: Vec<(&str, Inner)> = Vec::new();
    for item in &inner.items {
        let name = match (&item.alias, &item.expression.node) {
            (Some(alias), _) => alias.as_str(),
            (None, Node::Name(parts)) => match parts.last() {
                Some(part) => part.text.as_str(),
                None => continue,
            },
            _ => continue,
        };
        let column = if measure::has_aggregate(&item.expression) {
            Inner::Value
        } else {
            Inner::Group(grouping::group(&item.expression, events)?)
        };
        if named.iter().any(|(other, _)| *other == name) {
            let message = format!("a second column `{name}`: name it otherwise");
            return Err(Refusal::new(item.expression.place, message));
        }
        named.push((name, column));
    }
    Ok(Columns { tables: outer.source_alias.as_deref().into_iter().collect(), named })
}

impl Columns<'_> {
    /// What a name of the outside stands for.
    fn column(&self, expression: &Expression) -> Result<Option<&Inner>, Refusal> {
        let Node::Name(parts) = &expression.node else { return Ok(None) };
        let parts = match parts.as_slice() {
            [first, rest @ ..]
                if !rest.is_empty() && self.tables.contains(&first.text.as_str()) =>
            {
                rest
            }
            parts => parts,
        };
        let name: Vec<&str> = parts.iter().map(|part| part.text.as_str()).collect();
        let name = name.join(".");
        let exact = self.named.iter().find(|(known, _)| *known == name);
        let folded = || self.named.iter().find(|(known, _)| known.eq_ignore_ascii_case(&name));
        if let Some((_, column)) = exact.or_else(folded) {
            return Ok(Some(column));
        }
        let known = self.names().join(", ");
        let message = format!("unknown column `{name}`: those of the sub-query are {known}");
        Err(Refusal::new(expression.place, message))
    }

    fn names(&self) -> Vec<&str> {
        self.named.iter().map(|(name, _)| *name).collect()
    }
}

/// Outside, WHERE can only say once more whose events they are.
fn check_filter(outer: &Select, columns: &Columns<'_>) -> Result<(), Refusal> {
    for term in outer.filter.as_ref().map(terms).unwrap_or_default() {
        let is_customers = match &term.node {
            Node::Comparison(Comparison::Equal, parts) => {
                let [left, right] = parts.as_ref();
                let (column, other) = match left.node {
                    Node::Template(_) => (right, left),
                    _ => (left, right),
                };
                matches!(other.node, Node::Template(Template::Customer))
                    && columns.column(column)? == Some(&Inner::Group(Group::Customer))
            }
            _ => false,
        };
        if !is_customers {
            return Err(Refusal::new(
                term.place,
                "results of buckets are not left out by WHERE: put conditions on events, and those \
                 on timestamp, into the sub-query",
            ));
        }
    }
    Ok(())
}

/// Outside, the groups are those of the sub-query but for its buckets.
fn check_groups(outer: &Select, columns: &Columns<'_>, groups: &[Group]) -> Result<(), Refusal> {
    let mut found: Vec<&Group> = Vec::new();
    for written in &outer.groups {
        let expression = grouping::named(outer, written, &columns.names())?;
        found.push(group(expression, columns)?);
    }
    for item in outer.items.iter().filter(|item| !measure::has_aggregate(&item.expression)) {
        if !found.contains(&group(&item.expression, columns)?) {
            return Err(Refusal::new(
                item.expression.place,
                "selected without being aggregated, and GROUP BY does not name it",
            ));
        }
    }
    let is_split = |group: &&Group| matches!(group, Group::Property(_));
    if let Some(missing) = groups.iter().filter(is_split).find(|group| !found.contains(group)) {
        let name = match missing {
            Group::Property(keys) => format!("data.{}", keys.join(".")),
            Group::Customer | Group::Bucket(_) => String::new(),
        };
        let place = outer.groups.first().map_or(outer.place, |group| group.place);
        let message = format!(
            "the sub-query is split by {name}, and this is not: buckets are aggregated for each \
             group, so both group by the same"
        );
        return Err(Refusal::new(place, message));
    }
    Ok(())
}

fn group<'c>(expression: &Expression, columns: &'c Columns<'_>) -> Result<&'c Group, Refusal> {
    match columns.column(expression)? {
        Some(Inner::Group(group @ (Group::Customer | Group::Property(_)))) => Ok(group),
        Some(Inner::Group(Group::Bucket(_))) => Err(Refusal::new(
            expression.place,
            "a total is one number for a period: leave the bucket out",
        )),
        Some(Inner::Value) | None => Err(Refusal::new(
            expression.place,
            "outside, totals are split by the columns that the sub-query is split by",
        )),
    }
}

/// Reads an aggregate over the results of buckets.
fn over_buckets(
    call: &Call,
    place: Location,
    columns: &Columns<'_>,
    events: &mut Events,
) -> Result<Measure, Refusal> {
    let parts = measure::parts(call, place, &mut |_| Ok(false))?;
    parts.warn(call, events);
    let is_value = match parts.operand {
        Some(operand) => columns.column(operand)? == Some(&Inner::Value),
        None => false,
    };
    match parts.aggregation {
        Aggregation::Sum
        | Aggregation::Min
        | Aggregation::Max
        | Aggregation::Avg
        | Aggregation::Percentile => {}
        Aggregation::Count
        | Aggregation::UniqueCount
        | Aggregation::Latest
        | Aggregation::First => {
            return Err(Refusal::new(
                place,
                "over the results of buckets stands SUM, MIN, MAX, AVG or a percentile",
            ));
        }
    }
    if !is_value || !parts.conditions.is_empty() {
        return Err(Refusal::new(
            place,
            "outside, the aggregate is of the sub-query's result alone, without a condition",
        ));
    }
    Ok(Measure {
        aggregation: parts.aggregation,
        value: None,
        conditions: Vec::new(),
        known: None,
        percentile: parts.percentile,
        is_zero_of_none: false,
    })
}

/// The inner aggregate, so that a bucket in which events came and none counted is as the query has it.
///
/// A filter leaves such a bucket out (rule 4.5), where the query gives 0 for it. In a sum that is the same, and in a maximum
/// of what is never less.
fn with_empty(
    measure: Measure,
    outer: Aggregation,
    place: Location,
    events: &mut Events,
) -> Result<Measure, Refusal> {
    let is_counted = matches!(measure.aggregation, Aggregation::Count | Aggregation::UniqueCount);
    let is_same = outer == Aggregation::Sum || (outer == Aggregation::Max && is_counted);
    if is_same || !measure.is_zero_of_none || measure.filters().is_empty() {
        return Ok(measure);
    }
    if let Some(over_all) = measure.over_all() {
        return Ok(over_all);
    }
    if measure.aggregation == Aggregation::UniqueCount && measure.conditions.is_empty() {
        events.warn(
            "a bucket of which no event has the counted value is left out here, where the query \
             gives 0 for it",
        );
        return Ok(measure);
    }
    Err(Refusal::new(
        place,
        "a bucket without such events is 0 in the query and left out here: put the condition into \
         WHERE",
    ))
}
