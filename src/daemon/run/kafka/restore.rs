//! `odometer state restore`: brings a checkpoint into the place of a task's state, where a start does not by itself.
//!
//! ```text
//! the checkpoints ─► one whose chain has the commit that the group's offset names ─► here, beside the state
//!                 ─► the decision as at a start: Resume ─► the state that is here is set aside, it takes its place
//! ```
//! Which checkpoint may be used is what a start decides too; nothing takes the place of a state that a start would not go on
//! with.

use std::fs::{self, File};
use std::path::{Path, PathBuf};
use std::sync::Arc;

use super::by_hand::{binding, named, remove, words};
use super::standby::warm_copy;
use super::takeover::{local_state, put_aside};
use super::{setup, trial};
use crate::checkpoint::{self, Bucket, Inventory, Progress};
use crate::daemon::CommandError;
use crate::daemon::run::setup::lock_directory;
use crate::engine::{self, Binding, CommitId, Committed, Decision, Facts, Visible};
use crate::format::Manifest;
use crate::kafka::{self, Outsider};
use crate::model::EventTime;
use crate::settings::{KafkaFlow, Settings};
use crate::store::Store;

/// How the name of a state goes on while it is brought here.
const UNFINISHED: &str = ".restore";

/// What is asked for.
pub(in crate::daemon) struct Ask<'a> {
    pub(in crate::daemon) settings: &'a Settings,
    pub(in crate::daemon) flow: &'a KafkaFlow,
    /// The task, as its folder is called.
    pub(in crate::daemon) task: &'a str,
}

/// A checkpoint that is there.
pub(in crate::daemon) struct Kept {
    pub(in crate::daemon) manifest: Manifest,
    /// When it was put, by the store's clock.
    pub(in crate::daemon) put_at: EventTime,
    /// Whether the group's offset names a commit of its chain; `None`: the group has no offset of odometer's own.
    pub(in crate::daemon) is_usable: Option<bool>,
}

impl Kept {
    /// How large its files are.
    pub(in crate::daemon) fn bytes(&self) -> u64 {
        self.manifest.files.iter().map(|file| file.bytes).sum()
    }
}

/// The checkpoints of a task, and what they are held against.
pub(in crate::daemon) struct Found {
    /// The newest first.
    pub(in crate::daemon) kept: Vec<Kept>,
    /// Why others cannot be understood.
    pub(in crate::daemon) unread: Vec<String>,
    task: String,
    bucket: Bucket,
    options: kafka::Options,
    wanted: Binding,
    committed: Option<Committed>,
    bounds: (i64, i64),
    /// Where the state lies.
    directory: PathBuf,
    /// No daemon has the states meanwhile.
    _lock: File,
}

/// Looks for the checkpoints of a task; changes nothing.
///
/// # Errors
/// A task that is none, a store or a broker that does not answer, a state directory in use.
pub(in crate::daemon) fn find(ask: &Ask<'_>) -> Result<Found, CommandError> {
    let Ask { settings, flow, task } = *ask;
    let Some(checkpoints) = &settings.state.checkpoints else {
        return Err(CommandError::Faults(vec![
            "state.checkpoint.store is not set: expected the store that the checkpoints were put into; without one \
             `odometer state rebuild` makes a state anew"
                .to_owned(),
        ]));
    };
    let (topic, partition) = named(flow, task)?;
    let lock = lock_directory(settings)?;
    let options = trial::options(flow, &topic);
    let wanted = binding(&options, partition, |why| refused(task, why))?;
    let outsider = Outsider::open(&options).map_err(words)?;
    let committed = outsider.committed(partition).map_err(words)?;
    let bounds = outsider.log_bounds(partition).map_err(words)?;
    let bandwidth = checkpoints.bandwidth.map(crate::settings::Size::bytes);
    let bucket = Bucket::open(&checkpoints.store, &checkpoints.properties.expose(), bandwidth);
    let bucket = bucket.map_err(failed)?;
    let visible = visible(committed.as_ref()).map(|visible| visible.commit);
    let Inventory { kept, unread } = bucket.shelf(&wanted).all().map_err(failed)?;
    let kept = kept.into_iter().map(|(manifest, put_at)| {
        let is_usable = visible.map(|commit| manifest.commits.contains(&commit));
        Kept { manifest, put_at, is_usable }
    });
    Ok(Found {
        kept: kept.collect(),
        unread: unread.iter().map(ToString::to_string).collect(),
        task: task.to_owned(),
        bucket,
        options,
        wanted,
        committed,
        bounds,
        directory: setup::state_directory(&settings.state.directory, &topic.name, partition),
        _lock: lock,
    })
}

fn visible(committed: Option<&Committed>) -> Option<&Visible> {
    committed.and_then(|committed| committed.metadata.as_ref().ok())
}

