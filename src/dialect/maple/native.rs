//! A billable metric as a native definition.
//!
//! | Maple | native |
//! |---|---|
//! | `id` | `code` |
//! | `item_id` | `event_type` |
//! | `metering_rule.aggregator` | `aggregation`, and `recurring` where all history counts |
//! | `metering_rule.property` | `value` |
//! | `metering_rule.group_keys` | `group_by` |
//! | `metering_rule.rule` | `filter` |

use serde_json::Value;

use super::billable_metric::BillableMetric;
use crate::definition::Grammar;
use crate::dialect::spelling::property;
use crate::dialect::{Defaults, Native};

impl BillableMetric {
    /// The definition that means the same: of this tenant and code, with what Maple does not say as the defaults have it.
    #[must_use]
    pub fn to_native(&self, tenant: &str, code: &str, defaults: &Defaults) -> Native {
        let mut native = Native::new();
        let mut set = |key: &str, value: Value| drop(native.insert(key.to_owned(), value));
        set("tenant", tenant.into());
        set("code", code.into());
        set("name", self.name.as_str().into());
        if let Some(description) = &self.description {
            set("description", description.as_str().into());
        }
        set("event_type", self.item_id.as_str().into());
        set("aggregation", self.aggregator.kind.name().into());
        if let Some(keys) = &self.property {
            set("value", property(keys).into());
        }
        if self.aggregator.is_recurring {
            set("recurring", true.into());
        }
        if let Some(filter) = &self.filter {
            set("filter", filter.text.as_str().into());
            if filter.grammar != Grammar::Native {
                set("grammar", filter.grammar.name().into());
            }
        }
        if !self.group_keys.is_empty() {
            let keys: Vec<&str> = self.group_keys.iter().map(|path| path.text.as_str()).collect();
            set("group_by", keys.into());
        }
        defaults.fill(&mut native);
        native
    }
}
