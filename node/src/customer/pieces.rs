//! A part of one shard from the supplier that holds it, held against the shard's root as it arrives; and parts of several
//! put together.
//!
//! Who is asked, and when somebody else is asked too, others decide: [`super::reading`] for files and ranges by itself,
//! [`super::ranges`] for callers that have a plan of their own.

use std::{
    ops::Range,
    sync::Arc,
    time::{Duration, Instant},
};

use anyhow::{Context as _, Result};
use bitdust_market::{
    codec::{ReadPlan, SealedSlab, VerifiedPiece},
    manifest::{Manifest, SlabEntry},
};
use bitdust_types::Root;
use bytes::Bytes;
use tokio::{runtime::Handle, task::AbortHandle, time::sleep};

use super::{
    Dataset, Shared,
    remote::{Remote, RemoteError, SupplierRef},
};

/// Bytes of an answer that is worth being waited for although nobody needs it any more: a chunk's range, at most.
const SHORT_BYTES_MAX: u64 = 64 << 10;
/// How long it is waited for then.
const AFTERLIFE: Duration = Duration::from_secs(2);

/// A slot's answer: the verified piece and its size on the wire.
pub(super) type Answer = (u8, Instant, Result<(VerifiedPiece, u64), RemoteError>);

/// The shards of one dataset, as one of its manifests lists them.
pub(super) struct Pieces {
    pub shared: Arc<Shared>,
    pub dataset: Arc<Dataset>,
    pub manifest: Arc<Manifest>,
}

impl Pieces {
    /// Bytes `range` of the shard of a slot.
    pub async fn piece(&self, entry: &SlabEntry, slot: u8, range: Range<u64>) -> Answer {
        let begun = Instant::now();
        let question = Question {
            slot: slot.into(),
            root: entry.roots.get(usize::from(slot)).copied().unwrap_or_default(),
            len: entry.shard_bytes(),
            range: range.clone(),
        };
        let is_short = range.end.saturating_sub(range.start) <= SHORT_BYTES_MAX;
        let asking = question.ask(self.shared.clone(), self.dataset.clone());
        let asked = if is_short { outlive(asking).await } else { asking.await };
        let got = asked.and_then(|(bao, supplier)| {
            let size = bao.len() as u64;
            self.verify(entry, slot.into(), &range, &bao, supplier).map(|piece| (piece, size))
        });
        (slot, begun, got)
    }

    /// The plain bytes that a plan is for, from pieces that are enough for them.
    pub async fn decode(&self, entry: &Arc<SlabEntry>, plan: ReadPlan, pieces: Vec<VerifiedPiece>) -> Result<Bytes> {
        let (entry, repair_root) = (entry.clone(), self.manifest.repair_root().clone());
        let decoded = tokio::task::spawn_blocking(move || {
            let (key, mask) = (entry.seal_key(), entry.mask_key(&repair_root)?);
            let slab = SealedSlab::new(entry.shape()?, entry.id, &key, &mask, &entry.roots)?;
            slab.read(&plan, &pieces).map(|(plain, _)| plain)
        });
        let plain = decoded.await.context("a worker stopped while a window was being decoded")??;
        Ok(plain.into())
    }

    fn verify(
        &self,
        entry: &SlabEntry,
        slot: u16,
        range: &Range<u64>,
        bao: &[u8],
        supplier: SupplierRef,
    ) -> Result<VerifiedPiece, RemoteError> {
        let fault = |reason: String| RemoteError::Fault { supplier: supplier.clone(), reason };
        let verified = entry.mask_key(self.manifest.repair_root()).and_then(|mask| {
            let (shape, key) = (entry.shape()?, entry.seal_key());
            let slab = SealedSlab::new(shape, entry.id, &key, &mask, &entry.roots)?;
            // A dataset has at most 64 slots.
            slab.masked().verify_piece(slot as u8, range.clone(), bao)
        });
        verified.map_err(|error| fault(error.to_string()))
    }
}

/// What a supplier is asked for.
struct Question {
    slot: u16,
    root: Root,
    /// Of the whole shard.
    len: u64,
    range: Range<u64>,
}

impl Question {
    /// The range as it is sent, with its hashes, and who sent it.
    async fn ask(self, shared: Arc<Shared>, dataset: Arc<Dataset>) -> Result<(Vec<u8>, SupplierRef), RemoteError> {
        let remote = dataset.lanes.take(&shared, self.slot).await?;
        match self.ask_one(&dataset, remote).await {
            // An idle stream may have died since it was used: once more on a fresh one.
            Err(error) if error.is_line() => {
                let fresh = dataset.lanes.reopen(&shared, self.slot).await?;
                self.ask_one(&dataset, fresh).await
            }
            other => other,
        }
    }

    async fn ask_one(&self, dataset: &Dataset, mut remote: Remote) -> Result<(Vec<u8>, SupplierRef), RemoteError> {
        let asked = remote.slice(self.root, self.len, self.range.start, self.range.end).await;
        let supplier = remote.supplier().clone();
        if asked.as_ref().err().is_none_or(RemoteError::is_usable_after) {
            dataset.lanes.give_back(self.slot, remote);
        }
        Ok((asked?, supplier))
    }
}

/// Lets a question go on for a while if whoever asked it goes away (somebody else was quicker, or the chunk is out of sight):
/// its answer is short, and a stream that is given back spares the next question three round trips.
async fn outlive<T: Send + 'static>(
    asking: impl Future<Output = Result<T, RemoteError>> + Send + 'static,
) -> Result<T, RemoteError> {
    struct EndLater(AbortHandle);
    impl Drop for EndLater {
        fn drop(&mut self) {
            if self.0.is_finished() {
                return;
            }
            let task = self.0.clone();
            match Handle::try_current() {
                Ok(runtime) => drop(runtime.spawn(async move {
                    sleep(AFTERLIFE).await;
                    task.abort();
                })),
                // The node is stopping.
                Err(_) => task.abort(),
            }
        }
    }
    let task = tokio::spawn(asking);
    let _guard = EndLater(task.abort_handle());
    task.await.unwrap_or_else(|_| {
        let nobody = SupplierRef { account: Default::default(), peer: Vec::new() };
        Err(RemoteError::Line { supplier: nobody, reason: "the node is stopping".to_owned() })
    })
}
