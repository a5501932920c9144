//! JSON of `ledger_`. Heights, epochs and times are numbers, amounts decimal strings of grains, bytes hexadecimal.

use alloy_primitives::{Address, B256, Bytes};
use bitdust_types::{Amount, BlockId};
use serde::{Deserialize, Serialize};

/// Where the ledger stands.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct LedgerStatus {
    /// EIP-155 chain id.
    pub chain_id: u64,
    /// Hash of the genesis block.
    pub genesis: BlockId,
    /// Height of the newest block, which is final.
    pub height: u64,
    /// Its id.
    pub block_id: BlockId,
    /// Its time, in milliseconds since 1970.
    pub timestamp_ms: u64,
    /// State after the newest block.
    pub state_root: B256,
    /// The current epoch.
    pub epoch: u64,
    /// Aimed time between two blocks.
    pub block_time_ms: u64,
    /// Base fee of the next block, in grains per gas.
    pub base_fee: Amount,
    /// Who decides on the next block.
    pub validators: Vec<ValidatorInfo>,
    /// Transactions that wait.
    pub pool: PoolInfo,
    /// True while this node is behind its peers.
    pub syncing: bool,
}

/// A validator.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct ValidatorInfo {
    /// Its account.
    pub address: Address,
    /// Its voting power.
    pub power: u64,
}

/// The pool of waiting transactions.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct PoolInfo {
    /// Transactions that could go into the next block.
    pub pending: u64,
    /// Transactions that wait for an earlier nonce.
    pub queued: u64,
    /// Bytes of all of them.
    pub bytes: u64,
    /// Proofs that wait.
    pub proofs: u64,
}

/// A block in the ledger's own terms.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct NativeBlock {
    /// Height.
    pub height: u64,
    /// Keccak-256 of the header's canonical bytes.
    pub id: BlockId,
    /// The block before.
    pub parent: BlockId,
    /// Time, in milliseconds since 1970.
    pub timestamp_ms: u64,
    /// Who proposed it.
    pub proposer: Address,
    /// The proposer's beacon preimage.
    pub reveal: B256,
    /// State after the parent.
    pub state_root: B256,
    /// Merkle root of the transactions.
    pub tx_root: B256,
    /// Merkle root of the receipts.
    pub receipts_root: B256,
    /// Merkle root of the proofs.
    pub proofs_root: B256,
    /// Gas used.
    pub gas_used: u64,
    /// Gas allowed.
    pub gas_limit: u64,
    /// Grains per gas.
    pub base_fee: Amount,
    /// Hash of the validators that decided.
    pub validators_hash: B256,
    /// Hash of those that decide on the next block.
    pub next_validators_hash: B256,
    /// Bytes of the canonical form.
    pub bytes: u64,
    /// Transactions in order.
    pub transactions: Vec<NativeTransaction>,
    /// Proofs in order.
    pub proofs: Vec<NativeProof>,
}

/// A transaction as it stands in a block.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct NativeTransaction {
    /// Its hash.
    pub hash: B256,
    /// Who signed it.
    pub from: Address,
    /// EIP-2718 bytes.
    pub raw: Bytes,
}

/// A supplier's proof with the verdict that the block carries.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct NativeProof {
    /// Who proves.
    pub supplier: Address,
    /// For which epoch.
    pub epoch: u64,
    /// Samples answered.
    pub samples: u16,
    /// Indices of the samples that failed; none is a clean proof.
    pub failed: Vec<u16>,
    /// The supplier's signature.
    pub signature: Bytes,
    /// The answers' canonical bytes.
    pub answers: Bytes,
}

/// The votes that made a block final.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct CertificateInfo {
    /// Height.
    pub height: u64,
    /// Round in which it was decided.
    pub round: u32,
    /// The block.
    pub block_id: BlockId,
    /// More than two thirds of the power.
    pub signatures: Vec<CommitSignature>,
    /// Canonical bytes.
    pub raw: Bytes,
}

/// One validator's precommit.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct CommitSignature {
    /// Who.
    pub validator: Address,
    /// 65 bytes: r, s, v.
    pub signature: Bytes,
}

/// An epoch and its proof window.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct EpochInfo {
    /// The epoch.
    pub epoch: u64,
    /// Its first block.
    pub first_block: u64,
    /// Its last block.
    pub last_block: u64,
    /// The newest block.
    pub height: u64,
    /// First block that may carry its proofs.
    pub window_first: u64,
    /// Last block that may carry its proofs.
    pub window_last: u64,
    /// True if the next block may carry proofs.
    pub window_open: bool,
    /// Samples per proof.
    pub samples: u16,
    /// The seed, once enough reveals are in.
    pub seed: Option<B256>,
    /// Reveals so far.
    pub reveals: u64,
    /// Reveals that make the seed.
    pub reveals_needed: u64,
}

/// How an epoch's seed came about.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct SeedInfo {
    /// The epoch.
    pub epoch: u64,
    /// The seed, once enough reveals are in.
    pub seed: Option<B256>,
    /// Reveals that make it.
    pub reveals_needed: u64,
    /// Those that are in, in order.
    pub reveals: Vec<Reveal>,
}

/// One proposer's preimage.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Reveal {
    /// In which block.
    pub height: u64,
    /// Whose.
    pub proposer: Address,
    /// The preimage; its Keccak-256 is the tip that the proposer had registered.
    pub preimage: B256,
}
