//! The beacon: where the randomness of samples comes from.
//!
//! Each validator owns a hash chain `v_i = keccak(v_{i+1})` and has its tip on the ledger. Every block carries the next
//! preimage of its proposer's chain; the block is valid only if `keccak(reveal) = tip`, and the reveal becomes the new
//! tip. The reveals of an epoch's blocks with index below m ([`ChainParams::reveals`]) make its seed:
//!
//! ```text
//! s_0 = keccak("BitDust seed 1" ‖ chain id ‖ epoch)          (integers 8 bytes big-endian)
//! s_i = keccak(s_{i-1} ‖ reveal_i)                           seed = s_m
//! ```
//!
//! The genesis block reveals nothing, so epoch 0 has one reveal less.
//!
//! **What a cheat gains.** A proposer can't choose its reveal, only withhold its block and lose the tips; t validators
//! in a row at the tail can so choose among 2^t seeds.
//! **Invariant:** whoever executes block h of an epoch with index ≥ m-1 finds the seed in the state; before, nobody.
//!
//! State lives in the storage of the contract [`system::CHAIN`]; [`contract`] answers calls to it.

pub mod contract;

use alloy_primitives::{Address, B256, U256, keccak256};
use bitdust_types::{ChainParams, Epoch, Height, system};

use crate::{
    error::{Error, Invalid},
    state::{StateError, StateReader},
};

/// Seeds stay on the ledger for this many epochs; proofs of an epoch are in its own blocks, the rest is margin for
/// those who check receipts later. 512 slots of 32 bytes.
pub const SEEDS_KEPT: u64 = 512;
/// A renewed tip becomes active in the second epoch after the one that registered it: at least a whole epoch between.
pub const RENEWAL_EPOCHS: u64 = 2;

const SEED_DOMAIN: &[u8] = b"BitDust seed 1";

/// What a storage slot of the contract holds.
#[derive(Clone, Copy)]
enum Field {
    Tip = 1,
    NextTip = 2,
    NextFrom = 3,
    Seed = 4,
    Folding = 5,
}

/// Keccak-256 of the field and its key, as a storage slot.
fn slot(field: Field, key: &[u8]) -> U256 {
    let mut bytes = vec![field as u8];
    bytes.extend_from_slice(key);
    U256::from_be_bytes(keccak256(bytes).0)
}

fn word(hash: B256) -> U256 {
    U256::from_be_bytes(hash.0)
}

fn hash(word: U256) -> B256 {
    B256::new(word.to_be_bytes())
}

/// The contract's storage while a block is executed.
pub trait Slots {
    /// Reads a slot.
    fn load(&self, slot: U256) -> Result<U256, StateError>;
    /// Writes a slot.
    fn store(&mut self, slot: U256, value: U256) -> Result<(), StateError>;
}

/// `s_0` of an epoch.
pub fn seed_start(chain_id: u64, epoch: Epoch) -> B256 {
    let mut bytes = SEED_DOMAIN.to_vec();
    bytes.extend_from_slice(&chain_id.to_be_bytes());
    bytes.extend_from_slice(&epoch.0.to_be_bytes());
    keccak256(bytes)
}

/// `s_i` from `s_{i-1}` and a reveal.
pub fn seed_fold(seed: B256, reveal: B256) -> B256 {
    keccak256([seed.0, reveal.0].concat())
}

/// An epoch's seed from the reveals in its blocks, in order: what [`seed`] must answer.
pub fn recompute_seed(chain_id: u64, epoch: Epoch, reveals: &[B256]) -> B256 {
    reveals.iter().fold(seed_start(chain_id, epoch), |seed, reveal| seed_fold(seed, *reveal))
}

/// The seed of an epoch, or `None` as long as its reveals aren't complete (and [`SEEDS_KEPT`] epochs later).
///
/// # Errors
/// If the state can't be read.
pub fn seed(state: &dyn StateReader, epoch: Epoch) -> Result<Option<B256>, StateError> {
    let value = hash(state.storage(system::CHAIN, slot(Field::Seed, &epoch.0.to_be_bytes()))?);
    Ok((value != B256::ZERO).then_some(value))
}

/// What the Keccak-256 of a validator's next reveal must be, for a block of this height; zero for an account without a
/// hash chain.
///
/// # Errors
/// If the state can't be read.
pub fn tip(
    state: &dyn StateReader,
    params: &ChainParams,
    height: Height,
    validator: Address,
) -> Result<B256, StateError> {
    expected_tip(|slot| state.storage(system::CHAIN, slot), params, height, validator)
}

fn expected_tip<E>(
    mut load: impl FnMut(U256) -> Result<U256, E>,
    params: &ChainParams,
    height: Height,
    validator: Address,
) -> Result<B256, E> {
    let next_from = load(slot(Field::NextFrom, validator.as_slice()))?;
    let field = if !next_from.is_zero() && U256::from(params.epoch_of(height).0) >= next_from {
        Field::NextTip
    } else {
        Field::Tip
    };
    load(slot(field, validator.as_slice())).map(hash)
}

