//! The bytes that votes, proposals and proposal parts sign. Each kind starts with its own label and the chain id, and has
//! fixed-width fields in big-endian order, so that no two different messages of any kind share a preimage. What is signed
//! is the Keccak-256 of the preimage.
//!
//! The voter's address is no part of a vote's preimage: its signature recovers to it.

use bitdust_types::{Address, B256, keccak256};

/// The two kinds of votes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Step {
    /// "I hold this block for valid."
    Prevote = 1,
    /// "I commit to this block."
    Precommit = 2,
}

/// A vote for a block, or for nil (`None`). A round of -1 stands for "none" and is signed by nobody.
pub(crate) fn vote(chain_id: u64, step: Step, height: u64, round: i64, block: Option<B256>) -> B256 {
    let mut bytes = Vec::with_capacity(96);
    bytes.extend_from_slice(b"bitdust/vote/1");
    bytes.extend_from_slice(&chain_id.to_be_bytes());
    bytes.push(step as u8);
    bytes.extend_from_slice(&height.to_be_bytes());
    bytes.extend_from_slice(&round.to_be_bytes());
    match block {
        None => bytes.push(0),
        Some(id) => {
            bytes.push(1);
            bytes.extend_from_slice(id.as_slice());
        }
    }
    keccak256(bytes)
}

/// A proposal of a block; `pol_round` is the round in which it had gathered two thirds of the prevotes, or -1.
pub(crate) fn proposal(chain_id: u64, height: u64, round: i64, pol_round: i64, block: B256) -> B256 {
    let mut bytes = Vec::with_capacity(96);
    bytes.extend_from_slice(b"bitdust/proposal/1");
    bytes.extend_from_slice(&chain_id.to_be_bytes());
    bytes.extend_from_slice(&height.to_be_bytes());
    bytes.extend_from_slice(&round.to_be_bytes());
    bytes.extend_from_slice(&pol_round.to_be_bytes());
    bytes.extend_from_slice(block.as_slice());
    keccak256(bytes)
}

/// What a part of a block says of itself, apart from its data.
pub(crate) struct PartHead<'a> {
    pub stream: &'a [u8],
    pub height: u64,
    pub round: u32,
    pub pol_round: i64,
    pub proposer: Address,
    pub sender: Address,
    pub block_bytes: u32,
    pub index: u16,
}

/// A part of a block.
pub(crate) fn part(chain_id: u64, head: &PartHead<'_>, data: &[u8]) -> B256 {
    let mut bytes = Vec::with_capacity(192);
    bytes.extend_from_slice(b"bitdust/part/1");
    bytes.extend_from_slice(&chain_id.to_be_bytes());
    bytes.extend_from_slice(keccak256(head.stream).as_slice());
    bytes.extend_from_slice(&head.height.to_be_bytes());
    bytes.extend_from_slice(&head.round.to_be_bytes());
    bytes.extend_from_slice(&head.pol_round.to_be_bytes());
    bytes.extend_from_slice(head.proposer.as_slice());
    bytes.extend_from_slice(head.sender.as_slice());
    bytes.extend_from_slice(&head.block_bytes.to_be_bytes());
    bytes.extend_from_slice(&head.index.to_be_bytes());
    bytes.extend_from_slice(keccak256(data).as_slice());
    keccak256(bytes)
}
