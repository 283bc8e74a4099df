//! What was billed: the last revision of each of a partition's totals, as the topic of totals has it.
//!
//! About 250 bytes of memory for each total.

use std::collections::{BTreeMap, HashMap};

use crate::daemon::CommandError;
use crate::daemon::readback::{Console, Place, Record, Records, Value};
use crate::definition::Plan;
use crate::engine::Binding;
use crate::format::Revision;
use crate::model::{Amount, EventTime, Span};
use crate::settings::KafkaFlow;

/// The last revision of a total.
#[derive(Clone, Debug)]
pub(in crate::daemon) struct Last {
    pub(in crate::daemon) revision: u64,
    pub(in crate::daemon) value: Option<Amount>,
    pub(in crate::daemon) events: u64,
    pub(super) replayed: Replayed,
}

/// What the replay gives of a total that was billed.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) enum Replayed {
    /// Nothing.
    Nothing,
    /// The same.
    Same,
    /// Something else.
    Other,
    /// Something else, of a log that lacks records: the last revision stays.
    Kept,
}

/// All that was billed of a partition.
pub(super) struct Billed {
    pub(super) totals: HashMap<Box<str>, Last>,
    /// Whether nothing was removed from the topic's beginning.
    pub(super) is_whole: bool,
    /// Of each metric's tenant and code the end of the last period that was closed.
    ends: BTreeMap<(String, String), EventTime>,
}

impl Billed {
    pub(super) fn read(flow: &KafkaFlow, of: &Binding) -> Result<Self, CommandError> {
        let records = Records::of_topic(flow, &flow.sink.topic)?;
        let is_whole = records.is_whole();
        let mut billed = Billed { totals: HashMap::new(), is_whole, ends: BTreeMap::new() };
        let (mut console, mut count) = (Console::new(), 0);
        records.each(&mut |record| {
            count += 1;
            console.show(record.progress, count, "totals");
            billed.take(record, of).map(|()| true)
        })?;
        Ok(billed)
    }

    fn take(&mut self, record: &Record<'_>, of: &Binding) -> Result<(), CommandError> {
        let Value::Whole(body) = record.value else {
            return Err(unreadable(
                record.place,
                "a record without a value, which removes its key",
            ));
        };
        let read = Revision::read(body);
        let revision = read.map_err(|fault| unreadable(record.place, &fault.to_string()))?;
        let is_own = revision.source.as_ref().is_some_and(|(topic, partition)| {
            *topic == of.topic.as_str() && *partition == of.partition
        });
        if !is_own || revision.number == 0 {
            return Ok(());
        }
        let (Some(events), Some(end)) = (revision.events, revision.period_end) else {
            return Err(unreadable(
                record.place,
                "a total without events or the end of its period",
            ));
        };
        let Revision { key, number, value, tenant, metric, .. } = revision;
        let closed = self.ends.entry((tenant.into_owned(), metric.into_owned())).or_insert(end);
        *closed = end.max(*closed);
        let last = Last { revision: number, value, events, replayed: Replayed::Nothing };
        match self.totals.get_mut(key.as_str()) {
            Some(before) if before.revision > number => {}
            Some(before) => *before = last,
            None => {
                self.totals.insert(key.into(), last);
            }
        }
        Ok(())
    }

    /// A watermark by which all of it is due (rule 7.2): it had come at least so far when the last of it was made.
    pub(super) fn watermark(&self, plan: &Plan) -> Option<EventTime> {
        let due = |((tenant, code), end): (&(String, String), &EventTime)| {
            let is_it = |metric: &&crate::definition::MetricPlan| {
                *metric.tenant == **tenant && *metric.code == **code
            };
            let graces = plan.metrics().iter().filter(is_it).map(|metric| metric.grace_max);
            end.saturating_add(graces.max().unwrap_or(Span::ZERO))
        };
        self.ends.iter().map(due).max()
    }
}

fn unreadable(place: Place<'_>, found: &str) -> CommandError {
    CommandError::failed(format!(
        "{place}: {found}, where a total was expected: what was billed last is not known"
    ))
}
