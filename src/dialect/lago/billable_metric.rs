//! A billable metric, read from its fields with all faults at once.
//!
//! Values are cast as Lago's columns cast them: a number where a text belongs is its text, `"true"` is true. What a
//! metric is counted by once it is read does not depend on that.

use super::divisions::{self, Filter, Group};
use crate::definition::{Expression, Grammar, RoundingFunction};
use crate::dialect::{Fault, Json, Step};

const CODE_CHARACTERS_MAX: usize = 255;

/// Longest code in bytes, since it is the type of the events: rule 1.1.
const CODE_BYTES_MAX: usize = 512;

const FIELD_NAME_BYTES_MAX: usize = 4096;

const PRECISION_MAX: i8 = 18;

/// `aggregation_type`, but for `custom_agg`.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Aggregation {
    /// `count_agg`
    Count,
    /// `sum_agg`
    Sum,
    /// `max_agg`
    Max,
    /// `latest_agg`
    Latest,
    /// `unique_count_agg`
    UniqueCount,
    /// `weighted_sum_agg`
    WeightedSum,
    /// `recurring_count_agg`, of the first generation.
    RecurringCount,
}

impl Aggregation {
    /// Every one, in the order of Lago's pages.
    pub const ALL: [Aggregation; 7] = [
        Aggregation::Count,
        Aggregation::Sum,
        Aggregation::Max,
        Aggregation::Latest,
        Aggregation::UniqueCount,
        Aggregation::WeightedSum,
        Aggregation::RecurringCount,
    ];

    /// As Lago writes it.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Aggregation::Count => "count_agg",
            Aggregation::Sum => "sum_agg",
            Aggregation::Max => "max_agg",
            Aggregation::Latest => "latest_agg",
            Aggregation::UniqueCount => "unique_count_agg",
            Aggregation::WeightedSum => "weighted_sum_agg",
            Aggregation::RecurringCount => "recurring_count_agg",
        }
    }

    fn can_recur(self) -> bool {
        match self {
            Aggregation::Count | Aggregation::Max | Aggregation::Latest => false,
            Aggregation::Sum
            | Aggregation::UniqueCount
            | Aggregation::WeightedSum
            | Aggregation::RecurringCount => true,
        }
    }
}

/// `rounding_function` and `rounding_precision`. A precision alone is kept and does nothing.
#[derive(Clone, Copy, PartialEq, Eq, Default, Debug)]
pub struct Rounding {
    /// Direction.
    pub function: Option<RoundingFunction>,
    /// Fraction digits, -18 to 18; `None` counts as 0.
    pub precision: Option<i8>,
}

/// A billable metric. Whatever it says can be said natively.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct BillableMetric {
    /// For people.
    pub name: String,
    /// Its code, and the type of its events.
    pub code: String,
    /// For people.
    pub description: Option<String>,
    /// `aggregation_type`
    pub aggregation: Aggregation,
    /// The property that is aggregated; `None` for `count_agg` alone.
    pub field_name: Option<String>,
    /// As submitted; `recurring_count_agg` recurs anyway.
    pub is_recurring: bool,
    /// How totals are rounded.
    pub rounding: Rounding,
    /// What is aggregated instead of the property as it is sent, in Lago's grammar.
    pub expression: Option<String>,
    /// By key, values sorted.
    pub filters: Vec<Filter>,
    /// Never together with filters; those that say the same are left out.
    pub group: Option<Group>,
}

/// Why fields are no billable metric.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum Refusal {
    /// `custom_agg`: Lago answers 403 with the code `feature_unavailable`.
    FeatureUnavailable,
    /// All faults; Lago answers 422 with [`error_details`](super::error_details) of them.
    Faults(Vec<Fault>),
}

impl BillableMetric {
    /// Reads the fields of a body: of one that creates a metric, or of a stored one with a partial one merged in.
    ///
    /// # Errors
    /// See [`Refusal`].
    pub fn read(fields: &Json) -> Result<Self, Refusal> {
        if fields.member("aggregation_type") == Some(&Json::text("custom_agg")) {
            return Err(Refusal::FeatureUnavailable);
        }
        let mut reader = Reader { fields, faults: Vec::new() };
        let name = reader.mandatory("name");
        let code = reader.code();
        let aggregation = reader.aggregation();
        let mut metric = BillableMetric {
            name: name.unwrap_or_default(),
            code: code.unwrap_or_default(),
            description: reader.text("description"),
            field_name: reader.field_name(aggregation),
            is_recurring: reader.recurring(aggregation),
            rounding: reader.rounding(),
            expression: reader.expression(),
            filters: divisions::filters(fields, &mut reader.faults),
            group: divisions::group(fields, &mut reader.faults),
            aggregation: aggregation.unwrap_or(Aggregation::Count),
        };
        reader.weighted_interval(aggregation);
        if let Some(group) = &metric.group {
            // An answer has a group as filters too.
            let filters = std::mem::take(&mut metric.filters);
            if !filters.is_empty() && filters != group.filters() {
                let message = "does not go with filters that say otherwise: leave one out";
                reader.fault("group", "value_is_invalid", message);
            }
        }
        if reader.faults.is_empty() { Ok(metric) } else { Err(Refusal::Faults(reader.faults)) }
    }
}

