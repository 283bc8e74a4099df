//! One source partition on its way into an internal topic: which partition each event goes to, and how far the lane has come.

use std::collections::BTreeMap;

use super::envelope::{Moved, Origins};
use crate::engine::{Mark, Progress, Upstream, latest_admitted};
use crate::format::{Found, partition_of_customer};
use crate::model::{EventTime, Span};

/// What is the same for all lanes of a source topic.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Rules {
    /// How many partitions the source topic has.
    pub sources: u32,
    /// How many the internal topic has.
    pub partitions: u32,
    /// How far an event's time may lie past the clock (rule 1.6).
    pub future_skew_max: Span,
    /// Whether the records' own timestamps move the watermark (rule 7.1).
    pub is_clock_record: bool,
}

/// Where events of a record go, and what is said of the record there.
pub type Destination = (u32, Moved);

/// One source partition.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Lane {
    partition: u32,
    progress: Option<Progress>,
}

impl Lane {
    /// A partition that has come so far.
    pub fn new(partition: u32, progress: Option<Progress>) -> Self {
        Lane { partition, progress }
    }

    /// How far it has come.
    pub fn mark(&self) -> Mark {
        Mark { partition: self.partition, progress: self.progress }
    }

    /// The greatest time of its events, or what the clock made of it.
    pub fn reached(&self) -> Option<EventTime> {
        match self.progress {
            Some(Progress::Reached(at)) => Some(at),
            Some(Progress::Quiet) | None => None,
        }
    }

    /// Nothing came for the idle timeout, and nothing is there to be read: it follows the clock less that timeout, but not
    /// before its first event (rule 7.1); without one nobody waits for it.
    pub fn idle(&mut self, clock_less_timeout: EventTime) {
        self.progress = Some(match self.reached() {
            Some(at) => Progress::Reached(at.max(clock_less_timeout)),
            None => Progress::Quiet,
        });
    }

    /// Sends the events of a record on: each to the partition of its customer, and what is no event to one that the lane
    /// always takes.
    pub fn route(
        &mut self,
        rules: &Rules,
        (offset, timestamp, read_at): (i64, Option<EventTime>, EventTime),
        found: &[Found<'_>],
    ) -> Vec<Destination> {
        let before = self.mark();
        let latest = latest_admitted(timestamp, Some(read_at), rules.future_skew_max);
        let mut places: BTreeMap<u32, Vec<u32>> = BTreeMap::new();
        for (place, found) in (0..).zip(found) {
            let partition = match &found.event {
                Ok(event) => {
                    if latest.is_none_or(|latest| event.time <= latest) {
                        let moved_by = timestamp.filter(|_| rules.is_clock_record);
                        self.reach(moved_by.unwrap_or(event.time));
                    }
                    partition_of_customer(&event.tenant, &event.customer, rules.partitions)
                }
                Err(_) => self.partition.checked_rem(rules.partitions).unwrap_or_default(),
            };
            places.entry(partition).or_default().push(place);
        }
        let of = u32::try_from(found.len()).expect("a record holds fewer");
        let is_one = places.len() == 1;
        let upstream = Upstream { partitions: rules.sources, mark: before };
        let moved = |(partition, places)| {
            let events = if is_one { Origins::All(of) } else { Origins::Some { of, places } };
            (partition, Moved { upstream, offset, timestamp, read_at, events })
        };
        places.into_iter().map(moved).collect()
    }

    fn reach(&mut self, at: EventTime) {
        self.progress = Some(Progress::Reached(self.reached().map_or(at, |before| before.max(at))));
    }
}
