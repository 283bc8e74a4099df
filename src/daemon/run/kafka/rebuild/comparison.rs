//! What a replay gives, held against what was billed.

use std::collections::BTreeMap;

use super::billed::{Billed, Last, Replayed};
use crate::engine::Published;
use crate::format::{Outgoing, OutgoingKind, Revision};

/// The comparison, as far as the replay has come.
pub(in crate::daemon) struct Comparison {
    billed: Billed,
    /// The last total of the replay of each key for which another one was billed, or none.
    differing: BTreeMap<String, Outgoing>,
    /// Whether the log has every record that the first run read.
    is_log_whole: bool,
    /// Totals that are not in a topic of totals whose beginning is gone.
    assumed: u64,
    /// More revisions than that no total can have had.
    revisions_max: u64,
}

impl Comparison {
    /// `records`: how many the partition has ever had. A revision comes with a commit, and takes a record that was not in the
    /// one before.
    pub(super) fn new(billed: Billed, is_log_whole: bool, records: u64) -> Self {
        let revisions_max = records.saturating_add(1);
        Comparison { billed, differing: BTreeMap::new(), is_log_whole, assumed: 0, revisions_max }
    }

    /// Takes what the replay would deliver next. Rejects were delivered, or are not known.
    pub(super) fn take(&mut self, outgoing: Outgoing) {
        if outgoing.kind == OutgoingKind::Reject {
            return;
        }
        let revision = Revision::read(outgoing.body.as_bytes()).expect("a total of our own");
        let (number, value, events) = (revision.number, revision.value, revision.events);
        let Some(last) = self.billed.totals.get_mut(outgoing.key.as_str()) else {
            if self.billed.is_whole {
                self.differing.insert(outgoing.key.clone(), outgoing);
            } else if number == 1 {
                self.assumed += 1;
            }
            return;
        };
        last.replayed = if last.value == value && Some(last.events) == events {
            Replayed::Same
        } else if self.is_log_whole {
            Replayed::Other
        } else {
            // Not by the number of events: what is carried, or was repeated, may come from what is gone.
            Replayed::Kept
        };
        match last.replayed {
            Replayed::Other => {
                self.differing.insert(outgoing.key.clone(), outgoing);
            }
            Replayed::Nothing | Replayed::Same | Replayed::Kept => {
                self.differing.remove(&outgoing.key);
            }
        }
    }

    /// Under which revision a total of the rebuilt state stands once all is delivered; `None`: under its own.
    pub(super) fn published(&self, key: &str, replayed: &Published) -> Option<Published> {
        let Some(last) = self.billed.totals.get(key) else {
            return if self.differing.contains_key(key) {
                Some(Published { revision: 1, ..*replayed })
            } else {
                // How often it was billed is gone with it: what follows must not take a number that was given.
                let revision = replayed.revision.max(self.revisions_max);
                (!self.billed.is_whole).then_some(Published { revision, ..*replayed })
            };
        };
        Some(match last.replayed {
            Replayed::Same => Published { revision: last.revision, ..*replayed },
            Replayed::Other => Published { revision: last.revision + 1, ..*replayed },
            Replayed::Kept => Published { revision: last.revision, value: last.value, ..*replayed },
            Replayed::Nothing => unreachable!("what is published went by: {key}"),
        })
    }

    /// The totals that are to be delivered.
    pub(in crate::daemon) fn deliveries(&self) -> impl ExactSizeIterator<Item = Outgoing> {
        self.differing.values().map(|outgoing| {
            let last = self.billed.totals.get(outgoing.key.as_str());
            outgoing.clone().after(last.map(|last| (last.revision, last.value)))
        })
    }

    /// What was billed last of a total.
    pub(in crate::daemon) fn last(&self, key: &str) -> Option<&Last> {
        self.billed.totals.get(key)
    }

    /// Totals that were billed, and of which the replay gives nothing, in order of key.
    pub(in crate::daemon) fn missing(&self) -> Vec<(&str, &Last)> {
        self.billed_as(Replayed::Nothing)
    }

    /// Totals that come out otherwise than they were billed, of a log that lacks records: they stay as they were billed.
    pub(in crate::daemon) fn kept(&self) -> Vec<(&str, &Last)> {
        self.billed_as(Replayed::Kept)
    }

    /// How many totals are taken for delivered because the beginning of the topic of totals is gone.
    pub(in crate::daemon) fn assumed(&self) -> u64 {
        self.assumed
    }

    /// How many totals were billed.
    pub(in crate::daemon) fn billed(&self) -> usize {
        self.billed.totals.len()
    }

    fn billed_as(&self, replayed: Replayed) -> Vec<(&str, &Last)> {
        let all = self.billed.totals.iter().map(|(key, last)| (&**key, last));
        let mut found: Vec<_> = all.filter(|(_, last)| last.replayed == replayed).collect();
        found.sort_unstable_by_key(|(key, _)| *key);
        found
    }
}
