//! What a definition makes of sample events: the engine itself, over nothing else.

use std::sync::Arc;

use crate::definition::{Definitions, Metric, Plan};
use crate::engine::{
    CommitId, CommitRecord, Cursor, DigestKey, Incoming, Input, Options, OutboxEntry, Processor,
    Start,
};
use crate::format::{Encoder, EventFormat, Place, decode};
use crate::model::{Document, SourcePosition, Span};

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
#[must_use]
pub fn try_out(metric: Metric, events: &[String]) -> Trial {
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
        ..Options::default()
    };
    let mut processor = Processor::new(Arc::clone(&plan), options, start);
    let mut effects = Vec::new();
    let mut document = Document::default();
    for (offset, text) in (0..).zip(events) {
        let event = decode(text.as_bytes(), &mut document, &EventFormat::native(), &tenant);
        let incoming = Incoming {
            position: SourcePosition::Offset(offset),
            timestamp: None,
            read_at: None,
            original: text.as_bytes(),
            event: event.map_err(crate::format::Fault::into_reject),
        };
        let cursor = Cursor::at_offset(offset.saturating_add(1));
        processor.handle(Input::Events { events: &[incoming], cursor }, &mut effects);
    }
    processor.handle(Input::EndOfInput, &mut effects);
    let mut trial = Trial::default();
    let place = Place::Topic { topic, partition: 0 };
    let encoder = Encoder::new(&plan, &place, usize::MAX);
    loop {
        for entry in processor.take_outbox() {
            let body = encoder.outgoing(&entry).body;
            match entry {
                OutboxEntry::Total(_) => trial.totals.push(body),
                OutboxEntry::Reject { .. } => trial.rejects.push(body),
            }
        }
        if !processor.has_more_to_close() {
            return trial;
        }
        processor.handle(Input::EndOfInput, &mut effects);
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
        let trial = try_out(metric, &events);
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
}
