//! Whether what is counted keeps its periods where definitions were added to: a new version, or a customer's calendar, must not
//! begin inside of what a state holds (rules 5.6 c, 6.3), or one period would have totals of two meanings.

use super::bytes::{Corrupt, Reader};
use super::dictionary::{Change, DictionaryFault};
use super::value::{check_version, read_carry, read_cell_as, slot_ending};
use crate::definition::{MetricPlan, Slot};
use crate::model::{EventTime, Period};

/// The period of a plain cell that ends at `end`.
///
/// # Errors
/// Bytes that no cell was written as.
pub fn cell_period(value: &[u8], end: EventTime) -> Result<Period, Corrupt> {
    let mut reader = Reader::new(value, "a cell");
    check_version(&mut reader)?;
    Ok(Period { start: reader.time()?, end })
}

/// What a recurring chain has counted or published.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct ChainPeriods {
    /// The periods that it keeps.
    pub kept: Vec<Period>,
    /// An instant inside the first of them, or of those that are to come. What is before it is published.
    pub kept_from: EventTime,
}

/// The periods of a recurring chain.
///
/// # Errors
/// Bytes that no chain was written as.
pub fn chain_periods(value: &[u8]) -> Result<ChainPeriods, Corrupt> {
    let mut reader = Reader::new(value, "a chain");
    check_version(&mut reader)?;
    let kept_from = reader.time()?;
    read_carry(&mut reader)?;
    let count = reader.u32()?;
    let mut kept = Vec::new();
    for _ in 0..count {
        let end = reader.time()?;
        // Only where it lies is looked at, so any slot of that span will do.
        let slot = |period| Some(Slot { period, version: 0, segment: 0 });
        kept.push(read_cell_as(&mut reader, end, slot)?.slot.period);
    }
    reader.end()?;
    Ok(ChainPeriods { kept, kept_from })
}

/// What stands in the way of a metric's added versions and calendars; asked of every period that a state holds of it.
pub struct PeriodCheck<'p> {
    metric: &'p MetricPlan,
    /// How many of its versions the state knows.
    versions: u32,
    fault: Option<(String, Period, EventTime, Change)>,
    past: Option<DictionaryFault>,
}

impl<'p> PeriodCheck<'p> {
    /// Nothing does so far.
    pub fn new(metric: &'p MetricPlan, versions: u32) -> Self {
        PeriodCheck { metric, versions, fault: None, past: None }
    }

    /// A period that is counted.
    pub fn look_at(&mut self, customer: &str, period: Period) {
        let found = slot_ending(self.metric.timeline(customer), period.end);
        match found.filter(|slot| slot.period.start == period.start) {
            Some(slot) if slot.version < self.versions => {}
            Some(_) => self.refuse(customer, period, Change::Version),
            None if self.begins_before(customer, period.end) => {
                self.refuse(customer, period, Change::Version);
            }
            None => self.refuse(customer, period, Change::Calendar),
        }
    }

    /// A recurring chain whose periods before that instant are counted and forgotten.
    pub fn look_at_forgotten(&mut self, customer: &str, end: EventTime) {
        if let Some(start) = self.first_begin(customer).filter(|begin| *begin < end) {
            self.refuse(customer, Period { start, end }, Change::Version);
        }
    }

    /// Of a state that forgot what is before an instant: no version may begin there, in no calendar.
    pub fn look_at_past(&mut self, too_old_before: EventTime) {
        let begins =
            |customer: &str| self.first_begin(customer).is_some_and(|begin| begin < too_old_before);
        // No customer is called so, so that this asks for the metric's own calendar.
        if begins("") || self.metric.own_calendars().any(begins) {
            self.forgotten(too_old_before, Change::Version, None);
        }
    }

    /// A customer's calendars changed where all is forgotten.
    pub fn look_at_calendar(&mut self, too_old_before: EventTime, customer: &str) {
        self.forgotten(too_old_before, Change::Calendar, Some(customer.to_owned()));
    }

    fn forgotten(&mut self, free_from: EventTime, change: Change, customer: Option<String>) {
        let fault = DictionaryFault::forgotten(self.metric, free_from, change, customer);
        self.past.get_or_insert(fault);
    }

    fn begins_before(&self, customer: &str, end: EventTime) -> bool {
        self.first_begin(customer).is_some_and(|begin| begin < end)
    }

    /// Where the first version that the state does not know begins.
    fn first_begin(&self, customer: &str) -> Option<EventTime> {
        let versions = u32::try_from(self.metric.versions.len()).unwrap_or(u32::MAX);
        let timeline = self.metric.timeline(customer);
        // Only a metric's first version may have no begin, and that one is known.
        (self.versions..versions).find_map(|version| timeline.begin_of(version)).flatten()
    }

    fn refuse(&mut self, customer: &str, period: Period, change: Change) {
        let end = self.fault.as_ref().map_or(period.end, |(_, _, end, _)| period.end.max(*end));
        match &mut self.fault {
            Some((_, _, free_from, _)) => *free_from = end,
            None => self.fault = Some((customer.to_owned(), period, end, change)),
        }
    }

    /// The fault, if there is one.
    pub fn into_fault(self) -> Option<DictionaryFault> {
        let Some((customer, period, free_from, change)) = self.fault else { return self.past };
        Some(DictionaryFault::counted(self.metric, customer, period, free_from, change))
    }
}
