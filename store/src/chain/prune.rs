//! Dropping tree nodes and values that no kept version reads, a bounded amount with each block.

use rocksdb::{Direction, IteratorMode, WriteBatch};

use super::{
    ChainStore,
    columns::{self, Column, STALE_NODE, STALE_VALUE, height_key},
};
use crate::error::Error;

/// Stale entries dropped with one block. A block of 2 MiB touches fewer than this (each touched key leaves one stale
/// value and about as many nodes as the tree is deep), so the backlog shrinks whenever blocks are smaller.
const PRUNE_MAX: usize = 50_000;

impl ChainStore {
    /// The oldest version of the tree that can still be read, with this block the newest.
    pub(super) fn oldest_version(&self, height: u64) -> u64 {
        height.saturating_sub(self.options.tree_versions - 1)
    }

    pub(super) fn add_pruning(&self, batch: &mut WriteBatch, height: u64) -> Result<(), Error> {
        let oldest = self.oldest_version(height);
        let pruned = self.pruned()?;
        if oldest <= pruned {
            return Ok(());
        }
        let stale = self.column(Column::TreeStale);
        // Starting behind what is pruned spares the walk over tombstones.
        let from = height_key(pruned.saturating_add(1));
        let mut complete = true;
        let entries = self.database.raw().iterator_cf(stale, IteratorMode::From(&from, Direction::Forward));
        for (dropped, entry) in entries.enumerate() {
            let (key, _) = entry.map_err(|source| self.database.error(source))?;
            let Some((since, kind, what)) = split(&key) else {
                return Err(self.damaged(Column::TreeStale, format!("a key has {} bytes", key.len())));
            };
            if since > oldest {
                break;
            }
            if dropped == PRUNE_MAX {
                complete = false;
                break;
            }
            match (kind, <[u8; 32]>::try_from(what)) {
                (STALE_NODE, _) => batch.delete_cf(self.column(Column::TreeNodes), what),
                (STALE_VALUE, Ok(key_hash)) => self.drop_values(batch, &key_hash, since)?,
                _ => return Err(self.damaged(Column::TreeStale, format!("an entry is of kind {kind}"))),
            }
            batch.delete_cf(stale, &key);
        }
        if complete {
            batch.put_cf(self.column(Column::Meta), columns::META_PRUNED, oldest.to_be_bytes());
        }
        Ok(())
    }

    /// Drops the values of a key that were written before version `since`, and a removal at `since` with them: a key
    /// without values reads as removed.
    fn drop_values(&self, batch: &mut WriteBatch, key_hash: &[u8; 32], since: u64) -> Result<(), Error> {
        let values = self.column(Column::TreeValues);
        let from = columns::value_key(key_hash, 0);
        let last = columns::value_key(key_hash, since);
        for entry in self.database.raw().iterator_cf(values, IteratorMode::From(&from, Direction::Forward)) {
            let (key, value) = entry.map_err(|source| self.database.error(source))?;
            if *key > last[..] {
                break;
            }
            if *key < last[..] || *value == [0] {
                batch.delete_cf(values, &key);
            }
        }
        Ok(())
    }

    fn pruned(&self) -> Result<u64, Error> {
        let bytes = self.get(Column::Meta, columns::META_PRUNED)?;
        let version = bytes.map(|bytes| self.decoded(Column::Meta, <[u8; 8]>::try_from(bytes.as_slice())));
        Ok(version.transpose()?.map_or(0, u64::from_be_bytes))
    }
}

fn split(key: &[u8]) -> Option<(u64, u8, &[u8])> {
    let (since, rest) = key.split_first_chunk::<8>()?;
    let (kind, what) = rest.split_first()?;
    Some((u64::from_be_bytes(*since), *kind, what))
}
