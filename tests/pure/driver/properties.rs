//! What may not matter: the order of events, and how often they are sent.

use std::collections::BTreeMap;

use odometer::model::{Document, Span};
use serde_json::Value;

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

/// The definitions with other graces, every late event a correction, and no `result`: nothing makes a value of 0.
fn with_other_graces(definitions: &str, dice: &mut Dice) -> String {
    let mut read: Value = serde_json::from_str(definitions).expect("definitions are JSON");
    for metric in read["metrics"].as_array_mut().expect("a list") {
        let metric = metric.as_object_mut().expect("an object");
        metric.remove("result");
        metric.insert("late".to_owned(), "correct".into());
        let grace = dice.text(&["0s", "0s", "1h", "2d", "40d", "200d", "4000d"]);
        metric.insert("grace".to_owned(), grace.into());
    }
    read.to_string()
}

/// Totals that say something, also those of periods without events.
fn telling(sight: &Sight) -> BTreeMap<&TotalKey, &Total> {
    let mut totals = sight.totals();
    let is_nothing = |total: &Total| total.value.as_deref().is_none_or(|value| value == "0");
    totals.retain(|_, total| total.events > 0 || !is_nothing(total));
    totals
}

/// Rule 5.6 d: grace may change at any time. Each revision is still delivered once (`Sight` sees to that), and none is lost.
#[test]
fn change_of_grace_moves_no_total() {
    for seed in seeds(150) {
        println!("ODOMETER_SEED={seed}");
        let world = RandomWorld::new(seed);
        let mut dice = Dice::new(seed);
        let before = with_other_graces(&world.definitions, &mut dice);
        let after = with_other_graces(&world.definitions, &mut dice);
        let options = Options {
            keep_open: false,
            // An end of input closes up to the greatest time, a tick what is due: with a longer grace fewer periods without events.
            idle_ticks: Vec::new(),
            offset_switches: Vec::new(),
            ..world.options.clone()
        };
        let records = Record::lines(&world.events);
        let calm = run(&before, &records, &options, seed);
        let style = Style {
            redefined: Some((dice.below(records.len() + 1), after.clone())),
            replans: 50,
            ..Style::stored(None, 10)
        };
        let mut driver = Driver::new(&before, &options, style, &mut dice);
        driver.run(&records, &mut dice);
        let (calm, changed) = (telling(&calm), telling(&driver.sight));
        for key in calm.keys().chain(changed.keys()) {
            let (before, now) = (calm.get(key), changed.get(key));
            assert_eq!(before, now, "ODOMETER_SEED={seed}: {key:?}");
        }
    }
}
