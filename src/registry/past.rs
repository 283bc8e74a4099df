//! Generations of a code: what it names now, and what it named before it was deleted.

use std::collections::BTreeSet;

use super::{Made, Record, Registry};
use crate::definition::Metric;
use crate::model::EventTime;

impl Registry {
    /// Every generation of a code, also what is deleted and what files no longer have.
    pub fn generations_of(&self, tenant: &str, code: &str) -> BTreeSet<u64> {
        let made = self.generations(tenant, code).iter().map(|made| made.record.generation);
        let of_files = self.files.all().filter(|metric| is_of(metric, tenant, code));
        made.chain(of_files.map(|metric| metric.generation)).collect()
    }

    /// What was made of a code in one generation; without one in the newest.
    pub fn record_in(&self, tenant: &str, code: &str, generation: Option<u64>) -> Option<&Record> {
        self.made_in(tenant, code, generation).map(|made| &made.record)
    }

    /// Since when a generation of a code folds nothing.
    pub fn deleted_at(
        &self,
        tenant: &str,
        code: &str,
        generation: Option<u64>,
    ) -> Option<EventTime> {
        let made = self.made_in(tenant, code, generation);
        made.map_or_else(
            || self.files_in(tenant, code, generation).last()?.deleted_at,
            |made| made.record.deleted_at,
        )
    }

    /// The topic whose events a metric folds, where its definition says one.
    pub fn topic(&self, tenant: &str, code: &str, generation: Option<u64>) -> Option<String> {
        let made = self.made_in(tenant, code, generation);
        made.map_or_else(
            || self.files_in(tenant, code, generation).last()?.topic.clone(),
            |made| made.metrics.last()?.topic.clone(),
        )
    }

    pub(super) fn made_in(
        &self,
        tenant: &str,
        code: &str,
        generation: Option<u64>,
    ) -> Option<&Made> {
        let generation = self.generation_or_newest(tenant, code, generation)?;
        let mut made = self.generations(tenant, code).iter();
        made.find(|made| made.record.generation == generation).map(AsRef::as_ref)
    }

    /// Versions that files have or had of a code in one generation, in order.
    pub(super) fn files_in(
        &self,
        tenant: &str,
        code: &str,
        generation: Option<u64>,
    ) -> Vec<Metric> {
        let generation = self.generation_or_newest(tenant, code, generation);
        let own = self.files.all().filter(|metric| is_of(metric, tenant, code));
        let own = own.filter(|metric| Some(metric.generation) == generation);
        let mut versions: Vec<Metric> = own.cloned().collect();
        versions.sort_by_key(|version| version.effective_from);
        versions
    }

    fn generation_or_newest(
        &self,
        tenant: &str,
        code: &str,
        generation: Option<u64>,
    ) -> Option<u64> {
        generation.or_else(|| self.generations_of(tenant, code).pop_last())
    }
}

fn is_of(metric: &Metric, tenant: &str, code: &str) -> bool {
    metric.tenant == tenant && metric.code == code
}
