//! `odometer state rebuild`: a task's state made anew from its partition, where the one that was is lost or wrong.
//!
//! ```text
//! what was billed (the topic of totals) ─┐
//! the partition ─► replay, held back ─► comparison ─► what differs is the new state's outbox
//!                                                 └─► it takes the old one's place ─► the group's offset names it
//! ```
//! Nothing is delivered here: the next start finds a state whose offset is committed and whose outbox waits, and delivers it
//! as any other. Until that offset is committed nothing of it counts, so that whatever ends this, it is begun again.

mod billed;
mod comparison;
mod replay;

pub(in crate::daemon) use self::billed::Last;
pub(in crate::daemon) use self::comparison::Comparison;

use std::fs::{self, File};
use std::path::{Path, PathBuf};
use std::sync::Arc;

use self::billed::Billed;
use self::replay::Replay;
use super::by_hand::{alone, decided, named, remove, words};
use super::job::Job;
use super::takeover::put_aside;
use super::{definitions, setup, trial};
use crate::admin::Readiness;
use crate::checkpoint::Bucket;
use crate::daemon::run::definitions::Book;
use crate::daemon::run::live::LiveTasks;
use crate::daemon::run::outside::Outside;
use crate::daemon::run::setup::lock_directory;
use crate::daemon::run::state::{random, random_id};
use crate::daemon::signals::StopSignal;
use crate::daemon::{CommandError, clock};
use crate::definition::{Definitions, Plan};
use crate::engine::{
    Binding, CommitRecord, Committed, DigestKey, Halt, OutboxEntry, StartFrom, Usage, Visible,
};
use crate::format::state::Identity;
use crate::format::{Encoder, Place};
use crate::kafka::{self, Inquiry, Outsider};
use crate::model::EventTime;
use crate::settings::{Checkpoints, Flow, KafkaFlow, Settings};
use crate::store::{self, Store};
use crate::telemetry::Series;

/// How the name of a state goes on while it is made anew.
const UNFINISHED: &str = ".rebuild";

/// What is asked for.
pub(in crate::daemon) struct Ask<'a> {
    pub(in crate::daemon) settings: &'a Settings,
    pub(in crate::daemon) definitions: Definitions,
    /// The task, as its folder is called.
    pub(in crate::daemon) task: &'a str,
    /// Where the task's first run began; `None`: with the log.
    pub(in crate::daemon) from: Option<i64>,
    pub(in crate::daemon) stop: &'a StopSignal,
}

/// A state made anew, beside the one that was.
pub(in crate::daemon) struct Rebuilt {
    pub(in crate::daemon) comparison: Comparison,
    /// Why the replay may lack what was counted, or what was billed is not known; in words.
    pub(in crate::daemon) doubts: Vec<String>,
    /// The first offset, and one past the last.
    pub(in crate::daemon) span: (i64, i64),
    task: String,
    store: Store,
    last: CommitRecord,
    plan: Arc<Plan>,
    job: Arc<Job>,
    binding: Binding,
    /// Where the state lies that was.
    directory: PathBuf,
    checkpoints: Option<Checkpoints>,
    outsider: Outsider,
    /// No daemon has the states meanwhile.
    _lock: File,
}

/// Where a replay begins and ends, and what is to be said of it.
struct Course {
    from: i64,
    end: i64,
    watermark: Option<EventTime>,
    doubts: Vec<String>,
}

/// Replays the partition, and holds what comes out against what was billed. Nothing is changed but that the new state lies
/// beside the old one.
///
/// # Errors
/// What speaks against it, in words.
pub(in crate::daemon) fn rebuild(ask: Ask<'_>) -> Result<Rebuilt, CommandError> {
    let Ask { settings, definitions, task, from, stop } = ask;
    let Flow::Kafka(flow) = &settings.flow else {
        return Err(CommandError::Faults(vec![
            "source.kind is \"file\": over files discard the state, and run anew into other outputs"
                .to_owned(),
        ]));
    };
    let refused = |why: &str| refused(task, why);
    let (topic, partition) = named(flow, task)?;
    let lock = lock_directory(settings)?;
    let outsider = alone(settings, &trial::options(flow, &topic), refused)?;
    // What is replayed is not visible: no checkpoint of it is wanted.
    let mut settings = settings.clone();
    let checkpoints = settings.state.checkpoints.take();
    let (job, options, plan) = begun(&settings, flow, definitions, &topic.name, stop)?
        .ok_or_else(|| refused("it was told to stop"))?;
    if partition >= job.partitions {
        return Err(refused(&format!("the topic has {} partitions", job.partitions)));
    }
    let binding = job.binding(&options, partition);
    let mut course =
        course(&job, &options, &outsider, (partition, from)).map_err(|why| match why {
            Unfit::Refused(why) => refused(&why),
            Unfit::Failed(error) => error,
        })?;
    let is_log_whole = course.doubts.is_empty();
    decided(flow, &flow.sink.topic, refused)?;
    let billed = Billed::read(flow, &binding)?;
    let watermark = course.watermark.max(billed.watermark(&plan));
    let records = u64::try_from(course.end).unwrap_or(0);
    let mut comparison = Comparison::new(billed, is_log_whole, records);
    let directory = job.directory(&topic.name, partition);
    let unfinished = unfinished(&directory);
    remove(&unfinished)?;
    let fresh = || Identity { binding: binding.clone(), digest_key: DigestKey(random()) };
    let store = Store::open(&unfinished, &job.store, &plan, fresh).map_err(failed)?;
    let (from, end) = (course.from, course.end);
    let replay =
        Replay { job: &job, options: &options, plan: &plan, partition, from, end, watermark, stop };
    let replayed = replay.run(store, &mut |outgoing| comparison.take(outgoing));
    let (store, last) = replayed.map_err(|error| refused(&error.to_string()))?;
    if comparison.assumed() > 0 {
        course.doubts.push(format!(
            "topic {:?} has lost its beginning, and lacks {} totals of the replay: they are taken for delivered",
            flow.sink.topic,
            comparison.assumed()
        ));
    }
    Ok(Rebuilt {
        comparison,
        doubts: course.doubts,
        span: (from, end),
        task: task.to_owned(),
        store,
        last,
        plan,
        job,
        binding,
        directory,
        checkpoints,
        outsider,
        _lock: lock,
    })
}

