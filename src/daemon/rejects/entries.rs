//! The entries that were asked for, one after the other, as an output of rejects is read back.
//!
//! What is no entry is named and passed over.

use super::arguments::Selection;
use crate::daemon::CommandError;
use crate::daemon::readback::{Progress, Record, Records, Value};
use crate::format::Refusal;
use crate::settings::{Flow, Settings};

/// How many of the texts that are no entries are named; the others are counted.
const FAULTS_NAMED_MAX: u64 = 10;

/// An entry that was asked for.
pub(super) struct Entry<'b> {
    pub(super) refusal: Refusal<'b>,
    /// As it stands.
    pub(super) body: &'b [u8],
    pub(super) progress: Progress,
}

/// Takes entries; `false`: no more of them.
pub(super) type Taker<'t> = dyn FnMut(&Entry<'_>) -> Result<bool, CommandError> + 't;

/// Reads entries.
pub(super) struct Entries<'s> {
    selection: &'s Selection,
    records: Option<Records>,
    /// How many texts were no entries.
    faults: u64,
}

impl<'s> Entries<'s> {
    /// Finds what is to be read.
    pub(super) fn open(
        selection: &'s Selection,
        settings: Option<&Settings>,
    ) -> Result<Self, CommandError> {
        let records = match (selection.input.as_slice(), settings) {
            ([], Some(settings)) => configured(settings)?,
            (files, _) => Records::of_files(files),
        };
        Ok(Entries { selection, records: Some(records), faults: 0 })
    }

    /// Gives all of them to `take`, or until it wants no more.
    pub(super) fn each(&mut self, take: &mut Taker<'_>) -> Result<(), CommandError> {
        let records = self.records.take().expect("entries are read once");
        records.each(&mut |record| self.of_record(record, take))
    }

    /// That some of what was read is no entry.
    pub(super) fn outcome(&self) -> Result<(), CommandError> {
        match self.faults {
            0 => Ok(()),
            1 => Err(CommandError::failed("1 text that was read is no entry of a rejects output")),
            faults => Err(CommandError::failed(format!(
                "{faults} texts that were read are no entries of a rejects output"
            ))),
        }
    }

    fn of_record(
        &mut self,
        record: &Record<'_>,
        take: &mut Taker<'_>,
    ) -> Result<bool, CommandError> {
        let body = match record.value {
            Value::Whole(body) => body,
            Value::Absent => &[],
            Value::TooLong(length) => {
                self.note(record, &format!("it has {length} bytes"));
                return Ok(true);
            }
        };
        match Refusal::read(body) {
            Ok(refusal) if self.selection.holds(&refusal) => {
                return take(&Entry { refusal, body, progress: record.progress });
            }
            Ok(_) => {}
            Err(_) if record.may_grow => {
                tracing::info!(place = %record.place, "the last line is not finished yet");
            }
            Err(fault) => self.note(record, &fault.to_string()),
        }
        Ok(true)
    }

    fn note(&mut self, record: &Record<'_>, fault: &str) {
        self.faults += 1;
        if self.faults <= FAULTS_NAMED_MAX {
            let place = record.place.to_string();
            tracing::warn!(place, fault, "no entry of a rejects output: passed over");
        }
    }
}

/// Where a configuration has its rejects written.
fn configured(settings: &Settings) -> Result<Records, CommandError> {
    match &settings.flow {
        Flow::Files(files) => match &files.rejects {
            Some(path) => Ok(Records::of_output(path.clone())),
            None => Err(CommandError::Faults(vec![
                "rejects.path is \"-\", standard output, which cannot be read back: give the file that it went to \
                 as --input"
                    .to_owned(),
            ])),
        },
        Flow::Kafka(flow) => Records::of_topic(flow, &flow.rejects_topic),
    }
}
