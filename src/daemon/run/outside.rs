//! Where the process shows itself: series for Prometheus, whether it is ready, and what it knows of totals.

use std::collections::BTreeMap;
use std::sync::Arc;

use super::live::LiveTasks;
use crate::admin::Readiness;
use crate::format::Summary;
use crate::model::{Disposition, TotalKind};
use crate::telemetry::Series;

/// Shared by all threads.
#[derive(Clone)]
pub(super) struct Outside {
    pub(super) series: Arc<Series>,
    pub(super) readiness: Arc<Readiness>,
    pub(super) live: Arc<LiveTasks>,
}

impl Outside {
    /// Adds to the series what a task did since it was `told`.
    pub(super) fn add_counts(&self, told: &Summary, now: &Summary) {
        let series = &self.series;
        series.add_records(Disposition::Counted, now.counted - told.counted);
        series.add_records(Disposition::Duplicate, now.duplicate - told.duplicate);
        series.add_records(Disposition::Unmatched, now.unmatched - told.unmatched);
        series.add_records(Disposition::Late, now.late - told.late);
        series.add_records(Disposition::Invalid, now.invalid - told.invalid);
        series.add_totals(TotalKind::Final, now.finals - told.finals);
        series.add_totals(TotalKind::Correction, now.corrections - told.corrections);
        let before: BTreeMap<_, _> = told.rejects.iter().collect();
        for (reason, count) in now.rejects.iter() {
            series.add_rejects(reason, count - before.get(&reason).copied().unwrap_or(0));
        }
    }
}
