//! Proof that a block is final: the precommits of validators with more than two thirds of the power.
//!
//! A certificate stands on its own: who knows the chain id and the validators of a height needs nothing else to know
//! that a block of that height is final. It has one form per set of signers (sorted, no duplicates, canonical
//! signatures), but different nodes may hold different sets.

use std::io::{self, Read, Write};

use bitdust_types::{Address, B256, ValidatorSet, limits::VALIDATORS_MAX, signing};
use borsh::{BorshDeserialize, BorshSerialize};

use crate::{Invalid, sign_bytes};

/// Bytes of a certificate: height, round, id and count (48), then at most 100 × (address 20 + signature 65).
pub const CERTIFICATE_BYTES_MAX: usize = 48 + VALIDATORS_MAX * 85;

/// Precommits for one block.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Certificate {
    /// The block's height.
    pub height: u64,
    /// The round in which it was decided.
    pub round: u32,
    /// The block.
    pub block_id: B256,
    /// Who signed, sorted by address, and the signature over the precommit for this height, round and block.
    pub signatures: Vec<(Address, [u8; 65])>,
}

impl Certificate {
    /// Reads a certificate that somebody sent.
    pub fn decode(bytes: &[u8]) -> Result<Self, Invalid> {
        if bytes.len() > CERTIFICATE_BYTES_MAX {
            return Err(Invalid::Encoding(format!("{} bytes, at most {CERTIFICATE_BYTES_MAX}", bytes.len())));
        }
        borsh::from_slice(bytes).map_err(|error| Invalid::Encoding(error.to_string()))
    }

    /// The hash that a validator signs to commit to a block.
    pub fn precommit_hash(chain_id: u64, height: u64, round: u32, block_id: B256) -> B256 {
        sign_bytes::vote(chain_id, sign_bytes::Step::Precommit, height, i64::from(round), Some(block_id))
    }

    /// Checks that validators with more than two thirds of the power of `validators`, the set of this height, signed
    /// this block at this height and round on the chain. Every signature given must be right, not just enough of them.
    pub fn verify(&self, chain_id: u64, validators: &ValidatorSet) -> Result<(), Invalid> {
        let count = validators.as_slice().len();
        if self.signatures.len() > count {
            return Err(Invalid::TooMany { got: self.signatures.len(), validators: count });
        }
        let hash = Self::precommit_hash(chain_id, self.height, self.round, self.block_id);
        let mut signed = 0_u64;
        let mut last: Option<Address> = None;
        for (address, signature) in &self.signatures {
            match last {
                Some(last) if last == *address => return Err(Invalid::Duplicate(*address)),
                Some(last) if last > *address => return Err(Invalid::Order(*address)),
                _ => last = Some(*address),
            }
            let validator = validators.get(*address).ok_or(Invalid::Foreign(*address))?;
            if signing::recover(hash, signature) != Ok(*address) {
                return Err(Invalid::Signature(*address));
            }
            // At most 100 × 2^40, as the set was checked.
            signed += validator.power;
        }
        let total = validators.total_power();
        if u128::from(signed) * 3 > u128::from(total) * 2 { Ok(()) } else { Err(Invalid::Power { signed, total }) }
    }
}

impl BorshSerialize for Certificate {
    fn serialize<W: Write>(&self, writer: &mut W) -> io::Result<()> {
        self.height.serialize(writer)?;
        self.round.serialize(writer)?;
        writer.write_all(self.block_id.as_slice())?;
        (self.signatures.len() as u32).serialize(writer)?;
        for (address, signature) in &self.signatures {
            writer.write_all(address.as_slice())?;
            writer.write_all(signature)?;
        }
        Ok(())
    }
}

impl BorshDeserialize for Certificate {
    fn deserialize_reader<R: Read>(reader: &mut R) -> io::Result<Self> {
        let height = u64::deserialize_reader(reader)?;
        let round = u32::deserialize_reader(reader)?;
        let block_id = B256::new(<[u8; 32]>::deserialize_reader(reader)?);
        let count = u32::deserialize_reader(reader)? as usize;
        if count > VALIDATORS_MAX {
            let text = format!("{count} signatures, at most {VALIDATORS_MAX}");
            return Err(io::Error::new(io::ErrorKind::InvalidData, text));
        }
        let mut signatures = Vec::with_capacity(count);
        for _ in 0..count {
            let address = signing::read_address(reader)?;
            signatures.push((address, <[u8; 65]>::deserialize_reader(reader)?));
        }
        Ok(Certificate { height, round, block_id, signatures })
    }
}

#[cfg(test)]
mod tests;
