//! Transactions in Ethereum's formats, from foreign bytes to a checked value.
//!
//! Accepted: legacy with EIP-155 (type 0), EIP-2930 (1) and EIP-1559 (2). Refused: legacy without a chain id, which
//! anybody could replay here, blobs (EIP-4844) and code delegation (EIP-7702), which this chain has no use for.
//!
//! Recovering the sender is the dearest part (40–200 µs), so it happens once: a [`CheckedTx`] can only be made by
//! [`decode_and_check`], is cheap to clone, and travels from pool to block to execution. [`check_all`] checks a whole
//! block's transactions on all cores and takes those that the pool knows from there.

use std::{fmt, sync::Arc, thread};

use alloy_consensus::{Transaction as _, TxEnvelope, transaction::SignerRecoverable};
use alloy_eips::eip2718::{Decodable2718, Encodable2718, Typed2718};
use alloy_primitives::{Address, B256, Bytes, TxKind, U256, keccak256};
use bitdust_types::{ChainParams, limits::TRANSACTION_BYTES_MAX};
use revm::{context::TxEnv, interpreter::gas::calculate_initial_tx_gas, primitives::hardfork::SpecId};

use crate::error::Invalid;

/// The EVM's rules: Osaka, of November 2025, the newest that compilers aim at by default.
pub const SPEC: SpecId = SpecId::OSAKA;

/// Threads start only for blocks with at least this many unknown transactions: below it they cost more than they save
/// (20 µs for a thread, 200 µs for a recovery).
const PARALLEL_MIN: usize = 8;

/// A transaction whose bytes, signature, chain id and intrinsic gas are right. Whether its sender can pay is the
/// state's business.
#[derive(Clone)]
pub struct CheckedTx(Arc<Inner>);

struct Inner {
    envelope: TxEnvelope,
    sender: Address,
    hash: B256,
    raw: Bytes,
}

impl CheckedTx {
    /// The decoded transaction.
    pub fn envelope(&self) -> &TxEnvelope {
        &self.0.envelope
    }

    /// The account that signed it.
    pub fn sender(&self) -> Address {
        self.0.sender
    }

    /// Keccak-256 of its bytes.
    pub fn hash(&self) -> B256 {
        self.0.hash
    }

    /// Its EIP-2718 bytes.
    pub fn raw(&self) -> &Bytes {
        &self.0.raw
    }

    /// The sender's count of earlier transactions.
    pub fn nonce(&self) -> u64 {
        self.0.envelope.nonce()
    }

    /// Most gas that it may use.
    pub fn gas_limit(&self) -> u64 {
        self.0.envelope.gas_limit()
    }

    /// Most that it pays per gas, in grains.
    pub fn fee(&self) -> u128 {
        self.0.envelope.max_fee_per_gas()
    }

    /// Most that it pays the proposer per gas, in grains. A legacy transaction offers all that is above the base fee.
    pub fn tip(&self) -> u128 {
        self.0.envelope.max_priority_fee_per_gas().unwrap_or_else(|| self.fee())
    }

    /// What the proposer gets per gas at this base fee; `None` if the base fee isn't met.
    pub fn effective_tip(&self, base_fee: u64) -> Option<u128> {
        self.fee().checked_sub(u128::from(base_fee)).map(|above| above.min(self.tip()))
    }

    /// Grains that the sender must have: value and the fee for all of its gas. Saturates far above any supply.
    pub fn cost(&self) -> U256 {
        let fees = U256::from(self.fee()).saturating_mul(U256::from(self.gas_limit()));
        fees.saturating_add(self.0.envelope.value())
    }

    /// As the EVM wants it.
    pub(crate) fn env(&self) -> TxEnv {
        let tx = &self.0.envelope;
        TxEnv {
            tx_type: tx.ty(),
            caller: self.0.sender,
            gas_limit: tx.gas_limit(),
            gas_price: tx.max_fee_per_gas(),
            gas_priority_fee: tx.max_priority_fee_per_gas(),
            kind: tx.kind(),
            value: tx.value(),
            data: tx.input().clone(),
            nonce: tx.nonce(),
            chain_id: tx.chain_id(),
            access_list: tx.access_list().cloned().unwrap_or_default(),
            ..TxEnv::default()
        }
    }
}

impl fmt::Debug for CheckedTx {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "CheckedTx({} from {} nonce {})", self.hash(), self.sender(), self.nonce())
    }
}

impl PartialEq for CheckedTx {
    fn eq(&self, other: &Self) -> bool {
        self.hash() == other.hash()
    }
}

impl Eq for CheckedTx {}

