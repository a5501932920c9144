//! The two ways to fail: [`Invalid`] is a verdict on somebody's data, [`Error`] says that this machine couldn't decide.

use alloy_primitives::{Address, B256, U256};
use bitdust_types::BlockId;

use crate::state::StateError;

/// Why a block, a transaction or a proof is refused. The same on every node that looks at the same bytes and state.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Invalid {
    /// More bytes or items than allowed.
    #[error("{what} has a size of {size}, but at most {max} is allowed")]
    Size {
        /// What is too large.
        what: &'static str,
        /// Its size, in bytes or items.
        size: usize,
        /// The bound.
        max: usize,
    },
    /// Bytes that don't decode.
    #[error("{what} can't be decoded: {reason}")]
    Malformed {
        /// What should have been there.
        what: &'static str,
        /// Where it broke.
        reason: String,
    },

    // Headers.
    /// Made for another network.
    #[error("the block is for chain id {found}, this network has {expected}")]
    ChainId {
        /// This network's.
        expected: u64,
        /// The block's.
        found: u64,
    },
    /// Not the next block.
    #[error("the block has height {found}, expected {expected}")]
    Height {
        /// The parent's plus one.
        expected: u64,
        /// The block's.
        found: u64,
    },
    /// Built on another block.
    #[error("the block builds on {found}, expected {expected}")]
    Parent {
        /// The block that we have at the height before.
        expected: BlockId,
        /// The one that the header names.
        found: BlockId,
    },
    /// Not after its parent, or in the future.
    #[error("the block's time {found} ms is outside of {min}..={max} ms since 1970")]
    Timestamp {
        /// The parent's time plus one.
        min: u64,
        /// Latest acceptable.
        max: u64,
        /// The block's.
        found: u64,
    },
    /// Proposed by somebody who is no validator.
    #[error("proposer {0} is not a validator of this height")]
    Proposer(Address),
    /// The reveal is not the next preimage of the proposer's hash chain.
    #[error("the reveal {reveal} of {proposer} is no preimage of its tip {tip} on the ledger")]
    Reveal {
        /// Who revealed.
        proposer: Address,
        /// What.
        reveal: B256,
        /// What its Keccak-256 should be; zero if the validator has no hash chain.
        tip: B256,
    },
    /// A root, hash or filter in the header isn't what execution gives.
    #[error("the header's {field} is {found}, execution gives {expected}")]
    Commitment {
        /// Which field.
        field: Commitment,
        /// As executed here.
        expected: B256,
        /// As in the header (a filter by its Keccak-256).
        found: B256,
    },
    /// A number in the header isn't what the rules give.
    #[error("the header's {field} is {found}, the rules give {expected}")]
    Quantity {
        /// Which field.
        field: Quantity,
        /// By the rules.
        expected: u64,
        /// As in the header.
        found: u64,
    },

    // Transactions.
    /// A transaction type that this network doesn't take.
    #[error("transaction type {0} is not accepted: send type 0 (with chain id), 1 or 2")]
    TxType(u8),
    /// Signed for another network, or for none (replayable).
    #[error("the transaction is signed for chain id {found:?}, this network has {expected}")]
    TxChainId {
        /// This network's.
        expected: u64,
        /// The transaction's; `None` before EIP-155.
        found: Option<u64>,
    },
    /// The signature names nobody.
    #[error("the transaction's signature is not valid (r, s or v out of range, or s in the upper half)")]
    TxSignature,
    /// The gas limit doesn't even cover the transaction's own bytes.
    #[error("the transaction's gas limit {limit} is below the {needed} that its bytes cost")]
    TxIntrinsicGas {
        /// Intrinsic gas, or the floor of EIP-7623.
        needed: u64,
        /// The transaction's limit.
        limit: u64,
    },
    /// The gas limit is above the block's.
    #[error("the transaction's gas limit {limit} is above a block's {max}")]
    TxGasLimit {
        /// The transaction's limit.
        limit: u64,
        /// A block's limit.
        max: u64,
    },
    /// Tip above the whole fee (EIP-1559).
    #[error("the priority fee {tip} is above the maximum fee {fee} (grains per gas)")]
    TxTipAboveFee {
        /// Maximum priority fee per gas.
        tip: u128,
        /// Maximum fee per gas.
        fee: u128,
    },
    /// The fee doesn't reach the base fee.
    #[error("the maximum fee of {fee} grains per gas is below the base fee of {base_fee}: offer more")]
    TxUnderpriced {
        /// Maximum fee per gas.
        fee: u128,
        /// Base fee.
        base_fee: u64,
    },
    /// Already used.
    #[error("nonce {nonce} of {sender} is used: the next is {next}")]
    TxNonceUsed {
        /// Who sent it.
        sender: Address,
        /// The transaction's nonce.
        nonce: u64,
        /// The account's.
        next: u64,
    },
    /// Too far ahead of the account.
    #[error("nonce {nonce} of {sender} is more than {max} ahead of the account's {next}")]
    TxNonceGap {
        /// Who sent it.
        sender: Address,
        /// The transaction's nonce.
        nonce: u64,
        /// The account's.
        next: u64,
        /// How far ahead the pool keeps transactions.
        max: u64,
    },
    /// The sender can't pay.
    #[error("{sender} has {balance} grains, but its waiting transactions may cost {cost}")]
    TxFunds {
        /// Who sent it.
        sender: Address,
        /// What it has.
        balance: U256,
        /// What it may have to pay at most.
        cost: U256,
    },
    /// Already in the pool.
    #[error("transaction {0} is already known")]
    TxKnown(B256),
    /// Another transaction has this nonce, and this one doesn't pay enough more.
    #[error("nonce {nonce} is taken by {by}: to replace it, offer at least {fee} grains per gas and a tip of {tip}")]
    TxReplacement {
        /// The nonce.
        nonce: u64,
        /// The transaction that waits.
        by: B256,
        /// Smallest maximum fee that replaces it.
        fee: u128,
        /// Smallest priority fee that replaces it.
        tip: u128,
    },
    /// The pool is full of better-paying transactions.
    #[error("the pool is full: offer more than {fee} grains per gas, or try again later")]
    PoolFull {
        /// The fee to beat.
        fee: u128,
    },
    /// Too many of one sender.
    #[error("{sender} already has {max} transactions waiting")]
    PoolSender {
        /// Who sent them.
        sender: Address,
        /// The bound.
        max: usize,
    },
    /// Too many of one sender behind a nonce that is missing.
    #[error("{sender} already has {max} transactions waiting for its nonce {next}: send that one first")]
    PoolQueuedSender {
        /// Who sent them.
        sender: Address,
        /// The nonce that is missing.
        next: u64,
        /// The bound.
        max: usize,
    },
    /// Too many transactions wait for missing nonces.
    #[error(
        "too many transactions wait for missing nonces: send nonce {next} first, or offer more than {fee} grains per gas"
    )]
    PoolQueueFull {
        /// The sender's nonce that is missing.
        next: u64,
        /// The fee to beat.
        fee: u128,
    },
    /// A transaction that execution refuses to include.
    #[error("transaction {hash} can't be included: {reason}")]
    TxRefused {
        /// Its hash.
        hash: B256,
        /// The EVM's reason.
        reason: String,
    },
    /// A transaction whose execution would change the sum of coins: a fault in a system contract, stopped here.
    #[error("transaction {hash} would turn {before} grains into {after}: refused, please report this")]
    CoinsNotConserved {
        /// Its hash.
        hash: B256,
        /// Sum over the accounts it touches, before.
        before: U256,
        /// The same after, fees included.
        after: U256,
    },

    // Proofs.
    /// Outside of the window in which a block may carry proofs, or of another epoch.
    #[error("a proof of epoch {epoch} can't be in block {height}: its window is {first}..={last}")]
    ProofWindow {
        /// The proof's epoch.
        epoch: u64,
        /// The block.
        height: u64,
        /// First block of the window.
        first: u64,
        /// Last block of the window.
        last: u64,
    },
    /// Not signed by the supplier.
    #[error("the proof is not signed by supplier {0}")]
    ProofSignature(Address),
    /// Two proofs of one supplier and epoch.
    #[error("supplier {supplier} has already proved epoch {epoch}")]
    ProofTwice {
        /// Who proved.
        supplier: Address,
        /// What.
        epoch: u64,
    },
    /// The supplier has nothing to prove in this epoch.
    #[error("supplier {supplier} has nothing to prove in epoch {epoch}")]
    ProofNothing {
        /// Who proved.
        supplier: Address,
        /// What.
        epoch: u64,
    },
    /// The number of answers isn't the number of samples.
    #[error("the proof has {found} answers, but {expected} samples were drawn")]
    ProofAnswers {
        /// Samples.
        expected: usize,
        /// Answers.
        found: usize,
    },
    /// The block's verdict on a proof isn't what its bytes say.
    #[error("the block says that samples {found:?} of {supplier} failed, its proof says {expected:?}")]
    ProofVerdict {
        /// Who proved.
        supplier: Address,
        /// By the bytes.
        expected: Vec<u16>,
        /// By the block.
        found: Vec<u16>,
    },
    /// The Market refused to record a proof.
    #[error("the Market refuses the proof of {supplier}: {reason}")]
    ProofRefused {
        /// Who proved.
        supplier: Address,
        /// The revert reason.
        reason: String,
    },

    // Genesis.
    /// A genesis file that makes no network.
    #[error("the genesis file is not usable: {0}")]
    Genesis(String),
    /// A state proof that doesn't lead to the root.
    #[error("the state proof of {what} doesn't lead to root {root}: {reason}")]
    StateProof {
        /// Which account or slot.
        what: String,
        /// The root it was checked against.
        root: B256,
        /// Where it broke.
        reason: String,
    },
}

