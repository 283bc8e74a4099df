//! Which customers the processes of a group see, told to each other: a customer belongs to one task, whosever it is.
//!
//! ```text
//! task: customer seen ─► stored ─► claimed by the courier ─► topic of customers ─► this thread, in each process
//!                                  (before its totals)              ▲                        │ registry: is it in a task here?
//!                                                                   └──── both partitions ◄──┴─► the task here halts
//! ```
//! The thread keeps nothing of what it reads: a claim is held against the customers of the tasks that are here, and up to
//! where that was done is in their states, so that whoever takes one over looks at the rest. What a task is halted for is
//! not passed: it is found again at each start. Who finds it says so in the topic, for the other task to halt too.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::thread::JoinHandle;
use std::time::Duration;

use crossbeam_channel::{Receiver, RecvTimeoutError, Sender, TryRecvError, bounded};

use super::courier::Order;
use super::registry::Registry;
use super::setup::Work;
use super::worker::Worker;
use crate::admin::Readiness;
use crate::daemon::clock::{self, Stopwatch};
use crate::engine::Halt;
use crate::format::state::ClaimsNote;
use crate::format::{Claim, claim_scope};
use crate::kafka::{
    self, CustomersFault, CustomersWriter, Horizon, Log, LogRecord, LogStep, Options, TopicId,
};
use crate::settings::KafkaFlow;

/// From the end of the topic to the next look at it, and from an error to the next try.
const INTERVAL: Duration = Duration::from_secs(1);
/// How long a record is waited for before anything else is looked at.
const LOOK: Duration = Duration::from_millis(100);
/// How long an answer is waited for: the thread ends no sooner.
const ANSWER_WAIT: Duration = Duration::from_secs(3);
/// After how long without an answer the process is not ready.
const SILENCE_MAX: Duration = Duration::from_secs(5);
/// The topic has one.
const PARTITION: i32 = 0;

/// The topic of customers.
pub(super) struct CustomersTopic {
    name: String,
    id: Option<TopicId>,
    writer: Arc<CustomersWriter>,
}

/// The topic of customers, made where there is none; `None`: there is to be none.
///
/// # Errors
/// A broker that does not answer, or a topic that is not as it must be.
pub(super) fn topic(flow: &KafkaFlow) -> Result<Option<CustomersTopic>, kafka::Error> {
    let Some(name) = &flow.source.customers_topic else { return Ok(None) };
    let (properties, timeout) = (flow.sink.properties.expose(), flow.source.request_timeout);
    let id = kafka::customers_topic(&properties, name, timeout)?;
    let writer = Arc::new(CustomersWriter::new(&properties, name, timeout));
    Ok(Some(CustomersTopic { name: name.clone(), id, writer }))
}

impl CustomersTopic {
    /// Where the customers of that source topic are claimed.
    pub(super) fn of(&self, topic: &str, partitions: i32, id: Option<&TopicId>) -> Claims {
        let text = |id: &TopicId| id.to_string();
        let place = ClaimsNote {
            topic: self.name.clone(),
            id: self.id.as_ref().map(text),
            scope: claim_scope(topic, partitions, id.map(text).as_deref()),
            looked: 0,
            commit: 0,
        };
        Claims { writer: Arc::clone(&self.writer), id: self.id.clone(), place }
    }
}

/// Where the customers of a source topic's tasks are claimed.
#[derive(Clone)]
pub(super) struct Claims {
    writer: Arc<CustomersWriter>,
    id: Option<TopicId>,
    /// As a state notes it; of no commit.
    pub(super) place: ClaimsNote,
}

/// Customers of tasks, by partition.
pub(super) type Customers = Vec<(i32, Vec<u64>)>;

impl Claims {
    /// Claims customers, and waits until the broker has it.
    pub(super) fn make(&self, customers: &Customers) -> Result<(), kafka::Error> {
        let scope = &self.place.scope;
        let claims = customers.iter().flat_map(|(partition, customers)| {
            customers.iter().map(move |customer| {
                record_of(&Claim {
                    scope: scope.clone(),
                    customer: *customer,
                    partitions: [*partition].into(),
                })
            })
        });
        self.writer.write(claims)
    }
}

