//! Definitions of files: read-only to everybody but the files' own text, taken whole or not at all.
//!
//! A metric that its file no longer has folds nothing any more, and its open periods still close: so what was in the files
//! is kept, and stored beside the state.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use super::record::maybe_instant;
use super::{Horizon, Origin, Record, Registry, Unreadable, standing};
use crate::definition::{
    CustomerCalendar, Definitions, Metric, OwnCalendar, Plan, full_meaning, version_fault,
};
use crate::format::definitions::read_stored;
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
    /// How often the code had been created.
    #[serde(default = "first", skip_serializing_if = "is_first")]
    pub generation: u64,
    /// Since when the file no longer has it.
    #[serde(default, skip_serializing_if = "Option::is_none", with = "maybe_instant")]
    pub removed_at: Option<EventTime>,
}

const fn first() -> u64 {
    1
}

#[expect(clippy::trivially_copy_pass_by_ref, reason = "serde wants it so")]
const fn is_first(generation: &u64) -> bool {
    *generation == 1
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

    /// The newest generation of a code that files have, or had.
    pub(super) fn generation(&self, tenant: &str, code: &str) -> Option<u64> {
        let own = self.all().filter(|metric| is_of(metric, tenant, code));
        own.map(|metric| metric.generation).max()
    }

    /// What was made otherwise, and deleted, was before what files have now: that is another metric.
    pub(super) fn come_after(&mut self, record: &Record) {
        for metric in &mut self.now.metrics {
            if is_of(metric, &record.tenant, &record.code) && metric.generation <= record.generation
            {
                metric.generation = record.generation.saturating_add(1);
            }
        }
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

impl Registry {
    /// With what files defined when a process last worked: what they no longer have is deleted.
    ///
    /// # Errors
    /// A kept entry that does not compile.
    #[must_use = "the registry itself is as it was"]
    pub fn with_kept(&self, kept: &[Kept]) -> Result<Registry, Unreadable> {
        let mut registry = self.clone();
        for Kept { place, native, generation, removed_at } in kept {
            let mut metric = read_stored(native).map_err(|faults| {
                let texts = faults.iter().map(|fault| format!("{}: {}", fault.path, fault.message));
                Unreadable(format!("{place}: {}", texts.collect::<Vec<_>>().join("; ")))
            })?;
            metric.source.place.clone_from(place);
            (metric.generation, metric.is_deleted) = (*generation, true);
            metric.deleted_at = *removed_at;
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
            generation: metric.generation,
            removed_at: metric.deleted_at,
        });
        kept.collect()
    }

    /// With these definitions of files in place of those before, by the clock at that time. What is gone is deleted. `horizon`:
    /// while tasks work by the ones before, from when on what is new may count; at a start each state judges for itself.
    ///
    /// # Errors
    /// Everything that stands in the way: codes that were made otherwise, and what would change the meaning of what is
    /// counted.
    #[must_use = "the registry itself is as it was"]
    pub fn with_files(
        &self,
        mut definitions: Definitions,
        at: EventTime,
        horizon: Option<Horizon>,
    ) -> Result<Registry, Vec<String>> {
        let mut faults = Vec::new();
        for metric in &mut definitions.metrics {
            metric.generation = self.generation_in_files(&metric.tenant, &metric.code);
        }
        let earliest = horizon.map(|horizon| horizon.earliest(at));
        let (before, now) = (families(self.files.all()), families(definitions.metrics.iter()));
        for (name, versions) in &now {
            let (tenant, code, _) = *name;
            let place = versions.first().map_or("", |version| version.source.place.as_str());
            faults.extend(self.clash_with(tenant, code, place));
            if let Some(earliest) = earliest {
                let known = before.get(name).map_or(&[][..], Vec::as_slice);
                faults.extend(
                    obstacle(known, versions, earliest).map(|text| {
                        format!("{place}: metric {code:?} of tenant {tenant:?} {text}")
                    }),
                );
            }
        }
        if let Some(earliest) = earliest {
            faults.extend(changed_calendars(&self.files.now, &definitions, earliest));
        }
        if !faults.is_empty() {
            return Err(faults);
        }
        let removed_at = horizon.map_or(at, |horizon| horizon.now(at));
        let gone = self.files.all().filter(|metric| !now.contains_key(&name_of(metric)));
        let removed = gone.map(|metric| Metric {
            is_deleted: true,
            deleted_at: metric.deleted_at.or(Some(removed_at)),
            ..metric.clone()
        });
        let removed = removed.collect();
        let standing = standing::records(&definitions.metrics);
        Ok(Registry { files: Files { now: definitions, removed }, standing, ..self.clone() })
    }

    /// Which generation of its code a metric of a file is: the one that files had last, unless it was made otherwise since.
    fn generation_in_files(&self, tenant: &str, code: &str) -> u64 {
        let made = self.generations(tenant, code).last().map(|made| made.record.generation);
        let own = self.files.generation(tenant, code);
        match (own, made) {
            (Some(own), made) if Some(own) > made => own,
            (_, made) => made.map_or(1, |made| made.saturating_add(1)),
        }
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
        let by = match self.alive(tenant, code)?.record.origin {
            Origin::Api => "native",
            of_another => of_another.name(),
        };
        Some(format!(
            "{place}: metric {code:?} of tenant {tenant:?} was created over the {by} API: delete it there first, or use \
             another code"
        ))
    }
}

impl Files {
    /// What they have, and had.
    pub(super) fn all(&self) -> impl Iterator<Item = &Metric> {
        self.now.metrics.iter().chain(&self.removed)
    }
}

type Families<'m> = BTreeMap<(&'m str, &'m str, u64), Vec<&'m Metric>>;

fn name_of(metric: &Metric) -> (&str, &str, u64) {
    (&metric.tenant, &metric.code, metric.generation)
}

/// Versions by tenant, code and generation, in order.
fn families<'m>(metrics: impl Iterator<Item = &'m Metric>) -> Families<'m> {
    let mut families = Families::new();
    for metric in metrics {
        families.entry(name_of(metric)).or_default().push(metric);
    }
    for versions in families.values_mut() {
        versions.sort_by_key(|metric| metric.effective_from);
    }
    families
}

/// What stands in the way of taking these versions after those that are known.
fn obstacle(known: &[&Metric], now: &[&Metric], earliest: EventTime) -> Option<String> {
    let meanings = |versions: &[&Metric]| -> Vec<String> {
        versions.iter().map(|version| full_meaning(version)).collect()
    };
    if let Some(how) = version_fault(&meanings(known), &meanings(now)) {
        return Some(how.to_owned());
    }
    if known.is_empty() {
        return None;
    }
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

fn changed_calendars(before: &Definitions, now: &Definitions, earliest: EventTime) -> Vec<String> {
    let calendars = |definitions: &Definitions| {
        let customers = definitions.customers.clone();
        Plan::new(Definitions { metrics: Vec::new(), customers }).calendars().to_vec()
    };
    let (before, now) = (calendars(before), calendars(now));
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
