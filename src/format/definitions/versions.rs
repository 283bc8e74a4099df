//! Versions of metrics: how the entries of one tenant and code fit together (rule 5.6).

use std::collections::BTreeMap;

use super::place::Place;
use super::reader::Faults;
use crate::definition::Metric;
use crate::model::EventTime;

/// An entry of `metrics` that is known by tenant, code and begin, whatever else was faulty.
pub(super) struct Version {
    /// Where the entry stands.
    pub(super) place: Place,
    /// Whose metric.
    pub(super) tenant: String,
    /// Which metric.
    pub(super) code: String,
    /// Its `effective_from`.
    pub(super) effective_from: Option<EventTime>,
    /// The entry; `None` where it was faulty.
    pub(super) metric: Option<Metric>,
}

/// The versions of each metric together, by when they begin; those that do not fit together are faults.
pub(super) fn in_order(versions: Vec<Version>, faults: &Faults<'_>) -> Vec<Metric> {
    let versions = grouped(
        versions,
        |version| (version.tenant.clone(), version.code.clone()),
        |version| version.effective_from,
    );
    let is_same_metric =
        |one: &Version, other: &Version| one.tenant == other.tenant && one.code == other.code;
    for of_metric in versions.chunk_by(is_same_metric) {
        check_begins(of_metric, faults);
    }
    let placed = |Version { place, metric, .. }: Version| {
        let mut metric = metric?;
        metric.source.entry = faults.shown(&place);
        Some(metric)
    };
    versions.into_iter().filter_map(placed).collect()
}

/// Each version has another begin, one at most has none.
fn check_begins(versions: &[Version], faults: &Faults<'_>) {
    for pair in versions.windows(2) {
        let [first, second] = pair else { continue };
        if first.effective_from == second.effective_from {
            let begin = begin_text(second.effective_from);
            let message = format!(
                "{} is of the same metric and {begin}: each version needs an effective_from of \
                 its own, only the first may lack it",
                faults.seen_from(&second.place, &first.place)
            );
            faults.add(&second.place, message);
        }
    }
}

/// `has no effective_from either`, or the same one.
pub(super) fn begin_text(effective_from: Option<EventTime>) -> String {
    match effective_from {
        Some(time) => format!("has the same effective_from {time}"),
        None => "has no effective_from either".to_owned(),
    }
}

/// Items of one key side by side, by begin (none first), keys in the order in which they first appear.
pub(super) fn grouped<T, K: Ord>(
    items: Vec<T>,
    key: impl Fn(&T) -> K,
    begin: impl Fn(&T) -> Option<EventTime>,
) -> Vec<T> {
    let mut keys = BTreeMap::new();
    let mut placed = Vec::with_capacity(items.len());
    for item in items {
        let next = keys.len();
        let place = *keys.entry(key(&item)).or_insert(next);
        placed.push((place, item));
    }
    placed.sort_by_key(|(place, item)| (*place, begin(item)));
    placed.into_iter().map(|(_, item)| item).collect()
}
