//! `eth_` and `net_`: Ethereum's questions, so that wallets work unchanged.

use std::collections::{HashMap, hash_map::Entry};

use alloy_consensus::{TxEnvelope, TxType, transaction::SignerRecoverable as _};
use alloy_eips::eip2718::Decodable2718 as _;
use alloy_primitives::{Address, B256, Bytes, Log as InnerLog, TxKind, U64, U256};
use bitdust_ledger::{
    Block as LedgerBlock, Error as LedgerError, Receipt,
    exec::{Call, CallOutcome},
    receipt::ReceiptKind,
    state::{StateError, StateReader},
    tree,
};
use bitdust_rpc::{
    Code, Failure,
    api::{EthServer, NetServer},
    eth_types::{
        Block, BlockId, BlockNumberOrTag, EIP1186AccountProofResponse, EIP1186StorageProof, FeeHistory, Filter,
        FilterBlockOption, Log, SyncStatus, Transaction, TransactionReceipt, TransactionRequest, state::StateOverride,
    },
    jsonrpsee::core::async_trait,
    types::eth::{self as json, BlockFacts, ReceiptFacts},
};
use bitdust_store::chain::{LogFilter, LogsError};
use bitdust_types::keccak256;

use super::{Api, internal};
use crate::chain::sender::why;

/// Tip per gas that is suggested: what this node itself offers.
const SUGGESTED_TIP: u64 = 100_000_000;
/// Blocks that `eth_feeHistory` answers at most.
const FEE_HISTORY_MAX: u64 = 1024;
/// Percentiles that `eth_feeHistory` answers per block, as in go-ethereum: 1024 × 100 fees of 16 bytes are 1.6 MiB.
const FEE_PERCENTILES_MAX: usize = 100;
/// Slots that `eth_getProof` proves, as in go-ethereum: each takes up to some KiB, so they fit into an answer.
const PROOF_SLOTS_MAX: usize = 1024;
/// Addresses, and topics of each position, that `eth_getLogs` looks for, as in go-ethereum: each is hashed for each block.
const FILTER_CHOICES_MAX: usize = 1000;

#[async_trait]
impl NetServer for Api {
    async fn net_version(&self) -> Result<String, Failure> {
        Ok(self.chain.params().chain_id.to_string())
    }

    async fn net_peer_count(&self) -> Result<U64, Failure> {
        Ok(U64::from(self.network.peers().len()))
    }

    async fn net_listening(&self) -> Result<bool, Failure> {
        Ok(!self.network.listen_addrs().is_empty())
    }
}

#[async_trait]
impl EthServer for Api {
    async fn eth_chain_id(&self) -> Result<U64, Failure> {
        Ok(U64::from(self.chain.params().chain_id))
    }

    async fn eth_block_number(&self) -> Result<U64, Failure> {
        Ok(U64::from(self.chain.tip().height.0))
    }

    async fn eth_syncing(&self) -> Result<SyncStatus, Failure> {
        Ok(SyncStatus::None)
    }

    async fn eth_accounts(&self) -> Result<Vec<Address>, Failure> {
        // This node signs for nobody who merely asks.
        Ok(Vec::new())
    }

    async fn eth_get_block_by_number(&self, number: BlockNumberOrTag, full: bool) -> Result<Option<Block>, Failure> {
        let height = self.height(number);
        self.blocking(move |api| api.block_json(height, full)).await
    }

    async fn eth_get_block_by_hash(&self, hash: B256, full: bool) -> Result<Option<Block>, Failure> {
        match self.chain.store().height_of(hash.into()).map_err(internal)? {
            Some(height) => self.blocking(move |api| api.block_json(height, full)).await,
            None => Ok(None),
        }
    }

    async fn eth_get_block_receipts(&self, block: BlockId) -> Result<Option<Vec<TransactionReceipt>>, Failure> {
        let Some(height) = self.height_of(block)? else { return Ok(None) };
        self.blocking(move |api| api.receipts_json(height)).await
    }

    async fn eth_get_balance(&self, address: Address, block: Option<BlockId>) -> Result<U256, Failure> {
        self.at(block, |state| Ok(state.account(address)?.map_or(U256::ZERO, |account| account.balance)))
    }

