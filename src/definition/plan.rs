//! The plan: every metric compiled and laid out for routing (rules 5.1, 5.6, 6.3).
//!
//! A plan is made once from valid definitions and never changes; a change of definitions is a new plan.

use std::collections::BTreeMap;
use std::sync::Arc;

use hashbrown::HashMap;

use super::calendar::Calendar;
use super::meaning::{calendars_meaning, full_meaning, state_meaning};
use super::metric::{CustomerCalendar, Definitions, Metric};
use super::timeline::{Slot, Timeline};
use crate::model::{EventTime, Span};

/// All metrics of all tenants.
#[derive(Debug, Default)]
pub struct Plan {
    metrics: Vec<MetricPlan>,
    by_type: HashMap<Box<str>, HashMap<Box<str>, Vec<u32>>>,
    calendars: Vec<OwnCalendar>,
    revision: u64,
}

/// A customer's own calendar, and what it means.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Debug)]
pub struct OwnCalendar {
    /// Whose customer.
    pub tenant: String,
    /// Which.
    pub customer: String,
    /// From when; `None`: always.
    pub effective_from: Option<EventTime>,
    /// Equal texts mean the same.
    pub meaning: String,
}

/// One metric: a generation of a tenant's code with all its versions.
#[derive(Debug)]
pub struct MetricPlan {
    /// Whose it is.
    pub tenant: Box<str>,
    /// Its name among the tenant's metrics.
    pub code: Box<str>,
    /// How often the code was created; 1 from files.
    pub generation: u64,
    /// Its versions, in order of their beginning.
    pub versions: Vec<Metric>,
    /// Since when it folds nothing any more.
    pub deleted_at: Option<EventTime>,
    /// For each version, which versions share recurring state with it: equal numbers do (rule 5.6 d).
    pub lineages: Vec<u32>,
    /// The longest grace of any version.
    pub grace_max: Span,
    /// The shortest grace of any version.
    pub grace_min: Span,
    calendars_meaning: Arc<str>,
    timeline: Timeline,
    customers: HashMap<Box<str>, Timeline>,
}

impl Plan {
    /// Compiles valid definitions that never change; versions of one code and generation are put in order of
    /// `effective_from`.
    pub fn new(definitions: Definitions) -> Self {
        Plan::at_revision(definitions, 0)
    }

    /// Compiles the valid definitions of a revision: later ones have a greater number, 0 is that of what never changes.
    pub fn at_revision(definitions: Definitions, revision: u64) -> Self {
        let mut families: BTreeMap<(String, String, u64), Vec<Metric>> = BTreeMap::new();
        for metric in definitions.metrics {
            let family = (metric.tenant.clone(), metric.code.clone(), metric.generation);
            families.entry(family).or_default().push(metric);
        }
        let mut calendars: Vec<OwnCalendar> =
            definitions.customers.iter().map(OwnCalendar::of).collect();
        calendars.sort();
        let mut plan = Plan { calendars, revision, ..Plan::default() };
        let mut meanings: BTreeMap<String, Arc<str>> = BTreeMap::new();
        for ((tenant, code, generation), mut versions) in families {
            versions.sort_by_key(|metric| metric.effective_from);
            let overrides = overrides_of(&tenant, &definitions.customers);
            let meaning = meanings
                .entry(tenant.clone())
                .or_insert_with(|| calendars_meaning(overrides.values().flatten()).into());
            let meaning = Arc::clone(meaning);
            let name = (tenant.into(), code.into(), generation);
            plan.add(MetricPlan::new(name, versions, meaning, overrides));
        }
        plan
    }

    fn add(&mut self, metric: MetricPlan) {
        let place = u32::try_from(self.metrics.len()).expect("fewer than 2^32 metrics");
        let of_tenant = self.by_type.entry(metric.tenant.clone()).or_default();
        let folds = |version: &&Metric| !version.is_deleted && !version.is_elsewhere;
        for version in metric.versions.iter().filter(folds) {
            let wanting = of_tenant.entry(version.event_type.as_str().into()).or_default();
            if wanting.last() != Some(&place) {
                wanting.push(place);
            }
        }
        self.metrics.push(metric);
    }

    /// Every customer's own calendars, in order of tenant, customer and `effective_from`.
    pub fn calendars(&self) -> &[OwnCalendar] {
        &self.calendars
    }

    /// Which revision of the definitions it was made from.
    pub fn revision(&self) -> u64 {
        self.revision
    }

    /// Every metric, in order of tenant, code and generation.
    pub fn metrics(&self) -> &[MetricPlan] {
        &self.metrics
    }

    /// The metric at a place that this plan gave out.
    pub fn metric(&self, place: u32) -> &MetricPlan {
        let place = usize::try_from(place).expect("an address has at least 32 bits");
        self.metrics.get(place).expect("places are those that the plan gave out")
    }

