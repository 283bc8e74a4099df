//! How the memory that a run may take is shared out.

use crate::daemon::cli::AggregateArguments;

/// Records between two commits, where memory is not short.
pub(super) const CUT_RECORDS: u64 = 65_536;

/// Bytes of outbox entries that are enough for a commit.
pub(super) const CUT_OUTBOX_BYTES: usize = 8 << 20;

/// Shares of the memory limit. State in memory gets three eighths of it while there is no store, since on its way to
/// disk it is there twice; then a fifth, since a byte of the store's filters spares more than one of recent ids. What is
/// left is for what a commit takes on its way, and for what the allocators lose.
#[derive(Clone, Copy, Debug)]
pub(super) struct Limits {
    /// State that has a store lets go of what is past this.
    pub(super) processor_bytes_max: usize,
    /// State that has no store gets one past this.
    pub(super) spill_bytes: usize,
    /// Cache and write buffers of a store.
    pub(super) store_bytes: usize,
    /// Records of a batch, whose state must all be in memory.
    pub(super) batch_records_max: usize,
    /// Records between two commits that memory calls for.
    pub(super) cut_records_min: u64,
}

impl Limits {
    /// Of `--memory-limit`.
    pub(super) fn of(arguments: &AggregateArguments) -> Self {
        let bytes = usize::try_from(arguments.memory_limit).unwrap_or(usize::MAX);
        Limits {
            processor_bytes_max: bytes / 5,
            spill_bytes: bytes / 8 * 3,
            store_bytes: (bytes / 5 * 2).clamp(4 << 20, 2 << 30),
            batch_records_max: (bytes >> 11).clamp(1, 512),
            cut_records_min: (arguments.memory_limit >> 10).clamp(1, 4096),
        }
    }
}
