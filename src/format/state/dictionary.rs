//! The dictionary: numbers that stand for metrics in keys, and what each metric meant when it was used.
//!
//! A metric whose meaning changed without a new `effective_from` would mix two meanings in one total: it is refused.

use std::collections::BTreeMap;
use std::fmt;

use serde::{Deserialize, Serialize};
use sha2::{Digest, Sha256};

use super::bytes::Corrupt;
use super::calendars::{ChangedCalendar, changes, decode_calendars, encode_calendars};
use crate::definition::{MetricPlan, Plan, version_fault};
use crate::model::{EventTime, Period};

/// Numbers of metrics.
#[derive(Clone, Default, Debug)]
pub struct Dictionary {
    numbers: Vec<u32>,
    places: BTreeMap<u32, u32>,
    changed: Vec<(u32, Vec<u8>)>,
    extended: Vec<(u32, u32)>,
    left_out: Vec<LeftOut>,
    /// The value of the calendars, where it is another one than is stored.
    calendars: Option<Vec<u8>>,
}

/// A metric that a state knows and a plan does not.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct LeftOut {
    /// What its keys bear.
    pub number: u32,
    /// Whose.
    pub tenant: String,
    /// Which.
    pub code: String,
    /// How often that code had been created, this one included.
    pub generation: u64,
}

/// A metric that is not what it was.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct DictionaryFault {
    /// Whose.
    pub tenant: String,
    /// Which.
    pub code: String,
    fault: MetricFault,
}

/// What is wrong with it.
#[derive(Clone, PartialEq, Eq, Debug)]
enum MetricFault {
    /// Its versions are not those that are known: in which way.
    Changed(&'static str),
    /// What was added reaches into what is counted.
    Counted(Counted),
    /// It reaches to before that instant, where all that was counted is forgotten.
    Forgotten(EventTime, Change, Option<String>),
}

/// What was added to a metric.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) enum Change {
    /// A version.
    Version,
    /// A customer's calendar.
    Calendar,
}

/// A period that stands in the way of what was added.
#[derive(Clone, PartialEq, Eq, Debug)]
struct Counted {
    customer: String,
    period: Period,
    free_from: EventTime,
    change: Change,
}

impl DictionaryFault {
    /// What was added begins before `free_from`, inside of what is counted, such as that period of that customer.
    pub(super) fn counted(
        metric: &MetricPlan,
        customer: String,
        period: Period,
        free_from: EventTime,
        change: Change,
    ) -> Self {
        DictionaryFault {
            tenant: metric.tenant.to_string(),
            code: metric.code.to_string(),
            fault: MetricFault::Counted(Counted { customer, period, free_from, change }),
        }
    }

    /// What was added reaches to before `free_from`, of that customer or of every one.
    pub(super) fn forgotten(
        metric: &MetricPlan,
        free_from: EventTime,
        change: Change,
        customer: Option<String>,
    ) -> Self {
        DictionaryFault {
            tenant: metric.tenant.to_string(),
            code: metric.code.to_string(),
            fault: MetricFault::Forgotten(free_from, change, customer),
        }
    }
}

impl fmt::Display for DictionaryFault {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let DictionaryFault { tenant, code, fault } = self;
        write!(f, "metric {code:?} of tenant {tenant:?} ")?;
        let added = |change: &Change| match change {
            Change::Version => "has a new version that begins",
            Change::Calendar => {
                "has a customer's calendar ([[customers]]) that was changed or begins"
            }
        };
        let (customer, period, free_from, change) = match fault {
            MetricFault::Changed(how) => return f.write_str(how),
            MetricFault::Forgotten(free_from, change, customer) => {
                let of =
                    customer.as_ref().map_or(String::new(), |name| format!(" (customer {name:?})"));
                let added = added(change);
                return write!(
                    f,
                    "{added}{of} before {free_from}, where what was counted is forgotten and may have been billed: \
                     give it an effective_from of {free_from} or later"
                );
            }
            MetricFault::Counted(Counted { customer, period, free_from, change }) => {
                (customer, period, free_from, change)
            }
        };
        let added = added(change);
        write!(
            f,
            "{added} inside of what is counted already, such as {} to {} of customer {customer:?}: give it an \
             effective_from of {free_from} or later",
            period.start, period.end
        )
    }
}

#[derive(Serialize, Deserialize, PartialEq)]
struct Entry {
    tenant: String,
    code: String,
    generation: u64,
    meanings: Vec<String>,
    /// Digest of the calendars of the tenant's customers; empty where there are none.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    calendars: String,
}

impl Entry {
    fn of(metric: &MetricPlan) -> Self {
        let meanings = metric.meanings().iter().map(|meaning| digest_of(meaning)).collect();
        Entry {
            tenant: metric.tenant.to_string(),
            code: metric.code.to_string(),
            generation: metric.generation,
            meanings,
            calendars: Some(metric.calendars_meaning())
                .filter(|meaning| !meaning.is_empty())
                .map_or_else(String::new, digest_of),
        }
    }