    async fn eth_get_transaction_count(&self, address: Address, block: Option<BlockId>) -> Result<U64, Failure> {
        if matches!(block, Some(BlockId::Number(BlockNumberOrTag::Pending))) {
            return Ok(U64::from(self.chain.pending_nonce(address).map_err(internal)?));
        }
        self.at(block, |state| Ok(U64::from(state.account(address)?.map_or(0, |account| account.nonce))))
    }

    async fn eth_get_code(&self, address: Address, block: Option<BlockId>) -> Result<Bytes, Failure> {
        self.at(block, |state| match state.account(address)? {
            Some(account) => state.code(account.code_hash),
            None => Ok(Bytes::new()),
        })
    }

    async fn eth_get_storage_at(&self, address: Address, slot: U256, block: Option<BlockId>) -> Result<B256, Failure> {
        self.at(block, |state| Ok(B256::new(state.storage(address, slot)?.to_be_bytes())))
    }

    async fn eth_get_proof(
        &self,
        address: Address,
        slots: Vec<U256>,
        block: Option<BlockId>,
    ) -> Result<EIP1186AccountProofResponse, Failure> {
        at_most("slots", slots.len(), PROOF_SLOTS_MAX)?;
        let tip = self.chain.tip().height.0;
        let height = self.existing(block)?;
        self.blocking(move |api| {
            let view = api.chain.view().map_err(internal)?;
            if view.at(height).is_none() {
                return Err(too_old(height, tip));
            }
            let proof = tree::prove(&view, height, address, &slots).map_err(internal)?;
            let account = match &proof.account.value {
                Some(bytes) => bitdust_ledger::state::Account::from_bytes(bytes).map_err(internal)?,
                None => Default::default(),
            };
            let storage_proof = slots.iter().zip(proof.slots).map(|(slot, proof)| EIP1186StorageProof {
                key: (*slot).into(),
                value: proof.value.map_or(U256::ZERO, |bytes| U256::from_be_slice(&bytes)),
                proof: vec![proof.path.into()],
            });
            Ok(EIP1186AccountProofResponse {
                address,
                balance: account.balance,
                code_hash: account.code_hash,
                nonce: account.nonce,
                // Storage is in the same tree as accounts, so there is no root of its own.
                storage_hash: B256::ZERO,
                account_proof: vec![proof.account.path.into()],
                storage_proof: storage_proof.collect(),
            })
        })
        .await
    }

    async fn eth_call(
        &self,
        request: TransactionRequest,
        block: Option<BlockId>,
        overrides: Option<StateOverride>,
    ) -> Result<Bytes, Failure> {
        self.only_now(block, overrides)?;
        let call = call_of(request);
        self.blocking(move |api| {
            let outcome = api.chain.call(&call).map_err(refused)?;
            if outcome.success { Ok(outcome.output) } else { Err(reverted(call.to, &outcome)) }
        })
        .await
    }

    async fn eth_estimate_gas(
        &self,
        request: TransactionRequest,
        block: Option<BlockId>,
        overrides: Option<StateOverride>,
    ) -> Result<U64, Failure> {
        self.only_now(block, overrides)?;
        let call = call_of(request);
        self.blocking(move |api| {
            api.chain
                .estimate_gas(&call)
                .map_err(refused)?
                .map(U64::from)
                .map_err(|outcome| reverted(call.to, &outcome))
        })
        .await
    }

    async fn eth_gas_price(&self) -> Result<U256, Failure> {
        let base_fee = self.chain.next_base_fee(&self.chain.tip().header);
        Ok(U256::from(base_fee) + U256::from(SUGGESTED_TIP))
    }

    async fn eth_max_priority_fee_per_gas(&self) -> Result<U256, Failure> {
        Ok(U256::from(SUGGESTED_TIP))
    }

