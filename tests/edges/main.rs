//! The edges of the program: what it does to its command line, files, pipes, signals and topics.
//!
//! The built program is run as people run it; no broker is needed (librdkafka's mock cluster stands in for one).

mod aggregate;
mod alerts;
mod audit;
mod check;
mod check_live;
mod clients;
mod daemon;
mod definitions;
mod deploy;
mod documents;
mod exchanges;
mod exit_status;
mod files;
mod generate;
mod generate_topic;
mod manual;
mod maple_live;
mod memory;
mod openapi;
mod operating;
#[path = "../pure/oracle/mod.rs"]
#[expect(
    dead_code,
    unreachable_pub,
    unused_imports,
    reason = "the tests of the pure layers look at more of it"
)]
mod oracle;
mod outputs;
mod privacy;
mod program;
#[path = "../prometheus/mod.rs"]
#[expect(dead_code, reason = "the tests against a broker need more of it")]
mod prometheus;
mod rejects;
mod secrets;
mod states;
mod supervisor;
mod tls;
mod tour;
mod transfer;
mod upgrade;
mod usage;
mod yaml;
mod zenskar;
