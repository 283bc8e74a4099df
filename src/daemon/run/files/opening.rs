//! How the task over files starts: its state, and the outputs that belong to it.

use std::sync::Arc;

use super::outlet::Outlet;
use crate::daemon::lines::REJECT_BYTES_MAX;
use crate::daemon::run::definitions;
use crate::daemon::run::outside::Outside;
use crate::daemon::run::state::{Common, From, State, random, random_id};
use crate::daemon::{CommandError, clock, unbound};
use crate::definition::{Definitions, Plan};
use crate::engine::{self, CommitRecord, Cursor, DigestKey};
use crate::file::{Follower, Own};
use crate::format::Place;
use crate::format::state::{Identity, Written};
use crate::settings::{Files, Settings};
use crate::store::{self, Store};

/// In place of a consumer group.
const GROUP: &str = "odometer run over files";
const ADVICE: &str = "name another state.directory";

/// The task, ready to work.
pub(super) struct Opened {
    pub(super) state: State,
    pub(super) follower: Follower,
    pub(super) outlet: Outlet,
}

/// Opens state and outputs, or begins new ones.
pub(super) fn open(
    settings: &Settings,
    files: &Files,
    plan: &Arc<Plan>,
    outside: &Outside,
) -> Result<Opened, CommandError> {
    let memory = settings.state.memory_limit.bytes_in_memory();
    let common = Common {
        engine: engine_options(settings, memory),
        entry_bytes_max: REJECT_BYTES_MAX,
        outside: outside.clone(),
    };
    let directory = settings.state.directory.join(super::TASK);
    let identity = Identity { binding: unbound::binding(GROUP), digest_key: DigestKey(random()) };
    let options = store::Options::new(memory / 4);
    let mut store =
        Store::open(&directory, &options, plan, || identity).map_err(|error| match error {
            store::Error::Ahead { of_state, known, .. } => definitions::behind(of_state, known),
            other => failure(other),
        })?;
    unbound::check(&store, GROUP, ADVICE)?;
    let from = from(&mut store)?;
    definitions::check_revision(from.last.plan_revision, plan)?;
    let follower = Follower::new(files.patterns.clone(), store.followed().map_err(failure)?);
    let follower = follower.apart_from(own(settings, files));
    let written = store.written().map_err(failure)?;
    let outlet = Outlet::open(files, &written)?;
    // From here on the outputs are this state's: what a kill leaves in them is cut back, not somebody else's.
    store.acknowledge(&outlet.written()).map_err(failure)?;
    let place = Place::Files { pattern: files.pattern(), names: follower.names() };
    let state = State::new(&common, Arc::clone(plan), place, store, from).map_err(failure)?;
    Ok(Opened { state, follower, outlet })
}

/// What a daemon writes, and does not read.
pub(in crate::daemon) fn own(settings: &Settings, files: &Files) -> Own {
    let outputs = [&files.totals, &files.rejects].into_iter().flatten().cloned().collect();
    Own { outputs, directory: Some(settings.state.directory.clone()) }
}

/// Whether a start would take the state as it is, and how far the outputs were written by it; `None`: it would begin a new
/// one. Nothing is changed.
///
/// # Errors
/// Why it would not.
pub(in crate::daemon) fn look(
    settings: &Settings,
    definitions: &Definitions,
) -> Result<Option<Written>, CommandError> {
    let directory = settings.state.directory.join(super::TASK);
    // As a start would have them: with what was made over the listener, and what files do not have any more.
    let registry = definitions::beside(&settings.state.directory)?;
    let registry = registry
        .with_files(definitions.clone(), clock::now(), None)
        .map_err(CommandError::Faults)?;
    let plan = Arc::new(Plan::new(registry.definitions()));
    let Some(store) = Store::look(&directory, &plan).map_err(failure)? else { return Ok(None) };
    unbound::check(&store, GROUP, ADVICE)?;
    store.commits().and_then(|_| store.index()).and_then(|_| store.followed()).map_err(failure)?;
    store.written().map(Some).map_err(failure)
}

fn engine_options(settings: &Settings, memory: usize) -> engine::Options {
    engine::Options {
        dedup_window: settings.dedup.window,
        watermark_delay: settings.watermark.delay,
        future_skew_max: settings.watermark.future_skew_max,
        reports_duplicates: settings.rejects.includes_duplicates,
        reports_unmatched: settings.rejects.includes_unmatched,
        memory_bytes_max: memory / 4 * 3,
        ..engine::Options::default()
    }
}

/// The last commit, and what of it is visible: commits before the last visible one are forgotten.
fn from(store: &mut Store) -> Result<From, CommandError> {
    let mut commits = store.commits().map_err(failure)?;
    if commits.is_empty() {
        let genesis = CommitRecord::genesis(random_id(), Cursor { file: 0, offset: 0, line: 0 });
        store.begin(&genesis).map_err(failure)?;
        commits.push(genesis);
    }
    let (Some(&visible), Some(&last)) = (commits.first(), commits.last()) else {
        unreachable!("a genesis was added where there was no commit")
    };
    Ok(From { last, delivered: visible.outbox_last, is_offset_behind: visible != last })
}

#[expect(clippy::needless_pass_by_value, reason = "it stands in `map_err`")]
pub(super) fn failure(error: store::Error) -> CommandError {
    CommandError::failed(error.to_string())
}
