//! Where state is kept and when it is committed: section `state`.

use std::path::PathBuf;
use std::time::Duration;

use super::checkpoint::{self, Checkpoints};
use super::reader::{Faulty, Field, Table};
use super::size::Size;
use crate::model::Span;

pub(super) const KEYS: [&str; 6] =
    ["directory", "commit_interval", "commit_bytes", "memory_limit", "checkpoint", "standby"];

/// Where state is kept and when it is committed.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct State {
    /// A directory on a disk that lasts; each task has one below it. Default `data/state`.
    pub directory: PathBuf,
    /// Time from one commit to the next, so at most how late a total is seen. Default 5 s.
    pub commit_interval: Duration,
    /// Past how many bytes of totals and rejects a commit comes early. Default 16 MiB.
    pub commit_bytes: Size,
    /// Past how many bytes of state in memory, of all tasks together, the least recently used leave it. Default 2 GiB.
    pub memory_limit: Size,
    /// Where checkpoints are kept, from which other machines take tasks over; `None`: nowhere.
    pub checkpoints: Option<Checkpoints>,
    /// How many other processes keep a warm copy of each partition's newest checkpoint. Default 0.
    pub standby: usize,
}

/// Reads the section.
pub(super) fn read(table: &Table<'_>) -> Result<State, Faulty> {
    let directory = table.value_or("directory", PathBuf::from("data/state"), path);
    let intervals = Span::from_micros(10_000)..=Span::from_seconds(600);
    let commit_interval = table
        .value_or("commit_interval", Duration::from_secs(5), |field| field.duration(intervals));
    let bytes = Size::of_bytes(64 << 10)..=Size::of_mebibytes(1 << 10);
    let commit_bytes =
        table.value_or("commit_bytes", Size::of_mebibytes(16), |field| field.size(bytes));
    let limits = Size::of_mebibytes(16)..=Size::of_mebibytes(16 << 20);
    let memory_limit =
        table.value_or("memory_limit", Size::of_mebibytes(2 << 10), |field| field.size(limits));
    let checkpoints =
        table.section("checkpoint", &checkpoint::KEYS).and_then(|table| checkpoint::read(&table));
    let standby = table.value_or("standby", 0, |field| {
        let standby = field.whole_number(0..=100)?;
        if standby > 0 && matches!(checkpoints, Ok(None)) {
            return Err(field.fault(
                "wants copies of checkpoints, and none are kept: set state.checkpoint.store, or leave it out",
            ));
        }
        Ok(standby)
    });
    Ok(State {
        directory: directory?,
        commit_interval: commit_interval?,
        commit_bytes: commit_bytes?,
        memory_limit: memory_limit?,
        checkpoints: checkpoints?,
        standby: standby?,
    })
}

/// A path, relative to the working directory.
pub(super) fn path(field: &Field<'_>) -> Result<PathBuf, Faulty> {
    field.name(1..=4096).map(PathBuf::from)
}
