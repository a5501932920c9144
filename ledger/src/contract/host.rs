//! What a system contract may ask of the ledger while it runs.
//!
//! The contract's rules are written against this trait, so that the same code runs on the EVM's journal in a block
//! (`crate::precompile`), in `eth_call`, and over a plain map in the contract's own tests.
//!
//! **Gas.** The host charges for storage, logs and payments by itself; the contract calls [`Host::use_gas`] for work that
//! the host can't see (signature recovery, long loops).
//! **Failure.** Any `Err` must end the call: everything written since it began is rolled back by whoever called.

use alloy_primitives::{Address, B256, Bytes, U256};
use bitdust_types::ChainParams;

use crate::state::StateError;

/// Why the host refused an action. The contract passes it on unchanged and does nothing more.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum HostError {
    /// The caller's gas limit doesn't cover the work.
    #[error("out of gas")]
    OutOfGas,
    /// A write, a log or a payment under STATICCALL.
    #[error("a view call can't write")]
    StaticWrite,
    /// The contract's balance doesn't cover a payment. A correct contract never sees it.
    #[error("the contract's balance doesn't cover a payment of {0} grains")]
    Funds(U256),
    /// This machine's state couldn't be read: no verdict on the call.
    #[error(transparent)]
    State(#[from] StateError),
}

/// One call's view of the world: storage, balance and log of the contract, and who called with what.
pub trait Host {
    /// Reads a storage slot of the contract.
    fn sload(&mut self, slot: U256) -> Result<U256, HostError>;
    /// Reads a storage slot of another system contract, at the same price. There is no writing one.
    fn sload_of(&mut self, contract: Address, slot: U256) -> Result<U256, HostError>;
    /// Writes a storage slot of the contract; zero removes it.
    fn sstore(&mut self, slot: U256, value: U256) -> Result<(), HostError>;
    /// Emits a log of the contract (at most four topics).
    fn log(&mut self, topics: Vec<B256>, data: Bytes) -> Result<(), HostError>;
    /// Moves grains out of the contract's balance. The receiver's code doesn't run.
    fn pay(&mut self, to: Address, amount: U256) -> Result<(), HostError>;
    /// Charges gas for work that the host can't see.
    fn use_gas(&mut self, gas: u64) -> Result<(), HostError>;
    /// The immediate caller: an account, a contract, or [`bitdust_types::system::SYSTEM`] for system transactions.
    fn caller(&self) -> Address;
    /// Grains that were really moved into the contract with this call.
    fn value(&self) -> U256;
    /// Height of the block being executed.
    fn height(&self) -> u64;
    /// The network's constants.
    fn params(&self) -> &ChainParams;
    /// Whether this is a STATICCALL: only views may answer.
    fn is_static(&self) -> bool;
}
