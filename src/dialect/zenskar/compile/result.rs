//! The arithmetic around the aggregate: `result`, over `value` and `events` (rule 4.6).

use std::collections::BTreeMap;

use sqlparser::tokenizer::Location;

use super::kind::{Kind, Typed, Wanted};
use super::meaning::Aggregation;
use super::measure::{Measure, is_aggregate};
use super::scalar::{self, Names};
use crate::dialect::zenskar::sql::Refusal;
use crate::dialect::zenskar::sql::tree::{Call, Expression, Node};

/// The aggregate that a total is made from, and what is made of it.
pub(super) struct Outcome {
    pub(super) measure: Measure,
    /// Native text.
    pub(super) result: String,
}

/// What each aggregate, found by its place, stands for in a result.
#[derive(Default)]
struct Totals {
    names: BTreeMap<Location, &'static str>,
}

/// In a result.
impl Names for Totals {
    fn resolve(&mut self, expression: &Expression) -> Result<Option<Typed>, Refusal> {
        match &expression.node {
            Node::Call(_) if is_aggregate(expression) => {
                Ok(self.names.get(&expression.place).map(|name| Kind::Number.of(*name)))
            }
            Node::Name(_) | Node::Key(..) => Err(Refusal::new(
                expression.place,
                "a column beside an aggregate: put it into the aggregate, or make it an item of \
                 its own that GROUP BY names",
            )),
            _ => Ok(None),
        }
    }
}

/// Reads an item with an aggregate in it.
pub(super) fn read(
    item: &Expression,
    read_measure: &mut dyn FnMut(&Call, Location) -> Result<Measure, Refusal>,
) -> Result<Outcome, Refusal> {
    let mut found: Vec<(Location, Measure)> = Vec::new();
    for (call, place) in aggregates(item) {
        found.push((place, read_measure(call, place)?));
    }
    let (measure, counted) = combined(&found)?;
    let names = found.iter().map(|(place, one)| {
        let name = if Some(one) == counted.as_ref() { "events" } else { "value" };
        (*place, name)
    });
    let mut totals = Totals { names: names.collect() };
    if scalar::read(item, Wanted::Anything, &mut totals)?.kind == Kind::Boolean {
        let message = "true or false, where a total is a number: select what is billed, as in \
                       SUM(data.units)";
        return Err(Refusal::new(item.place, message));
    }
    let result = scalar::number(item, &mut totals)?;
    Ok(Outcome { measure, result })
}

/// The aggregates of an expression, outermost ones only.
fn aggregates(expression: &Expression) -> Vec<(&Call, Location)> {
    match &expression.node {
        Node::Call(call) if is_aggregate(expression) => vec![(call, expression.place)],
        node => node.parts().into_iter().flat_map(aggregates).collect(),
    }
}

/// The one aggregate that is kept, and the count beside it that is its number of events.
fn combined(found: &[(Location, Measure)]) -> Result<(Measure, Option<Measure>), Refusal> {
    let mut different: Vec<&(Location, Measure)> = Vec::new();
    for one in found {
        if !different.iter().any(|(_, other)| *other == one.1) {
            different.push(one);
        }
    }
    let refused = |place: Location| {
        Refusal::new(
            place,
            "a second aggregate: a total is made of one, with COUNT(*) beside SUM, or COUNT(x) \
             beside another aggregate of x; SUM(a) + SUM(b) is SUM(a + b)",
        )
    };
    match different.as_slice() {
        [(_, only)] => Ok((only.clone(), None)),
        [(_, first), (place, second)] => {
            let is_count = |one: &Measure| one.aggregation == Aggregation::Count;
            let orders = [(first, second), (second, first)];
            let beside = orders.into_iter().filter(|(_, counted)| is_count(counted));
            for (measure, counted) in beside {
                if let Some(measure) = with_events(measure, counted) {
                    return Ok((measure, Some(counted.clone())));
                }
            }
            Err(refused(*place))
        }
        [_, _, (place, _), ..] => Err(refused(*place)),
        [] => Err(Refusal::new(Location::new(1, 1), "no aggregate: name one, such as COUNT(*)")),
    }
}

/// `measure` so that its number of events is `counted`, where it can be said so.
fn with_events(measure: &Measure, counted: &Measure) -> Option<Measure> {
    if counted.filters().is_empty() {
        return measure.over_all();
    }
    // COUNT(x) beside an aggregate of x: both skip the same events.
    let is_alike = counted.conditions == measure.conditions && counted.known == measure.value;
    (is_alike && measure.value.is_some()).then(|| {
        let known = measure.value.clone();
        Measure { known, ..measure.clone() }
    })
}
