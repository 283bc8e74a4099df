//! A metric: one version of one definition, checked and compiled (sections 3 to 7 of the rules).

use std::collections::BTreeSet;
use std::fmt;

use super::calendar::{Calendar, PeriodUnit};
use super::expression::{Expression, ResultExpression};
use super::grouping::{Dimension, GroupPath};
use crate::model::{Amount, EventTime, Quantity, Span};

/// How the events of one key become one number (section 4).
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
pub enum AggregationKind {
    /// Number of events.
    Count,
    /// Sum of values.
    Sum,
    /// Smallest value.
    Min,
    /// Largest value.
    Max,
    /// Sum over count.
    Avg,
    /// Value of the newest event.
    Latest,
    /// Value of the oldest event.
    First,
    /// Number of distinct texts.
    UniqueCount,
    /// Time-weighted average of a level.
    WeightedSum,
    /// Nearest-rank percentile.
    Percentile,
}

impl AggregationKind {
    /// Every kind, in the order of the rules.
    pub const ALL: [AggregationKind; 10] = [
        AggregationKind::Count,
        AggregationKind::Sum,
        AggregationKind::Min,
        AggregationKind::Max,
        AggregationKind::Avg,
        AggregationKind::Latest,
        AggregationKind::First,
        AggregationKind::UniqueCount,
        AggregationKind::WeightedSum,
        AggregationKind::Percentile,
    ];

    /// The name that definitions use.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            AggregationKind::Count => "count",
            AggregationKind::Sum => "sum",
            AggregationKind::Min => "min",
            AggregationKind::Max => "max",
            AggregationKind::Avg => "avg",
            AggregationKind::Latest => "latest",
            AggregationKind::First => "first",
            AggregationKind::UniqueCount => "unique_count",
            AggregationKind::WeightedSum => "weighted_sum",
            AggregationKind::Percentile => "percentile",
        }
    }

    /// Whether totals may carry state into later periods (rule 4.2).
    #[must_use]
    pub const fn can_recur(self) -> bool {
        match self {
            AggregationKind::Sum
            | AggregationKind::Latest
            | AggregationKind::UniqueCount
            | AggregationKind::WeightedSum => true,
            AggregationKind::Count
            | AggregationKind::Min
            | AggregationKind::Max
            | AggregationKind::Avg
            | AggregationKind::First
            | AggregationKind::Percentile => false,
        }
    }

    /// Whether totals may weigh by days (rule 4.4).
    #[must_use]
    pub const fn can_prorate(self) -> bool {
        matches!(self, AggregationKind::Sum | AggregationKind::UniqueCount)
    }
}

/// A share of 100, `0 < p <= 100`.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
pub struct Percentile(pub Quantity);

/// Plain decimal by rule 3.4.
impl fmt::Display for Percentile {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}", Amount::from(self.0))
    }
}

/// What inner buckets without events count as (rule 4.5).
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
pub enum Fill {
    /// They are left out.
    Skip,
    /// They are 0.
    Zero,
}

impl Fill {
    /// The name that definitions use.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Fill::Skip => "skip",
            Fill::Zero => "zero",
        }
    }
}

/// Buckets inside a period (rule 4.5).
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Inner {
    /// How the events of one bucket become one number.
    pub aggregation: AggregationKind,
    /// Share, where `aggregation` is a percentile.
    pub percentile: Option<Percentile>,
    /// Length of a bucket.
    pub every: PeriodUnit,
    /// What empty buckets are.
    pub fill: Fill,
}

/// Direction of a rounding (rule 3.5).
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
pub enum RoundingFunction {
    /// Half away from zero.
    Round,
    /// To plus infinity.
    Ceil,
    /// To minus infinity.
    Floor,
}

impl RoundingFunction {
    /// The name that definitions use.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            RoundingFunction::Round => "round",
            RoundingFunction::Ceil => "ceil",
            RoundingFunction::Floor => "floor",
        }
    }
}

/// Rounding of a total (rule 3.5).
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
pub struct Rounding {
    /// Direction.
    pub function: RoundingFunction,
    /// Fraction digits that stay, -18 to 18.
    pub precision: i8,
}

/// What happens to an event whose period was due (rule 7.3).
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
pub enum LatePolicy {
    /// Folded; the total gets a new revision.
    Correct,
    /// Folded into the earliest later period that is not due.
    Carry,
    /// Refused.
    Drop,
}

impl LatePolicy {
    /// The name that definitions use.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            LatePolicy::Correct => "correct",
            LatePolicy::Carry => "carry",
            LatePolicy::Drop => "drop",
        }
    }
}

