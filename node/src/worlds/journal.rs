//! Own edits that suppliers don't hold yet, on this machine's disk: an edit is durable here before it is told to anybody, so
//! that a node which is killed in between has it again when it is back.
//!
//! The fault: an edit is acknowledged at once, and held by suppliers seconds later, or hours later for a player who is cut
//! off. A node that ends in between would forget what its player was told is built. So each edit is entered here, with one
//! sync, before it is gossiped or acknowledged, and struck off once the location's log names it.
//!
//! **Invariant:** what is here is this account's, signed; it is put through all checks again when it is read back.
//! **Invariant:** bounded: [`OPS_MAX`] edits of [`BYTES_MAX`] bytes in all; beyond them edits are refused, in words.

use std::{
    path::Path,
    sync::{Arc, Mutex, PoisonError},
};

use anyhow::{Context as _, Result, bail};
use bitdust_store::{
    disk::RealDisk,
    table::{Batch, LogTable, Table as _},
};
use bitdust_types::B256;
use bitdust_world::{LocationPos, edits::OpHash};

/// Edits that may wait, in all locations: what one author may add to a location between two versions.
pub const OPS_MAX: usize = 1 << 14;
/// Bytes of them: 16,384 edits of 1 KiB, or 680 of 4,096 voxels. They are kept in memory too.
pub const BYTES_MAX: usize = 16 << 20;

/// Bytes of a key: world, position, the edit's name.
const KEY_BYTES: usize = 32 + 24 + 32;
/// Entries read per step.
const PAGE: usize = 1024;

/// See the module's head.
pub struct Journal {
    table: LogTable,
    usage: Mutex<Usage>,
}

#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
struct Usage {
    ops: usize,
    bytes: usize,
}

/// An edit by its name, with its canonical bytes.
pub type Entry = (OpHash, Vec<u8>);

impl Journal {
    /// Opens the journal in a directory, which is created if it is missing.
    pub fn open(dir: &Path) -> Result<Self> {
        let what = || format!("opening the journal of edits in {}", dir.display());
        let disk = RealDisk::new(dir).with_context(what)?;
        let table = LogTable::open(Arc::new(disk), Path::new("edits.log")).with_context(what)?;
        let journal = Journal { table, usage: Mutex::default() };
        let entries = journal.entries(&[])?;
        let bytes = entries.iter().map(|(_, op)| op.len()).sum();
        *journal.usage() = Usage { ops: entries.len(), bytes };
        Ok(journal)
    }

    /// Enters edits of a location; durable on return. Blocks on the disk.
    ///
    /// # Errors
    /// There is no room: suppliers have to take some of the older ones first.
    pub fn enter(&self, world: B256, pos: LocationPos, ops: &[Entry]) -> Result<()> {
        let mut batch = Batch::new();
        let mut usage = self.usage();
        let mut after = *usage;
        for (hash, bytes) in ops {
            let key = key(world, pos, hash);
            if self.table.get(&key)?.is_none() {
                after.ops += 1;
                after.bytes += bytes.len();
                batch.put(key, bytes.clone());
            }
        }
        if after.ops > OPS_MAX || after.bytes > BYTES_MAX {
            bail!(
                "{} edits wait to be kept by suppliers already, and {OPS_MAX} edits or {BYTES_MAX} bytes are the most that \
                 may: go on when this node reaches the network again",
                usage.ops
            );
        }
        self.table.apply(batch).context("writing an edit down")?;
        *usage = after;
        Ok(())
    }

    /// The edits of a location that are still here.
    pub fn of(&self, world: B256, pos: LocationPos) -> Result<Vec<Entry>> {
        let entries = self.entries(&prefix(world, pos))?;
        Ok(entries.into_iter().filter_map(|(key, op)| Some((OpHash(*key.last_chunk()?), op))).collect())
    }

    /// The locations that have edits here, in order.
    pub fn places(&self) -> Result<Vec<(B256, LocationPos)>> {
        let entries = self.entries(&[])?;
        let mut places: Vec<_> = entries.iter().filter_map(|(key, _)| place_of(key)).collect();
        places.dedup();
        Ok(places)
    }