fn record_of(claim: &Claim) -> (String, String) {
    (claim.key(), claim.value())
}

impl Worker {
    /// Orders that customers are claimed that are stored and were not; whether there are any. What they make becomes
    /// visible after that.
    pub(super) fn order_claims(&mut self) -> bool {
        let customers: Customers = self
            .tasks
            .iter()
            .map(|(partition, task)| (*partition, task.state.store.unclaimed().to_vec()))
            .filter(|(_, customers)| !customers.is_empty())
            .collect();
        if customers.is_empty() {
            return false;
        }
        self.courier.send(Order::Claim(customers));
        true
    }

    /// So many customers of each task are claimed. No task began since they were ordered to be.
    pub(super) fn take_claimed(&mut self, counts: &[(i32, usize)]) {
        for (partition, count) in counts {
            if let Some(task) = self.tasks.get_mut(partition) {
                task.state.store.claimed(*count);
            }
        }
    }

    /// Halts a task that has a customer in common with another one, elsewhere.
    pub(super) fn halt_shared(&self, partition: i32) {
        let name = self.name(partition);
        let (Some((customer, other)), Some(task)) =
            (self.registry.shared(&name), self.tasks.get(&partition))
        else {
            return;
        };
        let known = task.state.store.customer_of(customer).unwrap_or_else(|error| {
            tracing::warn!(%error, "the name of a customer in two tasks cannot be looked up");
            None
        });
        self.registry.halt(&name, &Halt::customer_in_two_tasks(known, customer, other.to_string()));
    }
}

/// Lets the thread work until it is dropped.
pub(super) struct CustomerWatch {
    /// Taken at the end: that ends the thread.
    stop: Option<Sender<()>>,
    thread: Option<JoinHandle<()>>,
}

impl CustomerWatch {
    /// Starts the thread, where customers are claimed.
    pub(super) fn start(
        work: &[Work],
        registry: &Arc<Registry>,
        readiness: &Arc<Readiness>,
    ) -> Option<Self> {
        let claims = |(job, options): &Work| {
            let claims = job.claims.clone()?;
            Some((claims.place.scope.clone(), (options.topics.source.clone(), claims)))
        };
        let topics: BTreeMap<String, (String, Claims)> = work.iter().filter_map(claims).collect();
        let (_, (_, claims)) = topics.first_key_value()?;
        let (_, options) = work.first()?;
        // Asked and read as what is written to it is written.
        let mut options = Options { source: options.sink.clone(), ..options.clone() };
        options.topics.source.clone_from(&claims.place.topic);
        options.topic_id.clone_from(&claims.id);
        let (stop, stopped) = bounded(1);
        let watching = Watching {
            what: format!("topic {}", claims.place.topic),
            options,
            topics,
            registry: Arc::clone(registry),
            readiness: Arc::clone(readiness),
            stopped,
            last_answer: Stopwatch::start(),
        };
        let thread = std::thread::Builder::new()
            .name("customers".to_owned())
            .spawn(move || drop(watching.work()))
            .expect("the system starts a thread");
        Some(CustomerWatch { stop: Some(stop), thread: Some(thread) })
    }
}

impl Drop for CustomerWatch {
    fn drop(&mut self) {
        drop(self.stop.take());
        let ended = self.thread.take().map(JoinHandle::join);
        if let Some(Err(_)) = ended
            && !std::thread::panicking()
        {
            panic!("a panic of the watch of customers is a broken invariant");
        }
    }
}

/// That the process ends.
struct Stopped;

