//! What a definition makes of sample events: the engine itself, over nothing else.

use std::sync::Arc;

use crate::definition::{Definitions, Metric, Plan};
use crate::engine::{
    CommitId, CommitRecord, Cursor, DigestKey, Incoming, Input, Options, OutboxEntry, Processor,
    Start,
};
use crate::format::{Encoder, EventFormat, Place, decode};
use crate::model::{Document, EventTime, SourcePosition, Span};

/// How many totals and rejects a trial may come to.
pub const TRIAL_MAX: usize = 10_000;

/// Sample events that come to more than [`TRIAL_MAX`].
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct TooMany;

/// What came of sample events.
#[derive(Clone, PartialEq, Eq, Default, Debug)]
pub struct Trial {
    /// Totals in the order in which they were made, each a line of JSON.
    pub totals: Vec<String>,
    /// What was refused, likewise.
    pub rejects: Vec<String>,
}

/// Reads events (a JSON text each, in the native form) in order, and closes every period that has some.
///
/// Ids are remembered for the length of the trial, whatever the events' times, and no clock is held against them.
///
/// # Errors
/// More than a trial may come to: a recurring metric has a total for each period between two events.
pub fn try_out(metric: Metric, events: &[String]) -> Result<Trial, TooMany> {
    let tenant = metric.tenant.clone();
    let topic = metric.topic.clone().unwrap_or_default();
    let plan = Plan::new(Definitions { metrics: vec![metric], customers: Vec::new() });
    let genesis = CommitRecord::genesis(CommitId([0; 16]), Cursor::at_offset(0));
    let start = Start {
        digest_key: DigestKey([0; 16]),
        last: genesis,
        delivered: 0,
        is_offset_behind: false,
        stored: None,
    };
    let plan = Arc::new(plan);
    let options = Options {
        dedup_window: Span::from_seconds(366 * 86_400),
        reports_duplicates: true,
        reports_unmatched: true,
        slice_totals_max: 1_000,
        ..Options::default()
    };
    let mut processor = Processor::new(Arc::clone(&plan), options, start);
    let mut effects = Vec::new();
    let mut document = Document::default();
    let mut trial = Trial::default();
    let place = Place::Topic { topic, partition: 0 };
    let encoder = Encoder::new(&plan, &place, usize::MAX);
    for (offset, text) in (0..).zip(events) {
        let event = decode(text.as_bytes(), &mut document, &EventFormat::native(), &tenant);
        let incoming = Incoming {
            position: SourcePosition::Offset(offset),
            timestamp: None,
            read_at: None,
            original: text.as_bytes(),
            upstream: None,
            event: event.map_err(crate::format::Fault::into_reject),
        };
        let cursor = Cursor::at_offset(offset.saturating_add(1));
        processor.handle(Input::Events { events: &[incoming], cursor }, &mut effects);
        // A late event would make all the totals at once that its chain owes.
        trial.close(&mut processor, &encoder)?;
    }
    processor.handle(Input::EndOfInput, &mut effects);
    trial.close(&mut processor, &encoder)?;
    Ok(trial)
}

impl Trial {
    /// Closes what is due, slice by slice.
    fn close(&mut self, processor: &mut Processor, encoder: &Encoder<'_>) -> Result<(), TooMany> {
        let mut effects = Vec::new();
        loop {
            for entry in processor.take_outbox() {
                let body = encoder.outgoing(&entry).body;
                match entry {
                    OutboxEntry::Total(_) => self.totals.push(body),
                    OutboxEntry::Reject { .. } => self.rejects.push(body),
                }
            }
            if self.totals.len().saturating_add(self.rejects.len()) > TRIAL_MAX {
                return Err(TooMany);
            }
            if !processor.has_more_to_close() {
                return Ok(());
            }
            processor
                .handle(Input::Idle { watermark: EventTime::from_micros(i64::MIN) }, &mut effects);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::format::definitions;

    #[test]
    fn sample_events_are_folded_refused_and_told() {
        let text = r#"{"code":"n","aggregation":"sum","value":"properties.v","period":"day"}"#;
        let metric = definitions::read_body(text).expect("it is valid");
        let event = |id: &str, day: u32, value: &str| {
            format!(
                r#"{{"id":"{id}","type":"n","customer":"c","time":"2026-03-{day:02}T08:00:00Z","properties":{{"v":{value}}}}}"#
            )
        };
        let events = [
            event("a", 1, "1.5"),
            event("b", 1, "2"),
            event("c", 3, "4"),
            event("a", 3, "9"),
            event("d", 3, "\"x\""),
            "{".to_owned(),
        ];
        let trial = try_out(metric, &events).expect("they are few");
        let values: Vec<bool> = trial
            .totals
            .iter()
            .zip([r#""value":"3.5""#, r#""value":"4""#])
            .map(|(total, value)| total.contains(value))
            .collect();
        assert_eq!(values, [true, true], "{trial:?}");
        let reasons = ["duplicate", "bad_value", "malformed"];
        assert_eq!(trial.rejects.len(), 3, "{trial:?}");
        for (reject, reason) in trial.rejects.iter().zip(reasons) {
            assert!(reject.contains(reason), "{reject}");
        }
    }
    /// Three million days lie between two of them, and the third changes every one.
    #[test]
    fn sample_events_that_come_to_too_many_totals_are_told() {
        let text = r#"{"code":"n","aggregation":"sum","recurring":true,"value":"properties.v","period":"day"}"#;
        let metric = definitions::read_body(text).expect("it is valid");
        let event = |id: &str, year: u32| {
            format!(
                r#"{{"id":"{id}","type":"n","customer":"c","time":"{year:04}-01-01T00:00:00Z","properties":{{"v":1}}}}"#
            )
        };
        let far = [event("a", 1970), event("b", 9998), event("c", 1970)];
        assert_eq!(try_out(metric.clone(), &far), Err(TooMany));
        let near = [event("a", 1970), event("b", 1990)];
        let totals = try_out(metric, &near).map(|trial| trial.totals.len());
        assert_eq!(totals, Ok(20 * 365 + 5 + 1));
    }
}