    /// Places of the metrics of which some version wants that type of event (rule 5.1).
    pub fn wanting(&self, tenant: &str, event_type: &str) -> &[u32] {
        let of_tenant = self.by_type.get(tenant);
        of_tenant.and_then(|types| types.get(event_type)).map_or(&[], Vec::as_slice)
    }
}

impl OwnCalendar {
    fn of(calendar: &CustomerCalendar) -> Self {
        OwnCalendar {
            tenant: calendar.tenant.clone(),
            customer: calendar.customer.clone(),
            effective_from: calendar.effective_from,
            meaning: calendars_meaning(std::iter::once(calendar)),
        }
    }
}

/// A tenant's calendars by customer, each customer's in order of `effective_from`.
fn overrides_of(
    tenant: &str,
    calendars: &[CustomerCalendar],
) -> BTreeMap<Box<str>, Vec<CustomerCalendar>> {
    let mut found: BTreeMap<Box<str>, Vec<CustomerCalendar>> = BTreeMap::new();
    for calendar in calendars.iter().filter(|calendar| calendar.tenant == tenant) {
        found.entry(calendar.customer.as_str().into()).or_default().push(calendar.clone());
    }
    for of_customer in found.values_mut() {
        of_customer.sort_by_key(|calendar| calendar.effective_from);
    }
    found
}

impl MetricPlan {
    fn new(
        (tenant, code, generation): (Box<str>, Box<str>, u64),
        versions: Vec<Metric>,
        calendars_meaning: Arc<str>,
        overrides: BTreeMap<Box<str>, Vec<CustomerCalendar>>,
    ) -> Self {
        let begins: Vec<(Option<EventTime>, Calendar)> = versions
            .iter()
            .map(|metric| (metric.effective_from, metric.calendar.clone()))
            .collect();
        let timeline = Timeline::new(&begins, &[]);
        let customers = overrides
            .into_iter()
            .map(|(customer, calendars)| (customer, Timeline::new(&begins, &calendars)))
            .collect();
        let lineages = lineages(&versions);
        let graces = || versions.iter().map(|metric| metric.grace);
        let grace_max = graces().max().unwrap_or(Span::ZERO);
        let grace_min = graces().min().unwrap_or(Span::ZERO);
        let deleted_at = versions.iter().filter_map(|metric| metric.deleted_at).max();
        MetricPlan {
            tenant,
            code,
            generation,
            versions,
            deleted_at,
            lineages,
            grace_max,
            grace_min,
            calendars_meaning,
            timeline,
            customers,
        }
    }

    /// The periods as that customer sees them.
    pub fn timeline(&self, customer: &str) -> &Timeline {
        if self.customers.is_empty() {
            return &self.timeline;
        }
        self.customers.get(customer).unwrap_or(&self.timeline)
    }

    /// Customers with calendars of their own.
    pub fn own_calendars(&self) -> impl Iterator<Item = &str> {
        self.customers.keys().map(AsRef::as_ref)
    }

    /// Whether some customers have calendars of their own.
    pub fn has_own_calendars(&self) -> bool {
        !self.customers.is_empty()
    }

    /// The version that folds a slot.
    pub fn version(&self, slot: Slot) -> &Metric {
        self.version_at(slot.version)
    }

    /// The version at a place in the order of `effective_from`.
    pub fn version_at(&self, place: u32) -> &Metric {
        let place = usize::try_from(place).expect("an address has at least 32 bits");
        self.versions.get(place).expect("versions are those of the metric")
    }

    /// The lineage of the version that folds a slot (rule 5.6 d).
    pub fn lineage(&self, slot: Slot) -> u32 {
        let place = usize::try_from(slot.version).expect("an address has at least 32 bits");
        *self.lineages.get(place).expect("each version has a lineage")
    }

    /// From which watermark on the slot is due (rule 7.2).
    pub fn due_at(&self, slot: Slot) -> EventTime {
        slot.period.end.saturating_add(self.version(slot).grace)
    }

    /// What each version means for the numbers, for telling whether a definition was changed in place.
    pub fn meanings(&self) -> Vec<String> {
        self.versions.iter().map(full_meaning).collect()
    }

    /// What the calendars of the tenant's customers mean; empty where none has one.
    pub fn calendars_meaning(&self) -> &str {
        &self.calendars_meaning
    }
}

/// Numbers the runs of versions that pass recurring state on (rule 5.6 d).
fn lineages(versions: &[Metric]) -> Vec<u32> {
    let mut numbers = Vec::with_capacity(versions.len());
    let mut current: u32 = 0;
    let mut before: Option<&Metric> = None;
    for version in versions {
        if before.is_some_and(|before| !continues(before, version)) {
            current = current.checked_add(1).expect("a metric has fewer than 2^32 versions");
        }
        numbers.push(current);
        before = Some(version);
    }
    numbers
}

fn continues(before: &Metric, version: &Metric) -> bool {
    // What a topic's tasks carry stays theirs.
    version.is_recurring
        && before.is_recurring
        && version.topic == before.topic
        && state_meaning(version) == state_meaning(before)
}
