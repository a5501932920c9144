//! The chain on disk: decided blocks with what they did, the state after the newest, its tree, and blocks not decided yet.
//!
//! **One block, one synced batch.** [`ChainStore::commit`] writes block, certificate, receipts, state, tree and tip in one
//! atomic batch and syncs it; after a crash the tip is the last block whose commit returned, or the one after it, whole.
//!
//! **Persist before you speak.** [`ChainStore::put_undecided`] is synced too: a vote for a block, or a proposal, leaves
//! only after its bytes are here. Undecided blocks go away by height alone, when a block of that height is decided: an
//! earlier round's block may still be decided in a later one.
//!
//! **Reading** goes through [`View`], a snapshot: what it answers doesn't change while blocks are committed beside it.
//! The tree keeps the last [`ChainOptions::tree_versions`] versions, so proofs and calls can look that far back.
//!
//! **Not here.** Whether a block is valid: callers commit what they executed. Forks: this chain has none.
//!
//! Read next: `columns` for the keys, `commit`, `view`.

mod columns;
mod commit;
mod logs;
mod prune;
mod undecided;
mod view;

use std::{
    path::Path,
    sync::{Mutex, MutexGuard, PoisonError, RwLock},
};

use bitdust_ledger::{Block, Header, Receipt};
use bitdust_types::{B256, BlockId};
use borsh::{BorshDeserialize, BorshSerialize};
use rocksdb::{ReadOptions, WriteBatch};

pub use commit::Commit;
pub use logs::{FoundLog, LOG_BLOCKS_MAX, LOG_BYTES_MAX, LOGS_MAX, LogFilter, LogsError};
pub use undecided::Undecided;
pub use view::{PastState, View};

use crate::{
    database::{Database, Memory},
    error::Error,
};
use columns::{Column, height_key};

/// Format of the columns. A node refuses a directory of another format instead of guessing.
const FORMAT: u64 = 1;

/// How much history is kept.
#[derive(Clone, Copy, Debug)]
pub struct ChainOptions {
    /// Versions of the state's tree that can still be read, the newest included; at least 2, since a header's root is
    /// that of the version before.
    pub tree_versions: u64,
}

impl Default for ChainOptions {
    /// 256 versions: the blocks that a contract can ask the hash of, and 4 minutes at 1 s.
    fn default() -> Self {
        ChainOptions { tree_versions: 256 }
    }
}

/// The newest decided block.
#[derive(Clone, Copy, Debug, PartialEq, Eq, BorshSerialize, BorshDeserialize)]
pub struct Tip {
    /// Its height.
    pub height: u64,
    /// Its id.
    pub id: BlockId,
    /// Root of the state after it, which the next header carries.
    state_root: [u8; 32],
}

impl Tip {
    /// Root of the state after the block, which the next header carries.
    pub fn state_root(&self) -> B256 {
        B256::new(self.state_root)
    }
}

/// Where a transaction (or a proof) is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, BorshSerialize, BorshDeserialize)]
pub struct TxPlace {
    /// The block's height.
    pub height: u64,
    /// Its place in the block's list of receipts.
    pub receipt: u32,
}

/// The chain database of one node.
pub struct ChainStore {
    database: Database,
    options: ChainOptions,
    tip: RwLock<Option<Tip>>,
    /// Held while a batch is made and written, so that two writers don't build on the same tip.
    writing: Mutex<()>,
}

impl ChainStore {
    /// Opens the chain in `dir`, creating what is missing.
    ///
    /// # Errors
    /// [`Error::Foreign`] for a directory of another format or in use by another process; [`Error::Record`] if the tip
    /// doesn't fit the block it names.
    pub fn open(dir: &Path, memory: &Memory, options: ChainOptions) -> Result<Self, Error> {
        let database = Database::open(dir, &Column::NAMES, memory)?;
        let store = ChainStore {
            database,
            options: ChainOptions { tree_versions: options.tree_versions.max(2) },
            tip: RwLock::new(None),
            writing: Mutex::new(()),
        };
        store.check_format()?;
        if let Some(tip) = store.read_tip(&ReadOptions::default())? {
            let header = store.header(tip.height)?;
            if header.map(|header| header.id()) != Some(tip.id) {
                return Err(store.damaged(Column::Meta, format!("the tip {} has no header", tip.id)));
            }
            *store.tip.write().unwrap_or_else(PoisonError::into_inner) = Some(tip);
        }
        Ok(store)
    }

    /// The newest decided block; `None` before genesis.
    pub fn tip(&self) -> Option<Tip> {
        *self.tip.read().unwrap_or_else(PoisonError::into_inner)
    }

