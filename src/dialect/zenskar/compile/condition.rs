//! WHERE: what the engine does anyway is taken out, the rest is a filter.
//!
//! Customer and time are compared with templates as terms that AND joins, each of which the engine holds by rules 6.4 and 5.1;
//! so these say nothing new. A query without its lower bound counts all of history: that is for the caller to judge.

use super::column::{Column, Events};
use super::scalar::{self, STRAY_TEMPLATE};
use crate::dialect::zenskar::sql::Refusal;
use crate::dialect::zenskar::sql::tree::{Comparison, Expression, Node, Template};

/// What WHERE says.
#[derive(Default)]
pub(super) struct Conditions {
    /// Native text of each term that is left.
    pub(super) filters: Vec<String>,
    /// Whether it compares timestamp with `{{start_date}}`.
    pub(super) has_start: bool,
    /// Whether it compares timestamp with `{{end_date}}`.
    pub(super) has_end: bool,
    /// Which instants between two periods it has elsewhere than the engine.
    borders: Borders,
}

/// Borders of a period that a query takes otherwise than rule 6.4.
#[derive(Clone, Copy, Default)]
struct Borders {
    /// `timestamp > '{{start_date}}'`
    leaves_start: bool,
    /// `timestamp <= '{{end_date}}'`
    takes_end: bool,
    /// `timestamp < '{{end_date}}'`, which leaves nothing of the one above.
    leaves_end: bool,
}

impl Borders {
    /// What becomes of an event at a border, here and in the query.
    fn warning(self) -> Option<&'static str> {
        match (self.leaves_start, self.takes_end && !self.leaves_end) {
            (false, false) => None,
            (true, false) => Some(
                "an event at exactly start_date counts here, and not in the query: periods begin \
                 with their start",
            ),
            (false, true) => Some(
                "an event at exactly end_date counts in the next period alone, and in the query in \
                 both: periods end before their end",
            ),
            (true, true) => Some(
                "an event at exactly end_date counts in the next period, and in the query in the \
                 one that ends then: periods begin with their start and end before their end",
            ),
        }
    }
}

impl Conditions {
    /// Whether it reaches back before the period: `{{end_date}}` without `{{start_date}}`.
    pub(super) fn is_of_all_history(&self) -> bool {
        self.has_end && !self.has_start
    }
}

/// Reads WHERE.
pub(super) fn read(
    filter: Option<&Expression>,
    events: &mut Events,
) -> Result<Conditions, Refusal> {
    let mut conditions = Conditions::default();
    for term in filter.map(terms).unwrap_or_default() {
        let is_template = |part: &Expression| matches!(part.node, Node::Template(_));
        if term.any(&is_template) {
            let bounds = bounds(term, events, &mut conditions.borders)?;
            conditions.has_start |= bounds.contains(&Template::Start);
            conditions.has_end |= bounds.contains(&Template::End);
        } else {
            conditions.filters.push(scalar::condition(term, events)?);
        }
    }
    if let Some(warning) = conditions.borders.warning() {
        events.warn(warning);
    }
    Ok(conditions)
}

/// What AND joins, however deep in parentheses.
pub(super) fn terms(filter: &Expression) -> Vec<&Expression> {
    match &filter.node {
        Node::And(parts) => parts.iter().flat_map(terms).collect(),
        _ => vec![filter],
    }
}

/// The templates that a term compares its column with, where it says what the engine does.
fn bounds(
    term: &Expression,
    events: &mut Events,
    borders: &mut Borders,
) -> Result<Vec<Template>, Refusal> {
    let stray = || Refusal::new(term.place, STRAY_TEMPLATE);
    match &term.node {
        Node::Comparison(comparison, parts) => {
            let [left, right] = parts.as_ref();
            let (column, comparison, template) = match (template_of(left), template_of(right)) {
                (None, Some(template)) => (left, *comparison, template),
                (Some(template), None) => (right, flipped(*comparison), template),
                _ => return Err(stray()),
            };
            let column = column_of(column, events)?.ok_or_else(stray)?;
            bound(term, &column, comparison, template, borders)?;
            Ok(vec![template])
        }
        Node::Between { is_negated: false, parts } => {
            let [operand, low, high] = parts.as_ref();
            let column = column_of(operand, events)?.ok_or_else(stray)?;
            let is_period = template_of(low) == Some(Template::Start)
                && template_of(high) == Some(Template::End);
            if column != Column::Time || !is_period {
                return Err(stray());
            }
            bound(term, &column, Comparison::LessOrEqual, Template::End, borders)?;
            Ok(vec![Template::Start, Template::End])
        }
        _ => Err(stray()),
    }
}

