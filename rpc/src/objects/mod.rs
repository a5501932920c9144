//! The bytes of objects over HTTP: what a server needs of the node, and the JSON both sides speak.
//!
//! ```text
//! PUT    /objects/{path}            store the body as one object; answers a PutReport once it is safe
//! PUT    /objects/{prefix}/         body application/x-tar: store every file in it in one batch
//! GET    /objects/{path}            the bytes; `Range: bytes=a-b` gives 206 with Content-Range, or 416
//! HEAD   /objects/{path}            the headers of GET
//! DELETE /objects/{path}            delete; answers a DeleteReport
//! GET and HEAD take ?revision=N     as of that revision of the object's dataset
//! GET and HEAD take ?dataset=0x..   from that dataset, which may be another owner's public one; the newest copy otherwise
//! PUT takes ?k=&n=&public=&epochs=  layout, visibility and term of the dataset, if one must be made for it
//! ```
//!
//! Bodies stream in both directions: nothing here holds more than a few hundred KiB of one. A `PUT` whose body ends too
//! early, or whose sender hangs up, stores nothing.

pub mod path;
pub mod range;

use std::pin::Pin;

use bitdust_types::{Amount, B256, DatasetId, Root};
use bytes::Bytes;
use futures::Stream;
use serde::{Deserialize, Serialize};

use crate::{failure::Failure, tar::read::Entries};

pub use path::ObjectPath;

/// Bytes that arrive piece by piece. After an `Err` nothing follows.
pub type ByteStream = Pin<Box<dyn Stream<Item = Result<Bytes, Failure>> + Send>>;

/// What the node does with objects. Every call may be dropped at any `await` when its caller hangs up.
#[async_trait::async_trait]
pub trait Objects: Send + Sync + 'static {
    /// Stores one object and answers once it is safe: its revision is final with enough slots held.
    async fn put(&self, request: PutRequest, body: ByteStream) -> Result<PutReport, Failure>;

    /// Stores every file of a batch under `request.path`, in one revision.
    async fn put_batch(&self, request: PutRequest, entries: Entries) -> Result<PutReport, Failure>;

    /// Finds an object and fixes the version that is to be read.
    async fn open(&self, path: &ObjectPath, at: At) -> Result<Box<dyn OpenObject>, Failure>;

    /// Deletes an object.
    async fn delete(&self, path: &ObjectPath) -> Result<DeleteReport, Failure>;
}

/// One version of an object, found and not yet read.
#[async_trait::async_trait]
pub trait OpenObject: Send + Sync {
    /// What is known of it.
    fn meta(&self) -> &ObjectMeta;

    /// Its bytes from `start` to before `end`; the server has checked that they lie within the object.
    async fn read(self: Box<Self>, start: u64, end: u64) -> Result<ByteStream, Failure>;
}

/// Where an object's bytes are to go.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct PutRequest {
    /// The object's path; of a batch, what stands before every entry's path (possibly empty).
    pub path: ObjectPath,
    /// Bytes to come, if the sender said.
    pub bytes: Option<u64>,
    /// Terms for a dataset that has to be made for it.
    pub terms: Terms,
}

/// Terms of a dataset. What is left out is the node's default.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct Terms {
    /// Slots needed to read.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub k: Option<u8>,
    /// Slots in all.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub n: Option<u8>,
    /// True if anyone may read.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub public: Option<bool>,
    /// Epochs to pay for.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub epochs: Option<u64>,
}

/// Which version of an object, and whose.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct At {
    /// As of this revision; the newest if left out.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub revision: Option<u64>,
    /// In this dataset; the newest copy in any of this node's if left out.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub dataset: Option<DatasetId>,
}

/// What is known of an object before it is read.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ObjectMeta {
    /// Its path.
    pub path: ObjectPath,
    /// Its bytes.
    pub bytes: u64,
    /// Milliseconds since 1970, as its owner set it.
    pub modified_ms: u64,
    /// In which dataset.
    pub dataset: DatasetId,
    /// Since which revision of it.
    pub revision: u64,
    /// True if anyone may read it; otherwise the token is needed.
    pub public: bool,
    /// Changes whenever the bytes do: visible ASCII without quotes. Becomes the ETag.
    pub tag: String,
}

/// What a `PUT` did.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct PutReport {
    /// Into which dataset.
    pub dataset: DatasetId,
    /// The revision that holds it, final on the ledger.
    pub revision: u64,
    /// The newest manifest's hash.
    pub head: Root,
    /// Objects stored.
    pub objects: u64,
    /// Their bytes.
    pub bytes: u64,
    /// Bytes that went to suppliers, manifests included. Shards that they already held are not sent again.
    pub bytes_sent: u64,
    /// Slots needed to read.
    pub k: u8,
    /// Slots in all.
    pub n: u8,
    /// Slots that hold the revision.
    pub held: u16,
    /// The transaction that made it final.
    pub transaction: B256,
    /// The block it is in.
    pub height: u64,
    /// What was taken from the account for it, gas apart.
    pub paid: Amount,
    /// Entries of a batch that are not files and were left out, at most 100 of them.
    #[serde(default)]
    pub skipped: Vec<Skipped>,
}

/// An entry of a batch that was left out.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Skipped {
    /// Its path.
    pub path: String,
    /// Why.
    pub reason: String,
}

/// What a deletion did.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct DeleteReport {
    /// Which object.
    pub path: String,
    /// In which dataset its newest copy was.
    pub dataset: DatasetId,
    /// The revision that no longer names it, final on the ledger.
    pub revision: u64,
    /// Bytes of all its copies, paid for until the packs they lie in are rewritten.
    pub dead_bytes: u64,
    /// The transaction that made it final.
    pub transaction: B256,
    /// Copies that were removed: an object that was put with several layouts has one in several datasets.
    #[serde(default)]
    pub copies: u64,
    /// Datasets that can't be read now and may have an older copy.
    #[serde(default)]
    pub warnings: Vec<String>,
}
