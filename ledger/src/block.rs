//! Blocks: a header that commits to everything, transactions, and suppliers' proofs with the proposer's verdicts.
//!
//! Canonical bytes are borsh; a block's id is the Keccak-256 of its header's bytes. The header of block h carries gas,
//! receipts and log filter *of* h, but the state root *after h-1*: the tree is updated off the critical path, and a
//! state proof for h is checked against header h+1.

use alloy_primitives::{Address, B256, Bloom, Bytes, keccak256};
use bitdust_types::{
    BlockId,
    limits::{BLOCK_BODY_BYTES_MAX, BLOCK_BYTES_MAX, PROOFS_PER_BLOCK_MAX},
};
use borsh::{BorshDeserialize, BorshSerialize};

use crate::{canon, error::Invalid, prove::Prove};

/// Failed samples that a verdict may list: every answer of a proof.
const FAILED_MAX: usize = bitdust_proof::answer::ANSWERS_MAX;

/// A block's header.
#[derive(Clone, Debug, PartialEq, Eq, BorshSerialize, BorshDeserialize)]
pub struct Header {
    /// The network.
    pub chain_id: u64,
    /// Blocks before this one.
    pub height: u64,
    /// The block before; for genesis the Keccak-256 of its contents.
    pub parent: BlockId,
    /// The proposer's clock, milliseconds since 1970, above the parent's.
    pub timestamp_ms: u64,
    /// The validator that proposed it and earns the tips.
    #[borsh(serialize_with = "canon::address::write", deserialize_with = "canon::address::read")]
    pub proposer: Address,
    /// Next preimage of the proposer's hash chain (see [`crate::beacon`]).
    #[borsh(serialize_with = "canon::hash::write", deserialize_with = "canon::hash::read")]
    pub reveal: B256,
    /// Root of the state after the parent.
    #[borsh(serialize_with = "canon::hash::write", deserialize_with = "canon::hash::read")]
    pub state_root: B256,
    /// Merkle root of the transactions' hashes.
    #[borsh(serialize_with = "canon::hash::write", deserialize_with = "canon::hash::read")]
    pub tx_root: B256,
    /// Merkle root of the receipts, proofs' first.
    #[borsh(serialize_with = "canon::hash::write", deserialize_with = "canon::hash::read")]
    pub receipts_root: B256,
    /// Merkle root of the proofs with their verdicts.
    #[borsh(serialize_with = "canon::hash::write", deserialize_with = "canon::hash::read")]
    pub proofs_root: B256,
    /// Filter over all logs.
    #[borsh(serialize_with = "canon::bloom::write", deserialize_with = "canon::bloom::read")]
    pub logs_bloom: Bloom,
    /// Gas used by the transactions.
    pub gas_used: u64,
    /// Gas that they may use.
    pub gas_limit: u64,
    /// Grains per gas that go to Shares.
    pub base_fee: u64,
    /// Hash of the validators that decide this block.
    #[borsh(serialize_with = "canon::hash::write", deserialize_with = "canon::hash::read")]
    pub validators_hash: B256,
    /// Hash of the validators that decide the next block.
    #[borsh(serialize_with = "canon::hash::write", deserialize_with = "canon::hash::read")]
    pub next_validators_hash: B256,
}

/// Bytes of a header: six integers, an account, the log filter and eight hashes.
pub const HEADER_BYTES: usize = 6 * 8 + 20 + 256 + 8 * 32;

impl Header {
    /// Canonical bytes.
    pub fn encode(&self) -> Vec<u8> {
        // All fields have fixed widths: writing to memory can't fail.
        borsh::to_vec(self).unwrap_or_default()
    }

    /// Reads what [`Header::encode`] wrote.
    ///
    /// # Errors
    /// [`Invalid::Malformed`] for anything else.
    pub fn decode(bytes: &[u8]) -> Result<Self, Invalid> {
        borsh::from_slice(bytes).map_err(|error| Invalid::Malformed { what: "the header", reason: error.to_string() })
    }