/// One version of a metric. Valid: only the definition reader in the format layer makes one.
#[derive(Clone, Debug)]
#[expect(clippy::struct_excessive_bools, reason = "each says something of its own")]
pub struct Metric {
    /// Whose events it folds.
    pub tenant: String,
    /// Its name among the tenant's metrics.
    pub code: String,
    /// For people.
    pub name: Option<String>,
    /// For people.
    pub description: Option<String>,
    /// Type of the events it wants (rule 5.1).
    pub event_type: String,
    /// Which of them it folds; `None` folds all.
    pub filter: Option<Expression>,
    /// How.
    pub aggregation: AggregationKind,
    /// What of them; `None` only where events are counted: for `count`, and for `count` in `inner`.
    pub value: Option<Expression>,
    /// Property that says `add` or `remove` (rule 4.1).
    pub operation: Option<GroupPath>,
    /// Share, where `aggregation` is a percentile.
    pub percentile: Option<Percentile>,
    /// Carries state into later periods (rule 4.2).
    pub is_recurring: bool,
    /// Weighs by days (rule 4.4).
    pub is_prorated: bool,
    /// Buckets inside the period (rule 4.5).
    pub inner: Option<Inner>,
    /// Expression on the finished aggregate (rule 4.6).
    pub result: Option<ResultExpression>,
    /// Rounding of the total (rule 3.5).
    pub rounding: Option<Rounding>,
    /// Dimensions, in declared order (rules 5.4, 5.5).
    pub group_by: Vec<Dimension>,
    /// Periods (rules 6.1, 6.2).
    pub calendar: Calendar,
    /// How long after its end a period stays open.
    pub grace: Span,
    /// What happens to late events.
    pub late: LatePolicy,
    /// From when this version is meant to count (rule 5.6).
    pub effective_from: Option<EventTime>,
    /// Source topic that feeds it, where several are configured.
    pub topic: Option<String>,
    /// In the definitions of a topic: another one feeds this version.
    pub is_elsewhere: bool,
    /// What it was made from.
    pub source: DefinitionSource,
    /// How often the tenant's code was created, this one included; 1 from files.
    pub generation: u64,
    /// It folds nothing any more; what is open still closes. The same for all versions of a generation.
    pub is_deleted: bool,
    /// Since when; a recurring metric has no period that begins after it, but for those that events of before fell into.
    pub deleted_at: Option<EventTime>,
}

/// Where a definition comes from. No number depends on it.
#[derive(Clone, Default, PartialEq, Eq, Debug)]
pub struct DefinitionSource {
    /// `file:` and the file's name.
    pub place: String,
    /// The entry's place for people: `metrics.toml:5:1: metrics[1] (code "llm")`; empty outside of files.
    pub entry: String,
    /// The definition as it was written, as one JSON object.
    pub written: String,
    /// The same in the native form, where it was written in another.
    pub native: Option<String>,
    /// Whose form that other one is.
    pub dialect: Option<&'static str>,
    /// The keys of the native form.
    pub keys: Vec<String>,
    /// Paths of what was written and means nothing here.
    pub ignored: Vec<String>,
    /// What differs from what the other system would make of it.
    pub notes: Vec<String>,
}

/// Another calendar for one customer of a tenant (rule 6.3). Fields that are `None` are the metric's own.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct CustomerCalendar {
    /// Whose customer.
    pub tenant: String,
    /// Which customer.
    pub customer: String,
    /// Replaces week, month, quarter and year periods; one of these.
    pub period: Option<PeriodUnit>,
    /// IANA name, known to the bundled zone rules.
    pub timezone: Option<String>,
    /// Day of month, 1 to 31.
    pub anchor: Option<u8>,
    /// Month, 1 to 12.
    pub anchor_month: Option<u8>,
    /// From when; `None`: always.
    pub effective_from: Option<EventTime>,
}

/// All that definition files say: every version of every metric, and customers' calendars.
///
/// Metrics and customers come in the order in which they are first written; the versions of a metric, and the
/// calendars of a customer, stand together and by `effective_from` (rule 5.6).
#[derive(Clone, Default, Debug)]
pub struct Definitions {
    /// Versions of metrics.
    pub metrics: Vec<Metric>,
    /// Customers' calendars; at most one for a customer and `effective_from`.
    pub customers: Vec<CustomerCalendar>,
}

impl Definitions {
    /// Those of metrics that fold events of a topic in some version: others are left out. Versions that another topic feeds
    /// are there, and fold nothing.
    #[must_use]
    pub fn of_topic(&self, topic: &str) -> Definitions {
        let mut own = self.clone();
        for metric in &mut own.metrics {
            metric.is_elsewhere = metric.topic.as_deref().is_some_and(|name| name != topic);
        }
        let family =
            |metric: &Metric| (metric.tenant.clone(), metric.code.clone(), metric.generation);
        let fed: BTreeSet<(String, String, u64)> =
            own.metrics.iter().filter(|metric| !metric.is_elsewhere).map(family).collect();
        own.metrics.retain(|metric| fed.contains(&family(metric)));
        own
    }
}

/// One thing wrong with a definition.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct DefinitionFault {
    /// Where: a path such as `metrics[2].inner.every`, with file and line where known.
    pub place: String,
    /// What is wrong, and what would be right.
    pub message: String,
}

impl fmt::Display for DefinitionFault {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}: {}", self.place, self.message)
    }
}
