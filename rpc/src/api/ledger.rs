//! The ledger in its own terms: blocks with proofs and verdicts, certificates, epochs and their seeds.
//!
//! With `ledger_rawBlock` and `ledger_certificate` anyone can check a block without trusting the node that served it.

use alloy_primitives::Bytes;
use jsonrpsee::proc_macros::rpc;

use crate::{
    failure::Failure,
    types::ledger::{CertificateInfo, EpochInfo, LedgerStatus, NativeBlock, SeedInfo},
};

/// The namespace `ledger_`.
#[cfg_attr(not(feature = "client"), rpc(server, namespace = "ledger"))]
#[cfg_attr(not(feature = "server"), rpc(client, namespace = "ledger"))]
#[cfg_attr(all(feature = "client", feature = "server"), rpc(server, client, namespace = "ledger"))]
pub trait Ledger {
    /// Tip, epoch, validators and pool.
    #[method(name = "status")]
    async fn ledger_status(&self) -> Result<LedgerStatus, Failure>;

    /// A block with everything in it: header, transactions, proofs with their bytes and verdicts. `null` if there is none.
    #[method(name = "block")]
    async fn ledger_block(&self, height: u64) -> Result<Option<NativeBlock>, Failure>;

    /// A block's canonical bytes (borsh); the Keccak-256 of its header's bytes is its id.
    #[method(name = "rawBlock")]
    async fn ledger_raw_block(&self, height: u64) -> Result<Option<Bytes>, Failure>;

    /// The commit certificate of a block. `null` if it is not kept (any more).
    #[method(name = "certificate")]
    async fn ledger_certificate(&self, height: u64) -> Result<Option<CertificateInfo>, Failure>;

    /// The current epoch: its blocks, the proof window, and the seed as far as it is drawn.
    #[method(name = "epoch")]
    async fn ledger_epoch(&self) -> Result<EpochInfo, Failure>;

    /// An epoch's seed with the reveals it is made of, so that anyone can recompute it.
    #[method(name = "seed")]
    async fn ledger_seed(&self, epoch: u64) -> Result<SeedInfo, Failure>;
}
