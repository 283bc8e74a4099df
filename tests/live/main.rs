//! Tests against a real Apache Kafka broker, started and stopped by the tests themselves, or the one named in
//! the environment variable `ODOMETER_BROKER`.
//!
//! [`broker`] runs the broker, [`topic`] writes and reads topics, [`daemon`] runs the program as a child process,
//! [`wait`] is the only door to the clock. Every test has topics, group and folders of its own, so that all can
//! run at once on one broker; only a test that stops the broker starts another for itself.

mod broker;
mod daemon;
mod exactly_once;
mod harness;
mod topic;
mod wait;
