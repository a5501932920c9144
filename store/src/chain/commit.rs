//! Writing a decided block: everything it changes, in one synced batch.

use bitdust_ledger::{
    Block, Receipt,
    state::{Account, StateDiff},
    tree::TreeUpdate,
};
use rocksdb::WriteBatch;

use std::sync::PoisonError;

use super::{
    ChainStore, Tip, TxPlace,
    columns::{self, Column, height_key},
};
use crate::error::Error;

/// A decided block and everything it did. The caller has executed it.
#[derive(Clone, Copy, Debug)]
pub struct Commit<'a> {
    /// The block.
    pub block: &'a Block,
    /// Bytes of its commit certificate; empty for genesis.
    pub certificate: &'a [u8],
    /// Its receipts, proofs first.
    pub receipts: &'a [Receipt],
    /// What it changes.
    pub diff: &'a StateDiff,
    /// What that changes in the state's tree, at the block's height.
    pub tree: &'a TreeUpdate,
}

impl ChainStore {
    /// Writes the first block. Writing the same one again does nothing.
    ///
    /// # Errors
    /// [`Error::Foreign`] if the directory holds another network's chain.
    pub fn commit_genesis(&self, commit: &Commit<'_>) -> Result<(), Error> {
        let _writing = self.write_lock();
        let id = commit.block.id();
        match self.block_id(0)? {
            Some(present) if present == id => return Ok(()),
            Some(present) => {
                let what = format!(
                    "it holds the chain that begins with block {present}, this network's begins with {id}; use another \
                     directory or the right network"
                );
                return Err(Error::Foreign { place: self.database.place().to_owned(), what });
            }
            None => {}
        }
        if commit.block.header.height != 0 {
            return Err(not_next(commit, 0, "the chain is empty and begins with height 0"));
        }
        self.write_block(commit)
    }

    /// Writes the next block; durable on return. Writing the tip again does nothing, so that a caller who was killed
    /// before it heard the answer may ask again.
    ///
    /// # Errors
    /// [`Error::NotNext`] if the block doesn't extend the tip; nothing is written then.
    pub fn commit(&self, commit: &Commit<'_>) -> Result<(), Error> {
        let _writing = self.write_lock();
        let header = &commit.block.header;
        let Some(tip) = self.tip() else {
            return Err(not_next(commit, 0, "there is no genesis yet"));
        };
        if header.height == tip.height && commit.block.id() == tip.id {
            return Ok(());
        }
        if tip.height.checked_add(1) != Some(header.height) {
            return Err(not_next(commit, tip.height, "the next height is expected"));
        }
        if header.parent != tip.id {
            return Err(not_next(commit, tip.height, "it builds on another parent"));
        }
        if header.state_root != tip.state_root() {
            return Err(not_next(commit, tip.height, "it carries another state root than the parent led to"));
        }
        self.write_block(commit)
    }

    fn write_block(&self, commit: &Commit<'_>) -> Result<(), Error> {
        let height = commit.block.header.height;
        let id = commit.block.id();
        let tip = Tip { height, id, state_root: commit.tree.root.0 };
        let mut batch = WriteBatch::default();
        self.add_block(&mut batch, commit);
        self.add_state(&mut batch, commit.diff);
        self.add_tree(&mut batch, height, commit.tree);
        self.add_pruning(&mut batch, height)?;
        self.add_decided(&mut batch, height)?;
        batch.put_cf(self.column(Column::Meta), columns::META_TIP, encoded(&tip));
        self.database.write(batch)?;
        *self.tip.write().unwrap_or_else(PoisonError::into_inner) = Some(tip);
        Ok(())
    }

    fn add_block(&self, batch: &mut WriteBatch, commit: &Commit<'_>) {
        let block = commit.block;
        let height = block.header.height;
        let key = height_key(height);
        batch.put_cf(self.column(Column::Headers), key, block.header.encode());
        batch.put_cf(self.column(Column::Blocks), key, block.encode());
        batch.put_cf(self.column(Column::Certificates), key, commit.certificate);
        batch.put_cf(self.column(Column::Receipts), key, encoded(&commit.receipts));
        batch.put_cf(self.column(Column::Heights), block.id().as_bytes(), encoded(&height));
        for (receipt, of) in commit.receipts.iter().zip(0u32..) {
            let place = TxPlace { height, receipt: of };
            batch.put_cf(self.column(Column::Transactions), receipt.tx_hash.as_slice(), encoded(&place));
        }
    }

    fn add_state(&self, batch: &mut WriteBatch, diff: &StateDiff) {
        let accounts = self.column(Column::Accounts);
        for (address, account) in &diff.accounts {
            match account {
                Some(account) => batch.put_cf(accounts, address.as_slice(), Account::to_bytes(account)),
                None => batch.delete_cf(accounts, address.as_slice()),
            }
        }
        let storage = self.column(Column::Storage);
        for ((address, slot), value) in &diff.storage {
            let key = columns::storage_key(*address, *slot);
            if value.is_zero() {
                batch.delete_cf(storage, key);
            } else {
                batch.put_cf(storage, key, value.to_be_bytes::<32>());
            }
        }
        for (hash, code) in &diff.code {
            batch.put_cf(self.column(Column::Code), hash.as_slice(), code);
        }
    }

    fn add_tree(&self, batch: &mut WriteBatch, height: u64, tree: &TreeUpdate) {
        let stale = self.column(Column::TreeStale);
        for (key, node) in &tree.nodes {
            batch.put_cf(self.column(Column::TreeNodes), key, node);
        }
        for (key_hash, version, value) in &tree.values {
            let stored = value.as_ref().map_or_else(|| vec![0], |value| [&[1], value.as_slice()].concat());
            batch.put_cf(self.column(Column::TreeValues), columns::value_key(key_hash, *version), stored);
            // Whatever older value there is, no version from this one on reads it. At genesis there is none.
            if height > 0 {
                batch.put_cf(stale, columns::stale_key(*version, columns::STALE_VALUE, key_hash), []);
            }
        }
        for (since, key) in &tree.stale {
            batch.put_cf(stale, columns::stale_key(*since, columns::STALE_NODE, key), []);
        }
    }
}

fn not_next(commit: &Commit<'_>, tip: u64, what: &str) -> Error {
    Error::NotNext { height: commit.block.header.height, tip, what: what.to_owned() }
}

pub(super) fn encoded<T: borsh::BorshSerialize + ?Sized>(value: &T) -> Vec<u8> {
    borsh::to_vec(value).expect("writing to memory can't fail")
}
