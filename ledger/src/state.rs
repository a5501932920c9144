//! The state: accounts, their storage and code, as execution reads it and as a block changes it.
//!
//! Nothing here knows where the state is kept. The node implements [`StateReader`] over its database; an [`Overlay`]
//! stacks changes in memory over any reader, so that blocks which aren't decided yet can be executed one after another.
//!
//! Deleting an account deletes no storage: under EIP-6780 only an account created in the same transaction can vanish,
//! and its storage has never reached the state.

use std::collections::BTreeMap;

use alloy_primitives::{Address, B256, Bytes, KECCAK256_EMPTY, U256};

/// This machine's state couldn't be read. No verdict on anybody's data.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("the state can't be read: {0}")]
pub struct StateError(pub String);

/// An account.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Account {
    /// Transactions sent (or contracts created, for a contract).
    pub nonce: u64,
    /// Balance in grains.
    pub balance: U256,
    /// Keccak-256 of the code; [`KECCAK256_EMPTY`] for none.
    pub code_hash: B256,
}

/// Bytes of an account's canonical form.
pub const ACCOUNT_BYTES: usize = 8 + 32 + 32;

impl Default for Account {
    fn default() -> Self {
        Account { nonce: 0, balance: U256::ZERO, code_hash: KECCAK256_EMPTY }
    }
}

impl Account {
    /// True for an account that the state doesn't keep (EIP-161).
    pub fn is_empty(&self) -> bool {
        self.nonce == 0 && self.balance.is_zero() && self.code_hash == KECCAK256_EMPTY
    }

    /// Canonical bytes, as the tree hashes them and the database keeps them: nonce ‖ balance ‖ code hash, big-endian.
    pub fn to_bytes(&self) -> [u8; ACCOUNT_BYTES] {
        let mut bytes = [0; ACCOUNT_BYTES];
        bytes[..8].copy_from_slice(&self.nonce.to_be_bytes());
        bytes[8..40].copy_from_slice(&self.balance.to_be_bytes::<32>());
        bytes[40..].copy_from_slice(self.code_hash.as_slice());
        bytes
    }

    /// Reads what [`Account::to_bytes`] wrote.
    ///
    /// # Errors
    /// If the length isn't [`ACCOUNT_BYTES`]: the database returned something else than was written.
    pub fn from_bytes(bytes: &[u8]) -> Result<Self, StateError> {
        let bytes: &[u8; ACCOUNT_BYTES] = bytes
            .try_into()
            .map_err(|_| StateError(format!("an account has {} bytes instead of {ACCOUNT_BYTES}", bytes.len())))?;
        let mut nonce = [0; 8];
        nonce.copy_from_slice(&bytes[..8]);
        Ok(Account {
            nonce: u64::from_be_bytes(nonce),
            balance: U256::from_be_slice(&bytes[8..40]),
            code_hash: B256::from_slice(&bytes[40..]),
        })
    }
}

/// A state as of one block. Readers must answer the same for as long as they live.
pub trait StateReader {
    /// An account, or `None` if it was never used.
    fn account(&self, address: Address) -> Result<Option<Account>, StateError>;
    /// A storage slot; zero if it was never written.
    fn storage(&self, address: Address, slot: U256) -> Result<U256, StateError>;
    /// Code by its Keccak-256. Asked only for hashes that an account names; unknown code is an error.
    fn code(&self, hash: B256) -> Result<Bytes, StateError>;
    /// Id of the block at a height below the one being executed; zero if it isn't known.
    fn block_hash(&self, height: u64) -> Result<B256, StateError>;
}

impl<T: StateReader + ?Sized> StateReader for &T {
    fn account(&self, address: Address) -> Result<Option<Account>, StateError> {
        (**self).account(address)
    }

    fn storage(&self, address: Address, slot: U256) -> Result<U256, StateError> {
        (**self).storage(address, slot)
    }

    fn code(&self, hash: B256) -> Result<Bytes, StateError> {
        (**self).code(hash)
    }

    fn block_hash(&self, height: u64) -> Result<B256, StateError> {
        (**self).block_hash(height)
    }
}

/// What one block (or genesis) changes. Ordered, so that every node hashes and writes it alike.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct StateDiff {
    /// New contents of accounts; `None` removes one.
    pub accounts: BTreeMap<Address, Option<Account>>,
    /// New contents of storage slots; zero removes one.
    pub storage: BTreeMap<(Address, U256), U256>,
    /// New code by its Keccak-256. Code is never removed.
    pub code: BTreeMap<B256, Bytes>,
}

