//! Topics that are not keyed by customer: what comes of their events once they were re-keyed, whatever dies meanwhile.
//!
//! A stage of `format::rekeyed` over models of logs and transactions: copies, marks, offset and note of a source partition
//! become visible in one step or not at all. Each internal partition has a task of the engine with a store, which dies as well.

use std::collections::BTreeMap;

use odometer::engine::{Cursor, Input};
use odometer::format::rekeyed::{
    Envelope, Lane, LaneNote, Rules, decode_note, encode_note, stage_of,
};
use odometer::format::{self, EventFormat, Found, Origin, partition_of_customer};
use odometer::model::{Document, EventTime, Span};

use crate::driver::{Driver, Style, seeds};
use crate::oracle::{Options, Oracle, Outcome, Record};
use crate::worlds::{self, Dice};

/// All of an event is counted, or all refused: then of two copies it does not matter which is read first.
const CORRECTING: &str = r#"{"metrics": [
    {"code": "sum", "event_type": "e", "aggregation": "sum", "value": "properties.v", "period": "hour"},
    {"code": "most", "event_type": "e", "aggregation": "max", "value": "properties.v", "period": "day",
     "group_by": ["g"], "grace": "2h"},
    {"code": "spread", "event_type": "e", "aggregation": "percentile", "percentile": 90, "value": "properties.v",
     "period": "6h"},
    {"code": "held", "event_type": "e", "aggregation": "sum", "value": "properties.v", "recurring": true,
     "period": "day"}
]}"#;

/// What is late matters here.
const PUNCTUAL: &str = r#"{"metrics": [
    {"code": "sum", "event_type": "e", "aggregation": "sum", "value": "properties.v", "period": "hour",
     "late": "drop"},
    {"code": "carried", "event_type": "e", "aggregation": "count", "period": "hour", "late": "carry"},
    {"code": "newest", "event_type": "e", "aggregation": "latest", "value": "properties.v", "period": "3h",
     "grace": "1h"},
    {"code": "held", "event_type": "e", "aggregation": "sum", "value": "properties.v", "recurring": true,
     "period": "day", "late": "drop"}
]}"#;

const STAGE: (&str, &str) = ("group", "usage");
/// 2026-03-01T00:00:00Z.
const BEGIN: i64 = 1_772_323_200;

fn instant(seconds: i64) -> EventTime {
    EventTime::from_micros(seconds * 1_000_000)
}

/// A record of the source topic: its partition, and what it holds. Its offset is its place among all.
struct Written {
    partition: usize,
    text: String,
}

fn event(number: i64, dice: &mut Dice) -> String {
    let (customer, group) = (dice.below(9), dice.below(3));
    let back = if dice.chance(10) { dice.between(0, 40_000) } else { dice.between(0, 2_000) };
    let time = BEGIN + number * 400 - back;
    let value =
        if dice.chance(4) { r#""none""#.to_owned() } else { dice.between(-50, 500).to_string() };
    format!(
        r#"{{"id":"e{number}","type":"e","customer":"c{customer}","time":{time},"properties":{{"v":{value},"g":"g{group}"}}}}"#
    )
}

/// Events in disorder over all partitions, with repeats, and records that are none; at last one for each partition that
/// closes all that came before.
fn world(sources: usize, dice: &mut Dice) -> Vec<Written> {
    let mut written: Vec<Written> = Vec::new();
    let count = dice.between(50, 250);
    for number in 0..count {
        let text = match dice.below(20) {
            0 if !written.is_empty() => dice.pick(&written).text.clone(),
            1 => format!("no event {number}"),
            _ => event(number, dice),
        };
        written.push(Written { partition: dice.below(sources), text });
    }
    let time = BEGIN + count * 400 + 10 * 86_400;
    written.extend((0..sources).map(|partition| {
        let text = format!(
            r#"{{"id":"end{partition}","type":"end","customer":"end{partition}","time":{time}}}"#
        );
        Written { partition, text }
    }));
    written
}

/// An internal topic, and what the group has committed for the source topic: both change in one step.
struct Broker {
    logs: Vec<Vec<(Vec<u8>, Vec<u8>)>>,
    committed: BTreeMap<usize, (usize, String)>,
}

/// The stage: a lane for each source partition, and what is not committed yet.
struct Stage<'w> {
    written: &'w [Written],
    rules: Rules,
    lanes: Vec<(Lane, usize)>,
    open: Vec<(usize, Vec<u8>, Vec<u8>)>,
    told: Vec<Lane>,
}

impl<'w> Stage<'w> {
    /// One that goes on where another was left.
    fn begin(written: &'w [Written], rules: Rules, broker: &Broker) -> Self {
        let lane = |number: u32| {
            let committed = broker.committed.get(&usize::try_from(number).expect("few"));
            let (next, progress) = committed.map_or((0, None), |(next, text)| {
                (*next, decode_note(text).expect("it is a note").progress)
            });
            (Lane::new(number, progress), next)
        };
        let lanes: Vec<(Lane, usize)> = (0..rules.sources).map(lane).collect();
        let told = lanes.iter().map(|(lane, _)| *lane).collect();
        Stage { written, rules, lanes, open: Vec::new(), told }
    }

