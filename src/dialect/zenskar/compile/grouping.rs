//! Which items of a SELECT are groups, which one is the total, and what GROUP BY names.

use super::column::{Column, Events};
use super::every::every;
use super::measure::has_aggregate;
use super::scalar::text;
use crate::dialect::zenskar::sql::Refusal;
use crate::dialect::zenskar::sql::tree::{Expression, Item, Node, Part, Select};

/// What GROUP BY splits by.
#[derive(Clone, PartialEq, Eq, Debug)]
pub(super) enum Group {
    /// The customer: the engine's own way.
    Customer,
    /// A property, by its keys.
    Property(Vec<String>),
    /// Buckets of time, by their length.
    Bucket(&'static str),
}

impl Group {
    /// The keys of the property that it is, if any.
    pub(super) fn into_property(self) -> Option<Vec<String>> {
        match self {
            Group::Property(keys) => Some(keys),
            Group::Customer | Group::Bucket(_) => None,
        }
    }
}

/// What GROUP BY names, in its order.
pub(super) fn groups(select: &Select, events: &mut Events) -> Result<Vec<Group>, Refusal> {
    let mut groups = Vec::new();
    for written in &select.groups {
        let expression = named(select, written, &["customer_id", "timestamp", "data"])?;
        let group = group(expression, events)?;
        if !groups.contains(&group) {
            groups.push(group);
        }
    }
    Ok(groups)
}

/// What an element of GROUP BY stands for: an ordinal or an alias for its item, anything else for itself.
pub(super) fn named<'q>(
    select: &'q Select,
    written: &'q Expression,
    columns: &[&str],
) -> Result<&'q Expression, Refusal> {
    let place = written.place;
    let expression = match &written.node {
        Node::Number(ordinal) => {
            let position = ordinal.parse::<usize>().ok().and_then(|ordinal| ordinal.checked_sub(1));
            let item = position.and_then(|position| select.items.get(position));
            &item
                .ok_or_else(|| Refusal::new(place, format!("no item {ordinal} is selected")))?
                .expression
        }
        Node::Name(parts) => match (parts.as_slice(), aliased(select, parts)) {
            ([part], Some(item)) if columns.contains(&part.text.as_str()) => {
                if !matches!(&item.expression.node, Node::Name(other) if other == parts) {
                    let message = format!(
                        "`{}` is a column and the alias of something else: name that otherwise",
                        part.text
                    );
                    return Err(Refusal::new(place, message));
                }
                written
            }
            (_, Some(item)) => &item.expression,
            (_, None) => written,
        },
        _ => written,
    };
    if has_aggregate(expression) {
        return Err(Refusal::new(place, "GROUP BY names an aggregate: name columns"));
    }
    Ok(expression)
}

fn aliased<'q>(select: &'q Select, parts: &[Part]) -> Option<&'q Item> {
    let [Part { text, .. }] = parts else { return None };
    // Some databases fold the case of names, none has two that differ in it alone.
    let named =
        |item: &&Item| item.alias.as_ref().is_some_and(|alias| alias.eq_ignore_ascii_case(text));
    let exact = select.items.iter().find(|item| item.alias.as_ref() == Some(text));
    exact.or_else(|| select.items.iter().find(named))
}

/// What a grouping expression splits by.
pub(super) fn group(expression: &Expression, events: &mut Events) -> Result<Group, Refusal> {
    let place = expression.place;
    if let Some(every) = every(expression, events)? {
        return Ok(Group::Bucket(every));
    }
    // A group's value is a text whatever it is made from (rule 5.4).
    let plain = match &expression.node {
        Node::Cast(operand, target)
            if ["TEXT", "VARCHAR", "STRING"].contains(&target.name.as_str()) =>
        {
            operand
        }
        Node::Call(call) if call.name.eq_ignore_ascii_case("toString") && call.is_bare() => {
            call.arguments.first().unwrap_or(expression)
        }
        _ => expression,
    };
    match events.column(plain)? {
        Some(Column::Customer) => Ok(Group::Customer),
        Some(Column::Property(keys)) => Ok(Group::Property(keys)),
        Some(Column::Time) => Err(Refusal::new(
            place,
            "timestamp is no group: cut it to buckets in a sub-query, as in date_trunc('day', \
             timestamp)",
        )),
        Some(Column::Data) => {
            Err(Refusal::new(place, "data is an object: name one of its keys, as in data.region"))
        }
        None => {
            text(expression, events)?; // Where it holds what is not known at all, that is told.
            Err(Refusal::new(
                place,
                "totals are split by columns alone, as in data.region: send what is computed as a \
                 column of its own",
            ))
        }
    }
}

/// The item that is the total; the other aggregates beside it are told of, since they are not billed.
pub(super) fn total<'q>(
    select: &'q Select,
    warnings: &mut Vec<String>,
) -> Result<&'q Item, Refusal> {
    let totals: Vec<&Item> =
        select.items.iter().filter(|item| has_aggregate(&item.expression)).collect();
    let aliased = |name: &str| {
        let is_named = |item: &&&Item| {
            item.alias.as_ref().is_some_and(|alias| alias.eq_ignore_ascii_case(name))
        };
        totals.iter().find(is_named).copied()
    };
    match (aliased("quantity").or_else(|| aliased("value")), totals.as_slice()) {
        (None, [only]) => Ok(only),
        (Some(chosen), _) => {
            let place = chosen.expression.place;
            for other in totals.iter().filter(|item| item.expression.place != place) {
                let place = other.expression.place;
                let name = other.alias.as_ref().map_or_else(
                    || format!("the aggregate at line {}, column {}", place.line, place.column),
                    |alias| format!("`{alias}`"),
                );
                warnings.push(format!("{name} is not billed: the total is the one result named"));
            }
            Ok(chosen)
        }
        (None, [_, second, ..]) => Err(Refusal::new(
            second.expression.place,
            "a second numeric result: a metric has one, which may be named AS quantity",
        )),
        (None, []) => Err(Refusal::new(
            select.items.first().map_or(select.place, |item| item.expression.place),
            "no aggregate is selected: a total is one, such as SUM(data.units) or COUNT(*)",
        )),
    }
}

/// Whether what is selected beside the total is also grouped by.
pub(super) fn check_items(
    select: &Select,
    groups: &[Group],
    events: &mut Events,
) -> Result<(), Refusal> {
    for item in select.items.iter().filter(|item| !has_aggregate(&item.expression)) {
        if !groups.contains(&group(&item.expression, events)?) {
            return Err(Refusal::new(
                item.expression.place,
                "selected without being aggregated, and GROUP BY does not name it",
            ));
        }
    }
    Ok(())
}