    /// A consistent look at everything, as of now.
    pub fn view(&self) -> Result<View<'_>, Error> {
        View::new(self)
    }

    /// The header at a height.
    pub fn header(&self, height: u64) -> Result<Option<Header>, Error> {
        let bytes = self.get(Column::Headers, &height_key(height))?;
        bytes.map(|bytes| self.decoded(Column::Headers, Header::decode(&bytes))).transpose()
    }

    /// The canonical bytes of the block at a height.
    pub fn block_bytes(&self, height: u64) -> Result<Option<Vec<u8>>, Error> {
        self.get(Column::Blocks, &height_key(height))
    }

    /// The block at a height.
    pub fn block(&self, height: u64) -> Result<Option<Block>, Error> {
        let bytes = self.block_bytes(height)?;
        bytes.map(|bytes| self.decoded(Column::Blocks, Block::decode(&bytes))).transpose()
    }

    /// The id of the block at a height.
    pub fn block_id(&self, height: u64) -> Result<Option<BlockId>, Error> {
        self.block_id_with(height, &ReadOptions::default())
    }

    /// The height of a block.
    pub fn height_of(&self, id: BlockId) -> Result<Option<u64>, Error> {
        let bytes = self.get(Column::Heights, id.as_bytes())?;
        bytes.map(|bytes| self.decoded(Column::Heights, borsh::from_slice(&bytes))).transpose()
    }

    /// The commit certificate at a height, as it was given to [`ChainStore::commit`].
    pub fn certificate(&self, height: u64) -> Result<Option<Vec<u8>>, Error> {
        self.get(Column::Certificates, &height_key(height))
    }

    /// The receipts of the block at a height: proofs first, then transactions.
    pub fn receipts(&self, height: u64) -> Result<Option<Vec<Receipt>>, Error> {
        let bytes = self.get(Column::Receipts, &height_key(height))?;
        bytes.map(|bytes| self.decoded(Column::Receipts, borsh::from_slice(&bytes))).transpose()
    }

    /// Where a transaction or proof with this hash was decided.
    pub fn locate(&self, tx_hash: B256) -> Result<Option<TxPlace>, Error> {
        let bytes = self.get(Column::Transactions, tx_hash.as_slice())?;
        bytes.map(|bytes| self.decoded(Column::Transactions, borsh::from_slice(&bytes))).transpose()
    }

    /// The receipt of a transaction or proof with this hash, and its place.
    pub fn receipt(&self, tx_hash: B256) -> Result<Option<(TxPlace, Receipt)>, Error> {
        let Some(place) = self.locate(tx_hash)? else {
            return Ok(None);
        };
        let receipts = self.receipts(place.height)?.unwrap_or_default();
        match receipts.into_iter().nth(place.receipt as usize) {
            Some(receipt) => Ok(Some((place, receipt))),
            None => Err(self.damaged(Column::Receipts, format!("block {} has no receipt of {tx_hash}", place.height))),
        }
    }

    /// A value of the caller's own under a key of the caller's own.
    pub fn meta(&self, key: &str) -> Result<Option<Vec<u8>>, Error> {
        self.get(Column::Meta, &columns::callers_meta_key(key))
    }

    /// Sets a value of the caller's own; durable on return.
    pub fn put_meta(&self, key: &str, value: &[u8]) -> Result<(), Error> {
        let mut batch = WriteBatch::default();
        batch.put_cf(self.column(Column::Meta), columns::callers_meta_key(key), value);
        self.database.write(batch)
    }

    fn check_format(&self) -> Result<(), Error> {
        match self.get(Column::Meta, columns::META_FORMAT)? {
            None => {
                let mut batch = WriteBatch::default();
                batch.put_cf(self.column(Column::Meta), columns::META_FORMAT, FORMAT.to_be_bytes());
                self.database.write(batch)
            }
            Some(found) if found == FORMAT.to_be_bytes() => Ok(()),
            Some(_) => {
                let what = "it was written by another version of this program; move it away to sync it anew".to_owned();
                Err(Error::Foreign { place: self.database.place().to_owned(), what })
            }
        }
    }

    fn read_tip(&self, options: &ReadOptions) -> Result<Option<Tip>, Error> {
        let bytes = self.get_with(Column::Meta, columns::META_TIP, options)?;
        bytes.map(|bytes| self.decoded(Column::Meta, borsh::from_slice(&bytes))).transpose()
    }

    fn block_id_with(&self, height: u64, options: &ReadOptions) -> Result<Option<BlockId>, Error> {
        let bytes = self.get_with(Column::Headers, &height_key(height), options)?;
        // The id is the hash of the header's canonical bytes, which are what is stored.
        Ok(bytes.map(|bytes| BlockId(bitdust_types::keccak256(bytes).0)))
    }

    fn write_lock(&self) -> MutexGuard<'_, ()> {
        self.writing.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn column(&self, column: Column) -> &rocksdb::ColumnFamily {
        self.database.column(column.name())
    }

    fn get(&self, column: Column, key: &[u8]) -> Result<Option<Vec<u8>>, Error> {
        self.get_with(column, key, &ReadOptions::default())
    }

    fn get_with(&self, column: Column, key: &[u8], options: &ReadOptions) -> Result<Option<Vec<u8>>, Error> {
        self.database.get(column.name(), key, options)
    }

    fn decoded<T, E: std::fmt::Display>(&self, column: Column, result: Result<T, E>) -> Result<T, Error> {
        result.map_err(|error| self.damaged(column, error.to_string()))
    }

    fn damaged(&self, column: Column, what: String) -> Error {
        Error::Record { place: self.database.place().to_owned(), column: column.name(), what }
    }
}

#[cfg(test)]
mod tests;