    /// Copies the next record of a partition, if there is one.
    fn copy(&mut self, partition: usize) -> bool {
        let (lane, next) = &mut self.lanes[partition];
        let rest = (*next..self.written.len()).find(|at| self.written[*at].partition == partition);
        let Some(at) = rest else { return false };
        *next = at + 1;
        let value = self.written[at].text.as_bytes();
        let mut document = Document::default();
        let found = found_in(value, &mut document);
        // The clock is later than any event: nothing lies in the future.
        let facts = (i64::try_from(at).expect("few"), None, instant(BEGIN * 2));
        for (to, moved) in lane.route(&self.rules, facts, &found) {
            let header = Envelope::Moved(Box::new(moved)).encode(stage_of(STAGE.0, STAGE.1));
            self.open.push((usize::try_from(to).expect("few"), header, value.to_vec()));
        }
        true
    }

    /// Makes all visible.
    fn commit(&mut self, broker: &mut Broker) {
        let news = self.lanes.iter().zip(&self.told).filter(|((lane, _), told)| lane != *told);
        let marks: Vec<_> = news.map(|((lane, _), _)| lane.mark()).collect();
        if !marks.is_empty() {
            let partitions = self.rules.sources;
            let header = Envelope::Marks { partitions, marks }.encode(stage_of(STAGE.0, STAGE.1));
            for log in 0..broker.logs.len() {
                self.open.push((log, header.clone(), Vec::new()));
            }
        }
        for (to, header, value) in self.open.drain(..) {
            broker.logs[to].push((header, value));
        }
        for (partition, (lane, next)) in self.lanes.iter().enumerate() {
            let Rules { sources, partitions, .. } = self.rules;
            let progress = lane.mark().progress;
            let note = LaneNote { progress, sources, source: None, partitions, into: None };
            broker.committed.insert(partition, (*next, encode_note(&note)));
        }
        self.told = self.lanes.iter().map(|(lane, _)| *lane).collect();
    }
}

fn found_in<'d>(value: &'d [u8], document: &'d mut Document) -> Vec<Found<'d>> {
    let mut found = Vec::new();
    match format::parse(value, document) {
        Ok(text) => {
            let origin = Origin::of_tenant("default");
            // Parsed once: what is found borrows it.
            let document: &'d Document = document;
            format::events_of(text, document, &EventFormat::native(), &origin, &mut found);
        }
        Err(fault) => found.push(Found { original: value, event: Err(fault) }),
    }
    found
}

/// A task reads some of its log, record by record.
fn read(task: &mut Driver<'_>, log: &[(Vec<u8>, Vec<u8>)], at: usize, most: usize) {
    for (place, (header, value)) in log.iter().enumerate().skip(at).take(most) {
        let cursor = Cursor::at_offset(i64::try_from(place + 1).expect("few"));
        let envelope = Envelope::decode(header, stage_of(STAGE.0, STAGE.1));
        match envelope.expect("the stage wrote it") {
            Envelope::Marks { partitions, marks } => {
                task.give(Input::Upstream { partitions, marks: &marks, cursor });
            }
            Envelope::Moved(moved) => {
                let mut document = Document::default();
                let mut found = found_in(value, &mut document);
                let mut events = Vec::new();
                moved.take_own(&mut found, &mut events).expect("it is read as it was");
                task.give(Input::Events { events: &events, cursor });
            }
        }
    }
}

