//! The engine against the oracle: golden worlds and random ones, however they are cut up.

use odometer::format::{EventFormat, decode};
use odometer::model::{Document, EventTime, Span};

use super::{Driver, Style};
use crate::golden::World;
use crate::oracle::{DISPOSITIONS, Offsets, Options, Oracle, Outcome, Record};
use crate::worlds::{self, Dice, RandomWorld};

/// Panics with what differs from the oracle.
pub fn check(
    name: &str,
    world: (&str, &[u8], &Options),
    outcome: &Outcome,
    style: &Style,
    seed: u64,
) {
    let (definitions, events, options) = world;
    let mut dice = Dice::new(seed);
    let records = Record::lines(events);
    let mut driver = Driver::new(definitions, options, style.clone(), &mut dice);
    driver.run(&records, &mut dice);
    let differences = driver.sight.differences(outcome);
    if !differences.is_empty() {
        eprintln!("{definitions}\n{options:?} {:?} {:?}", driver.settings, driver.counts());
    }
    assert!(differences.is_empty(), "{name}, {style:?}, dice {seed}:\n{}", differences.join("\n"));
    let mut counts = vec![u64::try_from(outcome.dispositions.len()).expect("few")];
    counts.extend(DISPOSITIONS.map(|(_, disposition)| outcome.count(disposition)));
    assert_eq!(driver.counts(), *counts, "{name}, {style:?}, dice {seed}");
}

fn outcome_of(definitions: &str, events: &[u8], options: &Options) -> Outcome {
    Oracle::run(&worlds::definitions(definitions), &Record::lines(events), options.clone())
}

#[test]
fn engine_agrees_with_every_world() {
    for world in World::all() {
        let outcome = outcome_of(&world.definitions, &world.events, &world.options);
        let whole = (world.definitions.as_str(), world.events.as_slice(), &world.options);
        for (seed, batch) in (0..).zip([1, 7, 1000]) {
            let styles = [Style::plain(Some(batch)), Style::stored(Some(batch), 0)];
            let replanned = Style { replans: 40, ..Style::stored(Some(batch), 10) };
            let styles = styles.into_iter().chain([Style::stored(Some(batch), 30), replanned]);
            for style in styles {
                check(&world.name, whole, &outcome, &style, seed);
            }
        }
    }
}

/// How many seeds: `ODOMETER_SEEDS`, or what is right for every day.
#[expect(clippy::disallowed_methods, reason = "who runs the tests chooses the seeds")]
pub fn seeds(usual: u64) -> std::ops::Range<u64> {
    let number = |name: &str| std::env::var(name).ok().map(|text| text.parse().expect("a number"));
    let first = number("ODOMETER_SEED").unwrap_or(0);
    first..first + number("ODOMETER_SEEDS").unwrap_or(usual)
}

#[test]
fn engine_agrees_with_the_oracle_on_random_worlds() {
    for seed in seeds(300) {
        let name = format!("ODOMETER_SEED={seed}");
        println!("{name}");
        let mut world = RandomWorld::new(seed);
        // Left open: whether an event of a later, unended run makes totals of recurring keys in periods that an end
        // of input closed without one. The oracle says it does, the engine that they wait until they are due.
        world.options.keep_open &= world.options.input_ends.is_empty();
        let outcome = outcome_of(&world.definitions, &world.events, &world.options);
        let whole = (world.definitions.as_str(), world.events.as_slice(), &world.options);
        let replanned = Style { replans: 30, ..Style::stored(None, 10) };
        let styles = [Style::stored(None, 0), Style::stored(None, 15), replanned];
        for style in styles {
            check(&name, whole, &outcome, &style, seed);
        }
        let has_switches = [
            world.options.input_ends.len(),
            world.options.offset_switches.len(),
            world.options.window_switches.len(),
        ];
        if has_switches == [0; 3] {
            check(&name, whole, &outcome, &Style::plain(None), seed);
        }
    }
}

