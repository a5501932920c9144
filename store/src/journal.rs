//! A journal: records that are replayed in order after a crash. The customer keeps an upload's salts, keys and progress
//! in one, synced before the first byte leaves.
//!
//! The records are opaque here. The file is readable by its owner only, since the records hold keys.
//!
//! **Invariant:** a record whose [`Journal::sync`] returned `Ok` is replayed, whatever happens; a record that was not
//! synced is replayed whole or not at all, and never without those before it.

use std::{path::Path, sync::Arc};

use crate::{disk::Disk, error::Error, frames::Frames};

const KIND: [u8; 8] = *b"BDjrnl01";

/// An open journal.
#[derive(Debug)]
pub struct Journal {
    frames: Frames,
}

impl Journal {
    /// Longest record in bytes.
    pub const RECORD_BYTES_MAX: usize = crate::frames::PAYLOAD_BYTES_MAX;

    /// Opens the journal, creating it if it is missing, and answers its records. A torn tail is cut off with a log line;
    /// damage to a synced record is an [`Error::Rot`].
    pub fn open(disk: Arc<dyn Disk>, path: &Path) -> Result<(Self, Vec<Vec<u8>>), Error> {
        let (frames, records) = Frames::open(disk, path, KIND)?;
        Ok((Journal { frames }, records))
    }

    /// Appends a record; durable after the next [`Journal::sync`]. Panics above [`Journal::RECORD_BYTES_MAX`].
    pub fn append(&mut self, record: &[u8]) -> Result<(), Error> {
        self.frames.append(record)
    }

    /// Makes all records so far durable. After an error the journal takes nothing more: reopen it.
    pub fn sync(&mut self) -> Result<(), Error> {
        self.frames.sync()
    }

    /// Replaces all records by these in one step (what is finished need not be replayed).
    pub fn compact(&mut self, records: &[Vec<u8>]) -> Result<(), Error> {
        self.frames.rewrite(records)
    }

    /// The file's length in bytes, to decide when to compact.
    pub fn bytes(&self) -> u64 {
        self.frames.bytes()
    }
}

#[cfg(test)]
mod tests;
