//! What may not matter: the order of events, and how often they are sent.

use std::collections::BTreeMap;

use odometer::model::{Document, Span};

use super::tests::seeds;
use super::{Driver, Style};
use crate::model::Sight;
use crate::oracle::{Options, Record, Total, TotalKey};
use crate::worlds::{Dice, RandomWorld};

fn run(definitions: &str, records: &[Record<'_>], options: &Options, seed: u64) -> Sight {
    let mut dice = Dice::new(seed);
    let mut driver = Driver::new(definitions, options, Style::stored(None, 10), &mut dice);
    driver.run(records, &mut dice);
    driver.sight
}

/// Rule 7.4: what is corrected forgets in which order it was told.
fn correcting(world: &RandomWorld) -> (String, Options) {
    let definitions = world.definitions.replace(r#""late":"carry""#, r#""late":"correct""#);
    let definitions = definitions.replace(r#""late":"drop""#, r#""late":"correct""#);
    let dedup_window = Span::from_seconds(30_000 * 86_400);
    let watermark_delay = world.options.watermark_delay;
    (definitions, Options { dedup_window, watermark_delay, ..Options::default() })
}

/// Totals that say something: an empty one may stand where there once was something else.
fn filled(sight: &Sight) -> BTreeMap<&TotalKey, &Total> {
    let mut totals = sight.totals();
    totals.retain(|_, total| total.events > 0);
    totals
}

/// The records whose id, and whose time, no other record has.
fn singular<'r>(records: &[Record<'r>]) -> Vec<Record<'r>> {
    let mut ids = BTreeMap::new();
    let mut times = BTreeMap::new();
    let mut found = Vec::new();
    for record in records {
        let mut document = Document::default();
        let format = odometer::format::EventFormat::native();
        let event = odometer::format::decode(record.bytes, &mut document, &format, "default");
        if let Ok(event) = event {
            let id = (event.tenant.to_string(), event.id.to_string());
            *ids.entry(id.clone()).or_insert(0) += 1;
            *times.entry(event.time).or_insert(0) += 1;
            found.push((id, event.time, *record));
        }
    }
    found.retain(|(id, time, _)| ids[id] == 1 && times[time] == 1);
    found.into_iter().map(|(_, _, record)| record).collect()
}

fn shuffle<T>(items: &mut [T], dice: &mut Dice) {
    for place in (1..items.len()).rev() {
        items.swap(place, dice.below(place + 1));
    }
}

#[test]
fn order_of_reading_does_not_matter() {
    for seed in seeds(40) {
        let world = RandomWorld::new(seed);
        let (definitions, options) = correcting(&world);
        let mut records = singular(&Record::lines(&world.events));
        let once = run(&definitions, &records, &options, seed);
        shuffle(&mut records, &mut Dice::new(seed));
        let again = run(&definitions, &records, &options, seed + 1);
        assert_eq!(filled(&once), filled(&again), "ODOMETER_SEED={seed}");
    }
}

#[test]
fn repeated_input_changes_nothing() {
    for seed in seeds(40) {
        let world = RandomWorld::new(seed);
        let (definitions, options) = correcting(&world);
        let records = Record::lines(&world.events);
        let once = run(&definitions, &records, &options, seed);
        let mut dice = Dice::new(seed);
        let mut repeated = Vec::new();
        for (place, record) in records.iter().enumerate() {
            repeated.push(*record);
            while dice.chance(40) {
                repeated.push(records[dice.below(place + 1)]);
            }
        }
        repeated.extend(&records);
        let again = run(&definitions, &repeated, &options, seed + 1);
        assert_eq!(filled(&once), filled(&again), "ODOMETER_SEED={seed}");
    }
}