    async fn eth_fee_history(
        &self,
        block_count: U64,
        newest: BlockNumberOrTag,
        percentiles: Option<Vec<f64>>,
    ) -> Result<FeeHistory, Failure> {
        check_percentiles(percentiles.as_deref().unwrap_or_default())?;
        let newest = self.height(newest).min(self.chain.tip().height.0);
        let count = block_count.to::<u64>().clamp(1, FEE_HISTORY_MAX).min(newest + 1);
        self.blocking(move |api| api.fee_history(newest, count, percentiles.map(|wanted| wanted.len()))).await
    }

    async fn eth_send_raw_transaction(&self, transaction: Bytes) -> Result<B256, Failure> {
        self.ingress.submit_transaction(transaction.0).await.map_err(|error| match error {
            LedgerError::Invalid(reason) => Failure::new(Code::Rejected, reason.to_string(), "nothing was sent"),
            other => internal(other),
        })
    }

    async fn eth_get_transaction_by_hash(&self, hash: B256) -> Result<Option<Transaction>, Failure> {
        if let Some(waiting) = self.chain.pooled(&hash) {
            return Ok(Some(json::transaction(waiting.envelope().clone(), waiting.sender(), None)));
        }
        self.blocking(move |api| {
            let Some((place, receipt)) = api.chain.store().receipt(hash).map_err(internal)? else { return Ok(None) };
            if receipt.kind == ReceiptKind::System {
                return Ok(None);
            }
            let Some(block) = api.chain.store().block(place.height).map_err(internal)? else { return Ok(None) };
            let envelope = block.txs.get(receipt.index as usize).map(decoded).transpose()?;
            let facts = facts(&block);
            let index = u64::from(receipt.index);
            Ok(envelope.map(|envelope| json::transaction(envelope, receipt.from, Some((&facts, index)))))
        })
        .await
    }

    async fn eth_get_transaction_receipt(&self, hash: B256) -> Result<Option<TransactionReceipt>, Failure> {
        self.blocking(move |api| {
            let Some(place) = api.chain.store().locate(hash).map_err(internal)? else { return Ok(None) };
            let Some((block, receipts)) = api.block_with_receipts(place.height)? else { return Ok(None) };
            let Some((before, [receipt, ..])) = receipts.split_at_checked(place.receipt as usize) else {
                return Ok(None);
            };
            let logs_before = before.iter().map(|earlier| earlier.logs.len() as u64).sum();
            Ok(receipt_json(&block, &facts(&block), receipt, logs_before))
        })
        .await
    }

    async fn eth_get_logs(&self, filter: Filter) -> Result<Vec<Log>, Failure> {
        check_filter(&filter)?;
        let wanted = self.log_filter(&filter)?;
        self.blocking(move |api| {
            let found = api.chain.store().logs(&wanted).map_err(|error| match error {
                LogsError::Invalid(reason) => Failure::params(reason.to_string(), "ask for fewer blocks at once"),
                LogsError::Store(error) => internal(error),
            })?;
            let mut blocks: HashMap<u64, BlockFacts> = HashMap::new();
            let mut logs = Vec::with_capacity(found.len());
            for log in found {
                let facts = match blocks.entry(log.height) {
                    Entry::Occupied(known) => known.into_mut(),
                    Entry::Vacant(unknown) => {
                        let Some(block) = api.chain.store().block(log.height).map_err(internal)? else { continue };
                        unknown.insert(facts(&block))
                    }
                };
                let (place, index) = (u64::from(log.receipt), u64::from(log.log_index));
                logs.push(json::log(facts, log.tx_hash, place, index, log.log));
            }
            Ok(logs)
        })
        .await
    }
}

impl Api {
    /// The height that a number or tag means. Final is what is newest.
    fn height(&self, number: BlockNumberOrTag) -> u64 {
        match number {
            BlockNumberOrTag::Number(height) => height,
            BlockNumberOrTag::Earliest => 0,
            _ => self.chain.tip().height.0,
        }
    }

    fn height_of(&self, block: BlockId) -> Result<Option<u64>, Failure> {
        let tip = self.chain.tip().height.0;
        match block {
            BlockId::Number(number) => Ok(Some(self.height(number)).filter(|height| *height <= tip)),
            BlockId::Hash(hash) => self.chain.store().height_of(hash.block_hash.into()).map_err(internal),
        }
    }

