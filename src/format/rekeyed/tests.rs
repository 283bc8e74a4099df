//! Golden bytes of the envelope, and where a lane sends events.

use super::*;
use crate::engine::{Mark, Progress, Upstream};
use crate::format::{EventFormat, Found, Origin, events_of, parse, partition_of_customer};
use crate::model::{Document, EventTime, Span};

const GOLDEN: &str = include_str!("../../../tests/data/formats/rekeyed-1.txt");

fn at(seconds: i64) -> EventTime {
    EventTime::from_micros(seconds * 1_000_000)
}

fn hex(bytes: &[u8]) -> String {
    bytes.iter().fold(String::new(), |text, byte| text + &format!("{byte:02x}"))
}

fn samples() -> Vec<Envelope> {
    let reached = Some(Progress::Reached(at(1_772_000_000)));
    let moved = |partition, progress, timestamp, events| {
        let upstream = Upstream { partitions: 3, mark: Mark { partition, progress } };
        let read_at = at(1_772_000_002);
        Envelope::Moved(Box::new(Moved { upstream, offset: 77, timestamp, read_at, events }))
    };
    let marks = vec![
        Mark { partition: 0, progress: reached },
        Mark { partition: 1, progress: Some(Progress::Quiet) },
        Mark { partition: 2, progress: None },
    ];
    vec![
        moved(2, reached, Some(at(1_772_000_001)), Origins::All(1)),
        moved(0, None, None, Origins::Some { of: 5, places: vec![0, 4] }),
        moved(1, Some(Progress::Quiet), Some(at(0)), Origins::All(0)),
        Envelope::Marks { partitions: 3, marks },
        Envelope::Marks { partitions: 1, marks: Vec::new() },
    ]
}

#[test]
fn envelopes_are_written_as_they_always_were_and_read_back() {
    let stage = stage_of("odometer", "usage");
    let now: Vec<String> = samples().iter().map(|one| hex(&one.encode(stage))).collect();
    let golden: Vec<&str> = GOLDEN.lines().filter(|line| !line.starts_with('#')).collect();
    assert_eq!(now, golden, "the bytes changed:\n{}", now.join("\n"));
    for envelope in samples() {
        assert_eq!(Envelope::decode(&envelope.encode(stage), stage), Ok(envelope));
    }
}

#[test]
fn envelope_of_another_stage_or_cut_short_is_refused() {
    let stage = stage_of("odometer", "usage");
    assert_ne!(stage_of("a-b", "c"), stage_of("a", "b-c"), "whose topics have one name");
    for envelope in samples() {
        let bytes = envelope.encode(stage);
        let told =
            Envelope::decode(&bytes, stage_of("odometer", "other")).expect_err("not its own");
        assert!(told.to_string().contains("another group wrote"), "{told}");
        for length in 0..bytes.len() {
            assert!(Envelope::decode(&bytes[..length], stage).is_err(), "{length} bytes");
        }
        assert!(Envelope::decode(&[&bytes[..], b"x"].concat(), stage).is_err());
    }
}

#[test]
fn notes_read_back_and_nothing_else_does() {
    let text = "odometer-rekey/1 progress=-5 sources=3 source=xyz partitions=8 into=abc";
    let note = LaneNote {
        progress: Some(Progress::Reached(EventTime::from_micros(-5))),
        sources: 3,
        source: Some("xyz".to_owned()),
        partitions: 8,
        into: Some("abc".to_owned()),
    };
    assert_eq!(encode_note(&note), text);
    assert_eq!(decode_note(text), Some(note.clone()));
    for progress in [None, Some(Progress::Quiet)] {
        let note = LaneNote { progress, source: None, into: None, ..note.clone() };
        assert_eq!(decode_note(&encode_note(&note)), Some(note));
    }
    let of_task = "odometer/1 commit=abababababababababababababababab genesis=0 sequence=17 \
                   watermark=-5 partitions=4";
    for foreign in ["", "odometer-rekey/1", of_task, &text[..40], &format!("{text} more")] {
        assert_eq!(decode_note(foreign), None, "{foreign:?}");
    }
}