/// What a task is begun with.
type Begun = (Arc<Job>, kafka::Options, Arc<Plan>);

/// What a start makes of settings and broker before it joins the group; `None`: it was told to stop.
fn begun(
    settings: &Settings,
    flow: &KafkaFlow,
    definitions: Definitions,
    topic: &str,
    stop: &StopSignal,
) -> Result<Option<Begun>, CommandError> {
    let outside = Outside {
        series: Arc::new(Series::new(clock::now())),
        readiness: Arc::new(Readiness::new("start", "it has not started yet", clock::now())),
        live: Arc::new(LiveTasks::new(settings.flow.read_as())),
    };
    let book = Book::open(settings, definitions, Arc::clone(&outside.live))?;
    let Some(works) = setup::work(settings, flow, stop, &outside)? else { return Ok(None) };
    if !definitions::attach(settings, flow, &book, stop, &outside)? {
        return Ok(None);
    }
    let mut workers = works.workers.into_iter();
    let work = workers.find(|(_, options)| options.topics.source == topic);
    let (job, options) = work.expect("each topic that tasks read has its workers");
    let reader = [("rebuild".to_owned(), job.written_to(&options).to_owned())];
    let mut readers = book.editions.begin(&reader);
    let plan = readers.first_mut().expect("one was asked for").begin();
    Ok(Some((job, options, plan)))
}

/// Why a replay cannot begin.
enum Unfit {
    Refused(String),
    Failed(CommandError),
}

impl From<kafka::Error> for Unfit {
    fn from(error: kafka::Error) -> Self {
        Unfit::Failed(words(error))
    }
}

/// From where to where is replayed: up to what is visible, where the group's offset tells; else all that is there.
fn course(
    job: &Job,
    options: &kafka::Options,
    outsider: &Outsider,
    (partition, asked): (i32, Option<i64>),
) -> Result<Course, Unfit> {
    let refused = |why: String| Err(Unfit::Refused(why));
    let (log_start, log_end) = outsider.log_bounds(partition)?;
    let committed = outsider.committed(partition)?;
    let (mut end, mut watermark) = (log_end, None);
    if let Some(Committed { offset, metadata: Ok(visible) }) = &committed {
        if visible.is_genesis {
            return refused(format!(
                "the group's offset {offset} names the beginning of the task: nothing was counted, and a start begins there"
            ));
        }
        if visible.partitions != job.partitions {
            let (before, now) = (visible.partitions, job.partitions);
            return refused(Halt::PartitionsChanged { before, now }.to_string());
        }
        if *offset < log_start || *offset > log_end {
            return refused(format!(
                "the group has counted up to offset {offset}, and the log has {log_start} to {log_end}: it is not the one \
                 that was counted, or lacks all of it"
            ));
        }
        (end, watermark) = (*offset, visible.watermark);
    }
    let mut doubts = Vec::new();
    let from = match asked {
        Some(asked) if asked < log_start || asked > end => {
            return refused(format!(
                "--from-offset {asked}: expected one from {log_start} to {end}"
            ));
        }
        Some(asked) => asked,
        None if job.start_from == Some(StartFrom::Latest) => {
            return refused(
                "source.start_from is \"latest\", so that the first run did not begin with the log: name the offset \
                 where it began as --from-offset"
                    .to_owned(),
            );
        }
        None => {
            if log_start > 0 {
                doubts.push(format!(
                    "the log begins at offset {log_start}: what was counted before that is not counted again (where the \
                     first run began there, --from-offset {log_start} says so)"
                ));
            }
            log_start
        }
    };
    let topic = &options.topics.source;
    let inquiry = Inquiry::open(&options.source, options.request_timeout)?;
    match inquiry.of_topic(topic, "cleanup.policy")? {
        Ok(policy) if policy.contains("compact") => doubts.push(format!(
            "topic {topic:?} compacts (cleanup.policy {policy:?}): what it took away is not counted again"
        )),
        Ok(_) => {}
        Err(reason) => doubts.push(format!(
            "whether topic {topic:?} compacts, so that it lacks records, is not known ({reason})"
        )),
    }
    Ok(Course { from, end, watermark, doubts })
}