    /// The height of a block that must exist; the newest if none is named.
    fn existing(&self, block: Option<BlockId>) -> Result<u64, Failure> {
        let tip = self.chain.tip().height.0;
        let Some(block) = block else { return Ok(tip) };
        self.height_of(block)?
            .ok_or_else(|| Failure::not_found(format!("there is no block {block:?}"), format!("the newest is {tip}")))
    }

    /// Reads the state after a block.
    fn at<T>(
        &self,
        block: Option<BlockId>,
        read: impl FnOnce(&dyn StateReader) -> Result<T, StateError>,
    ) -> Result<T, Failure> {
        let view = self.chain.view().map_err(internal)?;
        let tip = view.tip().map_or(0, |tip| tip.height);
        let height = self.existing(block)?;
        if height >= tip {
            return read(&view).map_err(internal);
        }
        let past = view.at(height).ok_or_else(|| too_old(height, tip))?;
        read(&past).map_err(internal)
    }

    /// Calls run on the newest state, and on that as it is.
    fn only_now(&self, block: Option<BlockId>, overrides: Option<StateOverride>) -> Result<(), Failure> {
        let height = self.existing(block)?;
        if height != self.chain.tip().height.0 {
            return Err(Failure::params("calls run on the newest state only", "name the block 'latest'"));
        }
        if overrides.is_some_and(|overrides| !overrides.is_empty()) {
            return Err(Failure::params("state overrides are not supported", "leave the third parameter out"));
        }
        Ok(())
    }

    fn block_json(&self, height: u64, full: bool) -> Result<Option<Block>, Failure> {
        let Some(block) = self.chain.store().block(height).map_err(internal)? else { return Ok(None) };
        let senders = block.txs.iter().map(|raw| {
            let envelope = decoded(raw)?;
            let sender = envelope.recover_signer().map_err(internal)?;
            Ok((envelope, sender))
        });
        let transactions = senders.collect::<Result<Vec<_>, Failure>>()?;
        Ok(Some(json::block(&facts(&block), transactions, full)))
    }

    fn block_with_receipts(&self, height: u64) -> Result<Option<(LedgerBlock, Vec<Receipt>)>, Failure> {
        let store = self.chain.store();
        let block = store.block(height).map_err(internal)?;
        let receipts = store.receipts(height).map_err(internal)?;
        Ok(block.zip(receipts))
    }

    fn receipts_json(&self, height: u64) -> Result<Option<Vec<TransactionReceipt>>, Failure> {
        let Some((block, receipts)) = self.block_with_receipts(height)? else { return Ok(None) };
        // Looked at once: they take in all of the block's bytes.
        let facts = facts(&block);
        let mut logs_before = 0;
        let json = receipts.iter().filter_map(|receipt| {
            let first_log_index = logs_before;
            logs_before += receipt.logs.len() as u64;
            receipt_json(&block, &facts, receipt, first_log_index)
        });
        Ok(Some(json.collect()))
    }

    fn fee_history(&self, newest: u64, count: u64, percentiles: Option<usize>) -> Result<FeeHistory, Failure> {
        let oldest = newest + 1 - count;
        let mut history = FeeHistory { oldest_block: oldest, ..FeeHistory::default() };
        let mut last = None;
        for height in oldest..=newest {
            let Some(header) = self.chain.store().header(height).map_err(internal)? else { continue };
            history.base_fee_per_gas.push(u128::from(header.base_fee));
            history.gas_used_ratio.push(header.gas_used as f64 / header.gas_limit.max(1) as f64);
            last = Some(header);
        }
        if let Some(header) = last {
            history.base_fee_per_gas.push(u128::from(self.chain.next_base_fee(&header)));
        }
        // Blocks are rarely full, so the suggested tip gets into each of them.
        history.reward = percentiles.map(|wanted| vec![vec![u128::from(SUGGESTED_TIP); wanted]; count as usize]);
        Ok(history)
    }

