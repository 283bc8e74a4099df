//! Definitions of files: read-only to everybody but the files' own text, taken whole or not at all.
//!
//! A metric that its file no longer has folds nothing any more, and its open periods still close: so what was in the files
//! is kept, and stored beside the state.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use super::{Horizon, Registry, Unreadable, standing};
use crate::definition::{
    CustomerCalendar, Definitions, Metric, OwnCalendar, Plan, full_meaning, version_fault,
};
use crate::format::definitions::read_body;
use crate::model::EventTime;

/// What files define, and did define.
#[derive(Clone, Default, Debug)]
pub(super) struct Files {
    now: Definitions,
    /// No longer in them: deleted.
    removed: Vec<Metric>,
}

/// What is stored of a metric of a file, a version each.
#[derive(Clone, PartialEq, Eq, Serialize, Deserialize, Debug)]
pub struct Kept {
    /// `file:` and the file's name.
    pub place: String,
    /// The entry, with its native form as one JSON object.
    pub native: String,
}

impl Files {
    pub(super) fn definitions(&self) -> Definitions {
        let mut definitions = self.now.clone();
        definitions.metrics.extend(self.removed.iter().cloned());
        definitions
    }

    /// Where a metric stands.
    pub(super) fn place(&self, tenant: &str, code: &str) -> Option<String> {
        let found = self.now.metrics.iter().find(|metric| is_of(metric, tenant, code));
        found.map(|metric| metric.source.place.clone())
    }

    pub(super) fn has_removed(&self, tenant: &str, code: &str) -> bool {
        self.removed.iter().any(|metric| is_of(metric, tenant, code))
    }

    /// The calendars of one customer.
    pub(super) fn customers_of(&self, tenant: &str, customer: &str) -> Vec<CustomerCalendar> {
        let is_it = |own: &&CustomerCalendar| own.tenant == tenant && own.customer == customer;
        self.now.customers.iter().filter(is_it).cloned().collect()
    }

    pub(super) fn metrics(&self) -> &[Metric] {
        &self.now.metrics
    }
}

fn is_of(metric: &Metric, tenant: &str, code: &str) -> bool {
    metric.tenant == tenant && metric.code == code
}

/// By which clock a reload is judged.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Reload {
    /// The clock.
    pub at: EventTime,
    /// From when on what is new may count.
    pub horizon: Horizon,
}

impl Registry {
    /// With what files defined when a process last worked: what they no longer have is deleted.
    ///
    /// # Errors
    /// A kept entry that does not compile.
    #[must_use = "the registry itself is as it was"]
    pub fn with_kept(&self, kept: &[Kept]) -> Result<Registry, Unreadable> {
        let mut registry = self.clone();
        for Kept { place, native } in kept {
            let mut metric = read_body(native).map_err(|faults| {
                let texts = faults.iter().map(|fault| format!("{}: {}", fault.path, fault.message));
                Unreadable(format!("{place}: {}", texts.collect::<Vec<_>>().join("; ")))
            })?;
            metric.source.place.clone_from(place);
            metric.is_deleted = true;
            registry.files.removed.push(metric);
        }
        Ok(registry)
    }

    /// What is to be kept for the next process.
    pub fn kept(&self) -> Vec<Kept> {
        let Files { now, removed } = &self.files;
        let all = now.metrics.iter().chain(removed);
        let kept = all.map(|metric| Kept {
            place: metric.source.place.clone(),
            native: metric.source.native.as_ref().unwrap_or(&metric.source.written).clone(),
        });
        kept.collect()
    }