impl StateDiff {
    /// Puts a later block's changes over this one's.
    pub fn merge(&mut self, later: StateDiff) {
        self.accounts.extend(later.accounts);
        self.storage.extend(later.storage);
        self.code.extend(later.code);
    }

    /// True if nothing changes.
    pub fn is_empty(&self) -> bool {
        self.accounts.is_empty() && self.storage.is_empty() && self.code.is_empty()
    }
}

/// The state before anything happened.
#[derive(Clone, Copy, Debug, Default)]
pub struct EmptyState;

impl StateReader for EmptyState {
    fn account(&self, _: Address) -> Result<Option<Account>, StateError> {
        Ok(None)
    }

    fn storage(&self, _: Address, _: U256) -> Result<U256, StateError> {
        Ok(U256::ZERO)
    }

    fn code(&self, hash: B256) -> Result<Bytes, StateError> {
        if hash == KECCAK256_EMPTY {
            return Ok(Bytes::new());
        }
        Err(StateError(format!("code {hash} is missing")))
    }

    fn block_hash(&self, _: u64) -> Result<B256, StateError> {
        Ok(B256::ZERO)
    }
}

/// A reader with changes stacked over it.
#[derive(Clone)]
pub struct Overlay<'a> {
    base: &'a dyn StateReader,
    diff: StateDiff,
    block_hashes: BTreeMap<u64, B256>,
}

impl Overlay<'static> {
    /// A state kept in memory only, for tests and simulations.
    pub fn in_memory() -> Self {
        Overlay::new(&EmptyState)
    }
}

impl<'a> Overlay<'a> {
    /// No changes over `base` yet.
    pub fn new(base: &'a dyn StateReader) -> Self {
        Overlay { base, diff: StateDiff::default(), block_hashes: BTreeMap::new() }
    }

    /// Stacks a block's changes.
    pub fn push(&mut self, diff: StateDiff) {
        self.diff.merge(diff);
    }

    /// Makes a block's id known to `block_hash`.
    pub fn push_block(&mut self, height: u64, id: B256) {
        self.block_hashes.insert(height, id);
    }

    /// All changes stacked so far.
    pub fn diff(&self) -> &StateDiff {
        &self.diff
    }
}

impl StateReader for Overlay<'_> {
    fn account(&self, address: Address) -> Result<Option<Account>, StateError> {
        self.diff.accounts.get(&address).map_or_else(|| self.base.account(address), |account| Ok(*account))
    }

    fn storage(&self, address: Address, slot: U256) -> Result<U256, StateError> {
        self.diff.storage.get(&(address, slot)).map_or_else(|| self.base.storage(address, slot), |value| Ok(*value))
    }

    fn code(&self, hash: B256) -> Result<Bytes, StateError> {
        self.diff.code.get(&hash).map_or_else(|| self.base.code(hash), |code| Ok(code.clone()))
    }

    fn block_hash(&self, height: u64) -> Result<B256, StateError> {
        self.block_hashes.get(&height).map_or_else(|| self.base.block_hash(height), |id| Ok(*id))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn later_changes_win_and_the_rest_shows_through() {
        let (a, b) = (Address::repeat_byte(1), Address::repeat_byte(2));
        let rich = Account { balance: U256::from(7), ..Account::default() };
        let mut below = Overlay::in_memory();
        below.push(StateDiff { accounts: [(a, Some(rich)), (b, Some(rich))].into(), ..StateDiff::default() });
        let mut above = Overlay::new(&below);
        above.push(StateDiff { accounts: [(a, None)].into(), ..StateDiff::default() });
        assert_eq!(above.account(a).unwrap(), None);
        assert_eq!(above.account(b).unwrap(), Some(rich));
        assert!(above.code(B256::repeat_byte(9)).is_err());
    }

    proptest! {
        #[test]
        fn account_bytes_round_trip(nonce: u64, balance: [u8; 32], code_hash: [u8; 32]) {
            let account = Account { nonce, balance: U256::from_be_bytes(balance), code_hash: B256::new(code_hash) };
            prop_assert_eq!(Account::from_bytes(&account.to_bytes()).unwrap(), account);
        }
    }
}