    fn log_filter(&self, filter: &Filter) -> Result<LogFilter, Failure> {
        let (from, to) = match filter.block_option {
            FilterBlockOption::Range { from_block, to_block } => {
                let newest = BlockNumberOrTag::Latest;
                (self.height(from_block.unwrap_or(newest)), self.height(to_block.unwrap_or(newest)))
            }
            FilterBlockOption::AtBlockHash(hash) => {
                let height = self.chain.store().height_of(hash.into()).map_err(internal)?;
                let height = height.ok_or_else(|| Failure::not_found(format!("there is no block {hash}"), ""))?;
                (height, height)
            }
        };
        let mut topics: Vec<Vec<B256>> = filter.topics.iter().map(|topic| topic.iter().copied().collect()).collect();
        while topics.last().is_some_and(Vec::is_empty) {
            topics.pop();
        }
        Ok(LogFilter { from, to, addresses: filter.address.iter().copied().collect(), topics })
    }
}

fn facts(block: &LedgerBlock) -> BlockFacts {
    let header = &block.header;
    BlockFacts {
        height: header.height,
        id: block.id().into(),
        parent: header.parent.into(),
        timestamp_ms: header.timestamp_ms,
        proposer: header.proposer,
        reveal: header.reveal,
        state_root: header.state_root,
        tx_root: header.tx_root,
        receipts_root: header.receipts_root,
        logs_bloom: header.logs_bloom,
        gas_used: header.gas_used,
        gas_limit: header.gas_limit,
        base_fee: header.base_fee,
        bytes: block.encode().len() as u64,
    }
}

/// A receipt of a block, with the number of logs that come before its own. System transactions come first in a block;
/// their receipts look like those of legacy transactions without gas.
fn receipt_json(
    block: &LedgerBlock,
    facts: &BlockFacts,
    receipt: &Receipt,
    first_log_index: u64,
) -> Option<TransactionReceipt> {
    let tx_type = match receipt.kind {
        ReceiptKind::System => TxType::Legacy,
        ReceiptKind::Transaction => {
            let raw = block.txs.get(receipt.index as usize)?;
            TxType::try_from(raw.first().copied().filter(|byte| *byte < 0x80).unwrap_or(0)).ok()?
        }
    };
    let logs: Vec<InnerLog> = receipt.logs.clone();
    Some(json::receipt(
        facts,
        ReceiptFacts {
            tx_hash: receipt.tx_hash,
            tx_type,
            index: u64::from(receipt.index),
            from: receipt.from,
            to: receipt.to,
            contract_address: receipt.contract_address,
            success: receipt.success,
            gas_used: receipt.gas_used,
            cumulative_gas: receipt.cumulative_gas,
            effective_gas_price: receipt.effective_gas_price,
            logs,
            first_log_index,
        },
    ))
}

fn at_most(what: &str, count: usize, max: usize) -> Result<(), Failure> {
    if count <= max {
        return Ok(());
    }
    Err(Failure::params(format!("{count} {what} are asked for, at most {max} are answered"), "ask for fewer at once"))
}

/// Percentiles as go-ethereum demands them: each within 0 to 100 and above the one before it.
fn check_percentiles(percentiles: &[f64]) -> Result<(), Failure> {
    at_most("percentiles", percentiles.len(), FEE_PERCENTILES_MAX)?;
    if let Some(wrong) = percentiles.iter().find(|percentile| !(0.0..=100.0).contains(*percentile)) {
        return Err(Failure::params(format!("{wrong} is no percentile"), "name numbers from 0 to 100"));
    }
    if let Some(pair) = percentiles.windows(2).find(|pair| pair[0] >= pair[1]) {
        let what = format!("percentile {} comes before {}", pair[0], pair[1]);
        return Err(Failure::params(what, "name each once, in ascending order"));
    }
    Ok(())
}

fn check_filter(filter: &Filter) -> Result<(), Failure> {
    at_most("addresses", filter.address.iter().count(), FILTER_CHOICES_MAX)?;
    filter.topics.iter().try_for_each(|topic| at_most("topics of a position", topic.iter().count(), FILTER_CHOICES_MAX))
}

