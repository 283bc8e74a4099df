//! What a finished run says of itself: how every event ended, and how many totals and rejects it
//! wrote.

#![expect(clippy::arithmetic_side_effects, reason = "64 bits count more events than can be read")]

use serde::ser::{Serialize, SerializeMap, SerializeStruct, Serializer};

use crate::engine::{Counters, Tally};
use crate::model::{Disposition, RejectReason, Span};

/// Counts of one run (`--summary`, and the last log line of a drained daemon).
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Summary {
    /// Events read (rule 1.4).
    pub read: u64,
    /// Of these: folded by at least one metric.
    pub counted: u64,
    /// Of these: their id was remembered.
    pub duplicate: u64,
    /// Of these: no metric wanted them, or all passed them over.
    pub unmatched: u64,
    /// Of these: refused for lateness alone.
    pub late: u64,
    /// Of these: faulty, or refused for another reason.
    pub invalid: u64,
    /// Totals written at revision 1.
    pub finals: u64,
    /// Totals written at revision 2 and later.
    pub corrections: u64,
    /// Totals of open periods written.
    pub provisionals: u64,
    /// Entries on the rejects output.
    pub rejects: RejectCounts,
    /// How long it took; written as `seconds`, to the millisecond.
    pub elapsed: Span,
}

impl Summary {
    /// Before anything was read.
    pub const EMPTY: Summary = Summary {
        read: 0,
        counted: 0,
        duplicate: 0,
        unmatched: 0,
        late: 0,
        invalid: 0,
        finals: 0,
        corrections: 0,
        provisionals: 0,
        rejects: RejectCounts([0; RejectReason::ALL.len()]),
        elapsed: Span::ZERO,
    };

    /// What came out, and how its events ended; the time is for who ran the clock.
    pub fn of(counters: &Counters, tally: &Tally) -> Summary {
        let Counters { read, counted, duplicate, unmatched, late, invalid } = *counters;
        let mut rejects = RejectCounts::default();
        for (reason, count) in &tally.rejects {
            rejects.add(*reason, *count);
        }
        Summary {
            read,
            counted,
            duplicate,
            unmatched,
            late,
            invalid,
            finals: tally.finals,
            corrections: tally.corrections,
            provisionals: tally.provisionals,
            rejects,
            elapsed: Span::ZERO,
        }
    }

    /// Adds the counts of another part of the run.
    pub fn add(&mut self, other: &Summary) {
        self.read += other.read;
        self.counted += other.counted;
        self.duplicate += other.duplicate;
        self.unmatched += other.unmatched;
        self.late += other.late;
        self.invalid += other.invalid;
        self.finals += other.finals;
        self.corrections += other.corrections;
        self.provisionals += other.provisionals;
        for (reason, count) in other.rejects.iter() {
            self.rejects.add(reason, count);
        }
    }

    /// Counts the end of one event; `read` too.
    pub fn count(&mut self, disposition: Disposition) {
        self.read += 1;
        match disposition {
            Disposition::Counted => self.counted += 1,
            Disposition::Duplicate => self.duplicate += 1,
            Disposition::Unmatched => self.unmatched += 1,
            Disposition::Late => self.late += 1,
            Disposition::Invalid => self.invalid += 1,
        }
    }
}

/// The fields in their fixed order.
impl Serialize for Summary {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let mut fields = serializer.serialize_struct("Summary", 11)?;
        fields.serialize_field("read", &self.read)?;
        fields.serialize_field("counted", &self.counted)?;
        fields.serialize_field("duplicate", &self.duplicate)?;
        fields.serialize_field("unmatched", &self.unmatched)?;
        fields.serialize_field("late", &self.late)?;
        fields.serialize_field("invalid", &self.invalid)?;
        fields.serialize_field("finals", &self.finals)?;
        fields.serialize_field("corrections", &self.corrections)?;
        fields.serialize_field("provisionals", &self.provisionals)?;
        fields.serialize_field("rejects", &self.rejects)?;
        fields.serialize_field("seconds", &Seconds(self.elapsed))?;
        fields.end()
    }
}

/// How many entries on the rejects output bear each reason.
#[derive(Clone, Copy, PartialEq, Eq, Default, Debug)]
pub struct RejectCounts([u64; RejectReason::ALL.len()]);

impl RejectCounts {
    /// Counts so many more entries.
    pub fn add(&mut self, reason: RejectReason, entries: u64) {
        for (known, count) in RejectReason::ALL.iter().zip(&mut self.0) {
            *count += if *known == reason { entries } else { 0 };
        }
    }

    /// The reasons that occurred, each with its count, in the order of the documents.
    pub fn iter(&self) -> impl Iterator<Item = (RejectReason, u64)> {
        let counts = RejectReason::ALL.into_iter().zip(self.0);
        counts.filter(|(_, count)| *count > 0)
    }
}

/// An object from reason to count.
impl Serialize for RejectCounts {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let mut members = serializer.serialize_map(None)?;
        for (reason, count) in self.iter() {
            members.serialize_entry(reason.name(), &count)?;
        }
        members.end()
    }
}

/// A span as a JSON number of seconds.
struct Seconds(Span);

impl Serialize for Seconds {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        // Only serde's own number type can bear a fraction; nothing is computed with it.
        let millis = self.0.micros().max(0) / 1000;
        let text = format!("{}.{:03}", millis / 1000, millis % 1000);
        serializer.serialize_f64(text.parse().expect("digits and a point are a number"))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn fields_stand_in_their_fixed_order() {
        let mut summary = Summary::EMPTY;
        for (disposition, times) in [
            (Disposition::Counted, 5),
            (Disposition::Duplicate, 2),
            (Disposition::Unmatched, 3),
            (Disposition::Late, 1),
            (Disposition::Invalid, 4),
        ] {
            (0..times).for_each(|_| summary.count(disposition));
        }
        for reason in [RejectReason::Late, RejectReason::BadValue, RejectReason::BadValue] {
            summary.rejects.add(reason, 1);
        }
        let summary = Summary {
            finals: 7,
            corrections: 8,
            provisionals: 9,
            elapsed: Span::from_micros(1_234_999),
            ..summary
        };
        assert_eq!(
            serde_json::to_string(&summary).expect("plain data"),
            concat!(
                r#"{"read":15,"counted":5,"duplicate":2,"unmatched":3,"late":1,"invalid":4,"#,
                r#""finals":7,"corrections":8,"provisionals":9,"#,
                r#""rejects":{"bad_value":2,"late":1},"seconds":1.234}"#,
            )
        );
    }

    #[test]
    fn empty_summary_has_no_reasons() {
        let text = serde_json::to_string(&Summary::EMPTY).expect("plain data");
        assert!(text.ends_with(r#""rejects":{},"seconds":0.0}"#), "{text}");
    }

    #[test]
    fn every_reason_is_counted_under_its_name() {
        let mut counts = RejectCounts::default();
        for reason in RejectReason::ALL {
            counts.add(reason, 1);
        }
        assert!(counts.iter().eq(RejectReason::ALL.into_iter().map(|reason| (reason, 1))));
    }
}