/// The fields, and what is wrong with those that were read.
struct Reader<'j> {
    fields: &'j Json,
    faults: Vec<Fault>,
}

impl Reader<'_> {
    fn fault(&mut self, field: &str, code: &'static str, message: impl Into<String>) {
        let path = vec![Step::Key(field.to_owned())];
        self.faults.push(Fault { path, code, message: message.into() });
    }

    /// A text; `None` where it is absent, null, or of no kind that becomes one.
    fn text(&self, field: &str) -> Option<String> {
        self.fields.member(field).and_then(Json::scalar_text).map(str::to_owned)
    }

    /// The same, also `None` where it is blank.
    fn filled(&self, field: &str) -> Option<String> {
        self.text(field).filter(|text| !text.trim().is_empty())
    }

    fn mandatory(&mut self, field: &str) -> Option<String> {
        let text = self.filled(field);
        if text.is_none() {
            self.fault(field, "value_is_mandatory", "is missing or blank");
        }
        text
    }

    fn code(&mut self) -> Option<String> {
        let code = self.mandatory("code")?;
        let (characters, bytes) = (code.chars().count(), code.len());
        if characters > CODE_CHARACTERS_MAX || bytes > CODE_BYTES_MAX {
            let message = format!(
                "has {characters} characters in {bytes} bytes: at most {CODE_CHARACTERS_MAX} in {CODE_BYTES_MAX}"
            );
            self.fault("code", "value_is_too_long", message);
        }
        if code.contains(char::is_control) {
            self.fault("code", "value_is_invalid", "holds a control character: leave it out");
        }
        Some(code)
    }

    fn aggregation(&mut self) -> Option<Aggregation> {
        let name = self.text("aggregation_type").unwrap_or_default();
        let found = Aggregation::ALL.into_iter().find(|aggregation| aggregation.name() == name);
        if found.is_none() {
            let names = Aggregation::ALL.map(Aggregation::name).join(", ");
            self.fault("aggregation_type", "value_is_invalid", format!("is one of {names}"));
        }
        found
    }

    fn field_name(&mut self, aggregation: Option<Aggregation>) -> Option<String> {
        if aggregation == Some(Aggregation::Count) {
            return None;
        }
        let name = self.mandatory("field_name")?;
        if name.len() > FIELD_NAME_BYTES_MAX {
            let message = format!("has {} bytes: at most {FIELD_NAME_BYTES_MAX}", name.len());
            self.fault("field_name", "value_is_too_long", message);
        }
        Some(name)
    }

    fn recurring(&mut self, aggregation: Option<Aggregation>) -> bool {
        const FALSE: [&str; 7] = ["", "false", "f", "0", "off", "no", "n"];
        let text = self.text("recurring").unwrap_or_default();
        let is_recurring = !FALSE.iter().any(|word| word.eq_ignore_ascii_case(&text));
        if is_recurring && aggregation.is_some_and(|aggregation| !aggregation.can_recur()) {
            let message = "goes with sum_agg, unique_count_agg and weighted_sum_agg";
            self.fault("recurring", "not_compatible_with_aggregation_type", message);
        }
        is_recurring
    }

    /// Only one is known, and it is meant where none is given.
    fn weighted_interval(&mut self, aggregation: Option<Aggregation>) {
        let interval = self.filled("weighted_interval");
        if aggregation == Some(Aggregation::WeightedSum)
            && interval.is_some_and(|interval| interval != "seconds")
        {
            self.fault("weighted_interval", "value_is_invalid", "is seconds");
        }
    }

    fn rounding(&mut self) -> Rounding {
        const FUNCTIONS: [RoundingFunction; 3] =
            [RoundingFunction::Round, RoundingFunction::Ceil, RoundingFunction::Floor];
        let name = self.filled("rounding_function");
        let function = name
            .as_deref()
            .and_then(|name| FUNCTIONS.into_iter().find(|function| function.name() == name));
        if name.is_some() && function.is_none() {
            self.fault("rounding_function", "value_is_invalid", "is round, ceil or floor");
        }
        let digits = self.filled("rounding_precision");
        let precision = digits.as_deref().map(|digits| digits.strip_suffix(".0").unwrap_or(digits));
        let precision = precision.and_then(|digits| digits.parse().ok());
        let precision =
            precision.filter(|digits| (-PRECISION_MAX..=PRECISION_MAX).contains(digits));
        if digits.is_some() && precision.is_none() {
            let message = "is a whole number from -18 to 18";
            self.fault("rounding_precision", "value_is_invalid", message);
        }
        Rounding { function, precision }
    }

    fn expression(&mut self) -> Option<String> {
        let text = self.filled("expression")?;
        if let Err(error) = Expression::parse_in(Grammar::Lago, &text) {
            self.fault("expression", "invalid_expression", error.message);
        }
        Some(text)
    }
}
