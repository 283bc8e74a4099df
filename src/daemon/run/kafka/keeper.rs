//! The keeper: the threads that put checkpoints into their store and bring them back, so that folding goes on meanwhile.
//!
//! ```text
//! worker --Put--> keeper --PutAnswer--> worker          some at a time, of different tasks
//! worker --Restore--> keeper --outcome--> worker
//! ```
//! What nobody waits for any more, for the task is another process's, is finished or given up, and nobody hears of it.

use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::time::Duration;

use crossbeam_channel::{Receiver, Sender, bounded, unbounded};

use super::standby::warm_copy;
use crate::checkpoint::{Base, Bucket, Error, Followed, Progress, Put};
use crate::daemon::CommandError;
use crate::daemon::clock::Stopwatch;
use crate::daemon::run::copy::Copy;
use crate::engine::{Binding, CommitId};
use crate::format::Manifest;
use crate::settings::{Checkpoints, Size};

/// How many checkpoints are put, and how many are brought back, at a time.
const THREADS: usize = 2;
/// How often what was replaced is looked for: so many times in the time that it stays.
const COLLECTS: u32 = 4;

/// A checkpoint to be put.
struct PutOrder {
    copy: Copy,
    base: Base,
    binding: Binding,
    /// The checkpoint whose commit is visible, where it is time to forget those before it.
    visible: Option<Manifest>,
    answers: Sender<PutAnswer>,
}

/// What became of it.
pub(super) struct PutAnswer {
    pub(super) base: Base,
    /// To be put again; else it is gone.
    pub(super) outcome: Result<Put, (Error, Copy)>,
    pub(super) took: Duration,
}

/// A checkpoint to be brought back.
struct RestoreOrder {
    binding: Binding,
    manifest: Manifest,
    directory: PathBuf,
    shared: Arc<Shared>,
    answers: Sender<Result<(), Error>>,
}

#[derive(Default)]
struct Shared {
    is_given_up: AtomicBool,
    bytes: AtomicU64,
    near: AtomicU64,
}

/// A checkpoint that is being brought back. Who drops it gives it up.
pub(super) struct Restoring {
    shared: Arc<Shared>,
    of: u64,
    answers: Receiver<Result<(), Error>>,
}

/// The threads, with what they are told.
pub(super) struct Keeper {
    bucket: Arc<Bucket>,
    puts: Sender<PutOrder>,
    restores: Sender<RestoreOrder>,
    interval: Duration,
    collect_interval: Duration,
}

impl Keeper {
    /// Opens the store and starts the threads, which end with the process.
    pub(super) fn start(settings: &Checkpoints) -> Result<Self, CommandError> {
        let bandwidth = settings.bandwidth.map(Size::bytes);
        let bucket = Bucket::open(&settings.store, &settings.properties.expose(), bandwidth);
        let bucket = Arc::new(bucket.map_err(|error| CommandError::failed(error.to_string()))?);
        let (puts, put_orders) = unbounded::<PutOrder>();
        let (restores, restore_orders) = unbounded::<RestoreOrder>();
        for number in 0..THREADS {
            let (orders, retention) = (put_orders.clone(), settings.retention);
            thread(&bucket, format!("checkpoint-put-{number}"), move |bucket| {
                orders.into_iter().for_each(|order| put(bucket, order, retention));
            });
            let orders = restore_orders.clone();
            thread(&bucket, format!("checkpoint-get-{number}"), move |bucket| {
                orders.into_iter().for_each(|order| restore(bucket, order));
            });
        }
        let collect_interval = settings.retention / COLLECTS;
        Ok(Keeper { bucket, puts, restores, interval: settings.interval, collect_interval })
    }

    /// Time from one checkpoint to the next.
    pub(super) fn interval(&self) -> Duration {
        self.interval
    }

    /// Time from one look for what was replaced to the next.
    pub(super) fn collect_interval(&self) -> Duration {
        self.collect_interval
    }

    /// The checkpoints of a task, the newest first, up to the first one that has this commit in its chain; any, where none
    /// is wanted.
    ///
    /// # Errors
    /// A store that does not answer.
    pub(super) fn find(
        &self,
        binding: &Binding,
        commit: Option<CommitId>,
    ) -> Result<Vec<Manifest>, Error> {
        let is_wanted =
            |manifest: &Manifest| commit.is_none_or(|commit| manifest.commits.contains(&commit));
        self.bucket.shelf(binding).until(is_wanted)
    }