/// Header fields that commit to something by hash.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Commitment {
    /// State after the parent.
    StateRoot,
    /// Transactions.
    TxRoot,
    /// Receipts.
    ReceiptsRoot,
    /// Proofs and verdicts.
    ProofsRoot,
    /// Log filter.
    LogsBloom,
    /// Validators of this block.
    Validators,
    /// Validators of the next block.
    NextValidators,
}

/// Header fields that hold a number given by the rules.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Quantity {
    /// Gas used by all transactions.
    GasUsed,
    /// Gas that they may use.
    GasLimit,
    /// Base fee in grains per gas.
    BaseFee,
}

impl std::fmt::Display for Commitment {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(match self {
            Commitment::StateRoot => "state root",
            Commitment::TxRoot => "transactions root",
            Commitment::ReceiptsRoot => "receipts root",
            Commitment::ProofsRoot => "proofs root",
            Commitment::LogsBloom => "log filter",
            Commitment::Validators => "validators' hash",
            Commitment::NextValidators => "next validators' hash",
        })
    }
}

impl std::fmt::Display for Quantity {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(match self {
            Quantity::GasUsed => "gas used",
            Quantity::GasLimit => "gas limit",
            Quantity::BaseFee => "base fee",
        })
    }
}

/// This machine couldn't decide, or decided against the data.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Error {
    /// A verdict on the data.
    #[error(transparent)]
    Invalid(#[from] Invalid),
    /// The state couldn't be read: repair the database or ask again.
    #[error(transparent)]
    State(#[from] StateError),
    /// Our own code broke a promise. Stop, and report it.
    #[error("internal fault: {0}; please report this")]
    Fault(String),
}
