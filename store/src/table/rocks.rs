//! A table that is a column of a RocksDB, and the database that holds a supplier's tables.

use std::{path::Path, sync::Arc};

use rocksdb::{ReadOptions, WriteBatch};

use super::{Batch, Entry, Table};
use crate::{
    database::{Database, Memory},
    error::Error,
};

const COLUMNS: [&str; 3] = [RocksTable::BLOBS, RocksTable::BOOK, RocksTable::META];

/// One column of a node's table database. Clones are handles to the same column.
#[derive(Clone)]
pub struct RocksTable {
    database: Arc<Database>,
    column: &'static str,
}

/// The tables of one directory.
pub struct Tables {
    /// Where each blob lies in the volumes.
    pub blobs: RocksTable,
    /// The supplier's slot book.
    pub book: RocksTable,
    /// Whatever else the node must remember.
    pub meta: RocksTable,
}

impl RocksTable {
    const BLOBS: &'static str = "blobs";
    const BOOK: &'static str = "book";
    const META: &'static str = "meta";

    /// Opens the tables in `place`, creating what is missing.
    pub fn open(place: &Path, memory: &Memory) -> Result<Tables, Error> {
        let database = Arc::new(Database::open(place, &COLUMNS, memory)?);
        let table = |column| RocksTable { database: Arc::clone(&database), column };
        Ok(Tables { blobs: table(Self::BLOBS), book: table(Self::BOOK), meta: table(Self::META) })
    }
}

impl Table for RocksTable {
    fn get(&self, key: &[u8]) -> Result<Option<Vec<u8>>, Error> {
        self.database.get(self.column, key, &ReadOptions::default())
    }

    fn apply(&self, batch: Batch) -> Result<(), Error> {
        if batch.is_empty() {
            return Ok(());
        }
        let column = self.database.column(self.column);
        let mut writes = WriteBatch::default();
        for (key, value) in batch.changes {
            match value {
                Some(value) => writes.put_cf(column, key, value),
                None => writes.delete_cf(column, key),
            }
        }
        self.database.write(writes)
    }

    fn page(&self, prefix: &[u8], after: Option<&[u8]>, limit: usize) -> Result<Vec<Entry>, Error> {
        // The first key behind `after` is `after` and a zero byte.
        let from = after.map_or_else(Vec::new, |after| [after, &[0]].concat());
        self.database.page(self.column, prefix, &from, limit)
    }
}
