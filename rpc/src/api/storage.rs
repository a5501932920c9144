//! The customer's files. Their bytes go over HTTP (`PUT`, `GET /objects/...`), not through here.
//!
//! A path may have copies in several datasets; each call means the one that was put last, and `rm` all of them. A dataset that
//! can't be read now is left out, and the answer's warnings name it.

use jsonrpsee::proc_macros::rpc;

use crate::{
    failure::Failure,
    objects::DeleteReport,
    types::storage::{Listing, ObjectStat, OwnDataset, RestoreReport, StorageStatus, VerifyReport},
};

/// The namespace `storage_`.
#[cfg_attr(not(feature = "client"), rpc(server, namespace = "storage"))]
#[cfg_attr(not(feature = "server"), rpc(client, namespace = "storage"))]
#[cfg_attr(all(feature = "client", feature = "server"), rpc(server, client, namespace = "storage"))]
pub trait Storage {
    /// Counts of objects and bytes, uploads under way, warnings.
    #[method(name = "status")]
    async fn storage_status(&self) -> Result<StorageStatus, Failure>;

    /// Objects whose path begins with `prefix`, in order of path, after `after`, at most `limit` (1000 if not given).
    #[method(name = "ls")]
    async fn storage_ls(
        &self,
        prefix: Option<String>,
        after: Option<String>,
        limit: Option<u32>,
    ) -> Result<Listing, Failure>;

    /// One object with its slabs and the health of their slots.
    #[method(name = "stat")]
    async fn storage_stat(&self, path: String) -> Result<ObjectStat, Failure>;

    /// Deletes an object: a tombstone in the next revision of each dataset that has a copy.
    #[method(name = "rm")]
    async fn storage_rm(&self, path: String) -> Result<DeleteReport, Failure>;

    /// Reads every shard of an object from its supplier and names those that are missing or wrong.
    #[method(name = "verify")]
    async fn storage_verify(&self, path: String) -> Result<VerifyReport, Failure>;

    /// The datasets that this node keeps files in.
    #[method(name = "datasets")]
    async fn storage_datasets(&self) -> Result<Vec<OwnDataset>, Failure>;

    /// Looks all datasets of the account up on the ledger and reads their manifests from the suppliers. Needs nothing but what
    /// follows from the phrase.
    #[method(name = "restore")]
    async fn storage_restore(&self) -> Result<RestoreReport, Failure>;
}
