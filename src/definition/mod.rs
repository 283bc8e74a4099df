//! Layer 1, what a metric is: expressions, calendars, grouping, versions, and the plan compiled from them.
//!
//! A [`Metric`] in hand is valid. Nothing here knows of events being counted, of state, or of the
//! texts and bodies that definitions come in.

#![cfg_attr(
    not(test),
    deny(
        clippy::arithmetic_side_effects,
        clippy::as_conversions,
        clippy::float_arithmetic,
        clippy::indexing_slicing
    )
)]

mod calendar;
mod expression;
mod grouping;
mod lexemes;
mod meaning;
mod metric;
mod plan;
mod timeline;

pub use calendar::{Calendar, CalendarError, PeriodUnit};
pub use expression::{
    EvaluationError, Expression, ExpressionError, Grammar, Outline, Part, ResultExpression, Scalar,
    ValueFault, is_like,
};
pub use grouping::{
    DeclaredValues, Dimension, GroupFault, GroupFaultCause, GroupKey, GroupPath, Grouped,
    OtherValues, group_into,
};
pub use lexemes::{
    Lexemes, Lexical, Mark, Placed, TEXT_BYTES_MAX, Unreadable, number_parts, tokens,
};
pub use meaning::{full_meaning, state_meaning, version_fault};
pub use metric::{
    AggregationKind, CustomerCalendar, DefinitionFault, DefinitionSource, Definitions, Fill, Inner,
    LatePolicy, Metric, Percentile, Rounding, RoundingFunction,
};
pub use plan::{MetricPlan, OwnCalendar, Plan};
pub use timeline::{Slot, Timeline};