impl Rebuilt {
    /// Why the state may not take the place of the old one, where what is missing is not allowed for.
    pub(in crate::daemon) fn objections(&self) -> Vec<String> {
        let mut found = self.doubts.clone();
        let missing = self.comparison.missing().len();
        if missing > 0 {
            found.push(format!(
                "{missing} totals were billed of which the replay gives nothing: the log is shorter than what was billed, \
                 or a metric is not defined any more"
            ));
        }
        found
    }

    /// Puts the state in the place of the old one, which is set aside, and has the group go on from it. Returns where the old
    /// one is.
    ///
    /// # Errors
    /// The disk, the store of checkpoints, a broker that refuses or does not answer: then it is to be asked for again.
    pub(in crate::daemon) fn take_over(self) -> Result<Option<PathBuf>, CommandError> {
        let Rebuilt { comparison, mut store, last, plan, job, binding, directory, .. } = self;
        let topic = binding.topic.clone();
        let place = Place::Topic { topic, partition: binding.partition };
        let encoder = Encoder::new(&plan, &place, job.common.entry_bytes_max);
        let usage = Usage::at(&plan, &last, false);
        let ask = &mut |total: &_, published: &_| {
            let outgoing = encoder.outgoing(&OutboxEntry::Total(Clone::clone(total)));
            comparison.published(&outgoing.key, published)
        };
        store.republish(&usage, ask).map_err(failed)?;
        let deliveries = comparison.deliveries();
        let made = u64::try_from(deliveries.len()).expect("a count of things in memory");
        // Behind every checkpoint of the state that was: the newest has the greatest number.
        let kept = newest_kept(self.checkpoints.as_ref(), &binding)?;
        let record = CommitRecord {
            id: random_id(),
            parent: Some(last.id),
            number: last.number.max(kept) + 1,
            outbox_last: last.outbox_last + made,
            ..last
        };
        let outbox = deliveries.map(|outgoing| outgoing.encode());
        store.conclude(&last, &record, outbox).map_err(failed)?;
        let unfinished = store.directory().to_owned();
        drop(store);
        let moving = |error| {
            CommandError::failed_by(format!("putting a state into {}", directory.display()), error)
        };
        let aside =
            directory.exists().then(|| put_aside(&directory)).transpose().map_err(moving)?;
        fs::rename(&unfinished, &directory).map_err(moving)?;
        let parent = directory.parent().unwrap_or(Path::new("."));
        File::open(parent).and_then(|folder| folder.sync_all()).map_err(moving)?;
        let visible = Visible {
            commit: record.id,
            is_genesis: false,
            sequence: last.outbox_last,
            watermark: record.watermark,
            partitions: binding.partitions,
        };
        let committed = self.outsider.commit(binding.partition, record.cursor.offset, &visible);
        committed.map_err(|error| {
            CommandError::failed(format!(
                "{} is rebuilt, and the group's offset does not name it yet ({error}): run the same again",
                self.task
            ))
        })?;
        Ok(aside)
    }

    /// Throws the rebuilt state away.
    ///
    /// # Errors
    /// The disk.
    pub(in crate::daemon) fn give_up(self) -> Result<(), CommandError> {
        let unfinished = self.store.directory().to_owned();
        drop(self.store);
        remove(&unfinished)
    }
}

/// Number of the newest checkpoint.
fn newest_kept(checkpoints: Option<&Checkpoints>, of: &Binding) -> Result<u64, CommandError> {
    let Some(Checkpoints { store, properties, .. }) = checkpoints else { return Ok(0) };
    let bucket = Bucket::open(store, &properties.expose(), None);
    let found = bucket.and_then(|bucket| bucket.shelf(of).until(|_| true));
    let found = found.map_err(|error| CommandError::failed(error.to_string()))?;
    Ok(found.first().map_or(0, |newest| newest.number))
}

fn unfinished(directory: &Path) -> PathBuf {
    let mut name = directory.file_name().expect("a state has a name").to_owned();
    name.push(UNFINISHED);
    directory.with_file_name(name)
}

fn refused(task: &str, why: &str) -> CommandError {
    CommandError::failed(format!("{task} is not rebuilt: {why}"))
}

#[expect(clippy::needless_pass_by_value, reason = "it stands in `map_err`")]
fn failed(error: store::Error) -> CommandError {
    CommandError::failed(error.to_string())
}