    /// The block's id.
    pub fn id(&self) -> BlockId {
        BlockId(keccak256(self.encode()).0)
    }
}

/// A proof in a block: the supplier's bytes and what the proposer found in them.
#[derive(Clone, Debug, PartialEq, Eq, BorshSerialize, BorshDeserialize)]
pub struct JudgedProof {
    /// As the supplier signed it.
    pub prove: Prove,
    /// Indexes of the samples that it doesn't answer rightly, ascending; empty if all are good.
    pub failed: Vec<u16>,
}

impl JudgedProof {
    /// What the proofs root commits to.
    pub fn hash(&self) -> B256 {
        // Bounded by `Block::decode`: writing to memory can't fail.
        keccak256(borsh::to_vec(self).unwrap_or_default())
    }
}

/// A block.
#[derive(Clone, Debug, PartialEq, Eq, BorshSerialize, BorshDeserialize)]
pub struct Block {
    /// What everything else is checked against.
    pub header: Header,
    /// Transactions in execution order, each in EIP-2718 form.
    #[borsh(serialize_with = "canon::byte_lists::write", deserialize_with = "canon::byte_lists::read")]
    pub txs: Vec<Bytes>,
    /// Proofs in execution order; they run before the transactions.
    pub proofs: Vec<JudgedProof>,
}

impl Block {
    /// The block's id.
    pub fn id(&self) -> BlockId {
        self.header.id()
    }

    /// Canonical bytes.
    pub fn encode(&self) -> Vec<u8> {
        // Fails only for lists of 2^32 items; a block that we built or decoded is bounded.
        borsh::to_vec(self).unwrap_or_default()
    }

    /// Decodes foreign bytes, within the bounds of a block. Says nothing about validity: that is
    /// [`crate::exec::apply`]'s.
    ///
    /// # Errors
    /// [`Invalid::Size`] and [`Invalid::Malformed`].
    pub fn decode(bytes: &[u8]) -> Result<Self, Invalid> {
        if bytes.len() > BLOCK_BYTES_MAX {
            return Err(Invalid::Size { what: "the block", size: bytes.len(), max: BLOCK_BYTES_MAX });
        }
        let block: Block = borsh::from_slice(bytes)
            .map_err(|error| Invalid::Malformed { what: "the block", reason: error.to_string() })?;
        block.check_size()?;
        Ok(block)
    }

    /// Checks the bounds that hold for every block, wherever it comes from.
    pub(crate) fn check_size(&self) -> Result<(), Invalid> {
        let body = HEADER_BYTES + self.txs.iter().map(|tx| tx_bytes(tx.len())).sum::<usize>();
        if body > BLOCK_BODY_BYTES_MAX {
            return Err(Invalid::Size { what: "the block's body", size: body, max: BLOCK_BODY_BYTES_MAX });
        }
        if self.proofs.len() > PROOFS_PER_BLOCK_MAX {
            return Err(Invalid::Size {
                what: "the block's list of proofs",
                size: self.proofs.len(),
                max: PROOFS_PER_BLOCK_MAX,
            });
        }
        match self.proofs.iter().map(|proof| proof.failed.len()).max() {
            Some(size) if size > FAILED_MAX => {
                Err(Invalid::Size { what: "a verdict's list of failed samples", size, max: FAILED_MAX })
            }
            _ => Ok(()),
        }
    }
}

/// Bytes that a transaction of this length takes in a block's body: itself and its length.
pub fn tx_bytes(len: usize) -> usize {
    len + 4
}

/// Merkle root of transactions' hashes.
pub fn tx_root(hashes: &[B256]) -> B256 {
    bitdust_proof::list::root(hashes)
}

/// Merkle root of proofs and verdicts.
pub fn proofs_root(proofs: &[JudgedProof]) -> B256 {
    let hashes: Vec<B256> = proofs.iter().map(JudgedProof::hash).collect();
    bitdust_proof::list::root(&hashes)
}

#[cfg(test)]
pub(crate) mod tests;
