//! How databases are opened: what memory they share, and that damage is never passed over.

use std::path::Path;

use rocksdb::{
    BlockBasedIndexType, BlockBasedOptions, Cache, DB, DBCompactionStyle, DBCompressionType,
    DBRecoveryMode, WriteBufferManager,
};

use super::directory;

/// How many deleted ranges a write buffer holds.
const RANGES_MAX: &str = "200";

/// How stores of one process share memory, and whether they must last.
#[derive(Clone)]
pub struct Options {
    cache: Cache,
    write_buffers: WriteBufferManager,
    write_buffer_bytes: usize,
    readahead_bytes: usize,
    pub(super) is_durable: bool,
}

impl Options {
    /// Stores that share `memory_bytes` for block cache and write buffers, and last.
    pub fn new(memory_bytes: usize) -> Self {
        let cache = Cache::new_lru_cache(memory_bytes / 2);
        let write_buffers = WriteBufferManager::new_write_buffer_manager(memory_bytes / 2, false);
        let write_buffer_bytes = (memory_bytes / 8).clamp(1 << 20, 64 << 20);
        let readahead_bytes = readahead_bytes(memory_bytes);
        Options { cache, write_buffers, write_buffer_bytes, readahead_bytes, is_durable: true }
    }

    /// A store of its own that need not outlive the process: no log, no sync.
    pub fn temporary(memory_bytes: usize) -> Self {
        let cache = Cache::new_lru_cache(memory_bytes / 4 * 3);
        let write_buffers = WriteBufferManager::new_write_buffer_manager(memory_bytes / 4, false);
        let write_buffer_bytes = (memory_bytes / 8).clamp(1 << 20, 64 << 20);
        let readahead_bytes = readahead_bytes(memory_bytes);
        Options { cache, write_buffers, write_buffer_bytes, readahead_bytes, is_durable: false }
    }
}

/// What a compaction reads ahead of each file, outside of the cache: 2 MiB, RocksDB's own choice, times 20 files is much
/// of a small memory.
fn readahead_bytes(memory_bytes: usize) -> usize {
    (memory_bytes / 256).clamp(64 << 10, 2 << 20)
}

/// The database's own form of them.
pub(super) fn database_options(options: &Options, directory: &Path) -> rocksdb::Options {
    let mut blocks = BlockBasedOptions::default();
    blocks.set_block_cache(&options.cache);
    blocks.set_cache_index_and_filter_blocks(true);
    blocks.set_pin_l0_filter_and_index_blocks_in_cache(true);
    // Nearly every look-up of an id finds nothing: 8 bits an entry spare it the disk.
    blocks.set_ribbon_filter(10.0);
    blocks.set_format_version(6);
    // In parts, so that a filter that does not fit the cache costs a small read and not all of it.
    blocks.set_index_type(BlockBasedIndexType::TwoLevelIndexSearch);
    blocks.set_partition_filters(true);
    blocks.set_metadata_block_size(16 << 10);
    blocks.set_pin_top_level_index_and_filter(true);
    let mut database = rocksdb::Options::default();
    database.create_if_missing(true);
    database.set_block_based_table_factory(&blocks);
    database.set_write_buffer_manager(&options.write_buffers);
    database.set_write_buffer_size(options.write_buffer_bytes);
    database.set_compression_type(DBCompressionType::Lz4);
    database.set_level_compaction_dynamic_level_bytes(true);
    database.set_compaction_readahead_size(options.readahead_bytes);
    database.set_max_background_jobs(2);
    database.set_max_open_files(512);
    database.set_keep_log_file_num(2);
    database.set_max_total_wal_size(256 << 20);
    expect_whole(&mut database);
    // What is looked up was mostly not written lately either.
    database.set_memtable_whole_key_filtering(true);
    database.set_memtable_prefix_bloom_ratio(0.1);
    if !options.is_durable {
        // Ids come in no order: each level of the usual kind would be rewritten for every few of them.
        database.set_compaction_style(DBCompactionStyle::Universal);
        database.set_compression_type(DBCompressionType::None);
        return database;
    }
    // There is none where a process was killed as it began.
    if directory::logs_in(directory).is_empty() {
        return database;
    }
    expect_all_logs(&mut database)
}

/// Has a write buffer with many deleted ranges written to disk, where they are merged: each look at the database sorts
/// those of the buffer.
pub(super) fn bound_ranges(db: &DB) -> Result<(), rocksdb::Error> {
    db.set_options(&[("memtable_max_range_deletions", RANGES_MAX)])
}

/// Has a log be an error that goes on from one that is neither there nor known to be in tables. The list of tables may have
/// lost its end, and with it the last tables: nothing else would tell, and what is in later logs would go on without them.
fn expect_all_logs(database: &mut rocksdb::Options) -> rocksdb::Options {
    let options = database.get_options_from_string("track_and_verify_wals=true");
    options.expect("RocksDB has the option")
}

/// Has damage be an error wherever it is.
pub(super) fn expect_whole(database: &mut rocksdb::Options) {
    // Numbers in the state are checked against each other; a block that does not match its checksum must not pass.
    database.set_paranoid_checks(true);
    // A log that ends in the middle of a commit is one that was not finished. One that is damaged before its end, or is
    // missing, must not pass as shorter: commits whose totals are out would be gone, unnoticed.
    database.set_wal_recovery_mode(DBRecoveryMode::TolerateCorruptedTailRecords);
    database.set_track_and_verify_wals_in_manifest(true);
}
