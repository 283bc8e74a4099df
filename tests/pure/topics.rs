//! Versions of one metric that different topics feed: each topic folds its own, and no total is of two.

use std::sync::Arc;

use odometer::definition::{Definitions, Plan};
use odometer::engine::{
    self, CommitId, CommitRecord, Cursor, DigestKey, Effect, Input, Processor, Start,
};
use odometer::format::{Encoder, Place};

use crate::model::{Sight, with_incoming};
use crate::oracle::{Options, Oracle, Record};
use crate::worlds;

/// From the second version on the value is another one, so that the oracle, which knows no topics, begins anew as well.
const METRICS: &str = r#"{"metrics": [
    {"code": "calls", "event_type": "e", "aggregation": "count", "period": "day", "topic": "a"},
    {"code": "calls", "event_type": "e", "aggregation": "count", "period": "day", "topic": "b",
     "effective_from": "2026-03-03T00:00:00Z"},
    {"code": "held", "event_type": "e", "aggregation": "sum", "value": "properties.v", "recurring": true,
     "period": "day", "topic": "a"},
    {"code": "held", "event_type": "e", "aggregation": "sum", "value": "properties.v * 1", "recurring": true,
     "period": "day", "topic": "b", "effective_from": "2026-03-03T00:00:00Z"},
    {"code": "late", "event_type": "e", "aggregation": "max", "value": "properties.v", "late": "carry",
     "period": "day", "topic": "a"},
    {"code": "late", "event_type": "e", "aggregation": "max", "value": "properties.v", "late": "carry",
     "period": "day", "topic": "b", "effective_from": "2026-03-03T00:00:00Z"},
    {"code": "other", "event_type": "e", "aggregation": "count", "period": "day", "topic": "b"}
]}"#;

fn event(number: usize, day: usize) -> String {
    let customer = number % 3;
    format!(
        r#"{{"id":"{number}","type":"e","customer":"c{customer}","time":"2026-03-{day:02}T{:02}:00:00Z","properties":{{"v":{number}}}}}"#,
        number % 24
    )
}

fn seen(definitions: Definitions, records: &[Record<'_>]) -> Sight {
    let plan = Arc::new(Plan::new(definitions));
    let start = Start {
        digest_key: DigestKey([7; 16]),
        last: CommitRecord::genesis(CommitId([1; 16]), Cursor::at_offset(0)),
        delivered: 0,
        is_offset_behind: false,
        stored: None,
    };
    let mut processor = Processor::new(Arc::clone(&plan), engine::Options::default(), start);
    let mut effects: Vec<Effect> = Vec::new();
    with_incoming(records, 0, None, |events| {
        let cursor = Cursor::at_offset(i64::try_from(events.len()).expect("few"));
        processor.handle(Input::Events { events, cursor }, &mut effects);
    });
    let place = Place::Topic { topic: "usage".to_owned(), partition: 0 };
    let encoder = Encoder::new(&plan, &place, 1 << 20);
    let mut sight = Sight::default();
    let mut take = |processor: &mut Processor| {
        for entry in processor.take_outbox() {
            sight.take(&encoder.outgoing(&entry)).expect("revisions follow each other");
        }
    };
    take(&mut processor);
    processor.handle(Input::EndOfInput, &mut effects);
    take(&mut processor);
    while processor.has_more_to_close() {
        processor.handle(Input::EndOfInput, &mut effects);
        take(&mut processor);
    }
    assert_eq!(effects, []);
    sight
}

#[test]
fn each_topic_folds_the_versions_that_it_feeds() {
    let days = [1, 1, 2, 2, 1, 3, 2, 4, 3, 5, 3, 2, 6, 4, 9, 2, 3, 9];
    let events: Vec<(usize, String)> =
        days.iter().zip(1..).map(|(day, number)| (*day, event(number, *day))).collect();
    let text = |takes: &dyn Fn(usize) -> bool| {
        let lines = events.iter().map(|(day, line)| if takes(*day) { line.as_str() } else { "" });
        // What is not taken still moves the watermark.
        let lines = events.iter().zip(lines).map(|((_, whole), taken)| {
            let elsewhere = whole.replace(r#""type":"e""#, r#""type":"none""#);
            if taken.is_empty() { elsewhere } else { taken.to_owned() }
        });
        lines.collect::<Vec<_>>().join("\n")
    };
    let whole = text(&|_| true);
    for (topic, left_out) in [("a", "other"), ("b", "")] {
        let own = text(&|day| (day < 3) == (topic == "a"));
        let mut definitions = worlds::definitions(METRICS);
        definitions.metrics.retain(|metric| metric.code != "other");
        let right = Oracle::run(&definitions, &Record::lines(own.as_bytes()), Options::default());
        let mut of_topic = worlds::definitions(METRICS).of_topic(topic);
        assert_eq!(
            of_topic.metrics.iter().any(|metric| metric.code == "other"),
            left_out.is_empty()
        );
        of_topic.metrics.retain(|metric| metric.code != "other");
        let found = seen(of_topic, &Record::lines(whole.as_bytes()));
        assert!(found.entries() > 3, "{topic}");
        let differences = found.differences(&right);
        assert!(differences.is_empty(), "{topic}:\n{}", differences.join("\n"));
    }
}
