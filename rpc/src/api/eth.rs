//! Ethereum's calls (execution-apis), so that wallets and libraries work unchanged.
//!
//! Amounts are grains where Ethereum says wei. Deviations: `stateRoot` in a block is the state after the block's parent,
//! so `eth_getProof` at height h verifies against the header of h + 1; the proof's nodes are those of a Jellyfish Merkle
//! tree; final is what is latest, so the tags `latest`, `safe` and `finalized` mean the same block.

use alloy_primitives::{Address, B256, Bytes, U64, U256};
use alloy_rpc_types_eth::{
    Block, BlockId, BlockNumberOrTag, EIP1186AccountProofResponse, FeeHistory, Filter, Log, SyncStatus, Transaction,
    TransactionReceipt, TransactionRequest, state::StateOverride,
};
use jsonrpsee::proc_macros::rpc;

use crate::failure::Failure;

/// The namespace `eth_`.
#[cfg_attr(not(feature = "client"), rpc(server, namespace = "eth"))]
#[cfg_attr(not(feature = "server"), rpc(client, namespace = "eth"))]
#[cfg_attr(all(feature = "client", feature = "server"), rpc(server, client, namespace = "eth"))]
pub trait Eth {
    /// The EIP-155 chain id.
    #[method(name = "chainId")]
    async fn eth_chain_id(&self) -> Result<U64, Failure>;

    /// Height of the newest block, which is final.
    #[method(name = "blockNumber")]
    async fn eth_block_number(&self) -> Result<U64, Failure>;

    /// Progress of catching up, or false.
    #[method(name = "syncing")]
    async fn eth_syncing(&self) -> Result<SyncStatus, Failure>;

    /// Accounts this node would sign for without asking: always none; see `node_send`.
    #[method(name = "accounts")]
    async fn eth_accounts(&self) -> Result<Vec<Address>, Failure>;

    /// A block by height or tag, with whole transactions or their hashes. `null` if there is none.
    #[method(name = "getBlockByNumber")]
    async fn eth_get_block_by_number(&self, number: BlockNumberOrTag, full: bool) -> Result<Option<Block>, Failure>;

    /// A block by its id. `null` if there is none.
    #[method(name = "getBlockByHash")]
    async fn eth_get_block_by_hash(&self, hash: B256, full: bool) -> Result<Option<Block>, Failure>;

    /// The receipts of a block's transactions. `null` if there is no such block.
    #[method(name = "getBlockReceipts")]
    async fn eth_get_block_receipts(&self, block: BlockId) -> Result<Option<Vec<TransactionReceipt>>, Failure>;

    /// An account's balance in grains.
    #[method(name = "getBalance")]
    async fn eth_get_balance(&self, address: Address, block: Option<BlockId>) -> Result<U256, Failure>;

    /// An account's nonce; with `pending`, counting its transactions in the pool.
    #[method(name = "getTransactionCount")]
    async fn eth_get_transaction_count(&self, address: Address, block: Option<BlockId>) -> Result<U64, Failure>;

    /// An account's code.
    #[method(name = "getCode")]
    async fn eth_get_code(&self, address: Address, block: Option<BlockId>) -> Result<Bytes, Failure>;

    /// A word of an account's storage.
    #[method(name = "getStorageAt")]
    async fn eth_get_storage_at(&self, address: Address, slot: U256, block: Option<BlockId>) -> Result<B256, Failure>;

    /// An account and words of its storage with proofs (EIP-1186 in form; see the deviations above).
    #[method(name = "getProof")]
    async fn eth_get_proof(
        &self,
        address: Address,
        slots: Vec<U256>,
        block: Option<BlockId>,
    ) -> Result<EIP1186AccountProofResponse, Failure>;

    /// Runs a call on the state after a block and throws its changes away.
    #[method(name = "call")]
    async fn eth_call(
        &self,
        request: TransactionRequest,
        block: Option<BlockId>,
        overrides: Option<StateOverride>,
    ) -> Result<Bytes, Failure>;

    /// Gas that a transaction needs.
    #[method(name = "estimateGas")]
    async fn eth_estimate_gas(
        &self,
        request: TransactionRequest,
        block: Option<BlockId>,
        overrides: Option<StateOverride>,
    ) -> Result<U64, Failure>;

    /// What a legacy transaction should offer per gas, in grains.
    #[method(name = "gasPrice")]
    async fn eth_gas_price(&self) -> Result<U256, Failure>;

    /// What an EIP-1559 transaction should offer the proposer per gas, in grains.
    #[method(name = "maxPriorityFeePerGas")]
    async fn eth_max_priority_fee_per_gas(&self) -> Result<U256, Failure>;

    /// Base fees, use of gas, and tips at percentiles of the blocks up to `newest`.
    #[method(name = "feeHistory")]
    async fn eth_fee_history(
        &self,
        block_count: U64,
        newest: BlockNumberOrTag,
        percentiles: Option<Vec<f64>>,
    ) -> Result<FeeHistory, Failure>;

    /// Puts a signed transaction (EIP-2718 bytes) into the pool and passes it on. Answers its hash.
    #[method(name = "sendRawTransaction")]
    async fn eth_send_raw_transaction(&self, transaction: Bytes) -> Result<B256, Failure>;

    /// A transaction, in a block or still in the pool. `null` if unknown.
    #[method(name = "getTransactionByHash")]
    async fn eth_get_transaction_by_hash(&self, hash: B256) -> Result<Option<Transaction>, Failure>;

    /// A transaction's receipt. `null` until it is in a block.
    #[method(name = "getTransactionReceipt")]
    async fn eth_get_transaction_receipt(&self, hash: B256) -> Result<Option<TransactionReceipt>, Failure>;

    /// Logs that match a filter over a bounded range of blocks.
    #[method(name = "getLogs")]
    async fn eth_get_logs(&self, filter: Filter) -> Result<Vec<Log>, Failure>;
}