const RULES: Rules = Rules {
    sources: 3,
    partitions: 4,
    future_skew_max: Span::from_seconds(300),
    is_clock_record: false,
};

/// Sends a record on, and gives back where its events go.
fn route(lane: &mut Lane, rules: &Rules, record: &str) -> Vec<Destination> {
    let mut document = Document::default();
    let mut found = Vec::new();
    match parse(record.as_bytes(), &mut document) {
        Ok(text) => {
            let format = EventFormat::lago();
            events_of(text, &document, &format, &Origin::of_tenant("default"), &mut found);
        }
        Err(fault) => found.push(Found { original: record.as_bytes(), event: Err(fault) }),
    }
    lane.route(rules, (9, Some(at(2_000)), at(2_001)), &found)
}

fn event(customer: &str, seconds: i64) -> String {
    format!(
        r#"{{"transaction_id":"{customer}{seconds}","code":"a","external_subscription_id":"{customer}","timestamp":{seconds}}}"#
    )
}

#[test]
fn events_of_one_record_go_each_to_the_partition_of_its_customer() {
    let customers = ["a", "b", "c", "d", "e", "f"];
    let events: Vec<String> = customers.iter().map(|one| event(one, 100)).collect();
    let record = format!(r#"{{"events":[{},7]}}"#, events.join(","));
    let mut lane = Lane::new(2, Some(Progress::Reached(at(90))));
    let destinations = route(&mut lane, &RULES, &record);
    assert!(destinations.len() > 1, "{destinations:?}");
    for (place, customer) in (0..).zip(customers) {
        let wanted = partition_of_customer("default", customer, 4);
        let takers = destinations.iter().filter(|(_, moved)| moved.events.has(place));
        assert_eq!(takers.map(|(partition, _)| *partition).collect::<Vec<_>>(), [wanted]);
    }
    let last: Vec<_> = destinations.iter().filter(|(_, moved)| moved.events.has(6)).collect();
    assert_eq!(last.len(), 1);
    assert_eq!(last[0].0, 2, "what is no event goes where its lane is");
    for (_, moved) in &destinations {
        assert_eq!(moved.events.in_record(), 7);
        assert_eq!(moved.upstream.mark.progress, Some(Progress::Reached(at(90))), "before it");
    }
    assert_eq!(lane.reached(), Some(at(100)));
}

#[test]
fn lane_is_moved_by_events_without_a_fault_alone() {
    let mut lane = Lane::new(1, None);
    assert_eq!(route(&mut lane, &RULES, "no JSON").len(), 1);
    assert_eq!(lane.reached(), None);
    let destinations = route(&mut lane, &RULES, &event("a", 100));
    assert_eq!(destinations[0].1.upstream.mark.progress, None);
    assert_eq!(destinations[0].1.events, Origins::All(1));
    route(&mut lane, &RULES, &event("a", 50));
    assert_eq!(lane.reached(), Some(at(100)));
    // By rule 1.6 it may be at most 300 seconds past the record's own timestamp.
    route(&mut lane, &RULES, &event("a", 2_301));
    assert_eq!(lane.reached(), Some(at(100)));
    route(&mut lane, &RULES, &event("a", 2_300));
    assert_eq!(lane.reached(), Some(at(2_300)));
    let rules = Rules { is_clock_record: true, ..RULES };
    let mut lane = Lane::new(1, None);
    route(&mut lane, &rules, &event("a", 100));
    assert_eq!(lane.reached(), Some(at(2_000)));
}

#[test]
fn idle_lane_follows_the_clock_from_its_first_event_on() {
    let mut lane = Lane::new(1, None);
    lane.idle(at(500));
    assert_eq!(lane.mark().progress, Some(Progress::Quiet));
    route(&mut lane, &RULES, &event("a", 100));
    assert_eq!(lane.reached(), Some(at(100)));
    lane.idle(at(500));
    assert_eq!(lane.reached(), Some(at(500)));
    lane.idle(at(400));
    assert_eq!(lane.reached(), Some(at(500)));
}