    /// Brings a warm copy up to the newest checkpoint, in the caller's thread.
    ///
    /// # Errors
    /// A store that does not answer, a disk that does not take it.
    pub(super) fn follow(
        &self,
        binding: &Binding,
        directory: &Path,
        goes_on: &dyn Fn() -> bool,
    ) -> Result<Option<Followed>, Error> {
        self.bucket.shelf(binding).follow(directory, goes_on)
    }

    /// Has a checkpoint put; the answer comes over the channel that is given back.
    pub(super) fn put(
        &self,
        copy: Copy,
        base: Base,
        binding: Binding,
        visible: Option<Manifest>,
    ) -> Receiver<PutAnswer> {
        let (answers, answer) = bounded(1);
        let order = PutOrder { copy, base, binding, visible, answers };
        self.puts.send(order).expect("the threads last as long as the process");
        answer
    }

    /// Has a checkpoint brought into a directory, which must not be there.
    pub(super) fn restore(
        &self,
        binding: Binding,
        manifest: Manifest,
        directory: PathBuf,
    ) -> Restoring {
        let (answers, answer) = bounded(1);
        let shared = Arc::new(Shared::default());
        let of = manifest.files.iter().map(|file| file.bytes).sum();
        let restoring = Restoring { shared: Arc::clone(&shared), of, answers: answer };
        let order = RestoreOrder { binding, manifest, directory, shared, answers };
        self.restores.send(order).expect("the threads last as long as the process");
        restoring
    }
}

impl Restoring {
    /// What became of it, once that is known.
    pub(super) fn outcome(&self) -> Option<Result<(), Error>> {
        self.answers.try_recv().ok()
    }

    /// How far it is.
    pub(super) fn progress(&self) -> Progress {
        let Shared { bytes, near, .. } = &*self.shared;
        let [bytes, near] = [bytes, near].map(|count| count.load(Ordering::Relaxed));
        Progress { bytes, of: self.of, near }
    }
}

impl Drop for Restoring {
    fn drop(&mut self) {
        self.shared.is_given_up.store(true, Ordering::Relaxed);
    }
}

fn thread(bucket: &Arc<Bucket>, name: String, work: impl FnOnce(&Bucket) + Send + 'static) {
    let bucket = Arc::clone(bucket);
    let thread = std::thread::Builder::new().name(name).spawn(move || work(&bucket));
    drop(thread.expect("the system starts a thread"));
}

fn put(bucket: &Bucket, order: PutOrder, retention: Duration) {
    let PutOrder { copy, mut base, binding, visible, answers } = order;
    let shelf = bucket.shelf(&binding);
    if let Some(visible) = visible {
        match shelf.collect(&mut base, &visible, retention) {
            Ok(0) => {}
            Ok(objects) => {
                tracing::debug!(partition = binding.partition, objects, "old checkpoints removed");
            }
            Err(error) => tracing::warn!(%error, "old checkpoints are not removed yet"),
        }
    }
    let took = Stopwatch::start();
    let chain = (copy.number, copy.commits.clone());
    let outcome = match shelf.put(&mut base, &copy.directory, &binding, chain) {
        Ok(put) => Ok(put),
        Err(error) => Err((error, copy)),
    };
    // Where nobody waits for it the task is given up, and the copy goes with the answer.
    let _ = answers.send(PutAnswer { base, outcome, took: took.elapsed() });
}

fn restore(bucket: &Bucket, order: RestoreOrder) {
    let RestoreOrder { binding, manifest, directory, shared, answers } = order;
    let mut goes_on = |progress: Progress| {
        shared.bytes.store(progress.bytes, Ordering::Relaxed);
        shared.near.store(progress.near, Ordering::Relaxed);
        !shared.is_given_up.load(Ordering::Relaxed)
    };
    let near = warm_copy(&directory);
    let _ = answers.send(bucket.shelf(&binding).restore(
        &manifest,
        &directory,
        Some(&near),
        &mut goes_on,
    ));
}