/// Whether the comparison is one that the engine makes.
fn bound(
    term: &Expression,
    column: &Column,
    comparison: Comparison,
    template: Template,
    borders: &mut Borders,
) -> Result<(), Refusal> {
    let wanted = match (column, template, comparison) {
        (Column::Customer, Template::Customer, Comparison::Equal)
        | (Column::Time, Template::Start, Comparison::GreaterOrEqual) => return Ok(()),
        (Column::Time, Template::End, Comparison::Less) => {
            borders.leaves_end = true;
            return Ok(());
        }
        (Column::Time, Template::Start, Comparison::Greater) => {
            borders.leaves_start = true;
            return Ok(());
        }
        (Column::Time, Template::End, Comparison::LessOrEqual) => {
            borders.takes_end = true;
            return Ok(());
        }
        (Column::Customer, Template::Customer, _) => {
            "customer_id = '{{customer.external_id}}' alone"
        }
        (Column::Time, Template::Start, _) => "timestamp >= '{{start_date}}' alone",
        (Column::Time, Template::End, _) => "timestamp < '{{end_date}}' alone",
        _ => {
            "customer_id with {{customer.external_id}}, and timestamp with {{start_date}} and \
             {{end_date}}"
        }
    };
    Err(Refusal::new(term.place, format!("this compares otherwise than the engine does: {wanted}")))
}

fn flipped(comparison: Comparison) -> Comparison {
    match comparison {
        Comparison::Equal => Comparison::Equal,
        Comparison::NotEqual => Comparison::NotEqual,
        Comparison::Less => Comparison::Greater,
        Comparison::LessOrEqual => Comparison::GreaterOrEqual,
        Comparison::Greater => Comparison::Less,
        Comparison::GreaterOrEqual => Comparison::LessOrEqual,
    }
}

/// What may stand around a column or a template without changing how they compare.
#[derive(Clone, Copy)]
enum Wrapping {
    /// What reads a text as an instant.
    Instant,
    /// What makes a text of an id.
    Text,
}

impl Wrapping {
    fn has_type(self, name: &str) -> bool {
        match self {
            Wrapping::Instant => {
                ["TIMESTAMP", "TIMESTAMPTZ", "DATETIME", "DATETIME64"].contains(&name)
            }
            Wrapping::Text => ["TEXT", "VARCHAR", "STRING", "UUID"].contains(&name),
        }
    }

    fn has_function(self, name: &str) -> bool {
        match self {
            Wrapping::Instant => [
                "todatetime",
                "todatetime64",
                "parsedatetimebesteffort",
                "parsedatetime64besteffort",
                "to_timestamp",
                "timestamp",
            ]
            .contains(&name),
            Wrapping::Text => ["tostring", "touuid"].contains(&name),
        }
    }
}

/// Without what stands around it.
fn unwrapped(expression: &Expression, wrapping: Wrapping) -> &Expression {
    let inner = match &expression.node {
        Node::Cast(operand, target) if wrapping.has_type(&target.name) => operand,
        Node::Call(call)
            if call.is_bare() && wrapping.has_function(&call.name.to_ascii_lowercase()) =>
        {
            match call.arguments.as_slice() {
                [operand] => operand,
                // toDateTime64(timestamp, 3)
                [operand, digits] if matches!(digits.node, Node::Number(_)) => operand,
                _ => return expression,
            }
        }
        _ => return expression,
    };
    unwrapped(inner, wrapping)
}

fn template_of(expression: &Expression) -> Option<Template> {
    let mut found = [Wrapping::Instant, Wrapping::Text].into_iter();
    found.find_map(|wrapping| match unwrapped(expression, wrapping).node {
        Node::Template(template) => Some(template),
        _ => None,
    })
}

/// The column that is compared with a template.
fn column_of(expression: &Expression, events: &mut Events) -> Result<Option<Column>, Refusal> {
    let as_instant = events.column(unwrapped(expression, Wrapping::Instant))?;
    if as_instant == Some(Column::Time) {
        return Ok(as_instant);
    }
    events.column(unwrapped(expression, Wrapping::Text))
}
