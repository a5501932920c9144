//! What a supplier sends once an epoch: for each sample the bytes with their way up to the slot's root, or *miss*.
//!
//! The way has two parts: the chunk's path in its blob's BLAKE3 tree, and the blob's path in the slot's sum tree. Which
//! slots and offsets are asked is computed by the judge; an answer says nothing about that.

use borsh::{BorshDeserialize, BorshSerialize};

use bitdust_types::{Root, SlotRoot, limits::PROOF_BYTES_MAX};

use crate::{
    Invalid,
    blob::{self, ChunkProof},
    sum::{self, SumPath},
};

/// Most answers in one proof: at most 40 samples and as many more inside slots on probation, and a margin. A hit takes
/// 1.6 KiB and more, so [`PROOF_BYTES_MAX`] binds first unless most are misses.
pub const ANSWERS_MAX: usize = 128;

/// The answer to one sample.
#[derive(Clone, Debug, PartialEq, Eq, BorshSerialize, BorshDeserialize)]
pub enum Answer {
    /// The supplier can't show these bytes.
    Miss,
    /// The bytes and their way up.
    Hit {
        /// The blob that holds the sampled byte.
        leaf_root: Root,
        /// That blob's length in bytes.
        leaf_len: u64,
        /// The blob's way up to the slot's root.
        sum: SumPath,
        /// The chunk that holds the byte, and its way up to the blob's root.
        chunk: ChunkProof,
    },
}

/// All answers of one supplier for one epoch, in the order of the samples.
#[derive(Clone, Debug, Default, PartialEq, Eq, BorshSerialize, BorshDeserialize)]
pub struct SupplierProof {
    /// One for each sample.
    pub answers: Vec<Answer>,
}

impl SupplierProof {
    /// Canonical bytes (borsh).
    pub fn encode(&self) -> Vec<u8> {
        let mut bytes = Vec::new();
        self.serialize(&mut bytes).expect("writing to memory does not fail");
        bytes
    }

    /// From bytes that someone sent: at most [`PROOF_BYTES_MAX`] of them and [`ANSWERS_MAX`] answers, nothing behind the end.
    pub fn decode(bytes: &[u8]) -> Result<Self, Invalid> {
        if bytes.len() > PROOF_BYTES_MAX {
            let (got, max) = (bytes.len() as u64, PROOF_BYTES_MAX as u64);
            return Err(Invalid::TooLarge { what: "supplier's proof", got, max });
        }
        let proof: SupplierProof = borsh::from_slice(bytes)
            .map_err(|error| Invalid::Encoding { what: "supplier's proof", why: error.to_string() })?;
        if proof.answers.len() > ANSWERS_MAX {
            let (got, max) = (proof.answers.len() as u64, ANSWERS_MAX as u64);
            return Err(Invalid::TooLarge { what: "supplier's list of answers", got, max });
        }
        Ok(proof)
    }
}

/// Holds one answer against a slot: does it show the slot's byte `offset_in_slot`?
///
/// `slot_root` and `slot_bytes` are those frozen at the epoch's start. [`Invalid::Miss`] for an answer that admits it.
pub fn verify_answer(
    slot_root: SlotRoot,
    slot_bytes: u64,
    offset_in_slot: u64,
    answer: &Answer,
) -> Result<(), Invalid> {
    match answer {
        Answer::Miss => Err(Invalid::Miss),
        Answer::Hit { leaf_root, leaf_len, sum, chunk } => {
            let offset = sum::verify(slot_root, slot_bytes, offset_in_slot, &(*leaf_root, *leaf_len), sum)?;
            blob::verify_chunk(*leaf_root, *leaf_len, offset, chunk)
        }
    }
}

#[cfg(test)]
mod tests;
