//! What happened, in which order, and who owns what?
//!
//! Transactions and the pool they wait in, blocks and their execution by the EVM, the system contracts, the state and
//! its Merkle tree, the genesis of a network. Everything here is a function of its arguments: no IO, no clock, no
//! randomness, no `async`. The node hands in a [`state::StateReader`] and stores what [`exec::apply`] answers.
//!
//! **Invariant:** the sum of all coins never changes after genesis. Every transaction and every block is checked.
//! **Invariant:** two nodes with the same parent state and the same block bytes reach the same [`exec::Outcome`].
//! **Invariant:** `Invalid` is a verdict on somebody's data, [`Error`] a fault of this machine; they never mix.
//!
//! Read next: [`state`], [`block`], [`tx`], [`exec`], then [`contract`], [`beacon`], [`market`] and [`worlds`].

pub mod canon;
mod error;

pub mod state;
pub mod tree;

pub mod block;
pub mod genesis;
pub mod prove;
pub mod receipt;
pub mod tx;

pub mod contract;

pub mod beacon;
pub mod fee;
pub mod market;
pub mod pool;
pub mod precompile;
pub mod worlds;

pub mod exec;

#[cfg(test)]
mod testing;

pub use alloy_consensus::TxEnvelope;
pub use alloy_primitives::{Bloom, Log, LogData};
pub use block::{Block, Header, JudgedProof};
pub use error::{Error, Invalid};
pub use genesis::Genesis;
pub use prove::Prove;
pub use receipt::Receipt;
pub use tx::CheckedTx;
