//! A chain of one node that puts each transaction into a block of its own: balances, nonces, blocks, receipts.

use std::{collections::BTreeMap, sync::Mutex};

use alloy_consensus::{Transaction as _, TxEnvelope, transaction::SignerRecoverable};
use alloy_eips::eip2718::Decodable2718;
use alloy_primitives::{Address, B256, Bytes, U64, U256, address, keccak256};
use alloy_rpc_types_eth::{
    Block, BlockId, BlockNumberOrTag, EIP1186AccountProofResponse, FeeHistory, Filter, Log, SyncStatus, Transaction,
    TransactionReceipt, TransactionRequest, state::StateOverride,
};
use async_trait::async_trait;
use bitdust_rpc::{
    Code, Failure,
    api::EthServer,
    types::eth::{self, BlockFacts, ReceiptFacts},
};

/// The first account of the phrase `test test ... junk`.
pub const RICH: Address = address!("0xf39Fd6e51aad88F6F4ce6aB8827279cffFb92266");
const BASE_FEE: u64 = 1_000_000_000;

#[derive(Default)]
struct State {
    blocks: Vec<(BlockFacts, Vec<(TxEnvelope, Address)>)>,
    accounts: BTreeMap<Address, (u64, U256)>,
}

pub struct Chain(Mutex<State>);

impl Chain {
    pub fn new() -> Self {
        let mut state = State::default();
        state.accounts.insert(RICH, (0, U256::from(10).pow(U256::from(21))));
        state.seal(vec![]);
        Chain(Mutex::new(state))
    }

    fn account(&self, address: Address) -> (u64, U256) {
        self.0.lock().unwrap().accounts.get(&address).copied().unwrap_or_default()
    }

    fn block(&self, find: impl Fn(&BlockFacts) -> bool, full: bool) -> Option<Block> {
        let state = self.0.lock().unwrap();
        let (facts, transactions) = state.blocks.iter().find(|(facts, _)| find(facts))?;
        Some(eth::block(facts, transactions.clone(), full))
    }
}

impl State {
    fn seal(&mut self, transactions: Vec<(TxEnvelope, Address)>) {
        let height = self.blocks.len() as u64;
        self.blocks.push((
            BlockFacts {
                height,
                id: keccak256(height.to_be_bytes()),
                parent: height.checked_sub(1).map(|parent| keccak256(parent.to_be_bytes())).unwrap_or_default(),
                timestamp_ms: 1_700_000_000_123 + 1000 * height,
                proposer: Address::repeat_byte(9),
                gas_used: 21_000 * transactions.len() as u64,
                gas_limit: 30_000_000,
                base_fee: BASE_FEE,
                bytes: 600,
                ..BlockFacts::default()
            },
            transactions,
        ));
    }

    fn transfer(&mut self, tx: TxEnvelope) -> Result<B256, Failure> {
        let rejected = |what: &str| Err(Failure::new(Code::Rejected, what, "sign it anew"));
        let from =
            tx.recover_signer().map_err(|_| Failure::new(Code::Rejected, "the signature is bad", "sign it anew"))?;
        if tx.chain_id() != Some(45439) {
            return rejected("the transaction is for another chain than 45439");
        }
        let price = U256::from(tx.effective_gas_price(Some(BASE_FEE)));
        let (nonce, balance) = self.accounts.get(&from).copied().unwrap_or_default();
        if tx.nonce() != nonce {
            return rejected("the nonce is wrong");
        }
        let cost = price * U256::from(21_000) + tx.value();
        let Some(left) = balance.checked_sub(cost) else { return rejected("the balance is too small") };
        self.accounts.insert(from, (nonce + 1, left));
        self.accounts.entry(tx.to().unwrap_or_default()).or_default().1 += tx.value();
        let hash = *tx.tx_hash();
        self.seal(vec![(tx, from)]);
        Ok(hash)
    }
}

#[async_trait]
impl EthServer for Chain {
    async fn eth_chain_id(&self) -> Result<U64, Failure> {
        Ok(U64::from(45439))
    }

    async fn eth_block_number(&self) -> Result<U64, Failure> {
        Ok(U64::from(self.0.lock().unwrap().blocks.len() - 1))
    }

    async fn eth_syncing(&self) -> Result<SyncStatus, Failure> {
        Ok(SyncStatus::None)
    }

    async fn eth_accounts(&self) -> Result<Vec<Address>, Failure> {
        Ok(vec![])
    }

    async fn eth_get_block_by_number(&self, number: BlockNumberOrTag, full: bool) -> Result<Option<Block>, Failure> {
        let height = match number {
            BlockNumberOrTag::Number(height) => height,
            BlockNumberOrTag::Earliest => 0,
            _ => self.0.lock().unwrap().blocks.len() as u64 - 1,
        };
        Ok(self.block(|facts| facts.height == height, full))
    }

