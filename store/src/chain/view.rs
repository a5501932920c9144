//! A consistent look at the chain: a snapshot that later commits don't change. Execution, calls and proofs read here.

use bitdust_ledger::{
    state::{Account, StateError, StateReader},
    tree::{TreeReader, account_key, slot_key},
};
use bitdust_types::{Address, B256, Bytes, U256, keccak256};
use rocksdb::{Direction, IteratorMode, ReadOptions, SnapshotWithThreadMode};

use super::{
    ChainStore, Tip,
    columns::{self, Column},
};
use crate::error::Error;

/// The chain as it was when the view was made.
pub struct View<'a> {
    store: &'a ChainStore,
    snapshot: SnapshotWithThreadMode<'a, rocksdb::DB>,
    tip: Option<Tip>,
}

/// The state after an earlier block, read from the tree.
pub struct PastState<'a, 'b> {
    view: &'b View<'a>,
    height: u64,
}

impl<'a> View<'a> {
    pub(super) fn new(store: &'a ChainStore) -> Result<Self, Error> {
        let mut view = View { store, snapshot: store.database.raw().snapshot(), tip: None };
        view.tip = store.read_tip(&view.options())?;
        Ok(view)
    }

    /// The newest block of this view; `None` before genesis.
    pub fn tip(&self) -> Option<Tip> {
        self.tip
    }

    /// The state after an earlier block; `None` if the block isn't in this view or its version of the tree is dropped.
    pub fn at(&self, height: u64) -> Option<PastState<'a, '_>> {
        let tip = self.tip?;
        let kept = self.store.oldest_version(tip.height)..=tip.height;
        kept.contains(&height).then_some(PastState { view: self, height })
    }

    fn options(&self) -> ReadOptions {
        let mut options = ReadOptions::default();
        options.set_snapshot(&self.snapshot);
        options
    }

    fn get(&self, column: Column, key: &[u8]) -> Result<Option<Vec<u8>>, StateError> {
        self.store.get_with(column, key, &self.options()).map_err(state_error)
    }
}

impl StateReader for View<'_> {
    fn account(&self, address: Address) -> Result<Option<Account>, StateError> {
        self.get(Column::Accounts, address.as_slice())?.map(|bytes| Account::from_bytes(&bytes)).transpose()
    }

    fn storage(&self, address: Address, slot: U256) -> Result<U256, StateError> {
        word(self.get(Column::Storage, &columns::storage_key(address, slot))?)
    }

    fn code(&self, hash: B256) -> Result<Bytes, StateError> {
        if hash == keccak256([]) {
            return Ok(Bytes::new());
        }
        let code = self.get(Column::Code, hash.as_slice())?;
        code.map(Bytes::from).ok_or_else(|| StateError(format!("code {hash} is missing from the database")))
    }

    fn block_hash(&self, height: u64) -> Result<B256, StateError> {
        let id = self.store.block_id_with(height, &self.options()).map_err(state_error)?;
        Ok(id.map_or(B256::ZERO, B256::from))
    }
}

impl TreeReader for View<'_> {
    fn node(&self, key: &[u8]) -> Result<Option<Vec<u8>>, StateError> {
        self.get(Column::TreeNodes, key)
    }

    fn value(&self, key_hash: &[u8; 32], version_max: u64) -> Result<Option<Vec<u8>>, StateError> {
        let last = columns::value_key(key_hash, version_max);
        let mode = IteratorMode::From(&last, Direction::Reverse);
        let column = self.store.column(Column::TreeValues);
        let mut entries = self.store.database.raw().iterator_cf_opt(column, self.options(), mode);
        let newest = entries.next().transpose().map_err(|error| state_error(self.store.database.error(error)))?;
        let Some((_, stored)) = newest.filter(|(key, _)| key.starts_with(key_hash)) else {
            return Ok(None);
        };
        match stored.split_first() {
            Some((0, [])) => Ok(None),
            Some((1, value)) => Ok(Some(value.to_vec())),
            _ => Err(StateError("a value of the state's tree can't be decoded".to_owned())),
        }
    }
}

impl StateReader for PastState<'_, '_> {
    fn account(&self, address: Address) -> Result<Option<Account>, StateError> {
        let value = self.view.value(&account_key(address), self.height)?;
        value.map(|bytes| Account::from_bytes(&bytes)).transpose()
    }

    fn storage(&self, address: Address, slot: U256) -> Result<U256, StateError> {
        word(self.view.value(&slot_key(address, slot), self.height)?)
    }

    fn code(&self, hash: B256) -> Result<Bytes, StateError> {
        self.view.code(hash)
    }

    fn block_hash(&self, height: u64) -> Result<B256, StateError> {
        if height > self.height { Ok(B256::ZERO) } else { self.view.block_hash(height) }
    }
}

fn word(bytes: Option<Vec<u8>>) -> Result<U256, StateError> {
    let Some(bytes) = bytes else {
        return Ok(U256::ZERO);
    };
    let word: [u8; 32] = bytes
        .as_slice()
        .try_into()
        .map_err(|_| StateError(format!("a storage slot has {} bytes instead of 32", bytes.len())))?;
    Ok(U256::from_be_bytes(word))
}

fn state_error(error: Error) -> StateError {
    StateError(error.to_string())
}