/// Decodes foreign bytes and checks everything that needs no state.
///
/// # Errors
/// [`Invalid`] with the first thing that is wrong.
pub fn decode_and_check(params: &ChainParams, raw: &[u8]) -> Result<CheckedTx, Invalid> {
    if raw.len() > TRANSACTION_BYTES_MAX {
        return Err(Invalid::Size { what: "the transaction", size: raw.len(), max: TRANSACTION_BYTES_MAX });
    }
    let malformed = |reason: String| Invalid::Malformed { what: "the transaction", reason };
    // The type byte decides before decoding, so that a blob's kilobytes aren't parsed only to be refused.
    match raw.first() {
        None => return Err(malformed("it is empty".into())),
        Some(kind @ 0x03..=0x7f) => return Err(Invalid::TxType(*kind)),
        Some(_) => {}
    }
    let mut rest = raw;
    let envelope = TxEnvelope::decode_2718(&mut rest).map_err(|error| malformed(error.to_string()))?;
    if !rest.is_empty() {
        return Err(malformed(format!("{} bytes follow its end", rest.len())));
    }
    // One transaction, one hash: bytes that decode to it but aren't its own encoding would be a second name for it.
    if envelope.encoded_2718() != raw {
        return Err(malformed("it is not in canonical form".into()));
    }
    check_fields(params, &envelope)?;
    let sender = envelope.recover_signer().map_err(|_| Invalid::TxSignature)?;
    Ok(CheckedTx(Arc::new(Inner { envelope, sender, hash: keccak256(raw), raw: Bytes::copy_from_slice(raw) })))
}

fn check_fields(params: &ChainParams, tx: &TxEnvelope) -> Result<(), Invalid> {
    if !(tx.is_legacy() || tx.is_eip2930() || tx.is_eip1559()) {
        return Err(Invalid::TxType(tx.ty()));
    }
    if tx.chain_id() != Some(params.chain_id) {
        return Err(Invalid::TxChainId { expected: params.chain_id, found: tx.chain_id() });
    }
    if let Some(tip) = tx.max_priority_fee_per_gas().filter(|tip| *tip > tx.max_fee_per_gas()) {
        return Err(Invalid::TxTipAboveFee { tip, fee: tx.max_fee_per_gas() });
    }
    if tx.gas_limit() > params.gas_limit {
        return Err(Invalid::TxGasLimit { limit: tx.gas_limit(), max: params.gas_limit });
    }
    let (accounts, slots) = tx
        .access_list()
        .map_or((0, 0), |list| (list.0.len(), list.0.iter().map(|item| item.storage_keys.len()).sum::<usize>()));
    let gas =
        calculate_initial_tx_gas(SPEC, tx.input(), tx.kind() == TxKind::Create, accounts as u64, slots as u64, 0, None);
    let needed = gas.initial_total_gas().max(gas.floor_gas());
    if needed > tx.gas_limit() {
        return Err(Invalid::TxIntrinsicGas { needed, limit: tx.gas_limit() });
    }
    Ok(())
}

/// Checks a block's transactions, in order, on all cores. `known` may answer from the pool by hash.
///
/// # Errors
/// [`Invalid`] of the first bad transaction in block order, whichever thread finds it.
pub fn check_all(
    params: &ChainParams,
    raws: &[Bytes],
    known: &dyn Fn(B256) -> Option<CheckedTx>,
) -> Result<Vec<CheckedTx>, Invalid> {
    let look_up = |raw: &Bytes| {
        let hash = keccak256(raw);
        known(hash).filter(|tx| tx.hash() == hash)
    };
    let mut found: Vec<Option<CheckedTx>> = raws.iter().map(look_up).collect();
    let missing: Vec<usize> = (0..raws.len()).filter(|index| found[*index].is_none()).collect();
    let threads = thread::available_parallelism().map_or(1, usize::from);
    if missing.len() < PARALLEL_MIN || threads == 1 {
        for index in missing {
            found[index] = Some(decode_and_check(params, &raws[index])?);
        }
        return Ok(found.into_iter().flatten().collect());
    }
    let share = missing.len().div_ceil(threads);
    let check = |indexes: &[usize]| -> Result<Vec<(usize, CheckedTx)>, Invalid> {
        indexes.iter().map(|index| Ok((*index, decode_and_check(params, &raws[*index])?))).collect()
    };
    let results: Vec<_> = thread::scope(|scope| {
        let handles: Vec<_> = missing.chunks(share).map(|indexes| scope.spawn(move || check(indexes))).collect();
        // A panic in a worker is a panic of ours: pass it on unchanged.
        handles
            .into_iter()
            .map(|handle| handle.join().unwrap_or_else(|panic| std::panic::resume_unwind(panic)))
            .collect()
    });
    // Chunks are in block order and so are the results: the first error is the first bad transaction.
    for result in results {
        for (index, tx) in result? {
            found[index] = Some(tx);
        }
    }
    Ok(found.into_iter().flatten().collect())
}

#[cfg(test)]
mod tests;
