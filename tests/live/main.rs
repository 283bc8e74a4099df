//! Tests against a real Apache Kafka broker, started and stopped by the tests themselves, or the one named in
//! the environment variable `ODOMETER_BROKER`.
//!
//! [`broker`] runs the broker, [`topic`] writes and reads topics, [`daemon`] runs the program as a child process,
//! [`s3`] a server of objects, [`proxy`] stands between the two where answers are not to come, [`wait`] is the only door to the clock. [`scene`] puts them together, [`load`] is what is counted, [`judgement`]
//! compares with the oracle; the rest are tests. Every test has topics, group and folders of its own, so that all can
//! run at once on one broker; only a test that stops the broker starts another for itself.

#![expect(
    unreachable_pub,
    reason = "`pub` says what other modules may use: a program has no outside"
)]

mod broker;
mod daemon;
mod proxy;
mod s3;
mod topic;
mod wait;

mod judgement;
mod load;
#[path = "../pure/oracle/mod.rs"]
#[expect(dead_code, unused_imports, reason = "the tests of the pure layers look at more of it")]
mod oracle;
mod scene;
#[path = "../pure/worlds/mod.rs"]
#[expect(dead_code, reason = "only random definitions and properties are used here")]
mod worlds;

#[path = "../prometheus/mod.rs"]
#[expect(dead_code, reason = "the tests over files need more of it")]
mod prometheus;

mod harness;

mod adopt;
mod alerts;
mod any_key;
mod audit;
mod chaos;
mod checkpoints;
mod clock;
mod crashes;
mod damage;
mod damaged_state;
mod definitions;
mod end_to_end;
mod examples;
mod formats;
mod full_disk;
mod grants;
mod group_usage;
mod idle;
mod in_doubt;
mod large;
mod left_open;
mod outages;
mod overload;
mod poison;
mod readiness;
mod rebuild;
mod recreated;
mod refusals;
mod rejects;
mod security;
mod split_customers;
mod split_processes;
mod two_topics;
mod upstream;
