//! The state as a block changes it: everything read once, everything written kept beside what was there before.
//!
//! Keeping both is what lets a block's diff be exact (a value that comes back to where it was isn't in it) and the sum
//! of coins be checked over just the accounts that were touched.

use std::collections::BTreeMap;

use alloy_primitives::{
    Address, B256, Bytes, KECCAK256_EMPTY, U256,
    map::{HashMap, hash_map::Entry},
};
use bitdust_types::system;
use revm::{
    Database,
    bytecode::Bytecode,
    database_interface::DBErrorMarker,
    state::{AccountInfo, EvmState},
};

use crate::{
    beacon::Slots,
    state::{Account, StateDiff, StateError, StateReader},
};

impl DBErrorMarker for StateError {}

/// A value before the block and now.
#[derive(Clone, Copy)]
struct Cell<T> {
    before: T,
    now: T,
}

impl<T: Copy> Cell<T> {
    fn new(value: T) -> Self {
        Cell { before: value, now: value }
    }
}

/// Coins of the accounts that a transaction touches, before and after it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Sums {
    pub before: U256,
    pub after: U256,
    /// A contract destroyed itself: the EVM burns what it sends to itself.
    pub destroyed: bool,
}

/// State during one block.
pub(crate) struct Cache<'a> {
    reader: &'a dyn StateReader,
    accounts: HashMap<Address, Cell<Option<Account>>>,
    storage: HashMap<(Address, U256), Cell<U256>>,
    code: HashMap<B256, Bytecode>,
    new_code: BTreeMap<B256, Bytes>,
}

impl<'a> Cache<'a> {
    pub fn new(reader: &'a dyn StateReader) -> Self {
        Cache {
            reader,
            accounts: HashMap::default(),
            storage: HashMap::default(),
            code: HashMap::default(),
            new_code: BTreeMap::new(),
        }
    }

    fn account_cell(&mut self, address: Address) -> Result<&mut Cell<Option<Account>>, StateError> {
        match self.accounts.entry(address) {
            Entry::Occupied(entry) => Ok(entry.into_mut()),
            Entry::Vacant(entry) => {
                let account = self.reader.account(address)?;
                Ok(entry.insert(Cell::new(account)))
            }
        }
    }

    fn slot_cell(&mut self, address: Address, slot: U256) -> Result<&mut Cell<U256>, StateError> {
        match self.storage.entry((address, slot)) {
            Entry::Occupied(entry) => Ok(entry.into_mut()),
            Entry::Vacant(entry) => {
                let value = self.reader.storage(address, slot)?;
                Ok(entry.insert(Cell::new(value)))
            }
        }
    }

    /// What a transaction's changes would do to the coins of the accounts it touched. Writes nothing.
    pub fn sums(&mut self, state: &EvmState) -> Result<Sums, StateError> {
        let mut sums = Sums { before: U256::ZERO, after: U256::ZERO, destroyed: false };
        for (address, account) in state.iter().filter(|(_, account)| account.is_touched()) {
            let before = self.account_cell(*address)?.now.map_or(U256::ZERO, |account| account.balance);
            // Genesis bounds the supply below 2^128: sums of real balances can't wrap, and forged ones must not.
            sums.before = sums.before.saturating_add(before);
            if account.is_selfdestructed() {
                sums.destroyed = true;
            } else {
                sums.after = sums.after.saturating_add(account.info.balance);
            }
        }
        Ok(sums)
    }

    /// Takes over a transaction's changes.
    pub fn commit(&mut self, state: EvmState) -> Result<(), StateError> {
        for (address, account) in state.into_iter().filter(|(_, account)| account.is_touched()) {
            let cell = self.account_cell(address)?;
            if account.is_selfdestructed() {
                // Its storage was never in the state (EIP-6780).
                cell.now = None;
                continue;
            }
            let info = &account.info;
            let now = Account { nonce: info.nonce, balance: info.balance, code_hash: info.code_hash };
            let old_code = cell.now.map_or(KECCAK256_EMPTY, |account| account.code_hash);
            // Touched and empty is swept (EIP-161).
            cell.now = (!now.is_empty()).then_some(now);
            if now.code_hash != old_code
                && now.code_hash != KECCAK256_EMPTY
                && let Some(code) = &info.code
            {
                self.new_code.insert(now.code_hash, code.original_bytes());
                self.code.insert(now.code_hash, code.clone());
            }
            for (slot, value) in account.changed_storage_slots() {
                self.slot_cell(address, *slot)?.now = value.present_value();
            }
        }
        Ok(())
    }

