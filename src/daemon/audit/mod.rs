//! `odometer audit`: every revision of every total read back, and held against the one before it.
//!
//! ```text
//! files │ topic ─► readback (records) ─► format::Audit (what is wrong) ─► report (a line for each fault)
//! ```
//! It only reads. What is right of totals is known to `format::audit`; here it is known where they stand.

mod arguments;
mod report;

pub(super) use arguments::HELP;
pub use arguments::{AuditArguments, FaultFormat, Missing};

use std::io::{self, IsTerminal};

use super::CommandError;
use super::readback::{Console, Place, Record, Records, Value, configured};
use crate::format::{Audit, AuditFault, AuditRules, Revision, RevisionFault};
use crate::kafka;
use crate::settings::{Flow, KafkaFlow, Settings};
use report::{Report, Told};

/// Reads all totals that the arguments name, and says what is wrong with them.
///
/// # Errors
/// Totals with faults; a configuration with faults, totals that cannot be read, an output that takes no more.
pub(super) fn audit(arguments: &AuditArguments) -> Result<(), CommandError> {
    let settings = configured(arguments.config.as_deref(), &arguments.overrides)?;
    let (records, usual) = match (arguments.input.as_slice(), &settings) {
        ([], Some(settings)) => totals(settings, arguments.missing)?,
        (files, _) => (Records::of_files(files), AuditRules::Cut),
    };
    let rules = arguments.missing.map_or(usual, Missing::rules);
    let is_terminal = io::stdout().is_terminal();
    let usual = if is_terminal { FaultFormat::Text } else { FaultFormat::Ndjson };
    let mut inspection = Inspection {
        arguments,
        audit: Audit::new(rules),
        places: Places::default(),
        report: Report::new(arguments.output_format.unwrap_or(usual), is_terminal),
    };
    let mut console = Console::new();
    let mut count = 0;
    records
        .each(&mut |record| {
            count += 1;
            console.show(record.progress, count, "totals");
            inspection.look(record).map(|()| true)
        })
        .map_err(told)?;
    drop(console);
    let counts = inspection.audit.counts();
    inspection.report.finish(rules, counts).map_err(told)?;
    // A name that was mistyped is not to pass for totals without a fault.
    if arguments.is_narrowed() && counts.revisions == 0 && counts.provisional == 0 {
        return Err(CommandError::failed(format!(
            "none of the {count} totals that were read is of the metric, customer or tenant asked for"
        )));
    }
    Ok(())
}

/// Whoever takes no more faults is not to take it that there are none.
fn told(error: CommandError) -> CommandError {
    error.unless_closed("standard output was closed before all faults were told")
}

/// Where a configuration has its totals written, and what may be missing there.
fn totals(
    settings: &Settings,
    missing: Option<Missing>,
) -> Result<(Records, AuditRules), CommandError> {
    match &settings.flow {
        Flow::Files(files) => match &files.totals {
            Some(path) => Ok((Records::of_output(path.clone()), AuditRules::Cut)),
            None => Err(CommandError::Faults(vec![
                "sink.path is \"-\", standard output, which cannot be read back: give the file that it went to \
                 as --input"
                    .to_owned(),
            ])),
        },
        Flow::Kafka(flow) => {
            let records = Records::of_topic(flow, &flow.sink.topic)?;
            let rules = missing.map_or_else(|| asked(flow), |missing| Ok(missing.rules()))?;
            Ok((records, rules))
        }
    }
}

/// What the topic says of what is removed from it.
fn asked(flow: &KafkaFlow) -> Result<AuditRules, CommandError> {
    let topic = &flow.sink.topic;
    let failed = |error: kafka::Error| CommandError::failed(error.to_string());
    let properties = flow.sink.properties.expose();
    let inquiry = kafka::Inquiry::open(&properties, flow.source.request_timeout).map_err(failed)?;
    match inquiry.of_topic(topic, "cleanup.policy").map_err(failed)? {
        Ok(policy) if policy.contains("compact") => Ok(AuditRules::Compacted),
        Ok(_) => Ok(AuditRules::Cut),
        Err(reason) => Err(CommandError::failed(format!(
            "whether topic {topic:?} compacts is not known ({reason}): expected --missing any where it does, \
             --missing oldest where it does not"
        ))),
    }
}

