//! Who orders blocks: validators, their keys and their weight.

use alloy_primitives::{Address, B256, keccak256};
use borsh::{BorshDeserialize, BorshSerialize};
use k256::ecdsa::VerifyingKey;
use serde::{Deserialize, Serialize};

use crate::{limits::VALIDATORS_MAX, signing};

/// One validator.
#[derive(Clone, Debug, PartialEq, Eq, BorshSerialize, BorshDeserialize, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Validator {
    /// Its account: where fees go and what headers name as proposer.
    #[borsh(serialize_with = "crate::signing::write_address", deserialize_with = "crate::signing::read_address")]
    pub address: Address,
    /// Compressed secp256k1 key (SEC 1), 33 bytes.
    #[serde(with = "hex::serde")]
    pub public_key: [u8; 33],
    /// Voting power.
    pub power: u64,
}

/// Why a list of validators can't order blocks.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum InvalidValidators {
    /// None, or too many.
    #[error("{0} validators: between 1 and {max} are needed", max = VALIDATORS_MAX)]
    Count(usize),
    /// The key is not a point of secp256k1.
    #[error("the public key of validator {0} is not a secp256k1 key")]
    Key(Address),
    /// The address is not that of the key.
    #[error("validator {address} has the key of {of}")]
    Address {
        /// The address given.
        address: Address,
        /// The key's own.
        of: Address,
    },
    /// Listed twice.
    #[error("validator {0} is listed twice")]
    Twice(Address),
    /// No power, or so much that sums would overflow.
    #[error("validator {0} has voting power {1}: between 1 and 2^40 is needed")]
    Power(Address, u64),
}

/// The validators of one height, sorted by address.
#[derive(Clone, Debug, PartialEq, Eq, BorshSerialize)]
pub struct ValidatorSet(Vec<Validator>);

impl Validator {
    /// The validator of a key.
    pub fn new(key: &VerifyingKey, power: u64) -> Self {
        let mut public_key = [0; 33];
        public_key.copy_from_slice(key.to_encoded_point(true).as_bytes());
        Validator { address: signing::address_of(key), public_key, power }
    }
}

impl ValidatorSet {
    /// Checks and sorts.
    pub fn new(mut validators: Vec<Validator>) -> Result<Self, InvalidValidators> {
        if validators.is_empty() || validators.len() > VALIDATORS_MAX {
            return Err(InvalidValidators::Count(validators.len()));
        }
        validators.sort_by_key(|validator| validator.address);
        for validator in &validators {
            let key = VerifyingKey::from_sec1_bytes(&validator.public_key)
                .map_err(|_| InvalidValidators::Key(validator.address))?;
            let of = signing::address_of(&key);
            if of != validator.address {
                return Err(InvalidValidators::Address { address: validator.address, of });
            }
            if validator.power == 0 || validator.power > 1 << 40 {
                return Err(InvalidValidators::Power(validator.address, validator.power));
            }
        }
        if let Some(pair) = validators.windows(2).find(|pair| pair[0].address == pair[1].address) {
            return Err(InvalidValidators::Twice(pair[0].address));
        }
        Ok(ValidatorSet(validators))
    }

    /// The validators, sorted by address.
    pub fn as_slice(&self) -> &[Validator] {
        &self.0
    }

    /// The validator with this address.
    pub fn get(&self, address: Address) -> Option<&Validator> {
        self.0.binary_search_by_key(&address, |validator| validator.address).ok().map(|index| &self.0[index])
    }

    /// Sum of all voting power; at most 100 × 2^40.
    pub fn total_power(&self) -> u64 {
        self.0.iter().map(|validator| validator.power).sum()
    }

    /// Keccak-256 of the canonical bytes, as headers carry it.
    pub fn hash(&self) -> B256 {
        let mut bytes = Vec::with_capacity(self.0.len() * 61);
        for validator in &self.0 {
            bytes.extend_from_slice(validator.address.as_slice());
            bytes.extend_from_slice(&validator.public_key);
            bytes.extend_from_slice(&validator.power.to_be_bytes());
        }
        keccak256(bytes)
    }
}