    async fn eth_get_block_by_hash(&self, hash: B256, full: bool) -> Result<Option<Block>, Failure> {
        Ok(self.block(|facts| facts.id == hash, full))
    }

    async fn eth_get_block_receipts(&self, _: BlockId) -> Result<Option<Vec<TransactionReceipt>>, Failure> {
        Ok(None)
    }

    async fn eth_get_balance(&self, address: Address, _: Option<BlockId>) -> Result<U256, Failure> {
        Ok(self.account(address).1)
    }

    async fn eth_get_transaction_count(&self, address: Address, _: Option<BlockId>) -> Result<U64, Failure> {
        Ok(U64::from(self.account(address).0))
    }

    async fn eth_get_code(&self, _: Address, _: Option<BlockId>) -> Result<Bytes, Failure> {
        Ok(Bytes::new())
    }

    async fn eth_get_storage_at(&self, _: Address, _: U256, _: Option<BlockId>) -> Result<B256, Failure> {
        Ok(B256::ZERO)
    }

    async fn eth_get_proof(
        &self,
        _: Address,
        _: Vec<U256>,
        _: Option<BlockId>,
    ) -> Result<EIP1186AccountProofResponse, Failure> {
        Err(Failure::new(Code::Unavailable, "this chain keeps no tree", "ask another node"))
    }

    async fn eth_call(
        &self,
        _: TransactionRequest,
        _: Option<BlockId>,
        _: Option<StateOverride>,
    ) -> Result<Bytes, Failure> {
        Err(Failure::reverted(&[0xde, 0xad, 0xbe, 0xef], "the escrow is short by 5 grains"))
    }

    async fn eth_estimate_gas(
        &self,
        _: TransactionRequest,
        _: Option<BlockId>,
        _: Option<StateOverride>,
    ) -> Result<U64, Failure> {
        Ok(U64::from(21_000))
    }

    async fn eth_gas_price(&self) -> Result<U256, Failure> {
        Ok(U256::from(2 * BASE_FEE))
    }

    async fn eth_max_priority_fee_per_gas(&self) -> Result<U256, Failure> {
        Ok(U256::from(1))
    }

    async fn eth_fee_history(
        &self,
        count: U64,
        _: BlockNumberOrTag,
        percentiles: Option<Vec<f64>>,
    ) -> Result<FeeHistory, Failure> {
        let count = count.to::<u64>().min(self.0.lock().unwrap().blocks.len() as u64) as usize;
        Ok(FeeHistory {
            base_fee_per_gas: vec![u128::from(BASE_FEE); count + 1],
            gas_used_ratio: vec![0.0; count],
            reward: percentiles.map(|asked| vec![vec![1; asked.len()]; count]),
            ..FeeHistory::default()
        })
    }

    async fn eth_send_raw_transaction(&self, transaction: Bytes) -> Result<B256, Failure> {
        let tx = TxEnvelope::decode_2718_exact(&transaction).map_err(|error| {
            Failure::params(format!("the bytes are no transaction: {error}"), "send EIP-2718 bytes")
        })?;
        self.0.lock().unwrap().transfer(tx)
    }

    async fn eth_get_transaction_by_hash(&self, hash: B256) -> Result<Option<Transaction>, Failure> {
        let state = self.0.lock().unwrap();
        let all =
            state.blocks.iter().flat_map(|(facts, all)| all.iter().zip(0..).map(move |(tx, index)| (facts, index, tx)));
        let mut found = all.filter(|(_, _, (tx, _))| *tx.tx_hash() == hash);
        Ok(found.next().map(|(facts, index, (tx, from))| eth::transaction(tx.clone(), *from, Some((facts, index)))))
    }

    async fn eth_get_transaction_receipt(&self, hash: B256) -> Result<Option<TransactionReceipt>, Failure> {
        let state = self.0.lock().unwrap();
        let found = state.blocks.iter().find(|(_, all)| all.first().is_some_and(|(tx, _)| *tx.tx_hash() == hash));
        Ok(found.map(|(facts, all)| {
            let (tx, from) = &all[0];
            let receipt = ReceiptFacts {
                tx_hash: hash,
                tx_type: tx.tx_type(),
                index: 0,
                from: *from,
                to: tx.to(),
                contract_address: None,
                success: true,
                gas_used: 21_000,
                cumulative_gas: 21_000,
                effective_gas_price: tx.effective_gas_price(Some(BASE_FEE)),
                logs: vec![],
                first_log_index: 0,
            };
            eth::receipt(facts, receipt)
        }))
    }

    async fn eth_get_logs(&self, _: Filter) -> Result<Vec<Log>, Failure> {
        Ok(vec![])
    }
}