/// The greatest time of the first records, whatever becomes of them, or of their timestamps.
fn greatest_time(events: &[u8], count: usize) -> Option<EventTime> {
    let mut document = Document::default();
    let format = EventFormat::native();
    let mut greatest = None;
    for record in Record::lines(events).iter().take(count) {
        let time =
            decode(record.bytes, &mut document, &format, "default").ok().map(|event| event.time);
        greatest = greatest.max(time).max(record.timestamp);
    }
    greatest
}

/// A code is a metric for some records only, and the task learns of it at a restart or while it works.
#[test]
fn metrics_come_and_go_while_events_flow() {
    for seed in seeds(300) {
        let name = format!("ODOMETER_SEED={seed}");
        println!("{name}");
        let mut world = RandomWorld::new(seed);
        world.options.keep_open &= world.options.input_ends.is_empty();
        let mut dice = Dice::new(seed);
        let records = Record::lines(&world.events).len();
        for metric in worlds::definitions(&world.definitions).metrics {
            if dice.chance(60) {
                let first = if dice.chance(50) { 0 } else { dice.below(records + 1) };
                let last = if dice.chance(50) { usize::MAX } else { dice.below(records + 1) };
                let last = last.max(first);
                if last <= records {
                    // The watermark is behind it, or comes from the clock of a tick.
                    let ticks = world.options.idle_ticks.iter().filter(|(at, _)| *at <= last);
                    let clock = ticks.map(|(_, clock)| *clock).max();
                    let reached = greatest_time(&world.events, last).max(clock);
                    let later = Span::from_seconds(dice.between(0, 20 * 86_400));
                    let at = reached.unwrap_or(EventTime::EARLIEST).saturating_add(later);
                    world.options.deaths.insert(metric.code.clone(), at);
                }
                world.options.lives.insert(metric.code, first..last);
            }
        }
        let outcome = outcome_of(&world.definitions, &world.events, &world.options);
        let whole = (world.definitions.as_str(), world.events.as_slice(), &world.options);
        for replans in [0, 50, 100] {
            let style = Style { replans, ..Style::stored(None, 10) };
            check(&name, whole, &outcome, &style, seed);
        }
    }
}

#[test]
fn range_of_offsets_is_said_only_where_it_is_whole() {
    let definitions = r#"{"metrics":[
        {"code":"plain","event_type":"e","aggregation":"count","period":"day"},
        {"code":"level","event_type":"e","aggregation":"sum","value":"properties.v","period":"day","recurring":true}]}"#;
    // The day of each record. Offsets are kept from record 1 on, not for record 5, and again from 6 on.
    let days = [1, 2, 1, 2, 3, 3, 3, 4, 4, 6];
    let events: String = (0..).zip(days).map(|(n, day)| event_on(n, day)).collect();
    let options = Options {
        watermark_delay: Span::from_seconds(40 * 86_400),
        offset_switches: vec![1, 5, 6],
        ..Options::default()
    };
    let expected = [(1, None), (2, Some((1, 3))), (3, None), (4, Some((7, 8))), (6, Some((9, 9)))];
    for seed in 0..10 {
        let mut dice = Dice::new(seed);
        let style = Style::stored(Some(1), 30);
        let mut driver = Driver::new(definitions, &options, style, &mut dice);
        driver.run(&Record::lines(events.as_bytes()), &mut dice);
        let totals = driver.sight.totals();
        for (day, range) in expected {
            let of_day = totals.iter().filter(|(key, _)| key.start == instant_of(day, 0));
            let said: Vec<Offsets> = of_day.map(|(_, total)| total.offsets).collect();
            assert_eq!(said, [Offsets::Said(range); 2], "seed {seed}, day {day}");
        }
        // The level goes on through a day without events.
        let empty = totals.iter().filter(|(key, _)| key.start == instant_of(5, 0));
        let empty: Vec<_> = empty.map(|(_, total)| (total.events, total.offsets)).collect();
        assert_eq!(empty, [(0, Offsets::Said(None))], "seed {seed}");
    }
}

