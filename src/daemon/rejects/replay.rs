//! `odometer rejects replay`: original events on their way back, and what became of each entry.
//!
//! Nothing is remembered of it: what was counted meanwhile is known by its id, so that a run that was interrupted is
//! simply run again.

use std::collections::BTreeMap;

use comfy_table::{CellAlignment, ContentArrangement, Table, presets};

use super::address::Obstacle;
use super::arguments::{ReplayArguments, is_hopeless};
use super::entries::Entries;
use super::target::{Fate, Target};
use crate::daemon::CommandError;
use crate::daemon::clock::Stopwatch;
use crate::daemon::outcome::print;
use crate::daemon::pace::Pace;
use crate::daemon::readback::{Console, configured};
use crate::daemon::signals::StopSignal;
use crate::model::RejectReason;

/// How many entries came to what.
#[derive(Clone, Copy, Default, Debug)]
struct Counts {
    sent: u64,
    repeated: u64,
    left_out: u64,
    unsent: u64,
}

#[derive(Default, Debug)]
struct Tally {
    reasons: BTreeMap<RejectReason, Counts>,
    obstacles: BTreeMap<Obstacle, u64>,
    is_stopped: bool,
}

/// Sends what the arguments ask for.
pub(super) fn replay(arguments: &ReplayArguments) -> Result<(), CommandError> {
    let stop = StopSignal::install()
        .map_err(|error| CommandError::failed_by("taking over signals", error))?;
    let selection = &arguments.selection;
    let settings = configured(selection.config.as_deref(), &selection.overrides)?;
    let mut entries = Entries::open(selection, settings.as_ref())?;
    let mut target = Target::open(arguments, settings.as_ref())?;
    let watch = Stopwatch::start();
    let mut tally = Tally::default();
    let outcome = send_all(arguments, &mut entries, &mut target, &stop, &mut tally)
        .and_then(|()| target.finish())
        .map_err(|error| interrupted(error, &target, &tally));
    let took = format!("{:.3?}", watch.elapsed());
    if !target.is_stdout() && (outcome.is_ok() || tally.total().sent > 0) {
        print(&tally.table(arguments.dry_run))?;
    }
    tally.tell(arguments, &target.name(), &took);
    outcome?;
    if tally.is_stopped {
        return Err(CommandError::failed(format!(
            "stopped by a signal after {} events: run the same command again, what comes twice is counted once",
            tally.total().sent
        )));
    }
    entries.outcome()?;
    match tally.total().unsent {
        0 => Ok(()),
        1 => Err(CommandError::failed("1 reject that was asked for cannot be sent")),
        unsent => Err(CommandError::failed(format!(
            "{unsent} rejects that were asked for cannot be sent"
        ))),
    }
}

fn send_all(
    arguments: &ReplayArguments,
    entries: &mut Entries<'_>,
    target: &mut Target,
    stop: &StopSignal,
    tally: &mut Tally,
) -> Result<(), CommandError> {
    let is_named = !arguments.selection.reason.is_empty();
    let pace = Pace::new(arguments.rate.filter(|_| !arguments.dry_run));
    let mut console = Console::new();
    let mut sent = 0;
    entries.each(&mut |entry| {
        let reason = entry.refusal.reason;
        let counts = tally.reasons.entry(reason).or_default();
        if !is_named && is_hopeless(reason) {
            counts.left_out += 1;
            return Ok(true);
        }
        if pace.wait_before(sent).is_some() {
            target.hand_on()?;
            pace.wait(sent, stop);
        }
        if stop.is_raised() {
            tally.is_stopped = true;
            return Ok(false);
        }
        match target.put(&entry.refusal, stop)? {
            Fate::Sent => {
                counts.sent += 1;
                sent += 1;
            }
            Fate::Repeated => counts.repeated += 1,
            Fate::Unsent(obstacle) => {
                counts.unsent += 1;
                *tally.obstacles.entry(obstacle).or_default() += 1;
            }
            Fate::Stopped => {
                tally.is_stopped = true;
                return Ok(false);
            }
        }
        console.show(entry.progress, sent, "events");
        Ok(true)
    })
}

/// How far it got, and how to go on.
fn interrupted(error: CommandError, target: &Target, tally: &Tally) -> CommandError {
    if tally.total().sent == 0 {
        return error;
    }
    let CommandError::Failed(failure) = error else { return error };
    let arrived = target.arrived().unwrap_or(tally.total().sent);
    CommandError::failed_by(
        format!(
            "{arrived} of {} events that were sent are known to have arrived; run the same command again, what comes \
             twice is counted once",
            tally.total().sent
        ),
        failure,
    )
}

impl Tally {
    fn total(&self) -> Counts {
        self.reasons.values().fold(Counts::default(), |sum, one| Counts {
            sent: sum.sent + one.sent,
            repeated: sum.repeated + one.repeated,
            left_out: sum.left_out + one.left_out,
            unsent: sum.unsent + one.unsent,
        })
    }

    fn table(&self, is_dry: bool) -> String {
        let sent = if is_dry { "WOULD BE SENT" } else { "SENT" };
        let mut table = Table::new();
        table.load_style(presets::NOTHING).set_content_arrangement(ContentArrangement::Disabled);
        table.set_header(["REASON", sent, "REPEATED", "LEFT OUT", "CANNOT BE SENT"]);
        let reasons = self.reasons.iter().map(|(reason, counts)| (reason.name(), *counts));
        for (name, counts) in reasons.chain([("all", self.total())]) {
            let Counts { sent, repeated, left_out, unsent } = counts;
            let numbers = [sent, repeated, left_out, unsent].map(|count| count.to_string());
            table.add_row([name.to_owned()].into_iter().chain(numbers));
        }
        for column in 1..5 {
            if let Some(column) = table.column_mut(column) {
                column.set_cell_alignment(CellAlignment::Right);
            }
        }
        let mut text = table.trim_fmt();
        text.push('\n');
        text
    }

    fn tell(&self, arguments: &ReplayArguments, to: &str, took: &str) {
        let Counts { sent, repeated, left_out, unsent } = self.total();
        for (obstacle, count) in &self.obstacles {
            tracing::warn!(count, why = %obstacle, "rejects that cannot be sent again");
        }
        let sent_for = |reason| self.reasons.get(&reason).map_or(0, |counts| counts.sent);
        let (late, too_old) = (sent_for(RejectReason::Late), sent_for(RejectReason::TooOld));
        if late + too_old > 0 {
            tracing::warn!(
                late,
                too_old,
                "events that are refused again: too_old always on the same state, late unless grace or `late` of the \
                 metric was changed"
            );
        }
        if left_out > 0 {
            tracing::info!(
                left_out,
                "duplicate, malformed and too_large rejects were left out: the same bytes end in the same way; \
                 --reason sends them all the same"
            );
        }
        let what = if arguments.dry_run { "would be sent" } else { "sent again" };
        tracing::info!(sent, repeated, left_out, unsent, to, took, "{what}");
    }
}
