//! How a network begins: its parameters, validators and first balances, from `genesis/*.json` or built by code.
//!
//! The genesis block has height 0, no transactions and no proposer. Its `parent` is the Keccak-256 of the canonical
//! genesis contents, so that its id names everything that the network began with; the state after it stands, as for any
//! block, in the next header.

use std::collections::BTreeMap;

use alloy_primitives::{Address, B256, Bloom, Bytes, U256, keccak256};
use bitdust_types::{Amount, BlockId, ChainParams, Validator, ValidatorSet, system};
use borsh::BorshSerialize;
use serde::{Deserialize, Serialize};

use crate::{
    beacon,
    block::Header,
    error::Invalid,
    state::{Account, StateDiff},
};

/// Accounts that a genesis may fund: one batch of 2^16 writes.
const ALLOC_MAX: usize = 1 << 16;

/// A validator of the first block.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct GenesisValidator {
    /// Its account.
    pub address: Address,
    /// Compressed secp256k1 key, 33 bytes as hexadecimal digits.
    #[serde(with = "hex::serde")]
    pub public_key: [u8; 33],
    /// Voting power.
    pub power: u64,
    /// Tip of its hash chain (see [`crate::beacon`]).
    pub beacon_tip: B256,
}

/// Contents of a genesis file.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct Genesis {
    /// The network's constants.
    pub params: ChainParams,
    /// Time of the genesis block in milliseconds since 1970.
    pub timestamp_ms: u64,
    /// Who decides the first block.
    #[serde(default)]
    pub validators: Vec<GenesisValidator>,
    /// First balances, in grains.
    #[serde(default)]
    pub alloc: BTreeMap<Address, Amount>,
}

/// What a genesis makes.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct GenesisBlock {
    /// Header of height 0.
    pub header: Header,
    /// The first state, over [`crate::state::EmptyState`].
    pub diff: StateDiff,
    /// Who decides block 1.
    pub validators: ValidatorSet,
    /// All coins that will ever be.
    pub supply: Amount,
}

/// What the content hash is over.
#[derive(BorshSerialize)]
struct Canonical<'a> {
    params: &'a ChainParams,
    timestamp_ms: u64,
    validators: Vec<CanonicalValidator>,
    alloc: Vec<([u8; 20], u128)>,
    /// The system contracts of the first state: programs that know different ones are different networks.
    contracts: Vec<[u8; 20]>,
}

/// Sorted by address, so that the file's order doesn't matter.
#[derive(BorshSerialize, PartialEq, Eq, PartialOrd, Ord)]
struct CanonicalValidator {
    address: [u8; 20],
    public_key: [u8; 33],
    power: u64,
    beacon_tip: [u8; 32],
}

impl Genesis {
    /// A genesis without validators and balances yet.
    pub fn new(params: ChainParams, timestamp_ms: u64) -> Self {
        Genesis { params, timestamp_ms, validators: Vec::new(), alloc: BTreeMap::new() }
    }

    /// Adds a validator by its public key.
    #[must_use]
    pub fn with_validator(mut self, validator: Validator, beacon_tip: B256) -> Self {
        let Validator { address, public_key, power } = validator;
        self.validators.push(GenesisValidator { address, public_key, power, beacon_tip });
        self
    }

    /// Gives an account its first balance, in place of one given before.
    #[must_use]
    pub fn with_balance(mut self, address: Address, amount: Amount) -> Self {
        self.alloc.insert(address, amount);
        self
    }

    /// Reads a genesis file.
    ///
    /// # Errors
    /// [`Invalid::Malformed`] with line and column. Whether it makes a network is [`Genesis::build`]'s to say.
    pub fn parse(json: &str) -> Result<Self, Invalid> {
        serde_json::from_str(json)
            .map_err(|error| Invalid::Malformed { what: "the genesis file", reason: error.to_string() })
    }

    /// The file's text: indented JSON with a newline at its end.
    pub fn to_json(&self) -> String {
        // Strings and integers only, and map keys are addresses: nothing that JSON can't hold.
        serde_json::to_string_pretty(self).map(|json| json + "\n").unwrap_or_default()
    }

