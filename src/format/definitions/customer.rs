//! One entry of `customers`: another calendar for one customer (rule 6.3).
//!
//! Anchors are taken with any period: rule 6.3 has them ignored where the period takes none, since the period may
//! be each metric's own.

use std::collections::BTreeMap;

use super::place::Place;
use super::reader::{Faults, Field};
use super::{metric, period, versions};
use crate::definition::{CustomerCalendar, PeriodUnit};

const KEYS: [&str; 7] =
    ["customer", "tenant", "period", "timezone", "anchor", "anchor_month", "effective_from"];

const UNITS: [(&str, PeriodUnit); 4] = [
    ("week", PeriodUnit::Week),
    ("month", PeriodUnit::Month),
    ("quarter", PeriodUnit::Quarter),
    ("year", PeriodUnit::Year),
];

/// Reads an entry.
pub(super) fn read(entry: &Field<'_>) -> Option<(Place, CustomerCalendar)> {
    let table = entry.table(&KEYS).ok()?;
    let tenant = metric::tenant(&table);
    let customer = table.required("customer", "say whose calendar it is", Field::identity);
    let period = table.optional("period", |field| field.choice(&UNITS));
    let timezone = table.optional("timezone", period::timezone);
    let anchor = table.optional("anchor", period::anchor);
    let anchor_month = table.optional("anchor_month", period::anchor_month);
    let effective_from = table.optional("effective_from", Field::instant);
    let calendar = CustomerCalendar {
        tenant: tenant.ok()?,
        customer: customer.ok()?,
        period: period.ok()?,
        timezone: timezone.ok()?,
        anchor: anchor.ok()?,
        anchor_month: anchor_month.ok()?,
        effective_from: effective_from.ok()?,
    };
    Some((table.place().clone(), calendar))
}

/// The calendars of each customer together, by when they begin; two that begin together are a fault.
pub(super) fn in_order(
    read: Vec<(Place, CustomerCalendar)>,
    faults: &Faults<'_>,
) -> Vec<CustomerCalendar> {
    let mut begins: BTreeMap<_, &Place> = BTreeMap::new();
    for (place, calendar) in &read {
        let key = (&calendar.tenant, &calendar.customer, calendar.effective_from);
        if let Some(first) = begins.insert(key, place) {
            let begin = versions::begin_text(calendar.effective_from);
            let message = format!("{first} is of the same customer and {begin}: keep one of them");
            faults.add(place, message);
        }
    }
    let calendars = read.into_iter().map(|(_, calendar)| calendar).collect();
    versions::grouped(
        calendars,
        |calendar| (calendar.tenant.clone(), calendar.customer.clone()),
        |calendar| calendar.effective_from,
    )
}
