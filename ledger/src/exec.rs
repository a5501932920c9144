//! Executing blocks: what a proposer builds, every voter and follower applies to the same end.
//!
//! Order within a block: the proposer's reveal ([`beacon::step`]) → suppliers' proofs, each judged from its bytes and
//! recorded by a system call of the Market → transactions → the header's commitments. The base fee goes to Shares with
//! each transaction, tips go to the proposer.
//!
//! [`build`] chooses and executes; [`apply`] repeats from the block's bytes alone and compares every header field.
//! Whatever `build` makes, `apply` accepts. Neither writes anything: the node stores [`Outcome::diff`] when the block is
//! decided.
//!
//! **Invariant:** a transaction that would change the sum of coins is never included, and a block with one is invalid.

mod cache;
mod machine;
mod proofs;
mod view;

use alloy_primitives::{B256, Bloom, Bytes, TxKind};
use bitdust_types::{
    BlockId, ChainParams, Height, ValidatorSet,
    limits::{BLOCK_BODY_BYTES_MAX, PROOFS_PER_BLOCK_MAX},
};

pub use proofs::{CheckedProve, admit_proof};
pub use view::{Call, CallOutcome, ESTIMATE_AHEAD_BLOCKS, call, estimate_gas};

use crate::{
    beacon,
    block::{self, Block, HEADER_BYTES, Header, JudgedProof},
    error::{Commitment, Error, Invalid, Quantity},
    fee,
    prove::Prove,
    receipt::{self, OUTPUT_BYTES_MAX, Receipt, ReceiptKind},
    state::{StateDiff, StateReader},
    tx::{self, CheckedTx},
};
use cache::Cache;
use machine::{Machine, Ran};

/// How far a proposer's clock may be ahead of a voter's: clocks that differ by minutes are normal, hours are not.
pub const CLOCK_DRIFT_MS_MAX: u64 = 10 * 60 * 1000;

/// Where a block is executed: on top of which parent.
#[derive(Clone, Copy)]
pub struct Ctx<'a> {
    /// The network's constants.
    pub params: &'a ChainParams,
    /// State after the parent.
    pub state: &'a dyn StateReader,
    /// The parent's header.
    pub parent: &'a Header,
    /// The parent's id.
    pub parent_id: BlockId,
    /// Root of the state after the parent, from [`crate::tree`].
    pub state_root: B256,
    /// Who decides this block.
    pub validators: &'a ValidatorSet,
    /// This node's clock when it votes: a block more than [`CLOCK_DRIFT_MS_MAX`] ahead is refused. `None` for blocks
    /// that others have already decided.
    pub now_ms: Option<u64>,
}

/// What the proposer brings to a block.
#[derive(Clone, Copy, Debug)]
pub struct Proposal {
    /// The proposer, a validator.
    pub proposer: bitdust_types::Address,
    /// Its clock; raised to the parent's time plus one if it is behind.
    pub timestamp_ms: u64,
    /// The next preimage of its hash chain.
    pub reveal: B256,
}

/// What a block does.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Outcome {
    /// Receipts of proofs, then of transactions.
    pub receipts: Vec<Receipt>,
    /// Changes of the state.
    pub diff: StateDiff,
    /// Gas used by the transactions.
    pub gas_used: u64,
    /// Validators from the next block on, if they change.
    pub validators: Option<ValidatorSet>,
}

/// Builds the next block: takes as many proofs and candidates, in the order given, as are valid and fit. Candidates of
/// one sender must be in nonce order, as [`crate::pool::Pool::best`] gives them.
///
/// # Errors
/// [`Error::Invalid`] if the proposal itself is no good (no validator, wrong reveal); [`Error::State`] if the state
/// can't be read. Bad candidates and proofs are left out.
pub fn build(
    ctx: &Ctx<'_>,
    proposal: &Proposal,
    candidates: Vec<CheckedTx>,
    proofs: Vec<Prove>,
) -> Result<(Block, Outcome), Error> {
    if ctx.validators.get(proposal.proposer).is_none() {
        return Err(Invalid::Proposer(proposal.proposer).into());
    }
    let mut header = expected_header(ctx);
    header.proposer = proposal.proposer;
    header.reveal = proposal.reveal;
    header.timestamp_ms = proposal.timestamp_ms.max(ctx.parent.timestamp_ms.saturating_add(1));
    let mut run = Run::start(ctx, &header)?;
    let mut judged = Vec::new();
    for prove in proofs {
        if judged.len() == PROOFS_PER_BLOCK_MAX {
            break;
        }
        match run.prove(prove, None) {
            Ok(proof) => judged.push(proof),
            Err(Error::Invalid(reason)) => tracing::debug!(%reason, "a proof is left out of the block"),
            Err(error) => return Err(error),
        }
    }
    let mut txs: Vec<CheckedTx> = Vec::new();
    let mut bytes = HEADER_BYTES;
    for candidate in candidates {
        let size = block::tx_bytes(candidate.raw().len());
        if bytes + size > BLOCK_BODY_BYTES_MAX {
            continue;
        }
        match run.transact(&candidate) {
            Ok(()) => {
                bytes += size;
                txs.push(candidate);
            }
            Err(Error::Invalid(reason)) => tracing::debug!(%reason, "a transaction is left out of the block"),
            Err(error) => return Err(error),
        }
    }
    let outcome = run.finish()?;
    let hashes: Vec<B256> = txs.iter().map(CheckedTx::hash).collect();
    header.tx_root = block::tx_root(&hashes);
    header.proofs_root = block::proofs_root(&judged);
    header.receipts_root = receipt::root(&outcome.receipts);
    header.logs_bloom = receipt::bloom(&outcome.receipts);
    header.gas_used = outcome.gas_used;
    let txs = txs.iter().map(|tx| tx.raw().clone()).collect();
    Ok((Block { header, txs, proofs: judged }, outcome))
}

