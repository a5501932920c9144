//! JSON of `storage_`: the customer's files.

use alloy_primitives::Address;
use bitdust_types::{Amount, DatasetId, Root, SlabId};
use serde::{Deserialize, Serialize};

/// Totals of what is kept.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct StorageStatus {
    /// Objects.
    pub objects: u64,
    /// Their bytes.
    pub bytes: u64,
    /// Bytes still paid for, but deleted.
    pub dead_bytes: u64,
    /// Datasets.
    pub datasets: u64,
    /// Bytes received from suppliers since the node started, proofs included.
    #[serde(default)]
    pub fetched_bytes: u64,
    /// Bytes sent to suppliers since the node started.
    #[serde(default)]
    pub sent_bytes: u64,
    /// Uploads under way.
    pub uploads: Vec<UploadStatus>,
    /// What needs attention.
    pub warnings: Vec<String>,
}

/// An upload under way.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct UploadStatus {
    /// Where to.
    pub path: String,
    /// Bytes of the object, if known.
    pub bytes: Option<u64>,
    /// Bytes of shards to send.
    pub shard_bytes: u64,
    /// Bytes of shards that suppliers have.
    pub sent_bytes: u64,
}

/// A page of objects.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Listing {
    /// In order of path.
    pub objects: Vec<ObjectInfo>,
    /// If there are more: pass this as `after`.
    pub next: Option<String>,
    /// What is not listed: datasets that can't be read now, and why.
    #[serde(default)]
    pub warnings: Vec<String>,
}

/// An object in a listing.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct ObjectInfo {
    /// Path without a leading slash.
    pub path: String,
    /// Bytes.
    pub bytes: u64,
    /// Time, in milliseconds since 1970, as its owner set it.
    pub modified_ms: u64,
    /// In which dataset.
    pub dataset: DatasetId,
    /// Since which revision.
    pub revision: u64,
    /// True if anyone may read it.
    pub public: bool,
}

/// An object with where its bytes are.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct ObjectStat {
    /// The object.
    pub object: ObjectInfo,
    /// Slots needed to read.
    pub k: u8,
    /// Slots in all.
    pub n: u8,
    /// Slots that are healthy.
    pub slots_held: u16,
    /// Slabs it lies in.
    pub slabs: Vec<SlabInfo>,
}

/// A slab.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct SlabInfo {
    /// Its id.
    pub slab: SlabId,
    /// Where the object's bytes begin in the slab.
    pub offset: u64,
    /// How many of them.
    pub bytes: u64,
    /// Bytes of each shard.
    pub shard_bytes: u64,
    /// Roots of the shards, by slot.
    pub roots: Vec<Root>,
}

/// What reading every shard showed.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct VerifyReport {
    /// Which object.
    pub path: String,
    /// True if it can be read and nothing is missing.
    pub healthy: bool,
    /// True if it can be read.
    pub readable: bool,
    /// Shards asked for.
    pub shards: u64,
    /// Shards that are right.
    pub good: u64,
    /// Those that are not.
    pub faults: Vec<ShardFault>,
    /// Bytes fetched for it.
    pub bytes_fetched: u64,
}

/// A shard that is missing or wrong.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct ShardFault {
    /// Slab.
    pub slab: SlabId,
    /// Slot.
    pub slot: u16,
    /// Who should hold it.
    pub supplier: Option<Address>,
    /// What is wrong.
    pub reason: String,
}

/// A dataset of this node.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct OwnDataset {
    /// Its id.
    pub id: DatasetId,
    /// Slots needed to read.
    pub k: u8,
    /// Slots in all.
    pub n: u8,
    /// True if anyone may read it.
    pub public: bool,
    /// Newest revision.
    pub revision: u64,
    /// Objects in it.
    pub objects: u64,
    /// Their bytes.
    pub bytes: u64,
    /// Bytes of each slot.
    pub slot_bytes: u64,
    /// Slots that are healthy.
    pub slots_held: u16,
    /// Grains in escrow and deposits.
    pub escrow: Amount,
    /// Last epoch that is paid for.
    pub end_epoch: u64,
    /// Why its files can't be read now; they are counted as none then.
    #[serde(default)]
    pub problem: Option<String>,
}

/// What the ledger and the suppliers know of this account's files: all that is left when everything but the phrase is lost.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct RestoreReport {
    /// The account that the datasets were looked up for.
    pub account: Address,
    /// The block at which they were.
    pub height: u64,
    /// The datasets that are in use.
    pub datasets: Vec<OwnDataset>,
    /// Objects that can be fetched, each path once.
    pub objects: u64,
    /// Their bytes.
    pub bytes: u64,
    /// What can't be read, or is over.
    pub warnings: Vec<String>,
}