    /// With these definitions of files in place of those before. What is gone is deleted. `reload`: while tasks work by the
    /// ones before; at a start each state judges for itself.
    ///
    /// # Errors
    /// Everything that stands in the way: codes that were made otherwise, and what would change the meaning of what is
    /// counted.
    #[must_use = "the registry itself is as it was"]
    pub fn with_files(
        &self,
        definitions: Definitions,
        reload: Option<Reload>,
    ) -> Result<Registry, Vec<String>> {
        let mut faults = Vec::new();
        let (before, now) = (families(self.files.all()), families(definitions.metrics.iter()));
        for ((tenant, code), versions) in &now {
            let place = versions.first().map_or("", |version| version.source.place.as_str());
            faults.extend(self.clash_with(tenant, code, place));
            if let (Some(reload), known) = (reload, before.get(&(*tenant, *code))) {
                let known = known.map_or(&[][..], Vec::as_slice);
                faults.extend(
                    obstacle(known, versions, reload).map(|text| {
                        format!("{place}: metric {code:?} of tenant {tenant:?} {text}")
                    }),
                );
            }
        }
        if let Some(reload) = reload {
            faults.extend(changed_calendars(&self.files.now, &definitions, reload));
        }
        if !faults.is_empty() {
            return Err(faults);
        }
        let gone = self
            .files
            .all()
            .filter(|metric| !now.contains_key(&(metric.tenant.as_str(), metric.code.as_str())));
        let removed = gone.map(|metric| Metric { is_deleted: true, ..metric.clone() }).collect();
        let standing = standing::records(&definitions.metrics);
        Ok(Registry { files: Files { now: definitions, removed }, standing, ..self.clone() })
    }
}

impl Registry {
    /// A metric of a file that was made otherwise, too.
    pub fn clash(&self) -> Option<String> {
        let mut metrics = self.files.now.metrics.iter();
        metrics
            .find_map(|metric| self.clash_with(&metric.tenant, &metric.code, &metric.source.place))
    }

    fn clash_with(&self, tenant: &str, code: &str, place: &str) -> Option<String> {
        let by = self.alive(tenant, code)?.record.origin.name();
        Some(format!(
            "{place}: metric {code:?} of tenant {tenant:?} was created over the {by} API: delete it there first, or use \
             another code"
        ))
    }
}

impl Files {
    fn all(&self) -> impl Iterator<Item = &Metric> {
        self.now.metrics.iter().chain(&self.removed)
    }
}

type Families<'m> = BTreeMap<(&'m str, &'m str), Vec<&'m Metric>>;

/// Versions by tenant and code, in order.
fn families<'m>(metrics: impl Iterator<Item = &'m Metric>) -> Families<'m> {
    let mut families = Families::new();
    for metric in metrics {
        families.entry((&metric.tenant, &metric.code)).or_default().push(metric);
    }
    for versions in families.values_mut() {
        versions.sort_by_key(|metric| metric.effective_from);
    }
    families
}

/// What stands in the way of taking these versions after those that are known.
fn obstacle(known: &[&Metric], now: &[&Metric], reload: Reload) -> Option<String> {
    let meanings = |versions: &[&Metric]| -> Vec<String> {
        versions.iter().map(|version| full_meaning(version)).collect()
    };
    if let Some(how) = version_fault(&meanings(known), &meanings(now)) {
        return Some(how.to_owned());
    }
    if known.is_empty() {
        return None;
    }
    let earliest = reload.horizon.earliest(reload.at);
    let added = now.iter().skip(known.len());
    let mut early = added.filter(|version| version.effective_from < Some(earliest));
    early.next().map(|version| {
        let begin = version.effective_from.map_or(String::new(), |begin| format!(" of {begin}"));
        format!(
            "has a new version with an effective_from{begin}, too early for a reload: events of that time may be counted \
             by now. Give {earliest} or a later instant, or start the process anew, which looks at what is counted"
        )
    })
}

fn changed_calendars(before: &Definitions, now: &Definitions, reload: Reload) -> Vec<String> {
    let calendars = |definitions: &Definitions| {
        let customers = definitions.customers.clone();
        Plan::new(Definitions { metrics: Vec::new(), customers }).calendars().to_vec()
    };
    let (before, now) = (calendars(before), calendars(now));
    let earliest = reload.horizon.earliest(reload.at);
    let only = |one: &[OwnCalendar], other: &[OwnCalendar]| -> Vec<OwnCalendar> {
        one.iter().filter(|calendar| !other.contains(calendar)).cloned().collect()
    };
    let changed = only(&before, &now).into_iter().chain(only(&now, &before));
    let early = changed.filter(|calendar| calendar.effective_from < Some(earliest));
    let texts = early.map(|calendar| {
        let OwnCalendar { tenant, customer, .. } = calendar;
        format!(
            "the calendar of customer {customer:?} of tenant {tenant:?} changed from before {earliest} on, too early for a \
             reload: add one with an effective_from of {earliest} or later, or start the process anew"
        )
    });
    texts.collect()
}
