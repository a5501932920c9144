//! What the demo found, as one JSON object. Amounts are decimal strings of grains.

use bitdust_rpc::types::market::{DatasetInfo, SlotInfo};
use bitdust_types::{Address, Amount, B256, DatasetId};
use serde::Serialize;

use crate::devnet::NodeLine;

/// All figures of a demo.
#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Report {
    /// The network.
    pub nodes: Vec<NodeLine>,
    /// What was stored.
    pub objects: Vec<StoredObject>,
    /// The dataset's terms and escrow after the last put.
    pub dataset: DatasetInfo,
    /// Its slots.
    pub slots: Vec<SlotInfo>,
    /// The first proof of each supplier.
    pub proofs: Vec<FirstProof>,
    /// The settlement.
    pub settlement: Settlement,
    /// Suppliers that were stopped.
    pub stopped: Vec<String>,
    /// What came back without them.
    pub fetched: Vec<FetchedObject>,
    /// One small file of the tree, by itself.
    pub small_file: FetchedObject,
    /// Duration of the demo.
    pub seconds: f64,
}

/// A file or a tree in the store.
#[derive(Clone, Debug, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct StoredObject {
    /// Its name in the store.
    pub path: String,
    /// Files in it.
    pub files: u64,
    /// Bytes of them.
    pub bytes: u64,
    /// SHA-256 of the file; of a tree: of each file's path, length and bytes in order of the paths.
    pub sha256: String,
    /// Where it is.
    pub dataset: DatasetId,
    /// Since which revision.
    pub revision: u64,
    /// The block that made it final.
    pub height: u64,
    /// Bytes of shards that were sent.
    pub sent_bytes: u64,
    /// Slots that held it when it was acknowledged.
    pub held: u16,
    /// How long it took.
    pub seconds: f64,
}

/// A supplier's first proof.
#[derive(Clone, Debug, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct FirstProof {
    /// Who.
    pub supplier: Address,
    /// For which epoch.
    pub epoch: u64,
    /// In which block.
    pub height: u64,
    /// Samples answered.
    pub samples: u16,
    /// Samples failed.
    pub failed: u16,
}

/// A settlement of the whole dataset.
#[derive(Clone, Debug, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Settlement {
    /// The transaction.
    pub transaction: B256,
    /// Its block.
    pub height: u64,
    /// Gas that its sender paid.
    pub gas_paid: Amount,
    /// What each supplier got.
    pub suppliers: Vec<Earned>,
}

/// One supplier in a settlement.
#[derive(Clone, Debug, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Earned {
    /// Who.
    pub supplier: Address,
    /// Balance before the block.
    pub balance_before: Amount,
    /// Balance after the block.
    pub balance_after: Amount,
    /// Received for storage since the beginning, after the fee.
    pub earned: Amount,
    /// Fee on it.
    pub fee: Amount,
    /// Gas that the supplier paid since the beginning.
    pub gas: Amount,
}

/// Something that was fetched and compared.
#[derive(Clone, Debug, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct FetchedObject {
    /// Its name in the store.
    pub path: String,
    /// Its bytes.
    pub bytes: u64,
    /// SHA-256, as of [`StoredObject::sha256`]; equal, or the demo would have failed.
    pub sha256: String,
    /// Bytes received from suppliers for it.
    pub fetched_bytes: u64,
    /// How long it took.
    pub seconds: f64,
}
