//! JSON of `supplier_`: this node as a supplier.

use alloy_primitives::Address;
use bitdust_types::Amount;
use serde::{Deserialize, Serialize};

use super::market::SupplierInfo;

/// An offer to make. What is left out keeps its value or, the first time, takes the node's default. Without a last block the
/// node renews the offer until it is changed or withdrawn.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct RegisterRequest {
    /// Grains per GiB and epoch.
    #[serde(default)]
    pub price_per_gib_epoch: Option<Amount>,
    /// Grains per GiB sent out.
    #[serde(default)]
    pub egress_per_gib: Option<Amount>,
    /// Bytes offered.
    #[serde(default)]
    pub capacity_bytes: Option<u64>,
    /// Longest term.
    #[serde(default)]
    pub max_term_epochs: Option<u64>,
    /// Last block at which the offer holds.
    #[serde(default)]
    pub valid_until: Option<u64>,
    /// Region.
    #[serde(default)]
    pub region: Option<String>,
    /// Collateral to pay in.
    #[serde(default)]
    pub collateral: Option<Amount>,
}

/// This node's life as a supplier.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct SupplierStatus {
    /// Its account.
    pub address: Address,
    /// True once it has an offer on the ledger.
    pub registered: bool,
    /// What the ledger says.
    pub ledger: Option<SupplierInfo>,
    /// Bytes of shards on this disk.
    pub stored_bytes: u64,
    /// Bytes that the disk still has.
    pub free_bytes: u64,
    /// Balance of the account.
    pub balance: Amount,
    /// The last epoch for which a proof was sent.
    pub last_proof_epoch: Option<u64>,
    /// Samples in it that this disk could not answer; 0 if it was sent before the node's start.
    pub last_proof_misses: u16,
    /// What is wrong now and will cost money unless something is done.
    pub warnings: Vec<String>,
}
