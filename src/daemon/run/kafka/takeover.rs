//! The start of a task: gathers the facts, lets the engine decide, and carries the decision out.

use std::path::{Path, PathBuf};
use std::sync::Arc;

use super::checkpoints;
use super::job::Job;
use super::keeper::Restoring;
use super::registry::{Registry, TaskName};
use super::standby::remove_warm_copy;
use super::task::{Task, record_digest};
use crate::checkpoint;
use crate::daemon::run::copy::remove_copies;
use crate::definition::Plan;
use crate::engine::{
    self, Binding, Committed, Decision, DigestKey, Facts, Halt, LocalState, Noted, Unfit, Visible,
};
use crate::format::Manifest;
use crate::format::state::Identity;
use crate::kafka::{self, DefinitionsFault, Source};
use crate::store::{self, Disposition, Store};

/// What file systems take as a name.
const NAME_BYTES_MAX: usize = 255;

/// What became of a partition that the group gave to this worker.
pub(super) enum Outcome {
    /// It is served.
    Serves(Box<Task>),
    /// It is not.
    Halted(Halt),
    /// Its checkpoint is being brought here; then it is to be started again.
    Restoring(Restoring),
}

/// Why the start could not be carried out.
#[derive(Debug, thiserror::Error)]
pub(super) enum Error {
    #[error(transparent)]
    Kafka(#[from] kafka::Error),
    #[error(transparent)]
    Store(#[from] store::Error),
    #[error(transparent)]
    Checkpoint(#[from] checkpoint::Error),
    #[error("state directory {0}: {1}")]
    SetAside(String, #[source] std::io::Error),
}

/// What a task starts in.
#[derive(Clone, Copy)]
pub(super) struct Scene<'s> {
    pub(super) job: &'s Job,
    pub(super) options: &'s kafka::Options,
    pub(super) plan: &'s Arc<Plan>,
    pub(super) source: &'s Source,
    pub(super) registry: &'s Registry,
}

/// Starts the task of a partition.
pub(super) fn take_over(
    scene: &Scene<'_>,
    partition: i32,
    committed: Option<Committed>,
) -> Result<Outcome, Error> {
    let Scene { job, options, plan, source, registry } = *scene;
    let topic = &options.topics.source;
    let directory = job.directory(topic, partition);
    if job.keeper.is_some() {
        let failed = |error| Error::SetAside(directory.display().to_string(), error);
        remove_copies(&directory).map_err(failed)?;
    }
    let (log_start, log_end) = source.log_bounds(partition)?;
    let (mut store, mut local, mut unfit) = (None, None, None);
    if store::exists(&directory) || store::is_beheaded(&directory) {
        match found(scene, &directory, partition, (log_start, log_end)) {
            Ok((opened, state)) => (store, local) = (Some(opened), Some(state)),
            Err(error) => unfit = Some(unfit_by(&directory, error)?),
        }
    }
    let binding = job.binding(options, partition);
    let manifests = find_checkpoints(job, &binding, local.as_ref(), committed.as_ref())?;
    let facts = Facts {
        binding,
        local,
        unfit,
        checkpoints: checkpoints::facts(&manifests),
        committed,
        log_start,
        log_end,
        start_from: job.start_from,
    };
    let decision = engine::decide(&facts);
    tell(&decision, topic, partition);
    let name = TaskName { topic: topic.clone(), partition };
    let mut store = match &decision {
        Decision::Halt(halt) => {
            // What is halted gets no further, but who is in it must not be counted elsewhere.
            if let Some(store) = store.filter(|_| !halt.is_for_all()) {
                claim(registry, &name, &store)?;
            }
            return Ok(Outcome::Halted(halt.clone()));
        }
        Decision::Resume { .. } => {
            remove_warm_copy(&directory)?;
            store.expect("only a state that is here is resumed")
        }
        Decision::Restore { commit } => {
            drop(store);
            set_aside_alone(&directory)?;
            let manifest = checkpoints::with_last(manifests, *commit).expect("it was found");
            let keeper = job.keeper.as_ref().expect("whoever has checkpoints keeps them");
            let restoring = keeper.restore(facts.binding, manifest, directory);
            return Ok(Outcome::Restoring(restoring));
        }
        Decision::Begin { .. } | Decision::Adopt { .. } => {
            drop(store);
            set_aside(&directory)?;
            open(scene, &directory, partition)?
        }
    };
    let looked = match &job.claims {
        Some(claims) => Some(store.keep_claims(claims.place.clone())?),
        None => None,
    };
    if let Some(halt) = claim(registry, &name, &store)? {
        registry.halt(&name, &halt);
        return Ok(Outcome::Halted(halt));
    }
    // Not before its customers are known: a claim that was looked at is not looked at again.
    if let Some(looked) = looked {
        registry.look_from(&name, looked);
    }
    let visible: Option<&Visible> =
        facts.committed.as_ref().and_then(|committed| committed.metadata.as_ref().ok());
    let mut task = Task::new(job, plan, (topic, partition), store, &decision, visible)?;
    task.log_end = Some(log_end);
    Ok(Outcome::Serves(Box::new(task)))
}

/// The checkpoints that may be wanted: none where the state that is here may be used.
fn find_checkpoints(
    job: &Job,
    binding: &Binding,
    local: Option<&LocalState>,
    committed: Option<&Committed>,
) -> Result<Vec<Manifest>, Error> {
    let Some(keeper) = &job.keeper else { return Ok(Vec::new()) };
    let commit = match committed.map(|committed| &committed.metadata) {
        None => None,
        Some(Ok(visible)) => Some(visible.commit),
        Some(Err(_)) => return Ok(Vec::new()),
    };
    let is_here = |commit| local.is_some_and(|local| local.chain.contains(&commit));
    if commit.is_some_and(is_here) {
        return Ok(Vec::new());
    }
    Ok(keeper.find(binding, commit)?)
}

/// Opens the state that is there.
fn found(
    scene: &Scene<'_>,
    directory: &Path,
    partition: i32,
    (log_start, log_end): (i64, i64),
) -> Result<(Store, LocalState), Error> {
    let store = open(scene, directory, partition)?;
    check_revision(&store, scene.plan)?;
    let state = local_state(&store, scene.options, partition, (log_start, log_end))?;
    Ok((store, state))
}

/// What of an error is the state's own; the others are given back.
fn unfit_by(directory: &Path, error: Error) -> Result<Unfit, Error> {
    let directory = directory.display().to_string();
    match error {
        Error::Store(store::Error::OtherForm(_, reason)) => {
            Ok(Unfit::OtherForm { directory, reason })
        }
        Error::Store(error) if error.disposition() == Disposition::Damaged => {
            Ok(Unfit::Damaged { directory, reason: error.damage() })
        }
        other => Err(other),
    }
}

/// Notes the customers of a state that belongs to a task. Each other task with some of them is halted: it may have folded
/// one just now, of which nothing more becomes visible. Why the task itself may not go on then.
fn claim(registry: &Registry, task: &TaskName, store: &Store) -> Result<Option<Halt>, Error> {
    let mut own = None;
    for (other, digest) in registry.claim(task, store.index()?.customers) {
        let known = store.customer_of(digest)?;
        let halt = |other: &TaskName| {
            Halt::customer_in_two_tasks(known.clone(), digest, other.to_string())
        };
        registry.halt(&other, &halt(task));
        own.get_or_insert_with(|| halt(&other));
    }
    Ok(own)
}

/// A state goes by all definitions that it was made by, or by more: others may still come.
fn check_revision(store: &Store, plan: &Plan) -> Result<(), Error> {
    let known = plan.revision();
    match store.commits()?.last().map(|last| last.plan_revision) {
        Some(of_state) if of_state > known => Err(behind(of_state, known)),
        _ => Ok(()),
    }
}

/// Where they are still to come, asking again helps.
fn behind(of_state: u64, known: u64) -> Error {
    kafka::Error::Definitions(DefinitionsFault::Behind { of_state, known }).into()
}

/// A halt is told where it ends something.
fn tell(decision: &Decision, topic: &str, partition: i32) {
    match *decision {
        Decision::Begin { offset } => tracing::info!(topic, partition, offset, "a task begins"),
        Decision::Adopt { offset, genesis } => {
            tracing::info!(topic, partition, offset, %genesis, "a task begins where it began before");
        }
        Decision::Resume { delivered, is_offset_behind } => {
            tracing::info!(
                topic,
                partition,
                delivered,
                is_offset_behind,
                "a task goes on with its state"
            );
        }
        Decision::Restore { commit } => {
            tracing::info!(topic, partition, %commit, "a task's checkpoint is brought here");
        }
        Decision::Halt(_) => {}
    }
}

fn open(scene: &Scene<'_>, directory: &Path, partition: i32) -> Result<Store, Error> {
    let Scene { job, options, plan, .. } = *scene;
    let binding = job.binding(options, partition);
    Store::open(directory, &job.store, plan, || {
        let mut key = [0; 16];
        getrandom::fill(&mut key).expect("the system gives random bytes");
        Identity { binding, digest_key: DigestKey(key) }
    })
    .map_err(|error| match error {
        store::Error::Ahead { of_state, known, .. } => behind(of_state, known),
        other => other.into(),
    })
}

/// What the decision must know of a state that is to serve a partition with such a log.
pub(super) fn local_state(
    store: &Store,
    options: &kafka::Options,
    partition: i32,
    log: (i64, i64),
) -> Result<LocalState, Error> {
    let commits = store.commits()?;
    let Some(last) = commits.last() else {
        // A crash came before its genesis was written.
        return Ok(LocalState {
            binding: store.identity().binding.clone(),
            chain: Vec::new(),
            is_genesis: true,
            cursor: engine::Cursor::at_offset(0),
            outbox_last: 0,
            noted: Noted::Nothing,
        });
    };
    Ok(LocalState {
        binding: store.identity().binding.clone(),
        chain: commits.iter().map(|commit| commit.id).collect(),
        is_genesis: last.number == 0,
        cursor: last.cursor,
        outbox_last: last.outbox_last,
        noted: noted(store, options, partition, log)?,
    })
}

/// What the log has in place of the last record read.
fn noted(
    store: &Store,
    options: &kafka::Options,
    partition: i32,
    (log_start, log_end): (i64, i64),
) -> Result<Noted, Error> {
    let Some((offset, digest)) = store.noted_record()? else { return Ok(Noted::Nothing) };
    if offset < log_start || offset >= log_end {
        return Ok(Noted::Nothing);
    }
    let found = match kafka::record_before(options, partition, offset) {
        Err(kafka::Error::DamagedBatch { reason, .. }) => return Ok(Noted::Damaged { reason }),
        found => found?,
    };
    let Some((timestamp, value)) = found else {
        let (topic, timeout) = (&options.topics.source, options.request_timeout);
        let inquiry = kafka::Inquiry::open(&options.source, timeout)?;
        let policy = inquiry.of_topic(topic, "cleanup.policy")?;
        return Ok(Noted::Gap { policy });
    };
    Ok(if record_digest(timestamp, &value) == digest { Noted::Same } else { Noted::Other })
}

/// Moves what lies in a directory out of the way: it is kept, and never sent from.
fn set_aside(directory: &Path) -> Result<(), Error> {
    if !directory.exists() {
        return Ok(());
    }
    let target = put_aside(directory)
        .map_err(|error| Error::SetAside(directory.display().to_string(), error))?;
    tracing::warn!(
        from = %directory.display(),
        to = %target.display(),
        "a state that may not be used is set aside"
    );
    Ok(())
}

/// The same of one that is there; where it is then.
pub(in crate::daemon) fn put_aside(directory: &Path) -> std::io::Result<PathBuf> {
    let mut targets = (1..).map(|number| place_aside(directory, number));
    let target = targets.find(|target| !target.exists()).expect("some number is free");
    std::fs::rename(directory, &target)?;
    Ok(target)
}

/// The same of a state that a checkpoint replaces: whatever was set aside before it goes.
pub(super) fn set_aside_alone(directory: &Path) -> Result<(), Error> {
    if !directory.exists() {
        return Ok(());
    }
    let failed = |error| Error::SetAside(directory.display().to_string(), error);
    for number in 1.. {
        let target = place_aside(directory, number);
        if !target.exists() {
            break;
        }
        std::fs::remove_dir_all(&target).map_err(failed)?;
    }
    set_aside(directory)
}

/// Beside the directory, under its name and that number. What would be too long is cut: two may then have names in common,
/// of which each takes other numbers.
fn place_aside(directory: &Path, number: u32) -> PathBuf {
    let name = directory.file_name().expect("a state has a name").to_string_lossy();
    let ending = format!(".aside-{number}");
    let bytes = NAME_BYTES_MAX - ending.len();
    // Topics have names of ASCII alone.
    let kept: String = name.chars().take(bytes).collect();
    directory.with_file_name(kept + &ending)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn states_of_the_longest_names_are_set_aside() {
        let folder = tempfile::tempdir().expect("a temporary folder");
        let topic = "t".repeat(249);
        let states =
            ["0", "1", "12345"].map(|partition| folder.path().join(format!("{topic}-{partition}")));
        for round in 1..=2 {
            for state in &states {
                std::fs::create_dir(state).expect("the name is not too long");
                set_aside(state).expect("nor is that of its new place");
                assert!(!state.exists());
            }
            let entries = std::fs::read_dir(folder.path()).expect("it is there");
            assert_eq!(entries.count(), round * states.len(), "each has a name of its own");
        }
        let short = place_aside(Path::new("data/state/usage-0"), 3);
        assert_eq!(short, Path::new("data/state/usage-0.aside-3"));
    }
}
