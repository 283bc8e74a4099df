//! `odometer generate`: realistic usage events, as many as asked, the same ones for the same seed.
//!
//! ```text
//! number ─► record: fate, then a draft (usage, event_clock, chance) or a flaw ─► pen ─► sink: lines or topic
//! ```

mod arguments;
mod chance;
mod event_clock;
mod flaw;
mod pen;
mod record;
mod share;
mod sink;
mod topic;
mod usage;

pub use arguments::GenerateArguments;
pub(super) use arguments::rate;
pub use share::{Share, ShareError};

use super::CommandError;
use super::clock::{self, Stopwatch};
use super::pace::Pace;
use super::signals::StopSignal;
use pen::Pen;
use record::{Fate, Stream};
use sink::Sink;

/// How many records of each fate were written.
#[derive(Clone, Copy, Default, Debug)]
struct Tally {
    records: u64,
    disordered: u64,
    late: u64,
    duplicates: u64,
    bad: u64,
}

impl Tally {
    fn add(&mut self, fate: Fate) {
        self.records += 1;
        match fate {
            Fate::Plain => {}
            Fate::Disordered => self.disordered += 1,
            Fate::Late => self.late += 1,
            Fate::Duplicate => self.duplicates += 1,
            Fate::Bad => self.bad += 1,
        }
    }
}

/// Writes the records that the arguments ask for.
///
/// # Errors
/// Flags that do not go together, an output that takes no more, or a signal before all was written.
pub(super) fn generate(arguments: &GenerateArguments) -> Result<(), CommandError> {
    let faults = arguments.faults();
    if !faults.is_empty() {
        return Err(CommandError::Faults(faults));
    }
    let stop = StopSignal::install()
        .map_err(|error| CommandError::failed_by("taking over signals", error))?;
    let mut sink = Sink::open(arguments, &stop)?;
    let watch = Stopwatch::start();
    let tally = write_all(arguments, &mut sink, &stop)?;
    sink.finish()?;
    let seconds = format!("{:.3?}", watch.elapsed());
    let Tally { records, disordered, late, duplicates, bad } = tally;
    tracing::info!(records, disordered, late, duplicates, bad, took = seconds, "generated");
    if records < arguments.count() && !arguments.follow {
        let count = arguments.count();
        let words = format!("stopped by a signal after {records} of {count} records");
        return Err(CommandError::failed(words));
    }
    Ok(())
}

fn write_all(
    arguments: &GenerateArguments,
    sink: &mut Sink,
    stop: &StopSignal,
) -> Result<Tally, CommandError> {
    let stream = Stream::new(arguments, clock::now());
    let pace = Pace::new(arguments.rate_limit());
    let mut pen = Pen::new();
    let mut tally = Tally::default();
    for number in 0..arguments.count() {
        if pace.wait_before(number).is_some() {
            sink.hand_on()?;
            pace.wait(number, stop);
        }
        if stop.is_raised() {
            break;
        }
        pen.clear();
        let written = stream.write(number, &mut pen);
        sink.put(pen.bytes(), written.customer)?;
        tally.add(written.fate);
    }
    Ok(tally)
}
