//! What are the nouns, and their canonical bytes?
//!
//! Amounts, heights, ids, keys, the erasure layout, validators, the network's parameters and every limit. This crate
//! holds values and the rules for a single value; it does no IO, knows no clock and draws no randomness.
//!
//! **Invariant:** whatever is hashed, signed, stored or sent has a fixed-width integer type here, never `usize`.
//!
//! Read next: [`amount`], then [`params`], [`layout`] and [`limits`].

pub mod amount;
pub mod ids;
pub mod keys;
pub mod layout;
pub mod limits;
pub mod params;
pub mod signing;
pub mod system;
pub mod units;
pub mod validator;

pub use alloy_primitives::{Address, B256, Bytes, U256, keccak256};

pub use amount::Amount;
pub use ids::{BlockId, DatasetId, Root, SlabId, SlotRoot};
pub use layout::Layout;
pub use params::ChainParams;
pub use units::{Epoch, Height};
pub use validator::{Validator, ValidatorSet};