#[test]
fn cursor_goes_on_past_what_is_no_record() {
    let definitions = r#"{"metrics":[
        {"code":"plain","event_type":"e","aggregation":"count","period":"day"}]}"#;
    let event = event_on(0, 1);
    let (options, mut dice) = (Options::default(), Dice::new(1));
    let mut driver = Driver::new(definitions, &options, Style::stored(Some(1), 0), &mut dice);
    // Ends of transactions before the first event.
    driver.pass_over(3);
    driver.commit();
    let empty = driver.last_commit();
    assert_eq!((empty.number, empty.cursor.offset, empty.counters.read), (1, 3, 0));

    driver.read_one(&Record::lines(event.as_bytes()), 3);
    let read = driver.last_commit();
    driver.pass_over(7);
    driver.commit();
    let passed = driver.last_commit();
    assert_eq!((passed.number, passed.cursor.offset), (3, 7));
    assert_eq!((passed.counters, passed.watermark), (read.counters, read.watermark));
    assert_eq!(passed.outbox_last, read.outbox_last);

    driver.pass_over(7);
    driver.commit();
    assert_eq!(driver.last_commit(), passed, "nothing happened");
}

fn event_on(number: usize, day: u32) -> String {
    let time = instant_of(day, 12);
    format!(
        r#"{{"id":"{number}","type":"e","customer":"c","time":"{time}","properties":{{"v":1}}}}{}"#,
        "\n"
    )
}

fn instant_of(day: u32, hour: u32) -> EventTime {
    let text = format!("2026-03-{day:02}T{hour:02}:00:00Z");
    EventTime::parse_rfc3339(&text).expect("an instant")
}

#[test]
fn keys_that_come_and_go_leave_nothing_in_memory() {
    // Every event loads a key that was let go, and all of one open month: nothing is ever due.
    let definitions = r#"{"metrics": [
        {"code": "plain", "event_type": "e", "aggregation": "count"},
        {"code": "kept", "event_type": "e", "aggregation": "sum", "value": "properties.v", "recurring": true}]}"#;
    let (keys, rounds) = (20, 200);
    let event = |number: usize| {
        let (customer, time) = (number % keys, 1_767_312_000 + number);
        format!(
            "{{\"id\":\"{number}\",\"type\":\"e\",\"customer\":\"c{customer}\",\"time\":{time},\"properties\":{{\"v\":1}}}}"
        )
    };
    let text = (0..keys * rounds).map(event).collect::<Vec<_>>().join("\n");
    let options = Options { keep_open: true, ..Options::default() };
    let mut dice = Dice::new(1);
    let style = Style::stored(Some(1), 0);
    let mut driver = Driver::new(definitions, &options, style, &mut dice);
    driver.let_go_past(0);
    let mut most = [0, 0];
    for (at, record) in Record::lines(text.as_bytes()).chunks(1).enumerate() {
        driver.read_one(record, at);
        let half = usize::from(at >= keys * rounds / 2);
        most[half] = most[half].max(driver.memory_bytes());
    }
    assert!(most[0] > 0 && most[1] <= most[0], "{most:?} bytes in the first and second half");
}

#[test]
fn closing_of_what_is_stored_keeps_no_more_in_memory_than_it_may() {
    let definitions =
        r#"{"metrics": [{"code": "plain", "event_type": "e", "aggregation": "count"}]}"#;
    let event = |number: usize| {
        format!(
            "{{\"id\":\"{number}\",\"type\":\"e\",\"customer\":\"c{number}\",\"time\":1767312000}}"
        )
    };
    let text = (0..1_000).map(event).collect::<Vec<_>>().join("\n");
    let options = Options::default();
    let mut dice = Dice::new(1);
    let mut driver = Driver::new(definitions, &options, Style::stored(Some(1), 0), &mut dice);
    driver.let_go_past(20_000);
    for (at, record) in Record::lines(text.as_bytes()).chunks(1).enumerate() {
        driver.read_one(record, at);
    }
    let resident = driver.end_in_slices();
    let resident: Vec<usize> = resident.iter().map(|slice| slice.chains).collect();
    assert!(resident.len() > 20, "{resident:?} chains after each slice");
    // A chain with one cell takes 330 bytes or so.
    assert!(resident.iter().all(|chains| chains * 330 <= 20_000), "{resident:?} after each slice");
}