/// Where a total stands: partition and offset, or number of the file and line.
type Spot = (u32, u64);

/// The names that spots are to be told by.
#[derive(Default)]
struct Places {
    /// The files that were read, the latest one last; or the topic.
    names: Vec<String>,
    is_topic: bool,
}

impl Places {
    fn spot(&mut self, place: Place<'_>) -> Spot {
        let (name, is_topic) = match place {
            Place::Line { file, .. } => (file, false),
            Place::Offset { topic, .. } => (topic, true),
        };
        if self.names.last().is_none_or(|last| last != name) {
            self.names.push(name.to_owned());
        }
        self.is_topic = is_topic;
        match place {
            Place::Line { line, .. } => {
                let file = self.names.len() - 1;
                (u32::try_from(file).expect("fewer than 2^32 files"), line)
            }
            Place::Offset { partition, offset, .. } => (
                u32::try_from(partition).expect("partitions are numbered from 0"),
                u64::try_from(offset).expect("offsets are numbered from 0"),
            ),
        }
    }

    fn place(&self, (first, second): Spot) -> Place<'_> {
        if !self.is_topic {
            let file = &self.names[usize::try_from(first).expect("a place in memory")];
            return Place::Line { file, line: second };
        }
        Place::Offset {
            topic: &self.names[0],
            partition: i32::try_from(first).expect("it was one"),
            offset: i64::try_from(second).expect("it was one"),
        }
    }
}

/// The reading under way.
struct Inspection<'a> {
    arguments: &'a AuditArguments,
    audit: Audit<Spot>,
    places: Places,
    report: Report,
}

impl Inspection<'_> {
    fn look(&mut self, record: &Record<'_>) -> Result<(), CommandError> {
        let spot = self.places.spot(record.place);
        let read = match record.value {
            Value::Whole(body) => Revision::read(body),
            Value::Absent => {
                Err(RevisionFault::new("a record without a value, which removes its key"))
            }
            Value::TooLong(length) => Err(RevisionFault::new(format!("a line of {length} bytes"))),
        };
        match read {
            Ok(revision) if self.arguments.holds(&revision) => {
                // A topic's record without a key is not one that compaction knows.
                let key = match record.place {
                    Place::Line { .. } => None,
                    Place::Offset { .. } => Some(record.key.unwrap_or_default()),
                };
                for fault in self.audit.take(&revision, key, spot) {
                    self.tell(record, spot, Some(&revision), &fault)?;
                }
                Ok(())
            }
            Ok(_) => Ok(()),
            Err(_) if record.may_grow => {
                tracing::info!(place = %record.place, "the last line is not finished yet");
                Ok(())
            }
            Err(fault) => self.tell(record, spot, None, &fault.into_fault()),
        }
    }

    fn tell(
        &mut self,
        record: &Record<'_>,
        spot: Spot,
        revision: Option<&Revision<'_>>,
        fault: &AuditFault<Spot>,
    ) -> Result<(), CommandError> {
        let recorded = || record.key.map(|key| String::from_utf8_lossy(key).into_owned());
        let before = fault.before.map(|(number, spot)| (number, self.places.place(spot)));
        self.report.tell(&Told {
            fault,
            key: revision.map(|revision| revision.key.clone()).or_else(recorded),
            revision: revision.map(|revision| revision.number),
            at: self.places.place(spot),
            before,
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn spots_are_told_by_the_names_that_they_were_read_under() {
        let mut places = Places::default();
        let lines = [("a", 1), ("a", 2), ("b", 1), ("a", 7)];
        let spots = lines.map(|(file, line)| places.spot(Place::Line { file, line }));
        assert_eq!(spots, [(0, 1), (0, 2), (1, 1), (2, 7)]);
        let told = spots.map(|spot| places.place(spot).to_string());
        assert_eq!(told, ["a line 1", "a line 2", "b line 1", "a line 7"]);
        let mut places = Places::default();
        let place = Place::Offset { topic: "t", partition: 3, offset: 1 << 40 };
        let spot = places.spot(place);
        assert_eq!(places.place(spot).to_string(), place.to_string());
    }
}
