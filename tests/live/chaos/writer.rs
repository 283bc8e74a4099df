//! Who writes the events, and of which kinds: those that the metrics of a file want always, others as long as the editor says.

use std::collections::BTreeSet;
use std::sync::Mutex;
use std::time::Duration;

use super::{PARTITIONS, Stage};
use crate::load::{DEFINITIONS, Dice, Load, Spread};
use crate::topic::Outgoing;
use crate::wait;
use crate::worlds::{self, events, properties};

/// Events of the file's metrics in a batch, at most that many of other kinds, and the pause behind it.
const BATCH: usize = 36;
const OTHERS_MAX: u64 = 12;
const PAUSE: Duration = Duration::from_millis(200);
/// How far back events reach, in seconds: periods are a few seconds long.
const SPREAD: Spread = Spread { disorder: 6, lateness: 150 };
/// One batch of so many is of events that were left lying for a day.
const STALE_BATCHES: u64 = 60;
const DAY: u64 = 86_400;

/// The metrics of a file, in periods that close while a run goes on.
pub(super) fn file_metrics() -> String {
    let shorter = [(r#""hour""#, r#""20s""#), ("15m", "10s"), ("10m", "5s"), ("30m", "10s")];
    shorter.into_iter().fold(DEFINITIONS.to_owned(), |text, (from, to)| text.replace(from, to))
}

/// The kinds of events that are written beside those of the file's metrics.
#[derive(Default)]
pub(super) struct Kinds {
    written: Mutex<Change>,
}

#[derive(Default)]
struct Change {
    wanted: BTreeSet<String>,
    /// Not to be repeated any more.
    gone: Vec<String>,
}

impl Kinds {
    /// From now on events of that kind are written.
    pub(super) fn begin(&self, kind: &str) {
        self.lock().wanted.insert(kind.to_owned());
    }

    /// When this comes back, the last event of that kind has been stored.
    pub(super) fn end(&self, kind: &str) {
        let mut change = self.lock();
        if change.wanted.remove(kind) {
            change.gone.push(kind.to_owned());
        }
    }

    fn lock(&self) -> std::sync::MutexGuard<'_, Change> {
        self.written.lock().expect("no holder panics")
    }
}

/// Writes until the stage is over, and then what closes all periods. Returns how many records it wrote.
pub(super) fn write(stage: &Stage<'_>, seed: u64) -> u64 {
    let mut dice = Dice(seed);
    let mut of_properties = worlds::Dice::new(dice.below(u64::MAX));
    let begin = stage.clock.now() - SPREAD.lateness;
    let mut load = Load::by_clock(dice.below(u64::MAX), PARTITIONS, begin, SPREAD);
    let writer = stage.scene.broker.writer();
    let mut count = 0;
    while !stage.is_over() {
        let is_stale = dice.below(STALE_BATCHES) == 0;
        load.set_clock(stage.clock.now() - if is_stale { DAY } else { 0 });
        // Held until all is stored, so that `Kinds::end` comes behind it.
        let mut kinds = stage.kinds.lock();
        for kind in std::mem::take(&mut kinds.gone) {
            load.forget(&kind);
        }
        let mut batch: Vec<Outgoing> = load.by_ref().take(BATCH).collect();
        let others: Vec<&String> = kinds.wanted.iter().collect();
        for _ in 0..dice.below(OTHERS_MAX) {
            let Some(kind) = picked(&mut dice, &others) else { break };
            let members = properties::properties(&mut of_properties);
            batch.push(load.other(kind, &events::object(&members, ",")));
        }
        count += batch.len();
        writer.write(&stage.scene.usage, batch);
        drop(kinds);
        wait::pass(PAUSE);
    }
    load.set_clock(stage.clock.now());
    let end = load.end();
    count += end.len();
    writer.write(&stage.scene.usage, end);
    u64::try_from(count).expect("a count")
}

/// One of some, if there is one.
pub(super) fn picked<'p, T>(dice: &mut Dice, some: &'p [T]) -> Option<&'p T> {
    let count = u64::try_from(some.len()).expect("a length");
    let place = (count > 0).then(|| dice.below(count))?;
    some.get(usize::try_from(place).expect("a place"))
}
