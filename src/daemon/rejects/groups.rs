//! Entries by reason, tenant and metric: how many, from when to when, and a few to look at.
//!
//! Bounded, however many entries there are: past so many groups only reasons are told apart, and of an example no more is
//! kept than people read.

use std::collections::BTreeMap;

use crate::format::Refusal;
use crate::model::{EventTime, RejectReason};

/// Most groups with a tenant and a metric.
const GROUPS_MAX: usize = 1_000;

/// Most characters of a text in an example.
const TEXT_CHARACTERS_MAX: usize = 300;

/// What entries of a group have in common.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Debug)]
pub(super) struct Key {
    pub(super) reason: RejectReason,
    pub(super) tenant: Option<String>,
    pub(super) metric: Option<String>,
}

/// Entries of one key.
#[derive(Clone, Default, Debug)]
pub(super) struct Group {
    pub(super) count: u64,
    /// Of those that say when they were read.
    pub(super) first_at: Option<EventTime>,
    pub(super) last_at: Option<EventTime>,
    /// The first ones.
    pub(super) examples: Vec<Example>,
}

/// An entry to look at, its texts shortened.
#[derive(Clone, PartialEq, Eq, Debug)]
pub(super) struct Example {
    pub(super) detail: String,
    pub(super) source: String,
    pub(super) event: String,
    pub(super) at: Option<EventTime>,
}

/// All groups.
#[derive(Debug)]
pub(super) struct Groups {
    by_key: BTreeMap<Key, Group>,
    examples_max: usize,
    /// Whether there were too many to tell all of them apart.
    pub(super) is_full: bool,
}

impl Groups {
    pub(super) fn new(examples_max: usize) -> Self {
        Groups { by_key: BTreeMap::new(), examples_max, is_full: false }
    }

    pub(super) fn add(&mut self, refusal: &Refusal<'_>) {
        let name = |name: &Option<std::borrow::Cow<'_, str>>| name.as_deref().map(str::to_owned);
        let mut key = Key {
            reason: refusal.reason,
            tenant: name(&refusal.tenant),
            metric: name(&refusal.metric),
        };
        if self.by_key.len() >= GROUPS_MAX && !self.by_key.contains_key(&key) {
            self.is_full = true;
            key = Key { reason: refusal.reason, tenant: None, metric: None };
        }
        let group = self.by_key.entry(key).or_default();
        group.count += 1;
        group.first_at = [group.first_at, refusal.at].into_iter().flatten().min();
        group.last_at = group.last_at.max(refusal.at);
        if group.examples.len() < self.examples_max {
            group.examples.push(Example {
                detail: shortened(refusal.detail.as_bytes(), TEXT_CHARACTERS_MAX),
                source: shortened(refusal.source.to_string().as_bytes(), TEXT_CHARACTERS_MAX),
                event: shortened(refusal.original.bytes(), TEXT_CHARACTERS_MAX),
                at: refusal.at,
            });
        }
    }

    /// The largest first.
    pub(super) fn sorted(self) -> Vec<(Key, Group)> {
        let mut groups: Vec<_> = self.by_key.into_iter().collect();
        groups.sort_by_key(|(_, group)| std::cmp::Reverse(group.count));
        groups
    }
}

/// At most so many characters of the beginning; what is no UTF-8 is replaced.
pub(super) fn shortened(text: &[u8], characters_max: usize) -> String {
    // A character has at most four bytes.
    let beginning = text.get(..characters_max * 4).unwrap_or(text);
    let all = String::from_utf8_lossy(beginning);
    match all.char_indices().nth(characters_max) {
        Some((end, _)) => format!("{}...", &all[..end]),
        None if beginning.len() < text.len() => format!("{all}..."),
        None => all.into_owned(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn refused(tenant: &str, at: &str) -> String {
        format!(
            r#"{{"reason":"unmatched","tenant":"{tenant}","metric":null,"detail":"d","source":{{"file":"f","line":1}},"event":{{"a":1}},"at":{at}}}"#
        )
    }

    fn add(groups: &mut Groups, text: &str) {
        groups.add(&Refusal::read(text.as_bytes()).expect("an entry"));
    }

    #[test]
    fn group_counts_and_spans_its_entries() {
        let mut groups = Groups::new(2);
        for at in ["null", "\"2026-03-02T00:00:00Z\"", "\"2026-03-01T00:00:00Z\"", "null"] {
            add(&mut groups, &refused("a", at));
        }
        add(&mut groups, &refused("b", "null"));
        let sorted = groups.sorted();
        assert_eq!(sorted.len(), 2);
        let (key, group) = &sorted[0];
        assert_eq!((key.tenant.as_deref(), group.count), (Some("a"), 4));
        let times = [group.first_at, group.last_at].map(|at| at.expect("a time").to_string());
        assert_eq!(times, ["2026-03-01T00:00:00Z", "2026-03-02T00:00:00Z"]);
        assert_eq!(group.examples.len(), 2);
        assert_eq!((sorted[1].1.first_at, sorted[1].1.count), (None, 1));
    }

    #[test]
    fn groups_are_bounded_and_count_all() {
        let mut groups = Groups::new(1);
        for tenant in 0..2 * GROUPS_MAX {
            add(&mut groups, &refused(&tenant.to_string(), "null"));
        }
        assert!(groups.is_full);
        let sorted = groups.sorted();
        assert_eq!(sorted.len(), GROUPS_MAX + 1);
        assert_eq!(sorted[0].0.tenant, None);
        let count: u64 = sorted.iter().map(|(_, group)| group.count).sum();
        assert_eq!(count, 2 * GROUPS_MAX as u64);
    }

    #[test]
    fn texts_are_shortened_between_characters() {
        assert_eq!(shortened("aäö".as_bytes(), 3), "aäö");
        assert_eq!(shortened("aäöü".as_bytes(), 3), "aäö...");
        assert_eq!(shortened(b"\xff\xff", 3), "\u{fffd}\u{fffd}");
        assert_eq!(shortened(&[b'x'; 100], 3), "xxx...");
        assert_eq!(shortened("\u{1f600}".repeat(3).as_bytes(), 3), "\u{1f600}".repeat(3));
    }
}
