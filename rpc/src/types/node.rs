//! JSON of `node_`: the process.

use alloy_primitives::{Address, B256};
use bitdust_types::{Amount, BlockId};
use serde::{Deserialize, Serialize};

/// What a node does.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub enum Role {
    /// Orders blocks.
    Validator,
    /// Keeps other people's bytes.
    Supplier,
    /// Keeps its own bytes with others.
    Customer,
    /// Follows the ledger and answers questions.
    Observer,
}

/// The node.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct NodeStatus {
    /// Its name, for people.
    pub name: String,
    /// Version of the program.
    pub version: String,
    /// `devnet`, `testnet` or `mainnet`.
    pub network: String,
    /// EIP-155 chain id.
    pub chain_id: u64,
    /// What it does.
    pub roles: Vec<Role>,
    /// Its coin account.
    pub address: Address,
    /// That account's balance.
    pub balance: Amount,
    /// libp2p peer id.
    pub peer_id: String,
    /// Where peers reach it.
    pub listen: Vec<String>,
    /// Newest block.
    pub height: u64,
    /// Its id.
    pub block_id: BlockId,
    /// True while it is behind.
    pub syncing: bool,
    /// Peers connected.
    pub peers: u64,
    /// Seconds since it started.
    pub uptime_s: u64,
    /// What needs attention.
    pub warnings: Vec<String>,
}

/// A peer.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct PeerInfo {
    /// libp2p peer id.
    pub peer_id: String,
    /// Where it is reached.
    pub address: String,
    /// True if it dialled us.
    pub inbound: bool,
    /// What it says it is.
    pub agent: Option<String>,
    /// Newest block it told of.
    pub height: Option<u64>,
}

/// Where the metrics are.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct MetricsInfo {
    /// URL for Prometheus; none if switched off.
    pub url: Option<String>,
}

/// Coins to send.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct SendRequest {
    /// To whom.
    pub to: Address,
    /// Grains.
    pub amount: Amount,
    /// True to answer only when it is in a block.
    #[serde(default)]
    pub wait: bool,
}

/// A transaction that the node sent.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Sent {
    /// Its hash.
    pub transaction: B256,
    /// Who sent it.
    pub from: Address,
    /// Its nonce.
    pub nonce: u64,
    /// The block it is in, if waited for.
    pub height: Option<u64>,
    /// Whether it succeeded, if waited for.
    pub success: Option<bool>,
    /// Gas paid, if waited for.
    pub gas_paid: Option<Amount>,
}