    /// Adds coins that were taken from somebody else in the same step.
    pub fn credit(&mut self, address: Address, amount: U256) -> Result<(), StateError> {
        if amount.is_zero() {
            return Ok(());
        }
        let cell = self.account_cell(address)?;
        let mut account = cell.now.unwrap_or_default();
        account.balance = account
            .balance
            .checked_add(amount)
            .ok_or_else(|| StateError(format!("the balance of {address} overflows: the state is damaged")))?;
        cell.now = Some(account);
        Ok(())
    }

    /// Coins of all accounts that the block touched, before it and now.
    pub fn total(&self) -> (U256, U256) {
        let coins = |account: Option<Account>| account.map_or(U256::ZERO, |account| account.balance);
        self.accounts.values().fold((U256::ZERO, U256::ZERO), |(before, now), cell| {
            (before.saturating_add(coins(cell.before)), now.saturating_add(coins(cell.now)))
        })
    }

    /// What the block changed.
    pub fn into_diff(self) -> StateDiff {
        let accounts = self.accounts.into_iter().filter(|(_, cell)| cell.before != cell.now);
        let storage = self.storage.into_iter().filter(|(_, cell)| cell.before != cell.now);
        StateDiff {
            accounts: accounts.map(|(address, cell)| (address, cell.now)).collect(),
            storage: storage.map(|(slot, cell)| (slot, cell.now)).collect(),
            code: self.new_code,
        }
    }
}

impl Database for Cache<'_> {
    type Error = StateError;

    fn basic(&mut self, address: Address) -> Result<Option<AccountInfo>, StateError> {
        Ok(self.account_cell(address)?.now.map(|account| AccountInfo {
            balance: account.balance,
            nonce: account.nonce,
            code_hash: account.code_hash,
            code: None,
            ..AccountInfo::default()
        }))
    }

    fn code_by_hash(&mut self, hash: B256) -> Result<Bytecode, StateError> {
        if hash == KECCAK256_EMPTY {
            return Ok(Bytecode::default());
        }
        if let Some(code) = self.code.get(&hash) {
            return Ok(code.clone());
        }
        let code = Bytecode::new_raw_checked(self.reader.code(hash)?)
            .map_err(|error| StateError(format!("code {hash} is damaged: {error}")))?;
        self.code.insert(hash, code.clone());
        Ok(code)
    }

    fn storage(&mut self, address: Address, slot: U256) -> Result<U256, StateError> {
        Ok(self.slot_cell(address, slot)?.now)
    }

    fn block_hash(&mut self, height: u64) -> Result<B256, StateError> {
        self.reader.block_hash(height)
    }
}

/// The state as it stands in the middle of the block, for views of system contracts.
impl StateReader for Cache<'_> {
    fn account(&self, address: Address) -> Result<Option<Account>, StateError> {
        self.accounts.get(&address).map_or_else(|| self.reader.account(address), |cell| Ok(cell.now))
    }

    fn storage(&self, address: Address, slot: U256) -> Result<U256, StateError> {
        self.storage.get(&(address, slot)).map_or_else(|| self.reader.storage(address, slot), |cell| Ok(cell.now))
    }

    fn code(&self, hash: B256) -> Result<Bytes, StateError> {
        self.new_code.get(&hash).map_or_else(|| self.reader.code(hash), |code| Ok(code.clone()))
    }

    fn block_hash(&self, height: u64) -> Result<B256, StateError> {
        self.reader.block_hash(height)
    }
}

impl Slots for Cache<'_> {
    fn load(&self, slot: U256) -> Result<U256, StateError> {
        StateReader::storage(self, system::CHAIN, slot)
    }

    fn store(&mut self, slot: U256, value: U256) -> Result<(), StateError> {
        self.slot_cell(system::CHAIN, slot)?.now = value;
        Ok(())
    }
}
