//! RocksDB as this node opens it: small, and durable by default.
//!
//! A dozen nodes share one machine in a devnet, so memory is bounded by [`Memory`], which all databases of a process
//! share: one block cache and one budget for unwritten memtables. Every write goes through [`Database::write`], which
//! syncs the log before it returns; there is no unsynced write in this crate (600 single synced writes per second
//! against 90,000 in batches is why callers batch).

use std::path::{Path, PathBuf};

use rocksdb::{
    BlockBasedOptions, Cache, ColumnFamily, ColumnFamilyDescriptor, DB, DBCompressionType, DBRecoveryMode, Direction,
    IteratorMode, LogLevel, Options, ReadOptions, WriteBatch, WriteBufferManager, WriteOptions,
};

use crate::{error::Error, table::Entry};

/// Memtable of one column, at most. Two of them exist while one is flushed.
const WRITE_BUFFER_BYTES: usize = 4 * 1024 * 1024;
/// A column's first write takes this much; the default of 1/8 memtable would cost 14 columns 7 MiB.
const ARENA_BYTES: usize = 64 * 1024;
/// Logs of writes that are not yet in tables: bounds replay at start.
const WAL_BYTES_MAX: u64 = 32 * 1024 * 1024;
/// Table files kept open: 13 nodes × 2 databases × 128 stay below the usual limit of 4096 file handles per process by far.
const OPEN_FILES_MAX: i32 = 128;
/// Bits per key of the filters that spare a read of absent keys: about 1 % false positives.
const FILTER_BITS: f64 = 10.0;
/// Bytes of a table block: fewer index entries in memory than with the default of 4 KiB.
const BLOCK_BYTES: usize = 16 * 1024;

/// The memory that all databases of a process share.
#[derive(Clone)]
pub struct Memory {
    cache: Cache,
    buffers: WriteBufferManager,
}

/// An open database.
pub(crate) struct Database {
    db: DB,
    place: PathBuf,
}

impl Memory {
    /// A block cache of `cache_bytes` and `buffer_bytes` for what isn't in tables yet.
    pub fn new(cache_bytes: usize, buffer_bytes: usize) -> Self {
        Memory {
            cache: Cache::new_lru_cache(cache_bytes),
            // Without stalls: over budget, a memtable is flushed early.
            buffers: WriteBufferManager::new_write_buffer_manager(buffer_bytes, false),
        }
    }
}

impl Default for Memory {
    /// 16 MiB of cache and 16 MiB of buffers.
    fn default() -> Self {
        Memory::new(16 << 20, 16 << 20)
    }
}

impl Database {
    /// Opens the database in `place` with these columns, creating what is missing.
    pub(crate) fn open(place: &Path, columns: &[&str], memory: &Memory) -> Result<Self, Error> {
        crate::disk::make_root(place).map_err(|error| Error::io("create the directory", place, error))?;
        let column = column_options(memory);
        let descriptors = columns.iter().map(|name| ColumnFamilyDescriptor::new(*name, column.clone()));
        let db = DB::open_cf_descriptors(&database_options(memory), place, descriptors)
            .map_err(|source| opening_error(place, source))?;
        Ok(Database { db, place: place.to_owned() })
    }

    /// The database's directory.
    pub(crate) fn place(&self) -> &Path {
        &self.place
    }

    /// RocksDB itself, for snapshots.
    pub(crate) fn raw(&self) -> &DB {
        &self.db
    }

    /// A column's handle. Panics if the database wasn't opened with it: that is a mistake in this crate.
    pub(crate) fn column(&self, name: &'static str) -> &ColumnFamily {
        self.db.cf_handle(name).unwrap_or_else(|| panic!("column '{name}' was not opened"))
    }

    /// Applies the batch atomically; durable on return.
    pub(crate) fn write(&self, batch: WriteBatch) -> Result<(), Error> {
        let mut options = WriteOptions::default();
        options.set_sync(true);
        self.db.write_opt(batch, &options).map_err(|source| self.error(source))
    }

    /// The value under `key`.
    pub(crate) fn get(
        &self,
        column: &'static str,
        key: &[u8],
        options: &ReadOptions,
    ) -> Result<Option<Vec<u8>>, Error> {
        self.db.get_cf_opt(self.column(column), key, options).map_err(|source| self.error(source))
    }

    /// Up to `limit` entries from `from` on whose keys begin with `prefix`, in key order.
    pub(crate) fn page(
        &self,
        column: &'static str,
        prefix: &[u8],
        from: &[u8],
        limit: usize,
    ) -> Result<Vec<Entry>, Error> {
        let mode = IteratorMode::From(from.max(prefix), Direction::Forward);
        let mut entries = Vec::new();
        for entry in self.db.iterator_cf(self.column(column), mode) {
            let (key, value) = entry.map_err(|source| self.error(source))?;
            if entries.len() == limit || !key.starts_with(prefix) {
                break;
            }
            entries.push((key.into_vec(), value.into_vec()));
        }
        Ok(entries)
    }

    /// Wraps RocksDB's error with the place.
    pub(crate) fn error(&self, source: rocksdb::Error) -> Error {
        if source.as_ref().contains("No space left") {
            return Error::DiskFull { action: "write to the database in", place: self.place.clone() };
        }
        Error::Database { place: self.place.clone(), source }
    }
}

fn opening_error(place: &Path, source: rocksdb::Error) -> Error {
    let text = source.as_ref();
    let place = place.to_owned();
    // RocksDB has one code for all IO errors; these are its words for a lock held elsewhere and by ourselves.
    if text.contains("lock file") && text.contains("unavailable") || text.contains("lock hold by current process") {
        return Error::Foreign { place, what: "another node has it open; stop that node first".to_owned() };
    }
    if text.contains("No space left") {
        return Error::DiskFull { action: "open the database in", place };
    }
    Error::Database { place, source }
}

fn database_options(memory: &Memory) -> Options {
    let mut options = Options::default();
    options.create_if_missing(true);
    options.create_missing_column_families(true);
    options.set_max_open_files(OPEN_FILES_MAX);
    options.set_table_cache_num_shard_bits(2);
    options.set_max_background_jobs(2);
    options.set_write_buffer_manager(&memory.buffers);
    options.set_max_total_wal_size(WAL_BYTES_MAX);
    // Every batch is synced, so only the last, unacknowledged one can be torn; replay stops there.
    options.set_wal_recovery_mode(DBRecoveryMode::PointInTime);
    options.set_max_manifest_file_size(4 << 20);
    options.set_manifest_preallocation_size(64 << 10);
    options.set_keep_log_file_num(2);
    options.set_max_log_file_size(1 << 20);
    options.set_log_level(LogLevel::Warn);
    options.set_stats_dump_period_sec(0);
    options.set_stats_persist_period_sec(0);
    options
}

fn column_options(memory: &Memory) -> Options {
    let mut blocks = BlockBasedOptions::default();
    blocks.set_block_cache(&memory.cache);
    blocks.set_block_size(BLOCK_BYTES);
    blocks.set_bloom_filter(FILTER_BITS, false);
    // Index and filters count against the cache, or a large database would take memory that nobody planned.
    blocks.set_cache_index_and_filter_blocks(true);
    blocks.set_pin_l0_filter_and_index_blocks_in_cache(true);
    let mut options = Options::default();
    options.set_block_based_table_factory(&blocks);
    options.set_write_buffer_size(WRITE_BUFFER_BYTES);
    options.set_max_write_buffer_number(2);
    options.set_arena_block_size(ARENA_BYTES);
    options.set_compression_type(DBCompressionType::Lz4);
    options
}
