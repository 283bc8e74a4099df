//! A producer and the thread that tends it: somebody must take its log lines, errors and calls for new tokens, also while
//! nothing is sent, or while a request is under way.
//!
//! `rdkafka` has the same as `ThreadedProducer`, whose thread turns in a busy loop through the last millisecond of each
//! tenth of a second: a hundredth of a core for each idle producer.

use std::ops::Deref;
use std::sync::Arc;
use std::thread::JoinHandle;
use std::time::Duration;

use crossbeam_channel::{RecvTimeoutError, Sender, bounded};
use rdkafka::ClientConfig;
use rdkafka::error::KafkaResult;
use rdkafka::producer::{BaseProducer, ProducerContext};

/// From one look at what it says to the next.
const INTERVAL: Duration = Duration::from_millis(100);
/// How much is taken at one look. What comes of a transaction is taken by who waits for its end.
const EVENTS_MAX: usize = 20;

/// A producer that is tended until it is dropped.
pub(super) struct Tended<C: ProducerContext + 'static> {
    producer: Arc<BaseProducer<C>>,
    /// Taken at the end: that ends the thread.
    stop: Option<Sender<()>>,
    thread: Option<JoinHandle<()>>,
}

impl<C: ProducerContext + 'static> Tended<C> {
    /// A producer of that configuration; what it says goes to `context`.
    pub(super) fn new(config: &ClientConfig, context: C) -> KafkaResult<Self> {
        let producer: Arc<BaseProducer<C>> = Arc::new(config.create_with_context(context)?);
        let (stop, stopped) = bounded::<()>(1);
        let tended = Arc::clone(&producer);
        let thread = std::thread::Builder::new()
            .name("producer".to_owned())
            .spawn(move || {
                while stopped.recv_timeout(INTERVAL) == Err(RecvTimeoutError::Timeout) {
                    for _ in 0..EVENTS_MAX {
                        tended.poll(Duration::ZERO);
                    }
                }
            })
            .expect("the system starts a thread");
        Ok(Tended { producer, stop: Some(stop), thread: Some(thread) })
    }
}

impl<C: ProducerContext + 'static> Deref for Tended<C> {
    type Target = BaseProducer<C>;

    fn deref(&self) -> &Self::Target {
        &self.producer
    }
}

impl<C: ProducerContext + 'static> Drop for Tended<C> {
    fn drop(&mut self) {
        drop(self.stop.take());
        let ended = self.thread.take().map(JoinHandle::join);
        if let Some(Err(_)) = ended
            && !std::thread::panicking()
        {
            panic!("a panic of a producer's thread is a broken invariant");
        }
    }
}
