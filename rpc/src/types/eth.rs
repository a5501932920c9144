//! How Ethereum's JSON is made from the ledger's facts, so that `cast` and wallets see what they expect.
//!
//! The block's hash is the ledger's block id, not the hash of an Ethereum header. `stateRoot` is the state after the
//! parent block. `mixHash` carries the proposer's beacon preimage. Difficulty, nonce and uncles are those of any
//! proof-of-stake block.

use alloy_consensus::{
    Eip658Value, Header as ConsensusHeader, Receipt, ReceiptEnvelope, ReceiptWithBloom, Transaction as _, TxEnvelope,
    TxType, constants::EMPTY_OMMER_ROOT_HASH, transaction::Recovered,
};
use alloy_primitives::{Address, B256, Bloom, Log as InnerLog, U256, logs_bloom};
use alloy_rpc_types_eth::{Block, BlockTransactions, Header, Log, Transaction, TransactionReceipt};

/// What is to be told about a block.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct BlockFacts {
    /// Height.
    pub height: u64,
    /// Block id.
    pub id: B256,
    /// Block id of the parent.
    pub parent: B256,
    /// Milliseconds since 1970. Ethereum tells whole seconds.
    pub timestamp_ms: u64,
    /// Who proposed it.
    pub proposer: Address,
    /// The proposer's beacon preimage.
    pub reveal: B256,
    /// State after the parent.
    pub state_root: B256,
    /// Root of the transactions.
    pub tx_root: B256,
    /// Root of the receipts.
    pub receipts_root: B256,
    /// Bloom filter of the logs.
    pub logs_bloom: Bloom,
    /// Gas used.
    pub gas_used: u64,
    /// Gas allowed.
    pub gas_limit: u64,
    /// Grains per gas.
    pub base_fee: u64,
    /// Bytes of its canonical form.
    pub bytes: u64,
}

impl BlockFacts {
    /// Seconds since 1970.
    pub fn timestamp_s(&self) -> u64 {
        self.timestamp_ms / 1000
    }
}

/// What is to be told about a transaction's receipt.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ReceiptFacts {
    /// Its transaction.
    pub tx_hash: B256,
    /// The transaction's type byte (EIP-2718); 0 for a legacy one.
    pub tx_type: TxType,
    /// Place in the block.
    pub index: u64,
    /// Who signed.
    pub from: Address,
    /// To whom; none when a contract was created.
    pub to: Option<Address>,
    /// The created contract.
    pub contract_address: Option<Address>,
    /// False if it was reverted.
    pub success: bool,
    /// Gas used.
    pub gas_used: u64,
    /// Gas used by this and all earlier transactions of the block.
    pub cumulative_gas: u64,
    /// Grains per gas that were paid.
    pub effective_gas_price: u128,
    /// What it logged.
    pub logs: Vec<InnerLog>,
    /// How many logs come before these in the block.
    pub first_log_index: u64,
}

/// A block for `eth_getBlockBy...`. `transactions` are all of the block's, in order, each with its sender.
pub fn block(facts: &BlockFacts, transactions: Vec<(TxEnvelope, Address)>, full: bool) -> Block {
    let header = ConsensusHeader {
        parent_hash: facts.parent,
        ommers_hash: EMPTY_OMMER_ROOT_HASH,
        beneficiary: facts.proposer,
        state_root: facts.state_root,
        transactions_root: facts.tx_root,
        receipts_root: facts.receipts_root,
        logs_bloom: facts.logs_bloom,
        number: facts.height,
        gas_limit: facts.gas_limit,
        gas_used: facts.gas_used,
        timestamp: facts.timestamp_s(),
        mix_hash: facts.reveal,
        base_fee_per_gas: Some(facts.base_fee),
        ..ConsensusHeader::default()
    };
    let transactions = if full {
        let placed = transactions.into_iter().zip(0..);
        BlockTransactions::Full(placed.map(|((tx, from), index)| transaction(tx, from, Some((facts, index)))).collect())
    } else {
        BlockTransactions::Hashes(transactions.iter().map(|(tx, _)| *tx.tx_hash()).collect())
    };
    let header = Header { hash: facts.id, inner: header, total_difficulty: None, size: Some(U256::from(facts.bytes)) };
    Block { header, uncles: Vec::new(), transactions, withdrawals: None }
}

/// A transaction, with its block and place in it, or without while it waits in the pool.
pub fn transaction(envelope: TxEnvelope, from: Address, place: Option<(&BlockFacts, u64)>) -> Transaction {
    // A legacy transaction pays its gas price, an EIP-1559 one the base fee and its tip; in the pool, at most its cap.
    let price = envelope.effective_gas_price(place.map(|(facts, _)| facts.base_fee));
    Transaction {
        effective_gas_price: Some(price),
        block_hash: place.map(|(facts, _)| facts.id),
        block_number: place.map(|(facts, _)| facts.height),
        transaction_index: place.map(|(_, index)| index),
        block_timestamp: place.map(|(facts, _)| facts.timestamp_s()),
        inner: Recovered::new_unchecked(envelope, from),
    }
}

/// A receipt for `eth_getTransactionReceipt`.
pub fn receipt(block: &BlockFacts, facts: ReceiptFacts) -> TransactionReceipt {
    let bloom = logs_bloom(facts.logs.iter());
    let place = |(log, index): (InnerLog, u64)| self::log(block, facts.tx_hash, facts.index, index, log);
    let logs: Vec<Log> = facts.logs.into_iter().zip(facts.first_log_index..).map(place).collect();
    let status = Eip658Value::Eip658(facts.success);
    let inner = ReceiptWithBloom {
        receipt: Receipt { status, cumulative_gas_used: facts.cumulative_gas, logs },
        logs_bloom: bloom,
    };
    TransactionReceipt {
        inner: match facts.tx_type {
            TxType::Legacy => ReceiptEnvelope::Legacy(inner),
            TxType::Eip2930 => ReceiptEnvelope::Eip2930(inner),
            TxType::Eip1559 => ReceiptEnvelope::Eip1559(inner),
            TxType::Eip4844 => ReceiptEnvelope::Eip4844(inner),
            TxType::Eip7702 => ReceiptEnvelope::Eip7702(inner),
        },
        transaction_hash: facts.tx_hash,
        transaction_index: Some(facts.index),
        block_hash: Some(block.id),
        block_number: Some(block.height),
        gas_used: facts.gas_used,
        effective_gas_price: facts.effective_gas_price,
        blob_gas_used: None,
        blob_gas_price: None,
        from: facts.from,
        to: facts.to,
        contract_address: facts.contract_address,
    }
}

/// A log with its place: transaction, the transaction's index, and the log's index within the block.
pub fn log(block: &BlockFacts, tx_hash: B256, tx_index: u64, log_index: u64, inner: InnerLog) -> Log {
    Log {
        inner,
        block_hash: Some(block.id),
        block_number: Some(block.height),
        block_timestamp: Some(block.timestamp_s()),
        transaction_hash: Some(tx_hash),
        transaction_index: Some(tx_index),
        log_index: Some(log_index),
        removed: false,
    }
}
