//! Blocks that are proposed but not decided: persisted before a vote or a proposal leaves, so that after a crash the
//! same block is proposed again and a block that others decided can be found.
//!
//! Keys: `b` id → height and bytes; `h` height id → nothing, to find the blocks of a height; `p` height round → id of
//! this node's own proposal. All blocks of a height go when one is decided, and never before (see [`super`]).

use bitdust_types::BlockId;
use rocksdb::WriteBatch;

use super::{ChainStore, columns::Column, commit::encoded};
use crate::error::Error;

/// Entries looked at per step.
const PAGE: usize = 256;

/// A block to keep until its height is decided.
#[derive(Clone, Copy, Debug)]
pub struct Undecided<'a> {
    /// The block's height.
    pub height: u64,
    /// The round it was proposed in.
    pub round: u32,
    /// Its id.
    pub id: BlockId,
    /// Its canonical bytes.
    pub bytes: &'a [u8],
    /// Whether this node proposed it.
    pub own: bool,
}

impl ChainStore {
    /// Keeps a block until its height is decided; durable on return. The first own proposal of a height and round stays:
    /// a second one is kept as a block but doesn't replace it. For a height that is decided nothing is written.
    pub fn put_undecided(&self, block: &Undecided<'_>) -> Result<(), Error> {
        let _writing = self.write_lock();
        if self.tip().is_some_and(|tip| block.height <= tip.height) {
            return Ok(());
        }
        let column = self.column(Column::Undecided);
        let mut batch = WriteBatch::default();
        batch.put_cf(column, block_key(block.id), encoded(&(block.height, block.bytes)));
        batch.put_cf(column, height_id_key(block.height, block.id), []);
        let proposal = proposal_key(block.height, block.round);
        if block.own && self.get(Column::Undecided, &proposal)?.is_none() {
            batch.put_cf(column, proposal, block.id.as_bytes());
        }
        self.database.write(batch)
    }

    /// The bytes of an undecided block.
    pub fn undecided(&self, id: BlockId) -> Result<Option<Vec<u8>>, Error> {
        let bytes = self.get(Column::Undecided, &block_key(id))?;
        let block = bytes.map(|bytes| self.decoded(Column::Undecided, borsh::from_slice::<(u64, Vec<u8>)>(&bytes)));
        Ok(block.transpose()?.map(|(_, bytes)| bytes))
    }

    /// What this node proposed at a height and round, if it did: the only thing it may propose there again.
    pub fn own_proposal(&self, height: u64, round: u32) -> Result<Option<(BlockId, Vec<u8>)>, Error> {
        let Some(id) = self.get(Column::Undecided, &proposal_key(height, round))? else {
            return Ok(None);
        };
        let id = BlockId(self.decoded(Column::Undecided, id.as_slice().try_into())?);
        Ok(self.undecided(id)?.map(|bytes| (id, bytes)))
    }

    /// Drops all blocks up to a height that is being decided.
    pub(super) fn add_decided(&self, batch: &mut WriteBatch, height: u64) -> Result<(), Error> {
        let column = self.column(Column::Undecided);
        let mut from = Vec::new();
        loop {
            let page = self.database.page(Column::Undecided.name(), b"h", &from, PAGE)?;
            for (key, _) in &page {
                let Some((of, id)) = key.get(1..9).zip(key.get(9..41)) else {
                    return Err(self.damaged(Column::Undecided, format!("a key has {} bytes", key.len())));
                };
                if of > &height.to_be_bytes()[..] {
                    break;
                }
                batch.delete_cf(column, [b"b", id].concat());
                batch.delete_cf(column, key);
            }
            match page.last() {
                Some((key, _)) if page.len() == PAGE => from = [key.as_slice(), &[0]].concat(),
                _ => break,
            }
        }
        batch.delete_range_cf(column, proposal_key(0, 0), proposal_key(height.saturating_add(1), 0));
        Ok(())
    }
}

fn block_key(id: BlockId) -> Vec<u8> {
    [b"b", &id.as_bytes()[..]].concat()
}

fn height_id_key(height: u64, id: BlockId) -> Vec<u8> {
    [b"h", &height.to_be_bytes()[..], &id.as_bytes()[..]].concat()
}

fn proposal_key(height: u64, round: u32) -> Vec<u8> {
    [b"p", &height.to_be_bytes()[..], &round.to_be_bytes()[..]].concat()
}