    /// Keccak-256 of the canonical contents and the system contracts' addresses: the same for any spelling of the file.
    pub fn content_hash(&self) -> B256 {
        let mut validators: Vec<_> = self
            .validators
            .iter()
            .map(|v| CanonicalValidator {
                address: v.address.into_array(),
                public_key: v.public_key,
                power: v.power,
                beacon_tip: v.beacon_tip.0,
            })
            .collect();
        validators.sort_unstable();
        let alloc = self.alloc.iter().map(|(address, amount)| (address.into_array(), amount.grains())).collect();
        let contracts = system::CONTRACTS.iter().map(|contract| contract.into_array()).collect();
        let canonical =
            Canonical { params: &self.params, timestamp_ms: self.timestamp_ms, validators, alloc, contracts };
        // Bounded lists of fixed-width items: writing to memory can't fail.
        keccak256(borsh::to_vec(&canonical).unwrap_or_default())
    }

    /// Id of the genesis block: the network's name.
    ///
    /// # Errors
    /// As [`Genesis::build`].
    pub fn id(&self) -> Result<BlockId, Invalid> {
        Ok(self.build()?.header.id())
    }

    /// Makes the genesis block and the first state.
    ///
    /// # Errors
    /// [`Invalid::Genesis`] naming the field that makes no network.
    pub fn build(&self) -> Result<GenesisBlock, Invalid> {
        let invalid = |reason: String| Invalid::Genesis(reason);
        self.params.check().map_err(|error| invalid(error.to_string()))?;
        let validators = self
            .validators
            .iter()
            .map(|v| Validator { address: v.address, public_key: v.public_key, power: v.power })
            .collect();
        let validators = ValidatorSet::new(validators).map_err(|error| invalid(error.to_string()))?;
        let (diff, supply) = self.first_state()?;
        let header = Header {
            chain_id: self.params.chain_id,
            height: 0,
            parent: BlockId(self.content_hash().0),
            timestamp_ms: self.timestamp_ms,
            proposer: Address::ZERO,
            reveal: B256::ZERO,
            state_root: B256::ZERO,
            tx_root: B256::ZERO,
            receipts_root: B256::ZERO,
            proofs_root: B256::ZERO,
            logs_bloom: Bloom::ZERO,
            gas_used: 0,
            gas_limit: self.params.gas_limit,
            base_fee: self.params.base_fee_min,
            validators_hash: validators.hash(),
            next_validators_hash: validators.hash(),
        };
        Ok(GenesisBlock { header, diff, validators, supply })
    }

    /// Balances, system contracts and hash-chain tips.
    fn first_state(&self) -> Result<(StateDiff, Amount), Invalid> {
        if self.alloc.len() > ALLOC_MAX {
            return Err(Invalid::Size { what: "alloc", size: self.alloc.len(), max: ALLOC_MAX });
        }
        let mut diff = StateDiff::default();
        let mut supply = Amount::ZERO;
        for (address, amount) in &self.alloc {
            if system::CONTRACTS.contains(address) || *address == system::SYSTEM {
                return Err(Invalid::Genesis(format!("alloc gives coins to the system address {address}")));
            }
            supply = supply
                .checked_add(*amount)
                .ok_or_else(|| Invalid::Genesis("the sum of alloc is above 2^128 grains".into()))?;
            let account = Account { balance: U256::from(amount.grains()), ..Account::default() };
            if !account.is_empty() {
                diff.accounts.insert(*address, Some(account));
            }
        }
        // Nonce 1 and code: a contract without them is swept as empty (EIP-161) and fails its callers' code checks.
        let code = Bytes::from_static(&system::CONTRACT_CODE);
        let code_hash = keccak256(&code);
        for contract in system::CONTRACTS {
            diff.accounts.insert(contract, Some(Account { nonce: 1, balance: U256::ZERO, code_hash }));
        }
        diff.code.insert(code_hash, code);
        for validator in &self.validators {
            if validator.beacon_tip == B256::ZERO {
                return Err(Invalid::Genesis(format!("validator {} has no beaconTip", validator.address)));
            }
            let (slot, value) = beacon::genesis_tip(validator.address, validator.beacon_tip);
            diff.storage.insert((system::CHAIN, slot), value);
        }
        Ok((diff, supply))
    }
}

#[cfg(test)]
mod tests;