/// Checks a block completely and executes it, recovering its senders on all cores.
///
/// # Errors
/// [`Error::Invalid`] is the verdict: everybody who has the parent reaches the same. [`Error::State`] if this machine
/// couldn't decide.
pub fn apply(ctx: &Ctx<'_>, block: &Block) -> Result<Outcome, Error> {
    apply_with(ctx, block, &|_| None)
}

/// As [`apply`], taking transactions that were checked before (by the pool, say) from `known`, by hash.
///
/// # Errors
/// As [`apply`].
pub fn apply_with(ctx: &Ctx<'_>, block: &Block, known: &dyn Fn(B256) -> Option<CheckedTx>) -> Result<Outcome, Error> {
    let header = &block.header;
    block.check_size()?;
    check_header(ctx, header)?;
    let txs = tx::check_all(ctx.params, &block.txs, known)?;
    let hashes: Vec<B256> = txs.iter().map(CheckedTx::hash).collect();
    check_commitment(Commitment::TxRoot, block::tx_root(&hashes), header.tx_root)?;
    check_commitment(Commitment::ProofsRoot, block::proofs_root(&block.proofs), header.proofs_root)?;
    let mut run = Run::start(ctx, header)?;
    for proof in &block.proofs {
        run.prove(proof.prove.clone(), Some(&proof.failed))?;
    }
    for tx in &txs {
        run.transact(tx)?;
    }
    let outcome = run.finish()?;
    check_quantity(Quantity::GasUsed, outcome.gas_used, header.gas_used)?;
    check_commitment(Commitment::ReceiptsRoot, receipt::root(&outcome.receipts), header.receipts_root)?;
    let bloom = |bloom: &Bloom| alloy_primitives::keccak256(bloom);
    check_commitment(Commitment::LogsBloom, bloom(&receipt::bloom(&outcome.receipts)), bloom(&header.logs_bloom))?;
    Ok(outcome)
}

/// The next header as far as the parent determines it.
fn expected_header(ctx: &Ctx<'_>) -> Header {
    let parent = ctx.parent;
    let validators = ctx.validators.hash();
    Header {
        chain_id: ctx.params.chain_id,
        height: parent.height + 1,
        parent: ctx.parent_id,
        timestamp_ms: 0,
        proposer: bitdust_types::Address::ZERO,
        reveal: B256::ZERO,
        state_root: ctx.state_root,
        tx_root: B256::ZERO,
        receipts_root: B256::ZERO,
        proofs_root: B256::ZERO,
        logs_bloom: Bloom::ZERO,
        gas_used: 0,
        gas_limit: ctx.params.gas_limit,
        base_fee: fee::next_base_fee(ctx.params, parent.base_fee, parent.gas_used, parent.gas_limit),
        validators_hash: validators,
        next_validators_hash: validators,
    }
}

/// Everything about a header that needs no execution.
fn check_header(ctx: &Ctx<'_>, header: &Header) -> Result<(), Invalid> {
    let expected = expected_header(ctx);
    if header.chain_id != expected.chain_id {
        return Err(Invalid::ChainId { expected: expected.chain_id, found: header.chain_id });
    }
    if header.height != expected.height {
        return Err(Invalid::Height { expected: expected.height, found: header.height });
    }
    if header.parent != expected.parent {
        return Err(Invalid::Parent { expected: expected.parent, found: header.parent });
    }
    let min = ctx.parent.timestamp_ms.saturating_add(1);
    let max = ctx.now_ms.map_or(u64::MAX, |now| now.saturating_add(CLOCK_DRIFT_MS_MAX).max(min));
    if !(min..=max).contains(&header.timestamp_ms) {
        return Err(Invalid::Timestamp { min, max, found: header.timestamp_ms });
    }
    if ctx.validators.get(header.proposer).is_none() {
        return Err(Invalid::Proposer(header.proposer));
    }
    check_quantity(Quantity::GasLimit, expected.gas_limit, header.gas_limit)?;
    check_quantity(Quantity::BaseFee, expected.base_fee, header.base_fee)?;
    check_commitment(Commitment::StateRoot, expected.state_root, header.state_root)?;
    check_commitment(Commitment::Validators, expected.validators_hash, header.validators_hash)?;
    check_commitment(Commitment::NextValidators, expected.next_validators_hash, header.next_validators_hash)
}

