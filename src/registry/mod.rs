//! Layer 4, what is defined while the process works: every metric of every tenant with its versions, and what becomes of
//! it when somebody changes one.
//!
//! ```text
//! create, change, delete ─► the metric's new Record (to be stored) ─► put ─► definitions ─► a plan
//! files ─► take_files, whole or not at all ─┘
//! ```
//! A change is worked out before anything is stored, and counts once its record is put: so whoever stores it decides.
//! Knows no topic, disk, clock or chance; time and new names come in as arguments.

#![cfg_attr(
    not(test),
    deny(
        clippy::arithmetic_side_effects,
        clippy::as_conversions,
        clippy::float_arithmetic,
        clippy::indexing_slicing
    )
)]

mod change;
mod estimate;
mod files;
mod id;
mod past;
mod receipt;
mod record;
mod refusal;
mod size;
mod standing;
#[cfg(test)]
mod tests;
mod trial;
mod version;
mod view;

use std::collections::BTreeMap;
use std::sync::Arc;

pub use change::{Author, Change, Draft, Horizon, Outcome, Patch, UNSAID};
pub use estimate::{Estimated, Range, RangeEdge, RangeFault};
pub use files::Kept;
pub use id::{id_text, named_id};
pub use receipt::{Once, Receipt};
pub use record::{AuditLine, Deed, Definition, Origin, Record, StoredVersion, Unreadable};
pub use refusal::Refusal;
pub use size::RECORD_BYTES_MAX;
pub use trial::{TRIAL_MAX, TooMany, Trial, try_out};
pub use view::Entry;

use self::files::Files;
use crate::definition::{Definitions, Metric};

/// Tenant and code.
type Name = (String, String);

/// Every metric of every tenant.
#[derive(Clone, Default, Debug)]
pub struct Registry {
    revision: u64,
    /// Of each name every generation, in order.
    made: BTreeMap<Name, Vec<Arc<Made>>>,
    files: Files,
    /// What stands in the files now.
    standing: BTreeMap<Name, Record>,
}

/// A record and what it compiles to.
#[derive(Clone, Debug)]
struct Made {
    record: Record,
    metrics: Vec<Metric>,
}

impl Registry {
    /// How many changes were put so far, or the greatest revision of a record.
    pub fn revision(&self) -> u64 {
        self.revision
    }

    /// Takes a record in, in place of what there is of that metric and generation.
    ///
    /// # Errors
    /// One whose definitions do not compile: nothing changed.
    pub fn put(&mut self, record: Record) -> Result<(), Unreadable> {
        let metrics = record.metrics().map_err(|faults| {
            let faults = faults.iter().map(|fault| format!("{}: {}", fault.path, fault.message));
            Unreadable(faults.collect::<Vec<_>>().join("; "))
        })?;
        self.revision = self.revision.max(record.revision);
        let name = (record.tenant.clone(), record.code.clone());
        let generations = self.made.entry(name).or_default();
        let is_newer = |made: &Arc<Made>| {
            made.record.generation == record.generation && made.record.revision > record.revision
        };
        if generations.iter().any(is_newer) {
            return Ok(());
        }
        generations.retain(|made| made.record.generation != record.generation);
        self.files.come_after(&record);
        if let Some(standing) = self.standing.get_mut(&(record.tenant.clone(), record.code.clone()))
        {
            standing.generation = standing.generation.max(record.generation.saturating_add(1));
        }
        generations.push(Arc::new(Made { record, metrics }));
        generations.sort_by_key(|made| made.record.generation);
        Ok(())
    }

    /// Every record that is kept, in order of tenant, code and generation.
    pub fn records(&self) -> impl Iterator<Item = &Record> {
        self.made.values().flatten().map(|made| &made.record)
    }

    /// A tenant's records: what was made, also what is deleted, and what stands in files.
    pub fn records_of<'r>(&'r self, tenant: &str) -> impl Iterator<Item = &'r Record> {
        let made = self.made_of(tenant).flatten().map(|made| &made.record);
        made.chain(of_tenant(&self.standing, tenant).map(|(_, record)| record))
    }

    /// The metric of that name that is not deleted, or stands in a file.
    pub fn record(&self, tenant: &str, code: &str) -> Option<&Record> {
        let made = self.alive(tenant, code).map(|made| &made.record);
        made.or_else(|| self.standing(tenant, code))
    }

    /// The newest metric of that name, also one that is deleted.
    pub fn newest(&self, tenant: &str, code: &str) -> Option<&Record> {
        let made = || self.generations(tenant, code).last().map(|made| &made.record);
        self.standing(tenant, code).or_else(made)
    }

    /// The newest of each of a tenant's names, also what is deleted.
    pub fn newest_of<'r>(&'r self, tenant: &str) -> impl Iterator<Item = &'r Record> {
        let made = self.made_of(tenant).filter_map(|made| made.last()).map(|made| &made.record);
        let made = made.filter(|record| self.standing(&record.tenant, &record.code).is_none());
        made.chain(of_tenant(&self.standing, tenant).map(|(_, record)| record))
    }

    fn standing(&self, tenant: &str, code: &str) -> Option<&Record> {
        self.standing.get(&(tenant.to_owned(), code.to_owned()))
    }

    /// All that a plan is to be made of: also what is deleted, for its open periods still close.
    pub fn definitions(&self) -> Definitions {
        let mut definitions = self.files.definitions();
        let made = self.made.values().flatten();
        definitions.metrics.extend(made.flat_map(|made| made.metrics.iter().cloned()));
        definitions
    }

    fn alive(&self, tenant: &str, code: &str) -> Option<&Made> {
        let mut generations = self.generations(tenant, code).iter();
        generations.find(|made| made.record.deleted_at.is_none()).map(AsRef::as_ref)
    }

    fn generations(&self, tenant: &str, code: &str) -> &[Arc<Made>] {
        let made = self.made.get(&(tenant.to_owned(), code.to_owned()));
        made.map_or(&[], Vec::as_slice)
    }

    /// Each metric's generations.
    fn made_of<'r>(&'r self, tenant: &str) -> impl Iterator<Item = &'r Vec<Arc<Made>>> {
        of_tenant(&self.made, tenant).map(|(_, made)| made)
    }
}

fn of_tenant<'m, T>(
    all: &'m BTreeMap<Name, T>,
    tenant: &str,
) -> impl Iterator<Item = (&'m Name, &'m T)> {
    let from = all.range((tenant.to_owned(), String::new())..);
    from.take_while(move |((of, _), _)| of == tenant)
}
