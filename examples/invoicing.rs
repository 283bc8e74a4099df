//! A consumer of totals, as invoicing has one: `invoicing BROKER TOPIC GROUP FILE [SECONDS]`.
//!
//! It keeps the lines of invoices in a file: a line for each total, and one more for each correction of it, with the
//! difference. What makes it right:
//! * it reads committed records only, so that a total is seen once it is final, not while it is on its way;
//! * it is idempotent by `id`, which is a function of key and revision: a record that is read again changes nothing;
//! * the file is on disk before the offset is committed, so that a crash between the two reads again, and loses nothing.
//!
//! With SECONDS it ends after so long without a record; else it goes on for ever.

use std::collections::{BTreeMap, BTreeSet};
use std::error::Error;
use std::fs::{self, File};
use std::io::Write;
use std::time::{Duration, Instant};

use rdkafka::consumer::{BaseConsumer, CommitMode, Consumer};
use rdkafka::{ClientConfig, Message};
use serde::{Deserialize, Serialize};

/// What of a total is billed by. Quantities stay texts: they are exact decimals, which a float is not.
#[derive(Deserialize)]
struct Total {
    id: String,
    kind: String,
    metric: String,
    customer: String,
    group: BTreeMap<String, Option<String>>,
    period: Period,
    revision: u64,
    value: Option<String>,
    delta: Option<String>,
}

#[derive(Deserialize)]
struct Period {
    start: String,
    end: String,
}

/// A line of an invoice.
#[derive(Serialize, Deserialize)]
struct Line {
    customer: String,
    metric: String,
    group: BTreeMap<String, Option<String>>,
    period: String,
    /// The period's quantity, or what a correction adds to it or takes away. None: a total without a value.
    quantity: Option<String>,
    /// `usage`, or `correction 2` and on.
    reason: String,
}

/// All that was ever invoiced.
#[derive(Default, Serialize, Deserialize)]
struct Ledger {
    seen: BTreeSet<String>,
    lines: Vec<Line>,
}

impl Ledger {
    fn add(&mut self, total: Total) {
        if !self.seen.insert(total.id) {
            return;
        }
        let is_first = total.kind == "final";
        self.lines.push(Line {
            customer: total.customer,
            metric: total.metric,
            group: total.group,
            period: format!("{} to {}", total.period.start, total.period.end),
            quantity: if is_first { total.value } else { total.delta },
            reason: if is_first {
                "usage".to_owned()
            } else {
                format!("correction {}", total.revision)
            },
        });
    }

    /// Puts it in the place of the former one, whole and on disk.
    fn store(&self, path: &str) -> Result<(), Box<dyn Error>> {
        let part = format!("{path}.part");
        let mut file = File::create(&part)?;
        serde_json::to_writer_pretty(&mut file, self)?;
        file.write_all(b"\n")?;
        file.sync_all()?;
        Ok(fs::rename(part, path)?)
    }
}

#[expect(clippy::disallowed_methods, reason = "how long nothing came is told by the clock")]
fn main() -> Result<(), Box<dyn Error>> {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let [broker, topic, group, path, more @ ..] = arguments.as_slice() else {
        return Err("usage: invoicing BROKER TOPIC GROUP FILE [SECONDS]".into());
    };
    let seconds: Option<u64> = more.first().map(|seconds| seconds.parse()).transpose()?;
    let patience = seconds.map(Duration::from_secs);
    let consumer: BaseConsumer = ClientConfig::new()
        .set("bootstrap.servers", broker)
        .set("group.id", group)
        .set("isolation.level", "read_committed")
        .set("auto.offset.reset", "earliest")
        .set("enable.auto.commit", "false")
        // So long after one that was killed, another takes its place.
        .set("session.timeout.ms", "6000")
        .create()?;
    consumer.subscribe(&[topic])?;
    let mut ledger: Ledger = match fs::read(path) {
        Ok(bytes) => serde_json::from_slice(&bytes)?,
        Err(_) => Ledger::default(),
    };
    let mut last = Instant::now();
    while patience.is_none_or(|patience| last.elapsed() < patience) {
        // None also where the group changed.
        let Some(record) = consumer.poll(Duration::from_secs(1)) else { continue };
        let record = record?;
        last = Instant::now();
        // Compaction leaves a key without a value where somebody deletes a total; odometer writes none.
        let Some(body) = record.payload() else { continue };
        ledger.add(serde_json::from_slice(body)?);
        // One record at a time is slow and clear; a busy consumer stores and commits many at once.
        ledger.store(path)?;
        consumer.commit_message(&record, CommitMode::Sync)?;
    }
    println!("{} lines for {} totals", ledger.lines.len(), ledger.seen.len());
    Ok(())
}