/// Storage slot and value that give a validator its first tip, for genesis.
pub(crate) fn genesis_tip(validator: Address, tip: B256) -> (U256, U256) {
    (slot(Field::Tip, validator.as_slice()), word(tip))
}

/// The first step of every block: checks the proposer's reveal, makes it the new tip and folds it into the seed.
///
/// # Errors
/// [`Invalid::Reveal`], or the state can't be read.
pub fn step(
    slots: &mut dyn Slots,
    params: &ChainParams,
    height: Height,
    proposer: Address,
    reveal: B256,
) -> Result<(), Error> {
    let tip = expected_tip(|slot| slots.load(slot), params, height, proposer)?;
    if keccak256(reveal) != tip {
        return Err(Invalid::Reveal { proposer, reveal, tip }.into());
    }
    let next_from = slot(Field::NextFrom, proposer.as_slice());
    let pending = slots.load(next_from)?;
    if !pending.is_zero() && U256::from(params.epoch_of(height).0) >= pending {
        slots.store(next_from, U256::ZERO)?;
        slots.store(slot(Field::NextTip, proposer.as_slice()), U256::ZERO)?;
    }
    slots.store(slot(Field::Tip, proposer.as_slice()), word(reveal))?;
    fold(slots, params, height, reveal)?;
    Ok(())
}

fn fold(slots: &mut dyn Slots, params: &ChainParams, height: Height, reveal: B256) -> Result<(), StateError> {
    let (epoch, index) = (params.epoch_of(height), params.index_in_epoch(height));
    if index >= params.reveals {
        return Ok(());
    }
    // Block 0 has no reveal: epoch 0 starts with block 1.
    let first = index == 0 || height == Height(1);
    let folding = slot(Field::Folding, &[]);
    let before = if first { seed_start(params.chain_id, epoch) } else { hash(slots.load(folding)?) };
    let after = seed_fold(before, reveal);
    if index + 1 < params.reveals {
        return slots.store(folding, word(after));
    }
    slots.store(folding, U256::ZERO)?;
    slots.store(slot(Field::Seed, &epoch.0.to_be_bytes()), word(after))?;
    match epoch.0.checked_sub(SEEDS_KEPT) {
        Some(old) => slots.store(slot(Field::Seed, &old.to_be_bytes()), U256::ZERO),
        None => Ok(()),
    }
}

/// A validator's hash chain: `length + 1` values from a secret, of which the last is registered as tip.
///
/// Memory is 32 bytes per [`HashChain::STRIDE`] values; a reveal costs at most that many hashes.
#[derive(Clone)]
pub struct HashChain {
    /// Every `STRIDE`-th value, the secret end first.
    stations: Vec<B256>,
    length: u64,
}

impl HashChain {
    /// Distance of the values that are kept.
    pub const STRIDE: u64 = 1024;

    /// Computes a chain of `length` reveals: `length` hashes, about 0.3 s per million.
    pub fn new(secret: B256, length: u64) -> Self {
        let mut stations = Vec::new();
        let mut value = secret;
        for index in 0..=length {
            if index % Self::STRIDE == 0 {
                stations.push(value);
            }
            value = keccak256(value);
        }
        HashChain { stations, length }
    }

    /// Reveals in the chain.
    pub fn length(&self) -> u64 {
        self.length
    }

    /// The value to register: the hash of the first reveal.
    pub fn tip(&self) -> B256 {
        self.value(0)
    }

    /// The value after `used` reveals; the secret itself once the chain is used up.
    pub fn value(&self, used: u64) -> B256 {
        let index = self.length.saturating_sub(used);
        let station = self.stations[(index / Self::STRIDE) as usize];
        (0..index % Self::STRIDE).fold(station, |value, _| keccak256(value))
    }

    /// The preimage of the tip that the ledger expects, and how many reveals remain after it. `None` if the tip is not
    /// of this chain or its last value. Looks near `used_guess` first, then everywhere.
    pub fn reveal_for(&self, tip: B256, used_guess: u64) -> Option<(B256, u64)> {
        let near = used_guess.saturating_sub(2)..used_guess.saturating_add(64).min(self.length);
        let found = near.into_iter().find(|used| self.value(*used) == tip).or_else(|| self.search(tip))?;
        (found < self.length).then(|| (self.value(found + 1), self.length - found - 1))
    }

    /// How many reveals lead to `tip`, by walking the whole chain once.
    fn search(&self, tip: B256) -> Option<u64> {
        let mut value = *self.stations.first()?;
        for index in 0..=self.length {
            if value == tip {
                return Some(self.length - index);
            }
            value = keccak256(value);
        }
        None
    }
}

#[cfg(test)]
mod tests;
