//! The outlook: the thread that asks the broker how far a topic's logs reach, so that no worker waits for an answer.
//!
//! ```text
//! workers --the partitions that they have--> outlook --Answer: ends, and when they were asked for--> workers
//! ```
//! It also says that the broker does not answer, and notices when the topic is not what it was. Decides nothing else.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, MutexGuard};
use std::thread::JoinHandle;
use std::time::Duration;

use crossbeam_channel::{Receiver, RecvTimeoutError, Sender, bounded};

use crate::admin::Readiness;
use crate::daemon::clock::{self, Stopwatch};
use crate::kafka::{self, Disposition, Horizon};
use crate::model::EventTime;

/// From one question to the next.
const INTERVAL: Duration = Duration::from_secs(1);
/// How long an answer is waited for: the thread ends no sooner.
const ANSWER_WAIT: Duration = Duration::from_secs(3);
/// From one look at the topic's number of partitions to the next.
const COUNT_INTERVAL: Duration = Duration::from_secs(10);
/// After how long without an answer the process is not ready.
const SILENCE_MAX: Duration = Duration::from_secs(5);

/// How far logs reached when that was asked.
pub(super) struct Answer {
    /// One past the last offset, by partition, at `asked` or later. Some may be missing.
    pub(super) ends: BTreeMap<i32, i64>,
    /// Since just before the question.
    pub(super) asked: Stopwatch,
    /// The wall clock just before the question.
    pub(super) at: EventTime,
}

/// What the workers and the thread tell each other.
#[derive(Default)]
struct Board {
    wanted: BTreeMap<usize, Vec<i32>>,
    answer: Option<Arc<Answer>>,
    partitions: Option<i32>,
    fault: Option<kafka::Error>,
}

/// The outlook of one topic, shared by its workers.
pub(super) struct Outlook {
    board: Arc<Mutex<Board>>,
    horizon: Arc<Horizon>,
    /// Taken at the end: that ends the thread.
    stop: Option<Sender<()>>,
    thread: Option<JoinHandle<()>>,
}

impl Outlook {
    /// Starts the thread.
    pub(super) fn start(
        options: &kafka::Options,
        readiness: Arc<Readiness>,
    ) -> Result<Self, kafka::Error> {
        let horizon = Horizon::open(options, ANSWER_WAIT.min(options.request_timeout))?;
        let horizon = Arc::new(horizon);
        let board = Arc::new(Mutex::new(Board::default()));
        let (stop, stopped) = bounded(1);
        let lookout = Lookout {
            horizon: Arc::clone(&horizon),
            board: Arc::clone(&board),
            readiness,
            what: format!("broker of topic {}", options.topics.source),
            untold: Vec::new(),
            last_answer: Stopwatch::start(),
            since_count: Stopwatch::start(),
        };
        let thread = std::thread::Builder::new()
            .name(format!("outlook-{}", options.topics.source))
            .spawn(move || lookout.work(&stopped))
            .expect("the system starts a thread");
        Ok(Outlook { board, horizon, stop: Some(stop), thread: Some(thread) })
    }

    /// What a courier asks for itself.
    pub(super) fn horizon(&self) -> Arc<Horizon> {
        Arc::clone(&self.horizon)
    }

    /// From now on a worker wants to know of these partitions, and of no others.
    pub(super) fn watch(&self, worker: usize, partitions: Vec<i32>) {
        locked(&self.board).wanted.insert(worker, partitions);
    }

    /// The last answer: it may be old.
    pub(super) fn answer(&self) -> Option<Arc<Answer>> {
        locked(&self.board).answer.clone()
    }

    /// How many partitions the topic had when that was last asked.
    ///
    /// # Errors
    /// That asking again cannot help; it is told once.
    pub(super) fn partitions(&self) -> Result<Option<i32>, kafka::Error> {
        let mut board = locked(&self.board);
        board.fault.take().map_or(Ok(board.partitions), Err)
    }
}

impl Drop for Outlook {
    fn drop(&mut self) {
        drop(self.stop.take());
        let ended = self.thread.take().map(JoinHandle::join);
        if let Some(Err(_)) = ended
            && !std::thread::panicking()
        {
            panic!("a panic of an outlook is a broken invariant");
        }
    }
}

fn locked(board: &Mutex<Board>) -> MutexGuard<'_, Board> {
    board.lock().expect("no holder panics")
}

/// The thread's side.
struct Lookout {
    horizon: Arc<Horizon>,
    board: Arc<Mutex<Board>>,
    readiness: Arc<Readiness>,
    what: String,
    /// Partitions of which the last answer tells nothing.
    untold: Vec<i32>,
    last_answer: Stopwatch,
    since_count: Stopwatch,
}

impl Lookout {
    fn work(mut self, stopped: &Receiver<()>) {
        while stopped.recv_timeout(INTERVAL) == Err(RecvTimeoutError::Timeout) {
            let outcome = self.ask_ends().and_then(|is_answered| {
                let is_counted = self.count()?;
                // Of a broker that is away nothing more is asked: librdkafka looks for the one to ask without a pause.
                if is_answered || is_counted {
                    self.horizon.same_topic()?;
                }
                self.all_told()?;
                Ok(is_answered || is_counted)
            });
            self.tell(outcome);
        }
    }

    /// Whether there was something to ask for, which was answered. Each partition is told by itself.
    fn ask_ends(&mut self) -> Result<bool, kafka::Error> {
        let wanted: Vec<i32> = locked(&self.board).wanted.values().flatten().copied().collect();
        if wanted.is_empty() {
            return Ok(false);
        }
        // Before the question: what is appended after it is younger than both say.
        let (asked, at) = (Stopwatch::start(), clock::now());
        let ends = self.horizon.ends(&wanted)?;
        let is_missing = |partition: &i32| !ends.contains_key(partition);
        self.untold = wanted.into_iter().filter(is_missing).collect();
        locked(&self.board).answer = Some(Arc::new(Answer { ends, asked, at }));
        Ok(true)
    }

    fn all_told(&mut self) -> Result<(), kafka::Error> {
        let untold = std::mem::take(&mut self.untold);
        if untold.is_empty() { Ok(()) } else { Err(kafka::Error::Leaderless(untold)) }
    }

    fn count(&mut self) -> Result<bool, kafka::Error> {
        if self.since_count.elapsed() < COUNT_INTERVAL {
            return Ok(false);
        }
        self.since_count = Stopwatch::start();
        let count = self.horizon.partitions()?;
        locked(&self.board).partitions = Some(count);
        Ok(true)
    }

    fn tell(&mut self, outcome: Result<bool, kafka::Error>) {
        match outcome {
            Ok(false) => {}
            Ok(true) => {
                self.last_answer = Stopwatch::start();
                self.readiness.clear(&self.what);
            }
            Err(error) if error.disposition() == Disposition::Halt => {
                locked(&self.board).fault = Some(error);
            }
            Err(error) if self.last_answer.elapsed() >= SILENCE_MAX => {
                let reason = format!("it does not answer: {error}");
                self.readiness.obstruct(&self.what, &reason, clock::now());
            }
            Err(error) => tracing::debug!(%error, "the broker did not answer; it is asked again"),
        }
    }
}