/// A transaction of a block, from its bytes there.
pub(super) fn decoded(raw: &Bytes) -> Result<TxEnvelope, Failure> {
    TxEnvelope::decode_2718(&mut raw.as_ref())
        .map_err(|error| Failure::internal(format!("stored transaction {} can't be decoded: {error}", keccak256(raw))))
}

fn call_of(request: TransactionRequest) -> Call {
    Call {
        from: request.from.unwrap_or_default(),
        to: request.to.and_then(|kind| match kind {
            TxKind::Call(to) => Some(to),
            TxKind::Create => None,
        }),
        value: request.value.unwrap_or_default(),
        data: request.input.into_input().unwrap_or_default(),
        gas: request.gas,
    }
}

fn reverted(to: Option<Address>, outcome: &CallOutcome) -> Failure {
    Failure::reverted(&outcome.output, why(to, outcome.halt.as_deref(), &outcome.output))
}

/// A call that can't even start: a sender without the coins, say.
fn refused(error: anyhow::Error) -> Failure {
    match error.downcast_ref::<LedgerError>() {
        Some(LedgerError::Invalid(reason)) => Failure::new(Code::Rejected, reason.to_string(), ""),
        _ => internal(error),
    }
}

fn too_old(height: u64, tip: u64) -> Failure {
    Failure::not_found(
        format!("the state after block {height} is not kept any more"),
        format!("ask for one of the last 255 blocks; the newest is {tip}"),
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    /// What a call is refused with; `None` if it is answered.
    fn refusal(checked: Result<(), Failure>) -> Option<String> {
        checked.err().map(|failure| failure.message)
    }

    #[test]
    fn a_fee_history_has_few_percentiles_in_order() {
        let check = |percentiles: &[f64]| refusal(check_percentiles(percentiles)).unwrap_or_default();
        let most: Vec<f64> = (0..FEE_PERCENTILES_MAX).map(|number| number as f64).collect();
        for good in [&[][..], &[0.0], &[0.0, 12.5, 100.0], &most] {
            assert_eq!(check(good), "");
        }
        // What filled the memory: a body of 2 MiB names half a million, and each was answered for 1024 blocks.
        assert!(check(&vec![1.0; 500_000]).contains("at most 100"));
        assert!(check(&[most.as_slice(), &[100.0]].concat()).contains("101 percentiles"));
        for (bad, why) in [
            (&[-0.1][..], "-0.1 is no percentile"),
            (&[50.0, 100.1], "100.1 is no percentile"),
            (&[f64::NAN], "NaN is no percentile"),
            (&[50.0, 20.0], "percentile 50 comes before 20"),
            (&[50.0, 50.0], "percentile 50 comes before 50"),
        ] {
            let said = check(bad);
            assert!(said.starts_with(why), "{bad:?}: {said}");
        }
    }

    #[test]
    fn a_filter_names_few_addresses_and_topics() {
        let hashes = |count: usize| (0..count).map(|number| B256::from(U256::from(number))).collect::<Vec<_>>();
        let addresses = |count: usize| (0..count).map(|n| Address::from_word(U256::from(n).into())).collect::<Vec<_>>();
        let most = FILTER_CHOICES_MAX;
        let good = Filter::new().address(addresses(most)).event_signature(hashes(most)).topic3(hashes(most));
        assert_eq!(refusal(check_filter(&good)), None);
        let cases = [
            (Filter::new().address(addresses(most + 1)), "1001 addresses"),
            (Filter::new().event_signature(hashes(most + 1)), "1001 topics"),
            (Filter::new().topic3(hashes(most + 1)), "1001 topics"),
        ];
        for (filter, why) in cases {
            let said = refusal(check_filter(&filter)).unwrap_or_default();
            assert!(said.starts_with(why), "{said}");
        }
    }

    #[test]
    fn a_bound_is_what_may_just_be_asked_for() {
        assert_eq!(refusal(at_most("slots", PROOF_SLOTS_MAX, PROOF_SLOTS_MAX)), None);
        let said = refusal(at_most("slots", PROOF_SLOTS_MAX + 1, PROOF_SLOTS_MAX)).unwrap_or_default();
        assert_eq!(said, "1025 slots are asked for, at most 1024 are answered; ask for fewer at once");
    }
}
