//! One page of the pages that several processes gave for one and the same question.
//!
//! ```text
//! process a   usage:0 ······ usage:2 ····│ next           each up to where its page was full
//! process b           usage:1 ·········· usage:3 ····
//! gathered    usage:0, usage:1, usage:2 ·│ next           all up to the first of these places
//! ```
//! What a process gave from behind that place is left for the pages to come. So the next page begins at one place in the order
//! of tasks for all of them, also where a partition moves meanwhile, and no total comes twice.

use std::collections::BTreeMap;

use super::{Missing, UsageCursor, UsagePage, UsagePart, UsageTask};

/// What one process knows of a task, and where it goes on in it.
type Known = (UsagePart, Option<UsageCursor>);

impl UsagePage {
    /// The pages of several processes, this one's first, as one of about `limit` totals.
    #[must_use]
    pub fn gathered(self, others: Vec<UsagePage>, limit: usize) -> Self {
        let mut gathered = UsagePage { missing: self.missing.clone(), ..UsagePage::default() };
        let pages = || std::iter::once(&self).chain(&others);
        for page in pages() {
            gathered.missing = gathered.missing.of_both(&page.missing);
            gathered.has_forgotten |= page.has_forgotten;
            gathered.unanswered.extend(page.unanswered.iter().cloned());
        }
        let ends = pages().filter_map(|page| page.next.as_ref());
        let end = ends.map(|next| next.task.clone()).min();
        let mut known: BTreeMap<UsageTask, Known> = BTreeMap::new();
        for UsagePage { parts, next, .. } in std::iter::once(self).chain(others) {
            for part in parts {
                if end.as_ref().is_some_and(|end| part.task > *end) {
                    continue;
                }
                let goes_on = next.clone().filter(|next| next.task == part.task);
                let is_later = |(before, _): &Known| part.read > before.read;
                if known.get(&part.task).is_none_or(is_later) {
                    known.insert(part.task.clone(), (part, goes_on));
                }
            }
        }
        gathered.fill(known, end.as_ref(), limit);
        gathered
    }

    /// Takes tasks in order until the page is full; a task is never cut here.
    fn fill(&mut self, known: BTreeMap<UsageTask, Known>, end: Option<&UsageTask>, limit: usize) {
        let mut count: usize = 0;
        for (task, (part, goes_on)) in known {
            if count >= limit && (!part.totals.is_empty() || goes_on.is_some()) {
                self.next = Some(UsageCursor::at(task));
                return;
            }
            count = count.saturating_add(part.totals.len());
            self.parts.push(part);
            if goes_on.is_some() {
                self.next = goes_on;
                return;
            }
        }
        // Who ended there gave less of it than another one, which gave all.
        self.next = end.map(UsageCursor::behind);
    }
}

impl Missing {
    /// What is missing here and there.
    fn of_both(&self, other: &Missing) -> Missing {
        let mut both = Missing::default();
        for (topic, partitions) in self.topics() {
            let Some(others) = other.0.get(topic) else { continue };
            let common = match (partitions, others) {
                (Some(one), Some(other)) => Some(one & other),
                (None, known) => known.clone(),
                (known, None) => known.cloned(),
            };
            both.add(topic, common);
        }
        both
    }
}
