//! The auditor: the thread that reads the topic of totals back, where `sink.audit` is set, and counts what does not fit.
//!
//! ```text
//! topic of totals ─► kafka::Log (committed, to its present end, then what came since) ─► format::Audit ─► series, log
//! ```
//! It begins with the topic's beginning at each start. It has a client of its own and touches nothing: no worker waits
//! for it, and whatever it finds, they go on. A broker that does not answer is asked again.

use std::sync::Arc;
use std::thread::JoinHandle;
use std::time::Duration;

use crossbeam_channel::{Receiver, RecvTimeoutError, Sender, TryRecvError, bounded};

use crate::format::{Audit, AuditFault, AuditRules, Revision, RevisionFault};
use crate::kafka::{self, Inquiry, Log, LogRecord, LogStep};
use crate::settings::KafkaFlow;
use crate::telemetry::Series;

/// From the end of the topic to the next look at it, and from an error to the next try.
const INTERVAL: Duration = Duration::from_secs(2);

/// How long a record is waited for before anything else is looked at.
const LOOK: Duration = Duration::from_millis(100);

/// How long an answer is waited for: the thread ends no sooner.
const ANSWER_WAIT: Duration = Duration::from_secs(3);

/// How many faults are named in the log; the others are counted.
const FAULTS_NAMED_MAX: u64 = 20;

/// Lets the thread work until it is dropped.
pub(super) struct Auditor {
    /// Taken at the end: that ends the thread.
    stop: Option<Sender<()>>,
    thread: Option<JoinHandle<()>>,
}

impl Auditor {
    /// Starts the thread, where it is wanted.
    pub(super) fn start(flow: &KafkaFlow, series: &Arc<Series>) -> Option<Self> {
        if !flow.sink.is_audited {
            return None;
        }
        let (stop, stopped) = bounded(1);
        let reading = Reading {
            flow: flow.clone(),
            series: Arc::clone(series),
            stopped,
            faults: 0,
            is_troubled: false,
        };
        let thread = std::thread::Builder::new()
            .name("auditor".to_owned())
            .spawn(move || drop(reading.work()))
            .expect("the system starts a thread");
        Some(Auditor { stop: Some(stop), thread: Some(thread) })
    }
}

impl Drop for Auditor {
    fn drop(&mut self) {
        drop(self.stop.take());
        let ended = self.thread.take().map(JoinHandle::join);
        if let Some(Err(_)) = ended
            && !std::thread::panicking()
        {
            panic!("a panic of the auditor is a broken invariant");
        }
    }
}

/// That the process ends.
struct Stopped;

/// Partition and offset.
type Spot = (i32, i64);

/// The thread's side.
struct Reading {
    flow: KafkaFlow,
    series: Arc<Series>,
    stopped: Receiver<()>,
    faults: u64,
    /// Whether it is told already that the topic cannot be read.
    is_troubled: bool,
}

impl Reading {
    fn work(mut self) -> Result<(), Stopped> {
        let rules = self.insist(rules)?;
        let mut log = self.insist(|flow| {
            let properties = flow.sink.properties.expose();
            Log::open(&properties, &flow.source.group_id, &flow.sink.topic, patience(flow))
        })?;
        let mut audit = Audit::new(rules);
        loop {
            match self.insist(|_| log.step(LOOK))? {
                LogStep::Record(record) => self.look(&mut audit, &record),
                LogStep::Nothing => {}
                LogStep::End => {
                    self.pause()?;
                    self.insist(|_| log.go_on())?;
                }
            }
            if self.stopped.try_recv() == Err(TryRecvError::Disconnected) {
                return Err(Stopped);
            }
        }
    }

    /// Tries until it succeeds.
    fn insist<T>(
        &mut self,
        mut attempt: impl FnMut(&KafkaFlow) -> Result<T, kafka::Error>,
    ) -> Result<T, Stopped> {
        loop {
            match attempt(&self.flow) {
                Ok(done) => {
                    self.is_troubled = false;
                    return Ok(done);
                }
                Err(error) if self.is_troubled => {
                    tracing::debug!(%error, "totals still cannot be read back");
                }
                Err(error) => {
                    self.is_troubled = true;
                    tracing::warn!(%error, "totals cannot be read back for the audit: it is tried again");
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

    fn look(&mut self, audit: &mut Audit<Spot>, record: &LogRecord) {
        let spot = (record.partition, record.offset);
        let body = record.value.as_deref();
        let read = body.ok_or_else(|| RevisionFault::new("a record without a value"));
        match read.and_then(Revision::read) {
            Ok(revision) => {
                self.series.add_audited();
                let key = Some(record.key.as_deref().unwrap_or_default());
                for fault in audit.take(&revision, key, spot) {
                    self.tell(spot, &fault);
                }
            }
            Err(fault) => self.tell(spot, &fault.into_fault()),
        }
    }

    /// Without key and values: they are a customer's.
    fn tell(&mut self, (partition, offset): Spot, fault: &AuditFault<Spot>) {
        self.series.add_audit_fault(fault.kind);
        self.faults += 1;
        if self.faults <= FAULTS_NAMED_MAX {
            let (topic, kind) = (&self.flow.sink.topic, fault.kind.name());
            tracing::error!(
                %topic,
                partition,
                offset,
                kind,
                "a total has a fault: `odometer audit` says which"
            );
        }
    }
}

fn patience(flow: &KafkaFlow) -> Duration {
    ANSWER_WAIT.min(flow.source.request_timeout)
}

/// What the topic says of what is removed from it. Where it does not say, what may be gone is no fault.
fn rules(flow: &KafkaFlow) -> Result<AuditRules, kafka::Error> {
    let properties = flow.sink.properties.expose();
    let inquiry = Inquiry::open(&properties, patience(flow))?;
    Ok(match inquiry.of_topic(&flow.sink.topic, "cleanup.policy")? {
        Ok(policy) if policy.contains("compact") => AuditRules::Compacted,
        Ok(_) => AuditRules::Cut,
        Err(reason) => {
            tracing::warn!(
                reason,
                "whether the totals topic compacts is not known: the audit looks for no lost revisions"
            );
            AuditRules::Compacted
        }
    })
}
