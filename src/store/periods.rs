//! A state whose definitions were added to: does all that is counted keep its periods?

use rocksdb::{Direction, IteratorMode};

use super::{Error, Store};
use crate::definition::MetricPlan;
use crate::engine::customer_digest;
use crate::format::state::{self, ChangedCalendar, PeriodCheck};
use crate::model::EventTime;

impl Store {
    /// Looks at everything that is kept of metrics with new versions or calendars.
    pub(super) fn check_periods(&self, calendars: &[ChangedCalendar]) -> Result<(), Error> {
        let mut faults = Vec::new();
        if self.dictionary.extended().is_empty() {
            return Ok(());
        }
        let last = self.commits()?.last().copied();
        let past = last.and_then(|last| last.too_old_before);
        let reached = last.and_then(|last| last.latest_time.max(last.watermark));
        for (place, versions) in self.dictionary.extended() {
            let metric = self.plan.metric(*place);
            // Nothing was counted, or closed, of what begins later: no need to look at each period.
            if calendars.is_empty() && begins_after(metric, *versions, reached) {
                continue;
            }
            let mut check = PeriodCheck::new(metric, *versions);
            if let Some(past) = past {
                check.look_at_past(past);
                for calendar in calendars.iter().filter(|one| *one.tenant == *metric.tenant) {
                    let is_past = calendar.from.is_none_or(|from| from < past);
                    if is_past && self.has_seen(calendar)? {
                        check.look_at_calendar(past, &calendar.customer);
                    }
                }
            }
            self.look_at_cells(*place, &mut check)?;
            self.look_at_chains(*place, &mut check)?;
            faults.extend(check.into_fault());
        }
        if faults.is_empty() {
            Ok(())
        } else {
            Err(Error::Definitions(self.directory.clone(), faults))
        }
    }

    fn has_seen(&self, calendar: &ChangedCalendar) -> Result<bool, Error> {
        let digest = customer_digest(&calendar.tenant, &calendar.customer);
        let stored = self.db.get_pinned(state::customer_key(digest));
        Ok(stored.map_err(|error| self.failed(error))?.is_some())
    }

    fn look_at_cells(&self, place: u32, check: &mut PeriodCheck<'_>) -> Result<(), Error> {
        let corrupt = |corrupt| self.corrupt(corrupt);
        self.each(&state::cells_prefix(self.dictionary.number(place)), |key, value| {
            let (_, chain) = state::read_address(key).map_err(corrupt)?;
            let end = state::end_of_cell_key(key).map_err(corrupt)?;
            check.look_at(chain.customer(), state::cell_period(value, end).map_err(corrupt)?);
            Ok(())
        })
    }

    fn look_at_chains(&self, place: u32, check: &mut PeriodCheck<'_>) -> Result<(), Error> {
        let corrupt = |corrupt| self.corrupt(corrupt);
        self.each(&state::chains_prefix(self.dictionary.number(place)), |key, value| {
            let (_, chain) = state::read_address(key).map_err(corrupt)?;
            let periods = state::chain_periods(value).map_err(corrupt)?;
            for period in periods.kept {
                check.look_at(chain.customer(), period);
            }
            check.look_at_forgotten(chain.customer(), periods.kept_from);
            Ok(())
        })
    }

    fn each(
        &self,
        prefix: &[u8],
        mut look: impl FnMut(&[u8], &[u8]) -> Result<(), Error>,
    ) -> Result<(), Error> {
        for entry in self.db.iterator(IteratorMode::From(prefix, Direction::Forward)) {
            let (key, value) = entry.map_err(|error| self.failed(error))?;
            if !key.starts_with(prefix) {
                break;
            }
            look(&key, &value)?;
        }
        Ok(())
    }
}

/// Whether all versions but the first ones begin after an instant.
fn begins_after(metric: &MetricPlan, versions: u32, reached: Option<EventTime>) -> bool {
    let known = usize::try_from(versions).unwrap_or(usize::MAX);
    let mut added = metric.versions.iter().skip(known);
    added.all(|version| version.effective_from > reached)
}
