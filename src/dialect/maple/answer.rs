//! What Maple answers: a metric with every field that it has.

use super::billable_metric::BillableMetric;
use crate::dialect::Json;
use crate::model::EventTime;

/// What a metric is known by once it is stored.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Identity {
    /// The company: `cmp_...`.
    pub company_id: String,
    /// `bm_` and a UUID without dashes; also its code.
    pub id: String,
    /// When it was created.
    pub created_at: EventTime,
    /// When it was last changed.
    pub updated_at: EventTime,
}

impl BillableMetric {
    /// The object that Maple answers with, all its fields present; `metering_rule` as it was submitted.
    #[must_use]
    pub fn to_answer(&self, identity: &Identity) -> Json {
        Json::object([
            ("company_id", Json::text(&identity.company_id)),
            ("created_at", Json::text(identity.created_at.to_string())),
            ("description", Json::optional(self.description.as_deref())),
            ("editable", Json::Boolean(true)),
            ("external_name", Json::optional(self.external_name.as_deref())),
            ("id", Json::text(&identity.id)),
            ("is_billable", Json::Boolean(self.is_billable)),
            ("item_id", Json::text(&self.item_id)),
            ("metering_rule", self.metering_rule.clone()),
            ("name", Json::text(&self.name)),
            ("standard", Json::Boolean(false)),
            ("state", Json::text(self.state.name())),
            ("type", Json::text("CUSTOM_METRIC")),
            ("updated_at", Json::text(identity.updated_at.to_string())),
        ])
    }
}