fn check_commitment(field: Commitment, expected: B256, found: B256) -> Result<(), Invalid> {
    if expected == found { Ok(()) } else { Err(Invalid::Commitment { field, expected, found }) }
}

fn check_quantity(field: Quantity, expected: u64, found: u64) -> Result<(), Invalid> {
    if expected == found { Ok(()) } else { Err(Invalid::Quantity { field, expected, found }) }
}

/// A block in execution.
struct Run<'a> {
    params: &'a ChainParams,
    height: Height,
    gas_limit: u64,
    base_fee: u64,
    machine: Machine<'a>,
    receipts: Vec<Receipt>,
    proofs: u32,
    txs: u32,
    gas_used: u64,
}

impl<'a> Run<'a> {
    /// Makes the first step of every block: the proposer's reveal.
    fn start(ctx: &Ctx<'a>, header: &Header) -> Result<Self, Error> {
        let height = Height(header.height);
        let mut cache = Cache::new(ctx.state);
        beacon::step(&mut cache, ctx.params, height, header.proposer, header.reveal)?;
        Ok(Run {
            params: ctx.params,
            height,
            gas_limit: header.gas_limit,
            base_fee: header.base_fee,
            machine: Machine::new(ctx.params, header, cache),
            receipts: Vec::new(),
            proofs: 0,
            txs: 0,
            gas_used: 0,
        })
    }

    /// Judges a proof and records the verdict. If the block already claims one, it must be the same.
    fn prove(&mut self, prove: Prove, claimed: Option<&[u16]>) -> Result<JudgedProof, Error> {
        let (seed, failed) = proofs::judge(self.machine.cache(), self.params, self.height, &prove)?;
        if let Some(found) = claimed.filter(|found| **found != *failed) {
            let found = found.to_vec();
            return Err(Invalid::ProofVerdict { supplier: prove.supplier, expected: failed, found }.into());
        }
        let ran = proofs::record(&mut self.machine, &prove, seed, &failed)?;
        self.receipts.push(Receipt {
            tx_hash: prove.hash(),
            index: self.proofs,
            kind: ReceiptKind::System,
            from: prove.supplier,
            to: Some(bitdust_types::system::MARKET),
            contract_address: None,
            success: true,
            gas_used: 0,
            cumulative_gas: self.gas_used,
            effective_gas_price: 0,
            logs: ran.logs,
            output: Bytes::new(),
        });
        self.proofs += 1;
        Ok(JudgedProof { prove, failed })
    }

    fn transact(&mut self, tx: &CheckedTx) -> Result<(), Error> {
        let left = self.gas_limit - self.gas_used;
        if tx.gas_limit() > left {
            return Err(Invalid::TxGasLimit { limit: tx.gas_limit(), max: left }.into());
        }
        let ran = self.machine.transact(tx)?;
        self.gas_used += ran.gas_used;
        self.receipts.push(self.receipt(tx, ran));
        self.txs += 1;
        Ok(())
    }

    fn receipt(&self, tx: &CheckedTx, ran: Ran) -> Receipt {
        use alloy_consensus::Transaction as _;
        let output =
            if ran.success { Bytes::new() } else { ran.output.slice(..ran.output.len().min(OUTPUT_BYTES_MAX)) };
        Receipt {
            tx_hash: tx.hash(),
            index: self.txs,
            kind: ReceiptKind::Transaction,
            from: tx.sender(),
            to: match tx.envelope().kind() {
                TxKind::Call(to) => Some(to),
                TxKind::Create => None,
            },
            contract_address: ran.created,
            success: ran.success,
            gas_used: ran.gas_used,
            cumulative_gas: self.gas_used,
            effective_gas_price: u128::from(self.base_fee) + tx.effective_tip(self.base_fee).unwrap_or(0),
            logs: ran.logs,
            output,
        }
    }

    /// Ends the block, asserting over all accounts that it touched what each transaction was already held to.
    fn finish(self) -> Result<Outcome, Error> {
        let cache = self.machine.into_cache();
        let (before, now) = cache.total();
        if before != now {
            return Err(Error::Fault(format!(
                "block {} turns {before} grains of the accounts it touches into {now}",
                self.height
            )));
        }
        let diff = cache.into_diff();
        Ok(Outcome { receipts: self.receipts, diff, gas_used: self.gas_used, validators: None })
    }
}

/// A block's state, for tests of what runs on it.
#[cfg(test)]
pub(crate) fn testing_cache(reader: &dyn StateReader) -> Cache<'_> {
    Cache::new(reader)
}

#[cfg(test)]
mod tests;