impl Found {
    /// The checkpoint that is to be brought here: the one with that last commit, else the newest that may be used.
    ///
    /// # Errors
    /// None that is, in words, with what would be right.
    pub(in crate::daemon) fn chosen(&self, wanted: Option<&str>) -> Result<&Kept, CommandError> {
        let refused = |why: &str| refused(&self.task, why);
        let is_wanted = |kept: &&Kept| match wanted {
            Some(commit) => kept.manifest.last().to_string() == commit,
            None => kept.is_usable != Some(false),
        };
        let Some(chosen) = self.kept.iter().find(is_wanted) else {
            if !self.unread.is_empty() {
                return Err(refused(&self.unread.join("; ")));
            }
            return Err(match (self.kept.first(), wanted, visible(self.committed.as_ref())) {
                (None, _, _) => refused(&format!(
                    "the store has no checkpoint of it; `odometer state rebuild {}` makes the state anew",
                    self.task
                )),
                (Some(_), Some(commit), _) => refused(&format!(
                    "the store has no checkpoint with the last commit {commit}: --list has them"
                )),
                (Some(_), None, visible) => {
                    let commit = visible.map_or(String::new(), |one| one.commit.to_string());
                    refused(&self.unfit(
                        &format!("none of the {} checkpoints has", self.kept.len()),
                        &commit,
                    ))
                }
            });
        };
        if let (Some(false), Some(visible)) = (chosen.is_usable, visible(self.committed.as_ref())) {
            return Err(refused(&self.unfit("it does not have", &visible.commit.to_string())));
        }
        Ok(chosen)
    }

    fn unfit(&self, what: &str, commit: &str) -> String {
        format!(
            "{what} commit {commit}, which the group's offset names: totals of it are visible that such a state does not \
             know. `odometer state rebuild {}` makes the state anew",
            self.task
        )
    }

    /// What would be done, in words.
    pub(in crate::daemon) fn words(&self, chosen: &Kept) -> String {
        let is_here = self.directory.exists();
        let aside = if is_here { "; the state that is there is set aside" } else { "" };
        let then = match chosen.is_usable {
            Some(_) => String::new(),
            None => format!(
                "; the group has no offset of odometer's own, which `odometer state adopt {}` commits then",
                self.task
            ),
        };
        format!(
            "checkpoint {} of {}, put at {}, becomes {}{aside}{then}",
            chosen.manifest.number,
            self.task,
            chosen.put_at,
            self.directory.display()
        )
    }

    /// Brings the checkpoint here, and puts it in the place of the state. Returns where that one is now. `goes_on` is told of
    /// each piece; where it says no, nothing is changed.
    ///
    /// # Errors
    /// The store, the disk; a state that a start would not go on with. Then nothing is changed.
    pub(in crate::daemon) fn carry_out(
        &self,
        chosen: CommitId,
        goes_on: &mut dyn FnMut(Progress) -> bool,
    ) -> Result<Option<PathBuf>, CommandError> {
        let kept = self.kept.iter().find(|kept| kept.manifest.last() == chosen);
        let manifest = &kept.expect("it was chosen").manifest;
        if let Some(halt) = manifest.binding.foreign_to(&self.wanted) {
            return Err(refused(&self.task, &halt.of_task(&self.task)));
        }
        let mut name = self.directory.file_name().expect("a state has a name").to_owned();
        name.push(UNFINISHED);
        let unfinished = self.directory.with_file_name(name);
        remove(&unfinished)?;
        let near = warm_copy(&self.directory);
        let restored =
            self.bucket.shelf(&self.wanted).restore(manifest, &unfinished, Some(&near), goes_on);
        if let Err(error) = restored.map_err(failed).and_then(|()| self.expect_taken(&unfinished)) {
            remove(&unfinished)?;
            return Err(error);
        }
        let moving = |error| {
            let name = self.directory.display();
            CommandError::failed_by(format!("putting a checkpoint into {name}"), error)
        };
        let is_there = self.directory.exists();
        let aside = is_there.then(|| put_aside(&self.directory)).transpose().map_err(moving)?;
        fs::rename(&unfinished, &self.directory).map_err(moving)?;
        let parent = self.directory.parent().unwrap_or(Path::new("."));
        File::open(parent).and_then(|folder| folder.sync_all()).map_err(moving)?;
        Ok(aside)
    }

    /// That a start would go on with the state in a directory, where the group has an offset by which that is known.
    fn expect_taken(&self, directory: &Path) -> Result<(), CommandError> {
        let refused = |why: &str| refused(&self.task, why);
        let store = Store::look(directory, &Arc::default());
        let store = store.map_err(|error| CommandError::failed(error.to_string()))?;
        let store = store.ok_or_else(|| refused("the checkpoint holds no state"))?;
        if visible(self.committed.as_ref()).is_none() {
            return Ok(());
        }
        let (log_start, log_end) = self.bounds;
        let local = local_state(&store, &self.options, self.wanted.partition, self.bounds);
        let local = local.map_err(|error| CommandError::failed(error.to_string()))?;
        let facts = Facts {
            binding: self.wanted.clone(),
            local: Some(local),
            unfit: None,
            checkpoints: Vec::new(),
            committed: self.committed.clone(),
            log_start,
            log_end,
            start_from: None,
        };
        match engine::decide(&facts) {
            Decision::Resume { .. } => Ok(()),
            Decision::Halt(halt) => Err(refused(&halt.of_task(&self.task))),
            Decision::Begin { .. } | Decision::Adopt { .. } | Decision::Restore { .. } => {
                unreachable!("its chain has the commit that the offset names")
            }
        }
    }
}

fn refused(task: &str, why: &str) -> CommandError {
    CommandError::failed(format!("{task} is not restored: {why}"))
}

#[expect(clippy::needless_pass_by_value, reason = "it stands in `map_err`")]
fn failed(error: checkpoint::Error) -> CommandError {
    CommandError::failed(error.to_string())
}
