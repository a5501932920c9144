//! Small ordered tables of opaque keys and values, changed by durable batches: the volumes' index, the supplier's slot
//! book, and whatever a node must remember.
//!
//! Two kinds keep the same promise: [`RocksTable`], a column of a RocksDB, in production; and [`LogTable`], a log of
//! batches on any [`crate::disk::Disk`], so that the promise can be tried on a disk that loses what wasn't synced.
//!
//! **Invariant:** after [`Table::apply`] returned `Ok` the whole batch survives a power cut; otherwise all of it or none.

mod log;
mod notebook;
mod rocks;

pub use log::LogTable;
pub use notebook::SlotBook;
pub use rocks::{RocksTable, Tables};

use crate::error::Error;

/// A key and its value.
pub type Entry = (Vec<u8>, Vec<u8>);

/// Changes that take effect together, in the order they were added.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Batch {
    pub(crate) changes: Vec<(Vec<u8>, Option<Vec<u8>>)>,
}

/// An ordered table.
pub trait Table: Send + Sync {
    /// The value under `key`.
    fn get(&self, key: &[u8]) -> Result<Option<Vec<u8>>, Error>;
    /// Applies the batch atomically; durable on return.
    fn apply(&self, batch: Batch) -> Result<(), Error>;
    /// Up to `limit` entries whose keys begin with `prefix` and lie behind `after`, in key order.
    fn page(&self, prefix: &[u8], after: Option<&[u8]>, limit: usize) -> Result<Vec<Entry>, Error>;
}

impl Batch {
    /// No changes yet.
    pub fn new() -> Self {
        Batch::default()
    }

    /// Sets a key.
    pub fn put(&mut self, key: impl Into<Vec<u8>>, value: impl Into<Vec<u8>>) {
        self.changes.push((key.into(), Some(value.into())));
    }

    /// Removes a key.
    pub fn delete(&mut self, key: impl Into<Vec<u8>>) {
        self.changes.push((key.into(), None));
    }

    /// Whether there is nothing to apply.
    pub fn is_empty(&self) -> bool {
        self.changes.is_empty()
    }
}

#[cfg(test)]
mod tests;
