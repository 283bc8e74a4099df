//! Customers' own calendars as a state was last used with: what changes among them may not reach into what is forgotten.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use super::bytes::Corrupt;
use crate::definition::{OwnCalendar, Plan};
use crate::model::EventTime;

/// A customer whose calendars are not what they were.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct ChangedCalendar {
    /// Whose customer.
    pub tenant: String,
    /// Which.
    pub customer: String,
    /// From when on; `None`: always.
    pub from: Option<EventTime>,
}

#[derive(Serialize, Deserialize)]
struct Stored {
    tenant: String,
    customer: String,
    /// Microseconds since the epoch.
    effective_from: Option<i64>,
    meaning: String,
}

/// The value of the plan's calendars; nothing where it has none.
pub(super) fn encode_calendars(plan: &Plan) -> Vec<u8> {
    let stored = plan.calendars().iter().map(|calendar| Stored {
        tenant: calendar.tenant.clone(),
        customer: calendar.customer.clone(),
        effective_from: calendar.effective_from.map(EventTime::micros),
        meaning: calendar.meaning.clone(),
    });
    let stored: Vec<Stored> = stored.collect();
    if stored.is_empty() {
        return Vec::new();
    }
    serde_json::to_vec(&stored).expect("plain fields are JSON")
}

/// Inverse of [`encode_calendars`].
pub(super) fn decode_calendars(bytes: &[u8]) -> Result<Vec<OwnCalendar>, Corrupt> {
    if bytes.is_empty() {
        return Ok(Vec::new());
    }
    let stored: Vec<Stored> = serde_json::from_slice(bytes)
        .map_err(|error| Corrupt(format!("calendars that are not JSON: {error}")))?;
    let calendars = stored.into_iter().map(|one| OwnCalendar {
        tenant: one.tenant,
        customer: one.customer,
        effective_from: one.effective_from.map(EventTime::from_micros),
        meaning: one.meaning,
    });
    Ok(calendars.collect())
}

/// Every customer whose calendars differ, with where they begin to.
pub(super) fn changes(before: &[OwnCalendar], now: &[OwnCalendar]) -> Vec<ChangedCalendar> {
    let only = |one: &[OwnCalendar], other: &[OwnCalendar]| -> Vec<OwnCalendar> {
        one.iter().filter(|calendar| !other.contains(calendar)).cloned().collect()
    };
    let mut found: BTreeMap<(String, String), Option<EventTime>> = BTreeMap::new();
    for changed in only(before, now).into_iter().chain(only(now, before)) {
        let from = changed.effective_from;
        let key = (changed.tenant, changed.customer);
        found.entry(key).and_modify(|first| *first = (*first).min(from)).or_insert(from);
    }
    let changes = found.into_iter();
    changes.map(|((tenant, customer), from)| ChangedCalendar { tenant, customer, from }).collect()
}