    /// What tells one metric from another.
    fn name(&self) -> (String, String, u64) {
        (self.tenant.clone(), self.code.clone(), self.generation)
    }
}

fn digest_of(meaning: &str) -> String {
    let digest: [u8; 32] = Sha256::digest(meaning.as_bytes()).into();
    let (head, _) = digest.split_first_chunk().expect("32 bytes are more than 16");
    format!("{:032x}", u128::from_be_bytes(*head))
}

impl Dictionary {
    /// Numbers the metrics of a plan, by the entries that a state holds. New metrics and new versions make entries
    /// to be stored with the next commit.
    ///
    /// # Errors
    /// Entries that cannot be read, or every metric that changed its meaning in place.
    pub fn new<'e>(
        plan: &Plan,
        stored: impl IntoIterator<Item = (u32, &'e [u8])>,
    ) -> Result<Result<Self, Vec<DictionaryFault>>, Corrupt> {
        let mut entries = BTreeMap::new();
        for (number, bytes) in stored {
            let entry: Entry = serde_json::from_slice(bytes).map_err(|error| {
                Corrupt(format!("a dictionary entry that is not JSON: {error}"))
            })?;
            entries.insert(number, entry);
        }
        let numbers: BTreeMap<_, u32> =
            entries.iter().map(|(number, entry)| (entry.name(), *number)).collect();
        let after =
            |number: u32| number.checked_add(1).expect("a state has fewer than 2^32 metrics");
        let mut next = entries.keys().last().map_or(0, |last| after(*last));
        let mut dictionary = Dictionary::default();
        let mut faults = Vec::new();
        for (place, metric) in (0..).zip(plan.metrics()) {
            let entry = Entry::of(metric);
            let number = numbers.get(&entry.name()).copied();
            let known = number.and_then(|number| entries.get(&number));
            let number = number.unwrap_or(next);
            if known.is_none() {
                next = after(next);
            }
            let meanings = known.map_or(&[][..], |known| &known.meanings);
            if let Some(how) = version_fault(meanings, &entry.meanings) {
                let (tenant, code) = (entry.tenant, entry.code);
                faults.push(DictionaryFault { tenant, code, fault: MetricFault::Changed(how) });
                continue;
            }
            if known.is_some_and(|known| *known != entry) {
                let versions = u32::try_from(meanings.len()).expect("fewer than 2^32 versions");
                dictionary.extended.push((place, versions));
            }
            if known.is_none_or(|known| *known != entry) {
                let bytes = serde_json::to_vec(&entry).expect("plain fields are JSON");
                dictionary.changed.push((number, bytes));
            }
            dictionary.numbers.push(number);
            dictionary.places.insert(number, place);
        }
        let lacks = |(number, _): &(u32, Entry)| !dictionary.places.contains_key(number);
        let left_out = entries.into_iter().filter(lacks).map(|(number, entry)| {
            let Entry { tenant, code, generation, .. } = entry;
            LeftOut { number, tenant, code, generation }
        });
        dictionary.left_out = left_out.collect();
        Ok(if faults.is_empty() { Ok(dictionary) } else { Err(faults) })
    }

    /// The number of the metric at a place in the plan.
    pub fn number(&self, place: u32) -> u32 {
        let place = usize::try_from(place).expect("an address has at least 32 bits");
        *self.numbers.get(place).expect("places are those of the plan")
    }

    /// The place in the plan of the metric with that number; `None` where the plan no longer has it.
    pub fn place(&self, number: u32) -> Option<u32> {
        self.places.get(&number).copied()
    }

    /// Metrics that were added to since they were stored: place in the plan, and how many versions are stored. What is
    /// counted of them is to be looked at ([`super::PeriodCheck`]).
    pub fn extended(&self) -> &[(u32, u32)] {
        &self.extended
    }

    /// Metrics that the plan does not have.
    pub fn left_out(&self) -> &[LeftOut] {
        &self.left_out
    }

    /// Entries that are new since they were stored: number and value.
    pub fn changed(&self) -> &[(u32, Vec<u8>)] {
        &self.changed
    }

    /// Takes the plan's calendars in, beside what is stored of them; says for which customers they changed.
    ///
    /// # Errors
    /// An entry that cannot be read.
    pub fn take_calendars(
        &mut self,
        plan: &Plan,
        stored: Option<&[u8]>,
    ) -> Result<Vec<ChangedCalendar>, Corrupt> {
        let stored = stored.unwrap_or_default();
        let now = encode_calendars(plan);
        if now == stored {
            return Ok(Vec::new());
        }
        self.calendars = Some(now);
        Ok(changes(&decode_calendars(stored)?, plan.calendars()))
    }

    /// The value of the calendars, where it changed since it was stored.
    pub fn changed_calendars(&self) -> Option<&[u8]> {
        self.calendars.as_deref()
    }

    /// The changed entries are stored.
    pub fn is_stored(&mut self) {
        self.calendars = None;
        self.changed.clear();
        self.extended.clear();
    }
}