/// Runs it all to its end; what came out, and how many events were read.
fn run(
    definitions: &str,
    written: &[Written],
    (sources, partitions): (u32, u32),
    options: &Options,
    dice: &mut Dice,
) -> (crate::model::Sight, u64) {
    let rules = Rules {
        sources,
        partitions,
        future_skew_max: Span::from_seconds(300),
        is_clock_record: false,
    };
    let logs = vec![Vec::new(); usize::try_from(partitions).expect("few")];
    let mut broker = Broker { logs, committed: BTreeMap::new() };
    let mut tasks: Vec<(Driver<'_>, usize)> = (0..partitions)
        .map(|_| (Driver::new(definitions, options, Style::stored(None, 15), dice).rekeyed(), 0))
        .collect();
    let mut stage = Stage::begin(written, rules, &broker);
    loop {
        let source = dice.below(stage.lanes.len());
        for _ in 0..dice.below(12) {
            stage.copy(source);
        }
        match dice.below(10) {
            0..4 => stage.commit(&mut broker),
            // It dies, or a partition moves: what was open is gone, and comes again.
            4 => stage = Stage::begin(written, rules, &broker),
            _ => {}
        }
        let (task, at) = {
            let place = dice.below(tasks.len());
            let (task, at) = &mut tasks[place];
            read(task, &broker.logs[place], *at, dice.below(20));
            (task, at)
        };
        *at = task.live_on(dice);
        let is_copied = (0..stage.lanes.len()).all(|partition| !stage.copy(partition));
        if is_copied && dice.chance(20) {
            stage.commit(&mut broker);
            break;
        }
    }
    let mut sight = crate::model::Sight::default();
    let mut count = 0;
    for ((mut task, at), log) in tasks.into_iter().zip(&broker.logs) {
        read(&mut task, log, at, usize::MAX);
        task.finish();
        let [read, counted, duplicate, unmatched, late, invalid] = task.counts();
        assert_eq!(read, counted + duplicate + unmatched + late + invalid, "rule 1.4");
        count += read;
        sight.join(task.sight);
    }
    (sight, count)
}

fn right(definitions: &str, written: &[Written], options: &Options) -> Outcome {
    let records: Vec<Record<'_>> =
        written.iter().map(|one| Record { bytes: one.text.as_bytes(), timestamp: None }).collect();
    Oracle::run(&worlds::definitions(definitions), &records, options.clone())
}

#[test]
fn totals_of_several_source_partitions_are_those_of_a_calm_run() {
    let options = Options { keep_open: true, ..Options::default() };
    for seed in seeds(150) {
        println!("ODOMETER_SEED={seed}");
        let mut dice = Dice::new(seed);
        let sources = 2 + dice.below(3);
        let written = world(sources, &mut dice);
        let counts = (u32::try_from(sources).expect("few"), *dice.pick(&[1, 2, 5]));
        let (sight, read) = run(CORRECTING, &written, counts, &options, &mut dice);
        assert_eq!(usize::try_from(read), Ok(written.len()), "seed {seed}: each event once");
        // Which events were late, and so what revision 1 said, is a matter of how the partitions were interleaved.
        let right = right(CORRECTING, &written, &options);
        let right = Outcome { first_values: BTreeMap::new(), ..right };
        assert!(right.totals.len() > 10, "seed {seed}");
        let differences = sight.differences(&right);
        assert!(differences.is_empty(), "seed {seed}:\n{}", differences.join("\n"));
    }
}

#[test]
fn one_source_partition_is_judged_event_by_event_as_if_it_were_read_as_it_stands() {
    let options = Options { keep_open: true, ..Options::default() };
    for seed in seeds(150) {
        println!("ODOMETER_SEED={seed}");
        let mut dice = Dice::new(seed);
        let written = world(1, &mut dice);
        let partitions = *dice.pick(&[1, 2, 5]);
        let (sight, read) = run(PUNCTUAL, &written, (1, partitions), &options, &mut dice);
        assert_eq!(usize::try_from(read), Ok(written.len()), "seed {seed}: each event once");
        let right = right(PUNCTUAL, &written, &options);
        let differences = sight.differences(&right);
        assert!(differences.is_empty(), "seed {seed}:\n{}", differences.join("\n"));
    }
}

#[test]
fn customers_of_the_worlds_are_of_several_partitions() {
    let of = |customer: u32| partition_of_customer("default", &format!("c{customer}"), 5);
    let partitions: std::collections::BTreeSet<u32> = (0..9).map(of).collect();
    assert!(partitions.len() > 2, "{partitions:?}");
}

/// What a source partition has said once need not be said again: it is stored.
#[test]
fn task_that_dies_remembers_how_far_each_source_partition_has_come() {
    let options = Options { keep_open: true, ..Options::default() };
    let mut dice = Dice::new(7);
    let call = |seconds: i64| {
        format!(
            r#"{{"id":"{seconds}","type":"e","customer":"c","time":{},"properties":{{"v":1}}}}"#,
            BEGIN + seconds
        )
    };
    let of = |partition: usize, text: String| Written { partition, text };
    let written = [of(0, call(40_000)), of(1, call(10)), of(1, call(20_000))];
    let rules = Rules {
        sources: 2,
        partitions: 1,
        future_skew_max: Span::from_seconds(300),
        is_clock_record: false,
    };
    let mut broker = Broker { logs: vec![Vec::new()], committed: BTreeMap::new() };
    let mut stage = Stage::begin(&written, rules, &broker);
    let style = Style::stored(None, 100);
    let mut task = Driver::new(CORRECTING, &options, style, &mut dice).rekeyed();
    let mut at = 0;
    let mut told = Vec::new();
    for partition in [0, 1, 1] {
        assert!(stage.copy(partition));
        stage.commit(&mut broker);
        // Nothing is left in memory of what came before.
        while at < broker.logs[0].len() {
            read(&mut task, &broker.logs[0], at, usize::MAX);
            at = task.live_on(&mut dice);
        }
        task.finish();
        told.push(task.sight.totals().len());
    }
    // Nothing is closed before both were heard of, and then as far as the one that is behind has come.
    assert_eq!(told[..2], [0, 0]);
    assert_eq!(told[2], 1, "the first hour");
}
