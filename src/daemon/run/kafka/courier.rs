//! The courier: the thread that carries a worker's transactions to the broker, so that folding goes on meanwhile.
//!
//! ```text
//! worker --Order--> courier --Reply--> worker      one order at a time
//! ```
//! Knows nothing of tasks. What a transaction holds, and the member's place in the group, are fixed when it is ordered:
//! a rebalance on the way must fence it.

use std::sync::Arc;
use std::thread::JoinHandle;
use std::time::Duration;

use crossbeam_channel::{Receiver, RecvTimeoutError, Sender, bounded};
use rdkafka::consumer::ConsumerGroupMetadata;

use super::customers::{Claims, Customers};
use super::destinations::Destinations;
use super::worker;
use crate::daemon::clock::Stopwatch;
use crate::engine::Visible;
use crate::kafka::{self, Delivery, Horizon, Sink};

/// What a worker wants done.
pub(super) enum Order {
    /// A producer of a new epoch: whatever the one before left open is ended.
    Renew,
    /// One transaction.
    Deliver { deliveries: Vec<Delivery>, member: ConsumerGroupMetadata },
    /// That the tasks have these customers.
    Claim(Customers),
    /// Whether the last transaction went where it was to go.
    Ask,
}

/// What became of it.
pub(super) enum Reply {
    Renewed(Result<(), kafka::Error>),
    /// The transaction was not begun: it is not known that its records are of the topic they are counted of, or that what
    /// comes of them goes where all before went.
    Untried(worker::Error),
    /// What is visible now, by partition; on an error nothing is known.
    Delivered {
        visible: Vec<(i32, Visible)>,
        outcome: Result<(), kafka::Error>,
        /// Whether it is in the topics that it was for: one of them may have been made anew meanwhile.
        arrival: Result<(), worker::Error>,
    },
    /// How many customers of each task are claimed.
    Claimed(Result<Vec<(i32, usize)>, kafka::Error>),
    Asked {
        arrival: Result<(), worker::Error>,
    },
}

/// What is known of the last transaction.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) enum Standing {
    /// Nothing: it was an earlier run's. A producer of a new epoch must end it, one way or the other.
    Unknown,
    /// It failed and may stand open. Until a producer of a new epoch ends it, no reader of committed totals gets past it.
    Failed,
    /// It ended; what is committed tells how, and is yet to be asked.
    Renewed,
    /// All.
    Settled,
}

/// A worker's courier.
pub(super) struct Courier {
    /// Taken when the worker ends: that ends the thread.
    orders: Option<Sender<Order>>,
    replies: Receiver<Reply>,
    thread: Option<JoinHandle<()>>,
    is_under_way: bool,
}

impl Courier {
    /// Starts the thread; it speaks to nobody before the first order.
    pub(super) fn start(
        name: String,
        mut sink: Sink,
        horizon: Arc<Horizon>,
        destinations: Arc<Destinations>,
        claims: Option<Claims>,
    ) -> Self {
        let (orders, taken) = bounded(1);
        let (answered, replies) = bounded(1);
        let work = move || {
            for order in taken {
                let (horizon, claims) = (&horizon, claims.as_ref());
                let reply = carry_out(&mut sink, horizon, &destinations, claims, order);
                if answered.send(reply).is_err() {
                    return;
                }
            }
        };
        let thread = std::thread::Builder::new().name(name).spawn(work);
        let thread = Some(thread.expect("the system starts a thread"));
        Courier { orders: Some(orders), replies, thread, is_under_way: false }
    }

    /// Whether an order is not answered yet.
    pub(super) fn is_under_way(&self) -> bool {
        self.is_under_way
    }

    /// Gives the next order; the one before has been answered.
    pub(super) fn send(&mut self, order: Order) {
        assert!(!self.is_under_way, "one order at a time");
        let orders = self.orders.as_ref().expect("the worker has not ended");
        orders.send(order).expect("the courier lives as long as its worker");
        self.is_under_way = true;
    }

    /// The answer, if it is there.
    pub(super) fn reply(&mut self) -> Option<Reply> {
        let reply = self.replies.try_recv().ok()?;
        self.is_under_way = false;
        Some(reply)
    }

    /// Waits for the answer, but no longer than that; `None`: it is not there, or nothing is under way.
    pub(super) fn wait(&mut self, limit: Duration) -> Option<Reply> {
        if !self.is_under_way {
            return None;
        }
        match self.replies.recv_timeout(limit) {
            Ok(reply) => {
                self.is_under_way = false;
                Some(reply)
            }
            Err(RecvTimeoutError::Timeout) => None,
            Err(RecvTimeoutError::Disconnected) => {
                panic!("the courier lives as long as its worker")
            }
        }
    }

    /// Does not wait for the thread at the end: what it has under way takes too long, and ends with the process.
    pub(super) fn leave(&mut self) {
        drop(self.thread.take());
    }
}

impl Drop for Courier {
    fn drop(&mut self) {
        drop(self.orders.take());
        let ended = self.thread.take().map(JoinHandle::join);
        if let Some(Err(_)) = ended
            && !std::thread::panicking()
        {
            panic!("a panic of a courier is a broken invariant");
        }
    }
}

fn carry_out(
    sink: &mut Sink,
    horizon: &Horizon,
    destinations: &Destinations,
    claims: Option<&Claims>,
    order: Order,
) -> Reply {
    match order {
        Order::Renew => Reply::Renewed(sink.renew()),
        Order::Deliver { deliveries, member } => {
            // Asked after the last of them was read, and before anything says that they are counted.
            let source = horizon.same_topic().map_err(worker::Error::from);
            if let Err(error) = source.and_then(|()| destinations.expect(&deliveries)) {
                return Reply::Untried(error);
            }
            let started = Stopwatch::start();
            let outcome = sink.deliver(&deliveries, &member, &|| started.elapsed());
            let visible = deliveries
                .into_iter()
                .map(|delivery| (delivery.partition, delivery.visible))
                .collect();
            let arrival = if outcome.is_ok() { destinations.same() } else { Ok(()) };
            Reply::Delivered { visible, outcome, arrival }
        }
        Order::Claim(customers) => {
            let claims = claims.expect("customers are kept book of where they are claimed");
            let count = |(partition, customers): &(i32, Vec<u64>)| (*partition, customers.len());
            let counts = customers.iter().map(count).collect();
            Reply::Claimed(claims.make(&customers).map(|()| counts))
        }
        Order::Ask => Reply::Asked { arrival: destinations.same() },
    }
}
