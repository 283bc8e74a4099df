//! Random worlds: definitions, events and options from a seed, of the kind of `tests/data/worlds/seed-*`,
//! but larger and wider. The same seed gives the same bytes.

mod dice;
pub mod events;
mod expressions;
pub mod metrics;
pub mod properties;
mod scene;

use odometer::definition::Definitions;
use odometer::model::Span;

pub use self::dice::Dice;
pub use self::scene::Scene;
use crate::oracle::{Options, Record};

/// One world.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct RandomWorld {
    /// What it was made from.
    pub seed: u64,
    /// Text of its definitions, as a JSON file.
    pub definitions: String,
    /// Its events, as the bytes of a file.
    pub events: Vec<u8>,
    /// How it is run.
    pub options: Options,
}

impl RandomWorld {
    /// The world of that seed.
    pub fn new(seed: u64) -> Self {
        let mut dice = Dice::new(seed);
        let mut scene = Scene::new(&mut dice);
        let definitions = metrics::definitions(&mut dice, &mut scene);
        let events = events::lines(&mut dice, &scene);
        let records = Record::lines(&events).len();
        let options = options(&mut dice, &scene, records);
        RandomWorld { seed, definitions, events, options }
    }
}

/// Reads the text of a definitions file, which must be sound.
pub fn definitions(text: &str) -> Definitions {
    odometer::format::definitions::read(&[("metrics.json", text)]).unwrap_or_else(|faults| {
        let faults: Vec<String> =
            faults.iter().map(|fault| format!("{}: {}", fault.place, fault.message)).collect();
        panic!("{text}\n{}", faults.join("\n"))
    })
}

fn options(dice: &mut Dice, scene: &Scene, records: usize) -> Options {
    let mut options = Options::default();
    let span = |text: &str| Span::parse(text).expect("a duration");
    let windows = ["1h", "12h", "1d", "3d", "10d", "90d", "400d"];
    if dice.chance(50) {
        options.dedup_window = span(&dice.text(&windows));
    }
    if dice.chance(40) {
        options.watermark_delay = span(&dice.text(&["1ms", "10m", "1h", "2d", "40d"]));
    }
    if dice.chance(10) {
        options.now = Some(scene.instant(dice).max(scene.middle));
    }
    if dice.chance(20) {
        for _ in 0..dice.between(1, 4) {
            options.idle_ticks.push((dice.below(records + 1), scene.instant(dice)));
        }
        options.idle_ticks.sort();
    }
    if dice.chance(20) {
        options.input_ends.push(dice.below(records + 1));
    }
    options.keep_open = dice.chance(20);
    options.keeps_offsets = dice.chance(70);
    if dice.chance(30) {
        let switches = (0..=dice.below(3)).map(|_| dice.below(records + 1));
        options.offset_switches = switches.collect();
        options.offset_switches.sort_unstable();
        options.offset_switches.dedup();
    }
    if dice.chance(20) {
        for _ in 0..dice.between(1, 3) {
            options.window_switches.push((dice.below(records + 1), span(&dice.text(&windows))));
        }
        options.window_switches.sort();
        options.window_switches.dedup_by_key(|(place, _)| *place);
    }
    options
}

#[test]
fn same_seed_gives_same_world() {
    for seed in 0..20 {
        assert_eq!(RandomWorld::new(seed), RandomWorld::new(seed));
    }
}