    /// Strikes edits off that suppliers hold, or that nobody will ever take. Blocks on the disk.
    pub fn strike(&self, world: B256, pos: LocationPos, ops: &[OpHash]) -> Result<()> {
        let mut batch = Batch::new();
        let mut usage = self.usage();
        let mut after = *usage;
        for hash in ops {
            let key = key(world, pos, hash);
            if let Some(op) = self.table.get(&key)? {
                after.ops = after.ops.saturating_sub(1);
                after.bytes = after.bytes.saturating_sub(op.len());
                batch.delete(key);
            }
        }
        self.table.apply(batch).context("striking an edit off")?;
        *usage = after;
        Ok(())
    }

    fn entries(&self, prefix: &[u8]) -> Result<Vec<(Vec<u8>, Vec<u8>)>> {
        let mut entries: Vec<(Vec<u8>, Vec<u8>)> = Vec::new();
        loop {
            let after = entries.last().map(|(key, _)| key.as_slice());
            let page = self.table.page(prefix, after, PAGE).context("reading the journal of edits")?;
            let is_last = page.len() < PAGE;
            entries.extend(page);
            if is_last {
                return Ok(entries);
            }
        }
    }

    fn usage(&self) -> std::sync::MutexGuard<'_, Usage> {
        self.usage.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

fn prefix(world: B256, pos: LocationPos) -> Vec<u8> {
    [&world[..], &pos.to_bytes()].concat()
}

fn key(world: B256, pos: LocationPos, hash: &OpHash) -> Vec<u8> {
    [&prefix(world, pos)[..], &hash.0].concat()
}

fn place_of(key: &[u8]) -> Option<(B256, LocationPos)> {
    let key: &[u8; KEY_BYTES] = key.try_into().ok()?;
    let (world, rest) = key.split_first_chunk::<32>()?;
    let coordinate = |at: usize| Some(i64::from_be_bytes(*rest.get(at..)?.first_chunk()?));
    Some((B256::new(*world), LocationPos::new(coordinate(0)?, coordinate(8)?, coordinate(16)?)))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn op(number: u8, bytes: usize) -> Entry {
        (OpHash([number; 32]), vec![number; bytes])
    }

    #[test]
    fn what_was_entered_is_there_after_a_restart_and_what_was_struck_off_is_not() {
        let dir = tempfile::tempdir().unwrap();
        let (world, here, there) = (B256::repeat_byte(7), LocationPos::new(0, -1, i64::MIN), LocationPos::new(0, 0, 3));
        let journal = Journal::open(dir.path()).unwrap();
        journal.enter(world, here, &[op(1, 10), op(2, 20)]).unwrap();
        journal.enter(world, there, &[op(3, 30)]).unwrap();
        drop(journal);
        let journal = Journal::open(dir.path()).unwrap();
        assert_eq!(journal.of(world, here).unwrap(), [op(1, 10), op(2, 20)]);
        let mut places = journal.places().unwrap();
        places.sort_unstable();
        assert_eq!(places, [(world, here), (world, there)]);
        journal.strike(world, here, &[op(1, 0).0, op(9, 0).0]).unwrap();
        journal.strike(world, there, &[op(3, 0).0]).unwrap();
        drop(journal);
        let journal = Journal::open(dir.path()).unwrap();
        assert_eq!((journal.of(world, here).unwrap(), journal.of(world, there).unwrap()), (vec![op(2, 20)], vec![]));
        assert_eq!(journal.places().unwrap(), [(world, here)]);
        assert_eq!(*journal.usage(), Usage { ops: 1, bytes: 20 });
    }

    #[test]
    fn a_full_journal_refuses_and_keeps_what_it_has() {
        let dir = tempfile::tempdir().unwrap();
        let (world, pos) = (B256::ZERO, LocationPos::new(1, 2, 3));
        let journal = Journal::open(dir.path()).unwrap();
        journal.enter(world, pos, &[op(1, BYTES_MAX - 10)]).unwrap();
        let refused = journal.enter(world, pos, &[op(2, 11)]).unwrap_err().to_string();
        assert!(refused.contains("wait to be kept by suppliers"), "{refused}");
        journal.enter(world, pos, &[op(2, 10)]).unwrap();
        journal.strike(world, pos, &[op(1, 0).0]).unwrap();
        journal.enter(world, pos, &[op(3, 1000)]).unwrap();
        assert_eq!(journal.of(world, pos).unwrap().len(), 2);
    }
}
