//! A state whose definitions were added to: does all that is counted keep its periods?

use rocksdb::{Direction, IteratorMode};

use super::{Error, Store};
use crate::format::state::{self, PeriodCheck};

impl Store {
    /// Looks at everything that is kept of metrics with new versions or calendars.
    pub(super) fn check_periods(&self) -> Result<(), Error> {
        let mut faults = Vec::new();
        for (place, versions) in self.dictionary.extended() {
            let mut check = PeriodCheck::new(self.plan.metric(*place), *versions);
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
