//! `odometer definitions import`: the metrics of files, made in a running daemon.
//!
//! ```text
//! files ─► every fault ─► step: each metric held against the daemon's ─► rehearsal: its calls as dry runs ─► the calls
//! ```
//! Nothing is made before every metric has come through both.

use super::super::CommandError;
use super::super::client::Client;
use super::super::clock;
use super::super::outcome::print;
use super::ImportArguments;
use super::rehearsal::{Call, Rehearsed, rehearse};
use super::step::{Step, step};
use super::stock::{self, Stocked};

pub(super) fn import(arguments: &ImportArguments) -> Result<(), CommandError> {
    let (mut metrics, customers) = stock::of_files(&arguments.files, arguments.dialect.form())?;
    if let Some(tenant) = &arguments.tenant {
        for metric in &mut metrics {
            metric.belong_to(tenant);
        }
    }
    let mut faults: Vec<String> = customers
        .iter()
        .map(|calendar| {
            let name = &calendar.customer;
            format!("customers: {name}: no call makes calendars of customers: keep them in a file that metrics.files names")
        })
        .collect();
    let client = Client::new(&arguments.daemon)?;
    let now = clock::now();
    let mut plans = Vec::new();
    for metric in &metrics {
        match planned(&client, metric, step(&client, metric, arguments.update, now)?)? {
            Ok(plan) => plans.push(plan),
            Err(found) => faults.extend(found),
        }
    }
    if !faults.is_empty() {
        return Err(CommandError::Faults(faults));
    }
    for plan in plans {
        let Plan { metric, done, would, mut calls, notes } = plan;
        let name = metric.name();
        for note in notes {
            tracing::warn!("{name}: {note}");
        }
        if arguments.dry_run {
            print(&format!("{would}  {name}\n"))?;
            continue;
        }
        for call in &mut calls {
            call.make(&client, &name).map_err(|error| of_metric(&name, error))?;
        }
        print(&format!("{done}  {name}\n"))?;
    }
    Ok(())
}

/// What is to be done for a metric, and how that is told.
struct Plan<'m> {
    metric: &'m Stocked,
    done: &'static str,
    would: &'static str,
    calls: Vec<Call>,
    notes: Vec<String>,
}

/// All faults of a metric, or what is to be done for it.
fn planned<'m>(
    client: &Client<'_>,
    metric: &'m Stocked,
    step: Result<Step, String>,
) -> Result<Result<Plan<'m>, Vec<String>>, CommandError> {
    let (done, would, mut calls, mut notes) = match step {
        Err(fault) => return Ok(Err(vec![fault])),
        Ok(Step::Equal { notes }) => ("equal", "equal", Vec::new(), notes),
        Ok(Step::Create { calls }) => ("created", "would be created", calls, Vec::new()),
        Ok(Step::Update { calls }) => ("updated", "would be updated", calls, Vec::new()),
    };
    Ok(match rehearse(client, &mut calls)? {
        Rehearsed::Taken(found) => {
            notes.extend(found);
            Ok(Plan { metric, done, would, calls, notes })
        }
        Rehearsed::Unchanged => {
            let text = "effective_from: is another one there, and no call changes from when on a version counts";
            let notes = vec![text.to_owned()];
            Ok(Plan { metric, done: "equal", would: "equal", calls: Vec::new(), notes })
        }
        Rehearsed::Refused(faults) => {
            let place = metric.place();
            Err(faults.iter().map(|fault| format!("{place}: {fault}")).collect())
        }
    })
}

/// A daemon that refuses what it would have taken before is no fault of the command line.
fn of_metric(name: &str, error: CommandError) -> CommandError {
    match error {
        CommandError::Faults(faults) => CommandError::failed(format!(
            "{name}: refused: {}; what was made before stays, and the same import goes on with the rest",
            faults.join("; ")
        )),
        other => other,
    }
}
