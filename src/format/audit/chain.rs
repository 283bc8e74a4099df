//! The revisions of every key, each held against the one before it.
//!
//! ```text
//! nothing ──► r          a chain begins: at 1, or anywhere where older ones may be gone
//! ...n    ──► n + 1      consecutive: its `previous` must be the value of n
//! ...n    ──► beyond     lost, unless what is older may be removed between two
//! m..=n   ──► m..=n      doubled: the chain stays as it is
//! m..=n   ──► below m    disordered: the chain stays as it is
//! ```
//! Of a key no more is kept than a digest, its last revision and where the run that ends there began: 96 bytes with a
//! place of 16, which a table of keys makes 110 to 220.

use std::collections::HashMap;

use sha2::{Digest, Sha256};

use super::revision::text;
use super::{AuditFault, AuditKind, Revision};
use crate::model::{Amount, TotalKind};

/// What may be missing without a fault.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum AuditRules {
    /// Whatever is not the newest of its key: the topic compacts.
    Compacted,
    /// The oldest of a key, up to any: the log is cut at its beginning.
    Cut,
    /// Nothing: a chain begins with revision 1.
    Whole,
}

/// What was read.
#[derive(Clone, Copy, PartialEq, Eq, Default, Debug)]
pub struct AuditCounts {
    /// Chains.
    pub keys: u64,
    /// Revisions, those with faults too.
    pub revisions: u64,
    /// Looks at open periods, which are in no chain.
    pub provisional: u64,
    /// Between how many neighbours others may have been removed.
    pub gaps: u64,
}

/// Holds totals against each other, in the order in which they are read. `P` names a place.
#[derive(Debug)]
pub struct Audit<P> {
    rules: AuditRules,
    chains: HashMap<u128, Link<P>>,
    counts: AuditCounts,
}

/// The last revision of a chain.
#[derive(Clone, Copy, Debug)]
pub(super) struct Link<P> {
    value: Option<Amount>,
    /// The first of the revisions that were read without a gap up to it.
    begin: u64,
    number: u64,
    place: P,
}

impl<P: Copy> Audit<P> {
    /// Nothing is read yet.
    pub fn new(rules: AuditRules) -> Self {
        Audit { rules, chains: HashMap::new(), counts: AuditCounts::default() }
    }

    /// What was read so far.
    pub fn counts(&self) -> AuditCounts {
        self.counts
    }

    /// Takes the next total in; `key` is its record's, where that has one of its own. What is wrong with it comes back:
    /// with it alone first, then with it and the one before.
    pub fn take(
        &mut self,
        revision: &Revision<'_>,
        key: Option<&[u8]>,
        place: P,
    ) -> Vec<AuditFault<P>> {
        let mut faults = revision.faults(key);
        if revision.kind == TotalKind::Provisional && revision.number == 0 {
            self.counts.provisional = self.counts.provisional.saturating_add(1);
            return faults;
        }
        self.counts.revisions = self.counts.revisions.saturating_add(1);
        let digest = digest(&revision.key);
        let before = self.chains.get(&digest).copied();
        let (begin, fault) = match &before {
            None => self.begun(revision),
            Some(before) => self.followed(before, revision),
        };
        faults.extend(fault);
        if let Some(begin) = begin {
            let link = Link { value: revision.value, begin, number: revision.number, place };
            if self.chains.insert(digest, link).is_none() {
                self.counts.keys = self.counts.keys.saturating_add(1);
            }
        }
        faults
    }

    /// A first one: where its run begins, and what is wrong.
    fn begun(&self, revision: &Revision<'_>) -> (Option<u64>, Option<AuditFault<P>>) {
        let fault = match (revision.number, self.rules) {
            (1, _) => previous_fault(revision, None, None),
            (_, AuditRules::Whole) => Some(AuditFault {
                kind: AuditKind::Lost,
                expected: "revision 1".to_owned(),
                found: format!("revision {}", revision.number),
                before: None,
            }),
            (_, AuditRules::Compacted | AuditRules::Cut) => None,
        };
        (Some(revision.number), fault)
    }

    /// One behind another: where its run begins, `None` if the chain stays as it is, and what is wrong.
    fn followed(
        &mut self,
        before: &Link<P>,
        revision: &Revision<'_>,
    ) -> (Option<u64>, Option<AuditFault<P>>) {
        let number = revision.number;
        let next = before.number.saturating_add(1);
        let against = Some((before.number, before.place));
        let fault = |kind, found| {
            Some(AuditFault { kind, expected: format!("revision {next}"), found, before: against })
        };
        if number == before.number && revision.value != before.value {
            let (value, other) = (text(revision.value), text(before.value));
            let found = format!("revision {number} again, with value {value} instead of {other}");
            return (None, fault(AuditKind::Doubled, found));
        }
        if number < before.begin {
            let found = format!("revision {number} behind a later one");
            return (None, fault(AuditKind::Disordered, found));
        }
        if number <= before.number {
            return (None, fault(AuditKind::Doubled, format!("revision {number} again")));
        }
        if number == next {
            return (Some(before.begin), previous_fault(revision, before.value, against));
        }
        if self.rules == AuditRules::Compacted {
            self.counts.gaps = self.counts.gaps.saturating_add(1);
            return (Some(number), None);
        }
        (Some(number), fault(AuditKind::Lost, format!("revision {number}")))
    }
}

/// What is wrong with `previous`, where that value was before.
fn previous_fault<P>(
    revision: &Revision<'_>,
    value: Option<Amount>,
    before: Option<(u64, P)>,
) -> Option<AuditFault<P>> {
    (revision.previous != value).then(|| AuditFault {
        kind: AuditKind::Previous,
        expected: format!("previous {}", text(value)),
        found: format!("previous {}", text(revision.previous)),
        before,
    })
}

/// The first 16 bytes of SHA-256: no customer chooses names that meet another's.
fn digest(key: &str) -> u128 {
    let digest = Sha256::digest(key);
    digest.iter().take(16).fold(0, |all, byte| (all << 8) | u128::from(*byte))
}