/// The thread's side.
struct Watching {
    /// As it is told who asks whether the process is ready.
    what: String,
    options: Options,
    /// By the scope of its claims: a source topic, and where its customers are claimed.
    topics: BTreeMap<String, (String, Claims)>,
    registry: Arc<Registry>,
    readiness: Arc<Readiness>,
    stopped: Receiver<()>,
    last_answer: Stopwatch,
}

impl Watching {
    fn work(mut self) -> Result<(), Stopped> {
        let horizon = self.insist(|options| Horizon::open(options, patience(options)))?;
        let mut log = self.insist(|options| {
            let topic = &options.topics.source;
            Log::open(&options.source, &options.group, topic, patience(options))
        })?;
        let mut next = None;
        loop {
            let Some(wanted) = self.registry.least_looked() else {
                self.pause()?;
                continue;
            };
            // A task that was taken over may have looked at less than those that are here.
            let from = next.map_or(wanted, |next: i64| next.min(wanted));
            if next != Some(from) {
                self.insist(|_| log.seek(PARTITION, from))?;
            }
            next = Some(match self.insist(|_| log.step(LOOK))? {
                LogStep::Record(record) => {
                    self.look(&record)?;
                    self.registry.looked(from, record.offset + 1);
                    record.offset + 1
                }
                LogStep::Nothing => from,
                LogStep::End => {
                    let end = log.end(PARTITION);
                    self.registry.looked(from, end);
                    self.pause()?;
                    self.insist(|_| horizon.same_topic())?;
                    self.insist(|_| log.go_on())?;
                    end
                }
            });
            if self.stopped.try_recv() == Err(TryRecvError::Disconnected) {
                return Err(Stopped);
            }
        }
    }

    /// Holds a claim against the tasks that are here, and answers it where others are yet to see what that gives.
    fn look(&mut self, record: &LogRecord) -> Result<(), Stopped> {
        let [key, value] = [&record.key, &record.value].map(|part| part.as_deref().unwrap_or(b""));
        let claim = match Claim::read(key, value) {
            Ok(claim) => claim,
            Err(fault) => {
                let (topic, offset) = (&self.options.topics.source, record.offset);
                tracing::warn!(topic, offset, %fault, "a record of the topic of customers is none of odometer's");
                return Ok(());
            }
        };
        let Some((topic, claims)) = self.topics.get(&claim.scope) else { return Ok(()) };
        let answer = self.registry.take_claim(topic, claim.customer, &claim.partitions);
        let Some(partitions) = answer else { return Ok(()) };
        let record = record_of(&Claim { partitions, ..claim });
        let writer = Arc::clone(&claims.writer);
        self.insist(|_| writer.write([record.clone()].into_iter()))
    }

    /// Tries until it succeeds.
    fn insist<T>(
        &mut self,
        mut attempt: impl FnMut(&Options) -> Result<T, kafka::Error>,
    ) -> Result<T, Stopped> {
        loop {
            match attempt(&self.options) {
                Ok(done) => {
                    self.last_answer = Stopwatch::start();
                    self.readiness.clear(&self.what);
                    return Ok(done);
                }
                Err(kafka::Error::TopicReplaced { topic, .. }) => {
                    let fault = CustomersFault::Replaced(topic);
                    self.registry.fail(kafka::Error::Customers(fault));
                }
                Err(error) if self.last_answer.elapsed() >= SILENCE_MAX => {
                    let reason = format!(
                        "whether a customer is in two tasks is not known across processes: {error}"
                    );
                    self.readiness.obstruct(&self.what, &reason, clock::now());
                }
                Err(error) => {
                    tracing::debug!(%error, "the topic of customers is asked again");
                }
            }
            self.pause()?;
        }
    }

    fn pause(&self) -> Result<(), Stopped> {
        match self.stopped.recv_timeout(INTERVAL) {
            Err(RecvTimeoutError::Timeout) => Ok(()),
            Ok(()) | Err(RecvTimeoutError::Disconnected) => Err(Stopped),
        }
    }
}

fn patience(options: &Options) -> Duration {
    ANSWER_WAIT.min(options.request_timeout)
}
