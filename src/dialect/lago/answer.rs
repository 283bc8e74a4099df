//! What Lago answers: a metric with every field that it has, and faults by field.

use super::billable_metric::{Aggregation, BillableMetric};
use super::divisions::{Branch, Filter, Group};
use crate::definition::RoundingFunction;
use crate::dialect::{Fault, Json, Step};
use crate::model::EventTime;

const MICROS_PER_SECOND: i64 = 1_000_000;

/// What a metric is known by once it is stored.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Identity {
    /// A UUID.
    pub lago_id: String,
    /// When it was created; told in whole seconds.
    pub created_at: EventTime,
}

impl BillableMetric {
    /// The object that Lago answers with, all its fields present.
    #[must_use]
    pub fn to_answer(&self, identity: &Identity) -> Json {
        let text = |text: &str| Json::text(text);
        let filters = match &self.group {
            Some(group) => group.filters(),
            None => self.filters.clone(),
        };
        let interval = (self.aggregation == Aggregation::WeightedSum).then_some("seconds");
        let precision = self.rounding.precision;
        Json::object([
            ("lago_id", text(&identity.lago_id)),
            ("name", text(&self.name)),
            ("code", text(&self.code)),
            ("description", Json::optional(self.description.as_deref())),
            ("aggregation_type", text(self.aggregation.name())),
            ("weighted_interval", Json::optional(interval)),
            ("recurring", Json::Boolean(self.is_recurring)),
            (
                "rounding_function",
                Json::optional(self.rounding.function.map(RoundingFunction::name)),
            ),
            (
                "rounding_precision",
                precision.map_or(Json::Null, |digits| Json::Number(digits.to_string())),
            ),
            ("created_at", Json::text(whole_seconds(identity.created_at).to_string())),
            ("field_name", Json::optional(self.field_name.as_deref())),
            ("expression", Json::optional(self.expression.as_deref())),
            ("filters", Json::List(filters.iter().map(filter).collect())),
            ("group", self.group.as_ref().map_or(Json::Object(Vec::new()), group)),
            ("active_subscriptions_count", zero()),
            ("draft_invoices_count", zero()),
            ("plans_count", zero()),
        ])
    }
}

/// The faults as Lago's `error_details`: each field with its codes. That of a fault inside of `filters` is the filter's
/// own field.
#[must_use]
pub fn error_details(faults: &[Fault]) -> Json {
    let mut details: Vec<(String, Vec<&'static str>)> = Vec::new();
    for fault in faults {
        let field = field_of(fault);
        let place = details.iter().position(|(name, _)| name == field);
        match place.and_then(|place| details.get_mut(place)) {
            Some((_, codes)) if codes.contains(&fault.code) => {}
            Some((_, codes)) => codes.push(fault.code),
            None => details.push((field.to_owned(), vec![fault.code])),
        }
    }
    let details = details.into_iter().map(|(field, codes)| (field, Json::texts(codes)));
    Json::Object(details.collect())
}

fn field_of(fault: &Fault) -> &str {
    match fault.path.as_slice() {
        [Step::Key(filters), .., Step::Key(field)] if filters == "filters" => field,
        [Step::Key(field), ..] => field,
        _ => "base",
    }
}

fn filter(filter: &Filter) -> Json {
    Json::object([("key", Json::text(&filter.key)), ("values", Json::texts(&filter.values))])
}

fn group(group: &Group) -> Json {
    match group {
        Group::One { key, values } => {
            Json::object([("key", Json::text(key)), ("values", Json::texts(values))])
        }
        Group::Two { key, branches } => {
            let branches = branches.iter().map(branch).collect();
            Json::object([("key", Json::text(key)), ("values", Json::List(branches))])
        }
    }
}

fn branch(branch: &Branch) -> Json {
    Json::object([
        ("name", Json::text(&branch.name)),
        ("key", Json::text(&branch.key)),
        ("values", Json::texts(&branch.values)),
    ])
}

fn zero() -> Json {
    Json::Number("0".to_owned())
}

fn whole_seconds(time: EventTime) -> EventTime {
    let seconds = time.micros().div_euclid(MICROS_PER_SECOND);
    EventTime::from_micros(seconds.saturating_mul(MICROS_PER_SECOND))
}
